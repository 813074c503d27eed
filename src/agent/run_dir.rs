//! The run directory: made exclusively, written through its own handle, never through a link
//! (agent.md 11.3).
//!
//! Everything is opened relative to the directory's file descriptor, so that nobody who can write
//! beside it can redirect a write. Writes are small and go to the page cache; only the report is
//! forced to disk.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, flock, fsync, mkdirat, openat,
    renameat, renameat_with, unlinkat,
};
use sha2::{Digest, Sha256};

use crate::{
    agent::{downloads, results::Artifact},
    pod::contract::DOWNLOADS,
};

/// Files that nobody else may read.
const PRIVATE: Mode = Mode::from_raw_mode(0o600);
/// Directories that nobody else may enter.
const PRIVATE_DIR: Mode = Mode::from_raw_mode(0o700);

/// Downloads of one name that get a number: more than a run may have.
const SAME_NAME: usize = 1000;

/// A run's own directory.
#[derive(Debug)]
pub struct RunDir {
    handle: File,
    path: PathBuf,
    parent: PathBuf,
    id: String,
    artifacts: Vec<Artifact>,
}

/// Why the directory or a file in it could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing {}", path.display())]
pub struct Unwritable {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Unwritable {
    /// What a person should know: which file, why, and what to do.
    pub fn advice(&self) -> String {
        let kind = self.source.kind();
        let what = if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            "make room there"
        } else if matches!(
            kind,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        ) {
            "make it writable"
        } else if kind == io::ErrorKind::AlreadyExists {
            "remove what is in its place"
        } else {
            "look at that path"
        };
        format!(
            "The results cannot be written to {}: {}. Please {what}, or choose another directory with --out.",
            self.path.display(),
            self.source
        )
    }
}

