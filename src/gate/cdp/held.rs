//! What the agent holds down in the browser, and how it is let go when the lease leaves it (pure).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::pod::contract::Size;

/// More keys than any chord has.
const KEYS: usize = 16;

/// Keys and buttons that were pressed and not released.
#[derive(Debug, Default)]
pub(super) struct Held {
    keys: Vec<(String, Key)>,
    button: Option<(String, Pointer)>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "key")]
    name: String,
    code: String,
    windows_virtual_key_code: i64,
    location: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Pointer {
    #[serde(rename = "type")]
    kind: String,
    button: String,
    x: f64,
    y: f64,
}

impl Held {
    /// Notes a command that is being sent.
    pub(super) fn note(&mut self, method: &str, session: &str, params: &str) {
        match method {
            "Input.dispatchKeyEvent" => {
                let Ok(key) = serde_json::from_str::<Key>(params) else { return };
                self.keys.retain(|(_, held)| (&held.code, &held.name) != (&key.code, &key.name));
                if matches!(key.kind.as_str(), "keyDown" | "rawKeyDown") && self.keys.len() < KEYS {
                    self.keys.push((session.to_owned(), key));
                }
            }
            "Input.dispatchMouseEvent" => {
                let Ok(pointer) = serde_json::from_str::<Pointer>(params) else { return };
                match (pointer.kind.as_str(), &mut self.button) {
                    ("mousePressed", button) => *button = Some((session.to_owned(), pointer)),
                    ("mouseReleased", button) => *button = None,
                    ("mouseMoved", Some((_, held))) => (held.x, held.y) = (pointer.x, pointer.y),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The commands that let it go: keys up, the last first; the pointer to the corner of the page
    /// farthest from where it is, and only there the button up.
    pub(super) fn release(self, page: Size) -> Vec<(String, &'static str, Value)> {
        let mut commands: Vec<_> = self
            .keys
            .into_iter()
            .rev()
            .map(|(session, key)| {
                let params = json!({
                    "type": "keyUp", "key": key.name, "code": key.code,
                    "windowsVirtualKeyCode": key.windows_virtual_key_code, "location": key.location,
                });
                (session, "Input.dispatchKeyEvent", params)
            })
            .collect();
        if let Some((session, Pointer { button, x, y, .. })) = self.button {
            let far = |at: f64, size: u32| {
                if at < f64::from(size) / 2.0 { f64::from(size.saturating_sub(1)) } else { 0.0 }
            };
            let (x, y) = (far(x, page.width), far(y, page.height));
            let mask = match button.as_str() {
                "right" => 2,
                "middle" => 4,
                _ => 1,
            };
            let moved =
                json!({"type": "mouseMoved", "x": x, "y": y, "button": button, "buttons": mask});
            let up =
                json!({"type": "mouseReleased", "x": x, "y": y, "button": button, "buttons": 0});
            commands.push((session.clone(), "Input.dispatchMouseEvent", moved));
            commands.push((session, "Input.dispatchMouseEvent", up));
        }
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Size = Size { width: 1600, height: 900 };

    #[test]
    fn what_is_down_comes_up_and_what_came_up_does_not() {
        let mut held = Held::default();
        let mut key = |kind: &str, code: &str| {
            held.note(
                "Input.dispatchKeyEvent",
                "S",
                &json!({"type": kind, "code": code}).to_string(),
            );
        };
        key("rawKeyDown", "ControlLeft");
        key("keyDown", "KeyA");
        key("keyDown", "KeyB");
        key("keyUp", "KeyA");
        key("char", "KeyC");
        held.note(
            "Input.dispatchMouseEvent",
            "S",
            r#"{"type":"mousePressed","button":"left","x":10,"y":800}"#,
        );
        let commands = held.release(PAGE);
        let said: Vec<String> = commands
            .iter()
            .map(|(_, _, p)| format!("{} {} {}", p["type"], p["code"], p["x"]))
            .collect();
        assert_eq!(
            said,
            [
                r#""keyUp" "KeyB" null"#,
                r#""keyUp" "ControlLeft" null"#,
                r#""mouseMoved" null 1599.0"#,
                r#""mouseReleased" null 1599.0"#
            ]
        );
        assert_eq!(commands[2].2["y"], 0.0);
    }

    #[test]
    fn a_finished_click_leaves_nothing() {
        let mut held = Held::default();
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "button": "left", "x": 1, "y": 1}).to_string();
            held.note("Input.dispatchMouseEvent", "S", &params);
        }
        assert!(held.release(PAGE).is_empty());
    }
}
