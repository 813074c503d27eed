//! Codes: what looks like one, and how likely it is.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    Code, links,
    page::{Line, Page, tidy},
    winner,
    words::{
        Label, is_footer, is_month, is_unit, labels, sentence_after, sentence_before,
        speaks_of_code, words,
    },
};
use crate::secret::Secret;

/// What is said of it directly: `your code is 123456`.
const INTRODUCED: i32 = 8;
/// A word for a code stands in the same sentence.
const SAME_SENTENCE: i32 = 6;
/// Or in one of the two lines before.
const LINE_BEFORE: i32 = 5;
/// Or in the line after, or in the subject.
const ELSEWHERE: i32 = 3;
/// It stands alone on its line, or in its cell.
const ALONE: i32 = 3;
const EMPHASISED: i32 = 2;
const IN_SUBJECT: i32 = 2;
/// The usual length.
const SIX_DIGITS: i32 = 2;
/// Words have letters and digits too: it takes more to be a code.
const LETTERS: i32 = -2;
/// It is called something else.
const OTHERWISE: i32 = -6;
/// A date, a count, a year, a place.
const UNLIKE: i32 = -5;
/// An amount of money.
const AMOUNT: i32 = -8;
const FOOTER: i32 = -5;
const THRESHOLD: i32 = 6;
/// How many words back and forth a label may be.
const REACH: usize = 10;

/// How much of a line is looked at on either side, in bytes: that many words, also in other scripts.
const WINDOW: usize = 400;
/// No mail has more numbers than that and is yet about one of them; a hostile one must not take
/// quadratic time.
const CANDIDATES: usize = 300;

#[derive(Debug)]
struct Candidate {
    value: String,
    written: String,
    kind: Kind,
    range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Digits,
    Grouped,
    Mixed,
}

/// A candidate wherever it stands in a mail.
#[derive(Debug)]
struct Scored {
    /// Where it is likeliest.
    candidate: Candidate,
    score: i32,
    /// Somewhere it is called something else.
    otherwise: bool,
}

/// The best code of a mail.
pub(super) fn best(subject: &str, page: &Page) -> Option<Code> {
    let subject = Line { text: tidy(subject), strong: Vec::new() };
    let announced = speaks_of_code(&subject.text);
    let in_subject = candidates(&subject.text);
    let mut scored: Vec<Scored> = Vec::new();
    for candidate in candidates(&subject.text) {
        let said = around(&candidate, &subject);
        let score = IN_SUBJECT + of_itself(&candidate, &subject) + said;
        keep_best(&mut scored, Scored { candidate, score, otherwise: said == OTHERWISE });
    }
    let footer = page.footer();
    for (at, line) in page.lines.iter().enumerate() {
        for candidate in candidates(&line.text) {
            let said = match around(&candidate, line) {
                0 => from_neighbours(&candidate, page, at),
                said => said,
            };
            let mut score = of_itself(&candidate, line) + said;
            if said == 0 && announced {
                score += ELSEWHERE;
            }
            if in_subject.iter().any(|one| one.value == candidate.value) {
                score += IN_SUBJECT;
            }
            if at >= footer || is_footer(&line.text) {
                score += FOOTER;
            }
            keep_best(&mut scored, Scored { candidate, score, otherwise: said == OTHERWISE });
        }
    }
    let scored = scored
        .into_iter()
        .map(|one| (one.candidate, one.score + if one.otherwise { OTHERWISE } else { 0 }))
        .collect();
    let (found, score, tie) =
        winner(scored, THRESHOLD, |one: &Candidate, other: &Candidate| one.value != other.value)?;
    let count = found.value.chars().filter(|char| *char != '-').count();
    let shape = match found.kind {
        Kind::Digits => format!("{count} digits"),
        Kind::Grouped => format!("{count} digits in groups"),
        Kind::Mixed => format!("{count} letters and digits"),
    };
    let (value, written) = (Secret::new(found.value), Secret::new(found.written));
    Some(Code { value, written, shape, score, tie })
}

/// A code that is repeated counts once, in the place where it was first.
fn keep_best(all: &mut Vec<Scored>, next: Scored) {
    let room = all.len() < CANDIDATES;
    match all.iter_mut().find(|one| one.candidate.value == next.candidate.value) {
        Some(known) => {
            known.otherwise |= next.otherwise;
            if known.score < next.score {
                (known.candidate, known.score) = (next.candidate, next.score);
            }
        }
        None if room => all.push(next),
        None => {}
    }
}

