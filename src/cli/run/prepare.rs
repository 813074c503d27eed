//! A run before its browser: the empty results, the first events, and the preflight.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::options::Options;
use crate::{
    agent::{
        drive::Halt,
        events::{Announced, Event},
        journal::Journal,
        plan::CheckKind,
        preflight::{self, Unreached},
        results::{Check, CheckStatus, Results, Scenario, Viewport},
        run_dir::hex,
        verdict::Reason,
    },
    cli::run::options::print_problem,
};

/// What results.json says of a run that is about to begin.
pub(super) fn results(options: &Options, id: &str, now: String) -> Results {
    let url = options.redactor.url(options.url.as_str());
    let viewport = Viewport { width: options.viewport.width, height: options.viewport.height };
    let mut results = Results::new(id.to_owned(), url, now, viewport);
    results.options.clone_from(&options.in_effect);
    results.pass_criteria.clone_from(&options.criteria);
    results.variables =
        options.variables.plain().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    results.secret_variables = options
        .variables
        .registered()
        .into_iter()
        .filter_map(|one| one.placeholder)
        .map(|name| name.trim_matches(['{', '}']).to_owned())
        .collect();
    results.scenarios = options
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
            Scenario::new(index, scenario.name.clone(), scenario.line, "direct", checks)
        })
        .collect();
    results
}

/// The plan as run, and the first event.
pub(super) fn announce(journal: &mut Journal, options: &Options) {
    let plan = journal.redactor().base(&options.plan_text);
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
        model: None,
        viewport: journal.results.viewport,
        versions,
        options: options.in_effect.clone(),
    };
    journal.emit(None, start);
    for warning in &options.plan.warnings {
        journal.warn(&print_problem(warning));
    }
}

/// Is the target there?
pub(super) async fn preflight(
    journal: &mut Journal,
    options: &Options,
    cancel: &CancellationToken,
) -> Result<(), Halt> {
    let Options { url, policy, insecure_tls, wait_ready, .. } = options;
    let reached = preflight::reach(url, policy, *insecure_tls, *wait_ready, cancel).await;
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
        Err(Unreached::Failed { cause, address, ms }) => {
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
