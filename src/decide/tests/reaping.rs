//! After the verdict: artifacts, idleness, the absolute end, orphans.

use super::*;
use crate::manifest::{
    status::TestRunStatus,
    test_run::{When, artifacts::UploadFailure},
};

fn ask() -> Action {
    Action::AskGate { pod: uid(), patience: 0 }
}

fn delete(only: Only) -> Action {
    Action::DeletePod { pod: uid(), only }
}

#[test]
fn an_idle_browser_is_asked_for_a_minute_before_its_end_and_at_it() {
    let (mut facts, record) = stored();
    assert_eq!(act(&facts, &record, at(111)), (vec![], None));
    assert_eq!(wakes(&facts, &record, at(111)), Some(940));
    assert_eq!(act(&facts, &record, at(940)).0, [ask()]);
    facts.gate = answered(answer(940));
    let warn = Action::WarnIdle { pod: uid(), seconds: 60 };
    assert_eq!(act(&facts, &record, at(940)).0, [warn]);
    assert_eq!(notes(&facts, &record, at(940)), [Note::IdleExpiring]);
    facts.gate = answered(Answer { told_idle: Some(at(940)), ..answer(940) });
    assert_eq!(act(&facts, &record, at(941)).0, []);
    assert_eq!(wakes(&facts, &record, at(941)), Some(1000));
    assert_eq!(act(&facts, &record, at(1000)).0, [ask()]);
    facts.gate = answered(Answer { told_idle: Some(at(940)), ..answer(1000) });
    assert_eq!(act(&facts, &record, at(1000)).0, [delete(Only::Idle(900))]);
    assert_eq!(notes(&facts, &record, at(1000)), [Note::ReapedIdle]);
}

#[test]
fn a_browser_that_was_used_is_asked_for_again_after_the_remainder() {
    let (mut facts, record) = stored();
    // Somebody was there until 700 s.
    facts.gate = answered(Answer { idle: 240, ..answer(940) });
    assert_eq!(act(&facts, &record, at(940)).0, []);
    assert_eq!(wakes(&facts, &record, at(940)), Some(700 + 900 - 60));
    // Somebody came back after the warning.
    facts.gate = answered(Answer { idle: 10, ..answer(1000) });
    assert_eq!(act(&facts, &record, at(1000)).0, []);
    assert_eq!(wakes(&facts, &record, at(1000)), Some(990 + 900 - 60));
}

#[test]
fn nobody_is_surprised_by_an_operator_that_was_away() {
    let (mut facts, record) = stored();
    facts.gate = answered(answer(3000));
    let warn = Action::WarnIdle { pod: uid(), seconds: 60 };
    assert_eq!(act(&facts, &record, at(3000)).0, [warn]);
    facts.gate = answered(Answer { told_idle: Some(at(3000)), ..answer(3000) });
    assert_eq!(wakes(&facts, &record, at(3000)), Some(3060));
}

#[test]
fn an_unreachable_gate_is_asked_three_times_in_thirty_seconds() {
    let (mut facts, record) = stored();
    for (failures, tried, now, actions) in [
        (1, 940, 954, vec![]),
        (1, 940, 955, vec![ask()]),
        (2, 955, 969, vec![]),
        (2, 955, 970, vec![ask()]),
        (3, 970, 970, vec![delete(Only::Always)]),
    ] {
        facts.gate = Gate { failures, tried: Some(at(tried)), ..answered(answer(110)) };
        facts.gate.failures = failures;
        facts.gate.tried = Some(at(tried));
        assert_eq!(act(&facts, &record, at(now)).0, actions, "{failures} failures at {now}");
    }
}

