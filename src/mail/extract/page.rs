//! A mail as lines of text, as a person sees them.

use std::{fmt, ops::Range};

/// The lines of a mail and the links in it.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Without empty ones.
    pub(super) lines: Vec<Line>,
    /// Links with a text of their own; those that merely stand in a line are found there.
    pub(super) anchors: Vec<Anchor>,
}

/// A line. Blanks are single; cells of a table row have a tab between them.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) text: String,
    /// What is emphasised.
    pub(super) strong: Vec<Range<usize>>,
}

/// A link with what it is called.
#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) href: String,
    pub(super) text: String,
    /// The line it begins in.
    pub(super) line: usize,
}

impl Page {
    /// Plain text: emphasis is what stands between asterisks.
    pub(super) fn of_text(text: &str) -> Self {
        let mut lines = Vec::new();
        for line in text.lines() {
            let line = tidy(line);
            // What is quoted was sent before.
            if !line.is_empty() && !line.starts_with('>') {
                lines.push(marked(&line));
            }
        }
        Self { lines, anchors: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.anchors.is_empty()
    }

    /// The line from which on all is footer; the number of lines if there is none. What a newsletter
    /// begins with may speak of unsubscribing too, so it lies in the second half.
    pub(super) fn footer(&self) -> usize {
        let half = self.lines.len().div_ceil(2);
        let mut lines = self.lines.iter().enumerate().skip(half.max(1));
        lines
            .find(|(_, line)| super::words::is_footer(&line.text))
            .map_or(self.lines.len(), |(at, _)| at)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                formatter.write_str("\n")?;
            }
            formatter.write_str(&line.text)?;
        }
        Ok(())
    }
}

/// Takes the asterisks away and remembers what they stood around.
fn marked(line: &str) -> Line {
    let mut made = Line::default();
    let mut strong = false;
    for (at, piece) in line.split('*').enumerate() {
        if at > 0 {
            strong = !strong;
        }
        let start = made.text.len();
        made.text.push_str(piece);
        if strong && !piece.is_empty() {
            made.strong.push(start..made.text.len());
        }
    }
    made.text = made.text.trim_end().to_owned();
    made
}

/// One line with single blanks and plain digits, and without what cannot be seen.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        push(&mut out, char);
    }
    out.trim().to_owned()
}

/// Appends a character as [`tidy`] has it. Tabs stay.
pub(super) fn push(out: &mut String, char: char) {
    let char = plain(char);
    let blank = char.is_whitespace() && char != '\t';
    match char {
        // Soft hyphens, joiners and marks of direction, which preheaders are filled with.
        '\u{ad}'
        | '\u{34f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{feff}' => {}
        _ if blank && (out.is_empty() || out.ends_with([' ', '\t'])) => {}
        _ if blank => out.push(' '),
        '\t' => {
            out.truncate(out.trim_end_matches(' ').len());
            if !out.is_empty() && !out.ends_with('\t') {
                out.push('\t');
            }
        }
        _ => out.push(char),
    }
}

/// Digits of other scripts and of full width as ASCII: that is how they are typed. Hyphens alike.
fn plain(char: char) -> char {
    let zero = match char {
        '０'..='９' => '０',
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        '०'..='९' => '०',
        '\u{2010}'..='\u{2012}' => return '-',
        '：' => return ':',
        _ => return char,
    };
    let digit = u32::from(char) - u32::from(zero);
    char::from_digit(digit, 10).unwrap_or(char)
}
