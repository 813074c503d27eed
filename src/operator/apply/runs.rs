//! Writes to runs and handoffs.

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;

use super::{Applied, diff::diff};
use crate::{
    manifest::{
        handoff::Handoff,
        status::{TestRunStatus, Verdict},
        time::Time,
    },
    metrics::Stage,
    operator::{
        Error, Operator,
        error::code,
        handoffs::MANAGER,
        observe::{Seen, Subject},
    },
};

impl Operator {
    /// Writes the status if it changes, at the version that was seen. The new version; `None` if
    /// somebody wrote first or the run is gone.
    pub(super) async fn write_status(
        &self,
        seen: &Seen,
        status: &TestRunStatus,
    ) -> Result<Option<String>, Error> {
        let malformed =
            |error: serde_json::Error| Error::Malformed { what: "status", why: error.to_string() };
        let old = serde_json::to_value(&seen.observed.status).map_err(malformed)?;
        let new = serde_json::to_value(status).map_err(malformed)?;
        let Some(change) = diff(&old, &new) else {
            return Ok(seen.run.metadata.resource_version.clone());
        };
        let metadata = &seen.run.metadata;
        let patch = json!({
            "metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
            "status": change,
        });
        self.metrics.write("patch", "testruns/status");
        let name = seen.run.name_any();
        let (runs, patch) = (self.runs(&seen.subject), Patch::Merge(patch));
        let written = match runs.patch_status(&name, &PatchParams::default(), &patch).await {
            Ok(written) => written,
            Err(error) if matches!(code(&error), Some(404 | 409)) => return Ok(None),
            Err(error) => return Err(Error::api("writing the status")(error)),
        };
        let (uid, now) = (metadata.uid.clone().unwrap_or_default(), self.now());
        self.memory.of(&uid, move |remembered| remembered.written = Some(now)).await?;
        self.count(&seen.observed.status, status);
        tracing::info!(
            run = name,
            namespace = seen.run.namespace(),
            phase = ?status.phase,
            verdict = ?status.verdict,
            "status written"
        );
        Ok(written.metadata.resource_version)
    }

    /// Counts what a status tells for the first time.
    fn count(&self, old: &TestRunStatus, new: &TestRunStatus) {
        let times = |status: &TestRunStatus| status.times.clone().unwrap_or_default();
        let (before, after) = (times(old), times(new));
        let stage = |stage, from: Option<Time>, until: Option<Time>, was: bool| {
            if let (Some(from), Some(until), false) = (from, until, was) {
                let passed = until.timestamp().duration_since(from.timestamp());
                self.metrics.stage(stage, passed.as_secs_f64());
            }
        };
        let had = &before;
        stage(Stage::Schedule, after.accepted, after.pod_bound, had.pod_bound.is_some());
        stage(Stage::Browser, after.pod_bound, after.browser_ready, had.browser_ready.is_some());
        stage(Stage::Run, after.started, after.finished, had.finished.is_some());
        stage(Stage::Upload, after.finished, after.uploaded, had.uploaded.is_some());
        if let (Some(verdict), None) = (new.verdict, old.verdict) {
            self.metrics.verdict(name(verdict), new.reason.as_deref().unwrap_or("None"));
            if let Some(usage) = &new.usage {
                let count = |tokens: i64| u64::try_from(tokens).unwrap_or(0);
                self.metrics.tokens(count(usage.input_tokens), count(usage.output_tokens));
            }
        }
        let bytes = |status: &TestRunStatus| status.artifacts.as_ref().and_then(|one| one.bytes);
        if let (Some(bytes), None) = (bytes(new), bytes(old)) {
            self.metrics.uploaded(u64::try_from(bytes).unwrap_or(0));
        }
    }

    /// Cancels another run that has no verdict.
    pub(super) async fn cancel_run(
        &self,
        subject: &Subject,
        name: &str,
        uid: &str,
    ) -> Result<Applied, Error> {
        let runs = self.runs(subject);
        let other = runs.get_opt(name).await.map_err(Error::api("reading the older run"))?;
        let Some(other) = other.filter(|other| other.uid().as_deref() == Some(uid)) else {
            return Ok(Applied::Refused);
        };
        if other.status.is_some_and(|status| status.verdict.is_some()) {
            return Ok(Applied::Refused);
        }
        let patch = json!({
            "metadata": {"uid": uid, "resourceVersion": other.metadata.resource_version},
            "spec": {"desiredState": "Cancelled"},
        });
        self.metrics.write("patch", "testruns");
        match runs.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(Applied::Refused),
            Err(error) => Err(Error::api("cancelling the older run")(error)),
        }
    }

    /// Deletes the run that was seen, at this version.
    pub(super) async fn delete_run(
        &self,
        subject: &Subject,
        version: Option<&str>,
    ) -> Result<Applied, Error> {
        let only = Preconditions {
            uid: Some(subject.uid.clone()),
            resource_version: version.map(str::to_owned),
        };
        let params = DeleteParams::background().preconditions(only);
        self.metrics.write("delete", "testruns");
        match self.runs(subject).delete(&subject.name, &params).await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if code(&error) == Some(404) => Ok(Applied::Done),
            Err(error) if code(&error) == Some(409) => Ok(Applied::Refused),
            Err(error) => Err(Error::api("deleting the run")(error)),
        }
    }

    /// Has a handoff end.
    pub(super) async fn cancel_handoff(
        &self,
        subject: &Subject,
        name: &str,
    ) -> Result<Applied, Error> {
        let handoffs: Api<Handoff> = Api::namespaced(self.client.clone(), &subject.namespace);
        let patch = Patch::Merge(json!({"spec": {"desiredState": "Cancelled"}}));
        self.metrics.write("patch", "handoffs");
        // Who closed it is read from this.
        let params =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match handoffs.patch(name, &params, &patch).await {
            Ok(_) => Ok(Applied::Done),
            // It is over already: finished, or gone.
            Err(error) if matches!(code(&error), Some(404 | 422)) => Ok(Applied::Done),
            Err(error) => Err(Error::api("cancelling the handoff")(error)),
        }
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Errored => "Errored",
        Verdict::Cancelled => "Cancelled",
        Verdict::TimedOut => "TimedOut",
    }
}
