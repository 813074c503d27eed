//! What people copy: plans need no model, since every line of them is a form of the grammar, and manifests
//! are such as the API server takes.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use handback::agent::plan::{Plan, direct, variables::Variables};

/// Names that the examples use; their values do not matter here.
const NAMES: [&str; 5] =
    ["H2_PASSWORD", "JUPYTER_PASSWORD", "SHOP_PASSWORD", "SIGNALK_PASSWORD", "WAGTAIL_PASSWORD"];

#[test]
fn every_example_runs_without_a_model_and_without_a_warning() {
    let plain = NAMES.iter().map(|name| ((*name).to_owned(), "value".to_owned())).collect();
    let variables = Variables::new(plain, Vec::new()).expect("good names");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut problems = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(examples).expect("examples/") {
        let path = entry.expect("readable").path();
        // These are for people; a test of its own types the lines of the quickstart.
        let plan = path.extension().is_some_and(|extension| extension == "md")
            && !path.ends_with("quickstart.md")
            && !path.ends_with("mcp.md");
        if !plan {
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

#[test]
fn every_file_that_people_give_to_a_coding_agent_is_json() {
    let text = include_str!("../../examples/mcp.md");
    let mut blocks = text.split("```json\n").skip(1).peekable();
    assert!(blocks.peek().is_some());
    for block in blocks {
        let (json, _) = block.split_once("```").expect("an end");
        let read: serde_json::Value = serde_json::from_str(json).expect(json);
        let servers =
            ["mcpServers", "servers", "context_servers"].map(|name| &read[name]["handback"]);
        assert!(servers.iter().any(|server| server.is_object()), "{json}");
    }
}

/// What `handback check` says to this manifest.
fn judged(name: &str, text: &str) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    fs::write(&path, text).expect("writable");
    let output = Command::new(env!("CARGO_BIN_EXE_handback"))
        .arg("check")
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("the binary is built");
    (output.status.success(), String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn every_manifest_that_people_copy_is_one_the_api_server_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut problems = Vec::new();
    let mut runs = 0;
    for directory in ["kubernetes", "github-actions"] {
        for entry in fs::read_dir(root.join(directory)).expect("examples/") {
            let path = entry.expect("readable").path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            // Pipelines fill these in.
            let text = fs::read_to_string(&path)
                .expect("UTF-8")
                .replace("${PULL_REQUEST}", "42")
                .replace("${RUN_ID}", "19273645501-1")
                .replace("${REVISION}", "3f1c9ae2b7d04c5e8a1f6b9d3c2e7a4f5b6c8d9e");
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let (fine, said) = judged(name, &text);
            runs += said.matches("✓ TestRun").count();
            if !fine || said.contains("${") {
                problems.push(format!("{}:\n{said}", path.display()));
            }
        }
    }
    assert!(runs >= 6, "only {runs} runs found");
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
