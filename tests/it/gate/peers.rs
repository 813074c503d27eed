//! The gate's neighbours, scripted and strict: a supervisor, a Chromium, a display server.

use std::{path::Path, sync::Arc};

use handback::pod::contract::{
    BrowserFacts, CDP_SOCKET, CONTROL_SOCKET, FromBrowser, RFB_SOCKET, Recording, RecordingState,
    Sandbox, Size, ToBrowser, VideoReport, VideoStatus,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
};

/// What the fakes saw, in the order in which they saw it.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    seen: Arc<watch::Sender<Vec<Value>>>,
}

impl Log {
    fn new() -> Self {
        Self { seen: Arc::new(watch::Sender::new(Vec::new())) }
    }

    fn note(&self, value: Value) {
        self.seen.send_modify(|seen| seen.push(value));
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        self.seen.borrow().clone()
    }

    /// Waits until something like this was seen.
    pub(crate) async fn wait(&self, what: impl Fn(&Value) -> bool) -> Value {
        let mut seen = self.seen.subscribe();
        let found = seen.wait_for(|seen| seen.iter().any(&what));
        let found = tokio::time::timeout(super::PATIENCE, found).await;
        let Ok(Ok(found)) = found else { panic!("not seen among {:#?}", self.all()) };
        found.iter().find(|value| what(value)).unwrap().clone()
    }
}

/// All three, behind the sockets of the contract, but those that are taken by real ones.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) supervisor: Log,
    pub(crate) chrome: Log,
    /// `{connection, type, …}` for each client message.
    pub(crate) display: Log,
    /// Chromium's own events, to be sent.
    pub(crate) events: mpsc::UnboundedSender<String>,
    /// The supervisor's messages, to be sent.
    pub(crate) says: mpsc::UnboundedSender<FromBrowser>,
    /// While this is true Chromium does not answer input, and the display no fence.
    pub(crate) deaf: watch::Sender<bool>,
    /// Chromium's pipe closes, as when it is killed; the next connection is another browser.
    pub(crate) close_pipe: mpsc::UnboundedSender<()>,
    supervising: AbortHandle,
    tasks: JoinSet<()>,
}

impl Peers {
    pub(crate) fn start(sockets: &Path, media: &Path, display: bool) -> Self {
        let (events, to_send) = mpsc::unbounded_channel();
        let (says, to_say) = mpsc::unbounded_channel();
        let deaf = watch::Sender::new(false);
        let (close_pipe, to_close) = mpsc::unbounded_channel();
        let listen = |name: &str| UnixListener::bind(sockets.join(name)).unwrap();
        let mut tasks = JoinSet::new();
        let (supervisor, listener, media) = (Log::new(), listen(CONTROL_SOCKET), media.to_owned());
        let supervising =
            tasks.spawn(supervise(listener, supervisor.clone(), to_say, media, display));
        let mut peers = Self {
            supervisor,
            chrome: Log::new(),
            display: Log::new(),
            events,
            says,
            deaf: deaf.clone(),
            close_pipe,
            supervising,
            tasks,
        };
        if !sockets.join(CDP_SOCKET).exists() {
            let (listener, log) = (listen(CDP_SOCKET), peers.chrome.clone());
            peers.tasks.spawn(chromium(listener, log, to_send, deaf.subscribe(), to_close));
        }
        if display && !sockets.join(RFB_SOCKET).exists() {
            let (listener, log) = (listen(RFB_SOCKET), peers.display.clone());
            peers.tasks.spawn(displays(listener, log, deaf.subscribe()));
        }
        peers
    }

    /// The supervisor is gone without a word.
    pub(crate) fn lose_supervisor(&self) {
        self.supervising.abort();
    }

    /// Input that reached the display server.
    pub(crate) fn input(&self) -> Vec<Value> {
        let acts =
            |value: &Value| matches!(value["type"].as_u64(), Some(4 | 5 | 6 | 250 | 251 | 255));
        self.display.all().into_iter().filter(acts).collect()
    }
}

pub(crate) fn facts(display: bool) -> BrowserFacts {
    BrowserFacts {
        version: "Chromium 156.0".to_owned(),
        pid: 1,
        sandbox: Sandbox::Own,
        display: display.then_some(Size { width: 1280, height: 808 }),
        page_x: 0,
        page_y: 88,
        video_unavailable: None,
        profile_busy: false,
    }
}

