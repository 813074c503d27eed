//! What a refusal of the storage means for what to do next (pure). Servers differ in their codes and
//! agree on most statuses, so that both are looked at.

/// What to do about a request that did not do what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Ask again later. It may have been done all the same: answers get lost.
    Passing,
    /// Something is stored under that key already.
    Taken,
    /// Somebody is writing that key just now; a multipart upload has to begin anew.
    Conflict,
    /// The multipart upload is not known, or not any more.
    NoUpload,
    /// There is no such object.
    Missing,
    /// It would be the same the next time.
    Final,
}

/// Throttling, full storage, clocks that are not set yet, bodies damaged on the way: codes that some
/// servers send with a status that says nothing (400, 403).
const PASSING: [&str; 16] = [
    "SlowDown",
    "SlowDownRead",
    "SlowDownWrite",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "QuotaExceeded",
    "XMinioStorageFull",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
];

/// `status` is `None` if there was no answer; `code` is empty if the answer had none.
pub(super) fn meaning(status: Option<u16>, code: &str) -> Meaning {
    match (status, code) {
        (_, code) if PASSING.contains(&code) => Meaning::Passing,
        (_, "PreconditionFailed") | (Some(412), _) => Meaning::Taken,
        (_, "NoSuchUpload") => Meaning::NoUpload,
        // An answer to HEAD has no body and so no code.
        (Some(404), "" | "NoSuchKey" | "NotFound") => Meaning::Missing,
        (Some(409), _) => Meaning::Conflict,
        (status, _) if status.is_none_or(passes) => Meaning::Passing,
        (Some(_) | None, _) => Meaning::Final,
    }
}

/// Whether a status alone says that it will be different later.
fn passes(status: u16) -> bool {
    match status {
        // An error in an answer that says 200.
        200..400 | 408 | 425 | 429 => true,
        // "Not implemented": a server without conditional writes stays one. 507 is "insufficient
        // storage".
        500.. => status != 501,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: &str, expected: Meaning) {
        assert_eq!(meaning(Some(status), code), expected, "{status} {code}");
    }

    #[test]
    fn what_passes_is_tried_again() {
        assert_eq!(meaning(None, ""), Meaning::Passing, "no answer");
        check(503, "SlowDown", Meaning::Passing);
        check(500, "InternalError", Meaning::Passing);
        check(502, "", Meaning::Passing);
        check(507, "XMinioStorageFull", Meaning::Passing);
        check(403, "QuotaExceeded", Meaning::Passing);
        check(403, "RequestTimeTooSkewed", Meaning::Passing);
        check(429, "", Meaning::Passing);
        check(400, "RequestTimeout", Meaning::Passing);
        check(400, "BadDigest", Meaning::Passing);
        check(200, "InternalError", Meaning::Passing);
    }

    #[test]
    fn what_stays_is_final() {
        check(403, "AccessDenied", Meaning::Final);
        check(403, "SignatureDoesNotMatch", Meaning::Final);
        check(400, "ExpiredToken", Meaning::Final);
        check(401, "", Meaning::Final);
        check(404, "NoSuchBucket", Meaning::Final);
        check(501, "NotImplemented", Meaning::Final);
        check(400, "EntityTooLarge", Meaning::Final);
    }

    #[test]
    fn answers_about_keys_and_uploads_are_told_apart() {
        check(412, "PreconditionFailed", Meaning::Taken);
        check(412, "", Meaning::Taken);
        check(409, "ConditionalRequestConflict", Meaning::Conflict);
        check(404, "NoSuchUpload", Meaning::NoUpload);
        check(404, "NoSuchKey", Meaning::Missing);
        check(404, "", Meaning::Missing);
    }
}
