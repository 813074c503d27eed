//! The handle, and the one dispatcher of calls.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    page::{
        Files, Limits, Mark, PageError, PageOptions,
        actionability::{self, Intent, Landing, Miss, Ready, Reason, Schedule, disarm},
        cdp::{
            CdpError, Reply, Session, Wire,
            command::{DragKind, MouseKind},
        },
        frames::{Browser, Dialogs, Owed, State, Struck, within},
        input::{self, Event},
        locate::{self, Candidate, Located},
        reader::{Known, Reader},
        settle,
        target::{Among, Target},
        tool::{Call, Code, Done, Failed, Subject, Where, click, dialogs::dialog_open, wait},
        view::{Element, View},
    },
    policy::{Blocked, Policy},
};

/// Beyond this any call ends (agent.md 1, *tool ceiling*).
pub(super) const CEILING: Duration = Duration::from_secs(150);
/// How long a page may take to say its title: it may be frozen.
const PLACE: Duration = Duration::from_secs(2);
/// How long the browser may take to acknowledge input: longer than any page should be busy.
pub(super) const ACKNOWLEDGED: Duration = Duration::from_secs(30);
/// Several matches are an answer only once the page has had time to settle: after the attempts at
/// 0, 20, 120 and 220 ms.
const AMBIGUOUS_AFTER: usize = 3;

/// A browser with its current tab. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Page {
    pub(super) browser: Browser,
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) run_url: Url,
    pub(super) policy: Arc<Policy>,
    pub(super) files: Files,
    marks: mpsc::UnboundedSender<Mark>,
}

/// What a tool hands to the dispatcher.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub(super) sentence: String,
    pub(super) data: Value,
    pub(super) notes: Vec<String>,
    pub(super) target: Option<String>,
}

impl Acted {
    pub(super) fn say(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), ..Self::default() }
    }
}

impl Page {
    /// Attaches to the browser behind `wire` and to its first tab.
    pub async fn attach(wire: Wire, options: PageOptions) -> Result<Self, PageError> {
        Self::attach_for(wire, options, Reader::default()).await
    }

    /// The same for a reader that was told something of another browser before.
    pub async fn attach_for(
        wire: Wire,
        options: PageOptions,
        reader: Reader,
    ) -> Result<Self, PageError> {
        let PageOptions { run_url, policy, dialogs, hold, files, marks, clock: _ } = options;
        let dialogs = Dialogs::new(dialogs, hold);
        let browser = Browser::attach(wire, Arc::clone(&policy), dialogs, reader)
            .await
            .map_err(|error| PageError::Attach(Box::new(error)))?;
        Ok(Self { browser, inner: Arc::new(Inner { run_url, policy, files, marks }) })
    }

    /// The reader's memory, for [`Page::attach_for`] another browser; also if this one is gone.
    pub async fn leave(self) -> Reader {
        self.browser.leave().await
    }

    /// Carries out one call.
    pub async fn call(&self, call: &Call, limits: Limits) -> Result<Done, Failed> {
        let start = Instant::now();
        let deadline = start + limits.action;
        let work = async {
            let acted = self.perform(call, deadline, &limits.cancel).await?;
            let rest = if call.acts() { self.settle().await? } else { settle::Rest::default() };
            Ok::<_, Failed>((acted, rest))
        };
        let may_hold = self.prepare().await.unwrap_or(false);
        let outcome = tokio::select! {
            biased;
            () = limits.cancel.cancelled() => Err(cancelled()),
            held = self.interrupted(), if may_hold && call.minds_dialogs() => {
                self.cut_in(call, &held).await.map(|acted| (acted, settle::Rest::default()))
            }
            outcome = timeout(CEILING, work) => if let Ok(outcome) = outcome {
                outcome
            } else {
                let (tool, limit) = (call.tool(), CEILING.as_secs());
                Err(Failed::new(Code::Timeout, format!("{tool} did not end within {limit} s")))
            },
        };
        self.put_right().await;
        let chooser = self.tell_chooser().await;
        let mut said = match &outcome {
            Ok((acted, _)) => acted.target.clone().unwrap_or_default(),
            Err(failed) => failed.message.clone(),
        };
        said.extend(chooser.clone());
        let since = self
            .browser
            .with(move |state| {
                state.acting = None;
                state.reader.said(&said);
                (state.take_notes(), state.blocked.take())
            })
            .await;
        let (mut noted, blocked) = since.unwrap_or_default();
        noted.extend(chooser);
        let outcome = match blocked {
            Some(blocked) => Err(forbidden(&blocked)),
            None => outcome,
        };
        match outcome {
            Ok((Acted { sentence, data, mut notes, target }, rest)) => {
                notes.extend(noted);
                notes.extend(rest.unsettled.map(|what| format!("settled=false ({what})")));
                let mut page = self.place().await;
                let fresh = self.browser.with(move |state| state.arrived(start).is_some()).await;
                if !fresh.unwrap_or(false) {
                    page.status = None;
                }
                Ok(Done { sentence, data, page, notes, target })
            }
            Err(mut failed) => {
                failed.notes.extend(noted);
                Err(failed)
            }
        }
    }

