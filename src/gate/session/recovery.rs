//! The session over the death of its gate: what it keeps, and how the next one goes on
//! (handoff.md 2.6, [L9]).
//!
//! # Expected flow
//! A gate that finds a journal asks the supervisor for the browser that there is. When that is ready
//! (the sessions of the gate before and of its agent are detached, the page is not touched)
//! the lease begins from its records: nobody holds the input, what was pressed is let go, and a handoff
//! that was granted is granted again, to the same seat, under a new epoch and until the same time.
//! Only then is anybody let in: a page that comes back finds its seat and its hold.

use std::fs;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{
    super::{
        Why,
        handoffs::Handoffs,
        journal::{Facts, Saved},
        screen::injector,
        seats::Seats,
        view::VideoView,
    },
    BACKLOG_OF_INPUT, Session,
};
use crate::{
    decide::lease::{self as rules, Close, Event, Input, Limits, Time},
    pod::contract::{RFB_SOCKET, ToBrowser},
};

/// What the agent writes line by line.
const EVENTS: &str = "events.ndjson";

impl Session {
    /// Writes down what has changed.
    pub(super) fn keep_journal(&mut self) {
        if !self.journal.is_kept() {
            return;
        }
        let mut journal = std::mem::take(&mut self.journal);
        journal.keep(&self.saved());
        self.journal = journal;
    }

    fn saved(&self) -> Saved<&Handoffs> {
        let upload = self.uploader.state();
        let leaving = self.leaving.as_ref().map(super::Leaving::wish);
        let ended = self.ended.as_ref().map(|ended| (ended.why, ended.message.clone()));
        Saved {
            records: self.records.clone(),
            closing: self.closing,
            handoffs: &self.handoffs,
            seats: self.seats.kept(),
            facts: Facts {
                name: self.run.name.clone(),
                url: self.run.url.clone(),
                verdict: self.run.verdict.clone(),
                reason: self.run.reason.clone(),
                finished: self.finished,
                watched: self.watched,
                closed: self.closed,
                keep: self.keep,
                unwatched: self.unwatched,
                cancelled: self.cancelled,
                told_cap: self.told_cap,
                deadline: self.deadline,
                began: self.began,
                given_up: self.given_up,
                video: self.video.status.to_owned(),
                video_reason: self.video.reason.clone(),
                video_ms: self.video.duration_ms,
                keep_video: self.keep_video,
                files: self.store.all(),
                upload: upload.state.is_settled().then_some(upload),
                browser: self.lease.browser() || self.rejoining,
                sessions: self.browser.loose_sessions(),
                leaving: ended.or(leaving),
            },
        }
    }

    /// Takes up what an earlier gate of this pod has left. Blocks for the log of events.
    pub(super) fn restore(&mut self, saved: Saved) {
        let Saved { records, closing, handoffs, seats, facts } = saved;
        info!(run = %self.run.id, "the gate was started again and goes on from its journal");
        let now = self.both_clocks();
        self.closing = closing;
        self.seats = Seats::restored(seats, now.boot);
        self.handoffs = handoffs;
        self.handoffs.resume(records.granted().is_some(), closing, now);
        self.hosts.send_modify(|hosts| hosts.extend(self.handoffs.names().map(str::to_owned)));
        self.records = records;
        let Facts { name, url, verdict, reason, finished, browser, upload, leaving, .. } = facts;
        (self.run.name, self.run.url) = (name, url);
        (self.run.verdict, self.run.reason) = (verdict, reason);
        self.run.finished = finished.is_some();
        self.finished = finished;
        (self.watched, self.closed, self.keep) = (facts.watched, facts.closed, facts.keep);
        (self.unwatched, self.cancelled) = (facts.unwatched, facts.cancelled);
        (self.told_cap, self.deadline) = (facts.told_cap, facts.deadline);
        (self.began, self.given_up) = (facts.began, facts.given_up);
        self.video = VideoView {
            status: VideoView::status(&facts.video),
            reason: facts.video_reason,
            duration_ms: facts.video_ms,
        };
        self.keep_video = facts.keep_video;
        for file in facts.files {
            self.store.register(file);
        }
        self.recall_events();
        if self.began.is_some() {
            self.grow_deadline(Time::ZERO);
        }
        self.rejoining = browser;
        self.browser.left = facts.sessions;
        if browser {
            self.tell_supervisor(ToBrowser::Rejoin);
            self.await_browser();
        } else if self.records.is_empty() && finished.is_none() {
            // There was none yet.
            self.start_browser();
        } else {
            self.go_on_without_browser("The browser has ended.");
        }
        if finished.is_some() && upload.is_none() {
            self.uploader.close();
            self.close_and_seal();
        }
        if let Some((why, message)) = leaving {
            self.leave(why, &message);
        }
    }

    /// Tells pages what the agent wrote and nobody told them yet. Blocks.
    pub(super) fn recall_events(&mut self) {
        match fs::read_to_string(self.config.run_dir.join(EVENTS)) {
            Ok(text) => {
                // The last line may not be complete; it comes again if the agent is there.
                for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
                    self.feed.missed(line);
                }
            }
            Err(error) => warn!(%error, "the run's events are not shown"),
        }
    }

    /// The browser is there: the lease begins where the journal ends.
    pub(super) fn rejoined(&mut self) {
        if !std::mem::take(&mut self.rejoining) {
            return;
        }
        // Whatever the one before had pressed is let go by this, before anybody holds the input.
        let (orders, receive) = mpsc::channel(BACKLOG_OF_INPUT);
        let socket = self.config.browser_sockets.join(RFB_SOCKET);
        let (size, pressed) = (self.browser.size.clone(), self.journal.pressed());
        let original = self.browser.desktop();
        if self.browser.facts.as_ref().is_some_and(|facts| facts.display.is_some()) {
            self.task(async move {
                injector::run(&socket, receive, size, original, pressed).await;
            });
            self.injector = Some((self.lease.epoch(), orders));
        }
        self.begin_lease();
        if self.agent.as_ref().is_some_and(|agent| agent.waits_for_browser) {
            // It came while nobody knew whether there is a browser.
            self.step(Event::AgentAttached);
        }
        for (seat, prepare) in self.handoffs.waiting() {
            let person = self.seats.person(prepare.holder.as_str().into());
            let lasts = Time::from_secs(prepare.timeout_seconds);
            self.step(Event::Prepare { seat, person, lasts });
        }
    }

    /// The browser ended while no gate was there.
    pub(super) fn not_rejoined(&mut self, message: &str) {
        if !std::mem::take(&mut self.rejoining) {
            return;
        }
        self.go_on_without_browser(message);
    }

    fn go_on_without_browser(&mut self, message: &str) {
        let now = self.both_clocks();
        self.handoffs.browser_lost(now);
        self.begin_lease();
        self.step(Event::BrowserGone(Close::BrowserLost));
        if self.finished.is_some() && self.ended.is_none() {
            self.browser_ended(Why::Lost, message);
        }
    }

    fn begin_lease(&mut self) {
        let (lease, actions) = rules::start(&self.records, Limits::default());
        self.lease = lease;
        self.perform(actions);
    }

    /// Whether people and the operator find everything as it was.
    pub(super) fn is_recovered(&self) -> bool {
        !self.rejoining && !matches!(self.lease.input(), Input::Clearing { .. })
    }
}
