//! Gestures and keys as the browser's input events (pure).

use crate::page::{
    cdp::command::{Key, Mouse, MouseButton, MouseKind},
    projection::Point,
    tool::Modifier,
};

/// One event of a gesture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// Of the pointer.
    Mouse(Mouse),
    /// Of a modifier that is held meanwhile.
    Key(Key),
}

/// Alt, as in the browser's bit field.
const ALT: u8 = 1;
/// Control.
const CONTROL: u8 = 2;
/// Meta.
const META: u8 = 4;
/// Shift.
const SHIFT: u8 = 8;

/// How far the first move of a drag goes, in CSS pixels: browsers take less for a click with an
/// unsteady hand, and many a page takes up to ten.
const TEAR_OFF: f64 = 12.0;
/// Moves from there to the target, the last of them onto it.
const CARRIED: u8 = 4;

/// The pointer goes there.
pub(crate) fn hover(at: Point) -> Vec<Event> {
    vec![mouse(MouseKind::Move, at, 0)]
}

/// Move, press and release, `count` times, with modifiers around them.
pub(crate) fn click(
    at: Point,
    button: MouseButton,
    count: u8,
    modifiers: &[Modifier],
) -> Vec<Event> {
    let held: Vec<_> = modifiers.iter().filter_map(|held| modifier(held.name())).collect();
    let mut bits = 0;
    let mut events = Vec::new();
    for (bit, name, code, virtual_key) in &held {
        bits |= bit;
        events.push(Event::Key(key_event(true, name, code, *virtual_key, bits)));
    }
    events.push(mouse(MouseKind::Move, at, bits));
    for n in 1..=count {
        events.push(mouse(MouseKind::Press(button, n), at, bits));
        events.push(mouse(MouseKind::Release(button, n), at, bits));
    }
    for (bit, name, code, virtual_key) in held.iter().rev() {
        bits &= !bit;
        events.push(Event::Key(key_event(false, name, code, *virtual_key, bits)));
    }
    events
}

/// Move and press.
pub(crate) fn grab(at: Point) -> Vec<Event> {
    vec![mouse(MouseKind::Move, at, 0), mouse(MouseKind::Press(MouseButton::Left, 1), at, 0)]
}

/// The first move of a drag, with the button down, and where it leads: both ways, since a page may
/// look at one of them only, and away from the edge where the viewport begins.
pub(crate) fn tear_off(from: Point) -> (Point, Event) {
    let away = |at: f64| if at > 2.0 * TEAR_OFF { at - TEAR_OFF } else { at + TEAR_OFF };
    let at = Point { x: away(from.x), y: away(from.y) };
    (at, mouse(MouseKind::Drag, at, 0))
}

/// The other moves of a drag; the last two are over the target.
pub(crate) fn carry(from: Point, to: Point) -> Vec<Event> {
    let part = |n: u8| f64::from(n) / f64::from(CARRIED);
    let between =
        |n| Point { x: from.x + (to.x - from.x) * part(n), y: from.y + (to.y - from.y) * part(n) };
    let mut events: Vec<_> = (1..=CARRIED).map(|n| mouse(MouseKind::Drag, between(n), 0)).collect();
    // What reacts to movement over the target gets some.
    let beside = Point { x: to.x - 1.0, y: to.y };
    events.extend([mouse(MouseKind::Drag, beside, 0), mouse(MouseKind::Drag, to, 0)]);
    events
}

/// The button comes up.
pub(crate) fn let_go(at: Point) -> Vec<Event> {
    vec![mouse(MouseKind::Release(MouseButton::Left, 1), at, 0)]
}

fn mouse(kind: MouseKind, at: Point, modifiers: u8) -> Event {
    Event::Mouse(Mouse { kind, x: at.x, y: at.y, modifiers })
}

/// One turn of the wheel.
pub(crate) fn wheel(at: Point, x: f64, y: f64) -> Event {
    mouse(MouseKind::Wheel { x, y }, at, 0)
}

