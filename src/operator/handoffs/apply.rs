//! From a decision to requests: one small function for each kind of action, in the decision's order.

use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};

use super::{observe::Seen, seen::owner};
use crate::{
    decide::handoff::{Action, Decision, Ending, Note, Only, Record},
    manifest::{
        handoff::{Handoff, HandoffReason, HandoffState, Mode},
        status::Control,
        test_run::TestRun,
    },
    operator::{
        Error, Operator,
        apply::{Applied, diff},
        error::code,
        observe::Subject,
        outside::HandoffWord,
    },
    pod::contract::stream::{self, Prepare},
};

/// How long a gate may take to grant, or to end, before it is looked at again.
const PATIENCE: i64 = 10;

impl Operator {
    /// Does what was decided about a Handoff.
    pub(super) async fn apply_to_handoff(
        &self,
        seen: &Seen,
        decision: &Decision,
    ) -> Result<Applied, Error> {
        for action in &decision.actions {
            if Box::pin(self.act_on_handoff(seen, action)).await? == Applied::Refused {
                tracing::debug!(action = action.name(), "refused: it is not as it was seen");
                return Ok(Applied::Refused);
            }
        }
        Ok(Applied::Done)
    }

    async fn act_on_handoff(&self, seen: &Seen, action: &Action) -> Result<Applied, Error> {
        match action {
            Action::TakeSlot => {
                if !self.handoff_is_as_seen(seen).await? {
                    return Ok(Applied::Refused);
                }
                let spec = &seen.handoff.spec;
                let slot = Control {
                    handoff: seen.handoff.name_any(),
                    mode: spec.mode,
                    holder: Some(spec.holder.clone()).filter(|holder| !holder.is_empty()),
                };
                let slot = serde_json::to_value(slot).map_err(malformed)?;
                self.change_slot(seen, slot).await
            }
            Action::FreeSlot => self.change_slot(seen, Value::Null).await,
            Action::Write { record, only } => {
                if !self.holds_for_handoff(*only, seen).await? {
                    return Ok(Applied::Refused);
                }
                self.write_handoff(seen, record).await
            }
            Action::Prepare(pod) => {
                let (handoff, run) =
                    tokio::try_join!(self.handoff_is_as_seen(seen), self.run_has_room(seen))?;
                if !handoff || !run {
                    return Ok(Applied::Refused);
                }
                let Some(prepare) = prepare(&seen.handoff) else { return Ok(Applied::Refused) };
                let ended = seen.agent_ended;
                let word = HandoffWord::Prepare { prepare, ended, patience: PATIENCE };
                self.tell_of_handoff(seen, pod, word).await
            }
            Action::Close { pod, outcome } => {
                let outcome = match outcome {
                    HandoffState::Finished => stream::Outcome::Finished,
                    HandoffState::Running | HandoffState::Cancelled => stream::Outcome::Cancelled,
                };
                let uid = seen.handoff.uid().unwrap_or_default();
                let word = HandoffWord::Close { uid, outcome, patience: PATIENCE };
                self.tell_of_handoff(seen, pod, word).await
            }
            Action::Follow(pod) => match &seen.subject {
                Some(subject) => self.follow_gate(subject, pod).await,
                None => Ok(Applied::Refused),
            },
            Action::Own => self.own_handoff(seen).await,
            Action::Delete => self.delete_handoff(seen).await,
            Action::Note(note) => {
                self.note_handoff(seen, *note).await?;
                Ok(Applied::Done)
            }
        }
    }

    /// Whether what is asked of the cluster is so, right now.
    async fn holds_for_handoff(&self, only: Only, seen: &Seen) -> Result<bool, Error> {
        let run = matches!(only, Only::RunAsSeen | Only::RunAndPodsAsSeen);
        let pods = matches!(only, Only::PodsAsSeen | Only::RunAndPodsAsSeen);
        if run && !self.handoffs_run_is_as_seen(seen).await? {
            return Ok(false);
        }
        match &seen.subject {
            Some(subject) if pods => self.pods_are_as_seen(subject).await,
            Some(_) | None => Ok(true),
        }
    }

