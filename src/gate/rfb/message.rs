//! The messages of a client, read from bytes that arrive in any pieces, and written (pure).

/// Text of a cut text message, in bytes.
const MAX_TEXT: u32 = 256 << 10;
/// Numbers in one `SetEncodings`.
const MAX_ENCODINGS: u16 = 64;
/// Bytes in one fence.
const MAX_FENCE: u8 = 64;
/// Screens in one `SetDesktopSize`.
const MAX_SCREENS: u8 = 16;

/// One message of a client, complete and within its bounds.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(in crate::gate) enum Message {
    /// Type 0: bits per pixel, depth, big endian, true colour, three maxima and three shifts.
    SetPixelFormat([u8; 16]),
    /// Type 2.
    SetEncodings(Vec<i32>),
    /// Type 3.
    UpdateRequest { incremental: bool, area: Area },
    /// Type 150.
    ContinuousUpdates { enable: bool, area: Area },
    /// Type 248.
    Fence { flags: u32, payload: Vec<u8> },
    /// Type 4.
    Key { down: bool, keysym: u32 },
    /// Type 255, sub-type 0.
    ExtendedKey { down: bool, keysym: u32, keycode: u32 },
    /// Type 5.
    Pointer { buttons: u8, x: u16, y: u16 },
    /// Type 6.
    CutText(Vec<u8>),
    /// Type 6 with a negative length; its contents are never looked at.
    ExtendedClipboard,
    /// Type 251.
    SetDesktopSize { width: u16, height: u16, screens: Vec<[u8; 16]> },
    /// Type 250.
    Power,
}

/// A part of the screen, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct Area {
    pub(in crate::gate) x: u16,
    pub(in crate::gate) y: u16,
    pub(in crate::gate) width: u16,
    pub(in crate::gate) height: u16,
}

/// The connection must close: what comes next cannot be told from what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct Malformed;

/// Collects bytes until they are a message.
#[derive(Default)]
pub(in crate::gate) struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Adds what arrived.
    pub(in crate::gate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, or `None` until the rest of it arrives.
    pub(in crate::gate) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        let Some((message, length)) = parse(&self.bytes)? else { return Ok(None) };
        // What a person typed does not stay in memory longer than it is needed.
        if let Some(read) = self.bytes.get_mut(..length) {
            read.fill(0);
        }
        self.bytes.drain(..length);
        Ok(Some(message))
    }
}

/// Takes big-endian numbers off the front of a message.
#[derive(Clone)]
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn area(&mut self) -> Option<Area> {
        Some(Area { x: self.u16()?, y: self.u16()?, width: self.u16()?, height: self.u16()? })
    }
}

/// Parses one client message from the front of `bytes`: the message and its length in bytes, or
/// `None` until the rest arrives.
///
/// # Errors
/// [`Malformed`]: unknown type or sub-type, or a bound exceeded.
pub(in crate::gate) fn parse(bytes: &[u8]) -> Result<Option<(Message, usize)>, Malformed> {
    let mut fields = Fields { rest: bytes };
    let message = match fields.u8() {
        None => return Ok(None),
        Some(0) => pixel_format(&mut fields)?,
        Some(2) => encodings(&mut fields)?,
        Some(3) => update_request(&mut fields),
        Some(150) => continuous_updates(&mut fields),
        Some(248) => fence(&mut fields)?,
        Some(4) => key(&mut fields),
        Some(255) => extended_key(&mut fields)?,
        Some(5) => pointer(&mut fields),
        Some(6) => cut_text(&mut fields)?,
        Some(251) => desktop_size(&mut fields)?,
        Some(250) => fields.take(3).map(|_| Message::Power),
        Some(_) => return Err(Malformed),
    };
    Ok(message.map(|message| (message, bytes.len() - fields.rest.len())))
}

