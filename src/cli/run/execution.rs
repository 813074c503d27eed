//! One run from its options to its report. `handback run` and `handback mcp` both call this: nothing
//! here prints or ends the process, and several may go on in one.
//!
//! The order is that of agent.md 7.1: preflight, gate and browser, the agent, the report.

use std::{path::PathBuf, sync::Arc};

use tokio::{net::UnixStream, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    house::{self, HandedOn, House},
    options::Options,
};
use crate::{
    agent::{
        assignment::Refusal,
        begin::{self, begin, preflight},
        drive::{self, Halt},
        events::Line,
        finish::finish,
        results::Results,
        run_dir::{RunDir, Unwritable},
        verdict::Reason,
    },
    clock::{Clock, SystemClock},
    pod::contract::Exit,
};

/// A run that is over.
#[derive(Debug)]
pub(in crate::cli) struct Executed {
    /// What the process of a command line would end with.
    pub(in crate::cli) exit: Exit,
    /// What results.json says.
    pub(in crate::cli) results: Results,
    /// The run directory.
    pub(in crate::cli) directory: PathBuf,
    /// Its browser, if it is to be kept.
    pub(in crate::cli) house: Option<House>,
}

/// An id for a new run.
pub(in crate::cli) fn new_id() -> String {
    ulid::Ulid::new().to_string().to_lowercase()
}

/// Carries it out, in the browser of an earlier run if there is `browser`. `progress` hears every event and is dropped at the end; `cancel` ends the run with
/// a partial report.
///
/// # Errors
/// If no report can be written. Whatever else happens is in the results.
pub(in crate::cli) async fn execute(
    options: &Options,
    id: &str,
    browser: Option<HandedOn>,
    progress: mpsc::UnboundedSender<Line>,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Result<Executed, Refusal> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let assignment = &options.assignment;
    let dir = RunDir::create(&options.out, id).map_err(|error| unwritable(&error))?;
    let mut journal = begin(assignment, id, dir, Arc::clone(&clock), progress)
        .map_err(|error| unwritable(&error))?;
    let opened = async {
        let model = begin::model(assignment).await?;
        preflight(&mut journal, assignment, cancel).await?;
        Ok((House::open(options, id, &mut journal, browser).await?, model))
    };
    let (exit, house) = match opened.await {
        Ok((house, model)) => {
            let job = assignment.job(id, clock, model);
            let driven = match UnixStream::connect(&house.agent_socket()).await {
                Ok(gate) => {
                    let connected = drive::connect(&job, gate, &mut journal, tasks, cancel);
                    Box::pin(drive::drive(&job, &mut journal, connected, tasks)).await
                }
                Err(error) => {
                    let message = format!("The gate does not answer on its socket: {error}.");
                    let halt = Halt { reason: Reason::Internal, message };
                    drive::give_up(&mut journal, halt, None)
                }
            };
            (finish(&mut journal, driven, assignment).await, Some(house))
        }
        Err(halt) => {
            let driven = drive::give_up(&mut journal, halt, None);
            let exit = finish(&mut journal, driven, assignment).await;
            if journal.broken().is_none() {
                let files = journal.results.artifacts.as_slice();
                house::seal_alone(journal.dir().path(), id, files).await;
            }
            (exit, None)
        }
    };
    let results = journal.results.clone();
    let directory = journal.dir().path().to_owned();
    // Ends the progress and the agent's connection to the gate.
    drop(journal);
    // A run that was cancelled is not kept: whoever did it wants the end.
    let kept = options.keep.is_some() && !cancel.is_cancelled();
    let house = match house {
        Some(house) if !kept => {
            house.close().await;
            None
        }
        house => house,
    };
    Ok(Executed { exit, results, directory, house })
}

fn unwritable(error: &Unwritable) -> Refusal {
    let code = Reason::ArtifactsUnwritable.as_str().to_owned();
    Refusal { exit: Exit::Errored, code, message: error.advice() }
}