    async fn handoffs_run_is_as_seen(&self, seen: &Seen) -> Result<bool, Error> {
        if let (Some(run), Some(subject)) = (&seen.run, &seen.subject) {
            let version = run.metadata.resource_version.as_deref();
            return Ok(self.run_is_as_seen(subject, version).await?.is_some());
        }
        let namespace = seen.handoff.namespace().unwrap_or_default();
        let runs: Api<TestRun> = Api::namespaced(self.client.clone(), &namespace);
        let live = runs.get_opt(&seen.handoff.spec.run_ref.name).await;
        let live = live.map_err(Error::api("reading the handoff's run"))?;
        let owner = owner(&seen.handoff);
        // One of that name that does not own it is another one.
        Ok(live.is_none_or(|live| owner.is_some_and(|owner| live.uid().as_deref() != Some(owner))))
    }

    async fn handoff_is_as_seen(&self, seen: &Seen) -> Result<bool, Error> {
        let live = self.handoffs_of(seen).get_opt(&seen.handoff.name_any()).await;
        let live = live.map_err(Error::api("reading the handoff"))?;
        Ok(live.is_some_and(|live| {
            live.uid() == seen.handoff.uid()
                && live.resource_version() == seen.handoff.resource_version()
        }))
    }

    /// Whether the run exists and, for Control, its slot names this Handoff: live.
    async fn run_has_room(&self, seen: &Seen) -> Result<bool, Error> {
        let Some(subject) = &seen.subject else { return Ok(false) };
        let Some(run) = self.live_run(subject).await? else { return Ok(false) };
        let slot = run.status.and_then(|status| status.control);
        let name = seen.handoff.name_any();
        let own = slot.is_some_and(|slot| slot.handoff == name);
        Ok(own || seen.handoff.spec.mode == Mode::View)
    }

    fn handoffs_of(&self, seen: &Seen) -> Api<Handoff> {
        let namespace = seen.handoff.namespace().unwrap_or_default();
        Api::namespaced(self.client.clone(), &namespace)
    }

    async fn change_slot(&self, seen: &Seen, slot: Value) -> Result<Applied, Error> {
        let (Some(run), Some(subject)) = (&seen.run, &seen.subject) else {
            return Ok(Applied::Refused);
        };
        self.write_slot(subject, run, slot).await
    }

    /// Takes or frees a run's slot, at the version that was seen.
    pub(super) async fn write_slot(
        &self,
        subject: &Subject,
        run: &TestRun,
        slot: Value,
    ) -> Result<Applied, Error> {
        let metadata = &run.metadata;
        let patch = json!({
            "metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
            "status": {"control": slot},
        });
        self.metrics.write("patch", "testruns/status");
        let (runs, patch) = (self.runs(subject), Patch::Merge(patch));
        match runs.patch_status(&subject.name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(Applied::Refused),
            Err(error) => Err(Error::api("writing the run's slot")(error)),
        }
    }

    async fn write_handoff(&self, seen: &Seen, record: &Record) -> Result<Applied, Error> {
        let before = seen.handoff.status.clone().unwrap_or_default();
        let status = record.write(&before, &seen.observed.handoff, self.now());
        let old = serde_json::to_value(&before).map_err(malformed)?;
        let new = serde_json::to_value(&status).map_err(malformed)?;
        let Some(change) = diff(&old, &new) else { return Ok(Applied::Done) };
        let metadata = &seen.handoff.metadata;
        let patch = json!({
            "metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
            "status": change,
        });
        self.metrics.write("patch", "handoffs/status");
        let (handoffs, name) = (self.handoffs_of(seen), seen.handoff.name_any());
        let patch = Patch::Merge(patch);
        match handoffs.patch_status(&name, &PatchParams::default(), &patch).await {
            Ok(_) => {}
            Err(error) if matches!(code(&error), Some(404 | 409)) => return Ok(Applied::Refused),
            Err(error) => return Err(Error::api("writing the handoff's status")(error)),
        }
        self.count_handoff(seen, record);
        tracing::info!(
            handoff = name,
            namespace = seen.handoff.namespace(),
            phase = ?status.phase,
            epoch = status.input_epoch,
            "handoff's status written"
        );
        Ok(Applied::Done)
    }

