//! A predicate as a model sends it (agent.md 8.2).

use serde_json::{Map, Value};

use super::{Given, wrong};
use crate::{
    agent::tools::arguments::Invalid,
    page::{
        Text,
        predicate::{Cmp, Counted, Method, Op, Predicate, State, Statuses, UrlPart},
        target::{Region, RoleNoun, Target},
    },
};

/// The states by their names in the tool's schema.
const STATES: [State; 12] = [
    State::Visible,
    State::Hidden,
    State::Enabled,
    State::Disabled,
    State::Checked,
    State::Unchecked,
    State::Selected,
    State::Focused,
    State::Expanded,
    State::Collapsed,
    State::Pressed,
    State::ReadOnly,
];

/// Reads one; its fields are checked already.
pub(super) fn read(fields: &Map<String, Value>) -> Result<Predicate, Invalid> {
    let given = Given(fields);
    Ok(match given.str("kind") {
        "text_visible" => Predicate::TextVisible {
            text: given.text("text"),
            within: within(&given)?,
            exact: given.flag("exact"),
        },
        "text_absent" => {
            Predicate::TextAbsent { text: given.text("text"), within: within(&given)? }
        }
        "url" => Predicate::Url {
            part: match given.str("part") {
                "path" => UrlPart::Path,
                "origin" => UrlPart::Origin,
                "query" => UrlPart::Query,
                _ => UrlPart::Href,
            },
            op: op(&given)?,
            value: given.text("value"),
        },
        "title" => Predicate::Title { op: op(&given)?, value: given.text("value") },
        "element_state" => Predicate::ElementState {
            target: target(&given),
            state: state(given.str("state"))?,
            negate: given.flag("negate"),
        },
        "value" => {
            Predicate::Value { target: target(&given), op: op(&given)?, value: given.text("value") }
        }
        "count" => Predicate::Count {
            what: counted(&given)?,
            within: within(&given)?,
            cmp: match given.str("op") {
                "ne" => Cmp::Ne,
                "gt" => Cmp::Gt,
                "gte" => Cmp::Gte,
                "lt" => Cmp::Lt,
                "lte" => Cmp::Lte,
                _ => Cmp::Eq,
            },
            n: given.whole("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX),
        },
        "options" => Predicate::Options {
            target: target(&given),
            values: given.strings("values").map(Text::from).collect(),
            exact: given.flag("exact"),
        },
        "http_status" => {
            let status = given.str("status");
            Predicate::HttpStatus {
                method: Method::named(given.str("method")).unwrap_or_default(),
                url: given.text("url"),
                status: Statuses::read(status).ok_or_else(|| {
                    wrong("predicate.status", format!("{status:?} is neither 200 nor 2xx"))
                })?,
            }
        }
        "dialog" => Predicate::Dialog { op: op(&given)?, value: given.text("value") },
        other => return Err(wrong("predicate.kind", format!("{other} cannot be looked up"))),
    })
}

fn op(given: &Given<'_>) -> Result<Op, Invalid> {
    let op = match given.str("op") {
        "not_equals" => Op::NotEquals,
        "contains" => Op::Contains,
        "not_contains" => Op::NotContains,
        "starts_with" => Op::StartsWith,
        "ends_with" => Op::EndsWith,
        "matches" => Op::Matches,
        _ => Op::Equals,
    };
    // A placeholder's value means itself, so that the pattern can be judged without it.
    if op == Op::Matches
        && let Err(error) =
            regex::Regex::new(&given.str("value").replace("{{", "").replace("}}", ""))
    {
        let why = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
        return Err(wrong("predicate.value", format!("it is no regular expression: {why}")));
    }
    Ok(op)
}

fn state(name: &str) -> Result<State, Invalid> {
    let found = STATES.into_iter().find(|state| state.word().replace('-', "_") == name);
    found.ok_or_else(|| wrong("predicate.state", format!("there is no state {name:?}")))
}

fn target(given: &Given<'_>) -> Target {
    match given.string("ref") {
        Some(reference) => Target { reference: Some(reference), ..Target::default() },
        None => Target::describe(given.str("target")),
    }
}

fn counted(given: &Given<'_>) -> Result<Counted, Invalid> {
    if given.has("text") {
        if given.has("name") {
            return Err(wrong("predicate.name", "it goes with role, not with text".to_owned()));
        }
        return Ok(Counted::Text(given.text("text")));
    }
    let noun = given.str("role");
    let role = RoleNoun::called(noun).ok_or_else(|| {
        wrong(
            "predicate.role",
            format!("there is no noun {noun:?}: say button, link, row, item, field, …"),
        )
    })?;
    Ok(Counted::Elements { role, name: given.has("name").then(|| given.text("name")) })
}

fn within(given: &Given<'_>) -> Result<Vec<Region>, Invalid> {
    let Some(place) = given.string("in") else { return Ok(Vec::new()) };
    Region::describe(&place).ok_or_else(|| {
        let example = "write the dialog, section \"Cart\" or row \"Ada\"";
        wrong("predicate.in", format!("{place:?} is no region: {example}"))
    })
}
