//! How long to wait before the next try (pure).

use std::time::Duration;

/// Before try number `failed + 1`: twice as long each time, up to `longest`, of which a random half
/// is left out, so that the pods that one outage stopped do not come back in step.
pub(super) fn wait(first: Duration, longest: Duration, failed: u32, random: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
    let half = doubled.min(longest) / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failed: u32, random: u32, milliseconds: u64) {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(10));
        let expected = Duration::from_millis(milliseconds);
        assert_eq!(wait(first, longest, failed, random), expected, "{failed} {random}");
    }

    #[test]
    fn waits_double_up_to_the_longest_and_half_of_each_is_random() {
        check(1, 0, 100);
        check(1, u32::MAX, 200);
        check(2, u32::MAX, 400);
        check(5, 0, 1600);
        check(7, u32::MAX, 10_000);
        check(u32::MAX, u32::MAX, 10_000);
    }
}
