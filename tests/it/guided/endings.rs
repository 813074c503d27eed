//! How scenarios end, and which endings pass (agent.md 7.4 and 8.1).

use std::time::Duration;

use super::*;
use tokio_util::sync::CancellationToken;

/// A plan of so many scenarios, each with one check.
fn cases(count: usize) -> String {
    let one = |n| format!("# Case {n}: {n}\nLook.\nVerify \"Names\" is visible\n");
    (1..=count).map(one).collect::<Vec<_>>().concat()
}

// agent.md 17.4
#[tokio::test(flavor = "multi_thread")]
async fn only_a_completion_over_covered_checks_that_hold_passes() {
    let no_predicate = |passed| {
        call("assert", json!({"description": "nice", "passed": passed, "evidence": "I saw it"}))
    };
    let server = saying(vec![
        // 1: claimed true, and so it is.
        assert_check("v1", true),
        complete(true),
        // 2: claimed false, and it is true: what the runner sees decides.
        assert_check("v1", false),
        complete(true),
        // 3: another assertion has failed.
        assert_check("v1", true),
        no_predicate(false),
        complete(true),
        // 4: the check is asserted by nobody, and the second completion counts.
        no_predicate(true),
        complete(true),
        complete(true),
        // 5: nothing is asserted at all.
        complete(true),
        complete(true),
        // 6: declared failed.
        assert_check("v1", true),
        complete(false),
    ])
    .await;
    let outcome = guided(&server, PAGE, &cases(6)).await;
    assert_eq!(
        verdicts(&outcome),
        [
            "passed",
            "passed",
            "failed assertion_failed",
            "failed checks_uncovered",
            "failed no_assertions checks_uncovered",
            "failed declared_failed"
        ],
        "{}",
        outcome.told()
    );
    let second = &outcome.results.scenarios[1].assertions[0];
    assert_eq!((second.claimed, second.passed, second.disagreement), (Some(false), true, true));
    assert_eq!(
        steps(&outcome, 3),
        [
            "assert completed",
            "complete_scenario failed checks_uncovered",
            "complete_scenario completed"
        ]
    );
    let refused = texts(&server.asked().await[9]).pop().unwrap();
    assert!(refused.starts_with("error checks_uncovered") && refused.contains("v1"), "{refused}");
    assert_eq!(outcome.results.counts.unverified, 2);
}

