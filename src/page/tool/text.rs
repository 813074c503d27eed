//! `type_text` in its three ways, and `press_key`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    click,
    dispatch::{Acted, Page, not_actionable, spell},
};
use crate::page::{
    Mark, Text,
    actionability::{Intent, Ready, Reason, Schedule},
    cdp::{CdpError, Session},
    frames::{Browser, Document},
    input::{self, Typing},
    tool::{Code, Failed, Subject, TypeMode},
    view::Element,
};

/// Longest text, in characters (agent.md 4.3).
const LONGEST: usize = 10_000;
/// How long the focus may take to be known everywhere.
const FOCUS: Duration = Duration::from_millis(500);
/// How often a text is inserted if the field does not change.
const INSERTIONS: usize = 4;
/// Most repetitions of a key.
const MOST_KEYS: u32 = 100;

#[derive(Debug, Deserialize)]
struct Focused {
    n: u32,
    frame: bool,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    ok: bool,
}

/// See [`Page::came_to`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Insertion {
    /// The value is what was wanted.
    Is,
    /// It is what it was before.
    Same,
    /// It is neither.
    Other,
}

#[derive(Debug, Deserialize)]
struct ValueSet {
    ok: bool,
    #[serde(default)]
    got: String,
    #[serde(rename = "type", default)]
    input: String,
    #[serde(default)]
    min: String,
    #[serde(default)]
    max: String,
}

#[derive(Debug, Deserialize)]
struct FieldValue {
    value: String,
    masked: bool,
}

