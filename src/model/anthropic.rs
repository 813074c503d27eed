//! Anthropic's Messages as JSON (pure): a request is written here, a reply is read in [`stream`].
//!
//! # Guarantees
//! What the API refuses cannot be written, whatever the conversation: results stand first in the
//! message after their calls and an error's are text only, no text is empty, at most four cache marks
//! stand on blocks that can have one, ids and names have only signs that are allowed, and signed
//! thinking goes back only after the very words that it followed.

mod stream;

use serde_json::{Map, Value, json};

pub(super) use stream::Stream;

use super::{
    conversation::{Part, Said, ToolCall, Turn},
    image::Image,
    known::{Known, Thinking},
    request::Request,
    wire::{NO_IMAGES, speak},
};

/// Room for thinking where it cannot be turned off: it counts into the same limit as the answer.
const THINKING_ROOM: u32 = 8192;
/// The body of a request.
pub(super) fn body(model: &str, known: &Known, request: &Request) -> Value {
    let Request { system, tools, conversation, max_output_tokens, cache, .. } = request;
    let thinks = known.thinking != Thinking::Disabled;
    let max_tokens = max_output_tokens.saturating_add(if thinks { THINKING_ROOM } else { 0 });
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("max_tokens".to_owned(), json!(max_tokens));
    body.insert("stream".to_owned(), json!(true));
    if let Some(thinking) = thinking(known.thinking) {
        body.insert("thinking".to_owned(), thinking);
    }
    let mut tools: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "name": tool.name,
                "description": tool.description,
                "input_schema": tool.schema,
            })
        })
        .collect();
    let mut system = text(system).into_iter().collect::<Vec<_>>();
    let mut messages = Messages::default();
    let mut first: Vec<Value> = parts(&conversation.first, known.images).collect();
    if !known.images {
        first.extend(text(NO_IMAGES));
    }
    speak(&mut messages.0, first);
    for (turn, unchanged) in conversation.turns.iter().zip(conversation.unchanged()) {
        messages.assistant(turn, unchanged);
        speak(&mut messages.0, answers(turn, known.images));
    }
    let mut messages = messages.0;
    if *cache {
        mark(tools.last_mut());
        mark(system.last_mut());
        mark(messages.first_mut().and_then(last_block));
        if messages.len() > 1 {
            mark(messages.last_mut().and_then(last_block));
        }
    }
    for (name, list) in [("system", system), ("tools", tools), ("messages", messages)] {
        if !list.is_empty() {
            body.insert(name.to_owned(), list.into());
        }
    }
    Value::Object(body)
}

fn thinking(thinking: Thinking) -> Option<Value> {
    match thinking {
        Thinking::Disabled => Some(json!({"type": "disabled"})),
        Thinking::BetweenTools => Some(json!({"type": "between_tools"})),
        Thinking::Adaptive => Some(json!({"type": "adaptive"})),
        Thinking::Unsaid => None,
    }
}

/// The messages so far: roles take turns.
#[derive(Default)]
struct Messages(Vec<Value>);

impl Messages {
    fn assistant(&mut self, turn: &Turn, unchanged: bool) {
        if !turn.has_content() {
            return;
        }
        let mut blocks: Vec<Value> =
            turn.said().iter().filter_map(|said| block(said, unchanged)).collect();
        // A message must not end with thinking.
        let is_thinking = |block: &Value| {
            let kind = block.get("type").and_then(Value::as_str);
            matches!(kind, Some("thinking" | "redacted_thinking"))
        };
        while blocks.last().is_some_and(is_thinking) {
            blocks.pop();
        }
        self.0.push(json!({"role": "assistant", "content": blocks}));
    }
}

fn block(said: &Said, unchanged: bool) -> Option<Value> {
    match said {
        Said::Text { text } => self::text(text),
        Said::Thinking { text, signature } => {
            unchanged.then(|| json!({"type": "thinking", "thinking": text, "signature": signature}))
        }
        Said::Sealed { data } => {
            unchanged.then(|| json!({"type": "redacted_thinking", "data": data}))
        }
        Said::Call(call) => Some(json!({
            "type": "tool_use",
            "id": id(&call.id),
            "name": call.sendable_name(),
            "input": ToolCall::sendable(call),
        })),
    }
}

/// The results of a turn, images of errors after all of them, and what else we say.
fn answers(turn: &Turn, images: bool) -> Vec<Value> {
    let mut late = Vec::new();
    let mut blocks = Vec::new();
    for result in turn.results() {
        let mut content: Vec<Value> = text(result.shown()).into_iter().collect();
        let pictures = result.images.iter().filter(|_| images).map(picture);
        if result.is_error() {
            late.extend(pictures);
        } else {
            content.extend(pictures);
        }
        let mut block = json!({
            "type": "tool_result",
            "tool_use_id": id(result.call()),
            "content": content,
        });
        if let (true, Some(block)) = (result.is_error(), block.as_object_mut()) {
            block.insert("is_error".to_owned(), json!(true));
        }
        blocks.push(block);
    }
    blocks.extend(late);
    blocks.extend(parts(&turn.after, images));
    blocks
}

fn parts(parts: &[Part], images: bool) -> impl Iterator<Item = Value> {
    parts.iter().filter_map(move |part| match part {
        Part::Text(text) => self::text(text),
        Part::Image(image) => images.then(|| picture(image)),
    })
}

fn text(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn picture(image: &Image) -> Value {
    json!({
        "type": "image",
        "source": {
            "type": "base64",
            "media_type": image.media_type(),
            "data": image.base64(),
        },
    })
}

/// Ids come from the provider and go back unchanged, unless a compatible server made a strange one.
fn id(id: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id: String = id.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    if id.is_empty() { "_".to_owned() } else { id }
}

fn last_block(message: &mut Value) -> Option<&mut Value> {
    message.get_mut("content").and_then(Value::as_array_mut).and_then(|blocks| blocks.last_mut())
}

fn mark(block: Option<&mut Value>) {
    if let Some(block) = block.and_then(Value::as_object_mut) {
        block.insert("cache_control".to_owned(), json!({"type": "ephemeral"}));
    }
}

#[cfg(test)]
mod tests;
