//! The two tasks behind a [`Link`](super::Link): one writes, one reads, so that a full buffer in one
//! direction never stops the other.

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    sync::{mpsc, oneshot},
};
use tracing::{debug, warn};

use super::{Grant, NoBrowser, Notice, Refused};
use crate::{
    page::cdp::Wire,
    pod::contract::{AgentFrame, FromGate, MAX_FRAME, Recording, ToGate, VideoReport},
};

/// Frames in flight on a wire before its sender waits. Commands are awaited one by one; events come
/// in bursts.
const WIRE_DEPTH: usize = 1024;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A message of ours.
    Message(Box<ToGate>),
    /// From now on frames come from here, under this epoch.
    Rewire { epoch: u64, frames: mpsc::Receiver<Bytes> },
}

/// An open question, with where its answer goes.
#[derive(Debug)]
pub(super) enum Question {
    Grant(oneshot::Sender<Result<Grant, NoBrowser>>),
    Tool(u64, oneshot::Sender<Result<(), Refused>>),
    Record(oneshot::Sender<Recording>),
    Video(oneshot::Sender<VideoReport>),
    Sealed(oneshot::Sender<()>),
}

/// Writes until every handle is gone or the gate is.
pub(super) async fn write(
    mut gate: OwnedWriteHalf,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
) {
    let mut wire: Option<(u64, mpsc::Receiver<Bytes>)> = None;
    loop {
        let bytes = tokio::select! {
            // Frames first: what was sent before a message leaves before it.
            biased;
            (epoch, frame) = next_frame(&mut wire) => {
                AgentFrame::Cdp { epoch: Some(epoch), json: &frame }.encode()
            }
            next = outgoing.recv() => match next {
                None => break,
                Some(Outgoing::Rewire { epoch, frames }) => {
                    wire = Some((epoch, frames));
                    continue;
                }
                Some(Outgoing::Message(message)) => match serde_json::to_vec(&*message) {
                    Ok(json) => AgentFrame::Message(&json).encode(),
                    Err(error) => {
                        warn!(%error, "a message to the gate could not be written as JSON");
                        continue;
                    }
                },
            },
        };
        if let Err(error) = gate.write_all(&bytes).await {
            debug!(%error, "the gate no longer reads");
            break;
        }
    }
    gate.shutdown().await.ok();
}

/// The next frame of the wire; never, if there is none.
async fn next_frame(wire: &mut Option<(u64, mpsc::Receiver<Bytes>)>) -> (u64, Bytes) {
    if let Some((epoch, frames)) = wire
        && let Some(frame) = frames.recv().await
    {
        return (*epoch, frame);
    }
    *wire = None;
    std::future::pending().await
}

/// Reads until the gate is gone. Open questions die with it.
pub(super) async fn read(
    gate: OwnedReadHalf,
    mut questions: mpsc::UnboundedReceiver<Question>,
    notices: mpsc::UnboundedSender<Notice>,
    rewire: mpsc::WeakUnboundedSender<Outgoing>,
) {
    let mut reader = Reader { open: Open::default(), granted: None, frames: None, notices, rewire };
    let mut gate = BufReader::with_capacity(1 << 16, gate);
    let mut frame = Vec::new();
    loop {
        frame.clear();
        let limit = MAX_FRAME as u64;
        let mut limited = (&mut gate).take(limit);
        let taken = limited.read_until(0, &mut frame);
        tokio::pin!(taken);
        let taken = loop {
            tokio::select! {
                biased;
                Some(question) = questions.recv() => reader.note(question),
                taken = &mut taken => break taken,
            }
        };
        match taken {
            Ok(_) if frame.last() == Some(&0) => {}
            Ok(_) => break,
            Err(error) => {
                debug!(%error, "the gate no longer writes");
                break;
            }
        }
        frame.pop();
        match AgentFrame::from_gate(&frame) {
            Some(AgentFrame::Cdp { json, .. }) => {
                if let Some(frames) = &reader.frames
                    && frames.send(Bytes::copy_from_slice(json)).await.is_err()
                {
                    reader.frames = None;
                }
            }
            Some(AgentFrame::Message(json)) => match serde_json::from_slice(json) {
                Ok(message) => reader.take(message),
                Err(error) => warn!(%error, "the gate sent a message that is not known"),
            },
            None => warn!("the gate sent a frame that is neither ours nor the browser's"),
        }
    }
    reader.notices.send(Notice::Lost).ok();
}

