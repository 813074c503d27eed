//! A certificate authority for a test, and a server's certificate from it.

use std::{net::IpAddr, path::Path};

use tokio::process::Command;

/// Makes `ca.crt` and `server.crt` with `server.key` in `dir`, the latter for this address and for
/// `localhost`; gives the authority's own.
pub async fn certificate(dir: &Path, host: IpAddr) -> Vec<u8> {
    let openssl = async |arguments: &str| {
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(dir)
            .output()
            .await
            .expect("openssl is there");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("{new} -x509 -keyout ca.key -out ca.crt -subj /CN=test-authority")).await;
    openssl(&format!(
        "{new} -x509 -CA ca.crt -CAkey ca.key -keyout server.key -out server.crt -subj /CN=localhost \
         -addext subjectAltName=IP:{host},DNS:localhost -addext basicConstraints=critical,CA:FALSE"
    ))
    .await;
    std::fs::read(dir.join("ca.crt")).unwrap()
}
