//! Decisions about one Handoff, one fact each.

use super::*;
use crate::{
    decide::PodUid,
    manifest::handoff::{
        HandoffState, Mode,
        status::{ClosedBy, FailureCode, HandoffPhase, HandoffStatus},
    },
};

const MADE: Moment = Moment(1_763_740_800_000);

fn at(seconds: i64) -> Moment {
    MADE.plus(seconds)
}

fn pod() -> PodUid {
    PodUid("pod".to_owned())
}

/// Control of a kept browser that nobody has.
fn seen() -> Seen {
    Seen {
        handoff: Object {
            name: "ho-1".to_owned(),
            namespace: "shop".to_owned(),
            generation: 1,
            created: MADE,
            asked: MADE,
            deleting: false,
            owned: true,
            run: "checkout".to_owned(),
            mode: Mode::Control,
            holder: "ada".to_owned(),
            keyed: true,
            desired: HandoffState::Running,
            closer: Closer::Human,
            lasts: 600,
            ttl: 100,
        },
        record: Record::default(),
        run: Some(Run {
            finished: true,
            gone: false,
            slot: Slot::Free,
            listed: false,
            full: false,
            auto: false,
        }),
        place: Place::Here { pod: pod(), leaving: false },
        policy: true,
        gate: Gate { beside: Beside::Nobody, ..Gate::default() },
        warned: false,
        tuning: Tuning::default(),
    }
}

fn told(phase: GatePhase) -> Told {
    Told {
        phase,
        epoch: Some(8),
        granted: Some((at(1), at(601))),
        first_connected: None,
        connected: false,
        last_active: None,
        note: None,
    }
}

/// The same, granted and running.
fn running() -> Seen {
    let mut seen = seen();
    seen.record = Record {
        generation: 1,
        granted: Some((at(1), at(601))),
        epoch: Some(8),
        presence: Some((false, at(1))),
        ..Record::default()
    };
    seen.run.as_mut().unwrap().slot = Slot::Own;
    seen.gate.following = true;
    seen.gate.word = Word::There(told(GatePhase::Running));
    seen
}

fn written(decision: &Decision) -> Option<(&Record, Only)> {
    decision.actions.iter().find_map(|action| match action {
        Action::Write { record, only } => Some((record, *only)),
        Action::TakeSlot
        | Action::FreeSlot
        | Action::Prepare(_)
        | Action::Close { .. }
        | Action::Follow(_)
        | Action::Own
        | Action::Delete
        | Action::Note(_) => None,
    })
}

/// How it ends, if it does.
fn ends(seen: &Seen, now: Moment) -> Option<Ending> {
    let decision = decide(seen, now);
    let (record, _) = written(&decision)?;
    record.ending.clone().map(|(ending, _)| ending)
}

#[test]
fn the_slot_is_taken_before_the_gate_is_told() {
    let decision = decide(&seen(), at(1));
    assert_eq!(decision.actions, [Action::TakeSlot, Action::Prepare(pod())]);
    assert_eq!(decision.wake_at, Some(at(60)));
}

#[test]
fn nobody_gets_a_gate_that_has_somebody_else_or_was_never_heard() {
    for beside in [Beside::Unknown, Beside::Somebody] {
        let mut seen = seen();
        seen.gate.beside = beside;
        let decision = decide(&seen, at(1));
        assert_eq!(decision.actions, [Action::Follow(pod())], "{beside:?}");
        assert_eq!(decision.wake_at, Some(at(60)));
        seen.gate.following = true;
        assert_eq!(decide(&seen, at(1)).actions, []);
        // Whoever only watches is in nobody's way.
        seen.handoff.mode = Mode::View;
        assert_eq!(decide(&seen, at(1)).actions, [Action::Prepare(pod())]);
    }
}

#[test]
fn strays_are_ended_before_the_slot_is_free() {
    let uids = |uids: &[&str]| uids.iter().map(|uid| (*uid).to_owned()).collect();
    let pod = pod();
    assert_eq!(
        sweep(true, Some(&pod), &uids(&["gone", "here"]), &uids(&["here"])),
        [Stray::Close(pod.clone(), "gone".to_owned()), Stray::FreeSlot]
    );
    assert_eq!(sweep(true, None, &uids(&["gone"]), &uids(&[])), [Stray::FreeSlot]);
}

#[test]
fn the_slot_is_freed_before_the_end_is_written() {
    let mut seen = running();
    seen.gate.word = Word::There(told(GatePhase::Finished(By::Human)));
    let decision = decide(&seen, at(30));
    assert_eq!(decision.actions.first(), Some(&Action::FreeSlot));
    assert!(matches!(decision.actions.get(1), Some(Action::Write { only: Only::Always, .. })));
    assert_eq!(ends(&seen, at(30)), Some(Ending::Finished(ClosedBy::Human)));
}

