//! Chromium's debugging pipe for two: the agent, on a browser session of its own, and the gate.
//!
//! # Expected flow
//! The gate's own commands go out with [`Mux::call`] on the pipe's root session. For the agent the
//! gate attaches to the browser target and names that session with [`Mux::seat_agent`]; from then on
//! [`Mux::pass_on`] turns the agent's frames into Chromium's and [`Mux::sort`] sorts what
//! comes back.
//!
//! # Guarantees
//! - Request ids are ours on the pipe and the agent's towards the agent; session ids stay, and a
//!   frame that names a session of somebody else is refused.
//! - Methods that are not on [`allow`]'s list are refused.
//! - Results and events go through without being decoded: bytes are patched ([`head`]).
//! - What the agent holds down is known at any time ([`held`]).
//!
//! # Assumptions
//! The caller asks the lease before [`Mux::pass_on`], and writes what it gets in the same turn.

mod allow;
mod head;
mod held;

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::sync::oneshot;

use self::{head::Head, held::Held};
use crate::{decide::lease::Refusal, pod::contract::Size};

/// Why a command of the gate's has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChromeError {
    /// The pipe is closed.
    #[error("the browser is gone")]
    Gone,
    /// No answer in time.
    #[error("{0}: no answer")]
    Silent(&'static str),
    /// The browser refused; its words are not repeated, they may hold page text.
    #[error("{0}: refused")]
    Refused(&'static str),
}

/// Where a frame goes.
#[derive(Debug)]
pub(super) enum Out {
    /// To Chromium.
    Browser(Vec<u8>),
    /// To the agent.
    Agent(Vec<u8>),
    /// An event on one of the gate's own sessions.
    Event {
        /// `None` on the root.
        session: Option<String>,
        method: String,
        params: Box<RawValue>,
    },
}

/// The agent sent something that is no frame: its connection closes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What a command of the gate's is answered with.
pub(super) type Answer = oneshot::Sender<Result<Value, ChromeError>>;

/// Sessions, and requests that wait for their answer.
#[derive(Debug, Default)]
pub(super) struct Mux {
    last_id: u64,
    waiting: HashMap<u64, Waiting>,
    sessions: HashMap<String, Owner>,
    agent: Option<String>,
    /// What was attached on the pipe's root and has to be detached by somebody.
    loose: BTreeSet<String>,
    browser_target: Option<String>,
    held: Held,
}

#[derive(Debug)]
enum Waiting {
    Gate {
        method: &'static str,
        answer: Answer,
    },
    Agent {
        id: u64,
        input: bool,
        attaches: bool,
    },
    /// The agent is not interested any more.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Agent,
    Gate,
}

/// A frame of the agent's. The lists of fields are closed: what is not named is not passed on.
#[derive(Deserialize)]
struct Request<'a> {
    id: u64,
    #[serde(borrow)]
    method: std::borrow::Cow<'a, str>,
    #[serde(borrow, rename = "sessionId")]
    session: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
    session_id: String,
}

#[derive(Deserialize)]
struct WithParams<'a> {
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AttachAnswer {
    result: Option<Attached>,
}

#[derive(Deserialize)]
struct GateAnswer {
    result: Option<Value>,
}

impl Mux {
    /// A command of the gate's: the frame to send. The answer comes through `answer`.
    pub(super) fn call(
        &mut self,
        session: Option<&str>,
        method: &'static str,
        params: &Value,
        answer: Answer,
    ) -> Vec<u8> {
        let id = self.id();
        self.waiting.insert(id, Waiting::Gate { method, answer });
        frame(id, method, Some(&params.to_string()), session)
    }

    /// The agent's browser session, from `Target.attachToBrowserTarget`.
    pub(super) fn seat_agent(&mut self, session: String) {
        self.sessions.insert(session.clone(), Owner::Agent);
        self.agent = Some(session);
    }

