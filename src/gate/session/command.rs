//! What can be said to the session, by whom, and who sees to it.

use std::{io, sync::Arc, time::Duration};

use axum::extract::ws::Message as Frame;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        NotHandedOn, Why,
        cdp::ChromeError,
        chrome::{Call, Prepared},
        events::Subscription,
        problem::Problem,
        rfb::message::Message,
        seats::Secrets,
        store::{Manifest, StoreError},
    },
    Session,
};
use crate::{
    decide::lease::{Epoch, Event, Seat},
    pod::contract::{
        AgentFrame, Artifact, FromBrowser, VideoReport,
        stream::{Report, ToGateStream},
    },
};

/// What a proof of identity is made of.
#[derive(Clone, Debug)]
pub(in crate::gate) struct Proof {
    pub(in crate::gate) seat: Seat,
    pub(in crate::gate) secret: String,
}

/// Everything that can be said to the session.
pub(in crate::gate) enum Command {
    // The program that the gate runs in.
    /// A one-use token for this name.
    Issue {
        token: String,
        name: Arc<str>,
        used: oneshot::Sender<()>,
    },
    /// What the first tab shows.
    Page {
        reply: oneshot::Sender<Option<String>>,
    },
    /// The end of this gate, not of its browser. The answer: sessions that it leaves.
    HandOn {
        reply: oneshot::Sender<Result<Vec<String>, NotHandedOn>>,
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
    /// A download is in the run directory, or could not be put there.
    DownloadTaken {
        guid: String,
        taken: Result<(u64, String), StoreError>,
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

impl Command {
    /// It comes by the hundred, and changes nothing that is kept but by way of the lease.
    pub(super) fn is_frequent(&self) -> bool {
        let cdp =
            |frame: &[u8]| matches!(AgentFrame::from_agent(frame), Some(AgentFrame::Cdp { .. }));
        matches!(
            self,
            Self::ChromeSaid { .. } | Self::Input { .. } | Self::Call(_) | Self::Who { .. }
        ) || matches!(self, Self::AgentSaid { frame, .. } if cdp(frame))
    }
}

/// An answer that may be a refusal.
pub(in crate::gate) type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// A person came in.
#[derive(Debug)]
pub(in crate::gate) struct Entered {
    pub(in crate::gate) seat: Seat,
    pub(in crate::gate) name: Arc<str>,
    pub(in crate::gate) state: Value,
}

/// A person holds the input.
#[derive(Clone, Copy, Debug)]
pub(in crate::gate) struct Granted {
    pub(in crate::gate) epoch: Epoch,
    pub(in crate::gate) left: Duration,
}

/// Where the pixels are.
#[derive(Debug)]
pub(in crate::gate) struct Display {
    pub(in crate::gate) size: watch::Receiver<(u16, u16)>,
    pub(in crate::gate) gone: CancellationToken,
    /// Cancelled when this page has to go.
    pub(in crate::gate) dismissed: CancellationToken,
}

impl Session {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Issue { token, name, used } => {
                self.seats.issue(&token, name);
                self.tokens.insert(token, used);
            }
            Command::Page { reply } => {
                let chrome = self.chrome();
                self.task(async move { drop(reply.send(chrome.first_url().await)) });
            }
            Command::HandOn { reply } => drop(reply.send(self.hand_on())),
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
            Command::DownloadTaken { guid, taken } => self.download_taken(&guid, taken),
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
}
