//! What a call or a predicate is called in records: its arguments as JSON and a sentence for people
//! (pure). Typed text never appears in either (agent.md 4.1, 8).

mod web;

use serde_json::{Map, Value, json};

use crate::{
    agent::deed::{Asserted, Completion, Deed, Look, Mail, Suggestion},
    page::{
        Text,
        predicate::{Cmp, Counted, Op, Predicate, UrlPart},
        target::{Ordinal, Region, RoleNoun, Target},
        tool::{Button, Call, ScrollBy, Subject, TypeMode, Wanted},
    },
    redact::cut,
};

pub use web::http;

/// What somebody calls an element, in bytes: as long as a name is in a log.
const LABEL: usize = 120;

/// A sentence for people, for example `Click button "Pay now" in the dialog`.
pub fn call(call: &Call) -> String {
    let text = in_words(call);
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn in_words(call: &Call) -> String {
    match call {
        Call::Navigate { url } if url.shown().is_empty() => "go to the start page".to_owned(),
        Call::Navigate { url } => format!("go to {}", web::address(url)),
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
        Call::Screenshot { full_page: true } => "take a screenshot of the whole page".to_owned(),
        Call::Screenshot { full_page: false } => "take a screenshot".to_owned(),
    }
}

/// The arguments as they are recorded.
pub fn args(call: &Call) -> Value {
    let mut args = Fields(Map::new());
    match call {
        Call::Navigate { url } => args.put("url", json!(web::address(url))),
        Call::Reload => args.put("reload", json!(true)),
        Call::GoBack | Call::Screenshot { full_page: false } => {}
        Call::Screenshot { full_page: true } => args.put("full_page", json!(true)),
        Call::Click { on, button, count, modifiers } => {
            args.on("element", "ref", on);
            match button {
                Button::Left => {}
                Button::Middle => args.put("button", json!("middle")),
                Button::Right => args.put("button", json!("right")),
            }
            if *count != 1 {
                args.put("count", json!(count));
            }
            if !modifiers.is_empty() {
                let names: Vec<_> = modifiers.iter().map(|held| held.name()).collect();
                args.put("modifiers", json!(names));
            }
        }
        Call::Hover { on } => args.on("element", "ref", on),
        Call::Drag { from, to } => {
            args.on("from_element", "from_ref", from);
            args.on("to_element", "to_ref", to);
        }
        Call::SetChecked { on, checked } => {
            args.on("element", "ref", on);
            args.put("checked", json!(checked));
        }
        Call::Expand { on, expanded } => {
            args.on("element", "ref", on);
            args.put("expanded", json!(expanded));
        }
        Call::TypeText { into, text, mode, submit } => {
            if let Some(into) = into {
                args.on("element", "ref", into);
            }
            args.put("text", json!(typed(text)));
            if *mode != TypeMode::Fill {
                args.put("mode", json!(mode.name()));
            }
            if *submit {
                args.put("submit", json!(true));
            }
        }
        Call::PasteCode { into, code } => {
            args.put("code", json!(typed(code)));
            if let Some(into) = into {
                args.on("element", "ref", into);
            }
        }
        Call::Evaluate { expression, on } => {
            args.put("expression", json!(expression.shown()));
            if let Some(on) = on {
                args.on("element", "ref", on);
            }
        }
        Call::SelectOption { from, values } => {
            args.on("element", "ref", from);
            args.put("values", json!(values.iter().map(Text::shown).collect::<Vec<_>>()));
        }
        Call::UploadFile { to, files } => {
            if let Some(to) = to {
                args.on("element", "ref", to);
            }
            args.put("files", json!(files.iter().map(Text::shown).collect::<Vec<_>>()));
        }
        Call::HandleDialog { accept, text } => {
            args.put("accept", json!(accept));
            if let Some(text) = text {
                args.put("text", json!(typed(text)));
            }
        }
        Call::SwitchTab { to, close } => {
            if let Some(to) = to {
                args.put("tab", json!(to.shown()));
            }
            if *close {
                args.put("close", json!(true));
            }
        }
        Call::PressKey { key, repeat, on } => {
            args.put("key", json!(shown_key(key)));
            if *repeat != 1 {
                args.put("repeat", json!(repeat));
            }
            if let Some(on) = on {
                args.on("element", "ref", on);
            }
        }
        Call::Scroll { within, by } => {
            if let Some(within) = within {
                args.on("element", "ref", within);
            }
            args.put("by", json!(amount(*by)));
        }
        Call::ScrollTo { to } => {
            args.on("element", "ref", to);
            args.put("into_view", json!(true));
        }
        Call::ScrollUntil { down, text } => {
            args.put("direction", json!(if *down { "down" } else { "up" }));
            args.put("until", json!(text.shown()));
        }
        Call::WaitForText { text, gone, timeout } => {
            args.put("text", json!(text.shown()));
            if *gone {
                args.put("gone", json!(true));
            }
            if let Some(timeout) = timeout {
                args.put("ms", json!(timeout.as_millis()));
            }
        }
        Call::WaitUntil { predicate } => args.put("predicate", self::predicate(predicate)),
        Call::Sleep { time } => args.put("ms", json!(time.as_millis())),
        Call::WaitForStable { stable, timeout } => {
            args.put("stable_seconds", json!(stable.as_secs_f64()));
            args.put("timeout_seconds", json!(timeout.as_secs_f64()));
        }
    }
    Value::Object(args.0)
}

/// Arguments by their names.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// An element, and its ref if it has one.
    fn on(&mut self, element: &str, by_ref: &str, on: &Subject) {
        self.put(element, json!(subject(on)));
        if let Subject::Ref { reference, .. } = on {
            self.put(by_ref, json!(reference));
        }
    }
}

