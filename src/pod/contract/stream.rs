//! The gate stream: one WebSocket at [`PATH`] between operator and gate, through a port-forward.
//!
//! # Expected flow
//! The gate's first frame is [`FromGateStream::Challenge`]. The operator answers with
//! [`ToGateStream::Prove`]: its signature over [`proof`]. Whoever cannot is closed with 4401. Then
//! comes [`FromGateStream::Report`], again after each message of the operator, and whenever something
//! in it but the idle time has changed.
//!
//! # Guarantees
//! - A report has the whole state, never a change: the operator may come and go, and misses nothing.
//! - Every message may be repeated. A `prepare` of a uid that is known changes nothing.
//!
//! # Assumptions
//! The gate is told the operator's public key by the contract. A signature is for one challenge of one
//! gate, so that neither a recorded one nor another pod's is of use.

use serde::{Deserialize, Serialize};

use super::{PublicKey, UploadReport};

/// Where the gate serves the stream.
pub const PATH: &str = "/api/stream";

/// What the operator signs to show who it is.
pub fn proof(pod_uid: &str, challenge: &str) -> String {
    format!("handback gate stream 1\n{pod_uid}\n{challenge}")
}

/// What a person's client signs: the first part of a ticket.
pub fn ticket_text(payload: &str) -> String {
    format!("handback ticket 1\n{payload}")
}

/// What a ticket says, as JSON in base64url. The ticket is `<payload>.<signature>`, both base64url
/// without padding; the signature is over [`ticket_text`] of the encoded payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketPayload {
    /// From `GET /api/challenge`, at most 60 s ago and never used before.
    pub challenge: String,
    /// `<pod uid>/<handoff uid>/<epoch>`; the epoch is 0 for watching.
    pub audience: String,
    /// What it lets in to do.
    pub scope: Mode,
}

/// For whom a ticket is.
pub fn audience(pod_uid: &str, handoff_uid: &str, epoch: u64) -> String {
    format!("{pod_uid}/{handoff_uid}/{epoch}")
}

/// To watch, or to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Pixels and events.
    View,
    /// The input as well.
    Control,
}

/// From the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToGateStream {
    /// See the module.
    Prove {
        /// 64 bytes in base64url.
        signature: String,
    },
    /// A `Handoff` may begin ([P0]).
    Prepare(Prepare),
    /// It is to end: finished or cancelled through the API, or deleted.
    Close {
        /// The `Handoff`'s uid.
        uid: String,
        /// How.
        outcome: Outcome,
    },
    /// The run is to end as Cancelled.
    Cancel,
    /// The run's deadline has grown to this many seconds in all.
    Deadline {
        /// From the run's start.
        seconds: u64,
    },
    /// Nobody uses this browser, and it ends in so many seconds unless somebody does.
    Expiring {
        /// Until the end.
        seconds: u64,
    },
    /// The browser ends in so many seconds whatever anybody does: it is as old as one may get.
    Capped {
        /// Until the end.
        seconds: u64,
    },
    /// If nobody has used the browser for so many seconds, nobody is let in from now on:
    /// [`Report::closed`] says whether that is so. Who watches keeps it open.
    CloseDoor {
        /// How long ago the last sign of life must be.
        idle_seconds: u64,
    },
    /// The agent's container has ended, perhaps without ever having come to the gate.
    AgentEnded,
    /// The browser is to end, and everything with it, once the files are saved.
    Stop {
        /// A sentence for whoever watches.
        message: String,
    },
    /// Nothing is wanted but a fresh report.
    Ask,
}

/// A `Handoff` as the gate must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// The object's uid.
    pub uid: String,
    /// The object's name, which is the host name of the page: `<name>.localhost`.
    pub name: String,
    /// What it is for.
    pub mode: Mode,
    /// Who may use it.
    pub holder: String,
    /// The public key of the holder's client.
    pub key: PublicKey,
    /// How long it lasts from its grant, in seconds.
    pub timeout_seconds: u64,
}

/// See [`ToGateStream::Close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Finished,
    /// Not done.
    Cancelled,
}

/// From the gate.
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly always a report")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromGateStream {
    /// To be signed; see [`proof`].
    Challenge {
        /// Random, for this connection alone.
        challenge: String,
    },
    /// Everything that the operator may want to know.
    Report(Report),
}

