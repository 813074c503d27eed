//! A run's pod, from a run that can be carried out (pure): [`pod`].
//!
//! Three plain containers that share nothing but the volumes of [`contract::places`]. The browser has no
//! secret and no contract, the agent has the run's secrets, the gate the storage's. Nothing of it has a
//! Kubernetes credential, and nothing but the gate listens, on loopback.

mod container;
pub mod contract;
mod security;
mod volume;

pub use self::container::resources;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{LocalObjectReference, Pod, PodSpec, ResourceRequirements},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use sha2::{Digest as _, Sha256};

use self::contract::{
    PublicKey, RunContract, SandboxWish, Size,
    places::CONTRACT_ANNOTATION,
    run::{
        ArtifactWishes, ContractError, Driver, Keep, OnUploadFailure, RunIdentity, RunPolicy,
        S3Target, Version,
    },
};
use crate::manifest::{
    check::{ValidRun, ValidStorage, VariableSource},
    test_run::{self, When, artifacts, artifacts::Screenshots, pod::PodTemplate},
};

/// Keeps an evicted or deleted pod until the operator has read it (api.md).
pub const FINALIZER: &str = "handback.dev/artifacts";
/// Name of the run.
pub const RUN_LABEL: &str = "handback.dev/run";
/// Its uid: the pods of one run, whatever was called so before.
pub const RUN_UID_LABEL: &str = "handback.dev/run-uid";
/// Which try of it.
pub const ATTEMPT_LABEL: &str = "handback.dev/attempt";
/// The concurrency key that the run holds, if it has one, as [`key_label`] spells it.
pub const KEY_LABEL: &str = "handback.dev/concurrency-key";
/// The Kueue queue that the pod waits in.
const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";
/// Marks against disruption while a run goes on or a person has the browser.
pub const MARKS: [(&str, &str); 2] = [
    ("karpenter.sh/do-not-disrupt", "true"),
    ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
];
/// What the kubelet gives a pod besides the time for its files.
const GRACE_BESIDE_UPLOAD: i64 = 30;

/// What the operator's configuration says about pods.
#[derive(Clone, Debug)]
pub struct Site {
    /// The program alone: gate and agent.
    pub image: String,
    /// The browser's image.
    pub browser_image: String,
    /// `Always`, `IfNotPresent` or `Never`; the cluster's default without one.
    pub pull_policy: Option<String>,
    /// Names of Secrets for pulling, in the run's namespace.
    pub pull_secrets: Vec<String>,
    /// What the browser gets where a run says nothing.
    pub browser_resources: ResourceRequirements,
    /// What the gate gets.
    pub gate_resources: ResourceRequirements,
    /// What the agent gets.
    pub agent_resources: ResourceRequirements,
    /// A `Localhost` profile with which Chromium's own sandbox works; the runtime's without one.
    pub seccomp_profile: Option<String>,
    /// Where browsers may go.
    pub policy: RunPolicy,
    /// The public half of the operator's key.
    pub operator_key: PublicKey,
}

/// One try of one run.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The run.
    pub run: &'a ValidRun,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Counts from 1.
    pub attempt: u32,
    /// The plan's text, wherever it came from.
    pub plan: &'a str,
    /// Where its files go: the run's own storage or the operator's.
    pub storage: Option<&'a ValidStorage>,
    /// What the operator's configuration says.
    pub site: &'a Site,
}

/// The name of this attempt's pod. It follows from the run, so that creating twice is creating once.
pub fn name(run: &str, attempt: u32) -> String {
    format!("tr-{run}-{attempt}")
}

