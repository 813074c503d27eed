//! Sentences for people, cut to what fits.

/// One line of at most `bytes` bytes: control characters become blanks, and what is cut off is
/// marked. Status counts characters; bytes are the harder bound, and the one that memory and the
/// store feel.
pub(super) fn short(text: &str, bytes: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    if line.len() <= bytes {
        return line.to_owned();
    }
    let mark = "…";
    let room = bytes.saturating_sub(mark.len());
    let end = (0..=room).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{mark}", line.get(..end).unwrap_or_default().trim_end())
}

/// As much of a text, from its beginning, as takes at most `bytes` bytes as JSON, quotation marks apart.
/// Quotes, line ends and control characters take more there than in memory.
pub(super) fn bounded(text: &str, bytes: usize) -> String {
    let mut room = bytes;
    let fits = |c: &char| {
        let takes = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            _ => c.len_utf8(),
        };
        let left = room.checked_sub(takes);
        room = left.unwrap_or_default();
        left.is_some()
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::{bounded, short};

    #[test]
    fn what_is_bounded_is_a_beginning_that_takes_no_more_as_json() {
        for text in ["plain", "a \"quoted\" word\n", "\u{1}\u{2}\u{8}", "é😀é😀", "\\\t\r\u{c}", ""]
        {
            for bytes in 0..40 {
                let cut = bounded(text, bytes);
                let json = |text: &str| serde_json::to_string(text).unwrap().len() - 2;
                assert!(text.starts_with(&cut) && json(&cut) <= bytes, "{text:?} {bytes}");
                assert_eq!(bounded(&cut, bytes), cut);
                let next = text[cut.len()..].chars().next();
                let more = next.map(|next| format!("{cut}{next}"));
                assert!(more.is_none_or(|more| json(&more) > bytes), "{text:?} {bytes}: not all");
            }
        }
    }

    #[test]
    fn texts_are_cut_between_characters_and_cutting_again_changes_nothing() {
        for (text, bytes, expected) in [
            ("two\nlines ", 64, "two lines"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc…"),
            ("ééééé", 8, "éé…"),
            ("ab cdefg", 6, "ab…"),
        ] {
            let cut = short(text, bytes);
            assert_eq!(cut, expected);
            assert!(cut.len() <= bytes);
            assert_eq!(short(&cut, bytes), cut);
        }
    }
}
