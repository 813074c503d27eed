//! Conditions: written from a record, and the few facts that only they hold read back.
//!
//! Their messages are short and mostly empty: a status may have 4 KiB, and `status.message` is where
//! people look.

use super::{Artifacts, Record, Waiting};
use crate::{
    decide::{moment::Moment, observed::Run},
    manifest::{
        condition::{Condition, ConditionStatus, TestRunCondition},
        status::{Phase, Verdict},
    },
};

/// Reasons of `ArtifactsUploaded` that are read back.
pub(super) const KEPT_IN_POD: &str = "KeptInPod";
pub(super) const UPLOADING: &str = "Uploading";
pub(super) const UPLOAD_FAILED: &str = "UploadFailed";
/// Reasons that say what a run waits for.
const TARGET_SILENT: &str = "NotAnswering";
const WRONG_REVISION: &str = "WrongRevision";
const CREATION_REFUSED: &str = "CreationRefused";

/// A condition in the making: type, status, reason, message, and when it began if the record knows.
type Said<'a> = (TestRunCondition, ConditionStatus, &'a str, &'a str, Option<Moment>);

/// All conditions of a run. One whose status is the same as in `old` keeps its time.
pub(super) fn write(record: &Record, run: &Run, old: &[Condition], now: Moment) -> Vec<Condition> {
    said(record, run)
        .into_iter()
        .map(|(which, status, reason, message, since)| {
            let before = old
                .iter()
                .find(|condition| condition.type_ == which.name() && condition.status == status)
                .map(|condition| condition.last_transition_time);
            Condition {
                type_: which.name().to_owned(),
                status,
                observed_generation: Some(record.generation),
                last_transition_time: since
                    .map(Into::into)
                    .or(before)
                    .unwrap_or_else(|| now.into()),
                reason: reason.to_owned(),
                message: message.to_owned(),
            }
        })
        .collect()
}

