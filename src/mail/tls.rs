//! Whose certificates a mail server may have.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// TLS as a client: trusts the certificates of `ca` and no others, without it whom this machine
/// trusts.
///
/// # Errors
/// A sentence, if `ca` holds no certificate that can be used.
pub(super) fn client(ca: Option<&[u8]>) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}."))?;
    let Some(ca) = ca else {
        return Ok(builder
            .with_platform_verifier()
            .map_err(|error| format!("This machine's certificates cannot be read: {error}."))?
            .with_no_client_auth());
    };
    Ok(builder.with_root_certificates(roots(ca)?).with_no_client_auth())
}

/// The certificates of a PEM file.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("it is no PEM: {error:?}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate is broken: {error}"))?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(roots)
}
