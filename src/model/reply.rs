//! What comes back from a model, in no provider's words (pure).

use serde::{Deserialize, Serialize};

use super::conversation::{Context, Said, ToolCall, calls};

/// Tokens of requests. What a provider counts as one is told apart here, so that nothing is counted
/// twice: the whole prompt is `input + cache_read + cache_write`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// How many requests.
    pub requests: u64,
    /// Read at the full price.
    pub input: u64,
    /// Written by the model, thinking included.
    pub output: u64,
    /// Read from the provider's cache.
    pub cache_read: u64,
    /// Put into that cache.
    pub cache_write: u64,
}

impl Usage {
    /// All that was sent.
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            input: self.input + other.input,
            output: self.output + other.output,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
        }
    }
}

/// Why a reply ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model had said all.
    End,
    /// It waits for tools.
    Tools,
    /// The output limit cut it.
    Length,
    /// The model, or a filter of its provider, declines.
    Refusal,
    /// The provider paused a long turn of tools of its own, none of which we offer.
    Pause,
    /// The context window was full before it was done.
    Window,
    /// A reason that was not known when this was written.
    Other(String),
}

/// One thing that happens while a reply comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// More text.
    Text(String),
    /// More of what the model thinks.
    Reasoning(String),
    /// A complete tool call. Comes with the end of the reply: only then it is known not to be cut.
    Call(ToolCall),
    /// What the reply used.
    Usage(Usage),
    /// It ended.
    Stop(Stop),
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What was said, in order. Without a call that was cut off, unsigned thinking, or empty text.
    pub said: Vec<Said>,
    /// Whether a call was cut off and removed.
    pub cut_call: bool,
    /// Why it ended.
    pub stop: Stop,
    /// What it used.
    pub usage: Usage,
    /// What it is a reply to.
    pub context: Context,
}

impl Reply {
    /// The tool calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        calls(&self.said)
    }
}

/// What a stream had said when it ended, before anybody has judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// In order; empty pieces included.
    pub(super) said: Vec<Said>,
    /// Why.
    pub(super) stop: Stop,
    /// What it used.
    pub(super) usage: Usage,
}

impl Ended {
    /// Removes what cannot be sent back or executed.
    pub(super) fn judged(self, context: Context) -> Reply {
        let Self { mut said, mut stop, usage } = self;
        let cut = matches!(stop, Stop::Length | Stop::Window);
        // A cut reply ends in its last call: without arguments, or with half of them.
        let half = |call: &ToolCall| call.arguments.is_empty() || call.arguments().is_err();
        let cut_call = cut && matches!(said.last(), Some(Said::Call(call)) if half(call));
        if cut_call {
            said.pop();
        }
        said.retain(|said| match said {
            Said::Text { text } => !text.trim().is_empty(),
            Said::Thinking { text: _, signature } => !signature.is_empty(),
            Said::Sealed { data } => !data.is_empty(),
            Said::Call(_) => true,
        });
        // Some compatible servers end a reply with calls as any other.
        if stop == Stop::End && calls(&said).next().is_some() {
            stop = Stop::Tools;
        }
        Reply { said, cut_call, stop, usage, context }
    }
}

/// How a stream fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It ended before the reply did.
    #[error("the reply broke off")]
    Cut,
    /// It is not what the provider documents.
    #[error("the reply is not in the provider's format: {0}")]
    Format(String),
    /// More than any reply of ours can be.
    #[error("the reply is longer than any can be")]
    Endless,
    /// The provider said in mid-stream that something went wrong.
    #[error("the provider ended the reply: {kind}: {message}")]
    Error {
        /// Its word for it.
        kind: String,
        /// Its sentence.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::{super::conversation::Conversation, *};

    fn call(arguments: &str) -> Said {
        Said::Call(ToolCall {
            id: "a".to_owned(),
            name: "click".to_owned(),
            arguments: arguments.to_owned(),
        })
    }

    fn text(text: &str) -> Said {
        Said::Text { text: text.to_owned() }
    }

    #[track_caller]
    fn check(said: Vec<Said>, stop: Stop, left: &[Said], cut_call: bool, becomes: Stop) {
        let ended = Ended { said, stop, usage: Usage::default() };
        let reply = ended.judged(Conversation::default().context());
        assert_eq!((&reply.said[..], reply.cut_call, reply.stop), (left, cut_call, becomes));
    }

    #[test]
    fn of_a_cut_reply_only_the_complete_calls_stay() {
        let whole = call(r#"{"x":1}"#);
        for half in ["", r#"{"x""#] {
            let said = vec![whole.clone(), call(half)];
            check(said, Stop::Length, std::slice::from_ref(&whole), true, Stop::Length);
        }
        check(vec![whole.clone()], Stop::Length, &[whole], false, Stop::Length);
    }

    #[test]
    fn malformed_arguments_of_a_whole_reply_are_the_models_own_fault_and_stay() {
        check(vec![call("{oops")], Stop::Tools, &[call("{oops")], false, Stop::Tools);
        check(vec![call("")], Stop::Tools, &[call("")], false, Stop::Tools);
    }

    #[test]
    fn what_cannot_be_sent_back_is_left_out() {
        let thinking = |signature: &str| Said::Thinking {
            text: "hm".to_owned(),
            signature: signature.to_owned(),
        };
        let said = vec![thinking("sig"), text(" \n"), text("Hello"), thinking("")];
        check(said, Stop::End, &[thinking("sig"), text("Hello")], false, Stop::End);
    }

    #[test]
    fn a_reply_with_calls_waits_for_tools_whatever_its_server_calls_that() {
        check(vec![call("{}")], Stop::End, &[call("{}")], false, Stop::Tools);
    }
}
