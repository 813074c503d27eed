//! The session and the browser: its supervisor's messages, the debugging pipe, what it is ready for.

use std::io;

use serde_json::value::RawValue;
use tokio::{
    io::BufReader,
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    super::{
        Left, Why,
        cdp::{ChromeError, Mux, Out},
        chrome::{Call, Chrome, Prepared},
        store::Store,
        wire,
    },
    Command, Display, Problem, Session,
};
use crate::{
    decide::lease::{Close, Event, Input, Seat},
    pod::contract::{
        AgentFrame, BrowserFacts, CDP_SOCKET, CONTROL_SOCKET, DOWNLOADS, FromBrowser, FromGate,
        RecordingState, ToBrowser, VideoReport, VideoStatus,
    },
};

const SUPERVISOR_ENDED: &str = "The browser's supervisor has ended.";

/// What the session knows of the browser.
pub(super) struct Browser {
    supervisor: Supervisor,
    pub(super) mux: Mux,
    pub(super) facts: Option<BrowserFacts>,
    pub(super) size: watch::Sender<(u16, u16)>,
    chrome: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// Counts the browsers of this run, so that what is said of an earlier one is known as such.
    generation: u64,
    /// Sessions of a gate before this one, until they are detached.
    pub(super) left: Vec<String>,
    /// There is one already, which the run before has left.
    inherited: bool,
    /// It was asked for, and is neither ready nor known to have failed.
    starting: bool,
    /// Its pipe has closed and its supervisor has not said why yet.
    exit_awaited: bool,
    /// Cancelled when this browser ends: viewers are told.
    gone: CancellationToken,
}

#[derive(Default)]
enum Supervisor {
    #[default]
    Absent,
    /// Connecting, with what is to be said first.
    Connecting(Vec<ToBrowser>),
    Connected(mpsc::UnboundedSender<Vec<u8>>),
    Down,
}

impl Default for Browser {
    fn default() -> Self {
        Self {
            supervisor: Supervisor::default(),
            mux: Mux::default(),
            facts: None,
            size: watch::Sender::new((0, 0)),
            chrome: None,
            generation: 0,
            left: Vec::new(),
            inherited: false,
            starting: false,
            exit_awaited: false,
            gone: CancellationToken::new(),
        }
    }
}

impl Browser {
    /// That of the run before, if there is one to be taken over.
    pub(super) fn inherited(left: Option<&Left>) -> Self {
        let sessions = left.map(|left| left.sessions.clone()).unwrap_or_default();
        Self { left: sessions, inherited: left.is_some(), ..Self::default() }
    }

    /// Whether it will be ready, or fail, without being asked for again.
    pub(super) fn is_starting(&self) -> bool {
        self.starting
    }

    /// The size in which the display was made; a person may have changed it since.
    pub(super) fn desktop(&self) -> (u16, u16) {
        let side = |pixels| u16::try_from(pixels).unwrap_or(u16::MAX);
        let size = self.facts.as_ref().and_then(|facts| facts.display);
        size.map_or((0, 0), |size| (side(size.width), side(size.height)))
    }

    /// The sessions that another gate would have to detach.
    pub(super) fn loose_sessions(&self) -> Vec<String> {
        self.left.iter().chain(self.mux.loose_sessions()).cloned().collect()
    }

    /// Leaves it to whoever connects next.
    pub(super) fn let_go(&mut self) {
        self.gone.cancel();
        self.chrome = None;
        self.supervisor = Supervisor::Down;
    }

    /// Whether nothing of it is left to wait for.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.supervisor, Supervisor::Absent | Supervisor::Down)
    }
}

impl Session {
    /// The present browser.
    pub(super) fn chrome(&self) -> Chrome {
        Chrome::new(self.commands.clone(), self.browser.generation)
    }

    /// Asks the supervisor for a browser, once it has done with the one before: until then its
    /// answer would be about that one.
    pub(super) fn start_browser(&mut self) {
        if self.browser.exit_awaited {
            return;
        }
        if matches!(self.browser.supervisor, Supervisor::Down) {
            return self.browser_failed(SUPERVISOR_ENDED.to_owned());
        }
        self.browser.starting = true;
        if std::mem::take(&mut self.browser.inherited) {
            // That of the run before. Should it be gone, the next attempt starts one.
            return self.tell_supervisor(ToBrowser::Rejoin);
        }
        let start = ToBrowser::Start {
            viewport: self.config.viewport,
            insecure_tls: self.config.insecure_tls,
            resolver_rules: self.config.resolver_rules.clone(),
        };
        self.tell_supervisor(start);
    }

