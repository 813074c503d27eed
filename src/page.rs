//! Tools on a page: what can be done to a tab and asked of it, whoever decides.
//!
//! [`Page`] is the handle: [`tool`] has the calls and the one dispatcher, [`target`] how elements
//! are described, [`address`] what is meant by a URL, [`predicate`] what can be asked, [`cdp`] the connection to the browser. Nothing of
//! the browser's protocol leaves [`cdp`]. `frames` knows which documents there are, `view` makes the
//! tree of all of them, [`files`] has what can be uploaded, `reader` remembers what was printed,
//! [`heard`] what pages say beside their tree, `actionability` finds out whether an element can be
//! acted on and where, `input` turns gestures and keys into events, `settle` waits until a page has come to rest.

mod actionability;
pub mod address;
pub mod cdp;
pub mod files;
mod frames;
pub mod heard;
mod input;
pub mod keys;
pub mod locate;
pub mod predicate;
mod projection;
mod reader;
mod settle;
pub mod snapshot;
pub mod target;
pub mod tool;
mod view;
pub(crate) mod words;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{clock::Clock, policy::Policy, secret::Secret};

/// What a page is attached with.
#[derive(Debug)]
pub struct PageOptions {
    /// What `/path`, `?query` and `#hash` are resolved against.
    pub run_url: Url,
    /// Where the browser may go.
    pub policy: Arc<Policy>,
    /// Who answers dialogs.
    pub dialogs: DialogPolicy,
    /// How long a dialog is held for an answer; [`HOLD`] but in tests.
    pub hold: Duration,
    /// Files that may be uploaded.
    pub files: Files,
    /// Where pointer and keys go, for the recorder.
    pub marks: mpsc::UnboundedSender<Mark>,
    /// Only for what has to agree with others' clocks.
    pub clock: Arc<dyn Clock>,
}

/// How long an unanswered dialog stays open (agent.md 1, *hold*).
pub const HOLD: Duration = Duration::from_secs(30);

/// How dialogs are answered when nobody can be asked (agent.md 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialogPolicy {
    /// All are accepted, prompts with their default text; unless somebody may answer.
    #[default]
    Auto,
    /// The same, whoever could be asked.
    Accept,
    /// Confirmations and prompts are dismissed.
    Dismiss,
}

/// A JavaScript dialog that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// `alert`, `confirm`, `prompt`, `beforeunload`.
    pub kind: String,
    /// What it said; page text.
    pub text: String,
    /// By accepting, else by dismissing.
    pub accepted: bool,
    /// Who answered.
    pub by: Answerer,
}

/// Who answered a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// The run's policy, at once.
    Policy,
    /// Whoever decides, by `handle_dialog`.
    Agent,
    /// Nobody in time.
    Hold,
}

impl Answerer {
    /// As it is recorded.
    pub fn word(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Agent => "agent",
            Self::Hold => "hold",
        }
    }
}

/// A dialog that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldDialog {
    /// `confirm` or `prompt`.
    pub kind: String,
    /// What it says; page text.
    pub text: String,
}

/// What has happened beside the calls since it was last asked for: what has an event of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Dialogs that were answered.
    pub dialogs: Vec<Dialog>,
    /// Tabs that came and went.
    pub tabs: Vec<TabNews>,
    /// Downloads that have ended.
    pub downloads: Vec<Download>,
}

/// What became of a tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabNews {
    /// `t1`; counts up in a browser and is never reused.
    pub id: String,
    /// Where it is; the caller sanitises it.
    pub url: String,
    /// What became of it.
    pub state: TabState,
}

/// See [`TabNews`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TabState {
    /// It is there.
    Opened,
    /// It is the one that is worked on.
    Current,
    /// It is gone.
    Closed,
    /// Its process has died.
    Crashed,
}

impl TabState {
    /// As it is recorded.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Current => "current",
            Self::Closed => "closed",
            Self::Crashed => "crashed",
        }
    }
}

/// A download that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// What the browser calls it, and under which the file is left.
    pub guid: String,
    /// What the page calls it: page text, and no path.
    pub name: String,
    /// The file, or why there is none.
    pub outcome: Result<Saved, String>,
}

/// A file that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its length.
    pub bytes: u64,
    /// What it sums to, in hexadecimal.
    pub sha256: String,
}

/// Something to draw on recorded frames, in CSS pixels of the tab's viewport.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// The pointer is here now.
    Pointer {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// A button was pressed here.
    Press {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// A named key or a chord, never a typed character.
    Key {
        /// For example `Enter` or `Control+A`.
        label: String,
    },
}

/// How long a call may take, and who may end it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Element resolution and actionability (agent.md 1, *action deadline*).
    pub action: Duration,
    /// Ends the call at once.
    pub cancel: CancellationToken,
}

/// Why a page could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The browser did not answer as it must.
    #[error("attaching to the browser")]
    Attach(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl PageError {
    /// One of a fixed set, for events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Attach(_) => "attach",
        }
    }
}

pub use files::Files;
pub use reader::Reader;
pub use tool::Page;

/// Text for a page. `shown` keeps the placeholders of secret variables and is what every record
/// gets; what is typed leaves only through [`Text::expose`].
#[derive(Clone, Debug)]
pub struct Text {
    shown: String,
    secret: Option<SecretText>,
}

/// The value behind a [`Text`] with secrets in it.
#[derive(Clone, Debug)]
struct SecretText {
    value: Secret<String>,
    origins: Vec<String>,
}

impl Text {
    /// Text without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { shown: text.into(), secret: None }
    }

    /// Text with secrets: what may be recorded, what is meant, and the origins
    /// (`https://app.example`) that may receive it.
    pub fn secret(shown: impl Into<String>, value: Secret<String>, origins: Vec<String>) -> Self {
        Self { shown: shown.into(), secret: Some(SecretText { value, origins }) }
    }

    /// What may be recorded.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What is meant. Only for the browser and for comparisons.
    pub fn expose(&self) -> &str {
        self.secret.as_ref().map_or(&self.shown, |secret| secret.value.expose())
    }

    /// Whether a field that receives it is tainted from then on.
    pub fn is_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether a document of this origin may receive it.
    pub fn allowed_at(&self, origin: &str) -> bool {
        self.secret.as_ref().is_none_or(|secret| secret.origins.iter().any(|one| one == origin))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown && self.is_secret() == other.is_secret()
    }
}
