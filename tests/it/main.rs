//! Everything that needs no cluster, in one binary.
#![cfg(test)]
mod browser;
