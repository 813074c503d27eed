//! Events: one for each note of an object, repeats folded into its series.
//!
//! kube's own recorder folds by reason and ignores the sentence, so that two notes of one reason would
//! be one. Here the name follows from object and note; the API server then says itself what is a
//! repeat, also to an operator that has just started. An Event that cannot be written is no error:
//! status tells the same.

use std::sync::Arc;

use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::error::code;
use crate::{clock::Clock, decide::Note, decide::handoff, metrics::Metrics};

/// Who writes them.
const CONTROLLER: &str = "handback.dev/operator";

/// Where notes go.
#[derive(Clone)]
pub(super) struct Events {
    /// How they get there.
    pub client: Client,
    /// This operator among its replicas, at most 128 bytes.
    pub instance: String,
    /// When they happened.
    pub clock: Arc<dyn Clock>,
    /// Where they are counted.
    pub metrics: Arc<Metrics>,
}

/// What an Event says.
pub(super) struct Said {
    /// Tells notes of one object apart, in lower case.
    which: String,
    reason: &'static str,
    sentence: &'static str,
    warns: bool,
}

impl From<Note> for Said {
    fn from(note: Note) -> Self {
        Self {
            which: format!("{note:?}").to_lowercase(),
            reason: note.reason(),
            sentence: note.sentence(),
            warns: note.warns(),
        }
    }
}

impl From<handoff::Note> for Said {
    fn from(note: handoff::Note) -> Self {
        Self {
            which: note.reason().to_lowercase(),
            reason: note.reason(),
            sentence: note.sentence(),
            warns: note.warns(),
        }
    }
}

impl Events {
    /// Takes a note about an object.
    pub(super) async fn note(&self, about: &ObjectReference, note: impl Into<Said>) {
        let said = note.into();
        if let Err(error) = self.write(about, &said).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(reason = said.reason, about = about.name, error, "no Event");
        }
    }

    async fn write(&self, about: &ObjectReference, note: &Said) -> Result<(), kube::Error> {
        let namespace = about.namespace.clone().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let event = self.event(about, note, &namespace);
        let name = event.metadata.name.clone().unwrap_or_default();
        self.metrics.write("create", "events");
        match events.create(&PostParams::default(), &event).await {
            Ok(_) => return Ok(()),
            Err(error) if code(&error) == Some(409) => {}
            Err(error) => return Err(error),
        }
        let before = events.get(&name).await?;
        let count = before.series.map_or(1, |series| series.count).saturating_add(1);
        let series = EventSeries { count, last_observed_time: MicroTime(self.clock.now()) };
        self.metrics.write("patch", "events");
        let patch = Patch::Merge(json!({"series": series}));
        events.patch(&name, &PatchParams::default(), &patch).await.map(drop)
    }

    fn event(&self, about: &ObjectReference, said: &Said, namespace: &str) -> Event {
        // A name that is used again is another object: its uid tells them apart.
        let uid: String = about.uid.iter().flat_map(|uid| uid.chars()).take(8).collect();
        let object = about.name.clone().unwrap_or_default();
        let which = &said.which;
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{object}.{uid}.{which}")),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            event_time: Some(MicroTime(self.clock.now())),
            note: Some(said.sentence.to_owned()),
            reason: Some(said.reason.to_owned()),
            regarding: Some(about.clone()),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if said.warns { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        }
    }
}
