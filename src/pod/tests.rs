//! The pod as the API server gets it.

use serde_json::{Value, json};

use super::{
    contract::run::{Dialogs, MAX_ANNOTATIONS},
    *,
};
use crate::manifest::{check, test_run::TestRunSpec};

fn site() -> Site {
    Site {
        image: "registry.example/handback:1".to_owned(),
        browser_image: "registry.example/handback-browser:1".to_owned(),
        pull_policy: Some("IfNotPresent".to_owned()),
        pull_secrets: vec![],
        browser_resources: ResourceRequirements::default(),
        gate_resources: ResourceRequirements::default(),
        agent_resources: ResourceRequirements::default(),
        seccomp_profile: Some("handback/browser.json".to_owned()),
        policy: RunPolicy {
            allowed_hosts: vec![],
            denied_hosts: vec!["10.96.0.1/32".to_owned()],
            insecure_tls: false,
            dialogs: Dialogs::Auto,
        },
        operator_key: PublicKey::new([7; 32]),
    }
}

fn run(change: impl FnOnce(&mut Value)) -> ValidRun {
    let mut spec = json!({
        "url": "https://shop.example",
        "plan": "Verify \"x\" is visible",
        "variables": [
            {"name": "NAME", "value": "ada"},
            {"name": "PASSWORD", "secretKeyRef": {"name": "shop-login", "key": "password"}},
        ],
        "artifacts": {"s3": {
            "endpoint": "https://s3.example", "bucket": "runs", "prefix": "ci",
            "credentialsSecretRef": {"name": "s3"},
            "caFrom": {"configMapKeyRef": {"name": "ca", "key": "root.pem"}},
        }},
        "pod": {
            "resources": {"limits": {"memory": "2Gi"}},
            "labels": {"team": "shop"},
            "annotations": {"note": "x"},
        },
    });
    change(&mut spec);
    let spec: TestRunSpec = serde_json::from_value(spec).unwrap();
    check::check("checkout", &spec).unwrap()
}

fn made(run: &ValidRun) -> Value {
    let site = site();
    let order = Order {
        run,
        namespace: "shop",
        uid: "3f1c9ae0-1111-4000-8000-000000000000",
        attempt: 2,
        plan: "Verify \"x\" is visible",
        storage: run.storage.as_ref(),
        site: &site,
    };
    serde_json::to_value(pod(&order).unwrap()).unwrap()
}

fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let all = pod["spec"]["containers"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap()
}

fn mounts(pod: &Value, name: &str) -> Vec<String> {
    let mounts = container(pod, name)["volumeMounts"].as_array().unwrap();
    mounts.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_pod_of_a_run_as_it_is_sent() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&made(&run(|_| {}))).unwrap());
}

#[test]
fn secrets_are_mounted_where_they_are_used_and_nowhere_else() {
    let pod = made(&run(|_| {}));
    assert!(!pod["metadata"].to_string().contains("shop-login"), "the contract knows names only");
    for (name, secret) in [("secrets", "agent"), ("storage", "gate")] {
        for one in ["browser", "gate", "agent"] {
            let mounted = mounts(&pod, one).iter().any(|mount| mount == name);
            assert_eq!(mounted, one == secret, "{name} in {one}");
        }
    }
    assert!(!mounts(&pod, "browser").contains(&"contract".to_owned()));
    assert!(!mounts(&pod, "agent").contains(&"browser-sockets".to_owned()));
    assert!(!mounts(&pod, "browser").contains(&"agent-sockets".to_owned()));
    let plain = made(&run(|spec| {
        spec["variables"] = json!([]);
        spec["artifacts"] = json!({});
    }));
    let volumes = plain["spec"]["volumes"].to_string();
    assert!(!volumes.contains("secret") && !volumes.contains("storage"), "{volumes}");
}

