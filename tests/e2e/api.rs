//! A cluster's API as raw requests: what is sent is exactly what a case says, and the answer is the
//! server's own.

use std::{collections::BTreeMap, time::Duration};

use handback::manifest::crd::definitions;
use http::{Method, Request, StatusCode};
use kube::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

/// How long a definition may take to be served; a busy machine needs a few seconds.
const SERVED: Duration = Duration::from_secs(30);

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
    /// Installs the definitions and makes a namespace with a random name.
    pub async fn new() -> Self {
        let client = Client::try_default().await.expect("a cluster: set KUBECONFIG");
        let made = Self { client, name: String::new() };
        made.install().await;
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

    async fn install(&self) {
        let place = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        for definition in definitions() {
            let path = format!("{place}/{}", definition.name);
            let apply =
                format!("{path}?fieldManager=handback-test&force=true&fieldValidation=Strict");
            let answer = self.ask(Method::PATCH, &apply, &definition.object).await;
            assert_eq!(answer.refusal(), None, "{}", definition.name);
            let deadline = Instant::now() + SERVED;
            loop {
                let found = self.ask(Method::GET, &path, &Value::Null).await.body;
                let states: BTreeMap<&str, &str> = found["status"]["conditions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|one| Some((one["type"].as_str()?, one["status"].as_str()?)))
                    .collect();
                assert_ne!(states.get("NonStructuralSchema"), Some(&"True"), "{found}");
                if states.get("Established") == Some(&"True") {
                    break;
                }
                assert!(Instant::now() < deadline, "{path} is not served: {found}");
                sleep_until(Instant::now() + Duration::from_millis(100)).await;
            }
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let kind = match method {
            Method::PATCH => "application/apply-patch+yaml",
            _ => "application/json",
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, kind)
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
