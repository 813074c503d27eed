//! What a step does (pure). A plan's sentence and a model's tool call come to the same deeds, so that
//! whoever decides, one dispatcher carries them out.

use std::time::Duration;

use crate::{
    agent::http::Request,
    page::{
        heard::Level,
        predicate::Predicate,
        tool::{Call, Wanted},
    },
};

/// One tool call, its arguments valid.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Does something to the page, or waits for it.
    Act(Box<Call>),
    /// Reads what the page tells.
    Look(Look),
    /// Sends a request of the runner's own.
    Http(Box<Request>),
    /// Asks the run's mailbox and leaves the page alone.
    Mail(Mail),
    /// Asserts something.
    Assert(Box<Asserted>),
    /// Suggests an improvement of the page.
    Suggest(Box<Suggestion>),
    /// Ends the scenario.
    Complete(Completion),
}

/// What is read of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Its tree.
    Tree(Wanted),
    /// What it wrote to its console since the scenario began.
    Console {
        /// Which messages.
        level: Level,
        /// How many, the newest.
        limit: usize,
    },
    /// What it asked the network for since then.
    Requests {
        /// Only URLs that contain this.
        filter: Option<String>,
        /// Only those that failed.
        failed_only: bool,
        /// How many, the newest.
        limit: usize,
    },
}

/// A question to the run's mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Makes a new address, from then on `{{temp_email}}`.
    CreateAddress,
    /// Waits for a new mail; its code and its link are from then on `{{code}}` and `{{mail_link}}`.
    WaitForCode {
        /// At most 120 s.
        timeout: Duration,
        /// Contained in the sender, ignoring case.
        from: Option<String>,
        /// Contained in the subject, ignoring case.
        subject: Option<String>,
    },
    /// Shows the newest mails, which stay new.
    Newest {
        /// 1 to 20.
        limit: usize,
    },
}

/// `assert`.
#[derive(Clone, Debug, PartialEq)]
pub struct Asserted {
    /// The check that it covers: `v1`, `p1`.
    pub check: Option<String>,
    /// What is asserted, in words.
    pub description: String,
    /// What a model says of it; a direct plan says nothing.
    pub claim: Option<Claim>,
    /// What the runner itself looks up. All must hold.
    pub predicates: Vec<Sourced>,
}

/// What a model says of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whether it holds.
    pub passed: bool,
    /// What was seen.
    pub evidence: String,
}

/// A predicate and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourced {
    /// Who asked for it.
    pub source: Source,
    /// What is asked.
    pub predicate: Predicate,
}

/// Where a predicate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The check's own text.
    Check,
    /// A model sent it.
    Model,
}

impl Source {
    /// As stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Model => "model",
        }
    }
}

/// `suggest_improvement`: something the page could do better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// In a few words.
    pub title: String,
    /// `critical`, `major` or `minor`.
    pub severity: String,
    /// What is wrong.
    pub description: String,
    /// What to do.
    pub suggestion: String,
    /// Where.
    pub reference: Option<String>,
}

/// `complete_scenario`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What happened, for people.
    pub summary: String,
    /// What is claimed; the verdict is the rule's.
    pub passed: bool,
}

impl Deed {
    /// The tool's name.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::Act(call) => call.tool(),
            Self::Look(Look::Tree(_)) => "snapshot",
            Self::Look(Look::Console { .. }) => "console_messages",
            Self::Look(Look::Requests { .. }) => "network_requests",
            Self::Http(_) => "http_request",
            Self::Mail(Mail::CreateAddress) => "create_temp_email",
            Self::Mail(Mail::WaitForCode { .. }) => "wait_for_verification_code",
            Self::Mail(Mail::Newest { .. }) => "check_email_inbox",
            Self::Assert(_) => "assert",
            Self::Suggest(_) => "suggest_improvement",
            Self::Complete(_) => "complete_scenario",
        }
    }
}
