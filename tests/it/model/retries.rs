//! One retry layer (agent.md 7.6, rows 19 to 21 of 17): what is tried again, how often, and what not.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::*;

fn status(status: u16) -> Answer {
    // The words are a trap: only the status counts.
    Answer::error(status, "some_error", "rate limit, prompt is too long, 529 overloaded")
}

fn again(told: &[Progress]) -> Vec<(u32, Option<u16>)> {
    told.iter()
        .filter_map(|progress| match progress {
            Progress::Again { attempt, status, .. } => Some((*attempt, *status)),
            Progress::Said(_) | Progress::Spent(_) => None,
        })
        .collect()
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_resumes_the_same_turn() {
    let say = || Say::text("I had begun.").and_call("a", "click", "{}");
    for anthropic in BOTH {
        for (failure, counted) in [
            (status(429).with("retry-after", "0"), Some(429)),
            (status(408), Some(408)),
            (status(409), Some(409)),
            (status(500), Some(500)),
            (status(529), Some(529)),
            (Answer::ErrorEvent(say()), Some(529)),
            (Answer::HangUp, None),
            (Answer::Broken { say: say(), bytes: 300, reset: false }, None),
            (Answer::Broken { say: say(), bytes: 300, reset: true }, None),
            (Answer::Broken { say: say(), bytes: 0, reset: false }, None),
        ] {
            let answers = vec![failure.clone(), Answer::Say(Say::text("Done."))];
            let server = ModelServer::scripted(answers).await;
            let (outcome, told) = ask(&model(&server, anthropic).await, &opening()).await;
            let reply = outcome.unwrap_or_else(|error| panic!("{failure:?}: {error}"));
            assert_eq!(reply.said, [Said::Text { text: "Done.".to_owned() }]);
            assert_eq!(again(&told), [(2, counted)], "{failure:?}");
            let asked = server.asked().await;
            assert_eq!(asked.len(), 2);
            assert_eq!(asked[0].body, asked[1].body);
            let spent = told.iter().filter(|one| matches!(one, Progress::Spent(_))).count();
            assert_eq!(spent, 2, "each request is counted");
        }
    }
}

#[tokio::test]
async fn with_529_for_ever_there_are_six_requests() {
    for anthropic in BOTH {
        let server = ModelServer::start(|_| status(529)).await;
        let (outcome, told) = ask(&model(&server, anthropic).await, &opening()).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.reason(), "model_unavailable");
        assert!(error.to_string().contains("6 attempts, the last failed: HTTP 529"), "{error}");
        assert_eq!((server.asked().await.len(), again(&told).len()), (6, 5));
    }
}

