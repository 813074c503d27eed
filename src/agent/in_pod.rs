//! The agent of a run pod: from the contract and the mounted secrets to the termination message.
//!
//! # Expected flow
//! The gate's socket is waited for and connected to first, so that a run can be stopped, watched and
//! sealed from its first moment; then come preflight, drive and report, as in `handback run`.
//!
//! # Guarantees
//! - Whatever happens there is a termination message, unless the process is killed, and the exit code
//!   is its verdict's.
//! - Secrets come from files that no other container of the pod can read, and go nowhere but into the
//!   fields that they are for.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{
    net::UnixStream,
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{
        assignment::{Assignment, Manner, ModelWish, Refusal, Wheel, Wishes, run_url},
        begin::{begin, preflight},
        drive::{self, Halt, VideoWish, options},
        events::Line,
        finish::{finish, refuse},
        journal::Journal,
        link::Link,
        plan::variables::{SecretVariable, Variables},
        results::{Results, Scenario, StepStatus, Viewport},
        run_dir::RunDir,
        verdict::{Reason, Verdict},
    },
    clock::{Clock, SystemClock},
    mail::settings::Settings,
    page::DialogPolicy,
    pod::contract::{
        AGENT_SOCKET, Exit, RunContract, RunVerdict, Sandbox, StoppedBy, Termination, ToGate,
        places,
        run::{Dialogs, Driver, Keep},
        termination::{RunUsage, Sandboxed, Scenarios},
    },
    policy::Policy,
    redact::Redactor,
    secret::Secret,
    shutdown::Shutdown,
};

/// How long the gate's container may take to start after ours: its image is the same one, and both
/// are asked for at once.
const GATE_START: Duration = Duration::from_mins(2);

/// What `handback agent` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Directory with the contract and the pod's uid
    #[arg(long, value_name = "DIR", default_value = places::CONTRACT.path)]
    pub contract: PathBuf,
    /// Directory with a file for each secret variable
    #[arg(long, value_name = "DIR", default_value = places::SECRETS.path)]
    pub secrets: PathBuf,
    /// Directory of the gate's socket
    #[arg(long, value_name = "DIR", default_value = places::AGENT_SOCKETS.path)]
    pub sockets: PathBuf,
    /// Directory below which the run directory is made
    #[arg(long, value_name = "DIR", default_value = places::ARTIFACTS.path)]
    pub artifacts: PathBuf,
    /// Where the verdict is left for the kubelet
    #[arg(long, value_name = "FILE", default_value = places::TERMINATION_MESSAGE)]
    pub termination_message: PathBuf,
}

/// Carries the contract out. The exit code is the verdict's, and so is the message.
pub async fn run(config: Config, shutdown: &Shutdown) -> Exit {
    let (exit, message) = match read_contract(&config.contract) {
        Ok(contract) => Box::pin(carry_out(&config, &contract, shutdown)).await,
        Err(refusal) => refused(&refusal),
    };
    // The kubelet has made the file; a new one in its place would not be the one it reads.
    if let Err(error) = fs::write(&config.termination_message, message.encode()) {
        tracing::error!(%error, path = %config.termination_message.display(), "no termination message");
    }
    exit
}

fn refused(refusal: &Refusal) -> (Exit, Termination) {
    let message = Termination {
        verdict: RunVerdict::of(refusal.exit),
        reason: Some(camel_case(&refusal.code)),
        stopped_by: None,
        scenarios: Scenarios::default(),
        usage: RunUsage::default(),
        sandbox: None,
        out_of_memory: false,
        message: refusal.message.clone(),
    };
    (refusal.exit, message)
}

fn read_contract(directory: &Path) -> Result<RunContract, Refusal> {
    let path = directory.join(places::CONTRACT_FILE);
    let text = fs::read_to_string(&path).map_err(|error| {
        Refusal::usage(format!("The contract {} cannot be read: {error}.", path.display()))
    })?;
    RunContract::decode(&text).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Refusal::usage(format!("The contract is refused: {error}{}.", cause.unwrap_or_default()))
    })
}