impl RunDir {
    /// Makes `<out>/<id>/` and its folder for screenshots.
    ///
    /// # Errors
    /// If `out` cannot be made, or something is in the directory's place already.
    pub fn create(out: &Path, id: &str) -> Result<Self, Unwritable> {
        let path = out.join(id);
        let made = || -> io::Result<File> {
            make_private(out)?;
            mkdirat(CWD, &path, PRIVATE_DIR)?;
            let handle = open_dir(&path)?;
            mkdirat(&handle, "screenshots", PRIVATE_DIR)?;
            Ok(handle)
        };
        match made() {
            Ok(handle) => Ok(Self {
                handle,
                path,
                parent: out.to_owned(),
                id: id.to_owned(),
                artifacts: Vec::new(),
            }),
            Err(source) => Err(Unwritable { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has been registered so far, in the order of writing.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// A new file that is written bit by bit; [`Self::register`] it when it is complete.
    pub fn stream(&self, name: &str) -> Result<File, Unwritable> {
        self.open_new(name).map_err(|source| self.unwritable(name, source))
    }

    /// Writes a new file and registers it.
    pub fn write(
        &mut self,
        name: &str,
        kind: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), Unwritable> {
        let written = self.open_new(name).and_then(|mut file| file.write_all(bytes));
        if let Err(source) = written {
            return Err(self.discard(name, source));
        }
        self.artifacts.push(Artifact {
            path: name.to_owned(),
            kind: kind.to_owned(),
            media_type: media_type.to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        });
        Ok(())
    }

    /// Registers a file that somebody has written. Nothing happens if it is not there.
    pub fn register(&mut self, name: &str, kind: &str, media_type: &str) -> Result<(), Unwritable> {
        let summed = || -> io::Result<(u64, String)> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(openat(&self.handle, name, flags, Mode::empty())?);
            let mut sum = Sha256::new();
            let mut buffer = vec![0; 1 << 16];
            let mut total = 0;
            loop {
                let count = file.read(&mut buffer)?;
                let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
                sum.update(part);
                total += count as u64;
            }
            Ok((total, hex(&sum.finalize())))
        };
        match summed() {
            Ok((bytes, sha256)) => {
                self.artifacts.push(Artifact {
                    path: name.to_owned(),
                    kind: kind.to_owned(),
                    media_type: media_type.to_owned(),
                    bytes,
                    sha256,
                });
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(self.unwritable(name, source)),
        }
    }

    /// Gives a download that lies under its browser's name the one that people know it by, unless that
    /// is taken. Where it lies now.
    pub fn name_download(&self, guid: &str, suggested: &str) -> Result<String, Unwritable> {
        let from = format!("{DOWNLOADS}/{guid}");
        let mut refused: Vec<String> = Vec::new();
        loop {
            let name =
                downloads::file_name(suggested, |name| refused.iter().any(|one| one == name));
            let path = format!("{DOWNLOADS}/{name}");
            let flags = RenameFlags::NOREPLACE;
            match renameat_with(&self.handle, &from, &self.handle, &path, flags) {
                Ok(()) => return Ok(path),
                Err(rustix::io::Errno::EXIST) if refused.len() < SAME_NAME => refused.push(name),
                Err(error) => return Err(self.unwritable(&path, error.into())),
            }
        }
    }

    /// Replaces a file as a whole: a reader sees the old one or the new one. `durable` waits until
    /// the disk has it.
    pub fn replace(&self, name: &str, bytes: &[u8], durable: bool) -> Result<(), Unwritable> {
        replace_in(&self.handle, name, bytes, durable)
            .map_err(|source| self.unwritable(name, source))
    }

    /// Brings `<out>/latest.json` up to date, unless a newer run did. Run ids sort by time.
    pub fn latest(&self, verdict: &str, finished_at: &str) -> Result<(), Unwritable> {
        let latest = || -> io::Result<()> {
            let out = open_dir(&self.parent)?;
            let lock = openat(
                &out,
                ".latest.lock",
                OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                PRIVATE,
            )?;
            flock(&lock, FlockOperation::LockExclusive)?;
            if newest(&out).is_some_and(|newest| newest > self.id) {
                return Ok(());
            }
            let text = serde_json::json!({
                "run_id": self.id,
                "path": self.path,
                "verdict": verdict,
                "finished_at": finished_at,
            });
            replace_in(&out, "latest.json", format!("{text}\n").as_bytes(), true)
        };
        latest().map_err(|source| Unwritable { path: self.parent.join("latest.json"), source })
    }

    /// A write to one of its files that failed.
    pub(crate) fn failed(&self, name: &str, source: io::Error) -> Unwritable {
        self.unwritable(name, source)
    }

    fn open_new(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.handle, name, flags, PRIVATE)?))
    }

    /// Removes what a failed write left, so that no half file looks like a whole one.
    fn discard(&self, name: &str, source: io::Error) -> Unwritable {
        if source.kind() != io::ErrorKind::AlreadyExists {
            unlinkat(&self.handle, name, AtFlags::empty()).ok();
        }
        self.unwritable(name, source)
    }

    fn unwritable(&self, name: &str, source: io::Error) -> Unwritable {
        Unwritable { path: self.path.join(name), source }
    }
}

/// Makes a directory and those above it, private where they are new.
fn make_private(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_private(parent)?;
    }
    match mkdirat(CWD, path, PRIVATE_DIR) {
        // Another run was faster.
        Err(rustix::io::Errno::EXIST) if path.is_dir() => Ok(()),
        other => Ok(other?),
    }
}

fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
}

fn replace_in(dir: &File, name: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
    // One writer per name: the run itself, or the holder of the lock.
    let draft = format!(".{name}.new");
    let flags =
        OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(dir, &draft, flags, PRIVATE)?);
    let replaced = file.write_all(bytes).and_then(|()| {
        if durable {
            fsync(&file)?;
        }
        renameat(dir, &draft, dir, name)?;
        if durable {
            fsync(dir)?;
        }
        Ok(())
    });
    if replaced.is_err() {
        unlinkat(dir, &draft, AtFlags::empty()).ok();
    }
    replaced
}

