//! `handback submit`: what is refused, what is made, what is followed, and with which exit code.

use std::{sync::Arc, time::Duration};

use handback::pod::contract::ToGate;
use serde_json::{Value, json};

use super::{Cluster, SHOP};
use crate::{
    gate::{house::RUN, pod},
    stored_run::{self, StoredRun},
    support::{
        api_server::{
            call::Verb,
            fault::{Fault, Line, Rule},
            refusal::Refusal,
        },
        mirror::Mirror,
        waiting::until,
    },
    upload::server::Server,
};

fn verdict(verdict: &str, reason: &str) -> Value {
    json!({
        "phase": "Finished", "verdict": verdict, "reason": reason, "attempt": 1,
        "message": "Case 1: expected \"x\" to be visible",
        "scenarios": {"total": 3, "passed": 2, "failed": 1, "summary": "2/3"},
        "times": {"started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:01:05Z"},
    })
}

fn of(verb: Verb, resource: &'static str) -> impl Fn(&Line) -> bool + Send + 'static {
    move |line| line.verb == verb && line.resource == resource
}

fn forbidden() -> Fault {
    Fault::Refuse(Refusal::new(403, "Forbidden", "user ada cannot do this"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_made_and_its_name_is_the_answer() {
    let cluster = Cluster::start().await;
    let manifest = cluster.manifest(&json!({"generateName": "checkout-"}), &json!({}));
    let said = cluster.run_as("ada", &["submit", "-f", &manifest]).await;
    assert_eq!(said.exit, 0, "{said:?}");
    let made = cluster.server.all("testruns").await;
    let [run] = made.as_slice() else { panic!("{made:?}") };
    let name = run["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("checkout-"), "{name}");
    assert_eq!(said.stdout, format!("testrun.handback.dev/{name}\n"));
    assert_eq!(run["spec"]["url"], "https://shop.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_would_refuse_is_refused_before_it_is_asked() {
    let cluster = Cluster::start().await;
    let manifest =
        cluster.manifest(&json!({"name": "checkout"}), &json!({"keepAlive": {"idleSeconds": 0}}));
    let said = cluster.run_as("ada", &["submit", "-f", &manifest]).await;
    assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(
        said.stderr.contains("line 1, column") && said.stderr.contains("spec.keepAlive"),
        "{said:?}"
    );
    let said = cluster.run_as("ada", &["submit", "-f", "/no/such.yaml"]).await;
    assert!(said.exit == 2 && said.stderr.contains("/no/such.yaml cannot be read"), "{said:?}");
    let manifest = cluster.manifest(&json!({"name": "checkout", "namespace": "other"}), &json!({}));
    let said = cluster.run_as("ada", &["submit", "-f", &manifest, "-n", SHOP]).await;
    assert!(said.exit == 2 && said.stderr.contains("namespace is other"), "{said:?}");
    assert_eq!(cluster.server.log().await, [], "the server was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_no_to_is_told_with_what_to_do() {
    let cluster = Cluster::start().await;
    let manifest = cluster.manifest(&json!({"name": "checkout"}), &json!({}));
    cluster.server.rule(Rule::first(of(Verb::Create, "testruns"), forbidden())).await;
    let said = cluster.run_as("ada", &["submit", "-f", &manifest, "--wait", "--json"]).await;
    assert_eq!(said.exit, 2, "{said:?}");
    assert!(
        said.stderr.contains("You may not create testruns.handback.dev in namespace shop"),
        "{said:?}"
    );
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&document["error"]["code"], &document["exit_code"]),
        (&json!("forbidden"), &json!(2))
    );
    assert_eq!(cluster.run_as("ada", &["submit", "-f", &manifest]).await.exit, 0);
    let said = cluster.run_as("ada", &["submit", "-f", &manifest]).await;
    assert!(said.exit == 2 && said.stderr.contains("There is a TestRun checkout"), "{said:?}");
    // Nobody listens at port 1.
    let config = cluster.path("ada.kubeconfig");
    let text = std::fs::read_to_string(&config).unwrap();
    let (before, after) = text.split_once("127.0.0.1:").unwrap();
    let after = after.trim_start_matches(|one: char| one.is_ascii_digit());
    let nowhere = cluster.path("nowhere");
    std::fs::write(&nowhere, format!("{before}127.0.0.1:1{after}")).unwrap();
    let nowhere = nowhere.to_str().unwrap();
    let said = cluster.run_as("ada", &["submit", "-f", &manifest, "--kubeconfig", nowhere]).await;
    assert!(said.exit == 3 && said.stderr.contains("could not be reached"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_followed_by_whoever_may_not_watch() {
    let cluster = Cluster::start().await;
    let manifest = cluster.manifest(&json!({"name": "checkout"}), &json!({}));
    cluster.server.rule(Rule::all(of(Verb::Create, "handoffs"), forbidden())).await;
    let running = cluster.start_as("ada", &["submit", "-f", &manifest, "--wait"]);
    running.says("TestRun checkout created in namespace shop").await;
    let waits =
        json!({"phase": "Starting", "message": "0/3 nodes are available: 3 Insufficient cpu."});
    cluster.status("checkout", waits).await;
    running.says("starting: 0/3 nodes are available: 3 Insufficient cpu.").await;
    // Neither an end of the watch nor one that the server has forgotten ends the waiting.
    cluster.server.drop_watches("testruns").await;
    cluster.server.compact().await;
    let pod = json!({"name": "tr-checkout-1", "uid": "u1", "warm": false});
    cluster.status("checkout", json!({"phase": "Running", "message": "", "pod": pod})).await;
    running.says("running").await;
    cluster.status("checkout", verdict("Failed", "AssertionFailed")).await;
    let said = running.ended().await;
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.stdout.contains("Failed: assertion_failed   2 of 3 scenarios"), "{said:?}");
    assert!(said.stdout.contains("Case 1: expected \"x\" to be visible"), "{said:?}");
    assert!(said.stdout.contains("kubectl handback take checkout -n shop"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_is_an_exit_code() {
    let cluster = Cluster::start().await;
    for (name, status, exit) in [
        ("a", verdict("Passed", ""), 0),
        ("b", verdict("Errored", "NoChecks"), 2),
        ("c", verdict("Errored", "PodLost"), 3),
        ("d", verdict("TimedOut", "Timeout"), 4),
        ("e", verdict("Cancelled", "Cancelled"), 5),
    ] {
        let manifest = cluster.manifest(&json!({"name": name}), &json!({}));
        let running = cluster.start_as("ada", &["submit", "-f", &manifest, "--wait"]);
        running.says("created").await;
        cluster.status(name, status).await;
        let said = running.ended().await;
        assert_eq!(said.exit, exit, "{said:?}");
    }
    let manifest = cluster.manifest(&json!({"name": "f"}), &json!({}));
    let running = cluster.start_as("ada", &["submit", "-f", &manifest, "--wait"]);
    running.says("created").await;
    cluster.server.delete("testruns", SHOP, "f").await;
    let said = running.ended().await;
    assert!(said.exit == 5 && said.stderr.contains("TestRun f was deleted"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_cancels_the_run_or_leaves_it_alone() {
    let cluster = Cluster::start().await;
    let manifest = cluster.manifest(&json!({"name": "checkout"}), &json!({}));
    let running = cluster.start_as("ada", &["submit", "-f", &manifest, "--wait"]);
    running.says("created").await;
    running.interrupt();
    running.says("waiting for its end").await;
    assert_eq!(cluster.run("checkout").await["spec"]["desiredState"], "Cancelled");
    cluster.status("checkout", verdict("Cancelled", "Cancelled")).await;
    assert_eq!(running.ended().await.exit, 5);
    let manifest = cluster.manifest(&json!({"name": "other"}), &json!({}));
    let wait = ["submit", "-f", &manifest, "--wait", "--on-interrupt=detach"];
    let running = cluster.start_as("ada", &wait);
    running.says("created").await;
    running.interrupt();
    let said = running.ended().await;
    assert!(
        said.exit == 5 && said.stderr.contains("kubectl get testrun other -n shop -w"),
        "{said:?}"
    );
    assert_eq!(cluster.run("other").await["spec"]["desiredState"], "Running");
}

/// A line of events.ndjson.
fn line(seq: u64, kind: &str, data: &Value) -> String {
    json!({"v": 1, "run": RUN, "scenario": null, "seq": seq, "ts": "", "type": kind, "data": data})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_report_and_files_come_through_the_gate() {
    let cluster = Cluster::start().await;
    let house = pod::pod().await;
    cluster.door.forward("tr-checkout-1", house.address);
    let server = Arc::clone(&cluster.server);
    let _mirror = Mirror::start(server, house.address, &pod::operator_keys(), pod::POD).await;
    let out = cluster.path("out");
    let junit = cluster.path("junit.xml");
    let manifest = cluster.manifest(&json!({"name": "checkout"}), &json!({}));
    let running = cluster.start_as(
        "ada",
        &[
            "submit",
            "-f",
            &manifest,
            "--wait",
            "--json",
            "--out",
            out.to_str().unwrap(),
            "--junit",
            junit.to_str().unwrap(),
        ],
    );
    running.says("created").await;
    let pod = json!({"name": "tr-checkout-1", "uid": pod::POD, "warm": false});
    cluster.status("checkout", json!({"phase": "Running", "pod": pod, "attempt": 1})).await;
    let mut agent = house.agent().await;
    let one = json!({"phase": "warning", "message": "the shop is closed"});
    agent.say(&ToGate::Event { line: line(1, "status", &one) }).await;
    running.says("warning: the shop is closed").await;
    // A forward that breaks costs nothing: the next event comes through another one.
    cluster.door.cut();
    let two = json!({"phase": "warning", "message": "the shop is open"});
    agent.say(&ToGate::Event { line: line(2, "status", &two) }).await;
    let said = running.says("warning: the shop is open").await;
    assert_eq!(said.matches("closed").count(), 1, "told twice: {said}");
    let report =
        json!({"verdict": "passed", "reason": null, "exit_code": 0, "path": "results.json"});
    agent.say(&ToGate::Event { line: line(3, "report", &report) }).await;
    std::fs::write(house.path("run/junit.xml"), "<testsuite/>").unwrap();
    agent.artifact("junit.xml", "junit", "application/xml").await;
    agent.finish(&house.path("run")).await;
    cluster.status("checkout", verdict("Passed", "")).await;
    let said = running.ended().await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert_eq!(std::fs::read_to_string(&junit).unwrap(), "<testsuite/>");
    let fetched = out;
    for path in ["manifest.json", "junit.xml", "results.json"] {
        let (there, here) = (house.path("run").join(path), fetched.join(path));
        assert_eq!(std::fs::read(there).unwrap(), std::fs::read(here).unwrap(), "{path}");
    }
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(document["schema"], "handback.results/v1");
    let handoffs = until("the end of the View", async || {
        let all = cluster.server.all("handoffs").await;
        all.iter().all(|one| one["status"]["phase"] == "Finished").then_some(all)
    });
    let handoffs = tokio::time::timeout(Duration::from_mins(1), handoffs).await.unwrap();
    let [view] = handoffs.as_slice() else { panic!("{handoffs:#?}") };
    assert_eq!((&view["spec"]["mode"], &view["spec"]["holder"]), (&json!("View"), &json!("ada")));
}

/// What the operator makes of Handoffs whose pod is gone.
async fn lose_handoffs(cluster: &Cluster) {
    for handoff in cluster.server.all("handoffs").await {
        let name = handoff["metadata"]["name"].as_str().unwrap().to_owned();
        let lost = |handoff: &mut Value| {
            if handoff["status"]["phase"] == "Running" {
                let failure = json!({"code": "GateLost", "message": "The gate is gone."});
                let lost = json!({"phase": "Failed", "failure": failure});
                json_patch::merge(&mut handoff["status"], &lost);
            }
        };
        cluster.server.edit("handoffs", SHOP, &name, lost).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_attempt_is_followed_at_its_own_gate_and_the_files_are_its() {
    let cluster = Cluster::start().await;
    let first = pod::pod().await;
    cluster.door.forward("tr-checkout-1", first.address);
    let server = Arc::clone(&cluster.server);
    let mirror = Mirror::start(server, first.address, &pod::operator_keys(), pod::POD).await;
    let (out, junit) = (cluster.path("out"), cluster.path("junit.xml"));
    let manifest = cluster.manifest(&json!({"name": "checkout"}), &json!({"backoffLimit": 1}));
    let files = ["--out", out.to_str().unwrap(), "--junit", junit.to_str().unwrap()];
    let arguments = [["submit", "-f", &manifest, "--wait"], files].concat();
    let running = cluster.start_as("ada", &arguments);
    running.says("created").await;
    let pod = json!({"name": "tr-checkout-1", "uid": pod::POD, "warm": false});
    cluster.status("checkout", json!({"phase": "Running", "pod": pod, "attempt": 1})).await;
    let mut agent = first.agent().await;
    let one = json!({"phase": "warning", "message": "the node is drained"});
    agent.say(&ToGate::Event { line: line(1, "status", &one) }).await;
    running.says("warning: the node is drained").await;
    // An agent that is told to end because of a drain reports, and means nothing by it.
    let report =
        json!({"verdict": "cancelled", "reason": null, "exit_code": 5, "path": "results.json"});
    agent.say(&ToGate::Event { line: line(2, "report", &report) }).await;
    std::fs::write(first.path("run/junit.xml"), "<first/>").unwrap();
    agent.artifact("junit.xml", "junit", "application/xml").await;
    agent.finish(&first.path("run")).await;
    drop(mirror);
    cluster.door.forget("tr-checkout-1");
    lose_handoffs(&cluster).await;
    let why = "attempt 1: the pod was lost; attempt 2 of 2 follows";
    let retrying = json!({"phase": "Starting", "pod": null, "attempt": 2, "message": why});
    cluster.status("checkout", retrying).await;
    running.says(&format!("starting: {why}")).await;

    let uid = "8c1f0000-0000-4000-8000-000000000002";
    let second = pod::pod_called(uid).await;
    cluster.door.forward("tr-checkout-2", second.address);
    let server = Arc::clone(&cluster.server);
    let _mirror = Mirror::start(server, second.address, &pod::operator_keys(), uid).await;
    let pod = json!({"name": "tr-checkout-2", "uid": uid, "warm": false});
    cluster.status("checkout", json!({"phase": "Running", "pod": pod, "message": ""})).await;
    let mut agent = second.agent().await;
    let one = json!({"phase": "warning", "message": "the shop is open"});
    // The count begins anew.
    agent.say(&ToGate::Event { line: line(1, "status", &one) }).await;
    running.says("warning: the shop is open").await;
    let report =
        json!({"verdict": "passed", "reason": null, "exit_code": 0, "path": "results.json"});
    agent.say(&ToGate::Event { line: line(2, "report", &report) }).await;
    std::fs::write(second.path("run/junit.xml"), "<second/>").unwrap();
    agent.artifact("junit.xml", "junit", "application/xml").await;
    agent.finish(&second.path("run")).await;
    let mut status = verdict("Passed", "");
    status["attempt"] = json!(2);
    cluster.status("checkout", status).await;
    let said = running.ended().await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert_eq!(std::fs::read_to_string(&junit).unwrap(), "<second/>");
    assert_eq!(std::fs::read_to_string(out.join("junit.xml")).unwrap(), "<second/>");
    let handoffs = cluster.server.all("handoffs").await;
    let ended = ["Finished", "Failed"].map(Value::from);
    assert_eq!(handoffs.len(), 2, "{handoffs:#?}");
    assert!(handoffs.iter().all(|one| ended.contains(&one["status"]["phase"])), "{handoffs:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_goes_before_its_files_were_fetched_leaves_them_in_the_bucket() {
    let cluster = Cluster::start().await;
    let server = Server::new().await;
    let storage = stored_run::storage(&server.endpoint, stored_run::PATIENCE);
    let mut stored = StoredRun::start(Some(storage)).await;
    stored.file("junit.xml", "junit", b"<testsuite/>").await;
    stored.finish().await;
    let sum = stored.settled().await.manifest_sha256.unwrap();
    let house = pod::pod().await;
    cluster.door.forward("tr-checkout-1", house.address);
    let api = Arc::clone(&cluster.server);
    let mirror = Mirror::start(api, house.address, &pod::operator_keys(), pod::POD).await;
    let out = cluster.path("out");
    let keys = [
        ("AWS_ACCESS_KEY_ID", stored_run::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", stored_run::SECRET_KEY),
        ("AWS_ENDPOINT_URL", &server.endpoint),
    ];
    let manifest = cluster.manifest(&json!({"name": "checkout"}), &json!({}));
    let arguments = ["submit", "-f", &manifest, "--wait", "--out", out.to_str().unwrap()];
    let running = cluster.start_with("ada", &arguments, &keys);
    running.says("created").await;
    let pod = json!({"name": "tr-checkout-1", "uid": pod::POD, "warm": false});
    cluster.status("checkout", json!({"phase": "Running", "pod": pod, "attempt": 1})).await;
    let mut agent = house.agent().await;
    let one = json!({"phase": "warning", "message": "the shop is open"});
    agent.say(&ToGate::Event { line: line(1, "status", &one) }).await;
    running.says("warning: the shop is open").await;
    drop(mirror);
    cluster.door.forget("tr-checkout-1");
    lose_handoffs(&cluster).await;
    let uri = format!("s3://{}/{}", stored_run::BUCKET, stored_run::PREFIX);
    let mut status = verdict("Passed", "");
    status["artifacts"] = json!({"uri": uri, "state": "Complete", "manifestSHA256": sum});
    cluster.status("checkout", status).await;
    let said = running.ended().await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert_eq!(std::fs::read(out.join("junit.xml")).unwrap(), b"<testsuite/>");
    assert_eq!(std::fs::read(out.join("manifest.json")).unwrap(), stored.manifest());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_watch_reads_the_bucket_with_keys_of_their_own() {
    let cluster = Cluster::start().await;
    let server = Server::new().await;
    let storage = stored_run::storage(&server.endpoint, stored_run::PATIENCE);
    let mut stored = StoredRun::start(Some(storage)).await;
    stored.file("junit.xml", "junit", b"<testsuite/>").await;
    stored.finish().await;
    let report = stored.settled().await;
    cluster.server.rule(Rule::all(of(Verb::Create, "handoffs"), forbidden())).await;
    let uri = format!("s3://{}/{}", stored_run::BUCKET, stored_run::PREFIX);
    let mut status = verdict("Passed", "");
    status["pod"] = json!({"name": "tr-checkout-1", "uid": "u1", "warm": false});
    let sum = report.manifest_sha256.unwrap();
    status["artifacts"] = json!({"uri": uri, "state": "Complete", "manifestSHA256": sum});
    let out = cluster.path("out");
    let keys = [
        ("AWS_ACCESS_KEY_ID", stored_run::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", stored_run::SECRET_KEY),
        ("AWS_ENDPOINT_URL", &server.endpoint),
    ];
    let submit = async |name: &str, env: &[(&str, &str)]| {
        let manifest = cluster.manifest(&json!({"name": name}), &json!({}));
        let arguments = ["submit", "-f", &manifest, "--wait", "--out", out.to_str().unwrap()];
        let running = cluster.start_with("ada", &arguments, env);
        running.says("created").await;
        cluster.status(name, status.clone()).await;
        running.ended().await
    };
    let said = submit("checkout", &keys).await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert_eq!(std::fs::read(out.join("junit.xml")).unwrap(), b"<testsuite/>");
    assert_eq!(std::fs::read(out.join("manifest.json")).unwrap(), stored.manifest());
    let manifest = cluster.manifest(&json!({"name": "again"}), &json!({}));
    let again = ["submit", "-f", &manifest, "--wait", "--out", out.to_str().unwrap()];
    let said = cluster.run_as("ada", &again).await;
    assert!(said.exit == 2 && said.stderr.contains("is not empty"), "{said:?}");
    std::fs::remove_dir_all(&out).unwrap();
    // What was damaged since it was stored is named, and the verdict is not taken for a success.
    std::fs::write(server.path("junit.xml"), "<testsuit3/>").unwrap();
    let said = submit("damaged", &keys).await;
    assert!(said.exit == 3 && said.stderr.contains("junit.xml is damaged"), "{said:?}");
    std::fs::remove_dir_all(&out).unwrap();
    let said = submit("keyless", &[]).await;
    assert_eq!(said.exit, 3, "{said:?}");
    assert!(
        said.stderr.contains("You may not create handoffs")
            && said.stderr.contains("AWS_ACCESS_KEY_ID"),
        "{said:?}"
    );
}
