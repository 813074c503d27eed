//! `handback submit`: a `TestRun` from a manifest, and with `--wait` its progress and its verdict.
//!
//! The order: the manifest is judged offline, the run is made, followed by its status and, where the
//! person may watch, by its own events; at the end the report and the files are fetched. The verdict
//! is the `TestRun`'s, whatever the report says.

mod answer;
pub mod args;
mod live;
mod report;
mod storage;
mod told;
mod waiting;

use std::{
    io::{IsTerminal as _, Read as _, stderr, stdout},
    path::Path,
};

use kube::ResourceExt as _;
use tokio::{sync::mpsc, task::JoinSet};

pub use args::{Args, OnInterrupt};
use report::Answer;
use waiting::{Ended, Waiting};

use crate::{
    cli::{
        check,
        cluster::complain,
        on_runtime,
        paint::Paint,
        run::{colour_wanted, print_json, print_refusal, show_progress, summary},
        say,
    },
    client::Error,
    manifest::test_run::TestRun,
    pod::contract::Exit,
    shutdown::Shutdown,
};

/// Creates a run, and follows it if it is asked to.
pub fn main(args: Args) -> Exit {
    let json = args.json;
    let run = match read(&args.file).and_then(|run| is_free(args.out.as_deref()).map(|()| run)) {
        Ok(run) => run,
        Err(problem) => {
            say(&mut stderr(), &format!("error: {problem}\n"));
            if json {
                print_refusal(&mut stdout(), Exit::Usage, "usage", problem.trim());
            }
            return Exit::Usage;
        }
    };
    on_runtime(async |shutdown: &Shutdown| {
        tokio::select! {
            biased;
            () = shutdown.at_once() => Exit::Cancelled,
            exit = Box::pin(submit(args, run, shutdown)) => exit.unwrap_or_else(|error| {
                let exit = complain(&error);
                if json {
                    print_refusal(&mut stdout(), exit, error.code(), &error.to_string());
                }
                exit
            }),
        }
    })
}

/// The run of a manifest that is in order.
fn read(path: &Path) -> Result<TestRun, String> {
    let standard = path == Path::new("-");
    let name = if standard { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let read = if standard {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| format!("{name} cannot be read: {error}."))?;
    check::the_run(&name, &text)
}

/// Files of two runs are not mixed; better said before the run than after it.
fn is_free(out: Option<&Path>) -> Result<(), String> {
    let Some(out) = out else { return Ok(()) };
    let taken = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if taken || out.is_file() {
        let out = out.display();
        return Err(format!("--out {out} is not empty: empty it, or choose another directory."));
    }
    Ok(())
}

async fn submit(args: Args, mut run: TestRun, shutdown: &Shutdown) -> Result<Exit, Error> {
    let mut place = args.cluster.clone();
    let own = run.metadata.namespace.clone();
    if let (Some(own), Some(asked)) = (&own, &place.namespace)
        && own != asked
    {
        return Err(Error::Refused {
            doing: "nothing: it was not asked",
            message: format!(
                "The manifest's namespace is {own}, and --namespace says {asked}. Leave one of them out."
            ),
        });
    }
    place.namespace = place.namespace.or(own);
    let cluster = place.find().await?;
    run.metadata.namespace = Some(cluster.namespace.clone());
    run.status = None;
    // A signal meanwhile waits: whether the run exists must be known first. A second one does not.
    let run = cluster.create_run(&run).await?;
    let name = run.name_any();
    say(&mut stderr(), &format!("TestRun {name} created in namespace {}\n", cluster.namespace));
    if !args.wait {
        say(&mut stdout(), &format!("testrun.handback.dev/{name}\n"));
        return Ok(Exit::Passed);
    }
    let (progress, lines) = mpsc::unbounded_channel();
    let shown = JoinSet::from_iter([show_progress(lines)]);
    let mut waiting = Waiting::new(&cluster, run, progress);
    let ended = waiting.wait(args.on_interrupt, shutdown).await;
    let answered = match ended {
        Ok(Ended::Verdict(verdict)) => waiting.answer(&args, verdict).await,
        Ok(Ended::Detached) => {
            waiting.close().await;
            shown.join_all().await;
            let space = &cluster.namespace;
            let text = format!(
                "TestRun {name} goes on. Follow it with: kubectl get testrun {name} -n {space} -w\n"
            );
            say(&mut stderr(), &text);
            return Ok(Exit::Cancelled);
        }
        Err(error) => Err(error),
    };
    // Ends the progress before anything is printed below it.
    waiting.close().await;
    shown.join_all().await;
    let Answer { exit, results, places, problems } = answered?;
    if args.json {
        print_json(&mut stdout(), &results);
        say(&mut stderr(), &summary::addresses(&places));
    } else {
        let paint = Paint { colour: colour_wanted() && stdout().is_terminal() };
        say(&mut stdout(), &summary::render(&results, &places, paint));
    }
    for problem in &problems {
        say(&mut stderr(), &format!("error: {problem}\n"));
    }
    // What was asked for beside the verdict and could not be had must not look like a success.
    Ok(if problems.is_empty() || exit != Exit::Passed { exit } else { Exit::Errored })
}
