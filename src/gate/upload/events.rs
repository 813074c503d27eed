//! `events/NNNNNN.ndjson`: the log of events in pieces, while it is being written.
//!
//! Each piece is stored before the next one is begun, so that there are no gaps; joined they are
//! `events.ndjson`, but for a line of more than a part's size, at which they end.

use bytes::Bytes;

use super::{error::UploadError, object::Work};

/// What the agent writes, line by line.
const LOG: &str = "events.ndjson";
const MEDIA_TYPE: &str = "application/x-ndjson";

/// How far the log is stored.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    /// Pieces that are stored.
    pieces: u32,
    /// Their bytes.
    stored: u64,
    /// What the next piece is, once it was tried: the key may be there although the answer was lost.
    begun: Option<Bytes>,
    /// The storage refused a piece: the rest waits for the end of the run.
    refused: bool,
    /// Nothing is left of a log that is complete.
    done: bool,
    /// Another gate has stored pieces, and nobody knows how far: no more are. The log as a whole comes
    /// at the end of the run.
    left_alone: bool,
}

impl EventLog {
    /// How much is not stored of a log of so many bytes.
    pub(super) fn waiting(&self, logged: u64) -> u64 {
        logged.saturating_sub(self.stored)
    }

    /// A log of which nothing more is stored in pieces.
    pub(super) fn left_alone() -> Self {
        Self { left_alone: true, ..Self::default() }
    }

    /// Whether there may be something to do.
    pub(super) fn wants(&self, ending: bool) -> bool {
        !(self.left_alone || self.refused || ending && self.done)
    }

    /// Whether nothing more will be done.
    pub(super) fn is_done(&self) -> bool {
        self.left_alone || self.done || self.refused
    }

    /// The run has ended: what was refused is tried once more, and the rest of the log is there.
    pub(super) fn resume(&mut self) {
        (self.refused, self.done) = (false, false);
    }

    /// Stores the next piece, if there is one.
    pub(super) async fn send(mut self, work: &Work) -> (Self, Result<(), UploadError>) {
        let stored = self.next(work).await;
        self.refused = stored.is_err();
        (self, stored)
    }

    async fn next(&mut self, work: &Work) -> Result<(), UploadError> {
        let piece = match &self.begun {
            Some(piece) => piece.clone(),
            None => work.lines(LOG, self.stored, work.pace.events_bytes).await?,
        };
        self.done = piece.is_empty();
        if self.done {
            return Ok(());
        }
        self.begun = Some(piece.clone());
        let path = format!("events/{:06}.ndjson", self.pieces + 1);
        work.bytes(&path, MEDIA_TYPE, piece.clone()).await?;
        self.begun = None;
        self.pieces += 1;
        self.stored += piece.len() as u64;
        Ok(())
    }
}
