//! `handback submit`: a `TestRun` from a manifest, and with `--wait` its progress and its verdict.
//!
//! The order: the manifest is judged offline, the run is made, followed by its status and, where the
//! person may watch, by its own events; at the end the report and the files are fetched. The verdict
//! is the `TestRun`'s, whatever the report says.

mod answer;
pub mod args;
mod live;
mod storage;
mod told;

use std::{
    io::{IsTerminal as _, Read as _, stderr, stdout},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt as _;
use kube::ResourceExt as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

pub use args::{Args, OnInterrupt};
use live::Live;
use told::Told;

use crate::{
    agent::{
        events::{Event, Line},
        results::Results,
    },
    cli::{
        check,
        cluster::complain,
        on_runtime,
        paint::Paint,
        run::{
            colour_wanted, print_json, print_refusal, show_progress,
            summary::{self, Places},
        },
        say,
    },
    client::{Error, cluster::Cluster, files::Source, follow::Heard},
    manifest::{
        status::{Phase, TestRunStatus, UploadState, Verdict},
        test_run::TestRun,
    },
    pod::contract::Exit,
    shutdown::Shutdown,
};

/// The last events and the seat are waited for this long after the verdict, for a summary's sake.
const SOON: Duration = Duration::from_secs(10);
/// And this long if somebody asked for what is in the report.
const PATIENT: Duration = Duration::from_mins(2);
/// results.json has every step of every scenario.
const MAX_REPORT: usize = 64 << 20;

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

/// How the waiting ended.
enum Ended {
    Verdict(Verdict),
    Detached,
}

/// What is said in the end.
struct Answer {
    exit: Exit,
    results: Results,
    places: Places,
    /// What was asked for and could not be had.
    problems: Vec<Error>,
}

struct Waiting<'a> {
    cluster: &'a Cluster,
    run: TestRun,
    progress: mpsc::UnboundedSender<Line>,
    live: watch::Sender<Live>,
    following: JoinSet<()>,
    /// Ends the following in order.
    give_up: CancellationToken,
}

impl<'a> Waiting<'a> {
    fn new(cluster: &'a Cluster, run: TestRun, progress: mpsc::UnboundedSender<Line>) -> Self {
        let live = watch::Sender::new(Live::default());
        let (following, give_up) = (JoinSet::new(), CancellationToken::new());
        Self { cluster, run, progress, live, following, give_up }
    }

    /// Until there is a verdict.
    async fn wait(
        &mut self,
        on_interrupt: OnInterrupt,
        shutdown: &Shutdown,
    ) -> Result<Ended, Error> {
        let mut heard = std::pin::pin!(self.cluster.follow(&self.run));
        let mut told = Told::default();
        let (mut interrupted, mut troubled) = (false, false);
        loop {
            tokio::select! {
                next = heard.next() => match next {
                    Some(Heard::Run(run)) => {
                        troubled = false;
                        self.run = *run;
                        let status = self.status();
                        if let Some(line) = told.next(&status) {
                            self.say("cluster", line);
                        }
                        if let Some(verdict) = status.verdict {
                            return Ok(Ended::Verdict(verdict));
                        }
                        if matches!(status.phase, Some(Phase::Running | Phase::HandedOff)) {
                            self.watch();
                        }
                    }
                    Some(Heard::Trouble(why)) if !troubled => {
                        troubled = true;
                        let text = format!("The API server cannot be heard, trying again: {why}");
                        self.say("warning", text);
                    }
                    Some(Heard::Trouble(_)) => {}
                    Some(Heard::End(error)) => return Err(error),
                    None => return Err(Error::Deleted { name: self.run.name_any() }),
                },
                () = shutdown.cancel.cancelled(), if !interrupted => {
                    interrupted = true;
                    if on_interrupt == OnInterrupt::Detach {
                        return Ok(Ended::Detached);
                    }
                    self.cluster.cancel_run(&self.run).await?;
                    let text = "Cancelled; waiting for its end. Once more ends the waiting.";
                    self.say("warning", text.to_owned());
                }
            }
        }
    }

    /// Until the files are where they stay: only then the bucket has them, and the manifest's sum is known.
    async fn settle(&mut self) {
        let upload = u64::try_from(self.run.spec.artifacts.upload_timeout_seconds).unwrap_or(0);
        let until = Instant::now() + Duration::from_secs(upload) + PATIENT;
        let mut heard = std::pin::pin!(self.cluster.follow(&self.run));
        let under_way = |status: TestRunStatus| {
            status.artifacts.is_some_and(|artifacts| artifacts.state == UploadState::Uploading)
        };
        while under_way(self.status()) {
            match timeout_at(until, heard.next()).await {
                Ok(Some(Heard::Run(run))) => self.run = *run,
                Ok(Some(Heard::Trouble(_))) => {}
                // What there is is judged as it is.
                Ok(Some(Heard::End(_)) | None) | Err(_) => return,
            }
        }
    }

