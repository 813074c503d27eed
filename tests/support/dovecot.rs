//! A real IMAP server (Dovecot) as a process of its own, with a certificate of its own; mail comes in by
//! LMTP. One mailbox: whoever a mail is for, it is there, as with a catch-all.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, getgid, getuid, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use crate::authority::certificate;

/// For what takes a second at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// Whose mailbox it is.
pub const USER: &str = "qa@mail.test";
pub const PASSWORD: &str = "correct horse";

/// A server with a directory of its own. Ends with the test.
pub struct Dovecot {
    dir: TempDir,
    process: Child,
    imaps: SocketAddr,
    lmtp: SocketAddr,
    /// The authority of its certificate.
    pub ca: Vec<u8>,
}

impl Dovecot {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // As root its processes are others', who have to pass.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let ca = certificate(dir.path(), Ipv4Addr::LOCALHOST.into()).await;
        fs::write(dir.path().join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}::::::\n")).unwrap();
        for name in ["mail", "run"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::set_permissions(dir.path().join("mail"), fs::Permissions::from_mode(0o777)).unwrap();
        let (imaps, lmtp) = (free().await, free().await);
        let process = spawn(dir.path(), imaps, lmtp);
        let mut started = Self { dir, process, imaps, lmtp, ca };
        started.await_listening().await;
        started
    }

    /// What `--mail` is given, with addresses of this pattern.
    pub fn url(&self, pattern: &str) -> String {
        let user = USER.replace('@', "%40");
        format!("imap=imaps://{user}@{}/INBOX?address={pattern}", self.imaps)
    }

    /// Ends the server; its mail stays.
    pub fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).ok();
        self.process.wait().unwrap();
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) {
        self.process = spawn(self.dir.path(), self.imaps, self.lmtp);
        self.await_listening().await;
    }

    async fn await_listening(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for address in [self.imaps, self.lmtp] {
            while TcpStream::connect(address).await.is_err() {
                let ended = self.process.try_wait().unwrap();
                assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", self.said());
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Delivers a mail as a mail server would.
    pub async fn deliver(&self, to: &str, subject: &str, body: &str) {
        self.deliver_raw(
            to,
            &format!(
                "From: Shop <no-reply@shop.test>\r\nTo: {to}\r\nSubject: {subject}\r\n\
                 Message-ID: <{}@shop.test>\r\n\r\n{body}\r\n",
                ulid::Ulid::new()
            ),
        )
        .await;
    }

    /// The same with headers of one's own.
    pub async fn deliver_raw(&self, to: &str, mail: &str) {
        let stream = TcpStream::connect(self.lmtp).await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read).lines();
        let stuffed = mail.replace("\r\n.", "\r\n..");
        let said = [
            String::new(),
            "LHLO test.localhost\r\n".to_owned(),
            "MAIL FROM:<no-reply@shop.test>\r\n".to_owned(),
            format!("RCPT TO:<{to}>\r\n"),
            "DATA\r\n".to_owned(),
            format!("{stuffed}\r\n.\r\n"),
            "QUIT\r\n".to_owned(),
        ];
        for one in said {
            write.write_all(one.as_bytes()).await.unwrap();
            loop {
                let line = read.next_line().await.unwrap().expect("an answer");
                assert!(line.starts_with(['2', '3']), "{one}: {line}: {}", self.said());
                if line.as_bytes().get(3) != Some(&b'-') {
                    break;
                }
            }
        }
    }

    /// How many mails there are.
    pub fn mails(&self) -> usize {
        let count = |name: &str| {
            fs::read_dir(self.dir.path().join("mail").join(name)).map_or(0, Iterator::count)
        };
        count("new") + count("cur")
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that was free just now: Dovecot cannot be given a socket, nor asked for its port.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn spawn(dir: &Path, imaps: SocketAddr, lmtp: SocketAddr) -> Child {
    fs::write(dir.join("dovecot.conf"), configuration(dir, imaps, lmtp)).unwrap();
    // Debian keeps it out of the path of people.
    let debian = Path::new("/usr/sbin/dovecot");
    Command::new(if debian.exists() { debian } else { Path::new("dovecot") })
        .args(["-F", "-c"])
        .arg(dir.join("dovecot.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Dovecot is installed by `make setup-cluster`")
}

/// Everything below `dir`. Without root all of it is one user; with root mail is nobody's, since
/// Dovecot gives none to root.
fn configuration(dir: &Path, imaps: SocketAddr, lmtp: SocketAddr) -> String {
    let root = getuid().is_root();
    let (uid, gid) = if root { (65534, 65534) } else { (getuid().as_raw(), getgid().as_raw()) };
    let dir = dir.display();
    let users = if root {
        String::new()
    } else {
        let user = Command::new("id").arg("-un").output().unwrap();
        let group = Command::new("id").arg("-gn").output().unwrap();
        let text = |output: Vec<u8>| String::from_utf8(output).unwrap().trim().to_owned();
        let (user, group) = (text(user.stdout), text(group.stdout));
        format!(
            "default_internal_user = {user}\ndefault_internal_group = {group}\n\
             default_login_user = {user}\nservice anvil {{\n chroot =\n}}\n"
        )
    };
    format!(
        "base_dir = {dir}/run\nlog_path = {dir}/log\nprotocols = imap lmtp\nlisten = 127.0.0.1\n\
         ssl = required\nssl_cert = <{dir}/server.crt\nssl_key = <{dir}/server.key\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\nmail_location = maildir:{dir}/mail\n\
         recipient_delimiter = +\nlmtp_save_to_detail_mailbox = no\npostmaster_address = p@mail.test\n\
         auth_failure_delay = 0\npassdb {{\n driver = passwd-file\n args = {dir}/users\n}}\n\
         userdb {{\n driver = static\n args = uid={uid} gid={gid} home={dir}/mail allow_all_users=yes\n}}\n\
         service imap-login {{\n chroot =\n inet_listener imap {{\n port = 0\n }}\n\
         inet_listener imaps {{\n address = 127.0.0.1\n port = {}\n ssl = yes\n }}\n}}\n\
         service lmtp {{\n inet_listener lmtp {{\n address = 127.0.0.1\n port = {}\n }}\n}}\n{users}",
        imaps.port(),
        lmtp.port()
    )
}
