//! The files of runs that are over, on a loopback port of the program around, for as long as that
//! lives: what a gate serves of its run while there is a browser is served here when there is none.
//!
//! # Guarantees
//! - As a gate's: other hosts are 421, other origins 403, every file needs a token, and only files
//!   that the run has registered are served, by name.
//! - An address lets one browser in; that browser may come back with it.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::Arc,
};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{COOKIE, SET_COOKIE},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Problem, Sums, TOKEN, artifacts, assets, guarded, random};
use crate::{
    gate::{GateError, hosts::Hosts, store::Store},
    pod::contract::Artifact,
    secret::Secret,
};

/// What a browser that was let in shows.
const NAME: &str = "handback_shelf";

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shelf {
    host: Arc<str>,
    kept: watch::Sender<Kept>,
    sums: Sums,
}

/// Changed only under the lock of its sender.
#[derive(Default)]
struct Kept {
    runs: HashMap<String, (PathBuf, Arc<Store>)>,
    /// Addresses that nobody has used.
    tokens: HashSet<String>,
    /// Browsers that were let in.
    cookies: HashSet<String>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kept").field("runs", &self.runs.len()).finish_non_exhaustive()
    }
}

impl Shelf {
    /// An empty one on a free port, served on `tasks` until `shutdown`. `name` is part of its host name,
    /// which keeps its cookies apart: letters, digits and hyphens.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open(
        name: &str,
        tasks: &TaskTracker,
        shutdown: CancellationToken,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let host = format!("{name}.localhost:{}", listener.local_addr()?.port());
        let shelf =
            Self { host: host.into(), kept: watch::Sender::default(), sums: Sums::default() };
        let app = app(shelf.clone());
        tasks.spawn(async move {
            let served =
                axum::serve(listener, app).with_graceful_shutdown(shutdown.cancelled_owned());
            if let Err(error) = served.await {
                tracing::warn!(%error, "the players of earlier runs are not served any more");
            }
        });
        Ok(shelf)
    }

    /// From now on these files of the run in `directory` may be looked at.
    pub fn put(&self, run: &str, directory: PathBuf, files: impl IntoIterator<Item = Artifact>) {
        let mut store = Store::new(directory.clone());
        for file in files {
            store.register(file);
        }
        let run = run.to_owned();
        self.kept.send_modify(|kept| drop(kept.runs.insert(run, (directory, Arc::new(store)))));
    }

    /// A new address of a file of a run; `None` if there is no such file. It is a secret until it is
    /// used.
    ///
    /// # Errors
    /// When the machine has no random numbers.
    pub fn address(&self, run: &str, path: &str) -> Result<Option<Secret<String>>, GateError> {
        let there =
            self.kept.borrow().runs.get(run).is_some_and(|(_, run)| run.find(path).is_some());
        if !there {
            return Ok(None);
        }
        let token = random().map_err(|_| GateError::Random)?;
        let url = format!("http://{}/#t={token}&p=/runs/{run}/{path}", self.host);
        self.kept.send_modify(|kept| {
            kept.tokens.insert(token);
        });
        Ok(Some(Secret::new(url)))
    }

    fn let_in(&self, headers: &HeaderMap) -> bool {
        let kept = self.kept.borrow();
        let lists = headers.get_all(COOKIE).iter().filter_map(|list| list.to_str().ok());
        lists.flat_map(|list| list.split(';')).any(|pair| {
            pair.trim()
                .split_once('=')
                .is_some_and(|(name, value)| name == NAME && kept.cookies.contains(value))
        })
    }
}

fn app(shelf: Shelf) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{*path}", get(assets::asset))
        .route("/api/session", post(enter))
        .route("/runs/{run}/{*path}", any(file))
        .fallback(async || Problem::NOT_FOUND.into_response())
        .method_not_allowed_fallback(async || Problem::METHOD.into_response())
        .layer(from_fn_with_state(shelf.clone(), guard))
        .with_state(shelf)
}

async fn guard(State(shelf): State<Shelf>, request: Request, next: Next) -> Response {
    guarded(&Hosts::One(Arc::clone(&shelf.host)), request, next).await
}

/// What the page asks before it goes on to the file. There is no seat here: nobody drives anything.
async fn enter(State(shelf): State<Shelf>, headers: HeaderMap) -> Result<Response, Problem> {
    let body = axum::Json(json!({"seat": {"id": "shelf", "secret": ""}, "me": "", "state": {}}));
    if shelf.let_in(&headers) {
        return Ok(body.into_response());
    }
    let token = headers.get(TOKEN).ok_or(Problem::NO_TOKEN)?;
    let token = token.to_str().map_err(|_| Problem::TOKEN)?;
    let cookie = random()?;
    let mut known = false;
    shelf.kept.send_if_modified(|kept| {
        known = kept.tokens.remove(token);
        if known {
            kept.cookies.insert(cookie.clone());
        }
        known
    });
    if !known {
        return Err(Problem::TOKEN);
    }
    let cookie = format!("{NAME}={cookie}; HttpOnly; SameSite=Strict; Path=/");
    let cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::ENDING)?;
    Ok(([(SET_COOKIE, cookie)], body).into_response())
}

async fn file(
    State(shelf): State<Shelf>,
    Path((run, path)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !shelf.let_in(&headers) {
        return Err(Problem::NO_TOKEN);
    }
    if let Some(refused) = artifacts::only_reads(&method) {
        return Ok(refused);
    }
    let found = shelf.kept.borrow().runs.get(&run).cloned();
    let (directory, store) = found.ok_or(Problem::NOT_FOUND)?;
    let (artifact, path) = store.find(&path).ok_or(Problem::NOT_FOUND)?;
    shelf.sums.answer(directory, path, artifact, &method, &headers).await
}
