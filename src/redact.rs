//! One redactor for everything that is stored, logged, evented or sent to a model (ground, pure).
//!
//! Two levels (handoff.md 5.1). *base* replaces what is known to be secret and what looks like a
//! credential; *strict* also replaces what merely could be one, for texts that leave the run. The
//! passes run in order and again until nothing changes, so redacting twice is redacting once.

mod encodings;
mod registered;
mod url;

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use regex::{Captures, Regex};

use crate::secret::Secret;
use registered::Known;

/// What replaces a secret without a name.
const REDACTED: &str = "[redacted]";
/// What replaces a mail address.
const EMAIL: &str = "[email]";
/// A text that still changes after so many rounds is replaced as a whole. Replacements are shorter
/// in content than what they replace, so that two rounds are the usual number.
const ROUNDS: usize = 8;

/// A secret that the redactor looks for.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The value. Empty ones are ignored.
    pub value: Secret<String>,
    /// `{{NAME}}`, if people know it by a name; else `[redacted]`.
    pub placeholder: Option<String>,
}

/// Replaces secrets in text. Cheap to use, costly to make: make one for each set of secrets.
///
/// A secret that comes while the run goes on is known to everybody who has the redactor as soon as
/// [`Self::register`] returns. That is a lock and no task of its own, since whoever writes a text down
/// must not wait for an answer, nor be able to go on without it.
#[derive(Debug)]
pub struct Redactor {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    secrets: Vec<Registered>,
    /// All of them together: where two overlap, replacing one after the other would leave a rest.
    known: Arc<Known>,
}

impl Redactor {
    /// A redactor for these secrets.
    pub fn new(secrets: Vec<Registered>) -> Self {
        let known = Arc::new(Known::new(secrets.clone()));
        Self { state: RwLock::new(State { secrets, known }) }
    }

    /// Adds a secret that has come up. One that is known stays as it is.
    pub fn register(&self, secret: Registered) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.secrets.iter().all(|known| known.value != secret.value) {
            state.secrets.push(secret);
            state.known = Arc::new(Known::new(state.secrets.clone()));
        }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).known)
    }

    /// Passes 1 to 5: text of any number of lines.
    pub fn base(&self, text: &str) -> String {
        settle(text, |text| self.common(text))
    }

    /// Passes 0 to 5: a field of one line.
    pub fn line(&self, text: &str) -> String {
        settle(text, |text| self.common(one_line(&text).into()))
    }

    /// Passes 0 to 10.
    pub fn strict(&self, text: &str) -> String {
        settle(text, |text| strict(self.common(one_line(&text).into())))
    }

    /// A URL as it may be stored: no user info, no fragment, no values of query parameters
    /// (handoff.md 5.2).
    pub fn url(&self, url: &str) -> String {
        self.base(&url::sanitised(url, |part| self.is_telling(part)))
    }

    /// Whether a decoded part of a URL holds a secret or looks like one: passes 1, 5, 7 and 8.
    fn is_telling(&self, part: &str) -> bool {
        let seen = self.known().replace(part.into());
        let seen = random(hex(credentials(seen)));
        seen != part
    }

    fn common<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        unregistered(self.known().replace(text))
    }
}

/// Passes 2 to 5.
fn unregistered(text: Cow<'_, str>) -> Cow<'_, str> {
    credentials(schemes(user_info(keys(text))))
}

/// A URL as it may be stored, but for registered secrets: for texts that lose those later.
pub fn sanitised_url(url: &str) -> String {
    let is_telling = |part: &str| random(hex(credentials(part.into()))) != part;
    settle(&url::sanitised(url, is_telling), unregistered)
}

/// Runs `pass` until nothing changes.
fn settle<'t>(text: &'t str, pass: impl Fn(Cow<'t, str>) -> Cow<'t, str>) -> String {
    let mut current = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let next = pass(current.clone());
        if next == current {
            return next.into_owned();
        }
        current = next;
    }
    REDACTED.to_owned()
}

/// Cuts `text` to at most `limit` bytes, on a character boundary, ending in `…`. A shorter text is
/// left as it is.
pub fn cut(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub(MARK.len()));
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}

fn strict(text: Cow<'_, str>) -> Cow<'_, str> {
    digits(mails(random(hex(named(text)))))
}

#[expect(clippy::expect_used, reason = "the patterns are constants; a test compiles each of them")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern compiles")
}

/// Replaces every match; does not copy a text without one.
fn replace<'t>(
    text: Cow<'t, str>,
    pattern: &Regex,
    by: impl Fn(&Captures<'_>) -> String,
) -> Cow<'t, str> {
    match pattern.replace_all(&text, |found: &Captures<'_>| by(found)) {
        Cow::Borrowed(_) => text,
        Cow::Owned(changed) => Cow::Owned(changed),
    }
}

fn group<'c>(found: &'c Captures<'_>, name: &str) -> &'c str {
    found.name(name).map_or("", |group| group.as_str())
}

/// Pass 0: control, format and separator characters are blanks, and blanks are single.
fn one_line(text: &str) -> String {
    static BLANKS: LazyLock<Regex> = LazyLock::new(|| compiled(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp} ]+"));
    BLANKS.replace_all(text, " ").trim_matches(' ').to_owned()
}

