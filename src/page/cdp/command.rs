//! Every command that we send, one function each, in our own words.
//!
//! A function that returns a [`Reply`] sends at once, so that several can be on their way together.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chromiumoxide_cdp::cdp::{
    browser_protocol::{css, dom, input, log, network, page, target},
    js_protocol::runtime,
};
use chromiumoxide_types::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{CdpError, Reply, Session, event::FrameTree};

/// The isolated world of our scripts, which pages cannot see.
pub(crate) const WORLD: &str = "handback";

/// JPEG quality of screenshots (agent.md 1).
const JPEG_QUALITY: i64 = 60;

/// One mouse event, in CSS pixels of the tab's viewport.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mouse {
    /// What happens.
    pub(crate) kind: MouseKind,
    /// From the left.
    pub(crate) x: f64,
    /// From the top.
    pub(crate) y: f64,
    /// Alt 1, Control 2, Meta 4, Shift 8.
    pub(crate) modifiers: u8,
}

/// See [`Mouse`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MouseKind {
    /// The pointer goes there.
    Move,
    /// It goes there with the main button down.
    Drag,
    /// A button goes down, for the n-th time in a row.
    Press(MouseButton, u8),
    /// It comes up again.
    Release(MouseButton, u8),
    /// The wheel turns by CSS pixels.
    Wheel { x: f64, y: f64 },
}

/// See [`MouseKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MouseButton {
    /// The main one.
    Left,
    /// The wheel.
    Middle,
    /// The one with the menu.
    Right,
}

/// What a page has put into a drag. Only handed back to the browser, word for word: a list of nothing
/// must not be left out.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct DragData(Box<RawValue>);

/// What happens to a drag that a page has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DragKind {
    /// It comes over something.
    Enter,
    /// It is over it.
    Over,
    /// It is let go there.
    Drop,
    /// It ends without.
    Cancel,
}

/// One key event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Down, else up.
    pub(crate) down: bool,
    /// `KeyboardEvent.key`.
    pub(crate) name: String,
    /// `KeyboardEvent.code`.
    pub(crate) code: &'static str,
    /// The Windows virtual key code, which decides what the key does.
    pub(crate) windows_code: u16,
    /// What it types, if anything.
    pub(crate) text: Option<String>,
    /// Alt 1, Control 2, Meta 4, Shift 8.
    pub(crate) modifiers: u8,
    /// Editing commands, for example `selectAll`.
    pub(crate) commands: Vec<&'static str>,
    /// 1 for the left one of two keys.
    pub(crate) location: u8,
}

/// Result of [`Session::navigate`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Navigated {
    /// Missing if only the hash changed.
    pub(crate) loader_id: Option<String>,
    /// For example `net::ERR_CONNECTION_REFUSED`.
    pub(crate) error_text: Option<String>,
}

/// Result of [`Session::targets`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetInfo {
    /// Its id; for tabs and frames also the id of the frame.
    #[serde(rename = "targetId")]
    pub(crate) id: String,
    /// `page`, `iframe`, …
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The tab that opened it.
    #[serde(default)]
    pub(crate) opener_id: Option<String>,
    /// Its URL.
    #[serde(default)]
    pub(crate) url: String,
}

/// The tab's history.
#[derive(Debug, Deserialize)]
pub(crate) struct History {
    /// Index into `entries`.
    #[serde(rename = "currentIndex")]
    pub(crate) current: usize,
    /// Oldest first.
    pub(crate) entries: Vec<HistoryEntry>,
}

/// See [`History`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryEntry {
    /// For [`Session::go_to_entry`].
    pub(crate) id: i64,
    /// Its URL.
    pub(crate) url: String,
}

/// Corners of a box in CSS pixels, clockwise from the top left.
pub(crate) type Quad = [f64; 8];

#[derive(Deserialize)]
struct Evaluated {
    result: Remote,
    #[serde(rename = "exceptionDetails")]
    exception: Option<Thrown>,
}

#[derive(Deserialize)]
struct Remote {
    value: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Thrown {
    #[serde(default)]
    text: String,
    exception: Option<ThrownValue>,
}

#[derive(Deserialize)]
struct ThrownValue {
    #[serde(default)]
    description: String,
}

impl Session {
    pub(super) fn command(&self, params: &(impl Method + Serialize)) -> Reply {
        self.post(params.identifier(), params)
    }

