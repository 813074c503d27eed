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
        |world| {
            rests(world, setting, mutation, &mut rested)
                .map_err(|promise| (promise, "a healthy operator".to_owned()))
        },
        |world| {
            let after = |happening| world.after(happening, setting, mutation);
            world.happenings(setting).into_iter().map(|one| (one, after(one))).collect()
        },
    )
}

/// Rounds that a world may need to come to rest: a grant and an end for each Handoff, some of them
/// after somebody else's.
const ROUNDS: usize = 20;

/// A healthy operator and gate, and nobody who does anything: does it come to rest? Worlds from which
/// it is known to are not looked at again.
fn rests(
    world: &World,
    setting: &Setting,
    mutation: Mutation,
    rested: &mut HashSet<World, Quick>,
) -> Result<(), Broken> {
    let mut world = world.clone();
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        world.catch_up();
        if rested.contains(&world) {
            break;
        }
        seen.push(world.clone());
        let before = world.clone();
        let mut wakes = false;
        if world.memory.heard.is_none() && !world.over {
            // Whoever keeps the run asks its gate as well.
            world.memory.heard = Some(world.gate);
        }
        world.clear(mutation);
        world.catch_up();
        for index in 0..2 {
            let plan = world.plan(index, setting, mutation);
            wakes |= plan.is_some_and(|plan| plan.wake_at.is_some());
            world.reconcile(index, setting, mutation, usize::MAX)?;
            world.catch_up();
        }
        for index in 0..2 {
            world.hears(index, true, setting)?;
            if world.gate[index] == AtGate::Pending
                && let Some(next) = world.after(Happening::Grants(index), setting, mutation)?
            {
                world = next;
            }
        }
        if world.memory.heard != Some(world.gate)
            && world.memory.following
            && let Some(next) = world.after(Happening::Followed, setting, mutation)?
        {
            world = next;
        }
        world.promises(setting)?;
        if world == before {
            // Time passes, if anybody waits for it.
            if wakes && world.late != world.made {
                world.late = world.made;
                continue;
            }
            world.at_peace()?;
            rested.extend(seen);
            return Ok(());
        }
    }
    if seen.len() == ROUNDS {
        return Err("every state comes to rest");
    }
    rested.extend(seen);
    Ok(())
}

impl World {
    fn catch_up(&mut self) {
        self.run_cache = self.run;
        self.cache.clone_from(&self.handoffs);
        self.over_cache = self.over;
    }

    /// What must be true when nothing more happens by itself.
    fn at_peace(&self) -> Result<(), Broken> {
        for index in 0..2 {
            let gate = self.gate[index];
            let granted = gate == AtGate::Running;
            match &self.handoffs[index] {
                // Of a run that is gone, the pod goes, and its gate with it.
                Some(thing)
                    if thing.record.ending.is_some() && gate.is_active() && self.run.is_some() =>
                {
                    return Err("nothing is granted that nobody asks for any more");
                }
                Some(thing) if thing.record.ending.is_some() => {}
                Some(thing) => {
                    let told = thing.record.granted.is_some();
                    if !granted || !told || thing.desired != HandoffState::Running || self.over {
                        return Err("whoever asks gets it or hears why not");
                    }
                }
                None if gate.is_active() && self.run.is_some() => {
                    return Err("nothing is granted that nobody asks for any more");
                }
                None => {}
            }
        }
        if let Some(slot) = self.run.and_then(|run| run.slot)
            && !self.gate[slot].is_active()
        {
            return Err("a slot is somebody's who has the browser");
        }
        Ok(())
    }
}
