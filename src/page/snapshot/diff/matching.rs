//! Which line of one shown tree is which of another (pure).
//!
//! Elements are matched by what they are, runs of text by their element and then by what they say.
//! What is gone on one side and new on the other, below the same parent and with the same content,
//! are twins: something was rendered anew.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::page::snapshot::{
    Shown,
    shown::{Entry, Key},
};

/// Which line is which.
#[derive(Debug, Default)]
pub(super) struct Matching {
    new_of: Vec<Option<usize>>,
    old_of: Vec<Option<usize>>,
    /// Lines that were replaced by equal ones.
    pub(super) twins: Vec<Twin>,
    /// What each new line and all in it look like, refs included.
    looks: Vec<u64>,
}

/// A line that was replaced by an equal one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Twin {
    pub(super) old: usize,
    pub(super) new: usize,
    /// What both are in: the outermost replaced line's parent.
    pub(super) parent: Option<usize>,
}

impl Matching {
    pub(super) fn of(before: &Shown, now: &Shown) -> Self {
        let mut matching = Self {
            new_of: vec![None; before.lines.len()],
            old_of: vec![None; now.lines.len()],
            twins: Vec::new(),
            looks: contents(now, true),
        };
        matching.elements(before, now);
        matching.texts(before, now);
        matching.find_twins(before, now);
        matching
    }

    pub(super) fn new_of(&self, old: usize) -> Option<usize> {
        self.new_of.get(old).copied().flatten()
    }

    pub(super) fn old_of(&self, new: usize) -> Option<usize> {
        self.old_of.get(new).copied().flatten()
    }

    /// The nearest line above that was there before.
    pub(super) fn above_new(&self, now: &Shown, at: usize) -> Option<usize> {
        now.ancestors(at).find(|above| self.old_of(*above).is_some())
    }

    /// The nearest line above that is still there, as it is now.
    pub(super) fn above_old(&self, before: &Shown, old: usize) -> Option<usize> {
        before.ancestors(old).find_map(|above| self.new_of(above))
    }

    /// Whether two new lines print the same with all that is in them.
    pub(super) fn looks_like(&self, a: usize, b: usize) -> bool {
        self.looks.get(a) == self.looks.get(b)
    }

    fn pair(&mut self, old: usize, new: usize) {
        if let (Some(to), Some(from)) = (self.new_of.get_mut(old), self.old_of.get_mut(new))
            && to.is_none()
            && from.is_none()
        {
            *to = Some(new);
            *from = Some(old);
        }
    }

    fn elements(&mut self, before: &Shown, now: &Shown) {
        let element = |entry: &&Entry| entry.key.run == 0 && entry.key.element != 0;
        let known: HashMap<Key, usize> = (0_usize..)
            .zip(&before.lines)
            .filter(|(_, entry)| element(entry))
            .map(|(at, entry)| (entry.key, at))
            .collect();
        for (at, entry) in now.lines.iter().enumerate().filter(|(_, entry)| element(entry)) {
            if let Some(old) = known.get(&entry.key) {
                self.pair(*old, at);
            }
        }
    }

    /// Runs of text of one element: those that say the same first, then the others between them in
    /// their order.
    fn texts(&mut self, before: &Shown, now: &Shown) {
        let earlier = runs(before);
        for (holder, new) in runs(now) {
            let Some(old) = earlier.get(&holder) else { continue };
            let says = |shown: &Shown, at: usize| {
                shown.lines.get(at).map(|entry| entry.text.clone()).unwrap_or_default()
            };
            let mut rest = old.as_slice();
            let mut waiting: Vec<usize> = Vec::new();
            for at in new {
                let text = says(now, at);
                match rest.iter().position(|old| says(before, *old) == text) {
                    Some(found) => {
                        let (skipped, after) = rest.split_at(found);
                        self.pair_all(skipped, &waiting);
                        waiting.clear();
                        if let Some((same, after)) = after.split_first() {
                            self.pair(*same, at);
                            rest = after;
                        }
                    }
                    None => waiting.push(at),
                }
            }
            self.pair_all(rest, &waiting);
        }
    }

    fn pair_all(&mut self, old: &[usize], new: &[usize]) {
        for (old, new) in old.iter().zip(new) {
            self.pair(*old, *new);
        }
    }

    fn find_twins(&mut self, before: &Shown, now: &Shown) {
        let (were, are) = (contents(before, false), contents(now, false));
        let mut gone: HashMap<(Option<usize>, u64), Vec<usize>> = HashMap::new();
        for (old, entry) in before.lines.iter().enumerate().rev() {
            let above = entry.parent.map(|above| self.new_of(above));
            // Only the outermost: its parent is there, or it has none.
            let parent = match above {
                Some(None) => continue,
                Some(Some(above)) => Some(above),
                None => None,
            };
            if self.new_of(old).is_none() {
                let looks = were.get(old).copied().unwrap_or_default();
                gone.entry((parent, looks)).or_default().push(old);
            }
        }
        for (new, entry) in now.lines.iter().enumerate() {
            let outermost = entry.parent.is_none_or(|above| self.old_of(above).is_some());
            if !outermost || self.old_of(new).is_some() {
                continue;
            }
            let looks = are.get(new).copied().unwrap_or_default();
            let Some(old) = gone.get_mut(&(entry.parent, looks)).and_then(Vec::pop) else {
                continue;
            };
            // Equal contents have equally many lines.
            let parent = entry.parent;
            for (old, new) in (old..).zip(new..entry.end) {
                if self.new_of(old).is_none() && self.old_of(new).is_none() {
                    self.pair(old, new);
                    self.twins.push(Twin { old, new, parent });
                }
            }
        }
    }
}

/// The runs of text of each element, in their order.
fn runs(shown: &Shown) -> HashMap<(u64, u64), Vec<usize>> {
    let mut runs: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for (at, entry) in shown.lines.iter().enumerate() {
        let Key { document, element, run } = entry.key;
        if run > 0 && element > 0 {
            runs.entry((document, element)).or_default().push(at);
        }
    }
    runs
}

/// What each line and all that is in it say.
fn contents(shown: &Shown, with_refs: bool) -> Vec<u64> {
    let mut hashers: Vec<DefaultHasher> = Vec::with_capacity(shown.lines.len());
    for entry in &shown.lines {
        let mut hasher = DefaultHasher::new();
        entry.role.hash(&mut hasher);
        entry.name.hash(&mut hasher);
        entry.text.hash(&mut hasher);
        (entry.end == hashers.len() + 1).hash(&mut hasher);
        if with_refs {
            entry.reference.hash(&mut hasher);
        }
        let own = ["active", "covered", "scroll", "scroll-x", "size", "hint"];
        for mark in entry.marks.iter().filter(|mark| !own.contains(&mark.key.as_str())) {
            (&mark.key, &mark.value).hash(&mut hasher);
        }
        for option in &entry.options {
            (&option.label, option.selected, option.disabled).hash(&mut hasher);
        }
        hashers.push(hasher);
    }
    let mut found = vec![0; hashers.len()];
    for at in (0..hashers.len()).rev() {
        let looks = hashers.get(at).map_or(0, DefaultHasher::finish);
        if let Some(found) = found.get_mut(at) {
            *found = looks;
        }
        let above = shown.lines.get(at).and_then(|entry| entry.parent);
        if let Some(above) = above.and_then(|above| hashers.get_mut(above)) {
            looks.hash(above);
        }
    }
    found
}
