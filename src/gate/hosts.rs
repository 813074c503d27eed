//! Under which names this gate is asked: pages under test share its loopback, and a name that
//! they made up must not reach anything.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::watch;

/// The names.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// `<run id>.localhost:<port>`: who asks is on this machine.
    One(Arc<str>),
    /// `<label>.localhost` with any port: who asks is behind a forward, whose port is not ours.
    Labels(watch::Receiver<HashSet<String>>),
}

impl Hosts {
    /// Whether a request for this host is for us.
    pub(super) fn know(&self, host: &str) -> bool {
        match self {
            Self::One(own) => host == &**own,
            Self::Labels(labels) => {
                label(host).is_some_and(|label| labels.borrow().contains(label))
            }
        }
    }
}

/// `ho-x` of `ho-x.localhost:4711`.
fn label(host: &str) -> Option<&str> {
    let (name, port) = host.split_once(':').unwrap_or((host, "80"));
    let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    name.strip_suffix(".localhost").filter(|label| digits && !label.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_gate_has_one_name() {
        let hosts = Hosts::One("01run.localhost:4711".into());
        assert!(hosts.know("01run.localhost:4711"));
        for other in ["01run.localhost", "01run.localhost:4712", "127.0.0.1:4711", "x"] {
            assert!(!hosts.know(other), "{other}");
        }
    }

    #[test]
    fn a_pods_gate_has_the_names_of_its_handoffs() {
        let names = watch::Sender::new(HashSet::from(["gate".to_owned()]));
        let hosts = Hosts::Labels(names.subscribe());
        assert!(hosts.know("gate.localhost") && hosts.know("gate.localhost:40000"));
        assert!(!hosts.know("ho-x.localhost"));
        names.send_modify(|names| assert!(names.insert("ho-x".to_owned())));
        assert!(hosts.know("ho-x.localhost:1"));
        for other in [
            "gate",
            "gate.localhost.evil.example",
            "evil.example",
            "evil.gate.localhost",
            "gate.localhost:",
            "gate.localhost:x",
            "gate.localhost:123456",
            "127.0.0.1:7177",
            "localhost",
            ".localhost",
        ] {
            assert!(!hosts.know(other), "{other}");
        }
    }
}
