//! What the tests stand on.

pub mod leftovers;
pub mod operator;
pub mod run;
pub mod shop;
