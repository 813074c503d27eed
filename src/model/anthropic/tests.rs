//! What a conversation becomes; that the API takes it is tested against the scripted server.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::{
    conversation::{Conversation, ToolResult},
    image::tests::grey,
    known::Table,
    request::{Scope, Tool},
};

fn image() -> Image {
    Image::new(grey(2, 2, image::ImageFormat::Png)).unwrap()
}

fn call(id: &str) -> Said {
    let arguments = r#"{"element":"x"}"#.to_owned();
    Said::Call(ToolCall { id: id.to_owned(), name: "click".to_owned(), arguments })
}

fn thinking() -> Said {
    Said::Thinking { text: "hm".to_owned(), signature: "sig".to_owned() }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

/// An error with an image, a result with one, then a reply that said nothing.
fn request() -> Request {
    let mut talk = Conversation { first: vec![text("go"), text(" ")], turns: Vec::new() };
    let results = vec![
        ToolResult::ok("b", "ok", vec![image()]),
        ToolResult::error("a", "not_found", "nothing there", vec![image()]),
    ];
    let said = vec![thinking(), call("a"), call("b")];
    talk.turns.push(Turn::new(said, talk.context(), results, Vec::new()).unwrap());
    let nothing = vec![thinking(), Said::Text { text: "\n".to_owned() }];
    let turn = Turn::new(nothing, talk.context(), Vec::new(), vec![text("Go on.")]).unwrap();
    talk.turns.push(turn);
    let tool = |name| Tool { name, description: "d".to_owned(), schema: json!({"type": "object"}) };
    Request {
        scope: Scope::Main,
        system: "Be a tester.".to_owned(),
        tools: Arc::new([tool("click"), tool("wait")]),
        conversation: talk,
        max_output_tokens: 4096,
        cache: true,
        last: None,
    }
}

fn body_of(model: &str, request: &Request) -> Value {
    body(model, &Table::new(None).unwrap().known(model), request)
}

#[test]
fn a_conversation_becomes_messages_with_four_marks() {
    let mark = json!({"type": "ephemeral"});
    let picture = picture(&image());
    let expected = json!({
        "model": "claude-haiku-5-5",
        "max_tokens": 4096,
        "stream": true,
        "thinking": {"type": "disabled"},
        "system": [{"type": "text", "text": "Be a tester.", "cache_control": mark}],
        "tools": [
            {"name": "click", "description": "d", "input_schema": {"type": "object"}},
            {"name": "wait", "description": "d", "input_schema": {"type": "object"}, "cache_control": mark},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go", "cache_control": mark}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "tool_use", "id": "a", "name": "click", "input": {"element": "x"}},
                {"type": "tool_use", "id": "b", "name": "click", "input": {"element": "x"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "is_error": true,
                 "content": [{"type": "text", "text": "error not_found\nnothing there"}]},
                {"type": "tool_result", "tool_use_id": "b",
                 "content": [{"type": "text", "text": "ok"}, picture]},
                picture,
                {"type": "text", "text": "Go on.", "cache_control": mark},
            ]},
        ],
    });
    assert_eq!(body_of("claude-haiku-5-5", &request()), expected);
}

#[test]
fn thinking_goes_back_only_after_the_words_that_it_followed() {
    let mut request = request();
    let has = |request: &Request| body_of("x", request).to_string().contains("\"sig\"");
    assert!(has(&request));
    request.conversation.first.push(text("What happened before: nothing."));
    assert!(!has(&request));
}

#[test]
fn thinking_is_set_as_the_model_allows_it() {
    let set = |model| {
        let body = body_of(model, &request());
        (body["thinking"]["type"].as_str().map(str::to_owned), body["max_tokens"].as_u64().unwrap())
    };
    assert_eq!(set("claude-sonnet-5-5"), (Some("between_tools".to_owned()), 12_288));
    assert_eq!(set("claude-opus-5-5"), (Some("adaptive".to_owned()), 12_288));
    assert_eq!(set("claude-from-the-future"), (None, 12_288));
}

#[test]
fn a_model_that_reads_no_images_is_told_once() {
    let known = Known { images: false, ..Known::default() };
    let body = body("x", &known, &request()).to_string();
    assert!(!body.contains("\"image\""), "{body}");
    assert_eq!(body.matches(NO_IMAGES).count(), 1);
}

#[test]
fn without_cache_nothing_is_marked() {
    let request = Request { cache: false, ..request() };
    assert!(!body_of("x", &request).to_string().contains("cache_control"));
}
