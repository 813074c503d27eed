//! What only a pod's gate serves: challenges for whoever wants to sign one, and the operator's stream
//! ([`contract`](crate::pod::contract::stream)).

use std::time::Duration;

use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use serde_json::{Value, json};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    super::{problem::Problem, session::Command},
    Door,
};
use crate::pod::contract::stream::{FromGateStream, Report, ToGateStream};

/// The stream is not the operator's.
const STRANGER: u16 = 4401;
/// What was said is not of the contract.
const MALFORMED: u16 = 4400;
/// The gate has ended.
const ENDED: u16 = 1001;
/// A report is a few kilobytes; the end of the pod does not wait longer for an operator that is gone.
const LAST_WORD: Duration = Duration::from_secs(1);
/// One object a frame, of a few ids.
const MAX_SAID: usize = 64 << 10;
/// Signing takes no time; who does not answer is not the operator.
const PROOF: Duration = Duration::from_secs(10);

/// `GET /api/challenge`: needs no right, and gives none.
pub(super) async fn challenge(State(door): State<Door>) -> Result<axum::Json<Value>, Problem> {
    let challenge = door.challenge().await?;
    Ok(axum::Json(json!({"challenge": challenge})))
}

/// `GET /api/stream`
pub(super) async fn stream(
    State(door): State<Door>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let challenge = door.challenge().await?;
    let upgrade = upgrade.max_message_size(MAX_SAID).max_frame_size(MAX_SAID);
    // The end of the gate waits for the last word, which takes no longer than its own limit.
    let tasks = door.tasks.clone();
    Ok(upgrade.on_upgrade(async move |socket| {
        tasks.track_future(converse(door, socket, challenge)).await;
    }))
}

impl Door {
    async fn challenge(&self) -> Result<String, Problem> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|_| Problem::ENDING)?;
        let (reply, wait) = oneshot::channel();
        self.say(Command::Challenge { nonce, reply }).await?;
        wait.await.map_err(|_| Problem::ENDING)
    }

    /// The answer to what the operator said; none once the gate is ending.
    async fn operator(&self, said: ToGateStream) -> Option<Report> {
        let (reply, wait) = oneshot::channel();
        self.say(Command::Operator { said, reply }).await.ok()?;
        wait.await.ok()
    }

    /// The reports, if this proof is the operator's.
    async fn prove(&self, challenge: String, signature: String) -> Option<watch::Receiver<Report>> {
        let (reply, wait) = oneshot::channel();
        self.say(Command::Prove { challenge, signature, reply }).await.ok()?;
        wait.await.ok().flatten()
    }
}

async fn converse(door: Door, socket: WebSocket, challenge: String) {
    let (mut to, mut from) = socket.split();
    let asked = FromGateStream::Challenge { challenge: challenge.clone() };
    if !say(&mut to, &asked).await {
        return;
    }
    let proved = timeout(PROOF, from.next()).await;
    let proof = match proved {
        Ok(Some(Ok(Frame::Text(text)))) => serde_json::from_str(&text).ok(),
        _ => None,
    };
    let reports = match proof {
        Some(ToGateStream::Prove { signature }) => door.prove(challenge, signature).await,
        _ => None,
    };
    let Some(mut reports) = reports else {
        tracing::warn!("a stream was opened by somebody who is not the operator");
        return close(to, STRANGER).await;
    };
    let mut said = ToGateStream::Ask;
    let (mut heard, mut answered) = (0, 0);
    loop {
        reports.mark_unchanged();
        let Some(report) = door.operator(said).await else {
            // The gate has ended since: how it did, it has told. What was said now nobody has heard.
            let last = Report { answered, ..reports.borrow().clone() };
            return farewell(to, from, &last).await;
        };
        answered = heard;
        let report = Report { answered, ..report };
        if !say(&mut to, &FromGateStream::Report(report)).await {
            return;
        }
        said = tokio::select! {
            changed = reports.changed() => match changed {
                Ok(()) => ToGateStream::Ask,
                Err(_) => return,
            },
            frame = from.next() => match frame {
                Some(Ok(Frame::Text(text))) => match serde_json::from_str(&text) {
                    Ok(said) => {
                        heard += 1;
                        said
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the operator said something that is not of the contract");
                        return close(to, MALFORMED).await;
                    }
                },
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => ToGateStream::Ask,
                Some(Ok(Frame::Binary(_) | Frame::Close(_)) | Err(_)) | None => return,
            },
        };
    }
}

/// The last word, and an orderly end: a connection that is dropped with something unread in it takes
/// with it what is still under way.
async fn farewell(
    mut to: SplitSink<WebSocket, Frame>,
    mut from: SplitStream<WebSocket>,
    last: &Report,
) {
    let said = timeout(LAST_WORD, async {
        if say(&mut to, &FromGateStream::Report(last.clone())).await {
            close(to, ENDED).await;
            while let Some(Ok(_)) = from.next().await {}
        }
    });
    if said.await.is_err() {
        tracing::debug!("the operator did not take the gate's last word");
    }
}

async fn say(to: &mut SplitSink<WebSocket, Frame>, message: &FromGateStream) -> bool {
    let Ok(text) = serde_json::to_string(message) else { return false };
    to.send(Frame::Text(text.into())).await.is_ok()
}

async fn close(mut to: SplitSink<WebSocket, Frame>, code: u16) {
    let frame = CloseFrame { code, reason: "".into() };
    // Whoever it is may be gone already.
    to.send(Frame::Close(Some(frame))).await.ok();
}