    fn status(&self) -> TestRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    fn say(&self, phase: &str, message: String) {
        let event = Event::Status { phase: phase.to_owned(), message };
        let (run, ts) = (String::new(), String::new());
        // Nobody shows progress any more: then nobody misses it.
        drop(self.progress.send(Line { v: 1, run, scenario: None, seq: 0, ts, event }));
    }

    /// Begins to follow the run's own events, once.
    fn watch(&mut self) {
        if self.following.is_empty() && self.live.borrow().given_up.is_none() {
            let (cluster, run) = (self.cluster.clone(), self.run.clone());
            self.following.spawn(live::follow(
                cluster,
                run,
                self.progress.clone(),
                self.live.clone(),
                self.give_up.clone(),
            ));
        }
    }

    /// The report, the files, and what is said of them.
    async fn answer(&mut self, args: &Args, verdict: Verdict) -> Result<Answer, Error> {
        let wanted = args.json || args.junit.is_some() || args.out.is_some();
        self.watch();
        if wanted {
            self.settle().await;
        }
        let status = self.status();
        let exit = answer::exit(verdict, status.reason.as_deref());
        let mut live = self.live.subscribe();
        let patience = if wanted { PATIENT } else { SOON };
        // Without it there is the status; that is told below if it matters.
        drop(timeout(patience, live.wait_for(|live| live.done)).await);
        let now = live.borrow().clone();
        let mut problems = Vec::new();
        let mut results = answer::from_status(&self.run, &status, verdict);
        let uri = status.artifacts.as_ref().map(|artifacts| artifacts.uri.clone());
        let uri = uri.filter(|uri| !uri.is_empty());
        let mut directory = uri.clone().unwrap_or_else(|| "kept in the run's pod".to_owned());
        let mut player =
            uri.map_or_else(|| "--out downloads it".to_owned(), |uri| format!("{uri}player.html"));
        let stored = match &now.watching {
            Some(_) => None,
            None => storage::of(&self.run).transpose().unwrap_or_else(|error| {
                problems.push(error);
                None
            }),
        };
        let source = match (&now.watching, &stored) {
            (Some(watching), _) => Some(Source::Gate(&watching.seat)),
            (None, Some((stored, uri))) => Some(Source::Bucket { stored, uri }),
            (None, None) => None,
        };
        if let Some(source) = source {
            match source.read("results.json", MAX_REPORT).await {
                Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                    Ok(read) => {
                        results = read;
                        answer::overrule(&mut results, &status, verdict);
                    }
                    Err(error) => tracing::warn!(%error, "results.json cannot be read"),
                },
                Ok(None) if args.json => problems.push(missing("results.json")),
                Err(error) if args.json => problems.push(error),
                Ok(None) => tracing::warn!("the run has no results.json"),
                Err(error) => tracing::warn!(%error, "results.json could not be fetched"),
            }
            if let Some(out) = &args.out {
                let sum = status.artifacts.as_ref().and_then(|one| one.manifest_sha256.as_deref());
                match source.fetch_all(out, sum, Instant::now() + PATIENT).await {
                    Ok(_) => {
                        directory = out.display().to_string();
                        player = out.join("player.html").display().to_string();
                    }
                    Err(error) => problems.push(error),
                }
            }
            if let Some(path) = &args.junit {
                let copied = match source.read("junit.xml", MAX_REPORT).await {
                    Ok(Some(bytes)) => write(path, &bytes),
                    Ok(None) => Err(missing("junit.xml")),
                    Err(error) => Err(error),
                };
                problems.extend(copied.err());
            }
        } else if wanted {
            problems.push(no_report(now.given_up.as_deref()));
        }
        let takeover = match crate::client::handoffs::pod_of(&self.run) {
            Ok(_) => Ok(format!(
                "kubectl handback take {} -n {}",
                self.run.name_any(),
                self.cluster.namespace
            )),
            Err(error) => Err(error.to_string()),
        };
        Ok(Answer { exit, results, places: Places { directory, player, takeover }, problems })
    }

    /// Gives the seat back.
    async fn close(mut self) {
        self.give_up.cancel();
        // A Handoff that is asked for just now is called off; that is one request.
        drop(timeout(SOON, self.following.join_next()).await);
        let watching = self.live.borrow().watching.as_ref().map(Arc::clone);
        if let Some(watching) = watching
            && let Err(error) = self.cluster.finish(&watching.granted).await
        {
            tracing::debug!(%error, "the View handoff was left to its deadline");
        }
    }
}

fn missing(file: &str) -> Error {
    Error::NoBrowser(format!("The run has no {file}."))
}

fn no_report(error: Option<&Error>) -> Error {
    let why = error.map_or_else(|| "Nobody answered in time.".to_owned(), ToString::to_string);
    Error::NoBrowser(format!(
        "The report could not be fetched from the run's pod. {why}\n  With AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY it is read from the run's bucket, if it has one."
    ))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let doing = || format!("Writing {}", path.display());
    std::fs::write(path, bytes).map_err(|source| Error::Local { doing: doing(), source })
}
