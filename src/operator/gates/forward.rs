//! The way to a gate in a cluster: a port-forward through the API server and the node's kubelet.

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::Portforwarder};

use super::stream::{Forward, Line};
use crate::{
    operator::{
        error::code,
        outside::{GateAt, Later, Unreachable},
    },
    pod::contract::places::GATE_PORT,
    telemetry::chain,
};

/// See the module.
#[derive(Clone)]
pub struct PortForward(Client);

impl PortForward {
    /// Through this client's API server.
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl std::fmt::Debug for PortForward {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PortForward").finish_non_exhaustive()
    }
}

impl Forward for PortForward {
    fn open<'a>(&'a self, gate: &'a GateAt) -> Later<'a, Result<Line, Unreachable>> {
        Box::pin(async move {
            let pods: Api<Pod> = Api::namespaced(self.0.clone(), &gate.namespace);
            let opened = pods.portforward(&gate.pod, &[GATE_PORT]).await;
            let mut forwarder = opened.map_err(|error| refused(&error, gate))?;
            let trouble = forwarder.take_error(GATE_PORT);
            let Some(wire) = forwarder.take_stream(GATE_PORT) else {
                return Err(Unreachable("the port-forward has no stream".to_owned()));
            };
            let trouble: Later<'static, Option<String>> = match trouble {
                Some(trouble) => Box::pin(trouble),
                None => Box::pin(async { None }),
            };
            Ok(Line { wire: Box::new(wire), trouble, held: Box::new(Held(forwarder)) })
        })
    }
}

/// A port-forward that ends with its line: by itself it would go on in its own task.
struct Held(Portforwarder);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there is no port-forward, and what to do.
fn refused(error: &kube::Error, gate: &GateAt) -> Unreachable {
    Unreachable(match code(error) {
        Some(401 | 403) => format!(
            "the API server does not let the operator forward ports in namespace {}: its role needs \
             `create` and `get` on pods/portforward ({})",
            gate.namespace,
            chain(error)
        ),
        Some(404) => format!("there is no pod {}", gate.pod),
        Some(_) | None => format!("no port-forward to pod {}: {}", gate.pod, chain(error)),
    })
}
