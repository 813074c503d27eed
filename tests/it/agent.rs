//! The agent on a real Chromium: its end of the gate's socket, what it drives, and what it leaves.
//! The gate's end is played by the test, so that a lost browser or a silent gate can be arranged.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use handback::{
    agent::{
        assignment::{Assignment, Manner, Wishes},
        begin::begin,
        drive::{VideoWish, connect, drive},
        finish::finish,
        plan::variables::Variables,
        results::Results,
        run_dir::RunDir,
    },
    clock::{Clock, SystemClock},
    mail::settings::Settings,
    page::{DialogPolicy, cdp::Wire},
    pod::contract::{
        AgentFrame, BrowserFacts, FromGate, Recording, RecordingState, Sandbox, Size, ToGate,
        VideoReport, VideoStatus, run::Keep,
    },
    policy::Policy,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{chromium::Chromium, pages::Pages, signup::SignUp, support::shop::Shop};

/// What a browser that ended in a test was killed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    /// Who knows.
    Somehow,
    /// More memory than its container may have, as is found out a moment later.
    ForMemory,
}

/// Answers the agent as the gate would.
async fn play_gate(listener: UnixListener, mut browsers: Vec<(Chromium, Wire)>, killed: Killed) {
    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = UnixStream::into_split(stream);
    let mut read = BufReader::new(read);
    let mut epoch = 0;
    let mut browser: Option<(Chromium, Wire)> = None;
    let mut frame = Vec::new();
    loop {
        let from_browser = async {
            match &mut browser {
                Some((_, wire)) => wire.receive.recv().await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            count = read.read_until(0, &mut frame) => {
                if count.unwrap() == 0 {
                    return;
                }
                frame.pop();
                let bytes = std::mem::take(&mut frame);
                match AgentFrame::from_agent(&bytes).expect("a frame of the contract") {
                    AgentFrame::Cdp { epoch: under, json } => {
                        assert_eq!(under, Some(epoch), "a stale epoch");
                        if let Some((_, wire)) = &browser {
                            drop(wire.send.send(Bytes::copy_from_slice(json)).await);
                        }
                        continue;
                    }
                    AgentFrame::Message(json) => {
                        match serde_json::from_slice(json).expect("a message of the contract") {
                            ToGate::Hello { .. } | ToGate::ReplaceBrowser => {
                                browser = browsers.pop();
                                epoch += 1;
                                FromGate::Granted { epoch, browser: facts() }
                            }
                            ToGate::ToolBegin { id, .. } => FromGate::ToolAdmitted { id },
                            ToGate::Record => FromGate::Recording(Recording {
                                state: RecordingState::Unavailable,
                                at_ms: 0,
                                media_ms: 0,
                                reason: Some("no display".to_owned()),
                            }),
                            ToGate::CloseVideo { .. } => FromGate::VideoClosed(VideoReport {
                                status: VideoStatus::Unavailable,
                                reason: None,
                                file: None,
                                duration_ms: 0,
                            }),
                            ToGate::Finished { .. } => FromGate::Sealed,
                            ToGate::ToolEnd { .. }
                            | ToGate::Event { .. }
                            | ToGate::Mark(_)
                            | ToGate::Artifact(_) => continue,
                        }
                    }
                }
            }
            frame = from_browser => {
                if let Some(json) = frame {
                    write.write_all(&AgentFrame::Cdp { epoch: None, json: &json }.encode()).await.unwrap();
                    continue;
                }
                browser = None;
                FromGate::BrowserLost { reason: "it was killed".to_owned(), was_ready: true }
            }
        };
        let json = serde_json::to_vec(&answer).unwrap();
        if write.write_all(&AgentFrame::Message(&json).encode()).await.is_err() {
            return;
        }
        if killed == Killed::ForMemory && matches!(answer, FromGate::BrowserLost { .. }) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let json = serde_json::to_vec(&FromGate::MemoryKill).unwrap();
            write.write_all(&AgentFrame::Message(&json).encode()).await.unwrap();
        }
    }
}

fn facts() -> BrowserFacts {
    BrowserFacts {
        version: "Chromium".to_owned(),
        pid: 1,
        sandbox: Sandbox::Own,
        display: None,
        page_x: 0,
        page_y: 0,
        video_unavailable: None,
        profile_busy: false,
    }
}

/// A run that has ended.
struct Outcome {
    results: Results,
    exit: u8,
    out_of_memory: bool,
    out: TempDir,
}

