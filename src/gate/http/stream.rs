//! Server-sent events: the run's from the beginning or from after the last one that the page has,
//! the state of things, notices.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tokio::{
    sync::{broadcast::error::RecvError, oneshot},
    time::timeout,
};

use super::{
    super::{
        events::{Item, Subscription},
        problem::Problem,
        session::Command,
        view::View,
    },
    Door, typed,
};
use crate::{clock::Clock, decide::lease::Seat};

/// A comment after so long without an event: a dead connection is found out, a live one kept.
const QUIET: Duration = Duration::from_secs(15);

pub(super) async fn events(
    State(door): State<Door>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seat = door.seat(&headers, false).await?;
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = after.and_then(|id| id.parse().ok()).unwrap_or(0);
    let (reply, wait) = oneshot::channel();
    door.say(Command::Subscribe { seat, after, reply }).await?;
    let (subscription, dismissed) = wait.await.map_err(|_| Problem::ENDING)?;
    let listener = Listener::new(subscription, seat, Arc::clone(&door.clock));
    let pieces = stream::unfold(listener, async |mut listener| {
        let piece = listener.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), listener))
    });
    let pieces = pieces.take_until(dismissed.cancelled_owned());
    Ok(typed("text/event-stream", Body::from_stream(pieces)))
}

struct Listener {
    subscription: Subscription,
    seat: Seat,
    clock: Arc<dyn Clock>,
    ready: VecDeque<String>,
    /// What the page knows of how things stand.
    told: Arc<View>,
}

impl Listener {
    fn new(mut subscription: Subscription, seat: Seat, clock: Arc<dyn Clock>) -> Self {
        let mut ready: VecDeque<_> =
            subscription.missed.drain(..).map(|(seq, line)| run(seq, &line)).collect();
        let told = Arc::clone(&subscription.view.borrow_and_update());
        ready.push_front(state(&told.json(clock.boot())));
        Self { subscription, seat, clock, ready, told }
    }

    /// The next piece; `None` at the end of the gate, or when the page lags so far behind that it
    /// has to ask again.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            let Subscription { live, view, .. } = &mut self.subscription;
            let heard = timeout(QUIET, async {
                tokio::select! {
                    biased;
                    item = live.recv() => item.map(Some),
                    changed = view.changed() => {
                        changed.map(|()| None).map_err(|_| RecvError::Closed)
                    }
                }
            });
            match heard.await {
                Err(_) => return Some(":\n\n".to_owned()),
                Ok(Err(RecvError::Closed | RecvError::Lagged(_))) => {
                    // The last word is how things ended.
                    if Arc::ptr_eq(&self.told, &view.borrow()) {
                        return None;
                    }
                    self.state();
                }
                Ok(Ok(None)) => self.state(),
                Ok(Ok(Some(Item::Run { seq, line }))) => return Some(run(seq, &line)),
                Ok(Ok(Some(Item::Notice { seat, text }))) => {
                    if seat.is_none_or(|seat| seat == self.seat) {
                        return Some(format!("event: notice\ndata: {text}\n\n"));
                    }
                }
            }
        }
    }

    fn state(&mut self) {
        self.told = Arc::clone(&self.subscription.view.borrow_and_update());
        self.ready.push_back(state(&self.told.json(self.clock.boot())));
    }
}

fn state(view: &Value) -> String {
    format!("event: state\ndata: {view}\n\n")
}

fn run(seq: u64, line: &str) -> String {
    format!("id: {seq}\nevent: run\ndata: {line}\n\n")
}
