//! The operator's own key: with it the operator shows gates who it is.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::pod::contract::{PublicKey, stream::proof};

/// An Ed25519 key pair. A clone is the same pair.
#[derive(Clone)]
pub struct OperatorKey(Arc<Ed25519KeyPair>);

/// The file has no key. Nothing of its contents is told.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("reading the operator's key {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "{path} has no private key: it must be an unencrypted Ed25519 key in PKCS#8, as PEM (BEGIN PRIVATE KEY); \
         `openssl genpkey -algorithm ed25519` makes one"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

impl OperatorKey {
    /// Reads a PEM file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text =
            fs::read(path).map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
        Self::from_pem(&text).ok_or_else(|| KeyError::NoKey { path: path.to_owned() })
    }

    /// From PEM; `None` if that is no private Ed25519 key.
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
        Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok().map(Arc::new).map(Self)
    }

    /// The half that goes into every run's contract.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        // An Ed25519 public key has 32 bytes.
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey::new(bytes)
    }

    /// The answer to a gate's challenge, of use to the gate of this pod alone.
    pub(super) fn prove(&self, pod_uid: &str, challenge: &str) -> String {
        let text = proof(pod_uid, challenge);
        BASE64_URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()))
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OperatorKey({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// As `openssl genpkey -algorithm ed25519` and Helm write it; of no use to anybody.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn a_key_signs_what_its_public_half_verifies_and_is_not_printed() {
        let key = OperatorKey::from_pem(PEM.as_bytes()).unwrap();
        // The first test vector of RFC 8032.
        assert_eq!(key.public().to_string(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let signature = BASE64_URL_SAFE_NO_PAD.decode(key.prove("pod", "challenge")).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, key.public().bytes().to_vec());
        public.verify(proof("pod", "challenge").as_bytes(), &signature).unwrap();
        assert_eq!(format!("{key:?}"), "OperatorKey(11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo)");
    }

    #[test]
    fn what_is_no_key_is_refused_by_name_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tls.key");
        let missing = OperatorKey::read(&path).unwrap_err();
        assert!(matches!(missing, KeyError::Read { .. }), "{missing:?}");
        for text in
            ["", "MC4CAQAw", &PEM.replace("PRIVATE", "PUBLIC"), &PEM.replace("MC4C", "MC4D")]
        {
            fs::write(&path, text).unwrap();
            let error = OperatorKey::read(&path).unwrap_err().to_string();
            assert!(error.contains("tls.key has no private key"), "{error}");
            assert!(!error.contains("MC4"), "{error}");
        }
    }
}
