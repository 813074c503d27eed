//! A `TestRun`: one run of one plan against one address. A recorded run must say what it ran, hence
//! nothing of its input may change but what only stops, keeps or collects it.
#![expect(unreachable_pub, reason = "kube's schema derive writes public items")]

pub mod artifacts;
pub mod pod;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{artifacts::Artifacts, pod::PodTemplate};
use super::{
    reference::{NameRef, SecretKeyRef, TextFrom},
    rule::{fixed, fixed_if_any},
    status::TestRunStatus,
};

/// What to run, against what, and how long to keep the browser afterwards.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[kube(
    group = "handback.dev",
    version = "v1alpha1",
    kind = "TestRun",
    namespaced,
    shortname = "tr",
    category = "handback",
    status = "TestRunStatus",
    derive = "PartialEq",
    doc = "One run of one plan in a browser against one URL. Its input does not change, its verdict is written once, and its browser can be taken over while it lives.",
    selectable = ".status.phase",
    selectable = ".status.verdict",
    selectable = ".spec.poolRef.name",
    selectable = ".spec.concurrency.key",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Passed", type_ = "string", json_path = ".status.scenarios.summary"),
    printcolumn(name = "Pod", type_ = "string", json_path = ".status.pod.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", priority = 1, json_path = ".status.reason"),
    printcolumn(name = "Warm", type_ = "boolean", priority = 1, json_path = ".status.pod.warm"),
    printcolumn(name = "Node", type_ = "string", priority = 1, json_path = ".status.pod.node"),
    printcolumn(name = "URL", type_ = "string", priority = 1, json_path = ".spec.url"),
    printcolumn(name = "Expires", type_ = "string", priority = 1, json_path = ".status.times.expires"),
    printcolumn(name = "Artifacts", type_ = "string", priority = 1, json_path = ".status.artifacts.uri"),
    validation = Rule::new("self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("name: a DNS-1123 label of at most 52 characters"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.verdict) || (has(self.status) && has(self.status.verdict))").message("status and verdict cannot be removed"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.plan) != has(self.planFrom)").message("exactly one of plan, planFrom"),
    validation = Rule::new("oldSelf.desiredState != 'Cancelled' || self.desiredState == 'Cancelled'").message("Cancelled is final"),
    validation = Rule::new("self.activeDeadlineSeconds >= oldSelf.activeDeadlineSeconds").message("activeDeadlineSeconds only grows"),
    validation = Rule::new("self.poolMissPolicy != 'Wait' || has(self.poolRef)").message("poolMissPolicy: Wait needs poolRef"),
    validation = Rule::new("!has(self.poolRef) || !has(self.pod)").message("poolRef excludes pod"),
    validation = fixed("url"),
    validation = fixed_if_any("plan"),
    validation = fixed_if_any("planFrom"),
    validation = fixed_if_any("passCriteria"),
    validation = fixed_if_any("variables"),
    validation = fixed("driver"),
    validation = fixed_if_any("model"),
    validation = fixed("viewport"),
    validation = fixed("sandbox"),
    validation = fixed("stopOnFirstFailure"),
    validation = fixed_if_any("poolRef"),
    validation = fixed("poolMissPolicy"),
    validation = fixed("queueName"),
    validation = fixed_if_any("concurrency"),
    validation = fixed_if_any("readiness"),
    validation = fixed("startDeadlineSeconds"),
    validation = fixed("backoffLimit"),
    validation = fixed("handoffPolicy"),
    validation = fixed("artifacts"),
    validation = fixed_if_any("pod"),
)]
pub struct TestRunSpec {
    /// Where the run begins: an http or https URL without user name and password, for example
    /// https://pr-42.preview.example.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(r"self.matches('^https?://[^/?#@\\s]+([/?#][^\\s]*)?$')").message("an http(s) URL without user info"))]
    pub url: String,
    /// The plan: Markdown with one scenario below each header, one step or check a line, at most 128
    /// KiB. Lines that begin with Verify are checks. "handback check" says what each line means.
    /// Exactly one of plan and planFrom is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 131_072))]
    pub plan: Option<String>,
    /// Takes the plan from a ConfigMap instead, read once when the pod is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_from: Option<TextFrom>,
    /// Sentences that must hold at the end of every scenario, besides the plan's own checks, for
    /// example "The total is $42.99". At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub pass_criteria: Vec<String>,
    /// Values for {{NAME}} in the plan, at most 64, each with exactly one of value and secretKeyRef.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub variables: Vec<Variable>,
    /// Who carries the steps out: Direct (as written, without a model), Model (a model decides each
    /// step), or Auto (Direct where every line allows it, else Model). Default Auto.
    #[serde(default)]
    pub driver: Driver,
    /// The language model of the run. Without one, and without a default of the operator's, only
    /// plans that need none can run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Size of the page in CSS pixels. Default 1600 by 900. Nothing resizes it later.
    #[serde(default)]
    pub viewport: Viewport,
    /// Chromium's own sandbox: Required (the run errs without it), Preferred (used where the node
    /// allows it, and status says so), "Off" (in quotes, or YAML reads it as false). Default
    /// Preferred. The container is a wall in any case.
    #[serde(default)]
    pub sandbox: Sandbox,
    /// End the run after the first scenario that fails, instead of trying the others. Default false.
    #[serde(default)]
    pub stop_on_first_failure: bool,
    /// A BrowserPool in this namespace whose pods wait with a browser already up. Absent: a new pod is
    /// made (a cold start). Excludes pod, since the pool has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_ref: Option<NameRef>,
    /// What to do when the pool is empty: Cold (make a pod) or Wait (for the pool, until
    /// startDeadlineSeconds). Default Cold. Wait needs poolRef.
    #[serde(default)]
    pub pool_miss_policy: PoolMissPolicy,
    /// Name of a Kueue LocalQueue that the pod is queued in. Default "": none.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pub queue_name: String,
    /// Lets one run at a time hold a key, for example a preview environment or a test account.
    /// Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Waits for the URL to answer before a pod is made. Absent: it must answer at once. The time
    /// does not count against activeDeadlineSeconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
    /// Running, or Cancelled to end the run and keep its browser under keepAlive. Default Running.
    /// Cancelled is final.
    #[serde(default)]
    pub desired_state: RunState,
    /// Seconds that queueing, scheduling and pulling the image may take together. Default 600, at
    /// most a week. After that the run is Errored (StartDeadlineExceeded).
    #[serde(default = "start_deadline_seconds")]
    #[schemars(range(min = 1, max = 604_800))]
    pub start_deadline_seconds: i32,
    /// Seconds that the plan may take once it runs. Default 1800, at most a week. May be raised while
    /// the run goes on, never lowered. Time in which a person has the browser does not count.
    #[serde(default = "active_deadline_seconds")]
    #[schemars(range(min = 1, max = 604_800))]
    pub active_deadline_seconds: i32,
    /// How often to try again after a failure of infrastructure (pod lost, evicted, not started in
    /// time). Default 0. A plan that failed is never tried again silently.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10))]
    pub backoff_limit: i32,
    /// How long the browser lives after the verdict, so that it can be taken over. May be changed at
    /// any time. Default: always, 900 seconds without a viewer, 14400 in all.
    #[serde(default)]
    pub keep_alive: KeepAlive,
    /// Seconds after which this object is deleted if the verdict is Passed. Default 86400, a day. May
    /// be changed at any time. Stored artifacts stay.
    #[serde(default = "ttl_seconds_after_success")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_success: i32,
    /// Seconds after which this object is deleted with any other verdict. Default 604800, a week. May
    /// be changed at any time. Stored artifacts stay.
    #[serde(default = "ttl_seconds_after_failure")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_failure: i32,
    /// What the agent does where only a person can go on (sign-in, captcha): Never (fails), Suggest
    /// (says so and goes on trying), Auto (waits for a person). Default Suggest.
    #[serde(default)]
    pub handoff_policy: HandoffPolicy,
    /// What is recorded and where it is stored.
    #[serde(default)]
    pub artifacts: Artifacts,
    /// Where and how the pod runs. Absent: as the operator is configured. Excludes poolRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodTemplate>,
}

