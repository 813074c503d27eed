//! When the address under test is ready, parsed.

use std::time::Duration;

use super::super::{
    problem::{Path, Problem},
    test_run::{Readiness, RevisionFrom},
};

/// When the address under test is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidReadiness {
    /// How long to wait for it.
    pub timeout: Duration,
    /// The revision that must be serving.
    pub revision: Option<Revision>,
}

/// A revision and where the target says which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What it must be.
    pub expected: String,
    /// Where to look.
    pub from: RevisionSource,
}

/// Where a target says which revision it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionSource {
    /// In this header of the run URL's own response, in lower case.
    Header(String),
    /// In JSON.
    Json {
        /// A path of the run URL's origin, beginning with `/`.
        path: String,
        /// The way to a text or number in it.
        at: Vec<JsonStep>,
    },
}

/// One step of a way through JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonStep {
    /// `.name`
    Field(String),
    /// `[0]`
    Item(usize),
}

pub(super) fn check(spec: &Readiness, path: &Path, problems: &mut Vec<Problem>) -> ValidReadiness {
    let Readiness { timeout_seconds, revision, revision_from } = spec;
    let revision = match (revision, revision_from) {
        (None, None) => None,
        (Some(expected), Some(from)) => source(from, &path.field("revisionFrom"), problems)
            .map(|from| Revision { expected: expected.clone(), from }),
        (None, Some(_)) | (Some(_), None) => {
            problems.push(Problem::value(path.clone(), "revision and revisionFrom go together"));
            None
        }
    };
    ValidReadiness { timeout: Duration::from_secs(timeout_seconds.unsigned_abs().into()), revision }
}

fn source(from: &RevisionFrom, path: &Path, problems: &mut Vec<Problem>) -> Option<RevisionSource> {
    let RevisionFrom { header, path: place, json_path } = from;
    let mut refuse = |path: Path, message: &str| {
        problems.push(Problem::value(path, message));
        None
    };
    match (header, place, json_path) {
        (Some(header), None, None) => {
            if header.is_empty() || !header.bytes().all(is_token) {
                return refuse(path.field("header"), "is no name of a header, like X-Revision");
            }
            Some(RevisionSource::Header(header.to_lowercase()))
        }
        (None, Some(place), Some(way)) => {
            if !place.starts_with('/') || place.starts_with("//") {
                return refuse(path.field("path"), "must begin with one /, like /healthz");
            }
            let Some(at) = steps(way) else {
                return refuse(path.field("jsonPath"), "must be like .version or .build.tags[0]");
            };
            Some(RevisionSource::Json { path: place.clone(), at })
        }
        (None, None, _) | (Some(_), Some(_), _) => {
            refuse(path.clone(), "exactly one of header, path")
        }
        (Some(_), None, Some(_)) | (None, Some(_), None) => {
            refuse(path.clone(), "path and jsonPath go together")
        }
    }
}

/// What a header's name is made of (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `.build.tags[0]`, step by step.
fn steps(text: &str) -> Option<Vec<JsonStep>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']')?;
            steps.push(JsonStep::Item(index.parse().ok()?));
            rest = after;
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() || name.contains(char::is_whitespace) {
                return None;
            }
            steps.push(JsonStep::Field(name.to_owned()));
            rest = after;
        }
    }
    Some(steps).filter(|steps| !steps.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_through_json_is_read_step_by_step() {
        let field = |name: &str| JsonStep::Field(name.to_owned());
        assert_eq!(steps(".version"), Some(vec![field("version")]));
        assert_eq!(
            steps(".build.tags[10].x"),
            Some(vec![field("build"), field("tags"), JsonStep::Item(10), field("x")])
        );
        for bad in ["", "version", ".", "..a", ".a.", ".a[", ".a[x]", ".a[-1]", ".a b", "{.a}"] {
            assert_eq!(steps(bad), None, "{bad:?}");
        }
    }
}
