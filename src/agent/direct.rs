//! The direct driver: the plan's own steps, without a model (agent.md 3). The same page gives the
//! same calls.

mod mail;

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use crate::{
    agent::{
        describe,
        drive::{ACTION_DEADLINE, Drive, millis},
        link::Refused,
        plan::{self, What},
        results::{Assertion, CheckStatus, Evaluated, Step, StepStatus},
        run_dir::hex,
        turn::{self, Budget, Next, Transcript},
        verdict::{Ending, Reason},
    },
    page::{
        Limits, News, Page,
        predicate::{Finding, Predicate},
        tool::{Call, Code, Done, Failed, Where},
    },
};

/// Any tool call; beyond it the browser is asked whether it is still there.
const CEILING: Duration = Duration::from_secs(150);
/// What a predicate gets at least, however long the ones before it took.
const LEAST: Duration = Duration::from_secs(1);
/// A picture or a tree that is not there by then is left out.
const EVIDENCE: Duration = Duration::from_secs(10);

/// A call that has ended, and the page after it.
struct Ended {
    result: Result<Value, Failed>,
    place: Where,
}

impl Drive<'_> {
    /// Drives a scenario to its ending, with a summary in a sentence.
    pub(super) async fn direct(&mut self, index: usize) -> (Ending, String) {
        let job = self.job;
        let steps = job.scenarios.get(index).map(Vec::as_slice).unwrap_or_default();
        let mut transcript = Transcript { taken: 0, total: steps.len(), failed: None };
        loop {
            self.listen();
            let budget = Budget {
                steps: job.max_steps,
                deadline: self.stop.deadline(),
                stop: self.stop.reason(),
            };
            match turn::next(&transcript, &budget, self.journal.boot()) {
                Next::Perform(position) => {
                    let Some(step) = steps.get(position) else { break };
                    if let Some(page) = &self.page {
                        page.hold_dialogs(answers_dialog(steps, position)).await;
                    }
                    transcript.failed = self.perform(index, step).await;
                    transcript.taken += 1;
                }
                Next::Complete => {
                    let summary = self.complete(index);
                    return (Ending::Completed { passed: true }, summary);
                }
                Next::End(reason) => {
                    for step in steps.iter().skip(transcript.taken) {
                        self.skip(index, step);
                    }
                    return (Ending::CutShort(reason), self.cut_short(index, reason));
                }
            }
        }
        (Ending::CutShort(Reason::Internal), String::new())
    }

    /// Takes one step. The code of what failed, if it must end the scenario.
    async fn perform(&mut self, scenario: usize, step: &plan::Step) -> Option<&'static str> {
        let id = self.next_step;
        self.next_step += 1;
        let mut record = new_record(id, step, self.journal.now());
        self.journal.step_begin(scenario, &record);
        let began = self.journal.boot();
        // Secrets are put in only now, and only into what is executed.
        let start_page = What::Act(Box::new(Call::Navigate { url: self.job.url.as_str().into() }));
        let what = if is_start_page(&step.what) { &start_page } else { &step.what };
        let failed = match self.variables.fill(what) {
            Ok(What::Act(call)) => self.act(scenario, &mut record, &call, began).await,
            Ok(What::Mail(step)) => self.mail(scenario, &mut record, step, began).await,
            Ok(What::Check { id: check, predicates }) => {
                self.check(scenario, &mut record, &check, &step.text, &predicates, began).await
            }
            Err(problem) => {
                let code = match problem.code {
                    "mail_unavailable" => Code::MailUnavailable,
                    _ => Code::BlockedByPolicy,
                };
                let failed = failure(code, problem.message);
                self.close(scenario, record, Err(failed), began, None)
            }
        };
        self.tell_news(Some(scenario)).await;
        self.lost |= failed == Some(Code::BrowserLost);
        failed.map(Code::as_str)
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

    async fn act(
        &mut self,
        scenario: usize,
        record: &mut Step,
        call: &Call,
        began: Duration,
    ) -> Option<Code> {
        let ended = self.call(record.id, call).await;
        if !ended.place.url.is_empty() {
            self.last_url.clone_from(&ended.place.url);
        }
        record.url = self.journal.redactor().url(&ended.place.url);
        let wants_picture = call.acts() || *call == Call::Screenshot || ended.result.is_err();
        let picture = if wants_picture { self.picture().await } else { None };
        self.link.end(record.id);
        let kind = if *call == Call::Screenshot { "explicit" } else { "after" };
        self.close(scenario, record.clone(), ended.result, began, picture.map(|jpeg| (jpeg, kind)))
    }

    /// A tool call under the lease, the ceiling and the run's end.
    async fn call(&mut self, id: u64, call: &Call) -> Ended {
        let Some(page) = self.page.clone() else {
            return Ended::without_page(failure(
                Code::BrowserLost,
                "There is no browser.".to_owned(),
            ));
        };
        if let Err(failed) = self.begin(id, call.tool()).await {
            return Ended { result: Err(failed), place: self.place(&page).await };
        }
        let limits = Limits { action: ACTION_DEADLINE, cancel: self.stop.token.clone() };
        let done = if *call == Call::Screenshot {
            // The picture itself is taken when the step is closed.
            Ok(Done { sentence: "took a screenshot".to_owned(), ..Done::default() })
        } else {
            match timeout(CEILING, page.call(call, limits)).await {
                Ok(done) => done,
                Err(_) => Err(failure(
                    Code::Timeout,
                    format!("The call took more than {} s.", CEILING.as_secs()),
                )),
            }
        };
        let result = match done {
            Ok(done) => Ok(result(&done, &self.journal.redactor().url(&done.page.url))),
            Err(failed) if self.browser_gone().await => {
                Err(Failed { code: Code::BrowserLost, ..failed })
            }
            Err(failed) => Err(failed),
        };
        let place = self.place(&page).await;
        Ended { result, place }
    }

    async fn begin(&self, id: u64, tool: &str) -> Result<(), Failed> {
        let refused = tokio::select! {
            () = self.stop.token.cancelled() => {
                return Err(failure(Code::Cancelled, "The run is ending.".to_owned()));
            }
            refused = self.link.begin(id, tool) => refused,
        };
        refused.map_err(|refused| match refused {
            Refused::Lease(reason) => failure(
                Code::LeaseRevoked,
                format!("Somebody else holds the browser ({reason}); nothing was executed."),
            ),
            Refused::Lost => failure(Code::Internal, "The gate is gone.".to_owned()),
        })
    }

    /// An assertion: every predicate must hold. A check that fails does not end the scenario.
    async fn check(
        &mut self,
        scenario: usize,
        record: &mut Step,
        check: &str,
        text: &str,
        predicates: &[Predicate],
        began: Duration,
    ) -> Option<Code> {
        let admitted = self.begin(record.id, "assert").await;
        let page = match (&self.page, admitted) {
            (Some(page), Ok(())) => page.clone(),
            (None, _) => {
                let failed = failure(Code::BrowserLost, "There is no browser.".to_owned());
                return self.close(scenario, record.clone(), Err(failed), began, None);
            }
            (_, Err(failed)) => {
                return self.close(scenario, record.clone(), Err(failed), began, None);
            }
        };
        let findings = self.ask(&page, predicates).await;
        let gone = self.browser_gone().await;
        if gone || self.stop.token.is_cancelled() {
            self.link.end(record.id);
            let failed = if gone {
                failure(
                    Code::BrowserLost,
                    "The browser ended before the check was decided.".to_owned(),
                )
            } else {
                failure(Code::Cancelled, "The run ended before the check was decided.".to_owned())
            };
            "assert_fail".clone_into(&mut record.action);
            return self.close(scenario, record.clone(), Err(failed), began, None);
        }
        let passed = findings.iter().all(|finding| finding.outcome);
        let picture = self.picture().await;
        let tree = timeout(EVIDENCE, page.tree()).await.ok().and_then(Result::ok);
        let place = self.place(&page).await;
        self.link.end(record.id);
        let evidence =
            findings.iter().map(|finding| finding.detail.as_str()).collect::<Vec<_>>().join("; ");
        record.url = self.journal.redactor().url(&place.url);
        (if passed { "assert_pass" } else { "assert_fail" }).clone_into(&mut record.action);
        let ok = json!({"ok": true, "sentence": evidence, "data": {"passed": passed}});
        let id = record.id;
        self.close(scenario, record.clone(), Ok(ok), began, picture.map(|jpeg| (jpeg, "after")));
        let screenshot = self
            .journal
            .results
            .scenarios
            .get(scenario)
            .and_then(|one| one.steps.last())
            .and_then(|step| step.screenshot.clone());
        let evaluated = predicates
            .iter()
            .zip(&findings)
            .map(|(predicate, finding)| Evaluated {
                predicate: describe::predicate(predicate),
                source: "check".to_owned(),
                outcome: finding.outcome,
                detail: finding.detail.clone(),
            })
            .collect();
        self.journal.assertion(
            scenario,
            Assertion {
                id,
                step: id,
                check: Some(check.to_owned()),
                description: text.to_owned(),
                claimed: None,
                passed,
                evidence,
                verified: true,
                disagreement: false,
                predicates: evaluated,
                screenshot,
                tree_sha256: tree.map(|tree| hex(&Sha256::digest(tree))),
            },
        );
        None
    }

    /// Asks every predicate, so that the evidence is complete; together they get one deadline.
    async fn ask(&self, page: &Page, predicates: &[Predicate]) -> Vec<Finding> {
        let until = Instant::now() + ACTION_DEADLINE;
        let mut findings = Vec::new();
        for predicate in predicates {
            let left = until.saturating_duration_since(Instant::now()).max(LEAST);
            let asked = page.ask(predicate, left, &self.stop.token);
            findings.push(timeout(CEILING, asked).await.unwrap_or_else(|_| Finding {
                outcome: false,
                detail: "The page did not answer.".to_owned(),
            }));
        }
        findings
    }

    /// Gives a step its final state and writes it down.
    fn close(
        &mut self,
        scenario: usize,
        mut record: Step,
        result: Result<Value, Failed>,
        began: Duration,
        picture: Option<(Vec<u8>, &str)>,
    ) -> Option<Code> {
        record.duration_ms = millis(self.journal.boot().saturating_sub(began));
        let failed = match result {
            Ok(result) => {
                record.status = StepStatus::Completed;
                record.result = result;
                None
            }
            Err(failed) => {
                record.status = StepStatus::Failed;
                record.code = Some(failed.code.as_str().to_owned());
                record.error = Some(failed.message.clone());
                record.result = json!({
                    "ok": false,
                    "code": failed.code,
                    "message": failed.message,
                    "data": failed.data,
                    "notes": failed.notes,
                });
                Some(failed.code)
            }
        };
        let (jpeg, kind) = picture.map_or((None, "after"), |(jpeg, kind)| (Some(jpeg), kind));
        self.journal.step_end(scenario, record, jpeg.as_deref(), kind);
        failed
    }

    /// Where the page is. Once the run is ending the browser is asked nothing more.
    async fn place(&self, page: &Page) -> Where {
        if self.stop.token.is_cancelled() {
            return Where { url: self.last_url.clone(), ..Where::default() };
        }
        timeout(EVIDENCE, page.place()).await.unwrap_or_default()
    }

    /// A picture of the page as it is, if it can be had.
    async fn picture(&self) -> Option<Vec<u8>> {
        let page = self.page.as_ref().filter(|_| !self.stop.token.is_cancelled())?;
        timeout(EVIDENCE, page.screenshot()).await.ok()?.ok()
    }

    /// A clause that was never reached.
    fn skip(&mut self, scenario: usize, step: &plan::Step) {
        let id = self.next_step;
        self.next_step += 1;
        let mut record = new_record(id, step, self.journal.now());
        record.status = StepStatus::Skipped;
        self.journal.step_end(scenario, record, None, "after");
    }

    /// The runner's own `complete_scenario(passed=true)`: the verdict is the rule's, not its claim.
    fn complete(&mut self, scenario: usize) -> String {
        let summary = self.tally(scenario);
        let id = self.next_step;
        self.next_step += 1;
        let mut record = Step {
            id,
            tool: "complete_scenario".to_owned(),
            action: "complete".to_owned(),
            description: "complete the scenario".to_owned(),
            args: json!({"passed": true, "summary": summary}),
            line: None,
            status: StepStatus::Running,
            code: None,
            error: None,
            result: Value::Null,
            started_at: self.journal.now(),
            duration_ms: 0,
            url: self.journal.redactor().url(&self.last_url),
            screenshot: None,
        };
        self.journal.step_begin(scenario, &record);
        record.status = StepStatus::Completed;
        record.result = json!({"ok": true, "sentence": summary});
        self.journal.step_end(scenario, record, None, "after");
        summary
    }

    /// How the checks stand, in a sentence.
    fn tally(&self, scenario: usize) -> String {
        let checks = self.journal.results.scenarios.get(scenario).map(|one| one.checks.as_slice());
        let checks = checks.unwrap_or_default();
        let passed = checks.iter().filter(|one| one.status == CheckStatus::Passed).count();
        format!("{passed} of {} checks passed.", checks.len())
    }

    /// What ended a scenario, in a sentence.
    fn cut_short(&self, scenario: usize, reason: Reason) -> String {
        let last =
            self.journal.results.scenarios.get(scenario).and_then(|one| {
                one.steps.iter().rev().find(|step| step.status == StepStatus::Failed)
            });
        match (reason, last) {
            (Reason::StepFailed | Reason::BrowserLost | Reason::Internal, Some(step)) => {
                let line = step.line.map_or(String::new(), |line| format!("Line {line}: "));
                format!(
                    "{line}{} failed: {}",
                    step.description,
                    step.error.as_deref().unwrap_or_default()
                )
            }
            (Reason::StepBudget, _) => {
                format!("The budget of {} steps is spent.", self.job.max_steps.unwrap_or_default())
            }
            (Reason::Timeout | Reason::Cancelled | Reason::Internal, _) => self.stopped().message,
            (other, _) => other.as_str().replace('_', " "),
        }
    }
}

