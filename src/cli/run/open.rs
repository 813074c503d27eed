//! Shows a page in the person's own browser. The address is a secret until it is
//! used, so that it travels in a private file and not in the arguments of a process.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::Stdio,
};

/// Opens `address` by way of the new file `path`, which the caller removes. Whether it worked is for
/// the person to see.
pub(in crate::cli) fn open(path: &Path, address: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(redirect(address).as_bytes())?;
    tokio::process::Command::new("xdg-open")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Our addresses are made of letters, digits and a few signs; the quotes are escaped all the same.
fn redirect(address: &str) -> String {
    let address = address.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url={address}\">\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_whole_page() {
        assert_eq!(
            redirect("http://x.localhost:1/#t=a&p=/b\""),
            "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=http://x.localhost:1/#t=a&amp;p=/b&quot;\">\n"
        );
    }
}
