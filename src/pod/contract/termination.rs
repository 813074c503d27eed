//! The last words of two containers, which the kubelet delivers with the pod: the agent's verdict and
//! what became of the gate's upload.
//!
//! # Guarantees
//! - A message has at most [`MAX_MESSAGE`] bytes, all of them ASCII: the kubelet cuts bytes, and keeps
//!   12 KiB for all containers of a pod together.
//! - The verdict stands first, and what has to be shortened is the sentence for people.
//! - A verdict counts only with the exit code of its row: an agent that was killed after it wrote has
//!   not ended as it says.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Exit, Sandbox, SandboxWish};

/// Bytes of a message.
pub const MAX_MESSAGE: usize = 2048;
/// Bytes of the gate's sentence: escaped they may become six times as many.
pub const MAX_UPLOAD_SENTENCE: usize = 256;
/// Bytes of the sentence for people before it is escaped: the `TestRun`'s own limit.
const MAX_SENTENCE: usize = 1024;

/// What the agent says at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Termination {
    /// What became of the run.
    pub verdict: RunVerdict,
    /// Why it did not pass, `CamelCase`, one of the agent's fixed set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who ended it early, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<StoppedBy>,
    /// Scenarios by their end.
    #[serde(default)]
    pub scenarios: Scenarios,
    /// What it took.
    #[serde(default)]
    pub usage: RunUsage,
    /// Which wall stood between the page and the machine; none if there never was a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandboxed>,
    /// The memory limit of the browser's container was reached, and the kernel killed a part of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_memory: bool,
    /// One sentence for people.
    #[serde(default)]
    pub message: String,
}

/// A verdict, in the words of the `TestRun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of api.md")]
pub enum RunVerdict {
    Passed,
    Failed,
    Errored,
    TimedOut,
    Cancelled,
}

impl RunVerdict {
    /// The verdict that an exit code is the row of (agent.md 8.3).
    pub fn of(exit: Exit) -> Self {
        match exit {
            Exit::Passed => Self::Passed,
            Exit::Failed => Self::Failed,
            Exit::Usage | Exit::Errored => Self::Errored,
            Exit::TimedOut => Self::TimedOut,
            Exit::Cancelled => Self::Cancelled,
        }
    }

    fn is_row_of(self, code: i32) -> bool {
        match self {
            Self::Passed => code == 0,
            Self::Failed => code == 1,
            Self::Errored => code == 2 || code == 3,
            Self::TimedOut => code == 4,
            Self::Cancelled => code == 5,
        }
    }
}

/// Who ended a run before its plan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StoppedBy {
    /// Stop in the page.
    Human,
    /// The operator: the run's desired state is Cancelled.
    Operator,
    /// SIGTERM: the pod is being ended, by whomever.
    Signal,
}

/// See [`Termination::scenarios`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of api.md")]
pub struct Scenarios {
    pub total: u32,
    pub passed: u32,
    pub failed: u32,
}

/// See [`Termination::usage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words of api.md")]
pub struct RunUsage {
    pub steps: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// The condition `Sandboxed`: true, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sandboxed {
    /// Chromium's own.
    Own,
    /// The container alone, since there was no other to be had.
    NotAvailable,
    /// The container alone, as it was asked for.
    AskedOff,
}

impl Sandboxed {
    /// From what was wished for and what there was.
    pub fn of(wish: SandboxWish, found: Sandbox) -> Self {
        match (found, wish) {
            (Sandbox::Own, _) => Self::Own,
            (Sandbox::Container, SandboxWish::Off) => Self::AskedOff,
            (Sandbox::Container, SandboxWish::Required | SandboxWish::Preferred) => {
                Self::NotAvailable
            }
        }
    }
}

/// Why there is no verdict in an agent's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVerdict {
    /// It left nothing that can be read.
    #[error("the agent left no verdict")]
    Unreadable,
    /// It says one thing and its exit code another.
    #[error("the agent's verdict is {verdict:?}, and its exit code {code} is not that verdict's")]
    ExitCode {
        /// What it says.
        verdict: RunVerdict,
        /// What it ended with.
        code: i32,
    },
}

