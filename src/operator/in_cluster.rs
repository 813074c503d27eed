//! `handback operator`: from the command line and the chart's files to an operator that works.
//!
//! # Expected flow
//! Key and profiles are read, the port for metrics and probes is bound, a client is made from the
//! service account of the pod (or from a kubeconfig, for who tries it from outside), and [`super::run`]
//! works until it is asked to end. Whatever is wrong with its configuration is said before anything is
//! written.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use clap::{ArgAction, ValueEnum, builder::NonEmptyStringValueParser};
use kube::Client;
use tokio::net::TcpListener;

use super::{
    Config, End, KeyError, OperatorKey, PolicyAt, World,
    gates::{PortForward, StreamGates, stream::StreamClient},
    profile::{Images, Profiles},
    profiles_file::{self, ProfilesError},
    targets::HttpTargets,
};
use crate::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    pod::contract::Exit,
    shutdown::Shutdown,
    telemetry::chain,
};

/// What `handback operator` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A namespace whose runs it cares for; repeatable. Without any it cares for all of them
    #[arg(
        long = "namespace",
        env = "HANDBACK_NAMESPACES",
        value_name = "NAME",
        value_delimiter = ',',
        action = ArgAction::Append,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub namespaces: Vec<String>,
    /// The namespace that it runs in, where its Lease is
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME")]
    pub own_namespace: String,
    /// Who it is among its replicas: its pod's name
    #[arg(long, env = "POD_NAME", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub identity: String,
    /// The Lease for which replicas compete
    #[arg(long, env = "HANDBACK_LEASE", value_name = "NAME", default_value = "handback-operator")]
    pub lease: String,
    /// Where /metrics, /healthz and /readyz are served
    #[arg(long, env = "HANDBACK_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// The operator's private key: PEM, PKCS#8, Ed25519
    #[arg(long, env = "HANDBACK_KEY", value_name = "FILE")]
    pub key: PathBuf,
    /// Defaults, limits and policies by namespace, as YAML
    #[arg(long, env = "HANDBACK_PROFILES", value_name = "FILE")]
    pub profiles: Option<PathBuf>,
    /// The image of gates and agents
    #[arg(long, env = "HANDBACK_IMAGE", value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    pub image: String,
    /// The image of browsers
    #[arg(long, env = "HANDBACK_BROWSER_IMAGE", value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    pub browser_image: String,
    /// Its service account, which the admission policy on Handoffs leaves alone
    #[arg(long, env = "POD_SERVICE_ACCOUNT", value_name = "NAME", default_value = "handback")]
    pub service_account: String,
    /// The admission policy on Handoffs, and its binding, without which none is granted
    #[arg(
        long,
        env = "HANDBACK_HANDOFF_POLICY",
        value_name = "NAME",
        default_value = "handback-handoffs"
    )]
    pub handoff_policy: String,
    /// When nodes pull them; the cluster decides if nothing is said
    #[arg(long, env = "HANDBACK_PULL_POLICY", value_name = "POLICY", value_enum)]
    pub pull_policy: Option<PullPolicy>,
    /// A Secret of a run's namespace to pull them with; repeatable
    #[arg(
        long = "pull-secret",
        env = "HANDBACK_PULL_SECRETS",
        value_name = "NAME",
        value_delimiter = ',',
        action = ArgAction::Append,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub pull_secrets: Vec<String>,
    /// The API server's address, which no browser may open
    #[arg(long, env = "KUBERNETES_SERVICE_HOST", value_name = "ADDRESS", hide = true)]
    pub api_server: Option<String>,
}

/// See [`Args::pull_policy`]: the words of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the words of Kubernetes")]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Why an operator does not begin.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Profiles(#[from] ProfilesError),
    #[error("listening on {address}: give another address with --listen, or end who has that port")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    // Its causes say the same again.
    #[error("finding the cluster: {0}")]
    Cluster(Box<kube::Error>),
    #[error("counting")]
    Metrics(#[from] prometheus::Error),
}

/// Works until it is asked to end. `Errored` asks for a restart.
pub async fn run(args: Args, shutdown: &Shutdown) -> Exit {
    match start(args, shutdown).await {
        Ok(End::Asked) => Exit::Passed,
        Ok(End::LeaseLost) => Exit::Errored,
        Err(error) => {
            tracing::error!(error = %chain(&error), "the operator cannot begin");
            Exit::Errored
        }
    }
}

