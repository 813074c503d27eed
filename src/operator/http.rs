//! What a cluster asks of an operator: `/metrics`, `/healthz`, `/readyz`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::State as Extract,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use k8s_openapi::api::core::v1::Pod;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Caches, TestRun};
use crate::{manifest::status::Phase, metrics::Metrics};

/// What the answers are made from.
#[derive(Clone, Debug)]
pub(super) struct State {
    caches: Caches,
    metrics: Arc<Metrics>,
}

impl State {
    /// Of these caches and counts.
    pub(super) fn new(caches: Caches, metrics: Arc<Metrics>) -> Self {
        Self { caches, metrics }
    }
}

/// Serves until it is cancelled.
pub(super) async fn serve(listener: TcpListener, state: State, cancel: CancellationToken) {
    let served = axum::serve(listener, app(state))
        .with_graceful_shutdown(async move { cancel.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "metrics and probes are not served any more");
    }
}

fn app(state: State) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        // An operator that answers at all is alive; what it cannot reach, a restart does not mend.
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(state)
}

/// Ready is whoever could lead: all of its caches are filled.
async fn ready(Extract(state): Extract<State>) -> (StatusCode, &'static str) {
    tokio::select! {
        biased;
        filled = state.caches.filled() => match filled {
            Ok(()) => (StatusCode::OK, "ok\n"),
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the watches have ended\n"),
        },
        () = std::future::ready(()) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the caches are not filled yet\n")
        }
    }
}

