//! Hosts that a plan names literally: a secret may go there (agent.md 2.3).

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

/// Every host in `texts`, lower case, with the port if one is written.
pub(super) fn named<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    /// A URL's host, or a bare name with a top-level domain. A mail address names no host: what
    /// stands before the name decides.
    #[expect(clippy::expect_used, reason = "a constant pattern, compiled by every test of plans")]
    static HOST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)(?:(?<url>https?://(?:[^\s/?#@]*@)?)(?<host>[a-z0-9.-]+(?::[0-9]{1,5})?)",
            r"|(?:^|(?<before>[^a-z0-9]))(?<bare>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?",
            r"(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,}(?::[0-9]{1,5})?)(?<after>@?))",
        ))
        .expect("a constant pattern compiles")
    });
    let mut hosts = BTreeSet::new();
    for found in texts.flat_map(|text| HOST.captures_iter(text)) {
        let alone = found.name("before").is_none_or(|before| {
            before
                .as_str()
                .starts_with(|char: char| char.is_whitespace() || "\"'`(<,“‘".contains(char))
        }) && found.name("after").is_none_or(|after| after.is_empty());
        let whole = found.name("host").or_else(|| found.name("bare").filter(|_| alone));
        hosts.extend(whole.map(|host| host.as_str().trim_end_matches('.').to_lowercase()));
    }
    hosts.retain(|host| !host.is_empty());
    hosts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(named([text].into_iter()), expected, "{text}");
    }

    #[test]
    fn hosts_are_found_in_urls_and_words() {
        check(
            "Open https://IDP.example:8443/login and sso.example.com.",
            &["idp.example:8443", "sso.example.com"],
        );
        check("Open http://localhost:3000/x", &["localhost:3000"]);
        check("Mail bob.x@mail.example.com about https://{{HOST}}/ and 3.14, /a/b.html", &[]);
        check("Open https://user@evil.example/", &["evil.example"]);
    }
}
