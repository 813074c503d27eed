//! The chart's own life: upgraded and removed while runs and browsers live.

use serde_json::{Value, json};

use crate::{
    fleet::{OPERATOR, SYSTEM, install},
    node,
    place::{PASSES, Place, WAITS, test_run},
    programs::{helm, kubectl},
};

const DEFINITION: &str = "crd/testruns.handback.dev";

async fn columns() -> usize {
    let path = "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}";
    kubectl(&["get", DEFINITION, "-o", path]).succeeds().await.split_whitespace().count()
}

#[tokio::test]
async fn operator_and_definitions_are_upgraded_while_a_run_goes_on() {
    let place = Place::alone().await;
    place.apply(&test_run("alive", WAITS, &json!({}))).await;
    place.until_true("alive", "Running").await;
    let before = node::chromium(&place.pod_of("alive").await);
    // An older one, with a column less.
    let all = columns().await;
    let older = r#"[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]"#;
    kubectl(&["patch", DEFINITION, "--type=json", "-p", older]).succeeds().await;
    assert_eq!(columns().await, all - 1);
    install(&["podAnnotations.upgraded=yes"]).await;
    assert_eq!(columns().await, all, "the definition is the chart's again");
    let cancel = r#"{"spec": {"desiredState": "Cancelled"}}"#;
    place.kubectl(&["patch", "tr", "alive", "--type=merge", "-p", cancel]).succeeds().await;
    assert_eq!(place.verdict("alive").await.0, "Cancelled");
    assert_eq!(node::chromium(&place.pod_of("alive").await), before);
    install(&[]).await;
    place.remove().await;
}

#[tokio::test]
async fn an_uninstall_leaves_browsers_and_definitions_and_nothing_that_ends_for_ever() {
    let place = Place::alone().await;
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
    install(&[]).await;
    place.apply(&test_run("again", PASSES, &json!({}))).await;
    assert_eq!(place.verdict("again").await.0, "Passed");
    place.remove().await;
}
