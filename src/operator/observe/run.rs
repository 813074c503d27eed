//! From a `TestRun` of the API to what a decision needs of it (pure).

use kube::ResourceExt;

use crate::{
    decide::{self, Ahead, Line, Moment},
    manifest::{
        check::ValidRun,
        problem,
        status::Verdict,
        test_run::{ConcurrencyPolicy, PoolMissPolicy, RunState, Sandbox, TestRun, TestRunSpec},
    },
};

/// Metadata and the effective spec.
pub(super) fn seen(
    run: &TestRun,
    spec: &TestRunSpec,
    valid: &Result<ValidRun, Vec<problem::Problem>>,
    problem: Option<decide::Problem>,
    others: &[std::sync::Arc<TestRun>],
) -> decide::Run {
    let created = created(run);
    let namespace = run.namespace().unwrap_or_default();
    let name = run.name_any();
    let uid = run.uid().unwrap_or_default();
    let storage = valid.as_ref().ok().and_then(|valid| valid.storage.as_ref());
    let short: String = uid.chars().take(8).collect();
    decide::Run {
        generation: run.metadata.generation.unwrap_or_default(),
        created,
        deleting: run.metadata.deletion_timestamp.is_some(),
        cancelled: spec.desired_state == RunState::Cancelled,
        superseded: others.iter().any(|other| {
            let policy = other.spec.concurrency.as_ref().map(|one| one.policy);
            policy == Some(ConcurrencyPolicy::CancelPrevious) && order(run) < order(other)
        }),
        problem: problem.or_else(|| own_problem(spec, valid)),
        remark: None,
        readiness: spec.readiness.as_ref().map(|readiness| readiness.timeout_seconds.into()),
        start_deadline: spec.start_deadline_seconds.into(),
        active_deadline: spec.active_deadline_seconds.into(),
        backoff_limit: spec.backoff_limit,
        pool_missed: spec.pool_ref.is_some(),
        keep: spec.keep_alive.policy,
        idle: spec.keep_alive.idle_seconds.into(),
        max: spec.keep_alive.max_seconds.into(),
        ttl_after_success: spec.ttl_seconds_after_success.into(),
        ttl_after_failure: spec.ttl_seconds_after_failure.into(),
        storage: storage.map(|storage| {
            let (bucket, prefix) = (&storage.bucket, &storage.prefix);
            format!("s3://{bucket}/{prefix}{namespace}/{name}/{short}/")
        }),
        upload_timeout: spec.artifacts.upload_timeout_seconds.into(),
        on_upload_failure: spec.artifacts.on_upload_failure,
        sandbox_off: spec.sandbox == Sandbox::Off,
        name,
        namespace,
    }
}

/// When it was made.
pub(super) fn created(run: &TestRun) -> Moment {
    run.creation_timestamp().map(|time| Moment::from(time.0)).unwrap_or_default()
}

/// The older first.
fn order(run: &TestRun) -> (Moment, Option<String>) {
    (created(run), run.uid())
}

/// What is wrong with the run as it stands.
fn own_problem(
    spec: &TestRunSpec,
    valid: &Result<ValidRun, Vec<problem::Problem>>,
) -> Option<decide::Problem> {
    if let Err(problems) = valid {
        let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Some(decide::Problem {
            reason: "InvalidSpec".to_owned(),
            message: sentences.join("; "),
            lasting: true,
        });
    }
    let pool = spec.pool_ref.as_ref().filter(|_| spec.pool_miss_policy == PoolMissPolicy::Wait)?;
    Some(decide::Problem {
        reason: "PoolNotFound".to_owned(),
        message: format!(
            "there is no BrowserPool {}; make it, or set poolMissPolicy: Cold",
            pool.name
        ),
        lasting: false,
    })
}

/// Unfinished runs that hold the key before this one: older ones, and younger ones that have a pod.
pub(super) fn line(
    run: &TestRun,
    others: &[std::sync::Arc<TestRun>],
    has_pod: impl Fn(&TestRun) -> bool,
) -> Line {
    let Some(concurrency) = &run.spec.concurrency else { return Line::default() };
    let mut before: Vec<&TestRun> = others
        .iter()
        .map(AsRef::as_ref)
        .filter(|other| verdict(other).is_none() && other.metadata.deletion_timestamp.is_none())
        .filter(|other| order(other) < order(run) || has_pod(other))
        .collect();
    before.sort_by_key(|other| (!has_pod(other), order(other)));
    let ahead = |other: &TestRun| Ahead {
        name: other.name_any(),
        uid: other.uid().unwrap_or_default(),
        cancelled: other.spec.desired_state == RunState::Cancelled,
    };
    Line {
        key: concurrency.key.clone(),
        policy: concurrency.policy,
        before: before.into_iter().map(ahead).collect(),
    }
}

fn verdict(run: &TestRun) -> Option<Verdict> {
    run.status.as_ref().and_then(|status| status.verdict)
}