/// What a step does, in a sentence and as arguments.
pub fn deed(deed: &Deed) -> (String, Value) {
    match deed {
        Deed::Act(call) => (self::call(call), args(call)),
        Deed::Look(at) => look(at),
        Deed::Http(request) => http(request),
        Deed::Mail(mail) => self::mail(mail),
        Deed::Assert(asserted) => {
            let Asserted { check, description, claim, predicates } = &**asserted;
            let predicates: Vec<_> =
                predicates.iter().map(|one| predicate(&one.predicate)).collect();
            let args = json!({
                "check": check, "description": description, "predicates": predicates,
                "passed": claim.as_ref().map(|claim| claim.passed),
                "evidence": claim.as_ref().map(|claim| &claim.evidence),
            });
            (description.clone(), without_nulls(args))
        }
        Deed::Suggest(suggestion) => {
            let Suggestion { title, severity, description, suggestion, reference } = &**suggestion;
            let args = json!({
                "title": title, "severity": severity, "description": description,
                "suggestion": suggestion, "ref": reference,
            });
            (format!("Suggest: {title}"), without_nulls(args))
        }
        Deed::Complete(Completion { summary, passed }) => {
            ("Complete the scenario".to_owned(), json!({"passed": passed, "summary": summary}))
        }
    }
}

fn look(at: &Look) -> (String, Value) {
    let Wanted { reference, find, max_tokens } = match at {
        Look::Tree(wanted) => wanted,
        Look::Console { level, limit } => {
            let args = json!({"level": level.word(), "limit": limit});
            return ("Read the console".to_owned(), args);
        }
        Look::Requests { filter, failed_only, limit } => {
            let args = json!({"filter": filter, "failed_only": failed_only, "limit": limit});
            return ("Read the page's requests".to_owned(), without_nulls(args));
        }
    };
    let what = match (reference, find) {
        (Some(reference), _) => format!("Read what is in {reference}"),
        (None, Some(find)) => format!("Look for \"{find}\" on the page"),
        (None, None) => "Read the page".to_owned(),
    };
    (what, without_nulls(json!({"ref": reference, "find": find, "max_tokens": max_tokens})))
}

fn mail(mail: &Mail) -> (String, Value) {
    match mail {
        Mail::CreateAddress => ("Create a temporary email address".to_owned(), json!({})),
        Mail::WaitForCode { timeout, from, subject } => {
            let seconds = timeout.as_secs_f64();
            let args = json!({"timeout_seconds": seconds, "from": from, "subject": subject});
            ("Wait for the code by mail".to_owned(), without_nulls(args))
        }
        Mail::Newest { limit } => ("Look into the mailbox".to_owned(), json!({"limit": limit})),
    }
}

fn without_nulls(mut args: Value) -> Value {
    if let Some(fields) = args.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    args
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
                UrlPart::Origin => "origin",
                UrlPart::Query => "query",
            };
            json!({"kind": "url", "op": self::op(*op), "value": value.shown(), "part": part})
        }
        Predicate::Title { op, value } => {
            json!({"kind": "title", "op": self::op(*op), "value": value.shown()})
        }
        Predicate::ElementState { target, state, negate } => {
            json!({"kind": "element_state", "ref": target.reference, "target": spelt(target), "state": state.word().replace('-', "_"), "negate": negate})
        }
        Predicate::Value { target, op, value } => {
            json!({"kind": "value", "ref": target.reference, "target": spelt(target), "op": self::op(*op), "value": value.shown()})
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
        Predicate::HttpStatus { method, url, status } => {
            json!({"kind": "http_status", "method": method.as_str(), "url": web::address(url), "status": status.to_string()})
        }
        Predicate::Options { target, values, exact } => {
            json!({"kind": "options", "ref": target.reference, "target": spelt(target), "values": values.iter().map(Text::shown).collect::<Vec<_>>(), "exact": exact})
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
        Subject::Ref { reference, label } if label.is_empty() => reference.clone(),
        Subject::Ref { label, .. } => cut(label, LABEL),
        Subject::Described { target, .. } => self::target(target),
    }
}

/// An element without a ref, in words.
fn spelt(target: &Target) -> Option<String> {
    target.reference.is_none().then(|| self::target(target))
}

/// An element in the plan's own words.
pub fn target(target: &Target) -> String {
    let Target { reference, ordinal, role, name, within, near } = target;
    if let Some(reference) = reference {
        return reference.clone();
    }
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
            reference: None,
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
