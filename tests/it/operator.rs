//! The real operator against the API server of the tests: what it writes in which order, and that it
//! comes to the same end whatever request fails, and wherever it is killed.

use std::{collections::BTreeSet, time::Duration};

use handback::{
    decide::Target,
    operator::{End, outside::Word},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{
    api_server::{
        call::Verb,
        fault::{Fault, Line, Rule},
        refusal::Refusal,
    },
    fleet::{Fleet, SHOP, condition, passed},
};

/// A run whose whole life takes minutes: nobody watches it.
fn short() -> Value {
    json!({
        "keepAlive": {"policy": "Always", "idleSeconds": 70, "maxSeconds": 600},
        "ttlSecondsAfterSuccess": 30, "ttlSecondsAfterFailure": 30,
    })
}

fn has_verdict(run: &Value) -> bool {
    run["status"]["verdict"].is_string()
}

fn uploaded(run: &Value) -> bool {
    condition(run, "ArtifactsUploaded") == "True"
}

#[tokio::test(start_paused = true)]
async fn from_apply_to_upload_five_writes_and_nothing_more() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({})).await;
    fleet.until_pod("tr-checkout-1", "made", |_| true).await;
    fleet.until_run("checkout", "starting", |run| run["status"]["phase"] == "Starting").await;
    fleet.schedule("tr-checkout-1").await;
    fleet.start_pod("tr-checkout-1").await;
    fleet.until_run("checkout", "running", |run| run["status"]["phase"] == "Running").await;
    fleet.end_agent("tr-checkout-1", 0, passed()).await;
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(run["status"]["verdict"], "Passed");
    assert_eq!(condition(&run, "Finished"), "True");
    fleet.gates.stored();
    fleet.until_run("checkout", "uploaded", uploaded).await;
    fleet
        .until_pod("tr-checkout-1", "released", |pod| pod["metadata"]["finalizers"].is_null())
        .await;
    assert_eq!(
        fleet.writes().await,
        [
            "create pods shop/ 201",
            "patch testruns/status shop/checkout 200",
            "patch testruns/status shop/checkout 200",
            "patch testruns/status shop/checkout 200",
            "patch testruns/status shop/checkout 200",
            "patch pods shop/tr-checkout-1 200",
        ]
    );
    let pod = fleet.server.get("pods", SHOP, "tr-checkout-1").await.unwrap();
    assert_eq!(pod["metadata"]["ownerReferences"][0]["name"], "checkout");
    let marks = pod["metadata"]["annotations"].as_object().unwrap();
    assert!(!marks.contains_key("karpenter.sh/do-not-disrupt"), "an idle browser may be disrupted");
    for reason in ["Accepted", "BrowserReady", "Started", "Finished", "Uploaded"] {
        assert!(fleet.events().await.iter().any(|found| found == reason), "{reason}");
    }
}

/// A whole life under a kubelet, to the deletion of the run by its TTL.
async fn live(fleet: &Fleet) {
    fleet.run("checkout", short()).await;
    fleet.until_gone("testruns", "checkout").await;
    fleet.server.collect_garbage().await;
    fleet.until_gone("pods", "tr-checkout-1").await;
}

/// What must hold of every life, whatever went wrong.
async fn assert_good_life(fleet: &Fleet, what: &str) {
    let log = fleet.server.log().await;
    let done = |verb, resource: &str| {
        log.iter()
            .filter(|line| line.verb == verb && line.resource == resource && line.done)
            .count()
    };
    assert_eq!(done(Verb::Create, "pods"), 1, "{what}: one pod\n{}", fleet.story().await);
    assert_eq!(done(Verb::Delete, "testruns"), 1, "{what}: one end");
}

