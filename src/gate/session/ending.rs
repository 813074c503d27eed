//! The session and its end: the run's files first, then the browser.
//!
//! # Expected flow
//! The run is finished by its agent, or by the agent's loss. A recording that goes on is closed, the
//! manifest is written ([`Session::seal`]), the files are stored (the uploader); only then does a
//! browser of a pod end, whoever wanted it to. In `handback run` the directory is the storage, and the
//! program around knows when it has what it wants.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    super::{
        Ended, NotHandedOn, Why,
        store::{MANIFEST, Manifest, StoreError},
    },
    Command, Session,
};
use crate::{
    decide::lease::{Close, Event, Time},
    pod::contract::{Artifact, FromGate, ToBrowser},
};

/// How long an agent may take to come to its end once the pod has to. It stops at once, and then
/// writes its report and closes the video.
const AGENT_FAREWELL: Duration = Duration::from_mins(1);
/// Joining a recording's segments and decoding the file once, for one that nobody else waits for.
const VIDEO_CLOSE: Duration = Duration::from_mins(3);
/// How long past its deadline an agent may still be connected ([`Session::grow_deadline`]).
const HUNG: Duration = Duration::from_mins(1);

/// The end of a pod's browser, waiting for the files.
#[derive(Debug)]
pub(super) struct Leaving {
    ended: Ended,
    /// When the agent is waited for no longer.
    patience: Time,
}

impl Leaving {
    /// Who wants it, and what is said of it.
    pub(super) fn wish(&self) -> (Why, String) {
        (self.ended.why, self.ended.message.clone())
    }
}

impl Session {
    /// The run is over.
    pub(super) fn finish(&mut self, verdict: String, reason: Option<String>) {
        if self.finished.is_some() {
            return;
        }
        let now = self.now();
        info!(run = %self.run.id, %verdict, "the run is finished");
        self.run.finished = true;
        (self.run.verdict, self.run.reason) = (Some(verdict), reason);
        self.finished = Some(now);
        self.hung_at = None;
        self.watched = self.seats.present(now).next().is_some();
        self.active(now);
        self.uploader.close();
        self.step(Event::AgentGone);
        self.close_and_seal();
    }

    /// The manifest, once there is nothing more to come.
    pub(super) fn close_and_seal(&mut self) {
        if self.video.status == "recording" && self.has_supervisor() {
            // Nobody else closes it any more.
            self.seals_after_video = true;
            self.keep_video = true;
            self.tell_supervisor(ToBrowser::CloseVideo);
            let commands = self.commands.clone();
            self.task(async move {
                sleep(VIDEO_CLOSE).await;
                commands.send(Command::SealNow).await.ok();
            });
        } else {
            self.seal();
        }
    }

    /// The agent is gone without a word: what it left is sealed as it is, and the browser is there to
    /// look at.
    pub(super) fn agent_lost(&mut self, reason: &str) {
        for (path, kind, media_type) in [
            ("events.ndjson", "events", "application/x-ndjson"),
            ("results.json", "results", "application/json"),
            ("junit.xml", "junit", "application/xml"),
            ("player.html", "player", "text/html; charset=utf-8"),
        ] {
            self.store.adopt(path, kind, media_type);
        }
        // It went on after a gate before this one had died.
        self.recall_events();
        self.finish("errored".to_owned(), Some(reason.to_owned()));
    }