    /// Attaches to what exists and to what will: new targets wait until they are set up.
    pub(crate) fn auto_attach(&self, kinds: &[&str]) -> Reply {
        let only = kinds
            .iter()
            .map(|kind| target::FilterEntry { exclude: None, r#type: Some((*kind).to_owned()) });
        self.command(&target::SetAutoAttachParams {
            auto_attach: true,
            wait_for_debugger_on_start: true,
            flatten: Some(true),
            filter: Some(target::TargetFilter::new(only.collect::<Vec<_>>())),
        })
    }

    /// Lets a target that waits go on as it is.
    pub(crate) fn let_run(&self) {
        self.command(&runtime::RunIfWaitingForDebuggerParams {}).forget();
    }

    /// All tabs and the like.
    pub(crate) async fn targets(&self) -> Result<Vec<TargetInfo>, CdpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Targets {
            target_infos: Vec<TargetInfo>,
        }
        let reply = self.command(&target::GetTargetsParams { filter: None });
        Ok(reply.get::<Targets>().await?.target_infos)
    }

    /// Opens a blank tab.
    pub(crate) fn create_tab(&self) -> Reply {
        self.command(&target::CreateTargetParams::new("about:blank"))
    }

    /// Closes a tab.
    pub(crate) fn close_tab(&self, target_id: &str) -> Reply {
        self.command(&target::CloseTargetParams::new(target_id.to_owned()))
    }

    /// Brings a tab to the front.
    pub(crate) fn activate(&self, target_id: &str) -> Reply {
        self.command(&target::ActivateTargetParams::new(target_id.to_owned()))
    }

    /// Brings this session's tab to the front and gives it the focus, which a window without a window
    /// manager does not have by itself.
    pub(crate) fn bring_to_front(&self) -> Reply {
        self.command(&page::BringToFrontParams {})
    }

    /// Everything that a new session of a tab or frame needs, sent in one go: a paused target
    /// answers nothing before it runs. The answer is that of the frame tree.
    pub(crate) fn set_up(&self, script: &str) -> Reply {
        self.command(&page::EnableParams::default()).forget();
        self.command(&runtime::EnableParams {}).forget();
        self.command(&network::EnableParams::default()).forget();
        self.command(&log::EnableParams {}).forget();
        let mut install = page::AddScriptToEvaluateOnNewDocumentParams::new(script);
        install.world_name = Some(WORLD.to_owned());
        install.run_immediately = Some(true);
        self.command(&install).forget();
        self.command(&page::SetInterceptFileChooserDialogParams::new(true)).forget();
        // Workers wait too, attached to or not, and only who is attached can let them run.
        self.auto_attach(&["iframe", "worker", "worklet"]).forget();
        let tree = self.command(&page::GetFrameTreeParams {});
        self.let_run();
        tree
    }

    /// See [`Session::set_up`].
    pub(crate) async fn frame_tree(reply: Reply) -> Result<FrameTree, CdpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            frame_tree: FrameTree,
        }
        Ok(reply.get::<Answer>().await?.frame_tree)
    }

    /// Evaluates in one of our worlds, awaiting a promise, and sends at once.
    pub(crate) fn post_evaluate(&self, context: i64, expression: String) -> Evaluation {
        let mut params = runtime::EvaluateParams::new(expression);
        params.context_id = Some(runtime::ExecutionContextId::new(context));
        params.return_by_value = Some(true);
        params.await_promise = Some(true);
        Evaluation(self.command(&params))
    }

    /// Calls a function of ours on a node of the document in a world of ours.
    pub(crate) async fn call_on_node<T: DeserializeOwned>(
        &self,
        context: i64,
        backend_node: i64,
        function: &str,
    ) -> Result<T, CdpError> {
        #[derive(Deserialize)]
        struct Resolved {
            object: Object,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Object {
            object_id: String,
        }
        let resolve = dom::ResolveNodeParams {
            node_id: None,
            backend_node_id: Some(dom::BackendNodeId::new(backend_node)),
            object_group: None,
            execution_context_id: Some(runtime::ExecutionContextId::new(context)),
        };
        let object = self.command(&resolve).get::<Resolved>().await?.object.object_id;
        let mut call = runtime::CallFunctionOnParams::new(function);
        call.object_id = Some(object.clone().into());
        call.return_by_value = Some(true);
        let result = Evaluation(self.command(&call)).get().await;
        self.command(&runtime::ReleaseObjectParams::new(object)).forget();
        result
    }

    /// The node that holds a frame, in the session of the parent frame.
    pub(crate) async fn frame_owner(&self, frame_id: &str) -> Result<i64, CdpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Owner {
            backend_node_id: i64,
        }
        let params = dom::GetFrameOwnerParams::new(frame_id.to_owned());
        Ok(self.command(&params).get::<Owner>().await?.backend_node_id)
    }

