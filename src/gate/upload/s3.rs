//! The bucket: every request that is made of it and what its answers say. The only file that knows
//! the client library.
//!
//! One request is one try: the library's own repeats are off, so that repeating, waiting and giving
//! up are decided in one place. Bodies are pieces in memory, so the signature covers their SHA-256
//! and every server refuses what was damaged on the way.

use aws_sdk_s3::{
    Client, Config,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation,
        ResponseChecksumValidation, SharedHttpClient, StalledStreamProtectionConfig,
        http::HttpResponse, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    super::store,
    S3,
    error::{Failure, UploadError},
    meaning::{Meaning, meaning},
    object::Object,
    reader::Sum,
};
use crate::redact::{Redactor, Registered};

/// Only whoever is first writes: the condition on every object.
const ABSENT: &str = "*";
/// Our own record of a whole object's SHA-256; a multipart object has no such sum of the server's.
const SUM: &str = "sha256";
/// Of a server in the same region a handshake takes milliseconds; a lost SYN is repeated after 1 s,
/// 2 s and 4 s.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(10);
/// Where the region does not matter the signature still names one.
const ANY_REGION: &str = "us-east-1";
/// Of what a library says of a broken connection.
const TEXT: usize = 200;

/// A bucket and the right to write into it.
pub(super) struct Bucket {
    client: Client,
    name: String,
    redactor: Redactor,
}

/// What is stored under a key.
pub(super) struct Stored {
    pub(super) bytes: u64,
    /// As we wrote it beside the object, if we did.
    pub(super) sha256: Option<String>,
}

/// An object that is being read.
pub(super) struct Content {
    body: ByteStream,
}

