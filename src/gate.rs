//! The only door of a run: it owns the input lease, stands between the agent and Chromium and
//! between people and the screen, and serves the takeover page and the run's files.
//!
//! # Expected flow
//! [`handle`] gives a [`Handle`] for the program around and [`Orders`] for [`run`], which serves
//! until the browser has ended. The agent connects to [`Config::agent_socket`], people to the
//! listener with an address from [`Handle::address`].
//!
//! # Guarantees
//! - Nothing reaches the browser but the lease holder's input, the gate's releases and its own few
//!   commands ([`session`]).
//! - Every request needs a seat, and a seat a one-use token ([`http`]); in a pod a ticket that the
//!   holder of a handoff has signed ([`ticket`]), or the operator's own key.
//! - When [`run`] returns, the browser's supervisor has been told to end.

mod cdp;
mod chrome;
mod downloads;
mod events;
mod handoffs;
mod hosts;
mod http;
pub mod in_pod;
mod inspect;
mod journal;
mod problem;
mod range;
mod rfb;
mod screen;
mod seats;
mod session;
mod store;
mod ticket;
pub mod upload;
mod view;
mod wire;

use std::{
    collections::HashSet,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::serve::ListenerExt as _;
use tokio::{
    io::BufReader,
    net::{TcpListener, UnixListener, UnixStream},
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    hosts::Hosts,
    http::Door,
    journal::Journal,
    session::{Command, Session},
    upload::{Before, Uploader},
};
pub use self::{
    http::shelf::Shelf,
    upload::{Pace, S3, Storage},
};
use crate::{
    clock::Clock,
    pod::contract::{Artifact, PublicKey, RFB_SOCKET, Size, UploadReport, places},
    redact::Redactor,
};

/// Commands that wait for the session; whoever has more to say waits too.
const BACKLOG: usize = 1024;
/// How long people wait at the door for a gate that was started again. Chromium and display answer in
/// tens of milliseconds; without them there is still something to be told.
const RECOVERY: Duration = Duration::from_secs(5);
/// How long open connections may take to end once the browser has.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the gate is told once.
#[derive(Debug)]
pub struct Config {
    /// The run that it is the door of.
    pub run: RunFacts,
    /// Where the supervisor's sockets are.
    pub browser_sockets: PathBuf,
    /// The socket that the gate makes for the agent; nothing is there yet.
    pub agent_socket: PathBuf,
    /// The run's directory; it exists.
    pub run_dir: PathBuf,
    /// Where the recorder leaves the video.
    pub media: PathBuf,
    /// Size of the page's contents.
    pub viewport: Size,
    /// Chromium accepts any certificate.
    pub insecure_tls: bool,
    /// Chromium's resolver rules.
    pub resolver_rules: Vec<String>,
    /// How long the browser of a finished run lives without a sign of life; `None` for as long as
    /// the program around says.
    pub keep_alive: Option<Duration>,
    /// Who opens addresses that name nobody else.
    pub user: String,
    /// Where the run's files go besides the run directory; `None` leaves them there.
    pub storage: Option<Storage>,
    /// The run's secrets, kept out of what Inspect offers.
    pub redactor: Arc<Redactor>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What there is besides in a pod; in `handback run` there is none.
    pub pod: Option<PodFacts>,
    /// The browser of an earlier run that this one goes on in; none, and a browser is started.
    pub takes_over: Option<Left>,
}

/// A living browser whose gate has ended ([`Handle::hand_on`]).
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Sessions that are still attached to it.
    sessions: Vec<String>,
}

/// Why a browser is not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotHandedOn {
    /// Its run goes on, or a person holds it.
    Busy,
    /// There is none any more.
    Gone,
}

