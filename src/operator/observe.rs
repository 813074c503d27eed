//! From caches, memory and, for the two things that no cache has, the API server, to [`Observed`].
//!
//! Nothing is decided here. What is asked of the API server is read only: the `ConfigMap` of a plan that
//! is about to be used, and the Handoff that a run's slot names.

mod pod;
mod run;

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, ResourceExt, runtime::reflector::ObjectRef};

pub(super) use self::pod::{seen as pod, upload};
use super::{Error, Operator, caches::PLAN_SIZE, profile::Profile};
use crate::{
    decide::{self, Facts, Moment, Observed, PodUid, Tuning},
    manifest::{
        check::{PlanSource, ValidRun, check},
        test_run::TestRun,
    },
    pod::{
        Order, Site,
        contract::run::{ContractError, MAX_ANNOTATIONS},
    },
};

/// A run by its names, and its cached pods. The run itself may be gone.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// Its pods.
    pub pods: Vec<SeenPod>,
}

/// A pod as it is cached, and what decisions need of it.
#[derive(Clone, Debug)]
pub(super) struct SeenPod {
    /// For decisions.
    pub pod: decide::Pod,
    /// As cached: without its contract.
    pub api: Arc<Pod>,
}

/// What was seen, and what is needed to act upon it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Which run, and its pods.
    pub subject: Subject,
    /// As cached: without its plan.
    pub run: Arc<TestRun>,
    /// What counts for its namespace.
    pub profile: Profile,
    /// The effective run, its plan apart; absent if it is not valid.
    pub valid: Option<ValidRun>,
    /// The run's slot names a Handoff that is over or does not exist.
    pub orphaned: bool,
    /// What is decided upon.
    pub observed: Observed,
}

impl Subject {
    /// A pod that an action names.
    pub(super) fn pod(&self, uid: &PodUid) -> Option<&SeenPod> {
        self.pods.iter().find(|seen| seen.pod.uid == *uid)
    }

    /// For the queue.
    pub(super) fn reference(&self) -> ObjectRef<TestRun> {
        ObjectRef::new(&self.name).within(&self.namespace)
    }
}

impl SeenPod {
    /// A cached pod, if it is a run's.
    pub(super) fn read(api: Arc<Pod>) -> Option<Self> {
        Some(Self { pod: pod::seen(&api)?, api })
    }
}

impl Operator {
    /// Looks at everything that a decision about this run may depend on.
    pub(super) async fn observe(&self, run: &Arc<TestRun>) -> Result<Seen, Error> {
        let run = Arc::clone(run);
        let uid = run.uid().unwrap_or_default();
        let profile = self.profile(&run.namespace().unwrap_or_default());
        let spec = profile.effective(&run.spec);
        let valid = check(&run.name_any(), &spec);
        let cached = self.caches.pods_of(&run).into_iter();
        let pods: Vec<SeenPod> = cached.filter_map(SeenPod::read).collect();
        let status = run.status.clone().unwrap_or_default();
        let others = self.caches.with_key(&run);
        let begins = pods.is_empty() && status.verdict.is_none();
        let problem = match &valid {
            Ok(valid) if begins => self.problem(&run, valid, &profile).await?,
            Ok(_) | Err(_) => None,
        };
        let newest = pods.iter().map(|seen| &seen.pod).max_by_key(|pod| pod.attempt);
        let newest = newest.map(|pod| pod.uid.clone());
        let remembered = self.memory.of(&uid, |remembered| remembered.clone()).await?;
        let slot = status.control.as_ref().map(|slot| slot.handoff.clone());
        let control = self.control(&run).await?;
        let orphaned = slot.is_some() && control.is_none();
        let has_pod = |other: &TestRun| !self.caches.pods_of(other).is_empty();
        let facts = Facts {
            run: run::seen(&run, &spec, &valid, problem, &others),
            pods: pods.iter().map(|seen| seen.pod.clone()).collect(),
            gate: remembered.gate(newest.as_ref()),
            target: remembered.target,
            line: run::line(&run, &others, has_pod),
            refusal: remembered.refusal,
            control,
            written: remembered.written,
            tuning: Tuning::default(),
        };
        let observed = Observed { status, facts };
        let subject = Subject {
            namespace: run.namespace().unwrap_or_default(),
            name: run.name_any(),
            uid,
            pods,
        };
        Ok(Seen { subject, run, profile, valid: valid.ok(), orphaned, observed })
    }

