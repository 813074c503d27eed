//! How long a browser lives after its verdict.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::{
    node,
    place::{FAILS, PASSES, Place, goes_on, test_run, until},
    programs,
};

#[tokio::test]
async fn an_idle_browser_ends_when_its_time_is_over_and_not_before() {
    let place = Place::new().await;
    let spec = json!({"keepAlive": {"policy": "Always", "idleSeconds": 6}});
    place.apply(&test_run("idle", PASSES, &spec)).await;
    let run = place.until_true("idle", "Finished").await;
    let pod = run["status"]["pod"]["name"].as_str().expect("a pod").to_owned();
    place.gone(&pod).await;
    place.until("idle", "Expired", |run| run["status"]["phase"] == "Expired").await;
    place.told("idle", "Reaped").await;
    let events = place.events_with_times("idle").await;
    let time = |reason: &str| -> jiff::Timestamp {
        let found = events.iter().find(|(_, one)| one == reason);
        found.unwrap_or_else(|| panic!("no {reason} in {events:?}")).0.parse().expect("RFC 3339")
    };
    // Events have whole seconds, and a busy node needs some to end a pod.
    let lived = time("Reaped").duration_since(time("Finished")).as_secs();
    assert!((5..=60).contains(&lived), "{lived} s; {events:?}");
    assert!(time("IdleExpiring") <= time("Reaped"), "{events:?}");
    place.remove().await;
}

#[tokio::test]
async fn a_browser_is_not_reaped_under_a_watcher_and_is_once_the_watcher_has_left() {
    let place = Place::new().await;
    let spec = json!({"keepAlive": {"policy": "Always", "idleSeconds": 6}});
    place.apply(&test_run("watched", &goes_on(), &spec)).await;
    place.until_true("watched", "Running").await;
    let before = place.pod_of("watched").await;
    let browser = node::chromium(&before);
    // From before the verdict on, so that no moment after it is without them.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/takeover/watch.mjs");
    let mut watcher = programs::node(&[script, place.name(), "watched"]).start();
    watcher.says("watching").await;
    let cancel = r#"{"spec": {"desiredState": "Cancelled"}}"#;
    place.kubectl(&["patch", "tr", "watched", "--type=merge", "-p", cancel]).succeeds().await;
    place.until_true("watched", "Finished").await;
    // A page that gave no more signs of life would count as gone after 45 s, and idle after six more.
    let long_enough = Instant::now() + Duration::from_mins(1);
    until("a minute under a watcher", || async {
        let pod = place.pod_of("watched").await;
        assert_eq!(pod["metadata"]["uid"], before["metadata"]["uid"]);
        assert!(pod["metadata"]["deletionTimestamp"].is_null(), "reaped: {}", pod["metadata"]);
        if Instant::now() >= long_enough { Ok(()) } else { Err("a browser".to_owned()) }
    })
    .await;
    assert_eq!(node::chromium(&place.pod_of("watched").await), browser);
    assert!(!place.events("watched").await.contains(&"Reaped".to_owned()));
    watcher.end().await;
    place.gone(before["metadata"]["name"].as_str().expect("a name")).await;
    place.told("watched", "Reaped").await;
    place.remove().await;
}

#[tokio::test]
async fn only_browsers_of_runs_that_did_not_pass_are_kept_on_failure() {
    let place = Place::new().await;
    let spec = json!({"keepAlive": {"policy": "OnFailure"}});
    place.apply(&test_run("good", PASSES, &spec)).await;
    place.apply(&test_run("bad", FAILS, &spec)).await;
    let good = place.pod_of("good").await["metadata"]["name"].as_str().expect("a name").to_owned();
    assert_eq!(place.verdict("bad").await.0, "Failed");
    place.gone(&good).await;
    let bad = place.pod_of("bad").await;
    assert_eq!(bad["status"]["phase"], "Running");
    place.remove().await;
}

#[tokio::test]
async fn a_finished_run_is_deleted_when_its_time_is_over() {
    let place = Place::new().await;
    let spec = json!({"ttlSecondsAfterSuccess": 3, "keepAlive": {"policy": "Never"}});
    place.apply(&test_run("short", PASSES, &spec)).await;
    until("the end of the object", || async {
        place.find("short").await.map_or(Ok(()), |run| Err(run["status"].to_string()))
    })
    .await;
    place.remove().await;
}