    /// The browser's own target, to which nobody else attaches.
    pub(super) fn guard_target(&mut self, target: String) {
        self.browser_target = Some(target);
    }

    /// The sessions that outlive whoever made them, as the pipe's root does: the agent's, with all that
    /// nests below it, and the gate's own.
    pub(super) fn loose_sessions(&self) -> impl Iterator<Item = &String> {
        self.loose.iter()
    }

    /// This session of the gate's lives as long as the browser.
    pub(super) fn keep_session(&mut self, session: &str) {
        self.loose.remove(session);
    }

    /// The agent's session, if it has one.
    pub(super) fn agent_session(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// Whether input of the agent's is unanswered.
    pub(super) fn agent_input_waits(&self) -> bool {
        self.waiting.values().any(|waiting| matches!(waiting, Waiting::Agent { input: true, .. }))
    }

    /// The commands that let go what the agent holds down, each with its session. They go out on the
    /// agent's sessions, while those still exist.
    pub(super) fn release(&mut self, page: Size) -> Vec<(String, &'static str, Value)> {
        std::mem::take(&mut self.held).release(page)
    }

    /// Forgets the agent: its answers are dropped, its sessions belong to nobody.
    pub(super) fn unseat_agent(&mut self) {
        for waiting in self.waiting.values_mut() {
            if matches!(waiting, Waiting::Agent { .. }) {
                *waiting = Waiting::Nobody;
            }
        }
        self.sessions.retain(|_, owner| *owner != Owner::Agent);
        self.agent = None;
    }

    /// One frame of the agent's, which holds the lease: for Chromium, or a refusal for the agent.
    pub(super) fn pass_on(&mut self, json: &[u8]) -> Result<Out, Malformed> {
        let request: Request<'_> = serde_json::from_slice(json).map_err(|_| Malformed)?;
        let id = request.id;
        let refuse = |code: i32, kind: &str, message: &str| {
            let error = json!({"code": code, "message": message, "data": {"code": kind}});
            Ok(Out::Agent(json!({"id": id, "error": error}).to_string().into_bytes()))
        };
        let session = request.session.as_deref().or(self.agent.as_deref());
        let Some(session) = session.filter(|name| self.sessions.get(*name) == Some(&Owner::Agent))
        else {
            return refuse(-32001, "foreign_session", "the session is not the agent's");
        };
        let session = session.to_owned();
        let Some(method) = allow::allowed(&request.method) else {
            return refuse(-32601, "method_refused", "the gate does not pass this method");
        };
        let mut params = request.params.map(|params| params.get().to_owned());
        if allow::is_about_sessions(method) {
            // These are judged, so Chromium gets what was judged and not the text it came as.
            let mut value: Value = params
                .as_deref()
                .map_or(Ok(json!({})), serde_json::from_str)
                .map_err(|_| Malformed)?;
            if let Err(why) = self.judge(method, &mut value) {
                return refuse(-32602, "params_refused", why);
            }
            params = Some(value.to_string());
        }
        let input = method.starts_with("Input.");
        if input && let Some(params) = &params {
            self.held.note(method, &session, params);
        }
        let attaches = method == "Target.attachToTarget";
        let ours = self.id();
        self.waiting.insert(ours, Waiting::Agent { id, input, attaches });
        Ok(Out::Browser(frame(ours, method, params.as_deref(), Some(&session))))
    }

    /// Parameters that name sessions and targets.
    fn judge(&self, method: &str, params: &mut Value) -> Result<(), &'static str> {
        let object = params.as_object_mut().ok_or("parameters are an object")?;
        match method {
            "Target.attachToTarget" | "Target.setAutoAttach" => {
                // Without `flatten` frames would hide inside strings.
                object.insert("flatten".to_owned(), true.into());
            }
            "Target.detachFromTarget" => {
                let session = object.get("sessionId").and_then(Value::as_str);
                if !session.is_some_and(|name| self.sessions.get(name) == Some(&Owner::Agent)) {
                    return Err("the session is not the agent's");
                }
            }
            _ => {}
        }
        let target = object.get("targetId").and_then(Value::as_str);
        if target.is_some() && target == self.browser_target.as_deref() {
            return Err("the browser's own target is the gate's");
        }
        Ok(())
    }

