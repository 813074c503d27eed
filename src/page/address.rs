//! What people mean by an address (agent.md 4.3, `navigate`; pure).

use std::net::IpAddr;

use url::{Host, Url};

/// Longest URL, in characters.
const LONGEST: usize = 8192;

/// What a plan or a model means by a URL, `run_url` being the page under test.
///
/// # Errors
/// In words that go on after `is no URL to go to:`.
pub fn resolve(run_url: &Url, text: &str) -> Result<Url, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.chars().count() > LONGEST {
        return Err("it is longer than 8192 characters");
    }
    let unparsable = |_| "it does not parse";
    if text.starts_with(['/', '?', '#']) {
        return run_url.join(text).map_err(unparsable);
    }
    if text.eq_ignore_ascii_case("about:blank") {
        return Url::parse("about:blank").map_err(unparsable);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err("only http, https and about:blank can be opened");
        }
        return Url::parse(text).map_err(unparsable);
    }
    // `localhost:3000` is a host and a port, `mailto:ada` a scheme.
    let head = text.split(['/', '?', '#']).next().unwrap_or(text);
    if let Some((_, port)) = head.rsplit_once(':')
        && !head.starts_with('[')
        && !(port.is_empty() || port.chars().all(|c| c.is_ascii_digit()))
    {
        return Err("only http, https and about:blank can be opened");
    }
    let secure = Url::parse(&format!("https://{text}")).map_err(unparsable)?;
    if secure.host().is_some_and(|host| is_loopback(&host)) {
        return Url::parse(&format!("http://{text}")).map_err(unparsable);
    }
    Ok(secure)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        let run_url = Url::parse("https://shop.example/a/b?x=1").unwrap();
        let got = resolve(&run_url, text).map_or_else(str::to_owned, String::from);
        assert_eq!(got, wanted, "{text}");
    }

    #[test]
    fn urls_are_resolved_against_the_run_url_and_hosts_get_a_scheme() {
        check("/cart", "https://shop.example/cart");
        check("?y=2", "https://shop.example/a/b?y=2");
        check("#top", "https://shop.example/a/b?x=1#top");
        check("//other.example/x", "https://other.example/x");
        check("example.org/x", "https://example.org/x");
        check("example.org:8443", "https://example.org:8443/");
        check("localhost:3000/x", "http://localhost:3000/x");
        check("127.0.0.1:80", "http://127.0.0.1/");
        check("[::1]:3000", "http://[::1]:3000/");
        check("a.localhost", "http://a.localhost/");
        check("HTTP://Example.org", "http://example.org/");
        check("about:blank", "about:blank");
    }

    #[test]
    fn other_schemes_and_nothing_at_all_are_refused() {
        let scheme = "only http, https and about:blank can be opened";
        check("", "it is empty");
        check("file:///etc/passwd", scheme);
        check("ftp://x", scheme);
        check("javascript:alert(1)", scheme);
        check("mailto:ada@example.org", scheme);
        check("data:text/html,x", scheme);
        check("https://", "it does not parse");
    }
}
