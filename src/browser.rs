//! The browser's supervisor, `handback browser`: display, Chromium, recorder, and the sockets by
//! which the gate reaches them.
//!
//! It is a process of its own because only that can clean up after a killed parent: its standard
//! input is a pipe whose end means that the parent is gone.
//!
//! # Guarantees
//! - Nothing is started before the gate asks for it.
//! - When Chromium or the display ends, both are ended and [`FromBrowser::Exited`] says who was
//!   first. Neither is started again without being asked to.
//! - However the supervisor ends, no process of its own is left; files at the latest until the
//!   next start ([`runtime_dir`]).

mod bridge;
mod chromium;
mod control;
mod display;
mod memory;
mod process;
mod recorder;
pub mod runtime_dir;
mod user;

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::{self, Permissions},
    future::pending,
    io::{self, stdin},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::pin,
    process::Stdio,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::UnixListener,
    process::Child,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    chromium::{Chromium, ChromiumError, Profile, ProfileError, Setup, Wishes},
    display::{Display, DisplayError},
    memory::Kills,
    recorder::{Command, Recorder, Source},
    runtime_dir::{RuntimeDir, RuntimeDirError},
    user::User,
};
pub use self::{
    chromium::{SandboxMode, profile_is_busy},
    process::{ShimArgs, shim},
};
use crate::{
    clock::SystemClock,
    pod::contract::{
        BrowserFacts, CDP_SOCKET, CONTROL_SOCKET, FromBrowser, RFB_SOCKET, Size, ToBrowser, places,
    },
    telemetry::chain,
};

/// How much higher than the page the display is at first. Chromium's bars are 87 px here and must
/// have room: a window as large as the display is made a pixel smaller, and believes it is not.
const HEADROOM: u32 = 160;
/// When Chromium and the display end together, Chromium may be noticed first.
const WHO_WAS_FIRST: Duration = Duration::from_millis(100);

/// Between two looks at the counter of kills: a small file, and whoever lost a tab waits for it.
const MEMORY_LOOK: Duration = Duration::from_millis(100);

/// How long a gate may be away before it counts as gone for good: one that fails is started again
/// within a second.
const RETURN: Duration = Duration::from_secs(10);
/// How much of a pod's grace is kept for ending Chromium and display.
const ENDING: Duration = Duration::from_secs(5);

/// What `handback browser` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Directory of the sockets that the gate connects to
    #[arg(long, value_name = "DIR", default_value = places::BROWSER_SOCKETS.path)]
    pub sockets: PathBuf,
    /// Directory for the video
    #[arg(long, value_name = "DIR", default_value = places::MEDIA.path)]
    pub media: PathBuf,
    /// Runtime directory, for the browser's home and temporary files
    #[arg(long, value_name = "DIR", default_value = places::HOME.path)]
    pub runtime: PathBuf,
    /// The browser's profile: a directory that is kept, or one that goes with the run
    #[arg(long, value_name = "DIR|temporary", default_value = "temporary")]
    pub profile: ProfileChoice,
    /// A temporary profile if the one that is kept is in use by another run
    #[arg(long)]
    pub profile_yields: bool,
    /// Whether Chromium must have its own sandbox
    #[arg(long, value_enum, default_value = "preferred")]
    pub sandbox: SandboxMode,
    /// Chromium's own headless mode even if a display could be started
    #[arg(long)]
    pub headless: bool,
    /// Chromium's program, if it is not in one of the usual places
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// In a pod: it ends with the gate; SIGTERM alone ends it only after SECONDS less five
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(6..))]
    pub grace: Option<u64>,
}

/// What the startup probe of a pod is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Probe {
    /// Directory of the sockets that the gate connects to
    #[arg(long, value_name = "DIR", default_value = places::BROWSER_SOCKETS.path)]
    pub sockets: PathBuf,
}

impl Probe {
    /// Whether Chromium and its display are ready: its bridge is made last of all.
    pub fn is_ready(&self) -> bool {
        let bridge = fs::metadata(self.sockets.join(CDP_SOCKET));
        bridge.is_ok_and(|found| found.file_type().is_socket())
    }
}

