//! Where things lie in a run pod: containers, volumes, files, the gate's port. Whoever builds the pod
//! and whoever runs in it read the same names here.

/// The container that renders other people's pages.
pub const BROWSER: &str = "browser";
/// The container that is the only door.
pub const GATE: &str = "gate";
/// The container that drives.
pub const AGENT: &str = "agent";

/// The gate's port, on the pod's loopback only. Any free one would do; a fixed one can be forwarded
/// to without asking.
pub const GATE_PORT: u16 = 7177;
/// The host name under which a gate is addressed by those who come in the name of no handoff.
pub const GATE_HOST: &str = "gate.localhost";

/// The annotation that is the contract.
pub const CONTRACT_ANNOTATION: &str = "handback.dev/contract";
/// The contract, in the directory of [`CONTRACT`].
pub const CONTRACT_FILE: &str = "run.json";
/// The pod's own uid, in the directory of [`CONTRACT`]; it is not known before there is a pod.
pub const POD_UID_FILE: &str = "pod-uid";
/// Where a container leaves its last word for the kubelet.
pub const TERMINATION_MESSAGE: &str = "/dev/termination-log";

/// A volume, and where every container that mounts it finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name in the pod.
    pub name: &'static str,
    /// Where it is mounted.
    pub path: &'static str,
}

/// Sockets between browser and gate; in memory.
pub const BROWSER_SOCKETS: Volume =
    Volume { name: "browser-sockets", path: "/run/handback/browser" };
/// The socket between gate and agent; in memory.
pub const AGENT_SOCKETS: Volume = Volume { name: "agent-sockets", path: "/run/handback/agent" };
/// The run directory; gate and agent.
pub const ARTIFACTS: Volume = Volume { name: "artifacts", path: "/var/lib/handback/artifacts" };
/// Video and downloads, from the browser to the gate.
pub const MEDIA: Volume = Volume { name: "media", path: "/var/lib/handback/media" };
/// The gate's own records; in memory.
pub const JOURNAL: Volume = Volume { name: "journal", path: "/run/handback/journal" };
/// The browser's profile, temporary files and X cookie.
pub const HOME: Volume = Volume { name: "home", path: "/var/lib/handback/home" };
/// The contract and the pod's uid, through the downward API; gate and agent.
pub const CONTRACT: Volume = Volume { name: "contract", path: "/etc/handback/contract" };
/// One file for each secret variable, named like it; the agent alone.
pub const SECRETS: Volume = Volume { name: "secrets", path: "/etc/handback/secrets" };
/// The storage's credentials and CA; the gate alone.
pub const STORAGE: Volume = Volume { name: "storage", path: "/etc/handback/storage" };
