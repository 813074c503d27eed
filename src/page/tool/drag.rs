//! `drag`: with the pointer alone, and as an HTML drag when the page starts one.
//!
//! # Expected flow
//! The target is looked for first, so that nothing is taken that has nowhere to go. Then the pointer
//! is pressed on the source under the guard and moves away from it. If the page lets the browser
//! drag something, the browser hands that over instead of dragging it by itself. Only then is the
//! target brought into view, since a page that scrolls under a pressed button starts no drag. What
//! was handed over is brought there as enter, over and drop; otherwise the pointer carries on with
//! the button down.
//!
//! # Guarantees
//! - The button comes up again however the call ends; if the target is gone by then, where it went
//!   down, so that nothing is dropped anywhere else.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{
    click,
    dispatch::{Acted, Page, not_actionable},
};
use crate::page::{
    actionability::{self, Intent, Landing, Ready, Schedule},
    cdp::{
        CdpError,
        command::{DragData, DragKind},
    },
    frames::{Browser, within},
    input,
    projection::Point,
    tool::{Failed, Subject},
};

/// How long a drag that the page has started may take to be told to us.
const HANDED_OVER: Duration = Duration::from_secs(2);
/// How long the page may take over one event of a drag.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);

impl Page {
    pub(super) async fn drag(
        &self,
        from: &Subject,
        to: &Subject,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        self.ready(to, Intent::Scroll, &mut Schedule::until(deadline)).await?;
        let source = self.grab(from, &mut Schedule::until(deadline)).await?;
        let session = self.alive().await?;
        session.intercept_drags(true).done().await?;
        let on = session.clone();
        self.browser
            .with(move |state| {
                state.owed.intercepting = Some(on);
                state.dragged = None;
            })
            .await?;
        let (torn, event) = input::tear_off(source.point);
        self.gesture(&[event]).await?;
        let started = self.started(&source).await?;
        if let Some(data) = started.clone() {
            // The browser has taken the press away from the page: there is none to release.
            self.browser
                .with(move |state| {
                    state.owed.pressed = None;
                    state.owed.dragged = Some((data, torn));
                })
                .await?;
        }
        let target = self.ready(to, Intent::Drop, &mut Schedule::until(deadline)).await?;
        if let Some(data) = started {
            self.bring(&data, target.point).await?;
        } else {
            self.gesture(&input::carry(torn, target.point)).await?;
            self.browser.with(|state| state.owed.pressed = None).await?;
            self.gesture(&input::let_go(target.point)).await?;
        }
        self.put_right().await;
        let mut acted = click::acted("dragged", &source);
        acted.sentence = format!("{} to {}", acted.sentence, click::named(&target));
        Ok(acted)
    }

    /// Presses the pointer on an element, under the guard.
    async fn grab(&self, from: &Subject, schedule: &mut Schedule) -> Result<Ready, Failed> {
        let mut last = None;
        loop {
            let ready = match self.ready(from, Intent::Click, schedule).await {
                Ok(ready) => ready,
                Err(failed) => return Err(last.unwrap_or(failed)),
            };
            self.begin().await?;
            self.guarded(&ready).await?;
            let at = ready.point;
            self.browser.with(move |state| state.owed.pressed = Some(at)).await?;
            self.gesture(&input::grab(at)).await?;
            match actionability::verdict(&self.browser, &ready, Intent::Click).await? {
                Landing::Landed => {
                    // From here on the pointer passes over anything.
                    let armed = self.browser.with(|state| std::mem::take(&mut state.owed.armed));
                    actionability::disarm(&armed.await?);
                    return Ok(ready);
                }
                Landing::Missed(reason) => {
                    self.put_right().await;
                    last = Some(not_actionable(from, &reason));
                }
            }
        }
    }

    /// What the page lets the browser drag, if it does.
    async fn started(&self, source: &Ready) -> Result<Option<DragData>, Failed> {
        let asked = Browser::ask(&source.element.document, "dragStarted", json!(null)).await;
        match asked {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.page_moved() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let until = Instant::now() + HANDED_OVER;
        Ok(self.browser.until(until, |state| state.dragged.take()).await?)
    }

    /// Lets go of what the page has started to drag at a point.
    async fn bring(&self, data: &DragData, at: Point) -> Result<(), Failed> {
        let session = self.alive().await?;
        let over = [DragKind::Enter, DragKind::Over, DragKind::Over, DragKind::Drop];
        for kind in over {
            let answer = session.drag_over(kind, at.x, at.y, data).done();
            match within(ACKNOWLEDGED, "a drag", answer).await {
                Ok(()) => {}
                // What was dropped has closed the tab or led it elsewhere.
                Err(error) if kind == DragKind::Drop && error.page_moved() => {}
                Err(error) => return Err(unfinished(error)),
            }
        }
        Ok(self.browser.with(|state| state.owed.dragged = None).await?)
    }
}

fn unfinished(error: CdpError) -> Failed {
    let mut failed = Failed::from(error);
    failed.message = format!("the drag was not ended: {}", failed.message);
    failed
}
