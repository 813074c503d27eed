//! Challenges, tickets and the operator's proof (handoff.md 7.3; pure).
//!
//! # Expected flow
//! A person's client fetches a challenge, signs a ticket with the key whose public half came in the
//! handoff's `prepare`, and the page presents it for a seat. The operator signs the challenge that
//! opens its stream.
//!
//! # Guarantees
//! - A challenge carries its own time and a mark that only this gate can make, so that whoever asks
//!   for many makes the gate remember nothing. What is remembered are the challenges of good tickets,
//!   until they are too old by themselves.
//! - A ticket counts once, for one pod, one handoff, one epoch and one scope.

use std::collections::HashMap;

use aws_lc_rs::{
    hmac,
    signature::{ED25519, UnparsedPublicKey},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    decide::lease::Time,
    pod::contract::{
        PublicKey,
        stream::{Mode, TicketPayload, proof, ticket_text},
    },
};

/// How old a challenge may be, by the gate's own clock, so that no other clock matters.
const FRESH: Time = Time::from_mins(1);
/// Bytes of chance in a challenge.
const NONCE: usize = 16;
/// A ticket is a few ids; whatever is longer is none.
const MAX_TICKET: usize = 4096;

type Nonce = [u8; NONCE];

/// Gives out challenges and knows its own again.
pub(super) struct Challenges {
    key: hmac::Key,
    used: HashMap<Nonce, Time>,
}

/// What a good ticket entitles to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entitled {
    pub(super) handoff: String,
    pub(super) epoch: u64,
    pub(super) scope: Mode,
}

impl Challenges {
    /// With a secret of this gate alone.
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), used: HashMap::new() }
    }

    /// A new challenge, from bytes that nobody can guess.
    pub(super) fn make(&self, nonce: Nonce, now: Time) -> String {
        let mut bytes = nonce.to_vec();
        bytes.extend(milliseconds(now).to_be_bytes());
        let mark = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(mark.as_ref());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The nonce of a challenge of ours that is neither old nor used.
    fn known(&self, challenge: &str, now: Time) -> Option<Nonce> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(challenge).ok()?;
        let (said, mark) = bytes.split_at_checked(NONCE + 8)?;
        hmac::verify(&self.key, said, mark).ok()?;
        let (nonce, issued) = said.split_first_chunk::<NONCE>()?;
        let issued = u64::from_be_bytes(*issued.first_chunk()?);
        let age = now.checked_sub(Time::from_millis(issued))?;
        (age < FRESH && !self.used.contains_key(nonce)).then_some(*nonce)
    }

    /// What `ticket` entitles to, if it is good. `key_of` knows the public key of each handoff that
    /// is active. A good one is used up.
    pub(super) fn redeem(
        &mut self,
        ticket: &str,
        pod_uid: &str,
        now: Time,
        key_of: impl FnOnce(&str) -> Option<PublicKey>,
    ) -> Option<Entitled> {
        if ticket.len() > MAX_TICKET {
            return None;
        }
        let (encoded, signature) = ticket.split_once('.')?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let TicketPayload { challenge, audience, scope } = serde_json::from_slice(&payload).ok()?;
        let mut parts = audience.split('/');
        let (pod, handoff, epoch) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || pod != pod_uid {
            return None;
        }
        // One spelling of each number.
        let number: u64 = epoch.parse().ok()?;
        if number.to_string() != epoch {
            return None;
        }
        let nonce = self.known(&challenge, now)?;
        if !is_signed(&key_of(handoff)?, &ticket_text(encoded), signature) {
            return None;
        }
        self.used.retain(|_, old| *old > now);
        self.used.insert(nonce, now + FRESH);
        Some(Entitled { handoff: handoff.to_owned(), epoch: number, scope })
    }

    /// Whether this is the operator's proof for a challenge of ours. It is used up.
    pub(super) fn is_operator(
        &mut self,
        key: &PublicKey,
        pod_uid: &str,
        challenge: &str,
        signature: &str,
        now: Time,
    ) -> bool {
        let Some(nonce) = self.known(challenge, now) else { return false };
        let good = is_signed(key, &proof(pod_uid, challenge), signature);
        if good {
            self.used.retain(|_, old| *old > now);
            self.used.insert(nonce, now + FRESH);
        }
        good
    }
}

fn is_signed(key: &PublicKey, text: &str, signature: &str) -> bool {
    let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
    UnparsedPublicKey::new(&ED25519, key.bytes()).verify(text.as_bytes(), &signature).is_ok()
}

