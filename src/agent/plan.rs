//! Plan text: from Markdown to scenarios, from scenarios to steps and checks (agent.md 2 and 3;
//! pure).
//!
//! [`Plan::parse`] finds headers and bodies, [`direct`] turns a scenario into steps that need no
//! model, [`variables`] fills in values when a step is executed.

mod clauses;
pub mod direct;
mod forms;
mod headers;
mod hosts;
mod parse;
pub mod reference;
mod source;
pub mod variables;

use std::fmt;

pub use forms::{Form, grammar, print_grammar};

use crate::agent::deed::Deed;

/// A parsed plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Text before the first header: context for a model, never executed.
    pub preamble: String,
    /// Hosts that preamble, bodies and criteria name literally, with the port if they do.
    pub hosts: Vec<String>,
    /// In the order of the text.
    pub scenarios: Vec<Scenario>,
    /// What looks odd but is allowed.
    pub warnings: Vec<Problem>,
}

/// One header and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// For example `Case 1: Login`.
    pub name: String,
    /// The header's parts; none if the whole text is one scenario.
    pub header: Option<Header>,
    /// Line of the header, from 1 (of the first line, without a header).
    pub line: u32,
    /// The body verbatim.
    pub body: String,
    /// The body split, in reading order.
    pub clauses: Vec<Clause>,
    /// Verify clauses as `v1…`, then pass criteria as `p1…`.
    pub checks: Vec<Check>,
}

/// The parts of a header, as written but for markers and capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `Case`, `Test Case`.
    pub keyword: String,
    /// Digits.
    pub number: Option<String>,
    /// What stands after the separator.
    pub title: Option<String>,
}

/// One imperative sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Line in the plan, from 1.
    pub line: u32,
    /// Text without list marker, placeholders kept.
    pub text: String,
    /// The check's id, if it is one.
    pub check: Option<String>,
}

/// A condition that an assertion must cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `v1`, `p1`.
    pub id: String,
    /// Where it comes from.
    pub kind: CheckKind,
    /// Line in the plan; none for criteria.
    pub line: Option<u32>,
    /// As written.
    pub text: String,
}

/// See [`Check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// A verify clause.
    Verify,
    /// A pass criterion.
    Criterion,
}

/// Something wrong with a plan: exit 2 before anything starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `plan_empty`, `plan_too_large`, `header_separator`, `scenario_empty`, `unknown_variable`,
    /// `unparsable`, `no_checks`; for warnings a code of the same kind.
    pub code: &'static str,
    /// Line in the plan, from 1; none if it is about a pass criterion or the whole.
    pub line: Option<u32>,
    /// The offending text.
    pub text: String,
    /// What is wrong and what to do, in a sentence or two.
    pub message: String,
    /// The nearest supported form, for example `click T`.
    pub nearest: Option<String>,
}

/// One step of a scenario that needs no model.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Line in the plan; none for criteria.
    pub line: Option<u32>,
    /// The clause as written, placeholders kept.
    pub text: String,
    /// What it does.
    pub deed: Deed,
}

impl fmt::Display for Plan {
    /// The plan as Markdown: parsing it gives the same scenarios.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.preamble.is_empty() {
            writeln!(formatter, "{}\n", self.preamble)?;
        }
        for scenario in &self.scenarios {
            if let Some(header) = &scenario.header {
                writeln!(formatter, "{header}")?;
            }
            writeln!(formatter, "{}\n", scenario.body)?;
        }
        Ok(())
    }
}

impl fmt::Display for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "# {}", self.keyword)?;
        if let Some(number) = &self.number {
            write!(formatter, " {number}")?;
        }
        match &self.title {
            Some(title) => write!(formatter, ": {title}"),
            None if self.number.is_none() => formatter.write_str(":"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        write!(formatter, "{}: {}", self.code, self.message)?;
        if !self.text.is_empty() {
            write!(formatter, "\n    {}", self.text)?;
        }
        if let Some(nearest) = &self.nearest {
            write!(formatter, "\n    nearest: {nearest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
