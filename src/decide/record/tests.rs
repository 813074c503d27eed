//! What fits, and what is left of others.

use super::*;
use crate::{
    decide::fixtures::{at, facts},
    manifest::{handoff::Mode, status::Control},
};

#[test]
fn the_largest_status_of_a_run_is_below_four_kibibytes() {
    let record = Record {
        generation: 99,
        accepted: Some(at(1)),
        target_ready: Some(at(2)),
        attempt: 11,
        pod: Some(Bound {
            uid: "3f1c9ae0-0000-4000-8000-000000000000".to_owned(),
            name: format!("tr-{}-11", "n".repeat(52)),
            node: Some("node-1.eu-central-1.compute.internal".to_owned()),
            warm: false,
        }),
        bound: Some(at(3)),
        browser_ready: Some(at(4)),
        started: Some(at(5)),
        finished: Some(at(6)),
        ending: Some(Ending {
            verdict: Verdict::Failed,
            reason: "R".repeat(64),
            scenarios: Some(Scenarios {
                total: 10_000,
                passed: 9999,
                failed: 1,
                summary: "9999/10000".to_owned(),
            }),
            usage: Some(Usage { steps: 1 << 40, input_tokens: 1 << 40, output_tokens: 1 << 40 }),
            sandboxed: Some(false),
        }),
        artifacts: Artifacts::failed(&"é".repeat(200)),
        uploaded: Some(at(7)),
        available: true,
        message: short(&"é".repeat(1024), 1024),
        ..Record::default()
    };
    let status = record.write(&TestRunStatus::default(), &facts(), at(8));
    let size = serde_json::to_string(&status).unwrap().len();
    assert!(size <= 4096, "{size} bytes");
    for condition in &status.conditions {
        let most = if condition.type_ == "ArtifactsUploaded" { 256 } else { 128 };
        assert!(condition.message.len() <= most, "{condition:?}");
    }
    assert_eq!(Record::read(&status), record);
}

#[test]
fn what_belongs_to_handoffs_is_left_as_it_is() {
    let control = Control {
        handoff: "ho-1".to_owned(),
        mode: Mode::Control,
        holder: Some("alice".to_owned()),
    };
    let old = TestRunStatus { control: Some(control), ..TestRunStatus::default() };
    let new = Record::default().write(&old, &facts(), at(1));
    assert_eq!(new.control, old.control);
}

#[test]
fn a_condition_keeps_the_time_of_its_last_change() {
    let time = |status: &TestRunStatus| {
        let found = status.conditions.iter().find(|found| found.type_ == "PodReady").unwrap();
        Moment::from(found.last_transition_time)
    };
    let record = Record { attempt: 1, ..Record::default() };
    let first = record.write(&TestRunStatus::default(), &facts(), at(1));
    let second = record.write(&first, &facts(), at(2));
    assert_eq!(time(&second), at(1));
    let ready = Record { browser_ready: Some(at(3)), ..record };
    assert_eq!(time(&ready.write(&second, &facts(), at(3))), at(3));
}
