//! Watches: who wants to hear of what, and how far they are.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    call::Call,
    kind::Kind,
    refusal::Refusal,
    select::Selection,
    store::{Change, Store},
};

/// Everybody who watches.
#[derive(Debug, Default)]
pub struct Watches {
    open: Vec<Watch>,
    /// Up to which version watches of a resource are told.
    held: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Watch {
    kind: &'static Kind,
    selection: Selection,
    told: u64,
    bookmarks: bool,
    lines: mpsc::UnboundedSender<Bytes>,
}

impl Watches {
    /// Opens a watch; its lines come out of the channel.
    pub fn open(
        &mut self,
        store: &Store,
        call: &Call,
    ) -> Result<mpsc::UnboundedReceiver<Bytes>, Refusal> {
        let (lines, out) = mpsc::unbounded_channel();
        let mut watch = Watch {
            kind: call.kind,
            selection: Selection::read(call)?,
            told: store.version,
            bookmarks: call.parameter("allowWatchBookmarks") == Some("true"),
            lines,
        };
        match call.parameter("resourceVersion") {
            None | Some("0") => {
                let all = store.all(call.kind.plural).filter(|one| watch.selection.takes(one));
                all.for_each(|object| watch.say("ADDED", object));
            }
            Some(text) => {
                watch.told = text.parse().map_err(|_| {
                    Refusal::bad_request(format!("invalid resource version \"{text}\""))
                })?;
            }
        }
        if watch.told < store.compacted {
            let text = format!("too old resource version: {} ({})", watch.told, store.compacted);
            watch.say("ERROR", &Refusal::expired(text).status());
            return Ok(out);
        }
        self.open.push(watch);
        self.tell(store);
        Ok(out)
    }

    /// Tells everybody what they do not know yet.
    pub fn tell(&mut self, store: &Store) {
        let held = &self.held;
        self.open.retain_mut(|watch| {
            let until = held.get(watch.kind.plural).copied().unwrap_or(u64::MAX);
            for change in &store.history {
                if change.version > watch.told && change.version <= until {
                    watch.hear(change);
                }
            }
            !watch.lines.is_closed()
        });
    }

    /// From now on, watches of this resource hear nothing new.
    pub fn hold(&mut self, plural: &'static str, store: &Store) {
        self.held.entry(plural).or_insert(store.version);
    }

    /// Watches of this resource hear of one more change.
    pub fn step(&mut self, plural: &'static str, store: &Store) {
        let Some(until) = self.held.get_mut(plural) else { return };
        let next = store
            .history
            .iter()
            .find(|change| change.version > *until && change.key.plural == plural);
        if let Some(change) = next {
            *until = change.version;
        }
        self.tell(store);
    }

    /// Watches of this resource hear everything again.
    pub fn release(&mut self, plural: &str, store: &Store) {
        self.held.remove(plural);
        self.tell(store);
    }

    /// Ends all watches of a resource.
    pub fn drop(&mut self, plural: &str) {
        self.open.retain(|watch| watch.kind.plural != plural);
    }

    /// Tells those who asked for it how far they are.
    pub fn bookmark(&mut self, store: &Store) {
        for watch in self.open.iter_mut().filter(|watch| watch.bookmarks) {
            let until = self.held.get(watch.kind.plural).copied().unwrap_or(u64::MAX);
            watch.told = watch.told.max(store.version.min(until));
            let bookmark = json!({
                "apiVersion": watch.kind.api_version(), "kind": watch.kind.kind,
                "metadata": {"resourceVersion": watch.told.to_string(), "creationTimestamp": null},
            });
            watch.say("BOOKMARK", &bookmark);
        }
    }
}

impl Watch {
    fn hear(&mut self, change: &Change) {
        self.told = change.version;
        if change.key.plural != self.kind.plural {
            return;
        }
        let was = change.before.as_ref().is_some_and(|object| self.selection.takes(object));
        let is = !change.gone && self.selection.takes(&change.after);
        match (was, is) {
            (false, true) => self.say("ADDED", &change.after),
            (true, true) => self.say("MODIFIED", &change.after),
            (true, false) => self.say("DELETED", &change.after),
            (false, false) => {}
        }
    }

    fn say(&self, what: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": what, "object": object}));
        // Whoever does not listen any more is forgotten at the next change.
        drop(self.lines.send(line.into()));
    }
}
