//! Everything that needs no cluster, in one binary.
#![cfg(test)]

mod page;
mod snapshot;

#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/pages.rs"]
mod pages;
#[path = "../support/walked.rs"]
mod walked;