#[test]
fn keep_alive_keeps_by_verdict_and_whoever_watched_at_the_end() {
    let check = |keep, verdict: Verdict, watched, kept: bool| {
        let (mut facts, mut record) = stored();
        facts.run.keep = keep;
        record.ending.as_mut().expect("an ending").verdict = verdict;
        facts.gate = answered(Answer { watched, ..answer(110) });
        let expected = if kept { vec![] } else { vec![delete(Only::Idle(0))] };
        assert_eq!(act(&facts, &record, at(111)).0, expected, "{keep:?} {verdict:?} {watched}");
    };
    check(When::Always, Verdict::Passed, false, true);
    check(When::OnFailure, Verdict::Passed, false, false);
    check(When::OnFailure, Verdict::Failed, false, true);
    check(When::OnFailure, Verdict::Errored, false, true);
    check(When::Never, Verdict::Failed, false, false);
    check(When::Never, Verdict::Passed, true, true);
}

#[test]
fn the_absolute_end_is_announced_twice_and_ends_everything() {
    let (mut facts, record) = stored();
    facts.control = Some("ho-1".to_owned());
    facts.pods[0].marked = true;
    let cap = 100 + 14_400;
    let watched = |seconds, told_cap| {
        answered(Answer { idle: 0, watched: true, told_cap, ..answer(seconds) })
    };
    facts.gate = watched(cap - 700, None);
    assert_eq!(wakes(&facts, &record, at(cap - 700)), Some(cap - 600));
    facts.gate = watched(cap - 600, None);
    let warn = |seconds| Action::WarnCap { pod: uid(), seconds };
    assert_eq!(act(&facts, &record, at(cap - 600)).0, [warn(600)]);
    facts.gate = watched(cap - 600, Some(600));
    assert_eq!(act(&facts, &record, at(cap - 599)).0, []);
    assert_eq!(wakes(&facts, &record, at(cap - 599)), Some(cap - 60));
    facts.gate = watched(cap - 60, Some(600));
    assert_eq!(act(&facts, &record, at(cap - 60)).0, [warn(60)]);
    facts.gate = watched(cap - 60, Some(60));
    let end = [Action::CancelHandoff("ho-1".to_owned()), delete(Only::Always)];
    assert_eq!(act(&facts, &record, at(cap)).0, end);
    assert_eq!(notes(&facts, &record, at(cap)), [Note::ReapedCap]);
}

#[test]
fn finalizer_and_marks_go_together_unless_somebody_has_control() {
    let (mut facts, record) = passed();
    facts.gate = answered(answer(110));
    let release = |keep_marks| Action::ReleasePod { pod: uid(), keep_marks, only: Only::Always };
    assert_eq!(act(&facts, &record, at(110)).0, [release(false)]);
    facts.control = Some("ho-1".to_owned());
    assert_eq!(act(&facts, &record, at(110)).0, [release(true)]);
    let (mut facts, record) = stored();
    facts.control = Some("ho-1".to_owned());
    assert_eq!(act(&facts, &record, at(111)).0, [Action::MarkPod { pod: uid(), marked: true }]);
    facts.control = None;
    facts.pods[0].marked = true;
    assert_eq!(act(&facts, &record, at(111)).0, [Action::MarkPod { pod: uid(), marked: false }]);
}

#[test]
fn artifacts_that_are_not_stored_in_time_hold_the_pod_or_are_let_go() {
    let (mut facts, record) = passed();
    assert_eq!(wakes(&facts, &record, at(100)), Some(100 + 15));
    facts.gate = Gate { tried: Some(at(425)), failures: 9, ..Gate::default() };
    assert_eq!(act(&facts, &record, at(429)), (vec![], None));
    assert_eq!(wakes(&facts, &record, at(429)), Some(430));
    let failed = write(&facts, &record, at(430));
    assert_eq!(
        failed.artifacts,
        record::Artifacts::Failed("artifacts.uploadTimeoutSeconds is over".to_owned())
    );
    assert_eq!(notes(&facts, &record, at(430)), [Note::UploadFailed]);
    // Held: nothing is let go, the gate is asked from time to time, and may have done it after all.
    facts.gate = answered(Answer { upload: Upload::Working, ..answer(440) });
    assert_eq!(act(&facts, &failed, at(450)), (vec![], None));
    assert_eq!(act(&facts, &failed, at(500)).0, [ask()]);
    facts.gate = answered(answer(500));
    let late = write(&facts, &failed, at(500));
    assert!(matches!(late.artifacts, record::Artifacts::Stored(_)));
    // Discarded: released at once, with the marks.
    facts.run.on_upload_failure = UploadFailure::Discard;
    facts.gate = answered(Answer { upload: Upload::Failed("403".to_owned()), ..answer(440) });
    let release = Action::ReleasePod { pod: uid(), keep_marks: false, only: Only::Always };
    let (actions, failed) = act(&facts, &record, at(440));
    assert_eq!(actions, [release]);
    assert_eq!(failed.expect("a failure").artifacts, record::Artifacts::Failed("403".to_owned()));
}

