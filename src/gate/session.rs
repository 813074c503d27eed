//! The one task that owns everything that changes: lease, seats, browser, agent, the run's files.
//!
//! Everybody else sends it a [`Command`]. It never waits for anything but the next one: what takes
//! time is done by tasks that report back. So a decision of the lease and the write that follows
//! from it are one turn, and nothing admitted earlier is still on its way when a revoke returns.

mod agent;
mod browser;
mod ending;
mod handoffs;
mod lease;
mod people;

use std::{
    collections::{HashMap, HashSet},
    io,
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

use self::{browser::Browser, ending::Leaving};
use super::{
    Config, Ended, Why,
    cdp::ChromeError,
    chrome::{Call, Prepared},
    events::{Feed, Subscription},
    handoffs::Handoffs,
    inspect,
    problem::Problem,
    rfb::message::Message,
    screen::injector::Order,
    seats::{Seats, Secrets},
    store::{Manifest, Store},
    ticket::Challenges,
    upload::Uploader,
    view::{Holder, RunView, VideoView, View},
};
use crate::{
    decide::lease::{self as lease_rules, Close, Epoch, Event, Input, Journal, Limits, Seat, Time},
    pod::contract::{
        Artifact, FromBrowser, FromGate, UploadReport, VideoReport,
        stream::{Report, ToGateStream},
    },
};

/// Timers stop while the machine sleeps, so that the session looks at the clock at least this often
/// while it waits for a time: half of the most that input may outlive its deadline.
const LOOK: Duration = Duration::from_millis(500);
/// How long a browser that nobody keeps lives on after its last viewer closed the page.
const UNWATCHED: Duration = Duration::from_mins(1);
/// How long before the idle limit it is announced.
const ANNOUNCED: Duration = Duration::from_mins(1);

/// What a proof of identity is made of.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    pub(super) seat: Seat,
    pub(super) secret: String,
}

/// Everything that can be said to the session.
pub(super) enum Command {
    // The program that the gate runs in.
    /// A one-use token for this name.
    Issue {
        token: String,
        name: Arc<str>,
        used: oneshot::Sender<()>,
    },
    /// The end of everything.
    End {
        why: Why,
        message: String,
    },

    // People.
    Enter {
        token: String,
        secrets: Secrets,
        /// The seat that the page has already.
        proof: Option<Proof>,
        reply: Reply<Entered>,
    },
    ComeBack {
        proof: Proof,
        cookie: String,
        reply: Reply<Entered>,
    },
    /// Which seat these cookies, and the proof if there must be one, are of.
    Who {
        cookies: Vec<(Seat, String)>,
        proof: Option<Proof>,
        needs_proof: bool,
        reply: Reply<Seat>,
    },
    Subscribe {
        seat: Seat,
        after: u64,
        reply: oneshot::Sender<(Subscription, CancellationToken)>,
    },
    Beat(Seat),
    Beacon(Seat),
    Keep(bool),
    StopRun {
        by: Seat,
        reply: Reply<()>,
    },
    StopBrowser {
        reply: Reply<()>,
    },
    TakeOver {
        seat: Seat,
        take_from_own: bool,
        reply: Reply<Granted>,
    },
    Display {
        seat: Seat,
        reply: Reply<Display>,
    },
    Input {
        seat: Seat,
        message: Message,
    },
    File {
        path: String,
        reply: oneshot::Sender<Option<(Artifact, std::path::PathBuf)>>,
    },
    MayControl {
        seat: Seat,
        reply: Reply<()>,
    },
    ControlOpened {
        seat: Seat,
        send: mpsc::UnboundedSender<Frame>,
        connection: u64,
    },
    ControlSaid {
        seat: Seat,
        connection: u64,
        text: String,
    },
    ControlClosed {
        seat: Seat,
        connection: u64,
    },
    Picked {
        seat: Seat,
        message: Value,
    },

