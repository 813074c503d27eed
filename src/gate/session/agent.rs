//! The session and the agent: the messages of the contract.

use tokio::sync::mpsc;
use tracing::warn;

use super::{Agent, Session};
use crate::{
    decide::lease::{Epoch, Event, Input, Tool},
    gate::{cdp::ChromeError, store::VIDEO},
    pod::contract::{AgentFrame, Artifact, FromGate, ToBrowser, ToGate, VideoReport, VideoStatus},
};

impl Session {
    /// Only one agent is connected at a time; a later one takes the earlier one's place.
    pub(super) fn agent_connected(
        &mut self,
        connection: u64,
        send: mpsc::UnboundedSender<Vec<u8>>,
    ) {
        if self.finished.is_some() {
            // The run is over: nobody else acts in its name.
            return;
        }
        if self.agent.is_some() {
            self.step(Event::AgentGone);
        }
        self.agent =
            Some(Agent { connection, send, waits_for_browser: false, waits_for_video: false });
        self.watch_deadline();
        self.tell_cancelled();
    }

    pub(super) fn agent_said(&mut self, connection: u64, frame: &[u8]) {
        if self.agent.as_ref().is_none_or(|agent| agent.connection != connection) {
            return;
        }
        let understood = match AgentFrame::from_agent(frame) {
            Some(AgentFrame::Cdp { epoch: Some(epoch), json }) => self.agent_frame(epoch, json),
            Some(AgentFrame::Message(json)) => match serde_json::from_slice(json) {
                Ok(message) => {
                    self.agent_message(message);
                    true
                }
                Err(_) => false,
            },
            Some(AgentFrame::Cdp { epoch: None, .. }) | None => false,
        };
        if !understood {
            warn!("the agent sent something that is not of the contract; its connection is closed");
            self.agent_closed(connection);
        }
    }

    fn agent_message(&mut self, message: ToGate) {
        match message {
            ToGate::Hello { run, name, url } => {
                if run != self.run.id {
                    warn!("the agent of another run has connected");
                    self.agent = None;
                    return;
                }
                (self.run.name, self.run.url) = (name, url);
                self.want_browser();
                self.step(Event::AgentAttached);
                if !self.lease.browser() && !self.browser.is_starting() {
                    self.start_browser();
                }
            }
            ToGate::ReplaceBrowser => {
                self.want_browser();
                self.start_browser();
            }
            ToGate::ToolBegin { id, .. } => self.step(Event::ToolBegin(Tool(id))),
            ToGate::ToolEnd { id } => self.step(Event::ToolEnd(Tool(id))),
            ToGate::Event { line } => self.feed.event(&line),
            ToGate::Mark(mark) => self.tell_supervisor(ToBrowser::Mark(mark)),
            ToGate::Artifact(artifact) => {
                if !self.store.register(artifact) {
                    warn!("the agent named a file outside of the run directory");
                }
            }
            ToGate::Record => self.tell_supervisor(ToBrowser::Record),
            ToGate::CloseVideo { keep } => {
                self.keep_video = keep;
                if let Some(agent) = &mut self.agent {
                    agent.waits_for_video = true;
                }
                if self.has_supervisor() {
                    self.tell_supervisor(ToBrowser::CloseVideo);
                } else {
                    self.answer_for_video();
                }
            }
            ToGate::Finished { verdict, reason, exit_code: _ } => self.finish(verdict, reason),
        }
    }

    fn want_browser(&mut self) {
        if let Some(agent) = &mut self.agent {
            agent.waits_for_browser = true;
        }
    }

    /// The agent's session on the browser is there: it may begin, unless things have changed since.
    pub(super) fn agent_session(&mut self, epoch: Epoch, session: Result<String, ChromeError>) {
        let current =
            epoch == self.lease.epoch() && matches!(self.lease.input(), Input::Agent { .. });
        match session {
            Ok(session) if current => {
                self.browser.mux.seat_agent(session);
                if let Some(agent) = &mut self.agent {
                    agent.waits_for_browser = false;
                }
                if let Some(browser) = self.browser.facts.clone() {
                    self.tell_agent(&FromGate::Granted { epoch: epoch.0, browser });
                }
            }
            Ok(session) => {
                let chrome = self.chrome();
                self.task(async move { chrome.detach(&session).await });
            }
            Err(error) if current => {
                let reason = format!("The browser could not be attached to: {error}.");
                self.tell_agent(&FromGate::BrowserLost { reason, was_ready: true });
            }
            Err(_) => {}
        }
    }

    pub(super) fn agent_closed(&mut self, connection: u64) {
        if self.agent.take_if(|agent| agent.connection == connection).is_none() {
            return;
        }
        if self.finished.is_none() {
            self.agent_lost("agent_lost");
        }
    }

    pub(super) fn video_taken(&mut self, report: VideoReport) {
        self.video.status = match report.status {
            VideoStatus::Recorded => "recorded",
            VideoStatus::Off => "off",
            VideoStatus::Unavailable => "unavailable",
            VideoStatus::Failed => "failed",
        };
        self.video.reason.clone_from(&report.reason);
        self.video.duration_ms = Some(report.duration_ms);
        if report.status == VideoStatus::Recorded {
            self.store.register(Artifact {
                path: VIDEO.to_owned(),
                kind: "video".to_owned(),
                media_type: "video/webm".to_owned(),
            });
        }
        if let Some(agent) = &mut self.agent {
            agent.waits_for_video = false;
        }
        self.tell_agent(&FromGate::VideoClosed(report));
        self.seal_after_video();
    }

    /// Nobody is left who could close the video: the agent must not wait for ever.
    pub(super) fn answer_for_video(&mut self) {
        if self.seals_after_video || self.agent.as_ref().is_some_and(|agent| agent.waits_for_video)
        {
            let reason = Some("The browser's supervisor is gone.".to_owned());
            let status = VideoStatus::Failed;
            self.video_taken(VideoReport { status, reason, file: None, duration_ms: 0 });
        }
    }
}
