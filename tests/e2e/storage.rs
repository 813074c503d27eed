//! The files of runs in a real S3 server, read by a client that is not ours.

use serde_json::{Value, json};

use crate::{
    audit,
    fleet::here,
    place::{PASSES, Place, condition, test_run},
    versitygw::{Client, Keys, Server},
};

const KEYS: Keys = ("AKIDOFACLUSTER", "secretofaclustersecretofacluster");
const BUCKET: &str = "runs";

/// A server with a bucket, and its keys in the namespace.
async fn server(place: &Place, tls: bool) -> (Server, Client) {
    let server = Server::start(here(), tls, KEYS).await;
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
        "endpoint": server.endpoint, "bucket": BUCKET, "prefix": "ci",
        "allowInsecure": server.ca.is_none(),
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
    let (server, mut client) = server(&place, false).await;
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
    let (server, _) = server(&place, false).await;
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
    let (server, _) = server(&place, false).await;
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

#[tokio::test]
async fn storage_with_an_authority_of_its_own_is_trusted_where_the_run_names_it_and_nowhere_else() {
    let place = Place::new().await;
    let (server, mut client) = server(&place, true).await;
    let authority = String::from_utf8(server.ca.clone().expect("TLS")).expect("PEM");
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"},
        "data": {"root.pem": authority},
    });
    place.apply(&map).await;
    let without = artifacts(&server, &json!({"uploadTimeoutSeconds": 5}));
    let mut with = artifacts(&server, &json!({}));
    with["artifacts"]["s3"]["caFrom"] =
        json!({"configMapKeyRef": {"name": "authority", "key": "root.pem"}});
    place.apply(&test_run("doubts", PASSES, &without)).await;
    place.apply(&test_run("trusts", PASSES, &with)).await;
    let run = place.until_true("trusts", "ArtifactsUploaded").await;
    assert_eq!(run["status"]["artifacts"]["state"], "Complete", "{}", run["status"]);
    let run = place
        .until("doubts", "a failed upload", |run| run["status"]["artifacts"]["state"] == "Failed")
        .await;
    assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
    let conditions = run["status"]["conditions"].as_array().expect("conditions");
    let uploaded = conditions.iter().find(|one| one["type"] == "ArtifactsUploaded").expect("one");
    let why = uploaded["message"].as_str().unwrap_or_default();
    assert!(why.contains("certificate") && why.contains("UnknownIssuer"), "{uploaded}");
    let found = client.ask(&json!(["read", BUCKET])).await;
    let keys: Vec<&String> = found.as_object().expect("objects").keys().collect();
    assert!(keys.iter().any(|key| key.ends_with("/manifest.json")), "{keys:?}");
    assert!(keys.iter().all(|key| key.contains("/trusts/")), "{keys:?}");
    server.stop().await;
    place.remove().await;
}

/// From `kubectl apply` to the last byte in the bucket: the pod, and four times the status.
#[tokio::test]
async fn a_run_with_storage_costs_at_most_five_writes() {
    audit::log();
    for _ in 0..8 {
        let place = Place::new().await;
        let (server, _) = server(&place, false).await;
        place.apply(&test_run("counted", PASSES, &artifacts(&server, &json!({})))).await;
        let run = place.until_true("counted", "ArtifactsUploaded").await;
        let asked = audit::operator_requests(place.name()).await;
        // While other tests fill the node a run waits, and says so, which is a write of its own.
        let waited = place.events("tr-counted-1").await.contains(&"FailedScheduling".to_owned());
        // What comes after the word that all is stored belongs to the rest of its life.
        let last = asked.iter().rposition(|request| request.resource == "testruns/status");
        let asked = asked.iter().take(last.map_or(0, |last| last + 1));
        let writes: Vec<_> = asked.filter(|request| request.is_write()).collect();
        server.stop().await;
        place.remove().await;
        if !waited {
            assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
            assert!((2..=5).contains(&writes.len()), "{writes:#?}");
            return;
        }
    }
    panic!("the node never had room at once");
}
