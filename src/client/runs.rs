//! Runs: making one, looking at one, cancelling one.

use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{
    Error,
    cluster::{Asked, Cluster},
    error::status,
};
use crate::manifest::test_run::TestRun;

/// Who writes, in the objects' managed fields.
pub(super) const MANAGER: &str = "handback-cli";

const READ: Asked = Asked {
    doing: "reading the TestRun",
    right: "get testruns.handback.dev",
    ask: "The ClusterRole handback-viewer has this right.",
    kind: "TestRuns",
};
const CREATE: Asked = Asked {
    doing: "creating the TestRun",
    right: "create testruns.handback.dev",
    ask: "The ClusterRole handback-runner has this right.",
    kind: "TestRuns",
};
const CANCEL: Asked = Asked {
    doing: "cancelling the TestRun",
    right: "patch testruns.handback.dev",
    ask: "The ClusterRoles handback-runner and handback-controller have this right.",
    kind: "TestRuns",
};

impl Cluster {
    /// Makes a run; gives it as it is stored.
    pub async fn create_run(&self, run: &TestRun) -> Result<TestRun, Error> {
        let params =
            PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let created = self.api().create(&params, run).await;
        created.map_err(|error| match (status(&error), &run.metadata.name) {
            (Some((409, _)), Some(name)) => {
                Error::Exists { name: name.clone(), namespace: self.namespace.clone() }
            }
            // Of the namespace: a kind that is unknown has a text of its own.
            (Some((404, message)), _) if message.starts_with("namespaces ") => {
                Error::Refused { doing: CREATE.doing, message: message.to_owned() }
            }
            _ => self.problem(CREATE, &error),
        })
    }

    /// A run as it is.
    pub async fn run(&self, name: &str) -> Result<TestRun, Error> {
        let found = self.api::<TestRun>().get_opt(name).await;
        let found = found.map_err(|error| self.problem(READ, &error))?;
        let namespace = self.namespace.clone();
        found.ok_or_else(|| Error::NoRun { name: name.to_owned(), namespace })
    }

    /// Asks for the end of this very run. It is not over yet when this returns.
    pub async fn cancel_run(&self, run: &TestRun) -> Result<(), Error> {
        let name = run.name_any();
        let patch = json!({"metadata": {"uid": run.uid()}, "spec": {"desiredState": "Cancelled"}});
        let params =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patched = self.api::<TestRun>().patch(&name, &params, &Patch::Merge(patch)).await;
        match patched {
            Ok(_) => Ok(()),
            // Gone, or another one by now.
            Err(error) if matches!(status(&error), Some((404 | 409, _))) => {
                Err(Error::Deleted { name })
            }
            Err(error) => Err(self.problem(CANCEL, &error)),
        }
    }

    /// What a watch that cannot begin means.
    pub(super) fn not_followed(&self, error: &kube::Error) -> Error {
        let asked = Asked {
            doing: "following the TestRun",
            right: "list and watch testruns.handback.dev",
            ..READ
        };
        self.problem(asked, error)
    }
}
