//! The operator of a [`World`]: what it observes, and an applier that is as careful as asked.

use super::*;
use crate::decide::record::Artifacts;

pub(super) const START: i64 = 1;
pub(super) const ACTIVE: i64 = 1;
pub(super) const GRACE: i64 = 1;
pub(super) const MAX: i64 = 3;
const UPLOAD: i64 = 1;
const IDLE: i64 = 1;
const TUNING: Tuning = Tuning {
    probe: 1,
    quiet: 1,
    retry: 1,
    tries: 2,
    patience: 0,
    hang: 1,
    warning: 1,
    cap_warnings: [1, 1],
    slack: 0,
};

/// What the operator decides in one go.
pub(super) struct Plan {
    pub record: Option<(Record, Only)>,
    pub actions: Vec<Action>,
    pub wake_at: Option<Moment>,
}

impl Plan {
    /// Writes and actions.
    pub(super) fn len(&self) -> usize {
        self.actions.len() + usize::from(self.record.is_some())
    }
}

impl World {
    pub(super) fn facts(&self, setting: &Setting, mutation: Mutation) -> Facts {
        let run = self.run_cache.as_deref();
        let ahead = Ahead { name: String::new(), uid: String::new(), cancelled: false };
        let mut gate = self.memory.gate.clone();
        if mutation == Mutation::UploadsBelieved
            && let Some(answer) = &mut gate.answer
        {
            answer.upload = Upload::Complete(Stored::default());
        }
        Facts {
            run: Run {
                name: String::new(),
                namespace: String::new(),
                generation: 1,
                created: OLDEST,
                deleting: false,
                cancelled: run.is_some_and(|run| run.cancelled),
                superseded: false,
                problem: None,
                remark: None,
                readiness: setting.readiness.then_some(START),
                start_deadline: if mutation == Mutation::NeverLate { 1_000_000 } else { START },
                active_deadline: ACTIVE,
                backoff_limit: setting.backoff_limit,
                pool_missed: false,
                keep: setting.keep,
                idle: IDLE,
                max: MAX,
                ttl_after_success: 0,
                ttl_after_failure: MAX,
                storage: setting.storage.then(String::new),
                upload_timeout: UPLOAD,
                on_upload_failure: setting.on_upload_failure,
                sandbox_off: false,
            },
            pods: self.pod_cache.iter().flatten().map(Shell::pod).collect(),
            gate,
            target: self.memory.target.map(|(ready, at)| Probe {
                at,
                found: if ready { Target::Ready } else { Target::Silent(String::new()) },
            }),
            line: Line {
                before: run.is_some_and(|run| run.ahead).then_some(ahead).into_iter().collect(),
                ..Line::default()
            },
            refusal: None,
            control: None,
            written: None,
            tuning: TUNING,
        }
    }

    /// What the operator would do now.
    pub(super) fn plan(&self, setting: &Setting, mutation: Mutation) -> Plan {
        if let Some(run) = &self.run_cache {
            let facts = self.facts(setting, mutation);
            let Decided { record, actions, wake_at } = decide_record(&facts, &run.record, NOW);
            let actions =
                actions.into_iter().filter(|action| !matches!(action, Action::Note(_))).collect();
            return Plan { record, actions, wake_at };
        }
        let mut plan = Plan { record: None, actions: Vec::new(), wake_at: None };
        if mutation == Mutation::OrphansStay {
            return plan;
        }
        for shell in self.pod_cache.iter().flatten() {
            let (actions, wake_at) = orphan(&shell.pod(), NOW);
            plan.actions.extend(actions.into_iter().filter(|a| !matches!(a, Action::Note(_))));
            plan.wake_at = plan.wake_at.into_iter().chain(wake_at).min();
        }
        plan
    }

