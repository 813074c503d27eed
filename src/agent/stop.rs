//! Why a run is to end before its plan does: said once, heard everywhere.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{drive::millis, link::Notice, verdict::Reason},
    clock::Clock,
    pod::contract::StoppedBy,
};

/// The longest sleep towards the deadline: timers stand still while the machine is suspended, the
/// boot clock does not.
const NAP: Duration = Duration::from_secs(1);

/// The first reason stays.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Cancelled as soon as there is a reason.
    pub token: CancellationToken,
    reason: Arc<OnceLock<(Reason, Option<StoppedBy>)>>,
    began: Duration,
    /// Milliseconds of the boot clock; it only grows.
    deadline: Arc<AtomicU64>,
}

impl Stop {
    /// For a run that begins at `began` on the boot clock and may take this long.
    pub fn new(began: Duration, limit: Duration) -> Self {
        Self {
            token: CancellationToken::new(),
            reason: Arc::default(),
            began,
            deadline: Arc::new(AtomicU64::new(millis(began + limit))),
        }
    }

    /// Ends the run.
    pub fn because(&self, reason: Reason, by: Option<StoppedBy>) {
        self.reason.set((reason, by)).ok();
        self.token.cancel();
    }

    /// Why it ends, if it does.
    pub fn reason(&self) -> Option<Reason> {
        self.reason.get().map(|(reason, _)| *reason)
    }

    /// Who ended it, if somebody did.
    pub fn stopped_by(&self) -> Option<StoppedBy> {
        self.reason.get().and_then(|(_, by)| *by)
    }

    /// When its time began to count, on the boot clock.
    pub fn began(&self) -> Duration {
        self.began
    }

    /// When it ends at the latest, on the boot clock.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline.load(Ordering::Relaxed))
    }

    /// The run may take this long in all. A shorter time than before changes nothing.
    fn grow(&self, limit: Duration) {
        self.deadline.fetch_max(millis(self.began + limit), Ordering::Relaxed);
    }

    /// Ends the run when a signal says so, its time is over, somebody presses Stop run, or the gate
    /// is gone. What else the gate tells goes on to `others`.
    pub async fn watch(
        self,
        cancel: CancellationToken,
        clock: Arc<dyn Clock>,
        mut notices: mpsc::UnboundedReceiver<Notice>,
        others: mpsc::UnboundedSender<Notice>,
    ) {
        loop {
            let left = self.deadline().saturating_sub(clock.boot());
            if left.is_zero() {
                self.because(Reason::Timeout, None);
                // The end of the run still wants to hear the recorder.
            }
            let nap = if left.is_zero() { NAP } else { left.min(NAP) };
            tokio::select! {
                () = cancel.cancelled(), if !self.token.is_cancelled() => {
                    self.because(Reason::Cancelled, Some(StoppedBy::Signal));
                }
                () = sleep(nap) => {}
                notice = notices.recv() => match notice {
                    Some(Notice::StopRun { by, stopped_by }) => {
                        tracing::info!(%by, "run stopped");
                        self.because(Reason::Cancelled, Some(stopped_by));
                    }
                    Some(Notice::Deadline { seconds }) => self.grow(Duration::from_secs(seconds)),
                    Some(Notice::Lost) | None => {
                        self.because(Reason::Internal, None);
                        return;
                    }
                    Some(other) => drop(others.send(other)),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn watch(
        timeout: Duration,
    ) -> (Stop, CancellationToken, mpsc::UnboundedSender<Notice>, tokio::task::JoinSet<()>) {
        let clock = SystemClock;
        let (stop, cancel) = (Stop::new(clock.boot(), timeout), CancellationToken::new());
        let (send, notices) = mpsc::unbounded_channel();
        let (others, _) = mpsc::unbounded_channel();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(stop.clone().watch(cancel.clone(), Arc::new(clock), notices, others));
        (stop, cancel, send, tasks)
    }

    #[tokio::test]
    async fn each_cause_has_its_reason_and_the_first_stays() {
        let (stop, cancel, send, _tasks) = watch(Duration::from_mins(10));
        cancel.cancel();
        stop.token.cancelled().await;
        send.send(Notice::Lost).unwrap();
        assert_eq!(stop.reason(), Some(Reason::Cancelled));
        assert_eq!(stop.stopped_by(), Some(StoppedBy::Signal));

        let (stop, _cancel, _send, _tasks) = watch(Duration::from_millis(30));
        stop.token.cancelled().await;
        assert_eq!((stop.reason(), stop.stopped_by()), (Some(Reason::Timeout), None));

        for stopped_by in [StoppedBy::Human, StoppedBy::Operator] {
            let (stop, _cancel, send, _tasks) = watch(Duration::from_mins(10));
            send.send(Notice::StopRun { by: "viewer".to_owned(), stopped_by }).unwrap();
            stop.token.cancelled().await;
            assert_eq!(stop.reason(), Some(Reason::Cancelled));
            assert_eq!(stop.stopped_by(), Some(stopped_by));
        }

        let (stop, _cancel, send, _tasks) = watch(Duration::from_mins(10));
        drop(send);
        stop.token.cancelled().await;
        assert_eq!(stop.reason(), Some(Reason::Internal));
    }

    #[tokio::test]
    async fn a_deadline_grows_and_never_shrinks() {
        let (stop, _cancel, send, _tasks) = watch(Duration::from_mins(1));
        let first = stop.deadline();
        send.send(Notice::Deadline { seconds: 30 }).unwrap();
        send.send(Notice::Deadline { seconds: 90 }).unwrap();
        let patience = tokio::time::Instant::now() + Duration::from_secs(10);
        while stop.deadline() == first {
            assert!(tokio::time::Instant::now() < patience, "it did not grow");
            tokio::task::yield_now().await;
        }
        assert_eq!(stop.deadline(), first + Duration::from_secs(30));
        // A time that is over by then has come all the same.
        let (stop, _cancel, _send, _tasks) = watch(Duration::from_millis(20));
        stop.token.cancelled().await;
        stop.grow(Duration::from_secs(9));
        assert_eq!(stop.reason(), Some(Reason::Timeout));
    }
}
