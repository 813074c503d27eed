//! Everything a decision about a run may depend on, as plain data.
//!
//! Whoever observes fills it from four sources of different age: the cache of `TestRun`s, the cache of
//! Pods, the gate's last answer, and what the operator itself was last told by the target and by the
//! API server. The last two are not in any status: an operator that restarts has none of them and
//! asks again, which costs seconds and decides the same.

use super::{moment::Moment, record::Record};
use crate::manifest::{
    status::{Scenarios, TestRunStatus, Usage, Verdict},
    test_run::{ConcurrencyPolicy, When, artifacts::UploadFailure},
};

/// One run as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// `status` of the cached `TestRun`.
    pub status: TestRunStatus,
    /// All the rest.
    pub facts: Facts,
}

impl Observed {
    /// What decisions use of the status.
    pub fn record(&self) -> Record {
        Record::read(&self.status)
    }
}

/// All that is not the run's own status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Metadata and spec of the cached `TestRun`.
    pub run: Run,
    /// Every cached pod that the run owns (by uid), in any order; more than one attempt at times.
    pub pods: Vec<Pod>,
    /// What the gate of the newest pod said.
    pub gate: Gate,
    /// What the target last answered; asked for by `ProbeTarget`.
    pub target: Option<Probe>,
    /// The unfinished runs that hold the run's concurrency key before it.
    pub line: Line,
    /// The API server's refusal of the last `CreatePod` of the present attempt, if it was refused.
    pub refusal: Option<Refusal>,
    /// An active Control handoff has the run's slot (`status.control`, its Handoff not terminal).
    pub control: Option<String>,
    /// When this operator last wrote the run's status; keeps waiting messages 10 s apart.
    pub written: Option<Moment>,
    /// How long the operator's own waits are.
    pub tuning: Tuning,
}

/// What a `TestRun` asks for, with the operator's defaults and limits applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub struct Run {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Moment,
    /// It has a deletion timestamp (deleted in the foreground).
    pub deleting: bool,
    /// `desiredState: Cancelled`.
    pub cancelled: bool,
    /// A newer run with the same key has the policy `CancelPrevious`.
    pub superseded: bool,
    /// Why it cannot be carried out as it stands.
    pub problem: Option<Problem>,
    /// A remark that is true while the run is made, for example a default's Secret that is missing.
    pub remark: Option<String>,
    /// `readiness.timeoutSeconds`, if there is a readiness.
    pub readiness: Option<i64>,
    /// `startDeadlineSeconds`.
    pub start_deadline: i64,
    /// `activeDeadlineSeconds`.
    pub active_deadline: i64,
    /// `backoffLimit`.
    pub backoff_limit: i32,
    /// It names a pool, but its pod is made (cold).
    pub pool_missed: bool,
    /// `keepAlive.policy`.
    pub keep: When,
    /// `keepAlive.idleSeconds`.
    pub idle: i64,
    /// `keepAlive.maxSeconds`.
    pub max: i64,
    /// `ttlSecondsAfterSuccess`.
    pub ttl_after_success: i64,
    /// `ttlSecondsAfterFailure`.
    pub ttl_after_failure: i64,
    /// Where artifacts go, without the attempt: `s3://runs/shop/checkout/3f1c9ae0/`. `None` keeps
    /// them in the pod.
    pub storage: Option<String>,
    /// `artifacts.uploadTimeoutSeconds`.
    pub upload_timeout: i64,
    /// `artifacts.onUploadFailure`.
    pub on_upload_failure: UploadFailure,
    /// `sandbox: Off`.
    pub sandbox_off: bool,
}

/// Why a run is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// For the condition, for example `PoolNotFound` or `ContractTooLarge`.
    pub reason: String,
    /// What is wrong, where, and what to do, in a sentence.
    pub message: String,
    /// No change outside the run can heal it (what is wrong is immutable), so the run ends at once.
    /// Otherwise it waits until its start deadline.
    pub lasting: bool,
}

/// Which try, from 1. It is part of the pod's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub i32);

