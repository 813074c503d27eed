//! Fields that a schema does not have. A server drops them; `kubectl` asks it to refuse them instead,
//! or a typo in an optional field would be silent.

use serde_json::{Map, Value};

use super::super::problem::{Path, Problem};

/// What every object may have besides what its schema has.
const EVERYWHERE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Names every unknown field, with the nearest known one.
pub(super) fn find(schema: &Value, object: &Value, problems: &mut Vec<Problem>) {
    walk(schema, object, &Path::root(), problems);
}

/// Removes every unknown field.
pub(super) fn prune(schema: &Value, object: &mut Value) {
    prune_below(schema, object, true);
}

fn prune_below(schema: &Value, value: &mut Value, root: bool) {
    match value {
        Value::Object(fields) => {
            if let Some(known) = properties(schema) {
                fields.retain(|name, _| known.contains_key(name) || is_common(name, root));
                for (name, value) in fields {
                    if let Some(schema) = known.get(name) {
                        prune_below(schema, value, false);
                    }
                }
            } else if let Some(schema) = schema.get("additionalProperties") {
                fields.values_mut().for_each(|value| prune_below(schema, value, false));
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| prune_below(schema, item, false));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn walk(schema: &Value, value: &Value, path: &Path, problems: &mut Vec<Problem>) {
    let root = path.steps().is_empty();
    match value {
        Value::Object(fields) => {
            if let Some(known) = properties(schema) {
                for (name, value) in fields {
                    if let Some(schema) = known.get(name) {
                        walk(schema, value, &path.field(name), problems);
                    } else if !is_common(name, root) {
                        problems.push(Problem::name(path.field(name), unknown(name, known, root)));
                    }
                }
            } else if let Some(schema) = schema.get("additionalProperties") {
                for (name, value) in fields {
                    walk(schema, value, &path.field(name), problems);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    walk(schema, item, &path.item(index), problems);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn is_common(name: &str, root: bool) -> bool {
    root && EVERYWHERE.contains(&name)
}

fn unknown(name: &str, known: &Map<String, Value>, root: bool) -> String {
    let common = EVERYWHERE.iter().copied().filter(|_| root);
    match nearest(name, known.keys().map(String::as_str).chain(common)) {
        Some(nearest) => format!("unknown field; did you mean {nearest}?"),
        None => {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            format!("unknown field; there are {}", known.join(", "))
        }
    }
}

/// The known word that was probably meant: at most a third of its letters differ, capitals aside.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    known
        .map(|known| (strsim::osa_distance(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_nothing_far() {
        let known = ["passCriteria", "plan", "planFrom", "url"];
        let nearest = |word| nearest(word, known.into_iter());
        assert_eq!(nearest("passCritera"), Some("passCriteria"));
        assert_eq!(nearest("PlanFrom"), Some("planFrom"));
        assert_eq!(nearest("pln"), Some("plan"));
        assert_eq!(nearest("timeout"), None);
    }
}
