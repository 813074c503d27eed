//! What comes next in a scenario: one pure function of what has happened, what may still be spent
//! and the time. The direct driver has its steps beforehand; whoever decides, the limits are these.

use std::time::Duration;

use crate::agent::verdict::Reason;

/// What has happened in a scenario so far, as far as the next decision needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// How many of its steps were taken.
    pub taken: usize,
    /// How many there are.
    pub total: usize,
    /// The code of an action that failed: in a direct scenario nothing can be tried instead.
    pub failed: Option<&'static str>,
}

/// What may still be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps of a scenario.
    pub steps: Option<u32>,
    /// Boot-clock time at which the run ends.
    pub deadline: Duration,
    /// Why the run is to end now, if it is.
    pub stop: Option<Reason>,
}

/// See [`next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Take this step (from 0).
    Perform(usize),
    /// All is done: complete the scenario.
    Complete,
    /// The scenario ends here.
    End(Reason),
}

/// Decides. The end of the run goes before everything, then what became of the last action, then
/// the budget: it is exceeded only if there is something left to do.
pub fn next(transcript: &Transcript, budget: &Budget, now: Duration) -> Next {
    if let Some(reason) = budget.stop {
        return Next::End(reason);
    }
    if now >= budget.deadline {
        return Next::End(Reason::Timeout);
    }
    match transcript.failed {
        Some("browser_lost") => return Next::End(Reason::BrowserLost),
        Some("internal") => return Next::End(Reason::Internal),
        Some(_) => return Next::End(Reason::StepFailed),
        None => {}
    }
    if transcript.taken >= transcript.total {
        return Next::Complete;
    }
    let spent = budget.steps.is_some_and(|steps| transcript.taken >= steps as usize);
    if spent { Next::End(Reason::StepBudget) } else { Next::Perform(transcript.taken) }
}

/// What a model's reply was, as far as the next decision needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Complete tool calls.
    pub calls: usize,
    /// The output limit has cut it.
    pub cut: bool,
    /// The model, or its provider, declines.
    pub refused: bool,
}

/// See [`after`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Carry the calls out.
    Act,
    /// Carry out what there is, and remind.
    Remind(Lack),
    /// The scenario ends here.
    End(Reason),
}

/// What a reply lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A tool call.
    Call,
    /// Its end.
    End,
}

/// Reminders in a row, whatever they are about (agent.md 7.4).
const REMINDERS: u32 = 2;

/// Decides after a reply; `reminded` is how many reminders came right before it.
pub fn after(heard: &Heard, reminded: u32) -> Then {
    let Heard { calls, cut, refused } = *heard;
    match (refused, cut, calls) {
        (true, _, _) => Then::End(Reason::ModelRefused),
        (false, true, _) if reminded >= REMINDERS => Then::End(Reason::Truncated),
        (false, true, _) => Then::Remind(Lack::End),
        (false, false, 0) if reminded >= REMINDERS => Then::End(Reason::NoCompletion),
        (false, false, 0) => Then::Remind(Lack::Call),
        (false, false, _) => Then::Act,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // agent.md 17.4
    #[test]
    fn replies_without_a_call_and_cut_replies_are_reminded_twice_in_all() {
        let prose = Heard { calls: 0, cut: false, refused: false };
        let cut = Heard { calls: 2, cut: true, refused: false };
        assert_eq!([0, 1].map(|n| after(&prose, n)), [Then::Remind(Lack::Call); 2]);
        assert_eq!([0, 1].map(|n| after(&cut, n)), [Then::Remind(Lack::End); 2]);
        assert_eq!(after(&prose, 2), Then::End(Reason::NoCompletion));
        assert_eq!(after(&cut, 2), Then::End(Reason::Truncated));
    }

    #[test]
    fn calls_are_carried_out_and_a_refusal_ends_the_scenario() {
        let calls = Heard { calls: 1, cut: false, refused: false };
        assert_eq!(after(&calls, 2), Then::Act);
        assert_eq!(after(&Heard { refused: true, ..calls }, 0), Then::End(Reason::ModelRefused));
    }

    const BEFORE: Duration = Duration::from_secs(9);
    const DEADLINE: Duration = Duration::from_secs(10);

    #[track_caller]
    fn check(
        taken: usize,
        failed: Option<&'static str>,
        steps: Option<u32>,
        stop: Option<Reason>,
        now: Duration,
        expected: Next,
    ) {
        let transcript = Transcript { taken, total: 3, failed };
        assert_eq!(next(&transcript, &Budget { steps, deadline: DEADLINE, stop }, now), expected);
    }

    #[test]
    fn steps_follow_one_another_until_all_are_taken() {
        check(0, None, None, None, BEFORE, Next::Perform(0));
        check(2, None, Some(3), None, BEFORE, Next::Perform(2));
        check(3, None, Some(3), None, BEFORE, Next::Complete);
    }

    #[test]
    fn a_budget_ends_only_what_has_something_left_to_do() {
        check(2, None, Some(2), None, BEFORE, Next::End(Reason::StepBudget));
        check(3, None, Some(2), None, BEFORE, Next::Complete);
    }

    #[test]
    fn the_end_of_the_run_goes_before_everything() {
        check(3, None, None, None, DEADLINE, Next::End(Reason::Timeout));
        check(1, Some("not_found"), None, None, DEADLINE, Next::End(Reason::Timeout));
        check(
            1,
            Some("cancelled"),
            None,
            Some(Reason::Cancelled),
            DEADLINE,
            Next::End(Reason::Cancelled),
        );
    }

    #[test]
    fn a_failed_action_ends_a_direct_scenario() {
        check(1, Some("not_found"), None, None, BEFORE, Next::End(Reason::StepFailed));
        check(1, Some("browser_lost"), None, None, BEFORE, Next::End(Reason::BrowserLost));
        check(3, Some("timeout"), None, None, BEFORE, Next::End(Reason::StepFailed));
    }
}
