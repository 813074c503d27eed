//! The session performs what the lease decides.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use super::{
    super::{
        chrome::Chrome,
        problem::Problem,
        screen::injector::{self, Order},
    },
    BACKLOG_OF_INPUT, Command, Granted, Session,
};
use crate::{
    decide::lease::{self as rules, Action, Denied, Epoch, Event, Person, Record, Seat, Time},
    pod::contract::{AgentFrame, FromGate, RFB_SOCKET},
};

/// How long an agent's unanswered input holds up what comes next ([P2]).
const DRAIN: Duration = Duration::from_secs(5);
/// How long letting go may take ([P4]).
const RELEASE: Duration = Duration::from_millis(200);

impl Session {
    /// One step of the lease, and all that follows from it.
    pub(super) fn step(&mut self, event: Event) {
        let (next, actions) = rules::step(&self.lease, event, self.now());
        self.lease = next;
        self.perform(actions);
    }

    /// What the lease wants done, in its order.
    pub(super) fn perform(&mut self, actions: Vec<Action>) {
        let mut revoked = false;
        for action in actions {
            match action {
                Action::Journal(record) => self.record(record),
                Action::AdmitTool(tool) => {
                    self.tell_agent(&FromGate::ToolAdmitted { id: tool.0 });
                }
                Action::RefuseTool(tool, why) => {
                    let reason = why.reason().to_owned();
                    self.tell_agent(&FromGate::ToolRefused { id: tool.0, reason });
                }
                Action::Drain(epoch) => {
                    let commands = self.commands.clone();
                    self.task(async move {
                        drained(&commands).await;
                        commands.send(Command::Lease(Event::Drained(epoch))).await.ok();
                    });
                }
                Action::GrantAgent(epoch) => self.grant_agent(epoch),
                Action::RevokeAgent(epoch) => {
                    revoked = true;
                    self.tell_agent(&FromGate::Revoked { epoch: epoch.0 });
                }
                Action::Clear(epoch) => self.clear(epoch, std::mem::take(&mut revoked)),
                Action::CutInput(_) => self.order(Order::Cut),
                Action::GrantHuman { epoch, seat, deadline } => {
                    self.grant_human(epoch, seat, deadline);
                }
                Action::Seated { from: _, to } => self.seats.hears_input_of(to),
                Action::RevokeHuman { epoch, seat, why } => {
                    let now = self.both_clocks();
                    self.handoffs.revoked(why, now);
                    self.revoke_human(epoch, seat, why);
                }
                Action::Deny(seat, why) => self.deny(seat, why),
            }
        }
        if revoked {
            // The browser is gone, and with it the agent's sessions.
            self.browser.mux.unseat_agent();
        }
    }

    /// Written down before it has any effect.
    pub(super) fn record(&mut self, record: Record) {
        match record {
            Record::Closing(why) => self.closing = Some(why),
            Record::Granted { .. } => self.closing = None,
            Record::Started(_)
            | Record::AgentGranted(_)
            | Record::Prepared
            | Record::AgentRevoked(_)
            | Record::Seated(_)
            | Record::HumanRevoked(_) => {}
        }
        self.records.write(record);
        self.keep_journal();
    }

    fn grant_agent(&self, epoch: Epoch) {
        let (chrome, commands) = (self.chrome(), self.commands.clone());
        self.task(async move {
            let session = chrome.agent_session().await;
            commands.send(Command::AgentSession { epoch, session }).await.ok();
        });
    }

    /// Lets go what is pressed on both channels, ends what carried it, and says when it is done.
    fn clear(&mut self, epoch: Epoch, agent: bool) {
        let (chrome, commands) = (self.chrome(), self.commands.clone());
        let injector = self.injector.take();
        let session = agent.then(|| self.browser.mux.agent_session().map(str::to_owned)).flatten();
        self.task(async move {
            if agent {
                drained(&commands).await;
                release_agent(&commands, &chrome).await;
            }
            if let Some(session) = session {
                chrome.detach(&session).await;
            }
            if let Some((_, orders)) = injector {
                let (done, finished) = oneshot::channel();
                if orders.send(Order::Finish(done)).await.is_ok() {
                    // It answers within its own limit, or is gone.
                    finished.await.ok();
                }
            }
            commands.send(Command::Lease(Event::Cleared(epoch))).await.ok();
        });
    }

    fn order(&self, order: Order) {
        if let Some((epoch, orders)) = &self.injector
            && orders.try_send(order).is_err()
        {
            // It does not keep up or has failed: nothing is lost silently.
            let (commands, epoch) = (self.commands.clone(), *epoch);
            self.task(async move {
                commands.send(Command::InjectorFailed { epoch }).await.ok();
            });
        }
    }

    /// A message that the lease admitted.
    pub(super) fn inject(&self, message: super::Message) {
        self.order(Order::Input(message));
    }

    pub(super) fn injector_failed(&mut self, epoch: Epoch) {
        if self.injector.as_ref().is_some_and(|(of, _)| *of == epoch)
            && let Some(hold) = self.lease.hold()
        {
            let seat = hold.seat;
            self.step(Event::Release(seat, self.lease.epoch(), rules::Close::BrowserLost));
        }
    }

