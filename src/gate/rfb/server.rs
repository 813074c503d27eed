//! What the display server tells the injector: read to its end and forgotten, but for the answers to
//! fences and the size of the desktop (pure).

use super::message::Malformed;

/// Longer than any message to a client that negotiated raw pixels only and asks for none.
const MAX: u32 = 64 << 20;

/// Something of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gate) enum Told {
    /// The answer to the fence with this payload.
    Fence(Vec<u8>),
    /// The desktop has this size.
    Size(u16, u16),
}

/// Reads and discards.
#[derive(Default)]
pub(in crate::gate) struct Discard {
    bytes: Vec<u8>,
    skip: usize,
    rectangles: u16,
    told: Vec<Told>,
}

impl Discard {
    /// Takes what arrived; gives what was of interest in it.
    pub(in crate::gate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Told>, Malformed> {
        self.bytes.extend_from_slice(bytes);
        loop {
            let skipped = self.skip.min(self.bytes.len());
            self.bytes.drain(..skipped);
            self.skip -= skipped;
            if self.skip > 0 {
                break;
            }
            let step = if self.rectangles > 0 { self.rectangle()? } else { self.message()? };
            let Some(length) = step else { break };
            self.skip = length;
        }
        Ok(std::mem::take(&mut self.told))
    }

    fn field<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at + N)?.try_into().ok()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.field(at).map(u16::from_be_bytes)
    }

    /// The length of the message at the front, as far as it is to be skipped.
    fn message(&mut self) -> Result<Option<usize>, Malformed> {
        Ok(match self.bytes.first() {
            None => None,
            // FramebufferUpdate
            Some(0) => self.u16(2).map(|rectangles| {
                self.rectangles = rectangles;
                4
            }),
            // SetColourMapEntries
            Some(1) => self.u16(4).map(|colours| 6 + usize::from(colours) * 6),
            // Bell, EndOfContinuousUpdates
            Some(2 | 150) => Some(1),
            // ServerCutText
            Some(3) => match self.field(4).map(u32::from_be_bytes) {
                Some(length) if length > MAX => return Err(Malformed),
                length => length.map(|length| 8 + length as usize),
            },
            Some(248) => self.fence(),
            Some(_) => return Err(Malformed),
        })
    }

    fn fence(&mut self) -> Option<usize> {
        let [length] = self.field(8)?;
        let payload = self.bytes.get(9..9 + usize::from(length))?.to_vec();
        let flags = self.field(4).map(u32::from_be_bytes)?;
        // One with "request" set is the server's own question, which needs no answer here.
        if flags & 0x8000_0000 == 0 {
            self.told.push(Told::Fence(payload));
        }
        Some(9 + usize::from(length))
    }

    fn rectangle(&mut self) -> Result<Option<usize>, Malformed> {
        let Some(encoding) = self.field(8).map(i32::from_be_bytes) else { return Ok(None) };
        let (Some(width), Some(height)) = (self.u16(4), self.u16(6)) else { return Ok(None) };
        let length = match encoding {
            // Raw, at the 32 bits a pixel of a display of depth 24.
            0 => u64::from(width) * u64::from(height) * 4,
            -258 => 0,
            -308 => match self.bytes.get(12) {
                None => return Ok(None),
                Some(&screens) => {
                    self.told.push(Told::Size(width, height));
                    4 + u64::from(screens) * 16
                }
            },
            _ => return Err(Malformed),
        };
        self.rectangles -= 1;
        if length > u64::from(MAX) {
            return Err(Malformed);
        }
        Ok(usize::try_from(12 + length).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = vec![2];
        bytes.extend([0, 0, 0, 3]);
        bytes.extend([0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0]);
        bytes.extend([9; 8]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend((-258_i32).to_be_bytes());
        bytes.extend([0, 0, 0, 0, 3, 32, 2, 88]);
        bytes.extend((-308_i32).to_be_bytes());
        bytes.extend([1, 0, 0, 0]);
        bytes.extend([0; 16]);
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 3, b'a', b'b', b'c', 150]);
        bytes.extend([1, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6]);
        bytes.extend([248, 0, 0, 0, 0x80, 0, 0, 1, 1, 7]);
        bytes.extend([248, 0, 0, 0, 0, 0, 0, 0, 2, 8, 9]);
        bytes
    }

    #[test]
    fn any_split_finds_the_size_and_the_fence() {
        let bytes = sample();
        for size in 1..=bytes.len() {
            let mut discard = Discard::default();
            let told: Vec<Told> =
                bytes.chunks(size).flat_map(|piece| discard.take(piece).unwrap()).collect();
            assert_eq!(told, [Told::Size(800, 600), Told::Fence(vec![8, 9])], "pieces of {size}");
        }
    }

    #[test]
    fn an_unknown_message_or_encoding_ends_the_connection() {
        assert_eq!(Discard::default().take(&[99]), Err(Malformed));
        let tight = [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 7];
        assert_eq!(Discard::default().take(&tight), Err(Malformed));
    }
}