/// What makes a pod's gate different: people come with tickets, and it ends only when the files are
/// saved.
#[derive(Clone, Debug)]
pub struct PodFacts {
    /// The pod's uid, which tickets are for.
    pub uid: String,
    /// Who may open the stream.
    pub operator_key: PublicKey,
    /// How long the run may take.
    pub active_deadline: Duration,
    /// Where the gate writes down what the next one has to know if it dies; `None` keeps nothing.
    pub journal: Option<PathBuf>,
}

/// The run, as people know it.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Lower-case ULID.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its URL, sanitised.
    pub url: String,
}

/// Why the gate could not serve.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The agent's socket could not be made.
    #[error("making the agent's socket {path}")]
    AgentSocket {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The listener is not usable.
    #[error("listening for people")]
    Listener(#[source] io::Error),
    /// The machine gave no random numbers.
    #[error("making a token: no random numbers")]
    Random,
    /// The journal of an earlier gate cannot be read: nobody knows what was promised.
    #[error("reading the gate's journal in {path}")]
    Journal {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The run directory is not complete.
    #[error("writing the manifest")]
    Manifest(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gate is gone.
    #[error("the gate has ended")]
    Gone,
}

impl GateError {
    /// One of a fixed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AgentSocket { .. } => "agent_socket",
            Self::Listener(_) => "listener",
            Self::Random => "random",
            Self::Journal { .. } => "journal",
            Self::Manifest(_) => "manifest",
            Self::Gone => "gone",
        }
    }
}

/// How the browser, and with it the gate, came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The kind of end.
    pub why: Why,
    /// A sentence for a person.
    pub message: String,
}

/// How it ended, and what became of the run's files.
#[derive(Clone, Debug)]
struct Saved {
    ended: Ended,
    report: UploadReport,
}

/// See [`Ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Why {
    /// Nobody gave a sign of life.
    Idle,
    /// Somebody pressed Stop.
    Stopped,
    /// The last page was closed, and nobody wanted it kept.
    Closed,
    /// It ended by itself.
    Lost,
    /// The program around ends.
    Signal,
    /// Another run goes on in the browser.
    HandedOn,
}

impl Why {
    /// As it stands in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Stopped => "stopped",
            Self::Closed => "closed",
            Self::Lost => "lost",
            Self::Signal => "signal",
            Self::HandedOn => "handed_on",
        }
    }
}

/// What the program around says to the gate. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    host: Arc<str>,
    user: Arc<str>,
    upload: watch::Receiver<UploadReport>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The other end of a [`Handle`], for [`run`].
pub struct Orders {
    commands: mpsc::Sender<Command>,
    receive: mpsc::Receiver<Command>,
    host: Arc<str>,
    upload: watch::Sender<UploadReport>,
}

impl fmt::Debug for Orders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Orders").field("host", &self.host).finish_non_exhaustive()
    }
}

/// An address that lets one page in.
pub struct Address {
    /// `http://<run id>.localhost:<port>/#t=<token>`. It is a secret until it is used.
    pub url: crate::secret::Secret<String>,
    /// Told when somebody came in with it.
    pub used: oneshot::Receiver<()>,
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Both ends of what is said to the gate of this run, behind this listener.
///
/// # Errors
/// When the listener has no address.
pub fn handle(config: &Config, listener: &TcpListener) -> Result<(Handle, Orders), GateError> {
    let port = listener.local_addr().map_err(GateError::Listener)?.port();
    // Cookies ignore ports: a host name of its own keeps the runs of one machine apart.
    let host: Arc<str> = format!("{}.localhost:{port}", config.run.id).into();
    let (commands, receive) = mpsc::channel(BACKLOG);
    let user = config.user.as_str().into();
    let (upload, state) = watch::channel(UploadReport::default());
    let handle =
        Handle { commands: commands.clone(), host: Arc::clone(&host), user, upload: state };
    Ok((handle, Orders { commands, receive, host, upload }))
}

impl Handle {
    /// A new address for one page of the user's, which goes on to `path` if there is one (for
    /// example `/runs/<run id>/player.html`).
    ///
    /// # Errors
    /// When the gate has ended.
    pub async fn address(&self, path: Option<&str>) -> Result<Address, GateError> {
        self.address_for(&self.user, path).await
    }

