//! A host that was looked up and judged by the policy: the only way in which the runner itself learns
//! an address to connect to (agent.md 16.1).

use std::{
    borrow::Cow,
    io,
    net::{Ipv6Addr, SocketAddr},
};

use reqwest::ClientBuilder;
use tokio::net::lookup_host;
use url::Host;

use crate::policy::{Blocked, Policy};

/// A host and its addresses, all of which may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// As people know it, an IPv6 address in brackets.
    pub host: String,
    /// At least one.
    pub addresses: Vec<SocketAddr>,
}

/// A host that has no address, or may not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    /// The policy forbids the host or one of its addresses.
    #[error("{0}")]
    Blocked(Blocked),
    /// It has no addresses.
    #[error("The name {host} has no address.")]
    Nowhere {
        /// The host.
        host: String,
    },
    /// Nobody knows it.
    #[error("The name {host} cannot be resolved ({source}). Check the spelling and your DNS.")]
    Unknown {
        /// The host.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
}

impl Judged {
    /// Looks `host` up and judges it. In a namespace of Kubernetes, names of a single label are those
    /// of its Services.
    ///
    /// # Errors
    /// If it has no address, or the policy forbids one of them.
    pub async fn look_up(
        host: &Host<&str>,
        port: u16,
        policy: &Policy,
        namespace: Option<&str>,
    ) -> Result<Self, Unjudged> {
        let shown = host.to_string();
        policy.host(&shown).map_err(Unjudged::Blocked)?;
        let addresses = resolve(host, port, namespace)
            .await
            .map_err(|source| Unjudged::Unknown { host: shown.clone(), source })?;
        if addresses.is_empty() {
            return Err(Unjudged::Nowhere { host: shown });
        }
        for address in &addresses {
            policy.address(&shown, address.ip()).map_err(Unjudged::Blocked)?;
        }
        Ok(Self { host: shown, addresses })
    }

    /// An HTTP client that reaches this host at these addresses only. It follows no redirect, uses no
    /// proxy and repeats nothing: whoever wants that decides it for each request.
    pub fn client(&self) -> ClientBuilder {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .resolve_to_addrs(&self.host, &self.addresses)
            .user_agent(concat!("handback/", env!("CARGO_PKG_VERSION")))
    }
}

/// `localhost` and what is below it is this machine, as in the browser.
async fn resolve(
    host: &Host<&str>,
    port: u16,
    namespace: Option<&str>,
) -> io::Result<Vec<SocketAddr>> {
    match host {
        Host::Ipv4(address) => Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => Ok(vec![(*address, port).into()]),
        Host::Domain(name) => {
            let name = in_namespace(name, namespace);
            let bare = name.trim_end_matches('.');
            if bare == "localhost" || bare.ends_with(".localhost") {
                return Ok(vec![([127, 0, 0, 1], port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
            }
            // With its last dot, where it has one: no search list is tried then.
            Ok(lookup_host((name.as_ref(), port)).await?.collect())
        }
    }
}

/// The name under which a Service of that namespace is known everywhere in its cluster.
fn in_namespace<'a>(name: &'a str, namespace: Option<&str>) -> Cow<'a, str> {
    match namespace {
        Some(namespace) if !name.contains('.') && name != "localhost" => {
            format!("{name}.{namespace}.svc").into()
        }
        Some(_) | None => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_single_label_are_services_of_the_runs_namespace() {
        let name = |name| in_namespace(name, Some("team"));
        assert_eq!(name("shop"), "shop.team.svc");
        for known in ["localhost", "shop.other", "shop.example", "a.localhost", "intranet."] {
            assert_eq!(name(known), known);
        }
        assert_eq!(in_namespace("shop", None), "shop");
    }
}
