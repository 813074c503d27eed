//! What becomes of each message of a viewer (handoff.md 2.5, the table; pure).

use std::time::Duration;

use super::message::Message;

/// Key and pointer messages in a second; a fast typist with a fast mouse sends 150.
const RATE: f64 = 1000.0;
/// What may come at once, after a pause of the network.
const BURST: f64 = 4000.0;
/// The largest display that anybody may ask for.
const MAX_SIDE: u16 = 4096;
/// Fence flags that mean something: three of ordering and synchronisation, and "request".
const FENCE_FLAGS: u32 = 0x8000_0007;
const FENCE: i32 = -312;
const CONTINUOUS_UPDATES: i32 = -313;

/// Encodings that go upstream. Not among them, on purpose: extended clipboard (−1063131698),
/// extended mouse buttons (−316), power control (−309) and audio (−259).
fn is_known(encoding: i32) -> bool {
    matches!(
        encoding,
        0 | 1 | 2 | 5 | 6 | 7 | 16 | 21 // raw, copy, RRE, hextile, zlib, tight, ZRLE, JPEG
            | -260 // tight with PNG
            | -32..=-23 // JPEG quality
            | -256..=-247 // compression level
            | -223 | -308 | -307 // size, extended size, name of the desktop
            | -224 // last rectangle
            | -239 | -240 | -314 | 1_464_686_180 // pointer shapes
            | -258 | -261 // extended keys, keyboard lights
            | FENCE
            | CONTINUOUS_UPDATES
    )
}

/// What becomes of a message.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(in crate::gate) enum Fate {
    /// These bytes go to the display server, on the viewer's own connection.
    Forward(Vec<u8>),
    /// It goes to the injector, if the seat holds the lease; else nowhere.
    Input(Message),
    /// Nowhere.
    Drop,
    /// The connection is closed with this code.
    Close(u16),
}

/// Too many messages in too short a time.
pub(in crate::gate) const FLOOD: u16 = 4429;
/// What was sent is not RFB.
pub(in crate::gate) const MALFORMED: u16 = 4400;

/// What is remembered of one viewer.
pub(in crate::gate) struct Filter {
    fences: bool,
    continuous: bool,
    allowance: f64,
    counted: Duration,
}

impl Filter {
    /// A viewer that connected at `now`.
    pub(in crate::gate) fn new(now: Duration) -> Self {
        Self { fences: false, continuous: false, allowance: BURST, counted: now }
    }

