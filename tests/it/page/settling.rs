//! When a result is returned, and waiting for a page to come to rest.

use super::*;

/// A page whose button does `script`.
fn doing(script: &str) -> String {
    format!(
        "<title>t</title><button>Go</button><p id=out>before</p><script>const out = document.querySelector('#out'); document.querySelector('button').onclick = async () => {{ {script} }};</script>"
    )
}

async fn check(what: &str, script: &str, settled: bool, sees: &str) {
    let next = "<title>arrived</title><p>arrived</p>";
    let bench = Bench::open(&[("/", &doing(script)), ("/next", next)]).await;
    let done = bench.click("Go").await.unwrap();
    let tree = bench.tree().await;
    assert!(tree.contains(sees), "{what}: {tree}");
    let unsettled = done.notes.iter().any(|note| note.starts_with("settled=false"));
    assert_eq!(unsettled, !settled, "{what}: {:?}", done.notes);
}

#[tokio::test]
async fn a_result_waits_for_what_the_click_started() {
    for (what, script, settled, sees) in [
        ("sync", "out.textContent = 'done'", true, "done"),
        ("microtask", "await null; out.textContent = 'done'", true, "done"),
        ("fetch", "await fetch('/slow?ms=600'); out.textContent = 'done'", true, "done"),
        (
            "fetch chain",
            "await fetch('/slow?ms=300'); await fetch('/slow?ms=301'); await fetch('/slow?ms=302'); out.textContent = 'done'",
            true,
            "done",
        ),
        ("event stream", "fetch('/stream'); out.textContent = 'done'", true, "done"),
        ("hanging fetch", "fetch('/hang'); out.textContent = 'done'", false, "done"),
        ("location", "location = '/next'", true, "arrived"),
        ("late location", "await fetch('/slow?ms=200'); location = '/next'", true, "arrived"),
        (
            "cross-site frame",
            "const frame = document.createElement('iframe'); frame.src = location.href.replace('127.0.0.1', 'localhost') + 'next'; document.body.append(frame); out.textContent = 'done'",
            true,
            "done",
        ),
        (
            "push state",
            "history.pushState(0, '', '/pushed'); out.textContent = 'done'",
            true,
            "done",
        ),
    ] {
        check(what, script, settled, sees).await;
    }
}

// snapshot.md 8: a poller
#[tokio::test]
async fn pollers_and_tickers_that_ran_before_hold_nothing_up() {
    let page = "<title>t</title><button onclick=\"document.querySelector('#out').textContent='done'\">Go</button><p id=out></p><p id=clock></p>
        <script>setInterval(() => clock.textContent = performance.now(), 40); setInterval(() => fetch('/slow?ms=900'), 300)</script>";
    let bench = Bench::open(&[("/", page)]).await;
    bench.call(Call::Sleep { time: Duration::from_secs(3) }).await.unwrap();
    let done = bench.click("Go").await.unwrap();
    assert_eq!(done.notes, Vec::<String>::new());
    assert!(bench.tree().await.contains("done"));
}

#[tokio::test]
async fn a_page_that_the_click_sets_in_motion_is_cut_off_and_says_so() {
    check("ticker", "const tick = () => { out.textContent = performance.now(); requestAnimationFrame(tick) }; tick()", false, "").await;
}

fn stable(stable: u64, timeout: u64) -> Call {
    Call::WaitForStable {
        stable: Duration::from_millis(stable),
        timeout: Duration::from_millis(timeout),
    }
}

async fn waits(document: &str, quiet: u64, from: u64, to: u64) {
    let bench = Bench::open(&[("/", document), ("/next", "<p>next</p>"), ("/inner", INNER)]).await;
    bench.click("Start").await.unwrap();
    let done = bench.call(stable(quiet, 30_000)).await.unwrap();
    let waited = done.data["waited"].as_u64().unwrap();
    assert!((from..=to).contains(&waited), "{waited} ms\n{document}");
}

const INNER: &str = "<p id=p></p><script>onmessage = () => { const timer = setInterval(() => p.append('x'), 50); setTimeout(() => clearInterval(timer), 3000) }</script>";

