//! Actions A1 to A19 and what of A20 needs no mail, one reader for each form.

use std::time::Duration;

use super::{
    Meaning, Reader,
    parts::{
        Mismatch, compared, duration, is_variable, last_target, or_end, state, target, texts,
        up_to, url,
    },
};
use crate::page::{
    Text, keys,
    predicate::{Predicate, UrlPart},
    target::{Among, RoleNoun, Target},
    tool::{Button, Call, ScrollBy, Subject, TabChoice, TypeMode},
    words::{Cursor, Kind},
};

/// In the order in which they are tried.
pub(super) const READERS: &[Reader] = &[
    ("A1", open_address),
    ("A7", press_key),
    ("A2", click),
    ("A2", click_otherwise),
    ("A2", expand),
    ("A3", type_text),
    ("A3", fill),
    ("A4", clear),
    ("A5", select),
    ("A6", choose),
    ("A8", tick),
    ("A9", scroll),
    ("A12", wait_for_state),
    ("A10", wait_for_text),
    ("A11", wait_until_gone),
    ("A13", wait_for_stable),
    ("A14", sleep),
    ("A15", upload),
    ("A16", hover),
    ("A16", drag),
    ("A17", answer_dialog),
    ("A18", switch_tab),
    ("A18", close_tab),
    ("A20", paste_code),
    ("A19", rest),
];

/// The longest text of `type_text`, in characters.
const TEXT: usize = 10_000;
/// Files of one upload.
const FILES: usize = 20;
/// Caps of the tools that wait.
const WAIT_CAP: Duration = Duration::from_secs(30);
const SLEEP_CAP: Duration = Duration::from_secs(10);
const STABLE_CAP: Duration = Duration::from_secs(10);
const SETTLE_CAP: Duration = Duration::from_mins(1);
/// What `wait_for_stable` takes by default.
const STABLE: Duration = Duration::from_secs(2);
const SETTLE: Duration = Duration::from_secs(30);
/// The furthest scroll, in pixels; of screens as many as a long page has.
const PIXELS: u32 = 20_000;
const SCREENS: u32 = 20;
/// A screen in the tenths of `ScrollBy`: a tenth stays in view.
const SCREEN: i32 = 9;

fn act(call: Call) -> Meaning {
    Meaning::Act(Box::new(call))
}

fn open_address(at: Cursor<'_>) -> Option<Meaning> {
    let (opens, at) = if let Some(rest) = at.verb(&["go", "navigate", "browse"]) {
        (false, rest.phrase(&["to"])?)
    } else if let Some(rest) = at.verb(&["visit", "load"]) {
        (false, rest)
    } else {
        (true, at.verb(&["open"])?)
    };
    if at.phrase(&["home page", "start page"]).is_some_and(Cursor::is_end) {
        return Some(act(Call::Navigate { url: "".into() }));
    }
    // `Open "{{NAME}}"` may be a button; where only an address can stand it is one.
    let variable = |(text, rest): (&str, Cursor<'_>)| {
        (!opens && is_variable(text) && rest.is_end()).then(|| text.to_owned())
    };
    let address = url(at)
        .filter(|(_, rest)| rest.is_end())
        .map(|(address, _)| address)
        .or_else(|| at.quoted().and_then(variable))?;
    Some(act(Call::Navigate { url: Text::plain(address) }))
}

fn press_key(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["press"])?;
    let at = match at.any_word() {
        Some((token, rest)) if token.low == "the" => rest,
        Some(_) | None => at,
    };
    key_readings(at).into_iter().find_map(|(key, rest)| {
        let rest = rest.maybe(&["key"]);
        let (repeat, rest) = match rest.number() {
            Some((count, rest)) => (count, rest.phrase(&["times", "time"])?),
            None => (1, rest),
        };
        let on = or_end(rest, |rest| {
            last_target(rest.phrase(&["in", "inside", "within"])?, Among::Clickable)
        })
        .ok()?;
        let fits = (1..=100).contains(&repeat);
        fits.then_some(act(Call::PressKey { key, repeat, on }))
    })
}

/// A key in quotes, or in one to three words (`Ctrl + A`, `page down`), the longest first.
fn key_readings(at: Cursor<'_>) -> Vec<(String, Cursor<'_>)> {
    let Some((first, rest)) = at.next() else { return Vec::new() };
    if first.kind == Kind::Quoted {
        return keys::canonical(&first.text).into_iter().map(|key| (key, rest)).collect();
    }
    let mut all = Vec::new();
    let (mut text, mut at) = (String::new(), at);
    for _ in 0..3 {
        let Some((token, rest)) = at.any_word() else { break };
        text = format!("{text} {}", token.text);
        at = rest;
        all.extend(keys::canonical(&text).map(|key| (key, rest)));
    }
    all.reverse();
    all
}

