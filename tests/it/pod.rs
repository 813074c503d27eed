//! The three processes of a run pod with a contract in a directory, a real Chromium and a real display.

use std::{
    fs::{self, DirBuilder},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use handback::pod::contract::{
    RunContract, RunVerdict, SandboxWish, Size, StoppedBy, Termination, UploadReport, UploadState,
    places,
    run::{
        ArtifactWishes, Dialogs, Driver, Keep, OnUploadFailure, RunIdentity, RunPolicy, Version,
    },
    stream::{ClosedBy, Failure, HandoffPhase, Mode, ToGateStream},
};
use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    client::{Cluster, take},
    gate::house::Person,
    pages::Pages,
    support::{
        leftovers::{self, lives},
        mirror::Mirror,
        operator::{Keys, Operator, prepare},
        waiting::until,
    },
};

/// The machine is noisy.
const PATIENCE: Duration = Duration::from_mins(2);
const UID: &str = "8c1f0000-0000-4000-8000-000000000001";
const PASSWORD: &str = "analytical-engine";

const SIGN_IN: &str = "<title>Sign in</title><form action=/in method=post><label>Name <input name=n>\
    </label><label>Password <input name=p type=password></label><button>Sign in</button></form>";
/// Tells port `{PORT}` whatever is typed.
const WELCOME: &str = "<title>Welcome</title><h1>Signed in</h1><label>Note <input id=note \
    oninput=\"new Image().src='http://127.0.0.1:{PORT}/'+this.value\"></label>";
const PLAN: &str = "Type \"{{NAME}}\" into the \"Name\" field\nType \"{{PASSWORD}}\" into the \"Password\" field\n\
    Click \"Sign in\"\nVerify \"Signed in\" is visible\nClick the \"Note\" field";
/// A key opens another tab, which tells port `{PORT}` that it runs.
const LINKS: &str = "<title>Sign in</title><a id=next href=/next target=_blank>Next</a><label>Note \
    <input onkeydown=\"document.getElementById('next').click()\"></label>";
const NEXT: &str =
    "<title>Next</title><script>new Image().src='http://127.0.0.1:{PORT}/hi'</script>";
const ASKS: &str = "<script>function ask() {
    const to = new XMLHttpRequest(); to.open('GET', 'http://127.0.0.1:{PORT}/asks', false);
    try { to.send(); } catch {} alert('Sure?'); }</script>";
const LINKED: &str = "Click the \"Note\" field\nWait for \"never there\" for up to 30 s\n\
    Verify \"x\" is visible";
const WAITS: &str = "Verify the title is \"Sign in\"\nWait for \"never there\" for up to 30 s\n\
    Verify \"x\" is visible";

struct Pod {
    place: TempDir,
    address: SocketAddr,
    browser: Child,
    gate: Child,
    agent: Option<Child>,
}

fn operator_keys() -> Keys {
    Keys::new(7)
}

fn contract(url: &str, plan: &str) -> RunContract {
    RunContract {
        version: Version,
        run: RunIdentity {
            name: "checkout".to_owned(),
            namespace: "shop".to_owned(),
            uid: "3f1c9ae0".to_owned(),
            attempt: 2,
        },
        url: url.to_owned(),
        plan: plan.to_owned(),
        pass_criteria: vec![],
        variables: [("NAME".to_owned(), "ada".to_owned())].into(),
        secret_variables: vec!["PASSWORD".to_owned()],
        driver: Driver::Auto,
        viewport: Size { width: 1000, height: 600 },
        sandbox: SandboxWish::Preferred,
        stop_on_first_failure: false,
        active_deadline_seconds: 120,
        idle_seconds: 900,
        artifacts: ArtifactWishes {
            video: Keep::Always,
            screenshots: Keep::Always,
            s3: None,
            upload_timeout_seconds: 30,
            on_upload_failure: OnUploadFailure::Hold,
        },
        policy: RunPolicy {
            allowed_hosts: vec![],
            denied_hosts: vec![],
            insecure_tls: false,
            dialogs: Dialogs::Auto,
        },
        operator_key: operator_keys().public(),
    }
}

