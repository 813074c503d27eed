//! Is the target there? One request by ourselves before a browser starts (agent.md 9.2): by the agent
//! right before its run, by the operator while it waits for a deployment.
//!
//! # Guarantees
//! - The name and every address it resolves to are judged by the policy, and the addresses that were
//!   judged are the ones that are used.
//! - Redirects are not followed: any answer means reachable.
//! - What is read of an answer has a bound, in time and in size.

mod asker;
pub mod cause;
pub mod judged;

use std::{net::SocketAddr, time::Duration};

use reqwest::{Method, header::HeaderMap};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::asker::{Asker, Unsent};
use crate::policy::{Blocked, Policy};

/// Both attempts together.
const LIMIT: Duration = Duration::from_secs(8);
/// Between two tries while waiting for the target to come up.
const PAUSE: Duration = Duration::from_secs(1);

/// How a target is asked.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// What may be asked at all.
    pub policy: &'a Policy,
    /// Any certificate will do.
    pub insecure_tls: bool,
    /// The Kubernetes namespace in which names of a single label are looked up, where who asks is in
    /// another one than who will open the address.
    pub namespace: Option<&'a str>,
}

/// The target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `HEAD`, or `GET` if that was not to be had.
    pub method: &'static str,
    /// Any status will do; from 400 on it is worth a warning.
    pub status: u16,
    /// Milliseconds until the answer.
    pub ms: u64,
    /// The address that was used.
    pub address: SocketAddr,
    /// Headers of the answer.
    pub headers: HeaderMap,
}

/// An answer to `GET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `None` if that is larger than was wanted.
    pub body: Option<Vec<u8>>,
}

/// The target did not answer, or may not be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unreached {
    /// The policy forbids the host or its address. Nothing was sent.
    #[error("{0}")]
    Blocked(Blocked),
    /// Anything else, in a sentence.
    #[error("{cause}")]
    Failed {
        /// What happened, to whom, and what to do there.
        cause: String,
        /// An option of the command line that may help, in a sentence; or nothing.
        hint: &'static str,
        /// The address, if it got that far.
        address: Option<SocketAddr>,
        /// Milliseconds spent.
        ms: u64,
    },
    /// The run was cancelled meanwhile.
    #[error("cancelled")]
    Cancelled,
}

/// Asks once, or again every second until `wait` has passed.
///
/// # Errors
/// With the cause of the last failure.
pub async fn reach(
    url: &Url,
    manner: Manner<'_>,
    wait: Option<Duration>,
    cancel: &CancellationToken,
) -> Result<Reached, Unreached> {
    let until = wait.map(|wait| Instant::now() + wait);
    loop {
        let outcome = tokio::select! {
            outcome = once(url, manner) => outcome,
            () = cancel.cancelled() => return Err(Unreached::Cancelled),
        };
        let again = matches!(outcome, Err(Unreached::Failed { .. }))
            && until.is_some_and(|until| Instant::now() + PAUSE < until);
        if !again {
            return outcome;
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = cancel.cancelled() => return Err(Unreached::Cancelled),
        }
    }
}

/// Asks once: `HEAD`, and `GET` of whoever knows no `HEAD`.
///
/// # Errors
/// If neither is answered within eight seconds.
pub async fn once(url: &Url, manner: Manner<'_>) -> Result<Reached, Unreached> {
    let asker = Asker::new(url, manner).await?;
    for (method, name) in [(Method::HEAD, "HEAD"), (Method::GET, "GET")] {
        match asker.send(method).await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                if name == "HEAD" && matches!(status, 405 | 501) {
                    continue;
                }
                let address = asker.address(&answer);
                let headers = answer.headers().clone();
                return Ok(Reached { method: name, status, ms: asker.ms(), address, headers });
            }
            Err(Unsent::HungUp(_)) if name == "HEAD" => {}
            Err(Unsent::HungUp(why) | Unsent::For(why)) => return Err(why),
        }
    }
    Err(asker.failed(format!("{} closed the connection without an answer.", asker.host)))
}

/// Gets this once, and at most `most` bytes of it.
///
/// # Errors
/// If it is not answered within eight seconds.
pub async fn fetch(url: &Url, manner: Manner<'_>, most: usize) -> Result<Fetched, Unreached> {
    let asker = Asker::new(url, manner).await?;
    let answer = asker.send(Method::GET).await.map_err(Unsent::into_inner)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = asker.read(answer, most).await?;
    Ok(Fetched { status, headers, body })
}

#[cfg(test)]
mod tests;