    /// Before a call. Whether a dialog may come that is held.
    async fn prepare(&self) -> Result<bool, CdpError> {
        self.put_right().await;
        self.browser
            .with(|state| {
                state.acting = None;
                state.struck = None;
                state.dialogs.may_hold()
            })
            .await
    }

    async fn settle(&self) -> Result<settle::Rest, Failed> {
        let Some(t0) = self.browser.with(|state| state.acting).await? else {
            return Ok(settle::Rest::default());
        };
        let rest = settle::settle(&self.browser, t0).await?;
        // A download is part of what its action has started; one that takes longer is told as going on.
        let over =
            move |state: &mut State| (!state.downloads.under_way(t0, Instant::now())).then_some(());
        self.browser.until(t0 + settle::NAVIGATION, over).await?;
        self.browser.with(|state| state.acting = None).await?;
        self.alive().await?;
        Ok(rest)
    }

    async fn perform(
        &self,
        call: &Call,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Acted, Failed> {
        self.alive().await?;
        match call {
            Call::Navigate { url } => self.navigate(url).await,
            Call::Reload => self.reload().await,
            Call::GoBack => self.go_back().await,
            Call::Click { on, button, count, modifiers } => {
                self.click(on, *button, *count, modifiers, deadline).await
            }
            Call::Hover { on } => self.hover(on, deadline).await,
            Call::Drag { from, to } => self.drag(from, to, deadline).await,
            Call::SetChecked { on, checked } => self.set_checked(on, *checked, deadline).await,
            Call::Expand { on, expanded } => self.expand(on, *expanded, deadline).await,
            Call::TypeText { into, text, mode, submit } => {
                self.type_text(into.as_ref(), text, *mode, *submit, deadline).await
            }
            Call::PasteCode { into, code } => self.paste_code(into.as_ref(), code, deadline).await,
            Call::Evaluate { expression, on } => self.evaluate(expression, on.as_ref()).await,
            Call::SelectOption { from, values } => self.select(from, values, deadline).await,
            Call::UploadFile { to, files } => self.upload(to.as_ref(), files, deadline).await,
            Call::HandleDialog { accept, text } => {
                self.handle_dialog(*accept, text.as_ref(), deadline).await
            }
            Call::SwitchTab { to, close } => self.switch_tab(to.as_ref(), *close, deadline).await,
            Call::PressKey { key, repeat, on } => {
                self.press_key(key, *repeat, on.as_ref(), deadline).await
            }
            Call::Scroll { within, by } => self.scroll(within.as_ref(), *by, deadline).await,
            Call::ScrollTo { to } => self.scroll_to(to, deadline).await,
            Call::ScrollUntil { down, text } => self.scroll_until(*down, text, deadline).await,
            Call::WaitForText { text, gone, timeout } => {
                self.wait_for_text(text, *gone, *timeout, cancel).await
            }
            Call::WaitUntil { predicate } => self.wait_until(predicate, deadline, cancel).await,
            Call::Sleep { time } => Ok(wait::pause(*time).await),
            Call::WaitForStable { stable, timeout } => {
                self.wait_for_stable(*stable, *timeout).await
            }
            Call::Screenshot { .. } => Ok(Acted::say("took a screenshot")),
        }
    }

    /// The full tree as people read it.
    pub async fn tree(&self) -> Result<String, Failed> {
        if let Some(held) = self.held_dialog().await {
            return Err(dialog_open(&held));
        }
        Ok(View::take(&self.browser).await?.tree.print())
    }

    /// Where the tab is. Without an answer of the page: what the browser has told.
    pub async fn place(&self) -> Where {
        let known = self.browser.with(|state| {
            // A page with an open dialog answers nothing.
            let document = state.main_document().filter(|_| state.dialogs.held().is_none());
            (document, state.url(), state.status())
        });
        let known = known.await;
        let Ok((document, url, status)) = known else { return Where::default() };
        let asked = match &document {
            Some(document) => {
                let asked = Browser::ask::<Title>(document, "place", json!(null));
                within(PLACE, "the title", asked).await.ok()
            }
            None => None,
        };
        match asked {
            Some(Title { url, title }) => Where { url, title, status },
            None => Where { url, title: String::new(), status },
        }
    }

    /// Resolves when the wire is closed.
    pub async fn gone(&self) {
        self.browser.gone().await;
    }

    /// The current tab's session.
    pub(super) async fn alive(&self) -> Result<Session, Failed> {
        let tab = self
            .browser
            .with(|state| state.tab().map(|tab| (tab.session.clone(), tab.crashed)))
            .await?;
        match tab {
            Some((session, false)) => Ok(session),
            Some((_, true)) => Err(Failed::new(Code::BrowserLost, "the tab's process has crashed")),
            None => Err(Failed::new(Code::BrowserLost, "the last tab is closed")),
        }
    }

    /// An action begins: what starts from here on is waited for.
    pub(super) async fn begin(&self) -> Result<Instant, Failed> {
        let t0 = Instant::now();
        self.browser
            .with(move |state| {
                state.acting = Some(t0);
                state.document_error = None;
            })
            .await?;
        Ok(t0)
    }

    pub(super) fn mark(&self, mark: Mark) {
        // Nobody may be recording.
        self.inner.marks.send(mark).ok();
    }

    /// Ends what a call has begun, however the call came to its end: a guard that stays armed would
    /// keep a person's own input from the page, a button that stays down makes every move a drag.
    pub(super) async fn put_right(&self) {
        let owed = self.browser.with(|state| {
            // While a dialog is held nothing is sent to its page.
            if state.dialogs.held().is_some() {
                return (Owed::default(), None);
            }
            let session = state.tab().map(|tab| tab.session.clone());
            (std::mem::take(&mut state.owed), session)
        });
        let Ok((Owed { armed, pressed, dragged, intercepting }, session)) = owed.await else {
            return;
        };
        if let (Some(at), Some(session)) = (pressed, &session) {
            for event in input::let_go(at) {
                post(session, &event).forget();
            }
        }
        if let (Some((data, at)), Some(session)) = (dragged, &session) {
            session.drag_over(DragKind::Cancel, at.x, at.y, &data).forget();
        }
        disarm(&armed);
        if let Some(session) = intercepting {
            session.intercept_drags(false).forget();
        }
    }

    /// Sends the events of one gesture together and waits until all have arrived.
    pub(super) async fn gesture(&self, events: &[Event]) -> Result<(), Failed> {
        let session = self.alive().await?;
        let sent: Vec<_> = events
            .iter()
            .map(|event| {
                if let Event::Mouse(mouse) = event {
                    self.mark(Mark::Pointer { x: mouse.x, y: mouse.y });
                    if matches!(mouse.kind, MouseKind::Press(..)) {
                        self.mark(Mark::Press { x: mouse.x, y: mouse.y });
                    }
                }
                post(&session, event)
            })
            .collect();
        for answer in sent {
            match within(ACKNOWLEDGED, "input", answer.done()).await {
                Ok(()) => {}
                // The tab was closed or replaced by what was pressed.
                Err(error) if error.page_moved() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Finds the element of a subject. `attempt` counts from 0.
    pub(super) async fn resolve(
        &self,
        subject: &Subject,
        attempt: usize,
    ) -> Result<Result<Element, Unresolved>, CdpError> {
        match subject {
            Subject::Ref { reference, .. } => {
                let Some((frame, number)) = parse_ref(reference) else {
                    return Ok(Err(Unresolved::Final(Failed::new(
                        Code::InvalidArgument,
                        format!("{reference} is not a ref; refs look like e12 or f1e3"),
                    ))));
                };
                Ok(match self.browser.document(frame).await? {
                    Some(document) => Ok(Element { document, number }),
                    None => Err(Unresolved::Final(self.stale(reference).await)),
                })
            }
            Subject::Described { target, among } => self.find(target, *among, attempt).await,
        }
    }

    async fn find(
        &self,
        target: &Target,
        among: Among,
        attempt: usize,
    ) -> Result<Result<Element, Unresolved>, CdpError> {
        let view = View::take(&self.browser).await?;
        match locate::find(&view.tree, target, among) {
            Located::One(id) => {
                let element = view.element(&self.browser, view.tree.handle(id)).await?;
                Ok(element.ok_or_else(|| Unresolved::Later(not_found(target, None, &[]))))
            }
            Located::None { closest, missing } => {
                let failed = not_found(target, missing.as_deref(), &closest);
                Ok(Err(Unresolved::Later(failed)))
            }
            Located::Several { mut candidates, total } => {
                for candidate in &mut candidates {
                    candidate.reference = view.name(&self.browser, candidate.node).await?;
                }
                let failed = ambiguous(target, &candidates, total);
                Ok(Err(if attempt >= AMBIGUOUS_AFTER {
                    Unresolved::Final(failed)
                } else {
                    Unresolved::Later(failed)
                }))
            }
        }
    }

    /// Makes attempts until the element can be acted on as intended, or the deadline.
    pub(super) async fn ready(
        &self,
        subject: &Subject,
        intent: Intent,
        schedule: &mut Schedule,
    ) -> Result<Ready, Failed> {
        let mut last = None;
        while let Some(attempt) = schedule.next().await {
            self.alive().await?;
            match self.attempt(subject, intent, attempt).await {
                Ok(ready) => return Ok(ready),
                Err(Unresolved::Final(failed)) => return Err(failed),
                Err(Unresolved::Later(failed)) => last = Some(failed),
            }
        }
        Err(last.unwrap_or_else(|| Failed::new(Code::Timeout, "there was no time for an attempt")))
    }

    pub(super) async fn attempt(
        &self,
        subject: &Subject,
        intent: Intent,
        attempt: usize,
    ) -> Result<Ready, Unresolved> {
        let element = self.resolve(subject, attempt).await.map_err(Unresolved::from)??;
        let was = match subject {
            Subject::Ref { reference, .. } => {
                let of = reference.clone();
                match self.browser.with(move |state| state.reader.known(&of)).await? {
                    Known::As(called) => Some(called),
                    Known::Own => None,
                    Known::Never => return Err(Unresolved::Final(self.stale(reference).await)),
                }
            }
            Subject::Described { .. } => None,
        };
        match actionability::attempt(&self.browser, &element, was.as_ref(), intent, attempt).await {
            Ok(ready) => Ok(ready),
            Err(Miss::Not(reason)) => Err(Unresolved::Later(not_actionable(subject, &reason))),
            Err(Miss::Stale) => Err(match subject {
                Subject::Ref { reference, .. } => Unresolved::Final(self.stale(reference).await),
                Subject::Described { .. } => {
                    let reason = Reason { reason: "detached".to_owned(), by: None };
                    Unresolved::Later(not_actionable(subject, &reason))
                }
            }),
            Err(Miss::Cdp(error)) => Err(error.into()),
        }
    }

    /// Remembers what is about to be acted on, and which guards are armed.
    pub(super) async fn guarded(&self, ready: &Ready) -> Result<(), Failed> {
        let armed = ready.armed.clone();
        let struck = Struck { name: click::named(ready), line: click::line(ready) };
        self.browser
            .with(move |state| {
                state.owed.armed = armed;
                state.struck = Some(struck);
            })
            .await?;
        Ok(())
    }

    /// Performs a gesture on an element until it has landed there, and gives what it landed on.
    pub(super) async fn strike(
        &self,
        subject: &Subject,
        intent: Intent,
        schedule: &mut Schedule,
        gesture: impl Fn(&Ready) -> Vec<Event>,
    ) -> Result<Ready, Failed> {
        let mut last = None;
        loop {
            let ready = match self.ready(subject, intent, schedule).await {
                Ok(ready) => ready,
                // The cover of the last press says more than that time is up.
                Err(failed) if failed.code == Code::Timeout => return Err(last.unwrap_or(failed)),
                Err(failed) => return Err(failed),
            };
            self.begin().await?;
            self.guarded(&ready).await?;
            self.gesture(&gesture(&ready)).await?;
            let landing = actionability::verdict(&self.browser, &ready, intent).await?;
            self.put_right().await;
            match landing {
                Landing::Landed => return Ok(ready),
                Landing::Missed(reason) => last = Some(not_actionable(subject, &reason)),
            }
        }
    }
}

fn post(session: &Session, event: &Event) -> Reply {
    match event {
        Event::Mouse(mouse) => session.mouse(mouse),
        Event::Key(key) => session.key(key),
    }
}

#[derive(serde::Deserialize)]
struct Title {
    url: String,
    title: String,
}

/// A subject that is not there, for now or for good.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// It may still come.
    Later(Failed),
    /// Trying again gives the same.
    Final(Failed),
}

impl From<CdpError> for Unresolved {
    fn from(error: CdpError) -> Self {
        if error.page_moved() {
            Self::Later(Failed::new(Code::Timeout, "the page kept changing while it was looked at"))
        } else {
            Self::Final(error.into())
        }
    }
}

impl Failed {
    /// A failure without data.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: Value::Null, notes: Vec::new() }
    }

    /// The same with data.
    #[must_use]
    pub fn with(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

impl From<CdpError> for Failed {
    fn from(error: CdpError) -> Self {
        let code = match &error {
            CdpError::Gone | CdpError::TargetLost { .. } => Code::BrowserLost,
            CdpError::LeaseRevoked { .. } => Code::LeaseRevoked,
            CdpError::Refused { .. } if error.page_moved() => Code::BrowserLost,
            CdpError::Refused { .. } | CdpError::Decode { .. } | CdpError::Script(_) => {
                Code::Internal
            }
        };
        Self::new(code, error.to_string())
    }
}

/// A host that the network policy forbids.
pub(super) fn forbidden(blocked: &Blocked) -> Failed {
    Failed::new(Code::BlockedByPolicy, blocked.to_string())
        .with(json!({"rule": blocked.rule, "host": blocked.host}))
}

fn cancelled() -> Failed {
    Failed::new(Code::Cancelled, "the run is ending")
}

/// How a subject is called in messages; placeholders of secrets stay.
pub(super) fn spell(subject: &Subject) -> String {
    match subject {
        Subject::Ref { reference, .. } => reference.clone(),
        Subject::Described { target, .. } => spell_target(target),
    }
}

fn spell_target(target: &Target) -> String {
    let mut parts = Vec::new();
    match target.ordinal {
        Some(crate::page::target::Ordinal::Nth(n)) => parts.push(format!("no. {n}")),
        Some(crate::page::target::Ordinal::Last) => parts.push("the last".to_owned()),
        None => {}
    }
    if let Some(role) = target.role {
        parts.push(format!("{role:?}").to_lowercase());
    }
    if let Some(name) = &target.name {
        parts.push(format!("\"{}\"", name.shown()));
    }
    if parts.is_empty() { "the element".to_owned() } else { parts.join(" ") }
}

fn not_found(target: &Target, missing: Option<&str>, closest: &[String]) -> Failed {
    let mut message = match missing {
        Some(region) => format!("{region} was not found, where {} should be", spell_target(target)),
        None => format!("{} was not found", spell_target(target)),
    };
    if !closest.is_empty() {
        message.push_str("; closest: ");
        message.push_str(&closest.join(", "));
    }
    Failed::new(Code::NotFound, message).with(json!({"closest": closest}))
}

fn ambiguous(target: &Target, candidates: &[Candidate], total: usize) -> Failed {
    let lines: Vec<String> = candidates
        .iter()
        .map(|candidate| {
            let Candidate { role, name, region, reference, node: _ } = candidate;
            let within = if region.is_empty() { String::new() } else { format!(" in {region}") };
            let reference = reference.as_ref().map(|it| format!(" [ref={it}]")).unwrap_or_default();
            format!("{role} \"{name}\"{within}{reference}")
        })
        .collect();
    let message = format!(
        "{} matches {total} elements: {}. Say which one with `in …`, `near …` or an ordinal",
        spell_target(target),
        lines.join("; ")
    );
    Failed::new(Code::Ambiguous, message).with(json!({"candidates": lines, "total": total}))
}

pub(super) fn not_actionable(subject: &Subject, reason: &Reason) -> Failed {
    let what = spell(subject);
    let by = reason.by.as_deref().unwrap_or("something");
    let message = match reason.reason.as_str() {
        "covered" => format!("{what} is covered by {by}"),
        "not_visible" => format!("{what} is not visible"),
        "not_stable" => format!("{what} does not stop moving"),
        "disabled" => format!("{what} is disabled"),
        "outside_viewport" => format!("{what} cannot be scrolled into view"),
        "readonly" => format!("{what} is read-only"),
        "not_editable" => format!("{what} does not take text"),
        "inert" => format!("{what} is inert: something modal is open, or it takes no pointer"),
        "detached" => format!("{what} keeps being removed from the page"),
        "state_unchanged" => format!("{what} did not change its state"),
        other => format!("{what} cannot be used: {other}"),
    };
    let mut data = json!({"reason": reason.reason});
    if let (Some(by), Some(data)) = (&reason.by, data.as_object_mut()) {
        data.insert("by".to_owned(), json!(by));
    }
    Failed::new(Code::NotActionable, message).with(data)
}

/// `e12` is 12 in the main frame, `f1e3` 3 in frame 1.
pub(super) fn parse_ref(text: &str) -> Option<(Option<u32>, u32)> {
    let (frame, number) = text.rsplit_once('e')?;
    let frame = match frame.strip_prefix('f') {
        Some(frame) => Some(frame.parse().ok()?),
        None if frame.is_empty() => None,
        None => return None,
    };
    Some((frame, number.parse().ok()?))
}
