//! How long a browser lives after its verdict.

use serde_json::json;

use crate::place::{FAILS, PASSES, Place, test_run, until};

#[tokio::test]
async fn an_idle_browser_ends_when_its_time_is_over_and_not_before() {
    let place = Place::new().await;
    let spec = json!({"keepAlive": {"policy": "Always", "idleSeconds": 12}});
    place.apply(&test_run("idle", PASSES, &spec)).await;
    let run = place.until_true("idle", "Finished").await;
    let pod = run["status"]["pod"]["name"].as_str().expect("a pod").to_owned();
    place.gone(&pod).await;
    let run = place.until("idle", "Expired", |run| run["status"]["phase"] == "Expired").await;
    let time = |field: &str| -> jiff::Timestamp {
        run["status"]["times"][field].as_str().expect("a time").parse().expect("RFC 3339")
    };
    let lived = time("expires").duration_since(time("finished")).as_secs();
    assert!((12..=20).contains(&lived), "{lived} s; {}", run["status"]);
    let events = place.events("idle").await;
    assert!(
        events.contains(&"IdleExpiring".to_owned()) && events.contains(&"Reaped".to_owned()),
        "{events:?}"
    );
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
