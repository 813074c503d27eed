//! A gate with storage and a run without a browser: the files, the events and the end of an agent,
//! said over its socket.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use handback::{
    clock::SystemClock,
    gate::{self, Config, Ended, Handle, Pace, RunFacts, S3, Storage, Why},
    pod::contract::{AgentFrame, Artifact, FromGate, Size, ToGate, UploadReport},
    redact::Redactor,
    secret::Secret,
};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// For things that take a second at most.
pub const PATIENCE: Duration = Duration::from_mins(1);
pub const ACCESS_KEY: &str = "AKIDOFATEST";
pub const SECRET_KEY: &str = "secretofatestsecretofatest";
pub const BUCKET: &str = "runs";
pub const PREFIX: &str = "shop/checkout/3f1c9ae0/1/";

/// Lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Storage at this endpoint that gives up after `timeout` and is quick in everything.
pub fn storage(endpoint: &str, timeout: Duration) -> Storage {
    Storage {
        s3: S3 {
            endpoint: endpoint.to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: PREFIX.to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
            allow_insecure: true,
            access_key: Secret::new(ACCESS_KEY.to_owned()),
            secret_key: Secret::new(SECRET_KEY.to_owned()),
            session_token: None,
            ca: None,
        },
        timeout,
        pace: Pace {
            events_every: Duration::from_millis(50),
            part: 5 << 20,
            first_wait: Duration::from_millis(5),
            longest_wait: Duration::from_millis(100),
            ..Pace::default()
        },
    }
}

pub struct StoredRun {
    dir: TempDir,
    pub handle: Handle,
    gate: JoinSet<Ended>,
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl StoredRun {
    pub async fn start(storage: Option<Storage>) -> Self {
        let dir = tempfile::Builder::new().prefix("hb-stored-").tempdir().unwrap();
        for name in ["sockets", "run", "run/screenshots", "media"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let agent_socket = dir.path().join("agent.sock");
        let config = Config {
            run: RunFacts {
                id: "01jrun".to_owned(),
                name: "checkout".to_owned(),
                url: "http://shop.test/".to_owned(),
            },
            browser_sockets: dir.path().join("sockets"),
            agent_socket: agent_socket.clone(),
            run_dir: dir.path().join("run"),
            media: dir.path().join("media"),
            viewport: Size { width: 1280, height: 720 },
            insecure_tls: false,
            resolver_rules: vec![],
            keep_alive: None,
            user: "ada".to_owned(),
            storage,
            redactor: Arc::new(Redactor::new(vec![])),
            clock: Arc::new(SystemClock),
            pod: None,
            takes_over: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (handle, orders) = gate::handle(&config, &listener).unwrap();
        let mut gate = JoinSet::new();
        gate.spawn(async move {
            gate::run(config, listener, orders, CancellationToken::new()).await.unwrap()
        });
        let until = tokio::time::Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(&agent_socket).await {
                Ok(stream) => break stream,
                Err(error) => assert!(tokio::time::Instant::now() < until, "{error}"),
            }
            tokio::task::yield_now().await;
        };
        let (read, write) = stream.into_split();
        Self { dir, handle, gate, read: BufReader::new(read), write }
    }

    pub fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    async fn say(&mut self, message: &ToGate) {
        let json = serde_json::to_vec(message).unwrap();
        self.write.write_all(&AgentFrame::Message(&json).encode()).await.unwrap();
    }

    /// A file that is there is told of.
    pub async fn announce(&mut self, path: &str, kind: &str, media_type: &str) {
        let (path, kind) = (path.to_owned(), kind.to_owned());
        let artifact = Artifact { path, kind, media_type: media_type.to_owned() };
        self.say(&ToGate::Artifact(artifact)).await;
    }

    pub async fn file(&mut self, path: &str, kind: &str, bytes: &[u8]) {
        std::fs::write(self.run_dir().join(path), bytes).unwrap();
        let media_type = match Path::new(path).extension().and_then(|it| it.to_str()) {
            Some("jpg") => "image/jpeg",
            Some("webm") => "video/webm",
            Some("json") => "application/json",
            Some("ndjson") => "application/x-ndjson",
            _ => "text/plain",
        };
        self.announce(path, kind, media_type).await;
    }

    pub async fn screenshot(&mut self, name: &str, bytes: &[u8]) {
        self.file(&format!("screenshots/{name}.jpg"), "screenshot", bytes).await;
    }

    /// Written, then told, as the agent does it.
    pub async fn event(&mut self, line: &str) {
        let path = self.run_dir().join("events.ndjson");
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(log, "{line}").unwrap();
        self.say(&ToGate::Event { line: line.to_owned() }).await;
    }

    /// The end of a run; the manifest is written when this returns.
    pub async fn finish(&mut self) {
        if self.run_dir().join("events.ndjson").exists() {
            self.announce("events.ndjson", "events", "application/x-ndjson").await;
        }
        self.file("results.json", "results", b"{\"verdict\":\"passed\"}").await;
        self.say(&ToGate::Finished { verdict: "passed".to_owned(), reason: None, exit_code: 0 })
            .await;
        loop {
            let mut bytes = Vec::new();
            let read = timeout(PATIENCE, self.read.read_until(0, &mut bytes)).await;
            assert_ne!(read.expect("the gate answers").unwrap(), 0, "the gate hung up");
            bytes.pop();
            if let Some(AgentFrame::Message(json)) = AgentFrame::from_gate(&bytes)
                && let FromGate::Sealed = serde_json::from_slice(json).unwrap()
            {
                return;
            }
        }
    }

    /// What has become of the files, once that is settled.
    pub async fn settled(&self) -> UploadReport {
        let mut upload = self.handle.upload();
        let settled = timeout(PATIENCE, upload.wait_for(|report| report.state.is_settled())).await;
        settled.expect("the upload ends").unwrap().clone()
    }

    /// Whether the gate has not ended.
    pub fn goes_on(&mut self) -> bool {
        self.gate.try_join_next().is_none()
    }

    /// The gate is asked to end; how it has, and what became of the files by then.
    pub async fn end(mut self) -> (Ended, UploadReport) {
        self.handle.end(Why::Closed, "The test is over.").await;
        let ended = timeout(PATIENCE, self.gate.join_next()).await.expect("the gate ends");
        (ended.unwrap().unwrap(), self.handle.upload().borrow().clone())
    }

    /// The agent is gone without a word.
    pub async fn kill_agent(&mut self) {
        self.write.shutdown().await.unwrap();
    }

    pub fn manifest(&self) -> Vec<u8> {
        std::fs::read(self.run_dir().join("manifest.json")).unwrap()
    }

    /// Path and sum of each file that the manifest lists, and its own.
    pub fn expected(&self) -> std::collections::BTreeMap<String, String> {
        let manifest = self.manifest();
        let json: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let listed = json["files"].as_array().unwrap().iter();
        let mut files: std::collections::BTreeMap<_, _> =
            listed.map(|file| (text(&file["path"]), text(&file["sha256"]))).collect();
        files.insert("manifest.json".to_owned(), sha256(&manifest));
        files
    }
}
