//! The command line itself, on the real binary: what is refused before anything is done, what is
//! printed where, and with which exit code.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// What a process has said.
#[derive(Debug)]
struct Said {
    exit: i32,
    stdout: String,
    stderr: String,
}

/// Runs `handback` in an empty environment below `home`.
fn handback_in(home: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_handback"))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the binary is built");
    Said {
        exit: output.status.code().expect("an exit code"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn handback(arguments: &[&str]) -> Said {
    handback_in(tempfile::tempdir().expect("a directory").path(), arguments, &[])
}

const URL: &str = "http://127.0.0.1:9";
const PLAN: &str = "Verify \"x\" is visible";

/// Refused before anything is done: exit 2, a sentence with `part` on standard error, nothing on
/// standard output, and one document with `--json`.
#[track_caller]
fn refused(arguments: &[&str], code: &str, part: &str) {
    let mut all = vec!["run"];
    all.extend(arguments);
    let said = handback(&all);
    assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains(part), "{part:?} is not in {}", said.stderr);
    all.push("--json");
    let said = handback(&all);
    let document: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!(said.exit, 2, "{said:?}");
    assert_eq!(document["schema"], "handback.results/v1");
    assert_eq!((&document["exit_code"], &document["verdict"]), (&2.into(), &"errored".into()));
    assert_eq!(document["error"]["code"], code, "{document}");
    assert_eq!(document["scenarios"], Value::Array(Vec::new()));
    let message = document["error"]["message"].as_str().expect("a message");
    assert!(message.contains(part), "{part:?} is not in {message}");
}

// agent.md 17.32
#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    refused(&["--bogus"], "usage", "--bogus");
    refused(&["--url"], "usage", "--url");
    refused(&["stray", "--url", URL, "--plan", PLAN], "usage", "stray");
    refused(&["--plan", PLAN], "usage", "There is no --url");
    refused(&["--url", URL, "--plan", PLAN, "--plan-file", "x.md"], "usage", "both --plan and");
    refused(&["--url", URL, "--plan-file", "/no/such.md"], "usage", "/no/such.md cannot be read");
    refused(&["--url=ftp://x", "--plan", PLAN], "usage", "only http and https");
    refused(&["--url", URL, "--plan", PLAN, "--viewport", "tablet"], "usage", "--viewport");
    refused(&["--url", URL, "--plan", PLAN, "--timeout", "soon"], "usage", "--timeout");
    refused(&["--url", URL, "--plan", PLAN, "--driver=robot"], "usage", "robot");
    refused(&["--url", URL, "--plan", PLAN, "--files", "/no/such"], "usage", "--files");
    refused(&["--url", URL, "--plan", PLAN, "--allow-host", "10.0.0.0/99"], "usage", "10.0.0.0/99");
    refused(&["--url", URL, "--plan", PLAN, "--profile", "../x"], "usage", "--profile");
    refused(&["--url", URL, "--plan", PLAN, "--isolated=scenario"], "usage", "--isolated");
    refused(&["--url", URL, "--plan", PLAN, "--var", "novalue"], "usage", "NAME=VALUE");
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let said = handback(&["run", "--url", URL, "--plan", PLAN, "--secret", "PW=hunter2!"]);
    assert_eq!(said.exit, 2);
    assert!(said.stderr.contains("env:VARIABLE") && !said.stderr.contains("hunter2"), "{said:?}");
}

#[test]
fn options_of_later_versions_are_refused_by_name() {
    for option in ["--cdp=http://x", "--headed", "--handoff=never", "--save-direct=x", "--heal"] {
        let name = option.split('=').next().unwrap();
        refused(
            &["--url", URL, "--plan", PLAN, option],
            "usage",
            &format!("{name} is not built yet"),
        );
    }
}

