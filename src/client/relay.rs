//! A port of this machine that leads to a run's gate, with the person's own program in between for
//! what a gate cannot do: more tickets, and another Handoff (handoff.md 7.3).
//!
//! # Expected flow
//! The page is loaded through the relay like everything else. What is below [`OWN`] is answered here,
//! by way of [`Wish`]es; whatever else is asked goes to the gate as it came, and its answer back.
//!
//! # Guarantees
//! - What is asked of the relay itself needs the key of this start, which stands in the address's
//!   fragment and nowhere else; `Host` and `Origin` must be this port's.
//! - Each connection has a port-forward of its own; one that broke is replaced at the next request. A
//!   request that may have arrived is not sent twice.

use std::{convert::Infallible, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN},
    server::conn::http1,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    Error,
    cluster::Cluster,
    way::{Line, Payload, payload},
};
use crate::secret::Secret;

/// What is answered here.
pub const OWN: &str = "/client/";
/// The key's header.
const KEY: &str = "x-handback-client";
/// A wish is a word or two.
const MAX_WISH: usize = 4096;
/// A browser that opened a connection says what it wants at once, or when it needs it again.
const HEAD: Duration = Duration::from_mins(2);

/// What a page wants of the person's program.
#[derive(Debug)]
pub enum Wish {
    /// A ticket; to watch only, if so.
    Ticket {
        /// Control has ended, and the page knows it before the cluster does.
        view: bool,
        /// The answer.
        reply: oneshot::Sender<Result<Pass, Error>>,
    },
    /// The browser.
    TakeOver {
        /// The answer.
        reply: oneshot::Sender<Result<Pass, Error>>,
    },
}

/// A ticket, and how long what it lets in to lasts.
#[derive(Debug)]
pub struct Pass {
    /// For one use, within a minute.
    pub ticket: Secret<String>,
    /// Until its handoff ends.
    pub left: Duration,
}

/// A relay that listens.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    /// Of this loopback.
    pub port: u16,
    /// What the page shows to be our own.
    pub key: Secret<String>,
}

/// The body of a wish.
#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    view: bool,
}

/// What all connections share.
struct Shared {
    cluster: Cluster,
    pod: String,
    port: u16,
    key: [u8; 32],
    wishes: mpsc::Sender<Wish>,
    gone: mpsc::Sender<()>,
}

