//! `handback browser` and the shim that it starts its programs through.

use crate::{
    browser::{self, Config, Probe},
    pod::contract::Exit,
};

/// Supervises a browser until its parent is gone.
pub(crate) fn main(config: Config) -> Exit {
    // One thread for everything: the kernel ties the programs to the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map(|runtime| {
        let outcome = runtime.block_on(browser::run(config));
        // Standard input is read by a thread that cannot be interrupted.
        runtime.shutdown_background();
        outcome
    }) {
        Ok(Ok(())) => Exit::Passed,
        Ok(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the browser's supervisor could not work");
            Exit::Errored
        }
        Err(error) => {
            tracing::error!(%error, "the browser's supervisor could not start");
            Exit::Errored
        }
    }
}

/// The pod's startup probe.
pub(crate) fn started(probe: &Probe) -> Exit {
    if probe.is_ready() { Exit::Passed } else { Exit::Failed }
}
