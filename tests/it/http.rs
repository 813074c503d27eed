//! The runner's own requests, against a server that keeps what it is sent.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request as Came, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use handback::{
    agent::{
        http::{Request, Requester},
        plan::{
            Plan,
            variables::{SecretVariable, Variables},
        },
    },
    page::{
        Text,
        predicate::{Finding, Method, Statuses},
        tool::{Code, Done, Failed},
    },
    policy::Policy,
    secret::Secret,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{Mutex, Notify},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// As it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// `POST /hook?x=1`.
    line: String,
    headers: HashMap<String, String>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A server on loopback under two names, which are two hosts.
struct Site {
    /// `http://127.0.0.1:port`
    origin: String,
    /// `http://localhost:port`
    other: String,
    seen: Log,
    _tasks: JoinSet<()>,
}

impl Site {
    /// Answers `/status/404` with that, `/to/301?URL` with a redirect there (`{A}` and `{B}` stand for
    /// the two origins), `/hops/5` with as many redirects, `/long` with 5000 characters, `/endless` for
    /// ever, `/flaky` with 503 twice; else with 200 and a cookie.
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (origin, other) =
            (format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}"));
        let seen = Log::default();
        let state = (Arc::clone(&seen), origin.clone(), other.clone());
        let app = Router::new().fallback(answer).with_state(state);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, other, seen, _tasks: tasks }
    }

    /// What came in since it was last asked.
    async fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().await)
    }

    async fn lines(&self) -> Vec<String> {
        self.seen().await.into_iter().map(|seen| seen.line).collect()
    }
}

async fn answer(State((log, a, b)): State<(Log, String, String)>, came: Came) -> Response {
    let (parts, body) = came.into_parts();
    let mut headers = HashMap::new();
    for (name, value) in &parts.headers {
        let twice = headers.insert(name.to_string(), value.to_str().unwrap().to_owned());
        assert!(twice.is_none(), "{name} came twice");
    }
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let seen = Seen { line: format!("{} {}", parts.method, parts.uri), headers, body };
    let times = {
        let mut log = log.lock().await;
        log.push(seen);
        log.len()
    };
    let path: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
    let number = path.get(1).and_then(|number| number.parse::<u16>().ok()).unwrap_or(0);
    let status = StatusCode::from_u16(number).unwrap_or(StatusCode::FOUND);
    let redirect = |to: String| (status, [(header::LOCATION, to)], "moved").into_response();
    match path[0] {
        "status" => status.into_response(),
        "to" => {
            let to = parts.uri.query().unwrap_or_default();
            redirect(to.replace("{A}", &a).replace("{B}", &b))
        }
        "hops" if number > 0 => redirect(format!("/hops/{}", number - 1)),
        "long" => "é".repeat(5000).into_response(),
        "endless" => {
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            let pieces =
                futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
            ([(header::CONTENT_TYPE, "text/plain")], Body::from_stream(pieces)).into_response()
        }
        "flaky" if times < 3 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::SET_COOKIE, "session=abc; Path=/"),
            ];
            (headers, r#"{"ok":true}"#).into_response()
        }
    }
}

fn policy(allow: &[&str], deny: &[&str]) -> Arc<Policy> {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    Arc::new(Policy::new(&owned(allow), &owned(deny)).unwrap())
}

/// For a run at `origin` of a plan with this text.
fn requester(origin: &str, plan: &str, policy: Arc<Policy>) -> Requester {
    let plan = Plan::parse(plan, &[], &Variables::default()).unwrap();
    Requester::new(&Url::parse(origin).unwrap(), &plan.hosts, policy, false)
}

fn usual(origin: &str) -> Requester {
    requester(origin, "Verify it works", policy(&[], &[]))
}

fn get(url: &str) -> Request {
    Request { method: Method::Get, url: url.into(), headers: Vec::new(), body: None }
}

fn post(url: &str, body: &str) -> Request {
    Request { method: Method::Post, body: Some(body.into()), ..get(url) }
}

fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
    Request { headers: headers.collect(), ..request }
}

async fn ask(requester: &Requester, request: &Request) -> Result<Done, Failed> {
    requester.request(request, &CancellationToken::new()).await
}

/// Rule and host of a request that was refused.
async fn blocked(requester: &Requester, url: &str) -> String {
    let failed = ask(requester, &get(url)).await.expect_err(url);
    assert_eq!(failed.code, Code::BlockedByPolicy, "{url}: {failed}");
    format!("{} {}", failed.data["rule"], failed.data["host"]).replace('"', "")
}