    /// What counts for a namespace.
    pub(super) fn profile(&self, namespace: &str) -> Profile {
        let labels = self
            .caches
            .namespaces
            .as_ref()
            .and_then(|namespaces| namespaces.get(&ObjectRef::new(namespace)))
            .map_or_else(BTreeMap::new, |namespace| namespace.labels().clone());
        self.config.profiles.of(&labels).denying(&self.config.denied_hosts)
    }

    /// What keeps a valid run from having a pod: its plan is missing, or too large.
    async fn problem(
        &self,
        run: &TestRun,
        valid: &ValidRun,
        profile: &Profile,
    ) -> Result<Option<decide::Problem>, Error> {
        let (plan, lasting) = match &valid.plan {
            PlanSource::Inline(_) => {
                let size = run.annotations().get(PLAN_SIZE).and_then(|size| size.parse().ok());
                (size.unwrap_or(0), true)
            }
            PlanSource::From(_) => match self.plan(run, valid).await? {
                Ok(plan) => (serde_json::to_string(&plan).map_or(0, |text| text.len()), false),
                Err(problem) => return Ok(Some(problem)),
            },
        };
        let order = Order {
            run: valid,
            namespace: &run.namespace().unwrap_or_default(),
            uid: &run.uid().unwrap_or_default(),
            attempt: 1,
            plan: "",
            storage: valid.storage.as_ref(),
            site: &self.site(profile),
        };
        let error = match crate::pod::pod(&order) {
            Ok(pod) => {
                let annotations = pod.metadata.annotations.unwrap_or_default();
                let rest = annotations.iter().map(|(key, value)| key.len() + value.len());
                let bytes = rest.sum::<usize>() + plan;
                if bytes <= MAX_ANNOTATIONS {
                    return Ok(None);
                }
                ContractError::TooLarge { bytes }
            }
            Err(error) => error,
        };
        let (reason, message) = (error.reason().to_owned(), error.to_string());
        Ok(Some(decide::Problem { reason, message, lasting }))
    }

    /// The text of a run's plan, as it is now.
    pub(super) async fn plan(
        &self,
        run: &TestRun,
        valid: &ValidRun,
    ) -> Result<Result<String, decide::Problem>, Error> {
        let from = match &valid.plan {
            PlanSource::Inline(plan) => return Ok(Ok(plan.clone())),
            PlanSource::From(from) => &from.config_map_key_ref,
        };
        let namespace = run.namespace().unwrap_or_default();
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
        let map = maps.get_opt(&from.name).await.map_err(Error::api("reading the plan"))?;
        let missing = |what: String| decide::Problem {
            reason: "PlanNotFound".to_owned(),
            message: format!("spec.planFrom: {what}"),
            lasting: false,
        };
        Ok(match map {
            None => Err(missing(format!("there is no ConfigMap {}", from.name))),
            Some(map) => map
                .data
                .and_then(|mut data| data.remove(&from.key))
                .ok_or_else(|| missing(format!("ConfigMap {} has no {}", from.name, from.key))),
        })
    }

    /// What pods are made with.
    pub(super) fn site(&self, profile: &Profile) -> Site {
        profile.site(&self.config.images, self.config.operator_key)
    }

    /// The Control handoff that has the run's slot, if it is not over.
    async fn control(&self, run: &TestRun) -> Result<Option<String>, Error> {
        let slot = run.status.as_ref().and_then(|status| status.control.as_ref());
        let Some(slot) = slot else { return Ok(None) };
        let namespace = run.namespace().unwrap_or_default();
        let active = self.active_handoff(&namespace, &slot.handoff).await?;
        Ok(active.map(|_| slot.handoff.clone()))
    }
}

impl Operator {
    /// Now, as decisions count it.
    pub(super) fn now(&self) -> Moment {
        self.clock.now().into()
    }
}
