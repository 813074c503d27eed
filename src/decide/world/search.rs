//! The search: every world that can be reached, each step and each rest checked.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::Write as _,
};

use super::{operator::GRACE, *};
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
    Mishap::Crash(1),
    Mishap::AgentCrashes,
];

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "kept",
        backoff_limit: 0,
        keep: When::Always,
        on_upload_failure: UploadFailure::Hold,
        storage: true,
        readiness: false,
        ahead: false,
        mishaps: 1,
        allowed: ALL,
    },
    Setting {
        name: "tried again",
        backoff_limit: 1,
        keep: When::Never,
        on_upload_failure: UploadFailure::Discard,
        storage: true,
        readiness: false,
        ahead: false,
        mishaps: 1,
        allowed: ALL,
    },
    Setting {
        name: "without storage",
        backoff_limit: 0,
        keep: When::OnFailure,
        on_upload_failure: UploadFailure::Hold,
        storage: false,
        readiness: false,
        ahead: false,
        mishaps: 1,
        allowed: ALL,
    },
    Setting {
        name: "waiting",
        backoff_limit: 0,
        keep: When::Never,
        on_upload_failure: UploadFailure::Discard,
        storage: true,
        readiness: true,
        ahead: true,
        mishaps: 1,
        allowed: ALL,
    },
];

/// All reachable worlds and how far the farthest is.
struct Found {
    worlds: Vec<World>,
    depth: usize,
}

/// Breadth first, so that the path to the first broken promise is a shortest one.
fn search(setting: &Setting, mutation: Mutation) -> Result<Found, String> {
    let start = World::new(setting);
    let mut came: HashMap<World, Option<(World, Happening)>> = HashMap::new();
    let mut queue = VecDeque::from([(start.clone(), 0)]);
    let mut rested = HashSet::new();
    let mut depth = 0;
    came.insert(start, None);
    while let Some((world, far)) = queue.pop_front() {
        depth = far;
        if let Err((promise, rounds)) = rests(&world, setting, mutation, &mut rested) {
            return Err(format!("{promise}: {}; left alone: {rounds}", path(&came, &world)));
        }
        for happening in world.happenings(setting) {
            match world.after(happening, setting, mutation) {
                Ok(Some(next)) => {
                    if !came.contains_key(&next) {
                        came.insert(next.clone(), Some((world.clone(), happening)));
                        queue.push_back((next, far + 1));
                    }
                }
                Ok(None) => {}
                Err(promise) => {
                    return Err(format!("{promise}: {}, {happening:?}", path(&came, &world)));
                }
            }
        }
    }
    Ok(Found { worlds: came.into_keys().collect(), depth })
}

fn path(came: &HashMap<World, Option<(World, Happening)>>, world: &World) -> String {
    let mut steps = Vec::new();
    let mut world = world;
    while let Some(Some((before, happening))) = came.get(world) {
        steps.push(format!("{happening:?}"));
        world = before;
    }
    steps.reverse();
    steps.join(", ")
}

/// How many rounds a world may need to come to rest. The longest life has its deadlines one after
/// the other: start, run, upload, cap, grace, the object's own.
const ROUNDS: usize = 60;

/// A healthy operator and only time passing: does it come to rest? Worlds from which it is known to
/// are not looked at again. The error has the promise and what was done.
fn rests(
    world: &World,
    setting: &Setting,
    mutation: Mutation,
    rested: &mut HashSet<World>,
) -> Result<(), (Broken, String)> {
    let mut world = world.clone();
    let mut seen = Vec::new();
    let mut told = Vec::new();
    // What only the environment changed may be reacted to before the time that was asked for.
    let mut due = true;
    loop {
        if rested.contains(&world) {
            break;
        }
        world.run_cache.clone_from(&world.run);
        world.pod_cache = world.shells();
        seen.push(world.clone());
        let plan = world.plan(setting, mutation);
        if plan.len() > 0 && !due {
            return Err(("nobody looks again too late", told.join(", ")));
        }
        told.push(format!("{:?} {:?}", plan.record.as_ref().map(|(r, _)| r.phase()), plan.actions));
        let before = world.clone();
        let fail = |promise: Broken| (promise, String::new());
        world.reconcile(setting, mutation, usize::MAX).map_err(fail)?;
        world.settle_pods();
        world.normalise(0);
        if world != before {
            due = true;
            if seen.len() > ROUNDS {
                return Err(("every state comes to rest", told.join(", ")));
            }
            continue;
        }
        world.at_peace(mutation).map_err(|promise| (promise, told.join(", ")))?;
        if world.at_rest() {
            break;
        }
        let kubelet = world.pods.iter().flatten().any(|pod| {
            pod.shell.deleting.is_some() && !pod.shell.over && !pod.node_lost
        });
        let wake_at = plan.wake_at.filter(|_| mutation != Mutation::NeverWakes);
        if wake_at.is_none() && !kubelet && world.run.is_some() {
            return Err(("who waits for no event wakes up", told.join(", ")));
        }
        let shells = world.shells();
        world = world
            .after(Happening::Tick, setting, mutation)
            .map_err(fail)?
            .unwrap_or_else(|| world.clone());
        if world.run.is_none() {
            let collected = world.after(Happening::Collect, setting, mutation).map_err(fail)?;
            world = collected.unwrap_or(world);
        }
        let before: Vec<_> = shells.iter().flatten().map(|shell| shell.over).collect();
        let after: Vec<_> = world.shells().iter().flatten().map(|shell| shell.over).collect();
        let woken = wake_at.is_some_and(|at| at <= NOW.plus(1));
        due = woken || before != after;
        told.push("a second".to_owned());
        if seen.len() > ROUNDS {
            return Err(("every state comes to rest", told.join(", ")));
        }
    }
    rested.extend(seen);
    Ok(())
}

