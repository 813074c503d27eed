//! The shown tree, redacted: what a reader may be told of a page (pure).
//!
//! It holds no secrets, is whole, and knows nothing of budgets. What is printed of it, all or some
//! of its lines, is in `print`, `prune` and `find`; two of them are compared by `diff`.

use std::{collections::HashMap, fmt::Write};

use super::{
    Choice, Mark, NodeId, Rect, Tree,
    collapse::{Item, collapse},
    stitch::DEPTH,
    text::capped,
};

/// The longest name, text or value, in bytes (snapshot.md 1.10), cut after it was redacted.
const LONGEST: usize = 2000;
/// How much of one ancestor's name a sub-tree's first line tells, and of all of them.
const ANCESTOR: usize = 80;
const ANCESTORS: usize = 300;
/// How many documents that are too large are told by their frames' names.
const TOO_LARGE: usize = 3;

/// Frames of a tab that are walked, its main one included (snapshot.md 1.8).
pub const FRAMES: usize = 60;

/// Marks that follow what covers a node.
const AFTER_COVERED: &[&str] = &["inert", "closed", "origin", "not-loaded"];

/// A redacted shown tree.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The document of the tab.
    pub(super) document: u64,
    /// The viewport's size.
    pub(super) viewport: (f64, f64),
    /// The page is larger than its viewport.
    pub(super) scrolls: bool,
    /// Notes that come first: the page's size, or where a sub-tree is.
    pub(super) head: Vec<String>,
    /// The ref of a sub-tree's top: to ask for it again gives no more.
    pub(super) top: Option<String>,
    /// In tree order.
    pub(super) lines: Vec<Entry>,
}

/// What tells one element, or one run of text, from all others of a browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) document: u64,
    pub(super) element: u64,
    /// 0 for an element; its runs of text are counted from 1.
    pub(super) run: u32,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// The node in the tree that this was made of; it means nothing in another tree.
    pub(super) id: NodeId,
    pub(super) parent: Option<usize>,
    /// Where its sub-tree ends.
    pub(super) end: usize,
    pub(super) level: usize,
    pub(super) role: &'static str,
    pub(super) name: String,
    /// In printing order; the value of `options` is in `options`.
    pub(super) marks: Vec<Mark>,
    pub(super) options: Vec<Choice>,
    pub(super) reference: Option<String>,
    /// Its text, or its value.
    pub(super) text: String,
    pub(super) place: Option<Rect>,
    /// How far it is out of sight in its own frame.
    pub(super) beyond: f64,
    pub(super) interactive: bool,
    /// A row of column headers.
    pub(super) heads: bool,
}

/// What was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Lines, each with its end.
    pub text: String,
    /// The nodes in it whose refs a reader may use now.
    pub refs: Vec<NodeId>,
}

impl Entry {
    /// The value of a mark: `Some("")` for one that has none.
    pub(super) fn mark(&self, key: &str) -> Option<&str> {
        let mark = self.marks.iter().find(|mark| mark.key == key)?;
        Some(mark.value.as_deref().unwrap_or_default())
    }
}

impl Tree {
    /// The shown tree with each name, text and value passed through `redact` before it is cut: a
    /// cut could split a secret.
    pub fn shown(&self, redact: &dyn Fn(&str) -> String) -> Shown {
        Builder::build(self, redact, false)
    }

    /// The same with every option of a native select on a line of its own, as sub-trees and
    /// searches have them.
    pub fn shown_with_options(&self, redact: &dyn Fn(&str) -> String) -> Shown {
        Builder::build(self, redact, true)
    }
}

impl Shown {
    /// The document of the tab: another one is another page.
    pub fn document(&self) -> u64 {
        self.document
    }

