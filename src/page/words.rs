//! A sentence as words, quoted texts and commas, and a place in it (pure).
//!
//! Descriptions of elements and whole clauses are read with it (agent.md 3.1). Readings are tried by
//! copying a [`Cursor`]: each method gives the cursor after what it matched, or `None`.

mod cursor;

pub(crate) use cursor::{Cursor, is_verb};

/// What a [`Token`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything between blanks.
    Word,
    /// A text in quotes.
    Quoted,
    /// A comma between words; one within a word belongs to it.
    Comma,
    /// A semicolon, wherever it stands.
    Semicolon,
    /// A colon at the end of a word.
    Colon,
    /// A quote that is never closed.
    Unclosed,
}

/// A piece of a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// As written; of a quoted text what is within the quotes, escapes undone.
    pub(crate) text: String,
    /// The same in lower case, with straight apostrophes.
    pub(crate) low: String,
    /// Where it starts in the sentence, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Token {
    fn new(kind: Kind, text: impl Into<String>, start: usize, end: usize) -> Self {
        let text = text.into();
        let low = text.to_lowercase().replace('’', "'");
        Self { kind, text, low, start, end }
    }

    /// Whether it is this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.low == word
    }
}

/// Takes `text` apart.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    // Quotes that are open to the end: looking for their ends again would take quadratic time.
    let mut hopeless: Vec<char> = Vec::new();
    let mut at = 0;
    let mut before = ' ';
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let start = at;
        let next = at + first.len_utf8();
        if first.is_whitespace() {
            at = next;
        } else if first == ';' {
            found.push(Token::new(Kind::Semicolon, ";", start, next));
            at = next;
        } else if is_separator(text, at) {
            found.push(Token::new(Kind::Comma, ",", start, next));
            at = next;
        } else if opens(first, before) && !hopeless.contains(&first) && is_closed(text, at) {
            let (content, end) = quoted(text, at).unwrap_or_default();
            found.push(Token::new(Kind::Quoted, content, start, end));
            at = end;
        } else if opens(first, before) && !is_apostrophe(first) {
            hopeless.push(first);
            found.push(Token::new(Kind::Unclosed, first, start, next));
            at = next;
        } else {
            if opens(first, before) {
                hopeless.push(first);
            }
            at = word(text, at, &mut found);
        }
        before = text.get(..at).and_then(|done| done.chars().next_back()).unwrap_or(' ');
    }
    found
}

/// Takes a word, and the colon at its end, off the text at `start`.
fn word(text: &str, start: usize, found: &mut Vec<Token>) -> usize {
    let mut end = start;
    let mut before = ' ';
    for (offset, char) in text.get(start..).unwrap_or_default().char_indices() {
        let here = start + offset;
        let breaks =
            char.is_whitespace() || char == ';' || is_separator(text, here) || opens(char, before);
        if breaks && offset > 0 {
            break;
        }
        before = char;
        end = here + char.len_utf8();
    }
    let whole = text.get(start..end).unwrap_or_default();
    match whole.strip_suffix(':') {
        Some(bare) => {
            if !bare.is_empty() {
                found.push(Token::new(Kind::Word, bare, start, end - 1));
            }
            found.push(Token::new(Kind::Colon, ":", end - 1, end));
        }
        None => found.push(Token::new(Kind::Word, whole, start, end)),
    }
    end
}

/// A comma that a blank, a quote or the end follows, or that follows a quote.
fn is_separator(text: &str, at: usize) -> bool {
    let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(',')) else { return false };
    let after = rest.chars().next().unwrap_or(' ');
    let before = text.get(..at).and_then(|done| done.chars().next_back()).unwrap_or(' ');
    after.is_whitespace() || is_quote(after) || is_quote(before)
}

fn is_quote(char: char) -> bool {
    "\"'`“”„«»‘’".contains(char)
}

fn is_apostrophe(char: char) -> bool {
    matches!(char, '\'' | '‘')
}

/// Whether a quote may open here. An apostrophe in a word is none.
fn opens(char: char, before: char) -> bool {
    match char {
        '"' | '`' | '“' | '„' | '«' => true,
        '\'' | '‘' => !before.is_alphanumeric(),
        _ => false,
    }
}

