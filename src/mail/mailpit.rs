//! Mailpit: a server that takes every mail and shows it over HTTP. Any address is an inbox, so that
//! making one is only choosing it.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use url::Url;

use super::{
    MailError,
    extract::Letter,
    http::{Credentials, Http},
    provider::Entry,
};
use crate::{policy::Policy, secret::Secret};

/// The newest mails of an address that are looked at.
const PAGE: &str = "50";

/// A Mailpit.
#[derive(Debug)]
pub struct Mailpit {
    http: Http,
    domain: String,
}

#[derive(Debug, Deserialize)]
struct Found {
    messages: Vec<Summary>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(rename = "ID")]
    id: String,
    from: Option<Person>,
    #[serde(default)]
    to: Option<Vec<Person>>,
    #[serde(default)]
    cc: Option<Vec<Person>>,
    #[serde(default)]
    bcc: Option<Vec<Person>>,
    #[serde(default)]
    subject: String,
    created: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    from: Option<Person>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
    #[serde(default, rename = "HTML")]
    html: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    #[serde(default)]
    name: String,
    #[serde(default)]
    address: String,
}

impl Mailpit {
    pub(super) fn new(
        url: Url,
        domain: String,
        password: Option<Secret<String>>,
        ca: Option<Vec<u8>>,
        policy: Arc<Policy>,
    ) -> Self {
        let user = url.username().to_owned();
        let mut http = Http::new(url, ca, policy);
        http.sign_in(
            password
                .filter(|_| !user.is_empty())
                .map(|password| Credentials::Basic { user, password }),
        );
        Self { http, domain }
    }

    /// Asks whether somebody is there, who is a Mailpit: a wait at an address without a server would
    /// tell it only when its time is over.
    pub(super) async fn create(&mut self, id: &str) -> Result<String, MailError> {
        let info = self.http.ask(Method::GET, &["api", "v1", "info"], &[], None).await?;
        if info.get("Version").is_none() {
            let host = self.http.host();
            return Err(MailError::Provider(format!("{host} answers, but not as a Mailpit does.")));
        }
        Ok(format!("{id}@{}", self.domain))
    }

    pub(super) async fn list(&mut self, address: &str) -> Result<Vec<Entry>, MailError> {
        let query = [("query", search(address)), ("limit", PAGE.to_owned())];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        let found = self.http.ask(Method::GET, &["api", "v1", "search"], &query, None).await?;
        let found: Found = self.read(found)?;
        // The newest is first, and of those of one moment the later one.
        let mut entries: Vec<Entry> = found
            .messages
            .into_iter()
            .rev()
            .filter(|one| one.is_for(address))
            .map(|one| Entry {
                id: one.id,
                sender: shown(one.from.as_ref()),
                subject: one.subject,
                arrived: one.created,
            })
            .collect();
        entries.sort_by_key(|entry| entry.arrived);
        Ok(entries)
    }

    pub(super) async fn get(&mut self, id: &str) -> Result<Letter, MailError> {
        let message = self.http.ask(Method::GET, &["api", "v1", "message", id], &[], None).await?;
        let Message { from, subject, text, html } = self.read(message)?;
        let some = |text: String| Some(text).filter(|text| !text.trim().is_empty());
        let sender = shown(from.as_ref());
        Ok(Letter { sender, subject, text: some(text), html: some(html) })
    }

    pub(super) async fn delete(&mut self, address: &str) -> Result<(), MailError> {
        let query = [("query", &*search(address))];
        self.http.ask(Method::DELETE, &["api", "v1", "search"], &query, None).await.map(drop)
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, value: serde_json::Value) -> Result<T, MailError> {
        serde_json::from_value(value).map_err(|error| {
            let host = self.http.host();
            MailError::Provider(format!("{host} answers, but not as a Mailpit does: {error}."))
        })
    }
}

impl Summary {
    /// The search finds what merely contains the address.
    fn is_for(&self, address: &str) -> bool {
        let all = [&self.to, &self.cc, &self.bcc];
        all.into_iter().flatten().flatten().any(|one| one.address.eq_ignore_ascii_case(address))
    }
}

fn search(address: &str) -> String {
    format!("addressed:\"{address}\"")
}

fn shown(person: Option<&Person>) -> String {
    match person {
        None => String::new(),
        Some(Person { name, address }) if name.is_empty() => address.clone(),
        Some(Person { name, address }) => format!("{name} <{address}>"),
    }
}