#[test]
fn a_plan_that_needs_a_model_is_refused_with_every_line() {
    let plan = "#Case 1: A\nLog in as admin\nClick \"x\"\nVerify the page looks good";
    refused(&["--url", URL, "--plan", plan], "unparsable", "line 2");
    refused(&["--url", URL, "--plan", plan, "--driver", "direct"], "unparsable", "line 4");
    refused(
        &["--url", URL, "--plan", "#Case 1: A\nClick \"x\""],
        "no_checks",
        "nothing in this scenario is verified",
    );
    refused(&["--url", URL, "--plan", ""], "plan_empty", "plan");
    refused(&["--url", URL, "--plan", "Open {{WHERE}}\nVerify \"x\""], "unknown_variable", "WHERE");
    refused(&["--url", URL, "--plan", plan, "--model", "claude-x"], "usage", "there is no key");
    refused(
        &["--url", URL, "--plan", plan, "--extensions", "fly"],
        "usage",
        "no extension \"fly\"",
    );
    let said = handback(&["run", "--url", URL, "--plan", plan, "--driver", "model", "--json"]);
    let document: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!((said.exit, &document["error"]["code"]), (3, &"model_missing".into()));
}

#[test]
fn the_run_url_is_held_against_the_policy_before_anything_is_sent() {
    refused(
        &["--url", "http://169.254.169.254/latest", "--plan", PLAN],
        "blocked_by_policy",
        "169.254.169.254",
    );
    refused(
        &["--url", URL, "--plan", PLAN, "--deny-host", "127.0.0.1"],
        "blocked_by_policy",
        "127.0.0.1",
    );
}

// agent.md 17.32
#[test]
fn the_environment_gives_options_and_the_command_line_wins() {
    let home = tempfile::tempdir().unwrap();
    let env = [("HANDBACK_URL", "ftp://from-the-environment"), ("HANDBACK_PLAN", PLAN)];
    let said = handback_in(home.path(), &["run"], &env);
    assert!(said.exit == 2 && said.stderr.contains("scheme \"ftp\""), "{said:?}");
    let said = handback_in(home.path(), &["run", "--url", "gopher://typed"], &env);
    assert!(said.stderr.contains("scheme \"gopher\""), "{said:?}");
    let said = handback_in(home.path(), &["run", "--plan-file", "/no/such.md"], &env);
    assert!(!said.stderr.contains("both --plan"), "{said:?}");
    let env = [("HANDBACK_JSON", "1")];
    let said = handback_in(home.path(), &["run", "--bogus"], &env);
    serde_json::from_str::<Value>(&said.stdout)
        .expect("one document, asked for by the environment");
    let env = [("HANDBACK_HEADED", "1")];
    let said = handback_in(home.path(), &["run", "--url", URL, "--plan", PLAN], &env);
    assert!(said.stderr.contains("--headed is not built yet"), "{said:?}");
}

// agent.md 17.29
#[test]
fn a_target_that_is_down_leaves_a_complete_run_directory() {
    let home = tempfile::tempdir().unwrap();
    let url = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", free.local_addr().unwrap())
    };
    let out = home.path().join("out");
    let junit = home.path().join("junit.xml");
    let arguments = [
        "run",
        "--json",
        "--url",
        &url,
        "--plan",
        PLAN,
        "--out",
        out.to_str().unwrap(),
        "--junit",
        junit.to_str().unwrap(),
    ];
    let said = handback_in(home.path(), &arguments, &[]);
    assert_eq!(said.exit, 3, "{said:?}");
    let printed: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!(printed["error"]["code"], "preflight_failed");
    assert_eq!(printed["scenarios"][0]["verdict"], "skipped");
    let directory = out.join(printed["run_id"].as_str().unwrap());
    let stored: Value =
        serde_json::from_slice(&fs::read(directory.join("results.json")).unwrap()).unwrap();
    assert_eq!(stored, printed);
    let manifest: Value =
        serde_json::from_slice(&fs::read(directory.join("manifest.json")).unwrap()).unwrap();
    let mut listed: Vec<_> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, ["events.ndjson", "junit.xml", "plan.md", "player.html", "results.json"]);
    assert!(fs::read_to_string(&junit).unwrap().contains("<error type=\"preflight_failed\""));
    let latest: Value =
        serde_json::from_slice(&fs::read(out.join("latest.json")).unwrap()).unwrap();
    assert_eq!((&latest["run_id"], &latest["verdict"]), (&printed["run_id"], &"errored".into()));
}

