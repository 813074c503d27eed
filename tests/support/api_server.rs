//! An API server in this process: the operator's own client talks to it as to a real one.
//!
//! It keeps the rules that the operator relies on: versions, compare-and-swap, preconditions,
//! generations, subresources, selectors, finalizers, a pod's grace, watches that end, lag and are
//! compacted. What it serves stands in [`kind`]. What it does not do: authorization, admission,
//! strategic merge patches, streamed lists, ownership of fields beyond what the same manager applied
//! before, and garbage collection unless told to ([`ApiServer::collect_garbage`]). The list in
//! `tests/support/conformance.rs` says what it promises; the same list is meant for a real server.
//!
//! One task owns the state. Whatever else is asked of it ([`ApiServer::edit`], [`ApiServer::hold`])
//! stands in the same line as requests do.

pub mod call;
pub mod door;
pub mod fault;
pub mod kind;
mod patch;
pub mod refusal;
mod select;
mod shape;
mod store;
mod validate;
mod watch;
mod write;

use std::{collections::BTreeSet, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::{Body, Client, retry::RetryPolicy};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch as latest},
    task::JoinSet,
};
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

use self::{
    call::{Call, Verb},
    fault::{Fault, Line, Rule},
    kind::Kind,
    refusal::Refusal,
    store::{Key, Store},
    watch::Watches,
};
use crate::support::ticking::Ticking;

/// The server. It ends when this is dropped; clients then see broken connections.
#[derive(Debug)]
pub struct ApiServer {
    ask: Asking,
    /// What its times come from.
    pub clock: Ticking,
    _task: JoinSet<()>,
}

/// What clients read.
type Reply = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// How anybody reaches the task that owns the state.
type Asking = mpsc::UnboundedSender<Box<dyn FnOnce(&mut State) + Send>>;

#[derive(Debug)]
struct State {
    store: Store,
    watches: Watches,
    rules: Vec<Rule>,
    log: Vec<Line>,
    /// How many requests hang.
    hanging: latest::Sender<usize>,
}

/// What a call comes to.
enum Answer {
    Object(StatusCode, Value),
    Stream(mpsc::UnboundedReceiver<Bytes>),
}

