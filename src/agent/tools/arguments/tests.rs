//! What is taken and what is refused, and that the schema says the same.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::agent::tools::{TOOLS, schema};

fn tool(name: &str) -> &'static Tool {
    Tool::find(name).unwrap()
}

#[track_caller]
fn taken(name: &str, given: &Value) -> Arguments {
    check(tool(name), given).unwrap()
}

/// What is said of arguments that are wrong in one way.
#[track_caller]
fn refused(name: &str, given: &Value) -> String {
    let wrong = check(tool(name), given).unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    wrong[0].to_string()
}

#[test]
fn the_eighteen_come_first_and_in_their_order_and_no_name_is_there_twice() {
    let core: Vec<_> = TOOLS.iter().take_while(|tool| tool.core).map(|tool| tool.name).collect();
    assert_eq!(
        core,
        [
            "navigate",
            "snapshot",
            "click",
            "type_text",
            "select_option",
            "scroll",
            "press_key",
            "wait",
            "screenshot",
            "evaluate",
            "create_temp_email",
            "wait_for_verification_code",
            "check_email_inbox",
            "assert",
            "complete_scenario",
            "suggest_improvement",
            "http_request",
            "wait_for_stable",
        ]
    );
    assert!(TOOLS.iter().skip(18).all(|tool| !tool.core));
    let mut names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TOOLS.len());
}

#[test]
fn what_is_left_out_has_its_default_and_null_is_left_out() {
    let click = taken("click", &json!({"element": "Pay", "ref": null}));
    assert_eq!(
        Value::Object(click.values),
        json!({"element": "Pay", "button": "left", "count": 1, "timeout_ms": 10_000})
    );
    assert_eq!(taken("scroll", &json!({"y": 0})).values["x"], 0);
    assert_eq!(taken("wait_for_stable", &json!({})).values["timeout_seconds"], 30);
    assert!(!taken("wait", &json!({})).values.contains_key("ms"));
}

#[test]
fn counts_durations_and_sizes_above_their_caps_are_clamped_and_noted_and_coordinates_are_not() {
    let code = taken("wait_for_verification_code", &json!({"timeout_seconds": 600}));
    assert_eq!(code.values["timeout_seconds"], 120);
    assert_eq!(code.notes, ["timeout_seconds is 120, the most that is allowed, not 600"]);
    assert_eq!(taken("snapshot", &json!({"max_tokens": 1e9})).values["max_tokens"], 32_000);
    assert_eq!(
        refused("snapshot", &json!({"max_tokens": 10})),
        "max_tokens: a number from 200 to 32000 is expected, not 10"
    );
    assert_eq!(
        refused("scroll", &json!({"y": 20_001})),
        "y: a number from -20000 to 20000 is expected, not 20001"
    );
}

#[test]
fn what_is_of_another_type_unknown_missing_or_too_long_is_refused_with_its_path() {
    for (name, given, said) in [
        ("click", json!({}), "element: it is required"),
        ("click", json!({"element": 7}), "element: text is expected, not a number"),
        ("click", json!({"element": ""}), "element: it may not be empty"),
        (
            "click",
            json!({"element": "x".repeat(501)}),
            "element: at most 500 characters are taken, and these are 501",
        ),
        (
            "click",
            json!({"element": "x", "ref": "12"}),
            "ref: a ref of the tree is expected, as e12 or f1e3, not \"12\"",
        ),
        (
            "click",
            json!({"element": "x", "elemnt": "y"}),
            "elemnt: there is no such parameter; did you mean element?",
        ),
        (
            "click",
            json!({"element": "x", "modifiers": ["Shift", "Hyper"]}),
            "modifiers[1]: one of Alt, Control, Meta, Shift is expected, not \"Hyper\"",
        ),
        ("click", json!([]), ": an object is expected, not a list"),
        (
            "press_key",
            json!({"key": "a", "repeat": 1.5}),
            "repeat: a whole number is expected, not a number",
        ),
        ("go_back", json!({"far": 1}), "far: there is no such parameter; there are none"),
        ("select_option", json!({"element": "x"}), ": exactly one of values and value is required"),
        (
            "select_option",
            json!({"element": "x", "values": ["a"], "value": "b"}),
            ": exactly one of values and value is required",
        ),
        (
            "select_option",
            json!({"element": "x", "values": ["a", 1]}),
            "values[1]: text is expected, not a number",
        ),
        (
            "http_request",
            json!({"url": "/", "headers": {"Accept": 1}}),
            "headers.Accept: text is expected, not a number",
        ),
        (
            "assert",
            json!({"description": "d", "passed": "yes", "evidence": "e"}),
            "passed: true or false is expected, not text",
        ),
    ] {
        assert_eq!(refused(name, &given), said, "{name} {given}");
    }
}

