//! What the chart and the pipeline examples say to the program is what it understands. Everything else
//! about the chart is in tests/chart, which needs Helm.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The long options in a piece of text.
fn options(text: &str) -> BTreeSet<String> {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    text.split("--")
        .skip(1)
        .map(|rest| rest.chars().take_while(|one| letter(*one)).collect::<String>())
        .filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect()
}

/// Those that a command has.
fn options_of(command: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_handback"))
        .args([command, "--help"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary is built");
    assert!(output.status.success(), "there is no command {command}");
    options(&String::from_utf8(output.stdout).expect("UTF-8"))
}

/// A file's text between two others.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?}")).0
}

#[track_caller]
fn understood(said: &BTreeSet<String>, command: &str, hidden: &[&str]) {
    assert!(!said.is_empty());
    let mut known = options_of(command);
    known.extend(hidden.iter().map(|name| (*name).to_owned()));
    let unknown: Vec<&String> = said.difference(&known).collect();
    assert!(unknown.is_empty(), "handback {command} does not know {unknown:?}");
}

#[test]
fn the_operators_deployment_says_what_handback_operator_understands() {
    let template = read("charts/handback/templates/deployment.yaml");
    let said = options(between(&template, "args:", "env:"));
    // Of every command, and not in the help.
    understood(&said, "operator", &["log", "log-format"]);
}

#[test]
fn the_job_after_an_uninstall_says_what_handback_release_pods_understands() {
    let template = read("charts/handback/templates/uninstall.yaml");
    understood(&options(between(&template, "args:", "resources:")), "release-pods", &[]);
}

#[test]
fn pipelines_say_what_handback_submit_understands() {
    let action = read("action.yml");
    understood(&options(between(&action, "arguments=(submit", "code=0")), "submit", &[]);
    let gitlab = read("examples/gitlab/.gitlab-ci.yml");
    understood(&options(between(&gitlab, "handback submit", "artifacts:")), "submit", &[]);
}