#[tokio::test]
async fn a_request_is_sent_as_it_was_meant_and_without_anything_of_the_browser() {
    let site = Site::start().await;
    let requester = usual(&site.origin);
    let done = ask(&requester, &get("/api?x=1")).await.unwrap();
    assert_eq!(done.sentence, "the request was answered with status 200");
    let data = &done.data;
    let wanted = (&json!("application/json"), &json!("{\"ok\":true}"), &json!(false));
    assert_eq!((&data["content_type"], &data["body"], &data["truncated"]), wanted);
    assert!(data["ms"].is_u64() && data.get("redirects").is_none());
    let custom = [("X-Team", "a, b"), ("Content-Type", "text/csv")];
    ask(&requester, &with(post("/hook", "a;b"), &custom)).await.unwrap();
    ask(&requester, &post("/hook", "{}")).await.unwrap();
    ask(&requester, &Request { method: Method::Head, ..get("/") }).await.unwrap();

    let seen = site.seen().await;
    let lines: Vec<_> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(lines, ["GET /api?x=1", "POST /hook", "POST /hook", "HEAD /"]);
    let host = site.origin.strip_prefix("http://").unwrap();
    for seen in &seen {
        assert_eq!(seen.header("host"), Some(host));
        let known = ["accept", "content-length", "content-type", "host", "user-agent", "x-team"];
        for name in seen.headers.keys() {
            assert!(known.contains(&name.as_str()), "{name}: {seen:?}");
        }
    }
    let types: Vec<_> = seen.iter().map(|seen| seen.header("content-type")).collect();
    assert_eq!(types, [None, Some("text/csv"), Some("application/json"), None]);
    assert_eq!((seen[1].header("x-team"), seen[1].body.as_str()), (Some("a, b"), "a;b"));
}

#[tokio::test]
async fn every_status_is_a_success_and_no_answer_a_failure_with_its_cause() {
    let site = Site::start().await;
    for status in [404, 500, 204] {
        let done = ask(&usual(&site.origin), &get(&format!("/status/{status}"))).await.unwrap();
        assert_eq!(done.data["status"], status);
    }
    let nobody = {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", free.local_addr().unwrap())
    };
    let failed = ask(&usual(&nobody), &get("/")).await.unwrap_err();
    assert_eq!(failed.code, Code::RequestFailed);
    assert!(failed.data["cause"].as_str().unwrap().contains("refused the connection"), "{failed}");
}

#[tokio::test]
async fn a_body_is_cut_to_what_can_be_used_and_read_no_further() {
    let site = Site::start().await;
    let long = ask(&usual(&site.origin), &get("/long")).await.unwrap();
    assert_eq!(long.data["body"].as_str().unwrap().chars().count(), 4000);
    assert_eq!(long.data["truncated"], true);
    let endless = ask(&usual(&site.origin), &get("/endless")).await.unwrap();
    assert_eq!((&endless.data["status"], &endless.data["truncated"]), (&json!(200), &json!(true)));
}

#[tokio::test]
async fn redirects_are_followed_five_times() {
    let site = Site::start().await;
    let done = ask(&usual(&site.origin), &get("/hops/5")).await.unwrap();
    let url = format!("{}/hops/0", site.origin);
    assert_eq!((&done.data["redirects"], &done.data["url"]), (&json!(5), &json!(url)));
    let failed = ask(&usual(&site.origin), &get("/hops/6")).await.unwrap_err();
    assert_eq!(failed.code, Code::RequestFailed);
    assert!(failed.message.contains("more than 5 times"), "{failed}");
}

#[tokio::test]
async fn another_host_gets_the_request_without_what_proves_who_asks() {
    let site = Site::start().await;
    let plan = format!("Verify GET {}/x returns 200", site.other);
    let requester = requester(&site.origin, &plan, policy(&[], &[]));
    let headers =
        [("Authorization", "Bearer x"), ("Cookie", "a=b"), ("X-Key", "k"), ("Accept", "a/b")];
    let request = with(post("/to/307?{B}/there", "{}"), &headers);
    ask(&requester, &request).await.unwrap();
    ask(&requester, &with(post("/to/302?/here", "{}"), &headers)).await.unwrap();
    let seen = site.seen().await;
    let short = |seen: &Seen| {
        let given = |name| if seen.header(name).is_some() { name } else { "" };
        let names = ["authorization", "cookie", "x-key", "content-type"].map(given);
        format!("{} {:?} {}", seen.line, seen.body, names.join(","))
    };
    assert_eq!(
        seen.iter().map(short).collect::<Vec<_>>(),
        [
            "POST /to/307?{B}/there \"{}\" authorization,cookie,x-key,content-type",
            "POST /there \"{}\" ,,,content-type",
            "POST /to/302?/here \"{}\" authorization,cookie,x-key,content-type",
            "GET /here \"\" authorization,cookie,x-key,",
        ]
    );
    assert!(seen[1].header("host").unwrap().starts_with("localhost"));
    assert_eq!(seen[1].header("accept"), Some("a/b"));
}

