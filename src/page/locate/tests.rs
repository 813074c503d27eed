//! Elements found, not found and found twice, on small trees.

use super::*;
use crate::page::{snapshot::fixture::tree, target::Region};

fn named(name: &str) -> Target {
    Target { name: Some(name.into()), ..Target::default() }
}

fn a(noun: RoleNoun, name: &str) -> Target {
    Target { role: Some(noun), ..named(name) }
}

fn within(target: Target, role: Option<RoleNoun>, name: &str) -> Target {
    Target { within: vec![Region::Named { role, name: name.into() }], ..target }
}

/// The refs that a description may mean; texts and other things without one as `role name`.
fn found(tree: &Tree, target: &Target, among: Among) -> Vec<String> {
    let line = |id: NodeId| tree.reference(id).unwrap_or_else(|| tree.line(id));
    match find(tree, target, among) {
        Located::One(id) => vec![line(id)],
        Located::None { closest, missing } => {
            vec![format!("none {closest:?} {}", missing.unwrap_or_default())]
        }
        Located::Several { candidates, .. } => {
            candidates.into_iter().map(|one| line(one.node)).collect()
        }
    }
}

const CART: &[&str] = &[
    "0|form|257|1",
    "1|heading|17||Account||level=2",
    "2|#|1|2|Account",
    "1|textbox|8203|2|Email address||||Email address~you@x.org",
    "1|button|19|3|Save",
    "0|generic|2305",
    "1|heading|17||Cart||level=2",
    "2|#|1|2|Cart",
    "1|list|1",
    "2|listitem|1",
    "3|#|1|2|Milk",
    "3|button|3|4|Remove|||0,0,10,10",
    "2|listitem|1",
    "3|#|1|2|Bread",
    "3|button|3|5|Remove|||0,40,10,10",
    "1|button|19|6|save all",
    "0|generic|2|7|Ghost",
    "0|button|3|8||||||close-x",
];

#[test]
fn names_match_in_three_levels_and_the_first_that_hits_wins() {
    let tree = tree(CART);
    assert_eq!(found(&tree, &named("Save"), Among::Clickable), ["e3"]);
    assert_eq!(found(&tree, &named("save"), Among::Clickable), ["e3"]);
    assert_eq!(found(&tree, &named("sav"), Among::Clickable), ["e3", "e6"]);
    assert_eq!(found(&tree, &named(" save  all "), Among::Clickable), ["e6"]);
}

#[test]
fn fields_are_called_by_label_and_placeholder_too() {
    let tree = tree(CART);
    assert_eq!(found(&tree, &named("you@x.org"), Among::TextFields), ["e2"]);
    assert_eq!(found(&tree, &a(RoleNoun::Field, "email"), Among::Clickable), ["e2"]);
}

#[test]
fn a_nameless_control_is_called_by_its_whole_hint_only() {
    let tree = tree(CART);
    assert_eq!(found(&tree, &named("Close-X"), Among::Clickable), ["e8"]);
    assert_ne!(found(&tree, &named("close"), Among::Clickable), ["e8"]);
}

#[test]
fn regions_are_called_by_name_heading_or_text_of_an_item() {
    let tree = tree(CART);
    let remove = named("Remove");
    assert_eq!(found(&tree, &remove, Among::Clickable), ["e4", "e5"]);
    let bread = within(remove.clone(), Some(RoleNoun::Item), "Bread");
    assert_eq!(found(&tree, &bread, Among::Clickable), ["e5"]);
    let cart = within(a(RoleNoun::Button, "save"), Some(RoleNoun::Section), "Cart");
    assert_eq!(found(&tree, &cart, Among::Clickable), ["e6"]);
    let form = Target { within: vec![Region::The(RoleNoun::Form)], ..named("save") };
    assert_eq!(found(&tree, &form, Among::Clickable), ["e3"]);
    let nested = Target {
        within: vec![
            Region::Named { role: None, name: "milk".into() },
            Region::Named { role: None, name: "Cart".into() },
        ],
        ..remove
    };
    assert_eq!(found(&tree, &nested, Among::Clickable), ["e4"]);
}

