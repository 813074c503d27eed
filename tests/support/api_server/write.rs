//! Creating, changing and deleting, by the rules of a real server.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    call::{Call, Verb},
    kind::Kind,
    patch,
    refusal::Refusal,
    shape::shaped,
    store::{Key, Store},
    validate::validate,
};

/// What a write answers.
pub type Written = Result<(StatusCode, Value), Refusal>;

impl Store {
    /// Answers a request that writes.
    pub fn write(&mut self, call: &Call) -> Written {
        let key = Key {
            plural: call.kind.plural,
            namespace: call.namespace.clone(),
            name: call.name.clone(),
        };
        match call.verb {
            Verb::Create => {
                check_type(call, &["application/json"])?;
                let made = self.create(call.kind, &call.namespace, &call.json()?)?;
                Ok((StatusCode::CREATED, made))
            }
            Verb::Update => {
                check_type(call, &["application/json"])?;
                self.replace(call, key, call.json()?)
            }
            Verb::Patch => self.patch(call, key),
            Verb::Delete => self.delete(call, key),
            Verb::Get | Verb::List | Verb::Watch => unreachable!("these do not write"),
        }
    }

    /// Makes an object.
    pub fn create(
        &mut self,
        kind: &'static Kind,
        namespace: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let mut object = body.clone();
        check_identity(kind, namespace, &mut object)?;
        if kind.namespaced {
            let key =
                Key { plural: "namespaces", namespace: String::new(), name: namespace.to_owned() };
            if self.get(&key).is_none() {
                return Err(Refusal::not_found(Kind::named("namespaces"), namespace));
            }
        }
        let serial = self.next();
        let now = self.now().to_string();
        let metadata = metadata(&mut object)?;
        if metadata.get("resourceVersion").is_some_and(|version| version != "") {
            let text = "resourceVersion should not be set on objects to be created";
            return Err(Refusal::new(500, "InternalError", text));
        }
        if text(metadata, "name").is_empty() {
            let prefix = text(metadata, "generateName").to_owned();
            if prefix.is_empty() {
                let why = "metadata.name: Required value: name or generateName is required";
                return Err(Refusal::invalid(kind, "", why));
            }
            metadata.insert("name".to_owned(), json!(format!("{prefix}{serial:05}")));
        }
        for taken in ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"] {
            metadata.remove(taken);
        }
        let uid = format!("{serial:08x}-0000-4000-8000-000000000000");
        metadata.insert("uid".to_owned(), json!(uid));
        metadata.insert("creationTimestamp".to_owned(), json!(now));
        if kind.namespaced {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        if kind.custom {
            metadata.insert("generation".to_owned(), json!(1));
        }
        let name = text(metadata, "name").to_owned();
        if kind.status {
            object.as_object_mut().expect("an object").remove("status");
        }
        let mut object = shaped(kind, object)?;
        if kind.plural == "pods" {
            object["status"] = json!({"phase": "Pending"});
        }
        validate(kind, &object, None, false)?;
        let key = Key { plural: kind.plural, namespace: namespace.to_owned(), name };
        if self.get(&key).is_some() {
            return Err(Refusal::exists(kind, &key.name));
        }
        Ok(self.commit(key, object, false))
    }

    fn replace(&mut self, call: &Call, key: Key, mut new: Value) -> Written {
        check_identity(call.kind, &call.namespace, &mut new)?;
        if text(metadata(&mut new)?, "name") != call.name {
            return Err(Refusal::bad_request(
                "the name of the object does not match the name on the URL",
            ));
        }
        let Some(old) = self.get(&key).cloned() else {
            if call.kind.create_on_update && call.subresource.is_none() {
                // Whoever names a version means an object that was there.
                if !text(metadata(&mut new)?, "resourceVersion").is_empty() {
                    return Err(Refusal::not_found(call.kind, &call.name));
                }
                let made = self.create(call.kind, &call.namespace, &new)?;
                return Ok((StatusCode::CREATED, made));
            }
            return Err(Refusal::not_found(call.kind, &call.name));
        };
        if text(metadata(&mut new)?, "resourceVersion").is_empty() && !call.kind.unconditional {
            let why =
                "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update";
            return Err(Refusal::invalid(call.kind, &call.name, why));
        }
        Ok((StatusCode::OK, self.update(call, key, &old, new)?))
    }

