//! The end of a run: video closed, events closed, then player, discovered.md, junit.xml,
//! results.json, the manifest (which the gate writes) and latest.json, in this order (agent.md 11.3).

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    agent::{
        assignment::{Assignment, Refusal},
        discovery,
        drive::{Driven, Halt, VideoWish},
        events::Event,
        journal::Journal,
        report::{chapters, junit, player},
        results::{Counts, Problem},
        verdict::{self, Reason, Verdict},
    },
    pod::contract::{Exit, Recording, ToGate, VideoStatus},
};

/// Joining segments and decoding the file once takes about a tenth of its length.
const VIDEO_CLOSE: Duration = Duration::from_mins(3);
/// Summing and writing a manifest.
const SEALING: Duration = Duration::from_mins(1);

/// Writes everything that is left to write. The exit code is the run's.
pub async fn finish(journal: &mut Journal, driven: Driven, assignment: &Assignment) -> Exit {
    let passes = driven.halt.is_none()
        && journal.results.scenarios.iter().all(|one| one.verdict == Some(Verdict::Passed));
    let keep = assignment.manner.video != VideoWish::OfFailure || !passes;
    close_video(journal, keep).await;
    let mut halt = driven.halt;
    if halt.is_none()
        && let Some(error) = journal.broken()
    {
        halt = Some(Halt { reason: Reason::ArtifactsUnwritable, message: error.advice() });
    }
    let exit = judge(journal, halt.as_ref());
    journal.emit(
        None,
        Event::Report {
            verdict: journal.results.verdict.unwrap_or(Verdict::Errored),
            reason: journal.results.reason.clone(),
            exit_code: exit as u8,
            path: journal.dir().path().display().to_string(),
        },
    );
    journal.register("events.ndjson", "events", "application/x-ndjson");
    journal.register("video.webm", "video", "video/webm");
    write_player(journal, &driven.recordings, &assignment.name).await;
    if !journal.results.discovered.is_empty() {
        let text = discovery::report::markdown(&journal.results.discovered);
        let media_type = "text/markdown; charset=utf-8";
        journal.file("discovered.md", "discovered", media_type, text.as_bytes());
    }
    let xml = junit::render(&journal.results);
    journal.file("junit.xml", "junit", "application/xml", xml.as_bytes());
    // What could not be written by now must not look like a pass.
    let lost = journal
        .broken()
        .filter(|_| halt.is_none())
        .map(|error| Halt { reason: Reason::ArtifactsUnwritable, message: error.advice() });
    let exit = lost.map_or(exit, |lost| judge(journal, Some(&lost)));
    journal.save(true);
    if journal.broken().is_none() {
        seal(journal, exit).await;
    }
    exit
}

/// Writes down that nothing was attempted, and why. The exit code is the refusal's.
pub async fn refuse(journal: &mut Journal, refusal: &Refusal) -> Exit {
    let Refusal { exit, code, message } = refusal;
    let finished_at = journal.now();
    let results = &mut journal.results;
    results.verdict = Some(Verdict::Errored);
    results.reason = Some(code.clone());
    results.exit_code = Some(*exit as u8);
    results.error = Some(Problem { code: code.clone(), message: message.clone() });
    "off".clone_into(&mut results.video.status);
    results.finished_at = Some(finished_at);
    journal.emit(None, Event::Error { code: code.clone(), message: message.clone() });
    let report = Event::Report {
        verdict: Verdict::Errored,
        reason: Some(code.clone()),
        exit_code: *exit as u8,
        path: journal.dir().path().display().to_string(),
    };
    journal.emit(None, report);
    journal.register("events.ndjson", "events", "application/x-ndjson");
    let xml = junit::render(&journal.results);
    journal.file("junit.xml", "junit", "application/xml", xml.as_bytes());
    journal.save(true);
    if journal.broken().is_none() {
        seal(journal, *exit).await;
    }
    *exit
}

