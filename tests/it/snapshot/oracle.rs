//! Our walk beside Playwright's: both look at the same page in the same browser, and what is left of
//! the two after projection must be equal but for what `intended.txt` gives a reason for.

use std::{collections::BTreeMap, process::Stdio};

use handback::page::snapshot::{NodeId, flag};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::*;
use crate::support::shop::Shop;

/// What both know of a page: nodes with what is below them, and texts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    role: String,
    name: String,
    marks: Vec<String>,
    children: Vec<Self>,
    text: Option<String>,
}

/// The states that both tell (snapshot.md 7.1).
const STATES: [&str; 7] =
    ["checked", "disabled", "expanded", "invalid", "level", "pressed", "selected"];
/// Pages of the shop that stay as they are once they have loaded.
const SITE: [&str; 9] = [
    "/",
    "/catalogue",
    "/search?q=tea",
    "/basket",
    "/sign-in",
    "/embed/shops",
    "/faults/twins",
    "/bench/50",
    "/bench/500",
];
/// Playwright, looking at a browser of ours.
struct Oracle {
    _process: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Oracle {
    async fn start(endpoint: &str) -> Self {
        let mut process =
            Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/start.sh"))
                .arg(endpoint)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("it can be run");
        let input = process.stdin.take().expect("piped");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        Self { _process: process, input, lines }
    }

    async fn look(&mut self) -> Vec<Seen> {
        self.input.write_all(b"look\n").await.unwrap();
        let line = self.lines.next_line().await.unwrap().expect("it goes on");
        serde_json::from_str(&line).expect(&line)
    }
}

/// Our tree in the same form.
fn ours(tree: &Tree, id: NodeId) -> Seen {
    let node = tree.node(id);
    if node.is_text() {
        return Seen { text: Some(node.name.clone()), ..Seen::default() };
    }
    let mark = |key: &str, value: Option<&str>| match value {
        Some(value) => format!("{key}={value}"),
        None => key.to_owned(),
    };
    let marks = node.marks.iter().map(|one| mark(&one.key, one.value.as_deref())).collect();
    let mut children: Vec<Seen> = tree.children(id).map(|child| ours(tree, child)).collect();
    if node.is(flag::SELECT) {
        // Here they are in the line of the select [D3].
        children = node
            .options
            .iter()
            .map(|option| Seen {
                role: "option".into(),
                name: option.label.clone(),
                marks: [(option.selected, "selected"), (option.disabled, "disabled")]
                    .into_iter()
                    .filter(|(is, _)| *is)
                    .map(|(_, mark)| mark.to_owned())
                    .collect(),
                ..Seen::default()
            })
            .collect();
    } else if !node.value.is_empty() {
        children.push(Seen { text: Some(node.value.clone()), ..Seen::default() });
    }
    // There a name that is made of elements below has only their lines [D12].
    let below = |id| tree.subtree(id).skip(1).any(|one| is_told(tree, one));
    let name = if node.is(flag::NAMED_BY_CONTENT) && below(id) { "" } else { node.name.as_str() };
    Seen { role: node.role.into(), name: name.to_owned(), marks, children, text: None }
}

fn is_told(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    // A select counts as its value there.
    !node.is_text() && !node.is(flag::SELECT) && !is_nothing(node.role, &node.name)
}

/// What only parts a page, what only has a line here [D7], and pictures of nothing [D12].
fn is_nothing(role: &str, name: &str) -> bool {
    ["generic", "none", "presentation", "audio", "canvas", "embed", "video"].contains(&role)
        || (role == "img" && name.is_empty())
}

/// Without what has no role of its own, and without texts that only repeat a name.
fn projected(all: Vec<Seen>) -> Vec<Seen> {
    let mut out = Vec::new();
    for mut one in all {
        one.children = projected(std::mem::take(&mut one.children));
        one.marks.retain(|mark| STATES.iter().any(|state| mark.split('=').next() == Some(state)));
        one.marks.sort();
        if one.text.is_none() && is_nothing(&one.role, &one.name) {
            out.append(&mut one.children);
            continue;
        }
        if one.children.iter().all(|child| child.text.is_some())
            && squeezed(&texts(&one.children)) == squeezed(&one.name)
        {
            one.children.clear();
        }
        out.push(one);
    }
    out
}

fn texts(all: &[Seen]) -> String {
    all.iter().map(|one| one.text.clone().unwrap_or_else(|| texts(&one.children))).collect()
}

/// Where texts are parted differs [D10].
fn squeezed(text: &str) -> String {
    text.chars().filter(|char| !char.is_whitespace()).collect()
}

fn lines_of(all: &[Seen], depth: usize, out: &mut Vec<String>) {
    for one in all.iter().filter(|one| one.text.is_none()) {
        let name = one.name.split_whitespace().collect::<Vec<_>>().join(" ");
        out.push(
            format!("{depth} {} {name:?} {}", one.role, one.marks.join(" ")).trim_end().to_owned(),
        );
        lines_of(&one.children, depth + 1, out);
    }
}

/// What differs; nothing if they agree.
fn compared(ours: Vec<Seen>, theirs: Vec<Seen>) -> String {
    let (ours, theirs) = (projected(ours), projected(theirs));
    let told = |all: &[Seen]| {
        let mut lines = Vec::new();
        lines_of(all, 0, &mut lines);
        (lines, squeezed(&texts(all)))
    };
    let ((left, one), (right, other)) = (told(&ours), told(&theirs));
    let mut out = String::new();
    if left != right {
        for line in left.iter().filter(|line| !right.contains(line)) {
            writeln!(out, "  + {line}").unwrap();
        }
        for line in right.iter().filter(|line| !left.contains(line)) {
            writeln!(out, "  - {line}").unwrap();
        }
        if out.is_empty() {
            writeln!(out, "  order: {left:?}\n         {right:?}").unwrap();
        }
    }
    if one != other {
        writeln!(out, "  text + {one}\n  text - {other}").unwrap();
    }
    out
}

/// `rule | page | reason`, by page. The rule is one of snapshot.md 7.1, or `open`.
fn intended() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("intended.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut parts = line.splitn(3, " | ");
            let rule = parts.next().expect("a rule");
            let page = parts.next().expect("a page");
            assert!(parts.next().is_some_and(|reason| reason.len() > 10), "no reason: {line}");
            (page, rule)
        })
        .collect()
}

