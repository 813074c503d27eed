//! Who holds the browser's input, since when and until when (handoff.md 2.1; pure).
//!
//! # Expected flow
//! [`start`] gives the state a gate begins with. Everything that happens is an [`Event`] given to
//! [`step`], which answers with the next state and the [`Action`]s to perform, in their order: a
//! [`Action::Journal`] record comes before its effect. [`State::wake_at`] says when to call with
//! [`Event::Tick`] if nothing else happens. Before anything reaches the browser the gate asks
//! [`State::agent_frame`] or [`State::human_input`] and writes in the same turn.
//!
//! There is no edge between the agent and a person: in between stands [`Input::Clearing`], where
//! nobody holds the input and what was pressed is released. [`Event::Cleared`] ends it.
//!
//! # Guarantees
//! Each is searched for in every reachable state by `world.rs`: at most one holder; epochs only
//! rise, also over a crash; what an earlier epoch sent is not admitted; silence, the deadline and a
//! lost browser end a person's input; nothing is pressed when a new holder begins; left alone, every
//! state comes to rest.
//!
//! # Assumptions
//! One task owns the state. Times never go back and count suspended time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod journal;
#[cfg(test)]
mod world;

pub use self::journal::{Journal, Record};

/// A point on the boot-time clock.
pub type Time = Duration;

/// Grows by one at every change of owner and never goes back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl Epoch {
    fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One authenticated page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seat(pub u32);

/// One identity; it may sit on several seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person(pub u32);

/// The open tool call's step id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tool(pub u64);

/// How long things may take. A field of the state, so that the search can use small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How long a handoff lasts from its grant; never extended.
    pub handoff: Duration,
    /// How long a person may be silent before input is cut.
    pub silence: Duration,
    /// How long the lease stays reserved for a seat whose connection is lost.
    pub grace: Duration,
    /// The same after the page said that it is being closed.
    pub beacon_grace: Duration,
    /// How long an open tool call may go on once the lease was asked for.
    pub tool: Duration,
    /// How long the agent's outstanding commands may take after that.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What `handback take` asks for on a finished run.
            handoff: Duration::from_hours(1),
            // The page sends a heartbeat every 5 s: two may be lost on a bad network.
            silence: Duration::from_secs(15),
            // A laptop changing networks.
            grace: Duration::from_mins(1),
            // A reload; a closed tab does not come back.
            beacon_grace: Duration::from_secs(10),
            // The longest tool call that is worth waiting for.
            tool: Duration::from_secs(30),
            // Input is answered in milliseconds unless the page hangs.
            drain: Duration::from_secs(5),
        }
    }
}

/// Everything the lease depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    limits: Limits,
    epoch: Epoch,
    input: Input,
    /// The agent is connected and wants the lease.
    agent: bool,
    /// There is a browser.
    browser: bool,
    /// The agent's open tool call.
    tool: Option<Tool>,
}

/// Who holds the input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Nobody, and nothing is pressed.
    Free,
    /// Nobody: what was pressed is being released. Then it is `next`'s turn, else the agent's.
    Clearing {
        /// The person who is waiting for it.
        next: Option<Claim>,
    },
    /// The agent.
    Agent {
        /// Set while a person's claim waits for the tool boundary.
        quiescing: Option<Quiescing>,
    },
    /// A person.
    Human(Hold),
}

/// A person's wish to hold the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// The page that asked.
    pub seat: Seat,
    /// Whose page it is.
    pub person: Person,
    /// Kept over a move to another seat and over a restart of the gate; set at the first grant.
    pub deadline: Option<Time>,
    /// How long it is to last from its grant; the usual time if nothing else was said.
    pub lasts: Option<Duration>,
    /// The seat stands for a page that is not there yet.
    pub vacant: bool,
}

/// The agent is finishing for this claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quiescing {
    claim: Claim,
    wait: Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wait {
    /// For the end of the open tool call.
    Boundary { until: Time },
    /// For the answers to its commands.
    Drain { until: Time },
}

