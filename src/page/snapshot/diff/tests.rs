//! What is told of a change, and that nothing is lost or made up.

use proptest::prelude::*;

use super::*;
use crate::page::snapshot::fixture::tree;

fn shown(records: &[&str]) -> Shown {
    tree(records).shown(&str::to_owned)
}

#[track_caller]
fn check(before: &[&str], now: &[&str], want: &[&str]) {
    let changes = shown(now).changes(Some(&shown(before)), 6000, None);
    assert_eq!(changes.text.lines().collect::<Vec<_>>(), want);
    assert_eq!(changes.none, want == ["changes: none"]);
}

#[test]
fn what_is_new_gone_and_otherwise_is_told_in_its_place() {
    check(
        &[
            "0.1|form|1|1|Login",
            "1.2|textbox|11|2|Email|ada",
            "1.3|button|3|3|Sign in||disabled",
            "0.4|status|1",
            "1.4|#|1|2|Loading",
        ],
        &[
            "0.1|form|1|1|Login",
            "1.2|textbox|11|2|Email|ada|active~invalid",
            "1.3|button|3|3|Sign in",
            "1.5|alert|1",
            "2.5|#|1|2|Not an address",
        ],
        &[
            "changes: +1 -1 ~2",
            "in form \"Login\" [ref=e1]:",
            "~ textbox \"Email\" [active] [invalid] [ref=e2]: ada",
            "~ button \"Sign in\" [ref=e3]",
            "+ alert: Not an address",
            "in page:",
            "- status: Loading",
        ],
    );
    check(
        &["0.1|main|1|4", "1.2|table|1|30|Users", "1.3|status|1", "2.3|#|1|2|3 users"],
        &[
            "0.1|main|1|4",
            "1.9|dialog|1|71|Delete?||modal",
            "2.8|button|3|72|Yes||active",
            "1.2|table|1|30|Users||inert",
            "1.3|status|1",
            "2.3|#|1|2|2 users",
        ],
        &[
            "changes: +1 ~2",
            "in main [ref=e4]:",
            "+ dialog \"Delete?\" [modal] [ref=e71]",
            "  - button \"Yes\" [active] [ref=e72]",
            "~ table \"Users\" [inert] [ref=e30]",
            "~ status: 2 users (was: 3 users)",
        ],
    );
}

#[test]
fn what_is_no_change_is_not_told() {
    let page =
        ["0.1|list|1|1|||active~covered=e9~scroll=0/90", "1.2|#|1|2|a", "0.3|button|3|2|||hint=x"];
    let same = ["0.1|list|1|1|||scroll=40/90", "1.2|#|1|2|a", "0.3|button|3|2|||hint=y"];
    check(&page, &page, &["changes: none"]);
    check(&page, &same, &["changes: none"]);
    // A ref on demand is none either; the focus that comes is one.
    check(&["0.1|heading|17||H"], &["0.1|heading|17|7|H"], &["changes: none"]);
    check(
        &["0.1|button|3|1|B"],
        &["0.1|button|3|1|B||active"],
        &["changes: ~1", "in page:", "~ button \"B\" [active] [ref=e1]"],
    );
}

#[test]
fn another_document_is_a_new_page_with_its_tree() {
    let mut other = shown(&["0.1|button|3|1|B"]);
    other.document = 7;
    let changes = other.changes(Some(&shown(&["0.1|button|3|1|B"])), 6000, None);
    assert_eq!(changes.text, "changes: new page\n- button \"B\" [ref=e1]\n");
    assert!(!changes.none && changes.refs.len() == 1);
    assert_eq!(other.changes(None, 6000, None), changes);
}

#[test]
fn what_was_replaced_by_the_same_gives_its_new_refs_or_one_line() {
    check(
        &["0.1|list|1|1|Todos", "1.2|link|3|2|A", "1.3|link|3|3|B"],
        &["0.1|list|1|1|Todos", "1.8|link|3|8|A", "1.3|link|3|3|B"],
        &["changes: ~1", "in list \"Todos\" [ref=e1]:", "~ link \"A\" [ref=e8] (was e2)"],
    );
    let many = |first: usize| -> Vec<String> {
        let mut records = vec!["0.1|list|1|1|Todos".to_owned()];
        records.extend((first..first + 7).map(|at| format!("1.{at}|link|3|{at}|L")));
        records
    };
    let (old, new) = (many(2), many(20));
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    check(
        &old,
        &new,
        &[
            "changes: ~1",
            "in page:",
            "~ list \"Todos\" [ref=e1]: re-rendered, same content, new refs: take a snapshot",
        ],
    );
}

#[test]
fn moves_are_told_once_and_a_new_wrapper_is_no_move() {
    check(
        &["0.1|list|1|1|T", "1.2|link|3|2|A", "1.3|link|3|3|B"],
        &["0.1|list|1|1|T", "1.3|link|3|3|B", "1.2|link|3|2|A"],
        &["changes: ~1", "in page:", "~ list \"T\" [ref=e1]: order changed"],
    );
    check(
        &["0.1|list|1|1|T", "1.2|link|3|2|A", "0.5|list|1|5|U", "1.6|link|3|6|C"],
        &["0.1|list|1|1|T", "0.5|list|1|5|U", "1.6|link|3|6|C", "1.2|link|3|2|A"],
        &["changes: ~1", "in list \"U\" [ref=e5]:", "~ link \"A\" [ref=e2] (moved)"],
    );
    check(
        &["0.1|list|1|1|T", "1.2|link|3|2|A"],
        &["0.1|list|1|1|T", "1.7|group|1|7|G", "2.2|link|3|2|A"],
        &[
            "changes: +1",
            "in list \"T\" [ref=e1]:",
            "+ group \"G\" [ref=e7]",
            "  - link \"A\" [ref=e2]",
        ],
    );
}

