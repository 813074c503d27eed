//! One step from its first event to its last, whoever decides it: a plan or a model (agent.md 4.1).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{ACTION_DEADLINE, Drive, millis};
use crate::{
    agent::{
        deed::{Deed, Look, Suggestion},
        describe,
        http::Request,
        link::Refused,
        results::{Step, StepStatus},
        tools::Tool,
    },
    page::{
        Limits, News, Page,
        tool::{Call, Code, DIFF_TOKENS, Done, Failed, Wanted, Where},
    },
};

/// Any tool call; beyond it the browser is asked whether it is still there.
pub(super) const CEILING: Duration = Duration::from_secs(150);
/// A picture or a tree that is not there by then is left out.
pub(super) const EVIDENCE: Duration = Duration::from_secs(10);

/// A step to take.
#[derive(Clone, Debug)]
pub(super) struct Order<'a> {
    /// What it does, placeholders kept.
    pub(super) deed: &'a Deed,
    /// Its line in the plan.
    pub(super) line: Option<u32>,
    /// How long an element may take until it can be used.
    pub(super) within: Duration,
    /// Whether somebody reads the result, who wants to know what changed.
    pub(super) read: bool,
    /// What the reader is told beside the page's own notes.
    pub(super) notes: &'a [String],
}

/// A step that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    /// Why it failed, if it did.
    pub(super) code: Option<Code>,
    /// What is recorded as its result, without secrets.
    pub(super) result: Value,
    /// The page after it, if it acted or asked for a picture.
    pub(super) picture: Option<Vec<u8>>,
}

/// A step that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) scenario: usize,
    pub(super) record: Step,
    /// Boot-clock time.
    pub(super) at: Duration,
    /// See [`Order`].
    pub(super) within: Duration,
    pub(super) read: bool,
    pub(super) notes: Vec<String>,
}

/// What a step came to.
#[derive(Debug)]
pub(super) struct Ended {
    /// As JSON (agent.md 4.1, 7), or why not.
    pub(super) result: Result<Value, Failed>,
    /// What has changed on the page, for a reader.
    pub(super) changes: Option<String>,
    /// A picture of it, and what kind of picture that is.
    pub(super) picture: Option<(Vec<u8>, &'static str)>,
    /// Whether the reader is shown that picture too.
    pub(super) shown: bool,
}

impl Ended {
    /// Nothing but a result.
    pub(super) fn plain(result: Result<Value, Failed>) -> Self {
        Self { result, changes: None, picture: None, shown: false }
    }
}

impl<'a> Order<'a> {
    /// A step of a plan.
    pub(super) fn planned(deed: &'a Deed, line: Option<u32>) -> Self {
        Self { deed, line, within: ACTION_DEADLINE, read: false, notes: &[] }
    }
}

impl Drive<'_> {
    /// Takes a step and writes it down.
    pub(super) async fn take(&mut self, scenario: usize, order: Order<'_>) -> Taken {
        let Order { deed, line, within, read, notes } = order;
        let record = self.recorded(deed, line);
        self.journal.step_begin(scenario, &record);
        let at = self.journal.boot();
        let notes = notes.to_vec();
        let begun = Begun { scenario, record, at, within, read, notes };
        // Secrets are put in only now, and only into what is executed.
        let taken = match self.variables.fill(deed) {
            Ok(Deed::Act(call)) => self.act(begun, &call).await,
            Ok(Deed::Look(at)) => {
                let ended = self.look(&begun, &at).await;
                self.close(begun, ended)
            }
            Ok(Deed::Http(request)) => self.request(begun, &request).await,
            Ok(Deed::Mail(mail)) => self.mail(begun, &mail).await,
            Ok(Deed::Assert(asserted)) => self.assert(begun, &asserted).await,
            Ok(Deed::Suggest(suggestion)) => self.suggest(begun, &suggestion),
            Ok(Deed::Complete(completion)) => {
                let result = json!({"ok": true, "sentence": completion.summary});
                self.close(begun, Ended::plain(Ok(result)))
            }
            Err(problem) => {
                let code = match problem.code {
                    "mail_unavailable" => Code::MailUnavailable,
                    _ => Code::BlockedByPolicy,
                };
                self.close(begun, Ended::plain(Err(Failed::new(code, problem.message))))
            }
        };
        self.tell_news(Some(scenario)).await;
        self.lost |= taken.code == Some(Code::BrowserLost);
        taken
    }