    /// The children of a line, or the outermost lines.
    pub(super) fn children(&self, of: Option<usize>) -> impl Iterator<Item = usize> + '_ {
        let (first, end) = match of {
            Some(at) => (at + 1, self.lines.get(at).map_or(0, |entry| entry.end)),
            None => (0, self.lines.len()),
        };
        std::iter::successors((first < end).then_some(first), move |at| {
            let next = self.lines.get(*at)?.end.max(at + 1);
            (next < end).then_some(next)
        })
    }

    /// The lines above one, the nearest first.
    pub(super) fn ancestors(&self, of: usize) -> impl Iterator<Item = usize> + '_ {
        let above = |at: &usize| self.lines.get(*at).and_then(|entry| entry.parent);
        std::iter::successors(above(&of), move |at| above(at))
    }

    /// The sub-tree of a ref, its ancestors being one note. `None` if no line has that ref.
    pub fn below(&self, reference: &str) -> Option<Self> {
        let top = self.lines.iter().position(|at| at.reference.as_deref() == Some(reference))?;
        let mut above: Vec<String> = self.ancestors(top).filter_map(|at| self.named(at)).collect();
        let mut length = 0;
        let kept = above.iter().take_while(|name| {
            length += name.len() + 3;
            length <= ANCESTORS
        });
        let kept = kept.count();
        if kept < above.len() {
            above.truncate(kept);
            above.push("…".to_owned());
        }
        above.reverse();
        let mut head = Vec::new();
        if !above.is_empty() {
            head.push(format!("in {}", above.join(" > ")));
        }
        Some(Self { head, top: Some(reference.to_owned()), ..self.slice(top) })
    }

    /// A line with all that is in it, by itself.
    pub(super) fn slice(&self, top: usize) -> Self {
        let (level, end) = self.lines.get(top).map_or((0, top), |entry| (entry.level, entry.end));
        let lines = self.lines.get(top..end).unwrap_or_default().iter().map(|entry| Entry {
            level: entry.level - level,
            end: entry.end - top,
            parent: entry.parent.and_then(|above| above.checked_sub(top)),
            ..entry.clone()
        });
        Self {
            document: self.document,
            viewport: self.viewport,
            scrolls: false,
            head: Vec::new(),
            top: None,
            lines: lines.collect(),
        }
    }

    /// The node of a line, if it has a ref.
    pub(super) fn reference_of(&self, at: usize) -> Vec<NodeId> {
        let entry = self.lines.get(at).filter(|entry| entry.reference.is_some());
        entry.map(|entry| entry.id).into_iter().collect()
    }

    /// `form "Login" [ref=e1]`
    fn named(&self, at: usize) -> Option<String> {
        let entry = self.lines.get(at)?;
        let mut out = entry.role.to_owned();
        if !entry.name.is_empty() {
            out.push(' ');
            out.push_str(&super::text::quoted(&capped(entry.name.clone(), ANCESTOR)));
        }
        if let Some(reference) = &entry.reference {
            write!(out, " [ref={reference}]").ok();
        }
        Some(out)
    }
}

struct Builder<'a> {
    tree: &'a Tree,
    redact: &'a dyn Fn(&str) -> String,
    options: bool,
    runs: HashMap<(u64, u64), u32>,
    lines: Vec<Entry>,
}

impl<'a> Builder<'a> {
    fn build(tree: &'a Tree, redact: &'a dyn Fn(&str) -> String, options: bool) -> Shown {
        let mut builder = Self { tree, redact, options, runs: HashMap::new(), lines: Vec::new() };
        for item in collapse(tree) {
            builder.item(item, None, 0);
        }
        let lines = builder.lines;
        let Some(frame) = tree.frames().first() else { return Shown::default() };
        let ((w, h), (vw, vh)) = (frame.page, frame.viewport);
        let mut head = Vec::new();
        let scrolls = w > vw || h > vh;
        if scrolls {
            let (x, y) = frame.scroll;
            head.push(format!("page {w}x{h}, viewport {vw}x{vh} at {x},{y}"));
        }
        head.extend(too_large(tree));
        head.extend(left_out(tree));
        #[expect(clippy::cast_precision_loss, reason = "sizes of a viewport are small")]
        let viewport = (vw as f64, vh as f64);
        Shown { document: frame.document, viewport, scrolls, head, top: None, lines }
    }

