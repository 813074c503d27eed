//! `switch_tab`: which tabs there are, going to one, closing one.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::dispatch::{Acted, Page};
use crate::page::{
    Text,
    actionability::Schedule,
    frames::{Browser, Listed, within},
    settle,
    tool::{Code, Failed},
};

/// How long a tab may take to say its title: it may be frozen.
const TITLE: Duration = Duration::from_secs(1);

/// A tab as somebody calls it.
#[derive(Clone, Debug, PartialEq)]
pub enum TabChoice {
    /// The one that was opened last.
    New,
    /// The oldest.
    First,
    /// The youngest.
    Last,
    /// The one that was current before.
    Previous,
    /// Counted from 1, the oldest first.
    Nth(u32),
    /// Its id (`t2`), or a part of its title or URL.
    Called(Text),
}

impl TabChoice {
    /// As the tool's argument has it (agent.md 4.4).
    pub fn parse(text: &str) -> Self {
        match text.trim().to_lowercase().as_str() {
            "new" => Self::New,
            "first" => Self::First,
            "last" => Self::Last,
            "previous" => Self::Previous,
            _ => Self::Called(text.into()),
        }
    }

    /// How people call it.
    pub fn shown(&self) -> String {
        match self {
            Self::New => "the new tab".to_owned(),
            Self::First => "the first tab".to_owned(),
            Self::Last => "the last tab".to_owned(),
            Self::Previous => "the previous tab".to_owned(),
            Self::Nth(n) => format!("tab {n}"),
            Self::Called(text) => format!("tab \"{}\"", text.shown()),
        }
    }
}

/// A tab with its title.
#[derive(Clone, Debug)]
struct Titled {
    tab: Listed,
    title: String,
}

impl Titled {
    fn line(&self) -> String {
        let Listed { id, url, .. } = &self.tab;
        format!("{id} \"{}\" {url}", self.title)
    }

    fn json(&self) -> Value {
        let Listed { id, url, current, .. } = &self.tab;
        json!({"id": id, "title": self.title, "url": url, "current": current})
    }
}

impl Page {
    pub(super) async fn switch_tab(
        &self,
        to: Option<&TabChoice>,
        close: bool,
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        if close {
            self.close_tab(deadline).await?;
        }
        let Some(to) = to else {
            if close {
                let (page, tabs) = (self.place().await, self.tabs().await?);
                let sentence = format!("closed the tab; \"{}\" is current", page.title);
                return Ok(Acted { data: listed(&tabs), ..Acted::say(sentence) });
            }
            let tabs = self.tabs().await?;
            let count = tabs.len();
            let sentence = if count == 1 { "1 tab".to_owned() } else { format!("{count} tabs") };
            return Ok(Acted { data: listed(&tabs), ..Acted::say(sentence) });
        };
        let mut schedule = Schedule::until(deadline);
        let mut last = None;
        while schedule.next().await.is_some() {
            let tabs = self.tabs().await?;
            let previous = self.browser.with(|state| state.previous_tab()).await?;
            match pick(&tabs, to, previous.as_deref()) {
                Ok(tab) => {
                    if self.come_to(&tab.tab, deadline).await? {
                        let sentence = format!("switched to {} \"{}\"", tab.tab.id, tab.title);
                        let data = listed(&self.tabs().await?);
                        return Ok(Acted { data, ..Acted::say(sentence) });
                    }
                }
                Err(failed) => last = Some(*failed),
            }
        }
        Err(last.unwrap_or_else(|| Failed::new(Code::NotFound, "the tab is gone")))
    }

    async fn close_tab(&self, deadline: Instant) -> Result<(), Failed> {
        let tabs = self.browser.with(|state| state.list_tabs()).await?;
        if tabs.len() < 2 {
            let message = "the only tab cannot be closed";
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        let Some(current) = tabs.into_iter().find(|tab| tab.current) else { return Ok(()) };
        self.begin().await?;
        self.browser.session.close_tab(&current.target).done().await?;
        let closed = self
            .browser
            .until(deadline, move |state| {
                let gone = state.list_tabs().iter().all(|tab| tab.target != current.target);
                gone.then_some(())
            })
            .await?;
        if closed.is_none() {
            return Err(Failed::new(Code::Timeout, "the tab did not close"));
        }
        self.alive().await?.bring_to_front().done().await?;
        Ok(())
    }

    /// Makes a tab current. False if it is gone.
    async fn come_to(&self, tab: &Listed, deadline: Instant) -> Result<bool, Failed> {
        self.begin().await?;
        let target = tab.target.clone();
        if !self.browser.with(move |state| state.switch_to(&target)).await? {
            return Ok(false);
        }
        self.alive().await?.bring_to_front().done().await?;
        settle::wait_for_document(&self.browser, deadline).await?;
        Ok(true)
    }

    async fn tabs(&self) -> Result<Vec<Titled>, Failed> {
        let tabs = self.browser.with(|state| state.list_tabs()).await?;
        let titled = tabs.into_iter().map(|tab| async {
            let title = match &tab.document {
                Some(document) => {
                    let asked = Browser::ask::<String>(document, "title", json!(null));
                    within(TITLE, "a tab's title", asked).await.unwrap_or_default()
                }
                None => String::new(),
            };
            Titled { tab, title }
        });
        Ok(join_all(titled).await)
    }
}

fn listed(tabs: &[Titled]) -> Value {
    json!({"tabs": tabs.iter().map(Titled::json).collect::<Vec<_>>()})
}

fn pick<'t>(
    tabs: &'t [Titled],
    choice: &TabChoice,
    previous: Option<&str>,
) -> Result<&'t Titled, Box<Failed>> {
    let found = match choice {
        TabChoice::New | TabChoice::Last => tabs.last(),
        TabChoice::First => tabs.first(),
        TabChoice::Previous => tabs.iter().find(|tab| Some(tab.tab.target.as_str()) == previous),
        TabChoice::Nth(n) => {
            n.checked_sub(1).and_then(|n| tabs.get(usize::try_from(n).unwrap_or(usize::MAX)))
        }
        TabChoice::Called(text) => return called(tabs, text, choice),
    };
    // What is new is not the one tab that there was.
    let alone = *choice == TabChoice::New && tabs.len() < 2;
    found.filter(|_| !alone).ok_or_else(|| Box::new(none(tabs, choice)))
}

