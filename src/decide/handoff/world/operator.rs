//! The operator of the search: what it sees, and an applier as careful as the real one.

use super::*;

const POD: &str = "pod";

impl World {
    /// What the operator would decide about a Handoff of its cache.
    pub(super) fn plan(
        &self,
        index: usize,
        setting: &Setting,
        mutation: Mutation,
    ) -> Option<Decision> {
        let thing = self.cache[index].as_ref()?;
        let begins = thing.record.granted.is_none()
            && thing.record.ending.is_none()
            && thing.desired == HandoffState::Running;
        let here = Place::Here { pod: PodUid(POD.to_owned()), leaving: false };
        let seen = Seen {
            handoff: Object {
                name: index.to_string(),
                namespace: "shop".to_owned(),
                generation: 1,
                created: if self.late[index] { NOW.plus(-1000) } else { NOW },
                asked: if self.late[index] { NOW.plus(-1000) } else { NOW },
                deleting: false,
                owned: true,
                run: "checkout".to_owned(),
                mode: setting.modes[index],
                holder: index.to_string(),
                keyed: true,
                desired: thing.desired,
                closer: Closer::Human,
                lasts: 600,
                ttl: 1_000_000,
            },
            record: thing.record.clone(),
            run: self.run_cache.map(|run| Run {
                finished: true,
                gone: false,
                slot: self.slot(run, index, mutation),
                listed: false,
                full: false,
                auto: false,
            }),
            place: match (self.run_cache, self.over_cache) {
                (None, _) => Place::Nowhere,
                (Some(_), true) => Place::Over,
                (Some(_), false) => here,
            },
            policy: !begins || self.policy,
            gate: Gate {
                talking: self.memory.saying[index].is_some(),
                following: self.memory.following,
                tried: None,
                failures: self.memory.failures,
                word: match self.memory.heard.map(|heard| heard[index]) {
                    Some(AtGate::Unknown)
                        if !self.memory.unsure[index] || mutation == Mutation::SilenceIsAbsence =>
                    {
                        Word::Absent
                    }
                    None if mutation == Mutation::SilenceIsAbsence => Word::Absent,
                    Some(AtGate::Unknown) => Word::Unsure,
                    None => Word::Unheard,
                    Some(at) => Word::There(at.told()),
                },
                beside: self.beside(1 - index, setting, mutation),
            },
            // Events are not searched.
            warned: true,
            tuning: Tuning { tries: 1, ..Tuning::default() },
        };
        Some(decide(&seen, NOW))
    }

    fn beside(&self, other: usize, setting: &Setting, mutation: Mutation) -> Beside {
        let memory = &self.memory;
        match memory.heard {
            _ if mutation == Mutation::PrepareBesideAnother => Beside::Nobody,
            None => Beside::Unknown,
            Some(heard)
                if setting.modes[other] == Mode::Control
                    && (heard[other].is_active()
                        || memory.unsure[other]
                        || memory.saying[other].is_some()) =>
            {
                Beside::Somebody
            }
            Some(_) => Beside::Nobody,
        }
    }

    /// Whether that other Handoff is over is asked of the API server.
    fn slot(&self, run: Home, index: usize, mutation: Mutation) -> Slot {
        let cached = mutation == Mutation::HolderFromCache;
        let handoffs = if cached { &self.cache } else { &self.handoffs };
        match run.slot {
            None => Slot::Free,
            Some(holder) if holder == index => Slot::Own,
            Some(holder) => match &handoffs[holder] {
                Some(other) if other.record.ending.is_none() => Slot::Other(holder.to_string()),
                Some(_) | None => Slot::Free,
            },
        }
    }

    /// Decides about a Handoff and applies at most `limit` actions; Events do not count.
    pub(super) fn reconcile(
        &mut self,
        index: usize,
        setting: &Setting,
        mutation: Mutation,
        limit: usize,
    ) -> Result<(), Broken> {
        let Some(decision) = self.plan(index, setting, mutation) else { return Ok(()) };
        let counts = |action: &Action| !matches!(action, Action::Note(_));
        let mut actions: Vec<Action> = decision.actions.into_iter().filter(counts).collect();
        if mutation == Mutation::StatusFirst {
            actions.sort_by_key(|action| *action == Action::FreeSlot);
        }
        for action in actions.into_iter().take(limit) {
            if !self.act(index, action, setting, mutation)? {
                break;
            }
        }
        Ok(())
    }

