//! The volumes of a run pod (pure): what is in memory, what is on disk, and which secrets go where.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapProjection, DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource,
        KeyToPath, ObjectFieldSelector, ProjectedVolumeSource, SecretProjection, Volume,
        VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    Order,
    contract::places::{
        self, AGENT_SOCKETS, ARTIFACTS, BROWSER_SOCKETS, CONTRACT, CONTRACT_ANNOTATION,
        CONTRACT_FILE, HOME, JOURNAL, MEDIA, POD_UID_FILE, SECRETS, STORAGE,
    },
};
use crate::manifest::check::{ValidRun, ValidStorage, VariableSource};

/// Chromium's shared memory: the 64 MiB that containers have are too small for large pages.
pub(super) const SHARED_MEMORY: places::Volume = places::Volume { name: "shm", path: "/dev/shm" };
/// The display's lock and socket; nothing else of the browser's writes there.
pub(super) const TEMPORARY: places::Volume = places::Volume { name: "tmp", path: "/tmp" };

/// The storage's CA, in the directory of [`STORAGE`].
const CA_FILE: &str = "ca.crt";
/// A volume of secrets is for its own user and group.
const PRIVATE: i32 = 0o440;

/// Whether the run has secrets to mount.
pub(super) fn has_secrets(run: &ValidRun) -> bool {
    run.variables.iter().any(|one| matches!(one.value, VariableSource::Secret(_)))
}

/// All of them.
pub(super) fn volumes(order: &Order<'_>) -> Vec<Volume> {
    let mut volumes = vec![
        memory(BROWSER_SOCKETS, "1Mi"),
        memory(AGENT_SOCKETS, "1Mi"),
        memory(JOURNAL, "16Mi"),
        memory(SHARED_MEMORY, "1Gi"),
        memory(TEMPORARY, "16Mi"),
        disk(ARTIFACTS),
        disk(MEDIA),
        disk(HOME),
        contract(),
    ];
    if has_secrets(order.run) {
        volumes.push(projected(SECRETS, secrets(order.run)));
    }
    if let Some(storage) = order.storage {
        volumes.push(projected(STORAGE, credentials(storage)));
    }
    volumes
}

fn empty(volume: places::Volume, source: EmptyDirVolumeSource) -> Volume {
    Volume { name: volume.name.to_owned(), empty_dir: Some(source), ..Volume::default() }
}

fn memory(volume: places::Volume, limit: &str) -> Volume {
    let size_limit = Some(Quantity(limit.to_owned()));
    empty(volume, EmptyDirVolumeSource { medium: Some("Memory".to_owned()), size_limit })
}

fn disk(volume: places::Volume) -> Volume {
    empty(volume, EmptyDirVolumeSource::default())
}

fn contract() -> Volume {
    let item = |path: &str, field: String| DownwardAPIVolumeFile {
        path: path.to_owned(),
        field_ref: Some(ObjectFieldSelector { field_path: field, api_version: None }),
        ..DownwardAPIVolumeFile::default()
    };
    let items = vec![
        item(CONTRACT_FILE, format!("metadata.annotations['{CONTRACT_ANNOTATION}']")),
        item(POD_UID_FILE, "metadata.uid".to_owned()),
    ];
    let source = DownwardAPIVolumeSource { items: Some(items), default_mode: None };
    Volume { name: CONTRACT.name.to_owned(), downward_api: Some(source), ..Volume::default() }
}

fn projected(volume: places::Volume, sources: Vec<VolumeProjection>) -> Volume {
    let source = ProjectedVolumeSource { sources: Some(sources), default_mode: Some(PRIVATE) };
    Volume { name: volume.name.to_owned(), projected: Some(source), ..Volume::default() }
}

/// A file for each secret variable, named like it.
fn secrets(run: &ValidRun) -> Vec<VolumeProjection> {
    let secrets = run.variables.iter().filter_map(|variable| match &variable.value {
        VariableSource::Secret(from) => Some((from, variable.name.clone())),
        VariableSource::Plain(_) => None,
    });
    secrets
        .map(|(from, path)| {
            let item = KeyToPath { key: from.key.clone(), path, mode: None };
            VolumeProjection {
                secret: Some(SecretProjection {
                    name: from.name.clone(),
                    items: Some(vec![item]),
                    optional: None,
                }),
                ..VolumeProjection::default()
            }
        })
        .collect()
}

/// The storage's keys under their own names, and the CA beside them.
fn credentials(storage: &ValidStorage) -> Vec<VolumeProjection> {
    let keys = storage.credentials.as_ref().map(|secret| VolumeProjection {
        secret: Some(SecretProjection { name: secret.name.clone(), items: None, optional: None }),
        ..VolumeProjection::default()
    });
    let ca = storage.ca_from.as_ref().map(|from| {
        let from = &from.config_map_key_ref;
        let item = KeyToPath { key: from.key.clone(), path: CA_FILE.to_owned(), mode: None };
        VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: from.name.clone(),
                items: Some(vec![item]),
                optional: None,
            }),
            ..VolumeProjection::default()
        }
    });
    keys.into_iter().chain(ca).collect()
}
