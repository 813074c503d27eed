//! The fleet's operator: watches, observes, decides, applies.
//!
//! # Expected flow
//! Watches keep caches of runs, pods and handoffs ([`caches`]). Once all of them are filled an operator
//! competes for the Lease ([`lease`]); whoever holds it has everything looked at once, and then whatever
//! changed. It takes runs from the queue, one at a time each: [`observe`] collects everything
//! that a decision may depend on, [`crate::decide`] decides, [`apply`] does it. A pod whose run is gone
//! is looked at by itself.
//!
//! # Guarantees
//! - There is no branch between looking and doing: a branch here would be a decision outside `decide`.
//! - An error is met by type ([`Error`]): it is tried again later, each run by itself, the later the
//!   more often it failed.
//! - An operator that loses its Lease stops at once; one that is asked to end lets go of it.

mod apply;
mod caches;
mod error;
mod events;
pub mod gates;
mod handoffs;
mod http;
pub mod in_cluster;
mod key;
mod lease;
mod memory;
mod observe;
pub mod outside;
pub mod profile;
mod profiles_file;
pub mod targets;

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        controller::{self, applier},
        reflector,
    },
};
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    apply::Applied,
    caches::{Caches, Queue, Queues, owner_uid, run_ref},
    events::Events,
    handoffs::{Door, Shipped},
    lease::Election,
    memory::Memory,
    observe::{SeenPod, Subject},
    outside::{Gates, Targets},
    profile::{Images, Profiles},
};
pub use self::{
    error::Error,
    handoffs::PolicyAt,
    key::{KeyError, OperatorKey},
};
use crate::{
    clock::Clock,
    decide::{Moment, decide, orphan},
    manifest::{handoff::Handoff, test_run::TestRun},
    metrics::Metrics,
    pod::contract::PublicKey,
    shutdown::Shutdown,
};

/// Nothing of one run takes longer than this; what has not come by then is asked for again.
const LIMIT: Duration = Duration::from_mins(1);
/// Until a cache that contradicted the API server is looked at again, should it not say so itself.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Runs that are looked at together: enough to keep an API server's answers from being waited for,
/// few enough not to be throttled by it.
const TOGETHER: u16 = 64;

/// What an operator is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The namespaces whose runs it cares for; all of them if there is none.
    pub namespaces: Vec<String>,
    /// Where its Lease is.
    pub own_namespace: String,
    /// The Lease's name.
    pub lease: String,
    /// Who it is among its replicas: the pod's name.
    pub identity: String,
    /// What run pods are made of.
    pub images: Images,
    /// Who may open gate streams.
    pub operator_key: PublicKey,
    /// What counts for whom.
    pub profiles: Profiles,
    /// The admission policy without which no Handoff is granted.
    pub policy: PolicyAt,
    /// Hosts that no browser may reach unless its profile allows them in the same words.
    pub denied_hosts: Vec<String>,
}

/// What an operator has to do with besides its configuration.
#[derive(Clone)]
pub struct World {
    /// The API server.
    pub client: Client,
    /// Gates of run pods.
    pub gates: Arc<dyn Gates>,
    /// Addresses under test.
    pub targets: Arc<dyn Targets>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").finish_non_exhaustive()
    }
}

/// Why an operator ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Asked,
    /// Another one has the Lease, or it could not be renewed: start again.
    LeaseLost,
}

