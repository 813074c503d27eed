//! The three containers.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, EnvVar, ExecAction, Probe, ResourceRequirements, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    Settings,
    contract::places,
    security,
    volumes::{self, mount, mount_part},
};
use crate::manifest::{
    check::{ValidRun, ValidStorage},
    test_run::{Sandbox, pod::Resources},
};

/// What containers are made from.
pub(super) struct Parts<'a> {
    pub run: &'a ValidRun,
    pub settings: &'a Settings,
    pub storage: Option<&'a ValidStorage>,
    /// Seconds that the pod has to end.
    pub grace: i64,
}

impl Parts<'_> {
    /// Other people's pages. No secret, no contract, nothing worth stealing.
    pub(super) fn browser(&self) -> Container {
        let wish = match self.run.spec.sandbox {
            Sandbox::Required => "required",
            Sandbox::Preferred => "preferred",
            Sandbox::Off => "off",
        };
        let grace = self.grace.to_string();
        let resources = self.run.spec.pod.as_ref().and_then(|pod| pod.resources.as_ref());
        Container {
            image: Some(self.settings.images.browser.clone()),
            startup_probe: Some(self.started()),
            resources: Some(requirements(resources.unwrap_or(&self.settings.browser))),
            security_context: Some(security::container(self.settings.seccomp_profile.as_deref())),
            // Chromium, Xvnc and ffmpeg write to their home and to /tmp, and nowhere else.
            env: Some(vec![EnvVar {
                name: "HOME".to_owned(),
                value: Some(places::HOME.path.to_owned()),
                value_from: None,
            }]),
            ..self.container(
                places::BROWSER,
                &["browser", "--sandbox", wish, "--grace", &grace],
                vec![
                    mount(places::BROWSER_SOCKETS, false),
                    mount(places::MEDIA, false),
                    mount(places::HOME, false),
                    mount_part(places::HOME, "tmp", "/tmp"),
                    mount(volumes::SHARED_MEMORY, false),
                ],
            )
        }
    }

    /// The only door.
    pub(super) fn gate(&self) -> Container {
        let mut mounts = vec![
            mount(places::CONTRACT, true),
            mount(places::BROWSER_SOCKETS, false),
            mount(places::AGENT_SOCKETS, false),
            mount(places::JOURNAL, false),
            mount(places::ARTIFACTS, false),
            mount(places::MEDIA, false),
        ];
        if self.storage.is_some_and(volumes::has_credentials) {
            mounts.push(mount(places::STORAGE, true));
        }
        Container {
            resources: Some(requirements(&self.settings.gate)),
            ..self.container(places::GATE, &["gate"], mounts)
        }
    }

    /// The driver.
    pub(super) fn agent(&self) -> Container {
        let mut mounts = vec![
            mount(places::CONTRACT, true),
            mount(places::AGENT_SOCKETS, false),
            mount(places::ARTIFACTS, false),
        ];
        if volumes::has_secrets(self.run) {
            mounts.push(mount(places::SECRETS, true));
        }
        Container {
            resources: Some(requirements(&self.settings.agent)),
            ..self.container(places::AGENT, &["agent"], mounts)
        }
    }

    fn container(&self, name: &str, arguments: &[&str], mounts: Vec<VolumeMount>) -> Container {
        let command = std::iter::once(PROGRAM).chain(arguments.iter().copied());
        Container {
            name: name.to_owned(),
            image: Some(self.settings.images.handback.clone()),
            image_pull_policy: self.settings.images.pull_policy.clone(),
            command: Some(command.map(str::to_owned).collect()),
            security_context: Some(security::container(None)),
            volume_mounts: Some(mounts),
            termination_message_path: Some(places::TERMINATION_MESSAGE.to_owned()),
            termination_message_policy: Some("File".to_owned()),
            ..Container::default()
        }
    }

    /// Told once, when Chromium answers; nothing is probed after that. Who gives up on a browser that
    /// does not come is the operator, with words.
    fn started(&self) -> Probe {
        let command = [PROGRAM, "browser-started"].map(str::to_owned).to_vec();
        let patience = self.run.spec.start_deadline_seconds.saturating_add(STARTED_LATE);
        Probe {
            exec: Some(ExecAction { command: Some(command) }),
            period_seconds: Some(1),
            timeout_seconds: Some(5),
            failure_threshold: Some(patience),
            ..Probe::default()
        }
    }
}

/// The program in both images.
const PROGRAM: &str = "handback";
/// Seconds beyond the start deadline after which the kubelet gives up by itself, should there be no
/// operator then.
const STARTED_LATE: i32 = 300;

fn requirements(wish: &Resources) -> ResourceRequirements {
    let map = |wish: &BTreeMap<String, crate::manifest::test_run::pod::Quantity>| {
        let map: BTreeMap<String, Quantity> = wish
            .iter()
            .map(|(name, amount)| (name.clone(), Quantity(amount.as_str().to_owned())))
            .collect();
        Some(map).filter(|map| !map.is_empty())
    };
    ResourceRequirements {
        limits: map(&wish.limits),
        requests: map(&wish.requests),
        ..ResourceRequirements::default()
    }
}