impl Pod {
    /// All three containers, the agent last.
    async fn start(contract: &RunContract) -> Self {
        let mut pod = Self::without_agent(contract).await;
        pod.start_agent();
        pod
    }

    async fn without_agent(contract: &RunContract) -> Self {
        let place = tempfile::Builder::new().prefix("hb-pod-").tempdir().unwrap();
        // The browser's unprivileged user must be able to pass through.
        crate::support::run::set_mode(place.path(), 0o711);
        let path = |name: &str| place.path().join(name);
        for name in [
            "browser-sockets",
            "agent-sockets",
            "artifacts",
            "media",
            "journal",
            "contract",
            "secrets",
        ] {
            DirBuilder::new().mode(0o700).create(path(name)).unwrap();
        }
        fs::create_dir(path("home")).unwrap();
        crate::support::run::set_mode(&path("home"), 0o711);
        let text = contract.encode(0).unwrap();
        fs::write(path("contract").join(places::CONTRACT_FILE), text).unwrap();
        fs::write(path("contract").join(places::POD_UID_FILE), UID).unwrap();
        fs::write(path("secrets").join("PASSWORD"), PASSWORD).unwrap();
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
            free.local_addr().unwrap().port()
        };
        let mut browser = handback("browser");
        browser.arg("--sockets").arg(path("browser-sockets"));
        browser.arg("--media").arg(path("media"));
        browser.arg("--runtime").arg(path("home")).args(["--grace", "90"]);
        let mut gate = handback("gate");
        gate.arg("--contract").arg(path("contract"));
        gate.arg("--browser-sockets").arg(path("browser-sockets"));
        gate.arg("--agent-sockets").arg(path("agent-sockets"));
        gate.arg("--artifacts").arg(path("artifacts"));
        gate.arg("--media").arg(path("media"));
        gate.arg("--journal").arg(path("journal"));
        gate.arg("--termination-message").arg(path("gate-message"));
        gate.arg("--port").arg(port.to_string());
        let (browser, gate) = (browser.spawn().unwrap(), gate.spawn().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let pod = Self { place, address, browser, gate, agent: None };
        until("the gate", async || TcpStream::connect(address).await.ok()).await;
        pod
    }

