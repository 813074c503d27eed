//! What the tests stand on.

pub mod leftovers;
pub mod run;
pub mod shop;
