//! What the operator relies on in an API server, as a list of cases.
//!
//! The list runs against the server in this process, and is written so that it can run against a real
//! one: each case has a namespace of its own, uses nothing but a client, and leaves pods unscheduled,
//! or bound to a node that does not exist.

use std::{future::Future, pin::Pin};

use futures_util::TryStreamExt;
use handback::manifest::test_run::TestRun;
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{ConfigMap, Pod},
    events::v1::Event,
};
use kube::{
    Api, Client, Error, Resource, ResourceExt,
    api::{
        DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent,
        WatchParams,
    },
    core::Status,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Where a case runs.
#[derive(Clone)]
pub struct Place {
    /// May do anything in the namespace.
    pub client: Client,
    /// Made for this case.
    pub namespace: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.namespace)
    }
}

type Case = fn(Place) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Names of cases are sentences.
macro_rules! cases {
    ($(async fn $name:ident($place:ident: Place) $body:block)*) => {
        /// All of them.
        pub const CASES: &[(&str, Case)] = &[$((stringify!($name), $name)),*];
        $(fn $name($place: Place) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(async move { $body })
        })*
    };
}

impl Place {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// An object from JSON, its kind and version filled in.
fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("a good object")
}

fn map(name: &str) -> ConfigMap {
    object(json!({"metadata": {"name": name}, "data": {"a": "1"}}))
}

fn run(name: &str) -> TestRun {
    object(json!({
        "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun", "metadata": {"name": name},
        "spec": {"url": "https://shop.example", "plan": "Verify \"x\" is visible"},
    }))
}

/// A pod that nobody starts.
fn pod(name: &str, spec: &Value) -> Pod {
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "localhost/none"}]},
    });
    json_patch::merge(&mut pod["spec"], spec);
    object(pod)
}

fn json_patch_of(operations: Value) -> Patch<()> {
    Patch::Json(object(operations))
}

fn merge(patch: Value) -> Patch<Value> {
    Patch::Merge(patch)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, code: u16, reason: &str) -> Status {
    match result {
        Err(Error::Api(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (code, reason), "{}", status.message);
            *status
        }
        other => panic!("not refused with {code} {reason}: {other:?}"),
    }
}

/// The next event of a watch as its kind, name and version.
async fn told<K: ResourceExt>(
    stream: &mut (impl futures_util::Stream<Item = Result<WatchEvent<K>, Error>> + Unpin),
) -> (&'static str, String) {
    match stream.try_next().await.expect("a watch").expect("goes on") {
        WatchEvent::Added(object) => ("added", object.name_any()),
        WatchEvent::Modified(object) => ("modified", object.name_any()),
        WatchEvent::Deleted(object) => ("deleted", object.name_any()),
        WatchEvent::Bookmark(_) => ("bookmark", String::new()),
        WatchEvent::Error(status) => ("error", status.reason),
    }
}

