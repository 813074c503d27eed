//! The handoffs that the operator told this gate of, and who sits in the name of which (pure).
//!
//! # Guarantees
//! - A handoff that has ended never changes again, and one that is known is not begun twice.
//! - A page acts only under its own Control handoff; when the one that it watches under ends, it has
//!   [`RENEWAL`] to come with another.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    decide::lease::{Close, Denied, Epoch, Seat, Time},
    pod::contract::{
        PublicKey,
        stream::{ClosedBy, Failure, HandoffPhase, HandoffReport, Mode, Outcome, Prepare},
    },
};

/// How long a page stays connected whose handoff has ended: its client renews it by itself.
const RENEWAL: Time = Time::from_mins(1);

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Handoffs {
    /// In the order in which they came.
    list: Vec<Handoff>,
    seats: BTreeMap<Seat, Under>,
    /// Counts changes.
    position: u64,
}

/// One of them.
#[derive(Debug, Serialize, Deserialize)]
struct Handoff {
    prepare: Prepare,
    phase: HandoffPhase,
    /// For Control: what stands for the holder's page until it is there.
    place: Option<Seat>,
    epoch: Option<Epoch>,
    granted: Option<Grant>,
    first_connected: Option<Timestamp>,
    connected: bool,
    /// The minute in which the holder last did something.
    active: Option<Timestamp>,
    note: Option<String>,
    ended: Option<Time>,
    /// The operator asked for the end that is on its way.
    called_off: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Grant {
    at: Timestamp,
    until: Timestamp,
    deadline: Time,
}

/// What a ticket gives a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// To watch.
    Watch,
    /// To act as well, in the place of what stands for the page.
    Act(Seat),
}

/// In whose name a page is here.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Under {
    handoff: String,
    acts: bool,
}

/// Two clocks' word for the same moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) boot: Time,
    pub(super) wall: Timestamp,
}

impl Now {
    fn wall_at(self, boot: Time) -> Timestamp {
        self.wall.saturating_add(boot.saturating_sub(self.boot)).unwrap_or(Timestamp::MAX)
    }
}

/// How many handoffs of a browser are open at once: 16 viewers, each with a program that renews.
const MOST_ACTIVE: usize = 64;
/// How many are remembered, those that are over with them.
const MOST_KNOWN: usize = 256;

impl Handoffs {
    /// Whether this one is known already.
    pub(super) fn knows(&self, uid: &str) -> bool {
        self.list.iter().any(|one| one.prepare.uid == uid)
    }

    /// A Control handoff that waits for its grant; `place` stands for the holder's page.
    pub(super) fn ask(&mut self, prepare: Prepare, place: Seat) {
        self.add(prepare, HandoffPhase::Pending, Some(place));
    }

    /// A handoff that cannot be.
    pub(super) fn refuse(&mut self, prepare: Prepare, why: Failure) {
        self.add(prepare, HandoffPhase::Failed(why), None);
    }

    /// A View handoff, which needs nobody's leave.
    pub(super) fn watch(&mut self, prepare: Prepare, now: Now) {
        let lasts = Time::from_secs(prepare.timeout_seconds);
        self.add(prepare, HandoffPhase::Running, None);
        if let Some(last) = self.list.last_mut() {
            last.granted = Some(Grant::new(now, now.boot + lasts));
        }
    }

    /// Whether as many are watching, or may, as one browser has place for.
    pub(super) fn is_full(&self) -> bool {
        self.list.iter().filter(|one| one.phase.is_active()).count() >= MOST_ACTIVE
    }

    fn add(&mut self, prepare: Prepare, phase: HandoffPhase, place: Option<Seat>) {
        self.position += 1;
        // What is over long ago has been told; a report must stay small whatever people ask for.
        let over = |one: &Handoff| !one.phase.is_active();
        if self.list.len() >= MOST_KNOWN
            && let Some(oldest) = self.list.iter().position(over)
        {
            self.list.remove(oldest);
        }
        self.list.push(Handoff {
            prepare,
            phase,
            place,
            epoch: None,
            granted: None,
            first_connected: None,
            connected: false,
            active: None,
            note: None,
            ended: None,
            called_off: false,
        });
    }

