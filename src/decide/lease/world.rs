//! Everything that can happen around the lease, searched whole.
//!
//! A world is the lease, its journal and the little that the outside adds: which connections are
//! open, what is pressed, who was told that he holds the input. Messages are not kept in flight:
//! at any moment any of them may come, under the present or an earlier epoch, which covers every
//! delay, repetition and change of order. Times are counted from now and epochs from the present
//! one, so that the worlds are finitely many; that epochs rise is checked on every step.

use std::{
    collections::{HashMap, VecDeque},
    io::Write as _,
};

use super::*;
use crate::decide::trail::trail;

const TICK: Duration = Duration::from_secs(1);
const NOW: Time = Duration::from_secs(1000);
/// Times longer ago than any limit are all the same.
const OLDEST: Time = Duration::from_secs(997);
const EPOCH: Epoch = Epoch(100);
const LIMITS: Limits = Limits {
    handoff: Duration::from_secs(6),
    silence: Duration::from_secs(2),
    grace: Duration::from_secs(3),
    beacon_grace: Duration::from_secs(1),
    tool: Duration::from_secs(2),
    drain: Duration::from_secs(1),
};

/// Two people; the first has two pages.
const SEATS: [(Seat, Person); 3] =
    [(Seat(1), Person(1)), (Seat(2), Person(2)), (Seat(3), Person(1))];

/// What stands for the second person's page until it is there.
const PLACE: Seat = Seat(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Agent,
    Seat(Seat),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    lease: State,
    journal: Journal,
    /// Who was told that he holds the input, and not yet that he does not.
    told: Vec<Holder>,
    /// Somebody's key or button is down in the browser.
    pressed: bool,
    /// The gate was told to release under this epoch, and has not said that it is done.
    clearing: Option<Epoch>,
    /// The same for the agent's answers.
    draining: Option<Epoch>,
    /// Since when the holder's control connection is silent; `None` is closed.
    heard: Option<Time>,
    /// The deadline of the handoff that began with the last ask.
    deadline: Option<Time>,
    /// The present handoff has lived through a crash.
    survived: bool,
}

/// What the search can do to a world. `Stale` means: sent under the epoch before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    Event(Event),
    Press(Holder),
    StaleFrame,
    Cleared,
    Drained,
    Tick,
    Crash,
}

/// A deliberate fault; each must break a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    None,
    EpochStands,
    StaleFramesPass,
    AnySeatPasses,
    NobodyIsTold,
    NothingIsReleased,
    SilenceIsForgiven,
    DeadlineMovesOnRestart,
    ClaimsNeverExpire,
    JournalIsLost,
}

