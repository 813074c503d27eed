//! A look at a page in a browser of its own, which is closed afterwards: no scenario, no report.

use std::sync::Arc;

use tokio::{net::UnixStream, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{execution::new_id, house::House, options::Options};
use crate::{
    agent::{
        assignment::Refusal,
        begin::{begin, preflight},
        drive::{self, Halt, Surveyed},
        run_dir::RunDir,
        verdict::{self, Reason},
    },
    browser::runtime_dir::RuntimeDir,
    clock::{Clock, SystemClock},
    pod::contract::Exit,
    telemetry::chain,
};

/// The plan of a run that only looks. Its one check is never asked.
pub(in crate::cli) const PLAN: &str = "Verify the title is \"\"";

/// Opens the URL of `options` and looks at the page from top to bottom.
///
/// # Errors
/// When the page cannot be looked at, and why.
pub(in crate::cli) async fn glance(
    options: &Options,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Result<Surveyed, Refusal> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let assignment = &options.assignment;
    let failed = |message: String| refused(Halt { reason: Reason::ArtifactsUnwritable, message });
    // What a run would write down goes where nobody keeps it.
    let place = RuntimeDir::create(&options.runtime)
        .map_err(|error| failed(format!("There is no place for files: {}.", chain(&error))))?;
    let id = new_id();
    let dir = RunDir::create(place.path(), &id).map_err(|error| failed(error.advice()))?;
    let (progress, _) = mpsc::unbounded_channel();
    let mut journal = begin(assignment, &id, dir, Arc::clone(&clock), progress)
        .map_err(|error| failed(error.advice()))?;
    preflight(&mut journal, assignment, cancel).await.map_err(refused)?;
    let house = House::open(options, &id, &mut journal, None).await.map_err(refused)?;
    let job = assignment.job(&id, clock, None);
    let looked = match UnixStream::connect(&house.agent_socket()).await {
        Ok(gate) => {
            let connected = drive::connect(&job, gate, &mut journal, tasks, cancel);
            drive::survey(&job, &mut journal, connected, tasks).await
        }
        Err(error) => Err(Halt {
            reason: Reason::Internal,
            message: format!("The gate does not answer on its socket: {error}."),
        }),
    };
    // Ends the connection to the gate.
    drop(journal);
    house.close().await;
    looked.map_err(refused)
}

/// What a command ends with because of this.
pub(in crate::cli) fn refused(halt: Halt) -> Refusal {
    let Halt { reason, message } = halt;
    let (verdict, _) = verdict::run(&[], Some(reason));
    let exit: Exit = verdict::exit(verdict, reason != Reason::BlockedByPolicy);
    Refusal { exit, code: reason.as_str().to_owned(), message }
}
