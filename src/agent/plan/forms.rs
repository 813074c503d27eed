//! The forms that need no model, as a table (agent.md 3.2 and 3.3): what messages call them, what
//! `handback check --grammar` prints, and which is nearest to a sentence that is none of them.

use std::{fmt::Write as _, iter};

use super::{clauses::CHECKS, direct};
use crate::page::words::{Cursor, Kind, is_verb, tokens};

/// One way to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// `A1` to `A21`, `V1` to `V10`; a number may have several forms.
    pub id: &'static str,
    /// `[x]` is optional and `x/y` is either.
    pub form: &'static str,
    /// The tool or predicate.
    pub executes: &'static str,
    /// The first words that ask for it; of a check, words that show what it is about.
    pub words: &'static [&'static str],
    /// Whether it can be executed.
    pub built: bool,
}

const fn form(
    id: &'static str,
    form: &'static str,
    executes: &'static str,
    words: &'static [&'static str],
) -> Form {
    Form { id, form, executes, words, built: true }
}

const fn later(
    id: &'static str,
    form: &'static str,
    executes: &'static str,
    words: &'static [&'static str],
) -> Form {
    Form { id, form, executes, words, built: false }
}

static FORMS: [Form; 46] = [
    form(
        "A1",
        "go to/navigate to/open/visit/load/browse to U, or the home/start page",
        "navigate",
        &["go", "navigate", "open", "visit", "load", "browse"],
    ),
    form("A2", "click/tap/press/push [on] T", "click", &["click", "tap", "press", "push"]),
    form("A2", "double-click T", "click", &["double-click", "double"]),
    form("A2", "right-click T", "click", &["right-click", "right"]),
    form("A2", "open/expand/collapse T", "click", &["open", "expand", "collapse"]),
    form(
        "A3",
        "type/enter/input/write S in/into/to T",
        "type_text",
        &["type", "enter", "input", "write"],
    ),
    form("A3", "fill [in] T with S, or fill S into T", "type_text", &["fill"]),
    form("A3", "set T to S", "type_text", &["set"]),
    form("A3", "type/enter S (the focused element)", "type_text", &["type", "enter"]),
    form("A4", "clear T", "type_text", &["clear"]),
    form(
        "A5",
        "select/choose/pick S[, S…] in/from T",
        "select_option",
        &["select", "choose", "pick"],
    ),
    form(
        "A6",
        "select/choose/pick S [option/radio/tab/menu item]",
        "click",
        &["select", "choose", "pick"],
    ),
    form("A7", "press [the] K [key] [N times] [in T]", "press_key", &["press"]),
    form(
        "A8",
        "check/tick/turn on T (S alone, or a checkbox, switch or radio)",
        "click",
        &["check", "tick", "turn"],
    ),
    form(
        "A8",
        "uncheck/untick/turn off T (S alone, or a checkbox, switch or radio)",
        "click",
        &["uncheck", "untick", "turn"],
    ),
    form("A9", "scroll down/up/left/right [N pixels/screens] [in T]", "scroll", &["scroll"]),
    form("A9", "scroll to [the] top/bottom [of T], or to T", "scroll", &["scroll"]),
    form("A9", "scroll down/up until S is visible", "scroll", &["scroll"]),
    form(
        "A10",
        "wait for S [to appear/be visible] [for up to D ≤ 30 s], or wait until S appears/is visible",
        "wait",
        &["wait"],
    ),
    form(
        "A11",
        "wait for S to disappear/be hidden/be gone [for up to D ≤ 30 s], or wait until S disappears/is gone",
        "wait",
        &["wait"],
    ),
    form("A12", "wait for T to be STATE, or wait until [the] url/title OP S", "wait", &["wait"]),
    form(
        "A13",
        "wait until [the page is] stable/idle/settled/loaded [for D ≤ 10 s] [for up to D ≤ 60 s]",
        "wait_for_stable",
        &["wait"],
    ),
    form("A14", "wait [for] D (≤ 10 s)", "wait", &["wait"]),
    form("A15", "upload/attach S[, S…] to/in/into T", "upload_file", &["upload", "attach"]),
    form("A16", "hover [over/on] T", "hover", &["hover"]),
    form("A16", "drag T to/onto T", "drag", &["drag"]),
    form(
        "A17",
        "accept/dismiss/cancel [the] dialog/alert/confirmation/prompt [with S]",
        "handle_dialog",
        &["accept", "dismiss", "cancel"],
    ),
    form(
        "A18",
        "switch to [the] tab S/N, or to the new/first/last/previous tab; close the [current] tab",
        "switch_tab",
        &["switch", "close"],
    ),
    form("A19", "go back", "go_back", &["go"]),
    form("A19", "reload/refresh [the page]", "navigate", &["reload", "refresh"]),
    form("A19", "take a screenshot", "screenshot", &["take"]),
    form("A20", "create a temporary/temp email [address]", "create_temp_email", &["create"]),
    form(
        "A20",
        "wait for the [verification] code/email [for up to D ≤ 120 s]",
        "wait_for_verification_code",
        &["wait"],
    ),
    form("A20", "enter/paste the code in/into T", "paste_code", &["enter", "paste"]),
    form("A20", "open the link in the email", "navigate", &["open"]),
    later(
        "A21",
        "hand over/hand off to a human [for login/2fa/captcha/permission][: S]",
        "request_handoff",
        &["hand"],
    ),
    form(
        "V1",
        "S[, S… and S] is/are visible/shown/displayed/present; [the page/I] shows/displays/contains/see S; T shows/displays/contains S; [text] S",
        "text_visible",
        &[
            "visible",
            "shown",
            "displayed",
            "present",
            "shows",
            "displays",
            "contains",
            "see",
            "text",
        ],
    ),
    form(
        "V2",
        "S is not/isn't/is no longer visible/shown/displayed/present; S is absent/gone/hidden; the page does not show/contain S; no S [is visible]",
        "text_absent",
        &["not", "no", "isn't", "absent", "gone", "hidden", "doesn't"],
    ),
    form(
        "V3",
        "T is [not] visible/hidden/enabled/disabled/checked/unchecked/selected/focused/expanded/collapsed/pressed/read-only",
        "element_state",
        &[
            "enabled",
            "disabled",
            "checked",
            "unchecked",
            "selected",
            "focused",
            "expanded",
            "collapsed",
            "pressed",
            "read-only",
        ],
    ),
    form(
        "V4",
        "[the value of] T OP S; T has [the] value S; T is empty",
        "value",
        &["value", "empty", "field", "dropdown"],
    ),
    form("V5", "[the] url/address/path OP S, or OP U", "url", &["url", "address", "path"]),
    form("V6", "[the] [page] title OP S", "title", &["title"]),
    form(
        "V7",
        "there is/are [exactly/at least/at most/more than/fewer than] N/no [S] role [in …]; S appears N times",
        "count",
        &["there", "appears", "times"],
    ),
    form("V8", "T has [exactly] [the] options S[, S…]", "options", &["options", "option"]),
    form(
        "V9",
        "METHOD U returns/responds with [status] N, or Nxx",
        "http_status",
        &["returns", "responds", "status"],
    ),
    form(
        "V10",
        "[the] dialog/alert/prompt says/contains S",
        "dialog",
        &["dialog", "alert", "prompt"],
    ),
];

