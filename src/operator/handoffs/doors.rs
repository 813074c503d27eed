//! What this operator heard from gates about handoffs, and what it is telling them (pure).
//!
//! In no status, like the rest of what is remembered: an operator that restarts asks again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    decide::{
        Moment,
        handoff::{Beside, By, Gate, GatePhase, Told, Word},
    },
    manifest::handoff::status::FailureCode,
    operator::outside::{At, Heard},
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
    /// It is one for acting, or may be.
    control: bool,
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
            beside: self.beside(uid),
        }
    }

    /// Whether another one than this has control there, or may.
    fn beside(&self, uid: &str) -> Beside {
        let Some(heard) = &self.heard else { return Beside::Unknown };
        let has = heard.handoffs.iter().any(|one| {
            let acts = one.control || one.epoch.is_some() || one.phase == HandoffPhase::Pending;
            one.uid != uid && acts && one.phase.is_active()
        });
        let may = |(other, talk): (&String, &Talk)| {
            other != uid && talk.control && (talk.talking || self.unsure(other, *talk))
        };
        if has || self.talks.iter().any(may) { Beside::Somebody } else { Beside::Nobody }
    }

    /// Whether what it was told and has not answered may have changed anything: what it has ended stays
    /// so, and it may have said that to somebody who listened.
    fn unsure(&self, uid: &str, talk: Talk) -> bool {
        let reports = self.heard.iter().flat_map(|heard| &heard.handoffs);
        talk.unsure && !reports.into_iter().any(|one| one.uid == uid && !one.phase.is_active())
    }

    /// The last state that was heard of.
    pub(super) fn at(&self) -> Option<At> {
        self.heard.as_ref().map(|heard| heard.at)
    }

    /// Uids of what it has and did not end, or may have.
    pub(in crate::operator) fn active(&self) -> BTreeSet<String> {
        let reports = self.heard.iter().flat_map(|heard| &heard.handoffs);
        let active = reports.filter(|one| one.phase.is_active()).map(|one| &one.uid);
        let unsure = self.talks.iter().filter(|(uid, talk)| self.unsure(uid, **talk));
        active.chain(unsure.map(|(uid, _)| uid)).cloned().collect()
    }

    /// Whether it may be told that this is to end: one thing at a time, and after a failure not before
    /// so many seconds.
    pub(super) fn may_tell(&self, uid: &str, now: Moment, retry: i64) -> bool {
        let talking = self.talks.get(uid).is_some_and(|talk| talk.talking);
        // A try of the future was made before the clock was set back.
        let tried = self.tried.filter(|tried| self.failures > 0 && *tried <= now);
        !talking && tried.is_none_or(|tried| tried.plus(retry) <= now)
    }

    /// It is being told something about this handoff; `control` if that is for acting, or may be.
    pub(super) fn telling(&mut self, uid: &str, control: bool, now: Moment) {
        self.tried = Some(now);
        self.talks.insert(uid.to_owned(), Talk { talking: true, unsure: true, control });
    }

    /// That ended; whether anything is otherwise than it was known.
    pub(super) fn told(&mut self, uid: &str, heard: Option<Heard>, now: Moment) -> bool {
        let answered = heard.is_some();
        let changed = self.answered(heard, now);
        if answered {
            self.talks.remove(uid);
        } else if let Some(talk) = self.talks.get_mut(uid) {
            talk.talking = false;
        }
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
            Some(known) if known.at >= heard.at => false,
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
        last_active: time(&report.last_active_at),
        note: report.note.clone().filter(|note| !note.is_empty()),
    }
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
            control: true,
            last_active_at: None,
            note: Some(String::new()),
        };
        let at = At { incarnation: 7, position };
        Heard { at, handoffs: phase.map(report).into_iter().collect() }
    }

    #[test]
    fn a_gate_that_began_anew_counts_anew() {
        let mut door = Door::default();
        assert!(door.hear(heard(9, Some(HandoffPhase::Running))));
        let anew = Heard { at: At { incarnation: 8, position: 0 }, handoffs: Vec::new() };
        assert!(door.hear(anew.clone()), "its count is lower, and it is news");
        assert_eq!(door.gate("u").word, Word::Absent);
        assert_eq!(door.at(), Some(anew.at));
        assert!(!door.hear(heard(10, Some(HandoffPhase::Running))), "of the life before");
        assert_eq!(door.gate("u").word, Word::Absent);
    }

    #[test]
    fn whoever_has_control_or_may_is_beside_the_others() {
        let mut door = Door::default();
        assert_eq!(door.gate("other").beside, Beside::Unknown);
        assert!(door.hear(heard(1, None)));
        assert_eq!(door.gate("other").beside, Beside::Nobody);
        // It is told of one: perhaps it grants it at this moment.
        door.telling("u", true, Moment(5));
        assert_eq!(door.gate("other").beside, Beside::Somebody);
        assert_eq!(door.gate("u").beside, Beside::Nobody);
        assert!(!door.may_tell("u", Moment(5), 5) && door.may_tell("other", Moment(5), 5));
        door.told("u", None, Moment(6));
        assert_eq!(door.gate("other").beside, Beside::Somebody);
        assert!(
            !door.may_tell("u", Moment(6).plus(4), 5) && door.may_tell("u", Moment(6).plus(5), 5)
        );
        door.telling("u", true, Moment(7));
        door.told("u", Some(heard(2, Some(HandoffPhase::Running))), Moment(7));
        assert_eq!(door.gate("other").beside, Beside::Somebody);
        assert!(door.hear(heard(3, Some(HandoffPhase::Finished(ClosedBy::Human)))));
        assert_eq!(door.gate("other").beside, Beside::Nobody);
        // Whoever only watches is in nobody's way.
        door.telling("view", false, Moment(8));
        let mut view = heard(4, Some(HandoffPhase::Running));
        view.handoffs[0].control = false;
        view.handoffs[0].epoch = None;
        assert!(door.hear(view));
        assert_eq!(door.gate("other").beside, Beside::Nobody);
    }

    #[test]
    fn what_has_ended_is_in_nobodys_way_whatever_it_was_told_and_did_not_answer() {
        let mut door = Door::default();
        assert!(door.hear(heard(1, Some(HandoffPhase::Running))));
        door.telling("u", true, Moment(5));
        door.told("u", None, Moment(6));
        assert_eq!(door.gate("other").beside, Beside::Somebody);
        // It did hear of the end, and says so to who listens.
        assert!(door.hear(heard(2, Some(HandoffPhase::Finished(ClosedBy::Operator)))));
        assert_eq!(door.gate("other").beside, Beside::Nobody);
        assert!(door.active().is_empty());
    }

    #[test]
    fn what_was_told_and_not_answered_is_not_taken_for_absent() {
        let mut door = Door::default();
        assert_eq!(door.gate("u").word, Word::Unheard);
        assert!(door.hear(heard(1, None)));
        assert_eq!(door.gate("u").word, Word::Absent);
        door.telling("u", true, Moment(5));
        assert!(door.gate("u").talking);
        door.told("u", None, Moment(7));
        assert_eq!(door.gate("u").word, Word::Unsure, "it may have heard it");
        assert_eq!((door.gate("u").failures, door.gate("u").tried), (1, Some(Moment(7))));
        assert_eq!(door.gate("other").word, Word::Absent);
        door.telling("u", true, Moment(9));
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