fn start_deadline_seconds() -> i32 {
    600
}

fn active_deadline_seconds() -> i32 {
    1800
}

fn ttl_seconds_after_success() -> i32 {
    86_400
}

fn ttl_seconds_after_failure() -> i32 {
    604_800
}

/// One value for the plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.secretKeyRef)").message("exactly one of value, secretKeyRef"))]
pub struct Variable {
    /// What the plan calls it: {{NAME}}. Letters, digits, "_", "." and "-", not first a digit, "." or
    /// "-"; at most 63 characters.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_.-]*$"))]
    pub name: String,
    /// The value, at most 1024 characters. It is not secret: it shows in this object and in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
    /// Takes the value from a Secret in this namespace. It is typed where the plan says so and
    /// redacted from everything that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}

/// Who carries the steps out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Driver {
    /// Direct where every line of the plan allows it, else a model.
    #[default]
    Auto,
    /// As written; a line that needs a model is an error.
    Direct,
    /// A model decides each step.
    Model,
}

/// A language model and what a run may spend on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Whose protocol the endpoint speaks: Anthropic, or OpenAI (any compatible endpoint).
    pub provider: Provider,
    /// The model's name at that endpoint, for example claude-haiku-5-5.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Address of the endpoint, for example http://ollama.models.svc:11434/v1. Default: the
    /// provider's own.
    #[serde(rename = "baseURL", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub base_url: Option<String>,
    /// The API key, in a Secret in this namespace. It reaches the agent only, never the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretKeyRef>,
    /// Most steps a scenario may take. Default 0: no limit.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_steps: i32,
    /// Most tokens that the run may use, sent and received together. Default 0: no limit.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub max_tokens: i64,
}

