//! The gate and a real display server.

use std::{
    io::{BufRead as _, BufReader},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, Stdio},
};

use command_fds::{CommandFdExt as _, FdMapping};
use handback::pod::contract::RFB_SOCKET;
use serde_json::json;

use super::house::House;

/// A display with no program on it; ended with the test.
struct Display {
    server: Child,
    number: u32,
    cookie: std::path::PathBuf,
}

impl Display {
    fn start(sockets: &Path) -> Self {
        let cookie = sockets.join("cookie");
        // Family wild, no address, no number: MIT-MAGIC-COOKIE-1 for whoever reads the file.
        let name = b"MIT-MAGIC-COOKIE-1";
        let mut entry = vec![0xff, 0xff, 0, 0, 0, 0, 0, u8::try_from(name.len()).unwrap()];
        entry.extend(name);
        entry.extend([0, 16]);
        entry.extend([7; 16]);
        std::fs::write(&cookie, entry).unwrap();
        let (read, write) = std::io::pipe().unwrap();
        let mut command = Command::new("Xtigervnc");
        command
            .args(["-displayfd", "3", "-rfbport=-1"])
            .arg(format!("-rfbunixpath={}", sockets.join(RFB_SOCKET).display()))
            .args(["-SecurityTypes", "None", "-UseBlacklist=0", "-AlwaysShared=1"])
            .args(["-SendCutText=0", "-SendPrimary=0", "-AllowOverride=", "-nolisten", "tcp"])
            .arg("-auth")
            .arg(&cookie)
            .args(["-geometry", "1280x808", "-depth", "24"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mapping = FdMapping { parent_fd: OwnedFd::from(write), child_fd: 3 };
        command.fd_mappings(vec![mapping]).unwrap();
        let server = command.spawn().expect("Xtigervnc is installed");
        drop(command);
        let mut line = String::new();
        BufReader::new(read).read_line(&mut line).unwrap();
        Self { server, number: line.trim().parse().unwrap(), cookie }
    }

    /// Pressed buttons, and where the pointer is, asked of the X server itself.
    fn pointer(&self) -> (u16, i16, i16) {
        use std::{
            io::{Read as _, Write as _},
            os::unix::net::UnixStream,
        };
        let socket = format!("/tmp/.X11-unix/X{}", self.number);
        let mut stream = UnixStream::connect(socket).unwrap();
        let cookie = std::fs::read(&self.cookie).unwrap();
        let secret = &cookie[cookie.len() - 16..];
        let mut hello = vec![b'l', 0, 11, 0, 0, 0, 18, 0, 16, 0, 0, 0];
        hello.extend(b"MIT-MAGIC-COOKIE-1\0\0");
        hello.extend(secret);
        stream.write_all(&hello).unwrap();
        let mut head = [0; 8];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 1, "the X server lets us in");
        let mut setup = vec![0; usize::from(u16::from_le_bytes([head[6], head[7]])) * 4];
        stream.read_exact(&mut setup).unwrap();
        let vendor = usize::from(u16::from_le_bytes([setup[16], setup[17]])).next_multiple_of(4);
        let formats = usize::from(setup[21]) * 8;
        let root = &setup[32 + vendor + formats..][..4];
        // QueryPointer
        stream.write_all(&[&[38, 0, 2, 0], root].concat()).unwrap();
        let mut reply = [0; 32];
        stream.read_exact(&mut reply).unwrap();
        let field = |at: usize| [reply[at], reply[at + 1]];
        (
            u16::from_le_bytes(field(24)),
            i16::from_le_bytes(field(16)),
            i16::from_le_bytes(field(18)),
        )
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

/// The left button, in the X server's mask.
const LEFT: u16 = 1 << 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_real_display_server_takes_the_input_and_the_release_and_confirms_it() {
    let mut display = None;
    let house = House::with(true, |config| {
        display = Some(Display::start(&config.browser_sockets));
    })
    .await;
    let display = display.unwrap();
    house.finished().await;
    let person = house.person().await;
    let mut screen = person.screen().await;
    // A watcher's press changes nothing: the answer to an update request proves that it was read.
    screen.send(&[2, 0, 0, 1, 0, 0, 0, 0]).await;
    screen.send(&[5, 1, 0, 100, 0, 100]).await;
    screen.send(&[3, 0, 0, 0, 0, 0, 0, 1, 0, 1]).await;
    assert_eq!(screen.take(1).await, [0]);
    person.post("/api/presence", json!(null)).await;
    assert_eq!(display.pointer().0 & LEFT, 0);

    let mut control = person.take_over().await;
    screen.send(&[5, 0, 0, 100, 0, 100, 5, 1, 0, 100, 0, 120]).await;
    let until = tokio::time::Instant::now() + super::PATIENCE;
    while display.pointer() != (LEFT, 100, 120) {
        assert!(tokio::time::Instant::now() < until, "{:?}", display.pointer());
        tokio::task::yield_now().await;
    }
    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    // The next grant comes after the barrier: by then the button is up, far away from its press.
    person.take_over().await;
    assert_eq!(display.pointer(), (0, 1279, 807));
}
