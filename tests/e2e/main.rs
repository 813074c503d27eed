//! What only a real cluster can show. Asked for by name, with a cluster of ours or anybody's:
//! `KUBECONFIG=… cargo test --test e2e`. What runs here makes a namespace of its own and removes it.
#![cfg(test)]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod api;
mod manifests;

#[path = "../support/cases.rs"]
mod cases;
