//! Turns with a model, on both wires, against a server that refuses what the real ones refuse.

mod cassettes;
mod refusals;
mod retries;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use handback::{
    model::{
        Model, Progress,
        choice::{Choice, Settings},
        conversation::{Conversation, Part, Said, ToolCall, ToolResult, Turn},
        error::ModelError,
        image::Image,
        known::Table,
        reply::{Event, Reply, Stop, Usage},
        request::{Request, Scope, Tool},
        retry::Patience,
    },
    redact::Redactor,
    secret::Secret,
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::model_server::{Answer, ModelServer, Say};

/// Of no known form: what hides it is that it is known to be the key.
const KEY: &str = "our-key-0123456789";
const BOTH: [bool; 2] = [true, false];

/// What a person sets for this server.
fn settings(server: &ModelServer, anthropic: bool) -> Settings {
    let key = Some(Secret::new(KEY.to_owned()));
    let model = if anthropic { "claude-haiku-5-5" } else { "openai:gpt-4o" };
    Settings {
        model: Some(model.to_owned()),
        base_url: Some(server.base(anthropic)),
        anthropic_key: key.clone(),
        openai_key: key,
        ..Settings::default()
    }
}

async fn model_of(choice: Choice) -> Model {
    // As many attempts as ever, with waits of milliseconds.
    let patience = Patience {
        first: Duration::from_millis(2),
        silence: Duration::from_secs(20),
        ..Patience::default()
    };
    let table = Table::new(None).unwrap();
    Model::new(choice, &table, patience, Arc::new(Redactor::new(Vec::new()))).await.unwrap()
}

async fn model(server: &ModelServer, anthropic: bool) -> Model {
    model_of(settings(server, anthropic).choose().unwrap().unwrap()).await
}

fn tools() -> Arc<[Tool]> {
    ["click", "wait"]
        .map(|name| Tool {
            name,
            description: format!("Does {name}."),
            schema: json!({"type": "object", "properties": {"element": {"type": "string"}}}),
        })
        .into()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn request(conversation: Conversation) -> Request {
    Request {
        scope: Scope::Main,
        system: "You test web applications.".to_owned(),
        tools: tools(),
        conversation,
        max_output_tokens: 4096,
        cache: true,
        last: None,
    }
}

fn opening() -> Request {
    request(Conversation { first: vec![text("Open the menu.")], turns: Vec::new() })
}

fn grey(width: u32, format: image::ImageFormat) -> Image {
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(width, 4).write_to(&mut file, format).unwrap();
    Image::new(Bytes::from(file.into_inner())).unwrap()
}

/// Asks, and keeps what was told meanwhile.
async fn ask(model: &Model, request: &Request) -> (Result<Reply, ModelError>, Vec<Progress>) {
    let mut told = Vec::new();
    let cancel = CancellationToken::new();
    let outcome = model.turn(request, &cancel, &mut |progress| told.push(progress)).await;
    (outcome, told)
}

/// A turn after this reply, with a plain result for each of its calls.
fn answered(reply: &Reply, result: &str) -> Turn {
    let results = reply.calls().map(|call| ToolResult::ok(&call.id, result, Vec::new())).collect();
    Turn::new(reply.said.clone(), reply.context, results, Vec::new()).unwrap()
}

#[tokio::test]
async fn a_turn_streams_text_and_ends_with_calls_and_usage() {
    for anthropic in BOTH {
        let say = Say::text("I open the menu.")
            .and_call("call_1", "click", r#"{"element":"Menü 🍕"}"#)
            .and_call("call_2", "wait", "{oops")
            .used(100, 20, 1000, 50);
        let server = ModelServer::scripted(vec![Answer::Say(say)]).await;
        let model = model(&server, anthropic).await;
        let (outcome, told) = ask(&model, &opening()).await;
        let reply = outcome.unwrap();
        assert_eq!(reply.stop, Stop::Tools);
        let calls: Vec<_> = reply.calls().collect();
        assert_eq!(calls[0].arguments().unwrap()["element"], "Menü 🍕");
        assert!(calls[1].arguments().is_err());
        let input = if anthropic { (100, 50) } else { (150, 0) };
        let usage = Usage {
            requests: 1,
            input: input.0,
            output: 20,
            cache_read: 1000,
            cache_write: input.1,
        };
        assert_eq!(reply.usage, usage);
        let streamed: String = told
            .iter()
            .filter_map(|progress| {
                let Progress::Said(Event::Text(text)) = progress else { return None };
                Some(text.as_str())
            })
            .collect();
        assert_eq!(streamed, "I open the menu.");
        assert!(told.contains(&Progress::Spent(usage)));
        assert_eq!(told.last(), Some(&Progress::Said(Event::Stop(Stop::Tools))));
        let cost = model.known().cost(&reply.usage).unwrap();
        assert!(cost > 0.0 && cost < 0.01, "{cost}");
    }
}

#[tokio::test]
async fn a_conversation_goes_on_with_thinking_as_it_was_signed() {
    let mut number = 0;
    let server = ModelServer::start(move |_| {
        number += 1;
        let say = Say::call(&format!("toolu_{number}"), "click", &json!({"element": "x"}));
        Answer::Say(say.thinking("Where is it?"))
    })
    .await;
    let choice = Settings { model: Some("claude-opus-5-5".to_owned()), ..settings(&server, true) };
    let model = model_of(choice.choose().unwrap().unwrap()).await;
    let mut request = opening();
    for _ in 0..3 {
        let (outcome, _) = ask(&model, &request).await;
        request.conversation.turns.push(answered(&outcome.unwrap(), "ok: a long tree"));
    }
    let thinking = |at: usize, asked: &[crate::support::model_server::Asked]| {
        asked[at].body.to_string().matches(r#""type":"thinking""#).count()
    };
    assert_eq!(thinking(2, &server.asked().await), 2);

    // What changes before a signature makes it worthless; the newest one is still good.
    request.conversation.turns[0].results_mut()[0].text = "(left out)".to_owned();
    let (outcome, _) = ask(&model, &request).await;
    request.conversation.turns.push(answered(&outcome.unwrap(), "ok"));
    ask(&model, &request).await.0.unwrap();
    let asked = server.asked().await;
    assert_eq!((thinking(3, &asked), thinking(4, &asked)), (1, 2), "the first turn's stays");
}

#[tokio::test]
async fn a_cut_reply_keeps_its_complete_calls() {
    for anthropic in BOTH {
        let say = Say::text("")
            .and_call("a", "click", r#"{"element":"x"}"#)
            .and_call("b", "click", r#"{"elem"#)
            .stop("max_tokens");
        let server = ModelServer::scripted(vec![Answer::Say(say)]).await;
        let reply = ask(&model(&server, anthropic).await, &opening()).await.0.unwrap();
        assert_eq!((reply.calls().count(), reply.cut_call, reply.stop), (1, true, Stop::Length));
    }
}

#[tokio::test]
async fn a_refusal_is_a_reply() {
    for anthropic in BOTH {
        let server =
            ModelServer::scripted(vec![Answer::Say(Say::text("No.").stop("refusal"))]).await;
        let reply = ask(&model(&server, anthropic).await, &opening()).await.0.unwrap();
        assert_eq!(reply.stop, Stop::Refusal);
    }
}

/// Any pieces: blank texts, failed calls with images, replies that said nothing, names made up.
fn conversations() -> impl Strategy<Value = Conversation> {
    let texts = prop_oneof![Just(String::new()), Just(" \n".to_owned()), "[a-zé🍕{}\"]{1,12}"];
    let part = prop_oneof![
        texts.clone().prop_map(Part::Text),
        any::<bool>().prop_map(|jpeg| {
            let format = if jpeg { image::ImageFormat::Jpeg } else { image::ImageFormat::Png };
            Part::Image(grey(8, format))
        }),
    ];
    let arguments =
        prop_oneof![Just(""), Just("{}"), Just(r#"{"element":"x"}"#), Just("{oops"), Just("[1]")];
    let name = prop_oneof![Just("click"), Just("browser.click now"), Just("")];
    let call = (name, arguments, any::<bool>(), texts.clone(), any::<bool>());
    let turn = (
        texts.clone(),
        prop::option::of("[a-z]{1,8}"),
        prop::collection::vec(call, 0..4),
        prop::collection::vec(part.clone(), 0..3),
    );
    (prop::collection::vec(part, 0..4), prop::collection::vec(turn, 0..6)).prop_map(
        |(mut first, turns)| {
            first.push(text("Go."));
            let mut talk = Conversation { first, turns: Vec::new() };
            for (number, (said_text, sealed, calls, mut after)) in turns.into_iter().enumerate() {
                let mut said = vec![Said::Text { text: said_text }];
                said.extend(sealed.map(|data| Said::Sealed { data }));
                let mut results = Vec::new();
                for (at, (name, arguments, fails, result, image)) in calls.into_iter().enumerate() {
                    let id = format!("call.{number}/{at}");
                    let images =
                        image.then(|| grey(3, image::ImageFormat::Png)).into_iter().collect();
                    results.insert(
                        0,
                        if fails {
                            ToolResult::error(&id, "not_found", result, images)
                        } else {
                            ToolResult::ok(&id, result, images)
                        },
                    );
                    let (name, arguments) = (name.to_owned(), arguments.to_owned());
                    said.push(Said::Call(ToolCall { id, name, arguments }));
                }
                after.push(text("Go on."));
                let turn = Turn::new(said, talk.context(), results, after).unwrap();
                talk.turns.push(turn);
            }
            talk
        },
    )
}

#[test]
fn no_conversation_makes_a_request_that_a_provider_refuses() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for anthropic in BOTH {
        let (server, model) = runtime.block_on(async {
            let server = ModelServer::start(|_| Answer::Say(Say::text("Yes."))).await;
            let model = model(&server, anthropic).await;
            (server, model)
        });
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
        TestRunner::new(config)
            .run(&(conversations(), any::<bool>()), |(conversation, cache)| {
                let request = Request { cache, ..request(conversation) };
                let outcome = runtime.block_on(ask(&model, &request)).0;
                prop_assert!(outcome.is_ok(), "{outcome:?}");
                Ok(())
            })
            .unwrap();
        runtime.block_on(async { drop(server) });
    }
}
