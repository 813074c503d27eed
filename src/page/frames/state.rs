//! What the browser's events add up to.

mod chooser;
mod dialogs;
mod downloads;
mod heard;
mod tabs;

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{
    Post, SCRIPT,
    network::{Request, Requests},
};
use crate::{
    page::{
        TabNews, TabState,
        cdp::{
            Frame as Event, Session,
            command::{DragData, TargetInfo, WORLD},
            event::{
                Attached, ContextCreated, ContextDestroyed, DataReceived, Detached,
                DragIntercepted, FrameAttached, FrameDetached, FrameInfo, FrameNavigated,
                FrameTree, OfFrame,
            },
        },
        projection::Point,
        reader::Reader,
    },
    policy::{Blocked, Policy},
};

/// A navigation that was asked for but not begun, such as `mailto:`, is given up after this time:
/// the browser starts the others within a few milliseconds.
const REQUEST_ONLY: Duration = Duration::from_secs(1);
/// A popup without a first commit becomes current after this time (snapshot.md 4.4).
const POPUP_GRACE: Duration = Duration::from_secs(1);
/// Longest text of a note's quote, in characters.
const QUOTE: usize = 200;

pub(crate) use self::{chooser::Chooser, dialogs::Dialogs, tabs::Listed};
use self::{downloads::Downloads, heard::Heard};

/// A tab.
#[derive(Debug)]
pub(crate) struct Tab {
    /// It is the n-th that we have seen.
    number: u32,
    /// Its id, which is also that of its main frame.
    pub(crate) target: String,
    /// Its session, through which all input goes.
    pub(crate) session: Session,
    /// The tab that opened it.
    opener: Option<String>,
    /// When we first saw it.
    born: Instant,
    /// Its process has died.
    pub(crate) crashed: bool,
    /// HTTP status of the current document, with the document that it belongs to.
    status: Option<(String, u16)>,
}

impl Tab {
    /// `t1`; counts up and is never reused.
    fn id(&self) -> String {
        format!("t{}", self.number)
    }
}

/// A session and what it serves.
#[derive(Debug)]
struct Served {
    session: Session,
    tab: String,
    /// The outermost frame of its process.
    root: String,
}

/// A navigation under way.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// When it was asked for.
    pub(crate) since: Instant,
    started: bool,
}

impl Pending {
    fn new(started: bool) -> Self {
        Self { since: Instant::now(), started }
    }
}

#[derive(Debug)]
struct FrameState {
    parent: Option<String>,
    session: String,
    tab: String,
    number: Option<u32>,
    /// Our world in its current document.
    context: Option<i64>,
    loader: String,
    url: String,
    pending: Option<Pending>,
    committed: Option<Instant>,
    /// Its document could not be loaded: the browser shows a page of its own.
    unreachable: bool,
    ready: Option<Instant>,
    loaded: bool,
    /// Context of the parent's document, node and ref number of the frame element.
    owner: Option<(i64, i64, u32)>,
    /// Frames appear in this order.
    order: u64,
}

/// A main document that replaced another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When.
    pub(crate) committed: Instant,
    /// When it reached `DOMContentLoaded`.
    pub(crate) ready: Option<Instant>,
    /// Whether it reached `load`.
    pub(crate) loaded: bool,
    /// It is the browser's own error page.
    pub(crate) failed: bool,
}

/// A document that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Its frame.
    pub(crate) frame: String,
    /// K of `fK`; none for a main frame.
    pub(crate) number: Option<u32>,
    /// The frame that holds it.
    pub(crate) parent: Option<String>,
    /// Where it is asked.
    pub(crate) session: Session,
    /// Our world in it.
    pub(crate) context: i64,
    /// Whether its process begins with it: coordinates start here.
    pub(crate) outermost: bool,
}

impl Document {
    /// A ref of this document: `e12`, `f1e3`.
    pub(crate) fn reference(&self, number: u32) -> String {
        self.number.map_or_else(|| format!("e{number}"), |frame| format!("f{frame}e{number}"))
    }
}

