//! What holds for many runs together: keys, revisions, numbers, names.

use serde_json::json;

use crate::place::{PASSES, Place, condition, goes_on, is_true, test_run};

#[tokio::test]
async fn of_two_runs_with_one_key_the_second_waits_and_says_for_whom() {
    let place = Place::new().await;
    let key = json!({"concurrency": {"key": "pr-42", "policy": "Queue"}});
    place.apply(&test_run("first", &goes_on(), &key)).await;
    place.until_true("first", "Running").await;
    place.apply(&test_run("second", PASSES, &key)).await;
    let waiting = place
        .until("second", "a word about the key", |run| {
            run["status"]["message"].as_str().is_some_and(|message| message.contains("pr-42"))
        })
        .await;
    assert!(waiting["status"]["pod"].is_null(), "{}", waiting["status"]);
    let cancel = r#"{"spec": {"desiredState": "Cancelled"}}"#;
    place.kubectl(&["patch", "tr", "first", "--type=merge", "-p", cancel]).succeeds().await;
    assert_eq!(place.verdict("first").await.0, "Cancelled");
    assert_eq!(place.verdict("second").await.0, "Passed");
    place.remove().await;
}

#[tokio::test]
async fn a_newer_run_with_the_same_key_cancels_the_older_one() {
    let place = Place::new().await;
    let key = json!({"concurrency": {"key": "pr-42", "policy": "CancelPrevious"}});
    place.apply(&test_run("older", &goes_on(), &key)).await;
    place.until_true("older", "Running").await;
    place.apply(&test_run("newer", PASSES, &key)).await;
    let (verdict, reason) = place.verdict("older").await;
    assert_eq!((verdict.as_str(), reason.as_str()), ("Cancelled", "Superseded"));
    assert_eq!(place.verdict("newer").await.0, "Passed");
    place.remove().await;
}

#[tokio::test]
async fn a_wrong_revision_is_waited_for_named_and_at_last_given_up() {
    let place = Place::new().await;
    let wrong = json!({"readiness": {
        "timeoutSeconds": 8, "revision": "0000000", "revisionFrom": {"path": "/healthz", "jsonPath": ".revision"},
    }});
    place.apply(&test_run("wrong", PASSES, &wrong)).await;
    place
        .until("wrong", "the revision that is served", |run| {
            run["status"]["message"].as_str().is_some_and(|message| message.contains("3f1c9ae"))
        })
        .await;
    let run = place.until_true("wrong", "Finished").await;
    assert_eq!(run["status"]["reason"], "TargetNotReady", "{}", run["status"]);
    assert!(run["status"]["pod"].is_null(), "no pod was made: {}", run["status"]);
    let mut right = wrong;
    right["readiness"]["revision"] = json!("3f1c9ae");
    place.apply(&test_run("right", PASSES, &right)).await;
    let run = place.until_true("right", "Finished").await;
    assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
    assert!(is_true(&run, "TargetReady"), "{}", run["status"]);
    place.remove().await;
}

#[tokio::test]
async fn names_at_their_limit_work_and_longer_ones_are_refused() {
    let place = Place::new().await;
    let longest = "a".repeat(52);
    place.apply(&test_run(&longest, PASSES, &json!({}))).await;
    assert_eq!(place.verdict(&longest).await.0, "Passed");
    let longer = test_run(&"a".repeat(53), PASSES, &json!({})).to_string();
    let refused = place.kubectl(&["apply", "-f", "-"]).input(&longer).run().await;
    assert!(refused.code == Some(1) && refused.err.contains("52"), "{refused}");
    place.remove().await;
}

#[tokio::test]
async fn a_pod_that_fits_on_no_node_says_so_in_the_schedulers_words() {
    let place = Place::new().await;
    let spec =
        json!({"pod": {"nodeSelector": {"handback-test": "nowhere"}}, "startDeadlineSeconds": 600});
    place.apply(&test_run("nowhere", PASSES, &spec)).await;
    let run = place
        .until("nowhere", "the scheduler's words", |run| {
            run["status"]["message"].as_str().is_some_and(|message| message.contains("node"))
        })
        .await;
    assert_eq!(condition(&run, "PodReady").map(|(status, _)| status), Some("False"));
    place.remove().await;
}
