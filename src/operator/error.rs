//! What can go wrong while a run is brought one decision further, and what is done about it.

use std::time::Duration;

use super::memory::Ended;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or could not be reached.
    #[error("{doing}")]
    Api {
        /// What was being done.
        doing: &'static str,
        /// Its answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object of the API cannot be what it is.
    #[error("the {what} cannot be used: {why}")]
    Malformed {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// It took too long altogether.
    #[error("nothing came of it within {} s", .0.as_secs())]
    Timeout(Duration),
    /// It is of no use to go on.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl Error {
    /// For `map_err` at a request.
    pub(super) fn api(doing: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api { doing, source: Box::new(source) }
    }

    /// For metrics and logs: one of a fixed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Api { source, .. } => match code(source) {
                Some(409) => "conflict",
                Some(401 | 403) => "forbidden",
                Some(404) => "not_found",
                Some(410) => "gone",
                Some(400 | 422) => "invalid",
                Some(429) => "throttled",
                Some(_) => "server",
                None => "unreachable",
            },
            Self::Malformed { .. } => "malformed",
            Self::Timeout(_) => "timeout",
            Self::Ended(_) => "ended",
        }
    }

    /// How long to wait before it is tried again, after so many failures in a row. `chance` is a
    /// random number below 1: runs that failed together are not tried together.
    pub(super) fn wait(&self, failures: u32, chance: f64) -> Duration {
        let (first, most) = match self.reason() {
            // Somebody wrote first; the cache is about to show it.
            "conflict" => (FIRST_AFTER_CONFLICT, MOST),
            _ => (FIRST, MOST),
        };
        let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        // Between a half and the whole of it.
        doubled.min(most).mul_f64(0.5 + chance / 2.0)
    }
}

/// After a failure: a request that was lost has had time to arrive.
const FIRST: Duration = Duration::from_secs(1);
/// After a conflict: caches follow within milliseconds.
const FIRST_AFTER_CONFLICT: Duration = Duration::from_millis(50);
/// A minute is what a person waits before looking for another cause.
const MOST: Duration = Duration::from_mins(1);

/// The API server's own code; `None` if it gave no answer.
pub(super) fn code(error: &kube::Error) -> Option<u16> {
    if let kube::Error::Api(status) = error { Some(status.code) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_spread() {
        let error = Error::Timeout(Duration::from_mins(1));
        let wait = |failures, chance| error.wait(failures, chance).as_millis();
        assert_eq!((wait(1, 0.0), wait(1, 1.0)), (500, 1000));
        assert_eq!((wait(4, 0.0), wait(4, 1.0)), (4000, 8000));
        assert_eq!(wait(u32::MAX, 1.0), 60_000);
    }
}
