//! The runtime directory of one run: sockets, X cookie, temporary profile, and nothing that anybody
//! wants afterwards (results are kept elsewhere).
//!
//! # Guarantees
//! - A directory belongs to the processes that hold its lock (shared, by `flock`). Whoever ends
//!   last in order removes it; if all of them were killed, the next start of any run removes it.
//! - A directory in use is never removed by another run: looking for free ones and making a new one
//!   both happen under the lock of the root.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::geteuid,
};

/// Name of the lock, both of the root and of each directory.
const LOCK: &str = "lock";

/// See the module.
#[derive(Debug)]
#[must_use = "dropping it removes the directory"]
pub struct RuntimeDir {
    path: PathBuf,
    /// Held for its lock alone.
    _lock: File,
}

/// Why there is no runtime directory.
#[derive(Debug, thiserror::Error)]
#[error("making a runtime directory at {path}")]
pub struct RuntimeDirError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl RuntimeDir {
    /// Where runtime directories go. As root that is a place which the browser's unprivileged user
    /// may pass through; else the user's own runtime directory, or a state directory if the session
    /// has none. Short, since a socket's path has at most 107 bytes.
    pub fn root(xdg_runtime_dir: Option<&Path>, state: &Path) -> PathBuf {
        if geteuid().is_root() {
            return PathBuf::from("/run/handback");
        }
        match xdg_runtime_dir.filter(|dir| dir.is_absolute() && dir.is_dir()) {
            Some(dir) => dir.join("handback"),
            None => state.join("live"),
        }
    }

    /// Removes what killed runs have left below `root` and makes a new directory there.
    ///
    /// # Errors
    /// When the directory cannot be made or locked.
    pub fn create(root: &Path) -> Result<Self, RuntimeDirError> {
        let failed = |path: &Path, source| RuntimeDirError { path: path.to_owned(), source };
        make(root, true).map_err(|source| failed(root, source))?;
        let everybody =
            lock(root, FlockOperation::LockExclusive).map_err(|source| failed(root, source))?;
        sweep(root);
        let mut name = [0; 4];
        getrandom::fill(&mut name)
            .map_err(|error| failed(root, io::Error::other(error.to_string())))?;
        let path = root.join(format!("{:08x}", u32::from_be_bytes(name)));
        let made = make(&path, false)
            .and_then(|()| lock(&path, FlockOperation::NonBlockingLockShared))
            .map(|lock| Self { path: path.clone(), _lock: lock })
            .map_err(|source| failed(&path, source))?;
        for part in [made.sockets(), made.agent_sockets()] {
            DirBuilder::new().mode(0o700).create(&part).map_err(|source| failed(&part, source))?;
        }
        drop(everybody);
        Ok(made)
    }

    /// Shares a directory that the parent process has made, so that it stays when the parent dies.
    ///
    /// # Errors
    /// When it is gone.
    pub fn adopt(path: &Path) -> Result<Self, RuntimeDirError> {
        let lock = lock(path, FlockOperation::NonBlockingLockShared)
            .map_err(|source| RuntimeDirError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For the sockets between browser and gate; 0700.
    pub fn sockets(&self) -> PathBuf {
        self.path.join("s")
    }

    /// For the sockets between gate and agent; 0700.
    pub fn agent_sockets(&self) -> PathBuf {
        self.path.join("a")
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        // Parent and child both do this, whoever comes later finds nothing. What cannot be removed
        // (a dying browser may still write) goes with the next start.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Makes a directory that others may pass through if we are root, and nobody else if not.
fn make(path: &Path, may_exist: bool) -> io::Result<()> {
    let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
    DirBuilder::new().recursive(may_exist).mode(mode).create(path)?;
    // The umask may have taken bits away.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn lock(directory: &Path, operation: FlockOperation) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(directory.join(LOCK))?;
    flock(&file, operation)?;
    Ok(file)
}

/// Removes every directory below `root` whose lock is free.
fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && lock(&path, FlockOperation::NonBlockingLockExclusive).is_ok() {
            drop(fs::remove_dir_all(&path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_in_use_stay_and_forgotten_ones_are_swept() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("live");
        let used = RuntimeDir::create(&root).unwrap();
        let forgotten = root.join("deadbeef");
        fs::create_dir_all(forgotten.join("profile")).unwrap();
        fs::write(forgotten.join(LOCK), "").unwrap();
        let next = RuntimeDir::create(&root).unwrap();
        assert!(!forgotten.exists());
        assert!(used.sockets().is_dir() && next.sockets().is_dir());
    }

    #[test]
    fn a_directory_outlives_the_parent_while_the_child_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let parent = RuntimeDir::create(root.path()).unwrap();
        let path = parent.path().to_owned();
        let child = RuntimeDir::adopt(&path).unwrap();
        // A killed parent removes nothing, it only lets go of its lock.
        let RuntimeDir { _lock: lock, .. } = &parent;
        flock(lock, FlockOperation::Unlock).unwrap();
        let other = RuntimeDir::create(root.path()).unwrap();
        assert!(path.is_dir());
        drop(child);
        assert!(!path.exists());
        assert!(other.path().is_dir());
    }

    #[test]
    fn parallel_starts_get_directories_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let started: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| RuntimeDir::create(root.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(started.iter().all(|one| one.sockets().is_dir()));
    }
}
