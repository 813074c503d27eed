//! What remains of a run beside its events: results.json, junit.xml and the player (agent.md 11.2,
//! 11.3 and 12; pure).

pub mod chapters;
pub mod junit;
pub mod player;

use serde_json::Value;

use crate::redact::Redactor;

/// Replaces every registered secret in every string of `value`; object keys are ours.
pub(crate) fn redact(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            let clean = redactor.base(text);
            if clean != *text {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, redactor)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, redactor)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
