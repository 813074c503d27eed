//! What pages say beside their tree (pure): what they wrote to their consoles, what they asked the
//! network for, and how much of it is kept.
//!
//! Texts are kept as they came: whoever reads them has them redacted first and cut afterwards, since
//! a cut could leave half of a secret that nobody finds any more.

mod console;
mod traffic;

use std::collections::VecDeque;

use serde::Serialize;

pub(crate) use console::{Argument, Console, formatted};
pub use console::{Level, Message, Severity};
pub use traffic::Exchange;
pub(crate) use traffic::{Outcome, Traffic};

/// Messages and requests that are kept, of each the newest: five times of what can be asked for.
const MOST: usize = 1000;
/// Bytes of text that are kept, of each: a page that logs for ever costs no more.
const ALL_TEXT: usize = 4 << 20;
/// Longest text that is looked at; a longer one is cut at its last blank before that.
const LONGEST: usize = 64 << 10;
/// Longest text that is told, in bytes, after redaction.
const TOLD: usize = 2000;

/// Entries that are of interest, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing<T> {
    /// The newest of those that match, as many as were asked for.
    pub entries: Vec<T>,
    /// How many match.
    pub matching: usize,
    /// Older ones of this scenario that are not kept any more, whether or not they would match.
    pub dropped: usize,
}

impl<T> Listing<T> {
    fn newest(mut entries: Vec<T>, limit: usize, dropped: usize) -> Self {
        let matching = entries.len();
        entries.drain(..matching.saturating_sub(limit));
        Self { entries, matching, dropped }
    }

    /// What is missing, in a sentence.
    pub fn omitted(&self) -> Option<String> {
        let before = self.matching - self.entries.len();
        let older =
            |count: usize| if count == 1 { "1 older".to_owned() } else { format!("{count} older") };
        let more =
            (before > 0).then(|| format!("{} not listed (ask for a higher limit)", older(before)));
        let gone = (self.dropped > 0).then(|| {
            format!("{} no longer known: only the newest {MOST} are kept", older(self.dropped))
        });
        let said: Vec<String> = more.into_iter().chain(gone).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// The newest of something.
#[derive(Debug)]
struct Kept<T> {
    entries: VecDeque<(usize, T)>,
    bytes: usize,
    dropped: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, dropped: 0 }
    }
}

impl<T> Kept<T> {
    /// Adds an entry with so many bytes of text, and gives those that had to go for it.
    fn push(&mut self, bytes: usize, entry: T) -> Vec<T> {
        self.entries.push_back((bytes, entry));
        self.bytes += bytes;
        let mut gone = Vec::new();
        while self.entries.len() > MOST || (self.bytes > ALL_TEXT && self.entries.len() > 1) {
            let Some((bytes, entry)) = self.entries.pop_front() else { break };
            self.bytes -= bytes;
            self.dropped += 1;
            gone.push(entry);
        }
        gone
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, entry)| entry)
    }
}

/// Page text of a length that can be kept: a word that would be cut is left out.
fn bounded(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let head = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default();
    match head.rfind(char::is_whitespace) {
        Some(end) => format!("{} …", head.get(..end).unwrap_or_default()),
        None => format!("({} bytes without a blank)", text.len()),
    }
}

/// Page text as it is told: redacted whole, then cut.
fn told(text: &str, redact: &dyn Fn(&str) -> String) -> String {
    crate::redact::cut(&redact(text), TOLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_the_others_are_counted() {
        let mut kept = Kept::default();
        for number in 0..MOST {
            assert!(kept.push(1, number).is_empty());
        }
        assert_eq!(kept.push(1, MOST), [0]);
        assert_eq!(kept.push(ALL_TEXT, MOST + 1).len(), MOST, "as many as it has text for");
        assert_eq!((kept.entries.len(), kept.bytes, kept.dropped), (1, ALL_TEXT, MOST + 1));
    }

    #[test]
    fn a_listing_says_what_is_missing() {
        let whole = Listing::newest(vec![1, 2], 5, 0);
        assert_eq!(whole.omitted(), None);
        let part = Listing::newest(vec![1, 2, 3], 2, 7);
        assert_eq!(part.entries, [2, 3]);
        assert_eq!(
            part.omitted().unwrap(),
            "1 older not listed (ask for a higher limit); 7 older no longer known: only the newest 1000 are kept"
        );
    }

    #[test]
    fn no_word_of_a_long_text_is_cut_before_it_is_redacted() {
        let secret = "s".repeat(100);
        let text = format!("{} {secret}", "x".repeat(LONGEST - 50));
        let kept = bounded(text);
        assert!(kept.ends_with("x …") && !kept.contains('s'), "{}", kept.len());
        assert_eq!(bounded("y".repeat(LONGEST + 1)), "(65537 bytes without a blank)");
        let hide = |text: &str| text.replace(&secret, "{{S}}");
        let long = format!("{}{secret} end", "x".repeat(TOLD - 50));
        assert!(told(&long, &hide).contains("{{S}}"), "cut only afterwards");
    }
}
