//! Who is to be looked at, and by whom.
//!
//! # Guarantees
//! Whoever does not lead queues nothing: its copies have all there is to know, and it may stand by for
//! months. On taking the lead it has everything looked at once ([`super::Caches::queue_all`]).

use std::sync::{Arc, OnceLock};

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::{Lookup, ObjectRef};
use tokio::sync::mpsc;

use crate::manifest::{handoff::Handoff, test_run::TestRun};

/// What waits to be looked at.
pub(in crate::operator) type Queue<K> = mpsc::UnboundedReceiver<ObjectRef<K>>;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::operator) struct Queues(Arc<OnceLock<Open>>);

/// Whoever takes from them folds repeats, so that they hold no more than there are objects.
#[derive(Debug)]
struct Open {
    runs: mpsc::UnboundedSender<ObjectRef<TestRun>>,
    pods: mpsc::UnboundedSender<ObjectRef<Pod>>,
    handoffs: mpsc::UnboundedSender<ObjectRef<Handoff>>,
}

impl Queues {
    /// From now on somebody takes from them: runs, pods, handoffs. `None` if somebody does already.
    pub(in crate::operator) fn open(&self) -> Option<(Queue<TestRun>, Queue<Pod>, Queue<Handoff>)> {
        let (runs, runs_queued) = mpsc::unbounded_channel();
        let (pods, pods_queued) = mpsc::unbounded_channel();
        let (handoffs, handoffs_queued) = mpsc::unbounded_channel();
        self.0.set(Open { runs, pods, handoffs }).ok()?;
        Some((runs_queued, pods_queued, handoffs_queued))
    }

    /// A run is to be looked at.
    pub(in crate::operator) fn run(&self, run: ObjectRef<TestRun>) {
        self.send(|open| &open.runs, run);
    }

    /// A pod whose run may be gone is to be looked at.
    pub(in crate::operator) fn pod(&self, pod: ObjectRef<Pod>) {
        self.send(|open| &open.pods, pod);
    }

    /// A Handoff is to be looked at.
    pub(in crate::operator) fn handoff(&self, handoff: &Handoff) {
        self.send(|open| &open.handoffs, ObjectRef::from_obj(handoff));
    }

    /// Nobody listens yet while another operator leads, and nobody any more while this one ends.
    fn send<K: Lookup>(
        &self,
        which: impl FnOnce(&Open) -> &mpsc::UnboundedSender<ObjectRef<K>>,
        what: ObjectRef<K>,
    ) {
        if let Some(open) = self.0.get() {
            drop(which(open).send(what));
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::{reflector, watcher::Event};
    use serde_json::json;

    use super::{super::Caches, *};

    #[test]
    fn who_stands_by_queues_nothing_and_looks_at_everything_once_it_leads() {
        let (runs, mut runs_writer) = reflector::store();
        let (pods, mut pods_writer) = reflector::store();
        let (handoffs, mut handoffs_writer) = reflector::store();
        let caches = Caches { runs, pods, handoffs, namespaces: None };
        let queues = Queues::default();
        let run: TestRun = serde_json::from_value(json!({
            "metadata": {"name": "checkout", "namespace": "shop"},
            "spec": {"url": "https://shop.example", "plan": ""},
        }))
        .unwrap();
        let handoff: Handoff = serde_json::from_value(json!({
            "metadata": {"name": "ho-1", "namespace": "shop"},
            "spec": {"runRef": {"name": "checkout"}},
        }))
        .unwrap();
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "tr-1", "namespace": "shop"}}))
                .unwrap();
        runs_writer.apply_watcher_event(&Event::Apply(run.clone()));
        pods_writer.apply_watcher_event(&Event::Apply(pod.clone()));
        handoffs_writer.apply_watcher_event(&Event::Apply(handoff.clone()));
        for _ in 0..1000 {
            queues.run(ObjectRef::from_obj(&run));
            queues.pod(ObjectRef::from_obj(&pod));
            queues.handoff(&handoff);
        }
        let (mut runs, mut pods, mut handoffs) = queues.open().unwrap();
        assert_eq!((runs.len(), pods.len(), handoffs.len()), (0, 0, 0));
        assert!(queues.open().is_none(), "somebody takes from them already");
        caches.queue_all(&queues);
        assert_eq!(runs.try_recv().map(|one| one.name), Ok("checkout".to_owned()));
        assert_eq!(pods.try_recv().map(|one| one.name), Ok("tr-1".to_owned()));
        assert_eq!(handoffs.try_recv().map(|one| one.name), Ok("ho-1".to_owned()));
        assert_eq!((runs.len(), pods.len(), handoffs.len()), (0, 0, 0), "once");
        queues.run(ObjectRef::from_obj(&run));
        assert_eq!(runs.len(), 1);
    }
}
