//! Chromium: its start, its first answers, its end.

mod flags;
mod pipe;
mod profile;
mod sandbox;

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    net::unix::pipe::{Receiver, Sender},
    process::Child,
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use self::pipe::{FirstWords, Measured};
pub use self::profile::is_busy as profile_is_busy;
pub(crate) use self::{
    flags::{Wishes, contents},
    profile::{Profile, ProfileError},
};
use super::{
    bridge,
    display::client_env,
    process::{Program, drain, find, is_program, obituary, signal},
    user::User,
};
use crate::pod::contract::Sandbox;

/// Chromium answers within a second; a cold disk and a busy machine take longer.
const START_LIMIT: Duration = Duration::from_secs(45);
/// How long a browser with a profile to keep may take to write it down.
const FAREWELL: Duration = Duration::from_secs(3);
/// Where Chromium's own program lies: the one on the search path is a script that adds flags.
const PROGRAMS: [&str; 6] = [
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/opt/chromium.org/chromium/chromium",
    "/opt/microsoft/msedge/msedge",
];
/// Temporary files, below its home.
const TEMPORARY: &str = "tmp";
/// What it says when the machine does not let it make its sandbox.
const NO_SANDBOX: [&str; 3] = [
    "No usable sandbox",
    "Running as root without --no-sandbox",
    "Failed to move to new namespace",
];

/// Whether Chromium has to have its own sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SandboxMode {
    /// No run without it
    Required,
    /// With it if the machine allows, else without, and the results say so
    Preferred,
    /// Without
    Off,
}

/// Why Chromium is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChromiumError {
    #[error(
        "no Chromium was found: install it (on Debian: apt install chromium) or name one with \
         --browser"
    )]
    Missing,
    #[error("{0} cannot be executed: name Chromium's program with --browser")]
    NotAProgram(PathBuf),
    #[error("making the browser's home directory")]
    Home(#[source] io::Error),
    #[error("starting Chromium")]
    Spawn(#[source] io::Error),
    #[error("Chromium ended while it started: {0}")]
    Died(String),
    #[error(
        "Chromium's sandbox does not work here ({0}): allow unprivileged user namespaces, or run \
         with --sandbox preferred"
    )]
    NoSandbox(String),
    #[error("Chromium did not answer within {} s", START_LIMIT.as_secs())]
    Silent,
    #[error("Chromium's first answers")]
    Answers(#[source] pipe::PipeError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// A running Chromium.
#[derive(Debug)]
pub(crate) struct Chromium {
    child: Child,
    last_line: watch::Receiver<String>,
    /// Process id.
    pub(crate) pid: u32,
    /// For example `Chromium 156.0.8078.73`.
    pub(crate) version: String,
    /// What the pages are in.
    pub(crate) sandbox: Sandbox,
    /// Where the page lies in the window.
    pub(crate) measured: Measured,
    keeps_profile: bool,
}

/// What Chromium is started with.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// What the gate asks for.
    pub(crate) wishes: &'a Wishes,
    /// A program named by the caller.
    pub(crate) program: Option<&'a Path>,
    /// See [`SandboxMode`].
    pub(crate) sandbox: SandboxMode,
    /// Its profile.
    pub(crate) profile: &'a Profile,
    /// The display's number and Chromium's cookie file; `None` is its own headless mode.
    pub(crate) display: Option<(u32, PathBuf)>,
    /// Home and temporary files.
    pub(crate) home: &'a Path,
    /// Where it leaves downloads.
    pub(crate) downloads: &'a Path,
    /// Somebody else to run as.
    pub(crate) user: Option<User>,
}