/// Down and up of a key or chord in its canonical spelling (`Enter`, `Control+A`), modifiers around
/// it. `None` if no such key is on a US keyboard.
pub(crate) fn chord(text: &str) -> Option<Vec<Key>> {
    // The last `+` may be the key itself: `Control++`.
    let (names, key) = match text.strip_suffix("++") {
        Some(names) => (names, "+"),
        None if text == "+" => ("", "+"),
        None => text.rsplit_once('+').unwrap_or(("", text)),
    };
    let mut held = Vec::new();
    for name in names.split('+').filter(|name| !name.is_empty()) {
        held.push(modifier(name)?);
    }
    let mut bits = held.iter().fold(0, |bits, (bit, ..)| bits | bit);
    // With modifiers a letter is the key, without them the character.
    let strike = match modifier(key) {
        Some((_, name, code, virtual_key)) => {
            Strike { key: name.to_owned(), code, virtual_key, text: None, shifted: false }
        }
        None => named(key).or_else(|| character(key, bits))?,
    };
    if strike.shifted {
        bits |= SHIFT;
    }
    let mut events = Vec::new();
    let mut so_far = 0;
    for (bit, name, code, virtual_key) in &held {
        so_far |= bit;
        events.push(key_event(true, name, code, *virtual_key, so_far));
    }
    let types = bits & (CONTROL | ALT | META) == 0;
    let Strike { key, code, virtual_key, text, .. } = strike;
    let down = Key {
        text: text.filter(|_| types),
        commands: commands(&key, bits),
        ..key_event(true, &key, code, virtual_key, bits)
    };
    let up = key_event(false, &key, code, virtual_key, bits);
    events.extend([down, up]);
    for (bit, name, code, virtual_key) in held.iter().rev() {
        so_far &= !bit;
        events.push(key_event(false, name, code, *virtual_key, so_far));
    }
    Some(events)
}

/// How a piece of text is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    /// A key, as [`chord`] has it.
    Key(String),
    /// What a US keyboard lacks, as an input method does it.
    Composed(String),
}

/// Text as a person would type it on a US keyboard.
pub(crate) fn typing(text: &str) -> Vec<Typing> {
    let mut typed: Vec<Typing> = Vec::new();
    for c in text.chars() {
        let key = match c {
            '\n' => Some("Enter".to_owned()),
            '\t' => Some("Tab".to_owned()),
            ' ' | '!'..='~' => Some(c.to_string()),
            _ => None,
        };
        match (key, typed.last_mut()) {
            (Some(key), _) => typed.push(Typing::Key(key)),
            (None, _) if c.is_control() => {}
            (None, Some(Typing::Composed(text))) => text.push(c),
            (None, _) => typed.push(Typing::Composed(c.to_string())),
        }
    }
    typed
}

/// Whether a recorder may name it: a typed character is nobody's business.
pub(crate) fn may_be_shown(chord: &str) -> bool {
    chord.chars().count() > 1
}

struct Strike {
    key: String,
    code: &'static str,
    virtual_key: u16,
    text: Option<String>,
    shifted: bool,
}

fn key_event(down: bool, key: &str, code: &'static str, virtual_key: u16, modifiers: u8) -> Key {
    let location = u8::from(code.ends_with("Left") && code != "ArrowLeft");
    let (name, text, commands) = (key.to_owned(), None, Vec::new());
    Key { down, name, code, windows_code: virtual_key, text, modifiers, commands, location }
}

fn modifier(name: &str) -> Option<(u8, &'static str, &'static str, u16)> {
    Some(match name {
        "Alt" => (ALT, "Alt", "AltLeft", 18),
        "Control" | "ControlOrMeta" => (CONTROL, "Control", "ControlLeft", 17),
        "Meta" => (META, "Meta", "MetaLeft", 91),
        "Shift" => (SHIFT, "Shift", "ShiftLeft", 16),
        _ => return None,
    })
}

fn named(name: &str) -> Option<Strike> {
    let (code, virtual_key, text) = match name {
        "Enter" => ("Enter", 13, Some("\r")),
        "Tab" => ("Tab", 9, None),
        "Escape" => ("Escape", 27, None),
        "Backspace" => ("Backspace", 8, None),
        "Delete" => ("Delete", 46, None),
        "Space" => ("Space", 32, Some(" ")),
        "Insert" => ("Insert", 45, None),
        "Home" => ("Home", 36, None),
        "End" => ("End", 35, None),
        "PageUp" => ("PageUp", 33, None),
        "PageDown" => ("PageDown", 34, None),
        "ArrowUp" => ("ArrowUp", 38, None),
        "ArrowDown" => ("ArrowDown", 40, None),
        "ArrowLeft" => ("ArrowLeft", 37, None),
        "ArrowRight" => ("ArrowRight", 39, None),
        "F1" => ("F1", 112, None),
        "F2" => ("F2", 113, None),
        "F3" => ("F3", 114, None),
        "F4" => ("F4", 115, None),
        "F5" => ("F5", 116, None),
        "F6" => ("F6", 117, None),
        "F7" => ("F7", 118, None),
        "F8" => ("F8", 119, None),
        "F9" => ("F9", 120, None),
        "F10" => ("F10", 121, None),
        "F11" => ("F11", 122, None),
        "F12" => ("F12", 123, None),
        _ => return None,
    };
    let key = if name == "Space" { " " } else { name }.to_owned();
    Some(Strike { key, code, virtual_key, text: text.map(str::to_owned), shifted: false })
}

