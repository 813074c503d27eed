//! How a secret may be written, and how a text may be read, so that the two meet (pure).
//!
//! Encodings that leave some freedom (which characters are escaped, in which case) are undone on
//! the text: a [`View`] is the decoded text that remembers where each byte came from. Encodings
//! without freedom are done to the secret: a [`Spelling`] is one of its encoded forms.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// A text decoded, and for each byte the bytes of the text it stands for.
pub(super) struct View {
    /// The decoded bytes.
    pub(super) bytes: Vec<u8>,
    /// Start and end in the text, for each of `bytes`.
    places: Vec<(usize, usize)>,
}

/// What an escape at the start of a text stands for, and its length; `None` if it is none.
type Escape = fn(&str) -> Option<(Vec<u8>, usize)>;

impl View {
    /// Where the bytes `start..end` of the view stand in the text.
    pub(super) fn place(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        Some((self.places.get(start)?.0, self.places.get(end.checked_sub(1)?)?.1))
    }

    /// Every reading of `text` that differs from the text.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let readings: [(&str, Escape); 4] =
            [("%", percent), ("%+", form), ("\\", json), ("&", html)];
        readings.iter().filter_map(|(marks, escape)| Self::read(text, marks, *escape)).collect()
    }

    /// Reads `text`. Escapes begin with a character of `marks`; without one there is no view.
    fn read(text: &str, marks: &str, escape: Escape) -> Option<Self> {
        let is_mark = |byte: u8| marks.as_bytes().contains(&byte);
        text.bytes().find(|byte| is_mark(*byte))?;
        let mut view =
            Self { bytes: Vec::with_capacity(text.len()), places: Vec::with_capacity(text.len()) };
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at).copied() {
            let found = if is_mark(byte) { escape(text.get(at..).unwrap_or("")) } else { None };
            let (bytes, length) = match &found {
                Some((bytes, length)) => (bytes.as_slice(), *length),
                None => (std::slice::from_ref(&byte), 1),
            };
            for decoded in bytes {
                view.bytes.push(*decoded);
                view.places.push((at, at + length));
            }
            at += length;
        }
        Some(view)
    }
}

fn percent(rest: &str) -> Option<(Vec<u8>, usize)> {
    let byte = u8::from_str_radix(digits(rest, 1, 2)?, 16).ok()?;
    Some((vec![byte], 3))
}

fn form(rest: &str) -> Option<(Vec<u8>, usize)> {
    if rest.starts_with('+') { Some((b" ".to_vec(), 1)) } else { percent(rest) }
}

fn json(rest: &str) -> Option<(Vec<u8>, usize)> {
    let plain = |byte: u8| Some((vec![byte], 2));
    match rest.as_bytes().get(1)? {
        b'n' => plain(b'\n'),
        b't' => plain(b'\t'),
        b'r' => plain(b'\r'),
        b'b' => plain(8),
        b'f' => plain(12),
        byte @ (b'"' | b'\\' | b'/') => plain(*byte),
        b'u' => {
            let unit = |at| u16::from_str_radix(digits(rest, at, 4)?, 16).ok();
            let first = unit(2)?;
            let second = if rest.get(6..8) == Some("\\u") { unit(8) } else { None };
            let mut read = char::decode_utf16([first].into_iter().chain(second));
            let read = read.next()?.ok()?;
            Some((read.to_string().into_bytes(), if read.len_utf16() == 2 { 12 } else { 6 }))
        }
        _ => None,
    }
}

fn html(rest: &str) -> Option<(Vec<u8>, usize)> {
    /// `&#x10FFFF;` with a few leading zeros.
    const LONGEST: usize = 16;
    let length = rest.bytes().take(LONGEST).position(|byte| byte == b';')? + 1;
    let name = rest.get(1..length - 1)?;
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    let read = match name.strip_prefix('#') {
        Some(code) => {
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => number(hex, 16)?,
                None => number(code, 10)?,
            };
            char::from_u32(code)?
        }
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => '\u{a0}',
            _ => return None,
        },
    };
    Some((read.to_string().into_bytes(), length))
}

/// `length` hexadecimal digits at `at`; `from_str_radix` alone would take a sign.
fn digits(rest: &str, at: usize, length: usize) -> Option<&str> {
    let digits = rest.get(at..at + length)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)
}

/// A secret as it may stand in a (decoded) text.
pub(super) struct Spelling {
    /// What is searched for.
    pub(super) text: String,
    /// The character before it belongs to the secret too, if it is of base64.
    pub(super) before: bool,
    /// So does the one after it.
    pub(super) after: bool,
}

/// Encoded forms shorter than this would match by chance.
const SHORTEST: usize = 4;

/// All spellings of `value`.
pub(super) fn spellings(value: &str) -> Vec<Spelling> {
    let whole = |text: String| Spelling { text, before: false, after: false };
    let mut all = vec![whole(value.to_owned())];
    let latin = |bytes: Vec<u8>| bytes.into_iter().map(char::from).collect::<String>();
    all.push(whole(latin(value.encode_utf16().flat_map(u16::to_le_bytes).collect())));
    all.push(whole(latin(value.encode_utf16().flat_map(u16::to_be_bytes).collect())));
    all.extend((0..3).filter_map(|offset| base64(value, offset)));
    // The same after pass 0, which may come before this one.
    let lines: Vec<String> = all.iter().map(|one| super::one_line(&one.text)).collect();
    all.extend(lines.into_iter().map(whole));
    let mut kept: Vec<Spelling> = Vec::new();
    for one in all {
        let fits = one.text.len() >= SHORTEST || one.text == value;
        if fits && !one.text.is_empty() && kept.iter().all(|other| other.text != one.text) {
            if one.text.contains(['+', '/']) && one.text != value {
                kept.push(Spelling { text: url_safe(&one.text), ..one });
            }
            kept.push(one);
        }
    }
    kept
}

fn url_safe(text: &str) -> String {
    text.replace('+', "-").replace('/', "_")
}

/// The characters of base64 that depend on `value` alone when it stands `offset` bytes after a
/// multiple of three. Six bits a character: the first and the last may hold neighbours' bits.
fn base64(value: &str, offset: usize) -> Option<Spelling> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(value.as_bytes());
    let (first_bit, last_bit) = (offset * 8, bytes.len() * 8);
    let encoded = BASE64_STANDARD.encode(&bytes);
    let text = encoded.get(first_bit.div_ceil(6)..last_bit / 6)?.to_owned();
    Some(Spelling {
        text,
        before: !first_bit.is_multiple_of(6),
        after: !last_bit.is_multiple_of(6),
    })
}