/// Chromium's program: the one named, or the first of the well-known ones.
pub(crate) fn program(named: Option<&Path>) -> Result<PathBuf, ChromiumError> {
    match named {
        Some(path) if is_program(path) => Ok(path.to_owned()),
        Some(path) => Err(ChromiumError::NotAProgram(path.to_owned())),
        None => PROGRAMS
            .iter()
            .map(PathBuf::from)
            .find(|path| is_program(path))
            .or_else(|| {
                find(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
            })
            .ok_or(ChromiumError::Missing),
    }
}

impl Chromium {
    /// Starts Chromium, brings its first tab to the front and gives the page its size. The pipe is
    /// returned quiet: no answer of ours is outstanding on it.
    pub(crate) async fn start(
        tasks: &TaskTracker,
        setup: &Setup<'_>,
    ) -> Result<(Self, bridge::Pipe), ChromiumError> {
        let own = setup.sandbox != SandboxMode::Off;
        match Self::attempt(tasks, setup, own).await {
            Err(ChromiumError::NoSandbox(why)) if setup.sandbox == SandboxMode::Preferred => {
                tracing::warn!(%why, "Chromium runs without its own sandbox");
                Self::attempt(tasks, setup, false).await
            }
            started => started,
        }
    }

    async fn attempt(
        tasks: &TaskTracker,
        setup: &Setup<'_>,
        own_sandbox: bool,
    ) -> Result<(Self, bridge::Pipe), ChromiumError> {
        let program = program(setup.program)?;
        make_home(setup).map_err(ChromiumError::Home)?;
        setup.profile.prepare(setup.user)?;
        let (mut child, pipe) =
            spawn(&program, setup, own_sandbox).map_err(ChromiumError::Spawn)?;
        let pid = child.id().unwrap_or_default();
        let (line, last_line) = watch::channel(String::new());
        let (sandbox_line, no_sandbox) = watch::channel(String::new());
        if let Some(stderr) = child.stderr.take() {
            drain(tasks, stderr, move |text| {
                if NO_SANDBOX.iter().any(|sign| text.contains(sign)) {
                    drop(sandbox_line.send_replace(text.to_owned()));
                }
                if !text.is_empty() {
                    drop(line.send_replace(text.to_owned()));
                }
            });
        }
        let mut words = FirstWords::new(pipe);
        let answers = timeout(START_LIMIT, words.speak(setup.wishes.viewport));
        let (version, measured) = match answers.await {
            Ok(Ok(answers)) => answers,
            failed => {
                // The pipe closes a moment before the process is gone, and the process a moment
                // before its last line is read.
                let ended = timeout(FAREWELL, child.wait()).await;
                drop(child.kill().await);
                let closed = async {
                    while last_line.has_changed().is_ok() {
                        sleep(POLL).await;
                    }
                };
                drop(timeout(FAREWELL, closed).await);
                let why = no_sandbox.borrow().clone();
                return Err(match (failed, ended) {
                    _ if own_sandbox && !why.is_empty() => ChromiumError::NoSandbox(why),
                    (_, Ok(status)) => ChromiumError::Died(obituary(status, &last_line.borrow())),
                    (Ok(Err(error)), Err(_)) => ChromiumError::Answers(error),
                    _ => ChromiumError::Silent,
                });
            }
        };
        let sandbox = if own_sandbox && sandboxed(pid).await {
            Sandbox::Own
        } else if setup.sandbox == SandboxMode::Required {
            drop(child.kill().await);
            return Err(ChromiumError::NoSandbox("its pages run without one".to_owned()));
        } else {
            Sandbox::Container
        };
        let keeps_profile = setup.profile.is_kept();
        let chromium = Self { child, last_line, pid, version, sandbox, measured, keeps_profile };
        Ok((chromium, words.into_pipe()))
    }

    /// Resolves when Chromium has ended, with what it says about that.
    pub(crate) async fn ended(&mut self) -> String {
        let status = self.child.wait().await;
        obituary(status, &self.last_line.borrow())
    }

    /// Ends Chromium. A profile that is kept is written down first.
    pub(crate) async fn end(mut self) {
        if self.keeps_profile {
            signal(&self.child, Signal::TERM);
            if timeout(FAREWELL, self.child.wait()).await.is_ok() {
                return;
            }
        }
        // Errors mean that it has ended by itself.
        drop(self.child.kill().await);
    }
}

/// How often something is looked at that nobody announces.
const POLL: Duration = Duration::from_millis(10);
/// A page's process is there before its first answer; being a zombie's parent takes no longer.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Whether a page of this Chromium is really in a sandbox of its own.
async fn sandboxed(pid: u32) -> bool {
    let deadline = Instant::now() + PROBE_LIMIT;
    while !sandbox::has_sandboxed_child(pid) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// Makes the browser's home, which is the browser's user's alone.
fn make_home(setup: &Setup<'_>) -> io::Result<()> {
    for directory in [setup.home, &setup.home.join(TEMPORARY), setup.downloads] {
        fs::create_dir_all(directory)?;
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        setup.user.map_or(Ok(()), |user| user.own(directory))?;
    }
    Ok(())
}

/// Starts the program with the debugging pipe on its descriptors 3 and 4.
fn spawn(
    program: &Path,
    setup: &Setup<'_>,
    own_sandbox: bool,
) -> io::Result<(Child, bridge::Pipe)> {
    let (theirs_in, ours_out) = io::pipe()?;
    let (ours_in, theirs_out) = io::pipe()?;
    let args =
        flags::flags(setup.wishes, setup.profile.path(), setup.display.is_some(), own_sandbox);
    let mut start = Program::new(program, setup.home).args(args);
    start.fds = vec![(3, theirs_in.into()), (4, theirs_out.into())];
    start.user = setup.user;
    start.env = vec![
        ("HOME", setup.home.into()),
        ("TMPDIR", setup.home.join(TEMPORARY).into()),
        // No message bus: it would be the one of whoever is logged in here.
        ("DBUS_SESSION_BUS_ADDRESS", "disabled:".into()),
        ("DBUS_SYSTEM_BUS_ADDRESS", "disabled:".into()),
    ];
    if let Some((number, cookie)) = &setup.display {
        start.env.extend(client_env(*number, cookie.clone()));
    }
    let child = start.spawn()?;
    let to = Sender::from_owned_fd(ours_out.into())?;
    let from = Receiver::from_owned_fd(ours_in.into())?;
    Ok((child, bridge::Pipe { to, from, begun: bytes::BytesMut::new() }))
}
