//! A run before its browser: its journal with the empty results and the first events, and the
//! preflight.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{
        assignment::{Assignment, Driver, print_problem},
        drive::Halt,
        events::{Announced, Event, Line},
        journal::Journal,
        plan::CheckKind,
        results::{Check, CheckStatus, Results, Scenario, Viewport},
        run_dir::{RunDir, Unwritable, hex},
        verdict::Reason,
    },
    clock::Clock,
    model::{Model, known::Table},
    preflight::{self, Manner, Unreached},
    telemetry::chain,
};

/// Opens the journal of `assignment` in `dir` and writes down what is to be done.
///
/// # Errors
/// If nothing can be written there.
pub fn begin(
    assignment: &Assignment,
    id: &str,
    dir: RunDir,
    clock: Arc<dyn Clock>,
    progress: mpsc::UnboundedSender<Line>,
) -> Result<Journal, Unwritable> {
    let results = results(assignment, id, format!("{:.3}", clock.now()));
    let redactor = Arc::clone(&assignment.redactor);
    let mut journal = Journal::open(dir, results, redactor, clock, progress)?;
    journal.screenshots = assignment.manner.screenshots;
    announce(&mut journal, assignment);
    Ok(journal)
}

/// What results.json says of a run that is about to begin.
fn results(assignment: &Assignment, id: &str, now: String) -> Results {
    let url = assignment.redactor.url(assignment.url.as_str());
    let size = assignment.manner.viewport;
    let viewport = Viewport { width: size.width, height: size.height };
    let mut results = Results::new(id.to_owned(), url, now, viewport);
    let mut words = assignment.drivers.iter().map(Driver::word);
    let first = words.next().unwrap_or("direct");
    let of_all = if words.all(|word| word == first) { first } else { "auto" };
    of_all.clone_into(&mut results.driver);
    if let Some(choice) = assignment.model.choice.as_ref().filter(|_| assignment.needs_model()) {
        results.model = Some(json!({"provider": choice.wire.as_str(), "name": choice.name}));
    }
    results.options.clone_from(&assignment.in_effect);
    results.pass_criteria.clone_from(&assignment.criteria);
    results.variables =
        assignment.variables.plain().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    results.secret_variables = assignment
        .variables
        .registered()
        .into_iter()
        .filter_map(|one| one.placeholder)
        .map(|name| name.trim_matches(['{', '}']).to_owned())
        .collect();
    results.scenarios = assignment
        .plan
        .scenarios
        .iter()
        .enumerate()
        .map(|(index, scenario)| {
            let checks = scenario
                .checks
                .iter()
                .map(|check| Check {
                    id: check.id.clone(),
                    kind: match check.kind {
                        CheckKind::Verify => "verify",
                        CheckKind::Criterion => "criterion",
                    }
                    .to_owned(),
                    line: check.line,
                    text: check.text.clone(),
                    status: CheckStatus::Uncovered,
                    assertions: Vec::new(),
                })
                .collect();
            let driver = assignment.drivers.get(index).map_or("direct", Driver::word);
            Scenario::new(index, scenario.name.clone(), scenario.line, driver, checks)
        })
        .collect();
    results
}

/// The plan as run, and the first event.
fn announce(journal: &mut Journal, assignment: &Assignment) {
    let plan = journal.redactor().base(&assignment.plan_text);
    journal.file("plan.md", "plan", "text/markdown; charset=utf-8", plan.as_bytes());
    let scenarios = journal
        .results
        .scenarios
        .iter()
        .map(|one| Announced {
            name: one.name.clone(),
            driver: one.driver.clone(),
            checks: one.checks.len(),
        })
        .collect();
    let versions: Map<String, Value> =
        [("handback".to_owned(), json!(env!("CARGO_PKG_VERSION")))].into_iter().collect();
    let start = Event::RunStart {
        url: journal.results.url.clone(),
        plan_sha256: hex(&Sha256::digest(plan.as_bytes())),
        scenarios,
        model: journal.results.model.clone(),
        viewport: journal.results.viewport,
        versions,
        options: assignment.in_effect.clone(),
    };
    journal.emit(None, start);
    for warning in &assignment.plan.warnings {
        journal.warn(&print_problem(warning));
    }
}

/// The model, if a scenario needs one: its key is read, and nobody is asked yet.
///
/// # Errors
/// If it cannot be asked at all.
pub async fn model(assignment: &Assignment) -> Result<Option<Arc<Model>>, Halt> {
    let choice = assignment.model.choice.clone().filter(|_| assignment.needs_model());
    let Some(choice) = choice else { return Ok(None) };
    let missing = |message: String| Halt { reason: Reason::ModelMissing, message };
    let table = Table::new(assignment.model.table.as_deref())
        .map_err(|error| missing(format!("HANDBACK_MODELS: {error}.")))?;
    let redactor = Arc::clone(&assignment.redactor);
    match Model::new(choice, &table, assignment.model.patience, redactor).await {
        Ok(model) => Ok(Some(Arc::new(model))),
        Err(error) => Err(missing(format!("The model cannot be asked: {}.", chain(&error)))),
    }
}

/// Is the target there?
///
/// # Errors
/// If it is not, or may not be asked.
pub async fn preflight(
    journal: &mut Journal,
    assignment: &Assignment,
    cancel: &CancellationToken,
) -> Result<(), Halt> {
    if assignment.manner.as_it_is {
        return Ok(());
    }
    let asked = Manner {
        policy: &assignment.policy,
        insecure_tls: assignment.manner.insecure_tls,
        namespace: None,
    };
    let wait = assignment.manner.wait_ready;
    let reached = preflight::reach(&assignment.url, asked, wait, cancel).await;
    match reached {
        Ok(reached) => {
            journal.emit(
                None,
                Event::Preflight {
                    method: reached.method.to_owned(),
                    status: Some(reached.status),
                    ms: reached.ms,
                    address: Some(reached.address.to_string()),
                    ok: true,
                    cause: None,
                },
            );
            if reached.status >= 400 {
                journal.warn(&format!("The run URL answers with HTTP status {}.", reached.status));
            }
            Ok(())
        }
        Err(Unreached::Cancelled) => {
            Err(Halt { reason: Reason::Cancelled, message: "The run was cancelled.".to_owned() })
        }
        Err(Unreached::Blocked(blocked)) => {
            let message = format!("The run URL may not be opened: {blocked}.");
            failed(journal, &message, None, 0);
            Err(Halt { reason: Reason::BlockedByPolicy, message })
        }
        Err(Unreached::Failed { cause, hint, address, ms }) => {
            let cause = format!("{cause} {hint}").trim_end().to_owned();
            failed(journal, &cause, address.map(|address| address.to_string()), ms);
            Err(Halt { reason: Reason::PreflightFailed, message: cause })
        }
    }
}

fn failed(journal: &mut Journal, cause: &str, address: Option<String>, ms: u64) {
    journal.emit(
        None,
        Event::Preflight {
            method: "HEAD".to_owned(),
            status: None,
            ms,
            address,
            ok: false,
            cause: Some(cause.to_owned()),
        },
    );
}
