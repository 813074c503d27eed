//! The contract of one run: what is particular to it, as one annotation of its pod.
//!
//! # Expected flow
//! The operator writes [`RunContract::encode`] into [`CONTRACT_ANNOTATION`](super::places::CONTRACT_ANNOTATION)
//! when it makes the pod; the kubelet shows it to gate and agent as a file, which they read with
//! [`RunContract::decode`].
//!
//! # Guarantees
//! - No secret stands in it, only the names of secret variables: it is readable by whoever may read
//!   the pod.
//! - What is not understood is refused: both sides are the same version of the same program, so an
//!   unknown field is a mistake and not a newer wish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PublicKey, Size};

/// Annotations of a pod together may have 256 KiB, and others want some of it.
pub const MAX_ANNOTATIONS: usize = 240 << 10;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunContract {
    /// Which fields there are.
    pub version: Version,
    /// Which run this is.
    pub run: RunIdentity,
    /// Where it begins: http or https, without user info.
    pub url: String,
    /// The plan's text, placeholders kept.
    pub plan: String,
    /// What must hold in every scenario.
    pub pass_criteria: Vec<String>,
    /// Variables that are no secrets.
    pub variables: BTreeMap<String, String>,
    /// Names of the secret ones; each has a file of this name.
    pub secret_variables: Vec<String>,
    /// Who decides.
    pub driver: Driver,
    /// Size of the page's contents.
    pub viewport: Size,
    /// Whether Chromium must have its own sandbox.
    pub sandbox: SandboxWish,
    /// Skip the rest after a scenario that did not pass.
    pub stop_on_first_failure: bool,
    /// Wall clock of the run in seconds. It may grow: [`super::stream::ToGateStream::Deadline`].
    pub active_deadline_seconds: u64,
    /// How long a browser lives that nobody uses once its run is over, in seconds; the operator ends
    /// it, the gate tells the page.
    pub idle_seconds: u64,
    /// What is kept of the run.
    pub artifacts: ArtifactWishes,
    /// What the browser may do.
    pub policy: RunPolicy,
    /// Who may open the gate stream: the public half of the operator's key.
    pub operator_key: PublicKey,
}

/// The only version there is: another one is of another program than this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Version;

impl Version {
    /// As it stands in the contract.
    pub const NUMBER: u32 = 1;
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        Version::NUMBER
    }
}

impl TryFrom<u32> for Version {
    type Error = ContractError;

    fn try_from(found: u32) -> Result<Self, ContractError> {
        if found == Self::NUMBER { Ok(Self) } else { Err(ContractError::Version { found }) }
    }
}

/// Which run, and which try of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunIdentity {
    /// Name of the `TestRun`.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Counts from 1.
    pub attempt: u32,
}

impl RunIdentity {
    /// The run id of events, results and paths (agent.md 11.3).
    pub fn id(&self) -> String {
        format!("{}-{}", self.uid, self.attempt)
    }
}

/// Who decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Driver {
    /// Direct if the whole scenario can be.
    Auto,
    /// Never a model.
    Direct,
    /// A model.
    Model,
}

/// See [`RunContract::sandbox`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SandboxWish {
    /// Or no run.
    Required,
    /// Wherever it can be had.
    Preferred,
    /// Without.
    Off,
}

/// What is kept of a run, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactWishes {
    /// When a video is kept.
    pub video: Keep,
    /// Which pictures are kept; [`Keep::Always`] is one for each step.
    pub screenshots: Keep,
    /// Where they go; in the pod's own directory if there is none.
    pub s3: Option<S3Target>,
    /// How long the upload may take after the run, in seconds.
    pub upload_timeout_seconds: u64,
    /// What becomes of a pod whose upload failed.
    pub on_upload_failure: OnUploadFailure,
}

/// When something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// Whatever happens.
    Always,
    /// If it shows what failed.
    OnFailure,
    /// Not at all.
    Never,
}

/// A bucket. Its credentials and CA are files that only the gate can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Target {
    /// `https://host[:port]`, or with `http`.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// All that stands before this run's own files, ended by `/` (api.md, "Keys in the bucket").
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The endpoint may be `http://`: `allowInsecure` of whoever named it. A pod that was made before this
    /// was in the contract is still to be read.
    #[serde(default)]
    pub allow_insecure: bool,
    /// The bucket stands in the path, not in the host name.
    pub path_style: bool,
}

/// See [`ArtifactWishes::on_upload_failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnUploadFailure {
    /// It is kept as long as any pod may be.
    Hold,
    /// It goes, and the files with it.
    Discard,
}

/// Where the browser may go and how it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunPolicy {
    /// Hosts, `*.suffix` or CIDR that may be reached.
    pub allowed_hosts: Vec<String>,
    /// The same for what may not; it beats the other.
    pub denied_hosts: Vec<String>,
    /// Chromium and preflight accept any certificate.
    pub insecure_tls: bool,
    /// How JavaScript dialogs are answered.
    pub dialogs: Dialogs,
}

/// See [`RunPolicy::dialogs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialogs {
    /// Accept what nobody else could answer.
    Auto,
    /// Accept all.
    Accept,
    /// Dismiss all.
    Dismiss,
}

