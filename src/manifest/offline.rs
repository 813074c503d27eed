//! What an API server would answer, without one: unknown fields, types, bounds, and the rules.
//!
//! A server reads an object in this order, and so does [`refusals`]: fields that it does not know
//! (`kubectl` asks it to refuse them), nulls and defaults, types and bounds, and the rules in CEL if
//! nothing is so wrong that they could not be evaluated. kube's evaluator does the rules; the rest is
//! in the parts of this module.

mod bounds;
mod defaults;
mod metadata;
mod unknown;
pub mod yaml;

use kube::core::cel::Validator;
use serde_json::Value;

pub use unknown::nearest;

use super::{
    crd::Definition,
    problem::{Kind, Path, Problem},
};

/// Through which door an object comes.
#[derive(Clone, Copy, Debug)]
pub enum Write<'a> {
    /// It is new. A status is dropped.
    Create,
    /// It replaces this one. Its status stays what it was.
    Update(&'a Value),
    /// Its status replaces this one's. Everything else stays what it was.
    Status(&'a Value),
}

/// Everything that a server would refuse about `object`, in the order of its fields. Empty: it would
/// be stored. What stands in `old` is taken for stored.
pub fn refusals(definition: &Definition, object: &Value, write: Write<'_>) -> Vec<Problem> {
    let schema = definition.schema();
    let mut problems = Vec::new();
    if !object.is_object() {
        return vec![Problem::shape(Path::root(), "this is no object")];
    }
    unknown::find(schema, object, &mut problems);
    let mut new = stored(schema, object);
    let old = match write {
        Write::Create => {
            replace(&mut new, "status", None);
            None
        }
        Write::Update(old) => {
            let old = stored(schema, old);
            replace(&mut new, "status", old.get("status"));
            Some(old)
        }
        Write::Status(old) => {
            let old = stored(schema, old);
            let status = new.get("status").cloned();
            new = old.clone();
            replace(&mut new, "status", status.as_ref());
            Some(old)
        }
    };
    metadata::complete(&mut new, &mut problems);
    bounds::check(schema, &new, &Path::root(), &mut problems);
    if problems.iter().all(|problem| problem.kind != Kind::Shape) {
        problems.extend(rules(schema, &new, old.as_ref()));
    }
    problems.sort_by(|one, other| one.path.cmp(&other.path));
    problems
}

/// As a server keeps it: without what it does not know, with defaults.
fn stored(schema: &Value, object: &Value) -> Value {
    let mut object = object.clone();
    unknown::prune(schema, &mut object);
    defaults::fill(schema, &mut object);
    object
}

fn replace(object: &mut Value, field: &str, value: Option<&Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(field.to_owned(), value.clone()),
        None => fields.shift_remove(field),
    };
}

fn rules(schema: &Value, new: &Value, old: Option<&Value>) -> Vec<Problem> {
    let failures = match Validator::new().validate(schema, new, old) {
        Ok(()) => return Vec::new(),
        Err(failures) => failures,
    };
    let problem = |failure: kube::core::cel::ValidationError| {
        Problem::value(Path::read(&failure.field_path), failure.message)
    };
    failures.into_iter().map(problem).collect()
}