#[test]
fn an_end_without_a_slot_in_the_cache_is_written_only_if_the_run_is_as_seen() {
    let mut seen = running();
    seen.run.as_mut().unwrap().slot = Slot::Free;
    seen.gate.word = Word::There(told(GatePhase::TimedOut(By::Timeout)));
    let decision = decide(&seen, at(700));
    assert_eq!(written(&decision).map(|(_, only)| only), Some(Only::RunAsSeen));
}

#[test]
fn who_is_not_granted_in_time_is_refused_once_the_gate_was_asked() {
    let mut seen = seen();
    seen.gate.word = Word::Unsure;
    let decision = decide(&seen, at(60));
    let outcome = HandoffState::Cancelled;
    assert_eq!(decision.actions, [Action::Close { pod: pod(), outcome }]);
    seen.gate.word = Word::Absent;
    assert_eq!(ends(&seen, at(59)), None);
    assert_eq!(ends(&seen, at(60)), Some(Ending::failed(FailureCode::AgentBusy)));
    seen.gate = Gate { failures: 3, word: Word::Unsure, ..seen.gate };
    assert_eq!(ends(&seen, at(60)), Some(Ending::failed(FailureCode::GateLost)));
}

#[test]
fn whoever_was_given_up_is_ended_at_the_gate_again_and_again_until_its_word_is_known() {
    let mut seen = seen();
    seen.run.as_mut().unwrap().listed = true;
    let close = [Action::Close { pod: pod(), outcome: HandoffState::Cancelled }];
    for ending in [
        Ending::failed(FailureCode::GateLost),
        Ending::Cancelled(ClosedBy::Human),
        Ending::TimedOut(ClosedBy::Timeout),
    ] {
        seen.record =
            Record { generation: 1, ending: Some((ending.clone(), at(60))), ..Record::default() };
        seen.gate = Gate { word: Word::Unsure, ..Gate::default() };
        let decision = decide(&seen, at(61));
        assert_eq!(decision.actions, close, "{ending:?}");
        assert_eq!(decision.wake_at, Some(at(66)));
        // While that is said, its end is waited for.
        seen.gate.talking = true;
        let decision = decide(&seen, at(61));
        assert_eq!((decision.actions.as_slice(), decision.wake_at), ([].as_slice(), Some(at(66))));
        // Once it has failed, tries keep their distance, and do not end.
        seen.gate.talking = false;
        (seen.gate.failures, seen.gate.tried) = (4, Some(at(63)));
        let decision = decide(&seen, at(66));
        assert_eq!((decision.actions.as_slice(), decision.wake_at), ([].as_slice(), Some(at(68))));
        assert_eq!(decide(&seen, at(68)).actions, close);
        // What is known needs no more of it: only its time is waited for.
        for word in [Word::Absent, Word::There(told(GatePhase::Cancelled(By::Operator)))] {
            seen.gate = Gate { word, ..Gate::default() };
            let decision = decide(&seen, at(61));
            let quiet = ([].as_slice(), Some(at(160)));
            assert_eq!((decision.actions.as_slice(), decision.wake_at), quiet, "{ending:?}");
        }
    }
}

#[test]
fn what_was_never_granted_is_cancelled_and_not_finished() {
    let mut seen = seen();
    seen.handoff.desired = HandoffState::Finished;
    seen.gate.word = Word::Absent;
    assert_eq!(ends(&seen, at(1)), Some(Ending::Cancelled(ClosedBy::Human)));
    let called_off = Told { granted: None, ..told(GatePhase::Finished(By::Operator)) };
    seen.gate.word = Word::There(called_off);
    assert_eq!(ends(&seen, at(1)), Some(Ending::Cancelled(ClosedBy::Human)));
}

#[test]
fn a_wish_to_end_goes_to_the_gate_and_its_word_counts() {
    let mut seen = running();
    seen.handoff.desired = HandoffState::Cancelled;
    seen.handoff.closer = Closer::Operator;
    let decision = decide(&seen, at(30));
    let outcome = HandoffState::Cancelled;
    assert_eq!(decision.actions, [Action::Close { pod: pod(), outcome }]);
    // Its time was over first.
    seen.gate.word = Word::There(told(GatePhase::TimedOut(By::Timeout)));
    assert_eq!(ends(&seen, at(601)), Some(Ending::TimedOut(ClosedBy::Timeout)));
    seen.gate.word = Word::There(told(GatePhase::Cancelled(By::Operator)));
    assert_eq!(ends(&seen, at(30)), Some(Ending::Cancelled(ClosedBy::Operator)));
}

