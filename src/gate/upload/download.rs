//! A run's files back out of the bucket, for whoever has keys of their own.

use bytes::Bytes;

use super::{
    S3,
    s3::{Bucket, Content},
};

/// Why an object cannot be had, in a few words without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unreadable {
    /// There is no such object, as far as these keys may know.
    pub missing: bool,
    text: String,
}

/// The files of one run.
pub struct Stored {
    bucket: Bucket,
    prefix: String,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stored").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Stored {
    /// Where they are. Nothing is asked of the server yet.
    pub fn at(target: &S3) -> Result<Self, Unreadable> {
        let bucket = Bucket::new(target)
            .map_err(|error| Unreadable { missing: false, text: error.to_string() })?;
        Ok(Self { bucket, prefix: target.prefix.clone() })
    }

    /// The file of this path.
    pub async fn file(&self, path: &str) -> Result<StoredFile<'_>, Unreadable> {
        let key = format!("{}{path}", self.prefix);
        let content = self.bucket.get(&key).await.map_err(unreadable)?;
        Ok(StoredFile { bucket: &self.bucket, content })
    }
}

/// A file on its way.
pub struct StoredFile<'a> {
    bucket: &'a Bucket,
    content: Content,
}

impl std::fmt::Debug for StoredFile<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StoredFile")
    }
}

impl StoredFile<'_> {
    /// The next piece; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Unreadable> {
        self.bucket.next(&mut self.content).await.map_err(unreadable)
    }
}

fn unreadable(failure: super::error::Failure) -> Unreadable {
    Unreadable { missing: failure.status == Some(404), text: failure.text }
}
