//! The user that Chromium runs as. Its sandbox refuses to work for root, so root starts it as
//! somebody who owns nothing.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
};

use rustix::process::geteuid;

/// Ids that no account has: above those that service managers hand out at run time, below `nobody`,
/// whose files and processes are not ours to share, and inside the 65536 ids of most containers.
const FREE: std::ops::Range<u32> = 65_525..65_534;

/// Somebody who is not us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// User id.
    pub(crate) uid: u32,
    /// Group id.
    pub(crate) gid: u32,
}

impl User {
    /// Whom to start Chromium as: `None` is ourselves. A profile that exists already belongs to the
    /// user who goes on with it.
    pub(crate) fn choose(profile: Option<&Path>) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let owner = profile.and_then(|path| fs::metadata(path).ok());
        if let Some(owner) = owner.filter(|owner| owner.uid() != 0) {
            return Some(Self { uid: owner.uid(), gid: owner.gid() });
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let id = first_free(&accounts);
        Some(Self { uid: id, gid: id })
    }

    /// Gives a file or directory to the user.
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// Whether the user can get to `path`, if it has the directory's own permission already.
    pub(crate) fn reaches(self, path: &Path) -> bool {
        path.ancestors().skip(1).all(|directory| {
            fs::metadata(directory).is_ok_and(|found| {
                found.mode() & 0o001 != 0 || found.uid() == self.uid && found.mode() & 0o100 != 0
            })
        })
    }
}

/// The first free id by a password file's text.
fn first_free(accounts: &str) -> u32 {
    let taken: HashSet<u32> = accounts
        .lines()
        .filter_map(|line| line.split(':').nth(2).and_then(|uid| uid.parse().ok()))
        .collect();
    FREE.clone().find(|uid| !taken.contains(uid)).unwrap_or(FREE.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_an_account_is_not_taken() {
        assert_eq!(first_free(""), 65_525);
        assert_eq!(first_free("root:x:0:0::/root:/bin/sh\nsvc:x:65525:1:::\n"), 65_526);
    }
}
