//! The gates of run pods, for real: what an operator says in a decision's words becomes a conversation
//! on the gate stream, through a port-forward, and what the gate reports becomes an answer.
//!
//! # Guarantees
//! - Every conversation has a bound in time beside the patience that was asked for: nobody waits for a gate
//!   for ever.
//! - Nothing is kept open between two words: a stream for every live run would be a connection for
//!   every live run, through the API server.

mod forward;
pub mod stream;
mod words;

pub use self::forward::PortForward;

use std::sync::Arc;

use self::stream::StreamClient;
use super::outside::{GateAt, Gates, HandoffWord, Heard, Later, Said, Unreachable, Word};
use crate::clock::Clock;

/// See the module.
#[derive(Clone, Debug)]
pub struct StreamGates {
    client: StreamClient,
    clock: Arc<dyn Clock>,
}

impl StreamGates {
    /// Gates that are spoken to by this client.
    pub fn new(client: StreamClient, clock: Arc<dyn Clock>) -> Self {
        Self { client, clock }
    }
}

impl Gates for StreamGates {
    fn say<'a>(&'a self, gate: &'a GateAt, word: Word) -> Later<'a, Result<Said, Unreachable>> {
        Box::pin(async move {
            let said = words::to_say(word);
            let settled = |report: &_| words::is_settled(report);
            let report = self.client.say(gate, &said.messages, settled, said.patience).await?;
            Ok(words::heard(&report, self.clock.now().into()))
        })
    }

    fn hand<'a>(
        &'a self,
        gate: &'a GateAt,
        word: HandoffWord,
    ) -> Later<'a, Result<Heard, Unreachable>> {
        Box::pin(async move {
            let said = words::to_say_of_handoffs(&word);
            let like = |report: &_| words::is_answered(&word, report);
            let report = self.client.say(gate, &said.messages, like, said.patience).await?;
            Ok(words::heard_of_handoffs(report))
        })
    }
}
