//! The product as its chart installs it, once for all tests, and a shop to test.
//!
//! Most tests share the installation ([`Stay::Shared`]); one that restarts, upgrades or removes it has it
//! for itself ([`Stay::Alone`]), but for the one that has to live through all that ([`Stay::Regardless`]).

use std::net::IpAddr;

use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::programs::{helm, kubectl};

/// Where the operator lives.
pub const SYSTEM: &str = "handback-system";
/// Its Deployment, and the release's name.
pub const OPERATOR: &str = "handback";
/// Where the shop lives.
pub const SHOP: &str = "handback-shop";
/// The shop, as pods reach it.
pub const SHOP_URL: &str = "http://shop.handback-shop";

/// The images are what `make images` gives the test cluster. For a cluster of your own, push them and
/// say where: `HANDBACK_TEST_REGISTRY=registry.example/team`.
fn images() -> Vec<String> {
    let registry = variable("HANDBACK_TEST_REGISTRY").unwrap_or_else(|| "localhost".to_owned());
    vec![
        format!("image.repository={registry}/handback"),
        "image.tag=dev".to_owned(),
        format!("browser.image.repository={registry}/handback-browser"),
        "browser.image.tag=dev".to_owned(),
        "browser.seccompProfile=handback/browser.json".to_owned(),
    ]
}

/// A setting of the tests; none if it is empty.
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// This machine as pods reach it: the node's address in the test cluster.
pub fn here() -> IpAddr {
    let said = variable("HANDBACK_TEST_ADDRESS").unwrap_or_else(|| "192.0.2.10".to_owned());
    said.parse().expect("HANDBACK_TEST_ADDRESS is an address of this machine that pods reach")
}

/// Who else may use the installation meanwhile.
static STAYS: RwLock<()> = RwLock::const_new(());
static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// How long a test needs the installation, and with whom.
#[expect(dead_code, reason = "held, not read")]
pub enum Stay {
    /// With others.
    Shared(RwLockReadGuard<'static, ()>),
    /// Without.
    Alone(RwLockWriteGuard<'static, ()>),
    /// Whatever becomes of it meanwhile.
    Regardless,
}

impl Stay {
    /// Beside other tests.
    pub async fn shared() -> Self {
        installed().await;
        Self::Shared(STAYS.read().await)
    }

    /// Beside tests that restart, upgrade or remove it too.
    pub async fn regardless() -> Self {
        installed().await;
        Self::Regardless
    }

    /// With no other test meanwhile.
    pub async fn alone() -> Self {
        installed().await;
        Self::Alone(STAYS.write().await)
    }
}

async fn installed() {
    INSTALLED
        .get_or_init(|| async {
            // Whoever is about the definitions alone is not disturbed.
            let _alone = STAYS.write().await;
            tokio::join!(install(&[]), shop());
        })
        .await;
}

async fn shop() {
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kubernetes/shop.yaml");
    let namespace =
        format!(r#"{{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "{SHOP}"}}}}"#);
    kubectl(&["apply", "-f", "-"]).input(&namespace).succeeds().await;
    kubectl(&["apply", "-n", SHOP, "-f", shop]).succeeds().await;
    let rollout = ["rollout", "status", "deployment/shop", "-n", SHOP, "--timeout=2m"];
    kubectl(&rollout).succeeds().await;
}

/// The definitions alone, for a test that is about them: nothing else runs meanwhile, and an operator
/// that is there rests. They are marked as the chart's, so that a later installation takes them over.
pub async fn definitions() -> Stay {
    let stay = Stay::Alone(STAYS.write().await);
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/handback/files/crds");
    kubectl(&["apply", "--server-side", "--force-conflicts", "-f", files]).succeeds().await;
    let release = format!("meta.helm.sh/release-name={OPERATOR}");
    let space = format!("meta.helm.sh/release-namespace={SYSTEM}");
    for name in ["crd/testruns.handback.dev", "crd/handoffs.handback.dev"] {
        let label = "app.kubernetes.io/managed-by=Helm";
        kubectl(&["label", "--overwrite", name, label]).succeeds().await;
        kubectl(&["annotate", "--overwrite", name, &release, &space]).succeeds().await;
        kubectl(&["wait", name, "--for=condition=Established", "--timeout=1m"]).succeeds().await;
    }
    rest(true).await;
    stay
}

/// Has the operator rest or work again, where there is one.
pub async fn rest(rests: bool) {
    let found = ["get", "deployment", OPERATOR, "-n", SYSTEM, "--ignore-not-found", "-o", "name"];
    if !kubectl(&found).succeeds().await.is_empty() {
        operators(u32::from(!rests)).await;
    }
}

/// Installs or upgrades the chart of this repository; `more` are values to set besides.
pub async fn install(more: &[&str]) {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/handback");
    // The tag of a test image says nothing about what is in it: a new operator for each run of the tests.
    let images = format!("{},podAnnotations.tests=p{}", images().join(","), std::process::id());
    let mut arguments = vec!["upgrade", "--install", OPERATOR, chart, "--namespace", SYSTEM];
    arguments.extend(["--create-namespace", "--wait", "--timeout", "3m", "--set", &images]);
    for one in more {
        arguments.extend(["--set", one]);
    }
    helm(&arguments).succeeds().await;
}

/// So many operators, all of them up.
pub async fn operators(count: u32) {
    let (deployment, replicas) = (format!("deployment/{OPERATOR}"), format!("--replicas={count}"));
    kubectl(&["scale", &deployment, "-n", SYSTEM, &replicas]).succeeds().await;
    kubectl(&["rollout", "status", &deployment, "-n", SYSTEM, "--timeout=2m"]).succeeds().await;
}
