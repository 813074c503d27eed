//! `handback run` from its command line to its last file, on a real Chromium and a real display, with
//! everything that can go wrong on a machine going wrong.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use crate::{
    pages::Pages,
    support::{leftovers, run::Run, shop::Shop},
};

const DEMO: &str = include_str!("../../examples/shop.md");
const FAILING: &str = include_str!("../../examples/shop-failing.md");

/// Enough for a basket to be wrong if it were not the run's own.
const ERRAND: &str = "Open /\nType \"lamp\" into the search box, then click the \"Search\" button\n\
    Click \"Dune table lamp\"\nWait for \"In stock\" to appear\nClick \"More\"\n\
    Click \"Add to basket\"\nVerify \"2 × Dune table lamp added to your basket\" is visible\n\
    Verify there is 1 \"Basket 2\" link";

/// For runs whose pictures nobody looks at. What is wider than 1280 pixels is made smaller for the
/// player, which without optimisation takes longer than all the rest of a step.
const SMALL: &[&str] = &["--viewport", "1000x600"];

/// The demo, with its customer's password as the secret that it is.
fn demo(shop: &Shop) -> Run {
    Run::new(&shop.url, DEMO)
        .with(&["--secret", "SHOP_PASSWORD=env:SHOP_PASSWORD"])
        .env("SHOP_PASSWORD", "analytical-engine")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero");
    kill_process(pid, Signal::KILL).expect("alive until now");
}

