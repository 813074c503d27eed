//! Who a run pod's processes are and what they may do: all that Pod Security `restricted` asks for, and
//! root file systems that nobody can write (pure).

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

/// An id that no account of ours or of a base image has. It is the same in all three containers, since
/// sockets and files are for their own user alone.
const USER: i64 = 65_532;

/// For the pod.
pub(super) fn pod() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        // Volumes are made for root; this group may write them.
        fs_group: Some(USER),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    }
}

/// For a container; `profile` is a `Localhost` one.
pub(super) fn container(profile: Option<&str>) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        seccomp_profile: profile.map(|path| SeccompProfile {
            type_: "Localhost".to_owned(),
            localhost_profile: Some(path.to_owned()),
        }),
        ..SecurityContext::default()
    }
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }
}
