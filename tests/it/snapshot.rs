//! What a real page looks like to Handback: documents, and the tree that must be printed of them.

use serde_json::Value;

use crate::walked::{Walked, document};

/// A fixture: what it shows, the document, and what is expected of it.
struct Case<'a> {
    title: &'a str,
    html: String,
    want: &'a str,
}

/// `== title`, the document, `--`, what is expected. `{{host html}}` in a document is the URL of
/// another one.
fn cases(file: &str) -> Vec<Case<'_>> {
    file.split("== ")
        .skip(1)
        .map(|part| {
            let (title, rest) = part.split_once('\n').expect("a title");
            let (html, want) = rest.split_once("\n--\n").expect("a document and --");
            Case { title, html: with_frames(html), want: want.trim_end() }
        })
        .collect()
}

fn with_frames(html: &str) -> String {
    let Some((before, rest)) = html.split_once("{{") else { return html.to_owned() };
    let (inner, after) = rest.split_once("}}").expect("}}");
    let (host, inner) = inner.split_once(' ').expect("a host");
    format!("{before}{}{after}", document(host, inner))
}

/// Shows each document and compares its printed tree; all that differ are told at once.
async fn check(file: &str) {
    let mut tab = Walked::start().await;
    let mut wrong = String::new();
    for case in cases(file) {
        tab.show(&case.html).await;
        let printed = tab.tree().await.print();
        if printed.trim_end() != case.want {
            wrong += &format!("\n== {}\nexpected\n{}\nprinted\n{printed}", case.title, case.want);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn pages_are_printed_as_the_examples_say() {
    check(include_str!("snapshot/examples.txt")).await;
}

#[tokio::test]
async fn roles_names_and_descriptions_follow_the_rules() {
    const ASK: &str = "JSON.stringify(__hb.describe(document.getElementById('t')))";
    let mut tab = Walked::start().await;
    let mut wrong = String::new();
    for case in cases(include_str!("snapshot/names.txt")) {
        tab.show(&case.html).await;
        let told: Value = serde_json::from_str(tab.ask(ASK).await.as_str().unwrap()).unwrap();
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        let found = format!("{}|{}|{}", text("role"), text("name"), text("description"));
        if found != case.want {
            wrong += &format!("\n== {}\nexpected {}\nfound    {found}\n", case.title, case.want);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn states_marks_and_places_are_printed_as_the_fixtures_say() {
    check(include_str!("snapshot/marks.txt")).await;
}
