//! A run that is over, its browser, and two Handoffs, small enough to be searched whole.
//!
//! The API server, the gate and the people are a few fields each; the operator is [`decide`], [`sweep`]
//! and an applier that is as careful as [`Only`] asks. It sees the run, the pod and each Handoff
//! through copies that catch up whenever they like, each on its own; it stops after any action; what it
//! says to the gate arrives later, and the answer later still. Time is what matters of it: whether a
//! Handoff has waited too long.
//!
//! What goes wrong beyond that costs a mishap, of which a search allows few.

mod operator;
mod search;
mod tests;

use super::*;
use crate::{
    decide::{Moment, PodUid},
    manifest::handoff::{HandoffState, Mode, status::FailureCode},
};

/// Now, always.
const NOW: Moment = Moment(1_000_000);

/// What is searched.
#[derive(Clone, Copy, Debug)]
struct Setting {
    name: &'static str,
    modes: [Mode; 2],
    /// The second one is made at all.
    rival: bool,
    /// How much may go wrong.
    mishaps: u8,
    /// What may.
    allowed: &'static [Mishap],
}

/// What can go wrong, or be done by people out of turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mishap {
    /// A word does not reach the gate.
    Unheard(usize),
    /// It does, and its answer is lost.
    Unanswered(usize),
    /// The operator stops after so many actions about that Handoff, and knows what it knew.
    LostAnswer(usize, usize),
    /// The same, and another takes over, who knows nothing.
    Crash(usize, usize),
    /// Another takes over whose watch of Handoffs has not seen this one yet.
    Unseen(usize),
    /// Somebody deletes the Handoff.
    Delete(usize),
    /// Somebody deletes the run, and with it what belongs to it.
    DeleteRun,
    /// The gate begins anew and knows nothing.
    Forget,
    /// Chromium, gate and all end.
    PodEnds,
    /// Somebody changes the admission policy.
    PolicyGoes,
}

/// A Handoff, as the API server or the cache has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thing {
    desired: HandoffState,
    record: Record,
}

/// A `TestRun`, as the API server or the cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Home {
    slot: Option<usize>,
}

/// What the gate has of a Handoff.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum AtGate {
    #[default]
    Unknown,
    Pending,
    Running,
    /// How it ended, and whether it was granted.
    Ended(GatePhase, bool),
}

/// What is on its way to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Saying {
    Prepare,
    Close(HandoffState),
}

/// What the operator knows by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Memory {
    heard: Option<[AtGate; 2]>,
    unsure: [bool; 2],
    saying: [Option<Saying>; 2],
    following: bool,
    failures: u32,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    run: Option<Home>,
    handoffs: [Option<Thing>; 2],
    run_cache: Option<Home>,
    cache: [Option<Thing>; 2],
    /// The pod has ended; and so says the cache.
    over: bool,
    over_cache: bool,
    gate: [AtGate; 2],
    memory: Memory,
    /// Whether it was made, and whether it has waited too long.
    made: [bool; 2],
    late: [bool; 2],
    policy: bool,
    mishaps: u8,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Happening {
    /// The operator decides about a Handoff and applies all of it.
    Reconcile(usize),
    /// It looks after what is left of those that are gone.
    Sweep,
    RunCacheCatchesUp,
    CacheCatchesUp(usize),
    PodCacheCatchesUp,
    /// Somebody asks for the browser.
    Make(usize),
    /// Somebody asks for the end.
    Wish(usize, HandoffState),
    /// It has waited too long.
    Late(usize),
    /// A word arrives, and so does its answer.
    Hears(usize),
    /// Who listens hears how things are.
    Followed,
    Grants(usize),
    /// The holder is done, or gone.
    Ends(usize, GatePhase),
    Mishap(Mishap),
}

/// A deliberate fault; each must break a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    None,
    /// The slot is written over whatever is there.
    NoCompareAndSwap,
    /// The status is, too.
    StatusUnconditionally,
    /// Handoffs are prepared as the cache has them.
    PrepareFromCache,
    /// What the cache has of the run is taken for true.
    RunFromCache,
    /// So is what it has of whoever has the slot.
    HolderFromCache,
    /// The terminal status comes before the slot is freed.
    StatusFirst,
    /// What was deleted is left alone.
    NothingIsSwept,
    /// What was told and not answered is taken for not told.
    SilenceIsAbsence,
    /// Whoever has the slot is prepared, whatever else the gate has.
    PrepareBesideAnother,
}

