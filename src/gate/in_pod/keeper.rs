//! The first process of the gate's container: it keeps the port and has a worker do everything else.
//!
//! # Expected flow
//! The port is bound here and given to the worker as its standard input, so that a worker that dies
//! costs nobody a refused connection: whoever comes meanwhile waits for the next one, which is started
//! at once and goes on from the journal (handoff.md 2.6).
//!
//! # Guarantees
//! - A worker that has come to its own end, good or bad, is not started again.
//! - The third worker that dies within a minute is the last: the container ends, and says so.
//! - A worker ends with us: the kernel kills it. It is tied to the thread that started it, so that
//!   [`keep`] is called from the main thread.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs,
    net::TcpListener,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::ExitStatusExt as _,
    },
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use super::{Config, PodError};
use crate::{
    pod::contract::{Exit, UploadReport, UploadState},
    shutdown::Shutdown,
    telemetry::chain,
};

/// So many deaths in [`WITHIN`] are no accident.
const DEATHS: usize = 3;
/// See [`DEATHS`].
const WITHIN: Duration = Duration::from_mins(1);

/// Has the gate's work done until it has ended. `arguments` are those of this very process, for the
/// worker.
pub async fn keep(config: &Config, arguments: &[OsString], shutdown: &Shutdown) -> Exit {
    match work(config, arguments, shutdown).await {
        Ok(exit) => exit,
        Err(error) => {
            let message = chain(&error);
            tracing::error!(error = %message, "the gate has no worker");
            say_last(config, message);
            Exit::Errored
        }
    }
}

async fn work(
    config: &Config,
    arguments: &[OsString],
    shutdown: &Shutdown,
) -> Result<Exit, PodError> {
    // Before anything else: there must be no moment in which a page could take the port.
    let port = config.port;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .map_err(|source| PodError::Listen { port, source })?;
    let mut deaths = VecDeque::new();
    loop {
        let ending = shutdown.cancel.is_cancelled();
        let mut worker = start(&listener, arguments, ending).map_err(PodError::Worker)?;
        let status = tokio::select! {
            status = worker.wait() => status,
            () = shutdown.cancel.cancelled(), if !ending => {
                terminate(&worker);
                worker.wait().await
            }
        };
        let status = status.map_err(PodError::Worker)?;
        if let Some(exit) = own_end(status) {
            return Ok(exit);
        }
        if !ending && shutdown.cancel.is_cancelled() && was_told(status) {
            // It had not begun to listen to signals; the next one knows from the beginning.
            continue;
        }
        let now = Instant::now();
        deaths.push_back(now);
        deaths.retain(|at: &Instant| now.duration_since(*at) < WITHIN);
        tracing::error!(%status, deaths = deaths.len(), "the gate's worker has died");
        if deaths.len() >= DEATHS {
            return Err(PodError::Dies { deaths: DEATHS, status });
        }
    }
}

fn start(listener: &TcpListener, arguments: &[OsString], ending: bool) -> std::io::Result<Child> {
    let port = listener.as_fd().try_clone_to_owned()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).arg("--worker").arg(std::process::id().to_string());
    if ending {
        command.arg("--ending");
    }
    command.stdin(Stdio::from(port)).kill_on_drop(true).spawn()
}

fn terminate(worker: &Child) {
    let pid = worker.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has just ended is waited for next.
        kill_process(pid, Signal::TERM).ok();
    }
}

fn was_told(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::TERM.as_raw())
}

/// What a worker says that came to its own end; a panic has an exit code of its own.
fn own_end(status: ExitStatus) -> Option<Exit> {
    [Exit::Passed, Exit::Errored].into_iter().find(|exit| status.code() == Some(*exit as i32))
}

/// The operator reads it when the container has ended.
fn say_last(config: &Config, message: String) {
    let report = UploadReport { state: UploadState::Failed, message, ..UploadReport::default() };
    if let Err(error) = fs::write(&config.termination_message, report.encode()) {
        let path = config.termination_message.display();
        tracing::error!(%error, %path, "no termination message");
    }
}

/// In the worker: it ends with the process that keeps the port.
pub(super) fn end_with(keeper: i32) -> std::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that.
    if getppid().map(Pid::as_raw_nonzero).is_none_or(|parent| parent.get() != keeper) {
        return Err(std::io::Error::other("the process that keeps the port is gone"));
    }
    Ok(())
}

/// In the worker: the port that it was given.
pub(super) fn inherited() -> std::io::Result<tokio::net::TcpListener> {
    let port: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned()?;
    let listener = TcpListener::from(port);
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
