//! The display server: an X server that speaks RFB on a Unix socket, and nothing on TCP.

mod resize;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt, net::unix::pipe::Receiver, process::Child, sync::watch, time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    process::{Program, drain, find, obituary},
    user::User,
};
use crate::pod::contract::Size;

/// A display server is there in a tenth of this on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Name of the cookie files.
const COOKIE: &str = "xauthority";

/// A running display server.
#[derive(Debug)]
pub(crate) struct Display {
    child: Child,
    last_line: watch::Receiver<String>,
    /// X display number.
    pub(crate) number: u32,
    /// Its pixels.
    pub(crate) size: Size,
    rfb: PathBuf,
    /// The socket for X clients, and which file it was: another server may reuse the name.
    socket: Option<(PathBuf, u64)>,
}

/// Why there is no display.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DisplayError {
    #[error("writing the display's access cookie")]
    Cookie(#[source] io::Error),
    #[error("starting the display server")]
    Spawn(#[source] io::Error),
    #[error("the display server did not come up: {0}")]
    Silent(String),
    #[error("resizing the display to {width}x{height}")]
    Resize {
        width: u32,
        height: u32,
        #[source]
        source: io::Error,
    },
}

/// Where the display server is, if it is installed.
pub(crate) fn program() -> Option<PathBuf> {
    find(&["Xtigervnc", "Xvnc"])
}

impl Display {
    /// Starts a display of `size` whose RFB socket is `rfb` and whose cookies are in `directory`;
    /// one of them belongs to `user`.
    pub(crate) async fn start(
        tasks: &TaskTracker,
        program: &Path,
        directory: &Path,
        rfb: &Path,
        user: Option<User>,
        size: Size,
    ) -> Result<Self, DisplayError> {
        let cookie = directory.join(COOKIE);
        write_cookies(&cookie, &client_cookie(directory), user).map_err(DisplayError::Cookie)?;
        let (reading, writing) = io::pipe().map_err(DisplayError::Spawn)?;
        let mut start = Program::new(program, directory).args([
            "-displayfd",
            "3",
            "-rfbport=-1",
            "-SecurityTypes",
            "None",
            // All peers of a Unix socket are one address: five broken handshakes of one viewer
            // would lock everybody out.
            "-UseBlacklist=0",
            "-AlwaysShared=1",
            // A page must not write the clipboard of who looks on, and no client may change what
            // is set here.
            "-SendCutText=0",
            "-SendPrimary=0",
            "-AllowOverride=",
            "-nolisten",
            "tcp",
            "-depth",
            "24",
        ]);
        start = start.args([format!("-rfbunixpath={}", rfb.display())]);
        start = start.args(["-geometry".to_owned(), format!("{}x{}", size.width, size.height)]);
        start = start.args([Path::new("-auth"), &cookie]);
        start.fds.push((3, writing.into()));
        let mut child = start.spawn().map_err(DisplayError::Spawn)?;
        let (line, last_line) = watch::channel(String::new());
        if let Some(stderr) = child.stderr.take() {
            drain(tasks, stderr, move |text| drop(line.send_replace(text.to_owned())));
        }
        let mut number = String::new();
        let mut answer = Receiver::from_owned_fd(reading.into()).map_err(DisplayError::Spawn)?;
        let answered = timeout(START_LIMIT, async {
            // It may write the digits and the line break one by one.
            while !number.ends_with('\n') {
                let mut byte = [0];
                answer.read_exact(&mut byte).await?;
                number.extend(byte.map(char::from));
            }
            io::Result::Ok(())
        });
        let answered = answered.await;
        let Some(number) = number.trim().parse().ok().filter(|_| matches!(answered, Ok(Ok(()))))
        else {
            drop(child.start_kill());
            let why = obituary(child.wait().await, &last_line.borrow());
            return Err(DisplayError::Silent(why));
        };
        let socket = PathBuf::from(format!("/tmp/.X11-unix/X{number}"));
        let socket = fs::metadata(&socket).ok().map(|found| (socket, found.ino()));
        Ok(Self { child, last_line, number, size, rfb: rfb.to_owned(), socket })
    }

    /// Changes the number of pixels, and waits until it is so.
    pub(crate) async fn resize(&mut self, size: Size) -> Result<(), DisplayError> {
        let Size { width, height } = size;
        resize::resize(&self.rfb, size).await.map_err(|source| DisplayError::Resize {
            width,
            height,
            source,
        })?;
        self.size = size;
        Ok(())
    }

    /// Resolves when the server has ended, with what it says about that.
    pub(crate) async fn ended(&mut self) -> String {
        let status = self.child.wait().await;
        obituary(status, &self.last_line.borrow())
    }

    /// Ends it and removes what it leaves in the file system.
    pub(crate) async fn end(mut self) {
        // Errors mean that it has ended by itself.
        drop(self.child.kill().await);
        self.forget();
    }

    /// Removes the files that a killed server leaves behind.
    pub(crate) fn forget(&self) {
        drop(fs::remove_file(&self.rfb));
        if let Some((path, inode)) = &self.socket
            && fs::metadata(path).is_ok_and(|found| found.ino() == *inode)
        {
            drop(fs::remove_file(path));
        }
    }
}

/// What an X client on display `number` needs in its environment.
pub(crate) fn client_env(number: u32, cookie: PathBuf) -> Vec<(&'static str, std::ffi::OsString)> {
    vec![("DISPLAY", format!(":{number}").into()), ("XAUTHORITY", cookie.into())]
}

/// Our own copy of the cookie.
pub(crate) fn own_cookie(directory: &Path) -> PathBuf {
    directory.join(COOKIE)
}

/// The copy for the user that Chromium runs as.
pub(crate) fn client_cookie(directory: &Path) -> PathBuf {
    directory.join("xauthority-browser")
}

/// Writes the same fresh cookie twice, before the server starts.
fn write_cookies(ours: &Path, theirs: &Path, user: Option<User>) -> io::Result<()> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    // An entry of Xau(3): family "any", empty address, empty display number, name, data; each with
    // its length as a big-endian `u16`.
    let name = b"MIT-MAGIC-COOKIE-1";
    let mut entry = vec![0xff, 0xff, 0, 0, 0, 0, 0, 18];
    entry.extend_from_slice(name);
    entry.extend_from_slice(&[0, 16]);
    entry.extend_from_slice(&secret);
    for (path, owner) in [(ours, None), (theirs, user)] {
        drop(fs::remove_file(path));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&entry)?;
        owner.map_or(Ok(()), |user| user.own(path))?;
    }
    Ok(())
}