/// A protocol to reach language models by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Provider {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's, or any compatible endpoint.
    OpenAI,
}

/// Size of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Viewport {
    /// CSS pixels from left to right, 320 to 4096. Default 1600.
    #[serde(default = "width")]
    #[schemars(range(min = 320, max = 4096))]
    pub width: i32,
    /// CSS pixels from top to bottom, 240 to 4096. Default 900.
    #[serde(default = "height")]
    #[schemars(range(min = 240, max = 4096))]
    pub height: i32,
}

impl Default for Viewport {
    fn default() -> Self {
        Self { width: width(), height: height() }
    }
}

fn width() -> i32 {
    1600
}

fn height() -> i32 {
    900
}

/// Chromium's own sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Sandbox {
    /// The run errs without it.
    Required,
    /// Used where the node allows it.
    #[default]
    Preferred,
    /// Not used.
    Off,
}

/// What to do when a pool has no browser to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PoolMissPolicy {
    /// Make a pod.
    #[default]
    Cold,
    /// Wait for the pool.
    Wait,
}

/// Lets one run at a time hold a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Concurrency {
    /// Runs of this namespace with the same key do not run at the same time, for example pr-42.
    #[schemars(length(min = 1, max = 63))]
    pub key: String,
    /// Queue (wait for the older run's verdict) or CancelPrevious (cancel it). Default Queue.
    #[serde(default)]
    pub policy: ConcurrencyPolicy,
}

/// What a run does about an older one with the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Waits for its verdict.
    #[default]
    Queue,
    /// Cancels it.
    CancelPrevious,
}

/// When the address under test is ready.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.revision) == has(self.revisionFrom)").message("revision and revisionFrom go together"))]
pub struct Readiness {
    /// Seconds to wait for it. Default 600, at most a day. After that the run is Errored
    /// (TargetNotReady).
    #[serde(default = "readiness_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: i32,
    /// Run only once this revision is serving, for example a commit's hash. Needs revisionFrom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub revision: Option<String>,
    /// Where the target says which revision it is: header, or path with jsonPath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_from: Option<RevisionFrom>,
}

fn readiness_seconds() -> i32 {
    600
}

/// Where a target says which revision it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.header) != has(self.path)").message("exactly one of header, path"),
    validation = Rule::new("has(self.path) == has(self.jsonPath)").message("path and jsonPath go together"),
)]
pub struct RevisionFrom {
    /// A header of the URL's own response, for example X-Revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub header: Option<String>,
    /// A path at the same origin that answers with JSON, for example /healthz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub path: Option<String>,
    /// Where the revision stands in that JSON, for example .version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub json_path: Option<String>,
}

/// What somebody wants a run to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RunState {
    /// To go on.
    #[default]
    Running,
    /// To end; final.
    Cancelled,
}

/// How long a browser lives after the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.idleSeconds <= self.maxSeconds").message("idleSeconds is at most maxSeconds"))]
pub struct KeepAlive {
    /// After which verdicts: Always, OnFailure (any but Passed) or Never. Default Always. A browser
    /// that somebody watches is kept in any case, within the limits below.
    #[serde(default)]
    pub policy: When,
    /// Seconds without a viewer after which the browser ends. Default 900. Watching counts as use.
    #[serde(default = "idle_seconds")]
    #[schemars(range(min = 1, max = 604_800))]
    pub idle_seconds: i32,
    /// Seconds after the verdict at which the browser ends, whoever uses it. Default 14400.
    #[serde(default = "max_seconds")]
    #[schemars(range(min = 1, max = 604_800))]
    pub max_seconds: i32,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { policy: When::default(), idle_seconds: idle_seconds(), max_seconds: max_seconds() }
    }
}

fn idle_seconds() -> i32 {
    900
}

fn max_seconds() -> i32 {
    14_400
}

/// After which verdicts something is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// Any.
    #[default]
    Always,
    /// Any but Passed.
    OnFailure,
    /// None.
    Never,
}

/// What the agent does where only a person can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HandoffPolicy {
    /// It never waits for one.
    Never,
    /// It says so and goes on trying.
    #[default]
    Suggest,
    /// It waits for one.
    Auto,
}
