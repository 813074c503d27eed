//! From nothing to a verdict and its artifacts.

use super::*;
use crate::manifest::status::TestRunStatus;

/// A status and the facts around it, with writes counted as the API server would see them.
struct Story {
    seen: Observed,
    writes: Vec<String>,
}

impl Story {
    /// Decides at a time and writes the status.
    fn turn(&mut self, seconds: i64) -> Vec<Action> {
        let decision = decide(&self.seen, at(seconds));
        if let Some(write) = decision.status {
            let phase = write.status.phase.expect("a phase");
            self.writes.push(format!("status {phase:?}"));
            self.seen.status = write.status;
        }
        let acts = decision.actions.into_iter().filter(|action| !matches!(action, Action::Note(_)));
        let acts: Vec<Action> = acts.collect();
        for action in &acts {
            let counts = !matches!(action, Action::AskGate { .. } | Action::WarnIdle { .. });
            if counts {
                self.writes.push(action.name().to_owned());
            }
        }
        acts
    }

    fn pod(&mut self, pod: Pod) {
        self.seen.facts.pods = vec![pod];
    }
}

#[test]
fn a_quiet_run_takes_five_writes_to_its_artifacts_and_nine_in_all() {
    let facts = facts();
    let mut story =
        Story { seen: Observed { status: TestRunStatus::default(), facts }, writes: Vec::new() };
    story.turn(0);
    story.pod(pod(1));
    story.turn(1);
    let bound = Pod { node: Some("node-1".to_owned()), bound: Some(at(2)), ..pod(1) };
    story.pod(bound.clone());
    story.turn(2);
    let agent = Agent::Running(at(8));
    story.pod(Pod { agent, browser: Browser::Starting, ..bound });
    story.turn(8);
    story.pod(running(1, at(8)));
    story.turn(10);
    story.turn(60);
    story.pod(ended(1, at(8), 0, Some(report(Verdict::Passed))));
    let asked = story.turn(100);
    assert_eq!(asked, [], "the verdict goes first");
    let asked = story.turn(100);
    assert_eq!(asked, [Action::AskGate { pod: uid(), patience: 120, ended: true }]);
    story.seen.facts.gate = answered(answer(110));
    story.turn(110);
    assert_eq!(
        story.writes,
        [
            "create_pod",
            "status Starting",
            "status Running",
            "status Finished",
            "status Finished",
            "release_pod"
        ]
    );
    let mut released = ended(1, at(8), 0, Some(report(Verdict::Passed)));
    released.finalizer = false;
    released.marked = false;
    story.pod(released.clone());
    story.turn(110);
    story.seen.facts.gate = answered(Answer { told_idle: Some(at(940)), ..answer(1000) });
    story.turn(1000);
    story.pod(Pod { deleting: Some(at(1330)), ..released });
    story.turn(1001);
    story.seen.facts.pods.clear();
    story.turn(1003);
    assert_eq!(story.seen.status.phase, Some(Phase::Expired));
    story.turn(100 + 86_400);
    assert_eq!(story.writes[6..], ["delete_pod", "status Expired", "delete_run"]);
    assert_eq!(story.writes.len(), 9);
}

#[test]
fn events_tell_the_life_of_a_run() {
    use Note::{Accepted, BrowserReady, Finished, PodLost, Started, Uploaded};
    let (facts, record) = begun();
    assert_eq!(notes(&facts, &Record::default(), at(10)), [Accepted, BrowserReady, Started]);
    let ended = vec![ended(1, at(10), 0, Some(report(Verdict::Passed)))];
    let facts = Facts { pods: ended, ..facts };
    assert_eq!(notes(&facts, &record, at(100)), [Finished]);
    let (mut facts, record) = passed();
    facts.gate = answered(answer(110));
    assert_eq!(notes(&facts, &record, at(110)), [Uploaded]);
    let (facts, record) = begun();
    let told = notes(&Facts { pods: vec![], ..facts }, &record, at(50));
    assert_eq!(told[..2], [PodLost, Finished], "also where nothing is tried again");
}

