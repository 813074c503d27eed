//! A decision in the making: the record as it will be, what is to be done, and when to look again.

use super::{
    Decision,
    action::{Action, Note, Only},
    observed::{Beside, By, Closer, GatePhase, Place, Seen, Slot, Told, Word},
    record::{Ending, Record, Waiting},
};
use crate::{
    decide::{Moment, PodUid, text::bounded},
    manifest::handoff::{
        HandoffState, Mode,
        status::{ClosedBy, FailureCode},
    },
};

/// What a note takes in a status at most, as JSON: as much as people may say (4096 bytes), and not more than
/// half of what a status may have.
const MOST_NOTE: usize = 4096;

/// See the module.
pub(super) struct Turn<'a> {
    seen: &'a Seen,
    now: Moment,
    record: Record,
    /// What must be true for the record.
    only: Only,
    /// Before the record is written.
    first: Vec<Action>,
    /// After it.
    then: Vec<Action>,
    wake_at: Option<Moment>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(seen: &'a Seen, now: Moment) -> Self {
        Self {
            seen,
            now,
            record: seen.record.clone(),
            only: Only::Always,
            first: Vec::new(),
            then: Vec::new(),
            wake_at: None,
        }
    }

    /// The gate knows it: that counts before anything else.
    pub(super) fn known(&mut self, told: &Told) {
        self.mirror(told);
        self.mirror_activity(told);
        if !told.phase.is_active() {
            return self.end(self.outcome(told), Only::Always);
        }
        let Place::Here { pod, .. } = &self.seen.place else { return };
        let refused = told.granted.is_none().then(|| self.refusal()).flatten();
        if let Some(outcome) = self.asked_to_end() {
            self.close(pod, outcome);
        } else if refused.is_some() {
            self.close(pod, HandoffState::Cancelled);
        } else if told.granted.is_none() {
            self.wake(self.granted_by());
        } else {
            self.warn();
        }
        self.follow(pod);
    }

    /// It was granted, and its gate does not say any more what became of it.
    pub(super) fn out_of_sight(&mut self) {
        let (code, only) = match (&self.seen.place, &self.seen.gate.word) {
            (Place::Here { pod, .. }, Word::Unheard) => return self.follow(pod),
            // It had it once: it began anew and remembers nothing.
            (Place::Here { .. }, Word::Unsure | Word::Absent | Word::There(_)) => {
                (FailureCode::GateLost, Only::Always)
            }
            (Place::GateLost, _) => (FailureCode::GateLost, Only::RunAndPodsAsSeen),
            // A kubelet that was started anew looks at its containers for a moment as at new ones.
            (Place::Coming, _) => return,
            (Place::Nowhere | Place::Over, _) => (FailureCode::BrowserLost, Only::RunAndPodsAsSeen),
        };
        // Nobody has it any more, which is what was wanted.
        let ending = match self.asked_to_end() {
            Some(HandoffState::Cancelled) => Ending::Cancelled(self.closer()),
            Some(HandoffState::Running | HandoffState::Finished) | None => Ending::failed(code),
        };
        self.end(ending, only);
    }

    /// It has not begun.
    pub(super) fn wanted(&mut self) {
        if let Some((ending, only)) = self.refusal() {
            return self.refuse(ending, only);
        }
        let handoff = &self.seen.handoff;
        if handoff.holder.is_empty() {
            self.wake(self.claimed_by());
            self.record.waiting = Some(Waiting::Claim);
            return;
        }
        self.record.waiting = self.record.waiting.filter(|why| *why != Waiting::Claim);
        self.wake(self.granted_by());
        let Place::Here { pod, leaving: false } = &self.seen.place else {
            self.record.waiting = Some(Waiting::Browser);
            return;
        };
        if self.seen.gate.failures > 0 {
            self.record.waiting = Some(Waiting::Gate);
        }
        let slot = self.seen.run.as_ref().map(|run| &run.slot);
        if handoff.mode == Mode::Control {
            match self.seen.gate.beside {
                Beside::Nobody => {}
                // The gate would refuse whoever comes second. What it says next brings another
                // decision, and whoever keeps the run has it end what nobody asks for any more.
                Beside::Somebody | Beside::Unknown => return self.follow(pod),
            }
            if slot == Some(&Slot::Free) {
                self.first.push(Action::TakeSlot);
            }
        }
        self.tell(Action::Prepare(pod.clone()));
    }

    /// It is over: it belongs to its run, and goes after its time.
    pub(super) fn over(&mut self) {
        let Some((ending, at)) = &self.seen.record.ending else { return };
        let own = self.seen.run.as_ref().is_some_and(|run| run.slot == Slot::Own);
        if own {
            self.first.push(Action::FreeSlot);
        }
        // It may have been given up while the gate could not be reached.
        let given_up = self.seen.record.granted.is_none()
            && matches!(ending, Ending::Failed(FailureCode::GateLost, _) | Ending::Cancelled(_));
        let active = match &self.seen.gate.word {
            Word::There(told) => told.phase.is_active(),
            Word::Unheard => given_up,
            // While that is so, nobody else is given control there.
            Word::Unsure => true,
            Word::Absent => false,
        };
        if let (Place::Here { pod, .. }, true) = (&self.seen.place, active) {
            self.close(pod, HandoffState::Cancelled);
            // Others wait for its answer, and whoever is over is not looked at for their sake.
            self.wake(self.now.plus(self.seen.tuning.retry));
        }
        let due = at.plus(self.seen.handoff.ttl);
        if due <= self.now {
            self.then.push(Action::Delete);
            self.wake(self.now.plus(self.seen.tuning.retry));
        } else {
            self.wake(due);
        }
    }

    /// Why it cannot be had, or is not wanted any more, as things are.
    fn refusal(&self) -> Option<(Ending, Only)> {
        let Seen { handoff, place, gate, .. } = self.seen;
        let failed = |code, only| Some((Ending::failed(code), only));
        if self.asked_to_end().is_some() {
            // Nothing was done, so nothing can be finished.
            return Some((Ending::Cancelled(self.closer()), Only::Always));
        }
        if !self.seen.policy {
            return failed(FailureCode::PolicyMissing, Only::Always);
        }
        if !handoff.keyed {
            return Some((Ending::without_key(), Only::Always));
        }
        let Some(run) = &self.seen.run else {
            return failed(FailureCode::RunNotFound, Only::RunAsSeen);
        };
        if run.gone {
            return failed(FailureCode::BrowserGone, Only::Always);
        }
        if run.finished {
            match place {
                Place::Here { leaving: false, .. } | Place::Coming => {}
                Place::GateLost => return failed(FailureCode::GateLost, Only::RunAndPodsAsSeen),
                Place::Here { leaving: true, .. } | Place::Nowhere | Place::Over => {
                    return failed(FailureCode::BrowserGone, Only::RunAndPodsAsSeen);
                }
            }
        }
        if handoff.mode == Mode::Control {
            if run.listed {
                return failed(FailureCode::NameReused, Only::RunAsSeen);
            }
            if run.full {
                return failed(FailureCode::BudgetExceeded, Only::RunAsSeen);
            }
            if let Slot::Other(holder) = &run.slot {
                return Some((Ending::held_by(holder), Only::RunAsSeen));
            }
        }
        if handoff.holder.is_empty() {
            let late = self.claimed_by() <= self.now;
            return late.then_some((Ending::TimedOut(ClosedBy::Unclaimed), Only::Always));
        }
        if self.granted_by() > self.now {
            return None;
        }
        let unreachable = gate.failures >= self.seen.tuning.tries;
        failed(
            if unreachable { FailureCode::GateLost } else { FailureCode::AgentBusy },
            Only::Always,
        )
    }

    /// Refuses it, once it is sure that the gate has not granted it.
    fn refuse(&mut self, ending: Ending, only: Only) {
        let gate = &self.seen.gate;
        let Place::Here { pod, .. } = &self.seen.place else { return self.end(ending, only) };
        if gate.talking {
            // It may be hearing of it just now; the end of that brings another decision.
            return;
        }
        if !matches!(gate.word, Word::Unheard | Word::Unsure) {
            return self.end(ending, only);
        }
        if gate.failures < self.seen.tuning.tries {
            return self.close(pod, HandoffState::Cancelled);
        }
        // Whatever it has is ended once it can be reached again.
        match ending {
            Ending::Cancelled(_) => self.end(ending, only),
            Ending::Finished(_) | Ending::TimedOut(_) | Ending::Failed(..) => {
                self.end(Ending::failed(FailureCode::GateLost), only);
            }
        }
    }

    /// Frees the slot, then ends it.
    fn end(&mut self, ending: Ending, only: Only) {
        let slot = self.seen.run.as_ref().map(|run| &run.slot);
        self.only = if self.seen.handoff.mode == Mode::View {
            only
        } else if slot == Some(&Slot::Own) {
            self.first.push(Action::FreeSlot);
            only.with_run_seen()
        } else {
            // The cache may not show the slot yet.
            only.and_run()
        };
        self.record.ending = Some((ending, self.now));
        self.record.waiting = None;
        self.record.epoch = None;
        if let Some((there @ true, since)) = &mut self.record.presence {
            (*there, *since) = (false, self.now);
        }
    }

    /// Takes down what the gate says. What was written once stands.
    fn mirror(&mut self, told: &Told) {
        let record = &mut self.record;
        let Some(granted) = told.granted else { return };
        let (began, _) = *record.granted.get_or_insert(granted);
        record.waiting = None;
        record.epoch = told.epoch;
        let note = told.note.as_deref().map(|note| bounded(note, MOST_NOTE));
        record.note = note.filter(|note| !note.is_empty()).or_else(|| record.note.take());
        if self.seen.handoff.mode == Mode::View {
            return;
        }
        let (there, since) = *record.presence.get_or_insert((false, began));
        if there != told.connected {
            let first = told.connected && record.first_connected.is_none();
            let next = since.plus(self.seen.tuning.presence);
            if first || next <= self.now || since > self.now {
                record.presence = Some((told.connected, self.now));
            } else {
                self.wake(next);
            }
        }
        if let Some(first) = told.first_connected {
            self.record.first_connected.get_or_insert(first);
        }
    }

    /// When the holder last did something: with whatever else is written, by itself once a minute.
    fn mirror_activity(&mut self, told: &Told) {
        let record = &self.record;
        if told.granted.is_none() || told.last_active <= record.active {
            return;
        }
        let times = [
            record.granted.map(|(since, _)| since),
            record.presence.map(|(_, since)| since),
            record.active,
        ];
        // What is told of the future was told before the clock was set back.
        let last = times.into_iter().flatten().filter(|time| *time <= self.now).max();
        let next = last.map_or(self.now, |last| last.plus(self.seen.tuning.presence));
        if *record != self.seen.record || !told.phase.is_active() || next <= self.now {
            self.record.active = told.last_active;
        } else {
            self.wake(next);
        }
    }

    /// Says it when the holder's time is nearly over, unless that is all the time there was. Who watches
    /// is not told: his program asks again by itself.
    fn warn(&mut self) {
        let Some((since, until)) = self.record.granted else { return };
        let at = until.plus(-self.seen.tuning.expiring);
        if self.seen.warned || self.seen.handoff.mode == Mode::View || at <= since {
            return;
        }
        if at <= self.now {
            self.then.push(Action::Note(Note::Expiring));
        } else {
            self.wake(at);
        }
    }

    /// How the gate says that it ended.
    fn outcome(&self, told: &Told) -> Ending {
        let granted = told.granted.is_some() || self.seen.record.granted.is_some();
        let ours = told.phase == GatePhase::Cancelled(By::Operator);
        if !granted && ours && self.asked_to_end().is_none() {
            // It was called off because it could not be had.
            let why = self.refusal().map(|(ending, _)| ending);
            return why.unwrap_or_else(|| Ending::failed(FailureCode::AgentBusy));
        }
        match told.phase {
            GatePhase::Finished(by) if granted => Ending::Finished(self.closed_by(by)),
            GatePhase::Finished(by) | GatePhase::Cancelled(by) => {
                Ending::Cancelled(self.closed_by(by))
            }
            GatePhase::TimedOut(by) => Ending::TimedOut(self.closed_by(by)),
            GatePhase::Failed(code) => Ending::failed(code),
            GatePhase::Pending | GatePhase::Running => Ending::failed(FailureCode::Internal),
        }
    }

    fn closed_by(&self, by: By) -> ClosedBy {
        match by {
            By::Human => ClosedBy::Human,
            By::Timeout => ClosedBy::Timeout,
            By::DeadMan => ClosedBy::DeadMan,
            By::Operator if self.asked_to_end().is_some() => self.closer(),
            By::Operator => ClosedBy::Operator,
        }
    }

    /// Who asked for its end.
    fn closer(&self) -> ClosedBy {
        match self.seen.handoff.closer {
            Closer::Human => ClosedBy::Human,
            Closer::Host => ClosedBy::Host,
            Closer::Operator => ClosedBy::Operator,
        }
    }

    /// Somebody asked for its end, and this is how.
    fn asked_to_end(&self) -> Option<HandoffState> {
        match self.seen.handoff.desired {
            HandoffState::Running if self.seen.handoff.deleting => Some(HandoffState::Cancelled),
            HandoffState::Running => None,
            ended @ (HandoffState::Finished | HandoffState::Cancelled) => Some(ended),
        }
    }

    /// When somebody must have claimed it.
    fn claimed_by(&self) -> Moment {
        let Seen { handoff, run, tuning, .. } = self.seen;
        let waits = run.as_ref().is_some_and(|run| run.auto);
        handoff.created.plus(if waits { handoff.lasts } else { tuning.claim })
    }

    /// When it must have been granted. The holder's asking is known to when he last wrote: what he
    /// writes later makes it no later than a claim may be.
    fn granted_by(&self) -> Moment {
        let asked = self.seen.handoff.asked.min(self.claimed_by());
        asked.max(self.seen.handoff.created).plus(self.seen.tuning.grant)
    }

    fn close(&mut self, pod: &PodUid, outcome: HandoffState) {
        self.tell(Action::Close { pod: pod.clone(), outcome });
    }

    /// Tells the gate something, one thing at a time.
    fn tell(&mut self, action: Action) {
        if !self.seen.gate.talking && self.may_try() {
            self.then.push(action);
        }
    }

    fn follow(&mut self, pod: &PodUid) {
        if !self.seen.gate.following && self.may_try() {
            self.then.push(Action::Follow(pod.clone()));
        }
    }

    /// After a failure, tries keep their distance. A try of the future was made before the clock was
    /// set back.
    fn may_try(&mut self) -> bool {
        let gate = &self.seen.gate;
        let tried = gate.tried.filter(|tried| gate.failures > 0 && *tried <= self.now);
        let at = tried.map_or(self.now, |tried| tried.plus(self.seen.tuning.retry));
        if at > self.now {
            self.wake(at);
        }
        at <= self.now
    }

    /// Looks again then at the latest.
    fn wake(&mut self, at: Moment) {
        let at = at.max(Moment(self.now.0.saturating_add(1)));
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }

    /// The decision.
    pub(super) fn decided(mut self) -> Decision {
        let (old, seen) = (&self.seen.record, self.seen);
        let read = old.generation == 0 || old.generation == seen.handoff.generation;
        let mut actions = self.first;
        if self.record != *old || !read {
            self.record.generation = seen.handoff.generation;
            let notes = notes(old, &self.record, seen.handoff.mode);
            actions.push(Action::Write { record: self.record, only: self.only });
            actions.extend(notes.into_iter().map(Action::Note));
            actions.append(&mut self.then);
        } else {
            actions.append(&mut self.then);
            let deletes = actions.contains(&Action::Delete);
            // After the first write: until then somebody waits for something else.
            if old.generation > 0 && seen.run.is_some() && !seen.handoff.owned && !deletes {
                actions.push(Action::Own);
            }
        }
        Decision { actions, wake_at: self.wake_at }
    }
}

/// The Events that belong to a change of the record.
fn notes(old: &Record, new: &Record, mode: Mode) -> Vec<Note> {
    let mut notes = Vec::new();
    if old.generation == 0 && new.granted.is_none() && new.ending.is_none() {
        notes.push(Note::Requested);
    }
    let unclaimed = |record: &Record| record.waiting == Some(Waiting::Claim);
    if unclaimed(old) && !unclaimed(new) && new.ending.is_none() {
        notes.push(Note::Claimed);
    }
    if new.granted.is_some() && old.granted.is_none() {
        notes.push(Note::Granted);
        if mode == Mode::Control {
            notes.push(Note::HandedOff);
        }
    }
    if let (Some((ending, _)), None) = (&new.ending, &old.ending) {
        notes.push(match ending {
            Ending::Finished(_) => Note::Finished,
            Ending::Cancelled(_) => Note::Cancelled,
            Ending::TimedOut(_) => Note::TimedOut,
            Ending::Failed(..) if new.granted.is_some() => Note::Failed,
            Ending::Failed(..) => Note::Refused,
        });
    }
    notes
}
