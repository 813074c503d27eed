//! What of a conversation is still sent (agent.md 7.5 and 7.6).
//!
//! # Guarantees
//! - Cuts are only before an assistant message: calls and results stay together.
//! - The prefix is left alone as long as possible, so that a provider can keep it: whatever has to go,
//!   goes in one batch.

use crate::model::{
    conversation::{Conversation, Part, Turn},
    image::Image,
};

/// Newest images that stay; they are trimmed from twice as many.
const IMAGES: usize = 3;
/// Newest whole trees that stay; they are trimmed from twice as many.
const TREES: usize = 2;
/// From more turns than this the newest [`TURNS_LEFT`] stay.
const TURNS: usize = 30;
const TURNS_LEFT: usize = 15;
const NO_IMAGE: &str = "[an older picture was here]";
const NO_TREE: &str = "[an older tree was here; take a snapshot for the present one]";

/// What a scenario has said so far.
#[derive(Clone, Debug)]
pub struct Talk {
    head: String,
    /// Whether there was a picture.
    pictured: bool,
    picture: Option<Image>,
    tree: Option<String>,
    task: String,
    entries: Vec<Entry>,
    digest: Vec<String>,
    changed: bool,
}

/// A turn, and what is known of its results.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was said and answered.
    pub turn: Turn,
    /// For each of its results.
    pub lines: Vec<Line>,
}

/// What is known of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Tool, target and outcome, in a line.
    pub digest: String,
    /// The result's text without its whole tree, if it has one.
    pub brief: Option<String>,
}

impl Talk {
    /// The first message: what stands before and after the tree, and the page.
    pub fn new(head: String, picture: Option<Image>, tree: String, task: String) -> Self {
        Self {
            head,
            pictured: picture.is_some(),
            picture,
            tree: Some(tree),
            task,
            entries: Vec::new(),
            digest: Vec::new(),
            changed: false,
        }
    }

    /// A turn is over. What has become too much goes.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        if self.images() > 2 * IMAGES {
            self.keep_images(IMAGES);
        }
        if self.trees() > 2 * TREES {
            self.keep_trees(TREES);
        }
        if self.entries.len() > TURNS {
            self.keep_turns(TURNS_LEFT);
        }
    }

    /// The conversation does not fit: the first time all images and trees but one and half of the turns
    /// go, the second time all but the first message, a digest and the latest tree. False, if there is
    /// nothing left that could go.
    pub fn squeeze(&mut self, time: u32) -> bool {
        self.changed = true;
        match time {
            0 => {
                self.keep_images(1);
                self.keep_trees(1);
                self.keep_turns(self.entries.len() / 2);
                true
            }
            1 => {
                self.keep_images(0);
                self.keep_trees(1);
                if let Some(latest) = self.latest_tree() {
                    self.tree = Some(latest);
                }
                self.keep_turns(0);
                true
            }
            _ => false,
        }
    }

    /// Whether something before the last turn has changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What is sent.
    pub fn conversation(&self) -> Conversation {
        let mut first = Vec::new();
        match &self.picture {
            Some(picture) => first.push(Part::Image(picture.clone())),
            None if self.pictured => first.push(Part::Text(NO_IMAGE.to_owned())),
            None => {}
        }
        first.push(Part::Text(self.head.clone()));
        first.push(Part::Text(self.tree.clone().unwrap_or_else(|| NO_TREE.to_owned())));
        first.push(Part::Text(self.task.clone()));
        if !self.digest.is_empty() {
            let steps = self.digest.join("\n");
            first.push(Part::Text(format!("Steps so far that are no longer shown:\n{steps}")));
        }
        Conversation { first, turns: self.entries.iter().map(|one| one.turn.clone()).collect() }
    }

    fn images(&self) -> usize {
        let results = self.entries.iter().flat_map(|one| one.turn.results());
        usize::from(self.picture.is_some()) + results.map(|it| it.images.len()).sum::<usize>()
    }

    fn trees(&self) -> usize {
        let lines = self.entries.iter().flat_map(|one| &one.lines);
        usize::from(self.tree.is_some()) + lines.filter(|line| line.brief.is_some()).count()
    }

    fn keep_images(&mut self, keep: usize) {
        let mut surplus = self.images().saturating_sub(keep);
        if surplus > 0 && self.picture.take().is_some() {
            surplus -= 1;
            self.changed = true;
        }
        let results = self.entries.iter_mut().flat_map(|one| one.turn.results_mut());
        for result in results.filter(|it| !it.images.is_empty()) {
            if surplus == 0 {
                return;
            }
            surplus = surplus.saturating_sub(result.images.len());
            result.images.clear();
            result.text.push('\n');
            result.text.push_str(NO_IMAGE);
            self.changed = true;
        }
    }

    fn keep_trees(&mut self, keep: usize) {
        let mut surplus = self.trees().saturating_sub(keep);
        if surplus > 0 && self.tree.take().is_some() {
            surplus -= 1;
            self.changed = true;
        }
        for Entry { turn, lines } in &mut self.entries {
            for (result, line) in turn.results_mut().iter_mut().zip(lines) {
                if surplus == 0 {
                    return;
                }
                if let Some(brief) = line.brief.take() {
                    result.text = format!("{brief}\n{NO_TREE}");
                    surplus -= 1;
                    self.changed = true;
                }
            }
        }
    }

    fn keep_turns(&mut self, keep: usize) {
        let surplus = self.entries.len().saturating_sub(keep);
        for Entry { lines, .. } in self.entries.drain(..surplus) {
            self.digest.extend(lines.into_iter().map(|line| format!("- {}", line.digest)));
            self.changed = true;
        }
    }

    /// The text of the newest result with a whole tree.
    fn latest_tree(&self) -> Option<String> {
        let mut newest = None;
        for Entry { turn, lines } in &self.entries {
            for (result, line) in turn.results().iter().zip(lines) {
                if line.brief.is_some() {
                    newest = Some(result.text.clone());
                }
            }
        }
        newest
    }
}

#[cfg(test)]
mod tests;
