//! Tabs and frames: attaches to everything from its first moment, keeps our scripts in every
//! document, and knows which documents there are.
//!
//! One task owns the [`State`]; events of the browser and questions of ours reach it through one
//! queue, so a question that is asked after an answer sees every event that came before it.

mod network;
mod state;

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    page::{
        cdp::{CdpError, Frame as Event, Session, Wire, command::Evaluation, drive},
        reader::Reader,
    },
    policy::Policy,
};

pub(crate) use state::{Chooser, Dialogs, Document, Listed, Owed, State, Struck};

/// What runs in every document: the walker, and what acts.
const SCRIPT: &str = concat!(
    include_str!("walker.js"),
    "\n",
    include_str!("act.js"),
    "\n",
    include_str!("files.js"),
    "\n",
    include_str!("codes.js"),
);

/// How long the first tab may take to be there: twice the navigation deadline would be absurd, a
/// busy machine needs more than a second.
const FIRST_TAB: Duration = Duration::from_secs(30);

/// How often a condition that depends on time is looked at without an event.
const RECHECK: Duration = Duration::from_millis(50);

/// One thing for the task that owns the state.
enum Input {
    Event(Event),
    Do(Box<dyn FnOnce(&mut State) + Send>),
}

/// Everything that we know of the browser. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    /// The browser's own session.
    pub(crate) session: Session,
    inbox: mpsc::UnboundedSender<Input>,
    changed: watch::Receiver<u64>,
    gone: CancellationToken,
    /// Ends the tasks with the last handle.
    _guard: Arc<DropGuard>,
}

/// Posts to the state from the tasks that the state itself starts, without keeping them alive.
#[derive(Clone)]
pub(crate) struct Post(mpsc::WeakUnboundedSender<Input>);

impl Post {
    fn send(&self, act: impl FnOnce(&mut State) + Send + 'static) {
        if let Some(inbox) = self.0.upgrade() {
            inbox.send(Input::Do(Box::new(act))).ok();
        }
    }
}

