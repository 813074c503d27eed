//! The runner's own requests: the tool `http_request` and the predicate `http_status` (agent.md 4.3,
//! 8.2).
//!
//! # Guarantees
//! - Only the run URL's host is asked, and hosts that the plan or `--allow-host` names. The policy
//!   judges the name and every address, of each redirect again, and the judged addresses are those that
//!   are used.
//! - No cookie of the browser, no proxy, and no repetition by itself.
//! - A secret leaves only for an origin that may have it.
//! - It has bounds in time, size and redirects. A cancelled one ends at once, its connection too.

mod answer;
mod message;
mod send;
mod status;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use tokio::time::{Duration, Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use message::harmless;

use self::{answer::Answer, message::Message};
use crate::{
    page::{
        Text,
        predicate::Method,
        tool::{Code, Done, Failed},
    },
    policy::{Blocked, Policy},
};

/// A request with its redirects and its body: longer than any API should take, and far below the
/// ceiling of a tool.
const LIMIT: Duration = Duration::from_secs(30);

/// What is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// As `navigate` has it: absolute, or relative to the run URL.
    pub url: Text,
    /// Names and values.
    pub headers: Vec<(String, Text)>,
    /// JSON unless a header says otherwise.
    pub body: Option<Text>,
}

/// Who sends requests for a run.
#[derive(Clone, Debug)]
pub struct Requester {
    run_url: Url,
    /// Hosts that may be asked without anybody having allowed it.
    named: BTreeSet<String>,
    policy: Arc<Policy>,
    insecure_tls: bool,
}

impl Requester {
    /// For a run of a plan that names `hosts`, with or without a port.
    pub fn new(run_url: &Url, hosts: &[String], policy: Arc<Policy>, insecure_tls: bool) -> Self {
        let parsed = hosts.iter().filter_map(|host| Url::parse(&format!("http://{host}")).ok());
        let named = parsed.chain([run_url.clone()]).filter_map(|url| Some(plain(url.host_str()?)));
        Self { run_url: run_url.clone(), named: named.collect(), policy, insecure_tls }
    }

    /// Sends a request; whatever status it is answered with is a success. The answer's text comes from
    /// outside: the caller marks it so.
    ///
    /// # Errors
    /// `invalid_argument`, `blocked_by_policy`; `request_failed` if there is no answer; `cancelled`.
    pub async fn request(
        &self,
        request: &Request,
        cancel: &CancellationToken,
    ) -> Result<Done, Failed> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failed::new(Code::Cancelled, "the run is ending")),
            done = self.send(request) => done.map_err(|failed| *failed),
        }
    }

    async fn send(&self, request: &Request) -> Result<Done, Box<Failed>> {
        let began = Instant::now();
        let end = began + LIMIT;
        let first = Message::first(request, &self.run_url)?;
        let host = first.host().to_owned();
        let exchanged = timeout_at(end, self.exchange(first, true)).await;
        let exchanged = exchanged.unwrap_or_else(|_| Err(late(&host, "did not answer").into()))?;
        let content_type = exchanged.content_type();
        let (status, redirects, url) = (exchanged.status, exchanged.redirects, exchanged.url);
        let read = timeout_at(end, send::read(exchanged.response)).await;
        let body = read.unwrap_or_else(|_| {
            Err(late(&host, &format!("answered with status {status}, but without an end of it,"))
                .into())
        })?;
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Answer { status, content_type, body, ms, redirects, url }.done())
    }

    /// Whether this address may be asked, as far as its name tells.
    fn permit(&self, url: &Url) -> Result<(), Box<Failed>> {
        let host = url.host_str().unwrap_or_default();
        // A host that is forbidden to everybody is refused by that rule, whoever names it.
        self.policy.host(host).map_err(|blocked| forbidden(&blocked))?;
        if self.named.contains(&plain(host)) || self.policy.opens(host) {
            return Ok(());
        }
        let message = format!(
            "{host} is not asked: requests go to the host under test and to hosts that the plan or --allow-host names"
        );
        let data = json!({"rule": "only hosts that the plan names", "host": host});
        Err(Failed::new(Code::BlockedByPolicy, message).with(data).into())
    }
}

/// A host as hosts are compared.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn forbidden(blocked: &Blocked) -> Failed {
    let data = json!({"rule": blocked.rule, "host": blocked.host});
    Failed::new(Code::BlockedByPolicy, blocked.to_string()).with(data)
}

/// There is no HTTP response, for this cause.
fn failed(cause: impl Into<String>) -> Failed {
    let cause = cause.into();
    Failed::new(Code::RequestFailed, cause.clone()).with(json!({"cause": cause}))
}

fn late(host: &str, what: &str) -> Failed {
    failed(format!("{host} {what} within {} s", LIMIT.as_secs()))
}
