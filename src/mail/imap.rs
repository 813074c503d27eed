//! A mailbox that a team already has, over IMAP and TLS. Every address is a variation of one, so all of
//! their mail is in one folder, and belongs to an address by its recipients.
//!
//! What is in the folder when an address is made is never looked at, and reading changes nothing:
//! messages stay unread.

use std::{sync::Arc, time::Duration};

use async_imap::{Client, Session, types::Fetch};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

use super::{
    MailError, extract::Letter, http::look_up, mime, provider::Entry, settings::Mailbox, tls,
};
use crate::{policy::Policy, secret::Secret};

/// A connection with its greeting and login, or a command with its answer.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest that a server is believed to tell of new mail by itself.
const IDLE: Duration = Duration::from_secs(10);
/// How much of a mail is read: code and link stand before its attachments.
const READ: usize = 1 << 20;

type Connection = Session<TlsStream<TcpStream>>;

/// A mailbox.
#[derive(Debug)]
pub struct Imap {
    mailbox: Mailbox,
    password: Option<Secret<String>>,
    ca: Option<Vec<u8>>,
    policy: Arc<Policy>,
    open: Option<Open>,
    folder: Folder,
}

/// A connection that has the folder open.
#[derive(Debug)]
struct Open {
    connection: Connection,
    idles: bool,
    /// Deletes what it is told, and no more.
    expunges: bool,
}

/// What is known of the folder.
#[derive(Debug, Default)]
struct Folder {
    /// Its numbers of messages hold as long as this stays the same.
    validity: Option<u32>,
    /// The next message's number at least.
    next: u32,
    /// What came since the present address was made.
    came: Vec<Came>,
}

#[derive(Debug)]
struct Came {
    uid: u32,
    entry: Entry,
    recipients: Vec<String>,
    /// It was asked for as one of the present address.
    ours: bool,
}

impl Imap {
    pub(super) fn new(
        mailbox: Mailbox,
        password: Option<Secret<String>>,
        ca: Option<Vec<u8>>,
        policy: Arc<Policy>,
    ) -> Self {
        Self { mailbox, password, ca, policy, open: None, folder: Folder::default() }
    }

    /// Chooses an address. Connects, so that a server that cannot be reached is told now, and to know
    /// which mail is old.
    pub(super) async fn create(&mut self, id: &str) -> Result<String, MailError> {
        self.open = None;
        self.folder = Folder::default();
        self.connected().await?;
        Ok(self.mailbox.pattern.replace("{id}", id))
    }

    pub(super) async fn list(&mut self, address: &str) -> Result<Vec<Entry>, MailError> {
        self.connected().await?;
        let first = self.folder.next;
        let found =
            self.fetch(&format!("{first}:*"), "(UID INTERNALDATE BODY.PEEK[HEADER])").await?;
        let address = address.to_lowercase();
        for message in found {
            let (Some(uid), Some(header)) = (message.uid, message.header()) else { continue };
            // The range always has the last message, however old it is.
            if uid < first || self.folder.came.iter().any(|one| one.uid == uid) {
                continue;
            }
            let mime::Headers { sender, subject, recipients } = mime::headers(header);
            let arrived = message.internal_date().map(|date| date.timestamp());
            let arrived = arrived.and_then(|seconds| Timestamp::from_second(seconds).ok());
            let arrived = arrived.unwrap_or(Timestamp::UNIX_EPOCH);
            let entry = Entry { id: uid.to_string(), sender, subject, arrived };
            self.folder.came.push(Came { uid, entry, recipients, ours: false });
            self.folder.next = self.folder.next.max(uid.saturating_add(1));
        }
        self.folder.came.sort_by_key(|one| one.uid);
        for one in &mut self.folder.came {
            one.ours |= one.recipients.contains(&address);
        }
        // Numbers rise with arrival; dates may be anybody's.
        Ok(self.folder.came.iter().filter(|one| one.ours).map(|one| one.entry.clone()).collect())
    }

    pub(super) async fn get(&mut self, id: &str) -> Result<Letter, MailError> {
        self.connected().await?;
        let found = self.fetch(id, &format!("(UID BODY.PEEK[]<0.{READ}>)")).await?;
        let wanted = found.iter().find(|one| one.uid.is_some_and(|uid| uid.to_string() == id));
        match wanted.and_then(Fetch::body) {
            Some(bytes) => Ok(mime::letter(bytes)),
            None => Err(self.failed("the message is gone")),
        }
    }

    /// Deletes what came for the present address: a team's mailbox must not fill with codes.
    pub(super) async fn delete(&mut self) -> Result<(), MailError> {
        let ours: Vec<String> =
            self.folder.came.iter().filter(|one| one.ours).map(|one| one.uid.to_string()).collect();
        if ours.is_empty() {
            return Ok(());
        }
        let ours = ours.join(",");
        self.connected().await?;
        let folder = self.mailbox.folder.clone();
        // The folder is open for writing then: this connection ends here.
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let deleted = timeout(LIMIT, open.delete(&folder, &ours)).await;
        self.checked(deleted)
    }

