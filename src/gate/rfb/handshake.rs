//! The beginning of a viewer's connection, which the gate ends itself (RFC 6143, section 7.1; pure).
//!
//! The seat was authenticated before, so the gate offers version 3.8 and no security. What the
//! viewer says about sharing is read and forgotten.

use super::message::Malformed;

/// The version that both sides speak.
pub(in crate::gate) const VERSION: &[u8; 12] = b"RFB 003.008\n";
/// "No authentication".
const NONE: u8 = 1;

/// How far a viewer has come.
#[derive(Default)]
pub(in crate::gate) struct Handshake {
    stage: Stage,
    bytes: Vec<u8>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Version,
    Security,
    Init,
    Done,
}

impl Handshake {
    /// Takes what arrived; gives what to answer.
    pub(in crate::gate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        self.bytes.extend_from_slice(bytes);
        let mut answer = Vec::new();
        loop {
            match self.stage {
                Stage::Version => {
                    let Some((version, rest)) = self.bytes.split_at_checked(VERSION.len()) else {
                        return Ok(answer);
                    };
                    if version != VERSION {
                        return Err(Malformed);
                    }
                    self.bytes = rest.to_vec();
                    answer.extend([1, NONE]);
                    self.stage = Stage::Security;
                }
                Stage::Security => {
                    let Some((&chosen, rest)) = self.bytes.split_first() else {
                        return Ok(answer);
                    };
                    if chosen != NONE {
                        return Err(Malformed);
                    }
                    self.bytes = rest.to_vec();
                    answer.extend([0; 4]);
                    self.stage = Stage::Init;
                }
                Stage::Init => {
                    let Some((_, rest)) = self.bytes.split_first() else { return Ok(answer) };
                    self.bytes = rest.to_vec();
                    self.stage = Stage::Done;
                }
                Stage::Done => return Ok(answer),
            }
        }
    }

    /// Once the viewer is through: what it sent after the handshake.
    pub(in crate::gate) fn done(&mut self) -> Option<Vec<u8>> {
        matches!(self.stage, Stage::Done).then(|| std::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_in_single_bytes_gives_the_same_answers_and_keeps_what_follows() {
        let sent = b"RFB 003.008\n\x01\x00\x03rest";
        for size in [1, 3, sent.len()] {
            let mut handshake = Handshake::default();
            let answers: Vec<u8> =
                sent.chunks(size).flat_map(|piece| handshake.take(piece).unwrap()).collect();
            assert_eq!(answers, [1, 1, 0, 0, 0, 0]);
            assert_eq!(handshake.done(), Some(b"\x03rest".to_vec()));
        }
    }

    #[test]
    fn other_versions_and_other_security_are_refused() {
        assert_eq!(Handshake::default().take(b"RFB 003.003\n"), Err(Malformed));
        assert_eq!(Handshake::default().take(b"GET / HTTP/1"), Err(Malformed));
        assert_eq!(Handshake::default().take(b"RFB 003.008\n\x02"), Err(Malformed));
        assert!(Handshake::default().done().is_none());
    }
}
