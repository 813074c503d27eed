//! The grammar as tables: every form, a near miss of each, the decided cases (agent.md 3.1 to 3.3).

use super::*;
use crate::agent::plan::{Plan, grammar, variables::Variables};

fn ids(readings: &[(&'static str, Meaning)]) -> Vec<&'static str> {
    readings.iter().map(|(id, _)| *id).collect()
}

/// The sentence is this form and no other, and means this.
fn action(text: &str, id: &str, meaning: &str) {
    let readings = read_action(text);
    assert_eq!(ids(&readings), [id], "{text}");
    assert_eq!(shown(&readings[0].1), meaning, "{text}");
}

fn check(text: &str, id: &str, meaning: &str) {
    for text in [text.to_owned(), format!("Verify that {text}"), format!("Ensure {text}.")] {
        let readings = read_check(&text);
        assert_eq!(ids(&readings), [id], "{text}");
        assert_eq!(shown(&readings[0].1), meaning, "{text}");
    }
}

/// No form, and the ids of the nearest.
fn refuse(text: &str, nearest: &[&str]) {
    assert_eq!(ids(&read_action(text)), [""; 0], "{text}");
    near(text, false, nearest);
}

fn refuse_check(text: &str, nearest: &[&str]) {
    assert_eq!(ids(&read_check(text)), [""; 0], "{text}");
    near(text, true, nearest);
}

fn near(text: &str, is_check: bool, expected: &[&str]) {
    let nearest = forms::nearest(text, is_check).unwrap_or_default();
    let mut found: Vec<&str> =
        nearest.split(" | ").filter_map(|form| Some(form.split_once(':')?.0)).collect();
    found.dedup();
    assert_eq!(found, expected, "{text}: {nearest}");
}

/// Meanings in one line: `Debug` without the names of wrappers.
fn shown(meaning: &Meaning) -> String {
    let text = match meaning {
        Meaning::Later => return "later".to_owned(),
        Meaning::Act(call) => format!("{call:?}"),
        Meaning::Mail(step) => format!("{step:?}"),
        Meaning::Check(predicates) => {
            let each: Vec<String> = predicates.iter().map(|one| format!("{one:?}")).collect();
            each.join(" + ")
        }
    };
    let mut text = text;
    for (from, to) in [
        ("reference: None, ", ""),
        ("Described { target: Target { ordinal: None, ", "{ "),
        ("Described { target: Target { ordinal: ", "{ ordinal: "),
        ("Target { ordinal: None, ", "{ "),
        ("role: None, ", ""),
        (", within: [], near: None }", " }"),
        (", near: None }", " }"),
        (", within: []", ""),
        ("Text { shown: ", ""),
        (", secret: None }", ""),
        (", modifiers: []", ""),
        (", mode: Fill, submit: false", ""),
    ] {
        text = text.replace(from, to);
    }
    for (from, to) in [("Some(", ""), (")", "")] {
        text = text.replace(from, to);
    }
    text
}

/// Sentence, form, meaning.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("Go to https://shop.example/x?y#z", "A1", r#"Navigate { url: "https://shop.example/x?y#z" }"#),
    ("Then the user navigates to /cart.", "A1", r#"Navigate { url: "/cart" }"#),
    ("open shop.example/x", "A1", r#"Navigate { url: "shop.example/x" }"#),
    ("open localhost:3000", "A1", r#"Navigate { url: "localhost:3000" }"#),
    (r#"Visit "?page=2""#, "A1", r#"Navigate { url: "?page=2" }"#),
    ("load #top", "A1", r##"Navigate { url: "#top" }"##),
    ("go to the home page", "A1", r#"Navigate { url: "" }"#),
    ("open the start page", "A1", r#"Navigate { url: "" }"#),
    ("Go to {{BASE}}/x", "A1", r#"Navigate { url: "{{BASE}}/x" }"#),
    (r#"Open "{{BASE}}/x""#, "A1", r#"Navigate { url: "{{BASE}}/x" }"#),
    (
        r#"Open "{{MENU}}""#,
        "A2",
        r#"Expand { on: { name: "{{MENU}}" }, among: Clickable }, expanded: true }"#,
    ),
    (
        r#"click "Save""#,
        "A2",
        r#"Click { on: { name: "Save" }, among: Clickable }, button: Left, count: 1 }"#,
    ),
    (
        r#"tap on the "Save" button"#,
        "A2",
        r#"Click { on: { role: Button, name: "Save" }, among: Clickable }, button: Left, count: 1 }"#,
    ),
    (
        r#"Press "Save" button"#,
        "A2",
        r#"Click { on: { role: Button, name: "Save" }, among: Clickable }, button: Left, count: 1 }"#,
    ),
    (
        "push the Sign in button in the header",
        "A2",
        r#"Click { on: { role: Button, name: "Sign in", within: [The(Header] }, among: Clickable }, button: Left, count: 1 }"#,
    ),
    (
        r#"double-click "Row""#,
        "A2",
        r#"Click { on: { name: "Row" }, among: Clickable }, button: Left, count: 2 }"#,
    ),
    (
        "right-click the second row",
        "A2",
        "Click { on: { ordinal: Nth(2, role: Row, name: None }, among: Clickable }, button: Right, count: 1 }",
    ),
    (
        r#"open "Menu""#,
        "A2",
        r#"Expand { on: { name: "Menu" }, among: Clickable }, expanded: true }"#,
    ),
    (
        r#"expand the "Details" section"#,
        "A2",
        r#"Expand { on: { role: Section, name: "Details" }, among: Clickable }, expanded: true }"#,
    ),
    (
        r#"collapse the "Details" section"#,
        "A2",
        r#"Expand { on: { role: Section, name: "Details" }, among: Clickable }, expanded: false }"#,
    ),
    (
        r#"type "a" into "Email""#,
        "A3",
        r#"TypeText { into: { name: "Email" }, among: TextFields }, text: "a" }"#,
    ),
    (
        r#"enter "a" in the Email field"#,
        "A3",
        r#"TypeText { into: { role: Field, name: "Email" }, among: TextFields }, text: "a" }"#,
    ),
    (
        r#"write "x" to "y""#,
        "A3",
        r#"TypeText { into: { name: "y" }, among: TextFields }, text: "x" }"#,
    ),
    (
        "input 'x' in the search box",
        "A3",
        r#"TypeText { into: { role: SearchBox, name: None }, among: TextFields }, text: "x" }"#,
    ),
    (
        r#"fill "Email" with "a""#,
        "A3",
        r#"TypeText { into: { name: "Email" }, among: TextFields }, text: "a" }"#,
    ),
    (
        r#"fill in the "Email" field with "a""#,
        "A3",
        r#"TypeText { into: { role: Field, name: "Email" }, among: TextFields }, text: "a" }"#,
    ),
    (
        r#"fill "a" into the Email field"#,
        "A3",
        r#"TypeText { into: { role: Field, name: "Email" }, among: TextFields }, text: "a" }"#,
    ),
    (
        r#"set the "Date" field to "2026-01-02""#,
        "A3",
        r#"TypeText { into: { role: Field, name: "Date" }, among: TextFields }, text: "2026-01-02" }"#,
    ),
    (r#"type "x""#, "A3", r#"TypeText { into: None, text: "x" }"#),
    (
        "clear the Email field",
        "A4",
        r#"TypeText { into: { role: Field, name: "Email" }, among: TextFields }, text: "" }"#,
    ),
    (
        r#"select "A" in the Size dropdown"#,
        "A5",
        r#"SelectOption { from: { role: Dropdown, name: "Size" }, among: Choosers }, values: ["A"] }"#,
    ),
    (
        r#"choose "A", "B" and "C" from "Sizes""#,
        "A5",
        r#"SelectOption { from: { name: "Sizes" }, among: Choosers }, values: ["A", "B", "C"] }"#,
    ),
    (
        r#"pick "A" option"#,
        "A6",
        r#"Click { on: { role: Option, name: "A" }, among: Choices }, button: Left, count: 1 }"#,
    ),
    (
        r#"Choose "Express""#,
        "A6",
        r#"Click { on: { name: "Express" }, among: Choices }, button: Left, count: 1 }"#,
    ),
    (
        r#"select "x" radio button"#,
        "A6",
        r#"Click { on: { role: Radio, name: "x" }, among: Choices }, button: Left, count: 1 }"#,
    ),
    ("Press Enter", "A7", r#"PressKey { key: "Enter", repeat: 1, on: None }"#),
    (r#"Press "Enter""#, "A7", r#"PressKey { key: "Enter", repeat: 1, on: None }"#),
    (
        r#"Press "Enter" button"#,
        "A2",
        r#"Click { on: { role: Button, name: "Enter" }, among: Clickable }, button: Left, count: 1 }"#,
    ),
    (
        r#"press the Escape key 3 times in the "Search" field"#,
        "A7",
        r#"PressKey { key: "Escape", repeat: 3, on: { role: Field, name: "Search" }, among: Clickable } }"#,
    ),
    ("press Ctrl + A", "A7", r#"PressKey { key: "Control+A", repeat: 1, on: None }"#),
    ("press page down", "A7", r#"PressKey { key: "PageDown", repeat: 1, on: None }"#),
    ("press A", "A7", r#"PressKey { key: "A", repeat: 1, on: None }"#),
    (
        r#"check "Terms""#,
        "A8",
        r#"SetChecked { on: { name: "Terms" }, among: Checkables }, checked: true }"#,
    ),
    (
        r#"tick the "Terms" checkbox"#,
        "A8",
        r#"SetChecked { on: { role: Checkbox, name: "Terms" }, among: Checkables }, checked: true }"#,
    ),
    (
        r#"turn on the "Dark" switch"#,
        "A8",
        r#"SetChecked { on: { role: Switch, name: "Dark" }, among: Checkables }, checked: true }"#,
    ),
    (
        "uncheck the Newsletter box",
        "A8",
        r#"SetChecked { on: { role: Checkbox, name: "Newsletter" }, among: Checkables }, checked: false }"#,
    ),
    (
        r#"turn off "x""#,
        "A8",
        r#"SetChecked { on: { name: "x" }, among: Checkables }, checked: false }"#,
    ),
    ("scroll down", "A9", "Scroll { within: None, by: Screens { x: 0, y: 9 } }"),
    ("scroll up 200 pixels", "A9", "Scroll { within: None, by: Pixels { x: 0, y: -200 } }"),
    (
        r#"scroll right 2 screens in the "Grid" table"#,
        "A9",
        r#"Scroll { within: { role: Table, name: "Grid" }, among: Anything }, by: Screens { x: 18, y: 0 } }"#,
    ),
    ("scroll to the bottom", "A9", "Scroll { within: None, by: Bottom }"),
    (
        r#"scroll to the top of the "List" list"#,
        "A9",
        r#"Scroll { within: { role: List, name: "List" }, among: Anything }, by: Top }"#,
    ),
    ("scroll to the bottom of the page", "A9", "Scroll { within: None, by: Bottom }"),
    (r#"scroll to "Footer""#, "A9", r#"ScrollTo { to: { name: "Footer" }, among: Anything } }"#),
    (r#"scroll down until "End" is visible"#, "A9", r#"ScrollUntil { down: true, text: "End" }"#),
    (r#"wait for "x""#, "A10", r#"WaitForText { text: "x", gone: false, timeout: None }"#),
    (
        r#"wait for "x" to appear for up to 20 seconds"#,
        "A10",
        r#"WaitForText { text: "x", gone: false, timeout: 20s }"#,
    ),
    (
        r#"wait until "x" is visible"#,
        "A10",
        r#"WaitForText { text: "x", gone: false, timeout: None }"#,
    ),
    (
        r#"wait until "x" appears"#,
        "A10",
        r#"WaitForText { text: "x", gone: false, timeout: None }"#,
    ),
    (
        r#"wait for "x" to disappear for up to 500ms"#,
        "A11",
        r#"WaitForText { text: "x", gone: true, timeout: 500ms }"#,
    ),
    (r#"wait until "x" is gone"#, "A11", r#"WaitForText { text: "x", gone: true, timeout: None }"#),
    (
        r#"wait for the "Save" button to be enabled"#,
        "A12",
        r#"WaitUntil { predicate: ElementState { target: { role: Button, name: "Save" }, state: Enabled, negate: false } }"#,
    ),
    (
        r#"wait for the "Save" button to be visible"#,
        "A12",
        r#"WaitUntil { predicate: ElementState { target: { role: Button, name: "Save" }, state: Visible, negate: false } }"#,
    ),
    (
        r#"wait until the url contains "/done""#,
        "A12",
        r#"WaitUntil { predicate: Url { part: Href, op: Contains, value: "/done" } }"#,
    ),
    (
        r#"wait until title is "x""#,
        "A12",
        r#"WaitUntil { predicate: Title { op: Equals, value: "x" } }"#,
    ),
    ("wait until the page is stable", "A13", "WaitForStable { stable: 2s, timeout: 30s }"),
    (
        "wait until loaded for 1.5 s for up to 1 minute",
        "A13",
        "WaitForStable { stable: 1.5s, timeout: 60s }",
    ),
    ("wait 2 seconds", "A14", "Sleep { time: 2s }"),
    ("wait for 1s", "A14", "Sleep { time: 1s }"),
    (
        r#"upload "a.png", "b.png" to "Photo""#,
        "A15",
        r#"UploadFile { to: { name: "Photo" }, among: FileInputs }, files: ["a.png", "b.png"] }"#,
    ),
    (
        r#"attach "fixture:pdf" to the "CV" field"#,
        "A15",
        r#"UploadFile { to: { role: Field, name: "CV" }, among: FileInputs }, files: ["fixture:pdf"] }"#,
    ),
    (r#"hover over "Menu""#, "A16", r#"Hover { on: { name: "Menu" }, among: Clickable } }"#),
    (
        r#"drag "A" to the "Done" list"#,
        "A16",
        r#"Drag { from: { name: "A" }, among: Clickable }, to: { role: List, name: "Done" }, among: Anything } }"#,
    ),
    ("accept the dialog", "A17", "HandleDialog { accept: true, text: None }"),
    ("cancel the confirmation", "A17", "HandleDialog { accept: false, text: None }"),
    (r#"accept the prompt with "x""#, "A17", r#"HandleDialog { accept: true, text: "x" }"#),
    ("switch to the new tab", "A18", "SwitchTab { to: New, close: false }"),
    (r#"switch to the tab "Cart""#, "A18", r#"SwitchTab { to: Called("Cart", close: false }"#),
    ("switch to tab 2", "A18", "SwitchTab { to: Nth(2, close: false }"),
    ("close the current tab", "A18", "SwitchTab { to: None, close: true }"),
    ("go back", "A19", "GoBack"),
    ("reload the page", "A19", "Reload"),
    ("refresh", "A19", "Reload"),
    ("take a screenshot", "A19", "Screenshot { full_page: false }"),
    ("create a temp email address", "A20", "CreateAddress"),
    (
        "wait for the verification code for up to 2 minutes",
        "A20",
        "WaitForCode { timeout: 120s, from: None, subject: None }",
    ),
    ("wait for the email", "A20", "WaitForCode { timeout: 60s, from: None, subject: None }"),
    (
        r#"enter the code in the "Code" field"#,
        "A20",
        r#"PasteCode { into: { role: Field, name: "Code" }, among: TextFields }, code: "{{code}}" }"#,
    ),
    ("open the link in the email", "A20", r#"Navigate { url: "{{mail_link}}" }"#),
    (r#"hand over to a human for 2fa: "Do it""#, "A21", "later"),
    ("hand off to a human", "A21", "later"),
    ("Open /menu", "A1", r#"Navigate { url: "/menu" }"#),
];

// agent.md 17.38
#[test]
fn every_action_form_is_read() {
    for (text, id, meaning) in ACTIONS {
        action(text, id, meaning);
    }
}

/// Sentence, nearest forms.
const NO_ACTIONS: &[(&str, &[&str])] = &[
    ("visit ftp://x", &["A1"]),
    ("go to cart", &["A1", "A19"]),
    ("click the red one", &["A2"]),
    (r#"write "x""#, &["A3"]),
    (r#"type x into "y""#, &["A3"]),
    ("clear everything", &["A4"]),
    (r#"select A in "b""#, &["A5", "A6"]),
    ("press Enter 101 times", &["A2", "A7"]),
    ("press Foo", &["A2", "A7"]),
    (r#"check the "Total" heading"#, &["A8", "V1"]),
    (r#"scroll left until "End" is visible"#, &["A9"]),
    ("scroll sideways", &["A9"]),
    (r#"wait for "x" to be visible for up to 31 s"#, &["A10", "A11", "A12", "A13", "A14", "A20"]),
    (r#"wait until "x" vanishes"#, &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("wait for the page to calm down", &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("wait until stable for 11 s", &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("wait 11 s", &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("go forward", &["A1", "A19"]),
    ("Click Sign in", &["A2"]),
    ("Log in as admin", &["A1", "A19"]),
    (r#"Clikc "x""#, &["A2"]),
    ("upload a file", &["A15"]),
    ("hover", &["A16"]),
    (r#"drag "A""#, &["A16"]),
    ("accept", &["A17"]),
    ("switch tabs", &["A18"]),
    (r#"close "x""#, &["A18"]),
    ("create an email", &["A20"]),
    ("wait for the code for up to 121 s", &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("open the link", &["A1", "A2", "A20"]),
    ("hand me the code", &["A21"]),
    ("reload everything", &["A19"]),
    ("take a photo", &["A19"]),
    ("wait until something happens", &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("wait soon", &["A10", "A11", "A12", "A13", "A14", "A20"]),
    ("double-click it", &["A2"]),
    ("open the one that works", &["A1", "A2", "A20"]),
    (r#"fill "Email""#, &["A3"]),
    (r#"set "Email""#, &["A3"]),
    (r#"type "a" near "b""#, &["A3"]),
    ("push any button", &["A2"]),
    ("press Control+Nothing", &["A2", "A7"]),
];

// agent.md 17.38
#[test]
fn near_misses_of_actions_are_refused_with_the_nearest_form() {
    for (text, nearest) in NO_ACTIONS {
        refuse(text, nearest);
    }
}

/// Sentence, form, meaning.
const CHECKS_READ: &[(&str, &str, &str)] = &[
    (
        r#""A", "B" and "C" are visible"#,
        "V1",
        r#"TextVisible { text: "A", exact: false } + TextVisible { text: "B", exact: false } + TextVisible { text: "C", exact: false }"#,
    ),
    (
        r#""A" is shown in the "Cart" section"#,
        "V1",
        r#"TextVisible { text: "A", within: [Named { role: Section, name: "Cart" }], exact: false }"#,
    ),
    (r#"I see "A""#, "V1", r#"TextVisible { text: "A", exact: false }"#),
    (r#"the page shows "A""#, "V1", r#"TextVisible { text: "A", exact: false }"#),
    (
        r#"the "Cart" section contains "A""#,
        "V1",
        r#"TextVisible { text: "A", within: [Named { role: Section, name: "Cart" }], exact: false }"#,
    ),
    (
        r#"the header shows "A""#,
        "V1",
        r#"TextVisible { text: "A", within: [The(Header], exact: false }"#,
    ),
    (r#"text "A""#, "V1", r#"TextVisible { text: "A", exact: false }"#),
    (r#""A""#, "V1", r#"TextVisible { text: "A", exact: false }"#),
    (r#""A" is not visible"#, "V2", r#"TextAbsent { text: "A" }"#),
    (
        r#""A" is no longer shown in the header"#,
        "V2",
        r#"TextAbsent { text: "A", within: [The(Header] }"#,
    ),
    (r#""A" isn't present"#, "V2", r#"TextAbsent { text: "A" }"#),
    (r#""A" is gone"#, "V2", r#"TextAbsent { text: "A" }"#),
    (r#"the page does not contain "A""#, "V2", r#"TextAbsent { text: "A" }"#),
    (r#"no "A" is visible"#, "V2", r#"TextAbsent { text: "A" }"#),
    (r#"no "A""#, "V2", r#"TextAbsent { text: "A" }"#),
    (
        r#"the "Save" button is disabled"#,
        "V3",
        r#"ElementState { target: { role: Button, name: "Save" }, state: Disabled, negate: false }"#,
    ),
    (
        r#"the "Save" button is not visible"#,
        "V3",
        r#"ElementState { target: { role: Button, name: "Save" }, state: Visible, negate: true }"#,
    ),
    (
        r#""Terms" is checked"#,
        "V3",
        r#"ElementState { target: { name: "Terms" }, state: Checked, negate: false }"#,
    ),
    (
        r#"the first "Add" button is enabled"#,
        "V3",
        r#"ElementState { target: Target { ordinal: Nth(1, role: Button, name: "Add" }, state: Enabled, negate: false }"#,
    ),
    (
        r#"the Email field is "a""#,
        "V4",
        r#"Value { target: { role: Field, name: "Email" }, op: Equals, value: "a" }"#,
    ),
    (
        r#"the value of "Email" contains "a""#,
        "V4",
        r#"Value { target: { name: "Email" }, op: Contains, value: "a" }"#,
    ),
    (
        r#""Email" has the value "a""#,
        "V4",
        r#"Value { target: { name: "Email" }, op: Equals, value: "a" }"#,
    ),
    (
        "the Email field is empty",
        "V4",
        r#"Value { target: { role: Field, name: "Email" }, op: Equals, value: "" }"#,
    ),
    (
        r#"the Email field matches "^a{{A}}+$""#,
        "V4",
        r#"Value { target: { role: Field, name: "Email" }, op: Matches, value: "^a{{A}}+$" }"#,
    ),
    ("the url is /cart", "V5", r#"Url { part: Href, op: Equals, value: "/cart" }"#),
    (r#"the path is not "/x""#, "V5", r#"Url { part: Path, op: NotEquals, value: "/x" }"#),
    (r#"url contains "cart""#, "V5", r#"Url { part: Href, op: Contains, value: "cart" }"#),
    (r#"the page title ends with "Shop""#, "V6", r#"Title { op: EndsWith, value: "Shop" }"#),
    (
        r#"there are 3 rows in the "Users" table"#,
        "V7",
        r#"Count { what: Elements { role: Row, name: None }, within: [Named { role: Table, name: "Users" }], cmp: Eq, n: 3 }"#,
    ),
    (
        r#"there is exactly 1 "Add" button"#,
        "V7",
        r#"Count { what: Elements { role: Button, name: "Add" }, cmp: Eq, n: 1 }"#,
    ),
    (
        r#"there are no "Error" alerts"#,
        "V7",
        r#"Count { what: Elements { role: Alert, name: "Error" }, cmp: Eq, n: 0 }"#,
    ),
    (
        "there are at least 2 list items",
        "V7",
        "Count { what: Elements { role: Item, name: None }, cmp: Gte, n: 2 }",
    ),
    (
        r#""A" appears 3 times in the footer"#,
        "V7",
        r#"Count { what: Text("A", within: [The(Footer], cmp: Eq, n: 3 }"#,
    ),
    (
        r#"the Size dropdown has options "S", "M""#,
        "V8",
        r#"Options { target: { role: Dropdown, name: "Size" }, values: ["S", "M"], exact: false }"#,
    ),
    (
        r#"the Size dropdown has exactly the options "S" and "M""#,
        "V8",
        r#"Options { target: { role: Dropdown, name: "Size" }, values: ["S", "M"], exact: true }"#,
    ),
    ("GET /api returns 200", "V9", r#"HttpStatus { method: Get, url: "/api", status: One(200 }"#),
    (
        "delete localhost:3000/x/1 returns status 204",
        "V9",
        r#"HttpStatus { method: Delete, url: "localhost:3000/x/1", status: One(204 }"#,
    ),
    (
        "POST https://x.example/a responds with status 4xx",
        "V9",
        r#"HttpStatus { method: Post, url: "https://x.example/a", status: Class(4 }"#,
    ),
    (r#"the dialog says "Sure?""#, "V10", r#"Dialog { op: Equals, value: "Sure?" }"#),
    (r#"the alert contains "x""#, "V10", r#"Dialog { op: Contains, value: "x" }"#),
];

// agent.md 17.38
#[test]
fn every_check_form_is_read() {
    for (text, id, meaning) in CHECKS_READ {
        check(text, id, meaning);
    }
}

/// Sentence, nearest forms.
const NO_CHECKS: &[(&str, &[&str])] = &[
    (r#""A" is pretty"#, &["V1"]),
    (r#"the "Save" button is blue"#, &["V1"]),
    (r#"the Email field matches "(""#, &["V4"]),
    ("url is cart", &["V5"]),
    ("the title is Shop", &["V6"]),
    ("there are many rows", &["V7"]),
    ("the Size dropdown has sizes", &["V4"]),
    ("the page looks good", &["V1"]),
    ("GET /api returns OK", &["V9"]),
    ("GET /api returns 20", &["V9"]),
    ("TRACE /api returns 200", &["V9"]),
    (r#"the confirmation says "x""#, &["V1"]),
    (r#""A" appears often"#, &["V7"]),
];

// agent.md 17.38
#[test]
fn near_misses_of_checks_are_refused_with_the_nearest_form() {
    for (text, nearest) in NO_CHECKS {
        refuse_check(text, nearest);
    }
}

#[test]
fn every_form_of_the_table_has_an_example() {
    for form in grammar() {
        let mut examples = ACTIONS.iter().chain(CHECKS_READ);
        assert!(examples.any(|(_, id, _)| *id == form.id), "{form:?}");
        let (built, later) = (is_built(form.id), is_later(form.id));
        assert!(if form.built { built } else { later }, "{form:?}");
    }
}

fn is_built(id: &str) -> bool {
    let readers = actions::READERS.iter().chain(mail::READERS).chain(checks::READERS);
    readers.into_iter().any(|(built, _)| *built == id)
}

fn is_later(id: &str) -> bool {
    later::ACTIONS.iter().any(|(later, _)| *later == id)
}

#[test]
fn every_reader_stands_in_the_table() {
    let readers = actions::READERS.iter().chain(mail::READERS).chain(checks::READERS);
    for (id, _) in readers.chain(later::ACTIONS) {
        assert!(grammar().iter().any(|form| form.id == *id), "{id}");
    }
}

#[expect(clippy::unwrap_in_result, reason = "the plans of the tests parse")]
fn compiled(
    plan: &str,
    criteria: &[&str],
) -> Result<Vec<String>, Vec<(&'static str, Option<u32>)>> {
    let criteria: Vec<String> = criteria.iter().map(|text| (*text).to_owned()).collect();
    let plan = Plan::parse(plan, &criteria, &Variables::default()).unwrap();
    let steps = compile(&plan.scenarios[0]);
    let told = |all: Vec<Problem>| all.iter().map(|one| (one.code, one.line)).collect::<Vec<_>>();
    let steps = steps.map_err(told);
    let shown = |step: &Step| match &step.deed {
        Deed::Act(call) => format!("{:?} {}", step.line, call.tool()),
        Deed::Assert(asserted) => {
            let check = asserted.check.as_deref().unwrap_or_default();
            format!("{:?} {check} {}", step.line, asserted.predicates.len())
        }
        Deed::Mail(mail) => format!("{:?} {mail:?}", step.line),
        Deed::Look(_) | Deed::Http(_) | Deed::Suggest(_) | Deed::Complete(_) => {
            panic!("no plan has it")
        }
    };
    Ok(steps?.iter().map(shown).collect())
}

#[test]
fn a_scenario_becomes_steps_with_its_criteria_last() {
    let plan = "# Case 1\nOpen / and verify \"A\" and \"B\" are visible\n- Click \"C\"";
    assert_eq!(
        compiled(
            plan,
            &["the title is \"T\"", "Verify \"X\" is gone", "first \"A\" button is enabled"]
        ),
        Ok([
            "Some(2) navigate",
            "Some(2) v1 2",
            "Some(3) click",
            "None p1 1",
            "None p2 1",
            "None p3 1"
        ]
        .map(str::to_owned)
        .to_vec())
    );
}

#[test]
fn a_leading_ordinal_of_a_criterion_belongs_to_the_element() {
    let found = predicates("first \"Add\" button is enabled").unwrap();
    assert!(format!("{found:?}").contains("Nth(1)"), "{found:?}");
}

#[test]
fn every_offending_line_is_told_at_once() {
    let plan = "# Case 1\nLog in as admin\nClick \"A\"\nVerify it looks good\nHand over to a human";
    assert_eq!(
        compiled(plan, &["fast"]),
        Err(vec![
            ("unparsable", Some(2)),
            ("unparsable", Some(4)),
            ("unparsable", Some(5)),
            ("unparsable", None)
        ])
    );
    assert_eq!(compiled("# Case 1\nClick \"A\"", &[]), Err(vec![("no_checks", Some(1))]));
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let plan =
        Plan::parse("Hand over to a human\nVerify \"A\" is visible", &[], &Variables::default());
    let problems = compile(&plan.unwrap().scenarios[0]).unwrap_err();
    let messages: Vec<&str> = problems.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["this is form A21, which is not built yet"]);
}

#[test]
fn an_open_quote_is_named() {
    let plan = Plan::parse("Click \"B", &["\"x\"".to_owned()], &Variables::default()).unwrap();
    let problems = compile(&plan.scenarios[0]).unwrap_err();
    assert_eq!(problems[0].message, "a quote in this sentence is never closed");
}

#[test]
fn leading_words_and_the_final_stop_are_ignored() {
    for text in [
        "Then click \"A\".",
        "And now please click \"A\"",
        "Finally, the user clicks on the \"A\"",
        "I CLICK \"A\" .",
        "First we tap \"A\"",
        "Next, you press \"A1\"",
    ] {
        assert_eq!(ids(&read_action(text)), ["A2"], "{text}");
    }
}

#[test]
fn the_grammar_is_printed_a_form_a_line() {
    let printed = crate::agent::plan::print_grammar();
    assert_eq!(printed.lines().count(), grammar().len());
    assert!(printed.contains("A16  hover                    hover [over/on] T\n"), "{printed}");
}