fn click(at: Cursor<'_>) -> Option<Meaning> {
    // A key without a noun is always a key.
    if press_key(at).is_some() {
        return None;
    }
    let at = at.verb(&["click", "tap", "press", "push"])?.maybe(&["on"]);
    let on = last_target(at, Among::Clickable)?;
    Some(act(Call::Click { on, button: Button::Left, count: 1, modifiers: Vec::new() }))
}

fn click_otherwise(at: Cursor<'_>) -> Option<Meaning> {
    let verb = |hyphened: &'static str, first: &'static str| {
        at.verb(&[hyphened]).or_else(|| at.phrase(&[first])?.verb(&["click"]))
    };
    let (button, count, at) = match verb("double-click", "double") {
        Some(rest) => (Button::Left, 2, rest),
        None => (Button::Right, 1, verb("right-click", "right")?),
    };
    let on = last_target(at.maybe(&["on"]), Among::Clickable)?;
    Some(act(Call::Click { on, button, count, modifiers: Vec::new() }))
}

fn expand(at: Cursor<'_>) -> Option<Meaning> {
    let (expanded, at) = match at.verb(&["open", "expand"]) {
        Some(rest) => (true, rest),
        None => (false, at.verb(&["collapse"])?),
    };
    if url(at).is_some_and(|(_, rest)| rest.is_end()) {
        return None;
    }
    let on = last_target(at, Among::Clickable)?;
    Some(act(Call::Expand { on, expanded }))
}

fn typed(text: &str, into: Option<Subject>) -> Option<Meaning> {
    (text.chars().count() <= TEXT).then(|| {
        let (mode, submit) = (TypeMode::Fill, false);
        act(Call::TypeText { into, text: text.into(), mode, submit })
    })
}

fn type_text(at: Cursor<'_>) -> Option<Meaning> {
    let (text, rest) = at.verb(&["type", "enter", "input", "write"])?.quoted()?;
    if rest.is_end() {
        at.verb(&["type", "enter"])?;
        return typed(text, None);
    }
    let into = last_target(rest.phrase(&["in", "into", "to"])?, Among::TextFields)?;
    typed(text, Some(into))
}

fn fill(at: Cursor<'_>) -> Option<Meaning> {
    let into = |target| Some(Subject::Described { target, among: Among::TextFields });
    let (at, with) = match at.verb(&["fill"]) {
        Some(at) => (at, "with"),
        None => (at.verb(&["set"])?, "to"),
    };
    if with == "with"
        && let Some((text, rest)) = at.quoted()
        && let Some(field) =
            rest.phrase(&["into"]).and_then(|at| last_target(at, Among::TextFields))
    {
        return typed(text, Some(field));
    }
    let field = |at| {
        target(at, |target, rest| {
            let (text, rest) = rest.phrase(&[with])?.quoted()?;
            rest.is_end().then(|| typed(text, into(target)))?
        })
    };
    let without_in = at.phrase(&["in"]).filter(|_| with == "with");
    without_in.and_then(field).or_else(|| field(at))
}

fn clear(at: Cursor<'_>) -> Option<Meaning> {
    let into = last_target(at.verb(&["clear"])?, Among::TextFields)?;
    typed("", Some(into))
}

fn select(at: Cursor<'_>) -> Option<Meaning> {
    let (values, rest) = at.verb(&["select", "choose", "pick"])?.filled_list()?;
    let from = last_target(rest.phrase(&["in", "from"])?, Among::Choosers)?;
    let fits = values.len() <= 100;
    fits.then(|| act(Call::SelectOption { from, values: texts(&values) }))
}

fn choose(at: Cursor<'_>) -> Option<Meaning> {
    let (name, rest) = at.verb(&["select", "choose", "pick"])?.filled()?;
    let nouns = [
        ("option", RoleNoun::Option),
        ("radio button", RoleNoun::Radio),
        ("radio", RoleNoun::Radio),
        ("tab", RoleNoun::Tab),
        ("menu item", RoleNoun::MenuItem),
    ];
    let role = or_end(rest, |rest| {
        rest.one_of(&nouns).filter(|(_, rest)| rest.is_end()).map(|(role, _)| role)
    })
    .ok()?;
    let target = Target { role, name: Some(name.into()), ..Target::default() };
    let on = Subject::Described { target, among: Among::Choices };
    Some(act(Call::Click { on, button: Button::Left, count: 1, modifiers: Vec::new() }))
}

