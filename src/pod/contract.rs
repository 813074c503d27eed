//! Every name and message that two processes of a run share (pure).
//!
//! Three sockets join them. All are Unix sockets in directories of mode 0700.
//!
//! | socket | listens | connects | carries |
//! |---|---|---|---|
//! | [`CONTROL_SOCKET`] | browser | gate | [`ToBrowser`] and [`FromBrowser`], one JSON object a line |
//! | [`CDP_SOCKET`] | browser | gate | Chromium's debugging pipe as it is: JSON frames, each ended by a NUL |
//! | [`RFB_SOCKET`] | Xvnc | gate | RFB (RFC 6143) |
//! | [`AGENT_SOCKET`] | gate | agent | frames ended by a NUL, see [`AgentFrame`] |
//!
//! # Expected flow
//! The gate binds its port and [`AGENT_SOCKET`], connects to [`CONTROL_SOCKET`] and sends
//! [`ToBrowser::Start`]; only then is Chromium started. [`FromBrowser::Ready`] means that
//! [`CDP_SOCKET`] (and, with a display, [`RFB_SOCKET`]) can be connected to and that the first tab is
//! in front. The agent sends [`ToGate::Hello`] and gets [`FromGate::Granted`] once the browser is
//! ready. Each tool call stands between [`ToGate::ToolBegin`] and [`ToGate::ToolEnd`].
//! The end is [`ToGate::CloseVideo`], the agent's files, [`ToGate::Finished`], then
//! [`FromGate::Sealed`] when the manifest is written; the agent closes its connection.
//!
//! What operator and pod say to each other stands below: [`run`] goes in as an annotation,
//! [`termination`] comes out with the pod's status, [`stream`] is the conversation in between, and
//! [`places`] has the names of everything that is mounted.

mod key;
pub mod places;
pub mod run;
pub mod stream;
pub mod termination;

pub use self::{
    key::{NoKey, PublicKey},
    run::{RunContract, SandboxWish},
    termination::{RunVerdict, StoppedBy, Termination, UploadReport, UploadState},
};

use serde::{Deserialize, Serialize};

/// The browser supervisor's control socket, in the directory of the browser's sockets.
pub const CONTROL_SOCKET: &str = "control.sock";
/// The bridge to Chromium's debugging pipe, in the directory of the browser's sockets.
pub const CDP_SOCKET: &str = "cdp.sock";
/// The display server's RFB socket, in the directory of the browser's sockets.
pub const RFB_SOCKET: &str = "rfb.sock";
/// The gate's socket for the agent, in the directory of the agent's sockets.
pub const AGENT_SOCKET: &str = "agent.sock";

/// Where Chromium leaves downloads, by their guid: below the directory of the video, which both sides of
/// a pod mount at the same place. The gate takes them from there.
pub const DOWNLOADS: &str = "downloads";

/// Frames larger than this close the connection: nothing we ask for comes near it (a full-page
/// screenshot of the largest display is about 20 MiB in base64).
pub const MAX_FRAME: usize = 256 << 20;

/// What the process tells its caller; the README has the same table (a test compares them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// Every scenario passed.
    Passed = 0,
    /// A scenario failed.
    Failed = 1,
    /// Nothing was attempted: usage, a plan error, or a run URL that the policy forbids.
    Usage = 2,
    /// The run could not be carried out: preflight, browser, disk, model.
    Errored = 3,
    /// A deadline or a budget ended the run.
    TimedOut = 4,
    /// Cancelled by a person or a signal.
    Cancelled = 5,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// From the gate to the browser's supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToBrowser {
    /// Starts display and Chromium, or starts them again after [`FromBrowser::Exited`].
    Start {
        /// Size of the page's contents; the display is higher by the browser's own bars.
        viewport: Size,
        /// Chromium accepts any certificate.
        insecure_tls: bool,
        /// `--host-resolver-rules`, one rule each (agent.md 16.1).
        resolver_rules: Vec<String>,
    },
    /// From a gate that was started again: [`FromBrowser::Ready`] with the browser that there is, or
    /// [`FromBrowser::Failed`]. Starts nothing: no browser is replaced silently.
    Rejoin,
    /// Starts recording, or goes on in a new segment after [`ToBrowser::PauseVideo`].
    Record,
    /// Ends the segment: nothing is grabbed until [`ToBrowser::Record`].
    PauseVideo,
    /// Ends recording, joins the segments and decodes the file once; [`FromBrowser::VideoClosed`].
    CloseVideo,
    /// Something to draw on the recorded frames.
    Mark(Mark),
    /// Ends Chromium, display and recorder, then the supervisor.
    Stop,
}

