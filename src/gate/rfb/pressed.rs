//! What a person holds down, and how it is let go (handoff.md 2.5; pure).

use super::message::Message;

/// More keys than a person has fingers; what is pressed beyond is let go by the display server when
/// the connection closes.
const KEYS: usize = 32;

/// Bytes of the record: a byte that tells what is known of each key, two numbers for it, and the pointer.
pub(in crate::gate) const SIZE: usize = KEYS * 9 + 5;

/// One fixed-size record, wiped at every revoke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::gate) struct Pressed {
    keys: [Option<(u32, Option<u32>)>; KEYS],
    buttons: u8,
    x: u16,
    y: u16,
}

impl Pressed {
    /// Notes what is being sent.
    pub(in crate::gate) fn note(&mut self, message: &Message) {
        match *message {
            Message::Key { down, keysym } => self.key(down, keysym, None),
            Message::ExtendedKey { down, keysym, keycode } => self.key(down, keysym, Some(keycode)),
            Message::Pointer { buttons, x, y } => (self.buttons, self.x, self.y) = (buttons, x, y),
            Message::SetPixelFormat(_)
            | Message::SetEncodings(_)
            | Message::UpdateRequest { .. }
            | Message::ContinuousUpdates { .. }
            | Message::Fence { .. }
            | Message::CutText(_)
            | Message::ExtendedClipboard
            | Message::SetDesktopSize { .. }
            | Message::Power => {}
        }
    }

    fn key(&mut self, down: bool, keysym: u32, keycode: Option<u32>) {
        // An extended event names the key itself: the keysym may differ between down and up.
        let same = |held: &Option<(u32, Option<u32>)>| {
            held.is_some_and(|(other, code)| match (code, keycode) {
                (Some(a), Some(b)) => a == b,
                (None, None) => other == keysym,
                (Some(_), None) | (None, Some(_)) => false,
            })
        };
        if let Some(place) = self.keys.iter().position(same) {
            if !down {
                // The order stays that of pressing.
                if let Some(later) = self.keys.get_mut(place..) {
                    later.rotate_left(1);
                    later.last_mut().map(Option::take);
                }
            }
        } else if down && let Some(free) = self.keys.iter_mut().find(|held| held.is_none()) {
            *free = Some((keysym, keycode));
        }
    }

    /// Whether nothing has to be let go.
    pub(in crate::gate) fn is_empty(&self) -> bool {
        self.buttons == 0 && self.keys.iter().all(Option::is_none)
    }

