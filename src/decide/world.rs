//! A cluster around one run, small enough to be searched whole.
//!
//! The API server, the kubelet and the gate are a few fields each; the operator is [`decide_record`]
//! and an applier that is as careful as [`Only`] asks. The operator sees the run and the pods
//! through two caches that catch up whenever they like, each on its own; it stops after any action
//! (a crash, or a write whose answer was lost); its clock jumps. Times are counted from now, in
//! seconds, so that the worlds are finitely many.
//!
//! What can go wrong beyond that costs a mishap, of which a search allows few: a violation that needs
//! four things to go wrong at once is not found, one that needs three is.

mod normal;
mod operator;
mod pods;
mod search;
mod tests;

use std::rc::Rc;

use super::*;
use crate::manifest::{
    status::Verdict,
    test_run::{When, artifacts::UploadFailure},
};

/// Now, always.
const NOW: Moment = Moment(1_000_000);
/// A time that no decision looks at any more.
const OLDEST: Moment = Moment(990_000);

/// What is searched: a run of a certain kind, and what can happen to it.
#[derive(Clone, Copy, Debug)]
struct Setting {
    name: &'static str,
    backoff_limit: i32,
    keep: When,
    on_upload_failure: UploadFailure,
    storage: bool,
    readiness: bool,
    /// An unfinished run has the key before ours.
    ahead: bool,
    /// How much may go wrong.
    mishaps: u8,
    /// What may.
    allowed: &'static [Mishap],
}

/// What can go wrong, or be done by people, at most [`Setting::mishaps`] times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mishap {
    /// The kubelet evicts the newest pod.
    Evict,
    /// Somebody deletes the newest pod, or drains its node.
    Drain,
    /// The newest pod's node is gone, and so is its kubelet's word.
    NodeLost,
    /// Somebody strips the newest pod of its finalizer and deletes it by force.
    Vanish,
    /// Somebody cancels the run.
    Cancel,
    /// Somebody deletes the run.
    Delete,
    /// The operator's clock is set forward.
    Forward,
    /// The operator's clock is set back.
    Back,
    /// The gate of the newest pod cannot be reached; the next one can.
    CutOff,
    /// Somebody opens the page.
    View,
    /// Somebody presses Stop browser, or Chromium dies.
    BrowserEnds,
    /// The operator stops after so many writes or actions, and knows what it knew.
    LostAnswer(u8),
    /// The same, and another takes over, whose watch of pods has seen none yet.
    Crash(u8),
    /// Another takes over, whose watch of runs has seen none yet.
    Takeover,
    /// The agent's container is killed, for memory or for a bug.
    AgentCrashes,
    /// The gate gives up its upload.
    GiveUp,
}

/// The `TestRun`, as the API server or the cache has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Object {
    record: Record,
    cancelled: bool,
    ahead: bool,
}

