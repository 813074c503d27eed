//! What pages write to their consoles, what they ask the network for, and what of it a person should
//! hear at once.

use std::net::IpAddr;

use tokio::time::Instant;
use url::Url;

use super::{Pending, Request, State, quote};
use crate::page::{
    cdp::event::{
        CallFrame, ConsoleArgument, ConsoleCalled, EntryAdded, ExceptionThrown, LoadingEnded,
        RequestWillBeSent, Response, ResponseReceived, StackTrace,
    },
    heard::{Argument, Console, Exchange, Message, Outcome, Severity, Traffic, formatted},
};

/// What the pages of a scenario have said, and what of it is new since the last result.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) console: Console,
    pub(crate) traffic: Traffic,
    errors: Tally,
    failures: Tally,
}

/// How many there were, and the first of them.
#[derive(Debug, Default)]
struct Tally {
    count: usize,
    first: String,
}

impl Tally {
    fn count(&mut self, text: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = text();
        }
        self.count += 1;
    }

    fn take(&mut self, what: &str) -> Option<String> {
        let Self { count, first } = std::mem::take(self);
        match count {
            0 => None,
            1 => Some(format!("1 {what}: {first}")),
            _ => Some(format!("{count} {what}s, first: {first}")),
        }
    }
}

impl Heard {
    /// A scenario begins.
    pub(crate) fn forget(&mut self) {
        self.console = Console::default();
        self.traffic.forget();
    }

    /// Notes about what is new.
    pub(super) fn take_notes(&mut self) -> impl Iterator<Item = String> {
        let errors = self.errors.take("console error");
        errors.into_iter().chain(self.failures.take("failed request"))
    }

    fn failed(&mut self, exchange: Option<Exchange>) {
        let Some(Exchange { method, url, status, error, .. }) = exchange else { return };
        self.failures.count(|| {
            let why = error.or_else(|| status.map(|status| status.to_string()));
            format!("{method} {} ({})", quote(bare(&url)), why.unwrap_or_default())
        });
    }
}

impl State {
    pub(super) fn console_called(&mut self, session: &str, event: ConsoleCalled) {
        let ConsoleCalled { kind, args, stack_trace } = event;
        let severity = match kind.as_str() {
            "error" | "assert" => Severity::Error,
            "warning" => Severity::Warning,
            // The ends of groups and the like say nothing.
            "clear" | "endGroup" => return,
            _ => Severity::Info,
        };
        let arguments: Vec<Argument> = args.into_iter().map(argument).collect();
        let mut text = formatted(&arguments);
        if kind == "assert" {
            text.insert_str(0, "Assertion failed: ");
        }
        let at = stack_trace.and_then(|StackTrace { call_frames }| call_frames.into_iter().next());
        let place = at.and_then(|CallFrame { url, line_number }| place(&url, line_number));
        self.write(session, severity, text, place);
    }

    pub(super) fn thrown(&mut self, session: &str, event: ExceptionThrown) {
        let details = event.exception_details;
        let described = details.exception.map(|exception| argument(exception).shown);
        let text = match described.filter(|text| !text.is_empty()) {
            // `Uncaught`, or `Uncaught (in promise)`.
            Some(text) => format!("{} {text}", details.text),
            None => details.text,
        };
        let place = details.url.and_then(|url| place(&url, details.line_number));
        self.write(session, Severity::Error, text, place);
    }

    pub(super) fn logged(&mut self, session: &str, event: EntryAdded) {
        let entry = event.entry;
        // A request that failed is told as such, and the browser's own ones are no page's fault.
        if entry.source == "network" {
            return;
        }
        let severity = match entry.level.as_str() {
            "error" => Severity::Error,
            "warning" => Severity::Warning,
            _ => Severity::Info,
        };
        let place = entry.url.and_then(|url| place(&url, entry.line_number.unwrap_or_default()));
        self.write(session, severity, entry.text, place);
    }

    fn write(&mut self, session: &str, severity: Severity, text: String, place: Option<String>) {
        let Some(tab) = self.tab_of(session) else { return };
        if severity == Severity::Error {
            self.heard.errors.count(|| quote(&text));
        }
        self.heard.console.add(Message { severity, text, place, tab });
    }

