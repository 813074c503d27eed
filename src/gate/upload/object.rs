//! One object, written once: whole if it is small, in parts if it is not.
//!
//! # Guarantees
//! - No object is written without the condition that there is none (tests/it/upload.rs,
//!   `every_object_is_written_once_and_the_manifest_last`).
//! - What is stored has the sum that it was stored under: a file that changes meanwhile is refused
//!   before its object exists.
//! - A multipart upload ends as an object or is aborted, also one whose id was lost with an answer.
//! - At most [`Pace::in_flight`](super::Pace::in_flight) pieces are in memory.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Pace, backoff,
    error::{Failure, UploadError},
    meaning::Meaning,
    reader::{self, Reader, Sum},
    s3::Bucket,
};

/// How often a multipart upload is begun anew after the server forgot it.
const BEGINNINGS: u32 = 4;
/// How long it may take to throw an upload away, tries together. It happens after the deadline, and
/// the kubelet gives 30 s on top of it.
const ABORT: Duration = Duration::from_secs(8);

/// What an object is to be.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) media_type: String,
    pub(super) sum: Sum,
}

/// Why something that was tried again and again did not succeed.
enum Stop {
    /// This is the answer.
    Said(Failure),
    /// It is an error whatever the answer was.
    Error(UploadError),
}

impl From<UploadError> for Stop {
    fn from(error: UploadError) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    fn of(self, path: String) -> UploadError {
        match self {
            Self::Said(failure) => UploadError::Refused { path, failure },
            Self::Error(error) => error,
        }
    }
}

/// What all objects of a run share.
pub(super) struct Work {
    pub(super) bucket: Bucket,
    pub(super) directory: PathBuf,
    /// Ends with `/`, or is empty.
    pub(super) prefix: String,
    pub(super) pace: Pace,
    /// One for each piece that may be in memory.
    pub(super) slots: Arc<Semaphore>,
    /// Cancelled when the time is over.
    pub(super) over: CancellationToken,
}

impl Work {
    /// Stores a file of the run directory under its own name. `expected` is what it sums to, if that
    /// is known.
    pub(super) async fn file(
        self: &Arc<Self>,
        path: &str,
        media_type: &str,
        expected: Option<Sum>,
    ) -> Result<Sum, UploadError> {
        let mut reader = self.open(path).await?;
        if reader.length() > self.pace.part as u64 {
            let sum = match expected {
                Some(sum) => sum,
                None => self.blocking(path, move || reader.sum_all()).await?,
            };
            let object = Arc::new(self.object(path, media_type, sum));
            self.multipart(&object, path).await?;
            return Ok(object.sum.clone());
        }
        let (_slot, size) = (self.slot(path).await?, self.pace.part);
        let read = move || Ok((reader.next(size)?, reader.sum()));
        let (body, sum) = self.blocking(path, read).await?;
        if expected.is_some_and(|expected| expected != sum) {
            return Err(UploadError::Changed { path: path.to_owned() });
        }
        let object = self.object(path, media_type, sum);
        self.put(&object, body).await?;
        Ok(object.sum)
    }

