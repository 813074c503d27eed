//! A gate in the process with its neighbours, an agent, and people with a real HTTP client.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use handback::{
    clock::Clock,
    gate::{self, Address, Config, Ended, Handle, RunFacts},
    pod::contract::{AgentFrame, Artifact, FromGate, Size, ToGate},
    redact::Redactor,
};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, peers::Peers};

pub(crate) const RUN: &str = "01jrun";

/// A clock that the test moves.
#[derive(Debug, Default)]
pub(crate) struct Hands(AtomicU64);

impl Hands {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn boot(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst)) + Duration::from_secs(1000)
    }
}

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) handle: Handle,
    pub(crate) address: SocketAddr,
    pub(crate) peers: Peers,
    pub(crate) clock: Arc<Hands>,
    pub(crate) shutdown: CancellationToken,
    gate: JoinSet<Ended>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(true, |_| {}).await
    }

    pub(crate) async fn with(display: bool, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::Builder::new().prefix("hb-gate-").tempdir().unwrap();
        for name in ["sockets", "agent", "run", "media"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let at = |name: &str| dir.path().join(name);
        let clock = Arc::new(Hands::default());
        let mut config = Config {
            run: RunFacts {
                id: RUN.to_owned(),
                name: "checkout".to_owned(),
                url: "http://shop.test/".to_owned(),
            },
            browser_sockets: at("sockets"),
            agent_socket: at("agent/agent.sock"),
            run_dir: at("run"),
            media: at("media"),
            viewport: Size { width: 1280, height: 720 },
            insecure_tls: false,
            resolver_rules: vec![],
            keep_alive: Some(Duration::from_mins(15)),
            user: "ada".to_owned(),
            storage: None,
            redactor: Arc::new(Redactor::new(vec![])),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            pod: None,
            takes_over: None,
        };
        change(&mut config);
        let peers = Peers::start(&config.browser_sockets, &config.media, display);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (handle, orders) = gate::handle(&config, &listener).unwrap();
        let shutdown = CancellationToken::new();
        let mut gate = JoinSet::new();
        let token = shutdown.clone();
        gate.spawn(async move { gate::run(config, listener, orders, token).await.unwrap() });
        Self { dir, handle, address, peers, clock, shutdown, gate }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn host(&self) -> String {
        format!("{RUN}.localhost:{}", self.address.port())
    }

    /// Waits for the gate's end.
    pub(crate) async fn ended(&mut self) -> Ended {
        timeout(PATIENCE, self.gate.join_next()).await.expect("the gate ends").unwrap().unwrap()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.gate.try_join_next().is_some()
    }

    /// An agent that has not said anything yet.
    pub(crate) async fn connected_agent(&self) -> Agent {
        Agent::connect(&self.path("agent/agent.sock")).await
    }

    /// An agent that holds the lease.
    pub(crate) async fn agent(&self) -> Agent {
        let mut agent = Agent::connect(&self.path("agent/agent.sock")).await;
        let (run, name) = (RUN.to_owned(), "checkout".to_owned());
        agent.say(&ToGate::Hello { run, name, url: "http://shop.test/".to_owned() }).await;
        let FromGate::Granted { epoch, .. } = agent.hear().await else { panic!("not granted") };
        agent.epoch = epoch;
        agent
    }

    /// A run that is over, with some files; its agent has gone.
    pub(crate) async fn finished(&self) {
        let mut agent = self.agent().await;
        agent.finish(&self.path("run")).await;
    }

    pub(crate) async fn person(&self) -> Person {
        self.enter(self.handle.address(None).await.unwrap()).await
    }

    pub(crate) async fn person_named(&self, name: &str) -> Person {
        self.enter(self.handle.address_for(name, None).await.unwrap()).await
    }

    async fn enter(&self, address: Address) -> Person {
        let mut person = Person::new(self.address);
        let token = token(&address);
        let (status, body) = person.session(&[("X-Handback-Token", &token)]).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        person
    }
}

pub(crate) fn token(address: &Address) -> String {
    address.url.expose().split_once("#t=").unwrap().1.to_owned()
}

/// The agent's side of the contract.
pub(crate) struct Agent {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    pub(crate) epoch: u64,
}

impl Agent {
    async fn connect(socket: &std::path::Path) -> Self {
        let until = tokio::time::Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(socket).await {
                Ok(stream) => break stream,
                Err(error) => assert!(tokio::time::Instant::now() < until, "{error}"),
            }
            tokio::task::yield_now().await;
        };
        let (read, write) = stream.into_split();
        Self { read: BufReader::new(read), write, epoch: 0 }
    }

    pub(crate) async fn say(&mut self, message: &ToGate) {
        let json = serde_json::to_vec(message).unwrap();
        self.write.write_all(&AgentFrame::Message(&json).encode()).await.unwrap();
    }

    pub(crate) async fn send(&mut self, epoch: u64, frame: &Value) {
        let json = frame.to_string().into_bytes();
        let frame = AgentFrame::Cdp { epoch: Some(epoch), json: &json };
        self.write.write_all(&frame.encode()).await.unwrap();
    }

    async fn frame(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.read.read_until(0, &mut bytes)).await;
        assert_ne!(read.expect("the gate says something").unwrap(), 0, "the gate hung up");
        bytes.pop();
        bytes
    }

    /// The next message of the contract; frames of the browser before it are skipped.
    pub(crate) async fn hear(&mut self) -> FromGate {
        loop {
            let bytes = self.frame().await;
            if let Some(AgentFrame::Message(json)) = AgentFrame::from_gate(&bytes) {
                return serde_json::from_slice(json).unwrap();
            }
        }
    }

    /// The next frame of the browser's.
    pub(crate) async fn cdp(&mut self) -> Value {
        loop {
            let bytes = self.frame().await;
            if let Some(AgentFrame::Cdp { json, .. }) = AgentFrame::from_gate(&bytes) {
                return serde_json::from_slice(json).unwrap();
            }
        }
    }

    pub(crate) async fn call(&mut self, frame: Value) -> Value {
        self.send(self.epoch, &frame).await;
        loop {
            let answer = self.cdp().await;
            if answer["id"] == frame["id"] {
                return answer;
            }
        }
    }

    pub(crate) async fn artifact(&mut self, path: &str, kind: &str, media_type: &str) {
        let (path, kind) = (path.to_owned(), kind.to_owned());
        let artifact = Artifact { path, kind, media_type: media_type.to_owned() };
        self.say(&ToGate::Artifact(artifact)).await;
    }

    pub(crate) async fn finish(&mut self, run: &std::path::Path) {
        std::fs::write(run.join("results.json"), "0123456789").unwrap();
        self.artifact("results.json", "results", "application/json").await;
        self.say(&ToGate::Finished { verdict: "passed".to_owned(), reason: None, exit_code: 0 })
            .await;
        while !matches!(self.hear().await, FromGate::Sealed) {}
    }
}

