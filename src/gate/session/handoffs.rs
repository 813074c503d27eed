//! The session and the operator: what comes over the gate stream, and pages that come with tickets.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Why,
        handoffs::{Now, Right},
        problem::Problem,
        seats::{Refused, Secrets},
    },
    Entered, Proof, Reply, Session,
};
use crate::{
    decide::lease::{Close, Event, Record, Seat, Time},
    pod::contract::{
        FromGate, StoppedBy,
        stream::{Failure, Mode, Outcome, Prepare, Report, ToGateStream},
    },
};

impl Session {
    pub(super) fn both_clocks(&self) -> Now {
        Now { boot: self.now(), wall: self.config.clock.now() }
    }

    /// A challenge to be signed, from chance that the caller has.
    pub(super) fn challenge(&self, nonce: [u8; 16]) -> String {
        self.challenges.make(nonce, self.now())
    }

    /// Whether whoever opened the stream is the operator.
    pub(super) fn is_operator(&mut self, challenge: &str, signature: &str) -> bool {
        let now = self.now();
        self.config.pod.as_ref().is_some_and(|pod| {
            let key = &pod.operator_key;
            self.challenges.is_operator(key, &pod.uid, challenge, signature, now)
        })
    }

    /// What the operator wants; every wish may come again.
    pub(super) fn operator(&mut self, said: ToGateStream) -> Report {
        match said {
            ToGateStream::Prepare(prepare) => self.prepare(prepare),
            ToGateStream::Close { uid, outcome } => self.call_off(&uid, outcome),
            ToGateStream::Cancel => self.cancel_run(),
            ToGateStream::Deadline { seconds } => {
                self.grow_deadline(Time::from_secs(seconds));
                self.tell_agent(&FromGate::Deadline { seconds });
            }
            ToGateStream::Expiring { seconds } => {
                let message = format!("Nobody uses this browser: it ends in {seconds} s.");
                self.feed.notice(None, "idle_expiring", &message);
                self.told_idle = Some(self.now());
            }
            ToGateStream::Capped { seconds } => {
                let message = format!("This browser ends in {seconds} s, whoever uses it.");
                self.feed.notice(None, "cap_expiring", &message);
                self.told_cap = Some(seconds);
            }
            ToGateStream::CloseDoor { idle_seconds } => {
                let idle = self.idle();
                self.closed |= self.finished.is_some()
                    && idle > Time::ZERO
                    && idle >= Time::from_secs(idle_seconds);
            }
            ToGateStream::AgentEnded => {
                if self.agent.is_none() && self.finished.is_none() {
                    self.agent_lost("agent_lost");
                }
            }
            ToGateStream::Stop { message } => {
                self.handoffs.operator_ends();
                self.leave(Why::Stopped, &message);
            }
            // The stream has seen to the first, and the second wants nothing.
            ToGateStream::Prove { .. } | ToGateStream::Ask => {}
        }
        self.report()
    }

    fn cancel_run(&mut self) {
        if self.finished.is_none() {
            let now = self.now();
            self.cancelled.get_or_insert(now);
            self.feed.notice(None, "stopping", "The run is being cancelled.");
            self.tell_cancelled();
        }
    }

    /// An agent that connects later hears of it then.
    pub(super) fn tell_cancelled(&self) {
        if self.cancelled.is_some() {
            let by = "operator".to_owned();
            self.tell_agent(&FromGate::StopRun { by, stopped_by: StoppedBy::Operator });
        }
    }

    /// [P0] on this side, and what follows from it.
    fn prepare(&mut self, prepare: Prepare) {
        if self.handoffs.knows(&prepare.uid) {
            return;
        }
        self.hosts.send_modify(|hosts| {
            hosts.insert(prepare.name.clone());
        });
        let now = self.both_clocks();
        let display = self.browser.facts.as_ref().is_some_and(|facts| facts.display.is_some());
        let refusal = match prepare.mode {
            Mode::View | Mode::Control if self.closed => Some(Failure::BrowserGone),
            Mode::View if self.handoffs.is_full() => Some(Failure::BudgetExceeded),
            Mode::View => return self.handoffs.watch(prepare, now),
            // The agent still drives.
            Mode::Control if self.finished.is_none() => Some(Failure::AgentBusy),
            Mode::Control if self.ended.is_some() || !self.lease.browser() => {
                Some(Failure::BrowserGone)
            }
            Mode::Control => (!display).then_some(Failure::DisplayUnavailable),
        };
        if let Some(why) = refusal {
            return self.handoffs.refuse(prepare, why);
        }
        let (seat, person) =
            (self.seats.reserve(), self.seats.person(prepare.holder.as_str().into()));
        let lasts = Time::from_secs(prepare.timeout_seconds);
        self.handoffs.ask(prepare, seat);
        self.step(Event::Prepare { seat, person, lasts });
    }