    /// Judges one message; the screen is `width` by `height` pixels.
    pub(in crate::gate) fn judge(
        &mut self,
        message: Message,
        (width, height): (u16, u16),
        now: Duration,
    ) -> Fate {
        if message.is_input() && !self.allow(now) {
            return Fate::Close(FLOOD);
        }
        match message {
            Message::SetPixelFormat(_) => Fate::Forward(message.encode()),
            Message::SetEncodings(mut numbers) => {
                numbers.retain(|number| is_known(*number));
                self.fences = numbers.contains(&FENCE);
                self.continuous = numbers.contains(&CONTINUOUS_UPDATES);
                Fate::Forward(Message::SetEncodings(numbers).encode())
            }
            Message::UpdateRequest { incremental, area } => {
                let area = area.clipped(width, height);
                Fate::Forward(Message::UpdateRequest { incremental, area }.encode())
            }
            Message::ContinuousUpdates { enable, area } if self.continuous => {
                let area = area.clipped(width, height);
                Fate::Forward(Message::ContinuousUpdates { enable, area }.encode())
            }
            Message::Fence { flags, payload } if self.fences => {
                let flags = flags & FENCE_FLAGS;
                Fate::Forward(Message::Fence { flags, payload }.encode())
            }
            Message::Pointer { buttons, x, y } => Fate::Input(Message::Pointer {
                buttons: buttons & 0x7f,
                x: x.min(width.saturating_sub(1)),
                y: y.min(height.saturating_sub(1)),
            }),
            Message::SetDesktopSize { width, height, .. }
                if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) =>
            {
                Fate::Close(MALFORMED)
            }
            Message::Key { .. }
            | Message::ExtendedKey { .. }
            | Message::CutText(_)
            | Message::SetDesktopSize { .. } => Fate::Input(message),
            Message::ContinuousUpdates { .. }
            | Message::Fence { .. }
            | Message::ExtendedClipboard
            | Message::Power => Fate::Drop,
        }
    }

    fn allow(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.counted).as_secs_f64();
        self.counted = now;
        self.allowance = (self.allowance + passed * RATE).min(BURST) - 1.0;
        self.allowance >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::message::{Area, parse},
        *,
    };

    const SCREEN: (u16, u16) = (1600, 988);
    const NOW: Duration = Duration::from_secs(5);

    #[track_caller]
    fn check(message: Message, fate: Fate) {
        let found = Filter::new(NOW).judge(message, SCREEN, NOW);
        assert!(found == fate, "{found:?}, not {fate:?}");
        drop(fate);
    }

    #[test]
    fn what_acts_goes_to_the_injector_or_nowhere() {
        let key = Message::Key { down: true, keysym: 0x61 };
        check(key.clone(), Fate::Input(key));
        let key = Message::ExtendedKey { down: true, keysym: 0x61, keycode: 0x1e };
        check(key.clone(), Fate::Input(key));
        check(Message::CutText(vec![1]), Fate::Input(Message::CutText(vec![1])));
        check(
            Message::Pointer { buttons: 0x81, x: 9000, y: 987 },
            Fate::Input(Message::Pointer { buttons: 1, x: 1599, y: 987 }),
        );
        check(Message::ExtendedClipboard, Fate::Drop);
        check(Message::Power, Fate::Drop);
        let size = |width, height| Message::SetDesktopSize { width, height, screens: vec![] };
        check(size(4096, 4096), Fate::Input(size(4096, 4096)));
        check(size(4097, 10), Fate::Close(MALFORMED));
        check(size(10, 0), Fate::Close(MALFORMED));
    }

    #[test]
    fn unknown_encodings_do_not_go_upstream() {
        let asked = vec![7, -1_063_131_698, -316, -309, -259, 99, -312, -26, 0];
        let Fate::Forward(bytes) =
            Filter::new(NOW).judge(Message::SetEncodings(asked), SCREEN, NOW)
        else {
            panic!("not forwarded")
        };
        let known = Message::SetEncodings(vec![7, -312, -26, 0]);
        assert_eq!(parse(&bytes), Ok(Some((known, bytes.len()))));
    }

    #[test]
    fn fences_and_continuous_updates_wait_until_they_were_negotiated() {
        let fence = Message::Fence { flags: 0xffff_ffff, payload: vec![1] };
        let area = Area { x: 1590, y: 0, width: 100, height: 2000 };
        let updates = Message::ContinuousUpdates { enable: true, area };
        check(fence.clone(), Fate::Drop);
        check(updates.clone(), Fate::Drop);
        let mut filter = Filter::new(NOW);
        filter.judge(Message::SetEncodings(vec![FENCE, CONTINUOUS_UPDATES]), SCREEN, NOW);
        let cut = Message::Fence { flags: FENCE_FLAGS, payload: vec![1] };
        assert_eq!(filter.judge(fence, SCREEN, NOW), Fate::Forward(cut.encode()));
        let area = Area { x: 1590, y: 0, width: 10, height: 988 };
        let cut = Message::ContinuousUpdates { enable: true, area };
        assert_eq!(filter.judge(updates, SCREEN, NOW), Fate::Forward(cut.encode()));
    }

    #[test]
    fn a_thousand_messages_a_second_pass_and_a_flood_does_not() {
        let key = || Message::Key { down: true, keysym: 1 };
        let mut filter = Filter::new(NOW);
        for second in 0..10 {
            for n in 0..1000_u64 {
                let now = NOW + Duration::from_micros(second * 1_000_000 + n * 1000);
                assert!(filter.judge(key(), SCREEN, now) == Fate::Input(key()));
            }
        }
        let mut filter = Filter::new(NOW);
        for _ in 0..4000 {
            assert!(filter.judge(key(), SCREEN, NOW) == Fate::Input(key()));
        }
        assert!(filter.judge(key(), SCREEN, NOW) == Fate::Close(FLOOD));
    }
}
