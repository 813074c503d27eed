//! From evidence to a verdict that cannot be talked into green (agent.md 7.4 and 8; pure).
//!
//! A scenario passes only if it was completed, nothing asserted failed, every check is covered and
//! something was asserted at all. Every other way to end has its own reason and can never pass.

use serde::{Deserialize, Serialize};

use crate::pod::contract::Exit;

/// What became of a scenario or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that was asked for was seen.
    Passed,
    /// It was not.
    Failed,
    /// It could not be carried out.
    Errored,
    /// A deadline or a budget ended it.
    Aborted,
    /// Somebody ended it.
    Cancelled,
    /// Never started.
    Skipped,
}

impl Verdict {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Aborted => "aborted",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

/// Why something did not pass. One of a fixed set, never text from a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of agent.md 7.4, 8.1 and 8.3")]
pub enum Reason {
    AssertionFailed,
    ChecksUncovered,
    NoAssertions,
    DeclaredFailed,
    NoCompletion,
    Truncated,
    ModelRefused,
    StepFailed,
    HandoffTimedOut,
    StepBudget,
    TokenBudget,
    Timeout,
    Cancelled,
    ModelUnavailable,
    ModelAuth,
    ContextOverflow,
    BrowserLost,
    NavigationFailed,
    Internal,
    StopOnFirstFailure,
    Usage,
    PreflightFailed,
    BrowserFailed,
    ArtifactsUnwritable,
    ProfileBusy,
    VideoUnavailable,
    ModelMissing,
    BlockedByPolicy,
}

impl Reason {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AssertionFailed => "assertion_failed",
            Self::ChecksUncovered => "checks_uncovered",
            Self::NoAssertions => "no_assertions",
            Self::DeclaredFailed => "declared_failed",
            Self::NoCompletion => "no_completion",
            Self::Truncated => "truncated",
            Self::ModelRefused => "model_refused",
            Self::StepFailed => "step_failed",
            Self::HandoffTimedOut => "handoff_timed_out",
            Self::StepBudget => "step_budget",
            Self::TokenBudget => "token_budget",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::ModelUnavailable => "model_unavailable",
            Self::ModelAuth => "model_auth",
            Self::ContextOverflow => "context_overflow",
            Self::BrowserLost => "browser_lost",
            Self::NavigationFailed => "navigation_failed",
            Self::Internal => "internal",
            Self::StopOnFirstFailure => "stop_on_first_failure",
            Self::Usage => "usage",
            Self::PreflightFailed => "preflight_failed",
            Self::BrowserFailed => "browser_failed",
            Self::ArtifactsUnwritable => "artifacts_unwritable",
            Self::ProfileBusy => "profile_busy",
            Self::VideoUnavailable => "video_unavailable",
            Self::ModelMissing => "model_missing",
            Self::BlockedByPolicy => "blocked_by_policy",
        }
    }
}

/// How a scenario came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `complete_scenario` was accepted.
    Completed {
        /// What it claimed.
        passed: bool,
    },
    /// Anything else of agent.md 7.4 after the scenario had begun. Never passes.
    CutShort(Reason),
    /// It never began, for the reason that stopped the run.
    NeverStarted(Reason),
}

/// What the rule needs to know about the assertions of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How many assertions were made.
    pub assertions: usize,
    /// How many of them failed. One that failed stays failed, whatever came later.
    pub failed: usize,
    /// How many checks no assertion carries the id of.
    pub uncovered: usize,
}

/// The scenario rule (agent.md 8.1): the verdict and every reason, the first being the main one.
pub fn scenario(ending: Ending, evidence: Evidence) -> (Verdict, Vec<Reason>) {
    let mut findings = Vec::new();
    if evidence.failed > 0 {
        findings.push(Reason::AssertionFailed);
    }
    if evidence.assertions == 0 {
        findings.push(Reason::NoAssertions);
    }
    if evidence.uncovered > 0 {
        findings.push(Reason::ChecksUncovered);
    }
    match ending {
        Ending::Completed { passed: true } if findings.is_empty() => (Verdict::Passed, findings),
        Ending::Completed { passed: true } => (Verdict::Failed, findings),
        Ending::Completed { passed: false } => {
            findings.insert(0, Reason::DeclaredFailed);
            (Verdict::Failed, findings)
        }
        Ending::CutShort(reason) => (cut_short(reason), vec![reason]),
        Ending::NeverStarted(reason) => (Verdict::Skipped, vec![reason]),
    }
}

