//! Those who ask: one task that owns the queue, and up to three requests that go on beside it.

use std::{collections::BTreeMap, collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Captured, Discovered, News, Options, Order, cases,
    pace::{self, May, Pace},
    prompt,
};
use crate::model::{
    Progress,
    conversation::Said,
    error::ModelError,
    reply::{Event, Reply, Stop},
    request::Request,
};

/// A page that is asked about, or will be.
#[derive(Debug)]
struct Page {
    /// As URLs are stored.
    url: String,
    title: String,
    request: Request,
    /// What asking may use.
    tokens: u64,
    /// Attempts so far.
    tried: u32,
    /// What has come of the line that is coming.
    line: String,
    /// How long to wait before it is asked about again, if that is so.
    again: Option<Duration>,
}

/// Something of the request with this number.
type Told = (u64, Progress);
/// How the request with this number ended.
type Outcome = (u64, Result<Reply, ModelError>);

/// The queue, and those who work on it.
#[derive(Debug)]
pub(super) struct Workers {
    options: Options,
    news: UnboundedSender<News>,
    pace: Pace,
    queue: VecDeque<Page>,
    asked: BTreeMap<u64, Page>,
    number: u64,
    began: Instant,
    /// How many did not fit into the budget.
    too_dear: usize,
}

impl Workers {
    pub(super) fn new(options: Options, news: UnboundedSender<News>) -> Self {
        Self {
            pace: Pace::new(options.max_tokens),
            options,
            news,
            queue: VecDeque::new(),
            asked: BTreeMap::new(),
            number: 0,
            began: Instant::now(),
            too_dear: 0,
        }
    }

