//! What becomes of handoffs, step by step.

use super::*;

fn at(seconds: u64) -> Now {
    let boot = Time::from_secs(seconds);
    Now { boot, wall: Timestamp::UNIX_EPOCH + boot }
}

fn prepare(uid: &str, mode: Mode) -> Prepare {
    Prepare {
        uid: uid.to_owned(),
        name: format!("ho-{uid}"),
        mode,
        holder: "ada".to_owned(),
        key: PublicKey::new([1; 32]),
        timeout_seconds: 600,
    }
}

fn phases(handoffs: &Handoffs) -> Vec<HandoffPhase> {
    handoffs.report().into_iter().map(|one| one.phase).collect()
}

#[test]
fn a_control_handoff_runs_from_its_grant_and_ends_once() {
    let mut handoffs = Handoffs::default();
    handoffs.ask(prepare("a", Mode::Control), Seat(9));
    assert_eq!(handoffs.admits("a", Mode::View, 0), None, "nothing before it is granted");
    handoffs.granted(Seat(9), Epoch(8), Time::from_secs(700), at(100));
    let report = handoffs.report().remove(0);
    assert_eq!((report.phase, report.epoch), (HandoffPhase::Running, Some(8)));
    assert_eq!(report.deadline.as_deref(), Some("1970-01-01T00:11:40.000Z"));
    assert_eq!(handoffs.admits("a", Mode::Control, 8), Some(Right::Act(Seat(9))));
    for (scope, epoch) in [(Mode::Control, 7), (Mode::Control, 0), (Mode::View, 8)] {
        assert_eq!(handoffs.admits("a", scope, epoch), None, "{scope:?} {epoch}");
    }
    assert_eq!(handoffs.admits("a", Mode::View, 0), Some(Right::Watch));
    handoffs.sit(Seat(2), "a", false);
    assert!(!handoffs.may_act(Seat(2)), "it only watches");
    handoffs.sit(Seat(2), "a", true);
    handoffs.sit(Seat(2), "a", false);
    assert!(handoffs.may_act(Seat(2)));
    handoffs.note("done".to_owned());
    handoffs.revoked(Close::Finished, at(200));
    assert_eq!(phases(&handoffs), [HandoffPhase::Finished(ClosedBy::Human)]);
    let position = handoffs.position();
    handoffs.revoked(Close::Cancelled, at(201));
    assert_eq!(handoffs.call_off("a", Outcome::Cancelled, None, at(202)), None);
    assert_eq!((phases(&handoffs).len(), handoffs.position()), (1, position));
    assert_eq!(handoffs.report()[0].note.as_deref(), Some("done"));
    assert!(!handoffs.may_act(Seat(2)) && handoffs.key("a").is_none());
}

#[test]
fn each_close_has_its_phase() {
    let check = |why, phase| {
        let mut handoffs = Handoffs::default();
        handoffs.ask(prepare("a", Mode::Control), Seat(9));
        handoffs.granted(Seat(9), Epoch(1), Time::from_mins(10), at(0));
        handoffs.revoked(why, at(1));
        assert_eq!(phases(&handoffs), [phase]);
    };
    check(Close::Finished, HandoffPhase::Finished(ClosedBy::Human));
    check(Close::Cancelled, HandoffPhase::Cancelled(ClosedBy::Human));
    check(Close::Stopped, HandoffPhase::Cancelled(ClosedBy::Human));
    check(Close::Deadline, HandoffPhase::TimedOut(ClosedBy::Timeout));
    check(Close::DeadMan, HandoffPhase::TimedOut(ClosedBy::DeadMan));
    check(Close::BrowserLost, HandoffPhase::Failed(Failure::BrowserLost));
    check(Close::Moved, HandoffPhase::Running);
    let mut handoffs = Handoffs::default();
    handoffs.ask(prepare("a", Mode::Control), Seat(9));
    handoffs.granted(Seat(9), Epoch(1), Time::from_mins(10), at(0));
    assert_eq!(handoffs.call_off("a", Outcome::Cancelled, None, at(1)), Some(Seat(9)));
    handoffs.revoked(Close::Cancelled, at(1));
    assert_eq!(phases(&handoffs), [HandoffPhase::Cancelled(ClosedBy::Operator)]);
}