fn pixel_format(fields: &mut Fields<'_>) -> Result<Option<Message>, Malformed> {
    let format = fields.take(3).and_then(|_| fields.array::<16>());
    let Some(format) = format else { return Ok(None) };
    let [bits, depth, ..] = format;
    // The display server closes the connection for these; better that we do, and say so.
    if !matches!(bits, 8 | 16 | 32) || depth == 0 || depth > bits {
        return Err(Malformed);
    }
    Ok(Some(Message::SetPixelFormat(format)))
}

fn encodings(fields: &mut Fields<'_>) -> Result<Option<Message>, Malformed> {
    let Some(count) = fields.take(1).and_then(|_| fields.u16()) else { return Ok(None) };
    if count > MAX_ENCODINGS {
        return Err(Malformed);
    }
    let Some(bytes) = fields.take(usize::from(count) * 4) else { return Ok(None) };
    let numbers = bytes.as_chunks::<4>().0.iter().map(|number| i32::from_be_bytes(*number));
    Ok(Some(Message::SetEncodings(numbers.collect())))
}

fn update_request(fields: &mut Fields<'_>) -> Option<Message> {
    Some(Message::UpdateRequest { incremental: fields.u8()? != 0, area: fields.area()? })
}

fn continuous_updates(fields: &mut Fields<'_>) -> Option<Message> {
    Some(Message::ContinuousUpdates { enable: fields.u8()? != 0, area: fields.area()? })
}

fn fence(fields: &mut Fields<'_>) -> Result<Option<Message>, Malformed> {
    let Some(flags) = fields.take(3).and_then(|_| fields.u32()) else { return Ok(None) };
    let Some(length) = fields.u8() else { return Ok(None) };
    if length > MAX_FENCE {
        return Err(Malformed);
    }
    let payload = fields.take(usize::from(length));
    Ok(payload.map(|payload| Message::Fence { flags, payload: payload.to_vec() }))
}

fn key(fields: &mut Fields<'_>) -> Option<Message> {
    let down = fields.u8()? != 0;
    fields.take(2)?;
    Some(Message::Key { down, keysym: fields.u32()? })
}

fn extended_key(fields: &mut Fields<'_>) -> Result<Option<Message>, Malformed> {
    // 255/1 is audio, and has messages of several lengths.
    match fields.u8() {
        None => return Ok(None),
        Some(0) => {}
        Some(_) => return Err(Malformed),
    }
    let mut read = || {
        let down = fields.u16()? != 0;
        Some(Message::ExtendedKey { down, keysym: fields.u32()?, keycode: fields.u32()? })
    };
    Ok(read())
}

/// A pointer event is 6 bytes: type, button mask (bit 0 is left), x and y as big-endian `u16`
/// pixels (RFC 6143, section 7.5.5). Bit 7 would announce a longer form to those who negotiated it;
/// nobody did.
fn pointer(fields: &mut Fields<'_>) -> Option<Message> {
    Some(Message::Pointer { buttons: fields.u8()?, x: fields.u16()?, y: fields.u16()? })
}

fn cut_text(fields: &mut Fields<'_>) -> Result<Option<Message>, Malformed> {
    let Some(length) = fields.take(3).and_then(|_| fields.u32()) else { return Ok(None) };
    let signed = length.cast_signed();
    if signed.unsigned_abs() > MAX_TEXT {
        return Err(Malformed);
    }
    let Some(text) = fields.take(signed.unsigned_abs() as usize) else { return Ok(None) };
    Ok(Some(if signed < 0 { Message::ExtendedClipboard } else { Message::CutText(text.to_vec()) }))
}

fn desktop_size(fields: &mut Fields<'_>) -> Result<Option<Message>, Malformed> {
    let mut head = || {
        fields.take(1)?;
        let (width, height) = (fields.u16()?, fields.u16()?);
        let screens = fields.u8()?;
        fields.take(1)?;
        Some((width, height, screens))
    };
    let Some((width, height, count)) = head() else { return Ok(None) };
    if count > MAX_SCREENS {
        return Err(Malformed);
    }
    let screens = fields.take(usize::from(count) * 16);
    Ok(screens.map(|screens| Message::SetDesktopSize {
        width,
        height,
        screens: screens.as_chunks::<16>().0.to_vec(),
    }))
}

