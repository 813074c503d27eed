//! `assert`: what the runner itself finds on the page, beside what is claimed (agent.md 8).

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::{
    ACTION_DEADLINE, Drive,
    hands::{Begun, CEILING, EVIDENCE, Ended, Taken, no_browser},
};
use crate::{
    agent::{
        deed::{Asserted, Sourced},
        describe,
        results::{Assertion, CheckStatus, Evaluated},
        run_dir::hex,
    },
    page::{
        Page,
        predicate::{Finding, Predicate},
        tool::{Code, Failed},
    },
};

/// What a predicate gets at least, however long the ones before it took.
const LEAST: Duration = Duration::from_secs(1);
/// How long is looked for what is claimed not to be there.
const DENIED: Duration = Duration::from_secs(2);

impl Drive<'_> {
    /// An assertion: every predicate must hold, whatever is claimed. One that fails is a step that was
    /// carried out.
    pub(super) async fn assert(&mut self, mut begun: Begun, asserted: &Asserted) -> Taken {
        let admitted = self.begin(begun.record.id, "assert").await;
        let page = match (self.page.clone(), admitted) {
            (Some(page), Ok(())) => page,
            (None, _) => return self.close(begun, Ended::plain(Err(no_browser()))),
            (_, Err(failed)) => return self.close(begun, Ended::plain(Err(failed))),
        };
        let Asserted { check, description, claim, predicates } = asserted;
        let denied = claim.as_ref().is_some_and(|claim| !claim.passed);
        let findings =
            self.ask(&page, predicates, if denied { DENIED } else { ACTION_DEADLINE }).await;
        let gone = self.browser_gone().await;
        if gone || self.stop.token.is_cancelled() {
            self.link.end(begun.record.id);
            let failed = if gone {
                Failed::new(Code::BrowserLost, "The browser ended before the check was decided.")
            } else {
                Failed::new(Code::Cancelled, "The run ended before the check was decided.")
            };
            "assert_fail".clone_into(&mut begun.record.action);
            return self.close(begun, Ended::plain(Err(failed)));
        }
        let found = findings.iter().all(|finding| finding.outcome);
        // Without a predicate there is only the word of whoever claims it.
        let passed = match claim {
            Some(claim) if predicates.is_empty() => claim.passed,
            Some(_) | None => found,
        };
        let picture = self.picture().await.map(|jpeg| (jpeg, "after"));
        let tree = timeout(EVIDENCE, page.tree()).await.ok().and_then(Result::ok);
        let place = self.place(&page).await;
        self.link.end(begun.record.id);
        begun.record.url = self.journal.redactor().url(&place.url);
        (if passed { "assert_pass" } else { "assert_fail" }).clone_into(&mut begun.record.action);
        let seen =
            findings.iter().map(|finding| finding.detail.as_str()).collect::<Vec<_>>().join("; ");
        let disagreement = claim.as_ref().is_some_and(|claim| claim.passed != passed);
        let evaluated = predicates
            .iter()
            .zip(&findings)
            .map(|(one, finding)| Evaluated {
                predicate: describe::predicate(&one.predicate),
                source: one.source.word().to_owned(),
                outcome: finding.outcome,
                detail: finding.detail.clone(),
            })
            .collect();
        let (id, scenario) = (begun.record.id, begun.scenario);
        let assertion = Assertion {
            id,
            step: id,
            check: check.clone(),
            description: description.clone(),
            claimed: claim.as_ref().map(|claim| claim.passed),
            passed,
            evidence: claim.as_ref().map_or_else(|| seen.clone(), |claim| claim.evidence.clone()),
            verified: !predicates.is_empty(),
            disagreement,
            predicates: evaluated,
            // Known when the step is closed.
            screenshot: None,
            tree_sha256: tree.map(|tree| hex(&Sha256::digest(tree))),
        };
        let result = json!({
            "ok": true,
            "sentence": sentence(passed, disagreement, &seen),
            "data": {"passed": passed, "disagreement": disagreement},
        });
        let taken = self.close(begun, Ended { picture, ..Ended::plain(Ok(result)) });
        let screenshot = self
            .journal
            .results
            .scenarios
            .get(scenario)
            .and_then(|one| one.steps.last().and_then(|step| step.screenshot.clone()));
        self.journal.assertion(scenario, Assertion { screenshot, ..assertion });
        taken
    }

    /// Asks every predicate, so that the evidence is complete; together they get one deadline.
    async fn ask(&self, page: &Page, predicates: &[Sourced], time: Duration) -> Vec<Finding> {
        let until = Instant::now() + time;
        let mut findings = Vec::new();
        for one in predicates {
            let left = until.saturating_duration_since(Instant::now()).max(LEAST);
            let asked = async {
                if let Predicate::HttpStatus { method, url, status } = &one.predicate {
                    let requester = &self.job.requester;
                    return requester.status(*method, url, *status, left, &self.stop.token).await;
                }
                page.ask(&one.predicate, left, &self.stop.token).await
            };
            findings.push(timeout(CEILING, asked).await.unwrap_or_else(|_| Finding {
                outcome: false,
                detail: "The page did not answer.".to_owned(),
            }));
        }
        findings
    }

    /// The checks that no assertion covers yet: id and text.
    pub(super) fn open_checks(&self, scenario: usize) -> Vec<(String, String)> {
        let checks = self.journal.results.scenarios.get(scenario).map(|one| one.checks.as_slice());
        checks
            .unwrap_or_default()
            .iter()
            .filter(|check| check.status == CheckStatus::Uncovered)
            .map(|check| (check.id.clone(), check.text.clone()))
            .collect()
    }
}

fn sentence(passed: bool, disagreement: bool, seen: &str) -> String {
    let mut text = if passed { "PASSED" } else { "FAILED" }.to_owned();
    if disagreement {
        text.push_str(", against what was claimed: what the runner sees decides");
    }
    if !seen.is_empty() {
        text.push_str(": ");
        text.push_str(seen);
    }
    text
}
