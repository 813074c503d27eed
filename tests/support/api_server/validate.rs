//! What a server checks beyond types. Schema and rules of our own kinds are judged by the program's own
//! offline validator, which is proved against a real server.

use std::sync::LazyLock;

use handback::manifest::{
    crd::definitions,
    offline::{Judge, Write},
};
use serde_json::Value;

use super::{kind::Kind, refusal::Refusal};

static JUDGES: LazyLock<Vec<Judge>> =
    LazyLock::new(|| definitions().into_iter().map(Judge::new).collect());

/// Refuses what is not valid by itself or as a change of `old`, which may be a change of its status.
pub fn validate(
    kind: &Kind,
    object: &Value,
    old: Option<&Value>,
    status: bool,
) -> Result<(), Refusal> {
    let mut problems = Vec::new();
    metadata(object, old, &mut problems);
    if let Some(judge) = JUDGES.iter().find(|one| one.definition().kind == kind.kind) {
        let write = match old {
            None => Write::Create,
            Some(old) if status => Write::Status(old),
            Some(old) => Write::Update(old),
        };
        let refusals = judge.refusals(object, write);
        problems.extend(refusals.iter().map(ToString::to_string));
    }
    match kind.plural {
        "pods" => pod(object, old, &mut problems),
        "events" => event(object, old, &mut problems),
        "leases" => lease(object, &mut problems),
        _ => {}
    }
    if problems.is_empty() {
        return Ok(());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Err(Refusal::invalid(kind, name, &problems.join(", ")))
}

fn metadata(object: &Value, old: Option<&Value>, problems: &mut Vec<String>) {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    if !is_subdomain(name) {
        problems.push(format!("metadata.name: Invalid value: \"{name}\": an RFC 1123 subdomain"));
    }
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if !is_qualified(key) || !is_label(value) {
            problems.push(format!("metadata.labels: Invalid value: \"{key}={value}\""));
        }
    }
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        size += key.len() + value.as_str().unwrap_or_default().len();
        if !is_qualified(key) {
            problems.push(format!("metadata.annotations: Invalid value: \"{key}\""));
        }
    }
    if size > 256 << 10 {
        problems
            .push("metadata.annotations: Too long: may not be more than 262144 bytes".to_owned());
    }
    for owner in list(metadata, "ownerReferences") {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                problems.push(format!("metadata.ownerReferences.{field}: Required value"));
            }
        }
    }
    let controllers =
        list(metadata, "ownerReferences").iter().filter(|one| one["controller"] == true).count();
    if controllers > 1 {
        problems.push("metadata.ownerReferences: only one may be the controller".to_owned());
    }
    let before = old.map(|old| list(&old["metadata"], "finalizers")).unwrap_or_default();
    for finalizer in list(metadata, "finalizers") {
        let word = finalizer.as_str().unwrap_or_default();
        if !word.contains('/') && word != "foregroundDeletion" && word != "orphan" {
            problems.push(format!("metadata.finalizers: Invalid value: \"{word}\""));
        }
        if metadata["deletionTimestamp"].is_string()
            && !before.contains(finalizer)
            && word != "foregroundDeletion"
        {
            let text = "metadata.finalizers: Forbidden: no new finalizers can be added if the \
                        object is being deleted";
            problems.push(text.to_owned());
        }
    }
}

fn pod(pod: &Value, old: Option<&Value>, problems: &mut Vec<String>) {
    let spec = &pod["spec"];
    if let Some(old) = old {
        let frozen = |spec: &Value| {
            let mut spec = spec.clone();
            for may_change in
                ["nodeName", "activeDeadlineSeconds", "tolerations", "schedulingGates"]
            {
                spec.as_object_mut().map(|spec| spec.remove(may_change));
            }
            spec
        };
        if frozen(spec) != frozen(&old["spec"]) {
            problems.push("spec: Forbidden: pod updates may not change fields of it".to_owned());
        }
        return;
    }
    let volumes: Vec<&str> = names(list(spec, "volumes"));
    let mut seen: Vec<&str> = Vec::new();
    if list(spec, "containers").is_empty() {
        problems.push("spec.containers: Required value".to_owned());
    }
    for container in list(spec, "initContainers").iter().chain(list(spec, "containers")) {
        let name = container["name"].as_str().unwrap_or_default();
        if name.is_empty() || name.contains('.') || !is_subdomain(name) || seen.contains(&name) {
            problems.push(format!("spec.containers.name: Invalid value: \"{name}\""));
        }
        seen.push(name);
        if container["image"].as_str().unwrap_or_default().is_empty() {
            problems.push(format!("spec.containers[{name}].image: Required value"));
        }
        for mount in list(container, "volumeMounts") {
            let volume = mount["name"].as_str().unwrap_or_default();
            if !volumes.contains(&volume) {
                problems.push(format!("spec.containers[{name}].volumeMounts: Not found: {volume}"));
            }
        }
    }
}

fn event(event: &Value, old: Option<&Value>, problems: &mut Vec<String>) {
    if let Some(old) = old {
        let frozen = |event: &Value| {
            let mut event = event.clone();
            for may_change in ["series", "metadata"] {
                event.as_object_mut().map(|event| event.remove(may_change));
            }
            event
        };
        if frozen(event) != frozen(old) {
            problems.push("event: Forbidden: only series may change".to_owned());
        }
    }
    for (field, most) in
        [("reason", 128), ("action", 128), ("reportingController", 128), ("reportingInstance", 128)]
    {
        let length = event[field].as_str().unwrap_or_default().len();
        if length == 0 || length > most {
            problems.push(format!("{field}: Required value, of at most {most} bytes"));
        }
    }
    if event["note"].as_str().unwrap_or_default().len() > 1024 {
        problems.push("note: can have at most 1024 characters".to_owned());
    }
    if !matches!(event["type"].as_str(), Some("Normal" | "Warning")) {
        problems.push("type: has invalid value".to_owned());
    }
    if event["eventTime"].is_null() {
        problems.push("eventTime: Required value".to_owned());
    }
    if event["regarding"]["namespace"] != event["metadata"]["namespace"] {
        problems.push("regarding.namespace: does not match event.namespace".to_owned());
    }
}

fn lease(lease: &Value, problems: &mut Vec<String>) {
    let spec = &lease["spec"];
    if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
        problems.push("spec.leaseDurationSeconds: must be greater than 0".to_owned());
    }
    if spec["leaseTransitions"].as_i64().is_some_and(|count| count < 0) {
        problems.push("spec.leaseTransitions: must be greater than or equal to 0".to_owned());
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn names(list: &[Value]) -> Vec<&str> {
    list.iter().filter_map(|one| one["name"].as_str()).collect()
}

fn is_subdomain(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit();
        part.bytes().next().is_some_and(inner)
            && part.bytes().last().is_some_and(inner)
            && part.bytes().all(|one| inner(one) || one == b'-')
    };
    !text.is_empty() && text.len() <= 253 && text.split('.').all(part)
}

fn is_label(text: &str) -> bool {
    let edge = |one: u8| one.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.bytes().next().is_some_and(edge)
            && text.bytes().last().is_some_and(edge)
            && text.bytes().all(|one| edge(one) || matches!(one, b'-' | b'_' | b'.'))
}

fn is_qualified(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && !name.is_empty() && is_label(name),
        None => !text.is_empty() && is_label(text),
    }
}
