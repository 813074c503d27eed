//! What goes first, what stays, and that it always fits.

use proptest::prelude::*;

use super::*;
use crate::page::snapshot::{Tree, fixture::page};

/// 100 × 100 of a page 100 × 9000.
const TALL: &str = "100x9000|100x100|0,0";

fn tall(records: &[String]) -> Tree {
    page(TALL, &records.iter().map(String::as_str).collect::<Vec<_>>())
}

#[track_caller]
fn check(tree: &Tree, bytes: usize, want: &[&str]) {
    let printed = tree.shown(&str::to_owned).prune(bytes, None).text;
    assert!(printed.len() <= bytes, "{} > {bytes}: {printed}", printed.len());
    assert_eq!(printed.lines().collect::<Vec<_>>(), want);
}

/// A table of `count` rows of a link and a button, 20 px each from the top.
fn rows(count: usize) -> Vec<String> {
    let mut records = vec!["0|table|1|1|Users|||0,0,90,9000".to_owned()];
    for at in 0..count {
        let y = at * 20;
        records.push(format!("1|row|1||||0,{y},90,20").replacen("||||", "|||||", 1));
        records.push(format!("2|link|3|{}|User {at}|||0,{y},40,20", at * 2 + 2));
        let state = if at == 40 { "checked" } else { "" };
        records.push(format!("2|checkbox|3|{}|Pick||{state}|50,{y},40,20", at * 2 + 3));
    }
    records
}

#[test]
fn repeated_siblings_are_folded_farthest_first_but_what_is_selected_stays() {
    let tree = tall(&rows(60));
    let whole = tree.print();
    let printed = tree.shown(&str::to_owned).prune(LEAST * 2, None).text;
    assert!(printed.len() <= LEAST * 2 && whole.len() > LEAST * 4, "{printed}");
    for line in ["User 0\"", "User 9\"", "User 40\""] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
    let notes: Vec<&str> = printed.lines().filter(|line| line.contains("like these")).collect();
    let [above, below] = notes.as_slice() else { panic!("{printed}") };
    assert!(above.ends_with(" more rows like these (snapshot ref=e1, or find)"), "{printed}");
    assert_eq!(*below, "  - … 19 more rows like these (snapshot ref=e1, or find)");
    // Only as far as it must be.
    let roomy = tree.shown(&str::to_owned).prune(whole.len() - 100, None).text;
    assert!(roomy.len() > whole.len() - 300, "{} of {}", roomy.len(), whole.len());
}

#[test]
fn long_texts_and_lists_are_shortened_before_anything_else_goes() {
    let long = "word ".repeat(60);
    let options: Vec<String> = (0..9).map(|at| format!("0^Option number {at}^{at}")).collect();
    let records = [
        "0|paragraph|1|||||0,0,90,20".to_owned(),
        format!("1|#|1|2|{long}"),
        format!("0|link|3|1|Go||url=/{}|0,20,90,20", "u".repeat(190)),
        format!("0|combobox|4099|2|C||options|0,40,90,20|||{}~1^Chosen^9", options.join("~")),
        format!("0|#|1|2|{}", "tail ".repeat(60)),
    ];
    let tree = tall(&records);
    let shown = tree.shown(&str::to_owned);
    let short: Vec<String> = shown.lines.iter().map(|at| at.print(Form::Short)).collect();
    assert_eq!(
        short,
        [
            format!("paragraph: {}…(+179)", long.get(..120).unwrap()),
            format!("link \"Go\" [url=/{}…(+131)] [ref=e1]", "u".repeat(59)),
            "combobox \"C\" [options=10: Option number 0|Option number 1|Option number 2|Chosen|…] \
             [ref=e2]"
                .to_owned(),
            format!("text: {}…(+179)", "tail ".repeat(24)),
        ]
    );
    let printed = shown.prune(LEAST, None).text;
    assert!(printed.len() <= LEAST && printed.lines().count() == 5, "{printed}");
    assert!(printed.contains("…(+179)"), "{printed}");
}

#[test]
fn static_text_out_of_sight_goes_before_controls_and_headings_go_last() {
    let mut records = vec!["0|main|1|1||||0,0,90,9000".to_owned()];
    records.push(
        "1|heading|17|||Far away||0,8900,90,20"
            .replace("|||Far", "||Far")
            .replace("||0,8900", "|||0,8900"),
    );
    for at in 0..8 {
        let y = at * 1000;
        records.push(format!("1|paragraph|1|||||0,{y},90,20"));
        records.push(format!("2|#|1|2|Text {at} {}", "w".repeat(60)));
        records.push(format!("1|button|3|{}|Press {at}|||0,{y},90,20", at + 2));
    }
    let printed = tall(&records).shown(&str::to_owned).prune(LEAST, None).text;
    assert!(printed.contains("Text 0") && !printed.contains("Text 7"), "{printed}");
    for at in 0..8 {
        assert!(printed.contains(&format!("Press {at}")), "controls stay: {printed}");
    }
    assert!(printed.contains("heading \"Far away\""), "{printed}");
    assert!(printed.contains("1 more line (snapshot ref=e1, or find)"), "{printed}");

    for at in 8..60 {
        records.push(format!(
            "1|button|3|{}|Press {at} {}|||0,{},90,20",
            at + 2,
            "p".repeat(at),
            at * 100
        ));
    }
    let printed = tall(&records).shown(&str::to_owned).prune(LEAST, Some("e40")).text;
    assert!(printed.contains("Press 0\"") && !printed.contains("Press 59"), "{printed}");
    assert!(printed.contains("heading \"Far away\""), "{printed}");
    assert!(printed.contains("[ref=e40]"), "what was acted on stays: {printed}");
    assert!(printed.contains("controls among them"), "{printed}");
}

