//! A run's own bucket, parsed.

use url::Url;

use super::super::{
    problem::{Path, Problem},
    reference::{NameRef, TextFrom},
    test_run::artifacts::S3,
};

/// An S3-compatible bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidStorage {
    /// The service's address: http or https, without user info, query and fragment.
    pub endpoint: Url,
    /// The bucket's name.
    pub bucket: String,
    /// Put before every key; empty, or ending in `/`.
    pub prefix: String,
    /// What requests are signed for.
    pub region: String,
    /// A Secret with `accessKeyID`, `secretAccessKey` and perhaps `sessionToken`.
    pub credentials: Option<NameRef>,
    /// Its endpoint may be http, where whoever listens on the way reads everything.
    pub allow_insecure: bool,
    /// The bucket stands in the path, not in the host name.
    pub path_style: bool,
    /// A certificate authority to trust, PEM.
    pub ca_from: Option<TextFrom>,
}

pub(super) fn check(spec: &S3, path: &Path, problems: &mut Vec<Problem>) -> Option<ValidStorage> {
    let S3 {
        endpoint,
        bucket,
        prefix,
        region,
        credentials_secret_ref,
        allow_insecure,
        path_style,
        ca_from,
    } = spec;
    let place = path.field("endpoint");
    let endpoint = super::address(endpoint, &place, problems)?;
    if endpoint.query().is_some() || endpoint.fragment().is_some() {
        problems.push(Problem::value(place, "must have no query and no fragment"));
    }
    if endpoint.scheme() == "http" && !allow_insecure {
        let message = "an http endpoint needs allowInsecure";
        problems.push(Problem::value(path.clone(), message));
    }
    if bucket.contains('/') || bucket.contains(char::is_whitespace) {
        problems.push(Problem::value(path.field("bucket"), "is no name of a bucket"));
    }
    if prefix.starts_with('/') || prefix.contains("//") {
        let message = "must not begin with / or have two of them in a row";
        problems.push(Problem::value(path.field("prefix"), message));
    }
    let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
    Some(ValidStorage {
        endpoint,
        bucket: bucket.clone(),
        prefix: format!("{prefix}{slash}"),
        region: region.clone(),
        credentials: credentials_secret_ref.clone(),
        allow_insecure: *allow_insecure,
        path_style: *path_style,
        ca_from: ca_from.clone(),
    })
}
