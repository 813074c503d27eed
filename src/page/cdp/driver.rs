//! The one task that reads and writes the wire.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::{CdpError, Order, Session, Wire};

/// An event of the browser.
#[derive(Debug)]
pub(crate) struct Frame {
    /// `None` for the browser's own session.
    pub(crate) session: Option<Arc<str>>,
    /// For example `Page.frameNavigated`.
    pub(crate) method: String,
    /// To be read by those who know the method.
    pub(crate) params: Box<RawValue>,
}

/// What every frame from the browser is at first.
#[derive(Deserialize)]
struct Head<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sessionId")]
    session: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    data: Option<RefusalData>,
}

/// The gate's reason; the browser's own data is plain text.
#[derive(Deserialize)]
#[serde(untagged)]
enum RefusalData {
    Gate { code: String, reason: Option<String> },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Detached {
    #[serde(rename = "sessionId")]
    session: String,
}

struct Waiting {
    session: Option<Arc<str>>,
    method: Cow<'static, str>,
    reply: oneshot::Sender<Result<Box<RawValue>, CdpError>>,
}

/// Starts the conversation: the browser session, and the task to be run. `on_event` gets every
/// event before the answers that follow it are delivered; the task ends when either side closes.
pub(crate) fn drive(
    wire: Wire,
    on_event: impl Fn(Frame) + Send + 'static,
) -> (Session, impl Future<Output = ()> + Send + 'static) {
    let (orders, inbox) = mpsc::unbounded_channel();
    (Session { orders, id: None }, run(wire, inbox, on_event))
}

async fn run(
    wire: Wire,
    mut inbox: mpsc::UnboundedReceiver<Order>,
    on_event: impl Fn(Frame) + Send + 'static,
) {
    let Wire { send, mut receive } = wire;
    let mut waiting: HashMap<u64, Waiting> = HashMap::new();
    let mut outgoing: VecDeque<Bytes> = VecDeque::new();
    let mut last_id = 0_u64;
    loop {
        // Never waits for the way out alone: a browser that does not read may be waiting for us to.
        tokio::select! {
            order = inbox.recv() => {
                let Some(order) = order else { break };
                last_id += 1;
                outgoing.push_back(encode(last_id, &order));
                let Order { session, method, params: _, reply } = order;
                waiting.insert(last_id, Waiting { session, method, reply });
            }
            permit = send.reserve(), if !outgoing.is_empty() => {
                let Ok(permit) = permit else { break };
                if let Some(frame) = outgoing.pop_front() {
                    permit.send(frame);
                }
            }
            frame = receive.recv() => {
                let Some(frame) = frame else { break };
                take(&frame, &mut waiting, &on_event);
            }
        }
    }
    for (_, one) in waiting {
        one.reply.send(Err(CdpError::Gone)).ok();
    }
}

fn take(frame: &[u8], waiting: &mut HashMap<u64, Waiting>, on_event: &impl Fn(Frame)) {
    let head: Head<'_> = match serde_json::from_slice(frame) {
        Ok(head) => head,
        Err(error) => {
            tracing::warn!(%error, bytes = frame.len(), "unreadable frame from the browser");
            return;
        }
    };
    if let Some(id) = head.id {
        let Some(Waiting { method, reply, .. }) = waiting.remove(&id) else { return };
        let answer = match (head.error, head.result) {
            (Some(refusal), _) => Err(refusal.into_error(method)),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => Ok(RawValue::NULL.to_owned()),
        };
        // Nobody may be waiting any more.
        reply.send(answer).ok();
        return;
    }
    let Some(method) = head.method else { return };
    let session = head.session.map(|session| Arc::from(&*session));
    let params = head.params.unwrap_or(RawValue::NULL).to_owned();
    // A crashed page and a closed one do not answer what they were asked.
    let lost = match &*method {
        "Target.detachedFromTarget" => {
            serde_json::from_str::<Detached>(params.get()).ok().map(|detached| detached.session)
        }
        "Inspector.targetCrashed" => session.as_deref().map(str::to_owned),
        _ => None,
    };
    on_event(Frame { session, method: method.into_owned(), params });
    if let Some(lost) = lost {
        let ids: Vec<u64> = waiting
            .iter()
            .filter(|(_, one)| one.session.as_deref() == Some(lost.as_str()))
            .map(|(id, _)| *id)
            .collect();
        for Waiting { method, reply, .. } in ids.iter().filter_map(|id| waiting.remove(id)) {
            reply.send(Err(CdpError::TargetLost { method })).ok();
        }
    }
}

