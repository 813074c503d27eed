//! The only door of a run.

mod rfb;