// agent.md 17.5
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_the_page_denies_fails_and_both_are_recorded() {
    let plan = "Look.\nVerify \"Nowhere\" is visible\nVerify \"Send\" button is enabled";
    let claim = |check: &str, predicate: Value| {
        call(
            "assert",
            json!({
                "description": check, "passed": true, "evidence": "seen", "check": check,
                "predicate": predicate,
            }),
        )
    };
    let server = saying(vec![
        claim("v1", json!({"kind": "url", "op": "contains", "value": "/elsewhere"})),
        claim("v2", json!({"kind": "text_visible", "text": "Hello"})),
        complete(true),
    ])
    .await;
    let outcome = guided(&server, PAGE, plan).await;
    assert_eq!(verdicts(&outcome), ["failed assertion_failed"], "{}", outcome.told());
    for assertion in &outcome.results.scenarios[0].assertions {
        assert_eq!(
            (assertion.claimed, assertion.passed, assertion.disagreement),
            (Some(true), false, true)
        );
        assert!(assertion.tree_sha256.is_some() && assertion.screenshot.is_some());
        let found: Vec<_> =
            assertion.predicates.iter().map(|one| (&*one.source, one.outcome)).collect();
        assert_eq!(found, [("check", false), ("model", false)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_stops_calling_tools_is_reminded_twice_and_never_passes() {
    let cut = || {
        call("scroll", json!({"y": 1})).and_call("toolu_cut", "click", "{\"elem").stop("max_tokens")
    };
    let server = saying(vec![
        assert_check("v1", true),
        Say::text("All is well."),
        Say::text("As I said."),
        Say::text("Goodbye."),
        // A cut reply counts with them; its complete call is carried out.
        assert_check("v1", true),
        Say::text("Hm."),
        cut(),
        cut(),
        Say::text("No.").stop("refusal"),
    ])
    .await;
    let outcome = guided(&server, PAGE, &cases(3)).await;
    assert_eq!(
        verdicts(&outcome),
        ["failed no_completion", "failed truncated", "failed model_refused"],
        "{}",
        outcome.told()
    );
    assert_eq!(
        steps(&outcome, 1),
        ["assert completed", "scroll completed", "scroll completed"],
        "the calls that were cut are not there"
    );
    let asked = server.asked().await;
    assert!(newest(&asked[2]).contains("no tool call"), "{}", newest(&asked[2]));
    assert!(newest(&asked[7]).contains("cut off"), "{}", newest(&asked[7]));
}

// agent.md 17.7
#[tokio::test(flavor = "multi_thread")]
async fn calls_after_a_completion_are_skipped() {
    let last = assert_check("v1", true)
        .and_call(&id(), "complete_scenario", "{\"summary\":\"done\",\"passed\":true}")
        .and_call(&id(), "click", "{\"element\":\"Save button\"}");
    let server = saying(vec![last]).await;
    let outcome = guided(&server, PAGE, &cases(1)).await;
    assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
    assert_eq!(
        steps(&outcome, 0),
        ["assert completed", "complete_scenario completed", "click skipped"]
    );
}

// agent.md 17.21
#[tokio::test(flavor = "multi_thread")]
async fn budgets_end_scenario_and_run_as_aborted() {
    let look = || call("snapshot", json!({}));
    let server = saying(vec![look(), look(), look(), look()]).await;
    let (run, _pages) = on_page(&server, true, PAGE, &cases(2)).await;
    let outcome = Driven { max_steps: Some(2), ..run }.run().await;
    assert_eq!(verdicts(&outcome), ["aborted step_budget", "aborted step_budget"]);
    assert_eq!((outcome.exit, server.asked().await.len()), (4, 4));

    // Each reply is of 1170 tokens.
    let server = saying(vec![look(), look()]).await;
    let (mut run, _pages) = on_page(&server, true, PAGE, &cases(2)).await;
    run.model.max_tokens = Some(1500);
    let outcome = run.run().await;
    assert_eq!(verdicts(&outcome), ["aborted token_budget", "skipped token_budget"]);
    assert_eq!(outcome.exit, 4);
    assert!(outcome.told().contains("budget of 1500 tokens"));
}

// agent.md 17.19
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_never_there_is_asked_six_times_a_scenario_and_steps_are_kept() {
    let server = ModelServer::start(|asked| match asked.number {
        0 => Answer::Say(call("scroll", json!({"y": 5}))),
        _ => Answer::error(529, "overloaded_error", "Overloaded"),
    })
    .await;
    let outcome = guided(&server, PAGE, &cases(4)).await;
    assert_eq!(
        verdicts(&outcome),
        [
            "errored model_unavailable",
            "errored model_unavailable",
            "skipped model_unavailable",
            "skipped model_unavailable"
        ],
        "{}",
        outcome.told()
    );
    assert_eq!(steps(&outcome, 0), ["scroll completed"]);
    assert_eq!((outcome.exit, server.asked().await.len()), (3, 1 + 6 + 6));
    let retries = outcome.events().iter().filter(|one| one["type"] == "model_retry").count();
    assert_eq!(retries, 10);
}

// agent.md 17.20
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_ends_the_run_at_once() {
    let server = saying(Vec::new()).await;
    server.require_key("another").await;
    let outcome = guided(&server, PAGE, &cases(3)).await;
    assert_eq!(
        verdicts(&outcome),
        ["errored model_auth", "skipped model_auth", "skipped model_auth"]
    );
    assert_eq!((outcome.exit, server.asked().await.len()), (3, 1));
    assert!(!outcome.told().contains(KEY), "{}", outcome.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_does_not_fit_is_shortened_twice_before_it_is_given_up() {
    let too_long = || Answer::error(413, "request_too_large", "Request exceeds the maximum size");
    let server = ModelServer::start(move |asked| match asked.number {
        0..=3 => Answer::Say(call("snapshot", json!({}))),
        6 => Answer::Say(assert_check("v1", true)),
        7 => Answer::Say(complete(true)),
        _ => too_long(),
    })
    .await;
    let outcome = guided(&server, PAGE, &cases(2)).await;
    assert_eq!(verdicts(&outcome), ["passed", "errored context_overflow"], "{}", outcome.told());
    let asked = server.asked().await;
    let turns = |n: usize| asked[n].body["messages"].as_array().unwrap().len();
    assert_eq!((turns(4), turns(5), turns(6)), (9, 5, 1));
    let left = texts(&asked[6]).join("\n");
    assert!(left.contains("- snapshot: Read the page — ok"), "{left}");
    assert!(left.contains("textbox \"Name\""), "the latest tree stays: {left}");
    assert_eq!(asked.len(), 8 + 3);
}

// agent.md 17.21
#[tokio::test(flavor = "multi_thread")]
async fn after_a_cancellation_nothing_is_asked_and_nothing_done() {
    let server = ModelServer::start(|asked| match asked.number {
        0 => Answer::Say(call("scroll", json!({"y": 5}))),
        _ => Answer::Silence,
    })
    .await;
    let (run, _pages) = on_page(&server, true, PAGE, &cases(2)).await;
    let cancel = CancellationToken::new();
    let run = Driven { cancel: cancel.clone(), ..run };
    let ended = async {
        server.came(2).await;
        let began = tokio::time::Instant::now();
        cancel.cancel();
        began
    };
    let (outcome, began) = tokio::join!(run.run(), ended);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(verdicts(&outcome), ["cancelled cancelled", "skipped cancelled"]);
    assert_eq!((outcome.exit, server.asked().await.len()), (5, 2));
    assert_eq!(steps(&outcome, 0), ["scroll completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_in_direct_phrases_needs_no_model_and_the_next_one_hears_of_it() {
    let plan = "# Case 1: Direct\nClick \"Save\"\nVerify \"Saved\" is visible\n\
        # Case 2: Judged\nSee whether the page is friendly.\nVerify the page is friendly";
    let server = saying(vec![assert_check("v1", true), complete(true)]).await;
    let (run, _pages) = on_page(&server, true, PAGE, plan).await;
    let outcome = Driven { wheel: Wheel::Auto, ..run }.run().await;
    assert_eq!(verdicts(&outcome), ["passed", "passed"], "{}", outcome.told());
    let drivers: Vec<_> = outcome.results.scenarios.iter().map(|one| &*one.driver).collect();
    assert_eq!(drivers, ["direct", "model"]);
    let first = texts(&server.asked().await[0]).join("\n");
    assert!(first.contains("Case 1: Direct: PASSED — 1 of 1 checks passed."), "{first}");
}
