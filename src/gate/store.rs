//! The run's files: which may be served, what they sum to, and the manifest that says that all are
//! there (agent.md 11.3, 12).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Component, Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::pod::contract::{Artifact, DOWNLOADS};

/// The manifest's name; its presence means that the run directory is complete.
pub(super) const MANIFEST: &str = "manifest.json";
/// Where the video of a run is.
pub(super) const VIDEO: &str = "video.webm";

/// Why a file of the run could not be dealt with.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}")]
pub(super) struct StoreError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// One line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) media_type: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// A manifest that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The file itself, which it does not list.
    pub(super) own: Line,
    /// What it lists.
    pub(super) files: Vec<Line>,
}

impl Manifest {
    /// Number of files and their bytes together, itself included.
    pub(super) fn total(&self) -> (u64, u64) {
        let bytes = self.files.iter().map(|line| line.bytes).sum::<u64>() + self.own.bytes;
        (self.files.len() as u64 + 1, bytes)
    }
}

/// The files that were registered, by path.
#[derive(Clone, Debug)]
pub(super) struct Store {
    directory: PathBuf,
    files: BTreeMap<String, Artifact>,
}

impl Store {
    /// A store without files.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, files: BTreeMap::new() }
    }

    /// From now on this file may be served. False if it is not a plain path below the directory.
    pub(super) fn register(&mut self, artifact: Artifact) -> bool {
        let path = Path::new(&artifact.path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        // `components` forgives doubled and trailing slashes; a name has one spelling only.
        let spelled = path.components().collect::<PathBuf>().as_os_str() == path.as_os_str();
        if !plain || !spelled || artifact.path.is_empty() {
            return false;
        }
        self.files.insert(artifact.path.clone(), artifact);
        true
    }

    /// Registers a file that somebody left behind, if it is there. Blocks for one look.
    pub(super) fn adopt(&mut self, path: &str, kind: &str, media_type: &str) {
        let (path, kind, media_type) = (path.to_owned(), kind.to_owned(), media_type.to_owned());
        if open(&self.directory, &self.directory.join(&path)).is_ok() {
            self.register(Artifact { path, kind, media_type });
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Artifact> {
        self.files.values().cloned().collect()
    }

    /// The file that people call so, and where it is.
    pub(super) fn find(&self, path: &str) -> Option<(&Artifact, PathBuf)> {
        let artifact = self.files.get(path)?;
        Some((artifact, self.directory.join(&artifact.path)))
    }

    /// Writes the manifest of all registered files. Blocks.
    pub(super) fn seal(&self, run: &str) -> Result<Manifest, StoreError> {
        // An agent that never came made no directory.
        let failed = |source| StoreError { doing: "making", path: self.directory.clone(), source };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(failed)?;
        let mut lines = Vec::new();
        for artifact in self.files.values().filter(|artifact| artifact.path != MANIFEST) {
            let path = self.directory.join(&artifact.path);
            let failed = |source| StoreError { doing: "summing", path: path.clone(), source };
            let mut file = open(&self.directory, &path).map_err(failed)?;
            let (bytes, sha256) = sum(&mut file).map_err(failed)?;
            let (path, media_type) = (artifact.path.clone(), artifact.media_type.clone());
            lines.push(Line { path, media_type, bytes, sha256 });
        }
        let manifest = serde_json::json!({
            "schema": "handback.manifest/v1", "run_id": run, "files": &lines,
        });
        let path = self.directory.join(MANIFEST);
        let failed = |source| StoreError { doing: "writing", path: path.clone(), source };
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::from).map_err(failed)?;
        replace(&path, |file| file.write_all(&text)).map_err(failed)?;
        let own = Line {
            path: MANIFEST.to_owned(),
            media_type: "application/json".to_owned(),
            bytes: text.len() as u64,
            sha256: hex(&Sha256::digest(&text)),
        };
        Ok(Manifest { own, files: lines })
    }

    /// Takes the video from where the recorder left it. Blocks.
    pub(super) fn take_video(&self, media: &Path, name: &str) -> Result<(), StoreError> {
        let from = left_there(media, name)?;
        let failed = |source| StoreError { doing: "taking", path: from.clone(), source };
        // Copied, since the browser's side may still have the file open for writing.
        let mut source = open(media, &from).map_err(failed)?;
        replace(&self.directory.join(VIDEO), |file| io::copy(&mut source, file).map(drop))
            .map_err(failed)?;
        fs::remove_file(&from).map_err(failed)
    }

    /// Takes a download from where the browser left it, under the browser's name for it. How long it is
    /// and what it sums to. Blocks.
    pub(super) fn take_download(
        &self,
        from: &Path,
        guid: &str,
    ) -> Result<(u64, String), StoreError> {
        let left = left_there(from, guid)?;
        let failed = |source| StoreError { doing: "taking", path: left.clone(), source };
        let directory = self.directory.join(DOWNLOADS);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed)?;
        let mut source = open(from, &left).map_err(failed)?;
        let kept = directory.join(guid);
        replace(&kept, |file| io::copy(&mut source, file).map(drop)).map_err(failed)?;
        let mut copy = open(&self.directory, &kept).map_err(failed)?;
        let summed = sum(&mut copy).map_err(failed)?;
        fs::remove_file(&left).map_err(failed)?;
        Ok(summed)
    }

    /// Throws the video away where the recorder left it. Blocks.
    pub(super) fn discard(media: &Path, name: &str) -> Result<(), StoreError> {
        let from = left_there(media, name)?;
        fs::remove_file(&from).map_err(|source| StoreError {
            doing: "removing",
            path: from.clone(),
            source,
        })
    }
}

