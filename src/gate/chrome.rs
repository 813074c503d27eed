//! The gate's own commands to Chromium, as plain JSON: what has to outlive the agent's sessions.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use super::{cdp::ChromeError, session::Command};
use crate::{decide::lease::Seat, pod::contract::Size};

/// Ten times what a busy machine was seen to take.
const ANSWER: Duration = Duration::from_secs(5);
/// A window takes its new size within a few frames; ten times that.
const RESIZE: Duration = Duration::from_secs(2);
/// Chromium's windows are at least this wide; a narrower page is emulated.
const NARROWEST_WINDOW: u32 = 500;

/// A cheap handle to one browser; the session writes the commands.
#[derive(Clone, Debug)]
pub(super) struct Chrome {
    commands: mpsc::Sender<Command>,
    generation: u64,
    /// Commands are refused unless this seat holds the input.
    acting: Option<Seat>,
}

/// A command that waits to be written.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) generation: u64,
    pub(super) acting: Option<Seat>,
    pub(super) session: Option<String>,
    pub(super) method: &'static str,
    pub(super) params: Value,
    pub(super) answer: super::cdp::Answer,
}

/// What the gate learns of a browser that it set up.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The browser's own target.
    pub(super) browser_target: Option<String>,
    /// The session whose end would undo something.
    pub(super) kept_session: Option<String>,
}

impl Chrome {
    /// The browser of this generation.
    pub(super) fn new(commands: mpsc::Sender<Command>, generation: u64) -> Self {
        Self { commands, generation, acting: None }
    }

    /// The same, for what a person does: refused from the moment the seat loses the input.
    pub(super) fn acting_for(&self, seat: Seat) -> Self {
        Self { acting: Some(seat), ..self.clone() }
    }

