//! What this operator heard from gates about handoffs, and what it is telling them (pure).
//!
//! In no status, like the rest of what is remembered: an operator that restarts asks again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    decide::{
        Moment,
        handoff::{By, Gate, GatePhase, Told, Word},
    },
    manifest::handoff::status::FailureCode,
    operator::outside::Heard,
    pod::contract::stream::{ClosedBy, Failure, HandoffPhase, HandoffReport},
};

/// The gate of one pod.
#[derive(Clone, Debug, Default)]
pub(in crate::operator) struct Door {
    heard: Option<Heard>,
    following: bool,
    tried: Option<Moment>,
    failures: u32,
    talks: BTreeMap<String, Talk>,
}

/// What is being said about one handoff.
#[derive(Clone, Copy, Debug, Default)]
struct Talk {
    talking: bool,
    /// It was told, and nothing was heard since then.
    unsure: bool,
}

impl Door {
    /// Everything that a decision about the handoff of this uid needs.
    pub(super) fn gate(&self, uid: &str) -> Gate {
        let talk = self.talks.get(uid).copied().unwrap_or_default();
        let report =
            self.heard.as_ref().map(|heard| heard.handoffs.iter().find(|report| report.uid == uid));
        let word = match report {
            Some(Some(report)) => Word::There(told(report)),
            Some(None) if !talk.unsure => Word::Absent,
            Some(None) => Word::Unsure,
            None => Word::Unheard,
        };
        Gate {
            talking: talk.talking,
            following: self.following,
            tried: self.tried,
            failures: self.failures,
            word,
        }
    }

    /// The last state that was heard of.
    pub(super) fn position(&self) -> Option<u64> {
        self.heard.as_ref().map(|heard| heard.position)
    }

    /// Uids of what it has and did not end, or may have.
    pub(in crate::operator) fn active(&self) -> BTreeSet<String> {
        let reports = self.heard.iter().flat_map(|heard| &heard.handoffs);
        let active = reports.filter(|one| one.phase.is_active()).map(|one| &one.uid);
        let unsure = self.talks.iter().filter(|(_, talk)| talk.unsure && !talk.talking);
        active.chain(unsure.map(|(uid, _)| uid)).cloned().collect()
    }

    /// It is being told something about this handoff.
    pub(super) fn telling(&mut self, uid: &str, now: Moment) {
        self.tried = Some(now);
        self.talks.insert(uid.to_owned(), Talk { talking: true, unsure: true });
    }

    /// That ended; whether anything is otherwise than it was known.
    pub(super) fn told(&mut self, uid: &str, heard: Option<Heard>, now: Moment) -> bool {
        let answered = heard.is_some();
        let changed = self.answered(heard, now);
        let talk = self.talks.entry(uid.to_owned()).or_default();
        talk.talking = false;
        talk.unsure &= !answered;
        changed
    }

    /// Somebody begins to listen; `false` if somebody does already.
    pub(super) fn follow(&mut self, now: Moment) -> bool {
        let begins = !self.following;
        self.following = true;
        if begins {
            self.tried = Some(now);
        }
        begins
    }

    /// Nobody listens any more; whether anything is otherwise than it was known.
    pub(super) fn followed(&mut self, heard: Option<Heard>, now: Moment) -> bool {
        self.following = false;
        self.answered(heard, now)
    }

    fn answered(&mut self, heard: Option<Heard>, now: Moment) -> bool {
        self.tried = Some(now);
        let Some(heard) = heard else {
            self.failures = self.failures.saturating_add(1);
            return false;
        };
        self.failures = 0;
        self.hear(heard)
    }

    /// It said how things are; whether anything is otherwise than it was known. What was said earlier
    /// may arrive later.
    pub(in crate::operator) fn hear(&mut self, heard: Heard) -> bool {
        match &self.heard {
            Some(known) if known.position >= heard.position => false,
            Some(_) | None => {
                self.heard = Some(heard);
                true
            }
        }
    }
}

