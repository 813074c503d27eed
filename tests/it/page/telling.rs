//! What pages say beside their tree.

use handback::page::{
    TabState,
    heard::{Exchange, Level, Listing},
};

use super::*;

/// Until `look` sees something: what a page logs is told a moment later.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    crate::support::waiting::until(what, async || look().await).await
}

async fn console(bench: &Bench, level: Level, limit: usize) -> Vec<String> {
    let redact = |text: &str| text.replace("hunter2", "{{PW}}");
    let listing = bench.page.console(level, limit, &redact).await.unwrap();
    listing.entries.iter().map(ToString::to_string).collect()
}

async fn requests(bench: &Bench, filter: Option<&str>, failed_only: bool) -> Listing<Exchange> {
    let bare = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
    bench.page.requests(filter, failed_only, 50, &bare).await.unwrap()
}

const TALKS: &str = "<title>talks</title><button id=b onclick='talk()'>Talk</button>
    <iframe src='{B}/frame' title=Inner></iframe>
    <script>
    function talk() {
      console.log('to %s: %o', 'hunter2', {n: 1, list: [1, 2]});
      console.warn('careful', 7, undefined, null, [1, 'x']);
      console.error(new TypeError('broken'));
      console.assert(1 === 2, 'sums');
      setTimeout(() => { throw new Error('nobody catches hunter2') });
      Promise.reject('a promise');
    }
    </script>";

#[tokio::test]
async fn consoles_are_told_by_level_with_exceptions_and_only_since_the_scenario_began() {
    let bench =
        Bench::open(&[("/", TALKS), ("/frame", "<script>console.error('from within')</script>")])
            .await;
    until("the frame's message", async || {
        (console(&bench, Level::Error, 50).await.len() == 1).then_some(())
    })
    .await;
    bench.page.begin_scenario().await;
    let done = bench.click("Talk").await.unwrap();
    let errors = until("all errors", async || {
        let errors = console(&bench, Level::Error, 50).await;
        (errors.len() == 4).then_some(errors)
    })
    .await;
    let has = |text: &str| errors.iter().any(|error| error.contains(text));
    assert!(has("[error] TypeError: broken\n    at talk"), "{errors:#?}");
    assert!(has("[error] Assertion failed: sums"), "{errors:#?}");
    assert!(has("[error] Uncaught Error: nobody catches {{PW}}"), "{errors:#?}");
    assert!(has("[error] Uncaught (in promise) a promise"), "{errors:#?}");
    assert!(
        errors.iter().all(|error| error.contains(&format!("({}/:", bench.pages.origin))),
        "{errors:#?}"
    );
    let warnings = console(&bench, Level::Warning, 50).await;
    assert!(
        warnings[0].starts_with("[warning] careful 7 undefined null [1, x] ("),
        "{warnings:#?}"
    );
    let all = console(&bench, Level::All, 50).await;
    assert!(all[0].starts_with("[info] to {{PW}}: {n: 1, list: Array(2)} ("), "{all:#?}");
    assert_eq!((all.len(), console(&bench, Level::All, 2).await.len()), (6, 2));
    // agent.md 4.1, 7: the result has their number and the first of them.
    assert!(
        done.notes.iter().any(|note| note.contains("console errors, first: \"TypeError: broken")),
        "{:?}",
        done.notes
    );
    bench.page.begin_scenario().await;
    assert!(console(&bench, Level::All, 50).await.is_empty());
}

#[tokio::test]
async fn requests_are_told_with_what_came_of_them_and_never_what_is_in_them() {
    let bench = Bench::open(&[(
        "/",
        "<title>asks</title><button id=b onclick='ask()'>Ask</button><script>
         async function ask() {
           await fetch('/slow?ms=30', {method: 'POST', body: 'hunter2'}).then((r) => r.text());
           await fetch('/?token=hunter2');
           await fetch('/status/500').catch(() => 0);
           await fetch('http://127.0.0.1:59999/nobody').catch(() => 0);
           const stop = new AbortController();
           const hang = fetch('/hang', {signal: stop.signal}).catch(() => 0);
           setTimeout(() => stop.abort(), 20);
           await hang;
           await fetch('/loop').catch(() => 0);
           document.title = 'asked';
         }</script>",
    )])
    .await;
    bench.page.begin_scenario().await;
    let done = bench.click("Ask").await.unwrap();
    until("the last answer", async || (bench.title().await == "asked").then_some(())).await;
    let origin = &bench.pages.origin;
    let all = requests(&bench, None, false).await;
    let lines: Vec<String> = all.entries.iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with(&format!("POST {origin}/slow 200 fetch ")), "{lines:#?}");
    assert!(all.entries[0].ms.unwrap() >= 25, "{lines:#?}");
    assert!(lines[1].starts_with(&format!("GET {origin}/ 200 fetch ")), "{lines:#?}");
    assert!(lines[2].starts_with(&format!("GET {origin}/status/500 500 fetch ")), "{lines:#?}");
    let nobody = "GET http://127.0.0.1:59999/nobody ERR_CONNECTION_REFUSED fetch ";
    assert!(lines.iter().any(|line| line.starts_with(nobody)), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("/hang cancelled fetch")), "{lines:#?}");
    assert!(lines.iter().filter(|line| line.contains("/loop 303 fetch")).count() > 2, "{lines:#?}");
    assert!(!format!("{all:?}").contains("hunter2"), "neither bodies nor queries: {all:?}");
    let failed = requests(&bench, None, true).await;
    let failed: Vec<_> = failed.entries.iter().map(|one| one.url.as_str()).collect();
    assert!(
        failed.iter().all(|url| !url.contains("/slow") && !url.contains("/hang")),
        "{failed:?}"
    );
    assert_eq!(requests(&bench, Some("/STATUS"), false).await.matching, 1);
    // agent.md 4.1, 7: the result has their number and the first of them.
    let note = format!(": GET \"{origin}/status/500\" (500)");
    assert!(done.notes.iter().any(|one| one.contains(&note)), "{:?}", done.notes);
    bench.page.begin_scenario().await;
    assert_eq!(requests(&bench, None, false).await.matching, 0);
}

#[tokio::test]
async fn tabs_are_told_when_they_come_are_current_and_go() {
    let bench = Bench::open(&[
        ("/", "<title>home</title><a href=/next target=_blank>Next</a><button onclick=\"w = open('/next')\">Behind</button>"),
        ("/next", "<title>next</title>"),
    ])
    .await;
    let told = async || -> Vec<String> {
        let tabs = bench.page.news().await.tabs;
        tabs.into_iter()
            .map(|tab| {
                let path = tab.url.strip_prefix(&bench.pages.origin).unwrap_or(&tab.url).to_owned();
                format!("{} {} {path}", tab.id, tab.state.word())
            })
            .collect()
    };
    let first = told().await;
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first[1].contains(TabState::Current.word()) && first[1].ends_with(" /"), "{first:?}");
    let done = bench.click("Next").await.unwrap();
    assert!(done.notes[0].starts_with("a new tab was opened and is current now"), "{done:?}");
    let id = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let opened = told().await;
    let second = id(&opened[0]);
    assert_eq!(opened, [format!("{second} opened /next"), format!("{second} current /next")]);
    assert!(second > id(&first[0]));
    bench.call(Call::SwitchTab { to: None, close: true }).await.unwrap();
    assert_eq!(
        told().await,
        [format!("{second} closed /next"), format!("{} current /", id(&first[0]))]
    );
    assert!(told().await.is_empty(), "once");
}
