//! The multiplexer without sockets.

use super::*;

fn text(out: Out) -> String {
    match out {
        Out::Browser(bytes) => format!("browser {}", String::from_utf8(bytes).unwrap()),
        Out::Agent(bytes) => format!("agent {}", String::from_utf8(bytes).unwrap()),
        Out::Event { session, method, .. } => format!("gate {session:?} {method}"),
    }
}

fn seated() -> Mux {
    let mut mux = Mux::default();
    mux.seat_agent("ROOT".to_owned());
    // The root tells of a session that the gate attached.
    let attached = r#"{"method":"Target.attachedToTarget","params":{"sessionId":"OURS"}}"#;
    assert!(matches!(mux.sort(attached.as_bytes()), Some(Out::Event { session: None, .. })));
    mux
}

fn agent(mux: &mut Mux, frame: &str) -> String {
    text(mux.pass_on(frame.as_bytes()).unwrap())
}

fn browser(mux: &mut Mux, frame: &str) -> Option<String> {
    mux.sort(frame.as_bytes()).map(text)
}

#[test]
fn an_agents_frame_goes_out_on_its_session_and_its_answer_comes_back_under_its_id() {
    let mut mux = seated();
    assert_eq!(
        agent(&mut mux, r#"{"id":900,"method":"Target.getTargets","params":{}}"#),
        r#"browser {"id":1,"method":"Target.getTargets","params":{},"sessionId":"ROOT"}"#
    );
    assert_eq!(
        browser(&mut mux, r#"{"id":1,"result":{"a":1},"sessionId":"ROOT"}"#).unwrap(),
        r#"agent {"id":900,"result":{"a":1}}"#
    );
    assert_eq!(browser(&mut mux, r#"{"id":1,"result":{},"sessionId":"ROOT"}"#), None);
}

#[test]
fn sessions_that_the_agent_attaches_are_its_own_and_nest() {
    let mut mux = seated();
    let attached = |child: &str, parent: &str| {
        format!(
            r#"{{"method":"Target.attachedToTarget","params":{{"sessionId":"{child}","targetInfo":{{}},"waitingForDebugger":false}},"sessionId":"{parent}"}}"#
        )
    };
    assert!(browser(&mut mux, &attached("PAGE", "ROOT")).unwrap().starts_with("agent {\"method\""));
    assert!(browser(&mut mux, &attached("FRAME", "PAGE")).unwrap().ends_with("\"PAGE\"}"));
    let frame = r#"{"id":1,"method":"Page.enable","sessionId":"FRAME"}"#;
    assert!(agent(&mut mux, frame).starts_with("browser"));
    let gone = r#"{"method":"Target.detachedFromTarget","params":{"sessionId":"FRAME"},"sessionId":"PAGE"}"#;
    browser(&mut mux, gone).unwrap();
    assert!(agent(&mut mux, frame).contains("foreign_session"));
}

#[test]
fn foreign_sessions_are_refused_and_their_events_are_not_seen() {
    let mut mux = seated();
    for session in ["OURS", "UNKNOWN", ""] {
        let frame = format!(r#"{{"id":5,"method":"Page.enable","sessionId":"{session}"}}"#);
        let answer = agent(&mut mux, &frame);
        assert!(answer.starts_with("agent {\"id\":5,\"error\""), "{answer}");
        assert!(answer.contains("foreign_session"), "{answer}");
    }
    let detach = r#"{"id":6,"method":"Target.detachFromTarget","params":{"sessionId":"OURS"}}"#;
    assert!(agent(&mut mux, detach).contains("params_refused"));
    // Said twice: what is judged is what is sent.
    let twice = r#"{"id":6,"method":"Target.detachFromTarget","params":{"sessionId":"OURS","sessionId":"ROOT"}}"#;
    assert!(
        agent(&mut mux, twice).ends_with(r#""params":{"sessionId":"ROOT"},"sessionId":"ROOT"}"#)
    );
    let event = r#"{"method":"Overlay.inspectNodeRequested","params":{},"sessionId":"OURS"}"#;
    assert_eq!(
        browser(&mut mux, event).unwrap(),
        r#"gate Some("OURS") Overlay.inspectNodeRequested"#
    );
    let event = r#"{"method":"Page.loadEventFired","params":{},"sessionId":"NOBODY"}"#;
    assert_eq!(browser(&mut mux, event), None);
}

#[test]
fn methods_off_the_list_are_refused_and_flat_sessions_are_enforced() {
    let mut mux = seated();
    for method in ["Browser.close", "Overlay.enable", "Target.attachToBrowserTarget"] {
        let answer = agent(&mut mux, &format!(r#"{{"id":5,"method":"{method}"}}"#));
        assert!(answer.contains("method_refused"), "{answer}");
    }
    mux.guard_target("BROWSER".to_owned());
    let attach = r#"{"id":6,"method":"Target.attachToTarget","params":{"targetId":"BROWSER"}}"#;
    assert!(agent(&mut mux, attach).contains("params_refused"));
    let attach =
        r#"{"id":7,"method":"Target.attachToTarget","params":{"targetId":"T","flatten":false}}"#;
    assert!(agent(&mut mux, attach).contains(r#""flatten":true"#));
    assert_eq!(mux.pass_on(b"{}").unwrap_err(), Malformed);
    assert_eq!(mux.pass_on(br#"{"id":1,"id":2,"method":"Page.enable"}"#).unwrap_err(), Malformed);
}

#[test]
fn an_unseated_agent_gets_no_answers_and_no_events() {
    let mut mux = seated();
    agent(
        &mut mux,
        r#"{"id":1,"method":"Input.dispatchMouseEvent","params":{"type":"mousePressed","button":"left","x":1,"y":1}}"#,
    );
    assert!(mux.agent_input_waits());
    assert_eq!(mux.release(Size { width: 100, height: 100 }).len(), 2);
    mux.unseat_agent();
    assert!(!mux.agent_input_waits());
    assert_eq!(browser(&mut mux, r#"{"id":1,"result":{},"sessionId":"ROOT"}"#), None);
    let event = r#"{"method":"Page.loadEventFired","params":{},"sessionId":"ROOT"}"#;
    assert_eq!(browser(&mut mux, event), None);
    assert!(agent(&mut mux, r#"{"id":2,"method":"Page.enable"}"#).contains("foreign_session"));
}

#[test]
fn a_refusal_for_want_of_the_lease_says_why_and_until_which_epoch() {
    let refusal =
        Mux::lease_refusal(br#"{"id":31,"method":"Page.enable"}"#, Refusal::Human, 8).unwrap();
    let refusal: Value = serde_json::from_slice(&refusal).unwrap();
    assert_eq!(refusal["id"], 31);
    assert_eq!(refusal["error"]["code"], -32001);
    let data = json!({"code": "lease_revoked", "reason": "human", "epoch": 8, "handoff": null});
    assert_eq!(refusal["error"]["data"], data);
}

#[tokio::test]
async fn the_gates_own_commands_are_answered_on_their_own() {
    let mut mux = seated();
    let (answer, wait) = oneshot::channel();
    let frame = mux.call(Some("OURS"), "DOM.enable", &json!({}), answer);
    assert_eq!(frame, br#"{"id":1,"method":"DOM.enable","params":{},"sessionId":"OURS"}"#);
    assert_eq!(browser(&mut mux, r#"{"id":1,"result":{"x":1},"sessionId":"OURS"}"#), None);
    assert_eq!(wait.await.unwrap(), Ok(json!({"x": 1})));
    let (answer, wait) = oneshot::channel();
    mux.call(None, "Browser.setContentsSize", &json!({}), answer);
    assert_eq!(browser(&mut mux, r#"{"id":2,"error":{"code":-1,"message":"page text"}}"#), None);
    assert_eq!(wait.await.unwrap(), Err(ChromeError::Refused("Browser.setContentsSize")));
}
