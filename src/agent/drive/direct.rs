//! The direct driver: the plan's own steps, without a model (agent.md 3). The same page gives the
//! same calls.

use super::{Drive, hands::Order};
use crate::{
    agent::{
        deed::{Completion, Deed},
        plan,
        results::{CheckStatus, StepStatus},
        turn::{self, Budget, Next, Transcript},
        verdict::{Ending, Reason},
    },
    page::{
        predicate::Predicate,
        tool::{Call, Code},
    },
};

impl Drive<'_> {
    /// Drives a scenario to its ending, with a summary in a sentence.
    pub(super) async fn direct(&mut self, index: usize, steps: &[plan::Step]) -> (Ending, String) {
        let mut transcript = Transcript { taken: 0, total: steps.len(), failed: None };
        loop {
            self.listen();
            let budget = Budget {
                steps: self.job.max_steps,
                deadline: self.stop.deadline(),
                stop: self.stop.reason(),
            };
            match turn::next(&transcript, &budget, self.journal.boot()) {
                Next::Perform(position) => {
                    let Some(step) = steps.get(position) else { break };
                    if let Some(page) = &self.page {
                        page.hold_dialogs(answers_dialog(steps, position)).await;
                    }
                    // A1 with `the home page`: the plan does not know the run URL.
                    let url = self.job.url.as_str().into();
                    let start_page = Deed::Act(Box::new(Call::Navigate { url }));
                    let deed = if is_start_page(&step.deed) { &start_page } else { &step.deed };
                    let taken = self.take(index, Order::planned(deed, step.line)).await;
                    transcript.failed = taken.code.map(Code::as_str);
                    transcript.taken += 1;
                }
                Next::Complete => {
                    let summary = self.tally(index);
                    // The runner's own claim; the verdict is the rule's.
                    let completion = Completion { summary: summary.clone(), passed: true };
                    self.take(index, Order::planned(&Deed::Complete(completion), None)).await;
                    return (Ending::Completed { passed: true }, summary);
                }
                Next::End(reason) => {
                    for step in steps.iter().skip(transcript.taken) {
                        let record = self.recorded(&step.deed, step.line);
                        self.skip(index, record);
                    }
                    return (Ending::CutShort(reason), self.cut_short(index, reason));
                }
            }
        }
        (Ending::CutShort(Reason::Internal), String::new())
    }

    /// How the checks stand, in a sentence.
    fn tally(&self, scenario: usize) -> String {
        let checks = self.journal.results.scenarios.get(scenario).map(|one| one.checks.as_slice());
        let checks = checks.unwrap_or_default();
        let passed = checks.iter().filter(|one| one.status == CheckStatus::Passed).count();
        format!("{passed} of {} checks passed.", checks.len())
    }

    /// What ended a scenario, in a sentence.
    pub(super) fn cut_short(&self, scenario: usize, reason: Reason) -> String {
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
            (Reason::TokenBudget, _) => {
                let most = self.job.max_tokens.unwrap_or_default();
                format!("The run's budget of {most} tokens is spent.")
            }
            (Reason::ModelRefused, _) => "The model declines to go on.".to_owned(),
            (Reason::NoCompletion, _) => {
                "The model stopped calling tools before it had completed the scenario.".to_owned()
            }
            (Reason::Truncated, _) => {
                "The model's replies were cut off again and again, since they were too long."
                    .to_owned()
            }
            (Reason::StepBudget, _) => {
                format!("The budget of {} steps is spent.", self.job.max_steps.unwrap_or_default())
            }
            (Reason::Timeout | Reason::Cancelled | Reason::Internal, _) => self.stopped().message,
            (other, _) => other.as_str().replace('_', " "),
        }
    }
}

/// Whether the plan itself answers a dialog that opens at this step: the step does, or the next one
/// that asks for more than what a dialog says.
fn answers_dialog(steps: &[plan::Step], position: usize) -> bool {
    let answers = |step: &plan::Step| matches!(&step.deed, Deed::Act(call) if matches!(**call, Call::HandleDialog { .. }));
    let reads = |step: &plan::Step| match &step.deed {
        Deed::Assert(asserted) => {
            asserted.predicates.iter().all(|one| matches!(one.predicate, Predicate::Dialog { .. }))
        }
        Deed::Act(_)
        | Deed::Look(_)
        | Deed::Http(_)
        | Deed::Mail(_)
        | Deed::Suggest(_)
        | Deed::Complete(_) => false,
    };
    let mut from = steps.iter().skip(position);
    from.next().is_some_and(answers) || from.find(|step| !reads(step)).is_some_and(answers)
}

/// A1 with `the home page`: the plan does not know the run URL and leaves it empty. A variable that
/// turns out to be empty is something else, and an error.
fn is_start_page(deed: &Deed) -> bool {
    matches!(deed, Deed::Act(call)
        if matches!(&**call, Call::Navigate { url } if url.shown().is_empty()))
}