#[expect(clippy::expect_used, reason = "the patterns are constants; the tests compile them")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern compiles")
}

/// Everything in a line that has the form of a code.
fn candidates(text: &str) -> Vec<Candidate> {
    static FORMS: LazyLock<Regex> = LazyLock::new(|| {
        compiled(concat!(
            r"(?<single>[0-9](?:[ \-\t][0-9]){3,7})",
            r"|(?<pairs>[0-9]{2}(?:[ -][0-9]{2}){1,3})",
            r"|(?<threes>[0-9]{3}[ -][0-9]{3})",
            r"|(?<fours>[0-9]{4}[ -][0-9]{4})",
            r"|(?<parts>[A-Za-z0-9]{3,5}-[A-Za-z0-9]{3,5})",
            r"|(?<plain>[A-Za-z0-9]{4,10})",
        ))
    });
    let addresses = links::bare(text);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(matched) = FORMS.captures_at(text, from) {
        let Some(whole) = matched.get(0) else { break };
        let is_group = matched.name("plain").is_none();
        let in_address = addresses
            .iter()
            .find(|address| address.start < whole.end() && whole.start() < address.end);
        if let Some(address) = in_address {
            from = address.end;
            continue;
        }
        match candidate(text, whole.range(), is_group, matched.name("parts").is_some()) {
            Some(one) => {
                from = one.range.end;
                found.push(one);
            }
            // What is no group may be a part of something else, or hold something by itself.
            None if is_group => {
                let first = text.get(whole.range()).unwrap_or_default();
                let word = first.find([' ', '-', '\t']).unwrap_or(first.len());
                let range = whole.start()..whole.start() + word;
                found.extend(candidate(text, range.clone(), false, false));
                from = range.end.max(from + 1);
            }
            None => from = whole.end(),
        }
        while !text.is_char_boundary(from) {
            from += 1;
        }
    }
    found
}

/// What stands at `range`, if it is whole there and has the form of a code.
fn candidate(text: &str, range: Range<usize>, group: bool, parts: bool) -> Option<Candidate> {
    let written = text.get(range.clone())?;
    let before = text.get(..range.start)?;
    let after = text.get(range.end..)?;
    if !begins(before, written) || !ends(after, group) {
        return None;
    }
    let digits = written.chars().filter(char::is_ascii_digit).count();
    let letters = written.chars().filter(char::is_ascii_alphabetic).count();
    let (kind, value) = if parts {
        let plain = letters > 0 && digits > 0 && written.chars().all(|char| !char.is_lowercase());
        (Kind::Mixed, plain.then(|| written.to_owned())?)
    } else if letters == 0 {
        let kind = if group { Kind::Grouped } else { Kind::Digits };
        let value: String = written.chars().filter(char::is_ascii_digit).collect();
        ((4..=8).contains(&digits).then_some(kind)?, value)
    } else {
        let fits = digits > 0 && (5..=10).contains(&written.len()) && !is_word(written);
        (Kind::Mixed, fits.then(|| written.to_owned())?)
    };
    Some(Candidate { value, written: written.to_owned(), kind, range })
}

/// `iPhone15`, `html5`, `500ml`, `2nd`: words with a number, numbers with a unit.
fn is_word(text: &str) -> bool {
    static WORD: LazyLock<Regex> = LazyLock::new(|| {
        compiled(r"^(?:[A-Za-z]?[A-Za-z][a-z]+[0-9]{1,4}|[0-9]{1,6}(?:[a-z]{1,4}|[A-Z]{1,2}))$")
    });
    // `a1b2c3` is one, `3f9` is none: small letters in one block make a word.
    WORD.is_match(text)
}

/// A letter or digit of a script that puts blanks between words.
fn is_joined(char: char) -> bool {
    char.is_alphanumeric() && u32::from(char) < 0x0e00
}