impl ApiServer {
    /// A server with nothing in it but the namespaces `default` and `kube-system`.
    pub fn start() -> Self {
        let clock = Ticking::start();
        let (ask, mut asked) = mpsc::unbounded_channel::<Box<dyn FnOnce(&mut State) + Send>>();
        let mut state = State {
            store: Store::new(clock.clone()),
            watches: Watches::default(),
            rules: Vec::new(),
            log: Vec::new(),
            hanging: latest::Sender::new(0),
        };
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(what) = asked.recv().await {
                what(&mut state);
                state.watches.tell(&state.store);
            }
        });
        Self { ask, clock, _task: task }
    }

    /// A client as in production: what the server has no time for is asked again.
    pub fn client(&self) -> Client {
        let ask = self.ask.clone();
        let service = tower::service_fn(move |request| serve(ask.clone(), request));
        let retrying = RetryLayer::new(RetryPolicy::server_retry());
        Client::new(ServiceBuilder::new().layer(retrying).service(service), "default")
    }

    /// The same server for clients of other processes: over HTTP, on loopback. It ends with the set.
    pub async fn listen(&self) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ask = self.ask.clone();
        let app = axum::Router::new().fallback(move |request: Request<axum::body::Body>| {
            let ask = ask.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.expect("a whole request").to_bytes();
                let request = Request::from_parts(parts, Body::from(body));
                match serve(ask, request).await {
                    Ok(reply) => reply.map(axum::body::Body::new),
                    Err(error) => panic!("nothing goes wrong over HTTP: {error}"),
                }
            }
        });
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        (address, task)
    }

    /// Makes an object without a request.
    pub async fn create(&self, plural: &'static str, object: Value) -> Value {
        self.with(move |state| {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
            let made = state.store.create(Kind::named(plural), &namespace, &object);
            made.unwrap_or_else(|refusal| panic!("{object:#}: {refusal:?}"))
        })
        .await
    }

    /// An object as it is, if it exists.
    pub async fn get(&self, plural: &'static str, namespace: &str, name: &str) -> Option<Value> {
        let key = Key { plural, namespace: namespace.to_owned(), name: name.to_owned() };
        self.with(move |state| state.store.get(&key).cloned()).await
    }

    /// All objects of a resource.
    pub async fn all(&self, plural: &'static str) -> Vec<Value> {
        self.with(move |state| state.store.all(plural).cloned().collect()).await
    }

    /// Changes an object, status and all, without a request: what kubelets, schedulers and people do.
    pub async fn edit(
        &self,
        plural: &'static str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value) + Send + 'static,
    ) {
        let key = Key { plural, namespace: namespace.to_owned(), name: name.to_owned() };
        self.with(move |state| {
            let old = state.store.get(&key).unwrap_or_else(|| panic!("no {key:?}")).clone();
            let mut object = old.clone();
            change(&mut object);
            if Kind::named(plural).custom && object["spec"] != old["spec"] {
                let generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = (generation + 1).into();
            }
            if object != old {
                state.store.commit(key, object, false);
            }
        })
        .await;
    }

    /// Deletes an object as a person does.
    pub async fn delete(&self, plural: &'static str, namespace: &str, name: &str) {
        self.delete_with(plural, namespace, name, b"{}").await;
    }

    /// Ends a pod that is being deleted, as its kubelet does when no container runs any more.
    pub async fn end_pod(&self, namespace: &str, name: &str) {
        self.delete_with("pods", namespace, name, br#"{"gracePeriodSeconds":0}"#).await;
    }

    async fn delete_with(
        &self,
        plural: &'static str,
        namespace: &str,
        name: &str,
        options: &'static [u8],
    ) {
        let call = Call {
            verb: Verb::Delete,
            kind: Kind::named(plural),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: None,
            query: [].into(),
            content_type: "application/json".to_owned(),
            body: options.to_vec(),
        };
        self.with(move |state| {
            let deleted = state.store.write(&call);
            deleted.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", call.name));
        })
        .await;
    }

    /// Deletes every object whose owner does not exist, as the garbage collector does in time.
    pub async fn collect_garbage(&self) {
        let orphans = self
            .with(|state| {
                let uids: BTreeSet<String> = kind::KINDS
                    .iter()
                    .flat_map(|kind| state.store.all(kind.plural))
                    .filter_map(|object| object["metadata"]["uid"].as_str().map(str::to_owned))
                    .collect();
                let mut orphans = Vec::new();
                for kind in &kind::KINDS {
                    for object in state.store.all(kind.plural) {
                        let metadata = &object["metadata"];
                        let owners = metadata["ownerReferences"].as_array();
                        let lives = |owner: &Value| {
                            owner["uid"].as_str().is_some_and(|uid| uids.contains(uid))
                        };
                        if owners.is_some_and(|owners| !owners.iter().any(lives)) {
                            let text = |field: &str| {
                                metadata[field].as_str().unwrap_or_default().to_owned()
                            };
                            orphans.push((kind.plural, text("namespace"), text("name")));
                        }
                    }
                }
                orphans
            })
            .await;
        for (plural, namespace, name) in orphans {
            self.delete(plural, &namespace, &name).await;
        }
    }

    /// From now on something goes wrong.
    pub async fn rule(&self, rule: Rule) {
        self.with(move |state| state.rules.push(rule)).await;
    }

    /// Nothing goes wrong any more.
    pub async fn heal(&self) {
        self.with(|state| {
            state.rules.clear();
            state.hanging.send_replace(0);
        })
        .await;
    }

    /// Waits until some request hangs.
    pub async fn hanging(&self) {
        let mut hanging = self.with(|state| state.hanging.subscribe()).await;
        hanging.wait_for(|count| *count > 0).await.expect("the server runs");
    }

    /// From now on watches of this resource hear nothing new: caches of it grow old.
    pub async fn hold(&self, plural: &'static str) {
        self.with(move |state| state.watches.hold(plural, &state.store)).await;
    }

    /// Watches of a held resource hear of one more change.
    pub async fn step(&self, plural: &'static str) {
        self.with(move |state| state.watches.step(plural, &state.store)).await;
    }

    /// Watches of this resource hear everything again.
    pub async fn release(&self, plural: &'static str) {
        self.with(move |state| state.watches.release(plural, &state.store)).await;
    }

    /// Ends all watches of a resource.
    pub async fn drop_watches(&self, plural: &'static str) {
        self.with(move |state| state.watches.drop(plural)).await;
    }

    /// Forgets how everything came to be: whoever is behind must list again.
    pub async fn compact(&self) {
        self.with(|state| state.store.compact()).await;
    }

    /// Sends a bookmark to every watch that asked for them.
    pub async fn bookmark(&self) {
        self.with(|state| state.watches.bookmark(&state.store)).await;
    }

    /// Every request so far, in the order in which they were carried out.
    pub async fn log(&self) -> Vec<Line> {
        self.with(|state| state.log.clone()).await
    }

    /// Forgets the requests so far.
    pub async fn clear_log(&self) {
        self.with(|state| state.log.clear()).await;
    }

    async fn with<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> T {
        with(&self.ask, what).await.expect("the server runs as long as its handle")
    }
}

