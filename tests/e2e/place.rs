//! A namespace of a test's own with runs in it, as people with kubectl see them.

use std::{future::Future, time::Duration};

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    api::Namespace,
    fleet::{SHOP_URL, Stay},
    programs::{Program, kubectl},
};

/// Anything that takes seconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// A namespace, Pod Security `restricted`, on a cluster where the chart is installed.
pub struct Place {
    api: Namespace,
    /// Held while the test runs; a second place of one test has none of its own.
    _stay: Option<Stay>,
}

/// A run that passes in a second or two.
pub const PASSES: &str = "Open /\nVerify \"Pine & Pebble\" is visible\nClick the search box";
/// A run that fails.
pub const FAILS: &str = "Open /\nVerify \"No such thing\" is visible";
/// A run that waits half a minute, and then fails.
pub const WAITS: &str =
    "Open /\nVerify \"Pine & Pebble\" is visible\nWait for \"never there\" for up to 30 s";

/// A run that goes on until it is ended, five minutes at most.
pub fn goes_on() -> String {
    (1..=10).map(|number| format!("#Case {number}\n{WAITS}\n")).collect::<Vec<_>>().concat()
}

/// A `TestRun` against the shop; `spec` is laid over what it says.
pub fn test_run(name: &str, plan: &str, spec: &Value) -> Value {
    let mut run = json!({
        "apiVersion": "handback.dev/v1alpha1", "kind": "TestRun", "metadata": {"name": name},
        "spec": {
            "url": SHOP_URL, "plan": plan, "viewport": {"width": 1000, "height": 600},
            "pod": {"resources": {"limits": {"memory": "2Gi"}, "requests": {"cpu": "50m", "memory": "300Mi"}}},
            "artifacts": {"video": "Never"},
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        run["spec"][field] = value.clone();
    }
    run
}

/// One condition's `status` and `reason`, if it is there.
pub fn condition<'a>(object: &'a Value, name: &str) -> Option<(&'a str, &'a str)> {
    let all = object["status"]["conditions"].as_array()?;
    let one = all.iter().find(|one| one["type"] == name)?;
    Some((one["status"].as_str()?, one["reason"].as_str()?))
}

/// Whether a condition is True.
pub fn is_true(object: &Value, name: &str) -> bool {
    condition(object, name).is_some_and(|(status, _)| status == "True")
}

/// Looks every quarter of a second until there is something.
pub async fn until<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    until_within(PATIENCE, what, look).await
}

/// The same, with a limit of its own.
pub async fn until_within<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "{what} did not come; now: {seen}"),
        }
        sleep(Duration::from_millis(250)).await;
    }
}

impl Place {
    /// Beside other tests.
    pub async fn new() -> Self {
        Self::with(Some(Stay::shared().await)).await
    }

    /// With no other test meanwhile.
    pub async fn alone() -> Self {
        Self::with(Some(Stay::alone().await)).await
    }

    /// Whatever other tests do with the operator.
    pub async fn regardless() -> Self {
        Self::with(Some(Stay::regardless().await)).await
    }

    /// A second namespace of the same test.
    pub async fn another(&self) -> Self {
        Self::with(None).await
    }

    async fn with(stay: Option<Stay>) -> Self {
        let api = Namespace::new().await;
        let label = "pod-security.kubernetes.io/enforce=restricted";
        kubectl(&["label", "namespace", &api.name, label]).succeeds().await;
        Self { api, _stay: stay }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.api.name
    }

    /// Removes it and all that is in it. A test that fails leaves it to be looked at.
    pub async fn remove(self) {
        self.api.remove().await;
    }

    /// `kubectl --namespace HERE …`
    pub fn kubectl(&self, arguments: &[&str]) -> Program {
        let mut all = vec!["--namespace", self.name()];
        all.extend(arguments);
        kubectl(&all)
    }

    /// `kubectl apply` of an object.
    pub async fn apply(&self, object: &Value) {
        self.kubectl(&["apply", "-f", "-"]).input(&object.to_string()).succeeds().await;
    }