/// An agent's end, in words: exit code and what the message says.
fn verdict_of(facts: &Facts) -> (Verdict, String) {
    let (_, record) = begun();
    let ending = write(facts, &record, at(100)).ending.expect("an ending");
    (ending.verdict, ending.reason)
}

#[test]
fn a_verdict_counts_only_with_its_exit_code() {
    let check = |exit, said: Option<Report>, verdict, reason: &str| {
        let facts = Facts { pods: vec![ended(1, at(10), exit, said.clone())], ..facts() };
        assert_eq!(verdict_of(&facts), (verdict, reason.to_owned()), "exit {exit}, {said:?}");
    };
    let said =
        |verdict, reason: &str| Some(Report { reason: reason.to_owned(), ..report(verdict) });
    let usage = said(Verdict::Errored, "Usage");
    check(0, said(Verdict::Passed, ""), Verdict::Passed, "");
    check(1, said(Verdict::Failed, "AssertionFailed"), Verdict::Failed, "AssertionFailed");
    check(2, usage.clone(), Verdict::Errored, "Usage");
    check(3, said(Verdict::Errored, "BrowserFailed"), Verdict::Errored, "BrowserFailed");
    check(4, said(Verdict::TimedOut, "Timeout"), Verdict::TimedOut, "Timeout");
    check(1, said(Verdict::Passed, ""), Verdict::Errored, "AgentCrashed");
    check(0, said(Verdict::Failed, "AssertionFailed"), Verdict::Errored, "AgentCrashed");
    check(4, usage, Verdict::Errored, "AgentCrashed");
    check(0, None, Verdict::Errored, "AgentCrashed");
    check(101, None, Verdict::Errored, "AgentCrashed");
    // Nobody asked for it.
    check(5, said(Verdict::Cancelled, "Cancelled"), Verdict::Errored, "AgentCrashed");
}

#[test]
fn cancelled_is_a_verdict_only_if_somebody_wanted_it() {
    let stopped = || ended(1, at(10), 5, Some(report(Verdict::Cancelled)));
    let check = |pod: Pod, cancelled, superseded, verdict, reason: &str| {
        let run = Run { cancelled, superseded, ..run() };
        let facts = Facts { pods: vec![pod.clone()], run, ..facts() };
        assert_eq!(verdict_of(&facts), (verdict, reason.to_owned()), "{pod:?}");
    };
    check(stopped(), true, false, Verdict::Cancelled, "Cancelled");
    check(stopped(), true, true, Verdict::Cancelled, "Superseded");
    let human = Report { stopped_by_human: true, ..report(Verdict::Cancelled) };
    let human = ended(1, at(10), 5, Some(human));
    check(human, false, false, Verdict::Cancelled, "StoppedByHuman");
    let drained = Pod { deleting: Some(at(400)), ..stopped() };
    check(drained.clone(), false, false, Verdict::Errored, "PodLost");
    check(drained, true, false, Verdict::Cancelled, "Cancelled");
    let evicted = Pod { disruption: Some(Disruption::Evicted), over: true, ..stopped() };
    check(evicted, false, false, Verdict::Errored, "Evicted");
    // What the agent reported stands, also if its pod goes.
    let finished = ended(1, at(10), 0, Some(report(Verdict::Passed)));
    let finished = Pod { deleting: Some(at(400)), ..finished };
    check(finished, false, false, Verdict::Passed, "");
    let killed = Pod { deleting: Some(at(400)), ..ended(1, at(10), 137, None) };
    check(killed, false, false, Verdict::Errored, "PodLost");
    let mut memory = ended(1, at(10), 137, None);
    let Agent::Ended(end) = &mut memory.agent else { panic!("ended") };
    end.out_of_memory = true;
    check(memory, false, false, Verdict::Errored, "OOMKilled");
    // A browser that was lost for memory is just that; what else the agent found stands.
    for (verdict, exit, reason, expected) in [
        (Verdict::Errored, 3, "BrowserLost", "OOMKilled"),
        (Verdict::Errored, 3, "PreflightFailed", "PreflightFailed"),
        (Verdict::Failed, 1, "AssertionFailed", "AssertionFailed"),
    ] {
        let words = Report { reason: reason.to_owned(), ..report(verdict) };
        let mut memory = ended(1, at(10), exit, Some(words));
        let Agent::Ended(end) = &mut memory.agent else { panic!("ended") };
        end.out_of_memory = true;
        check(memory, false, false, verdict, expected);
    }
}

