//! Handoffs of the person at this machine: asking for one, waiting for its grant, ending it.
//!
//! # Expected flow
//! [`Cluster::ask`] makes a key pair and an object in the person's own name, and waits until the
//! operator has it granted or says why not. [`Granted::ticket`] answers a gate's challenge.
//! [`Cluster::finish`] ends it.
//!
//! # Guarantees
//! - An object that was made and not granted is ended before the error is told.
//! - The object's name is random and ours: a create whose answer was lost is found again by its key.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::BoxStream};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    cluster::{Asked, Cluster},
    error::status,
    keys::Keys,
    runs::MANAGER,
};
use crate::{
    manifest::{
        condition::{ConditionStatus, HandoffCondition},
        handoff::status::{FailureCode, HandoffPhase, HandoffStatus},
        handoff::{Handoff, Mode},
        status::{Phase, TestRunStatus},
        test_run::TestRun,
    },
    pod::contract::stream::{self, audience},
    secret::Secret,
};

/// [P0] to [P6] take a minute at most, and the operator then says Failed; some more for what an API
/// server and a watch add.
const ANSWER: Duration = Duration::from_secs(75);
/// How long the end of a handoff is waited for: [P9] and [P10] take 6 s at most.
const ENDING: Duration = Duration::from_secs(15);
/// How long a person may have or watch a browser of a finished run: the most there is.
pub const LONGEST: i32 = 3600;

const VIEW: Asked = Asked {
    doing: "creating the Handoff",
    right: "create handoffs.handback.dev and testruns.handback.dev/view",
    ask: "The ClusterRole handback-viewer has this right.",
    kind: "Handoffs",
};
const CONTROL: Asked = Asked {
    right: "create testruns.handback.dev/control, which taking over needs",
    ask: "The ClusterRole handback-controller has this right; --view only needs handback-viewer. \
          Ask with: kubectl auth can-i create testruns.handback.dev --subresource=control",
    ..VIEW
};
const WHO: Asked = Asked {
    doing: "asking who you are",
    right: "create selfsubjectreviews.authentication.k8s.io",
    ask: "Every signed-in user has this right on an ordinary cluster.",
    kind: "SelfSubjectReviews",
};

/// A handoff that the gate knows and admits.
pub struct Granted {
    /// The object's name, which is a host name of the gate.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// To watch, or to act.
    pub mode: Mode,
    /// The pod of the browser.
    pub pod: String,
    /// When it ends at the latest.
    pub deadline: Instant,
    pod_uid: String,
    /// Of the grant; 0 for watching.
    epoch: u64,
    keys: Keys,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Granted").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Granted {
    /// The gate's host name for this handoff.
    pub fn host(&self) -> String {
        format!("{}.localhost", self.name)
    }

    /// Takes over what has changed: with each move to another page the epoch grows, and tickets are for
    /// the present one.
    pub(super) fn follow(&mut self, status: &HandoffStatus) {
        if self.mode == Mode::Control {
            self.epoch = epoch_of(status).unwrap_or(self.epoch);
        }
    }

    /// The answer to a challenge.
    pub(super) fn ticket(&self, challenge: &str) -> Secret<String> {
        let scope = match self.mode {
            Mode::View => stream::Mode::View,
            Mode::Control => stream::Mode::Control,
        };
        self.keys.ticket(challenge, audience(&self.pod_uid, &self.uid, self.epoch), scope)
    }
}

/// How long a handoff lasts from its grant: by the one clock that both of its times are from.
fn lasts(status: &HandoffStatus) -> Duration {
    let both = status.started_at.zip(status.deadline);
    let told = both.and_then(|(from, to)| {
        Duration::try_from(to.timestamp().duration_since(from.timestamp())).ok()
    });
    let asked = Duration::from_secs(u64::try_from(LONGEST).unwrap_or_default());
    told.map_or(asked, |told| told.min(asked))
}

fn epoch_of(status: &HandoffStatus) -> Option<u64> {
    status.input_epoch.and_then(|epoch| u64::try_from(epoch).ok())
}

