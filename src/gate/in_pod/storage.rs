//! Where a pod's run is stored: the bucket from the contract, its keys and its CA from files.

use std::{fs, io, path::Path, time::Duration};

use super::{
    super::{Pace, S3, Storage},
    PodError,
};
use crate::{
    pod::contract::{
        places,
        run::{ArtifactWishes, S3Target},
    },
    secret::Secret,
};

/// The storage, if the run has one. Blocks for a few small files.
pub(super) fn read(wishes: &ArtifactWishes, directory: &Path) -> Result<Option<Storage>, PodError> {
    let Some(target) = wishes.s3.clone() else { return Ok(None) };
    let S3Target { endpoint, bucket, prefix, region, allow_insecure, path_style } = target;
    let file = |name: &str| {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PodError::Read { path, source }),
        }
    };
    // People write keys into files with an editor, and editors end lines.
    let secret = |name: &str| {
        let found = file(name)?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        Ok::<_, PodError>(found.map(Secret::new))
    };
    // The uploader says so; a run is not lost for want of a key.
    let none = || Secret::new(String::new());
    let s3 = S3 {
        endpoint,
        bucket,
        prefix,
        region,
        path_style,
        allow_insecure,
        access_key: secret(places::STORAGE_ACCESS_KEY)?.unwrap_or_else(none),
        secret_key: secret(places::STORAGE_SECRET_KEY)?.unwrap_or_else(none),
        session_token: secret(places::STORAGE_SESSION_TOKEN)?,
        ca: file(places::STORAGE_CA)?,
    };
    let timeout = Duration::from_secs(wishes.upload_timeout_seconds);
    Ok(Some(Storage { s3, timeout, pace: Pace::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::contract::run::{Keep, OnUploadFailure};

    fn wishes() -> ArtifactWishes {
        ArtifactWishes {
            video: Keep::Always,
            screenshots: Keep::Always,
            s3: Some(S3Target {
                endpoint: "https://s3.example".to_owned(),
                bucket: "runs".to_owned(),
                prefix: "shop/checkout/3f1c9ae0/1/".to_owned(),
                region: "eu-1".to_owned(),
                allow_insecure: false,
                path_style: true,
            }),
            upload_timeout_seconds: 300,
            on_upload_failure: OnUploadFailure::Hold,
        }
    }

    #[test]
    fn keys_and_ca_are_read_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let without = read(&wishes(), directory.path()).unwrap().unwrap();
        assert_eq!((without.s3.access_key.expose(), without.s3.secret_key.expose()), ("", ""));
        write("accessKeyID", "AKID\n");
        write("secretAccessKey", "secret");
        let storage = read(&wishes(), directory.path()).unwrap().unwrap();
        assert_eq!(storage.timeout, Duration::from_mins(5));
        assert_eq!(storage.s3.prefix, "shop/checkout/3f1c9ae0/1/");
        assert_eq!(storage.s3.access_key.expose(), "AKID");
        assert!(storage.s3.session_token.is_none() && storage.s3.ca.is_none());
        write("sessionToken", "token");
        write("ca.crt", "pem");
        let storage = read(&wishes(), directory.path()).unwrap().unwrap();
        assert_eq!(storage.s3.session_token.unwrap().expose(), "token");
        assert_eq!(storage.s3.ca.unwrap(), b"pem");
        assert!(!storage.s3.allow_insecure);
        let mut insecure = wishes();
        insecure.s3.as_mut().unwrap().allow_insecure = true;
        assert!(read(&insecure, directory.path()).unwrap().unwrap().s3.allow_insecure);
        let none = ArtifactWishes { s3: None, ..wishes() };
        assert!(read(&none, directory.path()).unwrap().is_none());
    }
}
