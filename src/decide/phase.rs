//! From nothing to a verdict: what a run without one does next.

use super::{
    action::{Action, Note, Only},
    ending::{Loss, bare},
    moment::Moment,
    observed::{Agent, Attempt, Browser, Pod, Target},
    record::Waiting,
    turn::{Asked, Told, Turn},
};
use crate::manifest::{status::Verdict, test_run::ConcurrencyPolicy};

/// While its pod comes up and nothing is wrong.
const STARTING: &str = "the pod is starting";

impl Turn<'_> {
    /// A run that has no verdict.
    pub(super) fn unfinished(&mut self) {
        self.clear_older();
        match self.pod() {
            Some(pod) => {
                self.bind(pod);
                match &pod.agent {
                    Agent::Waiting => self.starting(pod),
                    Agent::Running(since) => self.running(pod, *since),
                    Agent::Ended(end) => {
                        self.begun(pod, end.started, pod.browser == Browser::Ready);
                        self.judge(end, pod);
                    }
                }
            }
            None if self.old.pod.is_some() => self.lost(Loss::PodLost, None),
            None => self.without_pod(),
        }
    }

    /// There is no pod, and none was seen in this attempt.
    fn without_pod(&mut self) {
        let run = &self.facts.run;
        if run.cancelled {
            return self.cancel(None);
        }
        if let Some(problem) = &run.problem {
            self.say(Some(Waiting::Problem(problem.reason.clone())), &problem.message);
            if problem.lasting {
                return self.give_up(&problem.reason, &problem.message);
            }
            self.in_time(self.record.retrying.unwrap_or(run.created));
            return;
        }
        let accepted = *self.record.accepted.get_or_insert(self.now);
        let ready = match run.readiness {
            Some(timeout) if self.record.target_ready.is_none() => {
                match self.target(accepted.plus(timeout)) {
                    Some(ready) => ready,
                    None => return,
                }
            }
            _ => self.record.target_ready.unwrap_or(accepted),
        };
        if !self.in_time(self.record.retrying.unwrap_or(ready)) {
            return;
        }
        if self.facts.line.before.is_empty() { self.create() } else { self.queue() }
    }

    /// Ends a run that cannot begin. Its pods must be as seen: there may be one after all.
    fn give_up(&mut self, reason: &str, message: &str) {
        self.only = Only::PodsAsSeen;
        self.finish(bare(Verdict::Errored, reason), message, None);
    }

    /// Waits for the target until then; when it was ready.
    fn target(&mut self, until: Moment) -> Option<Moment> {
        let probe = self.facts.target.as_ref();
        if let Some(probe) = probe
            && probe.found == Target::Ready
        {
            self.record.target_ready = Some(probe.at);
            self.record.waiting = None;
            return Some(probe.at);
        }
        let (waiting, message) = match probe.map(|probe| &probe.found) {
            Some(Target::Silent(why)) => {
                (Waiting::TargetSilent, format!("the target does not answer: {why}"))
            }
            Some(Target::WrongRevision(found)) => {
                (Waiting::WrongRevision, format!("the target serves revision {found} so far"))
            }
            Some(Target::NoRevision(why)) => {
                (Waiting::WrongRevision, format!("the target does not say its revision: {why}"))
            }
            Some(Target::Ready) | None => {
                (Waiting::TargetSilent, "the target has not answered yet".to_owned())
            }
        };
        if until <= self.now {
            self.say(Some(waiting), &message);
            let message = format!("{message}; readiness.timeoutSeconds is over");
            self.give_up("TargetNotReady", &message);
            return None;
        }
        self.wake(until);
        let again =
            probe.map_or(self.now, |probe| probe.at.min(self.now).plus(self.facts.tuning.probe));
        if again <= self.now {
            self.act(Action::ProbeTarget);
            self.wake(self.now.plus(self.facts.tuning.probe));
        } else {
            self.wake(again);
        }
        if probe.is_some() {
            self.say(Some(waiting), &message);
        } else {
            // Nothing is known yet: what is written now would be written again in a moment.
            self.record = self.old.clone();
        }
        None
    }

    /// Whether there is time left for the agent to begin, counted from `since`; else the attempt is
    /// lost.
    fn in_time(&mut self, since: Moment) -> bool {
        let deadline = since.plus(self.facts.run.start_deadline);
        if self.now < deadline {
            self.wake(deadline);
            return true;
        }
        self.lost(Loss::StartDeadlineExceeded, self.pod());
        false
    }

    /// Other runs with the same key are first.
    fn queue(&mut self) {
        let line = &self.facts.line;
        if line.policy == ConcurrencyPolicy::CancelPrevious {
            for ahead in line.before.iter().filter(|ahead| !ahead.cancelled) {
                self.act(Action::CancelRun { name: ahead.name.clone(), uid: ahead.uid.clone() });
            }
        }
        let first = line.before.first().map(|ahead| ahead.name.as_str()).unwrap_or_default();
        let message = match line.before.len() {
            1 => format!("next in the queue of key {}, behind {first}", line.key),
            more => format!(
                "{more} runs are before it in the queue of key {}: {first} is first",
                line.key
            ),
        };
        self.say(Some(Waiting::Queue), &message);
    }

    /// Makes the pod, once no earlier one of the run is live.
    fn create(&mut self) {
        if self.facts.pods.iter().any(Pod::live) {
            // Its end is an event; its bound is waited for in `clear_older`.
            return self.keep_unwritten();
        }
        if let Some(refusal) = &self.facts.refusal {
            let message = format!("the pod was not accepted: {}", refusal.words);
            self.record.attempt = self.attempt();
            self.say(Some(Waiting::Creation), &message);
            let again = refusal.at.min(self.now).plus(self.facts.tuning.quiet);
            self.wake(again);
            if again <= self.now {
                self.act(Action::CreatePod(Attempt(self.attempt())));
            }
            return;
        }
        self.keep_unwritten();
        self.act(Action::CreatePod(Attempt(self.attempt())));
        self.wake(self.now.plus(self.facts.tuning.quiet));
        if self.facts.run.pool_missed {
            self.note(Note::WarmMiss);
        }
    }

    /// The pod is the next thing that happens, and its status write says what there is to say.
    fn keep_unwritten(&mut self) {
        if self.old.generation == 0 {
            self.record = self.old.clone();
        }
    }

    /// The pod is there, its agent has not begun.
    fn starting(&mut self, pod: &Pod) {
        if pod.deleting.is_some() || pod.over {
            // It may have begun meanwhile: nothing is decided before it is over.
            if !pod.live() || pod.overdue(self.now) {
                return self.lost(Loss::of(pod), Some(pod));
            }
            return self.wait_for_end(pod);
        }
        if self.facts.run.cancelled {
            return self.cancel(Some(pod));
        }
        let words = pod.wait.as_deref().or(self.facts.run.remark.as_deref());
        self.say(None, words.unwrap_or(STARTING));
        let since = match pod.attempt {
            Attempt(1) => self.record.target_ready.or(self.record.accepted),
            Attempt(_) => Some(pod.created),
        };
        self.in_time(since.unwrap_or(pod.created));
    }

    /// The agent works.
    fn running(&mut self, pod: &Pod, since: Moment) {
        if pod.over || pod.overdue(self.now) {
            self.begun(pod, since, pod.browser == Browser::Ready);
            return self.lost(Loss::of(pod), Some(pod));
        }
        if pod.browser == Browser::Ready || pod.browser == Browser::Ended {
            self.begun(pod, since, pod.browser == Browser::Ready);
            self.record.handed_off = self.facts.control.is_some();
            self.say(None, self.facts.run.remark.as_deref().unwrap_or_default());
        }
        if pod.deleting.is_some() {
            return self.wait_for_end(pod);
        }
        if self.facts.run.cancelled {
            return self.tell_cancel(pod);
        }
        self.tell_deadline(pod);
        self.notice_hang(pod, since);
    }

    /// The kubelet ends it until then, and tells.
    fn wait_for_end(&mut self, pod: &Pod) {
        if let Some(bound) = pod.deleting {
            self.wake(bound);
        }
    }

    fn tell_cancel(&mut self, pod: &Pod) {
        let told = self.facts.gate.answer.as_ref().and_then(|answer| {
            answer.cancelling.map(|seconds| answer.at.plus(self.facts.tuning.hang - seconds))
        });
        match told {
            Some(until) if until <= self.now => self.cancel(Some(pod)),
            Some(until) => self.wake(until),
            None => {
                let told = self.tell(Action::TellCancel(pod.uid.clone()));
                if told == Told::Unreachable {
                    self.cancel(Some(pod));
                }
            }
        }
    }

    fn tell_deadline(&mut self, pod: &Pod) {
        let wanted = self.facts.run.active_deadline;
        let known = self.facts.gate.answer.as_ref().map_or(0, |answer| answer.deadline);
        if known.max(pod.deadline) < wanted {
            let tell = Action::TellDeadline { pod: pod.uid.clone(), seconds: wanted };
            self.try_gate(tell, true);
        }
    }

    /// The gate closes the socket of an agent that does not end by its deadline.
    fn notice_hang(&mut self, pod: &Pod, since: Moment) {
        let mut due = since.plus(self.facts.run.active_deadline.max(pod.deadline));
        due = due.plus(self.facts.tuning.hang);
        if let Some(answer) = &self.facts.gate.answer
            && answer.at >= due
            && let Some(left) = answer.left
            && left > 0
        {
            due = answer.at.plus(left);
        }
        if self.now < due {
            return self.wake(due);
        }
        let hung = match self.ask(pod, due, 0) {
            Asked::Answered(answer) if answer.left.is_none() => {
                // It never came, or the kubelet has yet to say how it ended.
                let late = due.plus(self.facts.tuning.hang);
                self.wake(late);
                late <= self.now
            }
            Asked::Answered(answer) => answer.left <= Some(0),
            Asked::Waiting => false,
            Asked::Unreachable => true,
        };
        if hung {
            self.only = Only::PodsAsSeen;
            let message = "the agent did not end within a minute after activeDeadlineSeconds";
            self.finish(bare(Verdict::Errored, "AgentHung"), message, Some(pod));
        }
    }

    /// Pods of earlier attempts: they are let end, and released when they have.
    pub(super) fn clear_older(&mut self) {
        let attempt = self.attempt();
        for pod in self.facts.pods.iter().filter(|pod| pod.attempt.0 < attempt) {
            self.dismiss(pod);
        }
    }
}