/// A page, as far as the gate can tell.
#[derive(Clone)]
pub(crate) struct Person {
    client: reqwest::Client,
    address: SocketAddr,
    /// The label before `.localhost`.
    label: String,
    pub(crate) cookie: String,
    pub(crate) seat: String,
    pub(crate) secret: String,
}

pub(crate) type Socket = WebSocketStream<TcpStream>;

impl Person {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::at(address, RUN)
    }

    /// One that asks under this name.
    pub(crate) fn at(address: SocketAddr, label: &str) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .resolve(&format!("{label}.localhost"), address)
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let (cookie, seat, secret) = (String::new(), String::new(), String::new());
        Self { client, address, label: label.to_owned(), cookie, seat, secret }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}.localhost:{}", self.label, self.address.port())
    }

    pub(crate) fn proof(&self) -> String {
        format!("{}.{}", self.seat, self.secret)
    }

    /// `POST /api/session` with these headers; takes the seat that it gives.
    pub(crate) async fn session(&mut self, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let (status, head, body) = self.raw(Method::POST, "/api/session", headers, "").await;
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        if status == StatusCode::OK {
            let cookie = head["set-cookie"].to_str().unwrap();
            assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
            self.cookie = cookie.split(';').next().unwrap().to_owned();
            self.seat = body["seat"]["id"].as_str().unwrap().to_owned();
            self.secret = body["seat"]["secret"].as_str().unwrap().to_owned();
        }
        (status, body)
    }

    /// A request with nothing but our origin and these headers.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.origin()));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("origin")) {
            request = request.header("Origin", self.origin());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, response.text().await.unwrap())
    }

    pub(crate) async fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, String) {
        let headers = [&[("Cookie", self.cookie.as_str())], headers].concat();
        self.raw(Method::GET, path, &headers, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let proof = self.proof();
        let headers = [("Cookie", self.cookie.as_str()), ("X-Handback-Seat", &proof)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, body) = self.raw(Method::POST, path, &headers, &body).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// Waits until the gate has seen to all that this page sent before. No sign of life.
    pub(crate) async fn seen(&self) {
        let (code, _, _) = self.get("/runs/none/none", &[]).await;
        assert_eq!(code, StatusCode::NOT_FOUND);
    }

    pub(crate) async fn events(&self, after: Option<u64>) -> Events {
        let mut request = self
            .client
            .get(format!("{}/api/events", self.origin()))
            .header("Cookie", &self.cookie)
            .header("X-Handback-Seat", self.proof());
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Events { response, rest: String::new() }
    }

    pub(crate) async fn socket(&self, path: &str) -> Result<Socket, Error> {
        let protocols = format!("handback, seat.{}", self.proof());
        self.socket_with(path, &self.origin(), &protocols).await
    }

    pub(crate) async fn socket_with(
        &self,
        path: &str,
        origin: &str,
        protocols: &str,
    ) -> Result<Socket, Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("{}{path}", self.origin()).replace("http:", "ws:");
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Origin", origin.parse().unwrap());
        headers.insert("Cookie", self.cookie.parse().unwrap());
        headers.insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
        let (socket, response) = client_async(request, stream).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "handback");
        Ok(socket)
    }

    /// A screen past its handshake.
    pub(crate) async fn screen(&self) -> Screen {
        let mut screen = Screen {
            socket: self.socket("/api/rfb").await.unwrap(),
            bytes: Vec::new(),
            size: (0, 0),
        };
        assert_eq!(screen.take(12).await, b"RFB 003.008\n");
        screen.send(b"RFB 003.008\n").await;
        assert_eq!(screen.take(2).await, [1, 1]);
        screen.send(&[1]).await;
        assert_eq!(screen.take(4).await, [0; 4]);
        // Not shared: the gate does not pass that on.
        screen.send(&[0]).await;
        let init = screen.take(24).await;
        let side = |at: usize| u16::from_be_bytes([init[at], init[at + 1]]);
        screen.size = (side(0), side(2));
        let name = u32::from_be_bytes(init[20..24].try_into().unwrap());
        screen.take(name as usize).await;
        screen
    }

    pub(crate) async fn control(&self) -> Control {
        Control { socket: self.socket("/api/control").await.unwrap() }
    }

    /// Takes over and is past the first word of the control connection.
    pub(crate) async fn take_over(&self) -> Control {
        let (status, body) = self.post("/api/takeover", Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let mut control = self.control().await;
        let first = control.hear().await;
        assert_eq!((&first["type"], &first["state"]), (&json!("lease"), &json!("granted")));
        control
    }
}

