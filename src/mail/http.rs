//! Requests to a provider's HTTP API. Each goes to an address that the policy has judged just before.

use std::{sync::Arc, time::Duration};

use reqwest::{Certificate, Client, Method, header};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::MailError;
use crate::{
    policy::Policy,
    preflight::{
        cause::root,
        judged::{Judged, Unjudged},
    },
    secret::Secret,
};

/// A request with its answer. Long for a mailbox, and short enough to be tried again within the
/// shortest wait.
const LIMIT: Duration = Duration::from_secs(10);
/// The largest answer: a mail with its HTML.
const LARGEST: usize = 4 << 20;

/// An HTTP API.
#[derive(Debug)]
pub(super) struct Http {
    /// Where its paths begin.
    base: Url,
    credentials: Option<Credentials>,
    ca: Option<Vec<u8>>,
    policy: Arc<Policy>,
    /// The client for the addresses that were judged last: making one reads this machine's
    /// certificates.
    client: Option<(Judged, Client)>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    Basic { user: String, password: Secret<String> },
    Bearer(Secret<String>),
}

impl Http {
    pub(super) fn new(base: Url, ca: Option<Vec<u8>>, policy: Arc<Policy>) -> Self {
        Self { base, credentials: None, ca, policy, client: None }
    }

    pub(super) fn sign_in(&mut self, credentials: Option<Credentials>) {
        self.credentials = credentials;
    }

    /// The host, for people.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Sends a request. An answer without JSON is null.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, MailError> {
        let host = self.host().to_owned();
        timeout(LIMIT, self.send(method, path, query, body)).await.unwrap_or_else(|_| {
            let limit = LIMIT.as_secs();
            Err(MailError::Provider(format!("{host} did not answer within {limit} s.")))
        })
    }

    async fn send(
        &mut self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, MailError> {
        let host = self.host().to_owned();
        let mut url = self.base.clone();
        url.set_username("").ok();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request =
            self.client().await?.request(method, url).header(header::ACCEPT, "application/json");
        request = match &self.credentials {
            Some(Credentials::Basic { user, password }) => {
                request.basic_auth(user, Some(password.expose()))
            }
            Some(Credentials::Bearer(token)) => request.bearer_auth(token.expose()),
            None => request,
        };
        if let Some(body) = body {
            request =
                request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let failed = |error: reqwest::Error| {
            MailError::Provider(format!("{host} cannot be asked: {}.", root(&error)))
        };
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Err(MailError::Provider(format!("{host} answers with too much.")));
            }
        }
        if !status.is_success() {
            let hint = match status.as_u16() {
                401 | 403 => ": check the user and HANDBACK_MAIL_PASSWORD",
                404 => ": check the address of its API",
                429 => ": it was asked too often",
                _ => "",
            };
            return Err(MailError::Provider(format!(
                "{host} answers with HTTP status {}{hint}.",
                status.as_u16()
            )));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// The client for the addresses that the host has now.
    async fn client(&mut self) -> Result<Client, MailError> {
        let Some(host) = self.base.host() else {
            return Err(MailError::Provider("The provider's URL has no host.".to_owned()));
        };
        let port = self.base.port_or_known_default().unwrap_or(80);
        let judged = look_up(&host, port, &self.policy).await?;
        if let Some((known, client)) = &self.client
            && *known == judged
        {
            return Ok(client.clone());
        }
        let broken = |error: reqwest::Error| {
            MailError::Provider(format!("The HTTP client cannot be made: {}.", root(&error)))
        };
        let mut builder = judged.client();
        if let Some(ca) = &self.ca {
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(ca).map_err(broken)?);
        }
        let client = builder.build().map_err(broken)?;
        self.client = Some((judged, client.clone()));
        Ok(client)
    }
}

/// Looks a provider up under the policy of the run.
pub(super) async fn look_up(
    host: &url::Host<&str>,
    port: u16,
    policy: &Policy,
) -> Result<Judged, MailError> {
    Judged::look_up(host, port, policy, None).await.map_err(|error| match error {
        Unjudged::Blocked(blocked) => MailError::Blocked(blocked),
        other @ (Unjudged::Nowhere { .. } | Unjudged::Unknown { .. }) => {
            MailError::Provider(other.to_string())
        }
    })
}
