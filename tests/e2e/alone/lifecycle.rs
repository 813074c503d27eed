//! The chart's own life: removed, installed for one namespace and upgraded while runs and browsers live.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    audit,
    faults::running,
    fleet::{OPERATOR, SYSTEM, install},
    node,
    place::{PASSES, Place, goes_on, test_run, until},
    programs::{helm, kubectl},
};

const DEFINITION: &str = "crd/testruns.handback.dev";

/// One test, since each step begins where the one before it ends, and others wait meanwhile.
#[tokio::test]
async fn a_chart_is_uninstalled_installed_for_one_namespace_and_upgraded_while_browsers_live() {
    audit::log();
    let place = Place::alone().await;
    an_uninstall_leaves_browsers_and_definitions_and_nothing_that_ends_for_ever(&place).await;
    // As in a cluster that never had one: the next operator makes its Lease.
    let lease = ["delete", "lease", "handback-operator", "-n", SYSTEM, "--ignore-not-found"];
    kubectl(&lease).succeeds().await;
    install(&[&format!("watchNamespaces={{{}}}", place.name())]).await;
    let other = place.another().await;
    one_namespace_is_served_and_another_left_alone(&place, &other).await;
    operator_and_definitions_are_upgraded_while_a_run_goes_on(&place).await;
    // For all of them now.
    other.until_true("elsewhere", "Accepted").await;
    other.remove().await;
    place.remove().await;
}

async fn an_uninstall_leaves_browsers_and_definitions_and_nothing_that_ends_for_ever(
    place: &Place,
) {
    place.apply(&test_run("kept", PASSES, &json!({}))).await;
    assert_eq!(place.verdict("kept").await.0, "Passed");
    let pod = place.pod_of("kept").await;
    let name = pod["metadata"]["name"].as_str().expect("a name");
    let before = node::chromium(&pod);
    helm(&["uninstall", OPERATOR, "--namespace", SYSTEM, "--wait", "--timeout", "3m"])
        .succeeds()
        .await;
    let run = place.find("kept").await.expect("the run stays");
    assert_eq!(run["status"]["verdict"], "Passed");
    let after = place.core(&format!("pods/{name}")).await.expect("the pod stays");
    assert_eq!(
        (&after["metadata"]["uid"], node::chromium(&after)),
        (&pod["metadata"]["uid"], before)
    );
    place.kubectl(&["delete", "tr", "kept", "--timeout=1m"]).succeeds().await;
    place.gone(name).await;
    let left = kubectl(&["get", "all", "-n", SYSTEM, "-o", "json"]).succeeds().await;
    let left: Value = serde_json::from_str(&left).expect("JSON");
    assert_eq!(left["items"], json!([]), "what an uninstall leaves");
}

async fn one_namespace_is_served_and_another_left_alone(place: &Place, other: &Place) {
    other.apply(&test_run("elsewhere", PASSES, &json!({}))).await;
    place.apply(&test_run("inside", PASSES, &json!({}))).await;
    let run = place.until_true("inside", "ArtifactsUploaded").await;
    assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
    let accepted = run["status"]["times"]["accepted"].as_str().expect("a time");
    let accepted: Timestamp = accepted.parse().expect("RFC 3339");
    let asked = audit::operator_requests(place.name()).await;
    let asked: Vec<_> = asked.iter().filter(|request| request.at >= accepted).collect();
    assert!(asked.len() > 5 && asked.iter().all(|one| one.code != 403), "{asked:#?}");
    // Whoever looks at the other would have begun with it, which is the older one.
    let elsewhere = other.find("elsewhere").await.expect("the run");
    assert!(elsewhere["status"].is_null(), "{elsewhere}");
    let asked = audit::operator_requests(other.name()).await;
    assert!(asked.is_empty(), "{asked:#?}");
}

async fn operator_and_definitions_are_upgraded_while_a_run_goes_on(place: &Place) {
    let before = node::chromium(&running(place, "alive", &goes_on(), &json!({})).await);
    // An older one, with a column less.
    let all = columns().await;
    let older = r#"[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]"#;
    kubectl(&["patch", DEFINITION, "--type=json", "-p", older]).succeeds().await;
    assert_eq!(columns().await, all - 1);
    let leader = operator().await;
    install(&[]).await;
    until("another operator, alone", || async {
        let now = operator().await;
        let alone = now.lines().count() == 1;
        if alone && now != leader { Ok(()) } else { Err(now) }
    })
    .await;
    assert_eq!(columns().await, all, "the definition is the chart's again");
    let cancel = r#"{"spec": {"desiredState": "Cancelled"}}"#;
    place.kubectl(&["patch", "tr", "alive", "--type=merge", "-p", cancel]).succeeds().await;
    assert_eq!(place.verdict("alive").await.0, "Cancelled");
    assert_eq!(node::chromium(&place.pod_of("alive").await), before);
}

async fn columns() -> usize {
    let path = "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}";
    kubectl(&["get", DEFINITION, "-o", path]).succeeds().await.split_whitespace().count()
}

/// The operator's pods, one a line.
async fn operator() -> String {
    let selector = "app.kubernetes.io/component=operator";
    kubectl(&["get", "pods", "-n", SYSTEM, "-l", selector, "-o", "name"]).succeeds().await
}
