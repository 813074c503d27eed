//! Connections to the display server: one a viewer, which carries pixels and nothing that acts, and
//! while a person holds the lease one more, the injector, for what acts (handoff.md 2.5).

pub(super) mod injector;
pub(super) mod viewer;

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::rfb::handshake::VERSION;

/// A name longer than this is not a desktop's.
const MAX_NAME: u32 = 4096;

/// What the display server says at the end of its handshake.
#[derive(Debug)]
struct ServerInit {
    width: u16,
    height: u16,
    /// The whole message, for the viewer.
    bytes: Vec<u8>,
}

/// Ends the display server's handshake: version 3.8, no security, always shared, so that no viewer
/// can throw the others out.
async fn enter(stream: &mut UnixStream) -> io::Result<ServerInit> {
    let strange = || io::Error::from(io::ErrorKind::InvalidData);
    let mut version = [0; 12];
    stream.read_exact(&mut version).await?;
    if !version.starts_with(b"RFB 003.008") {
        return Err(strange());
    }
    stream.write_all(VERSION).await?;
    let offered = stream.read_u8().await?;
    let mut types = vec![0; usize::from(offered)];
    stream.read_exact(&mut types).await?;
    if !types.contains(&1) {
        return Err(strange());
    }
    stream.write_all(&[1]).await?;
    if stream.read_u32().await? != 0 {
        return Err(strange());
    }
    stream.write_all(&[1]).await?;
    let mut bytes = vec![0; 24];
    stream.read_exact(&mut bytes).await?;
    let field = |at: usize| bytes.get(at..at + 2).and_then(|pair| pair.try_into().ok());
    let (width, height) = (field(0), field(2));
    let length = bytes.get(20..24).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    let (Some(width), Some(height), Some(length)) = (width, height, length) else {
        return Err(strange());
    };
    if length > MAX_NAME {
        return Err(strange());
    }
    let mut name = vec![0; length as usize];
    stream.read_exact(&mut name).await?;
    bytes.extend(name);
    Ok(ServerInit { width: u16::from_be_bytes(width), height: u16::from_be_bytes(height), bytes })
}
