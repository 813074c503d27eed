//! What a search says of a world that it should not have reached.

use std::fmt::Debug;

/// What happened from the start until `world`, in order. `before` knows the world that each was come
/// by from, and how; there is none before the start.
pub(super) fn trail<'a, World, Happening: Debug + 'a>(
    mut world: &'a World,
    before: impl Fn(&'a World) -> Option<(&'a World, &'a Happening)>,
) -> String {
    let mut steps = Vec::new();
    while let Some((earlier, happening)) = before(world) {
        steps.push(format!("{happening:?}"));
        world = earlier;
    }
    steps.reverse();
    steps.join(", ")
}