fn milliseconds(time: Time) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    use super::*;
    use crate::pod::contract::stream::audience;

    const NOW: Time = Time::from_secs(5000);

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    fn public(pair: &Ed25519KeyPair) -> PublicKey {
        PublicKey::new(pair.public_key().as_ref().try_into().unwrap())
    }

    fn sign(pair: &Ed25519KeyPair, text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()))
    }

    fn ticket(pair: &Ed25519KeyPair, challenge: &str, audience: String, scope: Mode) -> String {
        let payload = TicketPayload { challenge: challenge.to_owned(), audience, scope };
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&payload).unwrap());
        let signature = sign(pair, &ticket_text(&encoded));
        format!("{encoded}.{signature}")
    }

    struct Gate {
        challenges: Challenges,
        holder: Ed25519KeyPair,
        nonce: u8,
    }

    impl Gate {
        fn new() -> Self {
            Self { challenges: Challenges::new(&[9; 32]), holder: pair(1), nonce: 0 }
        }

        fn challenge(&mut self) -> String {
            self.nonce += 1;
            self.challenges.make([self.nonce; NONCE], NOW)
        }

        fn redeem(&mut self, ticket: &str, now: Time) -> Option<Entitled> {
            let key = public(&self.holder);
            self.challenges.redeem(ticket, "pod", now, |uid| (uid == "ho").then_some(key))
        }
    }

    #[test]
    fn a_good_ticket_counts_once() {
        let mut gate = Gate::new();
        let challenge = gate.challenge();
        let good = ticket(&gate.holder, &challenge, audience("pod", "ho", 8), Mode::Control);
        let entitled = Entitled { handoff: "ho".to_owned(), epoch: 8, scope: Mode::Control };
        assert_eq!(gate.redeem(&good, NOW), Some(entitled));
        assert_eq!(gate.redeem(&good, NOW), None, "used");
        // Nor does another ticket with the same challenge.
        let other = ticket(&gate.holder, &challenge, audience("pod", "ho", 0), Mode::View);
        assert_eq!(gate.redeem(&other, NOW), None);
    }

    #[test]
    fn forged_foreign_old_and_garbled_tickets_are_refused() {
        let mut gate = Gate::new();
        let ours = |gate: &mut Gate, audience: &str| {
            let challenge = gate.challenge();
            ticket(&gate.holder, &challenge, audience.to_owned(), Mode::View)
        };
        for audience in
            ["pod2/ho/0", "pod/other/0", "pod/ho", "pod/ho/0/1", "pod/ho/00", "pod/ho/x"]
        {
            let foreign = ours(&mut gate, audience);
            assert_eq!(gate.redeem(&foreign, NOW), None, "{audience}");
        }
        let challenge = gate.challenge();
        let forged = ticket(&pair(2), &challenge, audience("pod", "ho", 0), Mode::View);
        assert_eq!(gate.redeem(&forged, NOW), None, "another key");
        // A failed try does not use the challenge up.
        let good = ticket(&gate.holder, &challenge, audience("pod", "ho", 0), Mode::View);
        let raised = ticket(&gate.holder, &challenge, audience("pod", "ho", 0), Mode::Control);
        let (payload, _) = raised.split_once('.').unwrap();
        let (_, signature) = good.split_once('.').unwrap();
        assert_eq!(gate.redeem(&format!("{payload}.{signature}"), NOW), None, "another scope");
        assert_eq!(gate.redeem(&good, NOW + FRESH), None, "old");
        assert!(gate.redeem(&good, NOW + Time::from_millis(59_999)).is_some());
        let stranger = Challenges::new(&[8; 32]).make([1; NONCE], NOW);
        let strange = ticket(&gate.holder, &stranger, audience("pod", "ho", 0), Mode::View);
        assert_eq!(gate.redeem(&strange, NOW), None, "another gate's challenge");
        for text in ["", ".", "a.b", &good[1..], &"x".repeat(MAX_TICKET + 1)] {
            assert_eq!(gate.redeem(text, NOW), None, "{text}");
        }
    }

    #[test]
    fn the_operator_proves_itself_for_one_challenge_of_one_gate() {
        let mut gate = Gate::new();
        let operator = pair(3);
        let key = public(&operator);
        let challenge = gate.challenge();
        let good = sign(&operator, &proof("pod", &challenge));
        let is = |gate: &mut Gate, challenge: &str, signature: &str| {
            gate.challenges.is_operator(&key, "pod", challenge, signature, NOW)
        };
        assert!(is(&mut gate, &challenge, &good));
        assert!(!is(&mut gate, &challenge, &good), "used");
        let challenge = gate.challenge();
        let foreign = sign(&operator, &proof("pod2", &challenge));
        assert!(!is(&mut gate, &challenge, &foreign));
        let challenge = gate.challenge();
        let forged = sign(&pair(4), &proof("pod", &challenge));
        assert!(!is(&mut gate, &challenge, &forged));
        assert!(!is(&mut gate, "", ""));
    }
}
