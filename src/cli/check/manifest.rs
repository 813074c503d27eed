//! What an API server would say to a manifest, and the plan in it: every problem at its line.

mod embedded;

use std::fmt::Write as _;

use serde_json::Value;

use super::{Report, counted};
use crate::{
    cli::paint::{COLUMNS, Paint, fit},
    manifest::{
        check,
        crd::definitions,
        offline::{
            self, Judge, Write, nearest,
            yaml::{self, Node, Place},
        },
        problem::{Path, Problem},
        test_run::{TestRun, TestRunSpec},
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
    let judges: Vec<Judge> = definitions().into_iter().map(Judge::new).collect();
    let mut ours = 0;
    let mut good = true;
    let mut body = String::new();
    for node in flat(&nodes) {
        match object(node, text, &judges) {
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

/// The run of a file that has nothing else in it, if nothing is wrong with it.
pub(super) fn the_run(name: &str, text: &str) -> Result<TestRun, String> {
    let report = report(text, Paint { colour: false });
    if !report.good {
        return Err(format!("{name} would be refused:\n{}", report.body));
    }
    let nodes =
        yaml::read(text).map_err(|error| format!("{name} is no YAML: {}", error.message))?;
    match flat(&nodes).as_slice() {
        [node] if node.text("kind") == Some("TestRun") => {
            // What is judged to be in order can be read.
            serde_json::from_value(node.value()).map_err(|error| format!("{name}: {error}"))
        }
        [_] | [] => Err(format!("{name} has no TestRun in it.")),
        more => Err(format!(
            "{name} has {} objects in it, and submit creates one TestRun and nothing else. \
             Create the others with kubectl apply first.",
            more.len()
        )),
    }
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

fn object(node: &Node, text: &str, judges: &[Judge]) -> Found {
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
    if group != GROUP
        && !(api.is_empty() && judges.iter().any(|judge| judge.definition().kind == kind))
    {
        return Found::Foreign(what);
    }
    let refuse = |field: &str, message: String| {
        let problem = Problem::value(Path::root().field(field), message);
        let problems = vec![print(&problem, node.locate(&problem))];
        Found::Ours { what: what.clone(), problems, notes: Vec::new() }
    };
    let Some(judge) = judges.iter().find(|judge| judge.definition().kind == kind) else {
        let kinds = || judges.iter().map(|judge| judge.definition().kind.as_str());
        let hint = nearest(kind, kinds()).map_or_else(
            || format!("there are {}", kinds().collect::<Vec<_>>().join(", ")),
            |kind| format!("did you mean {kind}?"),
        );
        return refuse("kind", format!("there is no such kind in {GROUP}; {hint}"));
    };
    let definition = judge.definition();
    if version != definition.version() {
        let right = format!("{GROUP}/{}", definition.version());
        return refuse("apiVersion", format!("must be {right}, and is {api:?}"));
    }
    let value = node.value();
    let mut problems = node.repeated();
    problems.extend(judge.refusals(&value, Write::Create));
    let mut notes = Vec::new();
    if definition.kind == "TestRun" {
        problems.extend(meant(&judge.stored(&value), &problems));
    }
    let mut placed: Vec<(Place, String)> = problems
        .iter()
        .map(|problem| {
            let place = node.locate(problem);
            (place, print(problem, place))
        })
        .collect();
    if definition.kind == "TestRun"
        && let Some(spec) = readable(&judge.stored(&value), &problems)
    {
        embedded::judge(node, &spec, text, &mut placed, &mut notes);
    }
    placed.sort_by_key(|(place, _)| *place);
    Found::Ours { what, problems: placed.into_iter().map(|(_, line)| line).collect(), notes }
}

/// What the operator refuses beyond the server: addresses, amounts, labels, bytes. Nothing is told
/// twice.
fn meant(value: &Value, told: &[Problem]) -> Vec<Problem> {
    // The name is judged already.
    let name = "named";
    let Some(spec) = readable(value, told) else { return Vec::new() };
    let problems = offline::apart(told, check::check(name, &spec).err().unwrap_or_default());
    // A rule of the whole spec does not stand for one field of it.
    let same = |one: &Problem, other: &Problem| {
        one.path == other.path || (other.path.steps().len() > 1 && one.path.touches(&other.path))
    };
    problems.into_iter().filter(|one| !told.iter().any(|other| same(one, other))).collect()
}

/// The spec without what is so wrong that it could not be read.
fn readable(value: &Value, told: &[Problem]) -> Option<TestRunSpec> {
    let mut value = offline::without(value, told);
    serde_json::from_value(value.get_mut("spec")?.take()).ok()
}

fn print(problem: &Problem, place: Place) -> String {
    format!("{}: {problem}", at(place))
}

fn at(place: Place) -> String {
    format!("line {}, column {}", place.line, place.column)
}
