//! Copies of what the API server has: kept by watches, each of its own age.
//!
//! # Guarantees
//! - A namespace that was named and is not there, or is not allowed, counts as empty once another one
//!   was seen; all others are cared for. It is asked for again.
//! - An object that cannot be read is left out and said so, and does not stop the others.
//! - Plans, contracts and managed fields are not kept: ten thousand runs would not fit.
//! - Whatever changes has its run, or its pod, decided again; so has everything when a watch had to
//!   begin anew, since what vanished meanwhile is not told.
//! - Something is remembered of an object ([`Memory`]) from before it is in the copy until it is not any
//!   more, and never afterwards.

mod handoffs;
mod queues;
mod several;

use std::{fmt::Debug, hash::Hash, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, Resource, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        reflector::{
            ObjectRef, Store,
            store::{Writer, WriterDropped},
        },
        watcher::{self, Event},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use self::several::Several;
pub(super) use self::{
    handoffs::{CLAIMED, CLOSER, keep_handoffs},
    queues::{Queue, Queues},
};
use super::{error::code, handoffs::Door, memory::Memory};
use crate::{
    manifest::{handoff::Handoff, test_run::TestRun},
    metrics::Metrics,
    pod::{
        self,
        contract::{RunContract, places},
    },
};

/// The copies.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    /// Plans are empty.
    pub runs: Store<TestRun>,
    /// Without containers, volumes and contract.
    pub pods: Store<Pod>,
    /// Without managed fields, but for who closed it.
    pub handoffs: Store<Handoff>,
    /// Absent in namespaced mode.
    pub namespaces: Option<Store<Namespace>>,
}

impl Caches {
    /// Waits until each of them was filled once: a decision from some of them would take what the
    /// others have for lost.
    ///
    /// A store wakes only whoever asked it last. So everybody asks once more each second, and nobody's
    /// question, that of a readiness probe for example, leaves another one waiting for ever.
    ///
    /// # Errors
    /// When a watch has ended.
    pub(super) async fn filled(&self) -> Result<(), WriterDropped> {
        loop {
            if let Ok(filled) = timeout(Duration::from_secs(1), self.each_filled()).await {
                return filled;
            }
        }
    }

    async fn each_filled(&self) -> Result<(), WriterDropped> {
        self.runs.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.handoffs.wait_until_ready().await?;
        match &self.namespaces {
            Some(namespaces) => namespaces.wait_until_ready().await,
            None => Ok(()),
        }
    }

    /// The pods of a run, by their names and its uid.
    pub(super) fn pods_of(&self, run: &TestRun) -> Vec<Arc<Pod>> {
        let (name, uid) = (run.name_any(), run.uid().unwrap_or_default());
        let namespace = run.namespace().unwrap_or_default();
        (1..=MOST_ATTEMPTS)
            .filter_map(|attempt| {
                let name = pod::name(&name, attempt);
                self.pods.get(&ObjectRef::new(&name).within(&namespace))
            })
            .filter(|pod| owner_uid(pod).is_some_and(|owner| owner == uid))
            .collect()
    }

    /// The run that a pod belongs to, if the cache has that very one.
    pub(super) fn run_of(&self, pod: &Pod) -> Option<Arc<TestRun>> {
        let run = self.runs.get(&run_ref(pod)?)?;
        (run.uid().as_deref() == owner_uid(pod)).then_some(run)
    }

    /// Everything is to be looked at: what vanished meanwhile is not told.
    pub(super) fn queue_all(&self, queues: &Queues) {
        for run in self.runs.state() {
            queues.run(ObjectRef::from_obj(run.as_ref()));
        }
        for pod in self.pods.state() {
            queues.pod(ObjectRef::from_obj(pod.as_ref()));
        }
        for handoff in self.handoffs.state() {
            queues.handoff(&handoff);
        }
    }

    /// The other runs of a namespace with the same concurrency key.
    pub(super) fn with_key(&self, run: &TestRun) -> Vec<Arc<TestRun>> {
        let Some(concurrency) = &run.spec.concurrency else { return Vec::new() };
        self.runs.state_filter(|other| {
            other.namespace() == run.namespace()
                && other.uid() != run.uid()
                && other.spec.concurrency.as_ref().is_some_and(|one| one.key == concurrency.key)
        })
    }
}

/// `backoffLimit` is at most 10.
const MOST_ATTEMPTS: u32 = 11;

/// Uid of the `TestRun` that owns the pod.
pub(super) fn owner_uid(pod: &Pod) -> Option<&str> {
    let owners = pod.metadata.owner_references.iter().flatten();
    owners
        .filter(|owner| owner.kind == "TestRun" && owner.controller == Some(true))
        .map(|owner| owner.uid.as_str())
        .next()
}

