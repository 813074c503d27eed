//! One RFB connection that sets the display's size (RFC 6143, with the extended desktop size of the
//! community's wiki), once at the start.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::pod::contract::Size;

/// The server answers in milliseconds.
const LIMIT: Duration = Duration::from_secs(10);
/// Pseudo-encoding -308: the client understands the list of screens.
const EXTENDED_DESKTOP_SIZE: i32 = -308;
/// A refresh of more than this is not what we asked for.
const MAX_SKIP: u64 = 256 << 20;

/// Sets the size, and returns when the server says that it is so.
pub(super) async fn resize(socket: &Path, size: Size) -> io::Result<()> {
    timeout(LIMIT, converse(socket, size)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn converse(socket: &Path, size: Size) -> io::Result<()> {
    let mut rfb = UnixStream::connect(socket).await?;
    handshake(&mut rfb).await?;
    // SetEncodings: raw, and the list of screens; then one pixel's worth of updates, which brings
    // that list along.
    rfb.write_all(&[2, 0, 0, 2, 0, 0, 0, 0]).await?;
    rfb.write_all(&EXTENDED_DESKTOP_SIZE.to_be_bytes()).await?;
    rfb.write_all(&[3, 0, 0, 0, 0, 0, 0, 1, 0, 1]).await?;
    let (_, _, screen) = next_screen(&mut rfb).await?;
    let (width, height) = (pixels(size.width)?, pixels(size.height)?);
    // SetDesktopSize: one screen that fills it, with the id and flags it had.
    let mut message = vec![251, 0];
    message.extend(width.to_be_bytes());
    message.extend(height.to_be_bytes());
    message.extend([1, 0]);
    message.extend(screen.id);
    message.extend([0; 4]);
    message.extend(width.to_be_bytes());
    message.extend(height.to_be_bytes());
    message.extend(screen.flags);
    rfb.write_all(&message).await?;
    loop {
        rfb.write_all(&[3, 1, 0, 0, 0, 0, 0, 1, 0, 1]).await?;
        let (reason, status, _) = next_screen(&mut rfb).await?;
        match (reason, status) {
            // Reason 1: the answer to this client's wish.
            (1, 0) => return Ok(()),
            (1, code) => return Err(io::Error::other(format!("refused with status {code}"))),
            _ => {}
        }
    }
}

async fn handshake(rfb: &mut UnixStream) -> io::Result<()> {
    let mut version = [0; 12];
    rfb.read_exact(&mut version).await?;
    rfb.write_all(b"RFB 003.008\n").await?;
    let mut types = vec![0; usize::from(rfb.read_u8().await?)];
    rfb.read_exact(&mut types).await?;
    // Security type "none"; then its result.
    rfb.write_all(&[1]).await?;
    if rfb.read_u32().await? != 0 {
        return Err(io::Error::other("the handshake was refused"));
    }
    // Shared, so that nobody is disconnected. ServerInit: size, pixel format, name.
    rfb.write_all(&[1]).await?;
    let mut init = [0; 20];
    rfb.read_exact(&mut init).await?;
    let name = rfb.read_u32().await?;
    skip(rfb, u64::from(name)).await?;
    // Pixels are 32 bits wide (depth 24), as the server was started; what follows counts on it.
    if init.get(4) == Some(&32) { Ok(()) } else { Err(io::Error::other("unknown pixel format")) }
}

/// A screen of the layout, as it is on the wire.
struct Screen {
    id: [u8; 4],
    flags: [u8; 4],
}

/// Reads until the next list of screens: who changed it, with what success, and the first screen.
async fn next_screen(rfb: &mut UnixStream) -> io::Result<(u16, u16, Screen)> {
    loop {
        match rfb.read_u8().await? {
            0 => {
                rfb.read_u8().await?;
                let mut found = None;
                for _ in 0..rfb.read_u16().await? {
                    let (x, y) = (rfb.read_u16().await?, rfb.read_u16().await?);
                    let (width, height) = (rfb.read_u16().await?, rfb.read_u16().await?);
                    if rfb.read_i32().await? == EXTENDED_DESKTOP_SIZE {
                        // The rectangle's place carries reason and status.
                        found = Some((x, y, read_screens(rfb).await?));
                    } else {
                        skip(rfb, u64::from(width) * u64::from(height) * 4).await?;
                    }
                }
                if let Some((reason, status, Some(screen))) = found {
                    return Ok((reason, status, screen));
                }
            }
            // Bell.
            2 => {}
            // Cut text.
            3 => {
                skip(rfb, 3).await?;
                let length = rfb.read_u32().await?;
                skip(rfb, u64::from(length)).await?;
            }
            other => return Err(io::Error::other(format!("unknown message {other}"))),
        }
    }
}

async fn read_screens(rfb: &mut UnixStream) -> io::Result<Option<Screen>> {
    let count = rfb.read_u8().await?;
    skip(rfb, 3).await?;
    let mut first = None;
    for _ in 0..count {
        let mut screen = Screen { id: [0; 4], flags: [0; 4] };
        rfb.read_exact(&mut screen.id).await?;
        skip(rfb, 8).await?;
        rfb.read_exact(&mut screen.flags).await?;
        first.get_or_insert(screen);
    }
    Ok(first)
}

async fn skip(rfb: &mut UnixStream, count: u64) -> io::Result<()> {
    if count > MAX_SKIP {
        return Err(io::Error::other("a message is too long"));
    }
    tokio::io::copy(&mut rfb.take(count), &mut tokio::io::sink()).await?;
    Ok(())
}

fn pixels(count: u32) -> io::Result<u16> {
    u16::try_from(count).map_err(io::Error::other)
}
