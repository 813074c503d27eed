//! Uninstalling: run pods lose the operator's finalizer and nothing else.

use handback::cli::release_pods::{Error, release};
use serde_json::{Value, json};

use crate::support::api_server::{
    ApiServer,
    call::Verb,
    fault::{Fault, Line, Rule},
    refusal::Refusal,
};

const OURS: &str = "handback.dev/artifacts";

/// A pod of a run, or of somebody else.
async fn pod(server: &ApiServer, namespace: &str, name: &str, run: bool, finalizers: &[&str]) {
    let labels = if run { json!({"handback.dev/run-uid": "u"}) } else { json!({"app": "shop"}) };
    let metadata = json!({
        "name": name, "namespace": namespace, "labels": labels, "finalizers": finalizers,
    });
    let spec = json!({"containers": [{"name": "a", "image": "a"}]});
    server.create("pods", json!({"metadata": metadata, "spec": spec})).await;
}

async fn finalizers(server: &ApiServer, namespace: &str, name: &str) -> Value {
    server.get("pods", namespace, name).await.expect("it is there")["metadata"]["finalizers"]
        .clone()
}

async fn server() -> ApiServer {
    let server = ApiServer::start();
    for name in ["a", "b"] {
        server.create("namespaces", json!({"metadata": {"name": name}})).await;
    }
    server
}

#[tokio::test(start_paused = true)]
async fn run_pods_lose_our_finalizer_and_run_on() {
    let server = server().await;
    pod(&server, "a", "tr-one-1", true, &[OURS]).await;
    pod(&server, "a", "tr-two-1", true, &["example.com/theirs", OURS]).await;
    pod(&server, "a", "tr-free-1", true, &[]).await;
    pod(&server, "b", "tr-three-1", true, &[OURS]).await;
    pod(&server, "b", "shop", false, &[OURS]).await;
    assert_eq!(release(&server.client(), &[]).await.expect("released"), 3);
    assert!(finalizers(&server, "a", "tr-one-1").await.as_array().is_none_or(Vec::is_empty));
    assert_eq!(finalizers(&server, "a", "tr-two-1").await, json!(["example.com/theirs"]));
    assert!(finalizers(&server, "b", "tr-three-1").await.as_array().is_none_or(Vec::is_empty));
    assert_eq!(finalizers(&server, "b", "shop").await, json!([OURS]));
    assert_eq!(server.all("pods").await.len(), 5);
    assert_eq!(release(&server.client(), &[]).await.expect("nothing to do"), 0);
}

#[tokio::test(start_paused = true)]
async fn only_the_namespaces_that_are_named() {
    let server = server().await;
    pod(&server, "a", "tr-one-1", true, &[OURS]).await;
    pod(&server, "b", "tr-one-1", true, &[OURS]).await;
    assert_eq!(release(&server.client(), &["b".to_owned()]).await.expect("released"), 1);
    assert_eq!(finalizers(&server, "a", "tr-one-1").await, json!([OURS]));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_goes_as_soon_as_it_is_released() {
    let server = server().await;
    pod(&server, "a", "tr-one-1", true, &[OURS]).await;
    server.delete("pods", "a", "tr-one-1").await;
    server.end_pod("a", "tr-one-1").await;
    assert!(server.get("pods", "a", "tr-one-1").await.is_some(), "its finalizer holds it");
    assert_eq!(release(&server.client(), &["a".to_owned()]).await.expect("released"), 1);
    assert!(server.get("pods", "a", "tr-one-1").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_its_kubelet_changes_meanwhile_is_tried_again_but_not_for_ever() {
    let server = server().await;
    pod(&server, "a", "tr-one-1", true, &[OURS]).await;
    let patches = |line: &Line| line.verb == Verb::Patch;
    server.rule(Rule::first(patches, Fault::conflict()).times(3)).await;
    assert_eq!(release(&server.client(), &[]).await.expect("released"), 1);

    pod(&server, "a", "tr-two-1", true, &[OURS]).await;
    server.rule(Rule::all(patches, Fault::conflict())).await;
    let problem = release(&server.client(), &[]).await.expect_err("always changed");
    assert!(matches!(&problem, Error::Busy(pod) if pod == "a/tr-two-1"), "{problem:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_pod() {
    let server = server().await;
    pod(&server, "a", "tr-one-1", true, &[OURS]).await;
    let refusal = Refusal::new(403, "Forbidden", "pods is forbidden");
    server.rule(Rule::all(|line| line.verb == Verb::Patch, Fault::Refuse(refusal))).await;
    let problem = release(&server.client(), &[]).await.expect_err("forbidden");
    assert_eq!(problem.to_string(), "releasing pod a/tr-one-1");
}
