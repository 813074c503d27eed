//! `handback operator` as a process: its command line, its client, its log, its end. The API server is
//! the one of the tests, over HTTP.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::support::api_server::ApiServer;

/// On a machine that compiles beside it.
const PATIENCE: Duration = Duration::from_mins(1);
/// A key of nobody's.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

struct Place {
    server: ApiServer,
    dir: TempDir,
    _http: JoinSet<()>,
}

impl Place {
    async fn new() -> Self {
        let server = ApiServer::start();
        for name in ["shop", "other", "handback"] {
            server.create("namespaces", json!({"metadata": {"name": name}})).await;
        }
        let (address, http) = server.listen().await;
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        let place = Self { server, dir, _http: http };
        place.write("kubeconfig", &kubeconfig.to_string());
        place.write("tls.key", KEY);
        place
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn operator(&self, more: &[&str]) -> Operator {
        let mut child = Command::new(env!("CARGO_BIN_EXE_handback"))
            .args(["operator", "--listen=127.0.0.1:0", "--log-format=json", "--image=handback:1"])
            .args(["--browser-image=browser:1", "--pull-policy=Never"])
            .args(more)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("POD_NAMESPACE", "handback")
            .env("POD_NAME", "operator-1")
            .env("HANDBACK_KEY", self.path("tls.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary is built");
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Operator { child, log, said: Vec::new() }
    }

    async fn run(&self, namespace: &str, name: &str) {
        let run = json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"url": "https://shop.example", "plan": "Verify \"x\" is visible"},
        });
        self.server.create("testruns", run).await;
    }

    async fn pod(&self, namespace: &str, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(pod) = self.server.get("pods", namespace, name).await {
                return pod;
            }
            assert!(Instant::now() < deadline, "no pod {name}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The process.
struct Operator {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl Operator {
    /// The first line of its log with this message.
    async fn says(&mut self, message: &str) -> Value {
        let found = timeout(PATIENCE, async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.said.push(line.clone());
                let line: Value = serde_json::from_str(&line).expect("a line is one JSON object");
                if line["message"] == message {
                    return Some(line);
                }
            }
            None
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| panic!("{message:?} is not in\n{}", self.said.join("\n")))
    }

    /// Asks it to end; its exit code.
    async fn end(mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id().expect("it runs")).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.exit().await
    }

    async fn exit(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").unwrap().code()
    }
}

async fn get(url: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn it_makes_pods_serves_probes_and_lets_go_when_it_is_asked_to_end() {
    let place = Place::new().await;
    place.write("profiles.yaml", "profiles:\n- limits: {activeDeadlineSeconds: 77}\n");
    let mut operator = place.operator(&["--profiles", &place.path("profiles.yaml")]);
    let begins = operator.says("the operator begins").await;
    assert_eq!(begins["key"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let at = format!("http://{}", begins["listen"].as_str().unwrap());
    operator.says("this operator leads").await;
    place.run("shop", "checkout").await;
    let pod = place.pod("shop", "tr-checkout-1").await;
    let contract = pod["metadata"]["annotations"]["handback.dev/contract"].as_str().unwrap();
    let contract: Value = serde_json::from_str(contract).unwrap();
    assert_eq!(contract["operator_key"], begins["key"]);
    assert_eq!(contract["active_deadline_seconds"], 77);
    let denied = contract["policy"]["denied_hosts"].to_string();
    assert!(
        denied.contains("kubernetes.default.svc") && denied.contains("127.0.0.0/8"),
        "{denied}"
    );
    for container in pod["spec"]["containers"].as_array().unwrap() {
        let image = if container["name"] == "browser" { "browser:1" } else { "handback:1" };
        assert_eq!(container["image"], image);
        assert_eq!(container["imagePullPolicy"], "Never");
    }
    assert_eq!(get(&format!("{at}/readyz")).await, (200, "ok\n".to_owned()));
    assert_eq!(get(&format!("{at}/healthz")).await.0, 200);
    let (status, text) = get(&format!("{at}/metrics")).await;
    assert_eq!(status, 200);
    let line = "handback_api_writes_total{resource=\"pods\",verb=\"create\"} 1";
    assert!(text.lines().any(|found| found == line), "{text}");
    let log = operator.said.join("\n");
    assert!(!log.contains("MC4CAQAw"), "the key is in the log\n{log}");
    let begun = Instant::now();
    assert_eq!(operator.end().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let lease = place.server.get("leases", "handback", "handback-operator").await.unwrap();
    assert!(lease["spec"]["holderIdentity"].is_null(), "{lease:#}");
}

#[tokio::test]
async fn of_several_namespaces_it_cares_for_those_that_were_named() {
    let place = Place::new().await;
    place.server.create("namespaces", json!({"metadata": {"name": "third"}})).await;
    let mut operator = place.operator(&["--namespace=shop", "--namespace=third"]);
    operator.says("this operator leads").await;
    for namespace in ["other", "shop", "third"] {
        place.run(namespace, "checkout").await;
    }
    place.pod("shop", "tr-checkout-1").await;
    place.pod("third", "tr-checkout-1").await;
    assert!(place.server.get("pods", "other", "tr-checkout-1").await.is_none());
    for line in place.server.log().await {
        let own = ["shop", "third", "handback"].contains(&line.namespace.as_str());
        assert!(own, "a request beyond its namespaces: {line}");
    }
    assert_eq!(operator.end().await, Some(0));
}

#[tokio::test]
async fn what_is_wrong_with_its_files_is_said_before_anything_is_done() {
    let place = Place::new().await;
    place.write("typo.yaml", "profiles:\n- limits:\n    maxSecond: 60\n");
    place.write("cert.pem", "-----BEGIN CERTIFICATE-----\nMC4C\n-----END CERTIFICATE-----\n");
    let nowhere = Path::new("/nowhere/tls.key");
    for (options, words) in [
        (vec!["--profiles".to_owned(), place.path("typo.yaml")], "line 3, column 5"),
        (vec!["--profiles".to_owned(), place.path("none.yaml")], "none.yaml"),
        (vec!["--key".to_owned(), place.path("cert.pem")], "cert.pem has no private key"),
        (vec!["--key".to_owned(), nowhere.display().to_string()], "/nowhere/tls.key"),
    ] {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let mut operator = place.operator(&options);
        let line = operator.says("the operator cannot begin").await;
        assert!(line["error"].as_str().unwrap().contains(words), "{line}");
        assert_eq!(operator.exit().await, Some(3));
    }
    assert!(place.server.log().await.is_empty());
}
