//! A cluster's API as raw requests: what is sent is exactly what a case says, and the answer is the
//! server's own.

use http::{Method, Request, StatusCode};
use kube::Client;
use serde_json::{Value, json};

use crate::fleet::{OPERATOR, SYSTEM};

/// A namespace of this test's own, on a server that has our definitions.
pub struct Namespace {
    client: Client,
    /// Its name.
    pub name: String,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// For example 201.
    pub status: StatusCode,
    /// The object, or a `Status` that says why not.
    pub body: Value,
}

impl Answer {
    /// Why not, in the server's words; none if it was accepted.
    pub fn refusal(&self) -> Option<&str> {
        (!self.status.is_success()).then(|| self.body["message"].as_str().unwrap_or_default())
    }
}

impl Namespace {
    pub async fn new() -> Self {
        let client = Client::try_default().await.expect("a cluster: set KUBECONFIG");
        let made = Self { client, name: String::new() };
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "handback-test-"}});
        let answer = made.ask(Method::POST, "/api/v1/namespaces", &body).await;
        assert_eq!(answer.refusal(), None);
        let name = answer.body["metadata"]["name"].as_str().expect("a name").to_owned();
        Self { name, ..made }
    }

    /// Removes it and all that is in it.
    pub async fn remove(self) {
        let path = format!("/api/v1/namespaces/{}", self.name);
        let answer = self.ask(Method::DELETE, &path, &json!({})).await;
        assert_eq!(answer.refusal(), None);
    }

    /// Sends one request to the path of a kind in this namespace, refusing unknown fields as kubectl
    /// does. `below` is empty, or `/NAME`, `/NAME/status`.
    pub async fn send(&self, method: Method, plural: &str, below: &str, body: &Value) -> Answer {
        let path = format!(
            "/apis/handback.dev/v1alpha1/namespaces/{}/{plural}{below}?fieldValidation=Strict",
            self.name
        );
        self.ask(method, &path, body).await
    }

    /// What is at a path below the core API of this namespace; none if nothing is.
    pub async fn core(&self, below: &str) -> Option<Value> {
        let path = format!("/api/v1/namespaces/{}/{below}", self.name);
        let answer = self.ask(Method::GET, &path, &Value::Null).await;
        if answer.status == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.refusal(), None, "{path}");
        Some(answer.body)
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            // As the operator, to whom the policy on Handoffs does not apply, and with every right.
            .header("Impersonate-User", format!("system:serviceaccount:{SYSTEM}:{OPERATOR}"))
            .header("Impersonate-Group", "system:masters")
            .body(kube::client::Body::from(if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            }))
            .expect("a request");
        let response =
            self.client.send(request).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let (head, body) = response.into_parts();
        let bytes = body.collect_bytes().await.expect("an answer");
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        Answer { status: head.status, body }
    }
}
