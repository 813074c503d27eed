//! `handback take`: the browser through the relay, who gets it, and how it ends.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Cluster, Running, SHOP};
use crate::{
    gate::{
        house::{House, Person},
        pod,
    },
    support::{
        api_server::{
            call::Verb,
            fault::{Fault, Rule},
            refusal::Refusal,
        },
        mirror::Mirror,
        waiting::until,
    },
};

/// A finished run whose browser is there.
struct Kept {
    cluster: Cluster,
    /// The gate.
    house: House,
    _mirror: Mirror,
}

pub(crate) const POD: &str = "tr-checkout-1";

impl Kept {
    async fn new() -> Self {
        Self::limited(u64::MAX).await
    }

    /// One at which no handoff lasts longer than so many seconds.
    async fn limited(longest: u64) -> Self {
        let cluster = Cluster::start().await;
        let house = pod::pod().await;
        house.finished().await;
        cluster.door.forward(POD, house.address);
        let server = Arc::clone(&cluster.server);
        let (at, keys) = (house.address, pod::operator_keys());
        let mirror = Mirror::limited(server, at, &keys, pod::POD, longest).await;
        finished(&cluster, pod::POD).await;
        Self { cluster, house, _mirror: mirror }
    }

    async fn handoffs(&self) -> Vec<Value> {
        self.cluster.server.all("handoffs").await
    }

    /// Waits until every Handoff has ended.
    async fn nothing_is_held(&self) -> Vec<Value> {
        until("the end of all handoffs", async || {
            let all = self.handoffs().await;
            let over = ["Finished", "Cancelled", "TimedOut", "Failed"].map(Value::from);
            all.iter().all(|one| over.contains(&one["status"]["phase"])).then_some(all)
        })
        .await
    }
}

/// A run that failed, and whose browser is in the pod of this uid.
pub(crate) async fn finished(cluster: &Cluster, uid: &str) {
    let run = json!({
        "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun",
        "metadata": {"name": "checkout", "namespace": SHOP},
        "spec": {"url": "https://shop.example", "plan": "Verify \"x\" is visible"},
    });
    cluster.server.create("testruns", run).await;
    let pod = json!({"name": POD, "uid": uid, "warm": false});
    let times = json!({"finished": "2026-01-01T00:01:05Z"});
    let artifacts = json!({"uri": "s3://runs/shop/checkout/3f1c9ae0/1/", "state": "Complete"});
    let status = json!({
        "phase": "Finished", "verdict": "Failed", "pod": pod, "attempt": 1, "times": times,
        "artifacts": artifacts,
    });
    cluster.status("checkout", status).await;
}

/// Where `take` has its page.
pub(crate) struct Address {
    pub(crate) label: String,
    pub(crate) at: SocketAddr,
    pub(crate) ticket: String,
    pub(crate) key: String,
}

