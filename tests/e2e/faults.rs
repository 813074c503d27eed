//! Parts of a run that end in the middle of it: what becomes of the verdict, and of the browser.

use serde_json::{Value, json};

use crate::{
    fleet::{SYSTEM, operators},
    node,
    place::{FAILS, PASSES, Place, WAITS, condition, test_run, until},
    programs::kubectl,
};

async fn running(place: &Place, name: &str, plan: &str, spec: &Value) -> Value {
    place.apply(&test_run(name, plan, spec)).await;
    place.until_true(name, "Running").await;
    place.pod_of(name).await
}

#[tokio::test]
async fn an_agent_that_is_killed_errs_and_the_browser_is_still_there() {
    let place = Place::new().await;
    let pod = running(&place, "agent", WAITS, &json!({})).await;
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
    // The page asks for far more than the container may have.
    let plan =
        "Open /faults/memory\nWait for \"never there\" for up to 30 s\nVerify \"x\" is visible";
    place.apply(&test_run("memory", plan, &spec)).await;
    let (verdict, reason) = place.verdict("memory").await;
    assert_eq!((verdict.as_str(), reason.as_str()), ("Errored", "OOMKilled"));
    place.remove().await;
}

#[tokio::test]
async fn a_pod_that_is_deleted_errs_its_run_and_is_gone() {
    let place = Place::new().await;
    let pod = running(&place, "lost", WAITS, &json!({})).await;
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
    let pod = running(&place, "deleted", WAITS, &json!({})).await;
    place.kubectl(&["delete", "tr", "deleted", "--wait=false"]).succeeds().await;
    place.gone(pod["metadata"]["name"].as_str().expect("a name")).await;
    place.remove().await;
}

#[tokio::test]
async fn an_operator_that_is_killed_in_mid_run_and_at_the_verdict_loses_nothing() {
    let place = Place::alone().await;
    let pod =
        running(&place, "survives", &format!("{WAITS}\nVerify \"x\" is visible"), &json!({})).await;
    kill_operator().await;
    // In mid-run: nothing was started again.
    place.apply(&test_run("after", PASSES, &json!({}))).await;
    assert_eq!(place.verdict("after").await.0, "Passed");
    assert_eq!(place.pod_of("survives").await["metadata"]["uid"], pod["metadata"]["uid"]);
    // At the verdict: nobody sees the agent end.
    place.apply(&test_run("unseen", PASSES, &json!({}))).await;
    place.until_true("unseen", "BrowserReady").await;
    kill_operator().await;
    assert_eq!(place.verdict("unseen").await.0, "Passed");
    let run = place.until_true("unseen", "Finished").await;
    assert_eq!(run["status"]["attempt"], 1, "{}", run["status"]);
    place.remove().await;
}

#[tokio::test]
async fn of_two_operators_one_works_and_the_other_takes_over() {
    let place = Place::alone().await;
    operators(2).await;
    let holder = async || {
        let arguments =
            ["get", "lease", "-n", SYSTEM, "-o", "jsonpath={.items[0].spec.holderIdentity}"];
        kubectl(&arguments).succeeds().await
    };
    let first = holder().await;
    place.apply(&test_run("one", PASSES, &json!({}))).await;
    assert_eq!(place.verdict("one").await.0, "Passed");
    kubectl(&["delete", "pod", &first, "-n", SYSTEM, "--grace-period=0", "--force"])
        .succeeds()
        .await;
    until("another leader", || async {
        let now = holder().await;
        if now != first && !now.is_empty() { Ok(()) } else { Err(now) }
    })
    .await;
    place.apply(&test_run("two", FAILS, &json!({}))).await;
    assert_eq!(place.verdict("two").await.0, "Failed");
    operators(1).await;
    place.remove().await;
}

#[tokio::test]
async fn a_drained_node_errs_the_run_and_it_is_tried_again_where_that_was_asked_for() {
    let place = Place::alone().await;
    let pod = running(&place, "drained", WAITS, &json!({"backoffLimit": 1})).await;
    let node = pod["spec"]["nodeName"].as_str().expect("a node");
    let selector = "--pod-selector=handback.dev/run";
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

/// Ends the operator's process without a warning.
async fn kill_operator() {
    let arguments =
        ["get", "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator", "-o", "json"];
    let pods: Value = serde_json::from_str(&kubectl(&arguments).succeeds().await).expect("JSON");
    for pod in pods["items"].as_array().expect("a list") {
        node::kill(&node::process(pod, "operator", "handback operator"));
    }
}