/// The verdict that belongs to an ending (agent.md 7.4).
fn cut_short(reason: Reason) -> Verdict {
    match reason {
        Reason::NoCompletion
        | Reason::Truncated
        | Reason::ModelRefused
        | Reason::StepFailed
        | Reason::HandoffTimedOut
        | Reason::AssertionFailed
        | Reason::ChecksUncovered
        | Reason::NoAssertions
        | Reason::DeclaredFailed
        | Reason::StopOnFirstFailure => Verdict::Failed,
        Reason::StepBudget | Reason::TokenBudget | Reason::Timeout => Verdict::Aborted,
        Reason::Cancelled => Verdict::Cancelled,
        Reason::ModelUnavailable
        | Reason::ModelAuth
        | Reason::ContextOverflow
        | Reason::BrowserLost
        | Reason::NavigationFailed
        | Reason::Internal
        | Reason::Usage
        | Reason::PreflightFailed
        | Reason::BrowserFailed
        | Reason::ArtifactsUnwritable
        | Reason::ProfileBusy
        | Reason::VideoUnavailable
        | Reason::ModelMissing
        | Reason::BlockedByPolicy => Verdict::Errored,
    }
}

/// The run's verdict and its reason from those of its scenarios (agent.md 8.3): the first that
/// occurs of cancelled, errored, aborted, failed, else passed. A run passes only if it has a
/// scenario and all passed. `stop` is why the run as a whole ended early, if it did; it decides
/// where no scenario had begun.
pub fn run(
    scenarios: &[(Verdict, Option<Reason>)],
    stop: Option<Reason>,
) -> (Verdict, Option<Reason>) {
    let first = |wanted: Verdict| {
        scenarios.iter().find(|(verdict, _)| *verdict == wanted).map(|(_, reason)| *reason)
    };
    for verdict in [Verdict::Cancelled, Verdict::Errored, Verdict::Aborted, Verdict::Failed] {
        let stopped = stop.filter(|reason| cut_short(*reason) == verdict);
        if let Some(reason) = first(verdict) {
            return (verdict, reason.or(stopped));
        }
        if stopped.is_some() {
            return (verdict, stopped);
        }
    }
    if scenarios.is_empty() || first(Verdict::Skipped).is_some() {
        return (Verdict::Errored, Some(Reason::Internal));
    }
    (Verdict::Passed, None)
}

