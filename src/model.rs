//! Language models: what they are asked and what they answer, in no provider's words.
//!
//! [`conversation`], [`request`] and [`reply`] are what the loop speaks. A [`wire::Wire`] turns a request
//! into a provider's JSON and its stream into a reply, `live` sends it, again where that may help
//! ([`retry`]), and [`cassette`] stands in for it. [`choice`] says which model is meant, [`known`] what
//! is known of it.
//!
//! # Guarantees
//! - What a provider refuses cannot be sent: the types and the two writers leave it out.
//! - One retry layer; it decides by status and type, never by words.
//! - After a cancellation nothing more is sent or read.
//! - A key is in no message, no `Debug` and no cassette.

mod anthropic;
pub mod cassette;
pub mod choice;
pub mod conversation;
pub mod error;
mod failure;
pub mod image;
pub mod key;
pub mod known;
mod live;
mod openai;
pub mod reply;
pub mod request;
pub mod retry;
mod sse;
pub mod wire;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use self::{
    cassette::{Player, Recorder},
    choice::{Choice, Tape},
    error::{BadModel, ModelError},
    known::{Known, Table},
    live::Live,
    reply::{Event, Reply, Usage},
    request::Request,
    retry::Patience,
};
use crate::redact::Redactor;

/// What happens while a turn goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The model says something.
    Said(Event),
    /// An attempt failed: what was said in this turn is void, and it is asked again after `wait`.
    Again {
        /// The number of the attempt that follows; the first was 1.
        attempt: u32,
        /// The status that the last one counts as; `None` if the connection failed.
        status: Option<u16>,
        /// How long it waits first.
        wait: Duration,
    },
    /// One request is over, well or not, and used this. Told once for each request that was sent: the
    /// sum is what a run has spent.
    Spent(Usage),
}

/// A model that can be asked, by several at a time.
#[derive(Debug)]
pub struct Model {
    choice: Choice,
    known: Known,
    via: Via,
}

#[derive(Debug)]
enum Via {
    Live(Box<Live>),
    Record(Box<Live>, Recorder),
    Replay(Player),
}

impl Model {
    /// Gets ready: reads key and cassette, sends nothing. `redactor` is for what a cassette stores.
    ///
    /// # Errors
    /// If key or cassette cannot be read, or the cassette not be written.
    pub async fn new(
        choice: Choice,
        table: &Table,
        patience: Patience,
        redactor: Arc<Redactor>,
    ) -> Result<Self, BadModel> {
        let known = table.known(&choice.name);
        let via = match &choice.cassette {
            Some(Tape::Replay(path)) => {
                let player = Player::open(path, &choice.name, redactor).await;
                Via::Replay(player.map_err(BadModel::Cassette)?)
            }
            Some(Tape::Record(path)) => {
                let live = Live::new(&choice, known.clone(), patience).await?;
                let recorder = Recorder::create(path, &choice.name, redactor).await;
                Via::Record(Box::new(live), recorder.map_err(BadModel::Cassette)?)
            }
            None => Via::Live(Box::new(Live::new(&choice, known.clone(), patience).await?)),
        };
        Ok(Self { choice, known, via })
    }

    /// Which model this is.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// What is known of it, its prices among it.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Asks for one reply. `tell` hears what happens meanwhile.
    ///
    /// # Errors
    /// When there is no reply, and asking again now would give none. [`ModelError::Overflow`] asks for
    /// a shorter conversation.
    pub async fn turn(
        &self,
        request: &Request,
        cancel: &CancellationToken,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Reply, ModelError> {
        if cancel.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        match &self.via {
            Via::Live(live) => live.turn(request, cancel, tell).await,
            Via::Record(live, recorder) => {
                let outcome = live.turn(request, cancel, tell).await;
                recorder.write(request, &outcome).await?;
                outcome
            }
            Via::Replay(player) => player.turn(request, tell).await,
        }
    }
}
