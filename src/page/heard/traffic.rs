//! What pages have asked the network for (pure). Never what was sent or answered.

use std::{collections::HashMap, fmt};

use serde::Serialize;

use super::{Kept, Listing, told};

/// Longest URL that is kept whole; a longer one loses its query, and then counts as too long.
const LONGEST_URL: usize = 8192;

/// A request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// `GET`, `POST`, …
    pub method: String,
    /// Its URL, as the reader may have it.
    pub url: String,
    /// HTTP status, if there was a response.
    pub status: Option<u16>,
    /// `document`, `script`, `xhr`, `fetch`, `image`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// How long it took, if it is over.
    pub ms: Option<u64>,
    /// Why there is no response, or only a part: `ERR_CONNECTION_REFUSED`, `cancelled`.
    pub error: Option<String>,
    /// The tab that it came from: `t1`.
    pub tab: String,
}

impl fmt::Display for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, status, kind, ms, error, tab: _ } = self;
        write!(out, "{method} {url} ")?;
        match (status, error) {
            (Some(status), None) => write!(out, "{status}")?,
            (Some(status), Some(error)) => write!(out, "{status} {error}")?,
            (None, Some(error)) => write!(out, "{error}")?,
            (None, None) => out.write_str("no answer yet")?,
        }
        write!(out, " {kind}")?;
        match ms {
            Some(ms) => write!(out, " {ms} ms"),
            None => Ok(()),
        }
    }
}

/// How a request has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of the answer is there.
    Whole,
    /// The page, or the browser for it, gave it up.
    Cancelled,
    /// The network or the browser failed it: `net::ERR_FAILED`.
    Failed(String),
}

#[derive(Debug)]
struct Entry {
    serial: u64,
    id: String,
    /// Seconds by the browser's clock.
    since: f64,
    failed: bool,
    over: bool,
    exchange: Exchange,
}

/// The requests of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    kept: Kept<Entry>,
    /// The latest request of each id, until it is over.
    open: HashMap<String, u64>,
    last: u64,
}

impl Traffic {
    /// A request starts, at this time of the browser's clock in seconds.
    pub(crate) fn start(&mut self, id: &str, since: f64, exchange: Exchange) {
        if !exchange.url.starts_with("http") || is_favicon(&exchange) {
            return;
        }
        self.last += 1;
        let exchange = Exchange {
            url: bounded(&exchange.url),
            kind: exchange.kind.to_lowercase(),
            ..exchange
        };
        let (bytes, serial) = (exchange.url.len(), self.last);
        let entry =
            Entry { serial, id: id.to_owned(), since, failed: false, over: false, exchange };
        self.open.insert(id.to_owned(), serial);
        for gone in self.kept.push(bytes, entry) {
            if self.open.get(&gone.id) == Some(&gone.serial) {
                self.open.remove(&gone.id);
            }
        }
    }

    /// There is a response. What has failed by it, if it has.
    pub(crate) fn answer(&mut self, id: &str, status: u16) -> Option<Exchange> {
        let entry = self.entry(id)?;
        entry.exchange.status = Some(status);
        let fails = status >= 400 && !entry.failed;
        entry.failed |= fails;
        fails.then(|| entry.exchange.clone())
    }

    /// It is over. What has failed by it, if it has.
    pub(crate) fn end(&mut self, id: &str, at: f64, outcome: Outcome) -> Option<Exchange> {
        let entry = self.entry(id)?;
        entry.over = true;
        entry.exchange.ms = Some(milliseconds(at - entry.since));
        let fails = matches!(outcome, Outcome::Failed(_)) && !entry.failed;
        entry.failed |= fails;
        entry.exchange.error = match outcome {
            Outcome::Whole => None,
            Outcome::Cancelled => Some("cancelled".to_owned()),
            Outcome::Failed(error) => {
                Some(error.strip_prefix("net::").map(str::to_owned).unwrap_or(error))
            }
        };
        let failed = fails.then(|| entry.exchange.clone());
        self.open.remove(id);
        failed
    }

    /// Another scenario begins: what is over was the last one's.
    pub(crate) fn forget(&mut self) {
        let under_way = std::mem::take(&mut self.kept.entries);
        self.kept = Kept::default();
        for (bytes, entry) in under_way.into_iter().filter(|(_, entry)| !entry.over) {
            self.kept.push(bytes, entry);
        }
    }

    /// All of them, or those that failed, as they came: [`Listing::told`] makes them fit to be told.
    pub(crate) fn list(&self, failed_only: bool) -> Listing<Exchange> {
        let wanted = self.kept.iter().filter(|entry| entry.failed || !failed_only);
        let wanted = wanted.map(|entry| entry.exchange.clone()).collect();
        Listing::newest(wanted, usize::MAX, self.kept.dropped)
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        let serial = *self.open.get(id)?;
        // Serials only rise, and nearly all that are open are among the latest.
        self.kept.entries.iter_mut().rev().map(|(_, entry)| entry).find(|one| one.serial == serial)
    }
}

impl Listing<Exchange> {
    /// The newest `limit` whose URL contains `filter`, whatever the case. URLs are told, and searched,
    /// through `url`.
    pub(crate) fn told(
        self,
        filter: Option<&str>,
        limit: usize,
        url: &dyn Fn(&str) -> String,
    ) -> Self {
        let filter = filter.map(str::to_lowercase);
        let told = self
            .entries
            .into_iter()
            .map(|exchange| Exchange { url: told(&exchange.url, url), ..exchange });
        let wanted = told.filter(|exchange| {
            filter.as_ref().is_none_or(|filter| exchange.url.to_lowercase().contains(filter))
        });
        Self::newest(wanted.collect(), limit, self.dropped)
    }
}