/// Verdict, reason, counts and exit code, from the scenarios and what stopped the run.
fn judge(journal: &mut Journal, halt: Option<&Halt>) -> Exit {
    let finished_at = journal.now();
    let duration = journal.elapsed();
    let results = &mut journal.results;
    let scenarios: Vec<_> = results
        .scenarios
        .iter()
        .map(|one| (one.verdict.unwrap_or(Verdict::Skipped), one.reasons.first().copied()))
        .collect();
    let (verdict, reason) = verdict::run(&scenarios, halt.map(|halt| halt.reason));
    let attempted = halt.is_none_or(|halt| halt.reason != Reason::BlockedByPolicy);
    let exit = verdict::exit(verdict, attempted);
    results.verdict = Some(verdict);
    results.reason = reason.map(|reason| reason.as_str().to_owned());
    results.exit_code = Some(exit as u8);
    results.error = (verdict == Verdict::Errored)
        .then(|| halt.map(Halt::problem).or_else(|| first_error(results)))
        .flatten();
    results.counts = Counts::of(&results.scenarios);
    results.finished_at = Some(finished_at);
    results.duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let error = results.error.clone();
    if let Some(Problem { code, message }) = error {
        journal.emit(None, Event::Error { code, message });
    }
    exit
}

/// Why the first scenario that could not be carried out was not.
fn first_error(results: &super::results::Results) -> Option<Problem> {
    let scenario = results.scenarios.iter().find(|one| one.verdict == Some(Verdict::Errored))?;
    Some(Problem {
        code: scenario.reasons.first()?.as_str().to_owned(),
        message: scenario.summary.clone(),
    })
}

/// Ends the recording, if there is one. A video that was lost never changes the verdict.
async fn close_video(journal: &mut Journal, keep: bool) {
    if journal.results.video.status != "pending" {
        return;
    }
    let Some(link) = journal.link().cloned() else {
        "off".clone_into(&mut journal.results.video.status);
        return;
    };
    let closed = timeout(VIDEO_CLOSE, link.close_video(keep)).await;
    let (status, reason) = match closed {
        Ok(Ok(report)) => (report.status, report.reason),
        Ok(Err(_)) => {
            (VideoStatus::Failed, Some("The gate ended before the video was closed.".to_owned()))
        }
        Err(_) => (VideoStatus::Failed, Some("The recorder did not end in time.".to_owned())),
    };
    let word = match status {
        VideoStatus::Recorded => "recorded",
        VideoStatus::Off => "off",
        VideoStatus::Unavailable => "unavailable",
        VideoStatus::Failed => "failed",
    };
    word.clone_into(&mut journal.results.video.status);
    journal.results.video.reason.clone_from(&reason);
    if status == VideoStatus::Failed {
        journal.warn(&format!("The video was lost. {}", reason.as_deref().unwrap_or_default()));
    }
    let state = match status {
        VideoStatus::Recorded | VideoStatus::Off => "finished",
        VideoStatus::Unavailable | VideoStatus::Failed => "unavailable",
    };
    journal.emit(None, Event::Video { state: state.to_owned(), reason });
}

/// Makes the player, off the runtime's threads: it is megabytes of text.
async fn write_player(journal: &mut Journal, recordings: &[Recording], name: &str) {
    let screenshots = match journal.album() {
        Some(album) => album.close().await,
        None => serde_json::Map::new(),
    };
    let results = journal.results.clone();
    let chapters = chapters::chapters(&results, &journal.began, recordings);
    let has_video = journal.dir().artifacts().iter().any(|one| one.kind == "video");
    let name = name.to_owned();
    let rendered = tokio::task::spawn_blocking(move || {
        player::render(&player::Contents {
            name: &name,
            results: &results,
            chapters: &chapters,
            screenshots,
            video: has_video.then_some("video.webm"),
        })
    })
    .await;
    match rendered {
        Ok(Ok(html)) => {
            journal.file("player.html", "player", "text/html; charset=utf-8", html.as_bytes());
        }
        Ok(Err(error)) => tracing::warn!(%error, "the player could not be rendered"),
        Err(error) => tracing::warn!(%error, "the player could not be made"),
    }
}

/// Asks the gate for the manifest, then lets latest.json point here.
async fn seal(journal: &mut Journal, exit: Exit) {
    let verdict = journal.results.verdict.unwrap_or(Verdict::Errored).as_str();
    if let Some(link) = journal.link() {
        link.tell(ToGate::Artifact(crate::pod::contract::Artifact {
            path: "results.json".to_owned(),
            kind: "results".to_owned(),
            media_type: "application/json".to_owned(),
        }));
        let message = ToGate::Finished {
            verdict: verdict.to_owned(),
            reason: journal.results.reason.clone(),
            exit_code: exit as u8,
        };
        if timeout(SEALING, link.finished(message)).await.is_err() {
            tracing::warn!("the manifest was not written in time");
        }
    }
    let finished_at = journal.results.finished_at.clone().unwrap_or_default();
    if let Err(error) = journal.dir().latest(verdict, &finished_at) {
        tracing::warn!(error = %error.advice(), "latest.json could not be written");
    }
}
