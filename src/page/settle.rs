//! Waiting until a page has come to rest (agent.md 5.3 and 9.1, snapshot.md 5).

use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::page::{
    cdp::CdpError,
    frames::{Browser, Document},
};

/// Commit and `DOMContentLoaded` of every navigation (agent.md 1, *navigation deadline*).
pub(crate) const NAVIGATION: Duration = Duration::from_secs(30);
/// What `load` gets beyond that.
const LOAD: Duration = Duration::from_secs(5);
/// *Settle caps*: network that the action started, and DOM noise.
const NETWORK_CAP: Duration = Duration::from_secs(2);
const DOM_CAP: Duration = Duration::from_millis(300);
/// Without a change for this long after two frames, a page is at rest.
const QUIET: Duration = Duration::from_millis(50);
/// A frame that does not answer at all does not hold up the result longer than this: the caps, two
/// timers of a tab without frames, and a busy machine.
const DEAF: Duration = Duration::from_secs(2);
/// How far past its own deadline `wait_for_stable` waits for a frame's answer.
const GRACE: Duration = Duration::from_millis(200);

/// What came of waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// A deadline or cap that was reached: `navigation`, `network` or `changes`.
    pub(crate) unsettled: Option<&'static str>,
}

/// Waits until what an action that began at `t0` has started is over.
pub(crate) async fn settle(browser: &Browser, t0: Instant) -> Result<Rest, CdpError> {
    let navigation_deadline = t0 + NAVIGATION;
    let mut network_from = t0;
    loop {
        // 1. Navigation, popups included.
        let arrived = browser
            .until(navigation_deadline, move |state| {
                let now = Instant::now();
                if state.lost() {
                    return Some(None);
                }
                if state.adopt_popup(t0, now) || state.navigating(t0, now) {
                    return None;
                }
                match state.arrived(t0) {
                    None => Some(None),
                    Some(arrival) => arrival
                        .ready
                        .filter(|ready| arrival.loaded || arrival.failed || now - *ready >= LOAD)
                        .map(|_| Some(arrival.committed)),
                }
            })
            .await?;
        let Some(arrived) = arrived else { return Ok(Rest { unsettled: Some("navigation") }) };
        if let Some(committed) = arrived {
            network_from = network_from.max(committed);
        }

        // 2. Network.
        let network_deadline = network_from + NETWORK_CAP;
        let quiet = browser
            .until(network_deadline, move |state| {
                let Some(tab) = state.tab() else { return Some(()) };
                let over = state.requests.awaited(&tab.target, t0) == 0
                    || state.navigating(t0, Instant::now());
                over.then_some(())
            })
            .await?;
        let network = quiet.is_some();

        // 3. DOM.
        let documents = browser.documents().await?;
        let since = t0.elapsed().as_millis();
        let asked: Vec<_> = documents
            .iter()
            .map(|document| {
                let argument = json!({
                    "since": since, "quiet": QUIET.as_millis(), "cap": DOM_CAP.as_millis(),
                });
                timeout(DEAF, Browser::post(document, "quiet", &argument).get::<bool>())
            })
            .collect();
        let mut dom = true;
        let mut moved = false;
        for answer in join_all(asked).await {
            match answer {
                Ok(Ok(rest)) => dom &= rest,
                Ok(Err(error)) if error.page_moved() => moved = true,
                Ok(Err(error)) => return Err(error),
                Err(_) => dom = false,
            }
        }

        // What began in the meantime counts too, as long as its own cap is not reached.
        let again = browser
            .with(move |state| {
                let now = Instant::now();
                let popup = state.adopt_popup(t0, now);
                let arrived = state.arrived(t0).map(|arrival| arrival.committed);
                let busy =
                    state.tab().is_some_and(|tab| state.requests.awaited(&tab.target, t0) > 0);
                popup
                    || state.navigating(t0, now)
                    || arrived.is_some_and(|at| at > network_from)
                    || (busy && now < network_deadline)
            })
            .await?;
        if browser.with(|state| state.lost()).await? {
            return Ok(Rest::default());
        }
        let now = Instant::now();
        if (again || moved) && now < navigation_deadline {
            if moved {
                // The new document needs a moment to be there.
                wait_for_document(browser, navigation_deadline).await?;
            }
            continue;
        }
        let unsettled = match (network, dom) {
            (false, _) => Some("network"),
            (true, false) => Some("changes"),
            (true, true) => None,
        };
        return Ok(Rest { unsettled });
    }
}

