//! How an attempt ends: what an agent's end is worth, and what the operator decides by itself.

use super::{
    observed::{AgentEnd, Attempt, Disruption, Pod, Report},
    record::Ending,
    turn::Turn,
};
use crate::{decide::action::Only, manifest::status::Verdict};

/// An end that infrastructure caused. It is tried again while `backoffLimit` allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The pod is gone, or was told to go.
    PodLost,
    /// The cluster took it away.
    Evicted,
    /// Its agent did not begin in time.
    StartDeadlineExceeded,
}

impl Loss {
    /// What became of a pod that is being taken away.
    pub(super) fn of(pod: &Pod) -> Self {
        match pod.disruption {
            Some(Disruption::Evicted) => Self::Evicted,
            Some(Disruption::NodeLost) | None => Self::PodLost,
        }
    }

    /// Whether a verdict says that infrastructure took the pod.
    pub(super) fn took_the_pod(ending: &Ending) -> bool {
        [Self::PodLost, Self::Evicted].iter().any(|loss| ending.reason == loss.reason())
    }

    fn reason(self) -> &'static str {
        match self {
            Self::PodLost => "PodLost",
            Self::Evicted => "Evicted",
            Self::StartDeadlineExceeded => "StartDeadlineExceeded",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::PodLost => "the pod was deleted or its node was lost before the run had ended",
            Self::Evicted => "the cluster took the pod away before the run had ended",
            Self::StartDeadlineExceeded => {
                "the run did not begin within startDeadlineSeconds (queueing, scheduling, image pull)"
            }
        }
    }
}

/// What the end of an agent's container is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth<'a> {
    /// The message counts as it is.
    Reported(&'a Report),
    /// Somebody cancelled the run, and the agent says so.
    Cancelled(&'a Report),
    /// It lost its browser, which had used more memory than it may.
    Exhausted(&'a Report),
    /// It was stopped with its pod.
    Lost(Loss),
    /// It ended without a verdict that counts, for this reason.
    Crashed(&'static str),
}

/// An agent's reason for an error: there was a browser, and it is gone.
const BROWSER_LOST: &str = "BrowserLost";
/// What is said of a run that needed more memory than it may have.
const OUT_OF_MEMORY: &str =
    "a container of the run used more memory than its limit; raise pod.resources";

/// The exit codes that belong to a verdict (agent.md 8.3).
fn exit_codes(verdict: Verdict) -> &'static [i32] {
    match verdict {
        Verdict::Passed => &[0],
        Verdict::Failed => &[1],
        // Nothing was attempted, or it was.
        Verdict::Errored => &[2, 3],
        Verdict::TimedOut => &[4],
        Verdict::Cancelled => &[5],
    }
}

/// A verdict counts only if the message parses and the exit code is that verdict's. Cancelled counts
/// only if somebody wanted it; an agent that was told to stop by a drain or an eviction says it too.
pub(super) fn worth<'a>(end: &'a AgentEnd, pod: &Pod, cancelled: bool) -> Worth<'a> {
    let taken_away = pod.deleting.is_some() || pod.disruption.is_some();
    match end.report.as_ref().filter(|report| exit_codes(report.verdict).contains(&end.exit)) {
        Some(report) if end.out_of_memory && report.reason == BROWSER_LOST => {
            Worth::Exhausted(report)
        }
        Some(report) if report.verdict != Verdict::Cancelled => Worth::Reported(report),
        Some(report) if cancelled || report.stopped_by_human => Worth::Cancelled(report),
        _ if end.out_of_memory => Worth::Crashed("OOMKilled"),
        _ if taken_away => Worth::Lost(Loss::of(pod)),
        _ => Worth::Crashed("AgentCrashed"),
    }
}

impl Turn<'_> {
    /// The agent has ended.
    pub(super) fn judge(&mut self, end: &AgentEnd, pod: &Pod) {
        let run = &self.facts.run;
        match worth(end, pod, run.cancelled) {
            Worth::Reported(report) => {
                let ending = Ending {
                    verdict: report.verdict,
                    reason: report.reason.clone(),
                    scenarios: report.scenarios.clone(),
                    usage: report.usage.clone(),
                    sandboxed: report.sandboxed,
                };
                self.finish(ending, &report.message, Some(pod));
            }
            Worth::Exhausted(report) => {
                let ending = Ending {
                    verdict: Verdict::Errored,
                    reason: "OOMKilled".to_owned(),
                    scenarios: report.scenarios.clone(),
                    usage: report.usage.clone(),
                    sandboxed: report.sandboxed,
                };
                self.finish(ending, OUT_OF_MEMORY, Some(pod));
            }
            Worth::Cancelled(report) => {
                let (reason, message) = self.cancellation();
                let (reason, message) = if run.cancelled {
                    (reason, message)
                } else {
                    ("StoppedByHuman", "somebody stopped the run in the takeover page")
                };
                let ending = Ending {
                    verdict: Verdict::Cancelled,
                    reason: reason.to_owned(),
                    scenarios: report.scenarios.clone(),
                    usage: report.usage.clone(),
                    sandboxed: report.sandboxed,
                };
                self.finish(ending, message, Some(pod));
            }
            Worth::Lost(loss) => self.lost(loss, Some(pod)),
            Worth::Crashed(reason) => {
                let message = if reason == "OOMKilled" {
                    OUT_OF_MEMORY
                } else {
                    "the agent ended without a verdict; its log has the cause"
                };
                self.finish(bare(Verdict::Errored, reason), message, Some(pod));
            }
        }
    }

    /// The attempt is lost: it is tried again, or the run ends with that. Decided from what is not
    /// there (any more), so the pods must be as seen.
    pub(super) fn lost(&mut self, loss: Loss, pod: Option<&Pod>) {
        self.only = Only::PodsAsSeen;
        let run = &self.facts.run;
        let attempt = Attempt(self.attempt());
        if run.cancelled {
            self.cancel(pod);
        } else if attempt.0 <= run.backoff_limit {
            let next = attempt.next();
            let message = format!(
                "attempt {}: {}; attempt {} of {} follows",
                attempt.0,
                loss.message(),
                next.0,
                run.backoff_limit.saturating_add(1),
            );
            let record = &mut self.record;
            record.attempt = next.0;
            record.pod = None;
            record.retrying = Some(self.now);
            record.bound = None;
            record.browser_ready = None;
            record.started = None;
            record.handed_off = false;
            self.say(None, &message);
        } else {
            self.finish(bare(Verdict::Errored, loss.reason()), loss.message(), pod);
        }
    }

    /// Ends a run whose agent did not begin, is gone, or does not listen.
    pub(super) fn cancel(&mut self, pod: Option<&Pod>) {
        self.only = Only::PodsAsSeen;
        let (reason, message) = self.cancellation();
        self.finish(bare(Verdict::Cancelled, reason), message, pod);
    }

    fn cancellation(&self) -> (&'static str, &'static str) {
        if self.facts.run.superseded {
            ("Superseded", "a newer run with the same concurrency key took its place")
        } else {
            ("Cancelled", "desiredState is Cancelled")
        }
    }
}

/// An ending of which the agent said nothing.
pub(super) fn bare(verdict: Verdict, reason: &str) -> Ending {
    Ending { verdict, reason: reason.to_owned(), scenarios: None, usage: None, sandboxed: None }
}