/// Whether something whole begins after `before`. `G-` before digits is a prefix that is not typed,
/// `INV-` makes a number of an invoice.
fn begins(before: &str, written: &str) -> bool {
    let mut back = before.chars().rev();
    match (back.next(), back.next(), back.next()) {
        (Some('-'), Some(letter), rest) if letter.is_ascii_uppercase() => {
            rest.is_none_or(|char| !is_joined(char) && char != '-')
                && written.chars().all(|char| char.is_ascii_digit())
        }
        (Some('-' | '.' | ',' | ':' | '/' | '\'' | '’'), Some(char), _) => !is_joined(char),
        (Some('_' | '@' | '#' | '/' | '+' | '&' | '='), _, _) => false,
        (Some(' '), Some(digit), _) if digit.is_ascii_digit() => {
            !written.starts_with(|char: char| char.is_ascii_digit()) || !is_short(before, written)
        }
        (Some(char), _, _) => !is_joined(char),
        (None, _, _) => true,
    }
}

/// `555 1234 567`: digits that go on before a group are a longer number.
fn is_short(before: &str, written: &str) -> bool {
    let last = before.trim_end().rsplit([' ', '\t']).next().unwrap_or_default();
    last.chars().all(|char| char.is_ascii_digit() || "+()-".contains(char))
        && last.len() + written.len() <= 12
        && last.len() < 5
}

/// Whether something whole ends before `after`.
fn ends(after: &str, group: bool) -> bool {
    let mut on = after.chars();
    match (on.next(), on.next()) {
        (Some('-' | '.' | ',' | ':' | '/' | '\'' | '’' | '@'), Some(char)) => !is_joined(char),
        (Some('_' | '@' | '%' | '='), _) => false,
        // Another group follows.
        (Some(' '), Some(digit)) if group => !digit.is_ascii_digit(),
        (Some(char), _) => !is_joined(char),
        (None, _) => true,
    }
}

/// What stands before and after it, as far as it matters.
fn beside<'l>(candidate: &Candidate, line: &'l str) -> (&'l str, &'l str) {
    let before = line.get(..candidate.range.start).unwrap_or_default();
    let after = line.get(candidate.range.end..).unwrap_or_default();
    let start = before.ceil_char_boundary(before.len().saturating_sub(WINDOW));
    let end = after.floor_char_boundary(WINDOW);
    (before.get(start..).unwrap_or_default(), after.get(..end).unwrap_or_default())
}

/// What a candidate looks like, wherever it stands.
fn of_itself(candidate: &Candidate, line: &Line) -> i32 {
    let (before, after) = beside(candidate, &line.text);
    let mut score = 0;
    if candidate.kind == Kind::Mixed {
        score += LETTERS;
    } else if candidate.value.len() == 6 {
        score += SIX_DIGITS;
    }
    if is_alone(before, after) {
        score += ALONE;
    }
    if line.strong.iter().any(|strong| {
        strong.start <= candidate.range.start && candidate.range.end <= strong.end
            || candidate.kind == Kind::Grouped
                && strong.start < candidate.range.end
                && candidate.range.start < strong.end
    }) {
        score += EMPHASISED;
    }
    let next = words(after.get(..after.floor_char_boundary(24)).unwrap_or_default());
    let previous = words(before);
    let next = next.first().filter(|_| !after.starts_with(['.', '!', '?'])).map(String::as_str);
    let previous = previous.last().map(String::as_str);
    if is_money(before, after) {
        score += AMOUNT;
    }
    if next.is_some_and(is_unit) || next.is_some_and(is_month) || previous.is_some_and(is_month) {
        score += UNLIKE;
    }
    if candidate.kind != Kind::Mixed && is_date(&candidate.value) {
        score += UNLIKE;
    }
    if is_place(candidate, before, after) {
        score += UNLIKE;
    }
    score
}

fn is_alone(before: &str, after: &str) -> bool {
    let bare = |text: &str| text.chars().all(|char| !char.is_alphanumeric());
    let before = before.rsplit('\t').next().unwrap_or_default();
    let after = after.split('\t').next().unwrap_or_default();
    bare(before) && bare(after)
}

fn is_money(before: &str, after: &str) -> bool {
    let is_sign = |char: char| "$€£¥₹₽₩₺₴".contains(char);
    before.trim_end().ends_with(is_sign)
        || after.trim_start().starts_with(is_sign)
        || ["USD", "EUR", "GBP", "CHF", "Rs.", "Rs", "kr"].iter().any(|unit| {
            before.trim_end().strip_suffix(unit).is_some_and(|rest| !rest.ends_with(is_joined))
        })
}