    // The agent.
    AgentConnected {
        connection: u64,
        send: mpsc::UnboundedSender<Vec<u8>>,
    },
    AgentSaid {
        connection: u64,
        frame: Vec<u8>,
    },
    AgentClosed {
        connection: u64,
    },
    AgentSession {
        epoch: Epoch,
        session: Result<String, ChromeError>,
    },
    AgentInputWaits {
        reply: oneshot::Sender<bool>,
    },
    AgentRelease {
        reply: oneshot::Sender<Vec<(String, &'static str, Value)>>,
    },
    Sealed(Option<Manifest>),
    /// The run's files are in the storage, or never will be.
    Stored,
    /// The recording that the manifest waits for takes too long.
    SealNow,
    VideoTaken(VideoReport),

    // The operator, and whoever wants to be let in.
    Challenge {
        nonce: [u8; 16],
        reply: oneshot::Sender<String>,
    },
    Prove {
        challenge: String,
        signature: String,
        reply: oneshot::Sender<Option<watch::Receiver<Report>>>,
    },
    Operator {
        said: ToGateStream,
        reply: oneshot::Sender<Report>,
    },

    // The browser.
    Supervisor {
        from: Result<FromBrowser, io::Error>,
    },
    SupervisorConnected(mpsc::UnboundedSender<Vec<u8>>),
    SupervisorClosed,
    ChromeConnected {
        generation: u64,
        send: mpsc::UnboundedSender<Vec<u8>>,
    },
    ChromeSaid {
        generation: u64,
        frame: Vec<u8>,
    },
    ChromeClosed {
        generation: u64,
    },
    Prepared {
        generation: u64,
        prepared: Result<Prepared, ChromeError>,
    },
    Call(Call),
    Lease(Event),
    InjectorFailed {
        epoch: Epoch,
    },
}

/// An answer that may be a refusal.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// A person came in.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) seat: Seat,
    pub(super) name: Arc<str>,
    pub(super) state: Value,
}

/// A person holds the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) epoch: Epoch,
    pub(super) left: Duration,
}

