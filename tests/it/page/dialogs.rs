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

/// Ends the processes that show pages, as a crash would.
fn crash_renderers(browser: u32) {
    let parents: Vec<(u32, u32, String)> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent, line))
        })
        .collect();
    let mut ours = vec![browser];
    let mut next = 0;
    while next < ours.len() {
        let parent = ours[next];
        ours.extend(parents.iter().filter(|(_, of, _)| *of == parent).map(|(pid, ..)| *pid));
        next += 1;
    }
    for (pid, _, line) in parents {
        if ours.contains(&pid) && line.contains("--type=renderer") {
            let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[tokio::test]
async fn a_crashed_tab_is_lost_also_for_a_call_that_was_under_way() {
    let bench = Bench::open(&[("/", "<title>t</title><button>Go</button>")]).await;
    let waiting = click("Nowhere");
    let call = bench.call(waiting);
    tokio::pin!(call);
    let early = tokio::time::timeout(Duration::from_millis(500), &mut call).await;
    assert!(early.is_err(), "it still looks");
    crash_renderers(bench.chromium.pid());
    let ended = tokio::time::timeout(Duration::from_secs(10), call).await.unwrap();
    let lost = failed(ended, Code::BrowserLost);
    assert!(lost.notes.iter().any(|note| note.contains("crashed")), "{lost:?}");
    failed(bench.click("Go").await, Code::BrowserLost);
}

#[tokio::test]
async fn a_killed_browser_is_lost() {
    let Bench { page, chromium, pages: _pages, marks: _marks } =
        Bench::open(&[("/", "<title>t</title><button>Go</button>")]).await;
    let limits = || Limits { action: DEADLINE, cancel: CancellationToken::new() };
    chromium.kill();
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
