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
mod config;
mod control;
mod display;
mod memory;
mod process;
mod recorder;
pub mod runtime_dir;
mod supervisor;
mod user;

use std::{
    fs::{self, Permissions},
    future::pending,
    io::{self, stdin},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::UnixListener,
    process::Child,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub use self::{
    chromium::{SandboxMode, profile_is_busy},
    config::{Config, Probe, ProfileChoice},
    process::{ShimArgs, shim},
};
use self::{
    runtime_dir::{RuntimeDir, RuntimeDirError},
    supervisor::Supervisor,
};
use crate::pod::contract::CONTROL_SOCKET;

/// How long a gate may be away before it counts as gone for good: one that fails is started again
/// within a second.
const RETURN: Duration = Duration::from_secs(10);
/// How much of a pod's grace is kept for ending Chromium and display.
const ENDING: Duration = Duration::from_secs(5);

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
    let terminated = async {
        terminate.recv().await;
    };
    tokio::select! {
        () = supervisor.supervise(listener, stop.clone(), gate.clone()) => {}
        () = end_of_pod(terminated, gate.subscribe(), grace) => {}
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
/// come out of the browser; after SIGTERM that much of the grace is left for ending. A gate that is
/// just being started again comes back in either case.
async fn end_of_pod(
    terminate: impl Future<Output = ()>,
    mut gate: watch::Receiver<Gate>,
    grace: Option<Duration>,
) {
    let Some(grace) = grace else {
        return terminate.await;
    };
    tokio::select! {
        () = abandoned(&mut gate) => return,
        () = terminate => {}
    }
    if *gate.borrow() == Gate::Awaited {
        return;
    }
    tracing::info!("the pod is being ended; the browser waits for its gate");
    drop(timeout(grace.saturating_sub(ENDING), abandoned(&mut gate)).await);
}

/// Resolves when the gate has gone for good.
async fn abandoned(gate: &mut watch::Receiver<Gate>) {
    loop {
        // The sender lives as long as we do.
        drop(gate.wait_for(|gate| *gate == Gate::Gone).await);
        let back = gate.wait_for(|gate| *gate == Gate::There);
        if timeout(RETURN, back).await.is_err() {
            return;
        }
    }
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::{Instant, sleep};

    use super::*;

    const GRACE: Duration = Duration::from_secs(90);

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_ends_waits_for_a_gate_that_is_just_being_started_again() {
        let gate = watch::Sender::new(Gate::There);
        let began = Instant::now();
        let mut end =
            pin!(end_of_pod(sleep(Duration::from_secs(1)), gate.subscribe(), Some(GRACE)));
        gate.send_replace(Gate::Gone);
        assert!(timeout(Duration::from_secs(2), &mut end).await.is_err(), "it does not wait");
        gate.send_replace(Gate::There);
        assert!(timeout(Duration::from_secs(20), &mut end).await.is_err(), "it is back");
        gate.send_replace(Gate::Gone);
        end.await;
        assert_eq!(began.elapsed(), Duration::from_secs(22) + RETURN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_ends_waits_neither_for_a_gate_that_never_came_nor_past_its_grace() {
        for (state, end) in
            [(Gate::Awaited, Duration::ZERO), (Gate::There, GRACE.saturating_sub(ENDING))]
        {
            let gate = watch::Sender::new(state);
            let began = Instant::now();
            end_of_pod(async {}, gate.subscribe(), Some(GRACE)).await;
            assert_eq!(began.elapsed(), end, "{state:?}");
        }
    }
}
