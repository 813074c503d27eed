//! Whether an element can be acted on, and where (agent.md 5.1 and 5.2, snapshot.md 4.1 and 4.2).
//!
//! One attempt is one call in the element's document, and one for each frame around it. Whoever
//! asks repeats it at the times of [`Schedule`].

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::page::{
    cdp::{CdpError, Session},
    frames::{Browser, Document},
    projection::{Point, Projection},
    reader::Called,
    view::Element,
};

/// When attempts are made: after these pauses, the last one for ever (agent.md 5.1).
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(100),
    Duration::from_millis(500),
];

/// How often a frame may be scrolled into place within one attempt: each level once, and then some.
const SCROLLS: u32 = 8;

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Schedule {
    made: usize,
    deadline: Instant,
}

impl Schedule {
    /// Attempts until `deadline`, at least one.
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { made: 0, deadline }
    }

    /// How many attempts have begun.
    pub(crate) fn made(&self) -> usize {
        self.made
    }

    /// Waits for the time of the next attempt. `None` if the deadline comes first.
    pub(crate) async fn next(&mut self) -> Option<usize> {
        let attempt = self.made;
        let pause = PAUSES.get(attempt).or(PAUSES.last()).copied().unwrap_or_default();
        let at = Instant::now() + pause;
        if attempt > 0 && at > self.deadline {
            return None;
        }
        sleep_until(at).await;
        self.made += 1;
        Some(attempt)
    }
}

/// What is going to be done with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// A button is pressed on it.
    Click,
    /// The pointer goes there.
    Hover,
    /// What is being dragged goes there.
    Drop,
    /// Its value is replaced.
    Type,
    /// An option is chosen.
    Select,
    /// It gets files.
    Upload,
    /// It is brought into view.
    Scroll,
    /// It gets the focus.
    Focus,
}

impl Intent {
    fn word(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Hover => "hover",
            Self::Drop => "drop",
            Self::Type => "type",
            Self::Select => "select",
            Self::Upload => "upload",
            Self::Scroll => "scroll",
            Self::Focus => "focus",
        }
    }

    /// Whether it needs a point that receives events.
    fn aims(self) -> bool {
        matches!(self, Self::Click | Self::Hover | Self::Drop)
    }

    /// Whether the point's events are guarded. What is dragged passes over anything.
    fn guards(self) -> bool {
        matches!(self, Self::Click | Self::Hover)
    }
}

/// An element that passed.
#[derive(Debug)]
pub(crate) struct Ready {
    /// What is acted on: perhaps a control around or beside the element that was asked for.
    pub(crate) element: Element,
    /// Where to point, in CSS pixels of the tab's viewport; only for clicks.
    pub(crate) point: Point,
    /// Its role, for people.
    pub(crate) role: String,
    /// Its name, for people.
    pub(crate) name: String,
    /// What kind of field it is.
    pub(crate) field: Field,
    /// The documents whose guards are armed, the element's own first.
    pub(crate) armed: Vec<Document>,
}

/// What kind of field an element is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Field {
    /// `text`, `value` (set at once: dates, numbers), `editing`, or the element's name.
    pub(crate) kind: String,
    /// The input's type.
    #[serde(rename = "type")]
    pub(crate) input: String,
    /// Its value is never told.
    pub(crate) masked: bool,
    /// It takes line breaks.
    pub(crate) multiline: bool,
    /// It takes one character of a code.
    pub(crate) one: bool,
}

/// An attempt that came to nothing.
#[derive(Debug)]
pub(crate) enum Miss {
    /// A condition does not hold.
    Not(Reason),
    /// The element of a ref is no longer there, or is called otherwise than its reader was told.
    Stale,
    /// Nothing can be said: the page is moving under us, or the browser is gone.
    Cdp(CdpError),
}

/// The first condition that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// Of agent.md 4.2: `covered`, `disabled`, …
    pub(crate) reason: String,
    /// What covers it, for people, with its ref.
    pub(crate) by: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Checked {
    ok: bool,
    reason: Option<String>,
    by: Option<u32>,
    what: Option<String>,
    n: Option<u32>,
    #[serde(default)]
    x: f64,
    #[serde(default)]
    y: f64,
    #[serde(default)]
    width: f64,
    #[serde(default)]
    height: f64,
    #[serde(default)]
    role: String,
    #[serde(default)]
    name: String,
    field: Option<Field>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    landed: bool,
    reached: bool,
    missed: Option<Cover>,
}

