//! Scenarios that a model drives, on a real Chromium. The model is a script behind a server that refuses
//! what the real ones refuse.

mod endings;
mod hostile;
mod tools;

use std::time::Duration;

use handback::{
    agent::assignment::{ModelWish, Wheel},
    model::{choice::Settings, retry::Patience},
    secret::Secret,
};
use serde_json::{Value, json};

use crate::{
    driven::{Driven, Outcome, seat},
    lent::Lent,
    pages::Pages,
    support::model_server::{Answer, Asked, ModelServer, Say},
};

/// Of no known form: what hides it is that it is known to be the key.
const KEY: &str = "our-key-0123456789";

/// A page with a field, a button that says what was typed, and a question.
const PAGE: &str = "<title>Names</title><main><h1>Names</h1>
    <label>Name <input id=name></label>
    <button onclick=\"out.textContent = 'Saved ' + document.getElementById('name').value\">Save</button>
    <button disabled>Send</button>
    <button onclick=\"out.textContent = confirm('Sure?') ? 'Gone' : 'Kept'\">Delete</button>
    <p id=out></p></main>";

/// The model that `server` plays.
fn wish(server: &ModelServer, anthropic: bool) -> ModelWish {
    let key = Some(Secret::new(KEY.to_owned()));
    let model = if anthropic { "claude-haiku-5-5" } else { "openai:gpt-4o" };
    let settings = Settings {
        model: Some(model.to_owned()),
        base_url: Some(server.base(anthropic)),
        anthropic_key: key.clone(),
        openai_key: key,
        ..Settings::default()
    };
    ModelWish {
        choice: settings.choose().unwrap(),
        patience: Patience {
            first: Duration::from_millis(2),
            silence: Duration::from_secs(20),
            ..Patience::default()
        },
        ..ModelWish::default()
    }
}

/// `plan` on a page, driven by the model of `server`.
async fn guided(server: &ModelServer, page: &str, plan: &str) -> Outcome {
    let (run, _pages) = on_page(server, true, page, plan).await;
    run.run().await
}

/// The same, before it begins.
async fn on_page(server: &ModelServer, anthropic: bool, page: &str, plan: &str) -> (Driven, Pages) {
    let pages = Pages::start(&[("/", page)]).await;
    let url = format!("{}/", pages.origin);
    let run = Driven::new(&url, plan, vec![seat(Lent::borrow().await)]);
    let model = wish(server, anthropic);
    (Driven { wheel: Wheel::Model, model, ..run }, pages)
}

/// A server that says these one after the other.
async fn saying(says: Vec<Say>) -> ModelServer {
    ModelServer::scripted(says.into_iter().map(Answer::Say).collect()).await
}

/// A call with an id of its own.
#[expect(clippy::needless_pass_by_value, reason = "made for the call")]
fn call(name: &str, arguments: Value) -> Say {
    Say::call(&id(), name, &arguments)
}

fn id() -> String {
    format!("toolu_{}", ulid::Ulid::new())
}

/// Asserts a check.
fn assert_check(check: &str, passed: bool) -> Say {
    let text = format!("{check} as it was seen");
    call(
        "assert",
        json!({"description": text, "passed": passed, "evidence": "seen", "check": check}),
    )
}

/// Ends the scenario.
fn complete(passed: bool) -> Say {
    call("complete_scenario", json!({"summary": "done", "passed": passed}))
}

/// All text of a request's messages, in order, in no provider's form.
fn texts(asked: &Asked) -> Vec<String> {
    let mut found = Vec::new();
    for message in asked.body["messages"].as_array().into_iter().flatten() {
        collect(&message["content"], &mut found);
    }
    found
}