    fn grant_human(&mut self, epoch: Epoch, seat: Seat, deadline: Time) {
        let now = self.now();
        let clocks = self.both_clocks();
        self.handoffs.granted(seat, epoch, deadline, clocks);
        // Before anybody is told: whoever asked gets the answer within this turn.
        self.keep_journal();
        if self.injector.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let (orders, receive) = mpsc::channel(BACKLOG_OF_INPUT);
            let socket = self.config.browser_sockets.join(RFB_SOCKET);
            let (size, commands) = (self.browser.size.clone(), self.commands.clone());
            let (pressed, original) = (self.journal.pressed(), self.browser.desktop());
            self.task(async move {
                injector::run(&socket, receive, size, original, pressed).await;
                // After an orderly end nobody holds under this epoch any more.
                commands.send(Command::InjectorFailed { epoch }).await.ok();
            });
            self.injector = Some((epoch, orders));
            self.warned = Duration::MAX;
            self.seats.hears_input_of(seat);
        }
        let granted = Granted { epoch, left: deadline.saturating_sub(now) };
        for (_, reply) in self.asks.extract_if(.., |(of, _)| *of == seat) {
            reply.send(Ok(granted)).ok();
        }
        // A control connection that was there before, after a grant to the same seat.
        self.greet_control();
    }

    fn deny(&mut self, seat: Seat, why: Denied) {
        let now = self.both_clocks();
        self.handoffs.denied(seat, why, now);
        let problem = match why {
            Denied::AlreadyHeld(person) => Problem::held(self.seats.name(person)),
            Denied::BrowserGone => Problem::GONE,
            Denied::DrainTimeout | Denied::Deadline => Problem::NOT_FINISHED,
        };
        for (_, reply) in self.asks.extract_if(.., |(of, _)| *of == seat) {
            reply.send(Err(problem.clone())).ok();
        }
    }

    /// A person asks for the input.
    pub(super) fn take_over(
        &mut self,
        seat: Seat,
        take_from_own: bool,
        reply: super::Reply<Granted>,
    ) {
        let facts = self.browser.facts.as_ref();
        let problem = if self.ended.is_some() {
            Some(Problem::GONE)
        } else if self.finished.is_none() {
            Some(Problem::NOT_FINISHED)
        } else if !self.lease.browser() {
            Some(Problem::GONE)
        } else if facts.is_none_or(|facts| facts.display.is_none()) {
            Some(Problem::DISPLAY)
        } else if self.config.pod.is_some() && !self.handoffs.may_act(seat) {
            // The person's own client asks the cluster, which knows who may.
            Some(self.not_by_itself())
        } else {
            None
        };
        if let Some(problem) = problem {
            reply.send(Err(problem)).ok();
            return;
        }
        let Some(person) = self.person_of(seat) else { return };
        self.asks.push((seat, reply));
        self.step(Event::Ask { seat, person, take_from_own });
    }

    /// In a pod a page gets the input by a handoff, and by nothing else.
    fn not_by_itself(&self) -> Problem {
        match self.lease.hold() {
            Some(hold) => Problem::held(self.seats.name(hold.person)),
            None => Problem::NOT_ALLOWED,
        }
    }

    fn person_of(&self, seat: Seat) -> Option<Person> {
        self.seats.person_of(seat)
    }

    /// A frame of the agent's: to Chromium in this very turn, or back with a refusal. False if it is
    /// malformed.
    pub(super) fn agent_frame(&mut self, epoch: u64, json: &[u8]) -> bool {
        use super::super::cdp::{Mux, Out};
        let out = match self.lease.agent_frame(Epoch(epoch)) {
            Ok(()) => self.browser.mux.pass_on(json),
            Err(why) => Mux::lease_refusal(json, why, self.lease.epoch().0).map(Out::Agent),
        };
        match out {
            Ok(Out::Browser(frame)) => self.to_chrome(frame),
            Ok(Out::Agent(json)) => {
                if let Some(agent) = &self.agent {
                    let frame = AgentFrame::Cdp { epoch: None, json: &json };
                    agent.send.send(frame.encode()).ok();
                }
            }
            Ok(Out::Event { .. }) => {}
            Err(_) => return false,
        }
        true
    }
}

/// Waits until no input of the agent's is unanswered, within limits.
async fn drained(commands: &mpsc::Sender<Command>) {
    let until = Instant::now() + DRAIN;
    while Instant::now() < until {
        let (reply, wait) = oneshot::channel();
        if commands.send(Command::AgentInputWaits { reply }).await.is_err() {
            return;
        }
        if !wait.await.unwrap_or(false) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

async fn release_agent(commands: &mpsc::Sender<Command>, chrome: &Chrome) {
    let (reply, wait) = oneshot::channel();
    if commands.send(Command::AgentRelease { reply }).await.is_err() {
        return;
    }
    for (session, method, params) in wait.await.unwrap_or_default() {
        // A tab that is gone has nothing pressed.
        timeout(RELEASE, chrome.on(&session, method, params)).await.ok();
    }
}
