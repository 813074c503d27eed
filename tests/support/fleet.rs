//! A cluster in miniature: the real operator against the API server in this process, with a kubelet, a
//! scheduler and gates that do what they are told. Everything runs under tokio's paused clock.

use std::{sync::Arc, time::Duration};

use handback::{
    clock::Clock,
    decide::{Answer, Moment, Stored, Target, Upload},
    manifest::check::ValidRun,
    metrics::Metrics,
    operator::{
        self, Config, End, PolicyAt, World,
        outside::{GateAt, Gates, HandoffWord, Heard, Later, Said, Targets, Unreachable, Word},
        profile::{Images, Profiles},
    },
    pod::contract::{PublicKey, run::RunPolicy},
    shutdown::Shutdown,
};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    api_server::{ApiServer, fault::Line},
    scripted_handoffs::ScriptedHandoffs,
    ticking::Ticking,
};

/// In virtual time: longer than any wait of the operator's.
const PATIENCE: Duration = Duration::from_mins(30);
/// Between two looks, in virtual time.
const LOOK: Duration = Duration::from_millis(250);
/// The namespace of all runs here.
pub const SHOP: &str = "shop";

/// See the module.
#[derive(Debug)]
pub struct Fleet {
    /// The API server.
    pub server: Arc<ApiServer>,
    /// What all gates answer.
    pub gates: Arc<ScriptedGates>,
    /// What all targets answer.
    pub target: Arc<watch::Sender<Target>>,
    robots: JoinSet<()>,
}

/// An operator that runs.
#[derive(Debug)]
pub struct Running {
    /// Ends it in order.
    pub shutdown: Shutdown,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    task: JoinSet<End>,
}

impl Running {
    /// How it ended, once it has.
    pub async fn end(&mut self) -> End {
        let ended = timeout(PATIENCE, self.task.join_next()).await.expect("it ends in time");
        ended.expect("it ended once").expect("it did not panic")
    }

    /// As if its process was killed.
    pub async fn kill(mut self) {
        self.task.shutdown().await;
    }
}

impl Fleet {
    /// With no operator yet, and nobody who starts pods.
    pub async fn start() -> Self {
        let server = Arc::new(ApiServer::start());
        for name in [SHOP, "handback"] {
            server.create("namespaces", json!({"metadata": {"name": name}})).await;
        }
        let gates = ScriptedGates::new(server.clock.clone());
        install_policy(&server).await;
        Self {
            server,
            gates: Arc::new(gates),
            target: Arc::new(watch::Sender::new(Target::Ready)),
            robots: JoinSet::new(),
        }
    }

    /// With a kubelet that starts every pod, and ends its agent five seconds later as passed.
    pub async fn with_kubelet() -> Self {
        let mut fleet = Self::start().await;
        let (server, gates) = (Arc::clone(&fleet.server), Arc::clone(&fleet.gates));
        fleet.robots.spawn(async move {
            loop {
                for pod in server.all("pods").await {
                    Box::pin(attend(&server, &gates, &pod)).await;
                }
                sleep(LOOK).await;
            }
        });
        fleet
    }

    /// Starts an operator of this name.
    pub fn operator(&self, identity: &str) -> Running {
        self.operator_with(identity, Profiles::default())
    }

    /// Starts an operator of this name and these profiles.
    pub fn operator_with(&self, identity: &str, profiles: Profiles) -> Running {
        self.begin(identity, &[], profiles)
    }

    /// Starts an operator of this name that cares for these namespaces alone.
    pub fn operator_in(&self, identity: &str, namespaces: &[&str]) -> Running {
        self.begin(identity, namespaces, Profiles::default())
    }

    fn begin(&self, identity: &str, namespaces: &[&str], profiles: Profiles) -> Running {
        let config = Config {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            own_namespace: "handback".to_owned(),
            lease: "handback-operator".to_owned(),
            identity: identity.to_owned(),
            images: Images {
                handback: "localhost/handback:1".to_owned(),
                browser: "localhost/handback-browser:1".to_owned(),
                ..Images::default()
            },
            operator_key: PublicKey::new([7; 32]),
            profiles,
            policy: policy(),
            denied_hosts: Vec::new(),
        };
        let metrics = Arc::new(Metrics::new().expect("good names"));
        let world = World {
            client: self.server.client(),
            gates: Arc::clone(&self.gates) as Arc<dyn Gates>,
            targets: Arc::new(ScriptedTargets(self.target.subscribe())),
            clock: Arc::new(self.server.clock.clone()),
            metrics: Arc::clone(&metrics),
        };
        let shutdown = Shutdown::default();
        let mut task = JoinSet::new();
        let its = shutdown.clone();
        task.spawn(async move { operator::run(config, world, None, &its).await });
        Running { shutdown, metrics, task }
    }

