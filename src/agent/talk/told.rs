//! A tool's result as text for a model (agent.md 4.1, 7): the same as what is recorded, in the same
//! order.

use std::fmt::Write as _;

use serde_json::Value;

use super::untrusted;

/// The text of a recorded result. `ours` is what the runner adds, outside of any mark.
pub fn text(tool: &str, result: &Value, ours: &[String]) -> String {
    let mut text = match result.get("code").and_then(Value::as_str) {
        Some(code) => format!("error {code}"),
        None => "ok".to_owned(),
    };
    let said = said(result);
    if !said.is_empty() {
        text.push('\n');
        match source(tool) {
            Some(source) => text.push_str(&untrusted(source, &said)),
            None => text.push_str(said.trim_end()),
        }
    }
    for line in ours {
        text.push('\n');
        text.push_str(line);
    }
    text
}

/// Where the words of a tool's result come from. None: they are the runner's own.
fn source(tool: &str) -> Option<&'static str> {
    match tool {
        "create_temp_email" | "suggest_improvement" | "complete_scenario" => None,
        "wait_for_verification_code" | "check_email_inbox" => Some("mail"),
        "http_request" => Some("http"),
        _ => Some("page"),
    }
}

/// The whole tree in a result, if it has one: what may be left out when it is no longer new.
pub fn tree(result: &Value) -> Option<&str> {
    let asked = result.pointer("/data/tree").and_then(Value::as_str);
    let changes = || result.get("changes").and_then(Value::as_str);
    asked.or_else(|| changes().filter(|text| text.starts_with(NEW_PAGE)))
}

/// How changes begin that are a whole new page.
const NEW_PAGE: &str = "changes: new page";

fn said(result: &Value) -> String {
    let mut text = String::new();
    let line = |text: &mut String, line: &str| {
        text.push_str(line.trim_end());
        text.push('\n');
    };
    let str = |name: &str| result.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    if let Some(sentence) = str("sentence").or_else(|| str("message")) {
        line(&mut text, sentence);
    }
    if let Some(target) = str("target") {
        line(&mut text, &format!("target: {target}"));
    }
    let mut data = result.get("data").cloned().unwrap_or_default();
    let tree = data.as_object_mut().and_then(|fields| fields.shift_remove("tree"));
    let empty = data.is_null() || data.as_object().is_some_and(serde_json::Map::is_empty);
    if !empty {
        line(&mut text, &format!("data: {data}"));
    }
    if let Some(page) = result.get("page").filter(|page| page.is_object()) {
        let part = |name: &str| page.get(name).and_then(Value::as_str).unwrap_or_default();
        let status = page.get("status").and_then(Value::as_u64);
        let status = status.map_or_else(String::new, |status| format!(" HTTP {status}"));
        line(&mut text, &format!("page: {} {:?}{status}", part("url"), part("title")));
    }
    let notes = result.get("notes").and_then(Value::as_array).filter(|notes| !notes.is_empty());
    if let Some(notes) = notes {
        text.push_str("notes:\n");
        for note in notes.iter().filter_map(Value::as_str) {
            let _ = writeln!(text, "- {note}");
        }
    }
    if let Some(changes) = str("changes") {
        line(&mut text, changes);
    }
    if let Some(tree) = tree.as_ref().and_then(Value::as_str) {
        line(&mut text, tree);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_is_told_in_its_fixed_order() {
        let result = json!({
            "ok": true, "sentence": "clicked button \"Pay\"", "data": {"n": 1},
            "page": {"url": "https://shop.test/pay", "title": "Pay", "status": 200},
            "target": "button \"Pay\" [ref=e7]", "notes": ["settled=false (fetch)"],
            "changes": "changes:\n+ alert \"Paid\"",
        });
        assert_eq!(
            text("click", &result, &["open checks: v1".to_owned()]),
            "ok\n<untrusted source=\"page\">\nclicked button \"Pay\"\ntarget: button \"Pay\" [ref=e7]\n\
             data: {\"n\":1}\npage: https://shop.test/pay \"Pay\" HTTP 200\nnotes:\n- settled=false (fetch)\n\
             changes:\n+ alert \"Paid\"\n</untrusted>\nopen checks: v1"
        );
        assert_eq!(tree(&result), None);
    }

    #[test]
    fn a_failure_begins_with_its_code() {
        let result = json!({
            "ok": false, "code": "not_found", "message": "button \"Pay\" was not found",
            "data": {"closest": ["Play"]}, "notes": [],
        });
        assert_eq!(
            text("click", &result, &[]),
            "error not_found\n<untrusted source=\"page\">\nbutton \"Pay\" was not found\n\
             data: {\"closest\":[\"Play\"]}\n</untrusted>"
        );
    }

    #[test]
    fn a_tree_is_text_and_known_as_one() {
        let result = json!({"ok": true, "sentence": "read the page", "data": {"tree": "- main\n"}});
        assert_eq!(
            text("snapshot", &result, &[]),
            "ok\n<untrusted source=\"page\">\nread the page\n- main\n</untrusted>"
        );
        assert_eq!(tree(&result), Some("- main\n"));
        let opened = json!({"ok": true, "changes": "changes: new page\n- main"});
        assert!(tree(&opened).is_some());
    }

    #[test]
    fn what_the_runner_says_by_itself_is_not_marked() {
        let result = json!({"ok": true, "sentence": "The address is a@b.test.", "data": null});
        assert_eq!(text("create_temp_email", &result, &[]), "ok\nThe address is a@b.test.");
    }
}