/// What a call has acted on.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    /// For people: `button "Delete"`.
    pub(crate) name: String,
    /// Its line: `button "Delete" [ref=e3]`.
    pub(crate) line: String,
}

/// What a call has begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    /// Documents whose guards are armed.
    pub(crate) armed: Vec<Document>,
    /// Where the main button was pressed and is to come up.
    pub(crate) pressed: Option<Point>,
    /// What the page has started to drag, and where it is.
    pub(crate) dragged: Option<(DragData, Point)>,
    /// Drags are intercepted in this session.
    pub(crate) intercepting: Option<Session>,
}

/// Everything known; owned by one task.
pub(crate) struct State {
    browser: Session,
    policy: Arc<Policy>,
    pub(crate) dialogs: Dialogs,
    tasks: TaskTracker,
    post: Post,
    tabs: Vec<Tab>,
    current: Option<String>,
    /// Tabs that were current before, the latest last.
    before: Vec<String>,
    sessions: HashMap<String, Served>,
    frames: HashMap<String, FrameState>,
    pub(crate) requests: Requests,
    /// When the action began that is being settled.
    pub(crate) acting: Option<Instant>,
    /// The first address that the policy forbids.
    pub(crate) blocked: Option<Blocked>,
    /// Latest failure of a document request, for navigations that we did not start.
    pub(crate) document_error: Option<(String, String)>,
    /// What the page has started to drag.
    pub(crate) dragged: Option<DragData>,
    /// What has to be put right after the call, however it ends.
    pub(crate) owed: Owed,
    pub(crate) downloads: Downloads,
    /// What the pages of the scenario have said beside their trees.
    pub(crate) heard: Heard,
    /// What became of tabs since this was last asked.
    tab_news: Vec<TabNews>,
    notes: Vec<String>,
    chooser: Option<Chooser>,
    /// What the call under way has acted on.
    pub(crate) struck: Option<Struck>,
    /// What the reader of this browser was told, and the numbers of refs and frames.
    pub(crate) reader: Reader,
    last_order: u64,
    last_tab: u32,
}

impl State {
    pub(super) fn new(
        browser: Session,
        policy: Arc<Policy>,
        dialogs: Dialogs,
        tasks: TaskTracker,
        post: Post,
        reader: Reader,
    ) -> Self {
        Self {
            browser,
            policy,
            dialogs,
            tasks,
            post,
            tabs: Vec::new(),
            current: None,
            before: Vec::new(),
            sessions: HashMap::new(),
            frames: HashMap::new(),
            requests: Requests::default(),
            acting: None,
            blocked: None,
            document_error: None,
            dragged: None,
            owed: Owed::default(),
            downloads: Downloads::default(),
            heard: Heard::default(),
            tab_news: Vec::new(),
            notes: Vec::new(),
            chooser: None,
            struck: None,
            reader,
            last_order: 0,
            last_tab: 0,
        }
    }

    /// The current tab.
    pub(crate) fn tab(&self) -> Option<&Tab> {
        self.tabs.iter().find(|tab| Some(&tab.target) == self.current.as_ref())
    }

    /// Whether there is no tab to work with: none is left, or its process has died.
    pub(crate) fn lost(&self) -> bool {
        self.tab().is_none_or(|tab| tab.crashed)
    }

    /// HTTP status of the current document.
    pub(crate) fn status(&self) -> Option<u16> {
        let tab = self.tab()?;
        let loader = &self.frames.get(&tab.target)?.loader;
        tab.status.as_ref().filter(|(of, _)| of == loader).map(|(_, status)| *status)
    }

    /// The current tab's main document, if it can be asked.
    pub(crate) fn main_document(&self) -> Option<Document> {
        self.document_of(&self.tab()?.target)
    }

    /// All documents of the current tab that can be asked, a parent before its children.
    pub(crate) fn documents(&self) -> Vec<Document> {
        let mut all = Vec::new();
        if let Some(tab) = self.tab() {
            self.collect(&tab.target, &mut all);
        }
        all
    }

