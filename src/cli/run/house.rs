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
    gate::{self, Address, Ended, GateError, Handle, NotHandedOn, RunFacts, Why},
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
pub(in crate::cli) struct House {
    run_id: String,
    handle: Handle,
    gate: JoinSet<Result<Ended, GateError>>,
    browser: Child,
    runtime: RuntimeDir,
    /// Ends the gate, and with it the browser.
    close: CancellationToken,
}

/// A browser that has outlived the gate of its run, for another run. Dropping it ends the browser.
#[derive(Debug)]
pub(in crate::cli) struct HandedOn {
    browser: Child,
    runtime: RuntimeDir,
    /// What its next gate has to know; none for one that was just started.
    left: Option<gate::Left>,
}

impl HandedOn {
    /// Ends the browser after all.
    pub(in crate::cli) async fn close(self) {
        let Self { browser, runtime, left: _ } = self;
        end(browser).await;
        drop(runtime);
    }
}

impl House {
    /// Starts both, or a gate for the browser that another run has left. A browser of its own is
    /// started when the agent says hello to the gate.
    pub(in crate::cli) async fn open(
        options: &Options,
        id: &str,
        journal: &mut Journal,
        browser: Option<HandedOn>,
    ) -> Result<Self, Halt> {
        // The port is ours before there is a browser that could guess at it.
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|error| failed("No port of this machine can be listened on", &error))?;
        let HandedOn { browser, runtime, left } = match browser {
            Some(browser) => browser,
            None => start(options)?,
        };
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
            media: media(&runtime),
            viewport: options.assignment.manner.viewport,
            insecure_tls: options.assignment.manner.insecure_tls,
            resolver_rules: options.assignment.policy.resolver_rules(),
            keep_alive: options.keep,
            user: options.user.clone(),
            storage: None,
            redactor: Arc::clone(&options.assignment.redactor),
            clock: Arc::new(SystemClock),
            pod: None,
            takes_over: left,
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

    /// The URL of its first tab.
    pub(in crate::cli) async fn page(&self) -> Option<String> {
        self.handle.page().await
    }

    /// Closes the gate and gives the browser to another run.
    ///
    /// # Errors
    /// Gives the house back as it was, when somebody needs the browser or there is none.
    pub(in crate::cli) async fn hand_on(mut self) -> Result<HandedOn, (Box<Self>, NotHandedOn)> {
        let left = match self.handle.hand_on().await {
            Ok(left) => Some(left),
            Err(why) => return Err((Box::new(self), why)),
        };
        if timeout(ENDING, self.gate.join_next()).await.is_err() {
            self.close.cancel();
        }
        let Self { run_id: _, handle: _, gate: _, browser, runtime, close: _ } = self;
        // The next gate's appears in its place.
        let socket = runtime.agent_sockets().join(AGENT_SOCKET);
        if let Err(error) = std::fs::remove_file(&socket) {
            tracing::debug!(%error, "the gate has left no socket");
        }
        Ok(HandedOn { browser, runtime, left })
    }

    /// Where the agent connects.
    pub(in crate::cli) fn agent_socket(&self) -> PathBuf {
        self.runtime.agent_sockets().join(AGENT_SOCKET)
    }

    /// A one-use address of the takeover page.
    pub(in crate::cli) async fn takeover(&self) -> Option<Address> {
        self.handle.address(None).await.ok()
    }

    /// A one-use address of the player.
    pub(in crate::cli) async fn player(&self) -> Option<Address> {
        let path = format!("/runs/{}/player.html", self.run_id);
        self.handle.address(Some(&path)).await.ok()
    }

    /// Opens the player on the person's desktop.
    pub(in crate::cli) fn show(&self, player: &Address) {
        if let Err(error) = open(&self.runtime.path().join("open.html"), player.url.expose()) {
            tracing::info!(%error, "the player could not be opened");
        }
    }

    /// Serves player, browser and takeover until nobody wants them any more: Enter, a signal, Stop
    /// browser, or idleness. An address that was used is followed by a fresh one.
    pub(in crate::cli) async fn keep(
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
            message = self.ended() => {
                if let Some(message) = message {
                    say(&mut stderr(), &format!("{message}\n"));
                }
            }
            () = enter_pressed(), if interactive => {}
            () = shutdown.cancel.cancelled() => {}
        }
        addresses.shutdown().await;
        self.close().await;
    }

    /// Waits until the browser has ended without us: nobody used it, somebody pressed Stop, or it was
    /// lost. Says which, in a sentence. May be given up and called again.
    pub(in crate::cli) async fn ended(&mut self) -> Option<String> {
        match self.gate.join_next().await {
            Some(Ok(Ok(Ended { message, .. }))) => Some(message),
            Some(Ok(Err(_)) | Err(_)) | None => None,
        }
    }

    /// Ends gate and browser, and waits until nothing of them is left.
    pub(in crate::cli) async fn close(self) {
        let Self { run_id: _, handle, mut gate, browser, runtime, close } = self;
        handle.end(Why::Closed, "The run is over and its browser is closed.").await;
        if timeout(ENDING, gate.join_next()).await.is_err() {
            close.cancel();
        }
        end(browser).await;
        drop(runtime);
    }
}

/// Ends a browser with its supervisor, which takes this for the end of its parent.
async fn end(mut browser: Child) {
    drop(browser.stdin.take());
    if timeout(ENDING, browser.wait()).await.is_err() {
        tracing::warn!("the browser's supervisor did not end in time");
        browser.kill().await.ok();
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Halt {
    Halt { reason: Reason::BrowserFailed, message: format!("{what}: {error}.") }
}

/// Where the recorder leaves a video.
fn media(runtime: &RuntimeDir) -> PathBuf {
    runtime.path().join("media")
}

/// A supervisor, which will start the browser.
fn start(options: &Options) -> Result<HandedOn, Halt> {
    let profile = profile(options)?;
    let runtime = RuntimeDir::create(&options.runtime)
        .map_err(|error| failed("There is no place for sockets", &chain(&error)))?;
    let media = media(&runtime);
    std::fs::create_dir(&media)
        .map_err(|error| failed("There is no place for the video", &error))?;
    let exe = std::env::current_exe()
        .map_err(|error| failed("The program does not find itself", &error))?;
    let supervisor = browser::Config {
        sockets: runtime.sockets(),
        media,
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
    let browser = browser::spawn_child(&exe, &supervisor)
        .map_err(|error| failed("The browser's supervisor cannot be started", &error))?;
    Ok(HandedOn { browser, runtime, left: None })
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
pub(in crate::cli) async fn seal_alone(
    directory: &Path,
    id: &str,
    artifacts: &[results::Artifact],
) {
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
