//! Forms that are known and not built yet: recognised, so that they are refused by name and never
//! taken for something else.

use super::{Meaning, Reader, parts::url};
use crate::page::words::{Cursor, Kind};

/// A21.
pub(super) const ACTIONS: &[Reader] = &[("A21", hand_over)];

/// V9.
pub(super) const CHECKS: &[Reader] = &[("V9", http_status)];

fn ends(at: Cursor<'_>) -> Option<Meaning> {
    at.is_end().then_some(Meaning::Later)
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
