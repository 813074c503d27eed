//! The three containers of a run pod (pure).

use k8s_openapi::{
    api::core::v1::{Container, ExecAction, Probe, ResourceRequirements, Toleration, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    Site,
    contract::places::{
        AGENT, AGENT_SOCKETS, ARTIFACTS, BROWSER, BROWSER_SOCKETS, CONTRACT, GATE, HOME, JOURNAL,
        MEDIA, SECRETS, STORAGE, TERMINATION_MESSAGE, Volume,
    },
    security,
    volume::{SHARED_MEMORY, TEMPORARY},
};
use crate::manifest::test_run::{self, pod as template};

/// Looks a second for a browser that takes one or two; a node under load may need minutes.
const PROBE_PERIOD: i32 = 1;
const PROBE_TRIES: i32 = 600;

/// Renders other people's pages: no contract, no secret.
pub(super) fn browser(
    site: &Site,
    resources: ResourceRequirements,
    sandbox: test_run::Sandbox,
    grace: i64,
) -> Container {
    let sandbox = match sandbox {
        test_run::Sandbox::Required => "required",
        test_run::Sandbox::Preferred => "preferred",
        test_run::Sandbox::Off => "off",
    };
    let grace = grace.to_string();
    let arguments = ["browser", "--sandbox", sandbox, "--grace", &grace];
    let started = Probe {
        exec: Some(ExecAction {
            command: Some(["handback", "browser-started"].map(str::to_owned).into()),
        }),
        period_seconds: Some(PROBE_PERIOD),
        failure_threshold: Some(PROBE_TRIES),
        timeout_seconds: Some(5),
        ..Probe::default()
    };
    Container {
        image: Some(site.browser_image.clone()),
        resources: Some(resources),
        startup_probe: Some(started),
        security_context: Some(security::container(site.seccomp_profile.as_deref())),
        volume_mounts: Some(vec![
            writable(BROWSER_SOCKETS),
            writable(MEDIA),
            writable(HOME),
            writable(SHARED_MEMORY),
            writable(TEMPORARY),
        ]),
        ..common(BROWSER, site, &arguments)
    }
}

/// The only door.
pub(super) fn gate(site: &Site, storage: bool) -> Container {
    let mut mounts = vec![
        writable(BROWSER_SOCKETS),
        writable(AGENT_SOCKETS),
        writable(ARTIFACTS),
        writable(MEDIA),
        writable(JOURNAL),
        read_only(CONTRACT),
    ];
    mounts.extend(storage.then(|| read_only(STORAGE)));
    Container {
        image: Some(site.image.clone()),
        resources: Some(site.gate_resources.clone()),
        volume_mounts: Some(mounts),
        ..common(GATE, site, &["gate"])
    }
}

/// Drives; its secrets go with it.
pub(super) fn agent(site: &Site, secrets: bool) -> Container {
    let mut mounts = vec![writable(AGENT_SOCKETS), writable(ARTIFACTS), read_only(CONTRACT)];
    mounts.extend(secrets.then(|| read_only(SECRETS)));
    Container {
        image: Some(site.image.clone()),
        resources: Some(site.agent_resources.clone()),
        volume_mounts: Some(mounts),
        ..common(AGENT, site, &["agent"])
    }
}

fn common(name: &str, site: &Site, arguments: &[&str]) -> Container {
    let mut command = vec!["handback".to_owned()];
    command.extend(arguments.iter().map(|&one| one.to_owned()));
    Container {
        name: name.to_owned(),
        command: Some(command),
        image_pull_policy: site.pull_policy.clone(),
        security_context: Some(security::container(None)),
        termination_message_path: Some(TERMINATION_MESSAGE.to_owned()),
        // The last lines of a log are no verdict.
        termination_message_policy: Some("File".to_owned()),
        ..Container::default()
    }
}

fn writable(Volume { name, path }: Volume) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn read_only(volume: Volume) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..writable(volume) }
}

/// The browser's share as the run wants it.
pub fn resources(own: &template::Resources) -> ResourceRequirements {
    let amounts = |amounts: &std::collections::BTreeMap<String, template::Quantity>| {
        let amounts = amounts.iter();
        Some(
            amounts
                .map(|(name, amount)| (name.clone(), Quantity(amount.as_str().to_owned())))
                .collect::<std::collections::BTreeMap<_, _>>(),
        )
        .filter(|all| !all.is_empty())
    };
    let template::Resources { limits, requests } = own;
    ResourceRequirements {
        limits: amounts(limits),
        requests: amounts(requests),
        ..ResourceRequirements::default()
    }
}

/// A toleration as the pod has it.
pub(super) fn toleration(own: &template::Toleration) -> Toleration {
    let template::Toleration { key, operator, value, effect, toleration_seconds } = own.clone();
    Toleration { key, operator, value, effect, toleration_seconds }
}
