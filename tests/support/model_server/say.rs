//! A reply in no provider's words, and as a stream in each one's.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::anthropic::signature;

/// What the model says.
#[derive(Clone, Debug, Default)]
pub struct Say {
    thinking: Option<String>,
    text: String,
    /// Id, name, arguments as JSON text.
    calls: Vec<(String, String, String)>,
    /// In Anthropic's words; by what is said if not given.
    stop: Option<&'static str>,
    /// Input, output, read from the cache, written to it.
    usage: (u64, u64, u64, u64),
}

impl Say {
    /// A reply of text.
    pub fn text(text: &str) -> Self {
        Self { text: text.to_owned(), usage: (100, 20, 1000, 50), ..Self::default() }
    }

    /// A reply that calls a tool.
    pub fn call(id: &str, name: &str, arguments: &Value) -> Self {
        Self::text("").and_call(id, name, &arguments.to_string())
    }

    /// One call more, with arguments as they are.
    #[must_use]
    pub fn and_call(mut self, id: &str, name: &str, arguments: &str) -> Self {
        self.calls.push((id.to_owned(), name.to_owned(), arguments.to_owned()));
        self
    }

    /// With thinking before it, which is signed on the wire that signs.
    #[must_use]
    pub fn thinking(mut self, text: &str) -> Self {
        self.thinking = Some(text.to_owned());
        self
    }

    /// Ends for this reason: `end_turn`, `tool_use`, `max_tokens`, `refusal`,
    /// `model_context_window_exceeded`.
    #[must_use]
    pub fn stop(mut self, reason: &'static str) -> Self {
        self.stop = Some(reason);
        self
    }

    /// Used so many tokens: input, output, read from the cache, written to it.
    #[must_use]
    pub fn used(mut self, input: u64, output: u64, cache_read: u64, cache_write: u64) -> Self {
        self.usage = (input, output, cache_read, cache_write);
        self
    }

    fn reason(&self) -> &'static str {
        self.stop.unwrap_or(if self.calls.is_empty() { "end_turn" } else { "tool_use" })
    }

    /// As Anthropic streams it in answer to `body`, with pings and events that nobody knows.
    pub(super) fn anthropic(&self, body: &Value) -> String {
        let (input, output, cache_read, cache_write) = self.usage;
        let mut stream = String::new();
        let mut event = |data: Value| {
            let name = data["type"].as_str().unwrap();
            write!(stream, "event: {name}\ndata: {data}\n\n").unwrap();
        };
        event(json!({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "content": [],
            "model": body["model"], "stop_reason": null,
            "usage": {"input_tokens": input, "cache_read_input_tokens": cache_read,
                "cache_creation_input_tokens": cache_write, "output_tokens": 1},
        }}));
        event(json!({"type": "ping"}));
        let mut index = 0;
        let mut block = |start: Value, deltas: Vec<Value>| {
            event(json!({"type": "content_block_start", "index": index, "content_block": start}));
            for delta in deltas {
                event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            event(json!({"type": "news_of_the_future", "index": index, "delta": 7}));
            event(json!({"type": "content_block_stop", "index": index}));
            index += 1;
        };
        if let Some(thinking) = &self.thinking {
            let mut deltas =
                pieces(thinking, |text| json!({"type": "thinking_delta", "thinking": text}));
            deltas.push(json!({"type": "signature_delta", "signature": signature(body["messages"].as_array().unwrap())}));
            block(json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
        }
        if !self.text.is_empty() {
            let deltas = pieces(&self.text, |text| json!({"type": "text_delta", "text": text}));
            block(json!({"type": "text", "text": ""}), deltas);
        }
        for (id, name, arguments) in &self.calls {
            let deltas =
                pieces(arguments, |text| json!({"type": "input_json_delta", "partial_json": text}));
            block(json!({"type": "tool_use", "id": id, "name": name, "input": {}}), deltas);
        }
        event(
            json!({"type": "message_delta", "delta": {"stop_reason": self.reason(), "stop_sequence": null},
            "usage": {"output_tokens": output}}),
        );
        event(json!({"type": "message_stop"}));
        stream
    }

    /// As OpenAI and compatible servers stream it.
    pub(super) fn openai(&self) -> String {
        let (input, output, cache_read, cache_write) = self.usage;
        let mut stream = String::from(": keep-alive\n\n");
        let mut chunk = |choices: Value, usage: Value| {
            let data = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m",
                "choices": choices, "usage": usage});
            write!(stream, "data: {data}\n\n").unwrap();
        };
        let mut delta = |delta: Value, finish: Value| {
            chunk(
                json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]),
                Value::Null,
            );
        };
        delta(json!({"role": "assistant", "content": null}), Value::Null);
        for piece in self
            .thinking
            .iter()
            .flat_map(|text| pieces(text, |text| json!({"reasoning_content": text})))
        {
            delta(piece, Value::Null);
        }
        for piece in pieces(&self.text, |text| json!({"content": text})) {
            delta(piece, Value::Null);
        }
        for (index, (id, name, arguments)) in self.calls.iter().enumerate() {
            delta(
                json!({"tool_calls": [{"index": index, "id": id, "type": "function",
                "function": {"name": name, "arguments": ""}}]}),
                Value::Null,
            );
            for piece in pieces(
                arguments,
                |text| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]}),
            ) {
                delta(piece, Value::Null);
            }
        }
        let finish = match self.reason() {
            "end_turn" => "stop",
            "tool_use" => "tool_calls",
            "max_tokens" => "length",
            "refusal" => "content_filter",
            other => other,
        };
        delta(json!({}), json!(finish));
        let prompt = input + cache_read + cache_write;
        chunk(
            json!([]),
            json!({"prompt_tokens": prompt, "completion_tokens": output,
            "total_tokens": prompt + output, "prompt_tokens_details": {"cached_tokens": cache_read}}),
        );
        stream.push_str("data: [DONE]\n\n");
        stream
    }
}

/// A text in pieces of a few characters.
fn pieces(text: &str, piece: impl Fn(&str) -> Value) -> Vec<Value> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(7).map(|chars| piece(&chars.iter().collect::<String>())).collect()
}
