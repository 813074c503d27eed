//! Every world that can be reached from one, breadth first: what the searches of runs and of Handoffs
//! have in common.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Debug,
    hash::Hash,
    rc::Rc,
};

use super::{quick::Quick, trail::trail};

/// More than this is a model that has become too large for a test.
const MOST: usize = 1_000_000;

/// All reachable worlds and how far the farthest is.
pub(super) struct Found<World> {
    pub worlds: Vec<Rc<World>>,
    pub depth: usize,
}

/// How each world was come by; none before the start.
type Came<World, Happening> = HashMap<Rc<World>, Option<(Rc<World>, Happening)>, Quick>;

/// Looks at each world with `rests`, and goes on to what `steps` makes of it. Breadth first, so that the
/// path to the first broken promise, which the error tells, is a shortest one.
pub(super) fn explore<World: Eq + Hash, Happening: Debug>(
    start: World,
    mut rests: impl FnMut(&World) -> Result<(), (&'static str, String)>,
    mut steps: impl FnMut(&World) -> Vec<(Happening, Result<Option<World>, &'static str>)>,
) -> Result<Found<World>, String> {
    let start = Rc::new(start);
    let mut came = Came::default();
    let mut queue = VecDeque::from([(Rc::clone(&start), 0)]);
    let mut depth = 0;
    came.insert(start, None);
    while let Some((world, far)) = queue.pop_front() {
        depth = far;
        if came.len() > MOST {
            return Err("there are too many states".to_owned());
        }
        let path = |world: &World| {
            trail(world, |world| {
                came.get(world)?.as_ref().map(|(before, happening)| (&**before, happening))
            })
        };
        if let Err((promise, rounds)) = rests(&world) {
            return Err(format!("{promise}: {}; left alone: {rounds}", path(&world)));
        }
        let steps = steps(&world);
        if let Some((happening, Err(promise))) = steps.iter().find(|(_, next)| next.is_err()) {
            return Err(format!("{promise}: {}, {happening:?}", path(&world)));
        }
        for (happening, next) in steps {
            if let Ok(Some(next)) = next
                && !came.contains_key(&next)
            {
                let next = Rc::new(next);
                came.insert(Rc::clone(&next), Some((Rc::clone(&world), happening)));
                queue.push_back((next, far + 1));
            }
        }
    }
    Ok(Found { worlds: came.into_keys().collect(), depth })
}
