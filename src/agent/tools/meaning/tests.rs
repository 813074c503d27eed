//! That every tool of the table means something, and what the table cannot refuse is refused here.

use serde_json::json;

use super::*;
use crate::{
    agent::tools::{TOOLS, arguments},
    page::predicate::{Op, State},
};

fn means(tool: &str, given: &Value) -> Result<Meant, String> {
    let tool = Tool::find(tool).unwrap();
    let arguments = arguments::check(tool, given).map_err(|wrong| format!("{wrong:?}"))?;
    let checks = [Known { id: "v1".to_owned(), text: "Verify \"Paid\" is visible".to_owned() }];
    meaning(tool, arguments, &checks)
        .map_err(|wrong| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn call(tool: &str, given: &Value) -> Call {
    let Deed::Act(call) = means(tool, given).unwrap().deed else { panic!("{tool} does not act") };
    *call
}

// agent.md 17.1
#[test]
fn every_tool_of_the_table_means_a_deed_of_its_own_name() {
    for tool in TOOLS {
        let given = match tool.name {
            "navigate" | "http_request" => json!({"url": "/x"}),
            "click" | "hover" => json!({"element": "Pay button"}),
            "type_text" => json!({"element": "Name field", "text": "Ada"}),
            "select_option" => json!({"element": "Size", "values": ["L"]}),
            "scroll" => json!({"y": 100}),
            "press_key" => json!({"key": "Enter"}),
            "evaluate" => json!({"expression": "1"}),
            "assert" => json!({"description": "d", "passed": true, "evidence": "e"}),
            "complete_scenario" => json!({"summary": "s", "passed": true}),
            "suggest_improvement" => {
                json!({"title": "t", "severity": "minor", "description": "d", "suggestion": "s"})
            }
            "drag" => json!({"from_element": "a", "to_element": "b"}),
            "upload_file" => json!({"element": "Photo", "files": ["fixture:png"]}),
            "handle_dialog" => json!({"accept": true}),
            "paste_code" => json!({"code": "{{code}}"}),
            _ => json!({}),
        };
        let meant = means(tool.name, &given).unwrap_or_else(|why| panic!("{}: {why}", tool.name));
        assert_eq!(meant.deed.tool(), tool.name);
    }
}

#[test]
fn a_ref_decides_and_the_description_is_its_label() {
    let Call::Click { on, .. } = call("click", &json!({"element": "Pay", "ref": "f1e3"})) else {
        panic!()
    };
    assert_eq!(on, Subject::Ref { reference: "f1e3".to_owned(), label: "Pay".to_owned() });
    let Call::Click { on: Subject::Described { target, .. }, .. } =
        call("click", &json!({"element": "second \"Pay\" button"}))
    else {
        panic!()
    };
    assert!(target.role.is_some() && target.ordinal.is_some(), "{target:?}");
    let Call::Click { on: Subject::Described { target, .. }, .. } =
        call("click", &json!({"element": "The big one, to pay with"}))
    else {
        panic!()
    };
    assert_eq!(target.name.unwrap().shown(), "The big one, to pay with", "a bare name");
}

#[test]
fn defaults_and_caps_are_those_of_the_tools() {
    let ms = |given: Value| {
        let Call::Sleep { time } = call("wait", &given) else { panic!("{given}") };
        time.as_millis()
    };
    assert_eq!((ms(json!({})), ms(json!({"ms": 30_000}))), (1_000, 10_000));
    assert!(!means("wait", &json!({"ms": 30_000})).unwrap().notes.is_empty(), "it is noted");
    let stable = |given: Value| {
        let Call::WaitForStable { stable, timeout } = call("wait_for_stable", &given) else {
            panic!("{given}")
        };
        (stable.as_secs(), timeout.as_secs())
    };
    assert_eq!(stable(json!({"stable_seconds": 0, "timeout_seconds": 0})), (2, 30));
    assert_eq!(stable(json!({"stable_seconds": 99, "timeout_seconds": 99})), (10, 60));
    let within = |given: Value| means("click", &given).unwrap().within.unwrap().as_millis();
    assert_eq!(within(json!({"element": "x"})), 10_000);
    assert_eq!(within(json!({"element": "x", "timeout_ms": 70_000})), 60_000);
}

#[test]
fn a_check_is_looked_up_by_its_own_words_and_by_what_is_sent() {
    let given = json!({
        "description": "d", "passed": true, "evidence": "e", "check": "v1",
        "predicate": {"kind": "element_state", "ref": "e5", "state": "read_only", "negate": true},
    });
    let Deed::Assert(asserted) = means("assert", &given).unwrap().deed else { panic!() };
    let sources: Vec<_> = asserted.predicates.iter().map(|one| one.source).collect();
    assert_eq!(sources, [Source::Check, Source::Model]);
    let Predicate::ElementState { target, state, negate } = &asserted.predicates[1].predicate
    else {
        panic!()
    };
    assert_eq!((target.reference.as_deref(), *state, *negate), (Some("e5"), State::ReadOnly, true));
}

#[test]
fn predicates_are_read_in_all_their_fields() {
    let one = |predicate: Value| -> Result<Predicate, String> {
        let given =
            json!({"description": "d", "passed": true, "evidence": "e", "predicate": predicate});
        let Deed::Assert(asserted) = means("assert", &given)?.deed else { panic!("{given}") };
        Ok(asserted.predicates[0].predicate.clone())
    };
    let Predicate::Url { op, .. } =
        one(json!({"kind": "url", "op": "ends_with", "value": "/x", "part": "origin"})).unwrap()
    else {
        panic!()
    };
    assert_eq!(op, Op::EndsWith);
    for good in [
        json!({"kind": "text_visible", "text": "Paid", "in": "the dialog", "exact": true}),
        json!({"kind": "text_absent", "text": "Paid", "in": "section \"Cart\""}),
        json!({"kind": "title", "op": "matches", "value": "^{{NAME}}$"}),
        json!({"kind": "value", "target": "Name field", "op": "equals", "value": "Ada"}),
        json!({"kind": "count", "role": "buttons", "op": "gte", "n": 2, "name": "Add"}),
        json!({"kind": "count", "text": "Ada", "op": "eq", "n": 1, "in": "in row \"Ada\""}),
        json!({"kind": "options", "target": "Size", "values": ["L"]}),
        json!({"kind": "http_status", "url": "/health", "status": "2xx", "method": "HEAD"}),
        json!({"kind": "dialog", "op": "contains", "value": "Sure"}),
    ] {
        one(good.clone()).unwrap_or_else(|why| panic!("{good}: {why}"));
    }
    for (bad, part) in [
        (json!({"kind": "title", "op": "matches", "value": "("}), "predicate.value"),
        (
            json!({"kind": "text_visible", "text": "x", "in": "somewhere over there"}),
            "predicate.in",
        ),
        (json!({"kind": "count", "role": "thingies", "op": "eq", "n": 1}), "predicate.role"),
        (json!({"kind": "count", "text": "a", "name": "b", "op": "eq", "n": 1}), "predicate.name"),
        (json!({"kind": "http_status", "url": "/x", "status": "9xx"}), "predicate.status"),
        (json!({"kind": "element_state", "state": "visible"}), "ref"),
    ] {
        let why = one(bad.clone()).unwrap_err();
        assert!(why.contains(part), "{bad}: {why}");
    }
}
