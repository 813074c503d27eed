//! What is said to gates, and what is asked of targets. Conversations are not waited for: their end
//! is remembered and brings another decision.

use std::sync::Arc;

use super::Applied;
use crate::{
    decide::{PodUid, Probe, Target},
    operator::{
        Error, Operator,
        observe::{Seen, Subject},
        outside::{GateAt, Word},
    },
};

impl Operator {
    /// Begins to say something to a gate.
    pub(super) async fn say_to_gate(
        &self,
        subject: &Subject,
        pod: &PodUid,
        word: Word,
    ) -> Result<Applied, Error> {
        let Some(gate) = gate_of(subject, pod) else { return Ok(Applied::Refused) };
        let (uid, run) = (subject.uid.clone(), subject.reference());
        let now = self.now();
        let asked = pod.clone();
        self.memory.of(&uid, move |remembered| remembered.asking(&asked, now)).await?;
        let (gates, memory, queues) =
            (Arc::clone(&self.gates), self.memory.clone(), self.queues.clone());
        let (doors, caches) = (self.doors.clone(), self.caches.clone());
        let (namespace, name) = (subject.namespace.clone(), subject.name.clone());
        let clock = Arc::clone(&self.clock);
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            let said = tokio::select! {
                said = gates.say(&gate, word) => said,
                () = cancel.cancelled() => return,
            };
            if let Err(error) = &said {
                tracing::info!(pod = gate.pod, %error, "no answer");
            }
            let (pod, now) = (gate.uid, clock.now().into());
            let answer = match said {
                Ok(said) => {
                    if Self::hear_of_handoffs(&doors, &pod, said.heard).await {
                        for handoff in caches.handoffs_of(&namespace, &name) {
                            queues.handoff(&handoff);
                        }
                    }
                    Some(said.answer)
                }
                Err(_) => None,
            };
            let noted = memory.note(&uid, move |remembered| remembered.asked(&pod, answer, now));
            if noted.is_ok() {
                queues.run(run);
            }
        });
        Ok(Applied::Done)
    }

    /// Whether the gate agrees that the browser is not used, and lets nobody in from now on.
    pub(super) async fn gate_lets_go(
        &self,
        subject: &Subject,
        pod: &PodUid,
        idle: i64,
    ) -> Result<bool, Error> {
        let Some(gate) = gate_of(subject, pod) else { return Ok(false) };
        let said = self.gates.say(&gate, Word::Retire(idle)).await;
        let agreed = said.as_ref().is_ok_and(|said| said.agreed);
        let (answer, now, pod) = (said.ok().map(|said| said.answer), self.now(), pod.clone());
        self.memory.of(&subject.uid, move |remembered| remembered.asked(&pod, answer, now)).await?;
        if !agreed {
            self.queues.run(subject.reference());
        }
        Ok(agreed)
    }

    /// Begins to look at the target.
    pub(super) fn probe(&self, seen: &Seen) -> Applied {
        let Some(valid) = seen.valid.clone() else { return Applied::Refused };
        let (uid, run) = (seen.subject.uid.clone(), seen.subject.reference());
        let namespace = seen.subject.namespace.clone();
        let policy = seen.profile.policy.run_policy();
        let (targets, memory, queues) =
            (Arc::clone(&self.targets), self.memory.clone(), self.queues.clone());
        let clock = Arc::clone(&self.clock);
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            let found: Target = tokio::select! {
                found = targets.look(&valid, &namespace, &policy) => found,
                () = cancel.cancelled() => return,
            };
            let probe = Probe { at: clock.now().into(), found };
            let noted = memory.note(&uid, move |remembered| remembered.target = Some(probe));
            if noted.is_ok() {
                queues.run(run);
            }
        });
        Applied::Done
    }
}

/// The gate of a pod of the run.
pub(in crate::operator) fn gate_of(subject: &Subject, pod: &PodUid) -> Option<GateAt> {
    let named = subject.pod(pod)?;
    Some(GateAt {
        namespace: subject.namespace.clone(),
        pod: named.pod.name.clone(),
        uid: pod.clone(),
    })
}