/// Runs `plan` against `url` on as many browsers as it may lose.
async fn run(url: &str, text: &str, browsers: Vec<(Chromium, Wire)>, killed: Killed) -> Outcome {
    run_with_mail(url, text, browsers, killed, Settings::default()).await
}

/// The same with a mailbox.
async fn run_with_mail(
    url: &str,
    text: &str,
    browsers: Vec<(Chromium, Wire)>,
    killed: Killed,
    mail: Settings,
) -> Outcome {
    let out = tempfile::tempdir().unwrap();
    let socket = out.path().join("agent.sock");
    let mut gate = JoinSet::new();
    gate.spawn(play_gate(UnixListener::bind(&socket).unwrap(), browsers, killed));
    let variables =
        Variables::new(vec![("SHOP_PASSWORD".to_owned(), "analytical-engine".to_owned())], vec![])
            .unwrap();
    let assignment = Assignment::new(Wishes {
        url: url.parse().unwrap(),
        name: "test".to_owned(),
        plan_text: text.to_owned(),
        criteria: Vec::new(),
        variables,
        model_only: false,
        policy: Policy::new(&[], &[]).unwrap(),
        mail,
        manner: Manner {
            timeout: Duration::from_mins(10),
            max_steps: None,
            stop_on_first_failure: false,
            as_it_is: false,
            wait_ready: None,
            dialogs: DialogPolicy::Auto,
            files: None,
            viewport: Size { width: 1280, height: 720 },
            insecure_tls: false,
            video: VideoWish::IfPossible,
            screenshots: Keep::Always,
        },
        in_effect: serde_json::Map::new(),
    })
    .unwrap();
    let (progress, _) = mpsc::unbounded_channel();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dir = RunDir::create(out.path(), "01a").unwrap();
    let mut journal = begin(&assignment, "01a", dir, Arc::clone(&clock), progress).unwrap();
    let job = assignment.job("01a", clock);
    let tasks = TaskTracker::new();
    let cancel = CancellationToken::new();
    let gate = UnixStream::connect(&socket).await.unwrap();
    let connected = connect(&job, gate, &mut journal, &tasks, &cancel);
    let driven = drive(&job, &mut journal, connected, &tasks).await;
    let out_of_memory = driven.out_of_memory;
    let exit = finish(&mut journal, driven, &assignment).await as u8;
    Outcome { results: journal.results.clone(), exit, out_of_memory, out }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plan_passes_on_the_shop() {
    let shop = Shop::start().await;
    let outcome = run(
        &shop.url,
        include_str!("../../examples/shop.md"),
        vec![Chromium::start()],
        Killed::Somehow,
    )
    .await;
    let told = serde_json::to_string_pretty(&outcome.results).unwrap();
    assert_eq!(outcome.exit, 0, "{told}");
    let steps: Vec<_> =
        outcome.results.scenarios.iter().flat_map(|one| &one.steps).map(|step| step.id).collect();
    assert_eq!(steps, (1..=steps.len() as u64).collect::<Vec<_>>(), "ids count up over the run");
    assert!(outcome.out.path().join("01a/player.html").exists());
}

/// Every text below a directory.
fn texts(below: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(texts(&entry.path()));
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            found.push((entry.path(), text));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_by_mail_passes_and_its_code_is_in_no_record() {
    let site = SignUp::start(None).await;
    let plan = "# Case 1: By code\n\
        Create a temporary email\n\
        Type \"{{temp_email}}\" into the \"Email\" field and click the \"Sign up\" button\n\
        Verify \"We have written to {{temp_email}}.\" is visible\n\
        Wait for the verification code for up to 30 s\n\
        Type \"{{code}}\" into the \"Code\" field\n\
        Click the \"Confirm\" button\n\
        Verify \"Code accepted\" is visible\n\
        Verify \"You typed {{code}}.\" is visible\n\
        # Case 2: By link\n\
        Open the link in the email\n\
        Verify \"Address verified\" is visible";
    let settings = site.settings("", None);
    let browsers = vec![Chromium::start()];
    let outcome = run_with_mail(&site.url, plan, browsers, Killed::Somehow, settings).await;
    let told = serde_json::to_string_pretty(&outcome.results).unwrap();
    assert_eq!(outcome.exit, 0, "{told}");
    let steps: Vec<_> = outcome.results.scenarios.iter().flat_map(|one| &one.steps).collect();
    let mail: Vec<_> = steps.iter().filter(|step| step.action == "email").collect();
    let tools: Vec<&str> = mail.iter().map(|step| step.tool.as_str()).collect();
    assert_eq!(tools, ["create_temp_email", "wait_for_verification_code"]);
    let data = &mail[1].result["data"];
    assert_eq!(data["sender"], "Sign-up <no-reply@signup.test>");
    assert_eq!(
        (&data["code"]["value"], &data["link"]["value"]),
        (&json!("{{code}}"), &json!("{{mail_link}}"))
    );
    assert_eq!(data["code"]["shape"], "6 digits in groups");
    let address = outcome.results.variables["temp_email"].as_str().unwrap();
    assert!(address.ends_with("@handback.test"), "{address}");
    assert_eq!(site.mails().await, 0, "what came for the address is deleted with the run");
    for (code, token) in site.secrets().await {
        let grouped = format!("{}-{}", &code[..3], &code[3..]);
        for (path, text) in texts(outcome.out.path()) {
            for secret in [&code, &grouped, &token] {
                assert!(!text.contains(secret.as_str()), "{secret} is in {}", path.display());
            }
        }
    }
}

/// Kills a browser that drives by then.
async fn kill_later(pid: u32) {
    tokio::time::sleep(Duration::from_secs(8)).await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_was_killed_for_memory_is_told_apart_though_it_is_known_later() {
    let shop = Shop::start().await;
    for killed in [Killed::ForMemory, Killed::Somehow] {
        let browser = Chromium::start();
        let pid = browser.0.pid();
        let plan = "Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible";
        let (outcome, ()) =
            tokio::join!(run(&shop.url, plan, vec![browser], killed), kill_later(pid));
        assert_eq!((outcome.exit, outcome.results.reason.as_deref()), (3, Some("browser_lost")));
        assert_eq!(outcome.out_of_memory, killed == Killed::ForMemory);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_browser_is_replaced_before_the_next_scenario() {
    let shop = Shop::start().await;
    let first = Chromium::start();
    let pid = first.0.pid();
    let plan = "#Case 1: Lost\nWait for \"never there\" for up to 30 s\nVerify \"x\" is visible\n\
                #Case 2: Goes on\nOpen /\nVerify the url contains \"/\"";
    let browsers = vec![Chromium::start(), first];
    let (outcome, ()) =
        tokio::join!(run(&shop.url, plan, browsers, Killed::Somehow), kill_later(pid));
    let told = serde_json::to_string_pretty(&outcome.results).unwrap();
    let verdicts: Vec<_> =
        outcome.results.scenarios.iter().map(|one| one.verdict.unwrap().as_str()).collect();
    assert_eq!(verdicts, ["errored", "passed"], "{told}");
    assert_eq!((outcome.exit, outcome.results.reason.as_deref()), (3, Some("browser_lost")));
}

const PLACE: &str = "<title>seen:</title><style>#menu { display:none } #top:hover #menu { display:block }</style>
    <button onclick=\"out.textContent = confirm('Sure?') ? 'gone' : 'kept'\">Delete</button><p id=out></p>
    <label>Photo <input type=file onchange=\"document.title += ' ' + this.files[0].name\"></label>
    <div id=top><button>Menu</button><div id=menu><button onclick=\"document.title += ' item'\">Item</button></div></div>
    <a href='/more' target=_blank>More</a>";

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_answers_dialogs_uploads_hovers_and_goes_from_tab_to_tab() {
    let pages = Pages::start(&[("/", PLACE), ("/more", "<title>more</title>")]).await;
    let plan = "#Case 1: Dialogs\n\
        Click \"Delete\"\nVerify the dialog says \"Sure?\"\nDismiss the dialog\nVerify \"kept\" is visible\n\
        Click \"Delete\"\nVerify \"gone\" is visible\n\
        #Case 2: The rest\n\
        Upload \"fixture:png\" to \"Photo\"\nHover over \"Menu\"\nClick \"Item\"\n\
        Click \"More\"\nVerify the title is \"more\"\nSwitch to the first tab\nSwitch to tab \"more\"\n\
        Close the tab\nVerify the title is \"seen: fixture.png item\"";
    let url = format!("{}/", pages.origin);
    let outcome = run(&url, plan, vec![Chromium::start()], Killed::Somehow).await;
    let told = serde_json::to_string_pretty(&outcome.results).unwrap();
    assert_eq!(outcome.exit, 0, "{told}");
    let dialogs: Vec<_> = outcome
        .results
        .dialogs
        .iter()
        .map(|one| format!("{} {}", one["answer"], one["by"]).replace('"', ""))
        .collect();
    assert_eq!(dialogs, ["dismissed agent", "accepted policy"]);
}
