//! Changes as text, within a budget (pure).

use std::{collections::HashMap, fmt::Write};

use super::{Changes, Op, matching::Matching};
use crate::page::snapshot::{
    NodeId, Shown,
    print::Form,
    prune::many,
    shown::Entry,
    text::{capped, quoted},
};

/// Lines of one kind in a group of which more are folded.
const ALIKE: usize = 10;
/// How much is told of what a text was.
const WAS: usize = 120;
/// A changed line longer than this is shortened: it is told twice.
const LONG_LINE: usize = 400;

/// Changes below one line.
#[derive(Debug)]
pub(super) struct Group {
    /// The nearest line above with a name or a ref; none is the page.
    above: Option<usize>,
    first: usize,
    blocks: Vec<Block>,
}

/// The text of one change, or of several that are folded.
#[derive(Debug)]
struct Block {
    text: String,
    refs: Vec<NodeId>,
    changes: usize,
    /// Where in the new tree.
    at: usize,
}

/// The changes by what they are in, in tree order.
pub(super) fn groups(
    before: &Shown,
    now: &Shown,
    matching: &Matching,
    ops: &[Op],
    bytes: usize,
) -> Vec<Group> {
    let after = positions(before, matching);
    let mut placed: Vec<(usize, u8, Op)> = ops
        .iter()
        .map(|op| match *op {
            Op::Added(at) | Op::Moved(at) | Op::Changed { at, .. } | Op::Replaced { at, .. } => {
                (at, 0, *op)
            }
            Op::Order(at) | Op::Rerendered(at) => (at.unwrap_or_default(), 0, *op),
            Op::Removed { old } => (after.get(old).copied().unwrap_or_default(), 1, *op),
        })
        .collect();
    placed.sort_by_key(|(at, late, _)| (*at, *late));
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<Option<usize>, usize> = HashMap::new();
    let mut folded: HashMap<(usize, char, &'static str), usize> = HashMap::new();
    for (at, _, op) in placed {
        let above = above(before, now, matching, op);
        let number = *known.entry(above).or_insert_with(|| {
            groups.push(Group { above, first: at, blocks: Vec::new() });
            groups.len() - 1
        });
        let (sign, role) = kind(before, now, op);
        let seen = folded.entry((number, sign, role)).or_default();
        *seen += 1;
        if *seen <= ALIKE
            && let Some(group) = groups.get_mut(number)
        {
            let (text, refs) = block(before, now, matching, op, bytes);
            group.blocks.push(Block { text, refs, changes: 1, at });
        }
    }
    let mut more: Vec<_> = folded.into_iter().filter(|(_, seen)| *seen > ALIKE).collect();
    more.sort_unstable();
    for ((number, sign, role), seen) in more {
        let Some(group) = groups.get_mut(number) else { continue };
        let changes = seen - ALIKE;
        let text = format!("{sign} … {changes} more {}\n", many(role));
        group.blocks.push(Block { text, refs: Vec::new(), changes, at: group.first });
    }
    groups
}

/// After which new line each old one stood.
fn positions(before: &Shown, matching: &Matching) -> Vec<usize> {
    let mut last = 0;
    (0..before.lines.len())
        .map(|old| {
            last = matching.new_of(old).unwrap_or(last);
            last
        })
        .collect()
}

fn above(before: &Shown, now: &Shown, matching: &Matching, op: Op) -> Option<usize> {
    let tells = |at: &usize| {
        now.lines.get(*at).is_some_and(|entry| !entry.name.is_empty() || entry.reference.is_some())
    };
    match op {
        Op::Added(at)
        | Op::Moved(at)
        | Op::Changed { at, .. }
        | Op::Replaced { at, .. }
        | Op::Order(Some(at))
        | Op::Rerendered(Some(at)) => now.ancestors(at).find(tells),
        Op::Order(None) | Op::Rerendered(None) => None,
        Op::Removed { old } => {
            before.ancestors(old).filter_map(|above| matching.new_of(above)).find(tells)
        }
    }
}

fn kind(before: &Shown, now: &Shown, op: Op) -> (char, &'static str) {
    let role = |shown: &Shown, at: usize| shown.lines.get(at).map_or("line", |entry| entry.role);
    match op {
        Op::Added(at) => ('+', role(now, at)),
        Op::Removed { old } => ('-', role(before, old)),
        Op::Changed { at, .. } | Op::Moved(at) | Op::Replaced { at, .. } => ('~', role(now, at)),
        Op::Order(_) | Op::Rerendered(_) => ('~', "change"),
    }
}

fn block(
    before: &Shown,
    now: &Shown,
    matching: &Matching,
    op: Op,
    bytes: usize,
) -> (String, Vec<NodeId>) {
    let entry = |at: usize| now.lines.get(at);
    let line = |at: usize, more: &str| {
        let Some(entry) = entry(at) else { return (String::new(), Vec::new()) };
        (format!("~ {}{more}\n", fitting(entry)), now.reference_of(at))
    };
    let head = |at: Option<usize>, more: &str| match at.and_then(entry) {
        Some(entry) => (
            format!("~ {}: {more}\n", entry.head(Form::Short)),
            at.map(|at| now.reference_of(at)).unwrap_or_default(),
        ),
        None => (format!("~ page: {more}\n"), Vec::new()),
    };
    match op {
        Op::Added(at) => {
            let printed = now.slice(at).prune(bytes / 2, None);
            (printed.text.replacen("- ", "+ ", 1), printed.refs)
        }
        Op::Removed { old } => (removed(before, matching, old), Vec::new()),
        Op::Changed { at, old } => {
            let was = before.lines.get(old).zip(entry(at)).and_then(|(old, new)| was(old, new));
            line(at, &was.map(|was| format!(" (was: {was})")).unwrap_or_default())
        }
        Op::Moved(at) => line(at, " (moved)"),
        Op::Replaced { at, old } => {
            let was = before.lines.get(old).and_then(|old| old.reference.as_deref());
            line(at, &was.map(|was| format!(" (was {was})")).unwrap_or_default())
        }
        Op::Order(at) => head(at, "order changed"),
        Op::Rerendered(at) => head(at, "re-rendered, same content, new refs: take a snapshot"),
    }
}

fn fitting(entry: &Entry) -> String {
    let whole = entry.print(Form::Whole);
    if whole.len() > LONG_LINE { entry.print(Form::Short) } else { whole }
}

/// The old line without its ref, and how much was in it that is gone too.
fn removed(before: &Shown, matching: &Matching, old: usize) -> String {
    let Some(entry) = before.lines.get(old) else { return String::new() };
    let nobody = Entry { reference: None, ..entry.clone() };
    let below = (old + 1..entry.end)
        .filter(|at| matching.new_of(*at).is_none())
        .filter(|at| {
            let above = before.lines.get(*at).and_then(|entry| entry.parent);
            above.is_some_and(|above| matching.new_of(above).is_none())
        })
        .count();
    let more = if below > 0 { format!(" (and {below} below)") } else { String::new() };
    format!("- {}{more}\n", fitting(&nobody))
}

/// What was other than it is, of role, name and text.
fn was(old: &Entry, new: &Entry) -> Option<String> {
    let mut parts = Vec::new();
    if old.role != new.role {
        parts.push(old.role.to_owned());
    }
    if old.name != new.name && !old.name.is_empty() {
        parts.push(quoted(&capped(old.name.clone(), WAS)));
    }
    if old.text != new.text && !old.text.is_empty() {
        parts.push(capped(old.text.clone(), WAS));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The counts, and as many of the groups as fit: those nearest the element that was acted on.
pub(super) fn tell(
    now: &Shown,
    ops: &[Op],
    groups: &[Group],
    bytes: usize,
    acted: Option<&str>,
) -> Changes {
    let mut text = counts(ops);
    let spare = bytes.saturating_sub(text.len());
    let total: usize = groups.iter().map(|group| group.size(now)).sum();
    let kept = if total <= spare {
        groups.iter().map(|group| group.blocks.len()).collect()
    } else {
        nearest(now, groups, spare.saturating_sub(MORE_BYTES), acted)
    };
    let mut refs = Vec::new();
    let mut missing = 0;
    for (group, kept) in groups.iter().zip(kept) {
        let (told, untold) = group.blocks.split_at(kept.min(group.blocks.len()));
        missing += untold.iter().map(|block| block.changes).sum::<usize>();
        if !told.is_empty() {
            text.push_str(&group.line(now));
            refs.extend(group.above.map(|at| now.reference_of(at)).unwrap_or_default());
        }
        for block in told {
            text.push_str(&block.text);
            refs.extend(&block.refs);
        }
    }
    if missing > 0 {
        writeln!(text, "… {missing} more changes, too many to print: take a snapshot").ok();
    }
    Changes { text, none: false, refs }
}

/// Room for the note that something is missing.
const MORE_BYTES: usize = 80;

fn counts(ops: &[Op]) -> String {
    let mut counts = [('+', 0), ('-', 0), ('~', 0)];
    for op in ops {
        let at = match op {
            Op::Added(_) => 0,
            Op::Removed { .. } => 1,
            Op::Changed { .. }
            | Op::Moved(_)
            | Op::Replaced { .. }
            | Op::Order(_)
            | Op::Rerendered(_) => 2,
        };
        if let Some((_, count)) = counts.get_mut(at) {
            *count += 1;
        }
    }
    let mut text = "changes:".to_owned();
    for (sign, count) in counts.iter().filter(|(_, count)| *count > 0) {
        write!(text, " {sign}{count}").ok();
    }
    text.push('\n');
    text
}

/// How many blocks of each group are told.
fn nearest(now: &Shown, groups: &[Group], spare: usize, acted: Option<&str>) -> Vec<usize> {
    let acted = acted.and_then(|acted| {
        now.lines.iter().position(|entry| entry.reference.as_deref() == Some(acted))
    });
    let far = |group: &Group| {
        let Some(acted) = acted else { return group.first };
        let around = now.ancestors(acted).position(|above| Some(above) == group.above);
        let near = group.blocks.iter().map(|block| block.at.abs_diff(acted)).min();
        around.unwrap_or_else(|| near.unwrap_or_default() + now.lines.len())
    };
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|at| groups.get(*at).map_or((0, 0), |group| (far(group), group.first)));
    let mut kept = vec![0; groups.len()];
    let mut left = spare;
    for at in order {
        let (Some(group), Some(kept)) = (groups.get(at), kept.get_mut(at)) else { continue };
        let Some(mut room) = left.checked_sub(group.line(now).len()) else { continue };
        for block in &group.blocks {
            let Some(after) = room.checked_sub(block.text.len()) else { break };
            room = after;
            *kept += 1;
        }
        if *kept > 0 {
            left = room;
        }
    }
    kept
}

impl Group {
    fn line(&self, now: &Shown) -> String {
        match self.above.and_then(|at| now.lines.get(at)) {
            Some(entry) => format!("in {}:\n", entry.head(Form::Short)),
            None => "in page:\n".to_owned(),
        }
    }

    fn size(&self, now: &Shown) -> usize {
        self.line(now).len() + self.blocks.iter().map(|block| block.text.len()).sum::<usize>()
    }
}