// agent.md 17.36
#[tokio::test]
async fn forbidden_and_unnamed_hosts_are_refused_with_rule_and_host() {
    let site = Site::start().await;
    let plan = "Ask http://169.254.169.254/latest, http://metadata.google.internal/x, \
                https://kubernetes.default.svc/api and http://10.96.0.1/api";
    let cluster = policy(&[], &["kubernetes.default.svc", "10.96.0.1"]);
    let named = requester(&site.origin, plan, cluster);
    for (url, told) in [
        ("http://169.254.169.254/latest/meta-data/", "link-local addresses 169.254.169.254"),
        ("http://0xa9fea9fe/", "link-local addresses 169.254.169.254"),
        ("http://[::ffff:169.254.169.254]/", "link-local addresses [::ffff:a9fe:a9fe]"),
        ("http://metadata.google.internal/x", "cloud metadata names metadata.google.internal"),
        (
            "https://kubernetes.default.svc/api",
            "--deny-host kubernetes.default.svc kubernetes.default.svc",
        ),
        ("https://10.96.0.1/api", "--deny-host 10.96.0.1 10.96.0.1"),
        ("https://elsewhere.example/", "only hosts that the plan names elsewhere.example"),
        ("//elsewhere.example/", "only hosts that the plan names elsewhere.example"),
        (
            "https://shop.example.evil.example/",
            "only hosts that the plan names shop.example.evil.example",
        ),
    ] {
        assert_eq!(blocked(&named, url).await, told);
    }
    // A name is judged by what it resolves to, too.
    let by_address = requester("http://shop.example/", &site.other, policy(&[], &["127.0.0.0/8"]));
    let told = blocked(&by_address, &site.other).await;
    assert_eq!(told, "--deny-host 127.0.0.0/8 localhost (127.0.0.1)");
    assert!(site.seen().await.is_empty(), "nothing was sent");
}

// agent.md 17.36
#[tokio::test]
async fn a_redirect_is_judged_like_what_was_asked_for() {
    let site = Site::start().await;
    for (to, told) in [
        ("http://169.254.169.254/latest", "link-local addresses 169.254.169.254"),
        ("http://metadata.goog/", "cloud metadata names metadata.goog"),
        ("{B}/there", "only hosts that the plan names localhost"),
        ("//elsewhere.example", "only hosts that the plan names elsewhere.example"),
    ] {
        assert_eq!(blocked(&usual(&site.origin), &format!("/to/302?{to}")).await, told);
    }
    assert_eq!(site.seen().await.len(), 4, "only what redirects was asked");
    // Who allows a host by name need not name it in the plan; it may still be denied.
    let open =
        requester(&site.origin, "Verify it works", policy(&["127.0.0.1", "localhost", "::1"], &[]));
    assert_eq!(ask(&open, &get("/to/302?{B}/there")).await.unwrap().data["status"], 200);
}