/// A year of our time, or a day as `20260131` or `31012026`.
fn is_date(digits: &str) -> bool {
    let number = |range: Range<usize>| digits.get(range).and_then(|part| part.parse::<u32>().ok());
    let is_year = |number: Option<u32>| number.is_some_and(|year| (1900..2100).contains(&year));
    let is_day = |month: Option<u32>, day: Option<u32>| {
        month.is_some_and(|month| (1..=12).contains(&month))
            && day.is_some_and(|day| (1..=31).contains(&day))
    };
    match digits.len() {
        4 => is_year(number(0..4)),
        8 => {
            is_year(number(0..4)) && is_day(number(4..6), number(6..8))
                || is_year(number(4..8)) && is_day(number(2..4), number(0..2))
        }
        _ => false,
    }
}

/// `CA 94107`, `10115 Berlin`: five digits with a place beside them.
fn is_place(candidate: &Candidate, before: &str, after: &str) -> bool {
    if candidate.kind == Kind::Mixed || !(4..=6).contains(&candidate.value.len()) {
        return false;
    }
    let last = before.trim_end().rsplit([' ', ',']).next().unwrap_or_default();
    let state = last.len() == 2
        && last.bytes().all(|byte| byte.is_ascii_uppercase())
        && before.contains(',');
    let town = candidate.value.len() == 5
        && after.strip_prefix(' ').is_some_and(|rest| {
            rest.starts_with(char::is_uppercase)
                && rest.chars().nth(1).is_some_and(char::is_lowercase)
        })
        && (before.contains(',') || before.is_empty() || before.ends_with("- "));
    state || town
}

/// What the sentence says of it: the nearest label before it, else the nearest one after it.
fn around(candidate: &Candidate, line: &Line) -> i32 {
    let (before, after) = beside(candidate, &line.text);
    match label_before(sentence_before(before)) {
        Some((far, Label::Code)) if far < 3 => return INTRODUCED + softened(candidate),
        Some((_, Label::Code)) => return SAME_SENTENCE,
        Some((_, Label::Other)) => return OTHERWISE,
        None => {}
    }
    match labels(sentence_after(after)).into_iter().take(REACH).flatten().next() {
        Some(Label::Code) => SAME_SENTENCE,
        Some(Label::Other) => OTHERWISE / 2,
        None => 0,
    }
}

/// The last label of a text that is still free, and how many words follow it. `order 12345 is 778899`:
/// a label belongs to the number that follows it.
fn label_before(text: &str) -> Option<(usize, Label)> {
    let mut taken = 0;
    let names = words(text);
    for (far, (name, label)) in names.iter().zip(labels(text)).rev().take(REACH).enumerate() {
        if name.len() >= 4 && name.chars().any(|char| char.is_ascii_digit()) {
            taken += 1;
        }
        match label {
            Some(_) if taken > 0 => taken -= 1,
            Some(label) => return Some((far, label)),
            None => {}
        }
    }
    None
}

/// `Your PIN is 1998` has a year for a code: what introduces it weighs more than that.
fn softened(candidate: &Candidate) -> i32 {
    if candidate.kind == Kind::Digits && is_date(&candidate.value) { -UNLIKE - 2 } else { 0 }
}

/// What the lines around say of a candidate whose own line says nothing.
fn from_neighbours(candidate: &Candidate, page: &Page, at: usize) -> i32 {
    let line = |at: usize| page.lines.get(at).map(|line| line.text.as_str());
    let own = line(at).unwrap_or_default();
    let first = own
        .get(..candidate.range.start)
        .is_some_and(|before| before.chars().all(|char| !char.is_alphanumeric()));
    if !first {
        return 0;
    }
    for back in 1..=2 {
        let Some(text) = at.checked_sub(back).and_then(line) else { break };
        match label_before(text) {
            Some((_, Label::Code)) => return LINE_BEFORE,
            // `Dear customer,` names no number.
            Some((far, Label::Other)) if back == 1 && far < 2 && !text.ends_with(',') => {
                return OTHERWISE;
            }
            Some((_, Label::Other)) | None => {}
        }
    }
    let next = line(at + 1).unwrap_or_default();
    match labels(next).into_iter().flatten().next() {
        Some(Label::Code) => ELSEWHERE,
        Some(Label::Other) | None => 0,
    }
}
