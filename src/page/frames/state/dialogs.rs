//! JavaScript dialogs: who answers, what is held until somebody does, what was said (agent.md 4.5).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{State, quote};
use crate::page::{
    Answerer, Dialog, DialogPolicy, HeldDialog,
    cdp::{Session, event::DialogOpening},
};

/// Dialogs of all tabs.
#[derive(Debug)]
pub(crate) struct Dialogs {
    policy: DialogPolicy,
    /// How long one is held.
    hold: Duration,
    /// Whether there is somebody who may answer.
    somebody: bool,
    held: Option<Held>,
    /// Counts those that were held, so that an old deadline ends no new one.
    serial: u64,
    /// Answered since they were last asked for.
    answered: Vec<Dialog>,
    /// Text of the scenario's latest.
    latest: Option<String>,
}

#[derive(Debug)]
struct Held {
    serial: u64,
    session: Session,
    dialog: HeldDialog,
    default_prompt: Option<String>,
}

impl Dialogs {
    pub(crate) fn new(policy: DialogPolicy, hold: Duration) -> Self {
        let (held, answered, latest) = (None, Vec::new(), None);
        Self { policy, hold, somebody: false, held, serial: 0, answered, latest }
    }

    /// The one that waits for an answer.
    pub(crate) fn held(&self) -> Option<HeldDialog> {
        self.held.as_ref().map(|held| held.dialog.clone())
    }

    /// Whether one may come that waits.
    pub(crate) fn may_hold(&self) -> bool {
        self.somebody || self.held.is_some()
    }

    /// What the scenario's latest dialog said.
    pub(crate) fn latest(&self) -> Option<String> {
        self.latest.clone()
    }

    /// Those that were answered since this was last asked.
    pub(crate) fn take_answered(&mut self) -> Vec<Dialog> {
        std::mem::take(&mut self.answered)
    }
}

impl State {
    /// Whether there is somebody who may answer from now on. If not, what is held is answered as the
    /// policy says.
    pub(crate) fn somebody_answers(&mut self, somebody: bool) {
        self.dialogs.somebody = somebody;
        if !somebody {
            let text = self.dialogs.held.as_ref().and_then(|held| held.default_prompt.clone());
            self.answer_held(true, text, Answerer::Policy);
        }
    }

    /// Dialogs of the scenario before are nobody's.
    pub(super) fn forget_dialogs(&mut self) {
        self.somebody_answers(false);
        self.dialogs.latest = None;
    }

    /// Answers the dialog that is held, if there is one.
    pub(crate) fn answer_held(
        &mut self,
        accept: bool,
        text: Option<String>,
        by: Answerer,
    ) -> Option<HeldDialog> {
        let Held { session, dialog, .. } = self.dialogs.held.take()?;
        let text = text.filter(|_| accept && dialog.kind == "prompt");
        session.answer_dialog(accept, text).forget();
        let HeldDialog { kind, text } = dialog.clone();
        self.answered(kind, text, accept, by);
        Some(dialog)
    }

    pub(super) fn dialog_opened(&mut self, session: &str, event: DialogOpening) {
        let DialogOpening { message, kind, default_prompt } = event;
        let Some(served) = self.sessions.get(session) else { return };
        let asks = matches!(kind.as_str(), "confirm" | "prompt");
        if kind != "beforeunload" {
            self.dialogs.latest = Some(message.clone());
        }
        let holds = asks
            && self.dialogs.policy == DialogPolicy::Auto
            && self.dialogs.somebody
            && self.current.as_ref() == Some(&served.tab);
        let session = served.session.clone();
        if holds {
            let dialog = HeldDialog { kind, text: message };
            self.hold(Held { serial: 0, session, dialog, default_prompt });
            return;
        }
        let accept = match self.dialogs.policy {
            DialogPolicy::Auto | DialogPolicy::Accept => true,
            DialogPolicy::Dismiss => !asks,
        };
        let text = default_prompt.filter(|_| accept && kind == "prompt");
        session.answer_dialog(accept, text).forget();
        self.answered(kind, message, accept, Answerer::Policy);
    }

    /// A dialog is gone, whoever answered it.
    pub(super) fn dialog_closed(&mut self, session: &str) {
        let of_it = |held: &Held| held.session.id().is_some_and(|id| &**id == session);
        self.dialogs.held = self.dialogs.held.take().filter(|held| !of_it(held));
    }

    fn hold(&mut self, held: Held) {
        self.dialogs.serial += 1;
        let serial = self.dialogs.serial;
        let (kind, text) = (&held.dialog.kind, quote(&held.dialog.text));
        self.notes.push(format!("{kind} dialog open: {text}; handle_dialog answers it"));
        self.dialogs.held = Some(Held { serial, ..held });
        let (post, until) = (self.post.clone(), Instant::now() + self.dialogs.hold);
        self.tasks.spawn(async move {
            sleep_until(until).await;
            post.send(move |state| {
                if state.dialogs.held.as_ref().is_some_and(|held| held.serial == serial) {
                    state.answer_held(false, None, Answerer::Hold);
                }
            });
        });
    }

    fn answered(&mut self, kind: String, text: String, accepted: bool, by: Answerer) {
        let answer = if accepted { "accepted" } else { "dismissed" };
        let late = if by == Answerer::Hold { ", since nobody answered" } else { "" };
        if kind == "beforeunload" {
            self.notes.push(format!("beforeunload dialog {answer}"));
        } else {
            self.notes.push(format!("{kind} dialog {answer}{late}: {}", quote(&text)));
        }
        self.dialogs.answered.push(Dialog { kind, text, accepted, by });
    }
}