/// A8, also asked whether `Check …` is one.
pub(super) fn tick(at: Cursor<'_>) -> Option<Meaning> {
    let turned = |way: &'static str| at.verb(&["turn"]).and_then(|rest| rest.phrase(&[way]));
    let (checked, at) = match at.verb(&["check", "tick"]).or_else(|| turned("on")) {
        Some(rest) => (true, rest),
        None => (false, at.verb(&["uncheck", "untick"]).or_else(|| turned("off"))?),
    };
    let on = target(at, |target, rest| {
        let alone = Target { name: target.name.clone(), ..Target::default() };
        let fits = match target.role {
            Some(role) => matches!(role, RoleNoun::Checkbox | RoleNoun::Switch | RoleNoun::Radio),
            None => target == alone,
        };
        let among = Among::Checkables;
        (fits && rest.is_end()).then_some(Subject::Described { target, among })
    })?;
    Some(act(Call::SetChecked { on, checked }))
}

fn scroll(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["scroll"])?;
    let subject = |at| last_target(at, Among::Anything);
    if let Some(rest) = at.phrase(&["to"]) {
        if let Some((by, rest)) =
            rest.one_of(&[("top", ScrollBy::Top), ("bottom", ScrollBy::Bottom)])
            && let Ok(within) = scrolled(rest)
        {
            return Some(act(Call::Scroll { within, by }));
        }
        return Some(act(Call::ScrollTo { to: subject(rest)? }));
    }
    let ways = [("down", (0, 1)), ("up", (0, -1)), ("left", (-1, 0)), ("right", (1, 0))];
    let ((x, y), at) = at.one_of(&ways)?;
    if let Some(rest) = at.phrase(&["until"]).filter(|_| x == 0) {
        let (text, rest) = rest.filled()?;
        let end = rest.phrase(&["is visible"])?.is_end();
        return end.then(|| act(Call::ScrollUntil { down: y > 0, text: text.into() }));
    }
    let (by, at) = match at.number() {
        Some((count, rest)) => amount(count, rest, (x, y))?,
        None => (ScrollBy::Screens { x: x * SCREEN, y: y * SCREEN }, at),
    };
    let within = or_end(at, |at| subject(at.phrase(&["in", "inside", "within"])?)).ok()?;
    Some(act(Call::Scroll { within, by }))
}

/// `of T`, `of the page` or nothing.
fn scrolled(at: Cursor<'_>) -> Result<Option<Subject>, Mismatch> {
    if at.phrase(&["of page"]).is_some_and(Cursor::is_end) {
        return Ok(None);
    }
    or_end(at, |at| last_target(at.phrase(&["of"])?, Among::Anything))
}

fn amount(count: u32, at: Cursor<'_>, (x, y): (i32, i32)) -> Option<(ScrollBy, Cursor<'_>)> {
    let (most, scale, rest) = match at.phrase(&["pixels", "pixel", "px"]) {
        Some(rest) => (PIXELS, 1, rest),
        None => (SCREENS, SCREEN, at.phrase(&["screens", "screen"])?),
    };
    let far = i32::try_from(count).ok().filter(|_| count <= most)? * scale;
    let (x, y) = (x * far, y * far);
    let by = if most == PIXELS { ScrollBy::Pixels { x, y } } else { ScrollBy::Screens { x, y } };
    Some((by, rest))
}

fn wait_for_text(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["wait"])?;
    let (text, timeout) = if let Some(rest) = at.phrase(&["for"]) {
        let (text, rest) = rest.filled()?;
        let rest = rest.maybe(&["to appear", "to be visible"]);
        let (timeout, rest) = up_to(rest, WAIT_CAP)?;
        (rest.is_end().then_some(text)?, timeout)
    } else {
        let (text, rest) = at.phrase(&["until"])?.filled()?;
        let rest = rest.phrase(&["appears", "is visible"])?;
        (rest.is_end().then_some(text)?, None)
    };
    Some(act(Call::WaitForText { text: text.into(), gone: false, timeout }))
}

fn wait_until_gone(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["wait"])?;
    let (text, timeout) = if let Some(rest) = at.phrase(&["for"]) {
        let (text, rest) = rest.filled()?;
        let rest = rest.phrase(&["to disappear", "to be hidden", "to be gone"])?;
        let (timeout, rest) = up_to(rest, WAIT_CAP)?;
        (rest.is_end().then_some(text)?, timeout)
    } else {
        let (text, rest) = at.phrase(&["until"])?.filled()?;
        let rest = rest.phrase(&["disappears", "is gone"])?;
        (rest.is_end().then_some(text)?, None)
    };
    Some(act(Call::WaitForText { text: text.into(), gone: true, timeout }))
}

fn wait_for_state(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["wait"])?;
    let predicate = if let Some(rest) = at.phrase(&["for"]) {
        target(rest, |target, rest| {
            let (state, rest) = state(rest.phrase(&["to be"])?, &target)?;
            rest.is_end().then_some(Predicate::ElementState { target, state, negate: false })
        })?
    } else {
        let rest = at.phrase(&["until"])?;
        if let Some(rest) = rest.phrase(&["url"]) {
            let (op, value) = compared(rest)?;
            Predicate::Url { part: UrlPart::Href, op, value }
        } else {
            let (op, value) = compared(rest.phrase(&["title"])?)?;
            Predicate::Title { op, value }
        }
    };
    Some(act(Call::WaitUntil { predicate }))
}