#[test]
fn only_infrastructure_is_tried_again() {
    let check = |pods: Vec<Pod>, seconds, again: bool| {
        let run = Run { backoff_limit: 1, ..run() };
        let facts = Facts { run, pods: pods.clone(), ..facts() };
        let (_, record) = begun();
        let record = write(&facts, &record, at(seconds));
        assert_eq!(record.attempt == 2 && record.ending.is_none(), again, "{pods:?}");
    };
    let report = |verdict| Some(report(verdict));
    let evicted = Some(Disruption::Evicted);
    check(vec![], 100, true);
    check(vec![Pod { disruption: evicted, over: true, ..running(1, at(10)) }], 100, true);
    check(vec![Pod { deleting: Some(at(90)), ..running(1, at(10)) }], 100, true);
    check(vec![ended(1, at(10), 137, None)], 100, false);
    check(vec![ended(1, at(10), 1, report(Verdict::Failed))], 100, false);
    check(vec![ended(1, at(10), 3, report(Verdict::Errored))], 100, false);
}

#[test]
fn a_second_attempt_waits_for_the_end_of_the_first_and_then_for_its_own_deadline() {
    let run = Run { backoff_limit: 1, ..run() };
    let evicted = Pod { disruption: Some(Disruption::Evicted), over: true, ..running(1, at(10)) };
    let (_, record) = begun();
    let mut facts = Facts { run, pods: vec![evicted], ..facts() };
    let decided = decide_record(&facts, &record, at(100));
    let (record, only) = decided.record.expect("a retry");
    assert_eq!(only, Only::PodsAsSeen);
    assert_eq!(record.phase(), Phase::Starting);
    assert_eq!(
        record.message,
        "attempt 1: the cluster took the pod away before the run had ended; attempt 2 of 2 follows"
    );
    let release = Action::ReleasePod { pod: uid(), keep_marks: false, only: Only::PodOver };
    let delete = Action::DeletePod { pod: uid(), only: Only::Always };
    let create = Action::CreatePod(Attempt(2));
    assert_eq!(act(&facts, &record, at(101)).0, [release, delete, create.clone()]);
    // A drained pod is waited for.
    facts.pods = vec![Pod { deleting: Some(at(430)), ..running(1, at(10)) }];
    assert_eq!(act(&facts, &record, at(101)).0, []);
    assert_eq!(wakes(&facts, &record, at(101)), Some(430));
    facts.pods.clear();
    assert_eq!(act(&facts, &record, at(699)).0, [create]);
    let record = write(&facts, &record, at(700));
    assert_eq!(record.ending.expect("no third attempt").reason, "StartDeadlineExceeded");
}

#[test]
fn a_lost_pod_is_believed_only_if_the_api_server_says_so() {
    let (mut facts, record) = begun();
    facts.pods.clear();
    let (record, only) = decide_record(&facts, &record, at(50)).record.expect("a loss");
    assert_eq!(record.ending.expect("an ending").reason, "PodLost");
    assert_eq!(only, Only::PodsAsSeen);
}

