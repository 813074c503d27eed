//! Who the containers are and what they may do: Pod Security `restricted`, and a read-only root.

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

/// Nobody in particular; images and volumes belong to it.
const USER: i64 = 65_532;

/// For the pod.
pub(super) fn pod() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(seccomp(None)),
        ..PodSecurityContext::default()
    }
}

/// For a container; `profile` is a file that the kubelet knows.
pub(super) fn container(profile: Option<&str>) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
        read_only_root_filesystem: Some(true),
        seccomp_profile: profile.map(|file| seccomp(Some(file))),
        ..SecurityContext::default()
    }
}

fn seccomp(file: Option<&str>) -> SeccompProfile {
    SeccompProfile {
        type_: if file.is_some() { "Localhost" } else { "RuntimeDefault" }.to_owned(),
        localhost_profile: file.map(str::to_owned),
    }
}
