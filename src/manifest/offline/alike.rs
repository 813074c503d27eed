//! Two things in which kube's evaluator of rules differs from a server, made alike beforehand.

use serde_json::Value;

/// Takes every null out: a server's `has()` is false for one.
pub(super) fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Brings the entries of lists with keys into the order that they have in `new`: a server compares such
/// lists by key.
pub(super) fn in_order_of(schema: &Value, new: &Value, old: &mut Value) {
    match (new, old) {
        (Value::Object(fields), Value::Object(others)) => {
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                if let (Some(new), Some(old)) = (fields.get(name), others.get_mut(name)) {
                    in_order_of(schema, new, old);
                }
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let same = |one: &Value, other: &Value| keys.iter().all(|key| one[*key] == other[*key]);
            if !keys.is_empty() {
                others.sort_by_key(|other| items.iter().position(|item| same(item, other)));
            }
            for (new, old) in items.iter().zip(others) {
                in_order_of(&schema["items"], new, old);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_go_everywhere() {
        let mut value = json!({"a": null, "b": [{"c": null, "d": 1}]});
        without_nulls(&mut value);
        assert_eq!(value, json!({"b": [{"d": 1}]}));
    }

    #[test]
    fn lists_with_keys_follow_the_new_order_and_others_keep_theirs() {
        let schema = json!({"properties": {
            "keyed": {"x-kubernetes-list-map-keys": ["k"]},
            "plain": {"x-kubernetes-list-type": "atomic"},
        }});
        let new = json!({"keyed": [{"k": 2}, {"k": 3}, {"k": 1}], "plain": [2, 1]});
        let mut old = json!({"keyed": [{"k": 1, "v": "a"}, {"k": 2}], "plain": [1, 2]});
        in_order_of(&schema, &new, &mut old);
        assert_eq!(old, json!({"keyed": [{"k": 2}, {"k": 1, "v": "a"}], "plain": [1, 2]}));
    }
}
