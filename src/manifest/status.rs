//! What the operator writes about a `TestRun`.
#![expect(unreachable_pub, reason = "kube's schema derive writes public items")]

use kube::{KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{condition::Condition, handoff::Mode, rule::written_once, time::Time};

/// What the operator saw and decided. Conditions are authoritative; phase sums them up for people.
/// Written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = written_once_verdict())]
pub struct TestRunStatus {
    /// The metadata.generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Where the run stands: Pending, Queued (another run with the same key is first), Starting,
    /// Running, HandedOff (a person has the browser in the middle of the run), Finished (there is a
    /// verdict; the browser may still live), Expired (the browser is gone).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// How it ended: Passed, Failed (a check did not hold), Errored (the run could not be carried
    /// out), Cancelled, TimedOut. Written once, never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, as one CamelCase word that programs may compare, for example AssertionFailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// One sentence for people. While the run waits, it says what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// How many scenarios the plan has and how they ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<Scenarios>,
    /// The pod of the present attempt, with the browser in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodStatus>,
    /// Which try this is, from 1. Only infrastructure failures are tried again (spec.backoffLimit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 11))]
    pub attempt: Option<i32>,
    /// When each stage was reached, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// What the run has used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Where the recorded run is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<ArtifactsStatus>,
    /// Evidence of every handoff in which a person finished what was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["ref".into()]))]
    pub handoffs: Vec<Evidence>,
    /// Who has the browser, or is about to. Absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// The command that opens the browser, for example "kubectl handback take checkout-pr-42 -n shop".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub access: Option<String>,
    /// What can be waited for: Accepted, TargetReady, PodReady, BrowserReady, Running, Finished (True
    /// at every ending), Succeeded (the verdict), Sandboxed, ArtifactsUploaded, HandoffAvailable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

fn written_once_verdict() -> Rule {
    written_once("verdict")
}

/// Where a run stands, for people; conditions are authoritative.
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
pub enum Phase {
    /// Not looked at, refused, or waiting for the address under test.
    #[default]
    Pending,
    /// Another run with the same concurrency key is first.
    Queued,
    /// The pod is being made.
    Starting,
    /// The agent works on the plan.
    Running,
    /// A person has the browser in the middle of the run.
    HandedOff,
    /// There is a verdict; the browser may still live.
    Finished,
    /// The browser is gone.
    Expired,
}

/// How a run ended. Written once.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Verdict {
    /// Every scenario passed.
    Passed,
    /// A check did not hold.
    Failed,
    /// The run could not be carried out.
    Errored,
    /// Somebody ended it.
    Cancelled,
    /// A deadline or a budget ended it.
    TimedOut,
}

/// How the scenarios of a plan ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scenarios {
    /// How many the plan has.
    #[schemars(range(min = 0, max = 10_000))]
    pub total: i32,
    /// How many passed.
    #[schemars(range(min = 0, max = 10_000))]
    pub passed: i32,
    /// How many failed.
    #[schemars(range(min = 0, max = 10_000))]
    pub failed: i32,
    /// Passed of total, for example "2/3".
    #[schemars(length(max = 16))]
    pub summary: String,
}

/// The pod of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Its name, tr-RUN-ATTEMPT unless it came from a pool.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its uid, since a name may be used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub uid: Option<String>,
    /// The node that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub node: Option<String>,
    /// Whether it came from a pool with its browser already up.
    pub warm: bool,
}

/// When each stage of a run was reached. What was not reached is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The operator found that the spec can be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Time>,
    /// The address under test answered, with the revision that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ready: Option<Time>,
    /// The present attempt's pod had a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_bound: Option<Time>,
    /// Its Chromium answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_ready: Option<Time>,
    /// Its agent began with the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    /// The verdict was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Time>,
    /// The last artifact was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<Time>,
    /// The browser ends at the latest then, whoever uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// What a run has used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tool calls of the agent.
    #[schemars(range(min = 0))]
    pub steps: i64,
    /// Tokens that were sent to the model.
    #[schemars(range(min = 0))]
    pub input_tokens: i64,
    /// Tokens that the model wrote.
    #[schemars(range(min = 0))]
    pub output_tokens: i64,
}

/// Where a recorded run is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactsStatus {
    /// For example s3://runs/shop/checkout-pr-42/3f1c9ae0/1/; empty without storage, when everything
    /// stays in the pod.
    #[schemars(length(max = 700))]
    pub uri: String,
    /// Sum of the list of all files, as 64 hexadecimal digits.
    #[serde(rename = "manifestSHA256", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub manifest_sha256: Option<String>,
    /// How many files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub count: Option<i32>,
    /// Their size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub bytes: Option<i64>,
    /// Uploading, Complete or Failed.
    pub state: UploadState,
}

/// How far the storing of artifacts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UploadState {
    /// Files are on their way.
    Uploading,
    /// Everything is stored; the list of files came last.
    Complete,
    /// Something could not be stored in time.
    Failed,
}

/// Points to proof that a person had the browser.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What it points to: handoff.
    pub kind: EvidenceKind,
    /// Name of the Handoff.
    #[serde(rename = "ref")]
    #[schemars(length(max = 63))]
    pub ref_: String,
}

/// See [`Evidence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EvidenceKind {
    /// A Handoff in the same namespace.
    Handoff,
}

/// The one slot of a run for a handoff with control. It is taken and freed by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// Name of the Handoff.
    #[schemars(length(max = 63))]
    pub handoff: String,
    /// Control: whoever only watches takes no slot.
    pub mode: Mode,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub holder: Option<String>,
}
