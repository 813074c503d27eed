//! What a node is called, and how well that matches (agent.md 3.4, rule 3).

use crate::page::snapshot::{Join, NodeId, Tree};

/// What a node may be called.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Names, labels, texts: all levels apply.
    pub(crate) spoken: Vec<String>,
    /// The hint of a node without any name: equal, ignoring case.
    hint: String,
}

/// Roles that people call by their text if they have no name.
const TEXTUAL: &[&str] = &[
    "row",
    "listitem",
    "treeitem",
    "alert",
    "status",
    "log",
    "cell",
    "gridcell",
    "paragraph",
    "caption",
    "definition",
    "term",
    "note",
    "option",
    "tooltip",
    "blockquote",
    "time",
    "timer",
    "code",
    "mark",
    "strong",
    "emphasis",
];
/// Of these the whole text counts beside the name.
const WHOLE: &[&str] = &["row", "listitem", "treeitem"];

/// The accessible name; for fields label texts and placeholder; for things that have no name their
/// own text.
pub(crate) fn names_of(tree: &Tree, id: NodeId) -> Names {
    let node = tree.node(id);
    let mut spoken = Vec::new();
    if !node.name.is_empty() {
        spoken.push(node.name.clone());
    }
    spoken.extend(node.labels.iter().filter(|label| !label.is_empty()).cloned());
    if WHOLE.contains(&node.role) || (spoken.is_empty() && TEXTUAL.contains(&node.role)) {
        spoken.push(subtree_text(tree, id));
    } else if spoken.is_empty() {
        spoken.push(own_text(tree, id));
    }
    spoken.retain(|name| !name.is_empty());
    let hint = if spoken.is_empty() { node.hint.clone() } else { String::new() };
    Names { spoken, hint }
}

/// A node by its name and by its own text.
pub(super) fn texts(tree: &Tree, id: NodeId) -> Names {
    let mut spoken = vec![tree.node(id).name.clone(), own_text(tree, id)];
    spoken.retain(|name| !name.is_empty());
    Names { spoken, hint: String::new() }
}

/// The text of an element that is one run, however many phrases it has; of an element with several
/// runs what stands directly in it. As written and, if that differs, nothing else.
pub(crate) fn own_text(tree: &Tree, id: NodeId) -> String {
    let chunks: Vec<NodeId> = tree.subtree(id).filter(|one| tree.node(*one).is_text()).collect();
    let one_run = chunks.iter().skip(1).all(|chunk| tree.node(*chunk).join() != Join::Run);
    let direct = |chunk: &&NodeId| one_run || tree.parent(**chunk) == Some(id);
    join(tree, chunks.iter().filter(direct).copied())
}

/// All text of a sub-tree.
pub(crate) fn subtree_text(tree: &Tree, id: NodeId) -> String {
    join(tree, tree.subtree(id).filter(|one| tree.node(*one).is_text()))
}

fn join(tree: &Tree, chunks: impl Iterator<Item = NodeId>) -> String {
    let mut out = String::new();
    for chunk in chunks {
        let node = tree.node(chunk);
        if !out.is_empty() && node.join() != Join::Direct {
            out.push(' ');
        }
        out.push_str(&node.name);
    }
    out
}

/// The level at which a name is what was wanted: equal, equal ignoring case, contained ignoring
/// case.
pub(super) fn level(have: &str, wanted: &str, lower: &str) -> Option<u8> {
    if have == wanted {
        return Some(0);
    }
    let have = have.to_lowercase();
    if have == lower {
        Some(1)
    } else if have.contains(lower) {
        Some(2)
    } else {
        None
    }
}

/// Those of `pool` that match at the first level at which any does.
pub(super) fn best(pool: &[NodeId], wanted: &str, names: impl Fn(NodeId) -> Names) -> Vec<NodeId> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let lower = wanted.to_lowercase();
    let mut levels: [Vec<NodeId>; 3] = Default::default();
    for id in pool {
        let names = names(*id);
        let spoken = names.spoken.iter().filter_map(|name| level(name, wanted, &lower)).min();
        let hinted = (!names.hint.is_empty() && names.hint.to_lowercase() == lower).then_some(1);
        if let Some(matched) = spoken.or(hinted).and_then(|at| levels.get_mut(usize::from(at))) {
            matched.push(*id);
        }
    }
    levels.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// The names that come closest to what was wanted, at most five, each once and not too long.
pub(crate) fn closest(names: impl Iterator<Item = String>, wanted: &str) -> Vec<String> {
    const TOLD: usize = 5;
    const LONGEST: usize = 80;
    let lower = wanted.to_lowercase();
    let mut rated: Vec<(usize, String)> = Vec::new();
    for name in names {
        let end = name.floor_char_boundary(LONGEST);
        let name = name.get(..end).unwrap_or_default().to_owned();
        if !name.is_empty() && !rated.iter().any(|(_, known)| *known == name) {
            rated.push((unlike(&name.to_lowercase(), &lower), name));
        }
    }
    // The sort is stable, so equal ones stay in tree order.
    rated.sort_by_key(|(rate, _)| *rate);
    rated.into_iter().take(TOLD).map(|(_, name)| name).collect()
}

/// How unlike two texts are, in thousandths: edits by length, halved for each sign of kinship (one
/// contains the other, they share a word).
fn unlike(a: &str, b: &str) -> usize {
    const COMPARED: usize = 48;
    if b.is_empty() {
        return 0;
    }
    let left: Vec<char> = a.chars().take(COMPARED).collect();
    let right: Vec<char> = b.chars().take(COMPARED).collect();
    let mut before: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut now = vec![row + 1];
        for ((other, diagonal), above) in right.iter().zip(&before).zip(before.iter().skip(1)) {
            let beside = now.last().copied().unwrap_or_default();
            let change = diagonal + usize::from(letter != other);
            now.push(change.min(above + 1).min(beside + 1));
        }
        before = now;
    }
    let edits = before.last().copied().unwrap_or_default();
    let mut rate = edits * 1000 / left.len().max(right.len()).max(1);
    if a.contains(b) || b.contains(a) {
        rate /= 2;
    }
    if a.split(' ').any(|word| word.len() > 2 && b.split(' ').any(|other| other == word)) {
        rate /= 2;
    }
    rate
}
