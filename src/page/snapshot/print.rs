//! The shown tree as lines (pure):
//! `indent "- " role [" " name] *(" [" mark "]") [" [ref=" ref "]"] [": " text]`.
//!
//! A page cannot forge a line: no text holds a line break or a control character, and what stands
//! in quotes or brackets is escaped. It is not YAML.

use std::fmt::Write;

use super::{
    Choice, Mark, NodeId, Printed, Shown, Tree,
    shown::Entry,
    text::{capped, quoted},
};

/// Options beyond these are counted, and only the first few told.
const OPTIONS: usize = 10;
const OPTIONS_BYTES: usize = 200;
const OPTIONS_TOLD: usize = 5;
/// Of a shortened list: besides what is selected.
const OPTIONS_SHORT: usize = 3;
/// What is longer than the first is shortened to the second (snapshot.md 3.1, stage 2).
const LONG: usize = 160;
const SHORT: usize = 120;
const SHORT_URL: usize = 60;

/// How much of a line is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All of it.
    Whole,
    /// Long texts, lists of options and addresses are cut.
    Short,
}

impl Tree {
    /// The shown tree, a line a node.
    pub fn print(&self) -> String {
        self.print_with(&str::to_owned)
    }

    /// The shown tree with each name, text and value passed through `redact`.
    pub fn print_with(&self, redact: &dyn Fn(&str) -> String) -> String {
        self.shown(redact).print()
    }

    /// One node's line as `button "Pay" [ref=e12]`: without place, states and text.
    pub fn line(&self, id: NodeId) -> String {
        let node = self.node(id);
        let mut out = node.role.to_owned();
        if !node.name.is_empty() {
            out.push(' ');
            out.push_str(&quoted(&capped(node.name.clone(), LONGEST)));
        }
        if let Some(reference) = self.reference(id) {
            write!(out, " [ref={reference}]").ok();
        }
        out
    }
}

/// The longest name in a line by itself, in bytes.
const LONGEST: usize = 2000;

impl Shown {
    /// All of it, whatever its length.
    pub fn print(&self) -> String {
        self.prune(usize::MAX, None).text
    }

    /// Adds the refs of what was printed.
    pub(super) fn printed(&self, text: String, lines: impl Iterator<Item = usize>) -> Printed {
        let with_ref = lines
            .filter_map(|at| self.lines.get(at))
            .filter(|entry| entry.reference.is_some())
            .map(|entry| entry.id);
        Printed { text, refs: with_ref.collect() }
    }
}

impl Entry {
    /// The line without indent and `- `.
    pub(super) fn print(&self, form: Form) -> String {
        let mut out = self.head(form);
        if !self.text.is_empty() {
            out.push_str(": ");
            out.push_str(&fitting(&self.text, form));
        }
        out
    }

    /// The same without its text.
    pub(super) fn head(&self, form: Form) -> String {
        let mut out = self.role.to_owned();
        if !self.name.is_empty() {
            out.push(' ');
            out.push_str(&quoted(&fitting(&self.name, form)));
        }
        for mark in &self.marks {
            self.mark_in(mark, form, &mut out);
        }
        if let Some(reference) = &self.reference {
            write!(out, " [ref={reference}]").ok();
        }
        out
    }

    fn mark_in(&self, mark: &Mark, form: Form, out: &mut String) {
        match (mark.key.as_str(), &mark.value) {
            ("options", _) => {
                let list = options(&self.options, form);
                write!(out, " [options={list}]").ok();
            }
            (key, None) => {
                write!(out, " [{key}]").ok();
            }
            (key, Some(value)) => {
                let value = match (key, form) {
                    ("url", Form::Short) => capped(value.clone(), SHORT_URL),
                    _ => fitting(value, form),
                };
                let bare = !value.contains([' ', ']', '"']);
                let value = if bare { value } else { quoted(&value) };
                write!(out, " [{key}={value}]").ok();
            }
        }
    }
}

fn fitting(text: &str, form: Form) -> String {
    match form {
        Form::Short if text.len() > LONG => capped(text.to_owned(), SHORT),
        Form::Short | Form::Whole => text.to_owned(),
    }
}

/// `A|B|C`, or how many and the first few. Short: what is selected and three more.
fn options(choices: &[Choice], form: Form) -> String {
    let labels: Vec<String> = choices.iter().map(label).collect();
    let whole = labels.join("|");
    let whole = if labels.len() <= OPTIONS && whole.len() <= OPTIONS_BYTES {
        whole
    } else {
        told(&labels, labels.iter().take(OPTIONS_TOLD))
    };
    if form == Form::Whole {
        return whole;
    }
    let mut others = 0;
    let kept = choices.iter().zip(&labels).filter(|(choice, _)| {
        others += usize::from(!choice.selected);
        choice.selected || others <= OPTIONS_SHORT
    });
    let short = capped(told(&labels, kept.map(|(_, label)| label)), LONG);
    if short.len() < whole.len() { short } else { whole }
}

fn told<'a>(all: &[String], some: impl Iterator<Item = &'a String>) -> String {
    let some: Vec<&str> = some.map(String::as_str).collect();
    let more = if some.len() < all.len() { "|…" } else { "" };
    format!("{}: {}{more}", all.len(), some.join("|"))
}

