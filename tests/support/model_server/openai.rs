//! What OpenAI's chat completions refuse.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Asked, bad_picture, is_name, unknown};

/// Everything that is wrong with a request.
pub(super) fn refused(asked: &Asked) -> Vec<String> {
    let mut check = Check(Vec::new());
    let body = &asked.body;
    if !asked.path.ends_with("/chat/completions") {
        check.say(format!("{}: no such path", asked.path));
    }
    // As a compatible server: it does not know the provider's newer name for the limit.
    let known = ["model", "messages", "tools", "stream", "stream_options", "max_tokens"];
    unknown("body", body, &known, &mut check.0);
    if body["model"].as_str().is_none_or(str::is_empty) {
        check.say("you must provide a model parameter");
    }
    if body["max_tokens"].as_u64().unwrap_or(0) == 0 {
        check.say("max_tokens: must be at least 1");
    }
    if body["stream"] != true || body["stream_options"]["include_usage"] != true {
        check.say("without stream_options.include_usage nobody hears what it costs");
    }
    let mut names = BTreeSet::new();
    for (at, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        let path = format!("tools[{at}]");
        unknown(&path, tool, &["type", "function"], &mut check.0);
        let function = &tool["function"];
        unknown(&path, function, &["name", "description", "parameters"], &mut check.0);
        let name = function["name"].as_str().unwrap_or_default();
        if tool["type"] != "function" || !is_name(name, 64) || !names.insert(name) {
            check.say(format!("{path}: type, or name {name:?}"));
        }
        if function["parameters"]["type"] != "object" {
            check.say(format!("{path}: schema must be of type object"));
        }
    }
    check.messages(body["messages"].as_array().unwrap_or(&Vec::new()));
    check.0
}

struct Check(Vec<String>);

impl Check {
    fn say(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    fn messages(&mut self, messages: &[Value]) {
        if messages.is_empty() {
            self.say("messages: [] is too short");
        }
        let mut open: Vec<&str> = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let path = format!("messages[{at}]");
            let role = message["role"].as_str().unwrap_or_default();
            if role != "tool" && !open.is_empty() {
                self.say(format!("{path}: tool_call_ids without response messages: {open:?}"));
                open.clear();
            }
            match role {
                "system" => {
                    unknown(&path, message, &["role", "content"], &mut self.0);
                    if at > 0 || message["content"].as_str().is_none_or(str::is_empty) {
                        self.say(format!("{path}: a system text stands first and has words"));
                    }
                }
                "user" => self.user(&path, message),
                "assistant" => {
                    open = self.assistant(&path, message);
                    if at + 1 == messages.len() {
                        self.say(format!("{path}: nothing follows"));
                    }
                }
                "tool" => {
                    unknown(&path, message, &["role", "content", "tool_call_id"], &mut self.0);
                    let id = message["tool_call_id"].as_str().unwrap_or_default();
                    match open.iter().position(|known| *known == id) {
                        Some(found) => drop(open.remove(found)),
                        None => self.say(format!("{path}: no preceding tool_calls has {id:?}")),
                    }
                    if message["content"].as_str().is_none_or(|text| text.trim().is_empty()) {
                        self.say(format!("{path}: content of a tool message is text"));
                    }
                }
                other => self.say(format!("{path}: role {other:?}")),
            }
        }
        if !open.is_empty() {
            self.say(format!("tool_call_ids without response messages: {open:?}"));
        }
    }

    fn user(&mut self, path: &str, message: &Value) {
        unknown(path, message, &["role", "content"], &mut self.0);
        let empty = Vec::new();
        let parts = message["content"].as_array().unwrap_or(&empty);
        if parts.is_empty() {
            self.say(format!("{path}: empty content"));
        }
        for (at, part) in parts.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            match part["type"].as_str() {
                Some("text") => {
                    unknown(&path, part, &["type", "text"], &mut self.0);
                    if part["text"].as_str().is_none_or(|text| text.trim().is_empty()) {
                        self.say(format!("{path}: empty text"));
                    }
                }
                Some("image_url") => {
                    unknown(&path, part, &["type", "image_url"], &mut self.0);
                    let url = part["image_url"]["url"].as_str().unwrap_or_default();
                    let picture = url
                        .strip_prefix("data:")
                        .and_then(|rest| rest.split_once(";base64,"))
                        .map(|(media_type, data)| bad_picture(media_type, data, 8000));
                    match picture {
                        None => self.say(format!("{path}: no data URL")),
                        Some(Some(bad)) => self.say(format!("{path}: {bad}")),
                        Some(None) => {}
                    }
                }
                _ => self.say(format!("{path}: unknown part")),
            }
        }
    }

    /// The ids of its calls.
    fn assistant<'m>(&mut self, path: &str, message: &'m Value) -> Vec<&'m str> {
        unknown(path, message, &["role", "content", "tool_calls"], &mut self.0);
        let calls = message.get("tool_calls").and_then(Value::as_array);
        if calls.is_some_and(Vec::is_empty) {
            self.say(format!("{path}.tool_calls: [] is too short"));
        }
        let content = &message["content"];
        let words = content.as_str().is_some_and(|text| !text.trim().is_empty());
        let fine = words || content.is_null() && calls.is_some();
        if !fine {
            self.say(format!("{path}.content: expected a text, or tool calls"));
        }
        let mut ids = Vec::new();
        for call in calls.into_iter().flatten() {
            unknown(path, call, &["id", "type", "function"], &mut self.0);
            let function = &call["function"];
            unknown(path, function, &["name", "arguments"], &mut self.0);
            let id = call["id"].as_str().unwrap_or_default();
            if id.is_empty() || ids.contains(&id) || call["type"] != "function" {
                self.say(format!("{path}: id {id:?} or type of a call"));
            }
            if !is_name(function["name"].as_str().unwrap_or_default(), 64) {
                self.say(format!("{path}: name of a call"));
            }
            let arguments = function["arguments"].as_str().unwrap_or_default();
            if !serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object()) {
                self.say(format!("{path}: arguments {arguments:?} are no object"));
            }
            ids.push(id);
        }
        ids
    }
}
