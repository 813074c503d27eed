//! The server over streamable HTTP: on the machine's own loopback, or, for whoever shows the token,
//! elsewhere.
//!
//! # Guarantees
//! - A request for another host or from another site is refused, so that no page that a person visits
//!   can reach the server under a name of its own.
//! - Off loopback every request shows the bearer token.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        StatusCode,
        header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService,
    streamable_http_server::session::local::{LocalSessionManager, SessionConfig},
};
use tokio::net::TcpListener;

use super::{Args, server::Server};
use crate::{secret::Secret, shutdown::Shutdown};

/// What people paste into configuration files is at least as good as a random UUID.
const SHORTEST_TOKEN: usize = 16;
/// A session whose client has gone without a word ends after this. Longer than a run may be silent: a
/// step ends after 150 s, and the end of a run's video takes three minutes.
const SESSION_IDLE: Duration = Duration::from_hours(1);

/// Where and for whom.
#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    hosts: Vec<String>,
    token: Option<Secret<String>>,
}

impl Door {
    /// What the options mean; `None` is standard input and output.
    ///
    /// # Errors
    /// A sentence for whoever started it.
    pub(super) fn read(args: Args) -> Result<Option<Self>, String> {
        let Args { http, http_host, http_token_file } = args;
        let Some(address) = http else { return Ok(None) };
        let token = match http_token_file {
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("--http-token-file {}: {error}.", path.display()))?;
                let token = text.trim();
                let shown = token.bytes().all(|one| one.is_ascii_graphic());
                if token.len() < SHORTEST_TOKEN || !shown {
                    return Err(format!(
                        "--http-token-file {}: a token has at least {SHORTEST_TOKEN} characters and no blanks.",
                        path.display()
                    ));
                }
                Some(Secret::new(token.to_owned()))
            }
            None => None,
        };
        if token.is_none() && !address.ip().is_loopback() {
            return Err(format!(
                "--http {address} can be reached from other machines: give --http-token-file FILE with a token that clients must show, or use 127.0.0.1:{}.",
                address.port()
            ));
        }
        Ok(Some(Self { address, hosts: http_host, token }))
    }

    /// Takes the port; the address is for clients.
    pub(super) async fn listen(&self) -> Result<(TcpListener, String), String> {
        let failed = |error| format!("--http {}: {error}.", self.address);
        let listener = TcpListener::bind(self.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok((listener, format!("http://{address}/mcp")))
    }

    /// Serves every client until the end.
    pub(super) async fn serve(
        self,
        listener: TcpListener,
        server: Server,
        shutdown: &Shutdown,
    ) -> Result<(), String> {
        let end = shutdown.cancel.clone();
        let app = self.app(server, shutdown);
        let served = axum::serve(listener, app).with_graceful_shutdown(end.cancelled_owned());
        served.await.map_err(|error| format!("--http {}: {error}.", self.address))
    }

    fn app(&self, server: Server, shutdown: &Shutdown) -> Router {
        let mut sessions = LocalSessionManager::default();
        let mut idle = SessionConfig::default();
        idle.keep_alive = Some(SESSION_IDLE);
        sessions.session_config = idle;
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(self.hosts())
            .with_allowed_origins(self.origins())
            .enforce_origin_validation()
            .with_cancellation_token(shutdown.cancel.child_token());
        let service =
            StreamableHttpService::new(move || Ok(server.clone()), Arc::new(sessions), config);
        let token = self.token.clone().map(Arc::new);
        Router::new().route_service("/mcp", service).layer(from_fn_with_state(token, authorised))
    }

    /// Under which names it may be asked.
    fn hosts(&self) -> Vec<String> {
        let own = self.address.ip();
        let mut hosts: Vec<_> =
            ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).collect();
        if !own.is_unspecified() {
            hosts.push(own.to_string());
        }
        hosts.extend(self.hosts.iter().cloned());
        hosts
    }

    /// Pages of which sites may ask: those of this machine, and of its own names.
    fn origins(&self) -> Vec<String> {
        let bracketed = |host: String| match host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(_)) | Err(_) => host,
        };
        let hosts = self.hosts().into_iter().map(bracketed);
        hosts.flat_map(|host| [format!("http://{host}:*"), format!("https://{host}:*")]).collect()
    }
}

/// Lets in who shows the token, if there is one.
async fn authorised(
    State(token): State<Option<Arc<Secret<String>>>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(token) = token {
        let shown = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let shown = shown.and_then(|shown| {
            let (scheme, token) = shown.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
        });
        let expected = token.expose().as_bytes();
        let right = shown.is_some_and(|shown| {
            aws_lc_rs::constant_time::verify_slices_are_equal(shown, expected).is_ok()
        });
        if !right {
            let ask = [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
            return (StatusCode::UNAUTHORIZED, ask, "Show the bearer token of this server.\n")
                .into_response();
        }
    }
    next.run(request).await
}
