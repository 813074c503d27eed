//! What a Handoff's status means to a decision, and how it is written for everybody else.
//!
//! A [`Record`] holds each fact once; phase, conditions and times are written from it. It is read back
//! from nothing but the status. What the next issues add (before, after, delta, evidence) is left as
//! it stands.

use super::observed::Object;
use crate::{
    decide::{
        moment::Moment,
        text::{bounded, short},
    },
    manifest::{
        condition::{Condition, ConditionStatus, HandoffCondition},
        handoff::{
            Mode,
            status::{ClosedBy, Failure, FailureCode, HandoffPhase, HandoffStatus},
        },
    },
};

/// What the holder's name takes in a status at most, as JSON: enough for the 512 characters that it may have
/// in any language, but for what nobody is called.
const MOST_HOLDER: usize = 2048;

/// A Handoff's status, each fact once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The generation that it is about; 0 if nothing was written yet.
    pub generation: i64,
    /// Why it is not granted yet, if that takes longer than a moment.
    pub waiting: Option<Waiting>,
    /// Since when, and until when.
    pub granted: Option<(Moment, Moment)>,
    /// The epoch of the present hold.
    pub epoch: Option<i64>,
    /// When the holder first came.
    pub first_connected: Option<Moment>,
    /// Whether the holder is there, and since when that is so. Of Control only, once granted.
    pub presence: Option<(bool, Moment)>,
    /// When the holder last did something, to the minute.
    pub active: Option<Moment>,
    /// What the holder said on leaving.
    pub note: Option<String>,
    /// How it ended, and when.
    pub ending: Option<(Ending, Moment)>,
}

/// What keeps a Handoff from being granted for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// The run's browser does not run yet.
    Browser,
    /// Nobody has claimed it.
    Claim,
    /// The gate does not answer.
    Gate,
}

/// How a Handoff ended. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Done.
    Finished(ClosedBy),
    /// Not done, on purpose.
    Cancelled(ClosedBy),
    /// Not done in time.
    TimedOut(ClosedBy),
    /// It could not be carried out: why, and as a sentence.
    Failed(FailureCode, String),
}

impl Ending {
    /// A failure with its own sentence.
    pub fn failed(code: FailureCode) -> Self {
        Self::Failed(code, sentence(code).to_owned())
    }

    /// Somebody else has the browser.
    pub fn held_by(holder: &str) -> Self {
        let holder = short(holder, 200);
        let who = if holder.is_empty() { "Somebody else" } else { &holder };
        Self::Failed(FailureCode::AlreadyHeld, format!("{who} has the browser."))
    }

    /// Nobody could show that he is the holder.
    pub fn without_key() -> Self {
        let why = "spec.holderKey is no Ed25519 public key in base64url; create another handoff.";
        Self::Failed(FailureCode::Internal, why.to_owned())
    }

    /// The phase of that name.
    pub fn phase(&self) -> HandoffPhase {
        match self {
            Self::Finished(_) => HandoffPhase::Finished,
            Self::Cancelled(_) => HandoffPhase::Cancelled,
            Self::TimedOut(_) => HandoffPhase::TimedOut,
            Self::Failed(..) => HandoffPhase::Failed,
        }
    }

    fn closed_by(&self) -> Option<ClosedBy> {
        match self {
            Self::Finished(by) | Self::Cancelled(by) | Self::TimedOut(by) => Some(*by),
            Self::Failed(..) => None,
        }
    }

    /// The phase, or the failure's code, as a condition's reason.
    fn word(&self) -> &'static str {
        match self {
            Self::Finished(_) => "Finished",
            Self::Cancelled(_) => "Cancelled",
            Self::TimedOut(_) => "TimedOut",
            Self::Failed(code, _) => word(*code),
        }
    }
}

impl Waiting {
    const ALL: [Self; 3] = [Self::Browser, Self::Claim, Self::Gate];

    fn word(self) -> &'static str {
        match self {
            Self::Browser => "WaitingForBrowser",
            Self::Claim => "WaitingForClaim",
            Self::Gate => "WaitingForGate",
        }
    }
}

