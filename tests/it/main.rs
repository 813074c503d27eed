//! Everything that needs no cluster, in one binary.
#![cfg(test)]

#[path = "../support/chromium.rs"]
mod chromium;
mod gate;
mod run;
#[path = "../support/mod.rs"]
mod support;