    /// Counts what a status tells for the first time.
    fn count_handoff(&self, seen: &Seen, record: &Record) {
        let (old, handoff) = (&seen.observed.record, &seen.observed.handoff);
        if let (Some((since, _)), None) = (record.granted, old.granted) {
            let waited = since.0.saturating_sub(handoff.created.0).max(0);
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a minute")]
            self.metrics.granted(waited as f64 / 1000.0);
        }
        if let (Some((ending, _)), None) = (&record.ending, &old.ending) {
            self.metrics.handoff(phase(ending), reason(seen.handoff.spec.reason));
        }
    }

    /// Makes the run its owner.
    async fn own_handoff(&self, seen: &Seen) -> Result<Applied, Error> {
        let Some(run) = &seen.run else { return Ok(Applied::Refused) };
        let metadata = &seen.handoff.metadata;
        let mut owners = metadata.owner_references.clone().unwrap_or_default();
        let Some(mut owner) = run.owner_ref(&()) else { return Ok(Applied::Refused) };
        // It is looked after by name, and must not hold up anybody's deletion.
        owner.controller = None;
        owner.block_owner_deletion = None;
        owners.push(owner);
        let patch = json!({"metadata": {
            "uid": metadata.uid, "resourceVersion": metadata.resource_version,
            "ownerReferences": owners,
        }});
        self.metrics.write("patch", "handoffs");
        let (handoffs, name) = (self.handoffs_of(seen), seen.handoff.name_any());
        match handoffs.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(Applied::Refused),
            Err(error) => Err(Error::api("giving the handoff its owner")(error)),
        }
    }

    async fn delete_handoff(&self, seen: &Seen) -> Result<Applied, Error> {
        let only = Preconditions {
            uid: seen.handoff.uid(),
            resource_version: seen.handoff.resource_version(),
        };
        let params = DeleteParams::background().preconditions(only);
        self.metrics.write("delete", "handoffs");
        match self.handoffs_of(seen).delete(&seen.handoff.name_any(), &params).await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if code(&error) == Some(404) => Ok(Applied::Done),
            Err(error) if code(&error) == Some(409) => Ok(Applied::Refused),
            Err(error) => Err(Error::api("deleting the handoff")(error)),
        }
    }

    async fn note_handoff(&self, seen: &Seen, note: Note) -> Result<(), Error> {
        if note == Note::Expiring {
            let uid = seen.handoff.uid().unwrap_or_default();
            self.memory.of(&uid, |remembered| remembered.warned = true).await?;
        }
        match &seen.run {
            Some(run) if note.on_run() => self.events.note(&run.object_ref(&()), note).await,
            None if note.on_run() => {}
            Some(_) | None => self.events.note(&seen.handoff.object_ref(&()), note).await,
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn malformed(error: serde_json::Error) -> Error {
    Error::Malformed { what: "status", why: error.to_string() }
}

/// The Handoff as its gate must know it; `None` without a holder.
fn prepare(handoff: &Handoff) -> Option<Prepare> {
    let spec = &handoff.spec;
    Some(Prepare {
        uid: handoff.uid()?,
        name: handoff.name_any(),
        mode: match spec.mode {
            Mode::View => stream::Mode::View,
            Mode::Control => stream::Mode::Control,
        },
        holder: spec.holder.clone(),
        key: spec.holder_key.parse().ok()?,
        timeout_seconds: spec.timeout_seconds.unsigned_abs().into(),
    })
}

fn phase(ending: &Ending) -> &'static str {
    match ending {
        Ending::Finished(_) => "Finished",
        Ending::Cancelled(_) => "Cancelled",
        Ending::TimedOut(_) => "TimedOut",
        Ending::Failed(..) => "Failed",
    }
}

/// As in objects.
fn reason(reason: HandoffReason) -> &'static str {
    match reason {
        HandoffReason::Login => "login",
        HandoffReason::SecondFactor => "2fa",
        HandoffReason::Captcha => "captcha",
        HandoffReason::Permission => "permission",
        HandoffReason::ManualRecovery => "manual_recovery",
        HandoffReason::Other => "other",
    }
}
