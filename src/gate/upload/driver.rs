//! The one task that knows what is stored and what is still to be: it is told what there is and
//! starts a job for each, the manifest last.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    super::store::{Line, MANIFEST, Manifest},
    Storage, Told,
    error::UploadError,
    events::EventLog,
    object::Work,
    reader::Sum,
    s3::Bucket,
};
use crate::pod::contract::{Artifact, UploadReport, UploadState};

/// What goes up as soon as it is made.
const LIVE: &str = "screenshot";

/// A job that has ended.
enum Done {
    File {
        path: String,
        stored: Result<Sum, UploadError>,
    },
    /// How far the log of events is stored now.
    Events(EventLog, Result<(), UploadError>),
    Manifest(Result<Sum, UploadError>),
}

/// Whether the run's files are complete.
enum Sealed {
    /// More may come.
    NotYet,
    /// There is a manifest of them.
    With(Manifest),
    /// The manifest could not be written.
    Without,
}

impl Sealed {
    fn is_sealed(&self) -> bool {
        !matches!(self, Self::NotYet)
    }
}

/// See the module.
pub(super) struct Driver {
    work: Arc<Work>,
    timeout: Duration,
    state: watch::Sender<UploadReport>,
    jobs: JoinSet<Done>,
    under_way: BTreeSet<String>,
    stored: BTreeMap<String, Sum>,
    /// Absent while a job has it.
    events: Option<EventLog>,
    /// Bytes of events that were told.
    logged: u64,
    sealed: Sealed,
    manifest_sent: bool,
    deadline: Option<Instant>,
    /// The first that went wrong.
    failed: Option<UploadError>,
}

impl Driver {
    pub(super) fn new(
        storage: &Storage,
        directory: PathBuf,
        state: watch::Sender<UploadReport>,
        again: bool,
    ) -> Result<Self, UploadError> {
        let work = Work {
            bucket: Bucket::new(&storage.s3)?,
            directory,
            prefix: storage.s3.prefix.clone(),
            pace: storage.pace,
            slots: Arc::new(Semaphore::new(storage.pace.in_flight)),
            over: CancellationToken::new(),
        };
        Ok(Self {
            work: Arc::new(work),
            timeout: storage.timeout,
            state,
            jobs: JoinSet::new(),
            under_way: BTreeSet::new(),
            stored: BTreeMap::new(),
            events: Some(if again { EventLog::left_alone() } else { EventLog::default() }),
            logged: 0,
            sealed: Sealed::NotYet,
            manifest_sent: false,
            deadline: None,
            failed: None,
        })
    }

    /// Runs until everything is stored, or something is not going to be.
    pub(super) async fn run(mut self, mut told: mpsc::UnboundedReceiver<Told>) {
        let mut every = interval(self.work.pace.events_every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let over = self.work.over.clone();
        let mut listening = true;
        while !self.is_over() {
            let deadline = self.deadline.unwrap_or_else(Instant::now);
            tokio::select! {
                told = told.recv(), if listening => {
                    listening = told.is_some();
                    if let Some(told) = told {
                        self.told(told);
                    } else {
                        self.abandon();
                    }
                }
                Some(done) = self.jobs.join_next() => match done {
                    Ok(done) => self.done(done),
                    Err(error) => self.lost(&error),
                },
                _ = every.tick() => self.send_events(1),
                () = sleep_until(deadline), if self.deadline.is_some() && !over.is_cancelled() => {
                    self.end_of_time();
                }
            }
            self.go_on();
        }
        self.report();
    }

    /// Whether nothing is under way and nothing more is to come.
    fn is_over(&self) -> bool {
        let hopeless = self.failed.is_some()
            && self.sealed.is_sealed()
            && self.events.as_ref().is_some_and(EventLog::is_done);
        self.jobs.is_empty() && (self.manifest_sent || hopeless || self.work.over.is_cancelled())
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Event(bytes) => {
                self.logged += bytes as u64;
                self.send_events(self.work.pace.events_bytes);
            }
            Told::File(Artifact { path, kind, media_type }) => {
                if kind == LIVE && !self.sealed.is_sealed() {
                    self.send(path, media_type, None);
                }
            }
            Told::Close => self.close(),
            Told::Sealed(manifest) => {
                // The small files first: the report is worth more than the video if there is time for
                // one of them only.
                let mut lines = manifest.files.clone();
                lines.sort_by_key(|line| line.bytes);
                self.seal(Sealed::With(manifest));
                for Line { path, media_type, bytes, sha256 } in lines {
                    self.send(path, media_type, Some(Sum { bytes, sha256 }));
                }
            }
            Told::Unsealed(files) => {
                self.seal(Sealed::Without);
                self.failed.get_or_insert(UploadError::NoManifest);
                for Artifact { path, media_type, kind: _ } in files {
                    // Whatever is in its place is no manifest.
                    if path != MANIFEST {
                        self.send(path, media_type, None);
                    }
                }
            }
        }
    }

