//! The gate of a run pod: from the contract to the message that says what became of the run's files.
//!
//! # Expected flow
//! The container's first process keeps the port ([`keeper`]) and has a worker do the rest. That takes the
//! port, binds the agent's socket, connects to the browser's supervisor and has
//! Chromium started. SIGTERM begins the end: the agent comes to its own, the recorder is stopped, the
//! files are saved, then the browser is told to end, and the gate with it.

pub mod keeper;
mod storage;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use super::{Config as GateConfig, GateError, PodFacts, RunFacts, Saved};
use crate::{
    clock::SystemClock,
    pod::contract::{
        AGENT_SOCKET, Exit, RunContract, UploadReport, UploadState, places, run::ContractError,
    },
    policy::Policy,
    redact::Redactor,
    shutdown::Shutdown,
    telemetry::chain,
};

/// What `handback gate` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Directory with the contract and the pod's uid
    #[arg(long, value_name = "DIR", default_value = places::CONTRACT.path)]
    pub contract: PathBuf,
    /// Directory of the browser's sockets
    #[arg(long, value_name = "DIR", default_value = places::BROWSER_SOCKETS.path)]
    pub browser_sockets: PathBuf,
    /// Directory in which the agent's socket is made
    #[arg(long, value_name = "DIR", default_value = places::AGENT_SOCKETS.path)]
    pub agent_sockets: PathBuf,
    /// Directory below which the run directory is
    #[arg(long, value_name = "DIR", default_value = places::ARTIFACTS.path)]
    pub artifacts: PathBuf,
    /// Directory with the storage's credentials and CA
    #[arg(long, value_name = "DIR", default_value = places::STORAGE.path)]
    pub storage: PathBuf,
    /// Directory in which the recorder leaves the video
    #[arg(long, value_name = "DIR", default_value = places::MEDIA.path)]
    pub media: PathBuf,
    /// Directory of the gate's own records
    #[arg(long, value_name = "DIR", default_value = places::JOURNAL.path)]
    pub journal: PathBuf,
    /// Port on loopback
    #[arg(long, value_name = "PORT", default_value_t = places::GATE_PORT)]
    pub port: u16,
    /// This is the worker of the process with this id, which has the port
    #[arg(long, hide = true, value_name = "PID")]
    pub worker: Option<i32>,
    /// The pod was being ended already when this worker was started
    #[arg(long, hide = true, requires = "worker")]
    pub ending: bool,
    /// Where the upload's state is left for the kubelet
    #[arg(long, value_name = "FILE", default_value = places::TERMINATION_MESSAGE)]
    pub termination_message: PathBuf,
}

/// Why a pod has no gate.
#[derive(Debug, thiserror::Error)]
enum PodError {
    #[error("reading {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error("the contract's hosts: {0}")]
    Policy(String),
    #[error("listening on port {port} of loopback")]
    Listen {
        port: u16,
        #[source]
        source: std::io::Error,
    },
    #[error("the gate's worker could not be started")]
    Worker(#[source] std::io::Error),
    #[error("the gate's worker died {deaths} times within a minute, the last time by {status}")]
    Dies { deaths: usize, status: ExitStatus },
    #[error(transparent)]
    Gate(#[from] GateError),
}

/// Does the work of a gate until the browser has ended, as the worker of the process with this id.
pub async fn run(config: Config, keeper: i32, shutdown: &Shutdown) -> Exit {
    let path = config.termination_message.clone();
    let (exit, report) = match serve(config, keeper, shutdown).await {
        Ok(report) => (Exit::Passed, report),
        Err(error) => {
            let text = chain(&error);
            tracing::error!(error = %text, "the gate could not work");
            let state = UploadState::Failed;
            (Exit::Errored, UploadReport { state, message: text, ..UploadReport::default() })
        }
    };
    if let Err(error) = fs::write(&path, report.encode()) {
        tracing::error!(%error, path = %path.display(), "no termination message");
    }
    exit
}

async fn serve(config: Config, keeper: i32, shutdown: &Shutdown) -> Result<UploadReport, PodError> {
    keeper::end_with(keeper).map_err(PodError::Worker)?;
    if config.ending {
        shutdown.cancel.cancel();
    }
    let listener = keeper::inherited().map_err(PodError::Worker)?;
    let contract = RunContract::decode(&read(&config.contract.join(places::CONTRACT_FILE))?)?;
    let uid = read(&config.contract.join(places::POD_UID_FILE))?.trim().to_owned();
    let policy = Policy::new(&contract.policy.allowed_hosts, &contract.policy.denied_hosts)
        .map_err(|error| PodError::Policy(error.to_string()))?;
    // The run's secrets are in the agent's container alone.
    let redactor = Redactor::new(Vec::new());
    let id = contract.run.id();
    let gate = GateConfig {
        run: RunFacts {
            name: contract.run.name.clone(),
            url: redactor.url(&contract.url),
            id: id.clone(),
        },
        browser_sockets: config.browser_sockets,
        agent_socket: config.agent_sockets.join(AGENT_SOCKET),
        run_dir: config.artifacts.join(&id),
        media: config.media,
        viewport: contract.viewport,
        insecure_tls: contract.policy.insecure_tls,
        resolver_rules: policy.resolver_rules(),
        // The operator ends what nobody uses, and asks before it does.
        keep_alive: None,
        user: String::new(),
        storage: storage::read(&contract.artifacts, &config.storage)?,
        redactor: Arc::new(redactor),
        clock: Arc::new(SystemClock),
        pod: Some(PodFacts {
            uid,
            operator_key: contract.operator_key,
            active_deadline: Duration::from_secs(contract.active_deadline_seconds),
            journal: Some(config.journal),
        }),
        takes_over: None,
    };
    let (_, orders) = super::handle(&gate, &listener)?;
    let Saved { ended, report } =
        super::run_and_save(gate, listener, orders, shutdown.cancel.clone()).await?;
    tracing::info!(why = ended.why.name(), message = %ended.message, "the gate ends");
    Ok(report)
}

fn read(path: &Path) -> Result<String, PodError> {
    fs::read_to_string(path).map_err(|source| PodError::Read { path: path.to_owned(), source })
}