/// The reader's state.
struct Reader {
    open: Open,
    /// A grant that nobody has asked for yet, or why there is none.
    granted: Option<Result<Grant, NoBrowser>>,
    frames: Option<mpsc::Sender<Bytes>>,
    notices: mpsc::UnboundedSender<Notice>,
    rewire: mpsc::WeakUnboundedSender<Outgoing>,
}

/// Questions without an answer yet. The agent asks one of each kind at a time.
#[derive(Default)]
struct Open {
    grant: Option<oneshot::Sender<Result<Grant, NoBrowser>>>,
    tool: Option<(u64, oneshot::Sender<Result<(), Refused>>)>,
    record: Option<oneshot::Sender<Recording>>,
    video: Option<oneshot::Sender<VideoReport>>,
    sealed: Option<oneshot::Sender<()>>,
}

impl Reader {
    fn note(&mut self, question: Question) {
        match question {
            Question::Grant(answer) => match self.granted.take() {
                Some(grant) => drop(answer.send(grant)),
                None => self.open.grant = Some(answer),
            },
            Question::Tool(id, answer) => self.open.tool = Some((id, answer)),
            Question::Record(answer) => self.open.record = Some(answer),
            Question::Video(answer) => self.open.video = Some(answer),
            Question::Sealed(answer) => self.open.sealed = Some(answer),
        }
    }

    fn take(&mut self, message: FromGate) {
        match message {
            FromGate::Granted { epoch, browser } => {
                let (to_browser, frames) = mpsc::channel(WIRE_DEPTH);
                let (from_browser, receive) = mpsc::channel(WIRE_DEPTH);
                self.frames = Some(from_browser);
                if let Some(writer) = self.rewire.upgrade() {
                    writer.send(Outgoing::Rewire { epoch, frames }).ok();
                }
                let wire = Wire { send: to_browser, receive };
                self.answer_grant(Ok(Grant { browser, wire }));
            }
            FromGate::BrowserLost { reason, was_ready } => {
                // Closes the wire: the page learns it from there.
                self.frames = None;
                self.notices.send(Notice::BrowserLost { reason: reason.clone(), was_ready }).ok();
                if let Some(answer) = self.open.grant.take() {
                    drop(answer.send(Err(NoBrowser::Failed { reason })));
                } else {
                    // A grant that nobody took is worthless now; a browser that never was ready is
                    // the answer to a question that comes.
                    self.granted = (!was_ready).then_some(Err(NoBrowser::Failed { reason }));
                }
            }
            FromGate::MemoryKill => drop(self.notices.send(Notice::MemoryKill)),
            FromGate::ToolAdmitted { id } => self.answer_tool(id, Ok(())),
            FromGate::ToolRefused { id, reason } => {
                self.answer_tool(id, Err(Refused::Lease(reason)));
            }
            FromGate::Revoked { epoch } => drop(self.notices.send(Notice::Revoked { epoch })),
            FromGate::Recording(recording) => {
                if let Some(answer) = self.open.record.take() {
                    drop(answer.send(recording.clone()));
                }
                self.notices.send(Notice::Recording(recording)).ok();
            }
            FromGate::VideoClosed(report) => {
                if let Some(answer) = self.open.video.take() {
                    drop(answer.send(report));
                }
            }
            FromGate::StopRun { by, stopped_by } => {
                drop(self.notices.send(Notice::StopRun { by, stopped_by }));
            }
            FromGate::Deadline { seconds } => {
                drop(self.notices.send(Notice::Deadline { seconds }));
            }
            FromGate::Sealed => {
                if let Some(answer) = self.open.sealed.take() {
                    answer.send(()).ok();
                }
            }
        }
    }

    fn answer_grant(&mut self, grant: Result<Grant, NoBrowser>) {
        match self.open.grant.take() {
            Some(answer) => drop(answer.send(grant)),
            None => self.granted = Some(grant),
        }
    }

    fn answer_tool(&mut self, id: u64, answer: Result<(), Refused>) {
        match self.open.tool.take() {
            Some((asked, sender)) if asked == id => drop(sender.send(answer)),
            other => self.open.tool = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::AsyncReadExt, net::UnixListener, time::timeout};
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::{
        agent::link::Link,
        pod::contract::{BrowserFacts, Sandbox},
    };

    const DEADLINE: Duration = Duration::from_secs(20);

    /// The gate's end of a connection, played by a test on a real socket.
    struct Gate {
        stream: tokio::net::UnixStream,
        buffer: Vec<u8>,
    }

    impl Gate {
        async fn frame(&mut self) -> String {
            timeout(DEADLINE, async {
                loop {
                    if let Some(end) = self.buffer.iter().position(|&byte| byte == 0) {
                        let frame: Vec<u8> = self.buffer.drain(..=end).collect();
                        return String::from_utf8(frame[..end].to_vec()).unwrap();
                    }
                    assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "closed");
                }
            })
            .await
            .expect("no frame in time")
        }

        async fn say(&mut self, message: &FromGate) {
            let json = serde_json::to_vec(message).unwrap();
            self.stream.write_all(&AgentFrame::Message(&json).encode()).await.unwrap();
        }
    }

