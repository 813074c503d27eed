//! The only door of a run.

mod cdp;
mod range;
mod rfb;
mod seats;
mod wire;