// agent.md 17.29
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plan_passes_with_video_player_and_whole_artifacts() {
    let shop = Shop::start().await;
    let ended = demo(&shop).with(&["--video"]).finish().await;
    ended.assert_verdict("passed", None, 0);
    ended.assert_complete();
    let results = ended.results();
    assert_eq!(results["video"]["status"], "recorded", "{}", results["video"]);
    assert_eq!(results["counts"]["passed"], results["counts"]["total"]);
    assert_eq!(results["browser"]["sandbox"], "own");
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(ended.dir().join("video.webm"))
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg");
    assert!(decoded.status.success() && decoded.stderr.is_empty(), "{decoded:?}");
    let player = String::from_utf8(ended.read("player.html")).expect("UTF-8");
    assert!(player.contains("data:image/jpeg;base64,") && player.contains("video.webm"));
    for scenario in results["scenarios"].as_array().expect("scenarios") {
        for check in scenario["checks"].as_array().expect("checks") {
            assert_eq!(check["status"], "passed", "{check}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_plan_fails_with_the_reason_the_page_gave() {
    let shop = Shop::start().await;
    let ended = Run::new(&shop.url, FAILING).with(SMALL).finish().await;
    ended.assert_verdict("failed", Some("assertion_failed"), 1);
    ended.assert_complete();
    let junit = String::from_utf8(ended.read("junit.xml")).expect("UTF-8");
    assert!(junit.contains("<failure") && junit.contains("assertion_failed"), "{junit}");
    assert!(ended.stdout.contains('✕'), "{}", ended.stdout);
}

// agent.md 17.32
#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_document_and_nothing_else_on_standard_output() {
    let shop = Shop::start().await;
    let ended = Run::new(&shop.url, "Verify the title is \"No such title\"")
        .with(&["--json", "--no-video"])
        .finish()
        .await;
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one document");
    assert_eq!(printed, ended.results());
    assert_eq!(ended.exit, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_in_mid_run_cancels_with_a_partial_report() {
    let shop = Shop::start().await;
    let mut run =
        Run::new(&shop.url, "Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible")
            .with(&["--isolated"])
            .start();
    let runtime = run.runtime().await;
    leftovers::process_named(&runtime, "chromium").await;
    run.says("Wait for").await;
    run.signal(Signal::INT);
    let ended = run.finish().await;
    ended.assert_verdict("cancelled", Some("cancelled"), 5);
    ended.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_deadline_ends_a_run_as_timed_out() {
    let shop = Shop::start().await;
    let plan = "Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible";
    let ended = Run::new(&shop.url, plan).with(&["--timeout", "6"]).finish().await;
    ended.assert_verdict("aborted", Some("timeout"), 4);
    ended.assert_complete();
}

const FILES: &str = "<title>files</title><a href='/file'>Report</a>
    <a href='data:text/plain,hello' download='../../a b.txt'>Save</a>
    <a href='/file' target=_blank>Elsewhere</a><button onclick=\"console.error('broken')\">Break</button>";

// agent.md 17.28: what happens has an event, and files have the names and sums that it says.
#[tokio::test(flavor = "multi_thread")]
async fn downloads_are_successes_whose_files_are_in_the_run_directory_and_nowhere_else() {
    let pages = Pages::start(&[("/", FILES)]).await;
    let plan = "Click \"Report\"\nClick \"Save\"\nOpen /file\nClick \"Elsewhere\"\nClick \"Break\"\n\
                Verify the title is \"files\"";
    let run = Run::new(&pages.origin, plan).with(SMALL).with(&["--no-video"]);
    let place = run.place().to_owned();
    let mut running = run.start();
    let runtime = running.runtime().await;
    let ended = running.finish().await;
    ended.assert_verdict("passed", None, 0);
    ended.assert_complete();
    let results = ended.results();
    let told: Vec<serde_json::Value> = ended
        .events()
        .into_iter()
        .filter(|event| event["type"] == "download")
        .map(|event| event["data"].clone())
        .collect();
    let report = hex(&Sha256::digest("a,b\n"));
    let wanted = |name: &str, path: &str, bytes: u64, sha256: &str| serde_json::json!({"name": name, "bytes": bytes, "sha256": sha256, "path": path, "error": null});
    let hello = hex(&Sha256::digest("hello"));
    let name = told[1]["name"].as_str().expect("a name").to_owned();
    assert_eq!(
        told,
        [
            wanted("report.csv", "downloads/report.csv", 4, &report),
            wanted(&name, told[1]["path"].as_str().expect("a path"), 5, &hello),
            wanted("report.csv", "downloads/report-2.csv", 4, &report),
            wanted("report.csv", "downloads/report-3.csv", 4, &report),
        ]
    );
    let steps = results["scenarios"][0]["steps"].as_array().expect("steps");
    assert_eq!(steps[2]["result"]["data"]["download"]["sha256"], report.as_str(), "{}", steps[2]);
    assert_eq!(
        steps[0]["result"]["notes"].as_array().map(Vec::len),
        Some(1),
        "no note on the icon that the browser looks for: {}",
        steps[0]
    );
    assert!(
        steps[0]["result"]["notes"].to_string().contains("download \\\"report.csv\\\": 4 bytes"),
        "{}",
        steps[0]
    );
    assert!(steps[4]["result"]["notes"].to_string().contains("1 console error"), "{}", steps[4]);
    let kept: Vec<_> = results["artifacts"]
        .as_array()
        .expect("artifacts")
        .iter()
        .filter(|one| one["kind"] == "download")
        .map(|one| (one["media_type"].clone(), one["path"].as_str().expect("a path").to_owned()))
        .collect();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert_eq!(ended.read("downloads/report-3.csv"), b"a,b\n");
    assert!(!runtime.exists() && !place.join("a b.txt").exists(), "nothing is left elsewhere");
    let kinds: Vec<_> = ended
        .events()
        .iter()
        .filter(|event| matches!(event["type"].as_str(), Some("tab" | "browser")))
        .map(|event| event["data"]["state"].as_str().expect("a state").to_owned())
        .collect();
    assert_eq!(kinds[..3], ["launched", "attached", "opened"], "{kinds:?}");
    assert_eq!(kinds.last().map(String::as_str), Some("closed"), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drag_without_data_is_a_drop_on_a_real_display_too() {
    let board = "<title>seen:</title><div draggable=true>Card</div><div ondragover='return false' \
        ondrop=\"document.title += ' dropped'; return false\">Done</div>";
    let pages = Pages::start(&[("/", board)]).await;
    let plan = "Drag \"Card\" to \"Done\"\nVerify the title is \"seen: dropped\"";
    let ended = Run::new(&pages.origin, plan).with(SMALL).with(&["--no-video"]).finish().await;
    ended.assert_verdict("passed", None, 0);
}

/// Kills `program` while the first of two cases waits, and holds that only that case is lost.
async fn lose(program: &str) {
    let shop = Shop::start().await;
    let plan = "#Case 1: Lost\nWait for \"never there\" for up to 30 s\nVerify \"x\" is visible\n\
                #Case 2: Goes on\nOpen /\nVerify the url contains \"/\"";
    let mut run = Run::new(&shop.url, plan).with(&["--isolated"]).start();
    run.says("Wait for").await;
    let runtime = run.runtime().await;
    kill(leftovers::process_named(&runtime, program).await);
    let ended = run.finish().await;
    let results = ended.results();
    assert_eq!(results["scenarios"][0]["steps"][0]["code"], "browser_lost", "{results:#}");
    assert_eq!(results["scenarios"][1]["verdict"], "passed", "{results:#}");
    ended.assert_verdict("errored", Some("browser_lost"), 3);
    ended.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_killed_in_mid_run_is_replaced_and_the_failed_step_says_browser_lost() {
    lose("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_display_is_a_lost_browser() {
    lose("Xtigervnc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_leaves_no_process_and_the_next_one_clears_its_files() {
    let shop = Shop::start().await;
    let mut run =
        Run::new(&shop.url, "Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible")
            .with(&["--isolated"])
            .start();
    run.says("Wait for").await;
    let runtime = run.runtime().await;
    let chromium = leftovers::process_named(&runtime, "chromium").await;
    run.signal(Signal::KILL);
    let ended = run.finish().await;
    assert_eq!(ended.exit, None);
    assert!(!Path::new(&format!("/proc/{chromium}/root")).exists(), "Chromium outlived its run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_for_the_run_directory_is_artifacts_unwritable_and_json_still_prints() {
    let shop = Shop::start().await;
    let run = demo(&shop).with(SMALL);
    let out = run.place().join("small");
    fs::create_dir(&out).expect("a directory");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"])
        .arg(&out)
        .status()
        .expect("mount");
    assert!(mounted.success(), "this test mounts a small file system, as root");
    let ended =
        run.with(&["--json", "--no-video", "--out", out.to_str().expect("UTF-8")]).finish().await;
    let unmounted = Command::new("umount").arg(&out).status().expect("umount");
    assert!(unmounted.success());
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr));
    assert_eq!(printed["verdict"], "errored", "{printed:#}");
    assert_eq!(printed["reason"], "artifacts_unwritable", "{printed:#}");
    assert_eq!(ended.exit, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_preflight_failed_before_a_browser_starts() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("bound").port()
    };
    let url = format!("http://127.0.0.1:{port}/");
    let ended = Run::new(&url, "Verify \"x\" is visible").finish().await;
    ended.assert_verdict("errored", Some("preflight_failed"), 3);
    ended.assert_complete();
    let message = ended.results()["error"]["message"].to_string();
    assert!(message.contains("refused") && message.contains("127.0.0.1"), "{message}");
    assert!(ended.events().iter().all(|event| event["type"] != "browser"), "no browser started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_never_answers_is_preflight_failed_after_eight_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().expect("bound").port());
    let held = tokio::join!(
        async {
            let mut held: Vec<TcpStream> = Vec::new();
            while let Ok(Ok((stream, _))) =
                timeout(Duration::from_secs(12), listener.accept()).await
            {
                held.push(stream);
            }
        },
        async {
            let began = Instant::now();
            let ended = Run::new(&url, "Verify \"x\" is visible").finish().await;
            ended.assert_verdict("errored", Some("preflight_failed"), 3);
            assert!(began.elapsed() >= Duration::from_secs(7), "{:?}", began.elapsed());
            let message = ended.results()["error"]["message"].to_string();
            assert!(message.contains("8 s"), "{message}");
        }
    );
    let ((), ()) = held;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_redirects_for_ever_is_navigation_failed() {
    let shop = Shop::start().await;
    let ended =
        Run::new(&shop.at("/faults/redirect-loop"), "Verify \"x\" is visible").finish().await;
    ended.assert_verdict("errored", Some("navigation_failed"), 3);
    ended.assert_complete();
    let text = ended.results().to_string();
    assert!(text.contains("ERR_TOO_MANY_REDIRECTS"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_never_block_a_run_and_are_recorded() {
    let shop = Shop::start().await;
    let plan = "Open /faults/dialog\nClick \"Alert\"\nVerify \"alert closed\" is visible\n\
                Click \"Confirm\"\nVerify \"confirmed\" is visible\n\
                Click \"Prompt\"\nVerify \"name Ada\" is visible";
    let ended = Run::new(&shop.url, plan).with(&["--no-video"]).finish().await;
    ended.assert_verdict("passed", None, 0);
    let results = ended.results();
    let kinds: Vec<_> =
        results["dialogs"].as_array().expect("dialogs").iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["alert", "confirm", "prompt"], "{results:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_never_rests_can_still_be_tested() {
    let shop = Shop::start().await;
    let plan = "Open /faults/never-rests\nClick \"Press me\"\nVerify \"Pressed\" is visible\n\
                #Case 2: Waiting for rest\n\
                Wait until the page is stable for up to 3 s\nVerify \"Pressed\" is visible";
    let plan = format!("#Case 1: Acting\n{plan}");
    let ended = Run::new(&shop.url, &plan).with(&["--no-video"]).finish().await;
    let results = ended.results();
    assert_eq!(results["scenarios"][0]["verdict"], "passed", "{results:#}");
    assert_eq!(results["scenarios"][1]["steps"][0]["code"], "timeout", "{results:#}");
    ended.assert_verdict("failed", Some("step_failed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_scenarios_report_completely() {
    let shop = Shop::start().await;
    let case = |n| format!("#Case {n}: Number {n}\nVerify the url contains \"127.0.0.1\"\n");
    let plan = (1..=200).map(case).collect::<Vec<String>>().concat();
    let ended = Run::new(&shop.url, &plan)
        .with(SMALL)
        .with(&["--no-video", "--timeout", "400"])
        .finish()
        .await;
    ended.assert_verdict("passed", None, 0);
    ended.assert_complete();
    assert_eq!(ended.results()["scenarios"].as_array().map(Vec::len), Some(200));
    let junit = String::from_utf8(ended.read("junit.xml")).expect("UTF-8");
    assert_eq!(junit.matches("<testcase").count(), 200);
}

// agent.md 17.38
#[tokio::test(flavor = "multi_thread")]
async fn ten_runs_of_one_direct_plan_take_the_same_steps() {
    let shop = Shop::start().await;
    let plan = "Open /\nVerify the url contains \"127.0.0.1\"\nScroll to the bottom\nPress Home\n\
                Verify the title is not \"\"";
    let mut first = None;
    for _ in 0..10 {
        let ended = Run::new(&shop.url, plan).with(SMALL).with(&["--no-video"]).finish().await;
        ended.assert_verdict("passed", None, 0);
        let results = ended.results();
        let steps: Vec<String> = results["scenarios"][0]["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .map(|step| format!("{} {} {}", step["id"], step["tool"], step["description"]))
            .collect();
        assert_eq!(first.get_or_insert_with(|| steps.clone()), &steps);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_watches_ends_with_its_browser_and_not_later() {
    let shop = Shop::start().await;
    let run = Run::new(&shop.url, "Verify the url contains \"127\"")
        .with(SMALL)
        .with(&["--no-video"])
        .env("HANDBACK_LOG", "handback=debug");
    let ended = run.finish().await;
    ended.assert_verdict("passed", None, 0);
    assert!(ended.stderr.contains("the browser is being ended"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("not waited for any longer"), "{}", ended.stderr);
}

// agent.md 17.22
// snapshot.md 8, B10
#[tokio::test(flavor = "multi_thread")]
async fn four_runs_at_once_do_not_disturb_each_other() {
    let shop = Shop::start().await;
    // All four want the same profile: one gets it, the others are told.
    let profiles = tempfile::tempdir().expect("a directory");
    fs::set_permissions(profiles.path(), Permissions::from_mode(0o711)).expect("ours");
    let shared = profiles.path().to_str().expect("UTF-8");
    let run = || {
        Run::new(&shop.url, ERRAND)
            .with(SMALL)
            .with(&["--no-video"])
            .env("HANDBACK_PROFILES_DIR", shared)
            .finish()
    };
    let (first, second, third, fourth) = tokio::join!(run(), run(), run(), run());
    let mut told = 0;
    for ended in [first, second, third, fourth] {
        ended.assert_verdict("passed", None, 0);
        ended.assert_complete();
        told += usize::from(ended.stderr.contains("in use by another run"));
    }
    assert!((1..=3).contains(&told), "{told} were told");
}

/// The value of a secret, in the ways in which it could stand somewhere.
fn encodings(secret: &str) -> Vec<Vec<u8>> {
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    };
    let mut forms = vec![secret.as_bytes().to_vec()];
    let percent = |upper: bool| -> String {
        secret
            .bytes()
            .map(|byte| match (byte.is_ascii_alphanumeric(), upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            })
            .collect()
    };
    forms.push(percent(true).into_bytes());
    forms.push(percent(false).into_bytes());
    // At each of the three alignments the characters in the middle are the same whatever stands
    // around them.
    for shift in 0..3 {
        let padded = [vec![b'x'; shift], secret.as_bytes().to_vec()].concat();
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let from = if shift == 0 { 0 } else { 4 };
            forms.push(text.as_bytes()[from..text.len() - 3].to_vec());
        }
    }
    forms.push(secret.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms
}

/// Every file below `place` in which the secret stands in any encoding.
fn leaks(place: &Path, secret: &str) -> Vec<String> {
    let forms = encodings(secret);
    let mut found = Vec::new();
    let mut open = vec![place.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                let hit = |form: &Vec<u8>| bytes.windows(form.len()).any(|part| part == form);
                if forms.iter().any(hit) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

const CANARY: &str = "kanarie+Vogel/93!xq";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_page_echoes_everywhere_reaches_nothing_that_is_kept() {
    let shop = Shop::start().await;
    let plan = "#Case 1: Echo\nOpen /echo-secret\nType \"{{PASSWORD}}\" into the \"Secret\" field\n\
                Click \"Send\"\nVerify \"You sent\" is visible\n\
                #Case 2: A failing check quotes the page\nVerify \"never there\" is visible\n\
                Verify the url is \"http://nowhere.example/\"\n\
                Verify the title is \"another\"";
    let run = Run::new(&shop.url, plan)
        .with(SMALL)
        .with(&["--secret", "PASSWORD=env:CANARY", "--isolated", "--video"])
        .env("CANARY", CANARY)
        .env("HANDBACK_LOG", "handback=trace");
    let ended = run.finish().await;
    ended.assert_verdict("failed", Some("assertion_failed"), 1);
    ended.assert_complete();
    assert_eq!(leaks(&ended.dir(), CANARY), Vec::<String>::new());
    for (what, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        for form in encodings(CANARY) {
            let form = String::from_utf8_lossy(&form).into_owned();
            assert!(!text.contains(&form), "{form} in {what}:\n{text}");
        }
    }
}

#[test]
fn the_search_for_leaks_finds_a_deliberate_one_in_every_encoding() {
    let place = tempfile::tempdir().expect("a directory");
    for (index, form) in encodings(CANARY).into_iter().enumerate() {
        let dir = place.path().join(index.to_string());
        fs::create_dir(&dir).expect("a directory");
        fs::write(dir.join("file"), [b"before ".to_vec(), form, b" after".to_vec()].concat())
            .expect("written");
        assert_eq!(leaks(&dir, CANARY).len(), 1, "encoding {index}");
    }
    assert_eq!(leaks(place.path(), "something else entirely"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_display_server_the_run_is_headless_and_says_what_is_missing() {
    let shop = Shop::start().await;
    let run = Run::new(&shop.url, ERRAND).with(SMALL);
    let ended = run.without(&["/usr/bin/Xtigervnc"]).finish().await;
    ended.assert_verdict("passed", None, 0);
    let results = ended.results();
    assert_eq!(results["video"]["status"], "unavailable", "{}", results["video"]);
    let reason = results["video"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("tigervnc"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_the_gate_is_on_loopback_only() {
    let shop = Shop::start().await;
    let mut run =
        Run::new(&shop.url, "Verify the url contains \"127\"").with(&["--keep-alive=60"]).start();
    let line = run.prints("#t=").await;
    let address = line.split_whitespace().find(|word| word.contains("#t=")).expect("an address");
    let url = url::Url::parse(address).expect("a URL");
    let port = url.port().expect("a port");
    let host = url.host_str().expect("a host");
    assert!(host.ends_with(".localhost"), "{host}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("on loopback");
    // Another address of the same machine: 127.0.0.0/8 is all loopback, but only one is bound.
    assert!(TcpStream::connect(("127.0.0.2", port)).await.is_err(), "bound to more than 127.0.0.1");
    let request =
        format!("GET /api/state HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 401") || answer.starts_with("HTTP/1.1 404"), "{answer}");
    run.signal(Signal::TERM);
    let ended = run.finish().await;
    ended.assert_verdict("passed", None, 0);
}
