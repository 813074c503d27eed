//! `handback run` as a person or a CI job starts it, in a place of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use crate::support::leftovers;

/// How long any run of these tests may take on a busy machine before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(180);

/// A run that is not started yet.
#[derive(Debug)]
pub struct Run {
    place: TempDir,
    command: Command,
}

impl Run {
    /// A run of `plan` against `url`: everything it writes lies below a temporary directory.
    pub fn new(url: &str, plan: &str) -> Self {
        let place = tempfile::Builder::new().prefix("handback-it-").tempdir().expect("a directory");
        // The browser's unprivileged user must be able to pass through.
        set_mode(place.path(), 0o711);
        let mut command = Command::new(env!("CARGO_BIN_EXE_handback"));
        command
            .args(["run", "--url", url, "--plan", plan])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", place.path())
            .env("XDG_STATE_HOME", place.path().join("state"))
            .env("HANDBACK_RUNTIME_DIR", place.path().join("runtime"))
            .env("TMPDIR", place.path())
            .env("CI", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { place, command }
    }

    /// More arguments.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The directory below which everything lies.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the binary is built");
        let (send, lines) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        let mut stderr = BufReader::new(child.stderr.take().expect("piped")).lines();
        readers.spawn(async move {
            let mut all = String::new();
            while let Ok(Some(line)) = stderr.next_line().await {
                all.push_str(&line);
                all.push('\n');
                drop(send.send(line));
            }
            all
        });
        let mut stdout = child.stdout.take().expect("piped");
        readers.spawn(async move {
            let mut all = String::new();
            stdout.read_to_string(&mut all).await.expect("UTF-8");
            // Marks which of the two readers this is.
            format!("\u{1}{all}")
        });
        Running { place: self.place, child, lines, readers }
    }

    /// Starts it and waits for its end.
    pub async fn finish(self) -> Ended {
        self.start().finish().await
    }
}

/// A run in progress.
#[derive(Debug)]
pub struct Running {
    place: TempDir,
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    readers: JoinSet<String>,
}

impl Running {
    /// The directory below which everything lies.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Process id of `handback run` itself.
    pub fn pid(&self) -> rustix::process::Pid {
        let pid = self.child.id().expect("running");
        rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("running");
    }

    /// Waits for a line of standard error that contains `text`.
    pub async fn says(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let found = timeout(PATIENCE, async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(text) {
                    return Some(line);
                }
                seen.push(line);
            }
            None
        });
        match found.await {
            Ok(Some(line)) => line,
            _ => panic!("never said {text:?}, but:\n{}", seen.join("\n")),
        }
    }

    /// Waits for its end, and for everything it started to be gone.
    pub async fn finish(mut self) -> Ended {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.expect("the run ends in time").expect("waited for");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        while let Some(text) = self.readers.join_next().await {
            let text = text.expect("the reader ends");
            match text.strip_prefix('\u{1}') {
                Some(text) => text.clone_into(&mut stdout),
                None => stderr = text,
            }
        }
        let runtime = self.place.path().join("runtime");
        leftovers::none_below(&runtime).await;
        leftovers::none_below(self.place.path()).await;
        Ended { place: self.place, exit: status.code(), stdout, stderr }
    }
}

/// A run that is over.
#[derive(Debug)]
pub struct Ended {
    place: TempDir,
    /// Exit code; `None` if a signal ended it.
    pub exit: Option<i32>,
    /// The answer.
    pub stdout: String,
    /// Progress and logs.
    pub stderr: String,
}

impl Ended {
    /// The directory below which everything lies.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// The one run directory.
    pub fn dir(&self) -> PathBuf {
        let runs = self.place.path().join("state/handback/runs");
        let mut dirs: Vec<PathBuf> = fs::read_dir(&runs)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", runs.display(), self.stderr))
            .map(|entry| entry.expect("readable").path())
            .filter(|path| path.is_dir())
            .collect();
        assert_eq!(dirs.len(), 1, "{dirs:?}\n{}", self.stderr);
        dirs.remove(0)
    }

    /// A file of the run directory.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.dir().join(path);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// results.json.
    pub fn results(&self) -> Value {
        serde_json::from_slice(&self.read("results.json")).expect("JSON")
    }

    /// The lines of events.ndjson.
    pub fn events(&self) -> Vec<Value> {
        let text = String::from_utf8(self.read("events.ndjson")).expect("UTF-8");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
            .collect()
    }

    /// Verdict, reason and exit code, in one comparison that prints the run when it fails.
    pub fn assert_verdict(&self, verdict: &str, reason: Option<&str>, exit: i32) {
        let results = self.results();
        let found = (results["verdict"].as_str(), results["reason"].as_str(), self.exit);
        assert_eq!(
            found,
            (Some(verdict), reason, Some(exit)),
            "\n{}\n{}\n{}",
            self.stdout,
            self.stderr,
            results["error"]
        );
    }

    /// The artifacts are whole: the manifest names every file with its sum, the events have no gap
    /// and end with the report, and everything that results.json names is there.
    pub fn assert_complete(&self) {
        let dir = self.dir();
        let manifest: Value = serde_json::from_slice(&self.read("manifest.json")).expect("JSON");
        let files = manifest["files"].as_array().or(manifest["artifacts"].as_array());
        let files = files.unwrap_or_else(|| panic!("no list in {manifest}"));
        let mut listed: Vec<String> = Vec::new();
        for file in files {
            let path = file["path"].as_str().expect("a path");
            let bytes = self.read(path);
            let sum: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(file["sha256"].as_str(), Some(sum.as_str()), "{path}");
            assert_eq!(file["bytes"].as_u64(), Some(bytes.len() as u64), "{path}");
            listed.push(path.to_owned());
        }
        listed.sort();
        let mut present = files_below(&dir);
        present.retain(|path| path != "manifest.json");
        assert_eq!(listed, present, "the manifest names what is there");
        for (index, event) in self.events().iter().enumerate() {
            assert_eq!(event["seq"].as_u64(), Some(index as u64 + 1), "{event}");
        }
        assert_eq!(self.events().last().expect("events")["type"], "report");
        for step in self.results()["scenarios"].as_array().into_iter().flatten() {
            for step in step["steps"].as_array().into_iter().flatten() {
                if let Some(path) = step["screenshot"].as_str() {
                    assert!(listed.iter().any(|one| one == path), "{path} is not listed");
                }
            }
        }
    }
}

fn files_below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let relative = path.strip_prefix(dir).expect("below").to_str().expect("UTF-8");
                found.push(relative.to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Sets the mode of a file or directory.
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}