/// Pass 2: private keys and the like, also cut off ones.
fn keys(text: Cow<'_, str>) -> Cow<'_, str> {
    static KEYS: LazyLock<Regex> =
        LazyLock::new(|| compiled(r"(?s)-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|$)"));
    replace(text, &KEYS, |_| REDACTED.to_owned())
}

/// Pass 3: user info in URLs. Up to the last `@`, since browsers accept one in a password.
fn user_info(text: Cow<'_, str>) -> Cow<'_, str> {
    static USER: LazyLock<Regex> = LazyLock::new(|| compiled(r"://[^ \t\r\n\x0b\x0c/?#]+@"));
    replace(text, &USER, |_| format!("://{REDACTED}@"))
}

/// Pass 4: what follows the name of an authentication scheme.
fn schemes(text: Cow<'_, str>) -> Cow<'_, str> {
    static SCHEMES: LazyLock<Regex> = LazyLock::new(|| {
        compiled(
            r"(?-u:\b)(?<scheme>(?i-u:bearer|basic|token))[ \t\r\n\x0b\x0c]+[A-Za-z0-9._~+/=-]{8,}",
        )
    });
    replace(text, &SCHEMES, |found| format!("{} {REDACTED}", group(found, "scheme")))
}

/// Pass 5: JSON web tokens, and keys that say what they are.
fn credentials(text: Cow<'_, str>) -> Cow<'_, str> {
    static TOKENS: LazyLock<Regex> =
        LazyLock::new(|| compiled(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"));
    static PREFIXED: LazyLock<Regex> = LazyLock::new(|| {
        compiled(concat!(
            r"(?-u:\b)(?:AKIA[0-9A-Z]{16}|gh[opsur]_[A-Za-z0-9]{16,}",
            r"|sk-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{8,})",
        ))
    });
    let text = replace(text, &TOKENS, |_| REDACTED.to_owned());
    replace(text, &PREFIXED, |_| REDACTED.to_owned())
}

/// Pass 6: what stands after a name like `password:` or `code is`.
fn named(text: Cow<'_, str>) -> Cow<'_, str> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        compiled(concat!(
            r"(?<name>(?i-u:passwords?|passphrase|passwd|pwd|secret|token|api[ _-]?key",
            r"|access[ _-]?key|auth|authorization|cookie|session(?:[ _-]?id)?|code|otp|pin))",
            r#"(?<is>"?[ \t\r\n\x0b\x0c]*[:=][ \t\r\n\x0b\x0c]*"?"#,
            r#"|[ \t\r\n\x0b\x0c]+(?i-u:is)[ \t\r\n\x0b\x0c]+"?)"#,
            r#"[^ \t\r\n\x0b\x0c"&;,]+"#,
        ))
    });
    replace(text, &NAMED, |found| {
        format!("{}{}{REDACTED}", group(found, "name"), group(found, "is"))
    })
}

/// Pass 7: long hexadecimal numbers.
fn hex(text: Cow<'_, str>) -> Cow<'_, str> {
    static HEX: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?-u:\b)[0-9a-fA-F]{32,}(?-u:\b)"));
    replace(text, &HEX, |_| REDACTED.to_owned())
}

/// Pass 8: long words that look random.
fn random(text: Cow<'_, str>) -> Cow<'_, str> {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?<word>[A-Za-z0-9_-]{24,})"));
    replace(text, &WORDS, |found| {
        let word = group(found, "word");
        if looks_random(word) { REDACTED.to_owned() } else { word.to_owned() }
    })
}

fn looks_random(word: &str) -> bool {
    let kinds = [
        word.bytes().any(|byte| byte.is_ascii_lowercase()),
        word.bytes().any(|byte| byte.is_ascii_uppercase()),
        word.bytes().any(|byte| byte.is_ascii_digit()),
    ];
    kinds.into_iter().filter(|kind| *kind).count() >= 2 && !is_slug(word)
}

/// `how-we-write-end-to-end-tests-in-2026`: words and years, as titles become addresses.
fn is_slug(word: &str) -> bool {
    let is_part = |part: &str| {
        let letters = part.len() <= 20 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
        let digits = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        !part.is_empty() && (letters || digits)
    };
    word.split(['-', '_']).count() >= 3 && word.split(['-', '_']).all(is_part)
}

/// Pass 9: mail addresses.
fn mails(text: Cow<'_, str>) -> Cow<'_, str> {
    static MAILS: LazyLock<Regex> =
        LazyLock::new(|| compiled(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"));
    replace(text, &MAILS, |_| EMAIL.to_owned())
}

/// Pass 10: card and account numbers, then every longer run of digits.
fn digits(text: Cow<'_, str>) -> Cow<'_, str> {
    static GROUPED: LazyLock<Regex> =
        LazyLock::new(|| compiled(r"(?-u:\b)[0-9](?:[ -]?[0-9]){11,18}(?-u:\b)"));
    static RUNS: LazyLock<Regex> = LazyLock::new(|| compiled(r"[0-9]{4,}"));
    let text = replace(text, &GROUPED, |_| REDACTED.to_owned());
    replace(text, &RUNS, |_| REDACTED.to_owned())
}

#[cfg(test)]
mod tests;