/// A promise that does not hold.
type Broken = &'static str;

impl AtGate {
    fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

impl World {
    fn new(setting: &Setting) -> Self {
        Self {
            run: Some(Home { slot: None }),
            handoffs: [None, None],
            run_cache: Some(Home { slot: None }),
            cache: [None, None],
            over: false,
            over_cache: false,
            gate: [AtGate::Unknown; 2],
            memory: Memory::default(),
            made: [false; 2],
            late: [false; 2],
            policy: true,
            mishaps: setting.mishaps,
        }
    }

    fn happenings(&self, setting: &Setting) -> Vec<Happening> {
        let mut all = vec![Happening::Sweep];
        if self.run_cache != self.run {
            all.push(Happening::RunCacheCatchesUp);
        }
        if self.over_cache != self.over {
            all.push(Happening::PodCacheCatchesUp);
        }
        if self.memory.following {
            all.push(Happening::Followed);
        }
        for index in 0..2 {
            if self.cache[index].is_some() {
                all.push(Happening::Reconcile(index));
            }
            if self.cache[index] != self.handoffs[index] {
                all.push(Happening::CacheCatchesUp(index));
            }
            // The second one is there to be in the way: whatever happens to it happens to the first.
            let first = index == 0;
            if !self.made[index] && !first && !setting.rival {
                continue;
            }
            if !self.made[index] {
                all.push(Happening::Make(index));
            } else if first && !self.late[index] {
                all.push(Happening::Late(index));
            }
            if let (true, Some(thing)) = (first, &self.handoffs[index])
                && thing.desired == HandoffState::Running
            {
                all.push(Happening::Wish(index, HandoffState::Finished));
                all.push(Happening::Wish(index, HandoffState::Cancelled));
            }
            if self.memory.saying[index].is_some() {
                all.push(Happening::Hears(index));
            }
            match self.gate[index] {
                AtGate::Pending => {
                    all.push(Happening::Grants(index));
                    if first {
                        let failed = GatePhase::Failed(FailureCode::DrainTimeout);
                        all.push(Happening::Ends(index, failed));
                    }
                }
                AtGate::Running => {
                    // Nobody gets in without the epoch, which the status tells.
                    let told = self.handoffs[index].as_ref();
                    if first && told.is_some_and(|thing| thing.record.granted.is_some()) {
                        all.push(Happening::Ends(index, GatePhase::Finished(By::Human)));
                    }
                    all.push(Happening::Ends(index, GatePhase::TimedOut(By::DeadMan)));
                }
                AtGate::Unknown | AtGate::Ended(..) => {}
            }
        }
        if self.mishaps > 0 {
            all.extend(setting.allowed.iter().copied().map(Happening::Mishap));
        }
        all
    }