#[test]
fn a_predicate_has_the_fields_of_its_kind_and_no_others() {
    let with = |predicate: Value| json!({"description": "d", "passed": true, "evidence": "e", "predicate": predicate});
    let held = taken("assert", &with(json!({"kind": "url", "op": "contains", "value": "/a"})));
    assert_eq!(
        held.values["predicate"],
        json!({"kind": "url", "op": "contains", "value": "/a", "part": "href"})
    );
    for (predicate, said) in [
        (
            json!({"kind": "count", "op": "eq", "n": 1, "role": "row", "text": "x"}),
            "predicate: exactly one of role and text is required",
        ),
        (
            json!({"kind": "value", "op": "equals", "value": ""}),
            "predicate: exactly one of ref and target is required",
        ),
        (
            json!({"kind": "title", "op": "equals", "value": "", "part": "path"}),
            "predicate.part: there is no such parameter; there are op, value",
        ),
    ] {
        assert_eq!(refused("assert", &with(predicate)), said);
    }
    assert!(
        refused("assert", &with(json!("x"))).starts_with("predicate.kind: one of text_visible")
    );
}

#[test]
fn what_was_typed_is_not_repeated_in_what_is_wrong_with_it() {
    let secret = "a secret of more than forty characters, by chance in the wrong place";
    let said = refused("type_text", &json!({"element": "x", "text": "y", "mode": secret}));
    assert!(!said.contains("secret of"), "{said}");
}

/// Values that are near to what is taken, and some that are far from it.
fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-30_000_i64..30_000).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!("e12")),
        Just(json!("left")),
        Just(json!("")),
        Just(json!(["Alt"])),
        Just(json!(["a", "b"])),
        Just(json!({"kind": "title", "op": "equals", "value": "x"})),
        Just(json!({"kind": "count", "op": "eq", "n": 1})),
        Just(json!({"Accept": "x"})),
    ]
}

/// A number above its cap is taken and clamped, and null is left out: both are more than the schema allows.
fn as_sent(tool: &Tool, given: &Value) -> Value {
    let given = given.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    let clamped = given.map(|(name, value)| {
        let parameter = tool.takes.iter().find(|one| one.name == name);
        let value = match (parameter.map(|one| one.kind), value.as_i64()) {
            (Some(Kind::Whole { most, beyond: Beyond::Clamped, .. }), Some(number)) => {
                number.min(most).into()
            }
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    Value::Object(clamped.collect())
}

proptest! {
    #[test]
    fn what_is_taken_is_what_the_schema_allows(
        tool in prop::sample::select(TOOLS),
        picks in prop::collection::vec((any::<prop::sample::Index>(), values()), 0..6),
    ) {
        let mut given = Map::new();
        for (index, value) in picks {
            if !tool.takes.is_empty() {
                given.insert(tool.takes[index.index(tool.takes.len())].name.to_owned(), value);
            }
        }
        let given = Value::Object(given);
        let allowed = jsonschema::is_valid(&schema::of(&tool), &as_sent(&tool, &given));
        prop_assert_eq!(check(&tool, &given).is_ok(), allowed, "{} {}", tool.name, given);
    }
}
