//! What several forms have in common: targets, times, addresses, states, comparisons.

use std::time::Duration;

use regex::Regex;
use url::Url;

use crate::{
    agent::plan::variables,
    page::{
        Text,
        predicate::{Op, State},
        target::{Among, Target},
        tool::Subject,
        words::{Cursor, Kind},
    },
};

/// The first reading of a target whose rest `then` can read.
pub(super) fn target<'t, R>(
    at: Cursor<'t>,
    then: impl Fn(Target, Cursor<'t>) -> Option<R>,
) -> Option<R> {
    Target::readings(at).into_iter().find_map(|(target, rest)| then(target, rest))
}

/// A target that the sentence ends with.
pub(super) fn last_target(at: Cursor<'_>, among: Among) -> Option<Subject> {
    target(at, |target, rest| rest.is_end().then_some(Subject::Described { target, among }))
}

/// The sentence goes on in a way that the form does not know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mismatch;

/// An optional part at the end of a sentence, or its end.
pub(super) fn or_end<'t, R>(
    at: Cursor<'t>,
    read: impl FnOnce(Cursor<'t>) -> Option<R>,
) -> Result<Option<R>, Mismatch> {
    if at.is_end() { Ok(None) } else { read(at).map(Some).ok_or(Mismatch) }
}

/// `2 seconds`, `500ms`.
pub(super) fn duration(at: Cursor<'_>) -> Option<(Duration, Cursor<'_>)> {
    let (token, rest) = at.any_word()?;
    let digits = token.low.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = token.low.get(digits.len()..).unwrap_or_default();
    let (unit, rest) = if unit.is_empty() {
        let (token, rest) = rest.any_word()?;
        (token.low.as_str(), rest)
    } else {
        (unit, rest)
    };
    let plain = !digits.is_empty()
        && digits.starts_with(|char: char| char.is_ascii_digit())
        && digits.ends_with(|char: char| char.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "min" | "minute" | "minutes" => 60.0,
        _ => return None,
    };
    let number: f64 = digits.parse().ok().filter(|_| plain)?;
    Some((Duration::try_from_secs_f64(number * seconds).ok()?, rest))
}

/// `for up to D`, at most `cap`.
pub(super) fn up_to(at: Cursor<'_>, cap: Duration) -> Option<(Option<Duration>, Cursor<'_>)> {
    match at.phrase(&["for up to"]) {
        Some(rest) => {
            let (time, rest) = duration(rest)?;
            (time <= cap).then_some((Some(time), rest))
        }
        None => Some((None, at)),
    }
}

/// An address to open, quoted or not.
pub(super) fn url(at: Cursor<'_>) -> Option<(String, Cursor<'_>)> {
    /// As of the tool `navigate`.
    const LONGEST: usize = 8192;
    let (token, rest) = at.next()?;
    let text = token.text.as_str();
    let fits = match token.kind {
        Kind::Quoted => is_url(text),
        Kind::Word => is_url(text) || is_host(text) || is_variable(text),
        Kind::Comma | Kind::Semicolon | Kind::Colon | Kind::Unclosed => false,
    };
    (fits && text.len() <= LONGEST).then(|| (text.to_owned(), rest))
}

/// Absolute with http or https, or relative with a mark that says so.
fn is_url(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let low = text.to_ascii_lowercase();
    let absolute = ["http://", "https://"].iter().find_map(|scheme| low.strip_prefix(scheme));
    match absolute {
        Some(rest) => rest.starts_with("{{") || Url::parse(text).is_ok(),
        None => {
            text.starts_with('/')
                || (text.len() > 1 && text.starts_with(['?', '#']))
                || after_variable(text).is_some_and(|rest| rest.starts_with(['/', '?', '#', ':']))
        }
    }
}

/// `{{BASE}}` and what follows.
pub(super) fn is_variable(text: &str) -> bool {
    after_variable(text).is_some()
}

fn after_variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("{{")?;
    let (name, rest) = rest.split_once("}}")?;
    (variables::names(text).first() == Some(&name)).then_some(rest)
}

/// `host.tld…`, an IPv4 address, or `localhost[:port]…`.
fn is_host(text: &str) -> bool {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|char| char.is_alphanumeric() || char == '-')
    };
    let labels: Vec<&str> = name.split('.').collect();
    let tld = labels.last().copied().unwrap_or_default();
    let domain = labels.len() > 1
        && labels.iter().all(|one| label(one))
        && tld.chars().count() > 1
        && tld.chars().all(char::is_alphabetic);
    let address = name.parse::<std::net::Ipv4Addr>().is_ok();
    port.parse::<u16>().is_ok() && (domain || address || name.eq_ignore_ascii_case("localhost"))
}

/// V3's states. Visible and hidden need a noun: without one they are about text.
pub(super) fn state<'t>(at: Cursor<'t>, target: &Target) -> Option<(State, Cursor<'t>)> {
    const STATES: [(&str, State); 14] = [
        ("visible", State::Visible),
        ("hidden", State::Hidden),
        ("enabled", State::Enabled),
        ("disabled", State::Disabled),
        ("checked", State::Checked),
        ("unchecked", State::Unchecked),
        ("selected", State::Selected),
        ("focused", State::Focused),
        ("expanded", State::Expanded),
        ("collapsed", State::Collapsed),
        ("pressed", State::Pressed),
        ("read-only", State::ReadOnly),
        ("readonly", State::ReadOnly),
        ("read only", State::ReadOnly),
    ];
    let found = at.one_of(&STATES)?;
    let is_text = matches!(found.0, State::Visible | State::Hidden) && target.role.is_none();
    (!is_text).then_some(found)
}

/// OP. What needs a model stays out: only these words compare.
pub(super) fn op(at: Cursor<'_>) -> Option<(Op, Cursor<'_>)> {
    const OPS: [(&str, Op); 11] = [
        ("is not", Op::NotEquals),
        ("isn't", Op::NotEquals),
        ("does not contain", Op::NotContains),
        ("doesn't contain", Op::NotContains),
        ("starts with", Op::StartsWith),
        ("ends with", Op::EndsWith),
        ("contains", Op::Contains),
        ("matches", Op::Matches),
        ("equals", Op::Equals),
        ("is", Op::Equals),
        ("does not equal", Op::NotEquals),
    ];
    at.one_of(&OPS)
}

/// OP S at the end of a sentence. A regular expression must compile.
pub(super) fn compared(at: Cursor<'_>) -> Option<(Op, Text)> {
    let (op, at) = op(at)?;
    let (text, rest) = at.quoted()?;
    (rest.is_end() && (op != Op::Matches || is_pattern(text))).then(|| (op, text.into()))
}

fn is_pattern(text: &str) -> bool {
    // A value's characters mean themselves, as a letter does.
    let filled = variables::names(text)
        .into_iter()
        .fold(text.to_owned(), |text, name| text.replace(&format!("{{{{{name}}}}}"), "x"));
    Regex::new(&filled).is_ok()
}

/// Texts without secrets yet: placeholders are filled later.
pub(super) fn texts(texts: &[&str]) -> Vec<Text> {
    texts.iter().map(|text| Text::from(*text)).collect()
}
