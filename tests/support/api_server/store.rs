//! All objects, and how they came to be what they are.

use std::collections::BTreeMap;

use handback::clock::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{call::Call, kind::Kind, refusal::Refusal, select::Selection};
use crate::support::ticking::Ticking;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Of its resource.
    pub plural: &'static str,
    /// Empty where there are none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One write.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// Of what.
    pub key: Key,
    /// What it was.
    pub before: Option<Value>,
    /// What it is now; an object that is gone shows its last state.
    pub after: Value,
    /// It is gone.
    pub gone: bool,
}

/// The state of the server.
#[derive(Debug)]
pub struct Store {
    /// Where times come from.
    pub clock: Ticking,
    /// All writes, the oldest first.
    pub history: Vec<Change>,
    /// What is older is not told any more.
    pub compacted: u64,
    /// The newest version.
    pub version: u64,
    objects: BTreeMap<Key, Value>,
    /// What each manager last applied.
    pub(super) applied: BTreeMap<(Key, String), Value>,
    rest: BTreeMap<String, (u64, Vec<Value>)>,
    serial: u32,
}

impl Store {
    /// An empty one with the namespaces `default` and `kube-system`.
    pub fn new(clock: Ticking) -> Self {
        let mut store = Self {
            clock,
            history: Vec::new(),
            compacted: 0,
            // Versions are opaque; whoever takes them for small numbers shall notice.
            version: 1000,
            objects: BTreeMap::new(),
            applied: BTreeMap::new(),
            rest: BTreeMap::new(),
            serial: 0,
        };
        for name in ["default", "kube-system"] {
            let namespace = json!({"metadata": {"name": name}});
            store.create(Kind::named("namespaces"), "", &namespace).expect("a good namespace");
        }
        store
    }

    /// Now, to the second as in metadata.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock.now().as_second()).expect("in range")
    }

    /// A number that was never given out before.
    pub fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// An object, if it exists.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// All objects of a resource, in order.
    pub fn all(&self, plural: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.plural == plural).map(|(_, object)| object)
    }

    /// Writes an object, or removes it, under a new version.
    pub fn commit(&mut self, key: Key, mut object: Value, gone: bool) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let before = if gone {
            self.applied.retain(|(of, _), _| *of != key);
            self.objects.remove(&key)
        } else {
            self.objects.insert(key.clone(), object.clone())
        };
        let after = object.clone();
        self.history.push(Change { version: self.version, key, before, after, gone });
        object
    }

    /// Forgets how everything came to be: older watches and lists cannot go on.
    pub fn compact(&mut self) {
        self.compacted = self.version;
        self.rest.clear();
    }

    /// Answers a list.
    pub fn list(&mut self, call: &Call) -> Result<Value, Refusal> {
        let selection = Selection::read(call)?;
        let limit = match call.parameter("limit") {
            None | Some("0") => usize::MAX,
            Some(text) => text.parse().map_err(|_| Refusal::bad_request("limit: no number"))?,
        };
        let (version, mut items) = if let Some(token) = call.parameter("continue") {
            self.rest.get(token).cloned().ok_or_else(|| {
                Refusal::expired("The provided continue parameter is too old to continue")
            })?
        } else {
            self.check_version(call)?;
            let all = self.all(call.kind.plural).filter(|object| selection.takes(object));
            (self.version, all.cloned().collect())
        };
        let rest = items.split_off(limit.min(items.len()));
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if !rest.is_empty() {
            let token = format!("more-{}", self.next());
            metadata["continue"] = json!(token);
            metadata["remainingItemCount"] = json!(rest.len());
            self.rest.insert(token, (version, rest));
        }
        if !call.kind.custom {
            for item in &mut items {
                let item = item.as_object_mut().expect("an object");
                item.remove("apiVersion");
                item.remove("kind");
            }
        }
        Ok(json!({
            "apiVersion": call.kind.api_version(), "kind": format!("{}List", call.kind.kind),
            "metadata": metadata, "items": items,
        }))
    }

    /// A list is always of the most recent state, so a version may be asked for that is not newer.
    fn check_version(&self, call: &Call) -> Result<(), Refusal> {
        let Some(text) = call.parameter("resourceVersion") else { return Ok(()) };
        let version: u64 = text
            .parse()
            .map_err(|_| Refusal::bad_request(format!("invalid resource version \"{text}\"")))?;
        if call.parameter("resourceVersionMatch") == Some("Exact") && version != self.version {
            return Err(Refusal::expired("The resourceVersion for the provided list is too old."));
        }
        if version > self.version {
            return Err(Refusal::new(504, "Timeout", "Too large resource version"));
        }
        Ok(())
    }
}
