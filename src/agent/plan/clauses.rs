//! Clauses: the sentences of a line, and which of them are checks (agent.md 2.2).

use super::{direct, forms};
use crate::page::words::{Cursor, Kind, Token, tokens};

/// What begins a check at the start of a line.
pub(super) const CHECKS: [&str; 5] = ["verify", "assert", "confirm", "ensure", "check"];

/// A sentence of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_check: bool,
}

/// The sentences of one line of a body.
pub(super) fn pieces(line: &str) -> Vec<Piece> {
    let line = without_marks(line);
    let pieces = split(&line).into_iter().enumerate();
    pieces
        .map(|(index, text)| Piece { is_check: is_check(text, index == 0), text: text.to_owned() })
        .collect()
}

/// The line without list markers, and without emphasis around its first word.
pub(super) fn without_marks(line: &str) -> String {
    let mut rest = line.trim();
    while let Some(after) = without_marker(rest) {
        rest = after.trim_start();
    }
    without_emphasis(rest)
}

/// Past one list marker. All but `•` and `>` need a blank behind them.
fn without_marker(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(['•', '>']) {
        return Some(rest);
    }
    let ordinal = |text: &str| {
        let rest = text.trim_start_matches(|char: char| char.is_ascii_digit());
        (rest.len() < text.len()).then_some(rest.len())
    };
    let after = if let Some(rest) = text.strip_prefix(['-', '*', '+']) {
        rest
    } else if let Some(rest) =
        ["[ ]", "[x]", "[X]", "[]"].iter().find_map(|box_| text.strip_prefix(box_))
    {
        rest
    } else if let Some(inner) = text.strip_prefix('(') {
        inner.get(inner.len() - ordinal(inner)?..)?.strip_prefix(')')?
    } else {
        text.get(text.len() - ordinal(text)?..)?.strip_prefix(['.', ')'])?
    };
    (after.is_empty() || after.starts_with(char::is_whitespace)).then_some(after)
}

/// Drops the marks of emphasis that open before the first word.
fn without_emphasis(text: &str) -> String {
    let marks = ["***", "___", "**", "__", "*", "_"];
    let Some((mark, rest)) = marks.iter().find_map(|mark| Some((*mark, text.strip_prefix(mark)?)))
    else {
        return text.to_owned();
    };
    if !rest.starts_with(char::is_alphanumeric) {
        return text.to_owned();
    }
    let in_quotes: Vec<Token> =
        tokens(rest).into_iter().filter(|token| token.kind == Kind::Quoted).collect();
    let outside = |at: &usize| !in_quotes.iter().any(|token| (token.start..token.end).contains(at));
    let closing = rest.match_indices(mark).map(|(at, _)| at).find(outside);
    match closing.and_then(|at| Some((rest.get(..at)?, rest.get(at + mark.len()..)?))) {
        Some((inner, after)) => format!("{inner}{after}"),
        None => text.to_owned(),
    }
}

/// Cuts a line at `;`, at `then`, and at `and` or `,` before a verb.
fn split(line: &str) -> Vec<&str> {
    let tokens = tokens(line);
    let mut pieces = Vec::new();
    let mut from = 0;
    for (index, token) in tokens.iter().enumerate() {
        let next_is_verb = || {
            tokens.get(index + 1).is_some_and(|next| {
                next.kind == Kind::Word && forms::is_known_verb(next.low.trim_end_matches('.'))
            })
        };
        let cuts = token.kind == Kind::Semicolon
            || (token.is("then") && index > from)
            || ((token.is("and") || token.kind == Kind::Comma) && next_is_verb());
        if cuts {
            pieces.push(tokens.get(from..index).unwrap_or_default());
            from = index + 1;
        }
    }
    pieces.push(tokens.get(from..).unwrap_or_default());
    pieces.into_iter().filter_map(|piece| trimmed(line, piece)).collect()
}

/// The text of a piece without the commas and `and` that joined it to its neighbours.
fn trimmed<'t>(line: &'t str, mut piece: &[Token]) -> Option<&'t str> {
    let joins = |token: &Token| token.kind == Kind::Comma || token.is("and");
    while let Some((_, rest)) = piece.split_first().filter(|(first, _)| first.kind == Kind::Comma) {
        piece = rest;
    }
    while let Some((_, rest)) = piece.split_last().filter(|(last, _)| joins(last)) {
        piece = rest;
    }
    let text = line.get(piece.first()?.start..piece.last()?.end)?;
    (text != ".").then_some(text)
}

/// Whether a clause must be asserted.
fn is_check(text: &str, begins_line: bool) -> bool {
    let tokens = tokens(text);
    let at = direct::without_lead(Cursor::new(&tokens));
    if begins_line {
        at.verb(&CHECKS).is_some() && !direct::is_tick(text)
    } else {
        let that =
            at.verb(&["confirm", "check"]).is_some_and(|rest| rest.phrase(&["that"]).is_some());
        at.verb(&["verify", "assert", "ensure"]).is_some() || that
    }
}
