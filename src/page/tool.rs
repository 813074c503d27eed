//! The tools and the one dispatcher (agent.md 4). The calls are here; [`Page`] carries them out.

mod click;
mod dialogs;
mod dispatch;
mod drag;
mod evaluate;
mod navigate;
mod paste;
mod picture;
mod reading;
mod scroll;
mod select;
mod stale;
mod tabs;
mod telling;
mod text;
mod upload;
mod wait;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::page::{
    Text,
    predicate::Predicate,
    target::{Among, Target},
};

pub use dispatch::Page;
pub use picture::Picture;
pub use reading::{DIFF_TOKENS, Redact, TREE_TOKENS, Wanted};
pub use tabs::TabChoice;

/// One tool call, its arguments valid.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Goes to a URL.
    Navigate {
        /// Absolute, or `/path`, `?query`, `#hash` against the run URL. Empty in a plan's step until
        /// values are filled in: the run URL itself.
        url: Text,
    },
    /// Loads the current document again.
    Reload,
    /// Goes back in the tab's history.
    GoBack,
    /// Presses a mouse button on an element.
    Click {
        /// On what.
        on: Subject,
        /// Which button.
        button: Button,
        /// 1, or 2 for a double click.
        count: u8,
        /// Held meanwhile.
        modifiers: Vec<Modifier>,
    },
    /// Moves the pointer to an element, where it stays.
    Hover {
        /// To what.
        on: Subject,
    },
    /// Takes an element and lets it go on another.
    Drag {
        /// What is taken.
        from: Subject,
        /// Where it is let go.
        to: Subject,
    },
    /// A8: clicks only if the state differs, and reads the state back.
    SetChecked {
        /// A checkbox, switch or radio.
        on: Subject,
        /// The state to reach.
        checked: bool,
    },
    /// A2 `open`, `expand`, `collapse`: clicks; on something expandable only if the state differs.
    Expand {
        /// On what.
        on: Subject,
        /// The state to reach. `open` on something that is not expandable is a click.
        expanded: bool,
    },
    /// Types into a field.
    TypeText {
        /// Into what; `None` is the focused element.
        into: Option<Subject>,
        /// The new value, or what is added to it.
        text: Text,
        /// How.
        mode: TypeMode,
        /// Presses Enter afterwards.
        submit: bool,
    },
    /// Enters a code, box by box if it has boxes (agent.md 9.3).
    PasteCode {
        /// One of the boxes, or the field; `None` is the only place for a code on the page.
        into: Option<Subject>,
        /// The code.
        code: Text,
    },
    /// Runs a script in the page's own world.
    Evaluate {
        /// An expression, statements or a function.
        expression: Text,
        /// What a function gets as its argument.
        on: Option<Subject>,
    },
    /// Chooses among the options of a field.
    SelectOption {
        /// From what.
        from: Subject,
        /// Values or labels.
        values: Vec<Text>,
    },
    /// Gives files to a file input, a drop zone, or the chooser that is open.
    UploadFile {
        /// Which; `None` is the open chooser.
        to: Option<Subject>,
        /// Names in the run's directory of files, or `fixture:png` and the like.
        files: Vec<Text>,
    },
    /// Answers the dialog that is held.
    HandleDialog {
        /// By accepting, else by dismissing.
        accept: bool,
        /// What a prompt is answered with.
        text: Option<Text>,
    },
    /// Goes to another tab, closes the current one, or lists all of them.
    SwitchTab {
        /// Which.
        to: Option<TabChoice>,
        /// Closes the current one first, whose opener is current then.
        close: bool,
    },
    /// Presses a key or chord.
    PressKey {
        /// As in agent.md 4.3, already in its canonical spelling: `Enter`, `Control+A`.
        key: String,
        /// How often.
        repeat: u32,
        /// Focused first.
        on: Option<Subject>,
    },
    /// Scrolls by an amount.
    Scroll {
        /// The container; `None` is what scrolls in the viewport's centre.
        within: Option<Subject>,
        /// How far.
        by: ScrollBy,
    },
    /// Brings an element into view.
    ScrollTo {
        /// Which.
        to: Subject,
    },
    /// A9 `scroll down until S is visible`: one viewport at a time, until seen or at the end.
    ScrollUntil {
        /// Down, else up.
        down: bool,
        /// The text that must appear.
        text: Text,
    },
    /// Waits until text is visible, or gone.
    WaitForText {
        /// The text.
        text: Text,
        /// Until it is gone.
        gone: bool,
        /// `None` is the tool's default of 10 s.
        timeout: Option<Duration>,
    },
    /// A12: waits until a predicate holds, to the action deadline.
    WaitUntil {
        /// What must hold.
        predicate: Predicate,
    },
    /// Sleeps.
    Sleep {
        /// How long.
        time: Duration,
    },
    /// Waits until the page has come to rest (agent.md 9.1).
    WaitForStable {
        /// W, how long nothing may change.
        stable: Duration,
        /// T.
        timeout: Duration,
    },
    /// Stores a picture of the viewport.
    Screenshot {
        /// Of the whole page instead.
        full_page: bool,
    },
}

