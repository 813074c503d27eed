//! The rules of the house that no compiler checks. Each failure names the file and what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::source::{module_of, paths_in_code, production, without_comments_and_strings};

/// Modules that everybody may use. They know each other only.
const GROUND: [&str; 7] =
    ["clock", "metrics", "policy", "redact", "secret", "shutdown", "telemetry"];

/// Who may see what besides ground. A module or a path below it: `pod::contract` does not open `pod`.
/// `manifest`, `decide` and `pod` do not even see ground: they are plain data and decisions.
const LAYERS: [(&str, &[&str]); 13] = [
    ("preflight", &[]),
    ("mail", &["preflight"]),
    ("manifest", &["secret"]),
    ("decide", &["manifest"]),
    ("pod", &["manifest"]),
    ("browser", &["pod::contract"]),
    ("model", &[]),
    ("page", &[]),
    ("agent", &["preflight", "mail", "pod::contract", "model", "page"]),
    ("gate", &["pod::contract", "decide::lease"]),
    ("operator", &["preflight", "manifest", "decide", "pod"]),
    ("client", &["manifest", "pod::contract", "gate"]),
    (
        "cli",
        &[
            "preflight",
            "mail",
            "manifest",
            "pod",
            "decide",
            "browser",
            "model",
            "page",
            "agent",
            "gate",
            "operator",
            "client",
        ],
    ),
];
const WITHOUT_GROUND: [&str; 3] = ["manifest", "decide", "pod"];

/// Files and directories that decide without asking anybody: no `async`, clock, files, network,
/// processes or environment. `src/x` stands for `src/x.rs` and all of `src/x/`.
const PURE: [&str; 71] = [
    "src/secret",
    "src/policy",
    "src/redact",
    "src/manifest",
    "src/decide",
    "src/pod",
    "src/operator/profile",
    "src/operator/observe/pod",
    "src/operator/observe/run",
    "src/operator/apply/diff",
    "src/operator/handoffs/doors",
    "src/operator/handoffs/policy",
    "src/operator/handoffs/seen",
    "src/operator/gates/words",
    "src/operator/targets/revision",
    "src/model/anthropic",
    "src/model/openai",
    "src/model/wire",
    "src/model/sse",
    "src/model/conversation",
    "src/model/image",
    "src/model/request",
    "src/model/reply",
    "src/model/failure",
    "src/model/retry",
    "src/model/choice",
    "src/model/known",
    "src/model/cassette/normal",
    "src/model/cassette/difference",
    "src/page/address",
    "src/page/keys",
    "src/page/words",
    "src/page/target",
    "src/page/predicate",
    "src/page/snapshot",
    "src/page/locate",
    "src/page/reader",
    "src/page/input",
    "src/page/heard",
    "src/gate/rfb",
    "src/gate/range",
    "src/gate/seats",
    "src/gate/ticket",
    "src/gate/handoffs",
    "src/gate/view",
    "src/gate/problem",
    "src/gate/downloads",
    "src/gate/upload/meaning",
    "src/gate/upload/backoff",
    "src/agent/plan",
    "src/agent/verdict",
    "src/agent/turn",
    "src/agent/talk",
    "src/agent/tools",
    "src/agent/deed",
    "src/agent/describe",
    "src/agent/discovery/cases",
    "src/agent/discovery/frontier",
    "src/agent/discovery/pace",
    "src/agent/discovery/prompt",
    "src/agent/discovery/report",
    "src/agent/discovery/smoke",
    "src/agent/http/answer",
    "src/agent/http/message",
    "src/agent/downloads",
    "src/agent/report/junit",
    "src/cli/submit/answer",
    "src/cli/submit/told",
    "src/mail/extract",
    "src/cli/mcp/table",
    "src/cli/mcp/picture",
];

