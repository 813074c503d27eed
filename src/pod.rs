//! The run pod: three containers, no token, nothing that listens beyond loopback (pure).
//!
//! [`pod`] cannot fail: it takes a run that was found possible, and a contract that was found to fit.
//! What the processes of a run say to each other is in [`contract`], whether they are containers of a
//! pod or tasks and a child of `handback run`.
//!
//! # Guarantees
//! - No service-account token; Pod Security `restricted`; root file systems are read-only.
//! - A secret is mounted into the one container that uses it: variables into the agent, storage into
//!   the gate. The browser has none.
//! - The kubelet gives the pod as long to end as its upload may take, and half a minute more.
//! - The name follows from run and attempt, so that a pod that is made twice is made once.

mod container;
pub mod contract;
pub mod names;
mod security;
pub mod terms;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{LocalObjectReference, Pod, PodSpec, Toleration},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use self::contract::{
    PublicKey, places,
    run::{RunIdentity, RunPolicy},
};
use crate::manifest::{
    GROUP, VERSION,
    check::{ValidRun, ValidStorage},
    test_run::pod::Resources,
};

/// What the operator's configuration says about every pod of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the programs are.
    pub images: Images,
    /// The browser's container, where the run says nothing.
    pub browser: Resources,
    /// The gate's container.
    pub gate: Resources,
    /// The agent's container.
    pub agent: Resources,
    /// File of the `Localhost` seccomp profile that lets Chromium have its own sandbox, as the node's
    /// kubelet knows it. A node without the file never starts the pod.
    pub seccomp_profile: Option<String>,
    /// Where browsers may go.
    pub policy: RunPolicy,
    /// Who may open gate streams.
    pub operator_key: PublicKey,
}

/// The images of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// The program alone: gate and agent.
    pub handback: String,
    /// Chromium, display and recorder, and the same program.
    pub browser: String,
    /// `Always`, `IfNotPresent` or `Never`; the cluster's default if there is none.
    pub pull_policy: Option<String>,
    /// Secrets to pull them with, in the run's namespace.
    pub pull_secrets: Vec<String>,
}

/// Seconds beyond `artifacts.uploadTimeoutSeconds` that a pod has to end.
pub const SLACK: i64 = 30;

/// The pod of this attempt. `contract` is the annotation's text, `storage` where its files go.
pub fn pod(
    run: &ValidRun,
    identity: &RunIdentity,
    contract: &str,
    storage: Option<&ValidStorage>,
    settings: &Settings,
) -> Pod {
    let template = run.spec.pod.clone().unwrap_or_default();
    let grace = i64::from(run.spec.artifacts.upload_timeout_seconds) + SLACK;
    let parts = container::Parts { run, settings, storage, grace };
    let spec = PodSpec {
        containers: vec![parts.browser(), parts.gate(), parts.agent()],
        volumes: Some(volumes::all(run, storage)),
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(grace),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(security::pod()),
        node_selector: Some(template.node_selector).filter(|labels| !labels.is_empty()),
        runtime_class_name: template.runtime_class_name,
        tolerations: Some(template.tolerations.into_iter().map(toleration).collect())
            .filter(|list: &Vec<Toleration>| !list.is_empty()),
        image_pull_secrets: Some(pull_secrets(&settings.images))
            .filter(|list: &Vec<LocalObjectReference>| !list.is_empty()),
        ..PodSpec::default()
    };
    Pod { metadata: metadata(run, identity, contract), spec: Some(spec), status: None }
}

/// What the pod's annotations but the contract take, in bytes: there is a bound on all of them.
pub fn other_annotations(run: &ValidRun, identity: &RunIdentity) -> usize {
    let annotations = metadata(run, identity, "").annotations.unwrap_or_default();
    annotations.iter().map(|(key, value)| key.len() + value.len()).sum()
}

fn metadata(run: &ValidRun, identity: &RunIdentity, contract: &str) -> ObjectMeta {
    let template = run.spec.pod.as_ref();
    // Ours come last: nobody's wish makes a pod another run's.
    let mut labels = template.map(|template| template.labels.clone()).unwrap_or_default();
    labels.extend(names::labels(run, identity));
    let mut annotations: BTreeMap<String, String> =
        template.map(|template| template.annotations.clone()).unwrap_or_default();
    let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    annotations.extend(names::MARKS.map(|(key, value)| own(key, value)));
    annotations.extend([
        own(places::CONTRACT_ANNOTATION, contract),
        own(names::DEADLINE, &run.spec.active_deadline_seconds.to_string()),
    ]);
    ObjectMeta {
        name: Some(names::pod(&identity.name, identity.attempt)),
        namespace: Some(identity.namespace.clone()),
        labels: Some(labels),
        annotations: Some(annotations),
        finalizers: Some(vec![names::FINALIZER.to_owned()]),
        owner_references: Some(vec![owner(identity)]),
        ..ObjectMeta::default()
    }
}

fn owner(identity: &RunIdentity) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: "TestRun".to_owned(),
        name: identity.name.clone(),
        uid: identity.uid.clone(),
        controller: Some(true),
        // A run that is deleted is gone at once; its pods take their time.
        block_owner_deletion: None,
    }
}

fn pull_secrets(images: &Images) -> Vec<LocalObjectReference> {
    images.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect()
}

fn toleration(wish: crate::manifest::test_run::pod::Toleration) -> Toleration {
    Toleration {
        key: wish.key,
        operator: wish.operator,
        value: wish.value,
        effect: wish.effect,
        toleration_seconds: wish.toleration_seconds,
    }
}
