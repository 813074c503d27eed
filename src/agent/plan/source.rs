//! Plan text before it is understood: byte order mark, line ends, HTML comments, code fences.

/// `text` without byte order mark, carriage returns and HTML comments. The number of lines stays.
pub(super) fn cleaned(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    without_comments(&text)
}

/// A comment's line ends stay. What is left on both sides of a comment may make a new one, so the
/// opening is looked for in what was written.
fn without_comments(text: &str) -> String {
    const OPENING: &str = "<!--";
    const CLOSING: &str = "-->";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        out.push(char);
        rest = rest.get(char.len_utf8()..).unwrap_or_default();
        if char != '-' || !out.ends_with(OPENING) {
            continue;
        }
        let Some(end) = rest.find(CLOSING) else {
            // No later comment ends either.
            out.push_str(rest);
            break;
        };
        let (comment, after) = rest.split_at(end + CLOSING.len());
        out.truncate(out.len() - OPENING.len());
        out.extend(comment.chars().filter(|char| *char == '\n'));
        rest = after;
    }
    out
}

/// A line and what it is to Markdown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    /// From 1.
    pub(super) number: u32,
    /// Without its end.
    pub(super) text: &'t str,
    /// Its place in code.
    pub(super) code: Code,
}

/// Whether a line is code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// It is not.
    No,
    /// It opens or closes a fence.
    Fence,
    /// It stands between the two.
    Within,
}

impl Line<'_> {
    /// Whether it says nothing: blank, a rule, a fence.
    pub(super) fn is_idle(&self) -> bool {
        let bare: String = self.text.chars().filter(|char| !char.is_whitespace()).collect();
        let rule = |mark: char| bare.len() >= 3 && bare.chars().all(|char| char == mark);
        bare.is_empty() || self.code == Code::Fence || ['-', '*', '_', '='].into_iter().any(rule)
    }
}

/// The lines of a cleaned text, and the line of a fence that stays open to the end.
pub(super) fn lines(text: &str) -> (Vec<Line<'_>>, Option<u32>) {
    let mut open: Option<(char, usize, u32)> = None;
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.split('\n')) {
        let fence = fence(text);
        let code = match (open, fence) {
            (None, Some((mark, length, _))) => {
                open = Some((mark, length, number));
                Code::Fence
            }
            (None, None) => Code::No,
            (Some((mark, length, _)), Some((closing, long, true)))
                if mark == closing && long >= length =>
            {
                open = None;
                Code::Fence
            }
            (Some(_), _) => Code::Within,
        };
        lines.push(Line { number, text, code });
    }
    (lines, open.map(|(_, _, line)| line))
}

/// The mark of a fence, how long it is, and whether nothing follows it.
fn fence(line: &str) -> Option<(char, usize, bool)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = line.trim_start_matches(mark);
    let length = line.len() - info.len();
    // Three backquotes with more behind their text are code within a line.
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length, info.is_empty()))
}
