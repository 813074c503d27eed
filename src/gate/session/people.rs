//! The session and people: coming in, being there, the control connection of who drives.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::sync::mpsc;

use super::{
    super::{
        Why, inspect,
        problem::Problem,
        seats::{Refused, Secrets},
    },
    Control, Entered, Message, Proof, Reply, Session, UNWATCHED,
};
use crate::{
    decide::lease::{Close, Epoch, Event, Seat, Time},
    pod::contract::{FromGate, StoppedBy},
};

/// The hold's end is announced this long before, twice.
const WARNINGS: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(10)];
/// A note is part of a handoff's record; this much of it.
const MAX_NOTE: usize = 4096;

/// What the holder's page says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Heartbeat {
        n: u64,
    },
    Release {
        outcome: Outcome,
        #[serde(default)]
        note: String,
    },
    Paste {
        text: String,
    },
    Highlight(Highlight),
    Stop,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Finish,
    Cancel,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Highlight {
    Inspect {
        enabled: bool,
    },
    Node {
        #[serde(rename = "backendNodeId")]
        node: i64,
    },
    Hide,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Token => Self::TOKEN,
            Refused::Seat => Self::NO_TOKEN,
            Refused::Full => Self::FULL,
        }
    }
}

impl Session {
    pub(super) fn enter(&mut self, token: &str, secrets: &Secrets, reply: Reply<Entered>) {
        let now = self.now();
        let entered = self.seats.enter(token, secrets, now).map_err(Problem::from);
        if entered.is_ok()
            && let Some(used) = self.tokens.remove(token)
        {
            // Whoever gave the address out may have stopped to care.
            used.send(()).ok();
        }
        self.came_in(entered, reply);
    }

    pub(super) fn come_back(&mut self, proof: &Proof, cookie: &str, reply: Reply<Entered>) {
        let now = self.now();
        if self.closed {
            reply.send(Err(Problem::ENDING)).ok();
            return;
        }
        let back = self.seats.come_back(proof.seat, &proof.secret, now).map_err(Problem::from);
        if back.is_ok() {
            self.seats.set_cookie(proof.seat, cookie);
        }
        self.came_in(back.map(|()| proof.seat), reply);
    }

    pub(super) fn came_in(&mut self, seat: Result<Seat, Problem>, reply: Reply<Entered>) {
        let entered = seat.and_then(|seat| {
            self.beat(seat);
            let name = self.seats.person_of(seat).map(|person| self.seats.name(person));
            self.publish();
            let state = self.feed.view().json(self.now());
            Ok(Entered { seat, name: name.ok_or(Problem::NO_TOKEN)?, state })
        });
        reply.send(entered).ok();
    }

    /// Which seat a request is of.
    pub(super) fn who(
        &self,
        cookies: &[(Seat, String)],
        proof: Option<&Proof>,
        needs_proof: bool,
    ) -> Result<Seat, Problem> {
        let mut good = cookies
            .iter()
            .filter(|(seat, cookie)| self.seats.check_cookie(*seat, cookie).is_ok())
            .map(|(seat, _)| *seat);
        match proof {
            Some(proof) => {
                self.seats.check_secret(proof.seat, &proof.secret)?;
                good.find(|seat| *seat == proof.seat).ok_or(Problem::NO_TOKEN)
            }
            None if needs_proof => Err(Problem::NO_TOKEN),
            None => good.next().ok_or(Problem::NO_TOKEN),
        }
    }

    pub(super) fn beat(&mut self, seat: Seat) {
        let now = self.now();
        self.seats.beat(seat, now);
        self.unwatched = None;
        self.active(now);
    }

    pub(super) fn beacon(&mut self, seat: Seat) {
        self.seats.leave(seat);
        self.step(Event::Beacon(seat));
        let now = self.now();
        if self.finished.is_some() && !self.keep && self.seats.present(now).next().is_none() {
            self.unwatched = Some(now + UNWATCHED);
        }
    }

