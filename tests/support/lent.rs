//! Browsers that one test after the other is lent: to start one costs more than most of what a test
//! does to a page. Each borrower has a connection of its own, one blank tab and no cookies, and serves
//! its pages from a port that nobody had before.

use std::{fs, os::fd::OwnedFd, process::Command, sync::LazyLock, thread, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use handback::{page::cdp::Wire, pod::contract::MAX_FRAME};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use tokio_util::task::TaskTracker;

use crate::chromium::{Chromium, PROGRAM};

/// For a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<TcpStream>;

/// Those that are back.
static SHELF: LazyLock<(UnboundedSender<Running>, Mutex<UnboundedReceiver<Running>>)> =
    LazyLock::new(|| {
        let (back, shelf) = mpsc::unbounded_channel();
        (back, Mutex::new(shelf))
    });

/// A browser, and its pipe, by which it ends with this process though nobody drops what is static.
#[derive(Debug)]
struct Running {
    browser: Chromium,
    _pipe: [OwnedFd; 2],
}

/// A borrowed browser. It goes back if its test ends well, and is killed otherwise.
#[derive(Debug)]
pub(crate) struct Lent {
    running: Option<Running>,
    _tasks: TaskTracker,
}

impl Lent {
    /// Borrows one, with the only connection that there is.
    pub(crate) async fn borrow() -> (Self, Wire) {
        let shelved = SHELF.1.lock().await.try_recv().ok();
        let running = shelved.unwrap_or_else(|| {
            let mut command = Command::new("/bin/sh");
            // Nobody here outlives it to remove its files.
            command.args(["-c", r#""$@"; rm -rf "$HOME""#, "sh", PROGRAM]);
            let (browser, pipe) = Chromium::launch(command, &["--remote-debugging-port=0"]);
            Running { browser, _pipe: pipe }
        });
        let tasks = TaskTracker::new();
        let connected = async {
            let mut socket = connect(&running.browser).await;
            sweep(&mut socket).await;
            wire(&tasks, socket)
        };
        let wire = timeout(DEADLINE, connected).await.expect("a browser that answers");
        (Self { running: Some(running), _tasks: tasks }, wire)
    }

    /// The process id of what it was started by, whose descendants are all of it.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("until it is dropped").browser.pid()
    }

    /// Ends the browser here and now.
    pub(crate) fn kill(mut self) {
        self.running = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(running) = self.running.take().filter(|_| !thread::panicking()) {
            SHELF.0.send(running).ok();
        }
    }
}

async fn connect(browser: &Chromium) -> Socket {
    // Written when the port is open: it, and the path of the browser's own target.
    let port = browser.profile().join("DevToolsActivePort");
    let (port, path) = loop {
        let said = fs::read_to_string(&port).unwrap_or_default();
        if let Some((port, path)) = said.split_once('\n').filter(|(_, path)| path.len() > 40) {
            break (port.to_owned(), path.trim().to_owned());
        }
        sleep(Duration::from_millis(10)).await;
    };
    let address = format!("127.0.0.1:{port}");
    let stream = TcpStream::connect(&address).await.unwrap();
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let url = format!("ws://{address}{path}");
    client_async_with_config(url, stream, Some(config)).await.expect("a handshake").0
}

/// Leaves one blank tab, and nothing of whoever had the browser before.
async fn sweep(socket: &mut Socket) {
    let fresh = ask(socket, "Target.createTarget", &json!({"url": "about:blank"})).await;
    ask(socket, "Storage.clearCookies", &json!({})).await;
    loop {
        let targets = ask(socket, "Target.getTargets", &json!({})).await;
        let infos = targets["targetInfos"].as_array().expect("targets");
        let pages = infos.iter().filter(|one| one["type"] == "page");
        let others: Vec<_> = pages
            .map(|one| one["targetId"].clone())
            .filter(|id| *id != fresh["targetId"])
            .collect();
        if others.is_empty() {
            return;
        }
        for id in others {
            ask(socket, "Target.closeTarget", &json!({"targetId": id})).await;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Asks, and leaves aside whatever is no answer. A tab may be gone before it is told to close.
async fn ask(socket: &mut Socket, method: &str, params: &Value) -> Value {
    let command = json!({"id": 1, "method": method, "params": params}).to_string();
    socket.send(Message::text(command)).await.unwrap();
    loop {
        let message = socket.next().await.expect("an answer").unwrap();
        let answer: Value = serde_json::from_slice(&message.into_data()).unwrap_or_default();
        if answer["id"] == 1 {
            return answer["result"].clone();
        }
    }
}

/// What a gate says when it has taken a download: that it has, and what the file sums to.
fn downloaded(frame: &Bytes) -> Option<Bytes> {
    if !frame.starts_with(br#"{"method":"Page.downloadProgress""#) {
        return None;
    }
    let mut event: Value = serde_json::from_slice(frame).ok()?;
    if event["params"]["state"] != "completed" {
        return None;
    }
    event["params"]["sha256"] = "5a".into();
    let event = json!({"method": "Browser.downloadProgress", "params": event["params"]});
    Some(event.to_string().into())
}

fn wire(tasks: &TaskTracker, socket: Socket) -> Wire {
    let (mut sink, mut stream) = socket.split();
    let (send, mut outgoing) = mpsc::channel::<Bytes>(64);
    let (incoming, receive) = mpsc::channel(64);
    tasks.spawn(async move {
        while let Some(frame) = outgoing.recv().await {
            let text = String::from_utf8(frame.to_vec()).expect("UTF-8");
            if sink.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        sink.close().await.ok();
    });
    tasks.spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            if !message.is_text() {
                continue;
            }
            let frame = message.into_data();
            let taken = downloaded(&frame);
            for frame in std::iter::once(frame).chain(taken) {
                if incoming.send(frame).await.is_err() {
                    return;
                }
            }
        }
    });
    Wire { send, receive }
}
