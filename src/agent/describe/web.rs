//! Addresses and requests as they may be recorded: what stands behind `?` by its names alone, since
//! tokens stand there (handoff.md 5.2; pure).

use serde_json::{Map, Value, json};
use url::Url;

use super::typed;
use crate::{
    agent::http::{Request, harmless},
    page::Text,
    redact::sanitised_url,
};

/// A host that nobody has.
const NOWHERE: &str = "http://handback.invalid";

/// What was sent by the runner itself: a sentence and its arguments.
pub fn http(request: &Request) -> (String, Value) {
    let Request { method, url, headers, body } = request;
    let url = address(url);
    let mut args = Map::new();
    let mut put = |name: &str, value: Value| drop(args.insert(name.to_owned(), value));
    put("url", json!(url));
    put("method", json!(method.as_str()));
    if !headers.is_empty() {
        let shown = headers.iter().map(|(name, value)| {
            let value = if harmless(name) { value.shown().to_owned() } else { typed(value) };
            (name.clone(), json!(value))
        });
        put("headers", Value::Object(shown.collect()));
    }
    if let Some(body) = body {
        put("body", json!(typed(body)));
    }
    (format!("{} {url}", method.as_str()), Value::Object(args))
}

/// A URL, a path or a host. Placeholders stay what they are.
pub(super) fn address(url: &Text) -> String {
    let shown = url.shown();
    let sanitised = if shown.starts_with(['/', '?', '#']) && !shown.starts_with("//") {
        let path = sanitised_url(&format!("{NOWHERE}{}{shown}", slash(shown)));
        let path = path.strip_prefix(NOWHERE).unwrap_or(&path).to_owned();
        let kept = path.strip_prefix('/').filter(|_| !shown.starts_with('/')).unwrap_or(&path);
        let fragment = if shown.starts_with('#') { "#…" } else { "" };
        format!("{kept}{fragment}")
    } else if shown.contains("://") && host(shown) && Url::parse(shown).is_ok() {
        sanitised_url(shown)
    } else if let Some(whole) = without_scheme(shown) {
        whole
    } else {
        // A placeholder where the host should be.
        match shown.find(['?', '#']) {
            Some(end) => format!("{}…", shown.get(..=end).unwrap_or_default()),
            None => shown.to_owned(),
        }
    };
    sanitised.replace("%7B%7B", "{{").replace("%7D%7D", "}}")
}

/// `shop.example/x`, or `//shop.example/x`.
fn without_scheme(shown: &str) -> Option<String> {
    let added = if shown.starts_with("//") { "http:" } else { "http://" };
    let whole = format!("{added}{shown}");
    if shown.contains("://") || !host(&whole) || Url::parse(&whole).is_err() {
        return None;
    }
    Some(sanitised_url(&whole).strip_prefix(added)?.to_owned())
}

/// Whether the host is one already, and no placeholder of which the parser would make something.
fn host(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|host| !host.contains("{{"))
}

/// What is missing between a host and what follows it.
fn slash(rest: &str) -> &'static str {
    if rest.starts_with('/') { "" } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{page::predicate::Method, secret::Secret};

    // agent.md 17.36
    #[test]
    fn tokens_of_an_address_are_in_no_record() {
        for (given, recorded) in [
            ("https://shop.example/a?token=abc&x=1#frag", "https://shop.example/a?token=*&x=*"),
            ("https://ada:pw@shop.example/", "https://shop.example/"),
            ("/cart?token=abc", "/cart?token=*"),
            ("/cart", "/cart"),
            ("?token=abc", "?token=*"),
            ("#token=abc", "#…"),
            ("//cdn.example/x?t=1", "//cdn.example/x?t=*"),
            ("shop.example/a?t=abc", "shop.example/a?t=*"),
            ("localhost:3000", "localhost:3000/"),
            ("/u/{{NAME}}?t={{T}}", "/u/{{NAME}}?t=*"),
            ("{{BASE}}/cart", "{{BASE}}/cart"),
            ("{{BASE}}/cart?t=abc", "{{BASE}}/cart?…"),
            ("https://{{HOST}}/cart#x", "https://{{HOST}}/cart#…"),
            ("/k/sk-0123456789abcdef0123", "/k/[redacted]"),
        ] {
            assert_eq!(address(&given.into()), recorded, "{given}");
        }
    }

    #[test]
    fn a_request_is_recorded_without_what_it_tells() {
        let secret = Text::secret("{{KEY}}", Secret::new("hunter2".to_owned()), Vec::new());
        let request = Request {
            method: Method::Post,
            url: "/hook?token=abc".into(),
            headers: vec![
                ("Accept".to_owned(), "text/plain".into()),
                ("X-Key".to_owned(), "abcdef".into()),
                ("Authorization".to_owned(), secret),
            ],
            body: Some("{\"password\":1}".into()),
        };
        let recorded = (
            "POST /hook?token=*".to_owned(),
            json!({
                "url": "/hook?token=*",
                "method": "POST",
                "headers": {
                    "Accept": "text/plain",
                    "X-Key": "[6 characters]",
                    "Authorization": "{{KEY}}",
                },
                "body": "[14 characters]",
            }),
        );
        assert_eq!(http(&request), recorded);
    }
}
