//! A streamed reply of Anthropic's Messages (pure).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{
    conversation::{Said, ToolCall},
    reply::{Broken, Ended, Event, Stop, Usage},
    sse::SseEvent,
};

/// What has come so far. Blocks are found by their index, whose order is theirs.
#[derive(Debug, Default)]
pub(in crate::model) struct Stream {
    blocks: BTreeMap<u64, Said>,
    usage: Usage,
    stop: Option<Stop>,
    ended: bool,
}

impl Stream {
    /// Takes one event. Of types that are not known here nothing is read, not even their data.
    pub(in crate::model) fn event(&mut self, event: &SseEvent) -> Result<Vec<Event>, Broken> {
        if !matches!(
            event.name.as_str(),
            "" | "message_start"
                | "content_block_start"
                | "content_block_delta"
                | "content_block_stop"
                | "message_delta"
                | "message_stop"
                | "error"
        ) {
            return Ok(Vec::new());
        }
        let data: Value = serde_json::from_str(&event.data)
            .map_err(|error| Broken::Format(format!("{}: {error}", event.name)))?;
        let index = data.get("index").and_then(Value::as_u64).unwrap_or(0);
        match text(&data, "/type") {
            "message_start" => self.count(data.pointer("/message/usage")),
            "content_block_start" => {
                if let Some((said, event)) = data.get("content_block").and_then(begun) {
                    self.blocks.insert(index, said);
                    return Ok(event.into_iter().collect());
                }
            }
            "content_block_delta" => {
                let said = self.blocks.get_mut(&index);
                return Ok(said.and_then(|said| more(said, &data)).into_iter().collect());
            }
            "message_delta" => {
                if let Some(reason) = data.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    self.stop = Some(stop(reason));
                }
                self.count(data.get("usage"));
            }
            "message_stop" => self.ended = true,
            "error" => {
                return Err(Broken::Error {
                    kind: text(&data, "/error/type").to_owned(),
                    message: text(&data, "/error/message").to_owned(),
                });
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    /// Whether nothing more will come.
    pub(in crate::model) fn ended(&self) -> bool {
        self.ended
    }

    /// What was used, as far as was told.
    pub(in crate::model) fn usage(&self) -> Usage {
        self.usage
    }

    /// The reply, if it is whole.
    pub(in crate::model) fn end(self) -> Result<Ended, Broken> {
        match self.stop {
            Some(stop) if self.ended => {
                Ok(Ended { said: self.blocks.into_values().collect(), stop, usage: self.usage })
            }
            Some(_) | None => Err(Broken::Cut),
        }
    }

    /// Counts are totals so far, each time anew; what is not told again stays.
    fn count(&mut self, usage: Option<&Value>) {
        let told = |name: &str| usage.and_then(|usage| usage.get(name)).and_then(Value::as_u64);
        for (name, count) in [
            ("input_tokens", &mut self.usage.input),
            ("output_tokens", &mut self.usage.output),
            ("cache_read_input_tokens", &mut self.usage.cache_read),
            ("cache_creation_input_tokens", &mut self.usage.cache_write),
        ] {
            *count = told(name).unwrap_or(*count);
        }
    }
}

/// A block begins. Blocks of types that are not known here are left out with all their parts.
fn begun(block: &Value) -> Option<(Said, Option<Event>)> {
    match text(block, "/type") {
        "text" => {
            let text = text(block, "/text").to_owned();
            let event = (!text.is_empty()).then(|| Event::Text(text.clone()));
            Some((Said::Text { text }, event))
        }
        "thinking" => {
            let text = text(block, "/thinking").to_owned();
            let event = (!text.is_empty()).then(|| Event::Reasoning(text.clone()));
            let signature = self::text(block, "/signature").to_owned();
            Some((Said::Thinking { text, signature }, event))
        }
        "redacted_thinking" => Some((Said::Sealed { data: text(block, "/data").to_owned() }, None)),
        "tool_use" => {
            // The arguments follow in pieces; a server that does not stream them has them here.
            let whole = block.get("input").and_then(Value::as_object);
            let arguments = whole
                .filter(|input| !input.is_empty())
                .map(|input| serde_json::to_string(input).unwrap_or_default());
            let call = ToolCall {
                id: text(block, "/id").to_owned(),
                name: text(block, "/name").to_owned(),
                arguments: arguments.unwrap_or_default(),
            };
            Some((Said::Call(call), None))
        }
        _ => None,
    }
}

/// A block goes on.
fn more(said: &mut Said, data: &Value) -> Option<Event> {
    match (said, text(data, "/delta/type")) {
        (Said::Text { text }, "text_delta") => {
            let more = self::text(data, "/delta/text");
            text.push_str(more);
            Some(Event::Text(more.to_owned()))
        }
        (Said::Thinking { text, .. }, "thinking_delta") => {
            let more = self::text(data, "/delta/thinking");
            text.push_str(more);
            Some(Event::Reasoning(more.to_owned()))
        }
        (Said::Thinking { signature, .. }, "signature_delta") => {
            signature.push_str(text(data, "/delta/signature"));
            None
        }
        (Said::Call(call), "input_json_delta") => {
            call.arguments.push_str(text(data, "/delta/partial_json"));
            None
        }
        _ => None,
    }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "end_turn" | "stop_sequence" => Stop::End,
        "tool_use" => Stop::Tools,
        "max_tokens" => Stop::Length,
        "refusal" => Stop::Refusal,
        "pause_turn" => Stop::Pause,
        "model_context_window_exceeded" => Stop::Window,
        other => Stop::Other(other.to_owned()),
    }
}

/// A text inside; empty if there is none.
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
