//! What is to be done about a run, as values that leave the applier nothing to choose.
//!
//! Each action says what must still be true when it is applied ([`Only`]), because the caches that a
//! decision is made from lag, each on its own. What is no longer true is not applied, and nothing
//! after it: the run is decided again once the caches have caught up.

use super::observed::{Attempt, PodUid};

/// What must be true of the cluster itself, read without a `resourceVersion`, right before an action
/// or a status write. The applier reads and compares; a difference is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Only {
    /// Nothing: a repeat does no harm and no cache can mislead.
    Always,
    /// The run's pods (listed by run uid) are those of [`super::Facts::pods`]: the same uids, each at
    /// the same `resourceVersion`.
    PodsAsSeen,
    /// The run has the `resourceVersion` that was seen, and so have its pods. With a concurrency key:
    /// no other unfinished run with that key has a pod either (list by the key's label), looked at
    /// and acted upon with no other creation for the key in between.
    RunAndPodsAsSeen,
    /// The run has the `resourceVersion` that was seen (a precondition of the delete itself).
    RunAsSeen,
    /// The `TestRun` with the pod's owner uid does not exist any more, or is being deleted.
    RunGone,
    /// The gate agrees: it was idle for so many seconds, and lets nobody in from now on. A gate that
    /// refuses says why in an [`super::Answer`], which is noted like any other; one that does not
    /// answer is a failure to reach it. Both refuse the action.
    Idle(i64),
    /// The pod's artifacts are out of danger by the pod's own live state: it is not [`Pod::live`], or
    /// it is being deleted and its grace is over.
    ///
    /// [`Pod::live`]: super::Pod::live
    PodOver,
    /// The run that is to be changed has this uid and no verdict.
    Unfinished,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Looks at the target (HEAD, else GET, under the policy of agent.md 16.1); the answer becomes
    /// [`super::Facts::target`]. A repeat is another look.
    ProbeTarget,
    /// Sets `desiredState: Cancelled` of an older run with the same key. [`Only::Unfinished`].
    CancelRun {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
    /// Makes `tr-RUN-ATTEMPT`, with finalizer and marks. The name makes a repeat harmless: if it
    /// exists under our owner uid, it was made. A refusal becomes [`super::Facts::refusal`].
    /// [`Only::RunAndPodsAsSeen`], which keeps two live pods from existing at once.
    CreatePod(Attempt),
    /// Opens the gate stream and asks for a [`super::Answer`], which becomes part of
    /// [`super::Facts::gate`]: at once, or as soon as the upload is decided but after `patience`
    /// seconds at the latest. Not waited for: it ends in another decision. A repeat asks again.
    AskGate {
        /// Whose.
        pod: PodUid,
        /// How long the gate may wait with its answer.
        patience: i64,
    },
    /// Tells the agent, through the gate, to end. The gate's answer has
    /// [`super::Answer::cancelling`]. A repeat changes nothing.
    TellCancel(PodUid),
    /// Tells the agent, through the gate, its deadline. A repeat changes nothing.
    TellDeadline {
        /// Whose.
        pod: PodUid,
        /// In seconds of the agent's own time.
        seconds: i64,
    },
    /// Has the page say that the browser ends for want of activity, and the gate remember it
    /// ([`super::Answer::told_idle`]). A repeat changes nothing.
    WarnIdle {
        /// Whose.
        pod: PodUid,
        /// Seconds until then.
        seconds: i64,
    },
    /// The same for the absolute end ([`super::Answer::told_cap`]).
    WarnCap {
        /// Whose.
        pod: PodUid,
        /// Seconds until then.
        seconds: i64,
    },
    /// Sets or removes the marks against disruption (JSON patch with a test of the uid).
    MarkPod {
        /// Whose.
        pod: PodUid,
        /// What is to be.
        marked: bool,
    },
    /// Removes the finalizer, and the marks unless they are to stay, in one JSON patch that tests the
    /// uid. [`Only::Always`] when the status says that the artifacts are settled: that never
    /// changes. Else [`Only::PodOver`].
    ReleasePod {
        /// Whose.
        pod: PodUid,
        /// A person has control.
        keep_marks: bool,
        /// What must be true.
        only: Only,
    },
    /// Ends the run's active Control handoff: Cancelled, by Operator.
    CancelHandoff(String),
    /// Deletes the pod (with its uid as the precondition) and lets it end in its own time.
    DeletePod {
        /// Whose.
        pod: PodUid,
        /// What must be true.
        only: Only,
    },
    /// Deletes the `TestRun`. [`Only::RunAsSeen`].
    DeleteRun,
    /// An Event on the run, repeats folded.
    Note(Note),
}

