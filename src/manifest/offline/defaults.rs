//! Nulls and defaults, before anything is judged.

use serde_json::Value;

/// Drops nulls where null is no value, then fills in defaults, level by level: the default of an
/// object is put in first and then completed itself.
pub(super) fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(known) = schema.get("properties").and_then(Value::as_object) {
                fields.retain(|name, value| {
                    !value.is_null() || known.get(name).is_none_or(takes_null)
                });
                for (name, schema) in known {
                    if let Some(default) =
                        schema.get("default").filter(|_| !fields.contains_key(name))
                    {
                        fields.insert(name.clone(), default.clone());
                    }
                    if let Some(value) = fields.get_mut(name) {
                        fill(schema, value);
                    }
                }
            } else if let Some(schema) = schema.get("additionalProperties") {
                fields.retain(|_, value| !value.is_null() || takes_null(schema));
                fields.values_mut().for_each(|value| fill(schema, value));
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(schema, item));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn takes_null(schema: &Value) -> bool {
    schema.get("nullable") == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_go_where_they_mean_nothing_and_defaults_come_level_by_level() {
        let schema = json!({"properties": {
            "kept": {"type": "string", "nullable": true},
            "dropped": {"type": "string"},
            "port": {"type": "integer", "default": 80},
            "size": {"type": "object", "default": {}, "properties": {"width": {"default": 1600}}},
            "absent": {"type": "object", "properties": {"inner": {"default": 1}}},
        }});
        let mut value = json!({"kept": null, "dropped": null, "port": null});
        fill(&schema, &mut value);
        assert_eq!(value, json!({"kept": null, "port": 80, "size": {"width": 1600}}));
    }
}
