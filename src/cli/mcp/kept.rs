//! Browsers that runs have left, for a while: for whoever wants to look, and for the next run.
//!
//! # Expected flow
//! [`Kept::put`] takes a finished run's house; a task lives with it until nobody used it for its time,
//! somebody pressed Stop, or it is wanted elsewhere. [`Kept::take`] gives the latest one's browser to
//! another run. A run that begins anew and wants the profile that one of them holds gets it
//! ([`Kept::make_room`]): else every second run would be without the cookies of the first.
//!
//! # Guarantees
//! - A browser that a person holds is neither given away nor closed.
//! - At most four are kept, those of the latest runs, unless people hold more.

use std::{mem, path::PathBuf};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    agent::assignment::Refusal,
    cli::run::{
        house::{HandedOn, House},
        options::{Options, ProfileWish},
    },
    gate::NotHandedOn,
    pod::contract::Exit,
};

/// As many as run at once: what a developer's machine bears.
const MOST: usize = 4;

/// The profile that a browser has, if it is not a temporary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile(Option<PathBuf>);

impl Profile {
    /// That of a run.
    pub(super) fn of(options: &Options) -> Self {
        Self(match &options.profile {
            ProfileWish::Kept { name, .. } => Some(options.profiles.join(name)),
            ProfileWish::Temporary => None,
        })
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Kept {
    shelf: Mutex<Shelf>,
    tasks: TaskTracker,
    end: CancellationToken,
}

#[derive(Debug, Default)]
struct Shelf {
    latest: Latest,
    /// Of runs before the latest, oldest first.
    older: Vec<Session>,
}

/// What became of the browser of the latest run.
#[derive(Debug, Default)]
enum Latest {
    /// There was no run, or its browser was closed.
    #[default]
    None,
    /// It is here.
    Here(Session),
    /// A run goes on in it.
    Lent,
}

/// A kept browser, whose house lives in a task of its own.
#[derive(Debug)]
struct Session {
    profile: Profile,
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Page(oneshot::Sender<Option<String>>),
    Give(oneshot::Sender<Result<HandedOn, NotHandedOn>>),
}

impl Session {
    async fn page(&self) -> Option<String> {
        let (reply, wait) = oneshot::channel();
        self.orders.send(Order::Page(reply)).await.ok()?;
        wait.await.ok().flatten()
    }

    async fn give(&self) -> Result<HandedOn, NotHandedOn> {
        let (reply, wait) = oneshot::channel();
        let sent = self.orders.send(Order::Give(reply)).await;
        sent.map_err(|_| NotHandedOn::Gone)?;
        wait.await.map_err(|_| NotHandedOn::Gone)?
    }

    /// Closes it, unless a person holds it. Whether it is gone.
    async fn close(&self) -> bool {
        match self.give().await {
            Ok(browser) => {
                browser.close().await;
                true
            }
            Err(NotHandedOn::Gone) => true,
            Err(NotHandedOn::Busy) => false,
        }
    }
}

impl Kept {
    /// None yet. Those that are kept end with `end`; `tasks` waits for that.
    pub(super) fn new(tasks: TaskTracker, end: CancellationToken) -> Self {
        Self { shelf: Mutex::default(), tasks, end }
    }

    /// The URL of the page that the latest run has left.
    ///
    /// # Errors
    /// `session_busy`, `no_session`.
    pub(super) async fn page(&self) -> Result<String, Refusal> {
        let shelf = self.shelf.lock().await;
        let session = match &shelf.latest {
            Latest::None => return Err(none()),
            Latest::Lent => return Err(busy()),
            Latest::Here(session) => session,
        };
        session.page().await.ok_or_else(none)
    }

    /// The browser that the latest run has left. A run goes on in it until [`Self::put`].
    ///
    /// # Errors
    /// `session_busy`, `no_session`.
    pub(super) async fn take(&self) -> Result<HandedOn, Refusal> {
        let mut shelf = self.shelf.lock().await;
        match mem::replace(&mut shelf.latest, Latest::Lent) {
            Latest::Lent => Err(busy()),
            Latest::None => {
                shelf.latest = Latest::None;
                Err(none())
            }
            Latest::Here(session) => match session.give().await {
                Ok(browser) => Ok(browser),
                Err(NotHandedOn::Busy) => {
                    shelf.latest = Latest::Here(session);
                    Err(busy())
                }
                Err(NotHandedOn::Gone) => {
                    shelf.latest = Latest::None;
                    Err(none())
                }
            },
        }
    }

    /// Closes what holds a profile that a new run wants.
    pub(super) async fn make_room(&self, profile: &Profile) {
        if profile.0.is_none() {
            return;
        }
        let mut shelf = self.shelf.lock().await;
        let wanted = |session: &Session| session.profile == *profile;
        if let Latest::Here(session) = &shelf.latest
            && wanted(session)
            && session.close().await
        {
            shelf.latest = Latest::None;
        }
        for session in mem::take(&mut shelf.older) {
            if !wanted(&session) || !session.close().await {
                shelf.older.push(session);
            }
        }
    }

    /// A run is over; its browser is kept if there is `house`.
    pub(super) async fn put(&self, options: &Options, house: Option<House>) {
        let mut shelf = self.shelf.lock().await;
        let latest = match house {
            None => Latest::None,
            Some(house) => {
                let (orders, receive) = mpsc::channel(1);
                self.tasks.spawn(live(house, receive, self.end.clone()));
                Latest::Here(Session { profile: Profile::of(options), orders })
            }
        };
        if let Latest::Here(session) = mem::replace(&mut shelf.latest, latest) {
            shelf.older.push(session);
        }
        shelf.older.retain(|session| !session.orders.is_closed());
        let mut most = MOST - 1;
        for session in mem::take(&mut shelf.older).into_iter().rev() {
            if most > 0 || !session.close().await {
                most = most.saturating_sub(1);
                shelf.older.insert(0, session);
            }
        }
    }
}

/// Lives with a house until its end.
async fn live(mut house: House, mut orders: mpsc::Receiver<Order>, end: CancellationToken) {
    loop {
        let order = tokio::select! {
            biased;
            () = end.cancelled() => break,
            _ = house.ended() => break,
            order = orders.recv() => order,
        };
        match order {
            None => break,
            Some(Order::Page(reply)) => drop(reply.send(house.page().await)),
            Some(Order::Give(reply)) => match house.hand_on().await {
                // Who asked may be gone: then this is the browser's end.
                Ok(browser) => return drop(reply.send(Ok(browser))),
                Err((same, why)) => {
                    house = *same;
                    drop(reply.send(Err(why)));
                }
            },
        }
    }
    house.close().await;
}

fn busy() -> Refusal {
    Refusal {
        exit: Exit::Errored,
        code: "session_busy".to_owned(),
        message: "The browser of the latest run is in use: a run goes on in it, or a person holds it. Wait, or leave session=reuse out to get a browser of your own.".to_owned(),
    }
}

fn none() -> Refusal {
    Refusal {
        exit: Exit::Errored,
        code: "no_session".to_owned(),
        message: "There is no browser of an earlier run to go on in: none has run yet, it was not kept, or it was closed. Leave session=reuse out and give a url.".to_owned(),
    }
}