async fn with<T: Send + 'static>(
    ask: &Asking,
    what: impl FnOnce(&mut State) -> T + Send + 'static,
) -> io::Result<T> {
    let (tell, told) = oneshot::channel();
    let asked = ask.send(Box::new(move |state| drop(tell.send(what(state)))));
    asked.map_err(|_| broken())?;
    told.await.map_err(|_| broken())
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer")
}

/// Answers one request, or lets it go wrong.
async fn serve(ask: Asking, request: Request<Body>) -> Result<Reply, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let call = match Call::read(&parts, body) {
        Ok(call) => call,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let line = Line {
        verb: call.verb,
        group: call.kind.group,
        resource: call.resource(),
        namespace: call.namespace.clone(),
        name: call.name.clone(),
        status: 0,
        done: false,
    };
    let arrived = line.clone();
    let fault =
        with(&ask, move |state| state.rules.iter_mut().find_map(|rule| rule.meets(&arrived)))
            .await?;
    match fault {
        None => {}
        Some(Fault::Delay(duration)) => tokio::time::sleep(duration).await,
        Some(Fault::Fail) => {
            with(&ask, move |state| state.log.push(line)).await?;
            return Err(broken().into());
        }
        Some(Fault::Refuse(refusal)) => {
            let line = Line { status: refusal.code, ..line };
            with(&ask, move |state| state.log.push(line)).await?;
            return Ok(refused(&refusal));
        }
        Some(Fault::LoseAnswer) => {
            drop(with(&ask, move |state| state.carry_out(&call, line, false)).await?);
            return Err(broken().into());
        }
        Some(Fault::HangBefore) => {
            with(&ask, move |state| {
                state.log.push(line);
                state.hanging.send_modify(|count| *count += 1);
            })
            .await?;
            return std::future::pending().await;
        }
        Some(Fault::HangAfter) => {
            with(&ask, move |state| {
                drop(state.carry_out(&call, line, false));
                state.hanging.send_modify(|count| *count += 1);
            })
            .await?;
            return std::future::pending().await;
        }
    }
    let timeout = call.parameter("timeoutSeconds").and_then(|text| text.parse().ok());
    let answer = with(&ask, move |state| state.carry_out(&call, line, true)).await?;
    Ok(match answer {
        Ok(Answer::Object(status, object)) => respond(status, &object),
        Ok(Answer::Stream(lines)) => stream(lines, timeout.map(Duration::from_secs)),
        Err(refusal) => refused(&refusal),
    })
}

impl State {
    /// Does what is asked, and takes it down.
    fn carry_out(&mut self, call: &Call, line: Line, answered: bool) -> Result<Answer, Refusal> {
        let key = || Key {
            plural: call.kind.plural,
            namespace: call.namespace.clone(),
            name: call.name.clone(),
        };
        let answer = match call.verb {
            Verb::Get => self
                .store
                .get(&key())
                .cloned()
                .map(|object| Answer::Object(StatusCode::OK, object))
                .ok_or_else(|| Refusal::not_found(call.kind, &call.name)),
            Verb::List => self.store.list(call).map(|list| Answer::Object(StatusCode::OK, list)),
            Verb::Watch => self.watches.open(&self.store, call).map(Answer::Stream),
            Verb::Create | Verb::Update | Verb::Patch | Verb::Delete => {
                self.store.write(call).map(|(status, object)| Answer::Object(status, object))
            }
        };
        let status = match &answer {
            Ok(Answer::Object(status, _)) => status.as_u16(),
            Ok(Answer::Stream(_)) => 200,
            Err(refusal) => refusal.code,
        };
        let status = if answered { status } else { 0 };
        self.log.push(Line { status, done: answer.is_ok(), ..line });
        answer
    }
}

fn refused(refusal: &Refusal) -> Reply {
    let status = StatusCode::from_u16(refusal.code).expect("a status");
    let mut response = respond(status, &refusal.status());
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn respond(status: StatusCode, object: &Value) -> Reply {
    let body = serde_json::to_vec(object).expect("JSON can be written");
    let body = Full::from(body).map_err(|never| match never {}).boxed_unsync();
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(body).expect("a good response")
}

/// A body that goes on until the server ends it, or its time is over.
fn stream(lines: mpsc::UnboundedReceiver<Bytes>, timeout: Option<Duration>) -> Reply {
    let lines = stream::unfold(lines, async |mut lines| {
        let line = lines.recv().await?;
        Some((Ok::<_, io::Error>(Frame::data(line)), lines))
    });
    let timeout = timeout.unwrap_or(Duration::from_mins(30));
    let lines = lines.take_until(Box::pin(tokio::time::sleep(timeout)));
    let response = Response::builder().header("content-type", "application/json");
    response.body(StreamBody::new(lines).boxed_unsync()).expect("a good response")
}