    fn call_off(&mut self, uid: &str, outcome: Outcome) {
        let now = self.both_clocks();
        // Between two pages of the holder's it is the next one that gives back.
        let next = self.lease.next();
        let holder = self.lease.hold().map(|hold| hold.seat).or(next);
        let Some(seat) = self.handoffs.call_off(uid, outcome, holder, now) else { return };
        let why = match outcome {
            Outcome::Finished => Close::Finished,
            Outcome::Cancelled => Close::Cancelled,
        };
        self.step(Event::Release(seat, self.lease.epoch(), why));
        if next == Some(seat) {
            // Nothing is left that would be taken back, and no later gate grants it again.
            self.record(Record::Closing(why));
            self.handoffs.revoked(why, now);
            for (_, reply) in self.asks.extract_if(.., |(of, _)| *of == seat) {
                reply.send(Err(Problem::NOT_ALLOWED)).ok();
            }
        }
    }

    /// A page with a ticket: a new seat, or another right for the one it has.
    pub(super) fn enter_by_ticket(
        &mut self,
        ticket: &str,
        secrets: &Secrets,
        proof: Option<&Proof>,
        reply: Reply<Entered>,
    ) {
        let seat = self.redeem(ticket, secrets, proof);
        self.came_in(seat, reply);
    }

    fn redeem(
        &mut self,
        ticket: &str,
        secrets: &Secrets,
        proof: Option<&Proof>,
    ) -> Result<Seat, Problem> {
        let now = self.now();
        if self.closed {
            return Err(Problem::ENDING);
        }
        if let Some(proof) = proof {
            self.seats.check_secret(proof.seat, &proof.secret)?;
        } else if self.seats.is_full(now) {
            // A full house does not use the ticket up.
            return Err(Refused::Full.into());
        }
        let pod = self.config.pod.as_ref().ok_or(Problem::TOKEN)?;
        let handoffs = &self.handoffs;
        let entitled = self
            .challenges
            .redeem(ticket, &pod.uid, now, |uid| handoffs.key(uid))
            .ok_or(Problem::TOKEN)?;
        let right = handoffs
            .admits(&entitled.handoff, entitled.scope, entitled.epoch)
            .ok_or(Problem::TOKEN)?;
        let holder: Arc<str> = handoffs.holder(&entitled.handoff).ok_or(Problem::TOKEN)?.into();
        let seat = match proof {
            Some(proof) => {
                // Nobody's rights are added to somebody else's page.
                let person = self.seats.person_of(proof.seat).ok_or(Problem::NO_TOKEN)?;
                if self.seats.name(person) != holder {
                    return Err(Problem::TOKEN);
                }
                self.seats.set_cookie(proof.seat, &secrets.cookie);
                proof.seat
            }
            None => self.seats.admit(holder, secrets, now)?,
        };
        self.handoffs.sit(seat, &entitled.handoff, right != Right::Watch);
        let clocks = self.both_clocks();
        self.handoffs.came(&entitled.handoff, clocks);
        if let Right::Act(place) = right {
            // Another page of the holder's may sit there already; this one can ask for its place.
            self.step(Event::Seated { from: place, to: seat });
        }
        Ok(seat)
    }

    /// What is over by its time: handoffs that only watch, and pages whose handoff has ended.
    pub(super) fn handoffs_on_time(&mut self) {
        let now = self.both_clocks();
        let connected = self.lease.hold().is_some_and(crate::decide::lease::Hold::connected);
        self.handoffs.connected(connected, now);
        for seat in self.handoffs.on_time(now) {
            self.seats.remove(seat);
            if let Some(token) = self.dismissals.remove(&seat) {
                token.cancel();
            }
        }
    }

    /// The holder used the input.
    pub(super) fn used(&mut self, now: Time) {
        self.active(now);
        let clocks = self.both_clocks();
        self.handoffs.holder_acted(clocks);
    }

    /// Cancelled when this page has to go although the browser stays.
    pub(super) fn dismissal(&mut self, seat: Seat) -> CancellationToken {
        self.dismissals.entry(seat).or_default().clone()
    }

    /// Since the last sign of life of anybody; zero while somebody watches or holds.
    fn idle(&self) -> Time {
        let now = self.now();
        let held = self.lease.hold().is_some_and(crate::decide::lease::Hold::connected);
        if held || self.seats.present(now).next().is_some() {
            return Time::ZERO;
        }
        let since = self.finished.map_or(self.active, |finished| finished.max(self.active));
        now.saturating_sub(since)
    }

    /// Everything that the operator may want to know.
    pub(super) fn report(&self) -> Report {
        let now = self.now();
        let viewers = self.seats.present(now).count();
        let ago = |then: Time| milliseconds(now.saturating_sub(then));
        Report {
            // The connection counts.
            answered: 0,
            incarnation: self.incarnation,
            position: self.handoffs.position(),
            finished: self.finished.is_some(),
            browser: self.ended.is_none() && self.lease.browser(),
            idle_ms: milliseconds(self.idle()),
            viewers: u32::try_from(viewers).unwrap_or(u32::MAX),
            watched: self.watched || viewers > 0,
            closed: self.closed,
            told_idle_ms: self.told_idle.map(ago),
            told_cap_seconds: self.told_cap,
            cancelling_ms: self.cancelled.map(ago),
            deadline_seconds: self.deadline.as_secs(),
            agent_left_ms: self.agent_left(now).map(milliseconds),
            upload: self.uploader.state(),
            handoffs: self.handoffs.report(),
        }
    }
}

pub(super) fn milliseconds(time: Time) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
