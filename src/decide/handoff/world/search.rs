//! The search: every world that can be reached, each step and each rest checked.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
};

use super::*;
use crate::decide::{quick::Quick, trail::trail};

/// All reachable worlds and how far the farthest is.
pub(super) struct Found {
    pub worlds: Vec<Rc<World>>,
    pub depth: usize,
}

/// More than this is a model that has become too large for a test.
const MOST: usize = 1_000_000;

type Came = HashMap<Rc<World>, Option<(Rc<World>, Happening)>, Quick>;

/// Breadth first, so that the path to the first broken promise is a shortest one.
pub(super) fn search(setting: &Setting, mutation: Mutation) -> Result<Found, String> {
    let start = Rc::new(World::new(setting));
    let mut came = Came::default();
    let mut queue = VecDeque::from([(Rc::clone(&start), 0)]);
    let mut rested = HashSet::default();
    let mut depth = 0;
    came.insert(start, None);
    while let Some((world, far)) = queue.pop_front() {
        depth = far;
        if came.len() > MOST {
            return Err(format!("{} has too many states", setting.name));
        }
        if let Err(promise) = rests(&world, setting, mutation, &mut rested) {
            return Err(format!("{promise}: {}", path(&came, &world)));
        }
        for happening in world.happenings(setting) {
            match world.after(happening, setting, mutation) {
                Ok(Some(next)) if !came.contains_key(&next) => {
                    let next = Rc::new(next);
                    came.insert(Rc::clone(&next), Some((Rc::clone(&world), happening)));
                    queue.push_back((next, far + 1));
                }
                Ok(_) => {}
                Err(promise) => {
                    return Err(format!("{promise}: {}, {happening:?}", path(&came, &world)));
                }
            }
        }
    }
    Ok(Found { worlds: came.into_keys().collect(), depth })
}

fn path<'a>(came: &'a Came, world: &'a World) -> String {
    trail(world, |world| {
        came.get(world)?.as_ref().map(|(before, happening)| (&**before, happening))
    })
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
