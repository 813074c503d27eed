//! Why a run is to end before its plan does: said once, heard everywhere.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{link::Notice, verdict::Reason},
    clock::Clock,
};

/// The longest sleep towards the deadline: timers stand still while the machine is suspended, the
/// boot clock does not.
const NAP: Duration = Duration::from_secs(1);

/// The first reason stays.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled as soon as there is a reason.
    pub token: CancellationToken,
    reason: Arc<OnceLock<Reason>>,
}

impl Stop {
    /// Ends the run.
    pub fn because(&self, reason: Reason) {
        self.reason.set(reason).ok();
        self.token.cancel();
    }

    /// Why it ends, if it does.
    pub fn reason(&self) -> Option<Reason> {
        self.reason.get().copied()
    }

    /// Ends the run when a signal says so, its time is over, somebody presses Stop run, or the gate
    /// is gone. What else the gate tells goes on to `others`.
    pub async fn watch(
        self,
        cancel: CancellationToken,
        deadline: Duration,
        clock: Arc<dyn Clock>,
        mut notices: mpsc::UnboundedReceiver<Notice>,
        others: mpsc::UnboundedSender<Notice>,
    ) {
        loop {
            let left = deadline.saturating_sub(clock.boot());
            if left.is_zero() {
                self.because(Reason::Timeout);
                // The end of the run still wants to hear the recorder.
            }
            let nap = if left.is_zero() { NAP } else { left.min(NAP) };
            tokio::select! {
                () = cancel.cancelled(), if !self.token.is_cancelled() => {
                    self.because(Reason::Cancelled);
                }
                () = sleep(nap) => {}
                notice = notices.recv() => match notice {
                    Some(Notice::StopRun { by }) => {
                        tracing::info!(%by, "run stopped");
                        self.because(Reason::Cancelled);
                    }
                    Some(Notice::Lost) | None => {
                        self.because(Reason::Internal);
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
        let (stop, cancel) = (Stop::default(), CancellationToken::new());
        let (send, notices) = mpsc::unbounded_channel();
        let (others, _) = mpsc::unbounded_channel();
        let mut tasks = tokio::task::JoinSet::new();
        let deadline = SystemClock.boot() + timeout;
        tasks.spawn(stop.clone().watch(
            cancel.clone(),
            deadline,
            Arc::new(SystemClock),
            notices,
            others,
        ));
        (stop, cancel, send, tasks)
    }

    #[tokio::test]
    async fn each_cause_has_its_reason_and_the_first_stays() {
        let (stop, cancel, send, _tasks) = watch(Duration::from_mins(10));
        cancel.cancel();
        stop.token.cancelled().await;
        send.send(Notice::Lost).unwrap();
        assert_eq!(stop.reason(), Some(Reason::Cancelled));

        let (stop, _cancel, _send, _tasks) = watch(Duration::from_millis(30));
        stop.token.cancelled().await;
        assert_eq!(stop.reason(), Some(Reason::Timeout));

        let (stop, _cancel, send, _tasks) = watch(Duration::from_mins(10));
        send.send(Notice::StopRun { by: "viewer".to_owned() }).unwrap();
        stop.token.cancelled().await;
        assert_eq!(stop.reason(), Some(Reason::Cancelled));

        let (stop, _cancel, send, _tasks) = watch(Duration::from_mins(10));
        drop(send);
        stop.token.cancelled().await;
        assert_eq!(stop.reason(), Some(Reason::Internal));
    }
}
