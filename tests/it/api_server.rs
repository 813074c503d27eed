//! The API server of the tests keeps its promises, and goes wrong as it is told.

use std::time::Duration;

use futures_util::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Error, ResourceExt,
    api::{ListParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    api_server::{
        ApiServer,
        call::Verb,
        fault::{Fault, Line, Rule},
    },
    conformance::{CASES, Place},
};

#[tokio::test(start_paused = true)]
async fn it_does_what_the_operator_relies_on_in_a_real_one() {
    let mut failures = Vec::new();
    for (name, case) in CASES {
        let server = ApiServer::start();
        let namespace = json!({"metadata": {"name": "conformance"}});
        server.create("namespaces", namespace).await;
        let place = Place { client: server.client(), namespace: "conformance".to_owned() };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            tokio::time::timeout(Duration::from_mins(5), case(place)).await.expect("in time");
        });
        if let Some(Err(_)) = tasks.join_next().await {
            failures.push(*name);
        }
    }
    assert!(failures.is_empty(), "what went wrong stands above: {failures:#?}");
    assert!(CASES.len() > 25, "the list is not what it was");
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

fn creates(line: &Line) -> bool {
    line.verb == Verb::Create
}

#[tokio::test(start_paused = true)]
async fn a_request_can_fail_and_its_answer_can_be_lost() {
    let server = ApiServer::start();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    server.rule(Rule::first(creates, Fault::Fail)).await;
    server.rule(Rule::first(creates, Fault::LoseAnswer).after(1)).await;
    let lost = |result: Result<ConfigMap, Error>| matches!(result, Err(Error::Service(_)));
    assert!(lost(maps.create(&PostParams::default(), &map("a")).await));
    assert_eq!(maps.get_opt("a").await.unwrap(), None);
    // The second rule spares the first request that gets to it, which the first rule lets through.
    maps.create(&PostParams::default(), &map("b")).await.unwrap();
    assert!(lost(maps.create(&PostParams::default(), &map("c")).await));
    assert!(maps.get_opt("c").await.unwrap().is_some());
    let log = server.log().await;
    let told: Vec<(u16, bool)> =
        log.iter().filter(|line| creates(line)).map(|line| (line.status, line.done)).collect();
    assert_eq!(told, [(0, false), (201, true), (0, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_when_it_says() {
    let server = ApiServer::start();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    server.rule(Rule::first(creates, Fault::busy(7)).times(2)).await;
    let begun = tokio::time::Instant::now();
    maps.create(&PostParams::default(), &map("a")).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 14);
    assert_eq!(server.log().await.iter().filter(|line| creates(line)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn refusals_and_delays_are_as_told() {
    let server = ApiServer::start();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    for (fault, code) in [(Fault::conflict(), 409), (Fault::gone(), 410), (Fault::internal(), 500)]
    {
        server.rule(Rule::first(creates, fault)).await;
        let result = maps.create(&PostParams::default(), &map("a")).await;
        assert!(matches!(result, Err(Error::Api(status)) if status.code == code));
    }
    server.rule(Rule::all(creates, Fault::Delay(Duration::from_secs(3)))).await;
    let begun = tokio::time::Instant::now();
    maps.create(&PostParams::default(), &map("a")).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_can_hang_with_and_without_having_been_done() {
    for (fault, done) in [(Fault::HangBefore, false), (Fault::HangAfter, true)] {
        let server = ApiServer::start();
        let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
        server.rule(Rule::first(creates, fault)).await;
        let (post, a) = (PostParams::default(), map("a"));
        tokio::select! {
            made = maps.create(&post, &a) => panic!("answered: {made:?}"),
            () = server.hanging() => {}
        }
        assert_eq!(server.get("configmaps", "default", "a").await.is_some(), done);
    }
}

#[tokio::test(start_paused = true)]
async fn watches_lag_apart_and_catch_up_step_by_step() {
    let server = ApiServer::start();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let params = WatchParams::default();
    let mut watch = Box::pin(maps.watch(&params, version.as_deref().unwrap()).await.unwrap());
    server.hold("configmaps").await;
    for name in ["a", "b", "c"] {
        server
            .create("configmaps", json!({"metadata": {"name": name, "namespace": "default"}}))
            .await;
    }
    let quiet = tokio::time::timeout(Duration::from_mins(1), watch.try_next()).await;
    assert!(quiet.is_err(), "a held watch tells nothing");
    assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 3);
    let mut next = async || {
        let event = watch.try_next().await.unwrap().unwrap();
        if let WatchEvent::Added(map) = event { map.name_any() } else { panic!("{event:?}") }
    };
    server.step("configmaps").await;
    assert_eq!(next().await, "a");
    server.release("configmaps").await;
    assert_eq!((next().await, next().await), ("b".to_owned(), "c".to_owned()));
    server.drop_watches("configmaps").await;
    assert!(watch.try_next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_when_the_server_forgets_must_list_again() {
    let server = ApiServer::start();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    for name in ["a", "b"] {
        maps.create(&PostParams::default(), &map(name)).await.unwrap();
    }
    let page = maps.list(&ListParams::default().limit(1)).await.unwrap();
    let version = page.metadata.resource_version.unwrap();
    let token = page.metadata.continue_.unwrap();
    maps.create(&PostParams::default(), &map("c")).await.unwrap();
    server.compact().await;
    let mut watch = Box::pin(maps.watch(&WatchParams::default(), &version).await.unwrap());
    let told = watch.try_next().await.unwrap().unwrap();
    assert!(matches!(told, WatchEvent::Error(status) if status.code == 410));
    let rest = maps.list(&ListParams::default().limit(1).continue_token(&token)).await;
    assert!(matches!(rest, Err(Error::Api(status)) if status.code == 410));
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let version = version.unwrap();
    let mut watch = Box::pin(maps.watch(&WatchParams::default(), &version).await.unwrap());
    server.bookmark().await;
    assert!(matches!(watch.try_next().await.unwrap().unwrap(), WatchEvent::Bookmark(_)));
}

#[tokio::test(start_paused = true)]
async fn what_has_lost_its_owner_is_collected_when_told() {
    let server = ApiServer::start();
    let owner = server
        .create("configmaps", json!({"metadata": {"name": "owner", "namespace": "default"}}))
        .await;
    let owned = json!({"metadata": {"name": "owned", "namespace": "default", "ownerReferences": [{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"],
    }]}});
    server.create("configmaps", owned).await;
    server.collect_garbage().await;
    assert!(server.get("configmaps", "default", "owned").await.is_some());
    server.delete("configmaps", "default", "owner").await;
    server.collect_garbage().await;
    assert_eq!(server.all("configmaps").await, Vec::<serde_json::Value>::new());
}
