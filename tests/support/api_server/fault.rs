//! What goes wrong, and with which requests.

use std::{fmt, time::Duration};

use super::{call::Verb, refusal::Refusal};

/// A request that arrived, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was asked for.
    pub verb: Verb,
    /// Its group, empty for the core.
    pub group: &'static str,
    /// With its subresource: `testruns/status`.
    pub resource: String,
    /// Empty for all, or where there are none.
    pub namespace: String,
    /// Empty for a list, and for a create.
    pub name: String,
    /// HTTP status of the answer; 0 if there was none.
    pub status: u16,
    /// It was carried out.
    pub done: bool,
}

impl Line {
    /// It changes something.
    pub fn writes(&self) -> bool {
        !matches!(self.verb, Verb::Get | Verb::List | Verb::Watch)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = format!("{:?}", self.verb).to_lowercase();
        write!(
            formatter,
            "{verb} {} {}/{} {}",
            self.resource, self.namespace, self.name, self.status
        )
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It never arrives: the connection breaks.
    Fail,
    /// It is carried out, and then the connection breaks.
    LoseAnswer,
    /// It takes so long to arrive.
    Delay(Duration),
    /// It is refused.
    Refuse(Refusal),
    /// It never arrives, and nobody says so.
    HangBefore,
    /// It is carried out, and nobody says so.
    HangAfter,
}

impl Fault {
    /// Somebody else wrote first.
    pub fn conflict() -> Self {
        Self::Refuse(Refusal::new(409, "Conflict", "the object has been modified"))
    }

    /// What was asked for is no longer known.
    pub fn gone() -> Self {
        Self::Refuse(Refusal::expired("too old resource version"))
    }

    /// Not now, but in so many seconds.
    pub fn busy(seconds: u64) -> Self {
        let refusal = Refusal::new(429, "TooManyRequests", "too many requests");
        Self::Refuse(Refusal { retry_after: Some(seconds), ..refusal })
    }

    /// The server is broken.
    pub fn internal() -> Self {
        Self::Refuse(Refusal::new(500, "InternalError", "Internal error occurred: scripted"))
    }
}

type Meant = Box<dyn Fn(&Line) -> bool + Send>;

/// Which requests go wrong, and how.
pub struct Rule {
    meant: Meant,
    skip: usize,
    times: usize,
    fault: Fault,
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {} times after {}", self.fault, self.times, self.skip)
    }
}

impl Rule {
    /// The first request of this kind.
    pub fn first(meant: impl Fn(&Line) -> bool + Send + 'static, fault: Fault) -> Self {
        Self { meant: Box::new(meant), skip: 0, times: 1, fault }
    }

    /// All requests of this kind.
    pub fn all(meant: impl Fn(&Line) -> bool + Send + 'static, fault: Fault) -> Self {
        Self { times: usize::MAX, ..Self::first(meant, fault) }
    }

    /// After so many that are spared.
    #[must_use]
    pub fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// So many in a row.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// What it does to this request.
    pub(super) fn meets(&mut self, line: &Line) -> Option<Fault> {
        if self.times == 0 || !(self.meant)(line) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.fault.clone())
    }
}
