//! How two requests differ, for a person who has to find out why (pure).

use serde_json::Value;

use crate::redact::cut;

/// Most differences that are shown: the first tells most.
const MOST: usize = 5;
/// Most bytes of one value that are shown.
const SHOWN: usize = 300;

/// A line for each place where they differ: its path, what was recorded and what was asked.
pub(super) fn between(recorded: &Value, asked: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("request", recorded, asked, &mut found);
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

fn walk(path: &str, recorded: &Value, asked: &Value, found: &mut Vec<String>) {
    match (recorded, asked) {
        _ if recorded == asked => {}
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let (old, new) = (old.get(key), new.get(key));
                let path = format!("{path}.{key}");
                walk(&path, old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for at in 0..old.len().max(new.len()) {
                let (old, new) = (old.get(at), new.get(at));
                let path = format!("{path}[{at}]");
                walk(&path, old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null), found);
            }
        }
        (Value::String(old), Value::String(new)) => {
            let same = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
            let line =
                |text: &str| cut(text.lines().nth(same).unwrap_or("(the text ends here)"), SHOWN);
            let at = format!("{path}, line {}:", same + 1);
            found.push(format!("{at}\n  recorded: {}\n  asked:    {}", line(old), line(new)));
        }
        _ => {
            let shown = |value: &Value| {
                if value.is_null() {
                    "(nothing)".to_owned()
                } else {
                    cut(&value.to_string(), SHOWN)
                }
            };
            found.push(format!(
                "{path}:\n  recorded: {}\n  asked:    {}",
                shown(recorded),
                shown(asked)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_its_place_and_shows_both_sides() {
        let recorded = json!({"a": [{"text": "one\ntwo\nthree"}], "b": 1});
        let asked = json!({"a": [{"text": "one\n2\nthree"}, {"text": "more"}], "c": true});
        let expected = [
            "request.a[0].text, line 2:\n  recorded: two\n  asked:    2",
            "request.a[1]:\n  recorded: (nothing)\n  asked:    {\"text\":\"more\"}",
            "request.b:\n  recorded: 1\n  asked:    (nothing)",
            "request.c:\n  recorded: (nothing)\n  asked:    true",
        ];
        assert_eq!(between(&recorded, &asked), expected);
        let many = json!([1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(between(&many, &json!([])).last().unwrap(), "and 2 more");
    }
}