async fn start(args: Args, shutdown: &Shutdown) -> Result<End, StartError> {
    let key = OperatorKey::read(&args.key)?;
    let profiles = args.profiles.as_deref().map(profiles_file::read).transpose()?;
    let address = args.listen;
    let listen = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let client =
        Client::try_default().await.map_err(|error| StartError::Cluster(Box::new(error)))?;
    let metrics = Arc::new(Metrics::new()?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let forward = Arc::new(PortForward::new(client.clone()));
    let world = World {
        gates: Arc::new(StreamGates::new(
            StreamClient::new(forward, key.clone()),
            Arc::clone(&clock),
        )),
        targets: Arc::new(HttpTargets),
        client,
        clock,
        metrics,
    };
    let config = config(args, &key, profiles.unwrap_or_default());
    tracing::info!(
        identity = config.identity,
        namespaces = ?config.namespaces,
        key = %config.operator_key,
        listen = %bound,
        "the operator begins"
    );
    Ok(Box::pin(super::run(config, world, Some(listener), shutdown)).await)
}

/// What was typed, as what is meant.
fn config(args: Args, key: &OperatorKey, profiles: Profiles) -> Config {
    let Args {
        namespaces,
        own_namespace,
        identity,
        lease,
        listen: _,
        key: _,
        profiles: _,
        image,
        browser_image,
        pull_policy,
        pull_secrets,
        api_server,
        service_account,
        handoff_policy,
    } = args;
    let policy =
        PolicyAt { name: handoff_policy, namespace: own_namespace.clone(), service_account };
    Config {
        namespaces,
        own_namespace,
        lease,
        identity,
        images: Images {
            handback: image,
            browser: browser_image,
            pull_policy: pull_policy.map(|policy| policy.name().to_owned()),
            pull_secrets,
        },
        operator_key: key.public(),
        profiles,
        policy,
        denied_hosts: denied_hosts(api_server.as_deref()),
    }
}

/// What nobody's browser has any business with in a cluster (agent.md 16.1): its own pod's loopback,
/// where the gate listens, and the API server under its names and its address.
fn denied_hosts(api_server: Option<&str>) -> Vec<String> {
    let names = [
        "localhost",
        "*.localhost",
        "127.0.0.0/8",
        "::1/128",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let address = api_server.map(|text| text.trim_matches(['[', ']']));
    let address = address.filter(|text| text.parse::<IpAddr>().is_ok());
    names.into_iter().chain(address).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::policy::Policy;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    fn typed(more: &[&str]) -> Result<Args, clap::Error> {
        let least = [
            "operator",
            "--own-namespace=handback",
            "--identity=one",
            "--key=tls.key",
            "--image=handback:1",
            "--browser-image=browser:1",
        ];
        Typed::try_parse_from(least.iter().chain(more)).map(|typed| typed.args)
    }

    #[test]
    fn what_is_typed_is_what_counts() {
        let args = typed(&["--namespace=a", "--namespace=b,c", "--pull-policy=IfNotPresent"]);
        let args = args.unwrap();
        assert_eq!(args.namespaces, ["a", "b", "c"]);
        assert_eq!(args.pull_policy.map(PullPolicy::name), Some("IfNotPresent"));
        assert_eq!(args.listen.to_string(), "0.0.0.0:8080");
        assert!(typed(&[]).unwrap().namespaces.is_empty());
        for wrong in ["--pull-policy=Sometimes", "--namespace=", "--image=", "--listen=8080"] {
            assert!(typed(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn browsers_of_a_cluster_reach_neither_themselves_nor_the_api_server() {
        for api_server in ["10.96.0.1", "[fd00::1]"] {
            let policy = Policy::new(&[], &denied_hosts(Some(api_server))).unwrap();
            let bare = api_server.trim_matches(['[', ']']);
            for host in ["localhost", "ho-x.localhost", "127.0.0.1", "kubernetes.default.svc", bare]
            {
                assert!(policy.host(host).is_err(), "{host}");
            }
            let address = bare.parse().unwrap();
            assert!(policy.address("kubernetes.default.svc.elsewhere", address).is_err());
            assert!(policy.host("shop.example").is_ok() && policy.host("10.96.0.2").is_ok());
        }
        assert!(Policy::new(&[], &denied_hosts(Some("a name"))).is_ok());
    }
}