    fn collect(&self, frame: &str, all: &mut Vec<Document>) {
        all.extend(self.document_of(frame));
        for child in self.children(frame) {
            self.collect(child, all);
        }
    }

    /// Frames of the current tab that cannot be asked now, with the frame that holds each.
    pub(crate) fn silent_frames(&self) -> Vec<(String, String)> {
        let Some(tab) = self.tab() else { return Vec::new() };
        let mut silent: Vec<_> = self
            .frames
            .iter()
            .filter(|(_, frame)| frame.tab == tab.target && frame.context.is_none())
            .filter_map(|(id, frame)| Some((frame.order, id.clone(), frame.parent.clone()?)))
            .collect();
        silent.sort();
        silent.into_iter().map(|(_, id, parent)| (id, parent)).collect()
    }

    fn children(&self, parent: &str) -> Vec<&str> {
        let mut children: Vec<_> = self
            .frames
            .iter()
            .filter(|(_, frame)| frame.parent.as_deref() == Some(parent))
            .map(|(id, frame)| (frame.order, id.as_str()))
            .collect();
        children.sort_unstable();
        children.into_iter().map(|(_, id)| id).collect()
    }

    /// The document of a frame, if it can be asked.
    pub(crate) fn document_of(&self, id: &str) -> Option<Document> {
        let frame = self.frames.get(id)?;
        let served = self.sessions.get(&frame.session)?;
        Some(Document {
            frame: id.to_owned(),
            number: frame.number,
            parent: frame.parent.clone(),
            session: served.session.clone(),
            context: frame.context?,
            outermost: served.root == id,
        })
    }

    /// The document that holds a frame.
    pub(crate) fn parent_document(&self, id: &str) -> Option<Document> {
        self.document_of(self.frames.get(id)?.parent.as_deref()?)
    }

    /// Node and number of a frame's element, if its parent's document is still the same.
    pub(crate) fn known_owner(&self, id: &str) -> Option<(i64, u32)> {
        let frame = self.frames.get(id)?;
        let (context, node, number) = frame.owner?;
        let parent = self.frames.get(frame.parent.as_deref()?)?;
        (parent.context == Some(context)).then_some((node, number))
    }

    pub(crate) fn remember_owner(&mut self, id: &str, context: i64, node: i64, number: u32) {
        if let Some(frame) = self.frames.get_mut(id) {
            frame.owner = Some((context, node, number));
        }
    }

    /// The first ref number that no element of this frame number has.
    pub(crate) fn floor(&self, number: Option<u32>) -> u32 {
        self.reader.floor(number)
    }

    /// A ref was given.
    pub(crate) fn used(&mut self, number: Option<u32>, reference: u32) {
        self.reader.used(number, reference);
    }

