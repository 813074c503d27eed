//! One viewer: its WebSocket on this side, its own connection to the display server on the other.

use std::{path::Path, sync::Arc};

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream::SplitSink};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixStream, unix::OwnedReadHalf},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::enter;
use crate::{
    clock::Clock,
    gate::rfb::{
        filter::{Fate, Filter, MALFORMED},
        handshake::{Handshake, VERSION},
        message::{Message, Reader},
    },
};

/// The browser, and with it the display, is gone.
pub(in crate::gate) const GONE: u16 = 4410;
/// The seat is no more.
const DISMISSED: u16 = 4401;
/// As much as a display server sends at once.
const PIECE: usize = 64 << 10;

/// What a viewer needs of the gate.
pub(in crate::gate) struct Viewer<I> {
    /// Where its input goes: the session drops it unless the seat holds the lease. False if the
    /// session cannot take it.
    pub(in crate::gate) input: I,
    pub(in crate::gate) size: watch::Receiver<(u16, u16)>,
    pub(in crate::gate) clock: Arc<dyn Clock>,
    /// Cancelled when this browser ends.
    pub(in crate::gate) gone: CancellationToken,
    /// Cancelled when this seat is no more.
    pub(in crate::gate) dismissed: CancellationToken,
}

impl<I: AsyncFn(Message) -> bool> Viewer<I> {
    /// Serves one viewer until either side ends.
    pub(in crate::gate) async fn serve(self, web: WebSocket, display: &Path) {
        let (mut to_page, mut from_page) = web.split();
        let code = match UnixStream::connect(display).await {
            Ok(stream) => {
                let (gone, dismissed) = (self.gone.clone(), self.dismissed.clone());
                tokio::select! {
                    code = self.relay(&mut to_page, &mut from_page, stream) => code,
                    () = gone.cancelled() => GONE,
                    () = dismissed.cancelled() => DISMISSED,
                }
            }
            Err(_) => GONE,
        };
        let frame = CloseFrame { code, reason: "".into() };
        // The page may be gone already.
        to_page.send(Frame::Close(Some(frame))).await.ok();
    }

    async fn relay(
        self,
        to_page: &mut SplitSink<WebSocket, Frame>,
        from_page: &mut (impl futures_util::Stream<Item = Result<Frame, axum::Error>> + Unpin),
        mut stream: UnixStream,
    ) -> u16 {
        const NORMAL: u16 = 1000;
        let Ok(init) = enter(&mut stream).await else { return GONE };
        let mut screen = (init.width, init.height);
        let mut handshake = Handshake::default();
        if to_page.send(Frame::Binary(Bytes::from_static(VERSION))).await.is_err() {
            return NORMAL;
        }
        let mut reader = Reader::default();
        loop {
            if let Some(rest) = handshake.done() {
                reader.push(&rest);
                break;
            }
            let Some(bytes) = next(from_page).await else { return NORMAL };
            let Ok(answer) = handshake.take(&bytes) else { return MALFORMED };
            if !answer.is_empty() && to_page.send(Frame::Binary(answer.into())).await.is_err() {
                return NORMAL;
            }
        }
        if to_page.send(Frame::Binary(init.bytes.into())).await.is_err() {
            return NORMAL;
        }
        let (mut pixels, mut requests) = stream.into_split();
        let (sized, mut size) = (self.size.has_changed().is_ok(), self.size.clone());
        size.mark_unchanged();
        let mut filter = Filter::new(self.clock.boot());
        let to_display = async {
            loop {
                loop {
                    if sized && size.has_changed().unwrap_or(false) {
                        screen = *size.borrow_and_update();
                    }
                    let message = match reader.next() {
                        Ok(Some(message)) => message,
                        Ok(None) => break,
                        Err(_) => return MALFORMED,
                    };
                    match filter.judge(message, screen, self.clock.boot()) {
                        Fate::Forward(bytes) => {
                            if requests.write_all(&bytes).await.is_err() {
                                return GONE;
                            }
                        }
                        Fate::Input(message) => {
                            if !(self.input)(message).await {
                                return GONE;
                            }
                        }
                        Fate::Drop => {}
                        Fate::Close(code) => return code,
                    }
                }
                let Some(bytes) = next(from_page).await else { return NORMAL };
                reader.push(&bytes);
            }
        };
        tokio::select! {
            code = to_display => code,
            code = show(&mut pixels, to_page) => code,
        }
    }
}

/// Pixels go through as they are.
async fn show(pixels: &mut OwnedReadHalf, to_page: &mut SplitSink<WebSocket, Frame>) -> u16 {
    let mut piece = vec![0; PIECE];
    loop {
        match pixels.read(&mut piece).await {
            Ok(0) | Err(_) => return GONE,
            Ok(read) => {
                let bytes = Bytes::copy_from_slice(piece.get(..read).unwrap_or_default());
                if to_page.send(Frame::Binary(bytes)).await.is_err() {
                    return 1000;
                }
            }
        }
    }
}

/// The page's next bytes; `None` when it is gone or sends something else.
async fn next(
    from_page: &mut (impl futures_util::Stream<Item = Result<Frame, axum::Error>> + Unpin),
) -> Option<Bytes> {
    loop {
        match from_page.next().await? {
            Ok(Frame::Binary(bytes)) => return Some(bytes),
            Ok(Frame::Ping(_) | Frame::Pong(_)) => {}
            Ok(Frame::Text(_) | Frame::Close(_)) | Err(_) => return None,
        }
    }
}
