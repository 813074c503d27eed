//! Inspect: a person points at an element and gets ways to find it again (handoff.md 3.2).
//!
//! # Expected flow
//! One task for as long as the person holds the input, from the first time that something is to be
//! highlighted. It attaches sessions of its own to every tab and frame, and detaches them at its
//! end, which is when the sender of its orders is dropped.
//!
//! # Assumptions
//! What the page says about itself (names, attributes) is untrusted text: it is offered as it is or,
//! where strict redaction would change it, not at all.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    cdp::ChromeError,
    chrome::{Chrome, text},
    session::Command,
};
use crate::{decide::lease::Seat, redact::Redactor};

/// What to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Picking on or off.
    Mode(bool),
    /// The browser says that this node was picked.
    Picked { session: String, node: i64 },
    /// Highlights a node of the document that was picked in.
    Show(i64),
    /// No highlight.
    Hide,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Inspector {
    pub(super) chrome: Chrome,
    pub(super) seat: Seat,
    pub(super) redactor: Arc<Redactor>,
    pub(super) commands: mpsc::Sender<Command>,
}

/// Finds the candidates of the element it is called on; runs in a world of its own.
const CANDIDATES: &str = include_str!("inspect/candidates.js");
/// The world's name, which pages cannot enter.
const WORLD: &str = "handback-inspect";

