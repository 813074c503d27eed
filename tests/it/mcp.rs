//! `handback mcp` on the real binary, with the SDK's own client: every tool with real browsers.

use std::{fs, time::Duration};

use reqwest::{StatusCode, header};
use rmcp::{ServiceError, model::CallToolRequestParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    pages::Pages,
    support::{
        mcp::{Place, content},
        model_server::{Answer, Asked, ModelServer, Say},
        shop::Shop,
    },
};

const ERRAND: &str = "#Case 1: Basket\nOpen /product/harbour-blanket\nClick \"Add to basket\"\n\
    Wait for \"Harbour blanket added to your basket\" to appear\nOpen /basket\n\
    Verify there is 1 \"Basket 1\" link";

/// For runs whose pictures and videos nobody looks at.
#[expect(clippy::needless_pass_by_value, reason = "made for the call")]
fn quick(url: &str, plan: &str, more: Value) -> Value {
    let mut given =
        json!({"url": url, "plan": plan, "viewport": "1000x600", "video": false, "keep_alive": 0});
    let more = more.as_object().expect("an object").clone();
    given.as_object_mut().expect("an object").extend(more);
    given
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_who_it_is_and_what_it_can() {
    let place = Place::new();
    let client = place.serve().await;
    let peer = client.service.peer_info().expect("a session");
    let info = peer.server_info.clone().expect("a name");
    assert_eq!(
        (info.name.as_str(), info.version.as_str()),
        ("handback", env!("CARGO_PKG_VERSION"))
    );
    let instructions = peer.instructions.clone().expect("instructions");
    for part in [
        "before a commit",
        "real URL",
        "#Case 1:",
        "env:VARIABLE",
        "run_id",
        "reuse",
        "handback run",
    ] {
        assert!(instructions.contains(part), "{part:?} is not in the instructions");
    }
    let tools = client.service.list_all_tools().await.expect("tools");
    let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["test", "plan", "diagnose"]);
    for tool in tools {
        assert_eq!(tool.input_schema["additionalProperties"], json!(false), "{}", tool.name);
    }
    assert!(client.leave().await);
}

