//! `paste_code`: a code into the boxes, or the one field, that take it (agent.md 9.3).
//!
//! Real keys go to whichever box the page gives the focus to, and empty boxes that are full; that works
//! where a pasted code is ignored. What stays empty gets one paste. Then every box is read back, in the page, since the code
//! may be a secret.

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    click,
    dispatch::{Acted, Page},
    text::strike,
};
use crate::page::{
    Text,
    actionability::{Intent, Ready, Schedule},
    cdp::CdpError,
    frames::{Browser, Document},
    reader::Called,
    tool::{Code, Failed, Subject, TypeMode},
    view::Element,
};

/// How often the boxes are looked at after the last key: pages check a code before they show it.
const LOOKS: usize = 4;

/// A place for a code.
#[derive(Debug, Deserialize)]
struct Place {
    kind: String,
    refs: Vec<u32>,
    /// Of the first of them.
    role: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Boxes {
    refs: Vec<u32>,
    states: Vec<BoxState>,
    /// Index of the box with the focus, or -1.
    focus: i64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum BoxState {
    Empty,
    Right,
    Wrong,
}

impl Page {
    pub(super) async fn paste_code(
        &self,
        into: Option<&Subject>,
        code: &Text,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let mut schedule = Schedule::until(deadline);
        if let Some(into) = into {
            let ready = self.ready(into, Intent::Type, &mut schedule).await?;
            return self.paste_around(&ready, code, deadline).await;
        }
        let (document, place) = self.only_place(&mut schedule).await?;
        self.paste_into(&document, place, code, deadline).await
    }

    /// Into the boxes around a field; into the field alone if there are none.
    pub(super) async fn paste_around(
        &self,
        ready: &Ready,
        code: &Text,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let document = &ready.element.document;
        let argument = json!({"n": ready.element.number});
        let places: Vec<Place> = Browser::ask(document, "codes", argument).await?;
        let Some(place) = places.into_iter().next() else {
            let message = format!("{} is gone", click::named(ready));
            return Err(Failed::new(Code::StaleRef, message));
        };
        self.paste_into(document, place, code, deadline).await
    }

    /// The only place for a code in the current tab.
    async fn only_place(&self, schedule: &mut Schedule) -> Result<(Document, Place), Failed> {
        let mut last = None;
        while schedule.next().await.is_some() {
            let mut found = Vec::new();
            for document in self.browser.documents().await? {
                let asked: Result<Vec<Place>, CdpError> =
                    Browser::ask(&document, "codes", json!({"n": null})).await;
                match asked {
                    Ok(places) => {
                        found.extend(places.into_iter().map(|place| (document.clone(), place)));
                    }
                    Err(error) if error.page_moved() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if found.len() > 1 {
                let mut lines = Vec::new();
                for (document, place) in &found {
                    lines.push(self.place_line(document, place).await?);
                }
                let (count, lines_told) = (lines.len(), lines.join("; "));
                let message =
                    format!("{count} places take a code, beginning with {lines_told}: say which");
                last = Some(
                    Failed::new(Code::Ambiguous, message)
                        .with(json!({"candidates": lines, "total": lines.len()})),
                );
            } else if let Some(only) = found.pop() {
                return Ok(only);
            }
        }
        Err(last.unwrap_or_else(|| {
            Failed::new(Code::NotFound, "nothing on the page takes a code; say into which field")
                .with(json!({"closest": []}))
        }))
    }

    /// `textbox "Digit 1" [ref=e3]`, which counts as met.
    async fn place_line(&self, document: &Document, place: &Place) -> Result<String, CdpError> {
        let reference = document.reference(place.refs.first().copied().unwrap_or_default());
        let (met, Place { role, name, .. }) = (reference.clone(), place);
        let called = Called { role: role.clone(), name: name.clone() };
        self.browser.with(move |state| state.reader.met(met, called)).await?;
        Ok(format!("{role} \"{name}\" [ref={reference}]"))
    }

    async fn paste_into(
        &self,
        document: &Document,
        place: Place,
        code: &Text,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let Some(first) = place.refs.first().copied() else {
            return Err(Failed::new(Code::Internal, "a place for a code without a field"));
        };
        if place.kind != "boxes" {
            let element = Element { document: document.clone(), number: first };
            let field = self.found(&element).await?;
            return self.type_plainly(&field, code, TypeMode::Fill, deadline).await;
        }
        let chars = characters(code, place.refs.len())
            .map_err(|message| Failed::new(Code::InvalidArgument, message))?;
        self.veil_boxes(document, &place.refs, code).await?;
        self.begin().await?;
        let count = place.refs.len();
        let mut acted = Acted::say(format!("entered the code into {count} boxes"));
        acted.target = Some(self.place_line(document, &place).await?);
        acted.data = json!({"boxes": count, "value": "••••"});
        match self.enter(document, place.refs, &chars).await {
            Ok(true) => Ok(acted),
            Ok(false) => {
                let message = "the boxes do not show the code that was entered";
                Err(Failed::new(Code::NotActionable, message)
                    .with(json!({"reason": "state_unchanged"})))
            }
            // The last character has led to another page.
            Err(error) if error.page_moved() => Ok(acted),
            Err(error) => Err(error.into()),
        }
    }

    /// If the code is a secret, it may be given there and nobody can read it.
    async fn veil_boxes(
        &self,
        document: &Document,
        refs: &[u32],
        code: &Text,
    ) -> Result<(), Failed> {
        if code.is_secret() {
            for number in refs {
                self.veil(document, *number, code).await?;
            }
        }
        Ok(())
    }

    /// Types, pastes what is missing, and reads back. Whether all is as it should be.
    async fn enter(
        &self,
        document: &Document,
        refs: Vec<u32>,
        code: &[String],
    ) -> Result<bool, CdpError> {
        let look = async |refs: &[u32]| -> Result<Boxes, CdpError> {
            let argument = json!({"refs": refs, "code": code});
            Browser::ask(document, "codeState", argument).await
        };
        let strike_in = async |number: Option<&u32>, key: &str| -> Result<bool, CdpError> {
            if let Some(number) = number {
                let argument = json!({"n": number, "select": "all"});
                Browser::ask::<serde_json::Value>(document, "focus", argument).await.map(drop)?;
            }
            let session = self.browser.with(|state| state.tab().map(|tab| tab.session.clone()));
            let Some(session) = session.await? else { return Ok(false) };
            strike(&session, key).await.map(|()| true)
        };
        // Every look taints the boxes.
        let mut boxes = look(&refs).await?;
        // The last first: in many components what stands behind an emptied box moves up.
        for _ in &refs {
            let full = boxes.states.iter().rposition(|state| *state != BoxState::Empty);
            let Some(full) = full else { break };
            if !strike_in(boxes.refs.get(full), "Backspace").await? {
                return Ok(false);
            }
            boxes = look(&boxes.refs).await?;
        }
        if boxes.states.iter().any(|state| *state != BoxState::Empty) {
            let _: bool = Browser::ask(document, "codeReset", json!({"refs": boxes.refs})).await?;
            boxes = look(&boxes.refs).await?;
        }
        for (index, char) in code.iter().enumerate() {
            let Some(empty) = boxes.states.iter().position(|state| *state == BoxState::Empty)
            else {
                break;
            };
            let focus = usize::try_from(boxes.focus).ok();
            let waits = focus.and_then(|at| boxes.states.get(at)) == Some(&BoxState::Empty);
            // The first goes into the first, wherever the focus is.
            let into = boxes.refs.get(empty).filter(|_| index == 0 || !waits);
            if !strike_in(into, char).await? {
                return Ok(false);
            }
            boxes = look(&boxes.refs).await?;
        }
        if boxes.states.contains(&BoxState::Empty) {
            let argument = json!({"refs": boxes.refs, "code": code});
            let _: bool = Browser::ask(document, "codePaste", argument).await?;
            boxes = look(&boxes.refs).await?;
        }
        for _ in 0..LOOKS {
            // Without boxes the page has taken the code and gone on.
            let wrong = boxes.states.iter().zip(code).any(|(state, _)| *state != BoxState::Right);
            if !wrong {
                return Ok(true);
            }
            boxes = look(&boxes.refs).await?;
        }
        Ok(false)
    }
}

/// The characters for so many boxes; blanks and hyphens that only group them are left out.
fn characters(code: &Text, boxes: usize) -> Result<Vec<String>, String> {
    let all: Vec<char> = code.expose().trim().chars().collect();
    let bare: Vec<char> = all.iter().copied().filter(|char| !" -".contains(*char)).collect();
    let chars = if all.len() > boxes { bare } else { all };
    if chars.is_empty() || chars.len() > boxes {
        return Err(format!("the code has {} characters and there are {boxes} boxes", chars.len()));
    }
    Ok(chars.into_iter().map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_groups_a_code_goes_into_no_box() {
        let check = |code: &str, boxes: usize| {
            characters(&code.into(), boxes).map(|chars| chars.concat()).ok()
        };
        assert_eq!(check("123-456", 6), Some("123456".to_owned()));
        assert_eq!(check(" 12 34 ", 4), Some("1234".to_owned()));
        assert_eq!(check("AB-1", 4), Some("AB-1".to_owned()));
        assert_eq!(check("1234567", 6), None);
        assert_eq!(check("", 6), None);
    }
}
