//! The gate and a real Chromium: its debugging pipe behind the contract's socket.

use bytes::Bytes;
use handback::{
    page::cdp::Wire,
    pod::contract::{CDP_SOCKET, Size},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, UnixListener},
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    PATIENCE,
    house::{Agent, House},
};
use crate::chromium::Chromium;

/// Chromium's pipe as a socket. In its name anything can be said to the gate, and it tells on which
/// session elements can be pointed at.
struct Bridge {
    say: mpsc::UnboundedSender<String>,
    inspected: watch::Receiver<String>,
    _tasks: JoinSet<()>,
}

impl Bridge {
    fn new(listener: UnixListener, mut wire: Wire) -> Self {
        let (say, mut said) = mpsc::unbounded_channel::<String>();
        let (inspecting, inspected) = watch::channel(String::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut read = BufReader::new(read);
            let mut asked: Option<(Vec<u8>, String)> = None;
            let mut frame = Vec::new();
            loop {
                tokio::select! {
                    Some(event) = said.recv() => {
                        write.write_all(&[event.as_bytes(), b"\0"].concat()).await.unwrap();
                    }
                    Some(bytes) = wire.receive.recv() => {
                        if let Some((start, session)) = &asked && bytes.starts_with(start) {
                            inspecting.send_replace(session.clone());
                        }
                        if write.write_all(&[&bytes[..], b"\0"].concat()).await.is_err() { return }
                    }
                    read = read.read_until(0, &mut frame) => {
                        if read.unwrap_or(0) == 0 { return }
                        frame.pop();
                        let call: Value = serde_json::from_slice(&frame).unwrap();
                        if call["params"]["mode"] == "searchForNode" {
                            let start = format!("{{\"id\":{},", call["id"]).into_bytes();
                            asked = Some((start, call["sessionId"].as_str().unwrap().to_owned()));
                        }
                        let sent = wire.send.send(Bytes::from(std::mem::take(&mut frame))).await;
                        if sent.is_err() { return }
                    }
                }
            }
        });
        Self { say, inspected, _tasks: tasks }
    }
}

/// An agent with a session on the only tab.
async fn attached(agent: &mut Agent) -> Value {
    let targets = agent.call(json!({"id": 1, "method": "Target.getTargets"})).await;
    let infos = targets["result"]["targetInfos"].as_array().unwrap().clone();
    let tab = infos.iter().find(|info| info["type"] == "page").unwrap()["targetId"].clone();
    let attach = json!({"id": 2, "method": "Target.attachToTarget", "params": {"targetId": tab}});
    agent.call(attach).await["result"]["sessionId"].clone()
}

async fn evaluate(agent: &mut Agent, session: &Value, script: &str) -> Value {
    let params = json!({"expression": script, "returnByValue": true});
    let call =
        json!({"id": 90, "method": "Runtime.evaluate", "params": params, "sessionId": session});
    let answer = agent.call(call).await;
    answer["result"]["result"]["value"].clone()
}