    /// False if it was refused.
    fn act(
        &mut self,
        index: usize,
        action: Action,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<bool, Broken> {
        let cas = mutation != Mutation::NoCompareAndSwap;
        let seen = self.handoffs[index] == self.cache[index];
        let run_seen = self.run == self.run_cache;
        match action {
            Action::TakeSlot | Action::FreeSlot => {
                let take = action == Action::TakeSlot;
                let careless = mutation == Mutation::PrepareFromCache;
                if (cas && !run_seen) || (take && !seen && !careless) {
                    return Ok(false);
                }
                let Some(run) = &mut self.run else { return Ok(false) };
                run.slot = take.then_some(index);
            }
            Action::Write { record, only } => {
                let runs = matches!(only, Only::RunAsSeen | Only::RunAndPodsAsSeen);
                let pods = matches!(only, Only::PodsAsSeen | Only::RunAndPodsAsSeen);
                let trusts = mutation == Mutation::RunFromCache;
                if (runs && !run_seen && !trusts) || (pods && self.over != self.over_cache) {
                    return Ok(false);
                }
                if !seen && mutation != Mutation::StatusUnconditionally {
                    return Ok(false);
                }
                return self.write(index, record, setting);
            }
            Action::Prepare(_) => {
                let control = setting.modes[index] == Mode::Control;
                let slot = self.run.is_some_and(|run| !control || run.slot == Some(index));
                if !(seen && slot) && mutation != Mutation::PrepareFromCache {
                    return Ok(false);
                }
                self.say(index, Saying::Prepare);
            }
            Action::Close { outcome, .. } => self.say(index, Saying::Close(outcome)),
            Action::Follow(_) => self.memory.following = true,
            Action::Own | Action::Delete | Action::Note(_) => {}
        }
        Ok(true)
    }

    fn say(&mut self, index: usize, saying: Saying) {
        self.memory.saying[index] = Some(saying);
        self.memory.unsure[index] = true;
    }

    fn write(&mut self, index: usize, record: Record, setting: &Setting) -> Result<bool, Broken> {
        let at = self.gate[index];
        let reachable = !self.over && self.memory.failures == 0;
        let Some(thing) = &mut self.handoffs[index] else { return Ok(false) };
        let old = thing.record.ending.as_ref().map(|(ending, _)| ending);
        let new = record.ending.as_ref().map(|(ending, _)| ending);
        if old.is_some() && old != new {
            return Err("a terminal phase never changes");
        }
        if let (None, Some(ending)) = (old, new) {
            // Of what could not be asked about nobody had the epoch, so that nobody acted.
            let unknown = !reachable && record.granted.is_none();
            if at.is_active() && !unknown {
                return Err("a terminal phase is the gate's own");
            }
            if let AtGate::Ended(phase, granted) = at
                && !unknown
                && !same(ending, phase, granted)
            {
                return Err("a terminal phase is the gate's own");
            }
            let by_gate = at == AtGate::Ended(GatePhase::Failed(FailureCode::AlreadyHeld), false);
            if matches!(ending, Ending::Failed(FailureCode::AlreadyHeld, _)) && !by_gate {
                let holder = self.run.and_then(|run| run.slot).filter(|slot| *slot != index);
                let there = holder.and_then(|holder| self.handoffs[holder].as_ref());
                if there.is_none_or(|other| other.record.ending.is_some()) {
                    return Err("nobody is refused for somebody who does not have it");
                }
            }
            if matches!(ending, Ending::Finished(_)) && record.granted.is_none() {
                return Err("what was never granted is never finished");
            }
        }
        if setting.modes[index] == Mode::View && record.epoch.is_some() {
            return Err("who only watches has no epoch");
        }
        if let Some(thing) = &mut self.handoffs[index] {
            thing.record = record;
        }
        Ok(true)
    }

    /// Clears what is left of Handoffs that are over or gone.
    pub(super) fn clear(&mut self, mutation: Mutation) {
        let Some(run) = self.run_cache else { return };
        if mutation == Mutation::NothingIsSwept {
            return;
        }
        let orphaned = run.slot.is_some_and(|holder| !self.asks(holder));
        let pod = (!self.over_cache).then(|| PodUid(POD.to_owned()));
        let names = |which: &dyn Fn(usize) -> bool| {
            (0..2).filter(|index| which(*index)).map(|index| index.to_string()).collect()
        };
        let heard = self.memory.heard.unwrap_or_default();
        let memory = &self.memory;
        let active = names(&|index| {
            let unsure = memory.unsure[index] && memory.saying[index].is_none();
            let cached = self.cache[index].as_ref();
            let over = cached.is_none_or(|cached| cached.record.ending.is_some());
            (heard[index].is_active() || unsure) && over
        });
        let wanted = names(&|index| self.asks(index));
        for stray in sweep(orphaned, pod.as_ref(), &active, &wanted) {
            match stray {
                Stray::FreeSlot => {
                    if let (true, Some(run)) = (self.run == self.run_cache, &mut self.run) {
                        run.slot = None;
                    }
                }
                Stray::Close(_, uid) => {
                    let index: usize = uid.parse().unwrap();
                    if self.memory.saying[index].is_none() {
                        self.say(index, Saying::Close(HandoffState::Cancelled));
                    }
                }
            }
        }
    }
}

impl AtGate {
    fn told(self) -> Told {
        let (phase, granted) = match self {
            Self::Unknown | Self::Pending => (GatePhase::Pending, false),
            Self::Running => (GatePhase::Running, true),
            Self::Ended(phase, granted) => (phase, granted),
        };
        Told {
            phase,
            epoch: None,
            granted: granted.then_some((NOW, NOW.plus(600))),
            first_connected: None,
            connected: false,
            last_active: None,
            note: None,
        }
    }
}

/// Whether the status says what the gate says.
fn same(ending: &Ending, phase: GatePhase, granted: bool) -> bool {
    match (phase, ending) {
        // What was never granted is refused for whatever reason there is.
        (_, Ending::Failed(..) | Ending::Cancelled(_)) if !granted => true,
        (GatePhase::Finished(_), Ending::Finished(_))
        | (GatePhase::Cancelled(_), Ending::Cancelled(_))
        | (GatePhase::TimedOut(_), Ending::TimedOut(_))
        | (GatePhase::Failed(_), Ending::Failed(..)) => true,
        (
            GatePhase::Pending
            | GatePhase::Running
            | GatePhase::Finished(_)
            | GatePhase::Cancelled(_)
            | GatePhase::TimedOut(_)
            | GatePhase::Failed(_),
            _,
        ) => false,
    }
}
