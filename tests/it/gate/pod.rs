//! The gate of a pod in the process: tickets, the operator's stream, and an end that loses nothing.

use std::time::Duration;

use handback::{
    gate::{PodFacts, Why},
    pod::contract::{
        FromBrowser, FromGate, Recording, RecordingState, StoppedBy, ToGate, UploadState,
        stream::{ClosedBy, Failure, HandoffPhase, Mode, Outcome, ToGateStream, audience},
    },
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    SECOND,
    house::{House, Person},
    status,
};
use crate::support::operator::{self, Keys, Operator, prepare};

pub(crate) const POD: &str = "8c1f0000-0000-4000-8000-000000000001";

pub(crate) fn operator_keys() -> Keys {
    Keys::new(7)
}

pub(crate) async fn pod() -> House {
    pod_called(POD).await
}

/// A pod with this uid.
pub(crate) async fn pod_called(uid: &str) -> House {
    House::with(true, |config| {
        config.keep_alive = None;
        config.pod = Some(PodFacts {
            uid: uid.to_owned(),
            operator_key: operator_keys().public(),
            active_deadline: Duration::from_mins(30),
            journal: None,
        });
    })
    .await
}

async fn operator(house: &House) -> Operator {
    Operator::connect(house.address, &operator_keys(), POD).await
}

