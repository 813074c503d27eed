//! Watching for longer than one View handoff lasts: the seat gets the right of the next one before the
//! old one ends, as a page does by itself (handoff.md 7.3).

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{
    Error,
    gate::{BEAT, Seat},
    relay::Wish,
};

/// The next one is asked for this long before the end; pages do the same.
const EARLY: Duration = Duration::from_mins(1);
/// How long after the end a gate still keeps the seat for another right.
const KEPT: Duration = Duration::from_mins(1);
/// Between two tries, and the least between two renewals.
const AGAIN: Duration = Duration::from_secs(1);

/// Renews for as long as it is polled; gives why that went on no longer. What connects takes the seat
/// from `seat` each time.
pub async fn renew(
    seat: &watch::Sender<Seat>,
    wishes: &mpsc::Sender<Wish>,
    mut until: Instant,
) -> Error {
    loop {
        let due = until.checked_sub(EARLY).unwrap_or(until);
        sleep_until(due.max(Instant::now() + AGAIN)).await;
        match renewed(seat, wishes).await {
            Ok(left) => until = Instant::now() + left,
            Err(Error::Unreachable { .. } | Error::NoAnswer { .. })
                if Instant::now() < until + KEPT => {}
            Err(error) => return ended(error),
        }
    }
}

async fn renewed(
    seat: &watch::Sender<Seat>,
    wishes: &mpsc::Sender<Wish>,
) -> Result<Duration, Error> {
    let (reply, answer) = oneshot::channel();
    // Whoever answers wishes ends only together with us.
    wishes.send(Wish::Ticket { view: true, reply }).await.map_err(|_| Error::GivenUp)?;
    let pass = answer.await.map_err(|_| Error::GivenUp)??;
    let old = seat.borrow().clone();
    let new = old.renewed(&pass.ticket).await?;
    seat.send_replace(new);
    Ok(pass.left)
}

/// What the person can do about it.
fn ended(error: Error) -> Error {
    let gone = matches!(
        error,
        Error::NoBrowser(_) | Error::NoPod { .. } | Error::Deleted { .. } | Error::GivenUp
    );
    if gone {
        return error;
    }
    Error::NotGranted {
        code: error.code(),
        message: format!(
            "Watching has ended: it could not be renewed. {error}\n  To watch on, run the same command \
             again."
        ),
    }
}

/// Keeps a seat that may be renewed meanwhile for as long as it is polled.
pub async fn stay(seat: watch::Receiver<Seat>) {
    loop {
        let now = seat.borrow().clone();
        if let Err(error) = now.beat().await {
            tracing::debug!(%error, "a sign of life was lost");
        }
        sleep(BEAT).await;
    }
}