    /// A step that is never carried out: what was to be done, and why not.
    pub(super) fn refuse(&mut self, scenario: usize, record: Step, failed: Failed) -> Taken {
        self.journal.step_begin(scenario, &record);
        let at = self.journal.boot();
        let begun =
            Begun { scenario, record, at, within: Duration::ZERO, read: true, notes: Vec::new() };
        self.close(begun, Ended::plain(Err(failed)))
    }

    /// A step that was never reached.
    pub(super) fn skip(&mut self, scenario: usize, mut record: Step) {
        record.status = StepStatus::Skipped;
        self.journal.step_end(scenario, record, None, "after");
    }

    /// The record of a step that begins now.
    pub(super) fn recorded(&mut self, deed: &Deed, line: Option<u32>) -> Step {
        let (description, args) = describe::deed(deed);
        self.new_record(deed.tool(), description, args, line)
    }

    /// The same for any tool.
    pub(super) fn new_record(
        &mut self,
        tool: &str,
        description: String,
        args: Value,
        line: Option<u32>,
    ) -> Step {
        let id = self.next_step;
        self.next_step += 1;
        Step {
            id,
            tool: tool.to_owned(),
            action: Tool::find(tool).map_or(tool, |tool| tool.action).to_owned(),
            description,
            args,
            line,
            status: StepStatus::Running,
            code: None,
            error: None,
            result: Value::Null,
            started_at: self.journal.now(),
            duration_ms: 0,
            url: String::new(),
            screenshot: None,
        }
    }

    /// Records what happened beside the steps: dialogs, tabs, downloads.
    pub(super) async fn tell_news(&mut self, scenario: Option<usize>) {
        let Some(page) = self.page.clone() else { return };
        let News { dialogs, tabs, downloads } = page.news().await;
        for dialog in &dialogs {
            self.journal.dialog(scenario, dialog);
        }
        for tab in tabs {
            self.journal.tab(scenario, tab);
        }
        for download in downloads {
            self.journal.download(scenario, download);
        }
    }

    async fn act(&mut self, mut begun: Begun, call: &Call) -> Taken {
        let (result, place) = self.call(&begun, call).await;
        if !place.url.is_empty() {
            self.last_url.clone_from(&place.url);
        }
        begun.record.url = self.journal.redactor().url(&place.url);
        let explicit = matches!(call, Call::Screenshot { .. });
        let looks = call.acts() || explicit;
        let jpeg = match call {
            Call::Screenshot { full_page: true } if result.is_ok() => {
                let (jpeg, omitted) = self.whole_picture().await.unzip();
                begun.notes.extend(omitted.flatten());
                jpeg
            }
            _ if looks || result.is_err() => self.picture().await,
            _ => None,
        };
        let kind = match call {
            Call::Screenshot { full_page: true } => "full_page",
            _ if explicit => "explicit",
            _ => "after",
        };
        let changes = if begun.read { self.changes(call, &result).await } else { None };
        self.link.end(begun.record.id);
        let picture = jpeg.map(|jpeg| (jpeg, kind));
        let result = result.map(|done| told(&done, &begun.record.url));
        self.close(begun, Ended { result, changes, picture, shown: looks })
    }

    /// A tool call under the lease, the ceiling and the run's end; and the page after it.
    async fn call(&mut self, begun: &Begun, call: &Call) -> (Result<Done, Failed>, Where) {
        let Some(page) = self.page.clone() else { return (Err(no_browser()), Where::default()) };
        if let Err(failed) = self.begin(begun.record.id, call.tool()).await {
            return (Err(failed), self.place(&page).await);
        }
        let limits = Limits { action: begun.within, cancel: self.stop.token.clone() };
        let done = if matches!(call, Call::Screenshot { .. }) {
            // The picture itself is taken when the step is closed.
            Ok(Done { sentence: "took a screenshot".to_owned(), ..Done::default() })
        } else {
            let called = timeout(CEILING, page.call(call, limits)).await;
            if let Ok(done) = called { done } else { Err(too_long()) }
        };
        let result = match done {
            Err(failed) if self.browser_gone().await => {
                Err(Failed { code: Code::BrowserLost, ..failed })
            }
            other => other,
        };
        let place = self.place(&page).await;
        (result, place)
    }

