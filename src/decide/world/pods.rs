//! What a pod does by itself, what happens to it, and what is seen of it.

use super::*;

/// Something that happens to the pod of an attempt.
type Own = fn(usize) -> Happening;

impl Real {
    /// What its kubelet, its people and its processes do by themselves.
    pub(super) fn happenings(&self) -> impl Iterator<Item = Own> {
        let shell = &self.shell;
        let alive = !shell.over;
        let deleting = shell.deleting.is_some();
        let gate = shell.gate == GateShell::Running;
        let done = !matches!(shell.agent, AgentShell::Waiting | AgentShell::Running);
        let can: [(bool, Own); 6] = [
            (alive && !shell.node && !deleting, Happening::Schedule),
            (
                alive && shell.node && !deleting && shell.agent == AgentShell::Waiting,
                Happening::Start,
            ),
            (alive && shell.agent == AgentShell::Running, Happening::AgentEnds),
            (alive && gate && done && !self.stored, Happening::Upload),
            (alive && deleting && shell.node, Happening::PodEnds),
            (self.viewer, Happening::ViewerLeaves),
        ];
        can.into_iter().filter_map(|(can, happening)| can.then_some(happening))
    }

    pub(super) fn step(&mut self, happening: Happening) {
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
            Happening::Reconcile
            | Happening::RunCacheCatchesUp
            | Happening::PodCacheCatchesUp
            | Happening::Tick
            | Happening::Collect
            | Happening::TargetReady
            | Happening::TurnComes
            | Happening::Mishap(_) => unreachable!("{happening:?} is not a pod's"),
        }
    }

    pub(super) fn suffer(&mut self, mishap: Mishap) {
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
            Mishap::GiveUp if shell.gate == GateShell::Running && !self.stored => {
                self.gave_up = true;
            }
            Mishap::AgentCrashes if shell.agent == AgentShell::Running => self.end_agent(false),
            // Not to this pod at this time; the others are not a pod's.
            Mishap::Evict
            | Mishap::NodeLost
            | Mishap::View
            | Mishap::BrowserEnds
            | Mishap::AgentCrashes
            | Mishap::GiveUp
            | Mishap::Vanish
            | Mishap::Cancel
            | Mishap::Delete
            | Mishap::Forward
            | Mishap::Back
            | Mishap::LostAnswer(_)
            | Mishap::Crash(_)
            | Mishap::Takeover => {}
        }
    }

    /// The agent ends: with its word, or killed.
    fn end_agent(&mut self, orderly: bool) {
        let told = self.cancelling.is_some() || self.shell.deleting.is_some();
        self.shell.agent = match self.shell.agent {
            AgentShell::Running if !orderly => AgentShell::Crashed,
            AgentShell::Running if told => AgentShell::Cancelled,
            AgentShell::Running => AgentShell::Passed,
            ended @ (AgentShell::Waiting
            | AgentShell::Passed
            | AgentShell::Cancelled
            | AgentShell::Crashed) => ended,
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

    pub(super) fn delete(&mut self, now: Moment) {
        if self.shell.deleting.is_none() {
            self.shell.deleting = Some(now.plus(operator::GRACE));
            self.grace = operator::GRACE;
        }
    }

    pub(super) fn tick(&mut self) {
        // As much as any limit is as much as more.
        let most = |seconds: &mut i64| *seconds = (*seconds + 1).min(1);
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
    pub(super) fn new(attempt: i32, uid: u8) -> Self {
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
    pub(super) fn pod(&self) -> Pod {
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
                    GateContainer::Ended(Some(Upload::Complete(Stored::default())))
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
