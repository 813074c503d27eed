//! Every kind of predicate, on one small tree.

use super::*;
use crate::page::{snapshot::Tree, snapshot::fixture::tree, target::Ordinal, tool::Where};

const SHOP: &[&str] = &[
    "0|main|1|1",
    "1|heading|17||Thanks for your order||level=1",
    "2|#|1|2|Thanks for your order",
    "1|paragraph|1",
    "2|#|1|2|Total:",
    "2|strong|1",
    "3|#|1|1|3 beds",
    "2|#|1|0|!",
    "1|generic|2048||||unseen",
    "2|#|0|2|for readers",
    "1|button|19|2|Pay||disabled",
    "2|#|1|2|Pay|PAY",
    "1|checkbox|3|3|Terms||checked",
    "1|checkbox|3|4|News",
    "1|textbox|8203|5|Email|ada@x.org|required||Email",
    "1|textbox|8235|6|Password|••••|type=password",
    "1|combobox|12291|7|Ship|Express|options||||0^Standard^s~1^Express^e",
    "0|contentinfo|1|8",
    "1|#|1|2|Pay later",
];

fn shop() -> Tree {
    tree(SHOP)
}

fn at(url: &str) -> Where {
    Where { url: url.to_owned(), title: "Shop – Cart".to_owned(), status: None }
}

fn answer(predicate: &Predicate) -> Finding {
    match holds(predicate, &shop(), &at("http://app.example/cart/7/?q=1#top")) {
        Held::Is(finding) => finding,
        Held::Compare(comparison) => panic!("{comparison:?}"),
    }
}

fn check(predicate: &Predicate, outcome: bool, detail: &str) {
    let finding = answer(predicate);
    assert_eq!((finding.outcome, finding.detail.as_str()), (outcome, detail), "{predicate:?}");
}

fn visible(text: &str, exact: bool) -> Predicate {
    Predicate::TextVisible { text: text.into(), within: Vec::new(), exact }
}

fn target(role: Option<RoleNoun>, name: &str) -> Target {
    Target { role, name: Some(name.into()), ..Target::default() }
}

#[test]
fn text_is_found_across_inline_elements_as_written_or_as_rendered() {
    check(&visible("Total: 3  beds!", false), true, "\"Total: 3  beds!\" is visible");
    check(&visible("PAY", false), true, "\"PAY\" is visible");
    check(
        &visible("beds! Pay", false),
        false,
        "\"beds! Pay\" is not visible. Closest text: \"Pay\"",
    );
}

#[test]
fn text_that_is_not_visible_is_told_with_the_closest_one() {
    check(
        &visible("Thank you", false),
        false,
        "\"Thank you\" is not visible. Closest text: \"Thanks for your order\"",
    );
    check(
        &visible("thanks", false),
        false,
        "\"thanks\" is not visible. Closest text: \"Thanks for your order\"",
    );
    assert!(!answer(&visible("for readers", false)).outcome);
}

#[test]
fn exact_text_is_all_of_a_node() {
    assert!(answer(&visible("3 beds", true)).outcome);
    assert!(answer(&visible("Total: 3 beds!", true)).outcome);
    check(
        &visible("Thanks", true),
        false,
        "\"Thanks\" is not visible as a whole text. Closest text: \"Thanks for your order\"",
    );
}

#[test]
fn text_in_an_editor_is_visible_but_text_in_a_field_is_not() {
    let tree = tree(&["0|textbox|8203|1|Note|Milk ⏎ Bread|editable", "0|textbox|8203|2|City|Rome"]);
    let seen = |text: &str, exact| match holds(&visible(text, exact), &tree, &at("http://a/")) {
        Held::Is(finding) => finding.outcome,
        Held::Compare(comparison) => panic!("{comparison:?}"),
    };
    assert!(seen("Bread", true) && seen("Milk", true));
    assert!(!seen("Milk Bread", false), "they are two lines");
    assert!(!seen("Rome", false));
}

#[test]
fn text_is_looked_for_in_its_region_only() {
    let within = |noun| vec![Region::The(noun)];
    let later =
        |noun| Predicate::TextVisible { text: "later".into(), within: within(noun), exact: false };
    assert!(answer(&later(RoleNoun::Footer)).outcome);
    assert!(!answer(&later(RoleNoun::Main)).outcome);
    check(&later(RoleNoun::Dialog), false, "the dialog is not on the page");
}

#[test]
fn absence_in_a_region_that_is_not_there_is_no_answer() {
    let absent = |within| Predicate::TextAbsent { text: "Error".into(), within };
    check(&absent(Vec::new()), true, "\"Error\" is not visible");
    check(&absent(vec![Region::The(RoleNoun::Dialog)]), false, "the dialog is not on the page");
    let pay = Predicate::TextAbsent { text: "later".into(), within: Vec::new() };
    check(&pay, false, "\"later\" is visible, in \"Pay later\"");
}

