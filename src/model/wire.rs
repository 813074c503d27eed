//! The two wire formats behind one door (pure): where requests go, what they say, how replies are read.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{
    anthropic,
    known::Known,
    openai,
    reply::{Broken, Ended, Event, Usage},
    request::Request,
    sse::{Decoder, SseEvent},
};
use crate::secret::Secret;

/// Said once to a model that reads no images.
pub(super) const NO_IMAGES: &str = "(You get no screenshots: go by the text.)";
/// The version of Anthropic's API that all of this is written for.
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// The host of OpenAI itself, which has names of its own for some fields.
const OPENAI_HOST: &str = "api.openai.com";
/// Longest stream in bytes: some times what the largest output limit makes of one-letter pieces.
const LONGEST: usize = 64 * 1024 * 1024;

/// A protocol to talk to a model by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's chat completions, and those of any compatible server.
    OpenAi,
}

impl fmt::Display for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Wire {
    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }

    /// The provider's own base URL, as its own clients understand one.
    pub(super) fn own_base(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com/v1",
        }
    }

    /// Where requests go below a base URL. Anthropic's ends before `/v1`, OpenAI's behind it; either
    /// way of writing Anthropic's is understood.
    pub(super) fn endpoint(self, base: &Url) -> Url {
        let path = base.path().trim_end_matches('/');
        let path = match self {
            Self::Anthropic => format!("{}/v1/messages", path.trim_end_matches("/v1")),
            Self::OpenAi => format!("{path}/chat/completions"),
        };
        let mut endpoint = base.clone();
        endpoint.set_path(&path);
        endpoint
    }

    /// Headers besides the content type, the key's last.
    pub(super) fn headers(self, key: Option<&Secret<String>>) -> Vec<(&'static str, String)> {
        let key = key.map(Secret::expose);
        match self {
            Self::Anthropic => {
                let version = ("anthropic-version", ANTHROPIC_VERSION.to_owned());
                let key = key.map(|key| ("x-api-key", key.to_owned()));
                std::iter::once(version).chain(key).collect()
            }
            Self::OpenAi => {
                key.map(|key| ("authorization", format!("Bearer {key}"))).into_iter().collect()
            }
        }
    }

    /// The body of a request to that endpoint.
    pub(super) fn body(
        self,
        endpoint: &Url,
        model: &str,
        known: &Known,
        request: &Request,
    ) -> Value {
        match self {
            Self::Anthropic => anthropic::body(model, known, request),
            Self::OpenAi => {
                let own = endpoint.host_str() == Some(OPENAI_HOST);
                openai::body(model, known, own, request)
            }
        }
    }
}

/// Adds what we say to the messages. After an assistant message that had nothing to send back it is one
/// message with what we said before.
pub(super) fn speak(messages: &mut Vec<Value>, blocks: Vec<Value>) {
    let last = messages.last_mut().filter(|last| last.get("role") == Some(&json!("user")));
    match last.and_then(|last| last.get_mut("content")).and_then(Value::as_array_mut) {
        Some(content) => content.extend(blocks),
        None if blocks.is_empty() => {}
        None => messages.push(json!({"role": "user", "content": blocks})),
    }
}

/// Reads a streamed reply from bytes in any pieces.
#[derive(Debug)]
pub(super) struct Parser {
    decoder: Decoder,
    stream: Stream,
    bytes: usize,
}

#[derive(Debug)]
enum Stream {
    Anthropic(anthropic::Stream),
    OpenAi(openai::Stream),
}

impl Parser {
    /// For one reply.
    pub(super) fn new(wire: Wire) -> Self {
        let stream = match wire {
            Wire::Anthropic => Stream::Anthropic(anthropic::Stream::default()),
            Wire::OpenAi => Stream::OpenAi(openai::Stream::default()),
        };
        Self { decoder: Decoder::default(), stream, bytes: 0 }
    }

    /// Takes bytes, and says what they tell.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Broken> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > LONGEST {
            return Err(Broken::Endless);
        }
        let events = self.decoder.feed(bytes).map_err(|_| Broken::Endless)?;
        let mut told = Vec::new();
        for event in &events {
            if !self.ended() {
                told.extend(self.event(event)?);
            }
        }
        Ok(told)
    }

    fn event(&mut self, event: &SseEvent) -> Result<Vec<Event>, Broken> {
        match &mut self.stream {
            Stream::Anthropic(stream) => stream.event(event),
            Stream::OpenAi(stream) => stream.event(event),
        }
    }

    /// Whether nothing more will come.
    pub(super) fn ended(&self) -> bool {
        match &self.stream {
            Stream::Anthropic(stream) => stream.ended(),
            Stream::OpenAi(stream) => stream.ended(),
        }
    }

    /// What was used, as far as was told.
    pub(super) fn usage(&self) -> Usage {
        let usage = match &self.stream {
            Stream::Anthropic(stream) => stream.usage(),
            Stream::OpenAi(stream) => stream.usage(),
        };
        Usage { requests: 1, ..usage }
    }

    /// The reply, if it is whole.
    pub(super) fn end(self) -> Result<Ended, Broken> {
        let usage = self.usage();
        let ended = match self.stream {
            Stream::Anthropic(stream) => stream.end(),
            Stream::OpenAi(stream) => stream.end(),
        }?;
        Ok(Ended { usage, ..ended })
    }
}

#[cfg(test)]
mod tests;
