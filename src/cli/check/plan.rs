//! What a plan holds, line by line.

use std::fmt::Write as _;

use super::{Report, counted};
use crate::{
    agent::{
        assignment::print_problem,
        plan::{Plan, Scenario, direct, variables::Variables},
    },
    cli::paint::{COLUMNS, Paint, fit},
};

/// A plan in a file of its own: every line must run without a model.
pub(super) fn report(
    text: &str,
    criteria: &[String],
    variables: &Variables,
    paint: Paint,
) -> Report {
    match Plan::parse(text, criteria, variables) {
        Ok(plan) => {
            let (good, body) = scenarios(&plan, paint);
            Report { good, title: counted(plan.scenarios.len(), "scenario"), body }
        }
        Err(problems) => {
            let mut body = String::new();
            for problem in &problems {
                let _ = writeln!(body, "  {}", print_problem(problem).replace('\n', "\n  "));
            }
            Report { good: false, title: String::new(), body }
        }
    }
}

/// Warnings and scenarios; whether every line runs without a model.
fn scenarios(plan: &Plan, paint: Paint) -> (bool, String) {
    let mut body = String::new();
    let mut good = true;
    for warning in &plan.warnings {
        let _ = writeln!(body, "  warning, {}", print_problem(warning).replace('\n', "\n  "));
    }
    for scenario in &plan.scenarios {
        good &= print(&mut body, scenario, paint);
    }
    (good, body)
}

fn print(body: &mut String, scenario: &Scenario, paint: Paint) -> bool {
    let compiled = direct::compile(scenario);
    let (sign, driver) = match &compiled {
        Ok(steps) => {
            let checks = counted(scenario.checks.len(), "check");
            (paint.good("✓"), format!("direct, {}, {checks}", counted(steps.len(), "step")))
        }
        Err(problems) => {
            let count = problems.len();
            let need = if count == 1 { "needs" } else { "need" };
            (paint.bad("✕"), format!("{} {need} another form", counted(count, "line")))
        }
    };
    let _ = writeln!(
        body,
        "  {sign} {}  {}",
        fit(&scenario.name, COLUMNS - 40),
        paint.soft(&format!("line {}, {driver}", scenario.line))
    );
    for one in &scenario.checks {
        let line = one.line.map_or_else(|| "criterion".to_owned(), |line| format!("line {line}"));
        let _ = writeln!(
            body,
            "      {} {} {}",
            paint.soft(&one.id),
            fit(&one.text, COLUMNS - 24),
            paint.soft(&format!("({line})"))
        );
    }
    let problems = compiled.err().unwrap_or_default();
    for problem in &problems {
        let _ = writeln!(body, "    {}", print_problem(problem).replace('\n', "\n    "));
    }
    problems.is_empty()
}
