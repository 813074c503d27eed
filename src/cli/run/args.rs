//! The options of `handback run` as they are typed. Every one can be set as `HANDBACK_<OPTION>` in
//! the environment; the option wins.

use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, builder::FalseyValueParser, parser::ValueSource};

use crate::cli::{mail::Mail, model::Model, values::Values};

/// See [`crate::cli::run`].
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Args {
    /// Where the run begins, for example http://127.0.0.1:3000
    #[arg(long, env = "HANDBACK_URL", value_name = "URL", help_heading = "What to test")]
    pub url: Option<String>,
    /// The plan itself
    #[arg(long, env = "HANDBACK_PLAN", value_name = "TEXT", help_heading = "What to test")]
    pub plan: Option<String>,
    /// A file with the plan; without either it is read from standard input
    #[arg(long, env = "HANDBACK_PLAN_FILE", value_name = "FILE", help_heading = "What to test")]
    pub plan_file: Option<PathBuf>,
    /// Something every scenario must show, as in a `Verify` line; repeatable
    #[arg(long, env = "HANDBACK_PASS_CRITERIA", value_name = "TEXT", action = ArgAction::Append, help_heading = "What to test")]
    pub pass_criteria: Vec<String>,
    /// Values for its placeholders.
    #[command(flatten, next_help_heading = "What to test")]
    pub values: Values,

    /// Who decides: auto, direct (never a model) or model
    #[arg(
        long,
        env = "HANDBACK_DRIVER",
        value_enum,
        default_value = "auto",
        help_heading = "How to run it"
    )]
    pub driver: DriverChoice,
    /// Wall clock of the run in seconds
    #[arg(long, env = "HANDBACK_TIMEOUT", value_name = "SECONDS", default_value = "1800", value_parser = clap::value_parser!(u64).range(1..=604_800), help_heading = "How to run it")]
    pub timeout: u64,
    /// Steps a scenario may take
    #[arg(long, env = "HANDBACK_MAX_STEPS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "How to run it")]
    pub max_steps: Option<u32>,
    /// Skip the rest after a scenario that did not pass
    #[arg(long, env = "HANDBACK_STOP_ON_FIRST_FAILURE", value_parser = FalseyValueParser::new(), help_heading = "How to run it")]
    pub stop_on_first_failure: bool,
    /// Wait up to SECONDS (120) until the URL answers
    #[arg(long, env = "HANDBACK_WAIT_READY", value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "120", value_parser = clap::value_parser!(u64).range(0..=86_400), help_heading = "How to run it")]
    pub wait_ready: Option<u64>,
    /// How JavaScript dialogs are answered: auto, accept or dismiss
    #[arg(
        long,
        env = "HANDBACK_DIALOGS",
        value_enum,
        default_value = "auto",
        help_heading = "How to run it"
    )]
    pub dialogs: Dialogs,
    /// Where files for the plan lie [default: the plan file's directory]
    #[arg(long, env = "HANDBACK_FILES", value_name = "DIR", help_heading = "How to run it")]
    pub files: Option<PathBuf>,

    /// The model.
    #[command(flatten, next_help_heading = "How to run it")]
    pub model: Model,
    /// Tokens that a model may use in this run
    #[arg(long, env = "HANDBACK_MAX_TOKENS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "How to run it")]
    pub max_tokens: Option<u64>,
    /// Tools of the model beside the core: all, none, or names with commas
    #[arg(
        long,
        env = "HANDBACK_EXTENSIONS",
        value_name = "LIST",
        default_value = "all",
        help_heading = "How to run it"
    )]
    pub extensions: String,
    /// Do not ask the model for cases on the pages that the run meets
    #[arg(long, env = "HANDBACK_NO_DISCOVER", value_parser = FalseyValueParser::new(), help_heading = "How to run it")]
    pub no_discover: bool,

    /// Where mail comes from.
    #[command(flatten, next_help_heading = "How to run it")]
    pub mail: Mail,

    /// Size of the page: WIDTHxHEIGHT, desktop (1440x900) or mobile (375x812)
    #[arg(
        long,
        env = "HANDBACK_VIEWPORT",
        value_name = "SIZE",
        default_value = "1600x900",
        help_heading = "The browser"
    )]
    pub viewport: String,
    /// A private virtual display; the only way there is so far
    #[arg(long, env = "HANDBACK_HEADLESS", value_parser = FalseyValueParser::new(), help_heading = "The browser")]
    pub headless: bool,
    /// Chromium's own sandbox: required, preferred or off
    #[arg(
        long,
        env = "HANDBACK_SANDBOX",
        value_enum,
        default_value = "preferred",
        help_heading = "The browser"
    )]
    pub sandbox: SandboxChoice,
    /// A temporary profile, gone after the run
    #[arg(long, env = "HANDBACK_ISOLATED", value_name = "run", num_args = 0..=1, require_equals = true, default_missing_value = "run", help_heading = "The browser")]
    pub isolated: Option<String>,
    /// The persistent profile with cookies and storage [default: default]
    #[arg(long, env = "HANDBACK_PROFILE", value_name = "NAME", help_heading = "The browser")]
    pub profile: Option<String>,
    /// Accept any certificate
    #[arg(long, env = "HANDBACK_INSECURE_TLS", value_parser = FalseyValueParser::new(), help_heading = "The browser")]
    pub insecure_tls: bool,
    /// A host, *.suffix or CIDR that may be reached although it is denied by default; repeatable
    #[arg(long, env = "HANDBACK_ALLOW_HOST", value_name = "HOST", action = ArgAction::Append, help_heading = "The browser")]
    pub allow_host: Vec<String>,
    /// A host, *.suffix or CIDR that may not be reached; beats --allow-host; repeatable
    #[arg(long, env = "HANDBACK_DENY_HOST", value_name = "HOST", action = ArgAction::Append, help_heading = "The browser")]
    pub deny_host: Vec<String>,

    /// Record a video, and fail if that is not possible [default: if it is possible]
    #[arg(long, env = "HANDBACK_VIDEO", value_parser = FalseyValueParser::new(), overrides_with = "no_video", help_heading = "What remains")]
    pub video: bool,
    /// Record no video
    #[arg(long, env = "HANDBACK_NO_VIDEO", value_parser = FalseyValueParser::new(), overrides_with = "video", help_heading = "What remains")]
    pub no_video: bool,
    /// Print results.json instead of the summary
    #[arg(long, env = "HANDBACK_JSON", value_parser = FalseyValueParser::new(), help_heading = "What remains")]
    pub json: bool,
    /// Also write the JUnit report here
    #[arg(long, env = "HANDBACK_JUNIT", value_name = "FILE", help_heading = "What remains")]
    pub junit: Option<PathBuf>,
    /// Where run directories go [default: runs in your state directory]
    #[arg(long, env = "HANDBACK_OUT", value_name = "DIR", help_heading = "What remains")]
    pub out: Option<PathBuf>,
    /// Keep the browser until nobody has used it for SECONDS (900) [default: on a terminal]
    #[arg(long, env = "HANDBACK_KEEP_ALIVE", value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "900", value_parser = clap::value_parser!(u64).range(1..=604_800), overrides_with = "no_keep_alive", help_heading = "What remains")]
    pub keep_alive: Option<u64>,
    /// Close the browser when the run is over
    #[arg(long, env = "HANDBACK_NO_KEEP_ALIVE", value_parser = FalseyValueParser::new(), overrides_with = "keep_alive", help_heading = "What remains")]
    pub no_keep_alive: bool,
    /// Open the player when the run is over [default: on a terminal with a desktop]
    #[arg(long, env = "HANDBACK_AUTO_OPEN", value_parser = FalseyValueParser::new(), overrides_with = "no_auto_open", help_heading = "What remains")]
    pub auto_open: bool,
    /// Do not open the player
    #[arg(long, env = "HANDBACK_NO_AUTO_OPEN", value_parser = FalseyValueParser::new(), overrides_with = "auto_open", help_heading = "What remains")]
    pub no_auto_open: bool,

    /// Where sockets and temporary profiles lie while the run lasts; short, and as root open for
    /// others to pass through
    #[arg(long, env = "HANDBACK_RUNTIME_DIR", value_name = "DIR", hide = true)]
    pub runtime_dir: Option<PathBuf>,

    /// Where kept profiles are; as root a place that others may pass through
    #[arg(long, env = "HANDBACK_PROFILES_DIR", value_name = "DIR", hide = true)]
    pub profiles_dir: Option<PathBuf>,

    /// What is known by name only.
    #[command(flatten)]
    pub later: Later,
}

