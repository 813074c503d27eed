//! Pods whose `TestRun` is gone: they are let end, with their upload, and released.

use super::{
    action::{Action, Note, Only},
    moment::Moment,
    observed::{GateContainer, Pod, Upload},
};

/// What is to be done about a pod whose owner does not exist, or is being deleted, and when to look
/// again. The pod's bound is its own: its deletion timestamp is the request plus
/// `terminationGracePeriodSeconds`.
///
/// The run's cache may be younger than the pod's, so that a run that was just made is missing from
/// it: deleting asks the API server ([`Only::RunGone`]).
pub fn orphan(pod: &Pod, now: Moment) -> (Vec<Action>, Option<Moment>) {
    let over = !pod.live() || pod.overdue(now);
    let uid = pod.uid.clone();
    let mut actions = Vec::new();
    if pod.deleting.is_none() {
        actions.push(Action::DeletePod { pod: uid, only: Only::RunGone });
        // Nothing tells if that was refused because the run exists after all.
        return (actions, Some(now.plus(LOOK_AGAIN)));
    }
    if pod.finalizer && over {
        let saved = matches!(pod.gate, GateContainer::Ended(Some(Upload::Complete(_))));
        if pod.begun() && !saved {
            actions.push(Action::Note(Note::LetGo));
        }
        actions.push(Action::ReleasePod { pod: uid, keep_marks: false, only: Only::PodOver });
    }
    (actions, pod.deleting.filter(|bound| pod.finalizer && now < *bound))
}

/// Seconds. The cache has caught up long before.
const LOOK_AGAIN: i64 = 10;
