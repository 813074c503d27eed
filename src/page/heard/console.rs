//! What pages have written to their consoles (pure).

use std::fmt;

use serde::Serialize;

use super::{Kept, Listing, bounded, told};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `console.log` and the like.
    Info,
    /// `console.warn`, and warnings of the browser.
    Warning,
    /// `console.error`, failed assertions, exceptions that nobody caught, errors of the browser.
    Error,
}

/// Which messages are wanted (agent.md 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Errors.
    #[default]
    Error,
    /// Errors and warnings.
    Warning,
    /// All of them.
    All,
}

impl Level {
    /// As the tool's argument has it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "error" => Some(Self::Error),
            "warning" => Some(Self::Warning),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// The same back.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::All => "all",
        }
    }

    fn takes(self, severity: Severity) -> bool {
        severity
            >= match self {
                Self::Error => Severity::Error,
                Self::Warning => Severity::Warning,
                Self::All => Severity::Info,
            }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// How bad it is.
    pub severity: Severity,
    /// What it says; page text.
    pub text: String,
    /// The script that wrote it and the line from 1, if that is known: `https://a.example/app.js:12`.
    pub place: Option<String>,
    /// The tab that it came from: `t1`.
    pub tab: String,
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(out, "[{word}] {}", self.text)?;
        match &self.place {
            Some(place) => write!(out, " ({place})"),
            None => Ok(()),
        }
    }
}

/// What was handed to the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// It is a string, and may be a format.
    pub(crate) is_text: bool,
    /// As people read it.
    pub(crate) shown: String,
}

/// The arguments of a call as the console shows them: `%s` and the like are filled in.
pub(crate) fn formatted(arguments: &[Argument]) -> String {
    let Some((first, rest)) = arguments.split_first() else { return String::new() };
    let mut rest = rest.iter();
    let mut text = String::new();
    if first.is_text {
        let mut letters = first.shown.chars().peekable();
        while let Some(letter) = letters.next() {
            match (letter, letters.peek()) {
                ('%', Some('%')) => {
                    letters.next();
                    text.push('%');
                }
                ('%', Some('s' | 'd' | 'i' | 'f' | 'o' | 'O')) if rest.len() > 0 => {
                    letters.next();
                    text.extend(rest.next().map(|argument| argument.shown.as_str()));
                }
                // A style, which is not shown.
                ('%', Some('c')) if rest.len() > 0 => {
                    letters.next();
                    rest.next();
                }
                (letter, _) => text.push(letter),
            }
        }
    } else {
        text.push_str(&first.shown);
    }
    for argument in rest {
        text.push(' ');
        text.push_str(&argument.shown);
    }
    text
}

/// The messages of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Console(Kept<Message>);

impl Console {
    pub(crate) fn add(&mut self, message: Message) {
        let message = Message { text: bounded(message.text), ..message };
        self.0.push(message.text.len(), message);
    }

    /// The newest `limit` of at least this level, as they came: [`Listing::told`] makes them fit to be
    /// told.
    pub(crate) fn list(&self, level: Level, limit: usize) -> Listing<Message> {
        let wanted = self.0.iter().filter(|message| level.takes(message.severity)).cloned();
        Listing::newest(wanted.collect(), limit, self.0.dropped)
    }
}

impl Listing<Message> {
    /// The same redacted, each as a whole, and cut afterwards.
    pub(crate) fn told(mut self, redact: &dyn Fn(&str) -> String) -> Self {
        for message in &mut self.entries {
            message.text = told(&message.text, redact);
            message.place = message.place.as_deref().map(|place| told(place, redact));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[(bool, &str)], wanted: &str) {
        let arguments: Vec<Argument> = arguments
            .iter()
            .map(|(is_text, shown)| Argument { is_text: *is_text, shown: (*shown).to_owned() })
            .collect();
        assert_eq!(formatted(&arguments), wanted);
    }

    #[test]
    fn arguments_read_as_in_a_console() {
        check(&[], "");
        check(&[(true, "a"), (false, "1"), (true, "b")], "a 1 b");
        check(
            &[(true, "no %s, %d of %%: %o"), (true, "go"), (false, "2"), (false, "{x: 1}")],
            "no go, 2 of %: {x: 1}",
        );
        check(&[(true, "%cred%c"), (true, "color: red"), (true, ""), (false, "7")], "red 7");
        check(&[(true, "100%"), (false, "1")], "100% 1");
        check(&[(true, "%s")], "%s");
        check(&[(false, "%s"), (true, "x")], "%s x");
    }

    #[test]
    fn messages_are_listed_by_level_the_newest_of_them_and_redacted() {
        let mut console = Console::default();
        for (number, severity) in
            [Severity::Info, Severity::Error, Severity::Warning, Severity::Error]
                .into_iter()
                .enumerate()
        {
            let text = format!("{number} hunter2");
            let place = Some("http://x/hunter2.js:1".to_owned());
            console.add(Message { severity, text, place, tab: "t1".to_owned() });
        }
        let listed = |level, limit| {
            let redact = |text: &str| text.replace("hunter2", "***");
            let listing = console.list(level, limit).told(&redact);
            listing.entries.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            listed(Level::Error, 9),
            ["[error] 1 *** (http://x/***.js:1)", "[error] 3 *** (http://x/***.js:1)"]
        );
        assert_eq!(listed(Level::Warning, 9).len(), 3);
        assert_eq!(listed(Level::All, 9).len(), 4);
        assert_eq!(listed(Level::All, 1), ["[error] 3 *** (http://x/***.js:1)"]);
    }
}
