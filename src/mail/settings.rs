//! Which provider was asked for: `--mail`, `--mail-ca` and the password of the environment.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::tls;
use crate::secret::Secret;

/// What stands for the part of an address that is new each time.
const ID: &str = "{id}";
/// Where the addresses of a Mailpit are, unless it is said: a domain that no mail leaves for.
const MAILPIT_DOMAIN: &str = "handback.test";
/// The public service.
const MAIL_TM: &str = "https://api.mail.tm";
/// IMAP over TLS.
const IMAPS: u16 = 993;
/// Shorter passwords would be found in every other text.
const SHORTEST: usize = 4;

/// Where a run's mail comes from, and how to get in there.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The provider.
    pub choice: Choice,
    /// The password that goes with the user in its URL.
    pub password: Option<Secret<String>>,
    /// Certificates to trust instead of this machine's, as PEM.
    pub ca: Option<Vec<u8>>,
}

/// See [`Settings::choice`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// No mail: steps that need it fail.
    #[default]
    None,
    /// A Mailpit, or whatever speaks its API.
    Mailpit {
        /// Its web address; may have a user.
        url: Url,
        /// What its addresses end in.
        domain: String,
    },
    /// A mailbox on a server.
    Imap(Mailbox),
    /// mail.tm, or whatever speaks its API.
    MailTm {
        /// Where its API is.
        url: Url,
    },
}

/// A mailbox that a team has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The server; TLS from the first byte.
    pub host: Host<String>,
    /// Its port.
    pub port: u16,
    /// Whose mailbox.
    pub user: String,
    /// Which folder.
    pub folder: String,
    /// `ada+{id}@example.org`, or `{id}@example.org` for a catch-all.
    pub pattern: String,
}

impl Choice {
    /// The public service, which is asked only when a mail step is carried out.
    pub fn public() -> Self {
        Url::parse(MAIL_TM).map_or(Self::None, |url| Self::MailTm { url })
    }

    /// Reads `mailpit=URL`, `imap=URL`, `mail_tm` or `none`.
    ///
    /// # Errors
    /// A sentence without the option's name, and without what may be a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, url) =
            text.split_once('=').map_or((text, None), |(kind, url)| (kind, Some(url)));
        match (kind, url) {
            ("none", None) => Ok(Self::None),
            ("mail_tm", None) => Ok(Self::public()),
            ("mail_tm", Some(url)) => Ok(Self::MailTm { url: web(url)? }),
            ("mailpit", Some(url)) => mailpit(url),
            ("imap", Some(url)) => imap(url).map(Self::Imap),
            _ => Err(
                "write mailpit=URL, imap=URL, mail_tm or none, for example mailpit=http://127.0.0.1:8025"
                    .to_owned(),
            ),
        }
    }

    /// Its name, for records: no address, no user.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mailpit { .. } => "mailpit",
            Self::Imap(_) => "imap",
            Self::MailTm { .. } => "mail_tm",
        }
    }
}

impl Settings {
    /// Puts the parts together.
    ///
    /// # Errors
    /// A sentence for what does not fit.
    pub fn new(
        choice: Choice,
        password: Option<Secret<String>>,
        ca: Option<Vec<u8>>,
    ) -> Result<Self, String> {
        if let Choice::Imap(mailbox) = &choice
            && password.is_none()
        {
            return Err(format!(
                "The mailbox of {} needs a password: put it into HANDBACK_MAIL_PASSWORD, or its file's path into HANDBACK_MAIL_PASSWORD_FILE.",
                mailbox.user
            ));
        }
        if password.as_ref().is_some_and(|password| password.expose().len() < SHORTEST) {
            return Err(format!(
                "The mail password has less than {SHORTEST} bytes: it could not be kept out of other texts."
            ));
        }
        if let Some(ca) = &ca {
            tls::roots(ca).map_err(|why| format!("--mail-ca: {why}."))?;
        }
        Ok(Self { choice, password, ca })
    }
}

/// An address of the web without a password.
fn web(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("its URL cannot be read ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("its URL begins with http:// or https://".to_owned());
    }
    without_password(&url)?;
    Ok(url)
}

fn without_password(url: &Url) -> Result<(), String> {
    if url.password().is_some() {
        return Err(
            "its URL holds a password, which every process of this machine can read: put it into HANDBACK_MAIL_PASSWORD"
                .to_owned(),
        );
    }
    Ok(())
}

/// `http://127.0.0.1:8025`, with `?domain=shop.test` if another domain than ours is wanted.
fn mailpit(text: &str) -> Result<Choice, String> {
    let mut url = web(text)?;
    let domain = parameter(&url, "domain")?.unwrap_or_else(|| MAILPIT_DOMAIN.to_owned());
    if domain.is_empty() || domain.contains(['@', ' ', '"']) {
        return Err(format!("domain={domain} is no domain"));
    }
    url.set_query(None);
    Ok(Choice::Mailpit { url, domain })
}

