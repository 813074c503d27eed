//! When a worker may ask (pure): never while the main loop waits, not before a pause is over, and
//! within a tenth of the run's tokens.

use std::time::Duration;

/// Workers that ask at the same time.
const WORKERS: usize = 3;
/// Attempts for a page, as for every turn of a model.
pub(super) const ATTEMPTS: u32 = 6;
/// Longest wait of our own between two of them.
const LONGEST: Duration = Duration::from_secs(16);

/// What a worker may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// Ask.
    Ask,
    /// Nothing before somebody is done, or the main loop no longer waits.
    Wait,
    /// Nothing before this time.
    WaitUntil(Duration),
    /// Never ask this: it does not fit into the budget.
    Never,
}

/// How discovery stands. Times are since any fixed moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    pub(super) main_waits: bool,
    paused_until: Duration,
    asking: usize,
    /// A tenth of the run's budget.
    most: Option<u64>,
    spent: u64,
    /// What those under way may use.
    reserved: u64,
}

impl Pace {
    /// For a run with this token budget.
    pub(super) fn new(max_tokens: Option<u64>) -> Self {
        Self { most: max_tokens.map(|most| most / 10), ..Self::default() }
    }

    /// What a worker with a request of `tokens` may do at `now`.
    pub(super) fn may(&self, tokens: u64, now: Duration) -> May {
        let left = |used: u64| self.most.is_none_or(|most| used.saturating_add(tokens) <= most);
        if !left(self.spent) {
            May::Never
        } else if self.main_waits || self.asking >= WORKERS || !left(self.spent + self.reserved) {
            May::Wait
        } else if now < self.paused_until {
            May::WaitUntil(self.paused_until)
        } else {
            May::Ask
        }
    }

    /// A request that may use so much is sent.
    pub(super) fn began(&mut self, tokens: u64) {
        self.asking += 1;
        self.reserved += tokens;
    }

    /// It is over.
    pub(super) fn ended(&mut self, tokens: u64) {
        self.asking = self.asking.saturating_sub(1);
        self.reserved = self.reserved.saturating_sub(tokens);
    }

    /// It has used this.
    pub(super) fn spend(&mut self, tokens: u64) {
        self.spent = self.spent.saturating_add(tokens);
    }

    /// Nothing is sent for a while. The longest pause holds.
    pub(super) fn pause(&mut self, now: Duration, wait: Duration) {
        self.paused_until = self.paused_until.max(now + wait);
    }
}

/// How long to wait after the `failed`th attempt, of which a first one would be repeated after `wait`.
/// `None`: no more.
pub(super) fn again(failed: u32, wait: Duration) -> Option<Duration> {
    let doubled =
        Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(failed.saturating_sub(2)));
    let own = if failed > 1 { doubled.min(LONGEST) } else { Duration::ZERO };
    (failed < ATTEMPTS).then(|| wait.max(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn three_ask_at_a_time() {
        let mut pace = Pace::new(None);
        for _ in 0..3 {
            assert_eq!(pace.may(10, NOW), May::Ask);
            pace.began(10);
        }
        assert_eq!(pace.may(10, NOW), May::Wait);
        pace.ended(10);
        assert_eq!(pace.may(10, NOW), May::Ask);
    }

    #[test]
    fn nobody_asks_while_the_main_loop_waits_or_a_pause_lasts() {
        let mut pace = Pace::new(None);
        pace.main_waits = true;
        assert_eq!(pace.may(10, NOW), May::Wait);
        pace.main_waits = false;
        pace.pause(NOW, Duration::from_secs(5));
        pace.pause(NOW, Duration::from_secs(1));
        assert_eq!(pace.may(10, NOW), May::WaitUntil(Duration::from_secs(105)));
        assert_eq!(pace.may(10, Duration::from_secs(105)), May::Ask);
    }

    #[test]
    fn a_tenth_of_the_budget_is_not_exceeded() {
        let mut pace = Pace::new(Some(1000));
        assert_eq!(pace.may(101, NOW), May::Never);
        assert_eq!(pace.may(60, NOW), May::Ask);
        pace.began(60);
        assert_eq!(pace.may(60, NOW), May::Wait, "until it is known what the first one uses");
        pace.spend(30);
        pace.ended(60);
        assert_eq!(pace.may(60, NOW), May::Ask);
        pace.spend(30);
        assert_eq!(pace.may(60, NOW), May::Never);
    }

    #[test]
    fn what_fails_is_repeated_ever_later_and_at_most_five_times() {
        let second = Duration::from_secs(1);
        let waits: Vec<_> = (1..=6).map(|failed| again(failed, second)).collect();
        assert_eq!(waits, [1, 1, 2, 4, 8, 0].map(|s| (s > 0).then(|| Duration::from_secs(s))));
        assert_eq!(again(5, Duration::from_secs(60)), Some(Duration::from_secs(60)));
    }
}
