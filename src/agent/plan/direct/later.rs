//! Forms that are known and not built yet: recognised, so that they are refused by name and never
//! taken for something else.

use super::{
    Meaning, Reader,
    parts::{last_target, target, url},
};
use crate::page::{
    target::Among,
    words::{Cursor, Kind},
};

/// A15 to A18, the code of A20, and A21.
pub(super) const ACTIONS: &[Reader] = &[
    ("A15", upload),
    ("A16", hover),
    ("A16", drag),
    ("A17", answer_dialog),
    ("A18", switch_tab),
    ("A20", paste),
    ("A21", hand_over),
];

/// V9 and V10.
pub(super) const CHECKS: &[Reader] = &[("V9", http_status), ("V10", dialog)];

fn ends(at: Cursor<'_>) -> Option<Meaning> {
    at.is_end().then_some(Meaning::Later)
}

fn upload(at: Cursor<'_>) -> Option<Meaning> {
    let (_, rest) = at.verb(&["upload", "attach"])?.filled_list()?;
    last_target(rest.phrase(&["to", "into", "in"])?, Among::Anything).map(|_| Meaning::Later)
}

fn hover(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["hover"])?.maybe(&["over", "on"]);
    last_target(at, Among::Clickable).map(|_| Meaning::Later)
}

fn drag(at: Cursor<'_>) -> Option<Meaning> {
    target(at.verb(&["drag"])?, |_, rest| {
        last_target(rest.phrase(&["to", "onto"])?, Among::Anything).map(|_| Meaning::Later)
    })
}

fn answer_dialog(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["accept", "dismiss", "cancel"])?;
    let at = at.phrase(&["dialog", "alert", "confirmation", "prompt"])?;
    match at.phrase(&["with"]) {
        Some(rest) => ends(rest.quoted()?.1),
        None => ends(at),
    }
}

fn switch_tab(at: Cursor<'_>) -> Option<Meaning> {
    if let Some(rest) = at.verb(&["close"]) {
        return ends(rest.phrase(&["current tab", "tab"])?);
    }
    let at = at.verb(&["switch"])?.phrase(&["to"])?;
    if let Some(rest) = at.phrase(&["new tab", "first tab", "last tab", "previous tab"]) {
        return ends(rest);
    }
    let at = at.phrase(&["tab"])?;
    ends(at.quoted().map(|(_, rest)| rest).or_else(|| Some(at.number()?.1))?)
}

fn paste(at: Cursor<'_>) -> Option<Meaning> {
    let rest = at.verb(&["enter", "paste"])?.phrase(&["code"])?.phrase(&["in", "into"])?;
    last_target(rest, Among::TextFields).map(|_| Meaning::Later)
}

fn hand_over(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["hand"])?.phrase(&["over", "off"])?.maybe(&["to human"]);
    let at = match at.phrase(&["for"]) {
        Some(rest) => rest.phrase(&["login", "2fa", "captcha", "permission"])?,
        None => at,
    };
    match at.mark(Kind::Colon) {
        Some(rest) => ends(rest.quoted()?.1),
        None => ends(at),
    }
}

fn http_status(at: Cursor<'_>) -> Option<Meaning> {
    let methods = ["get", "head", "post", "put", "patch", "delete", "options"];
    let (_, rest) = url(at.phrase(&methods)?)?;
    let (status, rest) =
        rest.phrase(&["returns", "responds with"])?.maybe(&["status"]).any_word()?;
    let class = status.low.strip_suffix("xx").filter(|class| class.len() == 1);
    let digits = class.unwrap_or(&status.low);
    let fits = digits.bytes().all(|byte| byte.is_ascii_digit());
    ends(rest).filter(|_| fits && (class.is_some() || digits.len() == 3))
}

fn dialog(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.phrase(&["dialog", "alert", "prompt"])?.phrase(&["says", "contains"])?;
    ends(at.quoted()?.1)
}
