//! The connection to the browser, and the only file that names the browser protocol's types.

use bytes::Bytes;
use tokio::sync::mpsc;

/// A browser session: raw JSON frames both ways, without framing. Frames without `sessionId` belong
/// to the browser session itself. Either end closing means that the browser is gone.
#[derive(Debug)]
pub struct Wire {
    /// To the browser.
    pub send: mpsc::Sender<Bytes>,
    /// From the browser.
    pub receive: mpsc::Receiver<Bytes>,
}