    /// The refusal of a frame that came without the lease.
    pub(super) fn lease_refusal(
        json: &[u8],
        why: Refusal,
        epoch: u64,
    ) -> Result<Vec<u8>, Malformed> {
        let request: Request<'_> = serde_json::from_slice(json).map_err(|_| Malformed)?;
        let data = json!({
            "code": "lease_revoked", "reason": why.reason(), "epoch": epoch, "handoff": Value::Null
        });
        let error = json!({"code": -32001, "message": "the browser is held by somebody else", "data": data});
        Ok(json!({"id": request.id, "error": error}).to_string().into_bytes())
    }

    /// One frame of Chromium's; `None` if it is for nobody.
    pub(super) fn sort(&mut self, json: &[u8]) -> Option<Out> {
        let head = head::read(json)?;
        match head.id {
            Some(id) => self.answer(id, &head, json),
            None => self.event(&head, json),
        }
    }

    fn answer(&mut self, id: u64, head: &Head<'_>, json: &[u8]) -> Option<Out> {
        match self.waiting.remove(&id)? {
            Waiting::Nobody => None,
            Waiting::Gate { method, answer } => {
                let parsed: Option<GateAnswer> = serde_json::from_slice(json).ok();
                let result = parsed.and_then(|parsed| parsed.result);
                // Whoever asked may have stopped waiting.
                answer.send(result.ok_or(ChromeError::Refused(method))).ok();
                None
            }
            Waiting::Agent { id, attaches, .. } => {
                if attaches
                    && let Ok(AttachAnswer { result: Some(attached) }) =
                        serde_json::from_slice(json)
                {
                    self.sessions.insert(attached.session_id, Owner::Agent);
                }
                Some(Out::Agent(head.rewritten(json, Some(id), self.agent.as_deref())))
            }
        }
    }

    fn event(&mut self, head: &Head<'_>, json: &[u8]) -> Option<Out> {
        let owner = match &head.session {
            None => Owner::Gate,
            Some(session) => *self.sessions.get(session.as_ref())?,
        };
        let params =
            || -> Option<&RawValue> { serde_json::from_slice::<WithParams<'_>>(json).ok()?.params };
        let method = head.method.as_deref()?;
        if let "Target.attachedToTarget" | "Target.detachedFromTarget" = method {
            let session: Attached = serde_json::from_str(params()?.get()).ok()?;
            let root = head.session.is_none();
            if method == "Target.attachedToTarget" {
                if root {
                    self.loose.insert(session.session_id.clone());
                }
                // The root hears of the session that is being attached for the agent, too.
                self.sessions.entry(session.session_id).or_insert(owner);
            } else {
                self.sessions.remove(&session.session_id);
                if root {
                    self.loose.remove(&session.session_id);
                }
            }
        }
        Some(match owner {
            Owner::Agent => Out::Agent(head.rewritten(json, None, self.agent.as_deref())),
            Owner::Gate => Out::Event {
                session: head.session.as_deref().map(str::to_owned),
                method: method.to_owned(),
                params: params()?.to_owned(),
            },
        })
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

fn frame(id: u64, method: &str, params: Option<&str>, session: Option<&str>) -> Vec<u8> {
    let mut text = format!("{{\"id\":{id},\"method\":\"{method}\"");
    if let Some(params) = params {
        text.push_str(",\"params\":");
        text.push_str(params);
    }
    if let Some(session) = session {
        text.push_str(",\"sessionId\":");
        text.push_str(&Value::from(session).to_string());
    }
    text.push('}');
    text.into_bytes()
}

#[cfg(test)]
mod tests;
