//! Which tab is current, and which there are.

use tokio::time::Instant;

use super::{Document, POPUP_GRACE, State, quote};
use crate::page::{TabNews, TabState, cdp::Session};

/// A tab as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// `t1`; counts up and is never reused.
    pub(crate) id: String,
    /// See [`super::Tab::target`].
    pub(crate) target: String,
    /// The main frame's URL as the browser has told it.
    pub(crate) url: String,
    /// Whether it is the current one.
    pub(crate) current: bool,
    /// Its document, if it can be asked.
    pub(crate) document: Option<Document>,
}

impl State {
    /// The tabs, the oldest first.
    pub(crate) fn list_tabs(&self) -> Vec<Listed> {
        let url = |target| self.frames.get(target).map(|frame| frame.url.clone());
        self.tabs
            .iter()
            .map(|tab| Listed {
                id: tab.id(),
                target: tab.target.clone(),
                url: url(&tab.target).unwrap_or_default(),
                current: self.current.as_ref() == Some(&tab.target),
                document: self.document_of(&tab.target),
            })
            .collect()
    }

    /// The tab that was current before, if it is still there.
    pub(crate) fn previous_tab(&self) -> Option<String> {
        let known = |target: &&String| self.tabs.iter().any(|tab| &tab.target == *target);
        self.before.iter().rev().find(known).cloned()
    }

    /// Makes a tab current. False if it is gone.
    pub(crate) fn switch_to(&mut self, target: &str) -> bool {
        let there = self.tabs.iter().any(|tab| tab.target == target);
        if there {
            self.become_current(target.to_owned());
        }
        there
    }

    /// Makes a tab current that was opened at or after `t0`. True while one may still come.
    pub(crate) fn adopt_popup(&mut self, t0: Instant, now: Instant) -> bool {
        let current = self.current.clone();
        let Some(popup) = self
            .tabs
            .iter()
            .rev()
            .find(|tab| tab.born >= t0 && Some(&tab.target) != current.as_ref())
        else {
            return false;
        };
        let frame = self.frames.get(&popup.target);
        let committed = frame.is_some_and(|frame| frame.committed.is_some());
        let usable = frame.is_some_and(|frame| frame.context.is_some());
        if !(usable && (committed || now - popup.born >= POPUP_GRACE)) {
            return now - popup.born < POPUP_GRACE * 5;
        }
        let (target, url) =
            (popup.target.clone(), frame.map(|frame| frame.url.clone()).unwrap_or_default());
        self.notes.push(format!("a new tab was opened and is current now: {}", quote(&url)));
        self.become_current(target);
        false
    }

    /// A tab is gone; its opener is current again.
    pub(super) fn tab_closed(&mut self, session: &str) {
        let of_it = |id: &Session| id.id().is_some_and(|id| &**id == session);
        let Some(index) = self.tabs.iter().position(|tab| of_it(&tab.session)) else { return };
        if let Some(target) = self.tabs.get(index).map(|tab| tab.target.clone()) {
            self.tell_tab(&target, TabState::Closed);
        }
        let tab = self.tabs.remove(index);
        self.frames.retain(|_, frame| frame.tab != tab.target);
        self.before.retain(|target| *target != tab.target);
        if self.current.as_ref() != Some(&tab.target) {
            return;
        }
        let opener = tab.opener.filter(|opener| self.tabs.iter().any(|tab| &tab.target == opener));
        self.current = None;
        let next = opener.or_else(|| self.previous_tab());
        if let Some(next) = next.or_else(|| self.tabs.last().map(|tab| tab.target.clone())) {
            self.notes.push("the tab was closed; its opener is current again".to_owned());
            self.become_current(next);
        }
    }

    fn become_current(&mut self, target: String) {
        self.browser.activate(&target).forget();
        if self.current.as_ref() == Some(&target) {
            return;
        }
        self.before.retain(|one| *one != target);
        self.tell_tab(&target, TabState::Current);
        self.before.extend(self.current.replace(target));
    }

    /// What became of tabs since this was last asked.
    pub(crate) fn take_tab_news(&mut self) -> Vec<TabNews> {
        std::mem::take(&mut self.tab_news)
    }

    pub(super) fn tell_tab(&mut self, target: &str, state: TabState) {
        let Some(tab) = self.tabs.iter().find(|tab| tab.target == target) else { return };
        let url = self.frames.get(target).map(|frame| frame.url.clone()).unwrap_or_default();
        self.tab_news.push(TabNews { id: tab.id(), url, state });
    }

    /// A tab's main frame is somewhere: what is still to be told of it says where.
    pub(super) fn tab_is_at(&mut self, frame: &str) {
        let Some(tab) = self.tabs.iter().find(|tab| tab.target == frame) else { return };
        let Some(url) = self.frames.get(frame).map(|frame| &frame.url) else { return };
        let id = tab.id();
        let blank = |news: &&mut TabNews| matches!(news.url.as_str(), "" | "about:blank");
        for news in self.tab_news.iter_mut().filter(|news| news.id == id).filter(blank) {
            news.url.clone_from(url);
        }
    }
}
