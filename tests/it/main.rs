//! Everything that needs no cluster, in one binary.
#![cfg(test)]

mod snapshot;

#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/walked.rs"]
mod walked;
