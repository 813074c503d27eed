//! Downloads: what began, and how it ended. The browser tells of the begin; of the end the gate does,
//! once it has the file (agent.md 16.2).

use std::time::Duration;

use tokio::time::Instant;

use super::{State, quote};
use crate::page::{
    Download, Saved,
    cdp::event::{DownloadProgress, DownloadWillBegin},
};

/// How long after a link was pressed that asks for a download it may show up: as long as requests
/// of an action are waited for.
const ASKED: Duration = Duration::from_secs(2);

/// All of this browser's.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    all: Vec<Fetch>,
    /// When the page asked for one that has not begun.
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Fetch {
    began: Instant,
    guid: String,
    name: String,
    received: u64,
    outcome: Option<Result<Saved, String>>,
    /// It was noted that it goes on.
    begin_noted: bool,
    /// Its end was noted, and told.
    end_noted: bool,
    told: bool,
}

impl Fetch {
    fn download(&self) -> Option<Download> {
        let outcome = self.outcome.clone()?;
        Some(Download { guid: self.guid.clone(), name: self.name.clone(), outcome })
    }
}

impl Downloads {
    /// A link for a download was followed.
    pub(super) fn asked(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// Whether one that began at or after `t0` goes on, or may be about to begin.
    pub(crate) fn under_way(&self, t0: Instant, now: Instant) -> bool {
        let soon = self.asked.is_some_and(|at| at >= t0 && now - at < ASKED);
        soon || self.all.iter().any(|one| one.began >= t0 && one.outcome.is_none())
    }

    /// The name of the first that began at or after `t0`, and how it ended.
    pub(crate) fn since(&self, t0: Instant) -> Option<(String, Option<Result<Saved, String>>)> {
        let first = self.all.iter().find(|one| one.began >= t0)?;
        Some((first.name.clone(), first.outcome.clone()))
    }

    /// Those that have ended and were not told of.
    pub(crate) fn take_ended(&mut self) -> Vec<Download> {
        let fresh = self.all.iter_mut().filter(|one| one.outcome.is_some() && !one.told);
        let ended = fresh
            .filter_map(|one| {
                one.told = true;
                one.download()
            })
            .collect();
        self.all.retain(|one| !(one.told && one.end_noted));
        ended
    }

    /// What a person should hear since the last result.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        let notes = self.all.iter_mut().filter_map(|one| {
            let name = quote(&one.name);
            match &one.outcome {
                Some(_) if one.end_noted => None,
                None if one.begin_noted => None,
                None => {
                    one.begin_noted = true;
                    Some(format!("download {name} goes on ({} bytes so far)", one.received))
                }
                Some(outcome) => {
                    one.end_noted = true;
                    Some(match outcome {
                        Ok(Saved { bytes, .. }) => format!("download {name}: {bytes} bytes"),
                        Err(why) => format!("download {name} was not kept: {why}"),
                    })
                }
            }
        });
        notes.collect()
    }

    fn find(&mut self, guid: &str) -> Option<&mut Fetch> {
        self.all.iter_mut().find(|one| one.guid == guid)
    }
}

impl State {
    /// Told by the page's session and by the gate, in any order.
    pub(super) fn download_began(&mut self, event: DownloadWillBegin) {
        let DownloadWillBegin { frame_id, guid, suggested_filename: name } = event;
        if let Some(frame) = self.frames.get_mut(&frame_id) {
            frame.pending = None;
        }
        self.downloads.asked = None;
        if self.downloads.find(&guid).is_some() {
            return;
        }
        self.downloads.all.push(Fetch {
            began: Instant::now(),
            guid,
            name,
            received: 0,
            outcome: None,
            begin_noted: false,
            end_noted: false,
            told: false,
        });
    }

    /// `by_gate`: it has the file, or will not have it.
    pub(super) fn download_progressed(&mut self, event: DownloadProgress, by_gate: bool) {
        let DownloadProgress { guid, state, received_bytes, sha256, refused } = event;
        let Some(fetch) = self.downloads.find(&guid).filter(|one| one.outcome.is_none()) else {
            return;
        };
        fetch.received = whole(received_bytes);
        match (state.as_str(), sha256) {
            ("completed", Some(sha256)) if by_gate => {
                fetch.outcome = Some(Ok(Saved { bytes: fetch.received, sha256 }));
            }
            ("canceled", _) => {
                let why = refused.unwrap_or_else(|| "the browser did not finish it".to_owned());
                fetch.outcome = Some(Err(why));
            }
            _ => {}
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}