impl Ended {
    fn without_page(failed: Failed) -> Self {
        Self { result: Err(failed), place: Where::default() }
    }
}

/// Whether the plan itself answers a dialog that opens at this step: the step does, or the next one
/// that asks for more than what a dialog says.
fn answers_dialog(steps: &[plan::Step], position: usize) -> bool {
    let answers = |step: &plan::Step| matches!(&step.what, What::Act(call) if matches!(**call, Call::HandleDialog { .. }));
    let reads = |step: &plan::Step| match &step.what {
        What::Act(_) | What::Mail(_) => false,
        What::Check { predicates, .. } => {
            predicates.iter().all(|one| matches!(one, Predicate::Dialog { .. }))
        }
    };
    let mut from = steps.iter().skip(position);
    from.next().is_some_and(answers) || from.find(|step| !reads(step)).is_some_and(answers)
}

/// A1 with `the home page`: the plan does not know the run URL and leaves it empty. A variable that
/// turns out to be empty is something else, and an error.
fn is_start_page(what: &What) -> bool {
    matches!(what, What::Act(call)
        if matches!(&**call, Call::Navigate { url } if url.shown().is_empty()))
}

fn failure(code: Code, message: String) -> Failed {
    Failed { code, message, data: Value::Null, notes: Vec::new() }
}

