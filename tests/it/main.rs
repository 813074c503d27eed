//! Everything that needs no cluster, in one binary.
#![cfg(test)]

mod snapshot;

#[path = "../support/chromium.rs"]
mod chromium;
mod run;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/walked.rs"]
mod walked;