async fn metrics(Extract(state): Extract<State>) -> Response {
    state.metrics.runs(count(PHASES, state.caches.runs.state().iter().map(|run| phase(run))));
    state.metrics.pods(count(STATES, state.caches.pods.state().iter().map(|pod| pod_state(pod))));
    match state.metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

const PHASES: [&str; 7] =
    ["Pending", "Queued", "Starting", "Running", "HandedOff", "Finished", "Expired"];
const STATES: [&str; 6] = ["pending", "running", "succeeded", "failed", "unknown", "terminating"];

/// Each name with how often it occurs, also if never: a series that vanishes looks like an outage.
fn count<const N: usize>(
    names: [&'static str; N],
    found: impl Iterator<Item = &'static str>,
) -> BTreeMap<&'static str, i64> {
    let mut counts: BTreeMap<&'static str, i64> = names.into_iter().map(|name| (name, 0)).collect();
    for name in found {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn phase(run: &TestRun) -> &'static str {
    match run.status.as_ref().and_then(|status| status.phase).unwrap_or_default() {
        Phase::Pending => "Pending",
        Phase::Queued => "Queued",
        Phase::Starting => "Starting",
        Phase::Running => "Running",
        Phase::HandedOff => "HandedOff",
        Phase::Finished => "Finished",
        Phase::Expired => "Expired",
    }
}

fn pod_state(pod: &Pod) -> &'static str {
    if pod.metadata.deletion_timestamp.is_some() {
        return "terminating";
    }
    match pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Running") => "running",
        Some("Succeeded") => "succeeded",
        Some("Failed") => "failed",
        Some("Pending") | None => "pending",
        Some(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::runtime::{
        reflector::{self, Lookup, store::Writer},
        watcher::Event,
    };
    use serde_json::{Value, json};
    use tokio::{
        task::JoinSet,
        time::{Duration, timeout},
    };
    use tower::ServiceExt as _;

    use super::*;
    use crate::manifest::handoff::Handoff;

    struct Filled {
        app: Router,
        caches: Caches,
        runs: Writer<TestRun>,
        pods: Writer<Pod>,
        handoffs: Writer<Handoff>,
        namespaces: Writer<Namespace>,
    }

    fn app() -> Filled {
        let (run_store, runs) = reflector::store();
        let (pod_store, pods) = reflector::store();
        let (handoff_store, handoffs) = reflector::store();
        let (namespace_store, namespaces) = reflector::store();
        let metrics = Arc::new(Metrics::new().unwrap());
        let caches = Caches {
            runs: run_store,
            pods: pod_store,
            handoffs: handoff_store,
            namespaces: Some(namespace_store),
        };
        let app = super::app(State::new(caches.clone(), metrics));
        Filled { app, caches, runs, pods, handoffs, namespaces }
    }

    fn fill<K>(writer: &mut Writer<K>)
    where
        K: Lookup + Clone + 'static,
        K::DynamicType: Eq + std::hash::Hash + Clone,
    {
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitDone);
    }

    async fn get(app: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn run(name: &str, status: &Value) -> TestRun {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"url": "https://shop.example", "plan": ""}, "status": status,
        }))
        .unwrap()
    }

    fn pod(name: &str, metadata: &Value, phase: &str) -> Pod {
        let mut pod = json!({"metadata": metadata, "status": {"phase": phase}});
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["namespace"] = json!("shop");
        serde_json::from_value(pod).unwrap()
    }

    #[tokio::test]
    async fn whoever_answers_is_alive_and_ready_once_all_caches_are_filled() {
        // Whichever is the last one, it is waited for.
        for last in 0..4 {
            let mut filled = app();
            assert_eq!(get(&filled.app, "/healthz").await, (200, "ok\n".to_owned()));
            for which in (0..4).filter(|which| *which != last).chain([last]) {
                let (status, text) = get(&filled.app, "/readyz").await;
                assert_eq!((status, text.as_str()), (503, "the caches are not filled yet\n"));
                match which {
                    0 => fill(&mut filled.runs),
                    1 => fill(&mut filled.pods),
                    2 => fill(&mut filled.handoffs),
                    _ => fill(&mut filled.namespaces),
                }
            }
            assert_eq!(get(&filled.app, "/readyz").await, (200, "ok\n".to_owned()));
        }
        let filled = app();
        assert_eq!(get(&filled.app, "/").await.0, 404);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_whether_it_is_ready_leaves_nobody_else_waiting_for_ever() {
        let mut filled = app();
        let caches = filled.caches.clone();
        // In a task of its own, which somebody else's question does not wake.
        let mut candidate = JoinSet::new();
        candidate.spawn(async move { caches.filled().await.is_ok() });
        tokio::task::yield_now().await;
        assert_eq!(get(&filled.app, "/readyz").await.0, 503);
        fill(&mut filled.runs);
        fill(&mut filled.pods);
        fill(&mut filled.handoffs);
        fill(&mut filled.namespaces);
        let woken = timeout(Duration::from_secs(10), candidate.join_next()).await;
        assert!(woken.expect("somebody wakes it").unwrap().unwrap());
    }

    #[tokio::test]
    async fn metrics_count_what_there_is_also_where_there_is_none() {
        let mut filled = app();
        for run in [
            run("new", &Value::Null),
            run("a", &json!({"phase": "Running"})),
            run("b", &json!({"phase": "Running"})),
            run("c", &json!({"phase": "Finished", "verdict": "Passed"})),
        ] {
            filled.runs.apply_watcher_event(&Event::Apply(run));
        }
        let going = json!({"deletionTimestamp": "2026-11-21T16:40:00Z"});
        for pod in [pod("a", &json!({}), "Running"), pod("b", &going, "Running")] {
            filled.pods.apply_watcher_event(&Event::Apply(pod));
        }
        for _ in 0..2 {
            let (status, text) = get(&filled.app, "/metrics").await;
            assert_eq!(status, 200);
            for line in [
                "handback_testruns{phase=\"Pending\"} 1",
                "handback_testruns{phase=\"Running\"} 2",
                "handback_testruns{phase=\"Finished\"} 1",
                "handback_testruns{phase=\"Expired\"} 0",
                "handback_pods{state=\"running\"} 1",
                "handback_pods{state=\"terminating\"} 1",
                "handback_pods{state=\"failed\"} 0",
            ] {
                assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
            }
        }
        // What is gone is not counted any more.
        filled.runs.apply_watcher_event(&Event::Delete(run("a", &json!({"phase": "Running"}))));
        let (_, text) = get(&filled.app, "/metrics").await;
        assert!(text.contains("handback_testruns{phase=\"Running\"} 1"), "{text}");
    }
}
