//! Frames and lines on the Unix sockets of a run.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::Duration,
};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
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

/// Listens on `path`, for the own user only. Whoever sees the socket can connect to it: a socket is
/// there before it listens, so it gets its name last.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    let unnamed = path.with_extension("new");
    // A gate that died may have left it.
    fs::remove_file(&unnamed).ok();
    let listener = UnixListener::bind(&unnamed)?;
    fs::set_permissions(&unnamed, Permissions::from_mode(0o600))?;
    fs::rename(&unnamed, path)?;
    Ok(listener)
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
    async fn a_socket_that_is_seen_can_be_connected_to_by_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        let seen = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !path.exists() {
                    std::hint::spin_loop();
                }
                std::os::unix::net::UnixStream::connect(&path)
            });
            let listener = listen(&path).unwrap();
            (watch.join().unwrap(), listener)
        });
        seen.0.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

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