    /// The key of an active handoff's holder.
    pub(super) fn key(&self, uid: &str) -> Option<PublicKey> {
        self.active(uid).map(|one| one.prepare.key)
    }

    /// Who holds an active handoff.
    pub(super) fn holder(&self, uid: &str) -> Option<&str> {
        self.active(uid).map(|one| one.prepare.holder.as_str())
    }

    fn active(&self, uid: &str) -> Option<&Handoff> {
        self.list.iter().find(|one| one.prepare.uid == uid && one.phase.is_active())
    }

    /// What a ticket of this handoff gives a right to, if it does.
    pub(super) fn admits(&self, uid: &str, scope: Mode, epoch: u64) -> Option<Right> {
        let one = self.active(uid).filter(|one| one.phase == HandoffPhase::Running)?;
        match scope {
            Mode::View => (epoch == 0).then_some(Right::Watch),
            Mode::Control => {
                let current = one.epoch.is_some_and(|current| current.0 == epoch);
                one.place.filter(|_| one.prepare.mode == Mode::Control && current).map(Right::Act)
            }
        }
    }

    /// A page is here in the name of this handoff from now on.
    pub(super) fn sit(&mut self, seat: Seat, uid: &str, acts: bool) {
        let acts = acts || self.seats.get(&seat).is_some_and(|old| old.acts && old.handoff == uid);
        self.seats.insert(seat, Under { handoff: uid.to_owned(), acts });
    }

    /// Whether this page may hold the input: under the handoff that is granted now.
    pub(super) fn may_act(&self, seat: Seat) -> bool {
        self.seats.get(&seat).is_some_and(|under| {
            under.acts && self.running().is_some_and(|one| one.prepare.uid == under.handoff)
        })
    }

    /// The Control handoff that is granted, if one is.
    fn running(&self) -> Option<&Handoff> {
        self.list
            .iter()
            .find(|one| one.prepare.mode == Mode::Control && one.phase == HandoffPhase::Running)
    }

    fn running_mut(&mut self) -> Option<&mut Handoff> {
        self.list
            .iter_mut()
            .find(|one| one.prepare.mode == Mode::Control && one.phase == HandoffPhase::Running)
    }

    /// The lease was granted to this seat.
    pub(super) fn granted(&mut self, seat: Seat, epoch: Epoch, deadline: Time, now: Now) {
        let waiting = self
            .list
            .iter_mut()
            .find(|one| one.phase == HandoffPhase::Pending && one.place == Some(seat));
        let Some(one) = (match waiting {
            Some(waiting) => Some(waiting),
            None => self.running_mut(),
        }) else {
            return;
        };
        if one.phase == HandoffPhase::Running && one.epoch == Some(epoch) {
            return;
        }
        one.phase = HandoffPhase::Running;
        one.epoch = Some(epoch);
        one.granted.get_or_insert_with(|| Grant::new(now, deadline));
        self.position += 1;
    }

    /// The lease was not granted to what stands for a page.
    pub(super) fn denied(&mut self, seat: Seat, why: Denied, now: Now) {
        // One that ran and was to go on, at another page or after a restart, waits again.
        let goes_on = |one: &Handoff| {
            one.prepare.mode == Mode::Control
                && one.phase == HandoffPhase::Running
                && one.epoch.is_none()
                && matches!(why, Denied::BrowserGone | Denied::Deadline)
        };
        let waits = |one: &Handoff| one.phase == HandoffPhase::Pending && one.place == Some(seat);
        let place = self.list.iter().position(waits);
        let place = place.or_else(|| self.list.iter().position(goes_on));
        let waiting = place.and_then(|place| self.list.get_mut(place));
        if let Some(one) = waiting {
            let phase = match why {
                Denied::AlreadyHeld(_) => HandoffPhase::Failed(Failure::AlreadyHeld),
                // It had this browser.
                Denied::BrowserGone if one.phase == HandoffPhase::Running => {
                    HandoffPhase::Failed(Failure::BrowserLost)
                }
                Denied::BrowserGone => HandoffPhase::Failed(Failure::BrowserGone),
                Denied::DrainTimeout => HandoffPhase::Failed(Failure::DrainTimeout),
                Denied::Deadline => HandoffPhase::TimedOut(ClosedBy::Timeout),
            };
            one.end(phase, now);
            self.position += 1;
        }
    }