#[tokio::test]
async fn what_would_be_refused_again_is_not_tried_again() {
    for anthropic in BOTH {
        for code in [400, 404, 422] {
            let server = ModelServer::scripted(vec![status(code)]).await;
            let (outcome, _) = ask(&model(&server, anthropic).await, &opening()).await;
            assert_eq!(outcome.unwrap_err().reason(), "model_unavailable", "{code}");
            assert_eq!(server.asked().await.len(), 1);
        }
        let server = ModelServer::scripted(vec![status(403)]).await;
        let (outcome, _) = ask(&model(&server, anthropic).await, &opening()).await;
        assert!(matches!(outcome, Err(ModelError::Auth { status: 403, .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = ModelServer::scripted(Vec::new()).await;
    let redirect = status(307).with("location", &format!("{}/v1/messages", other.base(true)));
    let server = ModelServer::scripted(vec![redirect]).await;
    assert!(ask(&model(&server, true).await, &opening()).await.0.is_err());
    assert!(other.asked().await.is_empty());
}

#[tokio::test]
async fn a_refused_key_is_refused_once_and_not_shown() {
    for anthropic in BOTH {
        let server = ModelServer::scripted(Vec::new()).await;
        server.require_key("another").await;
        let model = model(&server, anthropic).await;
        let error = ask(&model, &opening()).await.0.unwrap_err();
        assert_eq!(error.reason(), "model_auth");
        assert!(!error.to_string().contains(KEY), "{error}");
        assert!(!format!("{model:?}").contains(KEY));
        assert_eq!(server.asked().await.len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_was_replaced_in_its_file_is_read_again_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    for anthropic in BOTH {
        std::fs::write(&file, "old\n").unwrap();
        let server = ModelServer::start(|_| Answer::Say(Say::text("Yes."))).await;
        server.require_key("new").await;
        let settings = Settings { key_file: Some(file.clone()), ..settings(&server, anthropic) };
        let model = model_of(settings.choose().unwrap().unwrap()).await;
        assert_eq!(ask(&model, &opening()).await.0.unwrap_err().reason(), "model_auth");
        assert_eq!(server.asked().await.len(), 1, "it is the same key");

        std::fs::write(&file, "new\n").unwrap();
        let (outcome, told) = ask(&model, &opening()).await;
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(again(&told), [(2, Some(401))]);
        ask(&model, &opening()).await.0.unwrap();
        assert_eq!(server.asked().await.len(), 4, "the new one stays");

        server.require_key("newer").await;
        std::fs::write(&file, "wrong\n").unwrap();
        assert_eq!(ask(&model, &opening()).await.0.unwrap_err().reason(), "model_auth");
        assert_eq!(server.asked().await.len(), 6, "once, and no more");
    }
}

#[tokio::test]
async fn a_conversation_that_is_too_long_is_told_apart() {
    let kind = "invalid_request_error";
    let long = |words: usize| {
        request(Conversation { first: vec![text(&"word ".repeat(words))], turns: Vec::new() })
    };
    // 200 000 tokens are this model's window: 162 500 are over 80 % of it, 137 500 are not.
    for (words, answer, reason) in [
        (130_000, Answer::error(400, kind, "?"), "context_overflow"),
        (110_000, Answer::error(400, kind, "prompt is too long"), "model_unavailable"),
        (10, Answer::error(413, "request_too_large", "?"), "context_overflow"),
        (10, Answer::Say(Say::text("I").stop("model_context_window_exceeded")), "context_overflow"),
    ] {
        let server = ModelServer::scripted(vec![answer.clone()]).await;
        let settings =
            Settings { model: Some("claude-haiku-4-5".to_owned()), ..settings(&server, true) };
        let model = model_of(settings.choose().unwrap().unwrap()).await;
        let error = ask(&model, &long(words)).await.0.unwrap_err();
        assert_eq!(error.reason(), reason, "{answer:?}");
    }
    let body = json!({"error": {"code": "context_length_exceeded", "message": "?"}}).to_string();
    let answer = Answer::Status { status: 400, headers: Vec::new(), body };
    let server = ModelServer::scripted(vec![answer]).await;
    let error = ask(&model(&server, false).await, &long(10)).await.0.unwrap_err();
    assert_eq!(error.reason(), "context_overflow");
}

#[tokio::test]
async fn silence_is_a_failed_attempt_before_the_first_byte_and_after_it() {
    for silent in [Answer::Silence, Answer::Stalled { say: Say::text("I had begun."), bytes: 200 }]
    {
        let mut answers = vec![silent.clone()].into_iter();
        let server = ModelServer::start(move |_| {
            answers.next().unwrap_or_else(|| Answer::Say(Say::text("Done.")))
        })
        .await;
        let choice = settings(&server, true).choose().unwrap().unwrap();
        // Long enough for an answer that is given on a busy machine.
        let silence = Duration::from_secs(1);
        let patience = Patience { first: Duration::from_millis(2), silence, ..Patience::default() };
        let redactor = Arc::new(Redactor::new(Vec::new()));
        let table = Table::new(None).unwrap();
        let model = Model::new(choice, &table, patience, redactor).await.unwrap();
        let (outcome, told) = ask(&model, &opening()).await;
        assert!(outcome.is_ok(), "{silent:?}: {outcome:?}");
        assert_eq!(again(&told).first(), Some(&(2, None)));
    }
}

#[tokio::test]
async fn a_cancellation_ends_a_turn_within_its_grace_and_nothing_is_sent_after_it() {
    for answer in [
        Answer::Silence,
        Answer::Stalled { say: Say::text("I had begun."), bytes: 400 },
        status(429).with("retry-after", "50"),
    ] {
        let server = ModelServer::scripted(vec![answer.clone()]).await;
        let model = model(&server, true).await;
        let (cancel, request) = (CancellationToken::new(), opening());
        let mut told = Vec::new();
        let mut tell = |progress| told.push(progress);
        let turn = model.turn(&request, &cancel, &mut tell);
        let cancelled = async {
            server.came(1).await;
            cancel.cancel();
            Instant::now()
        };
        let both = timeout(Duration::from_secs(20), async { tokio::join!(turn, cancelled) });
        let (outcome, since) = both.await.unwrap();
        assert_eq!(outcome, Err(ModelError::Cancelled), "{answer:?}");
        assert!(since.elapsed() < Duration::from_secs(1), "{answer:?}");
        assert!(told.iter().any(|one| matches!(one, Progress::Spent(_))), "it was sent: {told:?}");
        assert_eq!(ask_cancelled(&model, &cancel).await, Err(ModelError::Cancelled));
        assert_eq!(server.asked().await.len(), 1);
    }
}

async fn ask_cancelled(model: &Model, cancel: &CancellationToken) -> Result<Reply, ModelError> {
    model.turn(&opening(), cancel, &mut |_| {}).await
}
