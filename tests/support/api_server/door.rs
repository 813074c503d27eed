//! The same server on a port of this machine, for programs that are not in this process: over HTTP,
//! with a kubeconfig for each person, and with port-forwards.
//!
//! Who somebody is stands in their token: there is no authorization here but by
//! [`super::fault::Rule`].

use std::{
    collections::HashMap,
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};
use tower::BoxError;

use super::{ApiServer, Asking, Refusal, Reply, refused, respond, serve};

/// A server that can be reached.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    /// Where the gate of a pod listens.
    pods: watch::Sender<HashMap<String, SocketAddr>>,
    /// Counts up whenever every forward is to break.
    cut: watch::Sender<usize>,
}

impl ApiServer {
    /// Opens the door.
    pub async fn open(&self) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared =
            Arc::new(Shared { pods: watch::Sender::default(), cut: watch::Sender::default() });
        let (ask, its) = (self.ask.clone(), Arc::clone(&shared));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (ask, shared) = (ask.clone(), Arc::clone(&its));
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        answer(ask.clone(), Arc::clone(&shared), request)
                    });
                    let served = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades();
                    // A client that goes away is no failure.
                    drop(served.await);
                });
            }
        });
        Door { address, shared, _task: task }
    }
}

impl Door {
    /// A kubeconfig for this person in `directory`.
    pub fn kubeconfig(&self, directory: &Path, person: &str) -> PathBuf {
        let path = directory.join(format!("{person}.kubeconfig"));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "me", "user": {"token": person}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": "shop"}}],
        });
        let mut file = fs::File::create(&path).expect("writable");
        file.write_all(config.to_string().as_bytes()).expect("writable");
        path
    }

    /// From now on this pod's gate is there.
    pub fn forward(&self, pod: &str, gate: SocketAddr) {
        self.shared.pods.send_modify(|pods| {
            pods.insert(pod.to_owned(), gate);
        });
    }

    /// From now on there is no such pod.
    pub fn forget(&self, pod: &str) {
        self.shared.pods.send_modify(|pods| {
            pods.remove(pod);
        });
        self.cut();
    }

    /// Breaks every forward.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|times| *times += 1);
    }
}

async fn answer(
    ask: Asking,
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Reply, BoxError> {
    let path = request.uri().path().to_owned();
    if let Some(rest) = path.strip_suffix("/portforward") {
        let pod = rest.rsplit('/').next().unwrap_or_default();
        return Ok(forwarded(&shared, pod, request));
    }
    if path == "/apis/authentication.k8s.io/v1/selfsubjectreviews" {
        return Ok(respond(StatusCode::CREATED, &who(&request)));
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    serve(ask, Request::from_parts(parts, Body::from(body.to_vec()))).await
}

fn who(request: &Request<Incoming>) -> Value {
    let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let name = token.and_then(|token| token.strip_prefix("Bearer ")).unwrap_or_default();
    json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {},
        "status": {"userInfo": {"username": name, "groups": ["system:authenticated"]}},
    })
}

/// Kubernetes' own protocol: each frame begins with its channel, even for data and odd for errors, and
/// the first frame of each names the port.
fn forwarded(shared: &Arc<Shared>, pod: &str, request: Request<Incoming>) -> Reply {
    let Some(gate) = shared.pods.borrow().get(pod).copied() else {
        let text = format!("pods \"{pod}\" not found");
        return refused(&Refusal::new(404, "NotFound", text));
    };
    let query = request.uri().query().unwrap_or_default();
    let port = query.trim_start_matches('&').strip_prefix("ports=");
    let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
    assert_eq!(port, 7177, "not the gate's");
    let key = request.headers()["sec-websocket-key"].clone();
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
        .header("sec-websocket-protocol", "v4.channel.k8s.io");
    let mut cut = shared.cut.subscribe();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("upgraded");
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        tokio::select! {
            () = carry(socket, gate, port) => {}
            _ = cut.changed() => {}
        }
    });
    // It ends with its connection, or when it is cut.
    task.detach_all();
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    response.body(body).expect("a good response")
}

async fn carry<S>(socket: WebSocketStream<S>, gate: SocketAddr, port: u16)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut out, mut into) = socket.split();
    for channel in [0, 1] {
        let [low, high] = port.to_le_bytes();
        if out.send(Message::Binary(vec![channel, low, high].into())).await.is_err() {
            return;
        }
    }
    let Ok(stream) = TcpStream::connect(gate).await else {
        let mut text = vec![1];
        text.extend(b"connection refused");
        drop(out.send(Message::Binary(text.into())).await);
        return;
    };
    let (mut read, mut write) = stream.into_split();
    let up = async {
        while let Some(Ok(message)) = into.next().await {
            if let Message::Binary(bytes) = message
                && write.write_all(&bytes[1..]).await.is_err()
            {
                break;
            }
        }
        write.shutdown().await.ok();
    };
    let down = async {
        let mut piece = vec![0; 32 << 10];
        while let Ok(count @ 1..) = read.read(&mut piece).await {
            let frame = [&[0], &piece[..count]].concat();
            if out.send(Message::Binary(frame.into())).await.is_err() {
                break;
            }
        }
        out.close().await.ok();
    };
    // Whoever has said all of it waits for the other: what is under way when a socket is dropped with
    // something unread in it is lost.
    tokio::join!(up, down);
}