    /// From now on the time counts.
    fn close(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + self.timeout);
    }

    fn seal(&mut self, sealed: Sealed) {
        self.close();
        self.sealed = sealed;
        if let Some(log) = &mut self.events {
            log.resume();
        }
    }

    /// Starts the job for a file, unless it is stored or on its way.
    fn send(&mut self, path: String, media_type: String, expected: Option<Sum>) {
        if self.stored.contains_key(&path) || !self.under_way.insert(path.clone()) {
            return;
        }
        let work = Arc::clone(&self.work);
        self.jobs.spawn(async move {
            let stored = work.file(&path, &media_type, expected).await;
            Done::File { path, stored }
        });
    }

    /// Sends the next piece of the log if at least so much of it is waiting.
    fn send_events(&mut self, least: usize) {
        let (ending, logged) = (self.sealed.is_sealed(), self.logged);
        let due = |log: &mut EventLog| {
            log.wants(ending) && (ending || log.waiting(logged) >= least as u64)
        };
        let Some(log) = self.events.take_if(due) else { return };
        let work = Arc::clone(&self.work);
        self.jobs.spawn(async move {
            let (log, stored) = log.send(&work).await;
            Done::Events(log, stored)
        });
    }

    fn done(&mut self, done: Done) {
        let ending = self.sealed.is_sealed();
        match done {
            Done::File { path, stored } => {
                self.under_way.remove(&path);
                match stored {
                    Ok(sum) => self.keep(path, sum),
                    Err(error) if ending || self.work.over.is_cancelled() => self.fail(error),
                    // Once more at the end: somebody may have made the bucket by then.
                    Err(error) => warn!(%path, %error, "not stored yet"),
                }
            }
            Done::Events(log, stored) => {
                let more = stored.is_ok() && !log.is_done();
                self.events = Some(log);
                match stored {
                    Ok(()) => {}
                    Err(error) if ending => self.fail(error),
                    Err(error) => warn!(%error, "events are not stored yet"),
                }
                if more {
                    // There may be more than fits into one piece.
                    self.send_events(self.work.pace.events_bytes);
                }
            }
            Done::Manifest(Ok(sum)) => self.keep(MANIFEST.to_owned(), sum),
            Done::Manifest(Err(error)) => self.fail(error),
        }
    }

    fn keep(&mut self, path: String, sum: Sum) {
        self.state.send_modify(|report| {
            report.state = UploadState::Uploading;
            report.count += 1;
            report.bytes += sum.bytes;
        });
        self.stored.insert(path, sum);
    }

    fn fail(&mut self, error: UploadError) {
        warn!(reason = error.reason(), %error, "the run's files are not all stored");
        // Whoever only waited behind others knows least.
        if self.failed.as_ref().is_none_or(|first| matches!(first, UploadError::Waited { .. })) {
            self.failed = Some(error);
        }
    }

    fn lost(&mut self, error: &tokio::task::JoinError) {
        let source = std::io::Error::other(error.to_string());
        self.fail(UploadError::Unreadable { path: "a file".to_owned(), source });
        // Which one is not known: at the next look it is missing.
        self.work.over.cancel();
    }

    /// After the end of the run: the rest of the events, and when all else is stored the manifest.
    fn go_on(&mut self) {
        if !self.sealed.is_sealed() || self.work.over.is_cancelled() {
            return;
        }
        self.send_events(0);
        let Sealed::With(manifest) = &self.sealed else { return };
        if !self.jobs.is_empty() || self.manifest_sent || self.failed.is_some() {
            return;
        }
        let different = |line: &&Line| {
            self.stored.get(&line.path).is_none_or(|stored| stored.sha256 != line.sha256)
        };
        if let Some(line) = manifest.files.iter().find(different) {
            // It was sent as it was made, and has been changed since.
            let path = line.path.clone();
            return self.fail(UploadError::Changed { path });
        }
        self.manifest_sent = true;
        let (work, Line { path, media_type, bytes, sha256 }) =
            (Arc::clone(&self.work), manifest.own.clone());
        self.jobs.spawn(async move {
            let sum = Some(Sum { bytes, sha256 });
            Done::Manifest(work.file(&path, &media_type, sum).await)
        });
    }

    fn end_of_time(&mut self) {
        if !self.sealed.is_sealed() {
            self.fail(UploadError::Deadline {
                what: MANIFEST.to_owned(),
                last: "the run has not ended".to_owned(),
            });
        }
        self.work.over.cancel();
    }

    /// The gate is gone: nobody will say what else there is.
    fn abandon(&mut self) {
        if !self.sealed.is_sealed() {
            self.fail(UploadError::Abandoned);
            self.work.over.cancel();
        }
    }

    fn report(self) {
        let failed = self.failed.or_else(|| {
            let last = "other files took all of it".to_owned();
            let late = UploadError::Deadline { what: MANIFEST.to_owned(), last };
            (!self.manifest_sent).then_some(late)
        });
        self.state.send_modify(|report| match &failed {
            None => report.state = UploadState::Complete,
            Some(error) => fail(report, error),
        });
        let UploadReport { state, count, bytes, reason, .. } = &*self.state.borrow();
        info!(?state, count, bytes, reason, "the upload has ended");
    }
}

/// It will not be complete.
pub(super) fn fail(report: &mut UploadReport, error: &UploadError) {
    report.state = UploadState::Failed;
    report.reason = Some(error.reason().to_owned());
    report.message = error.sentence();
}
