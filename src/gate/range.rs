//! Which part of a file a request gets (agent.md 12, RFC 9110 section 14; pure).

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200 with everything.
    Whole,
    /// 206 with these bytes, both ends included.
    Part { first: u64, last: u64 },
    /// 304.
    NotModified,
    /// 416.
    Unsatisfiable,
}

/// The headers that matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) range: Option<&'a str>,
    pub(super) if_range: Option<&'a str>,
    pub(super) if_none_match: Option<&'a str>,
    /// HEAD gives the headers of the whole file.
    pub(super) head: bool,
}

/// The answer for a file of `length` bytes whose strong entity tag, quotes included, is `etag`.
pub(super) fn answer(asked: Asked<'_>, etag: &str, length: u64) -> Answer {
    if asked.if_none_match.is_some_and(|tags| matches(tags, etag)) {
        return Answer::NotModified;
    }
    let wanted = asked
        .range
        .filter(|_| !asked.head && length > 0)
        .filter(|_| asked.if_range.is_none_or(|tag| tag.trim() == etag));
    wanted.and_then(|range| part(range, length)).unwrap_or(Answer::Whole)
}

fn matches(tags: &str, etag: &str) -> bool {
    tags.trim() == "*"
        || tags.split(',').any(|tag| {
            let tag = tag.trim();
            // `If-None-Match` compares weakly.
            tag.strip_prefix("W/").unwrap_or(tag) == etag
        })
}

/// `None` for whatever is to be ignored: another unit, several ranges, anything malformed.
fn part(range: &str, length: u64) -> Option<Answer> {
    let (unit, set) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    if first.is_empty() {
        let count = number(last)?;
        if count == 0 {
            return Some(Answer::Unsatisfiable);
        }
        return Some(Answer::Part { first: length - count.min(length), last: length - 1 });
    }
    let first = number(first)?;
    if !last.is_empty() && less(last, first)? {
        return None;
    }
    if first >= length {
        return Some(Answer::Unsatisfiable);
    }
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    Some(Answer::Part { first, last: last.min(length - 1) })
}

/// Digits only; more than fit are as good as the largest.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

fn less(text: &str, than: u64) -> Option<bool> {
    Some(number(text)? < than)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn check(range: &str, expected: Answer) {
        let asked = Asked { range: Some(range), ..Asked::default() };
        assert_eq!(answer(asked, TAG, 1000), expected, "{range}");
    }

    #[test]
    fn the_table_of_ranges() {
        let part = |first, last| Answer::Part { first, last };
        for ignored in [
            "items=0-5",
            "bytes 0-5",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=0x1-5",
            "bytes=1-5x",
            "bytes=20-10",
            "bytes=0-1,5-6",
            "bytes=0-0,",
            "bytes=--5",
            "bytes=+1-5",
            "",
            "bytes=1 -5",
        ] {
            check(ignored, Answer::Whole);
        }
        check("bytes=0-0", part(0, 0));
        check("bytes=10-20", part(10, 20));
        check("BYTES=10-20", part(10, 20));
        check("bytes=990-2000", part(990, 999));
        check("bytes=990-99999999999999999999999999", part(990, 999));
        check("bytes=999-999", part(999, 999));
        check("bytes=10-", part(10, 999));
        check("bytes=0-", part(0, 999));
        check("bytes=-1", part(999, 999));
        check("bytes=-1000", part(0, 999));
        check("bytes=-5000", part(0, 999));
        check("bytes=-99999999999999999999999999", part(0, 999));
        check("bytes=-0", Answer::Unsatisfiable);
        check("bytes=1000-", Answer::Unsatisfiable);
        check("bytes=1000-1001", Answer::Unsatisfiable);
        check("bytes=99999999999999999999999999-", Answer::Unsatisfiable);
        check("bytes=99999999999999999999999999-99999999999999999999999999", Answer::Unsatisfiable);
    }

    #[test]
    fn conditions_and_head() {
        let check = |asked: Asked<'_>, expected| {
            assert_eq!(answer(asked, TAG, 1000), expected, "{asked:?}");
        };
        let range = Asked { range: Some("bytes=0-4"), ..Asked::default() };
        check(Asked::default(), Answer::Whole);
        check(Asked { head: true, ..range }, Answer::Whole);
        check(Asked { if_range: Some(TAG), ..range }, Answer::Part { first: 0, last: 4 });
        check(Asked { if_range: Some("\"other\""), ..range }, Answer::Whole);
        check(Asked { if_range: Some("W/\"abc\""), ..range }, Answer::Whole);
        check(Asked { if_none_match: Some(TAG), ..range }, Answer::NotModified);
        check(Asked { if_none_match: Some("\"x\", W/\"abc\""), ..range }, Answer::NotModified);
        check(Asked { if_none_match: Some("*"), head: true, ..range }, Answer::NotModified);
        check(Asked { if_none_match: Some("\"x\""), ..range }, Answer::Part { first: 0, last: 4 });
    }

    #[test]
    fn an_empty_file_has_no_parts() {
        let asked = Asked { range: Some("bytes=0-"), ..Asked::default() };
        assert_eq!(answer(asked, TAG, 0), Answer::Whole);
    }
}
