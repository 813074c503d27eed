//! What a platform team sets for everyone: defaults, limits and pods, by the namespace's labels (pure).
//!
//! Limits go before what a run asks for, and that before defaults. In namespaced mode there is one
//! profile and no labels are looked at.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    manifest::test_run::{TestRunSpec, artifacts::S3, pod::Resources},
    pod::{
        self, Site,
        contract::{
            PublicKey,
            run::{Dialogs, RunPolicy},
        },
    },
};

/// The images of run pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// The program alone: gate and agent.
    pub handback: String,
    /// Chromium, display and recorder, and the same program.
    pub browser: String,
    /// `Always`, `IfNotPresent` or `Never`; the cluster's default if there is none.
    pub pull_policy: Option<String>,
    /// Secrets to pull them with, in the run's namespace.
    pub pull_secrets: Vec<String>,
}

/// The whole of it: the file that the chart writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Profiles {
    /// The first that matches a namespace's labels counts; one without labels matches all.
    pub profiles: Vec<Profile>,
}

/// What counts for some namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Profile {
    /// Labels that the namespace must have.
    pub match_labels: BTreeMap<String, String>,
    /// Where the run says nothing.
    pub defaults: Defaults,
    /// Whatever the run says.
    pub limits: Limits,
    /// Where browsers may go.
    pub policy: PolicySettings,
    /// What containers ask for and may use.
    pub resources: Containers,
    /// File of the `Localhost` seccomp profile for browsers, as the node's kubelet knows it.
    pub seccomp_profile: Option<String>,
}

/// See [`Profile::defaults`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Defaults {
    /// A bucket. Its Secret and CA are looked up by name in the run's namespace.
    pub s3: Option<S3>,
}

/// See [`Profile::limits`]. Seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Most for `activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i32>,
    /// Most for `startDeadlineSeconds`.
    pub start_deadline_seconds: Option<i32>,
    /// Most for `keepAlive.idleSeconds`.
    pub idle_seconds: Option<i32>,
    /// Most for `keepAlive.maxSeconds`.
    pub max_seconds: Option<i32>,
    /// Most for `backoffLimit`.
    pub backoff_limit: Option<i32>,
}

/// See [`Profile::policy`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Hosts, `*.suffix` or CIDR; with any, nothing else may be reached.
    pub allowed_hosts: Vec<String>,
    /// The same for what may not be reached.
    pub denied_hosts: Vec<String>,
    /// Any certificate will do.
    pub insecure_tls: bool,
    /// How JavaScript dialogs are answered.
    pub dialogs: Option<Dialogs>,
}

/// See [`Profile::resources`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Containers {
    /// Where the run says nothing.
    pub browser: Option<Resources>,
    /// In every pod.
    pub gate: Option<Resources>,
    /// In every pod.
    pub agent: Option<Resources>,
}

impl Profiles {
    /// What counts for a namespace with these labels.
    pub fn of(&self, labels: &BTreeMap<String, String>) -> Profile {
        let matches = |profile: &&Profile| {
            profile.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        self.profiles.iter().find(matches).cloned().unwrap_or_default()
    }
}

impl Profile {
    /// The same, with these hosts denied unless it allows them in the same words.
    #[must_use]
    pub fn denying(mut self, hosts: &[String]) -> Self {
        let allowed = &self.policy.allowed_hosts;
        let denied = hosts.iter().filter(|host| !allowed.contains(host)).cloned();
        self.policy.denied_hosts.extend(denied);
        self
    }

    /// The spec that is carried out.
    pub fn effective(&self, spec: &TestRunSpec) -> TestRunSpec {
        let Limits {
            active_deadline_seconds,
            start_deadline_seconds,
            idle_seconds,
            max_seconds,
            backoff_limit,
        } = &self.limits;
        let mut spec = spec.clone();
        for (value, most) in [
            (&mut spec.active_deadline_seconds, active_deadline_seconds),
            (&mut spec.start_deadline_seconds, start_deadline_seconds),
            (&mut spec.keep_alive.idle_seconds, idle_seconds),
            (&mut spec.keep_alive.max_seconds, max_seconds),
            (&mut spec.backoff_limit, backoff_limit),
        ] {
            *value = most.map_or(*value, |most| (*value).min(most));
        }
        // A limit on the one must not make the other invalid.
        spec.keep_alive.idle_seconds =
            spec.keep_alive.idle_seconds.min(spec.keep_alive.max_seconds);
        if spec.artifacts.s3.is_none() {
            spec.artifacts.s3.clone_from(&self.defaults.s3);
        }
        spec
    }