/// A person holds the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// The only seat that may act.
    pub seat: Seat,
    /// Whose seat it is.
    pub person: Person,
    /// When it ends, whatever happens.
    pub deadline: Time,
    /// Nobody sits there yet: [`Event::Seated`] says who does.
    vacant: bool,
    link: Link,
}

/// The control connection of the holder's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Link {
    /// Open, and last heard of at this time.
    Up { heard: Time },
    /// Closed, silent, or not opened yet: the lease is reserved until this time.
    Down { until: Time },
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A browser is ready.
    BrowserReady,
    /// The browser or its display has ended, or is being ended.
    BrowserGone(Close),
    /// The agent connected.
    AgentAttached,
    /// The agent's connection closed, or the agent said that it is done.
    AgentGone,
    /// The agent opens a tool call.
    ToolBegin(Tool),
    /// A tool call is over.
    ToolEnd(Tool),
    /// Nothing that the agent sent is unanswered any more.
    Drained(Epoch),
    /// What was pressed is released, and the browser has taken it.
    Cleared(Epoch),
    /// A person asks for the input.
    Ask {
        /// The page that asks.
        seat: Seat,
        /// Whose page it is.
        person: Person,
        /// Take it from another page of the same person.
        take_from_own: bool,
    },
    /// The same for a person whose page is not there yet: `seat` stands for it.
    Prepare {
        /// A seat that nobody sits on.
        seat: Seat,
        /// Who asked.
        person: Person,
        /// How long the handoff is to last from its grant.
        lasts: Duration,
    },
    /// The page that was waited for is there.
    Seated {
        /// What stood for it.
        from: Seat,
        /// The page.
        to: Seat,
    },
    /// The holder's control connection opened.
    Connected(Seat),
    /// A heartbeat came over it.
    Heartbeat(Seat),
    /// It closed.
    Disconnected(Seat),
    /// The page is being closed or reloaded.
    Beacon(Seat),
    /// The seat gives it back; the epoch is the one under which it held.
    Release(Seat, Epoch, Close),
    /// Time has passed.
    Tick,
}

/// How a person's hold ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Close {
    /// Given back: done.
    Finished,
    /// Given back: could not do it.
    Cancelled,
    /// The time was up.
    Deadline,
    /// The connection was lost and did not come back.
    DeadMan,
    /// The browser is being stopped.
    Stopped,
    /// The browser is gone.
    BrowserLost,
    /// Another page of the same person goes on.
    Moved,
}

/// Why something of the agent's is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A person's claim waits for the boundary.
    Quiescing,
    /// Nobody holds the input.
    None,
    /// A person holds it.
    Human,
    /// Sent under an epoch that is over.
    StaleEpoch,
}

impl Refusal {
    /// As it stands in messages.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Quiescing => "quiescing",
            Self::None => "none",
            Self::Human => "human",
            Self::StaleEpoch => "stale_epoch",
        }
    }
}

/// Why a person does not get the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denied {
    /// This person has it, or has asked for it.
    AlreadyHeld(Person),
    /// There is no browser.
    BrowserGone,
    /// The agent's commands were not answered in time.
    DrainTimeout,
    /// The handoff's time was up before it could go on.
    Deadline,
}

/// What the gate has to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Writes this down; durable before the next action.
    Journal(Record),
    /// The tool call may go on.
    AdmitTool(Tool),
    /// It may not.
    RefuseTool(Tool, Refusal),
    /// Waits until the agent's commands are answered: [`Event::Drained`].
    Drain(Epoch),
    /// The agent has the input under this epoch, on a session that is new.
    GrantAgent(Epoch),
    /// The agent has it no more; its sessions are to be detached once nothing of its input is
    /// unanswered.
    RevokeAgent(Epoch),
    /// Releases what is pressed, by whomever, and waits until the browser has taken it:
    /// [`Event::Cleared`].
    Clear(Epoch),
    /// Releases what the holder pressed; the lease stays reserved.
    CutInput(Seat),
    /// This seat has the input until `deadline`.
    GrantHuman {
        /// The new epoch.
        epoch: Epoch,
        /// The page.
        seat: Seat,
        /// When it ends.
        deadline: Time,
    },
    /// Under the same epoch and until the same time it is another seat that has the input, since
    /// nobody sat on the first one.
    Seated {
        /// What stood for the page.
        from: Seat,
        /// The page.
        to: Seat,
    },
    /// This seat has it no more.
    RevokeHuman {
        /// The new epoch.
        epoch: Epoch,
        /// The page.
        seat: Seat,
        /// Why.
        why: Close,
    },
    /// The answer to [`Event::Ask`] is no; also if a claim that waited fails.
    Deny(Seat, Denied),
}

