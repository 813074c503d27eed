//! The tree of the current tab: one walk in every frame, all at once, stitched together.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use crate::page::{
    cdp::CdpError,
    frames::{Browser, Document, within},
    reader::Called,
    snapshot::{self, Child, FRAMES, Handle, NodeId, Tree},
    tool::Where,
};

/// A frame that does not answer in this time is `not-loaded` (snapshot.md 1.8).
const FRAME_PATIENCE: Duration = Duration::from_secs(2);
/// The main frame gets the whole tree's time.
const TREE_PATIENCE: Duration = Duration::from_secs(5);

/// An element that a tool works on.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// Where it is.
    pub(crate) document: Document,
    /// The N of its ref.
    pub(crate) number: u32,
}

impl Element {
    /// Its ref: `f1e3`.
    pub(crate) fn reference(&self) -> String {
        self.document.reference(self.number)
    }
}

/// A tree and the documents that it was made of.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The full tree.
    pub(crate) tree: Tree,
    documents: Vec<Document>,
}

impl View {
    /// Walks all frames of the current tab; what is not acted on has no place.
    pub(crate) async fn take(browser: &Browser) -> Result<Self, CdpError> {
        Self::walk(browser, 0).await
    }

    /// The same to be read within so many bytes: everything has its place if it may not fit.
    pub(crate) async fn read(browser: &Browser, bytes: usize) -> Result<Self, CdpError> {
        Self::walk(browser, bytes).await
    }

    /// A dialog that opens meanwhile freezes the page: what was asked of it is answered when nobody
    /// waits any more.
    async fn walk(browser: &Browser, over: usize) -> Result<Self, CdpError> {
        let may_hold = browser.with(|state| state.dialogs.may_hold()).await?;
        let frozen = browser.until(Instant::now() + TREE_PATIENCE, |state| state.dialogs.held());
        tokio::select! {
            biased;
            Ok(Some(_)) = frozen, if may_hold => {
                Err(CdpError::TargetLost { method: "the walk".into() })
            }
            view = Self::walk_all(browser, over) => view,
        }
    }

    async fn walk_all(browser: &Browser, over: usize) -> Result<Self, CdpError> {
        let documents = browser.documents().await?;
        let lost = || CdpError::TargetLost { method: "the walk".into() };
        let Some((main, others)) = documents.split_first() else { return Err(lost()) };
        if main.number.is_some() {
            return Err(lost());
        }
        let left_out = others.len().saturating_sub(FRAMES - 1);
        let others: Vec<&Document> = others.iter().take(FRAMES - 1).collect();
        let (tree, children) = tokio::join!(
            walk(browser, main, over, TREE_PATIENCE),
            join_all(others.iter().map(|document| child(browser, document, over))),
        );
        let mut children: Vec<(String, Child)> = children.into_iter().flatten().collect();
        for (frame, parent) in browser.with(|state| state.silent_frames()).await? {
            if let Some(parent) = documents.iter().find(|document| document.frame == parent) {
                children.extend(silent(browser, parent, &frame).await);
            }
        }
        let mut tree = Tree::stitch(tree?, children);
        tree.leave_out(left_out);
        Ok(Self { tree, documents })
    }

    /// The element of a node of this tree; `None` if it is gone by now.
    pub(crate) async fn element(
        &self,
        browser: &Browser,
        handle: Handle,
    ) -> Result<Option<Element>, CdpError> {
        let (prefix, number) = match handle {
            Handle::Ref { frame, number } => (frame, Ok(number)),
            Handle::Seen { frame, walk, record } => (frame, Err((walk, record))),
        };
        let Some(document) = self.documents.iter().find(|one| prefix_of(one) == prefix).cloned()
        else {
            return Ok(None);
        };
        let number = match number {
            Ok(number) => Some(number),
            Err((walk, record)) => {
                let of = document.number;
                let floor = browser.with(move |state| state.floor(of)).await?;
                let argument = json!({"walk": walk, "record": record, "floor": floor});
                let number: Option<u32> = Browser::ask(&document, "seenRef", argument).await?;
                if let Some(number) = number {
                    browser.with(move |state| state.used(of, number)).await?;
                }
                number
            }
        };
        Ok(number.map(|number| Element { document, number }))
    }

    /// The ref of a node of this tree, given now if it has none. It counts as met with the node's
    /// role and name.
    pub(crate) async fn name(
        &self,
        browser: &Browser,
        id: NodeId,
    ) -> Result<Option<String>, CdpError> {
        let Some(element) = self.element(browser, self.tree.handle(id)).await? else {
            return Ok(None);
        };
        let called = self.called(id);
        let reference = element.reference();
        let met = reference.clone();
        browser.with(move |state| state.reader.met(met, called)).await?;
        Ok(Some(reference))
    }

    /// What a node is called.
    pub(crate) fn called(&self, id: NodeId) -> Called {
        let node = self.tree.node(id);
        Called { role: node.role.to_owned(), name: node.name.clone() }
    }

    /// Where the tab was when it was walked.
    pub(crate) fn place(&self) -> Where {
        let main = self.tree.frames().first();
        let of =
            |text: fn(&snapshot::Frame) -> &String| main.map(text).cloned().unwrap_or_default();
        Where { url: of(|frame| &frame.url), title: of(|frame| &frame.title), status: None }
    }
}

/// What refs of a document begin with.
fn prefix_of(document: &Document) -> String {
    document.number.map(|number| format!("f{number}")).unwrap_or_default()
}

async fn walk(
    browser: &Browser,
    document: &Document,
    over: usize,
    patience: Duration,
) -> Result<snapshot::FrameTree, CdpError> {
    let of = document.number;
    let floor = browser.with(move |state| state.floor(of)).await?;
    let record: String = within(
        patience,
        "the walk",
        document
            .session
            .post_evaluate(document.context, format!("__hb.walk({floor}, false, {over})"))
            .get(),
    )
    .await?;
    let tree = snapshot::parse(&prefix_of(document), &record)
        .map_err(|error| CdpError::Script(format!("the walker's record: {error}")))?;
    let next = tree.frame().next;
    browser.with(move |state| state.used(of, next.saturating_sub(1))).await?;
    Ok(tree)
}

async fn child(browser: &Browser, document: &Document, over: usize) -> Option<(String, Child)> {
    let (tree, owner) = tokio::join!(
        walk(browser, document, over, FRAME_PATIENCE),
        within(FRAME_PATIENCE, "the frame's owner", browser.owner(document)),
    );
    // Without its element a frame has no place in the tree: it is being removed.
    let owner = owner.ok()?;
    let child = match tree {
        Ok(tree) => Child::Loaded(Box::new(tree)),
        Err(error) => {
            tracing::debug!(%error, "a frame was not walked");
            Child::NotLoaded
        }
    };
    Some((owner.parent.reference(owner.number), child))
}

async fn silent(browser: &Browser, parent: &Document, frame: &str) -> Option<(String, Child)> {
    let node = parent.session.frame_owner(frame).await.ok()?;
    let of = parent.number;
    let floor = browser.with(move |state| state.floor(of)).await.ok()?;
    let function = format!("function() {{ return __hb.ref(this, {floor}); }}");
    let number: u32 = parent.session.call_on_node(parent.context, node, &function).await.ok()?;
    browser.with(move |state| state.used(of, number)).await.ok()?;
    Some((parent.reference(number), Child::NotLoaded))
}
