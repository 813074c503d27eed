//! The model driver: a model decides each step (agent.md 7). It only asks and claims; what is carried
//! out, looked up and decided is the runner's, as with the direct driver.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    ACTION_DEADLINE, Drive,
    hands::{EVIDENCE, Order, Taken},
    millis,
};
use crate::{
    agent::{
        assignment::Brief,
        deed::{Completion, Deed},
        events::Event,
        picture::for_model,
        results::{StepStatus, Usage},
        talk::{
            self,
            opening::{self, Opening},
            told,
            window::{Entry, Line, Talk},
        },
        tools::{
            arguments,
            meaning::{Known, Meant, meaning},
        },
        turn::{self, Heard, Lack, Then},
        verdict::{Ending, Reason},
    },
    model::{
        Model, Progress,
        conversation::{Part, Said, ToolCall, ToolResult, Turn},
        error::ModelError,
        image::Image,
        reply::{self, Reply, Stop},
        request::{Request, Scope},
    },
    page::tool::{Code, Failed, Wanted},
    redact::cut,
};

/// Most tokens of an answer (agent.md 1, *model output*).
const OUTPUT: u32 = 4096;
/// How long a line of the digest is, in bytes.
const DIGEST: usize = 200;

/// A scenario that a model drives.
struct Guided {
    index: usize,
    checks: Vec<Known>,
    talk: Talk,
    /// Steps that were taken.
    steps: u32,
    /// Reminders in a row.
    reminded: u32,
    /// How often the conversation was made shorter since a reply came.
    squeezed: u32,
    /// What the last reply used, while nothing before it has changed.
    last: Option<reply::Usage>,
    /// A completion was refused once, since checks were open.
    refused: bool,
    /// The browser was replaced.
    replaced: bool,
    /// The accepted completion.
    completion: Option<Completion>,
}

