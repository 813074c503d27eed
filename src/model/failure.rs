//! What one attempt failed by, and what that means (pure; agent.md 7.6). Decided by status and by the
//! provider's own codes, never by the words of a message.

use std::time::Duration;

use serde_json::Value;

use super::{reply::Broken, wire::Wire};
use crate::redact::cut;

/// Most characters of a provider's message that are shown.
const SHOWN: usize = 400;
/// What an error in mid-stream counts as: the provider had already said 200.
const OVERLOADED: u16 = 529;

/// A request that was answered with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// The HTTP status.
    pub(super) status: u16,
    /// The provider's word for the kind of error; empty if it gave none.
    pub(super) kind: String,
    /// A finer code, which OpenAI has.
    pub(super) code: String,
    /// The provider's sentence.
    pub(super) message: String,
    /// When to come back.
    pub(super) retry_after: Option<Duration>,
}

impl Rejection {
    /// Reads an answer. `header` looks one up by its lower-case name.
    pub(super) fn read<'h>(
        status: u16,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        let message = text("/error/message")
            .or_else(|| text("/error"))
            .or_else(|| text("/message"))
            .map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
        Self {
            status,
            kind: text("/error/type").unwrap_or_default().to_owned(),
            code: text("/error/code").unwrap_or_default().to_owned(),
            message: cut(&message, SHOWN),
            retry_after: retry_after(header),
        }
    }
}

/// How long an answer asks to wait: in milliseconds, in seconds, or until a time by the server's clock.
fn retry_after<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Option<Duration> {
    let seconds = |text: &str| {
        let seconds: f64 = text.trim().parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    if let Some(wait) = header("retry-after-ms").and_then(seconds) {
        return Some(wait / 1000);
    }
    let text = header("retry-after")?;
    let time = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok();
    seconds(text).or_else(|| {
        let wait = time(text)?.timestamp().duration_since(time(header("date")?)?.timestamp());
        Some(Duration::try_from(wait).unwrap_or_default())
    })
}

/// Why one attempt gave no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failed {
    /// No connection, or it was lost.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Silent(Duration),
    /// The stream is not a reply.
    #[error("{0}")]
    Broken(Broken),
    /// An answer with an error.
    #[error("HTTP {}{}: {}", .0.status, of_kind(.0), .0.message)]
    Rejected(Rejection),
    /// The window was full before the reply was.
    #[error("the context window is full")]
    Window,
}

fn of_kind(rejection: &Rejection) -> String {
    let Rejection { kind, code, .. } = rejection;
    let known = [code, kind].into_iter().find(|word| !word.is_empty());
    known.map(|word| format!(" {word}")).unwrap_or_default()
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may work later.
    Later {
        /// Its status, if there was an answer.
        status: Option<u16>,
        /// When.
        after: Option<Duration>,
    },
    /// The conversation is too long.
    Overflow,
    /// The key is not accepted (401), or not for this (403).
    Auth(u16),
    /// It would be refused again.
    Never,
}