/// What a call acts on.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// An element of a tree that was shown.
    Ref {
        /// As it was printed.
        reference: String,
        /// What whoever acts calls it, for records. Nothing is looked up by it.
        label: String,
    },
    /// An element that is described.
    Described {
        /// How.
        target: Target,
        /// What the verb acts on, where the description has no noun.
        among: Among,
    },
}

impl Subject {
    /// An element of a tree that was shown, without another name.
    pub fn of(reference: impl Into<String>) -> Self {
        Self::Ref { reference: reference.into(), label: String::new() }
    }
}

/// A mouse button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// The main one.
    Left,
    /// The wheel.
    Middle,
    /// The one with the menu.
    Right,
}

/// A key that is held while something is clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// Alt.
    Alt,
    /// Control.
    Control,
    /// Meta: Command or the Windows key.
    Meta,
    /// Shift.
    Shift,
}

impl Modifier {
    /// As keys are called (agent.md 4.3).
    pub fn name(self) -> &'static str {
        match self {
            Self::Alt => "Alt",
            Self::Control => "Control",
            Self::Meta => "Meta",
            Self::Shift => "Shift",
        }
    }
}

/// How text gets into a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TypeMode {
    /// It replaces the value, at once.
    #[default]
    Fill,
    /// It is put behind the value, at once.
    Append,
    /// It is typed behind the value with real keys.
    Keys,
}

impl TypeMode {
    /// As the tool's argument has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Append => "append",
            Self::Keys => "keys",
        }
    }
}

/// How far to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrollBy {
    /// CSS pixels, right and down positive.
    Pixels {
        /// Right.
        x: i32,
        /// Down.
        y: i32,
    },
    /// Heights and widths of the container, right and down positive, in tenths (a screen is 9).
    Screens {
        /// Right.
        x: i32,
        /// Down.
        y: i32,
    },
    /// To its very top.
    Top,
    /// To its very bottom.
    Bottom,
}

impl Call {
    /// The tool's name, as in agent.md 4.3 and 4.4.
    pub fn tool(&self) -> &'static str {
        match self {
            Self::Navigate { .. } | Self::Reload => "navigate",
            Self::GoBack => "go_back",
            Self::Click { .. } | Self::SetChecked { .. } | Self::Expand { .. } => "click",
            Self::Hover { .. } => "hover",
            Self::Drag { .. } => "drag",
            Self::TypeText { .. } => "type_text",
            Self::SelectOption { .. } => "select_option",
            Self::PasteCode { .. } => "paste_code",
            Self::Evaluate { .. } => "evaluate",
            Self::UploadFile { .. } => "upload_file",
            Self::HandleDialog { .. } => "handle_dialog",
            Self::SwitchTab { .. } => "switch_tab",
            Self::PressKey { .. } => "press_key",
            Self::Scroll { .. } | Self::ScrollTo { .. } | Self::ScrollUntil { .. } => "scroll",
            Self::WaitForText { .. } | Self::WaitUntil { .. } | Self::Sleep { .. } => "wait",
            Self::WaitForStable { .. } => "wait_for_stable",
            Self::Screenshot { .. } => "screenshot",
        }
    }

    /// Whether it only waits.
    pub fn waits(&self) -> bool {
        matches!(
            self,
            Self::WaitForText { .. }
                | Self::WaitUntil { .. }
                | Self::Sleep { .. }
                | Self::WaitForStable { .. }
        )
    }

    /// Whether the page is expected to change: acting tools settle and get a screenshot.
    pub fn acts(&self) -> bool {
        match self {
            Self::Navigate { .. }
            | Self::Reload
            | Self::GoBack
            | Self::Click { .. }
            | Self::SetChecked { .. }
            | Self::Expand { .. }
            | Self::Hover { .. }
            | Self::Drag { .. }
            | Self::TypeText { .. }
            | Self::SelectOption { .. }
            | Self::PasteCode { .. }
            | Self::UploadFile { .. }
            | Self::HandleDialog { .. }
            | Self::SwitchTab { .. }
            | Self::PressKey { .. }
            | Self::Scroll { .. }
            | Self::ScrollTo { .. }
            | Self::ScrollUntil { .. } => true,
            Self::WaitForText { .. }
            | Self::WaitUntil { .. }
            | Self::Sleep { .. }
            | Self::WaitForStable { .. }
            | Self::Evaluate { .. }
            | Self::Screenshot { .. } => false,
        }
    }
}

