//! The operator's look at addresses under test: real requests to small servers on loopback.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use handback::{
    decide::Target,
    manifest::check::{ValidRun, check},
    operator::{outside::Targets, targets::HttpTargets},
    pod::contract::run::{Dialogs, RunPolicy},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

/// A server on loopback, and how often it was asked.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

async fn server<F: Future<Output = Response> + Send + 'static>(
    answer: impl Fn(Method, Uri) -> F + Clone + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new().fallback(move |method: Method, uri: Uri| {
        count.fetch_add(1, Ordering::SeqCst);
        answer(method, uri)
    });
    let mut task = JoinSet::new();
    task.spawn(async move { axum::serve(listener, app).await.unwrap() });
    Server { url, asked, _task: task }
}

fn run(url: &str, readiness: Value) -> ValidRun {
    let mut spec = json!({"url": url, "plan": "Verify \"x\" is visible"});
    spec["readiness"] = readiness;
    check("checkout", &serde_json::from_value(spec).unwrap()).unwrap()
}

fn policy(denied: &[&str]) -> RunPolicy {
    RunPolicy {
        allowed_hosts: Vec::new(),
        denied_hosts: denied.iter().map(|&host| host.to_owned()).collect(),
        insecure_tls: false,
        dialogs: Dialogs::Auto,
    }
}

async fn look(url: &str, readiness: Value) -> Target {
    HttpTargets.look(&run(url, readiness), "shop", &policy(&[])).await
}

fn by_header() -> Value {
    json!({"revision": "3f1c9ae", "revisionFrom": {"header": "X-Revision"}})
}

fn by_json(path: &str, way: &str) -> Value {
    json!({"revision": "3f1c9ae", "revisionFrom": {"path": path, "jsonPath": way}})
}

fn serving(revision: &'static str) -> Response {
    ([("x-revision", revision)], "page").into_response()
}

#[tokio::test]
async fn any_answer_is_ready_and_no_redirect_is_followed() {
    for status in [200, 302, 404, 500] {
        let server = server(move |_, _| async move {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", "/elsewhere")], "").into_response()
        })
        .await;
        assert_eq!(look(&server.url, json!({})).await, Target::Ready, "{status}");
        assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    }
    // Without a readiness nobody would ask; who does gets the same answer.
    let server = server(async |_, _| serving("x")).await;
    assert_eq!(look(&server.url, Value::Null).await, Target::Ready);
}

#[tokio::test]
async fn a_revision_in_a_header_is_waited_for() {
    let right = server(async |_, _| serving(" 3f1c9ae ")).await;
    assert_eq!(look(&right.url, by_header()).await, Target::Ready);
    let wrong = server(async |_, _| serving("3f1c9ae0")).await;
    let found = Target::WrongRevision("3f1c9ae0".to_owned());
    assert_eq!(look(&wrong.url, by_header()).await, found);
    let mute = server(async |_, _| "page".into_response()).await;
    let found = Target::NoRevision("its answer has no header x-revision".to_owned());
    assert_eq!(look(&mute.url, by_header()).await, found);
}

#[tokio::test]
async fn a_header_that_only_get_has_is_found() {
    for head in [StatusCode::OK, StatusCode::METHOD_NOT_ALLOWED] {
        let server = server(move |method, _| async move {
            if method == Method::HEAD { head.into_response() } else { serving("3f1c9ae") }
        })
        .await;
        assert_eq!(look(&server.url, by_header()).await, Target::Ready, "{head}");
    }
}

#[tokio::test]
async fn a_revision_in_json_is_waited_for() {
    let server = server(async |method, uri: Uri| {
        if method == Method::HEAD {
            return HeaderMap::new().into_response();
        }
        match uri.to_string().as_str() {
            "/healthz?full=1" => Json(json!({"build": [{"version": "3f1c9ae"}]})).into_response(),
            "/old" => Json(json!({"version": 41})).into_response(),
            "/starting" => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"version": "3f1c9ae"})))
                .into_response(),
            "/page" => "<html>".into_response(),
            "/large" => vec![b' '; 2 << 20].into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    })
    .await;
    let no = |why: &str| Target::NoRevision(why.to_owned());
    for (path, way, found) in [
        ("/healthz?full=1", ".build[0].version", Target::Ready),
        ("/healthz?full=1", ".version", no("/healthz?full=1: there is no .version")),
        ("/old", ".version", Target::WrongRevision("41".to_owned())),
        ("/starting", ".version", no("/starting answers with HTTP status 503")),
        ("/page", ".version", no("/page: the answer is no JSON")),
        ("/large", ".version", no("/large is larger than 1 MiB")),
        ("/none", ".version", no("/none answers with HTTP status 404")),
    ] {
        // The path is one of the origin, wherever the run begins.
        let url = format!("{}cart?x=1#top", server.url);
        assert_eq!(look(&url, by_json(path, way)).await, found, "{path} {way}");
    }
}

#[tokio::test]
async fn what_does_not_answer_says_why_and_is_not_waited_for_long() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let Target::Silent(why) = look(&url, json!({})).await else { panic!("ready") };
    assert!(why.contains("refused the connection") && !why.ends_with('.'), "{why}");

    let hung = server(|_, _| std::future::pending()).await;
    let begun = Instant::now();
    let Target::Silent(why) = look(&hung.url, json!({})).await else { panic!("ready") };
    assert!(why.contains("did not answer within 8 s"), "{why}");
    assert!(!why.contains("--"), "no options of the command line: {why}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_the_browser_may_not_open_is_not_asked_either() {
    let server = server(async |_, _| serving("3f1c9ae")).await;
    let port = server.url.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let begun = Instant::now();
    for (url, denied) in [
        (server.url.clone(), &["127.0.0.0/8"][..]),
        (format!("http://localhost:{port}/"), &["127.0.0.0/8"]),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), &["127.0.0.0/8"]),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), &[]),
        ("http://metadata.google.internal/".to_owned(), &[]),
    ] {
        for readiness in [json!({}), by_header(), by_json("/healthz", ".version")] {
            let found = HttpTargets.look(&run(&url, readiness), "shop", &policy(denied)).await;
            let Target::Silent(why) = found else { panic!("{url}: {found:?}") };
            assert!(why.contains("is blocked by the network policy"), "{url}: {why}");
        }
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
    assert!(begun.elapsed() < Duration::from_secs(20), "nothing was tried");
}
