//! Everything that needs no cluster, in one binary.
#![cfg(test)]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod agent;
mod api_server;
mod apps;
mod browser;
mod chart;
mod cli;
mod client;
mod discovery;
mod examples;
mod gate;
mod guided;
mod handoffs;
mod http;
mod mail;
mod manifest;
mod mcp;
mod model;
mod operator;
mod operator_process;
mod page;
mod pod;
mod proof;
mod release_pods;
mod run;
mod snapshot;
mod source;
mod targets;
mod tidy;
mod upload;

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/cases.rs"]
mod cases;
#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/dovecot.rs"]
mod dovecot;
#[path = "../support/driven.rs"]
mod driven;
#[path = "../support/lent.rs"]
mod lent;
#[path = "../support/mail_tm.rs"]
mod mail_tm;
#[path = "../support/pages.rs"]
mod pages;
#[path = "../support/signup.rs"]
mod signup;
#[path = "../support/stored_run.rs"]
mod stored_run;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/walked.rs"]
mod walked;
