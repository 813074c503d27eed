//! Pairs, arguments, and what changes behind a reply.

use super::*;

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "click".to_owned(), arguments: arguments.to_owned() }
}

fn said(ids: &[&str]) -> Vec<Said> {
    ids.iter().map(|id| Said::Call(call(id, "{}"))).collect()
}

fn turn(ids: &[&str], results: &[&str], after: &[&str]) -> Result<Turn, Unpaired> {
    let results = results.iter().map(|id| ToolResult::ok(*id, "ok", Vec::new())).collect();
    let after = after.iter().map(|text| Part::Text((*text).to_owned())).collect();
    Turn::new(said(ids), Conversation::default().context(), results, after)
}

#[test]
fn results_stand_in_the_order_of_the_calls() {
    let turn = turn(&["a", "b"], &["b", "a"], &[]).unwrap();
    let order: Vec<_> = turn.results().iter().map(ToolResult::call).collect();
    assert_eq!(order, ["a", "b"]);
}

#[test]
fn a_turn_whose_calls_and_results_do_not_pair_cannot_be_made() {
    assert_eq!(turn(&["a", "b"], &["a"], &[]), Err(Unpaired::Missing("b".to_owned())));
    assert_eq!(turn(&["a"], &["a", "a"], &[]), Err(Unpaired::Stray("a".to_owned())));
    assert_eq!(turn(&[], &["a"], &["x"]), Err(Unpaired::Stray("a".to_owned())));
    assert_eq!(turn(&[], &[], &[" "]), Err(Unpaired::Unanswered));
    assert!(turn(&[], &[], &["Go on."]).is_ok());
}

#[test]
fn arguments_are_an_object_or_an_error_that_says_why() {
    assert_eq!(call("a", " ").arguments(), Ok(Map::new()));
    assert_eq!(call("a", r#"{"x":1}"#).arguments().unwrap()["x"], 1);
    assert_eq!(call("a", "[1]").arguments(), Err(BadArguments::NoObject));
    assert!(matches!(call("a", r#"{"x":"#).arguments(), Err(BadArguments::Syntax(_))));
    assert_eq!(call("a", "{oops").sendable()["malformed_arguments"], "{oops");
}

#[test]
fn names_that_a_model_made_up_can_be_sent_back() {
    let named = |name: &str| ToolCall { name: name.to_owned(), ..call("a", "") };
    assert_eq!(named("browser.click now").sendable_name(), "browser_click_now");
    assert_eq!(named("").sendable_name(), "_");
    assert_eq!(named(&"x".repeat(200)).sendable_name().len(), 64);
}

#[test]
fn the_text_of_an_error_begins_with_its_code() {
    let error = |text| ToolResult::error("a", "not_found", text, Vec::new()).text;
    assert_eq!(error("error not_found: no such button"), "error not_found: no such button");
    assert_eq!(error("no such button"), "error not_found\nno such button");
}

#[test]
fn whatever_changes_before_a_turn_is_noticed_from_there_on() {
    let mut talk = Conversation { first: vec![Part::Text("go".to_owned())], turns: Vec::new() };
    for id in ["a", "b", "c"] {
        let result = ToolResult::ok(id, "a long tree", Vec::new());
        let turn = Turn::new(said(&[id]), talk.context(), vec![result], Vec::new()).unwrap();
        talk.turns.push(turn);
    }
    assert_eq!(talk.unchanged(), [true, true, true]);
    let mut shorter = talk.clone();
    shorter.turns[0].results_mut()[0].text = "(tree left out)".to_owned();
    assert_eq!(shorter.unchanged(), [true, false, false]);
    talk.first.push(Part::Text("digest".to_owned()));
    assert_eq!(talk.unchanged(), [false, false, false]);
}