#[test]
fn results_that_cannot_be_written_are_an_error_before_the_run() {
    let said = handback(&["run", "--json", "--url", URL, "--plan", PLAN, "--out", "/proc/nowhere"]);
    let document: Value = serde_json::from_str(&said.stdout).expect("one JSON document");
    assert_eq!((said.exit, &document["error"]["code"]), (3, &"artifacts_unwritable".into()));
    assert!(said.stderr.contains("/proc/nowhere") && said.stderr.contains("--out"), "{said:?}");
}

#[test]
fn check_shows_scenarios_checks_and_offending_lines() {
    let home = tempfile::tempdir().unwrap();
    let good = home.path().join("good.md");
    let bad = home.path().join("bad.md");
    fs::write(&good, "Shop.\n#Case 1: A\nClick \"x\" and verify \"y\" is visible\n").unwrap();
    fs::write(&bad, "#Case 1: A\nLog in as admin\nClik \"x\"\nVerify \"y\" is visible\n").unwrap();
    let said = handback(&["check", good.to_str().unwrap()]);
    assert_eq!(said.exit, 0, "{said:?}");
    let both = handback(&["check", good.to_str().unwrap(), bad.to_str().unwrap()]);
    assert_eq!(both.exit, 2);
    let place = home.path().to_str().unwrap();
    insta::assert_snapshot!("check", both.stdout.replace(place, "."));
    let criterion =
        handback(&["check", good.to_str().unwrap(), "--pass-criteria", "\"z\" is visible"]);
    assert!(criterion.stdout.contains("p1 \"z\" is visible (criterion)"), "{criterion:?}");
}

#[test]
fn check_tells_everything_wrong_with_a_manifest_at_its_line() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("run.yaml");
    let text = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: plans}
---
apiVersion: handback.dev/v1alpha1
kind: TestRun
metadata:
  name: checkout
  lables: {team: shop}
spec:
  url: https://[app
  plan: |
    #Case 1: Greeting

    Click "x"
    Verify "{{NMAE}}" is visible
  driver: Direkt
  variables:
    - name: NAME
      value: 5
    - {name: WHO}
  passCritera: ["The total is $42.99"]
  startDeadlineSeconds: 0
  sandbox: off
  keepAlive: {idleSeconds: 5, idleSeconds: 6}
---
apiVersion: handback.dev/v1alpha1
kind: TestRunn
metadata: {name: typo}
---
apiVersion: handback.dev/v1
kind: Handoff
metadata: {name: newer}
"#;
    fs::write(&file, text).unwrap();
    let said = handback(&["check", file.to_str().unwrap()]);
    assert_eq!(said.exit, 2, "{said:?}");
    let place = home.path().to_str().unwrap();
    insta::assert_snapshot!("check_manifest_bad", said.stdout.replace(place, "."));
    fs::write(&file, text.replace("https://[app", "https://app.example:port\n  plan: *a")).unwrap();
    let said = handback(&["check", file.to_str().unwrap()]);
    assert!(said.exit == 2 && said.stdout.contains("this is no YAML"), "{said:?}");
}

#[test]
fn check_takes_a_good_manifest_and_judges_its_plan() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("run.yaml");
    let text = r#"apiVersion: handback.dev/v1alpha1
kind: TestRun
metadata: {generateName: checkout-}
spec:
  url: https://app.example
  driver: Auto
  variables: [{name: PW, secretKeyRef: {name: login, key: password}}]
  plan: |
    #Case 1: Greeting
    Fill "Password" with "{{PW}}"
    Log in as somebody
    Verify "Hello" is visible
---
apiVersion: handback.dev/v1alpha1
kind: Handoff
metadata: {name: ho}
spec: {runRef: {name: checkout}, mode: View}
"#;
    fs::write(&file, text).unwrap();
    let place = home.path().to_str().unwrap();
    let said = handback(&["check", file.to_str().unwrap()]);
    assert_eq!(said.exit, 0, "{said:?}");
    insta::assert_snapshot!("check_manifest_good", said.stdout.replace(place, "."));
    // What a model may do, a plan that asks for none may not.
    fs::write(&file, text.replace("driver: Auto", "driver: Direct")).unwrap();
    let said = handback(&["check", file.to_str().unwrap()]);
    assert!(said.exit == 2 && said.stdout.contains("line 11: \"Log in as somebody\""), "{said:?}");
    let nothing = home.path().join("other.yaml");
    fs::write(&nothing, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n").unwrap();
    let said = handback(&["check", nothing.to_str().unwrap()]);
    assert!(said.exit == 0 && said.stdout.contains("Secret a"), "{said:?}");
}

