//! Time as an argument: the only file that asks the machine what time it is.

use std::{fmt::Debug, time::Duration};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// Wall-clock time, for display only: it jumps.
    fn now(&self) -> Timestamp;

    /// Time since boot, suspended time included; the same for all processes of a machine. Deadlines
    /// are kept on this one.
    fn boot(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn boot(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}