    /// The world after it; `None` if it changes nothing.
    fn after(
        &self,
        happening: Happening,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<Option<Self>, Broken> {
        let mut world = self.clone();
        match happening {
            Happening::Reconcile(index) => {
                world.reconcile(index, setting, mutation, usize::MAX)?;
            }
            Happening::Sweep => world.clear(mutation),
            Happening::RunCacheCatchesUp => world.run_cache = world.run,
            Happening::CacheCatchesUp(index) => {
                world.cache[index].clone_from(&self.handoffs[index]);
            }
            Happening::PodCacheCatchesUp => world.over_cache = world.over,
            Happening::Make(index) => {
                world.made[index] = true;
                let desired = HandoffState::Running;
                world.handoffs[index] = Some(Thing { desired, record: Record::default() });
            }
            Happening::Wish(index, desired) => {
                if let Some(thing) = &mut world.handoffs[index] {
                    thing.desired = desired;
                }
            }
            Happening::Late(index) => world.late[index] = true,
            Happening::Hears(index) => world.hears(index, true, setting)?,
            Happening::Followed => {
                world.memory.following = false;
                if world.over {
                    world.memory.failures = 1;
                } else {
                    world.memory.failures = 0;
                    world.memory.heard = Some(world.gate);
                }
            }
            Happening::Grants(index) => {
                let other = world.gate[1 - index] == AtGate::Running
                    && setting.modes[1 - index] == Mode::Control;
                if !other {
                    world.gate[index] = AtGate::Running;
                }
            }
            Happening::Ends(index, phase) => {
                let granted = world.gate[index] == AtGate::Running;
                world.gate[index] = AtGate::Ended(phase, granted);
            }
            Happening::Mishap(mishap) => {
                world.mishaps -= 1;
                if !world.suffer(mishap, setting, mutation)? {
                    return Ok(None);
                }
            }
        }
        world.promises(setting)?;
        // A mishap that changed nothing is none.
        let left = std::mem::replace(&mut world.mishaps, self.mishaps);
        let same = world == *self;
        world.mishaps = left;
        Ok((!same).then_some(world))
    }

    /// False if it cannot happen.
    fn suffer(
        &mut self,
        mishap: Mishap,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<bool, Broken> {
        match mishap {
            Mishap::Unheard(index) => {
                if self.memory.saying[index].take().is_none() {
                    return Ok(false);
                }
                self.memory.failures = 1;
            }
            Mishap::Unanswered(index) => {
                if self.memory.saying[index].is_none() {
                    return Ok(false);
                }
                self.hears(index, false, setting)?;
            }
            Mishap::LostAnswer(index, actions) => {
                self.reconcile(index, setting, mutation, actions)?;
            }
            Mishap::Crash(index, actions) => {
                self.reconcile(index, setting, mutation, actions)?;
                self.memory = Memory::default();
            }
            Mishap::Unseen(index) => {
                self.memory = Memory::default();
                self.cache[index] = None;
            }
            Mishap::Delete(index) => self.handoffs[index] = None,
            Mishap::DeleteRun => {
                self.run = None;
                self.handoffs = [None, None];
            }
            Mishap::Forget => self.gate = [AtGate::Unknown; 2],
            Mishap::PodEnds => {
                self.over = true;
                self.gate = [AtGate::Unknown; 2];
            }
            Mishap::PolicyGoes => self.policy = false,
        }
        Ok(true)
    }

    /// A word arrives at the gate.
    fn hears(&mut self, index: usize, answered: bool, setting: &Setting) -> Result<(), Broken> {
        let Some(saying) = self.memory.saying[index].take() else { return Ok(()) };
        if self.over {
            self.memory.failures = 1;
            return Ok(());
        }
        let at = self.gate[index];
        self.gate[index] = match saying {
            Saying::Prepare if at == AtGate::Unknown => {
                self.may_be_prepared(index, setting)?;
                let control = setting.modes[index] == Mode::Control;
                let other =
                    self.gate[1 - index].is_active() && setting.modes[1 - index] == Mode::Control;
                match (control, other) {
                    (false, _) => AtGate::Running,
                    (true, true) => {
                        if self.asks(index) && !self.asks(1 - index) {
                            return Err("nobody is refused for somebody who does not have it");
                        }
                        AtGate::Ended(GatePhase::Failed(FailureCode::AlreadyHeld), false)
                    }
                    (true, false) => AtGate::Pending,
                }
            }
            Saying::Close(outcome) if at.is_active() => {
                let phase = match outcome {
                    HandoffState::Finished => GatePhase::Finished(By::Operator),
                    HandoffState::Running | HandoffState::Cancelled => {
                        GatePhase::Cancelled(By::Operator)
                    }
                };
                AtGate::Ended(phase, at == AtGate::Running)
            }
            Saying::Prepare | Saying::Close(_) => at,
        };
        if answered {
            self.memory.failures = 0;
            self.memory.unsure[index] = false;
            self.memory.heard = Some(self.gate);
        } else {
            self.memory.failures = 1;
        }
        Ok(())
    }

    /// It exists and is not over.
    fn asks(&self, index: usize) -> bool {
        self.handoffs[index].as_ref().is_some_and(|one| one.record.ending.is_none())
    }

    fn may_be_prepared(&self, index: usize, setting: &Setting) -> Result<(), Broken> {
        let slot = self.run.is_some_and(|run| run.slot != Some(index));
        if self.asks(index) && slot && setting.modes[index] == Mode::Control {
            return Err("whatever is granted has the run's slot");
        }
        Ok(())
    }

    /// What is true in every world.
    fn promises(&self, setting: &Setting) -> Result<(), Broken> {
        for index in 0..2 {
            let Some(thing) = &self.handoffs[index] else { continue };
            let holds = self.run.is_some_and(|run| run.slot == Some(index));
            if holds && thing.record.ending.is_some() {
                return Err("no slot names a Handoff that is over");
            }
            if holds && setting.modes[index] == Mode::View {
                return Err("who only watches takes no slot");
            }
        }
        Ok(())
    }
}