    fn start_agent(&mut self) {
        let mut agent = handback("agent");
        agent.arg("--contract").arg(self.path("contract"));
        agent.arg("--secrets").arg(self.path("secrets"));
        agent.arg("--sockets").arg(self.path("agent-sockets"));
        agent.arg("--artifacts").arg(self.path("artifacts"));
        agent.arg("--termination-message").arg(self.path("agent-message"));
        self.agent = Some(agent.spawn().unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The run is at [`WAITS`].
    async fn waits(&self) {
        let waits = || contains(&self.run_dir(), "events.ndjson", "never there");
        until("the run", async || waits().then_some(())).await;
    }

    fn run_dir(&self) -> PathBuf {
        self.path("artifacts/3f1c9ae0-2")
    }

    /// The agent's exit code and last words.
    async fn verdict(&mut self) -> (i32, Termination) {
        let mut agent = self.agent.take().expect("started");
        let status = timeout(PATIENCE, agent.wait()).await.expect("the agent ends").unwrap();
        let code = status.code().expect("no signal");
        let message = fs::read_to_string(self.path("agent-message")).unwrap();
        assert!(!message.contains(PASSWORD), "{message}");
        (
            code,
            Termination::read(&message, code).unwrap_or_else(|error| panic!("{error}: {message}")),
        )
    }

    async fn operator(&self) -> Operator {
        Operator::connect(self.address, &operator_keys(), UID).await
    }

    /// The pid of the one Chromium.
    async fn chromium(&self) -> u32 {
        leftovers::process_named(&self.path("home"), "chromium").await
    }

    /// The process that does the gate's work, other than the one before.
    async fn worker(&self, before: Option<u32>) -> u32 {
        let keeper = self.gate.id().expect("running");
        until("a worker of the gate", async || {
            leftovers::child_of(keeper).filter(|pid| Some(*pid) != before)
        })
        .await
    }

    /// Kills the gate's worker, and waits for the next one.
    async fn kill_worker(&self) -> u32 {
        let worker = self.worker(None).await;
        send(worker, Signal::KILL);
        self.worker(Some(worker)).await
    }

    /// A page that a ticket of this handoff lets in.
    async fn enter(&self, keys: &Keys, uid: &str, epoch: u64) -> Person {
        let mut page = Person::at(self.address, &format!("ho-{uid}"));
        let (_, _, body) = page.raw(Method::GET, "/api/challenge", &[], "").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let ticket = keys.ticket_for(body["challenge"].as_str().unwrap(), UID, uid, epoch);
        let (code, body) = page.session(&[("X-Handback-Token", &ticket)]).await;
        assert_eq!(code, StatusCode::OK, "{body}");
        page
    }

    /// SIGTERM to what is left, as the kubelet sends it to all containers at once; gives what the gate
    /// says of the files.
    async fn end(mut self) -> UploadReport {
        for child in [&self.browser, &self.gate].into_iter().chain(self.agent.as_ref()) {
            terminate(child.id());
        }
        if self.agent.is_some() {
            self.verdict().await;
        }
        let status = timeout(PATIENCE, self.gate.wait()).await.expect("the gate ends").unwrap();
        assert_eq!(status.code(), Some(0));
        let status = timeout(PATIENCE, self.browser.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(0));
        leftovers::none_below(self.place.path()).await;
        let message = fs::read_to_string(self.path("gate-message")).unwrap();
        UploadReport::read(&message).unwrap_or_else(|| panic!("{message}"))
    }

    /// The manifest names what is there, with its sums; gives the paths.
    fn sealed(&self) -> Vec<String> {
        let bytes = fs::read(self.run_dir().join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let mut paths = Vec::new();
        for file in manifest["files"].as_array().unwrap() {
            let path = file["path"].as_str().unwrap();
            let bytes = fs::read(self.run_dir().join(path)).unwrap();
            let sum = Sha256::digest(&bytes)
                .iter()
                .fold(String::new(), |sum, b| sum + &format!("{b:02x}"));
            assert_eq!(file["sha256"], sum.as_str(), "{path}");
            let secret = bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
            assert!(!secret, "{path} has the secret");
            paths.push(path.to_owned());
        }
        paths
    }

    fn results(&self) -> Value {
        serde_json::from_slice(&fs::read(self.run_dir().join("results.json")).unwrap()).unwrap()
    }
}

fn handback(command: &str) -> Command {
    let mut handback = Command::new(env!("CARGO_BIN_EXE_handback"));
    handback.arg(command).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    // Whoever looks for what went wrong asks for more.
    handback.envs(std::env::var_os("HANDBACK_LOG").map(|log| ("HANDBACK_LOG", log)));
    handback.stdin(Stdio::null()).kill_on_drop(true);
    handback
}

fn terminate(pid: Option<u32>) {
    send(pid.expect("running"), Signal::TERM);
}

fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).expect("alive until now");
}

/// The page asks for this path at the port that is listened to.
async fn heard(ear: &TcpListener, path: &str) {
    let wanted = format!("GET {path} ");
    until(path, async || {
        let (mut heard, _) = ear.accept().await.unwrap();
        let mut line = vec![0; wanted.len()];
        heard.read_exact(&mut line).await.ok()?;
        (line == wanted.as_bytes()).then_some(())
    })
    .await;
}

async fn site() -> Pages {
    Pages::start(&[("/", SIGN_IN), ("/in", WELCOME)]).await
}

fn contains(directory: &Path, file: &str, text: &str) -> bool {
    fs::read_to_string(directory.join(file)).is_ok_and(|all| all.contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_passes_seals_and_hands_the_very_same_browser_to_a_person() {
    let ear = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = ear.local_addr().unwrap().port().to_string();
    let welcome = WELCOME.replace("{PORT}", &port);
    let site = Pages::start(&[("/", SIGN_IN), ("/in", &welcome)]).await;
    let mut pod = Pod::without_agent(&contract(&site.origin, PLAN)).await;
    let chromium = pod.chromium().await;
    let mut probe = handback("browser-started");
    probe.arg("--sockets").arg(pod.path("browser-sockets"));
    until("the startup probe", async || probe.status().await.unwrap().success().then_some(()))
        .await;
    pod.start_agent();
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.verdict), (0, RunVerdict::Passed), "{words:?}");
    assert_eq!((words.scenarios.total, words.scenarios.passed, words.reason), (1, 1, None));
    assert!(
        words.usage.steps == 6 && words.sandbox.is_some(),
        "{:?} {:?}",
        words.usage,
        words.sandbox
    );
    let sealed = pod.sealed();
    for path in
        ["results.json", "events.ndjson", "junit.xml", "plan.md", "player.html", "video.webm"]
    {
        assert!(sealed.iter().any(|one| one == path), "{path} is not among {sealed:?}");
    }
    assert_eq!(pod.results()["run_id"], "3f1c9ae0-2");

    let ada = Keys::new(1);
    let mut operator = pod.operator().await;
    let report = operator.until(|report| report.upload.state == UploadState::KeptInPod).await;
    assert!(report.finished && report.browser);
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    let epoch = operator.handoff("c1", |one| one.epoch.is_some()).await.epoch.unwrap();
    let page = pod.enter(&ada, "c1", epoch).await;
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    let mut screen = page.screen().await;
    for key in *b"hi" {
        screen.send(&[4, 1, 0, 0, 0, 0, 0, key]).await;
        screen.send(&[4, 0, 0, 0, 0, 0, 0, key]).await;
    }
    heard(&ear, "/hi").await;
    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    operator.handoff("c1", |one| one.phase == HandoffPhase::Finished(ClosedBy::Human)).await;
    assert_eq!(pod.chromium().await, chromium, "another browser");
    assert!(lives(chromium));
    let saved = pod.end().await;
    assert_eq!(saved.state, UploadState::KeptInPod);
    assert_eq!(saved.count, sealed.len() as u64 + 1);
    assert!(!lives(chromium));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_puts_a_real_pods_browser_into_a_persons_hands() {
    let ear = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = ear.local_addr().unwrap().port().to_string();
    let welcome = WELCOME.replace("{PORT}", &port);
    let site = Pages::start(&[("/", SIGN_IN), ("/in", &welcome)]).await;
    let mut pod = Pod::start(&contract(&site.origin, PLAN)).await;
    let chromium = pod.chromium().await;
    pod.verdict().await;
    let cluster = Cluster::start().await;
    cluster.door.forward(take::POD, pod.address);
    let server = std::sync::Arc::clone(&cluster.server);
    let mirror = Mirror::start(server, pod.address, &operator_keys(), UID).await;
    take::finished(&cluster, UID).await;
    let mut ada = cluster.start_as("ada", &["take", "checkout"]);
    let address = take::address(&mut ada).await;
    let mut page = Person::at(address.at, &address.label);
    let (code, _, _) = page.raw(Method::GET, "/api/events", &[], "").await;
    assert_eq!(code, StatusCode::UNAUTHORIZED, "without a ticket");
    let (code, body) = page.session(&[("X-Handback-Token", &address.ticket)]).await;
    assert_eq!(code, StatusCode::OK, "{body}");
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    let mut screen = page.screen().await;
    for key in *b"hi" {
        screen.send(&[4, 1, 0, 0, 0, 0, 0, key]).await;
        screen.send(&[4, 0, 0, 0, 0, 0, 0, key]).await;
    }
    heard(&ear, "/hi").await;
    let bob = cluster.run_as("bob", &["take", "checkout"]).await;
    assert_eq!((bob.exit, bob.stdout.as_str()), (3, ""), "{bob:?}");
    ada.interrupt();
    let said = ada.ended().await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert_eq!(pod.chromium().await, chromium, "another browser");
    drop(mirror);
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_fails_says_what_failed() {
    let site = site().await;
    let mut wishes = contract(&site.origin, "Verify \"No such thing\" is visible");
    wishes.artifacts.screenshots = Keep::OnFailure;
    let mut pod = Pod::start(&wishes).await;
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.verdict), (1, RunVerdict::Failed), "{words:?}");
    assert_eq!(words.reason.as_deref(), Some("AssertionFailed"));
    assert!(words.message.contains("No such thing"), "{}", words.message);
    let pictures = pod.sealed().iter().filter(|path| path.starts_with("screenshots/")).count();
    assert_eq!(pictures, 1, "the one that shows the failure");
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_of_failure_alone_is_thrown_away_when_the_run_passes() {
    let site = site().await;
    let mut wishes = contract(&site.origin, "Verify the title is \"Sign in\"");
    wishes.artifacts.video = Keep::OnFailure;
    let mut pod = Pod::start(&wishes).await;
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.verdict), (0, RunVerdict::Passed), "{words:?}");
    assert!(!pod.run_dir().join("video.webm").exists());
    // The browser's place for downloads is there, and nothing in it.
    let left: Vec<_> = fs::read_dir(pod.path("media")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| entry.file_name() == "downloads"), "{left:?}");
    assert_eq!(fs::read_dir(pod.path("media").join("downloads")).unwrap().count(), 0);
    let video = &pod.results()["video"];
    assert_eq!(video["status"], "off", "{video}");
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_carried_out_is_refused_with_a_sealed_report() {
    let site = site().await;
    let mut pod = Pod::start(&contract(&site.origin, "Make it look nice")).await;
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.verdict), (2, RunVerdict::Errored), "{words:?}");
    assert_eq!(words.reason.as_deref(), Some("Unparsable"));
    assert!(words.message.contains("Make it look nice"), "{}", words.message);
    let mut operator = pod.operator().await;
    operator.until(|report| report.upload.state == UploadState::KeptInPod).await;
    assert_eq!(pod.results()["reason"], "unparsable");
    assert!(pod.sealed().contains(&"results.json".to_owned()));
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_mounted_is_named() {
    let site = site().await;
    let mut pod = Pod::without_agent(&contract(&site.origin, PLAN)).await;
    fs::remove_file(pod.path("secrets/PASSWORD")).unwrap();
    pod.start_agent();
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.reason.as_deref()), (2, Some("Usage")), "{words:?}");
    assert!(words.message.contains("PASSWORD is not mounted"), "{}", words.message);
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_errs_and_the_browser_is_there_to_look_at() {
    let url = {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", free.local_addr().unwrap())
    };
    let mut pod = Pod::start(&contract(&url, WAITS)).await;
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.reason.as_deref()), (3, Some("PreflightFailed")), "{words:?}");
    let mut operator = pod.operator().await;
    operator.until(|report| report.finished && report.browser).await;
    assert!(pod.sealed().contains(&"results.json".to_owned()));
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_leaves_what_it_wrote_sealed_and_the_browser_alive() {
    let site = site().await;
    let mut pod = Pod::start(&contract(&site.origin, WAITS)).await;
    let chromium = pod.chromium().await;
    pod.waits().await;
    let mut agent = pod.agent.take().unwrap();
    send(agent.id().unwrap(), Signal::KILL);
    agent.wait().await.unwrap();
    let mut operator = pod.operator().await;
    let report = operator.until(|report| report.upload.state.is_settled()).await;
    assert_eq!(report.upload.state, UploadState::KeptInPod);
    let sealed = pod.sealed();
    assert!(sealed.contains(&"events.ndjson".to_owned()), "{sealed:?}");
    assert!(sealed.contains(&"video.webm".to_owned()), "{sealed:?}");
    let ada = Keys::new(1);
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    let epoch = operator.handoff("c1", |one| one.epoch.is_some()).await.epoch.unwrap();
    let page = pod.enter(&ada, "c1", epoch).await;
    assert_eq!(page.control().await.hear().await["state"], "granted");
    assert!(lives(chromium));
    assert!(!pod.path("agent-message").exists(), "nobody spoke for it");
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_killed_comes_back_with_browser_seat_and_hold() {
    let ear = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = ear.local_addr().unwrap().port().to_string();
    // A dialog opens as soon as somebody heard of it.
    let asks = WELCOME.replace("this.value\"", "this.value;if (this.value == 'hi!') ask()\"");
    let asks = format!("{asks}{ASKS}").replace("{PORT}", &port);
    let site = Pages::start(&[("/", SIGN_IN), ("/in", &asks)]).await;
    let mut pod = Pod::start(&contract(&site.origin, PLAN)).await;
    let chromium = pod.chromium().await;
    assert_eq!(pod.verdict().await.0, 0);
    let ada = Keys::new(1);
    let mut operator = pod.operator().await;
    let stored = operator.until(|report| report.upload.state == UploadState::KeptInPod).await;
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    operator.prepare(prepare("v1", Mode::View, "bob", &Keys::new(2))).await;
    let epoch = operator.handoff("c1", |one| one.epoch.is_some()).await.epoch.unwrap();
    let mut page = pod.enter(&ada, "c1", epoch).await;
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    let before = operator.handoff("c1", |one| one.connected).await;
    let position = operator.report.position;
    let mut screen = page.screen().await;
    // Shift stays down when the gate dies, and must not with the next one.
    screen.send(&[4, 1, 0, 0, 0, 0, 0xff, 0xe1]).await;
    let pressed = || fs::read(pod.path("journal/pressed")).is_ok_and(|all| all.contains(&0xe1));
    until("what is pressed", async || pressed().then_some(())).await;
    // And the person's size of the desktop.
    let (original, resized) = (screen.size, (1300, 700));
    let [a, b] = 1300_u16.to_be_bytes();
    let [c, d] = 700_u16.to_be_bytes();
    screen.send(&[251, 0, a, b, c, d, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0]).await;
    until("the person's size", async || (page.screen().await.size == resized).then_some(())).await;
    pod.kill_worker().await;

    // The page has its seat's secret, and with it the hold that is kept for it.
    let (seat, proof) = (page.seat.clone(), page.proof());
    let (code, body) = page.session(&[("X-Handback-Seat", &proof)]).await;
    assert_eq!(code, StatusCode::OK, "{body}");
    assert_eq!(page.seat, seat, "another seat");
    let lease = &body["state"]["lease"];
    assert_eq!((&lease["holder"]["seat"], &body["me"]), (&json!(seat), &json!("ada")), "{body}");
    assert_eq!(body["state"]["run"]["verdict"], "passed", "{body}");
    let mut control = page.control().await;
    let granted = control.hear().await;
    assert_eq!(granted["state"], "granted");
    let now = granted["epoch"].as_u64().unwrap();
    assert!(now > epoch, "{granted}");
    let mut events = page.events(None).await;
    let step = |event: &Value| event["type"] == "step_started" || event["type"] == "step";
    events.find("run", |event| step(event) || event["type"] == "report").await;
    let mut screen = page.screen().await;
    assert!(!pressed(), "what was pressed is not let go");
    assert_eq!(screen.size, original);
    for key in *b"hi" {
        screen.send(&[4, 1, 0, 0, 0, 0, 0, key]).await;
        screen.send(&[4, 0, 0, 0, 0, 0, 0, key]).await;
    }
    heard(&ear, "/hi").await;

    // The operator sees the same handoffs and files again, and that they go on.
    let mut operator = pod.operator().await;
    let after = operator.handoff("c1", |one| one.connected).await;
    assert_eq!((after.epoch, &after.deadline), (Some(now), &before.deadline));
    assert_eq!(after.first_connected_at, before.first_connected_at);
    assert!(operator.report.position > position);
    assert_eq!(operator.report.upload, stored.upload);
    assert!(operator.report.finished && operator.report.browser);
    operator.handoff("v1", |one| one.phase == HandoffPhase::Running).await;
    operator.prepare(prepare("c2", Mode::Control, "bob", &Keys::new(2))).await;
    operator.handoff("c2", |one| one.phase == HandoffPhase::Failed(Failure::AlreadyHeld)).await;
    // Whoever comes now comes under the new epoch.
    pod.enter(&ada, "c1", now).await;
    screen.send(&[4, 1, 0, 0, 0, 0, 0, b'!']).await;
    screen.send(&[4, 0, 0, 0, 0, 0, 0, b'!']).await;
    heard(&ear, "/asks").await;
    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    operator.handoff("c1", |one| one.phase == HandoffPhase::Finished(ClosedBy::Human)).await;
    // What is over stays over, and a page that asks somebody something is no browser that is lost.
    pod.kill_worker().await;
    let mut operator = pod.operator().await;
    operator.handoff("c1", |one| one.phase == HandoffPhase::Finished(ClosedBy::Human)).await;
    operator.prepare(prepare("c3", Mode::Control, "ada", &ada)).await;
    let last = operator.handoff("c3", |one| one.epoch.is_some()).await.epoch.unwrap();
    assert!(last > now);
    assert_eq!(pod.chromium().await, chromium, "another browser");
    let saved = pod.end().await;
    assert_eq!(saved, stored.upload);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_killed_in_mid_run_costs_the_run_but_neither_files_nor_browser() {
    let ear = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = ear.local_addr().unwrap().port().to_string();
    let site = Pages::start(&[("/", LINKS), ("/next", &NEXT.replace("{PORT}", &port))]).await;
    let mut pod = Pod::start(&contract(&site.origin, LINKED)).await;
    let chromium = pod.chromium().await;
    pod.waits().await;
    pod.kill_worker().await;
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.verdict), (3, RunVerdict::Errored), "{words:?}");
    let mut operator = pod.operator().await;
    operator.say(&ToGateStream::AgentEnded).await;
    let report = operator.until(|report| report.upload.state.is_settled()).await;
    assert_eq!(report.upload.state, UploadState::KeptInPod);
    let sealed = pod.sealed();
    for path in ["events.ndjson", "results.json", "junit.xml", "player.html", "video.webm"] {
        assert!(sealed.iter().any(|one| one == path), "{path} is not among {sealed:?}");
    }
    let ada = Keys::new(1);
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    let epoch = operator.handoff("c1", |one| one.epoch.is_some()).await.epoch.unwrap();
    let page = pod.enter(&ada, "c1", epoch).await;
    // What the agent wrote when nobody listened any more.
    let mut events = page.events(None).await;
    events.find("run", |event| event["type"] == "report").await;
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    // No tab waits for the agent that is gone.
    let mut screen = page.screen().await;
    screen.send(&[4, 1, 0, 0, 0, 0, 0, b'x']).await;
    screen.send(&[4, 0, 0, 0, 0, 0, 0, b'x']).await;
    heard(&ear, "/hi").await;
    assert_eq!(pod.chromium().await, chromium, "another browser");
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_ends_while_the_gate_is_away_is_not_replaced() {
    let site = site().await;
    let mut pod = Pod::start(&contract(&site.origin, PLAN)).await;
    let chromium = pod.chromium().await;
    pod.verdict().await;
    let ada = Keys::new(1);
    let mut operator = pod.operator().await;
    operator.until(|report| report.upload.state == UploadState::KeptInPod).await;
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    operator.handoff("c1", |one| one.epoch.is_some()).await;
    let worker = pod.worker(None).await;
    // It cannot hear of the browser's end before its own.
    send(worker, Signal::STOP);
    send(chromium, Signal::KILL);
    until("its end", async || (!lives(chromium)).then_some(())).await;
    send(worker, Signal::KILL);
    pod.worker(Some(worker)).await;
    let mut operator = pod.operator().await;
    operator.handoff("c1", |one| one.phase == HandoffPhase::Failed(Failure::BrowserLost)).await;
    assert!(!operator.report.browser && operator.report.finished);
    until("the end of what is left of it", async || {
        let is = |line: &str| !line.contains(" --type=") && line.contains("/chromium ");
        let left = leftovers::processes_below(&pod.path("home"));
        left.iter().all(|(_, line)| !is(line)).then_some(())
    })
    .await;
    operator.say(&ToGateStream::Ask).await;
    assert!(!operator.report.browser, "another browser");
    pod.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_dies_again_and_again_ends_its_container_and_says_so() {
    let site = site().await;
    let mut pod = Pod::without_agent(&contract(&site.origin, PLAN)).await;
    // The browser knows its gate.
    pod.chromium().await;
    let mut worker = pod.worker(None).await;
    for _ in 0..2 {
        send(worker, Signal::KILL);
        worker = pod.worker(Some(worker)).await;
    }
    send(worker, Signal::KILL);
    let status = timeout(PATIENCE, pod.gate.wait()).await.expect("the container ends").unwrap();
    assert_eq!(status.code(), Some(3));
    let message = fs::read_to_string(pod.path("gate-message")).unwrap();
    let report = UploadReport::read(&message).unwrap();
    assert_eq!(report.state, UploadState::Failed);
    assert!(report.message.contains("died 3 times within a minute"), "{}", report.message);
    assert!(TcpStream::connect(pod.address).await.is_err(), "the port is still open");
    // Without its gate a browser has nothing to wait for.
    timeout(PATIENCE, pod.browser.wait()).await.expect("it ends with its gate").unwrap();
    leftovers::none_below(pod.place.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_ended_in_mid_run_saves_its_files_before_its_browser_goes() {
    let site = site().await;
    let mut pod = Pod::start(&contract(&site.origin, WAITS)).await;
    let chromium = pod.chromium().await;
    pod.waits().await;
    // First the browser alone: it waits for its gate.
    terminate(pod.browser.id());
    let mut operator = pod.operator().await;
    for _ in 0..3 {
        operator.say(&ToGateStream::Ask).await;
        assert!(operator.report.browser && lives(chromium));
    }
    terminate(pod.gate.id());
    operator.say(&ToGateStream::Ask).await;
    assert!(!operator.report.finished && lives(chromium), "the agent is still there");
    terminate(pod.agent.as_ref().and_then(Child::id));
    let (code, words) = pod.verdict().await;
    assert_eq!((code, words.verdict), (5, RunVerdict::Cancelled), "{words:?}");
    assert_eq!(words.stopped_by, Some(StoppedBy::Signal));
    let status = timeout(PATIENCE, pod.gate.wait()).await.expect("the gate ends").unwrap();
    assert_eq!(status.code(), Some(0));
    let sealed = pod.sealed();
    assert!(sealed.contains(&"video.webm".to_owned()), "{sealed:?}");
    assert_eq!(pod.results()["verdict"], "cancelled");
    timeout(PATIENCE, pod.browser.wait()).await.expect("it ends with its gate").unwrap();
    leftovers::none_below(pod.place.path()).await;
    let message = fs::read_to_string(pod.path("gate-message")).unwrap();
    assert_eq!(UploadReport::read(&message).unwrap().state, UploadState::KeptInPod);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_in_the_page_and_cancel_by_the_operator_are_told_apart() {
    let site = site().await;
    let ada = Keys::new(1);
    for by in [StoppedBy::Human, StoppedBy::Operator] {
        let mut pod = Pod::start(&contract(&site.origin, WAITS)).await;
        pod.waits().await;
        let mut operator = pod.operator().await;
        if by == StoppedBy::Human {
            operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
            let page = pod.enter(&ada, "v1", 0).await;
            let (code, _) = page.post("/api/stop", json!({"what": "run"})).await;
            assert_eq!(code, StatusCode::ACCEPTED);
        } else {
            operator.say(&ToGateStream::Cancel).await;
        }
        let (code, words) = pod.verdict().await;
        assert_eq!((code, words.verdict), (5, RunVerdict::Cancelled), "{words:?}");
        assert_eq!(words.stopped_by, Some(by));
        operator.until(|report| report.finished && report.browser).await;
        pod.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_under_test_gets_nothing_from_the_gate_of_its_pod() {
    let site = site().await;
    let pod = Pod::without_agent(&contract(&site.origin, PLAN)).await;
    let port = pod.address.port();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        for path in ["/", "/api/challenge", "/api/stream", "/runs/3f1c9ae0-2/results.json"] {
            let answer = client.get(format!("http://{host}{path}")).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 421, "{host}{path}");
        }
    }
    let stranger = Person::at(pod.address, "gate");
    for path in ["/api/events", "/runs/3f1c9ae0-2/results.json"] {
        let (code, _, _) = stranger.raw(Method::GET, path, &[], "").await;
        assert_eq!(code, StatusCode::UNAUTHORIZED, "{path}");
    }
    let foreign = [("Origin", site.origin.as_str())];
    let (code, _, _) = stranger.raw(Method::POST, "/api/session", &foreign, "").await;
    assert_eq!(code, StatusCode::FORBIDDEN);
    pod.end().await;
}
