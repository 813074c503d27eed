//! Decisions about one Handoff, one fact each.