#[test]
fn every_container_is_restricted_and_every_mount_has_its_volume() {
    let pod = made(&run(|_| {}));
    let spec = &pod["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(spec["restartPolicy"], "Never");
    assert_eq!(spec["terminationGracePeriodSeconds"], 330);
    for key in
        ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "activeDeadlineSeconds"]
    {
        assert!(spec[key].is_null(), "{key}");
    }
    let volumes: Vec<_> =
        spec["volumes"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    for one in spec["containers"].as_array().unwrap() {
        let security = &one["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
        assert_eq!(one["terminationMessagePolicy"], "File");
        for mount in one["volumeMounts"].as_array().unwrap() {
            assert!(volumes.contains(&mount["name"]), "{mount}");
        }
    }
    let profile = &container(&pod, "browser")["securityContext"]["seccompProfile"];
    assert_eq!(profile["localhostProfile"], "handback/browser.json");
    assert!(container(&pod, "agent")["securityContext"]["seccompProfile"].is_null());
}

#[test]
fn the_contract_in_the_annotation_is_what_gate_and_agent_read() {
    let run = run(|_| {});
    let pod = made(&run);
    let text = pod["metadata"]["annotations"][CONTRACT_ANNOTATION].as_str().unwrap();
    let contract = RunContract::decode(text).unwrap();
    assert_eq!(contract.run.id(), "3f1c9ae0-1111-4000-8000-000000000000-2");
    assert_eq!(contract.secret_variables, ["PASSWORD"]);
    assert_eq!(contract.variables["NAME"], "ada");
    let s3 = contract.artifacts.s3.unwrap();
    assert_eq!(
        (s3.endpoint.as_str(), s3.prefix.as_str()),
        ("https://s3.example", "ci/shop/checkout/3f1c9ae0/2/")
    );
}

#[test]
fn a_run_that_says_too_much_is_refused_before_there_is_a_pod() {
    let run = run(|_| {});
    let site = site();
    let plan = "x".repeat(MAX_ANNOTATIONS);
    let order = Order {
        run: &run,
        namespace: "shop",
        uid: "3f1c9ae0",
        attempt: 1,
        plan: &plan,
        storage: None,
        site: &site,
    };
    assert_eq!(pod(&order).unwrap_err().reason(), "ContractTooLarge");
}

#[test]
fn names_at_their_limits_make_a_pod_that_kubernetes_takes() {
    let longest = "a".repeat(check::LONGEST_NAME);
    assert!(name(&longest, 11).len() <= 63);
    let queued = made(&run(|spec| spec["queueName"] = "team".into()));
    assert_eq!(queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], "team");
    assert_eq!(queued["metadata"]["labels"]["team"], "shop");
    let keyed = made(&run(|spec| spec["concurrency"] = json!({"key": "PR #42 / shop"})));
    let value = keyed["metadata"]["labels"][KEY_LABEL].as_str().unwrap();
    assert_eq!((value, value.len()), (key_label("PR #42 / shop").as_str(), 32));
}

#[test]
fn http_storage_is_for_whoever_allowed_it() {
    let target = |pod: &Value| {
        let text = pod["metadata"]["annotations"][CONTRACT_ANNOTATION].as_str().unwrap();
        RunContract::decode(text).unwrap().artifacts.s3.unwrap()
    };
    assert!(!target(&made(&run(|_| {}))).allow_insecure);
    let insecure = run(|spec| {
        spec["artifacts"]["s3"]["endpoint"] = json!("http://minio.storage:9000");
        spec["artifacts"]["s3"]["allowInsecure"] = json!(true);
    });
    let target = target(&made(&insecure));
    assert_eq!(
        (target.endpoint.as_str(), target.allow_insecure),
        ("http://minio.storage:9000", true)
    );
}

#[test]
fn a_plan_is_carried_whole_or_the_pod_is_refused_with_what_to_do() {
    let (run, site) = (run(|_| {}), site());
    let pod_of = |plan: &str| {
        let (namespace, uid) = ("shop", "3f1c9ae0-1111-4000-8000-000000000000");
        pod(&Order { run: &run, namespace, uid, attempt: 1, plan, storage: None, site: &site })
    };
    let size = |pod: &Pod| {
        let annotations = pod.metadata.annotations.as_ref().unwrap();
        annotations.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    };
    let most = MAX_ANNOTATIONS - size(&pod_of("").unwrap());
    let plan = "x".repeat(most);
    let largest = pod_of(&plan).unwrap();
    assert_eq!(size(&largest), 240 << 10);
    let text = &largest.metadata.annotations.as_ref().unwrap()[CONTRACT_ANNOTATION];
    assert_eq!(RunContract::decode(text).unwrap().plan, plan);
    // Quotes take two bytes, and letters of other scripts more than one: bytes count.
    for more in [format!("{plan}x"), format!("{}\"", &plan[1..]), format!("{}é", &plan[1..])] {
        let refused = pod_of(&more).unwrap_err();
        assert_eq!(refused.reason(), "ContractTooLarge");
        assert_eq!(
            refused.to_string(),
            "the contract has 245761 bytes, with the other annotations more than 245760: shorten the \
             plan, the variables or spec.pod.annotations"
        );
    }
}