    /// Makes a run; `spec` is added to an address and a plan.
    pub async fn run(&self, name: &str, spec: Value) {
        let mut run = json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun",
            "metadata": {"name": name, "namespace": SHOP},
            "spec": {"url": "https://shop.example", "plan": "Verify \"x\" is visible"},
        });
        json_patch::merge(&mut run["spec"], &spec);
        self.server.create("testruns", run).await;
    }

    /// Waits until a run is like this. The whole run.
    pub async fn until_run(&self, name: &str, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        self.until("testruns", name, what, like).await
    }

    /// Waits until a pod is like this. The whole pod.
    pub async fn until_pod(&self, name: &str, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        self.until("pods", name, what, like).await
    }

    /// Makes a Handoff of this run and holder; `spec` is added.
    pub async fn hand_off(&self, name: &str, run: &str, holder: &str, spec: Value) -> String {
        let key = PublicKey::new([9; 32]).to_string();
        let key = if holder.is_empty() { String::new() } else { key };
        let mut handoff = json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "Handoff",
            "metadata": {"name": name, "namespace": SHOP},
            "spec": {"runRef": {"name": run}, "holder": holder, "holderKey": key},
        });
        json_patch::merge(&mut handoff["spec"], &spec);
        let made = self.server.create("handoffs", handoff).await;
        made["metadata"]["uid"].as_str().expect("a uid").to_owned()
    }

    /// Waits until a Handoff is like this. The whole Handoff.
    pub async fn until_handoff(
        &self,
        name: &str,
        what: &str,
        like: impl Fn(&Value) -> bool,
    ) -> Value {
        self.until("handoffs", name, what, like).await
    }

    async fn until(
        &self,
        plural: &'static str,
        name: &str,
        what: &str,
        like: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = timeout(PATIENCE, async {
            loop {
                match self.server.get(plural, SHOP, name).await {
                    Some(object) if like(&object) => return object,
                    _ => sleep(LOOK).await,
                }
            }
        });
        if let Ok(object) = found.await {
            return object;
        }
        panic!("{plural} {name}: not {what}\n{}", self.story().await)
    }

    /// Waits until something is gone.
    pub async fn until_gone(&self, plural: &'static str, name: &str) {
        let gone = timeout(PATIENCE, async {
            while self.server.get(plural, SHOP, name).await.is_some() {
                sleep(LOOK).await;
            }
        });
        let gone = gone.await.is_ok();
        assert!(gone, "{plural} {name} is not gone\n{}", self.story().await);
    }

    /// What there is and what happened, for a test that failed.
    pub async fn story(&self) -> String {
        let mut story: Vec<String> = Vec::new();
        for plural in ["testruns", "handoffs", "pods", "events"] {
            for mut object in self.server.all(plural).await {
                object["metadata"]["annotations"] = Value::Null;
                if !matches!(plural, "testruns" | "handoffs") {
                    object["spec"] = Value::Null;
                }
                story.push(format!("{plural} {object:#}"));
            }
        }
        let log = self.server.log().await;
        let last = log.iter().rev().take(60).rev().filter(|line| line.resource != "leases");
        story.extend(last.map(ToString::to_string));
        story.join("\n")
    }

    /// What was written to runs and pods, in order.
    pub async fn writes(&self) -> Vec<String> {
        let counts = |line: &&Line| {
            line.writes() && line.group != "events.k8s.io" && line.resource != "leases"
        };
        self.server.log().await.iter().filter(counts).map(ToString::to_string).collect()
    }

    /// Reasons of all Events, in the order of their first occurrence.
    pub async fn events(&self) -> Vec<String> {
        let mut events = self.server.all("events").await;
        events.sort_by_key(|event| event["metadata"]["uid"].to_string());
        events.iter().filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect()
    }

    /// A node takes the pod.
    pub async fn schedule(&self, pod: &str) {
        schedule(&self.server, pod).await;
    }

    /// All containers run, and Chromium answers.
    pub async fn start_pod(&self, pod: &str) {
        start(&self.server, pod).await;
    }

    /// The agent ends with this message and code.
    pub async fn end_agent(&self, pod: &str, exit: i32, message: Value) {
        end_agent(&self.server, pod, exit, message).await;
    }
}

