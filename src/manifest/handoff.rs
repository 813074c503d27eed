//! A `Handoff`: one bounded time in which a person holds a run's browser, or watches it.
#![expect(unreachable_pub, reason = "kube's schema derive writes public items")]

pub mod snapshot;
pub mod status;

use kube::{CustomResource, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::status::HandoffStatus;
use super::rule::{fixed, fixed_if_any, unchanged};

/// Who asks whom for what, and for how long.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[kube(
    group = "handback.dev",
    version = "v1alpha1",
    kind = "Handoff",
    namespaced,
    shortname = "ho",
    category = "handback",
    status = "HandoffStatus",
    derive = "PartialEq",
    doc = "One bounded time in which a person holds a run's browser, or watches it. Deleting it cancels it.",
    selectable = ".spec.runRef.name",
    selectable = ".status.phase",
    printcolumn(name = "Run", type_ = "string", json_path = ".spec.runRef.name"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason"),
    printcolumn(name = "Holder", type_ = "string", json_path = ".status.holder"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Deadline", type_ = "string", json_path = ".status.deadline"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ClosedBy", type_ = "string", priority = 1, json_path = ".status.closedBy"),
    printcolumn(name = "Changed", type_ = "boolean", priority = 1, json_path = ".status.delta.anyChange"),
    printcolumn(name = "Epoch", type_ = "integer", priority = 1, json_path = ".status.inputEpoch"),
    validation = Rule::new("self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("name: a DNS-1123 label"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.phase) || has(self.status)").message("status cannot be removed"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = fixed("runRef"),
    validation = fixed("mode"),
    validation = fixed("reason"),
    validation = fixed_if_any("instruction"),
    validation = fixed("timeoutSeconds"),
    validation = fixed("captureScreenshot"),
    validation = fixed("onTimeout"),
    validation = fixed_if_any("resumeWhen"),
    validation = fixed_if_any("tabId"),
    validation = fixed_if_any("scenarioIndex"),
    validation = fixed_if_any("stepId"),
    validation = Rule::new("oldSelf.desiredState == 'Running' || self.desiredState == oldSelf.desiredState").message("desiredState leaves Running once"),
    validation = Rule::new("oldSelf.holder == '' ? (self.holder != '' || self.holderKey == oldSelf.holderKey) : (self.holder == oldSelf.holder && self.holderKey == oldSelf.holderKey)").message("holder and holderKey are set once"),
    validation = Rule::new("(self.holder == '') == (self.holderKey == '')").message("holder and holderKey are set together"),
    validation = Rule::new("!has(self.cancelReason) || self.desiredState == 'Cancelled'").message("cancelReason needs desiredState: Cancelled"),
    validation = Rule::new(kept_once_closed()).message("note and cancelReason are immutable once closed"),
    validation = Rule::new("self.mode == 'Control' || (!self.captureScreenshot && !has(self.instruction) && !has(self.note) && !has(self.resumeWhen))").message("View takes no instruction, note, captureScreenshot, resumeWhen"),
)]
pub struct HandoffSpec {
    /// The TestRun whose browser it is.
    pub run_ref: RunRef,
    /// Control (the person drives, the agent waits) or View (the person watches; nothing else
    /// changes). Default Control.
    #[serde(default)]
    pub mode: Mode,
    /// What the person is needed for: login, 2fa, captcha, permission, manual_recovery or other.
    /// Default other.
    #[serde(default)]
    pub reason: HandoffReason,
    /// The identity that may act, as the API server knows it. Default "": nobody has claimed it yet,
    /// which only the operator may create. Set once, together with holderKey.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub holder: String,
    /// Public half of the Ed25519 key of the holder's client, 43 base64url characters. The private
    /// half never leaves the holder's machine. Default "".
    #[serde(default)]
    #[schemars(length(max = 43), regex(pattern = "^([A-Za-z0-9_-]{43})?$"))]
    pub holder_key: String,
    /// What the person is asked to do, one line of at most 1024 bytes, shown on the page. No secrets:
    /// what looks like one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(
        validation = Rule::new(r"bytes(self).size() <= 1024 && !self.matches('[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]')").message("one line of at most 1024 bytes without control characters"),
        validation = no_long_numbers(),
        validation = no_web_tokens(),
        validation = no_user_info(),
        validation = no_named_secrets(),
    )]
    pub instruction: Option<String>,
    /// Seconds that the person may have the browser, 1 to 3600, from the moment it is granted. Default
    /// 600. Never extended; a new handoff may follow.
    #[serde(default = "timeout_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: i32,
    /// Whether a picture is taken before and after, with all fields painted over. Default false.
    #[serde(default)]
    pub capture_screenshot: bool,
    /// What the agent does when nobody finished in time: FailScenario or ResumeAgent. Default
    /// FailScenario. Without effect after the run.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// Finishes by itself once all of these hold for two seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_when: Option<ResumeWhen>,
    /// The tab to compare before and after, as the agent's events name it. Absent: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = "^[A-Za-z0-9._:-]+$"))]
    pub tab_id: Option<String>,
    /// The scenario that the agent was at, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub scenario_index: Option<i32>,
    /// The step that the agent was at, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub step_id: Option<i32>,
    /// What the person has to say to the agent, at most 4096 bytes. No secrets: what looks like one is
    /// refused. May be changed until the handoff is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    #[x_kube(
        validation = Rule::new("bytes(self).size() <= 4096").message("at most 4096 bytes"),
        validation = no_long_numbers(),
        validation = no_web_tokens(),
        validation = no_user_info(),
        validation = no_named_secrets(),
    )]
    pub note: Option<String>,
    /// Running, then Finished (done; the agent goes on) or Cancelled (not done). Default Running. Both
    /// endings are final.
    #[serde(default)]
    pub desired_state: HandoffState,
    /// Why it was cancelled: NotNeeded, Declined, Aborted or Other. With desiredState: Cancelled only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<CancelReason>,
    /// Seconds after which this object is deleted once it is over. Default 604800, a week; at most 30
    /// days.
    #[serde(default = "ttl_seconds_after_finished")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub ttl_seconds_after_finished: i32,
}

