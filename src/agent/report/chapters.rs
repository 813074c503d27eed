//! Where in the video each scenario and step is (agent.md 12; pure).

use std::time::Duration;

use serde::Serialize;

use crate::{
    agent::results::{Results, StepStatus},
    pod::contract::{Recording, RecordingState},
};

/// One mark on the player's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chapter {
    /// Place in the video in milliseconds.
    pub t_ms: u64,
    /// `scenario`, `step` or `gap`.
    pub kind: &'static str,
    /// Of a scenario its index, of a step its id.
    pub id: String,
    /// For people.
    pub title: String,
    /// A verdict or a step's status.
    pub status: String,
    /// Of a gap: how long a person held the browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_ms: Option<u64>,
}

/// Marks in the order of the video. `began` has the boot-clock time at which each step began,
/// `recordings` what the recorder said; none if it never recorded.
pub fn chapters(
    results: &Results,
    began: &[(u64, Duration)],
    recordings: &[Recording],
) -> Vec<Chapter> {
    let start = |id: u64| {
        began
            .iter()
            .find(|(step, _)| *step == id)
            .and_then(|(_, at)| media(recordings, u64::try_from(at.as_millis()).ok()?))
    };
    let mut chapters = Vec::new();
    for scenario in &results.scenarios {
        let steps: Vec<_> =
            scenario.steps.iter().filter_map(|step| Some((start(step.id)?, step))).collect();
        if let Some((t_ms, _)) = steps.first() {
            chapters.push(Chapter {
                t_ms: *t_ms,
                kind: "scenario",
                id: scenario.index.to_string(),
                title: scenario.name.clone(),
                status: scenario.verdict.map_or("running", |verdict| verdict.as_str()).to_owned(),
                length_ms: None,
            });
        }
        for (t_ms, step) in steps {
            let unmet = scenario.assertions.iter().any(|one| one.step == step.id && !one.passed);
            let status =
                if unmet || step.status == StepStatus::Failed { "failed" } else { "passed" };
            chapters.push(Chapter {
                t_ms,
                kind: "step",
                id: step.id.to_string(),
                title: step.description.clone(),
                status: status.to_owned(),
                length_ms: None,
            });
        }
    }
    chapters.extend(gaps(recordings));
    chapters.sort_by_key(|chapter| chapter.t_ms);
    chapters
}

/// Media time of a moment on the boot clock. A moment in a gap is where the gap is; one before the
/// first frame is the beginning.
fn media(recordings: &[Recording], at_ms: u64) -> Option<u64> {
    let mut place = None;
    for one in recordings {
        match one.state {
            RecordingState::Started if one.at_ms <= at_ms => {
                place = Some(one.media_ms + (at_ms - one.at_ms));
            }
            RecordingState::Started => {
                place.get_or_insert(one.media_ms);
                break;
            }
            RecordingState::Paused | RecordingState::Failed if one.at_ms <= at_ms => {
                place = Some(one.media_ms);
            }
            RecordingState::Paused | RecordingState::Failed | RecordingState::Unavailable => break,
        }
    }
    place
}

fn gaps(recordings: &[Recording]) -> impl Iterator<Item = Chapter> {
    recordings.windows(2).filter_map(|pair| match pair {
        [paused, resumed]
            if paused.state == RecordingState::Paused
                && resumed.state == RecordingState::Started =>
        {
            let length_ms = resumed.at_ms.saturating_sub(paused.at_ms);
            Some(Chapter {
                t_ms: resumed.media_ms,
                kind: "gap",
                id: resumed.media_ms.to_string(),
                title: format!("{} s in a person's hands", length_ms / 1000),
                status: "paused".to_owned(),
                length_ms: Some(length_ms),
            })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::results::fixtures;

    fn said(state: RecordingState, at_ms: u64, media_ms: u64) -> Recording {
        Recording { state, at_ms, media_ms, reason: None }
    }

    #[test]
    fn a_moment_has_its_place_in_the_video() {
        let recordings = [
            said(RecordingState::Started, 1000, 0),
            said(RecordingState::Paused, 5000, 4000),
            said(RecordingState::Started, 9000, 4000),
        ];
        let check = |at: u64, place: u64| assert_eq!(media(&recordings, at), Some(place), "{at}");
        check(500, 0);
        check(1000, 0);
        check(3500, 2500);
        check(7000, 4000);
        check(9500, 4500);
        assert_eq!(media(&[], 1000), None);
        assert_eq!(media(&[said(RecordingState::Unavailable, 0, 0)], 1000), None);
    }

    #[test]
    fn scenarios_steps_and_gaps_stand_in_order() {
        let recordings = [
            said(RecordingState::Started, 1000, 0),
            said(RecordingState::Paused, 3000, 2000),
            said(RecordingState::Started, 17_000, 2000),
        ];
        let at = Duration::from_millis;
        let began = [(1, at(1500)), (3, at(18_000))];
        let made = chapters(&fixtures::results(), &began, &recordings);
        let seen: Vec<_> =
            made.iter().map(|one| (one.t_ms, one.kind, one.status.as_str())).collect();
        assert_eq!(
            seen,
            [
                (500, "scenario", "passed"),
                (500, "step", "passed"),
                (2000, "gap", "paused"),
                (3000, "scenario", "failed"),
                (3000, "step", "passed"),
            ]
        );
        assert_eq!(made[2].length_ms, Some(14_000));
    }
}
