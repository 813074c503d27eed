//! What is true of the cluster itself: read without a `resourceVersion`, so that no cache answers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Preconditions},
};

use crate::{
    decide::{Only, PodUid},
    manifest::test_run::TestRun,
    operator::{
        Error, Operator,
        observe::{self, Subject},
    },
    pod,
};

impl Operator {
    /// The run itself, if it is the one that was seen, at this version.
    pub(in crate::operator) async fn run_is_as_seen(
        &self,
        subject: &Subject,
        version: Option<&str>,
    ) -> Result<Option<TestRun>, Error> {
        let run = self.live_run(subject).await?;
        Ok(run.filter(|run| run.metadata.resource_version.as_deref() == version))
    }

    /// The run of that uid.
    pub(in crate::operator) async fn live_run(
        &self,
        subject: &Subject,
    ) -> Result<Option<TestRun>, Error> {
        let run = self.runs(subject).get_opt(&subject.name).await;
        let run = run.map_err(Error::api("reading the run"))?;
        Ok(run.filter(|run| run.metadata.uid.as_deref() == Some(subject.uid.as_str())))
    }

    /// The run does not exist any more, or is being deleted.
    pub(super) async fn run_is_gone(&self, subject: &Subject) -> Result<bool, Error> {
        let live = self.live_run(subject).await?;
        Ok(live.is_none_or(|live| live.metadata.deletion_timestamp.is_some()))
    }

    /// The run's pods are those that were seen, each at its version.
    pub(in crate::operator) async fn pods_are_as_seen(
        &self,
        subject: &Subject,
    ) -> Result<bool, Error> {
        let params =
            ListParams::default().labels(&format!("{}={}", pod::RUN_UID_LABEL, subject.uid));
        let live = self.pods(subject).list(&params).await;
        let live = live.map_err(Error::api("listing the run's pods"))?;
        let live: BTreeMap<PodUid, Option<String>> = live
            .into_iter()
            .map(|pod| (PodUid(pod.uid().unwrap_or_default()), pod.resource_version()))
            .collect();
        let cached: BTreeMap<PodUid, Option<String>> = subject
            .pods
            .iter()
            .map(|seen| (seen.pod.uid.clone(), seen.api.resource_version()))
            .collect();
        Ok(live == cached)
    }

    /// No other unfinished run with the same concurrency key has a pod.
    pub(super) async fn key_is_free(
        &self,
        subject: &Subject,
        run: &TestRun,
    ) -> Result<bool, Error> {
        let Some(concurrency) = &run.spec.concurrency else { return Ok(true) };
        let label = pod::key_label(&concurrency.key);
        let params = ListParams::default().labels(&format!("{}={label}", pod::KEY_LABEL));
        let pods = self.pods(subject).list(&params).await;
        let pods = pods.map_err(Error::api("listing the pods of the run's key"))?;
        for other in pods {
            let owner = other.labels().get(pod::RUN_UID_LABEL).cloned();
            if owner == run.uid() {
                continue;
            }
            let Some(name) = other.labels().get(pod::RUN_LABEL) else { continue };
            let other = self.runs(subject).get_opt(name).await;
            let other = other.map_err(Error::api("reading a run with the same key"))?;
            let unfinished = other.is_some_and(|other| {
                other.uid() == owner
                    && other.status.is_none_or(|status| status.verdict.is_none())
                    && other.metadata.deletion_timestamp.is_none()
            });
            if unfinished {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether what is asked of a pod is so, right now.
    pub(super) async fn holds_for_pod(
        &self,
        only: Only,
        subject: &Subject,
        pod: &PodUid,
    ) -> Result<bool, Error> {
        match only {
            Only::Always => Ok(true),
            Only::RunGone => self.run_is_gone(subject).await,
            Only::PodsAsSeen => self.pods_are_as_seen(subject).await,
            Only::PodOver => {
                let Some(named) = subject.pod(pod) else { return Ok(false) };
                let live = self.pods(subject).get_opt(&named.pod.name).await;
                let live = live.map_err(Error::api("reading the pod"))?;
                let live = live.as_ref().and_then(observe::pod).filter(|live| live.uid == *pod);
                // What does not exist has nothing to lose.
                Ok(live.is_none_or(|live| !live.live() || live.overdue(self.now())))
            }
            Only::Idle(seconds) => self.gate_lets_go(subject, pod, seconds).await,
            Only::RunAndPodsAsSeen | Only::RunAsSeen | Only::Unfinished => Ok(false),
        }
    }

    /// The runs of a run's namespace.
    pub(in crate::operator) fn runs(&self, subject: &Subject) -> Api<TestRun> {
        Api::namespaced(self.client.clone(), &subject.namespace)
    }

    /// The pods of a run's namespace.
    pub(super) fn pods(&self, subject: &Subject) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &subject.namespace)
    }
}

/// That and nothing else is to be deleted.
pub(super) fn only_uid(uid: &str) -> Preconditions {
    Preconditions { uid: Some(uid.to_owned()), resource_version: None }
}