impl Inspector {
    /// Obeys until the orders end.
    pub(super) async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut sessions = Vec::new();
        let mut shown: Option<String> = None;
        while let Some(order) = orders.recv().await {
            match order {
                Order::Mode(true) => {
                    self.leave(&mut sessions).await;
                    sessions = self.enter().await;
                }
                Order::Mode(false) => {
                    for session in &sessions {
                        self.mode(session, "none").await.ok();
                    }
                }
                Order::Picked { session, node } => {
                    if let Ok(message) = self.describe(&session, node).await {
                        let picked = Command::Picked { seat: self.seat, message };
                        self.commands.send(picked).await.ok();
                    }
                    shown = Some(session);
                }
                Order::Show(node) => {
                    if let Some(session) = &shown {
                        let params = json!({"backendNodeId": node, "highlightConfig": highlight()});
                        self.chrome.on(session, "Overlay.highlightNode", params).await.ok();
                    }
                }
                Order::Hide => {
                    if let Some(session) = &shown {
                        self.chrome.on(session, "Overlay.hideHighlight", json!({})).await.ok();
                    }
                }
            }
        }
        self.leave(&mut sessions).await;
    }

    async fn enter(&self) -> Vec<String> {
        let mut sessions = Vec::new();
        for target in self.chrome.pages_and_frames().await.unwrap_or_default() {
            let Ok(session) = self.chrome.attach(&target).await else { continue };
            // A tab that is just closing is no reason to inspect nothing.
            if self.prepare(&session).await.is_ok() {
                sessions.push(session);
            } else {
                self.chrome.detach(&session).await;
            }
        }
        sessions
    }

    async fn prepare(&self, session: &str) -> Result<(), ChromeError> {
        self.chrome.on(session, "DOM.enable", json!({})).await?;
        self.chrome.on(session, "Overlay.enable", json!({})).await?;
        self.mode(session, "searchForNode").await
    }

    async fn mode(&self, session: &str, mode: &str) -> Result<(), ChromeError> {
        let params = json!({"mode": mode, "highlightConfig": highlight()});
        self.chrome.on(session, "Overlay.setInspectMode", params).await.map(drop)
    }

    /// Detaching ends mode and highlight.
    async fn leave(&self, sessions: &mut Vec<String>) {
        for session in sessions.drain(..) {
            self.mode(&session, "none").await.ok();
            self.chrome.detach(&session).await;
        }
    }

    /// The message to the page about a picked node.
    async fn describe(&self, session: &str, node: i64) -> Result<Value, ChromeError> {
        let object = self.resolve(session, node).await?;
        let call = json!({
            "objectId": object, "functionDeclaration": CANDIDATES, "returnByValue": true,
        });
        let found = self.chrome.on(session, "Runtime.callFunctionOn", call).await?;
        let found = found.pointer("/result/value").cloned().unwrap_or_default();
        let mut candidates = Vec::new();
        let mut name = None;
        if let Ok((role, label, matches)) = self.accessible(session, &object).await {
            let shown = format!("{role} \"{label}\"");
            if !label.is_empty() && self.is_harmless(&label) {
                candidates.push(json!({"kind": "role", "value": shown, "matches": matches}));
                name = Some(shown);
            }
        }
        let others = found.get("candidates").and_then(Value::as_array);
        candidates.extend(
            others
                .into_iter()
                .flatten()
                .filter(|candidate| {
                    text(candidate, "/value").is_some_and(|value| self.is_harmless(&value))
                })
                .cloned(),
        );
        let frame = text(&found, "/url").map(|url| self.redactor.url(&url)).unwrap_or_default();
        let name = name.or_else(|| text(&found, "/tag"));
        Ok(json!({
            "type": "inspectNode", "backendNodeId": node, "frame": frame, "name": name,
            "candidates": candidates,
        }))
    }

    fn is_harmless(&self, value: &str) -> bool {
        self.redactor.strict(value) == value
    }

    /// The node as an object in a world that the page cannot reach: that of whichever frame of the
    /// target it belongs to.
    async fn resolve(&self, session: &str, node: i64) -> Result<String, ChromeError> {
        let tree = self.chrome.on(session, "Page.getFrameTree", json!({})).await?;
        let mut frames = Vec::new();
        collect(tree.get("frameTree"), &mut frames);
        for frame in frames {
            let world = json!({"frameId": frame, "worldName": WORLD});
            let world = self.chrome.on(session, "Page.createIsolatedWorld", world).await;
            let Ok(world) = world else { continue };
            let context = world.get("executionContextId").cloned().unwrap_or_default();
            let params = json!({"backendNodeId": node, "executionContextId": context});
            let resolved = self.chrome.on(session, "DOM.resolveNode", params).await;
            if let Some(object) = resolved.ok().and_then(|node| text(&node, "/object/objectId")) {
                return Ok(object);
            }
        }
        Err(ChromeError::Refused("DOM.resolveNode"))
    }

    /// Role, accessible name, and how many elements of the document have both.
    async fn accessible(
        &self,
        session: &str,
        object: &str,
    ) -> Result<(String, String, usize), ChromeError> {
        let unknown = || ChromeError::Refused("Accessibility.getPartialAXTree");
        let params = json!({"objectId": object, "fetchRelatives": false});
        let tree = self.chrome.on(session, "Accessibility.getPartialAXTree", params).await?;
        let first = tree.pointer("/nodes/0").ok_or_else(unknown)?;
        let role = text(first, "/role/value").filter(|role| role != "none").ok_or_else(unknown)?;
        let name = text(first, "/name/value").unwrap_or_default();
        let document = json!({
            "objectId": object, "functionDeclaration": "function () { return this.ownerDocument; }",
        });
        let document = self.chrome.on(session, "Runtime.callFunctionOn", document).await?;
        let document = text(&document, "/result/objectId").ok_or_else(unknown)?;
        let query = json!({"objectId": document, "accessibleName": name, "role": role});
        let same = self.chrome.on(session, "Accessibility.queryAXTree", query).await?;
        let matches = same.get("nodes").and_then(Value::as_array).map_or(0, Vec::len);
        Ok((role, name, matches))
    }
}

fn collect(tree: Option<&Value>, frames: &mut Vec<String>) {
    let Some(tree) = tree else { return };
    frames.extend(text(tree, "/frame/id"));
    let children = tree.get("childFrames").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        collect(Some(child), frames);
    }
}

/// Orange: a person's hand on the browser.
fn highlight() -> Value {
    json!({
        "showInfo": true,
        "contentColor": {"r": 234, "g": 88, "b": 12, "a": 0.25},
        "borderColor": {"r": 234, "g": 88, "b": 12, "a": 1},
    })
}