// agent.md 17.31
// agent.md 17.33
#[tokio::test(flavor = "multi_thread")]
async fn a_test_tells_every_step_and_leaves_a_player_and_a_browser_to_go_on_in() {
    let (shop, place) = (Shop::start().await, Place::new());
    let client = place.serve().await;
    let given = json!({"url": shop.url, "plan": ERRAND, "viewport": "1000x600", "name": "Basket"});
    let (told, result) = client.begin("test", &given).await.told_result().await;
    assert_eq!(result.is_error, Some(false), "{:?}", result.content);
    let first = content(&result).clone();
    assert_eq!((&first["verdict"], &first["exit_code"]), (&json!("passed"), &json!(0)));
    let run = first["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(first["directory"], json!(place.runs().join(&run)));
    for step in first["scenarios"][0]["steps"].as_array().expect("steps") {
        let begins = format!("step {}: ", step["id"]);
        let count = told.iter().filter(|message| message.starts_with(&begins)).count();
        assert_eq!(count, 1, "{begins:?} in {told:?}");
    }

    // The player, with the rights that its address carries and no others.
    let address = first["player_url"].as_str().expect("an address");
    let (origin, fragment) = address.split_once("/#").expect("a fragment");
    let (token, path) =
        fragment.strip_prefix("t=").and_then(|rest| rest.split_once("&p=")).expect("both");
    assert_eq!(path, format!("/runs/{run}/player.html"));
    let host = origin.strip_prefix("http://").expect("http");
    let port = host.rsplit(':').next().expect("a port");
    let here = format!("http://127.0.0.1:{port}");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let get = |path: String| http.get(format!("{here}{path}")).header(header::HOST, host);
    let status =
        async |request: reqwest::RequestBuilder| request.send().await.expect("an answer").status();
    assert_eq!(status(get(path.to_owned())).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(http.get(format!("{here}{path}"))).await, StatusCode::MISDIRECTED_REQUEST);
    let enter = || {
        let request = http.post(format!("{here}/api/session")).header(header::HOST, host);
        request.header(header::ORIGIN, origin).header("x-handback-token", token)
    };
    let foreign = enter().header(header::ORIGIN, "http://evil.example");
    assert_eq!(status(foreign).await, StatusCode::FORBIDDEN);
    let entered = enter().send().await.expect("an answer");
    assert_eq!(entered.status(), StatusCode::OK);
    let cookie = entered.headers()[header::SET_COOKIE].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    // Once only, but the browser that came in may come again.
    assert_eq!(status(enter()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(enter().header(header::COOKIE, &cookie)).await, StatusCode::OK);
    let let_in = |path: String| get(path).header(header::COOKIE, &cookie);
    let player = let_in(path.to_owned()).send().await.expect("an answer");
    assert_eq!(player.status(), StatusCode::OK);
    assert!(player.headers()[header::CONTENT_SECURITY_POLICY].to_str().is_ok());
    assert!(player.text().await.expect("text").contains("video.webm"));
    let video = let_in(format!("/runs/{run}/video.webm")).header(header::RANGE, "bytes=-4");
    assert_eq!(status(video).await, StatusCode::PARTIAL_CONTENT);
    let inverted = let_in(format!("/runs/{run}/video.webm")).header(header::RANGE, "bytes=20-10");
    assert_eq!(status(inverted).await, StatusCode::OK);
    for wrong in [
        format!("/runs/{run}/manifest.jsonx"),
        format!("/runs/{run}/..%2f..%2fx"),
        "/runs/x/player.html".to_owned(),
    ] {
        assert_eq!(status(let_in(wrong)).await, StatusCode::NOT_FOUND);
    }

    // The browser that was left: its page and its cookies, without a URL.
    let plan = "Verify the url contains \"/basket\"\nVerify there is 1 \"Basket 1\" link";
    let given = json!({"session": "reuse", "plan": plan, "viewport": "1000x600", "keep_alive": 0});
    let again = client.call("test", &given).await;
    let again = content(&again);
    assert_eq!(again["verdict"], "passed", "{again:#}");
    assert_eq!(again["url"], json!(shop.at("/basket")));
    assert_eq!(again["video"]["status"], "recorded", "{}", again["video"]);
    assert_ne!(again["run_id"], json!(run));
    // That one closed it.
    let refused = client.call("test", &given).await;
    assert_eq!((refused.is_error, &content(&refused)["code"]), (Some(true), &json!("no_session")));
    // A run outlives the server, and its browser does not.
    assert!(client.leave().await);
    place.is_left().await;
    assert!(place.runs().join(&run).join("manifest.json").exists());
    let client = place.serve().await;
    let given = json!({"url": shop.url, "run_id": run, "viewport": "1000x600", "video": false, "keep_alive": 0, "isolated": "run"});
    let third = client.call("test", &given).await;
    assert_eq!(content(&third)["verdict"], "passed", "{:#}", content(&third));
    assert!(client.leave().await);
}

// agent.md 17.33
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_test_is_a_normal_result_and_what_cannot_be_carried_out_an_error_with_a_code() {
    let (shop, place) = (Shop::start().await, Place::new());
    let client = place.serve().await;
    let plan = "Open /\nVerify the title is \"No such title\"";
    let failed = client.call("test", &quick(&shop.url, plan, json!({}))).await;
    assert_eq!(failed.is_error, Some(false));
    assert_eq!(content(&failed)["reason"], "assertion_failed", "{:#}", content(&failed));
    let pictures = failed.content.iter().filter(|block| block.as_image().is_some()).count();
    assert_eq!(pictures, 1, "{:?}", failed.content);

    let check = async |given: Value, code: &str, reported: bool| {
        let result = client.call("test", &given).await;
        let found = content(&result);
        assert_eq!((result.is_error, &found["code"]), (Some(true), &json!(code)), "{found:#}");
        assert!(found["message"].as_str().is_some_and(|message| !message.is_empty()));
        assert_eq!(found["scenarios"].is_array(), reported, "{found:#}");
        if reported {
            let run = found["run_id"].as_str().expect("an id");
            assert!(place.runs().join(run).join("results.json").exists());
        }
    };
    check(json!({}), "invalid_argument", false).await;
    check(quick(&shop.url, "Make it nice", json!({})), "unparsable", false).await;
    check(quick("ftp://x", plan, json!({})), "usage", false).await;
    check(quick(&shop.url, plan, json!({"run_id": "01k"})), "invalid_argument", false).await;
    check(json!({"url": shop.url, "run_id": "01kunknown"}), "unknown_run", false).await;
    check(json!({"session": "reuse", "plan": plan}), "no_session", false).await;
    check(quick(&shop.url, plan, json!({"headed": true})), "usage", false).await;
    // Nobody listens there.
    check(quick("http://127.0.0.1:9", plan, json!({})), "preflight_failed", true).await;
    check(quick("http://169.254.169.254", plan, json!({})), "blocked_by_policy", false).await;
    let endless = "Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible";
    check(quick(&shop.url, endless, json!({"timeout": 4})), "timeout", true).await;
    // No tool of ours: that is the protocol's own kind of error.
    let unknown = client.service.call_tool(CallToolRequestParams::new("bogus")).await;
    assert!(matches!(unknown, Err(ServiceError::McpError(_))), "{unknown:?}");
    assert!(client.leave().await);
    place.is_left().await;
}

// agent.md 17.22
// agent.md 17.30
#[tokio::test(flavor = "multi_thread")]
async fn four_go_on_at_once_each_in_a_browser_of_its_own_and_the_fifth_waits() {
    let (shop, place) = (Shop::start().await, Place::new());
    let client = place.serve().await;
    let mut calls = Vec::new();
    for number in 0..5 {
        let more = json!({"isolated": "run", "name": format!("number {number}")});
        calls.push(client.begin("test", &quick(&shop.url, ERRAND, more)).await);
    }
    let mut ids = Vec::new();
    let mut queued = 0;
    for call in calls {
        let (told, result) = call.told_result().await;
        let result = content(&result);
        // Of a shared basket there would be more in it.
        assert_eq!(result["verdict"], "passed", "{result:#}");
        queued += usize::from(told.iter().any(|message| message.starts_with("queued: ")));
        let steps = result["scenarios"][0]["steps"].as_array().map(Vec::len);
        assert!(
            told.iter().filter(|message| message.starts_with("step ")).count()
                >= steps.unwrap_or(1)
        );
        ids.push(result["run_id"].clone());
    }
    assert_eq!(queued, 1);
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert!(client.leave().await);
}

// agent.md 17.33
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_cancels_its_run_and_the_server_goes_on() {
    let (shop, place) = (Shop::start().await, Place::new());
    let client = place.serve().await;
    let endless = "Wait for \"never there\" for up to 30 s\nVerify \"x\" is visible";
    let mut call =
        client.begin("test", &quick(&shop.url, endless, json!({"isolated": "run"}))).await;
    call.hears("step 1: ").await;
    call.cancel().await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let results = loop {
        let written = fs::read_dir(place.runs()).into_iter().flatten().flatten();
        let mut read = written.filter_map(|run| fs::read(run.path().join("results.json")).ok());
        let results: Value =
            read.next().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        if results["verdict"].is_string() {
            break results;
        }
        assert!(Instant::now() < deadline, "no report of the cancelled run");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&results["verdict"], &results["exit_code"]), (&json!("cancelled"), &json!(5)));
    let next = client
        .call(
            "test",
            &quick(&shop.url, "Open /\nVerify the url contains \"/\"", json!({"isolated": "run"})),
        )
        .await;
    assert_eq!(content(&next)["verdict"], "passed");
    // A client that goes in mid-run takes it along, with its browser.
    let mut call =
        client.begin("test", &quick(&shop.url, endless, json!({"isolated": "run"}))).await;
    call.hears("step 1: ").await;
    assert!(client.leave().await);
    place.is_left().await;
}

/// A page of three screens and more, each with a button of its own.
fn tall() -> String {
    let screen = |number: usize| {
        format!(
            "<section style=\"height:900px\"><h2>Part {number}</h2><button>Button {number}</button></section>"
        )
    };
    let screens: String = (1..=6).map(screen).collect();
    format!("<!doctype html><title>Tall</title><h1>Top of the page</h1>{screens}")
}

/// Texts and the number of pictures of a request's first message.
fn shown(asked: &Asked) -> (String, usize) {
    let content = asked.body["messages"][0]["content"].as_array().expect("parts").clone();
    let texts: Vec<_> = content.iter().filter_map(|part| part["text"].as_str()).collect();
    let pictures = content.iter().filter(|part| part["type"] == "image").count();
    (texts.join("\n"), pictures)
}

// agent.md 17.33
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_written_from_real_scroll_positions_and_mended_once() {
    let pages = Pages::start(&[("/", &tall())]).await;
    let good = "#Case 1: Press\nClick the \"Button 1\" button\nVerify \"Part 1\" is visible\n";
    let server = ModelServer::scripted(vec![
        Answer::Say(Say::text("Here is a plan, without any case.")),
        Answer::Say(Say::text(good)),
        Answer::Say(Say::text("No plan.")),
        Answer::Say(Say::text("No plan either.")),
    ])
    .await;
    let place = Place::new();
    let mut command = place.command(&[]);
    command.env("ANTHROPIC_API_KEY", "sk-test-key").env("ANTHROPIC_BASE_URL", server.base(true));
    let client = place.serve_by(command).await;
    let given = json!({"url": pages.origin, "focus": "the first button"});
    let result = client.call("plan", &given).await;
    assert_eq!(result.is_error, Some(false), "{:?}", result.content);
    assert_eq!(*content(&result), json!({"plan": good, "cases": 1}));
    let asked = server.asked().await;
    let (text, pictures) = shown(&asked[0]);
    assert_eq!(pictures, 3);
    assert!(text.contains("the first button"), "{text}");
    let tops: Vec<u32> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("Position ")?.split_once(", ")?.1.split(' ').next()?.parse().ok()
        })
        .collect();
    assert_eq!(tops.len(), 3, "{text}");
    assert!(tops[0] == 0 && tops[1] >= 700 && tops[2] >= tops[1] + 700, "{tops:?}");
    let again = asked[1].body["messages"].to_string();
    assert!(again.contains("cannot be used") && again.contains("#Case 1"), "{again}");
    let refused = client.call("plan", &given).await;
    assert_eq!(
        (refused.is_error, &content(&refused)["code"]),
        (Some(true), &json!("unusable_answer"))
    );
    // Without a model, or a page, nobody is asked.
    let refused = client.call("plan", &json!({"url": "http://127.0.0.1:9"})).await;
    assert_eq!(content(&refused)["code"], "preflight_failed");
    assert!(client.leave().await);
    place.is_left().await;
    let client = place.serve().await;
    let refused = client.call("plan", &given).await;
    assert_eq!(
        (refused.is_error, &content(&refused)["code"]),
        (Some(true), &json!("model_missing"))
    );
    assert!(client.leave().await);
}

