//! The operator's side of the gate stream ([`contract`](crate::pod::contract::stream)), over whatever leads to a gate's port.
//!
//! # Expected flow
//! [`Forward::open`] gives a line to the gate. A WebSocket is opened on it, the gate's challenge is
//! signed, the gate reports; then the words are said, one after the other, and a report is waited for
//! that has the answers to all of them and is as it was wanted. Then the line is closed.
//!
//! # Guarantees
//! - The report that is returned was made after the gate took in every word, and a gate that fell
//!   silent meanwhile is an error: when patience is over the gate is asked once more.
//! - The proof is for the pod uid that was named: another pod of the same name does not accept it.
//! - A gate may say what it wants: its frames have a bound, and what is not of the contract is an error.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WebSocketError, Message,
        client::IntoClientRequest as _,
        handshake::client::Request,
        http::{HeaderValue, header::ORIGIN},
        protocol::WebSocketConfig,
    },
};

use crate::{
    operator::{
        key::OperatorKey,
        outside::{GateAt, Later, Unreachable},
    },
    pod::contract::{
        places::GATE_HOST,
        stream::{FromGateStream, PATH, Report, ToGateStream},
    },
};

/// For the way to the gate: API server and kubelet answer within milliseconds or not at all.
const CONNECT: Duration = Duration::from_secs(5);
/// For each answer of the gate: it has them ready.
const ANSWER: Duration = Duration::from_secs(10);
/// A report has a few hundred bytes for each handoff of a run, of which there are at most tens.
const MAX_FRAME: usize = 1 << 20;
/// How long a conversation may take besides the patience that was asked for.
const BOUND: Duration = Duration::from_secs(45);
/// The gate's code for a proof that is not the operator's.
const STRANGER: u16 = 4401;

/// A way to the gates' ports.
pub trait Forward: fmt::Debug + Send + Sync {
    /// A line to this gate's port.
    fn open<'a>(&'a self, gate: &'a GateAt) -> Later<'a, Result<Line, Unreachable>>;
}

/// Bytes both ways.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A way to one gate. Dropped, it is closed.
pub struct Line {
    /// The bytes.
    pub wire: Box<dyn Wire>,
    /// Why the wire ended, where somebody in between knows it.
    pub trouble: Later<'static, Option<String>>,
    /// What the wire needs to live.
    pub held: Box<dyn Send>,
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Line").finish_non_exhaustive()
    }
}

/// Speaks to gates.
#[derive(Clone, Debug)]
pub struct StreamClient {
    forward: Arc<dyn Forward>,
    key: OperatorKey,
}

impl StreamClient {
    /// Reaches gates this way, and shows them this key.
    pub fn new(forward: Arc<dyn Forward>, key: OperatorKey) -> Self {
        Self { forward, key }
    }

    /// Says these words to a gate, in order. Returns the first report that answers all of them and is
    /// `like` this, or what the gate reports once `patience` is over.
    ///
    /// # Errors
    /// With what a person can do something about.
    pub async fn say(
        &self,
        gate: &GateAt,
        words: &[ToGateStream],
        like: impl Fn(&Report) -> bool,
        patience: Duration,
    ) -> Result<Report, Unreachable> {
        // A gate that goes on saying something else is as good as silent.
        let spoken = timeout(BOUND + patience, self.converse(gate, words, like, patience)).await;
        spoken.map_err(|_| silent("the gate", BOUND + patience))?
    }

    async fn converse(
        &self,
        gate: &GateAt,
        words: &[ToGateStream],
        like: impl Fn(&Report) -> bool,
        patience: Duration,
    ) -> Result<Report, Unreachable> {
        let mut open = Conversation::open(self, gate).await?;
        for word in words {
            open.say(word).await?;
        }
        let until = Instant::now() + patience;
        while !like(&open.report) {
            let Ok(heard) = timeout_at(until, open.hear()).await else {
                // Nothing was heard for as long as that: is the gate still there, and how idle?
                open.say(&ToGateStream::Ask).await?;
                break;
            };
            heard?;
        }
        Ok(open.close().await)
    }
}

/// A stream on which the gate knows who we are.
struct Conversation {
    socket: WebSocketStream<Box<dyn Wire>>,
    trouble: Option<Later<'static, Option<String>>>,
    said: u64,
    report: Report,
    _held: Box<dyn Send>,
}

