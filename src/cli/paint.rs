//! Words and signs of the terminal: `✓ ✕ ● –`, at most 100 columns, colour only where it is wanted,
//! and nothing in a page's text can move the cursor (pure).

use crate::agent::verdict::Verdict;

/// The widest line.
pub(crate) const COLUMNS: usize = 100;

/// Whether and how to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    /// Escape sequences are understood and wanted.
    pub(crate) colour: bool,
}

impl Paint {
    /// A verdict's sign.
    pub(crate) fn sign(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Passed => self.good("✓"),
            Verdict::Failed | Verdict::Errored | Verdict::Aborted => self.bad("✕"),
            Verdict::Cancelled | Verdict::Skipped => self.soft("–"),
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(crate) fn soft(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text of a page or a plan on one line of at most `width` columns: control characters become
/// blanks, what is too long ends in `…`.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() || is_format(c) { ' ' } else { c }).collect();
    let clean = clean.trim_end();
    if clean.chars().count() <= width {
        return clean.to_owned();
    }
    let mut cut: String = clean.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Characters that turn the direction of a line or hide.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `12.1 s`, `2 min 5 s`.
pub(crate) fn seconds(ms: u64) -> String {
    if ms < 60_000 {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    } else {
        format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pages_text_cannot_steer_the_terminal() {
        assert_eq!(fit("a\u{1b}[2Jb\r\nc\u{202e}d\u{9b}1m", 40), "a [2Jb  c d 1m");
    }

    #[test]
    fn what_is_too_long_is_cut_where_it_shows() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
    }

    #[test]
    fn colour_is_only_there_when_wanted() {
        assert_eq!(Paint { colour: false }.sign(Verdict::Failed), "✕");
        assert_eq!(Paint { colour: true }.good("✓"), "\u{1b}[32m✓\u{1b}[0m");
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!((seconds(12_190), seconds(125_000)), ("12.1 s".into(), "2 min 5 s".into()));
    }
}