// agent.md 17.33
#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_sees_scenario_steps_page_and_pictures() {
    let pages =
        Pages::start(&[("/", "<!doctype html><title>Pay</title><button>Pay now</button>")]).await;
    let answer = "Class: flawed_test\n\n## Root Cause\nThe button is called \"Pay now\".\n\n## Analysis\n\
        Step 1 looked for \"Pay later\".\n\n## Recommended Fix\nName the button.\n\n\
        ## Corrected Test Scenario\n#Case 1: Pay\nClick the \"Pay now\" button\nVerify the title is \"Pay\"\n";
    let answers = (0..2).map(|_| Answer::Say(Say::text(answer))).collect();
    let server = ModelServer::scripted(answers).await;
    let place = Place::new();
    let mut command = place.command(&[]);
    command.env("ANTHROPIC_API_KEY", "sk-test-key").env("ANTHROPIC_BASE_URL", server.base(true));
    let client = place.serve_by(command).await;
    let plan = "#Case 1: Pay\nTake a screenshot\nVerify the title is \"Paid\"";
    let run = client.call("test", &quick(&pages.origin, plan, json!({"isolated": "run"}))).await;
    let run = content(&run)["run_id"].clone();
    let result = client.call("diagnose", &json!({"run_id": run})).await;
    let found = content(&result);
    assert_eq!(result.is_error, Some(false), "{found:#}");
    assert_eq!((&found["class"], &found["run_id"]), (&json!("flawed_test"), &run));
    assert_eq!(found["diagnosis"]["root_cause"], "The button is called \"Pay now\".");
    assert!(
        found["diagnosis"]["corrected_scenario"]
            .as_str()
            .is_some_and(|case| case.starts_with("#Case 1: Pay"))
    );
    let (text, pictures) = shown(&server.asked().await[0]);
    assert!(pictures >= 1, "{text}");
    for part in ["#Case 1: Pay", "- v1 failed", "- step 1 done", "Paid"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    // What was seen elsewhere is told about the page as it is.
    let given = json!({"url": pages.origin, "scenario": plan, "error": "no such title"});
    let result = client.call("diagnose", &given).await;
    assert_eq!(result.is_error, Some(false), "{:?}", result.content);
    let (text, pictures) = shown(&server.asked().await[1]);
    assert!(text.contains("no such title") && text.contains("Pay now") && pictures == 1, "{text}");
    for (given, code) in [
        (json!({"run_id": run, "url": pages.origin}), "invalid_argument"),
        (json!({"url": pages.origin}), "invalid_argument"),
        (json!({"run_id": "01kunknown"}), "unknown_run"),
        (json!({"run_id": run, "scenario": "Refund"}), "unknown_scenario"),
    ] {
        let refused = client.call("diagnose", &given).await;
        assert_eq!((refused.is_error, &content(&refused)["code"]), (Some(true), &json!(code)));
    }
    assert!(client.leave().await);
    place.is_left().await;
}
