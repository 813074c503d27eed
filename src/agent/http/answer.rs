//! An answer as a tool's result (pure).

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use url::Url;

use crate::{page::tool::Done, redact::sanitised_url};

/// How much of a body is given, in characters.
const GIVEN: usize = 4000;

/// What was read of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Nothing was left unread.
    pub(super) whole: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Body,
    /// From the first byte sent to the last one read.
    pub(super) ms: u64,
    pub(super) redirects: usize,
    /// Who answered in the end.
    pub(super) url: Url,
}

impl Answer {
    /// As a tool's result.
    pub(super) fn done(self) -> Done {
        let Self { status, content_type, body, ms, redirects, url } = self;
        let mut notes = Vec::new();
        let kind = content_type.as_deref().unwrap_or_default();
        let text = text(&body, kind);
        if text.is_none() {
            notes.push(format!("the body is no text: {} bytes", body.bytes.len()));
        }
        let text = text.unwrap_or_default();
        let given: String = text.chars().take(GIVEN).collect();
        let truncated = !body.whole || given.len() < text.len();
        let mut data = Map::new();
        let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
        put("status", json!(status));
        put("content_type", json!(content_type));
        put("body", json!(given));
        put("truncated", json!(truncated));
        put("ms", json!(ms));
        if redirects > 0 {
            put("redirects", json!(redirects));
            put("url", json!(sanitised_url(url.as_str())));
        }
        let sentence = format!("the request was answered with status {status}");
        Done { sentence, data: Value::Object(data), notes, ..Done::default() }
    }
}

/// A body as text, if it is some.
fn text<'b>(body: &'b Body, content_type: &str) -> Option<Cow<'b, str>> {
    let Body { bytes, whole } = body;
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(text.into()),
        Err(error) => error,
    };
    if !whole && error.error_len().is_none() {
        // Reading ended within a character.
        let text = bytes.get(..error.valid_up_to()).unwrap_or_default();
        return Some(String::from_utf8_lossy(text));
    }
    let kind = content_type.to_ascii_lowercase();
    if ["iso-8859-1", "latin1", "windows-1252"].iter().any(|one| kind.contains(one)) {
        return Some(bytes.iter().copied().map(char::from).collect::<String>().into());
    }
    let is_text = ["text/", "json", "xml", "javascript", "x-www-form-urlencoded"];
    let is_text = is_text.iter().any(|one| kind.contains(one));
    is_text.then(|| String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(bytes: &[u8], whole: bool, content_type: &str) -> Done {
        let answer = Answer {
            status: 200,
            content_type: Some(content_type.to_owned()),
            body: Body { bytes: bytes.to_vec(), whole },
            ms: 5,
            redirects: 0,
            url: Url::parse("https://shop.example/x?token=abc").unwrap(),
        };
        answer.done()
    }

    #[track_caller]
    fn check(bytes: &[u8], whole: bool, content_type: &str, body: &str, truncated: bool) {
        let done = done(bytes, whole, content_type);
        assert_eq!(
            (&done.data["body"], &done.data["truncated"]),
            (&json!(body), &json!(truncated))
        );
    }

    #[test]
    fn at_most_four_thousand_characters_are_given() {
        check("é".repeat(4000).as_bytes(), true, "", &"é".repeat(4000), false);
        check("é".repeat(4001).as_bytes(), true, "", &"é".repeat(4000), true);
        check(b"short", false, "", "short", true);
    }

    #[test]
    fn a_body_is_read_in_its_encoding() {
        check(b"na\xefve", true, "text/html; charset=ISO-8859-1", "naïve", false);
        check(b"na\xefve", true, "text/html", "na\u{fffd}ve", false);
        check("é".as_bytes().split_at(1).0, false, "", "", true);
        check(b"\x89PNG\xff", true, "image/png", "", false);
        assert_eq!(done(b"\x89PNG\xff", true, "image/png").notes, ["the body is no text: 5 bytes"]);
    }

    #[test]
    fn who_answered_after_redirects_is_told_without_tokens() {
        assert!(done(b"", true, "").data.get("url").is_none());
        let answer = Answer {
            status: 404,
            content_type: None,
            body: Body { bytes: Vec::new(), whole: true },
            ms: 5,
            redirects: 2,
            url: Url::parse("https://shop.example/x?token=abc").unwrap(),
        };
        let done = answer.done();
        assert_eq!(done.sentence, "the request was answered with status 404");
        let wanted = json!({
            "status": 404, "content_type": null, "body": "", "truncated": false, "ms": 5,
            "redirects": 2, "url": "https://shop.example/x?token=*",
        });
        assert_eq!(done.data, wanted);
    }
}