const AFTER: &str = "\
Every option can be set in the environment as HANDBACK_<OPTION>; the option wins.
Exit codes: 0 passed, 1 failed, 2 nothing attempted, 3 errored, 4 timed out, 5 cancelled.";

/// Options of later versions. They are known by name so that nobody believes they had an effect.
#[derive(Debug, Default, clap::Args)]
pub struct Later {
    #[arg(long, env = "HANDBACK_CDP", num_args = 0..=1, default_missing_value = "", hide = true)]
    cdp: Option<String>,
    #[arg(long, env = "HANDBACK_HEADED", value_parser = FalseyValueParser::new(), hide = true)]
    headed: bool,
    #[arg(long, env = "HANDBACK_HANDOFF", num_args = 0..=1, default_missing_value = "", hide = true)]
    handoff: Option<String>,
    #[arg(long, env = "HANDBACK_SAVE_DIRECT", num_args = 0..=1, default_missing_value = "", hide = true)]
    save_direct: Option<String>,
    #[arg(long, env = "HANDBACK_HEAL", value_parser = FalseyValueParser::new(), hide = true)]
    heal: bool,
}

impl Later {
    /// Those that were given, with what to do instead.
    pub fn given(&self) -> Vec<(&'static str, &'static str)> {
        let Self { cdp, headed, handoff, save_direct, heal } = self;
        [
            ("--cdp", cdp.is_some(), "leave it out: handback starts a browser of its own"),
            ("--headed", *headed, "leave it out and open the takeover address to watch"),
            ("--handoff", handoff.is_some(), "take the browser over when the run has ended"),
            (
                "--save-direct",
                save_direct.is_some(),
                "leave it out, and write the direct plan by hand from the steps of the run",
            ),
            ("--heal", *heal, "leave it out, and change the step that failed by hand"),
        ]
        .into_iter()
        .filter_map(|(name, given, instead)| given.then_some((name, instead)))
        .collect()
    }
}

