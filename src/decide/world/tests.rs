//! Which runs are searched, what a search must come by, and what must break each promise.

use std::{collections::HashSet, io::Write as _};

use super::{operator::GRACE, search::search, *};
use crate::manifest::status::TestRunStatus;

/// Every disruption that a search allows at once.
const ALL: &[Mishap] = &[
    Mishap::Evict,
    Mishap::Drain,
    Mishap::NodeLost,
    Mishap::Vanish,
    Mishap::Cancel,
    Mishap::Delete,
    Mishap::Forward,
    Mishap::Back,
    Mishap::CutOff,
    Mishap::View,
    Mishap::BrowserEnds,
    Mishap::LostAnswer(1),
    Mishap::LostAnswer(2),
    Mishap::Crash(0),
    Mishap::Crash(1),
    Mishap::Takeover,
    Mishap::AgentCrashes,
    Mishap::GiveUp,
];

/// A run with most of the defaults.
const KEPT: Setting = Setting {
    name: "kept",
    backoff_limit: 0,
    keep: When::Always,
    on_upload_failure: UploadFailure::Hold,
    storage: true,
    readiness: false,
    ahead: false,
    mishaps: 1,
    allowed: ALL,
};

const SETTINGS: [Setting; 5] = [
    KEPT,
    Setting {
        name: "tried again",
        backoff_limit: 1,
        keep: When::Never,
        on_upload_failure: UploadFailure::Discard,
        ..KEPT
    },
    Setting {
        name: "kept without storage if it fails",
        keep: When::OnFailure,
        storage: false,
        allowed: &[Mishap::Drain, Mishap::View, Mishap::AgentCrashes, Mishap::GiveUp],
        ..KEPT
    },
    Setting {
        name: "waiting for its target and its turn",
        readiness: true,
        ahead: true,
        allowed: &[Mishap::Cancel, Mishap::Delete, Mishap::Crash(1), Mishap::Back],
        ..KEPT
    },
    Setting {
        name: "given up twice",
        keep: When::Never,
        mishaps: 2,
        allowed: &[Mishap::Cancel, Mishap::Delete, Mishap::CutOff],
        ..KEPT
    },
];

/// A landmark's name and whether a world is one.
type Landmark = (&'static str, fn(&World) -> bool);

fn ending(world: &World) -> Option<&str> {
    Some(world.record()?.ending.as_ref()?.reason.as_str())
}

/// What the searches must come by together, or they prove nothing.
const LANDMARKS: [Landmark; 17] = [
    ("passes", |w| w.record().and_then(Record::verdict) == Some(Verdict::Passed)),
    ("is cancelled", |w| w.record().and_then(Record::verdict) == Some(Verdict::Cancelled)),
    ("crashes", |w| ending(w) == Some("OOMKilled")),
    ("hangs", |w| ending(w) == Some("AgentHung")),
    ("loses its pod", |w| ending(w) == Some("PodLost")),
    ("is evicted", |w| ending(w) == Some("Evicted")),
    ("starts too late", |w| ending(w) == Some("StartDeadlineExceeded")),
    ("waits for its target in vain", |w| ending(w) == Some("TargetNotReady")),
    ("waits in the queue", |w| {
        w.record().is_some_and(|r| r.waiting == Some(record::Waiting::Queue))
    }),
    ("is tried again and passes", |w| {
        w.record().is_some_and(|r| r.attempt == 2 && r.verdict() == Some(Verdict::Passed))
    }),
    ("stores everything", |w| {
        w.record().is_some_and(|r| matches!(r.artifacts, record::Artifacts::Stored(_)))
    }),
    ("cannot store everything", |w| {
        w.record().is_some_and(|r| matches!(r.artifacts, record::Artifacts::Failed(_)))
    }),
    ("warns somebody", |w| w.pods.iter().flatten().any(|pod| pod.told_idle.is_some())),
    ("is watched after its end", |w| {
        w.pods.iter().flatten().any(|pod| pod.viewer && !pod.shell.finalizer)
    }),
    ("has a gate that cannot be reached", |w| w.memory.gate.failures >= 2),
    ("expires", |w| w.record().is_some_and(|r| r.gone)),
    ("leaves an orphan", |w| w.run.is_none() && w.pods[0].is_some_and(|pod| pod.grace == GRACE)),
];

#[test]
fn every_interleaving_keeps_every_promise() {
    let mut reached = [false; LANDMARKS.len()];
    let mut records = HashSet::new();
    let mut states = 0;
    for setting in &SETTINGS {
        let found = search(setting, Mutation::None).unwrap_or_else(|broken| panic!("{broken}"));
        writeln!(
            std::io::stderr(),
            "{} states of a run that is {}, {} steps deep",
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
            records.extend(world.run.as_ref().map(|run| run.record.clone()));
        }
    }
    for ((name, _), reached) in LANDMARKS.iter().zip(reached) {
        assert!(reached, "no run {name}: the search is vacuous");
    }
    for record in records {
        let facts = World::new(&KEPT).facts(&KEPT, Mutation::None);
        let status = record.write(&TestRunStatus::default(), &facts, NOW);
        if record.generation > 0 {
            assert_eq!(Record::read(&status), record, "what is written is not what is read");
        }
    }
    assert!(states >= STATES, "only {states} states: something is no longer reached");
}

/// How many the searches found when they were last changed on purpose.
const STATES: usize = 472_152;

#[test]
fn every_promise_is_broken_by_its_mutation() {
    let check = |mutation, setting: &Setting, promise: &str| match search(setting, mutation) {
        Err(found) => {
            assert!(found.starts_with(promise), "{mutation:?} broke something else: {found}");
        }
        Ok(_) => panic!("{mutation:?} broke nothing"),
    };
    let taken_over = Setting { backoff_limit: 1, allowed: &[Mishap::Crash(0)], ..KEPT };
    check(Mutation::NoCompareAndSwap, &KEPT, "a verdict never changes");
    check(Mutation::PodsFromCache, &taken_over, "at most one live pod a run");
    check(Mutation::PodsFromCache, &KEPT, "no run is given up while its agent lives");
    check(Mutation::RunFromCache, &KEPT, "no pod is made for a run that is over");
    check(Mutation::OrphansFromCache, &KEPT, "only orphans are deleted as orphans");
    check(Mutation::ReapFromMemory, &KEPT, "nobody who watches loses the browser before the end");
    check(Mutation::UploadsBelieved, &KEPT, "nothing unsaved goes before its time");
    check(Mutation::FinalizerStays, &KEPT, "a finalizer goes within its bound");
    check(Mutation::OrphansStay, &KEPT, "a pod outlives its run by no more than its grace");
    check(Mutation::NeverWakes, &KEPT, "who waits for no event wakes up");
    check(Mutation::NeverLate, &KEPT, "every state comes to rest");
}
