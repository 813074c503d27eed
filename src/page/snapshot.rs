//! The accessibility tree of a tab: from the walker's records to what is printed (pure).
//!
//! `walker.js` makes one string of each frame; [`parse`] reads it into a [`FrameTree`], and
//! [`Tree::stitch`] hangs the trees of child frames below their `iframe`. That is the *full tree*,
//! on which predicates, element resolution and refs work. `collapse` derives the *shown tree* from
//! it, [`Shown`] is that tree redacted, `print` writes it as lines, `prune` as many of them as fit a
//! budget, `find` those that match, and `diff` those that changed.
//!
//! Format of a walk: records end with U+001E, their fields are separated by U+001F, items of a list
//! field by U+001D, parts of an item by U+001C. Page text never holds these, and whatever else could
//! forge a line is removed again on this side. Empty fields at a record's end are left out.
//!
//! ```text
//! head  HB1, walk, next, url, title, origin, page WxH, viewport WxH, scroll X,Y, cut (1 or empty),
//!       document
//! text  depth, #, flags, break, text, text as rendered (only if it differs), box
//! node  depth, role, flags, ref, name, value, marks*, box, labels*, hint, options*, cover
//! ```
//!
//! `document` tells documents apart; a depth is followed by a dot and, in base 36, what tells the
//! elements of one document apart as long as it lives (of a text: the element that holds it).
//! `next` is the first number that no ref has. `break` says how a text joins the one before it: 0
//! directly, 1 with a blank, 2 as a new run. A mark is `key` or `key=value`, in printing order; of
//! `options` only the place is given. An option is flags (1 selected, 2 disabled), label, value,
//! group. A box is `x,y,w,h` in CSS pixels of the frame's viewport; an iframe's is its content box.
//! The flags are the constants of [`flag`].

mod collapse;
mod diff;
mod find;
#[cfg(test)]
pub(crate) mod fixture;
mod print;
mod prune;
mod record;
mod shown;
mod stitch;
pub mod text;

pub use diff::Changes;
pub use record::{RecordError, parse};
pub use shown::{FRAMES, Printed, Shown};
pub use stitch::Child;

/// What a node's flags mean; the walker's bits.
pub mod flag {
    /// Shown, and a person can see it: larger than a pixel, not clipped away, not transparent.
    pub const VISIBLE: u32 = 1;
    /// A tool can act on it.
    pub const INTERACTIVE: u32 = 2;
    /// It covers something and has a line in any case.
    pub const OWN_LINE: u32 = 4;
    /// Text can be typed into it.
    pub const TAKES_TEXT: u32 = 8;
    /// Its name comes from its content.
    pub const NAMED_BY_CONTENT: u32 = 16;
    /// Its value never leaves the page.
    pub const MASKED: u32 = 32;
    /// A hit test was made at its action point.
    pub const TESTED: u32 = 64;
    /// A `form` element, whatever its role.
    pub const FORM: u32 = 128;
    /// A `section`, `article`, `fieldset` or `details` element, whatever its role.
    pub const SECTION: u32 = 256;
    /// A frame element.
    pub const FRAME: u32 = 512;
    /// It has no role of its own.
    pub const NO_ROLE: u32 = 2048;
    /// A native `select`.
    pub const SELECT: u32 = 4096;
    /// It has a value, though perhaps an empty one.
    pub const VALUED: u32 = 8192;
    /// It is inert, or something above it is.
    pub const INERT: u32 = 16384;
}

/// A node's place in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// How a text joins the text before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Nothing between them.
    Direct,
    /// One blank.
    Blank,
    /// It starts a new run.
    Run,
}

/// A box in CSS pixels of the tab's viewport.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// How far another box is outside of this one, in CSS pixels; 0 if they touch.
    fn distance(self, other: Self) -> f64 {
        let across = (self.x - (other.x + other.w)).max(other.x - (self.x + self.w)).max(0.0);
        let down = (self.y - (other.y + other.h)).max(other.y - (self.y + self.h)).max(0.0);
        across.hypot(down)
    }

    /// What two boxes have in common; without a size if that is nothing.
    fn common(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let right = (self.x + self.w).min(other.x + other.w);
        let bottom = (self.y + self.h).min(other.y + other.h);
        Self { x, y, w: (right - x).max(0.0), h: (bottom - y).max(0.0) }
    }
}

