//! Replies as bytes, on both wires.

use proptest::prelude::*;

use super::*;
use crate::model::{
    conversation::{Said, ToolCall},
    reply::Stop,
};

const ANTHROPIC: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[],"usage":{"input_tokens":12,"cache_read_input_tokens":300,"cache_creation_input_tokens":40,"output_tokens":1}}}"#,
    "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_start\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Where is it?"}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: news_from_the_future\ndata: not even JSON\n\n",
    "event: content_block_start\n",
    r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    "\n\nevent: content_block_delta\r\n",
    r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Ich öffne "}}"#,
    "\r\n\r\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"das Menü 🍕."}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{}}}"#,
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\n",
    r#"data: {"type":"content_block_start","index":2,"content_block":{"type":"hologram","data":"?"}}"#,
    "\n\nevent: content_block_start\n",
    r#"data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"click","input":{}}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"element\": \"Me"}}"#,
    "\n\nevent: content_block_start\n",
    r#"data: {"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_2","name":"snapshot","input":{}}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"nü\"}"}}"#,
    "\n\nevent: message_delta\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":57}}"#,
    "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const OPENAI: &str = concat!(
    ": keep-alive\n\n",
    r#"data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"reasoning_content":"Where is it?"}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"content":"Ich öffne "}}]}"#,
    "\n\nevent: telemetry\ndata: not even JSON\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"content":"das Menü 🍕."}}]}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"click","arguments":""}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"element\": \"Me"}},{"index":1,"id":"call_b","function":{"name":"snapshot","arguments":""}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"nü\"}"}}]}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    "\n\n",
    r#"data: {"choices":[],"usage":{"prompt_tokens":352,"completion_tokens":57,"prompt_tokens_details":{"cached_tokens":300}}}"#,
    "\n\ndata: [DONE]\n\n",
);

fn read(wire: Wire, pieces: &[&[u8]]) -> (Vec<Event>, Result<Ended, Broken>) {
    let mut parser = Parser::new(wire);
    let mut events = Vec::new();
    for piece in pieces {
        match parser.feed(piece) {
            Ok(more) => events.extend(more),
            Err(broken) => return (events, Err(broken)),
        }
    }
    (events, parser.end())
}

fn call(id: &str, name: &str, arguments: &str) -> Said {
    let (id, name, arguments) = (id.to_owned(), name.to_owned(), arguments.to_owned());
    Said::Call(ToolCall { id, name, arguments })
}

fn text(text: &str) -> Said {
    Said::Text { text: text.to_owned() }
}

