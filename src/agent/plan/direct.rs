//! Sentences to steps without a model (agent.md 3).
//!
//! Each form of the grammar is one small reader. A sentence is tried against all of them; the first
//! that reads it to its end wins, and a test holds that no sentence is read by two in different ways.

mod actions;
mod checks;
mod later;
mod mail;
mod parts;

use super::{CheckKind, Problem, Scenario, Step, clauses::CHECKS, forms};
use crate::{
    agent::deed::{Asserted, Deed, Mail, Source, Sourced},
    page::{
        predicate::Predicate,
        tool::Call,
        words::{Cursor, Kind, Token, tokens},
    },
};

/// What a form's reader made of a sentence.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Act(Box<Call>),
    Check(Vec<Predicate>),
    Mail(Mail),
    /// A form that cannot be executed yet.
    Later,
}

/// A reader: the form's id, and what it makes of the whole rest of a sentence.
type Reader = (&'static str, fn(Cursor<'_>) -> Option<Meaning>);

/// Turns a scenario into steps. Checks for pass criteria come last.
///
/// # Errors
/// Every clause and criterion that is no form (`unparsable`), and `no_checks`.
pub fn compile(scenario: &Scenario) -> Result<Vec<Step>, Vec<Problem>> {
    let mut steps = Vec::new();
    let mut problems = Vec::new();
    for clause in &scenario.clauses {
        match deed(&clause.text, clause.check.as_deref(), false) {
            Ok(deed) => {
                steps.push(Step { line: Some(clause.line), text: clause.text.clone(), deed });
            }
            Err(problem) => problems.push(Problem { line: Some(clause.line), ..problem }),
        }
    }
    for check in scenario.checks.iter().filter(|check| check.kind == CheckKind::Criterion) {
        match deed(&check.text, Some(&check.id), true) {
            Ok(deed) => steps.push(Step { line: None, text: check.text.clone(), deed }),
            Err(problem) => problems.push(problem),
        }
    }
    if scenario.checks.is_empty() {
        problems.push(Problem {
            code: "no_checks",
            line: Some(scenario.line),
            text: scenario.name.clone(),
            message:
                "nothing in this scenario is verified: add a line like `Verify \"Welcome\" is \
                      visible`, or a pass criterion"
                    .to_owned(),
            nearest: None,
        });
    }
    if problems.is_empty() { Ok(steps) } else { Err(problems) }
}

/// The predicates of a check's text, if it is a form of agent.md 3.3.
pub fn predicates(check: &str) -> Option<Vec<Predicate>> {
    match read_check(check).into_iter().next()? {
        (_, Meaning::Check(predicates)) => Some(predicates),
        (_, Meaning::Act(_) | Meaning::Mail(_) | Meaning::Later) => None,
    }
}

fn deed(text: &str, check: Option<&str>, criterion: bool) -> Result<Deed, Problem> {
    let readings = if check.is_some() { read_check(text) } else { read_action(text) };
    match (readings.into_iter().next(), check) {
        (Some((_, Meaning::Act(call))), None) => Ok(Deed::Act(call)),
        (Some((_, Meaning::Mail(step))), None) => Ok(Deed::Mail(step)),
        (Some((_, Meaning::Check(predicates))), Some(id)) => {
            let sourced = |predicate| Sourced { source: Source::Check, predicate };
            Ok(Deed::Assert(Box::new(Asserted {
                check: Some(id.to_owned()),
                description: text.to_owned(),
                claim: None,
                predicates: predicates.into_iter().map(sourced).collect(),
            })))
        }
        (Some((id, _)), _) => {
            Err(unparsable(text, format!("this is form {id}, which is not built yet"), None))
        }
        (None, _) => {
            let nearest = forms::nearest(text, check.is_some());
            Err(unparsable(text, why(text, check.is_some(), criterion), nearest))
        }
    }
}

fn unparsable(text: &str, message: String, nearest: Option<String>) -> Problem {
    Problem { code: "unparsable", line: None, text: text.to_owned(), message, nearest }
}

/// Why no form fits, as far as it can be told.
fn why(text: &str, is_check: bool, criterion: bool) -> String {
    if tokens(text).iter().any(|token| token.kind == Kind::Unclosed) {
        return "a quote in this sentence is never closed".to_owned();
    }
    let what = match (criterion, is_check) {
        (true, _) => "this pass criterion",
        (false, true) => "this check",
        (false, false) => "this sentence",
    };
    format!("{what} has no form that runs without a model: reword it, with names in quotes")
}

/// Every way to read a sentence as an action, with the form's id.
fn read_action(text: &str) -> Vec<(&'static str, Meaning)> {
    let tokens = sentence(text);
    let readers = actions::READERS.iter().chain(mail::READERS).chain(later::ACTIONS);
    readings(readers, without_lead(Cursor::new(&tokens)))
}

/// Every way to read a sentence as a check, with the form's id. `first "Add" button is enabled` as a
/// criterion has no verb, so that `first` may belong to the button.
fn read_check(text: &str) -> Vec<(&'static str, Meaning)> {
    let tokens = sentence(text);
    let start = Cursor::new(&tokens);
    let leads = [start, without_lead(start)];
    let verbless = leads.map(|at| at.verb(&CHECKS).map_or(at, without_that));
    let mut all = Vec::new();
    for at in verbless {
        all = readings(checks::READERS.iter(), at);
        if !all.is_empty() {
            break;
        }
    }
    all
}

fn readings<'r>(
    readers: impl Iterator<Item = &'r Reader>,
    at: Cursor<'_>,
) -> Vec<(&'static str, Meaning)> {
    readers.filter_map(|(id, read)| Some((*id, read(at)?))).collect()
}

/// The tokens of a sentence without its final full stop.
fn sentence(text: &str) -> Vec<Token> {
    let mut tokens = tokens(text);
    if let Some(last) = tokens.last_mut()
        && last.kind == Kind::Word
        && last.text.ends_with('.')
    {
        last.text.pop();
        last.low.pop();
        if last.text.is_empty() {
            tokens.pop();
        }
    }
    tokens
}

/// Past `that`, `if`, `whether` or a colon, and a subject behind it.
fn without_that(at: Cursor<'_>) -> Cursor<'_> {
    let at = at.maybe(&["that", "if", "whether"]);
    at.mark(Kind::Colon).unwrap_or(at)
}

/// Past the words before a verb that mean nothing: `Then the user`.
pub(super) fn without_lead(mut at: Cursor<'_>) -> Cursor<'_> {
    const LEADS: [&str; 10] =
        ["then", "and", "next", "now", "first", "finally", "please", "i", "we", "you"];
    loop {
        let next = at.any_word().and_then(|(token, rest)| {
            LEADS.contains(&token.low.as_str()).then_some(rest).or_else(|| {
                at.phrase(&["user"]).filter(|_| token.low == "the" || token.low == "user")
            })
        });
        let Some(next) = next else { return at };
        at = next.mark(Kind::Comma).unwrap_or(next);
    }
}

/// Whether a sentence is an action of the grammar, built or not.
pub(super) fn is_action(text: &str) -> bool {
    !read_action(text).is_empty()
}

/// Whether `Check …` is a tick (A8) and no check.
pub(super) fn is_tick(text: &str) -> bool {
    let tokens = sentence(text);
    actions::tick(without_lead(Cursor::new(&tokens))).is_some()
}

#[cfg(test)]
mod tests;