/// `imaps://ada%40example.org@imap.example.org/INBOX?address={id}@example.org`
fn imap(text: &str) -> Result<Mailbox, String> {
    let url = Url::parse(text).map_err(|error| format!("its URL cannot be read ({error})"))?;
    if url.scheme() != "imaps" {
        return Err("its URL begins with imaps://: mail is read over TLS only".to_owned());
    }
    without_password(&url)?;
    let host = url.host_str().and_then(|host| Host::parse(host).ok());
    let host = host.ok_or("its URL has no host")?;
    let user = decoded(url.username())?;
    if user.is_empty() {
        return Err(
            "its URL names no user: write imaps://USER@HOST, an @ in the user as %40".to_owned()
        );
    }
    let folder = decoded(url.path().trim_matches('/'))?;
    let folder = if folder.is_empty() { "INBOX".to_owned() } else { folder };
    let pattern = match parameter(&url, "address")? {
        Some(pattern) => pattern,
        None => match user.rsplit_once('@') {
            Some((local, domain)) => format!("{local}+{ID}@{domain}"),
            None => {
                return Err(format!(
                    "the user {user} is no address: say where its mail goes, with ?address=USER+{ID}@DOMAIN, or ?address={ID}@DOMAIN for a catch-all"
                ));
            }
        },
    };
    let fits = pattern
        .split_once('@')
        .is_some_and(|(local, domain)| local.matches(ID).count() == 1 && !domain.is_empty());
    if !fits || pattern.contains([' ', '"', '<', '>', '\r', '\n']) {
        return Err(format!(
            "address={pattern} is no pattern: it has {ID} once, before the @, so that each address is new"
        ));
    }
    Ok(Mailbox { host, port: url.port().unwrap_or(IMAPS), user, folder, pattern })
}

/// A parameter of a query. A plus is a plus, since addresses have them.
fn parameter(url: &Url, name: &str) -> Result<Option<String>, String> {
    let mut found = None;
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((own, value)) if own == name => found = Some(decoded(value)?),
            _ => return Err(format!("its URL takes only {name}=… after the question mark")),
        }
    }
    Ok(found)
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| "its URL holds bytes that are no UTF-8".to_owned())?;
    if text.contains(char::is_control) {
        return Err("its URL holds a control character".to_owned());
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> Mailbox {
        let Choice::Imap(mailbox) = Choice::parse(text).unwrap() else { panic!("{text}") };
        mailbox
    }

    #[test]
    fn a_mailbox_is_a_user_a_server_and_a_pattern() {
        let plus = mailbox("imap=imaps://ada%40example.org@imap.example.org");
        assert_eq!((plus.user.as_str(), plus.port), ("ada@example.org", 993));
        assert_eq!(
            (plus.folder.as_str(), plus.pattern.as_str()),
            ("INBOX", "ada+{id}@example.org")
        );
        let all = mailbox("imap=imaps://qa@127.0.0.1:1993/Tests/In?address={id}@catch.test");
        assert_eq!(all.host.to_string(), "127.0.0.1");
        assert_eq!((all.folder.as_str(), all.pattern.as_str()), ("Tests/In", "{id}@catch.test"));
        let both = mailbox("imap=imaps://qa@h.test?address=qa+x{id}@h.test");
        assert_eq!(both.pattern, "qa+x{id}@h.test");
    }

    #[test]
    fn a_mailpit_has_a_domain_of_its_own() {
        let check = |text: &str, domain: &str| {
            let Choice::Mailpit { url, domain: own } = Choice::parse(text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!((url.query(), own.as_str()), (None, domain));
        };
        check("mailpit=http://127.0.0.1:8025", "handback.test");
        check("mailpit=https://mail.test/pit?domain=shop.test", "shop.test");
    }

    #[test]
    fn the_public_service_and_none_need_no_address() {
        assert_eq!(Choice::parse("none"), Ok(Choice::None));
        assert_eq!(Choice::parse("mail_tm"), Ok(Choice::public()));
        assert_eq!(Choice::public().name(), "mail_tm");
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_password() {
        let check = |text: &str, part: &str| {
            let error = Choice::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        };
        check("mailbox=http://x", "write mailpit=URL");
        check("mailpit", "write mailpit=URL");
        check("mailpit=ftp://x", "http://");
        check("mailpit=http://ada:hunter2@x", "HANDBACK_MAIL_PASSWORD");
        check("mailpit=http://x?domain=a@b", "is no domain");
        check("mailpit=http://x?domian=a", "only domain=");
        check("imap=imap://ada@x", "over TLS only");
        check("imap=imaps://ada:hunter2@x", "HANDBACK_MAIL_PASSWORD");
        check("imap=imaps://x", "no user");
        check("imap=imaps://ada@x", "?address=");
        check("imap=imaps://ada@x?address=ada@x", "each address is new");
        check("imap=imaps://ada@x?address=ada@{id}", "each address is new");
    }

    #[test]
    fn a_mailbox_without_a_password_is_refused_before_the_run() {
        let choice = || Choice::Imap(mailbox("imap=imaps://a%40b.test@h.test"));
        let error = Settings::new(choice(), None, None).unwrap_err();
        assert!(error.contains("HANDBACK_MAIL_PASSWORD_FILE"), "{error}");
        let password = |text: &str| Some(Secret::new(text.to_owned()));
        assert!(
            Settings::new(choice(), password("abc"), None).unwrap_err().contains("less than 4")
        );
        let broken = Settings::new(choice(), password("abcd"), Some(b"no".to_vec())).unwrap_err();
        assert!(broken.contains("--mail-ca"), "{broken}");
        assert!(Settings::new(choice(), password("abcd"), None).is_ok());
    }
}
