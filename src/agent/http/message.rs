//! What is sent: checked, and what becomes of it at a redirect (pure; as browsers do it, in the Fetch
//! standard's "HTTP-redirect fetch").

use serde_json::json;
use url::{Origin, Url};

use super::Request;
use crate::page::{
    Text, address,
    predicate::Method,
    tool::{Code, Failed},
};

/// Headers that frame a message or name its receiver. Those are the runner's: with a `Host` of its
/// own a request would reach a host that was never judged.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that say nothing about who asks.
const HARMLESS: [&str; 13] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-location",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "pragma",
    "range",
    "user-agent",
];

/// Whether what a header says may be recorded, and may go to another origin.
pub fn harmless(name: &str) -> bool {
    HARMLESS.contains(&name.to_ascii_lowercase().as_str())
}

/// A request to one address.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) method: Method,
    /// With secrets in it, if there are some: never for a message to people.
    pub(super) url: Url,
    pub(super) headers: Vec<(String, Text)>,
    pub(super) body: Option<Text>,
}

impl Message {
    /// A request as it is sent first.
    pub(super) fn first(request: &Request, run_url: &Url) -> Result<Self, Box<Failed>> {
        let Request { method, url: text, headers, body } = request;
        let refused = |why: &str| {
            let message = format!("url: {} is no URL to ask: {why}", text.shown());
            Failed::new(Code::InvalidArgument, message)
        };
        let url = address::resolve(run_url, text.expose()).map_err(refused)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("only http and https can be asked").into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it holds a user or password, which belong into a header").into());
        }
        let mut headers = headers.clone();
        for (name, value) in &headers {
            check(name, value)?;
        }
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !typed {
            headers.push(("Content-Type".to_owned(), "application/json".into()));
        }
        let message = Self { method: *method, url, headers, body: body.clone() };
        message.releases(text)?;
        for (_, value) in &message.headers {
            message.releases(value)?;
        }
        message.body.iter().try_for_each(|body| message.releases(body))?;
        Ok(message)
    }

    /// The host, for people.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// What follows an answer that leads elsewhere.
    pub(super) fn redirected(mut self, status: u16, location: &str) -> Result<Self, Box<Failed>> {
        let from = self.url.origin();
        let host = self.host().to_owned();
        let broken = |why: &str| super::failed(format!("{host} redirects to {why}"));
        let mut url = self.url.join(location).map_err(|_| broken("no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(broken(&format!("{}:, which is not asked", url.scheme())).into());
        }
        // Both can fail only for addresses without a host.
        url.set_username("").ok();
        url.set_password(None).ok();
        self.url = url;
        let becomes_get = match status {
            301 | 302 => self.method == Method::Post,
            303 => !matches!(self.method, Method::Get | Method::Head),
            _ => false,
        };
        if becomes_get {
            self.method = Method::Get;
            self.body = None;
            self.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
        }
        if !same(&from, &self.url.origin()) {
            self.headers.retain(|(name, value)| harmless(name) && !value.is_secret());
        }
        self.body.iter().try_for_each(|body| self.releases(body))?;
        Ok(self)
    }

    /// Refuses what this origin may not get.
    fn releases(&self, text: &Text) -> Result<(), Box<Failed>> {
        let origin = self.url.origin().ascii_serialization();
        if text.allowed_at(&origin) {
            return Ok(());
        }
        let message = format!("the request holds a secret that {origin} may not get");
        let failed = Failed::new(Code::BlockedByPolicy, message);
        Err(failed.with(json!({"rule": "secret", "host": self.host()})).into())
    }
}

fn same(one: &Origin, other: &Origin) -> bool {
    one.is_tuple() && one == other
}

/// A header that can be sent.
fn check(name: &str, value: &Text) -> Result<(), Box<Failed>> {
    let refused = |why: &str| {
        let message = format!("headers.{}: {why}", name.escape_debug());
        Err(Failed::new(Code::InvalidArgument, message).into())
    };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return refused("this is no name of a header");
    }
    let low = name.to_ascii_lowercase();
    if OURS.contains(&low.as_str()) || low.starts_with("proxy-") {
        return refused("the runner sets this header itself");
    }
    if value.expose().chars().any(|char| char.is_control() && char != '\t') {
        return refused("the value has a line break or another control character in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