fn said<'a>(record: &'a Record, run: &Run) -> Vec<Said<'a>> {
    use ConditionStatus::{False, True, Unknown};
    use TestRunCondition as Is;
    let ended = record.ending.as_ref();
    let mut said: Vec<Said<'a>> = Vec::with_capacity(10);
    said.push(match &record.waiting {
        Some(Waiting::Problem(reason)) => (Is::Accepted, False, reason, "", None),
        _ if record.accepted.is_some() => (Is::Accepted, True, "Accepted", "", record.accepted),
        _ => (Is::Accepted, Unknown, "NotLooked", "", None),
    });
    said.push(match (&record.waiting, record.target_ready) {
        (_, Some(at)) => (Is::TargetReady, True, "Ready", "", Some(at)),
        (Some(Waiting::TargetSilent), _) => (Is::TargetReady, False, TARGET_SILENT, "", None),
        (Some(Waiting::WrongRevision), _) => (Is::TargetReady, False, WRONG_REVISION, "", None),
        _ if run.readiness.is_none() => {
            (Is::TargetReady, True, "NotAsked", "the agent looks once, as it begins", None)
        }
        _ => (Is::TargetReady, False, "NotLooked", "", None),
    });
    let over = if record.gone { Some("Gone") } else { ended.map(|_| "Finished") };
    said.push(match (record.retrying, over) {
        (Some(since), _) if record.waiting == Some(Waiting::Creation) => {
            (Is::PodReady, Unknown, CREATION_REFUSED, "", Some(since))
        }
        (Some(since), _) => (Is::PodReady, Unknown, "Retrying", "", Some(since)),
        (None, Some("Gone")) => (Is::PodReady, False, "Gone", "", None),
        (None, _) if record.browser_ready.is_some() => (Is::PodReady, True, "Ready", "", None),
        (None, _) if record.waiting == Some(Waiting::Creation) => {
            (Is::PodReady, False, CREATION_REFUSED, "", None)
        }
        (None, Some(_)) => (Is::PodReady, False, "NeverReady", "", None),
        (None, None) if record.pod.is_some() => (Is::PodReady, False, "Starting", "", None),
        (None, None) => (Is::PodReady, False, "NoPod", "", None),
    });
    said.push(match (record.browser_ready, over) {
        (Some(_), Some("Gone")) => (Is::BrowserReady, False, "Gone", "", None),
        (Some(at), _) => (Is::BrowserReady, True, "Ready", "", Some(at)),
        (None, _) => (Is::BrowserReady, False, "NotReady", "", None),
    });
    said.push(match (record.started, ended) {
        (_, Some(_)) => (Is::Running, False, "Finished", "", record.finished),
        (Some(at), None) => (Is::Running, True, "Running", "", Some(at)),
        (None, None) => (Is::Running, False, "NotStarted", "", None),
    });
    let verdict = ended.map(|ending| word(ending.verdict));
    said.push(match verdict {
        Some(verdict) => (Is::Finished, True, verdict, "", record.finished),
        None => (Is::Finished, False, "NotFinished", "", None),
    });
    if let Some(ending) = ended {
        let reason = if ending.reason.is_empty() { word(ending.verdict) } else { &ending.reason };
        let passed = if ending.verdict == Verdict::Passed { True } else { False };
        said.push((Is::Succeeded, passed, reason, "", record.finished));
        match ending.sandboxed {
            Some(true) => said.push((Is::Sandboxed, True, "Sandboxed", "", record.finished)),
            Some(false) if run.sandbox_off => {
                said.push((Is::Sandboxed, False, "AskedOff", "", record.finished));
            }
            Some(false) => said.push((
                Is::Sandboxed,
                False,
                "NotAvailable",
                "the container is the only wall between page and node",
                record.finished,
            )),
            None => {}
        }
        said.push(match &record.artifacts {
            Artifacts::Open | Artifacts::Uploading => {
                (Is::ArtifactsUploaded, False, UPLOADING, "", None)
            }
            Artifacts::Stored(_) => (Is::ArtifactsUploaded, True, "Uploaded", "", record.uploaded),
            Artifacts::Kept(_) => {
                let why = "no storage is configured: they go with the pod";
                (Is::ArtifactsUploaded, True, KEPT_IN_POD, why, record.uploaded)
            }
            Artifacts::Nothing(why) => (Is::ArtifactsUploaded, False, why, "", None),
            Artifacts::Failed(why) => (Is::ArtifactsUploaded, False, UPLOAD_FAILED, why, None),
        });
    }
    said.push(match (record.available, over) {
        (true, _) => (Is::HandoffAvailable, True, "BrowserKept", "", None),
        (false, None) => (Is::HandoffAvailable, False, "NotFinished", "", None),
        (false, Some(_)) => (Is::HandoffAvailable, False, "BrowserGone", "", None),
    });
    said
}

/// What a run waits for, which only phase and conditions say.
pub(super) fn read_waiting<'a>(
    phase: Option<Phase>,
    condition: impl Fn(TestRunCondition) -> Option<&'a Condition>,
) -> Option<Waiting> {
    let unmet = |which| {
        condition(which)
            .filter(|found| found.status != ConditionStatus::True)
            .map(|found| found.reason.as_str())
    };
    if let Some(refused) = condition(TestRunCondition::Accepted)
        && refused.status == ConditionStatus::False
    {
        return Some(Waiting::Problem(refused.reason.clone()));
    }
    match (unmet(TestRunCondition::TargetReady), unmet(TestRunCondition::PodReady)) {
        (Some(TARGET_SILENT), _) => Some(Waiting::TargetSilent),
        (Some(WRONG_REVISION), _) => Some(Waiting::WrongRevision),
        (_, Some(CREATION_REFUSED)) => Some(Waiting::Creation),
        _ => (phase == Some(Phase::Queued)).then_some(Waiting::Queue),
    }
}

/// A verdict as a reason.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Errored => "Errored",
        Verdict::Cancelled => "Cancelled",
        Verdict::TimedOut => "TimedOut",
    }
}