async fn carry_out(
    config: &Config,
    contract: &RunContract,
    shutdown: &Shutdown,
) -> (Exit, Termination) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let id = contract.run.id();
    let dir = match RunDir::create(&config.artifacts, &id) {
        Ok(dir) => dir,
        Err(error) => return refused(&unwritable(error.advice())),
    };
    // Nobody watches: the gate has every event, and the log is for the process itself.
    let (progress, lines) = mpsc::unbounded_channel();
    drop(lines);
    let read =
        read_secrets(contract, &config.secrets).and_then(|secrets| assignment(contract, secrets));
    let assignment = match read {
        Ok(assignment) => assignment,
        Err(refusal) => {
            return decline(config, contract, dir, progress, &refusal, shutdown).await;
        }
    };
    let mut journal = match begin(&assignment, &id, dir, Arc::clone(&clock), progress) {
        Ok(journal) => journal,
        Err(error) => return refused(&unwritable(error.advice())),
    };
    let job = assignment.job(&id, clock, None);
    let (tasks, cancel) = (&shutdown.tasks, &shutdown.cancel);
    let connected = gate(&config.sockets, cancel)
        .await
        .map(|gate| drive::connect(&job, gate, &mut journal, tasks, cancel));
    let driven = match connected {
        Err(halt) => {
            let by = (halt.reason == Reason::Cancelled).then_some(StoppedBy::Signal);
            drive::give_up(&mut journal, halt, by)
        }
        Ok(connected) => {
            let reached = preflight(&mut journal, &assignment, &connected.stop.token).await;
            match reached {
                Ok(()) => drive::drive(&job, &mut journal, connected, tasks).await,
                Err(halt) => {
                    let halt = connected.stop.reason().map_or(halt, |reason| Halt {
                        reason,
                        message: "The run was ended before it began.".to_owned(),
                    });
                    drive::give_up(&mut journal, halt, connected.stop.stopped_by())
                }
            }
        }
    };
    let (stopped_by, out_of_memory) = (driven.stopped_by, driven.out_of_memory);
    let exit = finish(&mut journal, driven, &assignment).await;
    let words = last_words(&journal, contract, exit, stopped_by);
    (exit, Termination { out_of_memory, ..words })
}

fn unwritable(message: String) -> Refusal {
    let code = Reason::ArtifactsUnwritable.as_str().to_owned();
    Refusal { exit: Exit::Errored, code, message }
}

/// A run that is not attempted has a report all the same, and the gate seals it.
async fn decline(
    config: &Config,
    contract: &RunContract,
    dir: RunDir,
    progress: mpsc::UnboundedSender<Line>,
    refusal: &Refusal,
    shutdown: &Shutdown,
) -> (Exit, Termination) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let id = contract.run.id();
    let redactor = Arc::new(Redactor::new(Vec::new()));
    let url = redactor.url(&contract.url);
    let viewport = Viewport { width: contract.viewport.width, height: contract.viewport.height };
    let results = Results::new(id.clone(), url, format!("{:.3}", clock.now()), viewport);
    let opened = Journal::open(dir, results, redactor, Arc::clone(&clock), progress);
    let Ok(mut journal) = opened else { return refused(refusal) };
    let hello = ToGate::Hello {
        run: id,
        name: contract.run.name.clone(),
        url: journal.results.url.clone(),
    };
    if let Ok(gate) = gate(&config.sockets, &shutdown.cancel).await {
        let (link, _) = Link::open(gate, hello, &shutdown.tasks);
        journal.attach(link);
    }
    refuse(&mut journal, refusal).await;
    refused(refusal)
}

