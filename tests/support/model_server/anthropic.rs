//! What Anthropic's Messages refuse.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Asked, bad_picture, is_name, unknown};

/// Signs thinking for exactly these messages before it: later models check that.
pub(super) fn signature(before: &[Value]) -> String {
    let mut plain = json!(before);
    forget_marks(&mut plain);
    STANDARD.encode(Sha256::digest(plain.to_string()))
}

fn forget_marks(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("cache_control");
            object.values_mut().for_each(forget_marks);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_marks),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

struct Check {
    found: Vec<String>,
    marks: usize,
    longest: u32,
}

/// Everything that is wrong with a request.
pub(super) fn refused(asked: &Asked) -> Vec<String> {
    let body = &asked.body;
    let images = body.to_string().matches(r#""type":"image""#).count();
    let longest = if images > 20 { 2000 } else { 8000 };
    let mut check = Check { found: Vec::new(), marks: 0, longest };
    if asked.header("anthropic-version") != Some("2023-06-01") {
        check.say("anthropic-version: header is required");
    }
    if body.to_string().len() > 32_000_000 {
        check.say("request_too_large");
    }
    let known = ["model", "max_tokens", "messages", "system", "tools", "stream", "thinking"];
    unknown("body", body, &known, &mut check.found);
    if body["model"].as_str().is_none_or(str::is_empty) {
        check.say("model: Field required");
    }
    let max_tokens = body["max_tokens"].as_u64().unwrap_or(0);
    if !(1..=128_000).contains(&max_tokens) {
        check.say("max_tokens: must be between 1 and 128000");
    }
    check.thinking(body["model"].as_str().unwrap_or_default(), body.get("thinking"), max_tokens);
    check.tools(body.get("tools"));
    match body.get("system") {
        None => {}
        Some(Value::Array(blocks)) => {
            for (at, block) in blocks.iter().enumerate() {
                check.text(&format!("system.{at}"), block);
            }
        }
        Some(_) => check.say("system: Input should be a list of blocks"),
    }
    check.messages(body["messages"].as_array().unwrap_or(&Vec::new()));
    if check.marks > 4 {
        check.say("A maximum of 4 blocks with cache_control may be provided");
    }
    check.found
}

impl Check {
    fn say(&mut self, what: impl Into<String>) {
        self.found.push(what.into());
    }

    fn thinking(&mut self, model: &str, thinking: Option<&Value>, max_tokens: u64) {
        let Some(thinking) = thinking else { return };
        let kind = thinking["type"].as_str().unwrap_or_default();
        let accepted: &[&str] = match model {
            "claude-opus-5-5" | "claude-fable-5-1" => &["adaptive"],
            "claude-sonnet-5-5" => &["adaptive", "between_tools"],
            "claude-haiku-5-5" | "claude-opus-5" | "claude-sonnet-5" => &["adaptive", "disabled"],
            _ => &["disabled", "enabled"],
        };
        if !accepted.contains(&kind) {
            self.say(format!("\"thinking.type.{kind}\" is not supported for this model"));
        }
        let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
        if kind == "enabled" && !(1024..max_tokens).contains(&budget) {
            self.say("thinking.budget_tokens: at least 1024 and less than max_tokens");
        }
        unknown("thinking", thinking, &["type", "budget_tokens"], &mut self.found);
    }

    fn tools(&mut self, tools: Option<&Value>) {
        let mut names = BTreeSet::new();
        for (at, tool) in tools.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let path = format!("tools.{at}");
            let known = ["name", "description", "input_schema", "cache_control"];
            unknown(&path, tool, &known, &mut self.found);
            self.mark(&path, tool);
            let name = tool["name"].as_str().unwrap_or_default();
            if !is_name(name, 64) {
                self.say(format!("{path}.name: String should match pattern"));
            }
            if !names.insert(name.to_owned()) {
                self.say("tools: Tool names must be unique");
            }
            if tool["input_schema"]["type"] != "object" {
                self.say(format!("{path}.input_schema.type: Input should be 'object'"));
            }
        }
    }

    fn mark(&mut self, path: &str, block: &Value) {
        let Some(mark) = block.get("cache_control") else { return };
        self.marks += 1;
        if mark["type"] != "ephemeral" {
            self.say(format!("{path}.cache_control: Input should be 'ephemeral'"));
        }
        let kind = block["type"].as_str().unwrap_or_default();
        if kind.ends_with("thinking") {
            self.say(format!("{path}.cache_control: not for thinking"));
        }
    }

    fn text(&mut self, path: &str, block: &Value) {
        unknown(path, block, &["type", "text", "cache_control"], &mut self.found);
        self.mark(path, block);
        if block["type"] != "text" {
            self.say(format!("{path}.type: Input should be 'text'"));
        }
        if block["text"].as_str().is_none_or(|text| text.trim().is_empty()) {
            self.say(format!("{path}: text content blocks must contain non-whitespace text"));
        }
    }

    fn image(&mut self, path: &str, block: &Value) {
        unknown(path, block, &["type", "source", "cache_control"], &mut self.found);
        self.mark(path, block);
        let source = &block["source"];
        unknown(path, source, &["type", "media_type", "data"], &mut self.found);
        let text = |name: &str| source[name].as_str().unwrap_or_default();
        if let Some(bad) = bad_picture(text("media_type"), text("data"), self.longest) {
            self.say(format!("{path}.source: {bad}"));
        }
    }

    fn messages(&mut self, messages: &[Value]) {
        let role = |message: &Value| message["role"].as_str().unwrap_or_default().to_owned();
        if messages.first().map(role).as_deref() != Some("user") {
            self.say("messages: first message must use the \"user\" role");
        }
        if messages.last().map(role).as_deref() == Some("assistant") {
            self.say("messages: this model does not support assistant message prefill");
        }
        let mut ids = BTreeSet::new();
        let mut open: Vec<String> = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let path = format!("messages.{at}");
            unknown(&path, message, &["role", "content"], &mut self.found);
            let empty = Vec::new();
            let blocks = message["content"].as_array().unwrap_or(&empty);
            if blocks.is_empty() {
                self.say(format!("{path}: all messages must have non-empty content"));
            }
            let by_model = role(message) == "assistant";
            if !by_model && role(message) != "user" {
                self.say(format!("{path}.role: Input should be 'user' or 'assistant'"));
            }
            if by_model || at > 0 && role(&messages[at - 1]) == "assistant" {
                self.answered(&path, &open, if by_model { &[] } else { blocks });
                open.clear();
            }
            for (number, block) in blocks.iter().enumerate() {
                let path = format!("{path}.content.{number}");
                self.block(&path, block, by_model, &messages[..at]);
                if block["type"] == "tool_use" {
                    let id = block["id"].as_str().unwrap_or_default().to_owned();
                    if !ids.insert(id.clone()) {
                        self.say(format!("{path}: `tool_use` ids must be unique"));
                    }
                    open.push(id);
                }
                let is_result = block["type"] == "tool_result";
                if is_result && (at == 0 || role(&messages[at - 1]) != "assistant") {
                    self.say(format!("{path}: unexpected `tool_use_id`: no tool_use before it"));
                }
            }
            let last = blocks.last().and_then(|block| block["type"].as_str()).unwrap_or_default();
            if by_model && last.ends_with("thinking") {
                self.say(format!("{path}: the final block cannot be `thinking`"));
            }
        }
        self.answered("the end", &open, &[]);
    }

    /// Results come first, one for each call of the message before, and for no other.
    fn answered(&mut self, path: &str, open: &[String], blocks: &[Value]) {
        let is_result = |block: &&Value| block["type"] == "tool_result";
        let id = |block: &Value| block["tool_use_id"].as_str().unwrap_or_default().to_owned();
        let first: Vec<_> = blocks.iter().take_while(is_result).map(id).collect();
        let all: Vec<_> = blocks.iter().filter(is_result).map(id).collect();
        if first != all {
            self.say(format!("{path}: tool_result blocks must come first"));
        }
        for id in open {
            if all.iter().filter(|known| *known == id).count() != 1 {
                self.say(format!(
                    "{path}: `tool_use` {id} without one `tool_result` immediately after"
                ));
            }
        }
        for id in all.iter().filter(|id| !open.contains(id)) {
            self.say(format!("{path}: unexpected `tool_use_id` {id}"));
        }
    }

    fn block(&mut self, path: &str, block: &Value, by_model: bool, before: &[Value]) {
        let kind = block["type"].as_str().unwrap_or_default();
        match (kind, by_model) {
            ("text", _) => self.text(path, block),
            ("image", false) => self.image(path, block),
            ("tool_result", false) => self.result(path, block),
            ("tool_use", true) => {
                let known = ["type", "id", "name", "input", "cache_control"];
                unknown(path, block, &known, &mut self.found);
                self.mark(path, block);
                let text = |name: &str| block[name].as_str().unwrap_or_default();
                if !is_name(text("id"), 200) || !is_name(text("name"), 200) {
                    self.say(format!("{path}: id and name should match '^[a-zA-Z0-9_-]+$'"));
                }
                if !block["input"].is_object() {
                    self.say(format!("{path}.input: Input should be a valid dictionary"));
                }
            }
            ("thinking", true) => {
                unknown(path, block, &["type", "thinking", "signature"], &mut self.found);
                if block["signature"] != signature(before).as_str() {
                    self.say(format!("{path}: Invalid `signature` in `thinking` block"));
                }
            }
            ("redacted_thinking", true) => {
                unknown(path, block, &["type", "data"], &mut self.found);
            }
            _ => self.say(format!("{path}: {kind:?} is not allowed here")),
        }
    }

    fn result(&mut self, path: &str, block: &Value) {
        let known = ["type", "tool_use_id", "content", "is_error", "cache_control"];
        unknown(path, block, &known, &mut self.found);
        self.mark(path, block);
        if !block["tool_use_id"].as_str().is_some_and(|id| is_name(id, 200)) {
            self.say(format!("{path}.tool_use_id: String should match '^[a-zA-Z0-9_-]+$'"));
        }
        let empty = Vec::new();
        for (at, part) in block["content"].as_array().unwrap_or(&empty).iter().enumerate() {
            let path = format!("{path}.content.{at}");
            match part["type"].as_str() {
                Some("text") => self.text(&path, part),
                Some("image") if block["is_error"] == true => {
                    self.say(format!(
                        "{path}: all content must be type \"text\" if \"is_error\" is true"
                    ));
                }
                Some("image") => self.image(&path, part),
                _ => self.say(format!("{path}: is not allowed here")),
            }
        }
    }
}