    /// The same for somebody else, who is shown under this name.
    ///
    /// # Errors
    /// When the gate has ended.
    pub async fn address_for(&self, name: &str, path: Option<&str>) -> Result<Address, GateError> {
        let token = http::random().map_err(|_| GateError::Random)?;
        let (used, wait) = oneshot::channel();
        let path = path.map_or_else(String::new, |path| format!("&p={path}"));
        let url = format!("http://{}/#t={token}{path}", self.host);
        let command = Command::Issue { token, name: name.into(), used };
        self.commands.send(command).await.map_err(|_| GateError::Gone)?;
        Ok(Address { url: crate::secret::Secret::new(url), used: wait })
    }

    /// What becomes of the run's files, now and whenever that changes.
    pub fn upload(&self) -> watch::Receiver<UploadReport> {
        self.upload.clone()
    }

    /// The URL of the browser's first tab.
    pub async fn page(&self) -> Option<String> {
        let (reply, wait) = oneshot::channel();
        self.commands.send(Command::Page { reply }).await.ok()?;
        wait.await.ok().flatten()
    }

    /// Ends the gate of a finished run and leaves its browser to another one: see
    /// [`Config::takes_over`].
    ///
    /// # Errors
    /// When somebody needs the browser, or there is none; then nothing has changed.
    pub async fn hand_on(&self) -> Result<Left, NotHandedOn> {
        let (reply, wait) = oneshot::channel();
        let sent = self.commands.send(Command::HandOn { reply }).await;
        sent.map_err(|_| NotHandedOn::Gone)?;
        let sessions = wait.await.map_err(|_| NotHandedOn::Gone)??;
        Ok(Left { sessions })
    }