impl Drive<'_> {
    /// Drives a scenario to its ending, with a summary in a sentence.
    pub(super) async fn guided(&mut self, index: usize, brief: &Brief) -> (Ending, String) {
        let Some(model) = self.job.model.clone() else {
            return (Ending::CutShort(Reason::ModelMissing), String::new());
        };
        if let Some(page) = &self.page {
            let answers = self.job.tools.iter().any(|tool| tool.name == "handle_dialog");
            page.hold_dialogs(answers).await;
        }
        self.start_discovering();
        let mut guided = self.open(index, brief, &model).await;
        loop {
            self.listen();
            if let Some(reason) = self.over(&guided) {
                return self.cut(index, reason);
            }
            let asked = self.ask_model(&mut guided, &model).await;
            let reply = match asked {
                Ok(reply) => reply,
                Err(ModelError::Overflow(_)) if guided.talk.squeeze(guided.squeezed) => {
                    guided.squeezed += 1;
                    continue;
                }
                Err(error) => return self.model_failed(index, &error),
            };
            guided.squeezed = 0;
            guided.last = Some(reply.usage);
            self.say(index, &reply);
            let heard = Heard {
                calls: reply.calls().count(),
                cut: reply.stop == Stop::Length,
                refused: reply.stop == Stop::Refusal,
            };
            let then = turn::after(&heard, guided.reminded);
            let lack = match then {
                // What a cut reply has whole is carried out, also if it is the last.
                Then::End(Reason::Truncated) => Some(Lack::End),
                Then::End(reason) => return self.cut(index, reason),
                Then::Remind(lack) => {
                    guided.reminded += 1;
                    Some(lack)
                }
                Then::Act => {
                    guided.reminded = 0;
                    None
                }
            };
            if let Err(reason) = self.answer(&mut guided, reply, lack, &model).await {
                return self.cut(index, reason);
            }
            if let Some(Completion { summary, passed }) = guided.completion.take() {
                return (Ending::Completed { passed }, summary);
            }
            if let Then::End(reason) = then {
                return self.cut(index, reason);
            }
        }
    }

    /// The first message.
    async fn open(&mut self, index: usize, brief: &Brief, model: &Model) -> Guided {
        let mut tree = String::new();
        let (mut jpeg, mut title) = (None, String::new());
        if let Some(page) = self.page.clone() {
            let whole = Wanted::default();
            let redactor = self.journal.redactor();
            let redact = |text: &str| redactor.base(text);
            let read = timeout(EVIDENCE, page.snapshot(&whole, &redact)).await;
            tree = match read {
                Ok(Ok(tree)) => tree,
                Ok(Err(failed)) => format!("the page cannot be read: {}", failed.message),
                Err(_) => "the page does not answer".to_owned(),
            };
            let place = self.place(&page).await;
            if !place.url.is_empty() {
                self.last_url = place.url;
            }
            title = place.title;
            jpeg = self.picture().await;
        }
        let picture = self.shown(model, jpeg).await;
        self.saw(&title, &tree, picture.as_ref(), index);
        let (results, redactor) = (&self.journal.results, self.journal.redactor());
        let scenario = results.scenarios.get(index);
        let checks = scenario.map(|one| one.checks.clone()).unwrap_or_default();
        let secrets: Vec<_> = self.variables.secret_names().map(str::to_owned).collect();
        let variables: Vec<_> = self
            .variables
            .plain()
            .map(|(name, value)| (name.to_owned(), redactor.base(value)))
            .collect();
        let written = opening::write(
            &Opening {
                url: &results.url,
                earlier: results.scenarios.get(..index).unwrap_or_default(),
                preamble: &redactor.base(&brief.preamble),
                address: self.inbox.address(),
                name: &brief.name,
                body: &redactor.base(&brief.body),
                checks: &checks,
                variables: &variables,
                secrets: &secrets,
            },
            &tree,
        );
        let checks =
            checks.into_iter().map(|check| Known { id: check.id, text: check.text }).collect();
        Guided {
            index,
            checks,
            talk: Talk::new(written.head, picture, written.tree, written.task),
            steps: 0,
            reminded: 0,
            squeezed: 0,
            last: None,
            refused: false,
            replaced: false,
            completion: None,
        }
    }

    /// Why the scenario ends before anything more is asked.
    fn over(&self, guided: &Guided) -> Option<Reason> {
        if let Some(reason) = self.stop.reason() {
            return Some(reason);
        }
        if self.journal.boot() >= self.stop.deadline() {
            return Some(Reason::Timeout);
        }
        if self.job.max_tokens.is_some_and(|most| self.tokens() >= most) {
            return Some(Reason::TokenBudget);
        }
        let spent = self.job.max_steps.is_some_and(|most| guided.steps >= most);
        spent.then_some(Reason::StepBudget)
    }

    /// Tokens that the run has used, discovery included.
    fn tokens(&self) -> u64 {
        let Usage { main, discovery } = &self.journal.results.usage;
        main.total() + discovery.total()
    }

    /// One reply, with whatever has to be tried for it.
    async fn ask_model(&mut self, guided: &mut Guided, model: &Model) -> Result<Reply, ModelError> {
        if guided.talk.take_changed() {
            guided.last = None;
        }
        let request = Request {
            scope: Scope::Main,
            system: talk::SYSTEM.to_owned(),
            tools: Arc::clone(&self.job.offered),
            conversation: guided.talk.conversation(),
            max_output_tokens: OUTPUT,
            cache: true,
            last: guided.last,
        };
        let (journal, index) = (&mut *self.journal, guided.index);
        let discovery = self.discovery.as_ref();
        let waits = |it: bool| {
            if let Some(discovery) = discovery {
                discovery.main_waits(it);
            }
        };
        let mut tell = |progress: Progress| match progress {
            Progress::Said(_) => {}
            Progress::Again { attempt, status, wait } => {
                waits(true);
                let wait_ms = millis(wait);
                journal.emit(Some(index), Event::ModelRetry { attempt, status, wait_ms });
            }
            Progress::Spent(usage) => {
                journal.spent(Some(index), Scope::Main, &usage, model.known().cost(&usage));
            }
        };
        let reply = model.turn(&request, &self.stop.token, &mut tell).await;
        waits(false);
        reply
    }

    /// What the model said beside its calls.
    fn say(&mut self, index: usize, reply: &Reply) {
        for said in &reply.said {
            if let Said::Text { text } = said {
                let text = text.trim().to_owned();
                self.journal.emit(Some(index), Event::Reasoning { text });
            }
        }
    }

    /// Carries out what was asked for, and answers.
    async fn answer(
        &mut self,
        guided: &mut Guided,
        reply: Reply,
        lack: Option<Lack>,
        model: &Model,
    ) -> Result<(), Reason> {
        let calls: Vec<ToolCall> = reply.calls().cloned().collect();
        let mut results = Vec::new();
        let mut lines = Vec::new();
        for call in &calls {
            if guided.completion.is_some() {
                self.after_the_end(guided.index, call);
                continue;
            }
            if let Some(reason) = self.over(guided) {
                self.after_the_end(guided.index, call);
                return Err(reason);
            }
            guided.steps += 1;
            let (result, line) = self.carry_out(guided, call, model).await?;
            results.push(result);
            lines.push(line);
        }
        if guided.completion.is_some() {
            return Ok(());
        }
        let after = lack.map(|lack| Part::Text(lack.reminder(&self.still_open(guided.index))));
        let after = after.into_iter().collect();
        let turn = Turn::new(reply.said, reply.context, results, after).map_err(|unpaired| {
            tracing::error!(%unpaired, "calls and results of a turn do not pair");
            Reason::Internal
        })?;
        guided.talk.push(Entry { turn, lines });
        Ok(())
    }

    /// One tool call.
    async fn carry_out(
        &mut self,
        guided: &mut Guided,
        call: &ToolCall,
        model: &Model,
    ) -> Result<(ToolResult, Line), Reason> {
        let index = guided.index;
        let mut ours = Vec::new();
        let taken = match self.meant(call, &guided.checks) {
            Err(failed) => {
                let record = self.unread(call);
                self.refuse(index, record, *failed)
            }
            Ok(Meant { deed: Deed::Complete(completion), .. }) => {
                self.complete(guided, completion, &mut ours).await
            }
            Ok(Meant { deed, within, notes }) => {
                let within = within.unwrap_or(ACTION_DEADLINE);
                let order = Order { deed: &deed, line: None, within, read: true, notes: &notes };
                let taken = self.take(index, order).await;
                if matches!(deed, Deed::Assert(_)) {
                    ours.push(self.still_open(index));
                }
                taken
            }
        };
        if taken.code == Some(Code::BrowserLost) {
            ours.push(self.replace(guided).await?);
        }
        if taken.code == Some(Code::Internal) {
            return Err(Reason::Internal);
        }
        let Taken { code, result, picture } = taken;
        let text = told::text(&call.name, &result, &ours);
        let brief =
            told::tree(&result).map(|_| told::text(&call.name, &without_tree(&result), &ours));
        let images: Vec<Image> = self.shown(model, picture).await.into_iter().collect();
        self.saw_after(&result, images.first(), index);
        let line = Line { digest: self.digest(index), brief };
        let result = match code {
            None => ToolResult::ok(&call.id, text, images),
            Some(code) => ToolResult::error(&call.id, code.as_str(), text, images),
        };
        Ok((result, line))
    }

    /// What a call means, or what is wrong with it.
    fn meant(&self, call: &ToolCall, checks: &[Known]) -> Result<Meant, Box<Failed>> {
        let offered = &self.job.tools;
        let Some(tool) = offered.iter().find(|tool| tool.name == call.name) else {
            let names: Vec<_> = offered.iter().map(|tool| tool.name).collect();
            let message = format!("there is no such tool; there are {}", names.join(", "));
            let failed = Failed::new(Code::UnknownTool, message).with(json!({"tools": names}));
            return Err(Box::new(failed));
        };
        let given = call
            .arguments()
            .map_err(|bad| Box::new(Failed::new(Code::InvalidArgument, bad.to_string())))?;
        arguments::check(tool, &Value::Object(given))
            .and_then(|arguments| meaning(tool, arguments, checks))
            .map_err(|wrong| {
                let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
                let paths: Vec<_> = wrong
                    .iter()
                    .map(|one| json!({"path": one.path, "expected": one.expected}))
                    .collect();
                let failed = Failed::new(Code::InvalidArgument, lines.join("; "));
                Box::new(failed.with(json!({"wrong": paths})))
            })
    }

    /// The record of a call that has no meaning. Its arguments may be typed text, and are left out.
    fn unread(&mut self, call: &ToolCall) -> crate::agent::results::Step {
        let name: String = call.name.chars().take(64).collect();
        self.new_record(&name, format!("Call {name}"), json!({}), None)
    }

    /// A call after the scenario's end: recorded, not carried out.
    fn after_the_end(&mut self, index: usize, call: &ToolCall) {
        let record = self.unread(call);
        self.skip(index, record);
    }

    /// `complete_scenario`. The first that claims success while checks are open is refused.
    async fn complete(
        &mut self,
        guided: &mut Guided,
        completion: Completion,
        ours: &mut Vec<String>,
    ) -> Taken {
        let index = guided.index;
        let open = self.open_checks(index);
        let deed = Deed::Complete(completion.clone());
        if completion.passed && !open.is_empty() && !guided.refused {
            guided.refused = true;
            ours.push(self.still_open(index));
            let record = self.recorded(&deed, None);
            let ids: Vec<_> = open.iter().map(|(id, _)| id.as_str()).collect();
            let message = format!(
                "these checks have no assertion yet: {}. Assert each by its id, then complete the scenario",
                ids.join(", ")
            );
            let missing: Vec<_> =
                open.iter().map(|(id, text)| json!({"id": id, "text": text})).collect();
            let failed =
                Failed::new(Code::ChecksUncovered, message).with(json!({"missing": missing}));
            return self.refuse(index, record, failed);
        }
        guided.completion = Some(completion);
        let order =
            Order { deed: &deed, line: None, within: ACTION_DEADLINE, read: true, notes: &[] };
        self.take(index, order).await
    }

    /// Which checks nobody has asserted, in a line.
    fn still_open(&self, index: usize) -> String {
        let open = self.open_checks(index);
        if open.is_empty() {
            return "Every check is asserted.".to_owned();
        }
        let open: Vec<_> = open.iter().map(|(id, text)| format!("{id} ({text})")).collect();
        format!("Checks without an assertion: {}", open.join("; "))
    }

    /// A browser that was lost is replaced once in a scenario (agent.md 4.5).
    async fn replace(&mut self, guided: &mut Guided) -> Result<String, Reason> {
        if std::mem::replace(&mut guided.replaced, true) {
            return Err(Reason::BrowserLost);
        }
        self.repair().await.map_err(|halt| halt.reason)?;
        let answers = self.job.tools.iter().any(|tool| tool.name == "handle_dialog");
        if let Some(page) = &self.page {
            page.hold_dialogs(answers).await;
        }
        Ok("The browser was replaced and shows the last URL again; its session is new. Take a snapshot: all refs are stale.".to_owned())
    }

    /// The last step in a line, for when its turn is no longer shown.
    fn digest(&self, index: usize) -> String {
        let step = self.journal.results.scenarios.get(index).and_then(|one| one.steps.last());
        let Some(step) = step else { return String::new() };
        let outcome = match (step.status, &step.code) {
            (StepStatus::Failed, Some(code)) => format!("error {code}"),
            _ => "ok".to_owned(),
        };
        cut(&format!("{}: {} — {outcome}", step.tool, step.description), DIGEST)
    }

    /// A screenshot as this model gets it. A model that sees nothing gets none, which is said once.
    async fn shown(&mut self, model: &Model, jpeg: Option<Vec<u8>>) -> Option<Image> {
        let jpeg = jpeg?;
        if !model.known().images {
            self.journal.warn("The model takes no images: it gets the page's tree only.");
            return None;
        }
        Image::new(Bytes::from(for_model(jpeg).await)).ok()
    }

    /// Ends a scenario that was not completed.
    fn cut(&mut self, index: usize, reason: Reason) -> (Ending, String) {
        (Ending::CutShort(reason), self.cut_short(index, reason))
    }

    /// There is no reply, and there will be none.
    fn model_failed(&mut self, index: usize, error: &ModelError) -> (Ending, String) {
        let reason = match error {
            ModelError::Unavailable { .. } | ModelError::Cassette { .. } => {
                Reason::ModelUnavailable
            }
            ModelError::Auth { .. } => Reason::ModelAuth,
            ModelError::Overflow(_) => Reason::ContextOverflow,
            ModelError::Cancelled => {
                return self.cut(index, self.stop.reason().unwrap_or(Reason::Cancelled));
            }
        };
        let message = error.to_string();
        let code = reason.as_str().to_owned();
        self.journal.emit(Some(index), Event::Error { code, message: message.clone() });
        (Ending::CutShort(reason), message)
    }
}

/// A result without its whole tree.
fn without_tree(result: &Value) -> Value {
    let mut result = result.clone();
    if let Some(fields) = result.as_object_mut() {
        if told::tree(&Value::Object(fields.clone())).is_some() {
            fields.remove("changes");
        }
        if let Some(data) = fields.get_mut("data").and_then(Value::as_object_mut) {
            data.remove("tree");
        }
    }
    result
}

impl Lack {
    /// What the model is reminded of.
    fn reminder(self, open: &str) -> String {
        let what = match self {
            Self::Call => "Your reply had no tool call, and text alone does nothing.",
            Self::End => {
                "Your reply was cut off, since it was too long. What was complete was done."
            }
        };
        format!(
            "{what} Go on with a tool call; when all is asserted call complete_scenario. {open}"
        )
    }
}