/// Where a file of the browser's side is: in its own directory, and nowhere that its name leads to.
fn left_there(media: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let from = media.join(name);
    let mut parts = Path::new(name).components();
    if matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Ok(from);
    }
    let source = io::ErrorKind::InvalidInput.into();
    Err(StoreError { doing: "taking", path: from, source })
}

/// Opens a regular file that is reached without any link. Blocks.
pub(super) fn open(directory: &Path, path: &Path) -> io::Result<fs::File> {
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let below = path.strip_prefix(directory).map_err(|_| denied())?;
    if fs::canonicalize(path)? != fs::canonicalize(directory)?.join(below) {
        return Err(denied());
    }
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).map_err(|_| denied())?;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(denied()) }
}

/// Length and SHA-256 of what is left in the file. Blocks.
pub(super) fn sum(file: &mut fs::File) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(piece.get(..read).unwrap_or_default());
        length += read as u64;
    }
    Ok((length, hex(&hash.finalize())))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// What tells one state of a file from the next without reading it.
pub(super) fn version(file: &fs::File) -> io::Result<(u64, u64, i64, i64)> {
    let about = file.metadata()?;
    Ok((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
}

/// A temporary file, then a rename: who sees the name sees all of it.
fn replace(path: &Path, fill: impl FnOnce(&mut fs::File) -> io::Result<()>) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    // A gate that died may have left it.
    fs::remove_file(&temporary).ok();
    let written = (|| {
        let mut new =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        fill(&mut new)?;
        new.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // Nothing half-made stays; the first error is the one to tell.
        fs::remove_file(&temporary).ok();
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(path: &str) -> Artifact {
        Artifact {
            path: path.to_owned(),
            kind: "results".to_owned(),
            media_type: "text/plain".to_owned(),
        }
    }

    #[test]
    fn only_plain_paths_below_the_directory_are_registered_and_names_are_looked_up() {
        let mut store = Store::new("/run".into());
        let odd = ["../x", "/etc/passwd", "a/../b", "./a", "", "a//b", "a/", "."];
        for path in odd {
            assert!(!store.register(artifact(path)), "{path}");
        }
        assert!(store.register(artifact("screenshots/001.jpg")));
        assert!(store.find("screenshots/001.jpg").is_some());
        for path in odd.into_iter().chain(["screenshots/../screenshots/001.jpg", "results.json"]) {
            assert!(store.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_manifest_lists_every_file_with_its_sum() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.txt"), "hello").unwrap();
        let mut store = Store::new(directory.path().to_owned());
        store.register(artifact("a.txt"));
        let sealed = store.seal("01run").unwrap();
        let bytes = fs::read(directory.path().join(MANIFEST)).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(sealed.own.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(sealed.total(), (2, bytes.len() as u64 + 5));
        let sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(
            manifest["files"],
            serde_json::json!([{"path": "a.txt", "media_type": "text/plain", "bytes": 5, "sha256": sum}])
        );
        let mode = fs::metadata(directory.path().join(MANIFEST)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn links_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("secret"), "x").unwrap();
        std::os::unix::fs::symlink(path("secret"), path("file")).unwrap();
        fs::create_dir(path("real")).unwrap();
        fs::write(path("real/file"), "x").unwrap();
        std::os::unix::fs::symlink(path("real"), path("linked")).unwrap();
        assert!(open(directory.path(), &path("real/file")).is_ok());
        for link in ["file", "linked/file", "real", "absent"] {
            assert!(open(directory.path(), &path(link)).is_err(), "{link}");
        }
        let store = Store::new(path("real"));
        assert!(store.take_video(directory.path(), "file").is_err());
        assert!(store.take_video(directory.path(), "real/file").is_err());
        fs::write(path("video"), "webm").unwrap();
        store.take_video(directory.path(), "video").unwrap();
        assert_eq!(fs::read(path("real/video.webm")).unwrap(), b"webm");
        assert!(!path("video").exists());
        fs::write(path("g-1"), "hello").unwrap();
        assert!(store.take_download(directory.path(), "file").is_err());
        assert!(store.take_download(directory.path(), "real/file").is_err());
        let sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(store.take_download(directory.path(), "g-1").unwrap(), (5, sum.to_owned()));
        assert_eq!(fs::read(path("real/downloads/g-1")).unwrap(), b"hello");
        assert!(!path("g-1").exists());
    }
}
