//! Checks V1 to V10, one reader for each form.

use super::{
    Meaning, Reader,
    parts::{compared, op, state, target, texts, url},
};
use crate::page::{
    Text,
    predicate::{Cmp, Counted, Method, Op, Predicate, Statuses, UrlPart},
    target::{Region, RoleNoun, Target},
    words::Cursor,
};

/// In the order in which they are tried.
pub(super) const READERS: &[Reader] = &[
    ("V5", address),
    ("V6", title),
    ("V7", count),
    ("V8", options),
    ("V4", value),
    ("V3", element_state),
    ("V9", http_status),
    ("V10", dialog),
    ("V2", text_absent),
    ("V1", text_visible),
    ("V1", text_in_target),
];

const SHOWN: [&str; 4] = ["visible", "shown", "displayed", "present"];

fn one(predicate: Predicate) -> Meaning {
    Meaning::Check(vec![predicate])
}

/// `in …` at the end of a sentence, or its end.
fn places(at: Cursor<'_>) -> Option<Vec<Region>> {
    Region::all_readings(at).into_iter().find_map(|(within, rest)| rest.is_end().then_some(within))
}

fn visible(names: &[&str], within: &[Region]) -> Meaning {
    let one = |text: Text| Predicate::TextVisible { text, within: within.to_vec(), exact: false };
    Meaning::Check(texts(names).into_iter().map(one).collect())
}

fn text_visible(at: Cursor<'_>) -> Option<Meaning> {
    let said = at.maybe(&["text"]);
    if let Some((names, rest)) = said.filled_list() {
        let state = rest.phrase(&["is", "are"]).and_then(|rest| rest.phrase(&SHOWN));
        return match state {
            Some(rest) => Some(visible(&names, &places(rest)?)),
            // `[text] S`: one text, in as many words.
            None if names.len() == 1 => Some(visible(&names, &places(rest)?)),
            None => None,
        };
    }
    let at = at.maybe(&["page", "i"]);
    let (names, rest) = at.verb(&["show", "display", "contain", "see"])?.filled_list()?;
    Some(visible(&names, &places(rest)?))
}

/// `the "Cart" section shows S`, and `the header shows S`.
fn text_in_target(at: Cursor<'_>) -> Option<Meaning> {
    let shows = |rest: Cursor<'_>| {
        let (names, rest) = rest.verb(&["show", "display", "contain"])?.filled_list()?;
        rest.is_end().then(|| texts(&names))
    };
    let (texts, within) = target(at, |target, rest| {
        let Target {
            reference: None,
            ordinal: None,
            role: Some(role),
            name: Some(name),
            within,
            near: None,
        } = target
        else {
            return None;
        };
        let texts = shows(rest).filter(|_| role.is_region())?;
        let innermost = Region::Named { role: Some(role), name };
        Some((texts, [innermost].into_iter().chain(within).collect::<Vec<_>>()))
    })
    .or_else(|| {
        let landmarks = [
            ("header", RoleNoun::Header),
            ("footer", RoleNoun::Footer),
            ("navigation", RoleNoun::Navigation),
            ("main", RoleNoun::Main),
            ("form", RoleNoun::Form),
        ];
        let (role, rest) = at.one_of(&landmarks)?;
        Some((shows(rest)?, vec![Region::The(role)]))
    })?;
    let one = |text: Text| Predicate::TextVisible { text, within: within.clone(), exact: false };
    Some(Meaning::Check(texts.into_iter().map(one).collect()))
}

fn text_absent(at: Cursor<'_>) -> Option<Meaning> {
    let absent = |text: &str, rest| {
        Some(one(Predicate::TextAbsent { text: text.into(), within: places(rest)? }))
    };
    if let Some((text, rest)) = at.maybe(&["text"]).filled() {
        let not =
            rest.phrase(&["is no longer", "is not", "isn't"]).and_then(|rest| rest.phrase(&SHOWN));
        let gone = || rest.phrase(&["is absent", "is gone", "is hidden"]);
        return absent(text, not.or_else(gone)?);
    }
    if let Some(rest) = at.phrase(&["no"]) {
        let (text, rest) = rest.filled()?;
        return absent(text, rest.maybe(&["is visible"]));
    }
    let rest = at.phrase(&["page does not", "page doesn't"])?;
    let (text, rest) = rest.phrase(&["show", "contain", "display"])?.filled()?;
    absent(text, rest)
}

