//! The copy of the Handoffs.

use std::sync::Arc;

use kube::{
    Api, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        reflector::{ObjectRef, store::Writer},
        watcher,
    },
};

use super::{Caches, Heard, Queues, keep};
use crate::{
    manifest::{
        handoff::{Handoff, status::HandoffPhase},
        test_run::TestRun,
    },
    metrics::Metrics,
    operator::memory::Memory,
};

/// Who last set a Handoff's `desiredState`, by field manager; stands in cached Handoffs only.
pub(in crate::operator) const CLOSER: &str = "handback.dev/closer";

/// When whoever set a Handoff's `holder` last changed it, as far as the API server tells; stands in cached
/// Handoffs only. Nothing in a Handoff says when it was claimed.
pub(in crate::operator) const CLAIMED: &str = "handback.dev/claimed";

impl Caches {
    /// The handoffs of a run, by its names: those that are not over.
    pub(in crate::operator) fn handoffs_of(&self, namespace: &str, run: &str) -> Vec<Arc<Handoff>> {
        self.handoffs.state_filter(|handoff| {
            let status = handoff.status.as_ref();
            let over = status.and_then(|status| status.phase).is_some_and(HandoffPhase::is_final);
            !over
                && handoff.spec.run_ref.name == run
                && handoff.metadata.namespace.as_deref() == Some(namespace)
        })
    }

    /// They are to be looked at: something of their run is otherwise.
    pub(super) fn queue_handoffs_of(&self, run: &TestRun, queues: &Queues) {
        let namespace = run.namespace().unwrap_or_default();
        for handoff in self.handoffs_of(&namespace, &run.name_any()) {
            queues.handoff(&handoff);
        }
    }
}

/// Keeps the copy of the Handoffs, for as long as it is polled.
pub(in crate::operator) async fn keep_handoffs(
    apis: Vec<Api<DeserializeGuard<Handoff>>>,
    writer: Writer<Handoff>,
    caches: Caches,
    queues: Queues,
    memory: Memory,
    metrics: Arc<Metrics>,
) {
    let run_of = |handoff: &Handoff| {
        let namespace = handoff.namespace().unwrap_or_default();
        ObjectRef::new(&handoff.spec.run_ref.name).within(&namespace)
    };
    let hear = |event: Heard<'_, Handoff>| match event {
        Heard::Coming(handoff) => memory.meet(&handoff.uid().unwrap_or_default()),
        Heard::Changed(handoff) => queues.handoff(handoff),
        Heard::Gone(handoff) => {
            memory.forget(&handoff.uid().unwrap_or_default());
            // It sees to what its gate still has of it.
            queues.run(run_of(handoff));
        }
        Heard::All => caches.queue_all(&queues),
    };
    keep(apis, watcher::Config::default(), writer, slim, hear, &metrics).await;
}

/// Of all managed fields, who closed it and when it was claimed is what decisions need.
fn slim(handoff: &mut Handoff) {
    let fields = handoff.metadata.managed_fields.take().unwrap_or_default();
    let owner = |path: &str| {
        fields.iter().rev().find(|entry| {
            let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
            fields.is_some_and(|fields| fields.pointer(path).is_some())
        })
    };
    let closer = owner("/f:spec/f:desiredState").and_then(|entry| entry.manager.clone());
    let claimed = owner("/f:spec/f:holder").and_then(|entry| entry.time.as_ref());
    let claimed = claimed.map(|time| time.0.to_string());
    // What somebody else wrote there does not count.
    let annotations = handoff.annotations_mut();
    for (name, value) in [(CLOSER, closer), (CLAIMED, claimed)] {
        annotations.remove(name);
        annotations.extend(value.map(|value| (name.to_owned(), value)));
    }
}