    /// Where a node's content lies in the viewport of the session's outermost frame.
    pub(crate) async fn content_quad(&self, backend_node: i64) -> Result<Quad, CdpError> {
        #[derive(Deserialize)]
        struct Answer {
            model: Model,
        }
        #[derive(Deserialize)]
        struct Model {
            content: Quad,
        }
        let params = dom::GetBoxModelParams {
            node_id: None,
            backend_node_id: Some(dom::BackendNodeId::new(backend_node)),
            object_id: None,
        };
        Ok(self.command(&params).get::<Answer>().await?.model.content)
    }

    /// Goes to a URL; answers when the new document is there, or is not.
    pub(crate) async fn navigate(&self, url: &str) -> Result<Navigated, CdpError> {
        self.command(&page::NavigateParams::new(url)).get().await
    }

    /// Loads the document again.
    pub(crate) async fn reload(&self) -> Result<(), CdpError> {
        self.command(&page::ReloadParams::default()).done().await
    }

    /// Stops loading, after a deadline.
    pub(crate) fn stop_loading(&self) -> Reply {
        self.command(&page::StopLoadingParams {})
    }

    /// Where the tab has been.
    pub(crate) async fn history(&self) -> Result<History, CdpError> {
        self.command(&page::GetNavigationHistoryParams {}).get().await
    }

    /// Goes back or forward.
    pub(crate) async fn go_to_entry(&self, id: i64) -> Result<(), CdpError> {
        self.command(&page::NavigateToHistoryEntryParams::new(id)).done().await
    }

    /// Answers a dialog.
    pub(crate) fn answer_dialog(&self, accept: bool, text: Option<String>) -> Reply {
        self.command(&page::HandleJavaScriptDialogParams { accept, prompt_text: text })
    }

