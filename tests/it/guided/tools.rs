//! What a model gets for its calls: typed errors, changes, pictures, and a conversation that levels off.

use super::*;

// agent.md 17.6, 17.7, 17.8
#[tokio::test(flavor = "multi_thread")]
async fn every_failure_is_a_typed_error_and_a_failed_step_and_fails_nothing_by_itself() {
    let wrong: Vec<(&str, Value, &str)> = vec![
        ("fly", json!({}), "unknown_tool"),
        ("click", json!({"elemant": "Save"}), "invalid_argument"),
        ("click", json!({"element": 5}), "invalid_argument"),
        ("press_key", json!({"key": "NoSuchKey"}), "invalid_argument"),
        ("scroll", json!({"y": 0, "into_view": true}), "invalid_argument"),
        (
            "assert",
            json!({"description": "d", "passed": true, "evidence": "e", "check": "v9"}),
            "invalid_argument",
        ),
        (
            "assert",
            json!({"description": "d", "passed": true, "evidence": "e",
                "predicate": {"kind": "title", "op": "matches", "value": "("}}),
            "invalid_argument",
        ),
        ("click", json!({"element": "x", "ref": "e999"}), "stale_ref"),
        ("click", json!({"element": "Nowhere button", "timeout_ms": 50}), "not_found"),
        ("click", json!({"element": "Send button", "timeout_ms": 50}), "not_actionable"),
        ("click", json!({"element": "first button", "timeout_ms": 50, "button": "left"}), ""),
        ("wait", json!({"text": "never", "ms": 50}), "timeout"),
        ("evaluate", json!({"expression": "throw new Error('x')"}), "evaluate_failed"),
        ("navigate", json!({"url": "ftp://x"}), "invalid_argument"),
        ("wait_for_verification_code", json!({"timeout_seconds": 1}), "mail_unavailable"),
    ];
    let mut says: Vec<_> =
        wrong.iter().map(|(name, arguments, _)| call(name, arguments.clone())).collect();
    says.extend([assert_check("v1", true), complete(true)]);
    let server = saying(says).await;
    let outcome = guided(&server, PAGE, "Try.\nVerify \"Names\" is visible").await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    let asked = server.asked().await;
    for (at, (name, arguments, code)) in wrong.iter().enumerate() {
        let step = &outcome.results.scenarios[0].steps[at];
        assert_eq!(step.code.as_deref().unwrap_or_default(), *code, "{name} {arguments}");
        let told = texts(&asked[at + 1]);
        let told = told.iter().rev().find(|text| !text.starts_with('[')).unwrap();
        if code.is_empty() {
            assert!(told.starts_with("ok\n"), "{told}");
        } else {
            assert!(told.starts_with(&format!("error {code}")), "{name}: {told}");
        }
    }
    assert_eq!(outcome.results.scenarios[0].steps[0].action, "fly", "the tool's own name");
    let typed = texts(&asked[9]).join("\n");
    assert!(typed.contains("closest"), "the nearest names are told: {typed}");
}

// agent.md 17.39
#[tokio::test(flavor = "multi_thread")]
async fn a_ref_stays_good_when_the_model_was_told_that_its_element_is_called_otherwise_now() {
    let page = "<button id=b onclick=\"this.textContent += '!'\">Go</button>";
    let server = ModelServer::start(|asked| {
        let button = || reference(asked, "button");
        Answer::Say(match asked.number {
            0 | 1 | 3 => call("click", json!({"element": "Go", "ref": button()})),
            2 => call("evaluate", json!({"expression": "b.textContent = 'Went'"})),
            4 => assert_check("v1", true),
            _ => complete(true),
        })
    })
    .await;
    let outcome = guided(&server, page, "Try.\nVerify \"Went!\" is visible").await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    let refs: Vec<_> =
        outcome.results.scenarios[0].steps.iter().filter_map(|it| it.args.get("ref")).collect();
    assert_eq!(refs, ["e1", "e1", "e1"]);
}