// snapshot.md 8, B3
// agent.md 17.14
#[tokio::test]
async fn wait_for_stable_waits_until_texts_and_children_stop_changing() {
    // (a), and (f): three seconds of changes in the page, a shadow root, a frame; then a second of quiet.
    tokio::join!(
        waits(
            "<button onclick=\"const t = setInterval(() => p.append('x'), 50); setTimeout(() => clearInterval(t), 3000)\">Start</button><p id=p></p>",
            1000,
            3000,
            7000,
        ),
        waits(
            "<button onclick=\"const root = p.shadowRoot || p.attachShadow({mode:'open'}); const t = setInterval(() => root.append('x'), 50); setTimeout(() => clearInterval(t), 3000)\">Start</button><p id=p></p>",
            1000,
            3000,
            7000,
        ),
        waits(
            "<button onclick=\"frames[0].postMessage(1, '*')\">Start</button><iframe src='/inner'></iframe>",
            1000,
            3000,
            7000,
        ),
    );
}

// agent.md 17.14
#[tokio::test]
async fn wait_for_stable_waits_for_fetches_and_navigations_and_not_for_attributes() {
    tokio::join!(
        // (e): a fetch prolongs it.
        waits("<button onclick=\"fetch('/slow?ms=4000')\">Start</button>", 500, 1500, 7000),
        // (d): a navigation restarts the window.
        waits(
            "<button onclick=\"setTimeout(() => location = '/next', 1500)\">Start</button>",
            2000,
            2800,
            7500,
        ),
        async {
            // (e): attributes and animation do not.
            waits(
                "<style>@keyframes s { to { transform: rotate(1turn) } } p { animation: s 1s infinite }</style><p>x</p>
                 <button onclick=\"setInterval(() => this.className = 'c' + performance.now(), 30)\">Start</button>",
                1000, 1000, 4000,
            )
            .await;
            // (c): a quiet page.
            waits("<button>Start</button>", 1000, 1000, 3000).await;
        },
    );
}

// agent.md 17.14
#[tokio::test]
async fn a_page_that_never_rests_is_not_called_stable() {
    let bench = Bench::open(&[(
        "/",
        "<p aria-label=Ticker id=p></p><script>setInterval(() => p.textContent = performance.now(), 100)</script>",
    )])
    .await;
    let before = tokio::time::Instant::now();
    let late = failed(bench.call(stable(1000, 3000)).await, Code::Timeout);
    let waited = before.elapsed().as_millis();
    assert!((2500..8000).contains(&waited), "{waited}");
    assert!(late.data["mutations"].as_u64().unwrap() > 10, "{}", late.data);
    assert!(late.data["busiest"].as_str().unwrap().contains("\"p\""), "{}", late.data);
}

// agent.md 17.11
#[tokio::test]
async fn text_is_waited_for_and_its_absence_must_last() {
    let bench = Bench::open(&[(
        "/",
        "<p id=p>spinning</p><script>setTimeout(() => p.textContent = 'ready', 1200)</script>",
    )])
    .await;
    let wait = |text: &str, gone, ms| Call::WaitForText {
        text: text.into(),
        gone,
        timeout: Some(Duration::from_millis(ms)),
    };
    bench.call(wait("ready", false, 20_000)).await.unwrap();
    bench.call(wait("spinning", true, 20_000)).await.unwrap();
    let late = failed(bench.call(wait("spinning", false, 400)).await, Code::Timeout);
    assert!(late.data["ms"].as_u64().unwrap() >= 400);
    let flicker = Bench::open(&[(
        "/",
        "<p id=p>busy</p><script>setInterval(() => p.hidden = !p.hidden, 200)</script>",
    )])
    .await;
    failed(flicker.call(wait("busy", true, 3000)).await, Code::Timeout);
    let absent = Predicate::TextAbsent { text: "busy".into(), within: Vec::new() };
    assert!(!flicker.ask_for(absent, Duration::from_secs(2)).await.outcome);
}
