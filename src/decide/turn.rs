//! A decision in the making: the record as it will be, what is to be done, and when to look again.

use super::{
    action::{Action, Note, Only},
    ending::Loss,
    moment::Moment,
    observed::{Agent, Answer, Facts, Pod},
    record::{Artifacts, Bound, Ending, Record, Waiting},
    text::short,
};

/// What a turn comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    /// The record to write, and what must be true for it; `None` if it stays.
    pub record: Option<(Record, Only)>,
    /// What to do then.
    pub actions: Vec<Action>,
    /// When to decide again at the latest.
    pub wake_at: Option<Moment>,
}

/// What asking a gate comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// It has answered.
    Answered(&'a Answer),
    /// It will; or it is tried again.
    Waiting,
    /// It was tried often enough.
    Unreachable,
}

/// What telling a gate something comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is told now.
    Now,
    /// It is told later.
    Later,
    /// It was tried often enough.
    Unreachable,
}

/// A decision in the making.
pub(super) struct Turn<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// The record as it stands in the cache.
    pub old: &'a Record,
    /// The time.
    pub now: Moment,
    /// The record as it will be.
    pub record: Record,
    /// What must be true for that.
    pub only: Only,
    actions: Vec<Action>,
    wake_at: Option<Moment>,
    tried: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(facts: &'a Facts, old: &'a Record, now: Moment) -> Self {
        Self {
            facts,
            old,
            now,
            record: old.clone(),
            only: Only::Always,
            actions: Vec::new(),
            wake_at: None,
            tried: false,
        }
    }

    /// Looks again then at the latest. What is past already is looked at in the next moment.
    pub(super) fn wake(&mut self, at: Moment) {
        let at = at.max(Moment(self.now.0.saturating_add(1)));
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(super) fn note(&mut self, note: Note) {
        self.act(Action::Note(note));
    }

    /// The attempt that counts. The pod cache may know a newer one than the run's.
    pub(super) fn attempt(&self) -> i32 {
        let pods = self.facts.pods.iter().map(|pod| pod.attempt.0).max();
        self.old.attempt.max(pods.unwrap_or_default()).max(1)
    }

    /// The pod of the attempt that counts.
    pub(super) fn pod(&self) -> Option<&'a Pod> {
        let attempt = self.attempt();
        self.facts.pods.iter().find(|pod| pod.attempt.0 == attempt)
    }

    /// Takes down what the pod shows and has not been written yet.
    pub(super) fn bind(&mut self, pod: &Pod) {
        let record = &mut self.record;
        if record.pod.as_ref().is_none_or(|bound| bound.uid != pod.uid.0) {
            record.attempt = pod.attempt.0;
            record.pod = Some(Bound {
                uid: pod.uid.0.clone(),
                name: pod.name.clone(),
                node: None,
                warm: pod.warm,
            });
            record.accepted.get_or_insert(self.now);
            if self.facts.run.readiness.is_some() {
                // It was ready, or there would be no pod.
                record.target_ready.get_or_insert(pod.created);
            }
            record.retrying = None;
            record.waiting = None;
            record.bound = None;
            record.browser_ready = None;
            record.started = None;
        }
    }

    /// Takes down when and where the agent began, and that Chromium answered.
    pub(super) fn begun(&mut self, pod: &Pod, since: Moment, ready: bool) {
        let record = &mut self.record;
        if record.started.is_none() {
            record.started = Some(since);
            record.bound = pod.bound;
            if let Some(bound) = &mut record.pod {
                bound.node.clone_from(&pod.node);
            }
        }
        if ready && record.browser_ready.is_none() {
            record.browser_ready = Some(self.now);
        }
    }

    /// Why the run waits, while it has no verdict.
    pub(super) fn say(&mut self, waiting: Option<Waiting>, message: &str) {
        self.record.waiting = waiting;
        self.record.message = short(message, MESSAGE);
    }

    /// Writes the verdict.
    pub(super) fn finish(&mut self, ending: Ending, message: &str, pod: Option<&Pod>) {
        let record = &mut self.record;
        record.finished = Some(self.now);
        record.message = short(message, MESSAGE);
        record.retrying = None;
        record.handed_off = false;
        if record.waiting == Some(Waiting::Queue) {
            record.waiting = None;
        }
        record.artifacts = match pod {
            Some(pod) if pod.begun() => Artifacts::Uploading,
            Some(_) => Artifacts::Nothing("NeverStarted".to_owned()),
            None if record.pod.is_some() => Artifacts::Nothing("PodLost".to_owned()),
            None => Artifacts::Nothing("NoPod".to_owned()),
        };
        record.available = pod.is_some_and(|pod| pod.begun() && pod.takeable());
        record.ending = Some(Ending { reason: short(&ending.reason, 64), ..ending });
    }

    /// The gate's answer of `due` or later; asks for it, `patience` seconds long, if there is none.
    pub(super) fn ask(&mut self, pod: &Pod, due: Moment, patience: i64) -> Asked<'a> {
        let gate = &self.facts.gate;
        if let Some(answer) = &gate.answer
            && answer.at >= due
        {
            return Asked::Answered(answer);
        }
        if gate.failures >= self.facts.tuning.tries {
            return Asked::Unreachable;
        }
        self.question(pod, patience);
        Asked::Waiting
    }

    /// Asks the gate how things are, whatever it said before.
    pub(super) fn question(&mut self, pod: &Pod, patience: i64) {
        let ended = matches!(pod.agent, Agent::Ended(_));
        self.try_gate(Action::AskGate { pod: pod.uid.clone(), patience, ended }, true);
    }

    /// Has the gate do something.
    pub(super) fn tell(&mut self, action: Action) -> Told {
        let failures = self.facts.gate.failures;
        if failures >= self.facts.tuning.tries {
            Told::Unreachable
        } else if self.try_gate(action, failures > 0) {
            Told::Now
        } else {
            Told::Later
        }
    }

    /// Tries to reach the gate, once a decision. After an answer the next word may follow at once;
    /// a try that is `spaced` keeps its distance from the last one.
    pub(super) fn try_gate(&mut self, action: Action, spaced: bool) -> bool {
        let gate = &self.facts.gate;
        if gate.asking || self.tried {
            return false;
        }
        // A try of the future was made before the clock was set back.
        let tried = gate.tried.filter(|tried| spaced && *tried <= self.now);
        let at = tried.map_or(self.now, |tried| tried.plus(self.facts.tuning.retry));
        if at > self.now {
            self.wake(at);
            return false;
        }
        self.tried = true;
        self.act(action);
        self.wake(self.now.plus(self.facts.tuning.retry));
        true
    }

    /// The decision.
    pub(super) fn decided(mut self) -> Decided {
        // A change of what may be changed (keepAlive, a deadline) shows in the status; a run of which
        // nothing was written yet has nothing to show.
        let read = self.old.generation == 0 || self.old.generation == self.facts.run.generation;
        if self.record == *self.old && read {
            return Decided { record: None, actions: self.actions, wake_at: self.wake_at };
        }
        if read
            && self.only_words_changed()
            && let Some(written) = self.facts.written
            && written <= self.now
            && self.now < written.plus(self.facts.tuning.quiet)
        {
            self.wake(written.plus(self.facts.tuning.quiet));
            return Decided { record: None, actions: self.actions, wake_at: self.wake_at };
        }
        self.record.generation = self.facts.run.generation;
        let mut actions: Vec<Action> = notes(self.old, &self.record).map(Action::Note).collect();
        actions.append(&mut self.actions);
        Decided { record: Some((self.record, self.only)), actions, wake_at: self.wake_at }
    }

    /// Nothing would be written but why the run waits.
    fn only_words_changed(&self) -> bool {
        let words = Record {
            message: self.old.message.clone(),
            waiting: self.old.waiting.clone(),
            ..self.record.clone()
        };
        words == *self.old
    }
}