/// Waits until the current tab has a document that can be asked. False at the deadline, or without
/// a tab.
pub(crate) async fn wait_for_document(
    browser: &Browser,
    deadline: Instant,
) -> Result<bool, CdpError> {
    let found = browser
        .until(deadline, |state| {
            if state.lost() { Some(false) } else { state.main_document().map(|_| true) }
        })
        .await?;
    Ok(found.unwrap_or(false))
}

/// What [`stable`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stable {
    /// Nothing changed for as long as was asked.
    pub(crate) reached: bool,
    /// Changes of child lists and texts while it waited.
    pub(crate) mutations: u64,
    /// The element with the most of them.
    pub(crate) busiest: Option<String>,
    /// Fetches that were still under way at the end.
    pub(crate) fetching: usize,
}

#[derive(Debug, Deserialize)]
struct FrameRest {
    idle: f64,
    mutations: u64,
    busiest: Option<String>,
    tally: u64,
}

/// Waits until no frame's child lists and texts have changed for `quiet`, no fetch is under way and
/// no navigation either; until `deadline` at the latest. A navigation restarts the window.
pub(crate) async fn stable(
    browser: &Browser,
    quiet: Duration,
    deadline: Instant,
) -> Result<Stable, CdpError> {
    let start = Instant::now();
    let mut first: Option<u64> = None;
    loop {
        wait_for_document(browser, deadline).await?;
        let documents = browser.documents().await?;
        // Each frame answers when it has been quiet for long enough, counted from our start.
        let left = deadline.saturating_duration_since(Instant::now());
        let argument = json!({
            "quiet": quiet.as_millis(),
            "cap": left.as_millis(),
            "since": start.elapsed().as_millis(),
        });
        ask_all::<bool>(&documents, "calm", &argument, left + GRACE).await?;
        let fetched = browser
            .until(deadline, |state| {
                let Some(tab) = state.tab() else { return Some(()) };
                (state.requests.fetching(&tab.target) == 0).then_some(())
            })
            .await?;
        // Now all at once: one may have changed while another was waited for.
        let argument = json!({"since": start.elapsed().as_millis()});
        let documents = browser.documents().await?;
        let rests = ask_all::<FrameRest>(&documents, "rest", &argument, left + GRACE).await?;
        let still = browser
            .with(move |state| {
                let now = Instant::now();
                let fresh =
                    state.arrived(start).is_some_and(|arrival| now - arrival.committed < quiet);
                !fresh && !state.navigating(start, now)
            })
            .await?;
        let quiet_ms = quiet.as_secs_f64() * 1000.0;
        let all =
            rests.iter().all(|rest| rest.as_ref().is_some_and(|rest| rest.idle + 1.0 >= quiet_ms));
        let told = rests.iter().flatten();
        let mutations: u64 = told.clone().map(|rest| rest.mutations).sum();
        let base = *first.get_or_insert(0);
        let busiest = told.max_by_key(|rest| rest.tally).and_then(|rest| rest.busiest.clone());
        let is_stable = all && still && !documents.is_empty() && fetched.is_some();
        let lost = browser.with(|state| state.lost()).await?;
        if is_stable || lost || Instant::now() >= deadline {
            let fetching = browser
                .with(|state| state.tab().map_or(0, |tab| state.requests.fetching(&tab.target)))
                .await?;
            let mutations = mutations.saturating_sub(base);
            return Ok(Stable { reached: is_stable, mutations, busiest, fetching });
        }
        if all && !still {
            // A navigation that has just ended, or has not: its own window has to pass.
            let changed = |state: &mut crate::page::frames::State| state.main_document().map(drop);
            browser.until(deadline, changed).await?;
            tokio::time::sleep(GRACE.min(quiet)).await;
        }
    }
}

/// Asks every document; `None` for those that went away or did not answer.
async fn ask_all<T: serde::de::DeserializeOwned>(
    documents: &[Document],
    name: &str,
    argument: &serde_json::Value,
    limit: Duration,
) -> Result<Vec<Option<T>>, CdpError> {
    let asked: Vec<_> = documents
        .iter()
        .map(|document| timeout(limit, Browser::post(document, name, argument).get::<T>()))
        .collect();
    let mut answers = Vec::new();
    for answer in join_all(asked).await {
        answers.push(match answer {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) if error.page_moved() => None,
            Ok(Err(error)) => return Err(error),
            Err(_) => None,
        });
    }
    Ok(answers)
}
