//! The tools as a model sees them (agent.md 4; pure): names, parameters, caps and defaults in one
//! [`table`], from which come the JSON [`schema`], the check of [`arguments`] and the [`reference`] in
//! docs/. What a page does is `page::tool`.

pub mod arguments;
pub mod meaning;
pub mod reference;
pub mod schema;
mod table;

pub use table::{PREDICATES, TOOLS};

/// A tool.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// As it is called.
    pub name: &'static str,
    /// One of the 18, whose names and order are fixed; extensions can be switched off.
    pub core: bool,
    /// What its steps are called in results, or the tool's own name.
    pub action: &'static str,
    /// What a model is told of it.
    pub says: &'static str,
    /// What it takes.
    pub takes: &'static [Parameter],
    /// Of each of these groups exactly one must be given.
    pub one_of: &'static [&'static [&'static str]],
}

/// A parameter of a tool, or a field of a predicate.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// As it is called.
    pub name: &'static str,
    /// Must be given.
    pub required: bool,
    /// What it may be.
    pub kind: Kind,
    /// What a model is told of it.
    pub says: &'static str,
}

/// A kind of predicate.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// As it is called.
    pub kind: &'static str,
    /// What it takes besides.
    pub fields: &'static [Parameter],
    /// Of each of these groups exactly one must be given.
    pub one_of: &'static [&'static [&'static str]],
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text, its length in characters. Too long a one is an error: nothing says which half is meant.
    Text {
        /// At least.
        least: usize,
        /// At most.
        most: usize,
    },
    /// Several texts.
    Texts {
        /// How many at least.
        least: usize,
        /// How many at most.
        most: usize,
        /// The length of each at most.
        each: usize,
    },
    /// Yes or no; no, if nothing is said.
    Flag,
    /// Yes or no; something must be said.
    Claim,
    /// A whole number.
    Whole {
        /// The least.
        least: i64,
        /// The greatest.
        most: i64,
        /// If nothing is said.
        usual: Option<i64>,
        /// What becomes of a greater one.
        beyond: Beyond,
    },
    /// One of several words.
    Choice {
        /// The words.
        of: &'static [&'static str],
        /// If nothing is said.
        usual: Option<&'static str>,
    },
    /// Some of several words.
    Choices {
        /// The words.
        of: &'static [&'static str],
    },
    /// A ref of the tree.
    Reference,
    /// Names and values, all text: HTTP headers, variables.
    Pairs {
        /// How many at most.
        most: usize,
    },
    /// One condition on the page: the fields of [`PREDICATES`].
    Predicate,
}

/// What becomes of a number above its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// The cap is taken, and noted: durations, counts and sizes.
    Clamped,
    /// An error: a coordinate elsewhere is another place.
    Refused,
}

impl Tool {
    /// The tool of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TOOLS.iter().find(|tool| tool.name == name)
    }
}