type Broken = (&'static str, Happening);

impl World {
    fn new() -> Self {
        let (lease, _) = start(&Journal::default(), LIMITS);
        Self {
            lease: State { epoch: EPOCH, ..lease },
            journal: Journal::default().since(EPOCH),
            told: Vec::new(),
            pressed: false,
            clearing: None,
            draining: None,
            heard: None,
            deadline: None,
            survived: false,
        }
    }

    fn happenings(&self) -> Vec<Happening> {
        let mut all = vec![
            Happening::Event(Event::BrowserReady),
            Happening::Event(Event::BrowserGone(Close::BrowserLost)),
            Happening::Event(Event::AgentAttached),
            Happening::Event(Event::AgentGone),
            Happening::Event(Event::ToolBegin(Tool(1))),
            Happening::Event(Event::ToolEnd(Tool(1))),
            Happening::Event(Event::Cleared(Epoch(EPOCH.0 - 1))),
            Happening::Event(Event::Drained(Epoch(EPOCH.0 - 1))),
            Happening::Press(Holder::Agent),
            Happening::StaleFrame,
            Happening::Tick,
        ];
        for (seat, person) in SEATS {
            for take_from_own in [false, true] {
                all.push(Happening::Event(Event::Ask { seat, person, take_from_own }));
            }
            all.extend([
                Happening::Event(Event::Connected(seat)),
                Happening::Event(Event::Disconnected(seat)),
                Happening::Event(Event::Heartbeat(seat)),
                Happening::Event(Event::Beacon(seat)),
                Happening::Event(Event::Release(seat, EPOCH, Close::Finished)),
                Happening::Event(Event::Release(seat, Epoch(EPOCH.0 - 1), Close::Cancelled)),
                Happening::Press(Holder::Seat(seat)),
            ]);
        }
        all.extend([
            Happening::Event(Event::Prepare {
                seat: PLACE,
                person: Person(2),
                lasts: Duration::from_secs(4),
            }),
            Happening::Event(Event::Seated { from: PLACE, to: Seat(2) }),
            Happening::Event(Event::Connected(PLACE)),
            Happening::Event(Event::Release(PLACE, EPOCH, Close::Cancelled)),
            Happening::Press(Holder::Seat(PLACE)),
        ]);
        if self.clearing.is_some() {
            all.push(Happening::Cleared);
        }
        if self.draining.is_some() {
            all.push(Happening::Drained);
        }
        all.push(Happening::Crash);
        all
    }

    /// The world after it, or the promise that it breaks.
    fn after(&self, happening: Happening, mutation: Mutation) -> Result<Self, Broken> {
        let mut world = self.clone();
        let mut now = NOW;
        let broken = |promise| (promise, happening);
        match happening {
            Happening::Event(event) => {
                world.note(event, now);
                world.step(event, now, mutation).map_err(broken)?;
            }
            Happening::Tick => {
                now += TICK;
                world.step(Event::Tick, now, mutation).map_err(broken)?;
            }
            Happening::Cleared => {
                let epoch = world.clearing.take().unwrap();
                if mutation != Mutation::NothingIsReleased {
                    world.pressed = false;
                }
                world.step(Event::Cleared(epoch), now, mutation).map_err(broken)?;
            }
            Happening::Drained => {
                let epoch = world.draining.take().unwrap();
                world.step(Event::Drained(epoch), now, mutation).map_err(broken)?;
            }
            Happening::Press(holder) => {
                let admitted = match holder {
                    Holder::Agent => world.lease.agent_frame(EPOCH).is_ok(),
                    Holder::Seat(seat) if mutation == Mutation::AnySeatPasses => {
                        world
                            .lease
                            .hold()
                            .is_some_and(|hold| world.lease.human_input(hold.seat, now))
                            && seat != Seat(0)
                    }
                    Holder::Seat(seat) => world.lease.human_input(seat, now),
                };
                if admitted {
                    world.pressed = true;
                    if world.told != [holder] {
                        return Err(broken("only the holder's input is admitted"));
                    }
                    if let Holder::Seat(_) = holder {
                        let alive = world.heard.is_some_and(|heard| now < heard + LIMITS.silence);
                        if !alive {
                            return Err(broken("silence ends a person's input"));
                        }
                        if world.deadline.is_none_or(|deadline| now >= deadline) {
                            return Err(broken("the deadline ends a person's input"));
                        }
                    }
                }
            }
            Happening::StaleFrame => {
                let stale = Epoch(EPOCH.0 - 1);
                let epoch = if mutation == Mutation::StaleFramesPass { EPOCH } else { stale };
                if world.lease.agent_frame(epoch).is_ok() {
                    return Err(broken("what an earlier epoch sent is not admitted"));
                }
            }
            Happening::Crash => world.crash(mutation).map_err(broken)?,
        }
        if world.told.len() > 1 {
            return Err(broken("at most one holder"));
        }
        Ok(world.normal(now))
    }

    /// What the outside knows by itself of what happens.
    fn note(&mut self, event: Event, now: Time) {
        let holds = |seat| self.told == [Holder::Seat(seat)];
        match event {
            Event::Connected(seat) if holds(seat) && seat != PLACE => self.heard = Some(now),
            Event::Heartbeat(seat) if holds(seat) => {
                self.heard = self.heard.map(|_| now);
            }
            Event::Disconnected(seat) | Event::Beacon(seat) if holds(seat) => self.heard = None,
            Event::BrowserGone(_) => self.pressed = false,
            Event::BrowserReady
            | Event::Connected(_)
            | Event::Heartbeat(_)
            | Event::Disconnected(_)
            | Event::Beacon(_)
            | Event::AgentAttached
            | Event::AgentGone
            | Event::ToolBegin(_)
            | Event::ToolEnd(_)
            | Event::Drained(_)
            | Event::Cleared(_)
            | Event::Ask { .. }
            | Event::Prepare { .. }
            | Event::Seated { .. }
            | Event::Release(..)
            | Event::Tick => {}
        }
    }

    fn step(&mut self, event: Event, now: Time, mutation: Mutation) -> Result<(), &'static str> {
        let (mut next, actions) = step(&self.lease, event, now);
        if mutation == Mutation::EpochStands {
            next.epoch = self.lease.epoch;
        }
        if mutation == Mutation::SilenceIsForgiven
            && let Input::Human(hold) = &mut next.input
            && hold.connected()
        {
            hold.link = Link::Up { heard: now };
        }
        if mutation == Mutation::ClaimsNeverExpire
            && let Input::Agent { quiescing: Some(quiescing) } = &mut next.input
        {
            quiescing.wait = Wait::Boundary { until: now + LIMITS.tool };
        }
        let old = (self.owner(), self.lease.epoch);
        self.lease = next;
        self.perform(actions, mutation)?;
        let new = (self.owner(), self.lease.epoch);
        if new.1 < old.1 || (new.0 != old.0 && new.1 == old.1) {
            return Err("epochs rise with every change of owner");
        }
        Ok(())
    }

    fn owner(&self) -> Option<Holder> {
        match &self.lease.input {
            Input::Free | Input::Clearing { .. } => None,
            Input::Agent { .. } => Some(Holder::Agent),
            // What stands for a page is of the same owner as the page.
            Input::Human(hold) if hold.seat == PLACE => Some(Holder::Seat(Seat(2))),
            Input::Human(hold) => Some(Holder::Seat(hold.seat)),
        }
    }

    fn perform(&mut self, actions: Vec<Action>, mutation: Mutation) -> Result<(), &'static str> {
        for action in actions {
            match action {
                Action::Journal(record) if mutation != Mutation::JournalIsLost => {
                    self.journal.write(record);
                }
                Action::GrantAgent(_) => {
                    self.nothing_pressed()?;
                    self.told.push(Holder::Agent);
                }
                Action::GrantHuman { seat, deadline, .. } => {
                    let holder = Holder::Seat(seat);
                    if !self.told.contains(&holder) {
                        self.nothing_pressed()?;
                        self.told.push(holder);
                    }
                    if *self.deadline.get_or_insert(deadline) != deadline {
                        return Err("a handoff's deadline never moves");
                    }
                }
                Action::Seated { from, to } => {
                    self.nothing_pressed()?;
                    for holder in &mut self.told {
                        if *holder == Holder::Seat(from) {
                            *holder = Holder::Seat(to);
                        }
                    }
                }
                Action::RevokeAgent(_) if mutation != Mutation::NobodyIsTold => {
                    self.told.retain(|holder| *holder != Holder::Agent);
                }
                Action::RevokeHuman { seat, why, .. } if mutation != Mutation::NobodyIsTold => {
                    self.told.retain(|holder| *holder != Holder::Seat(seat));
                    self.heard = None;
                    if why != Close::Moved {
                        self.deadline = None;
                    }
                }
                Action::Clear(epoch) => self.clearing = Some(epoch),
                Action::Drain(epoch) => self.draining = Some(epoch),
                Action::CutInput(_) if mutation != Mutation::NothingIsReleased => {
                    self.pressed = false;
                }
                Action::Deny(..)
                | Action::Journal(_)
                | Action::RevokeAgent(_)
                | Action::RevokeHuman { .. }
                | Action::CutInput(_)
                | Action::AdmitTool(_)
                | Action::RefuseTool(..) => {}
            }
        }
        // The handoff is over, unless it waits to go on after a move or a crash.
        let over = match &self.lease.input {
            Input::Free | Input::Clearing { next: None } | Input::Agent { .. } => true,
            Input::Clearing { next: Some(_) } | Input::Human(_) => false,
        };
        if over {
            self.deadline = None;
            self.survived = false;
        }
        Ok(())
    }

    fn nothing_pressed(&self) -> Result<(), &'static str> {
        if self.pressed { Err("nothing is pressed when a holder begins") } else { Ok(()) }
    }

    /// The gate dies and comes back: its connections are gone, the browser and the journal stay.
    fn crash(&mut self, mutation: Mutation) -> Result<(), &'static str> {
        let old = self.lease.epoch;
        let (lease, actions) = start(&self.journal, LIMITS);
        self.lease = State { browser: self.lease.browser, ..lease };
        if mutation == Mutation::DeadlineMovesOnRestart
            && let Input::Clearing { next: Some(claim) } = &mut self.lease.input
        {
            claim.deadline = None;
        }
        self.told.clear();
        self.clearing = None;
        self.draining = None;
        self.heard = None;
        self.survived = true;
        self.perform(actions, mutation)?;
        if self.lease.epoch <= old {
            return Err("epochs rise over a crash");
        }
        Ok(())
    }

    /// The same world, with now and the present epoch where they always are.
    fn normal(mut self, now: Time) -> Self {
        let shift = now.saturating_sub(NOW);
        let earlier = |time: &mut Time| *time = time.saturating_sub(shift).max(OLDEST);
        match &mut self.lease.input {
            Input::Human(hold) => {
                earlier(&mut hold.deadline);
                match &mut hold.link {
                    Link::Up { heard: time } | Link::Down { until: time } => earlier(time),
                }
            }
            Input::Agent { quiescing: Some(Quiescing { claim, wait }) } => {
                claim.deadline.iter_mut().for_each(earlier);
                match wait {
                    Wait::Boundary { until } | Wait::Drain { until } => earlier(until),
                }
            }
            Input::Clearing { next: Some(claim) } => claim.deadline.iter_mut().for_each(earlier),
            Input::Free | Input::Clearing { next: None } | Input::Agent { quiescing: None } => {}
        }
        self.heard.iter_mut().for_each(earlier);
        // Longer silence than the limit is all the same.
        self.heard = self.heard.map(|heard| heard.max(NOW.saturating_sub(LIMITS.silence)));
        self.deadline.iter_mut().for_each(earlier);
        self.journal = self.journal.shifted(earlier, self.lease.epoch, EPOCH);
        let rebase = |epoch: &mut Epoch, present: Epoch| {
            // Anything older is as stale as the epoch before.
            *epoch = if *epoch == present { EPOCH } else { Epoch(EPOCH.0 - 1) };
        };
        let present = self.lease.epoch;
        self.clearing.iter_mut().for_each(|epoch| rebase(epoch, present));
        self.draining.iter_mut().for_each(|epoch| rebase(epoch, present));
        self.lease.epoch = EPOCH;
        self
    }

    /// Everybody leaves and only time passes, with the gate doing what it was told: does it come
    /// to rest?
    fn settles(&self, mutation: Mutation) -> Result<(), Broken> {
        let mut world = self.clone();
        for _ in 0..20 {
            if world.at_rest() {
                return Ok(());
            }
            let happening =
                if world.clearing.is_some() { Happening::Cleared } else { Happening::Tick };
            world = world.after(happening, mutation)?;
        }
        Err(("every state comes to rest", Happening::Tick))
    }

    fn at_rest(&self) -> bool {
        match self.lease.input {
            Input::Free => !(self.lease.agent && self.lease.browser),
            Input::Agent { quiescing } => quiescing.is_none(),
            Input::Clearing { .. } | Input::Human(_) => false,
        }
    }
}

