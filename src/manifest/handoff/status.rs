//! What the operator writes about a `Handoff`, mirrored from the gate's journal.
#![expect(unreachable_pub, reason = "kube's schema derive writes public items")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::snapshot::{Delta, Screenshots, Snapshot};
use crate::manifest::{condition::Condition, rule::written_once, time::Time};

/// What the operator saw of the handoff. Conditions are authoritative; phase sums them up for people.
/// Written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(oldSelf.phase) || !(oldSelf.phase in ['Finished','Cancelled','TimedOut','Failed']) || (has(self.phase) && self.phase == oldSelf.phase)").message("a terminal phase never changes"),
    validation = written_once("startedAt"),
    validation = written_once("deadline"),
    validation = written_once("before"),
)]
pub struct HandoffStatus {
    /// Where the handoff stands: Pending, Running (also while it is being closed), Finished,
    /// Cancelled, TimedOut, Failed. The last four are final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<HandoffPhase>,
    /// The metadata.generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When the person got the browser. Written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the person's time is over: startedAt and spec.timeoutSeconds. Written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// When the handoff was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When the holder first opened the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_connected_at: Option<Time>,
    /// When the holder last did something, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<Time>,
    /// Who holds the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub holder: Option<String>,
    /// Number of the present hold; it grows with every change of hands, and input of an earlier one is
    /// dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub input_epoch: Option<i64>,
    /// The command that opens the browser. It holds no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub access: Option<String>,
    /// Who ended it: Human, Host (the program that asked for it), Condition (spec.resumeWhen),
    /// Timeout, DeadMan (the holder's page was gone), Unclaimed (nobody came), Operator. Absent when
    /// it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<ClosedBy>,
    /// The page before the person had it. Written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Snapshot>,
    /// The page afterwards, when it was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Snapshot>,
    /// What differs between before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Delta>,
    /// What differs, in one line of fixed words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub delta_summary: Option<String>,
    /// What the agent is told to do next, one of a few fixed sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub resume_hint: Option<String>,
    /// Whether the run's status names this handoff as evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceStatus>,
    /// The pictures before and after, if spec.captureScreenshot asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshots: Option<Screenshots>,
    /// The note that the agent got, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub note: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What can be waited for: Granted, AgentPaused, HumanConnected, EvidenceAppended, AgentResumed,
    /// Degraded, Ended (True at every ending).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Where a handoff stands. The last four are final.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum HandoffPhase {
    /// The agent is being stopped, or nothing has happened yet.
    #[default]
    Pending,
    /// The person has the browser, or it is being taken back.
    Running,
    /// Done.
    Finished,
    /// Not done, on purpose.
    Cancelled,
    /// Not done in time.
    TimedOut,
    /// It could not be carried out.
    Failed,
}

impl HandoffPhase {
    /// Whether it never changes again.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Finished | Self::Cancelled | Self::TimedOut | Self::Failed => true,
        }
    }
}

/// Who ended a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ClosedBy {
    /// The holder, or somebody with the right to.
    Human,
    /// The program that asked for it.
    Host,
    /// `spec.resumeWhen` held.
    Condition,
    /// Its time was over.
    Timeout,
    /// The holder's page was gone for too long.
    DeadMan,
    /// Nobody came.
    Unclaimed,
    /// The run's end, or its deletion.
    Operator,
}

/// Whether a run names a handoff as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceStatus {
    /// Whether it does.
    pub appended: bool,
    /// The entry in the run's status.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub ref_: Option<String>,
    /// Why it does not: RunNotFound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NoEvidence>,
}

/// Why a run does not name a handoff as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NoEvidence {
    /// The run was deleted meanwhile.
    RunNotFound,
}

/// Why a handoff failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// AgentBusy, AlreadyHeld, BrowserGone, BrowserLost, BudgetExceeded, DisplayUnavailable,
    /// DrainTimeout, GateLost, Internal, NameReused, PolicyMissing, RunNotFound or SnapshotFailed.
    #[schemars(length(max = 32), with = "String")]
    pub code: FailureCode,
    /// The same as a sentence.
    #[schemars(length(max = 256))]
    pub message: String,
}

/// See [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureCode {
    /// The agent did not reach a point to stop at in time.
    AgentBusy,
    /// Somebody else has the browser.
    AlreadyHeld,
    /// The browser had ended already.
    BrowserGone,
    /// The browser ended meanwhile.
    BrowserLost,
    /// The run has used up its handoffs or its time for them.
    BudgetExceeded,
    /// There is no display to hand over.
    DisplayUnavailable,
    /// What the agent had sent last was not answered.
    DrainTimeout,
    /// The gate was lost.
    GateLost,
    /// A mistake of ours.
    Internal,
    /// A handoff of that name is listed as evidence already.
    NameReused,
    /// The admission policy is not as it was shipped.
    PolicyMissing,
    /// There is no such run.
    RunNotFound,
    /// The page could not be read beforehand.
    SnapshotFailed,
}