    /// A browser is there already, and will be ready soon or is known to have failed.
    pub(super) fn await_browser(&mut self) {
        self.browser.starting = true;
    }

    /// Says something to the supervisor, connecting first if need be.
    pub(super) fn tell_supervisor(&mut self, message: ToBrowser) {
        match &mut self.browser.supervisor {
            Supervisor::Absent => {
                self.browser.supervisor = Supervisor::Connecting(vec![message]);
                let socket = self.config.browser_sockets.join(CONTROL_SOCKET);
                let commands = self.commands.clone();
                self.task(async move { supervise(&socket, commands).await });
            }
            Supervisor::Connecting(first) => first.push(message),
            Supervisor::Connected(send) => {
                send.send(line(&message)).ok();
            }
            Supervisor::Down => {}
        }
    }

    pub(super) fn supervisor_connected(&mut self, send: mpsc::UnboundedSender<Vec<u8>>) {
        if let Supervisor::Connecting(first) = &self.browser.supervisor {
            for message in first {
                send.send(line(message)).ok();
            }
            self.browser.supervisor = Supervisor::Connected(send);
        }
    }

    /// The supervisor is asked to end; the session ends when it has.
    pub(super) fn stop_supervisor(&mut self) {
        self.browser.gone.cancel();
        match &self.browser.supervisor {
            Supervisor::Absent => self.browser.supervisor = Supervisor::Down,
            Supervisor::Connecting(_) | Supervisor::Connected(_) => {
                self.tell_supervisor(ToBrowser::Stop);
                let commands = self.commands.clone();
                self.task(async move {
                    tokio::select! {
                        // The session is over, and nobody waits for its tasks in vain.
                        () = commands.closed() => {}
                        // Ending takes a second; one that hangs is ended by whoever started it.
                        () = tokio::time::sleep(std::time::Duration::from_secs(10)) => {
                            commands.send(Command::SupervisorClosed).await.ok();
                        }
                    }
                });
            }
            Supervisor::Down => {}
        }
    }

    pub(super) fn supervisor_closed(&mut self) {
        self.browser.supervisor = Supervisor::Down;
        self.browser.exit_awaited = false;
        self.lose_browser(SUPERVISOR_ENDED);
        self.answer_for_video();
    }

    /// Whether anything said to the supervisor would be heard.
    pub(super) fn has_supervisor(&self) -> bool {
        matches!(self.browser.supervisor, Supervisor::Connecting(_) | Supervisor::Connected(_))
    }

    pub(super) fn supervisor(&mut self, from: io::Result<FromBrowser>) {
        match from {
            Ok(FromBrowser::Ready(facts)) => self.browser_ready(facts),
            Ok(FromBrowser::Failed { message }) => self.browser_failed(message),
            Ok(FromBrowser::Exited { who, reason }) => {
                info!(run = %self.run.id, %who, %reason, "the browser has ended");
                if std::mem::take(&mut self.browser.exit_awaited) {
                    // That it is lost has been said when its pipe closed.
                    if self.agent.as_ref().is_some_and(|agent| agent.waits_for_browser) {
                        self.start_browser();
                    }
                    return;
                }
                self.lose_browser(&format!("{who}: {reason}"));
            }
            Ok(FromBrowser::MemoryKill) => self.tell_agent(&FromGate::MemoryKill),
            Ok(FromBrowser::Recording(recording)) => {
                self.video.status = match recording.state {
                    RecordingState::Started | RecordingState::Paused => "recording",
                    RecordingState::Unavailable => "unavailable",
                    RecordingState::Failed => "failed",
                };
                self.video.reason.clone_from(&recording.reason);
                self.tell_agent(&FromGate::Recording(recording));
            }
            Ok(FromBrowser::VideoClosed(report)) => self.video_closed(report),
            Err(error) => {
                warn!(%error, "the browser's supervisor cannot be understood");
                self.supervisor_closed();
            }
        }
    }

