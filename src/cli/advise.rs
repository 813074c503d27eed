//! What `plan` and `diagnose` have in common: a runtime, signals, and a refusal in a sentence.

use std::io::stderr;

use crate::{agent::assignment::Refusal, cli::say, pod::contract::Exit, shutdown::Shutdown};

/// Runs `work` until it is done or a second signal comes.
pub(in crate::cli) fn main(work: impl AsyncFnOnce(&Shutdown) -> Result<(), Refusal>) -> Exit {
    let failed = |message: String| {
        say(&mut stderr(), &format!("error: {message}\n"));
        Exit::Errored
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(format!("The runtime could not be started: {error}.")),
    };
    let exit = runtime.block_on(async {
        let shutdown = match Shutdown::on_signals() {
            Ok(shutdown) => shutdown,
            Err(error) => return failed(format!("Signals cannot be handled: {error}.")),
        };
        let done = tokio::select! {
            biased;
            () = shutdown.at_once() => return Exit::Cancelled,
            done = Box::pin(work(&shutdown)) => done,
        };
        match done {
            Ok(()) => Exit::Passed,
            Err(Refusal { exit, code, message }) => {
                say(&mut stderr(), &format!("error: {message} [{code}]\n"));
                exit
            }
        }
    });
    runtime.shutdown_background();
    exit
}
