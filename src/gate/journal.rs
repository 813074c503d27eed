//! What a gate in a pod writes down before it does it, and what the next one reads when it died
//! (handoff.md 2.2).
//!
//! # Expected flow
//! The session gives everything that has to outlast it to [`Journal::keep`]: before each effect of the
//! lease, and after whatever else has changed. A gate that is started again gets the last of it from
//! [`Journal::open`].
//!
//! # Guarantees
//! - It is one file, replaced whole by a rename: nobody reads half of it, and it never outgrows the
//!   volume, which is in memory.
//! - No secret stands in it; of seats there are digests.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Why, handoffs::Handoffs, seats};
use crate::{
    decide::lease::{Close, Journal as Records, Time},
    pod::contract::{Artifact, UploadReport},
};

const FILE: &str = "gate.json";
/// What is pressed and where the pointer is; see [`super::rfb`].
const PRESSED: &str = "pressed";

/// Everything that has to outlast a gate.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved<H = Handoffs> {
    /// The lease's records, folded.
    pub(super) records: Records,
    /// How the last hold ends, from the moment in which that was decided.
    pub(super) closing: Option<Close>,
    pub(super) handoffs: H,
    pub(super) seats: seats::Kept,
    pub(super) facts: Facts,
}

/// What the session knows besides.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) verdict: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) finished: Option<Time>,
    pub(super) watched: bool,
    pub(super) closed: bool,
    pub(super) keep: bool,
    pub(super) unwatched: Option<Time>,
    pub(super) cancelled: Option<Time>,
    pub(super) told_cap: Option<u64>,
    pub(super) deadline: Duration,
    pub(super) began: Option<Time>,
    pub(super) given_up: bool,
    pub(super) video: String,
    pub(super) video_reason: Option<String>,
    pub(super) video_ms: Option<u64>,
    pub(super) keep_video: bool,
    pub(super) files: Vec<Artifact>,
    /// What became of the files, once that is settled.
    pub(super) upload: Option<UploadReport>,
    /// There was a browser.
    pub(super) browser: bool,
    /// Its sessions that somebody has to detach.
    pub(super) sessions: Vec<String>,
    /// The end that waits for the files.
    pub(super) leaving: Option<(Why, String)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// None in `handback run`, where the gate lives and dies with everything else.
    directory: Option<PathBuf>,
    last: Vec<u8>,
    failed: bool,
}

impl Journal {
    /// The journal in this directory, and what an earlier gate wrote into it. Blocks.
    ///
    /// # Errors
    /// When there is one that cannot be read: to begin from nothing would give epochs a second time.
    pub(super) fn open(directory: &Path) -> io::Result<(Self, Option<Saved>)> {
        let directory_of = Some(directory.to_owned());
        let new = Self { directory: directory_of, last: Vec::new(), failed: false };
        match fs::read(directory.join(FILE)) {
            Ok(bytes) => {
                let saved = serde_json::from_slice(&bytes)?;
                Ok((new, Some(saved)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((new, None)),
            Err(error) => Err(error),
        }
    }

    /// Whether anything is kept at all.
    pub(super) fn is_kept(&self) -> bool {
        self.directory.is_some()
    }

    /// Where the injector notes what is pressed.
    pub(super) fn pressed(&self) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.join(PRESSED))
    }

    /// Writes it down, if it is not what stands there. Blocks for one small file in memory.
    pub(super) fn keep(&mut self, saved: &Saved<&Handoffs>) {
        let Some(directory) = &self.directory else { return };
        let Ok(bytes) = serde_json::to_vec(saved) else { return };
        if bytes == self.last {
            return;
        }
        match replace(directory, &bytes) {
            Ok(()) => {
                self.last = bytes;
                self.failed = false;
            }
            Err(error) => {
                // The person's work goes on; what is at stake is a restart.
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::error!(%error, "the gate's journal cannot be written");
                }
            }
        }
    }
}

fn replace(directory: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = directory.join(format!("{FILE}.new"));
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    io::Write::write_all(&mut file, bytes)?;
    fs::rename(&new, directory.join(FILE))
}