fn told(report: &HandoffReport) -> Told {
    let time = |text: &Option<String>| -> Option<Moment> {
        let time: Option<jiff::Timestamp> = text.as_ref().and_then(|text| text.parse().ok());
        time.map(Into::into)
    };
    Told {
        phase: phase(report.phase),
        epoch: report.epoch.map(|epoch| i64::try_from(epoch).unwrap_or(i64::MAX)),
        granted: time(&report.started_at).zip(time(&report.deadline)),
        first_connected: time(&report.first_connected_at),
        connected: report.connected,
        note: report.note.as_deref().map(cut).filter(|note| !note.is_empty()),
    }
}

/// As long as `status.note` may be.
fn cut(note: &str) -> String {
    note.chars().take(4096).collect()
}

fn phase(phase: HandoffPhase) -> GatePhase {
    match phase {
        HandoffPhase::Pending => GatePhase::Pending,
        HandoffPhase::Running => GatePhase::Running,
        HandoffPhase::Finished(who) => GatePhase::Finished(by(who)),
        HandoffPhase::Cancelled(who) => GatePhase::Cancelled(by(who)),
        HandoffPhase::TimedOut(who) => GatePhase::TimedOut(by(who)),
        HandoffPhase::Failed(why) => GatePhase::Failed(match why {
            Failure::AgentBusy => FailureCode::AgentBusy,
            Failure::AlreadyHeld => FailureCode::AlreadyHeld,
            Failure::BrowserGone => FailureCode::BrowserGone,
            Failure::BrowserLost => FailureCode::BrowserLost,
            Failure::BudgetExceeded => FailureCode::BudgetExceeded,
            Failure::DisplayUnavailable => FailureCode::DisplayUnavailable,
            Failure::DrainTimeout => FailureCode::DrainTimeout,
        }),
    }
}

fn by(who: ClosedBy) -> By {
    match who {
        ClosedBy::Human => By::Human,
        ClosedBy::Operator => By::Operator,
        ClosedBy::Timeout => By::Timeout,
        ClosedBy::DeadMan => By::DeadMan,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(position: u64, phase: Option<HandoffPhase>) -> Heard {
        let report = |phase| HandoffReport {
            uid: "u".to_owned(),
            phase,
            epoch: Some(8),
            started_at: Some("2026-11-21T16:40:00.120Z".to_owned()),
            deadline: Some("2026-11-21T17:40:00.120Z".to_owned()),
            first_connected_at: None,
            connected: false,
            note: Some(String::new()),
        };
        Heard { position, handoffs: phase.map(report).into_iter().collect() }
    }

    #[test]
    fn what_was_told_and_not_answered_is_not_taken_for_absent() {
        let mut door = Door::default();
        assert_eq!(door.gate("u").word, Word::Unheard);
        assert!(door.hear(heard(1, None)));
        assert_eq!(door.gate("u").word, Word::Absent);
        door.telling("u", Moment(5));
        assert!(door.gate("u").talking);
        door.told("u", None, Moment(7));
        assert_eq!(door.gate("u").word, Word::Unsure, "it may have heard it");
        assert_eq!((door.gate("u").failures, door.gate("u").tried), (1, Some(Moment(7))));
        assert_eq!(door.gate("other").word, Word::Absent);
        door.telling("u", Moment(9));
        assert!(door.told("u", Some(heard(2, Some(HandoffPhase::Running))), Moment(9)));
        let Word::There(told) = door.gate("u").word else { panic!("it is there") };
        assert_eq!((told.phase, told.epoch, told.note), (GatePhase::Running, Some(8), None));
        let (began, until) = told.granted.unwrap();
        assert_eq!(until.since(began), 3600);
        assert_eq!(door.active().len(), 1);
    }

    #[test]
    fn what_was_said_earlier_and_arrives_later_is_no_news() {
        let mut door = Door::default();
        assert!(door.follow(Moment(1)) && !door.follow(Moment(1)));
        assert!(
            door.followed(Some(heard(5, Some(HandoffPhase::Finished(ClosedBy::Human)))), Moment(2))
        );
        assert!(!door.hear(heard(4, Some(HandoffPhase::Running))));
        let Word::There(told) = door.gate("u").word else { panic!("it is there") };
        assert_eq!(told.phase, GatePhase::Finished(By::Human));
        assert!(door.active().is_empty());
    }
}
