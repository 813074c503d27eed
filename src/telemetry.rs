//! Log lines on standard error; standard output is the answer's alone (ground).

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging. `filter` is what `HANDBACK_LOG` says, as in `handback=debug`; without it only
/// warnings are written, since progress has its own lines.
pub fn start(filter: Option<&str>) {
    let filter = filter
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new("warn"));
    // Fails only if a test has one already.
    drop(
        fmt()
            .with_env_filter(filter)
            .with_writer(stderr)
            .with_ansi(stderr().is_terminal())
            .try_init(),
    );
}
