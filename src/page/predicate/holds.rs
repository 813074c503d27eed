//! Whether a predicate holds on a tree (pure; agent.md 8.2). How long to try is the caller's part,
//! and that absence must last 500 ms too.
//!
//! What cannot be evaluated (no such region, several elements, not that kind of element) is false,
//! also when it asks for absence: a misspelt region must not make a check pass.

use regex::RegexBuilder;
use url::Url;

use super::{Cmp, Counted, Finding, Op, Predicate, State, UrlPart, runs};
use crate::page::{
    Text,
    locate::{self, Located},
    snapshot::{NodeId, Tree, flag, text::norm},
    target::{Among, Region, RoleNoun, Target},
    tool::Where,
};

/// An answer, or what the page must be asked for it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a comparison that is not made is no answer"]
pub enum Held {
    /// The tree tells.
    Is(Finding),
    /// A masked value never leaves the page: `__hb.compare(element, op, value)` there says whether
    /// it holds, and [`Comparison::finding`] makes the answer of it.
    Compare(Comparison),
}

/// A comparison with a masked value, to be made in the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The field; [`Tree::handle`] leads to its element.
    pub node: NodeId,
    /// As `__hb.compare` spells it: `equals`, `not_contains`.
    pub op: &'static str,
    /// What the value is compared with. May be a secret.
    pub value: Text,
    /// The field as it is called in the evidence.
    line: String,
}

impl Comparison {
    /// The answer, when the page has compared.
    pub fn finding(&self, held: bool) -> Finding {
        let word = if held { "holds" } else { "does not hold" };
        let Self { line, op, value, node: _ } = self;
        let op = op.replace('_', " ");
        finding(held, format!("the masked value of {line} {op} {:?}: {word}", value.shown()))
    }
}

/// Evaluates a predicate once.
pub fn holds(predicate: &Predicate, tree: &Tree, place: &Where) -> Held {
    let found = match predicate {
        Predicate::TextVisible { text, within, exact } => text_visible(tree, text, within, *exact),
        Predicate::TextAbsent { text, within } => text_absent(tree, text, within),
        Predicate::Url { part, op, value } => url(*part, *op, value, &place.url),
        Predicate::Title { op, value } => {
            let title = norm(&place.title);
            match compare(*op, &title, &norm(value.expose())) {
                Ok(held) => finding(held, format!("the title is {title:?}")),
                Err(why) => finding(false, why),
            }
        }
        Predicate::ElementState { target, state, negate } => {
            element_state(tree, target, *state, *negate)
        }
        Predicate::Value { target, op, value } => return field_value(tree, target, *op, value),
        Predicate::Count { what, within, cmp, n } => count(tree, what, within, *cmp, *n),
        Predicate::Options { target, values, exact } => options(tree, target, values, *exact),
        Predicate::Dialog { op, value } => said(*op, value, None),
        Predicate::HttpStatus { .. } => {
            finding(false, "a page does not know what another address answers".to_owned())
        }
    };
    Held::Is(found)
}

/// Evaluates [`Predicate::Dialog`] on what the latest dialog said, if there was one.
pub fn said(op: Op, value: &Text, latest: Option<&str>) -> Finding {
    let Some(text) = latest else {
        return finding(false, "no dialog has opened in this scenario".to_owned());
    };
    match compare(op, &norm(text), &norm(value.expose())) {
        Ok(held) => finding(held, format!("the latest dialog said {text:?}")),
        Err(why) => finding(false, why),
    }
}

fn finding(outcome: bool, detail: String) -> Finding {
    Finding { outcome, detail }
}

/// The nearest texts, for evidence.
fn closest_text(texts: &[runs::Run], wanted: &str) -> String {
    let written = texts.iter().map(|run| run.written.clone());
    match locate::closest(written, wanted).first() {
        Some(text) => format!(" Closest text: {text:?}"),
        None => " There is no visible text.".to_owned(),
    }
}

fn no_region(missing: &str) -> Finding {
    finding(false, format!("{missing} is not on the page"))
}

