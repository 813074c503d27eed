//! What a call or a predicate is called in records: its arguments as JSON and a sentence for people
//! (pure). Typed text never appears in either (agent.md 4.1, 8).

use serde_json::{Map, Value, json};

use crate::{
    agent::plan::MailStep,
    page::{
        Text,
        predicate::{Cmp, Counted, Op, Predicate, UrlPart},
        target::{Ordinal, Region, RoleNoun, Target},
        tool::{Button, Call, ScrollBy, Subject, TypeMode},
    },
};

/// A sentence for people, for example `Click button "Pay now" in the dialog`.
pub fn call(call: &Call) -> String {
    let text = in_words(call);
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn in_words(call: &Call) -> String {
    match call {
        Call::Navigate { url } if url.shown().is_empty() => "go to the start page".to_owned(),
        Call::Navigate { url } => format!("go to {}", url.shown()),
        Call::Reload => "reload the page".to_owned(),
        Call::GoBack => "go back".to_owned(),
        Call::Click { on, button, count, modifiers } => {
            let verb = match (button, count) {
                (Button::Left, 2) => "double-click",
                (Button::Left, _) => "click",
                (Button::Right, _) => "right-click",
                (Button::Middle, _) => "middle-click",
            };
            let mut words: Vec<&str> = modifiers.iter().map(|held| held.name()).collect();
            words.push(verb);
            format!("{} {}", words.join("+"), subject(on))
        }
        Call::Hover { on } => format!("hover over {}", subject(on)),
        Call::Drag { from, to } => format!("drag {} to {}", subject(from), subject(to)),
        Call::SetChecked { on, checked: true } => format!("turn on {}", subject(on)),
        Call::SetChecked { on, checked: false } => format!("turn off {}", subject(on)),
        Call::Expand { on, expanded: true } => format!("open {}", subject(on)),
        Call::Expand { on, expanded: false } => format!("collapse {}", subject(on)),
        Call::TypeText { into, text, mode, submit } => {
            let clears = text.shown().is_empty() && *mode == TypeMode::Fill;
            let verb = if clears { "clear" } else { "type into" };
            let into = into.as_ref().map_or_else(|| "the focused element".to_owned(), subject);
            let enter = if *submit { " and press Enter" } else { "" };
            format!("{verb} {into}{enter}")
        }
        Call::PasteCode { into, .. } => {
            let into =
                into.as_ref().map_or_else(String::new, |on| format!(" into {}", subject(on)));
            format!("enter the code{into}")
        }
        Call::Evaluate { on, .. } => {
            let on = on.as_ref().map_or_else(String::new, |on| format!(" on {}", subject(on)));
            format!("run a script{on}")
        }
        Call::SelectOption { from, values } => {
            format!("select {} from {}", list(values), subject(from))
        }
        Call::UploadFile { to, files } => {
            let to = to.as_ref().map_or_else(|| "the open chooser".to_owned(), subject);
            format!("upload {} to {to}", list(files))
        }
        Call::HandleDialog { accept: true, .. } => "accept the dialog".to_owned(),
        Call::HandleDialog { accept: false, .. } => "dismiss the dialog".to_owned(),
        Call::SwitchTab { to: None, close: false } => "list the tabs".to_owned(),
        Call::SwitchTab { to: None, close: true } => "close the tab".to_owned(),
        Call::SwitchTab { to: Some(to), close } => {
            let first = if *close { "close the tab and " } else { "" };
            format!("{first}switch to {}", to.shown())
        }
        Call::PressKey { key, repeat, on } => {
            let times = if *repeat > 1 { format!(" {repeat} times") } else { String::new() };
            let on = on.as_ref().map_or(String::new(), |on| format!(" in {}", subject(on)));
            format!("press {}{times}{on}", shown_key(key))
        }
        Call::Scroll { within, by } => {
            let within = within.as_ref().map_or(String::new(), |on| format!(" in {}", subject(on)));
            format!("scroll {}{within}", amount(*by))
        }
        Call::ScrollTo { to } => format!("scroll to {}", subject(to)),
        Call::ScrollUntil { down, text } => {
            let way = if *down { "down" } else { "up" };
            format!("scroll {way} until \"{}\" is visible", text.shown())
        }
        Call::WaitForText { text, gone, .. } => {
            let what = if *gone { "to disappear" } else { "to appear" };
            format!("wait for \"{}\" {what}", text.shown())
        }
        Call::WaitUntil { .. } => "wait until a condition holds".to_owned(),
        Call::Sleep { time } => format!("wait {} ms", time.as_millis()),
        Call::WaitForStable { .. } => "wait until the page is stable".to_owned(),
        Call::Screenshot => "take a screenshot".to_owned(),
    }
}

/// The arguments as they are recorded.
pub fn args(call: &Call) -> Value {
    let mut args = Map::new();
    let mut put = |name: &str, value: Value| drop(args.insert(name.to_owned(), value));
    match call {
        Call::Navigate { url } => put("url", json!(url.shown())),
        Call::Reload => put("reload", json!(true)),
        Call::GoBack | Call::Screenshot => {}
        Call::Click { on, button, count, modifiers } => {
            put("element", json!(subject(on)));
            match button {
                Button::Left => {}
                Button::Middle => put("button", json!("middle")),
                Button::Right => put("button", json!("right")),
            }
            if *count != 1 {
                put("count", json!(count));
            }
            if !modifiers.is_empty() {
                let names: Vec<_> = modifiers.iter().map(|held| held.name()).collect();
                put("modifiers", json!(names));
            }
        }
        Call::Hover { on } => put("element", json!(subject(on))),
        Call::Drag { from, to } => {
            put("from_element", json!(subject(from)));
            put("to_element", json!(subject(to)));
        }
        Call::SetChecked { on, checked } => {
            put("element", json!(subject(on)));
            put("checked", json!(checked));
        }
        Call::Expand { on, expanded } => {
            put("element", json!(subject(on)));
            put("expanded", json!(expanded));
        }
        Call::TypeText { into, text, mode, submit } => {
            if let Some(into) = into {
                put("element", json!(subject(into)));
            }
            put("text", json!(typed(text)));
            if *mode != TypeMode::Fill {
                put("mode", json!(mode.name()));
            }
            if *submit {
                put("submit", json!(true));
            }
        }
        Call::PasteCode { into, code } => {
            put("code", json!(typed(code)));
            if let Some(into) = into {
                put("element", json!(subject(into)));
            }
        }
        Call::Evaluate { expression, on } => {
            put("expression", json!(expression.shown()));
            if let Some(on) = on {
                put("element", json!(subject(on)));
            }
        }
        Call::SelectOption { from, values } => {
            put("element", json!(subject(from)));
            put("values", json!(values.iter().map(Text::shown).collect::<Vec<_>>()));
        }
        Call::UploadFile { to, files } => {
            if let Some(to) = to {
                put("element", json!(subject(to)));
            }
            put("files", json!(files.iter().map(Text::shown).collect::<Vec<_>>()));
        }
        Call::HandleDialog { accept, text } => {
            put("accept", json!(accept));
            if let Some(text) = text {
                put("text", json!(typed(text)));
            }
        }
        Call::SwitchTab { to, close } => {
            if let Some(to) = to {
                put("tab", json!(to.shown()));
            }
            if *close {
                put("close", json!(true));
            }
        }
        Call::PressKey { key, repeat, on } => {
            put("key", json!(shown_key(key)));
            if *repeat != 1 {
                put("repeat", json!(repeat));
            }
            if let Some(on) = on {
                put("element", json!(subject(on)));
            }
        }
        Call::Scroll { within, by } => {
            if let Some(within) = within {
                put("element", json!(subject(within)));
            }
            put("by", json!(amount(*by)));
        }
        Call::ScrollTo { to } => {
            put("element", json!(subject(to)));
            put("into_view", json!(true));
        }
        Call::ScrollUntil { down, text } => {
            put("direction", json!(if *down { "down" } else { "up" }));
            put("until", json!(text.shown()));
        }
        Call::WaitForText { text, gone, timeout } => {
            put("text", json!(text.shown()));
            if *gone {
                put("gone", json!(true));
            }
            if let Some(timeout) = timeout {
                put("ms", json!(timeout.as_millis()));
            }
        }
        Call::WaitUntil { predicate } => put("predicate", self::predicate(predicate)),
        Call::Sleep { time } => put("ms", json!(time.as_millis())),
        Call::WaitForStable { stable, timeout } => {
            put("stable_seconds", json!(stable.as_secs_f64()));
            put("timeout_seconds", json!(timeout.as_secs_f64()));
        }
    }
    Value::Object(args)
}

/// A step about mail: its tool, a sentence and its arguments.
pub fn mail(step: MailStep) -> (&'static str, String, Value) {
    match step {
        MailStep::CreateAddress => {
            ("create_temp_email", "Create a temporary email address".to_owned(), json!({}))
        }
        MailStep::WaitForCode { timeout } => {
            let seconds = timeout.as_secs_f64();
            let args = json!({"timeout_seconds": seconds});
            ("wait_for_verification_code", "Wait for the code by mail".to_owned(), args)
        }
    }
}

/// A predicate in the fields of agent.md 8.2.
pub fn predicate(predicate: &Predicate) -> Value {
    let mut value = match predicate {
        Predicate::TextVisible { text, within, exact } => {
            json!({"kind": "text_visible", "text": text.shown(), "in": regions(within), "exact": exact})
        }
        Predicate::TextAbsent { text, within } => {
            json!({"kind": "text_absent", "text": text.shown(), "in": regions(within)})
        }
        Predicate::Url { op, value, part } => {
            let part = match part {
                UrlPart::Href => "href",
                UrlPart::Path => "path",
            };
            json!({"kind": "url", "op": self::op(*op), "value": value.shown(), "part": part})
        }
        Predicate::Title { op, value } => {
            json!({"kind": "title", "op": self::op(*op), "value": value.shown()})
        }
        Predicate::ElementState { target, state, negate } => {
            json!({"kind": "element_state", "target": self::target(target), "state": state.word().replace('-', "_"), "negate": negate})
        }
        Predicate::Value { target, op, value } => {
            json!({"kind": "value", "target": self::target(target), "op": self::op(*op), "value": value.shown()})
        }
        Predicate::Count { what, within, cmp, n } => match what {
            Counted::Elements { role, name } => {
                json!({"kind": "count", "role": noun(*role), "name": name.as_ref().map(Text::shown), "in": regions(within), "op": self::cmp(*cmp), "n": n})
            }
            Counted::Text(text) => {
                json!({"kind": "count", "text": text.shown(), "in": regions(within), "op": self::cmp(*cmp), "n": n})
            }
        },
        Predicate::Dialog { op, value } => {
            json!({"kind": "dialog", "op": self::op(*op), "value": value.shown()})
        }
        Predicate::Options { target, values, exact } => {
            json!({"kind": "options", "target": self::target(target), "values": values.iter().map(Text::shown).collect::<Vec<_>>(), "exact": exact})
        }
    };
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null() && *field != json!(false));
    }
    value
}

