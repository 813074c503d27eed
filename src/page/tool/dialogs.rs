//! `handle_dialog`, and what a dialog that is held does to every other call (agent.md 4.5).

use serde_json::json;
use tokio::time::Instant;

use super::dispatch::{Acted, Page};
use crate::page::{
    Answerer, HeldDialog, Text,
    tool::{Call, Code, Failed},
};

impl Page {
    /// Whether somebody may answer confirmations and prompts from now on: they are held for it then.
    /// What is held when nobody may any more is accepted.
    pub async fn hold_dialogs(&self, somebody: bool) {
        self.browser.with(move |state| state.somebody_answers(somebody)).await.ok();
    }

    /// The dialog that waits for an answer.
    pub async fn held_dialog(&self) -> Option<HeldDialog> {
        self.browser.with(|state| state.dialogs.held()).await.ok()?
    }

    /// Answers the dialog that is held, or the next one until the deadline.
    pub(super) async fn handle_dialog(
        &self,
        accept: bool,
        text: Option<&Text>,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let held = self.browser.until(deadline, |state| state.dialogs.held()).await?;
        let Some(held) = held else {
            self.alive().await?;
            return Err(Failed::new(Code::NotFound, "no dialog is open"));
        };
        if text.is_some() && held.kind != "prompt" {
            let message = format!("a {} dialog takes no text", held.kind);
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        self.begin().await?;
        let text = text.map(|text| text.expose().to_owned());
        let answered = self
            .browser
            .with(move |state| state.answer_held(accept, text, Answerer::Agent))
            .await?;
        // A button that its opening has kept down comes up before anything else.
        self.put_right().await;
        let Some(HeldDialog { kind, text }) = answered else {
            return Err(Failed::new(Code::NotFound, "the dialog was closed meanwhile"));
        };
        let verb = if accept { "accepted" } else { "dismissed" };
        let data = json!({"kind": kind, "text": text, "accepted": accept});
        Ok(Acted { data, ..Acted::say(format!("{verb} the {kind} dialog")) })
    }

    /// Waits until a dialog is held. For ever, if there is none.
    pub(super) async fn interrupted(&self) -> HeldDialog {
        let far = Instant::now() + super::dispatch::CEILING;
        match self.browser.until(far, |state| state.dialogs.held()).await {
            Ok(Some(held)) => held,
            // The call ends by itself.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// What became of a call while which a dialog opened. If it had acted already, that was the
    /// dialog's cause, and it has succeeded.
    pub(super) async fn cut_in(&self, call: &Call, held: &HeldDialog) -> Result<Acted, Failed> {
        let (acting, struck) =
            self.browser.with(|state| (state.acting.take(), state.struck.take())).await?;
        if acting.is_none() || !call.acts() {
            return Err(dialog_open(held));
        }
        let on = struck.as_ref().map_or_else(String::new, |on| format!(" on {}", on.name));
        let sentence = format!("{}{on} has opened a {} dialog", call.tool(), held.kind);
        let data = json!({"dialog": {"kind": held.kind, "text": held.text}});
        let target = struck.map(|on| on.line);
        Ok(Acted { data, target, ..Acted::say(sentence) })
    }
}

impl Call {
    /// Whether it can be carried out while a dialog is held.
    pub(super) fn minds_dialogs(&self) -> bool {
        !matches!(self, Self::HandleDialog { .. } | Self::Sleep { .. })
    }
}

/// Nothing else can be done before it is answered.
pub(super) fn dialog_open(held: &HeldDialog) -> Failed {
    let HeldDialog { kind, text } = held;
    let message = format!("a {kind} dialog is open and blocks the page: answer it first");
    Failed::new(Code::DialogOpen, message).with(json!({"kind": kind, "text": text}))
}
