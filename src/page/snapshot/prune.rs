//! As much of a shown tree as fits a budget (pure; agent.md 6.2, snapshot.md 3.1).
//!
//! Cuts are made in stages, each only as far as it must: repeated siblings, long texts, static text
//! out of sight, controls out of sight, the rest by distance; headings, dialogs, alerts and what is
//! invalid go last. Where something is missing a note says what, how much and how to get it. What
//! is printed never exceeds the budget, the notes included.

mod order;

use std::fmt::Write;

use super::{Printed, Shown, print::Form};
use order::{Layout, Step};

/// The least budget that a reader may ask for, in bytes (200 tokens): the notes alone fit it.
pub(super) const LEAST: usize = 800;

/// What is left out.
#[derive(Clone, Debug)]
struct Cuts {
    cut: Vec<bool>,
    short: Vec<bool>,
}

impl Cuts {
    fn with(&self, steps: &[Step]) -> Self {
        let mut cuts = self.clone();
        for step in steps {
            let flags = match *step {
                Step::Cut(at) => cuts.cut.get_mut(at..=at),
                Step::Fold { top, end } => cuts.cut.get_mut(top..end),
                Step::Shorten(at) => cuts.short.get_mut(at..=at),
            };
            if let Some(flags) = flags {
                flags.fill(true);
            }
        }
        cuts
    }
}

/// Lines that are missing in one place.
#[derive(Debug, Default)]
struct Gap {
    tops: Vec<usize>,
    lines: usize,
    controls: usize,
}

/// Where and how a tree is printed.
struct Page<'a> {
    shown: &'a Shown,
    layout: Layout,
    whole: Vec<String>,
    short: Vec<String>,
}

impl Shown {
    /// At most `bytes` of it; `acted` is the ref of the element that was acted on, if one was. A
    /// budget below [`LEAST`] counts as that.
    pub fn prune(&self, bytes: usize, acted: Option<&str>) -> Printed {
        let bytes = bytes.max(LEAST);
        let whole: Vec<String> = self.lines.iter().map(|at| at.print(Form::Whole)).collect();
        let page = Page { shown: self, layout: Layout::of(self, acted), short: Vec::new(), whole };
        let none = vec![false; self.lines.len()];
        let mut cuts = Cuts { cut: none.clone(), short: none };
        if page.size(&cuts) > bytes {
            let short = self.lines.iter().map(|at| at.print(Form::Short)).collect();
            let page = Page { short, ..page };
            for stage in 0..order::STAGES {
                let steps = page.layout.stage(self, stage, &page.alive(&cuts));
                let all = cuts.with(&steps);
                if page.size(&all) > bytes {
                    cuts = all;
                    continue;
                }
                // The fewest steps that fit: `most` does, `least` does not.
                let (mut least, mut most) = (0, steps.len());
                while most - least > 1 {
                    let middle = usize::midpoint(least, most);
                    let some = cuts.with(steps.get(..middle).unwrap_or_default());
                    if page.size(&some) <= bytes {
                        most = middle;
                    } else {
                        least = middle;
                    }
                }
                cuts = cuts.with(steps.get(..most).unwrap_or_default());
                break;
            }
            return page.print(&cuts);
        }
        page.print(&cuts)
    }
}

/// Counts what would be written.
#[derive(Default)]
struct Count(usize);

impl Write for Count {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

impl Page<'_> {
    fn size(&self, cuts: &Cuts) -> usize {
        let mut count = Count::default();
        self.write(cuts, &self.alive(cuts), &mut count);
        count.0
    }

    fn print(&self, cuts: &Cuts) -> Printed {
        let mut text = String::new();
        let alive = self.alive(cuts);
        self.write(cuts, &alive, &mut text);
        let lines = (0..self.shown.lines.len()).filter(|at| alive.get(*at) == Some(&true));
        self.shown.printed(text, lines)
    }

    /// A line is printed if it is not cut, or if something below it is printed. What only contains
    /// goes with the last of it.
    fn alive(&self, cuts: &Cuts) -> Vec<bool> {
        let lines = &self.shown.lines;
        let mut alive = vec![false; lines.len()];
        let mut below = vec![false; lines.len()];
        for (at, entry) in lines.iter().enumerate().rev() {
            let has = below.get(at) == Some(&true);
            let cut = cuts.cut.get(at) == Some(&true);
            let emptied = entry.end > at + 1 && !has && self.layout.only_contains(at);
            let lives = has || !(cut || emptied);
            if let Some(alive) = alive.get_mut(at) {
                *alive = lives;
            }
            if lives
                && let Some(above) = entry.parent
                && let Some(below) = below.get_mut(above)
            {
                *below = true;
            }
        }
        alive
    }

