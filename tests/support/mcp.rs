//! `handback mcp` as a coding agent starts it, in a place of its own, and the SDK's own client.

use std::{path::PathBuf, process::Stdio};

use rmcp::{
    ClientHandler, ServiceExt,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest,
        ProgressNotificationParam, ProgressToken, ServerResult,
    },
    service::{NotificationContext, PeerRequestOptions, RequestHandle, RoleClient, RunningService},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Duration, timeout},
};

use crate::support::{leftovers, run::set_mode};

/// How long any call of these tests may take on a busy machine before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(8);

/// What was told of all calls, in order.
type Told = Vec<(ProgressToken, String)>;

/// Listens to progress.
#[derive(Clone, Debug)]
pub struct Ear(watch::Sender<Told>);

impl ClientHandler for Ear {
    async fn on_progress(
        &self,
        said: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let message = said.message.unwrap_or_default();
        self.0.send_modify(|told| told.push((said.progress_token, message)));
    }
}

/// A place for a server: everything it writes lies below a temporary directory.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// A new one.
    pub fn new() -> Self {
        let place = tempfile::Builder::new().prefix("handback-it-").tempdir().expect("a directory");
        // The browser's unprivileged user must be able to pass through.
        set_mode(place.path(), 0o711);
        Self(place)
    }

    /// Where run directories go.
    pub fn runs(&self) -> PathBuf {
        self.0.path().join("state/handback/runs")
    }

    /// `handback mcp` with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let place = self.0.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_handback"));
        command
            .arg("mcp")
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", place)
            .env("XDG_STATE_HOME", place.join("state"))
            .env("HANDBACK_RUNTIME_DIR", place.join("runtime"))
            .env("HANDBACK_PROFILES_DIR", place.join("profiles"))
            .env("TMPDIR", place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command
    }

    /// A server on its standard input and output, and its client.
    pub async fn serve(&self) -> Client {
        self.serve_by(self.command(&[])).await
    }

    /// The same, started so.
    pub async fn serve_by(&self, mut command: Command) -> Client {
        let mut child = command.spawn().expect("the binary is built");
        let pipes = (child.stdout.take().expect("piped"), child.stdin.take().expect("piped"));
        let ear = Ear(watch::Sender::new(Vec::new()));
        let service = ear.clone().serve(pipes).await.expect("a session");
        Client { service, child, ear }
    }

    /// Waits until nothing that was started here is left.
    pub async fn is_left(&self) {
        leftovers::none_below(self.0.path()).await;
    }
}

/// A client with its server.
#[derive(Debug)]
pub struct Client {
    /// The session.
    pub service: RunningService<RoleClient, Ear>,
    child: Child,
    ear: Ear,
}

/// A call under way.
#[derive(Debug)]
pub struct Call {
    handle: RequestHandle<RoleClient>,
    told: watch::Receiver<Told>,
}

impl Client {
    /// Begins a call.
    pub async fn begin(&self, tool: &str, given: &Value) -> Call {
        let given = given.as_object().expect("an object").clone();
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(given);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(request));
        let options = PeerRequestOptions::no_options();
        let handle = self.service.send_cancellable_request(request, options).await;
        Call { handle: handle.expect("a session"), told: self.ear.0.subscribe() }
    }

    /// Calls, and waits for the result.
    pub async fn call(&self, tool: &str, given: &Value) -> CallToolResult {
        self.begin(tool, given).await.result().await
    }

    /// Closes the server's standard input, and waits for its end; whether that was a good one.
    pub async fn leave(mut self) -> bool {
        self.service.close().await.expect("a session");
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("it ends in time");
        ended.expect("it was started").success()
    }
}

impl Call {
    /// What was told of it so far.
    pub fn told(&self) -> Vec<String> {
        let token = &self.handle.progress_token;
        let told = self.told.borrow();
        told.iter().filter(|(of, _)| of == token).map(|(_, message)| message.clone()).collect()
    }

    /// Waits until something with `text` in it was told.
    pub async fn hears(&mut self, text: &str) {
        let token = self.handle.progress_token.clone();
        let heard = self.told.wait_for(|told| {
            told.iter().any(|(of, message)| *of == token && message.contains(text))
        });
        let heard = timeout(PATIENCE, heard).await.is_ok_and(|heard| heard.is_ok());
        assert!(heard, "never told {text:?}, but {:?}", self.told());
    }

    /// Waits for the result.
    pub async fn result(self) -> CallToolResult {
        self.told_result().await.1
    }

    /// Waits for the result; with all that was told meanwhile.
    pub async fn told_result(self) -> (Vec<String>, CallToolResult) {
        let token = self.handle.progress_token.clone();
        let told = self.told;
        let result = timeout(PATIENCE, self.handle.await_response()).await.expect("in time");
        let ServerResult::CallToolResult(result) = result.expect("a result") else {
            panic!("another result")
        };
        let told = told.borrow();
        let mine = told.iter().filter(|(of, _)| *of == token);
        (mine.map(|(_, message)| message.clone()).collect(), result)
    }

    /// Cancels it.
    pub async fn cancel(self) {
        self.handle.cancel(Some("the person pressed Escape".to_owned())).await.expect("a session");
    }
}

/// The structured content.
pub fn content(result: &CallToolResult) -> &Value {
    result.structured_content.as_ref().expect("structured content")
}
