//! From the full to the shown tree (pure): fewer lines, but never less text, control, heading,
//! landmark, dialog or state.

use super::{Join, NodeId, Tree, flag};

/// One line to be.
#[derive(Debug)]
pub(super) enum Item {
    /// A run of text, with the node that it begins with.
    Text(NodeId, String),
    /// An element.
    Line(Line),
}

/// An element with what is shown of it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: NodeId,
    /// Empty if it is not printed.
    pub(super) name: String,
    /// The text on its own line, if all its content is that.
    pub(super) text: String,
    /// What covers it, as a ref.
    pub(super) covered: Option<String>,
    pub(super) below: Vec<Item>,
}

/// A name from content longer than this is cut to [`CUT_NAME`] if its content is shown anyway.
const LONG_NAME: usize = 120;
const CUT_NAME: usize = 80;

/// Elements of running text: their text joins the run around them.
const PHRASES: &[&str] = &[
    "caption",
    "code",
    "deletion",
    "emphasis",
    "insertion",
    "mark",
    "strong",
    "subscript",
    "superscript",
    "time",
];
/// Boxes that say nothing by themselves.
const WRAPPERS: &[&str] = &["generic", "rowgroup", "group"];
/// Replaced by their only child.
const SHELLS: &[&str] = &["listitem", "cell", "gridcell", "paragraph", "figure"];
/// Text beside one of these that only repeats its name is its label.
const CONTROLS: &[&str] = &[
    "textbox",
    "searchbox",
    "combobox",
    "listbox",
    "checkbox",
    "radio",
    "switch",
    "spinbutton",
    "slider",
    "button",
    "meter",
    "progressbar",
    "canvas",
    "radiogroup",
    "status",
];
const CELLS: &[&str] = &["cell", "gridcell", "columnheader", "rowheader"];

/// The shown tree.
pub(super) fn collapse(tree: &Tree) -> Vec<Item> {
    let mut items = Vec::new();
    for root in tree.roots() {
        place(tree, root, &mut items);
    }
    let mut items = without_labels(tree, items, None);
    for item in &mut items {
        if let Item::Line(line) = item {
            lift_cover(tree, line);
        }
    }
    items
}

/// Adds a node to the line of items that its parent has so far.
fn place(tree: &Tree, id: NodeId, items: &mut Vec<Item>) {
    let node = tree.node(id);
    if node.is_text() {
        match items.last_mut() {
            Some(Item::Text(_, run)) if node.join != Join::Run => {
                if node.join == Join::Blank {
                    run.push(' ');
                }
                run.push_str(&node.name);
            }
            Some(_) | None if node.name.is_empty() => {}
            Some(_) | None => items.push(Item::Text(id, node.name.clone())),
        }
        return;
    }
    if is_transparent(tree, id) {
        for child in tree.children(id) {
            place(tree, child, items);
        }
        return;
    }
    let line = line(tree, id);
    if is_shell(tree, &line)
        && let [Item::Line(_)] = line.below.as_slice()
    {
        items.extend(line.below);
    } else if !is_empty_wrapper(tree, &line) {
        items.push(Item::Line(line));
    }
}

fn line(tree: &Tree, id: NodeId) -> Line {
    let node = tree.node(id);
    let mut below = Vec::new();
    for child in tree.children(id) {
        place(tree, child, &mut below);
    }
    let below = without_bare_images(tree, id, below);
    let below = without_labels(tree, below, Some(id));
    let covered = node.cover.map(|number| tree.spell(node.frame, number));
    let mut line = Line { id, name: node.name.clone(), text: String::new(), covered, below };
    if node.is(flag::NAMED_BY_CONTENT) && !line.name.is_empty() {
        name_by_content(tree, &mut line);
    }
    if node.value.is_empty() {
        if let [Item::Text(..)] = line.below.as_slice()
            && let Some(Item::Text(_, text)) = line.below.pop()
        {
            line.text = text;
        } else if node.role == "row"
            && let Some(cells) = cells(tree, &line.below)
        {
            line.text = cells;
            line.below.clear();
        }
    }
    line
}

/// Either the name is printed or the content that it was made of.
fn name_by_content(tree: &Tree, line: &mut Line) {
    let plain = |item: &Item| match item {
        Item::Text(..) => true,
        Item::Line(below) => tree.node(below.id).role == "img" && below.below.is_empty(),
    };
    if line.below.iter().all(plain) {
        line.below.clear();
        return;
    }
    let mut said = String::new();
    for item in &line.below {
        say(tree, item, &mut said);
    }
    let letters = |text: &str| text.chars().filter(|one| !one.is_whitespace()).collect::<String>();
    if letters(&said) == letters(&line.name) {
        line.name.clear();
    } else if line.name.len() > LONG_NAME {
        let end = line.name.floor_char_boundary(CUT_NAME);
        line.name.truncate(end);
        line.name.push('…');
    } else {
        line.below.retain(|item| !plain(item));
    }
}

