//! Which element a description means (pure; agent.md 3.4).
//!
//! Everything works on the full tree and on what a person can see of it. Nothing is ever picked by
//! chance: [`find`] gives one element, several candidates, or none and the closest names.

mod names;
mod region;
mod roles;

use crate::page::{
    Text,
    snapshot::{NodeId, Rect, Tree, text::norm},
    target::{Among, Ordinal, RoleNoun, Target},
};

pub(crate) use names::{closest, names_of, own_text, subtree_text};
pub(crate) use region::{Scope, scope};
pub(crate) use roles::is_among;

/// Differences in distance below this are a tie, in CSS pixels (agent.md 3.4, rule 4).
const TIE: f64 = 8.0;
/// How many candidates are told when several match.
const CANDIDATES: usize = 10;

/// What a description means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// Exactly this element.
    One(NodeId),
    /// No element.
    None {
        /// Up to five names that come close.
        closest: Vec<String>,
        /// The region that is not there, as typed: `the "Cart" section`.
        missing: Option<String>,
    },
    /// Several elements; at most ten of them are told.
    Several {
        /// In tree order, or in order of distance.
        candidates: Vec<Candidate>,
        /// How many there are in all.
        total: usize,
    },
}

/// One of several that a description may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its node. If `reference` is none, the page is asked for one by [`Tree::handle`].
    pub node: NodeId,
    /// Its role.
    pub role: &'static str,
    /// Its name, or its text.
    pub name: String,
    /// The nearest region with a name: `form "Login"`.
    pub region: String,
    /// Its ref, if it has one already.
    pub reference: Option<String>,
}

/// Finds what `target` means; without a role noun among what the verb acts on.
pub fn find(tree: &Tree, target: &Target, among: Among) -> Located {
    let wanted = |id: NodeId| match target.role {
        // People call a file input a field, though it takes no text.
        Some(RoleNoun::Field) if among == Among::FileInputs => roles::takes_files(tree, id),
        Some(noun) => roles::is_a(tree, id, noun),
        None => is_among(tree, id, among),
    };
    let by_text = target.role.is_none() && matches!(among, Among::Clickable | Among::Anything);
    find_by(tree, target, &wanted, by_text)
}

/// How many visible elements a noun and a name mean in a scope.
pub(crate) fn visible(tree: &Tree, scope: &Scope, noun: RoleNoun, name: Option<&Text>) -> usize {
    let pool: Vec<NodeId> = seen(tree, scope).filter(|id| roles::is_a(tree, *id, noun)).collect();
    match name {
        None => pool.len(),
        Some(name) => names::best(&pool, &norm(name.expose()), |id| names_of(tree, id)).len(),
    }
}

/// The elements of a scope that a person can see.
pub(crate) fn seen(tree: &Tree, scope: &Scope) -> impl Iterator<Item = NodeId> {
    tree.ids().filter(|id| {
        let node = tree.node(*id);
        !node.is_text() && node.is_visible() && scope.holds(tree, *id)
    })
}