#[test]
fn coming_and_going_is_written_once_a_minute_but_for_the_first_time() {
    let mut seen = running();
    let there = Told { connected: true, first_connected: Some(at(5)), ..told(GatePhase::Running) };
    seen.gate.word = Word::There(there);
    let decision = decide(&seen, at(5));
    let (record, _) = written(&decision).unwrap();
    assert_eq!((record.presence, record.first_connected), (Some((true, at(5))), Some(at(5))));
    seen.record = record.clone();
    seen.gate.word = Word::There(told(GatePhase::Running));
    let decision = decide(&seen, at(6));
    assert_eq!((decision.actions.as_slice(), decision.wake_at), ([].as_slice(), Some(at(65))));
    assert!(written(&decide(&seen, at(65))).is_some());
}

#[test]
fn what_the_holder_did_is_written_with_the_rest_and_else_once_a_minute() {
    let mut seen = running();
    let active = |second, connected: bool| {
        let first_connected = connected.then(|| at(5));
        let last_active = Some(at(second));
        let told = Told { first_connected, connected, last_active, ..told(GatePhase::Running) };
        Word::There(told)
    };
    // It was granted a moment ago: that somebody came with a ticket is no news by itself.
    seen.gate.word = active(0, false);
    let decision = decide(&seen, at(3));
    assert_eq!((decision.actions.as_slice(), decision.wake_at), ([].as_slice(), Some(at(61))));
    seen.gate.word = active(0, true);
    let decision = decide(&seen, at(5));
    let (record, _) = written(&decision).unwrap();
    assert_eq!((record.presence, record.active), (Some((true, at(5))), Some(at(0))));
    seen.record = record.clone();
    seen.gate.word = active(60, true);
    let decision = decide(&seen, at(64));
    assert_eq!((decision.actions.as_slice(), decision.wake_at), ([].as_slice(), Some(at(65))));
    let decision = decide(&seen, at(65));
    let (record, _) = written(&decision).unwrap();
    assert_eq!(record.active, Some(at(60)));
    assert_eq!(decision.actions.len(), 1, "a write and no Event: {:?}", decision.actions);
    seen.record = record.clone();
    seen.gate.word = active(120, true);
    assert_eq!(written(&decide(&seen, at(119))), None);
    // The end tells what is known.
    let Word::There(told) = &mut seen.gate.word else { unreachable!() };
    told.phase = GatePhase::Finished(By::Human);
    let decision = decide(&seen, at(119));
    assert_eq!(written(&decision).unwrap().0.active, Some(at(120)));
}

#[test]
fn a_minute_before_its_end_that_is_said_once_and_only_to_whom_it_matters() {
    let warned = |seen: &Seen, second| {
        decide(seen, at(second)).actions.contains(&Action::Note(Note::Expiring))
    };
    let mut seen = running();
    assert_eq!(decide(&seen, at(30)).wake_at, Some(at(541)));
    assert!(!warned(&seen, 540) && warned(&seen, 541));
    seen.warned = true;
    assert!(!warned(&seen, 541));
    assert_eq!(decide(&seen, at(541)).wake_at, None);
    seen.warned = false;
    seen.handoff.mode = Mode::View;
    assert!(!warned(&seen, 541));
    // Who has no longer than that is told by the grant.
    let mut seen = running();
    seen.record.granted = Some((at(1), at(61)));
    seen.gate.word = Word::There(Told { granted: seen.record.granted, ..told(GatePhase::Running) });
    assert!(!warned(&seen, 2) && !warned(&seen, 60));
}

#[test]
fn whoever_claims_it_in_time_has_a_minute_from_then_on() {
    let mut seen = seen();
    seen.gate.word = Word::Absent;
    seen.handoff.holder = String::new();
    let decision = decide(&seen, at(1));
    let (record, _) = written(&decision).unwrap();
    assert_eq!((record.waiting, decision.wake_at), (Some(Waiting::Claim), Some(at(120))));
    seen.record = record.clone();
    assert_eq!(ends(&seen, at(119)), None);
    assert_eq!(ends(&seen, at(120)), Some(Ending::TimedOut(ClosedBy::Unclaimed)));
    // Claimed after more than the minute in which a grant must follow.
    seen.handoff.holder = "ada".to_owned();
    seen.handoff.asked = at(110);
    let decision = decide(&seen, at(112));
    let (record, _) = written(&decision).unwrap();
    assert_eq!((record.waiting, record.phase()), (None, HandoffPhase::Pending));
    assert!(decision.actions.contains(&Action::Note(Note::Claimed)));
    assert!(decision.actions.contains(&Action::Prepare(pod())));
    assert_eq!(decision.wake_at, Some(at(170)));
    seen.record = record.clone();
    assert!(!decide(&seen, at(113)).actions.contains(&Action::Note(Note::Claimed)), "once");
    assert_eq!(ends(&seen, at(169)), None);
    assert_eq!(ends(&seen, at(170)), Some(Ending::failed(FailureCode::AgentBusy)));
    // Writing to it again and again does not keep it waiting.
    seen.handoff.asked = at(1000);
    assert_eq!(ends(&seen, at(180)), Some(Ending::failed(FailureCode::AgentBusy)));
}

