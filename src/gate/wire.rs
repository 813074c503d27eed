//! Frames and lines on the Unix sockets of a run.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _},
    net::{UnixStream, unix::OwnedWriteHalf},
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::pod::contract::MAX_FRAME;

/// How long a socket of the browser's may take to appear: its process is being started.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, trying again while nobody listens yet.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let until = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The next frame without its ending byte; `None` at the end of the stream, also within a frame.
pub(super) async fn read(
    stream: &mut (impl AsyncBufRead + Unpin),
    end: u8,
) -> io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::new();
    loop {
        let buffer = stream.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let place = buffer.iter().position(|byte| *byte == end);
        let taken = place.unwrap_or(buffer.len());
        frame.extend_from_slice(buffer.get(..taken).unwrap_or_default());
        stream.consume(taken + usize::from(place.is_some()));
        if frame.len() > MAX_FRAME {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if place.is_some() {
            return Ok(Some(frame));
        }
    }
}

/// Writes what it is given until the other side or everybody who gives is gone.
pub(super) async fn write(mut to: OwnedWriteHalf, mut from: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = from.recv().await {
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_are_found_however_they_arrive() {
        let bytes: &[u8] = b"one\0two\0\0rest";
        for capacity in [1, 3, 64] {
            let mut stream = tokio::io::BufReader::with_capacity(capacity, bytes);
            let mut frames = Vec::new();
            while let Some(frame) = read(&mut stream, 0).await.unwrap() {
                frames.push(String::from_utf8(frame).unwrap());
            }
            assert_eq!(frames, ["one", "two", ""], "{capacity} bytes at a time");
        }
    }
}
