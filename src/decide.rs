//! Decisions, all of them pure: who holds the input, and since when.

pub mod lease;
