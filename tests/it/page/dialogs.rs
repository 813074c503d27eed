//! Dialogs, popups, downloads, and tabs that die.

use super::*;

#[tokio::test]
async fn dialogs_never_block_the_page_and_are_told() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><button onclick=\"alert('hello'); document.title = String(confirm('sure?')) + prompt('name?', 'Ada')\">Ask</button>",
    )])
    .await;
    let done = bench.click("Ask").await.unwrap();
    assert_eq!(done.page.title, "trueAda");
    assert_eq!(
        done.notes,
        [
            "alert dialog accepted: \"hello\"",
            "confirm dialog accepted: \"sure?\"",
            "prompt dialog accepted: \"name?\"",
        ]
    );
}

#[tokio::test]
async fn the_policy_can_dismiss_what_asks() {
    let bench = Bench::open_with(
        &[("/", "<title>t</title><button onclick=\"document.title = String(confirm('sure?')) + prompt('name?', 'Ada')\">Ask</button>")],
        DialogPolicy::Dismiss,
    )
    .await;
    let done = bench.click("Ask").await.unwrap();
    assert_eq!(done.page.title, "falsenull");
    assert_eq!(done.notes[0], "confirm dialog dismissed: \"sure?\"");
}

#[tokio::test]
async fn leaving_a_page_that_asks_to_stay_is_accepted() {
    let bench = Bench::open(&[
        ("/", "<title>t</title><button>Touch</button><script>onbeforeunload = (event) => { event.preventDefault(); return 'stay' }</script>"),
        ("/next", "<title>next</title>"),
    ])
    .await;
    bench.click("Touch").await.unwrap();
    let done = bench.go("/next").await.unwrap();
    assert_eq!(done.page.title, "next");
    assert_eq!(done.notes, ["beforeunload dialog accepted"]);
}

#[tokio::test]
async fn a_tab_that_a_click_opened_is_current_until_it_closes() {
    let bench = Bench::open(&[
        (
            "/",
            "<title>first</title><a href='/next' target=_blank>Blank</a>
             <button onclick=\"window.open('{B}/next')\">Foreign</button>",
        ),
        ("/next", "<title>next</title><button onclick='window.close()'>Done</button>"),
    ])
    .await;
    for name in ["Foreign", "Blank"] {
        let done = bench.click(name).await.unwrap();
        assert_eq!(done.page.title, "next", "{name} {done:?}");
        assert!(done.notes[0].contains("new tab"), "{:?}", done.notes);
        if name == "Foreign" {
            let done = bench.click("Done").await.unwrap();
            assert_eq!(done.page.title, "first", "{done:?}");
            assert!(done.notes[0].contains("closed"), "{:?}", done.notes);
        } else {
            // Opened without an opener of script, it cannot close itself: a key does.
            let page = bench.go("/").await.unwrap().page;
            assert_eq!(page.title, "first");
        }
    }
}

#[tokio::test]
async fn a_download_is_told_and_is_not_waited_for_as_a_page() {
    let bench = Bench::open(&[("/", "<title>t</title><a href='/file'>Get</a>")]).await;
    let started = Duration::from_secs(15);
    let before = tokio::time::Instant::now();
    let done = bench.click("Get").await.unwrap();
    assert!(before.elapsed() < started);
    assert!(done.notes.iter().any(|note| note.contains("report.csv")), "{:?}", done.notes);
    assert_eq!(done.page.title, "t");
    let done = bench.go("/file").await.unwrap();
    assert_eq!(done.data["download"]["name"], "report.csv");
}

#[tokio::test]
async fn what_the_page_complains_about_is_counted() {
    let bench = Bench::open(&[(
        "/",
        "<title>t</title><button onclick=\"console.error('one', 2); console.error('two'); fetch('http://127.0.0.1:1/x?secret=1').catch(() => {}); throw new Error('three')\">Fail</button>",
    )])
    .await;
    let done = bench.click("Fail").await.unwrap();
    let notes = done.notes.join("\n");
    assert!(notes.contains("3 console errors, first: \"one 2\""), "{notes}");
    assert!(notes.contains("failed request") && !notes.contains("secret"), "{notes}");
}

#[tokio::test]
async fn a_crashed_tab_and_a_killed_browser_are_lost() {
    let Bench { page, chromium, pages: _pages, marks: _marks } =
        Bench::open(&[("/", "<title>t</title><button>Go</button>")]).await;
    let limits = || Limits { action: DEADLINE, cancel: CancellationToken::new() };
    let crash = Call::Navigate { url: "/".into() };
    page.call(&crash, limits()).await.unwrap();
    drop(chromium);
    tokio::time::timeout(DEADLINE, page.gone()).await.unwrap();
    failed(page.call(&click("Go"), limits()).await, Code::BrowserLost);
    assert!(!page.ask(&visible("Go"), DEADLINE, &CancellationToken::new()).await.outcome);
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let bench = Bench::open(&[("/", "<title>t</title>")]).await;
    let cancel = CancellationToken::new();
    let limits = Limits { action: Duration::from_mins(1), cancel: cancel.clone() };
    let missing = click("Nowhere");
    let call = bench.page.call(&missing, limits);
    tokio::pin!(call);
    let early = tokio::time::timeout(Duration::from_millis(500), &mut call).await;
    assert!(early.is_err(), "it still looks");
    cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(1), call).await.unwrap();
    failed(ended, Code::Cancelled);
}
