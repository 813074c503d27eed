//! One rule: a name, a suffix, or a network (pure).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::Host;

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Exactly this name.
    Name(String),
    /// Every name below this one, not itself.
    Suffix(String),
    /// Literal and resolved addresses.
    Net(Net),
}

impl Rule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains('/') {
            return Net::parse(text).map(Self::Net);
        }
        if let Some(ip) = literal(text) {
            return Some(Self::Net(Net::single(ip)));
        }
        let (suffix, name) = match text.strip_prefix("*.") {
            Some(suffix) => (true, suffix),
            None => (false, text),
        };
        let Host::Domain(name) = Host::parse(name).ok()? else { return None };
        // A port, a wildcard elsewhere or an empty label is no host's name.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let name = canonical(&name);
        let fits = name.bytes().all(is_name) && name.split('.').all(|label| !label.is_empty());
        fits.then_some(if suffix { Self::Suffix(name) } else { Self::Name(name) })
    }

    /// Whether it is about this canonical name.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Suffix(suffix) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Self::Net(_) => false,
        }
    }

    /// Whether it is about this address.
    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        match self {
            Self::Net(net) => net.holds(ip),
            Self::Name(_) | Self::Suffix(_) => false,
        }
    }

    /// Chromium's patterns for it. A name with a final dot is another name for it.
    pub(super) fn globs(&self) -> Vec<String> {
        match self {
            Self::Name(name) => vec![name.clone(), format!("{name}.")],
            Self::Suffix(suffix) => vec![format!("*.{suffix}"), format!("*.{suffix}.")],
            Self::Net(net) => net.globs(),
        }
    }
}

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net {
    ip: IpAddr,
    bits: u32,
}

impl Net {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ip, bits) = text.split_once('/')?;
        let ip = ip.parse::<IpAddr>().ok()?;
        let bits = bits.parse::<u32>().ok()?;
        (bits <= width(ip)).then(|| Self { ip: masked(ip, bits), bits })
    }

    fn single(ip: IpAddr) -> Self {
        Self { ip, bits: width(ip) }
    }

    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        width(ip) == width(self.ip) && masked(ip, self.bits) == self.ip
    }

    /// Chromium's patterns for literal addresses of the network, as URLs spell them.
    pub(super) fn globs(&self) -> Vec<String> {
        match self.ip {
            IpAddr::V4(ip) => four(ip, self.bits),
            IpAddr::V6(ip) => six(ip, self.bits),
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.ip) {
            self.ip.fmt(formatter)
        } else {
            write!(formatter, "{}/{}", self.ip, self.bits)
        }
    }
}

fn width(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn masked(ip: IpAddr, bits: u32) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

/// At most 128 patterns with whole octets, and the same addresses mapped into IPv6.
fn four(ip: Ipv4Addr, bits: u32) -> Vec<String> {
    let octets = bits.div_ceil(8);
    let step = u64::from(u32::MAX.checked_shr(octets * 8).unwrap_or(0)) + 1;
    let first = u64::from(ip.to_bits());
    let mut globs: Vec<String> = (0..1_u64 << (octets * 8 - bits))
        .filter_map(|n| u32::try_from(first + n * step).ok())
        .map(|start| {
            let all = Ipv4Addr::from_bits(start).octets();
            let shown = all.iter().take(octets as usize).map(ToString::to_string);
            let rest = (octets < 4).then(|| "*".to_owned());
            shown.chain(rest).collect::<Vec<_>>().join(".")
        })
        .collect();
    // `::ffff:a9fe:1`: URLs write the mapped form as two groups.
    let [high, low] = [ip.to_bits() >> 16, ip.to_bits() & 0xffff];
    match bits {
        32 => globs.push(format!("::ffff:{high:x}:{low:x}")),
        16..=31 => globs.push(format!("::ffff:{high:x}:*")),
        // The leading zeros of a group are not written; only whole hexadecimal digits have a pattern.
        4 if high >= 0x1000 => globs.push(format!("::ffff:{:x}???:*", high >> 12)),
        8 if high >= 0x1000 => globs.push(format!("::ffff:{:x}??:*", high >> 8)),
        8 if high == 0 => globs.push("::ffff:0:*".to_owned()),
        _ => {}
    }
    globs
}

/// Patterns where the written form has one: whole addresses, and whole groups without zeros, whose
/// place `::` could take.
fn six(ip: Ipv6Addr, bits: u32) -> Vec<String> {
    let groups = ip.segments();
    let first = u32::from(groups.first().copied().unwrap_or(0));
    match bits {
        128 => vec![ip.to_string()],
        8 if first >= 0x1000 => vec![format!("{:x}??:*", first >> 8)],
        9..=12 if first >= 0x1000 => {
            let start = first >> 4;
            (start..start + (1 << (12 - bits))).map(|nibbles| format!("{nibbles:x}?:*")).collect()
        }
        16 | 32 | 48 | 64 | 80 | 96 | 112 => {
            let shown = groups.iter().take(bits as usize / 16);
            if shown.clone().any(|group| *group == 0) {
                return Vec::new();
            }
            let shown: Vec<String> = shown.map(|group| format!("{group:x}")).collect();
            vec![format!("{}:*", shown.join(":"))]
        }
        _ => Vec::new(),
    }
}

/// A literal address as it may stand in a URL.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(ip);
    }
    // `0x7f.1` is an address to a browser.
    match Host::parse(host).ok()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

/// A name in the form in which names are compared: ASCII, lower case, without a final dot.
pub(super) fn canonical(host: &str) -> String {
    let name = match Host::parse(host) {
        Ok(Host::Domain(name)) => name,
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => host.to_ascii_lowercase(),
    };
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}