impl Attempt {
    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A pod's uid: a name may be used again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodUid(pub String);

/// A pod of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub struct Pod {
    /// From its label.
    pub attempt: Attempt,
    /// `metadata.uid`.
    pub uid: PodUid,
    /// `metadata.name`; `tr-RUN-ATTEMPT` unless it came from a pool.
    pub name: String,
    /// `metadata.creationTimestamp`.
    pub created: Moment,
    /// When it got its node.
    pub bound: Option<Moment>,
    /// `spec.nodeName`.
    pub node: Option<String>,
    /// It came from a pool.
    pub warm: bool,
    /// It carries `handback.dev/artifacts`.
    pub finalizer: bool,
    /// It carries the marks against disruption.
    pub marked: bool,
    /// `metadata.deletionTimestamp`: when its grace is over.
    pub deleting: Option<Moment>,
    /// Why the cluster took it away.
    pub disruption: Option<Disruption>,
    /// Its phase is Succeeded or Failed: no container runs or will.
    pub over: bool,
    /// The deadline that its agent was started with (`activeDeadlineSeconds` in its contract).
    pub deadline: i64,
    /// Why it does not start, in the scheduler's, Kueue's or kubelet's own words: the message of
    /// `PodScheduled=False`, or of a container that waits for `ErrImagePull`, `ImagePullBackOff`,
    /// `CreateContainerConfigError` and the like. Not for what is on its way (`ContainerCreating`).
    pub wait: Option<String>,
    /// Container `browser`.
    pub browser: Browser,
    /// Container `gate`.
    pub gate: GateContainer,
    /// Container `agent`.
    pub agent: Agent,
}

impl Pod {
    /// Its containers run, or could still start.
    pub fn live(&self) -> bool {
        let ended = matches!(self.browser, Browser::Ended)
            && matches!(self.gate, GateContainer::Ended(_))
            && matches!(self.agent, Agent::Ended(_));
        // A pod that is deleted before it has a node gets none any more.
        let stillborn = self.deleting.is_some() && self.node.is_none();
        !self.over && !ended && !stillborn
    }

    /// It is being deleted and the time that the kubelet had for it is over.
    pub fn overdue(&self, now: Moment) -> bool {
        self.deleting.is_some_and(|bound| bound <= now)
    }

    /// A person could take its browser over.
    pub fn takeable(&self) -> bool {
        !self.over
            && self.deleting.is_none()
            && self.browser == Browser::Ready
            && self.gate == GateContainer::Running
    }

    /// Its agent has begun, so that there may be something to keep.
    pub fn begun(&self) -> bool {
        !matches!(self.agent, Agent::Waiting)
    }
}

/// Why the cluster took a pod away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disruption {
    /// Condition `DisruptionTarget`, or `status.reason: Evicted`: by the kubelet, by the API, for a
    /// more important pod.
    Evicted,
    /// Its node is gone (`DeletionByPodGC`, `DeletionByTaintManager`, `NodeLost`).
    NodeLost,
}

/// Container `browser`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Browser {
    /// Not running yet.
    Waiting,
    /// Running, its startup probe not yet passed.
    Starting,
    /// `started`: Chromium answers.
    Ready,
    /// Terminated.
    Ended,
}

/// Container `gate`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GateContainer {
    /// Not running yet.
    Waiting,
    /// Running.
    Running,
    /// Terminated, with what its termination message says about the artifacts, if it parses.
    Ended(Option<Upload>),
}

/// Container `agent`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Agent {
    /// Not running yet.
    Waiting,
    /// Running since then.
    Running(Moment),
    /// Terminated.
    Ended(AgentEnd),
}

/// How the agent's container ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AgentEnd {
    /// When it had begun.
    pub started: Moment,
    /// Its exit code.
    pub exit: i32,
    /// Its container or the browser's was killed for memory, or a part of the browser was, and the
    /// agent says so.
    pub out_of_memory: bool,
    /// Its termination message, if that parses.
    pub report: Option<Report>,
}

/// What an agent says at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// In the words of the API.
    pub verdict: Verdict,
    /// In CamelCase, for example `AssertionFailed`; empty for Passed.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// Counts.
    pub scenarios: Option<Scenarios>,
    /// What it used.
    pub usage: Option<Usage>,
    /// Whether Chromium had its own sandbox, if there was a Chromium.
    pub sandboxed: Option<bool>,
    /// Somebody pressed Stop in the page.
    pub stopped_by_human: bool,
}