#[tokio::test]
async fn a_secret_leaves_only_for_its_origins_and_is_in_no_message() {
    let site = Site::start().await;
    let plan_text = format!("Verify GET {}/x returns 200", site.other);
    let plan = Plan::parse(&plan_text, &[], &Variables::default()).unwrap();
    let key = Secret::new("hunter2!".to_owned());
    let secrets = vec![SecretVariable { name: "KEY".to_owned(), value: key, origins: Vec::new() }];
    let run_url = Url::parse(&site.origin).unwrap();
    let variables = Variables::new(Vec::new(), secrets).unwrap().released_to(&run_url, &plan);
    let requester = requester(&site.origin, &plan_text, policy(&[], &[]));
    let headers = [("Authorization", "Bearer {{KEY}}")];

    let request = with(post("/hook?k={{KEY}}", r#"{"k":"{{KEY}}"}"#), &headers);
    let filled = variables.request(&request).unwrap();
    let done = ask(&requester, &filled).await.unwrap();
    assert!(!format!("{filled:?} {done:?}").contains("hunter2"));
    let seen = site.seen().await;
    assert_eq!(seen[0].line, "POST /hook?k=hunter2!");
    assert_eq!(seen[0].header("authorization"), Some("Bearer hunter2!"));
    assert_eq!(seen[0].body, r#"{"k":"hunter2!"}"#);

    // localhost is named, but a secret goes only to https origins of what a plan names.
    let there = format!("{}/hook", site.other);
    for request in [
        with(get(&there), &headers),
        post(&there, "{{KEY}}"),
        get(&format!("{there}?k={{{{KEY}}}}")),
        post("/to/307?{B}/there", "{{KEY}}"),
    ] {
        let failed = ask(&requester, &variables.request(&request).unwrap()).await.unwrap_err();
        assert_eq!(failed.code, Code::BlockedByPolicy, "{failed}");
        assert!(!format!("{failed:?}").contains("hunter2"), "{failed:?}");
    }
    assert_eq!(site.lines().await, ["POST /to/307?{B}/there"]);
    let early = variables.request(&get("/?k={{code}}")).unwrap_err();
    assert_eq!(early.code, "mail_unavailable");
}

/// Accepts a connection and reads, once the head is there never to answer; until the other side goes.
async fn silent(listener: TcpListener, head: &'static [u8], came: Arc<Notify>, left: Arc<Notify>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = vec![0; 4096];
    assert_ne!(stream.read(&mut bytes).await.unwrap(), 0);
    stream.write_all(head).await.unwrap();
    came.notify_one();
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
    left.notify_one();
}

#[tokio::test]
async fn a_cancelled_request_leaves_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (came, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut tasks = JoinSet::new();
    tasks.spawn(silent(listener, b"", Arc::clone(&came), Arc::clone(&left)));
    let cancel = CancellationToken::new();
    let (requester, request) = (usual(&origin), get("/"));
    let (outcome, ()) = tokio::join!(requester.request(&request, &cancel), async {
        came.notified().await;
        cancel.cancel();
    });
    assert_eq!(outcome.unwrap_err().code, Code::Cancelled);
    timeout(Duration::from_secs(10), left.notified()).await.expect("the connection ends");
}

#[tokio::test]
async fn after_thirty_seconds_with_or_without_a_head_there_is_no_answer() {
    for (head, told) in [
        (&b""[..], "127.0.0.1 did not answer within 30 s"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "127.0.0.1 answered with status 200, but without an end of it, within 30 s",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (came, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(silent(listener, head, Arc::clone(&came), left));
        let (requester, request) = (usual(&origin), get("/"));
        let (outcome, began) = tokio::join!(ask(&requester, &request), async {
            came.notified().await;
            // The clock jumps only when nothing is left to read, and what was said is there to be read.
            tokio::time::pause();
            Instant::now()
        });
        assert!((29..31).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        tokio::time::resume();
        let failed = outcome.unwrap_err();
        assert_eq!((failed.code, failed.message.as_str()), (Code::RequestFailed, told));
    }
}

async fn status(requester: &Requester, method: Method, url: &str, wanted: &str) -> Finding {
    let (url, wanted) = (Text::from(url), Statuses::read(wanted).unwrap());
    let cancel = CancellationToken::new();
    requester.status(method, &url, wanted, Duration::from_secs(3), &cancel).await
}

#[tokio::test]
async fn a_status_is_asked_for_until_it_is_right() {
    let site = Site::start().await;
    let requester = usual(&site.origin);
    let found = status(&requester, Method::Get, "/flaky?token=abc", "2xx").await;
    assert!(found.outcome, "{found:?}");
    assert_eq!(found.detail, "GET /flaky?token=* is answered with status 200");
    assert_eq!(site.lines().await.len(), 3);

    let found = status(&requester, Method::Get, "/status/404", "200").await;
    assert!(!found.outcome && found.detail.ends_with("status 404"), "{found:?}");
    assert!(site.lines().await.len() > 2, "asked again");
}

#[tokio::test]
async fn a_check_does_nothing_twice_and_asks_nobody_whom_it_may_not() {
    let site = Site::start().await;
    let requester = usual(&site.origin);
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        assert!(!status(&requester, method, "/status/500", "2xx").await.outcome);
        assert_eq!(site.lines().await.len(), 1, "{method:?}");
    }
    let began = Instant::now();
    let found = status(&requester, Method::Get, "http://169.254.169.254/", "200").await;
    assert!(!found.outcome && found.detail.contains("link-local"), "{found:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "a rule does not change: {found:?}");
}

#[tokio::test]
async fn a_redirect_is_followed_unless_it_is_what_is_asked_about() {
    let site = Site::start().await;
    let requester = usual(&site.origin);
    assert!(status(&requester, Method::Get, "/to/301?/new", "200").await.outcome);
    assert!(status(&requester, Method::Get, "/to/301?/new", "301").await.outcome);
    assert!(status(&requester, Method::Get, "/to/301?/new", "3xx").await.outcome);
    let lines = site.lines().await;
    assert_eq!(lines, ["GET /to/301?/new", "GET /new", "GET /to/301?/new", "GET /to/301?/new"]);
}