fn text_visible(tree: &Tree, text: &Text, within: &[Region], exact: bool) -> Finding {
    let scope = match locate::scope(tree, within) {
        Ok(scope) => scope,
        Err(missing) => return no_region(&missing.label),
    };
    let (shown, wanted) = (text.shown(), norm(text.expose()));
    let texts = runs::visible(tree, &scope);
    let seen = if exact {
        texts.iter().any(|run| run.is(&wanted))
            || locate::seen(tree, &scope).any(|id| locate::own_text(tree, id) == wanted)
    } else {
        texts.iter().any(|run| run.contains(&wanted))
    };
    if seen {
        return finding(true, format!("{shown:?} is visible"));
    }
    let whole = if exact { " as a whole text" } else { "" };
    let near = closest_text(&texts, &wanted);
    finding(false, format!("{shown:?} is not visible{whole}.{near}"))
}

fn text_absent(tree: &Tree, text: &Text, within: &[Region]) -> Finding {
    let scope = match locate::scope(tree, within) {
        Ok(scope) => scope,
        Err(missing) => return no_region(&missing.label),
    };
    let (shown, wanted) = (text.shown(), norm(text.expose()));
    match runs::visible(tree, &scope).iter().find(|run| run.contains(&wanted)) {
        Some(run) => finding(false, format!("{shown:?} is visible, in {:?}", run.excerpt())),
        None => finding(true, format!("{shown:?} is not visible")),
    }
}

fn url(part: UrlPart, op: Op, value: &Text, here: &str) -> Finding {
    let wanted = value.expose().trim();
    let mut have = here.to_owned();
    let url = Url::parse(here).ok();
    if let Some(url) = &url {
        match part {
            UrlPart::Path => url.path().clone_into(&mut have),
            UrlPart::Origin => have = url.origin().ascii_serialization(),
            UrlPart::Query => url.query().unwrap_or_default().clone_into(&mut have),
            UrlPart::Href => {}
        }
    }
    if part == UrlPart::Href
        && wanted.starts_with('/')
        && let Some(url) = &url
    {
        url.path().clone_into(&mut have);
        if wanted.contains('?')
            && let Some(query) = url.query()
        {
            have.push('?');
            have.push_str(query);
        }
        if wanted.contains('#')
            && let Some(hash) = url.fragment()
        {
            have.push('#');
            have.push_str(hash);
        }
    }
    let bare = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    let held = match op {
        Op::Equals => Ok(bare(&have) == bare(wanted)),
        Op::NotEquals => Ok(bare(&have) != bare(wanted)),
        Op::Contains | Op::NotContains | Op::StartsWith | Op::EndsWith | Op::Matches => {
            compare(op, &have, wanted)
        }
    };
    match held {
        Ok(held) => finding(held, format!("the url is {here:?}")),
        Err(why) => finding(false, why),
    }
}

/// Compares two texts.
///
/// # Errors
/// A sentence, if the regular expression is not valid.
fn compare(op: Op, have: &str, want: &str) -> Result<bool, String> {
    /// Compiled size of an expression, in bytes: a plan's own, but not without bound.
    const LARGEST: usize = 1 << 20;
    Ok(match op {
        Op::Equals => have == want,
        Op::NotEquals => have != want,
        Op::Contains => have.contains(want),
        Op::NotContains => !have.contains(want),
        Op::StartsWith => have.starts_with(want),
        Op::EndsWith => have.ends_with(want),
        Op::Matches => RegexBuilder::new(want)
            .size_limit(LARGEST)
            .build()
            .map_err(|error| format!("the regular expression cannot be used: {error}"))?
            .is_match(have),
    })
}