/// Every form, in the order of the specification.
pub fn grammar() -> &'static [Form] {
    &FORMS
}

/// The grammar for people: one line a form.
pub fn print_grammar() -> String {
    let mut text = String::new();
    for form in grammar() {
        let later = if form.built { "" } else { " (not built yet)" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<4} {:<24} {}{later}", form.id, form.executes, form.form);
    }
    text
}

impl Form {
    fn is_action(&self) -> bool {
        self.id.starts_with('A')
    }

    /// `A2: click/tap/press/push [on] T`.
    fn shown(&self) -> String {
        let later = if self.built { "" } else { " (not built yet)" };
        format!("{}: {}{later}", self.id, self.form)
    }
}

/// Whether a sentence may begin with this word.
pub(super) fn is_known_verb(word: &str) -> bool {
    action_verbs().chain(CHECKS).any(|verb| is_verb(word, verb))
}

fn action_verbs() -> impl Iterator<Item = &'static str> {
    FORMS.iter().filter(|form| form.is_action()).flat_map(|form| form.words.iter().copied())
}

/// The forms that a sentence was probably meant to be: those of its verb, else of the nearest verb.
pub(super) fn nearest(text: &str, is_check: bool) -> Option<String> {
    let tokens = tokens(text);
    let at = direct::without_lead(Cursor::new(&tokens));
    let verb = at.any_word().map(|(token, _)| token.low.trim_end_matches('.'));
    let Some(verb) = verb.filter(|_| !is_check) else { return is_check.then(|| checks(text)) };
    let known = action_verbs().chain(CHECKS);
    let far =
        known.map(|known| if is_verb(verb, known) { 0 } else { distance(verb, known) }).min()?;
    let near =
        |known: &str| far == 0 && is_verb(verb, known) || far > 0 && distance(verb, known) == far;
    if far > 2 {
        return None;
    }
    let actions =
        FORMS.iter().filter(|form| form.is_action() && form.words.iter().any(|word| near(word)));
    let actions: Vec<&Form> = actions.collect();
    // A form that works is nearer than one that does not yet.
    let works = actions.iter().any(|form| form.built);
    let mut shown: Vec<String> =
        actions.iter().filter(|form| form.built || !works).map(|form| form.shown()).collect();
    if CHECKS.iter().any(|check| near(check)) {
        shown.push(checks(text));
    }
    Some(shown.join(" | "))
}

/// The check forms that a sentence's words speak of; V1 if they speak of none.
fn checks(text: &str) -> String {
    let tokens = tokens(text);
    let words: Vec<&str> = tokens
        .iter()
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.low.trim_end_matches('.'))
        .collect();
    let about = |form: &&Form| form.words.iter().any(|word| words.contains(word));
    let found: Vec<String> =
        FORMS.iter().filter(|form| !form.is_action()).filter(about).map(Form::shown).collect();
    if found.is_empty() {
        let first = FORMS.iter().find(|form| form.id == "V1");
        return first.map(Form::shown).unwrap_or_default();
    }
    found.join(" | ")
}

/// How many letters must be put in, taken out or replaced to make one word the other.
pub(super) fn distance(one: &str, other: &str) -> usize {
    /// No verb or name is that long; a hostile one must not take quadratic time.
    const LONGEST: usize = 64;
    if one.len().max(other.len()) > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, left) in one.chars().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        let next = iter::once(before).chain(row.iter().skip(1).zip(other.chars()).scan(
            (),
            |(), (up, right)| {
                let replaced = diagonal + usize::from(left != right);
                diagonal = *up;
                before = replaced.min(*up + 1).min(before + 1);
                Some(before)
            },
        ));
        row = next.collect();
    }
    row.last().copied().unwrap_or(0)
}