/// Where the pixels are.
#[derive(Debug)]
pub(super) struct Display {
    pub(super) size: watch::Receiver<(u16, u16)>,
    pub(super) gone: CancellationToken,
    /// Cancelled when this page has to go.
    pub(super) dismissed: CancellationToken,
}

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
    journal: Journal,
    seats: Seats,
    tokens: HashMap<String, oneshot::Sender<()>>,
    feed: Feed,
    store: Store,
    browser: Browser,
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
    ) -> Self {
        let journal = Journal::default();
        // There is nothing to do at the first start.
        let (lease, _) = lease_rules::start(&journal, Limits::default());
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
            journal,
            seats: Seats::default(),
            tokens: HashMap::new(),
            feed: Feed::new(View::default()),
            store,
            browser: Browser::default(),
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

    /// Serves until the end, which it gives back.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
    ) -> (Ended, UploadReport) {
        if self.config.pod.is_some() {
            // The agent is on its way; a browser takes a second or two.
            self.start_browser();
        }
        self.publish();
        loop {
            let now = self.now();
            let wake = self.wake_at(now).map(|at| at.saturating_sub(now).min(LOOK));
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => self.end(Why::Signal, "Ended."),
                },
                () = async { sleep(wake.unwrap_or_default()).await }, if wake.is_some() => {}
            }
            self.on_time();
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

    fn command(&mut self, command: Command) {
        match command {
            Command::Issue { token, name, used } => {
                self.seats.issue(&token, name);
                self.tokens.insert(token, used);
            }
            Command::End { why, message } => {
                if why == Why::Signal {
                    // Whoever takes the pod away: it is nobody's wish in the page.
                    self.handoffs.operator_ends();
                }
                self.leave(why, &message);
            }
            Command::Enter { token, secrets, proof, reply } if self.config.pod.is_some() => {
                self.enter_by_ticket(&token, &secrets, proof.as_ref(), reply);
            }
            Command::Enter { token, secrets, proof: _, reply } => {
                self.enter(&token, &secrets, reply);
            }
            Command::ComeBack { proof, cookie, reply } => self.come_back(&proof, &cookie, reply),
            Command::Who { cookies, proof, needs_proof, reply } => {
                reply.send(self.who(&cookies, proof.as_ref(), needs_proof)).ok();
            }
            Command::Subscribe { seat, after, reply } => {
                let dismissed = self.dismissal(seat);
                reply.send((self.feed.subscribe(after), dismissed)).ok();
            }
            Command::Beat(seat) => self.beat(seat),
            Command::Beacon(seat) => self.beacon(seat),
            Command::Keep(on) => self.set_keep(on),
            Command::StopRun { by, reply } => {
                reply.send(self.stop_run(by)).ok();
            }
            Command::StopBrowser { reply } => {
                reply.send(self.stop_browser()).ok();
            }
            Command::TakeOver { seat, take_from_own, reply } => {
                self.take_over(seat, take_from_own, reply);
            }
            Command::Display { seat, reply } => {
                reply.send(self.display(seat)).ok();
            }
            Command::Input { seat, message } => self.input(seat, message),
            Command::File { path, reply } => {
                let found = self.store.find(&path);
                reply.send(found.map(|(artifact, path)| (artifact.clone(), path))).ok();
            }
            Command::MayControl { seat, reply } => {
                let may = self.lease.hold().is_some_and(|hold| hold.seat == seat);
                reply.send(if may { Ok(()) } else { Err(Problem::NOT_ALLOWED) }).ok();
            }
            Command::ControlOpened { seat, send, connection } => {
                self.control_opened(seat, send, connection);
            }
            Command::ControlSaid { seat, connection, text } => {
                self.control_said(seat, connection, &text);
            }
            Command::ControlClosed { seat, connection } => self.control_closed(seat, connection),
            Command::Picked { seat, message } => self.picked(seat, &message),
            Command::AgentConnected { connection, send } => self.agent_connected(connection, send),
            Command::AgentSaid { connection, frame } => self.agent_said(connection, &frame),
            Command::AgentClosed { connection } => self.agent_closed(connection),
            Command::AgentSession { epoch, session } => self.agent_session(epoch, session),
            Command::AgentInputWaits { reply } => {
                reply.send(self.browser.mux.agent_input_waits()).ok();
            }
            Command::AgentRelease { reply } => {
                reply.send(self.browser.mux.release(self.config.viewport)).ok();
            }
            Command::Sealed(manifest) => self.sealed(manifest),
            // What waits for it looks after every command.
            Command::Stored => {}
            Command::SealNow => self.seal_after_video(),
            Command::Challenge { nonce, reply } => {
                reply.send(self.challenge(nonce)).ok();
            }
            Command::Prove { challenge, signature, reply } => {
                let known = self.is_operator(&challenge, &signature);
                reply.send(known.then(|| self.reports.subscribe())).ok();
            }
            Command::Operator { said, reply } => {
                reply.send(self.operator(said)).ok();
            }
            Command::VideoTaken(report) => self.video_taken(report),
            Command::Supervisor { from } => self.supervisor(from),
            Command::SupervisorConnected(send) => self.supervisor_connected(send),
            Command::SupervisorClosed => self.supervisor_closed(),
            Command::ChromeConnected { generation, send } => {
                self.chrome_connected(generation, send);
            }
            Command::ChromeSaid { generation, frame } => self.chrome_said(generation, &frame),
            Command::ChromeClosed { generation } => self.chrome_closed(generation),
            Command::Prepared { generation, prepared } => self.prepared(generation, prepared),
            Command::Call(call) => self.call(call),
            Command::Lease(event) => self.step(event),
            Command::InjectorFailed { epoch } => self.injector_failed(epoch),
        }
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

    fn publish(&mut self) {
        let now = self.now();
        let holder = self.lease.hold().map(|hold| Holder {
            name: self.seats.name(hold.person),
            seat: hold.seat,
            deadline: hold.deadline,
            connected: hold.connected(),
        });
        let viewers = self.seats.present(now).filter_map(|seat| {
            let person = self.seats.person_of(seat)?;
            Some((seat, self.seats.name(person)))
        });
        let view = View {
            run: self.run.clone(),
            alive: self.lease.browser(),
            facts: self.browser.facts.clone(),
            ended: self.ended_json.clone(),
            owner: match self.lease.input() {
                Input::Free | Input::Clearing { .. } => "none",
                Input::Agent { .. } => "agent",
                Input::Human(_) => "human",
            },
            epoch: self.lease.epoch(),
            holder,
            viewers: viewers.collect(),
            keep: self.keep,
            idle_at: self.idle_at(),
            expiring: self.announced,
            video: self.video.clone(),
            player: self.store.find("player.html").is_some(),
        };
        self.feed.publish(view);
        let report = self.report();
        // Time passes by itself, and is told when it is asked for.
        self.reports.send_if_modified(|told| {
            let same = timeless(&report) == timeless(told);
            *told = report;
            !same
        });
    }

    /// Does something that takes time. What it sends back is another command.
    fn task(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    fn tell_agent(&self, message: &FromGate) {
        if let Some(agent) = &self.agent
            && let Ok(json) = serde_json::to_vec(message)
        {
            agent.send.send(crate::pod::contract::AgentFrame::Message(&json).encode()).ok();
        }
    }
}

/// A report without what changes by itself.
fn timeless(report: &Report) -> Report {
    Report {
        idle_ms: 0,
        told_idle_ms: report.told_idle_ms.map(|_| 0),
        cancelling_ms: report.cancelling_ms.map(|_| 0),
        agent_left_ms: report.agent_left_ms.map(|_| 0),
        ..report.clone()
    }
}