    /// One command on the pipe's root.
    pub(super) async fn root(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Value, ChromeError> {
        self.call(None, method, params).await
    }

    /// One command on a session.
    pub(super) async fn on(
        &self,
        session: &str,
        method: &'static str,
        params: Value,
    ) -> Result<Value, ChromeError> {
        self.call(Some(session.to_owned()), method, params).await
    }

    async fn call(
        &self,
        session: Option<String>,
        method: &'static str,
        params: Value,
    ) -> Result<Value, ChromeError> {
        let (answer, wait) = oneshot::channel();
        let (generation, acting) = (self.generation, self.acting);
        let call = Call { generation, acting, session, method, params, answer };
        let sent = self.commands.send(Command::Call(call)).await;
        sent.map_err(|_| ChromeError::Gone)?;
        match timeout(ANSWER, wait).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ChromeError::Gone),
            Err(_) => Err(ChromeError::Silent(method)),
        }
    }

    /// Sets what belongs to the browser and not to a session: the size of the page, where downloads go.
    /// It stays as it is when the agent goes, so that nothing moves under a person's hands.
    /// `left` are sessions of the run before.
    pub(super) async fn prepare(
        &self,
        viewport: Size,
        left: Vec<String>,
        downloads: &Path,
    ) -> Result<Prepared, ChromeError> {
        for session in left {
            self.detach(&session).await;
        }
        let info = self.root("Target.getTargetInfo", json!({})).await?;
        let browser_target = text(&info, "/targetInfo/targetId");
        let target = self.pages().await?.into_iter().next();
        let target = target.ok_or(ChromeError::Refused("Target.getTargets"))?;
        let session = self.attach(&target).await?;
        let resized = viewport.width >= NARROWEST_WINDOW && self.resize(&target, viewport).await;
        // Without windows (the browser's own headless mode) a size may not be taken.
        let kept_session = if resized && self.becomes(&session, viewport).await {
            self.detach(&session).await;
            None
        } else {
            let (width, height) = (viewport.width, viewport.height);
            let metrics =
                json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
            // The override ends with the session that made it: this one stays.
            self.on(&session, "Emulation.setDeviceMetricsOverride", metrics).await?;
            Some(session)
        };
        self.lead_downloads(downloads).await?;
        Ok(Prepared { browser_target, kept_session })
    }

    /// Takes up a browser that an earlier gate has set up, and ends the sessions that it left, by whomever
    /// they were made: new tabs and frames would wait for an agent that is gone. The page itself is
    /// not touched, since a person may be at work in it; it may show a dialog or hang.
    pub(super) async fn take_up(
        &self,
        left: Vec<String>,
        downloads: &Path,
    ) -> Result<Prepared, ChromeError> {
        let info = self.root("Target.getTargetInfo", json!({})).await?;
        for session in left {
            self.detach(&session).await;
        }
        self.lead_downloads(downloads).await?;
        Ok(Prepared { browser_target: text(&info, "/targetInfo/targetId"), kept_session: None })
    }

    /// Every download goes to one place under a name of the browser's, and is told of here; who may have
    /// it is decided when it begins ([`super::downloads`]).
    async fn lead_downloads(&self, to: &Path) -> Result<(), ChromeError> {
        let params = json!({
            "behavior": "allowAndName", "downloadPath": to, "eventsEnabled": true,
        });
        self.root("Browser.setDownloadBehavior", params).await.map(drop)
    }

    async fn resize(&self, target: &str, to: Size) -> bool {
        let window = self.root("Browser.getWindowForTarget", json!({"targetId": target})).await;
        let Ok(window) = window else { return false };
        let id = window.get("windowId").cloned().unwrap_or_default();
        let size = json!({"windowId": id, "width": to.width, "height": to.height});
        self.root("Browser.setContentsSize", size).await.is_ok()
    }

    /// Waits until the page has this size: windows are resized after the answer.
    async fn becomes(&self, session: &str, size: Size) -> bool {
        let until = Instant::now() + RESIZE;
        loop {
            let metrics = self.on(session, "Page.getLayoutMetrics", json!({})).await;
            let Ok(metrics) = metrics else { return false };
            let pixels = |name: &str| {
                let pointer = format!("/cssLayoutViewport/{name}");
                metrics.pointer(&pointer).and_then(Value::as_u64)
            };
            let wanted = (Some(u64::from(size.width)), Some(u64::from(size.height)));
            if (pixels("clientWidth"), pixels("clientHeight")) == wanted {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The agent's browser session; everything it attaches nests below.
    pub(super) async fn agent_session(&self) -> Result<String, ChromeError> {
        let answer = self.root("Target.attachToBrowserTarget", json!({})).await?;
        text(&answer, "/sessionId").ok_or(ChromeError::Refused("Target.attachToBrowserTarget"))
    }

    /// A session of the gate's own on this target.
    pub(super) async fn attach(&self, target: &str) -> Result<String, ChromeError> {
        let params = json!({"targetId": target, "flatten": true});
        let answer = self.root("Target.attachToTarget", params).await?;
        text(&answer, "/sessionId").ok_or(ChromeError::Refused("Target.attachToTarget"))
    }

    /// Ends a session. What is gone already needs no end.
    pub(super) async fn detach(&self, session: &str) {
        self.root("Target.detachFromTarget", json!({"sessionId": session})).await.ok();
    }

    /// The tabs.
    pub(super) async fn pages(&self) -> Result<Vec<String>, ChromeError> {
        self.targets(&["page"]).await
    }

    /// Tabs, and frames with a process of their own.
    pub(super) async fn pages_and_frames(&self) -> Result<Vec<String>, ChromeError> {
        self.targets(&["page", "iframe"]).await
    }

    /// What the first tab shows.
    pub(super) async fn first_url(&self) -> Option<String> {
        let answer = self.root("Target.getTargets", json!({})).await.ok()?;
        let infos = answer.get("targetInfos").and_then(Value::as_array)?;
        let page = infos.iter().find(|info| text(info, "/type").is_some_and(|kind| kind == "page"));
        page.and_then(|page| text(page, "/url"))
    }

    async fn targets(&self, kinds: &[&str]) -> Result<Vec<String>, ChromeError> {
        let answer = self.root("Target.getTargets", json!({})).await?;
        let infos = answer.get("targetInfos").and_then(Value::as_array);
        let of_kind = infos.into_iter().flatten().filter(|info| {
            info.get("type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind))
        });
        Ok(of_kind.filter_map(|info| text(info, "/targetId")).collect())
    }

    /// Inserts text into the focused element of the tab in front.
    pub(super) async fn paste(&self, seat: Seat, inserted: &str) -> Result<(), ChromeError> {
        for target in self.pages().await? {
            let session = self.attach(&target).await?;
            let expression =
                json!({"expression": "document.visibilityState", "returnByValue": true});
            let visible = self.on(&session, "Runtime.evaluate", expression).await;
            let visible = visible.is_ok_and(|answer| {
                answer.pointer("/result/value").and_then(Value::as_str) == Some("visible")
            });
            let done = if visible {
                let params = json!({"text": inserted});
                Some(self.acting_for(seat).on(&session, "Input.insertText", params).await)
            } else {
                None
            };
            self.detach(&session).await;
            if let Some(done) = done {
                return done.map(drop);
            }
        }
        Err(ChromeError::Refused("Input.insertText"))
    }
}

/// The string at this place.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}
