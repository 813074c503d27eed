//! What a run waits for, and how it says so.

use super::*;
use crate::manifest::test_run::ConcurrencyPolicy;

/// What a run says at 20 s.
fn says(facts: &Facts) -> (Phase, String) {
    let record = write(facts, &Record::default(), at(20));
    (record.phase(), record.message)
}

fn ahead(name: &str) -> Ahead {
    Ahead { name: name.to_owned(), uid: format!("uid of {name}"), cancelled: false }
}

fn line(before: Vec<Ahead>, policy: ConcurrencyPolicy) -> Line {
    Line { key: "pr-42".to_owned(), policy, before }
}

#[test]
fn a_run_that_waits_says_for_what() {
    let check = |facts: Facts, phase, message: &str| {
        assert_eq!(says(&facts), (phase, message.to_owned()));
    };
    let waits = |words: &str| Facts {
        pods: vec![Pod { wait: Some(words.to_owned()), ..pod(1) }],
        ..facts()
    };
    let unschedulable = "0/3 nodes are available: 3 Insufficient memory.";
    check(waits(unschedulable), Phase::Starting, unschedulable);
    let pull = "Back-off pulling image \"registry.example/browser:1\"";
    check(waits(pull), Phase::Starting, pull);
    check(Facts { pods: vec![pod(1)], ..facts() }, Phase::Starting, "the pod is starting");
    let remark = "Secret s3 in shop does not exist; it is the operator's default for storage";
    let remarked = Run { remark: Some(remark.to_owned()), ..run() };
    check(Facts { pods: vec![pod(1)], run: remarked, ..facts() }, Phase::Starting, remark);
    let queue = |before| Facts { line: line(before, ConcurrencyPolicy::Queue), ..facts() };
    check(
        queue(vec![ahead("first")]),
        Phase::Queued,
        "next in the queue of key pr-42, behind first",
    );
    check(
        queue(vec![ahead("first"), ahead("second")]),
        Phase::Queued,
        "2 runs are before it in the queue of key pr-42: first is first",
    );
    let quota = Refusal { at: at(15), words: "exceeded quota: pods=10".to_owned() };
    check(
        Facts { refusal: Some(quota), ..facts() },
        Phase::Starting,
        "the pod was not accepted: exceeded quota: pods=10",
    );
    let target = |found| Facts {
        run: Run { readiness: Some(600), ..run() },
        target: Some(Probe { at: at(18), found }),
        ..facts()
    };
    check(
        target(Target::Silent("connection refused".to_owned())),
        Phase::Pending,
        "the target does not answer: connection refused",
    );
    check(
        target(Target::WrongRevision("0ld".to_owned())),
        Phase::Pending,
        "the target serves revision 0ld so far",
    );
    let problem = Problem {
        reason: "PoolNotFound".to_owned(),
        message: "poolRef.name: there is no BrowserPool chromium".to_owned(),
        lasting: false,
    };
    check(
        Facts { run: Run { problem: Some(problem), ..run() }, ..facts() },
        Phase::Pending,
        "poolRef.name: there is no BrowserPool chromium",
    );
}

#[test]
fn what_cannot_be_healed_ends_the_run_at_once_and_what_can_at_its_deadline() {
    let problem = |lasting| Problem {
        reason: "ContractTooLarge".to_owned(),
        message: "too large".to_owned(),
        lasting,
    };
    let mut facts = Facts { run: Run { problem: Some(problem(true)), ..run() }, ..facts() };
    let ending = write(&facts, &Record::default(), at(1)).ending.expect("an ending");
    assert_eq!((ending.verdict, ending.reason.as_str()), (Verdict::Errored, "ContractTooLarge"));
    facts.run.problem = Some(problem(false));
    let record = write(&facts, &Record::default(), at(1));
    assert_eq!(record.ending, None);
    assert_eq!(wakes(&facts, &record, at(2)), Some(600));
    let ending = write(&facts, &record, at(600)).ending.expect("an ending");
    assert_eq!(ending.reason, "StartDeadlineExceeded");
    // Once healed it goes on.
    facts.run.problem = None;
    assert_eq!(act(&facts, &record, at(10)).0, [Action::CreatePod(Attempt(1))]);
}

