//! A tab whose frames hold the walker and nothing else of ours: plain protocol messages, so that
//! the walker is tested without the page layer. Documents come from a server on loopback that
//! answers with what the URL itself carries; every host name leads to it.

use std::{collections::HashMap, time::Duration};

use axum::{Router, extract::RawQuery, response::Html};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use handback::page::{
    cdp::Wire,
    snapshot::{Child, Tree, parse},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use crate::chromium::Chromium;

/// The machine that runs the tests may be busy.
const DEADLINE: Duration = Duration::from_secs(30);
const WALKER: &str = include_str!("../../src/page/walker.js");

/// A tab under test.
pub(crate) struct Walked {
    wire: Wire,
    next: u64,
    /// The tab's own session.
    session: String,
    /// Sessions of out-of-process frames: frame id (also their target id), session.
    sessions: Vec<(String, String)>,
    /// The walker's worlds, in order of their making.
    worlds: Vec<World>,
    loaded: bool,
    _server: JoinSet<()>,
    browser: Chromium,
}

#[derive(Clone)]
struct World {
    session: String,
    frame: String,
    context: u64,
}

/// The URL of a document on any host.
pub(crate) fn document(host: &str, html: &str) -> String {
    format!("http://{host}/?{}", URL_SAFE_NO_PAD.encode(html))
}

async fn answer(RawQuery(query): RawQuery) -> Html<String> {
    let html = URL_SAFE_NO_PAD.decode(query.unwrap_or_default()).unwrap_or_default();
    Html(String::from_utf8(html).unwrap())
}

impl Walked {
    /// Starts a browser with one tab.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one that others may look at too. What is served on 127.0.0.1 is there as well.
    pub(crate) async fn start_open() -> Self {
        Self::start_with(&["--remote-debugging-port=0"]).await
    }

    async fn start_with(flags: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
        });
        let rules = format!("--host-resolver-rules=MAP * 127.0.0.1:{port}, EXCLUDE 127.0.0.1");
        let (browser, wire) = Chromium::start_with(&[&[rules.as_str()], flags].concat());
        let mut tab = Self {
            wire,
            next: 0,
            session: String::new(),
            sessions: Vec::new(),
            worlds: Vec::new(),
            loaded: false,
            _server: server,
            browser,
        };
        let targets = tab.call("", "Target.getTargets", json!({})).await;
        let page = targets["targetInfos"]
            .as_array()
            .unwrap()
            .iter()
            .find(|info| info["type"] == "page")
            .unwrap()["targetId"]
            .clone();
        let attached =
            tab.call("", "Target.attachToTarget", json!({"targetId": page, "flatten": true})).await;
        tab.session = attached["sessionId"].as_str().unwrap().to_owned();
        let session = tab.session.clone();
        tab.set_up(&session).await;
        let size = json!({"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": false});
        tab.call(&session, "Emulation.setDeviceMetricsOverride", size).await;
        tab.call(&session, "Page.bringToFront", json!({})).await;
        tab
    }

    async fn set_up(&mut self, session: &str) {
        let script = json!({"source": WALKER, "worldName": "handback"});
        let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
        self.post(session, "Page.enable", json!({})).await;
        self.post(session, "Page.addScriptToEvaluateOnNewDocument", script).await;
        self.post(session, "Target.setAutoAttach", attach).await;
        self.post(session, "Runtime.enable", json!({})).await;
        self.post(session, "Runtime.runIfWaitingForDebugger", json!({})).await;
    }

    /// Shows a document and waits until it and its frames have loaded.
    pub(crate) async fn show(&mut self, html: &str) {
        self.go("about:blank").await;
        self.go(&document("app.example", &format!("<!doctype html>{html}"))).await;
    }

    /// Goes to a page of another server.
    pub(crate) async fn visit(&mut self, url: &str) {
        self.go("about:blank").await;
        self.go(url).await;
    }

    /// Where others connect, if it is open.
    pub(crate) async fn endpoint(&self) -> String {
        let file = self.browser.profile().join("DevToolsActivePort");
        timeout(DEADLINE, async {
            loop {
                let said = std::fs::read_to_string(&file).unwrap_or_default();
                if let Some((port, path)) = said.trim().split_once('\n') {
                    return format!("ws://127.0.0.1:{port}{path}");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("it listens")
    }

    async fn go(&mut self, url: &str) {
        let session = self.session.clone();
        self.loaded = false;
        self.call(&session, "Page.navigate", json!({"url": url})).await;
        timeout(DEADLINE, async {
            while !self.loaded {
                self.receive().await;
            }
        })
        .await
        .expect("the document loads");
    }

    /// Runs a script in the page's own world of the main frame.
    pub(crate) async fn run(&mut self, script: &str) -> Value {
        let session = self.session.clone();
        let arguments = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let result = self.call(&session, "Runtime.evaluate", arguments).await;
        assert!(result.get("exceptionDetails").is_none(), "{script}: {result}");
        result["result"]["value"].clone()
    }

    /// Runs a script in the walker's world of the main frame.
    pub(crate) async fn ask(&mut self, script: &str) -> Value {
        let (session, main) = (self.session.clone(), self.main().await);
        let world = self.worlds.iter().find(|world| world.frame == main).unwrap().clone();
        self.evaluate(&session, world.context, script).await
    }

    async fn main(&mut self) -> String {
        let session = self.session.clone();
        let frames = self.call(&session, "Page.getFrameTree", json!({})).await;
        frames["frameTree"]["frame"]["id"].as_str().unwrap().to_owned()
    }

    /// The full tree of the tab.
    pub(crate) async fn tree(&mut self) -> Tree {
        let main = self.main().await;
        let worlds = self.worlds.clone();
        let mut tree = None;
        let mut children = Vec::new();
        let mut prefixes: HashMap<String, String> = HashMap::from([(main.clone(), String::new())]);
        for world in &worlds {
            let walk = self.evaluate(&world.session, world.context, "__hb.walk(1)").await;
            let walk = walk.as_str().unwrap().to_owned();
            if world.frame == main {
                tree = Some(parse("", &walk).unwrap());
                continue;
            }
            let prefix = format!("f{}", prefixes.len());
            prefixes.insert(world.frame.clone(), prefix.clone());
            // The frame element is in the parent's session; only that one knows it.
            let mut owner = None;
            for above in &worlds {
                if above.frame == world.frame {
                    continue;
                }
                if let Some(number) = self.owner(above, &world.frame).await {
                    owner = Some(format!("{}e{number}", prefixes[&above.frame]));
                }
            }
            let child = Child::Loaded(Box::new(parse(&prefix, &walk).unwrap()));
            children.push((owner.expect("a frame element"), child));
        }
        Tree::stitch(tree.expect("the main frame's walk"), children)
    }

    /// The number of a frame's element, if it is in this world.
    async fn owner(&mut self, world: &World, frame: &str) -> Option<u64> {
        let node = self.reply(&world.session, "DOM.getFrameOwner", json!({"frameId": frame})).await;
        let node = node.ok()?["backendNodeId"].clone();
        let arguments = json!({"backendNodeId": node, "executionContextId": world.context});
        let object = self.reply(&world.session, "DOM.resolveNode", arguments).await.ok()?;
        let arguments = json!({
            "objectId": object["object"]["objectId"],
            "functionDeclaration": "function () { return this.ownerDocument === document ? __hb.ref(this) : null }",
            "returnByValue": true,
        });
        let number = self.reply(&world.session, "Runtime.callFunctionOn", arguments).await.ok()?;
        number["result"]["value"].as_u64()
    }

    async fn evaluate(&mut self, session: &str, context: u64, script: &str) -> Value {
        let arguments = json!({"expression": script, "contextId": context, "returnByValue": true});
        let result = self.call(session, "Runtime.evaluate", arguments).await;
        assert!(result.get("exceptionDetails").is_none(), "{script}: {result}");
        result["result"]["value"].clone()
    }

    /// Sends a command and gives its result.
    pub(crate) async fn call(&mut self, session: &str, method: &str, arguments: Value) -> Value {
        match self.reply(session, method, arguments).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    async fn post(&mut self, session: &str, method: &str, params: Value) -> u64 {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = json!(session);
        }
        self.wire.send.send(Bytes::from(message.to_string())).await.unwrap();
        self.next
    }

    async fn reply(&mut self, session: &str, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.post(session, method, params).await;
        timeout(DEADLINE, async {
            loop {
                let message = self.receive().await;
                if message["id"] == id {
                    return match message.get("error") {
                        Some(error) => Err(error.clone()),
                        None => Ok(message["result"].clone()),
                    };
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{method} is not answered"))
    }

    async fn receive(&mut self) -> Value {
        let frame = self.wire.receive.recv().await.expect("the browser runs");
        let message: Value = serde_json::from_slice(&frame).unwrap();
        let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Runtime.executionContextCreated" if params["context"]["name"] == "handback" => {
                let context = &params["context"];
                self.worlds.push(World {
                    session,
                    frame: context["auxData"]["frameId"].as_str().unwrap().to_owned(),
                    context: context["id"].as_u64().unwrap(),
                });
            }
            "Runtime.executionContextDestroyed" => {
                let gone = params["executionContextId"].as_u64();
                self.worlds.retain(|one| one.session != session || Some(one.context) != gone);
            }
            "Runtime.executionContextsCleared" => {
                self.worlds.retain(|one| one.session != session);
            }
            "Target.attachedToTarget" => {
                let child = params["sessionId"].as_str().unwrap().to_owned();
                let frame = params["targetInfo"]["targetId"].as_str().unwrap().to_owned();
                self.sessions.push((frame, child.clone()));
                Box::pin(self.set_up(&child)).await;
            }
            "Target.detachedFromTarget" => {
                let child = params["sessionId"].as_str().unwrap();
                self.sessions.retain(|(_, one)| one != child);
                self.worlds.retain(|one| one.session != child);
            }
            "Page.loadEventFired" if session == self.session => self.loaded = true,
            _ => {}
        }
        message
    }
}
