//! HTML of a mail to the lines that a person sees. No full parser: mails are tables, paragraphs and
//! spans, and whatever else there is must only not be mistaken for text.

use super::page::{Anchor, Line, Page, push};

/// Elements that begin and end a line.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
/// Elements that have no end.
const VOID: &[&str] =
    &["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source"];
/// Elements whose content is no text.
const RAW: &[&str] = &["script", "style", "textarea", "title", "svg"];
/// Elements that end when another of their kind begins.
const SELF_CLOSING: &[&str] = &["dd", "dt", "li", "option", "p", "td", "th", "tr"];
/// Elements that emphasise.
const STRONG: &[&str] =
    &["b", "big", "code", "h1", "h2", "h3", "h4", "kbd", "mark", "strong", "th", "tt"];
/// From this size on text is emphasised, in CSS pixels: that of a heading.
const LARGE: f32 = 20.0;
/// Deeper nesting is flat.
const DEPTH: usize = 256;

/// Reads HTML.
pub(super) fn page(html: &str) -> Page {
    let mut reader = Reader::default();
    let mut rest = html;
    while !rest.is_empty() {
        let (text, tagged) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        reader.text(text);
        rest = if let Some(comment) = tagged.strip_prefix("<!--") {
            comment.split_once("-->").map_or("", |(_, rest)| rest)
        } else if let Some((tag, rest)) = Tag::read(tagged) {
            reader.tag(&tag);
            if RAW.contains(&tag.name.as_str()) && !tag.closes {
                past(&tag.name, rest)
            } else {
                rest
            }
        } else if let Some(rest) = tagged.strip_prefix('<') {
            reader.text("<");
            rest
        } else {
            ""
        };
    }
    reader.finish()
}

/// What follows the content of an element whose content is no text.
fn past<'h>(name: &str, html: &'h str) -> &'h str {
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        rest = rest.get(at..).unwrap_or_default();
        let found = rest.get(2..2 + name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return rest;
        }
        rest = rest.get(2..).unwrap_or_default();
    }
    ""
}