impl Browser {
    /// Attaches to a browser and waits until a tab is ready to be used; opens one if there is none.
    pub(crate) async fn attach(
        wire: Wire,
        policy: Arc<Policy>,
        dialogs: Dialogs,
        reader: Reader,
    ) -> Result<Self, CdpError> {
        let (inbox, queue) = mpsc::unbounded_channel();
        let events = inbox.clone();
        let (session, driver) = drive(wire, move |event| {
            events.send(Input::Event(event)).ok();
        });
        let stop = CancellationToken::new();
        let gone = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (bump, changed) = watch::channel(0);
        let post = Post(inbox.downgrade());
        let state = State::new(session.clone(), policy, dialogs, tasks.clone(), post, reader);
        let ended = gone.clone().drop_guard();
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            driver.await;
            drop(ended);
        }));
        tasks.spawn(stop.clone().run_until_cancelled_owned(own(state, queue, bump)));
        let guard = Arc::new(stop.drop_guard());
        let browser = Self { session, inbox, changed, gone, _guard: guard };

        browser.session.auto_attach(&["page"]).done().await?;
        if !browser.session.targets().await?.iter().any(|target| target.kind == "page") {
            browser.session.create_tab().done().await?;
        }
        let ready = browser
            .until(Instant::now() + FIRST_TAB, |state| {
                let session = state.tab()?.session.clone();
                state.main_document().map(|_| session)
            })
            .await?;
        let Some(session) = ready else {
            return Err(CdpError::TargetLost { method: "Target.setAutoAttach".into() });
        };
        session.bring_to_front().done().await?;
        Ok(browser)
    }

    /// Resolves when the wire is closed.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Gives up the reader's memory, also if the browser is gone.
    pub(crate) async fn leave(&self) -> Reader {
        let (reply, answer) = oneshot::channel();
        let input = Input::Do(Box::new(move |state| {
            reply.send(std::mem::take(&mut state.reader)).ok();
        }));
        self.inbox.send(input).ok();
        answer.await.unwrap_or_default()
    }

    /// Looks at the state, or changes it.
    pub(crate) async fn with<R: Send + 'static>(
        &self,
        look: impl FnOnce(&mut State) -> R + Send + 'static,
    ) -> Result<R, CdpError> {
        if self.gone.is_cancelled() {
            return Err(CdpError::Gone);
        }
        let (reply, answer) = oneshot::channel();
        let input = Input::Do(Box::new(move |state| {
            reply.send(look(state)).ok();
        }));
        self.inbox.send(input).map_err(|_| CdpError::Gone)?;
        answer.await.map_err(|_| CdpError::Gone)
    }

    /// Waits until `look` sees something; `None` at the deadline.
    pub(crate) async fn until<R: Send + 'static>(
        &self,
        deadline: Instant,
        look: impl FnMut(&mut State) -> Option<R> + Clone + Send + 'static,
    ) -> Result<Option<R>, CdpError> {
        let mut changed = self.changed.clone();
        loop {
            changed.mark_unchanged();
            let mut look = look.clone();
            if let Some(found) = self.with(move |state| look(state)).await? {
                return Ok(Some(found));
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            let wake = deadline.min(now + RECHECK);
            tokio::select! {
                () = self.gone.cancelled() => return Err(CdpError::Gone),
                // At a timeout the condition is looked at again.
                _ = timeout_at(wake, changed.changed()) => {}
            }
        }
    }

    /// Asks `name(argument)` of our world in a document, at once.
    pub(crate) fn post(
        document: &Document,
        name: &str,
        argument: &serde_json::Value,
    ) -> Evaluation {
        document.session.post_evaluate(document.context, format!("__hb.{name}({argument})"))
    }

    /// Asks and waits.
    pub(crate) async fn ask<T: DeserializeOwned>(
        document: &Document,
        name: &str,
        argument: serde_json::Value,
    ) -> Result<T, CdpError> {
        Self::post(document, name, &argument).get().await
    }

    /// The documents of the current tab, a parent before its children.
    pub(crate) async fn documents(&self) -> Result<Vec<Document>, CdpError> {
        self.with(|state| state.documents()).await
    }

    /// The document of a frame number of the current tab, `None` being its main frame.
    pub(crate) async fn document(&self, number: Option<u32>) -> Result<Option<Document>, CdpError> {
        self.with(move |state| {
            state.documents().into_iter().find(|document| document.number == number)
        })
        .await
    }

    /// Where the node that holds a frame is: its number in the parent document's world and its
    /// node in the parent's session. Kept until the parent's document changes.
    pub(crate) async fn owner(&self, document: &Document) -> Result<Owner, CdpError> {
        let frame = document.frame.clone();
        let (known, parent) = self
            .with(move |state| (state.known_owner(&frame), state.parent_document(&frame)))
            .await?;
        let Some(parent) = parent else {
            return Err(CdpError::TargetLost { method: "DOM.getFrameOwner".into() });
        };
        if let Some((node, number)) = known {
            return Ok(Owner { parent, node, number });
        }
        let node = parent.session.frame_owner(&document.frame).await?;
        let floor = parent.number;
        let floor = self.with(move |state| state.floor(floor)).await?;
        let function = format!("function() {{ return __hb.ref(this, {floor}); }}");
        let number: u32 = parent.session.call_on_node(parent.context, node, &function).await?;
        let (frame, context) = (document.frame.clone(), parent.context);
        let of = parent.number;
        self.with(move |state| {
            state.remember_owner(&frame, context, node, number);
            state.used(of, number);
        })
        .await?;
        Ok(Owner { parent, node, number })
    }
}

/// See [`Browser::owner`].
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// The document that holds the frame.
    pub(crate) parent: Document,
    /// The node, in the parent's session.
    pub(crate) node: i64,
    /// Its ref's number.
    pub(crate) number: u32,
}

/// The task that owns the state.
async fn own(
    mut state: State,
    mut queue: mpsc::UnboundedReceiver<Input>,
    bump: watch::Sender<u64>,
) {
    while let Some(input) = queue.recv().await {
        match input {
            Input::Event(event) => {
                state.fold(&event);
                bump.send_modify(|version| *version += 1);
            }
            Input::Do(act) => act(&mut state),
        }
    }
}

/// Waits for a command that a frozen page may never answer.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &'static str,
    answer: impl Future<Output = Result<T, CdpError>>,
) -> Result<T, CdpError> {
    timeout(limit, answer)
        .await
        .unwrap_or_else(|_| Err(CdpError::TargetLost { method: what.into() }))
}
