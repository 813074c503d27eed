//! Which cluster and which namespace: as kubectl finds them.

use std::path::PathBuf;

use kube::{
    Api, Client, Config, Resource,
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
};

use super::{Error, error::status};
use crate::telemetry::chain;

/// What a person typed.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// A kubeconfig in place of `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it in place of the current one.
    pub context: Option<String>,
    /// A namespace in place of the context's.
    pub namespace: Option<String>,
}

/// A cluster and a namespace in it.
#[derive(Clone)]
pub struct Cluster {
    /// With the person's own rights.
    pub client: Client,
    /// Where objects are looked for and made.
    pub namespace: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Finds the cluster. Nothing is asked of it yet.
    pub async fn find(place: &Place) -> Result<Self, Error> {
        let Place { kubeconfig, context, namespace } = place;
        let options =
            KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
        let config = match kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|error| no_cluster(&error))?;
                Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|error| no_cluster(&error))?
            }
            None if context.is_some() => {
                Config::from_kubeconfig(&options).await.map_err(|error| no_cluster(&error))?
            }
            // In a pod, its service account.
            None => Config::infer().await.map_err(|error| no_cluster(&error))?,
        };
        let namespace = namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| no_cluster(&error))?;
        Ok(Self { client, namespace })
    }

    /// Objects of this namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What an answer means that is no success.
    pub(super) fn problem(&self, asked: Asked, error: &kube::Error) -> Error {
        let Asked { doing, right, ask, kind } = asked;
        match status(error) {
            Some((403, message)) => Error::Forbidden {
                right,
                namespace: self.namespace.clone(),
                message: message.to_owned(),
                ask,
            },
            // Of the path, not of an object: those are met where the name is known.
            Some((404, _)) => Error::NoKind { kind },
            // It is there, but not now: as good as out of reach.
            Some((429 | 500..=599, message)) => {
                Error::Unreachable { doing, why: message.trim_end_matches('.').to_owned() }
            }
            Some((_, message)) => Error::Refused { doing, message: message.to_owned() },
            None => {
                // The outer words say no more than that it was a request.
                let why = if let kube::Error::Service(inner) = error {
                    chain(&**inner)
                } else {
                    chain(error)
                };
                Error::Unreachable { doing, why: why.trim_end_matches('.').to_owned() }
            }
        }
    }
}

fn no_cluster(error: &dyn std::error::Error) -> Error {
    let why = chain(error);
    Error::Config { why: why.trim_end_matches('.').to_owned() }
}

/// A request, as far as its failure has to be explained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Reads after "while" and after "refused".
    pub(super) doing: &'static str,
    /// Verb and resource.
    pub(super) right: &'static str,
    /// Who has that right.
    pub(super) ask: &'static str,
    /// In the plural.
    pub(super) kind: &'static str,
}
