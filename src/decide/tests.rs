//! A run's life with real numbers: what is written, said and done, and when.

mod life;
mod reaping;
mod waiting;

use super::{fixtures::*, *};
use crate::manifest::{
    condition::ConditionStatus,
    status::{Phase, Verdict},
};

/// A decision without its Events, as actions; and the record that is written, if any.
fn act(facts: &Facts, record: &Record, now: Moment) -> (Vec<Action>, Option<Record>) {
    let Decided { record, actions, .. } = decide_record(facts, record, now);
    let actions = actions.into_iter().filter(|action| !matches!(action, Action::Note(_)));
    (actions.collect(), record.map(|(record, _)| record))
}

/// The same, when only the record is asked for.
fn write(facts: &Facts, record: &Record, now: Moment) -> Record {
    act(facts, record, now).1.expect("something to write")
}

/// When a decision is to be looked at again, in seconds after the run was made.
fn wakes(facts: &Facts, record: &Record, now: Moment) -> Option<i64> {
    decide_record(facts, record, now).wake_at.map(|at| at.since(CREATED))
}

/// The Events of a decision.
fn notes(facts: &Facts, record: &Record, now: Moment) -> Vec<Note> {
    let notes = decide_record(facts, record, now)
        .actions
        .into_iter()
        .filter_map(|action| if let Action::Note(note) = action { Some(note) } else { None });
    notes.collect()
}

/// A run whose agent began after 10 s.
fn begun() -> (Facts, Record) {
    let facts = Facts { pods: vec![running(1, at(10))], ..facts() };
    let record = write(&facts, &Record::default(), at(10));
    (facts, record)
}

/// A run that passed after 100 s, with its artifacts on their way.
fn passed() -> (Facts, Record) {
    let (mut facts, record) = begun();
    facts.pods = vec![ended(1, at(10), 0, Some(report(Verdict::Passed)))];
    let record = write(&facts, &record, at(100));
    (facts, record)
}

/// What the gate says at a time, with nobody there since the run ended at 100 s.
fn answer(seconds: i64) -> Answer {
    Answer {
        at: at(seconds),
        upload: Upload::Complete(Stored {
            manifest_sha256: "ab".repeat(32),
            count: 40,
            bytes: 12_345_678,
        }),
        idle: seconds - 100,
        watched: false,
        told_idle: None,
        told_cap: None,
        cancelling: None,
        deadline: 1800,
        left: 1000,
    }
}

/// The same, known to the operator.
fn answered(answer: Answer) -> Gate {
    Gate { tried: Some(answer.at), answer: Some(answer), ..Gate::default() }
}

/// A run that passed and whose artifacts are stored, as of 110 s; the pod is released.
fn stored() -> (Facts, Record) {
    let (mut facts, record) = passed();
    facts.gate = answered(answer(110));
    let record = write(&facts, &record, at(110));
    facts.pods[0].finalizer = false;
    facts.pods[0].marked = false;
    (facts, record)
}

fn uid() -> PodUid {
    PodUid("uid-1".to_owned())
}
