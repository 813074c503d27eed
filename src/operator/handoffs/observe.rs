//! From caches, memory and the API server to [`Seen`]. Nothing is decided here.

use std::sync::Arc;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::{Api, Resource, ResourceExt, runtime::reflector::ObjectRef};

use super::seen;
use crate::{
    decide::{
        Agent, Browser, GateContainer,
        handoff::{self, Place, Record, Slot, Tuning},
    },
    manifest::{
        handoff::{Handoff, HandoffState, status::HandoffPhase},
        test_run::TestRun,
    },
    operator::{
        Error, Operator,
        error::code,
        observe::{SeenPod, Subject},
    },
};

/// What was seen, and what is needed to act upon it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// As cached.
    pub handoff: Arc<Handoff>,
    /// Its run, as cached.
    pub run: Option<Arc<TestRun>>,
    /// That run by its names, and its pods.
    pub subject: Option<Subject>,
    /// The agent's container of the pod that counts has ended.
    pub agent_ended: bool,
    /// What is decided upon.
    pub observed: handoff::Seen,
}

impl Operator {
    /// Looks at everything that a decision about this Handoff may depend on.
    pub(super) async fn observe_handoff(&self, handoff: &Arc<Handoff>) -> Result<Seen, Error> {
        let record = Record::read(&handoff.status.clone().unwrap_or_default());
        let run = self.run_of_handoff(handoff);
        let subject = run.as_ref().map(|run| self.subject(run));
        let newest = subject.as_ref().and_then(newest);
        let place = newest.map_or(Place::Nowhere, place);
        let uid = handoff.uid().unwrap_or_default();
        let gate = match newest {
            Some(pod) => self.doors.of(&pod.pod.uid.0, move |door| door.gate(&uid)).await?,
            None => handoff::Gate::default(),
        };
        let slot = match &run {
            Some(run) => self.slot(run, handoff).await?,
            None => Slot::Free,
        };
        let begins = record.granted.is_none()
            && record.ending.is_none()
            && handoff.spec.desired_state == HandoffState::Running;
        let policy = !begins || self.policy_is_in_force().await?;
        let uid = handoff.uid().unwrap_or_default();
        let warned = self.memory.of(&uid, |remembered| remembered.warned).await?;
        let observed = handoff::Seen {
            handoff: seen::object(handoff, run.as_deref()),
            run: run.as_ref().map(|run| seen::run(run, &handoff.name_any(), slot)),
            record,
            place,
            policy,
            gate,
            warned,
            tuning: Tuning::default(),
        };
        let agent_ended = newest.is_some_and(|pod| matches!(pod.pod.agent, Agent::Ended(_)));
        Ok(Seen { handoff: Arc::clone(handoff), run, subject, agent_ended, observed })
    }

    /// The cached run that a Handoff names: not one of the same name that it does not belong to.
    pub(in crate::operator) fn run_of_handoff(&self, handoff: &Handoff) -> Option<Arc<TestRun>> {
        let namespace = handoff.namespace()?;
        let run = ObjectRef::new(&handoff.spec.run_ref.name).within(&namespace);
        let run = self.caches.runs.get(&run)?;
        let owner = seen::owner(handoff);
        owner.is_none_or(|owner| Some(owner) == run.uid().as_deref()).then_some(run)
    }

    fn subject(&self, run: &TestRun) -> Subject {
        let cached = self.caches.pods_of(run).into_iter();
        Subject {
            namespace: run.namespace().unwrap_or_default(),
            name: run.name_any(),
            uid: run.uid().unwrap_or_default(),
            pods: cached.filter_map(SeenPod::read).collect(),
        }
    }

    /// Who has the run's slot. Whether that Handoff is over is asked of the API server: the cache may
    /// not know it yet, or any more.
    async fn slot(&self, run: &TestRun, handoff: &Handoff) -> Result<Slot, Error> {
        let slot = run.status.as_ref().and_then(|status| status.control.as_ref());
        let Some(slot) = slot else { return Ok(Slot::Free) };
        if slot.handoff == handoff.name_any() {
            return Ok(Slot::Own);
        }
        let namespace = run.namespace().unwrap_or_default();
        let active = self.active_handoff(&namespace, &slot.handoff).await?;
        Ok(active.map_or(Slot::Free, |other| Slot::Other(other.spec.holder)))
    }

    /// The Handoff of that name, if it is not over: live.
    pub(in crate::operator) async fn active_handoff(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Handoff>, Error> {
        let handoffs: Api<Handoff> = Api::namespaced(self.client.clone(), namespace);
        let found = handoffs.get_opt(name).await.map_err(Error::api("reading the handoff"))?;
        Ok(found.filter(|one| !phase(one).is_final()))
    }

    /// Whether the admission policy is as it was shipped.
    async fn policy_is_in_force(&self) -> Result<bool, Error> {
        let Some(shipped) = &self.policy else { return Ok(false) };
        let name = &shipped.name;
        let (policy, binding) = tokio::join!(
            self.cluster_object::<ValidatingAdmissionPolicy>(name),
            self.cluster_object::<ValidatingAdmissionPolicyBinding>(name),
        );
        let difference = shipped.difference(policy?.as_ref(), binding?.as_ref());
        if let Some(why) = difference {
            tracing::error!(policy = name, %why, "handoffs are refused");
        }
        Ok(difference.is_none())
    }

    /// That object, if it exists and may be read.
    async fn cluster_object<K>(&self, name: &str) -> Result<Option<K>, Error>
    where
        K: Resource<Scope = kube::core::ClusterResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
        K::DynamicType: Default,
    {
        let all: Api<K> = Api::all(self.client.clone());
        match all.get_opt(name).await {
            Ok(found) => Ok(found),
            // What cannot be looked at cannot be relied on.
            Err(error) if code(&error) == Some(403) => Ok(None),
            Err(error) => Err(Error::api("reading the admission policy")(error)),
        }
    }
}

/// Where a Handoff stands.
pub(in crate::operator) fn phase(handoff: &Handoff) -> HandoffPhase {
    handoff.status.as_ref().and_then(|status| status.phase).unwrap_or_default()
}

/// The pod of the latest attempt.
pub(in crate::operator) fn newest(subject: &Subject) -> Option<&SeenPod> {
    subject.pods.iter().max_by_key(|seen| seen.pod.attempt)
}

/// Where that pod stands.
pub(in crate::operator) fn place(seen: &SeenPod) -> Place {
    let pod = &seen.pod;
    match (&pod.gate, pod.browser) {
        _ if !pod.live() => Place::Over,
        (GateContainer::Running, Browser::Ready) => {
            Place::Here { pod: pod.uid.clone(), leaving: pod.deleting.is_some() }
        }
        // It still says what became of whom.
        (GateContainer::Running, Browser::Ended) => {
            Place::Here { pod: pod.uid.clone(), leaving: true }
        }
        (GateContainer::Ended(_), Browser::Ended) => Place::Over,
        (GateContainer::Ended(_), _) => Place::GateLost,
        (GateContainer::Waiting | GateContainer::Running, _) => Place::Coming,
    }
}
