//! Chromium's debugging pipe as a Unix socket, byte for byte.
//!
//! # Guarantees
//! - One client at a time; the next one is taken when the one before is gone.
//! - Chromium only ever gets complete frames: what a client had begun when it vanished is dropped.
//! - A client's first byte is the first of a frame, and answers to commands of the client before it
//!   that were outstanding are dropped: the bridge asks Chromium something of its own in between.
//! - Backpressure: a client that does not read stops only the way to itself. Chromium is always
//!   read up to [`BUFFER`] bytes ahead, and what a client sends is taken meanwhile.

use std::{future::pending, io};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixListener,
        unix::{
            OwnedReadHalf, OwnedWriteHalf,
            pipe::{Receiver, Sender},
        },
    },
};

use crate::pod::contract::MAX_FRAME;

/// How far either side is read ahead of the other.
const BUFFER: usize = 1 << 20;
/// One read.
const CHUNK: usize = 64 << 10;
/// The bridge's own command between two clients. Ids are 32 bits with a sign; no client counts this
/// far.
const BARRIER: &[u8] = b"{\"id\":2147483647,\"method\":\"Browser.getVersion\"}\0";
/// How the barrier's answer begins.
const BARRIER_ANSWER: &[u8] = b"{\"id\":2147483647,";

/// Chromium's two pipe ends on our side.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Into Chromium's descriptor 3.
    pub(crate) to: Sender,
    /// From Chromium's descriptor 4.
    pub(crate) from: Receiver,
    /// What was read from it and belongs to a frame that is not complete yet.
    pub(crate) begun: BytesMut,
}

/// Carries frames until Chromium closes its pipe.
///
/// # Errors
/// When the pipe or the listening socket fails.
pub(crate) async fn run(pipe: Pipe, listener: UnixListener) -> io::Result<()> {
    let Pipe { mut to, mut from, begun } = pipe;
    let mut client: Option<(OwnedReadHalf, OwnedWriteHalf)> = None;
    let mut up = Up::default();
    let mut down = Down { fresh: begun, ..Down::default() };
    loop {
        let (reader, writer) = match &mut client {
            Some((reader, writer)) => (Some(reader), Some(writer)),
            None => (None, None),
        };
        let served = reader.is_some();
        // Every branch is one read or one write that either happened or did not, so that losing the
        // race costs nothing.
        let outcome = tokio::select! {
            accepted = listener.accept(), if !served && down.outstanding == 0 => {
                let (stream, _) = accepted?;
                client = Some(stream.into_split());
                down.pass_on();
                Ok(())
            }
            read = read(reader, &mut up.fresh), if served && up.ready.len() < BUFFER => {
                read.and_then(|()| up.sort())
            }
            written = to.write(&up.ready), if !up.ready.is_empty() => {
                up.ready.advance(written?);
                Ok(())
            }
            read = from.read_buf(&mut down.fresh), if down.ready.len() < BUFFER => {
                if read? == 0 {
                    return Ok(());
                }
                if served { down.pass_on() } else { down.drop_frames() }
                Ok(())
            }
            written = write(writer, &down.ready), if served && !down.ready.is_empty() => {
                written.map(|count| down.delivered(count))
            }
        };
        if outcome.is_err() {
            client = None;
            up.client_left();
            down.client_left();
        }
    }
}

