//! Cassettes: what was asked and answered, to be answered again without a model (agent.md 15).
//!
//! NDJSON, a line for each turn: `{"v":1,"scope":…,"request":…,"outcome":{"reply":…}|{"error":…}}`. The
//! request is in our own words, not a wire's, with images by hash, ids, times and secrets masked
//! ([`normal`]); the outcome is that of the whole turn, retries over. So a cassette reads well, serves
//! either wire, and a replay never waits.
//!
//! # Guarantees
//! - A replay opens no connection: there is none to open.
//! - Requests of the loop are answered in the order in which they were recorded, those of discovery,
//!   several of which go on at a time, in any; each line once, and only to an equal request.
//! - A cancelled turn is not recorded: it has no outcome.

mod difference;
mod normal;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{fs, io::AsyncWriteExt, sync::Mutex};

use self::normal::{Ids, masked_reply, normalised};
use super::{
    Progress,
    conversation::Said,
    error::ModelError,
    live::{Tell, finished},
    reply::{Event, Reply, Stop, Usage},
    request::{Request, Scope},
};
use crate::redact::Redactor;

/// The form of a line.
const VERSION: u32 = 1;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    v: u32,
    scope: Scope,
    request: Value,
    outcome: Outcome,
}

/// How a turn ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Reply { said: Vec<Said>, cut_call: bool, stop: Stop, usage: Usage },
    Error(Failure),
}

/// The errors that a turn can end with, as they are stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    Unavailable { attempts: u32, last: String },
    Auth { status: u16, message: String },
    Overflow(String),
}

fn problem(path: &Path, problem: impl Into<String>) -> ModelError {
    ModelError::Cassette { path: path.to_owned(), problem: problem.into() }
}

fn io_problem(path: &Path, doing: &str) -> impl FnOnce(io::Error) -> ModelError {
    let path = path.to_owned();
    move |error| problem(&path, format!("{doing}: {error}"))
}

/// Writes a cassette.
#[derive(Debug)]
pub(super) struct Recorder {
    path: PathBuf,
    model: String,
    redactor: Arc<Redactor>,
    file: Mutex<(fs::File, Ids)>,
}

impl Recorder {
    /// Begins a new cassette. What was in the file is gone; only its owner can read it.
    pub(super) async fn create(
        path: &Path,
        model: &str,
        redactor: Arc<Redactor>,
    ) -> Result<Self, ModelError> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).await.map_err(io_problem(path, "creating it"))?;
        let file = Mutex::new((file, Ids::Numbered(HashMap::new())));
        Ok(Self { path: path.to_owned(), model: model.to_owned(), redactor, file })
    }

    /// Adds a turn.
    pub(super) async fn write(
        &self,
        request: &Request,
        outcome: &Result<Reply, ModelError>,
    ) -> Result<(), ModelError> {
        let mut guard = self.file.lock().await;
        let (file, ids) = &mut *guard;
        let outcome = match outcome {
            Ok(reply) => {
                let said = masked_reply(&reply.said, ids, &self.redactor);
                let Reply { said: _, cut_call, stop, usage, context: _ } = reply.clone();
                Outcome::Reply { said, cut_call, stop, usage }
            }
            Err(ModelError::Cancelled | ModelError::Cassette { .. }) => return Ok(()),
            Err(ModelError::Unavailable { attempts, last }) => {
                Outcome::Error(Failure::Unavailable {
                    attempts: *attempts,
                    last: self.redactor.base(last),
                })
            }
            Err(ModelError::Auth { status, message }) => Outcome::Error(Failure::Auth {
                status: *status,
                message: self.redactor.base(message),
            }),
            Err(ModelError::Overflow(message)) => {
                Outcome::Error(Failure::Overflow(self.redactor.base(message)))
            }
        };
        let request_said = normalised(request, &self.model, ids, &self.redactor);
        let line = Line { v: VERSION, scope: request.scope, request: request_said, outcome };
        let mut bytes = serde_json::to_vec(&line)
            .map_err(|error| problem(&self.path, format!("writing a line: {error}")))?;
        bytes.push(b'\n');
        let written = async {
            file.write_all(&bytes).await?;
            file.flush().await
        };
        written.await.map_err(io_problem(&self.path, "writing a line"))
    }
}

/// Answers from a cassette.
#[derive(Debug)]
pub(super) struct Player {
    path: PathBuf,
    model: String,
    redactor: Arc<Redactor>,
    /// What was not asked for yet, with its number.
    left: Mutex<Vec<(usize, Line)>>,
}

impl Player {
    /// Reads a cassette.
    pub(super) async fn open(
        path: &Path,
        model: &str,
        redactor: Arc<Redactor>,
    ) -> Result<Self, ModelError> {
        let text = fs::read_to_string(path).await.map_err(io_problem(path, "reading it"))?;
        let mut left = Vec::new();
        for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let bad =
                |why: String| problem(path, format!("line {}: {why}; record it again", at + 1));
            let line: Line = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
            if line.v != VERSION {
                return Err(bad(format!("it is of version {}, this is {VERSION}", line.v)));
            }
            left.push((at + 1, line));
        }
        Ok(Self {
            path: path.to_owned(),
            model: model.to_owned(),
            redactor,
            left: Mutex::new(left),
        })
    }

    /// Answers as it was answered then.
    pub(super) async fn turn(
        &self,
        request: &Request,
        tell: Tell<'_>,
    ) -> Result<Reply, ModelError> {
        let mut left = self.left.lock().await;
        let asked = normalised(request, &self.model, &mut Ids::Kept, &self.redactor);
        let of_scope =
            || left.iter().enumerate().filter(|(_, (_, line))| line.scope == request.scope);
        let Some((next, (number, line))) = of_scope().next() else {
            return Err(problem(&self.path, "it has no more replies; record it again"));
        };
        let equal = match request.scope {
            Scope::Main => (line.request == asked).then_some(next),
            Scope::Discovery => {
                of_scope().find(|(_, (_, line))| line.request == asked).map(|(at, _)| at)
            }
        };
        let Some(at) = equal else {
            let difference = difference::between(&line.request, &asked);
            let told = format!("line {number} is for another request:\n{}", difference.join("\n"));
            return Err(problem(&self.path, told));
        };
        let (_, line) = left.remove(at);
        drop(left);
        let (said, cut_call, stop, usage) = match line.outcome {
            Outcome::Reply { said, cut_call, stop, usage } => (said, cut_call, stop, usage),
            Outcome::Error(Failure::Unavailable { attempts, last }) => {
                return Err(ModelError::Unavailable { attempts, last });
            }
            Outcome::Error(Failure::Auth { status, message }) => {
                return Err(ModelError::Auth { status, message });
            }
            Outcome::Error(Failure::Overflow(message)) => {
                return Err(ModelError::Overflow(message));
            }
        };
        for said in &said {
            match said {
                Said::Text { text } => tell(Progress::Said(Event::Text(text.clone()))),
                Said::Thinking { text, .. } if !text.is_empty() => {
                    tell(Progress::Said(Event::Reasoning(text.clone())));
                }
                Said::Thinking { .. } | Said::Sealed { .. } | Said::Call(_) => {}
            }
        }
        tell(Progress::Spent(usage));
        let context = request.conversation.context();
        Ok(finished(Reply { said, cut_call, stop, usage, context }, tell))
    }
}