    /// What a person should hear since the last result.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.extend(self.downloads.take_notes());
        notes.extend(self.heard.take_notes());
        notes
    }

    /// A scenario begins: what the one before has met is nobody's any more.
    pub(crate) fn begin_scenario(&mut self) {
        self.forget_dialogs();
        self.heard.forget();
    }

    /// A navigation of the current tab that began at or after `t0` and has not committed, with the
    /// time since which it lasts.
    pub(crate) fn navigating(&self, t0: Instant, now: Instant) -> bool {
        let Some(tab) = self.tab() else { return false };
        self.frames.values().filter(|frame| frame.tab == tab.target).any(|frame| {
            frame.pending.as_ref().is_some_and(|pending| {
                pending.since >= t0 && (pending.started || now - pending.since < REQUEST_ONLY)
            })
        })
    }

    /// The main document's arrival, if it came at or after `t0`.
    pub(crate) fn arrived(&self, t0: Instant) -> Option<Arrival> {
        let frame = self.frames.get(&self.tab()?.target)?;
        let committed = frame.committed.filter(|at| *at >= t0)?;
        let (ready, loaded, failed) = (frame.ready, frame.loaded, frame.unreachable);
        Some(Arrival { committed, ready, loaded, failed })
    }

    /// The main frame's URL as the browser has told it.
    pub(crate) fn url(&self) -> String {
        self.tab()
            .and_then(|tab| self.frames.get(&tab.target))
            .map(|frame| frame.url.clone())
            .unwrap_or_default()
    }

    /// Takes one event in.
    pub(super) fn fold(&mut self, event: &Event) {
        let session = event.session.as_deref().unwrap_or_default();
        match event.method.as_str() {
            "Target.attachedToTarget" => read(event, |it| self.attached(it)),
            "Target.detachedFromTarget" => {
                read(event, |it: Detached| self.detached(&it.session_id));
            }
            "Inspector.targetCrashed" => self.crashed(session),
            "Page.frameAttached" => read(event, |it| self.frame_attached(session, it)),
            "Page.frameDetached" => read(event, |it| self.frame_detached(session, &it)),
            "Page.frameNavigated" => {
                read(event, |it: FrameNavigated| self.navigated(session, it.frame));
            }
            "Page.frameRequestedNavigation" => read(event, |it| self.navigation_asked(&it)),
            "Page.frameStartedNavigating" => read(event, |it| self.navigation_began(&it)),
            "Page.navigatedWithinDocument" => read(event, |it: OfFrame| {
                if let Some(frame) = self.frames.get_mut(&it.frame_id) {
                    frame.pending = None;
                    if let Some(url) = it.url {
                        frame.url = url;
                    }
                }
            }),
            "Page.frameStoppedLoading" => read(event, |it: OfFrame| {
                if let Some(frame) = self.frames.get_mut(&it.frame_id) {
                    frame.pending = None;
                }
            }),
            "Page.domContentEventFired" => self.milestone(session, |frame| {
                frame.ready.get_or_insert_with(Instant::now);
            }),
            "Page.loadEventFired" => self.milestone(session, |frame| {
                frame.ready.get_or_insert_with(Instant::now);
                frame.loaded = true;
            }),
            "Page.javascriptDialogOpening" => read(event, |it| self.dialog_opened(session, it)),
            "Page.javascriptDialogClosed" => self.dialog_closed(session),
            "Page.fileChooserOpened" => read(event, |it| self.chooser_opened(&it)),
            "Page.downloadWillBegin" | "Browser.downloadWillBegin" => {
                read(event, |it| self.download_began(it));
            }
            "Page.downloadProgress" => read(event, |it| self.download_progressed(it, false)),
            "Browser.downloadProgress" => read(event, |it| self.download_progressed(it, true)),
            "Input.dragIntercepted" => {
                read(event, |it: DragIntercepted| self.dragged = Some(it.data));
            }
            "Runtime.executionContextCreated" => {
                read(event, |it: ContextCreated| self.context_created(session, it));
            }
            "Runtime.executionContextDestroyed" => read(event, |it: ContextDestroyed| {
                for frame in self.frames.values_mut() {
                    if frame.session == session && frame.context == Some(it.execution_context_id) {
                        frame.context = None;
                    }
                }
            }),
            "Runtime.executionContextsCleared" => {
                for frame in self.frames.values_mut().filter(|frame| frame.session == session) {
                    frame.context = None;
                }
            }
            "Runtime.consoleAPICalled" => read(event, |it| self.console_called(session, it)),
            "Runtime.exceptionThrown" => read(event, |it| self.thrown(session, it)),
            "Log.entryAdded" => read(event, |it| self.logged(session, it)),
            "Network.requestWillBeSent" => read(event, |it| self.request_began(session, it)),
            "Network.responseReceived" => read(event, |it| self.response(&it)),
            "Network.dataReceived" => read(event, |it: DataReceived| {
                self.requests.receive(&it.request_id, it.encoded_data_length);
            }),
            "Network.loadingFinished" | "Network.loadingFailed" => {
                read(event, |it| self.request_ended(it));
            }
            _ => {}
        }
    }

    fn attached(&mut self, event: Attached) {
        let Attached { session_id, target_info } = event;
        let session = self.browser.with_id(&Arc::from(session_id.as_str()));
        let TargetInfo { id: target_id, kind, opener_id, url } = target_info;
        let tab = match kind.as_str() {
            "page" => {
                self.last_tab += 1;
                let tab = Tab {
                    number: self.last_tab,
                    target: target_id.clone(),
                    session: session.clone(),
                    opener: opener_id,
                    born: Instant::now(),
                    crashed: false,
                    status: None,
                };
                self.tabs.retain(|tab| tab.target != target_id);
                self.tabs.push(tab);
                self.add_frame(&target_id, None, &session_id, &target_id);
                self.tell_tab(&target_id, TabState::Opened);
                if self.current.is_none() {
                    self.current = Some(target_id.clone());
                    self.tell_tab(&target_id, TabState::Current);
                }
                target_id.clone()
            }
            "iframe" => {
                // The parent may not have told of the frame yet; its tree will.
                let Some(tab) = self.frames.get(&target_id).map(|frame| frame.tab.clone()) else {
                    tracing::debug!("a frame in another process before its parent told of it");
                    session.set_up(SCRIPT).forget();
                    return;
                };
                tab
            }
            // A worker: nothing is asked of it.
            _ => {
                session.let_run();
                return;
            }
        };
        if let Some(frame) = self.frames.get_mut(&target_id) {
            frame.session.clone_from(&session_id);
            frame.context = None;
            frame.url = url;
        }
        let served = Served { session: session.clone(), tab, root: target_id };
        self.sessions.insert(session_id.clone(), served);
        let tree = session.set_up(SCRIPT);
        let post = self.post.clone();
        self.tasks.spawn(async move {
            match Session::frame_tree(tree).await {
                Ok(tree) => post.send(move |state| state.take_tree(&session_id, tree)),
                Err(error) => tracing::debug!(%error, "a page went away while it was set up"),
            }
        });
    }

    /// Documents that existed before we attached.
    fn take_tree(&mut self, session: &str, tree: FrameTree) {
        let FrameTree { frame, child_frames } = tree;
        let Some(served) = self.sessions.get(session) else { return };
        let tab = served.tab.clone();
        let parent = frame.parent_id.clone();
        if !self.frames.contains_key(&frame.id) {
            self.add_frame(&frame.id, parent, session, &tab);
        }
        if let Some(known) = self.frames.get_mut(&frame.id)
            && known.loader.is_empty()
        {
            known.loader = frame.loader_id;
            known.url = frame.url + &frame.url_fragment;
        }
        for child in child_frames {
            self.take_tree(session, child);
        }
    }

    fn detached(&mut self, session: &str) {
        self.requests.drop_session(session);
        self.sessions.remove(session);
        self.dialog_closed(session);
        self.tab_closed(session);
    }

    fn crashed(&mut self, session: &str) {
        self.requests.drop_session(session);
        for frame in self.frames.values_mut().filter(|frame| frame.session == session) {
            frame.context = None;
            frame.pending = None;
        }
        let mut crashed = None;
        for tab in &mut self.tabs {
            if tab.session.id().is_some_and(|id| &**id == session) {
                tab.crashed = true;
                self.notes.push("the tab's process has crashed".to_owned());
                crashed = Some(tab.target.clone());
            }
        }
        if let Some(target) = crashed {
            self.tell_tab(&target, TabState::Crashed);
        }
    }

    fn add_frame(&mut self, id: &str, parent: Option<String>, session: &str, tab: &str) {
        let number = parent.is_some().then(|| self.reader.next_frame());
        self.last_order += 1;
        let frame = FrameState {
            parent,
            session: session.to_owned(),
            tab: tab.to_owned(),
            number,
            context: None,
            loader: String::new(),
            url: String::new(),
            pending: None,
            committed: None,
            unreachable: false,
            ready: None,
            loaded: false,
            owner: None,
            order: self.last_order,
        };
        self.frames.insert(id.to_owned(), frame);
    }

    fn frame_attached(&mut self, session: &str, event: FrameAttached) {
        let FrameAttached { frame_id, parent_frame_id } = event;
        let Some(tab) = self.sessions.get(session).map(|served| served.tab.clone()) else { return };
        match self.frames.get_mut(&frame_id) {
            // Back from another process.
            Some(frame) => session.clone_into(&mut frame.session),
            None => self.add_frame(&frame_id, Some(parent_frame_id), session, &tab),
        }
    }

    fn frame_detached(&mut self, session: &str, event: &FrameDetached) {
        if event.reason == "swap" {
            if let Some(frame) = self.frames.get_mut(&event.frame_id)
                && frame.session == session
            {
                frame.context = None;
            }
            return;
        }
        for child in
            self.children(&event.frame_id).into_iter().map(str::to_owned).collect::<Vec<_>>()
        {
            let event = FrameDetached { frame_id: child, reason: String::new() };
            self.frame_detached(session, &event);
        }
        self.frames.remove(&event.frame_id);
        self.requests.replace_document(&event.frame_id, None);
    }

    fn navigated(&mut self, session: &str, info: FrameInfo) {
        let Some(tab) = self.sessions.get(session).map(|served| served.tab.clone()) else { return };
        if !self.frames.contains_key(&info.id) {
            self.add_frame(&info.id, info.parent_id.clone(), session, &tab);
        }
        let Some(frame) = self.frames.get_mut(&info.id) else { return };
        session.clone_into(&mut frame.session);
        frame.unreachable = info.unreachable_url.is_some();
        frame.url = info.unreachable_url.unwrap_or(info.url) + &info.url_fragment;
        frame.pending = None;
        frame.committed = Some(Instant::now());
        if frame.loader != info.loader_id {
            self.requests.replace_document(&info.id, Some(&info.loader_id));
            frame.loader = info.loader_id;
            frame.ready = None;
            frame.loaded = false;
        }
        self.tab_is_at(&info.id);
    }

    fn navigation_asked(&mut self, event: &OfFrame) {
        match event.disposition.as_deref() {
            None | Some("currentTab") => {}
            Some("download") => return self.downloads.asked(),
            Some(_) => return,
        }
        if let Some(frame) = self.frames.get_mut(&event.frame_id) {
            frame.pending.get_or_insert_with(|| Pending::new(false));
        }
    }

    fn navigation_began(&mut self, event: &OfFrame) {
        let kind = event.navigation_type.as_deref().unwrap_or_default();
        if kind.to_ascii_lowercase().contains("samedocument") {
            return;
        }
        if let Some(frame) = self.frames.get_mut(&event.frame_id) {
            let pending = frame.pending.get_or_insert_with(|| Pending::new(true));
            pending.started = true;
        }
    }

    fn milestone(&mut self, session: &str, mark: impl FnOnce(&mut FrameState)) {
        let root = self.sessions.get(session).map(|served| &served.root);
        if let Some(frame) = root.and_then(|root| self.frames.get_mut(root)) {
            mark(frame);
        }
    }

    fn context_created(&mut self, session: &str, event: ContextCreated) {
        let context = event.context;
        if context.name != WORLD {
            return;
        }
        if let Some(frame) = self.frames.get_mut(&context.aux_data.frame_id)
            && frame.session == session
        {
            frame.context = Some(context.id);
        }
    }
}

/// Events of an unknown shape are left out: nothing that we use is optional in them.
fn read<T: DeserializeOwned>(event: &Event, take: impl FnOnce(T)) {
    match serde_json::from_str(event.params.get()) {
        Ok(it) => take(it),
        Err(error) => tracing::debug!(method = %event.method, %error, "unreadable event"),
    }
}

/// Page text in a note: one line, not endless. No word of it is cut, since it may be half of a secret.
fn quote(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    let Some((end, _)) = line.char_indices().nth(QUOTE) else { return format!("\"{line}\"") };
    let head = line.get(..end).unwrap_or_default();
    match head.rfind(' ') {
        Some(blank) => format!("\"{} …\"", head.get(..blank).unwrap_or_default()),
        None => "\"…\"".to_owned(),
    }
}
