//! Chromium's profile: made for one run, or kept by its owner.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use super::super::user::User;

/// Held while a browser uses a kept profile.
const LOCK: &str = "handback.lock";
/// Neither passwords nor forms are offered to be kept, and downloads do not ask.
const PREFERENCES: &str = r#"{"credentials_enable_service":false,
"profile":{"password_manager_enabled":false,"password_manager_leak_detection":false},
"autofill":{"profile_enabled":false,"credit_card_enabled":false},
"translate":{"enabled":false},"download":{"prompt_for_download":false},
"browser":{"has_seen_welcome_page":true}}"#;

/// A profile that this run may use.
#[derive(Debug)]
pub(crate) struct Profile {
    path: PathBuf,
    lock: Option<File>,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("the profile {0} is in use by another run: wait for it, or take another profile")]
    Busy(PathBuf),
    #[error(
        "the browser's own user cannot get to the profile {0}: put it below a directory that \
         others may enter"
    )]
    OutOfReach(PathBuf),
    #[error("preparing the profile {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Whether another run uses the kept profile at `path`. It may end, or begin to, a moment later.
pub fn is_busy(path: &Path) -> bool {
    File::open(path.join(LOCK))
        .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err())
}

impl Profile {
    /// A profile that goes with the run.
    pub(crate) fn temporary(path: PathBuf) -> Self {
        Self { path, lock: None }
    }

    /// A profile that stays, locked as long as this lives.
    pub(crate) fn kept(path: PathBuf) -> Result<Self, ProfileError> {
        let failed = |source| ProfileError::Io { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600);
        let lock = lock.open(path.join(LOCK)).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| ProfileError::Busy(path.clone()))?;
        Ok(Self { path, lock: Some(lock) })
    }

    /// Chromium's `--user-data-dir`.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether somebody wants it afterwards.
    pub(crate) fn is_kept(&self) -> bool {
        self.lock.is_some()
    }

    /// Makes it usable for `user`, under our lock: a browser that was killed, perhaps on a host of
    /// another name, leaves links that make the next one wait for ever.
    pub(crate) fn prepare(&self, user: Option<User>) -> Result<(), ProfileError> {
        let Self { path, .. } = self;
        let failed = |source| ProfileError::Io { path: path.clone(), source };
        let default = path.join("Default");
        DirBuilder::new().recursive(true).mode(0o700).create(&default).map_err(failed)?;
        let preferences = default.join("Preferences");
        let settings = settings(&fs::read_to_string(&preferences).unwrap_or_default());
        fs::write(&preferences, settings).map_err(failed)?;
        for stale in ["SingletonLock", "SingletonCookie", "SingletonSocket"].map(OsStr::new) {
            match fs::remove_file(path.join(stale)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        if let Some(user) = user {
            for part in [path, &default, &preferences] {
                user.own(part).map_err(failed)?;
            }
            if !user.reaches(path) {
                return Err(ProfileError::OutOfReach(path.clone()));
            }
        }
        Ok(())
    }
}

/// Preferences for the next start: those of the last one, without where its window was and
/// that it was killed; else ours.
fn settings(last: &str) -> String {
    let Ok(mut kept) = serde_json::from_str::<Value>(last) else { return PREFERENCES.to_owned() };
    if let Some(browser) = kept.get_mut("browser").and_then(Value::as_object_mut) {
        browser.remove("window_placement");
    }
    if let Some(profile) = kept.get_mut("profile").and_then(Value::as_object_mut) {
        profile.insert("exit_type".to_owned(), "Normal".into());
    }
    kept.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_profile_has_one_user_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mine");
        let first = Profile::kept(path.clone()).unwrap();
        assert!(matches!(Profile::kept(path.clone()), Err(ProfileError::Busy(_))));
        assert!(is_busy(&path));
        drop(first);
        assert!(!is_busy(&path) && !is_busy(&directory.path().join("none")));
        assert!(Profile::kept(path).is_ok());
    }

    #[test]
    fn links_of_a_killed_browser_are_removed_and_settings_stay() {
        let directory = tempfile::tempdir().unwrap();
        let profile = Profile::temporary(directory.path().join("p"));
        profile.prepare(None).unwrap();
        let link = profile.path().join("SingletonLock");
        std::os::unix::fs::symlink("elsewhere-123", &link).unwrap();
        let preferences = profile.path().join("Default/Preferences");
        let last = r#"{"mine":1,"browser":{"window_placement":{"right":9}},"profile":{}}"#;
        fs::write(&preferences, last).unwrap();
        profile.prepare(None).unwrap();
        assert!(fs::symlink_metadata(&link).is_err());
        let kept = r#"{"mine":1,"browser":{},"profile":{"exit_type":"Normal"}}"#;
        assert_eq!(fs::read_to_string(&preferences).unwrap(), kept);
    }
}