    /// What its pods are made with.
    pub fn site(&self, images: &Images, operator_key: PublicKey) -> Site {
        let or = |own: &Option<Resources>, cpu: &str, memory: &str| {
            own.as_ref().map_or_else(|| pod::resources(&built_in(cpu, memory)), pod::resources)
        };
        Site {
            image: images.handback.clone(),
            browser_image: images.browser.clone(),
            pull_policy: images.pull_policy.clone(),
            pull_secrets: images.pull_secrets.clone(),
            browser_resources: or(&self.resources.browser, "500m", "2Gi"),
            gate_resources: or(&self.resources.gate, "50m", "256Mi"),
            agent_resources: or(&self.resources.agent, "100m", "512Mi"),
            seccomp_profile: self.seccomp_profile.clone(),
            policy: self.policy.run_policy(),
            operator_key,
        }
    }
}

impl PolicySettings {
    /// As it stands in contracts.
    pub fn run_policy(&self) -> RunPolicy {
        RunPolicy {
            allowed_hosts: self.allowed_hosts.clone(),
            denied_hosts: self.denied_hosts.clone(),
            insecure_tls: self.insecure_tls,
            dialogs: self.dialogs.unwrap_or(Dialogs::Auto),
        }
    }
}

/// A part of a core to be scheduled by, and memory as request and limit, so that a node that is full
/// of browsers does not kill them.
fn built_in(cpu: &str, memory: &str) -> Resources {
    let memory = ("memory".to_owned(), memory.into());
    Resources {
        limits: [memory.clone()].into(),
        requests: [("cpu".to_owned(), cpu.into()), memory].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Profiles {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn the_first_profile_that_matches_counts() {
        let profiles = read(
            "profiles:\n- matchLabels: {team: shop}\n  limits: {maxSeconds: 60}\n- limits: {maxSeconds: 600}\n",
        );
        let shop = BTreeMap::from([("team".to_owned(), "shop".to_owned())]);
        assert_eq!(profiles.of(&shop).limits.max_seconds, Some(60));
        assert_eq!(profiles.of(&BTreeMap::new()).limits.max_seconds, Some(600));
        assert_eq!(Profiles::default().of(&shop), Profile::default());
    }

    #[test]
    fn limits_go_before_the_run_and_the_run_before_defaults() {
        let profiles = read(
            "profiles:\n- limits: {maxSeconds: 60, activeDeadlineSeconds: 100}\n  defaults: {s3: {endpoint: 'https://s3.example', bucket: runs}}\n",
        );
        let profile = profiles.of(&BTreeMap::new());
        let mut spec: TestRunSpec =
            serde_json::from_value(serde_json::json!({"url": "https://a.example", "plan": "x"}))
                .unwrap();
        let effective = profile.effective(&spec);
        assert_eq!((effective.keep_alive.max_seconds, effective.keep_alive.idle_seconds), (60, 60));
        assert_eq!(effective.active_deadline_seconds, 100);
        assert_eq!(effective.artifacts.s3.as_ref().unwrap().bucket, "runs");
        spec.active_deadline_seconds = 30;
        let mut own = effective.artifacts.s3.unwrap();
        own.bucket = "mine".to_owned();
        spec.artifacts.s3 = Some(own);
        let effective = profile.effective(&spec);
        assert_eq!(effective.active_deadline_seconds, 30);
        assert_eq!(effective.artifacts.s3.unwrap().bucket, "mine");
    }

    #[test]
    fn what_is_denied_to_all_can_be_allowed_by_name() {
        let profiles =
            read("profiles:\n- policy: {allowedHosts: [localhost], deniedHosts: [a.example]}\n");
        let hosts = ["localhost".to_owned(), "127.0.0.0/8".to_owned()];
        let policy = profiles.of(&BTreeMap::new()).denying(&hosts).policy.run_policy();
        assert_eq!(policy.denied_hosts, ["a.example", "127.0.0.0/8"]);
        let policy = Profile::default().denying(&hosts).policy.run_policy();
        assert_eq!(policy.denied_hosts, hosts);
    }

    #[test]
    fn a_word_that_is_not_known_is_refused() {
        let typo = serde_saphyr::from_str::<Profiles>("profiles:\n- limit: {maxSeconds: 60}\n");
        assert!(typo.is_err_and(|error| error.to_string().contains("limit")));
    }
}