fn timeout_seconds() -> i32 {
    600
}

fn ttl_seconds_after_finished() -> i32 {
    604_800
}

fn kept_once_closed() -> String {
    format!(
        "oldSelf.desiredState == 'Running' || ({} && {})",
        unchanged("note"),
        unchanged("cancelReason")
    )
}

/// Codes, account and card numbers.
fn no_long_numbers() -> Rule {
    Rule::new("!self.matches('[0-9]{4,}')").message("no number of four or more digits")
}

/// JSON web tokens.
fn no_web_tokens() -> Rule {
    Rule::new("!self.matches('eyJ[A-Za-z0-9_-]{4,}[.][A-Za-z0-9_-]{4,}')").message("no web token")
}

/// Credentials in a URL; what redaction put there instead may stand.
fn no_user_info() -> Rule {
    Rule::new(r"!self.matches('://[^ /?#@\\[][^ /?#@]*@')")
        .message("no user name or password in a URL")
}

/// A name of a secret with a value; what redaction put there instead may stand.
fn no_named_secrets() -> Rule {
    Rule::new(
        r#"!self.matches('(?i)(passwords?|passphrase|passwd|pwd|secret|token|api[ _-]?key|access[ _-]?key|cookie|otp|pin)"?\\s*[:=]\\s*"?[^\\s\\["&;,]')"#,
    )
    .message("no password, token or code; write [redacted] in its place")
}

/// The `TestRun` of a handoff, in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRef {
    /// Its name, in the same namespace.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Watch.
    View,
    /// Act; the agent waits meanwhile.
    #[default]
    Control,
}

/// What a person is needed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandoffReason {
    /// To sign in.
    Login,
    /// To enter a second factor.
    #[serde(rename = "2fa")]
    SecondFactor,
    /// To clear a challenge.
    Captcha,
    /// To answer a permission request.
    Permission,
    /// To bring the page back to a usable state.
    ManualRecovery,
    /// Anything else.
    #[default]
    Other,
}

/// What an agent does when nobody finished in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnTimeout {
    /// The scenario fails, the agent goes on with the next.
    #[default]
    FailScenario,
    /// The agent goes on with the scenario.
    ResumeAgent,
}

/// What finishes a handoff by itself: all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub struct ResumeWhen {
    /// The page's URL begins with this; without query and fragment, for example
    /// https://app.example/account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = "^[^?#]*$"))]
    pub url_prefix: Option<String>,
    /// The page is at another origin than when the handoff began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_changed: Option<bool>,
}

/// What somebody wants a handoff to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HandoffState {
    /// To go on.
    #[default]
    Running,
    /// Done; final.
    Finished,
    /// Not done; final.
    Cancelled,
}

/// Why a handoff was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CancelReason {
    /// There was nothing to do.
    NotNeeded,
    /// The person did not want to.
    Declined,
    /// It was begun and given up.
    Aborted,
    /// Anything else.
    Other,
}
