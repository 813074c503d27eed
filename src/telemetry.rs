//! Log lines on standard error; standard output is the answer's alone (ground). And what an error is
//! in one line.

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

/// An error and its causes in one line, for logs and people.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