/// The state a gate begins with, from what an earlier one wrote down ([L9]).
///
/// A handoff that was granted and not closed is granted again, to the same seat, under a new epoch
/// and with the *same* deadline.
pub fn start(journal: &Journal, limits: Limits) -> (State, Vec<Action>) {
    let mut turn = Turn {
        state: State {
            limits,
            epoch: journal.epoch(),
            input: Input::Free,
            agent: false,
            browser: false,
            tool: None,
        },
        actions: Vec::new(),
    };
    if !journal.is_empty() {
        turn.state.browser = true;
        turn.raise(Record::Started);
        turn.clear(journal.granted());
    }
    (turn.state, turn.actions)
}

/// One step: what is true after `event`, and what is to be done about it. Times that are over are
/// dealt with before the event itself.
pub fn step(state: &State, event: Event, now: Time) -> (State, Vec<Action>) {
    let mut turn = Turn { state: state.clone(), actions: Vec::new() };
    turn.expire(now);
    turn.event(event, now);
    (turn.state, turn.actions)
}

impl State {
    /// The present epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Who holds the input.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Whether there is a browser.
    pub fn browser(&self) -> bool {
        self.browser
    }

    /// The person who holds the input, if one does.
    pub fn hold(&self) -> Option<&Hold> {
        match &self.input {
            Input::Human(hold) => Some(hold),
            Input::Free | Input::Clearing { .. } | Input::Agent { .. } => None,
        }
    }

    /// The seat that gets the input once what was pressed is released.
    pub fn next(&self) -> Option<Seat> {
        match &self.input {
            Input::Clearing { next } => next.map(|claim| claim.seat),
            Input::Free | Input::Agent { .. } | Input::Human(_) => None,
        }
    }

    /// Whether a frame that the agent sent under `epoch` may go to the browser now. While quiescing
    /// only the open tool's may; as tool boundaries travel on the same stream, what comes while a
    /// tool is open belongs to it.
    pub fn agent_frame(&self, epoch: Epoch) -> Result<(), Refusal> {
        match &self.input {
            Input::Free | Input::Clearing { .. } => Err(Refusal::None),
            Input::Human(_) => Err(Refusal::Human),
            Input::Agent { .. } if epoch != self.epoch => Err(Refusal::StaleEpoch),
            Input::Agent { quiescing: Some(_) } if self.tool.is_none() => Err(Refusal::Quiescing),
            Input::Agent { .. } => Ok(()),
        }
    }

    /// Whether a key, motion, click or text of this seat may go to the browser now.
    pub fn human_input(&self, seat: Seat, now: Time) -> bool {
        self.hold().is_some_and(|hold| {
            hold.seat == seat
                && now < hold.deadline
                && matches!(hold.link, Link::Up { heard } if now < heard + self.limits.silence)
        })
    }

    /// When [`Event::Tick`] is due at the latest.
    pub fn wake_at(&self) -> Option<Time> {
        match &self.input {
            Input::Agent {
                quiescing:
                    Some(Quiescing { wait: Wait::Boundary { until } | Wait::Drain { until }, .. }),
            } => Some(*until),
            Input::Human(hold) => Some(hold.deadline.min(match hold.link {
                Link::Up { heard } => heard + self.limits.silence,
                Link::Down { until } => until,
            })),
            Input::Free | Input::Clearing { .. } | Input::Agent { quiescing: None } => None,
        }
    }
}

impl Hold {
    /// Whether the seat stands for a page that is not there yet.
    pub fn vacant(&self) -> bool {
        self.vacant
    }

    /// Whether the control connection is open and alive.
    pub fn connected(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }
}