/// See [`Args::driver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DriverChoice {
    /// Direct if the whole scenario can be
    Auto,
    /// Never a model
    Direct,
    /// A model decides
    Model,
}

/// See [`Args::sandbox`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SandboxChoice {
    /// Or no run
    Required,
    /// Wherever it can be had
    Preferred,
    /// Without
    Off,
}

/// See [`Args::dialogs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialogs {
    /// Accept what nobody else could answer
    Auto,
    /// Accept all
    Accept,
    /// Dismiss all
    Dismiss,
}

impl Args {
    /// An option beats the environment, also where two options exclude each other: `--no-video`
    /// wins over `HANDBACK_VIDEO`, `--plan` over `HANDBACK_PLAN_FILE`.
    pub(crate) fn settle(&mut self, matches: &ArgMatches) {
        let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        if typed("plan") && !typed("plan_file") {
            self.plan_file = None;
        }
        if typed("plan_file") && !typed("plan") {
            self.plan = None;
        }
        if typed("video") {
            self.no_video = false;
        } else if typed("no_video") || self.no_video {
            self.video = false;
        }
        if typed("keep_alive") {
            self.no_keep_alive = false;
        } else if typed("no_keep_alive") || self.no_keep_alive {
            self.keep_alive = None;
        }
        if typed("auto_open") {
            self.no_auto_open = false;
        } else if typed("no_auto_open") || self.no_auto_open {
            self.auto_open = false;
        }
    }
}