// snapshot.md 8, G14
#[test]
fn what_is_beyond_the_viewport_is_announced_once() {
    let mut records = vec!["0|list|1|||||0,-90,90,9000".to_owned()];
    for (at, y) in [-80, -60, -40, 0, 120, 140, 160].into_iter().enumerate() {
        records.push(format!("1|link|3|{}|L{at}|||0,{y},90,20", at + 1));
    }
    check(
        &tall(&records),
        8000,
        &[
            "- … page 100x9000, viewport 100x100 at 0,0",
            "- list",
            "  - … 3 above the viewport",
            "  - link \"L0\" [ref=e1]",
            "  - link \"L1\" [ref=e2]",
            "  - link \"L2\" [ref=e3]",
            "  - link \"L3\" [ref=e4]",
            "  - … 3 below the viewport",
            "  - link \"L4\" [ref=e5]",
            "  - link \"L5\" [ref=e6]",
            "  - link \"L6\" [ref=e7]",
        ],
    );
}

// snapshot.md 8, G5, G12
#[test]
fn thirty_equal_rows_and_a_select_of_two_hundred_cost_little() {
    let rows = rows(30);
    let tree = tall(&rows);
    assert!(tree.print().len() / 30 <= 90, "{}", tree.print());
    let many: Vec<String> = (0..200).map(|at| format!("0^Country {at}^{at}")).collect();
    let select = tall(&[format!("0|combobox|4099|1|Country||options||||{}", many.join("~"))]);
    assert!(select.print().lines().nth(1).unwrap().len() <= 160, "{}", select.print());
}

// snapshot.md 8, G13
#[test]
fn texts_and_addresses_are_bounded_whatever_the_budget() {
    let big = "y".repeat(5000);
    let records =
        [format!("0|button|3|1|{big}||description={big}"), format!("0|textbox|11|2|A|{big}")];
    let printed = tall(&records).print();
    assert!(printed.len() < 7000, "{}", printed.len());
    assert_eq!(printed.matches("…(+3000)").count(), 3);
}

/// Any page: depths, roles, names, places, marks.
fn pages() -> impl Strategy<Value = Vec<String>> {
    let role = prop::sample::select(vec![
        "button|3",
        "link|3",
        "row|1",
        "table|1",
        "list|1",
        "listitem|1",
        "paragraph|1",
        "heading|17",
        "dialog|1",
        "alert|1",
        "main|1",
        "textbox|11",
        "article|1",
    ]);
    let mark = prop::sample::select(vec![
        "",
        "checked",
        "invalid",
        "active",
        "expanded",
        "url=/a",
        "description=d",
    ]);
    let record = (0..6_usize, role, "[a-z é]{0,9}", 1..40_usize, mark, -500..5000_i32);
    prop::collection::vec(record, 0..160).prop_map(|records| {
        let mut out = Vec::new();
        let mut depth = 0;
        for (at, (deeper, role, word, times, mark, y)) in records.into_iter().enumerate() {
            depth = deeper.min(depth + 1);
            let name = word.repeat(times);
            let reference = if role.ends_with('3') || at % 3 == 0 {
                (at + 1).to_string()
            } else {
                String::new()
            };
            out.push(format!("{depth}|{role}|{reference}|{name}||{mark}|0,{y},90,20"));
            if at % 4 == 0 {
                out.push(format!("{}|#|1|2|{}", depth + 1, word.repeat(times)));
            }
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_printed_fits_and_every_ref_in_it_is_of_the_tree(records in pages(), bytes in 800..9000_usize) {
        let tree = tall(&records);
        let shown = tree.shown(&str::to_owned);
        let whole = shown.print();
        let printed = shown.prune(bytes, Some("e1"));
        prop_assert!(printed.text.len() <= bytes, "{} > {bytes}: {}", printed.text.len(), printed.text);
        if whole.len() <= bytes {
            prop_assert_eq!(&printed.text, &whole);
        } else {
            prop_assert!(printed.text.contains("- … "), "nothing is cut in silence");
        }
        let refs: Vec<String> = printed.refs.iter().filter_map(|id| tree.reference(*id)).collect();
        for line in printed.text.lines().filter(|line| !line.trim_start().starts_with("- …")) {
            if let Some((_, rest)) = line.rsplit_once("[ref=") {
                let reference = rest.split(']').next().unwrap_or_default();
                prop_assert!(refs.iter().any(|one| one == reference), "{}", line);
                prop_assert!(tree.by_reference(reference).is_some());
            }
        }
        prop_assert_eq!(&shown.prune(bytes, Some("e1")), &printed, "the same again");
        let found = tree.shown_with_options(&str::to_owned).find("a", bytes).text;
        prop_assert!(found.len() <= bytes, "{} > {bytes}: {found}", found.len());
    }
}