/// A step that has begun.
fn new_record(id: u64, step: &plan::Step, started_at: String) -> Step {
    let (tool, action, description, args) = match &step.what {
        What::Act(call) => {
            let action = if **call == Call::Screenshot { "inspect" } else { short(call.tool()) };
            (call.tool(), action, describe::call(call), describe::args(call))
        }
        What::Mail(step) => {
            let (tool, description, args) = describe::mail(*step);
            (tool, "email", description, args)
        }
        What::Check { id, predicates } => {
            let predicates: Vec<_> = predicates.iter().map(describe::predicate).collect();
            let args = json!({"check": id, "description": step.text, "predicates": predicates});
            ("assert", "assert", step.text.clone(), args)
        }
    };
    Step {
        id,
        tool: tool.to_owned(),
        action: action.to_owned(),
        description,
        args,
        line: step.line,
        status: StepStatus::Running,
        code: None,
        error: None,
        result: Value::Null,
        started_at,
        duration_ms: 0,
        url: String::new(),
        screenshot: None,
    }
}

/// The action of a tool (agent.md 4.1, 9).
fn short(tool: &'static str) -> &'static str {
    if tool == "wait_for_stable" { "wait" } else { tool }
}

/// A call's result as JSON (agent.md 4.1, 7).
fn result(done: &Done, url: &str) -> Value {
    json!({
        "ok": true,
        "sentence": done.sentence,
        "data": done.data,
        "page": {"url": url, "title": done.page.title, "status": done.page.status},
        "target": done.target,
        "notes": done.notes,
    })
}
