//! What an API server would answer, without one: unknown fields, types, bounds, and the rules.
//!
//! A server reads an object in this order, and so does [`Judge::refusals`]: fields that it does not know
//! (`kubectl` asks it to refuse them), nulls and defaults, types and bounds, and the rules in CEL.
//! kube's evaluator does the rules; the rest is in the parts of this module.

mod alike;
mod bounds;
mod defaults;
mod metadata;
mod unknown;
pub mod yaml;

use kube::core::cel::{CompiledSchema, ValidationError, Validator, compile_schema};
use serde_json::Value;

pub use unknown::nearest;

use super::{
    crd::Definition,
    problem::{Kind, Path, Problem, Step},
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

/// A kind's definition with its rules parsed, which takes some time.
#[derive(Debug)]
pub struct Judge {
    definition: Definition,
    rules: CompiledSchema,
    validator: Validator,
}

impl Judge {
    /// Parses the rules.
    pub fn new(definition: Definition) -> Self {
        let rules = compile_schema(definition.schema());
        Self { definition, rules, validator: Validator::new() }
    }

    /// What is judged by.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Everything that a server would refuse about `object`, by field. Empty: it would be stored. What
    /// stands in `old` is taken for stored.
    ///
    /// Where a value cannot be what it should be, a server evaluates no rule at all and tells of the rest
    /// the next time. Here the rules that such values have no part in are told at once.
    pub fn refusals(&self, object: &Value, write: Write<'_>) -> Vec<Problem> {
        let schema = self.definition.schema();
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
        let told = apart(&problems, self.rules(without(&new, &problems), old));
        problems.extend(told);
        problems.sort_by(|one, other| one.path.cmp(&other.path));
        problems
    }

    /// The object as a server keeps it: without what it does not know, with defaults, without nulls
    /// where they mean nothing.
    pub fn stored(&self, object: &Value) -> Value {
        stored(self.definition.schema(), object)
    }

    fn rules(&self, mut new: Value, mut old: Option<Value>) -> Vec<Problem> {
        alike::without_nulls(&mut new);
        if let Some(old) = &mut old {
            alike::without_nulls(old);
            alike::in_order_of(self.definition.schema(), &new, old);
        }
        let failures = match self.validator.validate_compiled(&self.rules, &new, old.as_ref()) {
            Ok(()) => return Vec::new(),
            Err(failures) => failures,
        };
        let problem = |failure: ValidationError| {
            Problem::value(Path::read(&failure.field_path), failure.message)
        };
        failures.into_iter().map(problem).collect()
    }
}

/// The object without the values that cannot be what they should be.
pub fn without(object: &Value, problems: &[Problem]) -> Value {
    let mut object = object.clone();
    for problem in problems.iter().filter(|problem| problem.kind == Kind::Shape) {
        remove(&mut object, problem.path.steps());
    }
    object
}

/// Removes the field that a path leads to; what it says of entries behind it goes with their list,
/// since the others must keep their places.
fn remove(object: &mut Value, path: &[Step]) {
    let Some(last) = path.iter().rposition(|step| matches!(step, Step::Field(_))) else { return };
    let (way, rest) = path.split_at(last);
    let parent = way.iter().try_fold(object, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Item(index) => value.get_mut(*index),
    });
    if let (Some(Value::Object(fields)), Some(Step::Field(name))) = (parent, rest.first()) {
        fields.shift_remove(name);
    }
}

/// Those of `found` that have nothing to do with values that cannot be what they should be.
pub fn apart(problems: &[Problem], found: Vec<Problem>) -> Vec<Problem> {
    let involved = |one: &Problem| {
        problems
            .iter()
            .filter(|problem| problem.kind == Kind::Shape)
            .any(|problem| problem.path.touches(&one.path))
    };
    found.into_iter().filter(|one| !involved(one)).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::crd::definitions;

    fn test_runs() -> Judge {
        Judge::new(definitions().into_iter().find(|one| one.kind == "TestRun").unwrap())
    }

    fn refused(spec: &Value) -> Vec<String> {
        let object = json!({"metadata": {"name": "a"}, "spec": spec});
        let problems = test_runs().refusals(&object, Write::Create);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rules_that_a_wrong_value_has_no_part_in_are_told_beside_it() {
        let spec = json!({
            "url": "ftp://a",
            "plan": 5,
            "variables": [{"name": "A", "value": 5}, {"name": "B"}],
            "passCriteria": ["a", null],
            "keepAlive": {"idleSeconds": "x"},
        });
        assert_eq!(
            refused(&spec),
            [
                "spec.keepAlive.idleSeconds: must be a whole number, and is the text \"x\"",
                "spec.passCriteria[1]: must be a text, and is null",
                "spec.plan: must be a text, and is 5; quote it if it is meant as a text",
                "spec.url: an http(s) URL without user info",
                "spec.variables[0].value: must be a text, and is 5; quote it if it is meant as a text",
                "spec.variables[1]: exactly one of value, secretKeyRef",
            ]
        );
    }

    #[test]
    fn what_is_no_object_at_all_is_refused() {
        let judge = test_runs();
        for value in [json!(null), json!([]), json!("x")] {
            assert_eq!(judge.refusals(&value, Write::Create).len(), 1, "{value}");
        }
        assert_eq!(refused(&json!("x")), ["spec: must be an object, and is the text \"x\""]);
    }
}
