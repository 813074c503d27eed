//! Types, enumerations and bounds of a schema, as an API server applies them.

use std::collections::HashSet;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Number, Value};

use super::super::problem::{Path, Problem};

/// Judges a value and everything below it.
pub(super) fn check(schema: &Value, value: &Value, path: &Path, problems: &mut Vec<Problem>) {
    if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
        return;
    }
    if let Some(wanted) = mismatch(schema, value) {
        let is = kind_of(value);
        problems.push(Problem::shape(path.clone(), format!("must be {wanted}, and is {is}")));
        return;
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        problems.push(Problem::shape(path.clone(), unsupported(value, choices)));
        return;
    }
    match value {
        Value::String(text) => check_text(schema, text, path, problems),
        Value::Number(number) => check_number(schema, number, path, problems),
        Value::Array(items) => check_list(schema, items, path, problems),
        Value::Object(fields) => check_object(schema, fields, path, problems),
        Value::Null | Value::Bool(_) => {}
    }
}

/// What the value should be, if it is not.
fn mismatch(schema: &Value, value: &Value) -> Option<&'static str> {
    let whole = |number: &Number| number.is_i64() || number.is_u64();
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        let fits = value.is_string() || value.as_number().is_some_and(whole);
        return (!fits).then_some("a whole number or a text");
    }
    let (fits, wanted) = match schema.get("type").and_then(Value::as_str)? {
        "string" => (value.is_string(), "a text"),
        "integer" => (value.as_number().is_some_and(whole), "a whole number"),
        "number" => (value.is_number(), "a number"),
        "boolean" => (value.is_boolean(), "true or false"),
        "array" => (value.is_array(), "a list"),
        _ => (value.is_object(), "an object"),
    };
    (!fits).then_some(wanted)
}

/// What a value is, in the words of its reader.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("{value}; quote it if it is meant as a text"),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn unsupported(value: &Value, choices: &[Value]) -> String {
    let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    let nearest = value
        .as_str()
        .and_then(|text| super::unknown::nearest(text, names.iter().copied()))
        .map_or_else(String::new, |name| format!("; did you mean {name}?"));
    format!("{value} is none of {}{nearest}", names.join(", "))
}

fn bound(schema: &Value, name: &str) -> Option<i64> {
    schema.get(name).and_then(Value::as_i64)
}

/// A count and its bounds: `(too few, too many)`.
fn outside(schema: &Value, count: usize, least: &str, most: &str) -> (Option<i64>, Option<i64>) {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    (
        bound(schema, least).filter(|least| count < *least),
        bound(schema, most).filter(|most| count > *most),
    )
}

fn check_text(schema: &Value, text: &str, path: &Path, problems: &mut Vec<Problem>) {
    let count = text.chars().count();
    let (few, many) = outside(schema, count, "minLength", "maxLength");
    if let Some(least) = few {
        let message = match text {
            "" => "must not be empty".to_owned(),
            _ => format!("must have at least {least} characters, and has {count}"),
        };
        problems.push(Problem::value(path.clone(), message));
    }
    if let Some(most) = many {
        let message = format!("must have at most {most} characters, and has {count}");
        problems.push(Problem::shape(path.clone(), message));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && !Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
    {
        problems.push(Problem::value(path.clone(), format!("{text:?} does not match {pattern}")));
    }
    if schema.get("format").and_then(Value::as_str) == Some("date-time")
        && text.parse::<Timestamp>().is_err()
    {
        let message = format!("{text:?} is no time like 2026-11-21T16:40:00Z");
        problems.push(Problem::shape(path.clone(), message));
    }
}

fn check_number(schema: &Value, number: &Number, path: &Path, problems: &mut Vec<Problem>) {
    let least = bound(schema, "minimum");
    let most = bound(schema, "maximum");
    let range = match (least, most) {
        (Some(least), Some(most)) => format!("must be from {least} to {most}"),
        (Some(least), None) => format!("must be at least {least}"),
        (None, Some(most)) => format!("must be at most {most}"),
        (None, None) => String::new(),
    };
    let Some(value) = number.as_i64() else {
        problems.push(Problem::value(path.clone(), format!("{number} is too large")));
        return;
    };
    if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
        problems.push(Problem::value(path.clone(), format!("{range}, and is {number}")));
    } else if schema.get("format").and_then(Value::as_str) == Some("int32")
        && i32::try_from(value).is_err()
    {
        let message = format!("must be at most {}, and is {number}", i32::MAX);
        problems.push(Problem::value(path.clone(), message));
    }
}

fn check_list(schema: &Value, items: &[Value], path: &Path, problems: &mut Vec<Problem>) {
    let count = items.len();
    let (few, many) = outside(schema, count, "minItems", "maxItems");
    if let Some(least) = few {
        let message = format!("must have at least {least} entries, and has {count}");
        problems.push(Problem::value(path.clone(), message));
    }
    if let Some(most) = many {
        let message = format!("must have at most {most} entries, and has {count}");
        problems.push(Problem::shape(path.clone(), message));
    }
    for (index, item) in items.iter().enumerate() {
        check(schema.get("items").unwrap_or(&Value::Null), item, &path.item(index), problems);
    }
    repeated(schema, items, path, problems);
}

/// Entries that a set or a list with keys has twice.
fn repeated(schema: &Value, items: &[Value], path: &Path, problems: &mut Vec<Problem>) {
    let keys: Vec<&str> = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => Vec::new(),
        Some("map") => schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        _ => return,
    };
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let id = match keys.as_slice() {
            [] => item.to_string(),
            keys => {
                keys.iter().map(|key| item.get(key).unwrap_or(&Value::Null).to_string()).collect()
            }
        };
        if !seen.insert(id) {
            let what = keys.first().map_or("this", |key| key);
            let message = format!("is there already: {what} must differ");
            problems.push(Problem::value(path.item(index), message));
        }
    }
}

fn check_object(
    schema: &Value,
    fields: &Map<String, Value>,
    path: &Path,
    problems: &mut Vec<Problem>,
) {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name)) {
        problems.push(Problem::shape(path.field(name), "is required"));
    }
    let count = fields.len();
    let (few, many) = outside(schema, count, "minProperties", "maxProperties");
    if let Some(least) = few {
        let message = format!("must have at least {least} fields, and has {count}");
        problems.push(Problem::value(path.clone(), message));
    }
    if let Some(most) = many {
        let message = format!("must have at most {most} fields, and has {count}");
        problems.push(Problem::shape(path.clone(), message));
    }
    let known = schema.get("properties");
    for (name, value) in fields {
        let below =
            known.and_then(|known| known.get(name)).or_else(|| schema.get("additionalProperties"));
        if let Some(schema) = below {
            check(schema, value, &path.field(name), problems);
        }
    }
}
