//! Which hosts a run may reach (agent.md 16.1; ground, pure).
//!
//! What the runner itself sends is judged by [`Policy::host`] and then, for every resolved address,
//! by [`Policy::address`]. For what Chromium sends [`Policy::resolver_rules`] go onto its command
//! line, and the address that every response reports is judged too.
//!
//! Denied hosts win over allowed ones, and both over the defaults: link-local addresses, those of
//! cloud metadata services, multicast and unspecified ones. With an allowed host, only allowed hosts
//! may be reached. Names are judged by the rules for names, addresses by those for addresses: an
//! allowed name that resolves to a denied address is denied.

mod rule;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};

use rule::{Net, Rule, canonical, literal};

/// Denied unless allowed by name: what clouds call their metadata services.
const METADATA_NAMES: [&str; 6] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Denied unless allowed: why, and the addresses.
const DENIED_NETS: [(&str, &str); 11] = [
    ("link-local addresses", "169.254.0.0/16"),
    ("link-local addresses", "fe80::/10"),
    ("cloud metadata addresses", "100.100.100.200/32"),
    ("cloud metadata addresses", "168.63.129.16/32"),
    ("cloud metadata addresses", "192.0.0.192/32"),
    ("cloud metadata addresses", "fd00:ec2::254/128"),
    ("cloud metadata addresses", "fd20:ce::254/128"),
    ("multicast addresses", "224.0.0.0/4"),
    ("multicast addresses", "ff00::/8"),
    ("unspecified addresses", "0.0.0.0/8"),
    ("unspecified addresses", "::/128"),
];

static DEFAULTS: LazyLock<Vec<(&str, Net)>> = LazyLock::new(|| {
    DENIED_NETS.iter().filter_map(|(why, net)| Some((*why, Net::parse(net)?))).collect()
});

/// What a run may reach.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

/// A host that may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} is blocked by the network policy: {rule}")]
pub struct Blocked {
    /// Which rule says so, for people: `--deny-host *.example`, `link-local addresses`.
    pub rule: String,
    /// The name or address that was judged.
    pub host: String,
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{option} {text:?}: give a host name, `*.` and a suffix, an address, or a network like 10.0.0.0/8"
)]
pub struct PolicyError {
    /// `--allow-host` or `--deny-host`.
    pub option: &'static str,
    /// As given.
    pub text: String,
}

impl Policy {
    /// A policy from the values of `--allow-host` and `--deny-host`.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, PolicyError> {
        let parse = |option, texts: &[String]| {
            let rule = |text: &String| {
                Rule::parse(text).ok_or_else(|| PolicyError { option, text: text.clone() })
            };
            texts.iter().map(rule).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { allow: parse("--allow-host", allow)?, deny: parse("--deny-host", deny)? })
    }

    /// Judges a name or a literal address (with or without brackets).
    pub fn host(&self, host: &str) -> Result<(), Blocked> {
        let blocked = |rule: String| Err(Blocked { rule, host: host.to_owned() });
        if let Some(ip) = literal(host) {
            self.ip(host, ip)?;
            let open = self.allow.is_empty() || allows(&self.allow, ip);
            return if open { Ok(()) } else { blocked(self.not_allowed()) };
        }
        let name = canonical(host);
        if let Some(rule) = self.deny.iter().find(|rule| rule.names(&name)) {
            return blocked(format!("--deny-host {rule}"));
        }
        if self.allow.iter().any(|rule| rule.names(&name)) {
            return Ok(());
        }
        if METADATA_NAMES.contains(&name.as_str()) {
            return blocked("cloud metadata names".to_owned());
        }
        if self.allow.is_empty() { Ok(()) } else { blocked(self.not_allowed()) }
    }

    /// Judges `host` and an address that it resolved to.
    pub fn address(&self, host: &str, ip: IpAddr) -> Result<(), Blocked> {
        self.host(host)?;
        self.ip(host, ip)
    }

    /// Whether `--allow-host` names this host, so that what is closed unless somebody says otherwise
    /// is open to it. It may still be denied: see [`Self::host`].
    pub fn opens(&self, host: &str) -> bool {
        if let Some(ip) = literal(host) {
            return allows(&self.allow, ip);
        }
        let name = canonical(host);
        self.allow.iter().any(|rule| rule.names(&name))
    }

    /// The value of Chromium's `--host-resolver-rules`, one rule each, to be joined by commas;
    /// there are always some.
    ///
    /// Chromium looks at exclusions first. A host that is denied within an allowed suffix or network
    /// is therefore not denied by these rules; judging each request's host does that. IPv6 networks
    /// that end within a group of digits have no rule either, but for the defaults.
    pub fn resolver_rules(&self) -> Vec<String> {
        if !self.allow.is_empty() {
            let open = self.allow.iter().filter(|rule| !self.deny.contains(rule));
            let open = open.flat_map(Rule::globs).map(|glob| format!("EXCLUDE {glob}"));
            return std::iter::once("MAP * ~NOTFOUND".to_owned()).chain(open).collect();
        }
        let names = METADATA_NAMES.iter().flat_map(|name| Rule::Name((*name).to_owned()).globs());
        let nets = DEFAULTS.iter().flat_map(|(_, net)| net.globs());
        let denied = names.chain(nets).chain(self.deny.iter().flat_map(Rule::globs));
        denied.map(|glob| format!("MAP {glob} ~NOTFOUND")).collect()
    }

    fn ip(&self, host: &str, ip: IpAddr) -> Result<(), Blocked> {
        let ip = unwrapped(ip);
        let blocked = |rule: String| {
            let host =
                if literal(host).is_some() { host.to_owned() } else { format!("{host} ({ip})") };
            Err(Blocked { rule, host })
        };
        if let Some(rule) = self.deny.iter().find(|rule| rule.holds(ip)) {
            return blocked(format!("--deny-host {rule}"));
        }
        if allows(&self.allow, ip) {
            return Ok(());
        }
        match DEFAULTS.iter().find(|(_, net)| net.holds(ip)) {
            Some((why, _)) => blocked((*why).to_owned()),
            None => Ok(()),
        }
    }

    fn not_allowed(&self) -> String {
        let listed = self.allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("only these are allowed by --allow-host: {listed}")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Suffix(suffix) => write!(formatter, "*.{suffix}"),
            Self::Net(net) => net.fmt(formatter),
        }
    }
}

fn allows(rules: &[Rule], ip: IpAddr) -> bool {
    rules.iter().any(|rule| rule.holds(unwrapped(ip)))
}

/// The IPv4 address within an IPv6 one, where there is one: mapped (`::ffff:0:0/96`) or of the
/// well-known translation prefix (`64:ff9b::/96`).
fn unwrapped(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(six) => match six.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into()
            }
            _ => six.into(),
        },
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests;
