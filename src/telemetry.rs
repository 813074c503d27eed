//! Log lines on standard error; standard output is the answer's alone (ground). And what an error is
//! in one line.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` is what `HANDBACK_LOG` says, as in `handback=debug`. Without it a `quiet`
/// program writes warnings only, since its progress has its own lines; any other a line for each
/// change of state.
pub fn start(filter: Option<&str>, format: Format, quiet: bool) {
    let usual = if quiet { "warn" } else { "warn,handback=info" };
    let filter = filter
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(usual));
    let lines = fmt().with_env_filter(filter).with_writer(stderr);
    // Fails only if a test has one already.
    drop(match format {
        Format::Text => lines.with_ansi(stderr().is_terminal()).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    });
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