    fn item(&mut self, item: Item, parent: Option<usize>, level: usize) {
        let at = self.lines.len();
        match item {
            Item::Text(id, text) => {
                let mut entry = self.entry(id, parent, level);
                entry.text = self.safe(&text);
                let run = self.runs.entry((entry.key.document, entry.key.element)).or_default();
                *run += 1;
                entry.key.run = *run;
                self.lines.push(entry);
            }
            Item::Line(line) => {
                let node = self.tree.node(line.id);
                let mut entry = self.entry(line.id, parent, level);
                entry.name = self.safe(&line.name);
                let text = if node.value.is_empty() { &line.text } else { &node.value };
                entry.text = self.safe(text);
                self.marks(&mut entry, line.covered);
                self.lines.push(entry);
                for below in line.below {
                    self.item(below, Some(at), level + 1);
                }
                if self.options {
                    self.choices(line.id, at, level + 1);
                }
            }
        }
        let end = self.lines.len();
        if let Some(entry) = self.lines.get_mut(at) {
            entry.end = end;
        }
    }

    fn entry(&self, id: NodeId, parent: Option<usize>, level: usize) -> Entry {
        let node = self.tree.node(id);
        let document = self.tree.frames().get(node.frame).map_or(0, |frame| frame.document);
        Entry {
            key: Key { document, element: node.identity, run: 0 },
            id,
            parent,
            end: 0,
            level,
            role: node.role,
            name: String::new(),
            marks: Vec::new(),
            options: Vec::new(),
            reference: self.tree.reference(id),
            text: String::new(),
            place: node.place.filter(|place| place.w > 0.0 || place.h > 0.0),
            beyond: node.beyond,
            interactive: node.is_interactive(),
            heads: node.role == "row"
                && self.tree.children(id).any(|at| self.tree.node(at).role == "columnheader"),
        }
    }

    /// What covers a node comes before what is for good.
    fn marks(&self, entry: &mut Entry, covered: Option<String>) {
        let node = self.tree.node(entry.id);
        let late = |mark: &Mark| AFTER_COVERED.contains(&mark.key.as_str());
        let own = node.marks.iter().filter(|mark| mark.key != "covered");
        let (after, before): (Vec<&Mark>, Vec<&Mark>) = own.partition(|mark| late(mark));
        let safe = |mark: &Mark| Mark {
            key: mark.key.clone(),
            value: mark.value.as_deref().map(|value| self.safe(value)),
        };
        entry.marks.extend(before.into_iter().map(safe));
        entry.marks.extend(covered.map(|by| Mark { key: "covered".to_owned(), value: Some(by) }));
        entry.marks.extend(after.into_iter().map(safe));
        if entry.mark("options").is_some() {
            let safe = |choice: &Choice| Choice {
                label: self.safe(&choice.label),
                group: self.safe(&choice.group),
                value: String::new(),
                ..*choice
            };
            entry.options = node.options.iter().map(safe).collect();
        }
    }

    /// Each option of a select on its own line, below its group.
    fn choices(&mut self, id: NodeId, parent: usize, level: usize) {
        let options = self.lines.get(parent).map(|at| at.options.clone()).unwrap_or_default();
        let mut group: Option<(usize, String)> = None;
        for choice in options {
            if group.as_ref().is_none_or(|(_, name)| *name != choice.group) {
                group = (!choice.group.is_empty()).then(|| {
                    let at = self.lines.len();
                    let line = Entry {
                        role: "group",
                        name: choice.group.clone(),
                        end: at + 1,
                        ..self.part(id, parent, level)
                    };
                    self.lines.push(line);
                    (at, choice.group.clone())
                });
            }
            let (above, level) = group.as_ref().map_or((parent, level), |(at, _)| (*at, level + 1));
            let end = self.lines.len() + 1;
            let marks = [("selected", choice.selected), ("disabled", choice.disabled)];
            let marks = marks.iter().filter(|(_, set)| *set);
            let marks = marks.map(|(key, _)| Mark { key: (*key).to_owned(), value: None });
            let line = Entry {
                role: "option",
                name: choice.label,
                marks: marks.collect(),
                end,
                ..self.part(id, above, level)
            };
            self.lines.push(line);
            if let Some((at, _)) = &group
                && let Some(above) = self.lines.get_mut(*at)
            {
                above.end = end;
            }
        }
    }