#[test]
fn without_storage_artifacts_are_kept_in_the_pod() {
    let (mut facts, record) = passed();
    facts.run.storage = None;
    facts.gate = answered(answer(110));
    let status = write(&facts, &record, at(110)).write(&TestRunStatus::default(), &facts, at(110));
    let uploaded =
        status.conditions.iter().find(|found| found.type_ == "ArtifactsUploaded").expect("it");
    assert_eq!((uploaded.status, uploaded.reason.as_str()), (ConditionStatus::True, "KeptInPod"));
    assert_eq!(status.artifacts.expect("artifacts").uri, "");
}

#[test]
fn a_drained_pod_is_released_when_its_gate_has_said_how_it_went() {
    let (mut facts, record) = passed();
    facts.pods[0].deleting = Some(at(450));
    assert_eq!(act(&facts, &record, at(120)), (vec![], None));
    assert_eq!(wakes(&facts, &record, at(120)), Some(450));
    let Upload::Complete(stored) = answer(110).upload else { panic!("complete") };
    facts.pods[0].gate = GateContainer::Ended(Some(Upload::Complete(stored)));
    facts.pods[0].browser = Browser::Ended;
    let release = Action::ReleasePod { pod: uid(), keep_marks: false, only: Only::PodOver };
    let (actions, record) = act(&facts, &record, at(130));
    assert_eq!(actions, std::slice::from_ref(&release));
    assert!(matches!(record.expect("stored").artifacts, record::Artifacts::Stored(_)));
    // Killed at the end of its grace: what is lost is said.
    let (mut facts, record) = passed();
    facts.pods[0].deleting = Some(at(450));
    let (actions, failed) = act(&facts, &record, at(450));
    assert_eq!(actions, [release]);
    assert!(matches!(failed.expect("lost").artifacts, record::Artifacts::Failed(_)));
    assert_eq!(notes(&facts, &record, at(450)), [Note::UploadFailed, Note::LetGo]);
}

#[test]
fn an_orphan_is_deleted_if_its_run_is_really_gone_and_released_when_it_has_ended() {
    let check = |pod: Pod, now, actions: &[Action]| {
        assert_eq!(orphan(&pod, at(now)).0, actions, "{pod:?}");
    };
    let release = Action::ReleasePod { pod: uid(), keep_marks: false, only: Only::PodOver };
    let goes = |pod| Pod { deleting: Some(at(400)), ..pod };
    check(running(1, at(10)), 50, &[delete(Only::RunGone)]);
    check(goes(running(1, at(10))), 399, &[]);
    assert_eq!(orphan(&goes(running(1, at(10))), at(50)).1, Some(at(400)));
    check(goes(running(1, at(10))), 400, &[Action::Note(Note::LetGo), release.clone()]);
    let over = Pod {
        over: true,
        gate: GateContainer::Ended(Some(Upload::Complete(Stored::default()))),
        ..running(1, at(10))
    };
    check(goes(over.clone()), 60, std::slice::from_ref(&release));
    check(goes(Pod { finalizer: false, ..over }), 60, &[]);
    // It never had a node, so there is nothing to wait for.
    check(goes(pod(1)), 60, &[release]);
}

#[test]
fn a_run_being_deleted_in_the_foreground_only_lets_its_pods_end() {
    let (mut facts, record) = begun();
    facts.run.deleting = true;
    assert_eq!(act(&facts, &record, at(50)), (vec![delete(Only::RunGone)], None));
}