fn label(choice: &Choice) -> String {
    let mut label =
        capped(choice.label.clone(), OPTIONS_BYTES).replace(']', "\\]").replace('|', "\\|");
    if choice.disabled {
        label.push_str(" (disabled)");
    }
    label
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::page::snapshot::fixture::tree;

    fn check(records: &[&str], want: &[&str]) {
        let printed = tree(records).print();
        assert_eq!(printed.lines().collect::<Vec<_>>(), want, "{records:?}");
    }

    #[test]
    fn inline_text_joins_and_blocks_start_a_run() {
        check(
            &["0|generic|2049", "1|#|1|2|3", "1|#|1|1|beds", "1|#|1|2|2 baths"],
            &["- text: 3 beds", "- text: 2 baths"],
        );
    }

    #[test]
    fn a_link_in_a_sentence_parts_its_text() {
        check(
            &["0|paragraph|1", "1|#|1|2|See", "1|link|19|4|docs", "2|#|1|1|docs", "1|#|1|0|."],
            &["- paragraph", "  - text: See", "  - link \"docs\" [ref=e4]", "  - text: ."],
        );
    }

    #[test]
    fn a_label_beside_its_control_is_not_repeated() {
        check(
            &["0|#|1|2|Email", "0|textbox|11|2|Email||required~placeholder=you@x.org"],
            &["- textbox \"Email\" [required] [placeholder=you@x.org] [ref=e2]"],
        );
        check(
            &["0|#|1|2|Mail", "0|textbox|11|2|Email"],
            &["- text: Mail", "- textbox \"Email\" [ref=e2]"],
        );
    }

    #[test]
    fn a_row_of_text_is_one_line_and_pipes_in_it_are_escaped() {
        check(
            &["0|row|17||a b", "1|cell|17||a", "2|#|1|2|a", "1|cell|1", "1|cell|17||b"],
            &["- row: a |  | b"],
        );
        let piped = tree(&["0|row|1", "1|cell|17||X", "1|cell|17||b"]);
        let mut piped = piped;
        piped.nodes.get_mut(1).unwrap().name = "a|c".to_owned();
        assert_eq!(piped.print(), "- row: a\\|c | b\n");
    }

    #[test]
    fn a_name_is_printed_once_or_its_content_is() {
        check(
            &["0|heading|17||Foo||level=2", "1|link|19|1|Foo", "2|#|1|2|Foo"],
            &["- heading [level=2]", "  - link \"Foo\" [ref=e1]"],
        );
        check(
            &["0|button|19|1|Save now", "1|#|1|2|Save", "1|img|1||now"],
            &["- button \"Save now\" [ref=e1]"],
        );
    }

    #[test]
    fn a_shell_with_one_child_gives_way_to_it() {
        check(&["0|listitem|1", "1|link|3|1|Home"], &["- link \"Home\" [ref=e1]"]);
        check(&["0|listitem|1", "1|#|1|2|Home"], &["- listitem: Home"]);
    }

    #[test]
    fn what_covers_all_of_a_form_is_told_on_the_form() {
        check(
            &["0|form|1|1", "1|textbox|75|2|A|||||||9", "1|button|67|3|B|||||||9"],
            &[
                "- form [covered=e9] [ref=e1]",
                "  - textbox \"A\" [ref=e2]",
                "  - button \"B\" [ref=e3]",
            ],
        );
        check(
            &["0|form|1|1", "1|textbox|75|2|A|||||||9", "1|button|67|3|B"],
            &[
                "- form [ref=e1]",
                "  - textbox \"A\" [covered=e9] [ref=e2]",
                "  - button \"B\" [ref=e3]",
            ],
        );
    }

    #[test]
    fn many_options_are_counted_and_brackets_in_labels_escaped() {
        let many: Vec<String> = (0..11).map(|at| format!("0^L{at}^{at}")).collect();
        let record = format!("0|combobox|4099|1|C||options||||{}", many.join("~"));
        check(&[&record], &["- combobox \"C\" [options=11: L0|L1|L2|L3|L4|…] [ref=e1]"]);
        check(
            &["0|combobox|4099|1|C||options||||1^a]^a~2^b^b"],
            &["- combobox \"C\" [options=a\\]|b (disabled)] [ref=e1]"],
        );
    }

    #[test]
    fn what_is_printed_is_redacted_before_it_is_cut() {
        let tree = tree(&[&format!("0|#|1|2|{}secret", "x".repeat(1997))]);
        let printed = tree.print_with(&|text| text.replace("secret", "{{s}}"));
        assert!(printed.ends_with("{{s…(+2)\n"), "{printed}");
    }

    proptest! {
        #[test]
        fn a_page_cannot_forge_a_line(name in "\\PC{0,40}|[\n\r\u{2028}\u{85}\u{1b}a]{0,9}", value in any::<String>()) {
            let mut tree = tree(&["0|form|1|1|x", "1|textbox|11|2|x|x|placeholder=x", "1|#|1|2|x", "1|button|3|3"]);
            let hostile = crate::page::snapshot::text::norm(&format!("{name}{value}"));
            for node in tree.nodes.iter_mut().filter(|node| !node.name.is_empty()) {
                node.name.clone_from(&hostile);
                if !node.value.is_empty() {
                    node.value.clone_from(&hostile);
                }
                for mark in &mut node.marks {
                    mark.value = Some(hostile.clone());
                }
            }
            let printed = tree.print();
            let lines = printed.lines().count();
            let texts = usize::from(!hostile.is_empty());
            prop_assert!(lines == 3 || lines == 3 + texts, "{}", printed);
            for (line, start) in printed.lines().zip(["- form", "  - "]) {
                prop_assert!(line.starts_with(start));
            }
        }
    }
}
