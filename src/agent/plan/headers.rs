//! Headers: `## Case 2: Checkout` (agent.md 2.1, H1 to H4).

use super::Header;

/// What a line is to the structure of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a body.
    Text,
    /// The start of a scenario.
    Header(Header),
    /// A header that lacks its `:` (H4).
    NoSeparator,
}

/// The longer ones first.
const KEYWORDS: [&str; 5] = ["test scenario", "test case", "scenario", "test", "case"];
const BOLD: [&str; 2] = ["**", "__"];

/// Judges one line outside code.
pub(super) fn kind(line: &str) -> Kind {
    read(line).unwrap_or(Kind::Text)
}

fn read(line: &str) -> Option<Kind> {
    let line = line.trim();
    let rest = line.trim_start_matches('#');
    let hashes = line.len() - rest.len();
    if hashes > 6 {
        return None;
    }
    let rest = without_ordinal(rest.trim_start()).trim_start();
    let (bold, rest) = without_bold(rest);
    let marked = hashes > 0 || bold;
    let (keyword, rest) = keyword(rest.trim_start())?;
    let capital = keyword.starts_with(char::is_uppercase);
    let (number, rest) = number(rest, marked);

    // The marks that close: a bold one here, or at the end of the title.
    let (closed, after) = without_bold(rest);
    let rest = if bold && closed { after } else { rest };
    let make = |title: &str| {
        let title = title_of(title);
        Kind::Header(Header {
            keyword: capitalised(keyword),
            number: number.map(str::to_owned),
            title: Some(title.to_owned()).filter(|title| !title.is_empty()),
        })
    };
    let ends = |rest: &str| {
        rest.is_empty() || rest.starts_with(char::is_whitespace) || without_bold(rest).0
    };
    let separated = |mark: char| rest.trim_start().strip_prefix(mark).filter(|rest| ends(rest));
    match number {
        Some(_) => {
            if let Some(title) = separated(':').or_else(|| separated('.')) {
                return Some(make(title));
            }
            if !marked {
                return None;
            }
            if title_of(rest).is_empty() {
                return Some(make(""));
            }
            // `1:30` and `2.0` are numbers of the text, `1a` is a word.
            let mut next = rest.chars();
            let first = next.next()?;
            let continues = first.is_alphanumeric()
                || (matches!(first, ':' | '.') && next.next().is_some_and(|c| c.is_ascii_digit()));
            (!continues).then_some(Kind::NoSeparator)
        }
        None => separated(':').filter(|_| marked || capital).map(make),
    }
}

/// Past `1.` or `1)`.
fn without_ordinal(text: &str) -> &str {
    let rest = text.trim_start_matches(|char: char| char.is_ascii_digit());
    if rest.len() == text.len() { text } else { rest.strip_prefix(['.', ')']).unwrap_or(text) }
}

fn without_bold(text: &str) -> (bool, &str) {
    let rest = BOLD.iter().find_map(|mark| text.strip_prefix(mark));
    (rest.is_some(), rest.unwrap_or(text))
}

fn keyword(text: &str) -> Option<(&str, &str)> {
    KEYWORDS.iter().find_map(|keyword| {
        let mut rest = text;
        for (index, word) in keyword.split(' ').enumerate() {
            let at = if index == 0 { rest } else { rest.trim_start() };
            let found = at.get(..word.len()).filter(|found| found.eq_ignore_ascii_case(word))?;
            rest = at.get(found.len()..)?;
        }
        let ends = !rest.starts_with(|char: char| char.is_alphabetic() || char == '_')
            || without_bold(rest).0;
        ends.then(|| (text.get(..text.len() - rest.len()).unwrap_or_default(), rest))
    })
}

/// The digits after the keyword; without `#` and bold a blank must stand between.
fn number(rest: &str, marked: bool) -> (Option<&str>, &str) {
    let at = rest.trim_start();
    if at.len() == rest.len() && !marked {
        return (None, rest);
    }
    let after = at.trim_start_matches(|char: char| char.is_ascii_digit());
    match at.get(..at.len() - after.len()) {
        Some(digits) if !digits.is_empty() => (Some(digits), after),
        Some(_) | None => (None, rest),
    }
}

/// Without the marks around it.
fn title_of(text: &str) -> &str {
    let mut title = text.trim();
    loop {
        let mut bare = title;
        for mark in BOLD {
            bare = bare.strip_prefix(mark).unwrap_or(bare);
            bare = bare.strip_suffix(mark).unwrap_or(bare);
        }
        let hashless = bare.trim_end_matches('#');
        if hashless.is_empty() || hashless.ends_with(char::is_whitespace) {
            bare = hashless;
        }
        let bare = bare.trim();
        if bare == title {
            return title;
        }
        title = bare;
    }
}

/// `test  case` is `Test Case`.
fn capitalised(keyword: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars.map(|char| char.to_ascii_lowercase())).collect::<String>()
    };
    keyword.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}
