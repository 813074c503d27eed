//! What a run's status means to a decision, and how it is written for everybody else.
//!
//! A [`Record`] holds each fact once; phase, conditions, columns and times are written from it, so
//! that they cannot contradict each other. It is read back from nothing but the status: the search
//! in `world.rs` sends every record that it reaches through [`Record::write`] and [`Record::read`].

mod conditions;
#[cfg(test)]
mod tests;

use super::{
    moment::Moment,
    observed::{Facts, Stored, Upload},
    text::short,
};
use crate::manifest::{
    condition::{Condition, ConditionStatus, TestRunCondition},
    status::{
        ArtifactsStatus, Phase, PodStatus, Scenarios, TestRunStatus, Times, UploadState, Usage,
        Verdict,
    },
};

/// A run's status, each fact once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The generation that it is about; 0 if nothing was written yet.
    pub generation: i64,
    /// When the run was first found to be possible.
    pub accepted: Option<Moment>,
    /// When the target was ready, if that was waited for.
    pub target_ready: Option<Moment>,
    /// The present attempt; 0 before the first.
    pub attempt: i32,
    /// Its pod, once that was seen.
    pub pod: Option<Bound>,
    /// Since when the attempt waits for its pod, after an earlier one was lost.
    pub retrying: Option<Moment>,
    /// When its pod had a node.
    pub bound: Option<Moment>,
    /// When its Chromium answered.
    pub browser_ready: Option<Moment>,
    /// When its agent began.
    pub started: Option<Moment>,
    /// What the run waits for, other than the start of its pod.
    pub waiting: Option<Waiting>,
    /// A person has the browser in the middle of the run.
    pub handed_off: bool,
    /// When the verdict was written.
    pub finished: Option<Moment>,
    /// The verdict and what belongs to it.
    pub ending: Option<Ending>,
    /// What became of the artifacts.
    pub artifacts: Artifacts,
    /// When they were stored.
    pub uploaded: Option<Moment>,
    /// The browser can be taken over.
    pub available: bool,
    /// The browser and its pod are gone after the verdict.
    pub gone: bool,
    /// One sentence for people.
    pub message: String,
}

/// The pod of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its node, once the run has begun.
    pub node: Option<String>,
    /// It came from a pool.
    pub warm: bool,
}

/// What a run waits for before it has a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// Something that the run names, for example its plan: the reason of `Accepted=False`.
    Problem(String),
    /// The target does not answer.
    TargetSilent,
    /// The target serves another revision.
    WrongRevision,
    /// Other runs with the same key are first.
    Queue,
    /// The API server does not take the pod (quota, admission).
    Creation,
}

/// A verdict and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ending {
    /// Never changes.
    pub verdict: Verdict,
    /// In CamelCase.
    pub reason: String,
    /// Counts.
    pub scenarios: Option<Scenarios>,
    /// What the agent used.
    pub usage: Option<Usage>,
    /// Whether Chromium had its own sandbox, if there was a Chromium.
    pub sandboxed: Option<bool>,
}

/// What became of a run's artifacts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Artifacts {
    /// There is no verdict yet.
    #[default]
    Open,
    /// They are on their way.
    Uploading,
    /// All of them are stored.
    Stored(Stored),
    /// There is no storage: they stay in the pod, with this manifest if the gate told of one.
    Kept(Option<Stored>),
    /// The agent never began, or nothing is left of its pod: why, in a word.
    Nothing(String),
    /// Not stored in time: why, in a sentence.
    Failed(String),
}

impl Record {
    /// Where the run stands, for people.
    pub fn phase(&self) -> Phase {
        match () {
            () if self.gone => Phase::Expired,
            () if self.ending.is_some() => Phase::Finished,
            () if self.handed_off => Phase::HandedOff,
            () if self.started.is_some() => Phase::Running,
            () if self.waiting == Some(Waiting::Queue) => Phase::Queued,
            () if self.attempt > 0 => Phase::Starting,
            () => Phase::Pending,
        }
    }

