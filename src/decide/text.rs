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

#[cfg(test)]
mod tests {
    use super::short;

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
