//! What was said so far, in no provider's words (pure).
//!
//! # Guarantees
//! - Every tool call of an assistant message has its result in the message right after it, in the
//!   order of the calls: [`Turn::new`] accepts nothing else, so no wire can get the pairing wrong.
//! - After every assistant message somebody else speaks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::image::Image;

/// One piece of what we say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text. Without anything but blanks it is left out.
    Text(String),
    /// A picture.
    Image(Image),
}

/// One piece of what the model said. It goes back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// Text.
    Text {
        /// As it came.
        text: String,
    },
    /// Thinking that its provider signed, and takes back only unchanged.
    Thinking {
        /// May be empty while the signature is not.
        text: String,
        /// The provider's.
        signature: String,
    },
    /// Thinking that only its provider can read.
    Sealed {
        /// The provider's.
        data: String,
    },
    /// A tool call.
    Call(ToolCall),
}

/// The model wants a tool called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call in its result; unique in its message.
    pub id: String,
    /// As the model wrote it: there may be no such tool.
    pub name: String,
    /// JSON as the model wrote it: it may not parse. Empty stands for no arguments.
    pub arguments: String,
}

/// Arguments that are no JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadArguments {
    /// No JSON at all.
    #[error("the arguments are no JSON: {0}")]
    Syntax(String),
    /// JSON, but a list, a text and so on.
    #[error("the arguments must be a JSON object")]
    NoObject,
}

impl ToolCall {
    /// The arguments as an object.
    ///
    /// # Errors
    /// If the model wrote something else.
    pub fn arguments(&self) -> Result<Map<String, Value>, BadArguments> {
        if self.arguments.trim().is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_str(&self.arguments) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(BadArguments::NoObject),
            Err(error) => Err(BadArguments::Syntax(error.to_string())),
        }
    }

    /// The arguments for sending back: always an object, since providers refuse anything else. What
    /// does not parse is shown to the model as it wrote it.
    pub(super) fn sendable(&self) -> Map<String, Value> {
        self.arguments().unwrap_or_else(|_| {
            let text = Value::String(self.arguments.clone());
            Map::from_iter([("malformed_arguments".to_owned(), text)])
        })
    }

    /// The name for sending back: what the model made up may have signs that no tool can have.
    pub(super) fn sendable_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = self.name.chars().take(64).map(plain).collect();
        if name.is_empty() { "_".to_owned() } else { name }
    }
}

/// What became of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    call: String,
    error: bool,
    /// What the model reads; `error CODE` first if it failed.
    pub text: String,
    /// What it sees. Those of errors follow after all results, as providers want it.
    pub images: Vec<Image>,
}

impl ToolResult {
    /// The call with this id did what it should.
    pub fn ok(call: impl Into<String>, text: impl Into<String>, images: Vec<Image>) -> Self {
        Self { call: call.into(), error: false, text: text.into(), images }
    }

    /// The call with this id failed. The text begins with `error CODE`, put there if it does not.
    pub fn error(
        call: impl Into<String>,
        code: &str,
        text: impl Into<String>,
        images: Vec<Image>,
    ) -> Self {
        let mut text: String = text.into();
        if !text.starts_with(&format!("error {code}")) {
            text = format!("error {code}\n{text}");
        }
        Self { call: call.into(), error: true, text, images }
    }

    /// The id of its call.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Whether the call failed.
    pub fn is_error(&self) -> bool {
        self.error
    }

    /// Its text, never empty.
    pub(super) fn shown(&self) -> &str {
        if self.text.trim().is_empty() { "(nothing)" } else { &self.text }
    }
}

/// What a conversation was when the model spoke: signed thinking is valid after exactly that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context([u8; 32]);

/// An assistant message and what we answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    said: Vec<Said>,
    context: Context,
    results: Vec<ToolResult>,
    /// What else we say after the results, a reminder for example.
    pub after: Vec<Part>,
}

/// Calls and results that do not belong together: a defect of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpaired {
    /// A call without a result.
    #[error("no result for the call {0}")]
    Missing(String),
    /// A result without a call, or a second one.
    #[error("a result for {0}, which was not called")]
    Stray(String),
    /// Nobody would speak after the model.
    #[error("nothing follows what the model said")]
    Unanswered,
}

