//! A streamed chat completion (pure).

use serde_json::Value;

use crate::model::{
    conversation::{Said, ToolCall},
    reply::{Broken, Ended, Event, Stop, Usage},
    sse::SseEvent,
};

/// What has come so far.
#[derive(Debug, Default)]
pub(in crate::model) struct Stream {
    text: String,
    calls: Vec<Piece>,
    refused: bool,
    usage: Usage,
    stop: Option<Stop>,
    done: bool,
}

/// A call that comes in pieces.
#[derive(Debug)]
struct Piece {
    /// By which pieces are told apart; some servers send none, and each call whole.
    index: Option<u64>,
    call: ToolCall,
}

impl Stream {
    /// Takes one event.
    pub(in crate::model) fn event(&mut self, event: &SseEvent) -> Result<Vec<Event>, Broken> {
        if event.data.trim() == "[DONE]" {
            self.done = true;
            return Ok(Vec::new());
        }
        // Events with a name are extensions; an error is one wherever it stands.
        if !matches!(event.name.as_str(), "" | "message" | "error") {
            return Ok(Vec::new());
        }
        let data: Value =
            serde_json::from_str(&event.data).map_err(|error| Broken::Format(error.to_string()))?;
        if let Some(error) = data.get("error").filter(|error| !error.is_null()) {
            return Err(failed(error));
        }
        self.count(data.get("usage"));
        // One choice was asked for; the last piece has none.
        let Some(choice) = data.pointer("/choices/0") else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        for (pointer, is_text) in [
            ("/delta/reasoning_content", false),
            ("/delta/reasoning", false),
            ("/delta/content", true),
            ("/delta/refusal", true),
        ] {
            let more = text(choice, pointer);
            if more.is_empty() {
                continue;
            }
            if is_text {
                self.text.push_str(more);
                self.refused |= pointer == "/delta/refusal";
                events.push(Event::Text(more.to_owned()));
            } else {
                events.push(Event::Reasoning(more.to_owned()));
            }
        }
        let pieces = choice.pointer("/delta/tool_calls").and_then(Value::as_array);
        pieces.into_iter().flatten().for_each(|piece| self.piece(piece));
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.stop = Some(stop(reason));
        }
        Ok(events)
    }

    /// Whether nothing more will come.
    pub(in crate::model) fn ended(&self) -> bool {
        self.done
    }

    /// What was used, as far as was told.
    pub(in crate::model) fn usage(&self) -> Usage {
        self.usage
    }

    /// The reply, if it is whole. Some servers hang up without the last word, `[DONE]`.
    pub(in crate::model) fn end(self) -> Result<Ended, Broken> {
        let Some(stop) = self.stop else { return Err(Broken::Cut) };
        let mut said = Vec::new();
        if !self.text.is_empty() {
            said.push(Said::Text { text: self.text });
        }
        let mut ids: Vec<String> = Vec::new();
        for (at, Piece { mut call, .. }) in self.calls.into_iter().enumerate() {
            if call.id.is_empty() || ids.contains(&call.id) {
                call.id = format!("call_{at}_{}", call.id);
            }
            ids.push(call.id.clone());
            said.push(Said::Call(call));
        }
        let refused = self.refused && stop == Stop::End;
        let stop = if refused { Stop::Refusal } else { stop };
        Ok(Ended { said, stop, usage: self.usage })
    }

    /// A call goes on, or begins: with a new index, or without any with a new id.
    fn piece(&mut self, piece: &Value) {
        let index = piece.get("index").and_then(Value::as_u64);
        let id = text(piece, "/id");
        let at = self.calls.iter().rposition(|known| match index {
            Some(_) => known.index == index,
            None => id.is_empty() || known.call.id == id,
        });
        let at = at.unwrap_or_else(|| {
            let call =
                ToolCall { id: id.to_owned(), name: String::new(), arguments: String::new() };
            self.calls.push(Piece { index, call });
            self.calls.len() - 1
        });
        let Some(Piece { call, .. }) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        // Servers send the name once, or the same one with every piece.
        if call.name.is_empty() {
            text(piece, "/function/name").clone_into(&mut call.name);
        }
        match piece.pointer("/function/arguments") {
            Some(Value::String(more)) => call.arguments.push_str(more),
            // Some compatible servers send an object instead of its text.
            Some(whole @ Value::Object(_)) => call.arguments = whole.to_string(),
            Some(_) | None => {}
        }
    }

    /// What was read from the cache is part of what this provider calls the prompt.
    fn count(&mut self, usage: Option<&Value>) {
        let told =
            |pointer: &str| usage.and_then(|usage| usage.pointer(pointer)).and_then(Value::as_u64);
        if let Some(prompt) = told("/prompt_tokens") {
            let cached = told("/prompt_tokens_details/cached_tokens").unwrap_or(0).min(prompt);
            self.usage.input = prompt - cached;
            self.usage.cache_read = cached;
        }
        if let Some(output) = told("/completion_tokens") {
            self.usage.output = output;
        }
    }
}

/// An error in mid-stream: an object, or some servers' mere text.
fn failed(error: &Value) -> Broken {
    let kind = [text(error, "/code"), text(error, "/type"), "error"];
    let kind = kind.into_iter().find(|kind| !kind.is_empty()).unwrap_or_default();
    let message = error.as_str().unwrap_or_else(|| text(error, "/message"));
    Broken::Error { kind: kind.to_owned(), message: message.to_owned() }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "stop" => Stop::End,
        "tool_calls" | "function_call" => Stop::Tools,
        "length" => Stop::Length,
        "content_filter" => Stop::Refusal,
        other => Stop::Other(other.to_owned()),
    }
}

/// A text inside; empty if there is none.
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