/// The run that latest.json names.
fn newest(out: &File) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut text = String::new();
    File::from(openat(out, "latest.json", flags, Mode::empty()).ok()?)
        .take(1 << 16)
        .read_to_string(&mut text)
        .ok()?;
    let latest: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(latest.get("run_id")?.as_str()?.to_owned())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn directories_and_files_are_private() {
        let temp = tempfile::tempdir().unwrap();
        let out = temp.path().join("a/runs");
        let mut dir = RunDir::create(&out, "01a").unwrap();
        dir.write("plan.md", "plan", "text/markdown", b"hello").unwrap();
        dir.replace("results.json", b"{}", true).unwrap();
        assert_eq!(mode(&out), 0o700);
        assert_eq!(mode(&out.join("01a")), 0o700);
        assert_eq!(mode(&out.join("01a/screenshots")), 0o700);
        assert_eq!(mode(&out.join("01a/plan.md")), 0o600);
        assert_eq!(mode(&out.join("01a/results.json")), 0o600);
        assert_eq!(
            dir.artifacts()[0].sha256,
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
    }

    #[test]
    fn nothing_is_written_through_a_planted_link() {
        let temp = tempfile::tempdir().unwrap();
        let (out, victim) = (temp.path().join("runs"), temp.path().join("victim"));
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(&victim, "mine").unwrap();
        symlink(temp.path(), out.join("01a")).unwrap();
        assert!(RunDir::create(&out, "01a").is_err(), "a link stands where the directory goes");

        symlink(&victim, out.join("latest.json")).unwrap();
        let mut dir = RunDir::create(&out, "01b").unwrap();
        dir.latest("passed", "now").unwrap();
        assert!(!out.join("latest.json").symlink_metadata().unwrap().is_symlink());
        symlink(&victim, dir.path().join("junit.xml")).unwrap();
        assert!(dir.write("junit.xml", "junit", "application/xml", b"x").is_err());
        symlink(&victim, dir.path().join(".results.json.new")).unwrap();
        assert!(dir.replace("results.json", b"x", false).is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
    }

    #[test]
    fn a_download_is_called_as_people_know_it_and_replaces_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let mut dir = RunDir::create(temp.path(), "01a").unwrap();
        std::fs::create_dir(dir.path().join("downloads")).unwrap();
        for (guid, path) in [("g-1", "downloads/a.csv"), ("g-2", "downloads/a-2.csv")] {
            std::fs::write(dir.path().join("downloads").join(guid), guid).unwrap();
            assert_eq!(dir.name_download(guid, "../a.csv").unwrap(), path);
            assert_eq!(std::fs::read_to_string(dir.path().join(path)).unwrap(), guid);
            dir.register(path, "download", "text/csv").unwrap();
        }
        assert_eq!(dir.artifacts().len(), 2);
        assert!(dir.name_download("g-3", "b").is_err(), "there is none");
    }

    #[test]
    fn latest_never_goes_back_to_an_older_run() {
        let temp = tempfile::tempdir().unwrap();
        let older = RunDir::create(temp.path(), "01a").unwrap();
        let newer = RunDir::create(temp.path(), "01b").unwrap();
        newer.latest("passed", "2").unwrap();
        older.latest("failed", "3").unwrap();
        let text = std::fs::read_to_string(temp.path().join("latest.json")).unwrap();
        assert!(text.contains(r#""run_id":"01b""#) && text.contains("passed"), "{text}");
    }

    #[test]
    fn a_directory_is_made_once() {
        let temp = tempfile::tempdir().unwrap();
        drop(RunDir::create(temp.path(), "01a").unwrap());
        let again = RunDir::create(temp.path(), "01a").unwrap_err();
        assert!(again.advice().contains("--out"), "{}", again.advice());
    }

    #[test]
    fn a_file_of_others_is_summed_when_it_is_there() {
        let temp = tempfile::tempdir().unwrap();
        let mut dir = RunDir::create(temp.path(), "01a").unwrap();
        dir.register("video.webm", "video", "video/webm").unwrap();
        assert!(dir.artifacts().is_empty());
        std::fs::write(dir.path().join("video.webm"), "hello").unwrap();
        dir.register("video.webm", "video", "video/webm").unwrap();
        assert_eq!(dir.artifacts()[0].bytes, 5);
    }
}
