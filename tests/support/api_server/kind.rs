//! What the server serves. Anything else is 404, as on a server that was never told of it.

/// One resource.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
#[expect(clippy::struct_field_names, reason = "the words of the API")]
pub struct Kind {
    /// Empty for the core group.
    pub group: &'static str,
    /// For example `v1`.
    pub version: &'static str,
    /// As in paths.
    pub plural: &'static str,
    /// As in objects.
    pub kind: &'static str,
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// `status` is written through a subresource of its own.
    pub status: bool,
    /// From a `CustomResourceDefinition`.
    pub custom: bool,
    /// What field selectors may name besides `metadata.name` and `metadata.namespace`.
    pub fields: &'static [&'static str],
    /// An update without a `resourceVersion` is taken.
    pub unconditional: bool,
    /// An update of what does not exist makes it.
    pub create_on_update: bool,
}

/// All of them.
pub static KINDS: [Kind; 10] = [
    Kind {
        group: "handback.dev",
        version: "v1alpha1",
        plural: "testruns",
        kind: "TestRun",
        status: true,
        fields: &["status.phase", "status.verdict", "spec.poolRef.name", "spec.concurrency.key"],
        ..CUSTOM
    },
    Kind {
        group: "handback.dev",
        version: "v1alpha1",
        plural: "handoffs",
        kind: "Handoff",
        status: true,
        fields: &["spec.runRef.name", "status.phase"],
        ..CUSTOM
    },
    Kind {
        plural: "pods",
        kind: "Pod",
        status: true,
        fields: &["spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"],
        unconditional: true,
        ..CORE
    },
    Kind {
        group: "events.k8s.io",
        plural: "events",
        kind: "Event",
        fields: &["reason", "regarding.kind", "regarding.name", "regarding.uid", "type"],
        unconditional: true,
        create_on_update: true,
        ..CORE
    },
    Kind {
        group: "coordination.k8s.io",
        plural: "leases",
        kind: "Lease",
        create_on_update: true,
        ..CORE
    },
    Kind { plural: "configmaps", kind: "ConfigMap", unconditional: true, ..CORE },
    Kind { plural: "secrets", kind: "Secret", fields: &["type"], unconditional: true, ..CORE },
    Kind { plural: "validatingadmissionpolicies", kind: "ValidatingAdmissionPolicy", ..ADMISSION },
    Kind {
        plural: "validatingadmissionpolicybindings",
        kind: "ValidatingAdmissionPolicyBinding",
        ..ADMISSION
    },
    Kind {
        plural: "namespaces",
        kind: "Namespace",
        namespaced: false,
        fields: &["status.phase"],
        unconditional: true,
        ..CORE
    },
];

const CORE: Kind = Kind {
    group: "",
    version: "v1",
    plural: "",
    kind: "",
    namespaced: true,
    status: false,
    custom: false,
    fields: &[],
    unconditional: false,
    create_on_update: false,
};

/// They are kept, and not enforced.
const ADMISSION: Kind =
    Kind { group: "admissionregistration.k8s.io", namespaced: false, unconditional: true, ..CORE };

const CUSTOM: Kind = Kind { custom: true, ..CORE };

impl Kind {
    /// The resource of this name.
    pub fn named(plural: &str) -> &'static Self {
        let found = KINDS.iter().find(|kind| kind.plural == plural);
        found.unwrap_or_else(|| panic!("the server has no {plural}"))
    }

    /// As in `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// For messages: `testruns.handback.dev`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}