/// The keys that type, with their code, virtual key, and character without and with Shift.
const TYPING: [(&str, u16, char, char); 21] = [
    ("Digit0", 48, '0', ')'),
    ("Digit1", 49, '1', '!'),
    ("Digit2", 50, '2', '@'),
    ("Digit3", 51, '3', '#'),
    ("Digit4", 52, '4', '$'),
    ("Digit5", 53, '5', '%'),
    ("Digit6", 54, '6', '^'),
    ("Digit7", 55, '7', '&'),
    ("Digit8", 56, '8', '*'),
    ("Digit9", 57, '9', '('),
    ("Minus", 189, '-', '_'),
    ("Equal", 187, '=', '+'),
    ("BracketLeft", 219, '[', '{'),
    ("BracketRight", 221, ']', '}'),
    ("Backslash", 220, '\\', '|'),
    ("Semicolon", 186, ';', ':'),
    ("Quote", 222, '\'', '"'),
    ("Backquote", 192, '`', '~'),
    ("Comma", 188, ',', '<'),
    ("Period", 190, '.', '>'),
    ("Slash", 191, '/', '?'),
];

const LETTERS: [&str; 26] = [
    "KeyA", "KeyB", "KeyC", "KeyD", "KeyE", "KeyF", "KeyG", "KeyH", "KeyI", "KeyJ", "KeyK", "KeyL",
    "KeyM", "KeyN", "KeyO", "KeyP", "KeyQ", "KeyR", "KeyS", "KeyT", "KeyU", "KeyV", "KeyW", "KeyX",
    "KeyY", "KeyZ",
];

fn character(text: &str, modifiers: u8) -> Option<Strike> {
    let mut chars = text.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else { return None };
    if c.is_ascii_alphabetic() {
        let upper = c.to_ascii_uppercase();
        let index = usize::from(u8::try_from(upper).ok()? - b'A');
        let code = LETTERS.get(index).copied()?;
        let combined = modifiers & (CONTROL | ALT | META) != 0;
        // `Control+A` is the key A, not the character: the canonical spelling is upper case.
        let shifted = if combined {
            modifiers & SHIFT != 0
        } else {
            c.is_ascii_uppercase() || modifiers & SHIFT != 0
        };
        let typed = if shifted { upper } else { upper.to_ascii_lowercase() };
        let virtual_key = u16::try_from(u32::from(upper)).ok()?;
        let key = typed.to_string();
        return Some(Strike { text: Some(key.clone()), key, code, virtual_key, shifted });
    }
    if let Some((code, virtual_key, plain, shift)) =
        TYPING.iter().find(|(_, _, plain, shift)| *plain == c || *shift == c)
    {
        let shifted = *shift == c || modifiers & SHIFT != 0;
        let key = if shifted { *shift } else { *plain }.to_string();
        let virtual_key = *virtual_key;
        return Some(Strike { text: Some(key.clone()), key, code, virtual_key, shifted });
    }
    if c == ' ' {
        return named("Space");
    }
    // What the keyboard lacks arrives as a character without a key.
    (!c.is_control()).then(|| {
        let key = c.to_string();
        Strike { text: Some(key.clone()), key, code: "", virtual_key: 0, shifted: false }
    })
}

