//! What every provider of mail can do: make an address, list what came for it, get a mail, and throw
//! all of it away.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;

use super::{
    MailError,
    extract::Letter,
    imap::Imap,
    mail_tm::MailTm,
    mailpit::Mailpit,
    settings::{Choice, Settings},
};
use crate::policy::Policy;

/// Between two looks at a mailbox; of the public service, which counts requests, three times that.
const PAUSE: Duration = Duration::from_secs(1);
const PUBLIC_PAUSE: Duration = Duration::from_secs(3);

/// A mail that has come, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the provider calls it.
    pub id: String,
    /// Who sent it, as shown.
    pub sender: String,
    /// Its subject.
    pub subject: String,
    /// When it came, by the provider's clock.
    pub arrived: Timestamp,
}

/// A provider under way.
#[derive(Debug)]
pub enum Provider {
    /// Nobody.
    None,
    /// See [`Choice::Mailpit`].
    Mailpit(Mailpit),
    /// See [`Choice::Imap`].
    Imap(Box<Imap>),
    /// See [`Choice::MailTm`].
    MailTm(MailTm),
}

impl Provider {
    /// The provider of these settings. Nothing is sent yet.
    pub fn new(settings: &Settings, policy: Arc<Policy>) -> Self {
        let Settings { choice, password, ca } = settings;
        match choice {
            Choice::None => Self::None,
            Choice::Mailpit { url, domain } => Self::Mailpit(Mailpit::new(
                url.clone(),
                domain.clone(),
                password.clone(),
                ca.clone(),
                policy,
            )),
            Choice::Imap(mailbox) => Self::Imap(Box::new(Imap::new(
                mailbox.clone(),
                password.clone(),
                ca.clone(),
                policy,
            ))),
            Choice::MailTm { url } => Self::MailTm(MailTm::new(url.clone(), ca.clone(), policy)),
        }
    }

    /// Makes the address that has `id` in it.
    pub(super) async fn create(&mut self, id: &str) -> Result<String, MailError> {
        match self {
            Self::None => Err(MailError::NoProvider),
            Self::Mailpit(mailpit) => mailpit.create(id).await,
            Self::Imap(imap) => imap.create(id).await,
            Self::MailTm(mail_tm) => mail_tm.create(id).await,
        }
    }

    /// What came for `address`, in the order of arrival.
    pub(super) async fn list(&mut self, address: &str) -> Result<Vec<Entry>, MailError> {
        match self {
            Self::None => Err(MailError::NoProvider),
            Self::Mailpit(mailpit) => mailpit.list(address).await,
            Self::Imap(imap) => imap.list(address).await,
            Self::MailTm(mail_tm) => mail_tm.list().await,
        }
    }

    /// One mail.
    pub(super) async fn get(&mut self, id: &str) -> Result<Letter, MailError> {
        match self {
            Self::None => Err(MailError::NoProvider),
            Self::Mailpit(mailpit) => mailpit.get(id).await,
            Self::Imap(imap) => imap.get(id).await,
            Self::MailTm(mail_tm) => mail_tm.get(id).await,
        }
    }

    /// Throws away what came for `address`, and the address where it is one of its own.
    pub(super) async fn delete(&mut self, address: &str) -> Result<(), MailError> {
        match self {
            Self::None => Ok(()),
            Self::Mailpit(mailpit) => mailpit.delete(address).await,
            Self::Imap(imap) => imap.delete().await,
            Self::MailTm(mail_tm) => mail_tm.delete().await,
        }
    }

    /// Waits until it is worth looking again, and no longer than `limit`.
    pub(super) async fn pause(&mut self, limit: Duration) {
        match self {
            Self::None | Self::Mailpit(_) => sleep(limit.min(PAUSE)).await,
            Self::MailTm(_) => sleep(limit.min(PUBLIC_PAUSE)).await,
            Self::Imap(imap) => imap.pause(limit, PAUSE).await,
        }
    }
}
