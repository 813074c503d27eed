//! Tools on a page: what can be done to a tab and asked of it, whoever decides.
//!
//! [`tool`] has the calls and the one dispatcher, [`target`] how elements are described,
//! [`predicate`] what can be asked, [`cdp`] the connection to the browser. Nothing of the browser's
//! protocol leaves [`cdp`].

pub mod cdp;
pub mod keys;
pub mod locate;
pub mod predicate;
pub mod snapshot;
pub mod target;
pub mod tool;
pub(crate) mod words;

use crate::secret::Secret;

/// Text for a page. `shown` keeps the placeholders of secret variables and is what every record
/// gets; what is typed leaves only through [`Text::expose`].
#[derive(Clone, Debug)]
pub struct Text {
    shown: String,
    secret: Option<SecretText>,
}

/// The value behind a [`Text`] with secrets in it.
#[derive(Clone, Debug)]
struct SecretText {
    value: Secret<String>,
    origins: Vec<String>,
}

impl Text {
    /// Text without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { shown: text.into(), secret: None }
    }

    /// Text with secrets: what may be recorded, what is meant, and the origins
    /// (`https://app.example`) that may receive it.
    pub fn secret(shown: impl Into<String>, value: Secret<String>, origins: Vec<String>) -> Self {
        Self { shown: shown.into(), secret: Some(SecretText { value, origins }) }
    }

    /// What may be recorded.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What is meant. Only for the browser and for comparisons.
    pub fn expose(&self) -> &str {
        self.secret.as_ref().map_or(&self.shown, |secret| secret.value.expose())
    }

    /// Whether a field that receives it is tainted from then on.
    pub fn is_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether a document of this origin may receive it.
    pub fn allowed_at(&self, origin: &str) -> bool {
        self.secret.as_ref().is_none_or(|secret| secret.origins.iter().any(|one| one == origin))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown && self.is_secret() == other.is_secret()
    }
}