#[test]
fn a_path_is_compared_with_the_path_and_with_the_query_if_it_has_one() {
    let url = |op, value: &str| {
        answer(&Predicate::Url { part: UrlPart::Href, op, value: value.into() }).outcome
    };
    assert!(url(Op::Equals, "/cart/7"));
    assert!(url(Op::Equals, "/cart/7/?q=1"));
    assert!(!url(Op::Equals, "/cart"));
    assert!(url(Op::Contains, "/cart"));
    assert!(!url(Op::Contains, "/cart/7/?q=2"));
    assert!(url(Op::Contains, "app.example"));
    assert!(url(Op::Matches, r"/cart/\d+"));
    assert!(url(Op::NotEquals, "http://app.example/"));
    let broken = Predicate::Url { part: UrlPart::Href, op: Op::Matches, value: "/(".into() };
    assert!(answer(&broken).detail.starts_with("the regular expression cannot be used"));
}

#[test]
fn the_title_is_compared_with_its_blanks_collapsed() {
    let title = Predicate::Title { op: Op::Equals, value: "Shop  – Cart".into() };
    check(&title, true, "the title is \"Shop – Cart\"");
}

#[test]
fn states_are_told_and_what_cannot_have_one_is_no_answer() {
    let state = |role, name: &str, state, negate| Predicate::ElementState {
        target: target(role, name),
        state,
        negate,
    };
    check(&state(None, "Pay", State::Disabled, false), true, "button \"Pay\" [ref=e2] is disabled");
    check(
        &state(None, "Pay", State::Enabled, true),
        true,
        "button \"Pay\" [ref=e2] is not enabled",
    );
    check(
        &state(None, "News", State::Checked, false),
        false,
        "checkbox \"News\" [ref=e4] is not checked",
    );
    check(
        &state(None, "News", State::Unchecked, false),
        true,
        "checkbox \"News\" [ref=e4] is unchecked",
    );
    check(
        &state(None, "Pay", State::Checked, true),
        false,
        "button \"Pay\" [ref=e2] cannot be checked",
    );
    let gone = state(Some(RoleNoun::Button), "Undo", State::Hidden, false);
    check(&gone, true, "there is no button \"Undo\". Closest: \"Pay\"");
    let seen = state(Some(RoleNoun::Button), "Undo", State::Visible, false);
    assert!(!answer(&seen).outcome);
}

#[test]
fn an_ambiguous_element_is_no_answer() {
    let boxes = Target { role: Some(RoleNoun::Checkbox), ..Target::default() };
    let state = |target| Predicate::ElementState { target, state: State::Checked, negate: false };
    check(
        &state(boxes.clone()),
        false,
        "checkbox is ambiguous, 2 match: checkbox \"Terms\" in main \"Thanks for your order\"; checkbox \"News\" in main \"Thanks for your order\"",
    );
    assert!(answer(&state(Target { ordinal: Some(Ordinal::Nth(1)), ..boxes })).outcome);
}

#[test]
fn values_are_compared_here_and_masked_ones_in_the_page() {
    let value = |name: &str, op, value: &str| Predicate::Value {
        target: target(None, name),
        op,
        value: value.into(),
    };
    check(
        &value("Email", Op::Equals, "ada@x.org"),
        true,
        "the value of textbox \"Email\" [ref=e5] is \"ada@x.org\"",
    );
    check(
        &value("Ship", Op::Equals, "Standard"),
        false,
        "the value of combobox \"Ship\" [ref=e7] is \"Express\"",
    );
    let masked = value("Password", Op::Equals, "hunter2");
    let Held::Compare(comparison) = holds(&masked, &shop(), &at("http://a/")) else {
        panic!("answered without the page");
    };
    assert_eq!((comparison.op, shop().reference(comparison.node)), ("equals", Some("e6".into())));
    assert!(comparison.finding(true).outcome);
    assert!(!answer(&value("Password", Op::Matches, ".*")).outcome);
}

#[test]
fn elements_and_occurrences_are_counted() {
    let boxes = Counted::Elements { role: RoleNoun::Checkbox, name: None };
    let count = |what, cmp, n| Predicate::Count { what, within: Vec::new(), cmp, n };
    check(&count(boxes.clone(), Cmp::Eq, 2), true, "found 2 visible checkbox elements");
    assert!(!answer(&count(boxes.clone(), Cmp::Gt, 2)).outcome);
    assert!(answer(&count(boxes, Cmp::Lte, 2)).outcome);
    let pay = Counted::Text("Pay".into());
    check(&count(pay, Cmp::Eq, 2), true, "found 2 occurrences of \"Pay\"");
}

#[test]
fn options_are_a_subset_or_exactly_the_list() {
    let options = |values: &[&str], exact| Predicate::Options {
        target: target(None, "Ship"),
        values: values.iter().map(|value| (*value).into()).collect(),
        exact,
    };
    assert!(answer(&options(&["Express"], false)).outcome);
    assert!(!answer(&options(&["Express", "Standard"], true)).outcome);
    assert!(answer(&options(&["Standard", "Express"], true)).outcome);
    check(
        &options(&["Pickup"], false),
        false,
        "the options of combobox \"Ship\" [ref=e7] are Standard, Express; missing: Pickup",
    );
}
