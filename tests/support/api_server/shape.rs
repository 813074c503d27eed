//! What a server makes of an object by its schema: unknown fields go, defaults come, wrong types are
//! refused. The types that the schema is made from do the same when they are read and written.

use handback::manifest::{handoff::Handoff, test_run::TestRun};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    coordination::v1::Lease,
    core::v1::{ConfigMap, Namespace, Pod, Secret},
    events::v1::Event,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{kind::Kind, refusal::Refusal};

/// The object as it is stored.
pub fn shaped(kind: &Kind, object: Value) -> Result<Value, Refusal> {
    let mut object = match kind.plural {
        "testruns" => through::<TestRun>(kind, object)?,
        "handoffs" => through::<Handoff>(kind, object)?,
        "pods" => pod(through::<Pod>(kind, object)?),
        "events" => through::<Event>(kind, object)?,
        "leases" => through::<Lease>(kind, object)?,
        "configmaps" => through::<ConfigMap>(kind, object)?,
        "secrets" => through::<Secret>(kind, object)?,
        "validatingadmissionpolicies" => through::<ValidatingAdmissionPolicy>(kind, object)?,
        "validatingadmissionpolicybindings" => {
            through::<ValidatingAdmissionPolicyBinding>(kind, object)?
        }
        "namespaces" => through::<Namespace>(kind, object)?,
        other => unreachable!("{other} is not served"),
    };
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| !is_empty(value));
    }
    Ok(object)
}

fn through<T: Serialize + DeserializeOwned>(kind: &Kind, object: Value) -> Result<Value, Refusal> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let typed: T = serde_json::from_value(object).map_err(|error| {
        if kind.custom {
            Refusal::invalid(kind, &name, &error.to_string())
        } else {
            Refusal::bad_request(format!("{} cannot be handled: {error}", kind.kind))
        }
    })?;
    serde_json::to_value(typed).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn pod(mut pod: Value) -> Value {
    let spec = &mut pod["spec"];
    for (field, value) in [
        ("terminationGracePeriodSeconds", json!(30)),
        ("restartPolicy", json!("Always")),
        ("serviceAccountName", json!("default")),
    ] {
        if spec[field].is_null() {
            spec[field] = value;
        }
    }
    pod
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