/// One read from a client that is there; its end is an error.
async fn read(from: Option<&mut OwnedReadHalf>, into: &mut BytesMut) -> io::Result<()> {
    let Some(from) = from else { return pending().await };
    into.reserve(CHUNK);
    match from.read_buf(into).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// One write to a client that is there.
async fn write(to: Option<&mut OwnedWriteHalf>, bytes: &[u8]) -> io::Result<usize> {
    let Some(to) = to else { return pending().await };
    to.write(bytes).await
}

/// What goes to Chromium.
#[derive(Debug, Default)]
struct Up {
    /// The beginning of a frame.
    fresh: BytesMut,
    /// How much of it has no NUL, so that a long frame is searched once.
    searched: usize,
    /// Complete frames, the first of which may be partly written.
    ready: BytesMut,
}

impl Up {
    /// Moves complete frames on.
    fn sort(&mut self) -> io::Result<()> {
        let new = self.fresh.get(self.searched..).unwrap_or_default();
        if let Some(last) = new.iter().rposition(|&byte| byte == 0) {
            let complete = self.fresh.split_to(self.searched + last + 1);
            self.ready.extend_from_slice(&complete);
        }
        self.searched = self.fresh.len();
        if self.fresh.len() > MAX_FRAME {
            return Err(io::Error::other("a frame is too large"));
        }
        Ok(())
    }

    /// Drops the frame that will never be complete, and asks for the barrier.
    fn client_left(&mut self) {
        self.fresh.clear();
        self.searched = 0;
        self.ready.extend_from_slice(BARRIER);
    }
}

/// What comes from Chromium.
#[derive(Debug, Default)]
struct Down {
    /// Not yet looked at.
    fresh: BytesMut,
    /// For the client.
    ready: BytesMut,
    /// Whether what comes next is the rest of a frame that a client has got the beginning of.
    inside: bool,
    /// Barriers whose answer is still to come.
    outstanding: usize,
}

impl Down {
    /// Hands everything to the client.
    fn pass_on(&mut self) {
        let fresh = self.fresh.split();
        self.ready.extend_from_slice(&fresh);
    }

    fn delivered(&mut self, count: usize) {
        if let Some(last) = count.checked_sub(1) {
            self.inside = self.ready.get(last).is_some_and(|&byte| byte != 0);
        }
        self.ready.advance(count);
    }

    fn client_left(&mut self) {
        // What was ready comes before what is fresh.
        self.pass_on();
        std::mem::swap(&mut self.fresh, &mut self.ready);
        self.outstanding += 1;
        self.drop_frames();
    }

    /// Drops complete frames and the rest of a begun one; the beginning of a whole one stays, for
    /// the next client may be its first reader.
    fn drop_frames(&mut self) {
        while let Some(end) = self.fresh.iter().position(|&byte| byte == 0) {
            let frame = self.fresh.split_to(end + 1);
            if !self.inside && frame.starts_with(BARRIER_ANSWER) {
                self.outstanding = self.outstanding.saturating_sub(1);
            }
            self.inside = false;
        }
        if self.inside {
            self.fresh.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        net::{UnixStream, unix::pipe},
        task::JoinSet,
        time::timeout,
    };

    use super::*;

    /// A bridge whose Chromium is the test: socket path, what Chromium reads, what it writes.
    fn bridge(tasks: &mut JoinSet<io::Result<()>>) -> (tempfile::TempDir, Receiver, Sender) {
        let directory = tempfile::tempdir().unwrap();
        let (to, chromium_reads) = pipe::pipe().unwrap();
        let (chromium_writes, from) = pipe::pipe().unwrap();
        let listener = UnixListener::bind(directory.path().join("cdp")).unwrap();
        tasks.spawn(run(Pipe { to, from, begun: BytesMut::new() }, listener));
        (directory, chromium_reads, chromium_writes)
    }

    async fn expect(from: &mut (impl tokio::io::AsyncRead + Unpin), bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        let read = timeout(Duration::from_secs(20), from.read_exact(&mut got)).await;
        read.expect("nothing came").unwrap();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(bytes));
    }

    #[tokio::test]
    async fn a_vanished_client_leaves_no_trace_in_either_direction() {
        let mut tasks = JoinSet::new();
        let (directory, mut reads, mut writes) = bridge(&mut tasks);
        let path = directory.path().join("cdp");
        let mut first = UnixStream::connect(&path).await.unwrap();
        first.write_all(b"{\"id\":1}\0{\"id\":2,\"half").await.unwrap();
        expect(&mut reads, b"{\"id\":1}\0").await;
        writes.write_all(b"{\"id\":1,\"begun").await.unwrap();
        expect(&mut first, b"{\"id\":1,\"begun").await;
        drop(first);
        expect(&mut reads, BARRIER).await;
        // The rest of what the first client was reading (it even looks like the barrier's answer),
        // and a late answer to it.
        writes.write_all(b"{\"id\":2147483647,\"\0{\"id\":2,\"late\"}\0").await.unwrap();
        let mut second = UnixStream::connect(&path).await.unwrap();
        writes.write_all(b"{\"id\":2147483647,\"result\":{}}\0{\"ev").await.unwrap();
        second.write_all(b"{\"id\":7}\0").await.unwrap();
        expect(&mut reads, b"{\"id\":7}\0").await;
        writes.write_all(b"ent\"}\0").await.unwrap();
        expect(&mut second, b"{\"event\"}\0").await;
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_can_still_send() {
        let mut tasks = JoinSet::new();
        let (directory, mut reads, mut writes) = bridge(&mut tasks);
        let mut client = UnixStream::connect(directory.path().join("cdp")).await.unwrap();
        let mut frame = vec![b'y'; 3 << 20];
        frame.push(0);
        let flood = async {
            loop {
                writes.write_all(b"{\"event\"}\0").await.unwrap();
            }
        };
        let send = async {
            client.write_all(&frame).await.unwrap();
            // Still connected, and still not reading.
            pending::<()>().await;
        };
        tokio::select! {
            () = flood => unreachable!(),
            () = send => unreachable!(),
            () = expect(&mut reads, &frame) => {}
        }
    }
}