/// A concurrency key as the value of a label: a key may be any text, a label's value may not.
pub fn key_label(key: &str) -> String {
    let sum = Sha256::digest(key.as_bytes());
    let digits = sum.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// The pod.
///
/// # Errors
/// [`ContractError::TooLarge`] when plan, variables and annotations together are more than a pod may
/// carry.
pub fn pod(order: &Order<'_>) -> Result<Pod, ContractError> {
    let Order { run, namespace, uid, attempt, site, .. } = *order;
    let template = run.spec.pod.clone().unwrap_or_default();
    let mut annotations = template.annotations.clone();
    annotations.extend(MARKS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let others: usize = annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
    let contract = contract(order).encode(others + CONTRACT_ANNOTATION.len())?;
    annotations.insert(CONTRACT_ANNOTATION.to_owned(), contract);
    let owner = OwnerReference {
        api_version: "handback.dev/v1alpha1".to_owned(),
        kind: "TestRun".to_owned(),
        name: run.name.clone(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let metadata = ObjectMeta {
        name: Some(name(&run.name, attempt)),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels(order, &template)),
        annotations: Some(annotations),
        finalizers: Some(vec![FINALIZER.to_owned()]),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    };
    Ok(Pod { metadata, spec: Some(spec(order, template, site)), status: None })
}

fn labels(order: &Order<'_>, template: &PodTemplate) -> BTreeMap<String, String> {
    let spec = &order.run.spec;
    let mut labels = template.labels.clone();
    let ours = [
        ("app.kubernetes.io/managed-by", Some("handback".to_owned())),
        ("app.kubernetes.io/component", Some("run".to_owned())),
        (RUN_LABEL, Some(order.run.name.clone())),
        (RUN_UID_LABEL, Some(order.uid.to_owned())),
        (ATTEMPT_LABEL, Some(order.attempt.to_string())),
        (KEY_LABEL, spec.concurrency.as_ref().map(|one| key_label(&one.key))),
        (QUEUE_LABEL, Some(spec.queue_name.clone()).filter(|name| !name.is_empty())),
    ];
    labels.extend(ours.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    labels
}

fn spec(order: &Order<'_>, template: PodTemplate, site: &Site) -> PodSpec {
    let PodTemplate { resources, node_selector, tolerations, runtime_class_name, .. } = template;
    let seconds = i64::from(order.run.spec.artifacts.upload_timeout_seconds);
    let grace = seconds + GRACE_BESIDE_UPLOAD;
    let browser =
        resources.map_or_else(|| site.browser_resources.clone(), |own| container::resources(&own));
    let pull_secrets = site.pull_secrets.iter().cloned();
    PodSpec {
        containers: vec![
            container::browser(site, browser, order.run.spec.sandbox, grace),
            container::gate(site, order.storage.is_some()),
            container::agent(site, volume::has_secrets(order.run)),
        ],
        volumes: Some(volume::volumes(order)),
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(grace),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(security::pod()),
        node_selector: Some(node_selector).filter(|labels| !labels.is_empty()),
        tolerations: Some(tolerations.iter().map(container::toleration).collect::<Vec<_>>())
            .filter(|list| !list.is_empty()),
        runtime_class_name,
        image_pull_secrets: Some(
            pull_secrets.map(|name| LocalObjectReference { name }).collect::<Vec<_>>(),
        )
        .filter(|list| !list.is_empty()),
        ..PodSpec::default()
    }
}

/// What is particular to the run.
fn contract(order: &Order<'_>) -> RunContract {
    let Order { run, namespace, uid, attempt, plan, storage, site } = *order;
    let spec = &run.spec;
    let mut variables = BTreeMap::new();
    let mut secret_variables = Vec::new();
    for variable in &run.variables {
        match &variable.value {
            VariableSource::Plain(value) => {
                variables.insert(variable.name.clone(), value.clone());
            }
            VariableSource::Secret(_) => secret_variables.push(variable.name.clone()),
        }
    }
    let pixels = |side: i32| u32::try_from(side).unwrap_or(0);
    let seconds = |time: i32| u64::try_from(time).unwrap_or(0);
    RunContract {
        version: Version,
        run: RunIdentity {
            name: run.name.clone(),
            namespace: namespace.to_owned(),
            uid: uid.to_owned(),
            attempt,
        },
        url: run.url.to_string(),
        plan: plan.to_owned(),
        pass_criteria: spec.pass_criteria.clone(),
        variables,
        secret_variables,
        driver: match spec.driver {
            test_run::Driver::Auto => Driver::Auto,
            test_run::Driver::Direct => Driver::Direct,
            test_run::Driver::Model => Driver::Model,
        },
        viewport: Size { width: pixels(spec.viewport.width), height: pixels(spec.viewport.height) },
        sandbox: sandbox(spec.sandbox),
        stop_on_first_failure: spec.stop_on_first_failure,
        active_deadline_seconds: seconds(spec.active_deadline_seconds),
        idle_seconds: seconds(spec.keep_alive.idle_seconds),
        artifacts: ArtifactWishes {
            video: match spec.artifacts.video {
                When::Always => Keep::Always,
                When::OnFailure => Keep::OnFailure,
                When::Never => Keep::Never,
            },
            screenshots: match spec.artifacts.screenshots {
                Screenshots::EveryStep => Keep::Always,
                Screenshots::OnFailure => Keep::OnFailure,
                Screenshots::Never => Keep::Never,
            },
            s3: storage.map(|storage| target(order, storage)),
            upload_timeout_seconds: seconds(spec.artifacts.upload_timeout_seconds),
            on_upload_failure: match spec.artifacts.on_upload_failure {
                artifacts::UploadFailure::Hold => OnUploadFailure::Hold,
                artifacts::UploadFailure::Discard => OnUploadFailure::Discard,
            },
        },
        policy: site.policy.clone(),
        operator_key: site.operator_key,
    }
}

fn sandbox(wish: test_run::Sandbox) -> SandboxWish {
    match wish {
        test_run::Sandbox::Required => SandboxWish::Required,
        test_run::Sandbox::Preferred => SandboxWish::Preferred,
        test_run::Sandbox::Off => SandboxWish::Off,
    }
}

/// The bucket, with all that stands before this attempt's own files: the same name applied again never
/// meets its predecessor.
fn target(order: &Order<'_>, storage: &ValidStorage) -> S3Target {
    let ValidStorage {
        endpoint,
        bucket,
        prefix,
        region,
        allow_insecure,
        path_style,
        credentials: _,
        ca_from: _,
    } = storage;
    let Order { run, namespace, uid, attempt, .. } = *order;
    let short: String = uid.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    S3Target {
        endpoint: endpoint.as_str().trim_end_matches('/').to_owned(),
        bucket: bucket.clone(),
        prefix: format!("{prefix}{namespace}/{}/{short}/{attempt}/", run.name),
        region: region.clone(),
        allow_insecure: *allow_insecure,
        path_style: *path_style,
    }
}

#[cfg(test)]
mod tests;
