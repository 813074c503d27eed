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
            deleting: false,
            owned: true,
            run: "checkout".to_owned(),
            mode: Mode::Control,
            holder: "ada".to_owned(),
            keyed: true,
            desired: HandoffState::Running,
            closer: Closer::Human,
            ttl: 100,
        },
        record: Record::default(),
        run: Some(Run {
            finished: true,
            gone: false,
            slot: Slot::Free,
            listed: false,
            full: false,
        }),
        place: Place::Here { pod: pod(), leaving: false },
        policy: true,
        gate: Gate::default(),
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
    seen.gate = Gate { failures: 3, word: Word::Unsure, ..Gate::default() };
    assert_eq!(ends(&seen, at(60)), Some(Ending::failed(FailureCode::GateLost)));
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
