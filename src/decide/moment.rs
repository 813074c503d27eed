//! Time as decisions count it: whole milliseconds, which is what status stores.

use jiff::Timestamp;

use crate::manifest::time::Time;

/// A point on the wall clock, in milliseconds since 1970.
///
/// Wall clocks jump. Whoever compares moments says what a small jump does: it may move an end by as
/// much, and never more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// So many seconds later; earlier if negative. It stays at the ends of time.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Whole seconds from `earlier` until here, rounded down; 0 if that is later.
    pub fn since(self, earlier: Self) -> i64 {
        (self.0.saturating_sub(earlier.0) / 1000).max(0)
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at.as_millisecond())
    }
}

impl From<Time> for Moment {
    fn from(time: Time) -> Self {
        time.timestamp().into()
    }
}

impl From<Moment> for Timestamp {
    /// Times that no clock shows become the first and the last possible one.
    fn from(moment: Moment) -> Self {
        Self::from_millisecond(moment.0).unwrap_or(if moment.0 < 0 { Self::MIN } else { Self::MAX })
    }
}

impl From<Moment> for Time {
    fn from(moment: Moment) -> Self {
        Timestamp::from(moment).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_the_way_through_status() {
        for milliseconds in [0, 1, -1, 1_763_740_800_123] {
            assert_eq!(Moment::from(Time::from(Moment(milliseconds))), Moment(milliseconds));
        }
    }

    #[test]
    fn no_duration_leaves_the_ends_of_time() {
        assert_eq!(Moment(5).plus(i64::MAX), Moment(i64::MAX));
        assert_eq!(Timestamp::from(Moment(i64::MAX)), Timestamp::MAX);
        assert_eq!(Moment(1000).since(Moment(3999)), 0);
        assert_eq!(Moment(3999).since(Moment(1000)), 2);
    }
}
