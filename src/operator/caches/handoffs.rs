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

/// Of all managed fields, who closed it is what decisions need.
fn slim(handoff: &mut Handoff) {
    let fields = handoff.metadata.managed_fields.take().unwrap_or_default();
    let closer = fields.into_iter().rev().find(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        fields.is_some_and(|fields| fields.pointer("/f:spec/f:desiredState").is_some())
    });
    // What somebody else wrote there does not count.
    handoff.annotations_mut().remove(CLOSER);
    if let Some(manager) = closer.and_then(|entry| entry.manager) {
        handoff.annotations_mut().insert(CLOSER.to_owned(), manager);
    }
}
