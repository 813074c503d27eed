//! From a decision's words to the gate stream's, and from a gate's report to a decision's answer
//! (pure).

use std::time::Duration;

use crate::{
    decide::{Answer, Moment},
    operator::{
        observe,
        outside::{At, HandoffWord, Heard, Said, Word},
    },
    pod::contract::stream::{HandoffPhase, Report, ToGateStream},
};

/// What is said, and how long a settled upload may be waited for after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToSay {
    pub(super) messages: Vec<ToGateStream>,
    pub(super) patience: Duration,
}

/// What stands for a word.
pub(super) fn to_say(word: Word) -> ToSay {
    let mut patience = Duration::ZERO;
    let message = match word {
        Word::Ask { patience: seconds, ended } => {
            patience = Duration::from_secs(count(seconds));
            if ended { ToGateStream::AgentEnded } else { ToGateStream::Ask }
        }
        Word::Cancel => ToGateStream::Cancel,
        Word::Deadline(seconds) => ToGateStream::Deadline { seconds: count(seconds) },
        Word::WarnIdle(seconds) => ToGateStream::Expiring { seconds: count(seconds) },
        Word::WarnCap(seconds) => ToGateStream::Capped { seconds: count(seconds) },
        Word::Retire(seconds) => ToGateStream::CloseDoor { idle_seconds: count(seconds) },
    };
    ToSay { messages: vec![message], patience }
}

/// Whether there is nothing to wait for.
pub(super) fn is_settled(report: &Report) -> bool {
    report.upload.state.is_settled()
}

/// What a report that came now says. Times are rounded so that nothing is done too early: idleness
/// down, what is left up.
pub(super) fn heard(report: &Report, now: Moment) -> Said {
    let answer = Answer {
        at: now,
        upload: observe::upload(&report.upload),
        idle: whole(report.idle_ms / 1000),
        watched: report.watched,
        told_idle: report
            .told_idle_ms
            .map(|ms| Moment(now.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))),
        told_cap: report.told_cap_seconds.map(whole),
        cancelling: report.cancelling_ms.map(|ms| whole(ms / 1000)),
        deadline: whole(report.deadline_seconds),
        left: report.agent_left_ms.map(|ms| whole(ms.div_ceil(1000))),
    };
    let heard = heard_of_handoffs(report.clone());
    Said { answer, agreed: report.closed, heard }
}

/// What stands for a word about handoffs.
pub(super) fn to_say_of_handoffs(word: &HandoffWord) -> ToSay {
    let (messages, patience) = match word {
        HandoffWord::Prepare { prepare, ended, patience } => {
            let ended = ended.then_some(ToGateStream::AgentEnded);
            let prepare = ToGateStream::Prepare(prepare.clone());
            (ended.into_iter().chain([prepare]).collect(), patience)
        }
        HandoffWord::Close { uid, outcome, patience } => {
            (vec![ToGateStream::Close { uid: uid.clone(), outcome: *outcome }], patience)
        }
        HandoffWord::Changes { patience, .. } => (vec![ToGateStream::Ask], patience),
    };
    ToSay { messages, patience: Duration::from_secs(count(*patience)) }
}

/// Whether there is nothing more to wait for.
pub(super) fn is_answered(word: &HandoffWord, report: &Report) -> bool {
    let phase = |uid: &str| report.handoffs.iter().find(|one| one.uid == uid).map(|one| one.phase);
    match word {
        HandoffWord::Prepare { prepare, .. } => {
            phase(&prepare.uid).is_none_or(|phase| phase != HandoffPhase::Pending)
        }
        HandoffWord::Close { uid, .. } => phase(uid).is_none_or(|phase| !phase.is_active()),
        HandoffWord::Changes { since, .. } => *since != Some(at(report)),
    }
}

/// What the gate has of handoffs.
pub(super) fn heard_of_handoffs(report: Report) -> Heard {
    Heard { at: at(&report), handoffs: report.handoffs }
}

fn at(report: &Report) -> At {
    At { incarnation: report.incarnation, position: report.position }
}

/// Decisions count in signed numbers; a time that is over is none.
fn count(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decide::{Stored, Upload},
        pod::contract::{UploadReport, UploadState},
    };

    #[test]
    fn every_word_has_its_message() {
        let said = |word| to_say(word).messages;
        for (word, message) in [
            (Word::Ask { patience: 0, ended: false }, ToGateStream::Ask),
            (Word::Ask { patience: 0, ended: true }, ToGateStream::AgentEnded),
            (Word::Cancel, ToGateStream::Cancel),
            (Word::Deadline(7200), ToGateStream::Deadline { seconds: 7200 }),
            (Word::WarnIdle(60), ToGateStream::Expiring { seconds: 60 }),
            (Word::WarnCap(600), ToGateStream::Capped { seconds: 600 }),
            (Word::Retire(-1), ToGateStream::CloseDoor { idle_seconds: 0 }),
        ] {
            assert_eq!(said(word), [message]);
        }
        let patient = to_say(Word::Ask { patience: 120, ended: true });
        assert_eq!(patient.patience, Duration::from_mins(2));
        assert_eq!(to_say(Word::Retire(900)).patience, Duration::ZERO);
    }

    #[test]
    fn a_gate_that_began_anew_has_news_whatever_it_counts() {
        let report = Report { incarnation: 7, position: 3, ..Report::default() };
        let changes = |since| HandoffWord::Changes { since, patience: 1 };
        let at = |incarnation, position| Some(At { incarnation, position });
        assert!(!is_answered(&changes(at(7, 3)), &report));
        for since in [None, at(7, 2), at(6, 3), at(6, 9)] {
            assert!(is_answered(&changes(since), &report), "{since:?}");
        }
        assert_eq!(Some(heard_of_handoffs(report).at), at(7, 3));
    }

    #[test]
    fn a_report_becomes_an_answer_in_the_operators_time() {
        let report = Report {
            idle_ms: 100_999,
            watched: true,
            closed: true,
            told_idle_ms: Some(1500),
            told_cap_seconds: Some(600),
            cancelling_ms: Some(61_999),
            deadline_seconds: 1800,
            agent_left_ms: Some(1),
            upload: UploadReport {
                state: UploadState::Complete,
                manifest_sha256: Some("ab".repeat(32)),
                count: 40,
                bytes: 1234,
                ..UploadReport::default()
            },
            ..Report::default()
        };
        assert!(is_settled(&report) && !is_settled(&Report::default()));
        let said = heard(&report, Moment(50_000));
        let stored = Stored { manifest_sha256: "ab".repeat(32), count: 40, bytes: 1234 };
        assert_eq!(
            said.answer,
            Answer {
                at: Moment(50_000),
                upload: Upload::Complete(stored),
                idle: 100,
                watched: true,
                told_idle: Some(Moment(48_500)),
                told_cap: Some(600),
                cancelling: Some(61),
                deadline: 1800,
                left: Some(1),
            }
        );
        assert!(said.agreed);
        let given_up = Report { agent_left_ms: Some(0), ..Report::default() };
        assert_eq!(heard(&given_up, Moment(0)).answer.left, Some(0));
    }
}