impl Bucket {
    /// Checks what can be checked without asking the server.
    pub(super) fn new(target: &S3) -> Result<Self, UploadError> {
        if target.access_key.expose().is_empty() || target.secret_key.expose().is_empty() {
            let keys = "its Secret needs accessKeyID and secretAccessKey";
            return Err(UploadError::Storage(keys.to_owned()));
        }
        let endpoint = endpoint(target).map_err(UploadError::Storage)?;
        let http = http_client(&endpoint, target).map_err(UploadError::Storage)?;
        let token = target.session_token.as_ref().map(|token| token.expose().to_owned());
        let (access, secret) = (target.access_key.expose(), target.secret_key.expose());
        let region = if target.region.is_empty() { ANY_REGION } else { &target.region };
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint.as_str().trim_end_matches('/'))
            .force_path_style(target.path_style)
            .credentials_provider(Credentials::new(access, secret, token, None, "handback"))
            .http_client(http)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // The signature's sum is enough, and older servers know no other.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let secrets = [Some(&target.access_key), Some(&target.secret_key)]
            .into_iter()
            .chain([target.session_token.as_ref()])
            .flatten()
            .map(|value| Registered { value: value.clone(), placeholder: None })
            .collect();
        let (client, name) = (Client::from_conf(config), target.bucket.clone());
        Ok(Self { client, name, redactor: Redactor::new(secrets) })
    }

    /// Stores a whole object, if there is none of that key.
    pub(super) async fn put(&self, object: &Object, body: Bytes) -> Result<(), Failure> {
        let sum = BASE64_STANDARD.encode(Sha256::digest(&body));
        self.client
            .put_object()
            .bucket(&self.name)
            .key(&object.key)
            .if_none_match(ABSENT)
            .content_type(&object.media_type)
            .metadata(SUM, &object.sum.sha256)
            .checksum_sha256(sum)
            .body(ByteStream::from(body))
            .send()
            .await
            .map(drop)
            .map_err(|error| self.failure("PutObject", &error))
    }

    /// Begins a multipart upload; gives its id.
    pub(super) async fn create(&self, object: &Object) -> Result<String, Failure> {
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(&object.key)
            .content_type(&object.media_type)
            .metadata(SUM, &object.sum.sha256)
            .send()
            .await
            .map_err(|error| self.failure("CreateMultipartUpload", &error))?;
        created.upload_id.ok_or_else(|| Failure {
            meaning: Meaning::Passing,
            status: None,
            code: String::new(),
            text: "CreateMultipartUpload: an answer without an id".to_owned(),
        })
    }

    /// Stores part `number` (from 1); gives its tag.
    pub(super) async fn part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        body: Bytes,
    ) -> Result<String, Failure> {
        let stored = self
            .client
            .upload_part()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .part_number(number)
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| self.failure("UploadPart", &error))?;
        Ok(stored.e_tag.unwrap_or_default())
    }

    /// Makes an object of its parts, if there is none of that key.
    pub(super) async fn complete(
        &self,
        key: &str,
        upload: &str,
        tags: &[String],
    ) -> Result<(), Failure> {
        let parts = (1..)
            .zip(tags)
            .map(|(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        self.client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .if_none_match(ABSENT)
            .multipart_upload(parts)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.failure("CompleteMultipartUpload", &error))
    }

    /// Throws the parts of an upload away.
    pub(super) async fn abort(&self, key: &str, upload: &str) -> Result<(), Failure> {
        self.client
            .abort_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.failure("AbortMultipartUpload", &error))
    }

    /// The multipart uploads of this key that are neither completed nor aborted.
    pub(super) async fn unfinished(&self, key: &str) -> Result<Vec<String>, Failure> {
        let list = self
            .client
            .list_multipart_uploads()
            .bucket(&self.name)
            .prefix(key)
            .send()
            .await
            .map_err(|error| self.failure("ListMultipartUploads", &error))?;
        let of_key = list.uploads().iter().filter(|upload| upload.key() == Some(key));
        Ok(of_key.filter_map(|upload| upload.upload_id().map(str::to_owned)).collect())
    }

    /// What is stored under a key.
    pub(super) async fn head(&self, key: &str) -> Result<Stored, Failure> {
        let head = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .map_err(|error| self.failure("HeadObject", &error))?;
        let bytes = u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0);
        let sha256 = head.metadata().and_then(|metadata| metadata.get(SUM)).cloned();
        Ok(Stored { bytes, sha256 })
    }

    /// Reads an object, and keeps no more of it than its sum.
    pub(super) async fn sum(&self, key: &str) -> Result<Sum, Failure> {
        let mut content = self.get(key).await?;
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(piece) = self.next(&mut content).await? {
            hash.update(&piece);
            bytes += piece.len() as u64;
        }
        Ok(Sum { bytes, sha256: store::hex(&hash.finalize()) })
    }

    /// An object as it comes.
    pub(super) async fn get(&self, key: &str) -> Result<Content, Failure> {
        let got = self.client.get_object().bucket(&self.name).key(key).send().await;
        let got = got.map_err(|error| self.failure("GetObject", &error))?;
        Ok(Content { body: got.body })
    }

    /// The next piece of it.
    pub(super) async fn next(&self, content: &mut Content) -> Result<Option<Bytes>, Failure> {
        let Some(piece) = content.body.next().await else { return Ok(None) };
        piece.map(Some).map_err(|error| Failure {
            meaning: Meaning::Passing,
            status: None,
            code: String::new(),
            text: self.told("GetObject", &error),
        })
    }

    fn failure<E>(&self, doing: &str, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or("");
        // What a server calls it is shown, so it may be a word and nothing else.
        let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let final_here = matches!(error, SdkError::ConstructionFailure(_));
        let meaning = if final_here { Meaning::Final } else { meaning(status, &code) };
        let text = match status {
            Some(status) if code.is_empty() => format!("{doing}: status {status}"),
            // Nothing else of a server's answer: it may repeat what we sent.
            Some(status) => format!("{doing}: {code} ({status})"),
            None => self.told(doing, error),
        };
        Failure { meaning, status, code, text }
    }

    /// What was wrong with a connection, redacted and short. The last two causes say it; those before
    /// say "dispatch failure".
    fn told(&self, doing: &str, error: &dyn std::error::Error) -> String {
        let (mut before, mut last) = (String::new(), error.to_string());
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if text != last {
                before = format!("{last}: ");
                last = text;
            }
            cause = inner.source();
        }
        let told: String =
            self.redactor.line(&format!("{before}{last}")).chars().take(TEXT).collect();
        format!("{doing}: {told}")
    }
}