#[test]
fn who_withdraws_a_request_takes_nothing_from_the_holder() {
    let mut handoffs = Handoffs::default();
    handoffs.ask(prepare("a", Mode::Control), Seat(8));
    handoffs.granted(Seat(8), Epoch(1), Time::from_mins(10), at(0));
    handoffs.ask(prepare("b", Mode::Control), Seat(9));
    let page = Some(Seat(2));
    assert_eq!(
        handoffs.call_off("b", Outcome::Cancelled, page, at(1)),
        Some(Seat(9)),
        "what stands for its own page"
    );
    assert_eq!(
        phases(&handoffs),
        [HandoffPhase::Running, HandoffPhase::Cancelled(ClosedBy::Operator)]
    );
    handoffs.watch(prepare("v", Mode::View), at(1));
    assert_eq!(handoffs.call_off("v", Outcome::Finished, page, at(1)), None);
    assert_eq!(handoffs.call_off("a", Outcome::Finished, page, at(2)), page);
    handoffs.revoked(Close::Finished, at(2));
    assert_eq!(phases(&handoffs)[0], HandoffPhase::Finished(ClosedBy::Operator));
}

#[test]
fn when_the_holder_last_did_something_is_told_to_the_minute() {
    let mut handoffs = Handoffs::default();
    handoffs.ask(prepare("a", Mode::Control), Seat(8));
    handoffs.granted(Seat(8), Epoch(1), Time::from_mins(10), at(0));
    handoffs.watch(prepare("v", Mode::View), at(0));
    let told = |handoffs: &Handoffs| {
        let report = handoffs.report();
        let times = report.into_iter().map(|one| one.last_active_at);
        (times.map(Option::unwrap_or_default).collect::<Vec<_>>(), handoffs.position())
    };
    let (times, position) = told(&handoffs);
    assert_eq!(times, ["", ""]);
    handoffs.came("v", at(59));
    assert_eq!(told(&handoffs).0, ["", "1970-01-01T00:00:00Z"]);
    for second in 119..=179 {
        handoffs.holder_acted(at(second));
    }
    // A clock that is set back changes nothing.
    handoffs.holder_acted(at(30));
    let times = ["1970-01-01T00:02:00Z", "1970-01-01T00:00:00Z"].map(str::to_owned);
    assert_eq!(told(&handoffs), (times.into(), position + 3), "three minutes are three news");
}

#[test]
fn who_cannot_have_it_is_told_why() {
    let mut handoffs = Handoffs::default();
    handoffs.ask(prepare("a", Mode::Control), Seat(8));
    handoffs.granted(Seat(8), Epoch(1), Time::from_mins(10), at(0));
    handoffs.ask(prepare("b", Mode::Control), Seat(9));
    handoffs.denied(Seat(9), Denied::AlreadyHeld(crate::decide::lease::Person(0)), at(1));
    handoffs.watch(prepare("v", Mode::View), at(1));
    handoffs.revoked(Close::Stopped, at(2));
    handoffs.ask(prepare("c", Mode::Control), Seat(10));
    handoffs.browser_ended(at(2));
    assert_eq!(
        phases(&handoffs),
        [
            HandoffPhase::Cancelled(ClosedBy::Human),
            HandoffPhase::Failed(Failure::AlreadyHeld),
            HandoffPhase::Cancelled(ClosedBy::Human),
            HandoffPhase::Failed(Failure::BrowserGone)
        ]
    );
}