    fn granted(epoch: u64) -> FromGate {
        FromGate::Granted {
            epoch,
            browser: BrowserFacts {
                version: "Chromium 156".to_owned(),
                pid: 1,
                sandbox: Sandbox::Own,
                display: None,
                page_x: 0,
                page_y: 0,
                video_unavailable: None,
                profile_busy: false,
            },
        }
    }

    async fn pair() -> (Link, mpsc::UnboundedReceiver<Notice>, Gate, tempfile::TempDir) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("agent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let hello = ToGate::Hello {
            run: "01a".to_owned(),
            name: "n".to_owned(),
            url: "http://x/".to_owned(),
        };
        let (link, notices) = Link::open(
            tokio::net::UnixStream::connect(&path).await.unwrap(),
            hello,
            &TaskTracker::new(),
        );
        let (stream, _) = listener.accept().await.unwrap();
        let mut gate = Gate { stream, buffer: Vec::new() };
        assert!(gate.frame().await.starts_with(r#"J{"type":"hello""#));
        (link, notices, gate, temp)
    }

    #[tokio::test]
    async fn frames_carry_the_epoch_and_leave_before_the_tool_ends() {
        let (link, _notices, mut gate, _temp) = pair().await;
        gate.say(&granted(3)).await;
        let mut grant = link.granted().await.unwrap();
        let (begun, ()) = tokio::join!(link.begin(1, "click"), async {
            assert_eq!(gate.frame().await, r#"J{"type":"tool_begin","id":1,"tool":"click"}"#);
            gate.say(&FromGate::ToolAdmitted { id: 1 }).await;
        });
        begun.unwrap();
        for id in 0..20 {
            grant.wire.send.send(Bytes::from(format!("{{\"id\":{id}}}"))).await.unwrap();
        }
        link.end(1);
        for id in 0..20 {
            assert_eq!(gate.frame().await, format!("C3 {{\"id\":{id}}}"));
        }
        assert_eq!(gate.frame().await, r#"J{"type":"tool_end","id":1}"#);
        gate.stream.write_all(b"C{\"id\":0}\0").await.unwrap();
        assert_eq!(grant.wire.receive.recv().await.unwrap(), &b"{\"id\":0}"[..]);
    }

    #[tokio::test]
    async fn a_lost_browser_closes_the_wire_and_another_takes_its_place() {
        let (link, mut notices, mut gate, _temp) = pair().await;
        gate.say(&granted(1)).await;
        let mut first = link.granted().await.unwrap();
        gate.say(&FromGate::BrowserLost { reason: "gone".to_owned(), was_ready: true }).await;
        assert!(first.wire.receive.recv().await.is_none());
        assert!(matches!(notices.recv().await, Some(Notice::BrowserLost { was_ready: true, .. })));
        let (second, ()) = tokio::join!(link.replace_browser(), async {
            assert_eq!(gate.frame().await, r#"J{"type":"replace_browser"}"#);
            gate.say(&granted(5)).await;
        });
        second.unwrap().wire.send.send(Bytes::from_static(b"{}")).await.unwrap();
        assert_eq!(gate.frame().await, "C5 {}");
    }

    #[tokio::test]
    async fn a_refused_tool_says_why_and_a_lost_gate_answers_everything() {
        let (link, mut notices, mut gate, _temp) = pair().await;
        let (refused, ()) = tokio::join!(link.begin(7, "click"), async {
            gate.frame().await;
            gate.say(&FromGate::ToolRefused { id: 7, reason: "human".to_owned() }).await;
        });
        assert_eq!(refused, Err(Refused::Lease("human".to_owned())));
        let (lost, grant, ()) = tokio::join!(link.close_video(true), link.granted(), async {
            gate.frame().await;
            drop(gate);
        });
        assert!(lost.is_err() && matches!(grant, Err(NoBrowser::Lost)));
        assert!(matches!(notices.recv().await, Some(Notice::Lost)));
    }
}