// agent.md 17.13, 17.18
// snapshot.md 8, B9
#[tokio::test(flavor = "multi_thread")]
async fn what_acts_tells_changes_and_shows_the_page_and_what_reads_does_not() {
    let server = ModelServer::start(|asked| {
        Answer::Say(match asked.number {
            0 => call("type_text", json!({"element": "Name field", "text": "Ada"})),
            1 => call("snapshot", json!({"find": "Save"})),
            2 => call("evaluate", json!({"expression": "1 + 1"})),
            3 => call("evaluate", json!({"expression": "out.textContent = 'by script'"})),
            4 => call("screenshot", json!({})),
            5 => call("navigate", json!({"url": "/"})),
            6 => call("suggest_improvement", json!({"title": "Label", "severity": "minor", "description": "d", "suggestion": "s"})),
            7 => assert_check("v1", true),
            _ => complete(true),
        })
    })
    .await;
    let outcome = guided(&server, PAGE, "Try.\nVerify \"Names\" is visible").await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    let asked = server.asked().await;
    let image = |n: usize| {
        let last = asked[n].body["messages"].as_array().unwrap().last().unwrap();
        last.to_string().contains("\"image\"")
    };
    let shown: Vec<_> = (1..=7).filter(|n| image(*n)).collect();
    assert_eq!(shown, [1, 5, 6], "type_text, screenshot and navigate are seen");
    let told = |n: usize| newest(&asked[n]);
    assert!(told(1).contains("textbox \"Name\""), "{}", told(1));
    assert!(told(2).contains("button \"Save\"") && !told(2).contains("button \"Send\""));
    assert!(told(3).contains("data: ") && !told(3).contains("changes:"), "{}", told(3));
    assert!(told(4).contains("changes:") && told(4).contains("by script"), "{}", told(4));
    assert!(told(6).contains("changes: new page") && told(6).contains("heading \"Names\""));
    assert_eq!(outcome.results.improvements[0]["title"], "Label");
    assert!(outcome.results.improvements[0]["screenshot"].is_string());
}

// agent.md 17.18
#[tokio::test(flavor = "multi_thread")]
async fn in_a_run_of_sixty_turns_the_requests_level_off() {
    let server = ModelServer::start(|asked| {
        Answer::Say(match asked.number {
            n @ 0..60 if n.is_multiple_of(3) => call("snapshot", json!({})),
            0..60 => call("press_key", json!({"key": "Tab"})),
            60 => assert_check("v1", true),
            _ => complete(true),
        })
    })
    .await;
    let outcome = guided(&server, PAGE, "Try.\nVerify \"Names\" is visible").await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    let sizes: Vec<usize> =
        server.asked().await.iter().map(|one| one.body.to_string().len()).collect();
    let early = sizes[15..30].iter().max().unwrap();
    let late = sizes[45..].iter().max().unwrap();
    assert!(late * 10 <= early * 13, "{early} early, {late} late: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_answers_the_dialog_that_its_click_has_opened() {
    let server = saying(vec![
        call("click", json!({"element": "Delete button"})),
        call("click", json!({"element": "Save button"})),
        call("handle_dialog", json!({"accept": false})),
        assert_check("v1", true),
        complete(true),
    ])
    .await;
    let outcome =
        guided(&server, PAGE, "Delete, but do not mean it.\nVerify \"Kept\" is visible").await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    assert_eq!(
        steps(&outcome, 0)[..3],
        ["click completed", "click failed dialog_open", "handle_dialog completed"]
            .map(str::to_owned)
    );
    assert_eq!(outcome.results.dialogs[0]["by"], "agent");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_extensions_there_are_the_eighteen_and_no_dialog_waits() {
    let server = saying(vec![
        call("click", json!({"element": "Delete button"})),
        call("hover", json!({"element": "Save button"})),
        assert_check("v1", true),
        complete(true),
    ])
    .await;
    let (mut run, _pages) =
        on_page(&server, false, PAGE, "Delete.\nVerify \"Gone\" is visible").await;
    run.model.extensions = handback::agent::assignment::Extensions::Only(Vec::new());
    let outcome = run.run().await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    assert_eq!(steps(&outcome, 0)[1], "hover failed unknown_tool");
    assert_eq!(server.asked().await[0].body["tools"].as_array().unwrap().len(), 18);
}

// agent.md 17.22
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_lost_is_replaced_once_and_the_scenario_goes_on() {
    let (first, second) = (crate::chromium::Chromium::start(), crate::chromium::Chromium::start());
    let victim = first.0.pid();
    let server = ModelServer::start(move |asked| {
        if asked.number == 1 {
            let pid = rustix::process::Pid::from_raw(i32::try_from(victim).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        Answer::Say(match asked.number {
            0 => call("type_text", json!({"element": "Name field", "text": "Ada"})),
            1 | 2 => call("click", json!({"element": "Save button"})),
            3 => assert_check("v1", true),
            _ => complete(true),
        })
    })
    .await;
    let (run, _pages) =
        on_page(&server, true, PAGE, "Save nothing.\nVerify \"Saved\" is visible").await;
    let outcome = Driven { browsers: vec![seat(second), seat(first)], ..run }.run().await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    assert_eq!(steps(&outcome, 0)[1], "click failed browser_lost");
    let told = newest(&server.asked().await[2]);
    assert!(told.contains("The browser was replaced"), "{told}");
}