pub(crate) struct Events {
    response: reqwest::Response,
    rest: String,
}

impl Events {
    /// The next event: its name, its id, its data.
    pub(crate) async fn next(&mut self) -> (String, Option<u64>, Value) {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let event = event.to_owned();
                self.rest = rest.to_owned();
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let Some(name) = field("event: ") else { continue };
                let id = field("id: ").map(|id| id.parse().unwrap());
                return (name, id, serde_json::from_str(&field("data: ").unwrap()).unwrap());
            }
            let chunk = self.response.chunk().await.unwrap().expect("more events");
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The first event that is like this.
    pub(crate) async fn find(&mut self, name: &str, like: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (found, _, data) = self.next().await;
            if found == name && like(&data) {
                return data;
            }
        }
    }
}

pub(crate) struct Screen {
    pub(crate) socket: Socket,
    bytes: Vec<u8>,
    /// Width and height of the desktop when it was opened.
    pub(crate) size: (u16, u16),
}

impl Screen {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.socket.send(Message::Binary(bytes.to_vec().into())).await.unwrap();
    }

    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.bytes.len() < length {
            match timeout(PATIENCE, self.socket.next()).await.expect("pixels") {
                Some(Ok(Message::Binary(bytes))) => self.bytes.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
        self.bytes.drain(..length).collect()
    }

    /// Asks for pixels and waits for the answer: all that was sent before has been judged.
    pub(crate) async fn settle(&mut self) {
        self.send(&[3, 1, 0, 0, 0, 0, 0, 1, 0, 1]).await;
        assert_eq!(self.take(1).await, [2]);
    }

    /// The code with which the gate closes it.
    pub(crate) async fn closed(mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("it closes") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) struct Control {
    pub(crate) socket: Socket,
}

impl Control {
    pub(crate) async fn say(&mut self, message: Value) {
        self.socket.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Value {
        match timeout(PATIENCE, self.socket.next()).await.expect("the gate says something") {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == kind {
                return heard;
            }
        }
    }

    /// The reason with which the lease was revoked.
    pub(crate) async fn revoked(&mut self) -> String {
        loop {
            let heard = self.hear().await;
            if heard["type"] == "lease" && heard["state"] == "revoked" {
                return heard["reason"].as_str().unwrap().to_owned();
            }
        }
    }
}