/// The run that the pod says it belongs to.
pub(super) fn run_ref(pod: &Pod) -> Option<ObjectRef<TestRun>> {
    let name = pod.labels().get(pod::RUN_LABEL)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

/// Keeps the copy of the runs, for as long as it is polled.
pub(super) async fn keep_runs(
    apis: Vec<Api<DeserializeGuard<TestRun>>>,
    writer: Writer<TestRun>,
    caches: Caches,
    queues: Queues,
    memory: Memory,
    metrics: Arc<Metrics>,
) {
    let slim = |run: &mut TestRun| {
        run.metadata.managed_fields = None;
        if let Some(plan) = run.spec.plan.replace(String::new()) {
            // What there is to know of it without it: how much room it takes in a contract.
            let size = serde_json::to_string(&plan).map_or(0, |text| text.len());
            run.annotations_mut().insert(PLAN_SIZE.to_owned(), size.to_string());
        } else {
            run.spec.plan = None;
        }
    };
    let handoffs_of = |run: &TestRun| caches.queue_handoffs_of(run, &queues);
    let hear = |event: Heard<'_, TestRun>| match event {
        Heard::Coming(run) => memory.meet(&run.uid().unwrap_or_default()),
        Heard::Changed(run) => {
            queues.run(ObjectRef::from_obj(run));
            handoffs_of(run);
            // Whoever waits for its key may be next.
            for other in caches.with_key(run) {
                queues.run(ObjectRef::from_obj(other.as_ref()));
            }
        }
        Heard::Gone(run) => {
            memory.forget(&run.uid().unwrap_or_default());
            handoffs_of(run);
            for other in caches.with_key(run) {
                queues.run(ObjectRef::from_obj(other.as_ref()));
            }
            for pod in caches.pods_of(run) {
                queues.pod(ObjectRef::from_obj(pod.as_ref()));
            }
        }
        Heard::All => caches.queue_all(&queues),
    };
    keep(apis, watcher::Config::default(), writer, slim, hear, &metrics).await;
}

/// Bytes that the run's plan takes in a contract; stands in cached runs only.
pub(super) const PLAN_SIZE: &str = "handback.dev/plan-size";

/// The deadline that a pod's agent was started with, in seconds; stands in cached pods only.
pub(super) const DEADLINE: &str = "handback.dev/active-deadline-seconds";

/// Keeps the copy of the run pods, for as long as it is polled.
pub(super) async fn keep_pods(
    apis: Vec<Api<DeserializeGuard<Pod>>>,
    writer: Writer<Pod>,
    caches: Caches,
    queues: Queues,
    memory: Memory,
    doors: Memory<Door>,
    metrics: Arc<Metrics>,
) {
    let slim = |pod: &mut Pod| {
        pod.metadata.managed_fields = None;
        if let Some(annotations) = &mut pod.metadata.annotations {
            // Of the contract, the deadline is all that decisions need.
            let contract = annotations.remove(places::CONTRACT_ANNOTATION);
            let contract = contract.and_then(|text| RunContract::decode(&text).ok());
            if let Some(contract) = contract {
                let deadline = contract.active_deadline_seconds.to_string();
                annotations.insert(DEADLINE.to_owned(), deadline);
            }
        }
        if let Some(spec) = &mut pod.spec {
            spec.containers = Vec::new();
            spec.volumes = None;
        }
    };
    let queue = |run: &TestRun| {
        queues.run(ObjectRef::from_obj(run));
        caches.queue_handoffs_of(run, &queues);
    };
    let hear = |event: Heard<'_, Pod>| match event {
        Heard::Coming(pod) => {
            let uid = pod.uid().unwrap_or_default();
            memory.meet(&uid);
            doors.meet(&uid);
        }
        Heard::Changed(pod) => match caches.run_of(pod) {
            Some(run) => queue(&run),
            None => queues.pod(ObjectRef::from_obj(pod)),
        },
        Heard::Gone(pod) => {
            let uid = pod.uid().unwrap_or_default();
            memory.forget(&uid);
            doors.forget(&uid);
            if let Some(run) = caches.run_of(pod) {
                queue(&run);
            }
        }
        Heard::All => caches.queue_all(&queues),
    };
    let config = watcher::Config::default()
        .labels(&format!("app.kubernetes.io/component=run,{}", pod::RUN_UID_LABEL));
    keep(apis, config, writer, slim, hear, &metrics).await;
}

