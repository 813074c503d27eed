//! mail.tm: a public service with an account for each address.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{
    MailError,
    extract::Letter,
    http::{Credentials, Http},
    provider::Entry,
};
use crate::{policy::Policy, secret::Secret};

/// mail.tm, or whatever speaks its API.
#[derive(Debug)]
pub struct MailTm {
    http: Http,
    /// The account of the present address.
    account: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Domain {
    #[serde(rename = "domain")]
    name: String,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default)]
    is_private: bool,
}

#[derive(Debug, Deserialize)]
struct Account {
    id: String,
    address: String,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    id: String,
    from: Option<Person>,
    #[serde(default)]
    subject: Option<String>,
    created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Message {
    from: Option<Person>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    html: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Person {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    address: String,
}

fn yes() -> bool {
    true
}

impl MailTm {
    pub(super) fn new(url: Url, ca: Option<Vec<u8>>, policy: Arc<Policy>) -> Self {
        Self { http: Http::new(url, ca, policy), account: None }
    }

    /// Opens an account; its password is nobody's but this object's.
    pub(super) async fn create(&mut self, id: &str) -> Result<String, MailError> {
        self.http.sign_in(None);
        self.account = None;
        let domains = self.http.ask(Method::GET, &["domains"], &[], None).await?;
        let domains: Vec<Domain> = self.members(domains)?;
        let Some(domain) = domains.into_iter().find(|one| one.is_active && !one.is_private) else {
            let host = self.http.host();
            return Err(MailError::Provider(format!("{host} has no domain for addresses.")));
        };
        let password = ulid::Ulid::new().to_string();
        let body = json!({"address": format!("{id}@{}", domain.name), "password": password});
        let account = self.http.ask(Method::POST, &["accounts"], &[], Some(&body)).await?;
        let account: Account = self.read(account)?;
        let token = self.http.ask(Method::POST, &["token"], &[], Some(&body)).await?;
        let Token { token } = self.read(token)?;
        self.http.sign_in(Some(Credentials::Bearer(Secret::new(token))));
        self.account = Some(account.id);
        Ok(account.address)
    }

    pub(super) async fn list(&mut self) -> Result<Vec<Entry>, MailError> {
        let found = self.http.ask(Method::GET, &["messages"], &[("page", "1")], None).await?;
        let mut entries: Vec<Entry> = self
            .members::<Summary>(found)?
            .into_iter()
            .rev()
            .map(|one| Entry {
                id: one.id,
                sender: shown(one.from.as_ref()),
                subject: one.subject.unwrap_or_default(),
                arrived: one.created_at,
            })
            .collect();
        entries.sort_by_key(|entry| entry.arrived);
        Ok(entries)
    }

    pub(super) async fn get(&mut self, id: &str) -> Result<Letter, MailError> {
        let message = self.http.ask(Method::GET, &["messages", id], &[], None).await?;
        let Message { from, subject, text, html } = self.read(message)?;
        let html = html.concat();
        Ok(Letter {
            sender: shown(from.as_ref()),
            subject: subject.unwrap_or_default(),
            text: text.filter(|text| !text.trim().is_empty()),
            html: (!html.trim().is_empty()).then_some(html),
        })
    }

    /// The account goes with its mail.
    pub(super) async fn delete(&mut self) -> Result<(), MailError> {
        let Some(account) = self.account.take() else { return Ok(()) };
        self.http.ask(Method::DELETE, &["accounts", &account], &[], None).await.map(drop)
    }

    /// A list: plain, or as a collection of JSON-LD.
    fn members<T: for<'a> Deserialize<'a>>(&self, mut value: Value) -> Result<Vec<T>, MailError> {
        let members = ["hydra:member", "member"]
            .iter()
            .find_map(|name| value.get_mut(*name).map(Value::take))
            .unwrap_or(value);
        self.read(members)
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, value: Value) -> Result<T, MailError> {
        serde_json::from_value(value).map_err(|error| {
            let host = self.http.host();
            MailError::Provider(format!("{host} answers, but not as mail.tm does: {error}."))
        })
    }
}

fn shown(person: Option<&Person>) -> String {
    let Some(Person { name, address }) = person else { return String::new() };
    match name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{name} <{address}>"),
        None => address.clone(),
    }
}