impl Termination {
    /// The message: ASCII JSON of at most [`MAX_MESSAGE`] bytes.
    pub fn encode(&self) -> String {
        let mut words = self.clone();
        words.message = cut(&words.message, MAX_SENTENCE);
        loop {
            let text = ascii_json(&words);
            // Each character of the sentence takes at least one byte of the message.
            let over = text.len().saturating_sub(MAX_MESSAGE);
            if over == 0 || words.message.is_empty() {
                return text;
            }
            let keep = words.message.len().saturating_sub(over.div_ceil(6).max(1));
            words.message = cut(&words.message, keep);
        }
    }

    /// Reads the message of an agent that ended with `code`. Unknown fields are those of a newer
    /// agent and are left alone.
    ///
    /// # Errors
    /// When it says nothing, or not what its exit code says.
    pub fn read(message: &str, code: i32) -> Result<Self, NoVerdict> {
        let read: Self = serde_json::from_str(message).map_err(|_| NoVerdict::Unreadable)?;
        if read.verdict.is_row_of(code) {
            Ok(read)
        } else {
            Err(NoVerdict::ExitCode { verdict: read.verdict, code })
        }
    }
}

/// What became of a run's files. The gate says it over its stream, and at its end in its own message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadReport {
    /// How far it is.
    pub state: UploadState,
    /// SHA-256 of manifest.json, lower-case hexadecimal, once there is one.
    #[serde(rename = "manifestSHA256", default, skip_serializing_if = "Option::is_none")]
    pub manifest_sha256: Option<String>,
    /// Files that are stored, the manifest included; pieces of the log of events are not counted.
    #[serde(default)]
    pub count: u64,
    /// Their bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Why it failed, `CamelCase`, one of the gate's fixed set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What went wrong, in a sentence.
    #[serde(default)]
    pub message: String,
}

/// See [`UploadReport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UploadState {
    /// The run goes on, and nothing is stored yet.
    #[default]
    Pending,
    /// Files are on their way.
    Uploading,
    /// All of them are stored, the manifest last.
    Complete,
    /// There is no storage: they are complete, in the pod.
    KeptInPod,
    /// They are not complete, or could not all be stored in time.
    Failed,
}

impl UploadState {
    /// Whether it will not change any more.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Complete | Self::KeptInPod | Self::Failed)
    }
}

impl UploadReport {
    /// The message: ASCII JSON of at most [`MAX_MESSAGE`] bytes.
    pub fn encode(&self) -> String {
        // Nothing of it is long but the sentence, whose every byte may become six.
        ascii_json(&Self { message: cut(&self.message, MAX_UPLOAD_SENTENCE), ..self.clone() })
    }

    /// Reads a gate's message; none if it left nothing that can be read.
    pub fn read(message: &str) -> Option<Self> {
        read(message)
    }
}

fn read<T: DeserializeOwned>(message: &str) -> Option<T> {
    serde_json::from_str(message).ok()
}

/// The first `bytes` at most, on a character's boundary; what was cut ends in an ellipsis.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let room = bytes.saturating_sub(3);
    let end =
        text.char_indices().map(|(at, one)| at + one.len_utf8()).take_while(|end| *end <= room);
    let kept = text.get(..end.last().unwrap_or(0)).unwrap_or_default();
    if bytes < 3 { String::new() } else { format!("{kept}...") }
}

