//! Asks a provider, again where that may help.
//!
//! # Guarantees
//! - Redirects are not followed, and the HTTP client repeats nothing by itself.
//! - A cancellation drops the connection at once, also in mid-wait.
//! - Nothing at all for [`Patience::silence`] is a failed attempt, before the first byte or after it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    Progress,
    choice::Choice,
    error::{BadModel, ModelError},
    failure::{Failed, Fate, Rejection},
    key::Key,
    known::Known,
    reply::{Broken, Ended, Event, Reply, Stop},
    request::Request,
    retry::Patience,
    wire::{Parser, Wire},
};
use crate::{
    redact::{Redactor, Registered},
    secret::Secret,
    telemetry::chain,
};

/// Largest request in bytes that Anthropic takes; compatible servers have lower limits of their own.
const LARGEST: usize = 32 * 1000 * 1000;
/// Most of an error's body that is read.
const ERROR_BODY: usize = 64 * 1024;

/// A model behind a connection.
#[derive(Debug)]
pub(super) struct Live {
    wire: Wire,
    name: String,
    known: Known,
    endpoint: Url,
    key: Key,
    client: Client,
    patience: Patience,
}

/// What whoever asked is told meanwhile.
pub(super) type Tell<'t> = &'t mut (dyn FnMut(Progress) + Send);

impl Live {
    /// Nothing is sent yet.
    pub(super) async fn new(
        choice: &Choice,
        known: Known,
        patience: Patience,
    ) -> Result<Self, BadModel> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .user_agent(concat!("handback/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| BadModel::Client(chain(&error)))?;
        Ok(Self {
            wire: choice.wire,
            name: choice.name.clone(),
            known,
            endpoint: choice.wire.endpoint(&choice.base),
            key: Key::new(choice.credentials.clone()).await?,
            client,
            patience,
        })
    }

    /// One turn, with as many attempts as it takes and may have.
    pub(super) async fn turn(
        &self,
        request: &Request,
        cancel: &CancellationToken,
        tell: Tell<'_>,
    ) -> Result<Reply, ModelError> {
        let body = self.wire.body(&self.endpoint, &self.name, &self.known, request);
        let body = Bytes::from(body.to_string());
        if body.len() > LARGEST {
            let sizes = format!("{} bytes, the most is {LARGEST}", body.len());
            return Err(ModelError::Overflow(sizes));
        }
        // More than 80 % of the window.
        let nearly_full =
            request.estimate().saturating_mul(5) > self.known.window.saturating_mul(4);
        let (mut attempts, mut waited, mut rotated) = (0, Duration::ZERO, false);
        loop {
            let key = self.key.now().await;
            let mut parser = Parser::new(self.wire);
            attempts += 1;
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                outcome = self.attempt(&body, key.as_ref(), &mut parser, tell) => Some(outcome),
            };
            tell(Progress::Spent(parser.usage()));
            let outcome = match outcome {
                None => return Err(ModelError::Cancelled),
                Some(outcome) => outcome.and_then(|()| whole(parser)),
            };
            let failed = match outcome {
                Ok(ended) => {
                    return Ok(finished(ended.judged(request.conversation.context()), tell));
                }
                Err(failed) => failed,
            };
            let told = redacted(&failed, key.as_ref());
            let (status, wait) = match failed.fate(self.wire, nearly_full) {
                Fate::Auth(401) if !rotated && self.key.another(key.as_ref()).await => {
                    rotated = true;
                    (Some(401), Some(Duration::ZERO))
                }
                Fate::Auth(status) => return Err(ModelError::Auth { status, message: told }),
                Fate::Overflow => return Err(ModelError::Overflow(told)),
                Fate::Never => (None, None),
                Fate::Later { status, after } => {
                    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
                    (status, self.patience.wait(attempts, waited, after, random))
                }
            };
            let Some(wait) = wait else {
                return Err(ModelError::Unavailable { attempts, last: told });
            };
            tracing::debug!(attempts, ?status, ?wait, failed = %told, "asking the model again");
            tell(Progress::Again { attempt: attempts + 1, status, wait });
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(ModelError::Cancelled),
                () = sleep(wait) => {}
            }
            waited += wait;
        }
    }

    /// Sends the request and reads the reply into `parser` until it has ended.
    async fn attempt(
        &self,
        body: &Bytes,
        key: Option<&Secret<String>>,
        parser: &mut Parser,
        tell: Tell<'_>,
    ) -> Result<(), Failed> {
        let silence = self.patience.silence;
        let request = self.client.post(self.endpoint.clone()).headers(self.headers(key));
        let sent = timeout(silence, request.body(body.clone()).send()).await;
        let mut answer = sent.map_err(|_| Failed::Silent(silence))?.map_err(lost)?;
        if !answer.status().is_success() {
            return Err(rejection(answer, silence).await);
        }
        while !parser.ended() {
            let chunk = timeout(silence, answer.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| Failed::Silent(silence))?.map_err(lost)? else {
                return Ok(());
            };
            for event in parser.feed(&chunk).map_err(Failed::Broken)? {
                tell(Progress::Said(event));
            }
        }
        Ok(())
    }

    fn headers(&self, key: Option<&Secret<String>>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.wire.headers(key) {
            // Keys were looked at before; the other values are ours.
            if let Ok(mut value) = HeaderValue::from_str(&value) {
                value.set_sensitive(true);
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }
}

/// The reply, unless the stream ended before it did.
fn whole(parser: Parser) -> Result<Ended, Failed> {
    let ended = parser.end().map_err(Failed::Broken)?;
    if ended.stop == Stop::Window { Err(Failed::Window) } else { Ok(ended) }
}

/// Tells what is known only at the end.
pub(super) fn finished(reply: Reply, tell: Tell<'_>) -> Reply {
    for call in reply.calls() {
        tell(Progress::Said(Event::Call(call.clone())));
    }
    tell(Progress::Said(Event::Usage(reply.usage)));
    tell(Progress::Said(Event::Stop(reply.stop.clone())));
    reply
}

/// What happened, for people and logs: some providers repeat the key that they refuse.
fn redacted(failed: &Failed, key: Option<&Secret<String>>) -> String {
    let key = key.map(|key| Registered { value: key.clone(), placeholder: None });
    Redactor::new(key.into_iter().collect()).line(&failed.to_string())
}

fn lost(error: reqwest::Error) -> Failed {
    let error = error.without_url();
    // A body that ends early is a reply that broke off; everything else happened to the connection.
    if error.is_body() || error.is_decode() {
        return Failed::Broken(Broken::Cut);
    }
    Failed::Connection(chain(&error))
}

async fn rejection(mut answer: Response, silence: Duration) -> Failed {
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    // The status decides; a body that does not come to its end says what it can.
    while let Ok(Ok(Some(chunk))) = timeout(silence, answer.chunk()).await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BODY {
            body.truncate(ERROR_BODY);
            break;
        }
    }
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    Failed::Rejected(Rejection::read(status, header, &body))
}
