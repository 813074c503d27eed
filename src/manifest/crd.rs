//! The definitions that an API server gets, made from the types.
//!
//! kube's own `crd()` is nearly right. What is set right here: a field that may be absent keeps its own
//! description where its type has another one, whole bounds are written as whole numbers, and line
//! breaks of the source do not show in `kubectl explain`.

use kube::{
    CustomResourceExt,
    core::schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter},
};
use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{AddNullable, Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

use super::{handoff::Handoff, test_run::TestRun};

/// First line of every generated file.
const NOTICE: &str = "# Made from the types in src/manifest by `make crds`. Do not edit.\n";

/// A custom resource definition, ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// For example `testruns.handback.dev`; its file is called so, with `.yaml`.
    pub name: String,
    /// `TestRun`, `Handoff`.
    pub kind: String,
    /// The whole object.
    pub object: Value,
}

/// All of them, in the order in which people read about them.
pub fn definitions() -> Vec<Definition> {
    vec![define::<TestRun>(), define::<Handoff>()]
}

impl Definition {
    /// The schema that objects of this kind must have.
    pub fn schema(&self) -> &Value {
        self.object.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap_or(&Value::Null)
    }

    /// The version that is served.
    pub fn version(&self) -> &str {
        self.object.pointer("/spec/versions/0/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The file, with a notice that it is made.
    ///
    /// # Errors
    /// Only if the writer of YAML meets something that it cannot write, which tests exclude.
    pub fn to_yaml(&self) -> Result<String, serde_saphyr::SerializeError> {
        serde_saphyr::to_string(&self.object).map(|text| format!("{NOTICE}{text}"))
    }
}

fn define<T: CustomResourceExt + JsonSchema>() -> Definition {
    let mut object = json!(T::crd());
    if let Some(place) = object.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        *place = schema::<T>();
    }
    Definition { name: T::crd_name().to_owned(), kind: T::api_resource().kind, object }
}

/// As kube's derive generates it, and then ours.
fn schema<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(AddNullable::default())
        .with_transform(StructuralSchemaRewriter)
        .with_transform(FieldsOwnWords)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString)
        .with_transform(AsServersWant)
        .into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// An optional enumeration is `anyOf` its type and null. Before [`OptionalEnum`] merges the two, the
/// type's description gives way to the field's.
#[derive(Clone, Debug)]
struct FieldsOwnWords;

impl Transform for FieldsOwnWords {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if !object.contains_key("description") {
            return;
        }
        for choice in object.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
            choice.as_object_mut().and_then(|choice| choice.remove("description"));
        }
    }
}

/// Nothing that a server does not know, and whole numbers as whole numbers.
#[derive(Clone, Debug)]
struct AsServersWant;

impl Transform for AsServersWant {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        object.remove("title");
        object.remove("$schema");
        if let Some(Value::String(text)) = object.get_mut("description") {
            *text = one_line(text);
        }
        if object.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
            // The rewriter takes the types away; with them it is said to readers of the schema, too.
            object.insert("anyOf".to_owned(), json!([{"type": "integer"}, {"type": "string"}]));
        }
        for bound in ["minimum", "maximum"] {
            whole(object, bound);
        }
    }
}

/// Paragraphs stay, line breaks go.
fn one_line(text: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("\n")
}

/// 1.0 as 1.
fn whole(object: &mut Map<String, Value>, key: &str) {
    let Some(bound) = object.get_mut(key) else { return };
    if let Some(number) = bound.as_f64().filter(|number| number.fract() == 0.0) {
        #[expect(clippy::cast_possible_truncation, reason = "bounds are far below 2^53")]
        let number = number as i64;
        *bound = json!(number);
    }
}
