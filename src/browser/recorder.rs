//! The video: an encoder that grabs the display, one segment after the other.
//!
//! # Guarantees
//! - Killed at any moment, what was recorded plays up to at most 2.1 s before.
//! - While paused no encoder runs.
//! - The recorder never fails a run: what is lost is said, with the reason.

mod encoder;
mod finish;
mod marks;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::task::TaskTracker;

use self::{
    encoder::{Encoder, Event},
    finish::{Segment, VIDEO},
    marks::Marks,
};
use super::process;
use crate::{
    clock::Clock,
    pod::contract::{FromBrowser, Mark, Recording, RecordingState, Size, VideoReport, VideoStatus},
    telemetry::chain,
};

/// The encoder reads ten commands a second.
const COMMAND_PACE: Duration = Duration::from_millis(110);
/// A run's video is no longer than this,
const MAX_LENGTH: Duration = Duration::from_hours(4);
/// no larger than this,
const MAX_BYTES: u64 = 2 << 30;
/// and ends when the volume has less than this left, which the reports still need.
const MIN_FREE: u64 = 256 << 20;

/// What to record.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// X display number.
    pub(crate) number: u32,
    /// Its pixels.
    pub(crate) size: Size,
    /// The directory of its cookie.
    pub(crate) cookies: PathBuf,
    /// Where the page lies on it.
    pub(crate) origin: (u32, u32),
}

/// What the recorder is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// There is a display now, or none any more, and why.
    Source(Result<Source, String>),
    /// See [`crate::pod::contract::ToBrowser`].
    Record,
    /// See [`crate::pod::contract::ToBrowser`].
    Pause,
    /// See [`crate::pod::contract::ToBrowser`].
    Close,
    /// See [`crate::pod::contract::ToBrowser`].
    Mark(Mark),
}

/// Why there can be no video on this machine, and what to install.
pub(crate) fn missing() -> Option<String> {
    program().is_none().then(|| {
        "there is no video because ffmpeg is not installed (on Debian: apt install ffmpeg)"
            .to_owned()
    })
}

fn program() -> Option<PathBuf> {
    process::find(&["ffmpeg"])
}

/// The recorder's state; it lives in the task that runs [`Recorder::run`].
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
#[derive(Debug)]
pub(crate) struct Recorder {
    tasks: TaskTracker,
    clock: Arc<dyn Clock>,
    /// For images and lists.
    directory: PathBuf,
    /// For the video.
    media: PathBuf,
    tell: mpsc::UnboundedSender<FromBrowser>,
    /// The running encoder's process, which must not be taken for a leftover of the browser.
    pid: watch::Sender<Option<u32>>,
    source: Result<Source, String>,
    /// Whether somebody wants to record now.
    wanted: bool,
    /// Whether anybody ever did.
    asked: bool,
    encoder: Option<Encoder>,
    marks: Marks,
    /// Whether keys can be drawn: without a font they cannot.
    chip: bool,
    segments: Vec<Segment>,
    started: u32,
    restarted: bool,
    /// Why nothing is recorded any more.
    over: Option<(RecordingState, String)>,
}

impl Recorder {
    /// A recorder that waits for its first command. `pid` shows its encoder.
    pub(crate) fn new(
        tasks: TaskTracker,
        clock: Arc<dyn Clock>,
        directory: PathBuf,
        media: PathBuf,
        tell: mpsc::UnboundedSender<FromBrowser>,
        pid: watch::Sender<Option<u32>>,
    ) -> Self {
        Self {
            tasks,
            clock,
            directory,
            media,
            tell,
            pid,
            source: Err("there is no display yet".to_owned()),
            wanted: false,
            asked: false,
            encoder: None,
            marks: Marks::default(),
            chip: true,
            segments: Vec::new(),
            started: 0,
            restarted: false,
            over: None,
        }
    }

