//! What is measured of a page before and after a person had it. Names, counts and sums only: no value
//! of a cookie, a key or a field.
#![expect(unreachable_pub, reason = "kube's schema derive writes public items")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::time::Time;

/// A page as far as it may be written down. What could not be read is absent and named in partial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The page's URL without user info and fragment, query reduced to its names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub url: Option<String>,
    /// Tells whether the whole URL changed, without saying it: 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub url_digest: Option<String>,
    /// The page's title, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub title: Option<String>,
    /// Tells whether the title changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub title_digest: Option<String>,
    /// Scheme, host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub origin: Option<String>,
    /// When it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// How many tabs are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub tab_count: Option<i32>,
    /// How many cookies the browser has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub cookie_count: Option<i32>,
    /// The first twelve names in local storage, sorted, each of at most 48 characters, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12), inner(length(max = 48)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub local_storage_keys: Vec<String>,
    /// How many names there are in local storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub local_storage_key_count: Option<i32>,
    /// Tells whether the names in local storage changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub local_storage_keys_digest: Option<String>,
    /// How many names there are in session storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub session_storage_key_count: Option<i32>,
    /// Sum of the document's structure, without its texts: s1: and 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 67))]
    pub dom_fingerprint: Option<String>,
    /// How many elements that sum covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20_000))]
    pub dom_node_count: Option<i32>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12), inner(length(max = 32)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub partial: Vec<String>,
}

/// What differs between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// The page's URL, query and fragment included: Changed, Unchanged or Unknown.
    pub url: Change,
    /// The page's title: Changed, Unchanged or Unknown.
    pub title: Change,
    /// Scheme, host and port: Changed, Unchanged or Unknown.
    pub origin: Change,
    /// The number of cookies: Changed, Unchanged or Unknown.
    pub cookie_count: Change,
    /// The names in local storage: Changed, Unchanged or Unknown.
    pub storage_keys: Change,
    /// The document's structure: Changed, Unchanged or Unknown.
    pub dom: Change,
    /// Whether any of these changed.
    pub any_change: bool,
    /// Whether the origin changed, so that storage cannot be compared.
    pub different_origin: bool,
    /// Whether another tab was measured afterwards.
    pub tab_changed: bool,
}

/// Whether something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Change {
    /// It does.
    Changed,
    /// It does not.
    Unchanged,
    /// One side could not be read.
    Unknown,
}

/// Pictures of the page, all fields painted over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screenshots {
    /// Before the person had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Screenshot>,
    /// Afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Screenshot>,
}

/// One stored picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screenshot {
    /// Where it is among the run's artifacts.
    #[serde(rename = "ref")]
    #[schemars(length(max = 256))]
    pub ref_: String,
    /// Its sum, as 64 hexadecimal digits.
    #[schemars(length(max = 64))]
    pub sha256: String,
    /// Its size in bytes.
    #[schemars(range(min = 0))]
    pub bytes: i64,
    /// Its width in pixels.
    #[schemars(range(min = 0, max = 8192))]
    pub width: i32,
    /// Its height in pixels.
    #[schemars(range(min = 0, max = 8192))]
    pub height: i32,
    /// How many fields were painted over.
    #[schemars(range(min = 0, max = 10_000))]
    pub masked: i32,
}
