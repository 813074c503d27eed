//! The scripted server refuses what the real APIs refuse: without this, passing it would mean nothing.

use serde_json::Value;

use super::*;
use crate::support::model_server::{Asked, refused};

fn asked(anthropic: bool, body: Value) -> Asked {
    let (path, headers) = if anthropic {
        ("/v1/messages", vec![("anthropic-version".to_owned(), "2023-06-01".to_owned())])
    } else {
        ("/v1/chat/completions", Vec::new())
    };
    Asked { number: 0, path: path.to_owned(), headers, body }
}

fn sound_anthropic() -> Value {
    json!({
        "model": "claude-haiku-5-5", "max_tokens": 100, "stream": true,
        "thinking": {"type": "disabled"},
        "tools": [{"name": "click", "description": "d", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a", "name": "click", "input": {}},
                {"type": "tool_use", "id": "b", "name": "click", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "ok"}]},
                {"type": "tool_result", "tool_use_id": "a", "is_error": true,
                 "content": [{"type": "text", "text": "no"}]},
                {"type": "text", "text": "go on"},
            ]},
        ],
    })
}

fn sound_openai() -> Value {
    json!({
        "model": "m", "max_tokens": 100, "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "test"},
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "click", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "ok"},
            {"role": "user", "content": [{"type": "text", "text": "go on"}]},
        ],
    })
}

/// Sets one place (a JSON pointer; one past the end of a list appends) and expects a refusal with
/// these words.
#[track_caller]
fn check(anthropic: bool, place: &str, value: Value, expected: &str) {
    let mut body = if anthropic { sound_anthropic() } else { sound_openai() };
    assert_eq!(refused(&asked(anthropic, body.clone())), Vec::<String>::new());
    let (parent, last) = place.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(object) => drop(object.insert(last.to_owned(), value)),
        Value::Array(list) => {
            let at: usize = last.parse().unwrap();
            if at < list.len() { list[at] = value } else { list.push(value) }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("{place}"),
    }
    let found = refused(&asked(anthropic, body));
    assert!(found.iter().any(|one| one.contains(expected)), "{place}: {found:?}");
}

#[test]
fn what_anthropic_refuses_is_refused() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let result =
        |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [text("x")]});
    let picture = |media_type: &str, data: &str| json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}});
    let marked =
        |text: &str| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}});
    for (place, value, expected) in [
        ("/max_tokens", json!(0), "max_tokens"),
        ("/temperature_", json!(1), "Extra inputs"),
        ("/thinking", json!({"type": "enabled", "budget_tokens": 50}), "not supported"),
        ("/messages/0/content/0", text(" \n"), "non-whitespace"),
        ("/messages/0/content", json!([]), "non-empty content"),
        ("/messages/0/role", json!("assistant"), "first message"),
        ("/messages/0/content/1", result("z"), "unexpected `tool_use_id`"),
        ("/messages/1/content/0/id", json!("a.1"), "should match"),
        ("/messages/1/content/1/id", json!("a"), "must be unique"),
        ("/messages/1/content/0/input", json!("{}"), "valid dictionary"),
        (
            "/messages/1/content/2",
            json!({"type": "thinking", "thinking": "", "signature": "x"}),
            "final block",
        ),
        (
            "/messages/1/content/0",
            json!({"type": "thinking", "thinking": "", "signature": "x"}),
            "Invalid `signature`",
        ),
        ("/messages/2/content/0", text("first"), "must come first"),
        ("/messages/2/content/0", result("a"), "without one `tool_result`"),
        ("/messages/2/content/1", result("z"), "without one `tool_result`"),
        ("/messages/2/content/1/content/0", picture("image/png", ""), "all content must be type"),
        ("/messages/2/content/0/content/0", picture("image/tiff", ""), "media type"),
        ("/messages/2/content/0/content/0", picture("image/png", "AAAA"), "the file is no"),
        ("/messages/2/content/0/content/0", picture("image/png", &"A".repeat(5_242_884)), "5 MB"),
        ("/messages/3", json!({"role": "assistant", "content": [text("x")]}), "prefill"),
        ("/tools/1", json!({"name": "click", "input_schema": {"type": "object"}}), "unique"),
        ("/tools/0/name", json!("click me"), "pattern"),
        ("/system", json!([{"type": "text", "text": ""}]), "non-whitespace"),
        ("/system", json!(["a", "b", "c", "d", "e"].map(marked)), "maximum of 4"),
    ] {
        check(true, place, value, expected);
    }
}

#[test]
fn what_openai_refuses_is_refused() {
    let text = |text: &str| json!({"type": "text", "text": text});
    for (place, value, expected) in [
        ("/max_completion_tokens", json!(5), "Extra inputs"),
        ("/stream_options", json!({}), "include_usage"),
        ("/messages/1/content/0", text(""), "empty text"),
        (
            "/messages/1/content/0",
            json!({"type": "image_url", "image_url": {"url": "http://x"}}),
            "data URL",
        ),
        ("/messages/2/content", json!(""), "expected a text"),
        ("/messages/2/tool_calls/0/function/arguments", json!("{oops"), "are no object"),
        ("/messages/2/tool_calls/0/function/name", json!("a b"), "name of a call"),
        ("/messages/3/tool_call_id", json!("z"), "no preceding"),
        ("/messages/3", json!({"role": "user", "content": [text("x")]}), "without response"),
        ("/messages/3/content", json!([{"type": "image_url"}]), "is text"),
        ("/messages/3/is_error", json!(true), "Extra inputs"),
    ] {
        check(false, place, value, expected);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_fails_the_test_by_itself() {
    let mut server = ModelServer::scripted(Vec::new()).await;
    drop(ask(&model(&server, true).await, &opening()).await);
    assert_eq!(server.violations(), ["request 0 is not in the script"]);
    let wrong = r#"{"claude-haiku-5-5": {"thinking": "between_tools"}}"#;
    let table = Table::new(Some(wrong)).unwrap();
    let choice = settings(&server, true).choose().unwrap().unwrap();
    let redactor = Arc::new(Redactor::new(Vec::new()));
    let model = Model::new(choice, &table, Patience::default(), redactor).await.unwrap();
    assert!(ask(&model, &opening()).await.0.is_err());
    assert!(server.violations()[0].contains("between_tools"), "the body as sent was looked at");
}
