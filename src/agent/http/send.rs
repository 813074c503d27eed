//! Requests on their way: each hop is judged, and sent to the addresses that were.

use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use url::Url;

use super::{Requester, answer::Body, failed, forbidden, message::Message};
use crate::{
    page::{
        Text,
        predicate::Method,
        tool::{Code, Failed},
    },
    preflight::{
        cause::{Cause, root},
        judged::{Judged, Unjudged},
    },
};

/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// What is read of a body.
const READ: usize = 1 << 20;

/// A request that was answered; the body is still to be read.
pub(super) struct Exchanged {
    pub(super) status: u16,
    pub(super) redirects: usize,
    pub(super) url: Url,
    pub(super) response: Response,
}

impl Exchanged {
    /// What the body is said to be.
    pub(super) fn content_type(&self) -> Option<String> {
        let value = self.response.headers().get(CONTENT_TYPE)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

impl Requester {
    /// Sends a message and, if that is wanted, what its redirects make of it.
    pub(super) async fn exchange(
        &self,
        mut message: Message,
        follow: bool,
    ) -> Result<Exchanged, Box<Failed>> {
        let mut redirects = 0;
        loop {
            self.permit(&message.url)?;
            let response = self.deliver(&message).await?;
            let status = response.status().as_u16();
            let location = match status {
                301 | 302 | 303 | 307 | 308 if follow => response.headers().get(LOCATION),
                _ => None,
            };
            let Some(location) = location else {
                return Ok(Exchanged { status, redirects, url: message.url, response });
            };
            if redirects == REDIRECTS {
                return Err(failed(format!(
                    "it redirects more than {REDIRECTS} times, the last time from {}",
                    message.host()
                ))
                .into());
            }
            redirects += 1;
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            message = message.redirected(status, &location)?;
        }
    }

    /// Sends one message and waits for the head of its answer.
    async fn deliver(&self, message: &Message) -> Result<Response, Box<Failed>> {
        let Message { method, url, headers, body } = message;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(failed("the URL has no host").into());
        };
        let judged = Judged::look_up(&host, port, &self.policy, None).await;
        let judged = judged.map_err(|error| match error {
            Unjudged::Blocked(blocked) => forbidden(&blocked),
            other @ (Unjudged::Nowhere { .. } | Unjudged::Unknown { .. }) => {
                failed(other.to_string())
            }
        })?;
        let client =
            judged.client().tls_danger_accept_invalid_certs(self.insecure_tls).build().map_err(
                |error| failed(format!("the HTTP client cannot be made: {}", root(&error))),
            )?;
        let mut request = client.request(named(*method), url.clone()).headers(map(headers)?);
        if let Some(body) = body {
            request = request.body(body.expose().to_owned());
        }
        request.send().await.map_err(|error| {
            let Cause { sentence, hint } = Cause::of(&error, &judged.host, port);
            failed(format!("{sentence} {hint}").trim_end()).into()
        })
    }
}

/// Reads a body, but no more than is of use.
pub(super) async fn read(mut response: Response) -> Result<Body, Box<Failed>> {
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(Body { bytes, whole: true }),
            Err(error) => {
                return Err(failed(format!(
                    "the answer of {host} broke off after {} bytes: {}",
                    bytes.len(),
                    root(&error)
                ))
                .into());
            }
        }
        if bytes.len() > READ {
            bytes.truncate(READ);
            return Ok(Body { bytes, whole: false });
        }
    }
}

fn named(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
        Method::Options => reqwest::Method::OPTIONS,
    }
}

/// Headers that were checked, for the wire.
fn map(headers: &[(String, Text)]) -> Result<HeaderMap, Box<Failed>> {
    let mut map = HeaderMap::new();
    for (name, text) in headers {
        let unfit =
            || Failed::new(Code::InvalidArgument, format!("headers.{name}: cannot be sent"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
        let mut value = HeaderValue::from_bytes(text.expose().as_bytes()).map_err(|_| unfit())?;
        value.set_sensitive(text.is_secret());
        map.append(header, value);
    }
    Ok(map)
}
