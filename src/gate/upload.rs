//! The run's files on their way into S3-compatible storage: during the run what is finished, at its
//! end the rest, and the manifest last.
//!
//! # Expected flow
//! [`Uploader::start`], then [`Uploader::event`] and [`Uploader::file`] as the agent announces
//! things: screenshots go up at once, events in pieces every 10 s or 1 MiB. [`Uploader::close`] when
//! the run has ended: from then on the time counts. [`Uploader::sealed`] when the manifest is
//! written: everything that it lists and that is not stored goes up, then the manifest itself. What
//! has come of it is in the [`UploadReport`] that the caller watches; `Complete` and `Failed` are final.
//!
//! # Guarantees
//! - Keys are written once: every object is stored on the condition that there is none, and one that
//!   is there already is a success only if its SHA-256 is ours
//!   (`every_object_is_written_once_and_the_manifest_last`, `somebody_elses_object_is_not_touched`).
//! - A manifest in the bucket is complete: nothing is sent after it, and every file that it lists is
//!   stored with the sum that it says (`sums_are_those_of_the_manifest`).
//! - Throttling, resets, silence and a full storage delay the upload and do not fail it until its
//!   time is over (`tests/it/upload/faults.rs`); what cannot get better fails at once, with a reason.
//! - Memory is bounded by [`Pace::part`] times [`Pace::in_flight`], however large a video is
//!   (`tests/s3.rs`).
//! - No secret is in an error, a log or `Debug`.
//!
//! # Assumptions
//! A file does not change after it was announced, except for `events.ndjson`, which grows by whole
//! lines until it is announced. The prefix belongs to this attempt of this run alone. The credentials
//! may put and get objects there, abort multipart uploads and list those of the bucket; a lifecycle
//! rule of the bucket removes the parts that a gate leaves which is killed in the middle of a video.

mod backoff;
pub mod download;
mod driver;
mod error;
mod events;
mod meaning;
mod object;
mod reader;
mod s3;

use std::{path::PathBuf, time::Duration};

use tokio::sync::{mpsc, watch};

use self::{driver::Driver, error::UploadError};
use super::store::Manifest;
use crate::{
    pod::contract::{Artifact, UploadReport, UploadState},
    secret::Secret,
};

/// Where the run's files go, and how much time there is for it.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The bucket.
    pub s3: S3,
    /// `uploadTimeoutSeconds`: from the end of the run to the failure of what is not stored by then.
    pub timeout: Duration,
    /// How fast and how patiently.
    pub pace: Pace,
}

/// A bucket of an S3-compatible server (api.md, `artifacts.s3`).
#[derive(Clone, Debug)]
pub struct S3 {
    /// `https://host[:port][/path]`.
    pub endpoint: String,
    /// The bucket's name; it exists.
    pub bucket: String,
    /// What every key begins with, its `/` at the end included; the run's own. Empty for nothing.
    pub prefix: String,
    /// For the signature; empty is `us-east-1`.
    pub region: String,
    /// `https://host/bucket/key` rather than `https://bucket.host/key`.
    pub path_style: bool,
    /// The endpoint may be `http://`.
    pub allow_insecure: bool,
    /// The access key's id.
    pub access_key: Secret<String>,
    /// The access key itself.
    pub secret_key: Secret<String>,
    /// For credentials that expire.
    pub session_token: Option<Secret<String>>,
    /// Certificates (PEM) of the authorities to trust, in place of the system's.
    pub ca: Option<Vec<u8>>,
}

/// How fast files are sent and how patiently. The default is for real servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often events go up: somebody who follows a run in the bucket is that far behind.
    pub events_every: Duration,
    /// So many bytes of events go up at once.
    pub events_bytes: usize,
    /// Larger files are sent in parts of this size. S3 allows no smaller ones than 5 MiB and at most
    /// 10 000: with 8 MiB a video may have 80 GB.
    pub part: usize,
    /// How many pieces are in memory and on their way. Four of 8 MiB are 32 MiB, and fill a line of
    /// 1 Gbit/s up to 250 ms away.
    pub in_flight: usize,
    /// How long an answer may take, the time for its bytes aside.
    pub answer: Duration,
    /// Before the second try; each further one waits twice as long.
    pub first_wait: Duration,
    /// At most. An outage of minutes then costs a request every 15 s.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            events_every: Duration::from_secs(10),
            events_bytes: 1 << 20,
            part: 8 << 20,
            in_flight: 4,
            answer: Duration::from_secs(30),
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(15),
        }
    }
}

