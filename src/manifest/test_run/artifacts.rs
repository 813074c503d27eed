//! What a run records and where it is stored.
#![expect(unreachable_pub, reason = "kube's schema derive writes public items")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::When;
use crate::manifest::reference::{NameRef, TextFrom};

/// What is recorded and where it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifacts {
    /// An S3-compatible bucket. Absent: the operator's default; without one everything stays in the
    /// pod and goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
    /// When a video is kept: Always, OnFailure (any verdict but Passed) or Never. Default Always.
    #[serde(default)]
    pub video: When,
    /// When pictures are taken: EveryStep, OnFailure or Never. Default EveryStep.
    #[serde(default)]
    pub screenshots: Screenshots,
    /// Seconds that storing may take after the verdict. Default 300, at most a day. The pod's
    /// termination grace follows from it.
    #[serde(default = "upload_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub upload_timeout_seconds: i32,
    /// What to do when something could not be stored in that time: Hold (keep the pod, up to
    /// keepAlive.maxSeconds) or Discard. Default Hold.
    #[serde(default)]
    pub on_upload_failure: UploadFailure,
}

impl Default for Artifacts {
    fn default() -> Self {
        Self {
            s3: None,
            video: When::default(),
            screenshots: Screenshots::default(),
            upload_timeout_seconds: upload_seconds(),
            on_upload_failure: UploadFailure::default(),
        }
    }
}

fn upload_seconds() -> i32 {
    300
}

/// When pictures are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Screenshots {
    /// After every step.
    #[default]
    EveryStep,
    /// When a scenario fails.
    OnFailure,
    /// Not at all.
    Never,
}

/// What to do with artifacts that could not be stored in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UploadFailure {
    /// Keep the pod.
    #[default]
    Hold,
    /// Let them go.
    Discard,
}

/// An S3-compatible bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.allowInsecure || !self.endpoint.startsWith('http://')").message("an http endpoint needs allowInsecure"),
    validation = Rule::new("self.endpoint.matches('^https?://[^/?#@]+(/.*)?$')").message("endpoint: an http(s) URL without user info, query and fragment"),
)]
pub struct S3 {
    /// The service's address, for example https://s3.eu-central-1.amazonaws.com.
    #[schemars(length(max = 2048))]
    pub endpoint: String,
    /// Name of the bucket. It must exist.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// Put before every key, for example "ci/". Default "". Keys go on with namespace, run, the first
    /// 8 digits of the run's uid, and attempt.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub prefix: String,
    /// The region that requests are signed for. Default us-east-1, which most services other than
    /// Amazon's take.
    #[serde(default = "region")]
    #[schemars(length(max = 64))]
    pub region: String,
    /// A Secret in this namespace with the keys accessKeyID, secretAccessKey and, for temporary
    /// credentials, sessionToken. Absent: the operator's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<NameRef>,
    /// Allows an http endpoint, where everybody on the way can read and change what is stored.
    /// Default false.
    #[serde(default)]
    pub allow_insecure: bool,
    /// Puts the bucket into the path instead of the host name, as most services other than Amazon's
    /// want it. Default true.
    #[serde(default = "path_style")]
    pub path_style: bool,
    /// A certificate authority to trust besides the public ones, PEM, in a ConfigMap in this
    /// namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_from: Option<TextFrom>,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn path_style() -> bool {
    true
}
