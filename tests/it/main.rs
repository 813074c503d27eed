//! Everything that needs no cluster, in one binary.
#![cfg(test)]

mod apps;
mod examples;
mod run;
mod page;
mod run;
mod snapshot;
mod source;
mod tidy;

#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/pages.rs"]
mod pages;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/walked.rs"]
mod walked;
mod browser;
