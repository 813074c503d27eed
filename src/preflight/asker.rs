//! One target that was looked up and judged, and requests to it.

use std::net::SocketAddr;

use reqwest::{Client, Method, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    LIMIT, Manner, Unreached,
    cause::{Cause, root},
    judged::{Judged, Unjudged},
};

/// A target whose name and addresses may be asked. All its requests have one deadline.
pub(super) struct Asker<'a> {
    url: &'a Url,
    /// As people know it.
    pub(super) host: String,
    port: u16,
    /// The first of those that may be used.
    first: Option<SocketAddr>,
    client: Client,
    began: Instant,
}

/// No answer.
pub(super) enum Unsent {
    /// There was a connection, which ended without one: another method may have more luck.
    HungUp(Unreached),
    /// No other method would help.
    For(Unreached),
}

impl Unsent {
    /// Why.
    pub(super) fn into_inner(self) -> Unreached {
        match self {
            Self::HungUp(why) | Self::For(why) => why,
        }
    }
}

impl<'a> Asker<'a> {
    /// Looks the target up and judges it. Nothing is sent to it.
    pub(super) async fn new(url: &'a Url, manner: Manner<'_>) -> Result<Self, Unreached> {
        let began = Instant::now();
        let failed =
            |cause: String| Unreached::Failed { cause, hint: "", address: None, ms: since(began) };
        let Some(host) = url.host() else {
            return Err(failed("The URL has no host.".to_owned()));
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let looked_up = Judged::look_up(&host, port, manner.policy, manner.namespace);
        let judged = match timeout_at(began + LIMIT, looked_up).await {
            Ok(Ok(judged)) => judged,
            Ok(Err(Unjudged::Blocked(blocked))) => return Err(Unreached::Blocked(blocked)),
            Ok(Err(other @ (Unjudged::Nowhere { .. } | Unjudged::Unknown { .. }))) => {
                return Err(failed(other.to_string()));
            }
            Err(_) => return Err(failed(format!("Resolving {host} took more than 8 s."))),
        };
        let client =
            judged.client().tls_danger_accept_invalid_certs(manner.insecure_tls).build().map_err(
                |error| failed(format!("The HTTP client cannot be made: {}.", root(&error))),
            )?;
        let first = judged.addresses.first().copied();
        Ok(Self { url, host: judged.host, port, first, client, began })
    }

    /// Sends a request, and waits for the head of its answer.
    pub(super) async fn send(&self, method: Method) -> Result<Response, Unsent> {
        let sent = self.client.request(method, self.url.clone()).send();
        match timeout_at(self.began + LIMIT, sent).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_connect() => Err(Unsent::For(self.explain(&error))),
            Ok(Err(error)) => Err(Unsent::HungUp(self.explain(&error))),
            Err(_) => Err(Unsent::For(self.late())),
        }
    }

    /// The body of an answer, unless it is larger than that.
    pub(super) async fn read(
        &self,
        mut answer: Response,
        most: usize,
    ) -> Result<Option<Vec<u8>>, Unreached> {
        let mut body = Vec::new();
        loop {
            match timeout_at(self.began + LIMIT, answer.chunk()).await {
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() > most => return Ok(None),
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(Some(body)),
                Ok(Err(error)) => return Err(self.explain(&error)),
                Err(_) => return Err(self.late()),
            }
        }
    }

    /// Which address gave this answer.
    pub(super) fn address(&self, answer: &Response) -> SocketAddr {
        answer.remote_addr().or(self.first).unwrap_or_else(|| ([0, 0, 0, 0], self.port).into())
    }

    /// Milliseconds so far.
    pub(super) fn ms(&self) -> u64 {
        since(self.began)
    }

    /// It failed, for this cause.
    pub(super) fn failed(&self, cause: String) -> Unreached {
        Unreached::Failed { cause, hint: "", address: self.first, ms: self.ms() }
    }

    fn hinted(&self, cause: String, hint: &'static str) -> Unreached {
        Unreached::Failed { cause, hint, address: self.first, ms: self.ms() }
    }

    fn late(&self) -> Unreached {
        let (host, port) = (&self.host, self.port);
        let cause = format!(
            "{host} accepts connections on port {port} but did not answer within 8 s: it hangs, is still starting, or something in between swallows the request."
        );
        self.hinted(cause, "If it is starting, try --wait-ready.")
    }

    /// What a person should know about a request that failed.
    fn explain(&self, error: &reqwest::Error) -> Unreached {
        let Cause { sentence, hint } = Cause::of(error, &self.host, self.port);
        self.hinted(sentence, hint)
    }
}

fn since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