async fn supervise(
    listener: UnixListener,
    log: Log,
    mut to_say: mpsc::UnboundedReceiver<FromBrowser>,
    media: std::path::PathBuf,
    display: bool,
) {
    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    loop {
        let answer = tokio::select! {
            Some(said) = to_say.recv() => said,
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                log.note(serde_json::from_str(&line).unwrap());
                match serde_json::from_str(&line).unwrap() {
                    ToBrowser::Start { .. } | ToBrowser::Rejoin => FromBrowser::Ready(facts(display)),
                    ToBrowser::Record => FromBrowser::Recording(Recording {
                        state: RecordingState::Started, at_ms: 1, media_ms: 0, reason: None,
                    }),
                    ToBrowser::CloseVideo => {
                        std::fs::write(media.join("video-1.webm"), "a video").unwrap();
                        FromBrowser::VideoClosed(VideoReport {
                            status: VideoStatus::Recorded,
                            reason: None,
                            file: Some("video-1.webm".to_owned()),
                            duration_ms: 1500,
                        })
                    }
                    ToBrowser::Stop => return,
                    ToBrowser::PauseVideo | ToBrowser::Mark(_) => continue,
                }
            }
        };
        let mut line = serde_json::to_vec(&answer).unwrap();
        line.push(b'\n');
        write.write_all(&line).await.unwrap();
    }
}

/// Answers like Chromium: the session stands at the end of the frame.
fn frame(mut value: Value, session: Option<&str>) -> Vec<u8> {
    if let Some(session) = session {
        value["sessionId"] = session.into();
    }
    let mut bytes = value.to_string().into_bytes();
    bytes.push(0);
    bytes
}

async fn chromium(
    listener: UnixListener,
    log: Log,
    mut events: mpsc::UnboundedReceiver<String>,
    mut deaf: watch::Receiver<bool>,
    mut close: mpsc::UnboundedReceiver<()>,
) {
    // One connection after the other: each is a new browser.
    while let Ok((stream, _)) = listener.accept().await {
        tokio::select! {
            () = browser(stream, &log, &mut events, &mut deaf) => {}
            Some(()) = close.recv() => {}
        }
    }
}

async fn browser(
    stream: UnixStream,
    log: &Log,
    events: &mut mpsc::UnboundedReceiver<String>,
    deaf: &mut watch::Receiver<bool>,
) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut sessions = vec![String::new()];
    let mut size = Value::Null;
    let mut count = 0;
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut bytes = Vec::new();
        tokio::select! {
            Some(event) = events.recv() => {
                write.write_all(&[event.as_bytes(), b"\0"].concat()).await.unwrap();
                continue;
            }
            changed = deaf.changed() => {
                if changed.is_err() { return }
                if !*deaf.borrow_and_update() {
                    for answer in held.drain(..) {
                        write.write_all(&answer).await.unwrap();
                    }
                }
                continue;
            }
            read = read.read_until(0, &mut bytes) => {
                if read.unwrap_or(0) == 0 { return }
            }
        }
        bytes.pop();
        let asked: Value = serde_json::from_slice(&bytes).unwrap();
        log.note(asked.clone());
        let session = asked["sessionId"].as_str().map(str::to_owned);
        let name = session.clone().unwrap_or_default();
        let method = asked["method"].as_str().unwrap();
        if !sessions.contains(&name) {
            let error = json!({"id": asked["id"], "error": {"code": -32001, "message": "Session with given id not found."}});
            write.write_all(&frame(error, session.as_deref())).await.unwrap();
            continue;
        }
        let result = match method {
            "Target.getTargetInfo" => {
                json!({"targetInfo": {"targetId": "BROWSER", "type": "browser"}})
            }
            "Target.getTargets" => json!({"targetInfos": [{"targetId": "PAGE1", "type": "page"}]}),
            "Browser.setContentsSize" => {
                let of = |name: &str| asked["params"][name].clone();
                size = json!({"clientWidth": of("width"), "clientHeight": of("height")});
                json!({})
            }
            "Page.getLayoutMetrics" => json!({"cssLayoutViewport": size}),
            "Browser.getWindowForTarget" => json!({"windowId": 1, "bounds": {}}),
            "Target.attachToBrowserTarget" | "Target.attachToTarget" => {
                count += 1;
                let child = format!("SESSION{count}");
                sessions.push(child.clone());
                let event = json!({"method": "Target.attachedToTarget", "params": {
                    "sessionId": child, "targetInfo": {"targetId": asked["params"]["targetId"]},
                    "waitingForDebugger": false,
                }});
                write.write_all(&frame(event, session.as_deref())).await.unwrap();
                json!({"sessionId": child})
            }
            "Target.detachFromTarget" => {
                let gone = asked["params"]["sessionId"].as_str().unwrap();
                sessions.retain(|session| session != gone);
                json!({})
            }
            "Runtime.evaluate" => json!({"result": {"type": "string", "value": "visible"}}),
            _ => json!({}),
        };
        let answer = frame(json!({"id": asked["id"], "result": result}), session.as_deref());
        if *deaf.borrow() && method.starts_with("Input.") {
            held.push(answer);
        } else {
            write.write_all(&answer).await.unwrap();
        }
    }
}

