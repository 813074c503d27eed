//! From SIGINT and SIGTERM to an orderly end: the first signal cancels, the second ends at once
//! (ground).
//!
//! Whoever starts a task does it on [`Shutdown::tasks`], so that the end can wait for it.

use std::{future::pending, io};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How a process is told to end, and what it waits for.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal, or by whoever wants the end.
    pub cancel: CancellationToken,
    /// Everything that runs on its own.
    pub tasks: TaskTracker,
    at_once: CancellationToken,
}

impl Shutdown {
    /// Starts to listen for SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (cancel, at_once) = (shutdown.cancel.clone(), shutdown.at_once.clone());
        // Not on the tracker: it lives as long as the process and nobody waits for it.
        let mut signals = tokio::task::JoinSet::new();
        signals.spawn(async move {
            let mut seen = 0;
            loop {
                tokio::select! {
                    Some(()) = interrupt.recv() => {}
                    Some(()) = terminate.recv() => {}
                    else => pending().await,
                }
                seen += 1;
                if seen > 1 {
                    at_once.cancel();
                }
                cancel.cancel();
            }
        });
        signals.detach_all();
        Ok(shutdown)
    }

    /// Resolves at the second signal.
    pub async fn at_once(&self) {
        self.at_once.cancelled().await;
    }

    /// Cancels, and waits until every task has ended.
    pub async fn finish(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
