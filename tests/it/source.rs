//! Just enough of Rust's syntax to read who uses whom: no macro, no type is understood.

/// The file's module directly below the crate: `gate` for `src/gate.rs` and `src/gate/rfb.rs`.
pub fn module_of(file: &str) -> String {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').next().unwrap_or_default().to_owned()
}

/// The part of a file before its tests.
pub fn production(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// The code with every comment, string and character literal blanked out.
pub fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let length = literal(rest, at.checked_sub(1).map(|before| bytes[before]));
        if length > 0 {
            code.extend(rest[..length].chars().filter(|&c| c == '\n'));
            code.push(' ');
            at += length;
        } else {
            let next = rest.chars().next().expect("not at the end");
            code.push(next);
            at += next.len_utf8();
        }
    }
    code
}

/// Length of the comment or literal that `text` starts with, or 0.
fn literal(text: &str, before: Option<u8>) -> usize {
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let bytes = text.as_bytes();
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).filter(|_| !in_word);
    if let Some(raw) = raw {
        let hashes = raw.bytes().take_while(|&byte| byte == b'#').count();
        if raw.as_bytes().get(hashes) == Some(&b'"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = text.len() - raw.len() + hashes + 1;
            return text[start..].find(&end).map_or(text.len(), |at| start + at + end.len());
        }
    }
    match bytes.first() {
        Some(b'"') => quoted(bytes, b'"'),
        // A lifetime has no closing quote right after its first character.
        Some(b'\'') => {
            let first = text[1..].chars().next().map_or(0, char::len_utf8);
            let closed = bytes.get(1) == Some(&b'\\') || bytes.get(1 + first) == Some(&b'\'');
            if closed { quoted(bytes, b'\'') } else { 0 }
        }
        _ => 0,
    }
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Every path with `::` in the code, groups in braces written out: `use std::{fs, net::IpAddr}` gives
/// `std::fs` and `std::net::IpAddr`.
pub fn paths_in_code(text: &str) -> Vec<String> {
    let code = without_comments_and_strings(text);
    let mut paths = Vec::new();
    let mut at = 0;
    while let Some(found) = code[at..].find("::") {
        let middle = at + found;
        let start = code[..middle].rfind(|c: char| !is_word(c)).map_or(0, |before| before + 1);
        let end = middle + 2 + tree(&code[middle + 2..], &code[start..middle], &mut paths);
        at = end.max(middle + 2);
    }
    paths
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Reads what follows `prefix::` and returns its length in bytes.
fn tree(text: &str, prefix: &str, paths: &mut Vec<String>) -> usize {
    let Some(group) = text.strip_prefix('{') else {
        let word = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
        let path = format!("{prefix}::{}", &text[..word]);
        if word > 0 && text[word..].starts_with("::") {
            return word + 2 + tree(&text[word + 2..], &path, paths);
        }
        paths.push(path);
        return word;
    };
    let mut at = 0;
    while at < group.len() && !group[at..].starts_with('}') {
        if group[at..].starts_with(is_word) || group[at..].starts_with('{') {
            at += tree(&group[at..], prefix, paths).max(1);
            if group[at..].starts_with(" as ") {
                at += group[at..].find([',', '}']).unwrap_or(group.len() - at);
            }
        } else {
            at += group[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at + 2
}

#[test]
fn groups_are_written_out() {
    let code = "use std::{fs, net::{IpAddr, TcpStream as T}, io};\nuse crate::pod::contract::Exit;";
    let expected = [
        "std::fs",
        "std::net::IpAddr",
        "std::net::TcpStream",
        "std::io",
        "crate::pod::contract::Exit",
    ];
    assert_eq!(paths_in_code(code), expected);
    assert_eq!(
        paths_in_code("let x = crate::gate::run(std::env::args());"),
        ["crate::gate::run", "std::env::args"]
    );
}

#[test]
fn what_is_said_in_comments_and_strings_does_not_count() {
    let code = r##"
        // crate::gate
        /* crate::gate */
        let a = "crate::gate \" crate::gate"; let b = r#"crate::"gate"#; let c = b"crate::gate";
        let quote = '"'; let lifetime: &'static str = x; let escaped = '\''; let d = crate::page::Page;
    "##;
    assert_eq!(paths_in_code(code), ["crate::page::Page"]);
}

#[test]
fn tests_at_the_end_of_a_file_are_cut_off() {
    assert_eq!(production("fn a() {}\n#[cfg(test)]\nmod tests { }"), "fn a() {}");
    assert_eq!(production("#[cfg(test)]\nuse x;\nfn a() {}"), "#[cfg(test)]\nuse x;\nfn a() {}");
}