const PAGE: &str = r#"document.body.innerHTML = `
  <main><h1>Pay</h1>
    <form id="pay"><label>Card <input name="card"></label>
      <button class="go" data-testid="pay-now"><b>Pay now</b></button></form>
    <ul><li><button class="go">Help</button></li><li><button>Help</button></li></ul>
    <p data-test="ada@example.com" title="eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0">text</p></main>`"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_real_chromium_is_driven_through_the_gate_and_its_elements_can_be_pointed_at() {
    let (chromium, wire) = Chromium::start();
    let mut bridged = None;
    let house = House::with(true, |config| {
        config.viewport = Size { width: 1000, height: 700 };
        let listener = UnixListener::bind(config.browser_sockets.join(CDP_SOCKET)).unwrap();
        bridged = Some(Bridge::new(listener, wire));
    })
    .await;
    let mut bridge = bridged.unwrap();
    let mut agent = house.agent().await;
    let session = attached(&mut agent).await;
    // The gate set the page's size, and it stays when the agent goes.
    let size = evaluate(&mut agent, &session, "[innerWidth, innerHeight]").await;
    assert_eq!(size, json!([1000, 700]));
    evaluate(&mut agent, &session, PAGE).await;
    let ledger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let told = format!(
        "const field = document.querySelector('input'); field.focus(); field.oninput = () => \
         fetch('http://127.0.0.1:{}/' + encodeURIComponent(field.value), {{mode: 'no-cors'}})",
        ledger.local_addr().unwrap().port()
    );
    evaluate(&mut agent, &session, &told).await;
    let mut nodes = Vec::new();
    agent.call(json!({"id": 4, "method": "DOM.enable", "sessionId": session})).await;
    for (id, selector) in (10_u64..).zip(["form b", "input", "li + li button", "p"]) {
        let expression = format!("document.querySelector('{selector}')");
        let find = json!({"id": id, "method": "Runtime.evaluate", "params": {"expression": expression}, "sessionId": session});
        let object = agent.call(find).await["result"]["result"]["objectId"].clone();
        let describe = json!({"id": id + 50, "method": "DOM.describeNode", "params": {"objectId": object}, "sessionId": session});
        nodes.push(agent.call(describe).await["result"]["node"]["backendNodeId"].clone());
    }
    // A large answer comes through whole.
    let long = evaluate(&mut agent, &session, "'x'.repeat(3_000_000)").await;
    assert_eq!(long.as_str().unwrap().len(), 3_000_000);
    agent.finish(&house.path("run")).await;

    let person = house.person().await;
    let mut control = person.take_over().await;
    control.say(json!({"type": "highlight", "action": "inspect", "enabled": true})).await;
    let inspected = bridge.inspected.wait_for(|session| !session.is_empty());
    let on = timeout(PATIENCE, inspected).await.unwrap().unwrap().clone();
    let mut picked = Vec::new();
    for node in &nodes {
        let params = json!({"backendNodeId": node});
        let event =
            json!({"method": "Overlay.inspectNodeRequested", "params": params, "sessionId": on});
        bridge.say.send(event.to_string()).unwrap();
        let message = control.hear_type("inspectNode").await;
        assert_eq!(message["backendNodeId"], *node);
        picked.push(message);
    }
    let candidates = |message: &Value| -> Vec<(String, String, u64)> {
        let all = message["candidates"].as_array().unwrap().iter();
        all.map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("kind"), text("value"), one["matches"].as_u64().unwrap())
        })
        .collect()
    };
    let one = |kind: &str, value: &str, matches| (kind.to_owned(), value.to_owned(), matches);
    // What is pointed at is what is clicked: the text in a button.
    assert_eq!(
        candidates(&picked[0]),
        [one("css", "b", 1), one("xpath", r#"//*[@id="pay"]/button[1]/b[1]"#, 1)]
    );
    assert_eq!(
        candidates(&picked[1]),
        [
            one("role", "textbox \"Card\"", 1),
            one("css", "input", 1),
            one("xpath", r#"//*[@id="pay"]/label[1]/input[1]"#, 1)
        ]
    );
    // Two elements are called so; the selectors say which.
    assert_eq!(picked[2]["name"], "button \"Help\"");
    let found = candidates(&picked[2]);
    assert_eq!(found[0], one("role", "button \"Help\"", 2));
    assert_eq!((found[1].0.as_str(), found[1].2), ("css", 1));
    // A mail address and a token stay where they are.
    let found = candidates(&picked[3]);
    assert!(
        found.iter().all(|(_, value, _)| !value.contains('@') || value.starts_with("/")),
        "{found:?}"
    );
    assert!(
        found.iter().all(|(kind, value, _)| kind != "testid" && !value.contains("eyJ")),
        "{found:?}"
    );
    assert_eq!(picked[0]["frame"], "about:");

    // Text goes where the focus is: into the field, as input that the page hears of.
    control.say(json!({"type": "paste", "text": "4111 é€"})).await;
    let (mut stream, _) = timeout(PATIENCE, ledger.accept()).await.unwrap().unwrap();
    let mut request = String::new();
    BufReader::new(&mut stream).read_line(&mut request).await.unwrap();
    assert_eq!(request, "GET /4111%20%C3%A9%E2%82%AC HTTP/1.1\r\n");
    control.say(json!({"type": "release", "outcome": "finish"})).await;
    assert_eq!(control.revoked().await, "released");
    drop(chromium);
}
