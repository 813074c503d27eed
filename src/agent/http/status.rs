//! The predicate `http_status`: what an address answers, asked until it is what was hoped for.

use tokio::time::{Duration, Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Request, Requester, message::Message};
use crate::{
    agent::describe,
    page::{
        Text,
        predicate::{Finding, Method, Statuses},
        tool::{Code, Failed},
    },
};

/// Between two tries: an application that is about to answer otherwise does so within seconds.
const PAUSE: Duration = Duration::from_millis(500);

impl Requester {
    /// Whether an address answers with one of these statuses: asked until it does, at most for
    /// `within`. What changes something is sent once: a check must not do a thing twice.
    pub async fn status(
        &self,
        method: Method,
        url: &Text,
        wanted: Statuses,
        within: Duration,
        cancel: &CancellationToken,
    ) -> Finding {
        let end = Instant::now() + within;
        let request = Request { method, url: url.clone(), headers: Vec::new(), body: None };
        let (asked, _) = describe::http(&request);
        let mut last = None;
        loop {
            let answer = tokio::select! {
                biased;
                () = cancel.cancelled() => return not(format!("{asked}: the run is ending")),
                answer = timeout_at(end, self.head(&request, wanted)) => answer,
            };
            let again = match answer {
                Ok(Ok(status)) => {
                    let detail = format!("{asked} is answered with status {status}");
                    let outcome = wanted.holds(status);
                    if outcome {
                        return Finding { outcome, detail };
                    }
                    last = Some(detail);
                    true
                }
                Ok(Err(failed)) => {
                    let again = failed.code == Code::RequestFailed;
                    last = Some(format!("{asked} could not be asked: {}", failed.message));
                    again
                }
                Err(_) => {
                    let late = || format!("{asked} was not answered in {} s", within.as_secs());
                    return not(last.unwrap_or_else(late));
                }
            };
            let wake = Instant::now() + PAUSE;
            if !again || !method.only_reads() || wake >= end {
                return not(last.unwrap_or_default());
            }
            tokio::select! {
                () = cancel.cancelled() => return not(format!("{asked}: the run is ending")),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// The status of an answer. Redirects are followed unless their own status is what is asked for.
    async fn head(&self, request: &Request, wanted: Statuses) -> Result<u16, Box<Failed>> {
        let message = Message::first(request, &self.run_url)?;
        Ok(self.exchange(message, !wanted.are_redirects()).await?.status)
    }
}

fn not(detail: String) -> Finding {
    Finding { outcome: false, detail }
}
