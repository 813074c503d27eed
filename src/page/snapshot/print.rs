//! The shown tree as lines (pure):
//! `indent "- " role [" " name] *(" [" mark "]") [" [ref=" ref "]"] [": " text]`.
//!
//! A page cannot forge a line: no text holds a line break or a control character, and what stands
//! in quotes or brackets is escaped. It is not YAML.

use std::fmt::Write;

use super::{
    Choice, Mark, NodeId, Tree,
    collapse::{Item, Line, collapse},
    text::{capped, quoted},
};

/// The longest name, text or value, in bytes.
const LONGEST: usize = 2000;
/// Options beyond these are counted, and only the first few told.
const OPTIONS: usize = 10;
const OPTIONS_BYTES: usize = 200;
const OPTIONS_TOLD: usize = 5;

/// Marks that follow what covers a node.
const AFTER_COVERED: &[&str] = &["inert", "closed", "origin", "not-loaded"];

impl Tree {
    /// The shown tree, a line a node.
    pub fn print(&self) -> String {
        self.print_with(&str::to_owned)
    }

    /// The shown tree with each name, text and value passed through `redact` before it is cut: a
    /// cut could split a secret.
    pub fn print_with(&self, redact: &dyn Fn(&str) -> String) -> String {
        let mut printer = Printer { tree: self, redact, out: String::new() };
        printer.page();
        for item in &collapse(self) {
            printer.item(item, 0);
        }
        printer.out
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

struct Printer<'a> {
    tree: &'a Tree,
    redact: &'a dyn Fn(&str) -> String,
    out: String,
}

impl Printer<'_> {
    fn page(&mut self) {
        let Some(frame) = self.tree.frames().first() else { return };
        let ((w, h), (vw, vh)) = (frame.page, frame.viewport);
        if w > vw || h > vh {
            let (x, y) = frame.scroll;
            writeln!(self.out, "- … page {w}x{h}, viewport {vw}x{vh} at {x},{y}").ok();
        }
        for frame in self.tree.frames().iter().filter(|frame| frame.cut) {
            let which = if frame.prefix.is_empty() { "the page" } else { &frame.prefix };
            writeln!(self.out, "- … {which} is too large: the tree is not complete").ok();
        }
    }

    fn item(&mut self, item: &Item, level: usize) {
        for _ in 0..level {
            self.out.push_str("  ");
        }
        self.out.push_str("- ");
        match item {
            Item::Text(text) => {
                self.out.push_str("text");
                self.text(text);
                self.out.push('\n');
            }
            Item::Line(line) => {
                self.head(line);
                self.out.push('\n');
                for below in &line.below {
                    self.item(below, level + 1);
                }
            }
        }
    }

    fn head(&mut self, line: &Line) {
        let node = self.tree.node(line.id);
        self.out.push_str(node.role);
        if !line.name.is_empty() {
            let name = self.safe(&line.name);
            self.out.push(' ');
            self.out.push_str(&quoted(&name));
        }
        let after = |mark: &&Mark| AFTER_COVERED.contains(&mark.key.as_str());
        for mark in node.marks.iter().filter(|mark| !after(mark)) {
            self.mark(mark, &node.options);
        }
        if let Some(by) = &line.covered {
            write!(self.out, " [covered={by}]").ok();
        }
        for mark in node.marks.iter().filter(after) {
            self.mark(mark, &node.options);
        }
        if let Some(reference) = self.tree.reference(line.id) {
            write!(self.out, " [ref={reference}]").ok();
        }
        if node.value.is_empty() {
            self.text(&line.text);
        } else {
            self.text(&node.value);
        }
    }

    fn mark(&mut self, mark: &Mark, choices: &[Choice]) {
        match (mark.key.as_str(), &mark.value) {
            ("covered", _) => {}
            ("options", _) => {
                let list = self.options(choices);
                write!(self.out, " [options={list}]").ok();
            }
            (key, None) => {
                write!(self.out, " [{key}]").ok();
            }
            (key, Some(value)) => {
                let value = self.safe(value);
                let bare = !value.contains([' ', ']', '"']);
                let value = if bare { value } else { quoted(&value) };
                write!(self.out, " [{key}={value}]").ok();
            }
        }
    }

    fn options(&self, choices: &[Choice]) -> String {
        let labels: Vec<String> = choices.iter().map(|choice| self.label(choice)).collect();
        let list = labels.join("|");
        if labels.len() <= OPTIONS && list.len() <= OPTIONS_BYTES {
            return list;
        }
        let told: Vec<String> = labels.iter().take(OPTIONS_TOLD).cloned().collect();
        let mut list = format!("{}: {}", labels.len(), told.join("|"));
        if labels.len() > OPTIONS_TOLD {
            list.push_str("|…");
        }
        list
    }

    fn label(&self, choice: &Choice) -> String {
        let mut label = capped((self.redact)(&choice.label), OPTIONS_BYTES)
            .replace(']', "\\]")
            .replace('|', "\\|");
        if choice.disabled {
            label.push_str(" (disabled)");
        }
        label
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            let text = self.safe(text);
            self.out.push_str(": ");
            self.out.push_str(&text);
        }
    }

    /// Redacted, then cut. Redaction is ours, but what it returns must not break the line either.
    fn safe(&self, text: &str) -> String {
        capped((self.redact)(text).replace(['\n', '\r'], " "), LONGEST)
    }
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