fn element_state(at: Cursor<'_>) -> Option<Meaning> {
    target(at, |target, rest| {
        let (negate, rest) = match rest.phrase(&["is not", "isn't"]) {
            Some(rest) => (true, rest),
            None => (false, rest.phrase(&["is"])?),
        };
        let (state, rest) = state(rest, &target)?;
        rest.is_end().then(|| one(Predicate::ElementState { target, state, negate }))
    })
}

fn value(at: Cursor<'_>) -> Option<Meaning> {
    let (said, at) = match at.phrase(&["value of"]) {
        Some(rest) => (true, rest),
        None => (false, at),
    };
    target(at, |target, rest| {
        let is_field = target.role.is_some_and(RoleNoun::is_field);
        if rest.phrase(&["is empty"]).is_some_and(Cursor::is_end) {
            let fits = said || is_field || target.role.is_none();
            let empty = Predicate::Value { target, op: Op::Equals, value: "".into() };
            return fits.then(|| one(empty));
        }
        if let Some((value, end)) = rest.phrase(&["has value"]).and_then(Cursor::quoted) {
            let value = Predicate::Value { target, op: Op::Equals, value: value.into() };
            return end.is_end().then(|| one(value));
        }
        let (op, value) = compared(rest).filter(|_| said || is_field)?;
        Some(one(Predicate::Value { target, op, value }))
    })
}

fn address(at: Cursor<'_>) -> Option<Meaning> {
    let names = [("url", UrlPart::Href), ("address", UrlPart::Href), ("path", UrlPart::Path)];
    let (part, at) = at.one_of(&names)?;
    if let Some((op, value)) = compared(at) {
        return Some(one(Predicate::Url { part, op, value }));
    }
    // Unquoted only an address, and no regular expression.
    let (op, rest) = op(at).filter(|(op, _)| *op != Op::Matches)?;
    let (value, rest) = url(rest)?;
    rest.is_end().then(|| one(Predicate::Url { part, op, value: Text::plain(value) }))
}

fn title(at: Cursor<'_>) -> Option<Meaning> {
    let (op, value) = compared(at.phrase(&["page title", "title"])?)?;
    Some(one(Predicate::Title { op, value }))
}

fn count(at: Cursor<'_>) -> Option<Meaning> {
    if let Some((text, rest)) = at.filled() {
        let (n, rest) = rest.phrase(&["appears"])?.number()?;
        let within = places(rest.phrase(&["times", "time"])?)?;
        let what = Counted::Text(text.into());
        return Some(one(Predicate::Count { what, within, cmp: Cmp::Eq, n }));
    }
    let at = at.phrase(&["there is", "there are"])?;
    let (cmp, n, rest) = if let Some(rest) = at.phrase(&["no"]) {
        (Cmp::Eq, 0, rest)
    } else {
        let compared = [
            ("exactly", Cmp::Eq),
            ("at least", Cmp::Gte),
            ("at most", Cmp::Lte),
            ("more than", Cmp::Gt),
            ("fewer than", Cmp::Lt),
        ];
        let (cmp, rest) = at.one_of(&compared).unwrap_or((Cmp::Eq, at));
        let (n, rest) = rest.number()?;
        (cmp, n, rest)
    };
    let (name, rest) = match rest.filled() {
        Some((name, rest)) => (Some(name.into()), rest),
        None => (None, rest),
    };
    let (role, rest) = RoleNoun::read_counted(rest)?;
    let what = Counted::Elements { role, name };
    Some(one(Predicate::Count { what, within: places(rest)?, cmp, n }))
}

fn options(at: Cursor<'_>) -> Option<Meaning> {
    target(at, |target, rest| {
        let rest = rest.phrase(&["has"])?;
        let (exact, rest) = match rest.phrase(&["exactly"]) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (values, rest) = rest.phrase(&["options", "option"])?.list()?;
        let values = texts(&values);
        rest.is_end().then(|| one(Predicate::Options { target, values, exact }))
    })
}

fn http_status(at: Cursor<'_>) -> Option<Meaning> {
    let (word, rest) = at.any_word()?;
    let method = Method::named(&word.low)?;
    let (url, rest) = url(rest)?;
    let rest = rest.phrase(&["returns", "responds with"])?.maybe(&["status"]);
    let (status, rest) = rest.any_word()?;
    let status = Statuses::read(&status.low)?;
    rest.is_end().then(|| one(Predicate::HttpStatus { method, url: Text::plain(url), status }))
}

fn dialog(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.phrase(&["dialog", "alert", "prompt"])?;
    let (op, at) = at.one_of(&[("says", Op::Equals), ("contains", Op::Contains)])?;
    let (text, rest) = at.quoted()?;
    rest.is_end().then(|| one(Predicate::Dialog { op, value: text.into() }))
}
