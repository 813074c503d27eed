//! The disposable mailbox of a run (agent.md 9.4).
//!
//! [`settings`] is which provider was asked for, [`provider`] talks to it, [`inbox`] is what a run has
//! of it: one address at a time, and of its mail only what is new. [`extract`] finds the code and the
//! link for which a mail was sent.
//!
//! # Guarantees
//! - Nobody is contacted before a mail step is carried out.
//! - Every connection goes to an address that the run's policy has judged.
//! - A mail that was returned, and every older one, is never returned again.

pub mod extract;
mod http;
mod imap;
pub mod inbox;
mod mail_tm;
mod mailpit;
mod mime;
pub mod provider;
pub mod settings;
mod tls;

use crate::policy::Blocked;

/// A mail step that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// There is nobody to ask.
    #[error(
        "There is no mail provider for this run. Name one with --mail, for example --mail mailpit=http://127.0.0.1:8025."
    )]
    NoProvider,
    /// There is no address to wait at.
    #[error("There is no inbox yet: let `create a temporary email` come before.")]
    NoInbox,
    /// The policy forbids the provider.
    #[error("The mail provider may not be reached: {0}.")]
    Blocked(Blocked),
    /// The provider cannot be reached, or says no, in a sentence.
    #[error("{0}")]
    Provider(String),
    /// No mail that was wanted came in time.
    #[error("{message}")]
    Timeout {
        /// What was waited for, and what came instead.
        message: String,
        /// Milliseconds waited.
        waited_ms: u64,
    },
    /// The run is ending.
    #[error("The run is ending.")]
    Cancelled,
}
