//! A run's artifacts on this machine: the manifest first, then every file that it lists, each
//! compared with the sum that stands there.
//!
//! # Guarantees
//! - A file is in its place only if its sum is the manifest's: it is written beside, and renamed.
//! - A path of the manifest that leads out of the directory is refused.

use std::{
    io,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs,
    io::AsyncWriteExt as _,
    time::{Instant, sleep},
};

use super::{
    Error,
    gate::{File, Seat},
};
use crate::gate::upload::download::{Stored, StoredFile, Unreadable};

const MANIFEST: &str = "manifest.json";
/// A manifest lists some hundred files; its largest is far below this.
const MAX_MANIFEST: usize = 16 << 20;
/// Between two looks for a manifest that is not written yet.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Manifest {
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    sha256: String,
}

/// Where a run's files come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// The run's own gate, while its pod lives.
    Gate(&'a Seat),
    /// The bucket.
    Bucket {
        /// With the person's own keys.
        stored: &'a Stored,
        /// `s3://…`, for people.
        uri: &'a str,
    },
}

/// A file on its way.
enum Coming<'a> {
    Gate(File),
    Bucket { file: StoredFile<'a>, uri: &'a str, path: String },
}

impl Coming<'_> {
    /// The next piece; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Gate(file) => file.next().await,
            Self::Bucket { file, uri, path } => {
                file.next().await.map_err(|error| storage(path, uri, &error))
            }
        }
    }
}