/// The pod in which the run's browser is.
pub fn pod_of(run: &TestRun) -> Result<(String, String), Error> {
    let name = run.name_any();
    let status = run.status.clone().unwrap_or_default();
    if status.phase == Some(Phase::Expired) {
        return Err(Error::NoBrowser(gone(&name, &status)));
    }
    let pod = status.pod.as_ref();
    let pod = pod.and_then(|pod| Some((pod.name.clone(), pod.uid.clone()?)));
    pod.ok_or_else(|| {
        if status.verdict.is_some() {
            return Error::NoBrowser(gone(&name, &status));
        }
        let why = status.message.as_deref().filter(|why| !why.is_empty());
        let why = why.unwrap_or("it has not started yet");
        Error::NoBrowser(format!("TestRun {name} has no browser yet: {why}"))
    })
}

/// That the browser is gone, since when, and where the results are.
pub fn gone(name: &str, status: &TestRunStatus) -> String {
    let since = status.times.as_ref().and_then(|times| times.finished);
    let since = since
        .map_or_else(String::new, |time| format!(" The run finished at {:.0}.", time.timestamp()));
    let verdict = status.verdict.map_or_else(String::new, |verdict| format!(" ({verdict:?})"));
    let results = status.artifacts.as_ref().map(|artifacts| artifacts.uri.as_str());
    let results = match results {
        Some(uri) if !uri.is_empty() => format!(" Its artifacts are in {uri}."),
        _ => " It had no storage, so its artifacts went with the pod.".to_owned(),
    };
    format!("The browser of TestRun {name}{verdict} is gone.{since}{results}")
}