#[test]
fn a_hung_agent_is_given_a_minute_beyond_its_deadline_by_the_gates_own_count() {
    let (mut facts, record) = begun();
    assert_eq!(wakes(&facts, &record, at(20)), Some(10 + 1800 + 60));
    let ask = Action::AskGate { pod: uid(), patience: 0, ended: false };
    assert_eq!(act(&facts, &record, at(1870)).0, [ask]);
    // A person held it for 500 s of that.
    facts.gate = answered(Answer { left: Some(500), ..answer(1870) });
    assert_eq!(act(&facts, &record, at(1870)), (vec![], None));
    assert_eq!(wakes(&facts, &record, at(1870)), Some(2370));
    facts.gate = answered(Answer { left: Some(0), ..answer(2370) });
    let hung = write(&facts, &record, at(2370));
    assert_eq!(hung.ending.expect("an ending").reason, "AgentHung");
    assert!(hung.available, "its browser is kept");
    // One that is not connected has another minute for the kubelet's word.
    facts.gate = answered(Answer { left: None, ..answer(1870) });
    assert_eq!(act(&facts, &record, at(1929)), (vec![], None));
    assert_eq!(wakes(&facts, &record, at(1929)), Some(1930));
    assert!(write(&facts, &record, at(1930)).ending.is_some());
}

#[test]
fn a_grown_deadline_is_told_until_the_gate_knows_it() {
    let (mut facts, record) = begun();
    facts.run.active_deadline = 3600;
    let tell = Action::TellDeadline { pod: uid(), seconds: 3600 };
    assert_eq!(act(&facts, &record, at(20)).0, [tell]);
    facts.gate = answered(Answer { deadline: 3600, ..answer(120) });
    assert_eq!(act(&facts, &record, at(121)).0, []);
}

#[test]
fn a_cancelled_run_is_told_and_ends_by_itself_within_a_minute() {
    let (mut facts, record) = begun();
    facts.run.cancelled = true;
    assert_eq!(act(&facts, &record, at(20)).0, [Action::TellCancel(uid())]);
    facts.gate = answered(Answer { cancelling: Some(0), ..answer(120) });
    assert_eq!(act(&facts, &record, at(121)), (vec![], None));
    assert_eq!(wakes(&facts, &record, at(121)), Some(180));
    let ending = write(&facts, &record, at(180)).ending.expect("an ending");
    assert_eq!(ending.verdict, Verdict::Cancelled);
    // A gate that cannot be told is tried three times.
    facts.gate = Gate { failures: 2, tried: Some(at(30)), ..Gate::default() };
    assert_eq!(act(&facts, &record, at(44)).0, []);
    assert_eq!(act(&facts, &record, at(45)).0, [Action::TellCancel(uid())]);
    facts.gate.failures = 3;
    let ending = write(&facts, &record, at(45)).ending.expect("an ending");
    assert_eq!(ending.verdict, Verdict::Cancelled);
}

#[test]
fn a_run_in_a_persons_hands_says_so() {
    let (mut facts, record) = begun();
    facts.control = Some("ho-1".to_owned());
    let record = write(&facts, &record, at(20));
    assert_eq!(record.phase(), Phase::HandedOff);
    facts.control = None;
    assert_eq!(write(&facts, &record, at(30)).phase(), Phase::Running);
}

#[test]
fn conditions_of_a_finished_run_say_each_thing_once() {
    use ConditionStatus::{False, True};
    let (facts, record) = stored();
    let status = record.write(&TestRunStatus::default(), &facts, at(110));
    let said: Vec<_> = status
        .conditions
        .iter()
        .map(|condition| (condition.type_.as_str(), condition.status, condition.reason.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("Accepted", True, "Accepted"),
            ("TargetReady", True, "NotAsked"),
            ("PodReady", True, "Ready"),
            ("BrowserReady", True, "Ready"),
            ("Running", False, "Finished"),
            ("Finished", True, "Passed"),
            ("Succeeded", True, "Passed"),
            ("Sandboxed", True, "Sandboxed"),
            ("ArtifactsUploaded", True, "Uploaded"),
            ("HandoffAvailable", True, "BrowserKept"),
        ]
    );
    let artifacts = status.artifacts.expect("artifacts");
    assert_eq!(artifacts.uri, "s3://runs/shop/checkout/3f1c9ae0/1/");
    assert_eq!(artifacts.count, Some(40));
    assert_eq!(status.access.as_deref(), Some("kubectl handback take checkout -n shop"));
    let expires = status.times.and_then(|times| times.expires).map(Moment::from);
    assert_eq!(expires, Some(at(100 + 14_400)));
}