/// From the browser's supervisor to the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromBrowser {
    /// The sockets can be connected to.
    Ready(BrowserFacts),
    /// The browser could not be started; another [`ToBrowser::Start`] may be tried.
    Failed {
        /// What went wrong and what to do about it, in one or two sentences.
        message: String,
    },
    /// Chromium or the display ended without being asked to; both are down now.
    Exited {
        /// `chromium` or `display`: who ended first (exit codes do not tell).
        who: String,
        /// For a person: signal, exit code, the last line it wrote.
        reason: String,
    },
    /// The container's memory limit was reached, and the kernel killed one of its programs: a tab, or
    /// all of Chromium. Comes before [`FromBrowser::Exited`].
    MemoryKill,
    /// The recorder changed state.
    Recording(Recording),
    /// Answer to [`ToBrowser::CloseVideo`].
    VideoClosed(VideoReport),
}

/// What is known about a browser that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserFacts {
    /// For example `Chromium 156.0.8078.73`.
    pub version: String,
    /// Process id of Chromium, for the proof that it is the same one later.
    pub pid: u32,
    /// Whether the sandbox is Chromium's own.
    pub sandbox: Sandbox,
    /// The display's size; `None` without a display (the browser's own headless mode).
    pub display: Option<Size>,
    /// Where the page's top left corner lies on the display, in pixels.
    pub page_x: u32,
    /// See [`Self::page_x`].
    pub page_y: u32,
    /// Why there is no video, in a sentence with what to install; `None` if it can be recorded.
    pub video_unavailable: Option<String>,
    /// Another run has the kept profile, so this browser has a temporary one.
    pub profile_busy: bool,
}

/// Which wall stands between a page and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// Chromium's own.
    Own,
    /// The container (or nothing, on a bare machine); said in results and on the takeover page.
    Container,
}

/// Something to draw on the recorded frames, never on the page. Coordinates are CSS pixels of the
/// tab's viewport; the supervisor adds where the page lies on the display.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mark {
    /// The pointer is here now.
    Pointer {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// A button was pressed here: a ring for 400 ms.
    Press {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// A named key or a chord, never a typed character.
    Key {
        /// For example `Enter` or `Control+A`.
        label: String,
    },
}

/// The recorder's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The new state.
    pub state: RecordingState,
    /// When, in milliseconds of the boot-time clock, which the processes of a machine share.
    pub at_ms: u64,
    /// Media time reached so far, in milliseconds.
    pub media_ms: u64,
    /// Why, for `unavailable` and `failed`.
    pub reason: Option<String>,
}

/// See [`Recording`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// Frames are being recorded since `at_ms`.
    Started,
    /// A segment ended.
    Paused,
    /// There is no display or no encoder.
    Unavailable,
    /// The encoder failed for good.
    Failed,
}

/// What became of the video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoReport {
    /// `recorded` only if the file decodes and is not empty.
    pub status: VideoStatus,
    /// Why it is not `recorded`, or why it ended early.
    pub reason: Option<String>,
    /// The file's name in the media directory, if `recorded`.
    pub file: Option<String>,
    /// Media time of the whole, in milliseconds.
    pub duration_ms: u64,
}

/// See [`VideoReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoStatus {
    /// There is a file that plays.
    Recorded,
    /// Not asked for.
    Off,
    /// No display or no encoder.
    Unavailable,
    /// Asked for and possible, but lost.
    Failed,
}

/// One frame on [`AGENT_SOCKET`], without its closing NUL.
///
/// - agent to gate, CDP: `C<epoch> <json>`, for example `C3 {"id":1,"method":"Page.enable"}`;
/// - gate to agent, CDP: `C<json>`;
/// - both ways, ours: `J<json>`, a [`ToGate`] or a [`FromGate`].
///
/// A CDP frame without `sessionId` belongs to the agent's own browser session. A frame refused for
/// want of the lease is answered at once by `{"id":…,"error":{"code":-32001,"message":…,"data":{
/// "code":"lease_revoked","reason":"quiescing|none|human|stale_epoch","epoch":…}}}`.
#[derive(Debug)]
pub enum AgentFrame<'a> {
    /// A CDP frame; the epoch is there from the agent only.
    Cdp {
        /// The lease epoch under which the agent sends.
        epoch: Option<u64>,
        /// The frame itself.
        json: &'a [u8],
    },
    /// A message of ours.
    Message(&'a [u8]),
}

impl<'a> AgentFrame<'a> {
    /// Reads one frame that came from the agent. `None` if it is malformed.
    pub fn from_agent(bytes: &'a [u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'J', rest) => Some(Self::Message(rest)),
            (b'C', rest) => {
                let blank = rest.iter().position(|&b| b == b' ')?;
                let (epoch, json) = rest.split_at_checked(blank)?;
                let epoch = std::str::from_utf8(epoch).ok()?.parse().ok()?;
                Some(Self::Cdp { epoch: Some(epoch), json: json.get(1..)? })
            }
            _ => None,
        }
    }

    /// Reads one frame that came from the gate. `None` if it is malformed.
    pub fn from_gate(bytes: &'a [u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'J', rest) => Some(Self::Message(rest)),
            (b'C', rest) => Some(Self::Cdp { epoch: None, json: rest }),
            _ => None,
        }
    }

    /// The frame's bytes, closing NUL included.
    pub fn encode(&self) -> Vec<u8> {
        let (mut bytes, body) = match self {
            Self::Message(json) => (vec![b'J'], json),
            Self::Cdp { epoch: Some(epoch), json } => (format!("C{epoch} ").into_bytes(), json),
            Self::Cdp { epoch: None, json } => (vec![b'C'], json),
        };
        bytes.extend_from_slice(body);
        bytes.push(0);
        bytes
    }
}