/// The browser asks for it on its own account, and no page is to blame if there is none.
fn is_favicon(exchange: &Exchange) -> bool {
    exchange.kind == "Other"
        && exchange.url.split(['?', '#']).next().is_some_and(|url| url.ends_with("/favicon.ico"))
}

fn bounded(url: &str) -> String {
    if url.len() <= LONGEST_URL {
        return url.to_owned();
    }
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    if bare.len() <= LONGEST_URL {
        return format!("{bare}?…");
    }
    // Not cut within a part, which may be a secret.
    let host = bare.split('/').take(3).collect::<Vec<_>>().join("/");
    format!("{}/…", if host.len() <= LONGEST_URL { host.as_str() } else { "http://…" })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, kind: &str) -> Exchange {
        Exchange {
            method: "GET".to_owned(),
            url: url.to_owned(),
            status: None,
            kind: kind.to_owned(),
            ms: None,
            error: None,
            tab: "t1".to_owned(),
        }
    }

    fn lines(traffic: &Traffic, filter: Option<&str>, failed_only: bool) -> Vec<String> {
        let bare = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
        let listing = traffic.list(failed_only).told(filter, 9, &bare);
        listing.entries.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn requests_are_told_with_status_type_and_time_and_what_failed_once() {
        let mut all = Traffic::default();
        all.start("1", 1.0, asked("http://x/a?token=1", "Document"));
        all.start("2", 1.0, asked("http://x/B", "XHR"));
        all.start("3", 1.0, asked("http://x/c", "Fetch"));
        all.start("4", 1.0, asked("http://x/d", "Image"));
        all.start("5", 1.0, asked("http://x/e", "Fetch"));
        assert_eq!(all.answer("1", 200), None);
        assert_eq!(all.end("1", 1.0349, Outcome::Whole), None);
        assert_eq!(all.answer("2", 500).unwrap().status, Some(500));
        assert_eq!(all.end("2", 2.0, Outcome::Failed("net::ERR_ABORTED".to_owned())), None);
        let failed = all.end("3", 2.0, Outcome::Failed("net::ERR_FAILED".to_owned())).unwrap();
        assert_eq!(failed.error.as_deref(), Some("ERR_FAILED"));
        assert_eq!(all.end("4", 1.5, Outcome::Cancelled), None);
        assert_eq!(all.end("4", 1.5, Outcome::Cancelled), None, "it is over");
        assert_eq!(
            lines(&all, None, false),
            [
                "GET http://x/a 200 document 35 ms",
                "GET http://x/B 500 ERR_ABORTED xhr 1000 ms",
                "GET http://x/c ERR_FAILED fetch 1000 ms",
                "GET http://x/d cancelled image 500 ms",
                "GET http://x/e no answer yet fetch",
            ]
        );
        assert_eq!(lines(&all, None, true).len(), 2);
        assert_eq!(lines(&all, Some("/b"), false), ["GET http://x/B 500 ERR_ABORTED xhr 1000 ms"]);
        assert!(lines(&all, Some("token"), false).is_empty(), "what is not told is not found");
        all.forget();
        assert_eq!(lines(&all, None, false), ["GET http://x/e no answer yet fetch"]);
        all.answer("5", 204);
        assert_eq!(lines(&all, None, false), ["GET http://x/e 204 fetch"]);
    }

    #[test]
    fn a_redirect_is_two_requests_of_one_id() {
        let mut all = Traffic::default();
        all.start("1", 1.0, asked("http://x/a", "Document"));
        all.answer("1", 302);
        all.end("1", 1.1, Outcome::Whole);
        all.start("1", 1.1, asked("http://x/b", "Document"));
        all.answer("1", 200);
        all.end("1", 1.2, Outcome::Whole);
        assert_eq!(
            lines(&all, None, false),
            ["GET http://x/a 302 document 100 ms", "GET http://x/b 200 document 100 ms"]
        );
    }

    #[test]
    fn what_is_no_request_of_the_page_is_not_told_and_what_is_long_is_shortened() {
        let mut all = Traffic::default();
        all.start("1", 0.0, asked("data:text/html,x", "Document"));
        all.start("2", 0.0, asked("http://x/favicon.ico", "Other"));
        all.start("3", 0.0, asked("http://x/favicon.ico", "Fetch"));
        let long = "y".repeat(9000);
        all.start("4", 0.0, asked(&format!("http://x/z?{long}"), "Fetch"));
        all.start("5", 0.0, asked(&format!("http://x/{long}"), "Fetch"));
        assert_eq!(
            lines(&all, None, false),
            [
                "GET http://x/favicon.ico no answer yet fetch",
                "GET http://x/z no answer yet fetch",
                "GET http://x/… no answer yet fetch",
            ]
        );
    }

    #[test]
    fn what_is_dropped_is_answered_by_nobody() {
        let mut all = Traffic::default();
        for number in 0..=super::super::MOST {
            all.start(&number.to_string(), 0.0, asked("http://x/", "Fetch"));
        }
        assert_eq!(all.answer("0", 500), None);
        assert!(all.answer("1", 500).is_some());
        assert_eq!(all.list(false).dropped, 1);
    }
}