/// What every decision needs.
struct Operator {
    config: Config,
    client: Client,
    gates: Arc<dyn Gates>,
    targets: Arc<dyn Targets>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    caches: Caches,
    queues: Queues,
    memory: Memory,
    doors: Memory<Door>,
    policy: Option<Shipped>,
    events: Events,
    /// Taken by whoever creates a pod for a concurrency key.
    creations: Mutex<()>,
    /// Conversations with gates and targets.
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// Works until it is asked to end or loses its Lease. `listener` serves `/metrics`, `/healthz` and
/// `/readyz`.
pub async fn run(
    config: Config,
    world: World,
    listener: Option<TcpListener>,
    shutdown: &Shutdown,
) -> End {
    // Everything that lives as long as this function; dropped with it, whatever happens.
    let mut background = JoinSet::new();
    let (runs, runs_writer) = reflector::store::<TestRun>();
    let (pods, pods_writer) = reflector::store::<Pod>();
    let (handoffs, handoffs_writer) = reflector::store::<Handoff>();
    let (namespaces, namespaces_writer) = reflector::store();
    let whole = config.namespaces.is_empty();
    let caches = Caches { runs, pods, handoffs, namespaces: whole.then_some(namespaces) };
    let queues = Queues::default();
    let World { client, gates, targets, clock, metrics } = world;
    let memory = Memory::start(&mut background);
    let doors = Memory::start(&mut background);
    background.spawn(caches::keep_runs(
        apis(&client, &config.namespaces),
        runs_writer,
        caches.clone(),
        queues.clone(),
        memory.clone(),
        Arc::clone(&metrics),
    ));
    background.spawn(caches::keep_pods(
        apis(&client, &config.namespaces),
        pods_writer,
        caches.clone(),
        queues.clone(),
        memory.clone(),
        doors.clone(),
        Arc::clone(&metrics),
    ));
    background.spawn(caches::keep_handoffs(
        apis(&client, &config.namespaces),
        handoffs_writer,
        caches.clone(),
        queues.clone(),
        memory.clone(),
        Arc::clone(&metrics),
    ));
    if whole {
        let all = Api::all(client.clone());
        let metrics = Arc::clone(&metrics);
        background.spawn(caches::keep_namespaces(all, namespaces_writer, metrics));
    }
    if let Some(listener) = listener {
        let state = http::State::new(caches.clone(), Arc::clone(&metrics));
        background.spawn(http::serve(listener, state, shutdown.cancel.clone()));
    }
    let election = Election {
        leases: Api::namespaced(client.clone(), &config.own_namespace),
        name: config.lease.clone(),
        identity: config.identity.clone(),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
    };
    let policy = Shipped::at(&config.policy);
    if let Err(error) = &policy {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "every Handoff will be refused");
    }
    let cancel = shutdown.cancel.child_token();
    let operator = Arc::new(Operator {
        events: Events {
            client: client.clone(),
            instance: config.identity.chars().take(128).collect(),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
        },
        memory,
        doors,
        policy: policy.ok(),
        config,
        client,
        gates,
        targets,
        clock,
        metrics,
        caches,
        queues,
        creations: Mutex::default(),
        tasks: TaskTracker::new(),
        cancel: cancel.clone(),
    });
    let candidacy = async {
        // Whoever leads without having seen everything takes what it has not seen for lost.
        operator.caches.filled().await.ok()?;
        Some(election.win().await)
    };
    let held = tokio::select! {
        held = candidacy => held,
        () = cancel.cancelled() => None,
    };
    let Some(mut held) = held else { return End::Asked };
    tracing::info!(identity = election.identity, "this operator leads");
    let mut work = Box::pin(Arc::clone(&operator).work());
    let end = tokio::select! {
        () = &mut work => End::Asked,
        () = election.keep(&mut held) => End::LeaseLost,
    };
    cancel.cancel();
    drop(work);
    operator.tasks.close();
    operator.tasks.wait().await;
    match end {
        End::Asked => election.resign(held).await,
        End::LeaseLost => tracing::error!("the Lease is lost"),
    }
    end
}

/// One for each namespace, or one for all of them.
fn apis<K>(client: &Client, namespaces: &[String]) -> Vec<Api<K>>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    if namespaces.is_empty() {
        return vec![Api::all(client.clone())];
    }
    namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect()
}

impl Operator {
    /// Looks at everything, then takes from the queues until the end is wanted, and finishes what was
    /// begun.
    async fn work(self: Arc<Self>) {
        let Some((runs, pods, handoffs)) = self.queues.open() else { return };
        self.caches.queue_all(&self.queues);
        let (run_store, pod_store) = (self.caches.runs.clone(), self.caches.pods.clone());
        let handoff_store = self.caches.handoffs.clone();
        let queue = |cancel: CancellationToken| async move { cancel.cancelled().await };
        let runs = applier(
            |run, operator: Arc<Self>| {
                Box::pin(
                    async move { Ok::<_, Infallible>(Box::pin(operator.reconcile(run)).await) },
                )
            },
            |_, never, _| match *never {},
            Arc::clone(&self),
            run_store,
            queued(runs).take_until(Box::pin(queue(self.cancel.clone()))),
            controller::Config::default().concurrency(TOGETHER),
        );
        let pods = applier(
            |pod, operator: Arc<Self>| {
                Box::pin(
                    async move { Ok::<_, Infallible>(Box::pin(operator.reconcile_pod(pod)).await) },
                )
            },
            |_, never, _| match *never {},
            Arc::clone(&self),
            pod_store,
            queued(pods).take_until(Box::pin(queue(self.cancel.clone()))),
            controller::Config::default().concurrency(TOGETHER),
        );
        let handoffs = applier(
            |handoff, operator: Arc<Self>| {
                Box::pin(async move {
                    Ok::<_, Infallible>(Box::pin(operator.reconcile_handoff(handoff)).await)
                })
            },
            |_, never, _| match *never {},
            Arc::clone(&self),
            handoff_store,
            queued(handoffs).take_until(Box::pin(queue(self.cancel.clone()))),
            controller::Config::default().concurrency(TOGETHER),
        );
        // What was queued and is gone meanwhile is told as an error; there is nothing to do about it.
        tokio::join!(
            runs.for_each(async |_| {}),
            pods.for_each(async |_| {}),
            handoffs.for_each(async |_| {})
        );
    }

