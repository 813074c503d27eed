//! One operator writes at a time: whoever holds a Lease.
//!
//! # Expected flow
//! [`Election::win`] waits until the Lease is free, or was not renewed for [`DURATION`] as seen from
//! here, and writes its own name into it, at the version that was read. [`Election::keep`] renews it,
//! and returns when that failed for too long or somebody else has it. [`Election::resign`] frees it.
//!
//! # Guarantees
//! - Every write names the version that it replaces, so that of two who want it one gets it.
//! - Whoever cannot renew stops before anybody else may begin: [`RENEW_LIMIT`] is shorter than
//!   [`DURATION`].
//!
//! # Assumptions
//! Clocks need not agree: how old a Lease is, is measured from when its version was first seen here.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, api::PostParams};
use tokio::time::{sleep, timeout};

use crate::{clock::Clock, metrics::Metrics};

/// How long a holder that says nothing is believed to live: a rolling update waits as long.
const DURATION: Duration = Duration::from_secs(15);
/// After so long without success a holder gives up, with time to stop what it does.
const RENEW_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks, and between two renewals: several fit into the limit.
const PAUSE: Duration = Duration::from_secs(2);

/// A candidate.
#[derive(Clone, Debug)]
pub(super) struct Election {
    /// The Leases of the operator's own namespace.
    pub leases: Api<Lease>,
    /// Which one.
    pub name: String,
    /// Who this is: the pod's name.
    pub identity: String,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where writes are counted.
    pub metrics: Arc<Metrics>,
}

/// The Lease is ours, as it was written last.
#[derive(Clone, Debug)]
#[must_use = "it has to be kept"]
pub(super) struct Held(Lease);

impl Election {
    /// Waits until the Lease is ours.
    pub(super) async fn win(&self) -> Held {
        let mut seen: Option<(Option<String>, Duration)> = None;
        loop {
            match self.look(&mut seen).await {
                Ok(Some(held)) => return held,
                Ok(None) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, lease = self.name, "the Lease could not be had");
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks once; `seen` is which version was seen first when.
    async fn look(
        &self,
        seen: &mut Option<(Option<String>, Duration)>,
    ) -> Result<Option<Held>, kube::Error> {
        let now = self.clock.boot();
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            let lease = self.mine(None);
            self.metrics.write("create", "leases");
            return self
                .leases
                .create(&PostParams::default(), &lease)
                .await
                .map(|made| Some(Held(made)));
        };
        let version = lease.metadata.resource_version.clone();
        let since = match seen {
            Some((known, since)) if *known == version => *since,
            _ => {
                *seen = Some((version, now));
                now
            }
        };
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        let free = holder.is_none_or(str::is_empty) || holder == Some(self.identity.as_str());
        if !free && now.saturating_sub(since) < DURATION {
            return Ok(None);
        }
        self.write(self.mine(Some(lease))).await.map(|lease| Some(Held(lease)))
    }

    /// Renews it until it is lost.
    pub(super) async fn keep(&self, held: &mut Held) {
        let mut renewed = self.clock.boot();
        loop {
            sleep(PAUSE).await;
            let left = RENEW_LIMIT.saturating_sub(self.clock.boot().saturating_sub(renewed));
            match timeout(left, self.write(self.mine(Some(held.0.clone())))).await {
                Ok(Ok(lease)) => {
                    held.0 = lease;
                    renewed = self.clock.boot();
                }
                Ok(Err(error)) => {
                    // A lost answer makes our own next write a conflict: look who has it.
                    match timeout(left, self.leases.get_opt(&self.name)).await {
                        Ok(Ok(Some(lease))) if self.is_mine(&lease) => held.0 = lease,
                        Ok(Ok(_)) => return,
                        Ok(Err(_)) | Err(_) => {}
                    }
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, lease = self.name, "the Lease was not renewed");
                }
                Err(_) => return,
            }
            if self.clock.boot().saturating_sub(renewed) >= RENEW_LIMIT {
                return;
            }
        }
    }

    /// Frees it, so that another one need not wait.
    pub(super) async fn resign(&self, held: Held) {
        let Held(mut lease) = held;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
        }
        // Whoever is next waits a little longer then.
        drop(timeout(PAUSE, self.write(lease)).await);
    }

    async fn write(&self, lease: Lease) -> Result<Lease, kube::Error> {
        self.metrics.write("update", "leases");
        self.leases.replace(&self.name, &PostParams::default(), &lease).await
    }

    fn is_mine(&self, lease: &Lease) -> bool {
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        holder == Some(self.identity.as_str())
    }

    /// The Lease in our name, from what it was.
    fn mine(&self, before: Option<Lease>) -> Lease {
        let now = MicroTime(self.clock.now());
        let (metadata, spec) = before.map_or_else(
            || {
                let name = Some(self.name.clone());
                (ObjectMeta { name, ..ObjectMeta::default() }, LeaseSpec::default())
            },
            |lease| (lease.metadata, lease.spec.unwrap_or_default()),
        );
        let stays = spec.holder_identity.as_deref() == Some(self.identity.as_str());
        let seconds = i32::try_from(DURATION.as_secs()).unwrap_or(i32::MAX);
        let transitions = spec.lease_transitions.unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(seconds),
            acquire_time: spec.acquire_time.clone().filter(|_| stays).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if stays {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..spec
        };
        Lease { metadata, spec: Some(spec) }
    }
}