impl Action {
    /// What must be true right before it.
    pub fn only(&self) -> Only {
        match self {
            Self::CreatePod(_) => Only::RunAndPodsAsSeen,
            Self::DeleteRun => Only::RunAsSeen,
            Self::CancelRun { .. } => Only::Unfinished,
            Self::ReleasePod { only, .. } | Self::DeletePod { only, .. } => *only,
            Self::ProbeTarget
            | Self::AskGate { .. }
            | Self::TellCancel(_)
            | Self::TellDeadline { .. }
            | Self::WarnIdle { .. }
            | Self::WarnCap { .. }
            | Self::MarkPod { .. }
            | Self::CancelHandoff(_)
            | Self::Note(_) => Only::Always,
        }
    }

    /// For metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProbeTarget => "probe_target",
            Self::CancelRun { .. } => "cancel_run",
            Self::CreatePod(_) => "create_pod",
            Self::AskGate { .. } => "ask_gate",
            Self::TellCancel(_) => "tell_cancel",
            Self::TellDeadline { .. } => "tell_deadline",
            Self::WarnIdle { .. } => "warn_idle",
            Self::WarnCap { .. } => "warn_cap",
            Self::MarkPod { .. } => "mark_pod",
            Self::ReleasePod { .. } => "release_pod",
            Self::CancelHandoff(_) => "cancel_handoff",
            Self::DeletePod { .. } => "delete_pod",
            Self::DeleteRun => "delete_run",
            Self::Note(_) => "note",
        }
    }
}

/// An Event: a reason and a fixed sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// The spec can be carried out.
    Accepted,
    /// Another run is first.
    Queued,
    /// The pool had no browser.
    WarmMiss,
    /// Chromium answers.
    BrowserReady,
    /// The agent began.
    Started,
    /// There is a verdict.
    Finished,
    /// Everything is stored.
    Uploaded,
    /// Something could not be stored.
    UploadFailed,
    /// The browser ends soon: nobody uses it.
    IdleExpiring,
    /// The browser ends soon: its time is over.
    CapExpiring,
    /// The browser was ended: nobody used it.
    ReapedIdle,
    /// The browser was ended: its time was over.
    ReapedCap,
    /// The browser was ended: it is not kept after this verdict.
    ReapedUnkept,
    /// The browser was ended: its gate could not be reached.
    ReapedUnreachable,
    /// The pod was lost or evicted, or did not start in time.
    PodLost,
    /// The pod was let go with artifacts that were not stored.
    LetGo,
}

impl Note {
    /// The Event's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Queued => "Queued",
            Self::WarmMiss => "WarmMiss",
            Self::BrowserReady => "BrowserReady",
            Self::Started => "Started",
            Self::Finished => "Finished",
            Self::Uploaded => "Uploaded",
            Self::UploadFailed | Self::LetGo => "UploadFailed",
            Self::IdleExpiring | Self::CapExpiring => "IdleExpiring",
            Self::ReapedIdle | Self::ReapedCap | Self::ReapedUnkept | Self::ReapedUnreachable => {
                "Reaped"
            }
            Self::PodLost => "PodLost",
        }
    }

    /// The Event's message: never text from a value.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Accepted => "The run is accepted.",
            Self::Queued => "The run waits: another run with the same concurrency key is first.",
            Self::WarmMiss => "The pool had no browser ready; a new pod is made.",
            Self::BrowserReady => "The browser is ready.",
            Self::Started => "The agent began with the plan.",
            Self::Finished => "The run has its verdict; see status.verdict and status.message.",
            Self::Uploaded => "All artifacts are stored; see status.artifacts.",
            Self::UploadFailed => "Artifacts could not be stored in time; see ArtifactsUploaded.",
            Self::IdleExpiring => "Nobody uses the browser; it ends in a minute at the latest.",
            Self::CapExpiring => "keepAlive.maxSeconds is nearly over; the browser ends then.",
            Self::ReapedIdle => "The browser was ended: nobody used it for keepAlive.idleSeconds.",
            Self::ReapedCap => "The browser was ended: keepAlive.maxSeconds is over.",
            Self::ReapedUnkept => "The browser was ended: keepAlive does not keep it.",
            Self::ReapedUnreachable => "The browser was ended: its gate could not be reached.",
            Self::PodLost => "The pod was lost, evicted or not started in time.",
            Self::LetGo => "The pod was let go although its artifacts were not stored.",
        }
    }

    /// Whether its type is Warning instead of Normal.
    pub fn warns(self) -> bool {
        matches!(self, Self::UploadFailed | Self::LetGo | Self::PodLost | Self::ReapedUnreachable)
    }
}
