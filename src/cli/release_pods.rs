//! `handback release-pods`: what the chart does last when it is uninstalled.
//!
//! Run pods carry a finalizer that only an operator removes. Without one, a pod that is deleted would
//! be `Terminating` for ever. The pods themselves run on: whoever has taken a browser over keeps it.

use std::io::{stderr, stdout};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    cli::{on_runtime, say},
    pod::{FINALIZER, RUN_UID_LABEL, contract::Exit},
    telemetry::chain,
};

/// How many pods are read at once: a few megabytes.
const PAGE: u32 = 200;
/// How often a pod is read again that somebody else changed meanwhile, as its kubelet does.
const TRIES: u32 = 10;

/// Options of `handback release-pods`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the run pods of this namespace; may be repeated
    #[arg(long = "namespace", short = 'n', value_name = "NAME")]
    pub namespaces: Vec<String>,
}

/// Why not all of them were released.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or could not be reached.
    #[error("{doing} {what}")]
    Api {
        /// What was being done.
        doing: &'static str,
        /// To which object.
        what: String,
        /// Its answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// A pod was never twice the same.
    #[error("pod {0} was changed by somebody else each time; try it again")]
    Busy(String),
}

/// Releases them in the cluster that the environment names.
pub(crate) fn main(args: &Args) -> Exit {
    on_runtime(async |_| {
        let outcome = match Client::try_default().await {
            Ok(client) => release(&client, &args.namespaces).await.map_err(|error| chain(&error)),
            Err(error) => Err(format!("no cluster: {}", chain(&error))),
        };
        match outcome {
            Ok(count) => {
                say(&mut stdout(), &format!("{count} run pods released; they run on\n"));
                Exit::Passed
            }
            Err(problem) => {
                say(&mut stderr(), &format!("error: {problem}\n"));
                Exit::Errored
            }
        }
    })
}

/// Removes the finalizer from all run pods of these namespaces, or of all if none is named. How many
/// had it.
///
/// # Errors
/// At the first pod that could not be released; those before it are. It may be repeated.
pub async fn release(client: &Client, namespaces: &[String]) -> Result<u32, Error> {
    if namespaces.is_empty() {
        return release_all(client, &Api::all(client.clone())).await;
    }
    let mut count = 0;
    for namespace in namespaces {
        count += release_all(client, &Api::namespaced(client.clone(), namespace)).await?;
    }
    Ok(count)
}

async fn release_all(client: &Client, pods: &Api<Pod>) -> Result<u32, Error> {
    let mut count = 0;
    let mut page = ListParams::default().labels(RUN_UID_LABEL).limit(PAGE);
    loop {
        let found = pods.list(&page).await.map_err(api("listing", "run pods"))?;
        let next = found.metadata.continue_.clone().filter(|token| !token.is_empty());
        for pod in found {
            count += u32::from(release_one(client, pod).await?);
        }
        let Some(next) = next else { return Ok(count) };
        page = page.continue_token(&next);
    }
}

/// Whether the pod had the finalizer.
async fn release_one(client: &Client, mut pod: Pod) -> Result<bool, Error> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let named = format!("pod {namespace}/{name}");
    for _ in 0..TRIES {
        let Some(operations) = operations(&pod) else { return Ok(false) };
        // What is made here is a patch; anything else is refused by the server all the same.
        let patch = serde_json::from_value(operations).unwrap_or_default();
        match pods.patch(&name, &PatchParams::default(), &Patch::<()>::Json(patch)).await {
            Ok(_) => return Ok(true),
            Err(error) => match code(&error) {
                Some(404) => return Ok(false),
                // A test failed: it is another pod, or its finalizers are others now.
                Some(409 | 422) => {}
                _ => return Err(api("releasing", &named)(error)),
            },
        }
        match pods.get_opt(&name).await.map_err(api("reading", &named))? {
            Some(now) => pod = now,
            None => return Ok(false),
        }
    }
    Err(Error::Busy(format!("{namespace}/{name}")))
}

/// Takes the finalizer from where it stands, if it stands there; `None` without it.
fn operations(pod: &Pod) -> Option<Value> {
    let index = pod.finalizers().iter().position(|one| one == FINALIZER)?;
    let path = format!("/metadata/finalizers/{index}");
    Some(json!([
        {"op": "test", "path": path, "value": FINALIZER},
        {"op": "remove", "path": path},
    ]))
}

fn api(doing: &'static str, what: &str) -> impl FnOnce(kube::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Api { doing, what, source: Box::new(source) }
}

/// The API server's own code; `None` if it gave no answer.
fn code(error: &kube::Error) -> Option<u16> {
    if let kube::Error::Api(status) = error { Some(status.code) } else { None }
}
