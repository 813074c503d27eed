//! `wait`, `wait_for_stable`, and questions that are repeated until they are answered as hoped.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::dispatch::{Acted, Page};
use crate::page::{
    HeldDialog, Text,
    cdp::CdpError,
    frames::Browser,
    predicate::{self, Finding, Held, Predicate, State},
    reader::Known,
    settle,
    tool::{Code, Failed},
    view::View,
};

/// `wait` with text: default and cap (agent.md 4.3).
const TEXT_DEFAULT: Duration = Duration::from_secs(10);
const TEXT_CAP: Duration = Duration::from_secs(30);
/// `wait` without text: cap.
const SLEEP_CAP: Duration = Duration::from_secs(10);
/// `wait_for_stable`: caps.
const STABLE_CAP: Duration = Duration::from_mins(1);
const QUIET_CAP: Duration = Duration::from_secs(10);
/// How long something must be absent or hidden on end (agent.md 8.2).
const ABSENCE: Duration = Duration::from_millis(500);
/// Pauses between questions; the last one for ever.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(100),
    Duration::from_millis(250),
];
/// While something must stay absent it is looked at this often.
const WATCH: Duration = Duration::from_millis(100);

impl Page {
    /// Whether a predicate holds: asked until it does, at most for `deadline`. What has to be absent
    /// or hidden must be so for 500 ms on end, which may end that much later.
    pub async fn ask(
        &self,
        predicate: &Predicate,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Finding {
        let end = Instant::now() + deadline;
        let lasting = must_last(predicate);
        let mut since: Option<Instant> = None;
        let mut turn = 0;
        loop {
            let finding = tokio::select! {
                biased;
                () = cancel.cancelled() => return unanswered("the run is ending"),
                finding = self.look(predicate) => finding,
            };
            let now = Instant::now();
            let finding = match finding {
                Ok(finding) => finding,
                Err(error) if error.page_moved() => {
                    if let Err(lost) = self.alive().await {
                        return unanswered(&lost.message);
                    }
                    unanswered("the page kept changing while it was looked at")
                }
                Err(error) => return unanswered(&error.to_string()),
            };
            if finding.outcome {
                let from = *since.get_or_insert(now);
                if !lasting || now - from >= ABSENCE {
                    return finding;
                }
            } else {
                since = None;
                if now >= end {
                    return finding;
                }
            }
            let pause = if since.is_some() {
                WATCH
            } else {
                PAUSES.get(turn).or(PAUSES.last()).copied().unwrap_or(WATCH)
            };
            turn += 1;
            let wake = now + pause;
            tokio::select! {
                () = cancel.cancelled() => return unanswered("the run is ending"),
                () = sleep_until(if since.is_some() { wake } else { wake.min(end) }) => {}
            }
        }
    }

    /// Looks once. A masked value is compared where it is.
    async fn look(&self, predicate: &Predicate) -> Result<Finding, CdpError> {
        let (latest, held) =
            self.browser.with(|state| (state.dialogs.latest(), state.dialogs.held())).await?;
        if let Predicate::Dialog { op, value } = predicate {
            return Ok(predicate::said(*op, value, latest.as_deref()));
        }
        if let Some(HeldDialog { kind, .. }) = held {
            return Ok(unanswered(&format!("a {kind} dialog is open and blocks the page")));
        }
        let view = View::take(&self.browser).await?;
        if let Some(reference) = predicate.reference() {
            // What was printed and is gone may be just what is asked about: is it hidden?
            let gone = view.tree.by_reference(reference).is_none();
            let of = reference.to_owned();
            let known = self.browser.with(move |state| state.reader.known(&of)).await?;
            let gone = gone && matches!(known, Known::As(_));
            if !gone && !self.is_as_printed(&view, reference).await? {
                return Ok(unanswered(&self.stale(reference).await.message));
            }
        }
        let comparison = match predicate::holds(predicate, &view.tree, &view.place()) {
            Held::Is(finding) => return Ok(finding),
            Held::Compare(comparison) => comparison,
        };
        let handle = view.tree.handle(comparison.node);
        let Some(element) = view.element(&self.browser, handle).await? else {
            return Ok(unanswered("the field went away while it was looked at"));
        };
        let argument = json!({
            "n": element.number, "op": comparison.op, "wanted": comparison.value.expose(),
        });
        let held: Option<bool> = Browser::ask(&element.document, "compares", argument).await?;
        Ok(held.map_or_else(
            || unanswered("the masked value cannot be compared this way"),
            |held| comparison.finding(held),
        ))
    }

    pub(super) async fn wait_for_text(
        &self,
        text: &Text,
        gone: bool,
        limit: Option<Duration>,
        cancel: &CancellationToken,
    ) -> Result<Acted, Failed> {
        let limit = limit.unwrap_or(TEXT_DEFAULT).min(TEXT_CAP);
        let (text_of, within) = (text.clone(), Vec::new());
        let predicate = if gone {
            Predicate::TextAbsent { text: text_of, within }
        } else {
            Predicate::TextVisible { text: text_of, within, exact: false }
        };
        let start = Instant::now();
        let finding = self.ask(&predicate, limit, cancel).await;
        let ms = start.elapsed().as_millis();
        let state = if gone { "gone" } else { "visible" };
        if finding.outcome {
            let sentence = format!("\"{}\" is {state}", text.shown());
            return Ok(Acted { data: json!({"ms": ms}), ..Acted::say(sentence) });
        }
        // A browser that has ended meanwhile has not let the time run out.
        self.alive().await?;
        let message = format!(
            "\"{}\" was not {state} within {} ms: {}",
            text.shown(),
            limit.as_millis(),
            finding.detail
        );
        Err(Failed::new(Code::Timeout, message).with(json!({"ms": ms, "last": finding.detail})))
    }

    pub(super) async fn wait_until(
        &self,
        predicate: &Predicate,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Acted, Failed> {
        let start = Instant::now();
        let finding = self.ask(predicate, deadline - start, cancel).await;
        let ms = start.elapsed().as_millis();
        if finding.outcome {
            return Ok(Acted {
                data: json!({"ms": ms}),
                ..Acted::say("what was waited for is so")
            });
        }
        self.alive().await?;
        let message = format!("what was waited for did not come: {}", finding.detail);
        Err(Failed::new(Code::Timeout, message).with(json!({"ms": ms, "last": finding.detail})))
    }

    pub(super) async fn wait_for_stable(
        &self,
        quiet: Duration,
        limit: Duration,
    ) -> Result<Acted, Failed> {
        let start = Instant::now();
        let limit = limit.min(STABLE_CAP);
        let found = settle::stable(&self.browser, quiet.min(QUIET_CAP), start + limit).await?;
        self.alive().await?;
        let waited = start.elapsed().as_millis();
        let data = json!({
            "waited": waited, "mutations": found.mutations, "busiest": found.busiest,
        });
        if found.reached {
            let sentence = format!("the page is stable after {waited} ms");
            return Ok(Acted { data, ..Acted::say(sentence) });
        }
        let busiest = found.busiest.map(|what| format!("; busiest: {what}")).unwrap_or_default();
        let fetching = match found.fetching {
            0 => String::new(),
            n => format!("; requests under way: {n}"),
        };
        let limit = limit.as_secs();
        let message = format!("the page did not come to rest within {limit} s{busiest}{fetching}");
        Err(Failed::new(Code::Timeout, message).with(data))
    }
}

fn unanswered(why: &str) -> Finding {
    Finding { outcome: false, detail: why.to_owned() }
}

/// Whether it has to hold for a while: what flickers is not gone.
fn must_last(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::TextAbsent { .. } => true,
        Predicate::ElementState { state, negate, .. } => {
            matches!((state, negate), (State::Hidden, false) | (State::Visible, true))
        }
        Predicate::TextVisible { .. }
        | Predicate::Url { .. }
        | Predicate::Title { .. }
        | Predicate::Value { .. }
        | Predicate::Count { .. }
        | Predicate::Options { .. }
        | Predicate::Dialog { .. }
        | Predicate::HttpStatus { .. } => false,
    }
}

/// Sleeps, for plans that insist.
pub(super) async fn pause(time: Duration) -> Acted {
    let time = time.min(SLEEP_CAP);
    sleep(time).await;
    let ms = time.as_millis();
    Acted { data: json!({"ms": ms}), ..Acted::say(format!("waited {ms} ms")) }
}
