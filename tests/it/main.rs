//! Everything that needs no cluster, in one binary.
#![cfg(test)]

#[path = "../support/chromium.rs"]
mod chromium;
mod run;
mod source;
#[path = "../support/mod.rs"]
mod support;
mod tidy;