/// `key` or `key=value` in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `checked`, `level`, `url`.
    pub key: String,
    /// What follows the equals sign.
    pub value: Option<String>,
}

/// One option of a native select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What people read.
    pub label: String,
    /// What the form sends.
    pub value: String,
    /// The label of its group, or nothing.
    pub group: String,
    /// Chosen.
    pub selected: bool,
    /// Cannot be chosen.
    pub disabled: bool,
}

/// An element that is shown, or a piece of text.
#[derive(Clone, Debug)]
pub struct Node {
    depth: usize,
    parent: Option<NodeId>,
    end: usize,
    frame: usize,
    record: u32,
    /// Which element of its document; of a text the element that holds it.
    identity: u64,
    number: Option<u32>,
    cover: Option<u32>,
    join: Join,
    bits: u32,
    /// The ARIA role, `text` for a piece of text, `generic` for an element without a role.
    pub role: &'static str,
    /// The accessible name; for text the text itself.
    pub name: String,
    /// The text as rendered, if `text-transform` changes it.
    pub rendered: Option<String>,
    /// The value as printed: masked if [`flag::MASKED`].
    pub value: String,
    /// States and properties in printing order; `options` and `covered` are made when printing.
    pub marks: Vec<Mark>,
    /// Where it is; only interactive nodes, unless the walk was asked for all boxes.
    pub place: Option<Rect>,
    /// How far it is out of sight in the frame that it is in, in CSS pixels.
    beyond: f64,
    /// Label texts and the placeholder of a field.
    pub labels: Vec<String>,
    /// What a nameless control may be called (`[hint=…]`).
    pub hint: String,
    /// The options of a native select.
    pub options: Vec<Choice>,
}

impl Node {
    /// Whether this is a piece of text, not an element.
    pub fn is_text(&self) -> bool {
        self.role == TEXT
    }

    /// Whether a flag of [`flag`] is set.
    pub fn is(&self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    /// Whether a person can see it.
    pub fn is_visible(&self) -> bool {
        self.is(flag::VISIBLE)
    }

    /// Whether a tool can act on it.
    pub fn is_interactive(&self) -> bool {
        self.is(flag::INTERACTIVE)
    }

    /// The value of a mark: `Some(None)` for one that has none.
    pub fn mark(&self, key: &str) -> Option<Option<&str>> {
        self.marks.iter().find(|mark| mark.key == key).map(|mark| mark.value.as_deref())
    }

    /// Whether a mark is set that has no value, as `checked` (and not `checked=mixed`).
    pub fn marked(&self, key: &str) -> bool {
        self.mark(key) == Some(None)
    }

    /// How a text joins the text before it.
    pub fn join(&self) -> Join {
        self.join
    }

    fn blank() -> Self {
        Self {
            depth: 0,
            parent: None,
            end: 0,
            frame: 0,
            record: 0,
            identity: 0,
            number: None,
            cover: None,
            join: Join::Run,
            bits: 0,
            role: GENERIC,
            name: String::new(),
            rendered: None,
            value: String::new(),
            marks: Vec::new(),
            place: None,
            beyond: 0.0,
            labels: Vec::new(),
            hint: String::new(),
            options: Vec::new(),
        }
    }
}

const TEXT: &str = "text";
const GENERIC: &str = "generic";

/// What a walk says about its frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// What its refs start with: nothing for the main frame, else `f1`.
    pub prefix: String,
    /// The walk's number; with a record's place it identifies an element that has no ref.
    pub walk: u32,
    /// The first number that no ref of this frame has: the floor of the next walk.
    pub next: u32,
    /// The document's URL.
    pub url: String,
    /// The document's title.
    pub title: String,
    /// The document's origin; `null` if it is opaque.
    pub origin: String,
    /// Width and height of what can be scrolled, in CSS pixels.
    pub page: (i64, i64),
    /// Width and height of the viewport.
    pub viewport: (i64, i64),
    /// How far it is scrolled.
    pub scroll: (i64, i64),
    /// The walk reached a limit of elements or time.
    pub cut: bool,
    /// Tells the frame's document from others.
    pub document: u64,
}