    /// Does what it is told until nobody can tell it anything.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut pace = interval(COMMAND_PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let clock = Arc::clone(&self.clock);
            let encoder = self.encoder.as_mut();
            let recording = encoder.is_some();
            let event = async {
                match encoder {
                    Some(encoder) => encoder.event(&*clock).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                event = event => self.heard(event, &mut commands).await,
                _ = pace.tick(), if recording => self.beat().await,
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Source(source) => {
                self.source = source;
                if self.source.is_err() {
                    self.end_segment().await;
                } else if self.wanted && self.encoder.is_none() {
                    self.begin_segment();
                }
            }
            Command::Record => {
                self.asked = true;
                self.wanted = true;
                match self.encoder.as_ref().map(|encoder| encoder.started) {
                    // It was asked twice, perhaps by a gate that has been restarted.
                    Some(Some(started)) => {
                        let media = self.before();
                        self.say(RecordingState::Started, started, media, None);
                    }
                    Some(None) => {}
                    None => self.begin_segment(),
                }
            }
            Command::Pause => {
                self.wanted = false;
                self.end_segment().await;
                self.say_now(RecordingState::Paused, None);
            }
            Command::Close => {
                self.wanted = false;
                self.end_segment().await;
                let report = self.close().await;
                drop(self.tell.send(FromBrowser::VideoClosed(report)));
            }
            Command::Mark(mark) => {
                let at = self.segment_time();
                if let Ok(Source { origin, .. }) = &self.source {
                    self.marks.take(mark, *origin, at.as_secs_f64());
                }
            }
        }
    }

    async fn heard(&mut self, event: Event, commands: &mut mpsc::UnboundedReceiver<Command>) {
        match event {
            Event::Started(at) => {
                let media = self.before();
                self.say(RecordingState::Started, at, media, None);
            }
            Event::Died(reason) => {
                tracing::warn!(%reason, "the encoder ended");
                let was_started =
                    self.encoder.as_ref().is_some_and(|encoder| encoder.started.is_some());
                self.keep_segment();
                if !was_started && self.chip {
                    // Not the encoder's fault, perhaps: there may be no font.
                    self.chip = false;
                    self.begin_segment();
                    return;
                }
                // The display may be dying as well; then the encoder is not to blame.
                encoder::breathe().await;
                while let Ok(command) = commands.try_recv() {
                    Box::pin(self.obey(command)).await;
                }
                if self.source.is_err() || !self.wanted || self.encoder.is_some() {
                    return;
                }
                if std::mem::replace(&mut self.restarted, true) {
                    self.give_up(RecordingState::Failed, format!("the encoder ended: {reason}"));
                } else {
                    self.begin_segment();
                }
            }
        }
    }

    /// Every tenth of a second: one command to the encoder, and a look at the limits.
    async fn beat(&mut self) {
        let now = self.segment_time();
        let length = self.before() + now;
        let Some(encoder) = &mut self.encoder else { return };
        if encoder.started.is_none() {
            return;
        }
        if let Some(line) = self.marks.next(now.as_secs_f64()) {
            encoder.tell(line).await;
        }
        let written = fs::metadata(&encoder.path).map_or(0, |found| found.len());
        let kept = self.segments.iter().filter_map(|segment| fs::metadata(&segment.path).ok());
        let bytes = written + kept.map(|found| found.len()).sum::<u64>();
        if let Some(limit) = limit(length, bytes, free(&self.media)) {
            self.end_segment().await;
            self.give_up(RecordingState::Paused, limit);
        }
    }

    fn begin_segment(&mut self) {
        let (source, ffmpeg) = match (&self.source, program(), &self.over) {
            (_, _, Some((state, reason))) => {
                let (state, reason) = (*state, reason.clone());
                return self.say_now(state, Some(reason));
            }
            (Err(reason), ..) => {
                let reason = reason.clone();
                return self.say_now(RecordingState::Unavailable, Some(reason));
            }
            (_, None, _) => return self.say_now(RecordingState::Unavailable, missing()),
            (Ok(source), Some(ffmpeg), None) => (source, ffmpeg),
        };
        if let Some(reason) = limit(self.before(), 0, free(&self.media)) {
            return self.give_up(RecordingState::Paused, reason);
        }
        self.started += 1;
        let path = self.media.join(format!("segment-{:04}.webm", self.started));
        let started = fs::create_dir_all(&self.directory)
            .and_then(|()| marks::draw(&self.directory))
            .and_then(|()| {
                Encoder::start(
                    &self.tasks,
                    &ffmpeg,
                    &self.directory,
                    source,
                    &self.marks,
                    self.chip,
                    path,
                )
            });
        match started {
            Ok(encoder) => {
                self.pid.send_replace(encoder.pid());
                self.encoder = Some(encoder);
            }
            Err(error) => {
                self.give_up(RecordingState::Failed, format!("starting the encoder: {error}"));
            }
        }
    }

