//! One running encoder: one segment of the video.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rustix::process::Signal;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    super::{
        display::{client_env, own_cookie},
        process::{Program, drain, obituary, signal},
    },
    Source,
    marks::{CHIP, Line, Marks, NOWHERE, POINTER, RING},
};
use crate::{clock::Clock, pod::contract::Size};

/// Frames a second.
const RATE: u32 = 10;
/// Wider displays are made smaller.
const MAX_WIDTH: u32 = 1920;
/// Bits a second at 1280 × 720, in proportion to pixels.
const BITS: u64 = 600_000;
/// An encoder that is asked to quit has written its file within a second.
const QUIT_LIMIT: Duration = Duration::from_secs(3);
/// After that it is told by a signal.
const TERMINATE_LIMIT: Duration = Duration::from_secs(1);
/// Two frames: the picture that shows the true end has then been taken.
const LAST_FRAME: Duration = Duration::from_millis(250);

/// A running encoder.
#[derive(Debug)]
pub(super) struct Encoder {
    child: Child,
    stdin: ChildStdin,
    words: mpsc::UnboundedReceiver<Timestamp>,
    last_line: watch::Receiver<String>,
    /// Where it writes.
    pub(super) path: PathBuf,
    /// Boot time of its first frame, when that is known.
    pub(super) started: Option<Duration>,
    directory: PathBuf,
}

/// What an encoder tells.
#[derive(Debug)]
pub(super) enum Event {
    /// Frames are being recorded since this boot time.
    Started(Duration),
    /// It ended without being asked to.
    Died(String),
}

