//! Parts of a run that end in the middle of it: what becomes of the verdict, and of the browser.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    node,
    place::{PASSES, Place, WAITS, condition, goes_on, test_run, until_within},
    programs::kubectl,
};

/// The pod of a new run as soon as its agent is at work.
pub async fn running(place: &Place, name: &str, plan: &str, spec: &Value) -> Value {
    place.apply(&test_run(name, plan, spec)).await;
    place.until_true(name, "Running").await;
    place.pod_of(name).await
}

#[tokio::test]
async fn an_agent_that_is_killed_errs_and_the_browser_is_still_there() {
    let place = Place::new().await;
    let pod = running(&place, "agent", &goes_on(), &json!({})).await;
    let browser = node::chromium(&pod);
    node::kill(&node::process(&pod, "agent", "handback agent"));
    let (verdict, reason) = place.verdict("agent").await;
    assert_eq!((verdict.as_str(), reason.as_str()), ("Errored", "AgentCrashed"));
    assert_eq!(node::chromium(&place.pod_of("agent").await), browser);
    place.remove().await;
}

#[tokio::test]
async fn a_browser_that_is_killed_errs_the_run_and_another_takes_its_place() {
    let place = Place::new().await;
    let plan = format!("#Case 1\n{WAITS}\n#Case 2\n{PASSES}");
    let pod = running(&place, "browser", &plan, &json!({})).await;
    let browser = node::chromium(&pod);
    place.until_logged(&pod, "never there").await;
    node::kill(&browser);
    let run = place.until_true("browser", "Finished").await;
    assert_eq!(run["status"]["verdict"], "Errored", "{}", run["status"]);
    assert_eq!(run["status"]["reason"], "BrowserLost", "{}", run["status"]);
    assert_ne!(node::chromium(&place.pod_of("browser").await), browser);
    place.remove().await;
}

#[tokio::test]
async fn a_browser_without_memory_errs_the_run_as_out_of_memory() {
    let place = Place::new().await;
    let spec = json!({"pod": {"resources": {"limits": {"memory": "700Mi"}}}});
    // The page asks for far more than the container may have. While others keep the disk busy the kernel
    // takes back and reads again what the browser is made of, for minutes, before it kills anybody.
    let waits = "Wait 10 seconds\n".repeat(20);
    let plan = format!(
        "Open /faults/memory\n{waits}Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible"
    );
    place.apply(&test_run("memory", &plan, &spec)).await;
    let ended = until_within(Duration::from_mins(8), "the end of memory", || async {
        let status =
            place.find("memory").await.map(|run| run["status"].clone()).unwrap_or_default();
        if status["verdict"].is_string() { Ok(status) } else { Err(status.to_string()) }
    })
    .await;
    assert_eq!(
        (&ended["verdict"], &ended["reason"]),
        (&json!("Errored"), &json!("OOMKilled")),
        "{ended}"
    );
    place.remove().await;
}

#[tokio::test]
async fn a_pod_that_is_deleted_errs_its_run_and_is_gone() {
    let place = Place::new().await;
    let pod = running(&place, "lost", &goes_on(), &json!({})).await;
    let name = pod["metadata"]["name"].as_str().expect("a name");
    place.kubectl(&["delete", "pod", name, "--wait=false"]).succeeds().await;
    let (verdict, reason) = place.verdict("lost").await;
    assert_eq!((verdict.as_str(), reason.as_str()), ("Errored", "PodLost"));
    place.gone(name).await;
    place.told("lost", "PodLost").await;
    place.remove().await;
}

#[tokio::test]
async fn a_deleted_run_takes_its_pod_with_it() {
    let place = Place::new().await;
    let pod = running(&place, "deleted", &goes_on(), &json!({})).await;
    place.kubectl(&["delete", "tr", "deleted", "--wait=false"]).succeeds().await;
    place.gone(pod["metadata"]["name"].as_str().expect("a name")).await;
    place.remove().await;
}

#[tokio::test]
async fn a_drained_node_errs_the_run_and_it_is_tried_again_where_that_was_asked_for() {
    let place = Place::new().await;
    let pod = running(&place, "drained", &goes_on(), &json!({"backoffLimit": 1})).await;
    let node = pod["spec"]["nodeName"].as_str().expect("a node");
    // Others are left alone, and wait for room meanwhile.
    let selector = "--pod-selector=handback.dev/run=drained";
    let drain = [
        "drain",
        node,
        selector,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--force",
        "--timeout=2m",
    ];
    let drained = kubectl(&drain).run().await;
    let back = kubectl(&["uncordon", node]).run().await;
    assert_eq!((drained.code, back.code), (Some(0), Some(0)), "{drained}{back}");
    let run = place.until("drained", "a second attempt", |run| run["status"]["attempt"] == 2).await;
    assert_eq!(
        condition(&run, "Finished").map(|(status, _)| status),
        Some("False"),
        "{}",
        run["status"]
    );
    place.until_true("drained", "Running").await;
    place.remove().await;
}
