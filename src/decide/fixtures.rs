//! Small builders for tests: a run with the defaults of the API, and its pod at every stage.

use super::{
    Agent, AgentEnd, Attempt, Browser, Facts, Gate, GateContainer, Line, Moment, Pod, PodUid,
    Report, Run, Tuning,
};
use crate::manifest::{
    status::Verdict,
    test_run::{When, artifacts::UploadFailure},
};

/// When the run of these tests was made.
pub(super) const CREATED: Moment = Moment(1_763_740_800_000);

/// So many seconds after the run was made.
pub(super) fn at(seconds: i64) -> Moment {
    CREATED.plus(seconds)
}

/// The run of these tests, with the defaults of the API.
pub(super) fn run() -> Run {
    Run {
        name: "checkout".to_owned(),
        namespace: "shop".to_owned(),
        generation: 1,
        created: CREATED,
        deleting: false,
        cancelled: false,
        superseded: false,
        problem: None,
        remark: None,
        readiness: None,
        start_deadline: 600,
        active_deadline: 1800,
        backoff_limit: 0,
        pool_missed: false,
        keep: When::Always,
        idle: 900,
        max: 14_400,
        ttl_after_success: 86_400,
        ttl_after_failure: 604_800,
        storage: Some("s3://runs/shop/checkout/3f1c9ae0/".to_owned()),
        upload_timeout: 300,
        on_upload_failure: UploadFailure::Hold,
        sandbox_off: false,
    }
}

/// Nothing but the run.
pub(super) fn facts() -> Facts {
    Facts {
        run: run(),
        pods: Vec::new(),
        gate: Gate::default(),
        target: None,
        line: Line::default(),
        refusal: None,
        control: None,
        written: None,
        tuning: Tuning::default(),
    }
}

/// A pod that was just made.
pub(super) fn pod(attempt: i32) -> Pod {
    Pod {
        attempt: Attempt(attempt),
        uid: PodUid(format!("uid-{attempt}")),
        name: format!("tr-checkout-{attempt}"),
        created: CREATED,
        bound: None,
        node: None,
        warm: false,
        finalizer: true,
        marked: true,
        deleting: None,
        disruption: None,
        over: false,
        deadline: 1800,
        wait: None,
        browser: Browser::Waiting,
        gate: GateContainer::Waiting,
        agent: Agent::Waiting,
    }
}

/// The same with its containers running since then.
pub(super) fn running(attempt: i32, since: Moment) -> Pod {
    Pod {
        node: Some("node-1".to_owned()),
        bound: Some(since),
        browser: Browser::Ready,
        gate: GateContainer::Running,
        agent: Agent::Running(since),
        ..pod(attempt)
    }
}

/// The same after its agent ended.
pub(super) fn ended(attempt: i32, since: Moment, exit: i32, report: Option<Report>) -> Pod {
    let end = AgentEnd { started: since, exit, out_of_memory: false, report };
    Pod { agent: Agent::Ended(end), ..running(attempt, since) }
}

/// What an agent says.
pub(super) fn report(verdict: Verdict) -> Report {
    Report {
        verdict,
        nothing_attempted: false,
        reason: String::new(),
        message: String::new(),
        scenarios: None,
        usage: None,
        sandboxed: Some(true),
        stopped_by_human: false,
    }
}