    /// Waits until the server tells of something new, or for the pause of a server that tells nothing.
    pub(super) async fn pause(&mut self, limit: Duration, pause: Duration) {
        let Some(open) = self.open.take() else { return sleep(limit.min(pause)).await };
        let Open { connection, idles, expunges } = open;
        if !idles {
            sleep(limit.min(pause)).await;
            self.open = Some(Open { connection, idles, expunges });
            return;
        }
        let idle = async {
            let mut handle = connection.idle();
            handle.init().await?;
            let (news, interrupt) = handle.wait_with_timeout(IDLE);
            // A server that says it is still there does not say more.
            timeout(limit.min(IDLE), news).await.ok();
            drop(interrupt);
            handle.done().await
        };
        // A connection that does not come back is opened anew.
        if let Ok(Ok(connection)) = timeout(limit + LIMIT, idle).await {
            self.open = Some(Open { connection, idles, expunges });
        } else {
            sleep(limit.min(pause)).await;
        }
    }

    /// Fetches. A connection on which that failed, or was given up, is not used again: an answer may
    /// still come on it.
    async fn fetch(&mut self, which: &str, what: &str) -> Result<Vec<Fetch>, MailError> {
        let Some(mut open) = self.open.take() else {
            return Err(self.failed("there is no connection"));
        };
        let fetched = timeout(LIMIT, async {
            // A server shows what has come only after a command, and this one takes no time.
            open.connection.noop().await?;
            open.connection.uid_fetch(which, what).await?.try_collect::<Vec<_>>().await
        });
        let fetched = fetched.await;
        let found = self.checked(fetched)?;
        self.open = Some(open);
        Ok(found)
    }

    /// What a command came to.
    fn checked<T>(
        &self,
        answer: Result<Result<T, async_imap::error::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, MailError> {
        match answer {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.failed(&error.to_string())),
            Err(_) => Err(self.failed(&format!("no answer within {} s", LIMIT.as_secs()))),
        }
    }

    async fn connected(&mut self) -> Result<(), MailError> {
        if self.open.is_some() {
            return Ok(());
        }
        let limit = LIMIT.as_secs();
        let open = timeout(LIMIT, self.connect())
            .await
            .unwrap_or_else(|_| Err(self.failed(&format!("no answer within {limit} s"))))?;
        self.open = Some(open);
        Ok(())
    }

    async fn connect(&mut self) -> Result<Open, MailError> {
        let host = match &self.mailbox.host {
            Host::Domain(name) => Host::Domain(name.as_str()),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        let judged = look_up(&host, self.mailbox.port, &self.policy).await?;
        let name = judged.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| self.failed("its name cannot stand in a certificate"))?;
        let config = tls::client(self.ca.as_deref()).map_err(MailError::Provider)?;
        let tcp = TcpStream::connect(judged.addresses.as_slice())
            .await
            .map_err(|error| self.failed(&error.to_string()))?;
        let stream =
            TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| {
                self.failed(&format!(
                    "TLS failed: {error}; --mail-ca names a certificate of your own"
                ))
            })?;
        let mut client = Client::new(stream);
        match client.read_response().await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(self.failed("it hung up")),
            Err(error) => return Err(self.failed(&error.to_string())),
        }
        let password = self.password.as_ref().map(Secret::expose).unwrap_or_default();
        let mut connection = client
            .login(&self.mailbox.user, password)
            .await
            .map_err(|(error, _)| self.failed(&format!("the login is refused: {error}")))?;
        let known =
            connection.capabilities().await.map_err(|error| self.failed(&error.to_string()))?;
        let (idles, expunges) = (known.has_str("IDLE"), known.has_str("UIDPLUS"));
        let seen = connection.examine(&self.mailbox.folder).await.map_err(|error| {
            self.failed(&format!("its folder {} cannot be opened: {error}", self.mailbox.folder))
        })?;
        if self.folder.validity != seen.uid_validity || seen.uid_validity.is_none() {
            // A folder that was made anew while we wait has nothing old in it that is for us.
            let first = self.folder.validity.is_none();
            let next = if first { seen.uid_next.unwrap_or(1) } else { 1 };
            self.folder = Folder { validity: seen.uid_validity, next, came: Vec::new() };
        }
        Ok(Open { connection, idles, expunges })
    }

    fn failed(&self, why: &str) -> MailError {
        let Mailbox { host, port, user, .. } = &self.mailbox;
        MailError::Provider(format!(
            "The mailbox of {user} at {host}:{port} cannot be read: {why}."
        ))
    }
}

impl Open {
    async fn delete(&mut self, folder: &str, which: &str) -> Result<(), async_imap::error::Error> {
        self.connection.select(folder).await?;
        let flags = "+FLAGS.SILENT (\\Deleted)";
        self.connection.uid_store(which, flags).await?.try_collect::<Vec<_>>().await?;
        if self.expunges {
            self.connection.uid_expunge(which).await?.try_collect::<Vec<_>>().await?;
        }
        Ok(())
    }
}
