//! Conditions: what programs wait for (`kubectl wait --for=condition=…`).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Time;

/// One observed aspect of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect, for example Finished; one entry for each.
    #[serde(rename = "type")]
    #[schemars(length(max = 32))]
    pub type_: String,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// The metadata.generation that this was observed at; an older one is out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When status last changed.
    pub last_transition_time: Time,
    /// Why, as one CamelCase word that programs may compare.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Why, as a sentence for people.
    #[schemars(length(max = 256))]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told.
    Unknown,
}

/// The conditions of a `TestRun`.
///
/// A type of condition is a text in objects, not an enumeration: an operator must be able to read what
/// a newer one wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestRunCondition {
    /// The spec can be carried out; False says what is wrong with it.
    Accepted,
    /// The address under test answers, with the revision that was asked for.
    TargetReady,
    /// The pod exists and its containers run.
    PodReady,
    /// Chromium answers.
    BrowserReady,
    /// The agent works on the plan.
    Running,
    /// There is a verdict, whichever. True at every ending.
    Finished,
    /// The verdict is Passed.
    Succeeded,
    /// Chromium's own sandbox is on.
    Sandboxed,
    /// All artifacts are stored.
    ArtifactsUploaded,
    /// The browser can be taken over.
    HandoffAvailable,
}

impl TestRunCondition {
    /// The text in [`Condition::type_`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::TargetReady => "TargetReady",
            Self::PodReady => "PodReady",
            Self::BrowserReady => "BrowserReady",
            Self::Running => "Running",
            Self::Finished => "Finished",
            Self::Succeeded => "Succeeded",
            Self::Sandboxed => "Sandboxed",
            Self::ArtifactsUploaded => "ArtifactsUploaded",
            Self::HandoffAvailable => "HandoffAvailable",
        }
    }
}

impl fmt::Display for TestRunCondition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The conditions of a `Handoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandoffCondition {
    /// The person has the browser; False says why not.
    Granted,
    /// The agent stands still.
    AgentPaused,
    /// Somebody has opened the page.
    HumanConnected,
    /// The run's status names this handoff as evidence.
    EvidenceAppended,
    /// The agent goes on.
    AgentResumed,
    /// Something works with limits.
    Degraded,
    /// The handoff is over. True at every ending.
    Ended,
}

impl HandoffCondition {
    /// The text in [`Condition::type_`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Granted => "Granted",
            Self::AgentPaused => "AgentPaused",
            Self::HumanConnected => "HumanConnected",
            Self::EvidenceAppended => "EvidenceAppended",
            Self::AgentResumed => "AgentResumed",
            Self::Degraded => "Degraded",
            Self::Ended => "Ended",
        }
    }
}

impl fmt::Display for HandoffCondition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
