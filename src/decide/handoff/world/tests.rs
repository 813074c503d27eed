//! What is searched, what a search must come by, and what must break each promise.

use std::io::Write as _;

use super::{search::search, *};

/// All that can go wrong for one.
const ALL: &[Mishap] = &[
    Mishap::Unheard(0),
    Mishap::Unanswered(0),
    Mishap::LostAnswer(0, 1),
    Mishap::Crash(0, 0),
    Mishap::Crash(0, 1),
    Mishap::Crash(0, 2),
    Mishap::Unseen(0),
    Mishap::Delete(0),
    Mishap::DeleteRun,
    Mishap::Forget,
    Mishap::PodEnds,
    Mishap::PolicyGoes,
];

const ONE: Setting = Setting {
    name: "one who wants control, and two things go wrong",
    modes: [Mode::Control, Mode::Control],
    rival: false,
    mishaps: 2,
    allowed: ALL,
};

const TWO: Setting = Setting {
    name: "two who want control",
    rival: true,
    mishaps: 1,
    allowed: &[Mishap::Crash(0, 1), Mishap::Delete(0)],
    ..ONE
};

const GIVEN_UP: Setting = Setting {
    name: "one who wants control after one whose gate was silent",
    allowed: &[Mishap::Unanswered(0)],
    ..TWO
};

const SETTINGS: [Setting; 4] = [
    ONE,
    Setting { name: "one who watches", modes: [Mode::View, Mode::Control], mishaps: 1, ..ONE },
    TWO,
    GIVEN_UP,
];

/// A landmark's name and whether a world is one.
type Landmark = (&'static str, fn(&World) -> bool);

fn over(world: &World, like: impl Fn(&Ending) -> bool) -> bool {
    let things = world.handoffs.iter().flatten();
    things.filter_map(|thing| thing.record.ending.as_ref()).any(|(ending, _)| like(ending))
}

fn fails(world: &World, code: FailureCode) -> bool {
    over(world, |ending| matches!(ending, Ending::Failed(found, _) if *found == code))
}

const LANDMARKS: [Landmark; 13] = [
    ("is finished", |w| over(w, |one| matches!(one, Ending::Finished(_)))),
    ("is cancelled", |w| over(w, |one| matches!(one, Ending::Cancelled(_)))),
    ("times out", |w| over(w, |one| matches!(one, Ending::TimedOut(_)))),
    ("loses the race", |w| fails(w, FailureCode::AlreadyHeld)),
    ("waits too long", |w| fails(w, FailureCode::AgentBusy)),
    ("loses the browser", |w| fails(w, FailureCode::BrowserLost)),
    ("comes too late for the browser", |w| fails(w, FailureCode::BrowserGone)),
    ("loses its gate", |w| fails(w, FailureCode::GateLost)),
    ("is refused for want of the policy", |w| fails(w, FailureCode::PolicyMissing)),
    ("could not be granted", |w| fails(w, FailureCode::DrainTimeout)),
    ("follows another", |w| {
        w.handoffs.iter().flatten().all(|one| one.record.granted.is_some())
            && w.made == [true; 2]
            && w.handoffs.iter().all(Option::is_some)
    }),
    ("is deleted while granted", |w| w.handoffs[0].is_none() && w.gate[0] == AtGate::Running),
    ("is granted before its status says so", |w| {
        w.gate[0] == AtGate::Running
            && w.handoffs[0].as_ref().is_some_and(|one| one.record.granted.is_none())
    }),
];

#[test]
fn every_interleaving_keeps_every_promise() {
    let mut reached = [false; LANDMARKS.len()];
    let mut states = 0;
    for setting in &SETTINGS {
        let found = search(setting, Mutation::None).unwrap_or_else(|broken| panic!("{broken}"));
        writeln!(
            std::io::stderr(),
            "{} states of {}, {} steps deep",
            found.worlds.len(),
            setting.name,
            found.depth,
        )
        .unwrap();
        states += found.worlds.len();
        for world in &found.worlds {
            for (flag, (_, landmark)) in reached.iter_mut().zip(LANDMARKS) {
                *flag |= landmark(world);
            }
        }
    }
    for ((name, _), reached) in LANDMARKS.iter().zip(reached) {
        assert!(reached, "no Handoff {name}: the search is vacuous");
    }
    assert!(states >= STATES, "only {states} states: something is no longer reached");
}

/// How many the searches found when they were last changed on purpose.
const STATES: usize = 466_843;

#[test]
fn every_promise_is_broken_by_its_mutation() {
    let check = |mutation, setting: &Setting, promise: &str| match search(setting, mutation) {
        Err(found) => {
            assert!(found.starts_with(promise), "{mutation:?} broke something else: {found}");
        }
        Ok(_) => panic!("{mutation:?} broke nothing"),
    };
    check(Mutation::NoCompareAndSwap, &TWO, "whatever is granted has the run's slot");
    check(Mutation::StatusUnconditionally, &ONE, "a terminal phase never changes");
    check(Mutation::PrepareFromCache, &ONE, "a terminal phase is the gate's own");
    check(Mutation::RunFromCache, &ONE, "no slot names a Handoff that is over");
    check(Mutation::HolderFromCache, &TWO, "nobody is refused for somebody who does not have it");
    check(Mutation::StatusFirst, &ONE, "no slot names a Handoff that is over");
    check(Mutation::NothingIsSwept, &ONE, "nothing is granted that nobody asks for any more");
    check(Mutation::SilenceIsAbsence, &ONE, "a terminal phase is the gate's own");
    let refused = "nobody is refused for somebody who does not have it";
    check(Mutation::PrepareBesideAnother, &TWO, refused);
    check(Mutation::PrepareBesideAnother, &GIVEN_UP, refused);
}
