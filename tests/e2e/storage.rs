//! The files of runs in a real S3 server, read by a client that is not ours.

use serde_json::{Value, json};

use crate::{
    fleet::here,
    place::{PASSES, Place, condition, test_run},
    versitygw::{Client, Keys, Server},
};

const KEYS: Keys = ("AKIDOFACLUSTER", "secretofaclustersecretofacluster");
const BUCKET: &str = "runs";

/// A server with a bucket, and its keys in the namespace.
async fn server(place: &Place) -> (Server, Client) {
    let server = Server::start(here(), false, KEYS).await;
    let mut client = server.client();
    assert_eq!(client.ask(&json!(["make", BUCKET])).await, json!(true));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"},
        "stringData": {"accessKeyID": KEYS.0, "secretAccessKey": KEYS.1},
    });
    place.apply(&secret).await;
    (server, client)
}

/// Where a run's files go; `more` is laid over it.
fn artifacts(server: &Server, more: &Value) -> Value {
    let mut artifacts = json!({"s3": {
        "endpoint": server.endpoint, "bucket": BUCKET, "prefix": "ci", "allowInsecure": true,
        "credentialsSecretRef": {"name": "s3"},
    }});
    for (field, value) in more.as_object().into_iter().flatten() {
        artifacts[field] = value.clone();
    }
    json!({"artifacts": artifacts})
}

#[tokio::test]
async fn the_files_of_a_run_are_in_the_bucket_with_the_sums_of_its_manifest() {
    let place = Place::new().await;
    let (server, mut client) = server(&place).await;
    place.apply(&test_run("kept", PASSES, &artifacts(&server, &json!({"video": "Always"})))).await;
    let run = place.until_true("kept", "ArtifactsUploaded").await;
    let stored = &run["status"]["artifacts"];
    assert_eq!(stored["state"], "Complete", "{stored}");
    let uid = &run["metadata"]["uid"].as_str().expect("a uid")[..8];
    let prefix = format!("ci/{}/kept/{uid}/1/", place.name());
    assert_eq!(stored["uri"], format!("s3://{BUCKET}/{prefix}"));
    let found = client.ask(&json!(["read", BUCKET])).await;
    let found = found.as_object().expect("objects");
    let manifest = &found[&format!("{prefix}manifest.json")];
    assert_eq!(manifest["sha256"], stored["manifestSHA256"]);
    let names: Vec<&str> = found.keys().filter_map(|key| key.strip_prefix(&prefix)).collect();
    for name in ["results.json", "junit.xml", "player.html", "video.webm", "events.ndjson"] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    // The manifest counts too; the log's pieces are for those who follow a run.
    let stored_names = names.iter().filter(|name| !name.starts_with("events/"));
    let count = u64::try_from(stored_names.count()).ok();
    assert_eq!(stored["count"].as_u64(), count, "{stored} {names:?}");
    server.stop().await;
    place.remove().await;
}

#[tokio::test]
async fn storage_that_is_down_at_the_end_of_a_run_gets_the_files_when_it_is_back() {
    let place = Place::new().await;
    let (server, _) = server(&place).await;
    let spec = artifacts(&server, &json!({}));
    let server = server.kill().await;
    place.apply(&test_run("later", PASSES, &spec)).await;
    let run = place.until_true("later", "Finished").await;
    assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
    assert_ne!(condition(&run, "ArtifactsUploaded").map(|(status, _)| status), Some("True"));
    let server = server.start_again().await;
    let run = place.until_true("later", "ArtifactsUploaded").await;
    assert_eq!(run["status"]["artifacts"]["state"], "Complete");
    let found = server.client().ask(&json!(["read", BUCKET])).await;
    assert!(found.as_object().is_some_and(|all| !all.is_empty()), "{found}");
    server.stop().await;
    place.remove().await;
}

#[tokio::test]
async fn storage_that_stays_down_fails_the_upload_and_the_files_stay_in_the_pod() {
    let place = Place::new().await;
    let (server, _) = server(&place).await;
    let spec = artifacts(&server, &json!({"uploadTimeoutSeconds": 5}));
    let down = server.kill().await;
    place.apply(&test_run("never", PASSES, &spec)).await;
    let run = place
        .until("never", "a failed upload", |run| {
            condition(run, "ArtifactsUploaded").is_some_and(|(status, _)| status == "False")
                && run["status"]["artifacts"]["state"] == "Failed"
        })
        .await;
    assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
    place.told("never", "UploadFailed").await;
    let pod = run["status"]["pod"]["name"].as_str().expect("a pod").to_owned();
    let files = ["exec", &pod, "-c", "gate", "--", "ls", "-R", "/var/lib/handback/artifacts"];
    assert!(place.kubectl(&files).succeeds().await.contains("results.json"));
    drop(down);
    place.remove().await;
}
