//! The lines of a shown tree that match a text, with their ancestors (pure; snapshot.md 3.2).

use std::fmt::Write;

use super::{Printed, Shown, print::Form, prune::LEAST, shown::Entry, text::norm};

/// What is printed whole if a match is in it and it is no longer than this.
pub(super) const UNITS: &[&str] = &["row", "listitem", "treeitem", "article"];
pub(super) const UNIT: usize = 20;

/// Letters of a role by which lines are found.
const PART_OF_ROLE: usize = 3;

/// What is printed of each match.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Style {
    units: bool,
    form: Form,
}

impl Shown {
    /// The lines whose name, text, description or hint contains `wanted`, whatever the case, whose role
    /// begins or ends with it, or that begin with it as they are printed (`button "Delete"`), as far as
    /// `bytes` go. A part of a role has three letters at least: "on" is not meant to find every button,
    /// nor "Bob" every combobox. The first line says how many there are. Meant for a tree with options
    /// ([`super::Tree::shown_with_options`]).
    pub fn find(&self, wanted: &str, bytes: usize) -> Printed {
        let bytes = bytes.max(LEAST);
        let wanted = norm(wanted).to_lowercase();
        let found: Vec<usize> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, entry)| matches(entry, &wanted))
            .map(|(at, _)| at)
            .collect();
        let styles = [(true, Form::Whole), (true, Form::Short), (false, Form::Short)];
        let mut last = Printed::default();
        for (units, form) in styles {
            let style = Style { units, form };
            last = self.matching(&found, found.len(), style);
            if last.text.len() <= bytes {
                return last;
            }
        }
        // As many as fit, in tree order, as short as they can be; none of them always fits.
        let style = Style { units: false, form: Form::Short };
        let (mut fits, mut over) = (0, found.len());
        while over - fits > 1 {
            let middle = usize::midpoint(fits, over);
            if self.matching(&found, middle, style).text.len() <= bytes {
                fits = middle;
            } else {
                over = middle;
            }
        }
        if last.text.len() > bytes { self.matching(&found, fits, style) } else { last }
    }

    /// The first `count` matches.
    fn matching(&self, found: &[usize], count: usize, style: Style) -> Printed {
        let mut kept = vec![false; self.lines.len()];
        let mut keep = |at: usize| {
            if let Some(kept) = kept.get_mut(at) {
                *kept = true;
            }
        };
        for at in found.iter().copied().take(count) {
            keep(at);
            self.ancestors(at).for_each(&mut keep);
            if style.units
                && let Some(unit) = self.unit(at)
            {
                let end = self.lines.get(unit).map_or(unit, |entry| entry.end);
                (unit..end).for_each(&mut keep);
            }
        }
        let mut text = match found.len() {
            0 => "- … no matches".to_owned(),
            1 => "- … 1 match".to_owned(),
            many => format!("- … {many} matches"),
        };
        if count < found.len() {
            let missing = found.len() - count;
            write!(
                text,
                ", {missing} of them not printed (find something rarer, or more max_tokens)"
            )
            .ok();
        }
        text.push('\n');
        let kept: Vec<usize> = (0..kept.len()).filter(|at| kept.get(*at) == Some(&true)).collect();
        for entry in kept.iter().filter_map(|at| self.lines.get(*at)) {
            let indent = entry.level * 2;
            writeln!(text, "{:indent$}- {}", "", entry.print(style.form)).ok();
        }
        self.printed(text, kept.into_iter())
    }

    /// The nearest row, item, article or group of options that a line is in, if it is short.
    fn unit(&self, of: usize) -> Option<usize> {
        let option = self.lines.get(of).is_some_and(|entry| entry.role == "option");
        std::iter::once(of).chain(self.ancestors(of)).find(|at| {
            self.lines.get(*at).is_some_and(|entry| {
                let is_unit = UNITS.contains(&entry.role) || (option && entry.role == "group");
                is_unit && entry.end - at <= UNIT
            })
        })
    }
}

