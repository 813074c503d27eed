//! Cassettes: a conversation recorded, and answered again without anybody.

use std::{os::unix::fs::PermissionsExt, path::Path};

use handback::redact::Registered;

use super::*;

async fn with_tape(server: &ModelServer, tape: String) -> Model {
    let settings = Settings { cassette: Some(tape), ..settings(server, true) };
    let secret = Registered {
        value: Secret::new("hunter2-secret".to_owned()),
        placeholder: Some("{{PASSWORD}}".to_owned()),
    };
    let redactor = Arc::new(Redactor::new(vec![secret]));
    let choice = settings.choose().unwrap().unwrap();
    let table = Table::new(None).unwrap();
    let patience = Patience { first: Duration::from_millis(2), ..Patience::default() };
    Model::new(choice, &table, patience, redactor).await.unwrap()
}

/// A conversation of three turns; `ms`, `run` and `id` differ from run to run. Returns what was said.
async fn talk(model: &Model, ms: u32, run: &str, result: &str) -> Result<Vec<Said>, ModelError> {
    let first = vec![text(&format!("Run {run}")), Part::Image(grey(5, image::ImageFormat::Png))];
    let mut request = request(Conversation { first, turns: Vec::new() });
    let mut said = Vec::new();
    for _ in 0..3 {
        let reply = ask(model, &request).await.0?;
        said.extend(reply.said.clone());
        let done = format!("ok after {ms} ms\n{result}");
        if reply.stop == Stop::Tools {
            request.conversation.turns.push(answered(&reply, &done));
        }
    }
    Ok(said)
}

const RUNS: [&str; 2] = ["01jd8zq3v5x4y2k7m9n1p3r5t7", "01jd8zq3v5x4y2k7m9n1p3r5t8"];

async fn recorded(path: &Path) -> (Vec<Said>, String) {
    let say =
        |id: &str| Say::call(id, "click", &json!({"element": "Pay", "note": "hunter2-secret"}));
    let server = ModelServer::scripted(vec![
        Answer::Say(say("toolu_01AAA")),
        Answer::error(529, "overloaded_error", "Overloaded"),
        Answer::Say(say("toolu_01BBB")),
        Answer::Say(Say::text("Paid.")),
    ])
    .await;
    let model = with_tape(&server, format!("record:{}", path.display())).await;
    let said = talk(&model, 412, RUNS[0], "the total is $5").await.unwrap();
    (said, std::fs::read_to_string(path).unwrap())
}

#[tokio::test]
async fn a_recorded_conversation_is_answered_again_without_a_connection() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.cassette");
    let (said, text) = recorded(&path).await;
    assert_eq!(text.lines().count(), 3, "a line a turn: {text}");
    for secret in [KEY, "hunter2-secret", "toolu_01AAA", RUNS[0], "412 ms"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("sha256:") && text.contains("{{PASSWORD}}"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let nobody = ModelServer::scripted(Vec::new()).await;
    let model = with_tape(&nobody, format!("replay:{}", path.display())).await;
    let again = talk(&model, 9, RUNS[1], "the total is $5").await.unwrap();
    assert_eq!(again.len(), said.len());
    let arguments: Vec<_> = again
        .iter()
        .filter_map(|said| match said {
            Said::Call(call) => Some((call.id.as_str(), call.arguments().unwrap()["note"].clone())),
            Said::Text { .. } | Said::Thinking { .. } | Said::Sealed { .. } => None,
        })
        .collect();
    assert_eq!(arguments, [("call-1", json!("{{PASSWORD}}")), ("call-2", json!("{{PASSWORD}}"))]);
    let over = ask(&model, &opening()).await.0.unwrap_err();
    assert!(over.to_string().contains("no more replies"), "{over}");
    assert!(nobody.asked().await.is_empty());
}

#[tokio::test]
async fn another_conversation_is_an_error_that_shows_the_difference() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.cassette");
    recorded(&path).await;
    let nobody = ModelServer::scripted(Vec::new()).await;
    let model = with_tape(&nobody, format!("replay:{}", path.display())).await;
    let error = talk(&model, 9, RUNS[1], "the total is $6").await.unwrap_err().to_string();
    for part in ["line 2", "turns[0].results[0].text, line 2", "the total is $5", "the total is $6"]
    {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[tokio::test]
async fn discovery_is_answered_in_any_order_and_errors_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let tape = directory.path().join("tape");
    let page = |name: &str| {
        let first = vec![text(&format!("Propose cases for {name}"))];
        let request = request(Conversation { first, turns: Vec::new() });
        Request { scope: Scope::Discovery, cache: false, ..request }
    };
    let server = ModelServer::start(|asked| {
        let text = asked.body["messages"][0]["content"][0]["text"].as_str().unwrap().to_owned();
        if text.contains("three") {
            Answer::error(400, "x", "no")
        } else {
            Answer::Say(Say::text(&text))
        }
    })
    .await;
    let model = with_tape(&server, format!("record:{}", tape.display())).await;
    for name in ["one", "two", "three"] {
        drop(ask(&model, &page(name)).await);
    }
    let model = with_tape(&server, format!("replay:{}", tape.display())).await;
    for name in ["two", "three", "one"] {
        let outcome = ask(&model, &page(name)).await.0;
        match outcome {
            Ok(reply) => {
                let text = format!("Propose cases for {name}");
                assert_eq!(reply.said, [Said::Text { text }]);
            }
            Err(error) => assert_eq!((name, error.reason()), ("three", "model_unavailable")),
        }
    }
    assert_eq!(server.asked().await.len(), 3);
}

#[tokio::test]
async fn a_cassette_that_is_none_says_where_it_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let tape = directory.path().join("tape");
    let server = ModelServer::scripted(Vec::new()).await;
    let redactor = || Arc::new(Redactor::new(Vec::new()));
    for (content, expected) in [(None, "reading it"), (Some("\nnonsense\n"), "line 2:")] {
        if let Some(content) = content {
            std::fs::write(&tape, content).unwrap();
        }
        let cassette = Some(format!("replay:{}", tape.display()));
        let choice = Settings { cassette, ..settings(&server, true) }.choose().unwrap().unwrap();
        let table = Table::new(None).unwrap();
        let made = Model::new(choice, &table, Patience::default(), redactor()).await;
        let error = made.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
