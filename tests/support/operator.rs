//! The operator and people's clients, as far as a pod's gate can tell: keys, tickets, the stream.

use std::{net::SocketAddr, time::Duration};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{SinkExt, StreamExt};
use handback::pod::contract::{
    PublicKey,
    stream::{
        FromGateStream, HandoffReport, Mode, Outcome, Prepare, Report, TicketPayload, ToGateStream,
        audience, proof, ticket_text,
    },
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

/// How long anything may take on a noisy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A key pair of somebody.
#[derive(Debug)]
pub struct Keys(Ed25519KeyPair);

impl Keys {
    /// The same for the same seed.
    pub fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes"))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.0.public_key().as_ref().try_into().expect("32 bytes"))
    }

    /// A signature as it stands in messages.
    pub fn sign(&self, text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()))
    }

    /// A ticket for this challenge.
    pub fn ticket(&self, challenge: &str, audience: &str, scope: Mode) -> String {
        let (challenge, audience) = (challenge.to_owned(), audience.to_owned());
        let payload = TicketPayload { challenge, audience, scope };
        let payload = serde_json::to_vec(&payload).expect("JSON");
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(payload);
        let signature = self.sign(&ticket_text(&encoded));
        format!("{encoded}.{signature}")
    }

    /// A ticket for what this handoff is of this pod.
    pub fn ticket_for(&self, challenge: &str, pod: &str, uid: &str, epoch: u64) -> String {
        let scope = if epoch == 0 { Mode::View } else { Mode::Control };
        self.ticket(challenge, &audience(pod, uid, epoch), scope)
    }
}

/// A `Handoff` of `holder` as the operator tells it to the gate.
pub fn prepare(uid: &str, mode: Mode, holder: &str, key: &Keys) -> Prepare {
    Prepare {
        uid: uid.to_owned(),
        name: format!("ho-{uid}"),
        mode,
        holder: holder.to_owned(),
        key: key.public(),
        timeout_seconds: 600,
    }
}

/// The gate stream.
#[derive(Debug)]
pub struct Operator {
    socket: WebSocketStream<TcpStream>,
    /// The last report.
    pub report: Report,
    said: u64,
}

impl Operator {
    /// Opens the stream and shows who it is.
    pub async fn connect(address: SocketAddr, keys: &Keys, pod: &str) -> Self {
        let (mut socket, challenge) = Self::challenged(address).await;
        let signature = keys.sign(&proof(pod, &challenge));
        say(&mut socket, &ToGateStream::Prove { signature }).await;
        let mut operator = Self { socket, report: Report::default(), said: 0 };
        timeout(PATIENCE, operator.hear()).await.expect("a first report");
        operator
    }

    /// A stream that waits for its proof.
    pub async fn challenged(address: SocketAddr) -> (WebSocketStream<TcpStream>, String) {
        let mut socket = open(address, "gate.localhost").await.expect("a stream");
        let text = next(&mut socket).await.expect("a challenge");
        let FromGateStream::Challenge { challenge } = serde_json::from_str(&text).expect("JSON")
        else {
            panic!("{text}")
        };
        (socket, challenge)
    }

    async fn hear(&mut self) {
        let text = text(self.socket.next().await).expect("a report");
        match serde_json::from_str(&text).expect("JSON") {
            FromGateStream::Report(report) => self.report = report,
            FromGateStream::Challenge { .. } => panic!("a challenge twice"),
        }
    }

    /// Says something and waits for the answer, which has all that came of it at once.
    pub async fn say(&mut self, said: &ToGateStream) {
        say(&mut self.socket, said).await;
        self.said += 1;
        let said = self.said;
        self.until(|report| report.answered == said).await;
    }

    /// Waits for a report like this.
    pub async fn until(&mut self, like: impl Fn(&Report) -> bool) -> Report {
        let found = timeout(PATIENCE, async {
            while !like(&self.report) {
                self.hear().await;
            }
        });
        let found = found.await;
        assert!(found.is_ok(), "not reported: {:#?}", self.report);
        self.report.clone()
    }

    /// Has a handoff prepared.
    pub async fn prepare(&mut self, prepare: Prepare) {
        self.say(&ToGateStream::Prepare(prepare)).await;
    }

    /// Ends a handoff through the API.
    pub async fn close(&mut self, uid: &str, outcome: Outcome) {
        self.say(&ToGateStream::Close { uid: uid.to_owned(), outcome }).await;
    }

    /// What is reported of a handoff once it is like this.
    pub async fn handoff(
        &mut self,
        uid: &str,
        like: impl Fn(&HandoffReport) -> bool,
    ) -> HandoffReport {
        let is = |one: &HandoffReport| one.uid == uid && like(one);
        let report = self.until(|report| report.handoffs.iter().any(is)).await;
        report.handoffs.into_iter().find(is).expect("found above")
    }
}

/// Opens a stream under a host name.
pub async fn open(address: SocketAddr, host: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(address).await.expect("the gate listens");
    let host = format!("{host}:{}", address.port());
    let mut request = format!("ws://{host}/api/stream").into_client_request()?;
    request.headers_mut().insert("Origin", format!("http://{host}").parse().expect("ASCII"));
    Ok(client_async(request, stream).await?.0)
}

/// The next text; `Err` has the code with which the gate closed.
pub async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<String, u16> {
    text(timeout(PATIENCE, socket.next()).await.expect("the gate says something"))
}

fn text(said: Option<Result<Message, Error>>) -> Result<String, u16> {
    match said {
        Some(Ok(Message::Text(text))) => Ok(text.as_str().to_owned()),
        Some(Ok(Message::Close(Some(frame)))) => Err(frame.code.into()),
        other => panic!("{other:?}"),
    }
}

/// Says something on a stream.
pub async fn say(socket: &mut WebSocketStream<TcpStream>, said: &ToGateStream) {
    let text = serde_json::to_string(said).expect("JSON");
    socket.send(Message::Text(text.into())).await.expect("the gate listens");
}