/// Keeps the copy of the namespaces, for as long as it is polled.
pub(super) async fn keep_namespaces(
    api: Api<DeserializeGuard<Namespace>>,
    writer: Writer<Namespace>,
    metrics: Arc<Metrics>,
) {
    let slim = |namespace: &mut Namespace| namespace.metadata.managed_fields = None;
    keep(vec![api], watcher::Config::default(), writer, slim, |_| {}, &metrics).await;
}

enum Heard<'a, K> {
    /// It will be in the copy, or be otherwise there, in a moment.
    Coming(&'a K),
    Changed(&'a K),
    Gone(&'a K),
    /// A watch began anew.
    All,
}

async fn keep<K>(
    apis: Vec<Api<DeserializeGuard<K>>>,
    config: watcher::Config,
    mut writer: Writer<K>,
    mut slim: impl FnMut(&mut K),
    mut hear: impl FnMut(Heard<'_, K>),
    metrics: &Metrics,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default + Eq + Hash + Clone,
{
    let store = writer.as_reader();
    let mut several = Several::new(apis.len());
    // Empty in place of all of them, of which none may be missing.
    let names: Vec<String> =
        apis.iter().map(|api| api.namespace().unwrap_or_default().to_owned()).collect();
    let watches = apis.into_iter().enumerate().map(|(index, api)| {
        let events = watcher::watcher(api, config.clone()).default_backoff();
        events.map(move |event| (index, event)).boxed()
    });
    let mut events = stream::select_all(watches);
    while let Some((index, event)) = events.next().await {
        let told = match event {
            Ok(event) => {
                let Some(event) = readable(event, metrics) else { continue };
                let event = event.modify(&mut slim);
                let known = |known: &ObjectRef<K>| store.get(known).map(|object| K::clone(&object));
                let was_missing = several.is_missing(index);
                let told = several.take(index, event, known);
                if was_missing && !several.is_missing(index) {
                    let namespace = names.get(index);
                    tracing::info!(kind = kind::<K>(), namespace, "the namespace is watched now");
                }
                told
            }
            Err(error) => {
                metrics.reconcile_error("watch");
                let namespace = names.get(index).filter(|name| !name.is_empty());
                let error_text = &error as &dyn std::error::Error;
                match namespace {
                    Some(namespace) if refused(&error) => {
                        let (news, told) = several.missing(index);
                        if !news && !several.is_missing(index) {
                            tracing::warn!(
                                kind = kind::<K>(),
                                namespace,
                                error = error_text,
                                "a namespace that was watched is refused"
                            );
                        }
                        if news {
                            tracing::error!(
                                kind = kind::<K>(),
                                namespace,
                                error = error_text,
                                "a watched namespace does not exist, or this operator has no Role \
                                 in it; it counts as empty until it can be listed: make both, or \
                                 take it out of watchNamespaces"
                            );
                        }
                        told
                    }
                    Some(_) | None => {
                        tracing::warn!(
                            kind = kind::<K>(),
                            namespace,
                            error = error_text,
                            "watch interrupted"
                        );
                        continue;
                    }
                }
            }
        };
        for event in told {
            if let Event::Apply(object) | Event::InitApply(object) = &event {
                hear(Heard::Coming(object));
            }
            writer.apply_watcher_event(&event);
            match &event {
                Event::Apply(object) => hear(Heard::Changed(object)),
                Event::Delete(object) => hear(Heard::Gone(object)),
                // A list counts as a whole, at its end.
                Event::Init | Event::InitApply(_) => {}
                Event::InitDone => hear(Heard::All),
            }
        }
    }
}

fn kind<K: Resource<DynamicType: Default>>() -> String {
    K::kind(&K::DynamicType::default()).into_owned()
}

/// The list was refused: it is not there, or not for us.
fn refused(error: &watcher::Error) -> bool {
    let watcher::Error::InitialListFailed(error) = error else { return false };
    matches!(code(error), Some(403 | 404))
}

/// Leaves out what cannot be read.
fn readable<K: Resource>(event: Event<DeserializeGuard<K>>, metrics: &Metrics) -> Option<Event<K>> {
    let read = |DeserializeGuard(object): DeserializeGuard<K>| match object {
        Ok(object) => Some(object),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            tracing::error!(
                name,
                error = invalid.error,
                "an object cannot be read; it is left alone"
            );
            metrics.reconcile_error("malformed");
            None
        }
    };
    Some(match event {
        Event::Apply(object) => Event::Apply(read(object)?),
        Event::Delete(object) => Event::Delete(read(object)?),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(read(object)?),
        Event::InitDone => Event::InitDone,
    })
}