async fn displays(listener: UnixListener, log: Log, deaf: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (log, deaf) = (log.clone(), deaf.clone());
        connections.spawn(async move {
            // The client may close at any time.
            display(stream, connection, &log, &deaf).await.ok();
            log.note(json!({"connection": connection, "type": "closed"}));
        });
    }
}

/// A display server that takes nothing on trust: whatever it does not know ends the test.
async fn display(
    mut stream: UnixStream,
    connection: usize,
    log: &Log,
    deaf: &watch::Receiver<bool>,
) -> std::io::Result<()> {
    stream.write_all(b"RFB 003.008\n").await?;
    let mut version = [0; 12];
    stream.read_exact(&mut version).await?;
    assert_eq!(&version, b"RFB 003.008\n");
    stream.write_all(&[1, 1]).await?;
    assert_eq!(stream.read_u8().await?, 1, "security type");
    stream.write_all(&[0; 4]).await?;
    let shared = stream.read_u8().await?;
    log.note(json!({"connection": connection, "type": "init", "shared": shared}));
    let mut init = Vec::new();
    init.extend(1280_u16.to_be_bytes());
    init.extend(808_u16.to_be_bytes());
    init.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    init.extend(4_u32.to_be_bytes());
    init.extend(b"fake");
    stream.write_all(&init).await?;
    let mut encodings = Vec::new();
    loop {
        let kind = stream.read_u8().await?;
        let mut note = json!({"connection": connection, "type": kind});
        match kind {
            0 => drop(read(&mut stream, 19).await?),
            2 => {
                read(&mut stream, 1).await?;
                let count = stream.read_u16().await?;
                encodings.clear();
                for _ in 0..count {
                    encodings.push(stream.read_i32().await?);
                }
                note["encodings"] = json!(encodings);
            }
            3 => {
                note["area"] = json!(read(&mut stream, 9).await?);
                // A bell: the smallest thing a viewer can hear.
                stream.write_all(&[2]).await?;
            }
            150 => {
                assert!(encodings.contains(&-313), "continuous updates were not negotiated");
                note["area"] = json!(read(&mut stream, 9).await?);
            }
            248 => {
                assert!(encodings.contains(&-312), "fences were not negotiated");
                let head = read(&mut stream, 8).await?;
                let payload = read(&mut stream, usize::from(head[7])).await?;
                assert_eq!(head[3] & 0x80, 0x80);
                let mut answer = vec![248, 0, 0, 0, 0, 0, 0, 0, head[7]];
                answer.extend(&payload);
                if !*deaf.borrow() {
                    stream.write_all(&answer).await?;
                }
            }
            4 => {
                let body = read(&mut stream, 7).await?;
                note["down"] = json!(body[0]);
                note["key"] = json!(u32::from_be_bytes(body[3..7].try_into().unwrap()));
            }
            5 => {
                note["buttons"] = json!(stream.read_u8().await?);
                note["x"] = json!(stream.read_u16().await?);
                note["y"] = json!(stream.read_u16().await?);
            }
            6 => {
                let head = read(&mut stream, 7).await?;
                let length = u32::from_be_bytes(head[3..7].try_into().unwrap());
                note["text"] = json!(read(&mut stream, length as usize).await?);
            }
            251 => {
                assert!(encodings.contains(&-308), "TigerVNC 1.12 would crash");
                let head = read(&mut stream, 7).await?;
                note["size"] = json!(head[1..5]);
                read(&mut stream, usize::from(head[5]) * 16).await?;
            }
            255 => {
                assert!(encodings.contains(&-258), "extended keys were not negotiated");
                note["body"] = json!(read(&mut stream, 11).await?);
            }
            _ => note["type"] = json!(format!("unknown {kind}")),
        }
        log.note(note);
    }
}

async fn read(stream: &mut UnixStream, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