/// A call that was carried out.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// One sentence for people: `clicked button "Pay now"`.
    pub sentence: String,
    /// The tool's data (agent.md 4.3, last column).
    pub data: Value,
    /// Where the page is now.
    pub page: Where,
    /// Dialogs, new tabs, downloads, console errors, `settled=false`.
    pub notes: Vec<String>,
    /// Which element was acted on: its tree line, as `button "Pay now" [ref=e12]`.
    pub target: Option<String>,
}

/// Where a tab is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Where {
    /// The URL as the browser has it; the caller sanitises it before it is stored.
    pub url: String,
    /// The document's title; may hold page text.
    pub title: String,
    /// HTTP status of the document, if it is new.
    pub status: Option<u16>,
}

/// A call that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failed {
    /// Machine-readable.
    pub code: Code,
    /// One or two sentences for a person: what was wanted, what was found, what to try.
    pub message: String,
    /// Extra data of agent.md 4.2: candidates, `reason`, `net_error`, …
    pub data: Value,
    /// Notes as in [`Done`].
    pub notes: Vec<String>,
}

/// Why a call failed (agent.md 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Schema violation, unknown check, malformed date, key or regular expression.
    InvalidArgument,
    /// Unknown or switched off.
    UnknownTool,
    /// Ref of another document, a removed or a changed element.
    StaleRef,
    /// Nothing matches; `closest`.
    NotFound,
    /// Several match; `candidates`.
    Ambiguous,
    /// `reason`, and `by` when covered.
    NotActionable,
    /// A wait or the ceiling expired.
    Timeout,
    /// `net_error`.
    NavigationFailed,
    /// No HTTP response.
    RequestFailed,
    /// The page's script threw.
    EvaluateFailed,
    /// A held dialog blocks the page.
    DialogOpen,
    /// Rule and host, or a secret that is not allowed here.
    BlockedByPolicy,
    /// A person holds the browser; nothing was executed.
    LeaseRevoked,
    /// Browser or tab process gone.
    BrowserLost,
    /// No inbox yet, no provider, or one that fails.
    MailUnavailable,
    /// A scenario was completed before every check was asserted.
    ChecksUncovered,
    /// The run is ending.
    Cancelled,
    /// A defect of ours.
    Internal,
}

impl Code {
    /// As printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::UnknownTool => "unknown_tool",
            Self::StaleRef => "stale_ref",
            Self::NotFound => "not_found",
            Self::Ambiguous => "ambiguous",
            Self::NotActionable => "not_actionable",
            Self::Timeout => "timeout",
            Self::NavigationFailed => "navigation_failed",
            Self::RequestFailed => "request_failed",
            Self::EvaluateFailed => "evaluate_failed",
            Self::DialogOpen => "dialog_open",
            Self::BlockedByPolicy => "blocked_by_policy",
            Self::LeaseRevoked => "lease_revoked",
            Self::BrowserLost => "browser_lost",
            Self::MailUnavailable => "mail_unavailable",
            Self::ChecksUncovered => "checks_uncovered",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}
