//! Decisions, all of them pure: what becomes of a run and its pods, and who holds the input of its
//! browser ([`lease`]).
//!
//! # Expected flow
//! The operator observes a `TestRun` ([`Observed`]), calls [`decide`], and applies the [`Decision`]:
//! first the status, by compare-and-swap on the `resourceVersion` that was observed and with what
//! [`Write::only`] asks for; then the actions in their order, each with its [`Action::only`]. The
//! first that is refused or fails ends it, and the run is observed and decided again, as it is after
//! every change and at [`Decision::wake_at`]. A pod whose run is gone goes to [`orphan`].
//!
//! # Guarantees
//! `world.rs` searches for a violation of each in every state of a small cluster that can be reached
//! with caches of different age, crashes after any action, lost answers and clocks that jump: at
//! most one live pod a run; a pod outlives its run by no more than its grace; nothing unsaved goes
//! before its time; a verdict never changes; nobody who watches loses the browser before the absolute
//! end; a finalizer goes within its bound; and left alone, every state comes to rest.
//!
//! # Assumptions
//! One operator writes at a time; a request that was given up does not arrive later. Clocks of
//! operator, API server and kubelet differ by seconds.

pub mod handoff;
pub mod lease;

pub mod action;
mod ending;
pub mod moment;
pub mod observed;
mod orphan;
mod phase;
mod reap;
pub mod record;
mod text;
mod turn;

#[cfg(test)]
mod explore;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod quick;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod world;

use self::turn::{Decided, Turn};
pub use self::{
    action::{Action, Note, Only},
    moment::Moment,
    observed::{
        Agent, AgentEnd, Ahead, Answer, Attempt, Browser, Disruption, Facts, Gate, GateContainer,
        Line, Observed, Pod, PodUid, Probe, Problem, Refusal, Report, Run, Stored, Target, Tuning,
        Upload,
    },
    orphan::orphan,
    record::Record,
};
use crate::manifest::status::TestRunStatus;

/// What is to be done about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision does nothing until it is applied"]
pub struct Decision {
    /// The status to write, first of all.
    pub status: Option<Write>,
    /// What to do then, in this order.
    pub actions: Vec<Action>,
    /// When to decide again if nothing happens until then.
    pub wake_at: Option<Moment>,
}

/// A status to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// All of it.
    pub status: TestRunStatus,
    /// What must be true besides the observed `resourceVersion`.
    pub only: Only,
}

/// What becomes of a run now. Total, deterministic, and nothing of it is remembered: a restarted
/// operator decides the same.
pub fn decide(seen: &Observed, now: Moment) -> Decision {
    let Decided { record, actions, wake_at } = decide_record(&seen.facts, &seen.record(), now);
    let status = record
        .map(|(record, only)| Write { status: record.write(&seen.status, &seen.facts, now), only });
    Decision { status, actions, wake_at }
}

/// The same on a record, which is small enough to be searched.
fn decide_record(facts: &Facts, record: &Record, now: Moment) -> Decided {
    let mut turn = Turn::new(facts, record, now);
    if facts.run.deleting {
        for pod in &facts.pods {
            let (actions, wake_at) = orphan(pod, now);
            for action in actions {
                turn.act(action);
            }
            if let Some(at) = wake_at {
                turn.wake(at);
            }
        }
    } else if record.ending.is_some() {
        turn.finished();
    } else {
        turn.unfinished();
    }
    turn.decided()
}