/// Typed text as it may be recorded: a placeholder by its name, anything else by its length.
fn typed(text: &Text) -> String {
    let shown = text.shown();
    if text.is_secret() && shown.starts_with("{{") && shown.find("}}") == Some(shown.len() - 2) {
        return shown.to_owned();
    }
    match shown.chars().count() {
        1 => "[1 character]".to_owned(),
        many => format!("[{many} characters]"),
    }
}

/// A key as it may be recorded: a lone character is typed text.
fn shown_key(key: &str) -> &str {
    if key.chars().count() == 1 { "a character" } else { key }
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Ref(reference) => reference.clone(),
        Subject::Described { target, .. } => self::target(target),
    }
}

/// An element in the plan's own words.
pub fn target(target: &Target) -> String {
    let Target { ordinal, role, name, within, near } = target;
    let mut words = Vec::new();
    if let Some(ordinal) = ordinal {
        words.push(match ordinal {
            Ordinal::Last => "last".to_owned(),
            Ordinal::Nth(n) => format!("{n}{}", suffix(*n)),
        });
    }
    words.extend(role.map(|role| noun(role).to_owned()));
    words.extend(name.as_ref().map(|name| format!("\"{}\"", name.shown())));
    words.extend(regions(within));
    words.extend(near.as_ref().map(|near| format!("near \"{}\"", near.shown())));
    words.join(" ")
}

