//! From a Pod of the API to what a decision needs of it (pure).

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod as ApiPod};
use kube::ResourceExt;

use crate::{
    decide::{
        Agent, AgentEnd, Attempt, Browser, Disruption, GateContainer, Moment, Pod, PodUid, Report,
        Stored, Upload,
    },
    manifest::status::{Scenarios, Usage, Verdict},
    operator::caches::DEADLINE,
    pod::{
        ATTEMPT_LABEL, FINALIZER, MARKS,
        contract::{
            RunVerdict, StoppedBy, Termination, UploadReport, UploadState, places,
            termination::Sandboxed,
        },
    },
};

/// A run pod; `None` if it does not say which attempt it is, so that it is not one of ours.
pub(in crate::operator) fn seen(pod: &ApiPod) -> Option<Pod> {
    let attempt = Attempt(pod.labels().get(ATTEMPT_LABEL)?.parse().ok()?);
    let created = moment(pod.metadata.creation_timestamp.as_ref()).unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let scheduled = condition(pod, "PodScheduled");
    Some(Pod {
        attempt,
        uid: PodUid(pod.uid()?),
        name: pod.name_any(),
        created,
        bound: scheduled
            .filter(|found| found.status == "True")
            .map(|found| moment(found.last_transition_time.as_ref()).unwrap_or(created)),
        node,
        warm: false,
        finalizer: pod.finalizers().iter().any(|one| one == FINALIZER),
        marked: MARKS.iter().any(|(key, _)| pod.annotations().contains_key(*key)),
        deleting: moment(pod.metadata.deletion_timestamp.as_ref()),
        disruption: disruption(pod),
        over: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
        deadline: pod
            .annotations()
            .get(DEADLINE)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
        wait: wait(pod),
        browser: browser(container(pod, places::BROWSER)),
        gate: gate(container(pod, places::GATE)),
        agent: agent(pod, created),
    })
}

fn moment(time: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>) -> Option<Moment> {
    time.map(|time| Moment::from(time.0))
}

fn condition<'a>(
    pod: &'a ApiPod,
    which: &str,
) -> Option<&'a k8s_openapi::api::core::v1::PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == which)
}

fn container<'a>(pod: &'a ApiPod, name: &str) -> Option<&'a ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find(|status| status.name == name)
}

fn state(status: Option<&ContainerStatus>) -> Option<&ContainerState> {
    status.and_then(|status| status.state.as_ref())
}

/// Why the cluster took it away.
fn disruption(pod: &ApiPod) -> Option<Disruption> {
    let lost = |reason: &str| {
        matches!(reason, "DeletionByPodGC" | "DeletionByTaintManager" | "NodeLost" | "NodeShutdown")
    };
    let target = condition(pod, "DisruptionTarget").filter(|found| found.status == "True");
    let said = pod.status.as_ref().and_then(|status| status.reason.as_deref());
    if let Some(found) = target {
        let reason = found.reason.as_deref().unwrap_or_default();
        return Some(if lost(reason) { Disruption::NodeLost } else { Disruption::Evicted });
    }
    match said {
        Some("Evicted" | "Preempting") => Some(Disruption::Evicted),
        Some(reason) if lost(reason) => Some(Disruption::NodeLost),
        Some(_) | None => None,
    }
}

/// Why it does not start, in the scheduler's, Kueue's or the kubelet's own words.
fn wait(pod: &ApiPod) -> Option<String> {
    if let Some(found) = condition(pod, "PodScheduled").filter(|found| found.status == "False") {
        return found.message.clone().or_else(|| found.reason.clone());
    }
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find_map(|status| {
        let waiting = status.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        if ON_THEIR_WAY.contains(&reason) {
            return None;
        }
        let message = waiting.message.as_deref().unwrap_or_default();
        Some(
            format!("{}: {reason}: {message}", status.name).trim_end_matches([':', ' ']).to_owned(),
        )
    })
}

/// Reasons to wait that are no trouble.
const ON_THEIR_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

fn browser(status: Option<&ContainerStatus>) -> Browser {
    match state(status) {
        Some(ContainerState { terminated: Some(_), .. }) => Browser::Ended,
        Some(ContainerState { running: Some(_), .. }) => {
            let started = status.and_then(|status| status.started) == Some(true);
            if started { Browser::Ready } else { Browser::Starting }
        }
        Some(_) | None => Browser::Waiting,
    }
}

fn gate(status: Option<&ContainerStatus>) -> GateContainer {
    match state(status) {
        Some(ContainerState { terminated: Some(end), .. }) => {
            let message = end.message.as_deref().unwrap_or_default();
            GateContainer::Ended(UploadReport::read(message).map(|report| upload(&report)))
        }
        Some(ContainerState { running: Some(_), .. }) => GateContainer::Running,
        Some(_) | None => GateContainer::Waiting,
    }
}

/// What a gate's report of its upload means to a decision.
pub(in crate::operator) fn upload(report: &UploadReport) -> Upload {
    match report.state {
        UploadState::Pending | UploadState::Uploading => Upload::Working,
        UploadState::Complete | UploadState::KeptInPod => Upload::Complete(Stored {
            manifest_sha256: report.manifest_sha256.clone().unwrap_or_default(),
            count: i32::try_from(report.count).unwrap_or(i32::MAX),
            bytes: i64::try_from(report.bytes).unwrap_or(i64::MAX),
        }),
        UploadState::Failed => Upload::Failed(report.message.clone()),
    }
}

