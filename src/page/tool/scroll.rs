//! `scroll` in its forms.

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    click,
    dispatch::{Acted, Page},
};
use crate::page::{
    Text,
    actionability::{self, Intent, Schedule},
    frames::{Browser, Document},
    input,
    predicate::{self, Held, Predicate},
    projection::Point,
    tool::{Code, Failed, ScrollBy, Subject},
    view::View,
};

/// Farthest in one call (agent.md 4.3).
const FARTHEST: f64 = 20_000.0;
/// `until visible` ends here at the latest: a page of 200 screens is an endless one.
const SCREENS: usize = 200;
/// Part of the viewport that one step of `until visible` goes, so that nothing is skipped.
const STEP: f64 = 0.9;

#[derive(Debug, Deserialize)]
struct Scroller {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    at: Position,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Position {
    x: f64,
    y: f64,
    max_x: f64,
    max_y: f64,
    at_top: bool,
    at_bottom: bool,
}

impl Position {
    /// Offsets are whole pixels.
    fn is_at(self, other: Self) -> bool {
        (self.x - other.x).abs() < 0.5 && (self.y - other.y).abs() < 0.5
    }
}

impl Page {
    pub(super) async fn scroll(
        &self,
        within: Option<&Subject>,
        by: ScrollBy,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let (document, number, what) = match within {
            Some(subject) => {
                let mut schedule = Schedule::until(deadline);
                let ready = self.ready(subject, Intent::Scroll, &mut schedule).await?;
                let number = ready.element.number;
                (ready.element.document.clone(), Some(number), click::named(&ready))
            }
            None => (self.main().await?, None, "the page".to_owned()),
        };
        let (before, after) = self.turn(&document, number, by).await?;
        let moved = !before.is_at(after);
        let sentence =
            if moved { format!("scrolled {what}") } else { format!("{what} did not move") };
        Ok(Acted { data: data(after, moved), ..Acted::say(sentence) })
    }

    pub(super) async fn scroll_to(&self, to: &Subject, deadline: Instant) -> Result<Acted, Failed> {
        self.begin().await?;
        let mut schedule = Schedule::until(deadline);
        let ready = self.ready(to, Intent::Scroll, &mut schedule).await?;
        let argument = json!({"n": ready.element.number});
        let scroller: Option<Scroller> =
            Browser::ask(&ready.element.document, "scroller", argument).await?;
        let mut acted = click::acted("scrolled to", &ready);
        if let Some(scroller) = scroller {
            acted.data = data(scroller.at, true);
        }
        Ok(acted)
    }

    pub(super) async fn scroll_until(
        &self,
        down: bool,
        text: &Text,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        let wanted =
            Predicate::TextVisible { text: text.clone(), within: Vec::new(), exact: false };
        for _ in 0..SCREENS {
            if self.in_viewport(text, &wanted).await? {
                return Ok(Acted::say(format!("scrolled until \"{}\" was visible", text.shown())));
            }
            if Instant::now() >= deadline {
                break;
            }
            let document = self.main().await?;
            let tenths = if down { 9 } else { -9 };
            let by = ScrollBy::Screens { x: 0, y: tenths };
            let (before, after) = self.turn(&document, None, by).await?;
            // What a list loads at its end needs a moment: once more after the page has settled.
            if before.is_at(after) {
                let t0 = self.begin().await?;
                crate::page::settle::settle(&self.browser, t0).await?;
                let document = self.main().await?;
                let (before, after) = self.turn(&document, None, by).await?;
                if before.is_at(after) {
                    if self.in_viewport(text, &wanted).await? {
                        let sentence = format!("scrolled until \"{}\" was visible", text.shown());
                        return Ok(Acted::say(sentence));
                    }
                    break;
                }
            }
        }
        let direction = if down { "down to the bottom" } else { "up to the top" };
        let message = format!("\"{}\" did not appear while scrolling {direction}", text.shown());
        Err(Failed::new(Code::NotFound, message).with(json!({"closest": []})))
    }

    /// Whether a text is visible now, and within the viewport.
    async fn in_viewport(&self, text: &Text, wanted: &Predicate) -> Result<bool, Failed> {
        let view = View::take(&self.browser).await?;
        match predicate::holds(wanted, &view.tree, &view.place()) {
            Held::Is(finding) if finding.outcome => {}
            Held::Is(_) | Held::Compare(_) => return Ok(false),
        }
        for document in self.browser.documents().await? {
            let argument = json!({"text": text.expose()});
            match Browser::ask::<bool>(&document, "inView", argument).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) if error.page_moved() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    async fn main(&self) -> Result<Document, Failed> {
        self.browser
            .with(|state| state.main_document())
            .await?
            .ok_or_else(|| Failed::new(Code::BrowserLost, "the page went away"))
    }

    /// Turns the wheel once and waits until the offset stays.
    async fn turn(
        &self,
        document: &Document,
        number: Option<u32>,
        by: ScrollBy,
    ) -> Result<(Position, Position), Failed> {
        let scroller: Option<Scroller> =
            Browser::ask(document, "scroller", json!({"n": number})).await?;
        let Some(Scroller { x, y, width, height, at: before }) = scroller else {
            let what = number.map(|number| document.reference(number)).unwrap_or_default();
            return Err(self.stale(&what).await);
        };
        let tenths = |n: i32, of: f64| f64::from(n) / 9.0 * STEP * of;
        let (dx, dy) = match by {
            ScrollBy::Pixels { x, y } => (f64::from(x), f64::from(y)),
            ScrollBy::Screens { x, y } => (tenths(x, width), tenths(y, height)),
            ScrollBy::Top | ScrollBy::Bottom => (0.0, 0.0),
        };
        self.begin().await?;
        match by {
            ScrollBy::Top | ScrollBy::Bottom => {
                let argument = json!({"top": by == ScrollBy::Top});
                let _: bool = Browser::ask(document, "scrollEdge", argument).await?;
            }
            ScrollBy::Pixels { .. } | ScrollBy::Screens { .. } => {
                let clamp = |d: f64| d.clamp(-FARTHEST, FARTHEST).round();
                let (dx, dy) = (clamp(dx), clamp(dy));
                if dx == 0.0 && dy == 0.0 {
                    return Ok((before, before));
                }
                let at =
                    actionability::to_viewport(&self.browser, document, Point { x, y }).await?;
                self.gesture(&[input::wheel(at, dx, dy)]).await?;
            }
        }
        let argument = json!({"before": {"x": before.x, "y": before.y}});
        let after: Position = Browser::ask(document, "scrolled", argument).await?;
        Ok((before, after))
    }
}

fn data(at: Position, moved: bool) -> serde_json::Value {
    let Position { x, y, max_x, max_y, at_top, at_bottom } = at;
    json!({
        "x": x, "y": y, "max_x": max_x, "max_y": max_y,
        "at_top": at_top, "at_bottom": at_bottom, "moved": moved,
    })
}