#[test]
fn repetition_is_folded_and_what_is_too_much_is_counted() {
    let rows = |count: usize| -> Vec<String> {
        let mut records = vec!["0.1|list|1|1|T".to_owned()];
        records.extend((2..count + 2).map(|at| format!("1.{at}|link|3|{at}|Link number {at}")));
        records.push("0.900|button|3|900|Add".to_owned());
        records.push(format!("0.901|status|1||{count}"));
        records
    };
    let tell = |bytes: usize| {
        let (old, new) = (rows(1), rows(40));
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let changes = shown(&new).changes(Some(&shown(&old)), bytes, Some("e900"));
        assert!(changes.text.len() <= bytes.max(820), "{}", changes.text);
        changes.text
    };
    let folded = tell(6000);
    assert!(
        folded.starts_with("changes: +39 ~1\n") && folded.contains("+ … 29 more links\n"),
        "{folded}"
    );
    assert_eq!(folded.matches("\n+ link").count(), 10);

    // Over budget the groups nearest the element that was acted on stay.
    let long: Vec<String> = (1..9)
        .flat_map(|at| {
            [format!("0.{at}|main|1|{at}"), format!("1.{}|status|1||{}", at + 50, "s".repeat(150))]
        })
        .collect();
    let old: Vec<&str> =
        long.iter().map(String::as_str).filter(|at| !at.contains("status")).collect();
    let new: Vec<&str> = long.iter().map(String::as_str).collect();
    let text = shown(&new).changes(Some(&shown(&old)), 820, Some("e7")).text;
    assert!(text.len() <= 820 && text.contains("in main [ref=e7]"), "{text}");
    assert!(
        !text.contains("[ref=e1]") && text.contains("more changes, too many to print"),
        "{text}"
    );
}

/// A page: depth, element, role and name.
type Records = Vec<(usize, u64, &'static str, String)>;

fn page() -> impl Strategy<Value = Records> {
    let role =
        prop::sample::select(vec!["button", "link", "list", "main", "status", "heading", "text"]);
    prop::collection::vec((0..4_usize, role, "[a-c]{1,2}"), 0..25).prop_map(|records| {
        let mut depth = 0;
        let mut out = Records::new();
        let mut leaf = false;
        for ((deeper, role, name), at) in records.into_iter().zip(1_u64..) {
            depth = if leaf { deeper.min(depth) } else { deeper.min(depth + 1) };
            if out.is_empty() {
                depth = 0;
            }
            leaf = role == "text";
            out.push((depth, at, role, name));
        }
        out
    })
}

/// What a page does: removes, adds, renames, replaces, moves.
fn changed() -> impl Strategy<Value = (Records, Records)> {
    let edit = (0..5_u8, any::<prop::sample::Index>(), "[a-d]{1,2}");
    (page(), prop::collection::vec(edit, 0..5)).prop_map(|(before, edits)| {
        let mut now = before.clone();
        for ((what, at, name), new) in edits.into_iter().zip(100_u64..) {
            if now.is_empty() {
                break;
            }
            let at = at.index(now.len());
            match what {
                0 => drop(now.remove(at)),
                1 => {
                    let depth = now[at].0;
                    now.insert(at, (depth, new, "button", name));
                }
                2 => now[at].3 = name,
                3 => now[at].1 = new,
                _ => {
                    let one = now.remove(at);
                    now.push(one);
                }
            }
        }
        (before, now)
    })
}

fn of(records: &Records) -> Shown {
    let lines: Vec<String> = records
        .iter()
        .map(|(depth, element, role, name)| match *role {
            "text" => format!("{depth}.{element}|#|1|2|{name}"),
            "button" | "link" => format!("{depth}.{element}|{role}|3|{element}|{name}"),
            _ => format!("{depth}.{element}|{role}|1||{name}"),
        })
        .collect();
    shown(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_diff_is_empty_iff_the_shown_trees_are_equal_and_names_every_change((before, now) in changed()) {
        let (old, new) = (of(&before), of(&now));
        let changes = new.changes(Some(&old), 1_000_000, None);
        let same = old.print() == new.print();
        prop_assert_eq!(changes.none, same, "{}\n--\n{}--\n{}", changes.text, old.print(), new.print());
        prop_assert_eq!(changes.text.lines().count() > 1, !same);
        // What is called otherwise is told by its new line, or counted where many are alike.
        for entry in &new.lines {
            let was = old.lines.iter().find(|one| one.key == entry.key && entry.key.run == 0);
            if let (Some(was), Some(reference)) = (was, &entry.reference)
                && was.name != entry.name
            {
                let told = changes.text.contains(&format!("[ref={reference}]"));
                prop_assert!(told || changes.text.contains(" more "), "{} in {}", reference, changes.text);
            }
        }
        let short = new.changes(Some(&old), 0, Some("e3"));
        prop_assert!(short.text.len() <= 818, "{}", short.text);
        prop_assert_eq!(short.none, same);
    }
}
