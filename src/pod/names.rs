//! Names, labels and marks of run pods: what the operator finds them by.

use std::{collections::BTreeMap, fmt::Write as _};

use sha2::{Digest, Sha256};

use super::contract::run::RunIdentity;
use crate::manifest::check::ValidRun;

/// Keeps a pod that is being deleted until its artifacts are settled.
pub const FINALIZER: &str = "handback.dev/artifacts";
/// Label: the run's name.
pub const RUN: &str = "handback.dev/run";
/// Label: the run's uid, by which its pods are listed.
pub const RUN_UID: &str = "handback.dev/run-uid";
/// Label: which attempt, from 1.
pub const ATTEMPT: &str = "handback.dev/attempt";
/// Label: digest of the run's concurrency key, if it has one.
pub const KEY: &str = "handback.dev/concurrency";
/// Annotation: the deadline that the agent was started with, in seconds. It is in the contract too,
/// which the operator does not keep in memory.
pub const DEADLINE: &str = "handback.dev/active-deadline-seconds";
/// Label by which Kueue takes a pod into a queue.
const QUEUE: &str = "kueue.x-k8s.io/queue-name";
/// Annotations that tell autoscalers to leave the pod alone.
pub const MARKS: [(&str, &str); 2] = [
    ("karpenter.sh/do-not-disrupt", "true"),
    ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
];
/// Label on every run pod, and its value.
pub const COMPONENT: (&str, &str) = ("app.kubernetes.io/component", "run");

/// The pod of an attempt: `tr-checkout-1`.
pub fn pod(run: &str, attempt: u32) -> String {
    format!("tr-{run}-{attempt}")
}

/// The value of [`KEY`] for a concurrency key, which itself may be no label.
pub fn key(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The labels that are ours.
pub(super) fn labels(run: &ValidRun, identity: &RunIdentity) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = [
        ("app.kubernetes.io/name", "handback"),
        ("app.kubernetes.io/managed-by", "handback"),
        COMPONENT,
        (RUN, &identity.name),
        (RUN_UID, &identity.uid),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    labels.insert(ATTEMPT.to_owned(), identity.attempt.to_string());
    if let Some(concurrency) = &run.spec.concurrency {
        labels.insert(KEY.to_owned(), key(&concurrency.key));
    }
    if !run.spec.queue_name.is_empty() {
        labels.insert(QUEUE.to_owned(), run.spec.queue_name.clone());
    }
    labels
}
