//! The agent's connection to the gate: browser frames under the lease's epoch, and the messages of
//! [`contract`](crate::pod::contract).
//!
//! # Expected flow
//! [`Link::open`] says hello; [`Link::granted`] gives the browser as a [`Wire`]. Each tool call
//! stands between [`Link::begin`] and [`Link::end`]; at the end [`Link::close_video`], then
//! [`Link::finished`], which returns when the manifest is written.
//!
//! # Guarantees
//! - A frame that was handed to the wire before [`Link::end`] leaves before it: the writer empties
//!   the wire before each message.
//! - An answer finds its question: the question is noted before it is sent, and the reader takes
//!   notes before it reads an answer.
//! - When the connection ends, every open question is answered with [`Lost`] and the wire closes.

mod pump;

use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot},
};
use tokio_util::task::TaskTracker;

use crate::{
    page::cdp::Wire,
    pod::contract::{BrowserFacts, Recording, StoppedBy, ToGate, VideoReport},
};
use pump::{Outgoing, Question};

/// A handle; the connection lives in two tasks until every handle is gone.
#[derive(Clone, Debug)]
pub struct Link {
    send: mpsc::UnboundedSender<Outgoing>,
    ask: mpsc::UnboundedSender<Question>,
}

/// What the gate tells without being asked.
#[derive(Debug)]
pub enum Notice {
    /// Somebody pressed Stop run.
    StopRun {
        /// Who.
        by: String,
        /// On which side of the door they are.
        stopped_by: StoppedBy,
    },
    /// The run may take longer.
    Deadline {
        /// From its start, in seconds.
        seconds: u64,
    },
    /// The browser has ended, or could not be started.
    BrowserLost {
        /// For a person.
        reason: String,
        /// False if it never was ready.
        was_ready: bool,
    },
    /// The memory limit of the browser's container was reached.
    MemoryKill,
    /// The recorder changed state.
    Recording(Recording),
    /// The lease went to somebody else.
    Revoked {
        /// The epoch after the change.
        epoch: u64,
    },
    /// The gate is gone.
    Lost,
}

/// The browser, for as long as the lease lasts.
#[derive(Debug)]
pub struct Grant {
    /// What is known about it.
    pub browser: BrowserFacts,
    /// The connection to it.
    pub wire: Wire,
}

/// Why the agent did not get a browser.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoBrowser {
    /// It could not be started, or is gone.
    #[error("{reason}")]
    Failed {
        /// For a person.
        reason: String,
    },
    /// See [`Lost`].
    #[error("the gate has ended")]
    Lost,
}

/// The gate has ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the gate has ended")]
pub struct Lost;

/// Why a tool call may not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else holds the lease, or it is being taken: the gate's word for it.
    Lease(String),
    /// See [`Lost`].
    Lost,
}

impl Link {
    /// Says hello over a connection to the gate. Notices come out of the second half.
    pub fn open(
        stream: UnixStream,
        hello: ToGate,
        tasks: &TaskTracker,
    ) -> (Self, mpsc::UnboundedReceiver<Notice>) {
        let (read, write) = stream.into_split();
        let (send, outgoing) = mpsc::unbounded_channel();
        let (ask, questions) = mpsc::unbounded_channel();
        let (notices, notified) = mpsc::unbounded_channel();
        // The reader needs the writer only for new wires; a weak end lets the writer stop when the
        // last handle is gone.
        let rewire = send.downgrade();
        tasks.spawn(pump::write(write, outgoing));
        tasks.spawn(pump::read(read, questions, notices, rewire));
        let link = Self { send, ask };
        link.tell(hello);
        (link, notified)
    }

    /// Sends something that has no answer. Nothing happens if the gate is gone: [`Notice::Lost`]
    /// says so.
    pub fn tell(&self, message: ToGate) {
        self.send.send(Outgoing::Message(Box::new(message))).ok();
    }

    /// Waits for the lease and the browser.
    ///
    /// # Errors
    /// If there is no browser to be had.
    pub async fn granted(&self) -> Result<Grant, NoBrowser> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question::Grant(answer)).ok();
        answered.await.unwrap_or(Err(NoBrowser::Lost))
    }

    /// Asks for another browser in place of one that is gone.
    ///
    /// # Errors
    /// As for [`Self::granted`].
    pub async fn replace_browser(&self) -> Result<Grant, NoBrowser> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question::Grant(answer)).ok();
        self.tell(ToGate::ReplaceBrowser);
        answered.await.unwrap_or(Err(NoBrowser::Lost))
    }

    /// Opens a tool call.
    ///
    /// # Errors
    /// If the agent does not hold the browser.
    pub async fn begin(&self, id: u64, tool: &str) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question::Tool(id, answer)).ok();
        self.tell(ToGate::ToolBegin { id, tool: tool.to_owned() });
        answered.await.unwrap_or(Err(Refused::Lost))
    }

    /// Closes a tool call.
    pub fn end(&self, id: u64) {
        self.tell(ToGate::ToolEnd { id });
    }

    /// Starts recording and waits until frames are recorded, or it is known that none will be.
    ///
    /// # Errors
    /// If the gate is gone.
    pub async fn record(&self) -> Result<Recording, Lost> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question::Record(answer)).ok();
        self.tell(ToGate::Record);
        answered.await.map_err(|_| Lost)
    }

    /// Ends recording. The file, if there is one and it is to be kept, is in the run directory then.
    ///
    /// # Errors
    /// If the gate is gone.
    pub async fn close_video(&self, keep: bool) -> Result<VideoReport, Lost> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question::Video(answer)).ok();
        self.tell(ToGate::CloseVideo { keep });
        answered.await.map_err(|_| Lost)
    }

    /// Says that results.json is written, and waits for the manifest.
    ///
    /// # Errors
    /// If the gate is gone.
    pub async fn finished(&self, message: ToGate) -> Result<(), Lost> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(Question::Sealed(answer)).ok();
        self.tell(message);
        answered.await.map_err(|_| Lost)
    }
}