/// The address, if it may be used.
fn endpoint(target: &S3) -> Result<Url, String> {
    let url = Url::parse(&target.endpoint)
        .map_err(|error| format!("its endpoint is no address: {error}"))?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        _ if !plain || !url.has_host() => {
            Err("its endpoint may have a host, a port and a path only".to_owned())
        }
        "https" => Ok(url),
        "http" if target.allow_insecure => Ok(url),
        "http" => {
            Err("its endpoint is http, which is for artifacts.s3.allowInsecure only".to_owned())
        }
        _ => Err("its endpoint must begin with https:// (or http://)".to_owned()),
    }
}

fn http_client(endpoint: &Url, target: &S3) -> Result<SharedHttpClient, String> {
    if endpoint.scheme() == "http" {
        return Ok(Builder::new().build_http());
    }
    let mut trust = TrustStore::default();
    if let Some(bundle) = &target.ca {
        // Looked at here, since the library panics at the first request over a bad one.
        check_bundle(bundle)?;
        // Whoever names an authority means this one, not every other as well.
        trust = TrustStore::empty().with_pem_certificate(bundle.clone());
    }
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let tls = tls.map_err(|error| format!("its TLS cannot be set up: {error}"))?;
    Ok(Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https())
}

fn check_bundle(bundle: &[u8]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        let certificate =
            certificate.map_err(|error| format!("its CA bundle is not PEM: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("its CA bundle has a certificate of no use: {error}"))?;
    }
    if roots.is_empty() { Err("its CA bundle has no certificate".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn target(endpoint: &str) -> S3 {
        let secret = |text: &str| Secret::new(text.to_owned());
        S3 {
            endpoint: endpoint.to_owned(),
            bucket: "runs".to_owned(),
            prefix: "a/".to_owned(),
            region: String::new(),
            path_style: true,
            allow_insecure: false,
            access_key: secret("AKIDEXAMPLE"),
            secret_key: secret("wJalrXUtnFEMI"),
            session_token: Some(secret("tokentokentoken")),
            ca: None,
        }
    }

    fn check(target: &S3, expected: &str) {
        let found = Bucket::new(target).err().map(|error| error.to_string());
        let expected =
            (!expected.is_empty()).then(|| format!("the storage cannot be used: {expected}"));
        assert_eq!(found, expected, "{}", target.endpoint);
    }

    #[test]
    fn an_endpoint_is_an_address_and_nothing_else() {
        check(&target("https://s3.example"), "");
        check(&target("https://s3.example:9000/store"), "");
        let plain = "its endpoint may have a host, a port and a path only";
        check(&target("https://me:secret@s3.example"), plain);
        check(&target("https://s3.example/?x=1"), plain);
        check(&target("ftp://s3.example"), "its endpoint must begin with https:// (or http://)");
        let none = "its endpoint is no address: relative URL without a base";
        check(&target("s3.example"), none);
    }

    #[test]
    fn keys_that_are_not_there_are_told() {
        let without = S3 { secret_key: Secret::new(String::new()), ..target("https://s3.example") };
        check(&without, "its Secret needs accessKeyID and secretAccessKey");
    }

    #[test]
    fn http_is_used_only_where_it_is_allowed() {
        let insecure = "its endpoint is http, which is for artifacts.s3.allowInsecure only";
        check(&target("http://s3.example"), insecure);
        check(&S3 { allow_insecure: true, ..target("http://s3.example") }, "");
    }

    #[test]
    fn a_ca_bundle_that_is_of_no_use_is_told_before_the_first_request() {
        let with = |ca: &str| S3 { ca: Some(ca.into()), ..target("https://s3.example") };
        check(&with(""), "its CA bundle has no certificate");
        check(&with("no certificate"), "its CA bundle has no certificate");
        let odd = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let found = Bucket::new(&with(odd)).err().unwrap().to_string();
        assert!(found.contains("its CA bundle has a certificate of no use"), "{found}");
    }

    #[test]
    fn what_a_connection_says_is_redacted_and_short() {
        let bucket = Bucket::new(&target("https://s3.example")).unwrap();
        let error = std::io::Error::other(format!("lost AKIDEXAMPLE {}", "x".repeat(900)));
        let told = bucket.told("PutObject", &error);
        assert!(told.starts_with("PutObject: lost [redacted] x"), "{told}");
        assert!(told.len() < 230, "{told}");
        let shown = format!("{:?}", target("https://s3.example"));
        assert!(!shown.contains("AKID") && !shown.contains("tokentoken"), "{shown}");
        assert!(!shown.contains("wJal"), "{shown}");
    }
}
