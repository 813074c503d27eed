//! `upload_file`: into a file input, onto a drop zone, or into the chooser that is open.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    click,
    dispatch::{Acted, Page, Unresolved},
};
use crate::page::{
    Text,
    actionability::{Intent, Ready, Schedule},
    files::{File, FileError, accepted},
    frames::{Browser, Chooser, Document, State},
    reader::Called,
    tool::{Code, Failed, Subject},
};

/// Bytes of a file that go to the page in one piece.
const PIECE: usize = 1 << 20;
/// Files of one call (agent.md 4.4).
const MOST_FILES: usize = 20;

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties of an input")]
struct Receives {
    ok: bool,
    #[serde(default)]
    input: bool,
    #[serde(default)]
    accept: String,
    #[serde(default)]
    multiple: bool,
    #[serde(default)]
    disabled: bool,
}

#[derive(Debug, Deserialize)]
struct Given {
    ok: bool,
    names: Vec<String>,
}

/// The input of a chooser.
#[derive(Clone, Debug, Deserialize)]
struct Input {
    n: u32,
    role: String,
    name: String,
}

impl Input {
    /// `button "Photo" [ref=e44]`
    fn line(&self, document: &Document) -> String {
        let Self { n, role, name } = self;
        format!("{role} \"{name}\" [ref={}]", document.reference(*n))
    }
}

/// What gets the files.
struct Receiver {
    document: Document,
    /// The N of its ref; none is the input of the open chooser.
    number: Option<u32>,
    /// For people.
    acted: Acted,
}