    /// Brings one run one decision further, and says when to look again.
    async fn reconcile(self: Arc<Self>, run: Arc<TestRun>) -> controller::Action {
        let began = self.clock.boot();
        let uid = run.uid().unwrap_or_default();
        let step = timeout(LIMIT, Box::pin(self.step(&run))).await;
        self.metrics.reconciled(self.clock.boot().saturating_sub(began).as_secs_f64());
        let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
        self.outcome(&uid, &name, step.unwrap_or(Err(Error::Timeout(LIMIT)))).await
    }

    /// Brings a pod whose run is gone one decision further.
    async fn reconcile_pod(self: Arc<Self>, pod: Arc<Pod>) -> controller::Action {
        if self.caches.run_of(&pod).is_some() {
            return controller::Action::await_change();
        }
        let uid = pod.uid().unwrap_or_default();
        let step = timeout(LIMIT, Box::pin(self.step_pod(&pod))).await;
        let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
        self.outcome(&uid, &name, step.unwrap_or(Err(Error::Timeout(LIMIT)))).await
    }

    /// Brings one Handoff one decision further.
    async fn reconcile_handoff(self: Arc<Self>, handoff: Arc<Handoff>) -> controller::Action {
        let uid = handoff.uid().unwrap_or_default();
        let step = timeout(LIMIT, Box::pin(self.step_handoff(&handoff))).await;
        let name = format!("{}/{}", handoff.namespace().unwrap_or_default(), handoff.name_any());
        self.outcome(&uid, &name, step.unwrap_or(Err(Error::Timeout(LIMIT)))).await
    }

    async fn step(&self, run: &Arc<TestRun>) -> Result<Step, Error> {
        let seen = self.observe(run).await?;
        let swept = Box::pin(self.sweep_handoffs(&seen.subject, run, seen.orphaned)).await?;
        if swept.applied == Applied::Refused || seen.orphaned {
            // The run was changed, or is not as it was seen: it comes again.
            return Ok(Step { applied: Applied::Refused, wake_at: None });
        }
        let decision = decide(&seen.observed, self.now());
        let applied = self.apply(&seen, &decision).await?;
        let wake_at = swept.wake_at.into_iter().chain(decision.wake_at).min();
        Ok(Step { applied, wake_at })
    }

    async fn step_pod(&self, pod: &Arc<Pod>) -> Result<Step, Error> {
        let done = Step { applied: Applied::Done, wake_at: None };
        let Some(seen) = SeenPod::read(Arc::clone(pod)) else { return Ok(done) };
        let (Some(run), Some(owner)) = (run_ref(pod), owner_uid(pod)) else { return Ok(done) };
        let subject = Subject {
            namespace: pod.namespace().unwrap_or_default(),
            name: run.name,
            uid: owner.to_owned(),
            pods: vec![seen.clone()],
        };
        let (actions, wake_at) = orphan(&seen.pod, self.now());
        let applied = self.apply_to_orphan(&subject, &actions).await?;
        Ok(Step { applied, wake_at })
    }

    /// When to look again after that.
    async fn outcome(
        &self,
        uid: &str,
        name: &str,
        step: Result<Step, Error>,
    ) -> controller::Action {
        let error = match step {
            Ok(step) => {
                let clear = self.memory.of(uid, |remembered| remembered.failures = 0).await;
                let wake = step.wake_at.map(|at| until(self.now(), at));
                let again = match step.applied {
                    Applied::Done => wake,
                    Applied::Refused => Some(wake.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)),
                };
                return match (clear, again) {
                    (Ok(()), Some(again)) => controller::Action::requeue(again),
                    (Ok(()), None) | (Err(_), _) => controller::Action::await_change(),
                };
            }
            Err(error) => error,
        };
        let failures = self.memory.of(uid, |remembered| {
            remembered.failures = remembered.failures.saturating_add(1);
            remembered.failures
        });
        let Ok(failures) = failures.await else { return controller::Action::await_change() };
        self.metrics.reconcile_error(error.reason());
        let wait = error.wait(failures, chance());
        let cause = &error as &dyn std::error::Error;
        tracing::warn!(
            name,
            reason = error.reason(),
            error = cause,
            failures,
            ?wait,
            "tried again"
        );
        controller::Action::requeue(wait)
    }
}

/// What one look at a run came to.
#[derive(Clone, Copy, Debug)]
struct Step {
    applied: Applied,
    wake_at: Option<Moment>,
}

/// From now until then; what is past is now.
fn until(now: Moment, at: Moment) -> Duration {
    Duration::from_millis(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0))
}

/// A random number below 1; the middle if there is no randomness to be had.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

fn queued<K: reflector::Lookup + 'static>(
    queue: Queue<K>,
) -> impl futures_util::Stream<Item = Result<reflector::ObjectRef<K>, Infallible>> {
    stream::unfold(queue, async |mut queue| {
        let next = queue.recv().await?;
        Some((Ok(next), queue))
    })
}