/// Connects to the gate once it listens. A socket alone says nothing: a gate that died leaves its own
/// until the next one takes its place.
async fn gate(sockets: &Path, cancel: &CancellationToken) -> Result<UnixStream, Halt> {
    let socket = sockets.join(AGENT_SOCKET);
    let until = Instant::now() + GATE_START;
    loop {
        let error = match UnixStream::connect(&socket).await {
            Ok(gate) => return Ok(gate),
            Err(error) => error,
        };
        if cancel.is_cancelled() {
            let message = "The run was ended before its gate was there.".to_owned();
            return Err(Halt { reason: Reason::Cancelled, message });
        }
        if Instant::now() > until {
            return Err(Halt {
                reason: Reason::Internal,
                message: format!("There is no gate at {}: {error}.", socket.display()),
            });
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn read_secrets(contract: &RunContract, directory: &Path) -> Result<Vec<SecretVariable>, Refusal> {
    let read = |name: &String| -> Result<SecretVariable, String> {
        // Names are checked where variables are; here they must not lead anywhere else.
        if name.contains('/') || name.starts_with('.') {
            return Err(format!("The variable {name:?} cannot be a secret: it is no file's name."));
        }
        let bytes = fs::read(directory.join(name)).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                format!("The secret of the variable {name} is not mounted.")
            } else {
                format!("The secret of the variable {name} cannot be read: {error}.")
            }
        })?;
        let value = String::from_utf8(bytes)
            .map_err(|_| format!("The secret of the variable {name} is no UTF-8 text."))?;
        Ok(SecretVariable { name: name.clone(), value: Secret::new(value), origins: Vec::new() })
    };
    let (good, bad): (Vec<_>, Vec<_>) =
        contract.secret_variables.iter().map(read).partition(Result::is_ok);
    if bad.is_empty() {
        Ok(good.into_iter().filter_map(Result::ok).collect())
    } else {
        let lines: Vec<_> = bad.into_iter().filter_map(Result::err).collect();
        Err(Refusal::usage(lines.join("\n")))
    }
}

/// What the contract means.
fn assignment(contract: &RunContract, secrets: Vec<SecretVariable>) -> Result<Assignment, Refusal> {
    let RunContract {
        version: _,
        run,
        url,
        plan,
        pass_criteria,
        variables,
        secret_variables: _,
        driver,
        viewport,
        sandbox,
        stop_on_first_failure,
        active_deadline_seconds,
        idle_seconds,
        artifacts,
        policy,
        operator_key: _,
    } = contract;
    let plain = variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let variables = Variables::new(plain, secrets).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|error| format!("{error}.")).collect();
        Refusal::usage(lines.join("\n"))
    })?;
    let rules = Policy::new(&policy.allowed_hosts, &policy.denied_hosts)
        .map_err(|error| Refusal::usage(format!("{error}.")))?;
    let video = match artifacts.video {
        Keep::Always => VideoWish::IfPossible,
        Keep::OnFailure => VideoWish::OfFailure,
        Keep::Never => VideoWish::Off,
    };
    let in_effect = options([
        ("driver", json!(driver)),
        ("timeout", json!(active_deadline_seconds)),
        ("stop_on_first_failure", json!(stop_on_first_failure)),
        ("dialogs", json!(policy.dialogs)),
        ("viewport", json!(format!("{}x{}", viewport.width, viewport.height))),
        ("sandbox", json!(sandbox)),
        ("insecure_tls", json!(policy.insecure_tls)),
        ("allow_host", json!(policy.allowed_hosts)),
        ("deny_host", json!(policy.denied_hosts)),
        ("video", json!(artifacts.video)),
        ("screenshots", json!(artifacts.screenshots)),
        ("keep_alive", json!(idle_seconds)),
        ("attempt", json!(run.attempt)),
    ]);
    Assignment::new(Wishes {
        url: run_url(url, "spec.url")?,
        name: run.name.clone(),
        plan_text: plan.clone(),
        criteria: pass_criteria.clone(),
        variables,
        wheel: match driver {
            Driver::Auto => Wheel::Auto,
            Driver::Direct => Wheel::Direct,
            Driver::Model => Wheel::Model,
        },
        model: ModelWish::default(),
        policy: rules,
        mail: Settings::default(),
        manner: Manner {
            timeout: Duration::from_secs(*active_deadline_seconds),
            max_steps: None,
            stop_on_first_failure: *stop_on_first_failure,
            as_it_is: false,
            wait_ready: None,
            dialogs: match policy.dialogs {
                Dialogs::Auto => DialogPolicy::Auto,
                Dialogs::Accept => DialogPolicy::Accept,
                Dialogs::Dismiss => DialogPolicy::Dismiss,
            },
            // A pod has none; there are fixtures.
            files: None,
            viewport: *viewport,
            insecure_tls: policy.insecure_tls,
            video,
            screenshots: artifacts.screenshots,
        },
        in_effect,
    })
}