pub(crate) async fn address(running: &mut Running) -> Address {
    let line = running.prints().await;
    let rest = line.strip_prefix("http://").expect("an address");
    let (host, fragment) = rest.trim().split_once("/#").expect("a fragment");
    let (label, port) = host.split_once(".localhost:").expect("a host of ours");
    let part = |name: &str| {
        let found = fragment.split('&').find_map(|part| part.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
    };
    let left: u64 = part("l=").parse().expect("milliseconds");
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
    let at = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
    Address { label: label.to_owned(), at, ticket: part("t="), key: part("c=") }
}

/// A wish of a page's; the status and the answer.
async fn wish(page: &Person, key: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let headers = [("X-Handback-Client", key)];
    let (code, _, body) = page.raw(Method::POST, path, &headers, body).await;
    (code, serde_json::from_str(&body).unwrap_or_default())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_has_the_browser_and_the_next_one_is_told_who() {
    let kept = Kept::new().await;
    let cluster = &kept.cluster;
    let mut ada = cluster.start_as("ada", &["take", "checkout"]);
    let Address { label, at, ticket, key } = address(&mut ada).await;
    let mut page = Person::at(at, &label);
    let (code, head, _) = page.raw(Method::GET, "/", &[], "").await;
    assert!(code == StatusCode::OK && head["content-security-policy"].to_str().is_ok());
    let (code, _, _) = page.raw(Method::GET, "/api/events", &[], "").await;
    assert_eq!(code, StatusCode::UNAUTHORIZED, "without a ticket");
    let stranger = Person::at(at, "evil");
    let (code, _, _) = stranger.raw(Method::GET, "/", &[], "").await;
    assert_eq!(code, StatusCode::MISDIRECTED_REQUEST);

    let (code, body) = page.session(&[("X-Handback-Token", &ticket)]).await;
    assert_eq!((code, &body["me"]), (StatusCode::OK, &json!("ada")), "{body}");
    assert_eq!(text(&body["state"]["lease"]["holder"]["seat"]), page.seat);
    let mut control = page.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    let mut screen = page.screen().await;
    screen.send(&[3, 0, 0, 0, 0, 0, 0, 8, 0, 8]).await;
    let (code, body) = page.clone().session(&[("X-Handback-Token", &ticket)]).await;
    assert_eq!((code, text(&body["error"]["code"])), (StatusCode::UNAUTHORIZED, "token_refused"));

    let held = kept.handoffs().await;
    let control_of =
        json!({"handoff": held[0]["metadata"]["name"], "mode": "Control", "holder": "ada"});
    cluster.status("checkout", json!({"control": control_of})).await;
    let bob = cluster.run_as("bob", &["take", "checkout"]).await;
    assert_eq!((bob.exit, bob.stdout.as_str()), (3, ""), "{bob:?}");
    assert!(
        bob.stderr.contains("ada has the browser of TestRun checkout until 1970-01-01T01"),
        "{bob:?}"
    );

    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    ada.says("You handed the browser back.").await;
    // A watching page goes on under a View of the same person's.
    let (code, pass) = wish(&page, &key, "/client/ticket", r#"{"view":true}"#).await;
    assert_eq!(code, StatusCode::OK, "{pass}");
    let (proof, ticket) = (page.proof(), text(&pass["ticket"]));
    let headers = [("X-Handback-Token", ticket), ("X-Handback-Seat", &proof)];
    let seat = page.seat.clone();
    assert_eq!(page.session(&headers).await.0, StatusCode::OK);
    assert_eq!(page.seat, seat, "another seat");
    // A broken tunnel is replaced.
    cluster.door.cut();
    page.seen().await;
    // And the same page takes over again.
    let (code, pass) = wish(&page, &key, "/client/takeover", "").await;
    assert_eq!(code, StatusCode::OK, "{pass}");
    let (proof, ticket) = (page.proof(), text(&pass["ticket"]));
    let headers = [("X-Handback-Token", ticket), ("X-Handback-Seat", &proof)];
    let (_, body) = page.session(&headers).await;
    assert_eq!(text(&body["state"]["lease"]["holder"]["seat"]), seat, "{body}");
    assert_eq!(page.control().await.hear().await["state"], "granted");

    ada.interrupt();
    let said = ada.ended().await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert!(!said.stderr.contains(&key) && !said.stderr.contains("eyJ"), "{said:?}");
    let all = kept.nothing_is_held().await;
    let modes: Vec<_> = all.iter().map(|one| text(&one["spec"]["mode"])).collect();
    assert_eq!(modes.iter().filter(|mode| **mode == "Control").count(), 3, "{all:#?}");
    assert_eq!(modes.iter().filter(|mode| **mode == "View").count(), 1, "{all:#?}");
    assert!(!serde_json::to_string(&all).unwrap().contains(ticket), "a ticket is in an object");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_the_program_itself_needs_its_key_and_its_page() {
    let kept = Kept::new().await;
    let mut ada = kept.cluster.start_as("ada", &["take", "checkout", "--view"]);
    let Address { label, at, key, .. } = address(&mut ada).await;
    let page = Person::at(at, &label);
    for path in ["/client/ticket", "/client/takeover"] {
        let (code, body) = wish(&page, "wrong", path, "").await;
        assert_eq!(code, StatusCode::UNAUTHORIZED, "{body}");
        let headers = [("X-Handback-Client", key.as_str()), ("Origin", "http://evil.localhost:1")];
        let (code, _, body) = page.raw(Method::POST, path, &headers, "").await;
        assert_eq!(code, StatusCode::FORBIDDEN, "{body}");
        let headers = [("X-Handback-Client", key.as_str()), ("Host", "evil.example")];
        let (code, _, body) = page.raw(Method::POST, path, &headers, "").await;
        assert_eq!(code, StatusCode::MISDIRECTED_REQUEST, "{body}");
    }
    let (code, _) = wish(&page, &key, "/client/secrets", "").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    let modes: Vec<_> =
        kept.handoffs().await.iter().map(|one| one["spec"]["mode"].clone()).collect();
    assert_eq!(modes, ["View"], "somebody was let in");
    // Without the right to it nobody takes over, and the page is told which right.
    let control = |line: &crate::support::api_server::fault::Line| {
        line.verb == Verb::Create && line.resource == "handoffs"
    };
    let refusal =
        Refusal::new(403, "Forbidden", "ValidatingAdmissionPolicy 'handback' denied request");
    kept.cluster.server.rule(Rule::all(control, Fault::Refuse(refusal))).await;
    let (code, body) = wish(&page, &key, "/client/takeover", "").await;
    assert_eq!(code, StatusCode::FORBIDDEN, "{body}");
    assert!(
        text(&body["error"]["message"]).contains("create testruns.handback.dev/control"),
        "{body}"
    );
    ada.interrupt();
    assert_eq!(ada.ended().await.exit, 0);
    kept.nothing_is_held().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_cannot_be_had_is_explained() {
    let kept = Kept::new().await;
    let cluster = &kept.cluster;
    let said = cluster.run_as("ada", &["take", "nothing"]).await;
    assert!(
        said.exit == 2 && said.stderr.contains("There is no TestRun nothing in namespace shop"),
        "{said:?}"
    );
    let refusal = Refusal::new(403, "Forbidden", "denied request: no right");
    let creates = |line: &crate::support::api_server::fault::Line| {
        line.verb == Verb::Create && line.resource == "handoffs"
    };
    cluster.server.rule(Rule::all(creates, Fault::Refuse(refusal))).await;
    let said = cluster.run_as("ada", &["take", "checkout"]).await;
    assert_eq!(said.exit, 2, "{said:?}");
    assert!(said.stderr.contains("You may not create testruns.handback.dev/control"), "{said:?}");
    assert!(said.stderr.contains("handback-controller"), "{said:?}");
    cluster.server.heal().await;
    cluster.status("checkout", json!({"phase": "Expired"})).await;
    let said = cluster.run_as("ada", &["take", "checkout"]).await;
    assert_eq!(said.exit, 3, "{said:?}");
    assert!(said.stderr.contains("The run finished at 2026-01-01T00:01:05Z."), "{said:?}");
    assert!(
        said.stderr.contains("artifacts are in s3://runs/shop/checkout/3f1c9ae0/1/."),
        "{said:?}"
    );
    let waits = json!({"phase": "Starting", "verdict": null, "pod": null, "message": "Image is being pulled."});
    cluster.server.delete("testruns", SHOP, "checkout").await;
    finished(cluster, pod::POD).await;
    cluster.status("checkout", waits).await;
    let said = cluster.run_as("ada", &["take", "checkout"]).await;
    assert!(said.stderr.contains("has no browser yet: Image is being pulled."), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_waiting_leaves_no_wish_behind() {
    let cluster = Cluster::start().await;
    finished(&cluster, pod::POD).await;
    let ada = cluster.start_as("ada", &["take", "checkout"]);
    until("the Handoff", async || cluster.server.all("handoffs").await.pop()).await;
    ada.interrupt();
    let said = ada.ended().await;
    assert_eq!((said.exit, said.stdout.as_str()), (5, ""), "{said:?}");
    let left = cluster.server.all("handoffs").await.pop().unwrap();
    assert_eq!(left["spec"]["desiredState"], "Cancelled", "{left:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_the_policy_hands_nothing_over() {
    let cluster = Cluster::start().await;
    finished(&cluster, pod::POD).await;
    let ada = cluster.start_as("ada", &["take", "checkout"]);
    let name = until("the Handoff", async || {
        let all = cluster.server.all("handoffs").await;
        Some(text(&all.first()?["metadata"]["name"]).to_owned())
    })
    .await;
    let waits = json!({
        "phase": "Pending",
        "conditions": [{
            "type": "Granted", "status": "False", "reason": "Waiting", "message": "The gate starts.",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    let put = |status: Value| {
        cluster.server.edit("handoffs", SHOP, &name, move |one| {
            json_patch::merge(&mut one["status"], &status);
        })
    };
    put(waits).await;
    ada.says("Waiting: The gate starts.").await;
    let failure =
        json!({"code": "PolicyMissing", "message": "The policy handback-handoffs is not there."});
    put(json!({"phase": "Failed", "failure": failure})).await;
    let said = ada.ended().await;
    assert_eq!(said.exit, 3, "{said:?}");
    assert!(
        said.stderr.contains("the admission policy") && said.stderr.contains("helm upgrade"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_gone_ends_it_with_where_the_artifacts_are() {
    let kept = Kept::new().await;
    let mut ada = kept.cluster.start_as("ada", &["take", "checkout", "--view"]);
    let Address { label, at, ticket, .. } = address(&mut ada).await;
    let mut page = Person::at(at, &label);
    assert_eq!(page.session(&[("X-Handback-Token", &ticket)]).await.0, StatusCode::OK);
    kept.cluster.door.forget(POD);
    let (code, _, body) = page.raw(Method::GET, "/", &[], "").await;
    assert_eq!(code, StatusCode::GONE, "{body}");
    let said = ada.ended().await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert!(said.stderr.contains("is gone.") && said.stderr.contains("s3://runs/shop"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_vnc_program_drives_through_the_same_filter() {
    let kept = Kept::new().await;
    let mut ada = kept.cluster.start_as("ada", &["take", "checkout", "--vnc"]);
    let line = ada.prints().await;
    let at = line.trim().strip_prefix("vnc://").expect("an address");
    let mut program = TcpStream::connect(at).await.unwrap();
    let mut version = [0; 12];
    program.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    program.write_all(&version).await.unwrap();
    let mut security = [0; 2];
    program.read_exact(&mut security).await.unwrap();
    assert_eq!(security, [1, 1], "None: the seat is authenticated");
    // Control is ours for as long as the program runs, whether or not a viewer is there.
    let held = until("the hold", async || {
        let all = kept.handoffs().await;
        (all[0]["status"]["phase"] == "Running").then(|| all[0].clone())
    })
    .await;
    assert_eq!(
        (&held["spec"]["mode"], &held["spec"]["holder"]),
        (&json!("Control"), &json!("ada"))
    );
    ada.interrupt();
    assert_eq!(ada.ended().await.exit, 0);
    kept.nothing_is_held().await;
}

/// A VNC program past its handshake; gives the connection.
async fn vnc(address: &str) -> TcpStream {
    let at = address.trim().strip_prefix("vnc://").expect("an address");
    let mut program = TcpStream::connect(at).await.unwrap();
    let mut version = [0; 12];
    program.read_exact(&mut version).await.unwrap();
    program.write_all(&version).await.unwrap();
    let mut security = [0; 2];
    program.read_exact(&mut security).await.unwrap();
    program.write_all(&[1]).await.unwrap();
    let mut result = [0; 4];
    program.read_exact(&mut result).await.unwrap();
    program.write_all(&[1]).await.unwrap();
    let mut init = [0; 24];
    program.read_exact(&mut init).await.unwrap();
    let mut name = vec![0; u32::from_be_bytes(init[20..24].try_into().unwrap()) as usize];
    program.read_exact(&mut name).await.unwrap();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vnc_program_watches_on_when_the_view_it_began_with_is_over() {
    // A minute before the end the next one is asked for: here after a second.
    let kept = Kept::limited(61).await;
    let mut ada = kept.cluster.start_as("ada", &["take", "checkout", "--vnc", "--view"]);
    let address = ada.prints().await;
    let mut program = vnc(&address).await;
    let another = async || {
        let before = kept.handoffs().await.len();
        until("another View", async || {
            let all = kept.handoffs().await;
            let phase =
                |name: &str| all.iter().filter(|one| one["status"]["phase"] == name).count();
            let over = phase("Finished") + phase("TimedOut");
            (all.len() > before && phase("Running") == 1 && over == all.len() - 1).then_some(())
        })
        .await;
    };
    // Whoever sits under one that is over, and comes with no other, goes after a minute. By the time of
    // the next one the seat has come over to the one before.
    for _ in 0..5 {
        another().await;
        kept.house.clock.pass(Duration::from_secs(31));
    }
    another().await;
    // Another program connects, and the first one still has its picture.
    vnc(&address).await;
    program.write_all(&[3, 0, 0, 0, 0, 0, 0, 8, 0, 8]).await.unwrap();
    let mut heard = [0];
    program.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, [2], "what the display answers");
    // Nothing is hidden: a right that was taken away ends it with what to do.
    let refusal = Refusal::new(403, "Forbidden", "denied request: no right");
    let creates = |line: &crate::support::api_server::fault::Line| {
        line.verb == Verb::Create && line.resource == "handoffs"
    };
    kept.cluster.server.rule(Rule::all(creates, Fault::Refuse(refusal))).await;
    let said = ada.ended().await;
    assert_eq!(said.exit, 3, "{said:?}");
    assert!(said.stderr.contains("Watching has ended"), "{said:?}");
    assert!(said.stderr.contains("testruns.handback.dev/view"), "{said:?}");
    assert!(said.stderr.contains("run the same command again"), "{said:?}");
    kept.nothing_is_held().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_of_one_take_cost_each_other_nothing() {
    let kept = Kept::new().await;
    let mut ada = kept.cluster.start_as("ada", &["take", "checkout"]);
    let Address { label, at, ticket, key } = address(&mut ada).await;
    let mut first = Person::at(at, &label);
    assert_eq!(first.session(&[("X-Handback-Token", &ticket)]).await.0, StatusCode::OK);
    let mut control = first.control().await;
    assert_eq!(control.hear().await["state"], "granted");
    let mut beats = 0;
    let mut holds = async |control: &mut crate::gate::house::Control| {
        beats += 1;
        control.say(json!({"type": "heartbeat", "n": beats})).await;
        let heard = control.hear().await;
        assert_eq!((&heard["type"], &heard["n"]), (&json!("heartbeat"), &json!(beats)), "{heard}");
    };

    // The same address again: its ticket is used, so the page asks the program for another one.
    let mut second = Person::at(at, &label);
    let (code, _) = second.clone().session(&[("X-Handback-Token", &ticket)]).await;
    assert_eq!(code, StatusCode::UNAUTHORIZED);
    let (code, pass) = wish(&second, &key, "/client/ticket", r#"{"view":false}"#).await;
    assert_eq!(code, StatusCode::OK, "{pass}");
    let (code, body) = second.session(&[("X-Handback-Token", text(&pass["ticket"]))]).await;
    assert_eq!(code, StatusCode::OK, "{body}");
    assert_eq!(text(&body["state"]["lease"]["holder"]["seat"]), first.seat, "{body}");
    assert_ne!(first.seat, second.seat);
    holds(&mut control).await;
    // It goes on watching under a View, and still the first one drives.
    let (_, pass) = wish(&second, &key, "/client/ticket", r#"{"view":true}"#).await;
    let proof = second.proof();
    let both = [("X-Handback-Token", text(&pass["ticket"])), ("X-Handback-Seat", &proof)];
    assert_eq!(second.session(&both).await.0, StatusCode::OK);
    holds(&mut control).await;

    // Both are reloaded, the one that drives first.
    for page in [&mut first, &mut second] {
        let (code, _, _) = page
            .raw(
                Method::POST,
                "/api/beacon",
                &[("Cookie", &page.cookie)],
                &json!({"seat": page.seat}).to_string(),
            )
            .await;
        assert_eq!(code, StatusCode::NO_CONTENT);
        let (seat, proof) = (page.seat.clone(), page.proof());
        assert_eq!(page.session(&[("X-Handback-Seat", &proof)]).await.0, StatusCode::OK);
        assert_eq!(page.seat, seat, "another seat");
    }
    drop(control);
    let mut control = first.control().await;
    assert_eq!(control.hear().await["state"], "granted", "the reload cost the control");
    holds(&mut control).await;

    // "Continue here" moves it, and the epoch grows. Pages that come later are let in under that.
    let (code, pass) = wish(&second, &key, "/client/takeover", "").await;
    assert_eq!(code, StatusCode::OK, "{pass}");
    let proof = second.proof();
    let both = [("X-Handback-Token", text(&pass["ticket"])), ("X-Handback-Seat", &proof)];
    assert_eq!(second.session(&both).await.0, StatusCode::OK);
    holds(&mut control).await;
    let (code, body) = second.post("/api/takeover", json!({"move": true})).await;
    assert_eq!(code, StatusCode::OK, "{body}");
    assert_eq!(control.revoked().await, "moved");
    let mut control = second.control().await;
    let granted = control.hear().await;
    assert_eq!(granted["state"], "granted");
    until("a ticket of the present epoch", async || {
        let mut third = Person::at(at, &label);
        let (_, pass) = wish(&third, &key, "/client/ticket", r#"{"view":false}"#).await;
        let (code, body) = third.session(&[("X-Handback-Token", text(&pass["ticket"]))]).await;
        (code == StatusCode::OK).then(|| {
            assert_eq!(body["state"]["lease"]["epoch"], granted["epoch"], "{body}");
            assert_eq!(text(&body["state"]["lease"]["holder"]["seat"]), second.seat, "{body}");
        })
    })
    .await;
    holds(&mut control).await;
    ada.interrupt();
    assert_eq!(ada.ended().await.exit, 0);
    kept.nothing_is_held().await;
}

#[test]
fn under_the_name_of_a_kubectl_plugin_it_is_the_same_program() {
    let place = tempfile::tempdir().unwrap();
    let plugin = place.path().join("kubectl-handback");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_handback"), &plugin).unwrap();
    let help = |program: &std::path::Path| {
        let output = std::process::Command::new(program).args(["take", "--help"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = help(&plugin);
    assert_eq!(code, Some(0));
    assert!(text.contains("Usage: kubectl handback take [OPTIONS] <RUN>"), "{text}");
    let (_, own) = help(env!("CARGO_BIN_EXE_handback").as_ref());
    assert_eq!(text.replace("Usage: kubectl handback", "Usage: handback"), own);
}
