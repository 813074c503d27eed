//! `click` in its three forms: a press, a state to reach, something to open.

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::dispatch::{Acted, Page, not_actionable, spell};
use crate::page::{
    actionability::{Intent, Ready, Reason, Schedule},
    cdp::command::MouseButton,
    frames::Browser,
    input, settle,
    tool::{Button, Code, Failed, Modifier, Subject},
    view::Element,
};

#[derive(Debug, Deserialize)]
struct State {
    checked: Option<String>,
    expanded: Option<String>,
}

impl Page {
    pub(super) async fn click(
        &self,
        on: &Subject,
        button: Button,
        count: u8,
        modifiers: &[Modifier],
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let mut schedule = Schedule::until(deadline);
        let ready = self.press_with(on, button, count, modifiers, &mut schedule).await?;
        let verb = match (button, count) {
            (Button::Right, _) => "right-clicked",
            (Button::Middle, _) => "middle-clicked",
            (Button::Left, 2) => "double-clicked",
            (Button::Left, _) => "clicked",
        };
        Ok(acted(verb, &ready))
    }

    pub(super) async fn set_checked(
        &self,
        on: &Subject,
        checked: bool,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let mut schedule = Schedule::until(deadline);
        let wanted = if checked { "true" } else { "false" };
        let found = self.ready(on, Intent::Scroll, &mut schedule).await?;
        let before = self.state(&found.element).await?.and_then(|state| state.checked);
        let verb = if checked { "checked" } else { "unchecked" };
        match before.as_deref() {
            None => {
                let message = format!("{} has no checked state", spell(on));
                return Err(Failed::new(Code::InvalidArgument, message));
            }
            Some(state) if state == wanted => {
                let mut acted = acted(verb, &found);
                acted.notes.push(format!("it was {verb} already; nothing was clicked"));
                return Ok(acted);
            }
            Some(_) => {}
        }
        let ready = self.press(on, &mut schedule).await?;
        // The state is read when the page has come to rest; a fresh element is looked up, because
        // the page may have rendered it anew.
        if let Some(t0) = self.browser.with(|state| state.acting).await? {
            settle::settle(&self.browser, t0).await?;
        }
        let mut again = Schedule::until(deadline);
        loop {
            let after = match self.state(&ready.element).await? {
                Some(state) => state.checked,
                None => match self.resolve(on, again.made()).await? {
                    Ok(element) => self.state(&element).await?.and_then(|state| state.checked),
                    Err(_) => None,
                },
            };
            match after.as_deref() {
                Some(state) if state == wanted => return Ok(acted(verb, &ready)),
                // What is not there any more has done what it was there for.
                None if again.made() > 2 => return Ok(acted(verb, &ready)),
                Some(_) | None => {}
            }
            if again.made() > 4 || again.next().await.is_none() {
                let reason = Reason { reason: "state_unchanged".to_owned(), by: None };
                return Err(not_actionable(on, &reason));
            }
        }
    }

    pub(super) async fn expand(
        &self,
        on: &Subject,
        expanded: bool,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let mut schedule = Schedule::until(deadline);
        let found = self.ready(on, Intent::Scroll, &mut schedule).await?;
        let before = self.state(&found.element).await?.and_then(|state| state.expanded);
        let wanted = if expanded { "true" } else { "false" };
        let verb = if expanded { "opened" } else { "closed" };
        if before.as_deref() == Some(wanted) {
            let mut acted = acted(verb, &found);
            acted.notes.push(format!("it was {verb} already; nothing was clicked"));
            return Ok(acted);
        }
        let ready = self.press(on, &mut schedule).await?;
        Ok(acted(verb, &ready))
    }

    /// Moves the pointer to an element.
    pub(super) async fn hover(&self, on: &Subject, deadline: Instant) -> Result<Acted, Failed> {
        let mut schedule = Schedule::until(deadline);
        let gesture = |ready: &Ready| input::hover(ready.point);
        let ready = self.strike(on, Intent::Hover, &mut schedule, gesture).await?;
        Ok(acted("hovered over", &ready))
    }

    /// Presses the main button on an element.
    pub(super) async fn press(
        &self,
        on: &Subject,
        schedule: &mut Schedule,
    ) -> Result<Ready, Failed> {
        self.press_with(on, Button::Left, 1, &[], schedule).await
    }

    async fn press_with(
        &self,
        on: &Subject,
        button: Button,
        count: u8,
        modifiers: &[Modifier],
        schedule: &mut Schedule,
    ) -> Result<Ready, Failed> {
        let button = match button {
            Button::Left => MouseButton::Left,
            Button::Middle => MouseButton::Middle,
            Button::Right => MouseButton::Right,
        };
        let gesture = |ready: &Ready| input::click(ready.point, button, count, modifiers);
        self.strike(on, Intent::Click, schedule, gesture).await
    }

    async fn state(&self, element: &Element) -> Result<Option<State>, Failed> {
        let asked = Browser::ask(&element.document, "state", json!({"n": element.number})).await;
        match asked {
            Ok(state) => Ok(state),
            Err(error) if error.page_moved() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A result that names what was acted on.
pub(super) fn acted(verb: &str, ready: &Ready) -> Acted {
    Acted { target: Some(line(ready)), ..Acted::say(format!("{verb} {}", named(ready))) }
}

/// `button "Pay now" [ref=e3]`
pub(super) fn line(ready: &Ready) -> String {
    format!("{} [ref={}]", named(ready), ready.element.reference())
}

/// `button "Pay now"`
pub(super) fn named(ready: &Ready) -> String {
    if ready.name.is_empty() {
        ready.role.clone()
    } else {
        format!("{} \"{}\"", ready.role, ready.name)
    }
}