    /// What was read from the journal of a gate that died, under a lease that was granted then or was
    /// not: nobody is connected any more, and a grant counts only once it is made again.
    pub(super) fn resume(&mut self, granted: bool, closing: Option<Close>, now: Now) {
        if !granted {
            // The lease was closed, and the end was not written here. A page that went on elsewhere
            // has not got there.
            let why = closing.filter(|why| *why != Close::Moved).unwrap_or(Close::DeadMan);
            self.revoked(why, now);
        }
        for one in &mut self.list {
            one.connected = false;
            one.epoch = None;
        }
        self.position += 1;
    }

    /// Names under which people come.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|one| one.prepare.name.as_str())
    }

    /// Control handoffs that were asked for and not granted yet.
    pub(super) fn waiting(&self) -> Vec<(Seat, Prepare)> {
        let waiting = self.list.iter().filter(|one| one.phase == HandoffPhase::Pending);
        waiting.filter_map(|one| Some((one.place?, one.prepare.clone()))).collect()
    }

    /// The lease was taken back from whoever held it.
    pub(super) fn revoked(&mut self, why: Close, now: Now) {
        let Some(one) = self.running_mut() else { return };
        let by = if one.called_off { ClosedBy::Operator } else { ClosedBy::Human };
        let phase = match why {
            // The same handoff goes on at another page.
            Close::Moved => {
                one.epoch = None;
                return;
            }
            Close::Finished => HandoffPhase::Finished(by),
            Close::Cancelled | Close::Stopped => HandoffPhase::Cancelled(by),
            Close::Deadline => HandoffPhase::TimedOut(ClosedBy::Timeout),
            Close::DeadMan => HandoffPhase::TimedOut(ClosedBy::DeadMan),
            Close::BrowserLost => HandoffPhase::Failed(Failure::BrowserLost),
        };
        one.end(phase, now);
        self.position += 1;
    }

    /// The browser ended while no gate was there: nothing that was granted goes on, and nothing that
    /// waits is granted.
    pub(super) fn browser_lost(&mut self, now: Now) {
        self.revoked(Close::BrowserLost, now);
        for (seat, _) in self.waiting() {
            self.denied(seat, Denied::BrowserGone, now);
        }
    }

    /// What the operator's wish to end a handoff means for the lease: which seat gives back, if the
    /// lease has anything to do with it. `holder` is who holds the input now, in whoever's name.
    pub(super) fn call_off(
        &mut self,
        uid: &str,
        outcome: Outcome,
        holder: Option<Seat>,
        now: Now,
    ) -> Option<Seat> {
        let one =
            self.list.iter_mut().find(|one| one.prepare.uid == uid && one.phase.is_active())?;
        match (one.prepare.mode, one.phase) {
            (Mode::Control, HandoffPhase::Running) => {
                one.called_off = true;
                // Whoever sits there now: of all Control handoffs this one is granted.
                holder.or(one.place)
            }
            (mode, _) => {
                // It withdraws its own request. Whoever holds the input meanwhile is somebody else.
                let place = one.place.filter(|_| mode == Mode::Control);
                one.end(
                    match outcome {
                        Outcome::Finished => HandoffPhase::Finished(ClosedBy::Operator),
                        Outcome::Cancelled => HandoffPhase::Cancelled(ClosedBy::Operator),
                    },
                    now,
                );
                self.position += 1;
                place
            }
        }
    }

    /// It is the operator who ends the browser, and with it what is granted.
    pub(super) fn operator_ends(&mut self) {
        for one in &mut self.list {
            one.called_off = true;
        }
    }

    /// The browser is being ended: what waits cannot be had, and nobody watches any more.
    pub(super) fn browser_ended(&mut self, now: Now) {
        for one in self.list.iter_mut().filter(|one| one.phase.is_active()) {
            let by = if one.called_off { ClosedBy::Operator } else { ClosedBy::Human };
            one.end(
                match one.prepare.mode {
                    Mode::Control => HandoffPhase::Failed(Failure::BrowserGone),
                    Mode::View => HandoffPhase::Cancelled(by),
                },
                now,
            );
            self.position += 1;
        }
    }

    /// Whether the holder is connected.
    pub(super) fn connected(&mut self, connected: bool, now: Now) {
        let Some(one) = self.running_mut() else { return };
        if one.connected != connected {
            one.connected = connected;
            if connected {
                one.first_connected.get_or_insert(now.wall);
            }
            self.position += 1;
        }
    }

    /// The holder of the input used it.
    pub(super) fn holder_acted(&mut self, now: Now) {
        let acted = self.running_mut().is_some_and(|one| one.acted(now));
        self.position += u64::from(acted);
    }

    /// The holder of this handoff came with a ticket.
    pub(super) fn came(&mut self, uid: &str, now: Now) {
        let one = self.list.iter_mut().find(|one| one.prepare.uid == uid);
        let acted = one.is_some_and(|one| one.acted(now));
        self.position += u64::from(acted);
    }

    /// What the holder says on leaving; redacted.
    pub(super) fn note(&mut self, note: String) {
        if let Some(one) = self.running_mut()
            && !note.is_empty()
        {
            one.note = Some(note);
            self.position += 1;
        }
    }

    /// Ends what is over by its time, and gives the pages that have to go.
    pub(super) fn on_time(&mut self, now: Now) -> Vec<Seat> {
        for one in &mut self.list {
            let over = one.granted.is_some_and(|grant| now.boot >= grant.deadline);
            if over && one.prepare.mode == Mode::View && one.phase == HandoffPhase::Running {
                one.end(HandoffPhase::TimedOut(ClosedBy::Timeout), now);
                self.position += 1;
            }
        }
        let list = &self.list;
        let over = |_: &Seat, under: &mut Under| {
            let handoff = list.iter().find(|one| one.prepare.uid == under.handoff);
            let ended = handoff.and_then(|one| one.ended);
            ended.is_some_and(|ended| now.boot >= ended + RENEWAL)
        };
        self.seats.extract_if(.., over).map(|(seat, _)| seat).collect()
    }

    /// When [`Self::on_time`] has something to do.
    pub(super) fn wake_at(&self) -> Option<Time> {
        let watching = self
            .list
            .iter()
            .filter(|one| one.prepare.mode == Mode::View && one.phase == HandoffPhase::Running)
            .filter_map(|one| one.granted.map(|grant| grant.deadline));
        let leaving = self.seats.values().filter_map(|under| {
            let one = self.list.iter().find(|one| one.prepare.uid == under.handoff)?;
            one.ended.map(|ended| ended + RENEWAL)
        });
        watching.chain(leaving).min()
    }

    /// Counts what has happened.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// All of them, as the operator gets them.
    pub(super) fn report(&self) -> Vec<HandoffReport> {
        let time = |time: Timestamp| format!("{time:.3}");
        self.list
            .iter()
            .map(|one| HandoffReport {
                uid: one.prepare.uid.clone(),
                phase: one.phase,
                epoch: one.epoch.filter(|_| one.phase == HandoffPhase::Running).map(|it| it.0),
                started_at: one.granted.map(|grant| time(grant.at)),
                deadline: one.granted.map(|grant| time(grant.until)),
                first_connected_at: one.first_connected.map(time),
                connected: one.connected && one.phase == HandoffPhase::Running,
                control: one.prepare.mode == Mode::Control,
                last_active_at: one.active.map(|minute| minute.to_string()),
                note: one.note.clone(),
            })
            .collect()
    }
}

impl Grant {
    fn new(now: Now, deadline: Time) -> Self {
        Self { at: now.wall, until: now.wall_at(deadline), deadline }
    }
}

impl Handoff {
    fn end(&mut self, phase: HandoffPhase, now: Now) {
        self.phase = phase;
        self.ended = Some(now.boot);
        self.connected = false;
    }

    /// Whether that is news: nobody is told more than the minute.
    fn acted(&mut self, now: Now) -> bool {
        let second = now.wall.as_second();
        let minute = Timestamp::from_second(second - second.rem_euclid(60)).ok();
        let news = minute > self.active;
        if news {
            self.active = minute;
        }
        news
    }
}

#[cfg(test)]
mod tests;