/// The id; else title or URL equal, equal ignoring case, or containing it: the first of these that
/// any tab meets decides.
fn called<'t>(
    tabs: &'t [Titled],
    text: &Text,
    choice: &TabChoice,
) -> Result<&'t Titled, Box<Failed>> {
    let wanted = text.expose();
    let low = wanted.to_lowercase();
    if let Some(tab) = tabs.iter().find(|tab| tab.tab.id == wanted) {
        return Ok(tab);
    }
    let names = |tab: &Titled| [tab.title.clone(), tab.tab.url.clone()];
    let levels: [&dyn Fn(&String) -> bool; 3] =
        [&|name| name == wanted, &|name| name.to_lowercase() == low, &|name| {
            !low.is_empty() && name.to_lowercase().contains(&low)
        }];
    for level in levels {
        let found: Vec<_> = tabs.iter().filter(|tab| names(tab).iter().any(level)).collect();
        match found.as_slice() {
            [] => {}
            [tab] => return Ok(tab),
            [..] => {
                let lines: Vec<_> = found.iter().map(|tab| tab.line()).collect();
                let message = format!("{} may be several: {}", choice.shown(), lines.join("; "));
                let failed = Failed::new(Code::Ambiguous, message)
                    .with(json!({"candidates": lines, "total": lines.len()}));
                return Err(Box::new(failed));
            }
        }
    }
    Err(Box::new(none(tabs, choice)))
}

fn none(tabs: &[Titled], choice: &TabChoice) -> Failed {
    let lines: Vec<_> = tabs.iter().map(Titled::line).collect();
    let message = format!("{} is not there; there are: {}", choice.shown(), lines.join("; "));
    Failed::new(Code::NotFound, message).with(json!({"closest": lines}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tab(id: &str, title: &str, url: &str) -> Titled {
        let tab = Listed {
            id: id.to_owned(),
            target: format!("T{id}"),
            url: url.to_owned(),
            current: false,
            document: None,
        };
        Titled { tab, title: title.to_owned() }
    }

    #[track_caller]
    fn check(choice: &TabChoice, expected: Result<&str, Code>) {
        let tabs = [
            tab("t1", "Shop", "http://a/"),
            tab("t3", "Shop cart", "http://a/cart"),
            tab("t4", "Help", "http://b/help"),
        ];
        let found = pick(&tabs, choice, Some("Tt3"));
        let found = found.map(|tab| tab.tab.id.as_str()).map_err(|failed| failed.code);
        assert_eq!(found, expected, "{choice:?}");
    }

    #[test]
    fn a_tab_is_known_by_its_place_its_id_and_a_part_of_title_or_url() {
        check(&TabChoice::parse("new"), Ok("t4"));
        check(&TabChoice::parse("First"), Ok("t1"));
        check(&TabChoice::parse("previous"), Ok("t3"));
        check(&TabChoice::Nth(2), Ok("t3"));
        check(&TabChoice::Nth(0), Err(Code::NotFound));
        check(&TabChoice::Nth(4), Err(Code::NotFound));
        check(&TabChoice::parse("t3"), Ok("t3"));
        check(&TabChoice::parse("t2"), Err(Code::NotFound));
        check(&TabChoice::parse("Shop"), Ok("t1"));
        check(&TabChoice::parse("sHOP"), Ok("t1"));
        check(&TabChoice::parse("cart"), Ok("t3"));
        check(&TabChoice::parse("//b/"), Ok("t4"));
        check(&TabChoice::parse("h"), Err(Code::Ambiguous));
        check(&TabChoice::parse(""), Err(Code::NotFound));
    }

    #[test]
    fn the_only_tab_is_no_new_one() {
        let tabs = [tab("t1", "Shop", "http://a/")];
        assert_eq!(pick(&tabs, &TabChoice::New, None).unwrap_err().code, Code::NotFound);
    }
}