/// Why a description does not lead to one element, for evidence.
fn not_one(target: &Target, located: &Located) -> String {
    let called = describe(target);
    match located {
        Located::One(_) => called,
        Located::None { missing: Some(missing), .. } => format!("{missing} is not on the page"),
        Located::None { closest, missing: None } if closest.is_empty() => {
            format!("there is no {called}")
        }
        Located::None { closest, missing: None } => {
            let closest: Vec<String> = closest.iter().map(|name| format!("{name:?}")).collect();
            format!("there is no {called}. Closest: {}", closest.join(", "))
        }
        Located::Several { candidates, total } => {
            let told: Vec<String> = candidates
                .iter()
                .map(|one| match one.region.as_str() {
                    "" => format!("{} {:?}", one.role, one.name),
                    region => format!("{} {:?} in {region}", one.role, one.name),
                })
                .collect();
            format!("{called} is ambiguous, {total} match: {}", told.join("; "))
        }
    }
}

fn describe(target: &Target) -> String {
    let noun = target.role.unwrap_or(RoleNoun::Element).word();
    if let Some(reference) = &target.reference {
        return format!("{noun} {reference}");
    }
    match &target.name {
        Some(name) => format!("{noun} {:?}", name.shown()),
        None => noun.to_owned(),
    }
}

fn element_state(tree: &Tree, target: &Target, state: State, negate: bool) -> Finding {
    let located = locate::find(tree, target, Among::Anything);
    let word = state.word();
    let sight = matches!(state, State::Visible | State::Hidden);
    let (is, line) = match &located {
        Located::One(id) => match has_state(tree, *id, state) {
            Ok(is) => (is, tree.line(*id)),
            Err(why) => return finding(false, format!("{} {why}", tree.line(*id))),
        },
        Located::None { missing: None, .. } if sight => {
            (state == State::Hidden, not_one(target, &located))
        }
        Located::None { .. } | Located::Several { .. } => {
            return finding(false, not_one(target, &located));
        }
    };
    let detail = match (&located, is) {
        (Located::One(_), true) => format!("{line} is {word}"),
        (Located::One(_), false) => format!("{line} is not {word}"),
        _ => line,
    };
    finding(is != negate, detail)
}

/// Whether an element that a person can see has a state, or why it cannot have it.
fn has_state(tree: &Tree, id: NodeId, state: State) -> Result<bool, &'static str> {
    let node = tree.node(id);
    let checkable = matches!(
        node.role,
        "checkbox"
            | "radio"
            | "switch"
            | "menuitemcheckbox"
            | "menuitemradio"
            | "option"
            | "treeitem"
    );
    let selectable = matches!(
        node.role,
        "option"
            | "tab"
            | "row"
            | "gridcell"
            | "cell"
            | "treeitem"
            | "columnheader"
            | "rowheader"
            | "radio"
    );
    let opens = node.marked("expanded") || node.marked("collapsed");
    match state {
        State::Visible => Ok(true),
        State::Hidden => Ok(false),
        State::Enabled => Ok(!node.marked("disabled")),
        State::Disabled => Ok(node.marked("disabled")),
        State::Checked | State::Unchecked if !checkable => Err("cannot be checked"),
        State::Checked => Ok(node.marked("checked")),
        State::Unchecked => Ok(node.mark("checked").is_none()),
        State::Selected if !selectable => Err("cannot be selected"),
        State::Selected => {
            Ok(node.marked("selected") || (node.role == "radio" && node.marked("checked")))
        }
        State::Focused => Ok(node.marked("active")),
        State::Expanded | State::Collapsed if !opens => Err("neither expands nor collapses"),
        State::Expanded => Ok(node.marked("expanded")),
        State::Collapsed => Ok(node.marked("collapsed")),
        State::Pressed if node.role != "button" => Err("cannot be pressed down"),
        State::Pressed => Ok(node.marked("pressed")),
        State::ReadOnly => Ok(node.marked("readonly")),
    }
}

/// Fields and whatever else has a value; with a noun, what the noun says.
fn locate_field(tree: &Tree, target: &Target) -> Located {
    if target.role.is_some() {
        return locate::find(tree, target, Among::Anything);
    }
    let valued = |id: NodeId| {
        let node = tree.node(id);
        node.is(flag::VALUED)
            || node.is(flag::TAKES_TEXT)
            || matches!(node.role, "combobox" | "listbox" | "slider" | "spinbutton")
    };
    locate::find_by(tree, target, &valued, false)
}

