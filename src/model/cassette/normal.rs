//! Requests and replies without what differs from run to run (pure).

use std::{collections::HashMap, fmt::Write as _, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    model::{
        conversation::{Part, Said, ToolCall, ToolResult},
        image::Image,
        request::Request,
    },
    redact::Redactor,
};

/// Bytes of a digest that are kept: enough to tell two texts apart.
const DIGEST: usize = 8;

/// What ids of calls become.
#[derive(Debug)]
pub(super) enum Ids {
    /// `call-1`, `call-2`, … by their first appearance: while recording.
    Numbered(HashMap<String, String>),
    /// What they are: they come from a cassette.
    Kept,
}

impl Ids {
    fn masked(&mut self, id: &str) -> String {
        match self {
            Self::Numbered(known) => {
                let next = known.len() + 1;
                known.entry(id.to_owned()).or_insert_with(|| format!("call-{next}")).clone()
            }
            Self::Kept => id.to_owned(),
        }
    }
}

/// A request as it is compared.
pub(super) fn normalised(
    request: &Request,
    model: &str,
    ids: &mut Ids,
    redactor: &Redactor,
) -> Value {
    let Request { scope: _, system, tools, conversation, max_output_tokens, cache: _, last: _ } =
        request;
    let text = |text: &str| masked(&redactor.base(text));
    let parts = |parts: &[Part]| -> Vec<Value> {
        let one = |part: &Part| match part {
            Part::Text(said) => json!(text(said)),
            Part::Image(image) => json!({"image": by_hash(image)}),
        };
        parts.iter().map(one).collect()
    };
    let mut turns = Vec::new();
    for turn in &conversation.turns {
        let said: Vec<Value> = turn
            .said()
            .iter()
            .map(|said| match said {
                Said::Text { text: said } => json!(text(said)),
                Said::Thinking { text: _, signature } => json!({"thinking": digest(signature)}),
                Said::Sealed { data } => json!({"sealed": digest(data)}),
                Said::Call(ToolCall { id, name, arguments }) => json!({
                    "call": ids.masked(id),
                    "name": name,
                    "arguments": text(&redacted_json(arguments, redactor)),
                }),
            })
            .collect();
        let result = |result: &ToolResult, ids: &mut Ids| {
            let mut shown = json!({
                "of": ids.masked(result.call()),
                "error": result.is_error(),
                "text": text(&result.text),
            });
            if let (false, Some(shown)) = (result.images.is_empty(), shown.as_object_mut()) {
                let images: Vec<_> = result.images.iter().map(by_hash).collect();
                shown.insert("images".to_owned(), json!(images));
            }
            shown
        };
        let results: Vec<Value> = turn.results().iter().map(|one| result(one, ids)).collect();
        turns.push(json!({"said": said, "results": results, "after": parts(&turn.after)}));
    }
    // Schemas are long and the same in every line: their digests tell which one changed.
    let tools: Map<String, Value> = tools
        .iter()
        .map(|tool| {
            let all = format!("{}\n{}", tool.description, tool.schema);
            (tool.name.to_owned(), json!(digest(&all)))
        })
        .collect();
    json!({
        "model": model,
        "max_output_tokens": max_output_tokens,
        "system": text(system),
        "tools": tools,
        "first": parts(&conversation.first),
        "turns": turns,
    })
}

/// A reply as it is stored: what it says is executed again, so that only ids and secrets are masked.
/// What a provider signed stays: changed it would be worth nothing.
pub(super) fn masked_reply(said: &[Said], ids: &mut Ids, redactor: &Redactor) -> Vec<Said> {
    said.iter()
        .map(|said| match said {
            Said::Text { text } => Said::Text { text: redactor.base(text) },
            Said::Thinking { text, signature } => {
                Said::Thinking { text: redactor.base(text), signature: signature.clone() }
            }
            Said::Sealed { data } => Said::Sealed { data: data.clone() },
            Said::Call(ToolCall { id, name, arguments }) => Said::Call(ToolCall {
                id: ids.masked(id),
                name: name.clone(),
                arguments: redacted_json(arguments, redactor),
            }),
        })
        .collect()
}

/// Arguments with each of their texts redacted; as a whole they might be JSON no more.
fn redacted_json(text: &str, redactor: &Redactor) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return redactor.base(text) };
    redact_inside(&mut value, redactor);
    value.to_string()
}

fn redact_inside(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => *text = redactor.base(text),
        Value::Array(list) => list.iter_mut().for_each(|one| redact_inside(one, redactor)),
        Value::Object(object) => object.values_mut().for_each(|one| redact_inside(one, redactor)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn by_hash(image: &Image) -> String {
    format!("{} sha256:{}", image.media_type(), image.sha256())
}

fn digest(text: &str) -> String {
    let mut shown = String::new();
    for byte in Sha256::digest(text).into_iter().take(DIGEST) {
        write!(shown, "{byte:02x}").ok();
    }
    shown
}

/// Replaces times, durations, ids and ports of this machine: a second run has others.
fn masked(text: &str) -> String {
    static MASKS: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        [
            (
                r"(?i-u:\b)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?-u:\b)",
                "<uuid>",
            ),
            (r"(?-u:\b)[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}(?-u:\b)", "<ulid>"),
            (
                r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
                "<time>",
            ),
            (r"(?-u:\b)[0-9]+(?:\.[0-9]+)? ?(?:ms|s)(?-u:\b)", "<duration>"),
            (r"(?P<host>127\.0\.0\.1|localhost|\[::1\]):[0-9]{4,5}(?-u:\b)", "$host:<port>"),
        ]
        .map(|(pattern, by)| (compiled(pattern), by))
    });
    MASKS
        .iter()
        .fold(text.to_owned(), |text, (pattern, by)| pattern.replace_all(&text, *by).into_owned())
}

#[expect(clippy::expect_used, reason = "the patterns are constants; a test compiles each of them")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern compiles")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{redact::Registered, secret::Secret};

    #[test]
    fn what_differs_from_run_to_run_is_masked() {
        for (text, expected) in [
            ("at 2026-11-22T06:30:00.123Z", "at <time>"),
            ("since 2026-11-22 06:30", "since <time>"),
            ("waited 412 ms, then 1.5s", "waited <duration>, then <duration>"),
            ("run 01jd8zq3v5x4y2k7m9n1p3r5t7", "run <ulid>"),
            ("id 3f2a5b1c-0000-4000-8000-0123456789ab.", "id <uuid>."),
            (
                "http://127.0.0.1:43121/x http://[::1]:8080",
                "http://127.0.0.1:<port>/x http://[::1]:<port>",
            ),
            ("$ 12.50, 3 items, e12", "$ 12.50, 3 items, e12"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn arguments_stay_json_when_a_secret_is_taken_out() {
        let secret = Registered { value: Secret::new("hunter2".to_owned()), placeholder: None };
        let redactor = Redactor::new(vec![secret]);
        let said = redacted_json(r#"{"url":"https://u:p@x/","text":["hunter2"],"n":1}"#, &redactor);
        assert_eq!(said, r#"{"url":"https://[redacted]@x/","text":["[redacted]"],"n":1}"#);
        assert_eq!(redacted_json("{hunter2", &redactor), "{[redacted]");
    }

    #[test]
    fn ids_are_numbered_by_their_first_appearance() {
        let mut ids = Ids::Numbered(HashMap::new());
        let masked = ["toolu_9", "x", "toolu_9"].map(|id| ids.masked(id));
        assert_eq!(masked, ["call-1", "call-2", "call-1"]);
    }
}