fn is_closed(text: &str, at: usize) -> bool {
    quoted(text, at).is_some()
}

/// The text in the quotes that open at `at`, and where they end.
fn quoted(text: &str, at: usize) -> Option<(String, usize)> {
    let mut chars =
        text.get(at..)?.char_indices().map(|(offset, char)| (at + offset, char)).peekable();
    let (_, open) = chars.next()?;
    let mut content = String::new();
    while let Some((here, char)) = chars.next() {
        let after = chars.peek().map(|(_, next)| *next);
        let closes = match open {
            '„' => matches!(char, '“' | '”'),
            '“' => char == '”',
            '«' => char == '»',
            '‘' => char == '’' && !after.is_some_and(char::is_alphanumeric),
            '\'' => char == '\'' && !after.is_some_and(char::is_alphanumeric),
            straight => char == straight,
        };
        if closes {
            return Some((content, here + char.len_utf8()));
        }
        let escaped = match (open, char, after) {
            ('"', '\\', Some('n')) => Some("\n"),
            ('"', '\\', Some('t')) => Some("\t"),
            ('"', '\\', Some('"')) => Some("\""),
            // Before a placeholder the backslashes are its own (see `variables`).
            ('"', '\\', Some('\\')) => {
                let rest = text.get(here..).unwrap_or_default().trim_start_matches('\\');
                Some(if rest.starts_with("{{") { "\\\\" } else { "\\" })
            }
            _ => None,
        };
        match escaped {
            Some(meant) => {
                content.push_str(meant);
                chars.next();
            }
            None => content.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `w` a word, `q` a quoted text, `,` and so on.
    fn check(text: &str, expected: &[(char, &str)]) {
        let found = tokens(text);
        let found: Vec<(char, &str)> = found
            .iter()
            .map(|token| {
                let kind = match token.kind {
                    Kind::Word => 'w',
                    Kind::Quoted => 'q',
                    Kind::Comma => ',',
                    Kind::Semicolon => ';',
                    Kind::Colon => ':',
                    Kind::Unclosed => '!',
                };
                (kind, token.text.as_str())
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_kind_of_quotes_is_read() {
        for text in ["\"a b\"", "'a b'", "`a b`", "“a b”", "„a b“", "„a b”", "‘a b’", "«a b»"]
        {
            check(text, &[('q', "a b")]);
        }
    }

    #[test]
    fn an_apostrophe_in_a_word_is_no_quote() {
        check("the user's don't", &[('w', "the"), ('w', "user's"), ('w', "don't")]);
        check("isn’t", &[('w', "isn’t")]);
        check("'don't do it' x", &[('q', "don't do it"), ('w', "x")]);
        check("‘don’t do it’", &[('q', "don’t do it")]);
        check("'tis", &[('w', "'tis")]);
    }

    #[test]
    fn escapes_mean_something_in_straight_double_quotes_only() {
        check(r#""a\"b\\c\nd\te\qf""#, &[('q', "a\"b\\c\nd\te\\qf")]);
        check(r"'a\nb'", &[('q', r"a\nb")]);
        check(r#""\{{A}} \\{{A}}""#, &[('q', r"\{{A}} \\{{A}}")]);
    }

    #[test]
    fn commas_colons_and_semicolons_stand_alone_where_they_separate() {
        check("a, b,c", &[('w', "a"), (',', ","), ('w', "b,c")]);
        check("\"a\",\"b\"", &[('q', "a"), (',', ","), ('q', "b")]);
        check("Verify: x:y", &[('w', "Verify"), (':', ":"), ('w', "x:y")]);
        check("a;b", &[('w', "a"), (';', ";"), ('w', "b")]);
    }

    #[test]
    fn an_unclosed_quote_is_told() {
        check("a \"b c", &[('w', "a"), ('!', "\""), ('w', "b"), ('w', "c")]);
    }

    proptest! {
        #[test]
        fn tokens_follow_each_other_whatever_the_text(text in r#"([a-z ,;:.'"`“”„«»‘’\\{}]|\PC){0,60}"#) {
            let mut done = 0;
            for token in tokens(&text) {
                prop_assert!(token.start >= done && token.end > token.start);
                prop_assert!(text.get(token.start..token.end).is_some());
                done = token.end;
            }
        }
    }
}