/// A step in the making.
struct Turn {
    state: State,
    actions: Vec<Action>,
}

impl Turn {
    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The next epoch, written down before it takes effect.
    fn raise(&mut self, record: fn(Epoch) -> Record) -> Epoch {
        self.state.epoch = self.state.epoch.next();
        self.act(Action::Journal(record(self.state.epoch)));
        self.state.epoch
    }

    fn expire(&mut self, now: Time) {
        match self.state.input.clone() {
            Input::Human(hold) if now >= hold.deadline => self.close(Close::Deadline, None),
            Input::Human(mut hold) => match hold.link {
                Link::Up { heard } if now >= heard + self.state.limits.silence => {
                    hold.link = Link::Down { until: now + self.state.limits.grace };
                    self.state.input = Input::Human(hold);
                    self.act(Action::CutInput(hold.seat));
                }
                Link::Down { until } if now >= until => self.close(Close::DeadMan, None),
                Link::Up { .. } | Link::Down { .. } => {}
            },
            Input::Agent { quiescing: Some(Quiescing { claim, wait }) } => match wait {
                // The open tool's frames are refused from here on: its effect is unknown.
                Wait::Boundary { until } if now >= until => self.drain(claim, now),
                Wait::Drain { until } if now >= until => {
                    self.state.input = Input::Agent { quiescing: None };
                    self.act(Action::Deny(claim.seat, Denied::DrainTimeout));
                }
                Wait::Boundary { .. } | Wait::Drain { .. } => {}
            },
            Input::Free | Input::Clearing { .. } | Input::Agent { quiescing: None } => {}
        }
    }

    fn event(&mut self, event: Event, now: Time) {
        match event {
            Event::BrowserReady => {
                self.state.browser = true;
                self.rest();
            }
            Event::BrowserGone(why) => self.browser_gone(why),
            Event::AgentAttached => {
                // A second connection means that the first one is gone.
                self.agent_gone();
                self.state.agent = true;
                self.rest();
            }
            Event::AgentGone => self.agent_gone(),
            Event::ToolBegin(tool) => self.tool_begin(tool),
            Event::ToolEnd(tool) => {
                if self.state.tool == Some(tool) {
                    self.state.tool = None;
                    if let Input::Agent {
                        quiescing: Some(Quiescing { claim, wait: Wait::Boundary { .. } }),
                    } = self.state.input
                    {
                        self.drain(claim, now);
                    }
                }
            }
            Event::Drained(epoch) => {
                if let Input::Agent {
                    quiescing: Some(Quiescing { claim, wait: Wait::Drain { .. } }),
                } = self.state.input
                    && epoch == self.state.epoch
                {
                    self.revoke_agent(Some(claim)); // [L3]
                }
            }
            Event::Cleared(epoch) => {
                if let Input::Clearing { next } = self.state.input
                    && epoch == self.state.epoch
                {
                    self.state.input = Input::Free;
                    match next {
                        Some(claim) if claim.deadline.is_some_and(|deadline| now >= deadline) => {
                            self.act(Action::Journal(Record::Closing(Close::Deadline)));
                            self.act(Action::Deny(claim.seat, Denied::Deadline));
                            self.rest();
                        }
                        Some(claim) => self.grant(claim, now),
                        None => self.rest(),
                    }
                }
            }
            Event::Ask { seat, person, take_from_own } => {
                let claim = Claim { seat, person, deadline: None, lasts: None, vacant: false };
                self.ask(claim, take_from_own, now);
            }
            Event::Prepare { seat, person, lasts } => {
                let lasts = Some(lasts);
                self.ask(Claim { seat, person, deadline: None, lasts, vacant: true }, false, now);
            }
            Event::Seated { from, to } => self.seated(from, to, now),
            Event::Connected(seat) => self.link(seat, Link::Up { heard: now }),
            Event::Heartbeat(seat) => {
                if self.state.hold().is_some_and(Hold::connected) {
                    self.link(seat, Link::Up { heard: now });
                }
            }
            Event::Disconnected(seat) => {
                // A beacon came first: its shorter grace stands.
                if self.state.hold().is_some_and(Hold::connected) {
                    self.link(seat, Link::Down { until: now + self.state.limits.grace });
                }
            }
            Event::Beacon(seat) => {
                self.link(seat, Link::Down { until: now + self.state.limits.beacon_grace });
            }
            Event::Release(seat, epoch, why) => self.release(seat, epoch, why),
            Event::Tick => {}
        }
    }