impl Record {
    /// Where the Handoff stands, for people.
    pub fn phase(&self) -> HandoffPhase {
        match (&self.ending, self.granted) {
            (Some((ending, _)), _) => ending.phase(),
            (None, Some(_)) => HandoffPhase::Running,
            (None, None) => HandoffPhase::Pending,
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(status: &HandoffStatus) -> Self {
        let condition = |which: HandoffCondition| {
            status.conditions.iter().find(|condition| condition.type_ == which.name())
        };
        let ended: Moment = status.finished_at.map(Into::into).unwrap_or_default();
        let by = status.closed_by.unwrap_or(ClosedBy::Operator);
        let ending = match status.phase.unwrap_or_default() {
            HandoffPhase::Pending | HandoffPhase::Running => None,
            HandoffPhase::Finished => Some(Ending::Finished(by)),
            HandoffPhase::Cancelled => Some(Ending::Cancelled(by)),
            HandoffPhase::TimedOut => Some(Ending::TimedOut(by)),
            HandoffPhase::Failed => Some(match &status.failure {
                Some(failure) => Ending::Failed(failure.code, failure.message.clone()),
                None => Ending::failed(FailureCode::Internal),
            }),
        };
        let granted = status.started_at.zip(status.deadline);
        let waits = condition(HandoffCondition::Granted)
            .filter(|_| status.phase == Some(HandoffPhase::Pending))
            .and_then(|found| Waiting::ALL.into_iter().find(|one| one.word() == found.reason));
        let presence = condition(HandoffCondition::HumanConnected).map(|found| {
            (found.status == ConditionStatus::True, found.last_transition_time.into())
        });
        Self {
            generation: status.observed_generation.unwrap_or_default(),
            waiting: waits,
            granted: granted.map(|(since, until)| (since.into(), until.into())),
            epoch: status.input_epoch,
            first_connected: status.first_connected_at.map(Into::into),
            presence,
            active: status.last_activity_at.map(Into::into),
            note: status.note.clone(),
            ending: ending.map(|ending| (ending, ended)),
        }
    }

    /// The status to write in place of `old`: this record, and of the old one what others own.
    pub fn write(&self, old: &HandoffStatus, handoff: &Object, now: Moment) -> HandoffStatus {
        let ending = self.ending.as_ref().map(|(ending, _)| ending);
        let view = if handoff.mode == Mode::View { " --view" } else { "" };
        let (run, namespace) = (&handoff.run, &handoff.namespace);
        HandoffStatus {
            phase: Some(self.phase()),
            observed_generation: Some(self.generation),
            started_at: self.granted.map(|(since, _)| since.into()),
            deadline: self.granted.map(|(_, until)| until.into()),
            finished_at: self.ending.as_ref().map(|(_, at)| (*at).into()),
            first_connected_at: self.first_connected.map(Into::into),
            last_activity_at: self.active.map(Into::into),
            holder: self.granted.map(|_| bounded(&handoff.holder, MOST_HOLDER)),
            input_epoch: self.epoch,
            access: ending
                .is_none()
                .then(|| format!("kubectl handback take {run}{view} -n {namespace}")),
            closed_by: ending.and_then(Ending::closed_by),
            note: self.note.clone(),
            failure: ending.and_then(|ending| match ending {
                Ending::Failed(code, message) => {
                    Some(Failure { code: *code, message: message.clone() })
                }
                Ending::Finished(_) | Ending::Cancelled(_) | Ending::TimedOut(_) => None,
            }),
            conditions: self.conditions(handoff, &old.conditions, now),
            ..old.clone()
        }
    }

    fn conditions(&self, handoff: &Object, old: &[Condition], now: Moment) -> Vec<Condition> {
        use ConditionStatus::{False, True};
        use HandoffCondition as Is;
        let since = self.granted.map(|(since, _)| since);
        let ended = self.ending.as_ref();
        let over = ended.map(|(_, at)| *at);
        let granted = match (ended, since, self.waiting) {
            (Some((Ending::Failed(code, why), at)), _, _) => {
                (Is::Granted, False, word(*code), short(why, 128), Some(*at))
            }
            (Some((ending, at)), _, _) => {
                (Is::Granted, False, ending.word(), String::new(), Some(*at))
            }
            (None, Some(since), _) => (Is::Granted, True, "Granted", String::new(), Some(since)),
            (None, None, Some(waiting)) => {
                (Is::Granted, False, waiting.word(), String::new(), None)
            }
            (None, None, None) => (Is::Granted, False, "Waiting", String::new(), None),
        };
        let mut said = vec![granted];
        if handoff.mode == Mode::Control && since.is_some() {
            // Until the middle of a run can be handed over, there is no agent that could be paused.
            said.push((Is::AgentPaused, True, "NoAgent", String::new(), since));
            if over.is_some() {
                said.push((Is::AgentResumed, False, "NoAgent", String::new(), over));
            }
        }
        if let Some((there, since)) = self.presence {
            let (status, reason) =
                if there { (True, "Connected") } else { (False, "NotConnected") };
            said.push((Is::HumanConnected, status, reason, String::new(), Some(since)));
        }
        said.push(match ended {
            Some((ending, at)) => (Is::Ended, True, ending.word(), String::new(), Some(*at)),
            None => (Is::Ended, False, "Active", String::new(), None),
        });
        said.into_iter()
            .map(|(which, status, reason, message, since)| Condition {
                type_: which.name().to_owned(),
                status,
                observed_generation: Some(self.generation),
                last_transition_time: since.map_or_else(
                    || {
                        old.iter()
                            .find(|one| one.type_ == which.name() && one.status == status)
                            .map_or_else(|| now.into(), |one| one.last_transition_time)
                    },
                    Into::into,
                ),
                reason: reason.to_owned(),
                message,
            })
            .collect()
    }
}

/// A failure as a condition's reason.
pub fn word(code: FailureCode) -> &'static str {
    match code {
        FailureCode::AgentBusy => "AgentBusy",
        FailureCode::AlreadyHeld => "AlreadyHeld",
        FailureCode::BrowserGone => "BrowserGone",
        FailureCode::BrowserLost => "BrowserLost",
        FailureCode::BudgetExceeded => "BudgetExceeded",
        FailureCode::DisplayUnavailable => "DisplayUnavailable",
        FailureCode::DrainTimeout => "DrainTimeout",
        FailureCode::GateLost => "GateLost",
        FailureCode::Internal => "Internal",
        FailureCode::NameReused => "NameReused",
        FailureCode::PolicyMissing => "PolicyMissing",
        FailureCode::RunNotFound => "RunNotFound",
        FailureCode::SnapshotFailed => "SnapshotFailed",
    }
}

/// A failure for people: what is wrong, and what to do.
fn sentence(code: FailureCode) -> &'static str {
    match code {
        FailureCode::AgentBusy => {
            "The browser was not to be had within a minute, most often since the agent has it: take it over once the run has ended, or watch (mode: View)."
        }
        FailureCode::AlreadyHeld => "Somebody else has the browser.",
        FailureCode::BrowserGone => "The run's browser has ended; run the test again.",
        FailureCode::BrowserLost => "The browser was lost; run the test again.",
        FailureCode::BudgetExceeded => "The run's list of handoffs is full; run the test again.",
        FailureCode::DisplayUnavailable => "There is no display to hand over.",
        FailureCode::DrainTimeout => "What the agent had sent last was not answered; try again.",
        FailureCode::GateLost => "The pod's gate was lost, and with it the way to the browser.",
        FailureCode::Internal => "A mistake of ours; the operator's log has more.",
        FailureCode::NameReused => {
            "The run lists a handoff of this name already; create one with another name."
        }
        FailureCode::PolicyMissing => {
            "The ValidatingAdmissionPolicy for Handoffs is missing or was changed; an administrator \
             has to install the chart's again."
        }
        FailureCode::RunNotFound => "There is no TestRun of that name in this namespace.",
        FailureCode::SnapshotFailed => "The page could not be read beforehand; try again.",
    }
}