/// `<name attribute="value">` or `</name>`.
#[derive(Debug, Default)]
struct Tag {
    name: String,
    closes: bool,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The tag at the start of `html`, and what follows it.
    fn read(html: &str) -> Option<(Self, &str)> {
        let rest = html.strip_prefix('<')?;
        // `<!DOCTYPE html>`, `<![endif]>`, `<?xml …?>`
        if rest.starts_with(['!', '?']) {
            return Some((Self::default(), rest.split_once('>').map_or("", |(_, rest)| rest)));
        }
        let (closes, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == ':' || char == '-';
        let (name, mut rest) =
            rest.split_at(rest.find(|char| !is_name(char)).unwrap_or(rest.len()));
        if !name.starts_with(|char: char| char.is_ascii_alphabetic()) {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '/');
            if rest.is_empty() {
                break;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let ends = |char: char| char.is_whitespace() || "=>/".contains(char);
            // An attribute has at least one character, whatever it is.
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let tail = rest.get(first..).unwrap_or_default();
            let (name, tail) = rest.split_at(first + tail.find(ends).unwrap_or(tail.len()));
            let (value, tail) = value(tail);
            attributes.push((name.to_ascii_lowercase(), decoded(value)));
            rest = tail;
        }
        Some((Self { name: name.to_ascii_lowercase(), closes, attributes }, rest))
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A declaration of its style, without blanks.
    fn style(&self, property: &str) -> Option<String> {
        let style = self.attribute("style")?.to_ascii_lowercase();
        style.split(';').rev().find_map(|declaration| {
            let (name, value) = declaration.split_once(':')?;
            (name.trim() == property)
                .then(|| value.trim().replace("!important", "").trim().to_owned())
        })
    }

    fn is_hidden(&self) -> bool {
        let is = |property, value: &str| self.style(property).is_some_and(|own| own == value);
        let is_zero = |property| {
            self.style(property).is_some_and(|own| {
                own.trim_end_matches(|char: char| char.is_alphabetic()).parse() == Ok(0.0)
            })
        };
        self.name == "head"
            || self.attribute("hidden").is_some()
            || is("display", "none")
            || is("visibility", "hidden")
            || is_zero("font-size")
            || is_zero("max-height")
            || is_zero("opacity")
    }

    fn is_strong(&self) -> bool {
        let weight = self.style("font-weight").is_some_and(|weight| {
            weight.starts_with("bold") || weight.parse::<u32>().is_ok_and(|weight| weight >= 600)
        });
        let size = self.style("font-size").is_some_and(|size| pixels(&size) >= LARGE);
        let spaced = self.style("letter-spacing").is_some_and(|space| pixels(&space) >= 2.0);
        let font = self.name == "font"
            && self.attribute("size").is_some_and(|size| {
                size.starts_with('+') || size.parse::<u32>().is_ok_and(|size| size >= 4)
            });
        STRONG.contains(&self.name.as_str()) || weight || size || spaced || font
    }
}

/// The value of an attribute, if it has one, and what follows.
fn value(text: &str) -> (&str, &str) {
    let Some(text) = text.trim_start().strip_prefix('=') else { return ("", text) };
    let text = text.trim_start();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    text.split_at(text.find(|char: char| char.is_whitespace() || char == '>').unwrap_or(text.len()))
}

/// A CSS length in pixels; 0 of one that is none.
fn pixels(length: &str) -> f32 {
    let digits = length.trim_end_matches(|char: char| char.is_alphabetic() || char == '%');
    let unit = length.get(digits.len()..).unwrap_or_default();
    let scale = match unit {
        "pt" => 4.0 / 3.0,
        "em" | "rem" => 16.0,
        "%" => 0.16,
        _ => 1.0,
    };
    digits.trim().parse::<f32>().unwrap_or(0.0) * scale
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    name: String,
    strong: bool,
    hidden: bool,
}

#[derive(Debug, Default)]
struct Reader {
    page: Page,
    line: Line,
    open: Vec<Open>,
    anchor: Option<Anchor>,
}

impl Reader {
    fn tag(&mut self, tag: &Tag) {
        let name = tag.name.as_str();
        if BLOCKS.contains(&name) || matches!(name, "br" | "hr") {
            self.end_line();
        }
        if matches!(name, "td" | "th") {
            push(&mut self.line.text, '\t');
        }
        if name == "a" {
            self.end_anchor();
        }
        if tag.closes {
            if let Some(at) = self.open.iter().rposition(|open| open.name == name) {
                self.open.truncate(at);
            }
            return;
        }
        if name == "a"
            && let Some(href) = tag.attribute("href")
        {
            let line = self.page.lines.len();
            self.anchor = Some(Anchor { href: href.trim().to_owned(), text: String::new(), line });
        }
        if name == "img"
            && let (Some(anchor), Some(alt)) = (&mut self.anchor, tag.attribute("alt"))
        {
            anchor.text.push_str(alt);
        }
        if SELF_CLOSING.contains(&name) && self.open.last().is_some_and(|open| open.name == name) {
            self.open.pop();
        }
        if !VOID.contains(&name) && !name.is_empty() && self.open.len() < DEPTH {
            let (strong, hidden) = (tag.is_strong(), tag.is_hidden());
            self.open.push(Open { name: name.to_owned(), strong, hidden });
        }
    }

    fn text(&mut self, raw: &str) {
        if raw.is_empty() || self.open.iter().any(|open| open.hidden) {
            return;
        }
        let text = decoded(raw);
        let start = self.line.text.len();
        for char in text.chars() {
            // A tab is between cells, not in a text.
            push(&mut self.line.text, if char == '\t' { ' ' } else { char });
        }
        let strong = self.open.iter().any(|open| open.strong);
        if strong && self.line.text.len() > start {
            self.line.strong.push(start..self.line.text.len());
        }
        if let Some(anchor) = &mut self.anchor {
            for char in text.chars() {
                push(&mut anchor.text, char);
            }
        }
    }

    fn end_line(&mut self) {
        let Line { text, strong } = std::mem::take(&mut self.line);
        let text = text.trim_end().to_owned();
        if !text.is_empty() {
            self.page.lines.push(Line { text, strong });
        }
    }

    fn end_anchor(&mut self) {
        if let Some(anchor) = self.anchor.take() {
            self.page.anchors.push(anchor);
        }
    }

    fn finish(mut self) -> Page {
        self.end_anchor();
        self.end_line();
        self.page
    }
}

/// Text with its character references as characters.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let body = reference.get(1..).unwrap_or_default();
        let name = body.split(|char: char| !char.is_ascii_alphanumeric() && char != '#').next();
        let name = name.unwrap_or_default();
        if let Some(char) = referenced(name) {
            out.push(char);
            let after = body.get(name.len()..).unwrap_or_default();
            rest = after.strip_prefix(';').unwrap_or(after);
        } else {
            out.push('&');
            rest = body;
        }
    }
    out.push_str(rest);
    out
}

/// What a character reference means. Names beyond these are letters of words, and no word for a code
/// has them.
fn referenced(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = match hex {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "shy" => '\u{ad}',
        "zwnj" | "zwj" => '\u{200b}',
        "copy" => '©',
        "reg" => '®',
        "euro" => '€',
        "pound" => '£',
        "yen" => '¥',
        "hellip" => '…',
        "middot" => '·',
        "bull" => '•',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "aacute" => 'á',
        "iacute" => 'í',
        "oacute" => 'ó',
        "uacute" => 'ú',
        "ntilde" => 'ñ',
        "ccedil" => 'ç',
        "atilde" => 'ã',
        "otilde" => 'õ',
        _ => return None,
    })
}
