//! Dialogs, popups, downloads, and tabs that die.

use super::*;

// snapshot.md 8, B7: dialogs
// agent.md 17.15
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

// snapshot.md 8, B7: popups
// agent.md 17.15
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

// agent.md 4.3: a download is a success
#[tokio::test]
async fn a_download_is_told_and_is_not_waited_for_as_a_page() {
    let bench = Bench::open(&[("/", "<title>t</title><a href='/file'>Get</a>")]).await;
    let started = Duration::from_secs(15);
    let before = tokio::time::Instant::now();
    let done = bench.click("Get").await.unwrap();
    assert!(before.elapsed() < started);
    assert!(
        done.notes.iter().any(|note| note == "download \"report.csv\": 4 bytes"),
        "{:?}",
        done.notes
    );
    assert_eq!(done.page.title, "t");
    let done = bench.go("/file").await.unwrap();
    assert_eq!(
        done.data["download"],
        serde_json::json!({"name": "report.csv", "bytes": 4, "sha256": "5a"})
    );
    let told: Vec<_> = bench.page.news().await.downloads;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].outcome.as_ref().unwrap().bytes, 4);
    assert!(bench.page.news().await.downloads.is_empty(), "once");
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

const ASKS: &str = "<title>t</title>
    <button onclick=\"const sure = confirm('Sure?'); fetch('/slow?ms=300').then(() => document.title = String(sure))\">Delete</button>
    <button onmousedown=\"document.title = 'down ' + prompt('Name?', 'Ada')\" onmouseup=\"document.title += ' up'\">Name</button>
    <button onclick=\"setTimeout(() => document.title = String(confirm('Later?')), 700)\">Later</button>
    <button onclick=\"alert('note')\">Note</button>";

fn answer(accept: bool, text: Option<&str>) -> Call {
    Call::HandleDialog { accept, text: text.map(Text::from) }
}

#[tokio::test]
async fn a_dialog_is_held_for_who_answers_it_and_blocks_everything_else_meanwhile() {
    let bench = Bench::open(&[("/", ASKS)]).await;
    let said = |text: &str| Predicate::Dialog {
        op: handback::page::predicate::Op::Equals,
        value: text.into(),
    };
    bench.page.hold_dialogs(true).await;
    let done = bench.click("Delete").await.unwrap();
    assert_eq!(done.sentence, "click on button \"Delete\" has opened a confirm dialog");
    assert_eq!(done.notes, ["confirm dialog open: \"Sure?\"; handle_dialog answers it"]);
    let before = tokio::time::Instant::now();
    let open = failed(bench.click("Note").await, Code::DialogOpen);
    assert_eq!(
        (open.data["kind"].as_str(), open.data["text"].as_str()),
        (Some("confirm"), Some("Sure?"))
    );
    assert_eq!(bench.page.screenshot().await.unwrap_err().code, Code::DialogOpen);
    assert_eq!(bench.page.tree().await.unwrap_err().code, Code::DialogOpen);
    assert_eq!(bench.page.place().await.title, "");
    assert!(bench.ask(said("Sure?")).await.outcome);
    assert!(!bench.ask_for(visible("Note"), Duration::from_millis(100)).await.outcome);
    assert!(before.elapsed() < Duration::from_secs(2), "at once");
    failed(bench.call(answer(true, Some("text"))).await, Code::InvalidArgument);
    let done = bench.call(answer(false, None)).await.unwrap();
    assert_eq!(done.sentence, "dismissed the confirm dialog");
    assert_eq!(done.page.title, "false", "what the answer starts is waited for");

    // It opens while the button is down, which comes up afterwards.
    bench.click("Name").await.unwrap();
    let done = bench.call(answer(true, Some("Bob"))).await.unwrap();
    assert_eq!(done.page.title, "down Bob up");
    // It opens after the click is over.
    bench.click("Later").await.unwrap();
    let done = bench.call(answer(true, None)).await.unwrap();
    assert_eq!(done.page.title, "true");
    // An alert asks nothing.
    let done = bench.click("Note").await.unwrap();
    assert_eq!(done.notes, ["alert dialog accepted: \"note\""]);
    assert!(bench.ask(said("note")).await.outcome);
    failed(bench.call_within(answer(true, None), Duration::from_millis(300)).await, Code::NotFound);

    let told: Vec<_> = bench
        .page
        .news()
        .await
        .dialogs
        .into_iter()
        .map(|dialog| format!("{} {} {}", dialog.text, dialog.accepted, dialog.by.word()))
        .collect();
    assert_eq!(
        told,
        ["Sure? false agent", "Name? true agent", "Later? true agent", "note true policy"]
    );
    bench.page.begin_scenario().await;
    assert!(!bench.ask_for(said("note"), Duration::ZERO).await.outcome);
}

#[tokio::test]
async fn a_dialog_that_nobody_answers_does_not_stay() {
    let bench = Bench::open(&[("/", ASKS)]).await;
    bench.page.hold_dialogs(true).await;
    bench.click("Delete").await.unwrap();
    let lapsed = async {
        while bench.page.held_dialog().await.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, lapsed).await.unwrap();
    let done = bench.click("Note").await.unwrap();
    assert_eq!(
        done.notes,
        [
            "confirm dialog dismissed, since nobody answered: \"Sure?\"",
            "alert dialog accepted: \"note\"",
        ]
    );
    // Nobody is there any more: what is held is accepted.
    bench.click("Delete").await.unwrap();
    bench.page.hold_dialogs(false).await;
    let done = bench.click("Note").await.unwrap();
    assert_eq!(done.notes[0], "confirm dialog accepted: \"Sure?\"");
}