    async fn end_segment(&mut self) {
        let Some(encoder) = self.encoder.take() else { return };
        let segment = self.segment(&encoder);
        encoder.stop().await;
        self.pid.send_replace(None);
        self.keep(segment);
    }

    /// Takes over what an encoder that has died left.
    fn keep_segment(&mut self) {
        let Some(encoder) = self.encoder.take() else { return };
        self.pid.send_replace(None);
        let segment = self.segment(&encoder);
        self.keep(segment);
    }

    fn segment(&self, encoder: &Encoder) -> Segment {
        let length =
            encoder.started.map_or(Duration::ZERO, |at| self.clock.boot().saturating_sub(at));
        Segment { path: encoder.path.clone(), length }
    }

    /// A segment counts from its first frame on; one without is removed.
    fn keep(&mut self, segment: Segment) {
        if segment.length.is_zero() {
            drop(fs::remove_file(&segment.path));
        } else {
            self.segments.push(segment);
        }
    }

    /// Joins what there is; afterwards a new video could begin.
    async fn close(&mut self) -> VideoReport {
        let segments = std::mem::take(&mut self.segments);
        let over = self.over.take();
        let asked = std::mem::take(&mut self.asked);
        let lost = |status, reason| VideoReport { status, reason, file: None, duration_ms: 0 };
        let Some(ffmpeg) = program().filter(|_| !segments.is_empty()) else {
            return match (over, &self.source) {
                (Some((_, reason)), _) => lost(VideoStatus::Failed, Some(reason)),
                (None, _) if !asked => lost(VideoStatus::Off, None),
                (None, Err(reason)) => lost(VideoStatus::Unavailable, Some(reason.clone())),
                (None, Ok(_)) => match missing() {
                    Some(reason) => lost(VideoStatus::Unavailable, Some(reason)),
                    None => lost(VideoStatus::Failed, Some("no frame was recorded".to_owned())),
                },
            };
        };
        let early = over.map(|(_, reason)| reason);
        let finished =
            finish::finish(&self.tasks, &ffmpeg, &self.directory, &self.media, &segments).await;
        match finished {
            Ok(duration) => VideoReport {
                status: VideoStatus::Recorded,
                reason: early,
                file: Some(VIDEO.to_owned()),
                duration_ms: millis(duration),
            },
            Err(error) => lost(VideoStatus::Failed, Some(chain(&error))),
        }
    }

    fn give_up(&mut self, state: RecordingState, reason: String) {
        self.say_now(state, Some(reason.clone()));
        self.over = Some((state, reason));
    }

    /// Media time of the finished segments.
    fn before(&self) -> Duration {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Time since the running segment's first frame.
    fn segment_time(&self) -> Duration {
        let started = self.encoder.as_ref().and_then(|encoder| encoder.started);
        started.map_or(Duration::ZERO, |at| self.clock.boot().saturating_sub(at))
    }

    fn say_now(&self, state: RecordingState, reason: Option<String>) {
        self.say(state, self.clock.boot(), self.before() + self.segment_time(), reason);
    }

    fn say(&self, state: RecordingState, at: Duration, media: Duration, reason: Option<String>) {
        let recording = Recording { state, at_ms: millis(at), media_ms: millis(media), reason };
        // Nobody listens any more: the supervisor is ending.
        drop(self.tell.send(FromBrowser::Recording(recording)));
    }
}

/// Why recording must end now, if it must.
fn limit(length: Duration, bytes: u64, free: Option<u64>) -> Option<String> {
    if length >= MAX_LENGTH {
        Some("the video ended at its limit of 4 hours".to_owned())
    } else if bytes >= MAX_BYTES {
        Some("the video ended at its limit of 2 GiB".to_owned())
    } else if free.is_some_and(|free| free < MIN_FREE) {
        Some("the video ended because the disk has less than 256 MiB left".to_owned())
    } else {
        None
    }
}

/// Bytes left where `path` is.
fn free(path: &Path) -> Option<u64> {
    let volume = rustix::fs::statvfs(path).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_ends_the_video_and_says_which() {
        let hour = Duration::from_hours(1);
        assert_eq!(limit(hour, 1 << 30, Some(1 << 30)), None);
        assert!(limit(4 * hour, 0, None).unwrap().contains("4 hours"));
        assert!(limit(hour, 2 << 30, None).unwrap().contains("2 GiB"));
        assert!(limit(hour, 0, Some(255 << 20)).unwrap().contains("256 MiB"));
    }
}