/// The run as the kubelet hears of it. Everything in results has lost its secrets.
fn last_words(
    journal: &Journal,
    contract: &RunContract,
    exit: Exit,
    stopped_by: Option<StoppedBy>,
) -> Termination {
    let results = &journal.results;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let steps: usize = results.scenarios.iter().map(|one| one.steps.len()).sum();
    let sandbox = results.browser.as_ref().map(|browser| {
        let found = if browser.sandbox == "own" { Sandbox::Own } else { Sandbox::Container };
        Sandboxed::of(contract.sandbox, found)
    });
    Termination {
        verdict: RunVerdict::of(exit),
        reason: results.reason.as_deref().map(camel_case),
        stopped_by: stopped_by.filter(|_| exit == Exit::Cancelled),
        scenarios: Scenarios {
            total: count(results.counts.total),
            passed: count(results.counts.passed),
            failed: count(results.counts.failed),
        },
        usage: RunUsage {
            steps: steps as u64,
            input_tokens: results.usage.main.input_tokens,
            output_tokens: results.usage.main.output_tokens,
        },
        sandbox,
        out_of_memory: false,
        message: journal.redactor().base(&sentence(results)),
    }
}

/// What happened, in a sentence.
fn sentence(results: &Results) -> String {
    if let Some(error) = &results.error {
        return error.message.clone();
    }
    let first = results
        .scenarios
        .iter()
        .find(|one| !matches!(one.verdict, Some(Verdict::Passed | Verdict::Skipped)));
    let why = |scenario: &Scenario| {
        let assertion = scenario.assertions.iter().find(|one| !one.passed);
        let step = scenario.steps.iter().find(|one| one.status == StepStatus::Failed);
        assertion
            .map(|one| format!("{} ({})", one.description, one.evidence))
            .or_else(|| step.and_then(|one| one.error.clone()))
            .unwrap_or_else(|| scenario.summary.clone())
    };
    match first {
        Some(scenario) => format!("{}: {}", scenario.name, why(scenario)),
        None if results.verdict == Some(Verdict::Passed) => {
            format!("All {} scenarios passed.", results.counts.total)
        }
        None => results.abort_reason.clone().unwrap_or_default(),
    }
}

/// `assertion_failed` as it stands in a status: `AssertionFailed`.
fn camel_case(code: &str) -> String {
    code.split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_a_dead_gate_left_is_no_gate() {
        let sockets = tempfile::tempdir().unwrap();
        let path = sockets.path().join(AGENT_SOCKET);
        drop(tokio::net::UnixListener::bind(&path).unwrap());
        let cancel = CancellationToken::new();
        let began = Instant::now();
        let halt = gate(sockets.path(), &cancel).await.unwrap_err();
        assert_eq!(halt.reason, Reason::Internal);
        assert!(began.elapsed() > GATE_START, "{}", halt.message);
        let next = async {
            sleep(Duration::from_secs(3)).await;
            fs::remove_file(&path).unwrap();
            tokio::net::UnixListener::bind(&path).unwrap()
        };
        let (gate, _listener) = tokio::join!(gate(sockets.path(), &cancel), next);
        gate.unwrap();
        fs::remove_file(&path).unwrap();
        cancel.cancel();
        let halt = super::gate(sockets.path(), &cancel).await.unwrap_err();
        assert_eq!(halt.reason, Reason::Cancelled);
    }

    #[test]
    fn reasons_are_spelled_as_a_status_has_them() {
        assert_eq!(camel_case("assertion_failed"), "AssertionFailed");
        assert_eq!(camel_case("usage"), "Usage");
        assert_eq!(camel_case(""), "");
    }
}