    fn write(&self, cuts: &Cuts, alive: &[bool], out: &mut impl Write) {
        for note in &self.shown.head {
            writeln!(out, "- … {note}").ok();
        }
        self.children(None, false, cuts, alive, out);
    }

    /// `beyond`: a note above has said already that this is out of sight.
    fn children(
        &self,
        of: Option<usize>,
        beyond: bool,
        cuts: &Cuts,
        alive: &[bool],
        out: &mut impl Write,
    ) {
        let level = of.and_then(|at| self.shown.lines.get(at)).map_or(0, |entry| entry.level + 1);
        let mut gap = Gap::default();
        // How much of the run of siblings is left that the last note was about.
        let mut run = 0_usize;
        let living: Vec<usize> =
            self.shown.children(of).filter(|at| alive.get(*at) == Some(&true)).collect();
        let mut rest = living.as_slice();
        for at in self.shown.children(of) {
            if rest.first() != Some(&at) {
                self.add(&mut gap, at);
                continue;
            }
            self.note(&mut gap, of, level, out);
            if run == 0 && !beyond {
                let (side, count) = self.layout.run(rest);
                if let Some(side) = side {
                    run = count;
                    writeln!(
                        out,
                        "{:level$}- … {count} {side} the viewport",
                        "",
                        level = level * 2
                    )
                    .ok();
                }
            }
            let lines = if cuts.short.get(at) == Some(&true) { &self.short } else { &self.whole };
            let line = lines.get(at).map_or("", String::as_str);
            writeln!(out, "{:level$}- {line}", "", level = level * 2).ok();
            self.children(Some(at), beyond || run > 0, cuts, alive, out);
            run = run.saturating_sub(1);
            rest = rest.get(1..).unwrap_or_default();
        }
        self.note(&mut gap, of, level, out);
    }

    fn add(&self, gap: &mut Gap, at: usize) {
        let end = self.shown.lines.get(at).map_or(at + 1, |entry| entry.end);
        gap.tops.push(at);
        gap.lines += end - at;
        gap.controls += (at..end).filter(|at| self.layout.acts(*at)).count();
    }

    /// What is missing, how much of it, and how to get it.
    fn note(&self, gap: &mut Gap, of: Option<usize>, level: usize, out: &mut impl Write) {
        let Gap { tops, lines, controls } = std::mem::take(gap);
        let Some(first) = tops.first() else { return };
        let alike = self.layout.alike(&tops);
        let role = self.shown.lines.get(*first).map_or("", |entry| entry.role);
        let what = match (alike && tops.len() > 1, controls) {
            (true, _) => format!("{} more {} like these", tops.len(), many(role)),
            (false, _) if lines == 1 => "1 more line".to_owned(),
            (false, 0) => format!("{lines} more lines"),
            (false, 1) => format!("{lines} more lines, 1 control among them"),
            (false, _) => format!("{lines} more lines, {controls} controls among them"),
        };
        let how = self.way(&tops, of);
        writeln!(out, "{:level$}- … {what} ({how})", "", level = level * 2).ok();
    }

    fn way(&self, tops: &[usize], of: Option<usize>) -> String {
        let reference = |at: &usize| self.shown.lines.get(*at)?.reference.clone();
        let single = match tops {
            [one] => reference(one),
            _ => None,
        };
        let above = of.and_then(|at| {
            reference(&at).or_else(|| self.shown.ancestors(at).find_map(|at| reference(&at)))
        });
        match single.or(above).filter(|found| Some(found) != self.shown.top.as_ref()) {
            Some(found) => format!("snapshot ref={found}, or find"),
            None => "find, or more max_tokens".to_owned(),
        }
    }
}

/// What several lines of a role are called.
pub(super) fn many(role: &str) -> String {
    match role {
        "listitem" | "treeitem" | "menuitem" => "items".to_owned(),
        "generic" => "parts".to_owned(),
        "checkbox" => "checkboxes".to_owned(),
        "textbox" | "searchbox" => "fields".to_owned(),
        "combobox" => "comboboxes".to_owned(),
        "listbox" => "listboxes".to_owned(),
        "img" => "images".to_owned(),
        role => format!("{role}s"),
    }
}

#[cfg(test)]
mod tests;