impl Message {
    /// Whether it acts on the browser; the others only ask for pixels.
    pub(in crate::gate) fn is_input(&self) -> bool {
        match self {
            Self::Key { .. }
            | Self::ExtendedKey { .. }
            | Self::Pointer { .. }
            | Self::CutText(_)
            | Self::ExtendedClipboard
            | Self::SetDesktopSize { .. }
            | Self::Power => true,
            Self::SetPixelFormat(_)
            | Self::SetEncodings(_)
            | Self::UpdateRequest { .. }
            | Self::ContinuousUpdates { .. }
            | Self::Fence { .. } => false,
        }
    }

    /// The message's bytes; empty for those that are never sent on.
    pub(in crate::gate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::SetPixelFormat(format) => {
                bytes.extend([0, 0, 0, 0]);
                bytes.extend(format);
            }
            Self::SetEncodings(numbers) => {
                bytes.extend([2, 0]);
                bytes.extend(u16::try_from(numbers.len()).unwrap_or(0).to_be_bytes());
                for number in numbers {
                    bytes.extend(number.to_be_bytes());
                }
            }
            Self::UpdateRequest { incremental, area } => {
                bytes.extend([3, u8::from(*incremental)]);
                area.encode(&mut bytes);
            }
            Self::ContinuousUpdates { enable, area } => {
                bytes.extend([150, u8::from(*enable)]);
                area.encode(&mut bytes);
            }
            Self::Fence { flags, payload } => {
                bytes.extend([248, 0, 0, 0]);
                bytes.extend(flags.to_be_bytes());
                bytes.push(u8::try_from(payload.len()).unwrap_or(0));
                bytes.extend(payload);
            }
            Self::Key { down, keysym } => {
                bytes.extend([4, u8::from(*down), 0, 0]);
                bytes.extend(keysym.to_be_bytes());
            }
            Self::ExtendedKey { down, keysym, keycode } => {
                bytes.extend([255, 0, 0, u8::from(*down)]);
                bytes.extend(keysym.to_be_bytes());
                bytes.extend(keycode.to_be_bytes());
            }
            Self::Pointer { buttons, x, y } => {
                bytes.extend([5, *buttons]);
                bytes.extend(x.to_be_bytes());
                bytes.extend(y.to_be_bytes());
            }
            Self::CutText(text) => {
                bytes.extend([6, 0, 0, 0]);
                bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
                bytes.extend(text);
            }
            Self::SetDesktopSize { width, height, screens } => {
                bytes.extend([251, 0]);
                bytes.extend(width.to_be_bytes());
                bytes.extend(height.to_be_bytes());
                bytes.extend([u8::try_from(screens.len()).unwrap_or(0), 0]);
                bytes.extend(screens.iter().flatten());
            }
            Self::ExtendedClipboard | Self::Power => {}
        }
        bytes
    }
}

impl Area {
    fn encode(self, bytes: &mut Vec<u8>) {
        for number in [self.x, self.y, self.width, self.height] {
            bytes.extend(number.to_be_bytes());
        }
    }

