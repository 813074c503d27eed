//! A request, understood or refused.

use std::collections::BTreeMap;

use http::{Method, request::Parts};
use serde_json::Value;

use super::{
    kind::{KINDS, Kind},
    refusal::Refusal,
};

/// What is asked for, in the words of role-based access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked for.
    pub verb: Verb,
    /// Of what.
    pub kind: &'static Kind,
    /// Empty for all namespaces, or where there are none.
    pub namespace: String,
    /// Empty for a list.
    pub name: String,
    /// `status`, or nothing.
    pub subresource: Option<&'static str>,
    /// What stands behind the question mark.
    pub query: BTreeMap<String, String>,
    /// Of the body.
    pub content_type: String,
    /// As it came.
    pub body: Vec<u8>,
}

impl Call {
    /// Reads a request.
    pub fn read(parts: &Parts, body: Vec<u8>) -> Result<Self, Refusal> {
        let segments: Vec<&str> =
            parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Refusal::no_resource()),
        };
        let find = |plural: &str| {
            KINDS
                .iter()
                .find(|kind| {
                    kind.group == group && kind.version == version && kind.plural == plural
                })
                .ok_or_else(Refusal::no_resource)
        };
        let (kind, namespace, rest) = match rest {
            ["namespaces", namespace, plural, rest @ ..] => {
                let kind = find(plural)?;
                if !kind.namespaced {
                    return Err(Refusal::no_resource());
                }
                (kind, (*namespace).to_owned(), rest)
            }
            [plural, rest @ ..] => (find(plural)?, String::new(), rest),
            [] => return Err(Refusal::no_resource()),
        };
        let (name, subresource) = match rest {
            [] => (String::new(), None),
            [name] => ((*name).to_owned(), None),
            [name, "status"] if kind.status => ((*name).to_owned(), Some("status")),
            _ => return Err(Refusal::no_resource()),
        };
        if kind.namespaced && namespace.is_empty() && !name.is_empty() {
            return Err(Refusal::no_resource());
        }
        let query = read_query(parts.uri.query().unwrap_or_default())?;
        let watching = query.get("watch").is_some_and(|word| word == "true" || word == "1");
        let verb = match (&parts.method, name.is_empty(), watching) {
            (&Method::GET, true, true) => Verb::Watch,
            (&Method::GET, true, false) => Verb::List,
            (&Method::GET, false, false) => Verb::Get,
            (&Method::POST, true, _) if !kind.namespaced || !namespace.is_empty() => Verb::Create,
            (&Method::PUT, false, _) => Verb::Update,
            (&Method::PATCH, false, _) => Verb::Patch,
            (&Method::DELETE, false, _) if subresource.is_none() => Verb::Delete,
            _ => {
                let text = "the server does not allow this method on the requested resource";
                return Err(Refusal::new(405, "MethodNotAllowed", text));
            }
        };
        let content_type = parts.headers.get("content-type").and_then(|text| text.to_str().ok());
        let call = Self {
            verb,
            kind,
            namespace,
            name,
            subresource,
            query,
            content_type: content_type.unwrap_or_default().to_owned(),
            body,
        };
        call.check_query()?;
        Ok(call)
    }

    /// Parameters that mean nothing for the verb are mistakes of the caller. A real server is silent
    /// about them.
    fn check_query(&self) -> Result<(), Refusal> {
        let known: &[&str] = match self.verb {
            Verb::Get => &["resourceVersion"],
            Verb::List => &[
                "labelSelector",
                "fieldSelector",
                "limit",
                "continue",
                "resourceVersion",
                "resourceVersionMatch",
            ],
            Verb::Watch => &[
                "watch",
                "timeoutSeconds",
                "labelSelector",
                "fieldSelector",
                "allowWatchBookmarks",
                "resourceVersion",
            ],
            Verb::Create | Verb::Update => &["fieldManager", "fieldValidation"],
            Verb::Patch => &["fieldManager", "fieldValidation", "force"],
            Verb::Delete => &[],
        };
        match self.query.keys().find(|key| !known.contains(&key.as_str())) {
            Some(odd) => Err(Refusal::bad_request(format!("{odd}: not known for {:?}", self.verb))),
            None => Ok(()),
        }
    }

    /// `testruns/status`.
    pub fn resource(&self) -> String {
        match self.subresource {
            Some(sub) => format!("{}/{sub}", self.kind.plural),
            None => self.kind.plural.to_owned(),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))
    }

    /// A parameter, if it says anything.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

fn read_query(text: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut query = BTreeMap::new();
    for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
        if query.insert(key.to_string(), value.to_string()).is_some() {
            return Err(Refusal::bad_request(format!("{key} is given twice")));
        }
    }
    Ok(query)
}
