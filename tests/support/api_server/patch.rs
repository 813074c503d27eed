//! The three kinds of patches.

use serde_json::Value;

use super::{call::Call, refusal::Refusal};

/// RFC 7386.
pub fn merge(old: &Value, patch: &Value) -> Value {
    let mut new = old.clone();
    json_patch::merge(&mut new, patch);
    new
}

/// RFC 6902. A `test` that does not hold is 422, like everything that cannot be carried out.
pub fn json(call: &Call, old: &Value) -> Result<Value, Refusal> {
    let patch: json_patch::Patch = serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
    let mut new = old.clone();
    json_patch::patch(&mut new, &patch).map_err(|error| {
        let text =
            format!("the server rejected our request due to an error in our request: {error}");
        Refusal::new(422, "Invalid", text)
    })?;
    Ok(new)
}

/// `old` without what was applied `before` and is not `wanted` any more. Lists count as one value.
pub fn without(old: &Value, before: &Value, wanted: &Value) -> Value {
    let (Some(old_map), Some(before)) = (old.as_object(), before.as_object()) else {
        return old.clone();
    };
    let mut new = old_map.clone();
    for (key, then) in before {
        match (wanted.get(key), old_map.get(key)) {
            (None, Some(_)) => {
                new.remove(key);
            }
            (Some(now), Some(is)) if then.is_object() && now.is_object() => {
                new.insert(key.clone(), without(is, then, now));
            }
            _ => {}
        }
    }
    Value::Object(new)
}

/// The first field that somebody else applied and that is wanted to be another one now.
pub fn disagreement(old: &Value, theirs: &Value, wanted: &Value) -> Option<String> {
    let (theirs, wanted) = (theirs.as_object()?, wanted.as_object()?);
    for (key, now) in wanted {
        let Some(then) = theirs.get(key) else { continue };
        let is = old.get(key).unwrap_or(&Value::Null);
        if now.is_object() && then.is_object() {
            if let Some(path) = disagreement(is, then, now) {
                return Some(format!(".{key}{path}"));
            }
        } else if now != is && key != "resourceVersion" {
            return Some(format!(".{key}"));
        }
    }
    None
}
