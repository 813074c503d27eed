//! What the operator reaches besides the API server: gates of run pods, and targets.
//!
//! Both are behind traits, so that a test can script what a gate answers under a paused clock.

use std::{fmt::Debug, future::Future, pin::Pin};

use crate::{
    decide::{Answer, PodUid, Target},
    manifest::check::ValidRun,
    pod::contract::{
        run::RunPolicy,
        stream::{HandoffReport, Outcome, Prepare},
    },
};

/// What somebody will answer.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A gate to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateAt {
    /// The pod's namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its uid, which the gate knows: a name may be used again.
    pub uid: PodUid,
}

/// What a gate is told or asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// How are things?
    Ask {
        /// Answer at once, or as soon as the upload is decided but after so many seconds at the
        /// latest.
        patience: i64,
        /// The agent's container has ended.
        ended: bool,
    },
    /// Have the agent end.
    Cancel,
    /// Hold the agent to so many seconds.
    Deadline(i64),
    /// Say that the browser ends in so many seconds for want of activity.
    WarnIdle(i64),
    /// Say that it ends in so many seconds whoever uses it.
    WarnCap(i64),
    /// Let nobody in from now on, if it was idle for so many seconds.
    Retire(i64),
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How things are after that; its time is filled in by whoever asked.
    pub answer: Answer,
    /// To [`Word::Retire`]: it agrees.
    pub agreed: bool,
    /// What it has of handoffs.
    pub heard: Heard,
}

/// What a gate is told of handoffs, or asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandoffWord {
    /// It may begin. Answered once it is granted or refused, or after so many seconds.
    Prepare {
        /// As the gate must know it.
        prepare: Prepare,
        /// The agent's container has ended, which the gate is told first: it may never have come.
        ended: bool,
        /// Seconds.
        patience: i64,
    },
    /// It is to end. Answered once it has, or after so many seconds.
    Close {
        /// The Handoff's uid.
        uid: String,
        /// How.
        outcome: Outcome,
        /// Seconds.
        patience: i64,
    },
    /// Answered as soon as something is otherwise than at this position, or after so many seconds.
    Changes {
        /// [`Heard::at`].
        since: Option<At>,
        /// Seconds.
        patience: i64,
    },
}

/// Which state of which life of a gate: a later one is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// See [`crate::pod::contract::stream::Report::incarnation`]. It stands first: what a gate counted
    /// before it began anew says nothing about what it counts now.
    pub incarnation: u64,
    /// See [`crate::pod::contract::stream::Report::position`].
    pub position: u64,
}

/// What a gate has of handoffs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// When it was so.
    pub at: At,
    /// Every handoff that it was told of.
    pub handoffs: Vec<HandoffReport>,
}

/// A gate could not be reached, or did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gate could not be reached: {0}")]
pub struct Unreachable(pub String);

/// The gates of all run pods.
pub trait Gates: Debug + Send + Sync {
    /// Opens the gate stream, says the word, and waits for what comes of it.
    fn say<'a>(&'a self, gate: &'a GateAt, word: Word) -> Later<'a, Result<Said, Unreachable>>;

    /// The same about handoffs.
    fn hand<'a>(
        &'a self,
        gate: &'a GateAt,
        word: HandoffWord,
    ) -> Later<'a, Result<Heard, Unreachable>>;
}

/// The addresses under test.
pub trait Targets: Debug + Send + Sync {
    /// Looks once, within seconds, and under the policy (agent.md 16.1). A name of a single label is a
    /// Service of the run's namespace, as it will be for the browser.
    fn look<'a>(
        &'a self,
        run: &'a ValidRun,
        namespace: &'a str,
        policy: &'a RunPolicy,
    ) -> Later<'a, Target>;
}