    /// Works until it is told to close and nothing is left, time is up, or the run is cancelled.
    pub(super) async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        // Cancelled when this ends in whatever way: nobody else would end the requests.
        let cancel = self.options.cancel.child_token();
        let guard = cancel.clone().drop_guard();
        let (tell, mut told) = mpsc::unbounded_channel::<Told>();
        let mut running = JoinSet::<Outcome>::new();
        let mut closes_at = None;
        loop {
            let wake = self.send(&mut running, &tell, &cancel);
            if closes_at.is_some() && self.queue.is_empty() && running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                order = orders.recv(), if closes_at.is_none() => match order {
                    Some(Order::Saw(page)) => self.saw(*page),
                    Some(Order::MainWaits(waits)) => self.pace.main_waits = waits,
                    Some(Order::Close) => closes_at = Some(Instant::now() + self.options.drain),
                    // Whoever would hear of it is gone.
                    None => break,
                },
                // What is told of a request comes before its end.
                Some((number, progress)) = told.recv() => self.hear(number, progress),
                Some(outcome) = running.join_next() => {
                    while let Ok((number, progress)) = told.try_recv() {
                        self.hear(number, progress);
                    }
                    if let Ok((number, outcome)) = outcome {
                        self.end(number, &outcome);
                    }
                }
                () = until(wake) => {}
                () = until(closes_at) => break,
            }
        }
        drop(guard);
        self.say_what_is_left();
    }

    /// Sends what may be sent now. The answer is when to look again, if that is known.
    fn send(
        &mut self,
        running: &mut JoinSet<Outcome>,
        tell: &UnboundedSender<Told>,
        cancel: &CancellationToken,
    ) -> Option<Instant> {
        while let Some(page) = self.queue.front() {
            match self.pace.may(page.tokens, self.began.elapsed()) {
                May::Ask => {}
                May::Wait => return None,
                May::WaitUntil(time) => return Some(self.began + time),
                May::Never => {
                    self.too_dear += 1;
                    self.queue.pop_front();
                    continue;
                }
            }
            let mut page = self.queue.pop_front()?;
            page.tried += 1;
            self.pace.began(page.tokens);
            self.number += 1;
            let number = self.number;
            running.spawn(ask(
                number,
                page.request.clone(),
                Arc::clone(&self.options.model),
                tell.clone(),
                cancel.child_token(),
            ));
            self.asked.insert(number, page);
        }
        None
    }

    fn saw(&mut self, page: Captured) {
        let redactor = &self.options.redactor;
        let request = prompt::request(&page, redactor);
        let tokens = request.estimate() + u64::from(prompt::OUTPUT);
        let (url, title) = (redactor.url(page.url.as_str()), redactor.line(&page.title));
        let screenshot = page.screenshot;
        self.tell(News::Page { url: url.clone(), title: title.clone(), screenshot });
        self.queue.push_back(Page {
            url,
            title,
            request,
            tokens,
            tried: 0,
            line: String::new(),
            again: None,
        });
    }

    fn hear(&mut self, number: u64, progress: Progress) {
        let Some(page) = self.asked.get_mut(&number) else { return };
        match progress {
            Progress::Said(Event::Text(text)) => {
                page.line.push_str(&text);
                // Whole lines: a secret that falls between two pieces would be found in neither.
                let Some(end) = page.line.rfind('\n') else { return };
                let rest = page.line.split_off(end + 1);
                let lines = std::mem::replace(&mut page.line, rest);
                let (url, delta) = (page.url.clone(), self.options.redactor.base(&lines));
                self.tell(News::Chunk { url, delta });
            }
            Progress::Said(
                Event::Reasoning(_) | Event::Call(_) | Event::Usage(_) | Event::Stop(_),
            ) => {}
            Progress::Spent(usage) => {
                self.pace.spend(usage.prompt() + usage.output);
                self.tell(News::Spent(usage));
            }
            Progress::Again { attempt: _, status, wait } => {
                let Some(wait) = pace::again(page.tried, wait) else { return };
                page.again = Some(wait);
                let attempt = page.tried + 1;
                self.pace.pause(self.began.elapsed(), wait);
                self.tell(News::Again { attempt, status, wait });
            }
        }
    }

    /// A request is over.
    fn end(&mut self, number: u64, outcome: &Result<Reply, ModelError>) {
        let Some(mut page) = self.asked.remove(&number) else { return };
        self.pace.ended(page.tokens);
        if page.again.take().is_some() {
            page.line.clear();
            self.queue.push_front(page);
            return;
        }
        let found = match outcome {
            Ok(reply) => {
                let rest = std::mem::take(&mut page.line);
                if !rest.trim().is_empty() {
                    let (url, delta) = (page.url.clone(), self.options.redactor.base(&rest));
                    self.tell(News::Chunk { url, delta });
                }
                self.read(reply)
            }
            Err(ModelError::Cancelled) if page.tried < pace::ATTEMPTS => return,
            Err(ModelError::Cancelled) => Err("the model did not answer".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let Page { url, title, .. } = page;
        match found {
            Ok(cases) => self.tell(News::Cases(Discovered { url, title, cases })),
            Err(why) => {
                self.tell(News::Warning(format!(
                    "No further cases are proposed for {url}: {why}."
                )));
            }
        }
    }

    fn read(&self, reply: &Reply) -> Result<Vec<cases::Case>, String> {
        if reply.stop == Stop::Refusal {
            return Err("the model refuses".to_owned());
        }
        let said = reply.said.iter().filter_map(|said| match said {
            Said::Text { text } => Some(text.as_str()),
            Said::Thinking { .. } | Said::Sealed { .. } | Said::Call(_) => None,
        });
        let text = self.options.redactor.base(&said.collect::<Vec<_>>().join("\n"));
        cases::read(&text, reply.stop == Stop::Length)
    }

    fn say_what_is_left(&self) {
        if self.too_dear > 0 {
            self.tell(News::Warning(format!(
                "{} were not looked at for further cases: that may use a tenth of the token budget.",
                pages(self.too_dear)
            )));
        }
        let left = self.queue.len() + self.asked.len();
        if left > 0 {
            self.tell(News::Warning(format!(
                "{} were not looked at for further cases before the run ended.",
                pages(left)
            )));
        }
    }

    fn tell(&self, news: News) {
        // Whoever does not listen any more has no use for it.
        self.news.send(news).ok();
    }
}

fn pages(count: usize) -> String {
    if count == 1 { "1 page".to_owned() } else { format!("{count} pages") }
}

/// Asks once: what fails is queued again, so that it too waits for the main loop.
async fn ask(
    number: u64,
    request: Request,
    model: Arc<crate::model::Model>,
    told: UnboundedSender<Told>,
    cancel: CancellationToken,
) -> Outcome {
    let repeated = cancel.clone();
    let mut tell = move |progress: Progress| {
        if matches!(progress, Progress::Again { .. }) {
            repeated.cancel();
        }
        told.send((number, progress)).ok();
    };
    (number, model.turn(&request, &cancel, &mut tell).await)
}

/// That time, or never.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
