//! Operators that end without a warning, and others that go on where they were.

use serde_json::{Value, json};

use crate::{
    faults::running,
    fleet::{SYSTEM, operators},
    node,
    place::{FAILS, PASSES, Place, goes_on, test_run, until},
    programs::kubectl,
};

/// A run that takes half a minute, and passes.
fn late() -> String {
    let step = "Open /faults/late-button\nClick \"Here I am\"\nVerify \"Pressed\" is visible\n";
    step.repeat(15)
}

#[tokio::test]
async fn an_operator_that_is_killed_in_mid_run_and_at_the_verdict_loses_nothing() {
    let place = Place::alone().await;
    let never = json!({"keepAlive": {"policy": "Never"}});
    let pod = running(&place, "survives", &goes_on(), &json!({})).await;
    place.apply(&test_run("unseen", &late(), &never)).await;
    place.until_true("unseen", "BrowserReady").await;
    kill_operator().await;
    // At the verdict: nobody sees the agent end.
    operators(0).await;
    let unseen = place.find("unseen").await.expect("the run");
    assert!(unseen["status"]["verdict"].is_null(), "it was too quick: {}", unseen["status"]);
    until("the end of the agent", || async {
        let pod = place.pod_of("unseen").await;
        let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        let mut agent = containers.filter(|one| one["name"] == "agent");
        let ended = agent.any(|one| one["state"]["terminated"].is_object());
        if ended { Ok(()) } else { Err(pod["status"].to_string()) }
    })
    .await;
    operators(1).await;
    assert_eq!(place.verdict("unseen").await.0, "Passed");
    let run = place.until_true("unseen", "Finished").await;
    assert_eq!(run["status"]["attempt"], 1, "{}", run["status"]);
    // In mid-run: nothing was started again.
    place.apply(&test_run("after", PASSES, &never)).await;
    assert_eq!(place.verdict("after").await.0, "Passed");
    assert_eq!(place.pod_of("survives").await["metadata"]["uid"], pod["metadata"]["uid"]);
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

/// Ends the operator's process without a warning.
async fn kill_operator() {
    let arguments =
        ["get", "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator", "-o", "json"];
    let pods: Value = serde_json::from_str(&kubectl(&arguments).succeeds().await).expect("JSON");
    for pod in pods["items"].as_array().expect("a list") {
        node::kill(&node::process(pod, "operator", "handback operator"));
    }
}
