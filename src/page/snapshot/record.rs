//! Reads a walk's records (pure). The format is told in [`super`].

use super::{Choice, Frame, FrameTree, GENERIC, Join, Mark, Node, NodeId, Rect, TEXT, text};

/// Why a walk cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// It does not start with the head of a version that we know.
    #[error("the walk of frame {prefix:?} does not start with HB1")]
    Head {
        /// The frame.
        prefix: String,
    },
}

impl RecordError {
    /// For metrics and events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Head { .. } => "walk_head",
        }
    }
}

/// Every role that a node can have. Anything else is read as `generic`.
const ROLES: &[&str] = &[
    "alert",
    "alertdialog",
    "application",
    "article",
    "audio",
    "banner",
    "blockquote",
    "button",
    "canvas",
    "caption",
    "cell",
    "checkbox",
    "code",
    "columnheader",
    "combobox",
    "complementary",
    "contentinfo",
    "definition",
    "deletion",
    "dialog",
    "directory",
    "document",
    "embed",
    "emphasis",
    "feed",
    "figure",
    "form",
    "generic",
    "graphics-document",
    "graphics-object",
    "graphics-symbol",
    "grid",
    "gridcell",
    "group",
    "heading",
    "iframe",
    "img",
    "insertion",
    "link",
    "list",
    "listbox",
    "listitem",
    "log",
    "main",
    "mark",
    "marquee",
    "math",
    "menu",
    "menubar",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "meter",
    "navigation",
    "note",
    "option",
    "paragraph",
    "progressbar",
    "radio",
    "radiogroup",
    "region",
    "row",
    "rowgroup",
    "rowheader",
    "scrollbar",
    "search",
    "searchbox",
    "separator",
    "slider",
    "spinbutton",
    "status",
    "strong",
    "subscript",
    "suggestion",
    "superscript",
    "switch",
    "tab",
    "table",
    "tablist",
    "tabpanel",
    "term",
    "textbox",
    "time",
    "timer",
    "toolbar",
    "tooltip",
    "tree",
    "treegrid",
    "treeitem",
    "video",
];

/// Reads the walk of one frame, whose refs start with `prefix` (nothing, or `f1`).
///
/// # Errors
/// [`RecordError::Head`] if this is not a walk. Records that make no sense are read as far as they
/// do: a page must not be able to lose us the tree.
pub fn parse(prefix: &str, walk: &str) -> Result<FrameTree, RecordError> {
    let mut records = walk.split_terminator('\u{1e}');
    let frame = records
        .next()
        .and_then(|record| head(prefix, record))
        .ok_or_else(|| RecordError::Head { prefix: prefix.to_owned() })?;
    let mut nodes: Vec<Node> = records.zip(0..).map(|(record, at)| node(record, at)).collect();
    link(&mut nodes);
    Ok(FrameTree { frame, nodes })
}

/// Sets parents and ends from the depths. The parent is the nearest node before that is less deep.
pub(super) fn link(nodes: &mut [Node]) {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut ends: Vec<(usize, usize)> = Vec::with_capacity(nodes.len());
    let count = nodes.len();
    for (at, node) in nodes.iter_mut().enumerate() {
        while let Some(&(depth, before)) = open.last()
            && depth >= node.depth
        {
            open.pop();
            ends.push((before, at));
        }
        node.parent = open.last().map(|(_, above)| NodeId(*above));
        open.push((node.depth, at));
    }
    ends.extend(open.into_iter().map(|(_, before)| (before, count)));
    for (at, end) in ends {
        if let Some(node) = nodes.get_mut(at) {
            node.end = end;
        }
    }
}

fn head(prefix: &str, record: &str) -> Option<Frame> {
    let mut fields = record.split('\u{1f}');
    if fields.next()? != "HB1" {
        return None;
    }
    let mut field = || fields.next().unwrap_or_default();
    Some(Frame {
        prefix: prefix.to_owned(),
        walk: field().parse().unwrap_or_default(),
        next: field().parse().unwrap_or(1),
        url: text::norm(field()),
        title: text::norm(field()),
        origin: text::norm(field()),
        page: pair(field(), 'x'),
        viewport: pair(field(), 'x'),
        scroll: pair(field(), ','),
        cut: field() == "1",
        document: field().parse().unwrap_or_default(),
    })
}

