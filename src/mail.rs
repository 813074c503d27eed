//! The disposable mailbox of a run (agent.md 9.4).

pub mod extract;