fn field_value(tree: &Tree, target: &Target, op: Op, value: &Text) -> Held {
    let located = locate_field(tree, target);
    let Located::One(id) = located else {
        return Held::Is(finding(false, not_one(target, &located)));
    };
    let node = tree.node(id);
    let line = tree.line(id);
    if node.is(flag::MASKED) {
        let op = match op {
            Op::Equals => "equals",
            Op::NotEquals => "not_equals",
            Op::Contains => "contains",
            Op::NotContains => "not_contains",
            Op::StartsWith => "starts_with",
            Op::EndsWith => "ends_with",
            // The page's own engine is not linear in time, and the value cannot come to ours.
            Op::Matches => {
                return Held::Is(finding(
                    false,
                    format!("the value of {line} is masked and cannot be matched: use `is`"),
                ));
            }
        };
        return Held::Compare(Comparison { node: id, op, value: value.clone(), line });
    }
    let have =
        if node.is(flag::VALUED) { node.value.clone() } else { locate::subtree_text(tree, id) };
    // Values are printed with their line breaks as a sign.
    let want = norm(&value.expose().replace("\r\n", "\n").replace('\n', " ⏎ "));
    Held::Is(match compare(op, &have, &want) {
        Ok(held) => finding(held, format!("the value of {line} is {have:?}")),
        Err(why) => finding(false, why),
    })
}

fn count(tree: &Tree, what: &Counted, within: &[Region], cmp: Cmp, n: u32) -> Finding {
    let scope = match locate::scope(tree, within) {
        Ok(scope) => scope,
        Err(missing) => return no_region(&missing.label),
    };
    let (number, called) = match what {
        Counted::Elements { role, name } => {
            let found = locate::visible(tree, &scope, *role, name.as_ref());
            let plural = role.word();
            (
                found,
                match name {
                    Some(name) => format!("visible {plural} elements named {:?}", name.shown()),
                    None => format!("visible {plural} elements"),
                },
            )
        }
        Counted::Text(text) => {
            let wanted = norm(text.expose());
            let texts = runs::visible(tree, &scope);
            let number = texts.iter().map(|run| run.count(&wanted)).sum();
            (number, format!("occurrences of {:?}", text.shown()))
        }
    };
    let wanted = usize::try_from(n).unwrap_or(usize::MAX);
    let held = match cmp {
        Cmp::Eq => number == wanted,
        Cmp::Ne => number != wanted,
        Cmp::Gt => number > wanted,
        Cmp::Gte => number >= wanted,
        Cmp::Lt => number < wanted,
        Cmp::Lte => number <= wanted,
    };
    finding(held, format!("found {number} {called}"))
}

fn options(tree: &Tree, target: &Target, values: &[Text], exact: bool) -> Finding {
    let located = match target.role {
        Some(_) => locate::find(tree, target, Among::Anything),
        None => locate::find(tree, target, Among::Choosers),
    };
    let Located::One(id) = located else {
        return finding(false, not_one(target, &located));
    };
    let node = tree.node(id);
    let have: Vec<String> = if node.is(flag::SELECT) {
        node.options.iter().map(|choice| choice.label.clone()).collect()
    } else {
        tree.subtree(id)
            .skip(1)
            .filter(|below| matches!(tree.node(*below).role, "option" | "radio"))
            .map(|below| tree.node(below).name.clone())
            .collect()
    };
    let want: Vec<String> = values.iter().map(|value| norm(value.expose())).collect();
    let missing: Vec<&str> = values
        .iter()
        .zip(&want)
        .filter(|(_, wanted)| !have.contains(wanted))
        .map(|(value, _)| value.shown())
        .collect();
    let held = if exact { have == want } else { missing.is_empty() };
    let line = tree.line(id);
    let told = if missing.is_empty() {
        String::new()
    } else {
        format!("; missing: {}", missing.join(", "))
    };
    finding(held, format!("the options of {line} are {}{told}", have.join(", ")))
}
