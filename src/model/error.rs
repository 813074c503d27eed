//! Why a turn has no reply.

use std::path::PathBuf;

/// Each ends the scenario, or has the loop shorten the conversation ([`Self::Overflow`]).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// All attempts failed, or there is no point in another one.
    #[error("the model gave no reply in {attempts} {}, the last failed: {last}", if *.attempts == 1 { "attempt" } else { "attempts" })]
    Unavailable {
        /// How many there were.
        attempts: u32,
        /// How the last one failed.
        last: String,
    },
    /// The provider does not accept the key. It will not accept it in the next scenario either.
    #[error("the provider refuses the API key (HTTP {status}): {message}")]
    Auth {
        /// 401, or 403: not for this model.
        status: u16,
        /// The provider's sentence.
        message: String,
    },
    /// The conversation is too long for the model.
    #[error("the conversation is too long for the model: {0}")]
    Overflow(String),
    /// The run is ending.
    #[error("cancelled")]
    Cancelled,
    /// The cassette does not have what is asked, or cannot be written.
    #[error("the cassette {path}: {problem}", path = path.display())]
    Cassette {
        /// Its file.
        path: PathBuf,
        /// What is wrong, with the difference.
        problem: String,
    },
}

impl ModelError {
    /// The reason of agent.md 7.4.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } | Self::Cassette { .. } => "model_unavailable",
            Self::Auth { .. } => "model_auth",
            Self::Overflow(_) => "context_overflow",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The model cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum BadModel {
    /// The key, or the file with it.
    #[error("the API key cannot be used: {0}")]
    Key(#[from] super::key::BadKey),
    /// The HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// The cassette.
    #[error(transparent)]
    Cassette(ModelError),
}
