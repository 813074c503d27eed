//! What the gate says about the run's files: on the operator's stream, and as its last words (pure).

use serde::{Deserialize, Serialize};

/// Where the files of a run are, and whether all of them are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// See [`UploadState`].
    pub state: UploadState,
    /// SHA-256 of manifest.json in lower-case hexadecimal, once the manifest is written. While the
    /// state is not `Complete` it is the one in the run directory only.
    #[serde(rename = "manifestSHA256", default, skip_serializing_if = "Option::is_none")]
    pub manifest_sha256: Option<String>,
    /// Files of the manifest that are stored. The manifest itself and `events/` are not counted.
    pub count: u64,
    /// Their length together.
    pub bytes: u64,
    /// Why it failed: one of the fixed set that `UploadError::reason` gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same for a person, in one redacted sentence of at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// See [`Upload`]. `Complete`, `Failed` and `KeptInPod` stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UploadState {
    /// There is no storage: the run directory is all there is.
    #[default]
    KeptInPod,
    /// Nothing is stored yet.
    Pending,
    /// Some of it is stored.
    Uploading,
    /// Everything is stored, the manifest last.
    Complete,
    /// Not everything is stored and nothing more will be.
    Failed,
}

impl UploadState {
    /// Whether nothing changes any more.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::KeptInPod | Self::Complete | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_reads_these_names() {
        let upload = Upload {
            state: UploadState::Complete,
            manifest_sha256: Some("ab".to_owned()),
            count: 2,
            bytes: 7,
            ..Upload::default()
        };
        let json = r#"{"state":"Complete","manifestSHA256":"ab","count":2,"bytes":7}"#;
        assert_eq!(serde_json::to_string(&upload).unwrap(), json);
        assert_eq!(serde_json::from_str::<Upload>(json).unwrap(), upload);
    }
}