/// Why there is no contract.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// More than annotations may have together.
    #[error(
        "the contract has {bytes} bytes, with the other annotations more than {MAX_ANNOTATIONS}: \
         shorten the plan, the variables or spec.pod.annotations"
    )]
    TooLarge {
        /// What was counted.
        bytes: usize,
    },
    /// Not JSON, or not this JSON.
    #[error("reading the contract")]
    Malformed(#[source] serde_json::Error),
    /// Of another version of the program.
    #[error("the contract has version {found}, and this program understands {expected} only", expected = Version::NUMBER)]
    Version {
        /// What it says.
        found: u32,
    },
}

impl ContractError {
    /// One of a fixed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "ContractTooLarge",
            Self::Malformed(_) => "ContractMalformed",
            Self::Version { .. } => "ContractVersion",
        }
    }
}

impl RunContract {
    /// The annotation's value. `others` is what the pod's other annotations take, in bytes.
    ///
    /// # Errors
    /// When all of them together are too large.
    pub fn encode(&self, others: usize) -> Result<String, ContractError> {
        let text = serde_json::to_string(self).map_err(ContractError::Malformed)?;
        let bytes = text.len() + others;
        if bytes > MAX_ANNOTATIONS { Err(ContractError::TooLarge { bytes }) } else { Ok(text) }
    }

    /// Reads an annotation's value.
    ///
    /// # Errors
    /// When it is not a contract of this version.
    pub fn decode(text: &str) -> Result<Self, ContractError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        // The version first: another one may well have other fields.
        let Versioned { version } = serde_json::from_str(text).map_err(ContractError::Malformed)?;
        Version::try_from(version)?;
        serde_json::from_str(text).map_err(ContractError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> RunContract {
        RunContract {
            version: Version,
            run: RunIdentity {
                name: "checkout".to_owned(),
                namespace: "shop".to_owned(),
                uid: "3f1c9ae0-0000-4000-8000-000000000000".to_owned(),
                attempt: 1,
            },
            url: "https://shop.example".to_owned(),
            plan: "Verify \"x\" is visible".to_owned(),
            pass_criteria: vec!["The title is \"Shop\"".to_owned()],
            variables: [("USER".to_owned(), "ada".to_owned())].into(),
            secret_variables: vec!["PASSWORD".to_owned()],
            driver: Driver::Auto,
            viewport: Size { width: 1600, height: 900 },
            sandbox: SandboxWish::Preferred,
            stop_on_first_failure: false,
            active_deadline_seconds: 1800,
            idle_seconds: 900,
            artifacts: ArtifactWishes {
                video: Keep::Always,
                screenshots: Keep::Always,
                s3: Some(S3Target {
                    endpoint: "https://s3.example".to_owned(),
                    bucket: "runs".to_owned(),
                    prefix: "shop/checkout/3f1c9ae0/1/".to_owned(),
                    region: "us-east-1".to_owned(),
                    allow_insecure: false,
                    path_style: true,
                }),
                upload_timeout_seconds: 300,
                on_upload_failure: OnUploadFailure::Hold,
            },
            policy: RunPolicy {
                allowed_hosts: vec![],
                denied_hosts: vec!["10.0.0.0/8".to_owned()],
                insecure_tls: false,
                dialogs: Dialogs::Auto,
            },
            operator_key: PublicKey::new([1; 32]),
        }
    }

    #[test]
    fn a_contract_reads_back_as_it_was_written() {
        let text = contract().encode(0).unwrap();
        assert_eq!(RunContract::decode(&text).unwrap(), contract());
        assert_eq!(contract().run.id(), "3f1c9ae0-0000-4000-8000-000000000000-1");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let check = |change: fn(&mut serde_json::Value), reason: &str| {
            let mut value = serde_json::to_value(contract()).unwrap();
            change(&mut value);
            let refused = RunContract::decode(&value.to_string()).unwrap_err();
            assert_eq!(refused.reason(), reason, "{refused:?}");
        };
        check(|value| value["wish"] = 1.into(), "ContractMalformed");
        check(|value| value["policy"]["wish"] = 1.into(), "ContractMalformed");
        check(|value| value["artifacts"]["s3"]["secret"] = "x".into(), "ContractMalformed");
        check(|value| value["driver"] = "Psychic".into(), "ContractMalformed");
        check(|value| drop(value.as_object_mut().unwrap().remove("url")), "ContractMalformed");
        check(|value| value["version"] = 2.into(), "ContractVersion");
        // Another version is told from a mistake whatever its fields are.
        check(|value| *value = serde_json::json!({"version": 7, "new": 1}), "ContractVersion");
        assert_eq!(RunContract::decode("{").unwrap_err().reason(), "ContractMalformed");
    }

    #[test]
    fn a_contract_and_its_neighbours_fit_into_the_annotations() {
        let mut contract = contract();
        let fixed = contract.encode(0).unwrap().len();
        contract.plan.push_str(&"x".repeat(MAX_ANNOTATIONS - fixed - 100));
        assert!(contract.encode(100).is_ok());
        let refused = contract.encode(101).unwrap_err();
        assert_eq!(refused.reason(), "ContractTooLarge");
        assert!(refused.to_string().contains(&(MAX_ANNOTATIONS + 1).to_string()), "{refused}");
    }
}
