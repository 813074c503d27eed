//! The table as JSON Schema, closed: what is not named is not taken.

use serde_json::{Map, Value, json};

use super::{Kind, PREDICATES, Parameter, Shape, TOOLS, Tool};

/// What a ref looks like.
pub const REF: &str = r"^(f\d+)?e\d+$";

/// Every tool in the order in which they are offered.
pub fn all() -> Value {
    let tools = TOOLS
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.says, "input_schema": of(tool)}));
    tools.collect()
}

/// A tool's parameters.
pub fn of(tool: &Tool) -> Value {
    object(tool.takes, tool.one_of)
}

fn object(fields: &[Parameter], one_of: &[&[&str]]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|one| {
            let mut value = kind(&one.kind);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("description".to_owned(), json!(one.says));
            }
            (one.name.to_owned(), value)
        })
        .collect();
    let required: Vec<_> = fields.iter().filter(|one| one.required).map(|one| one.name).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if let Some(fields) = schema.as_object_mut() {
        if !required.is_empty() {
            fields.insert("required".to_owned(), json!(required));
        }
        // A group of one level only: model providers take no deeper logic.
        if let [group] = one_of {
            let each: Vec<_> = group.iter().map(|name| json!({"required": [name]})).collect();
            fields.insert("oneOf".to_owned(), json!(each));
        }
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text { least, most } => {
            let mut text = json!({"type": "string", "maxLength": most});
            if *least > 0
                && let Some(fields) = text.as_object_mut()
            {
                fields.insert("minLength".to_owned(), json!(least));
            }
            text
        }
        Kind::Texts { least, most, each } => json!({
            "type": "array", "minItems": least, "maxItems": most,
            "items": {"type": "string", "maxLength": each},
        }),
        Kind::Flag => json!({"type": "boolean", "default": false}),
        Kind::Claim => json!({"type": "boolean"}),
        Kind::Whole { least, most, usual, beyond: _ } => {
            let mut number = json!({"type": "integer", "minimum": least, "maximum": most});
            if let (Some(usual), Some(fields)) = (usual, number.as_object_mut()) {
                fields.insert("default".to_owned(), json!(usual));
            }
            number
        }
        Kind::Choice { of, usual } => {
            let mut choice = json!({"type": "string", "enum": of});
            if let (Some(usual), Some(fields)) = (usual, choice.as_object_mut()) {
                fields.insert("default".to_owned(), json!(usual));
            }
            choice
        }
        Kind::Choices { of } => {
            json!({"type": "array", "items": {"type": "string", "enum": of}, "uniqueItems": true})
        }
        Kind::Reference => json!({"type": "string", "pattern": REF}),
        Kind::Pairs { most } => json!({
            "type": "object", "maxProperties": most, "additionalProperties": {"type": "string"},
        }),
        Kind::Predicate => {
            let kinds: Vec<_> = PREDICATES.iter().map(predicate).collect();
            json!({"anyOf": kinds})
        }
    }
}

fn predicate(shape: &Shape) -> Value {
    let mut schema = object(shape.fields, shape.one_of);
    let named = json!({"type": "string", "enum": [shape.kind]});
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.shift_insert(0, "kind".to_owned(), named);
    }
    if let Some(schema) = schema.as_object_mut() {
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.insert(0, json!("kind"));
        }
    }
    schema
}