    pub(super) fn set_keep(&mut self, on: bool) {
        self.keep = on;
        if on {
            self.unwatched = None;
        } else {
            let message = "The browser ends a minute after the last page is closed.";
            self.feed.notice(None, "keep_off", message);
        }
    }

    pub(super) fn stop_run(&mut self, by: Seat) -> Result<(), Problem> {
        if self.finished.is_some() {
            return Err(Problem::FINISHED);
        }
        let person = self.seats.person_of(by).ok_or(Problem::NO_TOKEN)?;
        let by = self.seats.name(person).to_string();
        self.feed.notice(None, "stopping", "The run is being stopped.");
        self.tell_agent(&FromGate::StopRun { by, stopped_by: StoppedBy::Human });
        Ok(())
    }

    pub(super) fn stop_browser(&mut self) -> Result<(), Problem> {
        if self.finished.is_none() {
            return Err(Problem::NOT_FINISHED);
        }
        self.leave(Why::Stopped, "The browser was stopped from the page.");
        Ok(())
    }

    /// Something that acts. It is written in this turn, or it never is.
    pub(super) fn input(&mut self, seat: Seat, message: Message) {
        let now = self.now();
        if self.lease.human_input(seat, now) {
            self.inject(message);
            self.used(now);
        } else if self.seats.ignores_input_of(seat) {
            let message = "You are watching: what you type and click goes nowhere.";
            self.feed.notice(Some(seat), "input_ignored", message);
        }
    }

    pub(super) fn control_opened(
        &mut self,
        seat: Seat,
        send: mpsc::UnboundedSender<Frame>,
        connection: u64,
    ) {
        let epoch = self.lease.epoch();
        let control = Control { seat, connection, send };
        if self.lease.hold().is_none_or(|hold| hold.seat != seat) {
            control.revoked(epoch, "released");
            return;
        }
        if let Some(older) = self.control.replace(control) {
            older.close();
        }
        self.step(Event::Connected(seat));
        self.greet_control();
    }

    /// Says that input is admitted from now on.
    pub(super) fn greet_control(&self) {
        if let (Some(control), Some(hold)) = (&self.control, self.lease.hold())
            && control.seat == hold.seat
            && hold.connected()
        {
            control.say(&json!({
                "type": "lease", "state": "granted", "epoch": self.lease.epoch().0,
                "deadlineMs": millis(hold.deadline.saturating_sub(self.now())),
            }));
        }
    }

    pub(super) fn control_closed(&mut self, seat: Seat, connection: u64) {
        if self.control.take_if(|control| control.connection == connection).is_some() {
            self.step(Event::Disconnected(seat));
        }
    }

    pub(super) fn revoke_human(&mut self, epoch: Epoch, seat: Seat, why: Close) {
        // Dropping it ends the mode.
        self.inspecting = None;
        let reason = match why {
            Close::Finished => "released",
            Close::Cancelled => "cancelled",
            Close::Deadline => "deadline",
            Close::DeadMan => "dead_man",
            Close::Stopped => "stopped",
            Close::BrowserLost => "browser_lost",
            Close::Moved => "moved",
        };
        if let Some(control) = self.control.take_if(|control| control.seat == seat) {
            control.revoked(epoch, reason);
        }
    }

    pub(super) fn control_said(&mut self, seat: Seat, connection: u64, text: &str) {
        let current = |control: &Control| control.connection == connection;
        if !self.control.as_ref().is_some_and(current) {
            return;
        }
        match serde_json::from_str(text) {
            Ok(said) => self.obey(seat, said),
            Err(_) => self.complain("unknown_message"),
        }
    }

    fn complain(&self, code: &str) {
        if let Some(control) = &self.control {
            control.say(&json!({"type": "error", "code": code}));
        }
    }