/// A pod, as the API server or the cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
struct Shell {
    attempt: i32,
    /// Tells pods of one name apart.
    uid: u8,
    created: Moment,
    began: Moment,
    node: bool,
    finalizer: bool,
    marked: bool,
    deleting: Option<Moment>,
    disruption: Option<Disruption>,
    over: bool,
    browser: Browser,
    gate: GateShell,
    agent: AgentShell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum GateShell {
    Waiting,
    Running,
    /// With everything stored or not.
    Ended(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AgentShell {
    Waiting,
    Running,
    Passed,
    Cancelled,
    Crashed,
}

/// A pod, as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
struct Real {
    shell: Shell,
    /// Seconds until the kubelet kills what is left.
    grace: i64,
    node_lost: bool,
    cut_off: bool,
    stored: bool,
    gave_up: bool,
    viewer: bool,
    watched: bool,
    /// Seconds of the gate's own clock.
    idle: i64,
    told_idle: Option<i64>,
    told_cap: Option<i64>,
    cancelling: Option<i64>,
}

/// What the operator knows of the newest pod's gate, and of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Memory {
    uid: u8,
    gate: Gate,
    target: Option<(bool, Moment)>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    run: Option<Rc<Object>>,
    pods: [Option<Real>; 2],
    run_cache: Option<Rc<Object>>,
    pod_cache: [Option<Shell>; 2],
    memory: Memory,
    target: bool,
    mishaps: u8,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Happening {
    /// The operator decides and applies all of it.
    Reconcile,
    RunCacheCatchesUp,
    PodCacheCatchesUp,
    /// A second passes.
    Tick,
    /// The garbage collector deletes pods whose run is gone.
    Collect,
    Schedule(usize),
    /// The containers of a pod start and its browser is ready.
    Start(usize),
    /// Its agent ends: by itself, or because it was told.
    AgentEnds(usize),
    /// Its gate has stored everything.
    Upload(usize),
    /// All that is left of a pod that is being deleted ends.
    PodEnds(usize),
    /// The cluster gives up a node that is lost.
    NodeGone(usize),
    TargetReady,
    /// The run before ours ends.
    TurnComes,
    ViewerLeaves(usize),
    Mishap(Mishap),
}

/// A deliberate fault; each must break a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    None,
    /// Status is written over whatever is there.
    NoCompareAndSwap,
    /// Pods are made for the run in the cache.
    RunFromCache,
    /// The pods in the cache are taken for those that there are.
    PodsFromCache,
    /// Orphans are deleted from the caches.
    OrphansFromCache,
    /// The gate is not asked once more before its pod is deleted.
    ReapFromMemory,
    /// Uploads are taken for complete while they are on their way.
    UploadsBelieved,
    /// Finalizers are never removed.
    FinalizerStays,
    /// Orphans are left alone.
    OrphansStay,
    /// Nobody wakes up by himself.
    NeverWakes,
    /// A run may wait for its start for ever.
    NeverLate,
}

/// A promise that does not hold.
type Broken = &'static str;

impl World {
    fn new(setting: &Setting) -> Self {
        Self {
            run: Some(Rc::new(Object { ahead: setting.ahead, ..Object::default() })),
            pods: [None; 2],
            run_cache: None,
            pod_cache: [None; 2],
            memory: Memory::default(),
            target: !setting.readiness,
            mishaps: setting.mishaps,
        }
    }

    fn shells(&self) -> [Option<Shell>; 2] {
        self.pods.map(|pod| pod.map(|pod| pod.shell))
    }

    /// Somebody changes the run.
    fn change(&mut self, how: impl FnOnce(&mut Object)) {
        if let Some(run) = &mut self.run {
            how(Rc::make_mut(run));
        }
    }

    /// The pod that mishaps happen to.
    fn newest(&mut self) -> Option<&mut Real> {
        self.pods.iter_mut().flatten().last()
    }

    fn happenings(&self, setting: &Setting) -> Vec<Happening> {
        let mut all = vec![Happening::Reconcile, Happening::Tick];
        if self.run_cache != self.run {
            all.push(Happening::RunCacheCatchesUp);
        }
        if self.pod_cache != self.shells() {
            all.push(Happening::PodCacheCatchesUp);
        }
        if self.run.is_none() {
            all.push(Happening::Collect);
        }
        if !self.target {
            all.push(Happening::TargetReady);
        }
        if self.run.as_ref().is_some_and(|run| run.ahead) {
            all.push(Happening::TurnComes);
        }
        for (index, pod) in self.pods.iter().enumerate() {
            let Some(pod) = pod else { continue };
            if pod.node_lost {
                all.push(Happening::NodeGone(index));
                continue;
            }
            all.extend(pod.happenings().map(|of| of(index)));
        }
        if self.mishaps > 0 {
            all.extend(setting.allowed.iter().copied().map(Happening::Mishap));
        }
        all
    }

    /// The world after it; `None` if it cannot happen.
    fn after(
        &self,
        happening: Happening,
        plan: &operator::Plan,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<Option<Self>, Broken> {
        let mut world = self.clone();
        let mut shift = 0;
        match happening {
            Happening::Reconcile => world.apply_all(plan, setting, mutation, usize::MAX)?,
            Happening::RunCacheCatchesUp => world.run_cache.clone_from(&self.run),
            Happening::PodCacheCatchesUp => world.pod_cache = self.shells(),
            Happening::Tick => {
                shift = 1;
                world.pods.iter_mut().flatten().for_each(Real::tick);
            }
            Happening::Collect => {
                world.pods.iter_mut().flatten().for_each(|pod| pod.delete(NOW));
            }
            Happening::TargetReady => world.target = true,
            Happening::TurnComes => world.change(|run| run.ahead = false),
            Happening::Schedule(index)
            | Happening::Start(index)
            | Happening::AgentEnds(index)
            | Happening::Upload(index)
            | Happening::PodEnds(index)
            | Happening::NodeGone(index)
            | Happening::ViewerLeaves(index) => {
                world.pods[index].as_mut().unwrap().step(happening);
            }
            Happening::Mishap(mishap) => {
                world.mishaps -= 1;
                match mishap {
                    Mishap::Forward => shift = 1,
                    Mishap::Back => shift = -1,
                    Mishap::LostAnswer(writes) | Mishap::Crash(writes) => {
                        let crash = matches!(mishap, Mishap::Crash(_));
                        if plan.len() < usize::from(writes) + usize::from(!crash) {
                            // All of it was done.
                            return Ok(None);
                        }
                        world.apply_all(plan, setting, mutation, usize::from(writes))?;
                        if crash {
                            world.memory = Memory::default();
                            world.pod_cache = [None; 2];
                        }
                    }
                    Mishap::Cancel => {
                        world.change(|run| run.cancelled = true);
                    }
                    Mishap::Delete => world.run = None,
                    Mishap::Takeover => {
                        world.memory = Memory::default();
                        world.run_cache = None;
                    }
                    Mishap::Vanish => {
                        let Some(pod) = world.pods.iter_mut().rfind(|pod| pod.is_some()) else {
                            return Ok(None);
                        };
                        *pod = None;
                    }
                    Mishap::Evict
                    | Mishap::Drain
                    | Mishap::NodeLost
                    | Mishap::CutOff
                    | Mishap::View
                    | Mishap::BrowserEnds
                    | Mishap::AgentCrashes
                    | Mishap::GiveUp => {
                        let Some(pod) = world.newest() else { return Ok(None) };
                        pod.suffer(mishap);
                    }
                }
            }
        }
        world.settle_pods();
        world.normalise(shift);
        let promise = world.at_most_one_live_pod();
        if !promise {
            return Err("at most one live pod a run");
        }
        // A mishap that changed nothing is none.
        let left = std::mem::replace(&mut world.mishaps, self.mishaps);
        let same = world == *self;
        world.mishaps = left;
        Ok((!same).then_some(world))
    }

    /// The API server lets go what may go.
    fn settle_pods(&mut self) {
        for slot in &mut self.pods {
            let gone = slot.is_some_and(|pod| {
                let ended = !pod.shell.pod().live() && (!pod.node_lost || pod.shell.over);
                pod.shell.deleting.is_some() && !pod.shell.finalizer && ended
            });
            if gone {
                *slot = None;
            }
        }
    }

    fn at_most_one_live_pod(&self) -> bool {
        self.pods.iter().flatten().filter(|pod| pod.shell.pod().live()).count() <= 1
    }
}