#[test]
fn an_agent_that_waits_for_whom_it_asked_waits_until_the_end_of_its_time() {
    let mut seen = seen();
    seen.gate.word = Word::Absent;
    seen.handoff.holder = String::new();
    seen.run.as_mut().unwrap().auto = true;
    seen.record.waiting = Some(Waiting::Claim);
    assert_eq!(ends(&seen, at(599)), None);
    assert_eq!(ends(&seen, at(600)), Some(Ending::TimedOut(ClosedBy::Unclaimed)));
}

#[test]
fn a_status_stays_small_whatever_the_gate_reports_and_whoever_the_holder_is() {
    let many = 1 << 20;
    let notes =
        ["x", "\"", "\\", "\u{1}", "\n", "é", "😀", "\u{7f}"].map(|piece| piece.repeat(many));
    let holders = ["x", "😀", "\u{1}", "\""].map(|piece| piece.repeat(512));
    let ends = [
        GatePhase::Running,
        GatePhase::Finished(By::Operator),
        GatePhase::TimedOut(By::DeadMan),
        GatePhase::Failed(FailureCode::DisplayUnavailable),
    ];
    for note in &notes {
        for (holder, phase) in holders.iter().flat_map(|holder| ends.map(|phase| (holder, phase))) {
            let mut seen = running();
            seen.handoff.run = "r".repeat(63);
            seen.handoff.namespace = "n".repeat(63);
            seen.handoff.holder.clone_from(holder);
            seen.handoff.generation = i64::MAX;
            let told = Told {
                epoch: Some(i64::MAX),
                connected: true,
                first_connected: Some(at(5)),
                last_active: Some(at(60)),
                note: Some(note.clone()),
                ..told(phase)
            };
            seen.gate.word = Word::There(told);
            let decision = decide(&seen, at(100));
            let (record, _) = written(&decision).unwrap();
            let status = record.write(&HandoffStatus::default(), &seen.handoff, at(100));
            let size = serde_json::to_string(&status).unwrap().len();
            assert!(size <= 8192, "{size} bytes of {:?} and {phase:?}", &note[..1]);
            // What was cut is what is known from then on: nothing is written again and again.
            seen.record = Record::read(&status);
            assert_eq!(written(&decide(&seen, at(100))), None, "{phase:?}");
            assert_eq!(status.note.map(|note| note.is_empty()), Some(false));
        }
    }
}

#[test]
fn a_deadline_that_was_written_stands() {
    let mut seen = running();
    let again =
        Told { epoch: Some(10), granted: Some((at(90), at(690))), ..told(GatePhase::Running) };
    seen.gate.word = Word::There(again);
    let decision = decide(&seen, at(90));
    let (record, _) = written(&decision).unwrap();
    assert_eq!((record.granted, record.epoch), (Some((at(1), at(601))), Some(10)));
}

#[test]
fn a_run_that_has_no_browser_yet_is_waited_for() {
    let mut seen = seen();
    seen.place = Place::Coming;
    seen.run.as_mut().unwrap().finished = false;
    let decision = decide(&seen, at(1));
    let (record, _) = written(&decision).unwrap();
    assert_eq!((record.phase(), record.waiting), (HandoffPhase::Pending, Some(Waiting::Browser)));
    assert!(decision.actions.contains(&Action::Note(Note::Requested)));
    assert_eq!(decision.wake_at, Some(at(60)));
    assert_eq!(ends(&seen, at(60)), Some(Ending::failed(FailureCode::AgentBusy)));
}

#[test]
fn what_is_written_is_what_is_read() {
    let presence = Some((true, at(5)));
    let granted = Some((at(1), at(601)));
    let base = Record { generation: 3, ..Record::default() };
    for record in [
        Record { waiting: Some(Waiting::Claim), ..base.clone() },
        Record { granted, epoch: Some(8), presence, first_connected: Some(at(5)), ..base.clone() },
        Record {
            granted,
            presence: Some((false, at(9))),
            active: Some(at(0)),
            note: Some("done".to_owned()),
            ending: Some((Ending::Finished(ClosedBy::Host), at(9))),
            ..base.clone()
        },
        Record { ending: Some((Ending::held_by("ada"), at(9))), ..base },
    ] {
        let status = record.write(&HandoffStatus::default(), &seen().handoff, at(10));
        assert_eq!(Record::read(&status), record);
        let size = serde_json::to_string(&status).unwrap().len();
        assert!(size < 2048, "{size} bytes");
    }
}
