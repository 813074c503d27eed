//! Reading a description (agent.md 3.1, T).
//!
//! A description has no end of its own: `the Sign in button in the header` could end after `button`.
//! So all readings are returned, the shortest names first, and who asks takes the first that the
//! rest of the sentence agrees with.

use super::{Ordinal, Region, RoleNoun, Target};
use crate::page::{
    Text,
    words::{Cursor, Kind, tokens},
};

/// Names are at most so many unquoted words.
const WORDS: usize = 5;
/// Descriptions have at most so many `in …`: each may be read in several ways.
const REGIONS: usize = 4;
/// A sentence with one of these needs judgement, hence a model.
const JUDGEMENT: [&str; 19] = [
    "that", "which", "who", "any", "each", "every", "all", "some", "if", "unless", "when", "until",
    "with", "without", "for", "to", "from", "into", "not",
];
const ORDINALS: [(&str, Ordinal); 11] = [
    ("first", Ordinal::Nth(1)),
    ("second", Ordinal::Nth(2)),
    ("third", Ordinal::Nth(3)),
    ("fourth", Ordinal::Nth(4)),
    ("fifth", Ordinal::Nth(5)),
    ("sixth", Ordinal::Nth(6)),
    ("seventh", Ordinal::Nth(7)),
    ("eighth", Ordinal::Nth(8)),
    ("ninth", Ordinal::Nth(9)),
    ("tenth", Ordinal::Nth(10)),
    ("last", Ordinal::Last),
];

/// A reading and what is left after it.
type Reading<'t, T> = (T, Cursor<'t>);

impl Target {
    /// Reads a whole text as a description.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text);
        Self::readings(Cursor::new(&tokens))
            .into_iter()
            .find_map(|(target, rest)| rest.is_end().then_some(target))
    }

    /// Reads a text as a description, else as the bare name of an element.
    pub fn describe(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| Self { name: Some(text.into()), ..Self::default() })
    }

    /// Every way to read the start of the sentence as a description.
    pub(crate) fn readings(at: Cursor<'_>) -> Vec<Reading<'_, Self>> {
        let mut all = Vec::new();
        for (target, rest) in Self::heads(at.past_articles()) {
            all.extend(target.with_places(rest));
        }
        all
    }

    /// The description without `in …` and `near …`.
    fn heads(at: Cursor<'_>) -> Vec<Reading<'_, Self>> {
        let (ordinal, at) = match ordinal(at) {
            Some((ordinal, rest)) => (Some(ordinal), rest),
            None => (None, at),
        };
        let make = |role, name: Option<&str>| Self {
            ordinal,
            role,
            name: name.map(Text::from),
            ..Self::default()
        };
        if let Some((name, rest)) = at.filled() {
            let with_role =
                RoleNoun::read(rest).map(|(role, rest)| (make(Some(role), Some(name)), rest));
            return with_role.into_iter().chain([(make(None, Some(name)), rest)]).collect();
        }
        let mut heads = Vec::new();
        if let Some((role, rest)) = RoleNoun::read(at) {
            let named = rest.maybe(&["named", "labelled", "labeled"]);
            if let Some((name, rest)) = named.filled() {
                return vec![(make(Some(role), Some(name)), rest)];
            }
            // A search box is one by its role; "search" is not its name.
            if ordinal.is_some() || role == RoleNoun::SearchBox {
                heads.push((make(Some(role), None), rest));
            }
        }
        for (name, role, rest) in spoken(at) {
            heads.push((make(Some(role), Some(&name)), rest));
        }
        heads
    }

    /// Adds `in …` and `near …`, as many as there are.
    fn with_places(self, at: Cursor<'_>) -> Vec<Reading<'_, Self>> {
        let mut all = Vec::new();
        if let Some((text, rest)) =
            at.phrase(&["near", "next to"]).and_then(Cursor::filled).filter(|_| self.near.is_none())
        {
            all.extend(Self { near: Some(text.into()), ..self.clone() }.with_places(rest));
        }
        if self.within.len() < REGIONS {
            for (region, rest) in Region::readings(at) {
                let mut target = self.clone();
                target.within.push(region);
                all.extend(target.with_places(rest));
            }
        }
        all.push((self, at));
        all
    }
}

impl Region {
    /// Every way to read `in …` at the start of the sentence.
    fn readings(at: Cursor<'_>) -> Vec<Reading<'_, Self>> {
        let Some(at) = at.phrase(&["in", "inside", "within"]) else { return Vec::new() };
        let named = |role, name: &str| Self::Named { role, name: name.into() };
        if let Some((name, rest)) = at.filled() {
            let with_role =
                RoleNoun::read(rest).map(|(role, rest)| (named(Some(role), name), rest));
            return with_role.into_iter().chain([(named(None, name), rest)]).collect();
        }
        let mut all = Vec::new();
        if let Some((role, rest)) = RoleNoun::read(at) {
            let after = rest.maybe(&["named", "labelled", "labeled"]);
            if let Some((name, rest)) = after.filled() {
                return vec![(named(Some(role), name), rest)];
            }
            if role.is_unique() {
                all.push((Self::The(role), rest));
            }
        }
        all.extend(
            spoken(at).into_iter().map(|(name, role, rest)| (named(Some(role), &name), rest)),
        );
        all
    }

    /// Reads a text as a region, with or without `in`: `the dialog`, `row "Ada"`, `"Cart"`.
    pub fn describe(text: &str) -> Option<Vec<Self>> {
        let place = text.trim();
        let text = format!("in {}", place.strip_prefix("in ").unwrap_or(place));
        let tokens = tokens(&text);
        let all = Self::all_readings(Cursor::new(&tokens)).into_iter();
        all.filter(|(within, rest)| rest.is_end() && !within.is_empty())
            .map(|(within, _)| within)
            .next()
    }

    /// Every way to read regions, none included, at the start of the sentence.
    pub(crate) fn all_readings(at: Cursor<'_>) -> Vec<Reading<'_, Vec<Self>>> {
        let places = Target::default().with_places(at).into_iter();
        places
            .filter(|(place, _)| place.near.is_none())
            .map(|(place, rest)| (place.within, rest))
            .collect()
    }
}

fn ordinal(at: Cursor<'_>) -> Option<Reading<'_, Ordinal>> {
    if let Some(found) = at.one_of(&ORDINALS) {
        return Some(found);
    }
    let (token, rest) = at.any_word()?;
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| token.low.strip_suffix(end))?;
    let number: u32 = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    (1..=1000).contains(&number).then_some((Ordinal::Nth(number), rest))
}

/// `Sign in button`: one to five unquoted words and a noun, the shortest name first.
fn spoken(at: Cursor<'_>) -> Vec<(String, RoleNoun, Cursor<'_>)> {
    let mut all = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut rest = at.past_articles();
    while words.len() < WORDS {
        let Some((token, after)) = rest.next() else { break };
        if token.kind != Kind::Word || JUDGEMENT.contains(&token.low.as_str()) {
            break;
        }
        words.push(&token.text);
        rest = after;
        if let Some((role, after)) = RoleNoun::read(rest) {
            all.push((words.join(" "), role, after));
        }
    }
    all
}

#[cfg(test)]
mod tests;
