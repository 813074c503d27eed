//! The lines of events.ndjson (agent.md 11.1; pure).
#![expect(missing_docs, reason = "fields are those of agent.md 11.1 and 11.2")]

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::agent::{
    discovery::Case,
    results::{Assertion, Step, Viewport},
    verdict::{Reason, Verdict},
};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub v: u8,
    pub run: String,
    /// Index of the scenario it belongs to.
    pub scenario: Option<usize>,
    /// From 1, without gaps.
    pub seq: u64,
    pub ts: String,
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    RunStart {
        url: String,
        plan_sha256: String,
        scenarios: Vec<Announced>,
        model: Option<Value>,
        viewport: Viewport,
        versions: Map<String, Value>,
        options: Map<String, Value>,
    },
    Status {
        phase: String,
        message: String,
    },
    Error {
        code: String,
        message: String,
    },
    Preflight {
        method: String,
        status: Option<u16>,
        ms: u64,
        address: Option<String>,
        ok: bool,
        cause: Option<String>,
    },
    Browser {
        /// `launched`, `attached`, `lost`, `replaced`, `closed`.
        state: String,
        version: Option<String>,
    },
    ScenarioStart {
        index: usize,
        name: String,
        total: usize,
        driver: String,
        checks: usize,
    },
    ScenarioComplete {
        index: usize,
        name: String,
        verdict: Verdict,
        reasons: Vec<Reason>,
        summary: String,
        duration_ms: u64,
    },
    /// Once `running`, once final.
    Step(StepEvent),
    Assertion(Assertion),
    Screenshot {
        path: String,
        step: Option<u64>,
        /// `initial`, `after`, `explicit`, `full_page`.
        kind: String,
    },
    /// What a model says or thinks.
    Reasoning {
        text: String,
    },
    /// An improvement of agent.md 11.2.
    ImprovementSuggestion(Value),
    /// What one request to a model used.
    Usage {
        /// `main` or `discovery`.
        scope: String,
        input: u64,
        output: u64,
        cache_read: u64,
        cache_write: u64,
        /// None where the price is not known.
        cost_usd: Option<f64>,
    },
    /// A request to a model failed and is sent again.
    ModelRetry {
        /// The number of the attempt that follows; the first was 1.
        attempt: u32,
        /// HTTP status that the failure counts as; none if the connection failed.
        status: Option<u16>,
        wait_ms: u64,
    },
    Dialog {
        kind: String,
        text: String,
        answer: String,
        by: String,
    },
    PageDiscovered {
        url: String,
        title: String,
        screenshot: Option<String>,
    },
    /// Whole lines, as they come; void if the request is repeated.
    DiscoveredCasesChunk {
        url: String,
        delta: String,
    },
    DiscoveredCasesComplete {
        url: String,
        cases: Vec<Case>,
    },
    Tab {
        /// `t1`; counts up in a browser.
        id: String,
        url: String,
        /// `opened`, `current`, `closed`, `crashed`.
        state: String,
    },
    Download {
        /// As the page called it.
        name: String,
        /// None of these three if it was not kept.
        bytes: Option<u64>,
        sha256: Option<String>,
        /// In the run directory.
        path: Option<String>,
        /// Why it was not kept.
        error: Option<String>,
    },
    Video {
        /// `started`, `paused`, `resumed`, `finished`, `unavailable`.
        state: String,
        reason: Option<String>,
    },
    /// Always last.
    Report {
        verdict: Verdict,
        reason: Option<String>,
        exit_code: u8,
        path: String,
    },
}

/// A scenario in [`Event::RunStart`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Announced {
    pub name: String,
    pub driver: String,
    pub checks: usize,
}

/// [`Event::Step`]: the part of a step that people follow live.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepEvent {
    pub id: u64,
    pub tool: String,
    pub action: String,
    pub description: String,
    pub args: Value,
    pub status: super::results::StepStatus,
    pub code: Option<String>,
    pub duration_ms: u64,
    pub url: String,
    pub line: Option<u32>,
    /// Why it failed, in a sentence.
    pub error: Option<String>,
}

impl From<&Step> for StepEvent {
    fn from(step: &Step) -> Self {
        Self {
            id: step.id,
            tool: step.tool.clone(),
            action: step.action.clone(),
            description: step.description.clone(),
            args: step.args.clone(),
            status: step.status,
            code: step.code.clone(),
            duration_ms: step.duration_ms,
            url: step.url.clone(),
            line: step.line,
            error: step.error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_envelope_and_one_data_object() {
        let line = Line {
            v: 1,
            run: "01run".to_owned(),
            scenario: None,
            seq: 1,
            ts: "2026-01-02T03:04:05.678Z".to_owned(),
            event: Event::Status { phase: "plan".to_owned(), message: "hi".to_owned() },
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(
            text,
            r#"{"v":1,"run":"01run","scenario":null,"seq":1,"ts":"2026-01-02T03:04:05.678Z","type":"status","data":{"phase":"plan","message":"hi"}}"#
        );
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap().seq, 1);
    }
}
