//! What a reader gets of a page: its tree, parts of it, and what changed since.

use handback::page::tool::{DIFF_TOKENS, Wanted};

use super::*;

const PAGE: &str = "<title>t</title><main><form aria-label=Login>
    <label>Email <input></label><button type=button id=go onclick='enter()'>Sign in</button></form>
    <p role=status>Token sesame</p>
    <select aria-label=Country></select><ul id=l></ul></main>
    <div id=far style='margin-top:3000px'><p>Far 1</p><p>Far 2</p><p>Far 3</p></div>
    <script>
    document.querySelector('select').innerHTML =
      [...Array(30).keys()].map((i) => '<option>Country ' + i).join('');
    l.innerHTML = [...Array(400).keys()].map((i) => `<li>Item ${i} <button>Buy ${i}</button>`).join('');
    function enter() {
      document.querySelector('p').textContent = 'Welcome sesame';
      const button = document.getElementById('go');
      button.insertAdjacentHTML('afterend', '<p role=alert>Not an address</p>');
    }
    </script>";

fn told(text: &str) -> String {
    text.replace("sesame", "{{TOKEN}}")
}

impl Bench {
    async fn snapshot(&self, wanted: Wanted) -> Result<String, Failed> {
        self.page.snapshot(&wanted, &told).await
    }

    async fn changes(&self, acted: Option<&str>) -> String {
        self.page.changes(acted, DIFF_TOKENS, &told).await.unwrap().text
    }
}

/// snapshot.md 1.8: each cut is a note.
#[tokio::test]
async fn frames_that_are_too_many_or_too_deep_are_told() {
    let many =
        "<iframe srcdoc='<button>In</button>' style='width:60px;height:30px'></iframe>".repeat(70);
    let nested: Vec<(String, String)> = (0..13)
        .map(|depth| {
            let inner =
                format!("<button>Deep {depth}</button><iframe src='/d{}'></iframe>", depth + 1);
            (format!("/d{depth}"), inner)
        })
        .collect();
    let mut documents: Vec<(&str, &str)> = vec![("/", &many)];
    documents.extend(nested.iter().map(|(path, html)| (path.as_str(), html.as_str())));
    let bench = Bench::open(&documents).await;
    let tree = bench.snapshot(Wanted::default()).await.unwrap();
    assert!(tree.contains("- … 11 frames are left out"), "{tree}");
    bench.go("/d0").await.unwrap();
    let tree = bench.snapshot(Wanted::default()).await.unwrap();
    assert!(tree.contains("- … frames in 1 frame are left out: 10 deep"), "{tree}");
    assert!(tree.contains("Deep 10") && !tree.contains("Deep 11"), "{tree}");
}

/// A page that is busy when it is looked at, and then opens a dialog.
#[tokio::test]
async fn a_dialog_that_opens_while_the_page_is_looked_at_is_told_at_once() {
    let bench = Bench::open(&[("/", "<title>t</title><p>Text</p>")]).await;
    bench.page.hold_dialogs(true).await;
    let later = "const c = new MessageChannel(); c.port1.onmessage = () => { \
        for (const t = Date.now(); Date.now() - t < 600;); confirm('Sure of sesame?') }; \
        c.port2.postMessage(0); 1";
    let late = Call::Evaluate { expression: later.into(), on: None };
    bench.call(late.clone()).await.unwrap();
    let began = tokio::time::Instant::now();
    let tree = bench.snapshot(Wanted::default()).await.unwrap();
    assert_eq!(tree, "- … a confirm dialog is open and blocks the page: Sure of {{TOKEN}}?\n");
    assert!(began.elapsed() < Duration::from_secs(4), "not when patience ends");
    let answer = Call::HandleDialog { accept: false, text: None };
    bench.call(answer.clone()).await.unwrap();
    bench.call(late).await.unwrap();
    let open = bench.page.changes(None, DIFF_TOKENS, &told).await.unwrap_err();
    assert_eq!(open.code, Code::DialogOpen);
    bench.call(answer).await.unwrap();
    assert!(bench.snapshot(Wanted::default()).await.unwrap().contains("Text"));
}

fn only(reference: &str) -> Wanted {
    Wanted { reference: Some(reference.to_owned()), ..Wanted::default() }
}

/// The ref of the first line that holds this.
fn ref_of(tree: &str, holds: &str) -> String {
    let line = tree.lines().find(|line| line.contains(holds)).unwrap_or_else(|| panic!("{tree}"));
    let (_, rest) = line.split_once("[ref=").expect("a ref");
    rest.split(']').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_reader_gets_a_tree_within_its_budget_parts_of_it_and_what_changed_since() {
    let bench = Bench::open(&[("/", PAGE), ("/next", "<h1>Next</h1><button>Back</button>")]).await;
    assert!(bench.changes(None).await.starts_with("changes: new page\n- … page 1"));
    assert_eq!(bench.changes(None).await, "changes: none\n");

    let tree = bench.snapshot(Wanted { max_tokens: Some(500), ..Wanted::default() }).await.unwrap();
    assert!(tree.len() <= 2000, "{}", tree.len());
    assert!(tree.contains(" more items like these"), "{tree}");
    assert!(tree.contains("button \"Buy 9\""), "{tree}");
    assert!(tree.contains("- … 3 below the viewport"), "everything has its place: {tree}");
    assert!(tree.contains("status: Token {{TOKEN}}"), "{tree}");

    // A ref that was printed can be used; one that was cut away, once it is found.
    let far = bench.snapshot(Wanted { find: Some("buy 399".to_owned()), ..Wanted::default() });
    let far = far.await.unwrap();
    assert!(far.starts_with("- … 1 match\n") && far.contains("text: Item 399"), "{far}");
    let target = ref_of(&far, "Buy 399");
    bench.call(refs::by_ref(&target)).await.unwrap();

    let select = ref_of(&tree, "\"Country\"");
    let options = bench.snapshot(only(&select)).await.unwrap();
    assert!(options.starts_with("- … in main"), "{options}");
    assert!(options.contains("\n  - option \"Country 29\"\n"), "{options}");
    failed_tree(bench.snapshot(only("e9999")).await);

    let form = ref_of(&tree, "form \"Login\"");
    let before = bench.changes(None).await;
    assert!(before.contains("[active]"), "the click above moved the focus: {before}");
    bench.click("Sign in").await.unwrap();
    let after = bench.changes(Some(&ref_of(&tree, "\"Sign in\""))).await;
    assert!(after.contains(&format!("in form \"Login\" [ref={form}]:\n")), "{after}");
    assert!(after.contains("\n+ alert: Not an address\n"), "{after}");
    let status = "~ status: Welcome {{TOKEN}} (was: Token {{TOKEN}})";
    assert!(after.contains(status) && !after.contains("sesame"), "{after}");
    bench.go("/next").await.unwrap();
    let next = bench.changes(None).await;
    assert!(next.starts_with("changes: new page\n- heading \"Next\" [level=1]\n"), "{next}");
}

#[track_caller]
fn failed_tree(result: Result<String, Failed>) {
    assert_eq!(result.expect_err("a failure").code, Code::StaleRef);
}
