//! Which revision a target says it serves (pure).

use serde_json::Value;

use crate::manifest::check::JsonStep;

/// A commit's hash has 40 characters, a tag fewer: the longest that is repeated in a status.
const LONGEST: usize = 64;

/// The text or number that stands there in a JSON document; otherwise why not, as a fragment.
pub(super) fn find(body: &[u8], at: &[JsonStep]) -> Result<String, String> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| "the answer is no JSON".to_owned())?;
    let mut here = &document;
    let mut way = String::new();
    for step in at {
        let (next, shown) = match step {
            JsonStep::Field(name) => {
                (here.as_object().and_then(|object| object.get(name)), format!(".{name}"))
            }
            JsonStep::Item(index) => {
                (here.as_array().and_then(|array| array.get(*index)), format!("[{index}]"))
            }
        };
        way.push_str(&shown);
        here = next.ok_or_else(|| format!("there is no {way}"))?;
    }
    match here {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{way} is neither text nor number"))
        }
    }
}

/// What a target said, fit to be repeated.
pub(super) fn cut(said: &str) -> String {
    let mut kept: String =
        said.chars().filter(|one| !one.is_control()).take(LONGEST.saturating_add(1)).collect();
    if kept.chars().count() > LONGEST {
        kept.pop();
        kept.push('…');
    }
    if kept.is_empty() { "\"\"".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> JsonStep {
        JsonStep::Field(name.to_owned())
    }

    #[test]
    fn texts_and_numbers_are_found_and_everything_else_is_told() {
        let body = br#"{"version": " 3f1c9ae\n", "build": {"tags": ["a", 7], "ok": true}}"#;
        let build = |last: &[JsonStep]| [vec![field("build")], last.to_vec()].concat();
        assert_eq!(find(body, &[field("version")]), Ok("3f1c9ae".to_owned()));
        assert_eq!(find(body, &build(&[field("tags"), JsonStep::Item(1)])), Ok("7".to_owned()));
        for (at, why) in [
            (vec![field("revision")], "there is no .revision"),
            (build(&[field("tags"), JsonStep::Item(2)]), "there is no .build.tags[2]"),
            (build(&[field("ok")]), ".build.ok is neither text nor number"),
            (build(&[]), ".build is neither text nor number"),
            (vec![field("version"), field("x")], "there is no .version.x"),
        ] {
            assert_eq!(find(body, &at), Err(why.to_owned()));
        }
        assert_eq!(find(b"<html>", &[field("x")]), Err("the answer is no JSON".to_owned()));
    }

    #[test]
    fn what_is_repeated_is_short_and_printable() {
        assert_eq!(cut("3f1c9ae"), "3f1c9ae");
        assert_eq!(cut("a\n\u{1b}[31mb"), "a[31mb");
        assert_eq!(cut("\0"), "\"\"");
        let long = "ä".repeat(100);
        assert_eq!(cut(&long), format!("{}…", "ä".repeat(64)));
        assert_eq!(cut(&"x".repeat(64)), "x".repeat(64));
    }
}