    fn obey(&mut self, seat: Seat, said: Said) {
        match said {
            Said::Heartbeat { n } => {
                self.step(Event::Heartbeat(seat));
                if let (Some(control), Some(hold)) = (&self.control, self.lease.hold()) {
                    let left = millis(hold.deadline.saturating_sub(self.now()));
                    control.say(&json!({"type": "heartbeat", "n": n, "remainingMs": left}));
                }
            }
            Said::Release { note, .. } if note.len() > MAX_NOTE => self.complain("note_too_long"),
            Said::Release { outcome, note } => {
                self.handoffs.note(self.config.redactor.strict(&note));
                let close = match outcome {
                    Outcome::Finish => Close::Finished,
                    Outcome::Cancel => Close::Cancelled,
                };
                self.step(Event::Release(seat, self.lease.epoch(), close));
            }
            Said::Paste { text } => {
                let now = self.now();
                if self.lease.human_input(seat, now) {
                    self.used(now);
                    let chrome = self.chrome();
                    let complaint = self.control.as_ref().map(|control| control.send.clone());
                    self.task(async move {
                        if chrome.paste(seat, &text).await.is_err()
                            && let Some(send) = complaint
                        {
                            let error = json!({"type": "error", "code": "paste_failed"});
                            send.send(Frame::Text(error.to_string().into())).ok();
                        }
                    });
                }
            }
            Said::Highlight(highlight) => {
                if self.lease.human_input(seat, self.now()) {
                    self.inspect(
                        seat,
                        match highlight {
                            Highlight::Inspect { enabled } => inspect::Order::Mode(enabled),
                            Highlight::Node { node } => inspect::Order::Show(node),
                            Highlight::Hide => inspect::Order::Hide,
                        },
                    );
                }
            }
            Said::Stop => {
                if self.stop_browser().is_err() {
                    self.complain("run_not_finished");
                }
            }
        }
    }

    fn inspect(&mut self, seat: Seat, order: inspect::Order) {
        if self.inspecting.as_ref().is_none_or(mpsc::UnboundedSender::is_closed) {
            let (send, orders) = mpsc::unbounded_channel();
            let inspector = inspect::Inspector {
                chrome: self.chrome(),
                seat,
                redactor: std::sync::Arc::clone(&self.config.redactor),
                commands: self.commands.clone(),
            };
            self.task(inspector.run(orders));
            self.inspecting = Some(send);
        }
        if let Some(inspecting) = &self.inspecting {
            inspecting.send(order).ok();
        }
    }

    /// The browser says that the person pointed at this node.
    pub(super) fn node_picked(&self, session: &str, params: &RawValue) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Requested {
            backend_node_id: i64,
        }
        if let (Some(inspecting), Ok(Requested { backend_node_id })) =
            (&self.inspecting, serde_json::from_str(params.get()))
        {
            let session = session.to_owned();
            inspecting.send(inspect::Order::Picked { session, node: backend_node_id }).ok();
        }
    }

    pub(super) fn picked(&self, seat: Seat, message: &Value) {
        if let Some(control) = self.control.as_ref().filter(|control| control.seat == seat) {
            control.say(message);
        }
    }

    /// A minute and ten seconds before the end.
    pub(super) fn warn_holder(&mut self, now: Time) {
        let (Some(hold), Some(control)) = (self.lease.hold(), &self.control) else { return };
        let left = hold.deadline.saturating_sub(now);
        let due = WARNINGS.into_iter().filter(|at| left <= *at).min();
        if let Some(due) = due.filter(|due| *due < self.warned) {
            self.warned = due;
            control.say(&json!({
                "type": "warning", "code": "expiring", "remainingMs": millis(left),
            }));
        }
    }
}

impl Control {
    fn say(&self, message: &Value) {
        // A connection that is closing says so itself.
        self.send.send(Frame::Text(message.to_string().into())).ok();
    }

    fn revoked(self, epoch: Epoch, reason: &str) {
        self.say(&json!({
            "type": "lease", "state": "revoked", "epoch": epoch.0, "reason": reason,
        }));
        self.close();
    }

    fn close(self) {
        let frame = CloseFrame { code: 1000, reason: "".into() };
        self.send.send(Frame::Close(Some(frame))).ok();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
