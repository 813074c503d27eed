//! Refusals, in the words and with the codes of a real server.

use serde_json::{Value, json};

use super::kind::Kind;

/// An answer that is no success.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// One word that clients compare.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// `Retry-After`.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// With this code, reason and message.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), retry_after: None }
    }

    /// There is no such object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified()))
    }

    /// There is no such path.
    pub fn no_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// The name is taken.
    pub fn exists(kind: &Kind, name: &str) -> Self {
        let text = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", text)
    }

    /// Somebody else wrote first.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let text =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", text)
    }

    /// What was sent is not a valid object.
    pub fn invalid(kind: &Kind, name: &str, why: &str) -> Self {
        let text = format!("{}.{} \"{name}\" is invalid: {why}", kind.kind, kind.group);
        Self::new(422, "Invalid", text)
    }

    /// What was sent is not even understood.
    pub fn bad_request(why: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", why)
    }

    /// What was asked for is no longer known.
    pub fn expired(why: impl Into<String>) -> Self {
        Self::new(410, "Expired", why)
    }

    /// As a `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let Some(seconds) = self.retry_after {
            status["details"] = json!({"retryAfterSeconds": seconds});
        }
        status
    }
}
