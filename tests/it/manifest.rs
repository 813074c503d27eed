//! The custom resources: their definitions are the files in `crds/`, teach and bound every field, and
//! take and refuse the same offline as at a server.

use std::{collections::BTreeSet, fs, path::Path};

use handback::manifest::{
    check,
    crd::{Definition, definitions},
    offline::{Write, refusals},
    problem::Problem,
    test_run::TestRunSpec,
};
use serde_json::Value;

use crate::cases::{self, Case, Step};

fn definition(kind: &str) -> Definition {
    definitions().into_iter().find(|one| one.kind == kind).expect("a kind of ours")
}

/// What is refused in the step that a case is about. Steps before it must be taken.
fn answer(definition: &Definition, case: &Case) -> Vec<Problem> {
    let created = refusals(definition, &case.object, Write::Create);
    if matches!(case.step, Step::Create) {
        return created;
    }
    assert_eq!(created, [], "{}: it cannot even be created", case.name);
    match &case.step {
        Step::Create => created,
        Step::Update(new) => refusals(definition, new, Write::Update(&case.object)),
        Step::Status { first, second } => {
            let written = refusals(definition, first, Write::Status(&case.object));
            let Some(second) = second else { return written };
            assert_eq!(written, [], "{}: the first status is refused", case.name);
            refusals(definition, second, Write::Status(first))
        }
    }
}

#[test]
fn offline_takes_and_refuses_what_a_server_does() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for cases::Cases { kind, cases } in cases::all() {
        let definition = definition(&kind);
        for case in &cases {
            count += 1;
            let problems: Vec<String> =
                answer(&definition, case).iter().map(ToString::to_string).collect();
            let fits = match &case.says {
                None => problems.is_empty(),
                Some(piece) => problems.iter().any(|problem| problem.contains(piece)),
            };
            if !fits {
                let Case { name, says, .. } = case;
                wrong.push(format!("{kind}, {name}: expected {says:?}, got {problems:#?}"));
            }
        }
    }
    assert!(count > 500, "only {count} cases: the files were not read whole");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_operator_agrees_on_what_can_be_run() {
    let definition = definition("TestRun");
    let runs = cases::all().remove(0);
    let mut wrong = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for case in runs.cases.iter().filter(|case| matches!(case.step, Step::Create)) {
        let Ok(spec) = serde_json::from_value::<TestRunSpec>(case.object["spec"].clone()) else {
            continue;
        };
        let name = case.object["metadata"]["name"].as_str().unwrap_or("generated");
        let problems = check::check(name, &spec).err().unwrap_or_default();
        let rule = case.says.as_deref().filter(|says| rules(definition.schema()).contains(*says));
        let fits = match (&case.says, rule) {
            (None, _) => !case.semantic || problems.is_empty(),
            // A generated name is judged by the server only.
            (Some(_), Some(_)) => {
                case.object["metadata"].get("generateName").is_some() || !problems.is_empty()
            }
            (Some(_), None) => continue,
        };
        taken += usize::from(case.says.is_none());
        refused += usize::from(rule.is_some());
        if !fits {
            wrong.push(format!("{}: expected {:?}, got {problems:#?}", case.name, case.says));
        }
    }
    assert!(
        taken > 50 && refused > 20,
        "{taken} taken, {refused} refused: too few to mean anything"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The messages of all rules.
fn rules(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(schema, "", &mut |_, schema| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().unwrap_or_else(|| panic!("no message: {rule}"));
            found.insert(message.to_owned());
        }
    });
    found
}