/// From the agent to the gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToGate {
    /// First message of a connection: attaches, and asks for the lease.
    Hello {
        /// Run id (lower-case ULID).
        run: String,
        /// What people call the run.
        name: String,
        /// Run URL, sanitised.
        url: String,
    },
    /// A tool call opens. Answered by [`FromGate::ToolAdmitted`] or [`FromGate::ToolRefused`].
    ToolBegin {
        /// Step id.
        id: u64,
        /// The tool's name.
        tool: String,
    },
    /// The tool call is over: a tool boundary.
    ToolEnd {
        /// Step id.
        id: u64,
    },
    /// One line of `events.ndjson`, redacted, without its line break; the agent has written it.
    Event {
        /// The event as JSON text.
        line: String,
    },
    /// Something to draw on the video.
    Mark(Mark),
    /// A file of the run directory that may be served from now on.
    Artifact(Artifact),
    /// Starts recording; [`FromGate::Recording`] answers.
    Record,
    /// Ends recording; [`FromGate::VideoClosed`] answers.
    CloseVideo {
        /// Whether anybody wants the video.
        keep: bool,
    },
    /// The browser is gone and the agent wants another one; [`FromGate::Granted`] or
    /// [`FromGate::BrowserLost`] answers.
    ReplaceBrowser,
    /// results.json is written. [`FromGate::Sealed`] answers.
    Finished {
        /// `passed`, `failed`, `errored`, `aborted` or `cancelled`.
        verdict: String,
        /// Its reason, if it has one.
        reason: Option<String>,
        /// See [`Exit`].
        exit_code: u8,
    },
}

/// From the gate to the agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromGate {
    /// The agent holds the lease under this epoch, on a browser session that is new to it.
    Granted {
        /// To be put on every CDP frame.
        epoch: u64,
        /// The browser it holds.
        browser: BrowserFacts,
    },
    /// See [`ToGate::ToolBegin`].
    ToolAdmitted {
        /// Step id.
        id: u64,
    },
    /// See [`ToGate::ToolBegin`]: somebody else holds the lease, or it is being taken.
    ToolRefused {
        /// Step id.
        id: u64,
        /// `quiescing`, `none`, `human` or `stale_epoch`.
        reason: String,
    },
    /// The lease is gone; frames are refused until the next [`FromGate::Granted`].
    Revoked {
        /// The epoch after the change.
        epoch: u64,
    },
    /// The browser could not be started, or has ended.
    BrowserLost {
        /// For a person.
        reason: String,
        /// False if it never was ready.
        was_ready: bool,
    },
    /// See [`FromBrowser::MemoryKill`].
    MemoryKill,
    /// See [`ToGate::Record`]; also sent when the recorder fails later.
    Recording(Recording),
    /// See [`ToGate::CloseVideo`]. The gate has put the file at `video.webm` of the run directory.
    VideoClosed(VideoReport),
    /// Somebody pressed Stop run: cancel.
    StopRun {
        /// Who, for the record (`viewer` in `handback run`).
        by: String,
        /// On which side of the door they are.
        stopped_by: StoppedBy,
    },
    /// The run's deadline has grown.
    Deadline {
        /// From the run's start, in seconds.
        seconds: u64,
    },
    /// See [`ToGate::Finished`]: manifest.json is written.
    Sealed,
}

/// A file of the run directory that people may fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Relative to the run directory, with `/`.
    pub path: String,
    /// `results`, `events`, `junit`, `plan`, `screenshot`, `video`, `player`, `discovered`, `download`.
    pub kind: String,
    /// For example `image/jpeg`.
    pub media_type: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_as_they_were_written() {
        let cdp = AgentFrame::Cdp { epoch: Some(7), json: br#"{"id":1}"# }.encode();
        assert_eq!(cdp, b"C7 {\"id\":1}\0");
        let Some(AgentFrame::Cdp { epoch: Some(7), json }) =
            AgentFrame::from_agent(&cdp[..cdp.len() - 1])
        else {
            panic!("{cdp:?}")
        };
        assert_eq!(json, br#"{"id":1}"#);
        let ours = AgentFrame::Message(b"{}").encode();
        assert!(matches!(AgentFrame::from_gate(&ours[..3]), Some(AgentFrame::Message(b"{}"))));
    }

    #[test]
    fn malformed_frames_are_refused() {
        for bytes in [&b""[..], b"X", b"C", b"C7", b"Cx {}", b"C-1 {}"] {
            assert!(AgentFrame::from_agent(bytes).is_none(), "{bytes:?}");
        }
    }
}