    /// A path below the core API of this namespace, for example `pods/x`; none if it is not there.
    pub async fn core(&self, below: &str) -> Option<Value> {
        self.api.core(below).await
    }

    /// The run; none if it is not there.
    pub async fn find(&self, name: &str) -> Option<Value> {
        let answer =
            self.api.send(Method::GET, "testruns", &format!("/{name}"), &Value::Null).await;
        answer.refusal().is_none().then_some(answer.body)
    }

    /// The run as soon as something holds for it.
    pub async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{name}: {what}"), || async {
            let run = self.find(name).await.ok_or("there is no such run")?;
            if holds(&run) { Ok(run) } else { Err(run["status"].to_string()) }
        })
        .await
    }

    /// The run as soon as this condition is True.
    pub async fn until_true(&self, name: &str, condition: &str) -> Value {
        self.until(name, condition, |run| is_true(run, condition)).await
    }

    /// Verdict and reason of the run, once it has them.
    pub async fn verdict(&self, name: &str) -> (String, String) {
        let run = self.until_true(name, "Finished").await;
        let text = |field: &str| run["status"][field].as_str().unwrap_or_default().to_owned();
        (text("verdict"), text("reason"))
    }

    /// Verdicts of all runs that have one.
    pub async fn verdicts(&self) -> Vec<String> {
        let all = self.api.send(Method::GET, "testruns", "", &Value::Null).await;
        assert_eq!(all.refusal(), None);
        let runs = all.body["items"].as_array().expect("a list");
        runs.iter().filter_map(|run| Some(run["status"]["verdict"].as_str()?.to_owned())).collect()
    }

    /// The run's pod, once it has one.
    pub async fn pod_of(&self, name: &str) -> Value {
        let run = self.until(name, "a pod", |run| run["status"]["pod"]["name"].is_string()).await;
        let pod = run["status"]["pod"]["name"].as_str().expect("looked for").to_owned();
        self.core(&format!("pods/{pod}")).await.expect("the pod of a run")
    }

    /// Waits until the agent's events, as they are in its pod, mention something.
    pub async fn until_logged(&self, pod: &Value, piece: &str) {
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let script = "cat $(find /var/lib/handback/artifacts -name events.ndjson)";
        until(&format!("{piece} in the events of {name}"), || async {
            let arguments = ["exec", name, "-c", "gate", "--", "sh", "-c", script];
            let said = self.kubectl(&arguments).run().await;
            if said.out.contains(piece) { Ok(()) } else { Err(said.to_string()) }
        })
        .await;
    }

    /// Waits until there is no such pod.
    pub async fn gone(&self, pod: &str) {
        until(&format!("the end of {pod}"), || async {
            match self.core(&format!("pods/{pod}")).await {
                None => Ok(()),
                Some(pod) => Err(format!("{} {}", pod["metadata"], pod["status"])),
            }
        })
        .await;
    }

    /// Reasons of all Events about the run, in the order of their making.
    pub async fn events(&self, name: &str) -> Vec<String> {
        self.events_with_times(name).await.into_iter().map(|(_, reason)| reason).collect()
    }

    /// Waits for an Event about the run: they follow the status that they tell of.
    pub async fn told(&self, name: &str, reason: &str) {
        until(&format!("{reason} about {name}"), || async {
            let events = self.events(name).await;
            if events.iter().any(|one| one == reason) { Ok(()) } else { Err(format!("{events:?}")) }
        })
        .await;
    }

    /// [`Place::events`], each with the time of its making.
    pub async fn events_with_times(&self, name: &str) -> Vec<(String, String)> {
        let all = self.core("events").await.expect("a list");
        let mut about: Vec<(String, String)> = all["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["involvedObject"]["name"] == name)
            .map(|one| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&one["metadata"]["creationTimestamp"]), text(&one["reason"]))
            })
            .collect();
        about.sort();
        about
    }
}
