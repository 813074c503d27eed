//! Plan, drive, judge, report.

pub mod plan;
