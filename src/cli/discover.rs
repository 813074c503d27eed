//! `handback discover`: follows the links of a site and proposes cases for its pages, as a plan on
//! standard output. With a model they are its proposals, without one each page is only looked at.

use std::{
    fs,
    io::{stderr, stdout},
    sync::Arc,
    time::Duration,
};

use clap::{ArgAction, builder::FalseyValueParser};
use tokio::{net::UnixStream, sync::mpsc, task::JoinSet};

use super::{
    model::{self, Model},
    on_runtime,
    run::{
        args::SandboxChoice,
        house::House,
        options::{Options, ProfileWish, Surroundings},
        show_progress,
    },
    say,
};
use crate::{
    agent::{
        assignment::{Assignment, Manner, Refusal, run_url},
        begin::{self, begin},
        discovery::{Discovered, report},
        drive::{self, Halt, Job, VideoWish},
        journal::Journal,
        run_dir::RunDir,
        verdict::Reason,
    },
    browser::runtime_dir::RuntimeDir,
    clock::{Clock, SystemClock},
    page::DialogPolicy,
    pod::contract::{Exit, Size, run::Keep},
    policy::Policy,
    shutdown::Shutdown,
};

/// As of `run`.
const VIEWPORT: Size = Size { width: 1600, height: 900 };

/// Options of `handback discover`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Args {
    /// Where to begin, for example http://127.0.0.1:3000
    #[arg(long, env = "HANDBACK_URL", value_name = "URL")]
    pub url: String,
    /// The model.
    #[command(flatten)]
    pub model: Model,
    /// Tokens of which a tenth may be used
    #[arg(long, env = "HANDBACK_MAX_TOKENS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_tokens: Option<u64>,
    /// How long it may take, in seconds
    #[arg(long, env = "HANDBACK_TIMEOUT", value_name = "SECONDS", default_value = "1800", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub timeout: u64,
    /// Wait up to SECONDS (120) until the URL answers
    #[arg(long, env = "HANDBACK_WAIT_READY", value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "120", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub wait_ready: Option<u64>,
    /// Chromium's own sandbox: required, preferred or off
    #[arg(long, env = "HANDBACK_SANDBOX", value_enum, default_value = "preferred")]
    pub sandbox: SandboxChoice,
    /// Accept any certificate
    #[arg(long, env = "HANDBACK_INSECURE_TLS", value_parser = FalseyValueParser::new())]
    pub insecure_tls: bool,
    /// A host, *.suffix or CIDR that may be reached although it is denied by default; repeatable
    #[arg(long, env = "HANDBACK_ALLOW_HOST", value_name = "HOST", action = ArgAction::Append)]
    pub allow_host: Vec<String>,
    /// A host, *.suffix or CIDR that may not be reached; beats --allow-host; repeatable
    #[arg(long, env = "HANDBACK_DENY_HOST", value_name = "HOST", action = ArgAction::Append)]
    pub deny_host: Vec<String>,
    /// As for `run`
    #[arg(long, env = "HANDBACK_RUNTIME_DIR", value_name = "DIR", hide = true)]
    pub runtime_dir: Option<std::path::PathBuf>,
}

const AFTER: &str = "\
Up to 20 pages of the URL's origin are visited; nothing is clicked, and links that sign out are left alone.
Exit codes: 0 cases were proposed, 1 there were none, 2 nothing attempted, 3 errored, 4 timed out, 5 cancelled.";

/// Follows links, and prints what is proposed.
pub fn main(args: Args) -> Exit {
    let options = match options(args, Surroundings::look()) {
        Ok(options) => options,
        Err(Refusal { exit, code: _, message }) => {
            say(&mut stderr(), &format!("error: {message}\n"));
            return exit;
        }
    };
    on_runtime(async |shutdown| {
        tokio::select! {
            biased;
            // The browser's supervisor cleans up when it finds us gone.
            () = shutdown.at_once() => Exit::Cancelled,
            exit = Box::pin(discover(&options, shutdown)) => exit,
        }
    })
}

