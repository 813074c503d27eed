//! Pass 1: secrets that are known, in every encoding (pure).

use std::{borrow::Cow, fmt, ops::Range};

use aho_corasick::{AhoCorasick, BuildError};

use super::{
    EMAIL, REDACTED, Registered,
    encodings::{View, spellings},
};

/// The known secrets, ready to be searched for.
pub(super) struct Known {
    /// Finds all spellings at once.
    search: Result<AhoCorasick, BuildError>,
    /// For each pattern of `search`.
    patterns: Vec<Pattern>,
    /// Finds what replacements look like: nothing inside one is a secret again.
    markers: Result<AhoCorasick, BuildError>,
}

/// What a found spelling means.
struct Pattern {
    /// What replaces it.
    by: String,
    /// Length of the secret: of overlapping ones the longest names the replacement.
    weight: usize,
    before: bool,
    after: bool,
}

/// A part of the text to replace.
struct Hit<'k> {
    range: Range<usize>,
    pattern: &'k Pattern,
}

impl Known {
    pub(super) fn new(secrets: Vec<Registered>) -> Self {
        let mut texts = Vec::new();
        let mut patterns = Vec::new();
        let mut markers = vec![REDACTED.to_owned(), EMAIL.to_owned()];
        for secret in secrets {
            let value = secret.value.expose();
            if value.is_empty() {
                continue;
            }
            let by = secret.placeholder.unwrap_or_else(|| REDACTED.to_owned());
            for spelling in spellings(value) {
                patterns.push(Pattern {
                    by: by.clone(),
                    weight: value.len(),
                    before: spelling.before,
                    after: spelling.after,
                });
                texts.push(spelling.text);
            }
            markers.push(by);
        }
        Self { search: AhoCorasick::new(texts), patterns, markers: AhoCorasick::new(markers) }
    }

    /// Replaces every secret. Overlapping ones are replaced together, or a rest of one would stay.
    pub(super) fn replace<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if self.patterns.is_empty() {
            return text;
        }
        // More secrets than can be searched for: nothing may pass.
        let (Ok(search), Ok(markers)) = (&self.search, &self.markers) else {
            return Cow::Borrowed(REDACTED);
        };
        let mut hits: Vec<Hit<'_>> = search
            .find_overlapping_iter(text.as_bytes())
            .filter_map(|found| self.hit(&text, found.pattern().as_usize(), found.range()))
            .collect();
        for view in View::all(&text) {
            hits.extend(search.find_overlapping_iter(&view.bytes).filter_map(|found| {
                let (start, end) = view.place(found.start(), found.end())?;
                self.hit(&text, found.pattern().as_usize(), start..end)
            }));
        }
        if hits.is_empty() {
            return text;
        }
        let kept: Vec<Range<usize>> =
            markers.find_overlapping_iter(text.as_bytes()).map(|found| found.range()).collect();
        hits.retain(|hit| {
            !kept.iter().any(|kept| kept.start <= hit.range.start && hit.range.end <= kept.end)
        });
        if hits.is_empty() { text } else { Cow::Owned(spliced(&text, hits)) }
    }

    /// A hit, with the neighbours that hold bits of the secret.
    fn hit(&self, text: &str, pattern: usize, mut range: Range<usize>) -> Option<Hit<'_>> {
        let pattern = self.patterns.get(pattern)?;
        let is_base64 = |at: usize| {
            let byte = text.as_bytes().get(at);
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte))
        };
        if pattern.before && range.start.checked_sub(1).is_some_and(is_base64) {
            range.start -= 1;
        }
        if pattern.after && is_base64(range.end) {
            range.end += 1;
        }
        Some(Hit { range, pattern })
    }
}

fn spliced(text: &str, mut hits: Vec<Hit<'_>>) -> String {
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    let mut merged: Vec<Hit<'_>> = Vec::new();
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.range.start < last.range.end => {
                last.range.end = last.range.end.max(hit.range.end);
                if hit.pattern.weight > last.pattern.weight {
                    last.pattern = hit.pattern;
                }
            }
            Some(_) | None => merged.push(hit),
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for hit in merged {
        out.push_str(text.get(done..hit.range.start).unwrap_or_default());
        out.push_str(&hit.pattern.by);
        done = hit.range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

impl fmt::Debug for Known {
    /// The search holds the secrets letter by letter.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Known")
            .field("patterns", &self.patterns.len())
            .finish_non_exhaustive()
    }
}
