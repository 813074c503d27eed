//! After the verdict: artifacts are saved, the browser is kept while somebody may want it, and then
//! everything goes.
//!
//! # Guarantees
//! Nothing unsaved goes before its time; a browser that is watched goes only at the absolute end or
//! when its gate cannot be reached; a finalizer stays no longer than the pod's own grace.

use super::{
    action::{Action, Note, Only},
    moment::Moment,
    observed::{Answer, Browser, GateContainer, Pod, Upload},
    record::Artifacts,
    turn::{Asked, Told, Turn},
};
use crate::manifest::{
    status::Verdict,
    test_run::{When, artifacts::UploadFailure},
};

impl Turn<'_> {
    /// A run that has its verdict.
    pub(super) fn finished(&mut self) {
        self.clear_older();
        let pod = self.pod();
        if self.record.gone {
            if let Some(pod) = pod {
                self.dismiss(pod);
            }
            return self.collect();
        }
        self.save(pod);
        if let Some(pod) = pod {
            self.keep(pod);
        } else {
            self.only = Only::PodsAsSeen;
            self.record.gone = true;
            self.record.available = false;
        }
    }

    /// When the run ended.
    fn ended(&self) -> Moment {
        self.record.finished.unwrap_or(self.now)
    }

    /// The absolute end of the browser.
    fn cap(&self) -> Moment {
        self.ended().plus(self.facts.run.max)
    }

    /// The last moment for uploads.
    fn upload_bound(&self) -> Moment {
        self.ended().plus(self.facts.run.upload_timeout).plus(self.facts.tuning.slack)
    }

    /// Nothing has to be waited for on behalf of the artifacts.
    fn settled(&self) -> bool {
        match self.record.artifacts {
            Artifacts::Stored(_) | Artifacts::Kept(_) | Artifacts::Nothing(_) => true,
            Artifacts::Failed(_) => self.facts.run.on_upload_failure == UploadFailure::Discard,
            Artifacts::Open | Artifacts::Uploading => false,
        }
    }

    /// What became of the artifacts.
    fn save(&mut self, pod: Option<&Pod>) {
        let held = matches!(self.record.artifacts, Artifacts::Failed(_)) && !self.settled();
        if self.record.artifacts != Artifacts::Uploading && !held {
            return;
        }
        let storage = self.facts.run.storage.is_some();
        let known = pod.and_then(|pod| self.known_upload(pod));
        let told = known.and_then(|upload| Artifacts::told(upload, storage));
        if let Some(told) = told
            && !(held && matches!(told, Artifacts::Failed(_)))
        {
            if !matches!(told, Artifacts::Failed(_)) {
                self.record.uploaded = Some(self.now);
            }
            self.record.artifacts = told;
            return;
        }
        if held {
            // It gave up, and may yet be given what it wants.
            if let Some(pod) = pod.filter(|pod| pod.live() && pod.deleting.is_none()) {
                let since = self.facts.gate.answer.as_ref().map_or(self.now, |answer| answer.at);
                let again = since.min(self.now).plus(self.facts.tuning.warning);
                if again <= self.now || self.facts.gate.answer.is_none() {
                    self.try_gate(Action::AskGate { pod: pod.uid.clone(), patience: 0 }, true);
                } else {
                    self.wake(again);
                }
            }
            return;
        }
        let why = match pod {
            None => {
                self.only = Only::PodsAsSeen;
                "the pod is gone"
            }
            Some(pod) if !pod.live() => "the pod ended before everything was stored",
            Some(pod) if pod.overdue(self.now) => "the pod was deleted and its grace is over",
            Some(pod) if pod.deleting.is_some() => {
                // Its gate has the pod's grace, and says in its termination message how it went.
                return self.wake_at_bound(pod);
            }
            Some(_) if self.upload_bound() <= self.now => "artifacts.uploadTimeoutSeconds is over",
            Some(pod) => {
                self.wake(self.upload_bound());
                let patience = self.upload_bound().since(self.now);
                let patience = patience.min(self.facts.tuning.patience);
                self.try_gate(Action::AskGate { pod: pod.uid.clone(), patience }, true);
                return;
            }
        };
        self.record.artifacts =
            if storage { Artifacts::failed(why) } else { Artifacts::Kept(None) };
    }

    /// What the gate last said about the upload, by itself or in its termination message.
    fn known_upload<'s>(&'s self, pod: &'s Pod) -> Option<&'s Upload> {
        match &pod.gate {
            GateContainer::Ended(upload) => upload.as_ref(),
            GateContainer::Waiting | GateContainer::Running => {
                self.facts.gate.answer.as_ref().map(|answer| &answer.upload)
            }
        }
    }

    fn wake_at_bound(&mut self, pod: &Pod) {
        if let Some(bound) = pod.deleting {
            self.wake(bound);
        }
    }

    /// Keeps the pod, warns, or lets it go.
    fn keep(&mut self, pod: &Pod) {
        // A run that ended before its agent began has nothing to keep, not even what began since.
        let nothing = matches!(self.record.artifacts, Artifacts::Nothing(_));
        if nothing || pod.deleting.is_some() || !pod.live() {
            return self.dismiss(pod);
        }
        self.record.available = pod.takeable();
        let cap = match self.record.artifacts {
            Artifacts::Uploading => self.cap().max(self.upload_bound()),
            Artifacts::Open
            | Artifacts::Stored(_)
            | Artifacts::Kept(_)
            | Artifacts::Nothing(_)
            | Artifacts::Failed(_) => self.cap(),
        };
        if cap <= self.now {
            return self.end(pod, Note::ReapedCap, Only::Always);
        }
        self.wake(cap);
        self.mark(pod);
        self.warn_of(pod, cap);
        if !self.settled() {
            return;
        }
        if pod.browser == Browser::Ended {
            // There is nothing left to take over.
            return self.end(pod, Note::ReapedUnkept, Only::Always);
        }
        self.idle(pod);
    }

    /// The finalizer stays until the artifacts are settled; the marks too, and while somebody has
    /// control.
    fn mark(&mut self, pod: &Pod) {
        let held = self.facts.control.is_some();
        let uid = pod.uid.clone();
        if self.settled() && pod.finalizer {
            self.act(Action::ReleasePod { pod: uid, keep_marks: held, only: Only::Always });
        } else if self.settled() && pod.marked != held {
            self.act(Action::MarkPod { pod: uid, marked: held });
        }
    }

    /// Tells the page of the absolute end. If that fails the end comes without.
    fn warn_of(&mut self, pod: &Pod, cap: Moment) {
        let shorter = |seconds: &&i64| **seconds < self.facts.run.max;
        let warnings = self.facts.tuning.cap_warnings;
        let due = warnings.iter().filter(shorter).copied();
        let (past, future): (Vec<i64>, Vec<i64>) =
            due.partition(|seconds| cap.plus(-seconds) <= self.now);
        if let Some(next) = future.first() {
            self.wake(cap.plus(-next));
        }
        let Some(warning) = past.last() else { return };
        match self.ask(pod, cap.plus(-warning), 0) {
            Asked::Answered(answer) if answer.told_cap.is_none_or(|told| told > *warning) => {
                // At most what is left, at least a second.
                let seconds = cap.since(self.now).max(1);
                if self.tell(Action::WarnCap { pod: pod.uid.clone(), seconds }) == Told::Now {
                    self.note(Note::CapExpiring);
                }
            }
            Asked::Answered(_) | Asked::Waiting | Asked::Unreachable => {}
        }
    }

    /// Ends a browser that nobody uses: asks before and at the limit, and comes back later for the
    /// remainder.
    fn idle(&mut self, pod: &Pod) {
        let answer = match &self.facts.gate.answer {
            Some(answer) if answer.at >= self.ended() => answer,
            _ => match self.ask(pod, self.ended(), 0) {
                Asked::Answered(answer) => answer,
                Asked::Waiting => return,
                Asked::Unreachable => {
                    return self.end(pod, Note::ReapedUnreachable, Only::Always);
                }
            },
        };
        if !self.kept(answer) {
            return self.retire(pod, 0, Note::ReapedUnkept);
        }
        let limit = self.facts.run.idle;
        let warning = self.facts.tuning.warning.min(limit);
        let ends = answer.at.plus(limit - answer.idle);
        let asked = ends.plus(-warning);
        if self.now < asked {
            return self.wake(asked);
        }
        let answer = match self.ask(pod, asked, 0) {
            Asked::Answered(answer) => answer,
            Asked::Waiting => return,
            Asked::Unreachable => return self.end(pod, Note::ReapedUnreachable, Only::Always),
        };
        let Some(told) = answer.told_idle else {
            let seconds = ends.since(self.now).max(warning);
            return match self.tell(Action::WarnIdle { pod: pod.uid.clone(), seconds }) {
                Told::Now => self.note(Note::IdleExpiring),
                Told::Later => {}
                Told::Unreachable => self.end(pod, Note::ReapedUnreachable, Only::Always),
            };
        };
        let ends = ends.max(told.plus(warning));
        if self.now < ends {
            return self.wake(ends);
        }
        match self.ask(pod, ends, 0) {
            Asked::Answered(_) => self.retire(pod, limit, Note::ReapedIdle),
            Asked::Waiting => {}
            Asked::Unreachable => self.end(pod, Note::ReapedUnreachable, Only::Always),
        }
    }

    /// Whether the browser is kept while somebody may want it.
    fn kept(&self, answer: &Answer) -> bool {
        answer.watched
            || match self.facts.run.keep {
                When::Always => true,
                When::OnFailure => self.record.verdict() != Some(Verdict::Passed),
                When::Never => false,
            }
    }

    /// Ends it if the gate agrees that nobody is there.
    fn retire(&mut self, pod: &Pod, idle: i64, note: Note) {
        let only = Only::Idle(idle);
        match self.tell(Action::DeletePod { pod: pod.uid.clone(), only }) {
            Told::Now => self.note(note),
            Told::Later => {}
            Told::Unreachable => self.end(pod, Note::ReapedUnreachable, Only::Always),
        }
    }

    /// Ends it.
    fn end(&mut self, pod: &Pod, note: Note, only: Only) {
        if let Some(handoff) = &self.facts.control {
            self.act(Action::CancelHandoff(handoff.clone()));
        }
        self.act(Action::DeletePod { pod: pod.uid.clone(), only });
        self.note(note);
    }

    /// Lets a pod end that nothing is wanted from any more, and releases it once it has or its time is
    /// over.
    pub(super) fn dismiss(&mut self, pod: &Pod) {
        let over = !pod.live() || pod.overdue(self.now);
        if pod.finalizer && over {
            if !self.saved(pod) {
                self.note(Note::LetGo);
            }
            let uid = pod.uid.clone();
            self.act(Action::ReleasePod { pod: uid, keep_marks: false, only: Only::PodOver });
        }
        if pod.deleting.is_none() {
            self.act(Action::DeletePod { pod: pod.uid.clone(), only: Only::Always });
        } else if !over {
            self.wake_at_bound(pod);
        }
    }

    /// Nothing is lost with this pod.
    fn saved(&self, pod: &Pod) -> bool {
        let complete = matches!(pod.gate, GateContainer::Ended(Some(Upload::Complete(_))));
        let own = pod.attempt.0 == self.record.attempt && self.settled();
        !pod.begun() || complete || own || self.facts.run.storage.is_none()
    }

    /// The object's own end.
    fn collect(&mut self) {
        let run = &self.facts.run;
        let ttl = match self.record.verdict() {
            Some(Verdict::Passed) => run.ttl_after_success,
            Some(Verdict::Failed | Verdict::Errored | Verdict::Cancelled | Verdict::TimedOut)
            | None => run.ttl_after_failure,
        };
        let due = self.ended().plus(ttl);
        if due <= self.now {
            self.act(Action::DeleteRun);
            self.wake(self.now.plus(self.facts.tuning.quiet));
        } else {
            self.wake(due);
        }
    }
}
