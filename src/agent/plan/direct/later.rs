//! Forms that are known and not built yet: recognised, so that they are refused by name and never
//! taken for something else.

use super::{Meaning, Reader};
use crate::page::words::{Cursor, Kind};

/// A21.
pub(super) const ACTIONS: &[Reader] = &[("A21", hand_over)];

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