fn pair(field: &str, between: char) -> (i64, i64) {
    let (a, b) = field.split_once(between).unwrap_or_default();
    (a.parse().unwrap_or_default(), b.parse().unwrap_or_default())
}

fn node(record: &str, at: u32) -> Node {
    let mut fields = record.split('\u{1f}');
    let mut field = || fields.next().unwrap_or_default();
    let mut node = Node::blank();
    node.record = at;
    let depth = field();
    let (depth, identity) = depth.split_once('.').unwrap_or((depth, ""));
    node.depth = depth.parse().unwrap_or_default();
    node.identity = u64::from_str_radix(identity, 36).unwrap_or_default();
    let role = field();
    node.bits = field().parse().unwrap_or_default();
    if role == "#" {
        node.role = TEXT;
        node.join = match field() {
            "0" => Join::Direct,
            "1" => Join::Blank,
            _ => Join::Run,
        };
        node.name = text::norm(field());
        node.rendered = Some(text::norm(field())).filter(|text| !text.is_empty());
        node.place = rect(field());
        return node;
    }
    node.role = ROLES.iter().find(|known| **known == role).copied().unwrap_or(GENERIC);
    node.number = field().parse().ok();
    node.name = text::norm(field());
    node.value = text::norm(field());
    node.marks = items(field()).map(mark).filter(|mark| !mark.key.is_empty()).collect();
    node.place = rect(field());
    node.labels = items(field()).map(text::norm).collect();
    node.hint = text::norm(field());
    node.options = items(field()).map(choice).collect();
    node.cover = field().parse().ok();
    node
}

fn items(field: &str) -> impl Iterator<Item = &str> {
    field.split('\u{1d}').filter(|item| !item.is_empty())
}

/// Keys are ours, so one with other letters than ours is page text that went astray.
fn mark(item: &str) -> Mark {
    let (key, value) = match item.split_once('=') {
        Some((key, value)) => (key, Some(text::norm(value))),
        None => (item, None),
    };
    let known = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    Mark { key: if known { key.to_owned() } else { String::new() }, value }
}

fn rect(field: &str) -> Option<Rect> {
    let mut numbers = field.split(',').map(|number| number.parse::<f64>().unwrap_or_default());
    if field.is_empty() {
        return None;
    }
    let mut next = || numbers.next().filter(|number| number.is_finite()).unwrap_or_default();
    Some(Rect { x: next(), y: next(), w: next(), h: next() })
}

fn choice(item: &str) -> Choice {
    let mut parts = item.split('\u{1c}');
    let mut part = || parts.next().unwrap_or_default();
    let bits: u32 = part().parse().unwrap_or_default();
    Choice {
        selected: bits & 1 != 0,
        disabled: bits & 2 != 0,
        label: text::norm(part()),
        value: text::norm(part()),
        group: text::norm(part()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::snapshot::Tree;

    #[test]
    fn what_is_no_walk_is_refused() {
        assert_eq!(parse("f1", "").unwrap_err(), RecordError::Head { prefix: "f1".into() });
        assert_eq!(parse("", "HB2\u{1f}1\u{1e}").unwrap_err().reason(), "walk_head");
    }

    #[test]
    fn depths_with_gaps_give_the_nearest_node_above() {
        let walk =
            "HB1\u{1e}0\u{1f}main\u{1e}4\u{1f}button\u{1e}2\u{1f}list\u{1e}0\u{1f}form\u{1e}";
        let tree = Tree::stitch(parse("", walk).unwrap(), Vec::new());
        let parents: Vec<_> = tree.ids().map(|id| tree.parent(id).map(|above| above.0)).collect();
        assert_eq!(parents, [None, Some(0), Some(0), None]);
    }

    proptest! {
        #[test]
        fn arbitrary_records_never_panic(noise in "(HB1)?[\\PC\u{1c}-\u{1f}0-9#,=]{0,200}") {
            if let Ok(frame) = parse("", &noise) {
                drop(Tree::stitch(frame, Vec::new()).print());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let walk = format!("HB1\u{1e}{}", String::from_utf8_lossy(&noise));
            drop(Tree::stitch(parse("f1", &walk).unwrap(), Vec::new()).print());
        }
    }
}
