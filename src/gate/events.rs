//! What open pages hear: the run's own events from the first on, notices, and the state of things.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use super::view::View;
use crate::decide::lease::Seat;

/// How far a page may lag behind before it has to come back and ask again.
const BACKLOG: usize = 1024;

/// Something to tell.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A line of events.ndjson and its number.
    Run { seq: u64, line: Arc<str> },
    /// A sentence for one page, or for all.
    Notice { seat: Option<Seat>, text: Arc<str> },
}

/// All that was told, and who listens.
#[derive(Debug)]
pub(super) struct Feed {
    lines: Vec<(u64, Arc<str>)>,
    live: broadcast::Sender<Item>,
    view: watch::Sender<Arc<View>>,
}

/// What a page that listens gets.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The events that it missed.
    pub(super) missed: Vec<(u64, Arc<str>)>,
    /// The next ones.
    pub(super) live: broadcast::Receiver<Item>,
    /// How things stand.
    pub(super) view: watch::Receiver<Arc<View>>,
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

impl Feed {
    /// A feed without events.
    pub(super) fn new(view: View) -> Self {
        let view = watch::Sender::new(Arc::new(view));
        Self { lines: Vec::new(), live: broadcast::Sender::new(BACKLOG), view }
    }

    /// Another line of events.ndjson; what is not one is left out.
    pub(super) fn event(&mut self, line: &str) {
        let Ok(Numbered { seq }) = serde_json::from_str(line) else { return };
        // A line break would end the event for the page.
        if line.contains(['\n', '\r']) {
            return;
        }
        let line: Arc<str> = line.into();
        self.lines.push((seq, Arc::clone(&line)));
        // Nobody may be listening.
        self.live.send(Item::Run { seq, line }).ok();
    }

    /// The same for a line that may have been told already: numbers only rise.
    pub(super) fn missed(&mut self, line: &str) {
        let Ok(Numbered { seq }) = serde_json::from_str(line) else { return };
        if self.lines.last().is_none_or(|(last, _)| seq > *last) {
            self.event(line);
        }
    }

    /// A sentence for one page, or for all.
    pub(super) fn notice(&self, seat: Option<Seat>, code: &str, message: &str) {
        let text: Value = json!({"code": code, "message": message});
        self.live.send(Item::Notice { seat, text: text.to_string().into() }).ok();
    }

    /// How things stand now; pages are told if it differs.
    pub(super) fn publish(&self, view: View) {
        self.view.send_if_modified(|old| {
            let differs = old.differs(&view);
            if differs {
                *old = Arc::new(view);
            }
            differs
        });
    }

    /// How things stand, as last published.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Listens from after the event with this number on.
    pub(super) fn subscribe(&self, after: u64) -> Subscription {
        let missed = self.lines.iter().filter(|(seq, _)| *seq > after);
        Subscription {
            missed: missed.map(|(seq, line)| (*seq, Arc::clone(line))).collect(),
            live: self.live.subscribe(),
            view: self.view.subscribe(),
        }
    }
}
