//! What becomes of a Handoff after the run: admitted, granted, mirrored, finished (handoff.md 2.2, 4).
//!
//! # Expected flow
//! A Handoff is created. Whoever may have it takes the run's slot (Control only) and the gate is told of
//! it ([P0]); the gate grants it by itself, and what it says is mirrored into the status. Once the gate
//! says how it ended, the slot is freed, *then* the terminal status is written ([P13]): who waits for
//! the end may ask again at once. What cannot be had is refused; who loses the slot is never parked.
//! A Handoff that was deleted is no object any more: [`sweep`] ends what the gate still has of it. Until
//! that is done nobody else is given control, whatever the slot says: the gate would refuse him.
//!
//! # Guarantees
//! `world.rs` searches for a violation of each in every state of a small cluster that can be reached
//! with caches of different age, crashes after any action, lost answers, a gate that forgets and two
//! people: whatever is granted has the run's slot; a terminal phase never changes, and is the gate's own
//! if the gate has one; no slot names a Handoff that is over; nobody is refused for somebody who does
//! not have it, neither by us nor by the gate; nothing is granted for long that nobody asks for any
//! more; left alone, every state comes to rest.
//!
//! # Assumptions
//! One operator writes at a time; a message that was given up does not arrive later. The gate has one
//! lease, and a Handoff that it has ended never changes there.
//!
//! The pause in the middle of a run is not here: until it is, the gate refuses Control with `AgentBusy`
//! while an agent lives. Nothing else in these types changes for it.

pub mod action;
pub mod observed;
pub mod record;
mod sweep;
mod turn;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use self::turn::Turn;
pub use self::{
    action::{Action, Note, Only},
    observed::{
        Beside, By, Closer, Gate, GatePhase, Object, Place, Run, Seen, Slot, Told, Tuning, Word,
    },
    record::{Ending, Record, Waiting},
    sweep::{Stray, sweep},
};
use super::Moment;

/// What is to be done about a Handoff.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision does nothing until it is applied"]
pub struct Decision {
    /// In this order; the first that is refused or fails ends it.
    pub actions: Vec<Action>,
    /// When to decide again if nothing happens until then.
    pub wake_at: Option<Moment>,
}

/// What becomes of a Handoff now. Total, deterministic, and nothing of it is remembered.
pub fn decide(seen: &Seen, now: Moment) -> Decision {
    let mut turn = Turn::new(seen, now);
    let here = matches!(seen.place, Place::Here { .. });
    match &seen.gate.word {
        _ if seen.record.ending.is_some() => turn.over(),
        // Of a gate that is gone, only what was final is of use.
        Word::There(told) if here || !told.phase.is_active() => turn.known(told),
        _ if seen.record.granted.is_some() => turn.out_of_sight(),
        Word::Unheard | Word::Unsure | Word::Absent | Word::There(_) => turn.wanted(),
    }
    turn.decided()
}
