//! Following a run from its making to its verdict, over as many attempts as it takes: the status tells
//! how it stands, and a seat at the gate of the attempt that counts what happens in it.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use kube::ResourceExt as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    args::OnInterrupt,
    live::{self, Live},
    told::Told,
};
use crate::{
    agent::events::{Event, Line},
    client::{Error, cluster::Cluster, follow::Heard, handoffs::pod_of},
    manifest::{
        status::{Phase, TestRunStatus, UploadState, Verdict},
        test_run::TestRun,
    },
    shutdown::Shutdown,
};

/// The last events and the seat are waited for this long after the verdict, for a summary's sake.
const SOON: Duration = Duration::from_secs(10);
/// And this long if somebody asked for what is in the report.
pub(super) const PATIENT: Duration = Duration::from_mins(2);
/// Ending a View takes a request, and the wait for its end 15 s at most.
const FAREWELL: Duration = Duration::from_secs(20);

/// How the waiting ended.
pub(super) enum Ended {
    Verdict(Verdict),
    Detached,
}

/// A run that is waited for.
pub(super) struct Waiting<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) run: TestRun,
    progress: mpsc::UnboundedSender<Line>,
    attempt: Option<Followed>,
    following: JoinSet<()>,
    /// Ends the following in order.
    give_up: CancellationToken,
}

/// An attempt that is followed.
struct Followed {
    /// Its pod's uid: another attempt has another pod.
    pod: String,
    live: watch::Receiver<Live>,
    give_up: CancellationToken,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(
        cluster: &'a Cluster,
        run: TestRun,
        progress: mpsc::UnboundedSender<Line>,
    ) -> Self {
        let (following, give_up) = (JoinSet::new(), CancellationToken::new());
        Self { cluster, run, progress, attempt: None, following, give_up }
    }

    /// Until there is a verdict.
    pub(super) async fn wait(
        &mut self,
        on_interrupt: OnInterrupt,
        shutdown: &Shutdown,
    ) -> Result<Ended, Error> {
        let mut heard = std::pin::pin!(self.cluster.follow(&self.run));
        let mut told = Told::default();
        let (mut interrupted, mut troubled) = (false, false);
        loop {
            tokio::select! {
                next = heard.next() => match next {
                    Some(Heard::Run(run)) => {
                        troubled = false;
                        self.run = *run;
                        let status = self.status();
                        if let Some(line) = told.next(&status) {
                            self.say("cluster", line);
                        }
                        if let Some(verdict) = status.verdict {
                            return Ok(Ended::Verdict(verdict));
                        }
                        if matches!(status.phase, Some(Phase::Running | Phase::HandedOff)) {
                            self.watch();
                        }
                    }
                    Some(Heard::Trouble(why)) if !troubled => {
                        troubled = true;
                        let text = format!("The API server cannot be heard, trying again: {why}");
                        self.say("warning", text);
                    }
                    Some(Heard::Trouble(_)) => {}
                    Some(Heard::End(error)) => return Err(error),
                    None => return Err(Error::Deleted { name: self.run.name_any() }),
                },
                () = shutdown.cancel.cancelled(), if !interrupted => {
                    interrupted = true;
                    if on_interrupt == OnInterrupt::Detach {
                        return Ok(Ended::Detached);
                    }
                    self.cluster.cancel_run(&self.run).await?;
                    let text = "Cancelled; waiting for its end. Once more ends the waiting.";
                    self.say("warning", text.to_owned());
                }
            }
        }
    }

    /// Until the files are where they stay: only then the bucket has them, and the manifest's sum is known.
    pub(super) async fn settle(&mut self) {
        let upload = u64::try_from(self.run.spec.artifacts.upload_timeout_seconds).unwrap_or(0);
        let until = Instant::now() + Duration::from_secs(upload) + PATIENT;
        let mut heard = std::pin::pin!(self.cluster.follow(&self.run));
        let under_way = |status: TestRunStatus| {
            status.artifacts.is_some_and(|artifacts| artifacts.state == UploadState::Uploading)
        };
        while under_way(self.status()) {
            match timeout_at(until, heard.next()).await {
                Ok(Some(Heard::Run(run))) => self.run = *run,
                Ok(Some(Heard::Trouble(_))) => {}
                // What there is is judged as it is.
                Ok(Some(Heard::End(_)) | None) | Err(_) => return,
            }
        }
    }

    /// How far the attempt that counts was heard, once it was heard to its end or the patience is over.
    /// Nothing of an earlier attempt's is taken for it.
    pub(super) async fn heard(&mut self, wanted: bool) -> Live {
        self.watch();
        let pod = self.pod();
        let Some(attempt) = self.attempt.as_mut().filter(|one| pod.as_ref() == Some(&one.pod))
        else {
            let given_up = pod_of(&self.run).err().map(Arc::new);
            return Live { done: true, given_up, watching: None };
        };
        let patience = if wanted { PATIENT } else { SOON };
        // Without it there is the status; that is told later if it matters.
        drop(timeout(patience, attempt.live.wait_for(|live| live.done)).await);
        attempt.live.borrow().clone()
    }

    pub(super) fn status(&self) -> TestRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    /// The uid of the pod of the attempt that counts.
    fn pod(&self) -> Option<String> {
        self.run.status.as_ref()?.pod.as_ref()?.uid.clone()
    }

    fn say(&self, phase: &str, message: String) {
        let event = Event::Status { phase: phase.to_owned(), message };
        let (run, ts) = (String::new(), String::new());
        // Nobody shows progress any more: then nobody misses it.
        drop(self.progress.send(Line { v: 1, run, scenario: None, seq: 0, ts, event }));
    }

    /// Begins to follow the attempt that counts, once, in place of the one before.
    fn watch(&mut self) {
        let Some(pod) = self.pod() else { return };
        if self.attempt.as_ref().is_some_and(|one| one.pod == pod) {
            return;
        }
        if let Some(before) = self.attempt.take() {
            before.give_up.cancel();
        }
        let (tell, live) = watch::channel(Live::default());
        let give_up = self.give_up.child_token();
        self.following.spawn(live::follow(
            self.cluster.clone(),
            self.run.clone(),
            pod.clone(),
            self.progress.clone(),
            tell,
            give_up.clone(),
        ));
        self.attempt = Some(Followed { pod, live, give_up });
    }

    /// Gives the seats back.
    pub(super) async fn close(mut self) {
        self.give_up.cancel();
        // Whatever is not called off by then is left to its deadline.
        let ended = async { while self.following.join_next().await.is_some() {} };
        drop(timeout(FAREWELL, ended).await);
    }
}
