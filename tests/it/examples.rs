//! The plans that people copy need no model: every line of them is a form of the grammar.

use std::{fs, path::Path};

use handback::agent::plan::{Plan, direct, variables::Variables};

/// Names that the examples use; their values do not matter here.
const NAMES: [&str; 3] = ["JUPYTER_PASSWORD", "SHOP_PASSWORD", "WAGTAIL_PASSWORD"];

#[test]
fn every_example_runs_without_a_model_and_without_a_warning() {
    let plain = NAMES.iter().map(|name| ((*name).to_owned(), "value".to_owned())).collect();
    let variables = Variables::new(plain, Vec::new()).expect("good names");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut problems = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(examples).expect("examples/") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&path).expect("UTF-8");
        let found = match Plan::parse(&text, &[], &variables) {
            Ok(plan) => {
                let mut found = plan.warnings;
                found.extend(
                    plan.scenarios.iter().filter_map(|one| direct::compile(one).err()).flatten(),
                );
                found
            }
            Err(found) => found,
        };
        for problem in found {
            let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
            problems.push(format!("{}{line}: {}", path.display(), problem.message));
        }
    }
    assert!(count >= 4, "only {count} plans found");
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