/// Which profile Chromium uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChoice {
    /// It goes with the run.
    Temporary,
    /// It is kept, and locked while a run uses it.
    Directory(PathBuf),
}

impl FromStr for ProfileChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "temporary" => Self::Temporary,
            path => Self::Directory(path.into()),
        })
    }
}

impl Config {
    /// The command line that means this.
    fn arguments(&self) -> Vec<OsString> {
        let Self {
            sockets,
            media,
            runtime,
            profile,
            profile_yields,
            sandbox,
            headless,
            browser,
            grace,
        } = self;
        let mut arguments: Vec<OsString> = vec!["browser".into()];
        let mut add = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
            arguments.push(name.into());
            arguments.push(value.as_ref().to_owned());
        };
        add("--sockets", sockets);
        add("--media", media);
        add("--runtime", runtime);
        match profile {
            ProfileChoice::Temporary => add("--profile", &"temporary"),
            ProfileChoice::Directory(path) => add("--profile", path),
        }
        let sandbox = match sandbox {
            SandboxMode::Required => "required",
            SandboxMode::Preferred => "preferred",
            SandboxMode::Off => "off",
        };
        add("--sandbox", &sandbox);
        if let Some(path) = browser {
            add("--browser", path);
        }
        if let Some(seconds) = grace {
            add("--grace", &seconds.to_string());
        }
        for (wanted, flag) in [(*profile_yields, "--profile-yields"), (*headless, "--headless")] {
            if wanted {
                arguments.push(flag.into());
            }
        }
        arguments
    }
}

