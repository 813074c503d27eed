//! The connection to the browser: one task owns the requests that wait for an answer, everybody
//! else has a cheap [`Session`].
//!
//! [`command`] and [`script`] are the only files that name the browser protocol's types; [`event`] has a small
//! struct of ours for each event that we use, because a missing or strange field of an event that
//! nobody reads must not end a run.

pub(crate) mod command;
mod driver;
pub(crate) mod event;
pub(crate) mod script;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

pub(crate) use driver::{Frame, drive};

/// A browser session: raw JSON frames both ways, without framing. Frames without `sessionId` belong
/// to the browser session itself. Either end closing means that the browser is gone.
#[derive(Debug)]
pub struct Wire {
    /// To the browser.
    pub send: mpsc::Sender<Bytes>,
    /// From the browser.
    pub receive: mpsc::Receiver<Bytes>,
}

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CdpError {
    /// The wire is closed.
    #[error("the browser is gone")]
    Gone,
    /// The tab or frame went away before it answered.
    #[error("{method}: the page went away")]
    TargetLost {
        /// What was asked.
        method: Cow<'static, str>,
    },
    /// Somebody else holds the browser; nothing was executed.
    #[error("the browser is held by somebody else ({reason})")]
    LeaseRevoked {
        /// `quiescing`, `none`, `human` or `stale_epoch`.
        reason: String,
    },
    /// The browser refused.
    #[error("{method}: {message}")]
    Refused {
        /// What was asked.
        method: Cow<'static, str>,
        /// The browser's words.
        message: String,
    },
    /// The answer is not what we know.
    #[error("reading the answer to {method}")]
    Decode {
        /// What was asked.
        method: Cow<'static, str>,
        /// Where it differs.
        #[source]
        source: serde_json::Error,
    },
    /// A script of ours threw: a defect.
    #[error("a page script failed: {0}")]
    Script(String),
}

impl CdpError {
    /// Whether the document, frame or tab that was asked no longer exists. The page is still there
    /// to be asked again.
    pub(crate) fn page_moved(&self) -> bool {
        match self {
            Self::TargetLost { .. } => true,
            Self::Refused { message, .. } => [
                "Cannot find context",
                "context was destroyed",
                "navigated or closed",
                "Session with given id not found",
                "uniqueContextId not found",
                "No frame",
                "Frame with the given",
                "Could not find node",
                "No node",
                "Could not compute box model",
                "Node with given id does not belong",
            ]
            .iter()
            .any(|part| message.contains(part)),
            Self::Gone | Self::LeaseRevoked { .. } | Self::Decode { .. } | Self::Script(_) => false,
        }
    }
}

/// A command on its way to the driver.
#[derive(Debug)]
struct Order {
    session: Option<Arc<str>>,
    method: Cow<'static, str>,
    params: Box<RawValue>,
    reply: oneshot::Sender<Result<Box<RawValue>, CdpError>>,
}

/// One session of the connection: the browser's own, a tab's, or that of a frame in another
/// process.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    orders: mpsc::UnboundedSender<Order>,
    id: Option<Arc<str>>,
}

impl Session {
    /// The session of this id on the same connection.
    pub(crate) fn with_id(&self, id: &Arc<str>) -> Self {
        Self { orders: self.orders.clone(), id: Some(Arc::clone(id)) }
    }

    /// The id that its frames carry; the browser session has none.
    pub(crate) fn id(&self) -> Option<&Arc<str>> {
        self.id.as_ref()
    }

    /// Sends at once; commands posted one after the other arrive in that order, whether or not an
    /// answer was awaited in between.
    fn post(&self, method: Cow<'static, str>, params: &impl Serialize) -> Reply {
        let (reply, answer) = oneshot::channel();
        match serde_json::value::to_raw_value(params) {
            Ok(params) => {
                let order =
                    Order { session: self.id.clone(), method: method.clone(), params, reply };
                if let Err(mpsc::error::SendError(order)) = self.orders.send(order) {
                    order.reply.send(Err(CdpError::Gone)).ok();
                }
            }
            Err(source) => {
                let method = method.clone();
                reply.send(Err(CdpError::Decode { method, source })).ok();
            }
        }
        Reply { method, answer }
    }
}

/// An answer that is still to come. Dropping it leaves the command in force.
#[derive(Debug)]
#[must_use = "a command may be refused"]
pub(crate) struct Reply {
    method: Cow<'static, str>,
    answer: oneshot::Receiver<Result<Box<RawValue>, CdpError>>,
}

impl Reply {
    /// Waits for the answer.
    pub(crate) async fn get<T: DeserializeOwned>(self) -> Result<T, CdpError> {
        let raw = self.answer.await.map_err(|_| CdpError::Gone)??;
        serde_json::from_str(raw.get())
            .map_err(|source| CdpError::Decode { method: self.method, source })
    }

    /// Waits for the answer and leaves its content.
    pub(crate) async fn done(self) -> Result<(), CdpError> {
        self.answer.await.map_err(|_| CdpError::Gone)?.map(drop)
    }

    /// For set-up commands that nobody waits for: what they change shows in events.
    pub(crate) fn forget(self) {
        drop(self.answer);
    }
}