/// JSON of ASCII bytes only, so that no cut can fall into a character.
fn ascii_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut ascii = String::with_capacity(text.len());
    for one in text.chars() {
        if one.is_ascii() {
            ascii.push(one);
        } else {
            for unit in one.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed(message: &str) -> Termination {
        Termination {
            verdict: RunVerdict::Failed,
            reason: Some("AssertionFailed".to_owned()),
            stopped_by: None,
            scenarios: Scenarios { total: 3, passed: 2, failed: 1 },
            usage: RunUsage { steps: 31, input_tokens: 0, output_tokens: 0 },
            sandbox: Some(Sandboxed::Own),
            out_of_memory: false,
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_verdict_stands_first_in_the_words_of_the_test_run() {
        let text = failed("Case 1: \u{201e}1 item\u{201c} was not visible").encode();
        assert_eq!(
            text,
            r#"{"verdict":"Failed","reason":"AssertionFailed","scenarios":{"total":3,"passed":2,"failed":1},"usage":{"steps":31,"inputTokens":0,"outputTokens":0},"sandbox":"Own","message":"Case 1: \u201e1 item\u201c was not visible"}"#
        );
        let stopped = Termination {
            verdict: RunVerdict::Cancelled,
            stopped_by: Some(StoppedBy::Human),
            ..failed("")
        };
        assert!(stopped.encode().contains(r#""stoppedBy":"Human""#));
    }

    #[test]
    fn a_verdict_counts_only_with_the_exit_code_of_its_row() {
        let rows = [
            (RunVerdict::Passed, &[0][..]),
            (RunVerdict::Failed, &[1]),
            (RunVerdict::Errored, &[2, 3]),
            (RunVerdict::TimedOut, &[4]),
            (RunVerdict::Cancelled, &[5]),
        ];
        for (verdict, codes) in rows {
            let text = Termination { verdict, ..failed("x") }.encode();
            for code in [-1, 0, 1, 2, 3, 4, 5, 6, 137, 143] {
                let read = Termination::read(&text, code);
                if codes.contains(&code) {
                    assert_eq!(read.unwrap().verdict, verdict);
                } else {
                    assert_eq!(read, Err(NoVerdict::ExitCode { verdict, code }));
                }
            }
        }
        for exit in [
            Exit::Passed,
            Exit::Failed,
            Exit::Usage,
            Exit::Errored,
            Exit::TimedOut,
            Exit::Cancelled,
        ] {
            assert!(RunVerdict::of(exit).is_row_of(exit as i32), "{exit:?}");
        }
    }

    #[test]
    fn what_is_no_message_is_no_verdict() {
        let cut = &failed("x").encode()[..60];
        for text in ["", "null", "{}", "panicked at", r#"{"verdict":"Fine"}"#, cut] {
            assert_eq!(Termination::read(text, 0), Err(NoVerdict::Unreadable), "{text}");
        }
        // An agent of tomorrow may say more, one of yesterday less.
        let read = Termination::read(r#"{"verdict":"Passed","mood":"good"}"#, 0).unwrap();
        assert_eq!((read.verdict, read.reason), (RunVerdict::Passed, None));
    }

    #[test]
    fn the_sandbox_is_told_as_the_condition_has_it() {
        let check = |wish, found, told| assert_eq!(Sandboxed::of(wish, found), told);
        check(SandboxWish::Off, Sandbox::Container, Sandboxed::AskedOff);
        check(SandboxWish::Preferred, Sandbox::Container, Sandboxed::NotAvailable);
        check(SandboxWish::Preferred, Sandbox::Own, Sandboxed::Own);
        check(SandboxWish::Required, Sandbox::Own, Sandboxed::Own);
    }

    #[test]
    fn an_upload_report_reads_back() {
        let report = UploadReport {
            state: UploadState::Complete,
            manifest_sha256: Some("ab".repeat(32)),
            count: 40,
            bytes: 12_345_678,
            reason: None,
            message: String::new(),
        };
        assert!(report.encode().contains(r#""manifestSHA256":"abab"#), "{}", report.encode());
        assert_eq!(UploadReport::read(&report.encode()), Some(report));
        assert_eq!(UploadReport::read(""), None);
        assert!(!UploadState::Pending.is_settled() && !UploadState::Uploading.is_settled());
        assert!(UploadState::Complete.is_settled() && UploadState::Failed.is_settled());
    }

    proptest! {
        #[test]
        fn any_message_fits_is_ascii_and_reads_back(message in "\\PC{0,700}", odd in any::<String>()) {
            for message in [message, odd] {
                let text = failed(&message).encode();
                prop_assert!(text.len() <= MAX_MESSAGE && text.is_ascii());
                let read = Termination::read(&text, 1).unwrap();
                let kept = read.message.strip_suffix("...").unwrap_or(&read.message);
                prop_assert!(read.message == message || message.starts_with(kept));
                // Nothing is thrown away that had room.
                prop_assert!(read.message == message || text.len() > MAX_MESSAGE / 3);
                let report = UploadReport { message: message.clone(), ..UploadReport::default() };
                prop_assert!(report.encode().len() <= MAX_MESSAGE && report.encode().is_ascii());
                prop_assert!(UploadReport::read(&report.encode()).is_some());
            }
        }
    }
}