#[derive(Debug, Deserialize)]
struct Cover {
    by: Option<u32>,
    what: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Size {
    width: f64,
    height: f64,
}

/// What the guard saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// The press reached the element (or its document is gone, which it must have caused).
    Landed,
    /// Something else was there; the page saw no press.
    Missed(Reason),
}

impl From<CdpError> for Miss {
    fn from(error: CdpError) -> Self {
        Self::Cdp(error)
    }
}

/// Makes one attempt. For a click the guards of all documents on the way are armed afterwards, and
/// [`verdict`] must be asked. `was` is what the element must still be called.
pub(crate) async fn attempt(
    browser: &Browser,
    element: &Element,
    was: Option<&Called>,
    intent: Intent,
    attempt: usize,
) -> Result<Ready, Miss> {
    let (aim, guard) = (intent.aims(), intent.guards());
    for turn in 0..SCROLLS {
        let argument = json!({
            "n": element.number, "kind": intent.word(), "attempt": attempt, "aim": aim, "guard": guard,
            "was": was.map(|was| json!({"role": was.role, "name": was.name})),
        });
        let checked: Checked = Browser::ask(&element.document, "check", argument).await?;
        used(browser, &element.document, &checked).await?;
        if !checked.ok {
            return Err(miss(&element.document, checked));
        }
        let number = checked.n.unwrap_or(element.number);
        let mut ready = Ready {
            element: Element { document: element.document.clone(), number },
            point: Point { x: checked.x, y: checked.y },
            role: checked.role,
            name: checked.name,
            field: checked.field.unwrap_or_default(),
            armed: Vec::new(),
        };
        if !aim {
            return Ok(ready);
        }
        let size = Size { width: checked.width, height: checked.height };
        if guard {
            ready.armed.push(element.document.clone());
        }
        match ascend(browser, &mut ready, size, guard).await {
            Ok(()) => return Ok(ready),
            // A frame around it had to be scrolled: where everything is has changed.
            Err(Miss::Not(reason)) if reason.reason == "moved" && turn + 1 < SCROLLS => {
                disarm(&ready.armed);
            }
            Err(miss) => {
                disarm(&ready.armed);
                return Err(miss);
            }
        }
    }
    Err(Miss::Not(Reason { reason: "not_stable".to_owned(), by: None }))
}

/// Takes a point of a document to the tab's viewport, without guard.
pub(crate) async fn to_viewport(
    browser: &Browser,
    document: &Document,
    point: Point,
) -> Result<Point, CdpError> {
    let mut at = point;
    let mut here = document.clone();
    while here.parent.is_some() {
        let owner = browser.owner(&here).await?;
        let size: Size = Browser::ask(&here, "size", json!(null)).await?;
        at = step(browser, &owner.parent, owner.node, &size, at).await?;
        here = owner.parent;
    }
    Ok(at)
}

/// From the element's document to the tab's: at each frame boundary the point is mapped, and what
/// is there must be the frame.
async fn ascend(
    browser: &Browser,
    ready: &mut Ready,
    mut size: Size,
    guard: bool,
) -> Result<(), Miss> {
    let mut here = ready.element.document.clone();
    while here.parent.is_some() {
        let owner = browser.owner(&here).await?;
        let at = step(browser, &owner.parent, owner.node, &size, ready.point).await?;
        let argument = json!({"n": owner.number, "x": at.x, "y": at.y, "guard": guard});
        let checked: Checked = Browser::ask(&owner.parent, "passage", argument).await?;
        used(browser, &owner.parent, &checked).await?;
        if !checked.ok {
            return Err(miss(&owner.parent, checked));
        }
        size = Size { width: checked.width, height: checked.height };
        ready.point = at;
        if guard {
            ready.armed.push(owner.parent.clone());
        }
        here = owner.parent;
    }
    Ok(())
}

