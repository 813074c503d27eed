//! What changed between two shown trees of one document (pure; agent.md 6.3, snapshot.md 3.3).
//!
//! Every change is complete in itself: a line that is new with all that is in it, one that is gone
//! with how much was in it, one that is otherwise with what it was. Nothing has to be merged, and
//! every ref in it may be used.
//!
//! ```text
//! changes: +1 -1 ~1
//! in form "Login" [ref=e1]:
//! ~ textbox "Email" [invalid] [ref=e2]: ada (was: bob)
//! + alert: Not an address
//! in page:
//! - status: Loading
//! ```

mod matching;
mod told;

use std::collections::HashMap;

use super::{NodeId, Printed, Shown, prune::LEAST, shown::Entry};
use matching::Matching;

/// More replaced elements than these under one parent are told in one line.
const REPLACED: usize = 5;

/// What a reader is told of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Begins with `changes:`.
    pub text: String,
    /// Nothing changed.
    pub none: bool,
    /// The nodes in it whose refs a reader may use now.
    pub refs: Vec<NodeId>,
}

/// One line of a diff. Indices are of the new tree, except where they are called `old`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Added(usize),
    Removed {
        old: usize,
    },
    Changed {
        at: usize,
        old: usize,
    },
    Moved(usize),
    Replaced {
        at: usize,
        old: usize,
    },
    /// Its children, or the outermost lines, are in another order.
    Order(Option<usize>),
    /// So much below it was replaced by the same.
    Rerendered(Option<usize>),
}

impl Shown {
    /// What changed since `before`, in at most `bytes`; `acted` is the ref of the element that was
    /// acted on, if one was. A budget below 800 bytes counts as that. Another document, or none
    /// before, is a new page with its tree.
    pub fn changes(&self, before: Option<&Self>, bytes: usize, acted: Option<&str>) -> Changes {
        const NEW_PAGE: &str = "changes: new page\n";
        let bytes = bytes.max(LEAST + NEW_PAGE.len());
        let Some(before) = before.filter(|before| before.document == self.document) else {
            let Printed { text, refs } = self.prune(bytes - NEW_PAGE.len(), acted);
            return Changes { text: format!("{NEW_PAGE}{text}"), none: false, refs };
        };
        if self.is_told_as(before) {
            return Changes { text: "changes: none\n".to_owned(), none: true, refs: Vec::new() };
        }
        let matching = Matching::of(before, self);
        let ops = ops(before, self, &matching);
        let groups = told::groups(before, self, &matching, &ops, bytes);
        told::tell(self, &ops, &groups, bytes, acted)
    }

    /// Whether the other tree reads the same, but for what is no change.
    fn is_told_as(&self, other: &Self) -> bool {
        self.lines.len() == other.lines.len()
            && self.lines.iter().zip(&other.lines).all(|(new, old)| {
                new.level == old.level
                    && !differs(old, new)
                    && (new.reference == old.reference || new.key == old.key)
            })
    }
}

/// Whether a line counts as changed. That a ref was given on demand, the focus left, something
/// covers it or it was scrolled does not.
fn differs(old: &Entry, new: &Entry) -> bool {
    const NOT_TOLD: &[&str] = &["active", "covered", "scroll", "scroll-x", "size", "hint"];
    fn told(entry: &Entry) -> impl Iterator<Item = (&str, Option<&str>)> {
        let told = entry.marks.iter().filter(|mark| !NOT_TOLD.contains(&mark.key.as_str()));
        told.map(|mark| (mark.key.as_str(), mark.value.as_deref()))
    }
    old.role != new.role
        || old.name != new.name
        || old.text != new.text
        || old.options != new.options
        || (new.mark("active").is_some() && old.mark("active").is_none())
        || !told(old).eq(told(new))
}

/// All changes, in no order.
fn ops(before: &Shown, now: &Shown, matching: &Matching) -> Vec<Op> {
    let mut ops = Vec::new();
    // What is in a sub-tree that is new is printed with it.
    let mut in_new: Vec<bool> = Vec::with_capacity(now.lines.len());
    for (at, entry) in now.lines.iter().enumerate() {
        let above = entry.parent.is_some_and(|above| in_new.get(above) == Some(&true));
        let old = matching.old_of(at);
        in_new.push(above || old.is_none());
        if above {
            continue;
        }
        let Some(old) = old else {
            ops.push(Op::Added(at));
            continue;
        };
        let Some(was) = before.lines.get(old) else { continue };
        if differs(was, entry) {
            ops.push(Op::Changed { at, old });
        } else if matching.above_new(now, at) != matching.above_old(before, old) {
            ops.push(Op::Moved(at));
        }
    }
    for (old, entry) in before.lines.iter().enumerate() {
        let within = entry.parent.is_some_and(|above| matching.new_of(above).is_none());
        if !within && matching.new_of(old).is_none() {
            ops.push(Op::Removed { old });
        }
    }
    ops.extend(replaced(before, now, matching));
    ops.extend(reordered(before, now, matching, &in_new));
    ops
}

/// Elements that were replaced by equal ones: the old refs are of no use any more.
fn replaced(before: &Shown, now: &Shown, matching: &Matching) -> Vec<Op> {
    let mut by_parent: Vec<(Option<usize>, Vec<Op>)> = Vec::new();
    for twin in &matching.twins {
        let refs = |shown: &Shown, at: usize| shown.lines.get(at)?.reference.clone();
        let (new, old) = (refs(now, twin.new), refs(before, twin.old));
        if new.is_none() || old.is_none() || new == old {
            continue;
        }
        let op = Op::Replaced { at: twin.new, old: twin.old };
        match by_parent.last_mut() {
            Some((parent, ops)) if *parent == twin.parent => ops.push(op),
            Some(_) | None => by_parent.push((twin.parent, vec![op])),
        }
    }
    let told = by_parent.into_iter().flat_map(|(parent, ops)| {
        if ops.len() > REPLACED { vec![Op::Rerendered(parent)] } else { ops }
    });
    told.collect()
}

/// Parents whose children changed places among each other.
fn reordered(before: &Shown, now: &Shown, matching: &Matching, in_new: &[bool]) -> Vec<Op> {
    let mut families: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for at in 0..now.lines.len() {
        let Some(old) = matching.old_of(at).filter(|_| in_new.get(at) == Some(&false)) else {
            continue;
        };
        let above = matching.above_new(now, at);
        if above == matching.above_old(before, old) {
            families.entry(above).or_default().push(at);
        }
    }
    let mut found: Vec<Option<usize>> = families
        .into_iter()
        .filter(|(_, family)| {
            let mut earlier = family.clone();
            earlier.sort_by_key(|at| matching.old_of(*at));
            // Equal things that changed places look as before.
            !family.iter().zip(&earlier).all(|(a, b)| a == b || matching.looks_like(*a, *b))
        })
        .map(|(above, _)| above)
        .collect();
    found.sort_unstable();
    found.into_iter().map(Op::Order).collect()
}

#[cfg(test)]
mod tests;