/// Breadth first, so that the path to the first broken promise is a shortest one.
fn search(mutation: Mutation) -> Result<Vec<World>, String> {
    let mut came: HashMap<World, Option<(World, Happening)>> = HashMap::new();
    let mut queue = VecDeque::from([World::new()]);
    came.insert(World::new(), None);
    while let Some(world) = queue.pop_front() {
        if let Err((promise, happening)) = world.settles(mutation) {
            return Err(format!("{promise}: {}, then {happening:?}", path(&came, &world)));
        }
        for happening in world.happenings() {
            match world.after(happening, mutation) {
                Ok(next) => {
                    if !came.contains_key(&next) {
                        came.insert(next.clone(), Some((world.clone(), happening)));
                        queue.push_back(next);
                    }
                }
                Err((promise, happening)) => {
                    return Err(format!("{promise}: {}, {happening:?}", path(&came, &world)));
                }
            }
        }
    }
    Ok(came.into_keys().collect())
}

fn path<'a>(came: &'a HashMap<World, Option<(World, Happening)>>, world: &'a World) -> String {
    trail(world, |world| came.get(world)?.as_ref().map(|(before, happening)| (before, happening)))
}

/// A landmark's name and whether a world is one.
type Landmark = (&'static str, fn(&World) -> bool);

/// What the search must come by, or it proves nothing.
const LANDMARKS: [Landmark; 10] = [
    ("the agent acts", |w| w.told == [Holder::Agent] && w.pressed),
    ("a person acts", |w| matches!(w.told[..], [Holder::Seat(_)]) && w.pressed),
    ("the second page acts", |w| w.told == [Holder::Seat(Seat(3))] && w.pressed),
    ("a claim waits for a tool", |w| {
        matches!(
            w.lease.input,
            Input::Agent { quiescing: Some(Quiescing { wait: Wait::Boundary { .. }, .. }) }
        )
    }),
    ("a claim waits for the answers", |w| w.draining.is_some()),
    ("the lease is reserved", |w| w.lease.hold().is_some_and(|hold| !hold.connected())),
    ("the agent waits for a person", |w| w.lease.agent && w.lease.hold().is_some()),
    ("a page is waited for", |w| w.lease.hold().is_some_and(|hold| hold.seat == PLACE)),
    ("a page is waited for after a crash", |w| {
        w.survived && w.lease.hold().is_some_and(|hold| hold.seat == PLACE)
    }),
    ("a person goes on after a crash", |w| {
        w.survived && w.lease.hold().is_some_and(Hold::connected)
    }),
];

#[test]
fn every_interleaving_keeps_every_promise() {
    let worlds = search(Mutation::None).unwrap();
    writeln!(std::io::stderr(), "{} states of the lease", worlds.len()).unwrap();
    assert!(worlds.len() >= STATES, "only {} states: something is no longer reached", worlds.len());
    for (name, reached) in LANDMARKS {
        assert!(worlds.iter().any(reached), "never reached: {name}");
    }
}

/// How many the search found when it was last changed on purpose.
const STATES: usize = 10_642;

#[test]
fn every_promise_is_broken_by_its_mutation() {
    let check = |mutation, promise: &str| match search(mutation) {
        Err(found) => {
            assert!(found.starts_with(promise), "{mutation:?} broke something else: {found}");
        }
        Ok(_) => panic!("{mutation:?} broke nothing"),
    };
    check(Mutation::EpochStands, "epochs rise with every change of owner");
    check(Mutation::StaleFramesPass, "what an earlier epoch sent is not admitted");
    check(Mutation::AnySeatPasses, "only the holder's input is admitted");
    check(Mutation::NobodyIsTold, "at most one holder");
    check(Mutation::NothingIsReleased, "nothing is pressed when a holder begins");
    check(Mutation::SilenceIsForgiven, "silence ends a person's input");
    check(Mutation::DeadlineMovesOnRestart, "a handoff's deadline never moves");
    check(Mutation::ClaimsNeverExpire, "every state comes to rest");
    check(Mutation::JournalIsLost, "epochs rise over a crash");
}

/// With the real limits: who has to open a page first has until the deadline, and a minute from then
/// on like everybody.
#[test]
fn a_page_that_is_waited_for_takes_its_place_under_the_same_epoch() {
    let at = Duration::from_secs;
    let (state, _) =
        step(&start(&Journal::default(), Limits::default()).0, Event::BrowserReady, at(0));
    let prepare = Event::Prepare { seat: Seat(9), person: Person(1), lasts: at(600) };
    let (state, _) = step(&state, prepare, at(0));
    assert_eq!(state.wake_at(), Some(at(600)));
    assert!(state.hold().unwrap().vacant() && !state.human_input(Seat(9), at(1)));
    let (connected, _) = step(&state, Event::Connected(Seat(9)), at(1));
    assert!(!connected.human_input(Seat(9), at(1)), "nobody sits there");
    let (seated, actions) = step(&state, Event::Seated { from: Seat(9), to: Seat(3) }, at(300));
    assert_eq!(
        actions,
        [Action::Journal(Record::Seated(Seat(3))), Action::Seated { from: Seat(9), to: Seat(3) },]
    );
    assert_eq!((seated.epoch(), seated.wake_at()), (state.epoch(), Some(at(360))));
    let (again, actions) = step(&seated, Event::Seated { from: Seat(3), to: Seat(4) }, at(301));
    assert_eq!((again, actions), (seated.clone(), vec![]), "the place is taken once");
    let (acting, _) = step(&seated, Event::Connected(Seat(3)), at(310));
    assert!(acting.human_input(Seat(3), at(310)));
}

/// With the real limits: the last millisecond counts.
#[test]
fn input_ends_exactly_at_the_deadline() {
    let state = start(&Journal::default(), Limits::default()).0;
    let at = |ms| Duration::from_millis(ms);
    let (state, _) = step(&state, Event::BrowserReady, at(0));
    let ask = Event::Ask { seat: Seat(1), person: Person(1), take_from_own: false };
    let (mut state, _) = step(&state, ask, at(0));
    for second in 0..3600 {
        state = step(&state, Event::Connected(Seat(1)), at(second * 1000)).0;
    }
    assert!(state.human_input(Seat(1), at(3_599_999)));
    assert!(!state.human_input(Seat(1), at(3_600_000)));
    assert_eq!(state.wake_at(), Some(at(3_600_000)));
    assert!(step(&state, Event::Tick, at(3_599_999)).1.is_empty());
    let (closed, actions) = step(&state, Event::Tick, at(3_600_000));
    assert_eq!(closed.input(), &Input::Clearing { next: None });
    assert_eq!(
        actions,
        [
            Action::Journal(Record::Closing(Close::Deadline)),
            Action::Journal(Record::HumanRevoked(Epoch(2))),
            Action::RevokeHuman { epoch: Epoch(2), seat: Seat(1), why: Close::Deadline },
            Action::Clear(Epoch(2)),
        ]
    );
    // A release that comes at the deadline comes too late.
    let late = Event::Release(Seat(1), Epoch(1), Close::Finished);
    assert_eq!(step(&state, late, at(3_600_000)).1, actions);
}

#[test]
fn a_silent_page_keeps_its_place_for_a_minute_and_a_closing_one_for_ten_seconds() {
    let at = Duration::from_secs;
    let state = start(&Journal::default(), Limits::default()).0;
    let (state, _) = step(&state, Event::BrowserReady, at(0));
    let ask = Event::Ask { seat: Seat(1), person: Person(1), take_from_own: false };
    let (state, _) = step(&state, ask, at(0));
    let (held, _) = step(&state, Event::Connected(Seat(1)), at(1));
    assert_eq!(held.wake_at(), Some(at(16)));
    let (cut, actions) = step(&held, Event::Tick, at(16));
    assert_eq!(actions, [Action::CutInput(Seat(1))]);
    assert!(!cut.human_input(Seat(1), at(16)));
    assert_eq!(cut.wake_at(), Some(at(76)));
    let (back, _) = step(&cut, Event::Connected(Seat(1)), at(75));
    assert!(back.human_input(Seat(1), at(75)));
    let (leaving, _) = step(&held, Event::Beacon(Seat(1)), at(2));
    let (leaving, _) = step(&leaving, Event::Disconnected(Seat(1)), at(2));
    assert_eq!(leaving.wake_at(), Some(at(12)));
    let (_, actions) = step(&leaving, Event::Tick, at(12));
    assert!(actions.contains(&Action::Journal(Record::Closing(Close::DeadMan))));
}