    /// What a reader is told of the page after a call (agent.md 4.1, 6 and 6.3).
    async fn changes(&self, call: &Call, result: &Result<Done, Failed>) -> Option<String> {
        let tells = call.acts() || matches!(call, Call::Evaluate { .. }) || call.waits();
        let page = self.page.as_ref().filter(|_| tells && !self.stop.token.is_cancelled())?;
        let redactor = self.journal.redactor();
        let redact = |text: &str| redactor.base(text);
        let opened = matches!(call, Call::Navigate { .. } | Call::Reload) && result.is_ok();
        if opened {
            let whole = Wanted::default();
            let tree = timeout(EVIDENCE, page.snapshot(&whole, &redact)).await.ok()?.ok()?;
            return Some(format!("changes: new page\n{tree}"));
        }
        let acted = match result {
            Ok(done) => done.target.as_deref().and_then(reference),
            Err(_) => None,
        };
        let read = page.changes(acted, DIFF_TOKENS, &redact);
        let changes = timeout(EVIDENCE, read).await.ok()?.ok()?;
        (call.acts() || !changes.none).then_some(changes.text)
    }

    /// What the page tells: its tree, its console, its requests.
    async fn look(&mut self, begun: &Begun, at: &Look) -> Ended {
        let admitted = self.begin(begun.record.id, &begun.record.tool).await;
        let looked = match (self.page.clone(), admitted) {
            (None, _) => Err(no_browser()),
            (_, Err(failed)) => Err(failed),
            (Some(page), Ok(())) => match timeout(CEILING, self.read(&page, at)).await {
                Ok(Ok((sentence, data))) => Ok((sentence, data, self.place(&page).await)),
                Ok(Err(failed)) => Err(failed),
                Err(_) => Err(too_long()),
            },
        };
        self.link.end(begun.record.id);
        let result = looked.map(|(sentence, data, place)| {
            let url = self.journal.redactor().url(&place.url);
            json!({
                "ok": true, "sentence": sentence, "data": data,
                "page": {"url": url, "title": place.title},
            })
        });
        Ended::plain(result)
    }

    async fn read(&self, page: &Page, at: &Look) -> Result<(String, Value), Failed> {
        let redactor = self.journal.redactor();
        let redact = |text: &str| redactor.base(text);
        Ok(match at {
            Look::Tree(wanted) => {
                let tree = page.snapshot(wanted, &redact).await?;
                ("read the page".to_owned(), json!({"tree": tree}))
            }
            Look::Console { level, limit } => {
                let listing = page.console(*level, *limit, &redact).await?;
                let data = json!({"messages": listing.entries, "omitted": listing.omitted()});
                (format!("console messages: {}", listing.matching), data)
            }
            Look::Requests { filter, failed_only, limit } => {
                let url = |text: &str| redactor.url(text);
                let listing = page.requests(filter.as_deref(), *failed_only, *limit, &url).await?;
                let data = json!({"requests": listing.entries, "omitted": listing.omitted()});
                (format!("requests: {}", listing.matching), data)
            }
        })
    }

    /// A request of the runner's own: it needs no browser, and keeps nobody from taking it.
    async fn request(&mut self, begun: Begun, request: &Request) -> Taken {
        let asked = match self.begin(begun.record.id, "http_request").await {
            Ok(()) => {
                self.link.end(begun.record.id);
                self.job.requester.request(request, &self.stop.token).await
            }
            Err(failed) => Err(failed),
        };
        let result = asked.map(|done| {
            json!({
                "ok": true, "sentence": done.sentence, "data": done.data, "notes": done.notes,
            })
        });
        self.close(begun, Ended::plain(result))
    }

    fn suggest(&mut self, begun: Begun, suggestion: &Suggestion) -> Taken {
        let latest = self
            .journal
            .results
            .scenarios
            .get(begun.scenario)
            .and_then(|one| one.steps.iter().rev().find_map(|step| step.screenshot.clone()));
        let Suggestion { title, severity, description, suggestion, reference: _ } = suggestion;
        let improvement = json!({
            "title": title, "severity": severity, "description": description,
            "suggestion": suggestion, "scenario": begun.scenario, "step": begun.record.id,
            "screenshot": latest,
        });
        self.journal.improvement(begun.scenario, improvement);
        let result = json!({"ok": true, "sentence": "noted; it does not affect the verdict"});
        self.close(begun, Ended::plain(Ok(result)))
    }

