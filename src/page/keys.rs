//! Names of keys and chords (agent.md 4.3, `press_key`; pure).
//!
//! People write `ctrl + a`, `Esc` or `page down`; the page layer gets one spelling of each:
//! `Control+a`, `Escape`, `PageDown`. Modifiers come in the order of [`MODIFIERS`].

/// The modifiers, in the order in which a chord names them.
pub const MODIFIERS: [&str; 5] = ["Control", "Shift", "Alt", "Meta", "ControlOrMeta"];

/// Canonical names, each with its aliases in lower case and without blanks.
const NAMED: [(&str, &[&str]); 16] = [
    ("Enter", &["return"]),
    ("Tab", &["tabulator"]),
    ("Escape", &["esc"]),
    ("Backspace", &["back"]),
    ("Delete", &["del"]),
    ("Space", &["spacebar"]),
    ("Insert", &["ins"]),
    ("Home", &["pos1"]),
    ("End", &[]),
    ("PageUp", &["pgup"]),
    ("PageDown", &["pgdn", "pgdown"]),
    ("ArrowUp", &["up", "uparrow"]),
    ("ArrowDown", &["down", "downarrow"]),
    ("ArrowLeft", &["left", "leftarrow"]),
    ("ArrowRight", &["right", "rightarrow"]),
    ("Plus", &[]),
];

const MODIFIER_ALIASES: [(&str, &str); 12] = [
    ("control", "Control"),
    ("ctrl", "Control"),
    ("shift", "Shift"),
    ("alt", "Alt"),
    ("option", "Alt"),
    ("opt", "Alt"),
    ("meta", "Meta"),
    ("cmd", "Meta"),
    ("command", "Meta"),
    ("super", "Meta"),
    ("controlormeta", "ControlOrMeta"),
    ("commandorcontrol", "ControlOrMeta"),
];

/// The canonical spelling of a key or chord, or `None` if there is no such key.
///
/// A chord is modifiers and one key, joined by `+`; a modifier alone is a key as well. A printable
/// character is itself, whatever its case.
pub fn canonical(text: &str) -> Option<String> {
    let text = if text == " " { "Space" } else { text.trim() };
    // `Control++` and `+`: the last one is the key.
    let (modifiers, key) = match text.strip_suffix('+') {
        Some("") => ("", "+"),
        Some(rest) => {
            let held = rest.trim_end().strip_suffix('+')?;
            (Some(held).filter(|held| !held.trim().is_empty())?, "+")
        }
        None => text.rsplit_once('+').unwrap_or(("", text)),
    };
    let mut held: Vec<&str> = Vec::new();
    if !modifiers.is_empty() {
        for part in modifiers.split('+') {
            let modifier = modifier(part)?;
            if held.contains(&modifier) {
                return None;
            }
            held.push(modifier);
        }
    }
    held.sort_by_key(|held| MODIFIERS.iter().position(|modifier| modifier == held));
    let key = single(key)?;
    if held.contains(&key.as_str()) {
        return None;
    }
    held.push(&key);
    Some(held.join("+"))
}

fn modifier(text: &str) -> Option<&'static str> {
    let low = squeezed(text);
    MODIFIER_ALIASES.iter().find(|(alias, _)| *alias == low).map(|(_, modifier)| *modifier)
}

fn single(text: &str) -> Option<String> {
    let text = text.trim();
    let mut chars = text.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return (!only.is_control() && !only.is_whitespace()).then(|| only.to_string());
    }
    let low = squeezed(text);
    let named = NAMED
        .iter()
        .find(|(name, aliases)| name.eq_ignore_ascii_case(&low) || aliases.contains(&low.as_str()));
    if let Some((name, _)) = named {
        return Some(if *name == "Plus" { "+" } else { name }.to_owned());
    }
    let number = low.strip_prefix('f').filter(|digits| !digits.starts_with(['0', '+']));
    if let Some(number) = number.and_then(|digits| digits.parse::<u8>().ok()) {
        return (1..=12).contains(&number).then(|| format!("F{number}"));
    }
    modifier(text).map(str::to_owned)
}

/// Lower case, without blanks, `-` and `_`.
fn squeezed(text: &str) -> String {
    let text = text.chars().filter(|char| !char.is_whitespace() && !"-_".contains(*char));
    text.collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(canonical(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn keys_have_one_spelling() {
        for (alias, name) in [
            ("enter", "Enter"),
            ("Return", "Enter"),
            ("Esc", "Escape"),
            ("DEL", "Delete"),
            ("page down", "PageDown"),
            ("Page-Up", "PageUp"),
            ("Up", "ArrowUp"),
            ("down arrow", "ArrowDown"),
            ("ArrowLeft", "ArrowLeft"),
            ("spacebar", "Space"),
            (" ", "Space"),
            ("f12", "F12"),
            ("a", "a"),
            ("A", "A"),
            ("é", "é"),
            ("+", "+"),
            ("plus", "+"),
            ("Shift", "Shift"),
        ] {
            check(alias, Some(name));
        }
    }

    #[test]
    fn chords_have_one_order() {
        check("ctrl+a", Some("Control+a"));
        check("Ctrl + Shift + T", Some("Control+Shift+T"));
        check("shift+cmd+ctrl+P", Some("Control+Shift+Meta+P"));
        check("ControlOrMeta+Enter", Some("ControlOrMeta+Enter"));
        check("Control++", Some("Control++"));
        check("Shift+Tab", Some("Shift+Tab"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "Save",
            "a+b",
            "Control+",
            "Control+Control",
            "Ctrl+Ctrl+a",
            "F13",
            "F0",
            "++",
            "ab",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn a_canonical_key_is_canonical(text in r"(ctrl|shift|alt|\+|enter|a|f1| |\PC){0,6}") {
            if let Some(key) = canonical(&text) {
                prop_assert_eq!(canonical(&key), Some(key));
            }
        }
    }
}