#[test]
fn the_target_is_looked_at_until_it_is_ready_or_its_time_is_over() {
    let mut facts = Facts { run: Run { readiness: Some(60), ..run() }, ..facts() };
    assert_eq!(act(&facts, &Record::default(), at(0)), (vec![Action::ProbeTarget], None));
    let silent = Target::Silent("timed out".to_owned());
    facts.target = Some(Probe { at: at(1), found: silent });
    let (actions, record) = act(&facts, &Record::default(), at(1));
    assert_eq!(actions, [], "it was just looked at");
    let record = record.expect("why it waits");
    assert_eq!(wakes(&facts, &record, at(2)), Some(6));
    assert_eq!(act(&facts, &record, at(6)).0, [Action::ProbeTarget]);
    let late = write(&facts, &record, at(61));
    assert_eq!(late.ending.expect("an ending").reason, "TargetNotReady");
    facts.target = Some(Probe { at: at(30), found: Target::Ready });
    let (actions, _) = act(&facts, &record, at(30));
    assert_eq!(actions, [Action::CreatePod(Attempt(1))]);
    // The start deadline counts from there.
    facts.pods = vec![Pod { created: at(30), ..pod(1) }];
    let record = write(&facts, &record, at(31));
    assert_eq!(record.target_ready, Some(at(30)));
    assert_eq!(wakes(&facts, &record, at(32)), Some(630));
}

#[test]
fn a_newer_run_cancels_the_older_ones_if_its_policy_says_so() {
    let mut older = vec![ahead("first"), Ahead { cancelled: true, ..ahead("second") }];
    let mut facts =
        Facts { line: line(older.clone(), ConcurrencyPolicy::CancelPrevious), ..facts() };
    let cancel = Action::CancelRun { name: "first".to_owned(), uid: "uid of first".to_owned() };
    let (actions, record) = act(&facts, &Record::default(), at(0));
    assert_eq!(actions, [cancel]);
    let record = record.expect("it is queued");
    older[0].cancelled = true;
    facts.line.before = older;
    assert_eq!(act(&facts, &record, at(1)), (vec![], None), "it waits for their verdicts");
    facts.line.before.clear();
    assert_eq!(act(&facts, &record, at(2)).0, [Action::CreatePod(Attempt(1))]);
}

#[test]
fn waiting_messages_are_ten_seconds_apart() {
    let waits = |words: &str| Facts {
        pods: vec![Pod { wait: Some(words.to_owned()), ..pod(1) }],
        written: Some(at(20)),
        ..facts()
    };
    let record = write(&waits("one"), &Record::default(), at(20));
    assert_eq!(act(&waits("one"), &record, at(25)).1, None);
    assert_eq!(act(&waits("two"), &record, at(29)).1, None);
    assert_eq!(wakes(&waits("two"), &record, at(29)), Some(30));
    assert_eq!(write(&waits("two"), &record, at(30)).message, "two");
    // What is more than words is written at once.
    let begun = Facts { pods: vec![running(1, at(24))], ..waits("one") };
    assert_eq!(write(&begun, &record, at(25)).phase(), Phase::Running);
}

#[test]
fn a_refused_pod_is_tried_again_every_ten_seconds() {
    let words = "exceeded quota".to_owned();
    let mut facts = Facts { refusal: Some(Refusal { at: at(10), words }), ..facts() };
    let (actions, record) = act(&facts, &Record::default(), at(10));
    assert_eq!(actions, []);
    let record = record.expect("the words");
    assert_eq!(wakes(&facts, &record, at(11)), Some(20));
    assert_eq!(act(&facts, &record, at(20)).0, [Action::CreatePod(Attempt(1))]);
    facts.run.cancelled = true;
    let record = write(&facts, &record, at(12));
    assert_eq!(record.verdict(), Some(Verdict::Cancelled));
}

#[test]
fn a_cancelled_run_that_has_not_begun_ends_at_once_and_its_pod_goes() {
    let run = Run { cancelled: true, ..run() };
    let facts = Facts { run, pods: vec![pod(1)], ..facts() };
    let (record, only) =
        decide_record(&facts, &Record::default(), at(5)).record.expect("a verdict");
    assert_eq!(record.verdict(), Some(Verdict::Cancelled));
    assert_eq!(only, Only::PodsAsSeen, "unless it begins at this moment");
    let delete = Action::DeletePod { pod: uid(), only: Only::Always };
    assert_eq!(act(&facts, &record, at(6)).0, [delete]);
}
