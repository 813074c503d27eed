//! The copy of the Handoffs.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};
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

/// When whoever claimed a Handoff last changed it, as far as the API server tells; stands in cached Handoffs
/// that were made without a holder only. Nothing in a Handoff says when it was claimed.
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
    let closer = fields.iter().rev().find(|entry| owns(entry, "f:desiredState"));
    let closer = closer.and_then(|entry| entry.manager.clone());
    let claimed = claimed(&fields).map(|time| time.0.to_string());
    // What somebody else wrote there does not count.
    let annotations = handoff.annotations_mut();
    for (name, value) in [(CLOSER, closer), (CLAIMED, claimed)] {
        annotations.remove(name);
        annotations.extend(value.map(|value| (name.to_owned(), value)));
    }
}

fn owns(entry: &ManagedFieldsEntry, field: &str) -> bool {
    let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec"));
    fields.is_some_and(|fields| fields.get(field).is_some())
}

/// When it was claimed. Whoever made it owns its `runRef`; if he owns `holder` as well, he made it with one:
/// that is no claim, and the time beside it is that of whatever he wrote last.
fn claimed(fields: &[ManagedFieldsEntry]) -> Option<&Time> {
    let made = |entry: &&ManagedFieldsEntry| owns(entry, "f:runRef");
    let claimed = |entry: &&ManagedFieldsEntry| owns(entry, "f:holder");
    let known = fields.iter().any(|entry| made(&entry));
    let with_holder = fields.iter().any(|entry| made(&entry) && claimed(&entry));
    if !known || with_holder {
        return None;
    }
    // Whoever says the same again later has not claimed it.
    fields.iter().filter(claimed).filter_map(|entry| entry.time.as_ref()).min()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(manager: &str, minute: u32, fields: &[&str]) -> Value {
        let fields: serde_json::Map<String, Value> =
            fields.iter().map(|field| (format!("f:{field}"), json!({}))).collect();
        json!({"manager": manager, "operation": "Update", "fieldsType": "FieldsV1",
               "time": format!("2026-11-22T10:{minute:02}:00Z"), "fieldsV1": {"f:spec": fields}})
    }

    /// What is known of a claim.
    fn claim(entries: &[Value]) -> Option<String> {
        let mut handoff: Handoff = serde_json::from_value(json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "Handoff",
            "metadata": {"name": "ho-1", "managedFields": entries},
            "spec": {"runRef": {"name": "checkout"}, "holder": "ada"},
        }))
        .unwrap();
        slim(&mut handoff);
        assert!(handoff.metadata.managed_fields.is_none());
        handoff.annotations().get(CLAIMED).cloned()
    }

    #[test]
    fn only_what_was_made_without_a_holder_was_claimed() {
        let made = |minute| entry("handback", minute, &["runRef", "holder", "note"]);
        assert_eq!(claim(&[made(0)]), None);
        // Its own program writes again: that is no claim, whoever else says the same as it.
        assert_eq!(claim(&[made(1)]), None);
        assert_eq!(claim(&[made(0), entry("other", 1, &["holder", "note"])]), None);
        assert_eq!(claim(&[entry("other", 1, &["holder", "note"]), made(0)]), None);
        // Made by one, claimed by another.
        let host = entry("handback-operator", 0, &["runRef"]);
        let ada = |minute| entry("handback", minute, &["holder", "holderKey"]);
        let at = |minute| Some(format!("2026-11-22T10:{minute:02}:00Z"));
        assert_eq!(claim(&[host.clone(), ada(1)]), at(1));
        assert_eq!(claim(&[ada(1), host.clone()]), at(1));
        let again = entry("other", 2, &["holder"]);
        assert_eq!(claim(&[again, host.clone(), ada(1)]), at(1));
        assert_eq!(claim(&[host]), None);
        // Who made it is not told: nothing is known.
        assert_eq!(claim(&[ada(1)]), None);
        assert_eq!(claim(&[]), None);
    }
}
