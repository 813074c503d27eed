//! How often and after how long a request is repeated (pure; agent.md 7.6). The only such layer: the
//! HTTP client repeats nothing by itself.

use std::time::Duration;

/// Longest wait that a provider can ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(1);

/// How much patience there is with a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Attempts of one turn.
    pub attempts: u32,
    /// All waits of one turn together. What the requests themselves take is not in it, or a provider
    /// that is silent for two minutes could not be asked twice.
    pub waits: Duration,
    /// The first wait at most; each further one is twice as long.
    pub first: Duration,
    /// How long nothing at all may come: before the first byte, and between any two.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            waits: Duration::from_secs(90),
            first: Duration::from_secs(1),
            silence: Duration::from_mins(2),
        }
    }
}

impl Patience {
    /// How long to wait before the next attempt, after `failed` of them and `waited` between them;
    /// `None`: no more. Of our own waits a random half is left out, so that runs that one outage
    /// stopped do not come back in step; `random` is any number.
    pub(super) fn wait(
        &self,
        failed: u32,
        waited: Duration,
        asked: Option<Duration>,
        random: u32,
    ) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let wait = asked.map_or_else(
            || {
                let doubled =
                    self.first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
                doubled / 2 + (doubled / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
            },
            |asked| asked.min(LONGEST_ASKED),
        );
        (waited + wait <= self.waits).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(failed: u32, waited: u64, asked: Option<u64>, random: u32) -> Option<u128> {
        let asked = asked.map(Duration::from_secs);
        let wait = Patience::default().wait(failed, Duration::from_secs(waited), asked, random);
        wait.map(|wait| wait.as_millis())
    }

    #[test]
    fn there_are_six_attempts_with_waits_of_up_to_sixteen_seconds() {
        let most: Vec<_> = (1..=6).map(|failed| wait(failed, 0, None, u32::MAX)).collect();
        let some = [1000, 2000, 4000, 8000, 16_000].map(Some);
        assert_eq!(most, [&some[..], &[None]].concat());
        let least: Vec<_> = (1..=5).map(|failed| wait(failed, 0, None, 0)).collect();
        assert_eq!(least, [500, 1000, 2000, 4000, 8000].map(Some));
    }

    #[test]
    fn what_a_provider_asks_for_is_granted_up_to_a_minute() {
        assert_eq!(wait(1, 0, Some(7), 9), Some(7000));
        assert_eq!(wait(1, 0, Some(3600), 9), Some(60_000));
        assert_eq!(wait(1, 0, Some(0), 9), Some(0));
        assert_eq!(wait(6, 0, Some(7), 9), None);
    }

    #[test]
    fn waits_end_at_ninety_seconds_together() {
        assert_eq!(wait(2, 60, Some(30), 0), Some(30_000));
        assert_eq!(wait(2, 60, Some(31), 0), None);
        assert_eq!(wait(5, 75, None, u32::MAX), None);
    }
}
