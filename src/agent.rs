//! Plan, drive, judge, report.
//!
//! [`assignment`] is what there is to do, [`begin`] opens its journal, [`in_pod`] does it in a pod.
//! [`plan`] reads the plan, [`tools`] are what a model may call, [`http`] are the runner's own requests, [`link`] talks to the gate, [`drive`] performs steps and writes them down in
//! the [`journal`], [`verdict`] judges, and [`report`] writes what remains. [`discovery`] proposes what else could be tested.

pub mod assignment;
pub mod begin;
pub mod deed;
pub mod describe;
pub mod discovery;
pub mod downloads;
pub mod drive;
pub mod events;
pub mod finish;
pub mod http;
pub mod in_pod;
pub mod journal;
pub mod link;
pub mod picture;
pub mod plan;
pub mod report;
pub mod results;
pub mod run_dir;
pub mod stop;
pub mod talk;
pub mod tools;
pub mod turn;
pub mod verdict;
