//! The options of `handback submit` as they are typed.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

use crate::cli::cluster::ClusterArgs;

/// See [`crate::cli::submit`].
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Args {
    /// The manifest of one TestRun; - reads standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub file: PathBuf,
    /// Follow the run to its end and exit with its verdict; without it, exit once it is created
    #[arg(long, env = "HANDBACK_WAIT", value_parser = FalseyValueParser::new())]
    pub wait: bool,
    /// What Ctrl-C does to the run: cancel it, or detach and let it go on. Both exit 5
    #[arg(
        long,
        env = "HANDBACK_ON_INTERRUPT",
        value_enum,
        value_name = "WHAT",
        default_value = "cancel",
        requires = "wait"
    )]
    pub on_interrupt: OnInterrupt,

    /// Print results.json on standard output instead of the summary
    #[arg(long, env = "HANDBACK_JSON", value_parser = FalseyValueParser::new(), requires = "wait", help_heading = "Results")]
    pub json: bool,
    /// Copy junit.xml to FILE
    #[arg(
        long,
        env = "HANDBACK_JUNIT",
        value_name = "FILE",
        requires = "wait",
        help_heading = "Results"
    )]
    pub junit: Option<PathBuf>,
    /// Download all artifacts to DIR, which is new or empty, and compare their sums with the manifest's
    #[arg(
        long,
        env = "HANDBACK_OUT",
        value_name = "DIR",
        requires = "wait",
        help_heading = "Results"
    )]
    pub out: Option<PathBuf>,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// What the first Ctrl-C, or SIGTERM, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnInterrupt {
    /// Cancels the run and waits for its end.
    Cancel,
    /// Leaves the run alone.
    Detach,
}

const AFTER: &str = "\
The manifest is checked offline first, as by `handback check`. With --wait the run's progress is on \
standard error and the exit code is the verdict's: 0 passed, 1 failed, 2 nothing attempted, or refused \
by the API server, 3 not carried out, or no API server, 4 timed out, 5 cancelled.

Live steps and artifacts come from the browser's pod, which needs the right to watch runs (the \
ClusterRole handback-viewer). Without it the run's status is followed, and artifacts are read from the \
bucket with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.

Every option can be set as HANDBACK_<OPTION> in the environment.";
