//! A person's programs at a cluster: the real binary, an API server with port-forwards, a real gate.

mod submit;
pub(crate) mod take;

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::support::api_server::{ApiServer, door::Door};

/// The machine is noisy.
const PATIENCE: Duration = Duration::from_mins(2);
const SHOP: &str = "shop";

/// A cluster with a namespace, and a place for files.
pub(crate) struct Cluster {
    pub(crate) server: Arc<ApiServer>,
    pub(crate) door: Door,
    place: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let server = Arc::new(ApiServer::start());
        server.create("namespaces", json!({"metadata": {"name": SHOP}})).await;
        let door = server.open().await;
        Self { server, door, place: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Starts the program as this person.
    pub(crate) fn start_as(&self, person: &str, arguments: &[&str]) -> Running {
        self.start_with(person, arguments, &[])
    }

    /// Starts it with more in its environment.
    fn start_with(&self, person: &str, arguments: &[&str], env: &[(&str, &str)]) -> Running {
        let config = self.door.kubeconfig(self.place.path(), person);
        let mut command = Command::new(env!("CARGO_BIN_EXE_handback"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.place.path())
            .env("KUBECONFIG", config)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Running::of(command.spawn().expect("the binary is built"))
    }

    /// Runs it to its end.
    pub(crate) async fn run_as(&self, person: &str, arguments: &[&str]) -> Said {
        self.start_as(person, arguments).ended().await
    }

    /// A manifest in a file.
    fn manifest(&self, metadata: &Value, spec: &Value) -> String {
        let mut run = json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun", "metadata": metadata,
            "spec": {"url": "https://shop.example", "plan": "Verify \"x\" is visible"},
        });
        json_patch::merge(&mut run["spec"], spec);
        let path = self.path("run.yaml");
        std::fs::write(&path, run.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Changes a run's status.
    async fn status(&self, name: &str, change: Value) {
        let change = move |run: &mut Value| json_patch::merge(&mut run["status"], &change);
        self.server.edit("testruns", SHOP, name, change).await;
    }

    async fn run(&self, name: &str) -> Value {
        self.server.get("testruns", SHOP, name).await.expect("the run is there")
    }
}

/// What a process has said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: watch::Receiver<String>,
    reading: JoinSet<()>,
}

impl Running {
    fn of(mut child: Child) -> Self {
        let (heard, stderr) = watch::channel(String::new());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard.send_modify(|all| {
                    all.push_str(&line);
                    all.push('\n');
                });
            }
        });
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout, stderr, reading }
    }

    /// Waits until it has said this on standard error.
    async fn says(&self, text: &str) -> String {
        let mut stderr = self.stderr.clone();
        let heard = timeout(PATIENCE, stderr.wait_for(|all| all.contains(text))).await;
        if let Ok(Ok(all)) = &heard {
            return all.to_string();
        }
        panic!("{text:?} was not said: {}", *self.stderr.borrow());
    }

    /// The next line on standard output.
    async fn prints(&mut self) -> String {
        let mut line = String::new();
        let out = self.stdout.as_mut().unwrap();
        let read = timeout(PATIENCE, out.read_line(&mut line)).await;
        assert!(matches!(read, Ok(Ok(1..))), "nothing was printed: {}", *self.stderr.borrow());
        line
    }

    pub(crate) fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).expect("alive until now");
    }

    pub(crate) async fn ended(mut self) -> Said {
        let mut stdout = String::new();
        let mut out = self.stdout.take().unwrap();
        let status = timeout(PATIENCE, async {
            out.read_to_string(&mut stdout).await.unwrap();
            self.child.wait().await.unwrap()
        });
        let status = status.await;
        let Ok(status) = status else { panic!("it does not end: {}", *self.stderr.borrow()) };
        self.reading.join_next().await;
        let stderr = self.stderr.borrow().clone();
        Said { exit: status.code().expect("no signal"), stdout, stderr }
    }
}