impl Encoder {
    /// Starts to record `source` into `path`.
    pub(super) fn start(
        tasks: &TaskTracker,
        program: &Path,
        directory: &Path,
        source: &Source,
        marks: &Marks,
        chip: bool,
        path: PathBuf,
    ) -> io::Result<Self> {
        let Source { number, size, cookies, .. } = source;
        let mut start =
            Program::new(program, directory).args(arguments(*number, *size, marks, chip));
        start.args.push(path.clone().into());
        start.env = client_env(*number, own_cookie(cookies));
        // For its cache of fonts.
        start.env.push(("HOME", directory.into()));
        start.stdin = true;
        let mut child = start.spawn()?;
        let (Some(stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (tell, words) = mpsc::unbounded_channel();
        let (line, last_line) = watch::channel(String::new());
        let mut reading = Reading::default();
        drain(tasks, stderr, move |text| {
            if let Some(first_frame) = reading.line(text) {
                let _ = tell.send(first_frame);
            }
            if !text.is_empty() {
                drop(line.send_replace(text.to_owned()));
            }
        });
        let directory = directory.to_owned();
        Ok(Self { child, stdin, words, last_line, path, started: None, directory })
    }

    /// Process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What happens next. Losing a race costs nothing.
    pub(super) async fn event(&mut self, clock: &dyn Clock) -> Event {
        tokio::select! {
            biased;
            Some(first_frame) = self.words.recv(), if self.started.is_none() => {
                // It tells wall-clock time; all of us count from boot.
                let ago = clock.now().duration_since(first_frame).unsigned_abs();
                let started = clock.boot().saturating_sub(ago);
                self.started = Some(started);
                Event::Started(started)
            }
            status = self.child.wait() => Event::Died(obituary(status, &self.last_line.borrow())),
        }
    }

    /// Writes one command.
    pub(super) async fn tell(&mut self, line: Line) {
        let Line { command, chip } = line;
        if let Some(text) = chip {
            // The encoder reads the file for each frame, so it must always be whole.
            let (new, old) = (self.directory.join("chip.new"), self.directory.join(CHIP));
            drop(fs::write(&new, text).and_then(|()| fs::rename(&new, &old)));
        }
        // An encoder that has died is noticed by its end.
        drop(self.stdin.write_all(command.as_bytes()).await);
    }

    /// Ends the segment at the true end: what is seen last is recorded once more, even if it has
    /// not changed for two seconds.
    pub(super) async fn stop(mut self) {
        if self.started.is_some() {
            self.tell(Line { command: "cdrawbox@e -1 enable 1\n".to_owned(), chip: None }).await;
            // Not waiting for a condition: the picture is taken by the clock.
            drop(timeout(LAST_FRAME, self.child.wait()).await);
        }
        drop(self.stdin.write_all(b"q").await);
        if timeout(QUIT_LIMIT, self.child.wait()).await.is_ok() {
            return;
        }
        signal(&self.child, Signal::TERM);
        if timeout(TERMINATE_LIMIT, self.child.wait()).await.is_err() {
            drop(self.child.kill().await);
        }
    }
}

/// Reads what the encoder says at its start: the first frame's wall-clock time stands below the
/// display's line, and the output's line says that all filters work.
#[derive(Debug, Default)]
struct Reading {
    display: bool,
    first_frame: Option<Timestamp>,
}

impl Reading {
    fn line(&mut self, text: &str) -> Option<Timestamp> {
        if text.starts_with("Input #") {
            self.display = text.contains("x11grab");
        } else if self.display && self.first_frame.is_none() {
            self.first_frame = text.split_once("start: ").and_then(|(_, rest)| {
                let seconds: f64 = rest.split(',').next()?.parse().ok()?;
                #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
                Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
            });
        }
        if text.starts_with("Output #") { self.first_frame.take() } else { None }
    }
}

/// The encoder's command line but for the file.
fn arguments(display: u32, size: Size, marks: &Marks, chip: bool) -> Vec<OsString> {
    let Size { width, height } = size;
    let shown = width.min(MAX_WIDTH);
    let pixels = u64::from(shown) * u64::from(height) * u64::from(shown) / u64::from(width.max(1));
    let bits = (BITS * pixels / (1280 * 720)).max(100_000);
    let mut list: Vec<String> = ["-hide_banner", "-nostats", "-loglevel", "info", "-y"]
        .iter()
        .chain(&["-i", POINTER, "-i", RING])
        .chain(&["-f", "x11grab", "-draw_mouse", "0", "-use_wallclock_as_timestamps", "1"])
        .map(|&part| part.to_owned())
        .collect();
    let mut add = |parts: &[&str]| list.extend(parts.iter().map(|&part| part.to_owned()));
    add(&["-framerate", &RATE.to_string(), "-video_size", &format!("{width}x{height}")]);
    add(&["-i", &format!(":{display}")]);
    add(&["-filter_complex", &filters(width, marks, chip), "-map", "[out]", "-fps_mode", "vfr"]);
    add(&["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "10", "-threads", "1"]);
    add(&["-crf", "30", "-qmin", "10", "-qmax", "56", "-b:v", &bits.to_string(), "-g", "100"]);
    add(&["-f", "webm", "-cluster_time_limit", "50", "-flush_packets", "1"]);
    list.into_iter().map(OsString::from).collect()
}

/// The filters, in the order in which a frame passes them.
fn filters(width: u32, marks: &Marks, chip: bool) -> String {
    let place = "y='round(abs(x-trunc(x))*10000)':eval=frame";
    let pointer = marks.pointer();
    let mut chain = format!(
        "[2:v]format=yuv420p[grab];[grab][1:v]overlay@r=x={NOWHERE}:{place}[ringed];\
         [ringed][0:v]overlay@p=x={pointer}:{place}"
    );
    if chip {
        chain += ",drawtext@k=textfile=chip.txt:reload=1:expansion=none:fontsize=22:\
                  fontcolor=white:box=1:boxcolor=black@0.75:boxborderw=10:\
                  x=(w-tw)/2:y=h-64:enable=0";
    }
    // Four pixels at the edge that differ a little: how the last frame is made to be kept. The
    // comparison leaves out the first eight columns. A frame is kept at least every 0.9 s: what is
    // lost by a kill is the cluster begun last and the frame that would have ended it.
    chain += ",drawbox@e=x=16:y=0:w=2:h=2:t=fill:color=gray@0.2:enable=0,format=yuv420p,\
              mpdecimate=max=8:hi=0:lo=0:frac=0";
    if width > MAX_WIDTH {
        return format!("{chain},scale={MAX_WIDTH}:-2[out]");
    }
    chain + "[out]"
}

/// How long one waits for a display that may be dying too.
pub(super) async fn breathe() {
    sleep(Duration::from_millis(300)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_told_once_all_filters_work() {
        let mut reading = Reading::default();
        for line in [
            "Input #0, png_pipe, from 'pointer.png':",
            "Duration: N/A, start: 0.000000, bitrate: N/A",
            "Input #2, x11grab, from ':0':",
            "Duration: N/A, start: 1795258117.900673, bitrate: 505856 kb/s",
            "[drawtext@k @ 0x55] Using \"/usr/share/fonts/x.ttf\"",
        ] {
            assert_eq!(reading.line(line), None, "{line}");
        }
        let told = reading.line("Output #0, webm, to 'out.webm':").unwrap();
        assert_eq!(told.as_millisecond(), 1_795_258_117_900);
    }

    #[test]
    fn wide_displays_are_made_smaller_and_get_no_more_bits() {
        let line = |width, height| {
            let list = arguments(3, Size { width, height }, &Marks::default(), true);
            list.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert!(line(1280, 720).contains("-b:v 600000 ") && !line(1280, 720).contains("scale"));
        assert!(line(3840, 2160).contains("scale=1920:-2"));
        assert!(line(3840, 2160).contains("-b:v 1350000 "), "{}", line(3840, 2160));
    }
}