cases! {
    async fn a_name_can_be_taken_once(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let made = maps.create(&PostParams::default(), &map("m")).await.unwrap();
        assert!(made.uid().is_some() && made.creation_timestamp().is_some());
        assert_eq!(made.namespace().as_deref(), Some(place.namespace.as_str()));
        let again = maps.create(&PostParams::default(), &map("m")).await;
        refused(again, 409, "AlreadyExists");
    }

    async fn generated_names_begin_as_asked_and_differ(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let wish: ConfigMap = object(json!({"metadata": {"generateName": "m-"}}));
        let one = maps.create(&PostParams::default(), &wish).await.unwrap().name_any();
        let two = maps.create(&PostParams::default(), &wish).await.unwrap().name_any();
        assert!(one.starts_with("m-") && two.starts_with("m-") && one != two);
    }

    async fn names_that_are_no_dns_names_are_refused(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        for name in ["M", "a_b", "-a", "a..b"] {
            refused(maps.create(&PostParams::default(), &map(name)).await, 422, "Invalid");
        }
    }

    async fn nothing_is_made_where_there_is_no_namespace(place: Place) {
        let maps: Api<ConfigMap> = Api::namespaced(place.client.clone(), "there-is-none");
        refused(maps.create(&PostParams::default(), &map("m")).await, 404, "NotFound");
    }

    async fn what_does_not_exist_is_not_found(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        refused(maps.get("m").await, 404, "NotFound");
        refused(maps.delete("m", &DeleteParams::default()).await, 404, "NotFound");
        let patched = maps.patch("m", &PatchParams::default(), &merge(json!({"data": {}}))).await;
        refused(patched, 404, "NotFound");
        let runs: Api<TestRun> = place.api();
        let patch = merge(json!({"status": {"message": "x"}}));
        refused(runs.patch_status("r", &PatchParams::default(), &patch).await, 404, "NotFound");
    }

    async fn a_merge_patch_with_a_stale_version_is_a_conflict(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let first = maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let at = |version: Option<String>| {
            merge(json!({"metadata": {"resourceVersion": version}, "data": {"b": "2"}}))
        };
        let params = PatchParams::default();
        let second = maps.patch("m", &params, &at(first.resource_version())).await.unwrap();
        assert_ne!(first.resource_version(), second.resource_version());
        assert_eq!(second.data.clone().unwrap().len(), 2);
        let stale = merge(json!({
            "metadata": {"resourceVersion": first.resource_version()}, "data": {"b": "3"},
        }));
        refused(maps.patch("m", &params, &stale).await, 409, "Conflict");
    }

    async fn a_change_that_changes_nothing_makes_no_version(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let first = maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let patch = merge(json!({"data": {"a": "1"}}));
        let second = maps.patch("m", &PatchParams::default(), &patch).await.unwrap();
        assert_eq!(first.resource_version(), second.resource_version());
    }

    async fn a_failed_test_in_a_json_patch_is_invalid_and_nothing_of_it_is_done(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let patch = json_patch_of(json!([
            {"op": "add", "path": "/data/b", "value": "2"},
            {"op": "test", "path": "/metadata/uid", "value": "another"},
        ]));
        refused(maps.patch("m", &PatchParams::default(), &patch).await, 422, "Invalid");
        assert_eq!(maps.get("m").await.unwrap().data.unwrap().len(), 1);
    }

    async fn an_apply_needs_a_manager_and_minds_the_version(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let wanted = |extra: Value| {
            let mut wanted = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}});
            json_patch::merge(&mut wanted, &extra);
            Patch::Apply(wanted)
        };
        let params = PatchParams::apply("one");
        let full = wanted(json!({"data": {"a": "1", "b": "2"}}));
        maps.patch("m", &params, &full).await.unwrap();
        let less = maps.patch("m", &params, &wanted(json!({"data": {"a": "1"}}))).await.unwrap();
        assert_eq!(less.data.unwrap().len(), 1, "what is not applied any more goes");
        let stale = wanted(json!({"metadata": {"resourceVersion": "1"}, "data": {"a": "1"}}));
        refused(maps.patch("m", &params, &stale).await, 409, "Conflict");
        let other = wanted(json!({"data": {"a": "2"}}));
        refused(maps.patch("m", &PatchParams::apply("two"), &other).await, 409, "Conflict");
        maps.patch("m", &PatchParams::apply("two").force(), &other).await.unwrap();
        let nobody = PatchParams { field_manager: None, ..PatchParams::apply("x") };
        assert!(maps.patch("m", &nobody, &full).await.is_err());
    }

    async fn a_put_must_name_the_version_of_a_lease(place: Place) {
        let leases: Api<Lease> = place.api();
        let lease: Lease = object(json!({
            "metadata": {"name": "l"}, "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
        }));
        let made = leases.create(&PostParams::default(), &lease).await.unwrap();
        refused(leases.replace("l", &PostParams::default(), &lease).await, 422, "Invalid");
        let mut mine = made.clone();
        mine.spec.as_mut().unwrap().holder_identity = Some("b".to_owned());
        leases.replace("l", &PostParams::default(), &mine).await.unwrap();
        refused(leases.replace("l", &PostParams::default(), &mine).await, 409, "Conflict");
    }

    async fn a_lease_that_lasts_no_time_is_refused(place: Place) {
        let leases: Api<Lease> = place.api();
        let lease: Lease =
            object(json!({"metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": 0}}));
        refused(leases.create(&PostParams::default(), &lease).await, 422, "Invalid");
    }

    async fn a_delete_keeps_its_preconditions(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let made = maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let only = |uid: Option<String>, version: Option<String>| {
            DeleteParams::default()
                .preconditions(Preconditions { uid, resource_version: version })
        };
        let other = only(Some("another".to_owned()), None);
        refused(maps.delete("m", &other).await, 409, "Conflict");
        let stale = only(None, Some("1".to_owned()));
        refused(maps.delete("m", &stale).await, 409, "Conflict");
        maps.delete("m", &only(made.uid(), made.resource_version())).await.unwrap();
        refused(maps.get("m").await, 404, "NotFound");
    }

    async fn a_finalizer_keeps_what_is_deleted(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let held: ConfigMap = object(json!({
            "metadata": {"name": "m", "finalizers": ["example.dev/hold"]},
        }));
        maps.create(&PostParams::default(), &held).await.unwrap();
        maps.delete("m", &DeleteParams::default()).await.unwrap();
        let kept = maps.get("m").await.unwrap();
        assert!(kept.metadata.deletion_timestamp.is_some());
        let another = json_patch_of(json!([
            {"op": "add", "path": "/metadata/finalizers/-", "value": "example.dev/late"},
        ]));
        refused(maps.patch("m", &PatchParams::default(), &another).await, 422, "Invalid");
        let free = json_patch_of(json!([
            {"op": "test", "path": "/metadata/uid", "value": kept.uid()},
            {"op": "remove", "path": "/metadata/finalizers/0"},
        ]));
        maps.patch("m", &PatchParams::default(), &free).await.unwrap();
        refused(maps.get("m").await, 404, "NotFound");
    }

    async fn a_pod_with_a_node_is_given_its_grace_once(place: Place) {
        let pods: Api<Pod> = place.api();
        let wish = pod("p", &json!({"nodeName": "nowhere", "terminationGracePeriodSeconds": 600}));
        pods.create(&PostParams::default(), &wish).await.unwrap();
        pods.delete("p", &DeleteParams::default()).await.unwrap();
        let first = pods.get("p").await.unwrap().metadata;
        assert_eq!(first.deletion_grace_period_seconds, Some(600));
        pods.delete("p", &DeleteParams::default()).await.unwrap();
        let second = pods.get("p").await.unwrap().metadata;
        assert_eq!(first.deletion_timestamp, second.deletion_timestamp);
        assert!(first.deletion_timestamp > first.creation_timestamp);
        pods.delete("p", &DeleteParams::default().grace_period(0)).await.unwrap();
        refused(pods.get("p").await, 404, "NotFound");
    }

    async fn a_pod_without_a_node_goes_at_once_but_for_its_finalizer(place: Place) {
        let pods: Api<Pod> = place.api();
        let gate = json!({"schedulingGates": [{"name": "example.dev/never"}]});
        let mut held = pod("p", &gate);
        held.metadata.finalizers = Some(vec!["example.dev/hold".to_owned()]);
        pods.create(&PostParams::default(), &held).await.unwrap();
        pods.delete("p", &DeleteParams::default()).await.unwrap();
        let kept = pods.get("p").await.unwrap();
        assert_eq!(kept.metadata.deletion_grace_period_seconds, Some(0));
        let free = merge(json!({"metadata": {"finalizers": null}}));
        pods.patch("p", &PatchParams::default(), &free).await.unwrap();
        refused(pods.get("p").await, 404, "NotFound");
        pods.create(&PostParams::default(), &pod("q", &gate)).await.unwrap();
        pods.delete("q", &DeleteParams::default()).await.unwrap();
        refused(pods.get("q").await, 404, "NotFound");
    }

    async fn a_pod_begins_pending_and_its_spec_stays(place: Place) {
        let pods: Api<Pod> = place.api();
        let wish = pod("p", &json!({"nodeName": "nowhere"}));
        let made = pods.create(&PostParams::default(), &wish).await.unwrap();
        assert_eq!(made.status.unwrap().phase.as_deref(), Some("Pending"));
        let patch = merge(json!({"spec": {"restartPolicy": "Never"}}));
        refused(pods.patch("p", &PatchParams::default(), &patch).await, 422, "Invalid");
        let delete = DeleteParams::default().grace_period(0);
        pods.delete("p", &delete).await.unwrap();
    }

    async fn a_pod_cannot_mount_what_it_does_not_have(place: Place) {
        let pods: Api<Pod> = place.api();
        let wish = pod("p", &json!({"containers": [{
            "name": "c", "image": "i", "volumeMounts": [{"name": "none", "mountPath": "/x"}],
        }]}));
        refused(pods.create(&PostParams::default(), &wish).await, 422, "Invalid");
    }

    async fn a_label_has_at_most_63_characters(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let labelled = |value: String| -> ConfigMap {
            object(json!({"metadata": {"name": "m", "labels": {"example.dev/x": value}}}))
        };
        let long = labelled("a".repeat(64));
        refused(maps.create(&PostParams::default(), &long).await, 422, "Invalid");
        maps.create(&PostParams::default(), &labelled("a".repeat(63))).await.unwrap();
    }

    async fn status_and_the_rest_are_written_apart(place: Place) {
        let runs: Api<TestRun> = place.api();
        let mut wish = run("r");
        wish.status = Some(object(json!({"message": "too early"})));
        let made = runs.create(&PostParams::default(), &wish).await.unwrap();
        assert_eq!((made.status, made.metadata.generation), (None, Some(1)));
        let both = merge(json!({
            "metadata": {"labels": {"a": "b"}},
            "spec": {"ttlSecondsAfterSuccess": 5}, "status": {"message": "x"},
        }));
        let params = PatchParams::default();
        let told = runs.patch_status("r", &params, &both).await.unwrap();
        assert_eq!(told.status.clone().unwrap().message.as_deref(), Some("x"));
        assert_eq!(told.spec.ttl_seconds_after_success, 86_400);
        assert_eq!((told.metadata.generation, told.labels().len()), (Some(1), 0));
        let both = merge(json!({
            "spec": {"ttlSecondsAfterSuccess": 5}, "status": {"message": "y"},
        }));
        let told = runs.patch("r", &params, &both).await.unwrap();
        assert_eq!(told.status.unwrap().message.as_deref(), Some("x"));
        assert_eq!((told.spec.ttl_seconds_after_success, told.metadata.generation), (5, Some(2)));
    }

    async fn a_status_is_written_by_compare_and_swap(place: Place) {
        let runs: Api<TestRun> = place.api();
        let made = runs.create(&PostParams::default(), &run("r")).await.unwrap();
        let say = |version: Option<String>, text: &str| {
            merge(json!({"metadata": {"resourceVersion": version}, "status": {"message": text}}))
        };
        let params = PatchParams::default();
        runs.patch_status("r", &params, &say(made.resource_version(), "x")).await.unwrap();
        let late = runs.patch_status("r", &params, &say(made.resource_version(), "y")).await;
        refused(late, 409, "Conflict");
    }

    async fn what_a_run_ran_cannot_be_changed_and_its_verdict_is_written_once(place: Place) {
        let runs: Api<TestRun> = place.api();
        runs.create(&PostParams::default(), &run("r")).await.unwrap();
        let params = PatchParams::default();
        let url = merge(json!({"spec": {"url": "https://another.example"}}));
        refused(runs.patch("r", &params, &url).await, 422, "Invalid");
        let deadline = |seconds: i32| merge(json!({"spec": {"activeDeadlineSeconds": seconds}}));
        runs.patch("r", &params, &deadline(3600)).await.unwrap();
        refused(runs.patch("r", &params, &deadline(60)).await, 422, "Invalid");
        let verdict = |word: Option<&str>| merge(json!({"status": {"verdict": word}}));
        runs.patch_status("r", &params, &verdict(Some("Failed"))).await.unwrap();
        for other in [Some("Passed"), None] {
            refused(runs.patch_status("r", &params, &verdict(other)).await, 422, "Invalid");
        }
        let odd = merge(json!({"spec": {"ttlSecondsAfterSuccess": -1}}));
        refused(runs.patch("r", &params, &odd).await, 422, "Invalid");
    }

    async fn a_run_without_a_plan_or_with_two_is_refused(place: Place) {
        let runs: Api<TestRun> = place.api();
        let mut none = run("r");
        none.spec.plan = None;
        refused(runs.create(&PostParams::default(), &none).await, 422, "Invalid");
        let mut two = run("r");
        two.spec.plan_from =
            Some(object(json!({"configMapKeyRef": {"name": "plans", "key": "a.md"}})));
        refused(runs.create(&PostParams::default(), &two).await, 422, "Invalid");
    }

    async fn defaults_are_filled_in_and_unknown_fields_dropped(place: Place) {
        let runs: Api<TestRun> = place.api();
        let made = runs.create(&PostParams::default(), &run("r")).await.unwrap();
        let patch = merge(json!({"spec": {"typo": 1}}));
        let same = runs.patch("r", &PatchParams::default(), &patch).await.unwrap();
        assert_eq!(made.resource_version(), same.resource_version());
        let maps = serde_json::to_value(&made.spec).unwrap();
        assert_eq!(maps["keepAlive"], json!({"policy": "Always", "idleSeconds": 900, "maxSeconds": 14400}));
    }

    async fn a_list_is_limited_by_labels_and_fields(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        for (name, labels) in [("a", json!({"x": "1"})), ("b", json!({"x": "2", "y": ""})), ("c", json!({}))] {
            let wish = object(json!({"metadata": {"name": name, "labels": labels}}));
            maps.create(&PostParams::default(), &wish).await.unwrap();
        }
        for (labels, names) in [
            ("x=1", &["a"][..]),
            ("x", &["a", "b"]),
            ("x,!y", &["a"]),
            ("x in (1,2)", &["a", "b"]),
            ("x notin (1)", &["b", "c"]),
            ("x!=1", &["b", "c"]),
            ("x=1,y", &[]),
        ] {
            // A real cluster puts its own ConfigMaps into every namespace.
            let found = maps.list(&ListParams::default().labels(labels)).await.unwrap();
            let found: Vec<String> = found.iter().map(ResourceExt::name_any).collect();
            let found: Vec<&str> =
                found.iter().map(String::as_str).filter(|name| name.len() == 1).collect();
            assert_eq!(found, names, "{labels}");
        }
        let one = maps.list(&ListParams::default().fields("metadata.name=b")).await.unwrap();
        assert_eq!(one.items.len(), 1);
        let odd = maps.list(&ListParams::default().fields("data.a=1")).await;
        refused(odd, 400, "BadRequest");
    }

    async fn runs_are_found_by_their_selectable_fields(place: Place) {
        let runs: Api<TestRun> = place.api();
        let mut keyed = run("keyed");
        keyed.spec.concurrency = Some(object(json!({"key": "pr-42"})));
        runs.create(&PostParams::default(), &keyed).await.unwrap();
        runs.create(&PostParams::default(), &run("free")).await.unwrap();
        let found = runs.list(&ListParams::default().fields("spec.concurrency.key=pr-42")).await;
        assert_eq!(found.unwrap().items.len(), 1);
        let odd = runs.list(&ListParams::default().fields("spec.url=x")).await;
        refused(odd, 400, "BadRequest");
    }

    async fn a_long_list_comes_in_pages_of_one_moment(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        for name in ["a", "b", "c"] {
            let wish = object(json!({"metadata": {"name": name, "labels": {"page": "me"}}}));
            maps.create(&PostParams::default(), &wish).await.unwrap();
        }
        let params = ListParams::default().labels("page=me").limit(2);
        let first = maps.list(&params).await.unwrap();
        assert_eq!(first.items.len(), 2);
        maps.delete("c", &DeleteParams::default()).await.unwrap();
        let token = first.metadata.continue_.clone().unwrap();
        let second = maps.list(&params.clone().continue_token(&token)).await.unwrap();
        assert_eq!(second.items[0].name_any(), "c");
        assert_eq!(second.metadata.continue_.unwrap_or_default(), "");
        assert_eq!(first.metadata.resource_version, second.metadata.resource_version);
    }

    async fn a_watch_tells_what_happened_since_a_version(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        maps.create(&PostParams::default(), &map("before")).await.unwrap();
        let list = maps.list(&ListParams::default()).await.unwrap();
        let version = list.metadata.resource_version.unwrap();
        maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let params = WatchParams::default().disable_bookmarks().timeout(60);
        let mut watch = Box::pin(maps.watch(&params, &version).await.unwrap());
        assert_eq!(told(&mut watch).await, ("added", "m".to_owned()));
        let patch = merge(json!({"data": {"b": "2"}}));
        maps.patch("m", &PatchParams::default(), &patch).await.unwrap();
        assert_eq!(told(&mut watch).await, ("modified", "m".to_owned()));
        maps.delete("m", &DeleteParams::default()).await.unwrap();
        assert_eq!(told(&mut watch).await, ("deleted", "m".to_owned()));
    }

    async fn a_watch_by_label_tells_of_what_comes_and_leaves(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let made = maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let version = made.resource_version().unwrap();
        let params = WatchParams::default().labels("x=1").disable_bookmarks().timeout(60);
        let mut watch = Box::pin(maps.watch(&params, &version).await.unwrap());
        for (value, event) in [("1", "added"), ("2", "deleted")] {
            let patch = merge(json!({"metadata": {"labels": {"x": value}}}));
            maps.patch("m", &PatchParams::default(), &patch).await.unwrap();
            assert_eq!(told(&mut watch).await, (event, "m".to_owned()));
        }
    }

    async fn a_watch_ends_when_its_time_is_over(place: Place) {
        let maps: Api<ConfigMap> = place.api();
        let made = maps.create(&PostParams::default(), &map("m")).await.unwrap();
        let params = WatchParams::default().disable_bookmarks().timeout(1);
        let version = made.resource_version().unwrap();
        let mut watch = Box::pin(maps.watch(&params, &version).await.unwrap());
        assert!(watch.try_next().await.unwrap().is_none());
    }

    async fn an_event_is_complete_and_only_its_series_changes(place: Place) {
        let events: Api<Event> = place.api();
        let event = |note: &str| -> Event {
            object(json!({
                "metadata": {"name": "e"}, "eventTime": "2026-11-21T16:40:00.000000Z",
                "reportingController": "handback.dev/operator", "reportingInstance": "x",
                "action": "Run", "reason": "Started", "type": "Normal", "note": note,
                "regarding": {"kind": "TestRun", "name": "r", "namespace": place.namespace},
            }))
        };
        let mut odd = event("x");
        odd.action = None;
        refused(events.create(&PostParams::default(), &odd).await, 422, "Invalid");
        let mut foreign = event("x");
        foreign.regarding.as_mut().unwrap().namespace = Some("default".to_owned());
        refused(events.create(&PostParams::default(), &foreign).await, 422, "Invalid");
        events.create(&PostParams::default(), &event("x")).await.unwrap();
        let series = merge(json!({
            "series": {"count": 2, "lastObservedTime": "2026-11-21T16:41:00.000000Z"},
        }));
        events.patch("e", &PatchParams::default(), &series).await.unwrap();
        let other = merge(json!({"note": "y"}));
        refused(events.patch("e", &PatchParams::default(), &other).await, 422, "Invalid");
    }
}
