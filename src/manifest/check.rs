//! From a `TestRun` as somebody wrote it to one that can be carried out: [`check`] parses what the API
//! server takes for text, and says everything that is wrong at once.
//!
//! The server has seen the object already, so most of what is refused here is what its rules cannot
//! see: addresses that only look like one, bytes where it counts characters, amounts and labels that a
//! pod would be refused for. What its rules do see is asked again all the same: a definition may be
//! older than this program.

mod pod;
mod readiness;
mod storage;

use url::Url;

use super::{
    problem::{Path, Problem},
    reference::{SecretKeyRef, TextFrom},
    syntax,
    test_run::{Model, PoolMissPolicy, Provider, TestRunSpec},
};

pub use readiness::{JsonStep, Revision, RevisionSource, ValidReadiness};
pub use storage::ValidStorage;

/// Longest name of a run: a pod's name has room for prefix and attempt besides it.
pub const LONGEST_NAME: usize = 52;
/// Most bytes of a plan in a cluster.
pub const LARGEST_PLAN: usize = 128 << 10;

/// A run that can be carried out. What needed no parsing is read from [`ValidRun::spec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidRun {
    /// The object's name, a DNS label of at most [`LONGEST_NAME`] characters.
    pub name: String,
    /// Where the run begins: http or https, with a host and without user info.
    pub url: Url,
    /// Where the plan is.
    pub plan: PlanSource,
    /// Values for the plan, names unique, in the order of the spec.
    pub variables: Vec<ValidVariable>,
    /// The run's own model.
    pub model: Option<ValidModel>,
    /// When the target is ready.
    pub readiness: Option<ValidReadiness>,
    /// The run's own bucket.
    pub storage: Option<ValidStorage>,
    /// The spec that all of this was made from.
    pub spec: TestRunSpec,
}

/// Where a plan is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanSource {
    /// Here, at most [`LARGEST_PLAN`] bytes.
    Inline(String),
    /// In another object of the namespace.
    From(TextFrom),
}

/// A value for the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidVariable {
    /// What the plan calls it.
    pub name: String,
    /// Where its value is.
    pub value: VariableSource,
}

/// Where the value of a variable is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// Here; it is not secret.
    Plain(String),
    /// In a Secret of the namespace.
    Secret(SecretKeyRef),
}

/// A language model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidModel {
    /// Whose protocol its endpoint speaks.
    pub provider: Provider,
    /// Its name there.
    pub name: String,
    /// The endpoint, if it is not the provider's own: http or https, without user info.
    pub base_url: Option<Url>,
    /// The API key.
    pub credentials: Option<SecretKeyRef>,
    /// Most steps of a scenario; none: no limit.
    pub max_steps: Option<i32>,
    /// Most tokens of the run; none: no limit.
    pub max_tokens: Option<i64>,
}

/// Parses the run of that name.
///
/// # Errors
/// Everything that is wrong with it, each with its field.
pub fn check(name: &str, spec: &TestRunSpec) -> Result<ValidRun, Vec<Problem>> {
    let mut problems = Vec::new();
    let path = Path::root().field("spec");
    if let Err(message) = syntax::dns_label(name, LONGEST_NAME) {
        problems.push(Problem::value(Path::root().field("metadata").field("name"), message));
    }
    let url = address(&spec.url, &path.field("url"), &mut problems);
    let plan = plan(spec, &path, &mut problems);
    let variables = variables(spec, &path.field("variables"), &mut problems);
    let model = spec.model.as_ref().map(|spec| model(spec, &path.field("model"), &mut problems));
    let readiness = spec
        .readiness
        .as_ref()
        .map(|spec| readiness::check(spec, &path.field("readiness"), &mut problems));
    let artifacts = path.field("artifacts");
    let storage = spec
        .artifacts
        .s3
        .as_ref()
        .and_then(|spec| storage::check(spec, &artifacts.field("s3"), &mut problems));
    combinations(spec, &path, &mut problems);
    if let Some(template) = &spec.pod {
        pod::check(template, &path.field("pod"), &mut problems);
    }
    match (url, plan) {
        (Some(url), Some(plan)) if problems.is_empty() => Ok(ValidRun {
            name: name.to_owned(),
            url,
            plan,
            variables,
            model,
            readiness,
            storage,
            spec: spec.clone(),
        }),
        _ => Err(problems),
    }
}