impl Page {
    pub(super) async fn upload(
        &self,
        to: Option<&Subject>,
        names: &[Text],
        deadline: Instant,
    ) -> Result<Acted, Failed> {
        if names.is_empty() || names.len() > MOST_FILES {
            let message = format!("1 to {MOST_FILES} files can be uploaded together");
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        let asked: Vec<&str> = names.iter().map(Text::expose).collect();
        let files = self.inner.files.read(&asked).await.map_err(|error| unread(&error))?;
        let receiver = match to {
            Some(to) => self.receiver(to, deadline).await?,
            None => self.open_chooser(deadline).await?,
        };
        let argument = json!({"n": receiver.number});
        let about: Receives =
            Browser::ask(&receiver.document, "receives", argument.clone()).await?;
        let called = receiver.acted.sentence.clone();
        if !about.ok {
            return Err(Failed::new(Code::StaleRef, format!("{called} is gone")));
        }
        if about.disabled {
            return Err(Failed::new(Code::NotActionable, format!("{called} is disabled"))
                .with(json!({"reason": "disabled"})));
        }
        if about.input {
            check(&files, &about, &called)
                .map_err(|message| Failed::new(Code::InvalidArgument, message))?;
        }
        self.begin().await?;
        let given = self.hand_over(&receiver, &files).await?;
        if receiver.number.is_none() {
            self.browser.with(State::close_chooser).await?;
        }
        if !given.ok {
            let message = format!("{called} takes no files");
            return Err(
                Failed::new(Code::NotActionable, message).with(json!({"reason": "not_editable"}))
            );
        }
        let mut acted = receiver.acted;
        acted.sentence = format!("uploaded {} to {called}", given.names.join(", "));
        acted.data = json!({"files": given.names});
        Ok(acted)
    }

    /// The input or drop zone that is described. What a chooser that is open belongs to comes first
    /// if the description leads to no input: it is what a person would have to answer.
    async fn receiver(&self, to: &Subject, deadline: Instant) -> Result<Receiver, Failed> {
        if self.browser.with(|state| state.chooser().is_some()).await? {
            return match self.attempt(to, Intent::Upload, 0).await {
                Ok(ready) if ready.field.input == "file" => Ok(found(&ready)),
                Ok(_) | Err(Unresolved::Later(_)) => self.open_chooser(deadline).await,
                Err(Unresolved::Final(failed)) => Err(failed),
            };
        }
        let mut schedule = Schedule::until(deadline);
        Ok(found(&self.ready(to, Intent::Upload, &mut schedule).await?))
    }

    /// The input of the chooser that is open, or opens until the deadline.
    async fn open_chooser(&self, deadline: Instant) -> Result<Receiver, Failed> {
        let chooser = self.browser.until(deadline, |state| state.chooser().cloned()).await?;
        let Some(chooser) = chooser else {
            let message = "no file chooser is open; say which field or click what opens one";
            return Err(Failed::new(Code::NotFound, message).with(json!({"closest": []})));
        };
        let Some(input) = self.chooser_input(&chooser).await? else {
            self.browser.with(State::close_chooser).await?;
            let message = "the open chooser belongs to no file input and cannot be answered";
            return Err(
                Failed::new(Code::NotActionable, message).with(json!({"reason": "not_editable"}))
            );
        };
        let target = input.map(|input| input.line(&chooser.document));
        let acted = Acted { target, ..Acted::say("the open file chooser") };
        Ok(Receiver { document: chooser.document, number: None, acted })
    }

    /// Makes the input of a chooser known to its document. `None`: there is none; else what it is
    /// called, if it stands in the document. It counts as met.
    async fn chooser_input(&self, chooser: &Chooser) -> Result<Option<Option<Input>>, Failed> {
        let Some(node) = chooser.node else { return Ok(None) };
        let document = &chooser.document;
        let of = document.number;
        let floor = self.browser.with(move |state| state.floor(of)).await?;
        let function = format!("function() {{ return __hb.choose_for(this, {floor}); }}");
        let session = &document.session;
        let input: Option<Input> = session.call_on_node(document.context, node, &function).await?;
        if let Some(Input { n, role, name }) = input.clone() {
            let reference = document.reference(n);
            self.browser
                .with(move |state| {
                    state.used(of, n);
                    state.reader.met(reference, Called { role, name });
                })
                .await?;
        }
        Ok(Some(input))
    }

    /// Says once that a chooser is open, and for what.
    pub(super) async fn tell_chooser(&self) -> Option<String> {
        let chooser = self.browser.with(State::untold_chooser).await.ok()??;
        let whose = match self.chooser_input(&chooser).await {
            Ok(Some(Some(input))) => format!(" for {}", input.line(&chooser.document)),
            Ok(Some(None) | None) | Err(_) => String::new(),
        };
        Some(format!("file chooser open{whose}; upload_file answers it"))
    }

    /// The bytes go in pieces, so that no single message is too large for anybody on the way.
    async fn hand_over(&self, receiver: &Receiver, files: &[File]) -> Result<Given, Failed> {
        let document = &receiver.document;
        let _: bool = Browser::ask(document, "parcel", json!({"empty": true})).await?;
        for File { name, media_type, bytes } in files {
            let begin = json!({"begin": {"name": name, "type": media_type}});
            let _: bool = Browser::ask(document, "parcel", begin).await?;
            for piece in bytes.chunks(PIECE) {
                let piece = json!({"data": STANDARD.encode(piece)});
                let _: bool = Browser::ask(document, "parcel", piece).await?;
            }
        }
        Ok(Browser::ask(document, "give", json!({"n": receiver.number})).await?)
    }
}

fn found(ready: &Ready) -> Receiver {
    let acted = Acted { target: Some(click::line(ready)), ..Acted::say(click::named(ready)) };
    Receiver { document: ready.element.document.clone(), number: Some(ready.element.number), acted }
}

/// What the input itself would not let a person choose.
fn check(files: &[File], about: &Receives, called: &str) -> Result<(), String> {
    if files.len() > 1 && !about.multiple {
        return Err(format!("{called} takes one file"));
    }
    match files.iter().find(|file| !accepted(&about.accept, file)) {
        Some(File { name, media_type, .. }) => {
            let accept = &about.accept;
            Err(format!("{called} accepts {accept}, which {name} ({media_type}) is not"))
        }
        None => Ok(()),
    }
}

fn unread(error: &FileError) -> Failed {
    let message = error.to_string();
    match error {
        FileError::NotFound { closest, .. } => {
            Failed::new(Code::NotFound, message).with(json!({"closest": closest}))
        }
        FileError::NoDirectory { .. } => {
            Failed::new(Code::NotFound, message).with(json!({"closest": []}))
        }
        FileError::Outside { .. } => {
            Failed::new(Code::BlockedByPolicy, message).with(json!({"rule": "files"}))
        }
        FileError::TooLarge | FileError::Unreadable { .. } => {
            Failed::new(Code::InvalidArgument, message)
        }
    }
}
