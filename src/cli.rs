//! What a person types, and what it means.
//!
//! Standard output is the answer, standard error is progress and logs. Exit codes are
//! [`Exit`](crate::pod::contract::Exit).

mod advise;
mod agent;
mod browser;
pub mod check;
mod cluster;
pub mod crds;
pub mod diagnose;
pub mod discover;
mod earlier;
mod gate;
mod mail;
pub mod mcp;
mod model;
mod operator;
mod paint;
pub mod plan;
pub mod release_pods;
pub mod run;
pub mod submit;
pub mod take;
mod values;

use std::{
    ffi::{OsStr, OsString},
    io::Write,
    path::Path,
    process::ExitCode,
};

use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use crate::{
    agent::in_pod,
    browser::{Config, ShimArgs, shim},
    pod::contract::Exit,
    shutdown::Shutdown,
    telemetry,
};

/// End-to-end browser tests that hand the browser back to a person.
#[derive(Debug, Parser)]
#[command(name = "handback", version, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    /// What is logged on standard error, for example `handback=debug`
    #[arg(long, global = true, env = "HANDBACK_LOG", value_name = "FILTER", hide = true)]
    log: Option<String>,
    /// Log lines for people or for programs
    #[arg(
        long,
        global = true,
        env = "HANDBACK_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        hide = true
    )]
    log_format: telemetry::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Execute a plan in a browser on this machine
    Run(Box<run::args::Args>),
    /// Validate plans and manifests offline: scenarios, checks, driver, offending lines
    Check(check::Args),
    /// Have a model write a plan for a page
    Plan(plan::Args),
    /// Follow the links of a site and propose cases for its pages
    Discover(Box<discover::Args>),
    /// Have a model say why a case of a run failed: the app, the test or the environment
    Diagnose(diagnose::Args),
    /// Serve `test` and the other tools to coding agents, over the Model Context Protocol
    Mcp(mcp::Args),
    /// Create a TestRun in a cluster; with --wait follow it and exit with its verdict
    #[expect(clippy::doc_markdown, reason = "help text")]
    Submit(Box<submit::Args>),
    /// Open the live browser of a TestRun: take it over, or watch
    #[expect(clippy::doc_markdown, reason = "help text")]
    Take(take::Args),
    /// Print the custom resource definitions
    Crds(crds::Args),
    /// Supervise display, Chromium and recorder; started by `run`
    #[command(hide = true)]
    Browser(Box<Config>),
    /// Carry out the contract of a run pod; started by the operator
    #[command(hide = true)]
    Agent(Box<in_pod::Config>),
    /// Be the only door of a run pod; started by the operator
    #[command(hide = true)]
    Gate(Box<crate::gate::in_pod::Config>),
    /// Care for the test runs of a cluster; started by the chart
    #[command(hide = true)]
    Operator(Box<crate::operator::in_cluster::Args>),
    /// Let run pods be deleted without an operator; part of uninstalling the chart
    #[command(hide = true)]
    ReleasePods(release_pods::Args),
    /// Succeed once the pod's browser is ready; its startup probe
    #[command(hide = true)]
    BrowserStarted(crate::browser::Probe),
    /// Become a program that dies with its parent
    #[command(hide = true)]
    Shim(ShimArgs),
}

/// Reads the command line and runs what it asks for.
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let plugin = typed.first().is_some_and(|name| is_plugin(name));
    let name = if plugin { "kubectl handback" } else { "handback" };
    let parsed = command().bin_name(name).try_get_matches_from(&typed).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches))
    });
    let exit = match parsed {
        Err(error) => refuse(&error, &typed),
        Ok((Cli { log, log_format, command }, matches)) => {
            // A server's log is all that there is of it; people have their own lines.
            let quiet = !matches!(command, Command::Operator(_));
            telemetry::start(log.as_deref(), log_format, quiet);
            match command {
                Command::Run(mut args) => {
                    if let Some(("run", matches)) = matches.subcommand() {
                        args.settle(matches);
                    }
                    run::main(*args)
                }
                Command::Check(args) => check::main(&args),
                Command::Plan(args) => plan::main(args),
                Command::Diagnose(args) => diagnose::main(args),
                Command::Discover(args) => discover::main(*args),
                Command::Mcp(args) => mcp::main(args),
                Command::Submit(args) => submit::main(*args),
                Command::Take(args) => take::main(args),
                Command::Crds(args) => crds::main(&args),
                Command::Browser(config) => browser::main(*config),
                Command::Agent(config) => agent::main(*config),
                Command::Gate(config) => gate::main(*config),
                Command::Operator(args) => operator::main(*args),
                Command::ReleasePods(args) => release_pods::main(&args),
                Command::BrowserStarted(probe) => browser::started(&probe),
                // Returns only if the program could not be started.
                Command::Shim(args) => return shim(&args),
            }
        }
    };
    ExitCode::from(exit as u8)
}

/// Whether kubectl started us: a plugin is found by its file's name.
fn is_plugin(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "kubectl-handback")
}

/// The command line. Variables are named by one rule, which the help tells once, and the help is
/// the short one: a line for each option.
fn command() -> clap::Command {
    let help =
        || Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).help("Print help");
    Cli::command().disable_help_flag(true).arg(help()).mut_subcommands(|command| {
        let command = command.disable_help_flag(true).mut_args(|arg| arg.hide_env(true));
        command.arg(help())
    })
}

/// A command line that clap does not take, or that asks for help.
fn refuse(error: &clap::Error, typed: &[OsString]) -> Exit {
    // A closed pipe is the reader's choice.
    drop(error.print());
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Exit::Passed;
    }
    if wants_json(typed) {
        let text = error.to_string();
        run::print_refusal(&mut std::io::stdout(), Exit::Usage, "usage", text.trim());
    }
    Exit::Usage
}

/// Whether a command line that could not be read asks for one JSON document all the same: in the
/// environment, or by a word that the reading did not get to.
fn wants_json(typed: &[OsString]) -> bool {
    let mut words = typed.iter().skip(1);
    if words.any(|word| word == "run")
        && words.take_while(|word| *word != "--").any(|word| word == "--json")
    {
        return true;
    }
    let matches = command().ignore_errors(true).try_get_matches_from(typed);
    matches.is_ok_and(|matches| {
        let run = matches.subcommand_matches("run");
        run.and_then(|run| run.try_get_one("json").ok().flatten()).copied().unwrap_or(false)
    })
}

/// A process of a pod: signals cancel, and whoever is in a hurry kills.
fn on_runtime(work: impl AsyncFnOnce(&Shutdown) -> Exit) -> Exit {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime could not be started");
            return Exit::Errored;
        }
    };
    let exit = runtime.block_on(async {
        match Shutdown::on_signals() {
            Ok(shutdown) => work(&shutdown).await,
            Err(error) => {
                tracing::error!(%error, "signals cannot be handled");
                Exit::Errored
            }
        }
    });
    runtime.shutdown_background();
    exit
}

/// Writes to a person; a closed pipe is success.
pub(crate) fn say(out: &mut dyn Write, text: &str) {
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
