//! The one task that owns everything that changes: lease, seats, browser, agent, the run's files.
//!
//! Everybody else sends it a [`Command`]. It never waits for anything but the next one: what takes
//! time is done by tasks that report back. So a decision of the lease and the write that follows
//! from it are one turn, and nothing admitted earlier is still on its way when a revoke returns.

mod agent;
mod browser;
mod command;
mod downloads;
mod ending;
mod handoffs;
mod lease;
mod people;
mod recovery;
mod telling;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use axum::extract::ws::Message as Frame;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use self::command::{Command, Display, Entered, Granted, Proof, Reply};
use self::{browser::Browser, ending::Leaving};
use super::{
    Config, Ended, Why,
    downloads::Downloads,
    events::Feed,
    handoffs::Handoffs,
    inspect,
    journal::{Journal, Saved},
    problem::Problem,
    rfb::message::Message,
    screen::injector::Order,
    seats::Seats,
    store::Store,
    ticket::Challenges,
    upload::Uploader,
    view::{RunView, VideoView, View},
};
use crate::{
    decide::lease::{
        self as lease_rules, Close, Epoch, Event, Journal as Records, Limits, Seat, Time,
    },
    pod::contract::{AgentFrame, FromGate, UploadReport, stream::Report},
};

/// Timers stop while the machine sleeps, so that the session looks at the clock at least this often
/// while it waits for a time: half of the most that input may outlive its deadline.
const LOOK: Duration = Duration::from_millis(500);
/// Input that was admitted and not yet written; the most that may come at once.
const BACKLOG_OF_INPUT: usize = 4096;
/// How long a browser that nobody keeps lives on after its last viewer closed the page.
const UNWATCHED: Duration = Duration::from_mins(1);
/// How long before the idle limit it is announced.
const ANNOUNCED: Duration = Duration::from_mins(1);

/// The holder's control connection.
struct Control {
    seat: Seat,
    connection: u64,
    send: mpsc::UnboundedSender<Frame>,
}

/// The agent's connection.
struct Agent {
    connection: u64,
    send: mpsc::UnboundedSender<Vec<u8>>,
    /// Its answer to a request for a browser is still open.
    waits_for_browser: bool,
    /// Its answer to the end of the video is still open.
    waits_for_video: bool,
}

/// See the module.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Session {
    config: Arc<Config>,
    commands: mpsc::Sender<Command>,
    tasks: TaskTracker,
    lease: lease_rules::State,
    /// What became of the lease so far.
    records: Records,
    /// How the last hold ends, from the moment in which that was decided.
    closing: Option<Close>,
    journal: Journal,
    /// The browser of the gate before this one is being looked for.
    rejoining: bool,
    seats: Seats,
    tokens: HashMap<String, oneshot::Sender<()>>,
    feed: Feed,
    store: Store,
    browser: Browser,
    downloads: Downloads,
    agent: Option<Agent>,
    run: RunView,
    video: VideoView,
    /// Whether anybody wants the video that is being closed.
    keep_video: bool,
    injector: Option<(Epoch, mpsc::Sender<Order>)>,
    asks: Vec<(Seat, Reply<Granted>)>,
    control: Option<Control>,
    inspecting: Option<mpsc::UnboundedSender<inspect::Order>>,
    keep: bool,
    finished: Option<Time>,
    active: Time,
    unwatched: Option<Time>,
    announced: bool,
    warned: Duration,
    /// Handoffs of a pod; in `handback run` there are none.
    /// See [`Report::incarnation`].
    incarnation: u64,
    handoffs: Handoffs,
    challenges: Challenges,
    /// Names under which a pod's gate is addressed.
    hosts: watch::Sender<HashSet<String>>,
    dismissals: HashMap<Seat, CancellationToken>,
    reports: watch::Sender<Report>,
    uploader: Uploader,
    /// The manifest waits for the end of the recording.
    seals_after_video: bool,
    /// When the operator cancelled the run.
    cancelled: Option<Time>,
    /// When the page was told of the end for want of activity; nobody gave a sign of life since.
    told_idle: Option<Time>,
    /// How many seconds ahead it was told of the absolute end.
    told_cap: Option<u64>,
    /// Nobody is let in any more.
    closed: bool,
    /// Somebody watched when the run came to its end.
    watched: bool,
    /// How long the agent may take.
    deadline: Duration,
    /// The agent went on past that and was given up.
    given_up: bool,
    /// When the agent came.
    began: Option<Time>,
    /// When an agent that is still there counts as hung.
    hung_at: Option<Time>,
    leaving: Option<Leaving>,
    ended: Option<Ended>,
    ended_json: Option<Arc<Value>>,
}

