//! What can be asked of a page, and the answer (agent.md 8.2; pure). [`holds`] evaluates a
//! predicate once, on a tree; how long to try is the runner's part.

mod holds;
mod http;
mod runs;

pub use holds::{Comparison, Held, holds, said};
pub use http::{Method, Statuses};

use crate::page::{
    Text,
    target::{Region, RoleNoun, Target},
};

/// One condition on the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Visible text in any frame or open shadow root contains `text`.
    TextVisible {
        /// As written or as rendered, blanks normalised, case-sensitive.
        text: Text,
        /// `in …`
        within: Vec<Region>,
        /// Is a node's whole text.
        exact: bool,
    },
    /// Not visible for 500 ms on end.
    TextAbsent {
        /// See [`Predicate::TextVisible`].
        text: Text,
        /// `in …`
        within: Vec<Region>,
    },
    /// The main frame's URL.
    Url {
        /// What of it is compared.
        part: UrlPart,
        /// The comparison.
        op: Op,
        /// A value starting with `/` compares path, and query if it has one.
        value: Text,
    },
    /// The document's title.
    Title {
        /// The comparison.
        op: Op,
        /// What it is compared with.
        value: Text,
    },
    /// V3.
    ElementState {
        /// Whose state.
        target: Target,
        /// Which.
        state: State,
        /// `is not`.
        negate: bool,
    },
    /// The value of a field.
    Value {
        /// Which field.
        target: Target,
        /// The comparison.
        op: Op,
        /// What it is compared with.
        value: Text,
    },
    /// How many visible elements, or occurrences of a text.
    Count {
        /// What is counted.
        what: Counted,
        /// `in …`
        within: Vec<Region>,
        /// How the number is compared.
        cmp: Cmp,
        /// The number.
        n: u32,
    },
    /// Labels of a field's options.
    Options {
        /// Which field.
        target: Target,
        /// The labels.
        values: Vec<Text>,
        /// Set and order must be equal; otherwise each must be among them.
        exact: bool,
    },
    /// The text of the scenario's latest dialog. Of the page's tree it asks nothing: see [`said`].
    Dialog {
        /// The comparison.
        op: Op,
        /// What it is compared with.
        value: Text,
    },
    /// What a request of the runner itself is answered with. The page has no part in it.
    HttpStatus {
        /// How it is asked.
        method: Method,
        /// As `navigate` has it.
        url: Text,
        /// Which answers are right.
        status: Statuses,
    },
}

impl Predicate {
    /// The ref of the element that is asked about, if it is asked for by one.
    pub(crate) fn reference(&self) -> Option<&str> {
        match self {
            Self::ElementState { target, .. }
            | Self::Value { target, .. }
            | Self::Options { target, .. } => target.reference.as_deref(),
            Self::TextVisible { .. }
            | Self::TextAbsent { .. }
            | Self::Url { .. }
            | Self::Title { .. }
            | Self::Count { .. }
            | Self::HttpStatus { .. }
            | Self::Dialog { .. } => None,
        }
    }
}

/// What [`Predicate::Count`] counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Counted {
    /// Visible elements of a role, with a name if there is one.
    Elements {
        /// The noun.
        role: RoleNoun,
        /// Their name.
        name: Option<Text>,
    },
    /// Occurrences of a text.
    Text(Text),
}

/// What [`Predicate::Url`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPart {
    /// All of it; a value starting with `/` compares path, and query if it has one.
    Href,
    /// The path alone.
    Path,
    /// Scheme, host and port.
    Origin,
    /// What stands behind `?`.
    Query,
}

/// A comparison of two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `is`, `equals`
    Equals,
    /// `is not`
    NotEquals,
    /// `contains`
    Contains,
    /// `does not contain`
    NotContains,
    /// `starts with`
    StartsWith,
    /// `ends with`
    EndsWith,
    /// `matches`: an unanchored regular expression, linear in time.
    Matches,
}

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    /// `exactly`, or no word
    Eq,
    /// Not equal.
    Ne,
    /// `more than`
    Gt,
    /// `at least`
    Gte,
    /// `fewer than`
    Lt,
    /// `at most`
    Lte,
}

/// V3's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Shown, with a box that can be seen.
    Visible,
    /// Absent or invisible for 500 ms.
    Hidden,
    /// Can be used.
    Enabled,
    /// The contrary.
    Disabled,
    /// Checked.
    Checked,
    /// The contrary.
    Unchecked,
    /// Selected.
    Selected,
    /// Has the focus.
    Focused,
    /// Open.
    Expanded,
    /// Closed.
    Collapsed,
    /// A toggle that is down.
    Pressed,
    /// Cannot be edited.
    ReadOnly,
}

impl State {
    /// As people write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Hidden => "hidden",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Checked => "checked",
            Self::Unchecked => "unchecked",
            Self::Selected => "selected",
            Self::Focused => "focused",
            Self::Expanded => "expanded",
            Self::Collapsed => "collapsed",
            Self::Pressed => "pressed",
            Self::ReadOnly => "read-only",
        }
    }
}

/// What the runner found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the predicate held.
    pub outcome: bool,
    /// Evidence in one sentence: what was seen instead, or why it could not be evaluated. May hold
    /// page text; the caller redacts it.
    pub detail: String,
}

#[cfg(test)]
mod tests;
