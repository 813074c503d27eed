//! OpenAI's chat completions as JSON, and those of compatible servers (pure): a request is written
//! here, a reply is read in [`stream`].
//!
//! # Guarantees
//! What the API refuses cannot be written: each call has its tool message right after the assistant's,
//! tool messages are text only (an error's begins with `error CODE`, since there is no flag), and a
//! turn's images stand in one user message after the last of them.

mod stream;

use serde_json::{Map, Value, json};

pub(super) use stream::Stream;

use super::{
    conversation::{Part, Said, ToolCall, Turn},
    image::Image,
    known::Known,
    request::Request,
    wire::{NO_IMAGES, speak},
};

/// The body of a request. The provider's `own` endpoint has another name for the output limit than
/// the compatible servers have.
pub(super) fn body(model: &str, known: &Known, own: bool, request: &Request) -> Value {
    let Request { system, tools, conversation, max_output_tokens, .. } = request;
    let mut messages = Messages::default();
    if !system.trim().is_empty() {
        messages.0.push(json!({"role": "system", "content": system}));
    }
    let mut first: Vec<Value> = parts(&conversation.first, known.images).collect();
    if !known.images {
        first.push(text(NO_IMAGES));
    }
    speak(&mut messages.0, first);
    for turn in &conversation.turns {
        messages.assistant(turn);
        messages.answers(turn, known.images);
    }
    let limit = if own { "max_completion_tokens" } else { "max_tokens" };
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert(limit.to_owned(), json!(max_output_tokens));
    body.insert("stream".to_owned(), json!(true));
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    body.insert("messages".to_owned(), messages.0.into());
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                },
            })
        })
        .collect();
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    Value::Object(body)
}

/// The messages so far.
#[derive(Default)]
struct Messages(Vec<Value>);

impl Messages {
    fn assistant(&mut self, turn: &Turn) {
        if !turn.has_content() {
            return;
        }
        let mut text = String::new();
        let mut calls = Vec::new();
        for said in turn.said() {
            match said {
                Said::Text { text: more } => text.push_str(more),
                Said::Call(call) => calls.push(json!({
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.sendable_name(),
                        "arguments": Value::Object(ToolCall::sendable(call)).to_string(),
                    },
                })),
                Said::Thinking { .. } | Said::Sealed { .. } => {}
            }
        }
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        let text = (!text.trim().is_empty()).then_some(text);
        message.insert("content".to_owned(), text.map_or(Value::Null, Value::String));
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), calls.into());
        }
        self.0.push(Value::Object(message));
    }

    /// The results of a turn, then all their images and what else we say.
    fn answers(&mut self, turn: &Turn, images: bool) {
        let mut after = Vec::new();
        for result in turn.results() {
            self.0.push(json!({
                "role": "tool",
                "tool_call_id": result.call(),
                "content": result.shown(),
            }));
            after.extend(result.images.iter().filter(|_| images).map(picture));
        }
        after.extend(parts(&turn.after, images));
        speak(&mut self.0, after);
    }
}

fn parts(parts: &[Part], images: bool) -> impl Iterator<Item = Value> {
    parts.iter().filter_map(move |part| match part {
        Part::Text(text) if text.trim().is_empty() => None,
        Part::Text(text) => Some(self::text(text)),
        Part::Image(image) => images.then(|| picture(image)),
    })
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn picture(image: &Image) -> Value {
    let url = format!("data:{};base64,{}", image.media_type(), image.base64());
    json!({"type": "image_url", "image_url": {"url": url}})
}

#[cfg(test)]
mod tests;