impl Page {
    pub(super) async fn type_text(
        &self,
        into: Option<&Subject>,
        text: &Text,
        mode: TypeMode,
        submit: bool,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        if text.expose().chars().count() > LONGEST {
            let message = format!("a text has at most {LONGEST} characters");
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        let focused = match into {
            Some(_) => None,
            None => Some(self.focus_soon(deadline).await?),
        };
        let Some(into) = into.or(focused.as_ref()) else {
            return Err(Failed::new(Code::Internal, "neither a field nor a focus"));
        };
        let several = text.expose().chars().count() > 1;
        let acted = if mode == TypeMode::Fill && several {
            let mut schedule = Schedule::until(deadline);
            let ready = self.ready(into, Intent::Type, &mut schedule).await?;
            if ready.field.one {
                self.paste_around(&ready, text, deadline).await?
            } else {
                self.type_plainly(into, text, mode, deadline).await?
            }
        } else {
            self.type_plainly(into, text, mode, deadline).await?
        };
        if submit {
            self.mark(Mark::Key { label: "Enter".to_owned() });
            match strike(&self.alive().await?, "Enter").await {
                Ok(()) => {}
                Err(error) if error.page_moved() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(acted)
    }

    /// Into the field itself, whatever stands beside it.
    pub(super) async fn type_plainly(
        &self,
        into: &Subject,
        text: &Text,
        mode: TypeMode,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let mut schedule = Schedule::until(deadline);
        loop {
            let ready = self.ready(into, Intent::Type, &mut schedule).await?;
            if text.is_secret() {
                self.prepare_for_secret(&ready, text).await?;
            }
            self.begin().await?;
            match self.insert(&ready, text, mode).await {
                // The browser learns of a focus in another process a moment later, and may have put
                // the text elsewhere. A page that undoes what is typed looks the same. What keys do
                // is not done twice.
                Ok(true)
                    if mode != TypeMode::Keys
                        && schedule.made() < INSERTIONS
                        && self.came_to(&ready, text, mode).await? == Insertion::Same => {}
                Ok(true) => return self.typed(&ready, text, mode).await,
                // The focus went elsewhere, or the page replaced the field.
                Ok(false) => {
                    if Instant::now() >= deadline {
                        let reason = Reason { reason: "not_editable".to_owned(), by: None };
                        return Err(not_actionable(into, &reason));
                    }
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    /// The element with the focus. A frame of another process tells its parent of its focus a moment
    /// later.
    async fn focus_soon(&self, deadline: Instant) -> Result<Subject, Failed> {
        let mut schedule = Schedule::until(deadline.min(Instant::now() + FOCUS));
        loop {
            let more = schedule.next().await.is_some();
            match self.focused().await {
                Err(failed) if more && failed.code == Code::NotFound => {}
                found => return found,
            }
        }
    }

    /// The element with the focus.
    async fn focused(&self) -> Result<Subject, Failed> {
        let documents = self.browser.documents().await?;
        let mut here = documents.first().cloned();
        while let Some(document) = here.take() {
            let focus: Option<Focused> = Browser::ask(&document, "focusRef", json!(null)).await?;
            match focus {
                Some(Focused { n, frame: false }) => {
                    let number = n;
                    return Ok(self.found(&Element { document, number }).await?);
                }
                Some(Focused { n, frame: true }) => {
                    for child in &documents {
                        if child.parent.as_ref() == Some(&document.frame)
                            && self.browser.owner(child).await?.number == n
                        {
                            here = Some(child.clone());
                        }
                    }
                }
                None => {}
            }
        }
        let message = "no element has the focus; say into which field";
        Err(Failed::new(Code::NotFound, message).with(json!({"closest": []})))
    }

    /// Types in one of the three ways. False if it did not come to that.
    async fn insert(&self, ready: &Ready, text: &Text, mode: TypeMode) -> Result<bool, Failed> {
        let document = &ready.element.document;
        let number = ready.element.number;
        if ready.field.kind == "value" && mode == TypeMode::Append {
            let message = format!("{} takes a whole value: use fill", click::named(ready));
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        if ready.field.kind == "value" && mode == TypeMode::Fill {
            let argument = json!({"n": number, "value": text.expose()});
            let set: ValueSet = Browser::ask(document, "setValue", argument).await?;
            return if set.ok { Ok(true) } else { Err(refused(ready, text, &set)) };
        }
        let select = if mode == TypeMode::Fill { "all" } else { "end" };
        let argument = json!({"n": number, "select": select});
        let focus: Outcome = Browser::ask(document, "focus", argument).await?;
        if !focus.ok {
            return Ok(false);
        }
        let session = self.alive().await?;
        if mode == TypeMode::Keys {
            for typing in input::typing(text.expose()) {
                match typing {
                    Typing::Key(chord) => strike(&session, &chord).await?,
                    Typing::Composed(text) => {
                        session.compose(&text).done().await?;
                        session.insert_text(&text).done().await?;
                    }
                }
            }
            return Ok(true);
        }
        let lines: Vec<&str> = if ready.field.kind == "editing" {
            text.expose().split('\n').collect()
        } else {
            vec![text.expose()]
        };
        for (index, line) in lines.into_iter().enumerate() {
            if index > 0 {
                strike(&session, "Enter").await?;
            }
            if line.is_empty() && index == 0 && mode == TypeMode::Fill {
                strike(&session, "Delete").await?;
            } else if !line.is_empty() {
                session.insert_text(line).done().await?;
            }
        }
        Ok(true)
    }

    /// What an insertion has come to. Only of text fields it is known.
    async fn came_to(
        &self,
        ready: &Ready,
        text: &Text,
        mode: TypeMode,
    ) -> Result<Insertion, Failed> {
        if ready.field.kind != "text" {
            return Ok(Insertion::Is);
        }
        let argument = json!({
            "n": ready.element.number, "wanted": text.expose(), "added": mode != TypeMode::Fill,
        });
        match Browser::ask(&ready.element.document, "filled", argument).await {
            Ok(insertion) => Ok(insertion),
            // A field that went away with what was typed: a search that submits itself, say.
            Err(error) if error.page_moved() => Ok(Insertion::Is),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the value back and says what differs.
    async fn typed(&self, ready: &Ready, text: &Text, mode: TypeMode) -> Result<Acted, Failed> {
        let clears = text.expose().is_empty() && mode == TypeMode::Fill;
        let verb = if clears { "cleared" } else { "typed into" };
        let came_to = self.came_to(ready, text, mode).await?;
        let mut acted = click::acted(verb, ready);
        let argument = json!({"n": ready.element.number});
        let read = Browser::ask::<Option<FieldValue>>(&ready.element.document, "value", argument);
        match read.await {
            Ok(Some(FieldValue { value, masked: true })) => acted.data = json!({"value": value}),
            Ok(Some(FieldValue { value, masked: false })) => {
                if came_to != Insertion::Is && !text.is_secret() {
                    acted.notes.push("the field shows another value than was typed".to_owned());
                }
                acted.data = if text.is_secret() {
                    json!({"value": "••••"})
                } else {
                    json!({"value": value})
                };
            }
            // The field went away with what was typed: a search that submits itself, say.
            Ok(None) => {}
            Err(error) if error.page_moved() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(acted)
    }

    async fn prepare_for_secret(&self, ready: &Ready, text: &Text) -> Result<(), Failed> {
        self.veil(&ready.element.document, ready.element.number, text).await
    }

    /// A secret goes only where it may, and only into a field whose characters cannot be read.
    pub(super) async fn veil(
        &self,
        document: &Document,
        number: u32,
        text: &Text,
    ) -> Result<(), Failed> {
        let origin: String = Browser::ask(document, "origin", json!(null)).await?;
        if !text.allowed_at(&origin) {
            let message = format!("the secret {} may not be typed at {origin}", text.shown());
            return Err(Failed::new(Code::BlockedByPolicy, message)
                .with(json!({"rule": "secret", "host": origin})));
        }
        let argument = json!({"n": number});
        let selector: String = Browser::ask(document, "obscure", argument.clone()).await?;
        let style = format!("{selector} {{ -webkit-text-security: disc !important; }}");
        document.session.add_style(&document.frame, style).await?;
        let veiled: bool = Browser::ask(document, "veil", argument).await?;
        if veiled {
            return Ok(());
        }
        let field = document.reference(number);
        let message = format!("{field} cannot be obscured, so no secret is typed");
        Err(Failed::new(Code::BlockedByPolicy, message)
            .with(json!({"rule": "secret", "host": origin})))
    }

    pub(super) async fn press_key(
        &self,
        key: &str,
        repeat: u32,
        on: Option<&Subject>,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        if input::chord(key).is_none() {
            let message = format!("{key} is no key; keys are Enter, Tab, a, Control+A, …");
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        let mut acted = Acted::say(format!("pressed {key}"));
        let mut masked = false;
        if let Some(on) = on {
            let mut schedule = Schedule::until(deadline);
            let ready = self.ready(on, Intent::Focus, &mut schedule).await?;
            let argument = json!({"n": ready.element.number, "select": null});
            let focus: Outcome = Browser::ask(&ready.element.document, "focus", argument).await?;
            if !focus.ok {
                let message = format!("{} does not take the focus", spell(on));
                return Err(match on {
                    Subject::Ref { reference, .. } if ready.name.is_empty() => {
                        self.stale(reference).await
                    }
                    Subject::Ref { .. } | Subject::Described { .. } => {
                        Failed::new(Code::NotActionable, message)
                            .with(json!({"reason": "not_editable"}))
                    }
                });
            }
            masked = ready.field.masked;
            acted = click::acted(&format!("pressed {key} in"), &ready);
        }
        let session = self.alive().await?;
        self.begin().await?;
        for _ in 0..repeat.clamp(1, MOST_KEYS) {
            if input::may_be_shown(key) && !masked {
                self.mark(Mark::Key { label: key.to_owned() });
            }
            match strike(&session, key).await {
                Ok(()) => {}
                // The key closed the tab, or took it elsewhere.
                Err(error) if error.page_moved() => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(acted)
    }
}

/// Presses a key or chord; its events go out together.
pub(super) async fn strike(session: &Session, chord: &str) -> Result<(), CdpError> {
    let events = input::chord(chord).unwrap_or_default();
    let sent: Vec<_> = events.iter().map(|event| session.key(event)).collect();
    for answer in sent {
        answer.done().await?;
    }
    Ok(())
}

fn refused(ready: &Ready, text: &Text, set: &ValueSet) -> Failed {
    let form = match set.input.as_str() {
        "date" => " (as 2026-01-31)",
        "time" => " (as 09:30)",
        "datetime-local" => " (as 2026-01-31T09:30)",
        "month" => " (as 2026-01)",
        "week" => " (as 2026-W05)",
        "color" => " (as #1a2b3c)",
        _ => "",
    };
    let ValueSet { min, max, got, .. } = set;
    let bounds = if min.is_empty() && max.is_empty() {
        String::new()
    } else {
        format!("; it goes from {min} to {max}")
    };
    let instead = if got.is_empty() || text.is_secret() {
        String::new()
    } else {
        format!("; it would make it {got}")
    };
    let (field, text) = (click::named(ready), text.shown());
    let message = format!("{field} does not take \"{text}\"{form}{bounds}{instead}");
    Failed::new(Code::InvalidArgument, message)
}