    fn patch(&mut self, call: &Call, key: Key) -> Written {
        let old = self.get(&key).cloned();
        if call.content_type.starts_with("application/apply-patch+yaml") {
            return self.apply(call, key, old);
        }
        let old = old.ok_or_else(|| Refusal::not_found(call.kind, &call.name))?;
        let new = match call.content_type.as_str() {
            "application/merge-patch+json" => patch::merge(&old, &call.json()?),
            "application/json-patch+json" => patch::json(call, &old)?,
            // A real one takes strategic merge patches of built-in kinds; nobody of ours sends any.
            other => return Err(unsupported(other)),
        };
        Ok((StatusCode::OK, self.update(call, key, &old, new)?))
    }

    /// Server-side apply, without `force` for what somebody else applied.
    fn apply(&mut self, call: &Call, key: Key, old: Option<Value>) -> Written {
        let Some(manager) = call.parameter("fieldManager") else {
            let why = "fieldManager: Required value: is required for apply patch";
            return Err(Refusal::invalid(call.kind, &call.name, why));
        };
        let mut wanted = call.json()?;
        check_identity(call.kind, &call.namespace, &mut wanted)?;
        if wanted.get("apiVersion").is_none() || wanted.get("kind").is_none() {
            return Err(Refusal::bad_request("apiVersion and kind must be set"));
        }
        wanted["metadata"]["name"] = json!(call.name);
        let place = (key.clone(), manager.to_owned());
        let Some(old) = old else {
            if call.subresource.is_some() {
                return Err(Refusal::not_found(call.kind, &call.name));
            }
            let made = self.create(call.kind, &call.namespace, &wanted)?;
            self.applied.insert(place, wanted);
            return Ok((StatusCode::CREATED, made));
        };
        let force = call.parameter("force") == Some("true");
        for ((of, other), theirs) in &self.applied {
            if *of == key
                && other != manager
                && !force
                && let Some(path) = patch::disagreement(&old, theirs, &wanted)
            {
                let text =
                    format!("Apply failed with 1 conflict: conflict with \"{other}\": {path}");
                return Err(Refusal::new(409, "Conflict", text));
            }
        }
        let before = self.applied.get(&place).cloned().unwrap_or_default();
        let new = patch::merge(&patch::without(&old, &before, &wanted), &wanted);
        let written = self.update(call, key, &old, new)?;
        self.applied.insert(place, wanted);
        Ok((StatusCode::OK, written))
    }

    /// Puts `new` in the place of `old`, as far as the request may.
    fn update(
        &mut self,
        call: &Call,
        key: Key,
        old: &Value,
        mut new: Value,
    ) -> Result<Value, Refusal> {
        let kind = call.kind;
        check_identity(kind, &call.namespace, &mut new)?;
        let fresh = metadata(&mut new)?;
        let same =
            |field: &str| text(fresh, field) == old["metadata"][field].as_str().unwrap_or("");
        if !same("name") {
            return Err(Refusal::invalid(kind, &key.name, "metadata.name: field is immutable"));
        }
        if !text(fresh, "uid").is_empty() && !same("uid") {
            let why = "Precondition failed: UID in precondition is not that of the object";
            return Err(Refusal::conflict(kind, &key.name, why));
        }
        if !text(fresh, "resourceVersion").is_empty() && !same("resourceVersion") {
            let why = "the object has been modified; please apply your changes to the latest \
                       version and try again";
            return Err(Refusal::conflict(kind, &key.name, why));
        }
        for owned in OWNED {
            match old["metadata"].get(owned) {
                Some(value) => fresh.insert(owned.to_owned(), value.clone()),
                None => fresh.remove(owned),
            };
        }
        let mut object = if call.subresource == Some("status") {
            let mut object = old.clone();
            put(&mut object, "status", new.get("status"));
            object
        } else {
            if kind.status {
                put(&mut new, "status", old.get("status"));
            }
            new
        };
        object = shaped(kind, object)?;
        validate(kind, &object, Some(old), call.subresource.is_some())?;
        if kind.custom && without_generated(&object) != without_generated(old) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        if object == *old {
            return Ok(object);
        }
        if let Some(manager) = call.parameter("fieldManager")
            && object["spec"]["desiredState"] != old["spec"]["desiredState"]
        {
            // Of all ownership of fields, what the operator looks at.
            object["metadata"]["managedFields"] = json!([{
                "manager": manager, "operation": "Update", "apiVersion": kind.api_version(),
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:desiredState": {}}},
            }]);
        }
        let gone = is_gone(&object);
        Ok(self.commit(key, object, gone))
    }