    /// Nobody holds or claims the input: the agent gets it if it is there ([L1], [L6]).
    fn rest(&mut self) {
        if self.state.input == Input::Free && self.state.agent && self.state.browser {
            let epoch = self.raise(Record::AgentGranted);
            self.state.input = Input::Agent { quiescing: None };
            self.act(Action::GrantAgent(epoch));
        }
    }

    fn clear(&mut self, next: Option<Claim>) {
        self.state.input = Input::Clearing { next };
        self.act(Action::Clear(self.state.epoch));
    }

    /// [L3] and [L8].
    fn revoke_agent(&mut self, next: Option<Claim>) {
        self.state.tool = None;
        let epoch = self.raise(Record::AgentRevoked);
        self.act(Action::RevokeAgent(epoch));
        self.clear(next);
    }

    fn agent_gone(&mut self) {
        self.state.agent = false;
        self.state.tool = None;
        if let Input::Agent { quiescing } = self.state.input {
            self.revoke_agent(quiescing.map(|quiescing| quiescing.claim));
        }
    }

    fn tool_begin(&mut self, tool: Tool) {
        let refusal = match &self.state.input {
            Input::Agent { quiescing: None } => None,
            Input::Agent { quiescing: Some(_) } => Some(Refusal::Quiescing),
            Input::Free | Input::Clearing { .. } => Some(Refusal::None),
            Input::Human(_) => Some(Refusal::Human),
        };
        match refusal {
            None => {
                self.state.tool = Some(tool);
                self.act(Action::AdmitTool(tool));
            }
            Some(refusal) => self.act(Action::RefuseTool(tool, refusal)),
        }
    }

    fn drain(&mut self, claim: Claim, now: Time) {
        self.state.tool = None;
        let wait = Wait::Drain { until: now + self.state.limits.drain };
        self.state.input = Input::Agent { quiescing: Some(Quiescing { claim, wait }) };
        self.act(Action::Drain(self.state.epoch));
    }

    fn ask(&mut self, claim: Claim, take_from_own: bool, now: Time) {
        if !self.state.browser {
            return self.act(Action::Deny(claim.seat, Denied::BrowserGone));
        }
        match self.state.input.clone() {
            Input::Free => self.grant(claim, now),
            Input::Clearing { next: None } => {
                self.state.input = Input::Clearing { next: Some(claim) };
            }
            Input::Agent { quiescing: None } => {
                self.act(Action::Journal(Record::Prepared)); // [L2]
                if self.state.tool.is_some() {
                    let wait = Wait::Boundary { until: now + self.state.limits.tool };
                    self.state.input = Input::Agent { quiescing: Some(Quiescing { claim, wait }) };
                } else {
                    self.drain(claim, now);
                }
            }
            Input::Clearing { next: Some(other) }
            | Input::Agent { quiescing: Some(Quiescing { claim: other, .. }) } => {
                if other.seat != claim.seat {
                    self.act(Action::Deny(claim.seat, Denied::AlreadyHeld(other.person)));
                }
            }
            Input::Human(hold) if hold.seat == claim.seat => {
                // Asked again, for example because the answer was lost: it has it.
                self.act(Action::GrantHuman {
                    epoch: self.state.epoch,
                    seat: hold.seat,
                    deadline: hold.deadline,
                });
            }
            Input::Human(hold) if take_from_own && hold.person == claim.person => {
                let claim = Claim { deadline: Some(hold.deadline), ..claim };
                self.close(Close::Moved, Some(claim));
            }
            Input::Human(hold) => {
                self.act(Action::Deny(claim.seat, Denied::AlreadyHeld(hold.person)));
            }
        }
    }