#[tokio::test(start_paused = true)]
async fn a_life_takes_nine_writes_and_leaves_nothing() {
    let fleet = Fleet::with_kubelet().await;
    let operator = fleet.operator("one");
    live(&fleet).await;
    assert_good_life(&fleet, "undisturbed").await;
    let writes = fleet.writes().await;
    assert!(writes.len() <= 9, "{writes:#?}");
    assert_eq!(writes.last().map(String::as_str), Some("delete testruns shop/checkout 200"));
    let text = operator.metrics.text().unwrap();
    for line in [
        "handback_testrun_verdicts_total{reason=\"None\",verdict=\"Passed\"} 1",
        "handback_reaped_total{reason=\"idle\"} 1",
        "handback_api_writes_total{resource=\"pods\",verb=\"create\"} 1",
        "handback_upload_bytes_total 1234",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let words = fleet.gates.words().await;
    assert!(words.contains(&Word::Retire(70)), "the gate is asked before the end: {words:?}");
    assert!(words.iter().any(|word| matches!(word, Word::WarnIdle(_))), "{words:?}");
    assert!(fleet.events().await.contains(&"IdleExpiring".to_owned()));
}

/// Everything but the Lease, whose renewals would hide the rest.
fn of_a_life(line: &Line) -> bool {
    line.resource != "leases"
}

/// How many requests an undisturbed life has.
async fn requests() -> usize {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    live(&fleet).await;
    fleet.server.log().await.iter().filter(|line| of_a_life(line)).count()
}

async fn survives(name: &str, fault: impl Fn() -> Fault) {
    let requests = requests().await;
    assert!(requests > 15, "a life has more than {requests} requests");
    for n in 0..requests {
        let fleet = Fleet::with_kubelet().await;
        fleet.server.rule(Rule::first(of_a_life, fault()).after(n)).await;
        let _operator = fleet.operator("one");
        live(&fleet).await;
        assert_good_life(&fleet, &format!("{name} at request {n}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_one_request_may_fail() {
    survives("a lost request", || Fault::Fail).await;
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_any_one_request_may_be_lost() {
    survives("a lost answer", || Fault::LoseAnswer).await;
}

#[tokio::test(start_paused = true)]
async fn any_one_request_may_be_refused() {
    survives("a conflict", Fault::conflict).await;
    survives("gone", Fault::gone).await;
    survives("too many requests", || Fault::busy(3)).await;
    survives("an internal error", Fault::internal).await;
}

#[tokio::test(start_paused = true)]
async fn any_one_request_may_be_late() {
    survives("a delay", || Fault::Delay(Duration::from_secs(20))).await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_be_killed_at_any_request_and_another_goes_on() {
    let requests = requests().await;
    for (name, fault) in [("before", Fault::HangBefore), ("after", Fault::HangAfter)] {
        for n in 0..requests {
            let fleet = Fleet::with_kubelet().await;
            fleet.server.rule(Rule::first(of_a_life, fault.clone()).after(n)).await;
            fleet.run("checkout", short()).await;
            let operator = fleet.operator("one");
            fleet.server.hanging().await;
            operator.kill().await;
            fleet.server.heal().await;
            let _operator = fleet.operator("two");
            fleet.until_gone("testruns", "checkout").await;
            fleet.server.collect_garbage().await;
            fleet.until_gone("pods", "tr-checkout-1").await;
            assert_good_life(&fleet, &format!("killed {name} request {n} was done")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn caches_of_different_age_make_no_second_pod() {
    for held in ["pods", "testruns"] {
        let fleet = Fleet::with_kubelet().await;
        let _operator = fleet.operator("one");
        // Let the caches fill first.
        sleep(Duration::from_secs(5)).await;
        if held == "pods" {
            fleet.server.hold(held).await;
        }
        fleet.run("checkout", json!({"keepAlive": short()["keepAlive"], "backoffLimit": 3})).await;
        fleet.until_pod("tr-checkout-1", "made", |_| true).await;
        if held == "testruns" {
            fleet.server.hold(held).await;
        }
        sleep(Duration::from_mins(2)).await;
        assert_eq!(fleet.server.all("pods").await.len(), 1, "{held} held");
        fleet.server.release(held).await;
        let run = fleet.until_run("checkout", "finished", has_verdict).await;
        assert_eq!(
            (&run["status"]["verdict"], &run["status"]["attempt"]),
            (&json!("Passed"), &json!(1))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_operators_one_works_and_the_other_takes_over() {
    let fleet = Fleet::with_kubelet().await;
    let first = fleet.operator("one");
    sleep(Duration::from_secs(3)).await;
    let _second = fleet.operator("two");
    live(&fleet).await;
    assert_good_life(&fleet, "two operators").await;
    let lease = fleet.server.get("leases", "handback", "handback-operator").await.unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "one");
    first.kill().await;
    fleet.server.clear_log().await;
    live(&fleet).await;
    assert_good_life(&fleet, "the second one").await;
    let lease = fleet.server.get("leases", "handback", "handback-operator").await.unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "two");
    assert_eq!(lease["spec"]["leaseTransitions"], 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_leads_before_he_has_seen_everything_that_decisions_need() {
    for resource in ["testruns", "pods", "handoffs", "namespaces"] {
        let fleet = Fleet::with_kubelet().await;
        let unseen = move |line: &Line| {
            line.resource == resource && matches!(line.verb, Verb::List | Verb::Watch)
        };
        fleet.server.rule(Rule::all(unseen, Fault::Fail)).await;
        let _operator = fleet.operator("one");
        sleep(Duration::from_secs(30)).await;
        let lease = fleet.server.get("leases", "handback", "handback-operator").await;
        assert!(lease.is_none(), "without {resource}");
        fleet.server.heal().await;
        live(&fleet).await;
        assert_good_life(&fleet, resource).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_gone_does_not_keep_the_others_from_being_served() {
    let refusals = [Refusal::new(403, "Forbidden", "no"), Refusal::new(404, "NotFound", "no")];
    for refusal in refusals {
        let fleet = Fleet::with_kubelet().await;
        let gone = |line: &Line| line.namespace == "gone";
        fleet.server.rule(Rule::all(gone, Fault::Refuse(refusal.clone()))).await;
        let _operator = fleet.operator_in("one", &[SHOP, "gone"]);
        live(&fleet).await;
        assert_good_life(&fleet, &refusal.message).await;
        // The other way round, and what is there after all is served.
        let fleet = Fleet::with_kubelet().await;
        let ours =
            |line: &Line| line.namespace == SHOP && matches!(line.verb, Verb::List | Verb::Watch);
        fleet.server.rule(Rule::all(ours, Fault::Refuse(refusal.clone()))).await;
        let _operator = fleet.operator_in("one", &[SHOP, "other"]);
        sleep(Duration::from_secs(30)).await;
        let lease = fleet.server.get("leases", "handback", "handback-operator").await;
        assert!(lease.is_some(), "it leads");
        fleet.server.heal().await;
        live(&fleet).await;
        assert_good_life(&fleet, &refusal.message).await;
        // Of whom nothing can be seen, nothing is known.
        let fleet = Fleet::with_kubelet().await;
        let lists = |line: &Line| line.verb == Verb::List && line.resource != "leases";
        fleet.server.rule(Rule::all(lists, Fault::Refuse(refusal.clone()))).await;
        let _operator = fleet.operator_in("one", &[SHOP, "other"]);
        sleep(Duration::from_secs(30)).await;
        let lease = fleet.server.get("leases", "handback", "handback-operator").await;
        assert!(lease.is_none(), "it leads and has seen nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_cannot_renew_its_lease_stops_before_another_begins() {
    let fleet = Fleet::with_kubelet().await;
    let mut first = fleet.operator("one");
    sleep(Duration::from_secs(3)).await;
    fleet.server.rule(Rule::all(|line| line.resource == "leases", Fault::Fail)).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(first.end().await, End::LeaseLost);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_asked_to_end_lets_go_of_its_lease() {
    let fleet = Fleet::with_kubelet().await;
    let mut first = fleet.operator("one");
    fleet.run("checkout", json!({})).await;
    fleet.until_pod("tr-checkout-1", "made", |_| true).await;
    first.shutdown.cancel.cancel();
    assert_eq!(first.end().await, End::Asked);
    let lease = fleet.server.get("leases", "handback", "handback-operator").await.unwrap();
    assert!(lease["spec"]["holderIdentity"].is_null(), "{lease:#}");
    let begun = tokio::time::Instant::now();
    let _second = fleet.operator("two");
    fleet.until_run("checkout", "finished", has_verdict).await;
    assert!(begun.elapsed() < Duration::from_secs(12), "nobody had to be waited for");
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_key_run_one_after_the_other() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    for name in ["first", "second"] {
        fleet.run(name, json!({"concurrency": {"key": "pr/42"}})).await;
        sleep(Duration::from_secs(1)).await;
    }
    let queued =
        fleet.until_run("second", "queued", |run| run["status"]["phase"] == "Queued").await;
    assert!(queued["status"]["message"].as_str().unwrap().contains("first"), "{queued:#}");
    assert!(fleet.server.get("pods", SHOP, "tr-second-1").await.is_none());
    let first = fleet.until_run("first", "finished", has_verdict).await;
    let second = fleet
        .until_run("second", "started", |run| !run["status"]["times"]["started"].is_null())
        .await;
    let at = |run: &Value, stage: &str| -> jiff::Timestamp {
        run["status"]["times"][stage].as_str().unwrap().parse().unwrap()
    };
    // A container's own times are whole seconds.
    assert!(at(&second, "started").as_second() >= at(&first, "finished").as_second());
}

#[tokio::test(start_paused = true)]
async fn a_newer_run_can_cancel_the_older_one() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    let key = |policy| json!({"concurrency": {"key": "pr-42", "policy": policy}});
    fleet.run("older", key("Queue")).await;
    fleet.until_pod("tr-older-1", "made", |_| true).await;
    sleep(Duration::from_secs(2)).await;
    fleet.run("newer", key("CancelPrevious")).await;
    let older = fleet.until_run("older", "finished", has_verdict).await;
    assert_eq!(older["spec"]["desiredState"], "Cancelled");
    assert_eq!(
        (&older["status"]["verdict"], &older["status"]["reason"]),
        (&json!("Cancelled"), &json!("Superseded"))
    );
    fleet.until_pod("tr-newer-1", "made", |_| true).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_ready_is_waited_for_with_words() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    fleet.target.send_replace(Target::Silent("connection refused".to_owned()));
    fleet.run("checkout", json!({"readiness": {"timeoutSeconds": 300}})).await;
    let run = fleet
        .until_run("checkout", "waiting", |run| {
            run["status"]["message"]
                .as_str()
                .is_some_and(|text| text.contains("connection refused"))
        })
        .await;
    assert_eq!(condition(&run, "TargetReady"), "False");
    sleep(Duration::from_secs(30)).await;
    assert!(fleet.server.get("pods", SHOP, "tr-checkout-1").await.is_none());
    fleet.target.send_replace(Target::Ready);
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(run["status"]["verdict"], "Passed");
    assert_eq!(condition(&run, "TargetReady"), "True");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_refused_says_so_and_is_tried_again() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    let quota = Refusal::new(
        403,
        "Forbidden",
        "exceeded quota: pods, requested: pods=1, used: pods=10, limited: pods=10",
    );
    let creates_pod = |line: &Line| line.verb == Verb::Create && line.resource == "pods";
    fleet.server.rule(Rule::first(creates_pod, Fault::Refuse(quota)).times(2)).await;
    fleet.run("checkout", json!({})).await;
    let run = fleet
        .until_run("checkout", "refused", |run| {
            run["status"]["message"].as_str().is_some_and(|text| text.contains("exceeded quota"))
        })
        .await;
    assert!(!has_verdict(&run));
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(run["status"]["verdict"], "Passed");
}

#[tokio::test(start_paused = true)]
async fn a_plan_in_a_config_map_is_waited_for_and_read_when_the_pod_is_made() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    let from =
        json!({"plan": null, "planFrom": {"configMapKeyRef": {"name": "plans", "key": "a.md"}}});
    fleet.run("checkout", from).await;
    let run =
        fleet.until_run("checkout", "refused", |run| condition(run, "Accepted") == "False").await;
    assert!(run["status"]["message"].as_str().unwrap().contains("no ConfigMap plans"), "{run:#}");
    let map = json!({"metadata": {"name": "plans", "namespace": SHOP}, "data": {"a.md": "Open the shop"}});
    fleet.server.create("configmaps", map).await;
    let pod = fleet.until_pod("tr-checkout-1", "made", |_| true).await;
    let contract = pod["metadata"]["annotations"]["handback.dev/contract"].as_str().unwrap();
    let contract: Value = serde_json::from_str(contract).unwrap();
    assert_eq!(contract["plan"], "Open the shop");
}

/// A plan within its own bound that takes twice as much in a contract.
fn large_plan() -> String {
    format!("Verify \"x\" is visible\n# {}", "\"".repeat(124 << 10))
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_contract_is_too_large_is_refused_at_once_and_gets_no_pod() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({"plan": large_plan()})).await;
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(
        (&run["status"]["verdict"], &run["status"]["reason"]),
        (&json!("Errored"), &json!("ContractTooLarge"))
    );
    assert_eq!(condition(&run, "Accepted"), "False");
    let message = run["status"]["message"].as_str().unwrap();
    assert!(message.contains("245760") || message.contains("240 KiB"), "{message}");
    assert!(fleet.server.all("pods").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_another_object_that_is_too_large_can_still_be_made_smaller() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    let map = |plan: &str| json!({"metadata": {"name": "plans", "namespace": SHOP}, "data": {"a.md": plan}});
    fleet.server.create("configmaps", map(&large_plan())).await;
    let from =
        json!({"plan": null, "planFrom": {"configMapKeyRef": {"name": "plans", "key": "a.md"}}});
    fleet.run("checkout", from).await;
    let run =
        fleet.until_run("checkout", "refused", |run| condition(run, "Accepted") == "False").await;
    assert!(!has_verdict(&run) && fleet.server.all("pods").await.is_empty(), "{run:#}");
    let small = map("Verify \"x\" is visible")["data"].clone();
    fleet.server.edit("configmaps", SHOP, "plans", |map| map["data"] = small).await;
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(run["status"]["verdict"], "Passed");
    assert_eq!(condition(&run, "Accepted"), "True");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_is_killed_for_memory_is_the_runs_reason() {
    let lost = json!({"verdict": "Errored", "reason": "BrowserLost", "message": "Case 1: gone"});
    let mut said = lost.clone();
    said["outOfMemory"] = json!(true);
    // By the container's own end, or in the agent's words where its container lives on.
    for (message, container_dies, reason) in [
        (lost.clone(), true, "OOMKilled"),
        (said, false, "OOMKilled"),
        (lost, false, "BrowserLost"),
    ] {
        let fleet = Fleet::start().await;
        let _operator = fleet.operator("one");
        fleet.run("checkout", json!({"backoffLimit": 2})).await;
        fleet.until_pod("tr-checkout-1", "made", |_| true).await;
        fleet.schedule("tr-checkout-1").await;
        fleet.start_pod("tr-checkout-1").await;
        fleet.until_run("checkout", "running", |run| run["status"]["phase"] == "Running").await;
        if container_dies {
            fleet
                .server
                .edit("pods", SHOP, "tr-checkout-1", |pod| {
                    pod["status"]["containerStatuses"][0]["state"] =
                        json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
                })
                .await;
        }
        fleet.end_agent("tr-checkout-1", 3, message).await;
        let run = fleet.until_run("checkout", "finished", has_verdict).await;
        assert_eq!(
            (&run["status"]["verdict"], &run["status"]["reason"]),
            (&json!("Errored"), &json!(reason))
        );
        let told = run["status"]["message"].as_str().unwrap();
        assert_eq!(told.contains("more memory than its limit"), reason == "OOMKilled", "{told}");
        assert!(fleet.server.get("pods", SHOP, "tr-checkout-2").await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_dies_is_errored_and_its_browser_stays() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({"backoffLimit": 2})).await;
    fleet.until_pod("tr-checkout-1", "made", |_| true).await;
    fleet.schedule("tr-checkout-1").await;
    fleet.start_pod("tr-checkout-1").await;
    fleet.until_run("checkout", "running", |run| run["status"]["phase"] == "Running").await;
    fleet.end_agent("tr-checkout-1", 137, Value::Null).await;
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(
        (&run["status"]["verdict"], &run["status"]["reason"]),
        (&json!("Errored"), &json!("AgentCrashed"))
    );
    assert_eq!(condition(&run, "HandoffAvailable"), "True");
    assert!(
        fleet.server.get("pods", SHOP, "tr-checkout-2").await.is_none(),
        "nothing is tried again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_taken_away_is_made_again_as_often_as_asked() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({"backoffLimit": 1})).await;
    for attempt in [1, 2] {
        let pod = format!("tr-checkout-{attempt}");
        fleet.until_pod(&pod, "made", |_| true).await;
        fleet.schedule(&pod).await;
        fleet.start_pod(&pod).await;
        fleet
            .until_run("checkout", "running", |run| {
                run["status"]["phase"] == "Running" && run["status"]["attempt"] == attempt
            })
            .await;
        fleet
            .server
            .edit("pods", SHOP, &pod, |pod| {
                pod["status"]["phase"] = json!("Failed");
                pod["status"]["reason"] = json!("Evicted");
                for status in pod["status"]["containerStatuses"].as_array_mut().unwrap() {
                    status["state"] = json!({"terminated": {"exitCode": 143}});
                }
            })
            .await;
    }
    let run = fleet.until_run("checkout", "finished", has_verdict).await;
    assert_eq!(
        (&run["status"]["verdict"], &run["status"]["reason"]),
        (&json!("Errored"), &json!("Evicted"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_a_deleted_run_is_let_end_though_nothing_of_it_changes() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({})).await;
    fleet.until_pod("tr-checkout-1", "made", |_| true).await;
    fleet.schedule("tr-checkout-1").await;
    fleet.start_pod("tr-checkout-1").await;
    fleet.until_run("checkout", "running", |run| run["status"]["phase"] == "Running").await;
    fleet.server.delete("testruns", SHOP, "checkout").await;
    let deleted = |pod: &Value| pod["metadata"]["deletionTimestamp"].is_string();
    fleet.until_pod("tr-checkout-1", "deleted", deleted).await;
}

#[tokio::test(start_paused = true)]
async fn the_pods_of_a_deleted_run_are_let_end_and_released() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({})).await;
    fleet.until_run("checkout", "running", |run| run["status"]["phase"] == "Running").await;
    fleet.server.delete("testruns", SHOP, "checkout").await;
    // No garbage collector runs here: the operator lets the pod end by itself.
    fleet.until_gone("pods", "tr-checkout-1").await;
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_is_watched_is_kept_until_its_absolute_end() {
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    fleet.run("checkout", json!({"keepAlive": {"idleSeconds": 70, "maxSeconds": 900}})).await;
    fleet.until_run("checkout", "uploaded", uploaded).await;
    fleet.gates.change(|answer| {
        answer.watched = true;
        answer.idle = 0;
        answer.told_idle = None;
    });
    sleep(Duration::from_mins(10)).await;
    assert!(fleet.server.get("pods", SHOP, "tr-checkout-1").await.is_some());
    fleet.until_gone("pods", "tr-checkout-1").await;
    let run =
        fleet.until_run("checkout", "expired", |run| run["status"]["phase"] == "Expired").await;
    assert!(run["status"]["verdict"] == "Passed");
    assert!(fleet.gates.words().await.iter().any(|word| matches!(word, Word::WarnCap(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_in_time_is_said_and_held() {
    let fleet = Fleet::start().await;
    let _operator = fleet.operator("one");
    let s3 = json!({"endpoint": "https://s3.example", "bucket": "runs"});
    fleet.run("checkout", json!({"artifacts": {"uploadTimeoutSeconds": 60, "s3": s3}})).await;
    fleet.until_pod("tr-checkout-1", "made", |_| true).await;
    fleet.schedule("tr-checkout-1").await;
    fleet.start_pod("tr-checkout-1").await;
    fleet.end_agent("tr-checkout-1", 0, passed()).await;
    fleet.until_run("checkout", "finished", has_verdict).await;
    fleet
        .until_run("checkout", "failed to store", |run| {
            condition(run, "ArtifactsUploaded") == "False"
                && run["status"]["artifacts"]["state"] == "Failed"
        })
        .await;
    let pod = fleet.server.get("pods", SHOP, "tr-checkout-1").await.unwrap();
    assert!(!pod["metadata"]["finalizers"].is_null(), "held");
    assert!(fleet.events().await.contains(&"UploadFailed".to_owned()));
}

/// The verbs and resources that all of this takes. The chart's role must have exactly these.
#[tokio::test(start_paused = true)]
async fn it_asks_for_no_more_rights_than_these() {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut take = async |fleet: &Fleet| {
        for line in fleet.server.log().await {
            let verb = format!("{:?}", line.verb).to_lowercase();
            let group =
                if line.group.is_empty() { String::new() } else { format!(".{}", line.group) };
            used.insert(format!("{verb} {}{group}", line.resource));
        }
    };
    let fleet = Fleet::with_kubelet().await;
    let _operator = fleet.operator("one");
    let key = |policy| json!({"concurrency": {"key": "pr-42", "policy": policy}});
    fleet.run("older", key("Queue")).await;
    fleet.until_pod("tr-older-1", "made", |_| true).await;
    fleet.run("newer", key("CancelPrevious")).await;
    fleet
        .run(
            "planned",
            json!({"plan": null, "planFrom": {"configMapKeyRef": {"name": "p", "key": "k"}}}),
        )
        .await;
    live(&fleet).await;
    take(&fleet).await;
    // A lost answer has it look for what it may have made, and fold an Event.
    let fleet = Fleet::with_kubelet().await;
    fleet
        .server
        .rule(Rule::first(
            |line| line.verb == Verb::Create && line.resource == "pods",
            Fault::LoseAnswer,
        ))
        .await;
    fleet
        .server
        .rule(Rule::first(
            |line| line.verb == Verb::Create && line.resource == "events",
            Fault::LoseAnswer,
        ))
        .await;
    let _operator = fleet.operator("one");
    live(&fleet).await;
    take(&fleet).await;
    let used: Vec<&str> = used.iter().map(String::as_str).collect();
    assert_eq!(
        used,
        [
            "create events.events.k8s.io",
            "create leases.coordination.k8s.io",
            "create pods",
            "delete pods",
            "delete testruns.handback.dev",
            "get configmaps",
            "get leases.coordination.k8s.io",
            "get pods",
            "get testruns.handback.dev",
            "list handoffs.handback.dev",
            "list namespaces",
            "list pods",
            "list testruns.handback.dev",
            "patch pods",
            "patch testruns.handback.dev",
            "patch testruns/status.handback.dev",
            "update leases.coordination.k8s.io",
            "watch handoffs.handback.dev",
            "watch namespaces",
            "watch pods",
            "watch testruns.handback.dev",
        ]
    );
}
