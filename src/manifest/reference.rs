//! References to other objects, always in the namespace of the object that names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Another object by name, in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameRef {
    /// Its name, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// One value of a Secret, in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Which of its keys.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// One value of a ConfigMap, in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the `ConfigMap`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Which of its keys, for example `checkout.md`.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Where a text comes from that is not written into the object itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TextFrom {
    /// One key of a ConfigMap in the same namespace.
    pub config_map_key_ref: ConfigMapKeyRef,
}
