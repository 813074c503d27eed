//! What every object has: its name above all.

use serde_json::{Map, Value, json};

use super::super::problem::{Path, Problem};

/// What a server appends to `generateName`.
const SUFFIX: &str = "xxxxx";
/// A server cuts a prefix so that prefix and suffix fit into this.
const LONGEST_NAME: usize = 63;

/// Fields of `metadata`, with the type of each.
const FIELDS: [(&str, &str); 15] = [
    ("annotations", "texts"),
    ("creationTimestamp", "text"),
    ("deletionGracePeriodSeconds", "number"),
    ("deletionTimestamp", "text"),
    ("finalizers", "list"),
    ("generateName", "text"),
    ("generation", "number"),
    ("labels", "texts"),
    ("managedFields", "list"),
    ("name", "text"),
    ("namespace", "text"),
    ("ownerReferences", "list"),
    ("resourceVersion", "text"),
    ("selfLink", "text"),
    ("uid", "text"),
];

/// Checks `metadata` and gives the object the name that it would get from `generateName`, which rules
/// can see.
pub(super) fn complete(object: &mut Value, problems: &mut Vec<Problem>) {
    let path = Path::root().field("metadata");
    let Some(fields) = object.as_object_mut() else { return };
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        problems.push(Problem::shape(path, "must be an object"));
        return;
    };
    for (name, value) in &*metadata {
        let path = path.field(name);
        match FIELDS.iter().find(|(known, _)| known == name) {
            None => {
                let known = FIELDS.iter().map(|(known, _)| *known);
                let nearest = super::unknown::nearest(name, known);
                let hint =
                    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"));
                problems.push(Problem::name(path, format!("unknown field{hint}")));
            }
            Some((_, kind)) => typed(kind, value, &path, problems),
        }
    }
    labels(metadata, &path, problems);
    let text =
        |name: &str| metadata.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if text("name").is_some() {
        return;
    }
    let Some(prefix) = text("generateName") else {
        problems.push(Problem::shape(path.field("name"), "is required, or generateName"));
        return;
    };
    let room = LONGEST_NAME - SUFFIX.len();
    let name: String = prefix.chars().take(room).chain(SUFFIX.chars()).collect();
    metadata.insert("name".to_owned(), json!(name));
}

fn typed(kind: &str, value: &Value, path: &Path, problems: &mut Vec<Problem>) {
    let wrong = match (kind, value) {
        (_, Value::Null)
        | ("text", Value::String(_))
        | ("number", Value::Number(_))
        | ("list", Value::Array(_)) => return,
        ("texts", Value::Object(texts)) => {
            for (name, text) in texts.iter().filter(|(_, text)| !text.is_string()) {
                let path = path.field(name);
                problems.push(Problem::shape(path, format!("must be a text: write \"{text}\"")));
            }
            return;
        }
        ("texts", _) => "must be an object whose values are texts",
        ("number", _) => "must be a whole number",
        ("list", _) => "must be a list",
        _ => "must be a text",
    };
    problems.push(Problem::shape(path.clone(), wrong));
}

fn labels(metadata: &Map<String, Value>, path: &Path, problems: &mut Vec<Problem>) {
    let path = path.field("labels");
    let labels = metadata.get("labels").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in labels {
        let path = path.field(name);
        if let Err(message) = super::super::syntax::qualified_name(name) {
            problems.push(Problem::value(path.clone(), message));
        }
        if let Some(Err(message)) = value.as_str().map(super::super::syntax::label_value) {
            problems.push(Problem::value(path, message));
        }
    }
}
