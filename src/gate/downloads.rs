//! What becomes of a download (pure): whether it may go on, and what the agent hears of it.
//!
//! # Expected flow
//! Chromium leaves each under its guid in a directory of its own and tells the gate. The agent hears
//! that it began; when it is complete the gate takes the file into the run directory and then says
//! so, with its sum, in Chromium's own words.
//!
//! # Guarantees
//! - What begins while the agent does not hold the browser is cancelled: nothing is downloaded out of
//!   the run (agent.md 16.2).
//! - A page cannot fill the disk: files have a size, and runs a number and a size of all of them.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// Largest file: what a test downloads to look at is far below, and a pod's disk far above.
const LARGEST: u64 = 256 << 20;
/// All files of a run together.
const ALL: u64 = 1 << 30;
/// Files of a run.
const MOST: usize = 100;

/// `Browser.downloadWillBegin`, of which only what is passed on is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    guid: String,
    #[serde(default)]
    frame_id: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    suggested_filename: String,
}

/// `Browser.downloadProgress`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    guid: String,
    #[serde(default)]
    total_bytes: f64,
    #[serde(default)]
    received_bytes: f64,
    state: String,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// The agent hears this event.
    Tell(&'static str, Value),
    /// The browser is to give it up; the agent hears why first, if it is its own.
    Cancel { guid: String, tell: Option<Value> },
    /// The file is complete and goes into the run directory.
    Take { guid: String },
    /// Nothing.
    Nothing,
}

/// Those of a run.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    under_way: HashMap<String, u64>,
    count: usize,
    bytes: u64,
}

impl Downloads {
    /// One begins; `held`: the agent holds the browser.
    pub(super) fn begun(&mut self, begun: Begun, held: bool) -> Vec<Next> {
        let Begun { guid, frame_id, url, suggested_filename } = begun;
        if !held || !is_guid(&guid) {
            return vec![Next::Cancel { guid, tell: None }];
        }
        let event = json!({
            "guid": &guid, "frameId": frame_id, "url": url, "suggestedFilename": suggested_filename,
        });
        let begun = Next::Tell("Browser.downloadWillBegin", event);
        self.count += 1;
        if self.count > MOST {
            let why = format!("a run may download {MOST} files");
            let tell = Some(refused(&guid, &why));
            return vec![begun, Next::Cancel { guid, tell }];
        }
        self.under_way.insert(guid, 0);
        vec![begun]
    }

    /// One goes on, or has ended.
    pub(super) fn progressed(&mut self, progress: Progress) -> Next {
        let Progress { guid, total_bytes, received_bytes, state } = progress;
        if !self.under_way.contains_key(&guid) {
            return Next::Nothing;
        }
        let received = whole(received_bytes);
        let size = received.max(whole(total_bytes));
        self.under_way.insert(guid.clone(), received);
        let others: u64 =
            self.under_way.iter().filter(|(one, _)| **one != guid).map(|(_, n)| n).sum();
        let why = if size > LARGEST {
            format!("it is larger than {} MiB", LARGEST >> 20)
        } else if self.bytes + others + size > ALL {
            format!("the downloads of a run may have {} MiB together", ALL >> 20)
        } else {
            return match state.as_str() {
                "completed" => Next::Take { guid },
                "canceled" => {
                    self.under_way.remove(&guid);
                    Next::Tell("Browser.downloadProgress", event(&guid, "canceled", received))
                }
                _ => Next::Tell("Browser.downloadProgress", event(&guid, "inProgress", received)),
            };
        };
        self.under_way.remove(&guid);
        Next::Cancel { tell: Some(refused(&guid, &why)), guid }
    }

    /// The file was taken, or could not be: what the agent hears.
    pub(super) fn taken(&mut self, guid: &str, taken: Result<(u64, String), String>) -> Value {
        self.under_way.remove(guid);
        match taken {
            Ok((bytes, sha256)) => {
                self.bytes += bytes;
                let mut told = event(guid, "completed", bytes);
                if let Some(told) = told.as_object_mut() {
                    told.insert("sha256".to_owned(), sha256.into());
                }
                told
            }
            Err(why) => refused(guid, &why),
        }
    }
}

fn event(guid: &str, state: &str, received: u64) -> Value {
    json!({"guid": guid, "state": state, "receivedBytes": received})
}

fn refused(guid: &str, why: &str) -> Value {
    json!({"guid": guid, "state": "canceled", "refused": why})
}

/// It becomes a file's name: nothing but what a guid is made of.
fn is_guid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(guid: &str) -> Begun {
        serde_json::from_value(json!({
            "guid": guid, "frameId": "F", "url": "http://x/a", "suggestedFilename": "a.csv",
        }))
        .unwrap()
    }

    fn progress(guid: &str, received: u64, state: &str) -> Progress {
        serde_json::from_value(
            json!({"guid": guid, "totalBytes": 0, "receivedBytes": received, "state": state}),
        )
        .unwrap()
    }

    fn why(next: &Next) -> &str {
        let Next::Cancel { tell: Some(tell), .. } = next else { panic!("{next:?}") };
        tell["refused"].as_str().unwrap()
    }

    #[test]
    fn the_agent_hears_of_the_end_when_the_file_is_there() {
        let mut all = Downloads::default();
        let told = all.begun(begun("g-1"), true);
        assert!(
            matches!(&told[..], [Next::Tell("Browser.downloadWillBegin", event)] if event["guid"] == "g-1")
        );
        let next = all.progressed(progress("g-1", 2, "inProgress"));
        assert!(matches!(next, Next::Tell("Browser.downloadProgress", _)));
        assert_eq!(
            all.progressed(progress("g-1", 4, "completed")),
            Next::Take { guid: "g-1".to_owned() }
        );
        let told = all.taken("g-1", Ok((4, "ab".to_owned())));
        assert_eq!(
            told,
            json!({"guid": "g-1", "state": "completed", "receivedBytes": 4, "sha256": "ab"})
        );
        assert_eq!(all.progressed(progress("g-1", 4, "completed")), Next::Nothing);
        assert_eq!(all.taken("g-2", Err("no room".to_owned()))["refused"], "no room");
    }

    #[test]
    fn nothing_is_downloaded_for_anybody_else_or_under_a_name_of_its_own() {
        let mut all = Downloads::default();
        let cancel = |guid: &str| vec![Next::Cancel { guid: guid.to_owned(), tell: None }];
        assert_eq!(all.begun(begun("g"), false), cancel("g"));
        assert_eq!(all.begun(begun("../x"), true), cancel("../x"));
        assert_eq!(all.progressed(progress("g", 1, "completed")), Next::Nothing);
    }

    #[test]
    fn a_page_cannot_fill_the_disk() {
        let mut all = Downloads::default();
        all.begun(begun("g"), true);
        assert_eq!(
            why(&all.progressed(progress("g", LARGEST + 1, "inProgress"))),
            "it is larger than 256 MiB"
        );
        assert_eq!(all.progressed(progress("g", LARGEST + 1, "completed")), Next::Nothing);
        for guid in ["a", "b", "c", "d"] {
            all.begun(begun(guid), true);
            all.taken(guid, Ok((LARGEST - 1, String::new())));
        }
        all.begun(begun("e"), true);
        let next = all.progressed(progress("e", 5, "inProgress"));
        assert_eq!(why(&next), "the downloads of a run may have 1024 MiB together");
        for number in 0..MOST {
            let next = all.begun(begun(&number.to_string()), true);
            let over = number + 6 >= MOST;
            assert_eq!(next.len(), if over { 2 } else { 1 }, "{number}");
        }
    }
}
