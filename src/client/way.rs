//! The way to a run's gate: a stream through the API server's port-forward, and HTTP on it.
//!
//! Each connection is a forward of its own, as port-forward wants it. One that breaks is not mended
//! but replaced by whoever needs it next.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};

use super::{
    Error,
    cluster::{Asked, Cluster},
    error::status,
};
use crate::pod::contract::places::GATE_PORT;

const FORWARD: Asked = Asked {
    doing: "opening a port-forward to the run's pod",
    right: "get and create pods/portforward",
    ask: "The ClusterRole handback-viewer has this right.",
    kind: "pods",
};

/// What requests are made of.
pub(super) type Payload = BoxBody<Bytes, hyper::Error>;

/// A body that is there already.
pub(super) fn payload(bytes: impl Into<Bytes>) -> Payload {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

impl Cluster {
    /// A new connection to the gate of this pod.
    pub(super) async fn way(
        &self,
        pod: &str,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, Error> {
        let forward = self.api::<Pod>().portforward(pod, &[GATE_PORT]).await;
        let mut forward = forward.map_err(|error| match status(&error) {
            Some((404, _)) => Error::NoPod { pod: pod.to_owned() },
            _ => self.problem(FORWARD, &error),
        })?;
        forward.take_stream(GATE_PORT).ok_or_else(|| Error::Unreachable {
            doing: FORWARD.doing,
            why: "there is no stream for the port".to_owned(),
        })
    }
}

/// One HTTP connection to a gate.
pub(super) struct Line {
    sender: SendRequest<Payload>,
    /// Moves the bytes for as long as the line is held.
    driver: JoinSet<()>,
}

impl Line {
    /// Connects.
    pub(super) async fn open(cluster: &Cluster, pod: &str) -> Result<Self, Error> {
        let stream = TokioIo::new(cluster.way(pod).await?);
        let (sender, connection) = handshake(stream).await.map_err(|error| broken(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the gate ended");
            }
        });
        Ok(Self { sender, driver })
    }

    /// Whether another request may be sent.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends one request; gives the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Payload>,
    ) -> Result<Response<Incoming>, Error> {
        // After an answer the connection takes a moment until it takes the next request.
        self.sender.ready().await.map_err(|error| broken(&error))?;
        self.sender.send_request(request).await.map_err(|error| broken(&error))
    }

    /// The connection goes on without this handle for as long as its owner lives: it was upgraded.
    pub(super) fn into_driver(self) -> JoinSet<()> {
        self.driver
    }
}

/// The connection broke.
pub(super) fn broken(error: &hyper::Error) -> Error {
    let why = crate::telemetry::chain(error);
    Error::Unreachable { doing: "talking to the run's gate", why }
}
