//! What happens in one attempt of the run, live: a View handoff of the person's own, a seat at the
//! gate, and the run's events for the progress. Whoever may not watch loses nothing but this.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::events::{Event, Line},
    client::{
        Error,
        cluster::Cluster,
        gate::{Seat, stay},
        handoffs::{Granted, pod_of},
    },
    manifest::{handoff::Mode, test_run::TestRun},
};

/// Between two tries at a gate that does not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// A new handoff is asked for this long before the old one ends.
const EARLY: Duration = Duration::from_mins(2);

/// A seat, and the handoff that it is under.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) granted: Granted,
    pub(super) seat: Seat,
}

/// How far it has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// The seat, once there is one.
    pub(super) watching: Option<Arc<Watching>>,
    /// The last event of the attempt was heard, or nothing more will be.
    pub(super) done: bool,
    /// Why there will be no seat.
    pub(super) given_up: Option<Arc<Error>>,
}

/// Follows the attempt that has this pod until its last event, and keeps the seat until it is given
/// up. What it holds is given back before it returns.
pub(super) async fn follow(
    cluster: Cluster,
    run: TestRun,
    pod: String,
    lines: mpsc::UnboundedSender<Line>,
    live: watch::Sender<Live>,
    give_up: CancellationToken,
) {
    let mut after = 0;
    loop {
        let granted = match sit(&cluster, &run, &pod, &give_up).await {
            Ok(granted) => granted,
            Err(error) => {
                live.send_modify(|live| {
                    live.given_up = Some(Arc::new(error));
                    live.done = true;
                });
                return;
            }
        };
        let renew = granted.deadline.checked_sub(EARLY).unwrap_or(granted.deadline);
        let Some(watching) = enter(&cluster, granted, &live, &give_up).await else { return };
        let seat = &watching.seat;
        let over = tokio::select! {
            over = hear(seat, &mut after, &lines, renew) => over,
            () = stay(seat) => false,
            () = give_up.cancelled() => true,
        };
        if over {
            // The seat is kept: files may be wanted through it.
            live.send_modify(|live| live.done = true);
            tokio::select! {
                () = stay(seat) => {}
                () = give_up.cancelled() => {}
            }
        }
        if let Err(error) = cluster.finish(&watching.granted).await {
            tracing::debug!(%error, "a View handoff was left to its deadline");
        }
        if over {
            return;
        }
    }
}

async fn sit(
    cluster: &Cluster,
    run: &TestRun,
    pod: &str,
    give_up: &CancellationToken,
) -> Result<Granted, Error> {
    let me = cluster.me().await?;
    let run = cluster.run(run.metadata.name.as_deref().unwrap_or_default()).await?;
    let (name, uid) = pod_of(&run)?;
    if uid != pod {
        // Whoever waits for the run follows the later attempt's by itself.
        return Err(Error::NoPod { pod: name });
    }
    let told = |why: &str| tracing::info!(why, "waiting to watch the run");
    cluster.ask(&run, Mode::View, &me, give_up, told).await
}

async fn enter(
    cluster: &Cluster,
    granted: Granted,
    live: &watch::Sender<Live>,
    give_up: &CancellationToken,
) -> Option<Arc<Watching>> {
    loop {
        if give_up.is_cancelled() {
            cluster.finish(&granted).await.ok();
            return None;
        }
        match granted.enter(cluster).await {
            Ok(seat) => {
                let watching = Arc::new(Watching { granted, seat });
                let shared = Arc::clone(&watching);
                live.send_modify(|live| live.watching = Some(shared));
                return Some(watching);
            }
            // A tunnel that breaks is opened again until the handoff is over.
            Err(Error::Unreachable { .. }) if Instant::now() < granted.deadline => {}
            Err(error) => {
                cluster.finish(&granted).await.ok();
                live.send_modify(|live| {
                    live.given_up = Some(Arc::new(error));
                    live.done = true;
                });
                return None;
            }
        }
        sleep(AGAIN).await;
    }
}

/// Passes events on. True after the last one, false when the seat has to be taken anew.
async fn hear(
    seat: &Seat,
    after: &mut u64,
    lines: &mpsc::UnboundedSender<Line>,
    renew: Instant,
) -> bool {
    while Instant::now() < renew {
        match seat.events(*after).await {
            Ok(events) => {
                let mut events = std::pin::pin!(events);
                while let Some(Ok((number, text))) = events.next().await {
                    *after = number;
                    // An event of a later version is passed over.
                    let Ok(line) = serde_json::from_str::<Line>(&text) else { continue };
                    let last = matches!(line.event, Event::Report { .. });
                    if lines.send(line).is_err() || last {
                        return true;
                    }
                }
            }
            Err(Error::Gate { .. }) => return false,
            Err(Error::NoPod { .. }) => return true,
            Err(error) => tracing::debug!(%error, "the run's events broke off"),
        }
        sleep(AGAIN).await;
    }
    false
}