impl Failed {
    /// What to do. `nearly_full`: by our estimate the request takes more than 80 % of the window.
    pub(super) fn fate(&self, wire: Wire, nearly_full: bool) -> Fate {
        const TOO_LONG: &str = "context_length_exceeded";
        match self {
            Self::Connection(_) | Self::Silent(_) => Fate::Later { status: None, after: None },
            Self::Broken(Broken::Error { kind, .. })
                if wire == Wire::OpenAi && kind == TOO_LONG =>
            {
                Fate::Overflow
            }
            Self::Broken(Broken::Error { .. }) => {
                Fate::Later { status: Some(OVERLOADED), after: None }
            }
            Self::Broken(Broken::Cut | Broken::Format(_) | Broken::Endless) => {
                Fate::Later { status: None, after: None }
            }
            Self::Window => Fate::Overflow,
            Self::Rejected(Rejection { status, kind, code, retry_after, .. }) => match status {
                401 | 403 => Fate::Auth(*status),
                413 => Fate::Overflow,
                400 if wire == Wire::OpenAi && code == TOO_LONG => Fate::Overflow,
                400 if wire == Wire::Anthropic
                    && kind == "invalid_request_error"
                    && nearly_full =>
                {
                    Fate::Overflow
                }
                408 | 409 | 429 | 500.. => {
                    Fate::Later { status: Some(*status), after: *retry_after }
                }
                _ => Fate::Never,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(status: u16, kind: &str, code: &str) -> Failed {
        let body = serde_json::json!({
            "error": {"type": kind, "code": code, "message": "prompt is too long: rate 529"},
        });
        Failed::Rejected(Rejection::read(status, |_| None, body.to_string().as_bytes()))
    }

    fn later(status: u16) -> Fate {
        Fate::Later { status: Some(status), after: None }
    }

    #[test]
    fn a_status_decides_what_becomes_of_a_request() {
        for status in [408, 409, 429, 500, 502, 503, 529] {
            assert_eq!(rejected(status, "", "").fate(Wire::OpenAi, true), later(status));
        }
        for status in [302, 400, 404, 405, 422] {
            assert_eq!(rejected(status, "x", "").fate(Wire::Anthropic, true), Fate::Never);
        }
        assert_eq!(rejected(401, "", "").fate(Wire::Anthropic, false), Fate::Auth(401));
        assert_eq!(rejected(403, "", "").fate(Wire::Anthropic, false), Fate::Auth(403));
    }

    #[test]
    fn too_long_is_known_by_codes_and_never_by_words() {
        let bad = "invalid_request_error";
        let fate = |status, code, wire, full| rejected(status, bad, code).fate(wire, full);
        assert_eq!(fate(400, "", Wire::Anthropic, true), Fate::Overflow);
        assert_eq!(fate(400, "", Wire::Anthropic, false), Fate::Never);
        assert_eq!(fate(413, "", Wire::Anthropic, false), Fate::Overflow);
        assert_eq!(fate(400, "context_length_exceeded", Wire::OpenAi, false), Fate::Overflow);
        assert_eq!(fate(400, "", Wire::OpenAi, true), Fate::Never);
        assert_eq!(Failed::Window.fate(Wire::Anthropic, false), Fate::Overflow);
    }

    #[test]
    fn an_error_inside_a_reply_counts_as_overloaded() {
        let error = |kind: &str| {
            Failed::Broken(Broken::Error { kind: kind.to_owned(), message: String::new() })
        };
        assert_eq!(error("overloaded_error").fate(Wire::Anthropic, false), later(529));
        assert_eq!(error("server_error").fate(Wire::OpenAi, false), later(529));
        assert_eq!(error("context_length_exceeded").fate(Wire::OpenAi, false), Fate::Overflow);
        let cut = Failed::Broken(Broken::Cut).fate(Wire::OpenAi, false);
        assert_eq!(cut, Fate::Later { status: None, after: None });
    }

    #[test]
    fn when_to_come_back_is_read_in_all_three_ways() {
        let read = |headers: &'static [(&str, &str)]| {
            let header = |name: &str| {
                headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            };
            Rejection::read(429, header, b"").retry_after.map(|wait| wait.as_millis())
        };
        assert_eq!(read(&[("retry-after", "7")]), Some(7000));
        assert_eq!(read(&[("retry-after-ms", "150"), ("retry-after", "7")]), Some(150));
        let date = ("date", "Sun, 22 Nov 2026 06:00:00 GMT");
        let until = ("retry-after", "Sun, 22 Nov 2026 06:00:30 GMT");
        let past = ("retry-after", "Sun, 22 Nov 2026 05:00:30 GMT");
        assert_eq!(read(Box::leak(Box::new([date, until]))), Some(30_000));
        assert_eq!(read(Box::leak(Box::new([date, past]))), Some(0));
        assert_eq!(read(Box::leak(Box::new([until]))), None);
        for nonsense in ["soon", "-3", "NaN", "1e99", ""] {
            assert_eq!(read(Box::leak(Box::new([("retry-after", nonsense)]))), None);
        }
    }

    #[test]
    fn a_rejection_says_what_the_provider_said() {
        let told = rejected(429, "rate_limit_error", "").to_string();
        assert_eq!(told, "HTTP 429 rate_limit_error: prompt is too long: rate 529");
        let html = Failed::Rejected(Rejection::read(502, |_| None, b"<html>Bad Gateway</html>"));
        assert_eq!(html.to_string(), "HTTP 502: <html>Bad Gateway</html>");
    }
}
