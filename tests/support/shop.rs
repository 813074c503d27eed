//! The shop under test, as a process of its own.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

/// A running shop; ends when it is dropped.
#[derive(Debug)]
pub struct Shop {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    _process: Child,
    _alive: Option<ChildStdin>,
}

impl Shop {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/server.mjs");
        let mut process = Command::new("node")
            .args([script, "--port", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs the shop; `make setup` installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let url = lines.next_line().await.expect("readable").expect("the shop prints its address");
        assert!(url.starts_with("http://127.0.0.1:"), "the shop printed {url:?}");
        let alive = process.stdin.take();
        Self { url, _process: process, _alive: alive }
    }

    /// `url` and a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}