/// Starts the supervisor as a child that ends when the returned handle's standard input is closed.
/// It has a process group of its own, or Ctrl-C would reach it before us.
///
/// # Errors
/// When `exe` (this program) cannot be executed.
pub fn spawn_child(exe: &Path, config: &Config) -> io::Result<Child> {
    tokio::process::Command::new(exe)
        .args(config.arguments())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Why the supervisor could not do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The runtime directory is gone or not ours.
    #[error(transparent)]
    Runtime(#[from] RuntimeDirError),
    /// The control socket.
    #[error("listening on {path}")]
    Listen {
        /// Of the socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A call that every supported system has.
    #[error("setting up the supervisor")]
    System(#[source] io::Error),
}

/// Supervises until the parent is gone, SIGTERM, or [`ToBrowser::Stop`]; then nothing is left.
/// To be called from a current-thread runtime on the main thread (see [`process`]).
///
/// # Errors
/// When it could not even begin.
pub async fn run(config: Config) -> Result<(), BrowserError> {
    process::become_reaper().map_err(BrowserError::System)?;
    let runtime = RuntimeDir::adopt(&config.runtime)?;
    let path = config.sockets.join(CONTROL_SOCKET);
    let listener = listen(&path).map_err(|source| BrowserError::Listen { path, source })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(BrowserError::System)?;
    let stop = CancellationToken::new();
    let grace = config.grace.map(Duration::from_secs);
    let mut supervisor = Supervisor::new(config);
    let gate = watch::Sender::new(Gate::Awaited);
    let mut reaper = JoinSet::new();
    if grace.is_some() {
        reaper.spawn(process::reap_strangers());
    }
    tokio::select! {
        () = supervisor.supervise(listener, stop.clone(), gate.clone()) => {}
        () = end_of_pod(&mut terminate, gate.subscribe(), grace) => {}
        () = parent_gone() => {}
        () = stop.cancelled() => {}
    }
    reaper.shutdown().await;
    supervisor.end().await;
    drop(runtime);
    Ok(())
}

/// Whether there is a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// None has come yet.
    Awaited,
    /// It is connected.
    There,
    /// It was, and is not.
    Gone,
}

/// Resolves when the supervisor has to end by itself. As a child that is SIGTERM. In a pod (`grace` is
/// what the kubelet gives it) it is the gate's end, since files that only the gate can save may still
/// come out of the browser; after SIGTERM that much of the grace is left for ending.
async fn end_of_pod(
    terminate: &mut Signal,
    mut gate: watch::Receiver<Gate>,
    grace: Option<Duration>,
) {
    let Some(grace) = grace else {
        terminate.recv().await;
        return;
    };
    let abandoned = async {
        loop {
            // The sender lives as long as we do.
            drop(gate.wait_for(|gate| *gate == Gate::Gone).await);
            let back = gate.wait_for(|gate| *gate == Gate::There);
            if timeout(RETURN, back).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = abandoned => return,
        _ = terminate.recv() => {}
    }
    tracing::info!("the pod is being ended; the browser waits for its gate");
    let closed = gate.wait_for(|gate| *gate != Gate::There);
    drop(timeout(grace.saturating_sub(ENDING), closed).await);
}

/// Resolves when the parent's end of our standard input is closed; never if that is no pipe.
async fn parent_gone() {
    let is_pipe = stdin_is_pipe();
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while is_pipe && matches!(input.read(&mut byte).await, Ok(1..)) {}
    if !is_pipe {
        pending::<()>().await;
    }
}

fn stdin_is_pipe() -> bool {
    use std::os::fd::AsFd;
    let file = stdin().as_fd().try_clone_to_owned().map(fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|found| found.file_type().is_fifo())
}

/// A socket for our own user alone, in place of one that a killed process may have left.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Why a start failed; the sentence of [`FromBrowser::Failed`].
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Display(#[from] DisplayError),
    #[error(transparent)]
    Chromium(#[from] ChromiumError),
    #[error("listening on {path}")]
    Listen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Display and Chromium while both run.
#[derive(Debug)]
struct Running {
    display: Option<Display>,
    chromium: Chromium,
    facts: BrowserFacts,
    /// The bridge; it ends with this.
    _bridge: JoinSet<io::Result<()>>,
}

/// What the supervisor knows.
struct Supervisor {
    config: Config,
    tasks: TaskTracker,
    /// Kept over restarts, as is its lock.
    profile: Option<Profile>,
    profile_busy: bool,
    running: Option<Running>,
    recorder: Option<mpsc::UnboundedSender<Command>>,
    encoder: watch::Receiver<Option<u32>>,
}

impl Supervisor {
    fn new(config: Config) -> Self {
        let (_, encoder) = watch::channel(None);
        Self {
            config,
            tasks: TaskTracker::new(),
            profile: None,
            profile_busy: false,
            running: None,
            recorder: None,
            encoder,
        }
    }

    /// Obeys the gate until it says stop (which cancels `stop`).
    async fn supervise(
        &mut self,
        listener: UnixListener,
        stop: CancellationToken,
        gate: watch::Sender<Gate>,
    ) {
        let (tell, outgoing) = mpsc::unbounded_channel();
        let (incoming, mut messages) = mpsc::unbounded_channel();
        let (commands, orders) = mpsc::unbounded_channel();
        let (pid, encoder) = watch::channel(None);
        self.encoder = encoder;
        self.recorder = Some(commands);
        let recorder = Recorder::new(
            self.tasks.clone(),
            Arc::new(SystemClock),
            self.config.runtime.join("r"),
            self.config.media.clone(),
            tell.clone(),
            pid,
        );
        let mut kills = Kills::count();
        let mut by_memory = false;
        let mut looks = interval(MEMORY_LOOK);
        let mut workers = JoinSet::new();
        workers.spawn(recorder.run(orders));
        workers.spawn(control::serve(listener, incoming, outgoing, stop, gate));
        loop {
            tokio::select! {
                Some(message) = messages.recv() => self.obey(message, &tell).await,
                _ = looks.tick() => {
                    // A tab that is killed for memory ends nothing else: nobody would hear of it.
                    if kills.more() {
                        tracing::warn!("the container's memory limit was reached");
                        drop(tell.send(FromBrowser::MemoryKill));
                        by_memory = true;
                    }
                }
                (who, reason) = ended(&mut self.running) => {
                    if kills.more() {
                        drop(tell.send(FromBrowser::MemoryKill));
                        by_memory = true;
                    }
                    let reason = if std::mem::take(&mut by_memory) {
                        format!("the container's memory limit was reached; {reason}")
                    } else {
                        reason
                    };
                    tracing::warn!(who, %reason, "the browser ended");
                    self.down(format!("the {who} ended")).await;
                    let exited = FromBrowser::Exited { who: who.to_owned(), reason };
                    drop(tell.send(exited));
                }
                // Without its workers the supervisor has nothing left to do.
                _ = workers.join_next() => return,
            }
        }
    }

    async fn obey(&mut self, message: ToBrowser, tell: &mpsc::UnboundedSender<FromBrowser>) {
        let record = |command| {
            // The recorder lives as long as the supervisor.
            drop(self.recorder.as_ref().map(|recorder| recorder.send(command)));
        };
        match message {
            ToBrowser::Record => record(Command::Record),
            ToBrowser::PauseVideo => record(Command::Pause),
            ToBrowser::CloseVideo => record(Command::Close),
            ToBrowser::Mark(mark) => record(Command::Mark(mark)),
            // Handled where it is read, so that it is never behind anything else.
            ToBrowser::Stop => {}
            ToBrowser::Start { viewport, insecure_tls, resolver_rules } => {
                let wishes = Wishes { viewport, insecure_tls, resolver_rules };
                let answer = match &self.running {
                    // A gate that has been restarted asks again; the browser is the same.
                    Some(running) => FromBrowser::Ready(running.facts.clone()),
                    None => match self.start(&wishes).await {
                        Ok(facts) => FromBrowser::Ready(facts),
                        Err(error) => {
                            let message = chain(&error);
                            tracing::warn!(%message, "the browser did not start");
                            self.down(message.clone()).await;
                            FromBrowser::Failed { message }
                        }
                    },
                };
                drop(tell.send(answer));
            }
        }
    }

    /// Starts display, Chromium and bridge.
    async fn start(&mut self, wishes: &Wishes) -> Result<BrowserFacts, StartError> {
        // Before anything is started: a missing program is the likeliest failure.
        chromium::program(self.config.browser.as_deref())?;
        let home = self.config.runtime.join("home");
        if self.profile.is_none() {
            let temporary = Profile::temporary(home.join("profile"));
            self.profile = Some(match &self.config.profile {
                ProfileChoice::Temporary => temporary,
                ProfileChoice::Directory(path) => match Profile::kept(path.clone()) {
                    Err(ProfileError::Busy(_)) if self.config.profile_yields => {
                        self.profile_busy = true;
                        temporary
                    }
                    kept => kept.map_err(ChromiumError::from)?,
                },
            });
        }
        let Some(profile) = &self.profile else { return Err(ChromiumError::Missing.into()) };
        let user = User::choose(profile.is_kept().then(|| profile.path()));
        let mut display = self.start_display(wishes, user).await?;
        let cookie = display::client_cookie(&self.config.runtime);
        let setup = Setup {
            wishes,
            program: self.config.browser.as_deref(),
            sandbox: self.config.sandbox,
            profile,
            display: display.as_ref().map(|display| (display.number, cookie)),
            home: &home,
            user,
        };
        let (chromium, pipe) = Chromium::start(&self.tasks, &setup).await?;
        let measured = chromium.measured;
        if let Some(display) = &mut display {
            let size = display_size(wishes, measured.bars);
            display.resize(size).await?;
        }
        let path = self.config.sockets.join(CDP_SOCKET);
        let listener = listen(&path).map_err(|source| StartError::Listen { path, source })?;
        let mut bridge = JoinSet::new();
        bridge.spawn(bridge::run(pipe, listener));
        let source = match &display {
            Some(display) => Ok(Source {
                number: display.number,
                size: display.size,
                cookies: self.config.runtime.clone(),
                origin: (measured.page_x, measured.page_y),
            }),
            None => Err(no_display()),
        };
        let facts = BrowserFacts {
            version: chromium.version.clone(),
            pid: chromium.pid,
            sandbox: chromium.sandbox,
            display: display.as_ref().map(|display| display.size),
            page_x: display.as_ref().map_or(0, |_| measured.page_x),
            page_y: display.as_ref().map_or(0, |_| measured.page_y),
            video_unavailable: source.as_ref().err().cloned().or_else(recorder::missing),
            profile_busy: self.profile_busy,
        };
        drop(self.recorder.as_ref().map(|recorder| recorder.send(Command::Source(source))));
        tracing::info!(version = facts.version, pid = facts.pid, "the browser is ready");
        self.running = Some(Running { display, chromium, facts: facts.clone(), _bridge: bridge });
        Ok(facts)
    }

    /// A private display, if one is wanted and installed.
    async fn start_display(
        &self,
        wishes: &Wishes,
        user: Option<User>,
    ) -> Result<Option<Display>, StartError> {
        let Some(program) = display::program().filter(|_| !self.config.headless) else {
            return Ok(None);
        };
        let rfb = self.config.sockets.join(RFB_SOCKET);
        let size = display_size(wishes, HEADROOM);
        let runtime = &self.config.runtime;
        let display = Display::start(&self.tasks, &program, runtime, &rfb, user, size).await?;
        Ok(Some(display))
    }

    /// Ends whatever runs but an encoder that is writing its last frames.
    async fn down(&mut self, why: String) {
        drop(self.recorder.as_ref().map(|recorder| recorder.send(Command::Source(Err(why)))));
        if let Some(Running { display, chromium, .. }) = self.running.take() {
            chromium.end().await;
            if let Some(display) = display {
                display.end().await;
            }
        }
        let keep = *self.encoder.borrow();
        process::end_all(keep.as_slice()).await;
        drop(fs::remove_file(self.config.sockets.join(CDP_SOCKET)));
    }

    /// Ends everything.
    async fn end(&mut self) {
        self.recorder = None;
        if let Some(Running { display, chromium, .. }) = self.running.take() {
            chromium.end().await;
            if let Some(display) = display {
                display.end().await;
            }
        }
        process::end_all(&[]).await;
        for socket in [CONTROL_SOCKET, CDP_SOCKET, RFB_SOCKET] {
            drop(fs::remove_file(self.config.sockets.join(socket)));
        }
    }
}

/// Why there is no display, in a sentence for a person.
fn no_display() -> String {
    if display::program().is_some() {
        return "there is no video and no live view because the browser runs in its own \
                headless mode, as it was asked to"
            .to_owned();
    }
    "there is no video and no live view because TigerVNC's Xvnc is not installed (on Debian: \
     apt install tigervnc-standalone-server)"
        .to_owned()
}

/// The display that shows a page of the wished size below bars of this height.
fn display_size(wishes: &Wishes, bars: u32) -> Size {
    let Size { width, height } = chromium::contents(wishes.viewport);
    Size { width, height: height + bars }
}

/// Resolves when display or Chromium has ended: who was first, and what it says. Chromium ends when
/// its display does, and exits with success even then, so its code tells nothing.
async fn ended(running: &mut Option<Running>) -> (&'static str, String) {
    let Some(Running { display, chromium, .. }) = running else { return pending().await };
    let Some(display) = display else { return ("chromium", chromium.ended().await) };
    let mut display = pin!(display.ended());
    tokio::select! {
        biased;
        reason = &mut display => ("display", reason),
        reason = chromium.ended() => match timeout(WHO_WAS_FIRST, display).await {
            Ok(reason) => ("display", reason),
            Err(_) => ("chromium", reason),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn a_child_is_told_everything() {
        for (profile, sandbox, headless, browser) in [
            (ProfileChoice::Temporary, SandboxMode::Required, true, Some("/c".into())),
            (ProfileChoice::Directory("/p q".into()), SandboxMode::Off, false, None),
        ] {
            let config = Config {
                sockets: "/s".into(),
                media: "/m".into(),
                runtime: "/r".into(),
                profile,
                profile_yields: !headless,
                sandbox,
                headless,
                browser,
                grace: headless.then_some(330),
            };
            let read = Line::try_parse_from(config.arguments()).unwrap().config;
            assert_eq!(format!("{read:?}"), format!("{config:?}"));
        }
    }
}
