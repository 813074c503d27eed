//! The plan inside a `TestRun`, with the lines of the file around it.

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
    spec: &TestRunSpec,
    text: &str,
    problems: &mut Vec<(Place, String)>,
    notes: &mut Vec<String>,
) {
    let Some(plan) = &spec.plan else { return };
    let place = node.locate(&Problem::value(Path::root().field("spec").field("plan"), ""));
    let name = node.locate(&Problem::name(Path::root().field("spec").field("plan"), ""));
    let before = lines_before(text, name);
    let variables = match variables(spec) {
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
    let model = match (spec.driver, unclear.len()) {
        (Driver::Direct | Driver::Auto, 0) => return notes.push(format!("{scenarios}, direct")),
        (Driver::Direct, _) => return unclear.iter().for_each(tell),
        (Driver::Model, _) => "a model decides each step".to_owned(),
        (Driver::Auto, 1) => "1 line needs a model".to_owned(),
        (Driver::Auto, count) => format!("{count} lines need a model"),
    };
    match spec.model {
        Some(_) => notes.push(format!("{scenarios}, {model}")),
        None => notes.push(format!(
            "warning, {scenarios}, {model}, and spec.model is absent: the operator must have a default"
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

/// How many lines of the file stand before the plan's first, if it is a block that keeps its lines:
/// `plan: |` and nothing more behind its name.
fn lines_before(text: &str, name: Place) -> Option<usize> {
    let line = text.lines().nth(name.line.checked_sub(1)?)?;
    let (_, value) = line.split_once(':')?;
    let value = value.split(" #").next().unwrap_or_default().trim();
    let indicators = value.strip_prefix('|')?;
    let block = indicators.chars().all(|c| matches!(c, '+' | '-' | '1'..='9'));
    block.then_some(name.line)
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