impl Turn {
    /// The model said this after `context`, and these are the results of its calls, in any order.
    ///
    /// # Errors
    /// If calls and results do not pair.
    pub fn new(
        said: Vec<Said>,
        context: Context,
        mut results: Vec<ToolResult>,
        after: Vec<Part>,
    ) -> Result<Self, Unpaired> {
        let mut ordered = Vec::new();
        for call in calls(&said) {
            let found = results.iter().position(|result| result.call == call.id);
            let at = found.ok_or_else(|| Unpaired::Missing(call.id.clone()))?;
            ordered.push(results.remove(at));
        }
        if let Some(stray) = results.first() {
            return Err(Unpaired::Stray(stray.call.clone()));
        }
        if ordered.is_empty() && after.iter().all(Part::is_blank) {
            return Err(Unpaired::Unanswered);
        }
        Ok(Self { said, context, results: ordered, after })
    }

    /// What the model said.
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// The results, in the order of the calls.
    pub fn results(&self) -> &[ToolResult] {
        &self.results
    }

    /// The results, whose texts and images may be replaced by shorter ones.
    pub fn results_mut(&mut self) -> &mut [ToolResult] {
        &mut self.results
    }

    /// Whether the model said anything that can be sent back: thinking alone cannot.
    pub(super) fn has_content(&self) -> bool {
        self.said.iter().any(|said| match said {
            Said::Text { text } => !text.trim().is_empty(),
            Said::Call(_) => true,
            Said::Thinking { .. } | Said::Sealed { .. } => false,
        })
    }
}

/// The calls in what the model said.
pub fn calls(said: &[Said]) -> impl Iterator<Item = &ToolCall> {
    said.iter().filter_map(|said| match said {
        Said::Call(call) => Some(call),
        Said::Text { .. } | Said::Thinking { .. } | Said::Sealed { .. } => None,
    })
}

impl Part {
    fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Image(_) => false,
        }
    }
}

/// All that was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// The first user message.
    pub first: Vec<Part>,
    /// What followed.
    pub turns: Vec<Turn>,
}

impl Conversation {
    /// What it is now: a reply to it belongs after exactly this.
    pub fn context(&self) -> Context {
        let mut sum = Chain::new(&self.first);
        self.turns.iter().for_each(|turn| sum.add(turn));
        sum.context()
    }

    /// For each turn, whether everything before it is still what it was when the model spoke. Signed
    /// thinking of the others is refused by its provider and must be left out.
    pub(super) fn unchanged(&self) -> Vec<bool> {
        let mut sum = Chain::new(&self.first);
        let same = |turn: &Turn| {
            let same = sum.context() == turn.context;
            sum.add(turn);
            same
        };
        self.turns.iter().map(same).collect()
    }
}

/// A running digest of a conversation, every piece with its kind and length in front.
struct Chain(Sha256);

impl Chain {
    fn new(first: &[Part]) -> Self {
        let mut chain = Self(Sha256::new());
        chain.parts(first);
        chain
    }

    fn piece(&mut self, kind: u8, bytes: &[u8]) {
        self.0.update([kind]);
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Text(text) => self.piece(b't', text.as_bytes()),
                Part::Image(image) => self.piece(b'i', image.sha256().as_bytes()),
            }
        }
    }

    fn add(&mut self, turn: &Turn) {
        for said in &turn.said {
            match said {
                Said::Text { text } => self.piece(b'T', text.as_bytes()),
                Said::Thinking { text: _, signature } => self.piece(b'S', signature.as_bytes()),
                Said::Sealed { data } => self.piece(b'D', data.as_bytes()),
                Said::Call(ToolCall { id, name, arguments }) => {
                    self.piece(b'C', id.as_bytes());
                    self.piece(b'N', name.as_bytes());
                    self.piece(b'A', arguments.as_bytes());
                }
            }
        }
        for result in &turn.results {
            self.piece(b'r', result.call.as_bytes());
            self.piece(if result.error { b'e' } else { b'o' }, result.text.as_bytes());
            for image in &result.images {
                self.piece(b'i', image.sha256().as_bytes());
            }
        }
        self.parts(&turn.after);
        self.piece(b'.', b"");
    }

    fn context(&self) -> Context {
        Context(self.0.clone().finalize().into())
    }
}

#[cfg(test)]
mod tests;
