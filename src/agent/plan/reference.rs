//! The grammar as a page of Markdown, for docs/grammar.md.

use std::fmt::Write as _;

use super::forms::{Form, grammar};

/// What the letters of the forms stand for, besides `[x]` for what may be left out and `x/y` for either.
const SYMBOLS: &[(&str, &str)] = &[
    (
        "S",
        "text in quotes: `\"…\"`, `'…'`, backquotes or typographic ones; `\\\"`, `\\\\`, `\\n`, `\\t` inside straight double quotes",
    ),
    ("N", "a number"),
    ("D", "a duration: a number with `ms`, `s` or `minutes`"),
    (
        "U",
        "an http(s) URL, `/path`, `?query` or `#hash`, quoted or not; unquoted also `host.tld…` and `localhost:port…`",
    ),
    ("K", "a key or a chord: `Enter`, `ArrowDown`, `Control+A`"),
    (
        "OP",
        "`is`/`equals`, `is not`, `contains`, `does not contain`, `starts with`, `ends with`, `matches` (a regular expression)",
    ),
    (
        "STATE",
        "`visible`, `hidden`, `enabled`, `disabled`, `checked`, `unchecked`, `selected`, `focused`, `expanded`, `collapsed`, `pressed`, `read-only`",
    ),
    (
        "T",
        "an element: `\"Pay\"`, `\"Pay\" button`, `button \"Pay\"`, `Sign in button`, `second \"Add\" button`; then `in \"Cart\" section`, `in the dialog`, `near \"Total\"`",
    ),
];

/// Every form, and what its letters stand for.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Plans without a model\n\n\
         A line of a plan that has one of these forms is executed as it stands. Keywords may be written in \
         any case; `then`, `I`, `the user`, articles and a final `.` may be there or not; several actions in \
         a line are split at `;`, `then`, and at `and` or `,` before a verb. `handback check` says which \
         lines of a plan have no form, and which form is nearest.\n",
    );
    let (actions, checks): (Vec<&Form>, Vec<&Form>) =
        grammar().iter().partition(|form| form.id.starts_with('A'));
    table(&mut page, "Actions", "", &actions);
    let verbs =
        "After `Verify`, `Assert`, `Confirm`, `Ensure` or `Check` and, if one likes, `that`.\n\n";
    table(&mut page, "Checks", verbs, &checks);
    page.push_str("\n## Letters\n\n`[x]` may be left out; `x/y` is either.\n\n| | |\n|---|---|\n");
    for (letter, says) in SYMBOLS {
        writeln!(page, "| {letter} | {says} |").ok();
    }
    page
}

fn table(page: &mut String, title: &str, before: &str, forms: &[&Form]) {
    write!(page, "\n## {title}\n\n{before}| | form | executes |\n|---|---|---|\n").ok();
    for form in forms {
        let later = if form.built { "" } else { " (not built yet)" };
        let said = form.form.replace('|', "\\|");
        writeln!(page, "| {} | {said}{later} | {} |", form.id, form.executes).ok();
    }
}
