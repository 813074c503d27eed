//! The events that we use: only the fields that we read.

use std::{collections::HashMap, net::IpAddr};

use serde::Deserialize;

/// `Target.attachedToTarget`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attached {
    pub(crate) session_id: String,
    pub(crate) target_info: super::command::TargetInfo,
}

/// `Target.detachedFromTarget`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Detached {
    pub(crate) session_id: String,
}

/// A frame as `Page.getFrameTree` and `Page.frameNavigated` describe it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrameInfo {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    #[serde(default)]
    pub(crate) loader_id: String,
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) url_fragment: String,
    #[serde(default)]
    pub(crate) unreachable_url: Option<String>,
}

/// A frame and what is in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrameTree {
    pub(crate) frame: FrameInfo,
    #[serde(default)]
    pub(crate) child_frames: Vec<Self>,
}

/// `Page.frameAttached`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrameAttached {
    pub(crate) frame_id: String,
    pub(crate) parent_frame_id: String,
}

/// `Page.frameDetached`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrameDetached {
    pub(crate) frame_id: String,
    /// `remove`, or `swap` when another process takes the frame over.
    #[serde(default)]
    pub(crate) reason: String,
}

/// `Page.frameNavigated`
#[derive(Debug, Deserialize)]
pub(crate) struct FrameNavigated {
    pub(crate) frame: FrameInfo,
}

/// `Page.frameRequestedNavigation`, `Page.frameStartedNavigating`, `Page.frameStoppedLoading`,
/// `Page.navigatedWithinDocument`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfFrame {
    pub(crate) frame_id: String,
    /// Of a request: `currentTab`, `newTab`, `newWindow`, `download`.
    #[serde(default)]
    pub(crate) disposition: Option<String>,
    /// Of a start: `sameDocument`, `differentDocument`, `reload`, …
    #[serde(default)]
    pub(crate) navigation_type: Option<String>,
    /// Of a change within the document, or a start.
    #[serde(default)]
    pub(crate) url: Option<String>,
}

/// `Runtime.executionContextCreated`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextCreated {
    pub(crate) context: Context,
}

/// A world of a document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) aux_data: AuxData,
}

/// See [`Context`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AuxData {
    pub(crate) frame_id: String,
}

/// `Runtime.executionContextDestroyed`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextDestroyed {
    pub(crate) execution_context_id: i64,
}

/// `Page.javascriptDialogOpening`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DialogOpening {
    #[serde(default)]
    pub(crate) message: String,
    /// `alert`, `confirm`, `prompt`, `beforeunload`
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) default_prompt: Option<String>,
}

/// `Network.requestWillBeSent`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestWillBeSent {
    pub(crate) request_id: String,
    /// Seconds by the browser's clock.
    #[serde(default)]
    pub(crate) timestamp: f64,
    #[serde(default)]
    pub(crate) frame_id: Option<String>,
    #[serde(default)]
    pub(crate) loader_id: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    pub(crate) request: Request,
    /// Present on every hop but the first.
    #[serde(default)]
    pub(crate) redirect_response: Option<Response>,
}

/// See [`RequestWillBeSent`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) post_data: Option<String>,
}

/// `Network.responseReceived`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseReceived {
    pub(crate) request_id: String,
    #[serde(default)]
    pub(crate) frame_id: Option<String>,
    #[serde(default)]
    pub(crate) loader_id: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    pub(crate) response: Response,
}

/// See [`ResponseReceived`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) mime_type: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    /// IPv6 in brackets, which [`Response::address`] takes off; empty from a cache.
    #[serde(default, rename = "remoteIPAddress")]
    remote: String,
}

impl Response {
    /// How many bytes of body are to come, as sent.
    pub(crate) fn content_length(&self) -> Option<u64> {
        let length = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case("content-length");
        self.headers.iter().find(length)?.1.parse().ok()
    }

    /// Where it came from.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.remote.trim_matches(['[', ']']).parse().ok()
    }
}

/// `Network.dataReceived`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataReceived {
    pub(crate) request_id: String,
    #[serde(default)]
    pub(crate) encoded_data_length: u64,
}

/// `Network.loadingFinished`, `Network.loadingFailed`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadingEnded {
    pub(crate) request_id: String,
    /// Seconds by the browser's clock.
    #[serde(default)]
    pub(crate) timestamp: f64,
    #[serde(default)]
    pub(crate) error_text: Option<String>,
    #[serde(default)]
    pub(crate) canceled: bool,
}

/// `Page.downloadWillBegin`, `Browser.downloadWillBegin`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DownloadWillBegin {
    #[serde(default)]
    pub(crate) frame_id: String,
    #[serde(default)]
    pub(crate) guid: String,
    #[serde(default)]
    pub(crate) suggested_filename: String,
}

/// `Page.downloadProgress`, and `Browser.downloadProgress` as the gate repeats it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DownloadProgress {
    pub(crate) guid: String,
    /// `inProgress`, `completed`, `canceled`.
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) received_bytes: f64,
    /// The gate's: what the file in the run directory sums to.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
    /// The gate's: why it did not let the download come to its end.
    #[serde(default)]
    pub(crate) refused: Option<String>,
}

/// `Runtime.consoleAPICalled`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConsoleCalled {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) args: Vec<ConsoleArgument>,
    #[serde(default)]
    pub(crate) stack_trace: Option<StackTrace>,
}

/// See [`ConsoleCalled`].
#[derive(Debug, Deserialize)]
pub(crate) struct ConsoleArgument {
    #[serde(default)]
    pub(crate) value: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) subtype: Option<String>,
    #[serde(default)]
    pub(crate) preview: Option<Preview>,
}

/// The first few properties of an object.
#[derive(Debug, Deserialize)]
pub(crate) struct Preview {
    #[serde(default)]
    pub(crate) overflow: bool,
    #[serde(default)]
    pub(crate) properties: Vec<Property>,
}

/// See [`Preview`].
#[derive(Debug, Deserialize)]
pub(crate) struct Property {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// Where a script was, innermost first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackTrace {
    #[serde(default)]
    pub(crate) call_frames: Vec<CallFrame>,
}

/// See [`StackTrace`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallFrame {
    #[serde(default)]
    pub(crate) url: String,
    /// From 0.
    #[serde(default)]
    pub(crate) line_number: i64,
}

/// `Runtime.exceptionThrown`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExceptionThrown {
    pub(crate) exception_details: ExceptionDetails,
}

/// See [`ExceptionThrown`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExceptionDetails {
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) exception: Option<ConsoleArgument>,
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// From 0.
    #[serde(default)]
    pub(crate) line_number: i64,
}

/// `Log.entryAdded`
#[derive(Debug, Deserialize)]
pub(crate) struct EntryAdded {
    pub(crate) entry: LogEntry,
}

/// What the browser itself writes to a page's console.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry {
    /// `network`, `security`, `javascript`, …
    #[serde(default)]
    pub(crate) source: String,
    /// `verbose`, `info`, `warning`, `error`.
    #[serde(default)]
    pub(crate) level: String,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// From 0.
    #[serde(default)]
    pub(crate) line_number: Option<i64>,
}

/// `Page.fileChooserOpened`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileChooserOpened {
    pub(crate) frame_id: String,
    /// Missing if it was opened without a file input.
    #[serde(default)]
    pub(crate) backend_node_id: Option<i64>,
}

/// `Input.dragIntercepted`
#[derive(Debug, Deserialize)]
pub(crate) struct DragIntercepted {
    pub(crate) data: super::command::DragData,
}
