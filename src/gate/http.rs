//! The gate's HTTP side (docs/takeover-protocol.md): who may ask, and where each request goes.
//!
//! # Guarantees
//! - A request for another host is 421 and one from another origin 403, before anything else is
//!   looked at: pages under test share this loopback.
//! - But for the page's own constant files every request needs a seat.
//! - Every response carries the same security headers.

mod artifacts;
mod assets;
mod operator;
pub(super) mod shelf;
mod sockets;
mod stream;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, ORIGIN,
            REFERRER_POLICY, SET_COOKIE, UPGRADE, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

pub(super) use self::artifacts::Sums;
use super::{
    hosts::Hosts,
    problem::Problem,
    seats::Secrets,
    session::{Command, Entered, Proof, Reply},
    view::{seat_id, seat_named},
};
use crate::{clock::Clock, decide::lease::Seat, pod::contract::stream as stream_contract};

/// Nothing but what the page itself is made of.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    media-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// Bodies of requests are a few words.
const MAX_BODY: usize = 16 << 10;

const TOKEN: HeaderName = HeaderName::from_static("x-handback-token");
const SEAT: HeaderName = HeaderName::from_static("x-handback-seat");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) hosts: Hosts,
    pub(super) in_pod: bool,
    pub(super) run: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) display: Arc<PathBuf>,
    pub(super) run_dir: Arc<PathBuf>,
    pub(super) sums: Sums,
    /// What the end of the gate waits for, for a moment.
    pub(super) tasks: TaskTracker,
}

/// Everything that is served.
pub(super) fn app(door: Door) -> Router {
    let mut app = Router::new();
    if door.in_pod {
        app = app
            .route("/api/challenge", get(operator::challenge))
            .route(stream_contract::PATH, get(operator::stream));
    }
    app.route("/", get(assets::index))
        .route("/assets/{*path}", get(assets::asset))
        .route("/api/session", post(session))
        .route("/api/events", get(stream::events))
        .route("/api/presence", post(presence))
        .route("/api/beacon", post(beacon))
        .route("/api/keep", post(keep))
        .route("/api/stop", post(stop))
        .route("/api/takeover", post(take_over))
        .route("/api/rfb", get(sockets::rfb))
        .route("/api/control", get(sockets::control))
        .route("/runs/{run}/{*path}", any(artifacts::serve))
        .fallback(async || Problem::NOT_FOUND.into_response())
        .method_not_allowed_fallback(async || Problem::METHOD.into_response())
        .layer(from_fn_with_state(door.clone(), guard))
        .with_state(door)
}

async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    guarded(&door.hosts, request, next).await
}

/// What is asked under another name, or by another page, gets nothing; and every response has the same
/// headers.
async fn guarded(hosts: &Hosts, request: Request, next: Next) -> Response {
    let mut response = match check(hosts, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(PERMISSIONS, HeaderValue::from_static("clipboard-read=()"));
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, axum::Json(self.json())).into_response()
    }
}

fn check(hosts: &Hosts, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let mut named = headers.get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else { return Err(Problem::HOST) };
    let host = host.to_str().ok().filter(|host| hosts.know(host)).ok_or(Problem::HOST)?;
    if request.uri().authority().is_some_and(|named| named.as_str() != host) {
        return Err(Problem::HOST);
    }
    // Browsers always say where a change and a WebSocket come from; who does not is no page.
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let must = changes || headers.contains_key(UPGRADE);
    let mut origins = headers.get_all(ORIGIN).iter();
    let foreign = match (origins.next(), origins.next()) {
        (Some(origin), None) => {
            origin.to_str().ok().and_then(|text| text.strip_prefix("http://")) != Some(host)
        }
        (None, _) => must,
        (Some(_), Some(_)) => true,
    };
    if foreign { Err(Problem::ORIGIN) } else { Ok(()) }
}

impl Door {
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Problem> {
        let (reply, wait) = oneshot::channel();
        self.say(command(reply)).await?;
        wait.await.map_err(|_| Problem::ENDING)?
    }

    async fn say(&self, command: Command) -> Result<(), Problem> {
        self.commands.send(command).await.map_err(|_| Problem::ENDING)
    }

    /// The seat that a request with these headers is of.
    async fn seat(&self, headers: &HeaderMap, needs_proof: bool) -> Result<Seat, Problem> {
        let proof = proof(headers)?;
        self.who(headers, proof, needs_proof).await
    }

    async fn who(
        &self,
        headers: &HeaderMap,
        proof: Option<Proof>,
        needs_proof: bool,
    ) -> Result<Seat, Problem> {
        let cookies = cookies(headers);
        self.ask(|reply| Command::Who { cookies, proof, needs_proof, reply }).await
    }
}

/// The seat secret, if the request has one.
fn proof(headers: &HeaderMap) -> Result<Option<Proof>, Problem> {
    let Some(value) = headers.get(SEAT) else { return Ok(None) };
    value.to_str().ok().and_then(read_proof).map(Some).ok_or(Problem::NO_TOKEN)
}

/// `<id>.<secret>`
fn read_proof(text: &str) -> Option<Proof> {
    let (id, secret) = text.split_once('.')?;
    Some(Proof { seat: seat_named(id)?, secret: secret.to_owned() })
}

