//! Small pages on loopback, served under two host names that are two sites to the browser.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::{StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

/// A running server; its tasks end with it.
#[derive(Debug)]
pub(crate) struct Pages {
    /// `http://127.0.0.1:port`
    pub(crate) origin: String,
    /// `http://localhost:port`: another site.
    pub(crate) other: String,
    _tasks: JoinSet<()>,
}

impl Pages {
    /// Serves each path with its document, `{A}` and `{B}` standing for the two origins. Besides:
    /// `/slow?ms=…` answers late, `/loop` redirects to itself, `/hang` never answers, `/stream` is
    /// an event stream, `/nothing` is 204, `/file` a download, `/status/404` any status.
    pub(crate) async fn start(documents: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (origin, other) =
            (format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}"));
        let documents: HashMap<String, String> = documents
            .iter()
            .map(|(path, html)| {
                let html = html.replace("{A}", &origin).replace("{B}", &other);
                ((*path).to_owned(), format!("<!doctype html><meta charset=utf-8>{html}"))
            })
            .collect();
        let app = Router::new()
            .route("/slow", get(slow).post(slow))
            .route("/loop", get(|| async { Redirect::to("/loop") }))
            .route("/hang", get(std::future::pending::<()>))
            .route("/stream", get(stream))
            .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
            .route("/file", get(file))
            .route("/status/{status}", get(status))
            .fallback(get(document).post(document))
            .with_state(Arc::new(documents));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { origin, other, _tasks: tasks }
    }
}

async fn document(State(documents): State<Arc<HashMap<String, String>>>, uri: Uri) -> Response {
    match documents.get(uri.path()) {
        Some(html) => Html(html.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, Html("<title>nothing</title>")).into_response(),
    }
}

async fn slow(Query(query): Query<HashMap<String, u64>>) -> impl IntoResponse {
    sleep(Duration::from_millis(query.get("ms").copied().unwrap_or(0))).await;
    ([(header::CACHE_CONTROL, "no-store")], "late")
}

async fn stream() -> Response {
    let body =
        Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn file() -> impl IntoResponse {
    ([(header::CONTENT_DISPOSITION, "attachment; filename=report.csv")], "a,b\n")
}

async fn status(Path(status): Path<u16>) -> impl IntoResponse {
    (StatusCode::from_u16(status).unwrap(), Html(format!("<title>status {status}</title>")))
}
