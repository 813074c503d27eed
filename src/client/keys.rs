//! The key pair of one handoff. The public half stands in the object; the private half never leaves
//! this process.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    pod::contract::{
        PublicKey,
        stream::{Mode, TicketPayload, ticket_text},
    },
    secret::Secret,
};

/// See the module.
pub(super) struct Keys {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Keys {
    /// A new pair; none if the machine has no randomness.
    pub(super) fn generate() -> Option<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).ok()?;
        let public = PublicKey::new(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }

    /// The half that others may know.
    pub(super) fn public(&self) -> PublicKey {
        self.public
    }

    /// A ticket for this challenge: good once, for a minute.
    pub(super) fn ticket(&self, challenge: &str, audience: String, scope: Mode) -> Secret<String> {
        let payload = TicketPayload { challenge: challenge.to_owned(), audience, scope };
        // A payload is three texts: it can always be written.
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
        let signature = self.pair.sign(ticket_text(&payload).as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Secret::new(format!("{payload}.{signature}"))
    }
}
