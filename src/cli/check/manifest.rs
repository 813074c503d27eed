//! What an API server would say to a manifest, and the plan in it: every problem at its line.

mod embedded;

use std::fmt::Write as _;

use serde_json::Value;

use super::{Report, counted};
use crate::{
    cli::paint::{COLUMNS, Paint, fit},
    manifest::{
        check,
        crd::{Definition, definitions},
        offline::{
            self, Write, nearest,
            yaml::{self, Node, Place},
        },
        problem::{Path, Problem},
        test_run::TestRunSpec,
    },
};

/// The group of our kinds.
const GROUP: &str = "handback.dev";

/// Whether a file is a manifest rather than a plan: its name says so, or a line begins with what every
/// object has.
pub(super) fn is_one(name: &str, text: &str) -> bool {
    let named = [".yaml", ".yml", ".json"].iter().any(|end| name.to_lowercase().ends_with(end));
    let begins = |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix("apiVersion")
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
    };
    named || text.lines().any(begins)
}

/// All that is wrong with the objects of a file, in the order of its lines.
pub(super) fn report(text: &str, paint: Paint) -> Report {
    let nodes = match yaml::read(text) {
        Ok(nodes) => nodes,
        Err(error) => {
            let place = error.place.map_or_else(String::new, |place| format!("{}: ", at(place)));
            let body = format!("  {place}this is no YAML: {}\n", error.message);
            return Report { good: false, title: String::new(), body };
        }
    };
    let definitions = definitions();
    let mut ours = 0;
    let mut good = true;
    let mut body = String::new();
    for node in flat(&nodes) {
        match object(node, text, &definitions) {
            Found::Foreign(what) => {
                let line = format!("line {}, not ours, passed over", node.place.line);
                let _ = writeln!(
                    body,
                    "  {} {}  {}",
                    paint.soft("–"),
                    fit(&what, COLUMNS - 40),
                    paint.soft(&line)
                );
            }
            Found::Ours { what, problems, notes } => {
                ours += 1;
                good &= problems.is_empty();
                let sign = if problems.is_empty() { paint.good("✓") } else { paint.bad("✕") };
                let line = format!("line {}", node.place.line);
                let _ =
                    writeln!(body, "  {sign} {}  {}", fit(&what, COLUMNS - 40), paint.soft(&line));
                for line in problems.iter().chain(&notes) {
                    let _ = writeln!(body, "    {}", line.replace('\n', "\n    "));
                }
            }
        }
    }
    if ours == 0 {
        let _ = writeln!(body, "  {} nothing of {GROUP} is in this file", paint.soft("–"));
    }
    Report { good, title: counted(ours, "object"), body }
}

/// What stands in a document.
enum Found {
    /// An object of somebody else.
    Foreign(String),
    /// An object of ours.
    Ours {
        /// Kind and name.
        what: String,
        /// Everything that is wrong with it, in the order of lines.
        problems: Vec<String>,
        /// What may be as it is and should be known.
        notes: Vec<String>,
    },
}

/// The documents, and the items of those that are a `List`.
fn flat(nodes: &[Node]) -> Vec<&Node> {
    let is_list =
        |node: &Node| node.text("apiVersion") == Some("v1") && node.text("kind") == Some("List");
    nodes
        .iter()
        .flat_map(|node| match node.field("items") {
            Some(items) if is_list(node) => items.items().iter().collect(),
            _ => vec![node],
        })
        .collect()
}

fn object(node: &Node, text: &str, definitions: &[Definition]) -> Found {
    let kind = node.text("kind").unwrap_or_default();
    let metadata = node.field("metadata");
    let name = metadata
        .and_then(|metadata| metadata.text("name").or_else(|| metadata.text("generateName")));
    let what = format!(
        "{} {}",
        if kind.is_empty() { "object" } else { kind },
        name.unwrap_or("without a name")
    );
    let api = node.text("apiVersion").unwrap_or_default();
    let (group, version) = api.rsplit_once('/').unwrap_or(("", api));
    if group != GROUP && !(api.is_empty() && definitions.iter().any(|known| known.kind == kind)) {
        return Found::Foreign(what);
    }
    let refuse = |field: &str, message: String| {
        let problem = Problem::value(Path::root().field(field), message);
        let problems = vec![print(&problem, node.locate(&problem))];
        Found::Ours { what: what.clone(), problems, notes: Vec::new() }
    };
    let Some(definition) = definitions.iter().find(|known| known.kind == kind) else {
        let kinds = || definitions.iter().map(|known| known.kind.as_str());
        let hint = nearest(kind, kinds()).map_or_else(
            || format!("there are {}", kinds().collect::<Vec<_>>().join(", ")),
            |kind| format!("did you mean {kind}?"),
        );
        return refuse("kind", format!("there is no such kind in {GROUP}; {hint}"));
    };
    if version != definition.version() {
        let right = format!("{GROUP}/{}", definition.version());
        return refuse("apiVersion", format!("must be {right}, and is {api:?}"));
    }
    let value = node.value();
    let mut problems = node.repeated();
    problems.extend(offline::refusals(definition, &value, Write::Create));
    let mut notes = Vec::new();
    if definition.kind == "TestRun" {
        problems.extend(meant(&value, &problems));
    }
    let mut placed: Vec<(Place, String)> = problems
        .iter()
        .map(|problem| {
            let place = node.locate(problem);
            (place, print(problem, place))
        })
        .collect();
    if definition.kind == "TestRun" {
        embedded::judge(node, &value, text, &mut placed, &mut notes);
    }
    placed.sort_by_key(|(place, _)| *place);
    Found::Ours { what, problems: placed.into_iter().map(|(_, line)| line).collect(), notes }
}

/// What the operator refuses beyond the server: addresses, amounts, labels, bytes. Nothing is told
/// twice.
fn meant(value: &Value, told: &[Problem]) -> Vec<Problem> {
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("generated");
    let Some(spec) = value.get("spec") else { return Vec::new() };
    let Ok(spec) = serde_json::from_value::<TestRunSpec>(spec.clone()) else { return Vec::new() };
    let problems = check::check(name, &spec).err().unwrap_or_default();
    problems
        .into_iter()
        .filter(|problem| told.iter().all(|other| other.path != problem.path))
        .collect()
}

fn print(problem: &Problem, place: Place) -> String {
    format!("{}: {problem}", at(place))
}

fn at(place: Place) -> String {
    format!("line {}, column {}", place.line, place.column)
}
