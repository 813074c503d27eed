//! Time for tests that run under tokio's paused clock: wall clock and timers move together.

use std::time::Duration;

use handback::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that follows tokio's, paused or not.
#[derive(Clone, Debug)]
pub struct Ticking {
    start: Instant,
    base: Timestamp,
}

impl Ticking {
    /// It is Saturday, 21 November 2026, 16:40:00 UTC.
    pub fn start() -> Self {
        let base = "2026-11-21T16:40:00Z".parse().expect("a time");
        Self { start: Instant::now(), base }
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.base + SignedDuration::try_from(self.boot()).expect("no test lasts that long")
    }

    fn boot(&self) -> Duration {
        self.start.elapsed()
    }
}
