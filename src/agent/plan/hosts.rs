//! Hosts that a plan names literally: a secret may go there (agent.md 2.3).

use std::collections::BTreeSet;

/// Every host in `texts`, lower case, with the port if one is written.
pub(super) fn named<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let hosts: BTreeSet<String> = texts.flat_map(words).filter_map(host_of).collect();
    hosts.into_iter().collect()
}

/// Pieces of a text that may be an address: neither blanks, quotes nor brackets are part of one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = |char: char| char.is_whitespace() || "\"'`“”„«»‘’()<>,;".contains(char);
    text.split(ends).filter(|word| word.contains(['.', ':']))
}

/// The host of a URL, or of a bare name with a top-level domain. A mail address names none.
fn host_of(word: &str) -> Option<String> {
    let word = word.to_lowercase();
    let url = ["https://", "http://"].iter().find_map(|scheme| Some(word.split_once(scheme)?.1));
    let authority = |text: &str| text.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let (host, bare) = match url {
        Some(rest) => {
            let authority = authority(rest);
            (authority.rsplit('@').next().unwrap_or_default().to_owned(), false)
        }
        None => (authority(&word), true),
    };
    let host = host.trim_end_matches(['.', ':', '!']);
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let has_domain = name.rsplit_once('.').is_some_and(|(_, tld)| {
        tld.len() > 1 && tld.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    let fits = name.split('.').all(label) && port.parse::<u16>().is_ok() && (has_domain || !bare);
    fits.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(named(std::iter::once(text)), expected, "{text}");
    }

    #[test]
    fn hosts_are_found_in_urls_and_words() {
        check(
            "Open https://IDP.example:8443/login and sso.example.com.",
            &["idp.example:8443", "sso.example.com"],
        );
        check("Open \"http://localhost:3000/x\"", &["localhost:3000"]);
        check("Mail bob.x@mail.example.com about https://{{HOST}}/ and 3.14, /a/b.html", &[]);
        check("Open https://user@evil.example/", &["evil.example"]);
        check("At 10:30, see (docs.example)", &["docs.example"]);
    }
}