#[test]
fn crds_prints_the_definitions_or_writes_them() {
    let said = handback(&["crds"]);
    assert_eq!(said.exit, 0);
    assert_eq!(said.stdout.matches("\n---\n").count() + 1, 2, "{}", said.stdout);
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("new/crds");
    assert_eq!(handback(&["crds", "--out", out.to_str().unwrap()]).exit, 0);
    for name in ["testruns", "handoffs"] {
        let made = fs::read_to_string(out.join(format!("{name}.handback.dev.yaml"))).unwrap();
        assert!(said.stdout.contains(&made), "{name}");
    }
    let said = handback(&["crds", "--out", "/proc/nowhere"]);
    assert!(said.exit == 3 && said.stderr.contains("/proc/nowhere"), "{said:?}");
}

#[test]
fn check_prints_the_grammar() {
    let said = handback(&["check", "--grammar"]);
    assert_eq!(said.exit, 0);
    assert!(said.stdout.contains("A1") && said.stdout.contains("V8"), "{}", said.stdout);
}

#[test]
fn the_reference_pages_are_what_the_program_says() {
    for (name, page) in [
        ("grammar", include_str!("../../docs/grammar.md")),
        ("tools", include_str!("../../docs/tools.md")),
    ] {
        let said = handback(&["check", "--reference", name]);
        assert_eq!(said.exit, 0);
        assert!(said.stdout == page, "docs/{name}.md is another; run\n  make docs\nand commit it");
    }
}

#[test]
fn check_prints_schemas() {
    let tools = handback(&["check", "--schema", "tools"]);
    let tools: Value = serde_json::from_str(&tools.stdout).expect("JSON");
    assert_eq!(tools[0]["name"], "navigate");
    assert_eq!(tools[0]["input_schema"]["required"], serde_json::json!(["url"]));
    let results = handback(&["check", "--schema", "results"]);
    let results: Value = serde_json::from_str(&results.stdout).expect("JSON");
    assert!(results["properties"]["run_id"]["type"] == "string", "{results}");
    assert_eq!(handback(&["check", "--schema", "nothing"]).exit, 2);
}

#[test]
fn a_server_that_others_can_reach_wants_a_token() {
    let place = tempfile::tempdir().expect("a directory");
    let short = place.path().join("short");
    fs::write(&short, "secret\n").expect("writable");
    let short = short.to_str().expect("UTF-8");
    let check = |arguments: &[&str], part: &str| {
        let mut all = vec!["mcp"];
        all.extend(arguments);
        let said = handback(&all);
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{said:?}");
        assert!(said.stderr.contains(part), "{part:?} is not in {}", said.stderr);
    };
    check(&["--http", "0.0.0.0:0"], "--http-token-file");
    check(&["--http", "192.0.2.1:80"], "--http-token-file");
    check(&["--http", "127.0.0.1:0", "--http-token-file", short], "at least 16 characters");
    check(&["--http", "127.0.0.1:0", "--http-token-file", "/no/such"], "/no/such");
    check(&["--http-host", "x.example"], "--http");
    check(&["--http", "localhost"], "--http");
}

#[test]
fn help_is_on_standard_output_and_tells_everything() {
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_run", &["run", "--help"]),
        ("help_check", &["check", "--help"]),
        ("help_diagnose", &["diagnose", "--help"]),
        ("help_mcp", &["mcp", "--help"]),
        ("help_plan", &["plan", "--help"]),
        ("help_submit", &["submit", "--help"]),
        ("help_take", &["take", "--help"]),
    ] {
        let said = handback(arguments);
        assert_eq!((said.exit, said.stderr.as_str()), (0, ""), "{said:?}");
        insta::assert_snapshot!(name, said.stdout);
    }
    assert_eq!(handback(&[]).exit, 2, "no subcommand is a usage error");
}
