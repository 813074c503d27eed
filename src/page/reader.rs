//! What one reader has been told of a browser (pure; snapshot.md 1.9).
//!
//! A ref means what it said when it was last printed: the reader asked for `button "Save"`, not for
//! whatever that element is called by now. So a reader's memory keeps role and name of every ref
//! that was printed to it, and a call that uses a ref carries them to the page. A ref that was never
//! printed to this reader is as good as none.
//!
//! The memory belongs to whoever reads, an agent for instance, and outlives the browser: the
//! numbers of refs and frames only grow, so that an old ref never meets an element of a browser that
//! replaced the old one.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use crate::page::snapshot::Shown;

/// How many refs are remembered: a few dozen large pages. Of more the older half is forgotten, and
/// using one of those asks for a new snapshot.
const MOST: usize = 20_000;

/// A reader's memory. The default is a reader that was told nothing.
#[derive(Default)]
pub struct Reader {
    /// The first number that no ref has, by frame number; none is the main frames.
    floors: HashMap<Option<u32>, u32>,
    frames: u32,
    printed: HashMap<String, Printed>,
    /// Counts what was printed, so that the oldest can be told.
    count: u64,
    /// The page as of the last whole tree or changes.
    base: Option<Arc<Shown>>,
    /// What this call has met and may yet print.
    met: HashMap<String, Called>,
    /// What this call found by itself: it was not chosen by its name.
    own: HashSet<String>,
}

/// An element's role and name. They are page text, as the page has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Called {
    /// The ARIA role, `generic` if it has none.
    pub(crate) role: String,
    /// The accessible name, whole.
    pub(crate) name: String,
}

#[derive(Clone)]
struct Printed {
    called: Called,
    at: u64,
}

/// What may be done with a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// If the element is still called so.
    As(Called),
    /// As it is: this call found it by itself.
    Own,
    /// It was never printed to this reader.
    Never,
}

impl Reader {
    /// The first number that no ref of this frame number has.
    pub(crate) fn floor(&self, frame: Option<u32>) -> u32 {
        self.floors.get(&frame).copied().unwrap_or(1)
    }

    /// A ref was given.
    pub(crate) fn used(&mut self, frame: Option<u32>, number: u32) {
        let floor = self.floors.entry(frame).or_insert(1);
        *floor = (*floor).max(number.saturating_add(1));
    }

    /// A number for a frame that appears.
    pub(crate) fn next_frame(&mut self) -> u32 {
        self.frames += 1;
        self.frames
    }

    /// What a ref was printed as.
    pub(crate) fn known(&self, reference: &str) -> Known {
        if self.own.contains(reference) {
            return Known::Own;
        }
        match self.printed.get(reference) {
            Some(printed) => Known::As(printed.called.clone()),
            None => Known::Never,
        }
    }

    /// The call goes on with an element that it found by itself.
    pub(crate) fn found(&mut self, reference: String) {
        self.own.insert(reference);
    }

    /// The call has met an element; if its ref is printed in the end, it is printed as this.
    pub(crate) fn met(&mut self, reference: String, called: Called) {
        self.met.insert(reference, called);
    }

    /// A call has ended with this text: every ref in it that the call has met counts as printed.
    pub(crate) fn said(&mut self, text: &str) {
        self.own.clear();
        let met = std::mem::take(&mut self.met);
        for part in text.split("[ref=").skip(1) {
            let reference = part.split(']').next().unwrap_or_default();
            if let Some(called) = met.get(reference) {
                self.print(reference.to_owned(), called.clone());
            }
        }
    }

    /// The page as the reader was last told, whole or by its changes.
    pub(crate) fn base(&self) -> Option<Arc<Shown>> {
        self.base.clone()
    }

    /// The reader was told this page, whole or by its changes.
    pub(crate) fn told(&mut self, shown: Arc<Shown>) {
        self.base = Some(shown);
    }

    /// A ref was printed, beside this role and name.
    pub(crate) fn print(&mut self, reference: String, called: Called) {
        self.count += 1;
        self.printed.insert(reference, Printed { called, at: self.count });
        if self.printed.len() > MOST {
            let mut ages: Vec<u64> = self.printed.values().map(|printed| printed.at).collect();
            ages.sort_unstable();
            let middle = ages.get(MOST / 2).copied().unwrap_or_default();
            self.printed.retain(|_, printed| printed.at > middle);
        }
    }
}

impl fmt::Debug for Reader {
    /// Names are page text, which may hold what no log may.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader")
            .field("frames", &self.frames)
            .field("printed", &self.printed.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Called {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Called").field("role", &self.role).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &str) -> Called {
        Called { role: "button".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_ref_means_what_it_was_last_printed_as() {
        let mut reader = Reader::default();
        assert_eq!(reader.known("e1"), Known::Never);
        reader.print("e1".to_owned(), called("Save"));
        reader.print("e1".to_owned(), called("Saved"));
        assert_eq!(reader.known("e1"), Known::As(called("Saved")));
    }

    #[test]
    fn what_a_call_met_counts_only_if_its_text_names_it() {
        let mut reader = Reader::default();
        reader.print("e1".to_owned(), called("Save"));
        reader.met("e1".to_owned(), called("Saved"));
        reader.met("f1e2".to_owned(), called("Over it"));
        reader.said("e5 is covered by button \"Over it\" [ref=f1e2]");
        assert_eq!(reader.known("e1"), Known::As(called("Save")));
        assert_eq!(reader.known("f1e2"), Known::As(called("Over it")));
        reader.said("button [ref=e1]");
        assert_eq!(reader.known("e1"), Known::As(called("Save")), "met in another call");
    }

    #[test]
    fn what_a_call_found_by_itself_is_not_asked_for_its_name_until_the_call_ends() {
        let mut reader = Reader::default();
        reader.found("e1".to_owned());
        assert_eq!(reader.known("e1"), Known::Own);
        reader.said("");
        assert_eq!(reader.known("e1"), Known::Never);
    }

    #[test]
    fn numbers_only_grow_whatever_a_new_browser_counts_from() {
        let mut reader = Reader::default();
        reader.used(None, 7);
        reader.used(None, 3);
        reader.used(Some(1), 2);
        assert_eq!((reader.floor(None), reader.floor(Some(1)), reader.floor(Some(2))), (8, 3, 1));
        assert_eq!((reader.next_frame(), reader.next_frame()), (1, 2));
    }

    #[test]
    fn the_oldest_are_forgotten_and_the_latest_are_not() {
        let mut reader = Reader::default();
        for at in 0..=MOST {
            reader.print(format!("e{at}"), called("x"));
        }
        assert!(reader.printed.len() <= MOST);
        assert_eq!(reader.known("e0"), Known::Never);
        assert_eq!(reader.known(&format!("e{MOST}")), Known::As(called("x")));
    }
}