/// See [`FromGateStream::Report`]. Times are milliseconds.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that decisions need")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// How many messages of this connection it has taken in; it is the answer to the last of them.
    pub answered: u64,
    /// Which life of the gate this is: when it began, in milliseconds since the machine did, so that a
    /// later one has a higher number. A gate that begins anew counts anew.
    pub incarnation: u64,
    /// Counts what happened to handoffs in this life; a later state has a higher one.
    pub position: u64,
    /// The run is over, as far as the agent and the gate are concerned.
    pub finished: bool,
    /// There is a browser that can be taken over.
    pub browser: bool,
    /// Since the last sign of life of anybody, 0 while somebody watches or holds.
    pub idle_ms: u64,
    /// Pages that are open.
    pub viewers: u32,
    /// A page was open when the run came to its end, or is now.
    pub watched: bool,
    /// Nobody is let in any more: [`ToGateStream::CloseDoor`].
    pub closed: bool,
    /// Since the page was told of the end for want of activity, and nobody gave a sign of life.
    pub told_idle_ms: Option<u64>,
    /// How many seconds ahead the page was told of the absolute end, the last time it was.
    pub told_cap_seconds: Option<u64>,
    /// Since the run was cancelled by the operator.
    pub cancelling_ms: Option<u64>,
    /// The deadline that it holds the agent to, in seconds from the agent's coming.
    pub deadline_seconds: u64,
    /// Until an agent that is still connected is given up; none before it came, after it ended, and
    /// 0 once it was given up for that.
    pub agent_left_ms: Option<u64>,
    /// What became of the run's files.
    pub upload: UploadReport,
    /// Every handoff that this gate was told of, in that order.
    pub handoffs: Vec<HandoffReport>,
}

/// How far a handoff is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffReport {
    /// The object's uid.
    pub uid: String,
    /// Its state.
    pub phase: HandoffPhase,
    /// The epoch under which input is admitted, while one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// When it was granted, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ends at the latest, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// When its holder first connected, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_connected_at: Option<String>,
    /// Whether its holder is connected now.
    #[serde(default)]
    pub connected: bool,
    /// Whether it is for acting; an older gate does not say it.
    #[serde(default)]
    pub control: bool,
    /// When its holder last did something, to the minute: what somebody does when is nobody's business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_active_at: Option<String>,
    /// What the holder said on leaving, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// See [`HandoffReport`]. The last four never change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HandoffPhase {
    /// Asked for, and not granted yet.
    Pending,
    /// Granted.
    Running,
    /// Given back: done.
    Finished(ClosedBy),
    /// Given back or called off.
    Cancelled(ClosedBy),
    /// Its time, or its holder, was gone.
    TimedOut(ClosedBy),
    /// It could not be granted, or the browser was lost.
    Failed(Failure),
}

impl HandoffPhase {
    /// Whether it may still be used.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// Who or what ended a handoff (handoff.md 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of handoff.md")]
pub enum ClosedBy {
    Human,
    Operator,
    Timeout,
    DeadMan,
}

/// Why a handoff failed (handoff.md 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of handoff.md")]
pub enum Failure {
    AgentBusy,
    AlreadyHeld,
    BrowserGone,
    BrowserLost,
    BudgetExceeded,
    DisplayUnavailable,
    DrainTimeout,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_read_back_and_unknown_wishes_are_refused() {
        let prepare = ToGateStream::Prepare(Prepare {
            uid: "u1".to_owned(),
            name: "ho-x".to_owned(),
            mode: Mode::Control,
            holder: "ada".to_owned(),
            key: PublicKey::new([3; 32]),
            timeout_seconds: 3600,
        });
        for message in [
            prepare,
            ToGateStream::Cancel,
            ToGateStream::Ask,
            ToGateStream::Close { uid: "u1".to_owned(), outcome: Outcome::Finished },
            ToGateStream::Deadline { seconds: 7200 },
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<ToGateStream>(&text).unwrap(), message, "{text}");
        }
        let odd = json!({"type": "deadline", "seconds": 1, "wish": 2});
        assert!(serde_json::from_value::<ToGateStream>(odd).is_err());
    }

    #[test]
    fn a_report_reads_back() {
        let handoff = |phase| HandoffReport {
            uid: "u1".to_owned(),
            phase,
            epoch: Some(7),
            started_at: None,
            deadline: None,
            first_connected_at: None,
            connected: false,
            control: true,
            last_active_at: Some("2026-11-21T16:40:00Z".to_owned()),
            note: None,
        };
        let report = FromGateStream::Report(Report {
            incarnation: 2,
            position: 3,
            handoffs: [
                HandoffPhase::Pending,
                HandoffPhase::Running,
                HandoffPhase::TimedOut(ClosedBy::DeadMan),
                HandoffPhase::Failed(Failure::AlreadyHeld),
            ]
            .map(handoff)
            .into(),
            ..Report::default()
        });
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<FromGateStream>(&text).unwrap(), report, "{text}");
    }

    #[test]
    fn nothing_that_is_signed_for_one_thing_counts_for_another() {
        assert_ne!(proof("p", "c"), ticket_text("p\nc"));
        assert_eq!(audience("pod", "ho", 8), "pod/ho/8");
    }
}
