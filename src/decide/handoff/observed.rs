//! Everything a decision about a Handoff may depend on, as plain data.
//!
//! Whoever observes fills it from sources of different age: the cache of Handoffs, the cache of
//! `TestRun`s, the cache of Pods, what the gate last said, and, while the handoff has not begun, the
//! admission policy. Only the gate's word is in no object; an operator that restarts asks again.

use super::record::Record;
use crate::{
    decide::{Moment, PodUid},
    manifest::handoff::{HandoffState, Mode, status::FailureCode},
};

/// One Handoff as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Metadata and spec of the cached Handoff.
    pub handoff: Object,
    /// Its status.
    pub record: Record,
    /// The cached `TestRun` that it names; not one of the same name that its owner reference excludes.
    pub run: Option<Run>,
    /// Where that run's browser is.
    pub place: Place,
    /// The admission policy is in force, as it was shipped. Looked at only while the handoff has not
    /// begun; true otherwise.
    pub policy: bool,
    /// What its gate said.
    pub gate: Gate,
    /// It was said already that its time is nearly over.
    pub warned: bool,
    /// How long the operator's own waits are.
    pub tuning: Tuning,
}

/// What a Handoff asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Moment,
    /// When its holder asked for it: at its creation, or when it was claimed.
    pub asked: Moment,
    /// It has a deletion timestamp (deleted in the foreground).
    pub deleting: bool,
    /// Its owner is the `TestRun` that was seen.
    pub owned: bool,
    /// `runRef.name`.
    pub run: String,
    /// `mode`.
    pub mode: Mode,
    /// `holder`; empty while nobody has claimed it.
    pub holder: String,
    /// `holderKey` is a key, or empty like the holder.
    pub keyed: bool,
    /// `desiredState`.
    pub desired: HandoffState,
    /// Who set it last.
    pub closer: Closer,
    /// `timeoutSeconds`.
    pub lasts: i64,
    /// `ttlSecondsAfterFinished`.
    pub ttl: i64,
}

/// Who changed `desiredState`, by its field manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Closer {
    /// A person's client.
    #[default]
    Human,
    /// The program that asked for the handoff (`handback-mcp`).
    Host,
    /// This operator, because the browser ends.
    Operator,
}

/// What is needed of a `TestRun`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub struct Run {
    /// It has a verdict.
    pub finished: bool,
    /// Its browser is gone, for good.
    pub gone: bool,
    /// Who has its slot, `status.control`.
    pub slot: Slot,
    /// `status.handoffs` has an entry of this Handoff's name.
    pub listed: bool,
    /// `status.handoffs` has no room for another entry.
    pub full: bool,
    /// `spec.handoffPolicy` is Auto: its agent waits for whom it asked.
    pub auto: bool,
}

/// The one slot of a run for a handoff with control.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Nobody's, or a Handoff's that is over or does not exist, as the API server itself says.
    Free,
    /// This Handoff's.
    Own,
    /// Another one's that is not over; its holder.
    Other(String),
}

/// Where the run's newest pod stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// There is no pod.
    Nowhere,
    /// Its browser or its gate does not run yet.
    Coming,
    /// Browser and gate run.
    Here {
        /// Whose gate it is.
        pod: PodUid,
        /// The pod is being deleted: who is there may be followed, nobody else gets in.
        leaving: bool,
    },
    /// Its gate has ended, its browser has not.
    GateLost,
    /// All of it has ended.
    Over,
}

/// What is known from the gate of the run's newest pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gate {
    /// It is being told something about this Handoff; the end of that brings another decision.
    pub talking: bool,
    /// Whatever changes at it is heard.
    pub following: bool,
    /// When it was last tried to reach it, with or without success.
    pub tried: Option<Moment>,
    /// How often in a row it could not be reached.
    pub failures: u32,
    /// What it says about this Handoff.
    pub word: Word,
    /// Whether it may have given control to another one.
    pub beside: Beside,
}

/// Whether a gate may have given control to another Handoff than the one that is decided about. The
/// slot does not tell: whoever had it may have been deleted, or given up while the gate was silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Beside {
    /// Nothing was heard from it.
    #[default]
    Unknown,
    /// It has none, and is told of none.
    Nobody,
    /// It has one that it did not end, or was told of one and has not answered.
    Somebody,
}

/// What a gate says about a Handoff.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Word {
    /// Nothing was heard from it.
    #[default]
    Unheard,
    /// It did not have it, but was told something about it since then, and has not answered.
    Unsure,
    /// It was never told of it.
    Absent,
    /// It knows it.
    There(Told),
}

/// A Handoff as the gate has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    /// How far it is.
    pub phase: GatePhase,
    /// The epoch under which input is admitted.
    pub epoch: Option<i64>,
    /// When it was granted, and when that ends.
    pub granted: Option<(Moment, Moment)>,
    /// When its holder first connected.
    pub first_connected: Option<Moment>,
    /// Its holder is connected now.
    pub connected: bool,
    /// When its holder last did something, to the minute.
    pub last_active: Option<Moment>,
    /// What the holder said on leaving, redacted.
    pub note: Option<String>,
}

/// See [`Told`]. The last four never change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GatePhase {
    /// Not granted yet.
    Pending,
    /// Granted.
    Running,
    /// Done.
    Finished(By),
    /// Not done, on purpose.
    Cancelled(By),
    /// Not done in time.
    TimedOut(By),
    /// It could not be, or the browser was lost.
    Failed(FailureCode),
}

impl GatePhase {
    /// Whether it may still be used.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// Who ended it, as the gate can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// Somebody at the page.
    Human,
    /// This operator: it asked for it, or ended the browser.
    Operator,
    /// Nobody: its time was over.
    Timeout,
    /// Nobody: the holder's page was gone.
    DeadMan,
}

/// How long the operator itself waits, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuning {
    /// From the holder's asking to the grant ([P0] to [P6]).
    pub grant: i64,
    /// From the Handoff's creation until somebody has claimed it, unless its agent waits.
    pub claim: i64,
    /// Between two tries to reach a gate.
    pub retry: i64,
    /// Failures in a row after which a gate counts as unreachable.
    pub tries: u32,
    /// Between two writes that tell nothing but that the holder came or went, or did something.
    pub presence: i64,
    /// How long before the end of its time that is said.
    pub expiring: i64,
}

impl Default for Tuning {
    fn default() -> Self {
        // Somebody waits for each of these: retries are quicker here than where only files wait.
        Self { grant: 60, claim: 120, retry: 5, tries: 3, presence: 60, expiring: 60 }
    }
}