/// An http(s) address with a host and without user info.
fn address(text: &str, path: &Path, problems: &mut Vec<Problem>) -> Option<Url> {
    let mut refuse = |message: &str| {
        problems.push(Problem::value(path.clone(), message));
        None
    };
    let Ok(url) = Url::parse(text) else {
        return refuse("is no URL: write it in full, like https://app.example");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return refuse("must begin with http:// or https:// and a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not have a user name or password in it: objects are not secret");
    }
    Some(url)
}

fn plan(spec: &TestRunSpec, path: &Path, problems: &mut Vec<Problem>) -> Option<PlanSource> {
    let (place, message) = match (&spec.plan, &spec.plan_from) {
        (None, Some(from)) => return Some(PlanSource::From(from.clone())),
        (Some(text), None) if text.len() > LARGEST_PLAN => (
            path.field("plan"),
            format!(
                "must have at most {LARGEST_PLAN} bytes, and has {}: split it into runs",
                text.len()
            ),
        ),
        (Some(text), None) => return Some(PlanSource::Inline(text.clone())),
        (None, None) | (Some(_), Some(_)) => {
            (path.clone(), "exactly one of plan, planFrom".to_owned())
        }
    };
    problems.push(Problem::value(place, message));
    None
}

fn variables(spec: &TestRunSpec, path: &Path, problems: &mut Vec<Problem>) -> Vec<ValidVariable> {
    let mut valid: Vec<ValidVariable> = Vec::new();
    for (index, variable) in spec.variables.iter().enumerate() {
        let name = &variable.name;
        if valid.iter().any(|other| other.name == *name) {
            let message = format!("{name} is there already: name must differ");
            problems.push(Problem::value(path.item(index), message));
        }
        let value = match (&variable.value, &variable.secret_key_ref) {
            (Some(value), None) => VariableSource::Plain(value.clone()),
            (None, Some(reference)) => VariableSource::Secret(reference.clone()),
            (None, None) | (Some(_), Some(_)) => {
                let message = "exactly one of value, secretKeyRef";
                problems.push(Problem::value(path.item(index), message));
                continue;
            }
        };
        valid.push(ValidVariable { name: name.clone(), value });
    }
    valid
}

fn model(spec: &Model, path: &Path, problems: &mut Vec<Problem>) -> ValidModel {
    let Model { provider, name, base_url, credentials_secret_ref, max_steps, max_tokens } = spec;
    let base_url =
        base_url.as_ref().and_then(|text| address(text, &path.field("baseURL"), problems));
    ValidModel {
        provider: *provider,
        name: name.clone(),
        base_url,
        credentials: credentials_secret_ref.clone(),
        max_steps: Some(*max_steps).filter(|most| *most > 0),
        max_tokens: Some(*max_tokens).filter(|most| *most > 0),
    }
}

/// What fields say together, and the few whose bounds matter beyond the run itself.
fn combinations(spec: &TestRunSpec, path: &Path, problems: &mut Vec<Problem>) {
    if spec.pool_miss_policy == PoolMissPolicy::Wait && spec.pool_ref.is_none() {
        problems.push(Problem::value(path.clone(), "poolMissPolicy: Wait needs poolRef"));
    }
    if spec.pool_ref.is_some() && spec.pod.is_some() {
        problems.push(Problem::value(path.clone(), "poolRef excludes pod"));
    }
    if spec.keep_alive.idle_seconds > spec.keep_alive.max_seconds {
        let message = "idleSeconds is at most maxSeconds";
        problems.push(Problem::value(path.field("keepAlive"), message));
    }
    if let Err(message) = syntax::label_value(&spec.queue_name) {
        problems.push(Problem::value(path.field("queueName"), message));
    }
}

#[cfg(test)]
mod tests;
