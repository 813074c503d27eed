//! One person's hold on one browser, for as long as `handback take` runs: handoffs that follow each
//! other, and tickets for the pages.
//!
//! # Expected flow
//! [`Hold::begin`] asks for the browser; [`Hold::serve`] answers what pages want and says what
//! happens, until the browser is gone or it is dropped; [`Hold::end`] ends what is still held.
//!
//! # Guarantees
//! - At most one Control and one View handoff of ours are open at a time.
//! - A View is renewed before it ends, as long as a page asks for it.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::BoxStream};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    cluster::Cluster,
    follow::Heard,
    handoffs::{Granted, gone, is_over, pod_of},
    relay::{Pass, Wish},
};
use crate::manifest::{
    handoff::{
        Mode,
        status::{ClosedBy, HandoffPhase, HandoffStatus},
    },
    status::Phase,
    test_run::TestRun,
};

/// A View that ends sooner is not worth a ticket: the page would have to ask again at once.
const FRESH: Duration = Duration::from_mins(2);

/// How long the API server may take to say how a handoff stands.
const ANSWER: Duration = Duration::from_secs(15);

/// What happened, for the person at the terminal.
#[derive(Debug)]
pub enum Told {
    /// Something goes on or has ended, in a sentence.
    Note(String),
    /// Control was handed back or is over.
    ControlEnded(String),
}

/// See the module.
pub struct Hold {
    cluster: Cluster,
    run: TestRun,
    me: String,
    give_up: CancellationToken,
    control: Option<Granted>,
    view: Option<Granted>,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hold").field("control", &self.control).finish_non_exhaustive()
    }
}

type States = BoxStream<'static, Result<Option<HandoffStatus>, Error>>;

impl Hold {
    /// Asks for the browser of this run, and waits until it is granted or `give_up`.
    pub async fn begin(
        cluster: Cluster,
        name: &str,
        mode: Mode,
        give_up: CancellationToken,
        tell: impl FnMut(&str),
    ) -> Result<Self, Error> {
        let run = cluster.run(name).await?;
        // Known without asking who we are.
        pod_of(&run)?;
        let me = cluster.me().await?;
        let granted = cluster.ask(&run, mode, &me, &give_up, tell).await?;
        let (control, view) = match mode {
            Mode::Control => (Some(granted), None),
            Mode::View => (None, Some(granted)),
        };
        Ok(Self { cluster, run, me, give_up, control, view })
    }

    /// Where it is.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The handoff that counts now.
    pub fn current(&self) -> Option<&Granted> {
        self.control.as_ref().or(self.view.as_ref())
    }

    /// A ticket under the handoff that counts now.
    pub async fn pass(&self) -> Result<Pass, Error> {
        self.pass_under(self.current()).await
    }

    async fn pass_under(&self, granted: Option<&Granted>) -> Result<Pass, Error> {
        let Some(granted) = granted else { return Err(over()) };
        let ticket = granted.fetch_ticket(&self.cluster).await?;
        let left = granted.deadline.saturating_duration_since(Instant::now());
        Ok(Pass { ticket, left })
    }

    /// Answers wishes and tells what happens, until it is given up. An error says why there is no
    /// browser any more.
    pub async fn serve(
        &mut self,
        mut wishes: mpsc::Receiver<Wish>,
        mut lost: mpsc::Receiver<()>,
        mut tell: impl FnMut(Told),
    ) -> Result<(), Error> {
        let cluster = self.cluster.clone();
        let mut heard = std::pin::pin!(cluster.follow(&self.run));
        let mut states = self.states();
        let give_up = self.give_up.clone();
        loop {
            tokio::select! {
                () = give_up.cancelled() => return Ok(()),
                Some(wish) = wishes.recv() => {
                    self.grant(wish, &mut tell).await;
                    states = self.states();
                }
                Some(()) = lost.recv() => return Err(self.lost().await),
                state = next(&mut states) => if let Some(text) = self.ended(state) {
                    states = None;
                    tell(Told::ControlEnded(text));
                },
                next = heard.next() => match next {
                    Some(Heard::Run(run)) => {
                        self.run = *run;
                        if let Some(error) = self.is_gone() {
                            return Err(error);
                        }
                    }
                    Some(Heard::Trouble(why)) => tell(Told::Note(format!(
                        "The API server cannot be heard, trying again: {why}"
                    ))),
                    Some(Heard::End(error)) => return Err(error),
                    None => return Err(over()),
                },
            }
        }
    }

    /// Ends what is held. Whether the ends came in time.
    pub async fn end(self) -> Result<bool, Error> {
        let mut in_time = true;
        for granted in [self.control, self.view].into_iter().flatten() {
            in_time &= self.cluster.finish(&granted).await?;
        }
        Ok(in_time)
    }

    /// Only of control: a View may come and go.
    fn states(&self) -> Option<States> {
        let control = self.control.as_ref()?;
        Some(self.cluster.states(&control.name, &control.uid))
    }

