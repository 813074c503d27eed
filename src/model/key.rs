//! The API key: given, or in a mounted file that may be replaced while we run.

use std::{io, path::PathBuf};

use tokio::{fs, sync::RwLock};

use super::choice::Credentials;
use crate::secret::Secret;

/// No key can be longer.
const LONGEST: usize = 8192;

/// A key that is read again when it is refused.
#[derive(Debug)]
pub(super) struct Key {
    file: Option<PathBuf>,
    now: RwLock<Option<Secret<String>>>,
}

/// A key that no request can carry.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    /// The file is not there, or not for us.
    #[error("reading {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Empty, too long, or with signs that no header can have.
    #[error(
        "it is empty, longer than {LONGEST} bytes, or has blanks or signs other than ASCII in it"
    )]
    Form,
}

impl Key {
    /// Takes or reads the key.
    pub(super) async fn new(credentials: Credentials) -> Result<Self, BadKey> {
        let (file, now) = match credentials {
            Credentials::None => (None, None),
            Credentials::Key(key) => (None, Some(sound(key.expose())?)),
            Credentials::File(path) => {
                let key = read(&path).await?;
                (Some(path), Some(key))
            }
        };
        Ok(Self { file, now: RwLock::new(now) })
    }

    /// The key as it is now.
    pub(super) async fn now(&self) -> Option<Secret<String>> {
        self.now.read().await.clone()
    }

    /// A provider refused `refused`: whether there is another one now, which a file may have, or which
    /// somebody else has read meanwhile.
    pub(super) async fn another(&self, refused: Option<&Secret<String>>) -> bool {
        let Some(path) = &self.file else { return false };
        let mut now = self.now.write().await;
        if now.as_ref() == refused
            && let Ok(key) = read(path).await
        {
            *now = Some(key);
        }
        now.as_ref() != refused
    }
}

async fn read(path: &PathBuf) -> Result<Secret<String>, BadKey> {
    match fs::read_to_string(path).await {
        Ok(text) => sound(&text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(BadKey::Form),
        Err(source) => Err(BadKey::Read { path: path.clone(), source }),
    }
}

fn sound(text: &str) -> Result<Secret<String>, BadKey> {
    let key = text.trim();
    let fine =
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(Secret::new(key.to_owned())) } else { Err(BadKey::Form) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_in_a_file_is_another_one_once_the_file_was_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "first\n").unwrap();
        let key = Key::new(Credentials::File(path.clone())).await.unwrap();
        let first = key.now().await;
        assert_eq!(first.as_ref().map(Secret::expose), Some("first"));
        assert!(!key.another(first.as_ref()).await);
        std::fs::write(&path, "second").unwrap();
        assert!(key.another(first.as_ref()).await);
        assert_eq!(key.now().await.as_ref().map(Secret::expose), Some("second"));
        assert!(key.another(first.as_ref()).await, "somebody else has read it");
        assert!(!format!("{key:?}").contains("second"));
    }

    #[tokio::test]
    async fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
        for bad in ["", "a b", "é", "a\nb"] {
            let key = Credentials::Key(Secret::new(bad.to_owned()));
            assert!(matches!(Key::new(key).await, Err(BadKey::Form)), "{bad:?}");
        }
        let missing = Key::new(Credentials::File("/nowhere/key".into())).await;
        assert!(matches!(missing, Err(BadKey::Read { .. })));
    }
}
