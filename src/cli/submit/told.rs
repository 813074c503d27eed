//! What a run's status tells somebody who waits: each phase of each attempt once, and why it takes so
//! long (pure).

use crate::manifest::status::{Phase, TestRunStatus};

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Told {
    phase: Option<Phase>,
    message: String,
    /// 0 before the first.
    attempt: i32,
}

impl Told {
    /// The next line, if there is anything new in it.
    pub(super) fn next(&mut self, status: &TestRunStatus) -> Option<String> {
        let phase = status.phase?;
        // What stands there in the end is the verdict's, which has lines of its own.
        let waits = matches!(phase, Phase::Pending | Phase::Queued | Phase::Starting);
        let message = status.message.as_deref().filter(|_| waits).unwrap_or_default().trim();
        let attempt = status.attempt.unwrap_or_default().max(self.attempt);
        let another = attempt > self.attempt.max(1);
        if self.phase == Some(phase) && self.message == message && !another {
            return None;
        }
        self.phase = Some(phase);
        self.attempt = attempt;
        message.clone_into(&mut self.message);
        let word = match phase {
            Phase::Pending => "waiting",
            Phase::Queued => "queued",
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::HandedOff => "a person has the browser",
            Phase::Finished | Phase::Expired => return None,
        };
        let line = if message.is_empty() { word.to_owned() } else { format!("{word}: {message}") };
        // The operator's own words for why there is another one begin like this.
        let said = message.starts_with("attempt ");
        Some(if another && !said { format!("attempt {attempt}: {line}") } else { line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase, message: &str) -> TestRunStatus {
        let message = (!message.is_empty()).then(|| message.to_owned());
        TestRunStatus { phase: Some(phase), message, ..TestRunStatus::default() }
    }

    #[test]
    fn a_phase_and_the_reason_for_waiting_are_told_once() {
        let mut told = Told::default();
        let mut lines = Vec::new();
        for (phase, message) in [
            (Phase::Pending, ""),
            (Phase::Pending, ""),
            (Phase::Queued, "Behind checkout-1 for key pr-42."),
            (Phase::Queued, "Behind checkout-1 for key pr-42."),
            (Phase::Queued, "Behind checkout-2 for key pr-42."),
            (Phase::Starting, "0/3 nodes are available"),
            (Phase::Running, "what a running run says is in its events"),
            (Phase::Running, ""),
            (Phase::HandedOff, ""),
            (Phase::Running, ""),
            (Phase::Finished, "Case 1: expected \"1 item\""),
        ] {
            lines.extend(told.next(&status(phase, message)));
        }
        assert_eq!(
            lines,
            [
                "waiting",
                "queued: Behind checkout-1 for key pr-42.",
                "queued: Behind checkout-2 for key pr-42.",
                "starting: 0/3 nodes are available",
                "running",
                "a person has the browser",
                "running",
            ]
        );
        assert_eq!(Told::default().next(&TestRunStatus::default()), None);
    }

    #[test]
    fn another_attempt_is_told_of_whatever_was_missed_in_between() {
        let told = |seen: &[(i32, Phase, &str)]| {
            let mut told = Told::default();
            let lines = seen.iter().filter_map(|&(attempt, phase, message)| {
                let attempt = Some(attempt).filter(|attempt| *attempt > 0);
                told.next(&TestRunStatus { attempt, ..status(phase, message) })
            });
            lines.collect::<Vec<_>>()
        };
        let lost = "attempt 1: the pod was lost; attempt 2 of 3 follows";
        assert_eq!(
            told(&[
                (0, Phase::Pending, ""),
                (1, Phase::Starting, ""),
                (1, Phase::Running, ""),
                (2, Phase::Starting, lost),
                (2, Phase::Starting, "Image is being pulled."),
                (2, Phase::Running, ""),
                (3, Phase::Running, ""),
                (3, Phase::Running, ""),
            ]),
            [
                "waiting",
                "starting",
                "running",
                "starting: attempt 1: the pod was lost; attempt 2 of 3 follows",
                "starting: Image is being pulled.",
                "running",
                "attempt 3: running",
            ]
        );
        let late = told(&[(2, Phase::Starting, "Image is being pulled.")]);
        assert_eq!(late, ["attempt 2: starting: Image is being pulled."]);
    }
}