fn regions(within: &[Region]) -> Option<String> {
    let one = |region: &Region| match region {
        Region::The(role) => format!("in the {}", noun(*role)),
        Region::Named { role: Some(role), name } => {
            format!("in {} \"{}\"", noun(*role), name.shown())
        }
        Region::Named { role: None, name } => format!("in \"{}\"", name.shown()),
    };
    (!within.is_empty()).then(|| within.iter().map(one).collect::<Vec<_>>().join(" "))
}

fn suffix(n: u32) -> &'static str {
    match (n % 10, n % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    }
}

fn list(values: &[Text]) -> String {
    values.iter().map(|value| format!("\"{}\"", value.shown())).collect::<Vec<_>>().join(", ")
}

fn amount(by: ScrollBy) -> String {
    let way = |x: i32, y: i32| match (x.signum(), y.signum()) {
        (_, 1) => ("down", y),
        (_, -1) => ("up", -y),
        (-1, _) => ("left", -x),
        _ => ("right", x),
    };
    match by {
        ScrollBy::Top => "to the top".to_owned(),
        ScrollBy::Bottom => "to the bottom".to_owned(),
        ScrollBy::Pixels { x, y } => {
            let (word, count) = way(x, y);
            format!("{word} {count} pixels")
        }
        ScrollBy::Screens { x, y } => {
            let (word, tenths) = way(x, y);
            format!("{word} {}.{} screens", tenths / 10, tenths % 10)
        }
    }
}

