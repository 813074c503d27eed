//! From a decision to requests: the status by compare-and-swap, then one small function for each
//! kind of action, in the decision's order.
//!
//! # Guarantees
//! - What a decision asks to be true is read from the API server itself right before
//!   ([`Applied::Refused`] is no error: the caches have not caught up).
//! - A repeat of any of it does no harm, since no answer may ever come.

mod diff;
mod gate;
mod live;
mod pods;
mod runs;

use kube::Resource;

pub(super) use self::{diff::diff, gate::gate_of};
use super::{
    Error, Operator,
    observe::{Seen, Subject},
    outside::Word,
};
use crate::decide::{Action, Decision, Note, Only};

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// All of it was done.
    Done,
    /// Something was not as it was thought to be: nothing after that was done.
    Refused,
}

impl Operator {
    /// Does what was decided.
    pub(super) async fn apply(&self, seen: &Seen, decision: &Decision) -> Result<Applied, Error> {
        let mut version = seen.run.metadata.resource_version.clone();
        if let Some(write) = &decision.status {
            if !self.holds(write.only, seen, version.as_deref()).await? {
                return Ok(Applied::Refused);
            }
            match self.write_status(seen, &write.status).await? {
                Some(new) => version = Some(new),
                None => return Ok(Applied::Refused),
            }
        }
        for action in &decision.actions {
            if self.act(seen, action, version.as_deref()).await? == Applied::Refused {
                tracing::debug!(action = action.name(), "refused: it is not as it was seen");
                return Ok(Applied::Refused);
            }
        }
        Ok(Applied::Done)
    }

    /// Does what was decided about a pod whose run is gone.
    pub(super) async fn apply_to_orphan(
        &self,
        subject: &Subject,
        actions: &[Action],
    ) -> Result<Applied, Error> {
        for action in actions {
            let applied = if let Action::Note(note) = action {
                for seen in &subject.pods {
                    self.events.note(&seen.api.object_ref(&()), *note).await;
                }
                Applied::Done
            } else {
                self.act_on_pod(subject, action).await?
            };
            if applied == Applied::Refused {
                return Ok(Applied::Refused);
            }
        }
        Ok(Applied::Done)
    }

    async fn act(
        &self,
        seen: &Seen,
        action: &Action,
        version: Option<&str>,
    ) -> Result<Applied, Error> {
        match action {
            Action::ProbeTarget => Ok(self.probe(seen)),
            Action::CancelRun { name, uid } => self.cancel_run(&seen.subject, name, uid).await,
            Action::CreatePod(attempt) => self.create_pod(seen, *attempt, version).await,
            Action::CancelHandoff(name) => self.cancel_handoff(&seen.subject, name).await,
            Action::DeleteRun => self.delete_run(&seen.subject, version).await,
            Action::Note(note) => {
                self.reaped(*note);
                self.events.note(&seen.run.object_ref(&()), *note).await;
                Ok(Applied::Done)
            }
            Action::AskGate { .. }
            | Action::TellCancel(_)
            | Action::TellDeadline { .. }
            | Action::WarnIdle { .. }
            | Action::WarnCap { .. }
            | Action::MarkPod { .. }
            | Action::ReleasePod { .. }
            | Action::DeletePod { .. } => self.act_on_pod(&seen.subject, action).await,
        }
    }

    /// What concerns a pod and needs nothing of its run.
    async fn act_on_pod(&self, subject: &Subject, action: &Action) -> Result<Applied, Error> {
        match action {
            Action::AskGate { pod, patience, ended } => {
                let word = Word::Ask { patience: *patience, ended: *ended };
                self.say_to_gate(subject, pod, word).await
            }
            Action::TellCancel(pod) => self.say_to_gate(subject, pod, Word::Cancel).await,
            Action::TellDeadline { pod, seconds } => {
                self.say_to_gate(subject, pod, Word::Deadline(*seconds)).await
            }
            Action::WarnIdle { pod, seconds } => {
                self.say_to_gate(subject, pod, Word::WarnIdle(*seconds)).await
            }
            Action::WarnCap { pod, seconds } => {
                self.say_to_gate(subject, pod, Word::WarnCap(*seconds)).await
            }
            Action::MarkPod { pod, marked } => self.mark_pod(subject, pod, *marked).await,
            Action::ReleasePod { pod, keep_marks, only } => {
                if !self.holds_for_pod(*only, subject, pod).await? {
                    return Ok(Applied::Refused);
                }
                self.release_pod(subject, pod, *keep_marks).await
            }
            Action::DeletePod { pod, only } => {
                if !self.holds_for_pod(*only, subject, pod).await? {
                    return Ok(Applied::Refused);
                }
                self.delete_pod(subject, pod).await
            }
            Action::ProbeTarget
            | Action::CancelRun { .. }
            | Action::CreatePod(_)
            | Action::CancelHandoff(_)
            | Action::DeleteRun
            | Action::Note(_) => Ok(Applied::Refused),
        }
    }

    /// Counts browsers that were ended.
    fn reaped(&self, note: Note) {
        let reason = match note {
            Note::ReapedIdle => "idle",
            Note::ReapedCap => "cap",
            Note::ReapedUnkept => "unkept",
            Note::ReapedUnreachable => "unreachable",
            Note::Accepted
            | Note::Queued
            | Note::WarmMiss
            | Note::BrowserReady
            | Note::Started
            | Note::Finished
            | Note::Uploaded
            | Note::UploadFailed
            | Note::IdleExpiring
            | Note::CapExpiring
            | Note::PodLost
            | Note::LetGo => return,
        };
        self.metrics.reaped(reason);
    }

    /// Whether what is asked of the cluster is so, right now. What concerns a single pod is asked by
    /// [`Self::holds_for_pod`], what a request checks by itself is not asked at all.
    async fn holds(&self, only: Only, seen: &Seen, version: Option<&str>) -> Result<bool, Error> {
        match only {
            Only::Always | Only::RunAsSeen | Only::Unfinished => Ok(true),
            Only::PodsAsSeen => self.pods_are_as_seen(&seen.subject).await,
            Only::RunAndPodsAsSeen => {
                Ok(self.run_is_as_seen(&seen.subject, version).await?.is_some()
                    && self.pods_are_as_seen(&seen.subject).await?)
            }
            Only::RunGone => self.run_is_gone(&seen.subject).await,
            Only::Idle(_) | Only::PodOver => Ok(false),
        }
    }
}
