//! What a run's status tells somebody who waits: each phase once, and why it takes so long (pure).

use crate::manifest::status::{Phase, TestRunStatus};

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Told {
    phase: Option<Phase>,
    message: String,
}

impl Told {
    /// The next line, if there is anything new in it.
    pub(super) fn next(&mut self, status: &TestRunStatus) -> Option<String> {
        let phase = status.phase?;
        // What stands there in the end is the verdict's, which has lines of its own.
        let waits = matches!(phase, Phase::Pending | Phase::Queued | Phase::Starting);
        let message = status.message.as_deref().filter(|_| waits).unwrap_or_default().trim();
        if self.phase == Some(phase) && self.message == message {
            return None;
        }
        self.phase = Some(phase);
        message.clone_into(&mut self.message);
        let word = match phase {
            Phase::Pending => "waiting",
            Phase::Queued => "queued",
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::HandedOff => "a person has the browser",
            Phase::Finished | Phase::Expired => return None,
        };
        Some(if message.is_empty() { word.to_owned() } else { format!("{word}: {message}") })
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
}