    /// The recording is closed, or nobody can close it.
    pub(super) fn seal_after_video(&mut self) {
        if std::mem::take(&mut self.seals_after_video) {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if self.video.status == "pending" {
            self.video.status = "off";
        }
        let (store, run) = (self.store.clone(), self.run.id.clone());
        let commands = self.commands.clone();
        self.task(async move {
            let sealed = tokio::task::spawn_blocking(move || store.seal(&run)).await;
            let sealed = match sealed {
                Ok(Ok(manifest)) => Some(manifest),
                Ok(Err(error)) => {
                    unsealed(&error);
                    None
                }
                Err(error) => {
                    warn!(%error, "no manifest: the run directory is not complete");
                    None
                }
            };
            commands.send(Command::Sealed(sealed)).await.ok();
        });
    }

    pub(super) fn sealed(&mut self, manifest: Option<Manifest>) {
        self.store.register(Artifact {
            path: MANIFEST.to_owned(),
            kind: "manifest".to_owned(),
            media_type: "application/json".to_owned(),
        });
        self.tell_agent(&FromGate::Sealed);
        match manifest {
            Some(manifest) => self.uploader.sealed(manifest),
            None => self.uploader.unsealed(self.store.all()),
        }
    }

    /// The end of the browser, as soon as nothing is lost by it.
    pub(super) fn leave(&mut self, why: Why, message: &str) {
        if self.config.pod.is_none() && self.config.storage.is_none() {
            return self.end(why, message);
        }
        if self.leaving.is_none() {
            // The kubelet gives as much time as an upload may take and no more.
            self.uploader.close();
            let patience = self.now() + AGENT_FAREWELL;
            let ended = Ended { why, message: message.to_owned() };
            info!(run = %self.run.id, why = why.name(), "leaving once the files are saved");
            self.leaving = Some(Leaving { ended, patience });
        }
    }

    /// The end of this gate, not of its browser: the next run goes on in it. What is given back are
    /// the sessions that are still attached.
    pub(super) fn hand_on(&mut self) -> Result<Vec<String>, NotHandedOn> {
        if self.ended.is_some() || !self.lease.browser() {
            return Err(NotHandedOn::Gone);
        }
        if self.finished.is_none() || self.seals_after_video || self.lease.hold().is_some() {
            return Err(NotHandedOn::Busy);
        }
        let (why, message) = (Why::HandedOn, "The next run goes on in this browser.");
        info!(run = %self.run.id, why = why.name(), "the browser is handed on");
        let sessions = self.browser.loose_sessions();
        self.ended = Some(Ended { why, message: message.to_owned() });
        self.browser_ended(why, message);
        self.feed.notice(None, "stopping", message);
        self.step(Event::BrowserGone(Close::Stopped));
        self.browser.let_go();
        Ok(sessions)
    }

    /// Goes on with the end, if there is to be one.
    pub(super) fn leaving_on_time(&mut self) {
        let now = self.now();
        if self.hung_at.is_some_and(|at| now >= at) {
            warn!(run = %self.run.id, "the agent goes on past its deadline; it is given up");
            self.agent = None;
            self.given_up = true;
            self.agent_lost("agent_hung");
        }
        let Some(Leaving { ended: Ended { why, message }, patience }) = &self.leaving else {
            return;
        };
        let (why, message, patience) = (*why, message.clone(), *patience);
        if self.finished.is_none() && (self.agent.is_none() || now >= patience) {
            self.agent = None;
            self.agent_lost("agent_lost");
        }
        if self.uploader.state().state.is_settled() {
            self.leaving = None;
            self.end(why, &message);
        }
    }

    /// When [`Self::leaving_on_time`] has something to do.
    pub(super) fn leaving_wakes_at(&self) -> Option<Time> {
        let leaving = self.leaving.as_ref().filter(|_| self.finished.is_none());
        [leaving.map(|leaving| leaving.patience), self.hung_at].into_iter().flatten().min()
    }

    /// The agent has begun, and its time counts.
    pub(super) fn watch_deadline(&mut self) {
        let Some(pod) = &self.config.pod else { return };
        let limit = pod.active_deadline;
        let now = self.now();
        self.began.get_or_insert(now);
        self.grow_deadline(limit);
    }

    /// The run may take this long in all; the agent keeps to it by itself, unless it hangs.
    pub(super) fn grow_deadline(&mut self, limit: Duration) {
        self.deadline = self.deadline.max(limit);
        if let (Some(began), None) = (self.began, self.finished) {
            self.hung_at = Some(began + self.deadline + HUNG);
        }
    }

    /// Until an agent that is still connected is given up; zero once one was.
    pub(super) fn agent_left(&self, now: Time) -> Option<Duration> {
        if self.given_up {
            return Some(Duration::ZERO);
        }
        self.hung_at.map(|at| at.saturating_sub(now))
    }
}

fn unsealed(error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    warn!(%error, cause, "no manifest: the run directory is not complete");
}