#[test]
fn a_reply_of_anthropic_is_read_whole() {
    let (events, ended) = read(Wire::Anthropic, &[ANTHROPIC.as_bytes()]);
    let expected = [
        Event::Reasoning("Where is it?".to_owned()),
        Event::Text("Ich öffne ".to_owned()),
        Event::Text("das Menü 🍕.".to_owned()),
    ];
    assert_eq!(events, expected);
    let thinking = Said::Thinking { text: "Where is it?".to_owned(), signature: "c2ln".to_owned() };
    let said = vec![
        thinking,
        text("Ich öffne das Menü 🍕."),
        call("toolu_1", "click", r#"{"element": "Menü"}"#),
        call("toolu_2", "snapshot", ""),
    ];
    let usage = Usage { requests: 1, input: 12, output: 57, cache_read: 300, cache_write: 40 };
    assert_eq!(ended, Ok(Ended { said, stop: Stop::Tools, usage }));
}

#[test]
fn a_reply_of_openai_is_read_whole() {
    let (events, ended) = read(Wire::OpenAi, &[OPENAI.as_bytes()]);
    assert_eq!(events.len(), 3);
    let said = vec![
        text("Ich öffne das Menü 🍕."),
        call("call_a", "click", r#"{"element": "Menü"}"#),
        call("call_b", "snapshot", ""),
    ];
    let usage = Usage { requests: 1, input: 52, output: 57, cache_read: 300, cache_write: 0 };
    assert_eq!(ended, Ok(Ended { said, stop: Stop::Tools, usage }));
}

#[test]
fn a_reply_that_breaks_off_anywhere_is_no_reply() {
    for (wire, whole) in [(Wire::Anthropic, ANTHROPIC), (Wire::OpenAi, OPENAI)] {
        let end = whole.rfind("message_stop").or_else(|| whole.rfind("finish_reason")).unwrap();
        for at in (0..end).step_by(7) {
            let (_, ended) = read(wire, &[&whole.as_bytes()[..at]]);
            assert_eq!(ended, Err(Broken::Cut), "{wire} cut at {at}");
        }
    }
}

#[test]
fn a_compatible_server_may_leave_out_the_last_word() {
    let without = OPENAI.strip_suffix("data: [DONE]\n\n").unwrap();
    assert!(read(Wire::OpenAi, &[without.as_bytes()]).1.is_ok());
}

#[test]
fn an_error_in_mid_stream_ends_the_reply() {
    let anthropic = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let openai = "data: {\"error\":{\"type\":\"server_error\",\"code\":null,\"message\":\"Overloaded\"}}\n\n";
    for (wire, error, kind) in
        [(Wire::Anthropic, anthropic, "overloaded_error"), (Wire::OpenAi, openai, "server_error")]
    {
        let (kind, message) = (kind.to_owned(), "Overloaded".to_owned());
        assert_eq!(read(wire, &[error.as_bytes()]).1, Err(Broken::Error { kind, message }));
    }
    let bare = read(Wire::OpenAi, &[b"data: {\"error\":\"out of memory\"}\n\n"]).1;
    assert!(matches!(bare, Err(Broken::Error { message, .. }) if message == "out of memory"));
}

#[test]
fn stop_reasons_of_both_have_one_meaning() {
    let anthropic = |reason: &str| {
        let stream = format!(
            "data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\"}}}}\n\ndata: {{\"type\":\"message_stop\"}}\n\n"
        );
        read(Wire::Anthropic, &[stream.as_bytes()]).1.unwrap().stop
    };
    let openai = |reason: &str| {
        let stream = format!(
            "data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\ndata: [DONE]\n\n"
        );
        read(Wire::OpenAi, &[stream.as_bytes()]).1.unwrap().stop
    };
    for (theirs, other, ours) in [
        ("end_turn", "stop", Stop::End),
        ("tool_use", "tool_calls", Stop::Tools),
        ("max_tokens", "length", Stop::Length),
        ("refusal", "content_filter", Stop::Refusal),
        ("new", "new", Stop::Other("new".to_owned())),
    ] {
        assert_eq!((anthropic(theirs), openai(other)), (ours.clone(), ours));
    }
    assert_eq!(anthropic("model_context_window_exceeded"), Stop::Window);
    assert_eq!(anthropic("pause_turn"), Stop::Pause);
    let refusal =
        "data: {\"choices\":[{\"delta\":{\"refusal\":\"No.\"},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(read(Wire::OpenAi, &[refusal.as_bytes()]).1.unwrap().stop, Stop::Refusal);
}

#[test]
fn servers_that_send_calls_in_their_own_way_are_understood() {
    let stream = concat!(
        r#"data: {"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"name":"a","arguments":{"n":1}}}]}}]}"#,
        "\n\n",
        r#"data: {"choices":[{"delta":{"tool_calls":[{"id":"y","function":{"name":"b","arguments":"{}"}}]}}]}"#,
        "\n\n",
        r#"data: {"choices":[{"delta":{"tool_calls":[{"index":7,"id":"","function":{"name":"c","arguments":"{}"}},{"index":8,"id":"x","function":{"name":"d","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        "\n\n",
    );
    let said = read(Wire::OpenAi, &[stream.as_bytes()]).1.unwrap().said;
    let expected = [
        call("x", "a", r#"{"n":1}"#),
        call("y", "b", "{}"),
        call("call_2_", "c", "{}"),
        call("call_3_x", "d", "{}"),
    ];
    assert_eq!(said, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_reply(
        mut cuts in prop::collection::vec(0..4000_usize, 0..40),
        anthropic: bool,
    ) {
        let (wire, whole) = if anthropic { (Wire::Anthropic, ANTHROPIC) } else { (Wire::OpenAi, OPENAI) };
        let bytes = whole.as_bytes();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([bytes.len()]) {
            pieces.push(&bytes[from..cut]);
            from = cut;
        }
        prop_assert_eq!(read(wire, &pieces), read(wire, &[bytes]));
    }

    #[test]
    fn no_bytes_make_a_parser_panic(
        noise in prop::collection::vec(any::<u8>(), 0..64),
        at in 0..4000_usize,
        anthropic: bool,
    ) {
        let (wire, whole) = if anthropic { (Wire::Anthropic, ANTHROPIC) } else { (Wire::OpenAi, OPENAI) };
        let mut bytes = whole.as_bytes().to_vec();
        let at = at.min(bytes.len());
        let until = (at + noise.len()).min(bytes.len());
        bytes.splice(at..until, noise);
        drop(read(wire, &[&bytes]));
    }

    #[test]
    fn no_json_makes_a_parser_panic(
        kind in "(message_start|content_block_start|content_block_delta|message_delta|error|[a-z]{0,3})",
        index in "(-1|0|1|1.5|\"x\"|99999999999999999999|null)",
        inner in r#"(\{"type":"(text|tool_use|text_delta|input_json_delta)","(text|id|partial_json|input)":(1|"x"|\{\}|\[\])\}|null|7|"")"#,
    ) {
        let stream = format!(
            "data: {{\"type\":\"{kind}\",\"index\":{index},\"content_block\":{inner},\"delta\":{inner},\"usage\":{inner},\"error\":{inner},\"choices\":[{{\"delta\":{{\"content\":{inner},\"tool_calls\":[{inner},{{\"index\":{index},\"function\":{inner}}}]}}}}]}}\n\n"
        );
        for wire in [Wire::Anthropic, Wire::OpenAi] {
            drop(read(wire, &[stream.as_bytes(), stream.as_bytes()]));
        }
    }
}