fn matches(entry: &Entry, wanted: &str) -> bool {
    let marks = ["description", "hint"].iter().filter_map(|mark| entry.mark(mark));
    let mut texts = [entry.name.as_str(), entry.text.as_str()].into_iter().chain(marks);
    let is_part = entry.role.starts_with(wanted) || entry.role.ends_with(wanted);
    (wanted.len() >= PART_OF_ROLE && is_part)
        || texts.any(|text| text.to_lowercase().contains(wanted))
        || (!entry.name.is_empty()
            && wanted.starts_with(entry.role)
            && entry.print(Form::Whole).to_lowercase().starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use crate::page::snapshot::fixture::tree;

    const PAGE: &[&str] = &[
        "0|main|1|1",
        "1|table|1|2|Users",
        "2|row|1",
        "3|cell|17||Ada",
        "3|button|3|3|Delete",
        "2|row|1",
        "3|cell|17||Bob",
        "3|button|3|4|Delete",
        "1|combobox|4099|5|Country|Chile|options||||0^Canada^1^America~1^Chile^2^America~0^Chad^3^Africa",
        "1|button|3|6|||description=Removes Bob",
        "0|contentinfo|1|7",
        "1|link|3|8|Imprint",
    ];

    #[track_caller]
    fn check(wanted: &str, want: &[&str]) {
        let printed = tree(PAGE).shown_with_options(&str::to_owned).find(wanted, 8000);
        assert_eq!(printed.text.lines().collect::<Vec<_>>(), want, "{wanted}");
    }

    #[test]
    fn matches_come_with_their_ancestors_and_short_rows_whole() {
        check(
            " BOB",
            &[
                "- … 2 matches",
                "- main [ref=e1]",
                "  - table \"Users\" [ref=e2]",
                "    - row",
                "      - cell \"Bob\"",
                "      - button \"Delete\" [ref=e4]",
                "  - button [description=\"Removes Bob\"] [ref=e6]",
            ],
        );
        check(
            "imprint",
            &["- … 1 match", "- contentinfo [ref=e7]", "  - link \"Imprint\" [ref=e8]"],
        );
        check("nowhere", &["- … no matches"]);
        check("link", &["- … 1 match", "- contentinfo [ref=e7]", "  - link \"Imprint\" [ref=e8]"]);
    }

    #[test]
    fn a_line_is_found_by_a_part_of_its_role_and_by_how_it_begins() {
        let imprint = &["- … 1 match", "- contentinfo [ref=e7]", "  - link \"Imprint\" [ref=e8]"];
        check("lin", imprint);
        check("link \"IMP", imprint);
        check("link \"Imprint\" [ref=e8]", imprint);
        check("info", &["- … 1 match", "- contentinfo [ref=e7]"]);
        check("nk", &["- … no matches"]);
        check("link \"x", &["- … no matches"]);
    }

    #[test]
    fn an_option_is_found_in_its_group() {
        check(
            "canada",
            &[
                "- … 1 match",
                "- main [ref=e1]",
                "  - combobox \"Country\" [options=Canada|Chile|Chad] [ref=e5]: Chile",
                "    - group \"America\"",
                "      - option \"Canada\"",
                "      - option \"Chile\" [selected]",
            ],
        );
    }

    #[test]
    fn what_does_not_fit_is_counted_and_refs_are_those_that_were_printed() {
        let many: Vec<String> =
            (1..200).map(|at| format!("0|button|3|{at}|Add {}", "x".repeat(100))).collect();
        let records: Vec<&str> = many.iter().map(String::as_str).collect();
        let tree = tree(&records);
        let printed = tree.shown_with_options(&str::to_owned).find("add", 2000);
        let first = printed.text.lines().next().unwrap();
        let lines = printed.text.lines().count() - 1;
        assert!(printed.text.len() <= 2000 && lines > 10, "{}", printed.text);
        assert!(
            first.starts_with(&format!("- … 199 matches, {} of them not", 199 - lines)),
            "{first}"
        );
        assert_eq!(printed.refs.len(), lines);
    }
}