impl Relay {
    /// Takes a port of the loopback; 0 is any.
    pub async fn bind(port: u16) -> Result<Self, Error> {
        let failed = |source| Error::Local { doing: format!("Listening on port {port}"), source };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|_| Error::Local {
            doing: "Making a key".to_owned(),
            source: std::io::Error::other("this machine gives no random numbers"),
        })?;
        let key = Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        Ok(Self { listener, port, key })
    }

    /// Serves for as long as it is polled. `gone` hears of a pod that is not there any more.
    pub async fn serve(
        self,
        cluster: Cluster,
        pod: String,
        wishes: mpsc::Sender<Wish>,
        gone: mpsc::Sender<()>,
    ) {
        let Self { listener, port, key } = self;
        let key = Sha256::digest(key.expose().as_bytes()).into();
        let shared = Arc::new(Shared { cluster, pod, port, key, wishes, gone });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(connection(Arc::clone(&shared), stream))),
                    Err(error) => {
                        // Too many open files, most likely; connections that end make room.
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    // Requests of a connection come one after the other: the lock is never waited for.
    let upstream = Arc::new(Mutex::new(None));
    let service = service_fn(move |request| {
        let (shared, upstream) = (Arc::clone(&shared), Arc::clone(&upstream));
        async move { Ok::<_, Infallible>(answer(&shared, &upstream, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(
    shared: &Shared,
    upstream: &Mutex<Option<Line>>,
    request: Request<Incoming>,
) -> Response<Payload> {
    if request.uri().path().starts_with(OWN) {
        let mut response = shared.own(request).await.unwrap_or_else(|refused| refused.response());
        let headers = response.headers_mut();
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        return response;
    }
    match shared.pass_on(upstream, request).await {
        Ok(response) => response,
        Err(error) => {
            if matches!(error, Error::NoPod { .. }) {
                // Whoever hears it first ends the program; a second word is one too many.
                shared.gone.try_send(()).ok();
            }
            Refused::of(&error).response()
        }
    }
}

impl Shared {
    async fn pass_on(
        &self,
        upstream: &Mutex<Option<Line>>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Payload>, Error> {
        // The page's side can be upgraded once the answer is on its way.
        let near = hyper::upgrade::on(&mut request);
        let mut held = upstream.lock().await;
        let (parts, body) = request.into_parts();
        // What only looks may be asked again: the line may have been broken already.
        let looks = matches!(parts.method, Method::GET | Method::HEAD);
        let again = looks.then(|| parts.clone());
        let mut request = Request::from_parts(parts, body.boxed());
        if let Some(mut line) = held.take()
            && line.is_ready().await
        {
            match (line.send(request).await, again) {
                (Ok(response), _) => return Ok(pass_back(&mut held, line, near, response)),
                (Err(error), None) => return Err(error),
                (Err(_), Some(parts)) => request = Request::from_parts(parts, payload("")),
            }
        }
        let mut line = Line::open(&self.cluster, &self.pod).await?;
        let response = line.send(request).await?;
        Ok(pass_back(&mut held, line, near, response))
    }

    async fn own(&self, request: Request<Incoming>) -> Result<Response<Payload>, Refused> {
        self.check(request.headers())?;
        if request.method() != Method::POST {
            return Err(Refused::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                "POST it.",
            ));
        }
        let path = request.uri().path().to_owned();
        let body = Limited::new(request.into_body(), MAX_WISH).collect().await;
        let invalid =
            || Refused::new(StatusCode::BAD_REQUEST, "invalid_request", "It makes no sense.");
        let body = body.map_err(|_| invalid())?.to_bytes();
        let Wanted { view } = if body.is_empty() {
            Wanted::default()
        } else {
            serde_json::from_slice(&body).map_err(|_| invalid())?
        };
        let (reply, answer) = oneshot::channel();
        let wish = match path.strip_prefix(OWN) {
            Some("ticket") => Wish::Ticket { view, reply },
            Some("takeover") => Wish::TakeOver { reply },
            _ => {
                return Err(Refused::new(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "There is nothing here.",
                ));
            }
        };
        let ending =
            || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "handback take is ending.");
        self.wishes.send(wish).await.map_err(|_| ending())?;
        let pass = answer.await.map_err(|_| ending())?.map_err(|error| Refused::of(&error))?;
        let left = u64::try_from(pass.left.as_millis()).unwrap_or(u64::MAX);
        Ok(typed(StatusCode::OK, &json!({"ticket": pass.ticket.expose(), "leftMs": left})))
    }

    /// Pages of other sites can reach this port too.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let one = |name: &hyper::header::HeaderName| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().and_then(|value| value.to_str().ok());
            first.filter(|_| all.next().is_none())
        };
        let host = one(&HOST).filter(|host| {
            let label = host.strip_suffix(&format!(".localhost:{}", self.port));
            label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
        });
        let Some(host) = host else {
            let text = "This is another host's name.";
            return Err(Refused::new(StatusCode::MISDIRECTED_REQUEST, "foreign_host", text));
        };
        if one(&ORIGIN).and_then(|origin| origin.strip_prefix("http://")) != Some(host) {
            let text = "This page may not ask.";
            return Err(Refused::new(StatusCode::FORBIDDEN, "foreign_origin", text));
        }
        let key = headers.get(KEY).map(|key| <[u8; 32]>::from(Sha256::digest(key.as_bytes())));
        if key != Some(self.key) {
            let text = "The address has the key.";
            return Err(Refused::new(StatusCode::UNAUTHORIZED, "token_required", text));
        }
        Ok(())
    }
}

/// The gate's answer for the page; what the line is from now on.
fn pass_back(
    held: &mut Option<Line>,
    line: Line,
    near: OnUpgrade,
    mut response: Response<Incoming>,
) -> Response<Payload> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let far = hyper::upgrade::on(&mut response);
        let mut driver = line.into_driver();
        driver.spawn(async move {
            let (Ok(near), Ok(far)) = (near.await, far.await) else { return };
            let (mut near, mut far) = (TokioIo::new(near), TokioIo::new(far));
            // Which side broke off shows at the other.
            copy_bidirectional(&mut near, &mut far).await.ok();
        });
        // Ends with either side.
        driver.detach_all();
    } else {
        *held = Some(line);
    }
    response.map(BodyExt::boxed)
}

/// A refusal in the gate's form.
struct Refused {
    status: StatusCode,
    code: String,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }

    fn of(error: &Error) -> Self {
        let status = match error {
            Error::Forbidden { .. } => StatusCode::FORBIDDEN,
            Error::NotGranted { .. } => StatusCode::CONFLICT,
            Error::NoPod { .. }
            | Error::NoBrowser(_)
            | Error::NoRun { .. }
            | Error::Deleted { .. } => StatusCode::GONE,
            Error::Config { .. }
            | Error::Unreachable { .. }
            | Error::Refused { .. }
            | Error::NoKind { .. }
            | Error::Exists { .. }
            | Error::NoAnswer { .. }
            | Error::GivenUp
            | Error::Gate { .. }
            | Error::Storage { .. }
            | Error::Damaged { .. }
            | Error::Local { .. } => StatusCode::BAD_GATEWAY,
        };
        Self { status, code: error.code().to_owned(), message: error.to_string() }
    }

    fn response(&self) -> Response<Payload> {
        typed(self.status, &json!({"error": {"code": self.code, "message": self.message}}))
    }
}

fn typed(status: StatusCode, body: &Value) -> Response<Payload> {
    let mut response = Response::new(payload(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
