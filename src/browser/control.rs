//! The control socket: messages of the gate, one JSON object a line, and ours to it.
//!
//! One gate is served at a time. What is to be told while none is connected waits for the next one:
//! a gate may be restarted, the browser is not.

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender},
        watch,
    },
};
use tokio_util::{
    codec::{Framed, LinesCodec},
    sync::CancellationToken,
};

use super::Gate;
use crate::pod::contract::{FromBrowser, ToBrowser};

/// The longest message is a start with its resolver rules.
const MAX_LINE: usize = 1 << 20;

/// Carries messages until the listener fails. [`ToBrowser::Stop`] cancels `stop` at once.
pub(super) async fn serve(
    listener: UnixListener,
    incoming: UnboundedSender<ToBrowser>,
    mut outgoing: UnboundedReceiver<FromBrowser>,
    stop: CancellationToken,
    gate: watch::Sender<Gate>,
) {
    // A message that was taken from the queue when its connection broke.
    let mut unsent = None;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                gate.send_replace(Gate::There);
                converse(stream, &incoming, &mut outgoing, &mut unsent, &stop).await;
                gate.send_replace(Gate::Gone);
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket failed");
                return;
            }
        }
    }
}

/// Serves one gate until its connection ends.
async fn converse(
    stream: UnixStream,
    incoming: &UnboundedSender<ToBrowser>,
    outgoing: &mut UnboundedReceiver<FromBrowser>,
    unsent: &mut Option<String>,
    stop: &CancellationToken,
) {
    let mut gate = Framed::new(stream, LinesCodec::new_with_max_length(MAX_LINE));
    loop {
        if let Some(line) = unsent.clone() {
            if gate.send(line).await.is_err() {
                return;
            }
            *unsent = None;
        }
        tokio::select! {
            line = gate.next() => {
                let Some(Ok(line)) = line else { return };
                match serde_json::from_str(&line) {
                    Ok(ToBrowser::Stop) => stop.cancel(),
                    // The supervisor outlives this task.
                    Ok(message) => drop(incoming.send(message)),
                    Err(error) => {
                        tracing::warn!(%error, "a message of the gate could not be read");
                        return;
                    }
                }
            }
            Some(message) = outgoing.recv() => {
                *unsent = serde_json::to_string(&message).ok();
            }
        }
    }
}
