//! Finding `{{NAME}}` in a text.

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// As it is.
    Text(&'t str),
    /// A name whose value goes here.
    Name(&'t str),
}

/// Whether `name` is `[A-Za-z_][A-Za-z0-9_.-]*`.
pub(super) fn is_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The names that `text` uses, in order.
pub(in crate::agent::plan) fn names(text: &str) -> Vec<&str> {
    let name = |part: Part<'_>| match part {
        Part::Name(_) => true,
        Part::Text(_) => false,
    };
    parts(text)
        .into_iter()
        .filter(|part| name(*part))
        .map(|part| match part {
            Part::Name(text) | Part::Text(text) => text,
        })
        .collect()
}

/// Takes `text` apart.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut searched) = (text, 0);
    while let Some(found) = rest.get(searched..).and_then(|rest| rest.find("{{")) {
        let at = searched + found;
        let Some((name, after)) = name_at(rest.get(at + 2..).unwrap_or_default()) else {
            searched = at + 1;
            continue;
        };
        let before = rest.get(..at).unwrap_or_default();
        let bare = before.trim_end_matches('\\');
        let backslashes = before.len() - bare.len();
        parts.push(Part::Text(bare));
        parts.push(Part::Text(
            before.get(bare.len() + backslashes.div_ceil(2)..).unwrap_or_default(),
        ));
        if backslashes % 2 == 1 {
            parts.push(Part::Text(rest.get(at..rest.len() - after.len()).unwrap_or_default()));
        } else {
            parts.push(Part::Name(name));
        }
        (rest, searched) = (after, 0);
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

/// `NAME}}` at the start of a text: the name and what follows.
fn name_at(text: &str) -> Option<(&str, &str)> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
    let name = text.get(..text.find(|char| !is_part(char))?)?;
    let after = text.get(name.len()..)?.strip_prefix("}}")?;
    is_name(name).then_some((name, after))
}
