//! The addresses under test, for real: whether one answers, and which revision it serves.
//!
//! # Guarantees
//! - Nothing is asked that the run's policy does not let the browser open.
//! - What a target says is other people's text: of it at most a short word without control characters
//!   comes into a status.

mod revision;

use reqwest::header::HeaderMap;
use url::Url;

use self::revision::{cut, find};
use super::outside::{Later, Targets};
use crate::{
    decide::Target,
    manifest::check::{Revision, RevisionSource, ValidRun},
    pod::contract::run::RunPolicy,
    policy::Policy,
    preflight::{self, Manner, Unreached},
};

/// A health endpoint says little; who says more than this is not asked for a revision.
const LARGEST: usize = 1 << 20;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpTargets;

impl Targets for HttpTargets {
    fn look<'a>(
        &'a self,
        run: &'a ValidRun,
        namespace: &'a str,
        policy: &'a RunPolicy,
    ) -> Later<'a, Target> {
        Box::pin(async move { look(run, namespace, policy).await.unwrap_or_else(|target| target) })
    }
}

/// The target as it is; as an error if it is not ready.
async fn look(run: &ValidRun, namespace: &str, policy: &RunPolicy) -> Result<Target, Target> {
    let insecure_tls = policy.insecure_tls;
    let policy = Policy::new(&policy.allowed_hosts, &policy.denied_hosts)
        .map_err(|error| Target::Silent(format!("the platform's hosts cannot be read: {error}")))?;
    let manner = Manner { policy: &policy, insecure_tls, namespace: Some(namespace) };
    let reached = preflight::once(&run.url, manner).await.map_err(|why| silent(&why))?;
    let revision = run.readiness.as_ref().and_then(|readiness| readiness.revision.as_ref());
    let Some(Revision { expected, from }) = revision else { return Ok(Target::Ready) };
    let found = match from {
        RevisionSource::Header(name) => {
            let mut found = header(&reached.headers, name);
            if found.is_none() && reached.method == "HEAD" {
                // Not everybody says the same to HEAD.
                let fetched = preflight::fetch(&run.url, manner, 0).await;
                found = header(&fetched.map_err(|why| silent(&why))?.headers, name);
            }
            found.ok_or_else(|| format!("its answer has no header {name}"))
        }
        RevisionSource::Json { path, at } => {
            let url = elsewhere(&run.url, path);
            let fetched = preflight::fetch(&url, manner, LARGEST).await;
            let fetched = fetched.map_err(|why| silent(&why))?;
            match (fetched.status, fetched.body) {
                (200..=299, Some(body)) => find(&body, at).map_err(|why| format!("{path}: {why}")),
                (200..=299, None) => Err(format!("{path} is larger than 1 MiB")),
                (status, _) => Err(format!("{path} answers with HTTP status {status}")),
            }
        }
    };
    match found {
        Ok(found) if found == *expected => Ok(Target::Ready),
        Ok(found) => Err(Target::WrongRevision(cut(&found))),
        Err(why) => Err(Target::NoRevision(why)),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}

/// A path, perhaps with a query, of the same origin.
fn elsewhere(url: &Url, place: &str) -> Url {
    let mut url = url.clone();
    let (path, query) = match place.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (place, None),
    };
    url.set_path(path);
    url.set_query(query);
    url.set_fragment(None);
    url
}

/// Why there is no answer, as a fragment.
fn silent(why: &Unreached) -> Target {
    Target::Silent(why.to_string().trim_end_matches('.').to_owned())
}
