//! results.json, field by field (agent.md 11.2; pure). A step, an assertion or a check is the same
//! object here, in an event and in the player.
#![expect(missing_docs, reason = "fields are those of agent.md 11.2; what is not obvious is said")]

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    agent::{
        discovery::Discovered,
        verdict::{Reason, Verdict},
    },
    model::reply,
};

/// The value of [`Results::schema`].
pub const SCHEMA: &str = "handback.results/v1";

/// The whole file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    pub schema: String,
    pub run_id: String,
    pub url: String,
    /// None while the run goes on.
    pub verdict: Option<Verdict>,
    /// A reason, or a plan error's code.
    pub reason: Option<String>,
    pub exit_code: Option<u8>,
    /// Something was cut short or skipped.
    pub aborted: bool,
    pub abort_reason: Option<String>,
    pub error: Option<Problem>,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub duration_ms: u64,
    pub driver: String,
    pub model: Option<Value>,
    pub viewport: Viewport,
    pub options: Map<String, Value>,
    pub pass_criteria: Vec<String>,
    pub variables: Map<String, Value>,
    pub secret_variables: Vec<String>,
    pub counts: Counts,
    pub browser: Option<Browser>,
    pub scenarios: Vec<Scenario>,
    pub improvements: Vec<Value>,
    pub discovered: Vec<Discovered>,
    pub dialogs: Vec<Value>,
    pub handoffs: Vec<Value>,
    pub usage: Usage,
    pub warnings: Vec<String>,
    pub video: Video,
    pub artifacts: Vec<Artifact>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    pub code: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Viewport {
    pub width: u32,
    pub height: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub total: usize,
    pub passed: usize,
    pub failed: usize,
    pub errored: usize,
    /// Cancelled ones are counted here: they were cut short as well.
    pub aborted: usize,
    pub skipped: usize,
    /// Assertions that no predicate backs.
    pub unverified: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Browser {
    pub version: String,
    /// `own` or `container`.
    pub sandbox: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scenario {
    pub index: usize,
    pub name: String,
    pub line: u32,
    pub driver: String,
    /// None until it has ended.
    pub verdict: Option<Verdict>,
    pub passed: bool,
    pub reasons: Vec<Reason>,
    pub summary: String,
    pub started_at: Option<String>,
    pub duration_ms: u64,
    pub steps: Vec<Step>,
    pub assertions: Vec<Assertion>,
    pub checks: Vec<Check>,
    pub usage: Usage,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub id: u64,
    pub tool: String,
    pub action: String,
    /// For people; never holds typed text.
    pub description: String,
    pub args: Value,
    pub line: Option<u32>,
    pub status: StepStatus,
    pub code: Option<String>,
    pub error: Option<String>,
    pub result: Value,
    pub started_at: String,
    pub duration_ms: u64,
    pub url: String,
    /// Path below the run directory.
    pub screenshot: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Running,
    Completed,
    Failed,
    Skipped,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Assertion {
    pub id: u64,
    /// Id of its step.
    pub step: u64,
    /// Id of the check it covers.
    pub check: Option<String>,
    pub description: String,
    /// What a model claimed; none in a direct scenario.
    pub claimed: Option<bool>,
    pub passed: bool,
    pub evidence: String,
    /// A predicate was evaluated.
    pub verified: bool,
    pub disagreement: bool,
    pub predicates: Vec<Evaluated>,
    pub screenshot: Option<String>,
    pub tree_sha256: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evaluated {
    pub predicate: Value,
    /// `check` if derived from the check's own text, `model` if sent.
    pub source: String,
    pub outcome: bool,
    pub detail: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub id: String,
    /// `verify` or `criterion`.
    pub kind: String,
    pub line: Option<u32>,
    pub text: String,
    pub status: CheckStatus,
    /// Ids of the assertions that carry it.
    pub assertions: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    Passed,
    Failed,
    Uncovered,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    #[serde(flatten)]
    pub main: Tokens,
    pub discovery: Tokens,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    pub requests: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    /// None where the price is not known, never 0 for want of one.
    pub cost_usd: Option<f64>,
}

impl Tokens {
    /// All that was sent and written.
    pub fn total(&self) -> u64 {
        self.input_tokens + self.cache_read_tokens + self.cache_write_tokens + self.output_tokens
    }

    /// Adds what a request has used. The cost is known only if that of every request is.
    pub fn add(&mut self, used: &reply::Usage, cost_usd: Option<f64>) {
        self.cost_usd = match (self.requests, self.cost_usd, cost_usd) {
            (0, _, cost) => cost,
            (_, Some(before), Some(cost)) => Some(before + cost),
            (_, _, _) => None,
        };
        self.requests += used.requests;
        self.input_tokens += used.input;
        self.output_tokens += used.output;
        self.cache_read_tokens += used.cache_read;
        self.cache_write_tokens += used.cache_write;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Video {
    /// `recorded`, `off`, `unavailable`, `failed`; `pending` while the run goes on.
    pub status: String,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    pub path: String,
    pub kind: String,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: String,
}

/// The JSON Schema of results.json as it is written: fields that may be empty are there, and null.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Results>()
}

impl Results {
    /// A run that has not begun, or never will.
    pub fn new(run_id: String, url: String, started_at: String, viewport: Viewport) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            run_id,
            url,
            verdict: None,
            reason: None,
            exit_code: None,
            aborted: false,
            abort_reason: None,
            error: None,
            started_at,
            finished_at: None,
            duration_ms: 0,
            driver: "direct".to_owned(),
            model: None,
            viewport,
            options: Map::new(),
            pass_criteria: Vec::new(),
            variables: Map::new(),
            secret_variables: Vec::new(),
            counts: Counts::default(),
            browser: None,
            scenarios: Vec::new(),
            improvements: Vec::new(),
            discovered: Vec::new(),
            dialogs: Vec::new(),
            handoffs: Vec::new(),
            usage: Usage::default(),
            warnings: Vec::new(),
            video: Video { status: "pending".to_owned(), reason: None },
            artifacts: Vec::new(),
        }
    }
}

impl Scenario {
    /// One that has not begun.
    pub fn new(index: usize, name: String, line: u32, driver: &str, checks: Vec<Check>) -> Self {
        Self {
            index,
            name,
            line,
            driver: driver.to_owned(),
            verdict: None,
            passed: false,
            reasons: Vec::new(),
            summary: String::new(),
            started_at: None,
            duration_ms: 0,
            steps: Vec::new(),
            assertions: Vec::new(),
            checks,
            usage: Usage::default(),
        }
    }

    /// Adds an assertion and brings the check it covers up to date. A check that failed once stays
    /// failed.
    pub fn assert(&mut self, assertion: Assertion) {
        let covered =
            self.checks.iter_mut().find(|check| Some(&check.id) == assertion.check.as_ref());
        if let Some(check) = covered {
            check.assertions.push(assertion.id);
            if !assertion.passed {
                check.status = CheckStatus::Failed;
            } else if check.status == CheckStatus::Uncovered {
                check.status = CheckStatus::Passed;
            }
        }
        self.assertions.push(assertion);
    }
}

impl Counts {
    /// Counts scenarios.
    pub fn of(scenarios: &[Scenario]) -> Self {
        let count = |wanted: &[Verdict]| {
            scenarios.iter().filter(|one| one.verdict.is_some_and(|v| wanted.contains(&v))).count()
        };
        Self {
            total: scenarios.len(),
            passed: count(&[Verdict::Passed]),
            failed: count(&[Verdict::Failed]),
            errored: count(&[Verdict::Errored]),
            aborted: count(&[Verdict::Aborted, Verdict::Cancelled]),
            skipped: count(&[Verdict::Skipped]),
            unverified: scenarios
                .iter()
                .flat_map(|one| &one.assertions)
                .filter(|assertion| !assertion.verified)
                .count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion(id: u64, check: &str, passed: bool) -> Assertion {
        Assertion {
            id,
            step: id,
            check: Some(check.to_owned()),
            description: String::new(),
            claimed: None,
            passed,
            evidence: String::new(),
            verified: true,
            disagreement: false,
            predicates: Vec::new(),
            screenshot: None,
            tree_sha256: None,
        }
    }

    #[test]
    fn a_check_that_failed_once_stays_failed() {
        let check = |id: &str| Check {
            id: id.to_owned(),
            kind: "verify".to_owned(),
            line: Some(1),
            text: String::new(),
            status: CheckStatus::Uncovered,
            assertions: Vec::new(),
        };
        let mut scenario = Scenario::new(
            0,
            "A".to_owned(),
            1,
            "direct",
            vec![check("v1"), check("v2"), check("v3")],
        );
        scenario.assert(assertion(1, "v1", false));
        scenario.assert(assertion(2, "v1", true));
        scenario.assert(assertion(3, "v2", true));
        let seen: Vec<_> =
            scenario.checks.iter().map(|one| (one.status, one.assertions.clone())).collect();
        assert_eq!(
            seen,
            [
                (CheckStatus::Failed, vec![1, 2]),
                (CheckStatus::Passed, vec![3]),
                (CheckStatus::Uncovered, vec![]),
            ]
        );
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    //! One run as tests of reports want it: passed, failed and skipped scenarios.

    use super::*;

    /// Three scenarios: one passed, one failed, one skipped.
    pub(crate) fn results() -> Results {
        let step = |id: u64, description: &str, status: StepStatus| Step {
            id,
            tool: "click".to_owned(),
            action: "click".to_owned(),
            description: description.to_owned(),
            args: Value::Null,
            line: Some(3),
            status,
            code: None,
            error: None,
            result: Value::Null,
            started_at: "2026-01-02T03:04:05.000Z".to_owned(),
            duration_ms: 120,
            url: "http://127.0.0.1:3000/".to_owned(),
            screenshot: Some(format!("screenshots/{id:03}_s{id}_click.jpg")),
        };
        let check = |id: &str, text: &str| Check {
            id: id.to_owned(),
            kind: "verify".to_owned(),
            line: Some(4),
            text: text.to_owned(),
            status: CheckStatus::Uncovered,
            assertions: Vec::new(),
        };
        let assertion =
            |id: u64, check: &str, text: &str, passed: bool, evidence: &str| Assertion {
                id,
                step: id,
                check: Some(check.to_owned()),
                description: text.to_owned(),
                claimed: None,
                passed,
                evidence: evidence.to_owned(),
                verified: true,
                disagreement: false,
                predicates: Vec::new(),
                screenshot: None,
                tree_sha256: None,
            };
        let good = "Verify \"1 item\" is visible";
        let bad = "Verify \"Thank you\" is visible";
        let mut first =
            Scenario::new(0, "Case 1: Cart".to_owned(), 1, "direct", vec![check("v1", good)]);
        first.steps.push(step(1, "click button \"Add\"", StepStatus::Completed));
        first.assert(assertion(2, "v1", good, true, "\"1 item\" is visible"));
        first.verdict = Some(Verdict::Passed);
        first.passed = true;
        first.summary = "1 of 1 checks passed.".to_owned();
        first.duration_ms = 1200;
        let mut second = Scenario::new(
            1,
            "Case 2: Pay".to_owned(),
            6,
            "direct",
            vec![check("v1", bad), check("v2", good)],
        );
        second.steps.push(step(3, "click button \"Pay now\"", StepStatus::Completed));
        second.assert(assertion(4, "v1", bad, false, "\"Thank you\" did not appear within 10 s"));
        second.verdict = Some(Verdict::Failed);
        second.reasons = vec![Reason::AssertionFailed, Reason::ChecksUncovered];
        second.summary = "0 of 2 checks passed.".to_owned();
        second.duration_ms = 11_000;
        let mut third = Scenario::new(2, "Case 3: Search".to_owned(), 9, "direct", Vec::new());
        third.verdict = Some(Verdict::Skipped);
        third.reasons = vec![Reason::StopOnFirstFailure];
        let scenarios = vec![first, second, third];
        Results {
            schema: SCHEMA.to_owned(),
            run_id: "01jzzzzzzzzzzzzzzzzzzzzzzz".to_owned(),
            url: "http://127.0.0.1:3000/".to_owned(),
            verdict: Some(Verdict::Failed),
            reason: Some("assertion_failed".to_owned()),
            exit_code: Some(1),
            aborted: true,
            abort_reason: Some("stop_on_first_failure".to_owned()),
            error: None,
            started_at: "2026-01-02T03:04:05.000Z".to_owned(),
            finished_at: Some("2026-01-02T03:04:17.200Z".to_owned()),
            duration_ms: 12_200,
            driver: "direct".to_owned(),
            model: None,
            viewport: Viewport { width: 1600, height: 900 },
            options: Map::new(),
            pass_criteria: Vec::new(),
            variables: Map::new(),
            secret_variables: Vec::new(),
            counts: Counts::of(&scenarios),
            browser: None,
            scenarios,
            improvements: Vec::new(),
            discovered: Vec::new(),
            dialogs: Vec::new(),
            handoffs: Vec::new(),
            usage: Usage::default(),
            warnings: Vec::new(),
            video: Video { status: "recorded".to_owned(), reason: None },
            artifacts: vec![Artifact {
                path: "video.webm".to_owned(),
                kind: "video".to_owned(),
                media_type: "video/webm".to_owned(),
                bytes: 5,
                sha256: "00".to_owned(),
            }],
        }
    }
}