#[test]
fn a_region_that_is_not_there_is_told_with_what_is() {
    let tree = tree(CART);
    let target = within(named("Save"), Some(RoleNoun::Section), "Carts");
    let Located::None { closest, missing } = find(&tree, &target, Among::Clickable) else {
        panic!("found something");
    };
    assert_eq!(missing.as_deref(), Some("the \"Carts\" section"));
    assert_eq!(closest.first().map(String::as_str), Some("Cart"));
}

#[test]
fn ordinals_count_in_tree_order_and_near_orders_by_distance() {
    let tree = tree(CART);
    let second = Target { ordinal: Some(Ordinal::Nth(2)), ..named("Remove") };
    assert_eq!(found(&tree, &second, Among::Clickable), ["e5"]);
    let last = Target { ordinal: Some(Ordinal::Last), ..a(RoleNoun::Button, "Remove") };
    assert_eq!(found(&tree, &last, Among::Clickable), ["e5"]);
    let third = Target { ordinal: Some(Ordinal::Nth(3)), ..named("Remove") };
    assert!(found(&tree, &third, Among::Clickable)[0].starts_with("none [\"Remove\""));
}

#[test]
fn near_takes_the_smallest_gap_and_calls_almost_equal_ones_a_tie() {
    let tree = tree(&[
        "0|paragraph|1|||||0,0,50,10",
        "1|#|1|2|Milk",
        "0|button|3|1|Add|||0,20,50,10",
        "0|button|3|2|Add|||0,60,50,10",
        "0|paragraph|1|||||0,43,50,10",
        "1|#|1|2|Eggs",
    ]);
    let near = |text: &str| Target { near: Some(text.into()), ..named("Add") };
    assert_eq!(found(&tree, &near("Milk"), Among::Clickable), ["e1"]);
    assert_eq!(found(&tree, &near("Eggs"), Among::Clickable), ["e1", "e2"]);
    let first = Target { ordinal: Some(Ordinal::Nth(1)), ..near("Eggs") };
    assert_eq!(found(&tree, &first, Among::Clickable), ["e2"]);
}

#[test]
fn a_chain_of_ancestors_is_its_innermost_control() {
    let card = tree(&[
        "0|generic|2051|1",
        "1|link|19|2|Open",
        "2|generic|2049",
        "3|#|1|2|Open",
        "0|heading|17||Terms",
        "1|#|1|2|Terms",
    ]);
    assert_eq!(found(&card, &named("Open"), Among::Anything), ["e2"]);
    assert_eq!(found(&card, &named("terms"), Among::Clickable), ["heading \"Terms\""]);
}

#[test]
fn what_nobody_sees_is_never_meant() {
    assert!(found(&tree(CART), &named("Ghost"), Among::Clickable)[0].starts_with("none"));
}

#[test]
fn none_tells_the_five_closest_names_and_several_tell_where_they_are() {
    let tree = tree(CART);
    let Located::None { closest, .. } = find(&tree, &named("Safe all"), Among::Clickable) else {
        panic!("found something");
    };
    assert_eq!(closest, ["save all", "Save", "Email address", "Remove", "you@x.org"]);
    let Located::Several { candidates, total } = find(&tree, &named("Remove"), Among::Clickable)
    else {
        panic!("not several");
    };
    assert_eq!((total, candidates[0].region.as_str()), (2, "listitem \"Milk\""));
    assert_eq!(candidates[1].reference.as_deref(), Some("e5"));
}

#[test]
fn a_canvas_is_a_picture_too_and_no_other_picture_is_a_canvas() {
    let tree = tree(&["0|img|1||Logo", "0|canvas|3|1", "0|canvas|3|2"]);
    let last =
        |noun| Target { ordinal: Some(Ordinal::Last), role: Some(noun), ..Target::default() };
    assert_eq!(found(&tree, &last(RoleNoun::Canvas), Among::Clickable), ["e2"]);
    assert_eq!(found(&tree, &last(RoleNoun::Image), Among::Clickable), ["e2"]);
    let all = Target { role: Some(RoleNoun::Canvas), ..Target::default() };
    assert_eq!(found(&tree, &all, Among::Clickable), ["e1", "e2"]);
}
