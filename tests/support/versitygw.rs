//! An S3 server that is not ours (versitygw) as a process, and a client that is not ours (boto3) as
//! another.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{sleep, timeout},
};

use crate::authority::certificate;

/// For things that take a second at most.
const PATIENCE: Duration = Duration::from_mins(1);
/// An access key and its secret.
pub type Keys = (&'static str, &'static str);

/// A server with a directory of its own. Ends with the test.
pub struct Server {
    dir: TempDir,
    address: SocketAddr,
    keys: Keys,
    pub endpoint: String,
    /// The authority of its certificate, if it has one.
    pub ca: Option<Vec<u8>>,
    process: Child,
}

/// The same, while it is down.
pub struct Down {
    dir: TempDir,
    address: SocketAddr,
    keys: Keys,
    endpoint: String,
    ca: Option<Vec<u8>>,
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn program() -> PathBuf {
    std::env::var("HANDBACK_VERSITYGW")
        .expect("HANDBACK_VERSITYGW says where the S3 server is; `make test-s3` sets it")
        .into()
}

impl Server {
    /// On an address of this machine; its certificate is for `localhost` and that address.
    pub async fn start(host: IpAddr, tls: bool, keys: Keys) -> Self {
        let dir = tempfile::Builder::new().prefix("hb-s3-").tempdir().unwrap();
        for name in ["data", "sidecar"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let ca = if tls { Some(certificate(dir.path(), host).await) } else { None };
        // Free a moment ago; the server cannot be asked which one it took.
        let address = TcpListener::bind((host, 0)).await.unwrap().local_addr().unwrap();
        let scheme = if tls { "https" } else { "http" };
        let endpoint = format!("{scheme}://{address}");
        Down { dir, address, keys, endpoint, ca }.start_again().await
    }

    /// Another client of it.
    pub fn client(&self) -> Client {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/apps/boto3/start.sh");
        let mut command = Command::new(script);
        command.arg(&self.endpoint);
        if self.ca.is_some() {
            command.arg(self.dir.path().join("ca.crt"));
        }
        let mut process = command
            .env("AWS_ACCESS_KEY_ID", self.keys.0)
            .env("AWS_SECRET_ACCESS_KEY", self.keys.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("bash is there");
        let input = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Client { input, answers, _process: process }
    }

    pub async fn kill(self) -> Down {
        let Self { dir, address, keys, endpoint, ca, mut process } = self;
        process.kill().await.unwrap();
        Down { dir, address, keys, endpoint, ca }
    }

    pub async fn stop(self) {
        drop(self.kill().await);
    }
}

impl Down {
    pub async fn start_again(self) -> Server {
        let Self { dir, address, keys, endpoint, ca } = self;
        let mut command = Command::new(program());
        command.args(["--port", &address.to_string()]);
        if ca.is_some() {
            command.arg("--cert").arg(dir.path().join("server.crt"));
            command.arg("--key").arg(dir.path().join("server.key"));
        }
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        command
            .arg("posix")
            // Not every file system of a temporary directory has extended attributes.
            .arg("--sidecar")
            .arg(dir.path().join("sidecar"))
            .arg(dir.path().join("data"))
            .env("ROOT_ACCESS_KEY", keys.0)
            .env("ROOT_SECRET_KEY", keys.1)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|error| {
            panic!("{}: {error}; `make test-s3` builds it", program().display())
        });
        let up = timeout(PATIENCE, async {
            while TcpStream::connect(address).await.is_err() {
                let ended = process.try_wait().unwrap();
                assert!(ended.is_none(), "it ended: {}", said(dir.path()));
                sleep(Duration::from_millis(20)).await;
            }
        });
        up.await.unwrap_or_else(|_| panic!("it does not listen: {}", said(dir.path())));
        Server { dir, address, keys, endpoint, ca, process }
    }
}

fn said(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

/// boto3; a command is answered before the next one.
pub struct Client {
    input: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Client {
    pub async fn ask(&mut self, command: &Value) -> Value {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        // The first answer ever comes after an installation.
        let line = timeout(Duration::from_mins(5), self.answers.next_line()).await;
        let line = line.expect("an answer").unwrap().expect("its own words are above");
        serde_json::from_str(&line).unwrap()
    }
}
