//! `--mail` and `--mail-ca`, and the password that goes with them.

use std::{env, ffi::OsString, fs, path::PathBuf};

use crate::{
    mail::settings::{Choice, Settings},
    secret::Secret,
};

/// The password, and the path of a file that holds it. No option: a command line can be read by every
/// process of the machine.
const PASSWORD: &str = "HANDBACK_MAIL_PASSWORD";
const PASSWORD_FILE: &str = "HANDBACK_MAIL_PASSWORD_FILE";

/// Where mail comes from.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Mail {
    /// Where mail for the plan comes from: mailpit=URL, imap=imaps://USER@HOST, mail_tm (a public
    /// service) or none. The password is HANDBACK_MAIL_PASSWORD or in HANDBACK_MAIL_PASSWORD_FILE
    /// [default: mail_tm, if a mail step asks for it]
    #[arg(long, env = "HANDBACK_MAIL", value_name = "PROVIDER")]
    pub mail: Option<String>,
    /// A PEM file with the certificates to trust at the mail provider, and no others
    #[arg(long, env = "HANDBACK_MAIL_CA", value_name = "FILE")]
    pub mail_ca: Option<PathBuf>,
}

impl Mail {
    /// Reads them, the password from where it is.
    ///
    /// # Errors
    /// A sentence that says what is wrong. It never repeats what may be a password.
    pub fn read(&self) -> Result<Settings, String> {
        let Self { mail, mail_ca } = self;
        let choice = match mail {
            Some(text) => Choice::parse(text).map_err(|why| format!("--mail: {why}."))?,
            None => Choice::public(),
        };
        let given = |name| env::var_os(name).filter(|value| !value.is_empty());
        let password = password(given(PASSWORD), given(PASSWORD_FILE))?;
        let ca = mail_ca.as_ref().map(|path| {
            fs::read(path)
                .map_err(|error| format!("--mail-ca {} cannot be read: {error}.", path.display()))
        });
        Settings::new(choice, password, ca.transpose()?)
    }
}

fn password(
    value: Option<OsString>,
    file: Option<OsString>,
) -> Result<Option<Secret<String>>, String> {
    let text = match (value, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(format!("There are both {PASSWORD} and {PASSWORD_FILE}: set one of them."));
        }
        (Some(value), None) => {
            value.into_string().map_err(|_| format!("{PASSWORD} is no UTF-8 text."))?
        }
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            let text = fs::read_to_string(&path).map_err(|error| {
                format!("{PASSWORD_FILE}: {} cannot be read: {error}.", path.display())
            })?;
            // Editors and `echo` end a file with a line break that nobody means.
            let text = text.strip_suffix('\n').unwrap_or(&text);
            text.strip_suffix('\r').unwrap_or(text).to_owned()
        }
    };
    Ok(Some(Secret::new(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_from_the_environment_or_a_file_and_not_from_both() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pw");
        fs::write(&path, "hunter2\r\n").unwrap();
        let file = || Some(path.clone().into_os_string());
        let read = |value: Option<&str>, file| {
            password(value.map(OsString::from), file)
                .map(|found| found.map(|secret| secret.expose().to_owned()))
        };
        assert_eq!(read(None, None), Ok(None));
        assert_eq!(read(Some("hunter2"), None), Ok(Some("hunter2".to_owned())));
        assert_eq!(read(None, file()), Ok(Some("hunter2".to_owned())));
        let both = read(Some("hunter2"), file()).unwrap_err();
        assert!(both.contains("set one of them") && !both.contains("hunter2"), "{both}");
        assert!(read(None, Some("/no/such".into())).unwrap_err().contains("/no/such"));
    }

    #[test]
    fn without_the_option_it_is_the_public_service() {
        let mail = |text: Option<&str>| Mail { mail: text.map(str::to_owned), mail_ca: None };
        assert_eq!(mail(None).read().unwrap().choice, Choice::public());
        assert_eq!(mail(Some("none")).read().unwrap().choice, Choice::None);
        assert!(mail(Some("x")).read().unwrap_err().starts_with("--mail: write"));
        let missing = Mail { mail: None, mail_ca: Some("/no/such".into()) };
        assert!(missing.read().unwrap_err().contains("--mail-ca /no/such"));
    }
}