fn options(args: Args, here: Surroundings) -> Result<Options, Refusal> {
    let Args {
        url,
        model,
        max_tokens,
        timeout,
        wait_ready,
        sandbox,
        insecure_tls,
        allow_host,
        deny_host,
        runtime_dir,
    } = args;
    let url = run_url(url.trim(), "--url")?;
    let policy = Policy::new(&allow_host, &deny_host)
        .map_err(|error| Refusal::usage(format!("{error}.")))?;
    let model = model::wish(&model, max_tokens, true, "none").map_err(Refusal::usage)?;
    let Some(state) = here.state.as_ref().map(|state| state.join("handback")) else {
        return Err(Refusal::usage(
            "There is no place for files: neither XDG_STATE_HOME nor HOME is set.",
        ));
    };
    let manner = Manner {
        timeout: Duration::from_secs(timeout),
        max_steps: None,
        stop_on_first_failure: false,
        as_it_is: false,
        wait_ready: wait_ready.map(Duration::from_secs),
        dialogs: DialogPolicy::Dismiss,
        files: None,
        viewport: VIEWPORT,
        insecure_tls,
        video: VideoWish::Off,
        screenshots: Keep::Never,
    };
    Ok(Options {
        assignment: Assignment::to_look(url, model, policy, manner)?,
        sandbox,
        profile: ProfileWish::Temporary,
        json: false,
        junit: None,
        out: state.join("runs"),
        profiles: state.join("profiles"),
        runtime: runtime_dir.unwrap_or_else(|| RuntimeDir::root(here.runtime.as_deref(), &state)),
        user: here.user,
        keep: None,
        auto_open: false,
    })
}

async fn discover(options: &Options, shutdown: &Shutdown) -> Exit {
    let id = ulid::Ulid::new().to_string().to_lowercase();
    let dir = match RunDir::create(&options.out, &id) {
        Ok(dir) => dir,
        Err(error) => return refuse(&error.advice()),
    };
    let path = dir.path().to_owned();
    let (progress, lines) = mpsc::unbounded_channel();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let journal = begin(&options.assignment, &id, dir, Arc::clone(&clock), progress);
    let mut journal = match journal {
        Ok(journal) => journal,
        Err(error) => return refuse(&error.advice()),
    };
    let shown = JoinSet::from_iter([show_progress(lines)]);
    let opened = Box::pin(open(options, &id, &mut journal, shutdown)).await;
    let (visited, house) = match opened {
        Ok((house, model)) => {
            let job = options.assignment.job(&id, clock, model);
            let visited = Box::pin(visit(&job, &house, &mut journal, shutdown)).await;
            (visited, Some(house))
        }
        Err(halt) => (Err(halt), None),
    };
    let found = std::mem::take(&mut journal.results.discovered);
    // Ends the progress and the connection to the gate.
    drop(journal);
    shown.join_all().await;
    if let Some(house) = house {
        house.close().await;
    }
    // It is no run: what it leaves is what it prints.
    if let Err(error) = fs::remove_dir_all(&path) {
        tracing::warn!(%error, path = %path.display(), "left behind");
    }
    answer(&found, visited)
}

/// The model, if there is one, and gate and browser, if the site is there.
async fn open(
    options: &Options,
    id: &str,
    journal: &mut Journal,
    shutdown: &Shutdown,
) -> Result<(House, Option<Arc<crate::model::Model>>), Halt> {
    let model = begin::model(&options.assignment).await?;
    begin::preflight(journal, &options.assignment, &shutdown.cancel).await?;
    Ok((House::open(options, id, journal, None).await?, model))
}

async fn visit(
    job: &Job,
    house: &House,
    journal: &mut Journal,
    shutdown: &Shutdown,
) -> Result<(), Halt> {
    match UnixStream::connect(house.agent_socket()).await {
        Ok(gate) => {
            let connected = drive::connect(job, gate, journal, &shutdown.tasks, &shutdown.cancel);
            drive::visit(job, journal, connected, &shutdown.tasks).await
        }
        Err(error) => Err(Halt {
            reason: Reason::Internal,
            message: format!("The gate does not answer on its socket: {error}."),
        }),
    }
}

/// What was found, also before it went wrong.
fn answer(found: &[Discovered], visited: Result<(), Halt>) -> Exit {
    if !found.is_empty() {
        say(&mut stdout(), &report::markdown(found));
    }
    match visited {
        Ok(()) if found.is_empty() => {
            say(&mut stderr(), "No case could be proposed.\n");
            Exit::Failed
        }
        Ok(()) => Exit::Passed,
        Err(Halt { reason, message }) => {
            say(&mut stderr(), &format!("error: {message}\n"));
            let exits = [
                (Reason::Cancelled, Exit::Cancelled),
                (Reason::Timeout, Exit::TimedOut),
                (Reason::BlockedByPolicy, Exit::Usage),
            ];
            let known = exits.into_iter().find(|(known, _)| *known == reason);
            known.map_or(Exit::Errored, |(_, exit)| exit)
        }
    }
}

fn refuse(message: &str) -> Exit {
    say(&mut stderr(), &format!("error: {message}\n"));
    Exit::Errored
}
