//! From a run to the terms of its pod: the contract.

use super::{
    Settings,
    contract::{
        Size,
        run::{
            ArtifactWishes, Driver, Keep, OnUploadFailure, RunContract, RunIdentity, S3Target,
            SandboxWish, Version,
        },
    },
};
use crate::manifest::{
    check::{ValidRun, ValidStorage, VariableSource},
    test_run::{
        Driver as Drives, Sandbox, When,
        artifacts::{Screenshots, UploadFailure},
    },
};

/// Where an attempt's files go: `<prefix>/<namespace>/<run>/<first 8 digits of its uid>/<attempt>/`,
/// so that a name that is used again never meets its predecessor.
pub fn key_prefix(storage: &ValidStorage, identity: &RunIdentity) -> String {
    let uid: String = identity.uid.chars().take(8).collect();
    format!(
        "{}{}/{}/{uid}/{}/",
        storage.prefix, identity.namespace, identity.name, identity.attempt
    )
}

/// The contract of an attempt. The plan is given apart: it may come from a ConfigMap.
pub fn contract(
    run: &ValidRun,
    identity: &RunIdentity,
    plan: String,
    storage: Option<&ValidStorage>,
    settings: &Settings,
) -> RunContract {
    let spec = &run.spec;
    let mut variables = std::collections::BTreeMap::new();
    let mut secret_variables = Vec::new();
    for variable in &run.variables {
        match &variable.value {
            VariableSource::Plain(value) => {
                variables.insert(variable.name.clone(), value.clone());
            }
            VariableSource::Secret(_) => secret_variables.push(variable.name.clone()),
        }
    }
    RunContract {
        version: Version,
        run: identity.clone(),
        url: run.url.to_string(),
        plan,
        pass_criteria: spec.pass_criteria.clone(),
        variables,
        secret_variables,
        driver: match spec.driver {
            Drives::Auto => Driver::Auto,
            Drives::Direct => Driver::Direct,
            Drives::Model => Driver::Model,
        },
        viewport: Size {
            width: spec.viewport.width.unsigned_abs(),
            height: spec.viewport.height.unsigned_abs(),
        },
        sandbox: match spec.sandbox {
            Sandbox::Required => SandboxWish::Required,
            Sandbox::Preferred => SandboxWish::Preferred,
            Sandbox::Off => SandboxWish::Off,
        },
        stop_on_first_failure: spec.stop_on_first_failure,
        active_deadline_seconds: spec.active_deadline_seconds.unsigned_abs().into(),
        idle_seconds: spec.keep_alive.idle_seconds.unsigned_abs().into(),
        artifacts: ArtifactWishes {
            video: match spec.artifacts.video {
                When::Always => Keep::Always,
                When::OnFailure => Keep::OnFailure,
                When::Never => Keep::Never,
            },
            screenshots: match spec.artifacts.screenshots {
                Screenshots::EveryStep => Keep::Always,
                Screenshots::OnFailure => Keep::OnFailure,
                Screenshots::Never => Keep::Never,
            },
            s3: storage.map(|storage| target(storage, identity)),
            upload_timeout_seconds: spec.artifacts.upload_timeout_seconds.unsigned_abs().into(),
            on_upload_failure: match spec.artifacts.on_upload_failure {
                UploadFailure::Hold => OnUploadFailure::Hold,
                UploadFailure::Discard => OnUploadFailure::Discard,
            },
        },
        policy: settings.policy.clone(),
        operator_key: settings.operator_key,
    }
}

fn target(storage: &ValidStorage, identity: &RunIdentity) -> S3Target {
    S3Target {
        endpoint: storage.endpoint.to_string(),
        bucket: storage.bucket.clone(),
        prefix: key_prefix(storage, identity),
        region: storage.region.clone(),
        path_style: storage.path_style,
    }
}
