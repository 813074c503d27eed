//! What a real page looks like to Handback: documents, and the tree that must be printed of them.

mod oracle;

use std::fmt::Write;

use handback::page::{
    locate::{Located, find},
    predicate::{Held, Op, Predicate, holds},
    snapshot::{Handle, Tree, parse},
    target::{Among, Target},
    tool::Where,
};
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
            writeln!(wrong, "\n== {}\nexpected\n{}\nprinted\n{printed}", case.title, case.want)
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

// snapshot.md 8, G2, G3, G4, G5, G6, G7, G8, G9, G10, G11 and G15: E10, E1, E13, E4, E7, E8, E3, E11, E6, E9, E2
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
            writeln!(wrong, "\n== {}\nexpected {}\nfound    {found}\n", case.title, case.want)
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

// snapshot.md 8, G9: video
#[tokio::test]
async fn states_marks_and_places_are_printed_as_the_fixtures_say() {
    check(include_str!("snapshot/marks.txt")).await;
}

#[tokio::test]
async fn an_element_keeps_its_ref_and_a_replacement_gets_a_new_one() {
    let mut tab = Walked::start().await;
    tab.show("<div id=d><button id=a>A</button><button id=b>B</button></div>").await;
    assert_eq!(tab.tree().await.print(), "- button \"A\" [ref=e1]\n- button \"B\" [ref=e2]\n");
    tab.run("a.textContent = 'Z'; d.append(a); b.outerHTML = '<button id=b>B</button>'").await;
    assert_eq!(tab.tree().await.print(), "- button \"B\" [ref=e3]\n- button \"Z\" [ref=e1]\n");
    assert_eq!(tab.ask("__hb.element(2) === null").await, true);
    assert_eq!(tab.ask("__hb.element(1).id").await, "a");
    tab.run("a.remove()").await;
    assert_eq!(tab.ask("__hb.element(1) === null").await, true);
    // The floor keeps numbers from being used again in another document.
    assert_eq!(tab.ask("__hb.ref(document.body, 40)").await, 40);
    let found = tab.tree().await;
    assert_eq!(found.frames().first().map(|frame| frame.next), Some(41));
}

#[tokio::test]
async fn an_element_without_a_ref_is_reached_by_its_place_in_the_walk() {
    let mut tab = Walked::start().await;
    tab.show("<main><p>one</p><h1 id=h>Title</h1></main>").await;
    let tree = tab.tree().await;
    let heading = tree.ids().find(|id| tree.node(*id).role == "heading").unwrap();
    let Handle::Seen { walk, record, .. } = tree.handle(heading) else { panic!("it has a ref") };
    assert_eq!(tab.ask(&format!("__hb.seen({walk}, {record}).id")).await, "h");
    assert_eq!(tab.ask(&format!("__hb.seen({}, {record})", walk - 1)).await, Value::Null);
}

// snapshot.md 8, G1
#[tokio::test]
async fn what_ever_was_a_password_stays_masked() {
    let mut tab = Walked::start().await;
    tab.show(
        "<input id=a type=password value=quartz><input id=b><x-s></x-s><input id=c value=basalt>\
         <script>document.querySelector('x-s').attachShadow({mode: 'open'})\
         .innerHTML = '<input type=password value=gneiss><input>'</script>",
    )
    .await;
    // Between two walks: shown, and a type that comes and goes.
    tab.run("a.type = 'text'; b.type = 'password'; b.value = 'marble'; b.type = 'text'").await;
    tab.run(
        "const [d, e] = document.querySelector('x-s').shadowRoot.children; d.type = 'text'; \
         e.type = 'password'; e.value = 'schist'; e.type = 'text'",
    )
    .await;
    tab.ask("__hb.taint(document.getElementById('c'))").await;
    let tree = tab.tree().await;
    assert_eq!(tree.print().matches(": ••••").count(), 5, "{}", tree.print());
    for value in ["quartz", "marble", "basalt", "gneiss", "schist"] {
        assert!(!format!("{tree:?}").contains(value), "{value} has left the page");
    }
}

