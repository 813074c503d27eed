//! The smallest merge patch from one object to another (RFC 7386; pure).

use serde_json::{Map, Value};

/// What turns `old` into `new`; `None` if they are the same. Neither may have nulls in it.
pub(in crate::operator) fn diff(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return Some(new.clone());
    };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(before) => patch.extend(diff(before, value).map(|change| (key.clone(), change))),
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_in_it() {
        let old = json!({"a": 1, "b": {"c": [1], "d": 2}, "e": 3});
        let new = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "f": 4});
        let patch = diff(&old, &new).unwrap();
        assert_eq!(patch, json!({"e": null, "b": {"c": [1, 2]}, "f": 4}));
        assert_eq!(diff(&old, &old), None);
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from)];
        let tree = leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[a-c]", tree, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn applied_to_the_old_it_makes_the_new(old in object(), new in object()) {
            let mut made = old.clone();
            if let Some(patch) = diff(&old, &new) {
                json_patch::merge(&mut made, &patch);
            }
            prop_assert_eq!(made, new);
        }
    }
}
