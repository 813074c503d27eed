//! What a page does when it is told to, on real Chromium.

mod acting;
mod codes;
mod crawling;
mod dialogs;
mod dragging;
mod fields;
mod frames;
mod navigating;
mod picturing;
mod reading;
mod refs;
mod settling;
mod tabs;
mod telling;
mod typing;
mod uploading;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use handback::{
    clock::SystemClock,
    page::{
        DialogPolicy, Files, Limits, Mark, Page, PageOptions, Text,
        predicate::{Finding, Predicate},
        target::{Among, RoleNoun, Target},
        tool::{Button, Call, Code, Done, Failed, ScrollBy, Subject, TypeMode},
    },
    policy::Policy,
    secret::Secret,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{lent::Lent, pages::Pages};

/// Long enough for the noisiest machine; nothing that works takes it.
const DEADLINE: Duration = Duration::from_secs(20);

/// A browser on a page of ours.
struct Bench {
    page: Page,
    pages: Pages,
    marks: mpsc::UnboundedReceiver<Mark>,
    chromium: Lent,
}

impl Bench {
    /// Opens `/` of these documents.
    async fn open(documents: &[(&str, &str)]) -> Self {
        Self::open_with(documents, DialogPolicy::Auto).await
    }

    async fn open_with(documents: &[(&str, &str)], dialogs: DialogPolicy) -> Self {
        Self::open_all(documents, dialogs, None).await
    }

    /// With a directory of files to upload.
    async fn open_with_files(documents: &[(&str, &str)], files: &Path) -> Self {
        Self::open_all(documents, DialogPolicy::Auto, Some(files.to_owned())).await
    }

    async fn open_all(
        documents: &[(&str, &str)],
        dialogs: DialogPolicy,
        files: Option<PathBuf>,
    ) -> Self {
        let pages = Pages::start(documents).await;
        let (chromium, wire) = Lent::borrow().await;
        let (send, marks) = mpsc::unbounded_channel();
        let options = PageOptions {
            run_url: pages.origin.parse().unwrap(),
            policy: Arc::new(Policy::new(&[], &["127.0.0.99".to_owned()]).unwrap()),
            dialogs,
            hold: Duration::from_secs(2),
            files: Files::new(files),
            marks: send,
            clock: Arc::new(SystemClock),
        };
        let page = Page::attach(wire, options).await.unwrap();
        let bench = Self { page, pages, marks, chromium };
        bench.go("/").await.unwrap();
        bench
    }

    async fn call(&self, call: Call) -> Result<Done, Failed> {
        self.call_within(call, DEADLINE).await
    }

    /// With another action deadline, for what must fail.
    async fn call_within(&self, call: Call, action: Duration) -> Result<Done, Failed> {
        self.page.call(&call, Limits { action, cancel: CancellationToken::new() }).await
    }

    async fn go(&self, url: &str) -> Result<Done, Failed> {
        self.call(Call::Navigate { url: url.into() }).await
    }

    async fn click(&self, name: &str) -> Result<Done, Failed> {
        self.call(click(name)).await
    }

    async fn fill(&self, field: &str, text: impl Into<Text>) -> Result<Done, Failed> {
        self.call(fill(field, text)).await
    }

    /// What the tab's title is now: the pages report there what happened to them.
    async fn title(&self) -> String {
        self.page.place().await.title
    }

    async fn tree(&self) -> String {
        self.page.tree().await.unwrap()
    }

    async fn ask(&self, predicate: Predicate) -> Finding {
        self.ask_for(predicate, DEADLINE).await
    }

    async fn ask_for(&self, predicate: Predicate, deadline: Duration) -> Finding {
        self.page.ask(&predicate, deadline, &CancellationToken::new()).await
    }

    async fn sees(&self, text: &str) {
        let finding = self.ask(visible(text)).await;
        assert!(finding.outcome, "{}\n{}", finding.detail, self.tree().await);
    }
}

fn visible(text: &str) -> Predicate {
    Predicate::TextVisible { text: text.into(), within: Vec::new(), exact: false }
}

fn named(role: Option<RoleNoun>, name: &str, among: Among) -> Subject {
    let target = Target { role, name: Some(name.into()), ..Target::default() };
    Subject::Described { target, among }
}

fn on(name: &str) -> Subject {
    named(None, name, Among::Clickable)
}

fn field(name: &str) -> Subject {
    named(None, name, Among::TextFields)
}

fn click(name: &str) -> Call {
    Call::Click { on: on(name), button: Button::Left, count: 1, modifiers: Vec::new() }
}

fn type_into(into: Option<Subject>, text: impl Into<Text>) -> Call {
    Call::TypeText { into, text: text.into(), mode: TypeMode::Fill, submit: false }
}

fn fill(name: &str, text: impl Into<Text>) -> Call {
    type_into(Some(field(name)), text.into())
}

fn select(name: &str, values: &[&str]) -> Call {
    let values = values.iter().map(|value| (*value).into()).collect();
    Call::SelectOption { from: named(None, name, Among::Choosers), values }
}

fn press(key: &str) -> Call {
    Call::PressKey { key: key.to_owned(), repeat: 1, on: None }
}

fn secret(shown: &str, value: &str, origins: &[&str]) -> Text {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Text::secret(shown, Secret::new(value.to_owned()), origins)
}

#[track_caller]
fn failed(result: Result<Done, Failed>, code: Code) -> Failed {
    let failed = result.expect_err("the call must fail");
    assert_eq!(failed.code, code, "{} {}", failed.message, failed.data);
    failed
}

#[track_caller]
fn reason(result: Result<Done, Failed>) -> String {
    let failed = failed(result, Code::NotActionable);
    failed.data["reason"].as_str().unwrap_or_default().to_owned()
}
