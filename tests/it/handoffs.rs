//! The real operator and Handoffs, against the API server of the tests and gates that know one
//! handoff from the other: what it writes in which order, and that it comes to the same end whatever
//! request fails, and wherever it is killed.

use std::time::Duration;

use handback::{
    decide::{Stored, Upload},
    operator::outside::HandoffWord,
    pod::contract::stream::{ClosedBy, HandoffPhase},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{
    api_server::{
        call::Verb,
        fault::{Fault, Line, Rule},
    },
    fleet::{Fleet, Running, SHOP, condition, passed},
};

/// A run that has passed, with its browser kept: nobody is idle.
async fn kept(name: &str) -> (Fleet, Running) {
    let fleet = Fleet::start().await;
    let operator = fleet.operator("one");
    keep(&fleet, name, json!({})).await;
    fleet.server.clear_log().await;
    (fleet, operator)
}

async fn keep(fleet: &Fleet, name: &str, spec: Value) {
    let pod = format!("tr-{name}-1");
    begin(fleet, name, spec).await;
    fleet.end_agent(&pod, 0, passed()).await;
    fleet.gates.change(|answer| {
        answer.upload = Upload::Complete(Stored::default());
        answer.watched = true;
    });
    fleet.until_run(name, "kept", |run| condition(run, "ArtifactsUploaded") == "True").await;
    fleet.until_pod(&pod, "released", |pod| pod["metadata"]["finalizers"].is_null()).await;
}

/// A run whose agent is at work.
async fn begin(fleet: &Fleet, name: &str, spec: Value) {
    let pod = format!("tr-{name}-1");
    fleet.run(name, spec).await;
    fleet.until_pod(&pod, "made", |_| true).await;
    fleet.schedule(&pod).await;
    fleet.start_pod(&pod).await;
    fleet.until_run(name, "running", |run| run["status"]["phase"] == "Running").await;
}

fn phase(handoff: &Value) -> &str {
    handoff["status"]["phase"].as_str().unwrap_or_default()
}

fn running(handoff: &Value) -> bool {
    phase(handoff) == "Running"
}

fn ended(handoff: &Value) -> bool {
    condition(handoff, "Ended") == "True"
}

/// Phase and failure code or who closed it, once it is over.
async fn ending(fleet: &Fleet, name: &str) -> (String, String) {
    let handoff = fleet.until_handoff(name, "over", ended).await;
    let status = &handoff["status"];
    let why = status["failure"]["code"].as_str().or_else(|| status["closedBy"].as_str());
    (phase(&handoff).to_owned(), why.unwrap_or_default().to_owned())
}

async fn slot(fleet: &Fleet, run: &str) -> Value {
    fleet.server.get("testruns", SHOP, run).await.expect("the run")["status"]["control"].clone()
}

fn pair(phase: &str, why: &str) -> (String, String) {
    (phase.to_owned(), why.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_person_takes_over_after_the_run_and_hands_back_in_five_writes() {
    let (fleet, operator) = kept("checkout").await;
    let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({"reason": "login"})).await;
    let handoff = fleet.until_handoff("ho-1", "granted", running).await;
    let status = &handoff["status"];
    assert_eq!((&status["holder"], &status["inputEpoch"]), (&json!("ada"), &json!(8)));
    assert_eq!(status["access"], "kubectl handback take checkout -n shop");
    assert!(status["startedAt"].is_string() && status["deadline"].is_string(), "{status:#}");
    for (which, expected) in [
        ("Granted", "True"),
        ("AgentPaused", "True"),
        ("HumanConnected", "False"),
        ("Ended", "False"),
    ] {
        assert_eq!(condition(&handoff, which), expected, "{which}");
    }
    assert_eq!(
        slot(&fleet, "checkout").await,
        json!({"handoff": "ho-1", "mode": "Control", "holder": "ada"})
    );
    fleet
        .until_pod("tr-checkout-1", "marked", |pod| {
            !pod["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"].is_null()
        })
        .await;
    fleet.gates.handoffs.connect(&uid);
    let handoff = fleet
        .until_handoff("ho-1", "connected", |one| condition(one, "HumanConnected") == "True")
        .await;
    assert!(handoff["status"]["firstConnectedAt"].is_string());
    let owner = &handoff["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("TestRun"), &json!("checkout")));
    fleet.gates.handoffs.end(&uid, HandoffPhase::Finished(ClosedBy::Human));
    assert_eq!(ending(&fleet, "ho-1").await, pair("Finished", "Human"));
    let handoff = fleet.server.get("handoffs", SHOP, "ho-1").await.unwrap();
    assert_eq!(condition(&handoff, "AgentResumed"), "False");
    assert_eq!(condition(&handoff, "Granted"), "False");
    assert!(handoff["status"]["inputEpoch"].is_null() && handoff["status"]["access"].is_null());
    assert_eq!(slot(&fleet, "checkout").await, Value::Null);
    sleep(Duration::from_secs(30)).await;
    let of_handoffs = |line: &&String| !line.contains(" pods ");
    let writes = fleet.writes().await;
    assert_eq!(
        writes.iter().filter(of_handoffs).collect::<Vec<_>>(),
        [
            "patch testruns/status shop/checkout 200",
            "patch handoffs/status shop/ho-1 200",
            "patch handoffs shop/ho-1 200",
            "patch handoffs/status shop/ho-1 200",
            "patch testruns/status shop/checkout 200",
            "patch handoffs/status shop/ho-1 200",
        ]
    );
    for reason in ["Granted", "HandedOff", "Finished"] {
        assert!(fleet.events().await.iter().any(|found| found == reason), "{reason}");
    }
    let text = operator.metrics.text().unwrap();
    for line in [
        "handback_handoffs_total{phase=\"Finished\",reason=\"login\"} 1",
        "handback_handoff_grant_seconds_count 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_twenty_who_ask_at_once_one_gets_it_and_the_others_hear_who() {
    let (fleet, _operator) = kept("checkout").await;
    for number in 0..20 {
        let holder = format!("person-{number}");
        fleet.hand_off(&format!("ho-{number}"), "checkout", &holder, json!({})).await;
    }
    let mut winner = None;
    for number in 0..20 {
        let name = format!("ho-{number}");
        let settled = |one: &Value| running(one) || ended(one);
        let handoff = fleet.until_handoff(&name, "settled", settled).await;
        if running(&handoff) {
            assert!(winner.is_none(), "{name} and {winner:?}");
            winner = Some(number);
        } else {
            assert_eq!(ending(&fleet, &name).await, pair("Failed", "AlreadyHeld"));
        }
    }
    let winner = winner.expect("somebody got it");
    let loser = if winner == 0 { "ho-1" } else { "ho-0" };
    let loser = fleet.server.get("handoffs", SHOP, loser).await.unwrap();
    let text = loser["status"]["failure"]["message"].as_str().unwrap();
    assert_eq!(text, format!("person-{winner} has the browser."));
    assert_eq!(slot(&fleet, "checkout").await["handoff"], format!("ho-{winner}"));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_too_late_for_the_slot_takes_it_from_nobody() {
    let (fleet, _operator) = kept("checkout").await;
    // Who asked first is overtaken on the way.
    let slot_is_written = |line: &Line| line.resource == "testruns/status";
    let slow = Fault::Delay(Duration::from_secs(3));
    fleet.server.rule(Rule::first(slot_is_written, slow)).await;
    fleet.hand_off("slow", "checkout", "ada", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(slot(&fleet, "checkout").await, Value::Null, "it is still on its way");
    fleet.hand_off("quick", "checkout", "bob", json!({})).await;
    fleet.until_handoff("quick", "granted", running).await;
    assert_eq!(ending(&fleet, "slow").await, pair("Failed", "AlreadyHeld"));
    assert_eq!(slot(&fleet, "checkout").await["handoff"], "quick");
}

#[tokio::test(start_paused = true)]
async fn while_an_agent_lives_its_browser_can_be_watched_and_not_taken() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    begin(&fleet, "checkout", json!({})).await;
    fleet.gates.handoffs.busy(true);
    fleet.hand_off("take", "checkout", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "take").await, pair("Failed", "AgentBusy"));
    let handoff = fleet.server.get("handoffs", SHOP, "take").await.unwrap();
    let granted = handoff["status"]["conditions"].as_array().unwrap();
    let granted = granted.iter().find(|one| one["type"] == "Granted").unwrap();
    assert_eq!((&granted["status"], &granted["reason"]), (&json!("False"), &json!("AgentBusy")));
    assert_eq!(slot(&fleet, "checkout").await, Value::Null);
    let uid = fleet.hand_off("watch", "checkout", "bob", json!({"mode": "View"})).await;
    let handoff = fleet.until_handoff("watch", "granted", running).await;
    assert!(handoff["status"]["inputEpoch"].is_null());
    assert_eq!(handoff["status"]["access"], "kubectl handback take checkout --view -n shop");
    assert_eq!(slot(&fleet, "checkout").await, Value::Null);
    fleet.gates.handoffs.end(&uid, HandoffPhase::TimedOut(ClosedBy::Timeout));
    assert_eq!(ending(&fleet, "watch").await, pair("TimedOut", "Timeout"));
    let status = |line: &&String| line.starts_with("patch handoffs/status shop/watch");
    assert_eq!(fleet.writes().await.iter().filter(status).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_the_policy_as_it_was_shipped_every_handoff_is_refused() {
    let (fleet, _operator) = kept("checkout").await;
    fleet
        .server
        .edit("validatingadmissionpolicies", "", "handback-handoffs", |policy| {
            policy["spec"]["failurePolicy"] = json!("Ignore");
        })
        .await;
    fleet.hand_off("take", "checkout", "ada", json!({})).await;
    fleet.hand_off("watch", "checkout", "ada", json!({"mode": "View"})).await;
    for name in ["take", "watch"] {
        assert_eq!(ending(&fleet, name).await, pair("Failed", "PolicyMissing"));
    }
    assert!(
        !fleet
            .gates
            .handoffs
            .words()
            .await
            .iter()
            .any(|word| matches!(word, HandoffWord::Prepare { .. })),
        "no gate is told of them"
    );
    fleet.server.delete("validatingadmissionpolicybindings", "", "handback-handoffs").await;
    fleet.hand_off("again", "checkout", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "again").await, pair("Failed", "PolicyMissing"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_says_why() {
    let (fleet, _operator) = kept("checkout").await;
    fleet.hand_off("nowhere", "other", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "nowhere").await, pair("Failed", "RunNotFound"));
    fleet
        .server
        .edit("testruns", SHOP, "checkout", |run| {
            run["status"]["handoffs"] = json!([{"kind": "handoff", "ref": "twice"}]);
        })
        .await;
    fleet.hand_off("twice", "checkout", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "twice").await, pair("Failed", "NameReused"));
    fleet
        .server
        .edit("testruns", SHOP, "checkout", |run| {
            run["status"]["handoffs"] = (0..32)
                .map(|number| json!({"kind": "handoff", "ref": format!("ho-{number}")}))
                .collect();
        })
        .await;
    fleet.hand_off("one-more", "checkout", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "one-more").await, pair("Failed", "BudgetExceeded"));
    fleet.hand_off("watch", "checkout", "ada", json!({"mode": "View"})).await;
    fleet.until_handoff("watch", "granted", running).await;
    let begun = tokio::time::Instant::now();
    fleet.hand_off("unclaimed", "checkout", "", json!({"mode": "View"})).await;
    assert_eq!(ending(&fleet, "unclaimed").await, pair("TimedOut", "Unclaimed"));
    assert!((119..125).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_handoff_can_be_finished_and_cancelled_through_the_api() {
    let (fleet, _operator) = kept("checkout").await;
    for (name, wish, host, expected) in [
        ("done", "Finished", false, pair("Finished", "Human")),
        ("called-off", "Cancelled", false, pair("Cancelled", "Human")),
        ("by-program", "Cancelled", true, pair("Cancelled", "Host")),
    ] {
        fleet.hand_off(name, "checkout", "ada", json!({})).await;
        fleet.until_handoff(name, "granted", running).await;
        fleet
            .server
            .edit("handoffs", SHOP, name, move |handoff| {
                handoff["spec"]["desiredState"] = json!(wish);
                let manager = if host { "handback-mcp" } else { "kubectl" };
                handoff["metadata"]["managedFields"] = json!([{
                    "manager": manager, "operation": "Update", "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:desiredState": {}}}}]);
            })
            .await;
        assert_eq!(ending(&fleet, name).await, expected, "{name}");
        assert_eq!(slot(&fleet, "checkout").await, Value::Null, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handoff_that_is_deleted_ends_at_the_gate_and_leaves_the_slot() {
    let (fleet, operator) = kept("checkout").await;
    let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
    fleet.until_handoff("ho-1", "granted", running).await;
    fleet.server.delete("handoffs", SHOP, "ho-1").await;
    let closed = |fleet: &Fleet, uid: &str| {
        let heard = fleet.gates.handoffs.heard();
        heard.handoffs.iter().any(|one| one.uid == uid && !one.phase.is_active())
    };
    fleet.until_run("checkout", "free", |run| run["status"]["control"].is_null()).await;
    for _ in 0..1000 {
        if closed(&fleet, &uid) {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(closed(&fleet, &uid), "{}", fleet.story().await);
    // Deleted while nobody looks.
    let uid = fleet.hand_off("ho-2", "checkout", "ada", json!({})).await;
    fleet.until_handoff("ho-2", "granted", running).await;
    operator.kill().await;
    fleet.server.delete("handoffs", SHOP, "ho-2").await;
    let _operator = fleet.operator("two");
    fleet.until_run("checkout", "free", |run| run["status"]["control"].is_null()).await;
    for _ in 0..1000 {
        if closed(&fleet, &uid) {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(closed(&fleet, &uid), "{}", fleet.story().await);
    fleet.hand_off("ho-3", "checkout", "bob", json!({})).await;
    fleet.until_handoff("ho-3", "granted", running).await;
}

/// Asked for as soon as the one before is gone, wherever the operator stands with that.
#[tokio::test(start_paused = true)]
async fn whoever_follows_one_that_was_deleted_is_not_refused_for_it() {
    for (wait, late) in [(0, 0), (20, 0), (80, 0), (0, 300), (20, 300), (200, 300), (400, 300)] {
        let (fleet, _operator) = kept("checkout").await;
        // Before the gate is told to end what is not wanted any more, that is asked of the API server.
        let asks = |line: &Line| line.resource == "handoffs" && line.verb == Verb::List;
        let late = Fault::Delay(Duration::from_millis(late));
        fleet.server.rule(Rule::all(asks, late)).await;
        let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
        fleet.until_handoff("ho-1", "granted", running).await;
        fleet.server.delete("handoffs", SHOP, "ho-1").await;
        sleep(Duration::from_millis(wait)).await;
        fleet.hand_off("ho-2", "checkout", "bob", json!({})).await;
        let settled = |one: &Value| running(one) || ended(one);
        let handoff = fleet.until_handoff("ho-2", "settled", settled).await;
        assert_eq!(phase(&handoff), "Running", "{wait} ms later: {}", handoff["status"]);
        assert_eq!(slot(&fleet, "checkout").await["handoff"], "ho-2");
        let heard = fleet.gates.handoffs.heard();
        let first = heard.handoffs.iter().find(|one| one.uid == uid).unwrap();
        assert_eq!(first.phase, HandoffPhase::Cancelled(ClosedBy::Operator));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_one_that_was_given_up_is_not_refused_for_it() {
    for restarted in [false, true] {
        let (fleet, operator) = kept("checkout").await;
        // The gate grants it and cannot say so.
        fleet.gates.handoffs.mute(true);
        let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
        while fleet.gates.handoffs.heard().handoffs.is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        let answer = fleet.gates.answer.send_replace(None);
        assert_eq!(ending(&fleet, "ho-1").await, pair("Failed", "GateLost"));
        let mut operator = Some(operator);
        if restarted {
            operator.take().unwrap().kill().await;
            operator = Some(fleet.operator("two"));
            sleep(Duration::from_secs(20)).await;
        }
        fleet.gates.handoffs.mute(false);
        fleet.gates.answer.send_replace(answer);
        fleet.hand_off("ho-2", "checkout", "bob", json!({})).await;
        let settled = |one: &Value| running(one) || ended(one);
        let handoff = fleet.until_handoff("ho-2", "settled", settled).await;
        assert_eq!(phase(&handoff), "Running", "{restarted}: {}", handoff["status"]);
        let heard = fleet.gates.handoffs.heard();
        let first = heard.handoffs.iter().find(|one| one.uid == uid).unwrap();
        assert!(!first.phase.is_active(), "{first:?}");
        drop(operator);
    }
}

/// The way to the pod breaks for longer than it takes to give up, and one more try fails after that.
#[tokio::test(start_paused = true)]
async fn whoever_follows_one_of_whom_the_gate_never_heard_is_not_refused_for_it() {
    let (fleet, _operator) = kept("checkout").await;
    // It was heard from before, and says nothing new until the end of this.
    fleet.hand_off("watch", "checkout", "eve", json!({"mode": "View"})).await;
    fleet.until_handoff("watch", "granted", running).await;
    let answer = fleet.gates.answer.send_replace(None);
    // Its run is looked at when the slot is free, and by then it is not over yet.
    let status = |line: &Line| line.resource == "handoffs/status" && line.name == "ho-1";
    fleet.server.rule(Rule::all(status, Fault::Delay(Duration::from_secs(2)))).await;
    let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "ho-1").await, pair("Failed", "GateLost"));
    sleep(Duration::from_secs(30)).await;
    fleet.gates.answer.send_replace(answer);
    fleet.hand_off("ho-2", "checkout", "bob", json!({})).await;
    let settled = |one: &Value| running(one) || ended(one);
    let handoff = fleet.until_handoff("ho-2", "settled", settled).await;
    assert_eq!(phase(&handoff), "Running", "{}", handoff["status"]);
    let heard = fleet.gates.handoffs.heard();
    assert!(heard.handoffs.iter().all(|one| one.uid != uid), "the gate never heard of it");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_had_can_be_claimed_for_two_minutes_and_is_granted_then() {
    let (fleet, _operator) = kept("checkout").await;
    fleet.hand_off("ho-1", "checkout", "", json!({})).await;
    let waits = |one: &Value| {
        let granted = one["status"]["conditions"].as_array().into_iter().flatten();
        granted.into_iter().any(|one| one["reason"] == "WaitingForClaim")
    };
    fleet.until_handoff("ho-1", "waiting", waits).await;
    sleep(Duration::from_secs(110)).await;
    let now = format!("{:.0}", handback::clock::Clock::now(&fleet.server.clock));
    let key = handback::pod::contract::PublicKey::new([9; 32]).to_string();
    fleet
        .server
        .edit("handoffs", SHOP, "ho-1", move |handoff| {
            handoff["spec"]["holder"] = json!("ada");
            handoff["spec"]["holderKey"] = json!(key);
            let made = handoff["metadata"]["creationTimestamp"].clone();
            handoff["metadata"]["managedFields"] = json!([{
                "manager": "handback-operator", "operation": "Update", "fieldsType": "FieldsV1",
                "time": made, "fieldsV1": {"f:spec": {"f:runRef": {}}}}, {
                "manager": "handback", "operation": "Update", "fieldsType": "FieldsV1", "time": now,
                "fieldsV1": {"f:spec": {"f:holder": {}, "f:holderKey": {}}}}]);
        })
        .await;
    let settled = |one: &Value| running(one) || ended(one);
    let handoff = fleet.until_handoff("ho-1", "settled", settled).await;
    assert_eq!(phase(&handoff), "Running", "{}", handoff["status"]);
    assert_eq!(handoff["status"]["holder"], "ada");
    sleep(Duration::from_secs(1)).await;
    for reason in ["Requested", "Claimed", "Granted"] {
        assert!(fleet.events().await.iter().any(|found| found == reason), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn activity_is_written_once_a_minute_and_the_near_end_is_said_once() {
    let (fleet, _operator) = kept("checkout").await;
    let spec = json!({"timeoutSeconds": 300});
    let uid = fleet.hand_off("ho-1", "checkout", "ada", spec).await;
    fleet.until_handoff("ho-1", "granted", running).await;
    fleet.gates.handoffs.connect(&uid);
    let writes = async || {
        let status = |line: &&String| line.starts_with("patch handoffs/status shop/ho-1");
        fleet.writes().await.iter().filter(status).count()
    };
    let expiring = async || {
        let events = fleet.server.all("events").await;
        let found = events.into_iter().find(|event| event["reason"] == "Expiring");
        found.map(|event| event["series"].is_null())
    };
    sleep(Duration::from_secs(5)).await;
    let before = writes().await;
    for _ in 0..5 {
        fleet.gates.handoffs.leave(&uid);
        sleep(Duration::from_secs(1)).await;
        fleet.gates.handoffs.connect(&uid);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(writes().await, before, "coming and going is no news within a minute");
    for _ in 0..44 {
        fleet.gates.handoffs.act(&uid);
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(expiring().await, None, "more than a minute is left");
    let handoff = fleet.server.get("handoffs", SHOP, "ho-1").await.unwrap();
    let at: jiff::Timestamp =
        handoff["status"]["lastActivityAt"].as_str().unwrap().parse().unwrap();
    let ago = handback::clock::Clock::now(&fleet.server.clock).duration_since(at).as_secs();
    assert!((0..130).contains(&ago) && at.as_second() % 60 == 0, "{at}, {ago} s ago");
    let wrote = writes().await - before;
    assert!((3..=4).contains(&wrote), "{wrote} writes in 230 s");
    for _ in 0..8 {
        // Whatever happens in the last minute, it is not said again.
        fleet.gates.handoffs.act(&uid);
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(expiring().await, Some(true), "said, and once");
    fleet.gates.handoffs.end(&uid, HandoffPhase::TimedOut(ClosedBy::Timeout));
    assert_eq!(ending(&fleet, "ho-1").await, pair("TimedOut", "Timeout"));
    assert_eq!(expiring().await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn at_the_absolute_end_the_operator_cancels_it() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    let keep_alive =
        json!({"keepAlive": {"policy": "Always", "idleSeconds": 60, "maxSeconds": 120}});
    keep(&fleet, "checkout", keep_alive).await;
    fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
    fleet.until_handoff("ho-1", "granted", running).await;
    assert_eq!(ending(&fleet, "ho-1").await, pair("Cancelled", "Operator"));
    assert_eq!(slot(&fleet, "checkout").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_lost_browser_and_a_lost_gate_are_told_apart() {
    let (fleet, _operator) = kept("checkout").await;
    fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
    fleet.until_handoff("ho-1", "granted", running).await;
    fleet.gates.handoffs.forget();
    assert_eq!(ending(&fleet, "ho-1").await, pair("Failed", "GateLost"));
    fleet.hand_off("ho-2", "checkout", "ada", json!({})).await;
    fleet.until_handoff("ho-2", "granted", running).await;
    fleet
        .server
        .edit("pods", SHOP, "tr-checkout-1", |pod| {
            pod["status"]["phase"] = json!("Failed");
            for status in pod["status"]["containerStatuses"].as_array_mut().unwrap() {
                status["state"] = json!({"terminated": {"exitCode": 137}});
            }
        })
        .await;
    assert_eq!(ending(&fleet, "ho-2").await, pair("Failed", "BrowserLost"));
    fleet.hand_off("ho-3", "checkout", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "ho-3").await, pair("Failed", "BrowserGone"));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_does_not_answer_is_asked_again_and_not_for_ever() {
    let (fleet, _operator) = kept("checkout").await;
    let answer = fleet.gates.answer.send_replace(None);
    fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
    let waits = |one: &Value| phase(one) == "Pending";
    fleet.until_handoff("ho-1", "waiting", waits).await;
    sleep(Duration::from_secs(12)).await;
    fleet.gates.answer.send_replace(answer.clone());
    fleet.until_handoff("ho-1", "granted", running).await;
    fleet.gates.answer.send_replace(None);
    let (fleet, _operator) = kept("basket").await;
    fleet.gates.answer.send_replace(None);
    fleet.hand_off("ho-1", "basket", "ada", json!({})).await;
    assert_eq!(ending(&fleet, "ho-1").await, pair("Failed", "GateLost"));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_deleted_after_its_time() {
    let (fleet, _operator) = kept("checkout").await;
    let spec = json!({"mode": "View", "ttlSecondsAfterFinished": 30});
    let uid = fleet.hand_off("ho-1", "checkout", "ada", spec).await;
    fleet.until_handoff("ho-1", "granted", running).await;
    fleet.gates.handoffs.end(&uid, HandoffPhase::TimedOut(ClosedBy::Timeout));
    ending(&fleet, "ho-1").await;
    let begun = tokio::time::Instant::now();
    fleet.until_gone("handoffs", "ho-1").await;
    assert!((29..35).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

/// From a Handoff's creation to its end.
async fn life(fleet: &Fleet) {
    let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
    fleet.until_handoff("ho-1", "granted", running).await;
    fleet.gates.handoffs.end(&uid, HandoffPhase::Finished(ClosedBy::Human));
    fleet.until_handoff("ho-1", "over", ended).await;
}

async fn assert_good_life(fleet: &Fleet, what: &str) {
    assert_eq!(ending(fleet, "ho-1").await, pair("Finished", "Human"), "{what}");
    fleet.until_run("checkout", "free", |run| run["status"]["control"].is_null()).await;
    let prepared = fleet.gates.handoffs.heard().handoffs.len();
    assert_eq!(prepared, 1, "{what}");
}

/// Everything that is asked about Handoffs, reads included, and the writes of the slot.
fn of_a_handoff(line: &Line) -> bool {
    line.resource.starts_with("handoffs")
        || line.resource.starts_with("validating")
        || (line.resource == "testruns/status" && line.verb == Verb::Patch)
}

fn of_a_life(line: &Line) -> bool {
    of_a_handoff(line) && line.verb != Verb::Watch
}

async fn requests() -> usize {
    let (fleet, _operator) = kept("checkout").await;
    life(&fleet).await;
    fleet.server.log().await.iter().filter(|line| of_a_life(line)).count()
}

type Named = (&'static str, fn() -> Fault);

#[tokio::test(start_paused = true)]
async fn any_one_request_may_fail_lose_its_answer_or_be_refused() {
    let requests = requests().await;
    assert!(requests > 8, "a life has more than {requests} requests");
    let faults: [Named; 3] = [
        ("a lost request", || Fault::Fail),
        ("a lost answer", || Fault::LoseAnswer),
        ("a conflict", Fault::conflict),
    ];
    for (name, fault) in faults {
        for n in 0..requests {
            let (fleet, _operator) = kept("checkout").await;
            fleet.server.rule(Rule::first(of_a_life, fault()).after(n)).await;
            life(&fleet).await;
            assert_good_life(&fleet, &format!("{name} at request {n}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_be_killed_at_any_request_and_another_goes_on() {
    let requests = requests().await;
    for (name, fault) in [("before", Fault::HangBefore), ("after", Fault::HangAfter)] {
        for n in 0..requests {
            let (fleet, operator) = kept("checkout").await;
            fleet.server.rule(Rule::first(of_a_life, fault.clone()).after(n)).await;
            let uid = fleet.hand_off("ho-1", "checkout", "ada", json!({})).await;
            let mut operator = Some(operator);
            for _ in 0..100 {
                sleep(Duration::from_millis(100)).await;
                if fleet.gates.handoffs.heard().handoffs.iter().any(|one| one.uid == uid) {
                    fleet.gates.handoffs.end(&uid, HandoffPhase::Finished(ClosedBy::Human));
                }
            }
            // Whatever hangs by now hangs for good.
            if let Some(operator) = operator.take() {
                operator.kill().await;
            }
            fleet.server.heal().await;
            let _operator = fleet.operator("two");
            let handoffs = &fleet.gates.handoffs;
            for _ in 0..600 {
                sleep(Duration::from_millis(100)).await;
                if handoffs.heard().handoffs.iter().any(|one| one.uid == uid) {
                    handoffs.end(&uid, HandoffPhase::Finished(ClosedBy::Human));
                    break;
                }
            }
            assert_good_life(&fleet, &format!("killed {name} request {n} was done")).await;
        }
    }
}
