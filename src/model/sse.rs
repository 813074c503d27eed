//! Server-sent events out of bytes (pure; HTML standard, section 9.2.6).

/// Longest event in bytes. A reply of ours has at most some ten thousand tokens in many events.
const LONGEST: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SseEvent {
    /// Its name; empty if it has none.
    pub(super) name: String,
    /// Its data, lines joined by line feeds.
    pub(super) data: String,
}

/// An event that is longer than any of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes bytes in any pieces. What is incomplete at the end is not an event.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    event: SseEvent,
    /// Whether the event has a data field, if only an empty one.
    has_data: bool,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    begun: bool,
}

impl Decoder {
    /// The events that these bytes complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let belongs = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                b'\n' if belongs => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    events.extend(self.line());
                }
                _ => {
                    if self.line.len() + self.event.data.len() >= LONGEST {
                        return Err(TooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(events)
    }

    /// A line is complete, and with an empty one the event.
    fn line(&mut self) -> Option<SseEvent> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = bytes.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at_checked(colon)?;
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.event.name = value.into_owned(),
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(&value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<(String, String)> {
        let events = Decoder::default().feed(bytes).unwrap();
        events.into_iter().map(|event| (event.name, event.data)).collect()
    }

    #[track_caller]
    fn check(bytes: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
        assert_eq!(decode(bytes.as_bytes()), expected, "{bytes:?}");
    }

    #[test]
    fn fields_make_events() {
        check("event: ping\ndata: {}\n\n", &[("ping", "{}")]);
        check("data:x\n\ndata:  y\n\n", &[("", "x"), ("", " y")]);
        check("data: a\ndata: b\ndata\n\n", &[("", "a\nb\n")]);
        check(": a comment\nid: 7\nretry: 10\nother\n\ndata: x\n\n", &[("", "x")]);
        check("event: nothing\n\ndata: x\n\n", &[("", "x")]);
        check("\u{feff}data: x\n\n", &[("", "x")]);
    }

    #[test]
    fn all_three_line_ends_are_known() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("event: a{end}data: 1{end}{end}data: 2{end}{end}");
            check(&text, &[("a", "1"), ("", "2")]);
        }
    }

    #[test]
    fn what_is_incomplete_is_no_event() {
        check("data: x\n", &[]);
        check("data: x\n\ndata: y", &[("", "x")]);
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 1 << 20];
        let refused = (0..9).map(|_| decoder.feed(&piece)).find_map(Result::err);
        assert_eq!(refused, Some(TooLong));
    }
}
