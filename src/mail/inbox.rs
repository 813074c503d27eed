//! What a run has of its provider: one address at a time, and of its mail only what is new.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::{
    MailError,
    extract::{Found, Letter},
    provider::{Entry, Provider},
    settings::Settings,
};
use crate::policy::Policy;

/// Of an address its part that is new each time: two letters, so that it begins like a name, and fifty
/// random bits.
const PREFIX: &str = "hb";
const RANDOM: usize = 10;
/// New mails of one look that are read. A sign-up sends one or two.
const NEWEST: usize = 5;
/// What tidying up may take at the end of a run.
const FAREWELL: Duration = Duration::from_secs(5);

/// Which mail is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Contained in the sender, ignoring case.
    pub from: Option<String>,
    /// Contained in the subject, ignoring case.
    pub subject: Option<String>,
    /// How long.
    pub timeout: Duration,
}

/// A mail that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// What it says.
    pub letter: Letter,
    /// The code and the link in it.
    pub found: Found,
}

/// The mailbox of a run.
#[derive(Debug)]
pub struct Inbox {
    provider: Provider,
    address: Option<String>,
    consumed: BTreeSet<String>,
}

impl Inbox {
    /// No address yet; nobody is contacted.
    pub fn new(settings: &Settings, policy: Arc<Policy>) -> Self {
        let provider = Provider::new(settings, policy);
        Self { provider, address: None, consumed: BTreeSet::new() }
    }

    /// The present address.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Makes a new address; what came for the one before is thrown away.
    ///
    /// # Errors
    /// If there is no provider, or it cannot be reached.
    pub async fn create(&mut self, cancel: &CancellationToken) -> Result<String, MailError> {
        let random = Ulid::new().to_string().to_lowercase();
        let start = random.len().saturating_sub(RANDOM);
        let id = format!("{PREFIX}{}", random.get(start..).unwrap_or_default());
        let made = async {
            self.close().await;
            self.consumed.clear();
            self.provider.create(&id).await
        };
        let address = tokio::select! {
            () = cancel.cancelled() => return Err(MailError::Cancelled),
            made = made => made?,
        };
        self.address = Some(address.clone());
        Ok(address)
    }

    /// Waits for a new mail. Of several the newest that has a code or a link is taken, else the newest;
    /// it and every older one are never returned again.
    ///
    /// # Errors
    /// If none comes in time, or the provider could never be asked meanwhile.
    pub async fn wait(
        &mut self,
        wanted: &Wanted,
        run_host: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Arrived, MailError> {
        let began = Instant::now();
        let until = began + wanted.timeout;
        let mut told = Told::default();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let look = tokio::select! {
                () = cancel.cancelled() => return Err(MailError::Cancelled),
                look = timeout(left, self.look(wanted, run_host)) => look,
            };
            match look {
                Ok(Ok((Some(arrived), _))) => return Ok(arrived),
                Ok(Ok((None, others))) => {
                    told = Told { asked: true, others, last: None };
                }
                Ok(Err(
                    stop @ (MailError::NoProvider | MailError::NoInbox | MailError::Blocked(_)),
                )) => {
                    return Err(stop);
                }
                Ok(Err(error)) => told.last = Some(error),
                Err(_) => {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(told.in_vain(wanted, began.elapsed()));
            }
            tokio::select! {
                () = cancel.cancelled() => return Err(MailError::Cancelled),
                () = self.provider.pause(left) => {}
            }
        }
    }

    /// The newest mails, the newest first. They stay new.
    ///
    /// # Errors
    /// If the provider cannot be asked.
    pub async fn newest(
        &mut self,
        limit: usize,
        cancel: &CancellationToken,
    ) -> Result<Vec<Letter>, MailError> {
        let Some(address) = self.address.clone() else { return Err(self.without_address()) };
        let read = async {
            let mut letters = Vec::new();
            for entry in self.provider.list(&address).await?.iter().rev().take(limit) {
                letters.push(self.provider.get(&entry.id).await?);
            }
            Ok(letters)
        };
        tokio::select! {
            () = cancel.cancelled() => Err(MailError::Cancelled),
            read = read => read,
        }
    }

    /// Throws the present address away with its mail, as far as that can be done quickly.
    pub async fn close(&mut self) {
        let Some(address) = self.address.take() else { return };
        match timeout(FAREWELL, self.provider.delete(&address)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "mail was left at its provider"),
            Err(_) => tracing::warn!("mail was left at its provider, which does not answer"),
        }
    }

    /// Looks once: the mail that is wanted, and how many others are new.
    async fn look(
        &mut self,
        wanted: &Wanted,
        run_host: Option<&str>,
    ) -> Result<(Option<Arrived>, usize), MailError> {
        let Some(address) = self.address.clone() else { return Err(self.without_address()) };
        let entries = self.provider.list(&address).await?;
        let new = |entry: &&Entry| !self.consumed.contains(&entry.id);
        let others = entries.iter().filter(new).filter(|entry| !wanted.is(entry)).count();
        let fits: Vec<String> = entries
            .iter()
            .rev()
            .filter(new)
            .filter(|entry| wanted.is(entry))
            .take(NEWEST)
            .map(|entry| entry.id.clone())
            .collect();
        let mut newest: Option<(String, Arrived)> = None;
        for id in fits {
            let letter = self.provider.get(&id).await?;
            let found = letter.extract(run_host);
            let tells = found != Found::default();
            if tells || newest.is_none() {
                newest = Some((id, Arrived { letter, found }));
            }
            if tells {
                break;
            }
        }
        let Some((id, arrived)) = newest else { return Ok((None, others)) };
        for entry in &entries {
            self.consumed.insert(entry.id.clone());
            if entry.id == id {
                break;
            }
        }
        Ok((Some(arrived), others))
    }

    fn without_address(&self) -> MailError {
        match self.provider {
            Provider::None => MailError::NoProvider,
            Provider::Mailpit(_) | Provider::Imap(_) | Provider::MailTm(_) => MailError::NoInbox,
        }
    }
}

impl Wanted {
    fn is(&self, entry: &Entry) -> bool {
        let has = |part: &Option<String>, text: &str| {
            part.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
        };
        has(&self.from, &entry.sender) && has(&self.subject, &entry.subject)
    }
}

/// What a wait in vain has to tell.
#[derive(Debug, Default)]
struct Told {
    /// The provider has answered at least once.
    asked: bool,
    /// New mails that were not wanted.
    others: usize,
    /// What the last look failed of, if it did.
    last: Option<MailError>,
}

impl Told {
    fn in_vain(self, wanted: &Wanted, waited: Duration) -> MailError {
        if !self.asked {
            let silent =
                || MailError::Provider("The mail provider did not answer in time.".to_owned());
            return self.last.unwrap_or_else(silent);
        }
        let seconds = wanted.timeout.as_secs();
        let others = match self.others {
            0 => String::new(),
            count => format!(" {count} came from others or of other subjects."),
        };
        let failed = self
            .last
            .map_or_else(String::new, |last| format!(" The provider failed in the end: {last}"));
        let message = format!("No new mail came within {seconds} s.{others}{failed}");
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        MailError::Timeout { message, waited_ms }
    }
}
