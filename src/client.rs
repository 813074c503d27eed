//! What a person's own machine does at a cluster: makes runs and follows them, holds handoffs, and
//! reaches a run's gate through the API server's port-forward.
//!
//! # Guarantees
//! - Everything happens with the person's own rights, and a right that is missing is named.
//! - The private half of a handoff's key, tickets and seats stay on this machine.
//! - Whatever is begun is followed by name *and* uid: an object that was deleted and made again under
//!   the same name is another one.

pub mod cluster;
mod error;
pub mod files;
pub mod follow;
pub mod gate;
pub mod handoffs;
mod keys;
pub mod relay;
pub mod renewal;
pub mod runs;
pub mod take;
pub mod vnc;
mod way;

pub use self::error::Error;