    /// Width and height of all that the page can scroll to, in CSS pixels.
    pub(crate) async fn page_size(&self) -> Result<(f64, f64), CdpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metrics {
            css_content_size: Content,
        }
        #[derive(Deserialize)]
        struct Content {
            width: f64,
            height: f64,
        }
        let metrics = self.command(&page::GetLayoutMetricsParams {}).get::<Metrics>().await?;
        Ok((metrics.css_content_size.width, metrics.css_content_size.height))
    }

    /// A JPEG of the viewport, or of so much of the page, counted from its top left corner.
    pub(crate) async fn screenshot(&self, of: Option<(f64, f64)>) -> Result<Vec<u8>, CdpError> {
        #[derive(Deserialize)]
        struct Picture {
            data: String,
        }
        let params = page::CaptureScreenshotParams {
            format: Some(page::CaptureScreenshotFormat::Jpeg),
            quality: Some(JPEG_QUALITY),
            clip: of.map(|(width, height)| page::Viewport {
                x: 0.0,
                y: 0.0,
                width,
                height,
                scale: 1.0,
            }),
            capture_beyond_viewport: of.map(|_| true),
            ..page::CaptureScreenshotParams::default()
        };
        let picture = self.command(&params).get::<Picture>().await?;
        STANDARD
            .decode(picture.data)
            .map_err(|_| CdpError::Script("the screenshot is not base64".to_owned()))
    }

    /// Moves, presses, releases or turns.
    pub(crate) fn mouse(&self, event: &Mouse) -> Reply {
        use input::DispatchMouseEventType as Kind;
        let Mouse { kind, x, y, modifiers } = *event;
        let (wire_kind, pressed, wheel) = match kind {
            MouseKind::Move | MouseKind::Drag => (Kind::MouseMoved, None, None),
            MouseKind::Press(button, count) => (Kind::MousePressed, Some((button, count)), None),
            MouseKind::Release(button, count) => (Kind::MouseReleased, Some((button, count)), None),
            MouseKind::Wheel { x, y } => (Kind::MouseWheel, None, Some((x, y))),
        };
        let mut params = input::DispatchMouseEventParams::new(wire_kind, x, y);
        params.modifiers = Some(i64::from(modifiers));
        if let Some((button, count)) = pressed {
            let (wire, bit) = match button {
                MouseButton::Left => (input::MouseButton::Left, 1),
                MouseButton::Right => (input::MouseButton::Right, 2),
                MouseButton::Middle => (input::MouseButton::Middle, 4),
            };
            params.button = Some(wire);
            params.buttons = Some(if matches!(kind, MouseKind::Press(..)) { bit } else { 0 });
            params.click_count = Some(i64::from(count));
        }
        if kind == MouseKind::Drag {
            params.button = Some(input::MouseButton::Left);
            params.buttons = Some(1);
        }
        if let Some((x, y)) = wheel {
            params.delta_x = Some(x);
            params.delta_y = Some(y);
        }
        self.command(&params)
    }

    /// Whether drags that pages start are told to us and go no further.
    pub(crate) fn intercept_drags(&self, on: bool) -> Reply {
        self.command(&input::SetInterceptDragsParams::new(on))
    }

    /// One event of a drag that a page has started.
    pub(crate) fn drag_over(&self, kind: DragKind, x: f64, y: f64, data: &DragData) -> Reply {
        let kind = match kind {
            DragKind::Enter => "dragEnter",
            DragKind::Over => "dragOver",
            DragKind::Drop => "drop",
            DragKind::Cancel => "dragCancel",
        };
        let event = serde_json::json!({"type": kind, "x": x, "y": y, "data": data});
        self.post(input::DispatchDragEventParams::IDENTIFIER.into(), &event)
    }

    /// Presses or releases a key.
    pub(crate) fn key(&self, event: &Key) -> Reply {
        use input::DispatchKeyEventType as Kind;
        let Key { down, name, code, windows_code, text, modifiers, commands, location } = event;
        let kind = match (down, text) {
            (false, _) => Kind::KeyUp,
            (true, Some(_)) => Kind::KeyDown,
            (true, None) => Kind::RawKeyDown,
        };
        let mut params = input::DispatchKeyEventParams::new(kind);
        params.modifiers = Some(i64::from(*modifiers));
        params.key = Some(name.clone());
        params.code = Some((*code).to_owned());
        params.windows_virtual_key_code = Some(i64::from(*windows_code));
        params.location = Some(i64::from(*location));
        if *down {
            params.text.clone_from(text);
            params.unmodified_text.clone_from(text);
            if !commands.is_empty() {
                params.commands =
                    Some(commands.iter().map(|&command| command.to_owned()).collect());
            }
        }
        self.command(&params)
    }

    /// Shows a text as an input method does before it is committed.
    pub(crate) fn compose(&self, text: &str) -> Reply {
        let end = i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX);
        self.command(&input::ImeSetCompositionParams::new(text, end, end))
    }

    /// Types a text at once, as an input method does.
    pub(crate) fn insert_text(&self, text: &str) -> Reply {
        self.command(&input::InsertTextParams::new(text))
    }

    /// Adds a style sheet that pages cannot list and that outlives the session.
    pub(crate) async fn add_style(&self, frame_id: &str, style: String) -> Result<(), CdpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            style_sheet_id: String,
        }
        // Both are needed for what follows, and harmless if repeated. Without waiting for the answer
        // the browser does not know its own sheets yet.
        self.command(&dom::EnableParams::default()).forget();
        self.command(&css::EnableParams {}).done().await?;
        let create = css::CreateStyleSheetParams {
            frame_id: frame_id.to_owned().into(),
            // A sheet of our own, whether or not there is one for this document already.
            force: Some(true),
        };
        let sheet = self.command(&create).get::<Created>().await?.style_sheet_id;
        self.command(&css::SetStyleSheetTextParams::new(sheet, style)).done().await
    }
}

/// A result of a script that is still to come.
#[derive(Debug)]
#[must_use = "a script may fail"]
pub(crate) struct Evaluation(pub(super) Reply);

impl Evaluation {
    /// Waits for the value. `undefined` is read as null.
    pub(crate) async fn get<T: DeserializeOwned>(self) -> Result<T, CdpError> {
        let Evaluated { result, exception } = self.0.get().await?;
        if let Some(thrown) = exception {
            let text = thrown.exception.map_or(thrown.text, |value| value.description);
            return Err(CdpError::Script(text));
        }
        let value = result.value.unwrap_or_else(|| RawValue::NULL.to_owned());
        serde_json::from_str(value.get())
            .map_err(|source| CdpError::Decode { method: "Runtime.evaluate".into(), source })
    }
}