#[test]
fn every_rule_and_every_bound_has_a_case() {
    let mut missing = Vec::new();
    for cases::Cases { kind, cases } in cases::all() {
        let definition = definition(&kind);
        let said: Vec<&str> = cases.iter().filter_map(|case| case.says.as_deref()).collect();
        for message in rules(definition.schema()) {
            if !said.iter().any(|says| !says.is_empty() && message.contains(says)) {
                missing.push(format!("{kind}: no case is refused with {message:?}"));
            }
        }
        let rows: BTreeSet<&str> =
            cases.iter().filter_map(|case| Some(case.name.split_once(": ")?.0)).collect();
        visit(definition.schema(), "", &mut |path, schema| {
            let bounded = ["maxLength", "maximum", "maxItems", "maxProperties", "enum"];
            // One type, tested at its first place.
            let same = path.replace("status.after.", "status.before.");
            let turned = |from: &str, to: &str| path.replace(from, to);
            let places = [
                path.to_owned(),
                same,
                turned("screenshots.after.", "screenshots.before."),
                turned("screenshots.before.", "screenshots.after."),
            ];
            let covered = places.iter().any(|place| rows.contains(place.as_str()))
                || said.iter().any(|says| *says == path);
            if bounded.iter().any(|bound| schema.get(bound).is_some()) && !covered {
                missing.push(format!("{kind}: no row of bounds for {path}"));
            }
        });
    }
    missing.retain(|line| !KNOWN_TWICE.iter().any(|known| line.ends_with(known)));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Parts of types that have their cases elsewhere: entries of maps under another name, and the
/// conditions of the second kind.
const KNOWN_TWICE: [&str; 8] = [
    "spec.pod.nodeSelector.*",
    "spec.pod.labels.*",
    "spec.pod.annotations.*",
    "status.conditions[0].type",
    "status.conditions[0].status",
    "status.conditions[0].reason",
    "status.conditions[0].message",
    "spec.holderKey",
];

/// Calls `see` for every schema below one, with its path; lists as `[0]`, maps as `.*`.
fn visit(schema: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, schema);
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        visit(schema, &below, see);
    }
    if schema.get("items").is_some() {
        visit(&schema["items"], &format!("{path}[0]"), see);
    }
    if schema["additionalProperties"].is_object() {
        visit(&schema["additionalProperties"], &format!("{path}.*"), see);
    }
}

#[test]
fn every_field_teaches_and_is_bounded() {
    let mut wrong = Vec::new();
    for Definition { kind, object, .. } in &definitions() {
        let root = &object["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        visit(root, "", &mut |path, schema| {
            let mut complain = |what: &str| wrong.push(format!("{kind} {path}: {what}"));
            let text = schema["description"].as_str().unwrap_or_default();
            let inner = path.ends_with(".*") || path.ends_with("[0]");
            if !inner && (text.len() < 12 || !text.ends_with('.')) {
                complain("write a doc comment: what it means, its unit, its default");
            }
            if text.contains("[`") || text.contains('\n') {
                complain(
                    "its description has links or line breaks, which explain shows as they are",
                );
            }
            if !inner && schema.get("default").is_some_and(|value| !value.is_object()) {
                let default = schema["default"]
                    .as_str()
                    .map_or_else(|| schema["default"].to_string(), str::to_owned);
                if !text.contains("Default") || !text.contains(&default) {
                    complain("its description does not say its default");
                }
            }
            if schema["format"].as_str().is_some_and(|format| format.starts_with("uint")) {
                complain("unsigned: the API server does not know it");
            }
            let has = |name: &str| schema.get(name).is_some();
            let bounded = match schema["type"].as_str() {
                Some("string") => has("maxLength") || has("enum") || has("format"),
                Some("integer") => has("minimum") && (has("maximum") || has("format")),
                Some("array") => has("maxItems") && has("x-kubernetes-list-type"),
                Some("object") => has("properties") || has("maxProperties"),
                Some("boolean") => true,
                _ => has("x-kubernetes-int-or-string"),
            };
            if !bounded {
                complain("it has no bound");
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_word_of_a_definition_is_unknown_to_kubernetes() {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    for Definition { name, object, .. } in definitions() {
        let typed: CustomResourceDefinition = serde_json::from_value(object.clone()).unwrap();
        let back = serde_json::to_value(typed).unwrap();
        let mut lost = Vec::new();
        differences(&object, &back, &name, &mut lost);
        assert!(lost.is_empty(), "{}", lost.join("\n"));
    }
}

fn differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for (name, value) in fields {
                let other = others.get(name).unwrap_or(&Value::Null);
                differences(value, other, &format!("{path}.{name}"), found);
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                differences(item, other, &format!("{path}[{index}]"), found);
            }
        }
        _ if one == other || (one.is_number() && one.as_f64() == other.as_f64()) => {}
        _ => found.push(format!("{path}: {one} became {other}")),
    }
}

#[test]
fn the_files_in_crds_are_what_the_types_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut expected = BTreeSet::new();
    for definition in definitions() {
        let file = format!("crds/{}.yaml", definition.name);
        let found = fs::read_to_string(root.join(&file)).unwrap_or_default();
        let made = definition.to_yaml().unwrap();
        assert!(found == made, "{file} is not what the types say; run\n  make crds\nand commit it");
        expected.insert(format!("{}.yaml", definition.name));
    }
    let files = fs::read_dir(root.join("crds")).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, expected, "crds/ has only what `make crds` writes");
}