#[tokio::test]
async fn masked_values_are_compared_in_the_page() {
    let mut tab = Walked::start().await;
    tab.show("<label>Key <input id=k type=password value=hunter2></label>").await;
    let predicate = Predicate::Value {
        target: Target { name: Some("Key".into()), ..Target::default() },
        op: Op::StartsWith,
        value: "hunt".into(),
    };
    let tree = tab.tree().await;
    let Held::Compare(comparison) = holds(&predicate, &tree, &Where::default()) else {
        panic!("answered without the page")
    };
    let Handle::Ref { number, .. } = tree.handle(comparison.node) else { panic!("no ref") };
    let ask = |value: &str| {
        format!("__hb.compare(__hb.element({number}), '{}', '{value}')", comparison.op)
    };
    assert_eq!(tab.ask(&ask("hunt")).await, true);
    assert_eq!(tab.ask(&ask("Hunt")).await, false);
}

#[tokio::test]
async fn listeners_that_the_runner_found_make_things_clickable() {
    let mut tab = Walked::start().await;
    tab.show("<div id=d>Go</div>").await;
    assert_eq!(tab.tree().await.print(), "- text: Go\n");
    tab.ask("__hb.clickable(document.getElementById('d'))").await;
    assert_eq!(tab.tree().await.print(), "- generic [clickable] [ref=e1]: Go\n");
}

// snapshot.md 8, B5
// agent.md 17.16
#[tokio::test]
async fn the_walker_leaves_nothing_that_the_page_can_see() {
    let mut tab = Walked::start().await;
    tab.show("<p id=p>text</p><script>window.before = document.documentElement.outerHTML</script>")
        .await;
    tab.tree().await;
    assert_eq!(tab.run("typeof __hb").await, "undefined");
    assert_eq!(tab.run("document.documentElement.outerHTML.length - before.length").await, 0);
}

/// Whether the tree shows a text.
fn shows(tree: &Tree, text: &str) -> bool {
    let predicate = Predicate::TextVisible { text: text.into(), within: Vec::new(), exact: false };
    match holds(&predicate, tree, &Where::default()) {
        Held::Is(finding) => finding.outcome,
        Held::Compare(_) => false,
    }
}

#[tokio::test]
async fn visible_text_counts_as_written_and_as_rendered() {
    let mut tab = Walked::start().await;
    tab.show(
        "<p style='text-transform:uppercase'>Big <b>sale</b></p><p style='opacity:0'>ghost</p>\
         <iframe srcdoc='<p>framed</p>'></iframe><input type=submit value='Send it'>\
         <div contenteditable><p>first line<p>second line</div>",
    )
    .await;
    let tree = tab.tree().await;
    for text in ["Big sale", "BIG SALE", "framed", "Send it", "first line", "second line"] {
        assert!(shows(&tree, text), "{text}");
    }
    for text in ["big sale", "ghost", "sale framed", "line second"] {
        assert!(!shows(&tree, text), "{text}");
    }
}

#[tokio::test]
async fn what_a_box_cuts_off_is_not_seen_but_what_escapes_it_is() {
    let mut tab = Walked::start().await;
    tab.show(
        "<div style='overflow:hidden'><div><div style='position:fixed;right:0;bottom:0'>toast</div></div></div>\
         <div style='overflow:hidden;height:0'><div style='position:absolute;top:90px'>menu</div>inside</div>\
         <div style='overflow:hidden;height:0;position:relative'><div style='position:absolute;top:90px'>caught</div></div>\
         <div style='opacity:0'><div style='position:fixed;top:0'>ghost</div></div>",
    )
    .await;
    let tree = tab.tree().await;
    for text in ["toast", "menu"] {
        assert!(shows(&tree, text), "{text}");
    }
    for text in ["inside", "caught", "ghost"] {
        assert!(!shows(&tree, text), "{text}");
    }
}

#[tokio::test]
async fn descriptions_find_elements_near_others() {
    let mut tab = Walked::start().await;
    tab.show(
        "<div>Milk <button>Add</button></div><br><br><div>Eggs <button id=e>Add</button></div>",
    )
    .await;
    let walk = tab.ask("__hb.walk(1, true)").await;
    let tree = Tree::stitch(parse("", walk.as_str().unwrap()).unwrap(), Vec::new());
    let target =
        Target { name: Some("Add".into()), near: Some("Eggs".into()), ..Target::default() };
    let Located::One(id) = find(&tree, &target, Among::Clickable) else {
        panic!("{:?}", find(&tree, &target, Among::Clickable))
    };
    assert_eq!(tree.reference(id).as_deref(), Some("e2"));
}
