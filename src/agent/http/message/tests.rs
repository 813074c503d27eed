//! What is refused before it is sent, and what a redirect leaves of it.

use super::*;
use crate::secret::Secret;

fn run_url() -> Url {
    Url::parse("https://shop.example/a").unwrap()
}

fn secret(origin: &str) -> Text {
    Text::secret("{{KEY}}", Secret::new("hunter2".to_owned()), vec![origin.to_owned()])
}

fn post(url: &str, headers: &[(&str, &str)]) -> Request {
    Request {
        method: Method::Post,
        url: url.into(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect(),
        body: Some("{}".into()),
    }
}

#[track_caller]
fn refused(request: &Request, code: Code, part: &str) {
    let failed = Message::first(request, &run_url()).unwrap_err();
    assert_eq!(failed.code, code, "{failed}");
    assert!(failed.message.contains(part), "{failed}");
    assert!(!format!("{failed:?}").contains("hunter2"), "{failed:?}");
}

#[test]
fn what_cannot_be_sent_is_an_invalid_argument_that_says_where() {
    for (request, part) in [
        (post("about:blank", &[]), "url: about:blank is no URL to ask: only http"),
        (post("", &[]), "it is empty"),
        (post("ftp://shop.example/", &[]), "can be opened"),
        (post("https://ada:pw@shop.example/", &[]), "belong into a header"),
        (post("/", &[("Host", "intern")]), "headers.Host: the runner sets"),
        (post("/", &[("content-LENGTH", "0")]), "the runner sets"),
        (post("/", &[("Proxy-Authorization", "x")]), "the runner sets"),
        (post("/", &[("X y", "1")]), "headers.X y: this is no name"),
        (post("/", &[("", "1")]), "this is no name"),
        (post("/", &[("X", "1\r\nHost: intern")]), "headers.X: the value has a line break"),
    ] {
        refused(&request, Code::InvalidArgument, part);
    }
}

#[test]
fn a_body_is_json_unless_a_header_says_otherwise() {
    let types = |request: &Request| -> Vec<String> {
        let message = Message::first(request, &run_url()).unwrap();
        message.headers.iter().map(|(name, value)| format!("{name}: {}", value.shown())).collect()
    };
    assert_eq!(types(&post("/", &[])), ["Content-Type: application/json"]);
    assert_eq!(types(&post("/", &[("content-type", "text/csv")])), ["content-type: text/csv"]);
    assert!(types(&Request { body: None, ..post("/", &[]) }).is_empty());
}

#[test]
fn a_secret_goes_nowhere_but_to_its_origins() {
    let own = "https://shop.example";
    for there in [secret(own), "x".into()] {
        let request = Request { body: Some(there), ..post("/hook", &[]) };
        assert!(Message::first(&request, &run_url()).is_ok());
    }
    let elsewhere = "https://other.example/x";
    let header = vec![("Authorization".to_owned(), secret(own))];
    let asked = Text::secret(
        "https://other.example/{{KEY}}",
        Secret::new("https://other.example/hunter2".to_owned()),
        vec![own.to_owned()],
    );
    for request in [
        Request { body: Some(secret(own)), ..post(elsewhere, &[]) },
        Request { headers: header, ..post(elsewhere, &[]) },
        Request { url: asked, ..post("/", &[]) },
        // Another scheme or port is another origin.
        Request { body: Some(secret(own)), ..post("http://shop.example/", &[]) },
        Request { body: Some(secret(own)), ..post("https://shop.example:8443/", &[]) },
    ] {
        refused(&request, Code::BlockedByPolicy, "secret");
    }
}

/// Method, body and names of headers after a redirect.
fn after(request: &Request, status: u16, location: &str) -> String {
    let message = Message::first(request, &run_url()).unwrap();
    match message.redirected(status, location) {
        Ok(Message { method, url, headers, body }) => {
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            let body = body.map_or("-", |_| "body");
            format!("{} {url} {body} {}", method.as_str(), names.join(","))
        }
        Err(failed) => format!("{:?}: {failed}", failed.code),
    }
}

#[test]
fn a_redirect_changes_method_body_and_headers_as_in_a_browser() {
    let headers = [("Authorization", "x"), ("Accept", "*/*")];
    let request = post("/form", &headers);
    for status in [301, 302, 303] {
        let after = after(&request, status, "/done?x=1");
        assert_eq!(after, "GET https://shop.example/done?x=1 - Authorization,Accept", "{status}");
    }
    let kept = "POST https://shop.example/done body Authorization,Accept,Content-Type";
    for status in [307, 308] {
        assert_eq!(after(&request, status, "done"), kept, "{status}");
    }
    let put = Request { method: Method::Put, ..request.clone() };
    assert!(after(&put, 302, "/x").starts_with("PUT https://shop.example/x body"));
    assert!(after(&put, 303, "/x").starts_with("GET https://shop.example/x -"));
    let head = Request { method: Method::Head, body: None, ..request };
    assert_eq!(after(&head, 303, "/x"), "HEAD https://shop.example/x - Authorization,Accept");
}

#[test]
fn another_origin_gets_no_credentials() {
    let headers =
        [("Authorization", "x"), ("Cookie", "s=1"), ("X-Api-Key", "k"), ("Accept", "*/*")];
    let request = post("/form", &headers);
    for location in ["https://other.example/", "//ada:pw@other.example/", "http://shop.example/"] {
        let after = after(&request, 307, location);
        assert!(after.ends_with("/ body Accept,Content-Type"), "{after}");
        assert!(!after.contains("ada"), "{after}");
    }
    let own = "https://shop.example";
    let secret_body = Request { body: Some(secret(own)), ..request.clone() };
    assert!(after(&secret_body, 307, "https://other.example/").starts_with("BlockedByPolicy"));
    assert!(after(&secret_body, 303, "https://other.example/").starts_with("GET"));
    let secret_header =
        Request { headers: vec![("Accept".to_owned(), secret(own))], body: None, ..request };
    assert!(after(&secret_header, 307, "https://other.example/").ends_with("- "));
}

#[test]
fn a_redirect_to_what_cannot_be_asked_is_no_answer() {
    let request = post("/", &[]);
    assert_eq!(
        after(&request, 301, "ftp://x/"),
        "RequestFailed: shop.example redirects to ftp:, which is not asked"
    );
    assert_eq!(after(&request, 301, "http://["), "RequestFailed: shop.example redirects to no URL");
}
