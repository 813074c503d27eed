//! Runs from `kubectl apply` to their verdict, as kubectl shows them.

use serde_json::json;

use crate::{
    node,
    place::{FAILS, PASSES, Place, WAITS, condition, goes_on, is_true, test_run},
};

#[tokio::test]
async fn a_run_that_passes_says_so_everywhere_and_keeps_its_very_browser() {
    let place = Place::new().await;
    place
        .apply(&test_run("passes", WAITS.replace("never there", "Everything").as_str(), &json!({})))
        .await;
    place.until_true("passes", "BrowserReady").await;
    let before = node::chromium(&place.pod_of("passes").await);
    let run = place.until_true("passes", "ArtifactsUploaded").await;
    let status = &run["status"];
    assert_eq!(
        (&status["phase"], &status["verdict"]),
        (&json!("Finished"), &json!("Passed")),
        "{status}"
    );
    assert_eq!(status["scenarios"]["summary"], "1/1", "{status}");
    assert!(status["usage"]["steps"].as_i64() >= Some(3), "{status}");
    for name in
        ["Accepted", "PodReady", "BrowserReady", "Finished", "Succeeded", "HandoffAvailable"]
    {
        assert!(is_true(&run, name), "{name}: {status}");
    }
    assert_eq!(condition(&run, "Running"), Some(("False", "Finished")), "{status}");
    assert_eq!(condition(&run, "ArtifactsUploaded"), Some(("True", "KeptInPod")), "{status}");
    assert!(status.to_string().len() <= 4096, "{} bytes of status", status.to_string().len());

    let table = place.kubectl(&["get", "testruns"]).succeeds().await;
    let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    assert_eq!(rows.next(), Some(vec!["NAME", "PHASE", "VERDICT", "PASSED", "POD", "AGE"]));
    let row = rows.next().expect("the run");
    assert_eq!(row[..5], ["passes", "Finished", "Passed", "1/1", "tr-passes-1"]);
    let wide = place.kubectl(&["get", "tr", "passes", "-o", "wide"]).succeeds().await;
    for title in ["REASON", "WARM", "NODE", "URL", "EXPIRES", "ARTIFACTS"] {
        assert!(wide.contains(title), "{wide}");
    }
    let selected =
        place.kubectl(&["get", "tr", "--field-selector", "status.verdict=Passed", "-o", "name"]);
    assert_eq!(selected.succeeds().await, "testrun.handback.dev/passes\n");
    let wait = ["wait", "tr/passes", "--for=condition=Succeeded", "--timeout=10s"];
    place.kubectl(&wait).succeeds().await;
    for reason in ["Accepted", "BrowserReady", "Started", "Finished", "Uploaded"] {
        place.told("passes", reason).await;
    }
    assert_eq!(node::chromium(&place.pod_of("passes").await), before, "the browser is another one");
    place.remove().await;
}

#[tokio::test]
async fn a_run_that_fails_says_why_and_ends_at_once_where_it_is_not_kept() {
    let place = Place::new().await;
    // Its plan is in a ConfigMap, as longer ones are.
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plans"},
        "data": {"shop.md": FAILS},
    });
    place.apply(&map).await;
    let from = json!({"configMapKeyRef": {"name": "plans", "key": "shop.md"}});
    let spec = json!({"keepAlive": {"policy": "Never"}, "plan": null, "planFrom": from});
    place.apply(&test_run("fails", FAILS, &spec)).await;
    let pod = place.pod_of("fails").await["metadata"]["name"].as_str().expect("a name").to_owned();
    let run = place.until_true("fails", "Finished").await;
    assert_eq!(run["status"]["verdict"], "Failed", "{}", run["status"]);
    assert_eq!(condition(&run, "Succeeded").map(|(status, _)| status), Some("False"));
    let message = run["status"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("No such thing"), "{message}");
    place.gone(&pod).await;
    place.remove().await;
}

#[tokio::test]
async fn a_target_that_is_down_errs_without_a_verdict_of_the_plan() {
    let place = Place::new().await;
    let spec = json!({"url": "http://192.0.2.10:9", "readiness": {"timeoutSeconds": 3}});
    place.apply(&test_run("errs", PASSES, &spec)).await;
    let (verdict, reason) = place.verdict("errs").await;
    assert_eq!((verdict.as_str(), reason.as_str()), ("Errored", "TargetNotReady"));
    place.remove().await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_says_so_and_leaves_its_browser() {
    let place = Place::new().await;
    place.apply(&test_run("stopped", &goes_on(), &json!({}))).await;
    place.until_true("stopped", "Running").await;
    let cancel = r#"{"spec": {"desiredState": "Cancelled"}}"#;
    place.kubectl(&["patch", "tr", "stopped", "--type=merge", "-p", cancel]).succeeds().await;
    let (verdict, _) = place.verdict("stopped").await;
    assert_eq!(verdict, "Cancelled");
    node::chromium(&place.pod_of("stopped").await);
    place.remove().await;
}