// agent.md 17.39
#[expect(clippy::print_stdout, reason = "how the two compare is asked for in numbers")]
#[tokio::test]
async fn what_differs_from_playwrights_snapshot_has_a_reason() {
    let mut tab = Walked::start_open().await;
    let mut oracle = Oracle::start(&tab.endpoint().await).await;
    let shop = Shop::start().await;
    let mut differs = BTreeMap::new();
    let mut count = 0;
    let fixtures =
        [include_str!("examples.txt"), include_str!("marks.txt"), include_str!("names.txt")];
    for case in fixtures.into_iter().flat_map(cases) {
        tab.show(&case.html).await;
        let tree = tab.tree().await;
        let top = tree.ids().filter(|id| tree.parent(*id).is_none());
        let ours = top.map(|id| ours(&tree, id)).collect();
        differs.insert(case.title.to_owned(), compared(ours, oracle.look().await));
        count += 1;
    }
    for path in SITE {
        tab.visit(&shop.at(path)).await;
        let tree = tab.tree().await;
        let top = tree.ids().filter(|id| tree.parent(*id).is_none());
        let ours = top.map(|id| ours(&tree, id)).collect();
        differs.insert(path.to_owned(), compared(ours, oracle.look().await));
        count += 1;
    }
    assert_eq!(differs.len(), count, "pages are told apart by their titles");
    differs.retain(|_, how| !how.is_empty());

    let intended = intended();
    let of = |rule: fn(&str) -> bool| intended.values().filter(|one| rule(one)).count();
    let (with_reason, open) = (of(|one| one != "open"), of(|one| one == "open"));
    println!("{count} pages: {} equal, {with_reason} intended, {open} open", count - differs.len());
    let mut new = String::new();
    for (page, how) in &differs {
        if !intended.contains_key(page.as_str()) {
            writeln!(new, "{page}\n{how}").unwrap();
        }
    }
    assert!(new.is_empty(), "a new difference:\n{new}");
    let gone: Vec<_> = intended.keys().filter(|page| !differs.contains_key(**page)).collect();
    assert!(gone.is_empty(), "no difference any more: {gone:?}");
}
