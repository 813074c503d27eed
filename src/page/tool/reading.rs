//! What a reader gets of a page: its tree, a part of it, or what changed (agent.md 6).
//!
//! Whatever is printed here is remembered: its refs may be used from then on, and the next changes
//! are counted from the last whole tree or changes.

use std::sync::Arc;

use crate::page::{
    HeldDialog, Page,
    cdp::CdpError,
    reader::{Called, Known},
    snapshot::{Changes, NodeId, Printed, Shown, text::norm},
    tool::{Failed, dialogs::dialog_open},
    view::View,
};

/// Tokens of a tree, unless another size is asked for (agent.md 1, *tree budget*).
pub const TREE_TOKENS: u32 = 8_000;
/// Tokens of changes (*diff budget*).
pub const DIFF_TOKENS: u32 = 1_500;
/// What may be asked for (agent.md 4.3, `snapshot`).
const ASKED: std::ops::RangeInclusive<u32> = 200..=32_000;
/// Bytes of UTF-8 that count as one token.
const TOKEN: usize = 4;

/// Makes text fit to be told.
pub type Redact<'a> = &'a (dyn Fn(&str) -> String + Sync);

/// What is wanted of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only what is below this ref.
    pub reference: Option<String>,
    /// Only lines that match this, with their ancestors.
    pub find: Option<String>,
    /// At most so much of it, within 200 and 32 000; else [`TREE_TOKENS`].
    pub max_tokens: Option<u32>,
}

impl Page {
    /// The tree, or what is wanted of it, with notes about what was left out. A whole tree is what
    /// the next changes are counted from. While a dialog is held it is told instead.
    ///
    /// # Errors
    /// `stale_ref` as for any call with a ref.
    pub async fn snapshot(&self, wanted: &Wanted, redact: Redact<'_>) -> Result<String, Failed> {
        let Wanted { reference, find, max_tokens } = wanted;
        let bytes = bytes(max_tokens.unwrap_or(TREE_TOKENS).clamp(*ASKED.start(), *ASKED.end()));
        let view = match self.look_at(bytes).await? {
            Ok(view) => view,
            Err(HeldDialog { kind, text }) => {
                let text = norm(&redact(&text));
                return Ok(format!("- … a {kind} dialog is open and blocks the page: {text}\n"));
            }
        };
        let whole = reference.is_none() && find.is_none();
        let shown =
            if whole { view.tree.shown(redact) } else { view.tree.shown_with_options(redact) };
        let part = match reference {
            Some(reference) => {
                let below = shown.below(reference);
                match below {
                    Some(below) if self.is_as_printed(&view, reference).await? => below,
                    Some(_) | None => {
                        let failed = self.stale(reference).await;
                        let said = failed.message.clone();
                        self.browser.with(move |state| state.reader.said(&said)).await?;
                        return Err(failed);
                    }
                }
            }
            None => shown,
        };
        let Printed { text, refs } = match find {
            Some(find) => part.find(find, bytes),
            None => part.prune(bytes, None),
        };
        self.remember(&view, refs, whole.then_some(part)).await?;
        Ok(text)
    }

    /// What changed since the last whole tree or changes, in at most so many tokens; `acted` is the
    /// ref of the element that was acted on. On another page than before it is that page's tree.
    ///
    /// # Errors
    /// `dialog_open` while one is held.
    pub async fn changes(
        &self,
        acted: Option<&str>,
        max_tokens: u32,
        redact: Redact<'_>,
    ) -> Result<Changes, Failed> {
        let bytes = bytes(max_tokens);
        let view = self.look_at(bytes).await?.map_err(|held| dialog_open(&held))?;
        let before = self.browser.with(|state| state.reader.base()).await?;
        let shown = view.tree.shown(redact);
        let changes = shown.changes(before.as_deref(), bytes, acted);
        self.remember(&view, changes.refs.clone(), Some(shown)).await?;
        Ok(changes)
    }

    /// The page, or the dialog that keeps it from answering, whether it was open before or opened while
    /// the page was looked at.
    async fn look_at(&self, bytes: usize) -> Result<Result<View, HeldDialog>, Failed> {
        self.alive().await?;
        if let Some(held) = self.held_dialog().await {
            return Ok(Err(held));
        }
        match View::read(&self.browser, bytes).await {
            Ok(view) => Ok(Ok(view)),
            Err(error) => self.held_dialog().await.map(Err).ok_or_else(|| error.into()),
        }
    }

    /// Whether a ref's element is called as its reader was told.
    pub(super) async fn is_as_printed(
        &self,
        view: &View,
        reference: &str,
    ) -> Result<bool, CdpError> {
        let of = reference.to_owned();
        let known = self.browser.with(move |state| state.reader.known(&of)).await?;
        let now = view.tree.by_reference(reference).map(|id| view.called(id));
        Ok(match known {
            Known::As(called) => now == Some(called),
            Known::Own => true,
            Known::Never => false,
        })
    }

    async fn remember(
        &self,
        view: &View,
        refs: Vec<NodeId>,
        base: Option<Shown>,
    ) -> Result<(), Failed> {
        let printed: Vec<(String, Called)> = refs
            .into_iter()
            .filter_map(|id| Some((view.tree.reference(id)?, view.called(id))))
            .collect();
        self.browser
            .with(move |state| {
                for (reference, called) in printed {
                    state.reader.print(reference, called);
                }
                if let Some(base) = base {
                    state.reader.told(Arc::new(base));
                }
            })
            .await
            .map_err(Failed::from)
    }
}

fn bytes(tokens: u32) -> usize {
    usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(TOKEN)
}
