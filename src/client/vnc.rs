//! A loopback port for any VNC program. The seat and the control connection are ours; what the
//! program sends passes the gate's filter like a page's.
//!
//! Anybody on this machine can connect to the port, as to every VNC server on a loopback: that is what
//! asking for it means.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, sleep},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error as SocketError, Message, client::IntoClientRequest as _},
};

use super::{Error, gate::Seat};

/// The gate cuts input after 15 s without one: two may be lost.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The gate keeps a lost hold for so long.
const GRACE: Duration = Duration::from_mins(1);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(500);
/// A piece of what a VNC program sends.
const PIECE: usize = 16 << 10;

/// What the gate says on a control connection, as far as it is for us.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Lease { state: String, reason: Option<String> },
}

/// A port that listens.
#[derive(Debug)]
pub struct Vnc {
    listener: TcpListener,
    /// Of the loopback.
    pub port: u16,
}

impl Vnc {
    /// Takes a port of the loopback; 0 is any.
    pub async fn bind(port: u16) -> Result<Self, Error> {
        let failed = |source| Error::Local { doing: format!("Listening on port {port}"), source };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port })
    }

    /// Serves for as long as it is polled.
    pub async fn serve(self, seat: watch::Receiver<Seat>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let Ok((stream, _)) = accepted else {
                        sleep(AGAIN).await;
                        continue;
                    };
                    let seat = seat.borrow().clone();
                    connections.spawn(async move {
                        if let Err(error) = screen(&seat, stream).await {
                            tracing::warn!(%error, "a VNC program has no picture");
                        }
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Carries one VNC program's bytes.
async fn screen(seat: &Seat, mut program: TcpStream) -> Result<(), Error> {
    let mut socket = open(seat, "/api/rfb").await?;
    let mut piece = vec![0; PIECE];
    loop {
        tokio::select! {
            read = program.read(&mut piece) => {
                let count = read.unwrap_or(0);
                let bytes = piece.get(..count).unwrap_or_default();
                if bytes.is_empty() {
                    socket.close(None).await.ok();
                    return Ok(());
                }
                let frame = Message::Binary(Bytes::copy_from_slice(bytes));
                socket.send(frame).await.map_err(|error| broken(&error))?;
            }
            frame = socket.next() => match frame {
                Some(Ok(Message::Binary(bytes))) => {
                    if program.write_all(&bytes).await.is_err() {
                        return Ok(());
                    }
                }
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(&error)),
            },
        }
    }
}

/// Holds the control connection of a seat, again and again within the gate's grace. Returns why
/// control has ended, in the gate's word.
pub async fn control(seat: &Seat) -> Result<String, Error> {
    let mut until = Instant::now() + GRACE;
    loop {
        match held(seat, &mut until).await {
            Ok(reason) => return Ok(reason),
            Err(error @ (Error::Gate { .. } | Error::NoPod { .. })) => return Err(error),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(error) => tracing::debug!(%error, "the control connection broke"),
        }
        sleep(AGAIN).await;
    }
}

async fn held(seat: &Seat, until: &mut Instant) -> Result<String, Error> {
    let mut socket = open(seat, "/api/control").await?;
    let mut beat = interval(HEARTBEAT);
    let mut count = 0_u64;
    loop {
        tokio::select! {
            _ = beat.tick() => {
                count += 1;
                let frame = json!({"type": "heartbeat", "n": count}).to_string();
                socket.send(Message::text(frame)).await.map_err(|error| broken(&error))?;
            }
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    *until = Instant::now() + GRACE;
                    // What it says besides is for pages.
                    if let Ok(Said::Lease { state, reason }) = serde_json::from_str(&text)
                        && state == "revoked"
                    {
                        return Ok(reason.unwrap_or_else(|| "released".to_owned()));
                    }
                }
                Some(Ok(Message::Close(_))) | None => {
                    return Err(Error::Unreachable {
                        doing: "holding the browser",
                        why: "the gate closed the connection".to_owned(),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(&error)),
            },
        }
    }
}

async fn open(
    seat: &Seat,
    path: &str,
) -> Result<WebSocketStream<impl AsyncRead + AsyncWrite + Send + Unpin + use<>>, Error> {
    let stream = seat.cluster.way(&seat.pod).await?;
    let odd = |error: &dyn std::error::Error| Error::Gate {
        doing: "a connection",
        code: "unreadable".to_owned(),
        message: error.to_string(),
    };
    let mut request =
        format!("ws://{}{path}", seat.host).into_client_request().map_err(|error| odd(&error))?;
    let headers = request.headers_mut();
    for (name, value) in [
        ("origin", format!("http://{}", seat.host)),
        ("cookie", seat.cookie.expose().to_owned()),
        ("sec-websocket-protocol", format!("handback, seat.{}", seat.proof.expose())),
    ] {
        headers.insert(name, value.parse().map_err(|_| odd(&SocketError::Utf8(String::new())))?);
    }
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(SocketError::Http(refused)) => Err(Error::Gate {
            doing: "a connection",
            code: refused.status().to_string(),
            message: "the seat is not admitted".to_owned(),
        }),
        Err(error) => Err(broken(&error)),
    }
}

fn broken(error: &SocketError) -> Error {
    Error::Unreachable { doing: "talking to the run's gate", why: error.to_string() }
}