    /// Stores bytes.
    pub(super) async fn bytes(
        &self,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<(), UploadError> {
        let object = self.object(path, media_type, Sum::of(&body));
        let _slot = self.slot(path).await?;
        self.put(&object, body).await
    }

    /// Complete lines of a growing file; see [`reader::lines`].
    pub(super) async fn lines(
        &self,
        path: &'static str,
        from: u64,
        wanted: usize,
    ) -> Result<Bytes, UploadError> {
        let (directory, most) = (self.directory.clone(), self.pace.part.max(wanted));
        self.blocking(path, move || reader::lines(&directory, path, from, wanted, most)).await
    }

    fn object(&self, path: &str, media_type: &str, sum: Sum) -> Object {
        let key = format!("{}{path}", self.prefix);
        Object { key, media_type: media_type.to_owned(), sum }
    }

    /// What people know an object by: they have the prefix from elsewhere.
    fn path(&self, key: &str) -> String {
        key.strip_prefix(&self.prefix).unwrap_or(key).to_owned()
    }

    async fn open(&self, path: &str) -> Result<Reader, UploadError> {
        let (directory, name) = (self.directory.clone(), path.to_owned());
        self.blocking(path, move || Reader::open(&directory, &name)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        path: &str,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, UploadError> {
        let read = spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        read.map_err(|source| UploadError::Unreadable { path: path.to_owned(), source })
    }

    /// The right to have a piece in memory.
    async fn slot(&self, what: &str) -> Result<OwnedSemaphorePermit, UploadError> {
        let waited = self.over.run_until_cancelled(Arc::clone(&self.slots).acquire_owned()).await;
        let slot = waited.and_then(Result::ok);
        slot.ok_or_else(|| UploadError::Waited { what: what.to_owned() })
    }

    /// Does one request until it succeeds or its answer is one that `repeats` does not have.
    async fn persist<T, F>(
        &self,
        key: &str,
        bytes: u64,
        repeats: &[Meaning],
        mut once: impl FnMut() -> F,
    ) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let limit = self.pace.limit(bytes);
        let mut last = "nothing yet".to_owned();
        for failed in 1_u32.. {
            let tried = self.over.run_until_cancelled(timeout(limit, Box::pin(once()))).await;
            let failure = match tried {
                None => break,
                Some(Ok(Ok(done))) => return Ok(done),
                Some(Ok(Err(failure))) if repeats.contains(&failure.meaning) => failure.text,
                Some(Ok(Err(failure))) => return Err(Stop::Said(failure)),
                Some(Err(_)) => format!("no answer in {} s", limit.as_secs_f32()),
            };
            last = failure;
            // The first time, and then less and less often.
            if failed.is_power_of_two() {
                warn!(%key, failed, error = %last, "storing is tried again");
            }
            let random = getrandom::u32().unwrap_or_default();
            let wait = backoff::wait(self.pace.first_wait, self.pace.longest_wait, failed, random);
            if self.over.run_until_cancelled(sleep(wait)).await.is_none() {
                break;
            }
        }
        Err(UploadError::Deadline { what: self.path(key), last }.into())
    }

    async fn put(&self, object: &Object, body: Bytes) -> Result<(), UploadError> {
        let again = [Meaning::Passing, Meaning::Conflict];
        let once = || self.bucket.put(object, body.clone());
        match self.persist(&object.key, object.sum.bytes, &again, once).await {
            Ok(()) => Ok(()),
            Err(Stop::Said(failure)) if failure.meaning == Meaning::Taken => {
                match self.is_ours(object).await? {
                    Some(true) => Ok(()),
                    Some(false) | None => Err(UploadError::Taken { path: self.path(&object.key) }),
                }
            }
            Err(stop) => Err(stop.of(self.path(&object.key))),
        }
    }

    /// Whether what is stored under the key is this object; `None` if nothing is.
    async fn is_ours(&self, object: &Object) -> Result<Option<bool>, UploadError> {
        let key = &object.key;
        let stored = match self.persist(key, 0, &[Meaning::Passing], || self.bucket.head(key)).await
        {
            Ok(stored) => stored,
            Err(Stop::Said(failure)) if failure.meaning == Meaning::Missing => return Ok(None),
            Err(stop) => return Err(stop.of(self.path(key))),
        };
        if stored.bytes != object.sum.bytes {
            return Ok(Some(false));
        }
        if let Some(sha256) = stored.sha256 {
            return Ok(Some(sha256 == object.sum.sha256));
        }
        // Stored by a server that keeps no metadata, or by somebody else.
        let again = [Meaning::Passing];
        let sum = self.persist(key, stored.bytes, &again, || self.bucket.sum(key)).await;
        sum.map(|sum| Some(sum == object.sum)).map_err(|stop| stop.of(self.path(key)))
    }

    async fn multipart(
        self: &Arc<Self>,
        object: &Arc<Object>,
        path: &str,
    ) -> Result<(), UploadError> {
        let key = &object.key;
        let mut lost_an_id = false;
        let mut tried = Ok(false);
        for _ in 0..BEGINNINGS {
            tried = self.multipart_once(object, path, &mut lost_an_id).await;
            if !matches!(tried, Ok(false)) {
                break;
            }
        }
        if lost_an_id {
            self.sweep(key).await;
        }
        if tried? {
            return Ok(());
        }
        Err(UploadError::Refused {
            path: self.path(key),
            failure: Failure {
                meaning: Meaning::Final,
                status: Some(404),
                code: "NoSuchUpload".to_owned(),
                text: "multipart uploads are forgotten before they are complete".to_owned(),
            },
        })
    }

    /// False if it has to begin anew.
    async fn multipart_once(
        self: &Arc<Self>,
        object: &Arc<Object>,
        path: &str,
        lost_an_id: &mut bool,
    ) -> Result<bool, UploadError> {
        let key = &object.key;
        let mut tries = 0;
        let created = self
            .persist(key, 0, &[Meaning::Passing], || {
                tries += 1;
                self.bucket.create(object)
            })
            .await;
        *lost_an_id |= tries > 1 || created.is_err();
        let upload: Arc<str> = created.map_err(|stop| stop.of(self.path(key)))?.into();
        let ended = match self.parts(object, path, &upload).await {
            Ok(tags) => self.complete(object, &upload, &tags).await,
            Err(stop) => Err(stop),
        };
        match ended {
            Ok(true) => return Ok(true),
            Ok(false) | Err(_) => self.abort(key, &upload).await,
        }
        match ended {
            Err(Stop::Said(failure)) if failure.meaning == Meaning::NoUpload => Ok(false),
            Err(stop) => Err(stop.of(self.path(key))),
            Ok(done) => Ok(done),
        }
    }

    /// Sends the file in parts, each as soon as there is room for it; gives their tags.
    async fn parts(
        self: &Arc<Self>,
        object: &Arc<Object>,
        path: &str,
        upload: &Arc<str>,
    ) -> Result<Vec<String>, Stop> {
        let mut tags = std::collections::BTreeMap::new();
        // Dropped, it ends what is on its way: nothing is sent after the abort.
        let mut on_the_way = JoinSet::new();
        let (mut reader, size) = (self.open(path).await?, self.pace.part);
        for number in 1_i32.. {
            let slot = self.slot(path).await?;
            while let Some(part) = on_the_way.try_join_next() {
                let (number, tag) = joined(path, part)?;
                tags.insert(number, tag);
            }
            let (rest, piece) = self
                .blocking(path, move || {
                    let piece = reader.next(size)?;
                    Ok((reader, piece))
                })
                .await?;
            reader = rest;
            if piece.is_empty() {
                break;
            }
            let (work, object, upload) = (Arc::clone(self), Arc::clone(object), Arc::clone(upload));
            on_the_way.spawn(async move {
                let _slot = slot;
                let (key, length) = (&object.key, piece.len() as u64);
                let once = || work.bucket.part(key, &upload, number, piece.clone());
                let tag = work.persist(key, length, &[Meaning::Passing], once).await?;
                Ok((number, tag))
            });
        }
        while let Some(part) = on_the_way.join_next().await {
            let (number, tag) = joined(path, part)?;
            tags.insert(number, tag);
        }
        if reader.sum() != object.sum {
            return Err(UploadError::Changed { path: path.to_owned() }.into());
        }
        Ok(tags.into_values().collect())
    }

    /// Makes the object. False if it has to begin anew.
    async fn complete(&self, object: &Object, upload: &str, tags: &[String]) -> Result<bool, Stop> {
        let key = &object.key;
        let mut tries = 0;
        let once = || {
            tries += 1;
            self.bucket.complete(key, upload, tags)
        };
        // The server copies the parts together before it answers.
        let bytes = object.sum.bytes / 16;
        let failure = match self.persist(key, bytes, &[Meaning::Passing], once).await {
            Ok(()) => return Ok(true),
            Err(Stop::Said(failure)) => failure,
            Err(stop) => return Err(stop),
        };
        match failure.meaning {
            Meaning::Conflict => Ok(false),
            // After a lost answer every server has its own words for "that is done already".
            _ if tries > 1 || failure.meaning == Meaning::Taken => {
                match self.is_ours(object).await? {
                    Some(true) => Ok(true),
                    Some(false) => Err(UploadError::Taken { path: self.path(key) }.into()),
                    None => Err(Stop::Said(failure)),
                }
            }
            Meaning::Passing
            | Meaning::Taken
            | Meaning::NoUpload
            | Meaning::Missing
            | Meaning::Final => Err(Stop::Said(failure)),
        }
    }

    /// Aborts a multipart upload. One that stays is the bucket's lifecycle rule's to remove.
    async fn abort(&self, key: &str, upload: &str) {
        let aborted = timeout(ABORT, async {
            let mut failed = 0;
            while let Err(failure) = Box::pin(self.bucket.abort(key, upload)).await {
                if failure.meaning != Meaning::Passing {
                    // Completed or forgotten: there is nothing left to abort.
                    return (failure.meaning != Meaning::Final).then_some(()).ok_or(failure.text);
                }
                failed += 1;
                let (first, longest) = (self.pace.first_wait, self.pace.longest_wait);
                sleep(backoff::wait(first, longest, failed, u32::MAX)).await;
            }
            Ok(())
        });
        let error = match aborted.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => "no answer in time".to_owned(),
        };
        warn!(%key, %error, "a multipart upload could not be aborted");
    }

    /// Aborts what is left under this key of uploads whose id never arrived. The key is of this
    /// attempt of this run alone.
    async fn sweep(&self, key: &str) {
        let left = match timeout(ABORT, Box::pin(self.bucket.unfinished(key))).await {
            Ok(Ok(left)) => left,
            Ok(Err(Failure { text: error, .. })) => {
                return warn!(%key, %error, "multipart uploads that may be left cannot be listed");
            }
            Err(_) => return warn!(%key, "multipart uploads that may be left are not listed"),
        };
        for upload in left {
            self.abort(key, &upload).await;
        }
    }
}

fn joined<T>(path: &str, part: Result<Result<T, Stop>, tokio::task::JoinError>) -> Result<T, Stop> {
    part.unwrap_or_else(|error| {
        let source = io::Error::other(error);
        Err(UploadError::Unreadable { path: path.to_owned(), source }.into())
    })
}