/// One frame boundary outwards. Boxes are given in coordinates of the process's outermost frame, so
/// within a process the parent's own boundary has to be taken off again.
async fn step(
    browser: &Browser,
    parent: &Document,
    node: i64,
    size: &Size,
    point: Point,
) -> Result<Point, CdpError> {
    let out = projection(&parent.session, node, size).await?.out(point);
    if parent.outermost {
        return Ok(out);
    }
    let above = browser.owner(parent).await?;
    let size: Size = Browser::ask(parent, "size", json!(null)).await?;
    Ok(projection(&above.parent.session, above.node, &size).await?.into_frame(out))
}

async fn projection(session: &Session, node: i64, size: &Size) -> Result<Projection, CdpError> {
    let quad = session.content_quad(node).await?;
    Projection::new(size.width, size.height, quad)
        .ok_or_else(|| CdpError::TargetLost { method: "DOM.getBoxModel".into() })
}

/// Asks the guards what became of the gesture, and leaves them armed: what was missed must not
/// reach the page until all of it is over. Then [`disarm`] them.
pub(crate) async fn verdict(
    browser: &Browser,
    ready: &Ready,
    intent: Intent,
) -> Result<Landing, CdpError> {
    let asked: Vec<_> = ready
        .armed
        .iter()
        .map(|document| (document, Browser::post(document, "verdict", &json!(null))))
        .collect();
    let mut landed = false;
    let mut missed = None;
    for (index, (document, answer)) in asked.into_iter().enumerate() {
        match answer.get::<Verdict>().await {
            Ok(verdict) => {
                // Without a press it is enough to be there.
                let there = verdict.landed || (intent == Intent::Hover && verdict.reached);
                landed |= index == 0 && there && (verdict.landed || verdict.missed.is_none());
                if let Some(cover) = verdict.missed {
                    met(browser, document, cover.by, &cover.role, &cover.name).await?;
                    missed.get_or_insert_with(|| name_cover(document, cover.by, &cover.what));
                }
            }
            // The document is gone. The press did that: nothing else was under way a moment ago.
            Err(error) if error.page_moved() => landed |= index == 0,
            Err(error) => return Err(error),
        }
    }
    if landed {
        return Ok(Landing::Landed);
    }
    // No decision is a miss.
    let by = missed.or_else(|| Some("something that appeared at that moment".to_owned()));
    Ok(Landing::Missed(Reason { reason: "covered".to_owned(), by }))
}

/// Ends the watch over a gesture that is over, or is not going to happen.
pub(crate) fn disarm(documents: &[Document]) {
    for document in documents {
        drop(Browser::post(document, "disarm", &json!(null)));
    }
}

fn miss(document: &Document, checked: Checked) -> Miss {
    let Checked { reason, by, what, .. } = checked;
    match reason.as_deref() {
        Some("stale") => Miss::Stale,
        Some(reason) => {
            let by = what.map(|what| name_cover(document, by, &what));
            Miss::Not(Reason { reason: reason.to_owned(), by })
        }
        None => Miss::Cdp(CdpError::Script("a check without a reason".to_owned())),
    }
}

fn name_cover(document: &Document, by: Option<u32>, what: &str) -> String {
    by.map_or_else(
        || what.to_owned(),
        |number| format!("{what} [ref={}]", document.reference(number)),
    )
}

async fn used(browser: &Browser, document: &Document, checked: &Checked) -> Result<(), CdpError> {
    met(browser, document, checked.by.or(checked.n), &checked.role, &checked.name).await
}

/// The document has given an element's number, and may be quoted with its role and name.
async fn met(
    browser: &Browser,
    document: &Document,
    number: Option<u32>,
    role: &str,
    name: &str,
) -> Result<(), CdpError> {
    let Some(number) = number else { return Ok(()) };
    let (of, reference) = (document.number, document.reference(number));
    let called = Called { role: role.to_owned(), name: name.to_owned() };
    browser
        .with(move |state| {
            state.used(of, number);
            state.reader.met(reference, called);
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_come_at_0_20_120_220_and_then_every_500_ms_until_the_deadline() {
        let start = Instant::now();
        let mut schedule = Schedule::until(start + Duration::from_millis(1500));
        let mut times = Vec::new();
        while schedule.next().await.is_some() {
            times.push(start.elapsed().as_millis());
        }
        assert_eq!(times, [0, 20, 120, 220, 720, 1220]);
        let mut late = Schedule::until(start);
        assert_eq!(late.next().await, Some(0), "there is always one attempt");
        assert_eq!(late.next().await, None);
    }
}