/// What an editing shortcut does; without a window system nobody else would tell the page.
fn commands(key: &str, modifiers: u8) -> Vec<&'static str> {
    if modifiers & CONTROL == 0 {
        return Vec::new();
    }
    match (key, modifiers & SHIFT != 0) {
        ("a" | "A", false) => vec!["selectAll"],
        ("c" | "C", false) => vec!["copy"],
        ("x" | "X", false) => vec!["cut"],
        ("v" | "V", false) => vec!["paste"],
        ("z" | "Z", false) => vec!["undo"],
        ("y" | "Y", false) | ("z" | "Z", true) => vec!["redo"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[&str]) {
        let events: Vec<String> = chord(text)
            .unwrap_or_default()
            .iter()
            .map(|key| {
                let direction = if key.down { "+" } else { "-" };
                let typed = key.text.as_deref().map_or(String::new(), |text| format!(" {text:?}"));
                format!("{direction}{} {} {}{typed}", key.name, key.code, key.modifiers)
            })
            .collect();
        assert_eq!(events, wanted, "{text}");
    }

    #[test]
    fn keys_go_down_and_come_up_and_modifiers_stand_around_them() {
        check("Enter", &["+Enter Enter 0 \"\\r\"", "-Enter Enter 0"]);
        check("a", &["+a KeyA 0 \"a\"", "-a KeyA 0"]);
        check("A", &["+A KeyA 8 \"A\"", "-A KeyA 8"]);
        check("?", &["+? Slash 8 \"?\"", "-? Slash 8"]);
        check("+", &["++ Equal 8 \"+\"", "-+ Equal 8"]);
        check("é", &["+é  0 \"é\"", "-é  0"]);
        check(
            "Control+A",
            &["+Control ControlLeft 2", "+a KeyA 2", "-a KeyA 2", "-Control ControlLeft 0"],
        );
        check(
            "Shift+Tab",
            &["+Shift ShiftLeft 8", "+Tab Tab 8", "-Tab Tab 8", "-Shift ShiftLeft 0"],
        );
        check("Nonsense", &[]);
        check("Hyper+A", &[]);
    }

    #[test]
    fn an_editing_shortcut_carries_its_command() {
        let events = chord("Control+A").unwrap();
        assert_eq!(events[1].commands, ["selectAll"]);
        assert!(events[2].commands.is_empty());
    }

    #[test]
    fn a_double_click_is_two_pairs_after_one_move() {
        let kinds: Vec<_> = click(Point { x: 1.0, y: 2.0 }, MouseButton::Left, 2, &[])
            .into_iter()
            .map(|event| match event {
                Event::Mouse(mouse) => mouse.kind,
                Event::Key(key) => panic!("no key is held: {key:?}"),
            })
            .collect();
        let left = MouseButton::Left;
        assert_eq!(
            kinds,
            [
                MouseKind::Move,
                MouseKind::Press(left, 1),
                MouseKind::Release(left, 1),
                MouseKind::Press(left, 2),
                MouseKind::Release(left, 2),
            ]
        );
    }
    #[test]
    fn modifiers_go_down_before_a_click_and_come_up_after_it() {
        let held = [Modifier::Control, Modifier::Shift];
        let shown: Vec<String> = click(Point { x: 1.0, y: 2.0 }, MouseButton::Left, 1, &held)
            .into_iter()
            .map(|event| match event {
                Event::Key(key) => {
                    format!("{}{} {}", if key.down { "+" } else { "-" }, key.name, key.modifiers)
                }
                Event::Mouse(mouse) => format!("{:?} {}", mouse.kind, mouse.modifiers),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "+Control 2",
                "+Shift 10",
                "Move 10",
                "Press(Left, 1) 10",
                "Release(Left, 1) 10",
                "-Shift 2",
                "-Control 0",
            ]
        );
    }

    #[test]
    fn a_drag_is_torn_off_and_moves_over_its_target() {
        let places = |events: Vec<Event>| -> Vec<(f64, f64)> {
            let place = |event| match event {
                Event::Mouse(Mouse { kind: MouseKind::Drag, x, y, .. }) => (x, y),
                Event::Mouse(_) | Event::Key(_) => panic!("no move with the button down"),
            };
            events.into_iter().map(place).collect()
        };
        let (from, to) = (Point { x: 10.0, y: 20.0 }, Point { x: 10.0, y: 220.0 });
        let (at, event) = tear_off(to);
        assert_eq!((at.x, at.y), (22.0, 208.0));
        assert_eq!(places(vec![event]), [(22.0, 208.0)]);
        let carried = places(carry(from, to));
        assert!(carried.len() >= 5);
        assert_eq!(carried[carried.len() - 2..], [(9.0, 220.0), (10.0, 220.0)]);
    }
    #[test]
    fn text_is_typed_by_keys_and_composed_where_the_keyboard_ends() {
        let key = |key: &str| Typing::Key(key.to_owned());
        let composed = |text: &str| Typing::Composed(text.to_owned());
        assert_eq!(
            typing("a+ ~\n日本\u{7}b"),
            [key("a"), key("+"), key(" "), key("~"), key("Enter"), composed("日本"), key("b")]
        );
        for c in ' '..='~' {
            assert!(chord(&c.to_string()).is_some_and(|keys| !keys[0].code.is_empty()), "{c}");
        }
    }
}