    fn delete(&mut self, call: &Call, key: Key) -> Written {
        let kind = call.kind;
        let options: Value = if call.body.is_empty() { json!({}) } else { call.json()? };
        let old = self.get(&key).cloned().ok_or_else(|| Refusal::not_found(kind, &key.name))?;
        for field in ["uid", "resourceVersion"] {
            let wanted = &options["preconditions"][field];
            if !wanted.is_null() && *wanted != old["metadata"][field] {
                let why = format!("Precondition failed: {field} in precondition: {wanted}");
                return Err(Refusal::conflict(kind, &key.name, &why));
            }
        }
        let mut object = old.clone();
        let grace = grace(kind, &old, &options);
        let deleting = old["metadata"]["deletionTimestamp"].as_str().map(str::to_owned);
        match deleting {
            None => {
                let at = self.now() + SignedDuration::from_secs(grace);
                object["metadata"]["deletionTimestamp"] = json!(at.to_string());
                object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
                if options["propagationPolicy"] == "Foreground" {
                    let finalizers = &mut object["metadata"]["finalizers"];
                    let mut list = finalizers.as_array().cloned().unwrap_or_default();
                    list.push(json!("foregroundDeletion"));
                    *finalizers = json!(list);
                }
            }
            Some(at) => {
                // A shorter grace moves the end, a longer one does nothing.
                let before = old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
                if grace < before {
                    let at: Timestamp =
                        at.parse().map_err(|_| Refusal::bad_request("no time of ours"))?;
                    let at = at + SignedDuration::from_secs(grace - before);
                    object["metadata"]["deletionTimestamp"] = json!(at.to_string());
                    object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
                }
            }
        }
        if object == old {
            return Ok((StatusCode::OK, object));
        }
        let gone = is_gone(&object);
        let object = self.commit(key, object, gone);
        if gone && !matches!(kind.plural, "pods") {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": {"name": call.name, "group": kind.group, "kind": kind.plural,
                            "uid": object["metadata"]["uid"]},
            });
            return Ok((StatusCode::OK, status));
        }
        Ok((StatusCode::OK, object))
    }
}

/// What only the server writes.
const OWNED: [&str; 8] = [
    "uid",
    "namespace",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
];

fn unsupported(content_type: &str) -> Refusal {
    let text = format!("the body of the request was in an unknown format: {content_type}");
    Refusal::new(415, "UnsupportedMediaType", text)
}

fn check_type(call: &Call, known: &[&str]) -> Result<(), Refusal> {
    let found = call.content_type.as_str();
    if known.contains(&found) { Ok(()) } else { Err(unsupported(found)) }
}

/// An object says what it is and where, or nothing about it; it never says another thing.
fn check_identity(kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Refusal> {
    let Some(map) = object.as_object_mut() else {
        return Err(Refusal::bad_request("the body is no object"));
    };
    for (field, wanted) in [("apiVersion", kind.api_version()), ("kind", kind.kind.to_owned())] {
        match map.get(field) {
            Some(found) if *found == wanted => {}
            None if !kind.custom => {
                map.insert(field.to_owned(), json!(wanted));
            }
            found => {
                return Err(Refusal::bad_request(format!(
                    "the {field} in the data ({found:?}) does not match the expected {wanted}"
                )));
            }
        }
    }
    let found = text(metadata(object)?, "namespace");
    if !found.is_empty() && found != namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

fn metadata(object: &mut Value) -> Result<&mut Map<String, Value>, Refusal> {
    let map = object.as_object_mut().ok_or_else(|| Refusal::bad_request("no object"))?;
    let metadata = map.entry("metadata").or_insert_with(|| json!({}));
    metadata.as_object_mut().ok_or_else(|| Refusal::bad_request("metadata is no object"))
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn put(object: &mut Value, field: &str, value: Option<&Value>) {
    let map = object.as_object_mut().expect("an object");
    match value {
        Some(value) => map.insert(field.to_owned(), value.clone()),
        None => map.remove(field),
    };
}

/// What the generation counts the changes of.
fn without_generated(object: &Value) -> Value {
    let mut object = object.clone();
    let map = object.as_object_mut().expect("an object");
    map.remove("metadata");
    map.remove("status");
    object
}

/// It is being deleted, and nobody wants it to stay.
fn is_gone(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let held = metadata["finalizers"].as_array().is_some_and(|list| !list.is_empty());
    let grace = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    metadata["deletionTimestamp"].is_string() && !held && grace == 0
}

/// Seconds that a pod has to end; nothing else has any.
fn grace(kind: &Kind, object: &Value, options: &Value) -> i64 {
    if kind.plural != "pods" {
        return 0;
    }
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    if object["spec"]["nodeName"].is_null() || matches!(phase, "Failed" | "Succeeded") {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    options["gracePeriodSeconds"].as_i64().unwrap_or(own)
}