/// Where the admission policy is.
fn policy() -> PolicyAt {
    PolicyAt {
        name: "handback-handoffs".to_owned(),
        namespace: "handback".to_owned(),
        service_account: "operator".to_owned(),
    }
}

/// The chart's own text, as the chart fills it in.
async fn install_policy(server: &ApiServer) {
    let at = policy();
    let text = include_str!("../../charts/handback/files/handoff-policy.yaml")
        .replace("__NAME__", &at.name)
        .replace("__NAMESPACE__", &at.namespace)
        .replace("__SERVICE_ACCOUNT__", &at.service_account);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let [policy, binding] = objects.as_slice() else { panic!("two objects: {objects:?}") };
    server.create("validatingadmissionpolicies", policy.clone()).await;
    server.create("validatingadmissionpolicybindings", binding.clone()).await;
}

/// The status of a condition of a run; empty if there is none.
pub fn condition<'a>(run: &'a Value, which: &str) -> &'a str {
    let conditions = run["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == which);
    found.and_then(|found| found["status"].as_str()).unwrap_or_default()
}

/// What a passed run's agent says.
pub fn passed() -> Value {
    json!({"verdict": "Passed", "scenarios": {"total": 1, "passed": 1, "failed": 0},
           "usage": {"steps": 3, "inputTokens": 0, "outputTokens": 0}, "sandbox": "Own"})
}

/// What a kubelet does about one pod.
async fn attend(server: &ApiServer, gates: &ScriptedGates, pod: &Value) {
    let name = pod["metadata"]["name"].as_str().expect("a name");
    if pod["metadata"]["deletionTimestamp"].is_string() {
        let ended = pod["status"]["phase"] == "Failed";
        if !ended && !pod["status"]["containerStatuses"].is_null() {
            server.edit("pods", SHOP, name, end_containers).await;
        }
        if pod["metadata"]["deletionGracePeriodSeconds"] != 0 {
            server.end_pod(SHOP, name).await;
        }
        return;
    }
    if pod["spec"]["nodeName"].is_null() {
        return schedule(server, name).await;
    }
    if pod["status"]["containerStatuses"].is_null() {
        return start(server, name).await;
    }
    let agent = &pod["status"]["containerStatuses"][2]["state"];
    if let Some(started) = agent["running"]["startedAt"].as_str() {
        let started: jiff::Timestamp = started.parse().expect("a time");
        let now: jiff::Timestamp = Clock::now(&server.clock);
        if now.duration_since(started).as_secs() >= 5 {
            end_agent(server, name, 0, passed()).await;
            gates.stored();
        }
    }
}

async fn schedule(server: &ApiServer, pod: &str) {
    let now = now(server);
    server
        .edit("pods", SHOP, pod, move |pod| {
            pod["spec"]["nodeName"] = json!("node-1");
            pod["status"]["conditions"] =
                json!([{"type": "PodScheduled", "status": "True", "lastTransitionTime": now}]);
        })
        .await;
}

async fn start(server: &ApiServer, pod: &str) {
    let now = now(server);
    server
        .edit("pods", SHOP, pod, move |pod| {
            pod["status"]["phase"] = json!("Running");
            pod["status"]["containerStatuses"] = ["browser", "gate", "agent"]
                .map(|name| {
                    json!({"name": name, "image": "", "imageID": "", "ready": true, "started": true,
                           "restartCount": 0, "state": {"running": {"startedAt": now}}})
                })
                .to_vec()
                .into();
        })
        .await;
}

async fn end_agent(server: &ApiServer, pod: &str, exit: i32, message: Value) {
    server
        .edit("pods", SHOP, pod, move |pod| {
            let state = &mut pod["status"]["containerStatuses"][2]["state"];
            let started = state["running"]["startedAt"].clone();
            *state = json!({"terminated": {
                "exitCode": exit, "startedAt": started,
                "message": if message.is_null() { String::new() } else { message.to_string() },
            }});
        })
        .await;
}

fn end_containers(pod: &mut Value) {
    pod["status"]["phase"] = json!("Failed");
    for status in pod["status"]["containerStatuses"].as_array_mut().expect("containers") {
        if status["state"]["terminated"].is_null() {
            status["state"] = json!({"terminated": {"exitCode": 143}});
        }
    }
}