impl<'a> Source<'a> {
    /// `None` if there is no such file, or not yet.
    async fn open(self, path: &str) -> Result<Option<Coming<'a>>, Error> {
        match self {
            Self::Gate(seat) => match seat.file(path).await {
                Err(Error::Gate { code, .. }) if code == "not_found" => Ok(None),
                file => Ok(Some(Coming::Gate(file?))),
            },
            Self::Bucket { stored, uri, .. } => match stored.file(path).await {
                Err(error) if error.missing => Ok(None),
                Err(error) => Err(storage(path, uri, &error)),
                Ok(file) => Ok(Some(Coming::Bucket { file, uri, path: path.to_owned() })),
            },
        }
    }

    /// A whole file of at most so many bytes; `None` if there is no such file, or not yet.
    pub async fn read(self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut file) = self.open(path).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(piece) = file.next().await? {
            if bytes.len() + piece.len() > most {
                return Err(odd(format!("{path} has more than {most} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    /// Fetches everything into `directory`, waiting at most until `until` for the manifest.
    /// `sum` is the manifest's own, if it is known.
    pub async fn fetch_all(
        self,
        directory: &Path,
        sum: Option<&str>,
        until: Instant,
    ) -> Result<usize, Error> {
        let manifest = loop {
            if let Some(manifest) = self.read(MANIFEST, MAX_MANIFEST).await? {
                break manifest;
            }
            if Instant::now() >= until {
                return Err(odd("there is none: the run's files are not complete".to_owned()));
            }
            sleep(LOOK).await;
        };
        let entries = begin(directory, &manifest, sum).await?;
        for entry in &entries {
            let file = self.open(&entry.path).await?;
            let mut file =
                file.ok_or_else(|| odd(format!("it lists {}, which is not there", entry.path)))?;
            let mut place = Place::open(directory, entry).await?;
            while let Some(piece) = file.next().await? {
                place.write(&piece).await?;
            }
            place.close(entry).await?;
        }
        end(directory, &manifest).await?;
        Ok(entries.len() + 1)
    }
}

fn odd(message: String) -> Error {
    Error::Gate { doing: "the manifest", code: "unreadable".to_owned(), message }
}

fn storage(path: &str, uri: &str, error: &Unreadable) -> Error {
    Error::Storage { path: path.to_owned(), uri: uri.to_owned(), why: error.to_string() }
}

/// Makes the directory and reads the manifest.
async fn begin(directory: &Path, manifest: &[u8], sum: Option<&str>) -> Result<Vec<Entry>, Error> {
    let found = hex(&Sha256::digest(manifest));
    if let Some(expected) = sum.filter(|sum| !sum.is_empty() && **sum != found) {
        let (path, expected) = (MANIFEST.to_owned(), expected.to_owned());
        return Err(Error::Damaged { path, expected, found });
    }
    let read: Manifest =
        serde_json::from_slice(manifest).map_err(|error| odd(error.to_string()))?;
    for path in read.files.iter().map(|entry| entry.path.as_str()) {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || path.is_empty() {
            return Err(odd(format!("{path:?} is no path of a run's file")));
        }
    }
    let failed = |source| Error::Local { doing: format!("Making {}", directory.display()), source };
    let mut made = fs::DirBuilder::new();
    made.recursive(true).mode(0o700).create(directory).await.map_err(failed)?;
    Ok(read.files)
}

/// The manifest comes last: where it is, everything is.
async fn end(directory: &Path, manifest: &[u8]) -> Result<(), Error> {
    let path = directory.join(MANIFEST);
    fs::write(&path, manifest).await.map_err(|source| writing(&path, source))
}

/// A file that is being written.
struct Place {
    file: fs::File,
    beside: PathBuf,
    path: PathBuf,
    sum: Sha256,
}

impl Place {
    async fn open(directory: &Path, entry: &Entry) -> Result<Self, Error> {
        let path = directory.join(&entry.path);
        let mut beside = path.clone().into_os_string();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).await.map_err(|source| writing(&path, source))?;
        }
        let mut options = fs::OpenOptions::new();
        // What a source that broke off has left is overwritten by the next one.
        let opened =
            options.write(true).create(true).truncate(true).mode(0o600).open(&beside).await;
        let file = opened.map_err(|source| writing(&path, source))?;
        Ok(Self { file, beside, path, sum: Sha256::new() })
    }

    async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.sum.update(piece);
        self.file.write_all(piece).await.map_err(|source| writing(&self.path, source))
    }

    async fn close(mut self, entry: &Entry) -> Result<(), Error> {
        let failed = |source| writing(&self.path, source);
        self.file.flush().await.map_err(failed)?;
        let found = hex(&self.sum.finalize());
        if found != entry.sha256 {
            fs::remove_file(&self.beside).await.map_err(failed)?;
            let (path, expected) = (entry.path.clone(), entry.sha256.clone());
            return Err(Error::Damaged { path, expected, found });
        }
        fs::rename(&self.beside, &self.path).await.map_err(failed)
    }
}

fn writing(path: &Path, source: io::Error) -> Error {
    Error::Local { doing: format!("Writing {}", path.display()), source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(path: &str, sha256: &str) -> Vec<u8> {
        let file = json!({"path": path, "sha256": sha256, "bytes": 2, "media_type": "x"});
        serde_json::to_vec(&json!({"files": [file]})).unwrap()
    }

    #[tokio::test]
    async fn a_file_whose_sum_is_another_is_named_and_not_kept() {
        let out = tempfile::tempdir().unwrap();
        let right = hex(&Sha256::digest(b"hi"));
        let bytes = manifest("screenshots/a.jpg", &right);
        let directory = out.path().join("new");
        let entries = begin(&directory, &bytes, None).await.unwrap();
        let mut place = Place::open(&directory, &entries[0]).await.unwrap();
        place.write(b"ho").await.unwrap();
        let error = place.close(&entries[0]).await.unwrap_err().to_string();
        assert!(error.starts_with("screenshots/a.jpg is damaged: "), "{error}");
        assert!(error.contains(&right), "{error}");
        let left = std::fs::read_dir(directory.join("screenshots")).unwrap().count();
        assert_eq!(left, 0, "a damaged file is left");
        let mut place = Place::open(&directory, &entries[0]).await.unwrap();
        place.write(b"hi").await.unwrap();
        place.close(&entries[0]).await.unwrap();
        assert_eq!(std::fs::read(directory.join("screenshots/a.jpg")).unwrap(), b"hi");
    }

    #[tokio::test]
    async fn a_manifest_that_is_another_or_leads_elsewhere_is_refused() {
        let out = tempfile::tempdir().unwrap();
        for path in ["../x", "/etc/x", "", "a/../../x"] {
            let bytes = manifest(path, "");
            let refused = begin(&out.path().join("new"), &bytes, None).await.map(drop);
            assert!(matches!(refused, Err(Error::Gate { .. })), "{path}");
        }
        let bytes = manifest("a", "");
        let refused = begin(&out.path().join("new"), &bytes, Some("00")).await.map(drop);
        assert!(matches!(refused, Err(Error::Damaged { .. })));
        assert!(!out.path().join("new").exists());
    }
}
