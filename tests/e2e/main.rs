//! What only a real cluster can show. Asked for by name, with a cluster of ours or anybody's:
//! `KUBECONFIG=… make test-e2e`. What runs here makes a namespace of its own and removes it.
#![cfg(test)]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod alone;
mod api;
mod audit;
mod crowd;
mod ending;
mod faults;
mod fleet;
mod fleet_rules;
mod hostile;
mod node;
mod place;
mod programs;
mod rights;
mod storage;
mod submit;
mod takeover;
mod verdicts;

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/cases.rs"]
#[expect(dead_code, reason = "a server does not ask what the operator makes of an object")]
mod cases;
#[path = "../support/versitygw.rs"]
mod versitygw;
