//! What is said in the end: the report and the files of the attempt that counts, from its gate while
//! its pod lives, else from the bucket.

use std::path::Path;

use kube::ResourceExt as _;
use tokio::time::Instant;

use super::{
    answer,
    args::Args,
    storage,
    waiting::{PATIENT, Waiting},
};
use crate::{
    agent::results::Results,
    cli::run::summary::Places,
    client::{Error, files::Source, handoffs::pod_of},
    manifest::status::Verdict,
    pod::contract::Exit,
};

/// results.json has every step of every scenario.
const MAX_REPORT: usize = 64 << 20;

/// What is said in the end.
pub(super) struct Answer {
    pub(super) exit: Exit,
    pub(super) results: Results,
    pub(super) places: Places,
    /// What was asked for and could not be had.
    pub(super) problems: Vec<Error>,
}

impl Waiting<'_> {
    /// The report, the files, and what is said of them.
    pub(super) async fn answer(&mut self, args: &Args, verdict: Verdict) -> Result<Answer, Error> {
        let wanted = args.json || args.junit.is_some() || args.out.is_some();
        if wanted {
            self.settle().await;
        }
        let now = self.heard(wanted).await;
        let status = self.status();
        let exit = answer::exit(verdict, status.reason.as_deref());
        let mut problems = Vec::new();
        let mut results = answer::from_status(&self.run, &status, verdict);
        let uri = status.artifacts.as_ref().map(|artifacts| artifacts.uri.clone());
        let uri = uri.filter(|uri| !uri.is_empty());
        let mut directory = uri.clone().unwrap_or_else(|| "kept in the run's pod".to_owned());
        let mut player =
            uri.map_or_else(|| "--out downloads it".to_owned(), |uri| format!("{uri}player.html"));
        let stored = storage::of(&self.run).transpose().unwrap_or_else(|error| {
            // It matters only to whoever needs it.
            problems.extend(now.watching.is_none().then_some(error));
            None
        });
        let gate = now.watching.as_ref().map(|watching| Source::Gate(&watching.seat));
        let bucket = stored.as_ref().map(|(stored, uri)| Source::Bucket { stored, uri });
        let sources = Sources { first: gate.or(bucket), then: bucket.filter(|_| gate.is_some()) };
        if sources.first.is_some() {
            match sources.read("results.json").await {
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
                match sources.fetch_all(out, sum).await {
                    Ok(()) => {
                        directory = out.display().to_string();
                        player = out.join("player.html").display().to_string();
                    }
                    Err(error) => problems.push(error),
                }
            }
            if let Some(path) = &args.junit {
                let copied = match sources.read("junit.xml").await {
                    Ok(Some(bytes)) => write(path, &bytes),
                    Ok(None) => Err(missing("junit.xml")),
                    Err(error) => Err(error),
                };
                problems.extend(copied.err());
            }
        } else if wanted {
            problems.push(no_report(now.given_up.as_deref()));
        }
        let takeover = match pod_of(&self.run) {
            Ok(_) => Ok(format!(
                "kubectl handback take {} -n {}",
                self.run.name_any(),
                self.cluster.namespace
            )),
            Err(error) => Err(error.to_string()),
        };
        Ok(Answer { exit, results, places: Places { directory, player, takeover }, problems })
    }
}

/// Where the files are: at the one place, and if that is gone at the other.
struct Sources<'a> {
    first: Option<Source<'a>>,
    then: Option<Source<'a>>,
}

impl Sources<'_> {
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(first) = self.first else { return Ok(None) };
        match (first.read(path, MAX_REPORT).await, self.then) {
            (Err(error), Some(then)) if is_gone(&error) => then.read(path, MAX_REPORT).await,
            (Err(error), None) if is_gone(&error) => Err(no_report(Some(&error))),
            (read, _) => read,
        }
    }

    async fn fetch_all(&self, out: &Path, sum: Option<&str>) -> Result<(), Error> {
        let Some(first) = self.first else { return Ok(()) };
        let until = || Instant::now() + PATIENT;
        match (first.fetch_all(out, sum, until()).await, self.then) {
            (Err(error), Some(then)) if is_gone(&error) => {
                then.fetch_all(out, sum, until()).await.map(drop)
            }
            (Err(error), None) if is_gone(&error) => Err(no_report(Some(&error))),
            (fetched, _) => fetched.map(drop),
        }
    }
}

/// The pod went away with its gate, or will not have us any more; the same may be elsewhere.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::NoPod { .. } | Error::Unreachable { .. } | Error::Gate { .. })
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
