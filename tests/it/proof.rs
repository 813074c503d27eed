//! That every row of the lists of regressions is a test that names it, in a line above the test:
//! `// agent.md 17.6, 17.7` or `// snapshot.md 8, G1`.

use std::{collections::BTreeSet, fs, path::Path};

/// Rows of agent.md 17 without a test here, and why.
const OPEN: [(u32, &str); 3] = [
    (17, "how long a call may take is measured by benchmarks, not by tests"),
    (37, "a run that reaches nothing but its target and its model is not tested yet"),
    (40, "a handoff in mid-run is not built yet"),
];
const ROWS: u32 = 40;
/// Rows of snapshot.md 8: gaps, and faults.
const GAPS: u32 = 16;
const FAULTS: u32 = 10;
const OPEN_FAULTS: [(&str, &str); 1] = [("B1", "the time of a click is measured by benchmarks")];

/// All lines that name rows of `spec`, with the line that follows.
fn naming(spec: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()];
    open = open.iter().flat_map(|root| [root.join("src"), root.join("tests")]).collect();
    let mark = format!("// {spec} ");
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of ours") {
            let path = entry.expect("readable").path();
            if path.file_name().is_some_and(|name| name == "node_modules") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("UTF-8");
                let mut lines = text.lines().map(str::trim).peekable();
                while let Some(line) = lines.next() {
                    if let Some(rows) = line.strip_prefix(&mark) {
                        let next = lines.peek().copied().unwrap_or_default();
                        found.push((rows.to_owned(), next.to_owned()));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_row_of_the_agents_list_is_a_test_that_names_it() {
    let mut named = BTreeSet::new();
    for (rows, next) in naming("agent.md") {
        // What of a row it is may be said behind a colon.
        let numbers = rows.split(':').next().unwrap_or_default();
        for number in numbers.split(", ").filter_map(|row| row.strip_prefix("17.")) {
            let digits = number.split_whitespace().next().unwrap_or_default();
            let number: u32 = digits.parse().unwrap_or_else(|_| panic!("{rows}: no row"));
            assert!((1..=ROWS).contains(&number), "{rows}: there is no row {number}");
            assert!(next.starts_with("#[") || next.starts_with("//"), "{rows}: no test below");
            named.insert(number);
        }
    }
    let open: BTreeSet<u32> = OPEN.iter().map(|(row, _)| *row).collect();
    let missing: Vec<u32> =
        (1..=ROWS).filter(|row| !named.contains(row) && !open.contains(row)).collect();
    assert!(missing.is_empty(), "no test names these rows of agent.md 17: {missing:?}");
    let closed: Vec<_> = open.intersection(&named).collect();
    assert!(closed.is_empty(), "these rows have tests now, and are no longer open: {closed:?}");
}

#[test]
fn every_row_of_the_trees_list_is_a_test_that_names_it() {
    let named: BTreeSet<String> = naming("snapshot.md")
        .into_iter()
        .filter_map(|(rows, _)| rows.strip_prefix("8, ").map(str::to_owned))
        .flat_map(|rows| {
            let rows = rows.split(':').next().unwrap_or_default().replace(" and ", ", ");
            rows.split(", ").map(|row| row.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let gaps = (1..=GAPS).map(|n| format!("G{n}"));
    let faults = (1..=FAULTS).map(|n| format!("B{n}"));
    let open = |row: &String| OPEN_FAULTS.iter().any(|(open, _)| open == row);
    let missing: Vec<_> =
        gaps.chain(faults).filter(|row| !named.contains(row) && !open(row)).collect();
    assert!(missing.is_empty(), "no test names these rows of snapshot.md 8: {missing:?}");
}