impl Pace {
    /// How long one try with so many bytes may take: slower than 64 KiB/s is as good as broken.
    fn limit(&self, bytes: u64) -> Duration {
        self.answer + Duration::from_millis(bytes / 64)
    }
}

/// What the uploader is told.
#[derive(Debug)]
enum Told {
    Event(usize),
    File(Artifact),
    Close,
    Sealed(Manifest),
    Unsealed(Vec<Artifact>),
}

/// What a gate that died had stored of this run.
#[derive(Debug)]
pub(super) enum Before {
    /// There was none.
    Nothing,
    /// Something, and it is not known how much: what is there already is found there.
    Something,
    /// All of it, or what there will be.
    Settled(UploadReport),
}

/// Tells the uploader what there is. Without storage the run directory is where the files stay.
#[derive(Debug)]
pub(super) struct Uploader {
    told: Option<mpsc::UnboundedSender<Told>>,
    /// Why there is nobody to tell, although there should be.
    unusable: Option<UploadError>,
    state: watch::Sender<UploadReport>,
}

impl Uploader {
    /// An uploader, and what it does until the report is settled. With storage that cannot be used it
    /// fails once the run has ended: the run is worth having all the same.
    pub(super) fn start(
        storage: Option<&Storage>,
        run_dir: PathBuf,
        state: watch::Sender<UploadReport>,
        before: Before,
    ) -> (Self, Option<impl Future<Output = ()> + use<>>) {
        let again = !matches!(before, Before::Nothing);
        if let Before::Settled(report) = before {
            state.send_replace(report);
            return (Self { told: None, unusable: None, state }, None);
        }
        let Some(storage) = storage else {
            return (Self { told: None, unusable: None, state }, None);
        };
        match Driver::new(storage, run_dir, state.clone(), again) {
            Ok(driver) => {
                let (told, hear) = mpsc::unbounded_channel();
                (Self { told: Some(told), unusable: None, state }, Some(driver.run(hear)))
            }
            Err(error) => {
                tracing::error!(%error, "the run's files stay in the pod");
                (Self { told: None, unusable: Some(error), state }, None)
            }
        }
    }

    /// So many bytes were added to `events.ndjson`.
    pub(super) fn event(&self, bytes: usize) {
        self.tell(Told::Event(bytes));
    }

    /// This file of the run directory is complete.
    pub(super) fn file(&self, artifact: Artifact) {
        self.tell(Told::File(artifact));
    }

    /// The run has ended, or has to: the time counts. A second time it does nothing.
    pub(super) fn close(&self) {
        self.tell(Told::Close);
    }

    /// The manifest is written.
    pub(super) fn sealed(&self, manifest: Manifest) {
        self.state.send_modify(|report| {
            report.manifest_sha256 = Some(manifest.own.sha256.clone());
            match (&self.told, &self.unusable) {
                (Some(_), _) => {}
                (None, Some(error)) => driver::fail(report, error),
                (None, None) => {
                    report.state = UploadState::KeptInPod;
                    (report.count, report.bytes) = manifest.total();
                }
            }
        });
        self.tell(Told::Sealed(manifest));
    }

    /// The manifest could not be written; these are the files.
    pub(super) fn unsealed(&self, files: Vec<Artifact>) {
        if self.told.is_none() {
            let error = self.unusable.as_ref().unwrap_or(&UploadError::NoManifest);
            self.state.send_modify(|report| driver::fail(report, error));
        }
        self.tell(Told::Unsealed(files));
    }

    /// What has become of the files so far.
    pub(super) fn state(&self) -> UploadReport {
        self.state.borrow().clone()
    }

    fn tell(&self, told: Told) {
        if let Some(uploader) = &self.told {
            // One that has ended has said how.
            uploader.send(told).ok();
        }
    }
}