    /// Something of a select that is no element of its own to us.
    fn part(&self, id: NodeId, parent: usize, level: usize) -> Entry {
        Entry {
            reference: None,
            interactive: false,
            heads: false,
            ..self.entry(id, Some(parent), level)
        }
    }

    /// Redacted, then cut. Redaction is ours, but what it returns must not break the line either.
    fn safe(&self, text: &str) -> String {
        capped((self.redact)(text).replace(['\n', '\r'], " "), LONGEST)
    }
}

fn too_large(tree: &Tree) -> Option<String> {
    let cut: Vec<&str> = tree
        .frames()
        .iter()
        .filter(|frame| frame.cut)
        .map(|frame| if frame.prefix.is_empty() { "the page" } else { &frame.prefix })
        .collect();
    match cut.len() {
        0 => None,
        1 => Some(format!("{} is too large: the tree is not complete", cut.join(""))),
        2..=TOO_LARGE => {
            Some(format!("{} are too large: the tree is not complete", cut.join(", ")))
        }
        many => Some(format!("{many} frames are too large: the tree is not complete")),
    }
}

fn left_out(tree: &Tree) -> impl Iterator<Item = String> {
    let frames = |count| if count == 1 { "1 frame".to_owned() } else { format!("{count} frames") };
    let is = |count| if count == 1 { "is" } else { "are" };
    let Tree { left_out, too_deep, .. } = tree;
    let many = (*left_out > 0).then(|| {
        let (what, is) = (frames(*left_out), is(*left_out));
        format!("{what} {is} left out: a page has {FRAMES} of them at most here")
    });
    let deep = (*too_deep > 0).then(|| {
        format!("frames in {} are left out: {DEPTH} deep is the most here", frames(*too_deep))
    });
    many.into_iter().chain(deep)
}

#[cfg(test)]
mod tests {
    use crate::page::snapshot::fixture::tree;

    fn check(records: &[&str], top: &str, want: &[&str]) {
        let shown = tree(records).shown_with_options(&str::to_owned);
        let printed = shown.below(top).map(|shown| shown.print()).unwrap_or_default();
        assert_eq!(printed.lines().collect::<Vec<_>>(), want, "{records:?}");
    }

    #[test]
    fn a_sub_tree_says_where_it_is_and_has_every_option_on_its_own_line() {
        check(
            &[
                "0|main|1|1",
                "1|form|1|2|Login",
                "2|combobox|4099|3|C|b|options||||0^a^1^G~1^b^2^G~2^c^3",
                "2|button|3|4|Go",
            ],
            "e3",
            &[
                "- … in main [ref=e1] > form \"Login\" [ref=e2]",
                "- combobox \"C\" [options=a|b|c (disabled)] [ref=e3]: b",
                "  - group \"G\"",
                "    - option \"a\"",
                "    - option \"b\" [selected]",
                "  - option \"c\" [disabled]",
            ],
        );
        check(&["0|button|3|4|Go"], "e5", &[]);
    }

    #[test]
    fn ancestors_without_end_are_cut_from_the_outside() {
        let mut records: Vec<String> =
            (0..20).map(|at| format!("{at}|region|1|{}|{}", at + 1, "n".repeat(100))).collect();
        records.push("20|button|3|99|Go".to_owned());
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let shown = tree(&records).shown(&str::to_owned).below("e99").unwrap();
        let first = shown.print().lines().next().unwrap().to_owned();
        assert!(first.len() < 350 && first.starts_with("- … in … > region"), "{first}");
        assert!(first.contains("[ref=e20]"), "the nearest is told: {first}");
    }
}
