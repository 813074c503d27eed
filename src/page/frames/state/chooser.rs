//! File choosers that a page has opened: they wait for us instead of for a person.

use super::{Document, State};
use crate::page::cdp::event::FileChooserOpened;

/// An open chooser.
#[derive(Clone, Debug)]
pub(crate) struct Chooser {
    /// The document that opened it.
    pub(crate) document: Document,
    /// Its file input, in the document's session. None if there is none.
    pub(crate) node: Option<i64>,
    /// Whether it has been told.
    pub(crate) told: bool,
}

impl State {
    /// The chooser that is open in the current tab, if its document is still there.
    pub(crate) fn chooser(&self) -> Option<&Chooser> {
        let tab = &self.tab()?.target;
        self.chooser.as_ref().filter(|chooser| {
            let frame = self.frames.get(&chooser.document.frame);
            frame.is_some_and(|frame| {
                &frame.tab == tab && frame.context == Some(chooser.document.context)
            })
        })
    }

    /// It is answered.
    pub(crate) fn close_chooser(&mut self) {
        self.chooser = None;
    }

    /// The chooser, if nobody has heard of it yet.
    pub(crate) fn untold_chooser(&mut self) -> Option<Chooser> {
        let found = self.chooser().filter(|chooser| !chooser.told).cloned();
        if let Some(chooser) = self.chooser.as_mut().filter(|_| found.is_some()) {
            chooser.told = true;
        }
        found
    }

    pub(super) fn chooser_opened(&mut self, event: &FileChooserOpened) {
        let Some(document) = self.document_of(&event.frame_id) else { return };
        self.chooser = Some(Chooser { document, node: event.backend_node_id, told: false });
    }
}
