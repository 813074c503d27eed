//! The gate and the browser of a run on this machine: gate as a task, the browser's supervisor as a
//! child that ends when we do, and what a person may do with them afterwards.

use std::{
    fs::DirBuilder,
    io::{IsTerminal, stderr, stdin},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::geteuid;
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    process::Child,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    args::SandboxChoice,
    open::open,
    options::{Options, ProfileWish},
};
use crate::{
    agent::{drive::Halt, journal::Journal, results, verdict::Reason},
    browser::{self, ProfileChoice, SandboxMode, runtime_dir::RuntimeDir},
    cli::say,
    clock::SystemClock,
    gate::{self, Address, Ended, GateError, Handle, RunFacts, Why},
    pod::contract::{AGENT_SOCKET, Artifact},
    shutdown::Shutdown,
    telemetry::chain,
};

/// The gate makes its socket before it does anything else.
const GATE_START: Duration = Duration::from_secs(10);
/// The supervisor kills what does not end by itself well before this.
const ENDING: Duration = Duration::from_secs(20);

/// See the module. Dropping it ends the browser: the supervisor finds its standard input closed.
#[derive(Debug)]
pub(super) struct House {
    run_id: String,
    handle: Handle,
    gate: JoinSet<Result<Ended, GateError>>,
    browser: Child,
    runtime: RuntimeDir,
    /// Ends the gate, and with it the browser.
    close: CancellationToken,
}

impl House {
    /// Starts both. The browser itself is started when the agent says hello to the gate.
    pub(super) async fn open(
        options: &Options,
        id: &str,
        journal: &mut Journal,
    ) -> Result<Self, Halt> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Halt {
            reason: Reason::BrowserFailed,
            message: format!("{what}: {error}."),
        };
        let profile = profile(options)?;
        let runtime = RuntimeDir::create(&options.runtime)
            .map_err(|error| failed("There is no place for sockets", &chain(&error)))?;
        let media = runtime.path().join("media");
        std::fs::create_dir(&media)
            .map_err(|error| failed("There is no place for the video", &error))?;
        let exe = std::env::current_exe()
            .map_err(|error| failed("The program does not find itself", &error))?;
        let supervisor = browser::Config {
            sockets: runtime.sockets(),
            media: media.clone(),
            runtime: runtime.path().to_owned(),
            profile,
            profile_yields: matches!(options.profile, ProfileWish::Kept { named: false, .. }),
            sandbox: match options.sandbox {
                SandboxChoice::Required => SandboxMode::Required,
                SandboxChoice::Preferred => SandboxMode::Preferred,
                SandboxChoice::Off => SandboxMode::Off,
            },
            headless: false,
            browser: None,
            grace: None,
        };
        // The port is ours before there is a browser that could guess at it.
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|error| failed("No port of this machine can be listened on", &error))?;
        let browser = browser::spawn_child(&exe, &supervisor)
            .map_err(|error| failed("The browser's supervisor cannot be started", &error))?;
        let agent_socket = runtime.agent_sockets().join(AGENT_SOCKET);
        let config = gate::Config {
            run: RunFacts {
                id: id.to_owned(),
                name: options.assignment.name.clone(),
                url: journal.results.url.clone(),
            },
            browser_sockets: runtime.sockets(),
            agent_socket: agent_socket.clone(),
            run_dir: journal.dir().path().to_owned(),
            media,
            viewport: options.assignment.manner.viewport,
            insecure_tls: options.assignment.manner.insecure_tls,
            resolver_rules: options.assignment.policy.resolver_rules(),
            keep_alive: options.keep,
            user: options.user.clone(),
            storage: None,
            redactor: Arc::clone(&options.assignment.redactor),
            clock: Arc::new(SystemClock),
            pod: None,
        };
        let (handle, orders) = gate::handle(&config, &listener)
            .map_err(|error| failed("The gate cannot be opened", &chain(&error)))?;
        let close = CancellationToken::new();
        let gate = JoinSet::from_iter([gate::run(config, listener, orders, close.clone())]);
        let house = Self { run_id: id.to_owned(), handle, gate, browser, runtime, close };
        let deadline = Instant::now() + GATE_START;
        while !agent_socket.exists() {
            if Instant::now() > deadline {
                return Err(failed("The gate cannot be opened", &"it does not listen"));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(house)
    }

    /// Where the agent connects.
    pub(super) fn agent_socket(&self) -> PathBuf {
        self.runtime.agent_sockets().join(AGENT_SOCKET)
    }

    /// A one-use address of the takeover page.
    pub(super) async fn takeover(&self) -> Option<Address> {
        self.handle.address(None).await.ok()
    }

    /// A one-use address of the player.
    pub(super) async fn player(&self) -> Option<Address> {
        let path = format!("/runs/{}/player.html", self.run_id);
        self.handle.address(Some(&path)).await.ok()
    }

    /// Opens the player on the person's desktop.
    pub(super) fn show(&self, player: &Address) {
        if let Err(error) = open(self.runtime.path(), player.url.expose()) {
            tracing::info!(%error, "the player could not be opened");
        }
    }

    /// Serves player, browser and takeover until nobody wants them any more: Enter, a signal, Stop
    /// browser, or idleness. An address that was used is followed by a fresh one.
    pub(super) async fn keep(
        mut self,
        idle: Duration,
        player: Option<Address>,
        takeover: Option<Address>,
        shutdown: &Shutdown,
    ) {
        let mut addresses = JoinSet::new();
        for (what, path, first) in [
            ("Player", Some(format!("/runs/{}/player.html", self.run_id)), player),
            ("Take over", None, takeover),
        ] {
            addresses.spawn(renew(self.handle.clone(), what, path, first));
        }
        let interactive = stdin().is_terminal();
        let enter = if interactive { "Press Enter to close it; it" } else { "It" };
        let kept = format!(
            "The browser is kept. {enter} closes by itself after {} without anybody.\n",
            crate::cli::paint::seconds(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX))
        );
        say(&mut stderr(), &kept);
        tokio::select! {
            ended = self.gate.join_next() => {
                if let Some(Ok(Ok(Ended { message, .. }))) = ended {
                    say(&mut stderr(), &format!("{message}\n"));
                }
            }
            () = enter_pressed(), if interactive => {}
            () = shutdown.cancel.cancelled() => {}
        }
        addresses.shutdown().await;
        self.close().await;
    }

    /// Ends gate and browser, and waits until nothing of them is left.
    pub(super) async fn close(self) {
        let Self { run_id: _, handle, mut gate, mut browser, runtime, close } = self;
        handle.end(Why::Closed, "The run is over and its browser is closed.").await;
        if timeout(ENDING, gate.join_next()).await.is_err() {
            close.cancel();
        }
        // The supervisor takes this for the end of its parent.
        drop(browser.stdin.take());
        if timeout(ENDING, browser.wait()).await.is_err() {
            tracing::warn!("the browser's supervisor did not end in time");
            browser.kill().await.ok();
        }
        drop(runtime);
    }
}

