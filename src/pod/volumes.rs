//! What the containers share, and what one of them has alone.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapProjection, DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource,
        KeyToPath, ObjectFieldSelector, ProjectedVolumeSource, SecretProjection, Volume,
        VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::contract::places;
use crate::manifest::check::{ValidRun, ValidStorage, VariableSource};

/// Shared memory of Chromium's processes; the container's 64 MiB are too small for heavy pages.
pub(super) const SHARED_MEMORY: places::Volume =
    places::Volume { name: "shared-memory", path: "/dev/shm" };
/// Counts against the browser's memory limit, and bounds what a page may fill.
const SHARED_MEMORY_SIZE: &str = "1Gi";
/// Sockets and a few kilobytes of records.
const SMALL: &str = "16Mi";

/// All volumes of the pod.
pub(super) fn all(run: &ValidRun, storage: Option<&ValidStorage>) -> Vec<Volume> {
    let mut volumes = vec![
        in_memory(places::BROWSER_SOCKETS, SMALL),
        in_memory(places::AGENT_SOCKETS, SMALL),
        in_memory(places::JOURNAL, SMALL),
        in_memory(SHARED_MEMORY, SHARED_MEMORY_SIZE),
        on_disk(places::ARTIFACTS),
        on_disk(places::MEDIA),
        on_disk(places::HOME),
        contract(),
    ];
    volumes.extend(secrets(run));
    volumes.extend(storage.and_then(credentials));
    volumes
}

/// A volume where it belongs.
pub(super) fn mount(volume: places::Volume, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.name.to_owned(),
        mount_path: volume.path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// A directory of a volume at another place.
pub(super) fn mount_part(volume: places::Volume, part: &str, path: &str) -> VolumeMount {
    VolumeMount {
        mount_path: path.to_owned(),
        sub_path: Some(part.to_owned()),
        ..mount(volume, false)
    }
}

fn named(volume: places::Volume) -> Volume {
    Volume { name: volume.name.to_owned(), ..Volume::default() }
}

fn in_memory(volume: places::Volume, size: &str) -> Volume {
    let source = EmptyDirVolumeSource {
        medium: Some("Memory".to_owned()),
        size_limit: Some(Quantity(size.to_owned())),
    };
    Volume { empty_dir: Some(source), ..named(volume) }
}

fn on_disk(volume: places::Volume) -> Volume {
    Volume { empty_dir: Some(EmptyDirVolumeSource::default()), ..named(volume) }
}

/// The contract and the pod's own uid.
fn contract() -> Volume {
    let file = |path: &str, field: String| DownwardAPIVolumeFile {
        path: path.to_owned(),
        field_ref: Some(ObjectFieldSelector { api_version: None, field_path: field }),
        ..DownwardAPIVolumeFile::default()
    };
    let annotation = format!("metadata.annotations['{}']", places::CONTRACT_ANNOTATION);
    let source = DownwardAPIVolumeSource {
        items: Some(vec![
            file(places::CONTRACT_FILE, annotation),
            file(places::POD_UID_FILE, "metadata.uid".to_owned()),
        ]),
        default_mode: None,
    };
    Volume { downward_api: Some(source), ..named(places::CONTRACT) }
}

/// One file for each secret variable, named like it.
fn secrets(run: &ValidRun) -> Option<Volume> {
    let sources: Vec<VolumeProjection> = run
        .variables
        .iter()
        .filter_map(|variable| match &variable.value {
            VariableSource::Plain(_) => None,
            VariableSource::Secret(from) => Some(VolumeProjection {
                secret: Some(SecretProjection {
                    name: from.name.clone(),
                    items: Some(vec![KeyToPath {
                        key: from.key.clone(),
                        path: variable.name.clone(),
                        mode: None,
                    }]),
                    optional: None,
                }),
                ..VolumeProjection::default()
            }),
        })
        .collect();
    projected(places::SECRETS, sources)
}

/// The storage's credentials under the names of their keys, and the authority to trust.
fn credentials(storage: &ValidStorage) -> Option<Volume> {
    let secret = storage.credentials.as_ref().map(|from| VolumeProjection {
        secret: Some(SecretProjection { name: from.name.clone(), items: None, optional: None }),
        ..VolumeProjection::default()
    });
    let authority = storage.ca_from.as_ref().map(|from| VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: from.config_map_key_ref.name.clone(),
            items: Some(vec![KeyToPath {
                key: from.config_map_key_ref.key.clone(),
                path: AUTHORITY.to_owned(),
                mode: None,
            }]),
            optional: None,
        }),
        ..VolumeProjection::default()
    });
    projected(places::STORAGE, secret.into_iter().chain(authority).collect())
}

/// The authority's file, in the directory of the storage's credentials.
const AUTHORITY: &str = "ca.crt";

fn projected(volume: places::Volume, sources: Vec<VolumeProjection>) -> Option<Volume> {
    let source = ProjectedVolumeSource { default_mode: None, sources: Some(sources) };
    let any = source.sources.as_ref().is_some_and(|sources| !sources.is_empty());
    any.then(|| Volume { projected: Some(source), ..named(volume) })
}

/// Whether the run has secret variables.
pub(super) fn has_secrets(run: &ValidRun) -> bool {
    run.variables.iter().any(|variable| matches!(variable.value, VariableSource::Secret(_)))
}

/// Whether the storage has anything to mount.
pub(super) fn has_credentials(storage: &ValidStorage) -> bool {
    storage.credentials.is_some() || storage.ca_from.is_some()
}
