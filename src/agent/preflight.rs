//! Is the target there? One request by ourselves before a browser starts (agent.md 9.2).
//!
//! The name and every address it resolves to are checked by the policy, and the address that was
//! checked is the one that is used. Redirects are not followed: any answer means reachable.

use std::{error::Error as _, io, net::SocketAddr, time::Duration};

use reqwest::Method;
use tokio::{
    net::lookup_host,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::policy::{Blocked, Policy};

/// Both attempts together.
const LIMIT: Duration = Duration::from_secs(8);
/// Between two tries while waiting for the target to come up.
const PAUSE: Duration = Duration::from_secs(1);

/// The target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `HEAD`, or `GET` if that was not to be had.
    pub method: &'static str,
    /// Any status will do; from 400 on it is worth a warning.
    pub status: u16,
    /// Milliseconds until the answer.
    pub ms: u64,
    /// The address that was used.
    pub address: SocketAddr,
}

/// The target did not answer, or may not be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unreached {
    /// The policy forbids the host or its address. Nothing was sent.
    #[error("{0}")]
    Blocked(Blocked),
    /// Anything else, in a sentence.
    #[error("{cause}")]
    Failed {
        /// What happened, to whom, and what to try.
        cause: String,
        /// The address, if it got that far.
        address: Option<SocketAddr>,
        /// Milliseconds spent.
        ms: u64,
    },
    /// The run was cancelled meanwhile.
    #[error("cancelled")]
    Cancelled,
}

/// Asks once, or again every second until `wait` has passed.
///
/// # Errors
/// With the cause of the last failure.
pub async fn reach(
    url: &Url,
    policy: &Policy,
    insecure_tls: bool,
    wait: Option<Duration>,
    cancel: &CancellationToken,
) -> Result<Reached, Unreached> {
    let until = wait.map(|wait| Instant::now() + wait);
    loop {
        let outcome = tokio::select! {
            outcome = once(url, policy, insecure_tls) => outcome,
            () = cancel.cancelled() => return Err(Unreached::Cancelled),
        };
        let again = matches!(outcome, Err(Unreached::Failed { .. }))
            && until.is_some_and(|until| Instant::now() + PAUSE < until);
        if !again {
            return outcome;
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = cancel.cancelled() => return Err(Unreached::Cancelled),
        }
    }
}

async fn once(url: &Url, policy: &Policy, insecure_tls: bool) -> Result<Reached, Unreached> {
    let started = Instant::now();
    let deadline = started + LIMIT;
    let since = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let failed = |cause: String, address| Unreached::Failed { cause, address, ms: since() };
    let Some(host) = url.host() else {
        return Err(failed("The URL has no host.".to_owned(), None));
    };
    let shown = host.to_string();
    policy.host(&shown).map_err(Unreached::Blocked)?;
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = match timeout_at(deadline, resolve(&host, port)).await {
        Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
        Ok(Ok(_)) => return Err(failed(format!("The name {shown} has no address."), None)),
        Ok(Err(error)) => {
            return Err(failed(
                format!(
                    "The name {shown} cannot be resolved ({error}). Check the spelling and your DNS."
                ),
                None,
            ));
        }
        Err(_) => return Err(failed(format!("Resolving {shown} took more than 8 s."), None)),
    };
    for address in &addresses {
        policy.address(&shown, address.ip()).map_err(Unreached::Blocked)?;
    }
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .tls_danger_accept_invalid_certs(insecure_tls)
        .resolve_to_addrs(&shown, &addresses)
        .user_agent(concat!("handback/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| {
            failed(format!("The HTTP client cannot be made: {}.", root(&error)), None)
        })?;
    let first = addresses.first().copied();
    for (method, name) in [(Method::HEAD, "HEAD"), (Method::GET, "GET")] {
        let sent = client.request(method, url.clone()).send();
        match timeout_at(deadline, sent).await {
            Err(_) => {
                return Err(failed(
                    format!(
                        "{shown} accepts connections on port {port} but did not answer within 8 s: it hangs, is still starting, or something in between swallows the request. If it is starting, try --wait-ready."
                    ),
                    first,
                ));
            }
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                if name == "HEAD" && matches!(status, 405 | 501) {
                    continue;
                }
                let address =
                    answer.remote_addr().or(first).unwrap_or_else(|| ([0, 0, 0, 0], port).into());
                return Ok(Reached { method: name, status, ms: since(), address });
            }
            Ok(Err(error)) if name == "HEAD" && !error.is_connect() => {}
            Ok(Err(error)) => return Err(failed(explain(&error, &shown, port, url), first)),
        }
    }
    Err(failed(format!("{shown} closed the connection without an answer."), first))
}

/// `localhost` and what is below it is this machine, as in the browser.
async fn resolve(host: &Host<&str>, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host {
        Host::Ipv4(address) => Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => Ok(vec![(*address, port).into()]),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            if name == "localhost" || name.ends_with(".localhost") {
                return Ok(vec![
                    ([127, 0, 0, 1], port).into(),
                    (std::net::Ipv6Addr::LOCALHOST, port).into(),
                ]);
            }
            Ok(lookup_host((name, port)).await?.collect())
        }
    }
}