fn now(server: &ApiServer) -> String {
    let now = Clock::now(&server.clock);
    jiff::Timestamp::from_second(now.as_second()).expect("in range").to_string()
}

/// Gates that answer what the test says.
#[derive(Debug)]
pub struct ScriptedGates {
    /// The answer of all of them; `None` if they cannot be reached.
    pub answer: watch::Sender<Option<Answer>>,
    /// What they have of handoffs.
    pub handoffs: ScriptedHandoffs,
    words: mpsc::UnboundedSender<Word>,
    said: tokio::sync::Mutex<mpsc::UnboundedReceiver<Word>>,
    clock: Ticking,
}

impl ScriptedGates {
    fn new(clock: Ticking) -> Self {
        let (words, said) = mpsc::unbounded_channel();
        let answer = Answer {
            at: Moment(0),
            upload: Upload::Working,
            idle: 0,
            watched: false,
            told_idle: None,
            told_cap: None,
            cancelling: None,
            deadline: 1800,
            left: Some(1860),
        };
        let said = tokio::sync::Mutex::new(said);
        let handoffs = ScriptedHandoffs::new(clock.clone());
        Self { answer: watch::Sender::new(Some(answer)), handoffs, words, said, clock }
    }

    /// Changes what they answer.
    pub fn change(&self, change: impl FnOnce(&mut Answer)) {
        self.answer.send_modify(|answer| change(answer.as_mut().expect("they answer")));
    }

    /// Everything is stored, and nobody uses the browser for ever so long.
    pub fn stored(&self) {
        self.change(|answer| {
            let manifest_sha256 = "ab".repeat(32);
            answer.upload = Upload::Complete(Stored { manifest_sha256, count: 40, bytes: 1234 });
            answer.idle = 100_000;
        });
    }

    /// What they were told since this was asked last.
    pub async fn words(&self) -> Vec<Word> {
        let mut said = self.said.lock().await;
        std::iter::from_fn(|| said.try_recv().ok()).collect()
    }
}

impl Gates for ScriptedGates {
    fn say<'a>(&'a self, _gate: &'a GateAt, word: Word) -> Later<'a, Result<Said, Unreachable>> {
        Box::pin(async move {
            self.words.send(word).expect("the other end is here");
            sleep(Duration::from_millis(20)).await;
            let mut answer = self.answer.subscribe();
            if let Word::Ask { patience, .. } = word {
                let patience = Duration::from_secs(patience.unsigned_abs());
                let decided = answer.wait_for(|answer| {
                    answer.as_ref().is_none_or(|answer| answer.upload != Upload::Working)
                });
                drop(timeout(patience, decided).await);
            }
            let answer = answer.borrow().clone();
            let mut answer = answer.ok_or_else(|| Unreachable("scripted".to_owned()))?;
            let mut agreed = false;
            match word {
                Word::Retire(idle) => agreed = !answer.watched && answer.idle >= idle,
                Word::Cancel => answer.cancelling = Some(0),
                Word::Deadline(seconds) => answer.deadline = seconds,
                Word::WarnIdle(_) => answer.told_idle = Some(self.clock.now().into()),
                Word::WarnCap(seconds) => answer.told_cap = Some(seconds),
                Word::Ask { ended: true, .. } => answer.left = None,
                Word::Ask { ended: false, .. } => {}
            }
            self.answer.send_replace(Some(answer.clone()));
            Ok(Said { answer, agreed, heard: self.handoffs.heard() })
        })
    }

    fn hand<'a>(
        &'a self,
        _gate: &'a GateAt,
        word: HandoffWord,
    ) -> Later<'a, Result<Heard, Unreachable>> {
        Box::pin(async move {
            sleep(Duration::from_millis(20)).await;
            if self.answer.borrow().is_none() {
                return Err(Unreachable("scripted".to_owned()));
            }
            let heard = self.handoffs.hand(word).await;
            if self.handoffs.is_mute() {
                return Err(Unreachable("scripted: no answer".to_owned()));
            }
            Ok(heard)
        })
    }
}

#[derive(Debug)]
struct ScriptedTargets(watch::Receiver<Target>);

impl Targets for ScriptedTargets {
    fn look<'a>(
        &'a self,
        _run: &'a ValidRun,
        _namespace: &'a str,
        _policy: &'a RunPolicy,
    ) -> Later<'a, Target> {
        Box::pin(async move { self.0.borrow().clone() })
    }
}
