//! Why a request of ours got no answer, in words that help.

use std::{error::Error as _, io};

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What happened, to whom, and what to do there.
    pub sentence: String,
    /// An option of the command line that may help, in a sentence; or nothing.
    pub hint: &'static str,
}

impl Cause {
    /// What a person should know about a request to `host` that failed.
    pub fn of(error: &reqwest::Error, host: &str, port: u16) -> Self {
        let plain = |sentence: String| Self { sentence, hint: "" };
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                let kind = io.kind();
                if kind == io::ErrorKind::ConnectionRefused {
                    return plain(format!(
                        "{host} refused the connection on port {port}: nothing listens there. Start the application first, or check the port."
                    ));
                }
                if matches!(
                    kind,
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
                ) {
                    return plain(format!("There is no network route to {host}: {io}."));
                }
            }
            cause = inner.source();
        }
        let root = root(error);
        if error.url().is_some_and(|url| url.scheme() == "https") && error.is_connect() {
            return Self {
                sentence: format!("The TLS connection to {host} failed: {root}."),
                hint: "If the certificate is your own, try --insecure-tls.",
            };
        }
        plain(format!("{host} gave no answer on port {port}: {root}."))
    }
}

/// The innermost cause, which is the telling one.
pub fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