/// The names and texts that an item prints.
fn say(tree: &Tree, item: &Item, out: &mut String) {
    match item {
        Item::Text(_, text) => out.push_str(text),
        Item::Line(line) if !line.name.is_empty() => out.push_str(&line.name),
        Item::Line(line) => {
            out.push_str(&line.text);
            if line.text.is_empty() && !tree.node(line.id).is(flag::MASKED) {
                out.push_str(&tree.node(line.id).value);
            }
            for below in &line.below {
                say(tree, below, out);
            }
        }
    }
}

/// The text of a row whose cells are all text.
fn cells(tree: &Tree, below: &[Item]) -> Option<String> {
    let mut out = String::new();
    for (at, item) in below.iter().enumerate() {
        let Item::Line(cell) = item else { return None };
        let node = tree.node(cell.id);
        let whole = cell.below.is_empty() && node.marks.is_empty() && node.number.is_none();
        if !CELLS.contains(&node.role) || !whole || !node.value.is_empty() {
            return None;
        }
        if at > 0 {
            out.push_str(" | ");
        }
        let text = if cell.name.is_empty() { &cell.text } else { &cell.name };
        out.push_str(&text.replace('|', "\\|"));
    }
    if below.is_empty() {
        return None;
    }
    out.truncate(out.trim_end().len());
    Some(out)
}

/// Whether something keeps its line whatever its role is.
fn is_kept(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    node.is_interactive()
        || node.is(flag::OWN_LINE)
        || node.number.is_some()
        || !node.name.is_empty()
        || !node.value.is_empty()
        || !node.marks.is_empty()
}

fn is_transparent(tree: &Tree, id: NodeId) -> bool {
    let role = tree.node(id).role;
    (WRAPPERS.contains(&role) || PHRASES.contains(&role)) && !is_kept(tree, id)
}

fn is_shell(tree: &Tree, line: &Line) -> bool {
    let node = tree.node(line.id);
    SHELLS.contains(&node.role)
        && line.name.is_empty()
        && node.marks.is_empty()
        && node.number.is_none()
        && !node.is(flag::OWN_LINE)
}

/// A box that is only inert, hidden or unseen, with nothing in it.
fn is_empty_wrapper(tree: &Tree, line: &Line) -> bool {
    let node = tree.node(line.id);
    WRAPPERS.contains(&node.role)
        && node.number.is_none()
        && line.name.is_empty()
        && line.text.is_empty()
        && line.below.is_empty()
        && node
            .marks
            .iter()
            .all(|mark| matches!(mark.key.as_str(), "inert" | "unseen" | "aria-hidden"))
}

/// Nameless images go, unless one is all there is of something to click.
fn without_bare_images(tree: &Tree, parent: NodeId, below: Vec<Item>) -> Vec<Item> {
    let bare = |item: &Item| match item {
        Item::Text(..) => false,
        Item::Line(line) => {
            tree.node(line.id).role == "img"
                && !is_kept(tree, line.id)
                && line.below.is_empty()
                && line.text.is_empty()
        }
    };
    if below.len() == 1 && tree.node(parent).marked("clickable") {
        return below;
    }
    below.into_iter().filter(|item| !bare(item)).collect()
}

/// Text that only repeats the name of a control beside it, or of its parent, goes.
fn without_labels(tree: &Tree, items: Vec<Item>, parent: Option<NodeId>) -> Vec<Item> {
    let named = |item: Option<&Item>, text: &str| match item {
        Some(Item::Line(line)) => {
            let node = tree.node(line.id);
            CONTROLS.contains(&node.role) && node.name == text
        }
        Some(Item::Text(..)) | None => false,
    };
    let titled = parent.map(|id| tree.node(id)).filter(|node| !node.is(flag::NAMED_BY_CONTENT));
    let goes: Vec<bool> = items
        .iter()
        .enumerate()
        .map(|(at, item)| match item {
            Item::Text(_, text) => {
                titled.is_some_and(|node| node.name == *text)
                    || at.checked_sub(1).is_some_and(|before| named(items.get(before), text))
                    || named(items.get(at + 1), text)
            }
            Item::Line(_) => false,
        })
        .collect();
    items.into_iter().zip(goes).filter(|(_, goes)| !goes).map(|(item, _)| item).collect()
}

/// What covers everything below a node is told once, on the node. Returns how many nodes were
/// tested and what covers them all, if it is one thing.
fn lift_cover(tree: &Tree, line: &mut Line) -> (usize, Option<String>) {
    let mut tested = 0;
    let mut common: Option<Option<String>> = None;
    for item in &mut line.below {
        let Item::Line(below) = item else { continue };
        let (count, by) = lift_cover(tree, below);
        if count > 0 {
            tested += count;
            common = Some(match common {
                None => by,
                Some(before) if before == by => before,
                Some(_) => None,
            });
        }
    }
    let own = tree.node(line.id).is(flag::TESTED);
    let mut common = common.flatten();
    if tested > 0 && own && line.covered != common {
        common = None;
    }
    if let Some(by) = common.clone()
        && (tested > 1 || own)
    {
        for item in &mut line.below {
            uncover(item);
        }
        line.covered = Some(by);
    }
    if tested == 0 && own {
        return (1, line.covered.clone());
    }
    (tested + usize::from(own), common)
}

fn uncover(item: &mut Item) {
    if let Item::Line(line) = item {
        line.covered = None;
        for below in &mut line.below {
            uncover(below);
        }
    }
}
