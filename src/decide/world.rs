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

mod operator;
mod search;

use super::*;
use crate::manifest::{
    status::Verdict,
    test_run::{When, artifacts::UploadFailure},
};

/// Now, always.
const NOW: Moment = Moment(1_000_000);
/// Times longer ago than every limit are all the same.
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
    /// The same, and it starts anew.
    Crash(u8),
    /// The agent's container is killed, for memory or for a bug.
    AgentCrashes,
}

/// The TestRun, as the API server or the cache has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Stored {
    record: Record,
    cancelled: bool,
    ahead: bool,
}

/// A pod, as the API server or the cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    run: Option<Stored>,
    pods: [Option<Real>; 2],
    run_cache: Option<Stored>,
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
    /// Its gate gives up.
    GiveUp(usize),
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
    /// Pods are made from the caches.
    CreateFromCache,
    /// What is missing from the cache is taken for gone.
    MissingIsGone,
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
            run: Some(Stored { ahead: setting.ahead, ..Stored::default() }),
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
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<Option<Self>, Broken> {
        let mut world = self.clone();
        let mut shift = 0;
        match happening {
            Happening::Reconcile => world.reconcile(setting, mutation, usize::MAX)?,
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
            Happening::TurnComes => world.run.iter_mut().for_each(|run| run.ahead = false),
            Happening::Schedule(index)
            | Happening::Start(index)
            | Happening::AgentEnds(index)
            | Happening::Upload(index)
            | Happening::GiveUp(index)
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
                        world.reconcile(setting, mutation, usize::from(writes))?;
                        if matches!(mishap, Mishap::Crash(_)) {
                            world.memory = Memory::default();
                        }
                    }
                    Mishap::Cancel => {
                        let Some(run) = &mut world.run else { return Ok(None) };
                        run.cancelled = true;
                    }
                    Mishap::Delete => world.run = None,
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
                    | Mishap::AgentCrashes => {
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
        let mut same = world.clone();
        same.mishaps = self.mishaps;
        Ok((same != *self).then_some(world))
    }

    /// The API server lets go what may go.
    fn settle_pods(&mut self) {
        for slot in &mut self.pods {
            let gone = slot.is_some_and(|pod| {
                let ended = !pod.shell.pod().live() && !(pod.node_lost && !pod.shell.over);
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

    /// The same world, with now where it always is and without what no decision can depend on.
    fn normalise(&mut self, shift: i64) {
        for run in self.run.iter_mut().chain(&mut self.run_cache) {
            normal_record(&mut run.record, shift);
        }
        let shells = self.pods.iter_mut().flatten().map(|pod| &mut pod.shell);
        for shell in shells.chain(self.pod_cache.iter_mut().flatten()) {
            earlier(&mut shell.created, shift);
            earlier(&mut shell.began, shift);
            shell.deleting.iter_mut().for_each(|time| earlier(time, shift));
            if shell.agent != AgentShell::Running {
                shell.began = OLDEST;
            }
            if shell.agent != AgentShell::Waiting {
                shell.created = OLDEST;
            }
        }
        let newest = self.pods.iter().flatten().last().map_or(0, |pod| pod.shell.uid);
        if self.memory.uid != newest {
            self.memory.uid = newest;
            self.memory.gate = Gate::default();
        }
        let gate = &mut self.memory.gate;
        gate.tried.iter_mut().for_each(|time| earlier(time, shift));
        // Longer ago than the distance between two tries is all the same.
        gate.tried = gate.tried.filter(|time| NOW.since(*time) < 1);
        if let Some(answer) = &mut gate.answer {
            earlier(&mut answer.at, shift);
            answer.told_idle.iter_mut().for_each(|time| earlier(time, shift));
        }
        if let Some((_, at)) = &mut self.memory.target {
            earlier(at, shift);
        }
    }
}

/// Times that no decision looks at any more are all the same.
fn normal_record(record: &mut Record, shift: i64) {
    let over = record.ending.is_some();
    for time in [&mut record.bound, &mut record.browser_ready, &mut record.uploaded] {
        time.iter_mut().for_each(|time| *time = OLDEST);
    }
    for time in [&mut record.accepted, &mut record.target_ready, &mut record.retrying] {
        let used = !over && record.started.is_none();
        time.iter_mut().for_each(|time| if used { earlier(time, shift) } else { *time = OLDEST });
    }
    record.started.iter_mut().for_each(|time| *time = OLDEST);
    record.finished.iter_mut().for_each(|time| earlier(time, shift));
}

fn earlier(time: &mut Moment, seconds: i64) {
    *time = time.plus(-seconds).max(OLDEST);
}

impl Real {
    /// What its kubelet, its people and its processes do by themselves.
    fn happenings(&self) -> impl Iterator<Item = fn(usize) -> Happening> {
        let shell = &self.shell;
        let alive = !shell.over;
        let deleting = shell.deleting.is_some();
        let gate = shell.gate == GateShell::Running;
        let done = !matches!(shell.agent, AgentShell::Waiting | AgentShell::Running);
        let can: [(bool, fn(usize) -> Happening); 7] = [
            (alive && !shell.node && !deleting, Happening::Schedule),
            (alive && shell.node && !deleting && shell.agent == AgentShell::Waiting, Happening::Start),
            (alive && shell.agent == AgentShell::Running, Happening::AgentEnds),
            (alive && gate && done && !self.stored, Happening::Upload),
            (alive && gate && done && !self.stored && !self.gave_up, Happening::GiveUp),
            (alive && deleting && shell.node, Happening::PodEnds),
            (self.viewer, Happening::ViewerLeaves),
        ];
        can.into_iter().filter_map(|(can, happening)| can.then_some(happening))
    }

    fn step(&mut self, happening: Happening) {
        let shell = &mut self.shell;
        match happening {
            Happening::Schedule(_) => shell.node = true,
            Happening::Start(_) => {
                shell.browser = Browser::Ready;
                shell.gate = GateShell::Running;
                shell.agent = AgentShell::Running;
                shell.began = NOW;
            }
            Happening::AgentEnds(_) => self.end_agent(true),
            Happening::Upload(_) => self.stored = true,
            Happening::GiveUp(_) => self.gave_up = true,
            Happening::PodEnds(_) => self.end(true),
            Happening::NodeGone(_) => {
                shell.disruption = Some(Disruption::NodeLost);
                self.end(false);
                self.delete(NOW);
            }
            Happening::ViewerLeaves(_) => {
                self.viewer = false;
                self.idle = 0;
            }
            _ => unreachable!("{happening:?} is not a pod's"),
        }
    }

    fn suffer(&mut self, mishap: Mishap) {
        let shell = &mut self.shell;
        match mishap {
            Mishap::Evict if !shell.over && shell.node => {
                shell.disruption = Some(Disruption::Evicted);
                self.end(false);
            }
            Mishap::Drain => self.delete(NOW),
            Mishap::NodeLost if shell.node && !shell.over => {
                self.node_lost = true;
                self.cut_off = true;
                self.viewer = false;
            }
            Mishap::CutOff => self.cut_off = true,
            Mishap::View if shell.gate == GateShell::Running && !self.node_lost => {
                self.viewer = true;
                self.idle = 0;
                self.told_idle = None;
            }
            Mishap::BrowserEnds if shell.browser == Browser::Ready => {
                shell.browser = Browser::Ended;
            }
            Mishap::AgentCrashes if shell.agent == AgentShell::Running => self.end_agent(false),
            _ => {}
        }
    }

    /// The agent ends: with its word, or killed.
    fn end_agent(&mut self, orderly: bool) {
        let told = self.cancelling.is_some() || self.shell.deleting.is_some();
        self.shell.agent = match self.shell.agent {
            AgentShell::Running if !orderly => AgentShell::Crashed,
            AgentShell::Running if told => AgentShell::Cancelled,
            AgentShell::Running => AgentShell::Passed,
            other => other,
        };
        self.watched = self.viewer;
    }

    /// All containers end: in their order, with the upload, or killed.
    fn end(&mut self, orderly: bool) {
        if self.shell.agent == AgentShell::Running {
            self.end_agent(orderly);
        }
        self.stored |= orderly && self.shell.agent != AgentShell::Waiting;
        if self.shell.gate == GateShell::Running {
            self.shell.gate = GateShell::Ended(self.stored);
        }
        if self.shell.browser == Browser::Ready {
            self.shell.browser = Browser::Ended;
        }
        self.shell.over = true;
        self.viewer = false;
    }

    fn delete(&mut self, now: Moment) {
        if self.shell.deleting.is_none() {
            self.shell.deleting = Some(now.plus(operator::GRACE));
            self.grace = operator::GRACE;
        }
    }

    fn tick(&mut self) {
        // As much as any limit is as much as more.
        let most = |seconds: &mut i64| *seconds = (*seconds + 1).min(4);
        if !self.viewer {
            most(&mut self.idle);
        }
        self.told_idle.iter_mut().for_each(most);
        self.cancelling.iter_mut().for_each(most);
        if self.shell.deleting.is_some() && !self.shell.over {
            self.grace = (self.grace - 1).max(0);
            if self.grace == 0 && !self.node_lost {
                self.end(false);
            }
        }
    }
}

impl Shell {
    fn new(attempt: i32, uid: u8) -> Self {
        Self {
            attempt,
            uid,
            created: NOW,
            began: OLDEST,
            node: false,
            finalizer: true,
            marked: true,
            deleting: None,
            disruption: None,
            over: false,
            browser: Browser::Waiting,
            gate: GateShell::Waiting,
            agent: AgentShell::Waiting,
        }
    }

    /// What the operator makes of it.
    fn pod(&self) -> Pod {
        let verdict = |verdict, exit| {
            let report = Some(fixtures::report(verdict));
            Agent::Ended(AgentEnd { started: self.began, exit, out_of_memory: false, report })
        };
        Pod {
            attempt: Attempt(self.attempt),
            uid: PodUid(self.uid.to_string()),
            name: String::new(),
            created: self.created,
            bound: None,
            node: self.node.then(String::new),
            warm: false,
            finalizer: self.finalizer,
            marked: self.marked,
            deleting: self.deleting,
            disruption: self.disruption,
            over: self.over,
            deadline: operator::ACTIVE,
            wait: None,
            browser: self.browser,
            gate: match self.gate {
                GateShell::Waiting => GateContainer::Waiting,
                GateShell::Running => GateContainer::Running,
                GateShell::Ended(true) => {
                    GateContainer::Ended(Some(Upload::Complete(super::Stored::default())))
                }
                GateShell::Ended(false) => GateContainer::Ended(None),
            },
            agent: match self.agent {
                AgentShell::Waiting => Agent::Waiting,
                AgentShell::Running => Agent::Running(self.began),
                AgentShell::Passed => verdict(Verdict::Passed, 0),
                AgentShell::Cancelled => verdict(Verdict::Cancelled, 5),
                AgentShell::Crashed => Agent::Ended(AgentEnd {
                    started: self.began,
                    exit: 137,
                    out_of_memory: true,
                    report: None,
                }),
            },
        }
    }
}
