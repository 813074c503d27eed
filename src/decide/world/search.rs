//! The search: every world that can be reached, each step and each rest checked.

use std::collections::HashSet;

use super::*;
use crate::decide::{
    explore::{Found, explore},
    quick::Quick,
};

/// All reachable worlds, or a shortest way to a broken promise.
pub(super) fn search(setting: &Setting, mutation: Mutation) -> Result<Found<World>, String> {
    let mut rested = HashSet::default();
    explore(
        World::new(setting),
        |world| rests(world, setting, mutation, &mut rested),
        |world| {
            let plan = world.plan(setting, mutation);
            let after = |happening| world.after(happening, &plan, setting, mutation);
            world.happenings(setting).into_iter().map(|one| (one, after(one))).collect()
        },
    )
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
    rested: &mut HashSet<World, Quick>,
) -> Result<(), (Broken, String)> {
    let mut world = world.clone();
    let mut seen = Vec::new();
    let mut told = Vec::new();
    // What only the environment changed may be reacted to before the time that was asked for.
    let mut due = true;
    loop {
        world.run_cache.clone_from(&world.run);
        world.pod_cache = world.shells();
        if rested.contains(&world) {
            break;
        }
        seen.push(world.clone());
        let plan = world.plan(setting, mutation);
        if plan.len() > 0 && !due {
            return Err(("nobody looks again too late", told.join(", ")));
        }
        told.push(format!("{:?} {:?}", plan.record.as_ref().map(|(r, _)| r.phase()), plan.actions));
        let before = world.clone();
        let fail = |promise: Broken| (promise, String::new());
        world.apply_all(&plan, setting, mutation, usize::MAX).map_err(fail)?;
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
        let kubelet = world
            .pods
            .iter()
            .flatten()
            .any(|pod| pod.shell.deleting.is_some() && !pod.shell.over && !pod.node_lost);
        let wake_at = plan.wake_at.filter(|_| mutation != Mutation::NeverWakes);
        if wake_at.is_none() && !kubelet && world.run.is_some() {
            return Err(("who waits for no event wakes up", told.join(", ")));
        }
        let shells = world.shells();
        world = world
            .after(Happening::Tick, &plan, setting, mutation)
            .map_err(fail)?
            .unwrap_or_else(|| world.clone());
        if world.run.is_none() {
            let collected =
                world.after(Happening::Collect, &plan, setting, mutation).map_err(fail)?;
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
        let mut left = pods
            .filter(|pod| !(pod.node_lost && pod.shell.deleting.is_some() && !pod.shell.finalizer));
        let lost = self.pods.iter().flatten().any(|pod| pod.node_lost);
        let verdict = self.run.as_ref().is_some_and(|run| run.record.ending.is_some());
        left.next().is_none() && (self.run.is_none() || (lost && verdict))
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.run.as_deref().map(|run| &run.record)
    }
}
