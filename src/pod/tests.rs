//! The pod as people read it, and what must hold of every pod.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::json;

use super::{
    Images, Settings,
    contract::{
        PublicKey, places,
        run::{Dialogs, RunIdentity, RunPolicy},
    },
    names, pod, terms,
};
use crate::manifest::{check::check, test_run::TestRunSpec};

fn settings() -> Settings {
    let resources = |memory: &str| {
        serde_json::from_value(json!({"limits": {"memory": memory}, "requests": {"cpu": "100m"}}))
            .unwrap()
    };
    Settings {
        images: Images {
            handback: "localhost/handback:1".to_owned(),
            browser: "localhost/handback-browser:1".to_owned(),
            pull_policy: Some("IfNotPresent".to_owned()),
            pull_secrets: vec!["registry".to_owned()],
        },
        browser: resources("2Gi"),
        gate: resources("256Mi"),
        agent: resources("512Mi"),
        seccomp_profile: Some("handback/browser.json".to_owned()),
        policy: RunPolicy {
            allowed_hosts: Vec::new(),
            denied_hosts: vec!["10.96.0.1".to_owned()],
            insecure_tls: false,
            dialogs: Dialogs::Auto,
        },
        operator_key: PublicKey::new([7; 32]),
    }
}

fn identity(name: &str) -> RunIdentity {
    RunIdentity {
        name: name.to_owned(),
        namespace: "shop".to_owned(),
        uid: "3f1c9ae0-0000-4000-8000-000000000000".to_owned(),
        attempt: 1,
    }
}

fn made(name: &str, spec: serde_json::Value) -> Pod {
    let spec: TestRunSpec = serde_json::from_value(spec).unwrap();
    let run = check(name, &spec).unwrap();
    let (settings, identity, storage) = (settings(), identity(name), run.storage.as_ref());
    let plan = spec.plan.clone().unwrap_or_default();
    let contract = terms::contract(&run, &identity, plan, storage, &settings);
    let contract = contract.encode(super::other_annotations(&run, &identity)).unwrap();
    pod(&run, &identity, &contract, storage, &settings)
}

fn plain() -> Pod {
    let spec = json!({"url": "https://shop.example", "plan": "Verify \"x\" is visible"});
    made("checkout", spec)
}

fn full() -> Pod {
    let spec = json!({
        "url": "https://shop.example", "plan": "Verify \"x\" is visible",
        "variables": [
            {"name": "USER", "value": "ada"},
            {"name": "PASSWORD", "secretKeyRef": {"name": "shop-login", "key": "password"}},
        ],
        "sandbox": "Required", "queueName": "ci", "concurrency": {"key": "pr/42"},
        "artifacts": {"uploadTimeoutSeconds": 60, "s3": {
            "endpoint": "https://s3.example", "bucket": "runs", "prefix": "ci",
            "credentialsSecretRef": {"name": "s3"},
            "caFrom": {"configMapKeyRef": {"name": "ca", "key": "root.pem"}},
        }},
        "pod": {
            "resources": {"limits": {"memory": "4Gi"}}, "nodeSelector": {"pool": "browsers"},
            "tolerations": [{"key": "browsers", "operator": "Exists"}], "runtimeClassName": "gvisor",
            "labels": {"team": "shop", "handback.dev/run": "another"}, "annotations": {"a": "b"},
        },
    });
    made("checkout", spec)
}

#[test]
fn the_pod_of_a_plain_run() {
    insta::assert_json_snapshot!(plain());
}

#[test]
fn the_pod_of_a_run_that_asks_for_everything() {
    insta::assert_json_snapshot!(full());
}

fn containers(pod: &Pod) -> &[Container] {
    &pod.spec.as_ref().unwrap().containers
}

fn mounts(pod: &Pod, container: &str) -> BTreeSet<String> {
    let container = containers(pod).iter().find(|one| one.name == container).unwrap();
    let mounts = container.volume_mounts.iter().flatten();
    mounts.map(|mount| mount.name.clone()).collect()
}

#[test]
fn every_container_is_restricted_and_has_no_token() {
    for pod in [plain(), full()] {
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(spec.automount_service_account_token, Some(false));
        assert_eq!(spec.restart_policy.as_deref(), Some("Never"));
        assert_eq!(spec.active_deadline_seconds, None);
        let context = spec.security_context.as_ref().unwrap();
        assert_eq!(context.run_as_non_root, Some(true));
        assert_eq!(context.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
        for container in containers(&pod) {
            let context = container.security_context.as_ref().unwrap();
            assert_eq!(context.allow_privilege_escalation, Some(false), "{}", container.name);
            assert_eq!(context.read_only_root_filesystem, Some(true), "{}", container.name);
            let drop = &context.capabilities.as_ref().unwrap().drop;
            assert_eq!(drop.as_deref(), Some(&["ALL".to_owned()][..]), "{}", container.name);
            assert_eq!(container.termination_message_policy.as_deref(), Some("File"));
            assert!(container.resources.as_ref().unwrap().limits.is_some(), "{}", container.name);
        }
    }
}

#[test]
fn secrets_are_mounted_where_they_are_used_and_nowhere_else() {
    let pod = full();
    let has = |container, volume: places::Volume| mounts(&pod, container).contains(volume.name);
    for (volume, who) in [(places::SECRETS, places::AGENT), (places::STORAGE, places::GATE)] {
        for container in [places::BROWSER, places::GATE, places::AGENT] {
            assert_eq!(has(container, volume), container == who, "{} in {container}", volume.name);
        }
    }
    assert!(!has(places::BROWSER, places::CONTRACT), "the browser knows nothing of its run");
    assert!(
        !has(places::BROWSER, places::AGENT_SOCKETS)
            && !has(places::AGENT, places::BROWSER_SOCKETS)
    );
    assert!(!has(places::AGENT, places::JOURNAL), "only the gate has the journal");
    for container in containers(&pod) {
        let variables = container.env.iter().flatten();
        assert!(variables.clone().all(|one| one.value_from.is_none()), "secrets are files");
    }
}

#[test]
fn every_mount_has_its_volume_and_every_volume_a_mount() {
    for pod in [plain(), full()] {
        let volumes: BTreeSet<String> = pod
            .spec
            .as_ref()
            .unwrap()
            .volumes
            .iter()
            .flatten()
            .map(|one| one.name.clone())
            .collect();
        let mounted: BTreeSet<String> = containers(&pod)
            .iter()
            .flat_map(|container| container.volume_mounts.iter().flatten())
            .map(|mount| mount.name.clone())
            .collect();
        assert_eq!(mounted, volumes);
    }
}

#[test]
fn nobodys_labels_make_a_pod_another_runs() {
    let labels = full().metadata.labels.unwrap();
    assert_eq!(labels[names::RUN], "checkout");
    assert_eq!(labels["team"], "shop");
    assert_eq!(labels["kueue.x-k8s.io/queue-name"], "ci");
}

#[test]
fn the_longest_name_makes_a_pod_whose_name_and_labels_still_fit() {
    let name = "a".repeat(52);
    let spec = json!({"url": "https://shop.example", "plan": "Verify \"x\" is visible"});
    let pod = made(&name, spec);
    assert!(names::pod(&name, 11).len() <= 63);
    assert!(pod.metadata.labels.unwrap().values().all(|value| value.len() <= 63));
}

#[test]
fn the_grace_is_the_uploads_time_and_half_a_minute() {
    assert_eq!(plain().spec.unwrap().termination_grace_period_seconds, Some(330));
    assert_eq!(full().spec.unwrap().termination_grace_period_seconds, Some(90));
}