/// The exit code of a run (agent.md 8.3). `attempted` is false if the run ended before anything was
/// done: usage, a plan error, or a run URL that the policy forbids.
pub fn exit(verdict: Verdict, attempted: bool) -> Exit {
    match verdict {
        Verdict::Passed => Exit::Passed,
        Verdict::Failed => Exit::Failed,
        Verdict::Errored if !attempted => Exit::Usage,
        Verdict::Errored | Verdict::Skipped => Exit::Errored,
        Verdict::Aborted => Exit::TimedOut,
        Verdict::Cancelled => Exit::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of the truth table: completion, a failed assertion, all covered, any assertion.
    #[track_caller]
    fn check(ending: Ending, f: bool, v: bool, a: bool, verdict: Verdict, reasons: &[Reason]) {
        let evidence = Evidence {
            assertions: if a { 2 } else { 0 },
            failed: usize::from(f),
            uncovered: usize::from(!v),
        };
        assert_eq!(
            scenario(ending, evidence),
            (verdict, reasons.to_vec()),
            "{ending:?} failed={f} covered={v} any={a}"
        );
    }

    // agent.md 17.4
    #[test]
    fn the_truth_table_row_by_row() {
        use Reason::{
            AssertionFailed, ChecksUncovered, DeclaredFailed, NoAssertions, NoCompletion, Truncated,
        };
        let yes = Ending::Completed { passed: true };
        let no = Ending::Completed { passed: false };
        check(yes, false, true, true, Verdict::Passed, &[]);
        check(yes, false, false, true, Verdict::Failed, &[ChecksUncovered]);
        check(yes, true, true, true, Verdict::Failed, &[AssertionFailed]);
        check(yes, true, false, true, Verdict::Failed, &[AssertionFailed, ChecksUncovered]);
        check(yes, false, true, false, Verdict::Failed, &[NoAssertions]);
        check(yes, false, false, false, Verdict::Failed, &[NoAssertions, ChecksUncovered]);
        check(no, false, true, true, Verdict::Failed, &[DeclaredFailed]);
        check(no, true, true, true, Verdict::Failed, &[DeclaredFailed, AssertionFailed]);
        check(no, false, false, true, Verdict::Failed, &[DeclaredFailed, ChecksUncovered]);
        check(
            no,
            false,
            false,
            false,
            Verdict::Failed,
            &[DeclaredFailed, NoAssertions, ChecksUncovered],
        );
        for (f, v, a) in [(false, true, true), (true, true, true), (false, false, false)] {
            check(Ending::CutShort(NoCompletion), f, v, a, Verdict::Failed, &[NoCompletion]);
            check(Ending::CutShort(Truncated), f, v, a, Verdict::Failed, &[Truncated]);
        }
    }

    #[test]
    fn no_ending_but_a_completion_can_pass() {
        let perfect = Evidence { assertions: 3, failed: 0, uncovered: 0 };
        for (reason, verdict) in [
            (Reason::NoCompletion, Verdict::Failed),
            (Reason::Truncated, Verdict::Failed),
            (Reason::ModelRefused, Verdict::Failed),
            (Reason::StepFailed, Verdict::Failed),
            (Reason::HandoffTimedOut, Verdict::Failed),
            (Reason::StepBudget, Verdict::Aborted),
            (Reason::TokenBudget, Verdict::Aborted),
            (Reason::Timeout, Verdict::Aborted),
            (Reason::Cancelled, Verdict::Cancelled),
            (Reason::ModelUnavailable, Verdict::Errored),
            (Reason::ModelAuth, Verdict::Errored),
            (Reason::ContextOverflow, Verdict::Errored),
            (Reason::BrowserLost, Verdict::Errored),
            (Reason::NavigationFailed, Verdict::Errored),
            (Reason::Internal, Verdict::Errored),
        ] {
            assert_eq!(scenario(Ending::CutShort(reason), perfect), (verdict, vec![reason]));
            assert_eq!(
                scenario(Ending::NeverStarted(reason), perfect),
                (Verdict::Skipped, vec![reason])
            );
        }
    }

    #[test]
    fn the_worst_scenario_decides_the_run() {
        let passed = (Verdict::Passed, None);
        let failed = (Verdict::Failed, Some(Reason::AssertionFailed));
        let aborted = (Verdict::Aborted, Some(Reason::StepBudget));
        let errored = (Verdict::Errored, Some(Reason::BrowserLost));
        let cancelled = (Verdict::Cancelled, Some(Reason::Cancelled));
        let skipped = (Verdict::Skipped, Some(Reason::StopOnFirstFailure));
        assert_eq!(run(&[passed, passed], None), (Verdict::Passed, None));
        assert_eq!(
            run(&[passed, failed, (Verdict::Failed, Some(Reason::StepFailed))], None),
            failed_run()
        );
        assert_eq!(run(&[failed, skipped], Some(Reason::StopOnFirstFailure)), failed_run());
        assert_eq!(run(&[failed, aborted], None).0, Verdict::Aborted);
        assert_eq!(run(&[aborted, errored, failed], None).0, Verdict::Errored);
        assert_eq!(run(&[errored, cancelled, aborted], None).0, Verdict::Cancelled);
    }

    fn failed_run() -> (Verdict, Option<Reason>) {
        (Verdict::Failed, Some(Reason::AssertionFailed))
    }

    #[test]
    fn a_run_that_carried_out_nothing_does_not_pass() {
        let skipped = (Verdict::Skipped, Some(Reason::PreflightFailed));
        assert_eq!(run(&[], None), (Verdict::Errored, Some(Reason::Internal)));
        assert_eq!(run(&[skipped], None), (Verdict::Errored, Some(Reason::Internal)));
        assert_eq!(
            run(&[skipped], Some(Reason::PreflightFailed)),
            (Verdict::Errored, Some(Reason::PreflightFailed))
        );
        assert_eq!(
            run(&[(Verdict::Passed, None), skipped], Some(Reason::Timeout)),
            (Verdict::Aborted, Some(Reason::Timeout))
        );
        assert_eq!(
            run(&[(Verdict::Passed, None)], Some(Reason::ArtifactsUnwritable)),
            (Verdict::Errored, Some(Reason::ArtifactsUnwritable))
        );
    }

    #[test]
    fn exit_codes_follow_the_verdict() {
        for (verdict, attempted, code) in [
            (Verdict::Passed, true, 0),
            (Verdict::Failed, true, 1),
            (Verdict::Errored, false, 2),
            (Verdict::Errored, true, 3),
            (Verdict::Aborted, true, 4),
            (Verdict::Cancelled, true, 5),
        ] {
            assert_eq!(exit(verdict, attempted) as u8, code, "{verdict:?}");
        }
    }

    #[test]
    fn names_are_stored_as_they_are_printed() {
        for reason in [Reason::AssertionFailed, Reason::StopOnFirstFailure, Reason::NoAssertions] {
            assert_eq!(serde_json::json!(reason), reason.as_str());
        }
        assert_eq!(serde_json::json!(Verdict::Aborted), Verdict::Aborted.as_str());
    }
}