    /// Asks the gate for leave to touch the browser.
    pub(super) async fn begin(&self, id: u64, tool: &str) -> Result<(), Failed> {
        let refused = tokio::select! {
            () = self.stop.token.cancelled() => {
                return Err(Failed::new(Code::Cancelled, "The run is ending."));
            }
            refused = self.link.begin(id, tool) => refused,
        };
        refused.map_err(|refused| match refused {
            Refused::Lease(reason) => Failed::new(
                Code::LeaseRevoked,
                format!("Somebody else holds the browser ({reason}); nothing was executed."),
            ),
            Refused::Lost => Failed::new(Code::Internal, "The gate is gone."),
        })
    }

    /// Gives a step its final state and writes it down.
    pub(super) fn close(&mut self, begun: Begun, ended: Ended) -> Taken {
        let Begun { scenario, mut record, at, notes, .. } = begun;
        let Ended { result, changes, picture, shown } = ended;
        record.duration_ms = millis(self.journal.boot().saturating_sub(at));
        let mut code = None;
        record.result = match result {
            Ok(result) => {
                record.status = StepStatus::Completed;
                result
            }
            Err(failed) => {
                record.status = StepStatus::Failed;
                record.code = Some(failed.code.as_str().to_owned());
                record.error = Some(failed.message.clone());
                code = Some(failed.code);
                json!({
                    "ok": false,
                    "code": failed.code,
                    "message": failed.message,
                    "data": failed.data,
                    "notes": failed.notes,
                })
            }
        };
        add(&mut record.result, notes, changes);
        let (jpeg, kind) = picture.map_or((None, "after"), |(jpeg, kind)| (Some(jpeg), kind));
        let result = self.journal.step_end(scenario, record, jpeg.as_deref(), kind);
        Taken { code, result, picture: jpeg.filter(|_| shown) }
    }

    /// Where the page is. Once the run is ending the browser is asked nothing more.
    pub(super) async fn place(&self, page: &Page) -> Where {
        if self.stop.token.is_cancelled() {
            return Where { url: self.last_url.clone(), ..Where::default() };
        }
        timeout(EVIDENCE, page.place()).await.unwrap_or_default()
    }

    /// A picture of all of the page, if it can be had, and what is not on it.
    async fn whole_picture(&self) -> Option<(Vec<u8>, Option<String>)> {
        let page = self.page.as_ref().filter(|_| !self.stop.token.is_cancelled())?;
        let picture = timeout(EVIDENCE, page.full_screenshot()).await.ok()?.ok()?;
        let omitted = picture.omitted();
        Some((picture.jpeg, omitted))
    }

    /// A picture of the page as it is, if it can be had.
    pub(super) async fn picture(&self) -> Option<Vec<u8>> {
        let page = self.page.as_ref().filter(|_| !self.stop.token.is_cancelled())?;
        timeout(EVIDENCE, page.screenshot()).await.ok()?.ok()
    }
}

/// A call that cannot be made.
pub(super) fn no_browser() -> Failed {
    Failed::new(Code::BrowserLost, "There is no browser.")
}

fn too_long() -> Failed {
    Failed::new(Code::Timeout, format!("The call took more than {} s.", CEILING.as_secs()))
}

/// A call's result as JSON (agent.md 4.1, 7).
fn told(done: &Done, url: &str) -> Value {
    json!({
        "ok": true,
        "sentence": done.sentence,
        "data": done.data,
        "page": {"url": url, "title": done.page.title, "status": done.page.status},
        "target": done.target,
        "notes": done.notes,
    })
}

/// Puts in what is known only at the end.
fn add(result: &mut Value, notes: Vec<String>, changes: Option<String>) {
    let Some(fields) = result.as_object_mut() else { return };
    if !notes.is_empty() {
        let all = fields.entry("notes").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.extend(notes.into_iter().map(Value::String));
        }
    }
    if let Some(changes) = changes {
        fields.insert("changes".to_owned(), Value::String(changes));
    }
}

/// The ref in a printed line.
fn reference(line: &str) -> Option<&str> {
    line.rsplit_once("[ref=")?.1.split(']').next()
}
