//! A place in a sentence.

use super::{Kind, Token};

/// What is left of a sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'t> {
    rest: &'t [Token],
}

const ARTICLES: [&str; 4] = ["the", "a", "an", "my"];

impl<'t> Cursor<'t> {
    /// At the start of a sentence.
    pub(crate) fn new(tokens: &'t [Token]) -> Self {
        Self { rest: tokens }
    }

    /// Nothing is left.
    pub(crate) fn is_end(self) -> bool {
        self.rest.is_empty()
    }

    /// The next token, articles included.
    pub(crate) fn next(self) -> Option<(&'t Token, Self)> {
        let (first, rest) = self.rest.split_first()?;
        Some((first, Self { rest }))
    }

    /// The next token if it is a word, articles included.
    pub(crate) fn any_word(self) -> Option<(&'t Token, Self)> {
        self.next().filter(|(token, _)| token.kind == Kind::Word)
    }

    /// Past articles.
    pub(crate) fn past_articles(mut self) -> Self {
        while let Some((token, rest)) = self.any_word()
            && ARTICLES.contains(&token.low.as_str())
        {
            self = rest;
        }
        self
    }

    /// Past one of these phrases. Articles before their words are ignored. Longer phrases first.
    pub(crate) fn phrase(self, phrases: &[&str]) -> Option<Self> {
        phrases.iter().find_map(|phrase| self.words(phrase))
    }

    /// As [`Cursor::phrase`], if there is one.
    pub(crate) fn maybe(self, phrases: &[&str]) -> Self {
        self.phrase(phrases).unwrap_or(self)
    }

    /// As [`Cursor::phrase`], with what stands beside the phrase in a table.
    pub(crate) fn one_of<T: Copy>(self, table: &[(&str, T)]) -> Option<(T, Self)> {
        table.iter().find_map(|(phrase, meaning)| Some((*meaning, self.words(phrase)?)))
    }

    fn words(self, phrase: &str) -> Option<Self> {
        phrase.split(' ').try_fold(self, |cursor, word| {
            let (token, rest) = cursor.past_articles().next()?;
            token.is(word).then_some(rest)
        })
    }

    /// Past one of these verbs, in any of its forms: `click`, `clicks`.
    pub(crate) fn verb(self, verbs: &[&str]) -> Option<Self> {
        let (token, rest) = self.any_word()?;
        verbs.iter().any(|verb| is_verb(&token.low, verb)).then_some(rest)
    }

    /// A quoted text.
    pub(crate) fn quoted(self) -> Option<(&'t str, Self)> {
        let (token, rest) = self.past_articles().next()?;
        (token.kind == Kind::Quoted).then_some((token.text.as_str(), rest))
    }

    /// A quoted text with something in it.
    pub(crate) fn filled(self) -> Option<(&'t str, Self)> {
        self.quoted().filter(|(text, _)| !text.trim().is_empty())
    }

    /// Past a token that is no word.
    pub(crate) fn mark(self, kind: Kind) -> Option<Self> {
        let (token, rest) = self.next()?;
        (token.kind == kind).then_some(rest)
    }

    /// `S`, `S and S`, `S, S and S`: quoted texts.
    pub(crate) fn list(self) -> Option<(Vec<&'t str>, Self)> {
        let (first, mut rest) = self.quoted()?;
        let mut all = vec![first];
        loop {
            let comma = rest.mark(Kind::Comma).unwrap_or(rest);
            let and = comma.maybe(&["and"]);
            let Some((text, after)) = and.quoted().filter(|_| and.rest.len() < rest.rest.len())
            else {
                return Some((all, rest));
            };
            all.push(text);
            rest = after;
        }
    }

    /// As [`Cursor::list`], none of the texts empty.
    pub(crate) fn filled_list(self) -> Option<(Vec<&'t str>, Self)> {
        self.list().filter(|(texts, _)| texts.iter().all(|text| !text.trim().is_empty()))
    }

    /// A whole number.
    pub(crate) fn number(self) -> Option<(u32, Self)> {
        let (token, rest) = self.any_word()?;
        let digits = !token.text.is_empty() && token.text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| token.text.parse().ok()).flatten().map(|number| (number, rest))
    }
}

/// Whether `word` is `verb` or ends in `-s`, `-es` or `-ies`.
pub(crate) fn is_verb(word: &str, verb: &str) -> bool {
    match word.strip_prefix(verb) {
        Some(ending) => matches!(ending, "" | "s" | "es"),
        None => verb.strip_suffix('y').is_some_and(|stem| word.strip_prefix(stem) == Some("ies")),
    }
}
