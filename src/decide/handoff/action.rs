//! What is to be done about a Handoff, as values that leave the applier nothing to choose.

use super::record::Record;
use crate::{decide::PodUid, manifest::handoff::HandoffState};

/// What must be true of the cluster itself, read without a `resourceVersion`, right before an action.
/// A difference is no error: nothing after it is done, and the Handoff is decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Only {
    /// Nothing besides what the request itself compares.
    Always,
    /// The run has the `resourceVersion` that was seen; if none was seen, there is none of that name
    /// (none that could own the Handoff).
    RunAsSeen,
    /// The run's pods are those that were seen, each at its version.
    PodsAsSeen,
    /// Both.
    RunAndPodsAsSeen,
}

impl Only {
    /// What is left of it once the run's version was compared.
    pub(super) fn with_run_seen(self) -> Self {
        match self {
            Self::Always | Self::RunAsSeen => Self::Always,
            Self::PodsAsSeen | Self::RunAndPodsAsSeen => Self::PodsAsSeen,
        }
    }

    /// It, and the run's version as well.
    pub(super) fn and_run(self) -> Self {
        match self {
            Self::Always | Self::RunAsSeen => Self::RunAsSeen,
            Self::PodsAsSeen | Self::RunAndPodsAsSeen => Self::RunAndPodsAsSeen,
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Takes the run's slot for this Handoff: compare-and-swap on the version of the run that was seen,
    /// if the Handoff itself is as it was seen.
    TakeSlot,
    /// Frees the slot, the same way. Before the terminal status: whoever waits for that may ask again
    /// at once.
    FreeSlot,
    /// Writes the status: compare-and-swap on the version of the Handoff that was seen.
    Write {
        /// All of it.
        record: Record,
        /// What must be true besides.
        only: Only,
    },
    /// Tells the gate of the Handoff ([P0]), if that is as it was seen, its run exists, and (Control)
    /// the run's slot names it, whatever the caches say; repeating it changes nothing. Not waited for: what comes of it brings another decision, as with the next two.
    Prepare(PodUid),
    /// Has the gate end it.
    Close {
        /// Whose gate.
        pod: PodUid,
        /// Finished or Cancelled.
        outcome: HandoffState,
    },
    /// Hears of all that changes at the gate.
    Follow(PodUid),
    /// Makes the run the owner, so that the Handoff goes with it.
    Own,
    /// Deletes the Handoff, at the version that was seen.
    Delete,
    /// An Event on the Handoff or the run.
    Note(Note),
}

impl Action {
    /// For logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TakeSlot => "take_slot",
            Self::FreeSlot => "free_slot",
            Self::Write { .. } => "write",
            Self::Prepare(_) => "prepare",
            Self::Close { .. } => "close",
            Self::Follow(_) => "follow",
            Self::Own => "own",
            Self::Delete => "delete",
            Self::Note(_) => "note",
        }
    }
}

/// An Event: a reason and a fixed sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// Somebody asks for the browser, and has to wait for it.
    Requested,
    /// Somebody took on what nobody had.
    Claimed,
    /// The person has the browser, or watches.
    Granted,
    /// The person's time is nearly over.
    Expiring,
    /// It cannot be had.
    Refused,
    /// Done.
    Finished,
    /// Not done, on purpose.
    Cancelled,
    /// Not done in time.
    TimedOut,
    /// Lost after it was granted.
    Failed,
    /// On the run: a person has the browser.
    HandedOff,
}

impl Note {
    /// The Event's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Requested => "Requested",
            Self::Claimed => "Claimed",
            Self::Granted => "Granted",
            Self::Expiring => "Expiring",
            Self::Refused => "Refused",
            Self::Finished => "Finished",
            Self::Cancelled => "Cancelled",
            Self::TimedOut => "TimedOut",
            Self::Failed => "Failed",
            Self::HandedOff => "HandedOff",
        }
    }

    /// The Event's message: never text from a value.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Requested => "The browser is asked for; see the condition Granted.",
            Self::Claimed => "Somebody has taken it on; see spec.holder.",
            Self::Expiring => "The time is over in a minute at most; see status.deadline.",
            Self::Granted => "The browser may be used; see status.access and status.deadline.",
            Self::Refused => "The browser cannot be had; see status.failure.",
            Self::Finished => "The person has finished.",
            Self::Cancelled => "The handoff was cancelled; see status.closedBy.",
            Self::TimedOut => "The handoff's time was over; see status.closedBy.",
            Self::Failed => "The browser was lost; see status.failure.",
            Self::HandedOff => "A person has the browser; see status.control.",
        }
    }

    /// Whether its type is Warning instead of Normal.
    pub fn warns(self) -> bool {
        matches!(self, Self::Refused | Self::Failed)
    }

    /// Whether it is about the run instead of the Handoff.
    pub fn on_run(self) -> bool {
        self == Self::HandedOff
    }
}
