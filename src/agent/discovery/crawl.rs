//! From link to link within an origin, under the caps of discovery: what `handback discover` does.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Captured, frontier::Frontier};
use crate::{
    model::image::Image,
    page::{
        Limits, Page, Text,
        tool::{Call, Code, Done, Failed, Wanted},
    },
    redact::Redactor,
};

/// Navigations, those among them that lead to no page of their own: redirects, downloads, errors.
const TRIES: usize = 60;
/// Of a page's tree, as much as is asked about.
const TREE_TOKENS: u32 = 1000;
/// For what needs no element.
const ACTION: Duration = Duration::from_secs(10);

/// A page that was visited.
#[derive(Clone, Debug)]
pub struct Visited {
    /// As it is.
    pub page: Captured,
    /// What it calls its parts, the first ones.
    pub headings: Vec<String>,
}

/// What a crawl meets.
#[derive(Clone, Debug)]
pub enum Met {
    /// A page.
    Page(Box<Visited>),
    /// A link that leads nowhere, in a sentence.
    Broken(String),
}

/// What a page says of itself.
#[derive(Debug, Default, Deserialize)]
struct Said {
    links: Vec<String>,
    headings: Vec<String>,
}

/// Visits the pages that links lead to from `start`, in the order in which they are met.
///
/// # Errors
/// If the browser is lost, the run is cancelled, or the first page cannot be opened.
pub async fn crawl(
    page: &Page,
    start: &Url,
    redactor: &Redactor,
    cancel: &CancellationToken,
    mut meet: impl FnMut(Met) + Send,
) -> Result<(), Failed> {
    let mut frontier = Frontier::new(start);
    let mut known = BTreeSet::from([start.path().to_owned()]);
    let mut queue = VecDeque::from([start.clone()]);
    for _ in 0..TRIES {
        let Some(url) = queue.pop_front() else { break };
        if !frontier.wants(&url) {
            continue;
        }
        let shown = redactor.url(url.as_str());
        let limits = || Limits { action: ACTION, cancel: cancel.clone() };
        let navigate = Call::Navigate { url: Text::plain(url.as_str()) };
        let done = match page.call(&navigate, limits()).await {
            Ok(done) => done,
            Err(failed) if url == *start || ends(failed.code) => return Err(failed),
            Err(failed) => {
                meet(Met::Broken(format!("{shown} could not be opened: {failed}")));
                continue;
            }
        };
        if done.data.get("download").is_some() {
            continue;
        }
        if let Some(status) = done.page.status.filter(|status| *status >= 400) {
            meet(Met::Broken(format!("{shown} is answered with HTTP status {status}")));
            continue;
        }
        // Where it led, which may be elsewhere.
        let Some(here) = Url::parse(&done.page.url).ok().filter(|here| frontier.take(here)) else {
            continue;
        };
        let script = Call::Evaluate { expression: Text::plain(include_str!("links.js")), on: None };
        let said = match page.call(&script, limits()).await {
            Ok(said) => read(&said),
            Err(failed) if ends(failed.code) => return Err(failed),
            // A page that breaks its own world has no links for us.
            Err(_) => Said::default(),
        };
        for link in said.links.iter().filter_map(|link| Url::parse(link).ok()) {
            if frontier.wants(&link) && known.insert(link.path().to_owned()) {
                queue.push_back(link);
            }
        }
        let wanted = Wanted { max_tokens: Some(TREE_TOKENS), ..Wanted::default() };
        let redact = |text: &str| redactor.base(text);
        let tree = page.snapshot(&wanted, &redact).await.unwrap_or_default();
        let picture = page.screenshot().await.ok().map(Bytes::from);
        let captured = Captured {
            url: here,
            title: done.page.title,
            tree,
            image: picture.and_then(|jpeg| Image::new(jpeg).ok()),
            screenshot: None,
        };
        meet(Met::Page(Box::new(Visited { page: captured, headings: said.headings })));
    }
    Ok(())
}

/// Whether nothing more can be visited after it.
fn ends(code: Code) -> bool {
    matches!(code, Code::BrowserLost | Code::LeaseRevoked | Code::Cancelled)
}

fn read(done: &Done) -> Said {
    let value = done.data.get("value").cloned().unwrap_or_default();
    serde_json::from_value(value).unwrap_or_default()
}