/// Prints a fresh address whenever one was used, so that another window can be opened.
async fn renew(handle: Handle, what: &'static str, path: Option<String>, first: Option<Address>) {
    let mut address = first;
    while let Some(Address { url: _, used }) = address {
        if used.await.is_err() {
            return;
        }
        address = handle.address(path.as_deref()).await.ok();
        if let Some(fresh) = &address {
            say(&mut stderr(), &format!("{what}, another window: {}\n", fresh.url.expose()));
        }
    }
}

async fn enter_pressed() {
    let mut byte = [0];
    // The end of the input is no key.
    if !matches!(tokio::io::stdin().read(&mut byte).await, Ok(1..)) {
        std::future::pending::<()>().await;
    }
}

/// Which profile the browser gets. Below a directory that the browser's own user may enter.
fn profile(options: &Options) -> Result<ProfileChoice, Halt> {
    let ProfileWish::Kept { name, named } = &options.profile else {
        return Ok(ProfileChoice::Temporary);
    };
    let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(&options.profiles).map_err(|error| {
        Halt {
            reason: Reason::BrowserFailed,
            message: format!("There is no place for profiles: {error}. --isolated needs none."),
        }
    })?;
    let path = options.profiles.join(name);
    if *named && browser::profile_is_busy(&path) {
        return Err(Halt {
            reason: Reason::ProfileBusy,
            message: format!(
                "The profile {name} is in use by another run: wait for it, choose another \
                 --profile, or use --isolated."
            ),
        });
    }
    Ok(ProfileChoice::Directory(path))
}

/// The manifest of a run that never had a gate.
pub(super) async fn seal_alone(directory: &Path, id: &str, artifacts: &[results::Artifact]) {
    let mut files: Vec<_> = artifacts
        .iter()
        .map(|one| Artifact {
            path: one.path.clone(),
            kind: one.kind.clone(),
            media_type: one.media_type.clone(),
        })
        .collect();
    files.push(Artifact {
        path: "results.json".to_owned(),
        kind: "results".to_owned(),
        media_type: "application/json".to_owned(),
    });
    let (directory, id) = (directory.to_owned(), id.to_owned());
    let sealed = tokio::task::spawn_blocking(move || gate::seal(&directory, &id, files)).await;
    if let Ok(Err(error)) = sealed {
        tracing::warn!(error = %chain(&error), "the manifest could not be written");
    }
}