    /// The verdict, if there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        self.ending.as_ref().map(|ending| ending.verdict)
    }

    /// Reads what [`Self::write`] wrote. What is not ours (handoffs, control) is left out.
    pub fn read(status: &TestRunStatus) -> Self {
        let times = status.times.clone().unwrap_or_default();
        let condition = |which: TestRunCondition| {
            status.conditions.iter().find(|condition| condition.type_ == which.name())
        };
        let holds = |which| condition(which).map(|found| found.status == ConditionStatus::True);
        let message = status.message.clone().unwrap_or_default();
        Self {
            generation: status.observed_generation.unwrap_or_default(),
            accepted: times.accepted.map(Into::into),
            target_ready: times.target_ready.map(Into::into),
            attempt: status.attempt.unwrap_or_default(),
            pod: status.pod.as_ref().and_then(Bound::read),
            retrying: condition(TestRunCondition::PodReady)
                .filter(|found| found.status == ConditionStatus::Unknown)
                .map(|found| found.last_transition_time.into()),
            bound: times.pod_bound.map(Into::into),
            browser_ready: times.browser_ready.map(Into::into),
            started: times.started.map(Into::into),
            waiting: conditions::read_waiting(status.phase, condition),
            handed_off: status.phase == Some(Phase::HandedOff),
            finished: times.finished.map(Into::into),
            ending: status.verdict.map(|verdict| Ending {
                verdict,
                reason: status.reason.clone().unwrap_or_default(),
                scenarios: status.scenarios.clone(),
                usage: status.usage.clone(),
                sandboxed: holds(TestRunCondition::Sandboxed),
            }),
            artifacts: Artifacts::read(
                condition(TestRunCondition::ArtifactsUploaded),
                status.artifacts.as_ref(),
            ),
            uploaded: times.uploaded.map(Into::into),
            available: holds(TestRunCondition::HandoffAvailable) == Some(true),
            gone: status.phase == Some(Phase::Expired),
            message,
        }
    }

    /// The status to write in place of `old`: this record, and of the old one what others own.
    pub fn write(&self, old: &TestRunStatus, facts: &Facts, now: Moment) -> TestRunStatus {
        let run = &facts.run;
        let ending = self.ending.as_ref();
        TestRunStatus {
            observed_generation: Some(self.generation),
            phase: Some(self.phase()),
            verdict: self.verdict(),
            reason: ending.map(|ending| short(&ending.reason, 64)).filter(|text| !text.is_empty()),
            message: Some(self.message.clone()).filter(|text| !text.is_empty()),
            scenarios: ending.and_then(|ending| ending.scenarios.clone()),
            pod: self.pod.as_ref().map(Bound::write),
            attempt: (self.attempt > 0).then_some(self.attempt),
            times: Some(Times {
                accepted: self.accepted.map(Into::into),
                target_ready: self.target_ready.map(Into::into),
                pod_bound: self.bound.map(Into::into),
                browser_ready: self.browser_ready.map(Into::into),
                started: self.started.map(Into::into),
                finished: self.finished.map(Into::into),
                uploaded: self.uploaded.map(Into::into),
                expires: self
                    .finished
                    .filter(|_| self.pod.is_some() && !self.gone)
                    .map(|at| at.plus(run.max).into()),
            }),
            usage: ending.and_then(|ending| ending.usage.clone()),
            artifacts: self.artifacts.write(run.storage.as_deref(), self.attempt),
            handoffs: old.handoffs.clone(),
            control: old.control.clone(),
            access: (self.pod.is_some() && !self.gone)
                .then(|| format!("kubectl handback take {} -n {}", run.name, run.namespace)),
            conditions: conditions::write(self, run, &old.conditions, now),
        }
    }
}

impl Bound {
    fn read(status: &PodStatus) -> Option<Self> {
        Some(Self {
            uid: status.uid.clone()?,
            name: status.name.clone(),
            node: status.node.clone(),
            warm: status.warm,
        })
    }

    fn write(&self) -> PodStatus {
        PodStatus {
            name: self.name.clone(),
            uid: Some(self.uid.clone()),
            node: self.node.clone(),
            warm: self.warm,
        }
    }
}

impl Artifacts {
    /// What a gate says becomes this; `None` while it works. Without storage they are kept, whatever
    /// the gate could do with them.
    pub fn told(upload: &Upload, storage: bool) -> Option<Self> {
        match upload {
            Upload::Working => None,
            Upload::Complete(stored) if storage => Some(Self::Stored(stored.clone())),
            Upload::Complete(stored) => Some(Self::Kept(Some(stored.clone()))),
            Upload::Failed(why) if storage => Some(Self::failed(why)),
            Upload::Failed(_) => Some(Self::Kept(None)),
        }
    }

    /// Not stored in time, and why: what a gate has to say of it fits, since its end is what to do.
    pub fn failed(why: &str) -> Self {
        Self::Failed(short(why, 256))
    }

    fn read(condition: Option<&Condition>, status: Option<&ArtifactsStatus>) -> Self {
        let Some(condition) = condition else { return Self::Open };
        let stored = status.and_then(|artifacts| {
            Some(Stored {
                manifest_sha256: artifacts.manifest_sha256.clone()?,
                count: artifacts.count.unwrap_or_default(),
                bytes: artifacts.bytes.unwrap_or_default(),
            })
        });
        match (condition.status, condition.reason.as_str()) {
            (ConditionStatus::True, conditions::KEPT_IN_POD) => Self::Kept(stored),
            (ConditionStatus::True, _) => Self::Stored(stored.unwrap_or_default()),
            (_, conditions::UPLOADING) => Self::Uploading,
            (_, conditions::UPLOAD_FAILED) => Self::Failed(condition.message.clone()),
            (_, why) => Self::Nothing(why.to_owned()),
        }
    }

    fn write(&self, storage: Option<&str>, attempt: i32) -> Option<ArtifactsStatus> {
        let (state, stored) = match self {
            Self::Open | Self::Nothing(_) => return None,
            Self::Uploading => (UploadState::Uploading, None),
            Self::Stored(stored) => (UploadState::Complete, Some(stored)),
            Self::Kept(stored) => (UploadState::Complete, stored.as_ref()),
            Self::Failed(_) => (UploadState::Failed, None),
        };
        Some(ArtifactsStatus {
            uri: storage.map(|base| format!("{base}{attempt}/")).unwrap_or_default(),
            manifest_sha256: stored.map(|stored| stored.manifest_sha256.clone()),
            count: stored.map(|stored| stored.count),
            bytes: stored.map(|stored| stored.bytes),
            state,
        })
    }
}