#[test]
fn who_watches_has_a_minute_to_come_with_another_handoff() {
    let mut handoffs = Handoffs::default();
    handoffs.watch(prepare("a", Mode::View), at(0));
    handoffs.sit(Seat(1), "a", false);
    handoffs.sit(Seat(2), "a", false);
    assert_eq!(handoffs.wake_at(), Some(Time::from_mins(10)));
    assert!(handoffs.on_time(at(599)).is_empty());
    assert_eq!(phases(&handoffs), [HandoffPhase::Running]);
    assert!(handoffs.on_time(at(600)).is_empty());
    assert_eq!(phases(&handoffs), [HandoffPhase::TimedOut(ClosedBy::Timeout)]);
    assert_eq!(handoffs.wake_at(), Some(Time::from_mins(11)));
    handoffs.watch(prepare("b", Mode::View), at(610));
    handoffs.sit(Seat(2), "b", false);
    assert!(handoffs.on_time(at(659)).is_empty());
    assert_eq!(handoffs.on_time(at(660)), [Seat(1)]);
    assert!(handoffs.on_time(at(661)).is_empty(), "once");
}

#[test]
fn a_restart_takes_nothing_away_and_decides_nothing_again() {
    let running = || {
        let mut handoffs = Handoffs::default();
        handoffs.ask(prepare("a", Mode::Control), Seat(9));
        handoffs.granted(Seat(9), Epoch(4), Time::from_mins(10), at(0));
        handoffs.watch(prepare("v", Mode::View), at(0));
        handoffs.sit(Seat(2), "a", true);
        handoffs.connected(true, at(1));
        let text = serde_json::to_string(&handoffs).unwrap();
        serde_json::from_str::<Handoffs>(&text).unwrap()
    };
    // Granted again under the next epoch, until the same time.
    let mut handoffs = running();
    let told = handoffs.report();
    handoffs.resume(true, None, at(2));
    let report = handoffs.report().remove(0);
    assert_eq!((report.epoch, report.connected), (None, false));
    assert_eq!(handoffs.admits("a", Mode::Control, 4), None);
    handoffs.granted(Seat(2), Epoch(6), Time::from_mins(10), at(3));
    let report = handoffs.report().remove(0);
    assert_eq!((report.epoch, &report.deadline), (Some(6), &told[0].deadline));
    assert!(handoffs.may_act(Seat(2)));
    assert_eq!(phases(&handoffs), [HandoffPhase::Running, HandoffPhase::Running]);
    // Its time was up meanwhile.
    let mut handoffs = running();
    handoffs.resume(true, None, at(700));
    handoffs.denied(Seat(2), Denied::Deadline, at(700));
    assert_eq!(phases(&handoffs)[0], HandoffPhase::TimedOut(ClosedBy::Timeout));
    // The browser ended before it was granted again.
    let mut handoffs = running();
    handoffs.resume(true, None, at(3));
    handoffs.denied(Seat(2), Denied::BrowserGone, at(3));
    assert_eq!(phases(&handoffs)[0], HandoffPhase::Failed(Failure::BrowserLost));
    // The end was decided, and is read back.
    for (closing, phase) in [
        (Some(Close::Finished), HandoffPhase::Finished(ClosedBy::Human)),
        (Some(Close::Moved), HandoffPhase::TimedOut(ClosedBy::DeadMan)),
    ] {
        let mut handoffs = running();
        let position = handoffs.position();
        handoffs.resume(false, closing, at(2));
        assert_eq!(phases(&handoffs), [phase, HandoffPhase::Running]);
        assert!(handoffs.position() > position);
    }
}

#[test]
fn without_a_browser_neither_what_ran_nor_what_waited_is_left_open() {
    let mut handoffs = Handoffs::default();
    handoffs.ask(prepare("ran", Mode::Control), Seat(9));
    handoffs.granted(Seat(9), Epoch(1), Time::from_mins(10), at(0));
    handoffs.ask(prepare("waited", Mode::Control), Seat(8));
    handoffs.resume(true, None, at(5));
    handoffs.browser_lost(at(5));
    let lost = HandoffPhase::Failed(Failure::BrowserLost);
    let gone = HandoffPhase::Failed(Failure::BrowserGone);
    assert_eq!(phases(&handoffs), [lost, gone]);
}