impl Refusal {
    fn into_error(self, method: Cow<'static, str>) -> CdpError {
        match self.data {
            Some(RefusalData::Gate { code, reason }) if code == "lease_revoked" => {
                CdpError::LeaseRevoked { reason: reason.unwrap_or(code) }
            }
            Some(RefusalData::Gate { .. } | RefusalData::Other(_)) | None => {
                CdpError::Refused { method, message: self.message }
            }
        }
    }
}

/// The session comes last, as in the browser's own frames, so that the gate can patch bytes.
fn encode(id: u64, order: &Order) -> Bytes {
    let mut text = format!(
        r#"{{"id":{id},"method":"{method}","params":{params}"#,
        method = order.method,
        params = order.params.get()
    );
    if let Some(session) = &order.session {
        text.push_str(r#","sessionId":""#);
        text.push_str(session);
        text.push('"');
    }
    text.push('}');
    text.into()
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;

    fn pair() -> (Session, mpsc::Receiver<Bytes>, mpsc::Sender<Bytes>, TaskTracker) {
        let (send, written) = mpsc::channel(8);
        let (answers, receive) = mpsc::channel(8);
        let (session, task) = drive(Wire { send, receive }, |_| ());
        let tasks = TaskTracker::new();
        tasks.spawn(task);
        (session, written, answers, tasks)
    }

    #[tokio::test]
    async fn answers_find_the_command_they_belong_to_in_any_order() {
        let (session, mut written, answers, _tasks) = pair();
        let tab = session.with_id(&Arc::from("T"));
        let first = session.post("A.one".into(), &serde_json::json!({}));
        let second = tab.post("A.two".into(), &serde_json::json!({"x": 1}));
        assert_eq!(written.recv().await.unwrap(), r#"{"id":1,"method":"A.one","params":{}}"#);
        assert_eq!(
            written.recv().await.unwrap(),
            r#"{"id":2,"method":"A.two","params":{"x":1},"sessionId":"T"}"#
        );
        answers.send(r#"{"id":2,"result":{"n":2},"sessionId":"T"}"#.into()).await.unwrap();
        answers.send(r#"{"id":1,"result":{"n":1}}"#.into()).await.unwrap();
        assert_eq!(first.get::<serde_json::Value>().await.unwrap()["n"], 1);
        assert_eq!(second.get::<serde_json::Value>().await.unwrap()["n"], 2);
    }

    #[tokio::test]
    async fn a_refusal_of_the_gate_is_told_from_one_of_the_browser() {
        let (session, mut written, answers, _tasks) = pair();
        for (error, wanted) in [
            (
                r#"{"code":-32001,"message":"no","data":{"code":"lease_revoked","reason":"human","epoch":8}}"#,
                "the browser is held by somebody else (human)",
            ),
            (r#"{"code":-32000,"message":"No such thing","data":"text"}"#, "A.x: No such thing"),
            (r#"{"code":-32000,"message":"No such thing"}"#, "A.x: No such thing"),
        ] {
            let reply = session.post("A.x".into(), &());
            let sent = String::from_utf8(written.recv().await.unwrap().to_vec()).unwrap();
            let id = sent.split([':', ',']).nth(1).unwrap().to_owned();
            answers.send(format!(r#"{{"id":{id},"error":{error}}}"#).into()).await.unwrap();
            assert_eq!(reply.done().await.unwrap_err().to_string(), wanted);
        }
    }

    #[tokio::test]
    async fn what_a_closed_page_or_browser_was_asked_fails_at_once() {
        let (session, mut written, answers, _tasks) = pair();
        let of_tab = session.with_id(&Arc::from("T")).post("A.x".into(), &());
        let of_browser = session.post("A.y".into(), &());
        written.recv().await.unwrap();
        written.recv().await.unwrap();
        let event = r#"{"method":"Target.detachedFromTarget","params":{"sessionId":"T"}}"#;
        answers.send(event.into()).await.unwrap();
        assert!(matches!(of_tab.done().await, Err(CdpError::TargetLost { .. })));
        drop(answers);
        assert!(matches!(of_browser.done().await, Err(CdpError::Gone)));
        assert!(matches!(session.post("A.z".into(), &()).done().await, Err(CdpError::Gone)));
    }
}
