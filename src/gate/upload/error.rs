//! Why the run's files are not all in the storage.

use std::io;

use super::meaning::Meaning;
use crate::pod::contract::termination::MAX_UPLOAD_SENTENCE;

/// Why one request did not do what it should.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) meaning: Meaning,
    /// Of the answer, if there was one.
    pub(super) status: Option<u16>,
    /// The server's word for it, letters and digits only; empty if it had none.
    pub(super) code: String,
    /// The operation and what came of it, redacted: `PutObject: SlowDown (503)`.
    pub(super) text: String,
}

/// Why an upload failed for good. No variant holds a secret; the texts of others are redacted.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    /// The endpoint, its certificates or the credentials cannot be used at all.
    #[error("the storage cannot be used: {0}")]
    Storage(String),
    /// The server will not change its mind.
    #[error("the storage refused {path}: {}", failure.text)]
    Refused { path: String, failure: Failure },
    /// What is stored there is not ours.
    #[error("something else is stored as {path} already, and nothing is overwritten")]
    Taken { path: String },
    /// What was read is not what was summed.
    #[error("the file {path} was changed while it was being stored")]
    Changed { path: String },
    /// The file itself.
    #[error("reading {path}: {source}")]
    Unreadable { path: String, source: io::Error },
    /// Its time is over.
    #[error("the time for the upload is over; the last that was heard of {what}: {last}")]
    Deadline { what: String, last: String },
    /// Its time was over before anything was sent of it.
    #[error("the time for the upload is over; {what} waited behind others")]
    Waited { what: String },
    /// There is nothing that says what belongs to the run.
    #[error("the manifest could not be written; what there is was stored without it")]
    NoManifest,
    /// The gate ends.
    #[error("the gate ended before the run did")]
    Abandoned,
}

impl UploadError {
    /// One of a fixed set.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Storage(_) => "StorageUnusable",
            Self::Refused { failure, .. } => match (failure.status, failure.code.as_str()) {
                (Some(401 | 403), _)
                | (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => {
                    "CredentialsRefused"
                }
                (_, "NoSuchBucket") => "NoSuchBucket",
                _ => "StorageRefused",
            },
            Self::Taken { .. } => "KeyTaken",
            Self::Changed { .. } => "FileChanged",
            Self::Unreadable { .. } => "FileUnreadable",
            Self::Deadline { .. } | Self::Waited { .. } => "DeadlineExceeded",
            Self::NoManifest => "NoManifest",
            Self::Abandoned => "Abandoned",
        }
    }

    /// What happened and what to do, in at most 256 bytes.
    pub(super) fn sentence(&self) -> String {
        let advice = match self.reason() {
            "StorageUnusable" => "Correct artifacts.s3.",
            "CredentialsRefused" => {
                "Look at the keys in its Secret, and whether they may put, get and list there."
            }
            "NoSuchBucket" => "Create the bucket, or correct artifacts.s3.bucket.",
            "StorageRefused" => "It must know conditional writes and multipart uploads.",
            "DeadlineExceeded" => "Is the storage up, and uploadTimeoutSeconds long enough?",
            _ => "The files are still in the pod.",
        };
        let mut text = self.to_string();
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        // The advice is the more useful half.
        let room = MAX_UPLOAD_SENTENCE.saturating_sub(advice.len() + 2);
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        format!("{text}. {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> UploadError {
        let text = format!("PutObject: {code} ({status})");
        let (status, code) = (Some(status), code.to_owned());
        let failure = Failure { meaning: Meaning::Final, status, code, text };
        UploadError::Refused { path: "a/b".to_owned(), failure }
    }

    #[test]
    fn a_person_hears_what_happened_and_what_to_do() {
        assert_eq!(
            refused(403, "InvalidAccessKeyId").sentence(),
            "The storage refused a/b: PutObject: InvalidAccessKeyId (403). Look at the keys in its \
             Secret, and whether they may put, get and list there."
        );
        assert_eq!(refused(400, "ExpiredToken").reason(), "CredentialsRefused");
        assert_eq!(refused(404, "NoSuchBucket").reason(), "NoSuchBucket");
        assert_eq!(refused(400, "Odd").reason(), "StorageRefused");
    }

    #[test]
    fn a_sentence_has_an_end() {
        let error = UploadError::Deadline { what: "x".repeat(100), last: "é".repeat(400) };
        assert_eq!(error.sentence().len(), MAX_UPLOAD_SENTENCE);
        assert!(error.sentence().ends_with("long enough?"), "{}", error.sentence());
    }
}