/// What a person should know about a request that failed.
fn explain(error: &reqwest::Error, host: &str, port: u16, url: &Url) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            let kind = io.kind();
            if kind == io::ErrorKind::ConnectionRefused {
                return format!(
                    "{host} refused the connection on port {port}: nothing listens there. Start the application first, or check the port."
                );
            }
            if matches!(kind, io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) {
                return format!("There is no network route to {host}: {io}.");
            }
        }
        cause = inner.source();
    }
    let root = root(error);
    if url.scheme() == "https" && error.is_connect() {
        return format!(
            "The TLS connection to {host} failed: {root}. If the certificate is your own, try --insecure-tls."
        );
    }
    format!("{host} gave no answer on port {port}: {root}.")
}

/// The innermost cause, which is the telling one.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::JoinSet,
    };

    use super::*;

    /// A server that answers each connection with what `answer` makes of its first bytes; `None`
    /// holds the connection open for ever.
    async fn server(answer: fn(&str) -> Option<&'static str>) -> (Url, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = vec![0; 4096];
                let count = stream.read(&mut bytes).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
                match answer(&request) {
                    Some(text) => drop(stream.write_all(text.as_bytes()).await),
                    None => kept.push(stream),
                }
            }
        });
        (url, tasks)
    }

    async fn ask(url: &Url) -> Result<Reached, Unreached> {
        let policy = Policy::new(&[], &[]).unwrap();
        reach(url, &policy, false, None, &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn any_answer_to_head_is_reachable() {
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 200),
            (
                "HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                301,
            ),
            (
                "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                302,
            ),
            ("HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 404),
            ("HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 500),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
            let (reached, ()) = tokio::join!(ask(&url), async {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
            let reached = reached.unwrap();
            assert_eq!((reached.method, reached.status), ("HEAD", status));
            assert!(reached.address.ip().is_loopback());
        }
    }

    #[tokio::test]
    async fn a_server_that_knows_no_head_is_asked_with_get() {
        let (url, _server) = server(|request| {
            Some(if request.starts_with("HEAD") {
                "HTTP/1.1 405 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            } else {
                "HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            })
        })
        .await;
        let reached = ask(&url).await.unwrap();
        assert_eq!((reached.method, reached.status), ("GET", 503));

        let (url, _server) = server(|request| {
            Some(if request.starts_with("HEAD") { "" } else { "HTTP/1.1 200 OK\r\n\r\n" })
        })
        .await;
        assert_eq!(ask(&url).await.unwrap().method, "GET");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_fails_at_eight_seconds() {
        let (url, _server) = server(|_| None).await;
        let started = Instant::now();
        let error = ask(&url).await.unwrap_err();
        let took = started.elapsed();
        assert!(took >= LIMIT && took < LIMIT + Duration::from_secs(4), "{took:?}");
        assert!(error.to_string().contains("did not answer within 8 s"), "{error}");
    }

    #[tokio::test]
    async fn a_refused_connection_says_so() {
        let url = {
            let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Url::parse(&format!("http://{}/", free.local_addr().unwrap())).unwrap()
        };
        let error = ask(&url).await.unwrap_err();
        assert!(error.to_string().contains("refused the connection"), "{error}");
        assert!(matches!(error, Unreached::Failed { address: Some(_), .. }));
    }

    #[tokio::test]
    async fn waiting_for_the_target_lasts_until_it_is_up() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let url = Url::parse(&format!("http://{address}/")).unwrap();
        let policy = Policy::new(&[], &[]).unwrap();
        let cancel = CancellationToken::new();
        let wait = Some(Duration::from_secs(30));
        let (reached, ()) = tokio::join!(reach(&url, &policy, false, wait, &cancel), async {
            sleep(Duration::from_millis(300)).await;
            let listener = TcpListener::bind(address).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        });
        assert_eq!(reached.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_forbidden_address_is_not_asked() {
        let policy = Policy::new(&[], &["127.0.0.0/8".to_owned()]).unwrap();
        let (url, _server) = server(|_| panic!("asked")).await;
        let asked = reach(&url, &policy, false, None, &CancellationToken::new()).await;
        assert!(matches!(asked, Err(Unreached::Blocked(_))), "{asked:?}");
        let url = Url::parse(&format!("http://localhost:{}/", url.port().unwrap())).unwrap();
        let asked = reach(&url, &policy, false, None, &CancellationToken::new()).await;
        assert!(matches!(asked, Err(Unreached::Blocked(_))), "by its address: {asked:?}");
    }

    #[tokio::test]
    async fn tls_against_a_plain_server_fails_with_its_cause() {
        let (url, _server) = server(|_| Some("HTTP/1.1 400 No\r\n\r\n")).await;
        let url = Url::parse(&url.as_str().replace("http:", "https:")).unwrap();
        let error = ask(&url).await.unwrap_err();
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}