    fn browser_ready(&mut self, facts: BrowserFacts) {
        self.browser.generation += 1;
        self.browser.mux = Mux::default();
        self.browser.gone = CancellationToken::new();
        if let Some(reason) = &facts.video_unavailable {
            self.video.status = "unavailable";
            self.video.reason = Some(reason.clone());
        }
        self.browser.facts = Some(facts);
        self.browser.size.send_replace(self.browser.desktop());
        let generation = self.browser.generation;
        let socket = self.config.browser_sockets.join(CDP_SOCKET);
        let (chrome, viewport) = (self.chrome(), self.config.viewport);
        let downloads = self.config.media.join(DOWNLOADS);
        let commands = self.commands.clone();
        let tasks = self.tasks.clone();
        let (left, rejoining) = (self.browser.left.clone(), self.rejoining);
        self.task(async move {
            let Ok(stream) = wire::connect(&socket).await else {
                commands.send(Command::ChromeClosed { generation }).await.ok();
                return;
            };
            let (read, write) = stream.into_split();
            let (send, frames) = mpsc::unbounded_channel();
            tasks.spawn(wire::write(write, frames));
            commands.send(Command::ChromeConnected { generation, send }).await.ok();
            let preparing = commands.clone();
            tasks.spawn(async move {
                let prepared = if rejoining {
                    chrome.take_up(left, &downloads).await
                } else {
                    chrome.prepare(viewport, left, &downloads).await
                };
                preparing.send(Command::Prepared { generation, prepared }).await.ok();
            });
            let mut read = BufReader::with_capacity(64 << 10, read);
            let reading = async {
                while let Ok(Some(frame)) = wire::read(&mut read, 0).await {
                    if commands.send(Command::ChromeSaid { generation, frame }).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = reading => {}
                // The next gate connects when this one has gone.
                () = commands.closed() => {}
            }
            commands.send(Command::ChromeClosed { generation }).await.ok();
        });
    }

    pub(super) fn chrome_connected(
        &mut self,
        generation: u64,
        send: mpsc::UnboundedSender<Vec<u8>>,
    ) {
        if generation == self.browser.generation && self.ended.is_none() {
            self.browser.chrome = Some(send);
        }
    }

    pub(super) fn prepared(&mut self, generation: u64, prepared: Result<Prepared, ChromeError>) {
        if generation != self.browser.generation {
            return;
        }
        match prepared {
            Ok(prepared) => {
                if let Some(target) = prepared.browser_target {
                    self.browser.mux.guard_target(target);
                }
                if let Some(session) = prepared.kept_session {
                    self.browser.mux.keep_session(&session);
                }
                self.browser.left.clear();
                self.browser.starting = false;
                self.rejoined();
                self.step(Event::BrowserReady);
            }
            Err(error) => {
                self.browser.chrome = None;
                self.browser_failed(format!("The browser could not be set up: {error}."));
            }
        }
    }

    fn browser_failed(&mut self, reason: String) {
        self.browser.starting = false;
        self.not_rejoined(&reason);
        if let Some(agent) = &mut self.agent
            && std::mem::take(&mut agent.waits_for_browser)
        {
            self.tell_agent(&FromGate::BrowserLost { reason, was_ready: false });
        }
    }

    /// The browser is gone without having been asked to go.
    fn lose_browser(&mut self, message: &str) {
        self.browser.starting = false;
        self.browser.generation += 1;
        self.browser.chrome = None;
        self.browser.gone.cancel();
        self.browser.left.clear();
        let was_ready = self.lease.browser();
        self.step(Event::BrowserGone(Close::BrowserLost));
        self.browser.mux = Mux::default();
        if !was_ready {
            return self.browser_failed(message.to_owned());
        }
        let reason = message.to_owned();
        self.tell_agent(&FromGate::BrowserLost { reason, was_ready: true });
        if self.finished.is_some() && self.ended.is_none() {
            self.browser_ended(Why::Lost, message);
        }
    }

    pub(super) fn chrome_closed(&mut self, generation: u64) {
        if generation == self.browser.generation {
            // Its supervisor says why, if it still can.
            self.browser.exit_awaited = true;
            if self.ended.is_none() {
                self.lose_browser("Chromium has ended.");
            }
        }
    }

    pub(super) fn to_chrome(&self, mut frame: Vec<u8>) {
        if let Some(chrome) = &self.browser.chrome {
            frame.push(0);
            chrome.send(frame).ok();
        }
    }

    pub(super) fn chrome_said(&mut self, generation: u64, frame: &[u8]) {
        if generation != self.browser.generation {
            return;
        }
        match self.browser.mux.sort(frame) {
            Some(Out::Agent(json)) => {
                // From the revoke on nothing of the page reaches the agent.
                let holds = matches!(self.lease.input(), Input::Agent { .. });
                if let Some(agent) = self.agent.as_ref().filter(|_| holds) {
                    let frame = AgentFrame::Cdp { epoch: None, json: &json };
                    agent.send.send(frame.encode()).ok();
                }
            }
            Some(Out::Event { session, method, params }) => {
                self.chrome_event(session.as_deref(), &method, &params);
            }
            Some(Out::Browser(_)) | None => {}
        }
    }

    fn chrome_event(&mut self, session: Option<&str>, method: &str, params: &RawValue) {
        match (session, method) {
            (Some(session), "Overlay.inspectNodeRequested") => self.node_picked(session, params),
            // Chromium's pipe outlives this gate, and so do sessions: the next one has to know them.
            (None, "Target.attachedToTarget" | "Target.detachedFromTarget") => self.keep_journal(),
            (None, "Browser.downloadWillBegin") => self.download_began(params),
            (None, "Browser.downloadProgress") => self.download_progressed(params),
            _ => {}
        }
    }

    /// A command of the gate's own.
    pub(super) fn call(&mut self, call: Call) {
        let Call { generation, acting, session, method, params, answer } = call;
        let now = self.now();
        let acts = acting.is_none_or(|seat| self.lease.human_input(seat, now));
        if generation != self.browser.generation || self.browser.chrome.is_none() {
            answer.send(Err(ChromeError::Gone)).ok();
        } else if acts {
            let frame = self.browser.mux.call(session.as_deref(), method, &params, answer);
            self.to_chrome(frame);
        } else {
            answer.send(Err(ChromeError::Refused(method))).ok();
        }
    }

    /// Where a viewer finds the pixels.
    pub(super) fn display(&mut self, seat: Seat) -> Result<Display, Problem> {
        if self.ended_json.is_some() {
            return Err(Problem::GONE);
        }
        let facts = self.browser.facts.as_ref().filter(|_| self.lease.browser());
        if facts.is_none_or(|facts| facts.display.is_none()) {
            return Err(Problem::DISPLAY);
        }
        let dismissed = self.dismissal(seat);
        let size = self.browser.size.subscribe();
        Ok(Display { size, gone: self.browser.gone.clone(), dismissed })
    }

    fn video_closed(&mut self, report: VideoReport) {
        let (store, media) = (self.store.clone(), self.config.media.clone());
        let (commands, keep) = (self.commands.clone(), self.keep_video);
        self.task(async move {
            let name = report.file.clone();
            let taken = match name {
                Some(name) => {
                    tokio::task::spawn_blocking(move || {
                        if keep {
                            store.take_video(&media, &name)
                        } else {
                            Store::discard(&media, &name)
                        }
                    })
                    .await
                }
                None => Ok(Ok(())),
            };
            let report = if keep { report } else { discarded(report) };
            let report = match taken {
                Ok(Ok(())) => report,
                Ok(Err(error)) => lost(report, &error.to_string()),
                Err(_) => lost(report, "taking it was interrupted"),
            };
            commands.send(Command::VideoTaken(report)).await.ok();
        });
    }
}

/// Nobody wants the video of this run.
fn discarded(mut report: VideoReport) -> VideoReport {
    if report.status == VideoStatus::Recorded {
        report.status = VideoStatus::Off;
        report.reason = Some("The run passed, and only a video of failure is kept.".to_owned());
        report.file = None;
    }
    report
}

fn lost(mut report: VideoReport, why: &str) -> VideoReport {
    warn!(%why, "the video could not be put into the run directory");
    report.reason = Some(format!("The video was recorded, but not kept: {why}."));
    report.status = VideoStatus::Failed;
    report.file = None;
    report
}

fn line(message: &ToBrowser) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Connects to the supervisor and passes on what it says.
async fn supervise(socket: &std::path::Path, commands: mpsc::Sender<Command>) {
    let stream = match wire::connect(socket).await {
        Ok(stream) => stream,
        Err(error) => {
            warn!(%error, "no browser supervisor");
            commands.send(Command::SupervisorClosed).await.ok();
            return;
        }
    };
    let (read, write) = stream.into_split();
    let (send, lines) = mpsc::unbounded_channel();
    commands.send(Command::SupervisorConnected(send)).await.ok();
    let reading = async {
        let mut read = BufReader::new(read);
        while let Ok(Some(line)) = wire::read(&mut read, b'\n').await {
            let from = serde_json::from_slice(&line).map_err(io::Error::from);
            if commands.send(Command::Supervisor { from }).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        wire::write(write, lines).await;
        // Its last words are read to the end.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
        () = commands.closed() => {}
    }
    commands.send(Command::SupervisorClosed).await.ok();
}
