//! Which requests are under way, and which of them an action has to wait for (snapshot.md 5, 2).
//! Pure but for the instants that it is handed.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// How far back pollers are looked for.
const POLLER_MEMORY: Duration = Duration::from_secs(10);
/// How often the same request must have been seen to be a poller's.
const POLLER_TIMES: usize = 2;

/// What makes two requests the same: method, full URL and the body's size.
type Sameness = (String, String, usize);

/// A request under way.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The session that told of it.
    pub(crate) session: String,
    /// The tab that it belongs to.
    pub(crate) tab: String,
    /// The frame that it belongs to, if the browser says so.
    pub(crate) frame: Option<String>,
    /// The document that it belongs to, or that it will become.
    pub(crate) loader: String,
    /// When it started.
    pub(crate) since: Instant,
    /// `Document`, `Script`, `XHR`, `Fetch`, …
    pub(crate) kind: String,
    /// See [`Sameness`].
    pub(crate) same: Sameness,
    /// Bytes of the body that are still to come, once the response has said how many there are.
    pub(crate) missing: Option<u64>,
}

/// All requests under way, by request id. Those are unique in a browser, and the session is no part
/// of the key: the document of a cross-site frame is asked for in its parent's session and has
/// loaded in its own.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    open: HashMap<String, Request>,
    /// Those that started while nothing was being waited for.
    idle: VecDeque<(Instant, Sameness)>,
}

impl Requests {
    /// A request starts, or is redirected. `idle`: no action is settling.
    pub(crate) fn start(&mut self, id: String, request: Request, idle: bool) {
        if self.open.contains_key(&id) {
            return;
        }
        while self.idle.front().is_some_and(|(at, _)| request.since - *at > POLLER_MEMORY) {
            self.idle.pop_front();
        }
        if idle {
            self.idle.push_back((request.since, request.same.clone()));
        }
        self.open.insert(id, request);
    }

    /// A request has ended, or is a stream that never will.
    pub(crate) fn end(&mut self, id: &str) -> Option<Request> {
        self.open.remove(id)
    }

    /// A response has begun, and says how long it is.
    pub(crate) fn announce(&mut self, id: &str, length: u64) {
        if let Some(request) = self.open.get_mut(id) {
            request.missing = Some(length);
        }
    }

    /// Some of a body has come. When all of it is there the request is over: the browser itself
    /// waits until the page has read it, which many a page never does.
    pub(crate) fn receive(&mut self, id: &str, bytes: u64) {
        let Some(request) = self.open.get_mut(id) else { return };
        let Some(missing) = &mut request.missing else { return };
        *missing = missing.saturating_sub(bytes);
        if *missing == 0 {
            self.open.remove(id);
        }
    }

    /// A frame has another document now, or (`None`) is gone. What the one before had asked for
    /// is over, although the browser does not always say so.
    pub(crate) fn replace_document(&mut self, frame: &str, loader: Option<&str>) {
        self.open.retain(|_, one| {
            one.frame.as_deref() != Some(frame) || Some(one.loader.as_str()) == loader
        });
    }

    /// A session is gone.
    pub(crate) fn drop_session(&mut self, session: &str) {
        self.open.retain(|_, one| one.session != session);
    }

    /// What an action that began at `t0` still waits for.
    pub(crate) fn awaited(&self, tab: &str, t0: Instant) -> usize {
        self.open
            .values()
            .filter(|one| one.tab == tab && one.since >= t0 && counts(&one.kind))
            .filter(|one| !self.polled(&one.same, t0))
            .count()
    }

    /// Fetches under way, whoever started them.
    pub(crate) fn fetching(&self, tab: &str) -> usize {
        self.open
            .values()
            .filter(|one| one.tab == tab && matches!(one.kind.as_str(), "Fetch" | "XHR"))
            .count()
    }

    fn polled(&self, same: &Sameness, t0: Instant) -> bool {
        let from = t0.checked_sub(POLLER_MEMORY).unwrap_or(t0);
        let seen = |(at, one): &&(Instant, Sameness)| *at >= from && *at < t0 && one == same;
        self.idle.iter().filter(seen).count() >= POLLER_TIMES
    }
}

fn counts(kind: &str) -> bool {
    matches!(kind, "Document" | "Script" | "XHR" | "Fetch")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(since: Instant, kind: &str, url: &str) -> Request {
        let same = ("GET".to_owned(), url.to_owned(), 0);
        let (session, tab, kind) = ("s".to_owned(), "t".to_owned(), kind.to_owned());
        let (frame, loader) = (Some("f".to_owned()), "l".to_owned());
        Request { session, tab, frame, loader, since, kind, same, missing: None }
    }

    #[test]
    fn what_started_before_the_action_is_not_awaited() {
        let now = Instant::now();
        let t0 = now + Duration::from_secs(1);
        let mut all = Requests::default();
        all.start("1".to_owned(), request(now, "Fetch", "/slow"), true);
        assert_eq!(all.awaited("t", t0), 0);
        all.start("2".to_owned(), request(t0, "Fetch", "/new"), false);
        all.start("3".to_owned(), request(t0, "Image", "/picture"), false);
        assert_eq!(all.awaited("t", t0), 1);
        assert_eq!(all.awaited("other", t0), 0);
        all.end("2");
        assert_eq!(all.awaited("t", t0), 0);
        assert_eq!(all.fetching("t"), 1);
    }

    #[test]
    fn a_body_that_nobody_reads_is_over_when_all_of_it_is_there() {
        let t0 = Instant::now();
        let mut all = Requests::default();
        all.start("1".to_owned(), request(t0, "Fetch", "/x"), false);
        all.announce("1", 10);
        all.receive("1", 6);
        assert_eq!(all.awaited("t", t0), 1);
        all.receive("1", 4);
        assert_eq!(all.awaited("t", t0), 0);
        // Without a length only the end is the end.
        all.start("2".to_owned(), request(t0, "Fetch", "/y"), false);
        all.receive("2", 100);
        assert_eq!(all.awaited("t", t0), 1);
    }

    #[test]
    fn what_a_document_asked_for_is_over_when_another_takes_its_place() {
        let t0 = Instant::now();
        let mut all = Requests::default();
        all.start("1".to_owned(), request(t0, "Fetch", "/x"), false);
        all.replace_document("other", Some("m"));
        all.replace_document("f", Some("l"));
        assert_eq!(all.awaited("t", t0), 1);
        all.replace_document("f", Some("m"));
        assert_eq!(all.awaited("t", t0), 0);
    }

    #[test]
    fn a_poller_is_one_that_was_seen_twice_outside_of_actions() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut all = Requests::default();
        for (id, at) in [("1", now), ("2", now + second)] {
            all.start(id.to_owned(), request(at, "XHR", "/poll"), true);
            all.end(id);
        }
        // The same button pressed twice before is no poller.
        for (id, at) in [("3", now), ("4", now + second)] {
            all.start(id.to_owned(), request(at, "XHR", "/add"), false);
            all.end(id);
        }
        let t0 = now + second * 2;
        all.start("5".to_owned(), request(t0, "XHR", "/poll"), false);
        assert_eq!(all.awaited("t", t0), 0);
        all.start("6".to_owned(), request(t0, "XHR", "/add"), false);
        assert_eq!(all.awaited("t", t0), 1);
    }
}