    async fn grant(&mut self, wish: Wish, tell: &mut impl FnMut(Told)) {
        match wish {
            Wish::Ticket { view, reply } => {
                // A page that only watches says nothing about another one that may have control.
                let pass = if view || self.control.is_none() {
                    self.watch().await
                } else {
                    self.pass().await
                };
                // The page may have gone meanwhile.
                reply.send(pass).ok();
            }
            Wish::TakeOver { reply } => {
                let pass = match self.take_over(tell).await {
                    Ok(()) => self.pass().await,
                    Err(error) => Err(error),
                };
                reply.send(pass).ok();
            }
        }
    }

    /// A ticket to watch, under a View that lasts.
    async fn watch(&mut self) -> Result<Pass, Error> {
        let fresh = Instant::now() + FRESH;
        if self.view.as_ref().is_none_or(|view| view.deadline < fresh) {
            let view =
                self.cluster.ask(&self.run, Mode::View, &self.me, &self.give_up, |_| {}).await?;
            // The old one is ours to end until there is another.
            if let Some(old) = self.view.replace(view) {
                // Whoever sits under it has a minute to come over.
                self.cluster.finish(&old).await.ok();
            }
        }
        self.pass_under(self.view.as_ref()).await
    }

    async fn take_over(&mut self, tell: &mut impl FnMut(Told)) -> Result<(), Error> {
        if let Some(control) = &mut self.control {
            // Asked for twice, or handed back so lately that nobody has told us.
            let mut states = self.cluster.states(&control.name, &control.uid);
            let state = tokio::select! {
                state = timeout(ANSWER, states.next()) => state.map_err(|_| unheard())?,
                () = self.give_up.cancelled() => return Err(over()),
            };
            if let Some(status) = state.transpose()?.flatten()
                && !is_over(&status)
            {
                control.follow(&status);
                return Ok(());
            }
            self.control = None;
        }
        let told = |why: &str| tell(Told::Note(format!("Waiting: {why}")));
        let (run, me) = (&self.run, &self.me);
        let control = self.cluster.ask(run, Mode::Control, me, &self.give_up, told).await?;
        tell(Told::Note("You have the browser.".to_owned()));
        self.control = Some(control);
        Ok(())
    }

    /// What the end of our control means; `None` while it goes on.
    fn ended(&mut self, state: Option<Result<Option<HandoffStatus>, Error>>) -> Option<String> {
        let text = match state? {
            Ok(Some(status)) if !is_over(&status) => {
                if let Some(control) = &mut self.control {
                    control.follow(&status);
                }
                return None;
            }
            Ok(Some(status)) => how_it_ended(&status),
            Ok(None) => "Control has ended: the Handoff was deleted.".to_owned(),
            // The gate knows; what is lost is what we would say of it.
            Err(error) => {
                tracing::warn!(%error, "the Handoff cannot be followed");
                return None;
            }
        };
        self.control = None;
        Some(text)
    }

    fn is_gone(&self) -> Option<Error> {
        let status = self.run.status.as_ref()?;
        let pod = status.pod.as_ref().map(|pod| &pod.name);
        let ours = self.current().map(|granted| &granted.pod);
        let other = pod.is_some() && ours.is_some() && pod != ours;
        (status.phase == Some(Phase::Expired) || other).then(|| {
            Error::NoBrowser(gone(self.run.metadata.name.as_deref().unwrap_or_default(), status))
        })
    }

    /// The pod is gone: says when, and where the artifacts are.
    async fn lost(&self) -> Error {
        let name = self.run.metadata.name.clone().unwrap_or_default();
        match self.cluster.run(&name).await {
            Ok(now) => Error::NoBrowser(gone(&name, &now.status.unwrap_or_default())),
            Err(error) => error,
        }
    }
}

async fn next(states: &mut Option<States>) -> Option<Result<Option<HandoffStatus>, Error>> {
    match states {
        Some(states) => states.next().await,
        None => std::future::pending().await,
    }
}

fn unheard() -> Error {
    Error::NoBrowser("The API server does not say whether you still have the browser.".to_owned())
}

fn over() -> Error {
    Error::NoBrowser("This handoff is over.".to_owned())
}

fn how_it_ended(status: &HandoffStatus) -> String {
    let by = status.closed_by;
    match status.phase.unwrap_or_default() {
        HandoffPhase::Finished => "You handed the browser back.".to_owned(),
        HandoffPhase::Cancelled if by == Some(ClosedBy::Human) => {
            "You handed the browser back: it could not be done.".to_owned()
        }
        HandoffPhase::TimedOut if by == Some(ClosedBy::DeadMan) => {
            "Control has ended: the page was away for too long.".to_owned()
        }
        HandoffPhase::TimedOut => "Control has ended: its time was up.".to_owned(),
        HandoffPhase::Failed => {
            let why = status.failure.as_ref().map(|failure| failure.message.as_str());
            format!("Control has ended: {}", why.unwrap_or("the browser was lost."))
        }
        HandoffPhase::Cancelled | HandoffPhase::Pending | HandoffPhase::Running => {
            "Control was ended by the operator.".to_owned()
        }
    }
}
