//! The gate in the process: real sockets, real HTTP and `WebSocket`s, scripted neighbours.

mod chrome;
pub(crate) mod house;
mod peers;
pub(crate) mod pod;
mod stream;
mod xvnc;

use std::time::Duration;

use handback::{
    gate::Why,
    pod::contract::{FromBrowser, FromGate, Size, ToGate},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Error;

use house::{House, Person, RUN, token};

/// How long anything may take on a noisy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const SECOND: Duration = Duration::from_secs(1);

fn status(error: Error) -> u16 {
    let Error::Http(response) = error else { panic!("{error:?}") };
    response.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_lets_one_page_in_once() {
    let house = House::new().await;
    let address = house.handle.address(Some("/runs/x/player.html")).await.unwrap();
    let url = address.url.expose().to_owned();
    assert!(url.starts_with(&format!("http://{}/#t=", house.host())), "{url}");
    assert!(url.ends_with("&p=/runs/x/player.html"));
    let address = house.handle.address(None).await.unwrap();
    let secret = token(&address);
    let mut person = Person::new(house.address);
    let (code, body) = person.session(&[("X-Handback-Token", &secret)]).await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(body["me"], "ada");
    assert_eq!(body["state"]["run"]["phase"], "running");
    assert_eq!(body["state"]["viewers"], json!([{"seat": "s1", "name": "ada"}]));
    address.used.await.unwrap();
    let (code, body) = person.session(&[("X-Handback-Token", &secret)]).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (401, &json!("token_refused")));
    let (code, body) = person.session(&[]).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (401, &json!("token_required")));
    assert!(!format!("{:?}", house.handle.address(None).await.unwrap()).contains("#t="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_gets_the_same_seat() {
    let house = House::new().await;
    let mut person = house.person().await;
    let (seat, proof) = (person.seat.clone(), person.proof());
    let (code, _) = person.session(&[("X-Handback-Seat", &proof)]).await;
    assert_eq!((code, &person.seat), (StatusCode::OK, &seat));
    assert_eq!(person.post("/api/presence", Value::Null).await.0, StatusCode::NO_CONTENT);
    let wrong = format!("{seat}.wrong");
    assert_eq!(person.session(&[("X-Handback-Seat", &wrong)]).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_needs_a_seat_our_host_and_our_origin() {
    let house = House::new().await;
    let person = house.person().await;
    let nobody = Person::new(house.address);
    let cookie = person.cookie.clone();
    let proof = person.proof();
    for path in ["/api/events", "/runs/01jrun/results.json", "/api/presence", "/api/keep"] {
        let method = if path.contains("/api/e") || path.contains("/runs") {
            Method::GET
        } else {
            Method::POST
        };
        let (code, headers, _) = nobody.raw(method.clone(), path, &[], "").await;
        assert_eq!(code, StatusCode::UNAUTHORIZED, "{path}");
        assert!(
            headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'")
        );
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(!headers.contains_key("access-control-allow-origin"));
        let seat = [("Cookie", cookie.as_str()), ("X-Handback-Seat", &proof)];
        let foreign = [&seat[..], &[("Origin", "http://shop.test")]].concat();
        assert_eq!(nobody.raw(method.clone(), path, &foreign, "").await.0, StatusCode::FORBIDDEN);
        let host = format!("127.0.0.1:{}", house.address.port());
        let foreign = [&seat[..], &[("Host", host.as_str())]].concat();
        assert_eq!(nobody.raw(method, path, &foreign, "").await.0.as_u16(), 421, "{path}");
    }
    // The page itself holds nothing of a run; but it too is only for our host.
    let (code, _, _) = nobody.raw(Method::GET, "/", &[("Host", "evil.test")], "").await;
    assert_eq!(code.as_u16(), 421);
    assert_ne!(nobody.raw(Method::GET, "/", &[], "").await.0.as_u16(), 401);
    assert_eq!(nobody.raw(Method::GET, "/assets/../Cargo.toml", &[], "").await.0, 404);
    // The cookie alone changes nothing.
    let alone = [("Cookie", cookie.as_str())];
    let (code, _, _) = nobody.raw(Method::POST, "/api/presence", &alone, "").await;
    assert_eq!(code, StatusCode::UNAUTHORIZED);
    // Nor does the secret alone.
    let alone = [("X-Handback-Seat", proof.as_str())];
    let (code, _, _) = nobody.raw(Method::POST, "/api/presence", &alone, "").await;
    assert_eq!(code, StatusCode::UNAUTHORIZED);
    for path in ["/api/rfb", "/api/control"] {
        let protocols = format!("handback, seat.{proof}");
        let foreign = person.socket_with(path, "http://shop.test", &protocols).await;
        assert_eq!(status(foreign.unwrap_err()), 403);
        let bare = person.socket_with(path, &person.origin(), "handback").await;
        assert_eq!(status(bare.unwrap_err()), 401);
    }
    assert_eq!(status(person.socket("/api/control").await.unwrap_err()), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_watch_and_the_seventeenth_waits() {
    let house = House::new().await;
    for _ in 0..16 {
        house.person().await;
    }
    let address = house.handle.address(None).await.unwrap();
    let mut late = Person::new(house.address);
    let (code, body) = late.session(&[("X-Handback-Token", &token(&address))]).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (429, &json!("too_many")));
    // Three beats missed: they are gone.
    house.clock.pass(45 * SECOND);
    let (code, _) = late.session(&[("X-Handback-Token", &token(&address))]).await;
    assert_eq!(code, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_drives_under_its_epoch_and_its_sessions_only() {
    // So narrow that the gate keeps its own session, the first, for the page's size.
    let narrow = Size { width: 400, height: 720 };
    let house = House::with(true, |config| config.viewport = narrow).await;
    let mut agent = house.agent().await;
    assert_eq!(agent.epoch, 1);
    let answer = agent.call(json!({"id": 7, "method": "Target.getTargets", "params": {}})).await;
    assert_eq!(answer["result"]["targetInfos"][0]["targetId"], "PAGE1");
    assert!(answer.get("sessionId").is_none());
    let attach = json!({"id": 8, "method": "Target.attachToTarget", "params": {"targetId": "PAGE1", "flatten": true}});
    let session = agent.call(attach).await["result"]["sessionId"].clone();
    let enable =
        |id: u64, session: &Value| json!({"id": id, "method": "Page.enable", "sessionId": session});
    assert_eq!(agent.call(enable(9, &session)).await["result"], json!({}));
    // Sessions of the gate's and sessions that do not exist look the same.
    for foreign in ["SESSION1", "SESSION99", "x"] {
        let answer = agent.call(enable(10, &foreign.into())).await;
        assert_eq!(answer["error"]["data"]["code"], "foreign_session", "{foreign}");
    }
    // Nor does the agent hear what happens on them.
    let event = |session: &str| {
        json!({"method": "Page.loadEventFired", "params": {}, "sessionId": session}).to_string()
    };
    house.peers.events.send(event("SESSION1")).unwrap();
    house.peers.events.send(event(session.as_str().unwrap())).unwrap();
    assert_eq!(agent.cdp().await["sessionId"], session);
    let answer = agent.call(json!({"id": 11, "method": "Browser.close"})).await;
    assert_eq!(answer["error"]["data"]["code"], "method_refused");
    let stale = json!({"id": 12, "method": "Page.enable", "sessionId": session});
    agent.send(0, &stale).await;
    let answer = agent.cdp().await;
    assert_eq!(answer["error"]["data"]["reason"], "stale_epoch");
    assert_eq!(answer["error"]["data"]["code"], "lease_revoked");
    agent.say(&ToGate::ToolBegin { id: 3, tool: "click".to_owned() }).await;
    assert!(matches!(agent.hear().await, FromGate::ToolAdmitted { id: 3 }));
    let sent = house.peers.chrome.all();
    assert!(sent.iter().all(|frame| frame["method"] != "Browser.close"));
    // The page was given its size before the agent came.
    let place = |method: &str| sent.iter().position(|frame| frame["method"] == method).unwrap();
    let metrics = place("Emulation.setDeviceMetricsOverride");
    assert!(metrics < place("Target.attachToBrowserTarget"));
    assert_eq!(sent[metrics]["params"]["width"], 400);
    assert_eq!(sent[metrics]["sessionId"], "SESSION1");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_end_the_agent_is_refused_and_what_it_held_is_let_go() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    let attach =
        json!({"id": 1, "method": "Target.attachToTarget", "params": {"targetId": "PAGE1"}});
    let session = agent.call(attach).await["result"]["sessionId"].clone();
    let press = |id: u64, method: &str, params: Value| json!({"id": id, "method": method, "params": params, "sessionId": session});
    let key = json!({"type": "keyDown", "key": "Shift", "code": "ShiftLeft"});
    agent.call(press(2, "Input.dispatchKeyEvent", key)).await;
    let button = json!({"type": "mousePressed", "button": "left", "x": 10, "y": 10});
    agent.call(press(3, "Input.dispatchMouseEvent", button)).await;
    agent.finish(&house.path("run")).await;
    let epoch = agent.epoch;
    let frame = json!({"id": 50, "method": "Page.enable", "sessionId": session});
    agent.send(epoch, &frame).await;
    let answer = agent.cdp().await;
    assert_eq!(
        answer["error"]["data"],
        json!({"code": "lease_revoked", "reason": "none", "epoch": 2, "handoff": null})
    );
    house
        .peers
        .chrome
        .wait(|frame| {
            frame["method"] == "Target.detachFromTarget"
                && frame["params"]["sessionId"] == "SESSION2"
        })
        .await;
    let said: Vec<Value> = house.peers.chrome.all();
    let inputs: Vec<_> = said
        .iter()
        .filter(|frame| frame["method"].as_str().unwrap().starts_with("Input."))
        .map(|frame| frame["params"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(inputs, ["keyDown", "mousePressed", "keyUp", "mouseMoved", "mouseReleased"]);
    let last =
        said.iter().rev().find(|frame| frame["method"] == "Input.dispatchMouseEvent").unwrap();
    assert_eq!(last["params"]["x"], 1279.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_the_agent_left_unanswered_holds_up_the_person() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    let person = house.person().await;
    let attach =
        json!({"id": 1, "method": "Target.attachToTarget", "params": {"targetId": "PAGE1"}});
    let session = agent.call(attach).await["result"]["sessionId"].clone();
    let detached = || {
        let gone = |frame: &Value| frame["params"]["sessionId"] == "SESSION2";
        house.peers.chrome.all().iter().any(gone)
    };
    house.peers.deaf.send_replace(true);
    let press = json!({"id": 2, "method": "Input.insertText", "params": {"text": "a"}, "sessionId": session});
    let key = json!({"id": 3, "method": "Input.dispatchKeyEvent", "params": {"type": "keyDown", "code": "KeyA"}, "sessionId": session});
    agent.send(agent.epoch, &press).await;
    agent.send(agent.epoch, &key).await;
    agent.finish(&house.path("run")).await;
    let waiting = person.clone();
    let mut asking = JoinSet::new();
    asking.spawn(async move { waiting.post("/api/takeover", Value::Null).await });
    // The gate is alive, and nobody holds the browser.
    person.seen().await;
    assert!(!detached());
    house.peers.deaf.send_replace(false);
    let (code, body) = asking.join_next().await.unwrap().unwrap();
    assert_eq!(code, StatusCode::OK, "{body}");
    assert!(detached());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_over_while_the_run_goes_on_and_stop_run_reaches_the_agent() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    let person = house.person().await;
    let (code, body) = person.post("/api/takeover", Value::Null).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (409, &json!("run_not_finished")));
    let (code, body) = person.post("/api/stop", json!({"what": "browser"})).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (409, &json!("run_not_finished")));
    assert_eq!(person.post("/api/stop", json!({"what": "run"})).await.0, StatusCode::ACCEPTED);
    let FromGate::StopRun { by, .. } = agent.hear().await else { panic!("not told") };
    assert_eq!(by, "ada");
    agent.finish(&house.path("run")).await;
    let (code, body) = person.post("/api/stop", json!({"what": "run"})).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (409, &json!("run_finished")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_cannot_act_and_who_drives_can() {
    let house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    let mut events = person.events(None).await;
    let mut screen = person.screen().await;
    screen.send(&[2, 0, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 0xfe, 0xc8, 0xff, 0xff, 0xfe, 0xc4]).await;
    // Everything that acts, as a patched page would send it.
    let raw: &[&[u8]] = &[
        &[4, 1, 0, 0, 0, 0, 0, 0x61],
        &[5, 1, 0, 10, 0, 20],
        &[255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 30],
        &[6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'],
        &[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 0],
        &[251, 0, 4, 0, 3, 0, 0, 0],
        &[250, 0, 1, 2],
    ];
    screen.send(&raw.concat()).await;
    screen.settle().await;
    person.seen().await;
    assert_eq!(house.peers.input(), Vec::<Value>::new());
    let notice = events.find("notice", |_| true).await;
    assert_eq!(notice["code"], "input_ignored");
    // Without fences upstream none was forwarded; unknown encodings neither.
    let encodings = house.peers.display.wait(|note| note["type"] == 2).await;
    assert_eq!(encodings["encodings"], json!([7, -312]));
    assert_eq!(house.peers.display.all()[0]["shared"], 1);

    let mut control = person.take_over().await;
    screen.send(&raw[0..2].concat()).await;
    let pressed = house.peers.display.wait(|note| note["type"] == 5).await;
    assert_ne!(pressed["connection"], 0, "input went out on the viewer's own connection");
    // Extended keys and sizes go out because the injector negotiated them.
    screen.send(&[raw[2], raw[3], raw[4], raw[5], raw[6]].concat()).await;
    house.peers.display.wait(|note| note["type"] == 251).await;
    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    house.peers.display.wait(|note| note["type"] == "closed").await;
    let seen: Vec<Value> = house.peers.display.all();
    let injected: Vec<_> =
        seen.iter().filter(|note| note["connection"] == pressed["connection"]).collect();
    let kinds: Vec<_> = injected.iter().map(|note| note["type"].clone()).collect();
    // Set up; what was typed; keys up in reverse; away with the button down, then up; the size as it
    // was; the fence; closed.
    assert_eq!(
        json!(kinds),
        json!(["init", 2, 4, 5, 255, 6, 251, 255, 4, 5, 5, 251, 248, "closed"])
    );
    assert_eq!(injected[1]["encodings"], json!([0, -258, -308, -312]));
    assert_eq!(injected[8]["down"], 0);
    assert_eq!([&injected[9]["buttons"], &injected[9]["x"], &injected[9]["y"]], [1, 1023, 767]);
    assert_eq!([&injected[10]["buttons"], &injected[10]["x"], &injected[10]["y"]], [0, 1023, 767]);
    assert_eq!(injected[11]["size"], json!([5, 0, 3, 40]));
    let before = house.peers.input().len();
    screen.send(&raw.concat()).await;
    screen.settle().await;
    person.seen().await;
    assert_eq!(house.peers.input().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_is_refused_with_the_holders_name_and_a_second_tab_may_move() {
    let house = House::new().await;
    house.finished().await;
    let ada = house.person().await;
    let bob = house.person_named("bob").await;
    let tab = house.person().await;
    let mut control = ada.take_over().await;
    let (code, body) = bob.post("/api/takeover", Value::Null).await;
    assert_eq!(code, StatusCode::CONFLICT);
    assert_eq!((&body["error"]["code"], &body["holder"]), (&json!("already_held"), &json!("ada")));
    let (code, _) = bob.post("/api/takeover", json!({"move": true})).await;
    assert_eq!(code, StatusCode::CONFLICT);
    assert_eq!(tab.post("/api/takeover", Value::Null).await.0, StatusCode::CONFLICT);
    let (code, body) = tab.post("/api/takeover", json!({"move": true})).await;
    assert_eq!(code, StatusCode::OK, "{body}");
    assert_eq!(control.revoked().await, "moved");
    let mut here = tab.control().await;
    assert_eq!(here.hear().await["state"], "granted");
    // Asked again, it is the same grant.
    let (_, again) = tab.post("/api/takeover", Value::Null).await;
    assert_eq!(again["epoch"], body["epoch"]);
    here.say(json!({"type": "release", "outcome": "cancel"})).await;
    assert_eq!(here.revoked().await, "cancelled");
    bob.take_over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_page_is_cut_off_and_its_place_is_kept_for_a_minute() {
    let house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    let mut screen = person.screen().await;
    let mut control = person.take_over().await;
    screen.send(&[5, 1, 0, 10, 0, 20]).await;
    house.peers.display.wait(|note| note["type"] == 5).await;
    control.say(json!({"type": "heartbeat", "n": 5})).await;
    let beat = control.hear_type("heartbeat").await;
    assert_eq!((&beat["n"], &beat["remainingMs"]), (&json!(5), &json!(3_600_000)));
    house.clock.pass(15 * SECOND);
    // The button comes up, away from where it went down.
    house.peers.display.wait(|note| note["type"] == 5 && note["buttons"] == 0).await;
    let count = house.peers.input().len();
    screen.send(&[5, 1, 0, 10, 0, 20]).await;
    screen.settle().await;
    person.seen().await;
    assert_eq!(house.peers.input().len(), count);
    let mut again = person.control().await;
    assert_eq!(again.hear().await["state"], "granted");
    screen.send(&[5, 0, 0, 30, 0, 40]).await;
    house.peers.display.wait(|note| note["x"] == 30).await;
    // The browser's page goes: ten seconds, then it is anybody's.
    let body = json!({"seat": person.seat}).to_string();
    let cookie = [("Cookie", person.cookie.as_str())];
    let (code, _, _) = person.raw(Method::POST, "/api/beacon", &cookie, &body).await;
    assert_eq!(code, StatusCode::NO_CONTENT);
    person.seen().await;
    house.clock.pass(10 * SECOND);
    assert_eq!(again.revoked().await, "dead_man");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_is_announced_twice_and_ends_the_hold() {
    let house = House::with(true, |config| config.keep_alive = None).await;
    house.finished().await;
    let person = house.person().await;
    let mut control = person.take_over().await;
    let beat = async |control: &mut house::Control, left: u64| {
        // Time passes in steps that the heartbeat allows.
        loop {
            house.clock.pass(10 * SECOND);
            control.say(json!({"type": "heartbeat", "n": 1})).await;
            let heard = control.hear_type("heartbeat").await;
            if heard["remainingMs"].as_u64().unwrap() <= left {
                return;
            }
        }
    };
    beat(&mut control, 70_000).await;
    house.clock.pass(10 * SECOND);
    assert_eq!(control.hear_type("warning").await["remainingMs"], 60_000);
    beat(&mut control, 20_000).await;
    house.clock.pass(10 * SECOND);
    assert_eq!(control.hear_type("warning").await["remainingMs"], 10_000);
    house.clock.pass(10 * SECOND);
    assert_eq!(control.revoked().await, "deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bytes_and_floods_close_the_connection_with_their_code() {
    let house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    for bytes in [&[9][..], &[255, 1], &[6, 0, 0, 0, 0x7f, 0, 0, 0], &[2, 0, 255, 255]] {
        let mut screen = person.screen().await;
        screen.send(bytes).await;
        assert_eq!(screen.closed().await, 4400, "{bytes:?}");
    }
    let mut screen = person.screen().await;
    screen.send(&[5, 0, 0, 1, 0, 1].repeat(4001)).await;
    assert_eq!(screen.closed().await, 4429);
    assert!(house.peers.input().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn paste_and_inspect_are_for_who_drives() {
    let house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    let mut control = person.take_over().await;
    control.say(json!({"type": "paste", "text": "päste"})).await;
    let pasted = house.peers.chrome.wait(|frame| frame["method"] == "Input.insertText").await;
    assert_eq!(pasted["params"]["text"], "päste");
    control.say(json!({"type": "highlight", "action": "inspect", "enabled": true})).await;
    let mode = house
        .peers
        .chrome
        .wait(|frame| {
            frame["method"] == "Overlay.setInspectMode"
                && frame["params"]["mode"] == "searchForNode"
        })
        .await;
    control.say(json!({"type": "nonsense"})).await;
    assert_eq!(control.hear_type("error").await["code"], "unknown_message");
    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    house
        .peers
        .chrome
        .wait(|frame| {
            frame["method"] == "Target.detachFromTarget"
                && frame["params"]["sessionId"] == mode["sessionId"]
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_served_by_range_and_by_registered_name_only() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    std::fs::write(house.path("run/unregistered.txt"), "x").unwrap();
    std::fs::write(house.path("secret"), "x").unwrap();
    std::os::unix::fs::symlink(house.path("secret"), house.path("run/link")).unwrap();
    agent.artifact("link", "results", "text/plain").await;
    agent.artifact("../secret", "results", "text/plain").await;
    agent.say(&ToGate::Record).await;
    assert!(matches!(agent.hear().await, FromGate::Recording(_)));
    agent.say(&ToGate::CloseVideo { keep: true }).await;
    assert!(
        matches!(agent.hear().await, FromGate::VideoClosed(report) if report.duration_ms == 1500)
    );
    std::fs::remove_file(house.path("run/link")).unwrap();
    std::fs::write(house.path("run/link"), "").unwrap();
    agent.finish(&house.path("run")).await;
    std::fs::remove_file(house.path("run/link")).unwrap();
    std::os::unix::fs::symlink(house.path("secret"), house.path("run/link")).unwrap();
    let person = house.person().await;
    let at = |name: &str| format!("/runs/{RUN}/{name}");

    let (code, headers, body) = person.get(&at("results.json"), &[]).await;
    assert_eq!((code, body.as_str()), (StatusCode::OK, "0123456789"));
    assert_eq!(
        (&headers["content-type"], &headers["accept-ranges"]),
        (&"application/json".parse().unwrap(), &"bytes".parse().unwrap())
    );
    let etag = headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(etag.len(), 66);
    let (code, headers, body) = person.get(&at("results.json"), &[("Range", "bytes=2-4")]).await;
    assert_eq!((code.as_u16(), body.as_str()), (206, "234"));
    assert_eq!(
        (&headers["content-range"], &headers["content-length"]),
        (&"bytes 2-4/10".parse().unwrap(), &"3".parse().unwrap())
    );
    let (code, headers, _) = person.get(&at("results.json"), &[("Range", "bytes=10-")]).await;
    assert_eq!((code.as_u16(), headers["content-range"].to_str().unwrap()), (416, "bytes */10"));
    let (code, _, body) = person.get(&at("results.json"), &[("If-None-Match", &etag)]).await;
    assert_eq!((code.as_u16(), body.as_str()), (304, ""));
    let cookie = [("Cookie", person.cookie.as_str())];
    let (code, headers, body) = person.raw(Method::HEAD, &at("results.json"), &cookie, "").await;
    assert_eq!(
        (code.as_u16(), headers["content-length"].to_str().unwrap(), body.as_str()),
        (200, "10", "")
    );
    let (code, headers, _) = person.raw(Method::POST, &at("results.json"), &cookie, "").await;
    assert_eq!((code.as_u16(), headers["allow"].to_str().unwrap()), (405, "GET, HEAD"));
    assert_eq!(person.get(&at("video.webm"), &[]).await.2, "a video");
    for path in [
        &at("unregistered.txt"),
        &at("link"),
        &at("../secret"),
        &at("%2e%2e/secret"),
        &at("..%2fsecret"),
        &at("/etc/passwd"),
        "/runs/other/results.json",
        &at(""),
    ] {
        assert_eq!(person.get(path, &[]).await.0.as_u16(), 404, "{path}");
    }
    let manifest = person.get(&at("manifest.json"), &[]).await.2;
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let paths: Vec<_> =
        manifest["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["link", "results.json", "video.webm"]);
    assert_eq!(format!("\"{}\"", manifest["files"][1]["sha256"].as_str().unwrap()), etag);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_from_the_beginning_or_from_where_a_page_left_off() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    let person = house.person().await;
    for seq in 1..=3 {
        let line = json!({"v": 1, "seq": seq, "type": "status"}).to_string();
        agent.say(&ToGate::Event { line }).await;
    }
    agent.artifact("a", "results", "text/plain").await;
    let mut events = person.events(None).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let (name, id, data) = events.next().await;
        if name == "run" {
            assert_eq!(id, data["seq"].as_u64());
            seen.push(id.unwrap());
        }
    }
    assert_eq!(seen, [1, 2, 3]);
    let mut later = person.events(Some(2)).await;
    assert_eq!(later.next().await.0, "state");
    assert_eq!(later.next().await.1, Some(3));
    let line = json!({"v": 1, "seq": 4, "type": "status"}).to_string();
    agent.say(&ToGate::Event { line }).await;
    assert_eq!(later.next().await.1, Some(4));
    agent.finish(&house.path("run")).await;
    let state = later.find("state", |state| state["takeover"]["available"] == true).await;
    assert_eq!(state["run"]["verdict"], "passed");
    assert_eq!(state["lease"]["owner"], "none");
    assert_eq!(state["browser"]["display"], json!({"width": 1280, "height": 808}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_browser_closes_the_screens_and_is_told() {
    let house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    let mut events = person.events(None).await;
    let screen = person.screen().await;
    let mut control = person.take_over().await;
    let (who, reason) = ("chromium".to_owned(), "killed by signal 9".to_owned());
    house.peers.says.send(FromBrowser::Exited { who, reason }).unwrap();
    assert_eq!(control.revoked().await, "browser_lost");
    assert_eq!(screen.closed().await, 4410);
    let state = events.find("state", |state| !state["browser"]["ended"].is_null()).await;
    assert_eq!(state["browser"]["ended"]["why"], "lost");
    assert_eq!(state["takeover"]["why"], "browser_gone");
    let (code, body) = person.post("/api/takeover", Value::Null).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (410, &json!("browser_gone")));
    assert_eq!(status(person.socket("/api/rfb").await.unwrap_err()), 410);
    // What the run left is still served.
    assert_eq!(person.get(&format!("/runs/{RUN}/results.json"), &[]).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_hears_of_a_lost_browser_and_may_have_another() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    house.peers.says.send(FromBrowser::MemoryKill).unwrap();
    assert!(matches!(agent.hear().await, FromGate::MemoryKill));
    let (who, reason) = ("chromium".to_owned(), "killed by signal 9".to_owned());
    house.peers.says.send(FromBrowser::Exited { who, reason }).unwrap();
    assert!(matches!(agent.hear().await, FromGate::Revoked { epoch: 2 }));
    let FromGate::BrowserLost { reason, was_ready } = agent.hear().await else {
        panic!("not told")
    };
    assert_eq!((reason.as_str(), was_ready), ("chromium: killed by signal 9", true));
    let frame = json!({"id": 5, "method": "Target.getTargets"});
    agent.send(1, &frame).await;
    assert_eq!(agent.cdp().await["error"]["data"]["reason"], "none");
    agent.say(&ToGate::ReplaceBrowser).await;
    let FromGate::Granted { epoch, .. } = agent.hear().await else { panic!("not granted") };
    assert_eq!(epoch, 3);
    agent.send(1, &frame).await;
    assert_eq!(agent.cdp().await["error"]["data"]["reason"], "stale_epoch");
    agent.epoch = epoch;
    assert!(agent.call(frame).await["result"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_is_asked_for_only_when_the_supervisor_has_done_with_the_lost_one() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    house.peers.close_pipe.send(()).unwrap();
    assert!(matches!(agent.hear().await, FromGate::Revoked { epoch: 2 }));
    assert!(matches!(agent.hear().await, FromGate::BrowserLost { was_ready: true, .. }));
    let said = |kind: &str| {
        let all = house.peers.supervisor.all();
        all.iter().filter(|said| said["type"] == kind).count()
    };
    assert_eq!(said("start"), 1);
    agent.say(&ToGate::ReplaceBrowser).await;
    // What is said later, on the same two connections, is heard later.
    agent.say(&ToGate::Record).await;
    assert!(matches!(agent.hear().await, FromGate::Recording(_)));
    assert_eq!((said("start"), said("record")), (1, 1), "asked before the end of the lost one");
    let (who, reason) = ("chromium".to_owned(), "killed by signal 9".to_owned());
    house.peers.says.send(FromBrowser::Exited { who, reason }).unwrap();
    let FromGate::Granted { epoch, .. } = agent.hear().await else { panic!("not granted") };
    assert_eq!((epoch, said("start")), (3, 2));
    agent.epoch = epoch;
    let frame = json!({"id": 5, "method": "Target.getTargets"});
    assert!(agent.call(frame).await["result"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_leaves_an_errored_run_with_a_manifest() {
    let house = House::new().await;
    let mut agent = house.agent().await;
    std::fs::write(house.path("run/events.ndjson"), "{}\n").unwrap();
    agent.artifact("events.ndjson", "events", "application/x-ndjson").await;
    let person = house.person().await;
    let mut events = person.events(None).await;
    drop(agent);
    let state = events.find("state", |state| state["run"]["phase"] == "finished").await;
    assert_eq!(
        (&state["run"]["verdict"], &state["run"]["reason"]),
        (&json!("errored"), &json!("agent_lost"))
    );
    let (code, _) = person.post("/api/takeover", Value::Null).await;
    assert_eq!(code, StatusCode::OK);
    let until = tokio::time::Instant::now() + PATIENCE;
    while !house.path("run/manifest.json").exists() {
        assert!(tokio::time::Instant::now() < until);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_display_there_is_nothing_to_watch_or_take() {
    let house = House::with(false, |_| {}).await;
    house.finished().await;
    let person = house.person().await;
    let (code, body) = person.post("/api/takeover", Value::Null).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (503, &json!("display_unavailable")));
    assert_eq!(status(person.socket("/api/rfb").await.unwrap_err()), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_nobody_uses_ends_after_a_warning() {
    let mut house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    let mut events = person.events(None).await;
    house.clock.pass(840 * SECOND);
    events.find("notice", |notice| notice["code"] == "idle_expiring").await;
    // A sign of life, and it starts anew.
    person.post("/api/presence", Value::Null).await;
    person.seen().await;
    house.clock.pass(839 * SECOND);
    person.seen().await;
    assert!(!house.is_over());
    house.clock.pass(61 * SECOND);
    let ended = house.ended().await;
    assert_eq!(ended.why, Why::Idle);
    house.peers.supervisor.wait(|said| said["type"] == "stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_browser_ends_it_and_the_last_word_reaches_the_page() {
    let mut house = House::new().await;
    house.finished().await;
    let person = house.person().await;
    let mut events = person.events(None).await;
    let mut control = person.take_over().await;
    control.say(json!({"type": "stop"})).await;
    assert_eq!(control.revoked().await, "stopped");
    let state = events.find("state", |state| !state["browser"]["ended"].is_null()).await;
    assert_eq!(state["browser"]["ended"]["why"], "stopped");
    assert_eq!(house.ended().await.why, Why::Stopped);
    house.peers.supervisor.wait(|said| said["type"] == "stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_last_page_of_a_browser_that_nobody_keeps_ends_it_a_minute_later() {
    let mut house = House::new().await;
    house.finished().await;
    let mut person = house.person().await;
    let leave = async |person: &Person| {
        let cookie = [("Cookie", person.cookie.as_str())];
        let (code, _, _) = person.raw(Method::POST, "/api/beacon", &cookie, "").await;
        assert_eq!(code, StatusCode::NO_CONTENT);
        person.seen().await;
    };
    // Kept: nothing happens.
    leave(&person).await;
    house.clock.pass(61 * SECOND);
    let proof = person.proof();
    person.session(&[("X-Handback-Seat", &proof)]).await;
    assert_eq!(person.post("/api/keep", json!({"on": false})).await.0, StatusCode::NO_CONTENT);
    leave(&person).await;
    house.clock.pass(59 * SECOND);
    // It was a reload.
    person.session(&[("X-Handback-Seat", &proof)]).await;
    house.clock.pass(10 * SECOND);
    person.seen().await;
    assert!(!house.is_over());
    leave(&person).await;
    house.clock.pass(61 * SECOND);
    assert_eq!(house.ended().await.why, Why::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_around_can_end_it_at_any_time() {
    let mut house = House::new().await;
    let _agent = house.agent().await;
    house.handle.end(Why::Signal, "Enter was pressed.").await;
    let ended = house.ended().await;
    assert_eq!((ended.why, ended.message.as_str()), (Why::Signal, "Enter was pressed."));
    assert!(house.handle.address(None).await.is_err());
    let mut house = House::new().await;
    house.shutdown.cancel();
    assert_eq!(house.ended().await.why, Why::Signal);
}
