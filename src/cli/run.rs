//! `handback run`: a plan, a browser, a verdict, on this machine.
//!
//! Options, then the run itself ([`execution`]), the report, and then the browser for whoever wants it.
//! Standard output gets the summary or one JSON document, whatever happens.

pub mod args;
pub(in crate::cli) mod execution;
pub(in crate::cli) mod house;
pub(in crate::cli) mod open;
pub(crate) mod options;
mod progress;
pub(in crate::cli) mod summary;

use std::{
    io::{Write, stderr, stdout},
    path::Path,
};

use tokio::sync::mpsc;

pub(crate) use progress::colour_wanted;
pub(in crate::cli) use progress::show as show_progress;

use crate::{
    agent::{
        assignment::Refusal,
        results::{Problem, Results, Viewport},
        verdict::Verdict,
    },
    cli::{paint::Paint, say},
    clock::{Clock, SystemClock},
    gate::Address,
    pod::contract::Exit,
    shutdown::Shutdown,
};
use execution::{Executed, execute};
use options::{Options, Surroundings};
use summary::Places;

/// Carries out a run.
pub fn main(args: args::Args) -> Exit {
    let json = args.json;
    let options = match Options::read(args, &Surroundings::look()) {
        Ok(options) => options,
        Err(refusal) => return refuse(&refusal, json),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("The runtime could not be started: {error}.");
            return refuse(
                &Refusal { exit: Exit::Errored, code: "internal".to_owned(), message },
                json,
            );
        }
    };
    let exit = runtime.block_on(async {
        let shutdown = match Shutdown::on_signals() {
            Ok(shutdown) => shutdown,
            Err(error) => {
                let message = format!("Signals cannot be handled: {error}.");
                let code = "internal".to_owned();
                return refuse(&Refusal { exit: Exit::Errored, code, message }, json);
            }
        };
        tokio::select! {
            biased;
            // The browser's supervisor cleans up when it finds us gone.
            () = shutdown.at_once() => Exit::Cancelled,
            exit = Box::pin(run(options, &shutdown)) => exit,
        }
    });
    // Standard input may still be read by a thread that cannot be interrupted.
    runtime.shutdown_background();
    exit
}

/// Nothing was attempted: says why.
fn refuse(refusal: &Refusal, json: bool) -> Exit {
    let Refusal { exit, code, message } = refusal;
    say(&mut stderr(), &format!("error: {message}\n"));
    if json {
        print_refusal(&mut stdout(), *exit, code, message);
    }
    *exit
}

/// The results.json of a run that was not attempted.
pub(crate) fn print_refusal(out: &mut dyn Write, exit: Exit, code: &str, message: &str) {
    let now = format!("{:.3}", SystemClock.now());
    let viewport = Viewport { width: 0, height: 0 };
    let mut results = Results::new(String::new(), String::new(), now.clone(), viewport);
    results.verdict = Some(Verdict::Errored);
    results.reason = Some(code.to_owned());
    results.exit_code = Some(exit as u8);
    results.error = Some(Problem { code: code.to_owned(), message: message.to_owned() });
    results.finished_at = Some(now);
    "off".clone_into(&mut results.video.status);
    print_json(out, &results);
}

pub(in crate::cli) fn print_json(out: &mut dyn Write, results: &Results) {
    match serde_json::to_string_pretty(results) {
        Ok(text) => say(out, &format!("{text}\n")),
        Err(error) => tracing::error!(%error, "the results could not be rendered"),
    }
}

async fn run(options: Options, shutdown: &Shutdown) -> Exit {
    let id = execution::new_id();
    let (progress, lines) = mpsc::unbounded_channel();
    let shown = tokio::task::JoinSet::from_iter([progress::show(lines)]);
    let executed = execute(&options, &id, None, progress, &shutdown.tasks, &shutdown.cancel).await;
    shown.join_all().await;
    let Executed { exit, results, directory, house } = match executed {
        Ok(executed) => executed,
        Err(refusal) => return refuse(&refusal, options.json),
    };
    copy_junit(&options, &directory);
    match house.zip(options.keep) {
        Some((house, idle)) => {
            let (player, takeover) = (house.player().await, house.takeover().await);
            report(&options, &results, &directory, player.as_ref(), takeover.as_ref());
            if let (true, Some(player)) = (options.auto_open, &player) {
                house.show(player);
            }
            house.keep(idle, player, takeover, shutdown).await;
        }
        None => report(&options, &results, &directory, None, None),
    }
    exit
}

/// `--junit`: a copy for the CI system. Failing to write it changes no verdict.
fn copy_junit(options: &Options, directory: &Path) {
    let Some(path) = &options.junit else { return };
    if let Err(error) = std::fs::copy(directory.join("junit.xml"), path) {
        let message =
            format!("warning: --junit {} could not be written: {error}\n", path.display());
        say(&mut stderr(), &message);
    }
}

/// The answer on standard output; with `--json` the addresses go to standard error.
fn report(
    options: &Options,
    results: &Results,
    directory: &Path,
    player: Option<&Address>,
    takeover: Option<&Address>,
) {
    let on_disk = || format!("file://{}", directory.join("player.html").display());
    let closed = if options.keep.is_some() {
        "there is no browser"
    } else {
        "the browser is closed; --keep-alive keeps it for a person"
    };
    let places = Places {
        directory: directory.display().to_string(),
        player: player.map_or_else(on_disk, |address| address.url.expose().to_owned()),
        takeover: takeover
            .map(|address| address.url.expose().to_owned())
            .ok_or_else(|| closed.to_owned()),
    };
    if options.json {
        print_json(&mut stdout(), results);
        say(&mut stderr(), &summary::addresses(&places));
    } else {
        let paint =
            Paint { colour: colour_wanted() && std::io::IsTerminal::is_terminal(&stdout()) };
        say(&mut stdout(), &summary::render(results, &places, paint));
    }
}