fn agent(pod: &ApiPod, created: Moment) -> Agent {
    match state(container(pod, places::AGENT)) {
        Some(ContainerState { terminated: Some(end), .. }) => {
            let message = end.message.as_deref().unwrap_or_default();
            let browser = state(container(pod, places::BROWSER));
            let killed = |state: &ContainerState| {
                let reason = state.terminated.as_ref().and_then(|end| end.reason.as_deref());
                reason == Some("OOMKilled")
            };
            let words = Termination::read(message, end.exit_code).ok();
            Agent::Ended(AgentEnd {
                started: moment(end.started_at.as_ref()).unwrap_or(created),
                exit: end.exit_code,
                out_of_memory: end.reason.as_deref() == Some("OOMKilled")
                    || browser.is_some_and(killed)
                    || words.as_ref().is_some_and(|words| words.out_of_memory),
                report: words.map(report),
            })
        }
        Some(ContainerState { running: Some(running), .. }) => {
            Agent::Running(moment(running.started_at.as_ref()).unwrap_or(created))
        }
        Some(_) | None => Agent::Waiting,
    }
}

fn report(words: Termination) -> Report {
    let Termination {
        verdict,
        reason,
        stopped_by,
        scenarios,
        usage,
        sandbox,
        out_of_memory: _,
        message,
    } = words;
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let size = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Report {
        verdict: match verdict {
            RunVerdict::Passed => Verdict::Passed,
            RunVerdict::Failed => Verdict::Failed,
            RunVerdict::Errored => Verdict::Errored,
            RunVerdict::TimedOut => Verdict::TimedOut,
            RunVerdict::Cancelled => Verdict::Cancelled,
        },
        reason: reason.unwrap_or_default(),
        message,
        scenarios: Some(Scenarios {
            total: count(scenarios.total),
            passed: count(scenarios.passed),
            failed: count(scenarios.failed),
            summary: format!("{}/{}", scenarios.passed, scenarios.total),
        }),
        usage: Some(Usage {
            steps: size(usage.steps),
            input_tokens: size(usage.input_tokens),
            output_tokens: size(usage.output_tokens),
        }),
        sandboxed: sandbox.map(|found| found == Sandboxed::Own),
        stopped_by_human: stopped_by == Some(StoppedBy::Human),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> Pod {
        let mut pod = json!({
            "metadata": {
                "name": "tr-checkout-1", "uid": "u", "creationTimestamp": "2026-11-21T16:40:00Z",
                "labels": {"handback.dev/attempt": "1"}, "finalizers": ["handback.dev/artifacts"],
                "annotations": {"handback.dev/active-deadline-seconds": "1800"},
            },
        });
        pod["status"] = status;
        seen(&serde_json::from_value(pod).unwrap()).unwrap()
    }

    fn ended(message: &str, exit: i32) -> Agent {
        pod(json!({"containerStatuses": [{
            "name": "agent", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": exit, "message": message, "reason": "Error",
                      "startedAt": "2026-11-21T16:40:10Z"}},
        }]}))
        .agent
    }

    #[test]
    fn a_pod_without_a_status_waits() {
        let pod = pod(json!({}));
        assert_eq!(
            (pod.browser, &pod.gate, &pod.agent),
            (Browser::Waiting, &GateContainer::Waiting, &Agent::Waiting)
        );
        assert!(pod.live() && pod.finalizer && !pod.marked && pod.deadline == 1800);
    }

    #[test]
    fn the_schedulers_and_the_kubelets_words_are_kept() {
        let words = |status| pod(status).wait;
        let unschedulable = json!({"conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/1 nodes are available"}]});
        assert_eq!(words(unschedulable).as_deref(), Some("0/1 nodes are available"));
        let waiting = |reason: &str, message: &str| {
            json!({"containerStatuses": [{
                "name": "gate", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": message}},
            }]})
        };
        assert_eq!(
            words(waiting("ImagePullBackOff", "no such image")).as_deref(),
            Some("gate: ImagePullBackOff: no such image")
        );
        assert_eq!(words(waiting("ErrImagePull", "")).as_deref(), Some("gate: ErrImagePull"));
        assert_eq!(words(waiting("ContainerCreating", "")), None);
    }

    #[test]
    fn an_agents_last_words_count_with_their_exit_code_only() {
        let text = r#"{"verdict":"Failed","reason":"AssertionFailed","scenarios":{"total":3,"passed":2,"failed":1},"sandbox":"NotAvailable","message":"no"}"#;
        let Agent::Ended(end) = ended(text, 1) else { panic!("it has ended") };
        let report = end.report.unwrap();
        assert_eq!((report.verdict, report.reason.as_str()), (Verdict::Failed, "AssertionFailed"));
        assert_eq!(report.scenarios.unwrap().summary, "2/3");
        assert_eq!(report.sandboxed, Some(false));
        for (text, exit) in [(text, 0), ("", 1), ("panicked", 101)] {
            let Agent::Ended(end) = ended(text, exit) else { panic!("it has ended") };
            assert_eq!(end.report, None, "{text} {exit}");
        }
        let Agent::Ended(end) = ended(r#"{"verdict":"Errored","message":"plan"}"#, 2) else {
            panic!("it has ended")
        };
        assert_eq!((end.report.unwrap().verdict, end.exit), (Verdict::Errored, 2));
    }

    #[test]
    fn who_took_a_pod_away_is_told_apart() {
        let by = |reason: &str| {
            pod(json!({"phase": "Failed", "conditions": [
                {"type": "DisruptionTarget", "status": "True", "reason": reason}]}))
            .disruption
        };
        assert_eq!(by("EvictionByEvictionAPI"), Some(Disruption::Evicted));
        assert_eq!(by("TerminationByKubelet"), Some(Disruption::Evicted));
        assert_eq!(by("DeletionByPodGC"), Some(Disruption::NodeLost));
        assert_eq!(pod(json!({"reason": "Evicted"})).disruption, Some(Disruption::Evicted));
        assert_eq!(pod(json!({"phase": "Failed"})).disruption, None);
    }
}
