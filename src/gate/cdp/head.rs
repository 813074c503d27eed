//! Which request a frame of Chromium's answers and on which session it came, read from its ends; a
//! frame of ten megabytes is not decoded for that (pure).
//!
//! Chromium writes `{"id":7,…,"sessionId":"…"}` and `{"method":"…",…,"sessionId":"…"}`. A frame that
//! does not end in a session may still have one elsewhere, so that it is parsed.

use std::borrow::Cow;

use serde::Deserialize;

/// What is known of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) id: Option<u64>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) session: Option<Cow<'a, str>>,
    /// Where the id's digits end and where the session begins (its comma), if both were where they
    /// always are.
    patch: Option<Patch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patch {
    after_id: usize,
    before_session: usize,
}

const ID: &[u8] = b"{\"id\":";
const METHOD: &[u8] = b"{\"method\":\"";
const SESSION: &[u8] = b",\"sessionId\":\"";
const END: &[u8] = b"\"}";
/// Session ids have 32 characters.
const LONGEST_SESSION: usize = 64;

/// Reads a frame's head; `None` if it is no frame.
pub(super) fn read(json: &[u8]) -> Option<Head<'_>> {
    fast(json).or_else(|| slow(json))
}

fn fast(json: &[u8]) -> Option<Head<'_>> {
    let body = json.strip_suffix(END)?;
    let tail = body.len().saturating_sub(LONGEST_SESSION + SESSION.len());
    let window = body.get(tail..)?;
    // A quote inside a string is escaped, and nothing but the outermost object ends in a single
    // brace: these bytes can only be the frame's last member.
    let at = window.windows(SESSION.len()).rposition(|bytes| bytes == SESSION)?;
    let session = window.get(at + SESSION.len()..)?;
    if !session.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
        return None;
    }
    let session = Some(std::str::from_utf8(session).ok()?.into());
    let before_session = tail + at;
    if let Some(rest) = json.strip_prefix(ID) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let id = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
        let patch = Patch { after_id: ID.len() + digits, before_session };
        return Some(Head { id: Some(id), method: None, session, patch: Some(patch) });
    }
    let rest = json.strip_prefix(METHOD)?;
    let length = rest.iter().take(128).position(|byte| *byte == b'"')?;
    let method = std::str::from_utf8(rest.get(..length)?).ok()?;
    if method.contains('\\') {
        return None;
    }
    let patch = Patch { after_id: 0, before_session };
    Some(Head { id: None, method: Some(method.into()), session, patch: Some(patch) })
}

fn slow(json: &[u8]) -> Option<Head<'_>> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        id: Option<u64>,
        #[serde(borrow)]
        method: Option<Cow<'a, str>>,
        #[serde(borrow, rename = "sessionId")]
        session: Option<Cow<'a, str>>,
    }
    let Whole { id, method, session } = serde_json::from_slice(json).ok()?;
    Some(Head { id, method, session, patch: None })
}

impl Head<'_> {
    /// The frame with another id, and without its session if that is `hidden`.
    pub(super) fn rewritten(&self, json: &[u8], id: Option<u64>, hidden: Option<&str>) -> Vec<u8> {
        let hide = self.session.is_some() && self.session.as_deref() == hidden;
        self.patched(json, id, hide).unwrap_or_else(|| reparsed(json, id, hide))
    }

    fn patched(&self, json: &[u8], id: Option<u64>, hide: bool) -> Option<Vec<u8>> {
        let Patch { after_id, before_session } = self.patch?;
        let mut frame = Vec::with_capacity(json.len() + 24);
        let mut from = 0;
        if let Some(id) = id {
            frame.extend_from_slice(ID);
            frame.extend_from_slice(id.to_string().as_bytes());
            from = after_id;
        }
        if hide {
            frame.extend_from_slice(json.get(from..before_session)?);
            frame.push(b'}');
        } else {
            frame.extend_from_slice(json.get(from..)?);
        }
        Some(frame)
    }
}

fn reparsed(json: &[u8], id: Option<u64>, hide: bool) -> Vec<u8> {
    let Ok(mut members) = serde_json::from_slice::<
        std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>,
    >(json) else {
        return json.to_vec();
    };
    if hide {
        members.remove("sessionId");
    }
    if let Some(raw) = id.and_then(|id| serde_json::value::to_raw_value(&id).ok()) {
        members.insert("id".to_owned(), raw);
    }
    serde_json::to_vec(&members).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_frames_are_read_from_their_ends() {
        let check = |json: &str, id, method: Option<&str>, session: Option<&str>, fast: bool| {
            let head = read(json.as_bytes()).unwrap();
            let found = (head.id, head.method.as_deref(), head.session.as_deref());
            assert_eq!((found, head.patch.is_some()), ((id, method, session), fast), "{json}");
        };
        check(r#"{"id":7,"result":{},"sessionId":"AB12"}"#, Some(7), None, Some("AB12"), true);
        check(
            r#"{"method":"Page.loadEventFired","params":{},"sessionId":"AB"}"#,
            None,
            Some("Page.loadEventFired"),
            Some("AB"),
            true,
        );
        check(r#"{"id":7,"result":{"sessionId":"AB"}}"#, Some(7), None, None, false);
        check(r#"{"sessionId":"AB","id":7,"result":{}}"#, Some(7), None, Some("AB"), false);
        // What looks like a session is the text of a page.
        check(r#"{"id":7,"result":{"value":",\"sessionId\":\"AB"}}"#, Some(7), None, None, false);
        check(r#"{"id":7,"x":",\"sessionId\":\"AB"}"#, Some(7), None, None, false);
        assert_eq!(read(b"nonsense"), None);
        assert_eq!(read(b"\"}"), None);
    }

    #[test]
    fn a_patched_frame_and_a_parsed_one_say_the_same() {
        for json in [
            r#"{"id":7,"result":{"a":[1,2,"x"]},"sessionId":"AB12"}"#,
            r#"{"id":7,"sessionId":"AB12","result":{"a":[1,2,"x"]}}"#,
            r#"{"id":123456,"error":{"code":1,"message":"}\"}"},"sessionId":"AB12"}"#,
        ] {
            for hidden in [Some("AB12"), Some("other"), None] {
                let head = read(json.as_bytes()).unwrap();
                let frame = head.rewritten(json.as_bytes(), Some(42), hidden);
                let mut whole: serde_json::Value = serde_json::from_str(json).unwrap();
                whole["id"] = 42.into();
                if hidden == Some("AB12") {
                    whole.as_object_mut().unwrap().remove("sessionId");
                }
                let frame: serde_json::Value = serde_json::from_slice(&frame).unwrap();
                assert_eq!(frame, whole, "{json} without {hidden:?}");
            }
        }
    }
}
