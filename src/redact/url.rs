//! What of a URL may be stored (handoff.md 5.2, pure).

use std::collections::BTreeSet;

use url::Url;

use super::REDACTED;

/// So many names of query parameters are kept.
const NAMES: usize = 20;
/// Says that there were more.
const MORE: &str = "…";

/// The storable form of `url`. `is_telling` judges decoded segments and names.
pub(super) fn sanitised(url: &str, is_telling: impl Fn(&str) -> bool) -> String {
    let Ok(url) = Url::parse(url) else { return "invalid:".to_owned() };
    let (true, Some(host)) = (matches!(url.scheme(), "http" | "https"), url.host_str()) else {
        return format!("{}:", url.scheme());
    };
    let kept = |part: &str| {
        if is_telling(&decoded(part)) { REDACTED.to_owned() } else { part.to_owned() }
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().split('/').map(kept).collect::<Vec<_>>().join("/");
    let query = url.query().map(|query| names(query, kept)).unwrap_or_default();
    format!("{}://{host}{port}{path}{query}", url.scheme())
}

/// `?a=*&b=*`: the names, each once.
fn names(query: &str, kept: impl Fn(&str) -> String) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut names: BTreeSet<String> =
        pairs.map(|pair| kept(pair.split_once('=').map_or(pair, |(name, _)| name))).collect();
    // A URL that went through here before.
    let was_cut = names.iter().any(|name| decoded(name) == MORE);
    names.retain(|name| decoded(name) != MORE);
    let more = was_cut || names.len() > NAMES;
    let mut shown: Vec<String> =
        names.into_iter().take(NAMES).map(|name| format!("{name}=*")).collect();
    if more {
        shown.push(MORE.to_owned());
    }
    if shown.is_empty() { String::new() } else { format!("?{}", shown.join("&")) }
}

/// Percent-decoded; what is no UTF-8 becomes replacement characters.
fn decoded(part: &str) -> String {
    // The form decoder is the only one the crate offers: escape what it would read differently.
    let escaped = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}
