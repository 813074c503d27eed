//! What can go wrong between a person and a cluster, in words for that person.

use crate::pod::contract::Exit;

/// See the module. The text is a whole sentence or several, without a cause's own words after it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no way to find out which cluster is meant.
    #[error(
        "The cluster cannot be found: {why}. Name a file with --kubeconfig, or a context with --context."
    )]
    Config {
        /// The client library's words.
        why: String,
    },
    /// The API server could not be reached, or did not answer.
    #[error("The API server could not be reached while {doing}: {why}.")]
    Unreachable {
        /// What was being done.
        doing: &'static str,
        /// The connection's words.
        why: String,
    },
    /// The API server understood and said no.
    #[error("The API server refused {doing}: {message}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Its words.
        message: String,
    },
    /// A right is missing.
    #[error(
        "You may not {right} in namespace {namespace}.\n  The API server says: {message}\n  {ask}"
    )]
    Forbidden {
        /// Verb and resource, as in a Role.
        right: &'static str,
        /// Where.
        namespace: String,
        /// The server's words.
        message: String,
        /// Which role has it.
        ask: &'static str,
    },
    /// There is no such run.
    #[error(
        "There is no TestRun {name} in namespace {namespace}. `kubectl get testruns -A` lists them all."
    )]
    NoRun {
        /// The name that was asked for.
        name: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The cluster does not know our kinds.
    #[error(
        "This cluster does not know {kind}: Handback is not installed in it, or in another version."
    )]
    NoKind {
        /// In the plural.
        kind: &'static str,
    },
    /// A run of this name exists.
    #[error(
        "There is a TestRun {name} in namespace {namespace} already, and a run's input never changes. \
         Delete that one, or use metadata.generateName instead of a name."
    )]
    Exists {
        /// The name.
        name: String,
        /// Where.
        namespace: String,
    },
    /// The run's pod is gone, and with it the browser.
    #[error("The pod {pod} is gone, and the browser with it.")]
    NoPod {
        /// The pod.
        pod: String,
    },
    /// The run has no browser, not yet or not any more.
    #[error("{0}")]
    NoBrowser(String),
    /// A handoff ended before it was granted.
    #[error("{message}")]
    NotGranted {
        /// The handoff's failure code, or its phase: one of a fixed set.
        code: &'static str,
        /// What happened and what to do.
        message: String,
    },
    /// The person did not want to wait any longer.
    #[error("The waiting was given up.")]
    GivenUp,
    /// Nobody answered a Handoff.
    #[error(
        "Handoff {handoff} was not answered within {seconds} s{last}. Is Handback's operator running?"
    )]
    NoAnswer {
        /// The object.
        handoff: String,
        /// How long.
        seconds: u64,
        /// The last reason that it gave for waiting, after a colon, or nothing.
        last: String,
    },
    /// The gate said no.
    #[error("The run's gate refused {doing}: {message} ({code})")]
    Gate {
        /// What was being done.
        doing: &'static str,
        /// The gate's code.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// The bucket did not give a file.
    #[error("{path} cannot be read from {uri}: {why}.")]
    Storage {
        /// The file.
        path: String,
        /// Where the run is stored.
        uri: String,
        /// Why.
        why: String,
    },
    /// A file that was downloaded is not what the manifest says.
    #[error("{path} is damaged: its SHA-256 is {found}, and the manifest says {expected}.")]
    Damaged {
        /// Its path in the run.
        path: String,
        /// The manifest's sum.
        expected: String,
        /// What the bytes sum to.
        found: String,
    },
    /// A file could not be written or a port not be opened.
    #[error("{doing} did not work: {source}.")]
    Local {
        /// For example `Writing /tmp/x`.
        doing: String,
        /// Why.
        source: std::io::Error,
    },
    /// The run was deleted while it was followed.
    #[error("TestRun {name} was deleted while it was followed. There is no verdict.")]
    Deleted {
        /// The run.
        name: String,
    },
}

impl Error {
    /// What the process tells its caller.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config { .. }
            | Self::Refused { .. }
            | Self::Forbidden { .. }
            | Self::NoRun { .. }
            | Self::NoKind { .. }
            | Self::Exists { .. } => Exit::Usage,
            Self::Unreachable { .. }
            | Self::NoPod { .. }
            | Self::NoBrowser(_)
            | Self::NotGranted { .. }
            | Self::NoAnswer { .. }
            | Self::Gate { .. }
            | Self::Storage { .. }
            | Self::Damaged { .. }
            | Self::Local { .. } => Exit::Errored,
            Self::Deleted { .. } | Self::GivenUp => Exit::Cancelled,
        }
    }

    /// One of a fixed set, for `error.code` of results.json.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "no_cluster",
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Forbidden { .. } => "forbidden",
            Self::NoRun { .. } => "run_not_found",
            Self::NoKind { .. } => "not_installed",
            Self::NoPod { .. } | Self::NoBrowser(_) => "browser_gone",
            Self::NotGranted { code, .. } => code,
            Self::NoAnswer { .. } => "not_answered",
            Self::GivenUp => "given_up",
            Self::Gate { .. } => "gate_refused",
            Self::Storage { .. } => "storage",
            Self::Damaged { .. } => "artifact_damaged",
            Self::Local { .. } => "local",
            Self::Exists { .. } => "run_exists",
            Self::Deleted { .. } => "run_deleted",
        }
    }
}

/// What a refusal says, if the API server answered at all.
pub(super) fn status(error: &kube::Error) -> Option<(u16, &str)> {
    if let kube::Error::Api(status) = error {
        return Some((status.code, &status.message));
    }
    None
}
