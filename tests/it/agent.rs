//! The agent on a real Chromium: its end of the gate's socket, what it drives, and what it leaves.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use handback::agent::plan::variables::Variables;
use serde_json::json;

use crate::{
    chromium::Chromium,
    driven::{Driven, Killed, seat},
    pages::Pages,
    signup::SignUp,
    support::shop::Shop,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plan_passes_on_the_shop() {
    let shop = Shop::start().await;
    let plan = include_str!("../../examples/shop.md");
    let password = ("SHOP_PASSWORD".to_owned(), "analytical-engine".to_owned());
    let variables = Variables::new(vec![password], vec![]).unwrap();
    let run = Driven::new(&shop.url, plan, vec![seat(Chromium::start())]);
    let outcome = Driven { variables, ..run }.run().await;
    let told = outcome.told();
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
    let mail = site.settings("", None);
    let run = Driven::new(&site.url, plan, vec![seat(Chromium::start())]);
    let outcome = Driven { mail, ..run }.run().await;
    let told = outcome.told();
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
        let run = Driven { killed, ..Driven::new(&shop.url, plan, vec![seat(browser)]) };
        let (outcome, ()) = tokio::join!(run.run(), kill_later(pid));
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
    let browsers = vec![seat(Chromium::start()), seat(first)];
    let run = Driven::new(&shop.url, plan, browsers);
    let (outcome, ()) = tokio::join!(run.run(), kill_later(pid));
    let told = outcome.told();
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
        Verify GET /more returns 200\nVerify POST /status/404 responds with status 4xx\n\
        Upload \"fixture:png\" to \"Photo\"\nHover over \"Menu\"\nClick \"Item\"\n\
        Click \"More\"\nVerify the title is \"more\"\nSwitch to the first tab\nSwitch to tab \"more\"\n\
        Close the tab\nVerify the title is \"seen: fixture.png item\"";
    let url = format!("{}/", pages.origin);
    let outcome = Driven::new(&url, plan, vec![seat(Chromium::start())]).run().await;
    let told = outcome.told();
    assert_eq!(outcome.exit, 0, "{told}");
    let dialogs: Vec<_> = outcome
        .results
        .dialogs
        .iter()
        .map(|one| format!("{} {}", one["answer"], one["by"]).replace('"', ""))
        .collect();
    assert_eq!(dialogs, ["dismissed agent", "accepted policy"]);
}
