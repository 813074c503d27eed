//! A double of mail.tm: accounts, tokens, and messages for whoever has the token. Refuses what it does
//! not know.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};

/// What is known of the one account that a test makes.
#[derive(Debug, Default)]
pub struct Known {
    pub address: Option<String>,
    password: String,
    /// The newest first.
    messages: Vec<Value>,
    /// Requests that are still to fail.
    pub failing: u32,
    pub deleted: bool,
    /// Requests for messages.
    pub looks: u32,
}

type Shared = Arc<Mutex<Known>>;

/// A running double.
pub struct MailTm {
    pub url: String,
    pub known: Shared,
    _server: JoinSet<()>,
}

impl MailTm {
    pub async fn start() -> Self {
        let known = Shared::default();
        let router = Router::new()
            .route("/domains", get(domains))
            .route("/accounts", post(open))
            .route("/accounts/{id}", delete(close))
            .route("/token", post(token))
            .route("/messages", get(messages))
            .route("/messages/{id}", get(message))
            .with_state(Arc::clone(&known));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, known, _server: server }
    }

    /// A mail comes.
    pub async fn deliver(&self, id: &str, created: &str, text: &str) {
        self.known.lock().await.messages.insert(
            0,
            json!({
                "id": id, "from": {"address": "no-reply@shop.test", "name": ""}, "subject": "Hello",
                "createdAt": created, "text": text, "html": [format!("<p>{text}</p>")],
            }),
        );
    }
}

fn answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refused(status: StatusCode) -> Response {
    answer(status, &json!({"message": "refused"}))
}

/// As a list to who wants plain JSON, else as a collection of JSON-LD.
fn list(headers: &HeaderMap, members: &Value) -> Response {
    let plain = headers.get(header::ACCEPT).is_some_and(|kind| kind == "application/json");
    let collection = json!({"hydra:member": members, "hydra:totalItems": 1});
    answer(StatusCode::OK, if plain { members } else { &collection })
}

async fn domains(headers: HeaderMap) -> Response {
    let domain = |name: &str, active: bool, private: bool| json!({"id": name, "domain": name, "isActive": active, "isPrivate": private});
    let all = [
        domain("old.test", false, false),
        domain("theirs.test", true, true),
        domain("public.test", true, false),
    ];
    list(&headers, &json!(all))
}

fn account(body: &Bytes) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    (body.as_object()?.len() == 2).then_some(())?;
    Some((text("address")?, text("password")?))
}

async fn open(State(known): State<Shared>, body: Bytes) -> Response {
    match account(&body) {
        Some((address, password)) if address.ends_with("@public.test") && password.len() >= 8 => {
            let mut known = known.lock().await;
            *known = Known { address: Some(address.clone()), password, ..Known::default() };
            answer(StatusCode::CREATED, &json!({"id": "account1", "address": address}))
        }
        _ => refused(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

async fn token(State(known): State<Shared>, body: Bytes) -> Response {
    let known = known.lock().await;
    match account(&body) {
        Some((address, password))
            if known.address.as_ref() == Some(&address) && known.password == password =>
        {
            answer(StatusCode::OK, &json!({"id": "account1", "token": "token1"}))
        }
        _ => refused(StatusCode::UNAUTHORIZED),
    }
}

fn is_ours(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer token1")
}

async fn messages(
    State(known): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let mut known = known.lock().await;
    known.looks += 1;
    if known.failing > 0 {
        known.failing -= 1;
        return refused(StatusCode::TOO_MANY_REQUESTS);
    }
    if !is_ours(&headers) || query.iter().any(|(name, _)| name != "page") {
        return refused(StatusCode::UNAUTHORIZED);
    }
    let head = |message: &Value| {
        json!({
            "id": message["id"], "from": message["from"], "subject": message["subject"],
            "createdAt": message["createdAt"], "intro": "", "seen": false,
        })
    };
    list(&headers, &json!(known.messages.iter().map(head).collect::<Vec<_>>()))
}

async fn message(
    State(known): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let known = known.lock().await;
    match known.messages.iter().find(|one| one["id"] == id.as_str()) {
        Some(one) if is_ours(&headers) => answer(StatusCode::OK, one),
        Some(_) => refused(StatusCode::UNAUTHORIZED),
        None => refused(StatusCode::NOT_FOUND),
    }
}

async fn close(
    State(known): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if id != "account1" || !is_ours(&headers) {
        return refused(StatusCode::UNAUTHORIZED);
    }
    known.lock().await.deleted = true;
    StatusCode::NO_CONTENT.into_response()
}
