//! From a finished `TestRun` to an exit code and, where there is no report to be had, to what can be
//! said without one (pure).

use crate::{
    agent::{
        results::{Problem, Results, Viewport},
        verdict::Verdict as Word,
    },
    manifest::{
        status::{TestRunStatus, Verdict},
        test_run::TestRun,
    },
    pod::contract::Exit,
};

/// Reasons of an Errored run in which nothing was attempted (agent.md 8.3).
const NOT_ATTEMPTED: [&str; 9] = [
    "Usage",
    "BlockedByPolicy",
    "PlanEmpty",
    "PlanTooLarge",
    "HeaderSeparator",
    "ScenarioEmpty",
    "UnknownVariable",
    "Unparsable",
    "NoChecks",
];

/// The exit code of a verdict.
pub(super) fn exit(verdict: Verdict, reason: Option<&str>) -> Exit {
    match verdict {
        Verdict::Passed => Exit::Passed,
        Verdict::Failed => Exit::Failed,
        Verdict::Errored if reason.is_some_and(|reason| NOT_ATTEMPTED.contains(&reason)) => {
            Exit::Usage
        }
        Verdict::Errored => Exit::Errored,
        Verdict::Cancelled => Exit::Cancelled,
        Verdict::TimedOut => Exit::TimedOut,
    }
}

/// What the status alone tells, as the report of a run.
pub(super) fn from_status(run: &TestRun, status: &TestRunStatus, verdict: Verdict) -> Results {
    let uid = run.metadata.uid.as_deref().unwrap_or_default();
    let id = format!("{uid}-{}", status.attempt.unwrap_or(1));
    let times = status.times.clone().unwrap_or_default();
    let time = |time: Option<crate::manifest::time::Time>| {
        time.map(|time| format!("{:.3}", time.timestamp()))
    };
    let viewport = run.spec.viewport;
    let side = |pixels: i32| u32::try_from(pixels).unwrap_or(0);
    let viewport = Viewport { width: side(viewport.width), height: side(viewport.height) };
    let started = time(times.started).unwrap_or_default();
    let mut results = Results::new(id, run.spec.url.clone(), started, viewport);
    let exit = exit(verdict, status.reason.as_deref());
    results.verdict = Some(word(verdict));
    results.reason = status.reason.as_deref().map(snake);
    results.exit_code = Some(exit as u8);
    results.finished_at = time(times.finished);
    if let (Some(from), Some(to)) = (times.started, times.finished) {
        let taken = to.timestamp().duration_since(from.timestamp()).as_millis();
        results.duration_ms = u64::try_from(taken).unwrap_or(0);
    }
    if let Some(scenarios) = &status.scenarios {
        let count = |count: i32| usize::try_from(count).unwrap_or(0);
        results.counts.total = count(scenarios.total);
        results.counts.passed = count(scenarios.passed);
        results.counts.failed = count(scenarios.failed);
    }
    if verdict != Verdict::Passed {
        let code = results.reason.clone().unwrap_or_else(|| "errored".to_owned());
        let message = status.message.clone().unwrap_or_default();
        results.error = Some(Problem { code, message });
    }
    "unavailable".clone_into(&mut results.video.status);
    results
}

/// Where the operator decides otherwise than the agent, the `TestRun` counts.
pub(super) fn overrule(results: &mut Results, status: &TestRunStatus, verdict: Verdict) {
    if results.verdict != Some(word(verdict)) {
        results.verdict = Some(word(verdict));
        results.reason = status.reason.as_deref().map(snake);
        results.exit_code = Some(exit(verdict, status.reason.as_deref()) as u8);
    }
}

fn word(verdict: Verdict) -> Word {
    match verdict {
        Verdict::Passed => Word::Passed,
        Verdict::Failed => Word::Failed,
        Verdict::Errored => Word::Errored,
        Verdict::Cancelled => Word::Cancelled,
        Verdict::TimedOut => Word::Aborted,
    }
}

/// `AssertionFailed` as `assertion_failed`.
fn snake(reason: &str) -> String {
    let mut text = String::new();
    let mut before = '_';
    for one in reason.chars() {
        // The letters of OOM belong together.
        if one.is_ascii_uppercase() && !before.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(one.to_ascii_lowercase());
        before = one;
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_verdict_has_its_exit_code() {
        for (verdict, reason, code) in [
            (Verdict::Passed, None, 0),
            (Verdict::Failed, Some("AssertionFailed"), 1),
            (Verdict::Errored, Some("Unparsable"), 2),
            (Verdict::Errored, Some("PreflightFailed"), 3),
            (Verdict::Errored, None, 3),
            (Verdict::TimedOut, Some("Timeout"), 4),
            (Verdict::Cancelled, Some("Cancelled"), 5),
        ] {
            assert_eq!(exit(verdict, reason) as u8, code, "{verdict:?} {reason:?}");
        }
    }

    #[test]
    fn without_a_report_the_status_says_what_it_knows() {
        let run: TestRun = serde_json::from_value(json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun",
            "metadata": {"name": "checkout", "uid": "3f1c"},
            "spec": {"url": "https://shop.example", "plan": "x"},
            "status": {
                "phase": "Finished", "verdict": "Errored", "reason": "OOMKilled", "attempt": 2,
                "message": "The browser ran out of memory.",
                "scenarios": {"total": 3, "passed": 1, "failed": 0, "summary": "1/3"},
                "times": {"started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:01:05Z"},
            },
        }))
        .unwrap();
        let status = run.status.clone().unwrap();
        let results = from_status(&run, &status, Verdict::Errored);
        assert_eq!((results.run_id.as_str(), results.duration_ms), ("3f1c-2", 65_000));
        assert_eq!(results.reason.as_deref(), Some("oomkilled"));
        assert_eq!((results.counts.total, results.counts.passed), (3, 1));
        assert_eq!(results.error.unwrap().message, "The browser ran out of memory.");
        assert_eq!((results.exit_code, results.verdict), (Some(3), Some(Word::Errored)));
    }

    #[test]
    fn the_testrun_has_the_last_word() {
        let viewport = Viewport { width: 1, height: 1 };
        let mut results = Results::new(String::new(), String::new(), String::new(), viewport);
        results.verdict = Some(Word::Passed);
        results.exit_code = Some(0);
        let reason = Some("PodLost".to_owned());
        let status = TestRunStatus { reason, ..TestRunStatus::default() };
        overrule(&mut results, &status, Verdict::Errored);
        assert_eq!(results.reason.as_deref(), Some("pod_lost"));
        assert_eq!((results.exit_code, results.verdict), (Some(3), Some(Word::Errored)));
    }
}