impl World {
    /// What must be true whenever a healthy operator has done all it would do now.
    fn at_peace(&self, mutation: Mutation) -> Result<(), Broken> {
        let asked = mutation != Mutation::OrphansFromCache;
        for pod in self.pods.iter().flatten() {
            let view = pod.shell.pod();
            if self.run.is_none() && view.deleting.is_none() && asked {
                return Err("a pod outlives its run by no more than its grace");
            }
            if view.overdue(NOW) && view.finalizer {
                return Err("a finalizer goes within its bound");
            }
        }
        Ok(())
    }

    /// Nothing more will happen: all is gone but what a lost node keeps from being gone.
    fn at_rest(&self) -> bool {
        let pods = self.pods.iter().flatten();
        let mut left = pods.filter(|pod| {
            !(pod.node_lost && pod.shell.deleting.is_some() && !pod.shell.finalizer)
        });
        let lost = self.pods.iter().flatten().any(|pod| pod.node_lost);
        let verdict = self.run.as_ref().is_some_and(|run| run.record.ending.is_some());
        left.next().is_none() && (self.run.is_none() || (lost && verdict))
    }

    fn record(&self) -> Option<&Record> {
        self.run.as_ref().map(|run| &run.record)
    }
}

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
    ("waits in the queue", |w| w.record().is_some_and(|r| r.waiting == Some(record::Waiting::Queue))),
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
        let began = std::time::Instant::now();
        let found = search(setting, Mutation::None).unwrap_or_else(|broken| panic!("{broken}"));
        writeln!(
            std::io::stderr(),
            "{} states of a run that is {}, {} steps deep, in {:?}",
            found.worlds.len(),
            setting.name,
            found.depth,
            began.elapsed(),
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
        let facts = World::new(&SETTINGS[0]).facts(&SETTINGS[0], Mutation::None);
        let status = record.write(&TestRunStatus::default(), &facts, NOW);
        if record.generation > 0 {
            assert_eq!(Record::read(&status), record, "what is written is not what is read");
        }
    }
    assert!(states >= STATES, "only {states} states: something is no longer reached");
}

/// How many the searches found when they were last changed on purpose.
const STATES: usize = 0;

#[test]
fn every_promise_is_broken_by_its_mutation() {
    let check = |mutation, setting: usize, promise: &str| {
        match search(&SETTINGS[setting], mutation) {
            Err(found) => {
                assert!(found.starts_with(promise), "{mutation:?} broke something else: {found}");
            }
            Ok(_) => panic!("{mutation:?} broke nothing"),
        }
    };
    check(Mutation::NoCompareAndSwap, 0, "a verdict never changes");
    check(Mutation::CreateFromCache, 1, "at most one live pod a run");
    check(Mutation::MissingIsGone, 0, "no run is given up while its agent lives");
    check(Mutation::OrphansFromCache, 0, "only orphans are deleted as orphans");
    check(Mutation::ReapFromMemory, 0, "nobody who watches loses the browser before the end");
    check(Mutation::UploadsBelieved, 0, "nothing unsaved goes before its time");
    check(Mutation::FinalizerStays, 0, "a finalizer goes within its bound");
    check(Mutation::OrphansStay, 0, "a pod outlives its run by no more than its grace");
    check(Mutation::NeverWakes, 0, "who waits for no event wakes up");
    check(Mutation::NeverLate, 0, "every state comes to rest");
}