impl Conversation {
    async fn open(client: &StreamClient, gate: &GateAt) -> Result<Self, Unreachable> {
        let opened = timeout(CONNECT, client.forward.open(gate)).await;
        let line = opened.map_err(|_| silent("the way to its pod", CONNECT))??;
        let Line { wire, trouble, held } = line;
        let mut trouble = Some(trouble);
        let request = request().map_err(|error| said(&error))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let shaken = timeout(CONNECT, client_async_with_config(request, wire, Some(config))).await;
        let socket = match shaken {
            Err(_) => return Err(silent("the gate's port", CONNECT)),
            Ok(Err(error)) => return Err(explain(&mut trouble, said(&error)).await),
            Ok(Ok((socket, _))) => socket,
        };
        let mut open = Self { socket, trouble, said: 0, report: Report::default(), _held: held };
        let FromGateStream::Challenge { challenge } = open.next().await? else {
            return Err(odd("it began with a report instead of a challenge"));
        };
        let signature = client.key.prove(&gate.uid.0, &challenge);
        open.send(&ToGateStream::Prove { signature }).await?;
        open.heard().await?;
        Ok(open)
    }

    /// Says something and waits until a report answers it.
    async fn say(&mut self, word: &ToGateStream) -> Result<(), Unreachable> {
        self.send(word).await?;
        self.said += 1;
        while self.report.answered < self.said {
            self.heard().await?;
        }
        Ok(())
    }

    async fn send(&mut self, word: &ToGateStream) -> Result<(), Unreachable> {
        let text = serde_json::to_string(word).map_err(|error| odd(&error.to_string()))?;
        match timeout(ANSWER, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(explain(&mut self.trouble, said(&error)).await),
            Err(_) => Err(silent("the gate", ANSWER)),
        }
    }

    /// Waits for a report that must come.
    async fn heard(&mut self) -> Result<(), Unreachable> {
        timeout(ANSWER, self.hear()).await.map_err(|_| silent("the gate", ANSWER))?
    }

    /// Waits for a report that may come. Stopped halfway it has lost nothing.
    async fn hear(&mut self) -> Result<(), Unreachable> {
        match self.receive().await? {
            FromGateStream::Report(report) => {
                self.report = report;
                Ok(())
            }
            FromGateStream::Challenge { .. } => Err(odd("it sent a second challenge")),
        }
    }

    async fn next(&mut self) -> Result<FromGateStream, Unreachable> {
        timeout(ANSWER, self.receive()).await.map_err(|_| silent("the gate", ANSWER))?
    }

    async fn receive(&mut self) -> Result<FromGateStream, Unreachable> {
        loop {
            return match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    serde_json::from_str(&text).map_err(|error| odd(&error.to_string()))
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == STRANGER => {
                    Err(Unreachable(
                        "it does not accept this operator's key: the pod was made under another \
                         key, or it is another pod of that name"
                            .to_owned(),
                    ))
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(0, |frame| u16::from(frame.code));
                    Err(odd(&format!("it closed the stream with code {code}")))
                }
                Some(Ok(Message::Binary(_) | Message::Frame(_))) => Err(odd("it sent bytes")),
                Some(Err(error)) => Err(explain(&mut self.trouble, said(&error)).await),
                None => Err(explain(&mut self.trouble, odd("it closed the stream")).await),
            };
        }
    }

    /// Ends the conversation; the last report.
    async fn close(mut self) -> Report {
        // A courtesy: the line is dropped anyway.
        drop(timeout(Duration::from_secs(1), self.socket.close(None)).await);
        self.report
    }
}

/// The opening request. A gate refuses whoever comes from another origin than its own, or from none:
/// pages under test can reach its port.
fn request() -> Result<Request, WebSocketError> {
    let mut request = format!("ws://{GATE_HOST}{PATH}").into_client_request()?;
    let origin = HeaderValue::try_from(format!("http://{GATE_HOST}"))?;
    request.headers_mut().insert(ORIGIN, origin);
    Ok(request)
}

/// What somebody on the way knows about the end of the line, or else `otherwise`. Whoever knows says
/// it at once or never.
async fn explain(
    trouble: &mut Option<Later<'static, Option<String>>>,
    otherwise: Unreachable,
) -> Unreachable {
    let Some(trouble) = trouble.take() else { return otherwise };
    match timeout(Duration::from_secs(1), trouble).await {
        Ok(Some(known)) => Unreachable(known),
        Ok(None) | Err(_) => otherwise,
    }
}

fn silent(who: &str, bound: Duration) -> Unreachable {
    Unreachable(format!("{who} gave no answer within {} s", bound.as_secs()))
}

fn odd(what: &str) -> Unreachable {
    Unreachable(format!("it does not speak the gate stream: {what}"))
}

fn said(error: &WebSocketError) -> Unreachable {
    if let WebSocketError::Http(answer) = error {
        return odd(&format!("it answered with HTTP status {}", answer.status().as_u16()));
    }
    Unreachable(error.to_string())
}