fn op(op: Op) -> &'static str {
    match op {
        Op::Equals => "equals",
        Op::NotEquals => "not_equals",
        Op::Contains => "contains",
        Op::NotContains => "not_contains",
        Op::StartsWith => "starts_with",
        Op::EndsWith => "ends_with",
        Op::Matches => "matches",
    }
}

fn cmp(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Eq => "eq",
        Cmp::Ne => "ne",
        Cmp::Gt => "gt",
        Cmp::Gte => "gte",
        Cmp::Lt => "lt",
        Cmp::Lte => "lte",
    }
}

fn noun(role: RoleNoun) -> &'static str {
    match role {
        RoleNoun::Button => "button",
        RoleNoun::Link => "link",
        RoleNoun::Tab => "tab",
        RoleNoun::MenuItem => "menu item",
        RoleNoun::Menu => "menu",
        RoleNoun::Checkbox => "checkbox",
        RoleNoun::Switch => "switch",
        RoleNoun::Radio => "radio",
        RoleNoun::Option => "option",
        RoleNoun::Image => "image",
        RoleNoun::Canvas => "canvas",
        RoleNoun::Heading => "heading",
        RoleNoun::Slider => "slider",
        RoleNoun::Row => "row",
        RoleNoun::Cell => "cell",
        RoleNoun::Column => "column",
        RoleNoun::Item => "item",
        RoleNoun::List => "list",
        RoleNoun::Table => "table",
        RoleNoun::Dialog => "dialog",
        RoleNoun::Alert => "alert",
        RoleNoun::Form => "form",
        RoleNoun::Section => "section",
        RoleNoun::Navigation => "navigation",
        RoleNoun::Header => "header",
        RoleNoun::Footer => "footer",
        RoleNoun::Main => "main",
        RoleNoun::Element => "element",
        RoleNoun::Field => "field",
        RoleNoun::SearchBox => "search box",
        RoleNoun::Dropdown => "dropdown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{page::target::Among, secret::Secret};

    fn described(target: Target) -> Subject {
        Subject::Described { target, among: Among::Clickable }
    }

    fn field(name: &str) -> Subject {
        described(Target { name: Some(name.into()), ..Target::default() })
    }

    #[test]
    fn typed_text_is_recorded_by_its_length_alone() {
        let typing = Call::TypeText {
            into: Some(field("Name")),
            text: "Ada".into(),
            mode: TypeMode::Fill,
            submit: true,
        };
        assert_eq!(call(&typing), r#"Type into "Name" and press Enter"#);
        assert_eq!(
            args(&typing),
            json!({"element": "\"Name\"", "text": "[3 characters]", "submit": true})
        );
        let key = Call::PressKey { key: "x".to_owned(), repeat: 1, on: None };
        assert_eq!(
            (call(&key), args(&key)),
            ("Press a character".into(), json!({"key": "a character"}))
        );
    }

    #[test]
    fn a_secret_is_recorded_by_its_name_and_only_if_it_stands_alone() {
        let secret = |shown: &str| {
            let text = Text::secret(shown, Secret::new("hunter2".to_owned()), Vec::new());
            args(&Call::PasteCode { into: None, code: text })
        };
        assert_eq!(secret("{{PW}}"), json!({"code": "{{PW}}"}));
        assert_eq!(secret("{{PW}} mine {{PW}}"), json!({"code": "[18 characters]"}));
    }

    #[test]
    fn an_element_is_described_in_the_words_of_a_plan() {
        let described = target(&Target {
            ordinal: Some(Ordinal::Nth(2)),
            role: Some(RoleNoun::Button),
            name: Some("Add".into()),
            within: vec![
                Region::Named { role: Some(RoleNoun::Row), name: "Lamp".into() },
                Region::The(RoleNoun::Main),
            ],
            near: Some("Price".into()),
        });
        assert_eq!(described, r#"2nd button "Add" in row "Lamp" in the main near "Price""#);
    }

    #[test]
    fn a_predicate_is_recorded_without_empty_fields() {
        let visible =
            Predicate::TextVisible { text: "1 item".into(), within: Vec::new(), exact: false };
        assert_eq!(predicate(&visible), json!({"kind": "text_visible", "text": "1 item"}));
    }
}
