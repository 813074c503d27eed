//! Descriptions as a table.

use proptest::prelude::*;

use super::*;

/// Prints a target as `ordinal|role|name|in …|near …`, to compare it in one line.
fn shown(target: &Target) -> String {
    let mut parts = Vec::new();
    match target.ordinal {
        Some(Ordinal::Nth(n)) => parts.push(format!("#{n}")),
        Some(Ordinal::Last) => parts.push("#last".to_owned()),
        None => {}
    }
    parts.extend(target.role.map(|role| role.name().to_owned()));
    parts.extend(target.name.iter().map(|name| format!("{:?}", name.shown())));
    for region in &target.within {
        parts.push(match region {
            Region::Named { role, name } => {
                let role = role.map_or(String::new(), |role| format!("{} ", role.name()));
                format!("in {role}{:?}", name.shown())
            }
            Region::The(role) => format!("in the {}", role.name()),
        });
    }
    parts.extend(target.near.iter().map(|text| format!("near {:?}", text.shown())));
    parts.join(" ")
}

fn check(text: &str, expected: &str) {
    let found = Target::parse(text).as_ref().map(shown);
    assert_eq!(found.as_deref(), Some(expected), "{text}");
}

fn refuse(text: &str) {
    assert_eq!(Target::parse(text).as_ref().map(shown), None, "{text}");
}

#[test]
fn descriptions_are_read() {
    check("\"Save\"", r#""Save""#);
    check("the \"Save\" button", r#"button "Save""#);
    check("button \"Save\"", r#"button "Save""#);
    check("the field labelled \"Email\"", r#"field "Email""#);
    check("button named 'Save'", r#"button "Save""#);
    check("the Sign in button", r#"button "Sign in""#);
    check("second \"Add\" button", r#"#2 button "Add""#);
    check("the 22nd row", "#22 row");
    check("last list item", "#last item");
    check("the last canvas", "#last canvas");
    check("the third Add to-do link", r#"#3 link "Add to-do""#);
    check("the Menu button", r#"button "Menu""#);
    check("the Add item button", r#"button "Add item""#);
    check("the Country list box", r#"dropdown "Country""#);
    check("the search box", "search box");
    check("the \"Search\" search box", r#"search box "Search""#);
    check("the user profile menu item", r#"menu item "user profile""#);
}

#[test]
fn places_are_read() {
    check("\"Add\" in the header", r#""Add" in the header"#);
    check("\"Add\" in \"Cart\"", r#""Add" in "Cart""#);
    check("\"Add\" inside the \"Cart\" section", r#""Add" in section "Cart""#);
    check("\"Delete\" in row \"Ada\"", r#""Delete" in row "Ada""#);
    check(
        "\"Delete\" in row \"Ada\" in the Users table",
        r#""Delete" in row "Ada" in table "Users""#,
    );
    check("\"Add\" button near \"Tea\"", r#"button "Add" near "Tea""#);
    check(
        "first button next to \"Tea\" within the dialog",
        r#"#1 button in the dialog near "Tea""#,
    );
    check("the Sign in button in the header", r#"button "Sign in" in the header"#);
    check("the Save button in the main navigation", r#"button "Save" in navigation "main""#);
}

#[test]
fn what_needs_judgement_or_is_nothing_is_refused() {
    for text in [
        "",
        "Sign in",
        "the button",
        "button",
        "\"\"",
        "\" \" button",
        "the button that saves",
        "any delete button",
        "the one two three four five six button",
        "\"Add\" in",
        "\"Add\" near \"A\" near \"B\"",
        "\"Add\" \"Save\"",
        "\"Add",
    ] {
        refuse(text);
    }
}

#[test]
fn a_text_that_is_no_description_is_a_name() {
    assert_eq!(shown(&Target::describe("Sign in")), r#""Sign in""#);
    assert_eq!(shown(&Target::describe("the Sign in button")), r#"button "Sign in""#);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(
        text in r#"(in |the |form |"a" |button |near |first |list |item |box |\PC ?){0,40}"#
    ) {
        Target::parse(&text);
    }
}