/// The tree of one frame.
#[derive(Clone, Debug)]
pub struct FrameTree {
    frame: Frame,
    nodes: Vec<Node>,
}

impl FrameTree {
    /// What the walk says about its frame.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }
}

/// How to reach a node's element in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    /// By its ref: `__hb.element(number)` in the frame of this prefix.
    Ref {
        /// The frame's prefix.
        frame: String,
        /// The number.
        number: u32,
    },
    /// It has none yet: `__hb.seen(walk, record)`, then `__hb.ref(element)`.
    Seen {
        /// The frame's prefix.
        frame: String,
        /// Which walk.
        walk: u32,
        /// Which of its records.
        record: u32,
    },
}

/// The full tree of a tab.
#[derive(Clone, Debug)]
pub struct Tree {
    frames: Vec<Frame>,
    /// See [`Tree::leave_out`].
    left_out: usize,
    /// Frames that are too deep.
    too_deep: usize,
    nodes: Vec<Node>,
    /// Stands for an id of another tree, so that looking up cannot fail.
    nowhere: Node,
}

impl Tree {
    /// The frames that were walked, the main frame first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// So many frames were not even asked for their trees.
    pub fn leave_out(&mut self, frames: usize) {
        self.left_out = frames;
    }

    /// All nodes in tree order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// A node of this tree.
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0).unwrap_or(&self.nowhere)
    }

    /// The node above.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.node(id).parent
    }

    /// The nodes above, the nearest first.
    pub fn ancestors(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.parent(id), |above| self.parent(*above))
    }

    /// The node and everything below it.
    pub fn subtree(&self, id: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (id.0..self.node(id).end.max(id.0 + 1)).map(NodeId)
    }

    /// Whether `id` is `top` or below it.
    pub fn is_within(&self, id: NodeId, top: NodeId) -> bool {
        top.0 <= id.0 && id.0 < self.node(top).end.max(top.0 + 1)
    }

    /// The nodes directly below.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.siblings(id.0 + 1, self.node(id).end)
    }

    fn roots(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.siblings(0, self.nodes.len())
    }

    fn siblings(&self, first: usize, end: usize) -> impl Iterator<Item = NodeId> + '_ {
        let within = move |at: usize| (at < end).then_some(NodeId(at));
        std::iter::successors(within(first), move |id| within(self.node(*id).end.max(id.0 + 1)))
    }

    /// The ref as printed (`f1e3`), if the node has one.
    pub fn reference(&self, id: NodeId) -> Option<String> {
        let node = self.node(id);
        node.number.map(|number| self.spell(node.frame, number))
    }

    /// The node with a ref.
    pub fn by_reference(&self, reference: &str) -> Option<NodeId> {
        let (frame, number) = reference.rsplit_once('e')?;
        let number: u32 = number.parse().ok()?;
        let at = self.frames.iter().position(|one| one.prefix == frame)?;
        self.ids().find(|id| {
            let node = self.node(*id);
            node.frame == at && node.number == Some(number)
        })
    }

    /// How to reach the node's element. A piece of text gives the element that holds it.
    pub fn handle(&self, id: NodeId) -> Handle {
        let node = self.node(id);
        let frame = self.frames.get(node.frame).cloned().unwrap_or_default();
        match node.number {
            Some(number) => Handle::Ref { frame: frame.prefix, number },
            None => Handle::Seen { frame: frame.prefix, walk: frame.walk, record: node.record },
        }
    }

    fn spell(&self, frame: usize, number: u32) -> String {
        let prefix = self.frames.get(frame).map_or("", |one| one.prefix.as_str());
        format!("{prefix}e{number}")
    }
}