/// As [`find`], among nodes of the caller's choice. With `by_text` any other element is meant by
/// its own text if no name matches.
pub(crate) fn find_by(
    tree: &Tree,
    target: &Target,
    wanted: &dyn Fn(NodeId) -> bool,
    by_text: bool,
) -> Located {
    if let Some(reference) = &target.reference {
        let found = tree.by_reference(reference).filter(|id| tree.node(*id).is_visible());
        return match found {
            Some(id) => Located::One(id),
            None => Located::None { closest: Vec::new(), missing: None },
        };
    }
    let scope = match scope(tree, &target.within) {
        Ok(scope) => scope,
        Err(missing) => {
            return Located::None {
                closest: region::closest(tree, &missing),
                missing: Some(missing.label),
            };
        }
    };
    let seen: Vec<NodeId> = seen(tree, &scope).collect();
    let pool: Vec<NodeId> = seen.iter().copied().filter(|id| wanted(*id)).collect();
    let mut found = match &target.name {
        None => pool.clone(),
        Some(name) => {
            let name = norm(name.expose());
            let mut found = names::best(&pool, &name, |id| names_of(tree, id));
            if found.is_empty() && by_text {
                found = names::best(&seen, &name, |id| names::texts(tree, id));
            }
            found
        }
    };
    found = collapse(tree, &found);
    // The text of a label is called as its control is.
    if by_text && found.iter().any(|id| tree.node(*id).is_interactive()) {
        found.retain(|id| tree.node(*id).is_interactive());
    }
    if let Some(near) = &target.near {
        found = nearest(tree, &seen, found, &norm(near.expose()), target.ordinal.is_some());
    }
    match (target.ordinal, found.as_slice()) {
        (Some(Ordinal::Nth(nth)), all) => {
            match usize::try_from(nth).ok().and_then(|nth| all.get(nth.checked_sub(1)?)) {
                Some(one) => Located::One(*one),
                None => none(tree, &pool, target),
            }
        }
        (Some(Ordinal::Last), [.., one]) | (None, [one]) => Located::One(*one),
        (_, []) => none(tree, &pool, target),
        (None, several) => Located::Several {
            candidates: several.iter().take(CANDIDATES).map(|id| candidate(tree, *id)).collect(),
            total: several.len(),
        },
    }
}

fn none(tree: &Tree, pool: &[NodeId], target: &Target) -> Located {
    let wanted = target.name.as_ref().map(|name| norm(name.expose())).unwrap_or_default();
    let names = pool.iter().flat_map(|id| names_of(tree, *id).spoken);
    Located::None { closest: closest(names, &wanted), missing: None }
}

/// What is told of one candidate.
fn candidate(tree: &Tree, id: NodeId) -> Candidate {
    let node = tree.node(id);
    let name = if node.name.is_empty() { own_text(tree, id) } else { node.name.clone() };
    Candidate {
        node: id,
        role: node.role,
        name,
        region: region::around(tree, id),
        reference: tree.reference(id),
    }
}

/// Candidates on one chain of ancestors are one: the innermost interactive one (rule 5).
fn collapse(tree: &Tree, found: &[NodeId]) -> Vec<NodeId> {
    let acts = |id: NodeId| tree.node(id).is_interactive();
    let beaten = |id: NodeId| {
        found.iter().any(|other| {
            let other = *other;
            if other == id {
                return false;
            }
            let below = tree.is_within(other, id) && (acts(other) || !acts(id));
            let above = tree.is_within(id, other) && acts(other) && !acts(id);
            below || above
        })
    };
    found.iter().copied().filter(|id| !beaten(*id)).collect()
}

/// Those that are nearest to an element with this text; with `all`, everything in that order.
fn nearest(tree: &Tree, seen: &[NodeId], found: Vec<NodeId>, text: &str, all: bool) -> Vec<NodeId> {
    let marks = names::best(seen, text, |id| names::texts(tree, id));
    let marks = collapse(tree, &marks);
    let away = |id: NodeId| {
        let here = place(tree, id)?;
        marks
            .iter()
            .filter(|mark| **mark != id)
            .filter_map(|mark| place(tree, *mark))
            .map(|there| distance(here, there))
            .min_by(f64::total_cmp)
    };
    let mut measured: Vec<(f64, NodeId)> =
        found.into_iter().filter_map(|id| away(id).map(|far| (far, id))).collect();
    if all {
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    } else {
        let least = measured.iter().map(|one| one.0).min_by(f64::total_cmp).unwrap_or_default();
        measured.retain(|one| one.0 - least < TIE);
    }
    measured.into_iter().map(|one| one.1).collect()
}

fn place(tree: &Tree, id: NodeId) -> Option<Rect> {
    tree.node(id).place.filter(|place| place.w > 0.0 && place.h > 0.0)
}

/// The gap between two boxes; 0 if they touch.
fn distance(a: Rect, b: Rect) -> f64 {
    let x = (b.x - (a.x + a.w)).max(a.x - (b.x + b.w)).max(0.0);
    let y = (b.y - (a.y + a.h)).max(a.y - (b.y + b.h)).max(0.0);
    x.hypot(y)
}

#[cfg(test)]
mod tests;
