//! What `check` refuses beyond what the API server does, and what it makes of a good run.

use serde_json::{Value, json};

use super::*;

fn checked(change: impl FnOnce(&mut Value)) -> Result<ValidRun, Vec<String>> {
    let mut spec = json!({"url": "https://app.example/start", "plan": "Verify \"a\" is visible"});
    change(&mut spec);
    let spec: TestRunSpec = serde_json::from_value(spec).unwrap();
    check("run", &spec).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn refused(field: &str, value: Value, expected: &[&str]) {
    let problems = checked(|spec| spec[field] = value.clone()).err().unwrap_or_default();
    let fits = problems.len() == expected.len()
        && expected.iter().zip(&problems).all(|(part, problem)| problem.contains(part));
    assert!(fits, "{field}: {value}\n  gave {problems:#?}\n  not {expected:#?}");
}

#[test]
fn a_run_is_parsed_into_what_can_be_carried_out() {
    let run = checked(|spec| {
        spec["variables"] = json!([
            {"name": "USER", "value": "alice"},
            {"name": "PW", "secretKeyRef": {"name": "login", "key": "password"}},
        ]);
        spec["model"] =
            json!({"provider": "OpenAI", "name": "m", "baseURL": "http://m:1/v1", "maxSteps": 7});
        spec["readiness"] = json!({"revision": "3f1c", "revisionFrom": {"header": "X-Revision"}});
        spec["artifacts"] =
            json!({"s3": {"endpoint": "https://s3.example", "bucket": "runs", "prefix": "ci"}});
    })
    .unwrap();
    assert_eq!(run.url.as_str(), "https://app.example/start");
    assert!(matches!(run.plan, PlanSource::Inline(_)));
    assert_eq!(run.variables[0].value, VariableSource::Plain("alice".to_owned()));
    assert!(
        matches!(&run.variables[1].value, VariableSource::Secret(one) if one.key == "password")
    );
    let model = run.model.unwrap();
    assert_eq!((model.max_steps, model.max_tokens), (Some(7), None));
    let revision = run.readiness.unwrap().revision.unwrap();
    assert_eq!(revision.from, RevisionSource::Header("x-revision".to_owned()));
    let storage = run.storage.unwrap();
    assert_eq!((storage.prefix.as_str(), storage.path_style), ("ci/", true));
    assert_eq!(run.spec.active_deadline_seconds, 1800);
}

#[test]
fn an_address_that_only_looks_like_one_is_refused() {
    for url in ["https://[::1", "https://a b", "https://exa<mple", "ftp://a", "https://u:p@a", "x"]
    {
        refused("url", json!(url), &["spec.url: "]);
    }
    refused(
        "model",
        json!({"provider": "OpenAI", "name": "m", "baseURL": "m:1"}),
        &["spec.model.baseURL: "],
    );
}

#[test]
fn a_plan_is_measured_in_bytes() {
    refused(
        "plan",
        json!("é".repeat(65_537)),
        &["spec.plan: must have at most 131072 bytes, and has 131074"],
    );
    assert!(checked(|spec| spec["plan"] = json!("é".repeat(65_536))).is_ok());
}

#[test]
fn names_have_a_bound_that_leaves_room_for_the_pods() {
    let spec = checked(|_| {}).unwrap().spec;
    assert!(check(&"a".repeat(52), &spec).is_ok());
    for name in ["", "a.b", "A", "-a", &"a".repeat(53)] {
        let problems = check(name, &spec).unwrap_err();
        assert_eq!(problems[0].path.to_string(), "metadata.name", "{name:?}");
    }
}

#[test]
fn what_a_pod_would_be_refused_for_is_told_with_its_field() {
    refused(
        "pod",
        json!({
            "resources": {"limits": {"memory": "2GB"}, "requests": {"cpu": "1 core"}},
            "nodeSelector": {"bad key": "x"},
            "tolerations": [{"operator": "Exist"}, {"key": "a", "effect": "Never"}],
            "runtimeClassName": "G",
            "labels": {"handback.dev/run": "x", "team": "a b"},
        }),
        &[
            "spec.pod.resources.limits.memory: \"2GB\" is no amount",
            "spec.pod.resources.requests.cpu: ",
            "spec.pod.nodeSelector.bad key: ",
            "spec.pod.tolerations[0].operator: \"Exist\" is none of",
            "spec.pod.tolerations[0].operator: must be Exists where there is no key",
            "spec.pod.tolerations[1].effect: ",
            "spec.pod.runtimeClassName: ",
            "spec.pod.labels.team: ",
            "spec.pod.labels[handback.dev/run]: names that begin with handback.dev/",
        ],
    );
}

#[test]
fn where_a_target_says_its_revision_must_be_readable() {
    let from = |from: Value| json!({"revision": "1", "revisionFrom": from});
    refused("readiness", from(json!({"header": "X Revision"})), &["revisionFrom.header: "]);
    refused(
        "readiness",
        from(json!({"path": "healthz", "jsonPath": ".a"})),
        &["revisionFrom.path: "],
    );
    refused(
        "readiness",
        from(json!({"path": "/h", "jsonPath": "a"})),
        &["revisionFrom.jsonPath: "],
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    refused(
        "variables",
        json!([{"name": "A"}, {"name": "B", "value": ""}, {"name": "B", "value": ""}]),
        &[
            "spec.variables[0]: exactly one of value, secretKeyRef",
            "spec.variables[2]: B is there already",
        ],
    );
}