fn cookies(headers: &HeaderMap) -> Vec<(Seat, String)> {
    let lists = headers.get_all(COOKIE).iter().filter_map(|list| list.to_str().ok());
    let pairs = lists.flat_map(|list| list.split(';'));
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            Some((seat_named(name.strip_prefix("handback_")?)?, value.to_owned()))
        })
        .collect()
}

/// 256 bits that nobody can guess, as text.
pub(super) fn random() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Problem::ENDING)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

async fn body(body: Body) -> Result<Bytes, Problem> {
    to_bytes(body, MAX_BODY).await.map_err(|_| Problem::INVALID)
}

async fn read<T: for<'a> Deserialize<'a>>(request: Body) -> Result<T, Problem> {
    serde_json::from_slice(&body(request).await?).map_err(|_| Problem::INVALID)
}

async fn session(State(door): State<Door>, headers: HeaderMap) -> Result<Response, Problem> {
    let secrets = Secrets { secret: random()?, cookie: random()? };
    let cookie = secrets.cookie.clone();
    let (entered, secret) = if let Some(token) = headers.get(TOKEN) {
        let token = token.to_str().map_err(|_| Problem::TOKEN)?.to_owned();
        // A page that has a seat already keeps it, with its pixels, and gets another right.
        let proof = proof(&headers)?.filter(|_| door.in_pod);
        let secret = proof.as_ref().map_or(&secrets.secret, |proof| &proof.secret).clone();
        (door.ask(|reply| Command::Enter { token, secrets, proof, reply }).await?, secret)
    } else {
        let proof = proof(&headers)?.ok_or(Problem::NO_TOKEN)?;
        let (secret, cookie) = (proof.secret.clone(), cookie.clone());
        (door.ask(|reply| Command::ComeBack { proof, cookie, reply }).await?, secret)
    };
    let Entered { seat, name, state } = entered;
    let id = seat_id(seat);
    let body = json!({"seat": {"id": id, "secret": secret}, "me": &*name, "state": state});
    let cookie = format!("handback_{id}={cookie}; HttpOnly; SameSite=Strict; Path=/");
    let cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::ENDING)?;
    Ok(([(SET_COOKIE, cookie)], axum::Json(body)).into_response())
}

async fn presence(State(door): State<Door>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let seat = door.seat(&headers, true).await?;
    door.say(Command::Beat(seat)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The page goes. It cannot send headers with this: the cookie proves the seat that the body names.
async fn beacon(
    State(door): State<Door>,
    headers: HeaderMap,
    request: Body,
) -> Result<StatusCode, Problem> {
    #[derive(Deserialize)]
    struct Leaving {
        seat: Option<String>,
    }
    let bytes = body(request).await?;
    let named = if bytes.is_empty() {
        None
    } else {
        let leaving: Leaving = serde_json::from_slice(&bytes).map_err(|_| Problem::INVALID)?;
        leaving.seat.map(|id| seat_named(&id).ok_or(Problem::INVALID)).transpose()?
    };
    let mut cookies = cookies(&headers);
    cookies.retain(|(seat, _)| named.is_none_or(|named| named == *seat));
    let (proof, needs_proof) = (None, false);
    let seat = door.ask(|reply| Command::Who { cookies, proof, needs_proof, reply }).await?;
    door.say(Command::Beacon(seat)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn keep(
    State(door): State<Door>,
    headers: HeaderMap,
    request: Body,
) -> Result<StatusCode, Problem> {
    #[derive(Deserialize)]
    struct Keep {
        on: bool,
    }
    door.seat(&headers, true).await?;
    let Keep { on } = read(request).await?;
    door.say(Command::Keep(on)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn stop(
    State(door): State<Door>,
    headers: HeaderMap,
    request: Body,
) -> Result<StatusCode, Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum What {
        Run,
        Browser,
    }
    #[derive(Deserialize)]
    struct Stop {
        what: What,
    }
    let by = door.seat(&headers, true).await?;
    let Stop { what } = read(request).await?;
    match what {
        What::Run => door.ask(|reply| Command::StopRun { by, reply }).await?,
        What::Browser => door.ask(|reply| Command::StopBrowser { reply }).await?,
    }
    Ok(StatusCode::ACCEPTED)
}

async fn take_over(
    State(door): State<Door>,
    headers: HeaderMap,
    request: Body,
) -> Result<axum::Json<Value>, Problem> {
    #[derive(Default, Deserialize)]
    struct TakeOver {
        #[serde(default, rename = "move")]
        take_from_own: bool,
    }
    let seat = door.seat(&headers, true).await?;
    let bytes = body(request).await?;
    let TakeOver { take_from_own } = if bytes.is_empty() {
        TakeOver::default()
    } else {
        serde_json::from_slice(&bytes).map_err(|_| Problem::INVALID)?
    };
    let granted = door.ask(|reply| Command::TakeOver { seat, take_from_own, reply }).await?;
    let left = u64::try_from(granted.left.as_millis()).unwrap_or(u64::MAX);
    let handoff = format!("{}-{}", door.run, granted.epoch.0);
    Ok(axum::Json(json!({"handoff": handoff, "epoch": granted.epoch.0, "deadlineMs": left})))
}

/// A response with a media type.
fn typed(media_type: &str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    let media_type = HeaderValue::try_from(media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