    /// The part of it that lies on a screen of this size.
    pub(in crate::gate) fn clipped(self, width: u16, height: u16) -> Self {
        let (x, y) = (self.x.min(width), self.y.min(height));
        Self { x, y, width: self.width.min(width - x), height: self.height.min(height - y) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_message() -> impl Strategy<Value = Message> {
        let area = any::<[u16; 4]>().prop_map(|[x, y, width, height]| Area { x, y, width, height });
        prop_oneof![
            any::<[u8; 16]>().prop_map(|mut format| {
                (format[0], format[1]) = (32, 24);
                Message::SetPixelFormat(format)
            }),
            proptest::collection::vec(any::<i32>(), 0..=64).prop_map(Message::SetEncodings),
            (any::<bool>(), area.clone())
                .prop_map(|(incremental, area)| Message::UpdateRequest { incremental, area }),
            (any::<bool>(), area)
                .prop_map(|(enable, area)| Message::ContinuousUpdates { enable, area }),
            (any::<u32>(), proptest::collection::vec(any::<u8>(), 0..=64))
                .prop_map(|(flags, payload)| Message::Fence { flags, payload }),
            (any::<bool>(), any::<u32>()).prop_map(|(down, keysym)| Message::Key { down, keysym }),
            (any::<bool>(), any::<u32>(), any::<u32>())
                .prop_map(|(down, keysym, keycode)| Message::ExtendedKey { down, keysym, keycode }),
            (any::<u8>(), any::<u16>(), any::<u16>())
                .prop_map(|(buttons, x, y)| Message::Pointer { buttons, x, y }),
            proptest::collection::vec(any::<u8>(), 0..400).prop_map(Message::CutText),
            (any::<u16>(), any::<u16>(), proptest::collection::vec(any::<[u8; 16]>(), 0..=16))
                .prop_map(|(width, height, screens)| Message::SetDesktopSize {
                    width,
                    height,
                    screens
                }),
        ]
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            messages in proptest::collection::vec(any_message(), 0..12),
            cuts in proptest::collection::vec(1_usize..200, 0..40),
        ) {
            let bytes: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
            let mut reader = Reader::default();
            let mut read = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                reader.push(piece);
                rest = left;
                while let Some(message) = reader.next().unwrap() {
                    read.push(message);
                }
            }
            prop_assert_eq!(read, messages);
            prop_assert!(reader.bytes.is_empty());
        }

        #[test]
        fn no_bytes_make_the_parser_wait_beyond_its_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let longest = 8 + MAX_TEXT as usize;
            let mut bytes = bytes;
            bytes.resize(longest, 0);
            prop_assert!(!matches!(parse(&bytes), Ok(None)));
        }
    }

    #[test]
    fn hostile_lengths_are_refused_before_their_bytes_arrive() {
        let check = |bytes: &[u8]| assert_eq!(parse(bytes), Err(Malformed), "{bytes:?}");
        check(&[2, 0, 0, 65]);
        check(&[2, 0, 255, 255]);
        check(&[6, 0, 0, 0, 0, 4, 0, 1]);
        check(&[6, 0, 0, 0, 0x7f, 255, 255, 255]);
        check(&[6, 0, 0, 0, 0x80, 0, 0, 0]);
        check(&[6, 0, 0, 0, 0xff, 0xfb, 255, 255]);
        check(&[248, 0, 0, 0, 0x80, 0, 0, 0, 65]);
        check(&[251, 0, 1, 0, 1, 0, 17, 0]);
        check(&[255, 1]);
        check(&[255, 2]);
        check(&[0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
        for unknown in [1, 7, 127, 149, 151, 247, 249, 252, 253, 254] {
            check(&[unknown]);
        }
    }

    #[test]
    fn lengths_at_the_bound_are_read() {
        let text = Message::CutText(vec![b'x'; MAX_TEXT as usize]);
        let bytes = text.encode();
        assert_eq!(parse(&bytes), Ok(Some((text, bytes.len()))));
        // Extended clipboard of 256 KiB: read as one message, and nothing of it kept.
        let mut bytes = vec![6, 0, 0, 0, 0xff, 0xfc, 0, 0];
        bytes.resize(8 + MAX_TEXT as usize, 7);
        assert_eq!(parse(&bytes), Ok(Some((Message::ExtendedClipboard, bytes.len()))));
        // A set bit 7 does not lengthen a pointer event.
        let bytes = [5, 0x80, 0, 1, 0, 2, 4];
        let pointer = Message::Pointer { buttons: 0x80, x: 1, y: 2 };
        assert_eq!(parse(&bytes), Ok(Some((pointer, 6))));
        assert_eq!(parse(&[250, 0, 1, 2]), Ok(Some((Message::Power, 4))));
    }
}
