//! What this operator was told and no status has: answers of targets and gates, refusals, failures.
//!
//! One task owns it. An operator that restarts has none of it, asks again, and decides the same.
//!
//! # Guarantees
//! Something is remembered of whatever was met and not forgotten since, and of nothing else: what comes
//! late about something that is gone is lost, so that the memory never holds more than the caches.

use std::collections::HashMap;

use tokio::{sync::mpsc, sync::oneshot, task::JoinSet};

use crate::decide::{Answer, Gate, Moment, PodUid, Probe, Refusal};

/// What is remembered of one run, or of one Handoff or pod, by its uid.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    /// Whose gate [`Self::gate`] is.
    gate_of: Option<PodUid>,
    gate: Gate,
    /// What the target last answered.
    pub target: Option<Probe>,
    /// The API server did not make the pod.
    pub refusal: Option<Refusal>,
    /// When its status was last written.
    pub written: Option<Moment>,
    /// Of a Handoff: it was said that its time is nearly over.
    pub warned: bool,
    /// How often in a row something went wrong with it.
    pub failures: u32,
}

impl Remembered {
    /// What is known of the gate of this pod.
    pub(super) fn gate(&self, pod: Option<&PodUid>) -> Gate {
        if pod.is_some() && pod == self.gate_of.as_ref() {
            self.gate.clone()
        } else {
            Gate::default()
        }
    }

    /// A try to reach the gate of this pod begins.
    pub(super) fn asking(&mut self, pod: &PodUid, now: Moment) {
        let gate = self.of(pod);
        gate.asking = true;
        gate.tried = Some(now);
    }

    /// It ended, at that time.
    pub(super) fn asked(&mut self, pod: &PodUid, answer: Option<Answer>, now: Moment) {
        let gate = self.of(pod);
        gate.asking = false;
        gate.tried = Some(now);
        match answer {
            Some(answer) => {
                gate.failures = 0;
                gate.answer = Some(Answer { at: now, ..answer });
            }
            None => gate.failures = gate.failures.saturating_add(1),
        }
    }

    fn of(&mut self, pod: &PodUid) -> &mut Gate {
        if self.gate_of.as_ref() != Some(pod) {
            self.gate_of = Some(pod.clone());
            self.gate = Gate::default();
        }
        &mut self.gate
    }
}

/// The task that owned the memory has ended: so does the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operator is ending")]
pub struct Ended;

type All<T> = HashMap<String, T>;
type Ask<T> = Box<dyn FnOnce(&mut All<T>) + Send>;

/// A handle on the memory of all runs, or of all of something else that has a uid.
#[derive(Debug)]
pub(super) struct Memory<T = Remembered>(mpsc::UnboundedSender<Ask<T>>);

impl<T> Clone for Memory<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Default + Send + 'static> Memory<T> {
    /// An empty one; it lasts as long as `task`.
    pub(super) fn start(task: &mut JoinSet<()>) -> Self {
        let (ask, mut asked) = mpsc::unbounded_channel::<Ask<T>>();
        task.spawn(async move {
            let mut all = All::new();
            while let Some(what) = asked.recv().await {
                what(&mut all);
            }
        });
        Self(ask)
    }

    /// From now on something is remembered of it.
    pub(super) fn meet(&self, uid: &str) {
        let uid = uid.to_owned();
        // Whoever is ending meets nobody.
        drop(self.0.send(Box::new(move |all: &mut All<T>| {
            all.entry(uid).or_default();
        })));
    }

    /// Reads or changes what is remembered of it: nothing, if it was forgotten or never met.
    ///
    /// # Errors
    /// When the operator is ending.
    pub(super) async fn of<Told: Send + 'static>(
        &self,
        uid: &str,
        what: impl FnOnce(&mut T) -> Told + Send + 'static,
    ) -> Result<Told, Ended> {
        let uid = uid.to_owned();
        let (tell, told) = oneshot::channel();
        let ask = Box::new(move |all: &mut All<T>| {
            let told = match all.get_mut(&uid) {
                Some(remembered) => what(remembered),
                None => what(&mut T::default()),
            };
            drop(tell.send(told));
        });
        self.0.send(ask).map_err(|_| Ended)?;
        told.await.map_err(|_| Ended)
    }

    /// Notes what came of something that was begun earlier, unless the run is gone meanwhile.
    ///
    /// # Errors
    /// When the operator is ending.
    pub(super) fn note(
        &self,
        uid: &str,
        what: impl FnOnce(&mut T) + Send + 'static,
    ) -> Result<(), Ended> {
        let uid = uid.to_owned();
        let ask = Box::new(move |all: &mut All<T>| {
            if let Some(remembered) = all.get_mut(&uid) {
                what(remembered);
            }
        });
        self.0.send(ask).map_err(|_| Ended)
    }

    /// The run is gone.
    pub(super) fn forget(&self, uid: &str) {
        let uid = uid.to_owned();
        // Whoever is ending forgets everything.
        drop(self.0.send(Box::new(move |all: &mut All<T>| drop(all.remove(&uid)))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Memory {
        async fn uids(&self) -> Vec<String> {
            let (tell, told) = oneshot::channel();
            let ask = Box::new(move |all: &mut All<Remembered>| {
                drop(tell.send(all.keys().cloned().collect()));
            });
            self.0.send(ask).unwrap();
            told.await.unwrap()
        }
    }

    #[tokio::test]
    async fn what_is_forgotten_is_not_brought_back_by_an_answer_that_comes_late() {
        let mut tasks = JoinSet::new();
        let memory: Memory = Memory::start(&mut tasks);
        for uid in ["one", "two"] {
            memory.meet(uid);
            memory.of(uid, |remembered| remembered.failures = 3).await.unwrap();
        }
        memory.forget("one");
        memory.note("one", |remembered| remembered.failures += 1).unwrap();
        memory.note("two", |remembered| remembered.failures += 1).unwrap();
        assert_eq!(memory.uids().await, ["two"]);
        assert_eq!(memory.of("two", |remembered| remembered.failures).await, Ok(4));
        // The same name made again has another uid; the same uid never comes back.
        let late = |remembered: &mut Remembered| {
            remembered.failures += 1;
            remembered.failures
        };
        for uid in ["one", "never met"] {
            assert_eq!(memory.of(uid, late).await, Ok(1));
        }
        assert_eq!(memory.uids().await, ["two"]);
        memory.meet("two");
        assert_eq!(memory.of("two", |remembered| remembered.failures).await, Ok(4));
        tasks.shutdown().await;
        assert_eq!(memory.of("two", |_| ()).await, Err(Ended));
    }

    #[test]
    fn a_new_pod_has_a_gate_of_which_nothing_is_known() {
        let (one, two) = (PodUid("one".to_owned()), PodUid("two".to_owned()));
        let mut remembered = Remembered::default();
        remembered.asking(&one, Moment(5));
        assert!(remembered.gate(Some(&one)).asking);
        remembered.asked(&one, None, Moment(7));
        remembered.asked(&one, None, Moment(9));
        let gate = remembered.gate(Some(&one));
        assert_eq!((gate.failures, gate.tried, gate.asking), (2, Some(Moment(9)), false));
        assert_eq!(remembered.gate(Some(&two)), Gate::default());
        assert_eq!(remembered.gate(None), Gate::default());
        remembered.asking(&two, Moment(11));
        assert_eq!(remembered.gate(Some(&one)), Gate::default());
    }
}