impl Session {
    /// A session for a run that has not begun.
    pub(super) fn new(
        config: Arc<Config>,
        uploader: Uploader,
        commands: mpsc::Sender<Command>,
        tasks: TaskTracker,
        secret: &[u8; 32],
        hosts: watch::Sender<HashSet<String>>,
        journal: Journal,
    ) -> Self {
        let records = Records::default();
        // There is nothing to do at the first start.
        let (lease, _) = lease_rules::start(&records, Limits::default());
        let now = config.clock.boot();
        let run = RunView {
            id: config.run.id.clone(),
            name: config.run.name.clone(),
            url: config.run.url.clone(),
            ..RunView::default()
        };
        let store = Store::new(config.run_dir.clone());
        Self {
            commands,
            tasks,
            lease,
            records,
            closing: None,
            journal,
            rejoining: false,
            seats: Seats::default(),
            tokens: HashMap::new(),
            feed: Feed::new(View::default()),
            store,
            browser: Browser::inherited(config.takes_over.as_ref()),
            downloads: Downloads::default(),
            agent: None,
            run,
            video: VideoView::default(),
            keep_video: true,
            injector: None,
            asks: Vec::new(),
            control: None,
            inspecting: None,
            // Who starts a run by hand wants to look at it; a pod costs somebody something.
            keep: config.pod.is_none(),
            finished: None,
            active: now,
            unwatched: None,
            announced: false,
            warned: Duration::MAX,
            incarnation: handoffs::milliseconds(now),
            handoffs: Handoffs::default(),
            challenges: Challenges::new(secret),
            hosts,
            dismissals: HashMap::new(),
            reports: watch::Sender::new(Report::default()),
            uploader,
            seals_after_video: false,
            cancelled: None,
            told_idle: None,
            told_cap: None,
            closed: false,
            watched: false,
            deadline: config.pod.as_ref().map_or(Duration::ZERO, |pod| pod.active_deadline),
            given_up: false,
            began: None,
            hung_at: None,
            leaving: None,
            ended: None,
            ended_json: None,
            config,
        }
    }

    /// Serves until the end, which it gives back. `saved` is what a gate of this pod has left that
    /// died; `open` is cancelled once everything is there again for whoever comes.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        saved: Option<Saved>,
        open: CancellationToken,
    ) -> (Ended, UploadReport) {
        if let Some(saved) = saved {
            self.restore(saved);
        } else if self.config.pod.is_some() {
            // The agent is on its way; a browser takes a second or two.
            self.start_browser();
        }
        self.keep_journal();
        self.publish();
        loop {
            if self.is_recovered() {
                open.cancel();
            }
            let now = self.now();
            let wake = self.wake_at(now).map(|at| at.saturating_sub(now).min(LOOK));
            let mut often = false;
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => {
                        often = command.is_frequent();
                        self.command(command);
                    }
                    None => self.end(Why::Signal, "Ended."),
                },
                () = async { sleep(wake.unwrap_or_default()).await }, if wake.is_some() => {}
            }
            self.on_time();
            // What is told has to outlast this gate.
            if !often {
                self.keep_journal();
            }
            self.publish();
            if let Some(ended) = &self.ended
                && self.browser.is_down()
            {
                return (ended.clone(), self.uploader.state());
            }
        }
    }

    fn now(&self) -> Time {
        self.config.clock.boot()
    }

    /// When something is due although nobody says anything.
    fn wake_at(&self, now: Time) -> Option<Time> {
        let hold = self.lease.hold().map(|_| now + LOOK);
        let idle =
            self.idle_at().map(|at| if self.announced { at } else { at.saturating_sub(ANNOUNCED) });
        let pod = [self.handoffs.wake_at(), self.leaving_wakes_at()];
        [self.lease.wake_at(), hold, self.seats.wake_at(now), idle, self.unwatched]
            .into_iter()
            .chain(pod)
            .flatten()
            .min()
    }

    /// When the browser ends if nobody gives a sign of life.
    fn idle_at(&self) -> Option<Time> {
        let finished = self.finished?;
        let keep_alive = self.config.keep_alive?;
        (self.ended.is_none()).then(|| finished.max(self.active) + keep_alive)
    }

    fn on_time(&mut self) {
        let now = self.now();
        if self.lease.wake_at().is_some_and(|at| now >= at) {
            self.step(Event::Tick);
        }
        self.warn_holder(now);
        if self.lease.hold().is_some_and(lease_rules::Hold::connected) {
            self.active(now);
        }
        if self.unwatched.is_some_and(|at| now >= at) {
            self.unwatched = None;
            self.leave(Why::Closed, "The last page was closed.");
        }
        self.handoffs_on_time();
        self.leaving_on_time();
        let Some(idle) = self.idle_at() else { return };
        if now >= idle {
            self.end(Why::Idle, "Nobody used the browser for a while.");
        } else if now + ANNOUNCED >= idle && !self.announced {
            self.announced = true;
            let message = "Nobody uses this browser: it ends in a minute.";
            self.feed.notice(None, "idle_expiring", message);
        }
    }

    /// Somebody is there.
    fn active(&mut self, now: Time) {
        self.active = now;
        self.told_idle = None;
        let far = self.idle_at().is_some_and(|idle| now + ANNOUNCED < idle);
        if far {
            self.announced = false;
        }
    }

    /// The end of the browser and then of the gate.
    fn end(&mut self, why: Why, message: &str) {
        if self.ended.is_some() {
            return;
        }
        tracing::info!(run = %self.run.id, why = why.name(), "the browser is being ended");
        self.ended = Some(Ended { why, message: message.to_owned() });
        self.browser_ended(why, message);
        self.feed.notice(None, "stopping", message);
        self.step(Event::BrowserGone(Close::Stopped));
        let now = self.both_clocks();
        self.handoffs.browser_ended(now);
        self.stop_supervisor();
    }

    /// What the page shows of a browser that is gone.
    fn browser_ended(&mut self, why: Why, message: &str) {
        let at = self.config.clock.now();
        let ended = serde_json::json!({
            "why": why.name(), "message": message, "at": format!("{at:.3}"),
        });
        self.ended_json = Some(Arc::new(ended));
    }

    /// Does something that takes time. What it sends back is another command.
    fn task(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    fn tell_agent(&self, message: &FromGate) {
        if let Some(agent) = &self.agent
            && let Ok(json) = serde_json::to_vec(message)
        {
            agent.send.send(AgentFrame::Message(&json).encode()).ok();
        }
    }
}