fn wait_for_stable(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["wait"])?.phrase(&["until"])?.maybe(&["page is"]);
    let at = at.phrase(&["stable", "idle", "settled", "loaded"])?;
    let (stable, at) = match at.phrase(&["for"]).filter(|rest| rest.phrase(&["up"]).is_none()) {
        Some(rest) => duration(rest)?,
        None => (STABLE, at),
    };
    let (timeout, at) = up_to(at, SETTLE_CAP)?;
    // 0 is the default, as for the tool.
    let or_default = |time: Duration, default| if time.is_zero() { default } else { time };
    let stable = or_default(stable, STABLE);
    let timeout = or_default(timeout.unwrap_or_default(), SETTLE);
    let fits = at.is_end() && stable <= STABLE_CAP;
    fits.then_some(act(Call::WaitForStable { stable, timeout }))
}

fn sleep(at: Cursor<'_>) -> Option<Meaning> {
    let (time, rest) = duration(at.verb(&["wait"])?.maybe(&["for"]))?;
    (rest.is_end() && time <= SLEEP_CAP).then_some(act(Call::Sleep { time }))
}

fn upload(at: Cursor<'_>) -> Option<Meaning> {
    let (files, rest) = at.verb(&["upload", "attach"])?.filled_list()?;
    let to = last_target(rest.phrase(&["to", "into", "in"])?, Among::FileInputs)?;
    let fits = files.len() <= FILES;
    fits.then(|| act(Call::UploadFile { to: Some(to), files: texts(&files) }))
}

fn answer_dialog(at: Cursor<'_>) -> Option<Meaning> {
    let (accept, at) = match at.verb(&["accept"]) {
        Some(rest) => (true, rest),
        None => (false, at.verb(&["dismiss", "cancel"])?),
    };
    let at = at.phrase(&["dialog", "alert", "confirmation", "prompt"])?;
    let text = or_end(at, |at| {
        let (text, rest) = at.phrase(&["with"])?.quoted()?;
        rest.is_end().then(|| text.into())
    });
    Some(act(Call::HandleDialog { accept, text: text.ok()? }))
}

fn switch_tab(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["switch"])?.phrase(&["to"])?;
    let places = [
        ("new tab", TabChoice::New),
        ("first tab", TabChoice::First),
        ("last tab", TabChoice::Last),
        ("previous tab", TabChoice::Previous),
    ];
    let place = places.into_iter().find_map(|(words, choice)| Some((choice, at.phrase(&[words])?)));
    let (to, rest) = if let Some(place) = place {
        place
    } else {
        let at = at.phrase(&["tab"])?;
        let called = at.filled().map(|(text, rest)| (TabChoice::Called(text.into()), rest));
        called.or_else(|| at.number().map(|(n, rest)| (TabChoice::Nth(n), rest)))?
    };
    rest.is_end().then(|| act(Call::SwitchTab { to: Some(to), close: false }))
}

fn close_tab(at: Cursor<'_>) -> Option<Meaning> {
    let rest = at.verb(&["close"])?.phrase(&["current tab", "tab"])?;
    rest.is_end().then(|| act(Call::SwitchTab { to: None, close: true }))
}

fn paste_code(at: Cursor<'_>) -> Option<Meaning> {
    let rest = at.verb(&["enter", "paste"])?.phrase(&["code"])?.phrase(&["in", "into"])?;
    let into = Some(last_target(rest, Among::TextFields)?);
    Some(act(Call::PasteCode { into, code: "{{code}}".into() }))
}

fn hover(at: Cursor<'_>) -> Option<Meaning> {
    let at = at.verb(&["hover"])?.maybe(&["over", "on"]);
    Some(act(Call::Hover { on: last_target(at, Among::Clickable)? }))
}

fn drag(at: Cursor<'_>) -> Option<Meaning> {
    target(at.verb(&["drag"])?, |target, rest| {
        let from = Subject::Described { target, among: Among::Clickable };
        let to = last_target(rest.phrase(&["to", "onto"])?, Among::Anything)?;
        Some(act(Call::Drag { from, to }))
    })
}

fn rest(at: Cursor<'_>) -> Option<Meaning> {
    let call = if let Some(rest) = at.verb(&["go"]) {
        rest.phrase(&["back"])?.is_end().then_some(Call::GoBack)
    } else if let Some(rest) = at.verb(&["reload", "refresh"]) {
        rest.maybe(&["page"]).is_end().then_some(Call::Reload)
    } else {
        let rest = at.verb(&["take"])?.phrase(&["screenshot"])?;
        rest.is_end().then_some(Call::Screenshot { full_page: false })
    };
    call.map(act)
}