    pub(super) fn request_began(&mut self, session: &str, event: RequestWillBeSent) {
        let Some(served) = self.sessions.get(session) else { return };
        let tab = served.tab.clone();
        let kind = event.kind.unwrap_or_default();
        if let Some(response) = &event.redirect_response {
            self.check_address(response);
            self.heard.traffic.answer(&event.request_id, response.status);
            self.heard.traffic.end(&event.request_id, event.timestamp, Outcome::Whole);
        }
        let id = self.tab_of(session).unwrap_or_default();
        let exchange = Exchange {
            method: event.request.method.clone(),
            url: event.request.url.clone(),
            status: None,
            kind: kind.clone(),
            ms: None,
            error: None,
            tab: id,
        };
        self.heard.traffic.start(&event.request_id, event.timestamp, exchange);
        if kind == "Document"
            && event.request_id == event.loader_id
            && let Some(frame) = event.frame_id.as_ref().and_then(|id| self.frames.get_mut(id))
        {
            let pending = frame.pending.get_or_insert_with(|| Pending::new(true));
            pending.started = true;
        }
        let size = event.request.post_data.map_or(0, |body| body.len());
        let same = (event.request.method, event.request.url, size);
        let (frame, loader, since) = (event.frame_id, event.loader_id, Instant::now());
        let session = session.to_owned();
        let request = Request { session, tab, frame, loader, since, kind, same, missing: None };
        let idle = self.acting.is_none();
        self.requests.start(event.request_id, request, idle);
    }

    pub(super) fn response(&mut self, event: &ResponseReceived) {
        self.check_address(&event.response);
        let failed = self.heard.traffic.answer(&event.request_id, event.response.status);
        self.heard.failed(failed);
        if event.response.mime_type == "text/event-stream" {
            self.requests.end(&event.request_id);
        }
        if let Some(length) = event.response.content_length() {
            self.requests.announce(&event.request_id, length);
        }
        let main = event
            .frame_id
            .as_ref()
            .and_then(|frame| self.tabs.iter_mut().find(|tab| &tab.target == frame));
        if event.kind.as_deref() == Some("Document")
            && event.request_id == event.loader_id
            && let Some(tab) = main
        {
            tab.status = Some((event.loader_id.clone(), event.response.status));
        }
    }

    /// The browser's own rules know names; a name that resolved to a forbidden address shows here.
    fn check_address(&mut self, response: &Response) {
        let Some(address): Option<IpAddr> = response.address() else { return };
        let Ok(url) = Url::parse(&response.url) else { return };
        if let Err(blocked) = self.policy.address(url.host_str().unwrap_or_default(), address) {
            self.blocked.get_or_insert(blocked);
        }
    }

    pub(super) fn request_ended(&mut self, event: LoadingEnded) {
        let LoadingEnded { request_id, timestamp, error_text, canceled } = event;
        let outcome = match error_text {
            Some(_) if canceled => Outcome::Cancelled,
            Some(error) => Outcome::Failed(error),
            None => Outcome::Whole,
        };
        let failed = self.heard.traffic.end(&request_id, timestamp, outcome.clone());
        self.heard.failed(failed);
        let request = self.requests.end(&request_id);
        if let (Outcome::Failed(error), Some(request)) = (outcome, request)
            && request.kind == "Document"
        {
            let (_, url, _) = request.same;
            self.document_error = Some((url, error));
        }
    }

    /// The tab of a session: `t1`.
    fn tab_of(&self, session: &str) -> Option<String> {
        let target = &self.sessions.get(session)?.tab;
        self.tabs.iter().find(|tab| &tab.target == target).map(super::Tab::id)
    }
}

/// What was handed to the console, as people read it.
fn argument(argument: ConsoleArgument) -> Argument {
    let ConsoleArgument { value, description, subtype, preview } = argument;
    let shown = match (value, preview) {
        (Some(serde_json::Value::String(text)), _) => {
            return Argument { is_text: true, shown: text };
        }
        (None, Some(preview)) if subtype.as_deref().is_none_or(|kind| kind == "array") => {
            let list = subtype.is_some();
            let mut parts: Vec<String> = preview
                .properties
                .into_iter()
                .map(|property| {
                    let value = property.value.unwrap_or_else(|| "…".to_owned());
                    if list { value } else { format!("{}: {value}", property.name) }
                })
                .collect();
            if preview.overflow {
                parts.push("…".to_owned());
            }
            let parts = parts.join(", ");
            if list { format!("[{parts}]") } else { format!("{{{parts}}}") }
        }
        (Some(value), _) => value.to_string(),
        // A null is read as if there were none.
        (None, _) => description.or(subtype).unwrap_or_else(|| "undefined".to_owned()),
    };
    Argument { is_text: false, shown }
}

/// Lines are counted from 0 there and from 1 by people.
fn place(url: &str, line: i64) -> Option<String> {
    (!url.is_empty()).then(|| format!("{}:{}", bare(url), line + 1))
}

/// A URL without query and hash, which may hold anything.
fn bare(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}