    /// Ends the browser and then the gate; a second time it does nothing.
    pub async fn end(&self, why: Why, message: &str) {
        // A gate that is gone has ended.
        self.commands.send(Command::End { why, message: message.to_owned() }).await.ok();
    }
}

/// Writes the manifest of a run that ended before there was a browser to open a door to. Blocks.
///
/// # Errors
/// When a file cannot be summed or the manifest cannot be written.
pub fn seal(
    run_dir: &std::path::Path,
    run: &str,
    files: impl IntoIterator<Item = Artifact>,
) -> Result<(), GateError> {
    let mut store = store::Store::new(run_dir.to_owned());
    for file in files {
        store.register(file);
    }
    store.seal(run).map(drop).map_err(|error| GateError::Manifest(Box::new(error)))
}

/// Serves until the browser has ended, or until `shutdown` is cancelled and the browser has ended
/// because of that. With [`Config::storage`] the browser ends when the run's files are stored, or the
/// time for that is over.
///
/// # Errors
/// When the agent's socket cannot be made.
pub async fn run(
    config: Config,
    listener: TcpListener,
    orders: Orders,
    shutdown: CancellationToken,
) -> Result<Ended, GateError> {
    run_and_save(config, listener, orders, shutdown).await.map(|saved| saved.ended)
}

async fn run_and_save(
    config: Config,
    listener: TcpListener,
    orders: Orders,
    shutdown: CancellationToken,
) -> Result<Saved, GateError> {
    let Orders { commands, receive, host, upload } = orders;
    let path = config.agent_socket.clone();
    let failed = |source| GateError::AgentSocket { path: path.clone(), source };
    let agents = wire::listen(&config.agent_socket).map_err(failed)?;
    let directory = config.pod.as_ref().and_then(|pod| pod.journal.clone());
    let (journal, saved) = match directory {
        None => (Journal::default(), None),
        Some(path) => Journal::open(&path).map_err(|source| GateError::Journal { path, source })?,
    };
    let config = Arc::new(config);
    let tasks = TaskTracker::new();
    let closing = CancellationToken::new();
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| GateError::Random)?;
    let own = places::GATE_HOST.split('.').next().unwrap_or_default().to_owned();
    let names = watch::Sender::new(HashSet::from([own]));
    let door = Door {
        commands: commands.clone(),
        hosts: match &config.pod {
            Some(_) => Hosts::Labels(names.subscribe()),
            None => Hosts::One(host),
        },
        in_pod: config.pod.is_some(),
        run: config.run.id.as_str().into(),
        clock: Arc::clone(&config.clock),
        display: Arc::new(config.browser_sockets.join(RFB_SOCKET)),
        run_dir: Arc::new(config.run_dir.clone()),
        sums: http::Sums::default(),
        tasks: tasks.clone(),
    };
    // Small messages both ways: waiting for more of them costs 40 ms each.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    // Whoever comes waits until everything is there again that an earlier gate has left.
    let open = CancellationToken::new();
    let (recovered, over) = (open.clone(), closing.clone());
    let mut server = tokio::task::JoinSet::from_iter([async move {
        tokio::select! {
            _ = timeout(RECOVERY, recovered.cancelled()) => {}
            () = over.cancelled() => {}
        }
        axum::serve(listener, http::app(door)).with_graceful_shutdown(over.cancelled_owned()).await
    }]);
    let accepting = closing.clone();
    let (accepted, accept_tasks) = (commands.clone(), tasks.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = accept(agents, accepted, accept_tasks) => {}
            () = accepting.cancelled() => {}
        }
    });
    let stopping = commands.clone();
    let closed = closing.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {
                let message = "The program was ended.".to_owned();
                stopping.send(Command::End { why: Why::Signal, message }).await.ok();
            }
            () = closed.cancelled() => {}
        }
    });
    let before = match &saved {
        None => Before::Nothing,
        Some(saved) => saved.facts.upload.clone().map_or(Before::Something, Before::Settled),
    };
    let (uploader, uploading) =
        Uploader::start(config.storage.as_ref(), config.run_dir.clone(), upload, before);
    if let Some(uploading) = uploading {
        let settled = commands.clone();
        tasks.spawn(async move {
            uploading.await;
            settled.send(Command::Stored).await.ok();
        });
    }
    let session = Session::new(config, uploader, commands, tasks.clone(), &secret, names, journal);
    let (ended, report) = session.run(receive, saved, open).await;
    closing.cancel();
    tasks.close();
    // Pages hear the end first; those that do not listen are not waited for.
    let ends = timeout(FAREWELL, async {
        tokio::join!(server.join_next(), tasks.wait());
    });
    if ends.await.is_err() {
        tracing::debug!(tasks = tasks.len(), "what is still open is not waited for any longer");
    }
    Ok(Saved { ended, report })
}

/// Tells connections apart.
fn next_connection() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

async fn accept(agents: UnixListener, commands: mpsc::Sender<Command>, tasks: TaskTracker) {
    while let Ok((stream, _)) = agents.accept().await {
        tasks.spawn(listen(stream, commands.clone(), tasks.clone()));
    }
}

/// One connection of the agent's.
async fn listen(stream: UnixStream, commands: mpsc::Sender<Command>, tasks: TaskTracker) {
    let connection = next_connection();
    let (read, write) = stream.into_split();
    let (send, frames) = mpsc::unbounded_channel();
    tasks.spawn(wire::write(write, frames));
    if commands.send(Command::AgentConnected { connection, send }).await.is_err() {
        return;
    }
    let mut read = BufReader::with_capacity(64 << 10, read);
    while let Ok(Some(frame)) = wire::read(&mut read, 0).await {
        if commands.send(Command::AgentSaid { connection, frame }).await.is_err() {
            return;
        }
    }
    commands.send(Command::AgentClosed { connection }).await.ok();
}