    /// [L4]
    fn grant(&mut self, claim: Claim, now: Time) {
        let Claim { seat, person, deadline, lasts, vacant } = claim;
        let lasts = lasts.unwrap_or(self.state.limits.handoff);
        let deadline = deadline.unwrap_or(now + lasts);
        let epoch = self.state.epoch.next();
        self.state.epoch = epoch;
        self.act(Action::Journal(Record::Granted { epoch, seat, person, deadline, vacant }));
        // Whoever has to open a page first may take his time.
        let until = if vacant { deadline } else { now + self.state.limits.grace };
        let link = Link::Down { until };
        self.state.input = Input::Human(Hold { seat, person, deadline, vacant, link });
        self.act(Action::GrantHuman { epoch, seat, deadline });
    }

    /// Nobody could act from the seat before, so nothing is pressed and nothing has to be revoked.
    fn seated(&mut self, from: Seat, to: Seat, now: Time) {
        if let Input::Human(hold) = &mut self.state.input
            && hold.seat == from
            && hold.vacant
        {
            hold.seat = to;
            hold.vacant = false;
            hold.link = Link::Down { until: now + self.state.limits.grace };
            self.act(Action::Journal(Record::Seated(to)));
            self.act(Action::Seated { from, to });
        }
    }

    /// [L5]
    fn close(&mut self, why: Close, next: Option<Claim>) {
        if let Input::Human(hold) = self.state.input {
            self.act(Action::Journal(Record::Closing(why)));
            let epoch = self.raise(Record::HumanRevoked);
            self.act(Action::RevokeHuman { epoch, seat: hold.seat, why });
            self.clear(next);
        }
    }

    fn release(&mut self, seat: Seat, epoch: Epoch, why: Close) {
        match self.state.input.clone() {
            Input::Human(hold) if hold.seat == seat && epoch == self.state.epoch => {
                self.close(why, None);
            }
            // [L7]: it was not granted yet.
            Input::Agent { quiescing: Some(Quiescing { claim, .. }) } if claim.seat == seat => {
                self.state.input = Input::Agent { quiescing: None };
            }
            Input::Clearing { next: Some(claim) } if claim.seat == seat => {
                self.state.input = Input::Clearing { next: None };
            }
            Input::Free | Input::Clearing { .. } | Input::Agent { .. } | Input::Human(_) => {}
        }
    }

    fn link(&mut self, seat: Seat, link: Link) {
        if let Input::Human(hold) = &mut self.state.input
            && hold.seat == seat
            && !hold.vacant
        {
            let cut = hold.connected() && !matches!(link, Link::Up { .. });
            hold.link = match (hold.link, link) {
                // A second loss does not lengthen the first one's grace.
                (Link::Down { until: old }, Link::Down { until: new }) => {
                    Link::Down { until: old.min(new) }
                }
                (Link::Up { .. } | Link::Down { .. }, link) => link,
            };
            if cut {
                self.act(Action::CutInput(seat));
            }
        }
    }

    fn browser_gone(&mut self, why: Close) {
        if !self.state.browser {
            return;
        }
        self.state.browser = false;
        self.state.tool = None;
        let waiting = match &self.state.input {
            Input::Agent { quiescing: Some(Quiescing { claim, .. }) }
            | Input::Clearing { next: Some(claim) } => Some(claim.seat),
            Input::Free
            | Input::Clearing { next: None }
            | Input::Agent { quiescing: None }
            | Input::Human(_) => None,
        };
        if let Some(seat) = waiting {
            self.act(Action::Deny(seat, Denied::BrowserGone));
        }
        match self.state.input.clone() {
            Input::Human(hold) => {
                self.act(Action::Journal(Record::Closing(why)));
                let epoch = self.raise(Record::HumanRevoked);
                self.act(Action::RevokeHuman { epoch, seat: hold.seat, why });
            }
            Input::Agent { .. } => {
                let epoch = self.raise(Record::AgentRevoked);
                self.act(Action::RevokeAgent(epoch));
            }
            Input::Free | Input::Clearing { .. } => {}
        }
        // Nothing is left that could be pressed.
        self.state.input = Input::Free;
    }
}
