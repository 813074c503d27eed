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
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::leftovers;

/// How long any run of these tests may take on a busy machine before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(8);

/// A run that is not started yet.
#[derive(Debug)]
pub struct Run {
    place: TempDir,
    command: Command,
}

impl Run {
    /// A run of `plan` against `url`: everything it writes lies below a temporary directory.
    pub fn new(url: &str, plan: &str) -> Self {
        Self::of(&["run", "--url", url, "--plan", plan])
    }

    /// Any command in a place of its own.
    pub fn of(arguments: &[&str]) -> Self {
        let place = tempfile::Builder::new().prefix("handback-it-").tempdir().expect("a directory");
        // The browser's unprivileged user must be able to pass through.
        set_mode(place.path(), 0o711);
        let mut command = Command::new(env!("CARGO_BIN_EXE_handback"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", place.path())
            .env("XDG_STATE_HOME", place.path().join("state"))
            .env("HANDBACK_RUNTIME_DIR", place.path().join("runtime"))
            .env("HANDBACK_PROFILES_DIR", place.path().join("profiles"))
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

    /// On a machine without these programs.
    pub fn without(mut self, programs: &[&str]) -> Self {
        let hide = "for program in $HIDDEN; do mount --bind /dev/null \"$program\" || exit 9; done; \
                    exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", hide]);
        let run = self.command.as_std();
        command.arg(run.get_program()).args(run.get_args()).env_clear();
        command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("HIDDEN", programs.join(" "));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// The directory below which everything lies.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        // A test that gives up leaves nothing behind.
        let mut child = self.command.kill_on_drop(true).spawn().expect("the binary is built");
        let mut readers = JoinSet::new();
        let stderr = child.stderr.take().expect("piped");
        let lines = follow(&mut readers, "", stderr);
        // The mark tells which of the two readers it is.
        let printed = follow(&mut readers, "\u{1}", child.stdout.take().expect("piped"));
        let (found, runtime) = watch::channel(None);
        let pid = child.id().expect("running");
        readers.spawn(async move {
            // Until the run has no more readers of what it found: it is over then.
            while !found.is_closed() && Path::new(&format!("/proc/{pid}/exe")).exists() {
                if let Some(path) = leftovers::runtime_of(pid) {
                    found.send_replace(Some(path));
                    break;
                }
                sleep(Duration::from_millis(10)).await;
            }
            "\u{2}".to_owned()
        });
        Running { place: self.place, child, lines, printed, readers, runtime }
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
    printed: mpsc::UnboundedReceiver<String>,
    readers: JoinSet<String>,
    runtime: watch::Receiver<Option<PathBuf>>,
}

impl Running {
    /// Where its sockets and its browser's files lie, once the browser's supervisor runs.
    pub async fn runtime(&mut self) -> PathBuf {
        let found = timeout(PATIENCE, self.runtime.wait_for(Option::is_some)).await;
        found.expect("in time").expect("the run starts a browser").clone().expect("some")
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
        containing(&mut self.lines, text).await
    }

    /// Waits for a line of standard output that contains `text`.
    pub async fn prints(&mut self, text: &str) -> String {
        containing(&mut self.printed, text).await
    }

    /// Waits for its end, and for everything it started to be gone.
    pub async fn finish(mut self) -> Ended {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.expect("the run ends in time").expect("waited for");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        while let Some(text) = self.readers.join_next().await {
            let text = text.expect("the reader ends");
            if text == "\u{2}" {
                continue;
            }
            match text.strip_prefix('\u{1}') {
                Some(text) => text.clone_into(&mut stdout),
                None => stderr = text,
            }
        }
        let runtime = self.runtime.borrow().clone();
        if let Some(runtime) = runtime {
            leftovers::none_below(&runtime).await;
        }
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
        let files = manifest["files"].as_array();
        let files = files.unwrap_or_else(|| panic!("no list in {manifest}"));
        let mut listed: Vec<String> = Vec::new();
        for file in files {
            let path = file["path"].as_str().expect("a path");
            let bytes = self.read(path);
            let sum = Sha256::digest(&bytes)
                .iter()
                .fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"));
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
        jsonschema::validate(handback::agent::results::schema().as_value(), &self.results())
            .expect("results.json is as its schema says");
        for step in self.results()["scenarios"].as_array().into_iter().flatten() {
            for step in step["steps"].as_array().into_iter().flatten() {
                if let Some(path) = step["screenshot"].as_str() {
                    assert!(listed.iter().any(|one| one == path), "{path} is not listed");
                }
            }
        }
    }
}

/// Reads a stream to its end, sending its lines as they come; the task gives `mark` and all of it.
fn follow(
    readers: &mut JoinSet<String>,
    mark: &'static str,
    stream: impl AsyncRead + Send + Unpin + 'static,
) -> mpsc::UnboundedReceiver<String> {
    let (send, lines) = mpsc::unbounded_channel();
    readers.spawn(async move {
        let mut stream = BufReader::new(stream).lines();
        let mut all = mark.to_owned();
        while let Some(line) = stream.next_line().await.expect("UTF-8") {
            all.push_str(&line);
            all.push('\n');
            send.send(line).ok();
        }
        all
    });
    lines
}

async fn containing(lines: &mut mpsc::UnboundedReceiver<String>, text: &str) -> String {
    let mut seen = Vec::new();
    let found = timeout(PATIENCE, async {
        while let Some(line) = lines.recv().await {
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
