//! The only connection over which a person's input reaches the display server; it exists while the
//! person holds the lease.
//!
//! # Guarantees
//! - Its first message is `SetEncodings`: before that the display server takes no fence, no extended
//!   key and no size from it.
//! - Orders are performed in their order. When [`Order::Finish`] is done, everything admitted before
//!   it was taken by the display server (a fence was answered) or the server is silent; nothing is
//!   pressed, the desktop has its size again and the connection is closed.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tracing::warn;

use super::enter;
use crate::gate::rfb::{
    message::Message,
    pressed::{self, Pressed},
    server::{Discard, Told},
};

/// Raw pixels, which are never asked for; extended keys, the desktop's size, fences.
const ENCODINGS: [i32; 4] = [0, -258, -308, -312];
/// Asks for an answer, and for nothing else.
const FENCE_REQUEST: u32 = 0x8000_0000;
/// What the end of a person's hold may take ([P9]).
const BARRIER: Duration = Duration::from_secs(1);

/// What the session tells the injector.
pub(in crate::gate) enum Order {
    /// The holder's input, admitted.
    Input(Message),
    /// Lets go what is pressed; the lease stays reserved.
    Cut,
    /// The end.
    Finish(oneshot::Sender<()>),
}

/// Takes input until the end, which gives the desktop its `original` size again.
///
/// Runs until [`Order::Finish`], until whoever gives orders is gone, or until the display server is.
pub(in crate::gate) async fn run(
    socket: &Path,
    mut orders: mpsc::Receiver<Order>,
    size: watch::Sender<(u16, u16)>,
    original: (u16, u16),
    record: Option<PathBuf>,
) {
    let mut injector = match Injector::open(socket, size, original, record).await {
        Ok(injector) => injector,
        Err(error) => {
            warn!(%error, "no connection for input");
            return;
        }
    };
    if let Err(error) = injector.obey(&mut orders).await {
        warn!(%error, "the connection for input ended");
    }
}

struct Injector {
    stream: UnixStream,
    discard: Discard,
    pressed: Pressed,
    record: Option<Record>,
    size: watch::Sender<(u16, u16)>,
    /// The desktop as it was made.
    original: (u16, u16),
    fences: u64,
    answered: u64,
}

impl Injector {
    async fn open(
        socket: &Path,
        size: watch::Sender<(u16, u16)>,
        original: (u16, u16),
        record: Option<PathBuf>,
    ) -> io::Result<Self> {
        let record = record.map(Record::open).transpose()?;
        let mut stream = UnixStream::connect(socket).await?;
        let init = enter(&mut stream).await?;
        stream.write_all(&Message::SetEncodings(ENCODINGS.to_vec()).encode()).await?;
        // A gate that died may have left the desktop in somebody's size.
        size.send_replace((init.width, init.height));
        let discard = Discard::default();
        // What a gate that died has left pressed is let go like everything else.
        let pressed = record.as_ref().map(Record::read).unwrap_or_default();
        Ok(Self { stream, discard, pressed, record, size, original, fences: 0, answered: 0 })
    }

    async fn obey(&mut self, orders: &mut mpsc::Receiver<Order>) -> io::Result<()> {
        let mut bytes = [0; 4096];
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Input(message)) => self.input(&message).await?,
                    Some(Order::Cut) => self.release().await?,
                    Some(Order::Finish(done)) => {
                        let finished = timeout(BARRIER, self.finish()).await;
                        if !matches!(finished, Ok(Ok(()))) {
                            warn!("the display server did not confirm the end of input");
                        }
                        done.send(()).ok();
                        return Ok(());
                    }
                    None => return self.release().await,
                },
                read = self.stream.read(&mut bytes) => {
                    let read = read?;
                    self.hear(bytes.get(..read).unwrap_or_default())?;
                }
            }
        }
    }

    async fn input(&mut self, message: &Message) -> io::Result<()> {
        // Noted before it is sent: what might be pressed is released.
        self.pressed.note(message);
        self.keep();
        if let Message::SetDesktopSize { width, height, .. } = message {
            self.size.send_replace((*width, *height));
        }
        let mut bytes = message.encode();
        let written = self.stream.write_all(&bytes).await;
        bytes.fill(0);
        written
    }

    async fn release(&mut self) -> io::Result<()> {
        let size = *self.size.borrow();
        for message in self.pressed.release(size) {
            self.stream.write_all(&message.encode()).await?;
        }
        self.keep();
        Ok(())
    }

    fn keep(&mut self) {
        if let Some(record) = &mut self.record {
            record.keep(&self.pressed);
        }
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.release().await?;
        let (width, height) = self.original;
        if *self.size.borrow() != self.original {
            let mut screen = [0; 16];
            for (place, byte) in screen
                .iter_mut()
                .skip(8)
                .zip(width.to_be_bytes().into_iter().chain(height.to_be_bytes()))
            {
                *place = byte;
            }
            let message = Message::SetDesktopSize { width, height, screens: vec![screen] };
            self.stream.write_all(&message.encode()).await?;
            self.size.send_replace(self.original);
        }
        self.fences += 1;
        let payload = self.fences.to_be_bytes().to_vec();
        let fence = Message::Fence { flags: FENCE_REQUEST, payload };
        self.stream.write_all(&fence.encode()).await?;
        let mut bytes = [0; 4096];
        while self.answered < self.fences {
            let read = self.stream.read(&mut bytes).await?;
            self.hear(bytes.get(..read).unwrap_or_default())?;
        }
        self.stream.shutdown().await
    }

    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let told =
            self.discard.take(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
        for told in told? {
            match told {
                Told::Size(width, height) => {
                    self.size.send_replace((width, height));
                }
                Told::Fence(payload) => {
                    if let Ok(number) = <[u8; 8]>::try_from(payload.as_slice()) {
                        self.answered = u64::from_be_bytes(number);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is pressed, in memory that outlasts the gate; written in place.
struct Record {
    file: File,
    /// Nothing is pressed by what stands there.
    empty: bool,
}

impl Record {
    fn open(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Self { file: options.open(path)?, empty: false })
    }

    fn read(&self) -> Pressed {
        let mut bytes = [0; pressed::SIZE];
        match self.file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Pressed::read(&bytes),
            // A new one.
            Err(_) => Pressed::default(),
        }
    }

    /// Mere motion, with nothing pressed before or after it, is not worth a write.
    fn keep(&mut self, pressed: &Pressed) {
        let empty = pressed.is_empty();
        if !(empty && self.empty) {
            match self.file.write_all_at(&pressed.bytes(), 0) {
                Ok(()) => self.empty = empty,
                Err(error) => warn!(%error, "what is pressed is not kept for a restart"),
            }
        }
    }
}
