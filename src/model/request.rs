//! What the model is asked (pure).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    conversation::{Conversation, Part, Said, Turn},
    reply::Usage,
};

/// UTF-8 bytes of about one token.
const BYTES_A_TOKEN: usize = 4;

/// What the tokens are spent on; each is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The loop of a scenario.
    Main,
    /// Proposing cases for pages that the run met. Several at a time.
    Discovery,
}

/// A tool as the model is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// `^[a-zA-Z0-9_-]{1,64}$`.
    pub name: &'static str,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments; an object.
    pub schema: Value,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is for.
    pub scope: Scope,
    /// The system text.
    pub system: String,
    /// The tools on offer, in this order. May be none.
    pub tools: Arc<[Tool]>,
    /// All that was said; the last word is ours.
    pub conversation: Conversation,
    /// Most tokens of the answer, thinking not counted.
    pub max_output_tokens: u32,
    /// Whether the next request will begin with the same words, so that the provider should keep
    /// them.
    pub cache: bool,
    /// What the reply of the last turn used, if nothing before that turn has changed since: the
    /// better part of an estimate.
    pub last: Option<Usage>,
}

impl Request {
    /// About how many tokens this request has (agent.md 7.6): what the last one used, and four bytes a
    /// token of what was added.
    pub fn estimate(&self) -> u64 {
        match (&self.last, self.conversation.turns.last()) {
            (Some(last), Some(turn)) => last.prompt() + last.output + answered(turn),
            (Some(_) | None, _) => self.whole(),
        }
    }

    fn whole(&self) -> u64 {
        let tools = self.tools.iter().map(|tool| {
            tokens(tool.name) + tokens(&tool.description) + tokens(&tool.schema.to_string())
        });
        let turns = self.conversation.turns.iter().map(|turn| {
            let said = turn.said().iter().map(|said| match said {
                Said::Text { text } | Said::Thinking { text, .. } => tokens(text),
                Said::Sealed { data } => tokens(data),
                Said::Call(call) => tokens(&call.name) + tokens(&call.arguments),
            });
            said.sum::<u64>() + answered(turn)
        });
        let first = self.conversation.first.iter().map(part);
        tokens(&self.system) + tools.chain(turns).chain(first).sum::<u64>()
    }
}

/// What we added after an assistant message.
fn answered(turn: &Turn) -> u64 {
    let results = turn.results().iter().map(|result| {
        tokens(&result.text) + result.images.iter().map(super::image::Image::tokens).sum::<u64>()
    });
    results.sum::<u64>() + turn.after.iter().map(part).sum::<u64>()
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(text) => tokens(text),
        Part::Image(image) => image.tokens(),
    }
}

fn tokens(text: &str) -> u64 {
    text.len().div_ceil(BYTES_A_TOKEN) as u64
}

#[cfg(test)]
mod tests {
    use super::{super::conversation::ToolResult, *};

    #[test]
    fn an_estimate_is_the_last_usage_and_what_was_added() {
        let mut request = Request {
            scope: Scope::Main,
            system: "x".repeat(9),
            tools: Arc::new([]),
            conversation: Conversation {
                first: vec![Part::Text("y".repeat(40))],
                turns: Vec::new(),
            },
            max_output_tokens: 100,
            cache: true,
            last: None,
        };
        assert_eq!(request.estimate(), 3 + 10);
        let context = request.conversation.context();
        let call = super::super::conversation::ToolCall {
            id: "a".to_owned(),
            name: "wait".to_owned(),
            arguments: "{}".to_owned(),
        };
        let result = ToolResult::ok("a", "z".repeat(400), Vec::new());
        let turn = Turn::new(vec![Said::Call(call)], context, vec![result], Vec::new()).unwrap();
        request.conversation.turns.push(turn);
        assert_eq!(request.estimate(), 3 + 10 + 2 + 100);
        request.last =
            Some(Usage { input: 5, cache_read: 1000, cache_write: 10, output: 30, requests: 1 });
        assert_eq!(request.estimate(), 1045 + 100);
    }
}