/// What a pure file may not name, as paths; a parent stands for everything below it.
const IMPURE: [&str; 18] = [
    "kube::client",
    "kube::runtime",
    "tokio",
    "tokio_util",
    "axum",
    "reqwest",
    "rustix",
    "tracing",
    "getrandom",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::ToSocketAddrs",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Foreign types that live behind one door.
const DOORS: [(&str, &str); 7] = [
    ("chromiumoxide_cdp", "src/page/cdp"),
    ("chromiumoxide_types", "src/page/cdp"),
    ("aws_sdk_s3", "src/gate/upload/s3"),
    ("aws_smithy_http_client", "src/gate/upload/s3"),
    ("async_imap", "src/mail/imap"),
    ("mail_parser", "src/mail/mime"),
    ("rmcp", "src/cli/mcp"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files below a directory of the package, with `/` and relative to it, sorted.
fn rust_files(below: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(below)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(root().join(&directory)).expect("a directory of ours") {
            let entry = entry.expect("readable");
            let path = directory.join(entry.file_name());
            if entry.file_type().expect("known").is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.to_str().expect("ASCII names").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn is_below(path: &str, parent: &str) -> bool {
    path == parent || path.strip_prefix(parent).is_some_and(|rest| rest.starts_with("::"))
}

fn is_in(file: &str, place: &str) -> bool {
    file.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// A module of tests only, which may do what it tests.
fn is_tests(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn imports_point_only_to_what_the_layer_may_see() {
    let mut problems = Vec::new();
    for file in rust_files("src") {
        let own = module_of(&file);
        if own == "main" || own == "lib" {
            continue;
        }
        let ground = GROUND.contains(&own.as_str());
        let allowed = LAYERS.iter().find(|(name, _)| *name == own).map(|(_, allowed)| *allowed);
        if !ground && allowed.is_none() {
            problems.push(format!(
                "{file}: module `{own}` has no row in LAYERS of tests/it/tidy.rs; add one"
            ));
            continue;
        }
        for path in paths_in_code(&read(&file)) {
            let Some(path) = path.strip_prefix("crate::") else { continue };
            let first = path.split("::").next().unwrap_or_default();
            let fine = first == own
                || (GROUND.contains(&first) && !WITHOUT_GROUND.contains(&own.as_str()))
                || allowed.unwrap_or_default().iter().any(|parent| is_below(path, parent));
            if !fine {
                problems.push(format!(
                    "{file}: `crate::{path}` is not for `{own}`; move what both need further down, \
                     or into pod::contract if two processes share it"
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn pure_files_touch_nothing() {
    let files = rust_files("src");
    let mut problems = Vec::new();
    for place in PURE {
        let mut any = false;
        for file in files.iter().filter(|file| is_in(file, place) && !is_tests(file)) {
            any = true;
            let text = read(file);
            let code = without_comments_and_strings(production(&text));
            if code.contains("async ") || code.contains(".await") {
                problems.push(format!(
                    "{file}: `async` in a pure file; decide here, perform in the caller"
                ));
            }
            for path in paths_in_code(production(&text)) {
                if IMPURE.iter().any(|impure| is_below(&path, impure)) {
                    problems.push(format!(
                        "{file}: `{path}` in a pure file; take the value as an argument"
                    ));
                }
            }
        }
        if !any {
            problems.push(format!("{place}: no such file; correct PURE in tests/it/tidy.rs"));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_module_says_what_it_is_for() {
    let problems: Vec<String> = ["src", "tests/it", "tests/support"]
        .iter()
        .flat_map(|place| rust_files(place))
        .filter(|file| !read(file).trim_start().starts_with("//!"))
        .map(|file| format!("{file}: begin it with a `//!` line that says what it is for"))
        .collect();
    assert_none(&problems);
}

#[test]
fn no_test_file_is_forgotten() {
    let main = read("tests/it/main.rs");
    let listed: BTreeSet<&str> = main
        .lines()
        .filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let problems: Vec<String> = rust_files("tests/it")
        .into_iter()
        .filter_map(|file| {
            let name = file.strip_prefix("tests/it/")?.strip_suffix(".rs")?;
            let forgotten = !name.contains('/') && name != "main" && !listed.contains(name);
            forgotten.then(|| format!("{file}: add `mod {name};` to tests/it/main.rs"))
        })
        .collect();
    assert_none(&problems);
}

#[test]
fn nothing_is_ignored_or_left_to_do() {
    let mut problems = Vec::new();
    for file in ["src", "tests"].iter().flat_map(|place| rust_files(place)) {
        let code = without_comments_and_strings(&read(&file));
        for word in ["#[ignore", "todo!(", "unimplemented!("] {
            if code.contains(word) {
                problems.push(format!("{file}: `{word}`; what cannot run fails, it never skips"));
            }
        }
    }
    assert_none(&problems);
}

// agent.md 17.28
#[test]
fn every_event_that_is_declared_is_emitted_somewhere() {
    let declared = read("src/agent/events.rs");
    let declared = declared.split("pub enum Event {").nth(1).expect("the events");
    let declared = declared.split("\n}\n").next().expect("their end");
    let names: Vec<&str> = declared
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter_map(|line| line.split([' ', '(', ',']).next())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    let agent: String = rust_files("src/agent")
        .iter()
        .filter(|file| *file != "src/agent/events.rs")
        .map(|file| without_comments_and_strings(production(&read(file))))
        .collect();
    let problems: Vec<String> = names
        .into_iter()
        .filter(|name| !agent.contains(&format!("Event::{name}")))
        .map(|name| format!("src/agent/events.rs: nothing emits `{name}`; emit it or remove it"))
        .collect();
    assert_none(&problems);
}

#[test]
fn foreign_types_stay_behind_their_door() {
    let mut problems = Vec::new();
    for file in rust_files("src") {
        let code = without_comments_and_strings(&read(&file));
        for (name, door) in DOORS {
            if code.contains(name) && !is_in(&file, door) {
                problems.push(format!("{file}: `{name}` belongs into {door}.rs or {door}/ only"));
            }
        }
    }
    assert_none(&problems);
}

/// `Passed = 0` and so on, with the sentence above each.
fn exit_codes() -> BTreeMap<u8, (String, String)> {
    let contract = read("src/pod/contract.rs");
    let body = contract.split_once("pub enum Exit {").expect("the enum").1;
    let body = body.split_once('}').expect("its end").0;
    let mut sentence = String::new();
    let mut codes = BTreeMap::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            sentence = text.to_owned();
        } else if let Some((name, code)) = line.trim_end_matches(',').split_once(" = ") {
            let code = code.parse().expect("a small number");
            codes.insert(code, (name.to_owned(), sentence.clone()));
        }
    }
    codes
}

#[test]
fn the_readme_has_the_exit_codes_of_the_contract() {
    let expected: Vec<String> = exit_codes()
        .into_iter()
        .map(|(code, (name, sentence))| format!("| {code} | {name} | {sentence} |"))
        .collect();
    assert_eq!(expected.len(), 6, "the enum was not understood: {expected:?}");
    let readme = read("README.md");
    let found: Vec<&str> = readme
        .lines()
        .filter(|line| {
            line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(char::is_numeric))
        })
        .collect();
    assert_eq!(found, expected, "README.md: make its table of exit codes that of pod/contract.rs");
}

#[test]
fn every_task_that_people_are_told_to_run_exists() {
    let makefile = read("Makefile");
    let mut problems = Vec::new();
    for file in ["README.md", "CONTRIBUTING.md", ".ci/run"] {
        for rest in read(file).split("make ").skip(1) {
            let task: String =
                rest.chars().take_while(|&c| c.is_ascii_lowercase() || c == '-').collect();
            let quoted = rest.as_bytes().get(task.len()) == Some(&b'`');
            if quoted && !makefile.contains(&format!("\n{task}:")) {
                problems.push(format!("{file}: `make {task}` is not in the Makefile"));
            }
        }
    }
    assert_none(&problems);
}