fn collect(content: &Value, found: &mut Vec<String>) {
    match content {
        Value::String(text) => found.push(text.clone()),
        Value::Array(parts) => {
            for part in parts {
                match part["text"].as_str() {
                    Some(text) => found.push(text.to_owned()),
                    None => collect(&part["content"], found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

/// The newest text of a request.
fn newest(asked: &Asked) -> String {
    texts(asked).pop().unwrap_or_default()
}

/// The ref of the line with this in it, in the newest text that has one.
fn reference(asked: &Asked, line: &str) -> String {
    let texts = texts(asked);
    let found = texts.iter().rev().find_map(|text| {
        let line = text.lines().find(|one| one.contains(line) && one.contains("[ref="))?;
        line.split("[ref=").nth(1)?.split(']').next()
    });
    found.unwrap_or_else(|| panic!("{line} is in none of {texts:#?}")).to_owned()
}

/// Verdict and reasons of every scenario.
fn verdicts(outcome: &Outcome) -> Vec<String> {
    let one = |scenario: &handback::agent::results::Scenario| {
        let mut words = vec![scenario.verdict.map_or("none", |verdict| verdict.as_str())];
        words.extend(scenario.reasons.iter().map(|reason| reason.as_str()));
        words.join(" ")
    };
    outcome.results.scenarios.iter().map(one).collect()
}

/// Tool, status and code of every step of a scenario.
fn steps(outcome: &Outcome, scenario: usize) -> Vec<String> {
    let one = |step: &handback::agent::results::Step| {
        let status = serde_json::to_value(step.status).unwrap();
        let code = step.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        format!("{} {}{code}", step.tool, status.as_str().unwrap())
    };
    outcome.results.scenarios[scenario].steps.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_reads_the_page_acts_asserts_and_passes_on_both_wires() {
    for anthropic in [true, false] {
        let server = ModelServer::start(|asked| {
            Answer::Say(match asked.number {
                0 => {
                    let reference = reference(asked, "textbox \"Name\"");
                    let typed =
                        json!({"element": "Name field", "ref": reference, "text": "{{WHO}}"});
                    Say::text("I fill the form.").and_call(
                        "toolu_1",
                        "type_text",
                        &typed.to_string(),
                    )
                }
                1 => call("click", json!({"element": "Save button"})),
                2 => assert_check("v1", true),
                _ => complete(true),
            })
        })
        .await;
        let plan = "# Case 1: Save a name\nSave the name {{WHO}}.\nVerify \"Saved Ada\" is visible";
        let (run, _pages) = on_page(&server, anthropic, PAGE, plan).await;
        let who = ("WHO".to_owned(), "Ada".to_owned());
        let variables =
            handback::agent::plan::variables::Variables::new(vec![who], vec![]).unwrap();
        let outcome = Driven { variables, ..run }.run().await;
        assert_eq!(verdicts(&outcome), ["passed"], "{}", outcome.told());
        assert_eq!(outcome.exit, 0);
        assert_eq!(
            steps(&outcome, 0),
            [
                "type_text completed",
                "click completed",
                "assert completed",
                "complete_scenario completed"
            ]
        );
        let scenario = &outcome.results.scenarios[0];
        let assertion = &scenario.assertions[0];
        assert_eq!((assertion.claimed, assertion.verified), (Some(true), true));
        assert_eq!(assertion.predicates[0].source, "check", "the check's own words are looked up");
        let typed = &scenario.steps[0];
        assert_eq!(typed.description, "Type into Name field");
        assert_eq!(typed.args["text"], "[7 characters]", "what is typed is in no record");
        assert_eq!(outcome.results.usage.main.requests, 4);
        assert_eq!(outcome.results.driver, "model");
        assert!(outcome.results.model.is_some());

        let asked = server.asked().await;
        let first = texts(&asked[0]).join("\n");
        for part in [
            "The browser shows the URL under test",
            "textbox \"Name\"",
            "v1: Verify",
            "{{WHO}} is \"Ada\"",
        ] {
            assert!(first.contains(part), "{part}: {first}");
        }
        assert!(asked[0].body.to_string().contains("image"), "the page is shown");
        let told = texts(&asked[2]).join("\n");
        assert!(told.contains("changes:") && told.contains("Saved Ada"), "{told}");
        let told = texts(&asked[3]).join("\n");
        assert!(told.contains("PASSED: \"Saved Ada\" is visible"), "{told}");
        assert!(told.contains("Every check is asserted."), "{told}");
        let events = outcome.events();
        let types: Vec<_> = events.iter().filter_map(|one| one["type"].as_str()).collect();
        assert_eq!(types.iter().filter(|one| **one == "usage").count(), 4);
        assert_eq!(types.iter().filter(|one| **one == "reasoning").count(), 1);
    }
}

// agent.md 17.38
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_by_a_model_and_by_itself_gives_the_same_tools_results_and_verdict() {
    let plan = "# Case 1: Save a name\nType \"Ada\" into the \"Name\" field\nClick \"Save\"\nVerify \"Saved Ada\" is visible";
    let server = saying(vec![
        call("type_text", json!({"element": "\"Name\" field", "text": "Ada"})),
        call("click", json!({"element": "\"Save\""})),
        assert_check("v1", true),
        complete(true),
    ])
    .await;
    let by_model = guided(&server, PAGE, plan).await;
    let pages = Pages::start(&[("/", PAGE)]).await;
    let url = format!("{}/", pages.origin);
    let direct = Driven::new(&url, plan, vec![seat(Lent::borrow().await)]).run().await;
    assert_eq!(verdicts(&direct), ["passed"], "{}", direct.told());
    assert_eq!(verdicts(&by_model), verdicts(&direct), "{}", by_model.told());
    assert_eq!(steps(&by_model, 0), steps(&direct, 0));
    let shape = |outcome: &Outcome| -> Vec<Vec<String>> {
        let steps = &outcome.results.scenarios[0].steps;
        let keys = |value: &Value| -> Vec<String> {
            let fields = value.as_object().unwrap();
            fields.keys().filter(|key| *key != "changes" && *key != "notes").cloned().collect()
        };
        steps.iter().map(|step| keys(&step.result)).collect()
    };
    assert_eq!(shape(&by_model), shape(&direct));
}
