//! The plan inside a `TestRun`, with the lines of the file around it.

use serde_json::Value;

use super::super::counted;
use crate::{
    agent::{
        assignment::print_problem,
        plan::{
            self, Plan, direct,
            variables::{SecretVariable, VariableError, Variables},
        },
    },
    manifest::{
        offline::yaml::{Node, Place},
        problem::{Path, Problem},
        test_run::{Driver, TestRunSpec, Variable},
    },
    secret::Secret,
};

/// Parses the plan as the agent will. What is wrong goes to `problems`, what may be as it is and
/// should be known to `notes`.
pub(super) fn judge(
    node: &Node,
    value: &Value,
    text: &str,
    problems: &mut Vec<(Place, String)>,
    notes: &mut Vec<String>,
) {
    let Some(spec) = value.get("spec") else { return };
    let Ok(spec) = serde_json::from_value::<TestRunSpec>(spec.clone()) else { return };
    let Some(plan) = &spec.plan else { return };
    let place = node.locate(&Problem::value(Path::root().field("spec").field("plan"), ""));
    let before = lines_before(text, place);
    let variables = match variables(&spec) {
        Ok(variables) => variables,
        Err(errors) => {
            let place =
                node.locate(&Problem::name(Path::root().field("spec").field("variables"), ""));
            problems.extend(
                errors
                    .iter()
                    .map(|error| (place, format!("line {}: spec.variables: {error}", place.line))),
            );
            return;
        }
    };
    let tell = |problem: &plan::Problem| {
        let (place, problem) = moved(problem, place, before);
        problems.push((place, print_problem(&problem)));
    };
    let plan = match Plan::parse(plan, &spec.pass_criteria, &variables) {
        Ok(plan) => plan,
        Err(wrong) => return wrong.iter().for_each(tell),
    };
    for warning in &plan.warnings {
        let (_, warning) = moved(warning, place, before);
        notes.push(format!("warning, {}", print_problem(&warning)));
    }
    let unclear: Vec<plan::Problem> = plan
        .scenarios
        .iter()
        .filter_map(|scenario| direct::compile(scenario).err())
        .flatten()
        .collect();
    let scenarios = counted(plan.scenarios.len(), "scenario");
    match (spec.driver, unclear.len(), &spec.model) {
        (Driver::Direct | Driver::Auto, 0, _) => notes.push(format!("{scenarios}, direct")),
        (Driver::Direct, ..) => unclear.iter().for_each(tell),
        (Driver::Auto | Driver::Model, _, Some(_)) => notes.push(format!("{scenarios}, by a model")),
        (Driver::Auto | Driver::Model, count, None) => notes.push(format!(
            "warning: {scenarios} by a model ({} cannot run without), and spec.model is absent: the operator must have a default",
            counted(count, "line"),
        )),
    }
}

/// With the line of the file instead of the plan's, if the plan stands there line by line.
fn moved(problem: &plan::Problem, place: Place, before: Option<usize>) -> (Place, plan::Problem) {
    let mut problem = problem.clone();
    let line = problem
        .line
        .zip(before)
        .and_then(|(line, before)| Some((usize::try_from(line).ok()?.checked_add(before)?, line)));
    match line {
        Some((line, _)) => {
            problem.line = u32::try_from(line).ok();
            (Place { line, column: 1 }, problem)
        }
        None => (place, problem),
    }
}

/// How many lines of the file stand before the first of a block that keeps its lines (`|`).
fn lines_before(text: &str, place: Place) -> Option<usize> {
    let line = text.lines().nth(place.line.checked_sub(1)?)?;
    let from = line
        .char_indices()
        .nth(place.column.checked_sub(1)?)
        .map_or("", |(at, _)| line.get(at..).unwrap_or(""));
    from.starts_with('|').then_some(place.line)
}

/// Names are what counts here: every secret has a value that can be held.
fn variables(spec: &TestRunSpec) -> Result<Variables, Vec<VariableError>> {
    let mut plain = Vec::new();
    let mut secrets = Vec::new();
    for Variable { name, value, secret_key_ref: _ } in &spec.variables {
        let name = name.clone();
        match value {
            Some(value) => plain.push((name, value.clone())),
            None => secrets.push(SecretVariable {
                name,
                value: Secret::new("not read here".to_owned()),
                origins: Vec::new(),
            }),
        }
    }
    Variables::new(plain, secrets)
}