    /// Applies at most `limit` writes and actions.
    pub(super) fn apply_all(
        &mut self,
        plan: &Plan,
        setting: &Setting,
        mutation: Mutation,
        limit: usize,
    ) -> Result<(), Broken> {
        let mut left = limit;
        if let Some((record, only)) = &plan.record {
            if left == 0 || !self.write(record, *only, mutation)? {
                return Ok(());
            }
            left -= 1;
        }
        for action in plan.actions.iter().take(left) {
            if !self.apply(action.clone(), setting, mutation)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes the status; false if that was refused.
    fn write(&mut self, record: &Record, only: Only, mutation: Mutation) -> Result<bool, Broken> {
        let as_seen = self.run == self.run_cache || mutation == Mutation::NoCompareAndSwap;
        let pods = self.pod_cache == self.shells() || mutation == Mutation::PodsFromCache;
        if !as_seen || (only == Only::PodsAsSeen && !pods) {
            return Ok(false);
        }
        let live = self.pods.iter().flatten().any(|pod| {
            pod.shell.attempt == record.attempt && pod.shell.pod().live() && pod.shell.pod().begun()
        });
        let Some(run) = &mut self.run else { return Ok(false) };
        if run.record.verdict().is_some_and(|verdict| Some(verdict) != record.verdict()) {
            return Err("a verdict never changes");
        }
        if live
            && matches!(record.artifacts, Artifacts::Nothing(_))
            && run.record.verdict().is_none()
        {
            return Err("no run is given up while its agent lives");
        }
        Rc::make_mut(run).record = record.clone();
        Ok(true)
    }

    /// Applies one action; false if it was refused.
    fn apply(
        &mut self,
        action: Action,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<bool, Broken> {
        match action {
            Action::ProbeTarget => self.memory.target = Some((self.target, NOW)),
            Action::CreatePod(attempt) => return self.create(attempt, mutation),
            Action::AskGate { pod, .. } => return Ok(self.ask(&pod, |_| ())),
            Action::TellCancel(pod) => {
                return Ok(self.ask(&pod, |gate| {
                    gate.cancelling.get_or_insert(0);
                }));
            }
            Action::WarnIdle { pod, .. } => {
                return Ok(self.ask(&pod, |gate| {
                    if !gate.viewer {
                        gate.told_idle.get_or_insert(0);
                    }
                }));
            }
            Action::WarnCap { pod, seconds } => {
                return Ok(self.ask(&pod, |gate| gate.told_cap = Some(seconds)));
            }
            Action::MarkPod { pod, marked } => {
                if let Some(pod) = self.real(&pod) {
                    pod.shell.marked = marked;
                }
            }
            Action::ReleasePod { pod, keep_marks, only } => {
                return self.release(&pod, keep_marks, only, setting, mutation);
            }
            Action::DeletePod { pod, only } => return self.delete(&pod, only, setting, mutation),
            Action::DeleteRun => {
                if self.run != self.run_cache {
                    return Ok(false);
                }
                self.run = None;
            }
            Action::CancelRun { .. }
            | Action::TellDeadline { .. }
            | Action::CancelHandoff(_)
            | Action::Note(_) => {}
        }
        Ok(true)
    }

    fn real(&mut self, uid: &PodUid) -> Option<&mut Real> {
        self.pods.iter_mut().flatten().find(|pod| pod.shell.uid.to_string() == uid.0)
    }

    fn create(&mut self, attempt: Attempt, mutation: Mutation) -> Result<bool, Broken> {
        let run = self.run == self.run_cache || mutation == Mutation::RunFromCache;
        let pods = self.pod_cache == self.shells() || mutation == Mutation::PodsFromCache;
        if !run || !pods {
            return Ok(false);
        }
        if self.run.as_ref().is_none_or(|run| run.record.ending.is_some()) {
            return Err("no pod is made for a run that is over");
        }
        let index = usize::from(attempt.0 > 1);
        if self.pods[index].is_none() {
            let uid = self.new_uid(attempt);
            let shell = Shell::new(attempt.0, uid);
            self.pods[index] = Some(Real {
                shell,
                grace: 0,
                node_lost: false,
                cut_off: false,
                stored: false,
                gave_up: false,
                viewer: false,
                watched: false,
                idle: 0,
                told_idle: None,
                told_cap: None,
                cancelling: None,
            });
        }
        Ok(true)
    }

    /// A uid that nobody knows; each attempt has a few.
    fn new_uid(&self, attempt: Attempt) -> u8 {
        let base: u8 = if attempt.0 > 1 { 20 } else { 10 };
        let recorded = |run: &Option<Rc<Object>>| {
            run.as_ref().and_then(|run| run.record.pod.as_ref()?.uid.parse().ok())
        };
        let known: Vec<u8> = self
            .pod_cache
            .iter()
            .flatten()
            .map(|shell| shell.uid)
            .chain(recorded(&self.run))
            .chain(recorded(&self.run_cache))
            .collect();
        (base..base + 9).find(|uid| !known.contains(uid)).unwrap()
    }

    /// Reaches the gate, does something to it, and notes its answer.
    fn ask(&mut self, uid: &PodUid, change: impl FnOnce(&mut Real)) -> bool {
        let own = self.memory.uid.to_string() == uid.0;
        let answer = self.real(uid).and_then(|pod| {
            let reachable = pod.shell.gate == GateShell::Running && !pod.cut_off;
            reachable.then(|| {
                change(pod);
                pod.answer()
            })
        });
        let reached = answer.is_some();
        if own {
            let gate = &mut self.memory.gate;
            gate.tried = Some(NOW);
            gate.failures = if reached { 0 } else { (gate.failures + 1).min(TUNING.tries) };
            gate.answer = answer.or_else(|| gate.answer.take());
        }
        reached
    }

    fn release(
        &mut self,
        uid: &PodUid,
        keep_marks: bool,
        only: Only,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<bool, Broken> {
        if mutation == Mutation::FinalizerStays {
            return Ok(true);
        }
        // What a run that is gone had decided still counts.
        let run = self.run.clone().or_else(|| self.run_cache.clone());
        let Some(pod) = self.real(uid) else { return Ok(true) };
        let view = pod.shell.pod();
        let over = !view.live() || view.overdue(NOW);
        if only == Only::PodOver && !over {
            return Ok(false);
        }
        if !over && setting.storage && view.begun() && !pod.stored && !time_is_up(run, setting) {
            return Err("nothing unsaved goes before its time");
        }
        pod.shell.finalizer = false;
        pod.shell.marked = keep_marks;
        Ok(true)
    }

    fn delete(
        &mut self,
        uid: &PodUid,
        only: Only,
        setting: &Setting,
        mutation: Mutation,
    ) -> Result<bool, Broken> {
        let run = self.run.clone();
        match only {
            Only::RunGone if run.is_some() && mutation != Mutation::OrphansFromCache => {
                return Ok(false);
            }
            Only::RunGone if run.is_some() => return Err("only orphans are deleted as orphans"),
            Only::Idle(seconds) => {
                let idle = |gate: &mut Real| {
                    // A gate that agrees lets nobody in any more.
                    gate.viewer |= gate.idle < seconds && gate.viewer;
                };
                let asked = mutation == Mutation::ReapFromMemory || self.ask(uid, idle);
                let agrees = self.real(uid).is_some_and(|pod| {
                    let wanted = pod.viewer || (seconds == 0 && pod.watched);
                    !wanted && pod.idle >= seconds
                });
                if !asked || !(agrees || mutation == Mutation::ReapFromMemory) {
                    return Ok(false);
                }
            }
            Only::Always
            | Only::PodsAsSeen
            | Only::RunAndPodsAsSeen
            | Only::RunAsSeen
            | Only::RunGone
            | Only::PodOver
            | Only::Unfinished => {}
        }
        let attempt = run.as_ref().map_or(0, |run| run.record.attempt);
        let Some(pod) = self.real(uid) else { return Ok(true) };
        let view = pod.shell.pod();
        let ours = run.as_ref().is_some_and(|run| {
            attempt == view.attempt.0
                && run.record.verdict().is_some()
                && !matches!(run.record.artifacts, Artifacts::Nothing(_))
        });
        if ours && view.live() && view.deleting.is_none() {
            let finished = run.as_ref().and_then(|run| run.record.finished).unwrap_or(NOW);
            if pod.viewer && !pod.cut_off && NOW < finished.plus(MAX) {
                return Err("nobody who watches loses the browser before the end");
            }
            if setting.storage && !pod.stored && !time_is_up(run, setting) {
                return Err("nothing unsaved goes before its time");
            }
        }
        pod.delete(NOW);
        Ok(true)
    }
}

/// A run's artifacts need not be waited for any longer.
fn time_is_up(run: Option<Rc<Object>>, setting: &Setting) -> bool {
    let Some(record) = run.map(|run| run.record.clone()) else { return false };
    let Some(finished) = record.finished else { return false };
    let gave_up = matches!(record.artifacts, Artifacts::Failed(_));
    match setting.on_upload_failure {
        UploadFailure::Discard => gave_up || finished.plus(UPLOAD) <= NOW,
        UploadFailure::Hold => finished.plus(MAX) <= NOW,
    }
}

impl Real {
    fn answer(&self) -> Answer {
        Answer {
            at: NOW,
            upload: match (self.stored, self.gave_up) {
                (true, _) => Upload::Complete(Stored::default()),
                (false, true) => Upload::Failed(String::new()),
                (false, false) => Upload::Working,
            },
            idle: self.idle,
            watched: self.watched || self.viewer,
            told_idle: self.told_idle.map(|ago| NOW.plus(-ago)),
            told_cap: self.told_cap,
            cancelling: self.cancelling,
            deadline: ACTIVE,
            left: match self.shell.agent {
                AgentShell::Running => (ACTIVE + TUNING.hang - NOW.since(self.shell.began)).max(0),
                AgentShell::Waiting
                | AgentShell::Passed
                | AgentShell::Cancelled
                | AgentShell::Crashed => 0,
            },
        }
    }
}
