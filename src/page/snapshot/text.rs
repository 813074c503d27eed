//! Page text made safe and comparable (pure).

/// Removed wherever they stand: controls, what reverses the direction of a line, what has no width.
fn is_odd(letter: char) -> bool {
    matches!(letter,
        '\u{0}'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

/// The text with its blanks collapsed and trimmed, and without characters that could forge or
/// disguise a line. A no-break space is a blank.
pub fn norm(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_odd(letter) {
            continue;
        }
        if !letter.is_whitespace() {
            out.push(letter);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// A value in quotes, as names and mark values are printed.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    out
}

/// At most `bytes` of the text, cut between characters, and how many bytes are missing.
pub(super) fn capped(text: String, bytes: usize) -> String {
    if text.len() <= bytes {
        return text;
    }
    let kept = text.get(..text.floor_char_boundary(bytes)).unwrap_or_default();
    format!("{kept}…(+{})", text.len() - kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_collapse_and_odd_characters_go() {
        assert_eq!(norm(" a\u{a0}\n b\u{200b}c \u{202e}d\u{2028}"), "a bc d");
        assert_eq!(norm("\u{1b}[31m"), "[31m");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(capped("ab€d".to_owned(), 4), "ab…(+4)");
        assert_eq!(capped("abcd".to_owned(), 4), "abcd");
    }
}
