//! How many runs go on at once, and who is next: in the order in which they came.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// Four browsers are what a developer's machine bears beside its editor (agent.md 14).
const AT_ONCE: usize = 4;

/// The places.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Arc<watch::Sender<Taken>>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    /// How many have a place.
    places: usize,
    /// Who waits for one, first come first.
    queue: Vec<u64>,
}

/// A place; given back when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the place back"]
pub(super) struct Place {
    taken: Arc<watch::Sender<Taken>>,
}

/// Somebody in the queue; leaves it when dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    taken: Arc<watch::Sender<Taken>>,
    changes: watch::Receiver<Taken>,
    number: u64,
    /// What was said last.
    before: Option<usize>,
}

/// What whoever waits hears.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is theirs.
    Come(Place),
    /// So many are before them.
    Wait(usize),
}

impl Places {
    /// Joins the queue, which may be empty.
    pub(super) fn queue(&self) -> Waiting {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.taken.send_modify(|taken| taken.queue.push(number));
        let (taken, changes) = (Arc::clone(&self.taken), self.taken.subscribe());
        Waiting { taken, changes, number, before: None }
    }
}

impl Waiting {
    /// The next thing to hear: at first, and whenever it has changed.
    pub(super) async fn turn(&mut self) -> Turn {
        loop {
            let mut before = 0;
            let number = self.number;
            let got = self.taken.send_if_modified(|taken| {
                before = taken.queue.iter().position(|one| *one == number).unwrap_or_default();
                let mine = before == 0 && taken.places < AT_ONCE;
                if mine {
                    taken.places += 1;
                    taken.queue.retain(|one| *one != number);
                }
                mine
            });
            if got {
                return Turn::Come(Place { taken: Arc::clone(&self.taken) });
            }
            if self.before != Some(before) {
                self.before = Some(before);
                return Turn::Wait(before);
            }
            // It is not closed while we have it.
            drop(self.changes.changed().await);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let number = self.number;
        self.taken.send_if_modified(|taken| {
            let before = taken.queue.len();
            taken.queue.retain(|one| *one != number);
            taken.queue.len() != before
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.send_modify(|taken| taken.places = taken.places.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    async fn full(places: &Places) -> Vec<Place> {
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.extend(wait(places.queue(), &mut Vec::new()).await);
        }
        held
    }

    async fn wait(mut waiting: Waiting, told: &mut Vec<usize>) -> Option<Place> {
        loop {
            match waiting.turn().await {
                Turn::Come(place) => return Some(place),
                Turn::Wait(before) => told.push(before),
            }
        }
    }

    #[tokio::test]
    async fn four_go_at_once_and_the_others_follow_in_the_order_in_which_they_came() {
        let places = Places::default();
        let mut held = full(&places).await;
        assert_eq!(held.len(), AT_ONCE);
        let (first, second) = (places.queue(), places.queue());
        let (mut first_told, mut second_told) = (Vec::new(), Vec::new());
        let order = RefCell::new(Vec::new());
        tokio::join!(
            async {
                // Looks first, and is second all the same.
                let place = wait(second, &mut second_told).await;
                order.borrow_mut().push("second");
                drop(place);
            },
            async {
                let place = wait(first, &mut first_told).await;
                order.borrow_mut().push("first");
                drop(place);
            },
            async {
                tokio::task::yield_now().await;
                held.pop();
            },
        );
        assert_eq!((first_told, second_told), (vec![0], vec![1]));
        assert_eq!(order.into_inner(), ["first", "second"]);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_the_queue() {
        let places = Places::default();
        let held = full(&places).await;
        let (gone, next) = (places.queue(), places.queue());
        drop(gone);
        assert_eq!(places.taken.borrow().queue, [next.number]);
        drop(held);
        drop(wait(next, &mut Vec::new()).await);
        assert_eq!((places.taken.borrow().places, places.taken.borrow().queue.len()), (0, 0));
    }
}