async fn challenge(page: &Person) -> String {
    let (code, _, body) = page.raw(Method::GET, "/api/challenge", &[], "").await;
    assert_eq!(code, StatusCode::OK, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["challenge"].as_str().unwrap().to_owned()
}

/// A page of this handoff, with the answer to its ticket.
async fn enter(house: &House, keys: &Keys, uid: &str, epoch: u64) -> (Person, StatusCode) {
    let mut page = Person::at(house.address, &format!("ho-{uid}"));
    let ticket = keys.ticket_for(&challenge(&page).await, POD, uid, epoch);
    let (code, _) = page.session(&[("X-Handback-Token", &ticket)]).await;
    (page, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_lets_its_holder_in_once_and_no_other_ticket_does() {
    let house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    operator.handoff("v1", |one| one.phase == HandoffPhase::Running).await;
    let mut page = Person::at(house.address, "ho-v1");
    let good = ada.ticket_for(&challenge(&page).await, POD, "v1", 0);
    let (code, body) = page.session(&[("X-Handback-Token", &good)]).await;
    assert_eq!((code, &body["me"]), (StatusCode::OK, &json!("ada")), "{body}");
    let refused = async |ticket: &str, why: &str| {
        let (code, body) = page.clone().session(&[("X-Handback-Token", ticket)]).await;
        assert_eq!(
            (code.as_u16(), &body["error"]["code"]),
            (401, &json!("token_refused")),
            "{why}"
        );
    };
    refused(&good, "used before").await;
    let forged = Keys::new(2).ticket_for(&challenge(&page).await, POD, "v1", 0);
    refused(&forged, "another key").await;
    let foreign = ada.ticket_for(&challenge(&page).await, "another-pod", "v1", 0);
    refused(&foreign, "another pod").await;
    let unknown = ada.ticket_for(&challenge(&page).await, POD, "v2", 0);
    refused(&unknown, "another handoff").await;
    let control = ada.ticket(&challenge(&page).await, &audience(POD, "v1", 0), Mode::Control);
    refused(&control, "more than it is for").await;
    let old = ada.ticket_for(&challenge(&page).await, POD, "v1", 0);
    house.clock.pass(60 * SECOND);
    refused(&old, "a minute old").await;
    refused("garbage", "no ticket").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_was_closed_lets_nobody_in() {
    let house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    operator.close("v1", Outcome::Cancelled).await;
    assert_eq!(operator.report.handoffs[0].phase, HandoffPhase::Cancelled(ClosedBy::Operator),);
    assert_eq!(enter(&house, &ada, "v1", 0).await.1, StatusCode::UNAUTHORIZED);
    // The same uid again is the same handoff.
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    assert_eq!(operator.report.handoffs.len(), 1);
    assert_eq!(enter(&house, &ada, "v1", 0).await.1, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_for_the_operator_alone() {
    let house = pod().await;
    for wrong in [Keys::new(8), operator_keys()] {
        let (mut socket, challenge) = Operator::challenged(house.address).await;
        // The right key for another pod is as wrong as another key.
        let text = handback::pod::contract::stream::proof("another-pod", &challenge);
        let signature = wrong.sign(&text);
        operator::say(&mut socket, &ToGateStream::Prove { signature }).await;
        assert_eq!(operator::next(&mut socket).await, Err(4401));
    }
    let (mut socket, _) = Operator::challenged(house.address).await;
    operator::say(&mut socket, &ToGateStream::Ask).await;
    assert_eq!(operator::next(&mut socket).await, Err(4401));
    for host in ["127.0.0.1", "localhost", "evil.localhost", "gate.evil.example"] {
        assert_eq!(status(operator::open(house.address, host).await.unwrap_err()), 421, "{host}");
    }
    // A page of a handoff knows the way, and has no key.
    let page = Person::at(house.address, "ho-v1");
    assert_eq!(page.raw(Method::GET, "/api/challenge", &[], "").await.0.as_u16(), 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pod_there_is_neither_challenge_nor_stream() {
    let house = House::new().await;
    let person = house.person().await;
    for path in ["/api/challenge", "/api/stream"] {
        assert_eq!(person.raw(Method::GET, path, &[], "").await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_handoff_gives_its_holder_the_input_until_it_is_released() {
    let house = pod().await;
    let (ada, bob) = (Keys::new(1), Keys::new(2));
    let mut operator = operator(&house).await;
    operator.prepare(prepare("early", Mode::Control, "ada", &ada)).await;
    assert_eq!(
        operator.report.handoffs[0].phase,
        HandoffPhase::Failed(Failure::AgentBusy),
        "the agent drives"
    );
    house.finished().await;
    operator.until(|report| report.finished && report.browser).await;
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    let running = operator.handoff("c1", |one| one.phase == HandoffPhase::Running).await;
    let epoch = running.epoch.unwrap();
    assert!(running.started_at.is_some() && running.deadline.is_some() && !running.connected);
    operator.prepare(prepare("c2", Mode::Control, "bob", &bob)).await;
    operator.handoff("c2", |one| one.phase == HandoffPhase::Failed(Failure::AlreadyHeld)).await;
    for wrong in [epoch - 1, epoch + 1] {
        assert_eq!(enter(&house, &ada, "c1", wrong).await.1, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(enter(&house, &bob, "c1", epoch).await.1, StatusCode::UNAUTHORIZED, "not his key");
    let (page, code) = enter(&house, &ada, "c1", epoch).await;
    assert_eq!(code, StatusCode::OK);
    let mut control = page.control().await;
    let granted = control.hear().await;
    assert_eq!((&granted["state"], &granted["epoch"]), (&json!("granted"), &json!(epoch)));
    assert!(granted["deadlineMs"].as_u64().unwrap() <= 600_000, "{granted}");
    let connected = operator.handoff("c1", |one| one.connected).await;
    assert!(connected.first_connected_at.is_some());
    let mut screen = page.screen().await;
    screen.send(&[4, 1, 0, 0, 0, 0, 0, 97]).await;
    screen.settle().await;
    house.peers.display.wait(|seen| seen["type"] == 4).await;
    control.say(json!({"type": "release", "outcome": "finish", "note": "code 482913, done"})).await;
    assert_eq!(control.revoked().await, "released");
    let over =
        operator.handoff("c1", |one| one.phase == HandoffPhase::Finished(ClosedBy::Human)).await;
    assert_eq!(over.note.as_deref(), Some("code [redacted], done"));
    assert_eq!((over.epoch, over.connected), (None, false));
    // What is over gives nobody anything.
    assert_eq!(page.post("/api/takeover", Value::Null).await.0, StatusCode::FORBIDDEN);
    assert_eq!(enter(&house, &ada, "c1", epoch).await.1, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_watches_gets_the_input_on_its_own_seat_and_nobody_elses() {
    let house = pod().await;
    let (ada, bob) = (Keys::new(1), Keys::new(2));
    let mut operator = operator(&house).await;
    house.finished().await;
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    operator.prepare(prepare("v2", Mode::View, "bob", &bob)).await;
    let (mut page, _) = enter(&house, &ada, "v1", 0).await;
    let (mut other, _) = enter(&house, &bob, "v2", 0).await;
    let mut screen = page.screen().await;
    let (code, body) = page.post("/api/takeover", Value::Null).await;
    assert_eq!((code.as_u16(), &body["error"]["code"]), (403, &json!("not_allowed")));
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    let epoch = operator.handoff("c1", |one| one.epoch.is_some()).await.epoch.unwrap();
    // Nobody's page gets somebody else's right.
    let ticket = ada.ticket_for(&challenge(&other).await, POD, "c1", epoch);
    let proof = other.proof();
    let stolen = [("X-Handback-Token", ticket.as_str()), ("X-Handback-Seat", &proof)];
    assert_eq!(other.session(&stolen).await.0, StatusCode::UNAUTHORIZED);
    let ticket = ada.ticket_for(&challenge(&page).await, POD, "c1", epoch);
    let (seat, proof) = (page.seat.clone(), page.proof());
    let both = [("X-Handback-Token", ticket.as_str()), ("X-Handback-Seat", &proof)];
    assert_eq!(page.session(&both).await.0, StatusCode::OK);
    assert_eq!(page.seat, seat, "the pixels stay where they are");
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    screen.send(&[4, 1, 0, 0, 0, 0, 0, 98]).await;
    screen.settle().await;
    house.peers.display.wait(|seen| seen["type"] == 4).await;
    // The operator may call it off.
    operator.close("c1", Outcome::Cancelled).await;
    assert_eq!(control.revoked().await, "cancelled");
    operator.handoff("c1", |one| one.phase == HandoffPhase::Cancelled(ClosedBy::Operator)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_is_called_off_between_two_pages_of_its_holder_goes_to_neither() {
    let house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    house.finished().await;
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    let epoch = operator.handoff("c1", |one| one.epoch.is_some()).await.epoch.unwrap();
    let (page, _) = enter(&house, &ada, "c1", epoch).await;
    let (second, _) = enter(&house, &ada, "c1", epoch).await;
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    // The display takes a second to be given up, and so long nobody holds the input.
    house.peers.deaf.send_replace(true);
    let taken = async {
        let (code, body) = second.post("/api/takeover", json!({"move": true})).await;
        assert_ne!(code, StatusCode::OK, "{body}");
    };
    let called_off = async {
        control.revoked().await;
        operator.close("c1", Outcome::Cancelled).await;
        let over = HandoffPhase::Cancelled(ClosedBy::Operator);
        operator.handoff("c1", |one| one.phase == over).await;
    };
    tokio::join!(taken, called_off);
    // The next one finds the input free.
    operator.prepare(prepare("c2", Mode::Control, "ada", &ada)).await;
    operator.handoff("c2", |one| one.epoch.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_handoff_has_ended_goes_a_minute_later_unless_it_brings_another() {
    let house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    house.finished().await;
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    let (page, _) = enter(&house, &ada, "v1", 0).await;
    let (mut renewed, _) = enter(&house, &ada, "v1", 0).await;
    let screen = page.screen().await;
    let mut kept = renewed.screen().await;
    house.clock.pass(600 * SECOND);
    operator.handoff("v1", |one| one.phase == HandoffPhase::TimedOut(ClosedBy::Timeout)).await;
    operator.prepare(prepare("v2", Mode::View, "ada", &ada)).await;
    let ticket = ada.ticket_for(&challenge(&renewed).await, POD, "v2", 0);
    let proof = renewed.proof();
    let both = [("X-Handback-Token", ticket.as_str()), ("X-Handback-Seat", &proof)];
    assert_eq!(renewed.session(&both).await.0, StatusCode::OK);
    house.clock.pass(60 * SECOND);
    assert_eq!(screen.closed().await, 4401);
    let (code, _, _) = page.get("/api/events", &[]).await;
    assert_eq!(code, StatusCode::UNAUTHORIZED);
    kept.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_a_grown_deadline_reach_the_agent_whenever_it_comes() {
    let house = pod().await;
    let mut operator = operator(&house).await;
    let mut agent = house.agent().await;
    operator.say(&ToGateStream::Deadline { seconds: 7200 }).await;
    let FromGate::Deadline { seconds: 7200 } = agent.hear().await else { panic!("not told") };
    operator.say(&ToGateStream::Cancel).await;
    let FromGate::StopRun { stopped_by, .. } = agent.hear().await else { panic!("not told") };
    assert_eq!(stopped_by, StoppedBy::Operator);

    let house = pod().await;
    let mut operator = self::operator(&house).await;
    operator.say(&ToGateStream::Cancel).await;
    let mut agent = house.connected_agent().await;
    let FromGate::StopRun { .. } = agent.hear().await else { panic!("not told") };
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_goes_on_a_minute_past_its_deadline_is_given_up() {
    let house = pod().await;
    let mut operator = operator(&house).await;
    let _agent = house.agent().await;
    house.clock.pass(Duration::from_mins(30));
    operator.say(&ToGateStream::Deadline { seconds: 40 * 60 }).await;
    house.clock.pass(Duration::from_mins(10) + 59 * SECOND);
    operator.say(&ToGateStream::Cancel).await;
    let report = &operator.report;
    assert_eq!((report.finished, report.agent_left_ms), (false, Some(1000)));
    assert_eq!((report.deadline_seconds, report.cancelling_ms), (40 * 60, Some(0)));
    house.clock.pass(SECOND);
    let report = operator.until(|report| report.finished).await;
    assert_eq!(report.agent_left_ms, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn idleness_is_told_and_whoever_watches_is_activity() {
    let house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    house.finished().await;
    operator.until(|report| report.finished).await;
    house.clock.pass(100 * SECOND);
    operator.say(&ToGateStream::Ask).await;
    assert_eq!((operator.report.idle_ms, operator.report.viewers), (100_000, 0));
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    let (page, _) = enter(&house, &ada, "v1", 0).await;
    let mut events = page.events(None).await;
    house.clock.pass(20 * SECOND);
    operator.say(&ToGateStream::Ask).await;
    assert_eq!((operator.report.idle_ms, operator.report.viewers), (0, 1));
    operator.say(&ToGateStream::Expiring { seconds: 60 }).await;
    events.find("notice", |notice| notice["code"] == "idle_expiring").await;
    // 45 s without a beat, and nobody is there; the last beat counts.
    house.clock.pass(30 * SECOND);
    operator.say(&ToGateStream::Ask).await;
    assert_eq!((operator.report.idle_ms, operator.report.viewers), (50_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_closes_for_good_only_while_nobody_uses_the_browser() {
    let house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    house.finished().await;
    operator.until(|report| report.finished).await;
    assert!(!operator.report.watched);
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    let (page, _) = enter(&house, &ada, "v1", 0).await;
    house.clock.pass(900 * SECOND);
    let beat = page.post("/api/presence", Value::Null).await.0;
    assert_eq!(beat, StatusCode::NO_CONTENT);
    operator.say(&ToGateStream::CloseDoor { idle_seconds: 900 }).await;
    assert!(!operator.report.closed && operator.report.watched, "somebody watches");
    house.clock.pass(840 * SECOND);
    operator.say(&ToGateStream::Expiring { seconds: 60 }).await;
    assert_eq!(operator.report.told_idle_ms, Some(0));
    operator.say(&ToGateStream::CloseDoor { idle_seconds: 900 }).await;
    assert!(!operator.report.closed, "a minute too early");
    house.clock.pass(60 * SECOND);
    operator.say(&ToGateStream::Capped { seconds: 600 }).await;
    assert_eq!(
        (operator.report.told_idle_ms, operator.report.told_cap_seconds),
        (Some(60_000), Some(600))
    );
    operator.prepare(prepare("v2", Mode::View, "ada", &ada)).await;
    operator.say(&ToGateStream::CloseDoor { idle_seconds: 900 }).await;
    assert!(operator.report.closed);
    assert_ne!(enter(&house, &ada, "v2", 0).await.1, StatusCode::OK);
    let mut back = page.clone();
    let proof = page.proof();
    assert_ne!(back.session(&[("X-Handback-Seat", &proof)]).await.0, StatusCode::OK);
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    operator.handoff("c1", |one| one.phase == HandoffPhase::Failed(Failure::BrowserGone)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_ends_waits_for_its_agent_then_closes_the_video_saves_and_stops() {
    let mut house = pod().await;
    let mut operator = operator(&house).await;
    let mut agent = house.agent().await;
    agent.say(&ToGate::Record).await;
    assert!(matches!(agent.hear().await, FromGate::Recording(_)));
    std::fs::write(house.path("run/events.ndjson"), "{}\n").unwrap();
    std::fs::write(house.path("run/results.json"), "{}").unwrap();
    house.shutdown.cancel();
    operator.say(&ToGateStream::Ask).await;
    operator.say(&ToGateStream::Ask).await;
    assert!(!operator.report.finished && !house.is_over(), "the agent is still there");
    assert!(house.peers.supervisor.all().iter().all(|said| said["type"] != "stop"));
    drop(agent);
    assert_eq!(house.ended().await.why, Why::Signal);
    let said: Vec<_> = house
        .peers
        .supervisor
        .all()
        .iter()
        .map(|said| said["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(said, ["start", "record", "close_video", "stop"]);
    let manifest = std::fs::read(house.path("run/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files: Vec<_> =
        manifest["files"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert_eq!(files, ["events.ndjson", "results.json", "video.webm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_by_the_operator_cancels_what_is_held_and_says_what_was_saved() {
    let mut house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    house.finished().await;
    let report = operator.until(|report| report.upload.state.is_settled()).await;
    assert_eq!(report.upload.state, UploadState::KeptInPod);
    let manifest = std::fs::read(house.path("run/manifest.json")).unwrap();
    let bytes = manifest.len() as u64 + 10;
    assert_eq!((report.upload.count, report.upload.bytes), (2, bytes));
    assert_eq!(report.upload.manifest_sha256.map(|sum| sum.len()), Some(64));
    operator.prepare(prepare("c1", Mode::Control, "ada", &ada)).await;
    operator.handoff("c1", |one| one.phase == HandoffPhase::Running).await;
    let message = "Nobody used it.".to_owned();
    operator.say(&ToGateStream::Stop { message }).await;
    operator.handoff("c1", |one| one.phase == HandoffPhase::Cancelled(ClosedBy::Operator)).await;
    assert_eq!(house.ended().await.why, Why::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_gets_the_last_word_of_a_gate_that_ends_at_once() {
    let mut house = pod().await;
    let ada = Keys::new(1);
    let mut operator = operator(&house).await;
    house.finished().await;
    operator.until(|report| report.upload.state.is_settled()).await;
    operator.prepare(prepare("v1", Mode::View, "ada", &ada)).await;
    // Without a supervisor nothing is left to wait for: how the View ends and the end of the gate are
    // one and the same moment.
    house.peers.lose_supervisor();
    operator.until(|report| !report.browser).await;
    operator.handoff("v1", |one| one.phase == HandoffPhase::Running).await;
    house.shutdown.cancel();
    operator.handoff("v1", |one| one.phase == HandoffPhase::Cancelled(ClosedBy::Operator)).await;
    assert_eq!(house.ended().await.why, Why::Signal);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_never_came_is_sealed_when_the_operator_says_so() {
    let house = pod().await;
    let mut operator = operator(&house).await;
    // The browser is there before any agent.
    operator.until(|report| report.browser).await;
    std::fs::remove_dir(house.path("run")).unwrap();
    operator.say(&ToGateStream::AgentEnded).await;
    operator.until(|report| report.upload.state == UploadState::KeptInPod).await;
    assert!(operator.report.finished && house.path("run/manifest.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_fails_to_close_holds_up_nothing() {
    let mut house = pod().await;
    let mut agent = house.agent().await;
    agent.say(&ToGate::Record).await;
    assert!(matches!(agent.hear().await, FromGate::Recording(_)));
    let failed = Recording { state: RecordingState::Failed, at_ms: 2, media_ms: 0, reason: None };
    house.peers.says.send(FromBrowser::Recording(failed)).unwrap();
    assert!(matches!(agent.hear().await, FromGate::Recording(_)));
    drop(agent);
    house.shutdown.cancel();
    assert_eq!(house.ended().await.why, Why::Signal);
    assert!(house.path("run/manifest.json").exists());
}
