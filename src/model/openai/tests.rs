//! What a conversation becomes; that servers take it is tested against the scripted server.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::{
    conversation::{Conversation, ToolResult},
    image::tests::grey,
    request::{Scope, Tool},
};

fn image() -> Image {
    Image::new(grey(2, 2, image::ImageFormat::Png)).unwrap()
}

fn call(id: &str, arguments: &str) -> Said {
    let (id, name, arguments) = (id.to_owned(), "click".to_owned(), arguments.to_owned());
    Said::Call(ToolCall { id, name, arguments })
}

fn request() -> Request {
    let first = vec![Part::Image(image()), Part::Text("go".to_owned())];
    let mut talk = Conversation { first, turns: Vec::new() };
    let results = vec![
        ToolResult::error("a", "invalid_argument", "no JSON", vec![image()]),
        ToolResult::ok("b", "", Vec::new()),
    ];
    let said =
        vec![Said::Text { text: "Let me see.".to_owned() }, call("a", "{oops"), call("b", "")];
    let after = vec![Part::Text("Go on.".to_owned())];
    talk.turns.push(Turn::new(said, talk.context(), results, after).unwrap());
    Request {
        scope: Scope::Main,
        system: "Be a tester.".to_owned(),
        tools: Arc::new([Tool {
            name: "click",
            description: "d".to_owned(),
            schema: json!({"type": "object"}),
        }]),
        conversation: talk,
        max_output_tokens: 4096,
        cache: true,
        last: None,
    }
}

#[test]
fn a_conversation_becomes_messages_with_images_after_the_tools() {
    let picture = picture(&image());
    let expected = json!({
        "model": "m",
        "max_tokens": 4096,
        "stream": true,
        "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "Be a tester."},
            {"role": "user", "content": [picture, {"type": "text", "text": "go"}]},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "a", "type": "function",
                 "function": {"name": "click", "arguments": "{\"malformed_arguments\":\"{oops\"}"}},
                {"id": "b", "type": "function", "function": {"name": "click", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "error invalid_argument\nno JSON"},
            {"role": "tool", "tool_call_id": "b", "content": "(nothing)"},
            {"role": "user", "content": [picture, {"type": "text", "text": "Go on."}]},
        ],
        "tools": [{"type": "function", "function":
            {"name": "click", "description": "d", "parameters": {"type": "object"}}}],
    });
    assert_eq!(body("m", &Known::default(), false, &request()), expected);
}

#[test]
fn the_provider_itself_has_its_own_name_for_the_limit() {
    let body = body("m", &Known::default(), true, &request());
    assert_eq!((&body["max_completion_tokens"], body.get("max_tokens")), (&json!(4096), None));
}

#[test]
fn a_model_that_reads_no_images_is_told_once() {
    let known = Known { images: false, ..Known::default() };
    let body = body("m", &known, false, &request()).to_string();
    assert!(!body.contains("image_url"), "{body}");
    assert_eq!(body.matches(NO_IMAGES).count(), 1);
}
