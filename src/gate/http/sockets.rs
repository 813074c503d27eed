//! The two `WebSocket`s: pixels, and the control connection of who drives. Both need the cookie and,
//! as a subprotocol, the seat's secret.

use std::sync::Arc;

use axum::{
    extract::{
        State,
        ws::{Message as Frame, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, header::SEC_WEBSOCKET_PROTOCOL},
    response::Response,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;

use super::{
    super::{problem::Problem, screen::viewer::Viewer, session::Command},
    Door, read_proof,
};
use crate::decide::lease::Seat;

/// What the server chooses; the other one is the secret and stays unsaid.
const PROTOCOL: &str = "handback";
/// One object a frame.
const MAX_CONTROL: usize = 64 << 10;
/// The longest message of a client's with its head, and some to spare.
const MAX_RFB: usize = 512 << 10;

impl Door {
    async fn socket_seat(&self, headers: &HeaderMap) -> Result<Seat, Problem> {
        let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut offered =
            offered.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
        let proof = offered.find_map(|protocol| read_proof(protocol.trim().strip_prefix("seat.")?));
        self.who(headers, proof, true).await
    }
}

pub(super) async fn rfb(
    State(door): State<Door>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let seat = door.socket_seat(&headers).await?;
    let display = door.ask(|reply| Command::Display { seat, reply }).await?;
    let commands = door.commands.clone();
    let viewer = Viewer {
        input: async move |message| commands.send(Command::Input { seat, message }).await.is_ok(),
        size: display.size,
        clock: Arc::clone(&door.clock),
        gone: display.gone,
        dismissed: display.dismissed,
    };
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MAX_RFB).max_frame_size(MAX_RFB);
    Ok(upgrade.on_upgrade(async move |socket| viewer.serve(socket, &door.display).await))
}

pub(super) async fn control(
    State(door): State<Door>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let seat = door.socket_seat(&headers).await?;
    door.ask(|reply| Command::MayControl { seat, reply }).await?;
    let upgrade =
        upgrade.protocols([PROTOCOL]).max_message_size(MAX_CONTROL).max_frame_size(MAX_CONTROL);
    Ok(upgrade.on_upgrade(async move |socket| talk(door, seat, socket).await))
}

async fn talk(door: Door, seat: Seat, socket: WebSocket) {
    let connection = super::super::next_connection();
    let (mut to_page, mut from_page) = socket.split();
    let (send, mut frames) = mpsc::unbounded_channel();
    if door.say(Command::ControlOpened { seat, send, connection }).await.is_err() {
        return;
    }
    let hearing = async {
        while let Some(Ok(frame)) = from_page.next().await {
            match frame {
                Frame::Text(text) => {
                    let text = text.as_str().to_owned();
                    let said = Command::ControlSaid { seat, connection, text };
                    if door.say(said).await.is_err() {
                        return;
                    }
                }
                Frame::Ping(_) | Frame::Pong(_) => {}
                Frame::Binary(_) | Frame::Close(_) => return,
            }
        }
    };
    let saying = async {
        while let Some(frame) = frames.recv().await {
            let last = matches!(frame, Frame::Close(_));
            if to_page.send(frame).await.is_err() || last {
                return;
            }
        }
    };
    tokio::select! {
        () = hearing => {}
        () = saying => {}
    }
    // A session that has ended needs no word of it.
    door.say(Command::ControlClosed { seat, connection }).await.ok();
}
