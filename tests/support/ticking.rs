//! Time for tests that run under tokio's paused clock: wall clock and timers move together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use handback::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that follows tokio's, paused or not.
#[derive(Clone, Debug)]
pub struct Ticking {
    start: Instant,
    base: Timestamp,
    skew: Arc<AtomicI64>,
}

impl Ticking {
    /// It is Saturday, 21 November 2026, 16:40:00 UTC.
    pub fn start() -> Self {
        let base = "2026-11-21T16:40:00Z".parse().expect("a time");
        Self { start: Instant::now(), base, skew: Arc::default() }
    }

    /// Sets the wall clock forward, or back; timers stay as they are.
    pub fn jump(&self, seconds: i64) {
        self.skew.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.boot()).expect("no test lasts that long");
        self.base + passed + SignedDuration::from_secs(self.skew.load(Ordering::Relaxed))
    }

    fn boot(&self) -> Duration {
        self.start.elapsed()
    }
}
