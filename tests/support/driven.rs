//! A run of the agent in this process, on a browser that the test brings. The gate's end of the socket
//! is played here, so that a lost browser or a silent gate can be arranged.

use std::{any::Any, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use handback::{
    agent::{
        assignment::{Assignment, Manner, ModelWish, Wheel, Wishes},
        begin::{self, begin},
        drive::{VideoWish, connect, drive, give_up},
        finish::finish,
        plan::variables::Variables,
        results::Results,
        run_dir::RunDir,
    },
    clock::{Clock, SystemClock},
    mail::settings::Settings,
    page::{DialogPolicy, cdp::Wire},
    pod::contract::{
        AgentFrame, BrowserFacts, FromGate, Recording, RecordingState, Sandbox, Size, ToGate,
        VideoReport, VideoStatus, run::Keep,
    },
    policy::Policy,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A browser, kept as long as it is needed, and the way to it.
pub(crate) type Seat = (Box<dyn Any + Send>, Wire);

/// Any kind of browser.
pub(crate) fn seat<B: Any + Send>((browser, wire): (B, Wire)) -> Seat {
    (Box::new(browser), wire)
}

/// What a browser that ended in a test was killed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Killed {
    /// Who knows.
    #[default]
    Somehow,
    /// More memory than its container may have, as is found out a moment later.
    ForMemory,
}

/// Answers the agent as the gate would.
async fn play_gate(listener: UnixListener, mut browsers: Vec<Seat>, killed: Killed) {
    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = UnixStream::into_split(stream);
    let mut read = BufReader::new(read);
    let mut epoch = 0;
    let mut browser: Option<Seat> = None;
    let mut frame = Vec::new();
    loop {
        let from_browser = async {
            match &mut browser {
                Some((_, wire)) => wire.receive.recv().await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            count = read.read_until(0, &mut frame) => {
                if count.unwrap() == 0 {
                    return;
                }
                frame.pop();
                let bytes = std::mem::take(&mut frame);
                match AgentFrame::from_agent(&bytes).expect("a frame of the contract") {
                    AgentFrame::Cdp { epoch: under, json } => {
                        assert_eq!(under, Some(epoch), "a stale epoch");
                        if let Some((_, wire)) = &browser {
                            drop(wire.send.send(Bytes::copy_from_slice(json)).await);
                        }
                        continue;
                    }
                    AgentFrame::Message(json) => {
                        match serde_json::from_slice(json).expect("a message of the contract") {
                            ToGate::Hello { .. } | ToGate::ReplaceBrowser => {
                                browser = browsers.pop();
                                epoch += 1;
                                FromGate::Granted { epoch, browser: facts() }
                            }
                            ToGate::ToolBegin { id, .. } => FromGate::ToolAdmitted { id },
                            ToGate::Record => FromGate::Recording(Recording {
                                state: RecordingState::Unavailable,
                                at_ms: 0,
                                media_ms: 0,
                                reason: Some("no display".to_owned()),
                            }),
                            ToGate::CloseVideo { .. } => FromGate::VideoClosed(VideoReport {
                                status: VideoStatus::Unavailable,
                                reason: None,
                                file: None,
                                duration_ms: 0,
                            }),
                            ToGate::Finished { .. } => FromGate::Sealed,
                            ToGate::ToolEnd { .. }
                            | ToGate::Event { .. }
                            | ToGate::Mark(_)
                            | ToGate::Artifact(_) => continue,
                        }
                    }
                }
            }
            frame = from_browser => {
                if let Some(json) = frame {
                    write.write_all(&AgentFrame::Cdp { epoch: None, json: &json }.encode()).await.unwrap();
                    continue;
                }
                browser = None;
                FromGate::BrowserLost { reason: "it was killed".to_owned(), was_ready: true }
            }
        };
        let json = serde_json::to_vec(&answer).unwrap();
        if write.write_all(&AgentFrame::Message(&json).encode()).await.is_err() {
            return;
        }
        if killed == Killed::ForMemory && matches!(answer, FromGate::BrowserLost { .. }) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let json = serde_json::to_vec(&FromGate::MemoryKill).unwrap();
            write.write_all(&AgentFrame::Message(&json).encode()).await.unwrap();
        }
    }
}

fn facts() -> BrowserFacts {
    BrowserFacts {
        version: "Chromium".to_owned(),
        pid: 1,
        sandbox: Sandbox::Own,
        display: None,
        page_x: 0,
        page_y: 0,
        video_unavailable: None,
        profile_busy: false,
    }
}

/// A run that has ended.
pub(crate) struct Outcome {
    pub(crate) results: Results,
    pub(crate) exit: u8,
    pub(crate) out_of_memory: bool,
    pub(crate) out: TempDir,
}

impl Outcome {
    /// For a failed assertion.
    pub(crate) fn told(&self) -> String {
        serde_json::to_string_pretty(&self.results).unwrap()
    }

    /// The run's events.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.out.path().join("01a/events.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A run that is about to begin.
pub(crate) struct Driven {
    pub(crate) url: String,
    pub(crate) plan: String,
    pub(crate) criteria: Vec<String>,
    pub(crate) variables: Variables,
    pub(crate) browsers: Vec<Seat>,
    pub(crate) killed: Killed,
    pub(crate) mail: Settings,
    pub(crate) wheel: Wheel,
    pub(crate) model: ModelWish,
    pub(crate) max_steps: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) files: Option<PathBuf>,
    pub(crate) cancel: CancellationToken,
}

impl Driven {
    /// `plan` against `url` on as many browsers as it may lose, the last one first.
    pub(crate) fn new(url: &str, plan: &str, browsers: Vec<Seat>) -> Self {
        Self {
            url: url.to_owned(),
            plan: plan.to_owned(),
            criteria: Vec::new(),
            variables: Variables::default(),
            browsers,
            killed: Killed::default(),
            mail: Settings::default(),
            wheel: Wheel::Auto,
            model: ModelWish::default(),
            max_steps: None,
            timeout: Duration::from_mins(10),
            files: None,
            cancel: CancellationToken::new(),
        }
    }

    /// Carries it out.
    pub(crate) async fn run(self) -> Outcome {
        let out = tempfile::tempdir().unwrap();
        let socket = out.path().join("agent.sock");
        let mut gate = JoinSet::new();
        let listener = UnixListener::bind(&socket).unwrap();
        gate.spawn(play_gate(listener, self.browsers, self.killed));
        let assignment = Assignment::new(Wishes {
            url: self.url.parse().unwrap(),
            name: "test".to_owned(),
            plan_text: self.plan,
            criteria: self.criteria,
            variables: self.variables,
            wheel: self.wheel,
            model: self.model,
            policy: Policy::new(&[], &[]).unwrap(),
            mail: self.mail,
            manner: Manner {
                timeout: self.timeout,
                max_steps: self.max_steps,
                stop_on_first_failure: false,
                as_it_is: false,
                wait_ready: None,
                dialogs: DialogPolicy::Auto,
                files: self.files,
                viewport: Size { width: 1280, height: 720 },
                insecure_tls: false,
                video: VideoWish::IfPossible,
                screenshots: Keep::Always,
            },
            in_effect: serde_json::Map::new(),
        })
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let (progress, _) = mpsc::unbounded_channel();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let dir = RunDir::create(out.path(), "01a").unwrap();
        let mut journal = begin(&assignment, "01a", dir, Arc::clone(&clock), progress).unwrap();
        let driven = match begin::model(&assignment).await {
            Ok(model) => {
                let job = assignment.job("01a", clock, model);
                let tasks = TaskTracker::new();
                let gate = UnixStream::connect(&socket).await.unwrap();
                let connected = connect(&job, gate, &mut journal, &tasks, &self.cancel);
                Box::pin(drive(&job, &mut journal, connected, &tasks)).await
            }
            Err(halt) => give_up(&mut journal, halt, None),
        };
        let out_of_memory = driven.out_of_memory;
        let exit = finish(&mut journal, driven, &assignment).await as u8;
        Outcome { results: journal.results.clone(), exit, out_of_memory, out }
    }
}