/// What the operator knows from the gate of the newest pod. Not in any status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gate {
    /// A question is under way; its end brings another decision.
    pub asking: bool,
    /// When it was last tried to reach it, with or without success.
    pub tried: Option<Moment>,
    /// How often in a row it could not be reached.
    pub failures: u32,
    /// Its last answer.
    pub answer: Option<Answer>,
}

/// A gate's answer. Its times are counted by the gate and turned into the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    /// When it came.
    pub at: Moment,
    /// How far the artifacts are.
    pub upload: Upload,
    /// Seconds since the last activity (handoff.md 8); 0 while somebody watches.
    pub idle: i64,
    /// Somebody watched when the agent ended, or watches now.
    pub watched: bool,
    /// When the page was told of the end for want of activity; `None` again after any activity.
    pub told_idle: Option<Moment>,
    /// How many seconds ahead the page was told of the absolute end, the last time it was.
    pub told_cap: Option<i64>,
    /// Seconds since it was told to have the agent end; it remembers that for an agent that is not
    /// connected.
    pub cancelling: Option<i64>,
    /// The deadline that it holds the agent to, in seconds of the agent's own time.
    pub deadline: i64,
    /// Seconds until it closes the agent's socket: 60 s after that deadline, what a person held not
    /// counted. 0 or less: it is closed for that. `None`: no agent is connected.
    pub left: Option<i64>,
}

/// How far the artifacts are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Upload {
    /// On their way.
    Working,
    /// All of them are stored, the manifest last (or sealed in the pod, without storage).
    Complete(Stored),
    /// Given up, with the reason in a sentence.
    Failed(String),
}

/// The manifest that went last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stored {
    /// 64 hexadecimal digits.
    pub manifest_sha256: String,
    /// How many files.
    pub count: i32,
    /// Their size.
    pub bytes: i64,
}

/// What the target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When.
    pub at: Moment,
    /// What.
    pub found: Target,
}

/// See [`Probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// It answers, with the right revision if one was asked for.
    Ready,
    /// It does not answer: why, as a fragment ("connection refused").
    Silent(String),
    /// It answers with this revision.
    WrongRevision(String),
    /// It answers, but does not say which revision it is: why, as a fragment.
    NoRevision(String),
}

/// Who holds the concurrency key before this run: unfinished runs that are older (by creation, then
/// by uid), or younger ones that already have a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// `concurrency.key`; empty without one.
    pub key: String,
    /// `concurrency.policy`.
    pub policy: ConcurrencyPolicy,
    /// Their names, the next one to run first.
    pub before: Vec<Ahead>,
}

/// A run before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// It is asked to end already.
    pub cancelled: bool,
}

/// The API server did not make a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Moment,
    /// Its own words (a quota, an admission policy, Pod Security).
    pub words: String,
}

/// How long the operator itself waits, in seconds. A field, so that the search can use small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuning {
    /// Between two looks at the target.
    pub probe: i64,
    /// Between two waiting messages, and between two tries to make a pod that was refused.
    pub quiet: i64,
    /// Between two tries to reach a gate.
    pub retry: i64,
    /// Failures in a row after which a gate counts as unreachable.
    pub tries: u32,
    /// How long one question may wait for the end of an upload.
    pub patience: i64,
    /// Beyond a bound that somebody else enforces (the agent's deadline, a cancellation), before the
    /// operator decides without them.
    pub hang: i64,
    /// How long before its end an idle browser says so.
    pub warning: i64,
    /// How long before the absolute end the page is told, the longest first.
    pub cap_warnings: [i64; 2],
    /// What the gate has beyond `uploadTimeoutSeconds`, as in the pod's grace.
    pub slack: i64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            // A revision is rolled out in tens of seconds.
            probe: 5,
            quiet: 10,
            // Three tries, the first at once, are 30 s.
            retry: 15,
            tries: 3,
            // Shorter than what proxies between operator and node allow a silent stream.
            patience: 120,
            hang: 60,
            warning: 60,
            cap_warnings: [600, 60],
            slack: 30,
        }
    }
}
