//! Label and field selectors.

use serde_json::Value;

use super::{call::Call, kind::Kind, refusal::Refusal};

/// What a list or a watch is limited to.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    namespace: String,
    labels: Vec<Label>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
enum Label {
    Is(String, String),
    IsNot(String, String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

#[derive(Clone, Debug)]
struct Field {
    path: String,
    value: String,
    equal: bool,
}

impl Selection {
    /// Reads the selectors of a call.
    pub fn read(call: &Call) -> Result<Self, Refusal> {
        let labels = call.parameter("labelSelector").unwrap_or_default();
        let fields = call.parameter("fieldSelector").unwrap_or_default();
        Ok(Self {
            namespace: call.namespace.clone(),
            labels: split(labels).map(|part| Label::read(part.trim())).collect::<Result<_, _>>()?,
            fields: fields
                .split(',')
                .filter(|part| !part.is_empty())
                .map(|part| Field::read(call.kind, part))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether an object is meant.
    pub fn takes(&self, object: &Value) -> bool {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        (self.namespace.is_empty() || self.namespace == namespace)
            && self.labels.iter().all(|label| label.takes(&object["metadata"]["labels"]))
            && self.fields.iter().all(|field| field.takes(object))
    }
}

/// At commas that stand in no parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |one: char| {
        match one {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        one == ',' && depth == 0
    })
    .filter(|part| !part.trim().is_empty())
}

impl Label {
    fn read(text: &str) -> Result<Self, Refusal> {
        let set = |rest: &str| -> Option<Vec<String>> {
            let inner = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
            Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
        };
        let own = |text: &str| text.trim().to_owned();
        let label = if let Some((key, rest)) = text.split_once(" notin ") {
            set(rest).map(|values| Self::NotIn(own(key), values))
        } else if let Some((key, rest)) = text.split_once(" in ") {
            set(rest).map(|values| Self::In(own(key), values))
        } else if let Some((key, value)) = text.split_once("!=") {
            Some(Self::IsNot(own(key), own(value)))
        } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            Some(Self::Is(own(key), own(value)))
        } else if let Some(key) = text.strip_prefix('!') {
            Some(Self::HasNot(own(key)))
        } else {
            Some(Self::Has(own(text)))
        };
        label.ok_or_else(|| Refusal::bad_request(format!("unable to parse requirement: {text}")))
    }

    fn takes(&self, labels: &Value) -> bool {
        let value = |key: &str| labels[key].as_str();
        match self {
            Self::Is(key, wanted) => value(key) == Some(wanted),
            Self::IsNot(key, wanted) => value(key) != Some(wanted),
            Self::In(key, wanted) => {
                value(key).is_some_and(|found| wanted.iter().any(|one| one == found))
            }
            Self::NotIn(key, wanted) => {
                value(key).is_none_or(|found| wanted.iter().all(|one| one != found))
            }
            Self::Has(key) => value(key).is_some(),
            Self::HasNot(key) => value(key).is_none(),
        }
    }
}

impl Field {
    fn read(kind: &Kind, text: &str) -> Result<Self, Refusal> {
        let (path, value, equal) = if let Some((path, value)) = text.split_once("!=") {
            (path, value, false)
        } else if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            (path, value, true)
        } else {
            return Err(Refusal::bad_request(format!("invalid selector: '{text}'")));
        };
        let everywhere = ["metadata.name", "metadata.namespace"];
        if !everywhere.contains(&path) && !kind.fields.contains(&path) {
            return Err(Refusal::bad_request(format!("field label not supported: {path}")));
        }
        Ok(Self { path: path.to_owned(), value: value.to_owned(), equal })
    }

    /// What is absent counts as empty.
    fn takes(&self, object: &Value) -> bool {
        let pointer = format!("/{}", self.path.replace('.', "/"));
        let found = object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
        (found == self.value) == self.equal
    }
}
