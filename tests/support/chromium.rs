//! A real Chromium of a test's own: headless, on a debugging pipe, in a profile that goes with it.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use command_fds::{CommandFdExt, FdMapping};
use futures_util::{SinkExt, StreamExt};
use handback::{page::cdp::Wire, pod::contract::MAX_FRAME};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::{net::unix::pipe, sync::mpsc};
use tokio_util::{
    codec::{AnyDelimiterCodec, FramedRead, FramedWrite},
    task::TaskTracker,
};

/// The program itself: `/usr/bin/chromium` is a wrapper that adds flags.
pub(crate) const PROGRAM: &str = "/usr/lib/chromium/chromium";

/// A running browser with one blank tab. Dropping it kills it and everything it started.
#[derive(Debug)]
pub(crate) struct Chromium {
    child: Child,
    profile: TempDir,
    tasks: TaskTracker,
}

impl Chromium {
    /// Starts one and gives the only connection to it.
    pub(crate) fn start() -> (Self, Wire) {
        Self::start_with(&[])
    }

    /// Starts one with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> (Self, Wire) {
        let (browser, [commands, answers]) = Self::launch(Command::new(PROGRAM), flags);
        let wire = wire(&browser.tasks, commands, answers);
        (browser, wire)
    }

    /// Starts one by this command, its home being its profile, and gives our ends of its pipe: that for
    /// commands, and that for answers. It ends when they are closed, also by our own death.
    pub(crate) fn launch(mut command: Command, flags: &[&str]) -> (Self, [OwnedFd; 2]) {
        let profile = tempfile::Builder::new().prefix("handback-test-").tempdir().unwrap();
        let (commands_in, commands_out) = io::pipe().unwrap();
        let (answers_in, answers_out) = io::pipe().unwrap();
        command
            .env_clear()
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .args([
                "--headless",
                "--remote-debugging-pipe",
                // The tests may run as root, where Chromium's own sandbox refuses to start.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-breakpad",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-background-timer-throttling",
                "--disable-backgrounding-occluded-windows",
                "--disable-renderer-backgrounding",
                "--disable-features=BackForwardCache,PaintHolding,Translate,CalculateNativeWinOcclusion",
                "--disable-popup-blocking",
                "--disable-prompt-on-repost",
                "--no-first-run",
                "--no-default-browser-check",
                "--password-store=basic",
                "--use-mock-keychain",
                "--site-per-process",
                "--window-size=1280,720",
                "--hide-scrollbars",
            ])
            .args(flags)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .fd_mappings(vec![
                FdMapping { parent_fd: OwnedFd::from(commands_in), child_fd: 3 },
                FdMapping { parent_fd: OwnedFd::from(answers_out), child_fd: 4 },
            ])
            .unwrap();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM}: {error}: install Debian's chromium"));
        // The child's ends of the pipes are held by the command.
        drop(command);
        let browser = Self { child, profile, tasks: TaskTracker::new() };
        (browser, [commands_out.into(), answers_in.into()])
    }

    /// The process id of its command.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its directory.
    pub(crate) fn profile(&self) -> &Path {
        self.profile.path()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
        self.tasks.close();
        // Children that die a moment later may still write; what is left then is an empty folder.
        std::fs::remove_dir_all(self.profile.path()).ok();
    }
}

/// Frames end with a NUL in both directions.
fn wire(tasks: &TaskTracker, commands: OwnedFd, answers: OwnedFd) -> Wire {
    let codec = || AnyDelimiterCodec::new_with_max_length(vec![0], vec![0], MAX_FRAME);
    let mut sink = FramedWrite::new(pipe::Sender::from_owned_fd(commands).unwrap(), codec());
    let mut stream = FramedRead::new(pipe::Receiver::from_owned_fd(answers).unwrap(), codec());
    let (send, mut outgoing) = mpsc::channel::<Bytes>(64);
    let (incoming, receive) = mpsc::channel(64);
    tasks.spawn(async move {
        while let Some(frame) = outgoing.recv().await {
            if sink.send(std::str::from_utf8(&frame).unwrap()).await.is_err() {
                return;
            }
        }
    });
    tasks.spawn(async move {
        while let Some(Ok(frame)) = stream.next().await {
            if incoming.send(frame).await.is_err() {
                return;
            }
        }
    });
    Wire { send, receive }
}