    /// The record as it is kept for the next gate.
    pub(in crate::gate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZE);
        for key in &self.keys {
            let (known, keysym, keycode) = match *key {
                None => (0, 0, 0),
                Some((keysym, None)) => (1, keysym, 0),
                Some((keysym, Some(keycode))) => (2, keysym, keycode),
            };
            bytes.push(known);
            bytes.extend(keysym.to_be_bytes());
            bytes.extend(keycode.to_be_bytes());
        }
        bytes.push(self.buttons);
        bytes.extend(self.x.to_be_bytes());
        bytes.extend(self.y.to_be_bytes());
        bytes
    }

    /// The record that was kept; what is not one has nothing pressed.
    pub(in crate::gate) fn read(bytes: &[u8]) -> Self {
        let read = || {
            let (keys, pointer) = bytes.split_at_checked(KEYS * 9)?;
            let &[buttons, x0, x1, y0, y1] = pointer else { return None };
            let mut pressed = Self { buttons, ..Self::default() };
            (pressed.x, pressed.y) = (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]));
            for (place, &[known, a, b, c, d, e, f, g, h]) in
                pressed.keys.iter_mut().zip(keys.as_chunks().0)
            {
                let keysym = u32::from_be_bytes([a, b, c, d]);
                *place = match known {
                    1 => Some((keysym, None)),
                    2 => Some((keysym, Some(u32::from_be_bytes([e, f, g, h])))),
                    _ => None,
                };
            }
            Some(pressed)
        };
        read().unwrap_or_default()
    }

    /// What lets everything go, in order: keys up, the last pressed first; if a button is down, the
    /// pointer goes to the corner farthest from where it is, and only then the button comes up, so
    /// that a half-made click does not complete on the control it began on. Wipes the record.
    pub(in crate::gate) fn release(&mut self, (width, height): (u16, u16)) -> Vec<Message> {
        let mut messages: Vec<_> = self
            .keys
            .iter()
            .rev()
            .flatten()
            .map(|&(keysym, keycode)| match keycode {
                Some(keycode) => Message::ExtendedKey { down: false, keysym, keycode },
                None => Message::Key { down: false, keysym },
            })
            .collect();
        if self.buttons != 0 {
            let x = if self.x < width / 2 { width.saturating_sub(1) } else { 0 };
            let y = if self.y < height / 2 { height.saturating_sub(1) } else { 0 };
            messages.push(Message::Pointer { buttons: self.buttons, x, y });
            messages.push(Message::Pointer { buttons: 0, x, y });
        }
        *self = Self::default();
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(down: bool, keysym: u32) -> Message {
        Message::Key { down, keysym }
    }

    #[test]
    fn keys_come_up_in_reverse_order_and_only_those_that_are_down() {
        let mut pressed = Pressed::default();
        for message in [key(true, 1), key(true, 2), key(true, 3), key(true, 2), key(false, 2)] {
            pressed.note(&message);
        }
        let code = |down, keysym| Message::ExtendedKey { down, keysym, keycode: 30 };
        pressed.note(&code(true, 0x61));
        assert_eq!(pressed.release((100, 100)), [code(false, 0x61), key(false, 3), key(false, 1)]);
        assert_eq!(pressed.release((100, 100)), []);
    }

    #[test]
    fn an_extended_key_is_known_by_its_code() {
        let mut pressed = Pressed::default();
        pressed.note(&Message::ExtendedKey { down: true, keysym: 0x41, keycode: 30 });
        pressed.note(&Message::ExtendedKey { down: false, keysym: 0x61, keycode: 30 });
        assert_eq!(pressed.release((100, 100)), []);
    }

    #[test]
    fn a_button_comes_up_in_the_farthest_corner() {
        let check = |x, y, corner: (u16, u16)| {
            let mut pressed = Pressed::default();
            pressed.note(&Message::Pointer { buttons: 5, x, y });
            let (x, y) = corner;
            assert_eq!(
                pressed.release((1600, 988)),
                [Message::Pointer { buttons: 5, x, y }, Message::Pointer { buttons: 0, x, y }]
            );
        };
        check(10, 10, (1599, 987));
        check(1500, 10, (0, 987));
        check(1500, 900, (0, 0));
        check(10, 900, (1599, 0));
    }

    #[test]
    fn a_pointer_without_buttons_stays_where_it_is() {
        let mut pressed = Pressed::default();
        pressed.note(&Message::Pointer { buttons: 1, x: 5, y: 5 });
        pressed.note(&Message::Pointer { buttons: 0, x: 5, y: 5 });
        assert_eq!(pressed.release((1600, 988)), []);
    }

    #[test]
    fn more_keys_than_fingers_are_not_kept() {
        let mut pressed = Pressed::default();
        (0..1000).for_each(|n| pressed.note(&key(true, n)));
        assert_eq!(pressed.release((10, 10)).len(), KEYS);
    }

    #[test]
    fn the_record_is_read_as_it_was_kept() {
        let mut pressed = Pressed::default();
        assert_eq!(Pressed::read(&pressed.bytes()), pressed);
        pressed.note(&key(true, 0xffe1));
        pressed.note(&Message::ExtendedKey { down: true, keysym: 0x41, keycode: 30 });
        pressed.note(&Message::Pointer { buttons: 4, x: 1599, y: 3 });
        let bytes = pressed.bytes();
        assert_eq!(bytes.len(), SIZE);
        assert_eq!(Pressed::read(&bytes), pressed);
        assert!(!pressed.is_empty());
        for torn in [&bytes[..SIZE - 1], &[]] {
            assert!(Pressed::read(torn).is_empty());
        }
    }
}
