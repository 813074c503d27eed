//! Handoffs: the same path as runs. Observed, decided by [`crate::decide::handoff`], applied.
//!
//! # Guarantees
//! - Nothing is prepared for a Handoff that the API server itself does not have as it was seen, and
//!   none is while the admission policy is not in force.
//! - What a gate has of Handoffs that were deleted is ended there, and their slot is freed, by the
//!   reconcile of their run.

mod apply;
mod doors;
mod observe;
mod policy;
mod seen;
mod talk;

use std::{collections::BTreeSet, sync::Arc};

use kube::{Api, ResourceExt, api::ListParams};
use serde_json::Value;

use self::observe::{newest, phase, place};
pub use self::policy::PolicyAt;
pub(super) use self::{doors::Door, policy::Shipped, seen::MANAGER};
use super::{Applied, Error, Operator, Step, observe::Subject};
use crate::{
    decide::handoff::{Place, Stray, Tuning, decide, sweep},
    manifest::{handoff::Handoff, test_run::TestRun},
};

impl Operator {
    /// Brings one Handoff one decision further.
    pub(super) async fn step_handoff(&self, handoff: &Arc<Handoff>) -> Result<Step, Error> {
        let seen = Box::pin(self.observe_handoff(handoff)).await?;
        let decision = decide(&seen.observed, self.now());
        let applied = Box::pin(self.apply_to_handoff(&seen, &decision)).await?;
        Ok(Step { applied, wake_at: decision.wake_at })
    }

    /// Clears what is left of Handoffs that are over or were deleted. `orphaned`: the run's slot names
    /// one. With it, when to look again whether the gate has ended what it was told to: somebody may wait
    /// for that, and nobody else repeats it.
    pub(super) async fn sweep_handoffs(
        &self,
        subject: &Subject,
        run: &TestRun,
        orphaned: bool,
    ) -> Result<Step, Error> {
        let here = newest(subject).map(place);
        let pod = match &here {
            Some(Place::Here { pod, .. }) => Some(pod),
            Some(Place::Nowhere | Place::Coming | Place::GateLost | Place::Over) | None => None,
        };
        let mut active = match pod {
            Some(pod) => self.active_at(pod).await?,
            None => BTreeSet::new(),
        };
        let cached = self.caches.handoffs_of(&subject.namespace, &subject.name);
        active.retain(|uid| !cached.iter().any(|one| one.uid().as_ref() == Some(uid)));
        let wanted =
            if active.is_empty() { BTreeSet::new() } else { self.wanted_handoffs(subject).await? };
        let mut step = Step { applied: Applied::Done, wake_at: None };
        for stray in sweep(orphaned, pod, &active, &wanted) {
            step.applied = match stray {
                Stray::FreeSlot => self.write_slot(subject, run, Value::Null).await?,
                Stray::Close(pod, uid) => {
                    step.wake_at = Some(self.now().plus(Tuning::default().retry));
                    if self.may_close(&pod, &uid).await? {
                        self.close_stray(subject, &pod, &uid).await?
                    } else {
                        Applied::Done
                    }
                }
            };
            if step.applied == Applied::Refused {
                break;
            }
        }
        Ok(step)
    }

    /// Uids of the run's Handoffs that are not over: live.
    async fn wanted_handoffs(&self, subject: &Subject) -> Result<BTreeSet<String>, Error> {
        let handoffs: Api<Handoff> = Api::namespaced(self.client.clone(), &subject.namespace);
        let of_run = ListParams::default().fields(&format!("spec.runRef.name={}", subject.name));
        let list =
            handoffs.list(&of_run).await.map_err(Error::api("listing the run's handoffs"))?;
        let wanted = list.into_iter().filter(|one| !phase(one).is_final());
        Ok(wanted.filter_map(|one| one.uid()).collect())
    }
}
