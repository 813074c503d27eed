//! Discovery: while a model drives, what else could be tested on the pages that it meets
//! (agent.md 10).
//!
//! # Expected flow
//! The main loop tells of each page that it has captured ([`Discovery::saw`]). Up to three requests at
//! a time ask a model for cases; what becomes of them is [`News`], which the loop takes
//! ([`Discovery::heard`]) and writes down. At the end [`Discovery::close`] gives what is queued ten
//! seconds.
//!
//! `handback discover` finds pages by itself ([`crawl`]); without a model each gets a case that only looks
//! ([`smoke`]).
//!
//! # Guarantees
//! - Nothing is asked of the agent's page: what was captured is all there is.
//! - Whatever goes wrong here is a warning, and changes no verdict.
//! - The main loop is never waited for, nor does it wait; while it repeats a request of its own, none
//!   is sent from here.

pub mod cases;
pub mod crawl;
mod frontier;
mod pace;
mod prompt;
pub mod report;
pub mod smoke;
mod workers;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

pub use cases::{Case, Discovered};

use self::{frontier::Frontier, workers::Workers};
use crate::{
    agent::{events::Event, journal::Journal},
    model::{Model, image::Image, known::Known, reply::Usage, request::Scope},
    redact::Redactor,
};

/// How long what is queued at the end of a run may take.
pub const DRAIN: Duration = Duration::from_secs(10);

/// A page as the main loop had it.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Of the main frame.
    pub url: Url,
    /// Of the document.
    pub title: String,
    /// As it was printed; what is more than 1000 tokens of it is left out.
    pub tree: String,
    /// As it was shown to the model.
    pub image: Option<Image>,
    /// Where the picture is stored, below the run directory.
    pub screenshot: Option<String>,
}

/// What discovery works with.
#[derive(Debug)]
pub struct Options {
    /// Only pages of its origin are looked at.
    pub run_url: Url,
    /// Who is asked.
    pub model: Arc<Model>,
    /// What takes secrets out.
    pub redactor: Arc<Redactor>,
    /// The token budget of the run, of which a tenth may be used here.
    pub max_tokens: Option<u64>,
    /// [`DRAIN`] but in tests.
    pub drain: Duration,
    /// Ends all of it at once.
    pub cancel: CancellationToken,
}

/// What has happened. Texts have lost their secrets, URLs what they may not be stored with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A page will be asked about.
    Page {
        /// Where it is.
        url: String,
        /// Its title.
        title: String,
        /// Below the run directory.
        screenshot: Option<String>,
    },
    /// Some lines of cases, as they come. They are void if the request is repeated.
    Chunk {
        /// Which page they are about.
        url: String,
        /// Whole lines.
        delta: String,
    },
    /// All cases of a page.
    Cases(Discovered),
    /// A request has used this.
    Spent(Usage),
    /// A request failed and will be sent again.
    Again {
        /// The number of the attempt that follows; the first was 1.
        attempt: u32,
        /// HTTP status that the failure counts as; `None` if the connection failed.
        status: Option<u16>,
        /// How long nothing is sent.
        wait: Duration,
    },
    /// Something went wrong.
    Warning(String),
}

/// Discovery under way. Ends when it is dropped.
#[derive(Debug)]
pub struct Discovery {
    frontier: Frontier,
    orders: mpsc::UnboundedSender<Order>,
    news: mpsc::UnboundedReceiver<News>,
}

/// What the main loop says.
#[derive(Debug)]
enum Order {
    Saw(Box<Captured>),
    MainWaits(bool),
    Close,
}

impl Discovery {
    /// Begins, as a task of `tasks`.
    pub fn start(options: Options, tasks: &TaskTracker) -> Self {
        let frontier = Frontier::new(&options.run_url);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (tell, news) = mpsc::unbounded_channel();
        tasks.spawn(Workers::new(options, tell).run(ordered));
        Self { frontier, orders, news }
    }

    /// Whether a page there would be looked at: if not, it need not be captured for this.
    pub fn wants(&self, url: &Url) -> bool {
        self.frontier.wants(url)
    }

    /// A navigation was committed, or the history changed, and this is the page now.
    pub fn saw(&mut self, page: Captured) {
        if self.frontier.take(&page.url) {
            // Whoever has ended will not be missed before the run ends.
            self.orders.send(Order::Saw(Box::new(page))).ok();
        }
    }

    /// The main loop waits until it can repeat a request, or does so no more.
    pub fn main_waits(&self, waits: bool) {
        self.orders.send(Order::MainWaits(waits)).ok();
    }

    /// What has happened since it was last asked. Does not wait.
    pub fn heard(&mut self) -> Vec<News> {
        std::iter::from_fn(|| self.news.try_recv().ok()).collect()
    }

    /// Gives what is queued the time that is left, and ends.
    pub async fn close(mut self) -> Vec<News> {
        let dropped = self.frontier.dropped();
        self.orders.send(Order::Close).ok();
        let mut all = Vec::new();
        while let Some(news) = self.news.recv().await {
            all.push(news);
        }
        if dropped > 0 {
            let most = frontier::MOST;
            all.push(News::Warning(format!(
                "Of the pages that the run met, {most} were looked at for further cases; {dropped} more were not."
            )));
        }
        all
    }
}

/// Writes news down. `model` is what is known of the one that was asked.
pub fn record(journal: &mut Journal, model: &Known, news: News) {
    match news {
        News::Page { url, title, screenshot } => {
            journal.emit(None, Event::PageDiscovered { url, title, screenshot });
        }
        News::Chunk { url, delta } => {
            journal.emit(None, Event::DiscoveredCasesChunk { url, delta });
        }
        News::Cases(found) => {
            let found = journal.clean(found);
            let Discovered { url, title: _, cases } = found.clone();
            journal.results.discovered.push(found);
            journal.emit(None, Event::DiscoveredCasesComplete { url, cases });
        }
        News::Warning(message) => journal.warn(&message),
        News::Spent(usage) => journal.spent(None, Scope::Discovery, &usage, model.cost(&usage)),
        News::Again { attempt, status, wait } => {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            journal.emit(None, Event::ModelRetry { attempt, status, wait_ms });
        }
    }
}
