//! What a page is told when it does not get what it asked for (docs/takeover-protocol.md; pure).

use std::sync::Arc;

use serde_json::{Value, json};

/// A refusal: a status, a code of a fixed set, a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    pub(super) holder: Option<Arc<str>>,
}

impl Problem {
    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, holder: None }
    }

    pub(super) const INVALID: Self = Self::new(400, "invalid_request", "The request is malformed.");
    pub(super) const NO_TOKEN: Self = Self::new(
        401,
        "token_required",
        "Open the address that was printed: it carries the token.",
    );
    pub(super) const TOKEN: Self = Self::new(
        401,
        "token_refused",
        "This address was used before, or is not of this run. Ask for a new one.",
    );
    pub(super) const ORIGIN: Self =
        Self::new(403, "foreign_origin", "The request comes from another site.");
    pub(super) const NOT_ALLOWED: Self =
        Self::new(403, "not_allowed", "Only who drives the browser may do this.");
    pub(super) const NOT_FOUND: Self = Self::new(404, "not_found", "There is nothing here.");
    pub(super) const METHOD: Self =
        Self::new(405, "invalid_request", "This method is not for this address.");
    pub(super) const NOT_FINISHED: Self = Self::new(
        409,
        "run_not_finished",
        "The run goes on. You can take over when it is finished, or stop the run.",
    );
    pub(super) const FINISHED: Self =
        Self::new(409, "run_finished", "The run is finished already.");
    pub(super) const GONE: Self = Self::new(410, "browser_gone", "The browser has ended.");
    pub(super) const HOST: Self =
        Self::new(421, "foreign_host", "Open the address exactly as it was printed.");
    pub(super) const FULL: Self =
        Self::new(429, "too_many", "Sixteen people are watching. Try again when one has left.");
    pub(super) const DISPLAY: Self = Self::new(
        503,
        "display_unavailable",
        "This browser has no display that could be shown. Install TigerVNC.",
    );
    pub(super) const ENDING: Self = Self::new(503, "browser_gone", "This run is ending.");

    /// Somebody else drives.
    pub(super) fn held(by: Arc<str>) -> Self {
        let message = "Somebody is driving the browser already.";
        Self { holder: Some(by), ..Self::new(409, "already_held", message) }
    }

    /// The body of the answer.
    pub(super) fn json(&self) -> Value {
        let mut body = json!({"error": {"code": self.code, "message": self.message}});
        if let (Some(holder), Some(body)) = (&self.holder, body.as_object_mut()) {
            body.insert("holder".to_owned(), (&**holder).into());
        }
        body
    }
}