/// The most bytes of `status.message`.
const MESSAGE: usize = 1024;

/// The Events that belong to a change of the record. Written after it, they never tell of what was
/// not; a crash in between loses one, which Events may be.
fn notes(old: &Record, new: &Record) -> impl Iterator<Item = Note> {
    let queued = |record: &Record| record.waiting == Some(Waiting::Queue);
    let stored =
        |record: &Record| matches!(record.artifacts, Artifacts::Stored(_) | Artifacts::Kept(_));
    let failed = |record: &Record| matches!(record.artifacts, Artifacts::Failed(_));
    let ends = new.ending.as_ref().filter(|_| old.ending.is_none());
    let tried_again = new.retrying.is_some() && new.retrying != old.retrying;
    [
        (new.accepted.is_some() && old.accepted.is_none(), Note::Accepted),
        (queued(new) && !queued(old), Note::Queued),
        (new.browser_ready.is_some() && old.browser_ready.is_none(), Note::BrowserReady),
        (new.started.is_some() && old.started.is_none(), Note::Started),
        (tried_again || ends.is_some_and(Loss::took_the_pod), Note::PodLost),
        (ends.is_some(), Note::Finished),
        (stored(new) && !stored(old), Note::Uploaded),
        (failed(new) && !failed(old), Note::UploadFailed),
    ]
    .into_iter()
    .filter_map(|(happened, note)| happened.then_some(note))
}
