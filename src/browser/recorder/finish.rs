//! From segments to one video: joined without encoding again, with duration and seek points, and
//! decoded once to know that it plays.

use std::{
    fmt::Write,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{io::AsyncReadExt, sync::watch};
use tokio_util::task::TaskTracker;

use super::super::process::{Program, drain, obituary};

/// The finished file's name in the media directory.
pub(super) const VIDEO: &str = "video.webm";

/// How a cluster of frames begins in a WebM file.
const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
/// Where the first one has begun at the latest.
const HEAD: u64 = 16 << 10;

/// A recorded segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its file.
    pub(super) path: PathBuf,
    /// Its media time.
    pub(super) length: Duration,
}

/// Why there is no video.
#[derive(Debug, thiserror::Error)]
pub(super) enum FinishError {
    #[error("joining the video's segments")]
    Join(#[source] io::Error),
    #[error("the video's segments could not be joined: {0}")]
    Refused(String),
    #[error("the video does not decode: {0}")]
    Broken(String),
    #[error("the video is empty")]
    Empty,
}

/// Joins `segments` into [`VIDEO`] in `media` and decodes it; returns its duration. The segments
/// are removed once that has succeeded.
pub(super) async fn finish(
    tasks: &TaskTracker,
    ffmpeg: &Path,
    directory: &Path,
    media: &Path,
    segments: &[Segment],
) -> Result<Duration, FinishError> {
    let playable = playable(segments, has_frames);
    if playable.is_empty() {
        return Err(FinishError::Empty);
    }
    let list = directory.join("segments.txt");
    fs::write(&list, concat_list(&playable)).map_err(FinishError::Join)?;
    let video = media.join(VIDEO);
    let join = Program::new(ffmpeg, directory)
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(["-f", "concat", "-safe", "0", "-i", "segments.txt"])
        .args(["-c", "copy", "-cues_to_front", "1", "-f", "webm"])
        .args([&video]);
    let joined = call(tasks, join).await.map_err(FinishError::Join)?;
    joined.map_err(FinishError::Refused)?;
    let duration = decode(tasks, ffmpeg, directory, &video).await?;
    for segment in segments {
        // What stays costs space, not the video.
        drop(fs::remove_file(&segment.path));
    }
    Ok(duration)
}

/// Decodes the whole file; its duration.
async fn decode(
    tasks: &TaskTracker,
    ffmpeg: &Path,
    directory: &Path,
    video: &Path,
) -> Result<Duration, FinishError> {
    let mut decode = Program::new(ffmpeg, directory)
        .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-xerror", "-i"])
        .args([video])
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "null"])
        .args(["-progress", "pipe:1", "-"]);
    decode.stdout = true;
    let decoded = call(tasks, decode).await.map_err(FinishError::Join)?;
    let progress = decoded.map_err(FinishError::Broken)?;
    let last = |key: &str| {
        let mut values = progress.lines().rev().filter_map(|line| line.strip_prefix(key));
        values.find_map(|value| value.trim().parse::<u64>().ok())
    };
    match (last("frame="), last("out_time_us=")) {
        (Some(1..), Some(end)) => Ok(Duration::from_micros(end)),
        _ => Err(FinishError::Empty),
    }
}

/// Runs a program to its end: what it wrote on standard output, or what it says about its failure.
async fn call(tasks: &TaskTracker, program: Program) -> io::Result<Result<String, String>> {
    let mut child = program.spawn()?;
    let (line, last_line) = watch::channel(String::new());
    if let Some(stderr) = child.stderr.take() {
        drain(tasks, stderr, move |text| {
            if !text.is_empty() {
                drop(line.send_replace(text.to_owned()));
            }
        });
    }
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text).await?;
    }
    let status = child.wait().await?;
    Ok(if status.success() { Ok(text) } else { Err(obituary(Ok(status), &last_line.borrow())) })
}

/// The segments that have frames. The time of one without (its encoder was killed at once) goes to
/// the one before, so that what follows stays where it was said to be.
fn playable(segments: &[Segment], has_frames: impl Fn(&Path) -> bool) -> Vec<Segment> {
    let mut playable: Vec<Segment> = Vec::new();
    for segment in segments {
        if has_frames(&segment.path) {
            playable.push(segment.clone());
        } else if let Some(last) = playable.last_mut() {
            last.length += segment.length;
        }
    }
    playable
}

/// Whether a WebM file has come as far as its first cluster.
fn has_frames(path: &Path) -> bool {
    // The headers before it are some hundred bytes long.
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && head.windows(CLUSTER.len()).any(|bytes| bytes == CLUSTER)
}

/// The list that the joiner reads. Durations are told, because a killed encoder wrote none.
fn concat_list(segments: &[Segment]) -> String {
    let mut list = String::from("ffconcat version 1.0\n");
    for Segment { path, length } in segments {
        let path = path.to_string_lossy().replace('\'', "'\\''");
        // Writing to a string does not fail.
        let _ = write!(list, "file '{path}'\nduration {:.3}\n", length.as_secs_f64());
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_segment_without_frames_is_not_lost() {
        let segment = |name: &str, seconds| Segment {
            path: name.into(),
            length: Duration::from_secs(seconds),
        };
        let all = [segment("a", 3), segment("empty", 2), segment("b", 4), segment("empty", 1)];
        let kept = playable(&all, |path| path != Path::new("empty"));
        assert_eq!(kept, [segment("a", 5), segment("b", 5)]);
        assert_eq!(playable(&all[1..2], |_| false), []);
    }

    #[test]
    fn a_path_with_quotes_stays_one_path() {
        let path = PathBuf::from("/it's/1.webm");
        let list = concat_list(&[Segment { path, length: Duration::from_millis(1500) }]);
        assert_eq!(list, "ffconcat version 1.0\nfile '/it'\\''s/1.webm'\nduration 1.500\n");
    }
}
