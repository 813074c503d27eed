//! Plan, drive, judge, report.
//!
//! [`plan`] reads the plan, [`preflight`] asks whether the target is there, [`link`] talks to the
//! gate, [`drive`] performs steps and writes them down in the [`journal`], [`verdict`] judges, and
//! [`report`] writes what remains.

pub mod describe;
mod direct;
pub mod drive;
pub mod events;
pub mod finish;
pub mod journal;
pub mod link;
pub mod plan;
pub mod preflight;
pub mod report;
pub mod results;
pub mod run_dir;
pub mod stop;
pub mod turn;
pub mod verdict;
