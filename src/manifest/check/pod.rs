//! What a pod would be refused for, said before there is one.

use std::collections::BTreeMap;

use super::super::{
    problem::{Path, Problem},
    syntax,
    test_run::pod::{PodTemplate, Quantity, Toleration},
};

/// Labels and annotations of ours, which a run may not set.
const OURS: &str = "handback.dev/";

pub(super) fn check(template: &PodTemplate, path: &Path, problems: &mut Vec<Problem>) {
    let PodTemplate {
        resources,
        node_selector,
        tolerations,
        runtime_class_name,
        labels,
        annotations,
    } = template;
    if let Some(resources) = resources {
        let path = path.field("resources");
        amounts(&resources.limits, &path.field("limits"), problems);
        amounts(&resources.requests, &path.field("requests"), problems);
    }
    names(node_selector, &path.field("nodeSelector"), problems);
    values(node_selector, &path.field("nodeSelector"), problems);
    for (index, toleration) in tolerations.iter().enumerate() {
        tolerated(toleration, &path.field("tolerations").item(index), problems);
    }
    if let Some(Err(message)) = runtime_class_name.as_deref().map(syntax::dns_subdomain) {
        problems.push(Problem::value(path.field("runtimeClassName"), message));
    }
    names(labels, &path.field("labels"), problems);
    values(labels, &path.field("labels"), problems);
    names(annotations, &path.field("annotations"), problems);
    for (place, texts) in [("labels", labels), ("annotations", annotations)] {
        for name in texts.keys().filter(|name| name.starts_with(OURS)) {
            let message = format!("names that begin with {OURS} are the operator's");
            problems.push(Problem::value(path.field(place).field(name), message));
        }
    }
}

fn amounts(amounts: &BTreeMap<String, Quantity>, path: &Path, problems: &mut Vec<Problem>) {
    for (name, amount) in amounts {
        let path = path.field(name);
        problems.extend(
            syntax::qualified_name(name).err().map(|message| Problem::value(path.clone(), message)),
        );
        problems.extend(
            syntax::quantity(amount.as_str()).err().map(|message| Problem::value(path, message)),
        );
    }
}

fn names(texts: &BTreeMap<String, String>, path: &Path, problems: &mut Vec<Problem>) {
    for name in texts.keys() {
        let refused = syntax::qualified_name(name).err();
        problems.extend(refused.map(|message| Problem::value(path.field(name), message)));
    }
}

fn values(texts: &BTreeMap<String, String>, path: &Path, problems: &mut Vec<Problem>) {
    for (name, value) in texts {
        let refused = syntax::label_value(value).err();
        problems.extend(refused.map(|message| Problem::value(path.field(name), message)));
    }
}

fn tolerated(toleration: &Toleration, path: &Path, problems: &mut Vec<Problem>) {
    let Toleration { key, operator, value, effect, toleration_seconds } = toleration;
    let exists = operator.as_deref() == Some("Exists");
    let mut refuse = |field: &str, message: String| {
        problems.push(Problem::value(path.field(field), message));
    };
    if let Some(Err(message)) =
        key.as_deref().filter(|key| !key.is_empty()).map(syntax::qualified_name)
    {
        refuse("key", message);
    }
    if let Some(operator) =
        operator.as_deref().filter(|name| !["", "Exists", "Equal"].contains(name))
    {
        refuse("operator", format!("{operator:?} is none of Exists, Equal"));
    }
    if key.as_deref().is_none_or(str::is_empty) && !exists {
        refuse("operator", "must be Exists where there is no key".to_owned());
    }
    if exists && value.as_deref().is_some_and(|value| !value.is_empty()) {
        refuse("value", "must be absent with the operator Exists".to_owned());
    }
    if let Some(Err(message)) = value.as_deref().map(syntax::label_value) {
        refuse("value", message);
    }
    let effects = ["", "NoSchedule", "PreferNoSchedule", "NoExecute"];
    if let Some(effect) = effect.as_deref().filter(|name| !effects.contains(name)) {
        refuse("effect", format!("{effect:?} is none of NoSchedule, PreferNoSchedule, NoExecute"));
    }
    if toleration_seconds.is_some() && effect.as_deref() != Some("NoExecute") {
        refuse("tolerationSeconds", "needs the effect NoExecute".to_owned());
    }
}