impl Cluster {
    /// The user name that the API server knows us by.
    pub async fn me(&self) -> Result<String, Error> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let asked = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let answer = asked.map_err(|error| self.problem(WHO, &error))?;
        let user = answer.status.and_then(|status| status.user_info);
        user.and_then(|user| user.username).filter(|name| !name.is_empty()).ok_or_else(|| {
            let message = "the answer has no user name".to_owned();
            Error::Refused { doing: WHO.doing, message }
        })
    }

    /// Asks for this run's browser and waits for it, until `give_up`. `tell` hears each new reason for
    /// waiting.
    pub async fn ask(
        &self,
        run: &TestRun,
        mode: Mode,
        me: &str,
        give_up: &CancellationToken,
        mut tell: impl FnMut(&str),
    ) -> Result<Granted, Error> {
        let (pod, pod_uid) = pod_of(run)?;
        let keys = Keys::generate().ok_or_else(|| Error::Local {
            doing: "Making a key pair".to_owned(),
            source: std::io::Error::other("this machine gives no random numbers"),
        })?;
        let handoff = self.make(run, mode, me, &keys).await?;
        let (name, uid) = (handoff.name_any(), handoff.uid().unwrap_or_default());
        let granted = tokio::select! {
            granted = self.granted(&name, &uid, run, &mut tell) => granted,
            () = give_up.cancelled() => Err(Error::GivenUp),
        };
        let status = match granted {
            Ok(status) => status,
            Err(error) => {
                // What was asked for in vain must not be granted later.
                if let Err(error) = self.end(&name, &uid, "Cancelled").await {
                    tracing::warn!(%error, handoff = name, "the Handoff could not be cancelled");
                }
                return Err(error);
            }
        };
        let epoch = match mode {
            Mode::View => 0,
            Mode::Control => epoch_of(&status).unwrap_or(0),
        };
        // Counted from here, since no other clock need be right. It has just begun.
        let deadline = Instant::now() + lasts(&status);
        Ok(Granted { name, uid, mode, pod, deadline, pod_uid, epoch, keys })
    }

    async fn make(
        &self,
        run: &TestRun,
        mode: Mode,
        me: &str,
        keys: &Keys,
    ) -> Result<Handoff, Error> {
        let name = format!("ho-{}", suffix(&ulid::Ulid::new().to_string().to_lowercase()));
        let handoff: Value = json!({
            "apiVersion": "handback.dev/v1alpha1", "kind": "Handoff",
            "metadata": {"name": name},
            "spec": {
                "runRef": {"name": run.name_any()}, "mode": mode,
                "holder": me, "holderKey": keys.public().to_string(), "timeoutSeconds": LONGEST,
            },
        });
        let asked = if mode == Mode::Control { CONTROL } else { VIEW };
        let handoff: Handoff = serde_json::from_value(handoff)
            .map_err(|error| Error::Refused { doing: asked.doing, message: error.to_string() })?;
        let params =
            PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let api = self.api::<Handoff>();
        let created = api.create(&params, &handoff).await;
        match created {
            Err(error) if status(&error).is_none() => match api.get_opt(&name).await {
                // It arrived after all.
                Ok(Some(found)) if found.spec.holder_key == handoff.spec.holder_key => Ok(found),
                _ => Err(self.problem(asked, &error)),
            },
            created => created.map_err(|error| self.problem(asked, &error)),
        }
    }

    /// Waits for the operator's answer.
    async fn granted(
        &self,
        name: &str,
        uid: &str,
        run: &TestRun,
        tell: &mut impl FnMut(&str),
    ) -> Result<HandoffStatus, Error> {
        let until = Instant::now() + ANSWER;
        let mut states = self.states(name, uid);
        let mut last = String::new();
        loop {
            let Ok(state) = timeout_at(until, states.next()).await else {
                let last = if last.is_empty() { last } else { format!(": {last}") };
                let seconds = ANSWER.as_secs();
                return Err(Error::NoAnswer { handoff: name.to_owned(), seconds, last });
            };
            let Some(status) = state.transpose()?.flatten() else {
                let message = format!("Handoff {name} was deleted before it was granted.");
                return Err(Error::NotGranted { code: "deleted", message });
            };
            match status.phase.unwrap_or_default() {
                HandoffPhase::Running => return Ok(status),
                HandoffPhase::Pending => {
                    let why = waiting_for(&status);
                    if !why.is_empty() && why != last {
                        tell(&why);
                        last = why;
                    }
                }
                HandoffPhase::Finished
                | HandoffPhase::Cancelled
                | HandoffPhase::TimedOut
                | HandoffPhase::Failed => return Err(self.refusal(run, &status).await),
            }
        }
    }

    /// What becomes of a handoff: its status, `None` once it was deleted, which is the last.
    pub fn states(
        &self,
        name: &str,
        uid: &str,
    ) -> BoxStream<'static, Result<Option<HandoffStatus>, Error>> {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let (cluster, uid) = (self.clone(), uid.to_owned());
        let mut seen = false;
        watcher::watcher(self.api::<Handoff>(), config)
            .default_backoff()
            .filter_map(move |event| {
                let state = match event {
                    Ok(Event::Apply(one) | Event::InitApply(one))
                        if one.uid().as_ref() == Some(&uid) =>
                    {
                        seen = true;
                        Some(Ok(Some(one.status.unwrap_or_default())))
                    }
                    Ok(Event::Init) => {
                        seen = false;
                        None
                    }
                    Ok(Event::InitDone) if seen => None,
                    Ok(_) => Some(Ok(None)),
                    Err(
                        watcher::Error::InitialListFailed(error)
                        | watcher::Error::WatchStartFailed(error),
                    ) if matches!(status(&error), Some((401 | 403 | 404, _))) => {
                        let right = "list and watch handoffs.handback.dev";
                        let asked = Asked { doing: "following the Handoff", right, ..VIEW };
                        Some(Err(cluster.problem(asked, &error)))
                    }
                    // It is tried again.
                    Err(_) => None,
                };
                async { state }
            })
            .boxed()
    }

    /// Why it was not granted, with what helps.
    async fn refusal(&self, run: &TestRun, status: &HandoffStatus) -> Error {
        let Some(failure) = &status.failure else {
            let message = format!("The Handoff ended before it was granted: {:?}.", status.phase);
            return Error::NotGranted { code: "ended", message };
        };
        let (code, said) = (failure.code, failure.message.trim());
        match code {
            FailureCode::AlreadyHeld => {
                let message = self.held(run).await.unwrap_or_else(|| said.to_owned());
                Error::NotGranted { code: "already_held", message }
            }
            FailureCode::PolicyMissing => {
                let message = format!(
                    "Nobody can take a browser over in this cluster: the admission policy that checks \
                     rights is missing or was changed. {said} Whoever installed Handback mends it with \
                     `helm upgrade`."
                );
                Error::NotGranted { code: "policy_missing", message }
            }
            FailureCode::BrowserGone | FailureCode::BrowserLost | FailureCode::GateLost => {
                let name = run.name_any();
                match self.run(&name).await {
                    Ok(now) => Error::NoBrowser(gone(&name, &now.status.unwrap_or_default())),
                    Err(_) => Error::NoBrowser(said.to_owned()),
                }
            }
            FailureCode::AgentBusy
            | FailureCode::BudgetExceeded
            | FailureCode::DisplayUnavailable
            | FailureCode::DrainTimeout
            | FailureCode::Internal
            | FailureCode::NameReused
            | FailureCode::RunNotFound
            | FailureCode::SnapshotFailed => {
                let message = format!("The browser was not handed over: {said}");
                Error::NotGranted { code: "not_granted", message }
            }
        }
    }

    /// Who has the browser, and until when.
    async fn held(&self, run: &TestRun) -> Option<String> {
        let now = self.run(&run.name_any()).await.ok()?;
        let control = now.status?.control?;
        let holder = control.holder.unwrap_or_else(|| "somebody".to_owned());
        let other = self.api::<Handoff>().get_opt(&control.handoff).await.ok().flatten();
        let until = other.and_then(|other| other.status).and_then(|status| status.deadline);
        let until = until.map_or_else(String::new, |time| {
            format!(" until {:.0} at the latest", time.timestamp())
        });
        Some(format!(
            "{holder} has the browser of TestRun {}{until} (Handoff {}). --view watches without taking it \
             over.",
            run.name_any(),
            control.handoff
        ))
    }

    /// Says that a handoff is done, and waits a little for its end. Whether it came in time.
    pub async fn finish(&self, granted: &Granted) -> Result<bool, Error> {
        self.end(&granted.name, &granted.uid, "Finished").await?;
        let mut states = self.states(&granted.name, &granted.uid);
        let until = Instant::now() + ENDING;
        loop {
            let Ok(Some(state)) = timeout_at(until, states.next()).await else { return Ok(false) };
            let over = state?.is_none_or(|status| is_over(&status));
            if over {
                return Ok(true);
            }
        }
    }

    async fn end(&self, name: &str, uid: &str, how: &str) -> Result<(), Error> {
        let spec = match how {
            "Cancelled" => json!({"desiredState": how, "cancelReason": "Aborted"}),
            _ => json!({"desiredState": how}),
        };
        let patch = json!({"metadata": {"uid": uid}, "spec": spec});
        let params =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patched = self.api::<Handoff>().patch(name, &params, &Patch::Merge(patch)).await;
        match patched {
            Ok(_) => Ok(()),
            // Deleted, or ended in another way already.
            Err(error) if matches!(status(&error), Some((404 | 409 | 422, _))) => Ok(()),
            Err(error) => {
                let right = "patch handoffs.handback.dev";
                Err(self.problem(Asked { doing: "ending the Handoff", right, ..VIEW }, &error))
            }
        }
    }
}

/// Whether nothing more can come of it.
pub fn is_over(status: &HandoffStatus) -> bool {
    status.phase.unwrap_or_default().is_final()
}

/// What a handoff waits for, in its own words.
fn waiting_for(status: &HandoffStatus) -> String {
    let granted =
        status.conditions.iter().find(|one| one.type_ == HandoffCondition::Granted.name());
    granted
        .filter(|one| one.status != ConditionStatus::True)
        .map(|one| if one.message.is_empty() { one.reason.clone() } else { one.message.clone() })
        .unwrap_or_default()
}

/// The random half of a ULID: 80 bits of chance, cut to 50 that fit a host name.
fn suffix(ulid: &str) -> &str {
    ulid.get(16..).unwrap_or(ulid)
}
