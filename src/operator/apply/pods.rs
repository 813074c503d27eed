//! Writes to pods.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{Applied, live::only_uid};
use crate::{
    decide::{Attempt, PodUid, Refusal},
    manifest::{check::check, test_run::TestRun},
    metrics::Stage,
    operator::{
        Error, Operator,
        caches::owner_uid,
        error::code,
        observe::{Seen, Subject},
    },
    pod::{self, FINALIZER, MARKS, Order},
};

impl Operator {
    /// Makes the pod of an attempt, if run, pods and key are as they were seen.
    pub(super) async fn create_pod(
        &self,
        seen: &Seen,
        attempt: Attempt,
        version: Option<&str>,
    ) -> Result<Applied, Error> {
        // Between the look at a key's pods and the creation nobody else may create for it.
        let _turn = match &seen.run.spec.concurrency {
            Some(_) => Some(self.creations.lock().await),
            None => None,
        };
        // The cached run has no plan, this one has.
        let Some(run) = self.run_is_as_seen(&seen.subject, version).await? else {
            return Ok(Applied::Refused);
        };
        if !self.pods_are_as_seen(&seen.subject).await?
            || !self.key_is_free(&seen.subject, &run).await?
        {
            return Ok(Applied::Refused);
        }
        let Some(pod) = self.pod_of(seen, &run, attempt).await? else {
            return Ok(Applied::Refused);
        };
        let uid = run.uid().unwrap_or_default();
        self.metrics.write("create", "pods");
        let created = self.pods(&seen.subject).create(&PostParams::default(), &pod).await;
        let Err(error) = created else {
            let begun = seen.observed.facts.run.created;
            #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
            self.metrics.stage(Stage::Queue, self.now().since(begun) as f64);
            tracing::info!(run = run.name_any(), attempt = attempt.0, "pod created");
            self.memory.of(&uid, |remembered| remembered.refusal = None).await?;
            return Ok(Applied::Done);
        };
        let words = match (&error, code(&error)) {
            (_, Some(409)) if self.is_made(&seen.subject, &pod).await? => return Ok(Applied::Done),
            // A quota, an admission policy, Pod Security, another pod of that name.
            (kube::Error::Api(status), Some(403 | 409 | 422)) => status.message.clone(),
            _ => return Err(Error::api("creating the pod")(error)),
        };
        let refusal = Refusal { at: self.now(), words };
        self.memory.of(&uid, |remembered| remembered.refusal = Some(refusal)).await?;
        self.queues.run(seen.subject.reference());
        Ok(Applied::Refused)
    }

    /// The pod to make; `None` if the run cannot have one any more.
    async fn pod_of(
        &self,
        seen: &Seen,
        run: &TestRun,
        attempt: Attempt,
    ) -> Result<Option<Pod>, Error> {
        let spec = seen.profile.effective(&run.spec);
        let Ok(valid) = check(&run.name_any(), &spec) else { return Ok(None) };
        let Ok(plan) = self.plan(run, &valid).await? else { return Ok(None) };
        let order = Order {
            run: &valid,
            namespace: &seen.subject.namespace,
            uid: &seen.subject.uid,
            attempt: attempt.0.unsigned_abs(),
            plan: &plan,
            storage: valid.storage.as_ref(),
            site: &self.site(&seen.profile),
        };
        Ok(pod::pod(&order).ok())
    }

    /// Whether the pod of that name is the run's own: its creation was not answered.
    async fn is_made(&self, subject: &Subject, pod: &Pod) -> Result<bool, Error> {
        let found = self.pods(subject).get_opt(&pod.name_any()).await;
        let found = found.map_err(Error::api("reading the pod"))?;
        Ok(found.is_some_and(|found| owner_uid(&found) == Some(subject.uid.as_str())))
    }

    /// Lets a pod end.
    pub(super) async fn delete_pod(
        &self,
        subject: &Subject,
        pod: &PodUid,
    ) -> Result<Applied, Error> {
        let Some(named) = subject.pod(pod) else { return Ok(Applied::Refused) };
        let params = DeleteParams::default().preconditions(only_uid(&pod.0));
        self.metrics.write("delete", "pods");
        match self.pods(subject).delete(&named.pod.name, &params).await {
            Ok(_) => Ok(Applied::Done),
            // It is gone, or another one has its name.
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(Applied::Done),
            Err(error) => Err(Error::api("deleting the pod")(error)),
        }
    }

    /// Removes the finalizer, and the marks unless they are to stay.
    pub(super) async fn release_pod(
        &self,
        subject: &Subject,
        pod: &PodUid,
        keep_marks: bool,
    ) -> Result<Applied, Error> {
        let change = |pod: &Pod, operations: &mut Vec<Value>| {
            let finalizers = pod.metadata.finalizers.clone().unwrap_or_default();
            if let Some(index) = finalizers.iter().position(|one| one == FINALIZER) {
                let path = format!("/metadata/finalizers/{index}");
                operations.push(json!({"op": "test", "path": path, "value": FINALIZER}));
                operations.push(json!({"op": "remove", "path": path}));
            }
            if !keep_marks {
                operations.extend(marks(pod, false));
            }
        };
        self.change_pod(subject, pod, "releasing the pod", change).await
    }

    /// Sets or removes the marks.
    pub(super) async fn mark_pod(
        &self,
        subject: &Subject,
        pod: &PodUid,
        marked: bool,
    ) -> Result<Applied, Error> {
        let change = |pod: &Pod, operations: &mut Vec<Value>| operations.extend(marks(pod, marked));
        self.change_pod(subject, pod, "marking the pod", change).await
    }

    /// Changes a pod by a JSON patch that tests its uid, and whatever it relies on.
    async fn change_pod(
        &self,
        subject: &Subject,
        uid: &PodUid,
        doing: &'static str,
        change: impl Fn(&Pod, &mut Vec<Value>),
    ) -> Result<Applied, Error> {
        let Some(named) = subject.pod(uid) else { return Ok(Applied::Refused) };
        let mut operations = vec![json!({"op": "test", "path": "/metadata/uid", "value": uid.0})];
        change(&named.api, &mut operations);
        if operations.len() == 1 {
            return Ok(Applied::Done);
        }
        let malformed =
            |error: serde_json::Error| Error::Malformed { what: "patch", why: error.to_string() };
        let patch = serde_json::from_value(Value::Array(operations)).map_err(malformed)?;
        let patch: Patch<()> = Patch::Json(patch);
        self.metrics.write("patch", "pods");
        match self.pods(subject).patch(&named.pod.name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if code(&error) == Some(404) => Ok(Applied::Done),
            // A test failed: somebody changed it, or another pod has its name.
            Err(error) if matches!(code(&error), Some(409 | 422)) => Ok(Applied::Refused),
            Err(error) => Err(Error::api(doing)(error)),
        }
    }
}

/// What sets or removes the marks of a pod.
fn marks(pod: &Pod, marked: bool) -> Vec<Value> {
    MARKS
        .iter()
        .filter(|(key, _)| pod.annotations().contains_key(*key) != marked)
        .map(|(key, value)| {
            let path = format!("/metadata/annotations/{}", key.replace('/', "~1"));
            if marked {
                json!({"op": "add", "path": path, "value": value})
            } else {
                json!({"op": "remove", "path": path})
            }
        })
        .collect()
}
