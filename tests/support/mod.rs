//! What the tests stand on.

pub mod api_server;
pub mod conformance;
pub mod fleet;
pub mod leftovers;
pub mod mcp;
pub mod mirror;
pub mod model_server;
pub mod operator;
pub mod run;
pub mod scripted_handoffs;
pub mod shop;
pub mod ticking;
pub mod waiting;
